/* modulate.c - see modulate.h: a product, sizes of 1 repeated.
 *   forward   y = a x
 *   backward  dx += sum over the repeated sizes of a dy, da += the same of x dy
 * A slice is one plane of what it writes; sums over repeated sizes run in the order of y. */
#include "physics/modulate.h"

#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"

SG_KERNELS(modulate)

typedef struct R(modulate_task) {
    const sg_run *run;
    int target; /* backward: the input whose gradient is added to */
} R(modulate_task);

/* Plane of `in` that belongs to (n, c) of y. */
static size_t R(plane_of)(sg_shape in, int n, int c)
{
    return (size_t)(in.n == 1 ? 0 : n) * (size_t)in.c + (size_t)(in.c == 1 ? 0 : c);
}

/* Element 0 of that plane, and the step from one element to the next: 0 where one number stands for the plane. */
static const real *R(factor)(const sg_run *run, int input, int n, int c, size_t *step)
{
    const sg_shape in = run->node->in_shape[input];
    const size_t len = (size_t)in.h * (size_t)in.w;
    *step = len > 1;
    return (const real *)run->in[input] + R(plane_of)(in, n, c) * len;
}

SG_SIMD static void R(product)(real *restrict y, const real *restrict x, size_t x_step, const real *restrict a,
                               size_t a_step, size_t len)
{
    if (x_step && a_step)
        for (size_t i = 0; i < len; i++) y[i] = a[i] * x[i];
    else
        for (size_t i = 0; i < len; i++) y[i] = a[i * a_step] * x[i * x_step];
}

static void R(modulate_forward_plane)(void *context, int plane, int thread)
{
    const R(modulate_task) *t = context;
    const sg_shape y = t->run->node->shape;
    const size_t len = (size_t)y.h * (size_t)y.w;
    size_t x_step, a_step;
    const real *x = R(factor)(t->run, 0, plane / y.c, plane % y.c, &x_step);
    const real *a = R(factor)(t->run, 1, plane / y.c, plane % y.c, &a_step);
    (void)thread;
    R(product)((real *)t->run->out + (size_t)plane * len, x, x_step, a, a_step, len);
}

void R(modulate_forward)(const sg_run *run)
{
    R(modulate_task) t = {run, 0};
    sg_parallel(run->node->shape.n * run->node->shape.c, R(modulate_forward_plane), &t);
}

/* d += dy b, element by element, or summed if d is one number. */
SG_SIMD static void R(product_add)(real *restrict d, size_t d_step, const real *restrict dy, const real *restrict b,
                                   size_t b_step, size_t len)
{
    double sum = 0;
    if (d_step)
        for (size_t i = 0; i < len; i++) d[i] += dy[i] * b[i * b_step];
    else
        for (size_t i = 0; i < len; i++) sum += (double)dy[i] * (double)b[i * b_step];
    if (!d_step) *d += (real)sum;
}

static void R(modulate_backward_plane)(void *context, int plane, int thread)
{
    const R(modulate_task) *t = context;
    const sg_run *run = t->run;
    const sg_shape y = run->node->shape, in = run->node->in_shape[t->target];
    const size_t len = (size_t)y.h * (size_t)y.w, in_len = (size_t)in.h * (size_t)in.w;
    real *d = (real *)run->din[t->target] + (size_t)plane * in_len;
    (void)thread;
    for (int n = 0; n < y.n; n++) {
        for (int c = 0; c < y.c; c++) {
            if (R(plane_of)(in, n, c) != (size_t)plane) continue;
            size_t b_step;
            const real *b = R(factor)(run, 1 - t->target, n, c, &b_step);
            const real *dy = (const real *)run->dout + ((size_t)n * (size_t)y.c + (size_t)c) * len;
            R(product_add)(d, in_len > 1, dy, b, b_step, len);
        }
    }
}

void R(modulate_backward)(const sg_run *run)
{
    for (int target = 0; target < 2; target++) {
        R(modulate_task) t = {run, target};
        const sg_shape in = run->node->in_shape[target];
        if (run->din[target]) sg_parallel(in.n * in.c, R(modulate_backward_plane), &t);
    }
}

#ifdef SG_ONCE

static int common(int a, int b)
{
    return a == b || b == 1 ? a : a == 1 ? b : -1;
}

static sg_status infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0], a = node->in_shape[1];
    const bool one = (a.h == 1 && a.w == 1) || (x.h == 1 && x.w == 1);
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "both factors must be real");
    node->shape = SG_SHAPE(common(x.n, a.n), common(x.c, a.c), common(x.h, a.h), common(x.w, a.w));
    if (node->shape.n < 0 || node->shape.c < 0 || !(one || (x.h == a.h && x.w == a.w)))
        SG_FAIL(SG_E_SHAPE, "(%d,%d,%d,%d) does not go with (%d,%d,%d,%d)", x.n, x.c, x.h, x.w, a.n, a.c, a.h, a.w);
    return SG_OK;
}

static double flop(const sg_node *node)
{
    return (double)sg_shape_len(node->shape);
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x, a;
    } table[] = {
        {{2, 3, 5, 4}, {2, 3, 5, 4}}, {{2, 1, 5, 4}, {1, 3, 5, 4}}, {{3, 2, 4, 5}, {1, 2, 1, 1}},
        {{1, 1, 1, 1}, {1, 1, 4, 6}}, {{2, 1, 3, 3}, {1, 1, 3, 3}}, {{1, 4, 1, 1}, {3, 1, 2, 5}},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_value x = sg_case_input(g, "x", table[i].x, -1, 1, SG_CASE_GRAD);
    return sg_modulate(g, x, sg_case_input(g, "a", table[i].a, -1, 1, SG_CASE_GRAD));
}

const sg_op sg_op_modulate = {
    .name = "modulate",
    .formula = "y = a x, sizes of 1 repeated",
    .infer = infer,
    SG_REFERENCE(modulate),
    .flop = flop,
    .keeps_inputs = 3,
    .linear = true,
    .cases = cases,
};

sg_value sg_modulate(sg_graph *g, sg_value x, sg_value a)
{
    const sg_value in[] = {x, a};
    return sg_node_add(g, &sg_op_modulate, NULL, 0, in, 2);
}

#endif
