/* run_results.c - fills results.h5 of one run. */
#include "pipeline/run_results.h"

#include "core/memory.h"
#include "pipeline/run_parts.h"
#include "pipeline/schema.h"
#include "pipeline/score_results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SG_EXAMPLES = 6 };

/* What is gathered while the test split runs by. */
typedef struct gather {
    const sg_run_summary *run;
    int count, examples; /* pictures of the split; of them kept */
    size_t sample_len, picture_len;
    sg_shape adu_shape;
    size_t adu_len;
    float *sample, *channels, *adu, *prediction, *truth;
    sg_split split;
} gather;

static sg_status gather_new(gather *g)
{
    const sg_microscope_size *size = &g->run->program->size;
    const sg_shape sample = sg_plan_shape(g->run->program->plan, "sample");
    const size_t examples = (size_t)g->examples;
    g->sample_len = (size_t)sample.h * (size_t)sample.w; /* of a measured stack: its first picture */
    g->picture_len = (size_t)size->output_px * (size_t)size->output_px;
    SG_TRY(SG_ALLOC(&g->sample, examples * g->sample_len, "results"));
    SG_TRY(SG_ALLOC(&g->channels, examples * g->picture_len * (size_t)size->channels, "results"));
    g->adu_shape = sg_plan_shape(g->run->program->plan, "adu");
    g->adu_len = sg_shape_len(g->adu_shape) / (size_t)g->adu_shape.n;
    SG_TRY(SG_ALLOC(&g->adu, examples * g->adu_len, "results"));
    SG_TRY(SG_ALLOC(&g->prediction, examples * g->picture_len, "results"));
    return SG_ALLOC(&g->truth, examples * g->picture_len, "results");
}

static void gather_free(gather *g)
{
    void *const blocks[] = {g->sample, g->channels, g->adu, g->prediction, g->truth};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) sg_free(blocks[i]);
}

static void keep(float *all, const float *one, size_t len, int index)
{
    memcpy(all + (size_t)index * len, one, len * sizeof *all);
}

static sg_status visit(void *context, const sg_view *view)
{
    gather *g = context;
    const sg_microscope_size *size = &g->run->program->size;
    const int i = view->index;
    if (i >= g->examples) return SG_OK;
    keep(g->sample, view->sample, g->sample_len, i);
    keep(g->channels, view->channels, g->picture_len * (size_t)size->channels, i);
    keep(g->adu, view->adu, g->adu_len, i);
    if (view->classes > 0) return SG_OK;
    keep(g->prediction, view->prediction, g->picture_len, i);
    keep(g->truth, view->label, g->picture_len, i);
    return SG_OK;
}

/* ---- writing the groups ---- */
/* Column `offset` (bytes into sg_log_row) of the rows that have a number there; `with` picks rows by another column. */
static sg_status write_curve(sg_results *out, const sg_log *log, const char *path, size_t offset, size_t with)
{
    double *column = NULL;
    int count = 0;
    SG_TRY(SG_ALLOC(&column, (size_t)log->count, "results"));
    for (int i = 0; i < log->count; i++) {
        const char *row = (const char *)&log->rows[i];
        double gate;
        memcpy(&gate, row + with, sizeof gate);
        if (isnan(gate)) continue;
        if (offset == offsetof(sg_log_row, step))
            column[count++] = (double)log->rows[i].step;
        else
            memcpy(&column[count++], row + offset, sizeof(double));
    }
    const sg_status status = count > 0 ? sg_results_put(out, path, &count, column) : SG_OK;
    sg_free(column);
    return status;
}

static sg_status write_curves(sg_results *out, const sg_log *log)
{
    static const struct {
        const char *path;
        size_t offset, with;
    } curves[] = {
        {"/curve/step", offsetof(sg_log_row, step), offsetof(sg_log_row, train_loss)},
        {"/curve/train_loss", offsetof(sg_log_row, train_loss), offsetof(sg_log_row, train_loss)},
        {"/curve/lr", offsetof(sg_log_row, lr), offsetof(sg_log_row, train_loss)},
        {"/curve/validation/step", offsetof(sg_log_row, step), offsetof(sg_log_row, validation_loss)},
        {"/curve/validation/loss", offsetof(sg_log_row, validation_loss), offsetof(sg_log_row, validation_loss)},
    };
    if (log == NULL) return SG_OK;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        SG_TRY(write_curve(out, log, curves[i].path, curves[i].offset, curves[i].with));
    for (size_t m = 0; m < SG_METRIC_LOGGED; m++) {
        const size_t offset = offsetof(sg_log_row, validation) + m * sizeof(double);
        char path[64];
        (void)snprintf(path, sizeof path, "/curve/validation/%s", log->task->metric[m]);
        SG_TRY(write_curve(out, log, path, offset, offset));
    }
    return SG_OK;
}

