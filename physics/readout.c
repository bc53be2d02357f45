/* readout.c - see readout.h. A measurement is the E exposures of one image, colour and focal plane.
 *   forward   y_c = scale sum_e R[c][e] (x_e - offset), scale = 1/(2^bit_depth - 1), or 1/range_e without ADC
 *   backward  dx_e += scale sum_c R[c][e] dy_c;  drange_e += -sum dy y / range_e without ADC, else 0 (the gain
 * cancels);
 *             doffset_adu += -scale sum_c sum_e R[c][e] dy_c
 */
#include "physics/readout.h"

#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"

typedef struct readout_attr {
    sg_readout_kind kind;
    int bit_depth;
    double offset_adu;
    int exposures; /* of one measurement; the pictures are whole measurements, one after the other */
} readout_attr;
SG_KERNELS(readout)

typedef struct R(readout) {
    const sg_run *run;
    const real *x, *dy;
    real *y, *dx;
    double *dscale, *dsum; /* one sum per measurement: of dy y, of dy */
    real scale, offset;
    size_t plane;
    int exposures;
    sg_readout_kind kind;
} R(readout);

static int measurements(const sg_node *node)
{
    return node->in_shape[0].n * (node->in_shape[0].c / ((const readout_attr *)node->attr)->exposures);
}

static double R(range_of)(const sg_run *run)
{
    return run->in[1] ? (double)*(const real *)run->in[1] : 1;
}

static real R(offset_of)(const sg_run *run)
{
    return run->in[2] ? *(const real *)run->in[2] : (real)((const readout_attr *)run->node->attr)->offset_adu;
}

static R(readout) R(readout_make)(const sg_run *run)
{
    const readout_attr *a = run->node->attr;
    const sg_shape s = run->node->in_shape[0];
    const bool adc = a->bit_depth > 0;
    return (R(readout)){
        .run = run,
        .x = run->in[0],
        .scale = (real)(1 / (adc ? (double)((1 << a->bit_depth) - 1) : R(range_of)(run))),
        .offset = adc ? R(offset_of)(run) : 0,
        .plane = (size_t)s.h * (size_t)s.w,
        .exposures = a->exposures,
        .kind = a->kind,
    };
}

static void R(forward_channels)(const R(readout) * r, const real *x, real *y)
{
    const size_t len = (size_t)r->exposures * r->plane;
    for (size_t i = 0; i < len; i++) y[i] = (x[i] - r->offset) * r->scale;
}

static void R(forward_sum)(const R(readout) * r, const real *x, real *y)
{
    const real sign = r->kind == SG_READOUT_DIFFERENCE ? -1 : (real)1;
    for (size_t i = 0; i < r->plane; i++) {
        real sum = x[i] - r->offset;
        for (int e = 1; e < r->exposures; e++) sum += sign * (x[(size_t)e * r->plane + i] - r->offset);
        y[i] = sum * r->scale;
    }
}

static void R(forward_image)(void *context, int image, int thread)
{
    const R(readout) *r = context;
    const real *x = r->x + (size_t)image * (size_t)r->exposures * r->plane;
    (void)thread;
    if (r->kind == SG_READOUT_CHANNELS)
        R(forward_channels)(r, x, r->y + (size_t)image * (size_t)r->exposures * r->plane);
    else
        R(forward_sum)(r, x, r->y + (size_t)image * r->plane);
}

void R(readout_forward)(const sg_run *run)
{
    R(readout) r = R(readout_make)(run);
    r.y = run->out;
    sg_parallel(measurements(run->node), R(forward_image), &r);
}

static void R(backward_image)(void *context, int image, int thread)
{
    const R(readout) *r = context;
    const bool fresh = r->run->fresh[0];
    const size_t out_planes = r->kind == SG_READOUT_CHANNELS ? (size_t)r->exposures : 1;
    const real *dy = r->dy + (size_t)image * out_planes * r->plane;
    (void)thread;
    if (r->dscale)
        r->dscale[image] = R(sg_dot)(dy, r->y + (size_t)image * out_planes * r->plane, out_planes * r->plane);
    if (r->dsum) r->dsum[image] = R(sg_sum)(dy, out_planes * r->plane);
    if (!r->dx) return;
    for (int e = 0; e < r->exposures; e++) {
        real *dx = r->dx + ((size_t)image * (size_t)r->exposures + (size_t)e) * r->plane;
        const real *dye = out_planes > 1 ? dy + (size_t)e * r->plane : dy;
        const real k = r->kind == SG_READOUT_DIFFERENCE && e > 0 ? -r->scale : r->scale;
        for (size_t i = 0; i < r->plane; i++) dx[i] = (fresh ? 0 : dx[i]) + k * dye[i];
    }
}

