/* report_charts.c - the report's charts at one point: arms and learning curves. */
#include "pipeline/report_page.h"

#include "core/file.h"
#include "core/memory.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void file_write(sg_page *page, const char *name, const char *ending, const void *data, size_t size)
{
    char path[SG_REPORT_PATH + 160];
    const int len = snprintf(path, sizeof path, "%s/figures/%.120s", page->data->dir, name);
    for (char *c = path + strlen(page->data->dir) + 9; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-') *c = '_';
    (void)snprintf(path + len, sizeof path - (size_t)len, "%s", ending);
    if (page->status == SG_OK) page->status = sg_file_write(path, data, size);
}

void sg_page_figure(sg_page *page, sg_status drawn, sg_figure *figure, const char *css, const char *name,
                    const char *caption)
{
    sg_text *h = &page->html, alone = {0};
    sg_text_add(h, "<figure class=\"%s\" style=\"--width:%dpx\">", css, figure->width);
    if (drawn == SG_OK)
        sg_text_add(h, "%s", figure->svg);
    else {
        sg_text_add(h, "<p class=\"missing\">This figure could not be drawn: ");
        sg_text_html(h, sg_error_text());
        sg_text_add(h, "</p>");
    }
    sg_text_add(h, "<figcaption>%s</figcaption></figure>\n", caption);
    if (drawn == SG_OK) {
        sg_text_add(&alone, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n%s", figure->svg);
        file_write(page, name, ".png", figure->png, figure->png_size);
        if (alone.status == SG_OK) file_write(page, name, ".svg", alone.data, alone.len);
    }
    sg_text_free(&alone);
    sg_figure_free(figure);
}

int sg_page_second_metric(const sg_report_data *data)
{
    static const char *const pairs[][2] = {{"dice", "ap50"}, {"mse", "psnr_db"}, {"balanced_accuracy", "auc"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strcmp(pairs[i][0], data->metrics[data->main_metric].key) != 0) continue;
        for (int m = 0; m < data->metric_count; m++)
            if (strcmp(data->metrics[m].key, pairs[i][1]) == 0 && data->metrics[m].used) return m;
    }
    return -1;
}

/* ---- arms ---- */
typedef struct arm_rows {
    sg_figure_arm *row;                /* (arm_count) */
    double (*values)[SG_REPORT_SEEDS]; /* (arm_count) */
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
    for (int a = 0; a < data->arm_count; a++) {
        double *values = rows->values[rows->count];
        const int n = sg_report_values(data, sg_report_cell_at(data, data->shown, a), metric, values, NULL);
        if (n == 0) continue;
        rows->row[rows->count++] = (sg_figure_arm){data->arms[a], data->arm_learned[a], n,
                                                   values,        sg_mean(values, n),   sg_interval95(values, n)};
    }
    qsort(rows->row, (size_t)rows->count, sizeof rows->row[0], data->metrics[metric].better > 0 ? by_mean : by_mean_up);
}

/* Wanted are the reference and the best arm; *outside: how many means lie off. */
static sg_report_view rows_view(const arm_rows *rows, const sg_report_data *data, int metric, int *outside)
{
    sg_report_view view = sg_report_view_of(&data->metrics[metric]);
    for (int i = 0; i < rows->count; i++) {
        const sg_figure_arm *row = &rows->row[i];
        const bool wanted = i == 0 || row->name == data->arms[data->reference];
        const double half = isfinite(row->half) ? row->half : 0;
        sg_report_view_take(&view, row->mean - half, wanted);
        sg_report_view_take(&view, row->mean + half, wanted);
        for (int k = 0; k < row->n; k++) sg_report_view_take(&view, row->values[k], wanted);
    }
    sg_report_view_fit(&view);
    *outside = 0;
    for (int i = 0; i < rows->count; i++) *outside += rows->row[i].mean < view.lo || rows->row[i].mean > view.hi;
    return view;
}

/* "n = 10 seeds", "n = 2 to 10 seeds"; of one seed alone there is no interval. */
static void seeds_put(sg_text *out, const arm_rows *rows)
{
    int least = rows->row[0].n, most = least;
    for (int i = 1; i < rows->count; i++) {
        least = rows->row[i].n < least ? rows->row[i].n : least;
        most = rows->row[i].n > most ? rows->row[i].n : most;
    }
    if (most == 1) {
        sg_text_add(out, " One seed: no interval.");
        return;
    }
    sg_text_add(out, " Large mark: mean over n = ");
    if (least < most) sg_text_add(out, "%d to ", least);
    sg_text_add(out, "%d seeds; bar: 95 %% interval of the mean%s; dots: single seeds.", most,
                least == 1 ? " (none where n = 1)" : "");
}

static void arms_chart(sg_page *page, arm_rows *rows, int metric)
{
    sg_figure figure;
    char label[96], name[64];
    sg_text caption = {0};
    int outside;
    rows_fill(rows, page->data, metric);
    if (rows->count < 2) return;
    const sg_report_view view = rows_view(rows, page->data, metric, &outside);
    const sg_report_metric *m = &page->data->metrics[metric];
    sg_report_metric_label(label, page->data, metric, " on test pictures");
    (void)snprintf(name, sizeof name, "arms_%.50s", m->key);
    sg_text_add(&caption, "<b>");
    sg_text_html(&caption, m->label);
    sg_text_add(&caption, "</b> Best on top%s.", m->better > 0 ? "" : ": less is better");
    seeds_put(&caption, rows);
    if (outside)
        sg_text_add(&caption, " The scale is fitted to the reference and the best arm; ◀ ▶: a mean that lies off it.");
    const sg_status drawn = sg_figure_arms(&figure, label, rows->row, rows->count, view.lo, view.hi);
    sg_page_figure(page, drawn, &figure, "card", name, caption.data ? caption.data : "");
    sg_text_free(&caption);
}

void sg_page_arms(sg_page *page)
{
    const sg_report_data *data = page->data;
    const size_t arms = (size_t)data->arm_count;
    sg_text *h = &page->html, where = {0};
    arm_rows rows = {0};
    if (data->arm_count < 2 || data->scattered) return;
    if (SG_ALLOC(&rows.row, arms, "rows of a chart") == SG_OK &&
        SG_ALLOC(&rows.values, arms, "rows of a chart") == SG_OK) {
        sg_report_point_text(data, data->shown, -1, -1, &where);
        sg_text_add(h, "<h2>Which arm is best?</h2>\n<p>Every arm trains its own model from the same start on the same "
                       "pictures; scores are for pictures it has never seen.");
        if (where.len) {
            sg_text_add(h, " Here: ");
            sg_text_html(h, where.data);
            sg_text_add(h, ".");
        }
        sg_text_add(h, "</p>\n<div class=\"pair\">\n");
        arms_chart(page, &rows, data->main_metric);
        if (sg_page_second_metric(data) >= 0) arms_chart(page, &rows, sg_page_second_metric(data));
        sg_text_add(h, "</div>\n");
    }
    sg_text_free(&where);
    sg_free(rows.row);
    sg_free(rows.values);
}

/* ---- learning curves ---- */
enum { CURVES_MAX = 16 };

/* Mean and interval over the seeds of a cell at the steps of its first run; a seed counts where it has the same step.
 */
static sg_status curve_mean(const sg_report_data *data, const sg_report_cell *cell, sg_report_curve which,
                            sg_figure_curve *out, double **memory)
{
    double values[SG_REPORT_SEEDS];
    const sg_report_run *first = sg_report_first(data, cell);
    const sg_report_series *base = first ? &first->curve[which] : NULL;
    *memory = NULL;
    *out = (sg_figure_curve){.name = ""};
    if (!base || base->len == 0) return SG_OK;
    SG_TRY(SG_ALLOC(memory, 3 * (size_t)base->len, "a mean curve"));
    double *mean = *memory, *low = mean + base->len, *high = low + base->len;
    int most = 0;
    for (int i = 0; i < base->len; i++) {
        int n = 0;
        for (int r = cell->first; r < cell->first + cell->count && n < SG_REPORT_SEEDS; r++) {
            const sg_report_series *s = &data->runs[r].curve[which];
            if (i < s->len && s->x[i] == base->x[i]) values[n++] = s->y[i];
        }
        const double half = n > 1 ? sg_interval95(values, n) : 0;
        mean[i] = sg_mean(values, n);
        low[i] = mean[i] - half;
        high[i] = mean[i] + half;
        most = n > most ? n : most;
    }
    const bool band = most > 1;
    *out = (sg_figure_curve){
        data->arms[cell->arm], data->arm_learned[cell->arm], base->len, base->x, mean, band ? low : NULL,
        band ? high : NULL};
    return SG_OK;
}

static void curves_chart(sg_page *page, sg_report_curve which, const sg_report_metric *metric, const char *y,
                         const char *name, const char *caption)
{
    const sg_report_data *data = page->data;
    sg_figure_curve curves[CURVES_MAX];
    double *memory[CURVES_MAX] = {NULL};
    int count = 0, longest = 0;
    for (int a = 0; a < data->arm_count && count < CURVES_MAX; a++) {
        const sg_report_cell *cell = sg_report_cell_at(data, data->shown, a);
        const bool made = cell && curve_mean(data, cell, which, &curves[count], &memory[count]) == SG_OK;
        count += made && curves[count].len > 0;
        longest = count && curves[count - 1].len > longest ? curves[count - 1].len : longest;
    }
    const sg_figure_axes axes = {.x = "training step", .y = y, .style = SG_FIGURE_BANDS};
    sg_figure figure;
    sg_report_view view = sg_report_view_of(metric);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < curves[i].len; k++) {
            sg_report_view_take(&view, curves[i].mean[k], true);
            if (curves[i].low) sg_report_view_take(&view, curves[i].low[k], true);
            if (curves[i].high) sg_report_view_take(&view, curves[i].high[k], true);
        }
    sg_report_view_fit(&view);
    const sg_figure_panel panel = {.curves = curves, .count = count, .y_lo = view.lo, .y_hi = view.hi};
    if (longest > 1) { /* one point, measured at the end alone, is no curve */
        const sg_status drawn = sg_figure_curves(&figure, &axes, &panel, 1);
        sg_page_figure(page, drawn, &figure, "card", name, caption);
    }
    for (int i = 0; i < CURVES_MAX; i++) sg_free(memory[i]);
}

/* What the curves are means of, and where. */
static void curves_head(sg_page *page)
{
    const sg_report_data *data = page->data;
    int most = 0;
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_cell *cell = sg_report_cell_at(data, data->shown, a);
        int n = 0;
        for (int i = 0; cell && i < cell->count; i++) n += data->runs[cell->first + i].there;
        most = n > most ? n : most;
    }
    sg_text where = {0};
    sg_report_point_text(data, data->shown, -1, -1, &where);
    sg_text_add(&page->html, "<h2>Learning curves</h2>\n<p>");
    sg_text_add(&page->html,
                most > 1 ? "Mean over up to n = %d seeds; the band is the 95 %% interval of the mean." : "One seed.",
                most);
    if (where.len) sg_text_add(&page->html, " Here: ");
    if (where.len) sg_text_html(&page->html, where.data);
    sg_text_add(&page->html, "%s", where.len ? "." : "");
    sg_text_free(&where);
}

