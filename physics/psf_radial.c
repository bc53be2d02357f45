/* psf_radial.c - see psf.h: point spread functions of round optics by integrals over the radius (psf_integral.c).
 *   forward   U_m(r) = sum_i b_rmi exp(i phase_i), I = sum_m share_m |U_m|^2, h = I / sum I
 *   backward  dI = (dh - <dh, h>)/sum I summed over the pixels of a radius,
 *             dz += sum_r dI 2 sum_m share_m Re(conj(U_m) sum_i i phase'_i b_rmi exp(i phase_i)), z defocus or specimen
 * Computed in double in both precisions. Slices are blocks of radii of one plane; their sums are added in order. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/psf_integral.h"

#include <math.h>
#include <string.h>

typedef struct psf_radial_attr {
    sg_psf_round optics;
    sg_focus focus;
    int size_px;
} psf_radial_attr;
SG_KERNELS(psf_radial)
SG_PREPARES(psf_radial)

enum { RADII = 64 }; /* of a block */

sg_status R(psf_radial_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    const psf_radial_attr *a = node->attr;
    sg_psf_integral *p = NULL;
    (void)threads, (void)backward;
    SG_TRY(SG_ALLOC(&p, 1, "PSF integral"));
    *out = p;
    return sg_psf_integral_make(p, &a->optics, a->size_px);
}

void R(psf_radial_release)(void *prepared)
{
    if (prepared) sg_psf_integral_free(prepared);
    sg_free(prepared);
}

typedef struct R(radial_task) {
    const sg_run *run;
    const psf_radial_attr *a;
    const sg_psf_integral *p;
    int planes, blocks;
} R(radial_task);

static R(radial_task) R(task_of)(const sg_run *run)
{
    const sg_psf_integral *p = run->prepared;
    const sg_shape s = run->node->shape;
    return (R(radial_task)){run, run->node->attr, p, s.n * s.c, (p->radii + RADII - 1) / RADII};
}

/* save, in double: of each plane U (radii, orders, 2), I (radii), their sum over the pixels;
 * scratch: of each plane dI (radii), of each block two sums */
static size_t radial_radii(int size)
{
    const size_t half = (size_t)size / 2;
    return (half + 1) * (half + 2) / 2;
}

static double *R(field_of)(const R(radial_task) * t, int plane)
{
    return (double *)t->run->save + (size_t)plane * (radial_radii(t->a->size_px) * (2 * SG_PSF_ORDERS + 1) + 1);
}

static double *R(intensity_of)(const R(radial_task) * t, int plane)
{
    return R(field_of)(t, plane) + radial_radii(t->a->size_px) * 2 * SG_PSF_ORDERS;
}

static double *R(sum_of)(const R(radial_task) * t, int plane)
{
    return R(intensity_of)(t, plane) + radial_radii(t->a->size_px);
}

static double *R(slope_of)(const R(radial_task) * t, int plane)
{
    return (double *)t->run->scratch + (size_t)plane * radial_radii(t->a->size_px);
}

static double *R(block_sums)(const R(radial_task) * t, int plane, int block)
{
    return R(slope_of)(t, t->planes) + 2 * ((size_t)plane * (size_t)t->blocks + (size_t)block);
}

/* Radius of pixel (y, x). */
static int R(radius_at)(int y, int x, int size)
{
    const int row = 2 * y > size - 1 ? size - y : y, column = 2 * x > size - 1 ? size - x : x;
    const int a = row < column ? row : column, b = row < column ? column : row;
    return b * (b + 1) / 2 + a;
}

static double R(phase)(const R(radial_task) * t, int plane, int node)
{
    const sg_psf_integral *p = t->p;
    const int n = plane / t->a->focus.count, k = plane % t->a->focus.count;
    const double defocus =
        (double)*(const real *)t->run->in[0] + t->a->focus.plane_um[k] + sg_focus_depth(&t->a->focus, t->run->step, n);
    return p->constant[node] + defocus * p->per_defocus[node] +
           (double)*(const real *)t->run->in[1] * p->per_specimen[node];
}

