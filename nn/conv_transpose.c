/* conv_transpose.c - transposed convolution, 2 x 2, stride 2: every input pixel paints its own 2 x 2 square.
 *   forward   y(n,o,2y+ky,2x+kx) = bias(o) + sum_i x(n,i,y,x) weight(i,o,ky,kx)
 *   backward  dx(i) += sum_{o,ky,kx} weight dy;  dweight(i,o,ky,kx) += <x(i), dy(o) at (2y+ky, 2x+kx)>;  dbias += sum
 * dy Plain kernels; nn/conv_pixel.c holds the fast ones. */
#include "core/parallel.h"
#include "nn/conv_pixel.h"
#include "nn/lanes.h"
#include "nn/ops.h"

SG_KERNELS(conv_transpose)

/* Plane y(n, o); x at (n, 0), weight at (0, o). */
SG_SIMD static void R(transpose_plane)(real *restrict y, const real *restrict x, const real *weight, real bias,
                                       const sg_node *node)
{
    const size_t h = (size_t)node->in_shape[0].h, w = (size_t)node->in_shape[0].w, next = (size_t)node->shape.c * 4;
    for (size_t j = 0; j < 4 * h * w; j++) y[j] = bias;
    for (int i = 0; i < node->in_shape[0].c; i++, x += h * w, weight += next)
        for (size_t r = 0; r < h; r++) {
            real *upper = y + 4 * r * w, *lower = upper + 2 * w;
            for (size_t c = 0; c < w; c++) {
                const real v = x[r * w + c];
                upper[2 * c] += v * weight[0];
                upper[2 * c + 1] += v * weight[1];
                lower[2 * c] += v * weight[2];
                lower[2 * c + 1] += v * weight[3];
            }
        }
}

/* Plane dx(n, i); dy at (n, 0), weight at (i, 0). */
SG_SIMD static void R(transpose_plane_data)(real *restrict dx, const real *restrict dy, const real *weight,
                                            const sg_node *node)
{
    const size_t h = (size_t)node->in_shape[0].h, w = (size_t)node->in_shape[0].w;
    for (int o = 0; o < node->shape.c; o++, dy += 4 * h * w, weight += 4)
        for (size_t r = 0; r < h; r++) {
            const real *upper = dy + 4 * r * w, *lower = upper + 2 * w;
            for (size_t c = 0; c < w; c++)
                dx[r * w + c] += (upper[2 * c] * weight[0] + upper[2 * c + 1] * weight[1]) +
                                 (lower[2 * c] * weight[2] + lower[2 * c + 1] * weight[3]);
        }
}

/* dweight(i, o) += from one image: row by row in `real`, rows in double. */
SG_SIMD static void R(transpose_plane_weight)(real *dweight, const real *restrict dy, const real *restrict x, size_t h,
                                              size_t w)
{
    double sum[4] = {0};
    for (size_t r = 0; r < h; r++) {
        const real *upper = dy + 4 * r * w, *lower = upper + 2 * w;
        real part[4] = {0};
        for (size_t c = 0; c < w; c++) {
            const real v = x[r * w + c];
            part[0] += v * upper[2 * c];
            part[1] += v * upper[2 * c + 1];
            part[2] += v * lower[2 * c];
            part[3] += v * lower[2 * c + 1];
        }
        for (int k = 0; k < 4; k++) sum[k] += (double)part[k];
    }
    for (int k = 0; k < 4; k++) dweight[k] += (real)sum[k];
}

static void R(conv_transpose_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t pixels = (size_t)node->shape.h * (size_t)node->shape.w;
    const size_t n = (size_t)(slice / node->shape.c), o = (size_t)(slice % node->shape.c);
    (void)thread;
    R(transpose_plane)
    ((real *)run->out + (size_t)slice * pixels,
     (const real *)run->in[0] + n * (size_t)node->in_shape[0].c * (pixels / 4), (const real *)run->in[1] + o * 4,
     run->in[2] ? ((const real *)run->in[2])[o] : 0, node);
}

static void R(conv_transpose_data_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t pixels = (size_t)node->shape.h * (size_t)node->shape.w, o = (size_t)node->shape.c;
    const size_t c = (size_t)node->in_shape[0].c, n = (size_t)slice / c, i = (size_t)slice % c;
    (void)thread;
    R(transpose_plane_data)
    ((real *)run->din[0] + (size_t)slice * (pixels / 4), (const real *)run->dout + n * o * pixels,
     (const real *)run->in[1] + i * o * 4, node);
}

