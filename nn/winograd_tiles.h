/* winograd_tiles.h - what the texts of both Winograd kernels share (inside nn/ only, in files that are compiled for each
 * vector length): vectors, the points, tiles of a value, and what will be read next.
 *
 * The transforms are those of Toom and Cook with the points 0, +-a, +-b and infinity (Lavin & Gray have a = 1, b = 2;
 * 5/8 and 3/2 are exact, too, and halve the error):
 *     N0 = a^2 b^2, Na = 2 a^2 (a^2 - b^2), Nb = 2 b^2 (b^2 - a^2)
 *     B^T rows: coefficients of prod_{q != p} (x - q); G rows: (1, p, p^2, ...) / N_p; A^T columns: (1, p, p^2, ...). */
#ifndef SG_NN_WINOGRAD_TILES_H
#define SG_NN_WINOGRAD_TILES_H

#include "nn/winograd_text.h"

#define LANES       SG_TEXT_LANES
#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define INLINE      static inline __attribute__((always_inline))

/* Tiles side by side in a vector, their lanes alternating: a machine with vectors of 16 takes pairs of tiles where blocks
 * have 8 channels. */
#define PACK SG_TEXT_PACK
#define WIDE (PACK * LANES)

typedef float vec __attribute__((vector_size(4 * WIDE)));
typedef float part __attribute__((vector_size(4 * LANES)));                         /* of one tile */
typedef float loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); /* at any address of a float */
typedef uint16_t half __attribute__((vector_size(2 * LANES), aligned(2), may_alias));
typedef uint32_t bits __attribute__((vector_size(4 * LANES)));
typedef int32_t truth __attribute__((vector_size(4 * LANES)));

static const float A = .625f, B = 1.5f, A2 = .625f * .625f, B2 = 1.5f * 1.5f;

INLINE part load(const char *at, bool bf16)
{
    if (!bf16) return *(const loose *)at;
    return (part)(__builtin_convertvector(*(const half *)at, bits) << 16);
}

INLINE part choose(truth which, part yes, part no)
{
    return (part)(((truth)yes & which) | ((truth)no & ~which));
}

#if PACK == 1
INLINE vec pack(const part p[PACK])
{
    return p[0];
}

INLINE part unpack(vec v, int tile)
{
    (void)tile;
    return v;
}

INLINE vec broadcast(const float *a)
{
    return *a - (vec){0};
}
#else
INLINE vec pack(const part p[PACK])
{
    return __builtin_shufflevector(p[0], p[1], 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
}

INLINE part unpack(vec v, int tile)
{
    return tile == 0 ? __builtin_shufflevector(v, v, 0, 2, 4, 6, 8, 10, 12, 14)
                     : __builtin_shufflevector(v, v, 1, 3, 5, 7, 9, 11, 13, 15);
}

/* A number of each tile. */
INLINE vec broadcast(const float *a)
{
    typedef double two __attribute__((vector_size(4 * WIDE)));
    typedef double loose_two __attribute__((aligned(4), may_alias));
    return (vec)(*(const loose_two *)a - (two){0});
}
#endif

/* ---- tiles of a value ---- */

typedef struct cursor {
    int image, y, x; /* of a tile */
} cursor;

INLINE cursor cursor_at(const sg_wino_view *v, int tile)
{
    const int per_image = v->rows * v->columns, rest = tile % per_image;
    return (cursor){tile / per_image, rest / v->columns, rest % v->columns};
}

INLINE void cursor_next(cursor *c, const sg_wino_view *v)
{
    if (++c->x < v->columns) return;
    c->x = 0;
    if (++c->y < v->rows) return;
    c->y = 0;
    c->image++;
}

/* The numbers before those of a panel in an image. */
INLINE size_t panel_at(const sg_wino_view *v, int panel)
{
    const size_t channel = (size_t)panel * LANES, block = (size_t)v->block;
    return channel / block * block * (size_t)v->h * (size_t)v->w + channel % block;
}

/* Bytes before a pixel of a panel; the pixel may lie left of or above the picture. */
INLINE ptrdiff_t pixel_at(const sg_wino_view *v, int image, size_t panel, int y, int x, size_t number)
{
    const ptrdiff_t pixel = ((ptrdiff_t)y * v->w + x) * v->block;
    return ((ptrdiff_t)((size_t)image * v->image_step + panel) + pixel) * (ptrdiff_t)number;
}

/* The `size` x `size` pixels that begin `margin` before a tile: rows top .. bottom - 1 and columns begin .. end - 1 lie
 * inside the picture. */
typedef struct window {
    const char *at;
    size_t row_step;
    int top, bottom, begin, end;
} window;

INLINE window window_at(const sg_wino_view *v, cursor c, size_t panel, size_t number, int size, int margin)
{
    const int left = 4 * c.x - margin, top = 4 * c.y - margin;
    return (window){.at = v->values + pixel_at(v, c.image, panel, top, left, number),
                    .row_step = (size_t)v->w * (size_t)v->block * number,
                    .top = top < 0 ? -top : 0,
                    .bottom = v->h - top < size ? v->h - top : size,
                    .begin = left < 0 ? -left : 0,
                    .end = v->w - left < size ? v->w - left : size};
}

/* The windows of a vector, and the cursor past them; `left` tiles are left, those beyond are empty. True if all pixels
 * lie inside. */
INLINE bool windows_at(window t[PACK], const sg_wino_view *v, cursor *c, int left, size_t panel, size_t number,
                       int size, int margin)
{
    bool whole = true;
    for (int m = 0; m < PACK; m++) {
        t[m] = window_at(v, *c, panel, number, size, margin);
        if (m >= left) t[m].end = 0;
        whole = whole && t[m].top == 0 && t[m].bottom == size && t[m].begin == 0 && t[m].end == size;
        cursor_next(c, v);
    }
    return whole;
}

INLINE part pixel(const window *t, int row, int column, size_t pixel_step, bool bf16, bool whole)
{
    if (!whole && (row < t->top || row >= t->bottom || column < t->begin || column >= t->end)) return (part){0};
    return load(t->at + (size_t)row * t->row_step + (size_t)column * pixel_step, bf16);
}

INLINE vec vector_of_pixels(const window t[PACK], int row, int column, size_t pixel_step, bool bf16, bool whole)
{
    part p[PACK];
    for (int m = 0; m < PACK; m++) p[m] = pixel(&t[m], row, column, pixel_step, bf16, whole);
    return pack(p);
}

/* ---- what will be read next ---- */

enum { LINE = 64, RUN = 64 }; /* bytes of a cache line; lines of a run */

/* The pixels of the next run; NULL when all have been asked for. Memory drops requests that come in a burst, so
 * products ask for a line at a time while they compute. */
INLINE const char *ahead_next(sg_wino_ahead *a)
{
    for (; a->side < 2; a->side++, a->panel = 0) {
        const sg_wino_view *v = a->view[a->side];
        const sg_wino_span *s = &a->span[a->side];
        const size_t number = v->type == SG_BF16 ? 2 : 4;
        for (; a->panel < s->panels; a->panel++, a->tile = 0)
            for (; a->tile < s->tiles; a->tile += LINE * RUN / (4 * v->block * (int)number), a->row = 0)
                if (a->row < 4) {
                    const cursor c = cursor_at(v, s->tile + a->tile);
                    const size_t panel = panel_at(v, s->panel + a->panel);
                    return v->values + pixel_at(v, c.image, panel, 4 * c.y + a->row++, 4 * c.x, number);
                }
    }
    return NULL;
}

#endif
