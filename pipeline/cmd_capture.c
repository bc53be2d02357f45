/* cmd_capture.c - scopegrad capture CONFIG -o FOLDER: what a microscope with an LED array records when its LEDs are
 * lit one after the other: a stack to try experiments/own_led_stack with. One folder of TIFFs a field of view, its
 * mask, a dark picture and the table of the LEDs. */
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/plan.h"
#include "datasets/dataset.h"
#include "datasets/tiff.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/evaluate.h"
#include "pipeline/light.h"
#include "pipeline/run_folder.h"
#include "pipeline/text.h"

#include <stdio.h>
#include <string.h>

typedef struct capture {
    const char *folder;
    sg_config config;
    sg_microscope_size size;
    sg_dataset *dataset;
    sg_model *model;
    sg_plan *optics, *camera; /* sample -> light on the pixels -> ADU */
    float *label;
    int32_t *mask;
    uint16_t *page;
} capture;

/* ---- the microscope, in two plans: noise is drawn anew for every LED, the sample is not ---- */

static sg_status plan_part(sg_plan **out, capture *c, sg_entry_stage from, const char *to)
{
    const sg_plan_options options = {0};
    sg_microscope_stages stages;
    sg_graph *g = sg_graph_new();
    const sg_value in = sg_input(g, "in", sg_entry_shape(&c->size, from, 1));
    (void)sg_microscope_from(g, from, in, &c->config.microscope, false, &stages);
    const sg_status status = sg_plan_make(out, g, c->model, sg_stage_value(&stages, to), &options);
    sg_graph_free(g);
    return status;
}

static sg_status run_part(sg_plan *plan, const capture *c, uint32_t id)
{
    const sg_step step = {c->config.train.seed, 0, &id, false};
    sg_plan_step_set(plan, &step);
    return sg_plan_forward(plan);
}

static size_t pixels_of(const capture *c)
{
    return (size_t)c->size.output_px * (size_t)c->size.output_px;
}

/* The LED that is lit; -1: none. */
static void light_led(const capture *c, int led)
{
    sg_param_info *weight = sg_model_find(c->model, "microscope.led.weight");
    memset(weight->value, 0, weight->len * sizeof *weight->value);
    if (led >= 0) weight->value[led] = 1;
}

static sg_status record(capture *c, int led, uint32_t field, const char *path)
{
    const size_t len = pixels_of(c);
    const sg_tiff tiff = {1, c->size.output_px, c->size.output_px, 16, c->page, c->size.camera_pitch_um};
    light_led(c, led);
    SG_TRY(run_part(c->optics, c, field));
    memcpy(sg_plan_input(c->camera, "in"), sg_plan_root(c->optics), len * sizeof(float));
    SG_TRY(run_part(c->camera, c, (field * (uint32_t)c->size.leds + (uint32_t)(led + 1)) & 0xffffffu));
    const float *adu = sg_plan_root(c->camera);
    for (size_t i = 0; i < len; i++) c->page[i] = (uint16_t)adu[i];
    return sg_tiff_write(path, &tiff);
}

/* ---- files ---- */

static sg_status write_mask(capture *c, const char *name)
{
    char path[SG_PATH_MAX + 256];
    const sg_tiff tiff = {1, c->size.output_px, c->size.output_px, 16, c->page, c->size.camera_pitch_um};
    for (size_t i = 0; i < pixels_of(c); i++) c->page[i] = (uint16_t)c->mask[i];
    (void)snprintf(path, sizeof path, "%s/labels/%s.tif", c->folder, name);
    return sg_tiff_write(path, &tiff);
}

static sg_status record_field(capture *c, int index)
{
    char folder[SG_PATH_MAX + 160], path[SG_PATH_MAX + 256];
    const char *name = sg_dataset_name(c->dataset, SG_SPLIT_TRAIN, index);
    (void)snprintf(folder, sizeof folder, "%s/images/%.120s", c->folder, name);
    SG_TRY(sg_folder_make(folder));
    SG_TRY(sg_dataset_item(c->dataset, SG_SPLIT_TRAIN, index, c->config.train.seed, -1, sg_plan_input(c->optics, "in"),
                           c->label, c->mask));
    for (int led = 0; led < c->size.leds; led++) {
        (void)snprintf(path, sizeof path, "%s/led_%04d.tif", folder, led);
        SG_TRY(record(c, led, (uint32_t)index, path));
    }
    return write_mask(c, name);
}

static sg_status write_leds(const capture *c)
{
    char path[SG_PATH_MAX + 16];
    sg_light light;
    sg_status status = sg_light_read(&light, &c->config, c->model);
    (void)snprintf(path, sizeof path, "%s/leds.csv", c->folder);
    if (status == SG_OK) status = sg_light_write_leds(&light, path);
    sg_light_free(&light);
    return status;
}

