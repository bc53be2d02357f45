/* batch_norm.c - batch normalisation (Ioffe & Szegedy, ICML 2015), PyTorch's conventions: eps 1e-5, momentum .1.
 *   forward   y = scale x + shift, scale = weight / sqrt(var + eps), shift = bias - scale mean, then the fused
 * activation training: mean and biased var of the batch, per channel over n, h, w;  else: the running ones backward  g
 * = dy (masked by the activation, whose sign is that of scale x + shift: y itself is not kept), z = (x - mean) / std
 *             dbias += sum g;  dweight += sum g z;  m = n h w numbers a channel
 *             training  dx += scale (g - sum g / m - z (sum g z) / m)        else  dx += scale g
 *   commit    running_mean += .1 (mean - running_mean);  running_var += .1 (var m / (m - 1) - running_var)
 * Statistics: 16 partial sums over groups of 512 x 16 numbers, each centred on its own mean; groups, then images, are
 * merged in order, in double (Chan, Golub & LeVeque 1983). A row of 16 holds 16, 2 or 1 pixels of 1, 8 or 16 channels:
 * lane l belongs to channel l modulo the channels of the block, in a rest too. */
#include "core/parallel.h"
#include "nn/lanes.h"
#include "nn/ops.h"

#include <tgmath.h>

SG_KERNELS(batch_norm)
SG_HIDDEN void batch_norm_commit_f32(const sg_run *run);
SG_HIDDEN void batch_norm_commit_f64(const sg_run *run);

enum { R(GROUP) = 512 };
static const double R(bn_eps) = 1e-5, R(bn_momentum) = .1;

/* What forward saves for each channel, in double. */
typedef struct R(bn_channel) {
    double mean, var, inv_std, spare;
} R(bn_channel);

/* count numbers with this mean and sum of squared deviations; in backward: sum g, sum g z. */
typedef struct R(bn_part) {
    double count, a, b;
} R(bn_part);

static inline void R(bn_merge)(R(bn_part) * to, double count, double mean, double squares)
{
    const double all = to->count + count, delta = mean - to->a;
    if (count == 0) return;
    to->b += squares + delta * delta * (to->count * count / all);
    to->a += delta * (count / all);
    to->count = all;
}

/* Statistics of `rows` x 16 numbers: lane by lane. */
static inline void R(bn_group)(const real *restrict x, size_t rows, R(bn_part) part[SG_LANES])
{
    real sum[SG_LANES] = {0}, squares[SG_LANES] = {0}, mean[SG_LANES];
    for (size_t r = 0; r < rows; r++)
        for (int l = 0; l < SG_LANES; l++) sum[l] += x[r * SG_LANES + (size_t)l];
    for (int l = 0; l < SG_LANES; l++) mean[l] = sum[l] / (real)rows;
    for (size_t r = 0; r < rows; r++)
        for (int l = 0; l < SG_LANES; l++) {
            const real d = x[r * SG_LANES + (size_t)l] - mean[l];
            squares[l] += d * d;
        }
    for (int l = 0; l < SG_LANES; l++) R(bn_merge)(&part[l], (double)rows, (double)mean[l], (double)squares[l]);
}

/* One piece: 16 lanes of partial statistics, read as rows of 16 and a rest. */
SG_SIMD static void R(bn_piece_stats)(const real *x, size_t len, R(bn_part) part[SG_LANES])
{
    const size_t rows = len / SG_LANES;
    for (int l = 0; l < SG_LANES; l++) part[l] = (R(bn_part)){0};
    for (size_t r = 0; r < rows; r += R(GROUP))
        R(bn_group)(x + r * SG_LANES, rows - r < R(GROUP) ? rows - r : R(GROUP), part);
    for (size_t j = rows * SG_LANES; j < len; j++) R(bn_merge)(&part[j % SG_LANES], 1, (double)x[j], 0);
}

/* scale, shift and what backward needs, for each of the 16 lanes. */
typedef struct R(bn_coef) {
    real scale[SG_LANES], shift[SG_LANES], mean[SG_LANES], inv_std[SG_LANES], sum_g[SG_LANES], sum_gz[SG_LANES];
} R(bn_coef);

static inline real R(bn_apply)(real x, real scale, real shift, real slope)
{
    const real v = scale * x + shift;
    return R(sg_leaky)(v, slope);
}

