/* report_table.c - the numbers: a row a cell with its test, and links to the files. */
#include "pipeline/report_page.h"

#include "core/file.h"
#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LINKS_MAX = 200 };

static void p_put(sg_text *h, double p)
{
    if (isnan(p))
        sg_text_add(h, "<td>–</td>");
    else if (p < .001)
        sg_text_add(h, "<td data-v=\"%.6g\">&lt; .001</td>", p);
    else
        sg_text_add(h, "<td data-v=\"%.6g\">%.3f</td>", p, p);
}

static void number_put(sg_text *h, const char *class, const char *sign, double mean, double half)
{
    char mean_text[32], half_text[32];
    sg_report_number(mean_text, half_text, mean, half);
    sg_text_add(h, "<td%s data-v=\"%.9g\">%s%s", class, mean, sign, mean_text);
    if (*half_text) sg_text_add(h, " <small>± %s</small>", half_text);
    sg_text_add(h, "</td>");
}

static bool is_shown(const sg_report_metric *m)
{
    return m->used && !m->hardware && m->better != 0;
}

static void score_head(sg_text *h, const sg_report_data *data, int metric)
{
    const sg_report_metric *m = &data->metrics[metric];
    sg_text_add(h, "<th>%s%s%s</th>", m->label, *m->unit ? " / " : "", m->unit);
}

/* The main score and its tests stand first: they should be seen without scrolling. */
static void table_head(sg_text *h, const sg_report_data *data)
{
    sg_text_add(h, "<thead><tr><th>arm</th>");
    for (int k = 0; k < data->key_count; k++) {
        if (!data->keys[k].axis) continue;
        sg_text_add(h, "<th>");
        sg_text_html(h, data->keys[k].label);
        sg_text_add(h, "</th>");
    }
    sg_text_add(h, "<th>n</th>");
    score_head(h, data, data->main_metric);
    if (data->arm_count > 1) {
        sg_text_add(h, "<th>arm − ");
        sg_text_html(h, data->arms[data->reference]);
        sg_text_add(h, "<br>(%s)</th><th>p, paired t</th><th>p, sign flip</th><th>p, Holm</th>",
                    data->metrics[data->main_metric].label);
    }
    for (int m = 0; m < data->metric_count; m++)
        if (is_shown(&data->metrics[m]) && m != data->main_metric) score_head(h, data, m);
    sg_text_add(h, "</tr></thead>\n");
}

static bool is_best(const sg_report_data *data, double mean, int point, int metric)
{
    double values[SG_REPORT_SEEDS];
    int others = 0;
    for (int a = 0; a < data->arm_count; a++) {
        const int n = sg_report_values(data, sg_report_cell_at(data, point, a), metric, values, NULL);
        if (n && data->metrics[metric].better * (sg_mean(values, n) - mean) > 0) return false;
        others += n > 0;
    }
    return others > 1;
}

static void metric_cell(sg_text *h, const sg_report_data *data, const sg_report_cell *cell, int metric)
{
    double values[SG_REPORT_SEEDS];
    const int n = sg_report_values(data, cell, metric, values, NULL);
    const double mean = sg_mean(values, n);
    if (n == 0) {
        sg_text_add(h, "<td>–</td>");
        return;
    }
    number_put(h, is_best(data, mean, cell->point, metric) ? " class=\"best\"" : "", "", mean,
               sg_interval95(values, n));
}

static void test_cells(sg_text *h, const sg_report_cell *cell)
{
    if (cell->test.n < 1) {
        sg_text_add(h, "<td>–</td><td>–</td><td>–</td><td>–</td>");
        return;
    }
    const double half = cell->test.n > 1 && cell->test.t != 0 && isfinite(cell->test.t)
                            ? fabs(cell->test.mean / cell->test.t) * sg_student_quantile(.05, cell->test.n - 1)
                            : (double)NAN;
    number_put(h, "", cell->test.mean < 0 ? "" : "+", cell->test.mean, half);
    p_put(h, cell->test.p_t);
    p_put(h, cell->test.p_flip);
    p_put(h, cell->p_holm);
}

static void table_row(sg_text *h, const sg_report_data *data, const sg_report_cell *cell)
{
    double values[SG_REPORT_SEEDS];
    sg_text_add(h, "<tr%s><td>", data->arm_learned[cell->arm] ? " class=\"learned\"" : "");
    sg_text_html(h, data->arms[cell->arm]);
    sg_text_add(h, "</td>");
    for (int k = 0; k < data->key_count; k++) {
        const int v = data->runs[cell->first].value[k];
        if (!data->keys[k].axis) continue;
        sg_text_add(h, "<td data-v=\"%.9g\">", data->keys[k].number[v]);
        sg_text_html(h, data->keys[k].text[v]);
        sg_text_add(h, "</td>");
    }
    sg_text_add(h, "<td>%d</td>", sg_report_values(data, cell, data->main_metric, values, NULL));
    metric_cell(h, data, cell, data->main_metric);
    if (data->arm_count > 1) test_cells(h, cell);
    for (int m = 0; m < data->metric_count; m++)
        if (is_shown(&data->metrics[m]) && m != data->main_metric) metric_cell(h, data, cell, m);
    sg_text_add(h, "</tr>\n");
}