/* Whole fields: the last quarter tests, the quarter before validates, at least one each where there are three. */
static sg_status write_splits(const capture *c, int fields)
{
    char path[SG_PATH_MAX + 16];
    sg_text text = {0};
    const int part = fields < 3 ? 0 : fields < 8 ? 1 : fields / 4;
    sg_text_add(&text, "name,split\n");
    for (int i = 0; i < fields; i++) {
        const sg_split split = i >= fields - part       ? SG_SPLIT_TEST
                               : i >= fields - 2 * part ? SG_SPLIT_VALIDATION
                                                        : SG_SPLIT_TRAIN;
        sg_text_add(&text, "%.120s,%s\n", sg_dataset_name(c->dataset, SG_SPLIT_TRAIN, i), sg_split_name(split));
    }
    (void)snprintf(path, sizeof path, "%s/splits.csv", c->folder);
    const sg_status status = text.status == SG_OK ? sg_file_write(path, text.data, text.len) : text.status;
    sg_text_free(&text);
    return status;
}

static sg_status record_all(capture *c, int fields)
{
    char path[SG_PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/labels", c->folder);
    SG_TRY(sg_folder_make(path));
    for (int i = 0; i < fields; i++) SG_TRY(record_field(c, i));
    (void)snprintf(path, sizeof path, "%s/dark.tif", c->folder);
    SG_TRY(record(c, -1, (uint32_t)fields, path));
    SG_TRY(write_leds(c));
    SG_TRY(write_splits(c, fields));
    printf("%s: %d fields of %d LEDs, %d x %d pixels of %g um\n", c->folder, fields, c->size.leds, c->size.output_px,
           c->size.output_px, c->size.camera_pitch_um);
    return SG_OK;
}

/* ---- the command ---- */

/* One exposure of one LED each, through the ADC. */
static sg_status prepare(capture *c, int fields)
{
    sg_illumination_config *light = &c->config.microscope.illumination;
    if (c->config.microscope.sample.kind != SG_SAMPLE_COHERENT)
        SG_FAIL(SG_E_CONFIG, "sample.kind: capture needs coherent, light of LEDs through a sample");
    if (c->config.microscope.camera.bit_depth == 0)
        SG_FAIL(SG_E_CONFIG, "camera.bit_depth: capture writes ADU, so 1..16 and not none");
    light->exposures = 1;
    light->pattern = SG_PATTERN_CENTER;
    light->levels = SG_LEVELS_CONTINUOUS;
    c->config.microscope.camera.readout = SG_READOUT_CHANNELS;
    (void)sg_range_resolve(&c->config);
    SG_TRY(sg_microscope_check(&c->size, &c->config.microscope));
    if (c->size.frames != 1)
        SG_FAIL(SG_E_CONFIG, "microscope: %d pictures a measurement, capture takes one an LED", c->size.frames);
    SG_TRY(sg_run_dataset(&c->dataset, &c->config));
    if (sg_dataset_count(c->dataset, SG_SPLIT_TRAIN) < fields)
        SG_FAIL(SG_E_USAGE, "--fields %d: the training split has %d pictures", fields,
                sg_dataset_count(c->dataset, SG_SPLIT_TRAIN));
    SG_TRY(sg_model_new(&c->model, c->config.train.seed));
    SG_TRY(plan_part(&c->optics, c, SG_ENTRY_SAMPLE, "pixels"));
    SG_TRY(plan_part(&c->camera, c, SG_ENTRY_PIXELS, "adu"));
    SG_TRY(SG_ALLOC(&c->label, pixels_of(c), "capture"));
    SG_TRY(SG_ALLOC(&c->mask, pixels_of(c), "capture"));
    return SG_ALLOC(&c->page, pixels_of(c), "capture");
}

static void capture_free(capture *c)
{
    sg_plan_free(c->optics);
    sg_plan_free(c->camera);
    sg_model_free(c->model);
    sg_dataset_free(c->dataset);
    sg_free(c->label);
    sg_free(c->mask);
    sg_free(c->page);
}

sg_status sg_cmd_capture(int argc, char **argv)
{
    const char *path = NULL;
    bool done = false;
    int fields = 4, threads = 0;
    sg_option_list sets = {0};
    capture c = {.folder = NULL};
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &c.folder, "FOLDER", "where the pictures go (needed)"},
        {"fields", 'n', SG_OPTION_INT, &fields, "N", "fields of view, the first training pictures of the data set", 1,
         4096},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {"capture",
                            "CONFIG",
                            "Simulates the captures of an LED array, one TIFF an LED and field of view, with masks, a "
                            "dark picture and the table of the LEDs: a stack as users measure their own.",
                            "scopegrad capture experiments/own_led_stack/capture.yaml -o my_stack",
                            options,
                            SG_COUNT(options),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (c.folder == NULL) SG_FAIL(SG_E_USAGE, "-o FOLDER is needed");
    SG_TRY(sg_cmd_config(&c.config, path, &sets));
    sg_threads_set(threads);
    sg_status status = prepare(&c, fields);
    if (status == SG_OK) status = record_all(&c, fields);
    capture_free(&c);
    return sg_cmd_blame(status, path, &sets);
}
