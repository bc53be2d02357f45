/* test_reconstruct.c - Fourier ptychography and the LED calibration: a known sample, pupil and array are found again
 * from simulated pictures under single LEDs; bad stacks are refused; the real captures of a blood smear (skipped where
 * ../shared/data/fpm_led_blood is absent). */
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/mat.h"
#include "datasets/tiff.h"
#include "lab.h"
#include "physics/optics.h"
#include "pipeline/calibrate_leds.h"
#include "pipeline/config.h"
#include "pipeline/reconstruct.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N = 128, C = 64, GRID = 7, LEDS = GRID * GRID, TERMS = 8, BATCH = 8 };
static const double truth_z[TERMS] = {0, 0, 0, 0, .3, -.2, .25, .15};
static const double truth_defocus_um = 12;
static float absorption[N * N], phase[N * N], captures[LEDS * C * C];

/* ---- a microscope and what it sees ---- */

static sg_config make_config(void)
{
    sg_config c;
    sg_config_defaults(&c);
    sg_microscope_config *m = &c.microscope;
    m->sample.size_px = N;
    m->sample.pixel_um = .75;
    m->camera.pixel_um = 1.5;
    m->illumination.rows = m->illumination.columns = GRID;
    m->illumination.pitch_na = 0;
    m->illumination.pitch_mm = 3.2;
    m->illumination.height_mm = 90;
    m->illumination.sampling = SG_LED_EXACT;
    m->optics.wavelength_um = .5;
    m->optics.edge = SG_EDGE_SMOOTH;
    m->optics.zernike_count = TERMS;
    m->optics.learn_zernike = (sg_learn){true, .02};
    m->optics.learn_defocus = (sg_learn){true, 1};
    c.optimiser.schedule = SG_SCHEDULE_COSINE;
    c.reconstruct.stray_terms = 0;
    c.reconstruct.epochs = 30;
    c.reconstruct.lr = .05;
    (void)snprintf(c.dataset.path, sizeof c.dataset.path, "captures.tif");
    return c;
}

/* Soft discs that overlap: absorption to .3, phase to 1 rad each. */
static void draw_sample(void)
{
    for (int k = 0; k < 60; k++) {
        const sg_rng rng = sg_rng_make(5, SG_RNG_TEST, (uint32_t)k, 0, 0);
        const double x = N * sg_rng_uniform(&rng, 0, 0), y = N * sg_rng_uniform(&rng, 0, 1);
        const double radius = 2 + 6 * sg_rng_uniform(&rng, 0, 2), thick = sg_rng_uniform(&rng, 0, 3);
        for (int i = 0; i < N * N; i++) {
            const double dx = remainder(i % N - x, N), dy = remainder((double)(i / N) - y, N);
            const double inside = thick / (1 + exp(hypot(dx, dy) - radius));
            absorption[i] += (float)(.3 * inside * (k % 3 == 0));
            phase[i] += (float)inside;
        }
    }
}

/* A weak diffuser: every frequency is there, so that circles in the spectra have something to cut. */
static void draw_diffuser(void)
{
    const sg_rng rng = sg_rng_make(6, SG_RNG_TEST, 0, 0, 0);
    for (int i = 0; i < N * N; i++) {
        absorption[i] = (float)(.1 * sg_rng_uniform(&rng, (uint32_t)i, 0));
        phase[i] = (float)(.4 * sg_rng_uniform(&rng, (uint32_t)i, 1));
    }
}

static void light(const lab *l, const sg_led_array *array, const sg_config *c, const sg_led_pose_start *pose, int first)
{
    const double field_um = N * c->microscope.sample.pixel_um, angle = pose->rotation_deg * .017453292519943295;
    float *weight = sg_plan_input(l->plan, "led.weight"), *power = sg_plan_input(l->plan, "led.power");
    float *position = sg_plan_input(l->plan, "led.position_mm"), *bin = sg_plan_input(l->plan, "led.bin");
    for (int i = 0; i < BATCH; i++) {
        const sg_led *led = &array->led[first + i < LEDS ? first + i : 0];
        double s[2];
        sg_led_direction(s, NULL, cos(angle) * led->x_mm - sin(angle) * led->y_mm + pose->shift_x_mm,
                         sin(angle) * led->x_mm + cos(angle) * led->y_mm + pose->shift_y_mm, pose->height_mm, 0, 1);
        for (int j = 0; j < BATCH; j++) weight[BATCH * i + j] = i == j;
        power[i] = 1;
        position[2 * i] = (float)led->x_mm;
        position[2 * i + 1] = (float)led->y_mm;
        bin[2 * i] = (float)nearbyint(s[1] / c->microscope.optics.wavelength_um * field_um);
        bin[2 * i + 1] = (float)nearbyint(s[0] / c->microscope.optics.wavelength_um * field_um);
    }
}

