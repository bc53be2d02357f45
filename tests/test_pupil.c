/* test_pupil.c - pupils beyond Zernike coefficients: a measured pupil or phase mask from a file gives the images of the
 * coefficients it was made from, files that do not fit are refused, and an unknown pupil is recovered from images under
 * known LEDs by learning its phase bin by bin. */
#include "lab.h"
#include "place.h"

#include "core/file.h"
#include "core/ops.h"
#include "core/rng.h"
#include "datasets/npy.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "physics/microscope.h"
#include "physics/optics.h"
#include "physics/zernike.h"
#include "pipeline/map_file.h"

#include <matio.h>
#include <stdio.h>
#include <stdlib.h>

/* field 32 um: bins of .53/32 NA; the pupil has a radius of 12.1 bins */
enum { N = 64, C = 32, TERMS = 15, LEDS = 49, SIDE = 48 };
static const double wavelength_um = .53, pixel_um = .5, na = .2;
static const double coefficient[TERMS] = {.1, 0, 0, .4, .25, -.3, .2, .1, -.2, .15, .3, -.1, .2, -.15, .1};

static const sg_microscope_config base = {
    .sample = {.size_px = N, .pixel_um = .5, .phase_rad = 2, .absorption = .3},
    .illumination =
        {.rows = 7, .columns = 7, .pitch_na = .05, .pattern = SG_PATTERN_ALL, .exposures = 1, .dose_ph = 200},
    .optics = {.wavelength_um = .53, .na = .2, .medium_index = 1, .magnification = 1},
    .camera =
        {.pixel_um = 1, .fill_factor = 1, .qe = 1, .full_well_e = 1e9, .normalise = SG_NORMALISE_RANGE, .range_e = 1e6},
    .read_pupil = sg_pupil_read,
};

/* sum_j c_j Z_j at (na_x, na_y), 0 outside the pupil. */
static double truth(double na_x, double na_y)
{
    sg_zernike_term term[TERMS];
    double z[TERMS], sum = 0;
    if (na_x * na_x + na_y * na_y > na * na) return 0;
    sg_zernike_terms(term, TERMS);
    sg_zernike_values(z, NULL, NULL, term, TERMS, na_x / na, na_y / na);
    for (int j = 0; j < TERMS; j++) sum += coefficient[j] * z[j];
    return sum;
}

typedef enum content { PHASE, POLAR, CARTESIAN } content;

/* (pages, SIDE, SIDE), `pitch` NA apart, axis at SIDE/2. */
static void table_fill(float *out, double pitch, content what)
{
    for (int i = 0; i < SIDE * SIDE; i++) {
        const double y = (i / SIDE - SIDE / 2) * pitch, x = (i % SIDE - SIDE / 2) * pitch, phase = truth(x, y);
        const double amplitude = 1 - 2 * (x * x + y * y);
        float *second = out + SIDE * SIDE;
        out[i] = (float)(what == PHASE ? phase : what == POLAR ? amplitude : amplitude * cos(phase));
        if (what != PHASE) second[i] = (float)(what == POLAR ? phase : amplitude * sin(phase));
    }
}

static void write_npy(const char *path, double pitch, content what)
{
    static float table[2 * SIDE * SIDE];
    table_fill(table, pitch, what);
    assert_int_equal(sg_npy_write(path, table, what == PHASE ? 1 : 2, SIDE, SIDE), SG_OK);
}

/* NumPy's complex64, by hand. */
static void write_complex_npy(const char *path, double pitch)
{
    static float table[2 * SIDE * SIDE];
    static struct {
        char header[128];
        float value[2 * SIDE * SIDE];
    } file;
    table_fill(table, pitch, CARTESIAN);
    memset(file.header, ' ', sizeof file.header);
    memcpy(file.header, "\x93NUMPY\x01\x00\x76\x00", 10);
    char text[118];
    const int used =
        snprintf(text, sizeof text, "{'descr': '<c8', 'fortran_order': False, 'shape': (%d, %d), }", SIDE, SIDE);
    memcpy(file.header + 10, text, (size_t)used);
    file.header[127] = '\n';
    for (int i = 0; i < SIDE * SIDE; i++) {
        file.value[2 * i] = table[i];
        file.value[2 * i + 1] = table[SIDE * SIDE + i];
    }
    assert_int_equal(sg_file_write(path, &file, sizeof file), SG_OK);
}

