/* test_camera.c - the camera's random numbers, its stages one by one, NaN, threads, bad attributes. */
#include "lab.h"

#include "core/normal_lanes.h"
#include "physics/camera.h"
#include "physics/poisson.h"
#include "physics/readout.h"

static const sg_camera_attr GAUSSIAN = {100, 3, 80, 2, 1, SG_SHOT_GAUSSIAN, 8, SG_CAMERA_ADC};
static const sg_camera_attr POISSON = {100, 3, 80, 2, 1, SG_SHOT_POISSON, 8, SG_CAMERA_ADC};
enum { H = 37, W = 23, EXPOSURES = 2, IMAGES = 2, LEN = IMAGES * EXPOSURES * H * W };

static void test_philox(void **state)
{
    (void)state;
    const sg_rng zero = {{0, 0}, 0, 0};
    uint32_t words[4][SG_LANES], want[4];
    sg_philox_lanes(&zero, 0, 0, words);
    assert_int_equal(words[0][0], 0x6627e8d5);
    assert_int_equal(words[3][0], 0x9b00dbd8);
    int compared = 0;
    for (uint32_t t = 0; t < 8; t++) {
        const sg_rng rng = sg_rng_make(0x123456789abcdefu * (t + 1), SG_RNG_SHOT, 1000 * t, t, t);
        uint32_t list[SG_LANES], w[4][SG_LANES], *const out[4] = {w[0], w[1], w[2], w[3]};
        const uint32_t first = t == 7 ? 0xfffffff0u : 77777 * t; /* wraps */
        sg_philox_lanes(&rng, first, t, words);
        for (uint32_t i = 0; i < SG_LANES; i++) list[i] = first + 3 * i;
        sg_philox_list(&rng, list, SG_LANES - 3, t, out);
        for (uint32_t i = 0; i < SG_LANES; i++) {
            sg_rng_words(&rng, first + i, t, want);
            for (int j = 0; j < 4; j++, compared++) assert_int_equal(words[j][i], want[j]);
            if (i >= SG_LANES - 3) continue;
            sg_rng_words(&rng, list[i], t, want);
            for (int j = 0; j < 4; j++) assert_int_equal(w[j][i], want[j]);
        }
    }
    assert_int_equal(compared, 8 * 4 * SG_LANES);
}

/* Box-Muller in single precision against libm in double. Near r = 0 the last bit of u is all there is. */
static void test_normal(void **state)
{
    (void)state;
    double worst = 0, worst_small = 0;
    for (uint32_t i = 0; i < 400000; i++) {
        const uint32_t word = i < 16 ? i : i < 32 ? 0u - i : i * 2654435761u;
        const double u = ((double)(word >> 1) + .5) * 0x1p-31, r = sqrt(-2 * log(u));
        const double turn = 6.283185307179586 * 0x1p-32 * (double)word;
        float c, s;
        sg_lane_turn_f32(word, &c, &s);
        worst = fmax(worst, fmax(fabs((double)c - cos(turn)), fabs((double)s - sin(turn))));
        const double error = fabs((double)sg_lane_radius_f32(word) - r);
        if (r > .1)
            worst = fmax(worst, error);
        else
            worst_small = fmax(worst_small, error);
    }
    print_message("# Box-Muller in float: error %.2g, below r = .1 %.2g\n", worst, worst_small);
    assert_true(worst <= 1e-6);
    assert_true(worst_small <= 5e-4);
}

