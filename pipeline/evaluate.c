/* evaluate.c - runs a split through a program, batch by batch. */
#include "pipeline/evaluate.h"

#include "core/memory.h"
#include "pipeline/metrics.h"
#include "pipeline/overlap_label.h"

#include <math.h>
#include <string.h>

/* What one evaluation works with. */
typedef struct pass {
    const sg_program *program;
    const sg_config *config;
    const sg_dataset *dataset;
    sg_split split;
    int count, batch;
    size_t sample_len, label_len; /* of one picture */
    int32_t *instances;           /* (batch, c, c) */
    float *own_label;             /* (batch, c, c): of each picture's own field of view */
    int32_t *own_instances;       /* (batch, c, c) */
    uint32_t *ids;                /* (batch) */
    float *prediction;            /* (c, c) */
    sg_overlap pooled;
    sg_scores *scores;
} pass;

/* Pictures first .. first+batch-1; places past the end begin again, with labels that are not counted: with overlapped
 * fields they are neighbours of others. */
static sg_status load_batch(pass *p, int first)
{
    float *sample = sg_plan_input(p->program->plan, "sample"), *label = sg_plan_input(p->program->plan, "label");
    for (int b = 0; b < p->batch; b++) {
        const int index = (first + b) % p->count;
        const size_t at = (size_t)b * p->label_len;
        p->ids[b] = sg_dataset_id(p->dataset, p->split, index);
        SG_TRY(sg_dataset_item(p->dataset, p->split, index, p->config->train.seed, -1,
                               sample + (size_t)b * p->sample_len, p->own_label + at, p->own_instances + at));
    }
    const int side = p->program->size.output_px, fields = p->config->microscope.camera.overlap_fields;
    sg_overlap_label(label, p->own_label, p->batch, side, fields);
    sg_overlap_instances(p->instances, p->own_instances, p->batch, side, fields);
    for (int b = 0; b < p->batch; b++)
        for (size_t i = 0; first + b >= p->count && i < p->label_len; i++) label[(size_t)b * p->label_len + i] = -1;
    const sg_step step = {p->config->train.seed, 0, p->ids, false};
    sg_plan_step_set(p->program->plan, &step);
    return SG_OK;
}

static void predict(const pass *p, const float *logits)
{
    const bool probability = p->config->loss.kind == SG_LOSS_DICE_BCE;
    for (size_t i = 0; i < p->label_len; i++)
        p->prediction[i] = probability ? (float)(1 / (1 + exp(-(double)logits[i]))) : logits[i];
}

/* Scores of the picture that p->prediction is for. */
static sg_status score(pass *p, sg_view *view)
{
    const int side = p->program->size.output_px;
    view->dice = view->ap50 = view->mse = NAN;
    if (p->config->loss.kind == SG_LOSS_MSE) {
        view->mse = sg_mean_square_error(view->prediction, view->label, p->label_len);
        return SG_OK;
    }
    sg_overlap overlap = {0};
    sg_matches matches = {0};
    sg_overlap_add(&overlap, view->prediction, view->label, p->label_len, .5);
    sg_overlap_add(&p->pooled, view->prediction, view->label, p->label_len, .5);
    SG_TRY(sg_matches_add(&matches, view->prediction, view->instances, side, side, .5));
    view->dice = sg_overlap_dice(&overlap);
    view->ap50 = sg_matches_ap(&matches);
    return SG_OK;
}

/* adu (frames, h, w), of one picture */
static void add_electrons(pass *p, const float *adu, sg_shape shape, double gain_e_per_adu)
{
    const float *learned = sg_plan_param(p->program->plan, "camera.adc.offset_adu");
    const double offset = learned ? (double)*learned : p->config->microscope.camera.offset_adu;
    const size_t len = (size_t)shape.h * (size_t)shape.w;
    for (int e = 0; e < shape.c; e++) {
        double sum = 0;
        for (size_t i = 0; i < len; i++) sum += (double)adu[(size_t)e * len + i] - offset;
        p->scores->electrons[e] += sum / (double)len * gain_e_per_adu / p->count;
    }
}

