/* test_report_charts.c - what the charts of a report show where a sweep is awkward: an arm that fails, one seed alone,
 * values with many digits, keys that move together, learned pupils. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "made_sweep.h"
#include "pipeline/report.h"
#include "pipeline/report_page.h"
#include "pipeline/results.h"
#include "place.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

static void has(const char *text, const char *what)
{
    if (!strstr(text, what)) fail_msg("'%s' is not there", what);
}

static void has_not(const char *text, const char *what)
{
    const char *at = strstr(text, what);
    if (at) fail_msg("'%s' is there: ...%.200s", what, at > text + 80 ? at - 80 : text);
}

static int count_of(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what)) n++;
    return n;
}

static void need_gnuplot(void)
{
    if (system("gnuplot --version > /dev/null 2>&1") == 0) return;
    print_message("skipped: no gnuplot here\n");
    skip();
}

/* ---- made-up sweeps ---- */
static int made;

/* A run with one score and a training curve; `values`: the columns of runs.csv between arm and seed. */
static void run_put(const char *folder, sg_text *index, const char *arm, const char *values, int seed, double score)
{
    sg_results *r;
    char path[600];
    int32_t step[4] = {1, 2, 3, 4}, check = 4;
    float loss[4], last = .2f;
    for (int i = 0; i < 4; i++) loss[i] = 1.f / (float)(i + seed);
    OK(sg_results_new(&r));
    OK(sg_results_text(r, "/config", "loss:\n  kind: cross_entropy\nillumination:\n  exposures: 1\n", "configuration"));
    OK(sg_results_scalar(r, "/metrics/balanced_accuracy", score, "1", "balanced accuracy"));
    OK(sg_results_array(r, "/curve/step", SG_RESULTS_I32, 1, (int[]){4}, step, "1", "step", "S"));
    OK(sg_results_array(r, "/curve/train_loss", SG_RESULTS_F32, 1, (int[]){4}, loss, "1", "training loss", "S"));
    OK(sg_results_array(r, "/curve/validation/step", SG_RESULTS_I32, 1, (int[]){1}, &check, "1", "step", "S"));
    OK(sg_results_array(r, "/curve/validation/loss", SG_RESULTS_F32, 1, (int[]){1}, &last, "1", "loss", "S"));
    (void)snprintf(path, sizeof path, "%s/runs/%016x", place_path(folder), ++made);
    OK(sg_folder_make(path));
    (void)strcat(path, "/results.h5");
    OK(sg_results_save(r, path));
    sg_results_free(r);
    sg_text_add(index, "%016x,%s,%s%s%d\n", made, arm, values, *values ? "," : "", seed);
}

static char *page_of(const char *folder, sg_text *index, const char *reference)
{
    char path[96], text[128];
    (void)snprintf(path, sizeof path, "%s/runs.csv", folder);
    OK(index->status);
    place_put(path, index->data, index->len);
    (void)snprintf(path, sizeof path, "%s/sweep.yaml", folder);
    (void)snprintf(text, sizeof text, "sweep:\n  title: Made up\n%s%s\n", *reference ? "  reference: " : "", reference);
    place_put_text(path, text);
    sg_text_free(index);
    OK(sg_report_make(place_path(folder), NULL));
    (void)snprintf(path, sizeof path, "%s/report.html", folder);
    return place_get(path);
}

/* ---- the range of an axis ---- */
static void axis_is_fitted(void **state)
{
    (void)state;
    sg_report_view view = sg_report_view_none();
    sg_report_view_take(&view, .90, true);
    sg_report_view_take(&view, .94, true);
    sg_report_view_take(&view, .86, false);
    sg_report_view_take(&view, (double)NAN, true);
    sg_report_view_fit(&view); /* .86 to .94 is twice the wanted range: all of it, and a rim of 5 % */
    assert_true(fabs(view.lo - (.86 - .004)) < 1e-12 && fabs(view.hi - (.94 + .004)) < 1e-12);
    view = sg_report_view_none();
    sg_report_view_take(&view, .90, true);
    sg_report_view_take(&view, .94, true);
    sg_report_view_take(&view, .10, false);
    sg_report_view_fit(&view); /* .10 would squeeze: half the wanted range below it, a rim of 5 % */
    assert_true(fabs(view.lo - (.88 - .003)) < 1e-12 && fabs(view.hi - (.94 + .003)) < 1e-12);
    assert_true(view.all_lo == .10 && view.all_hi == .94);
}

