/* test_report.c - the report of a made-up experiment: every part is there, the numbers in it are right, the same
 * results give the same page, bad input is an error. SG_TEST_KEEP=FOLDER keeps the experiment there, to look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/report.h"
#include "pipeline/results.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

enum { SIDE = 64, FINE = 128, LEDS = 81, STEPS = 40, SEEDS = 3 };

typedef struct arm {
    const char *name, *readout;
    int exposures;
    bool learned;
    double dice;
} arm;

static const arm arms[] = {
    {"center", "channels", 1, false, .73},     {"brightfield", "channels", 1, false, .71},
    {"annulus", "channels", 1, false, .67},    {"half", "channels", 1, false, .75},
    {"random", "channels", 1, false, .50},     {"learned", "channels", 1, true, .76},
    {"dpc_diff", "difference", 2, false, .73}, {"learned_pair_diff", "difference", 2, true, .79},
    {"dpc", "channels", 2, false, .81},        {"learned_pair", "channels", 2, true, .815},
};
enum { ARMS = sizeof arms / sizeof arms[0] };
static const double doses[] = {50, 200, 1000};
static char folder[256];

static double noise(int a, int d, int seed, uint32_t draw)
{
    const sg_rng rng = sg_rng_make(5, SG_RNG_TEST, (uint32_t)(100 * a + 10 * d + seed), 0, 0);
    return sg_rng_normal(&rng, 0, draw);
}

static double dice_of(int a, int d, int seed)
{
    return arms[a].dice + .05 * (d - 1) + .008 * noise(0, d, seed, 1) + .004 * noise(a, d, seed, 2);
}

static void write_curves(sg_results *r, double end, int a, int d, int seed)
{
    int32_t step[STEPS], check[8];
    float loss[STEPS], lr[STEPS], vloss[8], vdice[8];
    for (int i = 0; i < STEPS; i++) {
        step[i] = 10 * i;
        loss[i] = (float)(1.4 * exp(-i / 9.0) + 1 - end + .03 * noise(a, d, seed, 10 + (uint32_t)i));
        lr[i] = .002f;
    }
    for (int i = 0; i < 8; i++) {
        check[i] = 50 * (i + 1);
        vdice[i] = (float)(end - .4 * exp(-i / 1.7) + .008 * noise(a, d, seed, 100 + (uint32_t)i));
        vloss[i] = 1.2f - vdice[i];
    }
    OK(sg_results_array(r, "/curve/step", SG_RESULTS_I32, 1, (int[]){STEPS}, step, "1", "step", "S"));
    OK(sg_results_array(r, "/curve/train_loss", SG_RESULTS_F32, 1, (int[]){STEPS}, loss, "1", "training loss", "S"));
    OK(sg_results_array(r, "/curve/lr", SG_RESULTS_F32, 1, (int[]){STEPS}, lr, "1", "learning rate", "S"));
    OK(sg_results_array(r, "/curve/validation/step", SG_RESULTS_I32, 1, (int[]){8}, check, "1", "step", "S"));
    OK(sg_results_array(r, "/curve/validation/loss", SG_RESULTS_F32, 1, (int[]){8}, vloss, "1", "loss", "S"));
    OK(sg_results_array(r, "/curve/validation/dice", SG_RESULTS_F32, 1, (int[]){8}, vdice, "1", "Dice", "S"));
}

/* A made-up pattern for each name; both halves for pairs. */
static double led(const arm *m, int exposure, double x, double y)
{
    const double r = hypot(x, y), side = exposure ? -x : x;
    if (strcmp(m->name, "center") == 0) return r < .01;
    if (strcmp(m->name, "annulus") == 0) return r > .07 && r < .1;
    if (strcmp(m->name, "random") == 0) return fmod(fabs(sin(91 * x + 57 * y)) * 43.7, 1);
    if (strcmp(m->name, "half") == 0) return r <= .1 && x > .01;
    if (m->learned) return exp(-pow(hypot(side - .08, y * .6) / .035, 2)) + .01;
    if (m->exposures == 2) return r <= .1 && side > .01;
    return r <= .1;
}

