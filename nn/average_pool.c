/* average_pool.c - mean of each k x k square, stride k; k = 0: of the whole picture (global average pooling, Lin, Chen &
 * Yan, ICLR 2014).
 *   forward   y = mean of x over the square;  backward  dx += dy / (size of the square); what is left over gets nothing */
#include "core/bf16.h"
#include "core/parallel.h"
#include "core/tiles.h"
#include "nn/lanes.h"
#include "nn/ops.h"

typedef struct average_pool_attr {
    int k;
} average_pool_attr;
SG_KERNELS(average_pool)

/* Height and width of the square. */
static sg_shape R(average_square)(const sg_node *node)
{
    const average_pool_attr *a = node->attr;
    return a->k > 0 ? SG_SHAPE(1, 1, a->k, a->k) : SG_SHAPE(1, 1, node->in_shape[0].h, node->in_shape[0].w);
}

static void R(average_pool_forward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape in = run->node->in_shape[0], out = run->node->shape, square = R(average_square)(run->node);
    const real *x = (const real *)run->in[0] + (size_t)plane * (size_t)in.h * (size_t)in.w;
    real *y = (real *)run->out + (size_t)plane * (size_t)out.h * (size_t)out.w;
    (void)thread;
    for (int i = 0; i < out.h * out.w; i++) {
        const int top = i / out.w * square.h, left = i % out.w * square.w;
        double sum = 0;
        for (int r = top; r < top + square.h; r++)
            for (int c = left; c < left + square.w; c++) sum += (double)x[(size_t)r * (size_t)in.w + (size_t)c];
        y[i] = (real)(sum / (square.h * square.w));
    }
}

static void R(average_pool_backward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape in = run->node->in_shape[0], out = run->node->shape, square = R(average_square)(run->node);
    real *dx = (real *)run->din[0] + (size_t)plane * (size_t)in.h * (size_t)in.w;
    const real *dy = (const real *)run->dout + (size_t)plane * (size_t)out.h * (size_t)out.w;
    (void)thread;
    for (int r = 0; r < out.h * square.h; r++)
        for (int c = 0; c < out.w * square.w; c++)
            dx[(size_t)r * (size_t)in.w + (size_t)c] +=
                dy[r / square.h * out.w + c / square.w] / (real)(square.h * square.w);
}

void R(average_pool_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n * run->node->shape.c, R(average_pool_forward_plane), &run);
}

void R(average_pool_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c, R(average_pool_backward_plane), &run);
}

#ifdef SG_ONCE
/* ---- the fast row: any form, as what stands before is a convolution's ---- */

/* Channel c, pixel p of image n. */
static size_t number_at(const sg_lanes *v, int n, int c, size_t p)
{
    return (size_t)n * v->image_step + (size_t)(c / v->lanes) * v->piece + p * (size_t)v->lanes +
           (size_t)(c % v->lanes);
}

static float get(const void *from, sg_type type, size_t at)
{
    return type == SG_BF16 ? sg_bf16_to_float(((const sg_bf16 *)from)[at]) : ((const float *)from)[at];
}

static void put(void *to, sg_type type, size_t at, float v)
{
    if (type == SG_BF16)
        ((sg_bf16 *)to)[at] = sg_bf16_from_float(v);
    else
        ((float *)to)[at] = v;
}

/* Sums over a square of `lanes` channels that lie side by side. */
SG_SIMD static void square_sums(double *restrict sum, const sg_run *run, const sg_lanes *in, size_t first,
                                sg_shape square)
{
    const size_t lanes = (size_t)in->lanes, len = (size_t)square.w * lanes;
    float tile[SG_TILE];
    for (size_t l = 0; l < lanes; l++) sum[l] = 0;
    for (size_t r = 0; r < (size_t)square.h; r++)
        for (size_t i = 0; i < len; i += SG_TILE) {
            const size_t count = sg_tile_len(i, len);
            const float *x = sg_tile_in_f32(run->in[0], in->type, first + r * (size_t)in->w * lanes + i, count, tile);
            for (size_t j = 0; j < count; j += lanes)
                for (size_t l = 0; l < lanes; l++) sum[l] += (double)x[j + l];
        }
}