/* One count by the algorithms of poisson.h, written down plainly in double. */
static double plain_poisson(const sg_rng *rng, uint32_t pixel, double mu)
{
    uint32_t w[4];
    const uint32_t j = pixel / 64 % 2;
    sg_rng_words(rng, pixel / 128 * 64 + pixel % 64, 0, w);
    double u = sg_rng_unit(w[2 * j]), v = sg_rng_unit(w[2 * j + 1]);
    if (mu < SG_POISSON_SPLIT) {
        double k = 0, p = exp(-mu), sum = p;
        u = ((double)w[2 * j] + v) * 0x1p-32;
        for (; u > sum && p > 1e-20; sum += p) k++, p *= mu / k;
        return k;
    }
    const double b = .931 + 2.53 * sqrt(mu), a = -.059 + .02483 * b, v_quick = .9277 - 3.6224 / (b - 2);
    for (uint32_t draw = 1;; draw++) {
        const double centred = u - .5, us = .5 - fabs(centred), k = floor((2 * a / us + b) * centred + mu + .43);
        if (us >= .07 && v <= v_quick) return k;
        const double left = log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (us * us) + b));
        if (k >= 0 && !(us < .013 && v > us) && left <= k * log(mu) - mu - lgamma(k + 1)) return k;
        sg_rng_words(rng, pixel, draw, w);
        u = sg_rng_unit(w[0]), v = sg_rng_unit(w[1]);
    }
}

/* Most attempts are decided in single precision, but only where its error cannot matter. */
static void test_poisson_exact(void **state)
{
    (void)state;
    static double mu[SG_POISSON_TILE], count[SG_POISSON_TILE];
    static const double top[] = {1, 12, 100, 3000, 1e5, 1e7};
    int compared = 0, different = 0;
    for (uint32_t t = 0; t < 240; t++) {
        const sg_rng rng = sg_rng_make(7, SG_RNG_TEST, t, 0, 0);
        const uint32_t first = t * SG_POISSON_TILE;
        for (size_t i = 0; i < SG_POISSON_TILE; i++) mu[i] = top[t % 6] * (.5 + .5 * check_random("mean", (int)t, i));
        sg_poisson_tile(&rng, first, mu, count);
        for (uint32_t i = 0; i < SG_POISSON_TILE; i++, compared++)
            different += count[i] != plain_poisson(&rng, first + i, mu[i]);
    }
    print_message("# %d of %d counts differ from plain double arithmetic\n", different, compared);
    assert_true(compared == 240 * SG_POISSON_TILE && different <= 2); /* lgamma's last digits at 1e7 */
}

static lab camera_lab(const sg_camera_attr *attr, sg_shape shape, bool backward)
{
    sg_graph *g = sg_graph_new();
    const sg_value image = sg_variable(g, "image", shape, false);
    const sg_value range = sg_variable(g, "range_e", SG_SHAPE(1, 1, 1, 1), false);
    lab l = lab_open(g, sg_camera(g, image, range, attr), false, backward);
    float *x = sg_plan_input(l.plan, "image");
    for (size_t i = 0; i < sg_shape_len(shape); i++) x[i] = (float)(.55 + .45 * check_random("light", 0, i));
    float *range_e = sg_plan_input(l.plan, "range_e");
    if (range_e) *range_e = 90;
    return l;
}

static void run_stage(sg_camera_attr attr, sg_camera_stage stage, float *out)
{
    attr.stop_after = stage;
    lab l = camera_lab(&attr, SG_SHAPE(IMAGES, EXPOSURES, H, W), false);
    memcpy(out, lab_run(&l), LEN * sizeof *out);
    lab_close(&l);
}

/* Every stage, run alone, gives the bits that the whole chain has there. */
static void test_stages(void **state)
{
    (void)state;
    static float mean[LEN], shot[LEN], well[LEN], read[LEN], adu[LEN];
    const sg_camera_attr attrs[] = {GAUSSIAN, POISSON};
    int full = 0, low = 0, high = 0;
    for (int k = 0; k < 2; k++) {
        float *const out[] = {mean, shot, well, well, read, adu};
        for (int s = SG_CAMERA_MEAN; s <= SG_CAMERA_ADC; s++) run_stage(attrs[k], (sg_camera_stage)s, out[s]);
        const float inverse = (float)(1 / (90.0 / 255));
        for (int i = 0; i < LEN; i++) {
            const float light = (float)(.55 + .45 * check_random("light", 0, (size_t)i)), e = shot[i];
            assert_true(mean[i] == 100 * light + 3);
            assert_true(k == 0 || e == floorf(e));
            assert_true(well[i] == (e > 80 ? 80 : e));
            assert_true(fabsf(read[i] - well[i]) < 2 * 6.7f && read[i] != well[i]);
            const float v = rintf(read[i] * inverse + 1);
            assert_true(adu[i] == (v < 0 ? 0 : v > 255 ? 255 : v));
            full += e > 80, low += adu[i]<40, high += adu[i]> 250;
        }
    }
    print_message("# %d full wells, %d dark, %d near the top\n", full, low, high);
    assert_true(full > 100 && low > 100);
}

