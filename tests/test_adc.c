/* test_adc.c - ADCs with thresholds of their own, pixels of different bits, single-photon detectors. */
#include "lab.h"

#include "physics/adc.h"
#include "physics/binomial.h"
#include "physics/camera.h"
#include "physics/microscope.h"
#include "physics/spad.h"

#include <stdlib.h>

enum { H = 24, W = 20, PIXELS = H * W, IMAGES = 2, LEN = IMAGES * PIXELS };
static const sg_adc_width WIDTH = {.5, .1};

static void fill(const lab *l, const char *name, size_t len, double lo, double hi)
{
    float *x = sg_plan_input(l->plan, name);
    for (size_t i = 0; i < len; i++) x[i] = (float)(lo + (hi - lo) * .5 * (1 + check_random(name, 0, i)));
}

static sg_value fixed(sg_graph *g, const char *name, sg_shape shape, const double *values)
{
    return sg_param(g, name, shape, &(sg_param_spec){.init = SG_INIT_VALUES, .values = values});
}

/* `rows` rows of the thresholds and levels of an even ADC. */
static sg_adc_tables even_tables(sg_graph *g, int rows, int bits, double range_e, double offset_adu)
{
    const int top = (1 << bits) - 1;
    double *threshold = check_alloc((size_t)(rows * top)), *level = check_alloc((size_t)(rows * (top + 1)));
    for (int i = 0; i < rows * top; i++) threshold[i] = (i % top + .5 - offset_adu) * range_e / top;
    for (int i = 0; i < rows * (top + 1); i++) level[i] = i % (top + 1);
    const sg_adc_tables t = {.threshold = fixed(g, "threshold", SG_SHAPE(1, 1, rows, top), threshold),
                             .level = fixed(g, "level", SG_SHAPE(1, 1, rows, top + 1), level),
                             .row = SG_NONE,
                             .weight = SG_NONE,
                             .range_e = fixed(g, "range", SG_SHAPE(1, 1, 1, 1), &range_e)};
    free(threshold);
    free(level);
    return t;
}

typedef enum adc_kind { CAMERA, SOFT, SHARED, PER_PIXEL } adc_kind;

static void run_even(float *out, adc_kind kind, int bits)
{
    sg_graph *g = sg_graph_new();
    const double range_e = 100, offset_adu = bits > 1 ? .5 : 0;
    const sg_value e = sg_input(g, "e", SG_SHAPE(IMAGES, 1, H, W)),
                   range = fixed(g, "range", SG_SHAPE(1, 1, 1, 1), &range_e);
    const sg_camera_attr attr = {
        .electrons = 1, .offset_adu = offset_adu, .bit_depth = bits, .stop_after = SG_CAMERA_ADC};
    sg_value adu = SG_NONE;
    if (kind == CAMERA) adu = sg_camera(g, e, range, &attr);
    if (kind == SOFT) adu = sg_adc_soft(g, e, range, bits, offset_adu, WIDTH);
    if (kind >= SHARED) {
        const sg_adc_tables tables = even_tables(g, kind == PER_PIXEL ? PIXELS : 1, bits, range_e, offset_adu);
        adu = sg_adc_threshold(g, e, &tables, bits, false, WIDTH);
    }
    lab l = lab_open(g, adu, false, false);
    fill(&l, "e", LEN, 0, 130);
    memcpy(out, lab_run(&l), LEN * sizeof *out);
    lab_close(&l);
}

/* The camera's own ADC, the soft one, and even thresholds, one row or one a pixel: the same codes. */
static void test_even(void **state)
{
    (void)state;
    static float want[LEN], got[LEN];
    for (int bits = 1; bits <= 8; bits++) {
        int high = 0;
        run_even(want, CAMERA, bits);
        for (int i = 0; i < LEN; i++) high += want[i] == (float)((1 << bits) - 1);
        assert_true(high > LEN / 8);
        for (adc_kind kind = SOFT; kind <= (bits <= 4 ? PER_PIXEL : SHARED); kind++) {
            run_even(got, kind, bits);
            for (int i = 0; i < LEN; i++)
                if (!(got[i] == want[i]))
                    fail_msg("kind %d, %d bits, pixel %d: %g, not %g", kind, bits, i, (double)got[i], (double)want[i]);
        }
    }
}

