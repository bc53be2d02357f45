/* winograd_weights_text.c - kernels of winograd_weights.c: transforms of x, of dy and of the sums, and the products
 * between them. One text, compiled for each vector length and instruction set (nn/meson.build).
 *
 * A transform is done in three passes of two rows each, which share their even and odd parts: rows {0, infinity},
 * {+a, -a}, {+b, -b}. A pass keeps 12 vectors, so it stays in registers. */
#include "nn/winograd_weights_text.h"

#include "nn/winograd_tiles.h"

/* ---- one tile ---- */

/* B^T of one column or row, two of its outputs: (0, infinity), (+a, -a) or (+b, -b). */
INLINE void input_pair(vec out[2], const vec d[6], int pass)
{
    const float other = pass == 1 ? B2 : A2, point = pass == 1 ? A : B;
    if (pass == 0) {
        out[0] = d[4] - (A2 + B2) * d[2] + (A2 * B2) * d[0];
        out[1] = d[5] - (A2 + B2) * d[3] + (A2 * B2) * d[1];
    } else {
        const vec even = d[4] - other * d[2], odd = point * (d[3] - other * d[1]);
        out[0] = even + odd;
        out[1] = even - odd;
    }
}

/* The same for G, without its factors 1/N, which follow in the last transform. */
INLINE void gradient_pair(vec out[2], const vec d[4], int pass)
{
    const float point = pass == 1 ? A : B;
    if (pass == 0) {
        out[0] = d[0];
        out[1] = d[3];
    } else {
        const vec even = d[0] + point * point * d[2], odd = point * (d[1] + point * point * d[3]);
        out[0] = even + odd;
        out[1] = even - odd;
    }
}

/* Outputs in the order 0, +a, -a, +b, -b, infinity. */
INLINE void store_row(float *out, size_t step, const vec ends[2], const vec a[2], const vec b[2])
{
    *(vec *)out = ends[0];
    *(vec *)(out + step) = a[0];
    *(vec *)(out + 2 * step) = a[1];
    *(vec *)(out + 3 * step) = b[0];
    *(vec *)(out + 4 * step) = b[1];
    *(vec *)(out + 5 * step) = ends[1];
}

INLINE void input_tile(float *out, size_t out_step, const window t[PACK], size_t step, bool bf16, int pass, bool whole)
{
    vec rows[2][6];
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++) {
        vec d[6] = {{0}}, pair[2];
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++)
            if (pass == 0 || (i > 0 && i < 5)) d[i] = vector_of_pixels(t, i, j, step, bf16, whole);
        input_pair(pair, d, pass);
        rows[0][j] = pair[0];
        rows[1][j] = pair[1];
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; r++) {
        vec ends[2], a[2], b[2];
        input_pair(ends, rows[r], 0);
        input_pair(a, rows[r], 1);
        input_pair(b, rows[r], 2);
        store_row(out + 6 * (size_t)r * out_step, out_step, ends, a, b);
    }
}

/* mask: NULL, or windows of the values that tell where dy counts `slope` times. */
INLINE vec gradient_pixels(const window t[PACK], const window *mask, float slope, int row, int column, size_t step,
                           bool bf16, bool whole)
{
    part p[PACK];
    for (int m = 0; m < PACK; m++) {
        p[m] = pixel(&t[m], row, column, step, bf16, whole);
        if (mask) p[m] = choose(pixel(&mask[m], row, column, step, bf16, whole) > 0, p[m], slope * p[m]);
    }
    return pack(p);
}

/* `sum`: of all pixels, in pass 1, which reads them all. */
INLINE void gradient_tile(float *out, size_t out_step, const window t[PACK], const window *mask, float slope,
                          size_t step, bool bf16, int pass, bool whole, vec *sum)
{
    vec rows[2][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        vec d[4] = {{0}}, pair[2];
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            if (pass != 0 || i == 0 || i == 3) d[i] = gradient_pixels(t, mask, slope, i, j, step, bf16, whole);
        if (pass == 1) *sum += (d[0] + d[1]) + (d[2] + d[3]);
        gradient_pair(pair, d, pass);
        rows[0][j] = pair[0];
        rows[1][j] = pair[1];
    }
#pragma GCC unroll 2
    for (int r = 0; r < 2; r++) {
        vec ends[2], a[2], b[2];
        gradient_pair(ends, rows[r], 0);
        gradient_pair(a, rows[r], 1);
        gradient_pair(b, rows[r], 2);
        store_row(out + 6 * (size_t)r * out_step, out_step, ends, a, b);
    }
}

/* ---- a block of tiles ---- */

