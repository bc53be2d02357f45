/* cmd_simulate.c - scopegrad simulate CONFIG -i IMAGE -o OUT.h5: every stage of the physical layer, with units. */
#include "core/memory.h"
#include "core/parallel.h"
#include "physics/led_array.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/evaluate.h"
#include "pipeline/results.h"

#include <math.h>
#include <string.h>

typedef struct simulation {
    sg_config config;
    sg_model *model;
    sg_microscope_size size;
    float *sample; /* (N, N) */
    sg_results *out;
    int sample_id;
} simulation;

/* One stage: its name in the graph and in the file. */
typedef struct stage {
    const char *name, *unit, *long_name;
} stage;

static sg_status write_stage(simulation *s, const sg_plan *plan, const stage *st, double pixel_um)
{
    char path[96];
    const sg_shape shape = sg_plan_shape(plan, st->name);
    const int dims[3] = {shape.c, shape.h, shape.w};
    if (shape.n == 0) return SG_OK; /* this configuration has no such stage */
    (void)snprintf(path, sizeof path, "/stages/%s", st->name);
    SG_TRY(sg_results_array(s->out, path, SG_RESULTS_F32, 3, dims, sg_plan_output(plan, st->name), st->unit,
                            st->long_name, "EYX"));
    return sg_results_attribute_number(s->out, path, "pixel_um", pixel_um);
}

/* Transmission as amplitude and phase: nobody plots real and imaginary parts. */
static sg_status write_transmission(simulation *s, const sg_plan *plan)
{
    const int n = s->size.sample_px, dims[2] = {n, n};
    const size_t len = (size_t)n * (size_t)n;
    const float *t = sg_plan_output(plan, "transmission");
    float *part = NULL;
    if (t == NULL) return SG_OK;
    SG_TRY(SG_ALLOC(&part, len, "simulate"));
    for (size_t i = 0; i < len; i++) part[i] = hypotf(t[2 * i], t[2 * i + 1]);
    sg_status status = sg_results_array(s->out, "/stages/amplitude", SG_RESULTS_F32, 2, dims, part, "1",
                                        "amplitude of the transmission", "YX");
    for (size_t i = 0; i < len; i++) part[i] = atan2f(t[2 * i + 1], t[2 * i]);
    if (status == SG_OK)
        status = sg_results_array(s->out, "/stages/phase", SG_RESULTS_F32, 2, dims, part, "rad",
                                  "phase of the transmission", "YX");
    sg_free(part);
    if (status != SG_OK) return status;
    SG_TRY(sg_results_attribute_number(s->out, "/stages/amplitude", "pixel_um", s->config.microscope.sample.pixel_um));
    return sg_results_attribute_number(s->out, "/stages/phase", "pixel_um", s->config.microscope.sample.pixel_um);
}

static sg_value build(sg_graph *g, const simulation *s, bool electrons)
{
    sg_microscope_stages v;
    const sg_value sample = sg_input(g, "sample", SG_SHAPE(1, 1, s->size.sample_px, s->size.sample_px));
    const sg_value channels = sg_microscope(g, sample, &s->config.microscope, electrons, &v);
    if (electrons) {
        sg_output(g, "electrons", sg_stage_value(&v, "electrons"));
        return sg_stage_value(&v, "electrons");
    }
    for (int i = 0; i < v.count; i++)
        if (strcmp(v.list[i].name, "sample") != 0) sg_output(g, v.list[i].name, v.list[i].value);
    return channels;
}

static sg_status run_plan(simulation *s, bool electrons, sg_status (*write)(simulation *, const sg_plan *))
{
    const uint32_t id = (uint32_t)s->sample_id;
    const sg_step step = {s->config.train.seed, 0, &id, false};
    const sg_plan_options options = {0};
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    sg_status status = sg_plan_make(&plan, g, s->model, build(g, s, electrons), &options);
    if (status == SG_OK) {
        memcpy(sg_plan_input(plan, "sample"), s->sample,
               (size_t)s->size.sample_px * (size_t)s->size.sample_px * sizeof(float));
        sg_plan_step_set(plan, &step);
        status = sg_plan_forward(plan);
    }
    if (status == SG_OK) status = write(s, plan);
    sg_plan_free(plan);
    sg_graph_free(g);
    return status;
}

