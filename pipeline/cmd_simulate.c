/* cmd_simulate.c - scopegrad simulate CONFIG -i IMAGE -o OUT.h5: every stage of the physical layer, with units, and as
 * a strip of pictures; -o OUT.tif: one of them, as a camera writes it. */
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/plan.h"
#include "datasets/tiff.h"
#include "physics/led_array.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/schema.h"
#include "pipeline/simulation.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What the command line asks for. */
typedef struct order {
    const char *input, *output, *strip, *from, *to;
    bool leds;
    int sample_id, threads;
} order;

typedef struct run {
    const order *order;
    sg_config config;
    sg_simulation simulation;
    sg_simulation_part part;
    float *in;
    sg_results *out;
    char note[SG_CMD_NOTE]; /* of the sample */
} run;

/* ---- what comes in ---- */

static sg_status read_picture(run *r)
{
    return sg_cmd_sample(r->in, r->order->input, &r->config, &r->simulation.size, r->note);
}

/* A stage of an earlier simulation, its shape that of this one. */
static sg_status read_stage(run *r)
{
    const char *name = sg_entry_name[r->part.from];
    const sg_shape want = sg_simulation_shape(&r->simulation, r->part.from);
    sg_results_file *file = NULL;
    float *data = NULL;
    char path[64];
    int rank, dims[SG_RESULTS_RANK];
    sg_status status;
    (void)snprintf(path, sizeof path, "/stages/%s", name);
    SG_TRY(sg_results_open(&file, r->order->input));
    SG_TRY_DONE(sg_results_read_f32(file, path, &data, &rank, dims));
    if (rank != 3 || dims[0] != want.c || dims[1] != want.h || dims[2] != want.w)
        SG_FAIL_DONE(SG_E_SHAPE, "%s: %s is not the %s of this configuration, %d x %d x %d", r->order->input, path,
                     name, want.c, want.h, want.w);
    memcpy(r->in, data, sg_shape_len(want) * sizeof *data);
done:
    sg_free(data);
    sg_results_close(file);
    return status;
}

static sg_status read_input(run *r)
{
    const sg_shape shape = sg_simulation_shape(&r->simulation, r->part.from);
    SG_TRY(SG_ALLOC(&r->in, sg_shape_len(shape), "what enters the microscope"));
    const char *end = strrchr(r->order->input, '.'); /* "stages.h5"; "field.h5:/picture" is an array in a file */
    const bool stages = end != NULL && strcmp(end, ".h5") == 0;
    return r->part.from == SG_ENTRY_SAMPLE && !stages ? read_picture(r) : read_stage(r);
}

/* ---- what goes out ---- */

static sg_status write_stages(run *r)
{
    for (int i = 0; i < r->simulation.count; i++) {
        const sg_stage_picture *p = &r->simulation.list[i];
        const int dims[3] = {p->c, p->h, p->w};
        char path[96];
        (void)snprintf(path, sizeof path, "/stages/%s", p->name);
        SG_TRY(sg_results_put_as(r->out, path, dims, p->data, (sg_results_word){p->unit, p->long_name, "EYX"}));
        if (p->pixel_um > 0) SG_TRY(sg_results_attribute_number(r->out, path, "pixel_um", p->pixel_um));
    }
    return SG_OK;
}

