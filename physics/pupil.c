/* pupil.c - the pupil function of the objective on the bins of the image grid (PHYSICS section 3).
 *   forward   P(f) = E(f) A exp(i psi), psi = sum_j c_j Z_j(f lambda/NA) + 2 pi z D(f) + phase
 *             D(f) = sqrt((n/lambda)^2 - |f|^2) - n/lambda = -|f|^2 / (sqrt((n/lambda)^2 - |f|^2) + n/lambda)
 *             E(f) = 1 for |f| <= NA/lambda, or (smooth) the fraction of the bin on the inner side of the edge, which
 * is taken as straight within a bin backward  dL/d(E A) = Re(conj(exp(i psi)) dP), dL/dpsi = E A Im(conj(exp(i psi))
 * dP), then by the chain rule Computed in double in both precisions: it is little work, and the hard edge then falls on
 * the same bins. Slices are bands of rows of one pupil. Zernike polynomials: zernike.h. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/optics.h"
#include "physics/zernike.h"

#include <math.h>
#include <string.h>

enum { BAND = 16, IN_ZERNIKE = 0, IN_DEFOCUS, IN_NA, IN_AMPLITUDE, IN_PHASE, IN_OFFSET };

#define TWO_PI 6.28318530717958647692

typedef struct pupil_attr {
    sg_pupil_grid grid;
} pupil_attr;

SG_KERNELS(pupil)

/* What a run needs at every bin. */
typedef struct lens {
    const sg_run *run;
    const sg_pupil_grid *grid;
    int terms, bands, slices;
    double c[SG_ZERNIKE_MAX], defocus_um, na;
    sg_zernike_term term[SG_ZERNIKE_MAX];
    bool gradient;
} lens;

/* One bin: edge, phase, and their derivatives to NA, f_x, f_y. */
typedef struct bin {
    double fx, fy;
    double edge, edge_na, edge_x, edge_y;
    double psi, psi_na, psi_x, psi_y, defocus; /* defocus: dpsi/dz */
    double z[SG_ZERNIKE_MAX];
} bin;

static lens lens_of(const sg_run *run)
{
    const pupil_attr *attr = run->node->attr;
    lens out = {.run = run, .grid = &attr->grid, .terms = run->node->in_shape[IN_ZERNIKE].w};
    const real *c = run->in[IN_ZERNIKE];
    for (int j = 0; j < out.terms; j++) out.c[j] = (double)c[j];
    out.defocus_um = (double)((const real *)run->in[IN_DEFOCUS])[0] + attr->grid.plane_um;
    out.na = (double)((const real *)run->in[IN_NA])[0];
    out.bands = (attr->grid.h + BAND - 1) / BAND;
    out.slices = out.bands * run->node->shape.n;
    sg_zernike_terms(out.term, out.terms);
    return out;
}

/* Part of a rectangle, sides a and b seen along the normal of a line, that lies below the line at distance t from its
 * centre: the integral of a trapezoid. d[0..2] = derivatives to t, a, b. */
static double covered(double t, double a, double b, double d[3])
{
    const double big = a > b ? a : b, small = a > b ? b : a, at = fabs(t), rest = (a + b) / 2 - at;
    double f = 1, dt = 0, dbig = 0, dsmall = 0; /* for t >= 0 */
    if (at <= (big - small) / 2) {
        f = .5 + at / big;
        dt = 1 / big;
        dbig = -at / (big * big);
    } else if (rest > 0) {
        f = 1 - rest * rest / (2 * a * b);
        dt = rest / (a * b);
        dbig = -rest / (2 * a * b) + rest * rest / (2 * a * b * big);
        dsmall = -rest / (2 * a * b) + rest * rest / (2 * a * b * small);
    }
    const double sign = t < 0 ? -1 : 1;
    d[0] = dt;
    d[1] = sign * (a > b ? dbig : dsmall);
    d[2] = sign * (a > b ? dsmall : dbig);
    return t < 0 ? 1 - f : f;
}

