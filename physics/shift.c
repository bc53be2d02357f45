/* shift.c - see pixel.h: cameras displaced by fractions of a sample. With X the DFT of x (H x W),
 *   forward   y_v = IDFT(X a_v(k_y) b_v(k_x)), b_v(k) = exp(2 pi i k s_x / W), a_v so with s_y and H; a bin at the
 *             Nyquist frequency has no sign: it gets cos(pi s), which keeps y real
 *   backward  dx += IDFT(sum_v conj(a_v b_v) DY_v);  ds_x += Re sum_k conj(DY_v) X a_v b_v'/(H W), b' = db/ds, so s_y
 * All transforms are real: half spectra, whose inner columns count twice in sums. Slices are planes of x. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/fft.h"
#include "physics/fft2.h"
#include "physics/ops.h"
#include "physics/pixel.h"

#include <string.h>
#include <tgmath.h>

typedef struct shift_attr {
    int unused; /* attributes are never empty */
} shift_attr;
SG_KERNELS(shift)
SG_PREPARES(shift)

typedef SG_FFTW(complex) bin;

typedef struct R(shift_plans) {
    R(sg_fft2) * r2c, *c2r;
} R(shift_plans);

sg_status R(shift_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    (void)backward;
    R(shift_plans) *p = NULL;
    SG_TRY(SG_ALLOC(&p, 1, "shift plans"));
    *out = p;
    SG_TRY(R(sg_fft2_r2c)(&p->r2c, node->shape.h, node->shape.w, threads));
    return R(sg_fft2_c2r)(&p->c2r, node->shape.h, node->shape.w, threads);
}

void R(shift_release)(void *prepared)
{
    R(shift_plans) *p = prepared;
    if (!p) return;
    R(sg_fft2_free)(p->r2c);
    R(sg_fft2_free)(p->c2r);
    sg_free(p);
}

/* Numbers of one thread: two half spectra and a real plane; of all: ramps and their slopes; sums of the gradient. */
typedef struct shift_size {
    int h, w, half, views, channels;
    size_t pixels, spectrum, grid, ramp; /* spectrum, grid: padded so that what follows is aligned; ramp: of one view */
} shift_size;

static shift_size R(shift_size_of)(const sg_node *node)
{
    const sg_shape s = node->in_shape[0];
    const int half = s.w / 2 + 1;
    return (shift_size){
        .h = s.h,
        .w = s.w,
        .half = half,
        .views = node->in_shape[1].h,
        .channels = s.c,
        .pixels = (size_t)s.h * (size_t)s.w,
        .spectrum = sg_align_up((size_t)s.h * (size_t)half * sizeof(bin)) / sizeof(bin),
        .grid = sg_align_up((size_t)s.h * (size_t)s.w * sizeof(real)) / sizeof(real),
        .ramp = (size_t)s.h + (size_t)half,
    };
}

static size_t R(thread_bytes)(const shift_size *s)
{
    return 2 * s->spectrum * sizeof(bin) + s->grid * sizeof(real);
}

typedef struct R(shift_task) {
    const sg_run *run;
    shift_size s;
    char *threads;
    bin *ramp, *slope; /* (V, H + W/2 + 1): a_v, then b_v; their derivatives */
    double *sums;      /* (planes, V, 2) */
} R(shift_task);

/* exp(2 pi i k shift / count) of the wrapped bin, times scale, and its derivative to the shift. */
static void R(ramp_fill)(bin *ramp, bin *slope, int bins, int count, double shift, double scale)
{
    const double pi = 3.14159265358979323846;
    for (int k = 0; k < bins; k++) {
        const double step = 2 * pi * (2 * k > count ? k - count : k) / count, re = scale * cos(step * shift),
                     im = 2 * k == count ? 0 : scale * sin(step * shift);
        real *r = (real *)(ramp + k), *d = (real *)(slope + k);
        r[0] = (real)re, r[1] = (real)im;
        d[0] = (real)(-step * (2 * k == count ? scale * sin(step * shift) : im));
        d[1] = (real)(2 * k == count ? 0 : step * re);
    }
}

