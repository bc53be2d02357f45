/* average_pool.c - mean of each k x k square, stride k; k = 0: of the whole picture (global average pooling, Lin, Chen &
 * Yan, ICLR 2014).
 *   forward   y = mean of x over the square;  backward  dx += dy / (size of the square); what is left over gets nothing */
#include "core/parallel.h"
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
    .linear = true,
    .cases = average_pool_cases,
};

sg_value sg_average_pool(sg_graph *g, sg_value x, int k)
{
    const average_pool_attr attr = {k};
    return SG_NODE(g, &sg_op_average_pool, &attr, x);
}
#endif