static void edge_smooth(bin *out, const lens *l, double r, double radius)
{
    const sg_pupil_grid *g = l->grid;
    const double t = radius - r;
    out->edge = t > 0;
    if (fabs(t) >= (g->bin_x + g->bin_y) / 2 || r == 0) return;
    const double nx = out->fx / r, ny = out->fy / r;
    double d[3];
    out->edge = covered(t, fabs(nx) * g->bin_x, fabs(ny) * g->bin_y, d);
    const double da = d[1] * g->bin_x * (nx < 0 ? -1 : 1), db = d[2] * g->bin_y * (ny < 0 ? -1 : 1); /* to nx, ny */
    out->edge_na = d[0] / g->wavelength_um;
    out->edge_x = -d[0] * nx + (da * ny * ny - db * nx * ny) / r;
    out->edge_y = -d[0] * ny + (db * nx * nx - da * nx * ny) / r;
}

static void bin_edge(bin *out, const lens *l)
{
    const double r = sqrt(out->fx * out->fx + out->fy * out->fy), radius = l->na / l->grid->wavelength_um;
    out->edge_na = out->edge_x = out->edge_y = 0;
    if (l->grid->edge == SG_EDGE_SMOOTH)
        edge_smooth(out, l, r, radius);
    else
        out->edge = r <= radius;
}

static void bin_phase(bin *out, const lens *l)
{
    const double scale = l->grid->wavelength_um / l->na, x = out->fx * scale, y = out->fy * scale;
    double zx[SG_ZERNIKE_MAX], zy[SG_ZERNIKE_MAX];
    double sum = 0, sum_x = 0, sum_y = 0;
    sg_zernike_values(out->z, l->gradient ? zx : NULL, zy, l->term, l->terms, x, y);
    for (int j = 0; j < l->terms; j++) {
        sum += l->c[j] * out->z[j];
        if (!l->gradient) continue;
        sum_x += l->c[j] * zx[j];
        sum_y += l->c[j] * zy[j];
    }
    const double a = l->grid->medium_index / l->grid->wavelength_um, square = out->fx * out->fx + out->fy * out->fy;
    const double axial = a * a > square ? sqrt(a * a - square) : 0; /* beyond it light is evanescent */
    const double slope = axial > 0 ? -TWO_PI * l->defocus_um / axial : 0;
    out->defocus = -TWO_PI * square / (axial + a);
    out->psi = sum + l->defocus_um * out->defocus;
    out->psi_na = -(x * sum_x + y * sum_y) / l->na;
    out->psi_x = scale * sum_x + slope * out->fx;
    out->psi_y = scale * sum_y + slope * out->fy;
}

/* Frequencies and edge of bin (y, x) of pupil k; the phase only where light passes. False: no light. */
static bool bin_make(bin *out, const lens *l, int k, int y, int x)
{
    const sg_pupil_grid *g = l->grid;
    const real *offset = l->run->in[IN_OFFSET];
    out->fx = (x < (g->w + 1) / 2 ? x : x - g->w) * g->bin_x + (offset ? (double)offset[2 * k] : 0);
    out->fy = (y < (g->h + 1) / 2 ? y : y - g->h) * g->bin_y + (offset ? (double)offset[2 * k + 1] : 0);
    bin_edge(out, l);
    if (!(out->edge > 0)) return false;
    bin_phase(out, l);
    return true;
}

static void forward_slice(void *context, int slice, int thread)
{
    (void)thread;
    const lens *l = context;
    const int w = l->grid->w, k = slice / l->bands, first = slice % l->bands * BAND;
    const int last = first + BAND < l->grid->h ? first + BAND : l->grid->h;
    const real *amplitude = l->run->in[IN_AMPLITUDE], *phase = l->run->in[IN_PHASE];
    for (int y = first; y < last; y++)
        for (int x = 0; x < w; x++) {
            const size_t at = (size_t)y * (size_t)w + (size_t)x;
            real *out = (real *)l->run->out + 2 * ((size_t)k * (size_t)l->grid->h * (size_t)w + at);
            bin b;
            out[0] = out[1] = 0;
            if (!bin_make(&b, l, k, y, x)) continue;
            const double a = b.edge * (amplitude ? (double)amplitude[at] : 1);
            const double psi = b.psi + (phase ? (double)phase[at] : 0);
            out[0] = (real)(a * cos(psi));
            out[1] = (real)(a * sin(psi));
        }
}

void R(pupil_forward)(const sg_run *run)
{
    lens l = lens_of(run);
    sg_parallel(l.slices, forward_slice, &l);
}

/* Sums of one slice: c_1 .. c_J, then these. */
enum { SUM_DEFOCUS = SG_ZERNIKE_MAX, SUM_NA, SUM_X, SUM_Y, SUM_COUNT };

