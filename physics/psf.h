/* psf.h - point spread functions: kernels of incoherent imaging (PHYSICS section 4). Wrapped: the centre is at index
 * (0, 0), index j > (size - 1)/2 is the offset j - size. h >= 0, sum h = 1. */
#ifndef SG_PHYSICS_PSF_H
#define SG_PHYSICS_PSF_H

#include "core/graph.h"

/* h = exp(-(x^2 + y^2)/(2 sigma_px^2)) / sum. sigma_px (1, 1, 1, 1) >= 0 (0: a point) -> (1, 1, size_px, size_px).
 * Exact gradient to sigma. */
sg_value sg_psf_gaussian(sg_graph *g, sg_value sigma_px, int size_px);

/* Where planes of a sample lie, for as many PSFs: `count` planes, for each of `samples`. */
enum { SG_FOCUS_MAX = 256 };
typedef struct sg_focus {
    int samples;                   /* > 1 only where depth_um > 0 */
    int count;                     /* 1..SG_FOCUS_MAX */
    double plane_um[SG_FOCUS_MAX]; /* from the plane to the focal plane, along the light */
    double
        depth_um; /* sample n lies another z_n deeper, uniform in +-depth_um: stream SG_RNG_DEPTH of (sample id, epoch) */
} sg_focus;

struct sg_step;
double sg_focus_depth(const sg_focus *focus, const struct sg_step *step, int n); /* z_n */

/* P_k(f) = P(f) exp(2 pi i (plane_um[k] + z_n) D(f)), D = sqrt((m/lambda)^2 - |f|^2) - m/lambda, m = medium_index:
 * defocus as in sg_pupil. pupil (1, 1, M, M) complex, bins of bin_um_inv cycles/um -> (samples, count, M, M). Linear;
 * exact gradient to the pupil. */
sg_value sg_pupil_defocus(sg_graph *g, sg_value pupil, const sg_focus *focus, double bin_um_inv, double wavelength_um,
                          double medium_index);

/* h = |IDFT P|^2 / sum, cut to size_px <= M around its centre. pupil (n, c, M, M) complex, bin order of the DFT ->
 * (n, c, size_px, size_px), at the pitch 1/(M bin width). Exact gradient to the pupil. Born & Wolf, Principles of
 * Optics. */
sg_value sg_psf_pupil(sg_graph *g, sg_value pupil, int size_px);

typedef enum sg_psf_model {
    SG_PSF_ROUND_AIRY,
    SG_PSF_ROUND_BORN_WOLF,
    SG_PSF_ROUND_GIBSON_LANNI,
    SG_PSF_ROUND_VECTORIAL,
} sg_psf_model;

/* Layers between a particle and the objective, and those that the objective is designed for (`design`). */
typedef struct sg_psf_layers {
    double specimen_index;
    double coverslip_um, coverslip_index, coverslip_design_um, coverslip_design_index;
    double immersion_um, immersion_design_index; /* thickness by design; its index in use is sg_psf_round.index */
} sg_psf_layers;

typedef struct sg_psf_round {
    sg_psf_model model;
    double wavelength_um, pixel_um, na, index;
    double reach_um;      /* defocus up to which the integral has nodes enough */
    sg_psf_layers layers; /* Gibson-Lanni only */
} sg_psf_round;

/* PSFs of round optics, at the pixels' centres, sum 1 over the cut (psf_integral.c has equations and sources): Airy in
 * focus; Born-Wolf: scalar and paraxial; Gibson-Lanni: scalar, a particle specimen_um below the coverslip, defocus_um
 * from its paraxial focus; vectorial: Richards-Wolf, all dipole orientations alike, in one medium. defocus_um,
 * specimen_um (1, 1, 1, 1) -> (samples, count, size_px, size_px). Exact gradients to both numbers. */
sg_value sg_psf_radial(sg_graph *g, sg_value defocus_um, sg_value specimen_um, const sg_psf_round *optics,
                       const sg_focus *focus, int size_px);

#endif
