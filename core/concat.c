/* concat.c - channels of a, then of b. The same copies in both layouts, since an image's channels are contiguous.
 *   backward  da += first channels of dy, db += the others */
#include "core/ops.h"
#include "core/parallel.h"

#include <string.h>

SG_KERNELS(concat)

/* Piece of one image: input i's numbers in the output, and how many. */
static size_t R(concat_piece)(const sg_node *node, int slice, size_t *in_at, size_t *out_at)
{
    const int image = slice / 2, i = slice % 2;
    const size_t pixels = (size_t)node->shape.h * (size_t)node->shape.w, len = (size_t)node->in_shape[i].c * pixels;
    *in_at = (size_t)image * len;
    *out_at = (size_t)image * (size_t)node->shape.c * pixels + (i ? (size_t)node->in_shape[0].c * pixels : 0);
    return len;
}

SG_SIMD static void R(concat_add)(real *restrict dx, const real *restrict dy, size_t len)
{
    for (size_t i = 0; i < len; i++) dx[i] += dy[i];
}

static void R(concat_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    size_t in_at, out_at;
    const size_t len = R(concat_piece)(run->node, slice, &in_at, &out_at);
    (void)thread;
    memcpy((real *)run->out + out_at, (const real *)run->in[slice % 2] + in_at, len * sizeof(real));
}

static void R(concat_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    size_t in_at, out_at;
    const size_t len = R(concat_piece)(run->node, slice, &in_at, &out_at);
    real *dx = run->din[slice % 2];
    const real *dy = (const real *)run->dout + out_at;
    (void)thread;
    if (!dx) return;
    if (run->fresh[slice % 2])
        memcpy(dx + in_at, dy, len * sizeof(real));
    else
        R(concat_add)(dx + in_at, dy, len);
}

void R(concat_forward)(const sg_run *run)
{
    sg_parallel(2 * run->node->shape.n, R(concat_forward_slice), &run);
}

void R(concat_backward)(const sg_run *run)
{
    sg_parallel(2 * run->node->shape.n, R(concat_backward_slice), &run);
}

#ifdef SG_ONCE
static sg_status concat_infer(sg_node *node)
{
    const sg_shape a = node->in_shape[0], b = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "both inputs must be real");
    if (a.n != b.n || a.h != b.h || a.w != b.w)
        SG_FAIL(SG_E_SHAPE, "(%d,%d,%d,%d) and (%d,%d,%d,%d) differ in more than channels", a.n, a.c, a.h, a.w, b.n,
                b.c, b.h, b.w);
    node->shape = SG_SHAPE(a.n, a.c + b.c, a.h, a.w);
    return SG_OK;
}

static sg_value concat_cases(sg_graph *g, int i)
{
    static const int list[][5] = {{2, 3, 1, 4, 5}, {1, 1, 2, 3, 7}, {2, 16, 32, 3, 2}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const int *c = list[i];
    return sg_concat(g, sg_case_input(g, "a", SG_SHAPE(c[0], c[1], c[3], c[4]), -1, 1, SG_CASE_GRAD),
                     sg_case_input(g, "b", SG_SHAPE(c[0], c[2], c[3], c[4]), -1, 1, SG_CASE_GRAD));
}

const sg_op sg_op_concat = {
    .name = "concat",
    .formula = "y = channels of a, then of b",
    .infer = concat_infer,
    SG_REFERENCE(concat),
    .sets_fresh = true,
    .any_layout = true,
    .joins = true,
    .cases = concat_cases,
};

sg_value sg_concat(sg_graph *g, sg_value a, sg_value b)
{
    return sg_node_add(g, &sg_op_concat, NULL, 0, (const sg_value[]){a, b}, 2);
}
#endif
