/* bce.c - binary cross entropy of logits (the stable form).
 *   forward   mean over counted pixels (label >= 0) of max(z,0) - z y + log(1 + exp(-|z|)); 0 if none is counted
 *   backward  dz += dL (sigmoid(z) - y) / counted
 * sigmoid(z) - y is saved by forward. Sums: blocks in order, in double. */
#include "core/parallel.h"
#include "nn/logistic_lanes.h"
#include "nn/loss.h"
#include "nn/loss_infer.h"
#include "nn/ops.h"

SG_KERNELS(bce)

/* Scratch: a pair for each block. */
typedef struct R(bce_part) {
    double loss, count;
} R(bce_part);

/* One pixel: sigmoid(z) - y, or 0 where it does not count. */
SG_INLINE real R(bce_pixel)(double *loss, double *count, real z, real y)
{
    const real tail = R(sg_lane_tail)(z);
    const real own = (z > 0 ? z : z != z ? z : 0) - z * y + R(sg_lane_log1p_tail)(tail);
    *loss += y < 0 ? 0 : (double)own;
    *count += y < 0 ? 0 : 1;
    return y < 0 ? 0 : R(sg_lane_sigmoid)(z, tail) - y;
}

SG_SIMD static void R(bce_block)(R(bce_part) * out, real *restrict grad, const real *restrict z, const real *restrict y,
                                 size_t len)
{
    double loss[SG_LOSS_PARTS] = {0}, count[SG_LOSS_PARTS] = {0};
    size_t i = 0;
    for (; i + SG_LOSS_PARTS <= len; i += SG_LOSS_PARTS)
        for (size_t l = 0; l < SG_LOSS_PARTS; l++) grad[i + l] = R(bce_pixel)(&loss[l], &count[l], z[i + l], y[i + l]);
    for (size_t l = 0; i + l < len; l++) grad[i + l] = R(bce_pixel)(&loss[l], &count[l], z[i + l], y[i + l]);
    *out = (R(bce_part)){0};
    for (size_t l = 0; l < SG_LOSS_PARTS; l++) out->loss += loss[l], out->count += count[l];
}

static void R(bce_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t at = sg_block_begin(slice), end = sg_block_end(slice, sg_shape_len(run->node->in_shape[0]));
    (void)thread;
    R(bce_block)
    ((R(bce_part) *)run->scratch + slice, (real *)run->save + at, (const real *)run->in[0] + at,
     (const real *)run->in[1] + at, end - at);
}

SG_SIMD static void R(bce_scale)(real *restrict dz, const real *restrict grad, size_t len, real k, int fresh)
{
    for (size_t i = 0; i < len; i++) dz[i] = (fresh ? 0 : dz[i]) + k * grad[i];
}

static double *R(bce_count)(const sg_run *run)
{
    const size_t len = sg_shape_len(run->node->in_shape[0]);
    return (double *)(void *)((char *)run->save + (len * sizeof(real) + 7) / 8 * 8);
}

static void R(bce_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t len = sg_shape_len(run->node->in_shape[0]), begin = sg_block_begin(slice);
    const double count = *R(bce_count)(run);
    const real k = count > 0 ? (real)((double)*(const real *)run->dout / count) : 0;
    (void)thread;
    R(bce_scale)
    ((real *)run->din[0] + begin, (const real *)run->save + begin, sg_block_end(slice, len) - begin, k, run->fresh[0]);
}

void R(bce_forward)(const sg_run *run)
{
    const int blocks = sg_blocks(sg_shape_len(run->node->in_shape[0]));
    const R(bce_part) *part = run->scratch;
    R(bce_part) total = {0};
    sg_parallel(blocks, R(bce_forward_slice), &run);
    for (int b = 0; b < blocks; b++) total.loss += part[b].loss, total.count += part[b].count;
    sg_ranks_sum(run->step->ranks, &total.loss, 2);
    *R(bce_count)(run) = total.count;
    *(real *)run->out = total.count > 0 ? (real)(total.loss / total.count) : 0;
}

void R(bce_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(sg_blocks(sg_shape_len(run->node->in_shape[0])), R(bce_backward_slice), &run);
}

#ifdef SG_ONCE
static void bce_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const size_t len = sg_shape_len(node->in_shape[0]);
    (void)threads;
    out->save = (len * real_size + 7) / 8 * 8 + sizeof(double);
    out->scratch = (size_t)sg_blocks(len) * sizeof(bce_part_f32);
}

static sg_value bce_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double lo; /* of the label: below 0, some pixels do not count */
    } list[] = {{{2, 1, 3, 5}, 0}, {{1, 2, 4, 3}, -.8}, {{1, 1, 1, 1}, 0}, {{1, 3, 70, 90}, -.1}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_bce(g, sg_case_input(g, "logits", list[i].shape, -4, 4, SG_CASE_GRAD | SG_CASE_GAP),
                  sg_case_input(g, "label", list[i].shape, list[i].lo, 1, 0));
}

const sg_op sg_op_bce = {
    .name = "bce",
    .formula = "mean over pixels with label >= 0 of max(z,0) - z y + log(1 + exp(-|z|))",
    .infer = sg_loss_infer,
    .workspace = bce_workspace,
    SG_REFERENCE(bce),
    .sets_fresh = true,
    .cases = bce_cases,
};

sg_value sg_bce(sg_graph *g, sg_value logits, sg_value label)
{
    return sg_node_add(g, &sg_op_bce, NULL, 0, (const sg_value[]){logits, label}, 2);
}
#endif
