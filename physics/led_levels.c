/* led_levels.c - LED weights as the driver of the array can show them: 8-bit levels, or on and off (PHYSICS section 2).
 * With m the largest weight of all rows and c a code:
 *   forward   dose   y = c / sum c: the sum of all weights stays 1
 *                    bits8: c = round-half-even(255 w / m); on_off: c = 1 where w > m / 2, else 0
 *             box    bits8: y = round-half-even(255 w) / 255, w clamped to 0..1; on_off: y = 1 where w > 1/2, else 0
 *             weights that are all 0 stay 0.
 *   backward  straight-through (Bengio, Leonard & Courville, arXiv:1308.3432): rounding and comparing count as the
 *             identity. dose: of y = w / sum w, dw_i += (dy_i - sum_j dy_j w_j / sum w) / sum w; box: dw += dy.
 * w >= 0 of any shape -> the same shape. */
#include "core/op.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <math.h>

typedef struct led_levels_attr {
    sg_levels levels;
    bool dose; /* the sum of the weights stays 1 */
} led_levels_attr;

SG_KERNELS(led_levels)

/* Both precisions compute in double, so that both take the same codes. */
static double largest(const real *w, size_t len)
{
    double m = 0;
    for (size_t i = 0; i < len; i++) m = (double)w[i] > m ? (double)w[i] : m;
    return m;
}

/* Code of a weight whose full level is m > 0; NaN stays NaN. */
static double code(sg_levels levels, double w, double m)
{
    const double share = w < m ? w / m : w >= m ? 1 : w;
    if (levels == SG_LEVELS_BITS8) return rint(255 * share);
    return share > .5 ? 1 : share <= .5 ? 0 : share;
}

void R(led_levels_forward)(const sg_run *run)
{
    const led_levels_attr *attr = run->node->attr;
    const size_t len = sg_shape_len(run->node->shape);
    const real *w = run->in[0];
    real *y = run->out;
    const double m = attr->dose ? largest(w, len) : 1;
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += m > 0 ? code(attr->levels, (double)w[i], m) : 0;
    const double unit = !attr->dose ? (attr->levels == SG_LEVELS_BITS8 ? 255 : 1) : sum > 0 ? sum : 1;
    for (size_t i = 0; i < len; i++) y[i] = (real)(m > 0 ? code(attr->levels, (double)w[i], m) / unit : (double)w[i]);
}

void R(led_levels_backward)(const sg_run *run)
{
    const led_levels_attr *attr = run->node->attr;
    const size_t len = sg_shape_len(run->node->shape);
    const real *w = run->in[0], *dy = run->dout;
    real *dw = run->din[0];
    double sum = 0, dot = 0;
    if (!dw) return;
    for (size_t i = 0; i < len; i++) {
        sum += (double)w[i];
        dot += (double)w[i] * (double)dy[i];
    }
    const double mean = attr->dose && sum > 0 ? dot / sum : 0, scale = attr->dose && sum > 0 ? 1 / sum : 1;
    for (size_t i = 0; i < len; i++) dw[i] += (real)(((double)dy[i] - mean) * scale);
}

#ifdef SG_ONCE
/* y = w / sum w (dose), y = w (box). */
static void led_levels_surrogate(const sg_run *run)
{
    const led_levels_attr *attr = run->node->attr;
    const size_t len = sg_shape_len(run->node->shape);
    const double *w = run->in[0];
    double *y = run->out, sum = 0;
    for (size_t i = 0; i < len; i++) sum += w[i];
    for (size_t i = 0; i < len; i++) y[i] = attr->dose && sum > 0 ? w[i] / sum : w[i];
}

static sg_status led_levels_infer(sg_node *node)
{
    const led_levels_attr *attr = node->attr;
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the weights must be real");
    if (attr->levels != SG_LEVELS_BITS8 && attr->levels != SG_LEVELS_ON_OFF)
        SG_FAIL(SG_E_CONFIG, "illumination.levels: bits8 or on_off, not %d", (int)attr->levels);
    node->shape = node->in_shape[0];
    return SG_OK;
}

sg_value sg_led_levels(sg_graph *g, sg_value weight, sg_levels levels, bool dose)
{
    const led_levels_attr attr = {levels, dose};
    return levels == SG_LEVELS_CONTINUOUS ? weight : SG_NODE(g, &sg_op_led_levels, &attr, weight);
}

static sg_value led_levels_cases(sg_graph *g, int i)
{
    static const struct levels_case {
        sg_levels levels;
        bool dose;
    } cases[] = {
        {SG_LEVELS_BITS8, true}, {SG_LEVELS_ON_OFF, true}, {SG_LEVELS_BITS8, false}, {SG_LEVELS_ON_OFF, false}};
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const sg_value w = sg_case_input(g, "weight", SG_SHAPE(1, 1, 2, 7), .05, .95, SG_CASE_GRAD);
    return sg_led_levels(g, w, cases[i].levels, cases[i].dose);
}

const sg_op sg_op_led_levels = {
    .name = "led_levels",
    .formula = "LED weights as 8-bit levels, or on and off: y = c / sum c (dose), c / 255 (box)",
    .infer = led_levels_infer,
    .surrogate_forward = led_levels_surrogate,
    .surrogate = "led_levels_ste: y = w / sum w (dose), y = w (box)",
    .keeps_inputs = 1,
    .cases = led_levels_cases,
    SG_REFERENCE(led_levels),
};
#endif