static void write_mat(const char *path, double pitch)
{
    static float table[2 * SIDE * SIDE];
    static double part[2][SIDE * SIDE];
    size_t dims[2] = {SIDE, SIDE};
    mat_complex_split_t split = {part[0], part[1]};
    table_fill(table, pitch, CARTESIAN);
    for (int i = 0; i < 2 * SIDE * SIDE; i++) /* columns first */
        part[i / (SIDE * SIDE)][i % SIDE * SIDE + i % (SIDE * SIDE) / SIDE] = (double)table[i];
    mat_t *mat = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    matvar_t *v = Mat_VarCreate("aberration", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, dims, &split, MAT_F_COMPLEX);
    assert_int_equal(Mat_VarWrite(mat, v, MAT_COMPRESSION_NONE), 0);
    Mat_VarFree(v);
    (void)Mat_Close(mat);
}

/* ---- images ---- */

static void fill_picture(double *out)
{
    for (int i = 0; i < N * N; i++) out[i] = .5 + .5 * check_random("picture", 0, (size_t)i);
}

/* The image of all LEDs (M, M), in double. */
static double *image_of(const sg_microscope_config *c, size_t *len)
{
    sg_microscope_stages stages;
    sg_graph *g = sg_graph_new();
    (void)sg_microscope(g, sg_input(g, "sample", SG_SHAPE(1, 1, N, N)), c, false, &stages);
    const sg_value image = sg_stage_value(&stages, "image");
    const sg_shape shape = sg_value_shape(g, image);
    *len = sg_shape_len(shape);
    lab l = lab_open(g, image, true, false);
    fill_picture(sg_plan_input(l.plan, "sample"));
    double *out = check_alloc(*len);
    memcpy(out, lab_run(&l), *len * sizeof *out);
    lab_close(&l);
    return out;
}

static double error_of(const sg_microscope_config *c, const sg_microscope_config *want)
{
    size_t len, other;
    double *x = image_of(c, &len), *y = image_of(want, &other);
    assert_int_equal(len, other);
    const double error = check_distance(x, y, len, 0) / check_max_abs(y, len);
    free(x);
    free(y);
    return error;
}

static sg_microscope_config with_file(const char *path, double file_na)
{
    sg_microscope_config c = base;
    (void)snprintf(c.optics.pupil_file, sizeof c.optics.pupil_file, "%s", path);
    c.optics.pupil_file_na = file_na;
    return c;
}

static sg_microscope_config with_zernike(void)
{
    sg_microscope_config c = base;
    memcpy(c.optics.zernike_rad, coefficient, sizeof coefficient);
    c.optics.zernike_count = TERMS;
    return c;
}

/* Numbers on the bins are taken as they are; on a grid of their own they are interpolated. */
static void test_file(void **state)
{
    (void)state;
    const double bin = wavelength_um / (N * pixel_um), fine_na = .25;
    const sg_microscope_config want = with_zernike();
    write_npy(place_path("bins.npy"), bin, PHASE);
    sg_microscope_config c = with_file(place_path("bins.npy"), 0);
    const double on_bins = error_of(&c, &want);
    write_npy(place_path("fine.npy"), 2 * fine_na / SIDE, PHASE);
    c = with_file(place_path("fine.npy"), fine_na);
    const double between = error_of(&c, &want);
    print_message("# phase file on the bins: %.2g; on a grid of 38 numbers across the pupil: %.2g\n", on_bins, between);
    assert_true(on_bins <= 1e-6);
    assert_true(between <= .03);
}

/* Amplitude and phase, complex .npy and complex MATLAB say the same. */
static void test_formats(void **state)
{
    (void)state;
    const double bin = wavelength_um / (N * pixel_um);
    write_npy(place_path("polar.npy"), bin, POLAR);
    write_complex_npy(place_path("complex.npy"), bin);
    write_mat(place_path("pupil.mat"), bin);
    const sg_microscope_config polar = with_file(place_path("polar.npy"), 0), plain = with_zernike();
    assert_true(error_of(&polar, &plain) > 1e-3); /* the amplitude counts */
    static const char *const same[] = {"complex.npy", "pupil.mat:aberration"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const sg_microscope_config c = with_file(place_path(same[i]), 0);
        const double error = error_of(&c, &polar);
        print_message("# %s: %.2g from amplitude and phase\n", same[i], error);
        assert_true(error <= 1e-6);
    }
}

static void expect_refused(const sg_microscope_config *c, const char *hint)
{
    sg_microscope_size size;
    assert_int_not_equal(sg_microscope_check(&size, c), SG_OK);
    if (!strstr(sg_error_text(), hint)) fail_msg("\"%s\" does not say %s", sg_error_text(), hint);
}