static double *sums_of(const lens *l, int slice)
{
    return (double *)l->run->scratch + (size_t)slice * SUM_COUNT;
}

static void backward_bin(const lens *l, double *sums, int k, int y, int x)
{
    const sg_run *run = l->run;
    const size_t at = (size_t)y * (size_t)l->grid->w + (size_t)x;
    const real *dp = (const real *)run->dout + 2 * ((size_t)k * (size_t)l->grid->h * (size_t)l->grid->w + at);
    const real *amplitude = run->in[IN_AMPLITUDE], *phase = run->in[IN_PHASE];
    bin b;
    if (!bin_make(&b, l, k, y, x)) return;
    const double a = amplitude ? (double)amplitude[at] : 1, psi = b.psi + (phase ? (double)phase[at] : 0);
    const double re = cos(psi), im = sin(psi);
    const double da = re * (double)dp[0] + im * (double)dp[1]; /* to edge x amplitude */
    const double dpsi = b.edge * a * (re * (double)dp[1] - im * (double)dp[0]);
    if (run->din[IN_AMPLITUDE]) ((real *)run->din[IN_AMPLITUDE])[at] += (real)(b.edge * da);
    if (run->din[IN_PHASE]) ((real *)run->din[IN_PHASE])[at] += (real)dpsi;
    for (int j = 0; j < l->terms; j++) sums[j] += dpsi * b.z[j];
    sums[SUM_DEFOCUS] += dpsi * b.defocus;
    sums[SUM_NA] += dpsi * b.psi_na + da * a * b.edge_na;
    sums[SUM_X] += dpsi * b.psi_x + da * a * b.edge_x;
    sums[SUM_Y] += dpsi * b.psi_y + da * a * b.edge_y;
}

static void backward_slice(void *context, int slice, int thread)
{
    (void)thread;
    const lens *l = context;
    const int k = slice / l->bands, first = slice % l->bands * BAND;
    const int last = first + BAND < l->grid->h ? first + BAND : l->grid->h;
    double *sums = sums_of(l, slice);
    memset(sums, 0, SUM_COUNT * sizeof *sums);
    for (int y = first; y < last; y++)
        for (int x = 0; x < l->grid->w; x++) backward_bin(l, sums, k, y, x);
}

/* din[to] += column `from` of the sums of slices first .. last - 1. */
static void add_sums(const lens *l, int input, int to, int from, int first, int last)
{
    real *din = l->run->din[input];
    double sum = 0;
    if (!din) return;
    for (int slice = first; slice < last; slice++) sum += sums_of(l, slice)[from];
    din[to] += (real)sum;
}

void R(pupil_backward)(const sg_run *run)
{
    lens l = lens_of(run);
    l.gradient = true;
    sg_parallel(l.slices, backward_slice, &l);
    for (int j = 0; j < l.terms; j++) add_sums(&l, IN_ZERNIKE, j, j, 0, l.slices);
    add_sums(&l, IN_DEFOCUS, 0, SUM_DEFOCUS, 0, l.slices);
    add_sums(&l, IN_NA, 0, SUM_NA, 0, l.slices);
    for (int k = 0; k < run->node->shape.n; k++)
        for (int axis = 0; axis < 2; axis++)
            add_sums(&l, IN_OFFSET, 2 * k + axis, SUM_X + axis, k * l.bands, (k + 1) * l.bands);
}

#ifdef SG_ONCE
static sg_status pupil_infer_map(const sg_node *node, int input, const char *name)
{
    const pupil_attr *attr = node->attr;
    if (node->inputs[input] < 0) return SG_OK;
    if (!sg_shape_equal(node->in_shape[input], SG_SHAPE(1, 1, attr->grid.h, attr->grid.w)))
        SG_FAIL(SG_E_SHAPE, "%s is not (1,1,%d,%d)", name, attr->grid.h, attr->grid.w);
    if (node->inputs[IN_OFFSET] >= 0) SG_FAIL(SG_E_SHAPE, "a %s per bin needs LEDs on bins", name);
    return SG_OK;
}