SG_SIMD static void R(bn_piece_forward)(real *restrict y, const real *restrict x, size_t len,
                                        const R(bn_coef) *restrict k, real slope)
{
    const size_t whole = len / SG_LANES * SG_LANES;
    for (size_t j = 0; j < whole; j += SG_LANES)
        for (size_t l = 0; l < SG_LANES; l++) y[j + l] = R(bn_apply)(x[j + l], k->scale[l], k->shift[l], slope);
    for (size_t j = whole; j < len; j++) y[j] = R(bn_apply)(x[j], k->scale[j - whole], k->shift[j - whole], slope);
}

/* g of one number. */
static inline real R(bn_masked)(real dy, real x, real scale, real shift, real slope)
{
    return scale * x + shift > 0 ? dy : slope * dy;
}

/* sum g, sum g z of one piece. */
SG_SIMD static void R(bn_piece_sums)(const real *restrict x, const real *restrict dy, size_t len,
                                     const R(bn_coef) *restrict k, real slope, R(bn_part) part[SG_LANES])
{
    const size_t rows = len / SG_LANES;
    for (int l = 0; l < SG_LANES; l++) part[l] = (R(bn_part)){0};
    for (size_t begin = 0; begin < rows; begin += R(GROUP)) {
        const size_t end = begin + R(GROUP) < rows ? begin + R(GROUP) : rows;
        real a[SG_LANES] = {0}, b[SG_LANES] = {0};
        for (size_t r = begin; r < end; r++)
            for (size_t l = 0; l < SG_LANES; l++) {
                const size_t j = r * SG_LANES + l;
                const real g = R(bn_masked)(dy[j], x[j], k->scale[l], k->shift[l], slope);
                a[l] += g;
                b[l] += g * ((x[j] - k->mean[l]) * k->inv_std[l]);
            }
        for (int l = 0; l < SG_LANES; l++) part[l].a += (double)a[l], part[l].b += (double)b[l];
    }
    for (size_t j = rows * SG_LANES; j < len; j++) {
        const size_t l = j % SG_LANES;
        const real g = R(bn_masked)(dy[j], x[j], k->scale[l], k->shift[l], slope);
        part[l].a += (double)g;
        part[l].b += (double)(g * ((x[j] - k->mean[l]) * k->inv_std[l]));
    }
}

static inline real R(bn_grad)(real dy, real x, const R(bn_coef) * k, size_t l, real slope)
{
    const real g = R(bn_masked)(dy, x, k->scale[l], k->shift[l], slope);
    const real z = (x - k->mean[l]) * k->inv_std[l];
    return k->scale[l] * (g - k->sum_g[l] - z * k->sum_gz[l]);
}

SG_SIMD static void R(bn_piece_backward)(real *restrict dx, const real *restrict x, const real *restrict dy, size_t len,
                                         const R(bn_coef) *restrict k, real slope, int fresh)
{
    const size_t whole = len / SG_LANES * SG_LANES;
    for (size_t j = 0; j < whole; j += SG_LANES)
        for (size_t l = 0; l < SG_LANES; l++)
            dx[j + l] = (fresh ? 0 : dx[j + l]) + R(bn_grad)(dy[j + l], x[j + l], k, l, slope);
    for (size_t j = whole; j < len; j++) dx[j] = (fresh ? 0 : dx[j]) + R(bn_grad)(dy[j], x[j], k, j - whole, slope);
}

/* Coefficients of the block of channels of one piece. sums (c): sum g / m, sum g z / m; NULL in forward and evaluation.
 */
static void R(bn_coefficients)(R(bn_coef) * k, const sg_run *run, int block, const R(bn_part) * sums)
{
    const int lanes = sg_lanes_of(run->node->shape, run->node->form).lanes;
    const R(bn_channel) *saved = run->save;
    for (int l = 0; l < SG_LANES; l++) {
        const int c = block * lanes + l % lanes;
        const double scale = (double)((const real *)run->in[1])[c] * saved[c].inv_std;
        k->scale[l] = (real)scale;
        k->shift[l] = (real)((double)((const real *)run->in[2])[c] - scale * saved[c].mean);
        k->mean[l] = (real)saved[c].mean;
        k->inv_std[l] = (real)saved[c].inv_std;
        k->sum_g[l] = sums ? (real)sums[c].a : 0;
        k->sum_gz[l] = sums ? (real)sums[c].b : 0;
    }
}

