/* simulation.c - see simulation.h. Camera values and electrons come from one plan, so from the same random numbers. */
#include "pipeline/simulation.h"

#include "core/memory.h"
#include "core/plan.h"
#include "physics/microscope.h"

#include <math.h>
#include <string.h>

sg_status sg_simulation_open(sg_simulation *out, const sg_config *config)
{
    *out = (sg_simulation){.config = config};
    if (config->microscope.sample.kind == SG_SAMPLE_STACK)
        SG_FAIL(SG_E_CONFIG, "sample.kind: a measured stack is its own simulation");
    SG_TRY(sg_microscope_check(&out->size, &config->microscope));
    return sg_model_new(&out->model, config->train.seed);
}

static void forget(sg_simulation *s)
{
    for (int i = 0; i < s->count; i++) sg_free(s->list[i].data);
    s->count = 0;
}

void sg_simulation_free(sg_simulation *s)
{
    forget(s);
    sg_model_free(s->model);
    *s = (sg_simulation){0};
}

sg_shape sg_simulation_shape(const sg_simulation *s, sg_entry_stage entry)
{
    return sg_entry_shape(&s->size, entry, 1);
}

const sg_stage_picture *sg_simulation_stage(const sg_simulation *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->list[i].name, name) == 0) return &s->list[i];
    return NULL;
}

static sg_status add(sg_simulation *s, const sg_stage *stage, sg_shape shape, const float **from, float **to)
{
    sg_stage_picture *p = &s->list[s->count];
    *p = (sg_stage_picture){stage->name, stage->unit, stage->long_name, stage->pixel_um,
                            shape.c,     shape.h,     shape.w,          NULL};
    SG_TRY(SG_ALLOC(&p->data, sg_shape_len(shape), "stages of the microscope"));
    s->count++;
    *to = p->data;
    if (*from) memcpy(p->data, *from, sg_shape_len(shape) * sizeof **from);
    return SG_OK;
}

/* Transmission as amplitude and phase: nobody plots real and imaginary parts. */
static sg_status add_complex(sg_simulation *s, const sg_stage *stage, sg_shape shape, const float *t)
{
    const sg_stage parts[2] = {{"amplitude", "1", "amplitude of the transmission", stage->pixel_um, SG_NONE},
                               {"phase", "rad", "phase of the transmission", stage->pixel_um, SG_NONE}};
    const float *none = NULL;
    for (int part = 0; part < 2; part++) {
        float *to;
        SG_TRY(add(s, &parts[part], shape, &none, &to));
        for (size_t i = 0; i < sg_shape_len(shape); i++)
            to[i] = part == 0 ? hypotf(t[2 * i], t[2 * i + 1]) : atan2f(t[2 * i + 1], t[2 * i]);
    }
    return SG_OK;
}

/* A point spread function is computed around the corner; people look at it around the middle. */
static void centre(sg_stage_picture *p, const float *corner)
{
    for (int i = 0; i < p->c * p->h * p->w; i++) {
        const int x = i % p->w, y = i / p->w % p->h, c = i / p->w / p->h;
        const int to_x = (x + p->w / 2) % p->w, to_y = (y + p->h / 2) % p->h;
        p->data[((size_t)c * (size_t)p->h + (size_t)to_y) * (size_t)p->w + (size_t)to_x] = corner[i];
    }
}

/* The stage `to`, or an error that lists what there is. */
static sg_status find_last(int *last, const sg_microscope_stages *stages, const char *to)
{
    char have[256] = "";
    *last = stages->count - 1;
    for (int i = 0; i < stages->count; i++) {
        const size_t used = strlen(have);
        if (to != NULL && strcmp(stages->list[i].name, to) == 0) *last = i;
        (void)snprintf(have + used, sizeof have - used, "%s%s", i ? ", " : "", stages->list[i].name);
    }
    if (to != NULL && (*last < 0 || strcmp(stages->list[*last].name, to) != 0))
        SG_FAIL(SG_E_USAGE, "--to %s: this microscope has the stages %s", to, have);
    return SG_OK;
}

static sg_status keep(sg_simulation *s, const sg_graph *g, const sg_plan *plan, const sg_microscope_stages *stages,
                      int last, const float *in)
{
    for (int i = 0; i <= last; i++) {
        const sg_stage *stage = &stages->list[i];
        const sg_shape shape = sg_value_shape(g, stage->value);
        const float *data = i == 0 ? in : sg_plan_output(plan, stage->name);
        float *to;
        if (sg_value_complex(g, stage->value))
            SG_TRY(add_complex(s, stage, shape, data));
        else
            SG_TRY(add(s, stage, shape, &data, &to));
        if (strcmp(stage->name, "psf") == 0) centre(&s->list[s->count - 1], data);
    }
    return SG_OK;
}

sg_status sg_simulation_run(sg_simulation *s, const float *in, sg_simulation_part part, uint32_t sample_id)
{
    const sg_step step = {s->config->train.seed, 0, &sample_id, false};
    const sg_plan_options options = {0};
    const sg_shape shape = sg_simulation_shape(s, part.from);
    sg_microscope_stages stages;
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    int last = 0;
    sg_status status;
    const sg_value value = sg_input(g, "in", shape);
    (void)sg_microscope_from(g, part.from, value, &s->config->microscope, true, &stages);
    forget(s);
    if (stages.count > 0) SG_TRY_DONE(find_last(&last, &stages, part.to)); /* 0: sg_plan_make says why */
    for (int i = 1; i <= last; i++) sg_output(g, stages.list[i].name, stages.list[i].value);
    SG_TRY_DONE(sg_plan_make(&plan, g, s->model, stages.count > 0 ? stages.list[last].value : SG_NONE, &options));
    memcpy(sg_plan_input(plan, "in"), in, sg_shape_len(shape) * sizeof *in);
    sg_plan_step_set(plan, &step);
    SG_TRY_DONE(sg_plan_forward(plan));
    SG_TRY_DONE(keep(s, g, plan, &stages, last, in));
done:
    sg_plan_free(plan);
    sg_graph_free(g);
    return status;
}
