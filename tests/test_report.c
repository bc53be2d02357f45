/* test_report.c - the page, the table and the text of a report, from made-up results. SG_TEST_KEEP keeps the pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "made_sweep.h"
#include "pipeline/report.h"
#include "pipeline/report_data.h"
#include "place.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

static int sweeps_make(void **state)
{
    const int status = place_make(state);
    if (status == 0) made_lights(place_path("lights"));
    if (status == 0) made_bits(place_path("bits"));
    if (status == 0) made_search(place_path("search"), 60);
    return status;
}

static const char *run_folder(int arm, int dose, int seed)
{
    char name[64];
    (void)snprintf(name, sizeof name, "lights/runs/%016llx", (unsigned long long)made_light_id(arm, dose, seed));
    return place_path(name);
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

static void has_figure(const char *name)
{
    char path[160];
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s.%s", name, i ? "svg" : "png");
        if (!sg_file_exists(place_path(path))) fail_msg("%s: not there", path);
    }
}

static void page_is_whole(void **state)
{
    (void)state;
    OK(sg_report_make(place_path("lights"), NULL));
    char *page = place_get("lights/report.html"), text[64];
    assert_non_null(strstr(page, "<h1>Learned light &amp; &lt;nuclei&gt;</h1>"));
    assert_int_equal(count_of(page, "http://") + count_of(page, "https://"),
                     2 * count_of(page, "<svg"));                            /* XML names only */
    assert_int_equal(count_of(page, "<tr><td>center</td>"), MADE_DOSES + 2); /* the table, 2 tables of pictures */
    assert_true(count_of(page, "data:image/png;base64,") > 5 * MADE_ARMS * 2);
    /* the mean over seeds stands in the table, and the best mean is marked */
    double mean = 0;
    for (int seed = 1; seed <= MADE_SEEDS; seed++) mean += made_dice(9, 1, seed) / MADE_SEEDS;
    (void)snprintf(text, sizeof text, "class=\"best\" data-v=\"%.9g\">%.4g", mean, mean);
    assert_non_null(strstr(page, text));
    if (have_gnuplot()) {
        assert_int_equal(count_of(page, "could not be drawn"), 0);
        assert_int_equal(count_of(page, "fill=\"black\""), 0);
        assert_int_equal(count_of(page, "onmousemove"), 0); /* values under the pointer need no script */
        assert_int_equal(count_of(page, "<title>gnuplot"), 0);
        assert_non_null(strstr(page, "<title>learned at 200: "));
        has_figure("lights/figures/arms_dice");
        has_figure("lights/figures/dice_illumination_dose_ph");
        has_figure("lights/figures/light_learned_illumination_dose_ph");
        has_figure("lights/figures/curve_train");
        assert_true(sg_file_exists(place_path("lights/figures/examples.png")));
    }
    sg_free(page);
}

static void summary_has_every_run(void **state)
{
    (void)state;
    char *csv = place_get("lights/summary.csv"), text[128];
    assert_int_equal(count_of(csv, "\n"), 1 + MADE_ARMS * MADE_DOSES * MADE_SEEDS);
    assert_non_null(strstr(csv, "id,arm,illumination.dose_ph,seed,loss,dice,ap50,dice_high,dice_low\n"));
    (void)snprintf(text, sizeof text, "\n%016llx,learned,200,2,%.6g", (unsigned long long)made_light_id(5, 1, 2),
                   1.1 - made_dice(5, 1, 2));
    assert_non_null(strstr(csv, text));
    sg_free(csv);
}

static void one_run(void **state)
{
    (void)state;
    char path[64];
    OK(sg_report_make(run_folder(5, 1, 1), NULL));
    (void)snprintf(path, sizeof path, "lights/runs/%016llx/report.html", (unsigned long long)made_light_id(5, 1, 1));
    char *page = place_get(path), text[96];
    assert_non_null(strstr(page, "One training run, seed 1."));
    const double dice = made_dice(5, 1, 1);
    (void)snprintf(text, sizeof text, ">%.4g to %.4g</td>", dice - .02, dice + .03);
    assert_non_null(strstr(page, text)); /* the bootstrap interval of the file */
    sg_free(page);
}

/* Several keys, classes, learned thresholds. */
static void classifier_sweep(void **state)
{
    (void)state;
    OK(sg_report_make(place_path("bits"), NULL));
    char *page = place_get("bits/report.html");
    assert_int_equal(count_of(page, "<tr><td>uniform</td>"), 6 * 2 + 1); /* and the strip of examples */
    assert_non_null(strstr(page, "lymphocyte"));
    assert_non_null(strstr(page, "<th>bit depth / bits</th><th>dose / photons</th>"));
    assert_non_null(strstr(page, "✗"));
    if (have_gnuplot()) {
        static const char *const names[] = {"balanced_accuracy_camera_bit_depth",
                                            "balanced_accuracy_illumination_dose_ph",
                                            "learned_adc_range_e_camera_bit_depth",
                                            "map",
                                            "confusion",
                                            "roc",
                                            "pr",
                                            "thresholds_camera_bit_depth"};
        assert_int_equal(count_of(page, "could not be drawn"), 0);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            char path[96];
            (void)snprintf(path, sizeof path, "bits/figures/%s", names[i]);
            has_figure(path);
        }
    }
    sg_free(page);
}

