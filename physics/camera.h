/* camera.h - from light to digital numbers: mean electrons, shot noise, full well, read noise, ADC (PHYSICS section 6;
 * terms of EMVA 1288), as one op over tiles of pixels. Stages, per pixel:
 *     mean   mu = clamp(electrons I + dark_e, 0, 1e7)
 *            electrons = qe photons, dark_e = dark_e_per_s exposure_s + background_e
 *     shot   e ~ Poisson(mu), exact; or e = mu + z sqrt(mu); or e = mu
 *     well   e = min(e, full_well_e)
 *     read   e = e + read_noise_e z
 *     ADC    adu = clamp(round_half_even(e / gain_e_per_adu + offset_adu), 0, 2^bit_depth - 1)
 *            gain_e_per_adu = range_e / (2^bit_depth - 1)
 * Gradients: mean exact (0 outside 0..1e7); Poisson pathwise 1 + (e - mu)/(2 max(mu, 1)); Gaussian pathwise
 * 1 + z/(2 sqrt(max(mu, 1e-3))); well 1 below, 0 above; ADC straight-through (Bengio, Leonard & Courville 2013): 1/gain
 * to e, -e/gain^2 to gain (learned step size, Esser et al. 2020), 0 where clamped. NaN stays NaN in every stage.
 *
 * Random numbers: core/rng.h, stream (SG_RNG_SHOT or SG_RNG_READ, sample id, exposure = channel), element and word from
 * the pixel index i = y w + x: tile t = i / 256, j = (i / 64) % 4, lane = i % 64. Gaussian numbers come from element
 * 64 t + lane, draw 0: words 0, 1 make those of j = 0, 1 and words 2, 3 those of j = 2, 3 (core/normal_lanes.h).
 * Poisson counts: physics/poisson.h. So a stage has the same numbers whatever comes after it, at any thread count. */
#ifndef SG_PHYSICS_CAMERA_H
#define SG_PHYSICS_CAMERA_H

#include "physics/microscope.h"

/* The last stage that runs. */
typedef enum sg_camera_stage {
    SG_CAMERA_MEAN,
    SG_CAMERA_SHOT,
    SG_CAMERA_WELL,
    SG_CAMERA_READ,
    SG_CAMERA_ADC,
} sg_camera_stage;

typedef struct sg_camera_attr {
    double electrons; /* mean electrons for I = 1: qe photons */
    double dark_e;    /* light-independent mean electrons */
    double full_well_e, read_noise_e, offset_adu;
    sg_shot shot;
    int bit_depth;
    sg_camera_stage stop_after;
} sg_camera_attr;

/* `photons` reach a camera pixel's area where I = 1. full_well_e 0: no limit. adc false or bit_depth 0: stops after
 * read noise. Checks nothing; sg_camera does. */
sg_camera_attr sg_camera_attr_make(const sg_camera_config *config, double photons, bool adc);

/* image (n, E, h, w) -> (n, E, h, w): adu, or electrons if the ADC does not run. range_e (1, 1, 1, 1), > 0; may be
 * SG_NONE without ADC. E <= 16. SG_E_RANGE names the attribute that is out of range. */
sg_value sg_camera(sg_graph *g, sg_value image, sg_value range_e, const sg_camera_attr *attr);

#endif