static void write_light(sg_results *r, const arm *m)
{
    float weight[2 * LEDS], na[2 * LEDS], electrons[2] = {60, 60};
    double sum = 0;
    for (int i = 0; i < LEDS; i++) {
        na[2 * i] = (float)(i % 9 - 4) * .04f;
        na[2 * i + 1] = (float)(i / 9 - 4) * .04f;
    }
    for (int i = 0; i < m->exposures * LEDS; i++)
        sum +=
            (double)(weight[i] = (float)led(m, i / LEDS, (double)na[2 * (i % LEDS)], (double)na[2 * (i % LEDS) + 1]));
    for (int i = 0; i < m->exposures * LEDS; i++) weight[i] /= (float)sum;
    OK(sg_results_array(r, "/learned/led_weight", SG_RESULTS_F32, 2, (int[]){m->exposures, LEDS}, weight, "1", "share",
                        "EK"));
    OK(sg_results_array(r, "/learned/led_na", SG_RESULTS_F32, 2, (int[]){LEDS, 2}, na, "1", "direction", "KD"));
    OK(sg_results_array(r, "/light/mean_electrons", SG_RESULTS_F32, 1, (int[]){m->exposures}, electrons, "electron",
                        "detected", "E"));
}

/* Discs in 0..1 with soft edges, `blur` in parts of the side. */
static float cells(int picture, double x, double y, double blur)
{
    double value = 0;
    for (int k = 0; k < 9; k++) {
        const double cx = fmod(.37 * k + .31 * picture + .2, 1), cy = fmod(.61 * k * k + .17 * picture + .1, 1);
        const double inside = 1 / (1 + exp((hypot(x - cx, y - cy) - .08) / blur));
        value = value > inside ? value : inside;
    }
    return (float)value;
}

static void write_examples(sg_results *r, const arm *m, int a)
{
    enum { N = 2 };
    static float sample[N * FINE * FINE], seen[N * 2 * SIDE * SIDE], guess[N * SIDE * SIDE], truth[N * SIDE * SIDE];
    static uint8_t adu[N * 2 * SIDE * SIDE];
    const int channels = strcmp(m->readout, "difference") == 0 ? 1 : m->exposures;
    const sg_rng rng = sg_rng_make(6, SG_RNG_TEST, (uint32_t)a, 0, 0);
    for (int i = 0; i < N * FINE * FINE; i++)
        sample[i] = cells(i / (FINE * FINE), (i % FINE + .5) / FINE, (i / FINE % FINE + .5) / FINE, .008);
    for (int i = 0; i < N * channels * SIDE * SIDE; i++) {
        const double x = (i % SIDE + .5) / SIDE, y = (i / SIDE % SIDE + .5) / SIDE;
        const int picture = i / (channels * SIDE * SIDE), channel = i / (SIDE * SIDE) % channels;
        const double shift = channel ? -.02 : .02;
        const double slope = (double)cells(picture, x + shift, y, .02) - (double)cells(picture, x, y, .02);
        seen[i] = (float)(slope + .25 * sg_rng_normal(&rng, (uint32_t)i, 0));
        adu[i] = (uint8_t)(120 + 40 * (double)seen[i]);
    }
    for (int i = 0; i < N * SIDE * SIDE; i++) {
        const double x = (i % SIDE + .5) / SIDE, y = (i / SIDE % SIDE + .5) / SIDE;
        truth[i] = cells(i / (SIDE * SIDE), x, y, .001) > .5f;
        const double p = (double)cells(i / (SIDE * SIDE), x + .04 * (1 - m->dice), y, .01) +
                         .5 * (1 - m->dice) * sg_rng_normal(&rng, (uint32_t)i, 1);
        guess[i] = (float)(p < 0 ? 0 : p > 1 ? 1 : p);
    }
    OK(sg_results_array(r, "/examples/sample", SG_RESULTS_F32, 3, (int[]){N, FINE, FINE}, sample, "1", "sample",
                        "NYX"));
    OK(sg_results_array(r, "/examples/measurement", SG_RESULTS_F32, 4, (int[]){N, channels, SIDE, SIDE}, seen, "1",
                        "measurement", "NCYX"));
    OK(sg_results_array(r, "/examples/adu", SG_RESULTS_U8, 4, (int[]){N, channels, SIDE, SIDE}, adu, "ADU", "camera",
                        "NCYX"));
    OK(sg_results_array(r, "/examples/prediction", SG_RESULTS_F32, 3, (int[]){N, SIDE, SIDE}, guess, "1", "probability",
                        "NYX"));
    OK(sg_results_array(r, "/examples/truth", SG_RESULTS_F32, 3, (int[]){N, SIDE, SIDE}, truth, "1", "label", "NYX"));
}