/* Every combination has a value of its own: marks instead of lines. */
static void random_search(void **state)
{
    (void)state;
    OK(sg_report_make(place_path("search"), NULL));
    char *page = place_get("search/report.html");
    assert_int_equal(count_of(page, "<tr><td>default</td>"), 60);
    assert_non_null(strstr(page, "A mark a combination"));
    if (have_gnuplot()) has_figure("search/figures/mse_optimiser_lr");
    if (have_gnuplot()) has_figure("search/figures/mse_network_norm");
    sg_free(page);
}

static void same_results_same_page(void **state)
{
    (void)state;
    char *first = place_get("search/report.html");
    OK(sg_report_make(place_path("search"), place_path("again.html")));
    char *second = place_get("again.html");
    assert_string_equal(first, second);
    sg_free(first);
    sg_free(second);
}

/* Keys, points, cells and tests as sums by hand say. */
static void groups_and_tests(void **state)
{
    (void)state;
    sg_report_data data;
    double a[MADE_SEEDS], b[MADE_SEEDS], p_min = 1;
    OK(sg_report_load(&data, place_path("lights")));
    assert_int_equal(data.key_count, 1);
    assert_true(data.keys[0].axis && data.keys[0].numeric && !data.keys[0].log); /* 50 to 1000: a factor of 20 */
    assert_string_equal(data.keys[0].label, "dose / photons");
    assert_int_equal(data.point_count, MADE_DOSES);
    assert_int_equal(data.cell_count, MADE_ARMS * MADE_DOSES);
    assert_int_equal(data.reference, 5);
    assert_int_equal(data.shown, 1);
    for (int s = 0; s < MADE_SEEDS; s++) {
        a[s] = made_dice(0, 2, s + 1);
        b[s] = made_dice(5, 2, s + 1);
    }
    const sg_paired want = sg_paired_test(a, b, MADE_SEEDS);
    const sg_report_cell *cell = sg_report_cell_at(&data, 2, 0);
    assert_true(fabs(cell->test.mean - want.mean) < 1e-12 && fabs(cell->test.p_t - want.p_t) < 1e-12);
    for (int c = 0; c < data.cell_count; c++) {
        const sg_report_cell *one = &data.cells[c];
        if (one->arm == data.reference) continue;
        if (one->test.p_t < p_min) p_min = one->test.p_t;
        assert_true(one->p_holm >= one->test.p_t && one->p_holm <= 1);
    }
    for (int c = 0; c < data.cell_count; c++) /* the smallest of m tests counts m times */
        if (data.cells[c].test.n && data.cells[c].test.p_t == p_min)
            assert_true(fabs(data.cells[c].p_holm - fmin(1, p_min * (MADE_ARMS - 1) * MADE_DOSES)) < 1e-15);
    sg_report_data_free(&data);
}

/* A line of the index of folder "bits". */
typedef struct made_row {
    char id[32], arm[32], bits[32], dose[64], seed[32];
} made_row;

static made_row row_of(const char *line)
{
    made_row r;
    assert_int_equal(sscanf(line, "%31[^,],%31[^,],%31[^,],%63[^,],%31s", r.id, r.arm, r.bits, r.dose, r.seed), 5);
    return r;
}

/* A key that follows from others is no axis: here 100 times the bits plus the photons, which determines both. */
static void keys_that_follow(void **state)
{
    (void)state;
    sg_report_data data;
    char *index = place_get("bits/runs.csv");
    sg_text more = {0};
    for (char *line = strtok(index, "\n"); line; line = strtok(NULL, "\n")) {
        const made_row r = row_of(line);
        if (atoi(r.bits))
            sg_text_add(&more, "%s,%s,%d,%s,%s,%s\n", r.id, r.arm, 100 * atoi(r.bits) + atoi(r.dose), r.bits, r.dose,
                        r.seed);
        else
            sg_text_add(&more, "%s,%s,camera.range_e,%s,%s,%s\n", r.id, r.arm, r.bits, r.dose, r.seed);
    }
    OK(sg_folder_make(place_path("together")));
    place_put("together/runs.csv", more.data, more.len);
    place_put_text("together/sweep.yaml", "sweep: {title: Together}\n");
    assert_int_equal(place_shell("ln -s ../bits/runs together/runs"), 0);
    OK(sg_report_load(&data, place_path("together")));
    assert_int_equal(data.key_count, 3);
    assert_true(!data.keys[0].axis && data.keys[1].axis && data.keys[2].axis);
    assert_int_equal(data.point_count, 12);
    assert_true(sg_report_point_with(&data, 0, 1, 3, -1, 0) >= 0); /* the first key moves along */
    sg_report_data_free(&data);
    sg_text_free(&more);
    sg_free(index);
}

