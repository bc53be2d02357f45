/* mirror_pad.c - rows below and columns to the right of a picture, mirrored at its edge, which is repeated:
 *     a b c  ->  a b c c b       (NumPy calls this "symmetric")
 *   forward   y(i,j) = x(m(i), m(j)), m(i) = i < h ? i : 2 h - 1 - i, likewise along w
 *   backward  dx(m(i), m(j)) += dy(i,j): the adjoint */
#include "core/parallel.h"
#include "nn/ops.h"

#include <string.h>

typedef struct mirror_pad_attr {
    int h, w;
} mirror_pad_attr;
SG_KERNELS(mirror_pad)

static void R(mirror_row)(real *restrict y, const real *restrict x, int from, int to)
{
    memcpy(y, x, (size_t)from * sizeof(real));
    for (int j = from; j < to; j++) y[j] = x[sg_mirror(j, from)];
}

static void R(mirror_row_grad)(real *restrict dx, const real *restrict dy, int from, int to)
{
    for (int j = 0; j < from; j++) dx[j] += dy[j];
    for (int j = from; j < to; j++) dx[sg_mirror(j, from)] += dy[j];
}

/* The numbers of one channel of one image, in the picture and in the larger one. */
static void R(mirror_forward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape in = run->node->in_shape[0], out = run->node->shape;
    const real *x = (const real *)run->in[0] + (size_t)plane * (size_t)in.h * (size_t)in.w;
    real *y = (real *)run->out + (size_t)plane * (size_t)out.h * (size_t)out.w;
    (void)thread;
    for (int i = 0; i < out.h; i++)
        R(mirror_row)(y + (size_t)i * (size_t)out.w, x + (size_t)sg_mirror(i, in.h) * (size_t)in.w, in.w, out.w);
}

static void R(mirror_backward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape in = run->node->in_shape[0], out = run->node->shape;
    real *dx = (real *)run->din[0] + (size_t)plane * (size_t)in.h * (size_t)in.w;
    const real *dy = (const real *)run->dout + (size_t)plane * (size_t)out.h * (size_t)out.w;
    (void)thread;
    for (int i = 0; i < out.h; i++)
        R(mirror_row_grad)(dx + (size_t)sg_mirror(i, in.h) * (size_t)in.w, dy + (size_t)i * (size_t)out.w, in.w, out.w);
}

void R(mirror_pad_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n * run->node->shape.c, R(mirror_forward_plane), &run);
}

void R(mirror_pad_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c, R(mirror_backward_plane), &run);
}

#ifdef SG_ONCE
static sg_status mirror_pad_infer(sg_node *node)
{
    const mirror_pad_attr *a = node->attr;
    const sg_shape x = node->in_shape[0];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be real");
    if (a->h < x.h || a->h > 2 * x.h || a->w < x.w || a->w > 2 * x.w)
        SG_FAIL(SG_E_SHAPE, "a picture of %d x %d can be mirrored up to twice its size, not to %d x %d", x.h, x.w, a->h,
                a->w);
    node->shape = SG_SHAPE(x.n, x.c, a->h, a->w);
    return SG_OK;
}

static sg_value mirror_pad_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x;
        int h, w;
    } list[] = {{{2, 3, 4, 5}, 6, 8}, {{1, 2, 3, 7}, 6, 7}, {{1, 1, 5, 2}, 5, 4}, {{1, 16, 3, 3}, 4, 4}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_mirror_pad(g, sg_case_input(g, "x", list[i].x, -1, 1, SG_CASE_GRAD), list[i].h, list[i].w);
}

const sg_op sg_op_mirror_pad = {
    .name = "mirror_pad",
    .formula = "y(i,j) = x(m(i),m(j)), m mirrors at the lower and right edge, which is repeated",
    .infer = mirror_pad_infer,
    SG_REFERENCE(mirror_pad),
    .linear = true,
    .again_ok = true,
    .cases = mirror_pad_cases,
};

sg_value sg_mirror_pad(sg_graph *g, sg_value x, int h, int w)
{
    const mirror_pad_attr attr = {h, w};
    return SG_NODE(g, &sg_op_mirror_pad, &attr, x);
}
#endif
