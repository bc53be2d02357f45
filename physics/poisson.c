/* poisson.c - see poisson.h. A tile goes through in passes over dense lists, so that every loop vectorises: everybody's
 * first attempt with the cheap test, then the full test for those it left over, then new attempts for the rejected. */
#include "physics/poisson.h"

#include <stdbool.h>

enum { TILE = SG_POISSON_TILE, INVERSION_MAX = 128, STEPS = 8, PAD = 16, ROOM = TILE + PAD };

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
    for (uint32_t t = 0; t < TILE / (2 * SG_LANES); t++) {
        uint32_t words[4][SG_LANES];
        sg_philox_lanes(rng, first / 2 + t * SG_LANES, 0, words);
        for (uint32_t j = 0; j < 2; j++) {
            const size_t at = (2 * t + j) * SG_LANES;
            memcpy(w0 + at, words[2 * j], sizeof words[0]);
            memcpy(w1 + at, words[2 * j + 1], sizeof words[0]);
        }
    }
}

/* Lists are padded to whole vectors with the first pixel of the tile. */
static int padded(int count)
{
    return (count + PAD - 1) / PAD * PAD;
}

/* Pixels with mu < SG_POISSON_SPLIT, as a dense list padded to whole vectors. */
typedef struct low_list {
    int count;
    uint32_t at[ROOM];
    double mu[ROOM], u[ROOM], p[ROOM], sum[ROOM], k[ROOM];
} low_list;

/* STEPS steps of the search: everybody whose u lies above P(count <= k - 1) goes on to k. Returns whether anybody did
 * in the last one. */
SG_INLINE bool low_steps(low_list *q, int end, int first_k)
{
    double inverse[STEPS], active = 0;
    for (int s = 0; s < STEPS; s++) inverse[s] = 1.0 / (first_k + s);
    for (int i = 0; i < end; i++) {
        double p = q->p[i], sum = q->sum[i], k = q->k[i], more = 0;
#pragma GCC unroll 8
        for (int s = 0; s < STEPS; s++) {
            /* p > 1e-20: u so close to 1 that the rounded sum never reaches it ends there */
            more = q->u[i] > sum ? (p > 1e-20 ? 1.0 : 0.0) : 0.0;
            k += more;
            p *= q->mu[i] * inverse[s];
            sum += p;
        }
        q->p[i] = p, q->sum[i] = sum, q->k[i] = k;
        q->u[i] = more > 0 ? q->u[i] : -1; /* done */
    }
    for (int i = 0; i < end; i++) active = q->u[i] > active ? q->u[i] : active;
    return active > 0;
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
    const int end = padded(q.count);
    for (int i = q.count; i < end; i++) q.at[i] = 0;
    for (int i = 0; i < end; i++) {
        const uint32_t at = q.at[i];
        q.mu[i] = i < q.count ? mu[at] : 0;
        q.u[i] = (lane_double(w0[at]) + lane_unit(w1[at])) * 0x1p-32;
        q.p[i] = lane_exp_minus(q.mu[i]);
        q.sum[i] = q.p[i];
        q.k[i] = 0;
    }
    bool active = true;
    for (int k = 1; k < INVERSION_MAX && active; k += STEPS) active = low_steps(&q, end, k);
    for (int i = 0; i < q.count; i++) count[q.at[i]] = q.k[i];
}

/* ---- transformed rejection ---- */

/* An attempt in single precision: its count, and whether it is ACCEPTED or REJECTED beyond any error of the arithmetic.
 * What is UNSURE is done again in double, so that the counts are those of double arithmetic throughout. */
enum { REJECTED, UNSURE, ACCEPTED };
typedef struct rough {
    float k;
    int verdict;
} rough;

/* What both tests need. The error of x is below tolerance, that of v and of v_quick below 1e-6. */
typedef struct rough_proposal {
    float a, b, us, v, k;
    bool firm, quick; /* k is certain; accepted without the full test */
} rough_proposal;

SG_INLINE rough_proposal rough_propose(float mu, uint32_t w0, uint32_t w1)
{
    const float b = .931f + 2.53f * sqrtf(mu), a = -.059f + .02483f * b, v_quick = .9277f - 3.6224f / (b - 2);
    const float u = (float)(int32_t)(w0 ^ 0x80000000u) * 0x1p-32f, us = .5f - (u < 0 ? -u : u);
    const float v = (float)(int32_t)(w1 ^ 0x80000000u) * 0x1p-32f + .5f;
    const float x = (2 * a / us + b) * u + mu + .43f, k = floorf(x), part = x - k;
    const float tolerance = 1e-6f * b + 2.5e-7f * mu;
    const bool firm = (part > tolerance) & (part < 1 - tolerance);
    return (rough_proposal){a, b, us, v, k, firm, (us > .07001f) & (v < v_quick - 2e-6f)};
}

/* ln x, error below 1e-7 + 1e-7 |ln x|; sg_lane_radius_f32 explains it. */
SG_INLINE float rough_log(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int32_t e = (int32_t)(bits - 0x3f3504f3u) >> 23;
    bits -= (uint32_t)e << 23;
    float m;
    memcpy(&m, &bits, sizeof m);
    return (float)e * 0.693147180559945f + sg_lane_log1p_f32(m - 1);
}

