/* binomial.h - how many of n trials succeed, exact at every n and p: inversion of the distribution where the rarer
 * outcome is expected fewer than 10 times, transformed rejection (BTRS; Hormann, "The generation of binomial random
 * variates", Journal of Statistical Computation and Simulation 46, 101, 1993) from there on. */
#ifndef SG_PHYSICS_BINOMIAL_H
#define SG_PHYSICS_BINOMIAL_H

#include "core/rng.h"

/* A number ~ Binomial(n, p), n in 0..2^20, 0 <= p <= 1, q = 1 - p. Both are given because 1 - p has lost the digits of
 * a small q. NaN gives NaN. Attempt k takes words 0 and 1 of (element, draw k). */
double sg_binomial(const sg_rng *rng, uint32_t element, int n, double p, double q);

#endif
