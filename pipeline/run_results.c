/* run_results.c - fills results.h5 of one run. */
#include "pipeline/run_results.h"

#include "core/memory.h"
#include "physics/led_array.h"
#include "pipeline/light.h"
#include "pipeline/metrics.h"
#include "pipeline/results.h"

#include <math.h>
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
    double *dice, *ap50, *mse;
    const char **names;
    float *sample, *channels, *adu, *prediction, *truth;
    sg_split split;
} gather;

static sg_status gather_new(gather *g)
{
    const sg_microscope_size *size = &g->run->program->size;
    const sg_shape sample = sg_plan_shape(g->run->program->plan, "sample");
    const size_t count = (size_t)g->count, examples = (size_t)g->examples;
    g->sample_len = (size_t)sample.h * (size_t)sample.w; /* of a measured stack: its first picture */
    g->picture_len = (size_t)size->output_px * (size_t)size->output_px;
    SG_TRY(SG_ALLOC(&g->dice, count, "results"));
    SG_TRY(SG_ALLOC(&g->ap50, count, "results"));
    SG_TRY(SG_ALLOC(&g->mse, count, "results"));
    SG_TRY(SG_ALLOC(&g->names, count, "results"));
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
    void *const blocks[] = {g->dice,     g->ap50, g->mse,        g->names, g->sample,
                            g->channels, g->adu,  g->prediction, g->truth};
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
    g->names[i] = sg_dataset_name(g->run->dataset, g->split, i);
    g->dice[i] = view->dice;
    g->ap50[i] = view->ap50;
    g->mse[i] = view->mse;
    if (i >= g->examples) return SG_OK;
    keep(g->sample, view->sample, g->sample_len, i);
    keep(g->channels, view->channels, g->picture_len * (size_t)size->channels, i);
    keep(g->adu, view->adu, g->adu_len, i);
    keep(g->prediction, view->prediction, g->picture_len, i);
    keep(g->truth, view->label, g->picture_len, i);
    return SG_OK;
}

/* ---- writing the groups ---- */
static sg_status scalar_unless_nan(sg_results *out, const char *path, double value, const char *unit,
                                   const char *long_name)
{
    return isnan(value) ? SG_OK : sg_results_scalar(out, path, value, unit, long_name);
}

static sg_status write_metrics(sg_results *out, const gather *g, const sg_scores *s)
{
    const bool mask = !isnan(s->dice);
    SG_TRY(sg_results_scalar(out, "/metrics/loss", s->loss, "1", "loss, mean over the pictures"));
    SG_TRY(scalar_unless_nan(out, "/metrics/dice", s->dice, "1", "Dice, mean over the pictures"));
    SG_TRY(
        scalar_unless_nan(out, "/metrics/ap50", s->ap50, "1", "average precision at IoU .5, mean over the pictures"));
    SG_TRY(scalar_unless_nan(out, "/metrics/dice_pooled", s->dice_pooled, "1", "Dice over the pixels of all pictures"));
    SG_TRY(scalar_unless_nan(out, "/metrics/mse", s->mse, "1", "mean squared error, mean over the pictures"));
    SG_TRY(scalar_unless_nan(out, "/metrics/psnr_db", isnan(s->mse) ? (double)NAN : sg_psnr_db(s->mse, 1), "dB",
                             "peak signal-to-noise ratio for a range of 1"));
    SG_TRY(sg_results_texts(out, "/metrics/per_image/name", g->names, g->count, "file name without extension"));
    if (!mask)
        return sg_results_array(out, "/metrics/per_image/mse", SG_RESULTS_F64, 1, &g->count, g->mse, "1",
                                "mean squared error", "N");
    SG_TRY(sg_results_array(out, "/metrics/per_image/dice", SG_RESULTS_F64, 1, &g->count, g->dice, "1", "Dice", "N"));
    return sg_results_array(out, "/metrics/per_image/ap50", SG_RESULTS_F64, 1, &g->count, g->ap50, "1",
                            "average precision at IoU .5", "N");
}

/* Column `offset` (bytes into sg_log_row) of the rows that have a number there; `with` picks rows by another column. */
static sg_status write_curve(sg_results *out, const sg_log *log, const char *path, size_t offset, size_t with,
                             const char *long_name)
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
    const sg_status status =
        count > 0 ? sg_results_array(out, path, SG_RESULTS_F64, 1, &count, column, "1", long_name, "S") : SG_OK;
    sg_free(column);
    return status;
}

