/* test_camera_statistics.c - what the camera's noise must look like (PHYSICS sections 7.6 and 7.7). Seeds are fixed, so
 * a pass stays a pass; limits are several standard errors wide. */
#include "lab.h"

#include "physics/camera.h"

#include <stdlib.h>

enum { SIDE = 1000, SAMPLES = SIDE * SIDE };

static lab flat_lab(const sg_camera_attr *attr, bool backward, double range_e)
{
    sg_graph *g = sg_graph_new();
    const sg_shape shape = SG_SHAPE(1, 1, SIDE, SIDE);
    const sg_value image = backward ? sg_variable(g, "image", shape, false) : sg_input(g, "image", shape);
    lab l = lab_open(g, sg_camera(g, image, sg_input(g, "range_e", SG_SHAPE(1, 1, 1, 1)), attr), false, backward);
    float *range = sg_plan_input(l.plan, "range_e");
    if (range) *range = (float)range_e;
    return l;
}

static const float *flat_run(const lab *l, double light)
{
    float *x = sg_plan_input(l->plan, "image");
    for (int i = 0; i < SAMPLES; i++) x[i] = (float)light;
    return lab_run(l);
}

static void moments(const float *x, double *mean, double *variance)
{
    *mean = sg_sum_f32(x, SAMPLES) / SAMPLES;
    double square = 0;
    for (int i = 0; i < SAMPLES; i++) square += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    *variance = square / (SAMPLES - 1);
}

/* Variance against mean, 0 .. 70 % of full well: slope 1/gain; at the dark level (read noise/gain)^2 + 1/12. */
static void photon_transfer(sg_shot shot)
{
    enum { LEVELS = 12 };
    const double full_well_e = 20000, gain = full_well_e / 4095, read_e = 5, offset_adu = 20;
    const sg_camera_attr attr = {full_well_e, 0, full_well_e, read_e, offset_adu, shot, 12, SG_CAMERA_ADC};
    lab l = flat_lab(&attr, false, full_well_e);
    double dark = 0, weight = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (int k = 0; k < LEVELS; k++) {
        double mean, variance;
        moments(flat_run(&l, .7 * k / (LEVELS - 1)), &mean, &variance);
        if (k == 0) dark = variance;
        const double x = mean - offset_adu, w = 1 / (variance * variance);
        weight += w, wx += w * x, wy += w * variance, wxx += w * x * x, wxy += w * x * variance;
    }
    const double slope = (weight * wxy - wx * wy) / (weight * wxx - wx * wx),
                 want = read_e * read_e / (gain * gain) + 1.0 / 12;
    print_message("# slope x gain %.5f, dark variance %.5f of expected\n", slope * gain, dark / want);
    lab_near(slope * gain, 1, .005, "slope", 0);
    lab_near(dark / want, 1, .005, "dark variance", 0);
    lab_close(&l);
}

static void test_photon_transfer(void **state)
{
    (void)state;
    photon_transfer(SG_SHOT_POISSON);
    photon_transfer(SG_SHOT_GAUSSIAN);
}

/* Upper tail of chi-square: Wilson & Hilferty (1931). */
static double chi_square_p(double chi, double degrees)
{
    const double z = (cbrt(chi / degrees) - (1 - 2 / (9 * degrees))) / sqrt(2 / (9 * degrees));
    return .5 * erfc(z / sqrt(2));
}

/* Counts in classes of at least 20 expected, tails joined to the outermost. */
static double poisson_p(const float *count, double mu)
{
    enum { MOST = 16384 };
    static double seen[MOST];
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < SAMPLES; i++) {
        assert_true(count[i] >= 0 && count[i] < MOST && count[i] == floorf(count[i]));
        seen[(int)count[i]]++;
    }
    double chi = 0, expected = 0, have = 0, left = SAMPLES, left_seen = SAMPLES;
    int classes = 0;
    for (int k = 0; k < MOST && left - expected > 20; k++) {
        expected += SAMPLES * exp(k * log(mu) - mu - lgamma(k + 1.0));
        have += seen[k];
        if (expected < 20 || left - expected < 20) continue;
        chi += (have - expected) * (have - expected) / expected;
        left -= expected, left_seen -= have, expected = 0, have = 0;
        classes++;
    }
    chi += (left_seen - left) * (left_seen - left) / left;
    assert_true(classes >= 2);
    return chi_square_p(chi, classes);
}

static void test_poisson(void **state)
{
    (void)state;
    static const double means[] = {.05, .3, 1, 5, 30, 200, 1e4};
    for (size_t k = 0; k < sizeof means / sizeof *means; k++) {
        const sg_camera_attr attr = {means[k], 0, 0, 0, 0, SG_SHOT_POISSON, 0, SG_CAMERA_SHOT};
        lab l = flat_lab(&attr, false, 1);
        const double p = poisson_p(flat_run(&l, 1), means[k]);
        print_message("# Poisson %g: p = %.4f\n", means[k], p);
        if (!(p > 1e-3)) fail_msg("Poisson counts at mean %g: p = %g", means[k], p);
        lab_close(&l);
    }
}

