/* report_table.c - the numbers: what was found in one line each, the table with its tests, links to the runs. */
#include "pipeline/report_page.h"

#include "pipeline/statistics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const sg_report_run *run_of(const sg_report_data *data, const char *arm)
{
    for (int i = 0; i < data->run_count; i++)
        if (strcmp(data->runs[i].arm, arm) == 0) return &data->runs[i];
    return NULL;
}

static double better(int metric)
{
    return sg_report_metric_table[metric].higher_better ? 1 : -1;
}

static double mean_of(const sg_report_data *data, const char *arm, double dose, int metric)
{
    double values[SG_REPORT_SEEDS];
    return sg_mean(values, sg_report_values(data, arm, dose, metric, values, NULL));
}

/* The pairs of two arms that share a seed. */
static sg_paired paired(const sg_report_data *data, const char *arm_a, const char *arm_b, double dose, int metric)
{
    double a[SG_REPORT_SEEDS], b[SG_REPORT_SEEDS], seed_a[SG_REPORT_SEEDS], seed_b[SG_REPORT_SEEDS];
    const int n_a = sg_report_values(data, arm_a, dose, metric, a, seed_a);
    const int n_b = sg_report_values(data, arm_b, dose, metric, b, seed_b);
    int n = 0;
    for (int i = 0, k = 0; i < n_a && k < n_b;) {
        if (seed_a[i] < seed_b[k])
            i++;
        else if (seed_b[k] < seed_a[i])
            k++;
        else {
            a[n] = a[i++];
            b[n++] = b[k++];
        }
        if (i < n_a && isnan(seed_a[i])) break; /* runs without a seed have no partner */
    }
    return sg_paired_test(a, b, n);
}

/* The learned arm an arm is measured against: the one with as many exposures and the same read-out, else with as many
 * exposures, else the first. NULL: none, or it is the arm itself. */
static const sg_report_run *counterpart(const sg_report_data *data, const sg_report_run *run)
{
    const sg_report_run *best = NULL;
    int best_score = -1;
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_run *other = run_of(data, data->arms[a]);
        const int score = 2 * (other->exposures == run->exposures) + (strcmp(other->readout, run->readout) == 0);
        if (!other->learned || score <= best_score) continue;
        best = other;
        best_score = score;
    }
    return run->learned ? NULL : best;
}

/* ---- findings ---- */
static void p_put(sg_text *h, double p)
{
    if (isnan(p))
        sg_text_add(h, "–");
    else if (p < .001)
        sg_text_add(h, "&lt; .001");
    else
        sg_text_add(h, "%.3f", p);
}

static void best_arm(sg_text *h, const sg_report_data *data)
{
    const char *best = NULL;
    double top = (double)NAN, values[SG_REPORT_SEEDS];
    const int m = data->main_metric;
    for (int a = 0; a < data->arm_count; a++) {
        const double mean = mean_of(data, data->arms[a], data->main_dose, m);
        if (isnan(mean) || (best && !(better(m) * (mean - top) > 0))) continue;
        best = data->arms[a];
        top = mean;
    }
    if (!best) return;
    const int n = sg_report_values(data, best, data->main_dose, m, values, NULL);
    sg_text_add(h, "<li class=\"card\"><b>%.3f", top);
    if (n > 1) sg_text_add(h, " ± %.3f", sg_deviation(values, n));
    sg_text_add(h, "</b><span>%s %s of ", data->arm_count > 1 ? "best" : "test", sg_report_metric_table[m].label);
    sg_text_html(h, best);
    sg_text_add(h, n == 1 ? " (one seed)</span></li>\n" : " (%d seeds)</span></li>\n", n);
}

/* As many exposures, and if several, read out in the same way. */
static bool same_kind(const sg_report_run *a, const sg_report_run *b)
{
    return a->exposures == b->exposures && (a->exposures == 1 || strcmp(a->readout, b->readout) == 0);
}