void sg_page_curves(sg_page *page)
{
    const sg_report_data *data = page->data;
    const sg_report_metric *loss = &data->metrics[sg_report_known_count - 1];
    const sg_report_run *first = NULL;
    char label[96], caption[160];
    for (int r = 0; r < data->run_count && !first; r++)
        if (data->runs[r].there) first = &data->runs[r];
    curves_head(page);
    sg_text_add(&page->html, "%s</p>\n<div class=\"pair\">\n",
                first->curve[SG_CURVE_LOSS].len == 1 ? " Validation was measured once, at the end: no curve." : "");
    if (first->score >= 0) {
        (void)snprintf(label, sizeof label, "%.60s on validation pictures", data->metrics[first->score].label);
        (void)snprintf(caption, sizeof caption, "<b>Validation %s</b>, measured during training.",
                       data->metrics[first->score].label);
        curves_chart(page, SG_CURVE_SCORE, &data->metrics[first->score], label, "curve_score", caption);
    }
    curves_chart(page, SG_CURVE_LOSS, loss, "loss on validation pictures", "curve_validation",
                 "<b>Validation loss</b>");
    curves_chart(page, SG_CURVE_TRAIN, loss, "training loss", "curve_train", "<b>Training loss</b>, batch by batch.");
    sg_text_add(&page->html, "</div>\n");
}
