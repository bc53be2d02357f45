/* concat.c - channels of a, then of b. The same copies in all layouts, since an image's channels are contiguous.
 *   backward  da += first channels of dy, db += the others */
#include "core/ops.h"
#include "core/tiles.h"

#include <string.h>

SG_KERNELS(concat)

/* One image of one input: where it begins there and in the output, and how many numbers it has. */
static size_t R(concat_part)(const sg_node *node, int slice, size_t *in_at, size_t *out_at)
{
    const size_t image = (size_t)(slice / 2), pixels = (size_t)node->shape.h * (size_t)node->shape.w;
    const int i = slice % 2;
    *in_at = image * node->in_form[i].image_step;
    *out_at = image * node->form.image_step + (i ? (size_t)node->in_shape[0].c * pixels : 0);
    return (size_t)node->in_shape[i].c * pixels;
}

SG_INLINE void R(concat_add)(real *restrict to, const real *restrict from, size_t len, bool adds)
{
    for (size_t i = 0; i < len; i++) to[i] = (adds ? to[i] : 0) + from[i];
}

SG_SIMD static void R(concat_convert)(void *to, sg_type to_type, size_t to_at, const void *from, sg_type from_type,
                                      size_t from_at, size_t len, bool adds)
{
    real to_tile[SG_TILE], from_tile[SG_TILE];
    for (size_t i = 0; i < len; i += SG_TILE) {
        const size_t count = sg_tile_len(i, len);
        const real *x = R(sg_tile_in)(from, from_type, from_at + i, count, from_tile);
        real *y = R(sg_tile_out)(to, to_type, to_at + i, count, adds, to_tile);
        if (adds)
            R(concat_add)(y, x, count, true);
        else
            R(concat_add)(y, x, count, false);
        R(sg_tile_done)(to, to_type, to_at + i, count, y);
    }
}

static void R(concat_copy)(void *to, sg_type to_type, size_t to_at, const void *from, sg_type from_type, size_t from_at,
                           size_t len, bool adds)
{
    const size_t size = sg_type_size(to_type, sizeof(real));
    if (to_type == from_type && !adds)
        memcpy((unsigned char *)to + to_at * size, (const unsigned char *)from + from_at * size, len * size);
    else
        R(concat_convert)(to, to_type, to_at, from, from_type, from_at, len, adds);
}

static void R(concat_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    size_t in_at, out_at;
    const size_t len = R(concat_part)(run->node, slice, &in_at, &out_at);
    (void)thread;
    R(concat_copy)
    (run->out, run->node->form.type, out_at, run->in[slice % 2], run->node->in_form[slice % 2].type, in_at, len, false);
}

/* An image of both inputs: they may be one value, and its gradient takes one share after the other. */
static void R(concat_backward_slice)(void *context, int image, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    (void)thread;
    for (int i = 0; i < 2; i++) {
        size_t in_at, out_at;
        const size_t len = R(concat_part)(run->node, 2 * image + i, &in_at, &out_at);
        if (run->din[i]) R(concat_copy)
        (run->din[i], run->node->in_form[i].type, in_at, run->dout, run->node->form.type, out_at, len, !run->fresh[i]);
    }
}

void R(concat_forward)(const sg_run *run)
{
    sg_parallel(2 * run->node->shape.n, R(concat_forward_slice), &run);
}

void R(concat_backward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n, R(concat_backward_slice), &run);
}

#ifdef SG_ONCE
static sg_status concat_infer(sg_node *node)
{
    const sg_shape a = node->in_shape[0], b = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "both inputs must be real");
    if (a.n != b.n || a.h != b.h || a.w != b.w)
        SG_FAIL(SG_E_SHAPE, "(%d,%d,%d,%d) and (%d,%d,%d,%d) differ in more than channels", a.n, a.c, a.h, a.w, b.n,
                b.c, b.h, b.w);
    node->shape = SG_SHAPE(a.n, a.c + b.c, a.h, a.w);
    return SG_OK;
}

static sg_value concat_cases(sg_graph *g, int i)
{
    static const int list[][5] = {{2, 3, 1, 4, 5}, {1, 1, 2, 3, 7}, {2, 16, 32, 3, 2}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const int *c = list[i];
    return sg_concat(g, sg_case_input(g, "a", SG_SHAPE(c[0], c[1], c[3], c[4]), -1, 1, SG_CASE_GRAD),
                     sg_case_input(g, "b", SG_SHAPE(c[0], c[2], c[3], c[4]), -1, 1, SG_CASE_GRAD));
}

const sg_op sg_op_concat = {
    .name = "concat",
    .formula = "y = channels of a, then of b",
    .infer = concat_infer,
    SG_REFERENCE(concat),
    .sets_fresh = true,
    .any_layout = true,
    .any_form = true,
    .joins = true,
    .again_ok = true,
    .cases = concat_cases,
};

sg_value sg_concat(sg_graph *g, sg_value a, sg_value b)
{
    return sg_node_add(g, &sg_op_concat, NULL, 0, (const sg_value[]){a, b}, 2);
}
#endif
