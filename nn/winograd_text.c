/* winograd_text.c - kernels of winograd.c: transforms of tiles, weights and results, and the products between them. One
 * text, compiled for each vector length and instruction set (nn/meson.build). */
#include "nn/winograd_tiles.h"

/* Of data to prefetch: tiles of a value, channels of transformed weights. */
enum { TILES_AHEAD = 2, CHANNELS_AHEAD = 24 };

/* Rounds to the nearest, ties to even; NaN stays NaN (core/bf16.h). */
INLINE void store(char *at, part v, bool bf16)
{
    if (!bf16) {
        *(loose *)at = v;
        return;
    }
    const bits b = (bits)v, nan = (bits)(v != v), rounded = (b + 0x7fff + ((b >> 16) & 1)) >> 16;
    const bits quiet = (b >> 16) | 0x40;
    *(half *)at = __builtin_convertvector((quiet & nan) | (rounded & ~nan), half);
}

/* ---- one line of a transform ---- */

INLINE void input_line(vec v[6], const vec d[6])
{
    const vec even_a = d[4] - B2 * d[2], odd_a = A * (d[3] - B2 * d[1]);
    const vec even_b = d[4] - A2 * d[2], odd_b = B * (d[3] - A2 * d[1]);
    v[0] = d[4] - (A2 + B2) * d[2] + (A2 * B2) * d[0];
    v[1] = even_a + odd_a;
    v[2] = even_a - odd_a;
    v[3] = even_b + odd_b;
    v[4] = even_b - odd_b;
    v[5] = d[5] - (A2 + B2) * d[3] + (A2 * B2) * d[1];
}

INLINE void filter_line(vec u[6], const vec g[3])
{
    const float n0 = 1 / (A2 * B2), na = 1 / (2 * A2 * (A2 - B2)), nb = 1 / (2 * B2 * (B2 - A2));
    const vec even_a = na * (g[0] + A2 * g[2]), odd_a = (na * A) * g[1];
    const vec even_b = nb * (g[0] + B2 * g[2]), odd_b = (nb * B) * g[1];
    u[0] = n0 * g[0];
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g[2];
}

INLINE void output_line(vec y[4], const vec m[6])
{
    const vec even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
    y[0] = m[0] + even_a + even_b;
    y[1] = A * odd_a + B * odd_b;
    y[2] = A2 * even_a + B2 * even_b;
    y[3] = m[5] + (A * A2) * odd_a + (B * B2) * odd_b;
}

/* ---- input ---- */

INLINE void input_tile(float *out, size_t point_step, const window t[PACK], size_t pixel_step, bool bf16, bool whole)
{
    vec lines[6][6];
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++)
#pragma GCC unroll 4
        for (int j = 0; whole && j < 4 * PACK; j++)
            __builtin_prefetch(t->at + (size_t)i * t->row_step + (size_t)(4 * TILES_AHEAD * PACK + 2 + j) * pixel_step);
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++) {
        vec d[6], v[6];
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) d[i] = vector_of_pixels(t, i, j, pixel_step, bf16, whole);
        input_line(v, d);
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) lines[i][j] = v[i];
    }
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) {
        vec v[6];
        input_line(v, lines[i]);
#pragma GCC unroll 6
        for (int j = 0; j < 6; j++) *(vec *)(out + (size_t)(6 * i + j) * point_step) = v[j];
    }
}

INLINE void input_any(float *out, const sg_wino_view *v, const sg_wino_span *s, bool bf16, int block)
{
    const size_t number = bf16 ? 2 : 4, pixel_step = (size_t)block * number;
    for (int p = 0; p < s->panels; p++) {
        const size_t panel = panel_at(v, s->panel + p);
        float *to = out + (size_t)p * s->panel_step;
        cursor c = cursor_at(v, s->tile);
        for (int k = 0; k < s->tiles; k += PACK, to += WIDE) {
            window t[PACK];
            const bool whole = windows_at(t, v, &c, s->tiles - k, panel, number, 6, 1);
            if (whole)
                input_tile(to, s->point_step, t, pixel_step, bf16, true);
            else
                input_tile(to, s->point_step, t, pixel_step, bf16, false);
        }
    }
}

static void input(float *out, const sg_wino_view *v, const sg_wino_span *s)
{
    if (v->type == SG_BF16)
        v->block == 16 ? input_any(out, v, s, true, 16) : input_any(out, v, s, true, 8);
    else
        v->block == 16 ? input_any(out, v, s, false, 16) : input_any(out, v, s, false, 8);
}

/* ---- weights ---- */

