/* bf16.h - bfloat16 numbers: the upper half of a float. A storage type: kernels load tiles as float, compute, and store.
 * Storing rounds to the nearest, ties to even; NaN stays NaN, too large becomes infinite. */
#ifndef SG_CORE_BF16_H
#define SG_CORE_BF16_H

#include "core/real.h"
#include "core/tensor.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t sg_bf16;

static inline float sg_bf16_to_float(sg_bf16 v)
{
    const uint32_t bits = (uint32_t)v << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline sg_bf16 sg_bf16_from_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
    return (sg_bf16)(x != x ? quiet : rounded);
}

/* Bytes of a number; `real_size` is the plan's float or double. */
static inline size_t sg_type_size(sg_type type, size_t real_size)
{
    return type == SG_BF16 ? sizeof(sg_bf16) : real_size;
}

/* Loops to melt into SG_SIMD functions: they vectorise. */
SG_INLINE void sg_bf16_load(float *restrict to, const sg_bf16 *restrict from, size_t len)
{
    for (size_t i = 0; i < len; i++) to[i] = sg_bf16_to_float(from[i]);
}

SG_INLINE void sg_bf16_store(sg_bf16 *restrict to, const float *restrict from, size_t len)
{
    for (size_t i = 0; i < len; i++) to[i] = sg_bf16_from_float(from[i]);
}

#endif