static void axis_ends_with_the_score(void **state)
{
    (void)state;
    const sg_report_metric dice = {.key = "dice", .better = 1}, psnr = {.key = "psnr_db", .unit = "dB", .better = 1},
                           mse = {.key = "mse", .better = -1};
    sg_report_view view[3] = {sg_report_view_of(&dice), sg_report_view_of(&psnr), sg_report_view_of(&mse)};
    for (int i = 0; i < 3; i++) {
        sg_report_view_take(&view[i], -1, true); /* intervals of two seeds */
        sg_report_view_take(&view[i], 2, true);
    }
    assert_true(view[0].lo == 0 && view[0].hi == 1);
    assert_true(view[1].lo == -1 && view[1].hi == 2);
    assert_true(view[2].lo == 0 && view[2].hi == 2);
}

/* ---- an arm that fails ---- */
/* Means: even .90 + .01 b, good .01 above, broken .098 at 2 bits, else .001 below even. */
static double score_of(int arm, int bits, int seed)
{
    const double even = .90 + .01 * bits + .002 * seed;
    return arm == 0 ? even : arm == 1 ? even + .01 + .0004 * seed * seed : bits == 2 ? .1 - .001 * seed : even - .001;
}

static void failing_arm_does_not_squeeze(void **state)
{
    (void)state;
    static const char *const arms[] = {"even", "good", "broken"};
    sg_text index = {0};
    char bits[8];
    need_gnuplot();
    sg_text_add(&index, "id,arm,camera.bit_depth,seed\n");
    for (int b = 1; b <= 3; b++)
        for (int a = 0; a < 3; a++)
            for (int seed = 1; seed <= 3; seed++) {
                (void)snprintf(bits, sizeof bits, "%d", b);
                run_put("fails", &index, arms[a], bits, seed, score_of(a, b, seed));
            }
    char *page = page_of("fails", &index, "even");
    has(page, "The scale is fitted to the reference and the best arm; one mean (0.098) lies off it: the arrow.");
    has(page, "Mean over n = 3 seeds and 95 % interval of the mean (t).");
    has(page, "one mean (-0.826) lies off it: the arrow."); /* of the differences: .098 - (.92 + .002 * 2) */
    has(page, "◀ ▶: a mean that lies off it.");
    has(page, ">◀ 0.098 ± 0.0025<");
    char *chart = place_get("fails/figures/balanced_accuracy_camera_bit_depth.svg");
    has_not(chart, ">0.2<"); /* no mark of the axis so far down */
    has_not(chart, ">0.8<");
    has(chart, "broken at 2: 0.098"); /* yet the number is there under the pointer, at the arrow */
    char *difference = place_get("fails/figures/difference_balanced_accuracy_camera_bit_depth.svg");
    has(difference, ">broken<");
    has_not(difference, ">even<");
    has_not(page, "curve_validation");
    has(page, "Validation was measured once, at the end: no curve.");
    assert_false(sg_file_exists(place_path("fails/figures/curve_validation.svg")));
    sg_free(page);
    sg_free(chart);
    sg_free(difference);
}

/* Without one all is shown, and nothing said of it. */
static void no_arrows_without_need(void **state)
{
    (void)state;
    made_bits(place_path("bits"));
    need_gnuplot();
    OK(sg_report_make(place_path("bits"), NULL));
    char *page = place_get("bits/report.html");
    has_not(page, "The scale is fitted");
    has(page, "Only the corner of the unit square where the curves bend is shown."); /* good ROC curves */
    has(page, "learned_thresholds, 3 bits");
    has(page, "Every panel has its own scales.");
    for (const char *at = page; (at = strstr(at, "<g ")) != NULL; at++) {
        const char *end = strchr(at, '>') + 1;
        if (strncmp(end + strspn(end, " \t\n"), "</g>", 4) == 0) fail_msg("an empty group: %.120s", at);
    }
    sg_free(page);
}

/* ---- one arm, one seed, awkward values ---- */
static void one_seed_has_no_interval(void **state)
{
    (void)state;
    static const char *const dose[] = {"5", "28.1171", "158.114", "889.14", "5000"}, *const pattern[] = {"brightfield",
                                                                                                         "half",
                                                                                                         "off_axis"};
    sg_text index = {0};
    char values[64];
    need_gnuplot();
    sg_text_add(&index, "id,arm,illumination.pattern,illumination.dose_ph,seed\n");
    for (int p = 0; p < 3; p++)
        for (int d = 0; d < 5; d++) {
            (void)snprintf(values, sizeof values, "%s,%s", pattern[p], dose[d]);
            run_put("one", &index, "default", values, 1, .5 + .05 * d + .01 * p);
        }
    char *page = page_of("one", &index, "");
    has(page,
        "best balanced accuracy of default, pattern off_axis, dose 5000 photons (one seed: no interval): picked by "
        "this score among 15 combinations");
    has(page, "One seed: no interval.");
    has(page, "one seed; bright is good");
    has_not(page, "<small>±");
    has_not(page, "These are at"); /* the best of all, not of one condition */
    has_not(page, "difference_");
    char *map = place_get("one/figures/map.svg");
    has(map, ">28.1<");
    has(map, ">158<");
    has(map, ">889<");
    has(map, ">off_axis<");
    has(map, ">0.500<"); /* all cells with the same digits */
    sg_free(map);
    sg_free(page);
}