/* The weights of one channel of the source and one panel of results, taps (9, lanes), each for all tiles of a vector. */
INLINE void filter_point(float *out, size_t point_step, const float *taps)
{
    vec lines[6][3];
    for (int j = 0; j < 3; j++) {
        vec g[3], u[6];
        for (int i = 0; i < 3; i++) g[i] = *(const vec *)(taps + (3 * i + j) * WIDE);
        filter_line(u, g);
        for (int i = 0; i < 6; i++) lines[i][j] = u[i];
    }
    for (int i = 0; i < 6; i++) {
        vec u[6];
        filter_line(u, lines[i]);
        for (int j = 0; j < 6; j++) *(vec *)(out + (size_t)(6 * i + j) * point_step) = u[j];
    }
}

/* Panels stand in pairs; the last may be alone. */
INLINE int paired(int panels, int panel)
{
    return panel % SG_WINO_PAIR == 0 && panel + 1 == panels ? 1 : SG_WINO_PAIR;
}

static void filter(float *out, const sg_wino_filter *f, int panel, int begin, int end)
{
    const size_t pair = (size_t)(panel / SG_WINO_PAIR * SG_WINO_PAIR), wide = (size_t)paired(f->panels, panel) * WIDE;
    float *to = out + pair * (size_t)f->channels * WIDE + (size_t)(panel % SG_WINO_PAIR) * WIDE;
    for (int k = begin; k < end; k++) {
        float taps[SG_WINO_TAPS * WIDE] __attribute__((aligned(64)));
        const float *from = f->weights + (size_t)k * f->src_step + (size_t)panel * LANES * f->dst_step;
        for (int l = 0; l < WIDE; l++)
            for (int m = 0; m < SG_WINO_TAPS; m++)
                taps[m * WIDE + l] = from[(size_t)(l / PACK) * f->dst_step + (size_t)(f->rotated ? 8 - m : m)];
        filter_point(to + (size_t)k * wide, f->point_step, taps);
    }
}

/* ---- product ---- */

/* c (rows of tiles, columns of panels) = sum over channels of a (channels / lanes: a_step; rows, lanes) x b (channels,
 * columns, lanes). */
INLINE void multiply_tile(float *c, size_t c_step, const float *a, size_t a_step, const float *b, int channels,
                          const int rows, const int columns)
{
    vec sum[SG_TEXT_TILES][SG_WINO_PAIR];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++) sum[r][j] = (vec){0};
    for (int k = 0; k < channels; k += LANES, a += a_step) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) __builtin_prefetch(a + a_step + r * WIDE);
#pragma GCC unroll 4
        for (int l = 0; l < LANES; l++, b += columns * WIDE) {
            vec right[SG_WINO_PAIR];
            for (int j = 0; j < columns; j++) __builtin_prefetch(b + (CHANNELS_AHEAD * columns + j) * WIDE);
#pragma GCC unroll 2
            for (int j = 0; j < columns; j++) right[j] = *(const vec *)(b + j * WIDE);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                const vec left = broadcast(a + r * WIDE + l * PACK);
#pragma GCC unroll 2
                for (int j = 0; j < columns; j++) sum[r][j] += left * right[j];
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++) *(vec *)(c + (size_t)j * c_step + (size_t)(r * WIDE)) = sum[r][j];
}

INLINE void multiply_rows(float *c, size_t c_step, const float *a, size_t a_step, const float *b, int channels,
                          int rows, const int columns)
{
    switch (rows) {
#define CASE(rows)                                                                                                     \
    case rows:                                                                                                         \
        if (rows <= SG_TEXT_TILES)                                                                                     \
            multiply_tile(c, c_step, a, a_step, b, channels, rows <= SG_TEXT_TILES ? rows : 1, columns);               \
        break;
        CASE(1)
        CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14)
#undef CASE
    }
}

static void multiply(float *out, const sg_wino_span *results, const float *in, const sg_wino_span *source,
                     const float *filters, const sg_wino_filter *f, int panel)
{
    const int tiles = (source->tiles + PACK - 1) / PACK, cuts = (tiles + SG_TEXT_TILES - 1) / SG_TEXT_TILES;
    const int channels = source->panels * LANES;
    for (int point = 0; point < SG_WINO_POINTS; point++) {
        const float *a = in + (size_t)point * source->point_step;
        float *c = out + (size_t)point * results->point_step;
        for (int p = 0; p < results->panels; p += SG_WINO_PAIR, c += SG_WINO_PAIR * results->panel_step) {
            const float *b = filters + (size_t)point * f->point_step + (size_t)(panel + p) * (size_t)f->channels * WIDE;
            for (int cut = 0; cut < cuts; cut++) {
                const int first = tiles * cut / cuts, rows = tiles * (cut + 1) / cuts - first;
                if (p + 1 < results->panels)
                    multiply_rows(c + first * WIDE, results->panel_step, a + first * WIDE, source->panel_step, b,
                                  channels, rows, 2);
                else
                    multiply_rows(c + first * WIDE, results->panel_step, a + first * WIDE, source->panel_step, b,
                                  channels, rows, 1);
            }
        }
    }
}