INLINE void input_any(float *out, const sg_wino_view *v, const sg_wino_span *s, int pass, bool bf16, int block)
{
    const size_t number = bf16 ? 2 : 4, step = (size_t)block * number;
    for (int p = 0; p < s->panels; p++) {
        const size_t panel = panel_at(v, s->panel + p);
        float *to = out + (size_t)p * s->panel_step;
        cursor c = cursor_at(v, s->tile);
        for (int k = 0; k < s->tiles; k += PACK, to += WIDE) {
            window t[PACK];
            if (windows_at(t, v, &c, s->tiles - k, panel, number, 6, 1))
                input_tile(to, s->point_step, t, step, bf16, pass, true);
            else
                input_tile(to, s->point_step, t, step, bf16, pass, false);
        }
    }
}

INLINE void gradient_any(float *out, const sg_wino_view *v, const sg_wino_view *m, float slope, const sg_wino_span *s,
                         int pass, double *sum, bool bf16, bool masked)
{
    const size_t number = bf16 ? 2 : 4, step = (size_t)v->block * number;
    for (int p = 0; p < s->panels; p++) {
        const size_t panel = panel_at(v, s->panel + p);
        float *to = out + (size_t)p * s->panel_step;
        cursor c = cursor_at(v, s->tile), same = c;
        vec total = {0};
        for (int k = 0; k < s->tiles; k += PACK, to += WIDE) {
            window t[PACK], mask[PACK];
            if (masked) windows_at(mask, m, &same, s->tiles - k, panel, number, 4, 0);
            if (windows_at(t, v, &c, s->tiles - k, panel, number, 4, 0))
                gradient_tile(to, s->point_step, t, masked ? mask : NULL, slope, step, bf16, pass, true, &total);
            else
                gradient_tile(to, s->point_step, t, masked ? mask : NULL, slope, step, bf16, pass, false, &total);
        }
        for (int l = 0; sum && pass == 1 && l < WIDE; l++) sum[p * LANES + l / PACK] += (double)total[l];
    }
}

/* The passes and types, each with loops of its own. */
#define SWITCH(call)                                                                                                   \
    switch (pass + (v->type == SG_BF16 ? 3 : 0)) {                                                                     \
    case 0: call(0, false); break;                                                                                     \
    case 1: call(1, false); break;                                                                                     \
    case 2: call(2, false); break;                                                                                     \
    case 3: call(0, true); break;                                                                                      \
    case 4: call(1, true); break;                                                                                      \
    default: call(2, true);                                                                                            \
    }

static void input(float *out, const sg_wino_view *v, const sg_wino_span *s, int pass)
{
#define CALL(pass, bf16)                                                                                               \
    v->block == LANES ? input_any(out, v, s, pass, bf16, LANES) : input_any(out, v, s, pass, bf16, 2 * LANES)
    SWITCH(CALL)
#undef CALL
}

static void gradient(float *out, const sg_wino_view *v, const sg_wino_view *mask, float slope, const sg_wino_span *s,
                     int pass, double *sum){
#define CALL(pass, bf16)                                                                                               \
    mask ? gradient_any(out, v, mask, slope, s, pass, sum, bf16, true)                                                 \
         : gradient_any(out, v, v, 1, s, pass, sum, bf16, false)
    SWITCH(CALL)
#undef CALL
}

/* ---- product: sum of tiles ---- */

/* c (rows, columns of vectors) += sum_k a[k][row] b[k][column], or, fresh, =; asks for a run of lines on the way. */
INLINE void multiply_tile(float *c, size_t c_step, const float *a, const float *b, size_t b_column, int vectors,
                          bool fresh, const char *ahead, const int rows, const int columns)
{
    vec sum[SG_TEXT_ROWS][SG_TEXT_COLUMNS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++) sum[r][j] = (vec){0};
    for (int k = 0; k < vectors; k++) {
        vec right[SG_TEXT_COLUMNS];
        __builtin_prefetch(ahead + k * LINE);
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++) right[j] = *(const vec *)(b + (size_t)j * b_column + (size_t)k * WIDE);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            const vec left = broadcast(a + k * WIDE + r * PACK);
#pragma GCC unroll 2
            for (int j = 0; j < columns; j++) sum[r][j] += left * right[j];
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int j = 0; j < columns; j++) {
            vec *to = (vec *)(c + (size_t)r * c_step + (size_t)j * WIDE);
            *to = fresh ? sum[r][j] : *to + sum[r][j];
        }
}

