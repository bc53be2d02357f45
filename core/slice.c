/* slice.c - some channels and some rows of a tensor.
 *   forward   y = x[:, channel .. channel + channels - 1, row .. row + rows - 1, :]
 *   backward  dx += dy there
 * Complex numbers are pairs: twice as many of them in a row. */
#include "core/ops.h"
#include "core/parallel.h"

#include <string.h>

typedef struct slice_attr {
    int channel, channels, row, rows;
} slice_attr;
SG_KERNELS(slice)

/* Piece of one channel: where it begins in x; its length. Both count real numbers. */
static size_t R(slice_piece)(const sg_node *node, int plane, size_t *x_at)
{
    const slice_attr *a = node->attr;
    const sg_shape x = node->in_shape[0];
    const int image = plane / a->channels, channel = a->channel + plane % a->channels;
    const size_t width = (size_t)x.w * (node->is_complex ? 2 : 1);
    *x_at = (((size_t)image * (size_t)x.c + (size_t)channel) * (size_t)x.h + (size_t)a->row) * width;
    return (size_t)a->rows * width;
}

static void R(slice_forward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    size_t x_at;
    const size_t len = R(slice_piece)(run->node, plane, &x_at);
    (void)thread;
    memcpy((real *)run->out + (size_t)plane * len, (const real *)run->in[0] + x_at, len * sizeof(real));
}

static void R(slice_backward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    size_t x_at;
    const size_t len = R(slice_piece)(run->node, plane, &x_at);
    const real *dy = (const real *)run->dout + (size_t)plane * len;
    real *dx = (real *)run->din[0] + x_at;
    (void)thread;
    for (size_t i = 0; i < len; i++) dx[i] += dy[i];
}

void R(slice_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n * run->node->shape.c, R(slice_forward_plane), &run);
}

void R(slice_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c, R(slice_backward_plane), &run);
}

#ifdef SG_ONCE
static sg_status slice_infer(sg_node *node)
{
    const slice_attr *a = node->attr;
    const sg_shape x = node->in_shape[0];
    if (a->channel < 0 || a->channels < 1 || a->channel > x.c - a->channels)
        SG_FAIL(SG_E_SHAPE, "channels %d..%d of %d", a->channel, a->channel + a->channels - 1, x.c);
    if (a->row < 0 || a->rows < 1 || a->row > x.h - a->rows)
        SG_FAIL(SG_E_SHAPE, "rows %d..%d of %d", a->row, a->row + a->rows - 1, x.h);
    node->shape = SG_SHAPE(x.n, a->channels, a->rows, x.w);
    node->is_complex = node->in_complex[0];
    return SG_OK;
}

static sg_value slice_cases(sg_graph *g, int i)
{
    static const int list[][4] = {{0, 3, 0, 5}, {1, 2, 0, 5}, {0, 3, 1, 3}, {2, 1, 4, 1}, {1, 1, 1, 2}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const int *c = list[i];
    const unsigned flags = i == 4 ? SG_CASE_GRAD | SG_CASE_COMPLEX : SG_CASE_GRAD;
    return sg_slice(g, sg_case_input(g, "x", SG_SHAPE(2, 3, 5, 7), -1, 1, flags), c[0], c[1], c[2], c[3]);
}

const sg_op sg_op_slice = {
    .name = "slice",
    .formula = "y = some channels and rows of x",
    .infer = slice_infer,
    SG_REFERENCE(slice),
    .linear = true,
    .cases = slice_cases,
};

sg_value sg_slice(sg_graph *g, sg_value x, int channel, int channels, int row, int rows)
{
    const slice_attr attr = {channel, channels, row, rows};
    return SG_NODE(g, &sg_op_slice, &attr, x);
}
#endif
