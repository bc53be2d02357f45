/* polar_lanes.h - exp, and cos and sin together, in a form that vectorises and gives the same bits on every instruction
 * set. In float they are the reductions and polynomials of Cephes (Moshier 1992, expf.c and sinf.c): error of exp below
 * 2e-7 of its value, of cos and sin below 2e-7 for |x| <= 8192 rad, growing beyond. In double they are libm's. NaN
 * gives NaN. exp below -87 is exp(-87), about 1e-38, and above 88 exp(88). */
#ifndef SG_CORE_POLAR_LANES_H
#define SG_CORE_POLAR_LANES_H

#include "core/real.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef SG_DOUBLE

SG_INLINE double sg_lane_exp_f64(double x)
{
    return exp(x);
}

SG_INLINE void sg_lane_cos_sin_f64(double x, double *c, double *s)
{
    *c = cos(x), *s = sin(x);
}

#else

/* Nearest whole number to |x| < 2^22, in the low bits of *bits too. */
SG_INLINE float sg_lane_round(float x, uint32_t *bits)
{
    const float shifted = x + 0x1.8p23f;
    memcpy(bits, &shifted, sizeof *bits);
    return shifted - 0x1.8p23f;
}

SG_INLINE float sg_lane_exp_f32(float x)
{
    const float low = x < -87 ? -87 : x, inside = low > 88 ? 88 : low;
    uint32_t bits;
    float power;
    const float n = sg_lane_round(inside * 1.44269504088896341f, &bits);
    const float r = inside - n * 0.693359375f - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return (p * r * r + r + 1) * power;
}

/* The nearest quarter turn n in three pieces of pi/2 (Cody & Waite 1980), then polynomials on [-pi/4, pi/4]. */
SG_INLINE void sg_lane_cos_sin_f32(float x, float *c, float *s)
{
    uint32_t quarter;
    const float n = sg_lane_round(x * 0.636619772367581343f, &quarter);
    const float r = x - n * 1.5703125f - n * 4.837512969970703e-4f - n * 7.549789954891882e-8f, rr = r * r;
    const float sine = r + r * rr * ((-1.9515295891e-4f * rr + 8.3321608736e-3f) * rr - 1.6666654611e-1f);
    const float cosine =
        1 - .5f * rr + rr * rr * ((2.443315711809948e-5f * rr - 1.388731625493765e-3f) * rr + 4.166664568298827e-2f);
    const float cq = quarter & 1 ? sine : cosine, sq = quarter & 1 ? cosine : sine;
    *c = (quarter + 1) & 2 ? -cq : cq;
    *s = quarter & 2 ? -sq : sq;
}

#endif

#endif