static void blocks_forward_slice(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape square = average_square_f32(run->node);
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]),
                   out = sg_lanes_of(run->node->shape, run->node->form);
    const int n = slice / in.blocks, channel = slice % in.blocks * in.lanes;
    double sum[SG_LANES];
    (void)thread;
    for (size_t p = 0; p < out.pixels; p++) {
        const size_t top = p / (size_t)out.w * (size_t)square.h, left = p % (size_t)out.w * (size_t)square.w;
        square_sums(sum, run, &in, number_at(&in, n, channel, top * (size_t)in.w + left), square);
        for (int l = 0; l < in.lanes; l++)
            put(run->out, out.type, number_at(&out, n, channel + l, p), (float)(sum[l] / (square.h * square.w)));
    }
}

/* dx += share in a square, a share for each channel. */
SG_SIMD static void add_shares(const sg_run *run, const sg_lanes *in, size_t first, sg_shape square,
                               const float *restrict share)
{
    const size_t lanes = (size_t)in->lanes, len = (size_t)square.w * lanes;
    float tile[SG_TILE];
    for (size_t r = 0; r < (size_t)square.h; r++)
        for (size_t i = 0; i < len; i += SG_TILE) {
            const size_t at = first + r * (size_t)in->w * lanes + i, count = sg_tile_len(i, len);
            float *dx = sg_tile_out_f32(run->din[0], in->type, at, count, true, tile);
            for (size_t j = 0; j < count; j += lanes)
                for (size_t l = 0; l < lanes; l++) dx[j + l] += share[l];
            sg_tile_done_f32(run->din[0], in->type, at, count, dx);
        }
}

static void blocks_backward_slice(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape square = average_square_f32(run->node);
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]),
                   out = sg_lanes_of(run->node->shape, run->node->form);
    const int n = slice / in.blocks, channel = slice % in.blocks * in.lanes;
    float share[SG_LANES];
    (void)thread;
    for (size_t p = 0; p < out.pixels; p++) {
        const size_t top = p / (size_t)out.w * (size_t)square.h, left = p % (size_t)out.w * (size_t)square.w;
        for (int l = 0; l < in.lanes; l++)
            share[l] = get(run->dout, out.type, number_at(&out, n, channel + l, p)) / (float)(square.h * square.w);
        add_shares(run, &in, number_at(&in, n, channel, top * (size_t)in.w + left), square, share);
    }
}

static void blocks_forward(const sg_run *run)
{
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    sg_parallel(in.n * in.blocks, blocks_forward_slice, &run);
}

static void blocks_backward(const sg_run *run)
{
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    if (run->din[0]) sg_parallel(in.n * in.blocks, blocks_backward_slice, &run);
}

static bool blocks_take(const sg_node *node, bool backward)
{
    (void)node, (void)backward;
    return true;
}

static unsigned blocks_layouts(void)
{
    return SG_NCHW8 | SG_NCHW16;
}

static const sg_fast average_pool_blocks = {
    .name = "blocks",
    .takes = blocks_take,
    .blocked = blocks_layouts,
    .any_form = true,
    .forward = blocks_forward,
    .backward = blocks_backward,
};

static sg_status average_pool_infer(sg_node *node)
{
    const average_pool_attr *a = node->attr;
    const sg_shape x = node->in_shape[0];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be real");
    if (a->k < 0 || a->k > x.h || a->k > x.w)
        SG_FAIL(SG_E_SHAPE, "a square of %d does not fit a picture of %d x %d", a->k, x.h, x.w);
    node->shape = a->k > 0 ? SG_SHAPE(x.n, x.c, x.h / a->k, x.w / a->k) : SG_SHAPE(x.n, x.c, 1, 1);
    return SG_OK;
}

static sg_value average_pool_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x;
        int k;
    } list[] = {{{2, 3, 4, 6}, 2}, {{1, 2, 7, 5}, 3}, {{3, 2, 5, 4}, 0}, {{1, 16, 2, 2}, 1}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_average_pool(g, sg_case_input(g, "x", list[i].x, -1, 1, SG_CASE_GRAD), list[i].k);
}

const sg_op sg_op_average_pool = {
    .name = "average_pool",
    .formula = "y = mean of x over each k x k square, or over the whole picture",
    .infer = average_pool_infer,
    SG_REFERENCE(average_pool),
    .fast = {&average_pool_blocks},
    .linear = true,
    .cases = average_pool_cases,
};

sg_value sg_average_pool(sg_graph *g, sg_value x, int k)
{
    const average_pool_attr attr = {k};
    return SG_NODE(g, &sg_op_average_pool, &attr, x);
}
#endif
