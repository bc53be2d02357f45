/* batch_norm.c - batch normalisation (Ioffe & Szegedy, ICML 2015), PyTorch's conventions: eps 1e-5, momentum .1.
 *   forward   y = scale x + shift, scale = weight / sqrt(var + eps), shift = bias - scale mean, then the fused
 *             activation; training: mean and biased var of the batch, per channel over n, h, w; else: the running ones
 *   backward  g = dy (masked by the activation, whose sign is that of scale x + shift: y itself is not kept)
 *             dbias += sum g;  dweight += sum g z;  z = (x - mean) / std;  m = n h w numbers a channel
 *             training  dx += scale (g - sum g / m - z (sum g z) / m)        else  dx += scale g
 *   commit    running_mean += .1 (mean - running_mean);  running_var += .1 (var m / (m - 1) - running_var)
 * Statistics in one pass: sums of x and x^2 in double, made from float sums over tiles of the deviations from a centre c
 * that is the mean of the tile before: sum x^2 = sum (x - c)^2 + c (2 sum (x - c) + m c). Tiles whose means differ are
 * part of the variance, so little is cancelled. Lane l of a row of 16 numbers, which are 16, 2 or 1 pixels of 1, 8 or
 * 16 channels, belongs to channel l modulo the channels of the block, in a rest too. Pieces are added in order, image
 * after image. */
#include "core/tiles.h"
#include "nn/lanes.h"
#include "nn/ops.h"

#include <tgmath.h>

SG_KERNELS(batch_norm)
SG_HIDDEN void batch_norm_commit_f32(const sg_run *run);
SG_HIDDEN void batch_norm_commit_f64(const sg_run *run);

enum { R(ROWS) = 4, R(STEP) = R(ROWS) * SG_LANES };
static const double R(bn_eps) = 1e-5, R(bn_momentum) = .1;

/* What forward saves for each channel, in double. */
typedef struct R(bn_channel) {
    double mean, var, inv_std, spare;
} R(bn_channel);

/* Two sums of a channel: x, x^2 in forward; g, g z in backward. */
typedef struct R(bn_sums) {
    double a, b;
} R(bn_sums);

/* The same of 16 lanes. */
typedef struct R(bn_lane_sums) {
    double a[SG_LANES], b[SG_LANES];
} R(bn_lane_sums);

/* What is done to a number, for each of the 16 lanes: y = scale x + shift; dx = scale g - even - (x - mean) slant. */
typedef struct R(bn_coef) {
    real scale[SG_LANES], shift[SG_LANES], mean[SG_LANES], even[SG_LANES], slant[SG_LANES];
} R(bn_coef);

/* Lane sums of rows that were added side by side: no sum waits for the one before. */
SG_INLINE void R(bn_fold)(real lane[SG_LANES], real row[R(ROWS)][SG_LANES])
{
    for (int l = 0; l < SG_LANES; l++) lane[l] = (row[0][l] + row[1][l]) + (row[2][l] + row[3][l]);
}

SG_INLINE void R(bn_add_moments)(real *restrict a, real *restrict b, const real *restrict x,
                                 const real *restrict centre)
{
    for (int l = 0; l < SG_LANES; l++) {
        const real d = x[l] - centre[l];
        a[l] += d;
        b[l] += d * d;
    }
}

/* Adds the sums of a tile, of which each lane is near its `centre`; moves that to its mean. */
SG_INLINE void R(bn_tile_moments)(const real *restrict x, size_t len, real centre[SG_LANES], R(bn_lane_sums) * sums)
{
    const size_t whole = len / R(STEP) * R(STEP);
    real row_a[R(ROWS)][SG_LANES] = {0}, row_b[R(ROWS)][SG_LANES] = {0}, a[SG_LANES], b[SG_LANES];
    for (size_t j = 0; j < whole; j += R(STEP))
        for (int q = 0; q < R(ROWS); q++) R(bn_add_moments)(row_a[q], row_b[q], x + j + q * SG_LANES, centre);
    R(bn_fold)(a, row_a);
    R(bn_fold)(b, row_b);
    for (size_t j = whole; j < len; j++) {
        const real d = x[j] - centre[j % SG_LANES];
        a[j % SG_LANES] += d;
        b[j % SG_LANES] += d * d;
    }
    for (size_t l = 0; l < SG_LANES; l++) {
        const double c = (double)centre[l], count = (double)(len / SG_LANES + (l < len % SG_LANES));
        sums->a[l] += (double)a[l] + count * c;
        sums->b[l] += (double)b[l] + c * (2 * (double)a[l] + count * c);
        centre[l] += count > 0 ? a[l] / (real)count : 0;
    }
}

