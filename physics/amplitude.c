/* amplitude.c - the amplitude of an intensity, which amplitude-based phase retrieval compares (Yeh et al., Opt. Express
 * 23, 33214, 2015).
 *   forward   y = sqrt(x + floor)
 *   backward  dx += dy / (2 y)
 * x is not clamped: a negative intensity below -floor is an error upstream and becomes NaN. Slices are blocks. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <tgmath.h>

typedef struct amplitude_attr {
    double floor;
} amplitude_attr;

SG_KERNELS(amplitude)

static void R(amplitude_forward_block)(void *context, int block, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const amplitude_attr *attr = run->node->attr;
    const real floor = (real)attr->floor, *x = run->in[0];
    const size_t end = sg_block_end(block, sg_shape_len(run->node->shape));
    real *y = run->out;
    for (size_t i = sg_block_begin(block); i < end; i++) y[i] = sqrt(x[i] + floor);
}

void R(amplitude_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(sg_blocks(sg_shape_len(run->node->shape)), R(amplitude_forward_block), &copy);
}

static void R(amplitude_backward_block)(void *context, int block, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const size_t end = sg_block_end(block, sg_shape_len(run->node->shape));
    const real *y = run->out, *dy = run->dout;
    real *dx = run->din[0];
    for (size_t i = sg_block_begin(block); i < end; i++) dx[i] += dy[i] / (2 * y[i]);
}

void R(amplitude_backward)(const sg_run *run)
{
    sg_run copy = *run;
    if (run->din[0]) sg_parallel(sg_blocks(sg_shape_len(run->node->shape)), R(amplitude_backward_block), &copy);
}

#ifdef SG_ONCE
static sg_status amplitude_infer(sg_node *node)
{
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "an intensity is real");
    node->shape = node->in_shape[0];
    return SG_OK;
}

sg_value sg_amplitude(sg_graph *g, sg_value intensity, double floor)
{
    const amplitude_attr attr = {floor};
    if (!(floor > 0)) return sg_graph_fail(g, SG_E_RANGE, "amplitude: floor %g is not positive", floor);
    return SG_NODE(g, &sg_op_amplitude, &attr, intensity);
}

static sg_value amplitude_cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{2, 3, 5, 7}, {1, 1, 130, 129}};
    if (i >= (int)(sizeof shapes / sizeof *shapes)) return SG_NONE;
    return sg_amplitude(g, sg_case_input(g, "intensity", shapes[i], .1, 2, SG_CASE_GRAD), .01);
}

const sg_op sg_op_amplitude = {
    .name = "amplitude",
    .formula = "y = sqrt(x + floor) of an intensity x (Yeh et al. 2015)",
    .infer = amplitude_infer,
    .keeps_output = true,
    .cases = amplitude_cases,
    SG_REFERENCE(amplitude),
};
#endif
