/* pupil_defocus.c - see psf.h: one pupil, seen from many planes.
 *   forward   P_nk = P e_nk, e_nk = exp(2 pi i (plane_um[k] + z_n) D(f)), D = sqrt((m/lambda)^2 - |f|^2) - m/lambda
 *   backward  dP += sum_nk conj(e_nk) dP_nk
 * Gibson & Lanni, J. Opt. Soc. Am. A 9, 154 (1992), eq. (5) for a matched medium. The phase is computed in double,
 * where the pupil passes light. A slice is a row of the pupil. */
#include "core/op.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "physics/ops.h"
#include "physics/psf.h"

#include <math.h>

typedef struct pupil_defocus_attr {
    sg_focus focus;
    double bin, wavenumber; /* cycles/um; m/lambda */
} pupil_defocus_attr;
SG_KERNELS(pupil_defocus)

#define TWO_PI 6.28318530717958647692

/* 2 pi D at bin (y, x). */
static double R(phase_per_um)(const pupil_defocus_attr *a, int y, int x, int m)
{
    const double fy = (2 * y > m - 1 ? y - m : y) * a->bin, fx = (2 * x > m - 1 ? x - m : x) * a->bin;
    const double square = fx * fx + fy * fy, k2 = a->wavenumber * a->wavenumber;
    const double axial = k2 > square ? sqrt(k2 - square) : 0; /* beyond it light is evanescent */
    return -TWO_PI * square / (axial + a->wavenumber);
}

/* Row y of every plane and sample, forward, or its adjoint, in which e turns the other way. */
SG_INLINE void R(turn_row)(const sg_run *run, int y, bool backward)
{
    const pupil_defocus_attr *a = run->node->attr;
    const int m = run->node->shape.h;
    const size_t len = (size_t)m * (size_t)m;
    for (int n = 0; n < run->node->shape.n; n++) {
        const double depth = sg_focus_depth(&a->focus, run->step, n);
        for (int x = 0; x < m; x++) {
            const size_t at = (size_t)y * (size_t)m + (size_t)x;
            const real *p = backward ? NULL : (const real *)run->in[0] + 2 * at;
            const bool dark = p && !(p[0] != 0) && !(p[1] != 0);
            const double slope = dark ? 0 : R(phase_per_um)(a, y, x, m);
            for (int k = 0; k < a->focus.count; k++) {
                const size_t there = 2 * (((size_t)n * (size_t)a->focus.count + (size_t)k) * len + at);
                const double psi = (a->focus.plane_um[k] + depth) * slope;
                const real re = (real)cos(psi), im = backward ? -(real)sin(psi) : (real)sin(psi);
                const real *from = backward ? (const real *)run->dout + there : p;
                real *to = backward ? (real *)run->din[0] + 2 * at : (real *)run->out + there;
                to[0] = (backward ? to[0] : 0) + (re * from[0] - im * from[1]);
                to[1] = (backward ? to[1] : 0) + (re * from[1] + im * from[0]);
            }
        }
    }
}

static void R(forward_row)(void *context, int y, int thread)
{
    (void)thread;
    R(turn_row)(*(const sg_run **)context, y, false);
}

void R(pupil_defocus_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.h, R(forward_row), &run);
}

static void R(backward_row)(void *context, int y, int thread)
{
    (void)thread;
    R(turn_row)(*(const sg_run **)context, y, true);
}

void R(pupil_defocus_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->shape.h, R(backward_row), &run);
}

#ifdef SG_ONCE

double sg_focus_depth(const sg_focus *focus, const sg_step *step, int n)
{
    if (!(focus->depth_um > 0)) return 0;
    const uint32_t id = step->sample_id ? step->sample_id[n] : (uint32_t)n;
    const sg_rng rng = sg_rng_make(step->seed, SG_RNG_DEPTH, id, step->epoch, 0);
    return focus->depth_um * (2 * sg_rng_uniform(&rng, 0, 0) - 1);
}

static sg_status infer(sg_node *node)
{
    const pupil_defocus_attr *a = node->attr;
    const sg_shape s = node->in_shape[0];
    if (!node->in_complex[0] || s.n != 1 || s.c != 1 || s.h != s.w)
        SG_FAIL(SG_E_SHAPE, "pupil of shape (%d,%d,%d,%d), a complex (1,1,M,M) is needed", s.n, s.c, s.h, s.w);
    if (a->focus.count < 1 || a->focus.count > SG_FOCUS_MAX || a->focus.samples < 1)
        SG_FAIL(SG_E_RANGE, "%d planes of %d samples; 1..%d planes are possible", a->focus.count, a->focus.samples,
                SG_FOCUS_MAX);
    node->shape = SG_SHAPE(a->focus.samples, a->focus.count, s.h, s.w);
    node->is_complex = true;
    return SG_OK;
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        int m;
        sg_focus focus;
    } table[] = {{7, {1, 1, {3}, 0}}, {6, {1, 3, {-4, 0, 2.5}, 0}}, {5, {3, 1, {1}, 6}}, {8, {2, 2, {-3, 3}, 2}}};
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_shape shape = SG_SHAPE(1, 1, table[i].m, table[i].m);
    const sg_value pupil = sg_case_input(g, "pupil", shape, -1, 1, SG_CASE_GRAD | SG_CASE_COMPLEX);
    return sg_pupil_defocus(g, pupil, &table[i].focus, .2, .5, 1.3); /* the corners are evanescent */
}

const sg_op sg_op_pupil_defocus = {
    .name = "pupil_defocus",
    .formula = "P_nk = P exp(2 pi i (z_k + z_n) (sqrt((n/lambda)^2 - f^2) - n/lambda)), z_n random for each sample",
    .infer = infer,
    SG_REFERENCE(pupil_defocus),
    .keeps_inputs = 0,
    .linear = true,
    .cases = cases,
};

sg_value sg_pupil_defocus(sg_graph *g, sg_value pupil, const sg_focus *focus, double bin_um_inv, double wavelength_um,
                          double medium_index)
{
    const pupil_defocus_attr attr = {*focus, bin_um_inv, medium_index / wavelength_um};
    return SG_NODE(g, &sg_op_pupil_defocus, &attr, pupil);
}

#endif
