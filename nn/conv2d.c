/* conv2d.c - convolution of stride 1 (a correlation, as in every network): of the same size with zero padding and an odd
 * kernel, p = (k-1)/2, or valid, p = 0, where the kernel never leaves the picture.
 *   forward   y(o) = bias(o) + sum_{i,ky,kx} weight(o,i,ky,kx) shift(x(i), ky-p, kx-p), then the fused activation
 *   backward  dx(i) += sum weight shift(dy(o), p-ky, p-kx);  dweight += <dy(o), shift(x(i), ky-p, kx-p)>;  dbias += sum
 * dy shift(x, a, b)(r, c) = x(r+a, c+b), 0 outside. These are the plain kernels; nn/conv_rows.h lists the fast ones. A
 * slice owns one plane of its result, so nothing is added across threads. */
#include "core/parallel.h"
#include "nn/conv_pixel.h"
#include "nn/conv_rows.h"
#include "nn/lanes.h"
#include "nn/ops.h"

typedef struct conv2d_attr {
    bool valid;
} conv2d_attr; /* none: of the same size */
SG_KERNELS(conv2d)

/* Height and width of a plane. */
typedef struct R(plane) {
    int h, w;
} R(plane);

static inline R(plane) R(plane_of)(sg_shape s)
{
    return (R(plane)){s.h, s.w};
}

static inline size_t R(plane_len)(sg_shape s)
{
    return (size_t)s.h * (size_t)s.w;
}

/* The part of the rows (or columns) of y for which r + shift is one of x. */
static inline int R(first_inside)(int shift)
{
    return shift < 0 ? -shift : 0;
}

static inline int R(last_inside)(int y_len, int x_len, int shift)
{
    return x_len - shift < y_len ? x_len - shift : y_len;
}

/* y += k shift(x, a, b) */
static inline void R(add_shifted)(real *restrict y, R(plane) of_y, const real *restrict x, R(plane) of_x, real k, int a,
                                  int b)
{
    const int c0 = R(first_inside)(b), c1 = R(last_inside)(of_y.w, of_x.w, b);
    for (int r = R(first_inside)(a); r < R(last_inside)(of_y.h, of_x.h, a); r++) {
        real *restrict out = y + (ptrdiff_t)r * of_y.w;
        const real *restrict in = x + (ptrdiff_t)(r + a) * of_x.w + b;
        for (int c = c0; c < c1; c++) out[c] += k * in[c];
    }
}

/* <y, shift(x, a, b)>: 16 partial sums, so that it vectorises in a fixed order. */
static inline real R(dot_shifted)(const real *restrict y, R(plane) of_y, const real *restrict x, R(plane) of_x, int a,
                                  int b)
{
    real part[SG_LANES] = {0}, sum = 0;
    const int c0 = R(first_inside)(b), c1 = R(last_inside)(of_y.w, of_x.w, b);
    for (int r = R(first_inside)(a); r < R(last_inside)(of_y.h, of_x.h, a); r++) {
        const real *restrict p = y + (ptrdiff_t)r * of_y.w;
        const real *restrict q = x + (ptrdiff_t)(r + a) * of_x.w + b;
        int c = c0;
        for (; c + SG_LANES <= c1; c += SG_LANES)
            for (int l = 0; l < SG_LANES; l++) part[l] += p[c + l] * q[c + l];
        for (int l = 0; c < c1; c++, l++) part[l] += p[c] * q[c];
    }
    for (int l = 0; l < SG_LANES; l++) sum += part[l];
    return sum;
}

/* One plane y(n, o) of the forward pass. */
SG_SIMD static void R(conv_plane)(real *y, const real *x, const real *weight, real bias, const sg_node *node)
{
    const R(plane) of_x = R(plane_of)(node->in_shape[0]), of_y = R(plane_of)(node->shape);
    const size_t pixels = R(plane_len)(node->shape), in_pixels = R(plane_len)(node->in_shape[0]);
    const int k = node->in_shape[1].h, p = sg_conv_padding(node);
    const real slope = R(sg_fused_slope)(node);
    for (size_t j = 0; j < pixels; j++) y[j] = bias;
    for (int i = 0; i < node->in_shape[0].c; i++, x += in_pixels)
        for (int ky = 0; ky < k; ky++)
            for (int kx = 0; kx < k; kx++) R(add_shifted)(y, of_y, x, of_x, *weight++, ky - p, kx - p);
    if (node->fused)
        for (size_t j = 0; j < pixels; j++) y[j] = R(sg_leaky)(y[j], slope);
}