SG_INLINE real R(bn_apply)(real x, real scale, real shift, real slope)
{
    const real v = scale * x + shift;
    return R(sg_leaky)(v, slope);
}

SG_INLINE void R(bn_tile_apply)(real *restrict y, const real *restrict x, size_t len, const R(bn_coef) *restrict k,
                                real slope)
{
    const size_t whole = len / SG_LANES * SG_LANES;
    for (size_t j = 0; j < whole; j += SG_LANES)
        for (size_t l = 0; l < SG_LANES; l++) y[j + l] = R(bn_apply)(x[j + l], k->scale[l], k->shift[l], slope);
    for (size_t j = whole; j < len; j++) y[j] = R(bn_apply)(x[j], k->scale[j - whole], k->shift[j - whole], slope);
}

/* g of one number. */
SG_INLINE real R(bn_masked)(real dy, real x, real scale, real shift, real slope)
{
    return scale * x + shift > 0 ? dy : slope * dy;
}

/* sum g, sum g (x - mean) */
SG_INLINE void R(bn_add_grads)(real *restrict a, real *restrict b, const real *restrict x, const real *restrict dy,
                               const R(bn_coef) *restrict k, real slope)
{
    for (int l = 0; l < SG_LANES; l++) {
        const real g = R(bn_masked)(dy[l], x[l], k->scale[l], k->shift[l], slope);
        a[l] += g;
        b[l] += g * (x[l] - k->mean[l]);
    }
}

SG_INLINE void R(bn_tile_sums)(const real *restrict x, const real *restrict dy, size_t len,
                               const R(bn_coef) *restrict k, real slope, R(bn_lane_sums) * sums)
{
    const size_t whole = len / R(STEP) * R(STEP);
    real row_a[R(ROWS)][SG_LANES] = {0}, row_b[R(ROWS)][SG_LANES] = {0}, a[SG_LANES], b[SG_LANES];
    for (size_t j = 0; j < whole; j += R(STEP))
        for (int q = 0; q < R(ROWS); q++)
            R(bn_add_grads)(row_a[q], row_b[q], x + j + q * SG_LANES, dy + j + q * SG_LANES, k, slope);
    R(bn_fold)(a, row_a);
    R(bn_fold)(b, row_b);
    for (size_t j = whole; j < len; j++) {
        const size_t l = j % SG_LANES;
        const real g = R(bn_masked)(dy[j], x[j], k->scale[l], k->shift[l], slope);
        a[l] += g;
        b[l] += g * (x[j] - k->mean[l]);
    }
    for (int l = 0; l < SG_LANES; l++) sums->a[l] += (double)a[l], sums->b[l] += (double)b[l];
}

SG_INLINE real R(bn_grad)(real dy, real x, const R(bn_coef) * k, size_t l, real slope)
{
    const real g = R(bn_masked)(dy, x, k->scale[l], k->shift[l], slope);
    return k->scale[l] * g - k->even[l] - (x - k->mean[l]) * k->slant[l];
}

SG_INLINE void R(bn_tile_grad)(real *restrict dx, const real *restrict x, const real *restrict dy, size_t len,
                               const R(bn_coef) *restrict k, real slope, const bool fresh)
{
    const size_t whole = len / SG_LANES * SG_LANES;
    for (size_t j = 0; j < whole; j += SG_LANES)
        for (size_t l = 0; l < SG_LANES; l++)
            dx[j + l] = (fresh ? 0 : dx[j + l]) + R(bn_grad)(dy[j + l], x[j + l], k, l, slope);
    for (size_t j = whole; j < len; j++) dx[j] = (fresh ? 0 : dx[j]) + R(bn_grad)(dy[j], x[j], k, j - whole, slope);
}