static void test_refused(void **state)
{
    (void)state;
    static float numbers[3 * SIDE * SIDE];
    sg_microscope_config c = with_file(place_path("absent.npy"), 0);
    expect_refused(&c, "absent.npy");
    write_npy(place_path("p.npy"), .01, PHASE);
    c = with_file(place_path("p.npy"), .15);
    expect_refused(&c, "ends at NA");
    c = with_file(place_path("p.npy"), 3);
    expect_refused(&c, "at least 8");
    c = with_file(place_path("p.npy"), 0);
    c.illumination.sampling = SG_LED_EXACT;
    expect_refused(&c, "snap");
    c = with_file(place_path("p.npy"), 0);
    c.read_pupil = NULL;
    expect_refused(&c, "reads no files");
    assert_int_equal(sg_npy_write(place_path("long.npy"), numbers, 1, SIDE, SIDE / 2), SG_OK);
    c = with_file(place_path("long.npy"), 0);
    expect_refused(&c, "square");
    assert_int_equal(sg_npy_write(place_path("pages.npy"), numbers, 3, SIDE, SIDE), SG_OK);
    c = with_file(place_path("pages.npy"), 0);
    expect_refused(&c, "pages");
    assert_int_equal(sg_npy_write(place_path("small.npy"), numbers, 1, 16, 16), SG_OK);
    c = with_file(place_path("small.npy"), 0);
    expect_refused(&c, "pupil_file_na");
    for (int i = 0; i < SIDE * SIDE; i++) numbers[i] = -1;
    assert_int_equal(sg_npy_write(place_path("dark.npy"), numbers, 2, SIDE, SIDE), SG_OK);
    c = with_file(place_path("dark.npy"), 0);
    expect_refused(&c, "amplitude");
    numbers[7] = NAN;
    assert_int_equal(sg_npy_write(place_path("nan.npy"), numbers, 1, SIDE, SIDE), SG_OK);
    c = with_file(place_path("nan.npy"), 0);
    expect_refused(&c, "nan.npy");
}

/* ---- an unknown pupil from images of a known object ---- */

enum { GROUP = 7, STEPS = 250 };

/* exp(-a + i phi) of a blurred random picture, wider than the pupil in frequency. */
static void fill_object(float *t)
{
    for (int i = 0; i < N * N; i++) {
        const double a = .2 * (1 + check_random("a", 0, (size_t)i)), phi = 1.5 * check_random("phi", 0, (size_t)i);
        t[2 * i] = (float)(exp(-a) * cos(phi));
        t[2 * i + 1] = (float)(exp(-a) * sin(phi));
    }
}

/* The image of every LED, GROUP exposures a node; `loss`: the sum of mean square differences of the amplitudes from the
 * inputs "measured.0" and so on. */
static sg_value build(sg_graph *g, sg_value phase, bool loss)
{
    static int bin[LEDS][2];
    const double bin_na = wavelength_um / (N * pixel_um), step = .05 / bin_na;
    const sg_shape one = SG_SHAPE(1, 1, 1, 1);
    const sg_pupil_grid grid = {N, N, 1 / (N * pixel_um), 1 / (N * pixel_um), wavelength_um, 1, SG_EDGE_HARD};
    const sg_param_spec zero = {.frozen = true}, aperture = {.init_a = na, .frozen = true};
    const sg_value none = sg_param(g, "none", one, &zero);
    const sg_value pupil = sg_pupil(g, none, none, sg_param(g, "na", one, &aperture), SG_NONE, phase, SG_NONE, &grid);
    const sg_value spectrum = sg_dft2(g, sg_input_complex(g, "object", SG_SHAPE(1, 1, N, N)));
    double pick[GROUP * GROUP] = {0}, power[GROUP];
    for (int i = 0; i < GROUP; i++) pick[i * (GROUP + 1)] = power[i] = 1;
    for (int k = 0; k < LEDS; k++) {
        bin[k][0] = (int)nearbyint((k / GROUP - 3) * step);
        bin[k][1] = (int)nearbyint((k % GROUP - 3) * step);
    }
    const sg_param_spec picked = {.init = SG_INIT_VALUES, .values = pick, .frozen = true},
                        powers = {.init = SG_INIT_VALUES, .values = power, .frozen = true};
    const sg_value w = sg_param(g, "w", SG_SHAPE(1, 1, GROUP, GROUP), &picked),
                   p = sg_param(g, "power", SG_SHAPE(1, 1, 1, GROUP), &powers);
    sg_value sum = SG_NONE;
    for (int i = 0; i < GROUP; i++) {
        const sg_value image = sg_led_image(g, spectrum, pupil, w, p, GROUP, bin[i * GROUP], 13, 13);
        const sg_value measured = sg_input(g, sg_graph_text(g, "measured.%d", i), SG_SHAPE(1, GROUP, N, N));
        sg_output(g, sg_graph_text(g, "image.%d", i), image);
        const sg_value part = loss ? sg_mse(g, sg_amplitude(g, image, 1e-3), sg_amplitude(g, measured, 1e-3)) : image;
        sum = sum.id < 0 ? part : sg_combine(g, sum, 1, part, 1);
    }
    return sum;
}