/* Uneven thresholds against the definition; learned levels; a weight moves a pixel's thresholds; NaN. */
static void test_codes(void **state)
{
    (void)state;
    const double threshold[3] = {3, 10, 60}, level[4] = {0, .5, 2, 7};
    sg_graph *g = sg_graph_new();
    sg_adc_tables t = even_tables(g, 1, 2, 90, 0);
    t.threshold = fixed(g, "uneven", SG_SHAPE(1, 1, 1, 3), threshold);
    t.level = fixed(g, "levels", SG_SHAPE(1, 1, 1, 4), level);
    t.weight = sg_input(g, "weight", SG_SHAPE(1, 1, H, W));
    lab l = lab_open(g, sg_adc_threshold(g, sg_input(g, "e", SG_SHAPE(IMAGES, 1, H, W)), &t, 2, false, WIDTH), false,
                     false);
    fill(&l, "e", LEN, 0, 100);
    fill(&l, "weight", PIXELS, 0, 2);
    const float *e = sg_plan_input(l.plan, "e"), *weight = sg_plan_input(l.plan, "weight"), *adu = lab_run(&l);
    int seen[4] = {0};
    for (int i = 0; i < LEN; i++) {
        int code = 0;
        for (int j = 0; j < 3; j++) code += weight[i % PIXELS] * e[i] > (float)threshold[j];
        assert_true(adu[i] == (float)level[code]);
        seen[code]++;
    }
    for (int k = 0; k < 4; k++) assert_true(seen[k] > 10);
    ((float *)sg_plan_input(l.plan, "e"))[7] = NAN;
    assert_int_equal(sg_plan_forward(l.plan), SG_E_NUMERIC);
    assert_true(isnan(adu[7]) && !isnan(adu[8]));
    lab_close(&l);
}

static double slope_at(double e, double progress, sg_adc_width width)
{
    sg_graph *g = sg_graph_new();
    const sg_adc_tables t = even_tables(g, 1, 2, 90, 0); /* thresholds 15, 45, 75 e; a step is 30 e */
    const sg_value in = sg_variable(g, "e", SG_SHAPE(1, 1, 1, 1), false);
    lab l = lab_open(g, sg_adc_threshold(g, in, &t, 2, false, width), true, true);
    const double one = 1;
    *(double *)sg_plan_input(l.plan, "e") = e;
    sg_plan_step_set(l.plan, &(sg_step){.seed = 1, .training = true, .progress = progress});
    (void)lab_run(&l);
    assert_int_equal(sg_plan_backward_from(l.plan, &one), SG_OK);
    const double slope = *(const double *)sg_plan_input_grad(l.plan, "e");
    lab_close(&l);
    return slope;
}

/* Slope of the logistic step at the nearest threshold; its width falls evenly in the logarithm. */
static void test_annealing(void **state)
{
    (void)state;
    const sg_adc_width width = {.8, .05};
    for (int k = 0; k <= 4; k++) {
        const double w = 30 * .8 * pow(.05 / .8, k / 4.);
        for (int i = 0; i < 3; i++) {
            const double e = 40 + 4 * i, s = 1 / (1 + exp((45 - e) / w));
            lab_near(slope_at(e, k / 4., width), s * (1 - s) / w, 1e-12, "slope", e);
        }
    }
    assert_true(slope_at(200, 0, width) > 0); /* clamped, and yet not lost */
}

