/* cmd_calibrate_leds.c - scopegrad calibrate leds CONFIG -o FOLDER: where the LED array stands; see calibrate_leds.h.
 * Writes leds.csv (places after the calibration), illumination.yaml (to paste into a config) and means.png. */
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "pipeline/args.h"
#include "pipeline/calibrate.h"
#include "pipeline/calibrate_leds.h"
#include "pipeline/cmd.h"
#include "pipeline/figure.h"
#include "pipeline/reconstruct_files.h"
#include "pipeline/run_folder.h"
#include "pipeline/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct job {
    sg_config config;
    sg_image stack;
    sg_led_array leds;
    sg_led_calibration found;
    sg_led_calibration_options start;
    const char *folder;
} job;

static double picture_mean(const sg_image *stack, int k)
{
    const size_t len = (size_t)stack->height * (size_t)stack->width;
    return sg_sum_f32(stack->data + (size_t)k * len, len) / (double)len;
}

static sg_status write_text(const job *j, const char *name, sg_text *text)
{
    char path[SG_PATH_MAX];
    sg_status status = text->status;
    if (status == SG_OK) status = sg_run_path(path, j->folder, name);
    if (status == SG_OK) status = sg_file_write(path, text->data, text->len);
    sg_text_free(text);
    return status;
}

static sg_status write_csv(const job *j)
{
    sg_text text = {0};
    sg_text_add(&text, "x_mm,y_mm,s_x,s_y,mean\n");
    for (int k = 0; k < j->leds.count; k++) {
        double p[2], s[2];
        sg_led_calibration_apply(&j->found, &j->leds, k, p, s);
        sg_text_add(&text, "%.5f,%.5f,%.7f,%.7f,%.6g\n", p[0], p[1], s[0], s[1], picture_mean(&j->stack, k));
    }
    return write_text(j, "leds.csv", &text);
}

static sg_status write_yaml(const job *j)
{
    const sg_led_calibration *c = &j->found;
    sg_text text = {0};
    sg_text_add(
        &text,
        "# scopegrad calibrate leds: shift (%.4f, %.4f) mm, rotation %.4f degrees against the array as described\n"
        "illumination:\n  geometry: csv\n  csv: leds.csv\n  height_mm: %.6g\n  slide_mm: %.6g\n"
        "  slide_index: %.6g\n",
        c->shift_x_mm, c->shift_y_mm, c->rotation_deg, c->height_mm, j->leds.slide_mm, j->leds.slide_index);
    return write_text(j, "illumination.yaml", &text);
}

/* ---- means.png: where the geometry is right, the mean of a picture is one curve over the illumination NA ---- */

typedef struct dot {
    double na, mean;
} dot;

static int by_na(const void *a, const void *b)
{
    const double x = ((const dot *)a)->na, y = ((const dot *)b)->na;
    return (x > y) - (x < y);
}

static void curve(const job *j, const sg_led_calibration *pose, dot *dots, double *x, double *y)
{
    for (int k = 0; k < j->leds.count; k++) {
        double p[2], s[2];
        sg_led_calibration_apply(pose, &j->leds, k, p, s);
        dots[k] = (dot){hypot(s[0], s[1]), picture_mean(&j->stack, k)};
    }
    qsort(dots, (size_t)j->leds.count, sizeof *dots, by_na);
    for (int k = 0; k < j->leds.count; k++) {
        x[k] = dots[k].na;
        y[k] = dots[k].mean > 0 ? dots[k].mean : (double)NAN;
    }
}

static sg_status write_figure(const job *j)
{
    const size_t n = (size_t)j->leds.count;
    const sg_led_calibration start = {.shift_x_mm = j->start.shift_x_mm,
                                      .shift_y_mm = j->start.shift_y_mm,
                                      .rotation_deg = j->start.rotation_deg,
                                      .height_mm = j->start.height_mm > 0 ? j->start.height_mm : j->leds.height_mm};
    const sg_figure_axes axes = {.x = "illumination NA", .y = "mean intensity of the picture", .log_y = true};
    char path[SG_PATH_MAX];
    double *x = NULL;
    dot *dots = NULL;
    sg_figure figure = {0};
    sg_status status = SG_OK;
    SG_TRY_DONE(SG_ALLOC(&x, 4 * n, "figure"));
    SG_TRY_DONE(SG_ALLOC(&dots, n, "figure"));
    curve(j, &start, dots, x, x + n);
    curve(j, &j->found, dots, x + 2 * n, x + 3 * n);
    const sg_figure_curve curves[] = {
        {.name = "start", .len = (int)n, .x = x, .mean = x + n},
        {.name = "calibrated", .strong = true, .len = (int)n, .x = x + 2 * n, .mean = x + 3 * n}};
    const sg_figure_panel panel = {.curves = curves, .count = 2};
    SG_TRY_DONE(sg_figure_curves(&figure, &axes, &panel, 1));
    SG_TRY_DONE(sg_run_path(path, j->folder, "means.png"));
    SG_TRY_DONE(sg_file_write(path, figure.png, figure.png_size));
done:
    sg_figure_free(&figure);
    sg_free(dots);
    sg_free(x);
    return status;
}

