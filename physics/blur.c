/* blur.c - see blur.h. The field is laid on a grid of P x Q >= (H + kh - 1) x (W + kw - 1) points with its edges
 * continued (periodic: P x Q = H x W), so that the circular convolution there is the one wanted. With X, K, DY half
 * spectra there:
 *   forward   y = IDFT(K X), cropped
 *   backward  dx += fold(IDFT(conj(K) DY)), fold: the transpose of continuing the edges
 *             dh += IDFT(sum of conj(X) DY over the planes of the kernel) at its offsets
 * The planes of one kernel, or else the kernels, are shared among at most 8 groups, fixed by the shape; a group is a
 * slice. The groups of one kernel are added in order. blur_direct.c does the same for small kernels. */
#include "physics/blur.h"

#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/fft.h"
#include "physics/fft2.h"
#include "physics/ops.h"

#include <string.h>

typedef struct blur_attr {
    sg_edge edge;
} blur_attr;
SG_KERNELS(blur)
SG_PREPARES(blur)

typedef SG_FFTW(complex) bin;
enum { GROUPS_MAX = 8 };

typedef struct blur_size {
    int h, w, kh, kw, p, q, top, left, n, c, kn, kc, kernels, groups;
    size_t bins, grid; /* of P x Q, padded to SG_ALIGN */
} blur_size;

typedef struct R(blur_plans) {
    R(sg_fft2) * r2c, *c2r;
    int *row, *column; /* (P), (Q): source index of a grid point; -1: zero */
} R(blur_plans);

/* The next size that FFTW likes: no prime factor above 7. */
static int R(fft_size)(int n)
{
    for (;; n++) {
        int rest = n;
        for (int prime = 2; prime <= 7; prime++)
            while (rest % prime == 0) rest /= prime;
        if (rest == 1) return n;
    }
}

static blur_size R(size_of)(const sg_node *node)
{
    const blur_attr *a = node->attr;
    const sg_shape x = node->in_shape[0], k = node->in_shape[1];
    const bool periodic = a->edge == SG_EDGE_PERIODIC;
    blur_size s = {.h = x.h, .w = x.w, .kh = k.h, .kw = k.w, .n = x.n, .c = x.c, .kn = k.n, .kc = k.c};
    s.p = periodic ? x.h : R(fft_size)(x.h + k.h - 1);
    s.q = periodic ? x.w : R(fft_size)(x.w + k.w - 1);
    s.top = periodic ? 0 : (k.h - 1) / 2;
    s.left = periodic ? 0 : (k.w - 1) / 2;
    s.kernels = k.n * k.c;
    const int pieces = s.kernels == 1 ? x.n * x.c : s.kernels;
    s.groups = pieces < GROUPS_MAX ? pieces : GROUPS_MAX;
    s.bins = sg_align_up((size_t)s.p * (size_t)(s.q / 2 + 1) * sizeof(bin)) / sizeof(bin);
    s.grid = sg_align_up((size_t)s.p * (size_t)s.q * sizeof(real)) / sizeof(real);
    return s;
}

/* Where grid point q of one axis takes its value: the field begins at `lead`, continued by `lead` before and up to
 * kernel - 1 points in all. */
static void R(axis_fill)(int *out, int points, int len, int kernel, int lead, sg_edge edge)
{
    for (int q = 0; q < points; q++) {
        const int i = q - lead, mirrored = i < 0 ? -1 - i : 2 * len - 1 - i;
        const bool inside = i >= 0 && i < len, reached = q < len + kernel - 1;
        out[q] = inside ? i : edge == SG_EDGE_REFLECT && reached ? mirrored : -1;
    }
}