/* captures (LEDS, C, C) of the sample with the true pupil, the array standing at `pose`. */
static void capture(const sg_led_pose_start *pose)
{
    sg_config c = make_config();
    sg_led_array array;
    memcpy(c.microscope.optics.zernike_rad, truth_z, sizeof truth_z);
    c.microscope.optics.defocus_um = truth_defocus_um;
    sg_graph *g = sg_graph_new();
    const sg_shape shape = SG_SHAPE(1, 1, N, N);
    const sg_value t = sg_transmission(g, sg_input(g, "absorption", shape), sg_input(g, "phase", shape));
    const sg_value pictures = sg_microscope_leds(g, t, &c.microscope, BATCH, pose);
    const lab l = lab_open(g, pictures, false, false);
    assert_int_equal(sg_led_array_make(&array, &c.microscope.illumination, .5, 96), SG_OK);
    for (int first = 0; first < LEDS; first += BATCH) {
        memcpy(sg_plan_input(l.plan, "absorption"), absorption, sizeof absorption);
        memcpy(sg_plan_input(l.plan, "phase"), phase, sizeof phase);
        light(&l, &array, &c, pose, first);
        const float *out = lab_run(&l);
        const int count = LEDS - first < BATCH ? LEDS - first : BATCH;
        memcpy(captures + (size_t)first * C * C, out, (size_t)count * C * C * sizeof *out);
    }
    sg_led_array_free(&array);
    lab whole = l;
    lab_close(&whole);
}

static const sg_image stack = {.pages = LEDS, .height = C, .width = C, .data = captures};

/* ---- reconstruction ---- */

static void fit(sg_reconstruction *r, const sg_config *c, const sg_image *pictures, bool flat)
{
    const sg_reconstruction_options options = {.flat_pupil = flat};
    double loss = 0;
    if (sg_reconstruction_open(r, c, pictures, &options) != SG_OK) fail_msg("%s", sg_error_text());
    for (int e = 0; e < c->reconstruct.epochs; e++)
        if (sg_reconstruction_epoch(r, e, &loss) != SG_OK) fail_msg("%s", sg_error_text());
    if (sg_reconstruction_score(r) != SG_OK) fail_msg("%s", sg_error_text());
}

/* rms of a - b without its mean. */
static double rms_without_mean(const float *a, const float *b, size_t len)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < len; i++) {
        const double d = (double)(a[i] - b[i]);
        sum += d;
        squares += d * d;
    }
    const double mean = sum / (double)len;
    return sqrt(squares / (double)len - mean * mean);
}

static void a_known_sample_and_pupil_are_found(void **state)
{
    const sg_config c = make_config();
    const sg_led_pose_start straight = {.height_mm = 90};
    static const float nothing[N * N];
    sg_reconstruction r, flat;
    (void)state;
    capture(&straight);
    fit(&r, &c, &stack, false);
    fit(&flat, &c, &stack, true);
    const double error = rms_without_mean(sg_reconstruction_values(&r, "sample.phase_rad"), phase, N * N);
    const double flat_error = rms_without_mean(sg_reconstruction_values(&flat, "sample.phase_rad"), phase, N * N);
    const double all = rms_without_mean(phase, nothing, N * N);
    const float *z = sg_reconstruction_values(&r, "microscope.pupil.zernike");
    const double defocus = (double)*sg_reconstruction_values(&r, "microscope.pupil.defocus_um");
    const sg_reconstruction_error held = sg_reconstruction_summary(&r, SG_LED_HELD_OUT);
    const sg_reconstruction_error held_flat = sg_reconstruction_summary(&flat, SG_LED_HELD_OUT);
    print_message("# phase of %.3f rad rms: error %.4f, flat pupil %.4f\n", all, error, flat_error);
    print_message("# held out, %d LEDs: log10 mean %.4f (flat %.4f), image %.4f (flat %.4f)\n", held.count,
                  held.log10_rms, held_flat.log10_rms, held.image_error, held_flat.image_error);
    for (int j = 4; j < TERMS; j++) lab_near((double)z[j], truth_z[j], .05, "Zernike coefficient / rad, Noll", j + 1);
    lab_near(defocus, truth_defocus_um, 2, "defocus / um", 0);
    assert_true(error <= .1 * all && error <= .5 * flat_error);
    assert_int_equal(held.count, 5);
    assert_true(held.log10_rms <= .03 && held.log10_rms <= held_flat.log10_rms);
    assert_true(held.image_error <= .5 * held_flat.image_error);
    sg_reconstruction_free(&r);
    sg_reconstruction_free(&flat);
}