/* Images and exposures have noise of their own. */
static void test_streams(void **state)
{
    (void)state;
    const sg_camera_attr attr = {0, 100, 0, 0, 0, SG_SHOT_GAUSSIAN, 0, SG_CAMERA_SHOT};
    static float e[LEN];
    run_stage(attr, SG_CAMERA_SHOT, e);
    const int plane = H * W;
    for (int p = 1; p < IMAGES * EXPOSURES; p++) {
        double along = 0;
        for (int i = 0; i < plane; i++) along += ((double)e[i] - 100) * ((double)e[p * plane + i] - 100);
        assert_true(fabs(along / plane / 100) < 5 / sqrt(plane));
    }
}

static void test_nan(void **state)
{
    (void)state;
    static const sg_shot shots[] = {SG_SHOT_NONE, SG_SHOT_GAUSSIAN, SG_SHOT_POISSON};
    for (int k = 0; k < 3; k++) {
        for (int stage = SG_CAMERA_MEAN; stage <= SG_CAMERA_ADC; stage++) {
            sg_camera_attr attr = GAUSSIAN;
            attr.shot = shots[k], attr.stop_after = (sg_camera_stage)stage;
            lab l = camera_lab(&attr, SG_SHAPE(1, 1, 5, 7), false);
            ((float *)sg_plan_input(l.plan, "image"))[11] = NAN;
            assert_int_equal(sg_plan_forward(l.plan), SG_E_NUMERIC);
            const float *out = sg_plan_root(l.plan);
            for (int i = 0; i < 35; i++) assert_true(isnan(out[i]) == (i == 11));
            lab_close(&l);
        }
    }
}

/* 1, 2 and 3 threads; several blocks a plane, with a remainder. */
static void test_threads(void **state)
{
    (void)state;
    enum { SIDE = 181, PLANES = 3, ALL = SIDE * SIDE * PLANES };
    static float first[ALL], first_grad[ALL], seed[ALL];
    sg_camera_attr attrs[] = {GAUSSIAN, POISSON, POISSON};
    attrs[2].em_gain = 20;
    float first_range = 0;
    for (int i = 0; i < ALL; i++) seed[i] = (float)check_random("seed", 0, (size_t)i);
    for (int k = 0; k < 3; k++) {
        for (int threads = 1; threads <= 3; threads++) {
            sg_threads_set(threads);
            lab l = camera_lab(&attrs[k], SG_SHAPE(1, PLANES, SIDE, SIDE), true);
            const float *out = lab_run(&l);
            if (threads == 1) memcpy(first, out, sizeof first);
            assert_memory_equal(first, out, sizeof first);
            assert_int_equal(sg_plan_backward_from(l.plan, seed), SG_OK);
            const float *grad = sg_plan_input_grad(l.plan, "image"), *range = sg_plan_input_grad(l.plan, "range_e");
            if (threads == 1) memcpy(first_grad, grad, sizeof first_grad), first_range = *range;
            assert_memory_equal(first_grad, grad, sizeof first_grad);
            assert_true(*range == first_range && first_range != 0);
            lab_close(&l);
        }
    }
    sg_threads_set(0);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct {
        sg_camera_attr attr;
        const char *word;
    } table[] = {
        {{100, 3, 80, 2, 1, SG_SHOT_NONE, 17, SG_CAMERA_ADC}, "bit_depth"},
        {{100, 3, 80, 2, 1, SG_SHOT_NONE, 0, SG_CAMERA_ADC}, "bit_depth"},
        {{-1, 3, 80, 2, 1, SG_SHOT_NONE, 8, SG_CAMERA_ADC}, "photons"},
        {{NAN, 3, 80, 2, 1, SG_SHOT_NONE, 8, SG_CAMERA_ADC}, "photons"},
        {{100, 3e7, 80, 2, 1, SG_SHOT_NONE, 8, SG_CAMERA_ADC}, "dark_e"},
        {{100, 3, -1, 2, 1, SG_SHOT_NONE, 8, SG_CAMERA_ADC}, "full_well_e"},
        {{100, 3, 80, -2, 1, SG_SHOT_NONE, 8, SG_CAMERA_ADC}, "read_noise_e"},
        {{100, 3, 80, 2, NAN, SG_SHOT_NONE, 8, SG_CAMERA_ADC}, "offset_adu"},
        {{100, 3, 80, 2, 1, SG_SHOT_NONE, 8, SG_CAMERA_ADC, .5}, "em_gain"},
    };
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        sg_graph *g = sg_graph_new();
        const sg_value image = sg_input(g, "image", SG_SHAPE(1, 1, 4, 4)),
                       range = sg_input(g, "range_e", SG_SHAPE(1, 1, 1, 1));
        lab_refuse(g, sg_camera(g, image, range, &table[t].attr), table[t].word);
    }
}