sg_status R(blur_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    (void)backward;
    const blur_attr *a = node->attr;
    const blur_size s = R(size_of)(node);
    R(blur_plans) *p = NULL;
    SG_TRY(SG_ALLOC(&p, 1, "blur plans"));
    *out = p;
    SG_TRY(SG_ALLOC(&p->row, (size_t)s.p, "blur rows"));
    SG_TRY(SG_ALLOC(&p->column, (size_t)s.q, "blur columns"));
    R(axis_fill)(p->row, s.p, s.h, s.kh, s.top, a->edge);
    R(axis_fill)(p->column, s.q, s.w, s.kw, s.left, a->edge);
    SG_TRY(R(sg_fft2_r2c)(&p->r2c, s.p, s.q, threads));
    return R(sg_fft2_c2r)(&p->c2r, s.p, s.q, threads);
}

void R(blur_release)(void *prepared)
{
    R(blur_plans) *p = prepared;
    if (!p) return;
    R(sg_fft2_free)(p->r2c);
    R(sg_fft2_free)(p->c2r);
    sg_free(p->row);
    sg_free(p->column);
    sg_free(p);
}

/* scratch: `groups` times (spectrum, spectrum, sum of spectra, grid) */
typedef struct R(blur_scratch) {
    bin *x, *dy, *sum;
    real *grid;
    int thread; /* that works with it */
} R(blur_scratch);

static size_t R(group_bytes)(const blur_size *s)
{
    return 3 * s->bins * sizeof(bin) + s->grid * sizeof(real);
}

static R(blur_scratch) R(scratch_of)(const sg_run *run, const blur_size *s, int group, int thread)
{
    bin *base = (bin *)(void *)((char *)run->scratch + (size_t)group * R(group_bytes)(s));
    return (R(blur_scratch)){base, base + s->bins, base + 2 * s->bins, (real *)(base + 3 * s->bins), thread};
}

/* Index on the P x Q grid of kernel element (y, x). */
static size_t R(tap)(const blur_size *s, int y, int x)
{
    const int row = 2 * y > s->kh - 1 ? y - s->kh + s->p : y, column = 2 * x > s->kw - 1 ? x - s->kw + s->q : x;
    return (size_t)(row % s->p) * (size_t)s->q + (size_t)(column % s->q);
}

static bin *R(spectrum_of)(const sg_run *run, const blur_size *s, int kernel)
{
    return (bin *)run->save + (size_t)kernel * s->bins;
}

static void R(kernel_spectrum)(const sg_run *run, const blur_size *s, int kernel, const R(blur_scratch) * w)
{
    const R(blur_plans) *p = run->prepared;
    const real *h = (const real *)run->in[1] + (size_t)kernel * (size_t)s->kh * (size_t)s->kw;
    memset(w->grid, 0, s->grid * sizeof(real));
    for (int y = 0; y < s->kh; y++)
        for (int x = 0; x < s->kw; x++) w->grid[R(tap)(s, y, x)] = h[y * s->kw + x];
    R(sg_fft2_run)(p->r2c, w->grid, R(spectrum_of)(run, s, kernel), w->thread);
}

/* grid = x with its edges continued */
static void R(continue_edges)(const blur_size *s, const R(blur_plans) * p, const real *x, real *grid)
{
    for (int y = 0; y < s->p; y++) {
        real *to = grid + (size_t)y * (size_t)s->q;
        const real *from = x + (size_t)(p->row[y] < 0 ? 0 : p->row[y]) * (size_t)s->w;
        for (int i = 0; i < s->q; i++) to[i] = p->row[y] < 0 || p->column[i] < 0 ? 0 : from[p->column[i]];
    }
}

/* the transpose: dx += scale grid */
static void R(fold_edges)(const blur_size *s, const R(blur_plans) * p, const real *grid, real scale, real *dx)
{
    for (int y = 0; y < s->p; y++) {
        if (p->row[y] < 0) continue;
        const real *from = grid + (size_t)y * (size_t)s->q;
        real *to = dx + (size_t)p->row[y] * (size_t)s->w;
        for (int i = 0; i < s->q; i++)
            if (p->column[i] >= 0) to[p->column[i]] += scale * from[i];
    }
}