/* A learned arm against the best fixed arm of the same kind. */
static void learned_against_fixed(sg_text *h, const sg_report_data *data, const sg_report_run *learned)
{
    const sg_report_run *fixed = NULL;
    const int m = data->main_metric;
    double top = 0;
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_run *run = run_of(data, data->arms[a]);
        const double mean = mean_of(data, run->arm, data->main_dose, m);
        if (run->learned || !same_kind(run, learned) || isnan(mean)) continue;
        if (fixed && !(better(m) * (mean - top) > 0)) continue;
        fixed = run;
        top = mean;
    }
    if (!fixed || isnan(mean_of(data, learned->arm, data->main_dose, m))) return;
    const sg_paired test = paired(data, learned->arm, fixed->arm, data->main_dose, m);
    const double gain = test.n ? test.mean : mean_of(data, learned->arm, data->main_dose, m) - top;
    sg_text_add(h, "<li class=\"card\"><b>%+.3f</b><span>%s of ", gain, sg_report_metric_table[m].label);
    sg_text_html(h, learned->arm);
    sg_text_add(h, " against ");
    sg_text_html(h, fixed->arm);
    sg_text_add(h, ", the best fixed light with %d exposure%s", learned->exposures, learned->exposures == 1 ? "" : "s");
    if (learned->exposures > 1 && learned->readout[0]) {
        sg_text_add(h, " read out as ");
        sg_text_html(h, learned->readout);
    }
    if (!isnan(test.p_t)) {
        sg_text_add(h, " (paired t-test p ");
        p_put(h, test.p_t);
        sg_text_add(h, ", %d seeds)", test.n);
    }
    sg_text_add(h, "</span></li>\n");
}

void sg_page_findings(sg_page *page)
{
    const sg_report_data *data = page->data;
    sg_text_add(&page->html, "<ul class=\"findings\">\n");
    best_arm(&page->html, data);
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_run *run = run_of(data, data->arms[a]);
        if (run->learned && data->arm_count > 1) learned_against_fixed(&page->html, data, run);
    }
    sg_text_add(&page->html, "</ul>\n");
}

/* ---- table ---- */
static bool metric_used(const sg_report_data *data, int metric)
{
    for (int i = 0; i < data->run_count; i++)
        if (!isnan(data->runs[i].metric[metric])) return true;
    return false;
}

static void table_head(sg_text *h, const sg_report_data *data)
{
    sg_text_add(h, "<thead><tr><th>arm</th><th>exposures</th><th>read-out</th>");
    for (int m = 0; m < SG_REPORT_METRICS; m++)
        if (metric_used(data, m))
            sg_text_add(h, "<th>%s%s%s</th>", sg_report_metric_table[m].label,
                        *sg_report_metric_table[m].unit ? " / " : "", sg_report_metric_table[m].unit);
    sg_text_add(h, "<th>n</th>");
    if (data->arm_count > 1)
        sg_text_add(h, "<th>learned − arm<br>(%s)</th><th>p, paired t</th><th>p, sign flip</th>",
                    sg_report_metric_table[data->main_metric].label);
    sg_text_add(h, "</tr></thead>\n");
}

static bool is_best(const sg_report_data *data, double mean, double dose, int metric)
{
    for (int a = 0; a < data->arm_count; a++)
        if (better(metric) * (mean_of(data, data->arms[a], dose, metric) - mean) > 0) return false;
    return data->arm_count > 1;
}

static void metric_cell(sg_text *h, const sg_report_data *data, const char *arm, double dose, int metric)
{
    double values[SG_REPORT_SEEDS];
    const int n = sg_report_values(data, arm, dose, metric, values, NULL);
    const double mean = sg_mean(values, n);
    if (n == 0) {
        sg_text_add(h, "<td>–</td>");
        return;
    }
    sg_text_add(h, "<td%s data-v=\"%.9g\">%.3f", is_best(data, mean, dose, metric) ? " class=\"best\"" : "", mean,
                mean);
    if (n > 1) sg_text_add(h, " <small>± %.3f</small>", sg_deviation(values, n));
    sg_text_add(h, "</td>");
}

static void test_cells(sg_text *h, const sg_report_data *data, const sg_report_run *run, double dose)
{
    const sg_report_run *learned = counterpart(data, run);
    if (!learned) {
        sg_text_add(h, "<td>–</td><td>–</td><td>–</td>");
        return;
    }
    const sg_paired test = paired(data, learned->arm, run->arm, dose, data->main_metric);
    if (test.n < 1)
        sg_text_add(h, "<td>–</td>");
    else
        sg_text_add(h, "<td data-v=\"%.9g\">%+.3f<br><small>", test.mean, test.mean), sg_text_html(h, learned->arm),
            sg_text_add(h, "</small></td>");
    sg_text_add(h, "<td>");
    p_put(h, test.p_t);
    sg_text_add(h, "</td><td>");
    p_put(h, test.p_flip);
    sg_text_add(h, "</td>");
}