static sg_status write_curves(sg_results *out, const sg_log *log)
{
    static const struct {
        const char *path, *long_name;
        size_t offset, with;
    } curves[] = {
        {"/curve/step", "optimiser steps done", offsetof(sg_log_row, step), offsetof(sg_log_row, train_loss)},
        {"/curve/train_loss", "loss of the batch", offsetof(sg_log_row, train_loss), offsetof(sg_log_row, train_loss)},
        {"/curve/lr", "learning rate of the network", offsetof(sg_log_row, lr), offsetof(sg_log_row, train_loss)},
        {"/curve/validation/step", "optimiser steps done", offsetof(sg_log_row, step),
         offsetof(sg_log_row, validation_loss)},
        {"/curve/validation/loss", "validation loss", offsetof(sg_log_row, validation_loss),
         offsetof(sg_log_row, validation_loss)},
        {"/curve/validation/dice", "validation Dice", offsetof(sg_log_row, validation_dice),
         offsetof(sg_log_row, validation_dice)},
        {"/curve/validation/ap50", "validation average precision at IoU .5", offsetof(sg_log_row, validation_ap50),
         offsetof(sg_log_row, validation_ap50)},
    };
    for (size_t i = 0; log != NULL && i < sizeof curves / sizeof curves[0]; i++)
        SG_TRY(write_curve(out, log, curves[i].path, curves[i].offset, curves[i].with, curves[i].long_name));
    return SG_OK;
}

static const struct {
    const char *param, *path, *long_name, *axes;
} sg_hardware[] = {
    {"microscope.led.weight", "led_weight", "share of the light of each LED", "EK"},
    {"microscope.led.position", "led_position", "LED positions", "KD"},
    {"microscope.pupil.zernike", "pupil_zernike", "Zernike coefficients, Noll order from j = 1", "J"},
    {"microscope.pupil.defocus_um", "pupil_defocus_um", "defocus", ""},
    {"microscope.pupil.na", "pupil_na", "numerical aperture", ""},
    {"microscope.pupil.amplitude", "pupil_amplitude", "pupil amplitude per frequency bin", "YX"},
    {"microscope.pupil.phase", "pupil_phase", "pupil phase per frequency bin", "YX"},
    {"microscope.psf.sigma_um", "psf_sigma_um", "standard deviation of the Gaussian blur", ""},
    {"camera.view.shift_um", "view_shift_um", "shifts of the cameras (x, y)", "VD"},
    {"camera.cfa", "cfa", "transmission of the colour filters", "CYX"},
    {"camera.exposure_mask", "exposure_mask", "transmission of the exposure mask", "YX"},
    {"camera.detector.mask", "detector_mask", "masks of the detectors", "KYX"},
    {"camera.adc.range_e", "range_e", "electrons at the top of the ADC range", ""},
};

static sg_status write_parameter(sg_results *out, const sg_param_info *p, const char *path, const char *suffix,
                                 const char *long_name, const char *axes)
{
    char full[128];
    const int dims[3] = {p->shape.c, p->shape.h, p->shape.w};
    const int rank = (int)strlen(axes);
    (void)snprintf(full, sizeof full, "/learned/%s%s", path, suffix);
    if (rank == 0) return sg_results_scalar(out, full, (double)p->value[0], p->unit, long_name);
    return sg_results_array(out, full, SG_RESULTS_F32, rank, dims + 3 - rank, p->value, p->unit, long_name, axes);
}

static sg_status write_hardware_of(sg_results *out, const sg_model *model, const char *suffix)
{
    for (size_t i = 0; i < sizeof sg_hardware / sizeof sg_hardware[0]; i++) {
        const sg_param_info *p = sg_model_find(model, sg_hardware[i].param);
        if (p == NULL || (suffix[0] != 0 && p->spec.frozen)) continue;
        SG_TRY(write_parameter(out, p, sg_hardware[i].path, suffix, sg_hardware[i].long_name, sg_hardware[i].axes));
    }
    return SG_OK;
}

/* Initial values come from a new model of the same seed: they depend on seed and name alone. */
static sg_status write_hardware(sg_results *out, const sg_run_summary *run)
{
    sg_model *initial = NULL;
    sg_program program = {0};
    SG_TRY(write_hardware_of(out, run->model, ""));
    sg_status status = sg_model_new(&initial, run->config->train.seed);
    if (status == SG_OK) status = sg_program_make(&program, run->config, initial, 1, SG_PROGRAM_EVALUATE, NULL);
    if (status == SG_OK) status = write_hardware_of(out, initial, "_initial");
    sg_program_free(&program);
    sg_model_free(initial);
    return status;
}

/* What the array shows of the weights, where it has levels. */
static sg_status write_led_levels(sg_results *out, const sg_run_summary *run)
{
    sg_light light;
    const sg_microscope_config *c = &run->config->microscope;
    if (c->illumination.levels == SG_LEVELS_CONTINUOUS || c->sample.kind == SG_SAMPLE_INCOHERENT) return SG_OK;
    sg_status status = sg_light_read(&light, run->config, run->model);
    const int dims[2] = {light.colours * light.exposures, light.leds};
    if (status == SG_OK)
        status = sg_results_array(out, "/learned/led_weight_shown", SG_RESULTS_F64, 2, dims, light.weight, "1",
                                  "share of the light of each LED, in levels of the array", "EK");
    sg_light_free(&light);
    return status;
}