/* A piece of x (and dx) and of y (and dy): where they begin, and their length. */
typedef struct R(bn_piece) {
    size_t x_at, y_at, len;
    int number, block, lanes; /* of all, in its image; channels of a block */
} R(bn_piece);

SG_SIMD static void R(bn_piece_moments)(const sg_run *run, const R(bn_piece) * p, R(bn_lane_sums) * sums)
{
    const sg_type x_type = run->node->in_form[0].type;
    real x_tile[SG_TILE], centre[SG_LANES];
    for (size_t i = 0; i < p->len; i += SG_TILE) {
        const size_t len = sg_tile_len(i, p->len);
        const real *x = R(sg_tile_in)(run->in[0], x_type, p->x_at + i, len, x_tile);
        for (size_t l = 0; i == 0 && l < SG_LANES; l++) centre[l] = x[l < len ? l : 0];
        R(bn_tile_moments)(x, len, centre, sums);
    }
}

SG_SIMD static void R(bn_piece_apply)(const sg_run *run, const R(bn_piece) * p, const R(bn_coef) * k)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    const real slope = R(sg_fused_slope)(run->node);
    real x_tile[SG_TILE], y_tile[SG_TILE];
    for (size_t i = 0; i < p->len; i += SG_TILE) {
        const size_t len = sg_tile_len(i, p->len);
        const real *x = R(sg_tile_in)(run->in[0], x_type, p->x_at + i, len, x_tile);
        real *y = R(sg_tile_out)(run->out, y_type, p->y_at + i, len, false, y_tile);
        R(bn_tile_apply)(y, x, len, k, slope);
        R(sg_tile_done)(run->out, y_type, p->y_at + i, len, y);
    }
}

SG_SIMD static void R(bn_piece_sums)(const sg_run *run, const R(bn_piece) * p, const R(bn_coef) * k,
                                     R(bn_lane_sums) * sums)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    const real slope = R(sg_fused_slope)(run->node);
    real x_tile[SG_TILE], dy_tile[SG_TILE];
    for (size_t i = 0; i < p->len; i += SG_TILE) {
        const size_t len = sg_tile_len(i, p->len);
        const real *x = R(sg_tile_in)(run->in[0], x_type, p->x_at + i, len, x_tile);
        const real *dy = R(sg_tile_in)(run->dout, y_type, p->y_at + i, len, dy_tile);
        R(bn_tile_sums)(x, dy, len, k, slope, sums);
    }
}

SG_SIMD static void R(bn_piece_grad)(const sg_run *run, const R(bn_piece) * p, const R(bn_coef) * k)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    const real slope = R(sg_fused_slope)(run->node);
    const bool fresh = run->fresh[0];
    real x_tile[SG_TILE], dy_tile[SG_TILE], dx_tile[SG_TILE];
    for (size_t i = 0; i < p->len; i += SG_TILE) {
        const size_t len = sg_tile_len(i, p->len);
        const real *x = R(sg_tile_in)(run->in[0], x_type, p->x_at + i, len, x_tile);
        const real *dy = R(sg_tile_in)(run->dout, y_type, p->y_at + i, len, dy_tile);
        real *dx = R(sg_tile_out)(run->din[0], x_type, p->x_at + i, len, !fresh, dx_tile);
        if (fresh)
            R(bn_tile_grad)(dx, x, dy, len, k, slope, true);
        else
            R(bn_tile_grad)(dx, x, dy, len, k, slope, false);
        R(sg_tile_done)(run->din[0], x_type, p->x_at + i, len, dx);
    }
}

static R(bn_piece) R(bn_piece_of)(const sg_node *node, int number)
{
    const sg_lanes x = sg_lanes_of(node->in_shape[0], node->in_form[0]), y = sg_lanes_of(node->shape, node->form);
    return (R(bn_piece)){sg_piece_at(&x, number), sg_piece_at(&y, number), x.piece, number, number % x.blocks, x.lanes};
}

