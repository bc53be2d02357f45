/* psf.h - point spread functions: kernels of incoherent imaging (PHYSICS section 4). Wrapped: the centre is at index
 * (0, 0), index j > (size - 1)/2 is the offset j - size. h >= 0, sum h = 1. */
#ifndef SG_PHYSICS_PSF_H
#define SG_PHYSICS_PSF_H

#include "core/graph.h"

/* h = exp(-(x^2 + y^2)/(2 sigma_px^2)) / sum. sigma_px (1, 1, 1, 1) >= 0 (0: a point) -> (1, 1, size_px, size_px).
 * Exact gradient to sigma. */
sg_value sg_psf_gaussian(sg_graph *g, sg_value sigma_px, int size_px);

/* h = |IDFT P|^2 / sum, cut to size_px <= M around its centre. pupil (1, 1, M, M) complex, bin order of the DFT ->
 * (1, 1, size_px, size_px), at the pitch 1/(M bin width). Exact gradient to the pupil. Born & Wolf, Principles of
 * Optics. */
sg_value sg_psf_pupil(sg_graph *g, sg_value pupil, int size_px);

#endif
