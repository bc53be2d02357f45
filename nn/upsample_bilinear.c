/* upsample_bilinear.c - bilinear, twice the size, pixel centres kept, edges repeated (PyTorch: align_corners=False).
 *   forward   separable: y(2i) = .25 x(i-1) + .75 x(i), y(2i+1) = .75 x(i) + .25 x(i+1)
 *   backward  the transpose */
#include "core/parallel.h"
#include "nn/lanes.h"
#include "nn/ops.h"

SG_KERNELS(upsample_bilinear)

/* Output index -> its near and far input index: weights .75 and .25. */
static inline size_t R(near_index)(size_t out)
{
    return out / 2;
}

static inline size_t R(far_index)(size_t out, size_t len)
{
    const size_t near = out / 2;
    if (out % 2) return near + 1 < len ? near + 1 : near;
    return near > 0 ? near - 1 : near;
}

static inline void R(upsample_any)(real *restrict y, const real *restrict x, size_t h, size_t w, const size_t lanes)
{
    for (size_t r = 0; r < 2 * h; r++) {
        const real *near = x + R(near_index)(r) * w * lanes, *far = x + R(far_index)(r, h) * w * lanes;
        for (size_t c = 0; c < 2 * w; c++) {
            const size_t a = R(near_index)(c) * lanes, b = R(far_index)(c, w) * lanes;
            for (size_t l = 0; l < lanes; l++)
                y[(r * 2 * w + c) * lanes + l] =
                    (real).5625 * near[a + l] + (real).1875 * (near[b + l] + far[a + l]) + (real).0625 * far[b + l];
        }
    }
}

static inline void R(upsample_any_grad)(real *restrict dx, const real *restrict dy, size_t h, size_t w,
                                        const size_t lanes)
{
    for (size_t r = 0; r < 2 * h; r++) {
        real *near = dx + R(near_index)(r) * w * lanes, *far = dx + R(far_index)(r, h) * w * lanes;
        for (size_t c = 0; c < 2 * w; c++) {
            const size_t a = R(near_index)(c) * lanes, b = R(far_index)(c, w) * lanes;
            for (size_t l = 0; l < lanes; l++) {
                const real d = dy[(r * 2 * w + c) * lanes + l];
                near[a + l] += (real).5625 * d;
                near[b + l] += (real).1875 * d;
                far[a + l] += (real).1875 * d;
                far[b + l] += (real).0625 * d;
            }
        }
    }
}

SG_SIMD static void R(upsample_piece)(real *y, const real *x, const sg_lanes *in)
{
    const size_t h = (size_t)in->h, w = (size_t)in->w;
    SG_WITH_LANES(in->lanes, R(upsample_any)(y, x, h, w, LANES));
}

SG_SIMD static void R(upsample_piece_grad)(real *dx, const real *dy, const sg_lanes *in)
{
    const size_t h = (size_t)in->h, w = (size_t)in->w;
    SG_WITH_LANES(in->lanes, R(upsample_any_grad)(dx, dy, h, w, LANES));
}

static void R(upsample_bilinear_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    (void)thread;
    R(upsample_piece)
    ((real *)run->out + 4 * (size_t)slice * in.piece, (const real *)run->in[0] + (size_t)slice * in.piece, &in);
}

static void R(upsample_bilinear_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    real *dx = (real *)run->din[0] + (size_t)slice * in.piece;
    (void)thread;
    if (run->fresh[0]) memset(dx, 0, in.piece * sizeof(real));
    R(upsample_piece_grad)(dx, (const real *)run->dout + 4 * (size_t)slice * in.piece, &in);
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
    static const sg_shape list[] = {{2, 3, 4, 5}, {1, 1, 1, 3}, {1, 2, 3, 1}, {1, 32, 3, 2}};
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
    .cases = upsample_cases,
};

sg_value sg_upsample_bilinear(sg_graph *g, sg_value x)
{
    return sg_node_add(g, &sg_op_upsample_bilinear, NULL, 0, &x, 1);
}
#endif
