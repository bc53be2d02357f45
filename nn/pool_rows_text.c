/* pool_rows_text.c - the pooling of nn/pool_rows.h, compiled for each instruction set: two vectors of a row are shuffled
 * into their even and their odd columns, four such vectors are the squares of as many outputs. The rest of a row goes
 * through the same code in vectors of its own. */
#include "nn/pool_rows.h"

#include "nn/simd_text.h"

#include <string.h>

#ifdef __AVX512F__
enum { LANES = 16 };
#define EVEN  0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define LOWER 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#else
enum { LANES = 8 };
#define EVEN  0, 2, 4, 6, 8, 10, 12, 14
#define LOWER 0, 8, 1, 9, 2, 10, 3, 11
#endif

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));
typedef int32_t ints __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef uint8_t bytes __attribute__((vector_size(LANES), aligned(1)));

SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pool_rows)(float *y, uint8_t *which, const float *x, size_t x_row, size_t h,
                                             size_t w);
SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pool_rows_grad)(float *dx, const float *x, size_t x_row, const float *dy,
                                                  const uint8_t *which, size_t h, size_t w, bool add,
                                                  const float *slope);

#define INLINE static inline __attribute__((always_inline))

INLINE vec load(const float *x)
{
    return *(const vec *)(const void *)x;
}

INLINE vec choose(ints take, vec a, vec b)
{
    return (vec)((take & (ints)a) | (~take & (ints)b));
}

/* Number k of the squares against the best before. */
INLINE void challenge(vec *best, ints *at, vec x, int32_t k)
{
    const ints take = (x > *best) | (x != x);
    *best = choose(take, x, *best);
    *at = (take & k) | (~take & *at);
}

/* LANES outputs from 2 LANES numbers of two rows. */
INLINE void squares(float *y, uint8_t *which, const float *upper, const float *lower)
{
    const ints even = {EVEN}, odd = even + 1;
    vec best = __builtin_shuffle(load(upper), load(upper + LANES), even);
    ints at = {0};
    challenge(&best, &at, __builtin_shuffle(load(upper), load(upper + LANES), odd), 1);
    challenge(&best, &at, __builtin_shuffle(load(lower), load(lower + LANES), even), 2);
    challenge(&best, &at, __builtin_shuffle(load(lower), load(lower + LANES), odd), 3);
    *(vec *)(void *)y = best;
    *(bytes *)(void *)which = __builtin_convertvector(at, bytes);
}

static void squares_rest(float *y, uint8_t *which, const float *upper, const float *lower, size_t len)
{
    float rows[2][2 * LANES] = {{0}}, out[LANES];
    uint8_t winner[LANES];
    memcpy(rows[0], upper, 2 * len * sizeof(float));
    memcpy(rows[1], lower, 2 * len * sizeof(float));
    squares(out, winner, rows[0], rows[1]);
    memcpy(y, out, len * sizeof(float));
    memcpy(which, winner, len);
}

void SG_IN_TEXT(sg_pool_rows)(float *y, uint8_t *which, const float *x, size_t x_row, size_t h, size_t w)
{
    for (size_t r = 0; r < h; r++, y += w, which += w, x += 2 * x_row) {
        size_t i = 0;
        for (; i + LANES <= w; i += LANES) squares(y + i, which + i, x + 2 * i, x + x_row + 2 * i);
        if (i < w) squares_rest(y + i, which + i, x + 2 * i, x + x_row + 2 * i, w - i);
    }
}

/* ---- backward ---- */

/* LANES numbers of dx: `share` is what they get. */
INLINE void put(float *dx, const float *x, vec share, bool add, const float *slope)
{
    if (add) share += load(dx);
    if (slope) share = choose(load(x) > (vec){0}, share, *slope * share);
    *(vec *)(void *)dx = share;
}

/* Two rows of 2 LANES numbers. */
INLINE void spread(float *dx, const float *x, size_t x_row, const float *dy, const uint8_t *which, bool add,
                   const float *slope)
{
    const ints first = {LOWER}, second = first + LANES / 2, g = (ints)load(dy);
    const ints at = __builtin_convertvector(*(const bytes *)(const void *)which, ints);
    for (int row = 0; row < 2; row++, dx += x_row, x += x_row) {
        const vec left = (vec)(g & (at == 2 * row)), right = (vec)(g & (at == 2 * row + 1));
        put(dx, x, __builtin_shuffle(left, right, first), add, slope);
        put(dx + LANES, x + LANES, __builtin_shuffle(left, right, second), add, slope);
    }
}

static void spread_rest(float *dx, const float *x, size_t x_row, const float *dy, const uint8_t *which, size_t len,
                        bool add, const float *slope)
{
    float out[4 * LANES] = {0}, in[4 * LANES] = {0}, g[LANES] = {0};
    uint8_t winner[LANES] = {0};
    for (size_t row = 0; row < 2; row++) {
        if (add) memcpy(out + row * 2 * LANES, dx + row * x_row, 2 * len * sizeof(float));
        if (slope) memcpy(in + row * 2 * LANES, x + row * x_row, 2 * len * sizeof(float));
    }
    memcpy(g, dy, len * sizeof(float));
    memcpy(winner, which, len);
    spread(out, in, 2 * LANES, g, winner, add, slope);
    for (size_t row = 0; row < 2; row++) memcpy(dx + row * x_row, out + row * 2 * LANES, 2 * len * sizeof(float));
}

void SG_IN_TEXT(sg_pool_rows_grad)(float *dx, const float *x, size_t x_row, const float *dy, const uint8_t *which,
                                   size_t h, size_t w, bool add, const float *slope)
{
    for (size_t r = 0; r < h; r++, dy += w, which += w, x += 2 * x_row, dx += 2 * x_row) {
        size_t i = 0;
        for (; i + LANES <= w; i += LANES) spread(dx + 2 * i, x + 2 * i, x_row, dy + i, which + i, add, slope);
        if (i < w) spread_rest(dx + 2 * i, x + 2 * i, x_row, dy + i, which + i, w - i, add, slope);
    }
}