static sg_status write_light_stages(simulation *s, const sg_plan *plan)
{
    static const stage electrons = {"electrons", "electron", "photoelectrons with shot and read noise, before the ADC"};
    return write_stage(s, plan, &electrons, s->size.camera_pitch_um);
}

static sg_status write_camera_stages(simulation *s, const sg_plan *plan)
{
    static const stage image = {"image", "1", "intensity, 1 = empty field with all light inside the pupil"};
    static const stage others[] = {{"pixels", "1", "intensity integrated over each pixel"},
                                   {"adu", "ADU", "camera values"},
                                   {"channels", "1", "what the network sees"}};
    SG_TRY(write_transmission(s, plan));
    SG_TRY(write_stage(s, plan, &image, s->size.camera_pitch_um / s->size.oversample));
    for (int i = 0; i < SG_COUNT(others); i++) SG_TRY(write_stage(s, plan, &others[i], s->size.camera_pitch_um));
    return SG_OK;
}

/* I_k of every LED alone, one after the other: the weights of the plan are the model's own memory. */
static sg_status image_each_led(simulation *s, sg_plan *plan, float *stack)
{
    const uint32_t id = (uint32_t)s->sample_id;
    const sg_step step = {s->config.train.seed, 0, &id, false};
    const size_t one = (size_t)s->size.image_px * (size_t)s->size.image_px;
    sg_param_info *weight = sg_model_find(s->model, "microscope.led.weight");
    float *kept = NULL;
    sg_status status;
    SG_TRY(SG_ALLOC(&kept, weight->len, "simulate"));
    memcpy(kept, weight->value, weight->len * sizeof *kept);
    memcpy(sg_plan_input(plan, "sample"), s->sample,
           (size_t)s->size.sample_px * (size_t)s->size.sample_px * sizeof(float));
    sg_plan_step_set(plan, &step);
    for (int k = 0; k < s->size.leds; k++) {
        memset(weight->value, 0, weight->len * sizeof(float));
        weight->value[k] = 1;
        SG_TRY_DONE(sg_plan_forward(plan));
        memcpy(stack + (size_t)k * one, sg_plan_root(plan), one * sizeof *stack);
    }
done:
    memcpy(weight->value, kept, weight->len * sizeof *kept);
    sg_free(kept);
    return status;
}

static sg_status write_leds(simulation *s)
{
    const int m = s->size.image_px, dims[3] = {s->size.leds, m, m};
    const sg_plan_options options = {0};
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    float *stack = NULL;
    sg_microscope_stages v;
    sg_status status;
    (void)sg_microscope(g, sg_input(g, "sample", SG_SHAPE(1, 1, s->size.sample_px, s->size.sample_px)),
                        &s->config.microscope, false, &v);
    SG_TRY_DONE(sg_plan_make(&plan, g, s->model, sg_stage_value(&v, "image"), &options));
    SG_TRY_DONE(SG_ALLOC(&stack, (size_t)dims[0] * (size_t)m * (size_t)m, "simulate --leds"));
    SG_TRY_DONE(image_each_led(s, plan, stack));
    SG_TRY_DONE(sg_results_array(s->out, "/stages/led_intensity", SG_RESULTS_F32, 3, dims, stack, "1",
                                 "intensity under each LED alone at weight 1", "KYX"));
    SG_TRY_DONE(sg_results_attribute_number(s->out, "/stages/led_intensity", "pixel_um",
                                            s->size.camera_pitch_um / s->size.oversample));
done:
    sg_free(stack);
    sg_plan_free(plan);
    sg_graph_free(g);
    return status;
}

static sg_status write_parameters(simulation *s)
{
    for (int i = 0; i < sg_model_count(s->model); i++) {
        const sg_param_info *p = sg_model_at(s->model, i);
        char path[160];
        const int dims[2] = {p->shape.h, p->shape.w};
        (void)snprintf(path, sizeof path, "/parameters/%s", p->name);
        if (p->len == 1)
            SG_TRY(sg_results_scalar(s->out, path, (double)p->value[0], p->unit, p->name));
        else
            SG_TRY(sg_results_array(s->out, path, SG_RESULTS_F32, 2, dims, p->value, p->unit, p->name, "EK"));
    }
    return SG_OK;
}

