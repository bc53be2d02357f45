/* gamma.h - Gamma-distributed numbers, exact at every shape: Marsaglia & Tsang, "A simple method for generating gamma
 * variables", ACM Trans. Math. Softw. 26, 363 (2000). What an electron-multiplying register makes of a whole number of
 * electrons (Hirsch, Wareham, Martin-Fernandez, Hobson & Rolfe, PLoS ONE 8, e53671, 2013, equation 3). */
#ifndef SG_PHYSICS_GAMMA_H
#define SG_PHYSICS_GAMMA_H

#include "core/normal_lanes.h"
#include "core/rng.h"

/* out[i] ~ Gamma(shape[i], scale) for one tile of SG_NORMAL_TILE pixels, the first of which is pixel `first` of its
 * plane (a multiple of SG_NORMAL_TILE). shape <= 0 gives 0, NaN gives NaN. out and shape may be the same array. First
 * attempts take the normal numbers of elements first/4 .. (core/normal_lanes.h) at draw 0 and the words of the same
 * elements at draw 1 (word j: pixels first + 64 j ..); later ones the words of (element = pixel, draw = 2, 3, ...). */
void sg_gamma_tile(const sg_rng *rng, uint32_t first, const double *shape, double scale, double *out);

#endif