/* A configuration, its electrons and its channels: 0 .. 1 over the range, the pair's difference signed. */
static void test_readout(void **state)
{
    (void)state;
    sg_camera_config config = {
        .qe = .5, .dark_e_per_s = 4, .exposure_s = .5, .background_e = 1, .bit_depth = 8, .offset_adu = 10};
    const sg_camera_attr attr = sg_camera_attr_make(&config, 1000, true);
    assert_true(attr.electrons == 500 && attr.dark_e == 3 && attr.stop_after == SG_CAMERA_ADC);
    assert_true(sg_camera_attr_make(&config, 1000, false).stop_after == SG_CAMERA_READ);
    static const float adu[] = {10, 265, 137.5f, 10, 10, 265};
    static const double want[3][6] = {{0, 1, .5, 0, 0, 1}, {0, 1, -.5, 0, 0, 0}, {0, 1, 1.5, 0, 0, 0}};
    for (int kind = SG_READOUT_CHANNELS; kind <= SG_READOUT_SUM; kind++) {
        sg_graph *g = sg_graph_new();
        config.readout = (sg_readout_kind)kind;
        const sg_value x = sg_input(g, "adu", SG_SHAPE(1, 2, 1, 3)),
                       range = sg_input(g, "range_e", SG_SHAPE(1, 1, 1, 1));
        lab l = lab_open(g, sg_readout(g, x, range, &config, 2), false, false);
        memcpy(sg_plan_input(l.plan, "adu"), adu, sizeof adu);
        const float *y = lab_run(&l);
        for (int i = 0; i < (kind == SG_READOUT_CHANNELS ? 6 : 3); i++)
            lab_near((double)y[i], want[kind][i], 1e-6, "channel", i);
        lab_close(&l);
    }
    sg_graph *g = sg_graph_new();
    config.readout = SG_READOUT_DIFFERENCE;
    const sg_value x = sg_input(g, "adu", SG_SHAPE(1, 3, 2, 2)), range = sg_input(g, "range_e", SG_SHAPE(1, 1, 1, 1));
    lab_refuse(g, sg_readout(g, x, range, &config, 3), "2 exposures");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox),  cmocka_unit_test(test_normal),  cmocka_unit_test(test_stages),
        cmocka_unit_test(test_streams), cmocka_unit_test(test_nan),     cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refuses), cmocka_unit_test(test_readout), cmocka_unit_test(test_poisson_exact),
    };
    return cmocka_run_group_tests_name("camera", tests, NULL, NULL);
}
