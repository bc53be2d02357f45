/* poisson.h - photon counts, exact at every mean: inversion of the distribution below SG_POISSON_SPLIT, transformed
 * rejection with squeeze (PTRS; Hormann, Insurance: Mathematics and Economics 12, 39, 1993) from there on. Double
 * throughout, so float and double cameras draw the same counts. */
#ifndef SG_PHYSICS_POISSON_H
#define SG_PHYSICS_POISSON_H

#include "core/normal_lanes.h"
#include "core/rng.h"

#define SG_POISSON_SPLIT 10.0

/* Large tiles: what a vector loop leaves over for the next pass fills vectors again. */
enum { SG_POISSON_TILE = 4 * SG_NORMAL_TILE };

/* count[i] ~ Poisson(mu[i]) for one tile of SG_POISSON_TILE pixels, the first of which is pixel `first` of its plane (a
 * multiple of SG_NORMAL_TILE). 0 <= mu <= 1e7; NaN gives NaN. count and mu may be the same array. The words of pixel
 * first + 128 t + 64 j + lane (j = 0, 1) are 2 j, 2 j + 1 of element first / 2 + 64 t + lane, draw 0; further attempts
 * take words 0, 1 of (element = pixel, draw = 1, 2, ...). */
void sg_poisson_tile(const sg_rng *rng, uint32_t first, const double *mu, double *count);

#endif