/* One plane dx(n, i): weight points at weight(0, i), dy at dy(n, 0). */
SG_SIMD static void R(conv_plane_data)(real *dx, const real *dy, const real *weight, const sg_node *node)
{
    const R(plane) of_x = R(plane_of)(node->in_shape[0]), of_y = R(plane_of)(node->shape);
    const int k = node->in_shape[1].h, p = sg_conv_padding(node);
    const size_t row = (size_t)node->in_shape[0].c * (size_t)k * (size_t)k;
    for (int o = 0; o < node->shape.c; o++, dy += R(plane_len)(node->shape), weight += row)
        for (int ky = 0; ky < k; ky++)
            for (int kx = 0; kx < k; kx++) R(add_shifted)(dx, of_x, dy, of_y, weight[ky * k + kx], p - ky, p - kx);
}

/* dweight(o) += from image n. */
SG_SIMD static void R(conv_plane_weight)(real *dweight, const real *dy, const real *x, const sg_node *node)
{
    const R(plane) of_x = R(plane_of)(node->in_shape[0]), of_y = R(plane_of)(node->shape);
    const int k = node->in_shape[1].h, p = sg_conv_padding(node);
    for (int i = 0; i < node->in_shape[0].c; i++, x += R(plane_len)(node->in_shape[0]))
        for (int ky = 0; ky < k; ky++)
            for (int kx = 0; kx < k; kx++) *dweight++ += R(dot_shifted)(dy, of_y, x, of_x, ky - p, kx - p);
}

SG_SIMD static void R(conv_mask)(real *restrict dy, const real *restrict y, size_t len, real slope)
{
    for (size_t j = 0; j < len; j++) dy[j] = y[j] > 0 ? dy[j] : slope * dy[j];
}

static void R(conv2d_forward_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t k = (size_t)node->in_shape[1].h, c = (size_t)node->in_shape[0].c;
    const size_t n = (size_t)(slice / node->shape.c), o = (size_t)(slice % node->shape.c);
    (void)thread;
    R(conv_plane)
    ((real *)run->out + (size_t)slice * R(plane_len)(node->shape),
     (const real *)run->in[0] + n * c * R(plane_len)(node->in_shape[0]), (const real *)run->in[1] + o * c * k * k,
     run->in[2] ? ((const real *)run->in[2])[o] : 0, node);
}

static void R(conv2d_data_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t k = (size_t)node->in_shape[1].h;
    const size_t c = (size_t)node->in_shape[0].c, n = (size_t)slice / c, i = (size_t)slice % c;
    (void)thread;
    R(conv_plane_data)
    ((real *)run->din[0] + (size_t)slice * R(plane_len)(node->in_shape[0]),
     (const real *)run->dout + n * (size_t)node->shape.c * R(plane_len)(node->shape),
     (const real *)run->in[1] + i * k * k, node);
}

/* Output channel o: mask, bias and weights. */
static void R(conv2d_weight_slice)(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t pixels = R(plane_len)(node->shape), in_pixels = R(plane_len)(node->in_shape[0]);
    const size_t k = (size_t)node->in_shape[1].h, c = (size_t)node->in_shape[0].c, o = (size_t)slice;
    double dbias = 0;
    (void)thread;
    for (size_t n = 0; n < (size_t)node->shape.n; n++) {
        const size_t at = (n * (size_t)node->shape.c + o) * pixels;
        real *dy = (real *)run->dout + at;
        if (node->fused) R(conv_mask)(dy, (const real *)run->out + at, pixels, R(sg_fused_slope)(node));
        for (size_t j = 0; j < pixels; j++) dbias += (double)dy[j];
        if (run->din[1]) R(conv_plane_weight)
        ((real *)run->din[1] + o * c * k * k, dy, (const real *)run->in[0] + n * c * in_pixels, node);
    }
    if (run->din[2]) ((real *)run->din[2])[o] += (real)dbias;
}

void R(conv2d_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n * run->node->shape.c, R(conv2d_forward_slice), &run);
}

void R(conv2d_backward)(const sg_run *run)
{
    for (int i = 0; i < 3; i++) R(sg_zero_fresh)(run, i);
    sg_parallel(run->node->shape.c, R(conv2d_weight_slice), &run);
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->in_shape[0].c, R(conv2d_data_slice), &run);
}

