/* reconstruct_files.c - see reconstruct_files.h. */
#include "pipeline/reconstruct_files.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/stack_read.h"
#include "pipeline/run_folder.h"
#include "pipeline/schema.h"
#include "pipeline/simulation.h"
#include "pipeline/text.h"

#include <math.h>
#include <string.h>

sg_status sg_reconstruction_read(sg_image *out, const sg_config *config)
{
    const sg_dataset_config *d = &config->dataset;
    if (!d->path[0]) SG_FAIL(SG_E_CONFIG, "dataset.path: a reconstruction needs a stack, one picture an LED");
    sg_microscope_size size;
    SG_TRY(sg_microscope_check(&size, &config->microscope));
    sg_image_options options = sg_dataset_options(d, size.camera_pitch_um);
    options.pixel_key = "camera.pixel_um";
    return sg_stack_read(out, d->path, d->stack_variable, d->stack_files, &options);
}

/* ---- results.h5 ---- */

static sg_status save_map(sg_results *out, const char *path, int side, const float *x, double pixel_um)
{
    const int dims[2] = {side, side};
    SG_TRY(sg_results_put(out, path, dims, x));
    return sg_results_attribute_number(out, path, "pixel_um", pixel_um);
}

static sg_status save_sample(sg_results *out, const sg_reconstruction *r)
{
    const int n = r->size.sample_px;
    const double pitch = r->config.microscope.sample.pixel_um;
    const float *absorption = sg_reconstruction_values(r, "sample.absorption");
    float *amplitude = NULL;
    SG_TRY(SG_ALLOC(&amplitude, (size_t)n * (size_t)n, "amplitude"));
    for (size_t i = 0; i < (size_t)n * (size_t)n; i++) amplitude[i] = (float)exp(-(double)absorption[i]);
    const sg_status status = save_map(out, "/sample/amplitude", n, amplitude, pitch);
    sg_free(amplitude);
    SG_TRY(status);
    return save_map(out, "/sample/phase", n, sg_reconstruction_values(r, "sample.phase_rad"), pitch);
}

static sg_status save_parameters(sg_results *out, const sg_reconstruction *r)
{
    for (int i = 0; i < sg_model_count(r->model); i++) {
        const sg_param_info *p = sg_model_at(r->model, i);
        char path[160];
        const int dims[2] = {p->shape.h, p->shape.w};
        if (strncmp(p->name, "sample.", 7) == 0) continue;
        (void)snprintf(path, sizeof path, "/parameters/%s", p->name);
        SG_TRY(sg_results_put_as(out, path, dims, p->value, (sg_results_word){p->unit, p->name, "YX"}));
    }
    return SG_OK;
}

static sg_status save_leds(sg_results *out, const sg_reconstruction *r)
{
    enum { COLUMNS = 6 };
    static const char *const names[COLUMNS] = {"na_x", "na_y", "role", "measured", "predicted", "image_error"};
    double *x = NULL;
    sg_status status = SG_ALLOC(&x, (size_t)r->leds.count, "LEDs");
    for (int c = 0; status == SG_OK && c < COLUMNS; c++) {
        char path[64];
        for (int k = 0; k < r->leds.count; k++) {
            const sg_led *led = &r->leds.led[k];
            const sg_led_score *score = &r->score[k];
            const double row[COLUMNS] = {led->s_x,        led->s_y,         r->role[k],
                                         score->measured, score->predicted, score->image_error};
            x[k] = row[c];
        }
        (void)snprintf(path, sizeof path, "/leds/%s", names[c]);
        status = sg_results_put(out, path, &r->leds.count, x);
    }
    sg_free(x);
    return status;
}

static sg_status save_results(const sg_reconstruction *r, const double *losses, const char *path)
{
    sg_results *out;
    char *text = NULL;
    SG_TRY(sg_results_new(&out));
    sg_status status = save_sample(out, r);
    if (status == SG_OK) status = save_parameters(out, r);
    if (status == SG_OK) status = save_leds(out, r);
    if (status == SG_OK) status = sg_results_put(out, "/loss", &r->config.reconstruct.epochs, losses);
    if (status == SG_OK) status = sg_results_put_number(out, "/scale", r->scale);
    if (status == SG_OK) status = sg_config_write(&text, &r->config, SG_CONFIG_PORTABLE);
    if (status == SG_OK) status = sg_results_put_text(out, "/config", text);
    if (status == SG_OK) status = sg_results_save(out, path);
    sg_free(text);
    sg_results_free(out);
    return status;
}

/* ---- leds.csv ---- */

