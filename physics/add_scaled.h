/* add_scaled.h - inside physics/: sum += k x, the inner loop of sums over pictures, masks and taps. Included by kernel
 * files. */
#ifndef SG_PHYSICS_ADD_SCALED_H
#define SG_PHYSICS_ADD_SCALED_H

#include "core/op.h"

SG_SIMD static void R(add_scaled)(real *restrict sum, const real *restrict x, real k, size_t len)
{
    for (size_t i = 0; i < len; i++) sum[i] += k * x[i];
}

#endif