/* Coefficients of the channels of one piece. means (c): sum g / m, sum g z / m; NULL in forward. */
static R(bn_coef) R(bn_coefficients)(const sg_run *run, const R(bn_piece) * p, const R(bn_sums) * means)
{
    const R(bn_channel) *saved = run->save;
    const real *weight = run->in[1], *bias = run->in[2];
    R(bn_coef) k;
    for (int l = 0; l < SG_LANES; l++) {
        const int c = p->block * p->lanes + l % p->lanes;
        const double scale = (double)weight[c] * saved[c].inv_std;
        k.scale[l] = (real)scale;
        k.shift[l] = (real)((double)bias[c] - scale * saved[c].mean);
        k.mean[l] = (real)saved[c].mean;
        k.even[l] = means ? (real)(scale * means[c].a) : 0;
        k.slant[l] = means ? (real)(scale * means[c].b * saved[c].inv_std) : 0;
    }
    return k;
}

/* Scratch: sums of every channel of every image, then (backward) the means of every channel. */
static void R(bn_keep_sums)(const sg_run *run, const R(bn_piece) * p, const R(bn_lane_sums) * sums)
{
    R(bn_sums) *to = (R(bn_sums) *)run->scratch + (size_t)p->number * (size_t)p->lanes;
    for (int l = 0; l < SG_LANES; l++) {
        R(bn_sums) *s = &to[l % p->lanes];
        s->a = (l < p->lanes ? 0 : s->a) + sums->a[l];
        s->b = (l < p->lanes ? 0 : s->b) + sums->b[l];
    }
}

static R(bn_sums) * R(bn_means)(const sg_run *run)
{
    return (R(bn_sums) *)run->scratch + (size_t)run->node->shape.n * (size_t)run->node->shape.c;
}

static void R(bn_moments_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(bn_piece) p = R(bn_piece_of)(run->node, slice);
    R(bn_lane_sums) sums = {0};
    (void)thread;
    R(bn_piece_moments)(run, &p, &sums);
    R(bn_keep_sums)(run, &p, &sums);
}

static void R(bn_apply_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(bn_piece) p = R(bn_piece_of)(run->node, slice);
    const R(bn_coef) k = R(bn_coefficients)(run, &p, NULL);
    (void)thread;
    R(bn_piece_apply)(run, &p, &k);
}

static void R(bn_sums_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(bn_piece) p = R(bn_piece_of)(run->node, slice);
    const R(bn_coef) k = R(bn_coefficients)(run, &p, NULL);
    R(bn_lane_sums) sums = {0};
    (void)thread;
    R(bn_piece_sums)(run, &p, &k, &sums);
    R(bn_keep_sums)(run, &p, &sums);
}

static void R(bn_grad_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(bn_piece) p = R(bn_piece_of)(run->node, slice);
    const R(bn_coef) k = R(bn_coefficients)(run, &p, R(bn_means)(run));
    (void)thread;
    R(bn_piece_grad)(run, &p, &k);
}

static int R(bn_pieces)(const sg_node *node)
{
    const sg_lanes v = sg_lanes_of(node->shape, node->form);
    return v.n * v.blocks;
}

/* Sums of channel c, image after image. */
static R(bn_sums) R(bn_total)(const sg_run *run, int c)
{
    const R(bn_sums) *part = run->scratch;
    R(bn_sums) total = {0};
    for (int n = 0; n < run->node->shape.n; n++) {
        const size_t at = (size_t)n * (size_t)run->node->shape.c + (size_t)c;
        total.a += part[at].a;
        total.b += part[at].b;
    }
    return total;
}

/* Numbers that the statistics of a channel are of. */
static double R(bn_count)(const sg_run *run)
{
    const sg_shape s = run->node->shape;
    return (double)s.n * (double)s.h * (double)s.w * sg_ranks_count(run->step->norm_ranks);
}

