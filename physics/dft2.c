/* dft2.c - two-dimensional DFT, unnormalised: X(v) = sum_r x(r) exp(-2 pi i v r).
 *   backward  dx(r) += sum_v dX(v) exp(+2 pi i v r), the adjoint
 * Complex (n,c,h,w) -> complex (n,c,h,w); slices are the transforms. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/fft.h"
#include "physics/fft2.h"
#include "physics/ops.h"
#include "physics/optics.h"

typedef struct dft2_attr {
    int unused; /* attributes are never empty */
} dft2_attr;

SG_KERNELS(dft2)
SG_PREPARES(dft2)

typedef struct dft2_plans {
    R(sg_fft2) * forward, *adjoint;
} dft2_plans;

void R(dft2_release)(void *prepared)
{
    dft2_plans *plans = prepared;
    if (!plans) return;
    R(sg_fft2_free)(plans->forward);
    R(sg_fft2_free)(plans->adjoint);
    sg_free(plans);
}

sg_status R(dft2_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    dft2_plans *plans = NULL;
    sg_status status = SG_OK;
    SG_TRY(SG_ALLOC(&plans, 1, "DFT plans"));
    SG_TRY_DONE(R(sg_fft2_c2c)(&plans->forward, node->shape.h, node->shape.w, FFTW_FORWARD, threads));
    if (backward) SG_TRY_DONE(R(sg_fft2_c2c)(&plans->adjoint, node->shape.h, node->shape.w, FFTW_BACKWARD, threads));
    *out = plans;
    return SG_OK;
done:
    R(dft2_release)(plans);
    return status;
}

static size_t slice_len(const sg_run *run)
{
    return 2 * (size_t)run->node->shape.h * (size_t)run->node->shape.w;
}

static int slice_count(const sg_run *run)
{
    return run->node->shape.n * run->node->shape.c;
}

static void forward_slice(void *context, int slice, int thread)
{
    const sg_run *run = context;
    const dft2_plans *plans = run->prepared;
    const size_t at = (size_t)slice * slice_len(run);
    R(sg_fft2_run)(plans->forward, (const real *)run->in[0] + at, (real *)run->out + at, thread);
}

void R(dft2_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(slice_count(run), forward_slice, &copy);
}

SG_SIMD static void add(real *restrict sum, const real *restrict x, size_t len)
{
    for (size_t i = 0; i < len; i++) sum[i] += x[i];
}

static void backward_slice(void *context, int slice, int thread)
{
    const sg_run *run = context;
    const dft2_plans *plans = run->prepared;
    const size_t len = slice_len(run);
    real *dout = (real *)run->dout + (size_t)slice * len;
    R(sg_fft2_run)(plans->adjoint, dout, dout, thread);
    add((real *)run->din[0] + (size_t)slice * len, dout, len);
}

void R(dft2_backward)(const sg_run *run)
{
    sg_run copy = *run;
    if (run->din[0]) sg_parallel(slice_count(run), backward_slice, &copy);
}

#ifdef SG_ONCE
static sg_status dft2_infer(sg_node *node)
{
    if (!node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be complex");
    node->shape = node->in_shape[0];
    node->is_complex = true;
    return SG_OK;
}

static double dft2_flop(const sg_node *node)
{
    double log2 = 0;
    for (double x = (double)node->shape.h * node->shape.w; x > 1; x /= 2) log2++;
    return 5 * (double)sg_shape_len(node->shape) * log2;
}

sg_value sg_dft2(sg_graph *g, sg_value x)
{
    const dft2_attr attr = {0};
    return SG_NODE(g, &sg_op_dft2, &attr, x);
}

static sg_value dft2_cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{1, 1, 4, 8}, {2, 3, 5, 7}, {3, 1, 1, 6}, {1, 2, 9, 1}};
    if (i >= (int)(sizeof shapes / sizeof *shapes)) return SG_NONE;
    return sg_dft2(g, sg_case_input(g, "x", shapes[i], -1, 1, SG_CASE_GRAD | SG_CASE_COMPLEX));
}

const sg_op sg_op_dft2 = {
    .name = "dft2",
    .formula = "X(v) = sum_r x(r) exp(-2 pi i v r), unnormalised",
    .infer = dft2_infer,
    .flop = dft2_flop,
    .linear = true,
    .cases = dft2_cases,
    SG_REFERENCE(dft2),
    SG_PREPARED(dft2),
};
#endif