/* full_test in single precision; both sides are wrong by less than a third of `margin`. */
SG_INLINE rough rough_attempt(float mu, uint32_t w0, uint32_t w1)
{
    const rough_proposal p = rough_propose(mu, w0, w1);
    const float k = p.k < 0 ? 0 : p.k, x = k + 9, y = 1 / x, us2 = p.us * p.us;
    float product = (k + 1) * y;
#pragma GCC unroll 8
    for (int i = 2; i <= 8; i++) product *= (k + (float)i) * y;
    const float inv_alpha = 1.1239f + 1.1328f / (p.b - 3.4f);
    const float left = rough_log(p.v * inv_alpha * us2 * sqrtf(x) / ((p.a + p.b * us2) * product));
    const float right = k * rough_log(mu * y) + (x - mu) - .918938533f - y * (1.f / 12 - y * y * (1.f / 360));
    const float margin = 1e-4f + 1e-6f * (x + mu);
    const bool known = p.firm & (p.us > .0131f) & (p.v > .01f) & (p.k >= 0);
    const bool accepted = p.firm & (p.quick | (known & (left < right - margin)));
    const bool rejected = known & !p.quick & (left > right + margin);
    return (rough){p.k, accepted ? ACCEPTED : rejected ? REJECTED : UNSURE};
}

/* Pixels of a tile that have no count yet, their words and what came of the last attempt. */
typedef struct pending {
    int count;
    uint32_t at[ROOM], w0[ROOM], w1[ROOM];
    float mu[ROOM], k[ROOM];
    int verdict[ROOM];
} pending;

SG_INLINE void decide(pending *q)
{
    const int end = padded(q->count);
    for (int i = q->count; i < end; i++) q->at[i] = q->w0[i] = q->w1[i] = 0, q->mu[i] = SG_POISSON_SPLIT;
    for (int i = 0; i < end; i++) {
        const rough r = rough_attempt(q->mu[i], q->w0[i], q->w1[i]);
        q->k[i] = r.k;
        q->verdict[i] = r.verdict;
    }
}

/* The unsure ones, in double: exact.k and accepted 0 or 1. */
typedef struct exact {
    int count;
    int from[ROOM];
    double mu[ROOM], u[ROOM], v[ROOM], k[ROOM], done[ROOM];
} exact;

SG_INLINE void decide_exactly(const pending *q, const double *restrict mu, exact *x)
{
    x->count = 0;
    for (int i = 0; i < q->count; i++) {
        x->from[x->count] = i;
        x->count += q->verdict[i] == UNSURE;
    }
    const int end = padded(x->count);
    for (int j = 0; j < end; j++) {
        const int i = j < x->count ? x->from[j] : 0;
        x->mu[j] = j < x->count ? mu[q->at[i]] : SG_POISSON_SPLIT;
        x->u[j] = lane_unit(q->w0[i]), x->v[j] = lane_unit(q->w1[i]);
    }
    for (int j = 0; j < end; j++) {
        const proposal p = propose(x->mu[j], x->u[j], x->v[j]);
        x->k[j] = p.k;
        x->done[j] = full_test(x->mu[j], p);
    }
}

/* Writes everybody's number to its place and keeps those that are rejected: a later attempt overwrites theirs. No
 * branches: nobody could predict them. */
SG_INLINE void settle(pending *q, const exact *x, double *count)
{
    for (int i = 0; i < q->count; i++) count[q->at[i]] = (double)q->k[i];
    for (int j = 0; j < x->count; j++) {
        count[q->at[x->from[j]]] = x->k[j];
        q->verdict[x->from[j]] = x->done[j] > 0 ? ACCEPTED : REJECTED;
    }
    int left = 0;
    for (int i = 0; i < q->count; i++) {
        const int rejected = q->verdict[i] == REJECTED;
        q->at[left] = q->at[i], q->mu[left] = q->mu[i];
        left += rejected;
    }
    q->count = left;
}

/* Everybody's first attempt with the cheap test alone; *q = those that it leaves open. */
SG_INLINE void first_attempts(const double *restrict mu, const uint32_t *restrict w0, const uint32_t *restrict w1,
                              double *restrict count, pending *q)
{
    int open[TILE];
    float m[TILE];
    for (int i = 0; i < TILE; i++) {
        const bool high = mu[i] >= SG_POISSON_SPLIT;
        m[i] = high ? (float)mu[i] : (float)SG_POISSON_SPLIT;
        const rough_proposal p = rough_propose(m[i], w0[i], w1[i]);
        count[i] = (double)p.k;
        open[i] = high & !(p.firm & p.quick);
    }
    q->count = 0;
    for (uint32_t i = 0; i < TILE; i++) {
        q->at[q->count] = i;
        q->count += open[i];
    }
    for (int i = 0; i < q->count; i++) {
        const uint32_t at = q->at[i];
        q->mu[i] = m[at], q->w0[i] = w0[at], q->w1[i] = w1[at];
    }
}

/* Transformed rejection for all pixels with mu >= SG_POISSON_SPLIT: the first attempt, then new ones, one a draw. */
SG_INLINE void reject(const sg_rng *rng, uint32_t first, const double *restrict mu, const uint32_t *restrict w0,
                      const uint32_t *restrict w1, double *restrict count)
{
    pending q;
    exact x;
    uint32_t element[ROOM], unused[2][ROOM];
    uint32_t *const words[4] = {q.w0, q.w1, unused[0], unused[1]};
    first_attempts(mu, w0, w1, count, &q);
    for (uint32_t draw = 1; q.count > 0; draw++) {
        decide(&q);
        decide_exactly(&q, mu, &x);
        settle(&q, &x, count);
        const int end = padded(q.count);
        for (int i = 0; i < end; i++) element[i] = first + (i < q.count ? q.at[i] : 0);
        sg_philox_list(rng, element, end, draw, words);
    }
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