/* In training a soft ADC rises without jumps between the levels it has in evaluation. */
static void test_soft_training(void **state)
{
    (void)state;
    sg_graph *g = sg_graph_new();
    const sg_adc_tables t = even_tables(g, 1, 2, 90, 0);
    lab l =
        lab_open(g, sg_adc_threshold(g, sg_input(g, "e", SG_SHAPE(1, 1, 1, 900)), &t, 2, true, (sg_adc_width){.1, .1}),
                 true, false);
    double *e = sg_plan_input(l.plan, "e"), soft[900];
    for (int i = 0; i < 900; i++) e[i] = .1 * i;
    sg_plan_step_set(l.plan, &(sg_step){.training = true});
    memcpy(soft, lab_run(&l), sizeof soft);
    sg_plan_step_set(l.plan, &(sg_step){.training = false});
    const double *hard = lab_run(&l);
    for (int i = 0; i < 900; i++) {
        assert_true(i == 0 || (soft[i] > soft[i - 1] && soft[i] - soft[i - 1] < .01));
        assert_true(fabs(soft[i] - hard[i]) <= .5 + 1e-3);
        assert_true(hard[i] == floor(hard[i]));
    }
    lab_close(&l);
}

/* ---- counting ---- */

/* Upper tail of chi-square: Wilson & Hilferty (1931). */
static double chi_square_p(double chi, double degrees)
{
    const double z = (cbrt(chi / degrees) - (1 - 2 / (9 * degrees))) / sqrt(2 / (9 * degrees));
    return .5 * erfc(z / sqrt(2));
}

/* Counts against the distribution, in classes of at least 20 expected; the last class takes what is left. */
static double binomial_p(int n, double p)
{
    enum { SAMPLES = 200000 };
    double *seen = check_alloc((size_t)n + 1), chi = 0, expected = 0, have = 0, left = SAMPLES, left_seen = SAMPLES;
    const sg_rng rng = sg_rng_make(5, SG_RNG_TEST, (uint32_t)n, 0, 0);
    int classes = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        const double k = sg_binomial(&rng, i, n, p, 1 - p);
        assert_true(k >= 0 && k <= n && k == floor(k));
        seen[(int)k]++;
    }
    for (int k = 0; k <= n && left - expected > 20; k++) {
        expected +=
            SAMPLES * exp(lgamma(n + 1.) - lgamma(k + 1.) - lgamma(n - k + 1.) + k * log(p) + (n - k) * log1p(-p));
        have += seen[k];
        if (expected < 20 || left - expected < 20) continue;
        chi += (have - expected) * (have - expected) / expected;
        left -= expected, left_seen -= have, expected = 0, have = 0;
        classes++;
    }
    chi += (left_seen - left) * (left_seen - left) / left;
    free(seen);
    assert_true(classes >= 1);
    return chi_square_p(chi, classes);
}

static void test_binomial(void **state)
{
    (void)state;
    static const struct {
        int n;
        double p;
    } list[] = {{1, .3},   {2, .5},       {10, .05},    {30, .9},    {25, .4},
                {100, .5}, {1000, .0099}, {1000, .011}, {10000, .3}, {10000, .9995}};
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        const double p = binomial_p(list[k].n, list[k].p);
        print_message("# Binomial(%d, %g): p = %.4f\n", list[k].n, list[k].p, p);
        if (!(p > 1e-3)) fail_msg("Binomial(%d, %g): p = %g", list[k].n, list[k].p, p);
    }
}

/* Mean n (1 - exp(-(mu/n + dark))), variance n p q; with n = 1 the rate of a one-bit picture. */
static void test_spad(void **state)
{
    (void)state;
    enum { SIDE = 400, COUNT = SIDE * SIDE };
    static const struct {
        int frames;
        double mu, dark;
    } list[] = {{1, .3, 0}, {1, 2, .01}, {8, 5, .02}, {200, 30, .001}, {10000, 4000, .01}};
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        const double n = list[k].frames, p = -expm1(-(list[k].mu / n + list[k].dark));
        sg_graph *g = sg_graph_new();
        const sg_value mu = sg_input(g, "mu", SG_SHAPE(1, 1, SIDE, SIDE));
        lab l = lab_open(g, sg_spad(g, mu, fixed(g, "dark", SG_SHAPE(1, 1, 1, 1), &list[k].dark), list[k].frames),
                         false, false);
        fill(&l, "mu", COUNT, list[k].mu, list[k].mu);
        const float *count = lab_run(&l);
        double sum = 0, square = 0;
        for (int i = 0; i < COUNT; i++) sum += (double)count[i], square += (double)count[i] * (double)count[i];
        const double mean = sum / COUNT, variance = square / COUNT - mean * mean, want = n * p * (1 - p);
        print_message("# %g frames, mean %g e: %.6g counts of %.6g, variance %.4f of expected\n", n, list[k].mu, mean,
                      n * p, variance / want);
        lab_near(mean, n * p, 4 * sqrt(want / COUNT), "mean count", list[k].mu);
        lab_near(variance / want, 1, 4 * sqrt(3. / COUNT) + 4 * fabs(1 - 2 * p) / sqrt(want * COUNT), "variance",
                 list[k].mu);
        lab_close(&l);
    }
}

