/* adc_soft.c - see adc.h: the camera's uniform ADC with the gradient of a logistic step.
 *   forward   v = e / gain + offset, adu = clamp(rint(v), 0, top), gain = range_e / top
 *   backward  t = the threshold nearest to v, one of .5, 1.5 .. top - .5;  g = logistic'((v - t)/W) / W
 *             de += dout g / gain;  drange_e += -sum dout g e / gain^2 / top */
#include "core/parallel.h"
#include "physics/adc_step.h"
#include "physics/ops.h"

typedef struct adc_soft_attr {
    int bit_depth;
    double offset_adu;
    sg_adc_width width;
} adc_soft_attr;
SG_KERNELS(adc_soft)
SG_HIDDEN void adc_soft_surrogate_f64(const sg_run *run);

typedef struct R(soft) {
    const sg_run *run;
    real inverse_gain, offset, top, inverse_width;
    double *drange; /* one sum per block; NULL: not wanted */
    size_t len;
} R(soft);

static R(soft) R(soft_make)(const sg_run *run)
{
    const adc_soft_attr *a = run->node->attr;
    const double top = (double)((1 << a->bit_depth) - 1), gain = (double)*(const real *)run->in[1] / top;
    return (R(soft)){
        .run = run,
        .inverse_gain = (real)(1 / gain),
        .offset = (real)a->offset_adu,
        .top = (real)top,
        .inverse_width = (real)(1 / R(adc_width)(&a->width, run->step)),
        .len = sg_shape_len(run->node->shape),
    };
}

static inline real R(nearest)(real v, real top)
{
    const real t = floor(v) + (real).5, last = top - (real).5;
    return t < (real).5 ? (real).5 : t > last ? last : t;
}

SG_SIMD static void R(forward_block)(const R(soft) * s, size_t begin, size_t end)
{
    const real *restrict e = s->run->in[0];
    real *restrict adu = s->run->out;
    const real inverse_gain = s->inverse_gain, offset = s->offset, top = s->top;
    for (size_t i = begin; i < end; i++) {
        const real code = rint(e[i] * inverse_gain + offset);
        adu[i] = code < 0 ? 0 : code > top ? top : code;
    }
}

static void R(forward_task)(void *context, int block, int thread)
{
    const R(soft) *s = context;
    (void)thread;
    R(forward_block)(s, sg_block_begin(block), sg_block_end(block, s->len));
}

void R(adc_soft_forward)(const sg_run *run)
{
    R(soft) s = R(soft_make)(run);
    sg_parallel(sg_blocks(s.len), R(forward_task), &s);
#ifdef SG_DOUBLE
    double *nearest = run->save; /* held fixed by adc_soft_surrogate_f64 */
    const double *e = run->in[0];
    for (size_t i = 0; i < s.len; i++) nearest[i] = nearest_f64(e[i] * s.inverse_gain + s.offset, s.top);
#endif
}

static void R(backward_task)(void *context, int block, int thread)
{
    const R(soft) *s = context;
    const sg_run *run = s->run;
    const real *e = run->in[0], *dout = run->dout;
    real *de = run->din[0];
    double drange = 0;
    (void)thread;
    for (size_t i = sg_block_begin(block); i < sg_block_end(block, s->len); i++) {
        const real v = e[i] * s->inverse_gain + s->offset, x = (v - R(nearest)(v, s->top)) * s->inverse_width;
        const real slope = dout[i] * R(logistic_slope)(x) * s->inverse_width * s->inverse_gain; /* dL/de */
        if (de) de[i] = (run->fresh[0] ? 0 : de[i]) + slope;
        drange -= (double)(slope * e[i] * s->inverse_gain);
    }
    if (s->drange) s->drange[block] = drange;
}

void R(adc_soft_backward)(const sg_run *run)
{
    R(soft) s = R(soft_make)(run);
    real *drange = run->din[1];
    s.drange = drange ? run->scratch : NULL;
    sg_parallel(sg_blocks(s.len), R(backward_task), &s);
    if (!drange) return;
    double sum = 0;
    for (int b = 0; b < sg_blocks(s.len); b++) sum += s.drange[b];
    *drange = (run->fresh[1] ? 0 : *drange) + (real)(sum / (double)s.top);
}

#ifdef SG_DOUBLE
/* The threshold's code and the logistic step above it, the choice of the threshold fixed. */
void adc_soft_surrogate_f64(const sg_run *run)
{
    const soft_f64 s = soft_make_f64(run);
    const double *e = run->in[0], *nearest = run->save;
    double *out = run->out;
    for (size_t i = 0; i < s.len; i++) {
        const double v = e[i] * s.inverse_gain + s.offset;
        out[i] = nearest[i] - .5 + 1 / (1 + exp((nearest[i] - v) * s.inverse_width));
    }
}
#endif

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const adc_soft_attr *a = node->attr;
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "electrons are complex");
    if (a->bit_depth < 1 || a->bit_depth > 16) SG_FAIL(SG_E_RANGE, "bit_depth: %d is outside 1..16", a->bit_depth);
    if (!(a->width.start > 0 && a->width.end > 0))
        SG_FAIL(SG_E_RANGE, "width: %g to %g, both must be positive", a->width.start, a->width.end);
    if (sg_shape_len(node->in_shape[1]) != 1) SG_FAIL(SG_E_SHAPE, "range_e of shape (1,1,1,1) is needed");
    node->shape = node->in_shape[0];
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const size_t len = sg_shape_len(node->shape);
    (void)threads;
    out->save = real_size == sizeof(double) ? len * sizeof(double) : 0;
    out->scratch = (size_t)sg_blocks(len) * sizeof(double);
}

static double flop(const sg_node *node)
{
    return 4 * (double)sg_shape_len(node->shape);
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double lo, hi;
        adc_soft_attr attr;
    } table[] = {
        {{2, 2, 3, 5}, -20, 130, {2, 0, {1, .1}}},
        {{1, 1, 7, 5}, 0, 100, {1, 0, {.5, .5}}},
        {{1, 2, 4, 3}, 5, 120, {4, 3, {2, .1}}},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const adc_soft_attr *a = &table[i].attr;
    const sg_value e = sg_case_input(g, "e", table[i].shape, table[i].lo, table[i].hi, SG_CASE_GRAD);
    const sg_value range = sg_case_input(g, "range_e", SG_SHAPE(1, 1, 1, 1), 90, 110, SG_CASE_GRAD);
    return sg_adc_soft(g, e, range, a->bit_depth, a->offset_adu, a->width);
}

const sg_op sg_op_adc_soft = {
    .name = "adc_soft",
    .formula =
        "adu = clamp(round(e / gain_e_per_adu + offset_adu), 0, 2^bit_depth - 1), gain = range_e / (2^bit_depth - 1)",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(adc_soft),
    .surrogate_forward = adc_soft_surrogate_f64,
    .surrogate = "logistic step at the nearest threshold, its width annealed (Yang et al., CVPR 2019)",
    .flop = flop,
    .keeps_inputs = 3,
    .sets_fresh = true,
    .cases = cases,
};

sg_value sg_adc_soft(sg_graph *g, sg_value e, sg_value range_e, int bit_depth, double offset_adu, sg_adc_width width)
{
    const adc_soft_attr attr = {bit_depth, offset_adu, width};
    return SG_NODE(g, &sg_op_adc_soft, &attr, e, range_e);
}

#endif
