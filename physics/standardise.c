/* standardise.c - each image to mean 0 and standard deviation 1, over its channels and pixels.
 *   forward   y = (x - mean) r, r = 1/sqrt(var + epsilon)
 *   backward  dx += r (dy - mean(dy) - y mean(dy y)) */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/readout.h"

#include <tgmath.h>

typedef struct standardise_attr {
    double epsilon;
} standardise_attr;
SG_KERNELS(standardise)

static size_t R(image_len)(const sg_run *run)
{
    const sg_shape s = run->node->shape;
    return sg_shape_len(s) / (size_t)s.n;
}

static void R(forward_image)(void *context, int image, int thread)
{
    const sg_run *run = *(const sg_run *const *)context;
    const standardise_attr *a = run->node->attr;
    const size_t len = R(image_len)(run);
    const real *x = (const real *)run->in[0] + (size_t)image * len;
    real *y = (real *)run->out + (size_t)image * len, *inverse = run->save;
    const real mean = (real)(R(sg_sum)(x, len) / (double)len);
    (void)thread;
    for (size_t i = 0; i < len; i++) y[i] = x[i] - mean;
    inverse[image] = (real)(1 / sqrt(R(sg_dot)(y, y, len) / (double)len + a->epsilon));
    for (size_t i = 0; i < len; i++) y[i] *= inverse[image];
}

void R(standardise_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n, R(forward_image), &run);
}

static void R(backward_image)(void *context, int image, int thread)
{
    const sg_run *run = *(const sg_run *const *)context;
    const size_t len = R(image_len)(run);
    const real *y = (const real *)run->out + (size_t)image * len, *dy = (const real *)run->dout + (size_t)image * len;
    const real inverse = ((const real *)run->save)[image];
    const real mean = (real)(R(sg_sum)(dy, len) / (double)len), along = (real)(R(sg_dot)(dy, y, len) / (double)len);
    real *dx = (real *)run->din[0] + (size_t)image * len;
    const bool fresh = run->fresh[0];
    (void)thread;
    for (size_t i = 0; i < len; i++) dx[i] = (fresh ? 0 : dx[i]) + inverse * (dy[i] - mean - y[i] * along);
}

void R(standardise_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->shape.n, R(backward_image), &run);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const standardise_attr *a = node->attr;
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "input is complex");
    if (!(a->epsilon > 0)) SG_FAIL(SG_E_RANGE, "epsilon: %g is not positive", a->epsilon);
    node->shape = node->in_shape[0];
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    out->save = (size_t)node->shape.n * real_size;
}

static sg_value cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{2, 1, 5, 3}, {1, 3, 4, 7}, {3, 2, 1, 5}};
    if (i >= 3) return SG_NONE;
    return sg_standardise(g, sg_case_input(g, "x", shapes[i], -1, 3, SG_CASE_GRAD), i == 1 ? .5 : 1e-6);
}

const sg_op sg_op_standardise = {
    .name = "standardise",
    .formula = "y = (x - mean) / sqrt(var + epsilon), per image",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(standardise),
    .keeps_output = true,
    .sets_fresh = true,
    .cases = cases,
};

sg_value sg_standardise(sg_graph *g, sg_value x, double epsilon)
{
    const standardise_attr attr = {epsilon};
    return SG_NODE(g, &sg_op_standardise, &attr, x);
}

#endif