/* The held-out pictures do not touch the fit: other numbers there, the same sample to the bit. */
static void held_out_pictures_are_never_seen(void **state)
{
    sg_config c = make_config();
    sg_reconstruction r[2];
    (void)state;
    c.reconstruct.epochs = 2;
    fit(&r[0], &c, &stack, false);
    for (int k = 0; k < LEDS; k++)
        for (int i = 0; i < C * C && r[0].role[k] == SG_LED_HELD_OUT; i++)
            captures[k * C * C + i] = captures[k * C * C + i] * 3 + 1;
    fit(&r[1], &c, &stack, false);
    assert_memory_equal(sg_reconstruction_values(&r[0], "sample.phase_rad"),
                        sg_reconstruction_values(&r[1], "sample.phase_rad"), N * N * sizeof(float));
    assert_true(r[0].scale == r[1].scale);
    for (int i = 0; i < 2; i++) sg_reconstruction_free(&r[i]);
}

/* ---- calibration ---- */

static void check_calibration(const sg_led_pose_start *truth, double off_x, double off_y, double off_deg)
{
    const sg_config c = make_config();
    const sg_led_calibration_options start = {truth->shift_x_mm + off_x, truth->shift_y_mm + off_y,
                                              truth->rotation_deg + off_deg, 0, false};
    sg_led_calibration found;
    if (sg_led_calibration_find(&found, &c, &stack, &start) != SG_OK) fail_msg("%s", sg_error_text());
    print_message("# shift %+.4f %+.4f mm, rotation %+.4f degrees, height %+.3f mm beside the truth\n",
                  found.shift_x_mm - truth->shift_x_mm, found.shift_y_mm - truth->shift_y_mm,
                  found.rotation_deg - truth->rotation_deg, found.height_mm - truth->height_mm);
    lab_near(found.shift_x_mm, truth->shift_x_mm, .2, "shift x / mm", off_x);
    lab_near(found.shift_y_mm, truth->shift_y_mm, .2, "shift y / mm", off_y);
    lab_near(found.rotation_deg, truth->rotation_deg, .1, "rotation / degrees", off_deg);
    lab_near(found.height_mm, truth->height_mm, 2, "height / mm", truth->height_mm);
}

static void an_array_out_of_place_is_found(void **state)
{
    const sg_led_pose_start truth = {.shift_x_mm = .6, .shift_y_mm = -.4, .rotation_deg = .8, .height_mm = 88};
    (void)state;
    draw_diffuser();
    capture(&truth);
    check_calibration(&truth, 0, 0, 0);
    check_calibration(&truth, 1.414, -1.414, 1);
    check_calibration(&truth, -1.414, -1.414, -1);
}

/* ---- what is refused ---- */

static void refuse(const sg_config *c, const sg_image *pictures, const char *word)
{
    const sg_reconstruction_options options = {.flat_pupil = false};
    sg_reconstruction r;
    assert_int_not_equal(sg_reconstruction_open(&r, c, pictures, &options), SG_OK);
    if (!strstr(sg_error_text(), word)) fail_msg("\"%s\" does not name %s", sg_error_text(), word);
    sg_reconstruction_free(&r);
}

static void bad_stacks_are_refused(void **state)
{
    const sg_led_pose_start straight = {.height_mm = 90};
    sg_config c = make_config();
    sg_image other = stack;
    (void)state;
    capture(&straight);
    other.pages = LEDS - 1;
    refuse(&c, &other, "48 pictures, but the illumination has 49 LEDs");
    other = stack;
    other.height = other.width = C / 2;
    refuse(&c, &other, "32 x 32 px, but the microscope makes 64 x 64");
    c.microscope.illumination.pitch_mm = 20;
    c.microscope.illumination.rows = c.microscope.illumination.columns = 3;
    other.pages = 9;
    refuse(&c, &other, "do not overlap");
    c = make_config();
    c.microscope.illumination.pitch_mm = 16;
    refuse(&c, &stack, "sample.pixel_um");
    c = make_config();
    c.reconstruct.held_out = .9;
    c.microscope.illumination.rows = 1;
    other = stack;
    other.pages = GRID;
    refuse(&c, &other, "reconstruct.held_out");
    c = make_config();
    c.microscope.sample.kind = SG_SAMPLE_INCOHERENT;
    refuse(&c, &stack, "sample.kind");
    c = make_config();
    captures[5 * C * C] = NAN;
    refuse(&c, &stack, "captures.tif");
    memset(captures, 0, sizeof captures);
    refuse(&c, &stack, "no light");
}