/* Input channel i. */
static void R(conv_transpose_weight_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t h = (size_t)node->in_shape[0].h, w = (size_t)node->in_shape[0].w, o = (size_t)node->shape.c;
    const size_t c = (size_t)node->in_shape[0].c, i = (size_t)slice;
    (void)thread;
    for (size_t n = 0; n < (size_t)node->shape.n; n++)
        for (size_t j = 0; j < o; j++) R(transpose_plane_weight)
    ((real *)run->din[1] + (i * o + j) * 4, (const real *)run->dout + (n * o + j) * 4 * h * w,
     (const real *)run->in[0] + (n * c + i) * h * w, h, w);
}

/* Output channel o. */
static void R(conv_transpose_bias_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t pixels = (size_t)node->shape.h * (size_t)node->shape.w;
    double sum = 0;
    (void)thread;
    for (int n = 0; n < node->shape.n; n++) {
        const real *dy = (const real *)run->dout + (size_t)(n * node->shape.c + slice) * pixels;
        for (size_t j = 0; j < pixels; j++) sum += (double)dy[j];
    }
    ((real *)run->din[2])[slice] += (real)sum;
}

void R(conv_transpose_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n * run->node->shape.c, R(conv_transpose_forward_slice), &run);
}

void R(conv_transpose_backward)(const sg_run *run)
{
    const sg_node *node = run->node;
    for (int i = 0; i < 3; i++) R(sg_zero_fresh)(run, i);
    if (run->din[2]) sg_parallel(node->shape.c, R(conv_transpose_bias_slice), &run);
    if (run->din[1]) sg_parallel(node->in_shape[0].c, R(conv_transpose_weight_slice), &run);
    if (run->din[0]) sg_parallel(node->shape.n * node->in_shape[0].c, R(conv_transpose_data_slice), &run);
}

#ifdef SG_ONCE
static sg_status conv_transpose_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0], w = node->in_shape[1], b = node->in_shape[2];
    for (int i = 0; i < 3; i++)
        if (node->in_complex[i]) SG_FAIL(SG_E_SHAPE, "every input must be real");
    if (w.h != 2 || w.w != 2) SG_FAIL(SG_E_SHAPE, "a kernel of %d x %d is not 2 x 2", w.h, w.w);
    if (w.n != x.c) SG_FAIL(SG_E_SHAPE, "weight takes %d channels, the input has %d", w.n, x.c);
    if (node->inputs[2] >= 0 && !sg_shape_equal(b, SG_SHAPE(1, w.c, 1, 1)))
        SG_FAIL(SG_E_SHAPE, "bias is (%d,%d,%d,%d), not (1,%d,1,1)", b.n, b.c, b.h, b.w, w.c);
    node->shape = SG_SHAPE(x.n, w.c, 2 * x.h, 2 * x.w);
    return SG_OK;
}

static double conv_transpose_flop(const sg_node *node)
{
    return 2. * (double)sg_shape_len(node->shape) * (double)node->in_shape[0].c;
}

static sg_value conv_transpose_cases(sg_graph *g, int index)
{
    /* n, i, o, h, w, bias */
    static const int list[][6] = {
        {2, 3, 2, 3, 5, 1}, {1, 1, 2, 1, 4, 0}, {3, 32, 16, 2, 3, 1}, {1, 4, 18, 3, 2, 1}, {2, 72, 24, 7, 15, 1}};
    if (index >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const int *c = list[index];
    const sg_value x = sg_case_input(g, "x", SG_SHAPE(c[0], c[1], c[3], c[4]), -1, 1, SG_CASE_GRAD);
    const sg_value w = sg_case_input(g, "weight", SG_SHAPE(c[1], c[2], 2, 2), -1, 1, SG_CASE_GRAD);
    const sg_value b = c[5] ? sg_case_input(g, "bias", SG_SHAPE(1, c[2], 1, 1), -1, 1, SG_CASE_GRAD) : SG_NONE;
    return sg_conv_transpose(g, x, w, b);
}

const sg_op sg_op_conv_transpose = {
    .name = "conv_transpose",
    .formula = "y(o,2y+ky,2x+kx) = bias(o) + sum_i x(i,y,x) weight(i,o,ky,kx)",
    .infer = conv_transpose_infer,
    SG_REFERENCE(conv_transpose),
    .flop = conv_transpose_flop,
    .fast = {&sg_conv_pixel_fast},
    .keeps_inputs = 1 | 2,
    .sets_fresh = true,
    .again_ok = true,
    .cases = conv_transpose_cases,
};

sg_value sg_conv_transpose(sg_graph *g, sg_value x, sg_value weight, sg_value bias)
{
    return sg_node_add(g, &sg_op_conv_transpose, NULL, 0, (const sg_value[]){x, weight, bias}, 3);
}
#endif