static void R(put)(const sg_run *run, int input, double grad)
{
    real *d = run->din[input];
    if (d) *d = (run->fresh[input] ? 0 : *d) + (real)grad;
}

void R(readout_backward)(const sg_run *run)
{
    const readout_attr *a = run->node->attr;
    const int images = measurements(run->node);
    R(readout) r = R(readout_make)(run);
    r.dy = run->dout;
    r.y = run->out;
    r.dx = run->din[0];
    r.dscale = run->din[1] && a->bit_depth == 0 ? run->scratch : NULL;
    r.dsum = run->din[2] && a->bit_depth > 0 ? (double *)run->scratch + images : NULL;
    sg_parallel(images, R(backward_image), &r);
    double along = 0, sum = 0;
    for (int i = 0; r.dscale && i < images; i++) along += r.dscale[i];
    for (int i = 0; r.dsum && i < images; i++) sum += r.dsum[i];
    /* the offsets of a difference cancel */
    const int offsets = a->kind == SG_READOUT_CHANNELS ? 1 : a->kind == SG_READOUT_SUM ? a->exposures : 0;
    R(put)(run, 1, -along / R(range_of)(run));
    R(put)(run, 2, -sum * (double)r.scale * offsets);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const readout_attr *a = node->attr;
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "measurement is complex");
    if (a->bit_depth < 0 || a->bit_depth > 16) SG_FAIL(SG_E_RANGE, "bit_depth: %d is outside 0..16", a->bit_depth);
    if (a->bit_depth == 0 && (node->inputs[1] < 0 || sg_shape_len(node->in_shape[1]) != 1))
        SG_FAIL(SG_E_SHAPE, "range_e of shape (1,1,1,1) is needed without ADC");
    node->shape = node->in_shape[0];
    if (a->exposures < 1 || node->shape.c % a->exposures != 0)
        SG_FAIL(SG_E_SHAPE, "%d pictures are not whole measurements of %d exposures", node->shape.c, a->exposures);
    if (a->kind == SG_READOUT_DIFFERENCE && a->exposures != 2)
        SG_FAIL(SG_E_SHAPE, "difference needs 2 exposures, not %d", a->exposures);
    if (a->kind != SG_READOUT_CHANNELS) node->shape.c /= a->exposures;
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads, (void)real_size;
    out->scratch = 2 * (size_t)measurements(node) * sizeof(double);
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        readout_attr attr;
    } table[] = {
        {{2, 2, 3, 5}, {SG_READOUT_CHANNELS, 8, 3, 2}},   {{2, 2, 3, 5}, {SG_READOUT_DIFFERENCE, 8, 3, 2}},
        {{1, 3, 5, 4}, {SG_READOUT_SUM, 12, 2, 3}},       {{2, 3, 5, 3}, {SG_READOUT_CHANNELS, 0, 0, 1}},
        {{2, 4, 7, 3}, {SG_READOUT_DIFFERENCE, 0, 0, 2}}, {{2, 1, 3, 3}, {SG_READOUT_SUM, 0, 0, 1}},
        {{2, 4, 3, 5}, {SG_READOUT_SUM, 8, 3, 2}},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_value x = sg_case_input(g, "adu", table[i].shape, 0, 200, SG_CASE_GRAD);
    const sg_value range = sg_case_input(g, "range_e", SG_SHAPE(1, 1, 1, 1), 100, 150, SG_CASE_GRAD);
    const bool learns = table[i].attr.bit_depth > 0 && i != 1;
    const sg_value offset = learns ? sg_case_input(g, "offset", SG_SHAPE(1, 1, 1, 1), 1, 9, SG_CASE_GRAD) : SG_NONE;
    return SG_NODE(g, &sg_op_readout, &table[i].attr, x, range, offset);
}

const sg_op sg_op_readout = {
    .name = "readout",
    .formula = "channels = R (adu - offset_adu) gain_e_per_adu / range_e (PHYSICS section 6)",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(readout),
    .keeps_inputs = 2,
    .keeps_output = true,
    .sets_fresh = true,
    .cases = cases,
};

sg_value sg_readout_with(sg_graph *g, sg_value adu, sg_value range_e, sg_value offset_adu,
                         const sg_camera_config *config, int exposures)
{
    const readout_attr attr = {config->readout, config->bit_depth, config->offset_adu, exposures};
    const sg_value channels = SG_NODE(g, &sg_op_readout, &attr, adu, range_e, offset_adu);
    return config->normalise == SG_NORMALISE_STANDARD ? sg_standardise(g, channels, 1e-6) : channels;
}

sg_value sg_readout(sg_graph *g, sg_value adu, sg_value range_e, const sg_camera_config *config, int exposures)
{
    return sg_readout_with(g, adu, range_e, SG_NONE, config, exposures);
}

#endif