/* ---- output ---- */

/* Where the pixels of a tile go, and their mask. */
typedef struct target {
    char *at;
    const char *mask;
    size_t row_step, pixel_step, mask_row_step, mask_pixel_step;
    int rows, columns; /* inside */
    part bias;
} target;

INLINE void output_pixel(const target *t, int row, int column, part v, const sg_wino_finish *f, bool bf16)
{
    char *at = t->at + (size_t)row * t->row_step + (size_t)column * t->pixel_step;
    v += t->bias;
    if (f->add) v += load(at, bf16);
    if (f->masked) {
        const size_t there = (size_t)row * t->mask_row_step + (size_t)column * t->mask_pixel_step;
        const part m = f->mask.type == SG_BF16 ? load(t->mask + there, true) : load(t->mask + there, false);
        v = choose(m > 0, v, f->slope * v);
    }
    if (f->relu) v = choose(v > 0, v, f->slope * v);
    store(at, v, bf16);
}

INLINE void output_tile(const target t[PACK], const float *in, size_t point_step, const sg_wino_finish *f, bool bf16)
{
    vec lines[4][6];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            __builtin_prefetch(t->at + (size_t)i * t->row_step + (size_t)(4 * TILES_AHEAD * PACK + j) * t->pixel_step,
                               1);
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++) {
        vec m[6], y[4];
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) m[i] = *(const vec *)(in + (size_t)(6 * i + j) * point_step);
        output_line(y, m);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) lines[i][j] = y[i];
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        vec y[4];
        output_line(y, lines[i]);
#pragma GCC unroll 2
        for (int m = 0; m < PACK; m++)
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++)
                if (i < t[m].rows && j < t[m].columns) output_pixel(&t[m], i, j, unpack(y[j], m), f, bf16);
    }
}

INLINE int at_most_4(int left)
{
    return left < 4 ? left : 4;
}

INLINE target target_at(const sg_wino_view *v, cursor c, int panel, const sg_wino_finish *f, size_t number)
{
    const sg_wino_view *m = &f->mask;
    const size_t mask_number = m->type == SG_BF16 ? 2 : 4;
    target t = {.at = v->values + pixel_at(v, c.image, panel_at(v, panel), 4 * c.y, 4 * c.x, number),
                .row_step = (size_t)v->w * (size_t)v->block * number,
                .pixel_step = (size_t)v->block * number,
                .rows = at_most_4(v->h - 4 * c.y),
                .columns = at_most_4(v->w - 4 * c.x)};
    if (f->bias) t.bias = *(const loose *)(f->bias + (size_t)panel * LANES);
    if (!f->masked) return t;
    t.mask = m->values + pixel_at(m, c.image, panel_at(m, panel), 4 * c.y, 4 * c.x, mask_number);
    t.mask_pixel_step = (size_t)m->block * mask_number;
    t.mask_row_step = (size_t)m->w * t.mask_pixel_step;
    return t;
}

INLINE void output_any(const sg_wino_view *v, const float *in, const sg_wino_span *s, const sg_wino_finish *f,
                       bool bf16)
{
    for (int p = 0; p < s->panels; p++) {
        const float *from = in + (size_t)p * s->panel_step;
        cursor c = cursor_at(v, s->tile);
        for (int k = 0; k < s->tiles; k += PACK, from += WIDE) {
            target t[PACK];
            for (int m = 0; m < PACK; m++, cursor_next(&c, v)) {
                t[m] = k + m < s->tiles ? target_at(v, c, s->panel + p, f, bf16 ? 2 : 4) : t[0];
                if (k + m >= s->tiles) t[m].rows = 0;
            }
            output_tile(t, from, s->point_step, f, bf16);
        }
    }
}

static void output(const sg_wino_view *v, const float *in, const sg_wino_span *s, const sg_wino_finish *f)
{
    v->type == SG_BF16 ? output_any(v, in, s, f, true) : output_any(v, in, s, f, false);
}

const sg_wino_text JOIN(sg_wino_text_, SG_TEXT_NAME) = {LANES, PACK, input, filter, multiply, output};
