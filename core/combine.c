/* combine.c - weighted sum of two tensors.
 *   forward   y = ka a + kb b          backward   da += ka dy, db += kb dy */
#include "core/ops.h"
#include "core/parallel.h"

typedef struct combine_attr {
    double ka, kb;
} combine_attr;
SG_KERNELS(combine)

static size_t R(combine_len)(const sg_node *node)
{
    return sg_shape_len(node->shape) * (node->is_complex ? 2 : 1);
}

static void R(combine_forward_block)(void *context, int block, int thread)
{
    const sg_run *run = context;
    const combine_attr *attr = run->node->attr;
    const size_t end = sg_block_end(block, R(combine_len)(run->node));
    const real ka = (real)attr->ka, kb = (real)attr->kb;
    const real *a = run->in[0], *b = run->node->input_count > 1 ? run->in[1] : NULL;
    real *y = run->out;
    (void)thread;
    for (size_t i = sg_block_begin(block); i < end; i++) y[i] = b != NULL ? ka * a[i] + kb * b[i] : ka * a[i];
}

void R(combine_forward)(const sg_run *run)
{
    sg_parallel(sg_blocks(R(combine_len)(run->node)), R(combine_forward_block), (void *)(uintptr_t)run);
}

static void R(combine_backward_block)(void *context, int block, int thread)
{
    const sg_run *run = context;
    const combine_attr *attr = run->node->attr;
    const size_t end = sg_block_end(block, R(combine_len)(run->node));
    const real k[2] = {(real)attr->ka, (real)attr->kb};
    const real *dy = run->dout;
    (void)thread;
    for (int j = 0; j < run->node->input_count; j++) {
        real *d = run->din[j];
        if (d == NULL) continue;
        for (size_t i = sg_block_begin(block); i < end; i++) d[i] += k[j] * dy[i];
    }
}

void R(combine_backward)(const sg_run *run)
{
    sg_parallel(sg_blocks(R(combine_len)(run->node)), R(combine_backward_block), (void *)(uintptr_t)run);
}

#ifdef SG_ONCE
static sg_status combine_infer(sg_node *node)
{
    if (node->input_count == 2 &&
        (!sg_shape_equal(node->in_shape[0], node->in_shape[1]) || node->in_complex[0] != node->in_complex[1]))
        SG_FAIL(SG_E_SHAPE, "two equal shapes are needed");
    node->shape = node->in_shape[0];
    node->is_complex = node->in_complex[0];
    return SG_OK;
}

static sg_value combine_cases(sg_graph *g, int i)
{
    const sg_shape shape = i == 0 ? SG_SHAPE(2, 3, 5, 7) : SG_SHAPE(1, 1, 3, 4);
    const unsigned flags = i == 1 ? SG_CASE_GRAD | SG_CASE_COMPLEX : SG_CASE_GRAD;
    if (i > 2) return SG_NONE;
    const sg_value a = sg_case_input(g, "a", shape, -1, 1, flags);
    if (i == 2) return sg_combine(g, a, .7, SG_NONE, 0);
    return sg_combine(g, a, .7, sg_case_input(g, "b", shape, -1, 1, flags), -1.3);
}

const sg_op sg_op_combine = {
    .name = "combine",
    .formula = "y = ka a + kb b",
    .infer = combine_infer,
    SG_REFERENCE(combine),
    .linear = true,
    .any_layout = true,
    .cases = combine_cases,
};

sg_value sg_combine(sg_graph *g, sg_value a, double ka, sg_value b, double kb)
{
    const combine_attr attr = {ka, kb};
    const sg_value inputs[2] = {a, b};
    return sg_node_add(g, &sg_op_combine, &attr, sizeof attr, inputs, b.id < 0 ? 1 : 2);
}
#endif
