/* test_stack.c - training through a measured stack. The captures are made here: a phase object seen by our own
 * led_image under each LED alone. A phase object is invisible in symmetric bright field and visible under one-sided
 * light (PHYSICS section 7.2), so learned light must leave bright field far behind. */
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/image.h"
#include "datasets/tiff.h"
#include "lab.h"
#include "physics/microscope.h"
#include "pipeline/config.h"
#include "pipeline/log.h"
#include "pipeline/results.h"
#include "pipeline/train.h"
#include "place.h"

#include <matio.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIELD = 128, FINE = 2 * FIELD, GRID = 5, LEDS = GRID * GRID, WINDOW = 32 };
static const double pitch_na = .04;

/* ---- the captures ---- */

/* Discs with soft edges all over the field, between 0 and 1. */
static void draw_cells(float *picture)
{
    for (int i = 0; i < FINE * FINE; i++) picture[i] = 0;
    for (int k = 0; k < 40; k++) {
        const sg_rng rng = sg_rng_make(3, SG_RNG_TEST, (uint32_t)k, 0, 0);
        const double x = FINE * sg_rng_uniform(&rng, 0, 0), y = FINE * sg_rng_uniform(&rng, 0, 1),
                     radius = 8 + 8 * sg_rng_uniform(&rng, 0, 2);
        for (int i = 0; i < FINE * FINE; i++) {
            const double inside = 1 / (1 + exp((hypot(i % FINE - x, (double)(i / FINE) - y) - radius) / 1.5));
            if (!(inside <= (double)picture[i])) picture[i] = (float)inside;
        }
    }
}

static sg_microscope_config scope_of_captures(void)
{
    sg_config config;
    sg_config_defaults(&config);
    config.microscope.sample = (sg_sample_config){.size_px = FINE, .pixel_um = .5, .phase_rad = 1.5};
    config.microscope.illumination.rows = config.microscope.illumination.columns = GRID;
    config.microscope.illumination.pitch_na = pitch_na;
    config.microscope.illumination.exposures = 1;
    return config.microscope;
}

/* (LEDS, FIELD, FIELD): the intensity under each LED alone at weight 1. */
static void capture(float *stack)
{
    const sg_microscope_config config = scope_of_captures();
    sg_microscope_stages stages;
    sg_graph *g = sg_graph_new();
    const sg_value sample = sg_input(g, "sample", SG_SHAPE(1, 1, FINE, FINE));
    (void)sg_microscope(g, sample, &config, false, &stages);
    sg_output(g, "image", sg_stage_value(&stages, "image"));
    lab l = lab_open(g, sg_stage_value(&stages, "image"), false, false);
    sg_param_info *weight = sg_model_find(l.model, "microscope.led.weight");
    assert_int_equal(weight->len, LEDS);
    assert_true(sg_shape_equal(sg_plan_shape(l.plan, "image"), SG_SHAPE(1, 1, FIELD, FIELD)));
    draw_cells(sg_plan_input(l.plan, "sample"));
    for (int k = 0; k < LEDS; k++) {
        for (int i = 0; i < LEDS; i++) weight->value[i] = i == k;
        memcpy(stack + (size_t)k * FIELD * FIELD, lab_run(&l), FIELD * FIELD * sizeof *stack);
    }
    lab_close(&l);
}

/* MATLAB keeps columns together: element (y, x, k) stands at y + FIELD (x + FIELD k). */
static void write_captures(const char *path, const float *stack)
{
    size_t dims[3] = {FIELD, FIELD, LEDS};
    float *columns = NULL;
    assert_int_equal(SG_ALLOC(&columns, (size_t)LEDS * FIELD * FIELD, "test"), SG_OK);
    for (int k = 0; k < LEDS; k++)
        for (int y = 0; y < FIELD; y++)
            for (int x = 0; x < FIELD; x++) columns[y + FIELD * (x + FIELD * k)] = stack[(k * FIELD + y) * FIELD + x];
    mat_t *mat = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    matvar_t *variable = Mat_VarCreate("captures", MAT_C_SINGLE, MAT_T_SINGLE, 3, dims, columns, 0);
    assert_true(mat && variable);
    assert_int_equal(Mat_VarWrite(mat, variable, MAT_COMPRESSION_NONE), 0);
    Mat_VarFree(variable);
    (void)Mat_Close(mat);
    sg_free(columns);
}

