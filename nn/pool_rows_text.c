/* pool_rows_text.c - the pooling of nn/pool_rows.h, compiled for each instruction set: two vectors of a row are shuffled
 * into their even and their odd columns, four such vectors are the squares of as many outputs. The rest of a row goes
 * through the same code: vectors of which only some numbers are loaded and stored. */
#include "nn/pool_rows.h"

#include "nn/simd_text.h"
#include "nn/vec_text.h"

#ifdef __AVX512F__
#define EVEN  0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define LOWER 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#else
#define EVEN  0, 2, 4, 6, 8, 10, 12, 14
#define LOWER 0, 8, 1, 9, 2, 10, 3, 11
#endif

SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pool_rows)(float *y, uint8_t *which, const float *x, size_t x_row, size_t h,
                                             size_t w);
SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pool_rows_grad)(float *dx, const float *x, size_t x_row, const float *dy,
                                                  const uint8_t *which, size_t h, size_t w, bool add,
                                                  const float *slope);

/* What is left of `len` for the second vector. */
INLINE size_t beyond(size_t len)
{
    return len > LANES ? len - LANES : 0;
}

/* Number k of the squares against the best before. */
INLINE void challenge(vec *best, ints *at, vec x, int32_t k)
{
    const ints take = (x > *best) | (x != x);
    *best = choose(take, x, *best);
    *at = (take & k) | (~take & *at);
}

/* At most LANES outputs from twice as many numbers of two rows. */
INLINE void squares(float *y, uint8_t *which, const float *upper, const float *lower, size_t len)
{
    const ints even = {EVEN}, odd = even + 1;
    const size_t rest = beyond(2 * len);
    const vec up[2] = {load(upper, 2 * len), load(upper + LANES, rest)},
              low[2] = {load(lower, 2 * len), load(lower + LANES, rest)};
    vec best = __builtin_shuffle(up[0], up[1], even);
    ints at = {0};
    challenge(&best, &at, __builtin_shuffle(up[0], up[1], odd), 1);
    challenge(&best, &at, __builtin_shuffle(low[0], low[1], even), 2);
    challenge(&best, &at, __builtin_shuffle(low[0], low[1], odd), 3);
    store(y, best, len);
    store_bytes(which, at, len);
}

void SG_IN_TEXT(sg_pool_rows)(float *y, uint8_t *which, const float *x, size_t x_row, size_t h, size_t w)
{
    for (size_t r = 0; r < h; r++, y += w, which += w, x += 2 * x_row) {
        size_t i = 0;
        for (; i + LANES <= w; i += LANES) squares(y + i, which + i, x + 2 * i, x + x_row + 2 * i, LANES);
        if (i < w) squares(y + i, which + i, x + 2 * i, x + x_row + 2 * i, w - i);
    }
}

/* ---- backward ---- */

typedef struct gradient {
    float *dx;
    const float *x;
    size_t x_row;
    bool add;
    const float *slope;
} gradient;

/* `len` numbers of dx from `at` on: `share` is what they get. */
INLINE void put(const gradient *g, size_t at, vec share, size_t len)
{
    if (g->add) share += load(g->dx + at, len);
    if (g->slope) share = choose(load(g->x + at, len) > (vec){0}, share, *g->slope * share);
    store(g->dx + at, share, len);
}

/* Two rows of twice as many numbers as `len`, from `at` on. */
INLINE void spread(const gradient *g, size_t at, const float *dy, const uint8_t *which, size_t len)
{
    const ints left = {LOWER}, right = left + LANES / 2, d = (ints)load(dy, len), winner = load_bytes(which, len);
    for (int row = 0; row < 2; row++, at += g->x_row) {
        const vec even = (vec)(d & (winner == 2 * row)), odd = (vec)(d & (winner == 2 * row + 1));
        put(g, at, __builtin_shuffle(even, odd, left), 2 * len);
        put(g, at + LANES, __builtin_shuffle(even, odd, right), beyond(2 * len));
    }
}

void SG_IN_TEXT(sg_pool_rows_grad)(float *dx, const float *x, size_t x_row, const float *dy, const uint8_t *which,
                                   size_t h, size_t w, bool add, const float *slope)
{
    const gradient g = {dx, x, x_row, add, slope};
    for (size_t r = 0; r < h; r++, dy += w, which += w) {
        size_t i = 0;
        for (; i + LANES <= w; i += LANES) spread(&g, 2 * r * x_row + 2 * i, dy + i, which + i, LANES);
        if (i < w) spread(&g, 2 * r * x_row + 2 * i, dy + i, which + i, w - i);
    }
}
