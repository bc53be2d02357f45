/* optics.h - builders of the coherent imaging ops. Conventions of PHYSICS: spatial frequency in cycles/um, DFT order
 * (bin 0 first, wrapped), pairs (y, x) only in integer arrays; gradients of complex values are dL/dRe + i dL/dIm. */
#ifndef SG_PHYSICS_OPTICS_H
#define SG_PHYSICS_OPTICS_H

#include "core/graph.h"
#include "physics/microscope.h"

/* phi_c = factor_c (phase_rad mean_f g_f + b). pictures g (n,F,h,w) -> (n,colours,h,w); factor NULL: all 1. b: white
 * Gaussian noise filtered by a Gaussian of standard deviation correlation_px (periodic), scaled to background_rad rms
 * over the field of each sample; stream SG_RNG_BACKGROUND of (sample id, epoch). Exact gradient. */
sg_value sg_sample_phase(sg_graph *g, sg_value pictures, double phase_rad, double background_rad, double correlation_px,
                         int colours, const double *factor);

/* t = exp(-a + i phi), and t = A exp(i phi): absorption a or amplitude A (n,1 or C,h,w), phase (n,C,h,w) -> complex
 * (n,C,h,w). One channel of a or A serves all of the phase. Exact gradients to both. */
sg_value sg_transmission(sg_graph *g, sg_value absorption, sg_value phase_rad);
sg_value sg_transmission_polar(sg_graph *g, sg_value amplitude, sg_value phase_rad);

/* Absorption of the amplitude where the intensity g passes: a = -ln(max(g, 1/255))/2, any shape. Exact gradient, 0
 * where g < 1/255. */
sg_value sg_beer_lambert(sg_graph *g, sg_value intensity);

/* The thin sample of one picture g (n,1,h,w) in [0,1]: t = exp(-absorption g + i (phase_rad g + b)), b as above. */
sg_value sg_coherent_sample(sg_graph *g, sg_value picture, double phase_rad, double absorption, double background_rad,
                            double correlation_px);

/* Forward DFT over h and w, unnormalised: complex (n,c,h,w) -> complex (n,c,h,w). */
sg_value sg_dft2(sg_graph *g, sg_value x);

typedef struct sg_pupil_grid {
    int h, w;            /* bins */
    double bin_y, bin_x; /* cycles/um between bins: 1/(N d) */
    double wavelength_um, medium_index;
    sg_pupil_edge edge;
    double plane_um; /* added to defocus_um */
} sg_pupil_grid;

/* P(f) = A exp(i sum_j c_j Z_j) exp(2 pi i z (sqrt((n/lambda)^2 - |f|^2) - n/lambda)) at f = bins (+ offset),
 * z = defocus_um + plane_um, times `amplitude`, times exp(i `phase`). zernike_rad (1,1,1,J), Noll j = 1..J, J <= 36;
 * defocus_um, na (1,1,1,1); amplitude, phase (1,1,h,w) or SG_NONE; offset (1,1,K,2) cycles/um, (x, y), or SG_NONE ->
 * complex (K or 1,1,h,w) in DFT order. Noll, J. Opt. Soc. Am. 66, 207 (1976). Gradients exact to everything; to na and
 * offset with EDGE_HARD the jump of the edge has none. */
sg_value sg_pupil(sg_graph *g, sg_value zernike_rad, sg_value defocus_um, sg_value na, sg_value amplitude,
                  sg_value phase, sg_value offset, const sg_pupil_grid *grid);

/* LED weights >= 0 as levels that the array can show, formulas in led_levels.c; `dose`: the sum stays 1, else 0..1
 * (box). SG_LEVELS_CONTINUOUS: `weight` itself. Surrogate gradient: straight-through, of y = w / sum w (dose) or y = w
 * (box). */
sg_value sg_led_levels(sg_graph *g, sg_value weight, sg_levels levels, bool dose);

/* LED positions (1,1,K,2) (x, y) mm -> the part of f_k = s_k / lambda beyond its bin, (1,1,K,2) (x, y) cycles/um. bins
 * (K,2) (y, x), bin_um_inv: cycles/um of one bin, (y, x). height and slide as in led_array.h. */
sg_value sg_led_frequency(sg_graph *g, sg_value position_mm, double height_mm, double slide_mm, double slide_index,
                          double wavelength_um, int leds, const int *bins, const double bin_um_inv[2]);

/* The same for an array that stands shifted (1,1,1,2) mm, turned (degrees, +x to +y) and at height_mm, each learnable;
 * positions (1,1,K,2) and bins (1,1,K,2) (y, x) are data. Exact gradients to shift, rotation and height. */
sg_value sg_led_pose(sg_graph *g, sg_value shift_mm, sg_value rotation_deg, sg_value height_mm, sg_value position_mm,
                     sg_value bins, double slide_mm, double slide_index, double wavelength_um,
                     const double bin_um_inv[2]);

/* The images of all exposures, see led_image.c. spectrum (n,1,h,w), pupil (1 or K,1,M,M'), weight (1,1,E,K), power
 * (1,1,1,K) -> (n,E,M,M'). bins (K,2) (y, x): f_k in bins of the spectrum. support: bins that the pupil may use on each
 * side; 0: all. */
sg_value sg_led_image(sg_graph *g, sg_value spectrum, sg_value pupil, sg_value weight, sg_value power, int leds,
                      const int *bins, int support_y, int support_x);

/* What lies between two slices of a thick sample: an exact angular spectrum (evanescent frequencies dropped). */
typedef struct sg_slice_grid {
    double step_um;      /* from one slice to the next along the light */
    double bin_y, bin_x; /* cycles/um between bins: 1/(N d) */
    double wavelength_um, medium_index;
} sg_slice_grid;

/* The images of a thick sample, see slice_image.c: as sg_led_image with transmission (n,S,h,w) complex in place of the
 * spectrum, light meets slice 1 first, and one pupil (1,1,M,M'). The focal plane is the last slice (plus the pupil's
 * defocus); the LEDs' plane waves are those on bins, periodic on the grid. Gradients to every slice, pupil, weight and
 * power. Errors: shapes, |step_um| > 1e6. */
sg_value sg_slice_image(sg_graph *g, sg_value transmission, sg_value pupil, sg_value weight, sg_value power, int leds,
                        const int *bins, int support_y, int support_x, const sg_slice_grid *grid);

/* The same with the bins as data (1,1,K,2) (y, x), integers: one plan serves any LEDs (Fourier ptychography). */
sg_value sg_led_image_at(sg_graph *g, sg_value spectrum, sg_value pupil, sg_value weight, sg_value power, sg_value bins,
                         int support_y, int support_x);

/* y = sqrt(x + floor), x >= 0, floor > 0: the amplitude that belongs to an intensity. Its noise does not depend on x
 * where x is limited by shot noise, so least squares on it weighs dark and bright pixels alike (Yeh et al., Opt.
 * Express 23, 33214, 2015). Exact gradient. */
sg_value sg_amplitude(sg_graph *g, sg_value intensity, double floor);

/* Measured stack: out[n,e] = sum_k weight[e,k] power[k] stack[n,k]. (n,K,h,w) -> (n,E,h,w). */
sg_value sg_stack_image(sg_graph *g, sg_value stack, sg_value weight, sg_value power);

#endif