/* Images under the true pupil, with the shot noise of `photons` a pixel where the image is 1. */
static void measure(float *measured, double photons)
{
    sg_graph *g = sg_graph_new();
    const sg_value root = build(g, sg_input(g, "phase", SG_SHAPE(1, 1, N, N)), false);
    lab l = lab_open(g, root, false, false);
    const double bin_na = wavelength_um / (N * pixel_um);
    float *phase = sg_plan_input(l.plan, "phase");
    for (int i = 0; i < N * N; i++)
        phase[i] =
            (float)truth((i % N < N / 2 ? i % N : i % N - N) * bin_na, (i / N < N / 2 ? i / N : i / N - N) * bin_na);
    fill_object(sg_plan_input(l.plan, "object"));
    (void)lab_run(&l);
    const sg_rng rng = sg_rng_make(7, SG_RNG_TEST, 0, 0, 0);
    for (int i = 0; i < GROUP; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "image.%d", i);
        const float *image = sg_plan_output(l.plan, name);
        for (int k = 0; k < GROUP * N * N; k++) {
            const double mean = (double)image[k];
            const double noisy =
                mean + sqrt(mean / photons) * sg_rng_normal(&rng, (uint32_t)(i * GROUP * N * N + k), 0);
            measured[i * GROUP * N * N + k] = (float)(noisy > 0 ? noisy : 0);
        }
    }
    lab_close(&l);
}

/* rms over the pupil. Free are the mean, because piston leaves every image as it is (a tilt would shift them against
 * the known object), and whole turns of single bins. */
static double rms_error(const float *phase)
{
    const double bin_na = wavelength_um / (N * pixel_um);
    double error[N * N], re = 0, im = 0, square = 0;
    int count = 0;
    for (int i = 0; i < N * N; i++) {
        const double x = (i % N < N / 2 ? i % N : i % N - N) * bin_na, y = (i / N < N / 2 ? i / N : i / N - N) * bin_na;
        if (x * x + y * y > na * na) continue;
        error[count] = (double)phase[i] - truth(x, y);
        re += cos(error[count]);
        im += sin(error[count++]);
    }
    assert_in_range(count, 400, 500);
    const double mean = atan2(im, re);
    for (int i = 0; i < count; i++) square += pow(remainder(error[i] - mean, 6.28318530717958647692), 2);
    return sqrt(square / count);
}

static void test_recovery(void **state)
{
    (void)state;
    static float measured[LEDS * N * N];
    const sg_param_spec flat = {.lr = .05};
    const sg_optimiser_config adam = {.kind = SG_OPTIMISER_ADAM,
                                      .beta1 = .9,
                                      .beta2 = .999,
                                      .epsilon = 1e-12,
                                      .schedule = SG_SCHEDULE_COSINE,
                                      .final_lr_fraction = .02};
    measure(measured, 1000);
    sg_graph *g = sg_graph_new();
    const sg_value root = build(g, sg_param(g, "phase", SG_SHAPE(1, 1, N, N), &flat), true);
    lab l = lab_open(g, root, false, true);
    const float *phase = sg_model_find(l.model, "phase")->value;
    const double start = rms_error(phase);
    for (int step = 0; step < STEPS; step++) {
        fill_object(sg_plan_input(l.plan, "object"));
        for (int i = 0; i < GROUP; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "measured.%d", i);
            memcpy(sg_plan_input(l.plan, name), measured + i * GROUP * N * N, GROUP * N * N * sizeof *measured);
        }
        if (sg_plan_forward(l.plan) != SG_OK || sg_plan_backward(l.plan) != SG_OK ||
            sg_optimiser_step(l.model, l.plan, &adam, sg_schedule_factor(&adam, step, STEPS)) != SG_OK)
            fail_msg("%s", sg_error_text());
    }
    const double error = rms_error(phase);
    print_message("# pupil phase: rms error %.3f rad before, %.4f rad after %d steps\n", start, error, STEPS);
    assert_true(start > .5);
    if (!(error <= .05)) fail_msg("rms error %g rad", error);
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_recovery),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