static void write_leds(const char *path)
{
    char text[4096] = "na_x,na_y\n";
    for (int k = 0; k < LEDS; k++) {
        const size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "%.3f,%.3f\n", (k % GRID - GRID / 2) * pitch_na,
                       (k / GRID - GRID / 2) * pitch_na);
    }
    assert_int_equal(sg_file_write(path, text, strlen(text)), SG_OK);
}

static const char config_text[] =
    "sample: {kind: stack, size_px: 32, pixel_um: 1.0}\n"
    "illumination: {geometry: csv, csv: leds.csv, dose_ph: 1000}\n"
    "camera: {pixel_um: 1.0}\n"
    "network: {width: 8, depth: 2}\n"
    "loss: {kind: mse}\n"
    "optimiser: {lr: 5e-3}\n"
    "dataset: {kind: stack, path: captures.mat, stack_variable: captures, stack_leds_csv: leds.csv, stack_stride_px: 8,"
    " target: dpc}\n"
    "train: {steps: 60, validate_every: 20}\n"
    "sweep:\n"
    "  title: Made-up captures\n"
    "  arms:\n"
    "    brightfield: {illumination.pattern: brightfield}\n"
    "    learned: {illumination.jitter: 1, illumination.learn: {learn: true, lr: 0.02}}\n";

static int make_place(void **state)
{
    float *stack = NULL;
    if (place_make(state) != 0 || SG_ALLOC(&stack, (size_t)LEDS * FIELD * FIELD, "test") != SG_OK) return -1;
    capture(stack);
    write_captures(place_path("captures.mat"), stack);
    write_leds(place_path("leds.csv"));
    place_put_text("config.yaml", config_text);
    sg_free(stack);
    return 0;
}

/* ---- the tests ---- */

static double number(const char *file, const char *path)
{
    char name[512];
    double value;
    sg_results_file *results;
    (void)snprintf(name, sizeof name, "%s/%s", place, file);
    if (sg_results_open(&results, name) != SG_OK) fail_msg("%s", sg_error_text());
    if (sg_results_read_scalar(results, path, &value) != SG_OK) fail_msg("%s", sg_error_text());
    sg_results_close(results);
    return value;
}

static double last_validation(const char *run)
{
    char path[512];
    sg_log log = {0};
    (void)snprintf(path, sizeof path, "%s/%s/log.csv", place, run);
    if (sg_log_open(&log, path, &sg_task_regress, 1 << 20) != SG_OK) fail_msg("%s", sg_error_text());
    assert_true(log.count > 0);
    const double loss = log.rows[log.count - 1].validation_loss;
    sg_log_free(&log);
    return loss;
}

/* One sweep: both arms as processes, the data given by --set as on a user's machine. */
static void learned_light_beats_bright_field(void **state)
{
    double loss[2];
    (void)state;
    assert_int_equal(place_run("demo config.yaml -o runs -j 1 -q --set dataset.path=captures.mat"), 0);
    assert_int_equal(place_shell("for arm in brightfield learned; do ln -s runs/$(awk -F, -v arm=$arm '$2 == arm "
                                 "{print $1}' runs/runs.csv) runs/$arm; done"),
                     0);
    loss[0] = last_validation("runs/brightfield");
    loss[1] = last_validation("runs/learned");
    print_message("# validation mse: bright field %.3f, learned %.3f\n", loss[0], loss[1]);
    assert_true(loss[0] > 0 && loss[1] > 0 && loss[1] < .8 * loss[0]);
    const double mse[2] = {number("runs/brightfield/results.h5", "/metrics/mse"),
                           number("runs/learned/results.h5", "/metrics/mse")};
    print_message("# test mse: bright field %.3f, learned %.3f\n", mse[0], mse[1]);
    assert_true(mse[1] < .8 * mse[0]);
}

static void the_same_assignments_resume_and_others_are_refused(void **state)
{
    (void)state;
    assert_int_equal(place_run("demo config.yaml -o runs -j 1 -q --set dataset.path=captures.mat"), 0);
    assert_int_equal(place_run("demo config.yaml -o runs -j 1 -q"), 2);
    assert_int_equal(place_run("demo config.yaml -o other -j 1 -q --set dataset.path"), 2);
    assert_int_equal(place_run("demo config.yaml -o other -j 1 -q --set camera.bit_depth=17"), 2);
    assert_int_not_equal(place_run("evaluate other"), 0);
}

