/* blur_direct.c - see blur.h: small kernels, tap by tap. The field with its edges continued is X, of (H + kh - 1) x
 * (W + kw - 1) points; tap o of the kernel meets it shifted by s(o) = (k - 1)/2 - o >= 0:
 *   forward   y[i] = sum_o h[o] X[i + s(o)]
 *   backward  dX[i + s(o)] += h[o] dy[i], dx += fold(dX), fold: the transpose of continuing the edges
 *             dh[o] += sum_i dy[i] X[i + s(o)], planes in order
 * A slice is a kernel, or a group of the planes of a single kernel; groups are added in order. */
#include "physics/blur.h"

#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/add_scaled.h"
#include "physics/ops.h"

#include <string.h>

typedef struct blur_direct_attr {
    sg_edge edge;
} blur_direct_attr;
SG_KERNELS(blur_direct)

enum { GROUPS_MAX = 8, LANES = 16 };

typedef struct direct_size {
    int h, w, kh, kw, p, q, planes, kernels, groups;
    sg_shape x, k;
    sg_edge edge;
} direct_size;

static direct_size R(size_of)(const sg_node *node)
{
    const sg_shape x = node->in_shape[0], k = node->in_shape[1];
    direct_size s = {.h = x.h, .w = x.w, .kh = k.h, .kw = k.w, .x = x, .k = k};
    s.edge = ((const blur_direct_attr *)node->attr)->edge;
    s.p = x.h + k.h - 1;
    s.q = x.w + k.w - 1;
    s.planes = x.n * x.c;
    s.kernels = k.n * k.c;
    const int pieces = s.kernels == 1 ? s.planes : s.kernels;
    s.groups = pieces < GROUPS_MAX ? pieces : GROUPS_MAX;
    return s;
}

/* Source index of point i of one continued axis; -1: zero. */
static int R(source)(int i, int len, int kernel, sg_edge edge)
{
    const int at = i - (kernel - 1) / 2;
    if (at >= 0 && at < len) return at;
    if (edge == SG_EDGE_ZERO) return -1;
    if (edge == SG_EDGE_PERIODIC) return at < 0 ? at + len : at - len;
    return at < 0 ? -1 - at : 2 * len - 1 - at;
}

/* Shift of tap j: (k - 1)/2 minus its offset. */
static int R(shift)(int j, int k)
{
    const int offset = 2 * j > k - 1 ? j - k : j;
    return (k - 1) / 2 - offset;
}

static void R(continue_edges)(const direct_size *s, const real *x, real *grid)
{
    for (int y = 0; y < s->p; y++) {
        const int row = R(source)(y, s->h, s->kh, s->edge);
        real *to = grid + (size_t)y * (size_t)s->q;
        const real *from = x + (size_t)(row < 0 ? 0 : row) * (size_t)s->w;
        for (int i = 0; i < s->q; i++) {
            const int column = R(source)(i, s->w, s->kw, s->edge);
            to[i] = row < 0 || column < 0 ? 0 : from[column];
        }
    }
}

static void R(fold_edges)(const direct_size *s, const real *grid, real *dx)
{
    for (int y = 0; y < s->p; y++) {
        const int row = R(source)(y, s->h, s->kh, s->edge);
        if (row < 0) continue;
        const real *from = grid + (size_t)y * (size_t)s->q;
        real *to = dx + (size_t)row * (size_t)s->w;
        for (int i = 0; i < s->q; i++) {
            const int column = R(source)(i, s->w, s->kw, s->edge);
            if (column >= 0) to[column] += from[i];
        }
    }
}

