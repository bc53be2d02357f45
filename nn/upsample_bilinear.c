/* upsample_bilinear.c - bilinear, twice the size, pixel centres kept, edges repeated (PyTorch: align_corners=False).
 *   forward   separable: y(2i) = .25 x(i-1) + .75 x(i), y(2i+1) = .75 x(i) + .25 x(i+1)
 *   backward  the transpose: dx(i) = .75 (dy(2i) + dy(2i+1)) + .25 (dy(2i-1) + dy(2i+2)), edges repeated */
#include "core/tiles.h"
#include "nn/lanes.h"
#include "nn/ops.h"

SG_KERNELS(upsample_bilinear)

/* Work goes by strips of columns: half a tile of x, a tile of y. What is blended is held with a column more on each
 * side; outside of the picture that is a copy of the edge. */
enum { R(STRIP_ROOM) = SG_TILE + 2 * SG_LANES };

typedef struct R(strip) {
    size_t begin, end; /* columns of the picture it is cut from, `width` wide */
    size_t width, lanes;
} R(strip);

static inline size_t R(strip_from)(const R(strip) * s)
{
    return s->begin > 0 ? s->begin - 1 : 0;
}

/* Numbers with the neighbours that the picture has. */
static inline size_t R(strip_len)(const R(strip) * s)
{
    const size_t to = s->end < s->width ? s->end + 1 : s->width;
    return (to - R(strip_from)(s)) * s->lanes;
}

/* Where those begin in the room. */
SG_INLINE real *R(strip_inside)(const R(strip) * s, real *room)
{
    return room + (s->begin > 0 ? 0 : s->lanes);
}

SG_INLINE void R(strip_repeat_edges)(const R(strip) * s, real *room)
{
    const size_t lanes = s->lanes, after = (s->end - s->begin + 1) * lanes;
    for (size_t l = 0; l < lanes && s->begin == 0; l++) room[l] = room[lanes + l];
    for (size_t l = 0; l < lanes && s->end == s->width; l++) room[after + l] = room[after - lanes + l];
}

SG_INLINE void R(blend)(real *restrict y, const real *near, const real *far, size_t len)
{
    for (size_t i = 0; i < len; i++) y[i] = (real).75 * near[i] + (real).25 * far[i];
}

SG_INLINE void R(gather)(real *restrict x, const real *a, const real *b, const real *c, const real *d, size_t len)
{
    for (size_t i = 0; i < len; i++) x[i] = (real).75 * (b[i] + c[i]) + (real).25 * (a[i] + d[i]);
}

/* t begins one column before the strip of `cols` columns of x. */
SG_INLINE void R(blend_columns)(real *restrict y, const real *restrict t, size_t cols, const size_t lanes)
{
    for (size_t i = 0; i < cols; i++, t += lanes, y += 2 * lanes) {
        R(blend)(y, t + lanes, t, lanes);
        R(blend)(y + lanes, t + lanes, t + 2 * lanes, lanes);
    }
}

/* t begins one column before the strip of 2 cols columns of dy. */
SG_INLINE void R(gather_columns)(real *restrict dx, const real *restrict t, size_t cols, const size_t lanes,
                                 const bool fresh)
{
    for (size_t i = 0; i < cols; i++, t += 2 * lanes, dx += lanes)
        for (size_t l = 0; l < lanes; l++)
            dx[l] = (fresh ? 0 : dx[l]) +
                    ((real).75 * (t[lanes + l] + t[2 * lanes + l]) + (real).25 * (t[l] + t[3 * lanes + l]));
}

/* Rows before and after row i of `rows`, edges repeated. */
static inline size_t R(row_before)(size_t i)
{
    return i > 0 ? i - 1 : 0;
}

static inline size_t R(row_after)(size_t i, size_t rows)
{
    return i + 1 < rows ? i + 1 : i;
}

/* Row r of y, the strip's part; x_at, y_at: the pieces. */
SG_INLINE void R(upsample_row)(const sg_run *run, const R(strip) * s, size_t x_at, size_t y_at, size_t r)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    const size_t near = r / 2, far = r % 2 ? R(row_after)(near, (size_t)run->node->in_shape[0].h) : R(row_before)(near);
    const size_t row = s->width * s->lanes, from = x_at + R(strip_from)(s) * s->lanes, len = R(strip_len)(s);
    const size_t to = y_at + (r * row + s->begin * s->lanes) * 2, cols = s->end - s->begin;
    real near_tile[R(STRIP_ROOM)], far_tile[R(STRIP_ROOM)], t[R(STRIP_ROOM)], y_tile[SG_TILE];
    R(blend)
    (R(strip_inside)(s, t), R(sg_tile_in)(run->in[0], x_type, from + near * row, len, near_tile),
     R(sg_tile_in)(run->in[0], x_type, from + far * row, len, far_tile), len);
    R(strip_repeat_edges)(s, t);
    real *y = R(sg_tile_out)(run->out, y_type, to, 2 * cols * s->lanes, false, y_tile);
    SG_WITH_LANES(s->lanes, R(blend_columns)(y, t, cols, LANES));
    R(sg_tile_done)(run->out, y_type, to, 2 * cols * s->lanes, y);
}

