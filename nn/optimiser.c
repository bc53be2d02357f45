/* optimiser.c - SGD with momentum, Adam, AdamW: one pass over each parameter, in fixed blocks. PyTorch's conventions:
 *   SGD    g += decay p;  m = momentum m + g;  p -= lr m
 *   Adam   g += decay p;  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p -= lr / (1-b1^t) m / (sqrt(v / (1-b2^t)) +
 * eps) AdamW  p -= lr decay p first, no decay in g decay is weight_decay where the parameter's spec asks for it.
 * clip_norm scales the network's gradients (those of parameters without a rate of their own) to a total norm of at most
 * clip_norm. */
#include "nn/optimiser.h"

#include "core/parallel.h"
#include "core/real.h"

#include <math.h>

/* One parameter's step: everything that is constant over its numbers. */
typedef struct job {
    float *value, *moment1, *moment2;
    const float *grad;
    size_t len;
    sg_optimiser_kind kind;
    float scale;                                        /* of the gradient: clipping */
    float lr, step_size;                                /* Adam: step_size = lr / (1 - b1^t) */
    float decay, momentum, beta1, beta2, root, epsilon; /* root = 1 / sqrt(1 - b2^t) */
} job;

SG_SIMD static void sgd_block(const job *j, size_t begin, size_t end)
{
    float *restrict p = j->value, *restrict m = j->moment1;
    const float *restrict g = j->grad;
    const float scale = j->scale, decay = j->decay, momentum = j->momentum, lr = j->lr;
    for (size_t i = begin; i < end; i++) {
        m[i] = momentum * m[i] + (scale * g[i] + decay * p[i]);
        p[i] -= lr * m[i];
    }
}

SG_SIMD static void adam_block(const job *j, size_t begin, size_t end)
{
    float *restrict p = j->value, *restrict m = j->moment1, *restrict v = j->moment2;
    const float *restrict g = j->grad;
    const float scale = j->scale, beta1 = j->beta1, beta2 = j->beta2, root = j->root, epsilon = j->epsilon;
    const float into_grad = j->kind == SG_OPTIMISER_ADAM ? j->decay : 0;
    const float keep = j->kind == SG_OPTIMISER_ADAMW ? 1 - j->lr * j->decay : 1, step_size = j->step_size;
    for (size_t i = begin; i < end; i++) {
        const float d = scale * g[i] + into_grad * p[i];
        m[i] = beta1 * m[i] + (1 - beta1) * d;
        v[i] = beta2 * v[i] + (1 - beta2) * (d * d);
        p[i] = keep * p[i] - step_size * (m[i] / (sqrtf(v[i]) * root + epsilon));
    }
}

static void job_slice(void *context, int slice, int thread)
{
    const job *j = context;
    (void)thread;
    (j->kind == SG_OPTIMISER_SGD ? sgd_block : adam_block)(j, sg_block_begin(slice), sg_block_end(slice, j->len));
}

/* The gradient that the optimiser follows; NULL for what it leaves alone. */
static const float *gradient(const sg_plan *plan, const sg_param_info *param)
{
    return param->spec.frozen || param->spec.state ? NULL : sg_plan_param_grad(plan, param->name);
}

/* min(1, clip_norm / |g|) over the network. */
static double clip_scale(sg_model *model, const sg_plan *plan, double clip_norm)
{
    double squares = 0;
    if (!(clip_norm > 0)) return 1;
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *param = sg_model_at(model, i);
        const float *grad = gradient(plan, param);
        if (grad && !(param->spec.lr > 0)) squares += sg_dot_f32(grad, grad, param->len);
    }
    return squares > clip_norm * clip_norm ? clip_norm / sqrt(squares) : 1;
}

static sg_status check(const sg_optimiser_config *c)
{
    if (!(c->lr >= 0)) SG_FAIL(SG_E_RANGE, "optimiser: lr %g is below 0", c->lr);
    if (!(c->momentum >= 0 && c->momentum < 1))
        SG_FAIL(SG_E_RANGE, "optimiser: momentum %g is outside 0 <= m < 1", c->momentum);
    if (!(c->weight_decay >= 0)) SG_FAIL(SG_E_RANGE, "optimiser: weight_decay %g is below 0", c->weight_decay);
    if (!(c->clip_norm >= 0)) SG_FAIL(SG_E_RANGE, "optimiser: clip_norm %g is below 0", c->clip_norm);
    if (c->kind == SG_OPTIMISER_SGD) return SG_OK;
    if (!(c->beta1 >= 0 && c->beta1 < 1)) SG_FAIL(SG_E_RANGE, "optimiser: beta1 %g is outside 0 <= b < 1", c->beta1);
    if (!(c->beta2 >= 0 && c->beta2 < 1)) SG_FAIL(SG_E_RANGE, "optimiser: beta2 %g is outside 0 <= b < 1", c->beta2);
    if (!(c->epsilon > 0)) SG_FAIL(SG_E_RANGE, "optimiser: epsilon %g is not above 0", c->epsilon);
    return SG_OK;
}

/* t: this step, from 1. */
static job job_make(const sg_optimiser_config *c, const sg_param_info *param, double factor, double t)
{
    const double lr = factor * (param->spec.lr > 0 ? param->spec.lr : c->lr);
    return (job){
        .value = param->value,
        .moment1 = param->moment1,
        .moment2 = param->moment2,
        .len = param->len,
        .kind = c->kind,
        .lr = (float)lr,
        .step_size = (float)(lr / (1 - pow(c->beta1, t))),
        .decay = param->spec.decay ? (float)c->weight_decay : 0,
        .momentum = (float)c->momentum,
        .beta1 = (float)c->beta1,
        .beta2 = (float)c->beta2,
        .root = (float)(1 / sqrt(1 - pow(c->beta2, t))),
        .epsilon = (float)c->epsilon,
    };
}

sg_status sg_optimiser_step(sg_model *model, const sg_plan *plan, const sg_optimiser_config *config, double factor)
{
    SG_TRY(check(config));
    const double clip = clip_scale(model, plan, config->clip_norm);
    const double t = (double)(sg_model_steps(model) + 1);
    for (int i = 0; i < sg_model_count(model); i++) {
        sg_param_info *param = sg_model_at(model, i);
        job j = job_make(config, param, factor, t);
        j.grad = gradient(plan, param);
        j.scale = param->spec.lr > 0 ? 1 : (float)clip;
        if (!j.grad) continue;
        sg_parallel(sg_blocks(param->len), job_slice, &j);
        if (param->spec.constraint != SG_FREE)
            sg_constraint_project(param->value, param->shape, param->spec.constraint, param->spec.lo, param->spec.hi);
    }
    sg_model_steps_set(model, sg_model_steps(model) + 1);
    return SG_OK;
}