/* out = a b, or conj(a) b */
SG_SIMD static void R(multiply)(const real *restrict a, const real *restrict b, real *restrict out, size_t bins,
                                real sign)
{
    for (size_t i = 0; i < bins; i++) {
        const real ar = a[2 * i], ai = sign * a[2 * i + 1], br = b[2 * i], bi = b[2 * i + 1];
        out[2 * i] = ar * br - ai * bi;
        out[2 * i + 1] = ar * bi + ai * br;
    }
}

/* sum += conj(a) b */
SG_SIMD static void R(multiply_add)(const real *restrict a, const real *restrict b, real *restrict sum, size_t bins)
{
    for (size_t i = 0; i < bins; i++) {
        sum[2 * i] += a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
        sum[2 * i + 1] += a[2 * i] * b[2 * i + 1] - a[2 * i + 1] * b[2 * i];
    }
}

typedef struct R(blur_task) {
    const sg_run *run;
    blur_size s;
} R(blur_task);

typedef void (*R(plane_fn))(const R(blur_task) * t, const R(blur_scratch) * w, int plane, int kernel);

/* Calls fn for the planes of this kernel, in order; those of a single kernel are cut into the groups. */
static void R(kernel_planes)(const R(blur_task) * t, const R(blur_scratch) * w, int kernel, int group, R(plane_fn) fn)
{
    const blur_size *s = &t->s;
    if (s->kernels == 1) {
        const long planes = (long)s->n * s->c;
        const int end = (int)(planes * (group + 1) / s->groups);
        for (int plane = (int)(planes * group / s->groups); plane < end; plane++) fn(t, w, plane, 0);
        return;
    }
    for (int plane = 0; plane < s->n * s->c; plane++) {
        const int n = s->kn == 1 ? 0 : plane / s->c, c = s->kc == 1 ? 0 : plane % s->c;
        if (n * s->kc + c == kernel) fn(t, w, plane, kernel);
    }
}

/* The kernels of a group: all groups share a single one. */
static int R(kernel_begin)(const blur_size *s, int group)
{
    return s->kernels == 1 ? 0 : (int)((long)s->kernels * group / s->groups);
}

static int R(kernel_end)(const blur_size *s, int group)
{
    return s->kernels == 1 ? 1 : R(kernel_begin)(s, group + 1);
}

static void R(forward_plane)(const R(blur_task) * t, const R(blur_scratch) * w, int plane, int kernel)
{
    const blur_size *s = &t->s;
    const R(blur_plans) *p = t->run->prepared;
    const size_t len = (size_t)s->h * (size_t)s->w;
    real *y = (real *)t->run->out + (size_t)plane * len;
    const real scale = (real)(1 / ((double)s->p * s->q));
    R(continue_edges)(s, p, (const real *)t->run->in[0] + (size_t)plane * len, w->grid);
    R(sg_fft2_run)(p->r2c, w->grid, w->x, w->thread);
    R(multiply)
    ((const real *)R(spectrum_of)(t->run, s, kernel), (const real *)w->x, (real *)w->dy,
     (size_t)s->p * (size_t)(s->q / 2 + 1), 1);
    R(sg_fft2_run)(p->c2r, w->dy, w->grid, w->thread);
    for (int i = 0; i < s->h; i++) {
        const real *row = w->grid + (size_t)(i + s->top) * (size_t)s->q + s->left;
        for (int j = 0; j < s->w; j++) y[(size_t)i * (size_t)s->w + (size_t)j] = row[j] * scale;
    }
}

static void R(forward_group)(void *context, int group, int thread)
{
    const R(blur_task) *t = context;
    const R(blur_scratch) w = R(scratch_of)(t->run, &t->s, group, thread);
    for (int kernel = R(kernel_begin)(&t->s, group); kernel < R(kernel_end)(&t->s, group); kernel++) {
        if (t->s.kernels > 1) R(kernel_spectrum)(t->run, &t->s, kernel, &w);
        R(kernel_planes)(t, &w, kernel, group, R(forward_plane));
    }
}

