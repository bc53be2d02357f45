/* logistic_lanes.h - what losses of logits need, in a form that vectorises and gives the same bits on every instruction
 * set (inside nn/ only). In float: error below 4e-7 of the value; in double libm's. NaN gives NaN. */
#ifndef SG_NN_LOGISTIC_LANES_H
#define SG_NN_LOGISTIC_LANES_H

#include "core/normal_lanes.h"
#include "core/polar_lanes.h"

/* Sums of a block are kept in so many parts, number i in part i % PARTS, added in order at its end. */
enum { SG_LOSS_PARTS = 16 };

/* exp(-|z|) */
SG_INLINE real R(sg_lane_tail)(real z)
{
    return R(sg_lane_exp)(z > 0 ? -z : z);
}

/* 1 / (1 + exp(-z)), tail = exp(-|z|) */
SG_INLINE real R(sg_lane_sigmoid)(real z, real tail)
{
    return (z >= 0 ? 1 : tail) / (1 + tail);
}

/* log(1 + tail) for 0 <= tail <= 1 */
SG_INLINE real R(sg_lane_log1p_tail)(real tail)
{
#ifdef SG_DOUBLE
    return log1p(tail);
#else
    const float half = (tail - 1) * .5f; /* 1 + tail = 2 (1 + half) */
    return tail > .41421356f ? sg_lane_log1p_f32(half) + .69314718f : sg_lane_log1p_f32(tail);
#endif
}

#endif