/* Scratch: 16 partial results for each piece, then (backward) one for each channel. */
static R(bn_part) * R(bn_parts)(const sg_run *run, int piece)
{
    return (R(bn_part) *)run->scratch + (size_t)piece * SG_LANES;
}

static void R(bn_stats_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes v = sg_lanes_of(run->node->shape, run->node->form);
    (void)thread;
    R(bn_piece_stats)((const real *)run->in[0] + (size_t)slice * v.piece, v.piece, R(bn_parts)(run, slice));
}

static void R(bn_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes v = sg_lanes_of(run->node->shape, run->node->form);
    R(bn_coef) k;
    (void)thread;
    R(bn_coefficients)(&k, run, slice % v.blocks, NULL);
    R(bn_piece_forward)
    ((real *)run->out + (size_t)slice * v.piece, (const real *)run->in[0] + (size_t)slice * v.piece, v.piece, &k,
     R(sg_fused_slope)(run->node));
}

static void R(bn_sums_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes v = sg_lanes_of(run->node->shape, run->node->form);
    const size_t at = (size_t)slice * v.piece;
    R(bn_coef) k;
    (void)thread;
    R(bn_coefficients)(&k, run, slice % v.blocks, NULL);
    R(bn_piece_sums)
    ((const real *)run->in[0] + at, (const real *)run->dout + at, v.piece, &k, R(sg_fused_slope)(run->node),
     R(bn_parts)(run, slice));
}

static void R(bn_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes v = sg_lanes_of(run->node->shape, run->node->form);
    const size_t at = (size_t)slice * v.piece;
    R(bn_coef) k;
    (void)thread;
    R(bn_coefficients)(&k, run, slice % v.blocks, R(bn_parts)(run, v.n * v.blocks));
    R(bn_piece_backward)
    ((real *)run->din[0] + at, (const real *)run->in[0] + at, (const real *)run->dout + at, v.piece, &k,
     R(sg_fused_slope)(run->node), run->fresh[0]);
}

/* Partial results of channel c, image after image. */
static R(bn_part) R(bn_total)(const sg_run *run, const sg_lanes *v, int c, bool statistics)
{
    R(bn_part) total = {0};
    for (int n = 0; n < v->n; n++) {
        const R(bn_part) *part = R(bn_parts)(run, n * v->blocks + c / v->lanes);
        for (int l = c % v->lanes; l < SG_LANES; l += v->lanes) {
            if (statistics)
                R(bn_merge)(&total, part[l].count, part[l].a, part[l].b);
            else
                total.a += part[l].a, total.b += part[l].b;
        }
    }
    return total;
}

void R(batch_norm_forward)(const sg_run *run)
{
    const sg_lanes v = sg_lanes_of(run->node->shape, run->node->form);
    const bool training = run->step->training;
    R(bn_channel) *saved = run->save;
    if (training) sg_parallel(v.n * v.blocks, R(bn_stats_slice), &run);
    for (int c = 0; c < run->node->shape.c; c++) {
        if (training) {
            const R(bn_part) total = R(bn_total)(run, &v, c, true);
            saved[c].mean = total.a;
            saved[c].var = total.b / total.count;
        } else {
            saved[c].mean = (double)((const real *)run->in[3])[c];
            saved[c].var = (double)((const real *)run->in[4])[c];
        }
        saved[c].inv_std = 1 / sqrt(saved[c].var + R(bn_eps));
    }
    sg_parallel(v.n * v.blocks, R(bn_forward_slice), &run);
}

static void R(bn_set_or_add)(const sg_run *run, int input, int c, double value)
{
    real *d = run->din[input];
    if (d) d[c] = (run->fresh[input] ? 0 : d[c]) + (real)value;
}

