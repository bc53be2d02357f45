/* poisson.c - see poisson.h. A tile goes through in passes over dense lists, so that every loop vectorises: everybody's
 * first attempt with the cheap test, then the full test for those it left over, then new attempts for the rejected. */
#include "physics/poisson.h"

#include <stdbool.h>

enum { TILE = SG_NORMAL_TILE, INVERSION_MAX = 128, GROUP = 32 };

/* ln x for normal positive x: x = m 2^e, m in [sqrt .5, sqrt 2), s = (m - 1)/(m + 1), ln m = 2 s + 2 s^3/3 + ... */
SG_INLINE double lane_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint64_t shifted = bits - 0x3fe6a09e667f3bcdu + 0x3ff0000000000000u;
    const uint64_t magic = (shifted >> 52) | 0x4330000000000000u; /* 2^52 + e + 1023 */
    bits -= (shifted & 0xfff0000000000000u) - 0x3ff0000000000000u;
    double e, m;
    memcpy(&e, &magic, sizeof e);
    memcpy(&m, &bits, sizeof m);
    e -= 0x1p52 + 1023;
    const double s = (m - 1) / (m + 1), ss = s * s;
    double p = 2.0 / 21;
    p = p * ss + 2.0 / 19;
    p = p * ss + 2.0 / 17;
    p = p * ss + 2.0 / 15;
    p = p * ss + 2.0 / 13;
    p = p * ss + 2.0 / 11;
    p = p * ss + 2.0 / 9;
    p = p * ss + 2.0 / 7;
    p = p * ss + 2.0 / 5;
    p = p * ss + 2.0 / 3;
    return e * 0.693147180559945309417 + (2 * s + s * ss * p);
}