static R(shift_task) R(shift_task_make)(const sg_run *run)
{
    const shift_size s = R(shift_size_of)(run->node);
    const real *shift = run->in[1];
    char *shared = (char *)run->scratch + (size_t)run->threads * R(thread_bytes)(&s);
    R(shift_task) t = {.run = run, .s = s, .threads = run->scratch};
    t.sums = (double *)(void *)shared;
    t.ramp = (bin *)(void *)(t.sums + 2 * (size_t)s.views * (size_t)(run->node->in_shape[0].n * s.channels));
    t.slope = t.ramp + (size_t)s.views * s.ramp;
    for (int v = 0; v < s.views; v++) {
        bin *ramp = t.ramp + (size_t)v * s.ramp, *slope = t.slope + (size_t)v * s.ramp;
        R(ramp_fill)(ramp, slope, s.h, s.h, (double)shift[2 * v + 1], 1 / (double)s.pixels);
        R(ramp_fill)(ramp + s.h, slope + s.h, s.half, s.w, (double)shift[2 * v], 1);
    }
    return t;
}

/* to = from a b, or += from conj(a b): one row; numbers in pairs. */
SG_SIMD static void R(ramp_row)(real *restrict to, const real *restrict from, const real *restrict b, real a_re,
                                real a_im, int bins, bool adjoint)
{
    for (int k = 0; k < bins; k++) {
        const real re = a_re * b[2 * k] - a_im * b[2 * k + 1], sum = a_re * b[2 * k + 1] + a_im * b[2 * k],
                   im = adjoint ? -sum : sum;
        const real x = from[2 * k] * re - from[2 * k + 1] * im, y = from[2 * k] * im + from[2 * k + 1] * re;
        to[2 * k] = adjoint ? to[2 * k] + x : x;
        to[2 * k + 1] = adjoint ? to[2 * k + 1] + y : y;
    }
}

static void R(ramp_apply)(const R(shift_task) * t, int v, bin *to, const bin *from, bool adjoint)
{
    const real *ramp = (const real *)(t->ramp + (size_t)v * t->s.ramp);
    for (int y = 0; y < t->s.h; y++) {
        const size_t at = (size_t)y * (size_t)t->s.half;
        R(ramp_row)
        ((real *)(to + at), (const real *)(from + at), ramp + 2 * t->s.h, ramp[2 * y], ramp[2 * y + 1], t->s.half,
         adjoint);
    }
}

/* Plane of view v that belongs to plane `slice` of x. */
static size_t R(view_plane)(const shift_size *s, int slice, int v)
{
    const int image = slice / s->channels, channel = slice % s->channels;
    return ((size_t)(image * s->views + v) * (size_t)s->channels + (size_t)channel) * s->pixels;
}

static void R(shift_forward_slice)(void *context, int slice, int thread)
{
    const R(shift_task) *t = context;
    const R(shift_plans) *p = t->run->prepared;
    bin *image = (bin *)(void *)(t->threads + (size_t)thread * R(thread_bytes)(&t->s)), *moved = image + t->s.spectrum;
    const real *x = (const real *)t->run->in[0] + (size_t)slice * t->s.pixels;
    R(sg_fft2_run)(p->r2c, x, image, thread);
    for (int v = 0; v < t->s.views; v++) {
        R(ramp_apply)(t, v, moved, image, false);
        R(sg_fft2_run)(p->c2r, moved, (real *)t->run->out + R(view_plane)(&t->s, slice, v), thread);
    }
}

void R(shift_forward)(const sg_run *run)
{
    R(shift_task) t = R(shift_task_make)(run);
    sg_parallel(run->node->in_shape[0].n * t.s.channels, R(shift_forward_slice), &t);
}

/* Re sum over the whole spectrum of conj(DY) X a b. */
static double R(ramp_dot)(const R(shift_task) * t, const bin *dy, const bin *image, const bin *a, const bin *b)
{
    const shift_size *s = &t->s;
    double sum = 0;
    for (int y = 0; y < s->h; y++) {
        const real *ay = (const real *)(a + y);
        for (int k = 0; k < s->half; k++) {
            const real *bk = (const real *)(b + k);
            const size_t at = (size_t)y * (size_t)s->half + (size_t)k;
            const real *d = (const real *)(dy + at), *x = (const real *)(image + at);
            const double re = (double)ay[0] * (double)bk[0] - (double)ay[1] * (double)bk[1],
                         im = (double)ay[0] * (double)bk[1] + (double)ay[1] * (double)bk[0];
            const double x_re = (double)x[0] * re - (double)x[1] * im, x_im = (double)x[0] * im + (double)x[1] * re;
            const double twice = k == 0 || 2 * k == s->w ? 1 : 2;
            sum += twice * ((double)d[0] * x_re + (double)d[1] * x_im);
        }
    }
    return sum;
}