static void refuse_calibration(const sg_config *c, const sg_image *pictures, const char *word)
{
    const sg_led_calibration_options start = {.shift_x_mm = 0};
    sg_led_calibration found;
    assert_int_not_equal(sg_led_calibration_find(&found, c, pictures, &start), SG_OK);
    if (!strstr(sg_error_text(), word)) fail_msg("\"%s\" does not name %s", sg_error_text(), word);
}

static void calibrations_without_circles_are_refused(void **state)
{
    const sg_led_pose_start straight = {.height_mm = 90};
    sg_config c = make_config();
    sg_image other = stack;
    (void)state;
    memset(captures, 0, sizeof captures);
    refuse_calibration(&c, &stack, "no light");
    for (int i = 0; i < LEDS * C * C; i++) captures[i] = i < 2 * C * C ? 1 : .01f;
    refuse_calibration(&c, &stack, "2 bright-field pictures");
    const sg_rng rng = sg_rng_make(1, SG_RNG_TEST, 0, 0, 0);
    for (int i = 0; i < LEDS * C * C; i++) captures[i] = (float)(1 + .2 * sg_rng_uniform(&rng, (uint32_t)i, 0));
    refuse_calibration(&c, &stack, "calibrate leds:"); /* noise has no circles */
    capture(&straight);
    other.pages = 3;
    refuse_calibration(&c, &other, "49 LEDs");
    other = stack;
    other.height = C / 2;
    refuse_calibration(&c, &other, "not square");
    c.microscope.optics.na = .01;
    refuse_calibration(&c, &stack, "optics.na");
}

/* ---- the commands ---- */

#define SMALL                                                                                                          \
    "--set sample.size_px=128 --set sample.pixel_um=.75 --set camera.pixel_um=1.5 --set illumination.rows=7 "          \
    "--set illumination.columns=7 --set illumination.pitch_na=none --set illumination.pitch_mm=3.2 "                   \
    "--set illumination.height_mm=90 --set illumination.sampling=exact --set optics.wavelength_um=.5 "                 \
    "--set optics.edge=smooth --set reconstruct.epochs=2 "

static void commands_leave_files(void **state)
{
    const sg_led_pose_start straight = {.height_mm = 90};
    (void)state;
    capture(&straight);
    const sg_tiff tiff = {LEDS, C, C, 32, captures, 1.5};
    assert_int_equal(sg_tiff_write(place_path("captures.tif"), &tiff), SG_OK);
    place_put_text("config.yaml", "dataset: {kind: stack, path: captures.tif}\n");
    assert_int_equal(place_run("reconstruct config.yaml " SMALL "-q -o fpm"), 0);
    assert_int_equal(place_shell("test -s fpm/results.h5 -a -s fpm/leds.csv -a -s fpm/picture.png"), 0);
    assert_int_equal(place_run("reconstruct config.yaml " SMALL "-q -o again -t 1"), 0);
    assert_int_equal(place_shell("cmp fpm/results.h5 again/results.h5"), 0); /* the same bits at any thread count */
    assert_int_equal(place_run("calibrate leds config.yaml " SMALL "-o leds --shift-x-mm 1"), 0);
    assert_int_equal(place_shell("test -s leds/leds.csv -a -s leds/illumination.yaml -a -s leds/means.png"), 0);
    assert_int_equal(place_run("reconstruct config.yaml " SMALL "-o x --set dataset.path=absent.tif"), 1);
    assert_int_equal(place_run("reconstruct config.yaml " SMALL "-o x --set illumination.rows=6"), 1);
    assert_int_equal(place_run("reconstruct config.yaml " SMALL), 2);
    assert_int_equal(place_run("calibrate"), 2);
    assert_int_equal(place_run("calibrate lens config.yaml"), 2);
}

/* ---- real captures ---- */