static sg_status write_led_na(sg_results *out, const sg_run_summary *run)
{
    sg_led_array leds;
    float *na = NULL;
    const sg_sample_config *sample = &run->config->microscope.sample;
    const double field_um = sample->size_px * sample->pixel_um;
    SG_TRY(sg_led_array_make(&leds, &run->config->microscope.illumination, run->config->microscope.optics.wavelength_um,
                             field_um));
    const int dims[2] = {leds.count, 2};
    sg_status status = SG_ALLOC(&na, 2 * (size_t)leds.count, "results");
    for (int k = 0; status == SG_OK && k < leds.count; k++) {
        na[2 * k] = (float)leds.led[k].s_x;
        na[2 * k + 1] = (float)leds.led[k].s_y;
    }
    if (status == SG_OK)
        status = sg_results_array(out, "/learned/led_na", SG_RESULTS_F32, 2, dims, na, "1",
                                  "direction of the light of each LED (s_x, s_y)", "KD");
    sg_free(na);
    sg_led_array_free(&leds);
    return status;
}

static sg_status write_picture(sg_results *out, const char *path, const float *data, int count, int channels,
                               const int side[2], double pixel_um, const char *unit, const char *long_name)
{
    const int dims[4] = {count, channels, side[0], side[1]}, flat[3] = {count, side[0], side[1]};
    SG_TRY(sg_results_array(out, path, SG_RESULTS_F32, channels > 0 ? 4 : 3, channels > 0 ? dims : flat, data, unit,
                            long_name, channels > 0 ? "NCYX" : "NYX"));
    return sg_results_attribute_number(out, path, "pixel_um", pixel_um);
}

static sg_status write_examples(sg_results *out, const gather *g)
{
    const sg_microscope_size *size = &g->run->program->size;
    const int n = g->examples, side[2] = {size->output_px, size->output_px}, adu[2] = {g->adu_shape.h, g->adu_shape.w};
    const double pitch = size->output_pitch_um;
    const sg_shape sample = sg_plan_shape(g->run->program->plan, "sample");
    SG_TRY(write_picture(out, "/examples/sample", g->sample, n, 0, (const int[2]){sample.h, sample.w},
                         sample.w == size->sample_px ? g->run->config->microscope.sample.pixel_um : pitch, "1",
                         "sample"));
    SG_TRY(write_picture(out, "/examples/measurement", g->channels, n, size->channels, side, pitch, "1",
                         "what the network sees"));
    SG_TRY(write_picture(out, "/examples/adu", g->adu, n, g->adu_shape.c, adu, pitch, "ADU", "camera values"));
    SG_TRY(write_picture(out, "/examples/prediction", g->prediction, n, 0, side, pitch, "1", "prediction"));
    return write_picture(out, "/examples/truth", g->truth, n, 0, side, pitch, "1", "label");
}

static sg_status write_light(sg_results *out, const sg_run_summary *run, const sg_scores *scores)
{
    const sg_illumination_config *light = &run->config->microscope.illumination;
    if (light->constraint == SG_LIGHT_DOSE)
        SG_TRY(sg_results_scalar(out, "/light/dose_ph", light->dose_ph, "photon",
                                 "photons per camera pixel area at the sample and measurement"));
    return sg_results_array(out, "/light/mean_electrons", SG_RESULTS_F64, 1, &run->program->size.frames,
                            scores->electrons, "electron", "detected per pixel and exposure, mean over the split", "E");
}

static sg_status write_all(sg_results *out, const gather *g, const sg_scores *scores)
{
    const sg_run_summary *run = g->run;
    SG_TRY(sg_results_attribute_number(out, "/", "seed", (double)run->config->train.seed));
    SG_TRY(sg_results_attribute_number(out, "/", "dose_ph", run->config->microscope.illumination.dose_ph));
    SG_TRY(sg_results_attribute_number(out, "/", "best_step", (double)run->best_step));
    SG_TRY(sg_results_text(out, "/config", run->config_text, "resolved configuration (YAML)"));
    SG_TRY(write_curves(out, run->log));
    SG_TRY(write_metrics(out, g, scores));
    SG_TRY(write_hardware(out, run));
    SG_TRY(write_led_levels(out, run));
    SG_TRY(write_led_na(out, run));
    SG_TRY(write_light(out, run, scores));
    return write_examples(out, g);
}

sg_status sg_run_results_save(const sg_run_summary *run, sg_split split, const char *path, sg_scores *scores)
{
    sg_scores own;
    sg_results *out = NULL;
    gather g = {.run = run, .split = split, .count = sg_dataset_count(run->dataset, split)};
    g.examples = g.count < SG_EXAMPLES ? g.count : SG_EXAMPLES;
    sg_status status = gather_new(&g);
    if (status == SG_OK) status = sg_evaluate(&own, run->program, run->config, run->dataset, split, visit, &g);
    if (status == SG_OK) status = sg_results_new(&out);
    if (status == SG_OK) status = write_all(out, &g, &own);
    if (status == SG_OK) status = sg_results_save(out, path);
    if (status == SG_OK && scores != NULL) *scores = own;
    sg_results_free(out);
    gather_free(&g);
    return status;
}