/* Excess noise of the EM register: variance over mean of the gained signal is 2 em_gain for Poisson light. */
static void test_em_gain(void **state)
{
    (void)state;
    static const double means[] = {.2, 3, 40}, gains[] = {10, 300, 1000};
    for (int k = 0; k < 3; k++) {
        const sg_camera_attr attr = {
            .electrons = means[k], .shot = SG_SHOT_POISSON, .em_gain = gains[k], .stop_after = SG_CAMERA_EM};
        lab l = flat_lab(&attr, false, 1);
        double mean, variance;
        const float *e = flat_run(&l, 1);
        moments(e, &mean, &variance);
        int zeros = 0;
        for (int i = 0; i < SAMPLES; i++) zeros += e[i] == 0;
        print_message("# EM gain %g at %g e: mean %.4f of expected, variance/mean %.4f of 2 em_gain\n", gains[k],
                      means[k], mean / means[k] / gains[k], variance / mean / (2 * gains[k]));
        lab_near(mean / means[k] / gains[k], 1, .01, "mean of the gained signal", k);
        lab_near(variance / mean / (2 * gains[k]), 1, .01, "variance over mean", k);
        lab_near(zeros, SAMPLES * exp(-means[k]), 5 * sqrt(SAMPLES * exp(-means[k])) + .5, "0 stays 0", k);
        lab_close(&l);
    }
}

/* P(x <= X) for Gamma(shape, 1): Erlang's sum for whole shapes, the error function for 1/2. */
static double gamma_cdf(double shape, double x)
{
    if (shape < 1) return erf(sqrt(x));
    double term = 1, sum = 0;
    for (int k = 0; k < (int)shape; k++) sum += term, term *= x / (k + 1);
    return 1 - sum * exp(-x);
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov against the closed form; sqrt(n) D > 1.95 has p = 1e-3. */
static void test_gamma(void **state)
{
    (void)state;
    static const double shapes[] = {.5, 1, 2, 7, 40};
    static float sorted[SAMPLES];
    for (int k = 0; k < 5; k++) {
        const sg_camera_attr attr = {.electrons = shapes[k], .em_gain = 1, .stop_after = SG_CAMERA_EM};
        lab l = flat_lab(&attr, false, 1);
        memcpy(sorted, flat_run(&l, 1), sizeof sorted);
        lab_close(&l);
        qsort(sorted, SAMPLES, sizeof *sorted, ascending);
        double worst = 0;
        for (int i = 0; i < SAMPLES; i++)
            worst = fmax(worst, fabs(gamma_cdf(shapes[k], (double)sorted[i]) - (i + .5) / SAMPLES));
        print_message("# Gamma %g: sqrt(n) D = %.3f\n", shapes[k], sqrt(SAMPLES) * worst);
        if (!(sqrt(SAMPLES) * worst < 1.95)) fail_msg("Gamma(%g): sqrt(n) D = %g", shapes[k], sqrt(SAMPLES) * worst);
    }
}

/* Mean slope 1 and E[2 e de/dmu] = d<e^2>/dmu = 1 + 2 mu, which a constant slope of 1 misses. */
static void shot_gradient(sg_shot shot, double mu)
{
    const sg_camera_attr attr = {mu, 0, 0, 0, 0, shot, 0, SG_CAMERA_SHOT};
    static float ones[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) ones[i] = 1;
    lab l = flat_lab(&attr, true, 1);
    const float *e = flat_run(&l, 1);
    static float kept[SAMPLES];
    memcpy(kept, e, sizeof kept);
    assert_int_equal(sg_plan_backward_from(l.plan, ones), SG_OK);
    const float *grad = sg_plan_input_grad(l.plan, "image");
    double sum[2] = {0}, square[2] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        const double slope = (double)grad[i] / mu, both[2] = {slope, 2 * (double)kept[i] * slope};
        for (int j = 0; j < 2; j++) sum[j] += both[j], square[j] += both[j] * both[j];
    }
    const double want[2] = {1, 1 + 2 * mu};
    for (int j = 0; j < 2; j++) {
        const double mean = sum[j] / SAMPLES, error = sqrt((square[j] / SAMPLES - mean * mean) / SAMPLES);
        lab_near(mean, want[j], 4 * error, j ? "E[2 e de/dmu]" : "E[de/dmu]", mu);
        assert_true(j == 0 || fabs(want[1] - 2 * mu) > 8 * error); /* a constant slope would be seen */
    }
    lab_close(&l);
}

static void test_shot_gradient(void **state)
{
    (void)state;
    static const double means[] = {1, 3, 12, 60};
    for (int k = 0; k < 4; k++) {
        shot_gradient(SG_SHOT_POISSON, means[k]);
        shot_gradient(SG_SHOT_GAUSSIAN, means[k]);
    }
}

/* A sine over the whole range, without noise. */
static void test_quantisation(void **state)
{
    (void)state;
    for (int bits = 4; bits <= 16; bits++) {
        const double top = (double)((1 << bits) - 1), amplitude = top / 2;
        const sg_camera_attr attr = {1, 0, 0, 0, 0, SG_SHOT_NONE, bits, SG_CAMERA_ADC};
        lab l = flat_lab(&attr, false, 1);
        float *x = sg_plan_input(l.plan, "image");
        for (int i = 0; i < SAMPLES; i++) x[i] = (float)(.5 + .5 * sin(6.283185307179586 * (i + .5) / SAMPLES));
        const float *adu = lab_run(&l);
        double noise = 0;
        for (int i = 0; i < SAMPLES; i++) {
            const double error = (double)adu[i] - amplitude * (1 + sin(6.283185307179586 * (i + .5) / SAMPLES));
            noise += error * error;
        }
        const double snr_db = 10 * log10(amplitude * amplitude / 2 / (noise / SAMPLES));
        print_message("# %d bits: %.3f dB, %.3f expected\n", bits, snr_db, 6.02 * bits + 1.76);
        lab_near(snr_db, 6.02 * bits + 1.76, .2, "quantisation SNR", bits);
        lab_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_photon_transfer), cmocka_unit_test(test_poisson),
        cmocka_unit_test(test_em_gain),         cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_shot_gradient),   cmocka_unit_test(test_quantisation),
    };
    return cmocka_run_group_tests_name("camera_statistics", tests, NULL, NULL);
}
