/* relu.c - rectifier, plain or leaky.
 *   forward   y = x > 0 ? x : slope x
 *   backward  dx += y > 0 ? dy : slope dy      (slope >= 0: y and x have one sign)
 * Nair & Hinton, ICML 2010; Maas, Hannun & Ng, ICML 2013. The attribute is sg_fused_relu, so that the fusion pass can
 * hand it to the op before. */
#include "core/tiles.h"
#include "nn/lanes.h"
#include "nn/ops.h"

SG_KERNELS(relu)

SG_INLINE void R(relu_tile)(real *restrict y, const real *restrict x, size_t len, real slope)
{
    for (size_t i = 0; i < len; i++) y[i] = R(sg_leaky)(x[i], slope);
}

SG_INLINE void R(relu_tile_grad)(real *restrict dx, const real *restrict y, const real *restrict dy, size_t len,
                                 real slope, bool fresh)
{
    for (size_t i = 0; i < len; i++) dx[i] = (fresh ? 0 : dx[i]) + (y[i] > 0 ? dy[i] : slope * dy[i]);
}

SG_SIMD static void R(relu_span)(const sg_run *run, size_t x_at, size_t y_at, size_t len, real slope)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    real x_tile[SG_TILE], y_tile[SG_TILE];
    for (size_t i = 0; i < len; i += SG_TILE) {
        const size_t count = sg_tile_len(i, len);
        const real *x = R(sg_tile_in)(run->in[0], x_type, x_at + i, count, x_tile);
        real *y = R(sg_tile_out)(run->out, y_type, y_at + i, count, false, y_tile);
        R(relu_tile)(y, x, count, slope);
        R(sg_tile_done)(run->out, y_type, y_at + i, count, y);
    }
}

SG_SIMD static void R(relu_span_grad)(const sg_run *run, size_t x_at, size_t y_at, size_t len, real slope)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    real dx_tile[SG_TILE], y_tile[SG_TILE], dy_tile[SG_TILE];
    for (size_t i = 0; i < len; i += SG_TILE) {
        const size_t count = sg_tile_len(i, len);
        const real *y = R(sg_tile_in)(run->out, y_type, y_at + i, count, y_tile);
        const real *dy = R(sg_tile_in)(run->dout, y_type, y_at + i, count, dy_tile);
        real *dx = R(sg_tile_out)(run->din[0], x_type, x_at + i, count, !run->fresh[0], dx_tile);
        if (run->fresh[0])
            R(relu_tile_grad)(dx, y, dy, count, slope, true);
        else
            R(relu_tile_grad)(dx, y, dy, count, slope, false);
        R(sg_tile_done)(run->din[0], x_type, x_at + i, count, dx);
    }
}

static void R(relu_slice)(void *context, int slice, bool backward)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_span span = sg_span_of(slice, sg_image_len(run->node));
    const sg_fused_relu *attr = run->node->attr;
    const size_t x_at = sg_span_at(&span, run->node->in_form[0]), y_at = sg_span_at(&span, run->node->form);
    (backward ? R(relu_span_grad) : R(relu_span))(run, x_at, y_at, span.len, (real)attr->slope);
}

static void R(relu_forward_slice)(void *context, int slice, int thread)
{
    (void)thread;
    R(relu_slice)(context, slice, false);
}

static void R(relu_backward_slice)(void *context, int slice, int thread)
{
    (void)thread;
    R(relu_slice)(context, slice, true);
}

void R(relu_forward)(const sg_run *run)
{
    sg_parallel(sg_spans(run->node->shape.n, sg_image_len(run->node)), R(relu_forward_slice), &run);
}

void R(relu_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(sg_spans(run->node->shape.n, sg_image_len(run->node)), R(relu_backward_slice), &run);
}

#ifdef SG_ONCE
static sg_status relu_infer(sg_node *node)
{
    const sg_fused_relu *attr = node->attr;
    if (!(attr->slope >= 0 && attr->slope < 1)) SG_FAIL(SG_E_RANGE, "slope %g is outside 0 <= slope < 1", attr->slope);
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be real");
    node->shape = node->in_shape[0];
    return SG_OK;
}

static sg_value relu_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double slope;
    } list[] = {{{2, 3, 5, 7}, 0}, {{1, 2, 3, 2}, .01}, {{1, 1, 1, 17}, .5}, {{2, 16, 3, 5}, 0}, {{2, 1, 2, 1030}, 0}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_relu(g, sg_case_input(g, "x", list[i].shape, -1, 1, SG_CASE_GRAD | SG_CASE_GAP), list[i].slope);
}

const sg_op sg_op_relu = {
    .name = "relu",
    .formula = "y = x > 0 ? x : slope x",
    .infer = relu_infer,
    SG_REFERENCE(relu),
    .is_relu = true,
    .keeps_output = true,
    .sets_fresh = true,
    .any_layout = true,
    .any_form = true,
    .again_ok = true,
    .cases = relu_cases,
};

sg_value sg_relu(sg_graph *g, sg_value x, double slope)
{
    const sg_fused_relu attr = {slope};
    return SG_NODE(g, &sg_op_relu, &attr, x);
}
#endif