static void table_row(sg_text *h, const sg_report_data *data, const char *arm, double dose)
{
    double values[SG_REPORT_SEEDS];
    const sg_report_run *run = sg_report_find(data, arm, dose);
    if (!run) return;
    sg_text_add(h, "<tr%s><td>", run->learned ? " class=\"learned\"" : "");
    sg_text_html(h, arm);
    sg_text_add(h, "</td><td>%d</td><td>", run->exposures);
    sg_text_html(h, run->exposures > 1 && run->readout[0] ? run->readout : "–");
    sg_text_add(h, "</td>");
    for (int m = 0; m < SG_REPORT_METRICS; m++)
        if (metric_used(data, m)) metric_cell(h, data, arm, dose, m);
    sg_text_add(h, "<td>%d</td>", sg_report_values(data, arm, dose, data->main_metric, values, NULL));
    if (data->arm_count > 1) test_cells(h, data, run, dose);
    sg_text_add(h, "</tr>\n");
}

static void table_put(sg_text *h, const sg_report_data *data, double dose)
{
    sg_text_add(h, "<div class=\"card scroll\"><table class=\"numbers\">");
    if (isfinite(dose))
        sg_text_add(h, "<caption>Dose %g photons per camera pixel area and measurement</caption>", dose);
    table_head(h, data);
    sg_text_add(h, "<tbody>\n");
    for (int a = 0; a < data->arm_count; a++) table_row(h, data, data->arms[a], dose);
    sg_text_add(h, "</tbody></table></div>\n");
}

void sg_page_table(sg_page *page)
{
    const sg_report_data *data = page->data;
    sg_text *h = &page->html;
    sg_text_add(h, "<h2>The numbers</h2>\n<p>On the test pictures: mean ± standard deviation over n seeds; the best "
                   "mean of a column is marked.");
    if (data->arm_count > 1)
        sg_text_add(h, " Each fixed light is compared, seed by seed, with the learned light named beside the "
                       "difference (as many exposures, the same read-out where there is "
                       "one). The sign-flip test counts all 2<sup>n</sup> sign choices exactly; its p cannot be below "
                       "2<sup>1−n</sup>. The p values are not corrected for "
                       "the number of comparisons.");
    sg_text_add(h, "</p>\n");
    if (data->dose_count == 0)
        table_put(h, data, (double)NAN);
    else
        table_put(h, data, data->main_dose);
    for (int d = 0; d < data->dose_count; d++) {
        if (data->doses[d] == data->main_dose) continue;
        sg_text_add(h, "<details><summary>Dose %g</summary>\n", data->doses[d]);
        table_put(h, data, data->doses[d]);
        sg_text_add(h, "</details>\n");
    }
}

/* ---- files ---- */
static void link_put(sg_text *h, const char *folder, const char *name, const char *shown)
{
    const char *relative = strcmp(folder, ".") == 0 ? "" : folder;
    sg_text_add(h, "<li><a href=\"");
    for (const char *c = relative; *c; c++) {
        if (strchr("%#?\"<>& ", *c))
            sg_text_add(h, "%%%02X", (unsigned char)*c);
        else
            sg_text_bytes(h, c, 1);
    }
    sg_text_add(h, "%s%s\">", *relative ? "/" : "", name);
    sg_text_html(h, shown);
    sg_text_add(h, "</a></li>\n");
}

void sg_page_files(sg_page *page)
{
    const sg_report_data *data = page->data;
    sg_text *h = &page->html;
    sg_text_add(h, "<h2>Files</h2>\n<p>Links are relative to the folder of this page. results.h5 opens in h5py, MATLAB "
                   "or napari.</p>\n<ul class=\"files\">\n");
    if (data->experiment) {
        link_put(h, ".", "summary.csv", "summary.csv: every run in one table");
        link_put(h, ".", "figures/", "figures/: the charts as PNG");
        for (int i = 0; i < data->run_count; i++) link_put(h, data->runs[i].folder, "results.h5", data->runs[i].folder);
    } else {
        static const char *const names[] = {"config.yaml", "results.h5", "log.csv", "weights.safetensors", "figures/"};
        for (int i = 0; i < 5; i++) link_put(h, ".", names[i], names[i]);
    }
    sg_text_add(h, "</ul>\n");
}