static sg_status write_run(const char *path, int a, int d, int seed)
{
    sg_results *r;
    char config[1024];
    const double dice = dice_of(a, d, seed);
    OK(sg_results_new(&r));
    OK(sg_results_attribute_text(r, "/", "arm", arms[a].name));
    OK(sg_results_attribute_number(r, "/", "dose_ph", doses[d]));
    OK(sg_results_attribute_number(r, "/", "seed", seed));
    (void)snprintf(
        config, sizeof config,
        "sample:\n  kind: coherent\n  size_px: 256\n  pixel_um: 0.5\n  phase_rad: 1\n  absorption: 0.05\n  "
        "background_rad: 0.15\n"
        "illumination:\n  geometry: grid\n  rows: 9\n  columns: 9\n  pitch_na: 0.04\n  exposures: %d\n"
        "  learn: {learn: %s, lr: 0.02}\noptics:\n  wavelength_um: 0.53\n  na: 0.1\n  defocus_um: {init: 0, learn: "
        "false}\n"
        "camera:\n  pixel_um: 1\n  qe: 1\n  read_noise_e: 2\n  bit_depth: 8\n  shot: poisson\n  readout: %s\n"
        "network:\n  depth: 3\n  width: 16\n  norm: batch\ntrain:\n  steps: 400\n  batch_size: 8\n",
        arms[a].exposures, arms[a].learned ? "true" : "false", arms[a].readout);
    OK(sg_results_text(r, "/config", config, "configuration"));
    OK(sg_results_scalar(r, "/metrics/dice", dice, "1", "Dice"));
    OK(sg_results_scalar(r, "/metrics/ap50", dice - .18 + .01 * noise(a, d, seed, 3), "1", "AP"));
    OK(sg_results_scalar(r, "/metrics/loss", 1.1 - dice, "1", "loss"));
    write_curves(r, dice, a, d, seed);
    write_light(r, &arms[a]);
    write_examples(r, &arms[a], a);
    const sg_status status = sg_results_save(r, path);
    sg_results_free(r);
    return status;
}

static int experiment_make(void **state)
{
    (void)state;
    char path[512];
    static const char yaml[] =
        "sweep:\n  title: \"Learned light & <nuclei>\"\n  arms:\n    center: {a.b: 1}\n    learned: {a.b: 2}\n";
    const char *keep = getenv("SG_TEST_KEEP"), *parent = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%s%s",
                   keep     ? keep
                   : parent ? parent
                            : "/tmp",
                   keep ? "" : "/sg-test-report-XXXXXX");
    if (keep ? sg_folder_make(folder) != SG_OK : !mkdtemp(folder)) return -1;
    (void)snprintf(path, sizeof path, "%s/sweep.yaml", folder);
    if (sg_file_write(path, yaml, sizeof yaml - 1) != SG_OK) return -1;
    for (int a = 0; a < ARMS; a++)
        for (int d = 0; d < 3; d++)
            for (int seed = 1; seed <= SEEDS; seed++) {
                (void)snprintf(path, sizeof path, "%s/runs/%s/dose%g/seed%d", folder, arms[a].name, doses[d], seed);
                if (sg_folder_make(path) != SG_OK) return -1;
                (void)strcat(path, "/results.h5");
                if (write_run(path, a, d, seed) != SG_OK) return -1;
            }
    return 0;
}

static int experiment_remove(void **state)
{
    (void)state;
    char command[512];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return getenv("SG_TEST_KEEP") ? 0 : system(command);
}

static char *page_read(const char *name)
{
    char path[512];
    void *text;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(sg_file_read(&text, &size, path, 0));
    return text;
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what)) n++;
    return n;
}

static bool have_gnuplot(void)
{
    return system("gnuplot --version > /dev/null 2>&1") == 0;
}