/* Sums over the parts of the batch that other ranks have. */
static void R(bn_join_ranks)(const sg_run *run, R(bn_sums) * sums)
{
    sg_ranks_sum(run->step->norm_ranks, &sums->a, (size_t)run->node->shape.c * sizeof *sums / sizeof(double));
}

static void R(bn_statistics)(const sg_run *run)
{
    const double count = R(bn_count)(run);
    R(bn_sums) *sums = R(bn_means)(run);
    R(bn_channel) *saved = run->save;
    sg_parallel(R(bn_pieces)(run->node), R(bn_moments_slice), &run);
    for (int c = 0; c < run->node->shape.c; c++) sums[c] = R(bn_total)(run, c);
    R(bn_join_ranks)(run, sums);
    for (int c = 0; c < run->node->shape.c; c++) {
        const double mean = sums[c].a / count, var = sums[c].b / count - mean * mean;
        saved[c].mean = mean;
        saved[c].var = var < 0 ? 0 : var; /* rounding, where all numbers are equal */
    }
}

void R(batch_norm_forward)(const sg_run *run)
{
    R(bn_channel) *saved = run->save;
    if (run->step->training) R(bn_statistics)(run);
    for (int c = 0; c < run->node->shape.c; c++) {
        if (!run->step->training) {
            saved[c].mean = (double)((const real *)run->in[3])[c];
            saved[c].var = (double)((const real *)run->in[4])[c];
        }
        saved[c].inv_std = 1 / sqrt(saved[c].var + R(bn_eps));
    }
    sg_parallel(R(bn_pieces)(run->node), R(bn_apply_slice), &run);
}

static void R(bn_set_or_add)(const sg_run *run, int input, int c, double value)
{
    real *d = run->din[input];
    if (d) d[c] = (run->fresh[input] ? 0 : d[c]) + (real)value;
}

void R(batch_norm_backward)(const sg_run *run)
{
    const int pieces = R(bn_pieces)(run->node);
    const double count = R(bn_count)(run);
    const R(bn_channel) *saved = run->save;
    R(bn_sums) *means = R(bn_means)(run);
    sg_parallel(pieces, R(bn_sums_slice), &run);
    for (int c = 0; c < run->node->shape.c; c++) {
        R(bn_sums) total = R(bn_total)(run, c);
        total.b *= saved[c].inv_std;
        R(bn_set_or_add)(run, 1, c, total.b);
        R(bn_set_or_add)(run, 2, c, total.a);
        means[c].a = run->step->training ? total.a / count : 0;
        means[c].b = run->step->training ? total.b / count : 0;
    }
    R(bn_join_ranks)(run, means);
    if (run->din[0]) sg_parallel(pieces, R(bn_grad_slice), &run);
}

/* The only place where an op writes to its inputs: running statistics are parameters that no optimiser touches. */
void R(batch_norm_commit)(const sg_run *run)
{
    const double count = R(bn_count)(run);
    const R(bn_channel) *saved = run->save;
    real *mean = (real *)(uintptr_t)run->in[3], *var = (real *)(uintptr_t)run->in[4];
    if (!run->step->training) return;
    for (int c = 0; c < run->node->shape.c; c++) {
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
    out->scratch = ((size_t)node->shape.n + 1) * c * sizeof(bn_sums_f32);
}

static sg_value batch_norm_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double slope;
    } list[] = {{{2, 3, 3, 7}, -1}, {{3, 1, 4, 5}, -1},  {{1, 2, 5, 13}, -1},
                {{2, 2, 4, 9}, 0},  {{2, 16, 3, 5}, .1}, {{2, 1, 5, 211}, 0}};
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
    .any_form = true,
    .fuses_relu = true,
    .undoes_by_input = true,
    .again_ok = true,
    .cases = batch_norm_cases,
};

sg_value sg_batch_norm(sg_graph *g, sg_value x, sg_value weight, sg_value bias, sg_value running_mean,
                       sg_value running_var)
{
    return sg_node_add(g, &sg_op_batch_norm, NULL, 0, (const sg_value[]){x, weight, bias, running_mean, running_var},
                       5);
}
#endif