static sg_status write_geometry(simulation *s)
{
    sg_led_array leds;
    double *na = NULL;
    const double field_um = s->config.microscope.sample.size_px * s->config.microscope.sample.pixel_um;
    if (s->size.leds < 1) return SG_OK;
    SG_TRY(sg_led_array_make(&leds, &s->config.microscope.illumination, s->config.microscope.optics.wavelength_um,
                             field_um));
    const int dims[2] = {leds.count, 2};
    sg_status status = SG_ALLOC(&na, 2 * (size_t)leds.count, "simulate");
    for (int k = 0; status == SG_OK && k < leds.count; k++) {
        na[2 * k] = leds.led[k].s_x;
        na[2 * k + 1] = leds.led[k].s_y;
    }
    if (status == SG_OK)
        status = sg_results_array(s->out, "/parameters/led_na", SG_RESULTS_F64, 2, dims, na, "1",
                                  "direction of the light of each LED (s_x, s_y)", "KD");
    sg_free(na);
    sg_led_array_free(&leds);
    return status;
}

static sg_status simulate(simulation *s, const char *picture, bool leds)
{
    sg_image image;
    char *text = NULL;
    const int n = s->size.sample_px, dims[2] = {n, n};
    SG_TRY(sg_image_read(&image, picture));
    sg_status status = SG_ALLOC(&s->sample, (size_t)n * (size_t)n, "simulate");
    if (status == SG_OK) status = sg_cmd_sample(s->sample, &image, picture, n);
    sg_image_free(&image);
    if (status != SG_OK) return status;
    SG_TRY(sg_results_array(s->out, "/stages/sample", SG_RESULTS_F32, 2, dims, s->sample, "1",
                            "picture scaled to its percentiles 1 to 99.8", "YX"));
    SG_TRY(sg_results_attribute_number(s->out, "/stages/sample", "pixel_um", s->config.microscope.sample.pixel_um));
    SG_TRY(run_plan(s, false, write_camera_stages));
    SG_TRY(run_plan(s, true, write_light_stages));
    if (leds) SG_TRY(write_leds(s));
    SG_TRY(write_parameters(s));
    SG_TRY(write_geometry(s));
    SG_TRY(sg_config_write(&text, &s->config, SG_CONFIG_FULL));
    status = sg_results_text(s->out, "/config", text, "resolved configuration (YAML)");
    sg_free(text);
    return status;
}

sg_status sg_cmd_simulate(int argc, char **argv)
{
    const char *path = NULL, *picture = NULL, *output = NULL;
    bool done = false, leds = false;
    int threads = 0;
    sg_option_list sets = {0};
    simulation s = {.sample_id = 0};
    const sg_option options[] = {
        {"input", 'i', SG_OPTION_TEXT, &picture, "IMAGE", "sample picture, PNG or TIFF (needed)"},
        {"output", 'o', SG_OPTION_TEXT, &output, "OUT.h5", "where every stage goes (needed)"},
        {"leds", 0, SG_OPTION_FLAG, &leds, NULL, "also the intensity under each LED alone"},
        {"sample-id", 0, SG_OPTION_INT, &s.sample_id, "N", "picks the noise: the stream of this sample", 0,
         (1 << 24) - 1},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {"simulate",
                            "CONFIG",
                            "Sends a picture through the microscope and writes every stage, with units, to HDF5.",
                            "scopegrad simulate experiments/first_steps/config.yaml -i nuclei.png -o stages.h5 --leds",
                            options,
                            SG_COUNT(options),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (picture == NULL || output == NULL) SG_FAIL(SG_E_USAGE, "-i IMAGE and -o OUT.h5 are needed");
    SG_TRY(sg_cmd_config(&s.config, path, &sets));
    if (s.config.microscope.sample.kind == SG_SAMPLE_STACK)
        SG_FAIL(SG_E_CONFIG, "sample.kind: a measured stack is its own simulation");
    (void)sg_range_resolve(&s.config);
    sg_threads_set(threads);
    SG_TRY(sg_cmd_blame(sg_microscope_check(&s.size, &s.config.microscope), path, &sets));
    sg_status status = sg_model_new(&s.model, s.config.train.seed);
    if (status == SG_OK) status = sg_results_new(&s.out);
    if (status == SG_OK) status = simulate(&s, picture, leds);
    if (status == SG_OK) status = sg_results_save(s.out, output);
    sg_results_free(s.out);
    sg_model_free(s.model);
    sg_free(s.sample);
    return sg_cmd_blame(status, path, &sets);
}