/* Block of radii: fields and intensities; cosine and sine of the nodes are made once a block. */
static void R(forward_block)(void *context, int slice, int thread)
{
    const R(radial_task) *t = context;
    const sg_psf_integral *p = t->p;
    const int plane = slice / t->blocks, first = slice % t->blocks * RADII;
    const int last = first + RADII < p->radii ? first + RADII : p->radii;
    double *u = R(field_of)(t, plane), *intensity = R(intensity_of)(t, plane);
    (void)thread;
    memset(u + (size_t)first * 2 * SG_PSF_ORDERS, 0, (size_t)(last - first) * 2 * SG_PSF_ORDERS * sizeof *u);
    for (int i = 0; i < p->nodes; i++) {
        const double psi = R(phase)(t, plane, i), re = cos(psi), im = sin(psi);
        for (int r = first; r < last; r++) {
            for (int m = 0; m < p->orders; m++) {
                const double b = p->bessel[((size_t)m * (size_t)p->nodes + (size_t)i) * (size_t)p->radii + (size_t)r];
                u[(r * SG_PSF_ORDERS + m) * 2] += b * re;
                u[(r * SG_PSF_ORDERS + m) * 2 + 1] += b * im;
            }
        }
    }
    for (int r = first; r < last; r++) {
        intensity[r] = 0;
        for (int m = 0; m < p->orders; m++) {
            const double *at = u + (r * SG_PSF_ORDERS + m) * 2;
            intensity[r] += p->share[m] * (at[0] * at[0] + at[1] * at[1]);
        }
    }
}

static void R(forward_plane)(void *context, int plane, int thread)
{
    const R(radial_task) *t = context;
    const int size = t->a->size_px;
    const double *intensity = R(intensity_of)(t, plane);
    real *h = (real *)t->run->out + (size_t)plane * (size_t)size * (size_t)size;
    double sum = 0;
    (void)thread;
    for (int i = 0; i < size * size; i++) sum += intensity[R(radius_at)(i / size, i % size, size)];
    for (int i = 0; i < size * size; i++) h[i] = (real)(intensity[R(radius_at)(i / size, i % size, size)] / sum);
    *R(sum_of)(t, plane) = sum;
}

void R(psf_radial_forward)(const sg_run *run)
{
    R(radial_task) t = R(task_of)(run);
    sg_parallel(t.planes * t.blocks, R(forward_block), &t);
    sg_parallel(t.planes, R(forward_plane), &t);
}

/* dL/dI of each radius. */
static void R(backward_plane)(void *context, int plane, int thread)
{
    const R(radial_task) *t = context;
    const int size = t->a->size_px;
    const size_t at = (size_t)plane * (size_t)size * (size_t)size;
    const real *h = (const real *)t->run->out + at, *dh = (const real *)t->run->dout + at;
    double *slope = R(slope_of)(t, plane), along = 0;
    (void)thread;
    memset(slope, 0, (size_t)t->p->radii * sizeof *slope);
    for (int i = 0; i < size * size; i++) along += (double)h[i] * (double)dh[i];
    for (int i = 0; i < size * size; i++)
        slope[R(radius_at)(i / size, i % size, size)] += ((double)dh[i] - along) / *R(sum_of)(t, plane);
}

static void R(backward_block)(void *context, int slice, int thread)
{
    const R(radial_task) *t = context;
    const sg_psf_integral *p = t->p;
    const int plane = slice / t->blocks, block = slice % t->blocks, first = block * RADII;
    const int last = first + RADII < p->radii ? first + RADII : p->radii;
    const double *u = R(field_of)(t, plane), *slope = R(slope_of)(t, plane);
    double *sums = R(block_sums)(t, plane, block);
    (void)thread;
    sums[0] = sums[1] = 0;
    for (int i = 0; i < p->nodes; i++) {
        const double psi = R(phase)(t, plane, i), re = cos(psi), im = sin(psi);
        double along = 0; /* dL/dphase of the node */
        for (int r = first; r < last; r++) {
            for (int m = 0; m < p->orders; m++) {
                const double b = p->bessel[((size_t)m * (size_t)p->nodes + (size_t)i) * (size_t)p->radii + (size_t)r];
                const double *at = u + (r * SG_PSF_ORDERS + m) * 2;
                along += slope[r] * 2 * p->share[m] * b * (at[1] * re - at[0] * im);
            }
        }
        sums[0] += along * p->per_defocus[i];
        sums[1] += along * p->per_specimen[i];
    }
}