/* save = spectra of the kernels */
void R(blur_forward)(const sg_run *run)
{
    R(blur_task) t = {run, R(size_of)(run->node)};
    const R(blur_scratch) first = R(scratch_of)(run, &t.s, 0, 0);
    if (t.s.kernels == 1) R(kernel_spectrum)(run, &t.s, 0, &first);
    sg_parallel(t.s.groups, R(forward_group), &t);
}

static void R(backward_plane)(const R(blur_task) * t, const R(blur_scratch) * w, int plane, int kernel)
{
    const blur_size *s = &t->s;
    const R(blur_plans) *p = t->run->prepared;
    const size_t len = (size_t)s->h * (size_t)s->w, bins = (size_t)s->p * (size_t)(s->q / 2 + 1);
    const real *dy = (const real *)t->run->dout + (size_t)plane * len;
    if (t->run->din[1]) {
        R(continue_edges)(s, p, (const real *)t->run->in[0] + (size_t)plane * len, w->grid);
        R(sg_fft2_run)(p->r2c, w->grid, w->x, w->thread);
    }
    memset(w->grid, 0, s->grid * sizeof(real));
    for (int i = 0; i < s->h; i++)
        memcpy(w->grid + (size_t)(i + s->top) * (size_t)s->q + s->left, dy + (size_t)i * (size_t)s->w,
               (size_t)s->w * sizeof *dy);
    R(sg_fft2_run)(p->r2c, w->grid, w->dy, w->thread);
    if (t->run->din[1]) R(multiply_add)((const real *)w->x, (const real *)w->dy, (real *)w->sum, bins);
    if (!t->run->din[0]) return;
    R(multiply)((const real *)R(spectrum_of)(t->run, s, kernel), (const real *)w->dy, (real *)w->x, bins, -1);
    R(sg_fft2_run)(p->c2r, w->x, w->grid, w->thread);
    real *dx = (real *)t->run->din[0] + (size_t)plane * len;
    if (t->run->fresh[0]) memset(dx, 0, len * sizeof *dx);
    R(fold_edges)(s, p, w->grid, (real)(1 / ((double)s->p * s->q)), dx);
}

/* dh += what the sum of spectra of its planes says; destroys the sum */
static void R(backward_kernel)(const sg_run *run, const blur_size *s, const R(blur_scratch) * w, int kernel)
{
    const R(blur_plans) *p = run->prepared;
    const real scale = (real)(1 / ((double)s->p * s->q));
    real *dh = (real *)run->din[1] + (size_t)kernel * (size_t)s->kh * (size_t)s->kw;
    R(sg_fft2_run)(p->c2r, w->sum, w->grid, w->thread);
    for (int y = 0; y < s->kh; y++) {
        for (int x = 0; x < s->kw; x++) {
            real *to = &dh[y * s->kw + x];
            *to = (run->fresh[1] ? 0 : *to) + scale * w->grid[R(tap)(s, y, x)];
        }
    }
}

static void R(backward_group)(void *context, int group, int thread)
{
    const R(blur_task) *t = context;
    const R(blur_scratch) w = R(scratch_of)(t->run, &t->s, group, thread);
    for (int kernel = R(kernel_begin)(&t->s, group); kernel < R(kernel_end)(&t->s, group); kernel++) {
        memset(w.sum, 0, t->s.bins * sizeof *w.sum);
        R(kernel_planes)(t, &w, kernel, group, R(backward_plane));
        if (t->run->din[1] && t->s.kernels > 1) R(backward_kernel)(t->run, &t->s, &w, kernel);
    }
}

/* One kernel: the groups' sums, added in order. */
static void R(join_groups)(const sg_run *run, const blur_size *s)
{
    const R(blur_scratch) first = R(scratch_of)(run, s, 0, 0);
    real *total = (real *)first.sum;
    for (int group = 1; group < s->groups; group++) {
        const real *more = (const real *)R(scratch_of)(run, s, group, 0).sum;
        for (size_t i = 0; i < 2 * s->bins; i++) total[i] += more[i];
    }
    R(backward_kernel)(run, s, &first, 0);
}