/* Photoelectrons per ADU of the model as it is; without ADC per electron. */
static double gain_now(const sg_program *program, const sg_config *config)
{
    const float *range = sg_plan_param(program->plan, "camera.adc.range_e");
    const int bits = config->microscope.camera.bit_depth;
    const double em = config->microscope.camera.em_gain > 0 ? config->microscope.camera.em_gain : 1;
    return (range != NULL && bits > 0 ? (double)*range / (double)((1 << bits) - 1) : 1) / em;
}

static sg_status score_batch(pass *p, int first, sg_visitor visit, void *context)
{
    const sg_plan *plan = p->program->plan;
    const size_t len = p->label_len;
    const float *sample = sg_plan_input(plan, "sample"), *label = sg_plan_input(plan, "label");
    const float *logits = sg_plan_output(plan, "logits"), *adu = sg_plan_output(plan, "adu");
    const float *channels = sg_plan_output(plan, "channels");
    const sg_shape adu_shape = sg_plan_shape(plan, "adu");
    const size_t adu_len = sg_shape_len(adu_shape) / (size_t)adu_shape.n,
                 channels_len = len * (size_t)p->program->size.channels;
    for (int b = 0; b < p->batch && first + b < p->count; b++) {
        const size_t at = (size_t)b;
        predict(p, logits + at * len);
        sg_view view = {first + b,
                        sample + at * p->sample_len,
                        adu + at * adu_len,
                        channels + at * channels_len,
                        p->prediction,
                        label + at * len,
                        p->instances + at * len,
                        0,
                        0,
                        0};
        SG_TRY(score(p, &view));
        add_electrons(p, view.adu, adu_shape, gain_now(p->program, p->config));
        p->scores->dice += view.dice / p->count;
        p->scores->ap50 += view.ap50 / p->count;
        p->scores->mse += view.mse / p->count;
        if (visit != NULL) SG_TRY(visit(context, &view));
    }
    return SG_OK;
}

static sg_status run(pass *p, sg_visitor visit, void *context)
{
    SG_TRY(SG_ALLOC(&p->instances, (size_t)p->batch * p->label_len, "evaluate"));
    SG_TRY(SG_ALLOC(&p->own_label, (size_t)p->batch * p->label_len, "evaluate"));
    SG_TRY(SG_ALLOC(&p->own_instances, (size_t)p->batch * p->label_len, "evaluate"));
    SG_TRY(SG_ALLOC(&p->ids, (size_t)p->batch, "evaluate"));
    SG_TRY(SG_ALLOC(&p->prediction, p->label_len, "evaluate"));
    for (int first = 0; first < p->count; first += p->batch) {
        const int here = p->count - first < p->batch ? p->count - first : p->batch;
        SG_TRY(load_batch(p, first));
        SG_TRY(sg_plan_forward(p->program->plan));
        p->scores->loss += sg_plan_loss(p->program->plan) * here / p->count;
        SG_TRY(score_batch(p, first, visit, context));
    }
    /* mse cannot leave out the places past the end, since every number is a label: the pictures alone make the loss */
    if (p->config->loss.kind == SG_LOSS_MSE) p->scores->loss = p->scores->mse;
    p->scores->dice_pooled = p->config->loss.kind == SG_LOSS_MSE ? (double)NAN : sg_overlap_dice(&p->pooled);
    return SG_OK;
}

sg_status sg_evaluate(sg_scores *out, const sg_program *program, const sg_config *config, const sg_dataset *dataset,
                      sg_split split, sg_visitor visit, void *context)
{
    const sg_shape sample = sg_plan_shape(program->plan, "sample"), label = sg_plan_shape(program->plan, "label");
    pass p = {.program = program,
              .config = config,
              .dataset = dataset,
              .split = split,
              .batch = program->batch,
              .scores = out};
    memset(out, 0, sizeof *out);
    p.count = sg_dataset_count(dataset, split);
    p.sample_len = sg_shape_len(sample) / (size_t)sample.n;
    p.label_len = sg_shape_len(label) / (size_t)label.n;
    if (p.count < 1) SG_FAIL(SG_E_CONFIG, "dataset: the %s split holds no picture", sg_split_name(split));
    const sg_status status = run(&p, visit, context);
    sg_free(p.instances);
    sg_free(p.own_label);
    sg_free(p.own_instances);
    sg_free(p.ids);
    sg_free(p.prediction);
    return status;
}

double sg_scores_rank(const sg_scores *scores, const sg_config *config)
{
    return config->loss.kind == SG_LOSS_MSE ? -scores->mse : scores->dice;
}
