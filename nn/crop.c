/* crop.c - the upper left part of a picture: what mirror_pad added is cut off again.
 *   forward   y = x[:, :, 0 .. h - 1, 0 .. w - 1];  backward  dx += dy there */
#include "core/parallel.h"
#include "nn/ops.h"

#include <string.h>

typedef struct crop_attr {
    int h, w;
} crop_attr;
SG_KERNELS(crop)

static void R(crop_forward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape in = run->node->in_shape[0], out = run->node->shape;
    const size_t in_w = (size_t)in.w, out_w = (size_t)out.w, h = (size_t)out.h;
    const real *x = (const real *)run->in[0] + (size_t)plane * (size_t)in.h * in_w;
    real *y = (real *)run->out + (size_t)plane * h * out_w;
    (void)thread;
    for (size_t i = 0; i < h; i++) memcpy(y + i * out_w, x + i * in_w, out_w * sizeof(real));
}

static void R(crop_backward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape in = run->node->in_shape[0], out = run->node->shape;
    const size_t in_w = (size_t)in.w, out_w = (size_t)out.w, h = (size_t)out.h;
    real *dx = (real *)run->din[0] + (size_t)plane * (size_t)in.h * in_w;
    const real *dy = (const real *)run->dout + (size_t)plane * h * out_w;
    (void)thread;
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < out_w; j++) dx[i * in_w + j] += dy[i * out_w + j];
}

void R(crop_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n * run->node->shape.c, R(crop_forward_plane), &run);
}

void R(crop_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c, R(crop_backward_plane), &run);
}

#ifdef SG_ONCE
static sg_status crop_infer(sg_node *node)
{
    const crop_attr *a = node->attr;
    const sg_shape x = node->in_shape[0];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be real");
    if (a->h < 1 || a->h > x.h || a->w < 1 || a->w > x.w)
        SG_FAIL(SG_E_SHAPE, "%d x %d is no part of a picture of %d x %d", a->h, a->w, x.h, x.w);
    node->shape = SG_SHAPE(x.n, x.c, a->h, a->w);
    return SG_OK;
}

static sg_value crop_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x;
        int h, w;
    } list[] = {{{2, 3, 6, 8}, 4, 5}, {{1, 2, 5, 4}, 5, 3}, {{1, 16, 4, 4}, 3, 4}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_crop(g, sg_case_input(g, "x", list[i].x, -1, 1, SG_CASE_GRAD), list[i].h, list[i].w);
}

const sg_op sg_op_crop = {
    .name = "crop",
    .formula = "y = the upper left part of x",
    .infer = crop_infer,
    SG_REFERENCE(crop),
    .linear = true,
    .again_ok = true,
    .cases = crop_cases,
};

sg_value sg_crop(sg_graph *g, sg_value x, int h, int w)
{
    const crop_attr attr = {h, w};
    return SG_NODE(g, &sg_op_crop, &attr, x);
}
#endif
