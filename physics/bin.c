/* bin.c - sums of squares of pixels, and their transpose. With b = side and S the set of b x b pixels of square i:
 *   bin     forward y[i] = scale sum_S x      backward dx[S] += scale dy[i]
 *   repeat  forward y[S] = scale x[i]         backward dx[i] += scale sum_S dy
 * `corner`: the squares' own numbers lie in the upper left corner of a picture of full size. Slices are planes. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/pixel.h"

#include <string.h>

typedef struct bin_attr {
    int side;
    bool corner;
    double scale;
} bin_attr;
SG_KERNELS(bin)
SG_KERNELS(repeat)

/* One plane: coarse (ch, cw) with its own row length inside fine (ch side, cw side). */
typedef struct R(bin_plane) {
    real *coarse, *fine;
    size_t stride, width; /* row lengths */
    int ch, cw, side;
    real scale;
} R(bin_plane);

SG_SIMD static void R(gather)(const R(bin_plane) * p)
{
    for (int y = 0; y < p->ch * p->side; y++) {
        real *restrict to = p->coarse + (size_t)(y / p->side) * p->stride;
        const real *restrict from = p->fine + (size_t)y * p->width;
        for (int j = 0; j < p->side; j++)
            for (int x = 0; x < p->cw; x++) to[x] += p->scale * from[x * p->side + j];
    }
}

SG_SIMD static void R(scatter)(const R(bin_plane) * p)
{
    for (int y = 0; y < p->ch * p->side; y++) {
        const real *restrict from = p->coarse + (size_t)(y / p->side) * p->stride;
        real *restrict to = p->fine + (size_t)y * p->width;
        for (int x = 0; x < p->cw; x++)
            for (int j = 0; j < p->side; j++) to[x * p->side + j] += p->scale * from[x];
    }
}

typedef struct R(bin_task) {
    real *coarse, *fine, *zeroed; /* all planes; the one to clear before adding, or NULL */
    const sg_node *node;
    void (*plane)(const R(bin_plane) *);
} R(bin_task);

static void R(bin_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(bin_task) *t = context;
    const bin_attr *a = t->node->attr;
    const sg_shape fine = t->node->in_shape[0];
    const int ch = fine.h / a->side, cw = fine.w / a->side;
    const size_t fine_len = (size_t)fine.h * (size_t)fine.w,
                 coarse_len = a->corner ? fine_len : (size_t)ch * (size_t)cw, at = (size_t)slice;
    const R(bin_plane) p = {.coarse = t->coarse + at * coarse_len,
                            .fine = t->fine + at * fine_len,
                            .stride = (size_t)(a->corner ? fine.w : cw),
                            .width = (size_t)fine.w,
                            .ch = ch,
                            .cw = cw,
                            .side = a->side,
                            .scale = (real)a->scale};
    if (t->zeroed) {
        const size_t len = t->zeroed == t->fine ? fine_len : coarse_len;
        memset(t->zeroed + at * len, 0, len * sizeof(real));
    }
    t->plane(&p);
}

/* The side that is only read is not written through its pointer. */
static void R(bin_run)(const sg_run *run, const void *coarse, const void *fine, void *zeroed,
                       void (*plane)(const R(bin_plane) *))
{
    R(bin_task) t = {(real *)(uintptr_t)coarse, (real *)(uintptr_t)fine, zeroed, run->node, plane};
    sg_parallel(run->node->shape.n * run->node->shape.c, R(bin_slice), &t);
}

void R(bin_forward)(const sg_run *run)
{
    R(bin_run)(run, run->out, run->in[0], run->out, R(gather));
}

void R(bin_backward)(const sg_run *run)
{
    if (run->din[0]) R(bin_run)(run, run->dout, run->din[0], run->fresh[0] ? run->din[0] : NULL, R(scatter));
}

void R(repeat_forward)(const sg_run *run)
{
    R(bin_run)(run, run->in[0], run->out, run->out, R(scatter));
}

void R(repeat_backward)(const sg_run *run)
{
    if (run->din[0]) R(bin_run)(run, run->din[0], run->dout, run->fresh[0] ? run->din[0] : NULL, R(gather));
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const bin_attr *a = node->attr;
    const sg_shape s = node->in_shape[0];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the picture is complex");
    if (a->side < 1 || s.h % a->side || s.w % a->side)
        SG_FAIL(SG_E_SHAPE, "squares of %d x %d pixels do not divide %d x %d", a->side, a->side, s.h, s.w);
    node->shape = a->corner ? s : SG_SHAPE(s.n, s.c, s.h / a->side, s.w / a->side);
    return SG_OK;
}

static sg_value bin_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        bin_attr attr;
    } table[] = {{{2, 1, 4, 6}, {2, false, 1}},
                 {{1, 2, 9, 3}, {3, false, 1. / 9}},
                 {{1, 1, 3, 5}, {1, false, .5}},
                 {{2, 2, 4, 8}, {4, true, 1}},
                 {{1, 1, 6, 2}, {2, true, .7}}};
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    return SG_NODE(g, &sg_op_bin, &table[i].attr, sg_case_input(g, "x", table[i].shape, -1, 1, SG_CASE_GRAD));
}

static sg_value repeat_cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{2, 1, 4, 6}, {1, 2, 9, 3}, {1, 1, 4, 8}};
    static const int sides[] = {2, 3, 1};
    if (i >= (int)(sizeof sides / sizeof sides[0])) return SG_NONE;
    return sg_repeat(g, sg_case_input(g, "x", shapes[i], -1, 1, SG_CASE_GRAD), sides[i]);
}

const sg_op sg_op_bin = {
    .name = "bin",
    .formula = "y = scale sum of x over squares of pixels",
    .infer = infer,
    SG_REFERENCE(bin),
    .sets_fresh = true,
    .linear = true,
    .cases = bin_cases,
};

const sg_op sg_op_repeat = {
    .name = "repeat",
    .formula = "the upper left corner of x, every pixel repeated side x side times",
    .infer = infer,
    SG_REFERENCE(repeat),
    .sets_fresh = true,
    .linear = true,
    .cases = repeat_cases,
};

static sg_value bin(sg_graph *g, sg_value x, int side, bool corner, double scale)
{
    const bin_attr attr = {side, corner, scale};
    return SG_NODE(g, &sg_op_bin, &attr, x);
}

sg_value sg_bin(sg_graph *g, sg_value x, int side, double scale)
{
    return bin(g, x, side, false, scale);
}

sg_value sg_bin_corner(sg_graph *g, sg_value x, int side, double scale)
{
    return bin(g, x, side, true, scale);
}

sg_value sg_repeat(sg_graph *g, sg_value x, int side)
{
    const bin_attr attr = {side, true, 1};
    return SG_NODE(g, &sg_op_repeat, &attr, x);
}

#endif
