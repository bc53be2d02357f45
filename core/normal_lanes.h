/* normal_lanes.h - standard normal numbers from random words, many at once (Box & Muller 1958): a pair from two words.
 *     r = sqrt(-2 ln u0), z = (r cos 2 pi u1, r sin 2 pi u1), u0 = (top 31 bits + .5) 2^-31, so |z| <= 6.66
 * In float, ln, cos and sin are polynomials (fitted at Chebyshev nodes) that vectorise and give the same bits on every
 * instruction set: error of r, cos and sin below 1e-6, but up to 2e-4 where r < .1, because u0 near 1 has no more
 * digits. In double they are libm's. */
#ifndef SG_CORE_NORMAL_LANES_H
#define SG_CORE_NORMAL_LANES_H

#include "core/philox_lanes.h"
#include "core/real.h"

#include <string.h>
#include <tgmath.h>

/* Normal numbers from one tile of words. */
enum { SG_NORMAL_TILE = 4 * SG_LANES };

#ifdef SG_DOUBLE

SG_INLINE double sg_lane_radius_f64(uint32_t word)
{
    return sqrt(-2 * log(((double)(word >> 1) + .5) * 0x1p-31));
}

/* cos and sin of 2 pi word / 2^32 */
SG_INLINE void sg_lane_turn_f64(uint32_t word, double *c, double *s)
{
    const double x = (double)(int32_t)word * (0x1p-32 * 6.283185307179586476925);
    *c = cos(x), *s = sin(x);
}

#else

/* ln(1 + f) = f - f^2/2 + f^3 P(f) for 1 + f in [sqrt .5, sqrt 2) */
SG_INLINE float sg_lane_log1p_f32(float f)
{
    float p = 0.06971611827611923f;
    p = p * f - 0.11479733884334564f;
    p = p * f + 0.11685419827699661f;
    p = p * f - 0.12425687164068222f;
    p = p * f + 0.14249058067798615f;
    p = p * f - 0.1666780263185501f;
    p = p * f + 0.20000715553760529f;
    p = p * f - 0.2499999701976776f;
    p = p * f + 0.3333333134651184f;
    const float ff = f * f;
    return f + (p * f - .5f) * ff;
}

/* sqrt(-2 ln u): u = m 2^e with m in [sqrt .5, sqrt 2) */
SG_INLINE float sg_lane_radius_f32(uint32_t word)
{
    const float u = (float)(int32_t)(word >> 1) * 0x1p-31f + 0x1p-32f;
    uint32_t bits;
    memcpy(&bits, &u, sizeof bits);
    const int32_t e = (int32_t)(bits - 0x3f3504f3u) >> 23;
    bits -= (uint32_t)e << 23;
    float m;
    memcpy(&m, &bits, sizeof m);
    const float ln = (float)e * 0.693147180559945f + sg_lane_log1p_f32(m - 1);
    const float square = -2 * ln;
    return sqrtf(square > 0 ? square : 0); /* u = 1 after rounding may leave -0 */
}

/* cos and sin of 2 pi word / 2^32: nearest quarter turn, then polynomials on [-pi/4, pi/4] */
SG_INLINE void sg_lane_turn_f32(uint32_t word, float *c, float *s)
{
    const uint32_t quarter = (word + 0x20000000u) >> 30;
    const float x = (float)(int32_t)(word - (quarter << 30)) * (float)(0x1p-32 * 6.283185307179586476925);
    const float xx = x * x;
    const float sine = x + x * xx * ((-0.00019587890710681677f * xx + 0.008332747966051102f) * xx - 0.166666641831398f);
    const float cosine =
        (1 - .5f * xx) + xx * xx * ((2.454794230288826e-05f * xx - 0.001388830249197781f) * xx + 0.0416666641831398f);
    const float cq = quarter & 1 ? sine : cosine, sq = quarter & 1 ? cosine : sine;
    *c = (quarter + 1) & 2 ? -cq : cq;
    *s = quarter & 2 ? -sq : sq;
}

#endif

/* z (SG_NORMAL_TILE): words 0, 1 give z[0 .. 127], words 2, 3 give z[128 .. 255]. */
SG_INLINE void R(sg_normal_lanes)(uint32_t words[4][SG_LANES], real *restrict z)
{
    for (int pair = 0; pair < 2; pair++) {
        const uint32_t *restrict w0 = words[2 * pair], *restrict w1 = words[2 * pair + 1];
        real *restrict z0 = z + 2 * pair * SG_LANES, *restrict z1 = z0 + SG_LANES;
        for (int lane = 0; lane < SG_LANES; lane++) {
            const real r = R(sg_lane_radius)(w0[lane]);
            real c, s;
            R(sg_lane_turn)(w1[lane], &c, &s);
            z0[lane] = r * c;
            z1[lane] = r * s;
        }
    }
}

#endif