void R(psf_radial_backward)(const sg_run *run)
{
    R(radial_task) t = R(task_of)(run);
    sg_parallel(t.planes, R(backward_plane), &t);
    sg_parallel(t.planes * t.blocks, R(backward_block), &t);
    for (int input = 0; input < 2; input++) {
        double sum = 0;
        for (int i = 0; i < t.planes * t.blocks; i++) sum += R(block_sums)(&t, 0, i)[input];
        if (run->din[input]) *(real *)run->din[input] += (real)sum;
    }
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const psf_radial_attr *a = node->attr;
    const double na = a->optics.na, index = a->optics.index;
    const sg_psf_layers *l = &a->optics.layers;
    for (int i = 0; i < 2; i++)
        if (node->in_complex[i] || sg_shape_len(node->in_shape[i]) != 1)
            SG_FAIL(SG_E_SHAPE, "defocus and depth are single real numbers");
    if (a->size_px < 1 || a->size_px > 4096) SG_FAIL(SG_E_RANGE, "size_px: %d is outside 1..4096", a->size_px);
    if (!(na > 0 && na < index)) SG_FAIL(SG_E_RANGE, "NA %g is not below the index %g", na, index);
    if (a->optics.model == SG_PSF_ROUND_GIBSON_LANNI &&
        !(na < l->specimen_index && na < l->coverslip_index && na < l->coverslip_design_index &&
          na < l->immersion_design_index))
        SG_FAIL(SG_E_RANGE, "NA %g is not below the indices of all layers", na);
    if (a->focus.count < 1 || a->focus.count > SG_FOCUS_MAX || a->focus.samples < 1)
        SG_FAIL(SG_E_RANGE, "%d planes of %d samples; 1..%d planes are possible", a->focus.count, a->focus.samples,
                SG_FOCUS_MAX);
    node->shape = SG_SHAPE(a->focus.samples, a->focus.count, a->size_px, a->size_px);
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads, (void)real_size;
    const size_t radii = radial_radii(node->shape.h), planes = (size_t)node->shape.n * (size_t)node->shape.c;
    out->save = planes * (radii * (2 * SG_PSF_ORDERS + 1) + 1) * sizeof(double);
    out->scratch = planes * (radii + 2 * ((radii + RADII - 1) / RADII)) * sizeof(double);
}

static const sg_psf_layers water = {1.33, 170, 1.52, 165, 1.515, 100, 1.518};

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_psf_model model;
        int size;
        double na, index;
        sg_focus focus;
        unsigned flags;
    } table[] = {
        {SG_PSF_ROUND_AIRY, 5, .3, 1, {1, 1, {0}, 0}, 0},
        {SG_PSF_ROUND_BORN_WOLF, 6, .4, 1, {2, 2, {1, -2}, 1}, SG_CASE_GRAD},
        {SG_PSF_ROUND_GIBSON_LANNI, 7, 1.2, 1.515, {1, 1, {0}, 0}, SG_CASE_GRAD},
        {SG_PSF_ROUND_VECTORIAL, 13, 1.3, 1.515, {1, 2, {.2, .5}, 0}, SG_CASE_GRAD},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_psf_round optics = {table[i].model, .5, .15, table[i].na, table[i].index, 10, water};
    const sg_shape one = SG_SHAPE(1, 1, 1, 1);
    const sg_value defocus = sg_case_input(g, "defocus_um", one, .4, .6, table[i].flags);
    const bool layers = table[i].model == SG_PSF_ROUND_GIBSON_LANNI;
    const sg_value specimen = sg_case_input(g, "specimen_um", one, 3, 5, layers ? table[i].flags : 0);
    return sg_psf_radial(g, defocus, specimen, &optics, &table[i].focus, table[i].size);
}

const sg_op sg_op_psf_radial = {
    .name = "psf_radial",
    .formula = "h = sum_m |integral over the pupil of J_m exp(i phase)|^2 / sum: Airy, Born & Wolf, Gibson & Lanni "
               "1992, Richards & Wolf 1959",
    .infer = infer,
    .workspace = workspace,
    SG_PREPARED(psf_radial),
    SG_REFERENCE(psf_radial),
    .keeps_inputs = 3,
    .keeps_output = true,
    .cases = cases,
};

sg_value sg_psf_radial(sg_graph *g, sg_value defocus_um, sg_value specimen_um, const sg_psf_round *optics,
                       const sg_focus *focus, int size_px)
{
    const psf_radial_attr attr = {*optics, *focus, size_px};
    return SG_NODE(g, &sg_op_psf_radial, &attr, defocus_um, specimen_um);
}

#endif
