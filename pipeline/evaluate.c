/* evaluate.c - runs a split through a program, batch by batch. */
#include "pipeline/evaluate.h"

#include "core/memory.h"
#include "pipeline/overlap_label.h"

#include <math.h>
#include <string.h>

/* What one evaluation works with. */
typedef struct pass {
    const sg_program *program;
    const sg_config *config;
    const sg_dataset *dataset;
    sg_split split;
    int count, batch, side;                   /* pictures; of a batch; side of a label */
    size_t sample_len, label_len, logits_len; /* of one picture */
    int32_t *instances;                       /* (batch, c, c); NULL for labels of one number */
    float *own_label;                         /* (batch, c, c): of each picture's own field of view */
    int32_t *own_instances;                   /* (batch, c, c) */
    uint32_t *ids;                            /* (batch) */
    float *prediction;                        /* (logits_len) */
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
                               sample + (size_t)b * p->sample_len, p->own_label + at,
                               p->instances != NULL ? p->own_instances + at : NULL));
    }
    const int fields = p->config->microscope.camera.overlap_fields;
    sg_overlap_label(label, p->own_label, p->batch, p->side, fields);
    if (p->instances != NULL) sg_overlap_instances(p->instances, p->own_instances, p->batch, p->side, fields);
    for (int b = 0; b < p->batch; b++)
        for (size_t i = 0; first + b >= p->count && i < p->label_len; i++) label[(size_t)b * p->label_len + i] = -1;
    const sg_step step = {p->config->train.seed, 0, p->ids, false};
    sg_plan_step_set(p->program->plan, &step);
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

/* Picture b of what the plan holds under a name, numbers of a whole batch. */
static const float *part_of(const sg_plan *plan, const char *name, const float *all, int b)
{
    const sg_shape shape = sg_plan_shape(plan, name);
    return all + (size_t)b * (sg_shape_len(shape) / (size_t)shape.n);
}

/* Picture b of the batch that has just run; its prediction is made on the way. */
static sg_view view_of(const pass *p, int first, int b)
{
    const sg_plan *plan = p->program->plan;
    const float *logits = part_of(plan, "logits", sg_plan_output(plan, "logits"), b);
    p->scores->task->predict(p->prediction, logits, p->logits_len);
    return (sg_view){.index = first + b,
                     .sample = part_of(plan, "sample", sg_plan_input(plan, "sample"), b),
                     .adu = part_of(plan, "adu", sg_plan_output(plan, "adu"), b),
                     .channels = part_of(plan, "channels", sg_plan_output(plan, "channels"), b),
                     .logits = logits,
                     .prediction = p->prediction,
                     .label = part_of(plan, "label", sg_plan_input(plan, "label"), b),
                     .instances = p->instances != NULL ? p->instances + (size_t)b * p->label_len : NULL,
                     .side = p->side,
                     .classes = p->scores->classes};
}

static sg_status score_batch(pass *p, int first, sg_visitor visit, void *context)
{
    const sg_shape adu = sg_plan_shape(p->program->plan, "adu");
    const double gain_e_per_adu = gain_now(p->program, p->config);
    for (int b = 0; b < p->batch && first + b < p->count; b++) {
        const sg_view view = view_of(p, first, b);
        SG_TRY(p->scores->task->score(p->scores->row + (size_t)view.index * (size_t)p->scores->row_len, &view));
        add_electrons(p, view.adu, adu, gain_e_per_adu);
        if (visit != NULL) SG_TRY(visit(context, &view));
    }
    return SG_OK;
}

static sg_status make_room(pass *p)
{
    const size_t labels = (size_t)p->batch * p->label_len;
    SG_TRY(SG_ALLOC(&p->scores->row, (size_t)p->count * (size_t)p->scores->row_len, "evaluate"));
    SG_TRY(SG_ALLOC(&p->own_label, labels, "evaluate"));
    SG_TRY(SG_ALLOC(&p->ids, (size_t)p->batch, "evaluate"));
    SG_TRY(SG_ALLOC(&p->prediction, p->logits_len, "evaluate"));
    if (p->scores->classes > 0) return SG_OK;
    SG_TRY(SG_ALLOC(&p->instances, labels, "evaluate"));
    return SG_ALLOC(&p->own_instances, labels, "evaluate");
}

static sg_status run(pass *p, sg_visitor visit, void *context)
{
    sg_scores *scores = p->scores;
    SG_TRY(make_room(p));
    for (int first = 0; first < p->count; first += p->batch) {
        const int here = p->count - first < p->batch ? p->count - first : p->batch;
        SG_TRY(load_batch(p, first));
        SG_TRY(sg_plan_forward(p->program->plan));
        scores->loss += sg_plan_loss(p->program->plan) * here / p->count;
        SG_TRY(score_batch(p, first, visit, context));
    }
    if (scores->task->finish != NULL) SG_TRY(scores->task->finish(scores, p->config->found.class_weight));
    scores->task->measure(scores->metric, scores, NULL);
    return SG_OK;
}

static sg_scores scores_begin(const sg_config *config, int count, sg_shape logits)
{
    const sg_task *task = sg_task_of(config);
    sg_scores s = {.task = task, .count = count, .classes = task == &sg_task_classify ? logits.c : 0};
    s.row_len = task->row_len + s.classes;
    for (int m = 0; m < SG_METRIC_MAX; m++) s.metric[m] = s.interval[m][0] = s.interval[m][1] = NAN;
    return s;
}

sg_status sg_evaluate(sg_scores *out, const sg_program *program, const sg_config *config, const sg_dataset *dataset,
                      sg_split split, sg_visitor visit, void *context)
{
    const sg_plan *plan = program->plan;
    const sg_shape sample = sg_plan_shape(plan, "sample"), label = sg_plan_shape(plan, "label"),
                   logits = sg_plan_shape(plan, "logits");
    pass p = {.program = program,
              .config = config,
              .dataset = dataset,
              .split = split,
              .count = sg_dataset_count(dataset, split),
              .batch = program->batch,
              .side = label.h,
              .sample_len = sg_shape_len(sample) / (size_t)sample.n,
              .label_len = sg_shape_len(label) / (size_t)label.n,
              .logits_len = sg_shape_len(logits) / (size_t)logits.n,
              .scores = out};
    *out = scores_begin(config, p.count, logits);
    if (p.count < 1) SG_FAIL(SG_E_CONFIG, "dataset: the %s split holds no picture", sg_split_name(split));
    const sg_status status = run(&p, visit, context);
    sg_free(p.instances);
    sg_free(p.own_label);
    sg_free(p.own_instances);
    sg_free(p.ids);
    sg_free(p.prediction);
    return status;
}
