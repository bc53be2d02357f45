/* psf_integral.h - point spread functions of round optics as integrals over the pupil's radius:
 *     U_m(r) = sum_i amplitude_m,i J_m(k q_i r) exp(i phase_i),  I(r) = sum_m share_m |U_m|^2
 * with Gauss-Legendre nodes i, at the radii that a square grid of pixels has. Not public: psf_radial.c is the op. */
#ifndef SG_PHYSICS_PSF_INTEGRAL_H
#define SG_PHYSICS_PSF_INTEGRAL_H

#include "physics/psf.h"

enum { SG_PSF_ORDERS = 3 };

typedef struct sg_psf_integral {
    int orders, nodes, radii; /* radii: offsets 0 <= a <= b <= size/2, index b (b + 1)/2 + a */
    double share[SG_PSF_ORDERS];
    double *bessel; /* (orders, nodes, radii): amplitude times J */
    /* (nodes) phase = constant + defocus_um per_defocus + specimen_um per_specimen */
    double *constant, *per_defocus, *per_specimen;
} sg_psf_integral;

sg_status sg_psf_integral_make(sg_psf_integral *out, const sg_psf_round *optics, int size_px);
/* Ray optics: how far from the axis the farthest ray of the pupil arrives, largest |dOPD/dq|. */
double sg_psf_rays_um(const sg_psf_round *optics, double defocus_um, double specimen_um);
void sg_psf_integral_free(sg_psf_integral *integral);

#endif
