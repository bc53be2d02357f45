/* dropout.c - in training a number is left out with probability p and the others are scaled by 1 / (1 - p), in
 * evaluation all pass (Srivastava et al., JMLR 2014).
 *   backward  dx += dy / (1 - p) where x passed. What passes hangs on seed, epoch, sample id, key and element alone, so
 * backward draws it again and nothing is saved. */
#include "core/parallel.h"
#include "core/rng.h"
#include "nn/ops.h"

typedef struct dropout_attr {
    double p;
    int key;
} dropout_attr;
SG_KERNELS(dropout)

typedef struct R(dropout_job) {
    const sg_run *run;
    const real *from;
    real *to;
    bool add;
} R(dropout_job);

static void R(dropout_sample)(void *context, int n, int thread)
{
    const R(dropout_job) *j = context;
    const dropout_attr *a = j->run->node->attr;
    const sg_step *step = j->run->step;
    const uint32_t id = step->sample_id ? step->sample_id[n] : (uint32_t)n;
    const sg_rng rng = sg_rng_make(step->seed, SG_RNG_DROPOUT, id, step->epoch, (uint32_t)a->key);
    const size_t len = sg_shape_len(j->run->node->shape) / (size_t)j->run->node->shape.n, at = (size_t)n * len;
    const real scale = (real)(1 / (1 - a->p));
    (void)thread;
    for (size_t i = 0; i < len; i++) {
        const bool passes = sg_rng_uniform(&rng, (uint32_t)i, 0) >= a->p;
        j->to[at + i] = (j->add ? j->to[at + i] : 0) + (passes ? scale * j->from[at + i] : 0);
    }
}

static void R(dropout_move)(const sg_run *run, const real *from, real *to, bool add)
{
    R(dropout_job) job = {run, from, to, add};
    const size_t len = sg_shape_len(run->node->shape);
    if (run->step->training)
        sg_parallel(run->node->shape.n, R(dropout_sample), &job);
    else
        for (size_t i = 0; i < len; i++) to[i] = (add ? to[i] : 0) + from[i];
}

void R(dropout_forward)(const sg_run *run)
{
    R(dropout_move)(run, run->in[0], run->out, false);
}

void R(dropout_backward)(const sg_run *run)
{
    if (run->din[0]) R(dropout_move)(run, run->dout, run->din[0], true);
}

#ifdef SG_ONCE
static sg_status dropout_infer(sg_node *node)
{
    const dropout_attr *a = node->attr;
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the input must be real");
    if (!(a->p >= 0 && a->p < 1)) SG_FAIL(SG_E_RANGE, "p %g is outside 0 <= p < 1", a->p);
    if (a->key < 0 || a->key > 15) SG_FAIL(SG_E_RANGE, "key %d is outside 0..15", a->key);
    node->shape = node->in_shape[0];
    return SG_OK;
}

static sg_value dropout_cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x;
        double p;
        int key;
    } list[] = {{{2, 3, 4, 5}, .5, 0}, {{3, 7, 1, 1}, .2, 3}, {{1, 2, 3, 3}, 0, 1}};
    if (i >= (int)(sizeof list / sizeof list[0])) return SG_NONE;
    return sg_dropout(g, sg_case_input(g, "x", list[i].x, -1, 1, SG_CASE_GRAD), list[i].p, list[i].key);
}

const sg_op sg_op_dropout = {
    .name = "dropout",
    .formula = "training: y = x / (1 - p) with probability 1 - p, else 0; evaluation: y = x",
    .infer = dropout_infer,
    SG_REFERENCE(dropout),
    .linear = true,
    .cases = dropout_cases,
};

sg_value sg_dropout(sg_graph *g, sg_value x, double p, int key)
{
    const dropout_attr attr = {p, key};
    return SG_NODE(g, &sg_op_dropout, &attr, x);
}
#endif
