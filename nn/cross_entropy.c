/* cross_entropy.c - softmax cross entropy of logits over channels, with class weights (PyTorch: cross_entropy with
 * weight and ignore_index).
 *   forward   sum w(y) (log sum_k exp z_k - z_y) / sum w(y) over counted pixels (label y in 0 .. c-1; below 0: not
 *             counted); 0 if none is counted
 *   backward  dz_k += dL w(y) (exp(z_k - log sum exp) - [k = y]) / sum w(y)
 * A slice is a sample; its sums are added in order, in double. A label beyond the classes makes the loss NaN. */
#include "core/parallel.h"
#include "nn/loss.h"
#include "nn/ops.h"

#include <string.h>
#include <tgmath.h>

typedef struct cross_entropy_attr {
    double weight[SG_CLASSES_MAX];
} cross_entropy_attr;
SG_KERNELS(cross_entropy)

typedef struct R(cross_sums) {
    double loss, weight;
} R(cross_sums);

typedef struct R(cross_pixel) {
    const real *z; /* of class 0; class k is k pixels on */
    size_t pixels;
    int classes, label; /* label -1: not counted */
    double weight, log_sum;
} R(cross_pixel);

static R(cross_pixel) R(cross_pixel_at)(const sg_run *run, int n, size_t at)
{
    const cross_entropy_attr *a = run->node->attr;
    const sg_shape s = run->node->in_shape[0];
    const size_t pixels = (size_t)s.h * (size_t)s.w;
    const real y = ((const real *)run->in[1])[(size_t)n * pixels + at];
    R(cross_pixel) p = {(const real *)run->in[0] + (size_t)n * (size_t)s.c * pixels + at, pixels, s.c, -1, 0, 0};
    if (y < 0) return p;
    double largest = (double)p.z[0], sum = 0;
    for (int k = 1; k < s.c; k++)
        largest = (double)p.z[(size_t)k * pixels] > largest ? (double)p.z[(size_t)k * pixels] : largest;
    for (int k = 0; k < s.c; k++) sum += exp((double)p.z[(size_t)k * pixels] - largest);
    const bool known = y <= (real)(s.c - 1); /* false for NaN */
    p.label = known ? (int)y : 0;
    p.weight = known ? a->weight[p.label] : (double)NAN;
    p.log_sum = largest + log(sum);
    return p;
}

static void R(cross_entropy_forward_sample)(void *context, int n, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const size_t pixels = (size_t)run->node->in_shape[0].h * (size_t)run->node->in_shape[0].w;
    R(cross_sums) sums = {0};
    (void)thread;
    for (size_t at = 0; at < pixels; at++) {
        const R(cross_pixel) p = R(cross_pixel_at)(run, n, at);
        if (p.label < 0) continue;
        sums.loss += p.weight * (p.log_sum - (double)p.z[(size_t)p.label * pixels]);
        sums.weight += p.weight;
    }
    ((R(cross_sums) *)run->scratch)[n] = sums;
}

static void R(cross_entropy_backward_sample)(void *context, int n, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_shape s = run->node->in_shape[0];
    const size_t pixels = (size_t)s.h * (size_t)s.w;
    const double all = *(const double *)run->save, k = all > 0 ? (double)*(const real *)run->dout / all : 0;
    real *dz = (real *)run->din[0] + (size_t)n * (size_t)s.c * pixels;
    (void)thread;
    for (size_t at = 0; at < pixels; at++) {
        const R(cross_pixel) p = R(cross_pixel_at)(run, n, at);
        for (int c = 0; p.label >= 0 && c < s.c; c++)
            dz[(size_t)c * pixels + at] +=
                (real)(k * p.weight * (exp((double)p.z[(size_t)c * pixels] - p.log_sum) - (c == p.label)));
    }
}

void R(cross_entropy_forward)(const sg_run *run)
{
    const R(cross_sums) *part = run->scratch;
    R(cross_sums) total = {0};
    sg_parallel(run->node->in_shape[0].n, R(cross_entropy_forward_sample), &run);
    for (int n = 0; n < run->node->in_shape[0].n; n++) total.loss += part[n].loss, total.weight += part[n].weight;
    sg_ranks_sum(run->step->ranks, &total.loss, 2);
    *(double *)run->save = total.weight;
    *(real *)run->out = total.weight != 0 ? (real)(total.loss / total.weight) : 0;
}

void R(cross_entropy_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->in_shape[0].n, R(cross_entropy_backward_sample), &run);
}

#ifdef SG_ONCE
static sg_status cross_entropy_infer(sg_node *node)
{
    const cross_entropy_attr *a = node->attr;
    const sg_shape z = node->in_shape[0], y = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "both inputs must be real");
    if (z.c < 2 || z.c > SG_CLASSES_MAX) SG_FAIL(SG_E_SHAPE, "%d classes are outside 2..%d", z.c, SG_CLASSES_MAX);
    if (!sg_shape_equal(y, SG_SHAPE(z.n, 1, z.h, z.w)))
        SG_FAIL(SG_E_SHAPE, "label is (%d,%d,%d,%d), not (%d,1,%d,%d)", y.n, y.c, y.h, y.w, z.n, z.h, z.w);
    for (int k = 0; k < z.c; k++)
        if (!(a->weight[k] >= 0 && a->weight[k] < 1e30))
            SG_FAIL(SG_E_RANGE, "weight %g of class %d is not a number >= 0", a->weight[k], k);
    node->shape = SG_SHAPE(1, 1, 1, 1);
    return SG_OK;
}

static void cross_entropy_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads, (void)real_size;
    out->save = sizeof(double);
    out->scratch = (size_t)node->in_shape[0].n * sizeof(cross_sums_f32);
}

static sg_value cross_entropy_cases(sg_graph *g, int i)
{
    static const double weight[] = {.5, 2, 0, 1};
    static const struct {
        sg_shape z;
        double lo; /* of the label: below 0, some pixels do not count */
        const double *weight;
    } list[] = {{{5, 4, 1, 1}, 0, NULL}, {{2, 3, 3, 5}, -1, NULL}, {{6, 4, 2, 1}, -1, weight}, {{1, 2, 1, 1}, 0, NULL}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    const sg_shape z = list[i].z;
    return sg_cross_entropy(g, sg_case_input(g, "logits", z, -3, 3, SG_CASE_GRAD),
                            sg_case_input(g, "label", SG_SHAPE(z.n, 1, z.h, z.w), list[i].lo, z.c - 1, SG_CASE_INTEGER),
                            list[i].weight);
}

const sg_op sg_op_cross_entropy = {
    .name = "cross_entropy",
    .formula = "sum w(y) (log sum_k exp z_k - z_y) / sum w(y) over pixels with a label",
    .infer = cross_entropy_infer,
    .workspace = cross_entropy_workspace,
    SG_REFERENCE(cross_entropy),
    .keeps_inputs = 1 | 2,
    .cases = cross_entropy_cases,
};

sg_value sg_cross_entropy(sg_graph *g, sg_value logits, sg_value label, const double *class_weight)
{
    const int classes = sg_value_shape(g, logits).c;
    cross_entropy_attr attr = {{0}};
    for (int k = 0; k < SG_CLASSES_MAX; k++) attr.weight[k] = class_weight && k < classes ? class_weight[k] : 1;
    return SG_NODE(g, &sg_op_cross_entropy, &attr, logits, label);
}
#endif
