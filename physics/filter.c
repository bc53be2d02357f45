/* filter.c - the part of each dye's emission that band-pass filters let through, see spectra.h.
 *   forward   M[c,f] = integral of s_f over lo_c..hi_c; lo, hi = centre -+ width/2
 *   backward  dcentre_c += sum_f dM (s_f(hi) - s_f(lo)), dwidth_c += sum_f dM (s_f(hi) + s_f(lo))/2 */
#include "core/op.h"
#include "physics/ops.h"
#include "physics/spectra.h"

typedef struct filter_attr {
    sg_spectra spectra;
} filter_attr;

SG_KERNELS(filter)

static double edge(const sg_run *run, int c, int side)
{
    const real *centre = run->in[0], *width = run->in[1];
    return (double)centre[c] + side * .5 * (double)width[c];
}

void R(filter_forward)(const sg_run *run)
{
    const sg_spectra *s = &((const filter_attr *)run->node->attr)->spectra;
    real *m = run->out;
    for (int c = 0; c < run->node->shape.h; c++)
        for (int f = 0; f < s->dyes; f++)
            m[c * s->dyes + f] = (real)sg_spectra_part(s, f, edge(run, c, -1), edge(run, c, 1));
}

/* s_f at a wavelength. */
static double density(const sg_spectra *s, int dye, double um)
{
    const double *x = s->wavelength_um, *y = s->density[dye];
    for (int i = 1; i < s->points; i++)
        if (um >= x[i - 1] && um < x[i]) return y[i - 1] + (y[i] - y[i - 1]) * (um - x[i - 1]) / (x[i] - x[i - 1]);
    return 0;
}

void R(filter_backward)(const sg_run *run)
{
    const sg_spectra *s = &((const filter_attr *)run->node->attr)->spectra;
    const real *dm = run->dout;
    real *dcentre = run->din[0], *dwidth = run->din[1];
    for (int c = 0; c < run->node->shape.h; c++) {
        double centre = 0, width = 0;
        for (int f = 0; f < s->dyes; f++) {
            const double hi = density(s, f, edge(run, c, 1)), lo = density(s, f, edge(run, c, -1));
            centre += (double)dm[c * s->dyes + f] * (hi - lo);
            width += (double)dm[c * s->dyes + f] * (hi + lo) / 2;
        }
        if (dcentre) dcentre[c] += (real)centre;
        if (dwidth) dwidth[c] += (real)width;
    }
}

#ifdef SG_ONCE
static sg_status filter_infer(sg_node *node)
{
    const sg_spectra *s = &((const filter_attr *)node->attr)->spectra;
    const sg_shape centre = node->in_shape[0];
    if (!sg_shape_equal(centre, node->in_shape[1]) || !sg_shape_equal(centre, SG_SHAPE(1, 1, 1, centre.w)))
        SG_FAIL(SG_E_SHAPE, "centres and widths are two rows of equal length");
    if (s->dyes < 1 || s->points < 2) SG_FAIL(SG_E_RANGE, "no spectra");
    node->shape = SG_SHAPE(1, 1, centre.w, s->dyes);
    return SG_OK;
}

sg_value sg_filter(sg_graph *g, sg_value centre_um, sg_value width_um, const sg_spectra *spectra)
{
    const filter_attr attr = {*spectra};
    return SG_NODE(g, &sg_op_filter, &attr, centre_um, width_um);
}

/* Smooth spectra: kinks between their points would spoil central differences, parabola-free pieces do not. */
static sg_value filter_cases(sg_graph *g, int i)
{
    sg_spectra s = {.dyes = 2 + i, .points = 3, .wavelength_um = {.4, .55, .8}};
    if (i > 1) return SG_NONE;
    for (int f = 0; f < s.dyes; f++)
        for (int k = 0; k < 3; k++) s.density[f][k] = 1 + f * k + (f + k) % 2;
    const sg_shape row = SG_SHAPE(1, 1, 1, 2 + 2 * i);
    const sg_value centre = sg_case_input(g, "centre", row, .57, .6, SG_CASE_GRAD); /* edges left and right of .55 */
    return sg_filter(g, centre, sg_case_input(g, "width", row, .1, .2, SG_CASE_GRAD), &s);
}

const sg_op sg_op_filter = {
    .name = "filter",
    .formula = "M[c,f] = part of dye f's emission between centre_c - width_c/2 and centre_c + width_c/2",
    .infer = filter_infer,
    .keeps_inputs = 3,
    .cases = filter_cases,
    SG_REFERENCE(filter),
};
#endif
