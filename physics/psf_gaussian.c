/* psf_gaussian.c - see psf.h.
 *   forward   h = q / sum q, q = exp(-r^2/(2 sigma^2)), r in pixels
 *   backward  dsigma += sum dh h (r^2 - <r^2>) / sigma^3, <r^2> = sum h r^2 */
#include "core/op.h"
#include "physics/ops.h"
#include "physics/psf.h"

#include <tgmath.h>

typedef struct psf_gaussian_attr {
    int size_px;
} psf_gaussian_attr;
SG_KERNELS(psf_gaussian)

static double R(wrapped_square)(int j, int size)
{
    const int offset = 2 * j > size - 1 ? j - size : j;
    return (double)offset * (double)offset;
}

void R(psf_gaussian_forward)(const sg_run *run)
{
    const int size = ((const psf_gaussian_attr *)run->node->attr)->size_px;
    const double sigma = (double)*(const real *)run->in[0], k = -.5 / (sigma * sigma);
    real *h = run->out;
    double sum = 0;
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const double r2 = R(wrapped_square)(y, size) + R(wrapped_square)(x, size);
            sum += r2 > 0 ? exp(r2 * k) : 1;
        }
    }
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const double r2 = R(wrapped_square)(y, size) + R(wrapped_square)(x, size);
            h[y * size + x] = (real)((r2 > 0 ? exp(r2 * k) : 1) / sum);
        }
    }
}

void R(psf_gaussian_backward)(const sg_run *run)
{
    const int size = ((const psf_gaussian_attr *)run->node->attr)->size_px;
    const double sigma = (double)*(const real *)run->in[0];
    const real *h = run->out, *dh = run->dout;
    real *dsigma = run->din[0];
    double mean = 0, sum_dh = 0, along = 0;
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const double r2 = R(wrapped_square)(y, size) + R(wrapped_square)(x, size);
            const double p = (double)h[y * size + x], d = (double)dh[y * size + x];
            mean += p * r2, sum_dh += p * d, along += p * d * r2;
        }
    }
    if (!dsigma) return;
    /* at sigma = 0 the kernel is a point and even in sigma */
    const double slope = sigma * sigma * sigma == 0 ? 0 : (along - mean * sum_dh) / (sigma * sigma * sigma);
    *dsigma = (run->fresh[0] ? 0 : *dsigma) + (real)slope;
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const psf_gaussian_attr *a = node->attr;
    if (node->in_complex[0] || sg_shape_len(node->in_shape[0]) != 1)
        SG_FAIL(SG_E_SHAPE, "sigma_px of shape (1,1,1,1), real, is needed");
    if (a->size_px < 1 || a->size_px > 8192) SG_FAIL(SG_E_RANGE, "size_px: %d is outside 1..8192", a->size_px);
    node->shape = SG_SHAPE(1, 1, a->size_px, a->size_px);
    return SG_OK;
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        int size;
        double sigma;
    } table[] = {{9, 1.5}, {8, 2}, {5, .4}, {1, 1}};
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const double sigma = table[i].sigma;
    const sg_value value = sg_case_input(g, "sigma_px", SG_SHAPE(1, 1, 1, 1), .9 * sigma, 1.1 * sigma, SG_CASE_GRAD);
    return sg_psf_gaussian(g, value, table[i].size);
}

const sg_op sg_op_psf_gaussian = {
    .name = "psf_gaussian",
    .formula = "h = exp(-r^2/(2 sigma_px^2)) / sum, wrapped",
    .infer = infer,
    SG_REFERENCE(psf_gaussian),
    .keeps_inputs = 1,
    .keeps_output = true,
    .sets_fresh = true,
    .cases = cases,
};

sg_value sg_psf_gaussian(sg_graph *g, sg_value sigma_px, int size_px)
{
    const psf_gaussian_attr attr = {size_px};
    return SG_NODE(g, &sg_op_psf_gaussian, &attr, sigma_px);
}

#endif