#ifdef SG_ONCE
static sg_status conv2d_infer(sg_node *node)
{
    const bool valid = node->attr_size > 0 && ((const conv2d_attr *)node->attr)->valid;
    const sg_shape x = node->in_shape[0], w = node->in_shape[1], b = node->in_shape[2];
    for (int i = 0; i < 3; i++)
        if (node->in_complex[i]) SG_FAIL(SG_E_SHAPE, "every input must be real");
    if (w.h != w.w || w.h % 2 == 0 || w.h > 15)
        SG_FAIL(SG_E_SHAPE, "a kernel of %d x %d is not odd, square and <= 15", w.h, w.w);
    if (valid && (w.h > x.h || w.w > x.w))
        SG_FAIL(SG_E_SHAPE, "a kernel of %d x %d does not fit a picture of %d x %d", w.h, w.w, x.h, x.w);
    if (w.c != x.c) SG_FAIL(SG_E_SHAPE, "weight takes %d channels, the input has %d", w.c, x.c);
    if (node->inputs[2] >= 0 && !sg_shape_equal(b, SG_SHAPE(1, w.n, 1, 1)))
        SG_FAIL(SG_E_SHAPE, "bias is (%d,%d,%d,%d), not (1,%d,1,1)", b.n, b.c, b.h, b.w, w.n);
    node->shape = valid ? SG_SHAPE(x.n, w.n, x.h - w.h + 1, x.w - w.w + 1) : SG_SHAPE(x.n, w.n, x.h, x.w);
    return SG_OK;
}

static double conv2d_flop(const sg_node *node)
{
    return 2. * (double)sg_shape_len(node->shape) *
           (double)(sg_shape_len(node->in_shape[1]) / (size_t)node->in_shape[1].n);
}

/* n, i, o, k, h, w, bias, slope of a ReLU behind it (-1: none), valid. */
static sg_value conv2d_cases(sg_graph *g, int index)
{
    static const struct {
        int n, i, o, k, h, w, bias;
        double slope;
        bool valid;
    } list[] = {{2, 3, 2, 3, 5, 7, 1, -1},       {1, 2, 3, 1, 4, 3, 1, -1},      {3, 1, 2, 5, 6, 3, 0, -1},
                {2, 2, 3, 3, 4, 5, 1, 0},        {1, 1, 2, 3, 3, 18, 1, .1},     {2, 1, 16, 3, 4, 5, 1, 0},
                {3, 16, 16, 3, 3, 5, 1, -1},     {1, 16, 1, 1, 4, 6, 1, -1},     {1, 5, 18, 3, 2, 3, 0, -1},
                {1, 3, 4, 3, 1, 2, 1, -1},       {5, 2, 2, 3, 3, 4, 1, 0},       {2, 72, 40, 1, 9, 13, 1, 0},
                {2, 4, 8, 3, 19, 7, 1, .1},      {2, 8, 16, 3, 5, 7, 1, .1},     {1, 24, 8, 3, 4, 6, 0, -1},
                {1, 16, 24, 3, 4, 5, 1, 0},      {2, 3, 4, 3, 5, 7, 1, 0, true}, {1, 2, 3, 5, 5, 9, 0, -1, true},
                {18, 2, 3, 3, 4, 6, 1, 0, true}, {2, 1, 6, 5, 37, 40, 1, 0},     {1, 2, 3, 3, 2, 17, 1, -1}};
    if (index >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const int n = list[index].n, c = list[index].i, o = list[index].o, k = list[index].k;
    const sg_value x = sg_case_input(g, "x", SG_SHAPE(n, c, list[index].h, list[index].w), -1, 1, SG_CASE_GRAD);
    const sg_value w = sg_case_input(g, "weight", SG_SHAPE(o, c, k, k), -1, 1, SG_CASE_GRAD);
    const sg_value b = list[index].bias ? sg_case_input(g, "bias", SG_SHAPE(1, o, 1, 1), -1, 1, SG_CASE_GRAD) : SG_NONE;
    const sg_value y = (list[index].valid ? sg_conv2d_valid : sg_conv2d)(g, x, w, b);
    return list[index].slope >= 0 ? sg_relu(g, y, list[index].slope) : y;
}

const sg_op sg_op_conv2d = {
    .name = "conv2d",
    .formula =
        "y(o) = bias(o) + sum_{i,ky,kx} weight(o,i,ky,kx) x(i) shifted by (ky-p, kx-p), zero outside; valid: p = 0",
    .infer = conv2d_infer,
    SG_REFERENCE(conv2d),
    .flop = conv2d_flop,
    .fast = {&sg_conv_head_fast, &sg_conv_pixel_fast, &sg_conv2d_winograd, &sg_conv2d_few, SG_ROW_ONEDNN},
    .keeps_inputs = 1 | 2,
    .sets_fresh = true,
    .linear = false, /* in x alone only without a bias */
    .fuses_relu = true,
    .again_ok = true,
    .cases = conv2d_cases,
};

sg_value sg_conv2d(sg_graph *g, sg_value x, sg_value weight, sg_value bias)
{
    return sg_node_add(g, &sg_op_conv2d, NULL, 0, (const sg_value[]){x, weight, bias}, 3);
}

sg_value sg_conv2d_valid(sg_graph *g, sg_value x, sg_value weight, sg_value bias)
{
    return SG_NODE(g, &sg_op_conv2d, &(conv2d_attr){.valid = true}, x, weight, bias);
}
#endif
