/* mse.c - mean squared difference.
 *   forward   mean (a - b)^2; blocks summed in order, in double
 *   backward  da += dL 2 (a - b) / len,  db -= the same */
#include "core/parallel.h"
#include "nn/lanes.h"
#include "nn/loss.h"
#include "nn/loss_infer.h"
#include "nn/ops.h"

SG_KERNELS(mse)

static void R(mse_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t end = sg_block_end(slice, sg_shape_len(run->node->in_shape[0]));
    const real *a = run->in[0], *b = run->in[1];
    double sum = 0;
    (void)thread;
    for (size_t i = sg_block_begin(slice); i < end; i++) {
        const double d = (double)(a[i] - b[i]);
        sum += d * d;
    }
    ((double *)run->scratch)[slice] = sum;
}

SG_SIMD static void R(mse_block)(real *restrict d, const real *restrict a, const real *restrict b, size_t len, real k,
                                 int fresh)
{
    for (size_t i = 0; i < len; i++) d[i] = (fresh ? 0 : d[i]) + k * (a[i] - b[i]);
}

static void R(mse_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t all = sg_shape_len(run->node->in_shape[0]), at = sg_block_begin(slice),
                 len = sg_block_end(slice, all) - at;
    const real k = (real)(2 * (double)*(const real *)run->dout / ((double)all * sg_ranks_count(run->step->ranks)));
    const real *a = (const real *)run->in[0] + at, *b = (const real *)run->in[1] + at;
    (void)thread;
    if (run->din[0]) R(mse_block)((real *)run->din[0] + at, a, b, len, k, run->fresh[0]);
    if (run->din[1]) R(mse_block)((real *)run->din[1] + at, a, b, len, -k, run->fresh[1]);
}

void R(mse_forward)(const sg_run *run)
{
    const size_t len = sg_shape_len(run->node->in_shape[0]);
    double sum = 0;
    sg_parallel(sg_blocks(len), R(mse_forward_slice), &run);
    for (int b = 0; b < sg_blocks(len); b++) sum += ((const double *)run->scratch)[b];
    sg_ranks_sum(run->step->ranks, &sum, 1);
    *(real *)run->out = (real)(sum / ((double)len * sg_ranks_count(run->step->ranks)));
}

void R(mse_backward)(const sg_run *run)
{
    sg_parallel(sg_blocks(sg_shape_len(run->node->in_shape[0])), R(mse_backward_slice), &run);
}

#ifdef SG_ONCE
static void mse_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads, (void)real_size;
    out->scratch = (size_t)sg_blocks(sg_shape_len(node->in_shape[0])) * sizeof(double);
}

static sg_value mse_cases(sg_graph *g, int i)
{
    static const sg_shape list[] = {{2, 1, 3, 5}, {1, 1, 1, 1}, {1, 3, 70, 90}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_mse(g, sg_case_input(g, "a", list[i], -1, 1, SG_CASE_GRAD),
                  sg_case_input(g, "b", list[i], -1, 1, SG_CASE_GRAD));
}

const sg_op sg_op_mse = {
    .name = "mse",
    .formula = "mean (a - b)^2",
    .infer = sg_loss_infer,
    .workspace = mse_workspace,
    SG_REFERENCE(mse),
    .keeps_inputs = 1 | 2,
    .sets_fresh = true,
    .cases = mse_cases,
};

sg_value sg_mse(sg_graph *g, sg_value a, sg_value b)
{
    return sg_node_add(g, &sg_op_mse, NULL, 0, (const sg_value[]){a, b}, 2);
}
#endif
