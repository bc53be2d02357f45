/* model.c - the parameters, by name. */
#include "core/model.h"

#include "core/memory.h"
#include "core/normal_lanes.h"
#include "core/parallel.h"
#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sg_model {
    uint64_t seed;
    int64_t steps;
    int count, capacity;
    sg_param_info **params; /* each allocated alone, so that pointers stay valid */
};

sg_status sg_model_new(sg_model **out, uint64_t seed)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) SG_FAIL(SG_E_MEMORY, "model: out of memory");
    (*out)->seed = seed;
    return SG_OK;
}

static void param_free(sg_param_info *p)
{
    if (p == NULL) return;
    sg_free(p->value);
    sg_free(p->moment1);
    sg_free(p->moment2);
    free(p);
}

void sg_model_free(sg_model *model)
{
    if (model == NULL) return;
    for (int i = 0; i < model->count; i++) param_free(model->params[i]);
    free(model->params);
    free(model);
}

int sg_model_count(const sg_model *model)
{
    return model->count;
}

sg_param_info *sg_model_at(const sg_model *model, int index)
{
    return index >= 0 && index < model->count ? model->params[index] : NULL;
}

sg_param_info *sg_model_find(const sg_model *model, const char *name)
{
    for (int i = 0; i < model->count; i++)
        if (strcmp(model->params[i]->name, name) == 0) return model->params[i];
    return NULL;
}

int64_t sg_model_steps(const sg_model *model)
{
    return model->steps;
}

void sg_model_steps_set(sg_model *model, int64_t steps)
{
    model->steps = steps;
}

/* value = mean + deviation z: the numbers of sg_rng_normal, but for the rounding of float (core/normal_lanes.h). A large
 * network has millions, and they are made before its first step: vector code, in blocks. */
typedef struct normal_work {
    sg_param_info *param;
    sg_rng rng;
    float mean, deviation;
} normal_work;

SG_SIMD static void normal_span(const normal_work *work, size_t begin, size_t end)
{
    for (size_t first = begin; first < end; first += SG_LANES) {
        uint32_t words[4][SG_LANES];
        float *out = work->param->value + first;
        const size_t count = end - first < SG_LANES ? end - first : SG_LANES;
        sg_philox_lanes(&work->rng, (uint32_t)first, 0, words);
        for (size_t lane = 0; lane < count; lane++) {
            float c, s;
            sg_lane_turn_f32(words[1][lane], &c, &s);
            out[lane] = work->mean + work->deviation * (sg_lane_radius_f32(words[0][lane]) * c);
        }
    }
}

static void normal_block(void *context, int block, int thread)
{
    const normal_work *work = context;
    (void)thread;
    normal_span(work, sg_block_begin(block), sg_block_end(block, work->param->len));
}

/* One stream of random numbers per name: what else the model holds does not matter. */
static void init_values(sg_param_info *p, uint64_t seed, const sg_param_spec *spec)
{
    const sg_rng rng = sg_rng_make(seed ^ sg_rng_hash(p->name), SG_RNG_INIT, 0, 0, 0);
    double sum = 0;
    if (spec->init == SG_INIT_NORMAL) {
        normal_work work = {p, rng, (float)spec->init_a, (float)spec->init_b};
        sg_parallel(sg_blocks(p->len), normal_block, &work);
    }
    for (size_t i = 0; spec->init != SG_INIT_NORMAL && i < p->len; i++) {
        double v = spec->init_a;
        if (spec->init == SG_INIT_VALUES) v = spec->values[i];
        if (spec->init == SG_INIT_VALUES && spec->init_b > 0)
            v *= 1 + spec->init_b * (2 * sg_rng_uniform(&rng, (uint32_t)i, 0) - 1);
        if (spec->init == SG_INIT_UNIFORM) v += (spec->init_b - spec->init_a) * sg_rng_uniform(&rng, (uint32_t)i, 0);
        if (spec->init == SG_INIT_SHARES) v = sg_rng_uniform(&rng, (uint32_t)i, 0);
        p->value[i] = (float)v;
        sum += v;
    }
    for (size_t i = 0; spec->init == SG_INIT_SHARES && i < p->len; i++)
        p->value[i] = (float)((double)p->value[i] * spec->hi / sum); /* sum > 0: all are */
    sg_constraint_project(p->value, p->shape, spec->constraint, spec->lo, spec->hi);
}

static sg_status param_new(sg_param_info **out, const char *name, sg_shape shape, const sg_param_spec *spec)
{
    sg_param_info *p = calloc(1, sizeof *p);
    *out = p;
    if (p == NULL) SG_FAIL(SG_E_MEMORY, "%s: out of memory", name);
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    p->shape = shape;
    p->len = sg_shape_len(shape);
    p->spec = *spec;
    p->spec.values = NULL;
    (void)snprintf(p->unit, sizeof p->unit, "%s", spec->unit != NULL ? spec->unit : "1");
    p->spec.unit = p->unit;
    SG_TRY(SG_ALLOC(&p->value, p->len, name));
    SG_TRY(SG_ALLOC(&p->moment1, p->len, name));
    return SG_ALLOC(&p->moment2, p->len, name);
}

sg_status sg_model_param(sg_param_info **out, sg_model *model, const char *name, sg_shape shape,
                         const sg_param_spec *spec)
{
    *out = sg_model_find(model, name);
    if (*out != NULL) {
        const sg_shape s = (*out)->shape;
        if (!sg_shape_equal(s, shape))
            SG_FAIL(SG_E_SHAPE, "%s: the model holds (%d, %d, %d, %d), the network wants (%d, %d, %d, %d)", name, s.n,
                    s.c, s.h, s.w, shape.n, shape.c, shape.h, shape.w);
        return SG_OK;
    }
    if (model->count == model->capacity) {
        const int capacity = model->capacity > 0 ? 2 * model->capacity : 64;
        sg_param_info **grown = realloc(model->params, (size_t)capacity * sizeof(sg_param_info *));
        if (grown == NULL) SG_FAIL(SG_E_MEMORY, "%s: out of memory", name);
        model->params = grown;
        model->capacity = capacity;
    }
    sg_param_info *p;
    const sg_status status = param_new(&p, name, shape, spec);
    if (status != SG_OK) {
        param_free(p);
        return status;
    }
    init_values(p, model->seed, spec);
    model->params[model->count++] = p;
    *out = p;
    return SG_OK;
}
