/* overlap.c - see pixel.h: fields of view that fall on one sensor.
 *   forward   y_i(r) = sum_{j<F} x_{(i+j) mod n}(r + s_j), s_j = floor(j/n) floor(h/F) rows, cyclic
 *   backward  dx_i(r + s_j) += sum_j dy_{(i-j) mod n}(r)
 * Slices are planes of the result. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/pixel.h"

#include <string.h>

typedef struct overlap_attr {
    int fields;
} overlap_attr;
SG_KERNELS(overlap)

SG_SIMD static void R(overlap_add)(real *restrict y, const real *restrict x, size_t len)
{
    for (size_t i = 0; i < len; i++) y[i] += x[i];
}

/* to(r) += from(r + rows), cyclic in rows. */
static void R(add_moved)(real *to, const real *from, sg_shape s, int rows)
{
    const size_t w = (size_t)s.w, first = (size_t)rows * w, len = (size_t)s.h * w;
    R(overlap_add)(to, from + first, len - first);
    R(overlap_add)(to + (len - first), from, first);
}

/* Picture i of channel c gets the fields `step` pictures apart: +1 forward, -1 backward (rows the other way). */
static void R(overlap_plane)(const sg_node *node, real *to, const real *from, int slice, bool backward)
{
    const sg_shape s = node->shape;
    const int fields = ((const overlap_attr *)node->attr)->fields, i = slice / s.c, c = slice % s.c;
    const size_t plane = (size_t)s.h * (size_t)s.w;
    for (int j = 0; j < fields; j++) {
        const int moved = j / s.n * (s.h / fields), k = j % s.n, other = backward ? (i - k + s.n) % s.n : (i + k) % s.n;
        R(add_moved)
        (to + (size_t)slice * plane, from + (size_t)(other * s.c + c) * plane, s,
         backward && moved ? s.h - moved : moved);
    }
}

static void R(overlap_forward_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const size_t plane = (size_t)run->node->shape.h * (size_t)run->node->shape.w;
    memset((real *)run->out + (size_t)slice * plane, 0, plane * sizeof(real));
    R(overlap_plane)(run->node, run->out, run->in[0], slice, false);
}

static void R(overlap_backward_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const sg_run *run = context;
    R(overlap_plane)(run->node, run->din[0], run->dout, slice, true);
}

void R(overlap_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(run->node->shape.n * run->node->shape.c, R(overlap_forward_slice), &copy);
}

void R(overlap_backward)(const sg_run *run)
{
    sg_run copy = *run;
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c, R(overlap_backward_slice), &copy);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const overlap_attr *a = node->attr;
    const sg_shape s = node->in_shape[0];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the picture is complex");
    if (a->fields < 1 || a->fields > s.h) SG_FAIL(SG_E_RANGE, "%d fields are outside 1..%d", a->fields, s.h);
    node->shape = s;
    return SG_OK;
}

static sg_value cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{3, 2, 2, 5}, {4, 1, 3, 2}, {1, 1, 7, 3}, {2, 1, 5, 4}};
    static const int fields[] = {2, 3, 3, 5};
    if (i >= (int)(sizeof fields / sizeof fields[0])) return SG_NONE;
    return sg_overlap(g, sg_case_input(g, "x", shapes[i], -1, 1, SG_CASE_GRAD), fields[i]);
}

const sg_op sg_op_overlap = {
    .name = "overlap",
    .formula = "y_i = sum of x_i and the next fields of the batch on one sensor (Yao et al. 2022)",
    .infer = infer,
    SG_REFERENCE(overlap),
    .linear = true,
    .cases = cases,
};

sg_value sg_overlap(sg_graph *g, sg_value x, int fields)
{
    const overlap_attr attr = {fields};
    return SG_NODE(g, &sg_op_overlap, &attr, x);
}

#endif