static void the_report_is_one_of_a_regression(void **state)
{
    char path[512];
    void *page;
    size_t size;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/runs/report.html", place);
    if (sg_file_read(&page, &size, path, 0) != SG_OK) fail_msg("%s", sg_error_text());
    char *text = realloc(page, size + 1);
    assert_non_null(text);
    text[size] = 0;
    assert_non_null(strstr(text, "mean square error"));
    assert_non_null(strstr(text, "<th>error</th>"));
    assert_null(strstr(text, "Dice"));
    assert_null(strstr(text, "probability"));
    free(text);
}

static void evaluate_repeats_the_run(void **state)
{
    (void)state;
    assert_int_equal(place_run("evaluate runs/learned -o again.h5"), 0);
    assert_true(number("again.h5", "/metrics/mse") == number("runs/learned/results.h5", "/metrics/mse"));
    assert_int_equal(place_run("evaluate runs/learned --data captures.mat -o other.h5"), 0);
    assert_true(number("again.h5", "/metrics/mse") == number("other.h5", "/metrics/mse"));
    assert_true(number("again.h5", "/metrics/mse") ==
                number("again.h5", "/metrics/loss")); /* 13 windows, batches of 8 */
    assert_int_not_equal(place_run("evaluate runs/learned --data leds.csv"), 0);
}

/* What the camera measured gives the predictions of the run, through --measured. */
static void predict_takes_camera_pictures(void **state)
{
    char path[512];
    sg_results_file *file;
    int rank, dims[SG_RESULTS_RANK];
    float *adu, *prediction;
    sg_image image;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/runs/learned/results.h5", place);
    if (sg_results_open(&file, path) != SG_OK) fail_msg("%s", sg_error_text());
    assert_int_equal(sg_results_read_f32(file, "/examples/adu", &adu, &rank, dims), SG_OK);
    assert_int_equal(sg_results_read_f32(file, "/examples/prediction", &prediction, &rank, dims), SG_OK);
    sg_results_close(file);
    (void)snprintf(path, sizeof path, "%s/adu.tif", place);
    const sg_tiff tiff = {1, WINDOW, WINDOW, 32, adu, 1};
    assert_int_equal(sg_tiff_write(path, &tiff), SG_OK);
    assert_int_equal(place_run("predict runs/learned -i adu.tif -o guess.tif"), 2);
    assert_int_equal(place_run("predict runs/learned --measured -i adu.tif -o guess.tif"), 0);
    (void)snprintf(path, sizeof path, "%s/guess.tif", place);
    if (sg_image_read(&image, path) != SG_OK) fail_msg("%s", sg_error_text());
    assert_true(image.width == WINDOW && image.height == WINDOW);
    for (int i = 0; i < WINDOW * WINDOW; i++)
        lab_near((double)image.data[i], (double)prediction[i], 1e-5, "prediction", i);
    sg_image_free(&image);
    sg_free(adu);
    sg_free(prediction);
}

/* A stack needs both: a sample of kind stack and a dataset of kind stack. */
static void halves_of_a_stack_are_refused(void **state)
{
    (void)state;
    assert_int_equal(
        place_run("train config.yaml -o half1 -q --no-report --set dataset.kind=synthetic --set dataset.target=mask"),
        2);
    assert_int_equal(place_run("train config.yaml -o half2 -q --no-report --set sample.kind=coherent"), 2);
    assert_int_equal(place_run("train config.yaml -o half3 -q --no-report --set loss.kind=dice_bce"), 2);
    assert_int_equal(place_run("simulate config.yaml -i adu.tif -o stages.h5"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learned_light_beats_bright_field),
        cmocka_unit_test(the_same_assignments_resume_and_others_are_refused),
        cmocka_unit_test(the_report_is_one_of_a_regression),
        cmocka_unit_test(evaluate_repeats_the_run),
        cmocka_unit_test(predict_takes_camera_pictures),
        cmocka_unit_test(halves_of_a_stack_are_refused),
    };
    return cmocka_run_group_tests(tests, make_place, place_remove);
}
