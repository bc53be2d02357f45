/* max_pool.c - largest of each 2 x 2 square, stride 2.
 *   forward   y(y,x) = max of x(2y..2y+1, 2x..2x+1); which one (0..3) is saved, the first of equals; NaN wins
 *   backward  dx at that place += dy; an odd last row or column gets nothing; then the activation before is undone */
#include "core/ops.h"
#include "core/tiles.h"
#include "nn/lanes.h"
#include "nn/ops.h"
#include "nn/pool_rows.h"

SG_KERNELS(max_pool)

/* Pixel number k of the square against the best before. */
SG_INLINE void R(pool_challenge)(real *restrict best, int *restrict at, const real *restrict x, int k, const int lanes)
{
    for (int l = 0; l < lanes; l++) {
        const int take = (x[l] > best[l]) | (x[l] != x[l]);
        best[l] = take ? x[l] : best[l];
        at[l] = take ? k : at[l];
    }
}

/* Lanes of one output pixel: `upper` and `lower` are its two pixels in two rows of the input. */
SG_INLINE void R(pool_square)(real *restrict y, uint8_t *restrict which, const real *restrict upper,
                              const real *restrict lower, const int lanes)
{
    real best[SG_LANES];
    int at[SG_LANES];
    for (int l = 0; l < lanes; l++) best[l] = upper[l], at[l] = 0;
    R(pool_challenge)(best, at, upper + lanes, 1, lanes);
    R(pool_challenge)(best, at, lower, 2, lanes);
    R(pool_challenge)(best, at, lower + lanes, 3, lanes);
    for (int l = 0; l < lanes; l++) y[l] = best[l];
    for (int l = 0; l < lanes; l++) which[l] = (uint8_t)at[l];
}

/* dx (+)= dy where the winner is k. A product: GCC 12 makes wrong vector code of a choice between dy and 0, and slow
 * code otherwise (a gradient that is not finite spoils its square, but then the step is refused anyway). */
SG_INLINE void R(pool_share)(real *restrict dx, const real *restrict dy, const int *restrict at, int k, const int lanes,
                             const bool fresh)
{
    for (int l = 0; l < lanes; l++) dx[l] = (fresh ? 0 : dx[l]) + (real)(at[l] == k) * dy[l];
}

SG_INLINE void R(pool_square_grad)(real *restrict upper, real *restrict lower, const real *restrict dy,
                                   const uint8_t *restrict which, const int lanes, const bool fresh)
{
    int at[SG_LANES];
    for (int l = 0; l < lanes; l++) at[l] = which[l];
    R(pool_share)(upper, dy, at, 0, lanes, fresh);
    R(pool_share)(upper + lanes, dy, at, 1, lanes, fresh);
    R(pool_share)(lower, dy, at, 2, lanes, fresh);
    R(pool_share)(lower + lanes, dy, at, 3, lanes, fresh);
}

SG_INLINE void R(pool_tile)(real *restrict y, uint8_t *restrict which, const real *restrict upper,
                            const real *restrict lower, size_t cols, const int lanes)
{
    for (size_t i = 0; i < cols * (size_t)lanes; i += (size_t)lanes)
        R(pool_square)(y + i, which + i, upper + 2 * i, lower + 2 * i, lanes);
}

SG_INLINE void R(pool_tile_grad)(real *restrict upper, real *restrict lower, const real *restrict dy,
                                 const uint8_t *restrict which, size_t cols, const int lanes, const bool fresh)
{
    for (size_t i = 0; i < cols * (size_t)lanes; i += (size_t)lanes)
        R(pool_square_grad)(upper + 2 * i, lower + 2 * i, dy + i, which + i, lanes, fresh);
}

/* One piece of the input and of the output: where they begin, how wide they are. */
typedef struct R(pool_piece) {
    size_t x_at, y_at, save_at, x_row, y_row, rows;
    int lanes;
} R(pool_piece);

/* Float planes of plain memory have kernels of their own; true if this was one. */
static bool R(pool_forward_plain)(const sg_run *run, const R(pool_piece) * p)
{
#ifndef SG_DOUBLE
    if (p->lanes == 1) {
        sg_pool_rows((float *)run->out + p->y_at, (uint8_t *)run->save + p->save_at,
                     (const float *)run->in[0] + p->x_at, p->x_row, p->rows, p->y_row);
        return true;
    }
#endif
    (void)run, (void)p;
    return false;
}