/* Values that begin alike for a hundred letters, as paths do, are different values. */
static void long_values(void **state)
{
    (void)state;
    sg_report_data data;
    char *index = place_get("bits/runs.csv");
    sg_text more = {0};
    for (char *line = strtok(index, "\n"); line; line = strtok(NULL, "\n")) {
        const made_row r = row_of(line);
        sg_text_add(&more, atoi(r.bits) ? "%s,%s,%s,/%0200d/%s,%s\n" : "%s,%s,%s,%.0d%s,%s\n", r.id, r.arm, r.bits, 0,
                    r.dose, r.seed);
    }
    OK(sg_folder_make(place_path("long")));
    place_put("long/runs.csv", more.data, more.len);
    place_put_text("long/sweep.yaml", "sweep: {title: Long}\n");
    assert_int_equal(place_shell("ln -s ../bits/runs long/runs"), 0);
    OK(sg_report_load(&data, place_path("long")));
    assert_int_equal(data.keys[1].count, 2);
    assert_int_equal(data.point_count, 12);
    for (int c = 0; c < data.cell_count; c++) assert_int_equal(data.cells[c].count, MADE_SEEDS);
    sg_report_data_free(&data);
    sg_text_free(&more);
    sg_free(index);
}

/* Without gnuplot the page is made all the same and says what is missing. */
static void without_gnuplot(void **state)
{
    (void)state;
    char *search = strdup(getenv("PATH"));
    (void)setenv("PATH", "/nowhere", 1);
    const sg_status status = sg_report_make(run_folder(3, 0, 1), place_path("plain.html"));
    (void)setenv("PATH", search, 1);
    free(search);
    OK(status);
    char *page = place_get("plain.html");
    assert_true(count_of(page, "gnuplot is not installed (package gnuplot-nox)") >= 3);
    sg_free(page);
}

/* The page goes on without runs that wait, failed or are damaged, and says so. */
static void missing_runs(void **state)
{
    (void)state;
    assert_int_equal(place_shell("cp -r search some && cd some/runs && rm -r 0000000000000000 0000000000000001/* && "
                                 "echo '<no> memory' > 0000000000000001.failed && "
                                 "echo half > 0000000000000002/results.h5"),
                     0);
    OK(sg_report_make(place_path("some"), NULL));
    char *page = place_get("some/report.html");
    assert_non_null(strstr(page, "3 of 60 runs are not in this page: 1 waiting, 0 running, 1 failed, 1 done but not"));
    assert_non_null(strstr(page, "norm batch, seed 1: &lt;no&gt; memory"));
    assert_non_null(strstr(page, "<br>runs/0000000000000002/results.h5: not an HDF5 file"));
    sg_free(page);
    FILE *out = fopen(place_path("said"), "w");
    OK(sg_report_print(place_path("some"), out));
    (void)fclose(out);
    char *said = place_get("said");
    assert_non_null(strstr(said, "3 of 60 runs have no results that can be read, of these:\n"
                                 "runs/0000000000000002/results.h5: not an HDF5 file"));
    sg_free(said);
}

static void bad_input(void **state)
{
    (void)state;
    assert_int_equal(sg_report_make("/nowhere/at/all", NULL), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "/nowhere/at/all: no such folder"));
    OK(sg_folder_make(place_path("empty")));
    assert_int_equal(sg_report_make(place_path("empty"), NULL), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "neither the folder of a run (results.h5) nor of a sweep (runs.csv)"));
    place_put_text("empty/results.h5", "half a file");
    assert_int_equal(sg_report_make(place_path("empty"), NULL), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "not an HDF5 file"));
    assert_int_equal(sg_report_make(place_path("search"), "/nowhere/page.html"), SG_E_IO);
    OK(sg_folder_make(place_path("none")));
    place_put_text("none/runs.csv", "id,arm,seed\n0123456789abcdef,a,1\n");
    place_put_text("none/sweep.yaml", "sweep: {title: Nothing yet}\n");
    assert_int_equal(sg_report_make(place_path("none"), NULL), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "none of its 1 runs has results yet"));
    assert_false(sg_file_exists(place_path("none/report.html")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_is_whole),    cmocka_unit_test(summary_has_every_run),
        cmocka_unit_test(one_run),          cmocka_unit_test(classifier_sweep),
        cmocka_unit_test(random_search),    cmocka_unit_test(same_results_same_page),
        cmocka_unit_test(groups_and_tests), cmocka_unit_test(keys_that_follow),
        cmocka_unit_test(long_values),      cmocka_unit_test(without_gnuplot),
        cmocka_unit_test(missing_runs),     cmocka_unit_test(bad_input),
    };
    return cmocka_run_group_tests(tests, sweeps_make, place_remove);
}