void R(batch_norm_backward)(const sg_run *run)
{
    const sg_lanes v = sg_lanes_of(run->node->shape, run->node->form);
    const double count = (double)v.n * (double)v.pixels;
    R(bn_part) *sums = R(bn_parts)(run, v.n * v.blocks);
    sg_parallel(v.n * v.blocks, R(bn_sums_slice), &run);
    for (int c = 0; c < run->node->shape.c; c++) {
        const R(bn_part) total = R(bn_total)(run, &v, c, false);
        R(bn_set_or_add)(run, 1, c, total.b);
        R(bn_set_or_add)(run, 2, c, total.a);
        sums[c].a = run->step->training ? total.a / count : 0;
        sums[c].b = run->step->training ? total.b / count : 0;
    }
    if (run->din[0]) sg_parallel(v.n * v.blocks, R(bn_backward_slice), &run);
}

/* The only place where an op writes to its inputs: running statistics are parameters that no optimiser touches. */
void R(batch_norm_commit)(const sg_run *run)
{
    const sg_shape s = run->node->shape;
    const double count = (double)s.n * (double)s.h * (double)s.w;
    const R(bn_channel) *saved = run->save;
    real *mean = (real *)(uintptr_t)run->in[3], *var = (real *)(uintptr_t)run->in[4];
    if (!run->step->training) return;
    for (int c = 0; c < s.c; c++) {
        const double unbiased = count > 1 ? saved[c].var * count / (count - 1) : saved[c].var;
        mean[c] = (real)((double)mean[c] + R(bn_momentum) * (saved[c].mean - (double)mean[c]));
        var[c] = (real)((double)var[c] + R(bn_momentum) * (unbiased - (double)var[c]));
    }
}

#ifdef SG_ONCE
static sg_status batch_norm_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0];
    for (int i = 0; i < 5; i++)
        if (node->in_complex[i]) SG_FAIL(SG_E_SHAPE, "every input must be real");
    for (int i = 1; i < 5; i++)
        if (!sg_shape_equal(node->in_shape[i], SG_SHAPE(1, x.c, 1, 1)))
            SG_FAIL(SG_E_SHAPE, "input %d is (%d,%d,%d,%d), not (1,%d,1,1)", i, node->in_shape[i].n,
                    node->in_shape[i].c, node->in_shape[i].h, node->in_shape[i].w, x.c);
    node->shape = x;
    return SG_OK;
}

static void batch_norm_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const size_t c = (size_t)node->shape.c;
    (void)threads, (void)real_size;
    out->save = c * sizeof(bn_channel_f32);
    out->scratch = ((size_t)node->shape.n * c * SG_LANES + c) * sizeof(bn_part_f32);
}

static sg_value batch_norm_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double slope;
    } list[] = {{{2, 3, 3, 7}, -1}, {{3, 1, 4, 5}, -1}, {{1, 2, 5, 13}, -1}, {{2, 2, 4, 9}, 0}, {{2, 16, 3, 5}, .1}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const sg_shape p = SG_SHAPE(1, list[i].shape.c, 1, 1);
    const sg_value x = sg_case_input(g, "x", list[i].shape, -1, 1, SG_CASE_GRAD);
    const sg_value weight = sg_case_input(g, "weight", p, .5, 1.5, SG_CASE_GRAD);
    const sg_value bias = sg_case_input(g, "bias", p, -1, 1, SG_CASE_GRAD);
    const sg_value mean = sg_case_input(g, "running_mean", p, -1, 1, 0),
                   var = sg_case_input(g, "running_var", p, .5, 2, 0);
    const sg_value y = sg_batch_norm(g, x, weight, bias, mean, var);
    return list[i].slope >= 0 ? sg_relu(g, y, list[i].slope) : y;
}

const sg_op sg_op_batch_norm = {
    .name = "batch_norm",
    .formula = "y = (x - mean) / sqrt(var + 1e-5) weight + bias per channel (Ioffe & Szegedy 2015)",
    .infer = batch_norm_infer,
    .workspace = batch_norm_workspace,
    SG_REFERENCE(batch_norm),
    .commit = {batch_norm_commit_f32, batch_norm_commit_f64},
    .keeps_inputs = 1 | 2 | 4 | 8 | 16,
    .sets_fresh = true,
    .any_layout = true,
    .fuses_relu = true,
    .cases = batch_norm_cases,
};

sg_value sg_batch_norm(sg_graph *g, sg_value x, sg_value weight, sg_value bias, sg_value running_mean,
                       sg_value running_var)
{
    return sg_node_add(g, &sg_op_batch_norm, NULL, 0, (const sg_value[]){x, weight, bias, running_mean, running_var},
                       5);
}
#endif
