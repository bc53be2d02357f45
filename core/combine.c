/* combine.c - weighted sum of two tensors.
 *   forward   y = ka a + kb b          backward   da += ka dy, db += kb dy */
#include "core/ops.h"
#include "core/tiles.h"

typedef struct combine_attr {
    double ka, kb;
} combine_attr;
SG_KERNELS(combine)

SG_INLINE void R(combine_sum)(real *restrict y, const real *a, real ka, const real *b, real kb, size_t len)
{
    for (size_t i = 0; i < len; i++) y[i] = ka * a[i] + kb * b[i];
}

SG_INLINE void R(combine_scale)(real *restrict y, const real *a, real ka, size_t len)
{
    for (size_t i = 0; i < len; i++) y[i] = ka * a[i];
}

SG_INLINE void R(combine_add)(real *restrict d, const real *restrict dy, real k, size_t len)
{
    for (size_t i = 0; i < len; i++) d[i] += k * dy[i];
}

SG_SIMD static void R(combine_span)(const sg_run *run, const sg_span *span)
{
    const sg_node *node = run->node;
    const combine_attr *attr = node->attr;
    const size_t y_at = sg_span_at(span, node->form), a_at = sg_span_at(span, node->in_form[0]),
                 b_at = sg_span_at(span, node->in_form[1]);
    real y_tile[SG_TILE], a_tile[SG_TILE], b_tile[SG_TILE];
    for (size_t i = 0; i < span->len; i += SG_TILE) {
        const size_t count = sg_tile_len(i, span->len);
        const real *a = R(sg_tile_in)(run->in[0], node->in_form[0].type, a_at + i, count, a_tile);
        real *y = R(sg_tile_out)(run->out, node->form.type, y_at + i, count, false, y_tile);
        if (node->input_count > 1) R(combine_sum)
        (y, a, (real)attr->ka, R(sg_tile_in)(run->in[1], node->in_form[1].type, b_at + i, count, b_tile),
         (real)attr->kb, count);
        else R(combine_scale)(y, a, (real)attr->ka, count);
        R(sg_tile_done)(run->out, node->form.type, y_at + i, count, y);
    }
}

SG_SIMD static void R(combine_span_grad)(const sg_run *run, const sg_span *span, int j, real k)
{
    const sg_node *node = run->node;
    const size_t y_at = sg_span_at(span, node->form), d_at = sg_span_at(span, node->in_form[j]);
    real dy_tile[SG_TILE], d_tile[SG_TILE];
    for (size_t i = 0; i < span->len; i += SG_TILE) {
        const size_t count = sg_tile_len(i, span->len);
        const real *dy = R(sg_tile_in)(run->dout, node->form.type, y_at + i, count, dy_tile);
        real *d = R(sg_tile_out)(run->din[j], node->in_form[j].type, d_at + i, count, true, d_tile);
        R(combine_add)(d, dy, k, count);
        R(sg_tile_done)(run->din[j], node->in_form[j].type, d_at + i, count, d);
    }
}

static void R(combine_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_span span = sg_span_of(slice, sg_image_len(run->node));
    (void)thread;
    R(combine_span)(run, &span);
}

static void R(combine_backward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const combine_attr *attr = run->node->attr;
    const real k[2] = {(real)attr->ka, (real)attr->kb};
    const sg_span span = sg_span_of(slice, sg_image_len(run->node));
    (void)thread;
    for (int j = 0; j < run->node->input_count; j++)
        if (run->din[j] != NULL) R(combine_span_grad)(run, &span, j, k[j]);
}

void R(combine_forward)(const sg_run *run)
{
    sg_parallel(sg_spans(run->node->shape.n, sg_image_len(run->node)), R(combine_forward_slice), &run);
}

void R(combine_backward)(const sg_run *run)
{
    sg_parallel(sg_spans(run->node->shape.n, sg_image_len(run->node)), R(combine_backward_slice), &run);
}

#ifdef SG_ONCE
static sg_status combine_infer(sg_node *node)
{
    if (node->input_count == 2 &&
        (!sg_shape_equal(node->in_shape[0], node->in_shape[1]) || node->in_complex[0] != node->in_complex[1]))
        SG_FAIL(SG_E_SHAPE, "two equal shapes are needed");
    node->shape = node->in_shape[0];
    node->is_complex = node->in_complex[0];
    return SG_OK;
}

static sg_value combine_cases(sg_graph *g, int i)
{
    const sg_shape shape = i == 0 ? SG_SHAPE(2, 3, 5, 7) : SG_SHAPE(1, 1, 3, 4);
    const unsigned flags = i == 1 ? SG_CASE_GRAD | SG_CASE_COMPLEX : SG_CASE_GRAD;
    if (i > 2) return SG_NONE;
    const sg_value a = sg_case_input(g, "a", shape, -1, 1, flags);
    if (i == 2) return sg_combine(g, a, .7, SG_NONE, 0);
    return sg_combine(g, a, .7, sg_case_input(g, "b", shape, -1, 1, flags), -1.3);
}

const sg_op sg_op_combine = {
    .name = "combine",
    .formula = "y = ka a + kb b",
    .infer = combine_infer,
    SG_REFERENCE(combine),
    .linear = true,
    .any_layout = true,
    .any_form = true,
    .cases = combine_cases,
};

sg_value sg_combine(sg_graph *g, sg_value a, double ka, sg_value b, double kb)
{
    const combine_attr attr = {ka, kb};
    const sg_value inputs[2] = {a, b};
    return sg_node_add(g, &sg_op_combine, &attr, sizeof attr, inputs, b.id < 0 ? 1 : 2);
}
#endif
