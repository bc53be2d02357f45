/* relu.c - rectifier, plain or leaky.
 *   forward   y = x > 0 ? x : slope x
 *   backward  dx += y > 0 ? dy : slope dy      (slope >= 0: y and x have one sign)
 * Nair & Hinton, ICML 2010; Maas, Hannun & Ng, ICML 2013. The attribute is sg_fused_relu, so that the fusion pass can
 * hand it to the op before. */
#include "core/parallel.h"
#include "nn/lanes.h"
#include "nn/ops.h"

SG_KERNELS(relu)

SG_SIMD static void R(relu_block)(real *restrict y, const real *restrict x, size_t len, real slope)
{
    for (size_t i = 0; i < len; i++) y[i] = R(sg_leaky)(x[i], slope);
}

SG_SIMD static void R(relu_grad)(real *restrict dx, const real *restrict y, const real *restrict dy, size_t len,
                                 real slope, real keep)
{
    for (size_t i = 0; i < len; i++) dx[i] = (keep != 0 ? dx[i] : 0) + (y[i] > 0 ? dy[i] : slope * dy[i]);
}

static void R(relu_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t len = sg_shape_len(run->node->shape), begin = sg_block_begin(slice);
    const sg_fused_relu *attr = run->node->attr;
    (void)thread;
    R(relu_block)
    ((real *)run->out + begin, (const real *)run->in[0] + begin, sg_block_end(slice, len) - begin, (real)attr->slope);
}

static void R(relu_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t len = sg_shape_len(run->node->shape), begin = sg_block_begin(slice);
    const sg_fused_relu *attr = run->node->attr;
    (void)thread;
    R(relu_grad)
    ((real *)run->din[0] + begin, (const real *)run->out + begin, (const real *)run->dout + begin,
     sg_block_end(slice, len) - begin, (real)attr->slope, run->fresh[0] ? 0 : 1);
}

void R(relu_forward)(const sg_run *run)
{
    sg_parallel(sg_blocks(sg_shape_len(run->node->shape)), R(relu_forward_slice), &run);
}

void R(relu_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(sg_blocks(sg_shape_len(run->node->shape)), R(relu_backward_slice), &run);
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
    } list[] = {{{2, 3, 5, 7}, 0}, {{1, 2, 3, 2}, .01}, {{1, 1, 1, 17}, .5}, {{2, 16, 3, 5}, 0}};
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
    .cases = relu_cases,
};

sg_value sg_relu(sg_graph *g, sg_value x, double slope)
{
    const sg_fused_relu attr = {slope};
    return SG_NODE(g, &sg_op_relu, &attr, x);
}
#endif