/* ---- the composed microscope ---- */

static sg_microscope_config scope_config(void)
{
    return (sg_microscope_config){
        .sample = {.kind = SG_SAMPLE_INCOHERENT, .size_px = 32, .pixel_um = .5},
        .illumination = {.exposures = 1, .dose_ph = 500},
        .optics = {.wavelength_um = .53, .na = .2, .medium_index = 1, .magnification = 1},
        .camera = {.pixel_um = .5,
                   .fill_factor = 1,
                   .qe = 1,
                   .full_well_e = 1e6,
                   .read_noise_e = 2,
                   .shot = SG_SHOT_POISSON,
                   .bit_depth = 4,
                   .range_e = 600,
                   .adc_width_start = .5,
                   .adc_width_end = .1,
                   .frames = 1},
    };
}

static void refuse(sg_microscope_config c, const char *word)
{
    sg_microscope_size size;
    assert_int_not_equal(sg_microscope_check(&size, &c), SG_OK);
    if (!strstr(sg_error_text(), word)) fail_msg("\"%s\" does not name %s", sg_error_text(), word);
}

static void test_refused(void **state)
{
    (void)state;
    sg_microscope_config c = scope_config();
    c.camera.bit_pattern_count = 2, c.camera.bit_pattern[0] = 1, c.camera.bit_pattern[1] = 4;
    refuse(c, "need camera.adc thresholds");
    c.camera.adc = SG_ADC_THRESHOLDS;
    c.camera.bit_pattern[1] = 9;
    refuse(c, "camera.bit_pattern: 9 is not");
    c.camera.bit_pattern[1] = 0;
    refuse(c, "camera.bit_pattern: 0 is not");
    c.camera.bit_pattern[1] = (double)NAN;
    refuse(c, "camera.bit_pattern");
    c.camera.bit_pattern_count = 0, c.camera.bit_depth = 9;
    refuse(c, "1..8 bits");
    c.camera.bit_depth = 2, c.camera.adc_threshold_count = 3;
    memcpy(c.camera.adc_threshold_e, (double[]){5, 80, 20}, 3 * sizeof(double));
    refuse(c, "20 e after 80 e; thresholds must ascend");
    c.camera.adc_threshold_count = 2;
    refuse(c, "2 thresholds, camera.bit_depth 2 needs 3");
    c = scope_config(), c.camera.kind = SG_CAMERA_SPAD, c.camera.frames = 0;
    refuse(c, "camera.frames: 0 is outside 1..10000");
    c.camera.frames = 1, c.camera.dark_counts = (double)NAN;
    refuse(c, "camera.dark_counts");
    c.camera.dark_counts = 0, c.camera.em_gain = 10;
    refuse(c, "camera.em_gain: a camera of kind spad");
    c.camera.em_gain = 0, c.camera.dsnu_e = 1;
    refuse(c, "neither offsets nor read noise");
}

static sg_status small_map(float **out, int *height, int *width, const char *path)
{
    (void)path;
    *out = aligned_alloc(64, 1024);
    memset(*out, 0, 1024);
    *height = *width = 16;
    return SG_OK;
}

