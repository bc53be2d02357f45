/* camera.h - from light to digital numbers: mean electrons, shot noise, full well, EM gain, read noise, ADC (PHYSICS
 * section 6; terms of EMVA 1288), as one op over tiles of pixels. Stages, per pixel:
 *     mean   mu = clamp(electrons I (1 + prnu) + dark_e + dark map, 0, 1e7)
 *            electrons = qe photons, dark_e = dark_e_per_s exposure_s + background_e
 *     shot   e ~ Poisson(mu), exact; or e = mu + z sqrt(mu); or e = mu
 *     well   e = min(e, full_well_e)
 *     EM     e ~ Gamma(shape e, scale em_gain), exact; e <= 0 gives 0 (physics/gamma.h)
 *     read   e = e + read_noise_e z + dsnu map; read_noise_e a number, or a map instead
 *     ADC    adu = clamp(round_half_even(e / gain_e_per_adu + offset_adu), 0, 2^bit_depth - 1)
 *            gain_e_per_adu = range_e / (2^bit_depth - 1)
 * Gradients: mean exact (0 outside 0..1e7), also to the prnu and dark maps; Poisson pathwise 1 + (e - mu)/(2 max(mu,
 * 1)); Gaussian pathwise 1 + z/(2 sqrt(max(mu, 1e-3))); well 1 below, 0 above; EM its mean, em_gain; read noise 1, z
 * to its map, 1 to the dsnu map; ADC straight-through (Bengio, Leonard & Courville 2013): 1/gain to e, -e/gain^2 to
 * gain (learned step size, Esser et al. 2020), 1 to offset_adu, 0 where clamped. NaN stays NaN in every stage.
 *
 * Any light is defined: a mean of more than 1e7 electrons counts as 1e7. More codes than the full well can fill
 * (gain_e_per_adu below 1, or range_e above full_well_e) are allowed: the ones in between resolve read noise, the
 * highest stay empty.
 *
 * Random numbers: core/rng.h, stream (SG_RNG_SHOT, SG_RNG_EM_GAIN or SG_RNG_READ, sample id, exposure = channel),
 * element and word from the pixel index i = y w + x: tile t = i / 256, j = (i / 64) % 4, lane = i % 64. Gaussian
 * numbers come from element 64 t + lane, draw 0: words 0, 1 make those of j = 0, 1 and words 2, 3 those of j = 2, 3
 * (core/normal_lanes.h). Poisson counts: physics/poisson.h; EM gain: physics/gamma.h. So a stage has the same numbers
 * whatever comes after it, at any thread count. Channels from 16 on flip the highest bits of the epoch: (channel / 16)
 * << 28. */
#ifndef SG_PHYSICS_CAMERA_H
#define SG_PHYSICS_CAMERA_H

#include "physics/microscope.h"

/* The last stage that runs. */
typedef enum sg_camera_stage {
    SG_CAMERA_MEAN,
    SG_CAMERA_SHOT,
    SG_CAMERA_WELL,
    SG_CAMERA_EM,
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
    double em_gain; /* 0: none; 1..1e4 */
} sg_camera_attr;

/* What a camera is fed with. Maps are (1, 1, h, w), the same for all images and exposures; SG_NONE where there is
 * none. */
typedef struct sg_camera_inputs {
    sg_value image;        /* (n, E, h, w) */
    sg_value range_e;      /* (1, 1, 1, 1), > 0; may be SG_NONE without ADC */
    sg_value offset_adu;   /* (1, 1, 1, 1); SG_NONE: that of the attributes */
    sg_value prnu;         /* relative deviation of a pixel's sensitivity: 0 on average */
    sg_value dark_e;       /* mean dark electrons on top of the attribute's */
    sg_value read_noise_e; /* rms; takes the place of the attribute's */
    sg_value dsnu_e;       /* added after read noise */
} sg_camera_inputs;

/* `photons` reach a camera pixel's area where I = 1. full_well_e 0: no limit. adc false or bit_depth 0: stops after
 * read noise. Checks nothing; sg_camera does. */
sg_camera_attr sg_camera_attr_make(const sg_camera_config *config, double photons, bool adc);

/* (n, E, h, w) -> (n, E, h, w): adu, or electrons if the ADC does not run. E <= SG_FRAME_MAX. SG_E_RANGE names the
 * attribute that is out of range, SG_E_SHAPE a map that does not fit. */
sg_value sg_camera_with(sg_graph *g, const sg_camera_inputs *in, const sg_camera_attr *attr);
/* Without maps, the offset from the attributes. */
sg_value sg_camera(sg_graph *g, sg_value image, sg_value range_e, const sg_camera_attr *attr);

#endif