/* sum a b, in LANES sums side by side */
SG_SIMD static double R(row_dot)(const real *restrict a, const real *restrict b, int len)
{
    real lane[LANES] = {0};
    double sum = 0;
    int i = 0;
    for (; i + LANES <= len; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += a[i + j] * b[i + j];
    for (int j = 0; j < LANES; j++) sum += (double)lane[j];
    for (; i < len; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

typedef struct R(direct_task) {
    const sg_run *run;
    direct_size s;
    void (*plane)(const struct R(direct_task) * t, int plane, int kernel, real *grid, double *dh);
} R(direct_task);

/* scratch of a group: the grid, then sums of dh in double */
static size_t R(grid_len)(const direct_size *s)
{
    return sg_align_up((size_t)s->p * (size_t)s->q * sizeof(real)) / sizeof(real);
}

static size_t R(group_bytes)(const direct_size *s)
{
    return R(grid_len)(s) * sizeof(real) + sg_align_up((size_t)s->kh * (size_t)s->kw * sizeof(double));
}

static real *R(grid_of)(const sg_run *run, const direct_size *s, int group)
{
    return (real *)(void *)((char *)run->scratch + (size_t)group * R(group_bytes)(s));
}

static void R(forward_plane)(const R(direct_task) * t, int plane, int kernel, real *grid, double *unused)
{
    const direct_size *s = &t->s;
    const size_t len = (size_t)s->h * (size_t)s->w, taps = (size_t)s->kh * (size_t)s->kw;
    real *y = (real *)t->run->out + (size_t)plane * len;
    const real *h = (const real *)t->run->in[1] + (size_t)kernel * taps;
    (void)unused;
    R(continue_edges)(s, (const real *)t->run->in[0] + (size_t)plane * len, grid);
    memset(y, 0, len * sizeof *y);
    for (int i = 0; i < s->h; i++)
        for (int ky = 0; ky < s->kh; ky++)
            for (int kx = 0; kx < s->kw; kx++) R(add_scaled)
    (y + (size_t)i * (size_t)s->w, grid + (size_t)(i + R(shift)(ky, s->kh)) * (size_t)s->q + R(shift)(kx, s->kw),
     h[ky * s->kw + kx], (size_t)s->w);
}

static void R(backward_plane)(const R(direct_task) * t, int plane, int kernel, real *grid, double *dh)
{
    const direct_size *s = &t->s;
    const size_t len = (size_t)s->h * (size_t)s->w, taps = (size_t)s->kh * (size_t)s->kw;
    const real *dy = (const real *)t->run->dout + (size_t)plane * len;
    const real *h = (const real *)t->run->in[1] + (size_t)kernel * taps;
    if (t->run->din[1]) {
        R(continue_edges)(s, (const real *)t->run->in[0] + (size_t)plane * len, grid);
        for (int i = 0; i < s->h; i++)
            for (int ky = 0; ky < s->kh; ky++)
                for (int kx = 0; kx < s->kw; kx++)
                    dh[ky * s->kw + kx] +=
                        R(row_dot)(dy + (size_t)i * (size_t)s->w,
                                   grid + (size_t)(i + R(shift)(ky, s->kh)) * (size_t)s->q + R(shift)(kx, s->kw), s->w);
    }
    if (!t->run->din[0]) return;
    memset(grid, 0, (size_t)s->p * (size_t)s->q * sizeof *grid);
    for (int i = 0; i < s->h; i++)
        for (int ky = 0; ky < s->kh; ky++)
            for (int kx = 0; kx < s->kw; kx++) R(add_scaled)
    (grid + (size_t)(i + R(shift)(ky, s->kh)) * (size_t)s->q + R(shift)(kx, s->kw), dy + (size_t)i * (size_t)s->w,
     h[ky * s->kw + kx], (size_t)s->w);
    R(fold_edges)(s, grid, (real *)t->run->din[0] + (size_t)plane * len);
}

/* Planes of a kernel in order; a single kernel's planes are cut into the groups. */
static void R(kernel_planes)(const R(direct_task) * t, int kernel, int group, real *grid, double *dh)
{
    const direct_size *s = &t->s;
    const bool shared = s->kernels == 1;
    const int first = shared ? (int)((long)s->planes * group / s->groups) : 0;
    const int last = shared ? (int)((long)s->planes * (group + 1) / s->groups) : s->planes;
    for (int plane = first; plane < last; plane++) {
        const int n = s->k.n == 1 ? 0 : plane / s->x.c, c = s->k.c == 1 ? 0 : plane % s->x.c;
        if (n * s->k.c + c == kernel) t->plane(t, plane, kernel, grid, dh);
    }
}

static void R(add_kernel)(const R(direct_task) * t, int kernel, const double *dh)
{
    const int taps = t->s.kh * t->s.kw;
    real *to = (real *)t->run->din[1] + (size_t)kernel * (size_t)taps;
    for (int i = 0; i < taps; i++) to[i] += (real)dh[i];
}

static void R(group)(void *context, int group, int thread)
{
    const R(direct_task) *t = context;
    const direct_size *s = &t->s;
    const size_t taps = (size_t)s->kh * (size_t)s->kw;
    real *grid = R(grid_of)(t->run, s, group);
    double *dh = (double *)(void *)(grid + R(grid_len)(s));
    const int first = s->kernels == 1 ? 0 : (int)((long)s->kernels * group / s->groups);
    const int last = s->kernels == 1 ? 1 : (int)((long)s->kernels * (group + 1) / s->groups);
    (void)thread;
    for (int kernel = first; kernel < last; kernel++) {
        memset(dh, 0, taps * sizeof *dh);
        R(kernel_planes)(t, kernel, group, grid, dh);
        if (s->kernels > 1 && t->plane == R(backward_plane) && t->run->din[1]) R(add_kernel)(t, kernel, dh);
    }
}

void R(blur_direct_forward)(const sg_run *run)
{
    R(direct_task) t = {run, R(size_of)(run->node), R(forward_plane)};
    sg_parallel(t.s.groups, R(group), &t);
}

void R(blur_direct_backward)(const sg_run *run)
{
    R(direct_task) t = {run, R(size_of)(run->node), R(backward_plane)};
    sg_parallel(t.s.groups, R(group), &t);
    if (!run->din[1] || t.s.kernels > 1) return;
    for (int group = 0; group < t.s.groups; group++)
        R(add_kernel)(&t, 0, (const double *)(const void *)(R(grid_of)(run, &t.s, group) + R(grid_len)(&t.s)));
}

#ifdef SG_ONCE

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    const direct_size s = R(size_of)(node);
    out->scratch = (size_t)s.groups * R(group_bytes)(&s) * (real_size / sizeof(real));
}

static double flop(const sg_node *node)
{
    return 2 * (double)sg_shape_len(node->shape) * node->in_shape[1].h * node->in_shape[1].w;
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x, kernel;
        sg_edge edge;
    } table[] = {
        {{2, 1, 5, 19}, {1, 1, 3, 5}, SG_EDGE_PERIODIC}, {{1, 2, 6, 4}, {1, 1, 6, 4}, SG_EDGE_PERIODIC},
        {{3, 1, 5, 7}, {1, 1, 3, 5}, SG_EDGE_REFLECT},   {{1, 1, 6, 5}, {1, 1, 6, 4}, SG_EDGE_REFLECT},
        {{2, 5, 4, 5}, {1, 1, 3, 2}, SG_EDGE_ZERO},      {{1, 1, 4, 3}, {1, 1, 1, 1}, SG_EDGE_REFLECT},
        {{3, 2, 5, 6}, {3, 1, 3, 5}, SG_EDGE_PERIODIC},  {{2, 9, 4, 6}, {1, 9, 2, 3}, SG_EDGE_ZERO},
        {{2, 3, 6, 5}, {2, 3, 3, 3}, SG_EDGE_REFLECT},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_value x = sg_case_input(g, "x", table[i].x, -1, 1, SG_CASE_GRAD);
    return sg_blur_direct(g, x, sg_case_input(g, "kernel", table[i].kernel, 0, 1, SG_CASE_GRAD), table[i].edge);
}

const sg_op sg_op_blur_direct = {
    .name = "blur_direct",
    .formula = "y[i] = sum_o h[o] x[i - o] tap by tap, edges periodic, reflected or zero (PHYSICS section 4)",
    .infer = sg_blur_infer,
    .workspace = workspace,
    SG_REFERENCE(blur_direct),
    .flop = flop,
    .keeps_inputs = 3,
    .linear = true,
    .cases = cases,
};

sg_value sg_blur_direct(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge)
{
    const blur_direct_attr attr = {edge};
    return SG_NODE(g, &sg_op_blur_direct, &attr, x, kernel);
}

#endif