static bool R(pool_backward_plain)(const sg_run *run, const R(pool_piece) * p)
{
#ifndef SG_DOUBLE
    const sg_fused_relu *mask = run->node->mask[0];
    const float slope = mask ? (float)mask->slope : 1;
    if (p->lanes == 1) {
        sg_pool_rows_grad((float *)run->din[0] + p->x_at, (const float *)run->in[0] + p->x_at, p->x_row,
                          (const float *)run->dout + p->y_at, (const uint8_t *)run->save + p->save_at, p->rows,
                          p->y_row, !run->fresh[0], mask ? &slope : NULL);
        return true;
    }
#endif
    (void)run, (void)p;
    return false;
}

SG_SIMD static void R(pool_forward_piece)(const sg_run *run, const R(pool_piece) * p)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    real upper_tile[SG_TILE], lower_tile[SG_TILE], y_tile[SG_TILE / 2];
    for (size_t r = 0; r < p->rows; r++)
        for (size_t i = 0; i < p->y_row; i += SG_TILE / 2) {
            const size_t len = p->y_row - i < SG_TILE / 2 ? p->y_row - i : SG_TILE / 2;
            const size_t x_at = p->x_at + 2 * (r * p->x_row + i), y_at = p->y_at + r * p->y_row + i;
            const real *upper = R(sg_tile_in)(run->in[0], x_type, x_at, 2 * len, upper_tile);
            const real *lower = R(sg_tile_in)(run->in[0], x_type, x_at + p->x_row, 2 * len, lower_tile);
            uint8_t *which = (uint8_t *)run->save + p->save_at + r * p->y_row + i;
            real *y = R(sg_tile_out)(run->out, y_type, y_at, len, false, y_tile);
            SG_WITH_LANES(p->lanes, R(pool_tile)(y, which, upper, lower, len / LANES, LANES));
            R(sg_tile_done)(run->out, y_type, y_at, len, y);
        }
}

/* d *= x > 0 ? 1 : slope */
SG_INLINE void R(pool_mask)(real *restrict d, const real *restrict x, size_t len, real slope)
{
    for (size_t i = 0; i < len; i++) d[i] = x[i] > 0 ? d[i] : slope * d[i];
}

/* Completes a row of dx that got its share: undoes the activation before, and stores. */
SG_INLINE void R(pool_row_done)(const sg_run *run, real *dx, size_t at, size_t len)
{
    const sg_fused_relu *mask = run->node->mask[0];
    const sg_type type = run->node->in_form[0].type;
    real x_tile[SG_TILE];
    if (mask) R(pool_mask)(dx, R(sg_tile_in)(run->in[0], type, at, len, x_tile), len, (real)mask->slope);
    R(sg_tile_done)(run->din[0], type, at, len, dx);
}

SG_SIMD static void R(pool_backward_piece)(const sg_run *run, const R(pool_piece) * p)
{
    const sg_type x_type = run->node->in_form[0].type, y_type = run->node->form.type;
    const bool fresh = run->fresh[0];
    real upper_tile[SG_TILE], lower_tile[SG_TILE], dy_tile[SG_TILE / 2];
    for (size_t r = 0; r < p->rows; r++)
        for (size_t i = 0; i < p->y_row; i += SG_TILE / 2) {
            const size_t len = p->y_row - i < SG_TILE / 2 ? p->y_row - i : SG_TILE / 2;
            const size_t x_at = p->x_at + 2 * (r * p->x_row + i), y_at = p->y_at + r * p->y_row + i;
            const real *dy = R(sg_tile_in)(run->dout, y_type, y_at, len, dy_tile);
            const uint8_t *which = (const uint8_t *)run->save + p->save_at + r * p->y_row + i;
            real *upper = R(sg_tile_out)(run->din[0], x_type, x_at, 2 * len, !fresh, upper_tile);
            real *lower = R(sg_tile_out)(run->din[0], x_type, x_at + p->x_row, 2 * len, !fresh, lower_tile);
            if (fresh)
                SG_WITH_LANES(p->lanes, R(pool_tile_grad)(upper, lower, dy, which, len / LANES, LANES, true));
            else
                SG_WITH_LANES(p->lanes, R(pool_tile_grad)(upper, lower, dy, which, len / LANES, LANES, false));
            R(pool_row_done)(run, upper, x_at, 2 * len);
            R(pool_row_done)(run, lower, x_at + p->x_row, 2 * len);
        }
}