static void multiply(float *c, const float *a, const sg_wino_span *x, const float *b, const sg_wino_span *dy,
                     bool fresh, sg_wino_ahead *ahead)
{
    const size_t c_step = (size_t)(dy->panels * WIDE);
    const int vectors = (x->tiles + PACK - 1) / PACK;
    for (int q = 0; q < dy->panels; q += SG_TEXT_COLUMNS)
        for (int i = 0; i < x->panels * LANES; i += SG_TEXT_ROWS) {
            const float *left = a + (size_t)(i / LANES) * x->panel_step + (size_t)(i % LANES * PACK);
            const float *right = b + (size_t)q * dy->panel_step;
            const char *next = ahead_next(ahead);
            float *to = c + (size_t)i * c_step + (size_t)q * WIDE;
            if (!next) next = (const char *)to; /* nearly free */
            if (q + SG_TEXT_COLUMNS <= dy->panels)
                multiply_tile(to, c_step, left, right, dy->panel_step, vectors, fresh, next, SG_TEXT_ROWS,
                              SG_TEXT_COLUMNS);
            else
                multiply_tile(to, c_step, left, right, 0, vectors, fresh, next, SG_TEXT_ROWS, 1);
        }
}

/* ---- last transform ---- */

/* A^T of one row or column with the factors 1/N of the points. */
INLINE void output_line(vec out[3], const vec m[6])
{
    const float s0 = 1 / (A2 * B2), sa = 1 / (2 * A2 * (A2 - B2)), sb = 1 / (2 * B2 * (B2 - A2));
    const vec even_a = sa * (m[1] + m[2]), odd_a = (sa * A) * (m[1] - m[2]);
    const vec even_b = sb * (m[3] + m[4]), odd_b = (sb * B) * (m[3] - m[4]);
    out[0] = s0 * m[0] + (even_a + even_b);
    out[1] = odd_a + odd_b;
    out[2] = m[5] + (A2 * even_a + B2 * even_b);
}

INLINE part sum_of_tiles(vec v)
{
    part sum = unpack(v, 0);
    for (int m = 1; m < PACK; m++) sum += unpack(v, m);
    return sum;
}

/* out (9 vectors) of the sums at `in`; rows of the sums lie in the order of the passes: 0, inf, +a, -a, +b, -b. */
INLINE void output_point(float *out, const float *in, size_t step)
{
    static const int order[6] = {0, 2, 3, 4, 5, 1};
    vec lines[3][6];
#pragma GCC unroll 6
    for (int j = 0; j < 6; j++) {
        vec m[6], y[3];
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) m[i] = *(const vec *)(in + (size_t)(order[i] * 6 + j) * step);
        output_line(y, m);
#pragma GCC unroll 3
        for (int i = 0; i < 3; i++) lines[i][j] = y[i];
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        vec y[3];
        output_line(y, lines[i]);
#pragma GCC unroll 3
        for (int j = 0; j < 3; j++) *(part *)(out + (i * 3 + j) * LANES) = sum_of_tiles(y[j]);
    }
}

static void output(float *out, size_t panel_step, const float *in, size_t step, int rows, int panels)
{
    for (int p = 0; p < panels; p++)
        for (int i = 0; i < rows; i++)
            output_point(out + (size_t)p * panel_step + (size_t)i * 9 * LANES,
                         in + ((size_t)i * (size_t)panels + (size_t)p) * WIDE, step);
}

enum { GROUP = 8 }; /* input channels at a time: their 9 weights are neighbours in memory */

/* weights (o, i, 9) = or += sum of the chunks' (rows, 9, lanes). */
static void finish(float *weights, size_t o_step, const float *sums, size_t chunk_step, int chunks, int rows, bool add)
{
    for (int i = 0; i < rows; i += GROUP) {
        float total[GROUP * 9][LANES] __attribute__((aligned(64)));
        for (int m = 0; m < GROUP * 9; m++) {
            part v = *(const part *)(sums + (size_t)(i * 9 + m) * LANES);
            for (int c = 1; c < chunks; c++)
                v += *(const part *)(sums + (size_t)c * chunk_step + (size_t)(i * 9 + m) * LANES);
            *(part *)total[m] = v;
        }
        for (int l = 0; l < LANES; l++) {
            float *to = weights + (size_t)l * o_step + (size_t)i * 9;
            for (int m = 0; m < GROUP * 9; m++) to[m] = (add ? to[m] : 0) + total[m][l];
        }
    }
}

const sg_wino_weights_text JOIN(sg_wino_weights_text_, SG_TEXT_NAME) = {LANES,    PACK,   input, gradient,
                                                                        multiply, output, finish};