static void page_is_whole(void **state)
{
    (void)state;
    OK(sg_report_make(folder, NULL));
    char *page = page_read("report.html"), text[64];
    assert_non_null(strstr(page, "<h1>Learned light &amp; &lt;nuclei&gt;</h1>"));
    assert_int_equal(count_of(page, "http://") + count_of(page, "https://"),
                     2 * count_of(page, "<svg"));                   /* XML names only */
    assert_int_equal(count_of(page, "<tr><td>center</td>"), 3 + 2); /* tables of 3 doses, 2 tables of pictures */
    assert_true(count_of(page, "data:image/png;base64,") > 5 * ARMS * 2);
    /* the mean over seeds stands in the table, and the best mean is marked */
    double mean = 0;
    for (int seed = 1; seed <= SEEDS; seed++) mean += dice_of(9, 1, seed) / SEEDS;
    (void)snprintf(text, sizeof text, "class=\"best\" data-v=\"%.9g\">%.3f", mean, mean);
    assert_non_null(strstr(page, text));
    if (have_gnuplot()) {
        assert_int_equal(count_of(page, "could not be drawn"), 0);
        assert_int_equal(count_of(page, "<svg"), 2 + 1 + ARMS + 1 + 3); /* arms, chain, light, dose, curves */
        assert_int_equal(count_of(page, "fill=\"black\""), 0);
    }
    sg_free(page);
}

static void summary_has_every_run(void **state)
{
    (void)state;
    char *csv = page_read("summary.csv"), text[128];
    assert_int_equal(count_of(csv, "\n"), 1 + ARMS * 3 * SEEDS);
    (void)snprintf(text, sizeof text, "\nlearned,200,2,%.9g,", dice_of(5, 1, 2));
    assert_non_null(strstr(csv, text));
    sg_free(csv);
}

static void same_results_same_page(void **state)
{
    (void)state;
    char *first = page_read("report.html"), out[512];
    (void)snprintf(out, sizeof out, "%s/again.html", folder);
    OK(sg_report_make(folder, out));
    char *second = page_read("again.html");
    assert_string_equal(first, second);
    sg_free(first);
    sg_free(second);
    (void)unlink(out);
}

static void one_run(void **state)
{
    (void)state;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/runs/learned/dose200/seed1/", folder);
    OK(sg_report_make(path, NULL));
    char *page = page_read("runs/learned/dose200/seed1/report.html");
    assert_non_null(strstr(page, "<h1>seed1</h1>"));
    assert_non_null(strstr(page, "One training run, arm <b>learned</b>, 200 photons"));
    sg_free(page);
}

/* Without gnuplot the page is made all the same and says what is missing. */
static void without_gnuplot(void **state)
{
    (void)state;
    char path[512], *search = strdup(getenv("PATH"));
    (void)snprintf(path, sizeof path, "%s/runs/half/dose50/seed1", folder);
    (void)setenv("PATH", "/nowhere", 1);
    const sg_status status = sg_report_make(path, NULL);
    (void)setenv("PATH", search, 1);
    free(search);
    OK(status);
    char *page = page_read("runs/half/dose50/seed1/report.html");
    assert_true(count_of(page, "gnuplot is not installed (package gnuplot-nox)") >= 3);
    sg_free(page);
}

static void bad_input(void **state)
{
    (void)state;
    char path[512], run[600];
    assert_int_equal(sg_report_make("/nowhere/at/all", NULL), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "/nowhere/at/all: no such folder"));
    (void)snprintf(path, sizeof path, "%s/runs/empty", folder);
    OK(sg_folder_make(path));
    assert_int_equal(sg_report_make(path, NULL), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "neither results.h5 nor"));
    (void)snprintf(run, sizeof run, "%s/results.h5", path);
    OK(sg_file_write(run, "half a file", 11));
    assert_int_equal(sg_report_make(path, NULL), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "not an HDF5 file"));
    OK(sg_report_make(folder, NULL)); /* the experiment goes on without that run and says so */
    char *page = page_read("report.html");
    assert_non_null(strstr(page, "<br>runs/empty/results.h5: not an HDF5 file"));
    sg_free(page);
    assert_int_equal(sg_report_make(folder, "/nowhere/page.html"), SG_E_IO);
    (void)unlink(run);
    (void)rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_is_whole),          cmocka_unit_test(summary_has_every_run),
        cmocka_unit_test(same_results_same_page), cmocka_unit_test(one_run),
        cmocka_unit_test(without_gnuplot),        cmocka_unit_test(bad_input),
    };
    return cmocka_run_group_tests(tests, experiment_make, experiment_remove);
}
