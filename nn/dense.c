/* dense.c - every output from every number of a sample (PyTorch: flatten(1), then Linear).
 *   forward   y(n,o) = bias(o) + sum_j weight(o,j) x(n,j), j over (c, h, w)
 *   backward  dx(n) += sum_o dy(n,o) weight(o);  dweight(o) += sum_n dy(n,o) x(n);  dbias(o) += sum_n dy(n,o)
 * A slice owns a sample (forward, dx) or an output (dweight, dbias), so nothing is added across threads. */
#include "core/parallel.h"
#include "nn/dense_gemm.h"
#include "nn/lanes.h"
#include "nn/ops.h"

SG_KERNELS(dense)

static size_t R(dense_inputs)(const sg_node *node)
{
    return sg_shape_len(node->in_shape[0]) / (size_t)node->in_shape[0].n;
}

/* sum of x y: 16 partial sums, so that it vectorises in a fixed order. */
SG_INLINE real R(dense_dot)(const real *restrict x, const real *restrict y, size_t len)
{
    real part[SG_LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + SG_LANES <= len; i += SG_LANES)
        for (size_t l = 0; l < SG_LANES; l++) part[l] += x[i + l] * y[i + l];
    for (size_t l = 0; i + l < len; l++) part[l] += x[i + l] * y[i + l];
    for (size_t l = 0; l < SG_LANES; l++) sum += part[l];
    return sum;
}

/* The outputs of one sample. */
SG_SIMD static void R(dense_outputs)(real *restrict y, const real *x, const real *weight, const real *bias,
                                     size_t outputs, size_t inputs)
{
    for (size_t o = 0; o < outputs; o++) y[o] = (bias ? bias[o] : 0) + R(dense_dot)(weight + o * inputs, x, inputs);
}

/* to += sum over rows of k[row * step] * rows[row]. */
SG_SIMD static void R(dense_add_rows)(real *restrict to, const real *restrict rows, const real *restrict k,
                                      size_t count, size_t step, size_t len)
{
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < len; i++) to[i] += k[r * step] * rows[r * len + i];
}

static void R(dense_forward_sample)(void *context, int n, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t inputs = R(dense_inputs)(run->node), outputs = (size_t)run->node->shape.c;
    (void)thread;
    R(dense_outputs)
    ((real *)run->out + (size_t)n * outputs, (const real *)run->in[0] + (size_t)n * inputs, run->in[1], run->in[2],
     outputs, inputs);
}

static void R(dense_data_sample)(void *context, int n, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t inputs = R(dense_inputs)(run->node), outputs = (size_t)run->node->shape.c;
    (void)thread;
    R(dense_add_rows)
    ((real *)run->din[0] + (size_t)n * inputs, run->in[1], (const real *)run->dout + (size_t)n * outputs, outputs, 1,
     inputs);
}

static void R(dense_weight_output)(void *context, int o, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t inputs = R(dense_inputs)(run->node), outputs = (size_t)run->node->shape.c,
                 samples = (size_t)run->node->shape.n;
    const real *dy = (const real *)run->dout + o;
    real *dbias = run->din[2];
    (void)thread;
    if (run->din[1]) R(dense_add_rows)
    ((real *)run->din[1] + (size_t)o * inputs, run->in[0], dy, samples, outputs, inputs);
    for (size_t n = 0; dbias && n < samples; n++) dbias[o] += dy[n * outputs];
}

void R(dense_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n, R(dense_forward_sample), &run);
}

void R(dense_backward)(const sg_run *run)
{
    for (int i = 0; i < 3; i++) R(sg_zero_fresh)(run, i);
    if (run->din[0]) sg_parallel(run->node->shape.n, R(dense_data_sample), &run);
    if (run->din[1] || run->din[2]) sg_parallel(run->node->shape.c, R(dense_weight_output), &run);
}

#ifdef SG_ONCE
static sg_status dense_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0], w = node->in_shape[1], b = node->in_shape[2];
    for (int i = 0; i < 3; i++)
        if (node->in_complex[i]) SG_FAIL(SG_E_SHAPE, "every input must be real");
    if (w.c != x.c || w.h != x.h || w.w != x.w)
        SG_FAIL(SG_E_SHAPE, "weight takes (%d,%d,%d), a sample is (%d,%d,%d)", w.c, w.h, w.w, x.c, x.h, x.w);
    if (node->inputs[2] >= 0 && !sg_shape_equal(b, SG_SHAPE(1, w.n, 1, 1)))
        SG_FAIL(SG_E_SHAPE, "bias is (%d,%d,%d,%d), not (1,%d,1,1)", b.n, b.c, b.h, b.w, w.n);
    node->shape = SG_SHAPE(x.n, w.n, 1, 1);
    return SG_OK;
}

static double dense_flop(const sg_node *node)
{
    return 2. * (double)node->shape.n * (double)sg_shape_len(node->in_shape[1]);
}

static sg_value dense_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x;
        int outputs, bias;
    } list[] = {{{3, 2, 3, 4}, 5, 1},   {{1, 1, 1, 1}, 1, 0},  {{2, 17, 1, 1}, 3, 1},
                {{5, 1, 7, 5}, 2, 0},   {{2, 2, 4, 4}, 3, 1},  {{18, 1, 6, 6}, 13, 1},
                {{2, 1, 2, 3}, 100, 1}, {{98, 1, 3, 1}, 3, 0}, {{2, 1, 10, 11}, 3, 1}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const sg_shape x = list[i].x;
    const int o = list[i].outputs;
    const sg_value in = sg_case_input(g, "x", x, -1, 1, SG_CASE_GRAD),
                   w = sg_case_input(g, "weight", SG_SHAPE(o, x.c, x.h, x.w), -1, 1, SG_CASE_GRAD);
    return sg_dense(g, in, w,
                    list[i].bias ? sg_case_input(g, "bias", SG_SHAPE(1, o, 1, 1), -1, 1, SG_CASE_GRAD) : SG_NONE);
}

const sg_op sg_op_dense = {
    .name = "dense",
    .formula = "y(n,o) = bias(o) + sum_j weight(o,j) x(n,j), j over (c, h, w)",
    .infer = dense_infer,
    SG_REFERENCE(dense),
    .flop = dense_flop,
    .fast = {&sg_dense_gemm},
    .keeps_inputs = 1 | 2,
    .sets_fresh = true,
    .cases = dense_cases,
};

sg_value sg_dense(sg_graph *g, sg_value x, sg_value weight, sg_value bias)
{
    return sg_node_add(g, &sg_op_dense, NULL, 0, (const sg_value[]){x, weight, bias}, 3);
}
#endif
