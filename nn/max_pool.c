/* max_pool.c - largest of each 2 x 2 square, stride 2.
 *   forward   y(y,x) = max of x(2y..2y+1, 2x..2x+1); which one (0..3) is saved, the first of equals; NaN wins
 *   backward  dx at that place += dy; an odd last row or column gets nothing */
#include "core/parallel.h"
#include "nn/lanes.h"
#include "nn/ops.h"

SG_KERNELS(max_pool)

/* One row of the output: `upper` and `lower` are two rows of the input. */
static inline void R(pool_row)(real *restrict y, uint8_t *restrict which, const real *restrict upper,
                               const real *restrict lower, size_t w, const size_t lanes)
{
    for (size_t col = 0; col < w; col++)
        for (size_t l = 0; l < lanes; l++) {
            const size_t a = 2 * col * lanes + l, b = a + lanes;
            real best = upper[a];
            uint8_t at = 0;
            const real rest[3] = {upper[b], lower[a], lower[b]};
            for (int k = 0; k < 3; k++) {
                const int take = (rest[k] > best) | (rest[k] != rest[k]);
                best = take ? rest[k] : best;
                at = take ? (uint8_t)(k + 1) : at;
            }
            y[col * lanes + l] = best;
            which[col * lanes + l] = at;
        }
}

/* to[] += d where the winner is `at`. A product instead of a choice: it vectorises, seven times as fast (a gradient
 * that is not finite spoils its square, but then the step is refused anyway). */
static inline void R(pool_add)(real *restrict to, const real *restrict d, const uint8_t *restrict which, uint8_t at,
                               const size_t lanes, const int fresh)
{
    for (size_t l = 0; l < lanes; l++) {
        const real take = which[l] == at ? 1 : 0;
        to[l] = fresh ? take * d[l] : to[l] + take * d[l];
    }
}

static inline void R(pool_row_grad)(real *upper, real *lower, const real *dy, const uint8_t *which, size_t w,
                                    const size_t lanes, const int fresh)
{
    for (size_t col = 0; col < w; col++, dy += lanes, which += lanes, upper += 2 * lanes, lower += 2 * lanes) {
        R(pool_add)(upper, dy, which, 0, lanes, fresh);
        R(pool_add)(upper + lanes, dy, which, 1, lanes, fresh);
        R(pool_add)(lower, dy, which, 2, lanes, fresh);
        R(pool_add)(lower + lanes, dy, which, 3, lanes, fresh);
    }
}

SG_SIMD static void R(pool_piece)(real *y, uint8_t *which, const real *x, const sg_lanes *in, const sg_lanes *out)
{
    const size_t lanes = (size_t)out->lanes, w = (size_t)out->w, row = (size_t)in->w * lanes;
    for (size_t r = 0; r < (size_t)out->h; r++, y += w * lanes, which += w * lanes, x += 2 * row)
        SG_WITH_LANES(lanes, R(pool_row)(y, which, x, x + row, w, LANES));
}

SG_SIMD static void R(pool_piece_grad)(real *dx, const real *dy, const uint8_t *which, const sg_lanes *in,
                                       const sg_lanes *out, int fresh)
{
    const size_t lanes = (size_t)out->lanes, w = (size_t)out->w, row = (size_t)in->w * lanes;
    for (size_t r = 0; r < (size_t)out->h; r++, dy += w * lanes, which += w * lanes, dx += 2 * row) {
        if (fresh)
            SG_WITH_LANES(lanes, R(pool_row_grad)(dx, dx + row, dy, which, w, LANES, 1));
        else
            SG_WITH_LANES(lanes, R(pool_row_grad)(dx, dx + row, dy, which, w, LANES, 0));
    }
}

static void R(max_pool_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    const sg_lanes out = sg_lanes_of(run->node->shape, run->node->form);
    const size_t at = (size_t)slice * out.piece;
    (void)thread;
    R(pool_piece)
    ((real *)run->out + at, (uint8_t *)run->save + at, (const real *)run->in[0] + (size_t)slice * in.piece, &in, &out);
}

static void R(max_pool_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_lanes in = sg_lanes_of(run->node->in_shape[0], run->node->in_form[0]);
    const sg_lanes out = sg_lanes_of(run->node->shape, run->node->form);
    const size_t at = (size_t)slice * out.piece;
    real *dx = (real *)run->din[0] + (size_t)slice * in.piece;
    const bool odd = in.h % 2 || in.w % 2;
    (void)thread;
    if (run->fresh[0] && odd) memset(dx, 0, in.piece * sizeof(real));
    R(pool_piece_grad)
    (dx, (const real *)run->dout + at, (const uint8_t *)run->save + at, &in, &out, run->fresh[0] && !odd);
}

void R(max_pool_forward)(const sg_run *run)
{
    const sg_lanes out = sg_lanes_of(run->node->shape, run->node->form);
    sg_parallel(out.n * out.blocks, R(max_pool_forward_slice), &run);
}

void R(max_pool_backward)(const sg_run *run)
{
    const sg_lanes out = sg_lanes_of(run->node->shape, run->node->form);
    if (run->din[0]) sg_parallel(out.n * out.blocks, R(max_pool_backward_slice), &run);
}

#ifdef SG_ONCE
static sg_status max_pool_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be real");
    if (x.h < 2 || x.w < 2) SG_FAIL(SG_E_SHAPE, "a picture of %d x %d is smaller than 2 x 2", x.h, x.w);
    node->shape = SG_SHAPE(x.n, x.c, x.h / 2, x.w / 2);
    return SG_OK;
}

static void max_pool_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads, (void)real_size;
    out->save = sg_shape_len(node->shape);
}

static sg_value max_pool_cases(sg_graph *g, int i)
{
    static const sg_shape list[] = {{2, 3, 4, 6}, {1, 2, 5, 7}, {1, 1, 2, 9}, {1, 16, 4, 6}, {2, 32, 3, 5}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_max_pool(g, sg_case_input(g, "x", list[i], -1, 1, SG_CASE_GRAD));
}

const sg_op sg_op_max_pool = {
    .name = "max_pool",
    .formula = "y = the largest of each 2 x 2 square of x",
    .infer = max_pool_infer,
    .workspace = max_pool_workspace,
    SG_REFERENCE(max_pool),
    .sets_fresh = true,
    .any_layout = true,
    .cases = max_pool_cases,
};

sg_value sg_max_pool(sg_graph *g, sg_value x)
{
    return sg_node_add(g, &sg_op_max_pool, NULL, 0, &x, 1);
}
#endif