static sg_status pupil_infer(sg_node *node)
{
    const pupil_attr *attr = node->attr;
    const sg_shape z = node->in_shape[IN_ZERNIKE], offset = node->in_shape[IN_OFFSET];
    const bool shifted = node->inputs[IN_OFFSET] >= 0;
    if (sg_shape_len(z) != (size_t)z.w || z.w < 1 || z.w > SG_ZERNIKE_MAX)
        SG_FAIL(SG_E_SHAPE, "%d Zernike coefficients are not 1..%d", z.w, SG_ZERNIKE_MAX);
    for (int i = IN_DEFOCUS; i <= IN_NA; i++)
        if (sg_shape_len(node->in_shape[i]) != 1) SG_FAIL(SG_E_SHAPE, "defocus and NA are single numbers");
    if (shifted && !sg_shape_equal(offset, SG_SHAPE(1, 1, offset.h, 2)))
        SG_FAIL(SG_E_SHAPE, "offset (%d,%d,%d,%d) is not (1,1,LEDs,2)", offset.n, offset.c, offset.h, offset.w);
    SG_TRY(pupil_infer_map(node, IN_AMPLITUDE, "amplitude"));
    SG_TRY(pupil_infer_map(node, IN_PHASE, "phase"));
    node->shape = SG_SHAPE(shifted ? offset.h : 1, 1, attr->grid.h, attr->grid.w);
    node->is_complex = true;
    return SG_OK;
}

static void pupil_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    (void)real_size;
    const size_t slices = (size_t)node->shape.n * (size_t)((node->shape.h + BAND - 1) / BAND);
    out->scratch = slices * SUM_COUNT * sizeof(double);
}

sg_value sg_pupil(sg_graph *g, sg_value zernike_rad, sg_value defocus_um, sg_value na, sg_value amplitude,
                  sg_value phase, sg_value offset, const sg_pupil_grid *grid)
{
    const pupil_attr attr = {*grid};
    return SG_NODE(g, &sg_op_pupil, &attr, zernike_rad, defocus_um, na, amplitude, phase, offset);
}

/* Both edges, with and without maps, one pupil and one per LED; bins of different size in y and x. */
static sg_value pupil_cases(sg_graph *g, int i)
{
    static const struct pupil_case {
        sg_pupil_grid grid;
        int terms, maps, leds;
    } cases[] = {
        {{9, 8, .05, .06, .5, 1.0, SG_EDGE_HARD, 0}, 1, 0, 0},
        {{8, 11, .06, .04, .5, 1.3, SG_EDGE_HARD, 4}, 11, 1, 0},
        {{7, 10, .06, .05, .6, 1.0, SG_EDGE_SMOOTH, -3}, 15, 1, 0},
        {{10, 7, .05, .07, .5, 1.5, SG_EDGE_SMOOTH, 0}, 36, 0, 3},
        {{19, 18, .03, .03, .5, 1.0, SG_EDGE_HARD, 0}, 6, 0, 2},
    };
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const struct pupil_case *c = &cases[i];
    const sg_shape map = SG_SHAPE(1, 1, c->grid.h, c->grid.w), one = SG_SHAPE(1, 1, 1, 1);
    const sg_value z = sg_case_input(g, "zernike", SG_SHAPE(1, 1, 1, c->terms), -.3, .3, SG_CASE_GRAD);
    const sg_value d = sg_case_input(g, "defocus", one, -5, 5, SG_CASE_GRAD);
    const sg_value na = sg_case_input(g, "na", one, .08, .1, SG_CASE_GRAD);
    sg_value amplitude = SG_NONE, phase = SG_NONE, offset = SG_NONE;
    if (c->maps) amplitude = sg_case_input(g, "amplitude", map, .5, 1, SG_CASE_GRAD);
    if (c->maps) phase = sg_case_input(g, "phase", map, -1, 1, SG_CASE_GRAD);
    if (c->leds) offset = sg_case_input(g, "offset", SG_SHAPE(1, 1, c->leds, 2), -.02, .02, SG_CASE_GRAD);
    return sg_pupil(g, z, d, na, amplitude, phase, offset, &c->grid);
}

const sg_op sg_op_pupil = {
    .name = "pupil",
    .formula = "P = edge A exp(i (sum_j c_j Z_j + 2 pi z (sqrt((n/lambda)^2 - f^2) - n/lambda))) (Noll 1976)",
    .infer = pupil_infer,
    .workspace = pupil_workspace,
    .keeps_inputs = 63,
    .cases = pupil_cases,
    SG_REFERENCE(pupil),
};
#endif
