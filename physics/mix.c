/* mix.c - channels as sums of others: what filters pass of several fluorophores.
 *   forward   y_c = sum_f m[c,f] x_f
 *   backward  dx_f += sum_c m[c,f] dy_c, dm[c,f] += sum over n and pixels of dy_c x_f
 * x (n,F,h,w), m (1,1,C,F) -> (n,C,h,w). Slices are images; their sums for dm are added in order. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/add_scaled.h"
#include "physics/ops.h"
#include "physics/spectra.h"

#include <string.h>

typedef struct mix_attr {
    int unused; /* attributes are never empty */
} mix_attr;

SG_KERNELS(mix)

typedef struct mix_size {
    size_t in, out, pixels;
} mix_size;

static mix_size size_of(const sg_node *node)
{
    return (mix_size){(size_t)node->in_shape[0].c, (size_t)node->shape.c,
                      (size_t)node->shape.h * (size_t)node->shape.w};
}

static void forward_image(void *context, int image, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const mix_size s = size_of(run->node);
    const real *x = (const real *)run->in[0] + (size_t)image * s.in * s.pixels, *m = run->in[1];
    real *y = (real *)run->out + (size_t)image * s.out * s.pixels;
    memset(y, 0, s.out * s.pixels * sizeof *y);
    for (size_t c = 0; c < s.out; c++)
        for (size_t f = 0; f < s.in; f++) R(add_scaled)(y + c * s.pixels, x + f * s.pixels, m[c * s.in + f], s.pixels);
}

void R(mix_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(run->node->shape.n, forward_image, &copy);
}

static void backward_image(void *context, int image, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const mix_size s = size_of(run->node);
    const real *x = (const real *)run->in[0] + (size_t)image * s.in * s.pixels, *m = run->in[1];
    const real *dy = (const real *)run->dout + (size_t)image * s.out * s.pixels;
    double *sums = (double *)run->scratch + (size_t)image * s.in * s.out;
    real *dx = run->din[0] ? (real *)run->din[0] + (size_t)image * s.in * s.pixels : NULL;
    for (size_t c = 0; c < s.out; c++)
        for (size_t f = 0; f < s.in; f++) {
            if (dx) R(add_scaled)(dx + f * s.pixels, dy + c * s.pixels, m[c * s.in + f], s.pixels);
            if (run->din[1]) sums[c * s.in + f] = R(sg_dot)(dy + c * s.pixels, x + f * s.pixels, s.pixels);
        }
}

void R(mix_backward)(const sg_run *run)
{
    const mix_size s = size_of(run->node);
    sg_run copy = *run;
    sg_parallel(run->node->shape.n, backward_image, &copy);
    real *dm = run->din[1];
    for (size_t i = 0; dm && i < s.in * s.out; i++) {
        double sum = 0;
        for (size_t n = 0; n < (size_t)run->node->shape.n; n++)
            sum += ((const double *)run->scratch)[n * s.in * s.out + i];
        dm[i] += (real)sum;
    }
}

#ifdef SG_ONCE
static sg_status mix_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0], m = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "channels and matrix must be real");
    if (m.n != 1 || m.c != 1 || m.w != x.c)
        SG_FAIL(SG_E_SHAPE, "a matrix of (%d,%d,%d,%d) does not mix %d channels", m.n, m.c, m.h, m.w, x.c);
    node->shape = SG_SHAPE(x.n, m.h, x.h, x.w);
    return SG_OK;
}

static void mix_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads, (void)real_size;
    const mix_size s = size_of(node);
    out->scratch = (size_t)node->shape.n * s.in * s.out * sizeof(double);
}

static double mix_flop(const sg_node *node)
{
    return 2 * (double)sg_shape_len(node->shape) * node->in_shape[0].c;
}

sg_value sg_mix(sg_graph *g, sg_value x, sg_value matrix)
{
    const mix_attr attr = {0};
    return SG_NODE(g, &sg_op_mix, &attr, x, matrix);
}

static sg_value mix_cases(sg_graph *g, int i)
{
    static const int list[][5] = {{2, 3, 2, 4, 5}, {1, 1, 3, 3, 2}, {3, 2, 1, 5, 3}}; /* n, F, C, h, w */
    if (i >= (int)(sizeof list / sizeof *list)) return SG_NONE;
    const int *c = list[i];
    const sg_value x = sg_case_input(g, "x", SG_SHAPE(c[0], c[1], c[3], c[4]), -1, 1, SG_CASE_GRAD);
    return sg_mix(g, x, sg_case_input(g, "matrix", SG_SHAPE(1, 1, c[2], c[1]), -1, 1, SG_CASE_GRAD));
}

const sg_op sg_op_mix = {
    .name = "mix",
    .formula = "y_c = sum_f m[c,f] x_f: what filter c passes of dye f",
    .infer = mix_infer,
    .workspace = mix_workspace,
    .flop = mix_flop,
    .keeps_inputs = 3,
    .linear = true,
    .cases = mix_cases,
    SG_REFERENCE(mix),
};
#endif
