/* detect.c - see pixel.h: a few detectors, each behind a mask over the whole field.
 *   forward   y[f](d) = scale sum_r m[d](r) x[f](r)
 *   backward  dx[f] += scale sum_d dy[f](d) m[d];  dm[d] += scale sum_f dy[f](d) x[f]
 * x (n,F,h,w), m (1,D,h,w) -> (n,F,1,D). Slices: pictures; for dm masks. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/add_scaled.h"
#include "physics/ops.h"
#include "physics/pixel.h"

typedef struct detect_attr {
    double scale;
} detect_attr;
SG_KERNELS(detect)

typedef struct R(detect_task) {
    const sg_run *run;
    int pictures, detectors; /* pictures: n F */
    size_t pixels;
    real scale;
} R(detect_task);

static R(detect_task) R(detect_task_make)(const sg_run *run)
{
    const sg_shape s = run->node->in_shape[0];
    return (R(detect_task)){run, s.n * s.c, run->node->shape.w, (size_t)s.h * (size_t)s.w,
                            (real)((const detect_attr *)run->node->attr)->scale};
}

static void R(detect_forward_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(detect_task) *t = context;
    const real *x = (const real *)t->run->in[0] + (size_t)slice * t->pixels, *mask = t->run->in[1];
    real *y = (real *)t->run->out + (size_t)slice * (size_t)t->detectors;
    for (int d = 0; d < t->detectors; d++)
        y[d] = (real)((double)t->scale * R(sg_dot)(mask + (size_t)d * t->pixels, x, t->pixels));
}

void R(detect_forward)(const sg_run *run)
{
    R(detect_task) t = R(detect_task_make)(run);
    sg_parallel(t.pictures, R(detect_forward_slice), &t);
}

static void R(detect_dx_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(detect_task) *t = context;
    const real *dy = (const real *)t->run->dout + (size_t)slice * (size_t)t->detectors, *mask = t->run->in[1];
    real *dx = (real *)t->run->din[0] + (size_t)slice * t->pixels;
    for (int d = 0; d < t->detectors; d++) R(add_scaled)(dx, mask + (size_t)d * t->pixels, t->scale * dy[d], t->pixels);
}

static void R(detect_dmask_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(detect_task) *t = context;
    const real *dy = t->run->dout, *x = t->run->in[0];
    real *dmask = (real *)t->run->din[1] + (size_t)slice * t->pixels;
    for (size_t f = 0; f < (size_t)t->pictures; f++)
        R(add_scaled)(dmask, x + f * t->pixels, t->scale * dy[f * (size_t)t->detectors + (size_t)slice], t->pixels);
}

void R(detect_backward)(const sg_run *run)
{
    R(detect_task) t = R(detect_task_make)(run);
    if (run->din[0]) sg_parallel(t.pictures, R(detect_dx_slice), &t);
    if (run->din[1]) sg_parallel(t.detectors, R(detect_dmask_slice), &t);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const sg_shape s = node->in_shape[0], m = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "picture and masks must be real");
    if (m.n != 1 || m.h != s.h || m.w != s.w)
        SG_FAIL(SG_E_SHAPE, "masks of %d x %d do not cover a picture of %d x %d", m.h, m.w, s.h, s.w);
    node->shape = SG_SHAPE(s.n, s.c, 1, m.c);
    return SG_OK;
}

static double flop(const sg_node *node)
{
    return 2 * (double)sg_shape_len(node->in_shape[0]) * node->shape.w;
}

static sg_value cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{2, 2, 3, 5}, {1, 1, 4, 2}, {3, 1, 2, 2}};
    static const int detectors[] = {3, 1, 5};
    if (i >= (int)(sizeof detectors / sizeof detectors[0])) return SG_NONE;
    const sg_shape s = shapes[i];
    const sg_value x = sg_case_input(g, "x", s, -1, 1, SG_CASE_GRAD);
    return sg_detect(g, x, sg_case_input(g, "mask", SG_SHAPE(1, detectors[i], s.h, s.w), 0, 1, SG_CASE_GRAD), .3);
}

const sg_op sg_op_detect = {
    .name = "detect",
    .formula = "y_d = scale sum_r m_d(r) x(r): detectors behind masks (Duarte et al. 2008)",
    .infer = infer,
    SG_REFERENCE(detect),
    .flop = flop,
    .keeps_inputs = 3,
    .linear = true,
    .cases = cases,
};

sg_value sg_detect(sg_graph *g, sg_value x, sg_value mask, double scale)
{
    const detect_attr attr = {scale};
    return SG_NODE(g, &sg_op_detect, &attr, x, mask);
}

#endif