static bool open_captures(sg_image *out, sg_config *c, const char *colour, double wavelength_um)
{
    const char *source = getenv("SG_TEST_SOURCE");
    char base[512];
    (void)snprintf(base, sizeof base, "%s/../shared/data/fpm_led_blood/dev/bloodsmear_%s", source ? source : ".",
                   colour);
    *c = make_config();
    sg_microscope_config *m = &c->microscope;
    (void)snprintf(m->illumination.csv, sizeof m->illumination.csv, "%s_leds.csv", base);
    (void)snprintf(c->dataset.path, sizeof c->dataset.path, "%s.mat", base);
    if (access(c->dataset.path, R_OK) != 0) return false;
    m->illumination.geometry = SG_LED_CSV;
    m->illumination.height_mm = 90.88;
    m->illumination.slide_mm = 1;
    m->optics.wavelength_um = wavelength_um;
    m->sample.size_px = 416;
    m->sample.pixel_um = 128 * 1.845 / 416;
    m->camera.pixel_um = 1.845;
    c->reconstruct.stray_terms = 8;
    c->reconstruct.stray_lr = 3e-3;
    c->reconstruct.epochs = 4;
    if (sg_mat_read_array(out, c->dataset.path, "imlow_HDR") != SG_OK) fail_msg("%s", sg_error_text());
    return true;
}

/* From 2 mm and 1 degree off, the three colours agree where the array stands: they were taken with one array. Shift
 * within .2 mm of the description; its rotation of 0 is what the captures contradict
 * (experiments/fourier_ptychography). */
static void real_arrays_are_found(void **state)
{
    static const struct colour {
        const char *name;
        double wavelength_um;
    } colours[] = {{"red", .63}, {"green", .532}, {"blue", .475}};
    static const sg_led_calibration_options starts[] = {{0, 0, 0, 0, false}, {1.414, -1.414, 1, 0, false}};
    double rotation[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        sg_config c;
        sg_image image;
        sg_led_calibration found[2];
        if (!open_captures(&image, &c, colours[i].name, colours[i].wavelength_um)) {
            print_message("# skipped: no ../shared/data/fpm_led_blood\n");
            skip();
        }
        for (int k = i > 0; k < 2; k++)
            if (sg_led_calibration_find(&found[k], &c, &image, &starts[k]) != SG_OK) fail_msg("%s", sg_error_text());
        print_message("# %s: shift %.3f %.3f mm, rotation %.3f degrees, height %.2f mm\n", colours[i].name,
                      found[1].shift_x_mm, found[1].shift_y_mm, found[1].rotation_deg, found[1].height_mm);
        if (i == 0) lab_near(found[1].rotation_deg, found[0].rotation_deg, .1, "rotation from another start", i);
        lab_near(found[1].shift_x_mm, 0, .2, "shift x / mm", i);
        lab_near(found[1].shift_y_mm, 0, .2, "shift y / mm", i);
        rotation[i] = found[1].rotation_deg;
        sg_image_free(&image);
    }
    lab_near(rotation[0], rotation[1], .1, "rotation, red and green", 0);
    lab_near(rotation[2], rotation[1], .1, "rotation, blue and green", 0);
}

/* A few passes only: the whole fit is the experiment. */
static void real_captures_are_predicted(void **state)
{
    sg_config c;
    sg_image image;
    sg_reconstruction r;
    (void)state;
    if (!open_captures(&image, &c, "red", .63)) {
        print_message("# skipped: no ../shared/data/fpm_led_blood\n");
        skip();
    }
    fit(&r, &c, &image, false);
    const sg_reconstruction_error held = sg_reconstruction_summary(&r, SG_LED_HELD_OUT);
    print_message("# red, 4 passes: held out rms of log10 mean %.4f, image error %.4f\n", held.log10_rms,
                  held.image_error);
    assert_int_equal(held.count, 23);
    assert_true(held.log10_rms <= .1 && held.image_error <= .4);
    sg_reconstruction_free(&r);
    sg_image_free(&image);
}

static int make_all(void **state)
{
    draw_sample();
    return place_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_sample_and_pupil_are_found),
        cmocka_unit_test(held_out_pictures_are_never_seen),
        cmocka_unit_test(an_array_out_of_place_is_found),
        cmocka_unit_test(bad_stacks_are_refused),
        cmocka_unit_test(calibrations_without_circles_are_refused),
        cmocka_unit_test(commands_leave_files),
        cmocka_unit_test(real_arrays_are_found),
        cmocka_unit_test(real_captures_are_predicted),
    };
    if (getenv("SG_TEST_ONLY")) cmocka_set_test_filter(getenv("SG_TEST_ONLY"));
    return cmocka_run_group_tests(tests, make_all, place_remove);
}
