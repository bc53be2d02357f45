/* beer_lambert.c - the absorption of the amplitude that lets a given intensity through (PHYSICS section 1, "colour";
 * the Beer-Lambert law, intensity = exp(-2 a)).
 *   forward   a = -ln(max(g, 1/255)) / 2
 *   backward  dg -= da / (2 g) where g >= 1/255; 0 below
 * The floor is one step of an 8-bit picture: what is black there lets an unknown, small intensity through. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <math.h>

typedef struct beer_lambert_attr {
    double floor;
} beer_lambert_attr;

SG_KERNELS(beer_lambert)

#ifdef SG_DOUBLE
#define LOG log
#else
#define LOG logf
#endif

static void forward_block(void *context, int block, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const real floor = (real)((const beer_lambert_attr *)run->node->attr)->floor, *g = run->in[0];
    const size_t end = sg_block_end(block, sg_shape_len(run->node->shape));
    real *a = run->out;
    for (size_t i = sg_block_begin(block); i < end; i++) a[i] = (real)-.5 * LOG(g[i] < floor ? floor : g[i]);
}

void R(beer_lambert_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(sg_blocks(sg_shape_len(run->node->shape)), forward_block, &copy);
}

static void backward_block(void *context, int block, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const real floor = (real)((const beer_lambert_attr *)run->node->attr)->floor, *g = run->in[0], *da = run->dout;
    const size_t end = sg_block_end(block, sg_shape_len(run->node->shape));
    real *dg = run->din[0];
    for (size_t i = sg_block_begin(block); i < end; i++)
        if (!(g[i] < floor)) dg[i] -= da[i] / (2 * g[i]);
}

void R(beer_lambert_backward)(const sg_run *run)
{
    sg_run copy = *run;
    if (run->din[0]) sg_parallel(sg_blocks(sg_shape_len(run->node->shape)), backward_block, &copy);
}

#ifdef SG_ONCE
static sg_status beer_lambert_infer(sg_node *node)
{
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "an intensity is real");
    node->shape = node->in_shape[0];
    return SG_OK;
}

sg_value sg_beer_lambert(sg_graph *g, sg_value intensity)
{
    const beer_lambert_attr attr = {1. / 255};
    return SG_NODE(g, &sg_op_beer_lambert, &attr, intensity);
}

static sg_value beer_lambert_cases(sg_graph *g, int i)
{
    const double lo[] = {.1, -1, -2}, hi[] = {1, 1, -1}; /* inside, across a kink that the gap avoids, below */
    if (i > 2) return SG_NONE;
    return sg_beer_lambert(
        g, sg_case_input(g, "intensity", SG_SHAPE(2, 3, 5 - i, 4), lo[i], hi[i], SG_CASE_GRAD | SG_CASE_GAP));
}

const sg_op sg_op_beer_lambert = {
    .name = "beer_lambert",
    .formula = "a = -ln(max(g, 1/255)) / 2, the absorption that lets the intensity g through",
    .infer = beer_lambert_infer,
    .keeps_inputs = 1,
    .cases = beer_lambert_cases,
    SG_REFERENCE(beer_lambert),
};
#endif