static sg_status save_csv(const sg_reconstruction *r, const char *path)
{
    static const char *const roles[] = {"fit", "validation", "held_out"};
    sg_text text = {0};
    sg_text_add(&text, "led,x_mm,y_mm,illumination_na,role,measured,predicted,log10_error,image_error\n");
    for (int k = 0; k < r->leds.count; k++) {
        const sg_led *led = &r->leds.led[k];
        const sg_led_score *s = &r->score[k];
        sg_text_add(&text, "%d,%.4f,%.4f,%.5f,%s,%.5g,%.5g,%.4f,%.4f\n", k, led->x_mm, led->y_mm,
                    hypot(led->s_x, led->s_y), roles[r->role[k]], s->measured, s->predicted,
                    log10(s->predicted / s->measured), s->image_error);
    }
    const sg_status status = text.status != SG_OK ? text.status : sg_file_write(path, text.data, text.len);
    sg_text_free(&text);
    return status;
}

/* ---- picture.png: the middle half of the field, so that single pixels of the reconstruction are seen ---- */

typedef sg_status (*fill)(sg_stage_picture *p, const sg_reconstruction *r, const sg_image *stack);

static sg_status crop(sg_stage_picture *p, const float *x, int side, double pixel_um)
{
    const int half = side / 2, at = side / 4;
    p->c = 1;
    p->h = p->w = half;
    p->pixel_um = pixel_um;
    SG_TRY(SG_ALLOC(&p->data, (size_t)half * (size_t)half, p->name));
    for (int y = 0; y < half; y++)
        memcpy(p->data + (size_t)y * (size_t)half, x + (size_t)(at + y) * (size_t)side + at, (size_t)half * sizeof *x);
    return SG_OK;
}

/* The picture under the LED nearest the axis. */
static sg_status fill_bright(sg_stage_picture *p, const sg_reconstruction *r, const sg_image *stack)
{
    const size_t len = (size_t)stack->height * (size_t)stack->width;
    int centre = 0;
    for (int k = 1; k < r->leds.count; k++)
        if (hypot(r->leds.led[k].s_x, r->leds.led[k].s_y) < hypot(r->leds.led[centre].s_x, r->leds.led[centre].s_y))
            centre = k;
    SG_TRY(crop(p, stack->data + (size_t)centre * len, stack->width, r->size.camera_pitch_um));
    for (int i = 0; i < p->h * p->w; i++) p->data[i] /= (float)r->scale;
    return SG_OK;
}

static sg_status fill_amplitude(sg_stage_picture *p, const sg_reconstruction *r, const sg_image *stack)
{
    (void)stack;
    SG_TRY(crop(p, sg_reconstruction_values(r, "sample.absorption"), r->size.sample_px,
                r->config.microscope.sample.pixel_um));
    for (int i = 0; i < p->h * p->w; i++) p->data[i] = (float)exp(-(double)p->data[i]);
    return SG_OK;
}

/* Its median is made 0: a constant phase is invisible. */
static sg_status fill_phase(sg_stage_picture *p, const sg_reconstruction *r, const sg_image *stack)
{
    (void)stack;
    SG_TRY(crop(p, sg_reconstruction_values(r, "sample.phase_rad"), r->size.sample_px,
                r->config.microscope.sample.pixel_um));
    const float median = (float)sg_percentile(p->data, (size_t)p->h * (size_t)p->w, 50);
    for (int i = 0; i < p->h * p->w; i++) p->data[i] -= median;
    return SG_OK;
}

static sg_status save_picture(const sg_reconstruction *r, const sg_image *stack, const char *path)
{
    static const struct panel {
        const char *name, *unit;
        fill make;
    } panels[] = {{"one bright-field picture", "1", fill_bright},
                  {"amplitude", "1", fill_amplitude},
                  {"phase", "rad", fill_phase}};
    sg_simulation s = {.config = &r->config, .size = r->size, .model = r->model};
    void *png = NULL;
    size_t size = 0;
    sg_status status = SG_OK;
    for (size_t i = 0; i < sizeof panels / sizeof *panels && status == SG_OK; i++) {
        s.list[s.count] = (sg_stage_picture){.name = panels[i].name, .unit = panels[i].unit, .long_name = ""};
        status = panels[i].make(&s.list[s.count++], r, stack);
    }
    if (status == SG_OK) status = sg_strip_draw(&png, &size, &s, NULL);
    if (status == SG_OK) status = sg_file_write(path, png, size);
    for (int i = 0; i < s.count; i++) sg_free(s.list[i].data);
    sg_free(png);
    return status;
}

sg_status sg_reconstruction_save(const sg_reconstruction *r, const sg_image *stack, const double *losses,
                                 const char *folder)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_path(path, folder, "results.h5"));
    SG_TRY(save_results(r, losses, path));
    SG_TRY(sg_run_path(path, folder, "leds.csv"));
    SG_TRY(save_csv(r, path));
    SG_TRY(sg_run_path(path, folder, "picture.png"));
    return save_picture(r, stack, path);
}
