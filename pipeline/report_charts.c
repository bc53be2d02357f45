/* report_charts.c - the report's charts: arms, dose, learning curves. */
#include "pipeline/report_page.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sg_page_figure(sg_page *page, sg_status drawn, sg_figure *figure, const char *css, const char *name,
                    const char *caption)
{
    sg_text *h = &page->html;
    char path[SG_REPORT_PATH + 128];
    sg_text_add(h, "<figure class=\"%s\">", css);
    if (drawn == SG_OK)
        sg_text_add(h, "%s", figure->svg);
    else {
        sg_text_add(h, "<p class=\"missing\">This figure could not be drawn: ");
        sg_text_html(h, sg_error_text());
        sg_text_add(h, "</p>");
    }
    sg_text_add(h, "<figcaption>%s</figcaption></figure>\n", caption);
    if (drawn == SG_OK && page->status == SG_OK) {
        (void)snprintf(path, sizeof path, "%s/figures/%s.png", page->data->dir, name);
        page->status = sg_file_write(path, figure->png, figure->png_size);
    }
    sg_figure_free(figure);
}

bool sg_report_learned(const sg_report_data *data, const char *arm)
{
    for (int i = 0; i < data->run_count; i++)
        if (strcmp(data->runs[i].arm, arm) == 0) return data->runs[i].learned;
    return false;
}

static void metric_label(char out[96], const char *where, int metric)
{
    const sg_report_metric *m = &sg_report_metric_table[metric];
    (void)snprintf(out, 96, "%s%s%s%s", m->label, *m->unit ? " / " : "", m->unit, where);
}

/* ---- arms ---- */
typedef struct arm_rows {
    sg_figure_arm row[64];
    double values[64][SG_REPORT_SEEDS];
    int count;
} arm_rows;

static int by_mean(const void *a, const void *b)
{
    const sg_figure_arm *x = a, *y = b;
    return x->mean > y->mean ? -1 : x->mean < y->mean;
}

static int by_mean_up(const void *a, const void *b)
{
    return by_mean(b, a);
}

static void rows_fill(arm_rows *rows, const sg_report_data *data, int metric)
{
    rows->count = 0;
    for (int a = 0; a < data->arm_count && rows->count < 64; a++) {
        double *values = rows->values[rows->count];
        const int n = sg_report_values(data, data->arms[a], data->main_dose, metric, values, NULL);
        if (n == 0) continue;
        rows->row[rows->count++] = (sg_figure_arm){
            data->arms[a],          sg_report_learned(data, data->arms[a]), n, values, sg_mean(values, n),
            sg_deviation(values, n)};
    }
    qsort(rows->row, (size_t)rows->count, sizeof rows->row[0],
          sg_report_metric_table[metric].higher_better ? by_mean : by_mean_up);
}

static void arms_chart(sg_page *page, arm_rows *rows, int metric)
{
    sg_figure figure;
    char label[96], name[64], caption[256];
    rows_fill(rows, page->data, metric);
    if (rows->count < 2) return;
    metric_label(label, " on test pictures", metric);
    (void)snprintf(name, sizeof name, "arms_%s", sg_report_metric_table[metric].key);
    (void)snprintf(
        caption, sizeof caption,
        "<b>%s</b> Best on top%s. Diamond: mean over seeds; bar: ± one standard deviation; dots: single seeds.",
        sg_report_metric_table[metric].label, sg_report_metric_table[metric].higher_better ? "" : ": less is better");
    const sg_status drawn = sg_figure_arms(&figure, label, rows->row, rows->count);
    sg_page_figure(page, drawn, &figure, "card", name, caption);
}

/* What stands beside the main metric: AP beside Dice, PSNR beside the mean square error. -1: nothing. */
static int second_metric(const sg_report_data *data)
{
    const char *key = sg_report_metric_table[data->main_metric].key;
    return strcmp(key, "dice") == 0 || strcmp(key, "mse") == 0 ? data->main_metric + 1 : -1;
}

void sg_page_arms(sg_page *page)
{
    const sg_report_data *data = page->data;
    arm_rows *rows;
    if (data->arm_count < 2 || SG_ALLOC(&rows, 1, "rows of a chart") != SG_OK) return;
    sg_text_add(&page->html, "<h2>Which arm is best?</h2>\n<p>Every arm trains its own network from the same start, "
                             "on the same pictures, with the same "
                             "number of photons");
    if (isfinite(data->main_dose)) sg_text_add(&page->html, " (%g per camera pixel area)", data->main_dose);
    sg_text_add(&page->html, "; scores are for pictures it has never seen.</p>\n<div class=\"pair\">\n");
    arms_chart(page, rows, data->main_metric);
    if (second_metric(data) >= 0) arms_chart(page, rows, second_metric(data));
    sg_text_add(&page->html, "</div>\n");
    sg_free(rows);
}