static void words_of_keys(void **state)
{
    (void)state;
    sg_report_data data;
    sg_text index = {0}, where = {0};
    char text[96];
    sg_text_add(&index,
                "id,arm,camera.bit_depth,camera.range_e.init,camera.adc_threshold_e.lr,optics.defocus_um,seed\n");
    for (int b = 1; b <= 2; b++) {
        for (int d = 0; d < 2; d++) {
            (void)snprintf(text, sizeof text, "%d,%d,%g,%s", b, 100 * b, .5 * b, d ? "1.234567" : "1.234561");
            run_put("words", &index, "a", text, 1, .5 + .1 * b);
        }
    }
    char *page = page_of("words", &index, "");
    OK(sg_report_load(&data, place_path("words")));
    assert_string_equal(data.keys[1].label, "range / e");
    assert_string_equal(data.keys[2].label, "ADC threshold lr / e");
    assert_string_equal(data.keys[3].label, "defocus / µm");
    sg_report_point_text(&data, 0, -1, 3, &where);
    has(where.data, "bit");
    sg_report_brief(text, &data.keys[3], 0); /* as many digits as tell the values apart */
    assert_string_equal(text, "1.23456");
    has(page, "<code>camera.range_e.init</code> (2 values, moving along)");
    has_not(page, "<th>range / e</th>"); /* which says nothing that the bits do not */
    has(page, "<th>defocus / µm</th>");
    sg_text_free(&where);
    sg_report_data_free(&data);
    sg_free(page);
}

/* ---- learned pupils ---- */
static const char pupil_sweep[] =
    "sample: {kind: incoherent, size_px: 32, pixel_um: 0.35}\n"
    "optics: {wavelength_um: 0.53, na: 0.35}\n"
    "camera: {pixel_um: 0.35}\n"
    "network: {width: 2, depth: 1}\n"
    "train: {steps: 2, batch_size: 1, validate_every: 1}\n"
    "dataset: {kind: builtin}\n"
    "sweep:\n"
    "  title: Pupils\n"
    "  seeds: [1, 2]\n"
    "  arms:\n"
    "    terms: {optics.zernike_rad: {init: [0, 0, 0, 0, 0, 0, 1, -1], learn: true, lr: 0.1}}\n"
    "    bins: {optics.defocus_um: {init: 1, learn: true, lr: 0.1}, optics.learn_phase: {learn: true, lr: 0.1}, "
    "optics.learn_amplitude: {learn: true, lr: 0.1}}\n";

static void learned_pupils_are_drawn(void **state)
{
    (void)state;
    need_gnuplot();
    place_put_text("pupil.yaml", pupil_sweep);
    if (place_run("sweep pupil.yaml -o pupil") != 0) {
        char *said = place_get("err");
        fail_msg("%s", said);
    }
    OK(sg_report_make(place_path("pupil"), NULL));
    char *page = place_get("pupil/report.html");
    has(page, "<b>Learned phase of the pupil</b>");
    has(page, "<b>Learned amplitude of the pupil</b>");
    has(page, "<td>pupil defocus</td>");
    has(page, "<td>µm</td>");
    assert_int_equal(count_of(page, "could not be drawn"), 0);
    char *zernike = place_get("pupil/figures/zernike.svg"), *phase = place_get("pupil/figures/pupil_phase.svg");
    has(zernike, ">terms, before<"); /* the start beside the end, here of the seventh term */
    has(zernike, "terms, before at 7: 1<");
    has(phase, ">phase / rad<");
    has(phase, ">bins<");
    assert_true(count_of(phase, "<polygon") < 800); /* not the 1024 bins, most of them outside the pupil */
    assert_true(count_of(phase, "<polygon") > 150);
    sg_free(zernike);
    sg_free(phase);
    sg_free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axis_is_fitted),
        cmocka_unit_test(axis_ends_with_the_score),
        cmocka_unit_test(failing_arm_does_not_squeeze),
        cmocka_unit_test(no_arrows_without_need),
        cmocka_unit_test(one_seed_has_no_interval),
        cmocka_unit_test(words_of_keys),
        cmocka_unit_test(learned_pupils_are_drawn),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