static void print_found(const job *j)
{
    const sg_led_calibration *c = &j->found;
    const double height_mm = j->start.height_mm > 0 ? j->start.height_mm : j->leds.height_mm;
    printf("%-14s %10s %10s\n", "", "start", "found");
    printf("%-14s %10.4f %10.4f\n%-14s %10.4f %10.4f\n", "shift x / mm", j->start.shift_x_mm, c->shift_x_mm,
           "shift y / mm", j->start.shift_y_mm, c->shift_y_mm);
    printf("%-14s %10.4f %10.4f\n%-14s %10.4f %10.4f\n", "rotation / deg", j->start.rotation_deg, c->rotation_deg,
           "height / mm", height_mm, c->height_mm);
    printf("%-14s %10.5f %10.5f\n", "residual", c->start_residual, c->residual);
    printf(
        "%d of %d pictures are bright field; contrast of the circles %.3f; one degree of rotation raises the residual "
        "by %.2g %%\n",
        c->bright, c->leds, c->contrast, 100 * c->rise_per_degree2);
}

static sg_status calibrate(job *j)
{
    const sg_microscope_config *m = &j->config.microscope;
    SG_TRY(sg_reconstruction_read(&j->stack, &j->config));
    SG_TRY(sg_led_calibration_find(&j->found, &j->config, &j->stack, &j->start));
    SG_TRY(sg_led_array_make(&j->leds, &m->illumination, m->optics.wavelength_um, 1));
    SG_TRY(sg_folder_make(j->folder));
    SG_TRY(write_csv(j));
    SG_TRY(write_yaml(j));
    print_found(j);
    return write_figure(j);
}

sg_status sg_calibrate_leds(int argc, char **argv)
{
    const char *path = NULL;
    bool done = false;
    int threads = 0;
    sg_option_list sets = {0};
    job j = {.folder = NULL};
    const sg_option list[] = {
        {"output", 'o', SG_OPTION_TEXT, &j.folder, "FOLDER",
         "leds.csv, illumination.yaml and means.png go here (needed)"},
        {"shift-x-mm", 0, SG_OPTION_REAL, &j.start.shift_x_mm, "X",
         "where the search starts, from the described places", -1e3, 1e3},
        {"shift-y-mm", 0, SG_OPTION_REAL, &j.start.shift_y_mm, "Y", "the same along y (down)", -1e3, 1e3},
        {"rotation-deg", 0, SG_OPTION_REAL, &j.start.rotation_deg, "ANGLE", "the same, from +x to +y", -180, 180},
        {"height-mm", 0, SG_OPTION_REAL, &j.start.height_mm, "H", "the same; 0: illumination.height_mm", 0, 1e5},
        {"fixed-height", 0, SG_OPTION_FLAG, &j.start.fixed_height, NULL, "the height is known"},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {"calibrate leds",
                            "CONFIG",
                            "Finds shift, rotation and height of an LED array from pictures under single LEDs "
                            "(dataset.path), by the circles "
                            "that the pupil leaves in the spectra of bright-field pictures.",
                            "scopegrad calibrate leds experiments/fourier_ptychography/config.yaml --set "
                            "dataset.path=stack.mat -o runs/leds",
                            list,
                            SG_COUNT(list),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (j.folder == NULL) SG_FAIL(SG_E_USAGE, "-o FOLDER is needed");
    SG_TRY(sg_cmd_config(&j.config, path, &sets));
    sg_threads_set(threads);
    const sg_status status = sg_cmd_blame(calibrate(&j), path, &sets);
    sg_led_array_free(&j.leds);
    sg_image_free(&j.stack);
    return status;
}