/* The positions of `count` pixels, 0 in the middle. */
static sg_status write_positions(sg_results *out, const char *path, int count, double pitch_um)
{
    double *um;
    SG_TRY(SG_ALLOC(&um, (size_t)count, path));
    for (int i = 0; i < count; i++) um[i] = (i - (count - 1) / 2.) * pitch_um;
    const sg_status status = sg_results_put(out, path, &count, um);
    sg_free(um);
    return status;
}

/* dims: N (C) Y X; pixel_um 0: not a picture of the field. */
static sg_status write_picture(sg_results *out, const char *path, const float *data, const int *dims, double pixel_um)
{
    SG_TRY(sg_results_put(out, path, dims, data));
    return pixel_um > 0 ? sg_results_attribute_number(out, path, "pixel_um", pixel_um) : SG_OK;
}

/* Detectors without pixels read (1, D) numbers, which have no place. */
static sg_status write_sensor(sg_results *out, const gather *g)
{
    const sg_microscope_size *size = &g->run->program->size;
    const sg_shape adu = g->adu_shape;
    const bool pixels = g->run->config->microscope.camera.detectors == 0;
    const double side_um = size->output_px * size->output_pitch_um;
    if (pixels) {
        SG_TRY(write_positions(out, "/axes/sensor_y_um", adu.h, side_um / adu.h));
        SG_TRY(write_positions(out, "/axes/sensor_x_um", adu.w, side_um / adu.w));
    }
    return write_picture(out, "/examples/adu", g->adu, (const int[4]){g->examples, adu.c, adu.h, adu.w},
                         pixels ? side_um / adu.w : 0);
}

static sg_status write_examples(sg_results *out, const gather *g)
{
    const sg_microscope_size *size = &g->run->program->size;
    const int n = g->examples, side = size->output_px, seen[4] = {n, size->channels, side, side};
    const double pitch = size->output_pitch_um;
    const sg_shape sample = sg_plan_shape(g->run->program->plan, "sample");
    const double fine = sample.w == size->sample_px ? g->run->config->microscope.sample.pixel_um : pitch;
    SG_TRY(write_positions(out, "/axes/sample_um", sample.w, fine));
    SG_TRY(write_positions(out, "/axes/camera_um", side, pitch));
    SG_TRY(write_picture(out, "/examples/sample", g->sample, (const int[3]){n, sample.h, sample.w}, fine));
    SG_TRY(write_picture(out, "/examples/measurement", g->channels, seen, pitch));
    SG_TRY(write_sensor(out, g));
    if (g->run->config->loss.kind == SG_LOSS_CROSS_ENTROPY) return SG_OK; /* no pictures, /metrics/per_image has them */
    SG_TRY(write_picture(out, "/examples/prediction", g->prediction, (const int[3]){n, side, side}, pitch));
    return write_picture(out, "/examples/truth", g->truth, (const int[3]){n, side, side}, pitch);
}

static sg_status write_light(sg_results *out, const sg_run_summary *run, const sg_scores *scores)
{
    const sg_illumination_config *light = &run->config->microscope.illumination;
    if (light->constraint == SG_LIGHT_DOSE) SG_TRY(sg_results_put_number(out, "/light/dose_ph", light->dose_ph));
    return sg_results_put(out, "/light/mean_electrons", &run->program->size.frames, scores->electrons);
}

static sg_status write_all(sg_results *out, const gather *g, const sg_scores *scores)
{
    const sg_run_summary *run = g->run;
    SG_TRY(sg_results_put_number(out, "/@seed", (double)run->config->train.seed));
    SG_TRY(sg_results_put_number(out, "/@dose_ph", run->config->microscope.illumination.dose_ph));
    SG_TRY(sg_results_put_number(out, "/@best_step", (double)run->best_step));
    SG_TRY(sg_results_put_text(out, "/config", run->config_text));
    SG_TRY(sg_run_provenance_write(out, run, g->split));
    SG_TRY(write_curves(out, run->log));
    SG_TRY(sg_scores_write(out, scores, run->dataset, g->split));
    SG_TRY(write_examples(out, g));
    SG_TRY(sg_run_hardware_write(out, run));
    return write_light(out, run, scores);
}

sg_status sg_run_results_save(const sg_run_summary *run, sg_split split, const char *path, sg_scores *scores)
{
    sg_scores own = {0};
    sg_results *out = NULL;
    gather g = {.run = run, .split = split, .count = sg_dataset_count(run->dataset, split)};
    g.examples = g.count < SG_EXAMPLES ? g.count : SG_EXAMPLES;
    sg_status status = gather_new(&g);
    if (status == SG_OK) status = sg_evaluate(&own, run->program, run->config, run->dataset, split, visit, &g);
    if (status == SG_OK) status = sg_scores_bootstrap(&own, run->dataset, split);
    if (status == SG_OK) status = sg_results_new(&out);
    if (status == SG_OK) status = write_all(out, &g, &own);
    if (status == SG_OK) status = sg_results_save(out, path);
    if (status == SG_OK && scores != NULL)
        *scores = own;
    else
        sg_scores_free(&own);
    sg_results_free(out);
    gather_free(&g);
    return status;
}