static void R(shift_backward_slice)(void *context, int slice, int thread)
{
    const R(shift_task) *t = context;
    const shift_size *s = &t->s;
    const R(shift_plans) *p = t->run->prepared;
    bin *first = (bin *)(void *)(t->threads + (size_t)thread * R(thread_bytes)(s)), *dy = first + s->spectrum;
    real *grid = (real *)(dy + s->spectrum);
    const real *dout = t->run->dout;
    if (t->run->din[1]) /* here `first` is X */
        R(sg_fft2_run)(p->r2c, (const real *)t->run->in[0] + (size_t)slice * s->pixels, first, thread);
    for (int v = 0; t->run->din[1] && v < s->views; v++) {
        const bin *ramp = t->ramp + (size_t)v * s->ramp, *slope = t->slope + (size_t)v * s->ramp;
        double *sum = t->sums + 2 * ((size_t)slice * (size_t)s->views + (size_t)v);
        R(sg_fft2_run)(p->r2c, dout + R(view_plane)(s, slice, v), dy, thread);
        sum[0] = R(ramp_dot)(t, dy, first, ramp, slope + s->h);
        sum[1] = R(ramp_dot)(t, dy, first, slope, ramp + s->h);
    }
    if (!t->run->din[0]) return;
    memset(first, 0, s->spectrum * sizeof *first); /* here it is dX */
    for (int v = 0; v < s->views; v++) {
        R(sg_fft2_run)(p->r2c, dout + R(view_plane)(s, slice, v), dy, thread);
        R(ramp_apply)(t, v, first, dy, true);
    }
    R(sg_fft2_run)(p->c2r, first, grid, thread);
    real *dx = (real *)t->run->din[0] + (size_t)slice * s->pixels;
    for (size_t i = 0; i < s->pixels; i++) dx[i] += grid[i];
}

void R(shift_backward)(const sg_run *run)
{
    R(shift_task) t = R(shift_task_make)(run);
    const int planes = run->node->in_shape[0].n * t.s.channels;
    sg_parallel(planes, R(shift_backward_slice), &t);
    real *dshift = run->din[1];
    for (int i = 0; dshift && i < 2 * t.s.views; i++) {
        double sum = 0;
        for (int plane = 0; plane < planes; plane++) sum += t.sums[(size_t)plane * 2 * (size_t)t.s.views + (size_t)i];
        dshift[i] += (real)sum;
    }
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const sg_shape s = node->in_shape[0], shift = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "picture and shifts must be real");
    if (shift.n != 1 || shift.c != 1 || shift.w != 2)
        SG_FAIL(SG_E_SHAPE, "shifts (%d,%d,%d,%d) are not (1,1,V,2)", shift.n, shift.c, shift.h, shift.w);
    node->shape = SG_SHAPE(s.n, s.c * shift.h, s.h, s.w);
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    /* sizes padded for float are at least those padded for double */
    const shift_size s = R(shift_size_of)(node);
    const size_t planes = (size_t)node->in_shape[0].n * (size_t)s.channels, wide = real_size / sizeof(real);
    out->scratch = (size_t)threads * R(thread_bytes)(&s) * wide + 2 * (size_t)s.views * planes * sizeof(double) +
                   2 * (size_t)s.views * s.ramp * sizeof(bin) * wide;
}

static double flop(const sg_node *node)
{
    const double side = (double)node->shape.h * node->shape.w;
    return (2.5 * log2(side > 1 ? side : 2) + 6) *
           ((double)sg_shape_len(node->shape) + (double)sg_shape_len(node->in_shape[0]));
}

static sg_value cases(sg_graph *g, int i)
{
    static const sg_shape shapes[] = {{2, 1, 5, 7}, {1, 2, 6, 4}, {1, 1, 8, 5}, {1, 1, 1, 6}};
    static const int views[] = {2, 3, 1, 1};
    if (i >= (int)(sizeof views / sizeof views[0])) return SG_NONE;
    const sg_value x = sg_case_input(g, "x", shapes[i], -1, 1, SG_CASE_GRAD);
    return sg_shift(g, x, sg_case_input(g, "shift_px", SG_SHAPE(1, 1, views[i], 2), -1.3, 1.7, SG_CASE_GRAD));
}

const sg_op sg_op_shift = {
    .name = "shift",
    .formula = "y_v(r) = x(r + shift_v) by a phase ramp",
    .infer = infer,
    .workspace = workspace,
    SG_PREPARED(shift),
    SG_REFERENCE(shift),
    .flop = flop,
    .keeps_inputs = 3,
    .linear = true,
    .cases = cases,
};

sg_value sg_shift(sg_graph *g, sg_value x, sg_value shift_px)
{
    const shift_attr attr = {0};
    return SG_NODE(g, &sg_op_shift, &attr, x, shift_px);
}

#endif
