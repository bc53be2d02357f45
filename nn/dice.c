/* dice.c - soft Dice loss over the whole batch (Milletari, Navab & Ahmadi, 3DV 2016, first powers below).
 *   forward   1 - (2 I + 1) / (P + Y + 1), p = sigmoid(z), I = sum p y, P = sum p, Y = sum y over pixels with y >= 0
 *   backward  dz += dL p (1 - p) ((2 I + 1) / (P + Y + 1)^2 - 2 y / (P + Y + 1)) on those pixels
 * p is saved by forward. Sums: blocks in order, in double. */
#include "core/parallel.h"
#include "nn/logistic_lanes.h"
#include "nn/loss.h"
#include "nn/loss_infer.h"
#include "nn/ops.h"

SG_KERNELS(dice)

/* I, and P + Y. Scratch: one for each block. */
typedef struct R(dice_part) {
    double both, all;
} R(dice_part);

/* One pixel: p. */
SG_INLINE real R(dice_pixel)(double *both, double *all, real z, real y)
{
    const real p = R(sg_lane_sigmoid)(z, R(sg_lane_tail)(z));
    *both += y < 0 ? 0 : (double)(p * y);
    *all += y < 0 ? 0 : (double)(p + y);
    return p;
}

SG_SIMD static void R(dice_sums)(R(dice_part) * out, real *restrict p, const real *restrict z, const real *restrict y,
                                 size_t len)
{
    double both[SG_LOSS_PARTS] = {0}, all[SG_LOSS_PARTS] = {0};
    size_t i = 0;
    for (; i + SG_LOSS_PARTS <= len; i += SG_LOSS_PARTS)
        for (size_t l = 0; l < SG_LOSS_PARTS; l++) p[i + l] = R(dice_pixel)(&both[l], &all[l], z[i + l], y[i + l]);
    for (size_t l = 0; i + l < len; l++) p[i + l] = R(dice_pixel)(&both[l], &all[l], z[i + l], y[i + l]);
    *out = (R(dice_part)){0};
    for (size_t l = 0; l < SG_LOSS_PARTS; l++) out->both += both[l], out->all += all[l];
}

static void R(dice_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t at = sg_block_begin(slice), end = sg_block_end(slice, sg_shape_len(run->node->in_shape[0]));
    (void)thread;
    R(dice_sums)
    ((R(dice_part) *)run->scratch + slice, (real *)run->save + at, (const real *)run->in[0] + at,
     (const real *)run->in[1] + at, end - at);
}

static R(dice_part) * R(dice_total)(const sg_run *run)
{
    const size_t len = sg_shape_len(run->node->in_shape[0]);
    return (R(dice_part) *)(void *)((char *)run->save + (len * sizeof(real) + 7) / 8 * 8);
}

/* k1 (2 I + 1) / (...)^2 and k2 = 2 / (...), times dL */
SG_SIMD static void R(dice_block)(real *restrict dz, const real *restrict p, const real *restrict y, size_t len,
                                  real k1, real k2, int fresh)
{
    for (size_t i = 0; i < len; i++) {
        const real g = p[i] * (1 - p[i]) * (k1 - k2 * y[i]);
        dz[i] = (fresh ? 0 : dz[i]) + (y[i] < 0 ? 0 : g);
    }
}

static void R(dice_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t len = sg_shape_len(run->node->in_shape[0]), begin = sg_block_begin(slice);
    const R(dice_part) total = *R(dice_total)(run);
    const double dl = (double)*(const real *)run->dout, below = total.all + 1;
    (void)thread;
    R(dice_block)
    ((real *)run->din[0] + begin, (const real *)run->save + begin, (const real *)run->in[1] + begin,
     sg_block_end(slice, len) - begin, (real)(dl * (2 * total.both + 1) / (below * below)), (real)(dl * 2 / below),
     run->fresh[0]);
}

void R(dice_forward)(const sg_run *run)
{
    const int blocks = sg_blocks(sg_shape_len(run->node->in_shape[0]));
    const R(dice_part) *part = run->scratch;
    R(dice_part) total = {0};
    sg_parallel(blocks, R(dice_forward_slice), &run);
    for (int b = 0; b < blocks; b++) total.both += part[b].both, total.all += part[b].all;
    sg_ranks_sum(run->step->ranks, &total.both, 2);
    *R(dice_total)(run) = total;
    *(real *)run->out = (real)(1 - (2 * total.both + 1) / (total.all + 1));
}

void R(dice_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(sg_blocks(sg_shape_len(run->node->in_shape[0])), R(dice_backward_slice), &run);
}

#ifdef SG_ONCE
static void dice_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const size_t len = sg_shape_len(node->in_shape[0]);
    (void)threads;
    out->save = (len * real_size + 7) / 8 * 8 + sizeof(dice_part_f32);
    out->scratch = (size_t)sg_blocks(len) * sizeof(dice_part_f32);
}

static sg_value dice_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double lo;
    } list[] = {{{2, 1, 3, 5}, 0}, {{1, 2, 4, 3}, -.8}, {{1, 1, 1, 1}, 0}, {{1, 3, 70, 90}, -.1}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_dice(g, sg_case_input(g, "logits", list[i].shape, -4, 4, SG_CASE_GRAD),
                   sg_case_input(g, "label", list[i].shape, list[i].lo, 1, 0));
}

const sg_op sg_op_dice = {
    .name = "dice",
    .formula =
        "1 - (2 sum p y + 1) / (sum p + sum y + 1), p = sigmoid(z), over pixels with y >= 0 (Milletari et al. 2016)",
    .infer = sg_loss_infer,
    .workspace = dice_workspace,
    SG_REFERENCE(dice),
    .keeps_inputs = 2,
    .sets_fresh = true,
    .cases = dice_cases,
};

sg_value sg_dice(sg_graph *g, sg_value logits, sg_value label)
{
    return sg_node_add(g, &sg_op_dice, NULL, 0, (const sg_value[]){logits, label}, 2);
}

sg_value sg_dice_bce(sg_graph *g, sg_value logits, sg_value label, double bce_weight, double dice_weight)
{
    return sg_combine(g, sg_bce(g, logits, label), bce_weight, sg_dice(g, logits, label), dice_weight);
}
#endif