/* exp(-x) for 0 <= x <= 16: 2^-n exp(r), |r| <= ln(2)/2. */
SG_INLINE double lane_exp_minus(double x)
{
    const double magic = x * 1.44269504088896340736 + 0x1.8p52, n = magic - 0x1.8p52;
    const double r = n * 0.693147180559945309417 - x;
    double p = 1.0 / 6227020800.0;
    static const double inverse_factorial[13] = {
        1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
        1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2,      1.0,         1.0};
#pragma GCC unroll 13
    for (int i = 0; i < 13; i++) p = p * r + inverse_factorial[i];
    uint64_t bits;
    memcpy(&bits, &magic, sizeof bits);
    bits = (1023 - (bits & 0xff)) << 52; /* the low bits of `magic` are n */
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* A word as a double; goes through int32, which every instruction set converts. */
SG_INLINE double lane_double(uint32_t word)
{
    return (double)(int32_t)(word ^ 0x80000000u) + 0x1p31;
}
SG_INLINE double lane_unit(uint32_t word)
{
    return (lane_double(word) + .5) * 0x1p-32;
}

/* One PTRS proposal. */
typedef struct proposal {
    double k, us, v;
    double quick; /* 1: accepted without the full test */
} proposal;

SG_INLINE proposal propose(double mu, double u_unit, double v)
{
    const double b = .931 + 2.53 * sqrt(mu), a = -.059 + .02483 * b, v_quick = .9277 - 3.6224 / (b - 2);
    const double u = u_unit - .5, us = .5 - (u < 0 ? -u : u);
    const double k = floor((2 * a / us + b) * u + mu + .43);
    return (proposal){k, us, v, us >= .07 ? (v <= v_quick ? 1.0 : 0.0) : 0.0};
}

/* 1 if the proposal is accepted: ln(v / alpha / (a/us^2 + b)) <= k ln mu - mu - ln k!. With x = k + 9, Stirling's
 * series for ln Gamma(x) and Gamma(x) = k! (k + 1)...(k + 8), rearranged so that two logarithms do and nothing large
 * cancels:
 *     ln[v / alpha / (a/us^2 + b) x^8.5 / ((k + 1)...(k + 8))]
 *         <= k ln(mu/x) + x - mu - ln sqrt(2 pi) - series(1/x) */
SG_INLINE double full_test(double mu, proposal p)
{
    const double b = .931 + 2.53 * sqrt(mu), a = -.059 + .02483 * b, inv_alpha = 1.1239 + 1.1328 / (b - 3.4);
    const double k = p.k < 0 ? 0 : p.k, x = k + 9, y = 1 / x, yy = y * y, x2 = x * x, x4 = x2 * x2;
    const double series = y * (1.0 / 12 - yy * (1.0 / 360 - yy * (1.0 / 1260 - yy * (1.0 / 1680 - yy * (1.0 / 1188)))));
    const double product = (k + 1) * (k + 2) * (k + 3) * (k + 4) * ((k + 5) * (k + 6) * (k + 7) * (k + 8));
    const double us2 = p.us * p.us;
    const double left = lane_log(p.v * inv_alpha * us2 * (x4 * x4 * sqrt(x)) / ((a + b * us2) * product));
    const double right = k * lane_log(mu * y) + (x - mu) - 0.918938533204672741780 - series;
    const double accepted = left <= right ? 1.0 : 0.0;
    const double outside = p.us < .013 ? (p.v > p.us ? 1.0 : 0.0) : 0.0;
    const double possible = p.k < 0 ? 0.0 : 1.0 - outside;
    return p.quick > accepted * possible ? p.quick : accepted * possible;
}

/* The two numbers in (0,1) of every pixel of the tile, as words. */
SG_INLINE void tile_words(const sg_rng *rng, uint32_t first, uint32_t *restrict w0, uint32_t *restrict w1)
{
    for (uint32_t t = 0; t < 2; t++) {
        uint32_t words[4][SG_LANES];
        sg_philox_lanes(rng, first / 2 + t * SG_LANES, 0, words);
        for (uint32_t j = 0; j < 2; j++) {
            const size_t at = (2 * t + j) * SG_LANES;
            memcpy(w0 + at, words[2 * j], sizeof words[0]);
            memcpy(w1 + at, words[2 * j + 1], sizeof words[0]);
        }
    }
}

/* Pixels with mu < SG_POISSON_SPLIT, as a dense list padded to whole groups of GROUP. */
typedef struct low_list {
    int count;
    uint32_t at[TILE + 1];
    double mu[TILE], u[TILE], p[TILE], sum[TILE], k[TILE];
} low_list;

/* One step of the search: everybody whose u lies above P(count <= k - 1) goes on to k. Returns whether anybody did. */
SG_INLINE bool low_step(low_list *q, int padded, double inverse_k)
{
    double most[GROUP] = {0};
    for (int at = 0; at < padded; at += GROUP) {
        for (int i = 0; i < GROUP; i++) {
            /* p > 1e-20: u so close to 1 that the rounded sum never reaches it ends there */
            const double more = q->u[at + i] > q->sum[at + i] ? (q->p[at + i] > 1e-20 ? 1.0 : 0.0) : 0.0;
            q->k[at + i] += more;
            q->p[at + i] *= q->mu[at + i] * inverse_k;
            q->sum[at + i] += q->p[at + i];
            most[i] = more > most[i] ? more : most[i];
        }
    }
    double any = 0;
    for (int i = 0; i < GROUP; i++) any += most[i];
    return any > 0;
}

/* Smallest k with u < P(count <= k); u has 64 random bits. */
SG_INLINE void invert(const double *restrict mu, const uint32_t *restrict w0, const uint32_t *restrict w1,
                      double *restrict count)
{
    low_list q;
    q.count = 0;
    for (uint32_t i = 0; i < TILE; i++) {
        q.at[q.count] = i;
        q.count += mu[i] < SG_POISSON_SPLIT;
    }
    const int padded = (q.count + GROUP - 1) / GROUP * GROUP;
    for (int i = q.count; i < padded; i++) q.at[i] = 0;
    for (int i = 0; i < padded; i++) {
        const uint32_t at = q.at[i];
        q.mu[i] = i < q.count ? mu[at] : 0;
        q.u[i] = (lane_double(w0[at]) + lane_unit(w1[at])) * 0x1p-32;
        q.p[i] = lane_exp_minus(q.mu[i]);
        q.sum[i] = q.p[i];
        q.k[i] = 0;
    }
    bool active = true;
    for (int k = 1; k < INVERSION_MAX && active; k++) active = low_step(&q, padded, 1.0 / k);
    for (int i = 0; i < q.count; i++) count[q.at[i]] = q.k[i];
}

/* Pixels of a tile that have no count yet; lists are padded to whole groups of GROUP with pixel 0 of the tile. */
typedef struct pending {
    int count, padded;
    uint32_t at[TILE + 1];
    double mu[TILE], k[TILE], us[TILE], v[TILE], done[TILE];
} pending;

SG_INLINE void pending_pad(pending *q)
{
    q->padded = (q->count + GROUP - 1) / GROUP * GROUP;
    for (int i = q->count; i < q->padded; i++) q->at[i] = 0, q->mu[i] = SG_POISSON_SPLIT;
}

/* Writes everybody's number to its place, keeps those that are not accepted in order: a later attempt overwrites theirs.
 * No branches: nobody could predict them. */
SG_INLINE void pending_compact(pending *q, double *count)
{
    int left = 0;
    for (int i = 0; i < q->count; i++) {
        const uint32_t at = q->at[i];
        const double mu = q->mu[i];
        count[at] = q->k[i];
        q->at[left] = at, q->mu[left] = mu;
        left += !(q->done[i] > 0);
    }
    q->count = left;
    pending_pad(q);
}

/* New attempts, one a draw, until nobody is left. */
SG_INLINE void pending_finish(pending *q, const sg_rng *rng, uint32_t first, double *count)
{
    uint32_t element[TILE], w[4][TILE];
    uint32_t *const words[4] = {w[0], w[1], w[2], w[3]};
    for (uint32_t draw = 1; q->count > 0; draw++) {
        for (int i = 0; i < q->padded; i++) element[i] = first + q->at[i];
        sg_philox_list(rng, element, q->padded, draw, words);
        for (int at = 0; at < q->padded; at += GROUP) {
            for (int i = at; i < at + GROUP; i++) {
                const proposal p = propose(q->mu[i], lane_unit(w[0][i]), lane_unit(w[1][i]));
                q->k[i] = p.k;
                q->done[i] = full_test(q->mu[i], p);
            }
        }
        pending_compact(q, count);
    }
}

/* The full test for first attempts that the cheap test left open. */
SG_INLINE void pending_test(pending *q)
{
    for (int at = 0; at < q->padded; at += GROUP)
        for (int i = at; i < at + GROUP; i++)
            q->done[i] = full_test(q->mu[i], (proposal){q->k[i], q->us[i], q->v[i], 0.0});
}

/* Transformed rejection for all pixels with mu >= SG_POISSON_SPLIT. */
SG_INLINE void reject(const sg_rng *rng, uint32_t first, const double *restrict mu, const uint32_t *restrict w0,
                      const uint32_t *restrict w1, double *restrict count)
{
    pending q;
    double us[TILE], v[TILE], open[TILE];
    for (int i = 0; i < TILE; i++) {
        const double m = mu[i] >= SG_POISSON_SPLIT ? mu[i] : SG_POISSON_SPLIT;
        const proposal p = propose(m, lane_unit(w0[i]), lane_unit(w1[i]));
        us[i] = p.us, v[i] = p.v, count[i] = p.k;
        open[i] = mu[i] >= SG_POISSON_SPLIT ? 1.0 - p.quick : 0.0;
    }
    q.count = 0;
    for (uint32_t i = 0; i < TILE; i++) {
        q.at[q.count] = i;
        q.count += open[i] > 0;
    }
    pending_pad(&q);
    for (int i = 0; i < q.padded; i++) {
        const uint32_t at = q.at[i];
        q.mu[i] = i < q.count ? mu[at] : SG_POISSON_SPLIT;
        q.k[i] = count[at], q.us[i] = us[at], q.v[i] = v[at];
    }
    pending_test(&q);
    pending_compact(&q, count);
    pending_finish(&q, rng, first, count);
}

SG_SIMD void sg_poisson_tile(const sg_rng *rng, uint32_t first, const double *mu_in, double *out)
{
    uint32_t w0[TILE], w1[TILE];
    double mu[TILE], count[TILE];
    memcpy(mu, mu_in, sizeof mu);
    tile_words(rng, first, w0, w1);
    int low = 0, high = 0;
    for (int i = 0; i < TILE; i++) low += mu[i] < SG_POISSON_SPLIT, high += mu[i] >= SG_POISSON_SPLIT;
    if (high) reject(rng, first, mu, w0, w1, count);
    if (low) invert(mu, w0, w1, count);
    for (int i = 0; i < TILE; i++) out[i] = mu[i] <= 1e300 ? count[i] : mu[i];
}