/* Row i of dx; `s` is a strip of dy. */
SG_INLINE void R(upsample_row_grad)(const sg_run *run, const R(strip) * s, size_t x_at, size_t y_at, size_t i)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    const size_t rows = 2 * (size_t)run->node->in_shape[0].h;
    const size_t from[4] = {R(row_before)(2 * i), 2 * i, 2 * i + 1, R(row_after)(2 * i + 1, rows)};
    const size_t row = s->width * s->lanes, at = y_at + R(strip_from)(s) * s->lanes, len = R(strip_len)(s);
    const size_t to = x_at + (i * row + s->begin * s->lanes) / 2, cols = (s->end - s->begin) / 2;
    real tile[4][R(STRIP_ROOM)], t[R(STRIP_ROOM)], dx_tile[SG_TILE];
    const real *dy[4];
    for (int k = 0; k < 4; k++) dy[k] = R(sg_tile_in)(run->dout, y_type, at + from[k] * row, len, tile[k]);
    R(gather)(R(strip_inside)(s, t), dy[0], dy[1], dy[2], dy[3], len);
    R(strip_repeat_edges)(s, t);
    real *dx = R(sg_tile_out)(run->din[0], x_type, to, cols * s->lanes, !run->fresh[0], dx_tile);
    if (run->fresh[0])
        SG_WITH_LANES(s->lanes, R(gather_columns)(dx, t, cols, LANES, true));
    else
        SG_WITH_LANES(s->lanes, R(gather_columns)(dx, t, cols, LANES, false));
    R(sg_tile_done)(run->din[0], x_type, to, cols * s->lanes, dx);
}

/* The strip that begins at a column: at most so many of them. */
static inline R(strip) R(strip_at)(size_t begin, size_t width, size_t lanes, size_t most)
{
    return (R(strip)){begin, width - begin < most ? width : begin + most, width, lanes};
}

SG_SIMD static void R(upsample_piece)(const sg_run *run, size_t x_at, size_t y_at, size_t lanes)
{
    const size_t w = (size_t)run->node->in_shape[0].w, rows = (size_t)run->node->shape.h;
    const size_t most = SG_TILE / 2 / lanes;
    for (size_t begin = 0; begin < w; begin += most) {
        const R(strip) s = R(strip_at)(begin, w, lanes, most);
        for (size_t r = 0; r < rows; r++) R(upsample_row)(run, &s, x_at, y_at, r);
    }
}

SG_SIMD static void R(upsample_piece_grad)(const sg_run *run, size_t x_at, size_t y_at, size_t lanes)
{
    const size_t w = (size_t)run->node->shape.w, rows = (size_t)run->node->in_shape[0].h;
    const size_t most = SG_TILE / lanes;
    for (size_t begin = 0; begin < w; begin += most) {
        const R(strip) s = R(strip_at)(begin, w, lanes, most);
        for (size_t i = 0; i < rows; i++) R(upsample_row_grad)(run, &s, x_at, y_at, i);
    }
}

static void R(upsample_bilinear_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes x = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    const sg_lanes y = sg_lanes_of(run->node->shape, run->node->form);
    (void)thread;
    R(upsample_piece)(run, sg_piece_at(&x, slice), sg_piece_at(&y, slice), (size_t)x.lanes);
}

static void R(upsample_bilinear_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes x = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    const sg_lanes y = sg_lanes_of(run->node->shape, run->node->form);
    (void)thread;
    R(upsample_piece_grad)(run, sg_piece_at(&x, slice), sg_piece_at(&y, slice), (size_t)x.lanes);
}

void R(upsample_bilinear_forward)(const sg_run *run)
{
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    sg_parallel(in.n * in.blocks, R(upsample_bilinear_forward_slice), &run);
}

void R(upsample_bilinear_backward)(const sg_run *run)
{
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    if (run->din[0]) sg_parallel(in.n * in.blocks, R(upsample_bilinear_backward_slice), &run);
}

#ifdef SG_ONCE
static sg_status upsample_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be real");
    node->shape = SG_SHAPE(x.n, x.c, 2 * x.h, 2 * x.w);
    return SG_OK;
}

static sg_value upsample_cases(sg_graph *g, int i)
{
    static const sg_shape list[] = {{2, 3, 4, 5}, {1, 1, 1, 3}, {1, 2, 3, 1}, {1, 32, 3, 2}, {1, 1, 2, 1030}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_upsample_bilinear(g, sg_case_input(g, "x", list[i], -1, 1, SG_CASE_GRAD));
}

const sg_op sg_op_upsample_bilinear = {
    .name = "upsample_bilinear",
    .formula =
        "bilinear, twice the size, pixel centres kept: y(2i) = .25 x(i-1) + .75 x(i), y(2i+1) = .75 x(i) + .25 x(i+1)",
    .infer = upsample_infer,
    SG_REFERENCE(upsample_bilinear),
    .sets_fresh = true,
    .linear = true,
    .any_layout = true,
    .any_form = true,
    .again_ok = true,
    .cases = upsample_cases,
};

sg_value sg_upsample_bilinear(sg_graph *g, sg_value x)
{
    return sg_node_add(g, &sg_op_upsample_bilinear, NULL, 0, &x, 1);
}
#endif