/* I_k of every LED alone, one after the other: the weights of the plan are the model's own memory. */
static sg_status image_each_led(run *r, sg_plan *plan, float *stack)
{
    const uint32_t id = (uint32_t)r->order->sample_id;
    const sg_step step = {r->config.train.seed, 0, &id, false};
    const size_t one =
        sg_shape_len(sg_simulation_shape(&r->simulation, SG_ENTRY_IMAGE)) / (size_t)r->simulation.size.light_frames;
    sg_param_info *weight = sg_model_find(r->simulation.model, "microscope.led.weight");
    float *kept = NULL;
    sg_status status;
    SG_TRY(SG_ALLOC(&kept, weight->len, "simulate"));
    memcpy(kept, weight->value, weight->len * sizeof *kept);
    memcpy(sg_plan_input(plan, "sample"), r->in,
           sg_shape_len(sg_simulation_shape(&r->simulation, SG_ENTRY_SAMPLE)) * sizeof(float));
    sg_plan_step_set(plan, &step);
    for (int k = 0; k < r->simulation.size.leds; k++) {
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

static sg_status write_leds(run *r)
{
    const sg_microscope_size *size = &r->simulation.size;
    const int m = size->image_px, dims[3] = {size->leds, m, m};
    const sg_plan_options options = {0};
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    float *stack = NULL;
    sg_microscope_stages stages;
    sg_status status = SG_OK;
    if (size->leds < 1) SG_FAIL_DONE(SG_E_CONFIG, "sample.kind: --leds needs LEDs, this sample emits light itself");
    (void)sg_microscope(g, sg_input(g, "sample", sg_entry_shape(size, SG_ENTRY_SAMPLE, 1)), &r->config.microscope,
                        false, &stages);
    SG_TRY_DONE(sg_plan_make(&plan, g, r->simulation.model, sg_stage_value(&stages, "image"), &options));
    SG_TRY_DONE(SG_ALLOC(&stack, (size_t)dims[0] * (size_t)m * (size_t)m, "simulate --leds"));
    SG_TRY_DONE(image_each_led(r, plan, stack));
    SG_TRY_DONE(sg_results_put_as(r->out, "/stages/led_intensity", dims, stack,
                                  (sg_results_word){"1", "intensity under each LED alone at weight 1", "KYX"}));
    SG_TRY_DONE(sg_results_attribute_number(r->out, "/stages/led_intensity", "pixel_um",
                                            size->camera_pitch_um / size->oversample));
done:
    sg_free(stack);
    sg_plan_free(plan);
    sg_graph_free(g);
    return status;
}

static sg_status write_parameters(run *r)
{
    for (int i = 0; i < sg_model_count(r->simulation.model); i++) {
        const sg_param_info *p = sg_model_at(r->simulation.model, i);
        char path[160];
        const int dims[4] = {p->shape.n, p->shape.c, p->shape.h, p->shape.w};
        const int first = p->shape.n > 1 ? 0 : p->shape.c > 1 ? 1 : 2;
        (void)snprintf(path, sizeof path, "/parameters/%s", p->name);
        SG_TRY(sg_results_put_as(r->out, path, dims + first, p->value,
                                 (sg_results_word){p->unit, p->name, p->len == 1 ? "" : &"NCEK"[first]}));
    }
    return SG_OK;
}

static sg_status write_geometry(run *r)
{
    sg_led_array leds;
    double *na = NULL;
    const sg_microscope_config *c = &r->config.microscope;
    if (r->simulation.size.leds < 1) return SG_OK;
    SG_TRY(sg_led_array_make(&leds, &c->illumination, c->optics.wavelength_um, c->sample.size_px * c->sample.pixel_um));
    const int dims[2] = {leds.count, 2};
    sg_status status = SG_ALLOC(&na, 2 * (size_t)leds.count, "simulate");
    for (int k = 0; status == SG_OK && k < leds.count; k++) {
        na[2 * k] = leds.led[k].s_x;
        na[2 * k + 1] = leds.led[k].s_y;
    }
    if (status == SG_OK) status = sg_results_put(r->out, "/parameters/led_na", dims, na);
    sg_free(na);
    sg_led_array_free(&leds);
    return status;
}

static sg_status write_file(run *r)
{
    char *text = NULL;
    SG_TRY(write_stages(r));
    if (r->order->leds) SG_TRY(write_leds(r));
    SG_TRY(write_parameters(r));
    SG_TRY(write_geometry(r));
    SG_TRY(sg_config_write(&text, &r->config, SG_CONFIG_FULL));
    const sg_status status = sg_results_put_text(r->out, "/config", text);
    sg_free(text);
    SG_TRY(status);
    return sg_results_save(r->out, r->order->output);
}

/* ---- one stage as TIFF ---- */

/* The stage of --to, or what the camera gave; without a camera the last one. */
static const sg_stage_picture *written_stage(const run *r)
{
    const sg_simulation *s = &r->simulation;
    const sg_stage_picture *adu = sg_simulation_stage(s, "adu");
    return r->order->to || !adu ? &s->list[s->count - 1] : adu;
}

/* The numbers of the ADC as such, everything else as floats. */
static sg_status write_pages(const run *r, const sg_stage_picture *p, const char *const *names)
{
    const size_t len = (size_t)p->c * (size_t)p->h * (size_t)p->w;
    const bool adu = strcmp(p->name, "adu") == 0 && r->config.microscope.camera.bit_depth > 0;
    const sg_tiff_form form = {p->c, p->h, p->w, adu ? 16 : 32, p->pixel_um, .axis = 'C', .channel = names};
    uint16_t *levels = NULL;
    sg_tiff_writer *writer = NULL;
    sg_status status = SG_OK;
    if (adu) SG_TRY_DONE(SG_ALLOC(&levels, len, "simulate"));
    for (size_t i = 0; adu && i < len; i++) levels[i] = (uint16_t)p->data[i];
    SG_TRY_DONE(sg_tiff_create(&writer, r->order->output, &form));
    SG_TRY_DONE(sg_tiff_append(writer, adu ? (const void *)levels : p->data, p->c * p->h));
    status = sg_tiff_finish(writer);
    writer = NULL;
done:
    sg_tiff_abandon(writer);
    sg_free(levels);
    return status;
}

static sg_status write_tiff(const run *r)
{
    enum { NAME = 64 };
    const sg_stage_picture *p = written_stage(r);
    char *text = NULL;
    const char **names = NULL;
    sg_status status;
    SG_TRY_DONE(SG_ALLOC(&text, (size_t)p->c * NAME, "simulate"));
    SG_TRY_DONE(SG_ALLOC(&names, (size_t)p->c, "simulate"));
    for (int i = 0; i < p->c; i++) {
        names[i] = text + (size_t)i * NAME;
        (void)snprintf(text + (size_t)i * NAME, NAME, "%s %d (%s)", p->name, i + 1, p->unit);
    }
    status = write_pages(r, p, names);
done:
    sg_free(names);
    sg_free(text);
    return status;
}

static sg_status write_strip(run *r)
{
    void *png;
    size_t size;
    SG_TRY(sg_strip_draw(&png, &size, &r->simulation, NULL));
    const sg_status status = sg_file_write(r->order->strip, png, size);
    sg_free(png);
    return status;
}

static sg_status simulate(run *r)
{
    SG_TRY(sg_simulation_open(&r->simulation, &r->config));
    SG_TRY(sg_results_new(&r->out));
    SG_TRY(read_input(r));
    SG_TRY(sg_simulation_run(&r->simulation, r->in, r->part, (uint32_t)r->order->sample_id));
    if (r->order->output != NULL) SG_TRY(sg_tiff_known(r->order->output) ? write_tiff(r) : write_file(r));
    return r->order->strip != NULL ? write_strip(r) : SG_OK;
}

/* ---- the command ---- */

static sg_status check_order(run *r)
{
    const order *o = r->order;
    r->part.to = o->to;
    if (o->input == NULL || (o->output == NULL && o->strip == NULL))
        SG_FAIL(SG_E_USAGE, "-i FILE and -o OUT.h5 or --strip OUT.png are needed");
    if (o->leds && o->output != NULL && sg_tiff_known(o->output))
        SG_FAIL(SG_E_USAGE, "--leds: every stage goes to -o OUT.h5, %s holds one", o->output);
    if (o->output != NULL && sg_image_known(o->output) && !sg_tiff_known(o->output))
        SG_FAIL(SG_E_USAGE, "-o %s: what is written is HDF5 or TIFF, OUT.h5 or OUT.tif; --strip draws OUT.png",
                o->output);
    for (int i = 0; i < SG_ENTRY_COUNT; i++)
        if (o->from == NULL || strcmp(o->from, sg_entry_name[i]) == 0) {
            r->part.from = (sg_entry_stage)i;
            if (i > 0 && o->leds) SG_FAIL(SG_E_USAGE, "--leds needs the sample, not --from %s", o->from);
            return SG_OK;
        }
    SG_FAIL(SG_E_USAGE, "--from %s: sample, image, pixels or electrons", o->from);
}

sg_status sg_cmd_simulate(int argc, char **argv)
{
    const char *path = NULL;
    bool done = false;
    sg_option_list sets = {0};
    order o = {0};
    const sg_option options[] = {
        {"input", 'i', SG_OPTION_TEXT, &o.input, "FILE",
         "sample picture: TIFF, PNG, JPEG, .npy, .mat, FILE.h5:/array; or a file of stages that this command wrote "
         "(needed)"},
        {"output", 'o', SG_OPTION_TEXT, &o.output, "OUT.h5",
         "where every stage goes; OUT.tif, OUT.ome.tif: the last of them alone, or the camera's values"},
        {"strip", 0, SG_OPTION_TEXT, &o.strip, "OUT.png", "the stages side by side, as a picture"},
        {"from", 0, SG_OPTION_TEXT, &o.from, "STAGE",
         "begin at sample, image, pixels or electrons, read from the file of stages"},
        {"to", 0, SG_OPTION_TEXT, &o.to, "STAGE", "end at this stage"},
        {"leds", 0, SG_OPTION_FLAG, &o.leds, NULL, "also the intensity under each LED alone"},
        {"sample-id", 0, SG_OPTION_INT, &o.sample_id, "N", "picks the noise: the stream of this sample", 0,
         (1 << 24) - 1},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config"},
        {"threads", 't', SG_OPTION_INT, &o.threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {
        "simulate",
        "CONFIG",
        "Sends a picture through the microscope and writes every stage, with units, to HDF5.",
        "scopegrad simulate experiments/first_steps/config.yaml -i nuclei.png -o stages.h5 --strip stages.png",
        options,
        SG_COUNT(options),
        1,
        1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    run r = {.order = &o};
    SG_TRY(check_order(&r));
    SG_TRY(sg_cmd_config(&r.config, path, &sets));
    sg_threads_set(o.threads);
    const sg_status status = simulate(&r);
    if (status == SG_OK && r.note[0]) fprintf(stderr, "scopegrad simulate: %s\n", r.note);
    sg_results_free(r.out);
    sg_simulation_free(&r.simulation);
    sg_free(r.in);
    return sg_cmd_blame(status, path, &sets);
}