static void test_map_size(void **state)
{
    (void)state;
    sg_microscope_config c = scope_config();
    c.read_map = small_map;
    c.camera.adc = SG_ADC_THRESHOLDS;
    (void)strcpy(c.camera.bit_map, "bits.npy");
    refuse(c, "bits.npy is 16 x 16, the camera 32 x 32 pixels");
    c = scope_config(), c.read_map = small_map, c.camera.kind = SG_CAMERA_SPAD;
    (void)strcpy(c.camera.dark_count_map, "dark.npy");
    refuse(c, "dark.npy is 16 x 16");
    c.sample.size_px = 16, c.camera.kind = SG_CAMERA_INTEGRATING, c.camera.adc = SG_ADC_THRESHOLDS;
    c.camera.dark_count_map[0] = 0;
    (void)strcpy(c.camera.bit_map, "bits.npy");
    refuse(c, "camera.bit_map: bits.npy: 0 at row 0, column 0 is not a whole number");
}

static const float *scope_adu(lab *l, const sg_microscope_config *c)
{
    sg_graph *g = sg_graph_new();
    sg_microscope_stages stages;
    (void)sg_microscope(g, sg_input(g, "sample", SG_SHAPE(1, 1, 32, 32)), c, false, &stages);
    *l = lab_open(g, sg_stage_value(&stages, "adu"), false, false);
    fill(l, "sample", 1024, 0, 1);
    return lab_run(l);
}

/* Rows below the 8th fire in every frame. */
static sg_status dark_map(float **out, int *height, int *width, const char *path)
{
    (void)path;
    *out = aligned_alloc(64, 4096);
    for (int i = 0; i < 1024; i++) (*out)[i] = i < 256 ? 0 : 90;
    *height = *width = 32;
    return SG_OK;
}

static void test_dark_count_map(void **state)
{
    (void)state;
    sg_microscope_config c = scope_config();
    lab l;
    c.read_map = dark_map;
    c.camera.kind = SG_CAMERA_SPAD, c.camera.frames = 7, c.camera.dark_counts = .5;
    c.camera.dark_e_per_s = c.camera.background_e = 0, c.camera.qe = 1e-6;
    (void)strcpy(c.camera.dark_count_map, "dark.npy");
    const float *counts = scope_adu(&l, &c);
    for (int i = 0; i < 1024; i++) assert_true(i < 256 ? counts[i] <= 1 : counts[i] == 7);
    lab_close(&l);
}

/* Thresholds that start evenly are the camera's own ADC, on the same noise; in a pattern every pixel has its depth. */
static void test_scope(void **state)
{
    (void)state;
    sg_microscope_config c = scope_config();
    sg_microscope_size size;
    lab even, own, mixed;
    const float *want = scope_adu(&even, &c);
    c.camera.adc = SG_ADC_THRESHOLDS;
    const float *got = scope_adu(&own, &c);
    assert_memory_equal(got, want, 1024 * sizeof *got);
    c.camera.bit_pattern_count = 2, c.camera.bit_pattern[0] = 1, c.camera.bit_pattern[1] = 4;
    assert_int_equal(sg_microscope_check(&size, &c), SG_OK);
    assert_true(size.bits == 512 * 1 + 512 * 4);
    got = scope_adu(&mixed, &c);
    for (int i = 0; i < 1024; i++) {
        const bool one_bit = (i % 32 + i / 32) % 2 == 0;
        assert_true(one_bit ? got[i] == (want[i] > 7 ? 15.f : 0) : got[i] == want[i]);
    }
    lab_close(&even);
    lab_close(&own);
    lab_close(&mixed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even),          cmocka_unit_test(test_codes),    cmocka_unit_test(test_annealing),
        cmocka_unit_test(test_soft_training), cmocka_unit_test(test_binomial), cmocka_unit_test(test_spad),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_map_size), cmocka_unit_test(test_dark_count_map),
        cmocka_unit_test(test_scope),
    };
    return cmocka_run_group_tests_name("adc", tests, NULL, NULL);
}
