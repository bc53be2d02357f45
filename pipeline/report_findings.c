/* report_findings.c - what was found, in one line each: the best arm, and what learning the hardware brought. */
#include "pipeline/report_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double better(const sg_report_data *data)
{
    return data->metrics[data->main_metric].better < 0 ? -1 : 1;
}

static double mean_of(const sg_report_data *data, int arm)
{
    double values[SG_REPORT_SEEDS];
    const sg_report_cell *cell = sg_report_cell_at(data, data->shown, arm);
    return sg_mean(values, sg_report_values(data, cell, data->main_metric, values, NULL));
}

static const sg_report_run *run_of(const sg_report_data *data, int arm)
{
    return sg_report_first(data, sg_report_cell_at(data, data->shown, arm));
}

/* Where arms are not compared at one point: a random search, and a sweep of keys alone. */
static bool over_all(const sg_report_data *data)
{
    return data->scattered || data->arm_count == 1;
}

/* The cell with the best mean, at the shown point or among all. */
static const sg_report_cell *best_cell(const sg_report_data *data)
{
    const sg_report_cell *best = NULL;
    double values[SG_REPORT_SEEDS], top = 0;
    for (int c = 0; c < data->cell_count; c++) {
        const sg_report_cell *cell = &data->cells[c];
        const int n = sg_report_values(data, cell, data->main_metric, values, NULL);
        if (n == 0 || (cell->point != data->shown && !over_all(data))) continue;
        const double mean = sg_mean(values, n);
        if (best && !(better(data) * (mean - top) > 0)) continue;
        best = cell;
        top = mean;
    }
    return best;
}

static void best_put(sg_text *h, const sg_report_data *data)
{
    const sg_report_cell *best = best_cell(data);
    double values[SG_REPORT_SEEDS];
    char mean[32], half[32];
    sg_text where = {0};
    const int n = sg_report_values(data, best, data->main_metric, values, NULL);
    if (n == 0) return;
    sg_report_number(mean, half, sg_mean(values, n), sg_interval95(values, n));
    sg_text_add(h, "<li class=\"card\"><b>%s%s%s</b><span>%s %s of ", mean, *half ? " ± " : "", half,
                data->cell_count > 1 ? "best" : "test", data->metrics[data->main_metric].label);
    sg_text_html(h, data->arms[best->arm]);
    if (over_all(data)) sg_report_point_text(data, best->point, -1, -1, &where);
    if (where.len) sg_text_add(h, ", ");
    if (where.len) sg_text_html(h, where.data);
    sg_text_add(h, n == 1 ? " (one seed: no interval)" : " (%d seeds)", n);
    if (over_all(data) && data->cell_count > 1)
        sg_text_add(h, ": picked by this score among %d combinations, so it flatters", data->cell_count);
    sg_text_add(h, "</span></li>\n");
    sg_text_free(&where);
}

/* As many exposures, and if several, read out in the same way. */
static bool same_kind(const sg_report_run *a, const sg_report_run *b)
{
    return a->exposures == b->exposures && (a->exposures == 1 || strcmp(a->readout, b->readout) == 0);
}

/* The best arm of fixed hardware of the same kind as `learned`; -1: none. */
static int best_fixed(const sg_report_data *data, const sg_report_run *learned)
{
    int best = -1;
    double top = 0;
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_run *run = run_of(data, a);
        const double mean = mean_of(data, a);
        if (!run || run->learned || !same_kind(run, learned) || isnan(mean)) continue;
        if (best >= 0 && !(better(data) * (mean - top) > 0)) continue;
        best = a;
        top = mean;
    }
    return best;
}

static void learned_against_fixed(sg_text *h, const sg_report_data *data, int arm)
{
    double a[SG_REPORT_SEEDS], b[SG_REPORT_SEEDS];
    const sg_report_run *run = run_of(data, arm);
    const int fixed = run && run->learned ? best_fixed(data, run) : -1;
    if (fixed < 0) return;
    const int n = sg_report_pairs(data, sg_report_cell_at(data, data->shown, arm),
                                  sg_report_cell_at(data, data->shown, fixed), data->main_metric, a, b);
    if (n < 1) return;
    for (int i = 0; i < n; i++) a[i] -= b[i];
    char mean[32], half[32];
    const double difference = sg_mean(a, n), interval = sg_interval95(a, n);
    const bool open = n < 2 || !(fabs(difference) > interval);
    sg_report_number(mean, half, difference, interval);
    sg_text_add(h, "<li class=\"card%s\"><b>%s%s%s%s", open ? " open" : "", mean[0] == '-' ? "" : "+", mean,
                *half ? " ± " : "", half);
    sg_text_add(h, "</b><span>%s of ", data->metrics[data->main_metric].label);
    sg_text_html(h, data->arms[arm]);
    sg_text_add(h, " against ");
    sg_text_html(h, data->arms[fixed]);
    sg_text_add(h, ", the best fixed arm");
    if (run->exposures > 1) sg_text_add(h, " with %d exposures", run->exposures);
    if (run->exposures > 1 && run->readout[0]) {
        sg_text_add(h, " read out as ");
        sg_text_html(h, run->readout);
    }
    sg_text_add(h, " (%d pair%s of seeds%s)%s</span></li>\n", n, n == 1 ? "" : "s",
                better(data) < 0 ? "; less is better" : "",
                n < 2  ? ": one pair shows nothing yet"
                : open ? ": the interval holds 0, no difference shown"
                       : "");
}

void sg_page_findings(sg_page *page)
{
    enum { LEARNED_MAX = 8 };
    const sg_report_data *data = page->data;
    sg_text *h = &page->html, where = {0};
    int learned = 0;
    sg_text_add(h, "<ul class=\"findings\">\n");
    best_put(h, data);
    for (int a = 0; a < data->arm_count && learned < LEARNED_MAX && !data->scattered; a++) {
        learned += data->arm_learned[a];
        if (data->arm_count > 1) learned_against_fixed(h, data, a);
    }
    sg_text_add(h, "</ul>\n");
    if (!over_all(data)) sg_report_point_text(data, data->shown, -1, -1, &where);
    if (where.len) {
        sg_text_add(h, "<p class=\"lead\">These are at ");
        sg_text_html(h, where.data);
        sg_text_add(h, "; mean over seeds ± half the 95 %% interval.</p>\n");
    }
    sg_text_free(&where);
}
