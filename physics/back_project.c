/* back_project.c - see pixel.h: a picture from detectors behind masks, by the transposed masks.
 *   forward   x[f] = scale sum_d (y[f](d) - mean y[f]) m[d]
 *   backward  with q[f](d) = scale sum_r m[d](r) dx[f](r): dy[f](d) += q[f](d) - mean q[f];
 *             dm[d] += scale sum_f (y[f](d) - mean y[f]) dx[f]
 * y (n,F,1,D), m (1,D,h,w) -> (n,F,h,w). Slices: pictures; for dm masks. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/add_scaled.h"
#include "physics/ops.h"
#include "physics/pixel.h"

#include <string.h>

typedef struct back_project_attr {
    double scale;
} back_project_attr;
SG_KERNELS(back_project)

typedef struct R(back_task) {
    const sg_run *run;
    int pictures, detectors;
    size_t pixels;
    double scale;
} R(back_task);

static R(back_task) R(back_task_make)(const sg_run *run)
{
    const sg_shape s = run->node->shape;
    return (R(back_task)){run, s.n * s.c, run->node->in_shape[0].w, (size_t)s.h * (size_t)s.w,
                          ((const back_project_attr *)run->node->attr)->scale};
}

/* The detectors of one picture, and their mean. */
static const real *R(detectors_of)(const R(back_task) * t, size_t picture, double *mean)
{
    const real *y = (const real *)t->run->in[0] + picture * (size_t)t->detectors;
    *mean = R(sg_sum)(y, (size_t)t->detectors) / t->detectors;
    return y;
}

static void R(back_forward_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(back_task) *t = context;
    const real *mask = t->run->in[1];
    real *x = (real *)t->run->out + (size_t)slice * t->pixels;
    double mean;
    const real *y = R(detectors_of)(t, (size_t)slice, &mean);
    memset(x, 0, t->pixels * sizeof *x);
    for (int d = 0; d < t->detectors; d++)
        R(add_scaled)(x, mask + (size_t)d * t->pixels, (real)(t->scale * ((double)y[d] - mean)), t->pixels);
}

void R(back_project_forward)(const sg_run *run)
{
    R(back_task) t = R(back_task_make)(run);
    sg_parallel(t.pictures, R(back_forward_slice), &t);
}

static void R(back_dy_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(back_task) *t = context;
    const real *dx = (const real *)t->run->dout + (size_t)slice * t->pixels, *mask = t->run->in[1];
    real *dy = (real *)t->run->din[0] + (size_t)slice * (size_t)t->detectors;
    double *q = (double *)t->run->scratch + (size_t)slice * (size_t)t->detectors, mean = 0;
    for (int d = 0; d < t->detectors; d++) {
        q[d] = t->scale * R(sg_dot)(mask + (size_t)d * t->pixels, dx, t->pixels);
        mean += q[d] / t->detectors;
    }
    for (int d = 0; d < t->detectors; d++) dy[d] += (real)(q[d] - mean);
}

static void R(back_dmask_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(back_task) *t = context;
    real *dmask = (real *)t->run->din[1] + (size_t)slice * t->pixels;
    for (size_t f = 0; f < (size_t)t->pictures; f++) {
        double mean;
        const real *y = R(detectors_of)(t, f, &mean);
        R(add_scaled)
        (dmask, (const real *)t->run->dout + f * t->pixels, (real)(t->scale * ((double)y[slice] - mean)), t->pixels);
    }
}

void R(back_project_backward)(const sg_run *run)
{
    R(back_task) t = R(back_task_make)(run);
    if (run->din[0]) sg_parallel(t.pictures, R(back_dy_slice), &t);
    if (run->din[1]) sg_parallel(t.detectors, R(back_dmask_slice), &t);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const sg_shape y = node->in_shape[0], m = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "detectors and masks must be real");
    if (m.n != 1 || y.h != 1 || y.w != m.c)
        SG_FAIL(SG_E_SHAPE, "%d x %d detectors do not match %d masks", y.h, y.w, m.c);
    node->shape = SG_SHAPE(y.n, y.c, m.h, m.w);
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads, (void)real_size;
    out->scratch = sg_shape_len(node->in_shape[0]) * sizeof(double);
}

static double flop(const sg_node *node)
{
    return 2 * (double)sg_shape_len(node->shape) * node->in_shape[0].w;
}

static sg_value cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{2, 2, 1, 3}, {1, 1, 1, 5}, {3, 1, 1, 2}};
    static const int sides[][2] = {{3, 5}, {2, 4}, {1, 3}};
    if (i >= (int)(sizeof shapes / sizeof shapes[0])) return SG_NONE;
    const sg_value y = sg_case_input(g, "y", shapes[i], -1, 1, SG_CASE_GRAD);
    const sg_shape mask = SG_SHAPE(1, shapes[i].w, sides[i][0], sides[i][1]);
    return sg_back_project(g, y, sg_case_input(g, "mask", mask, 0, 1, SG_CASE_GRAD), .7);
}

const sg_op sg_op_back_project = {
    .name = "back_project",
    .formula = "x(r) = scale sum_d (y_d - mean y) m_d(r): a picture from detectors behind masks",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(back_project),
    .flop = flop,
    .keeps_inputs = 3,
    .linear = true,
    .cases = cases,
};

sg_value sg_back_project(sg_graph *g, sg_value y, sg_value mask, double scale)
{
    const back_project_attr attr = {scale};
    return SG_NODE(g, &sg_op_back_project, &attr, y, mask);
}

#endif