void R(blur_backward)(const sg_run *run)
{
    R(blur_task) t = {run, R(size_of)(run->node)};
    sg_parallel(t.s.groups, R(backward_group), &t);
    if (run->din[1] && t.s.kernels == 1) R(join_groups)(run, &t.s);
}

#ifdef SG_ONCE

sg_status sg_blur_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0], k = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "image and kernel must be real");
    if ((k.n != 1 && k.n != x.n) || (k.c != 1 && k.c != x.c))
        SG_FAIL(SG_E_SHAPE, "kernels of shape (%d,%d,%d,%d), (1 or %d,1 or %d,kh,kw) are needed", k.n, k.c, k.h, k.w,
                x.n, x.c);
    if (k.h > x.h || k.w > x.w)
        SG_FAIL(SG_E_SHAPE, "kernel of %d x %d is larger than the field of %d x %d", k.h, k.w, x.h, x.w);
    node->shape = x;
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    /* float sizes, doubled: padding for float covers padding for double */
    const blur_size s = R(size_of)(node);
    out->save = (size_t)s.kernels * s.bins * 2 * real_size;
    out->scratch = (size_t)s.groups * R(group_bytes)(&s) * (real_size / sizeof(real));
}

static double flop(const sg_node *node)
{
    const blur_size s = R(size_of)(node);
    const double points = (double)s.p * s.q;
    double log2_points = 0;
    for (double n = points; n > 1; n /= 2) log2_points++;
    return (double)s.n * s.c * (5 * points * log2_points + 3 * points);
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x, kernel;
        sg_edge edge;
    } table[] = {
        {{2, 1, 5, 7}, {1, 1, 3, 5}, SG_EDGE_PERIODIC}, {{1, 2, 6, 4}, {1, 1, 6, 4}, SG_EDGE_PERIODIC},
        {{3, 1, 5, 7}, {1, 1, 3, 5}, SG_EDGE_REFLECT},  {{1, 1, 6, 5}, {1, 1, 6, 4}, SG_EDGE_REFLECT},
        {{2, 5, 4, 5}, {1, 1, 3, 2}, SG_EDGE_ZERO},     {{1, 1, 5, 6}, {1, 1, 5, 5}, SG_EDGE_ZERO},
        {{1, 1, 4, 3}, {1, 1, 1, 1}, SG_EDGE_REFLECT},  {{3, 2, 5, 6}, {3, 1, 3, 5}, SG_EDGE_PERIODIC},
        {{2, 5, 4, 6}, {1, 5, 2, 3}, SG_EDGE_ZERO},     {{2, 3, 6, 5}, {2, 3, 3, 3}, SG_EDGE_REFLECT},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_value x = sg_case_input(g, "x", table[i].x, -1, 1, SG_CASE_GRAD);
    return sg_blur_fft(g, x, sg_case_input(g, "kernel", table[i].kernel, 0, 1, SG_CASE_GRAD), table[i].edge);
}

const sg_op sg_op_blur = {
    .name = "blur",
    .formula = "y[i] = sum_o h[o] x[i - o] by FFT, edges periodic, reflected or zero (PHYSICS section 4)",
    .infer = sg_blur_infer,
    .workspace = workspace,
    SG_PREPARED(blur),
    SG_REFERENCE(blur),
    .flop = flop,
    .keeps_inputs = 1,
    .sets_fresh = true,
    .linear = true,
    .cases = cases,
};

sg_value sg_blur_fft(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge)
{
    const blur_attr attr = {edge};
    return SG_NODE(g, &sg_op_blur, &attr, x, kernel);
}

sg_value sg_blur(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge)
{
    const sg_shape k = sg_value_shape(g, kernel);
    const bool small = (long)k.h * k.w <= SG_BLUR_DIRECT_TAPS;
    return small ? sg_blur_direct(g, x, kernel, edge) : sg_blur_fft(g, x, kernel, edge);
}

#endif