static void sweep_table(sg_text *h, const sg_report_data *data)
{
    sg_text_add(h, "<p>On the test pictures: mean over n seeds ± half the 95 %% interval of the mean (Student's t). ");
    if (data->arm_count > 1) {
        sg_text_add(h, "The best mean of a condition is marked. Every arm is compared, seed by seed, with <b>");
        sg_text_html(h, data->arms[data->reference]);
        sg_text_add(h,
                    "</b> under the same condition. The sign-flip test counts all 2<sup>n</sup> sign choices exactly; "
                    "its p cannot be below 2<sup>1−n</sup>. p of the t-test also after Holm's correction for all "
                    "comparisons of this table. ");
    }
    sg_text_add(h, "A click on a column's head sorts.</p>\n<div class=\"card scroll high\"><table class=\"numbers\">");
    table_head(h, data);
    sg_text_add(h, "<tbody>\n");
    for (int c = 0; c < data->cell_count; c++) table_row(h, data, &data->cells[c]);
    sg_text_add(h, "</tbody></table></div>\n");
}

/* ---- one run ---- */
static void interval_cell(sg_text *h, const sg_results_file *file, const char *key)
{
    char path[96];
    double *ends;
    int rank, dims[SG_RESULTS_RANK];
    (void)snprintf(path, sizeof path, "/metrics/interval/%.60s", key);
    const bool there =
        file && sg_results_has(file, path) && sg_results_read_f64(file, path, &ends, &rank, dims) == SG_OK;
    if (there && rank == 1 && dims[0] == 2)
        sg_text_add(h, "<td data-v=\"%.9g\">%.4g to %.4g</td>", ends[0], ends[0], ends[1]);
    else
        sg_text_add(h, "<td>–</td>");
    if (there) sg_free(ends);
}

static void run_table(sg_text *h, const sg_report_data *data)
{
    char path[SG_REPORT_PATH + 16];
    sg_results_file *file = NULL;
    (void)snprintf(path, sizeof path, "%s/results.h5", data->dir);
    if (sg_results_open(&file, path) != SG_OK) file = NULL;
    sg_text_add(h, "<p>On the test pictures; the interval is a bootstrap over the pictures.</p>\n<div class=\"card "
                   "scroll\"><table class=\"numbers\"><thead><tr><th>score</th><th>value</th><th>95 %% "
                   "interval</th></tr></thead><tbody>\n");
    for (int m = 0; m < data->metric_count; m++) {
        const sg_report_metric *metric = &data->metrics[m];
        const double value = data->runs[0].metric[m];
        if (!metric->used || isnan(value)) continue;
        sg_text_add(h, "<tr><td>");
        sg_text_html(h, metric->label);
        sg_text_add(h, "</td><td data-v=\"%.9g\">%.4g %s</td>", value, value, metric->unit);
        interval_cell(h, file, metric->key);
        sg_text_add(h, "</tr>\n");
    }
    sg_text_add(h, "</tbody></table></div>\n");
    sg_results_close(file);
}

void sg_page_table(sg_page *page)
{
    sg_text_add(&page->html, "<h2 id=\"numbers\">The numbers</h2>\n");
    (page->data->sweep ? sweep_table : run_table)(&page->html, page->data);
}

/* ---- files ---- */
static void link_put(sg_text *h, const char *folder, const char *name, const char *shown)
{
    const char *relative = strcmp(folder, ".") == 0 ? "" : folder;
    sg_text_add(h, "<li><a href=\"%s%s%s\">", relative, *relative ? "/" : "", name);
    sg_text_html(h, shown);
    sg_text_add(h, "</a></li>\n");
}

static void run_links(sg_text *h, const sg_report_data *data)
{
    int count = 0;
    for (int i = 0; i < data->run_count && count < LINKS_MAX; i++) {
        const sg_report_run *run = &data->runs[i];
        char shown[160];
        sg_text where = {0};
        if (!run->there) continue;
        sg_report_point_text(data, run->point, -1, -1, &where);
        (void)snprintf(shown, sizeof shown, "%.48s%s%.60s, seed %llu", data->arms[run->arm], where.len ? ", " : "",
                       where.len ? where.data : "", (unsigned long long)run->seed);
        link_put(h, run->folder, "results.h5", shown);
        sg_text_free(&where);
        count++;
    }
}

void sg_page_files(sg_page *page)
{
    const sg_report_data *data = page->data;
    sg_text *h = &page->html;
    sg_text_add(h, "<h2>Files</h2>\n<p>Links are relative to the folder of this page. results.h5 opens in h5py, MATLAB "
                   "or napari.</p>\n<ul class=\"files\">\n");
    if (data->sweep) {
        link_put(h, ".", "summary.csv", "summary.csv: every run in one table");
        link_put(h, ".", "runs.csv", "runs.csv: which run is in which folder");
        link_put(h, ".", "figures/", "figures/: the charts as SVG and PNG");
        sg_text_add(h, "</ul>\n<details><summary>%s</summary>\n<ul class=\"files\">\n",
                    data->there_count > LINKS_MAX ? "The first runs; runs.csv names the folder of every run"
                                                  : "The runs");
        run_links(h, data);
    } else {
        static const char *const names[] = {"config.yaml", "results.h5", "log.csv", "weights.safetensors", "figures/"};
        for (int i = 0; i < 5; i++) link_put(h, ".", names[i], names[i]);
    }
    sg_text_add(h, data->sweep ? "</ul></details>\n" : "</ul>\n");
}