/* ---- dose ---- */
void sg_page_dose(sg_page *page)
{
    const sg_report_data *data = page->data;
    sg_figure_curve *curves;
    double *numbers, values[SG_REPORT_SEEDS];
    char label[96];
    sg_figure figure;
    if (data->dose_count < 2) return;
    if (SG_ALLOC(&curves, (size_t)data->arm_count, "curves") != SG_OK) return;
    if (SG_ALLOC(&numbers, (size_t)data->arm_count * 64, "curves") != SG_OK) {
        sg_free(curves);
        return;
    }
    for (int a = 0; a < data->arm_count; a++) {
        double *mean = numbers + 64 * a, *deviation = mean + 32;
        for (int d = 0; d < data->dose_count; d++) {
            const int n = sg_report_values(data, data->arms[a], data->doses[d], data->main_metric, values, NULL);
            mean[d] = sg_mean(values, n);
            deviation[d] = sg_deviation(values, n);
        }
        curves[a] = (sg_figure_curve){
            data->arms[a], sg_report_learned(data, data->arms[a]), data->dose_count, data->doses, mean, deviation};
    }
    metric_label(label, " on test pictures", data->main_metric);
    const sg_figure_axes axes = {"dose / photons per camera pixel area", label, true, false, true};
    sg_text_add(&page->html, "<h2>How many photons does it take?</h2>\n<p>The same comparison at each dose; every "
                             "point is a mean over seeds.</p>\n");
    const sg_status drawn = sg_figure_curves(&figure, &axes, curves, data->arm_count);
    sg_page_figure(page, drawn, &figure, "card wide", "dose",
                   "Bars: ± one standard deviation over seeds. Thick lines: learned light.");
    sg_free(numbers);
    sg_free(curves);
}

/* ---- learning curves ---- */
/* Mean and deviation over the seeds of an arm at the steps of its first run; a seed counts where it has the same step.
 */
static sg_status curve_mean(const sg_report_data *data, const char *arm, sg_report_curve which, sg_figure_curve *out,
                            double **memory)
{
    double values[SG_REPORT_SEEDS];
    const sg_report_run *first = sg_report_find(data, arm, data->main_dose);
    const sg_report_series *base = first ? &first->curve[which] : NULL;
    *memory = NULL;
    *out = (sg_figure_curve){arm, sg_report_learned(data, arm), 0, NULL, NULL, NULL};
    if (!base || base->len == 0) return SG_OK;
    SG_TRY(SG_ALLOC(memory, 2 * (size_t)base->len, "a mean curve"));
    int most = 0;
    for (int i = 0; i < base->len; i++) {
        int n = 0;
        for (int r = 0; r < data->run_count && n < SG_REPORT_SEEDS; r++) {
            const sg_report_series *s = &data->runs[r].curve[which];
            const bool same =
                strcmp(data->runs[r].arm, arm) == 0 && (data->runs[r].dose == first->dose || isnan(first->dose));
            if (same && i < s->len && s->x[i] == base->x[i]) values[n++] = s->y[i];
        }
        (*memory)[i] = sg_mean(values, n);
        (*memory)[base->len + i] = sg_deviation(values, n);
        most = n > most ? n : most;
    }
    out->len = base->len;
    out->x = base->x;
    out->mean = *memory;
    out->deviation = most > 1 ? *memory + base->len : NULL;
    return SG_OK;
}

static void curves_chart(sg_page *page, sg_report_curve which, const char *y, const char *name, const char *caption)
{
    const sg_report_data *data = page->data;
    sg_figure_curve *curves;
    double **memory;
    int count = 0;
    sg_figure figure;
    if (SG_ALLOC(&curves, (size_t)data->arm_count, "curves") != SG_OK) return;
    if (SG_ALLOC(&memory, (size_t)data->arm_count, "curves") == SG_OK) {
        for (int a = 0; a < data->arm_count; a++)
            if (curve_mean(data, data->arms[a], which, &curves[count], &memory[a]) == SG_OK && curves[count].len)
                count++;
        const sg_figure_axes axes = {"training step", y, false, false, false};
        if (count) {
            const sg_status drawn = sg_figure_curves(&figure, &axes, curves, count);
            sg_page_figure(page, drawn, &figure, "card", name, caption);
        }
        for (int a = 0; a < data->arm_count; a++) sg_free(memory[a]);
        sg_free(memory);
    }
    sg_free(curves);
}

void sg_page_curves(sg_page *page)
{
    sg_text_add(&page->html, "<h2>Learning curves</h2>\n<p>%s</p>\n<div class=\"pair\">\n",
                page->data->run_count > 1 ? "Mean over seeds; the band is one standard deviation to each side."
                                          : "One run, one seed.");
    curves_chart(page, SG_CURVE_DICE, "Dice on validation pictures", "curve_dice",
                 "<b>Validation Dice</b>, measured during training.");
    curves_chart(page, SG_CURVE_LOSS, "loss on validation pictures", "curve_validation", "<b>Validation loss</b>");
    curves_chart(page, SG_CURVE_TRAIN, "training loss", "curve_train", "<b>Training loss</b>, batch by batch.");
    sg_text_add(&page->html, "</div>\n");
}