/* Pixels that no square covers get nothing; but their gradient is completed as well. */
static void R(pool_uncovered)(const sg_run *run, size_t at, size_t len)
{
    const sg_type type = run->node->in_form[0].type;
    real tile[SG_TILE];
    for (size_t i = 0; i < len; i += SG_TILE) {
        const size_t count = sg_tile_len(i, len);
        real *dx = R(sg_tile_out)(run->din[0], type, at + i, count, true, tile);
        if (run->fresh[0]) memset(dx, 0, count * sizeof(real));
        R(pool_row_done)(run, dx, at + i, count);
    }
}

static R(pool_piece) R(pool_piece_of)(const sg_node *node, int slice)
{
    const sg_lanes in = sg_lanes_of(node->in_shape[0], node->in_form[0]), out = sg_lanes_of(node->shape, node->form);
    return (R(pool_piece)){.x_at = sg_piece_at(&in, slice),
                           .y_at = sg_piece_at(&out, slice),
                           .save_at = (size_t)slice * out.piece,
                           .x_row = (size_t)in.w * (size_t)in.lanes,
                           .y_row = (size_t)out.w * (size_t)out.lanes,
                           .rows = (size_t)out.h,
                           .lanes = out.lanes};
}

static void R(max_pool_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(pool_piece) p = R(pool_piece_of)(run->node, slice);
    (void)thread;
    if (!R(pool_forward_plain)(run, &p)) R(pool_forward_piece)(run, &p);
}

static void R(max_pool_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(pool_piece) p = R(pool_piece_of)(run->node, slice);
    const size_t rows = (size_t)run->node->in_shape[0].h;
    (void)thread;
    if (!R(pool_backward_plain)(run, &p)) R(pool_backward_piece)(run, &p);
    for (size_t r = 0; r < 2 * p.rows && p.x_row > 2 * p.y_row; r++)
        R(pool_uncovered)(run, p.x_at + r * p.x_row + 2 * p.y_row, p.x_row - 2 * p.y_row);
    if (rows > 2 * p.rows) R(pool_uncovered)(run, p.x_at + 2 * p.rows * p.x_row, p.x_row);
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

static sg_value max_pool_case_conv(sg_graph *g, const char *name, sg_value x)
{
    const int c = sg_value_shape(g, x).c;
    return sg_conv2d(g, x, sg_case_input(g, name, SG_SHAPE(c, c, 3, 3), -1, 1, SG_CASE_GRAD), SG_NONE);
}

/* slope: if not -1, convolutions stand before and behind, with such an activation before, which the pooling undoes.
 * twice: two poolings of the same value, so that one adds to the other's gradient. */
static sg_value max_pool_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x;
        double slope;
        bool twice;
    } list[] = {{{2, 3, 4, 6}, -1},        {{1, 2, 5, 7}, -1},       {{1, 1, 2, 9}, -1},  {{1, 16, 4, 6}, -1},
                {{2, 32, 3, 5}, -1},       {{1, 1, 3, 1034}, -1},    {{1, 2, 3, 67}, .1}, {{2, 1, 5, 39}, -1, true},
                {{1, 2, 2, 70}, .1, true}, {{1, 16, 5, 4}, .1, true}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const bool between = list[i].slope >= 0;
    sg_value x = sg_case_input(g, "x", list[i].x, -1, 1, SG_CASE_GRAD);
    if (between) x = sg_relu(g, max_pool_case_conv(g, "before", x), list[i].slope);
    sg_value y = sg_max_pool(g, x);
    if (list[i].twice) y = sg_combine(g, y, 1, sg_max_pool(g, x), .5);
    return between ? max_pool_case_conv(g, "behind", y) : y;
}

const sg_op sg_op_max_pool = {
    .name = "max_pool",
    .formula = "y = the largest of each 2 x 2 square of x",
    .infer = max_pool_infer,
    .workspace = max_pool_workspace,
    SG_REFERENCE(max_pool),
    .sets_fresh = true,
    .any_layout = true,
    .any_form = true,
    .masks = 1,
    .again_ok = true,
    .cases = max_pool_cases,
};

sg_value sg_max_pool(sg_graph *g, sg_value x)
{
    return sg_node_add(g, &sg_op_max_pool, NULL, 0, &x, 1);
}
#endif
