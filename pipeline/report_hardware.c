/* report_hardware.c - learned hardware other than the light: thresholds as stairs over what was swept, the pupil and, at
 * the shown point, a table of single numbers before and after. Of each cell the run with the smallest seed. */
#include "pipeline/report_page.h"

#include "core/memory.h"
#include "datasets/image.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ARMS_MAX = 12, PANELS_MAX = 12, CODES_MAX = 256 };

/* The numbers at a path of a run's results as (rows, columns), *numbers sg_free; false: not there. */
static bool table_read(const sg_report_data *data, const sg_report_run *run, const char *name, double **numbers,
                       int *rows, int *columns)
{
    char path[SG_REPORT_PATH + SG_REPORT_NAME + 16];
    sg_results_file *file;
    int rank, dims[SG_RESULTS_RANK];
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, run->folder);
    if (sg_results_open(&file, path) != SG_OK) return false;
    const bool there = sg_results_has(file, name) && sg_results_read_f64(file, name, numbers, &rank, dims) == SG_OK;
    sg_results_close(file);
    if (!there) return false;
    *columns = rank ? dims[rank - 1] : 1;
    *rows = 1;
    for (int i = 0; i + 1 < rank; i++) *rows *= dims[i];
    return true;
}

static const sg_report_run *run_of(const sg_report_data *data, int arm)
{
    const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, data->shown, arm));
    return run && run->learned ? run : NULL;
}

/* ---- thresholds ---- */
/* Of many rows (one a pixel) percentile `part` of every column. */
static void column_percentile(double *out, const double *numbers, int rows, int columns, double part)
{
    float *column;
    if (SG_ALLOC(&column, (size_t)rows, "thresholds") != SG_OK) return;
    for (int c = 0; c < columns; c++) {
        for (int r = 0; r < rows; r++) column[r] = (float)numbers[(ptrdiff_t)r * columns + c];
        out[c] = rows == 1 ? (double)column[0] : sg_percentile(column, (size_t)rows, part);
    }
    sg_free(column);
}

/* Stairs from code 0: each threshold is one code more. */
typedef struct stairs {
    double x[CODES_MAX + 1], y[CODES_MAX + 1];
} stairs;

static void stairs_make(stairs *s, sg_figure_curve *curve, const char *name, bool strong, int columns,
                        const double ends[2])
{
    for (int i = 0; i <= columns + 1; i++) s->y[i] = i <= columns ? i : columns;
    s->x[0] = ends[0];
    s->x[columns + 1] = ends[1];
    *curve = (sg_figure_curve){.name = name, .strong = strong, .len = columns + 2, .x = s->x, .mean = s->y};
}

/* So that every threshold lies inside, with some room. */
static void widen(double ends[2], const double *thresholds, int count)
{
    for (int i = 0; i < count; i++) {
        ends[0] = fmin(ends[0], 1.1 * thresholds[i]);
        ends[1] = fmax(ends[1], 1.1 * thresholds[i]);
    }
}

/* Start and end of one arm: three stairs where every pixel has its own. Returns how many. */
static int arm_stairs(stairs s[4], sg_figure_curve curves[4], const sg_report_data *data, const sg_report_run *run)
{
    double *before = NULL, *after = NULL, ends[2] = {0, 0};
    int rows, columns, rows_before, columns_before, count = 0;
    static const char *const names[] = {"median pixel, learned", "5 % of the pixels", "95 % of the pixels"};
    static const double part[] = {50, 5, 95};
    if (table_read(data, run, "/learned/adc_threshold", &after, &rows, &columns) &&
        table_read(data, run, "/learned/adc_threshold_initial", &before, &rows_before, &columns_before) &&
        columns == columns_before && columns + 1 <= CODES_MAX) {
        const int learned = rows > 1 ? 3 : 1;
        widen(ends, after, rows * columns);
        widen(ends, before, rows_before * columns);
        column_percentile(s[0].x + 1, before, rows_before, columns, 50);
        stairs_make(&s[0], &curves[0], "before training", false, columns, ends);
        for (int i = 0; i < learned; i++) {
            column_percentile(s[i + 1].x + 1, after, rows, columns, part[i]);
            stairs_make(&s[i + 1], &curves[i + 1], rows > 1 ? names[i] : "learned", i == 0, columns, ends);
        }
        count = 1 + learned;
    }
    sg_free(before);
    sg_free(after);
    return count;
}

/* Room for the panels of one figure. */
typedef struct stairs_panels {
    sg_figure_panel panel[PANELS_MAX];
    sg_figure_curve curves[PANELS_MAX][4];
    stairs s[PANELS_MAX][4];
    char title[PANELS_MAX][128];
    int count;
} stairs_panels;

/* Adds the panel of an arm at a point; nothing where it has no learned thresholds. */
static void panel_add(stairs_panels *p, const sg_report_data *data, int point, int arm, const char *value)
{
    const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, point, arm));
    if (!run || !run->learned || p->count == PANELS_MAX) return;
    const int i = p->count, lines = arm_stairs(p->s[i], p->curves[i], data, run);
    (void)snprintf(p->title[i], sizeof p->title[i], "%.60s%s%.60s", data->arms[arm], *value ? ", " : "", value);
    p->panel[i] = (sg_figure_panel){p->title[i], p->curves[i], lines};
    p->count += lines > 0;
}

/* Over the values of a key, or (-1) at the shown point alone. */
static void thresholds_put(sg_page *page, int key)
{
    const sg_report_data *data = page->data;
    const sg_figure_axes axes = {.x = "electrons", .y = "code of the ADC", .style = SG_FIGURE_STEPS};
    stairs_panels *p;
    sg_figure figure;
    char name[96];
    if (SG_ALLOC(&p, 1, "thresholds") != SG_OK) return;
    for (int a = 0; a < data->arm_count; a++)
        for (int v = 0; v < (key < 0 ? 1 : data->keys[key].count); v++)
            panel_add(p, data, key < 0 ? data->shown : sg_report_point_with(data, data->shown, key, v, -1, 0), a,
                      key < 0 ? "" : data->keys[key].text[v]);
    (void)snprintf(name, sizeof name, "thresholds%s%.60s", key < 0 ? "" : "_", key < 0 ? "" : data->keys[key].path);
    if (p->count) {
        sg_text caption = {0};
        sg_text_add(&caption, "<b>Thresholds of the ADC</b> before and after training");
        if (key >= 0) sg_text_add(&caption, ", over <code>%s</code>", data->keys[key].path);
        sg_text_add(&caption, "; first seed.");
        const sg_status drawn = sg_figure_curves(&figure, &axes, p->panel, p->count);
        sg_page_figure(page, drawn, &figure, p->count > 1 ? "card whole" : "card", name,
                       caption.data ? caption.data : "");
        sg_text_free(&caption);
    }
    sg_free(p);
}

static void thresholds_all(sg_page *page)
{
    int axes = 0;
    for (int k = 0; k < page->data->key_count; k++)
        if (page->data->keys[k].axis && axes++ < 2) thresholds_put(page, k);
    if (axes == 0) thresholds_put(page, -1);
}

/* ---- pupil ---- */
static void zernike_put(sg_page *page)
{
    const sg_report_data *data = page->data;
    double *x = NULL, *numbers[ARMS_MAX] = {NULL};
    sg_figure_curve curves[ARMS_MAX];
    sg_figure figure;
    int count = 0, rows, columns, most = 0;
    for (int a = 0; a < data->arm_count && count < ARMS_MAX; a++) {
        const sg_report_run *run = run_of(data, a);
        double *start = NULL;
        if (!run || !table_read(data, run, "/learned/pupil_zernike_initial", &start, &rows, &columns)) continue;
        sg_free(start);
        if (!table_read(data, run, "/learned/pupil_zernike", &numbers[count], &rows, &columns)) continue;
        curves[count] =
            (sg_figure_curve){.name = data->arms[a], .strong = true, .len = columns, .mean = numbers[count]};
        most = columns > most ? columns : most;
        count++;
    }
    if (count && SG_ALLOC(&x, (size_t)most, "Zernike coefficients") == SG_OK) {
        for (int i = 0; i < most; i++) x[i] = i + 1;
        for (int i = 0; i < count; i++) curves[i].x = x;
        const sg_figure_axes axes = {.x = "Zernike term (Noll)", .y = "coefficient / rad", .style = SG_FIGURE_BARS};
        const sg_figure_panel panel = {.curves = curves, .count = count};
        const sg_status drawn = sg_figure_curves(&figure, &axes, &panel, 1);
        sg_page_figure(page, drawn, &figure, "card", "zernike", "<b>Learned pupil</b>: phase by Zernike terms.");
    }
    for (int i = 0; i < ARMS_MAX; i++) sg_free(numbers[i]);
    sg_free(x);
}

/* The spectrum is stored with frequency 0 first: halves are swapped so that it stands in the middle. */
static void centre(double *out, const double *in, int h, int w)
{
    for (int i = 0; i < h * w; i++) out[(i / w + h / 2) % h * w + (i % w + w / 2) % w] = in[i];
}

/* Phases learned bin by bin, as pictures. */
static void phase_put(sg_page *page)
{
    const sg_report_data *data = page->data;
    double *maps[ARMS_MAX] = {NULL}, *start = NULL, *phase;
    sg_figure_map map[ARMS_MAX];
    sg_figure figure;
    int count = 0, rows, columns, side = 0;
    for (int a = 0; a < data->arm_count && count < ARMS_MAX; a++) {
        const sg_report_run *run = run_of(data, a);
        if (!run || !table_read(data, run, "/learned/pupil_phase_initial", &start, &rows, &columns)) continue;
        sg_free(start);
        if (!table_read(data, run, "/learned/pupil_phase", &phase, &rows, &columns)) continue;
        const bool fits = rows >= columns && (side == 0 || columns == side); /* the first colour */
        if (fits && SG_ALLOC(&maps[count], (size_t)columns * (size_t)columns, "pupil") == SG_OK) {
            side = columns;
            centre(maps[count], phase, side, side);
            map[count] = (sg_figure_map){.title = data->arms[a], .value = maps[count]};
            count++;
        }
        sg_free(phase);
    }
    if (count) {
        const sg_figure_grid grid = {
            .z = "phase / rad", .rows = side, .columns = side, .lo = -3.14159265, .hi = 3.14159265};
        const sg_status drawn = sg_figure_maps(&figure, &grid, map, count);
        sg_page_figure(page, drawn, &figure, "card whole", "pupil_phase",
                       "<b>Learned phase of the pupil</b>, frequency 0 in the middle.");
    }
    for (int i = 0; i < ARMS_MAX; i++) sg_free(maps[i]);
}

/* ---- single numbers ---- */
static void number_row(sg_text *h, const sg_report_data *data, int arm, int metric)
{
    double values[SG_REPORT_SEEDS], *start;
    char path[96];
    int rows, columns;
    const sg_report_cell *cell = sg_report_cell_at(data, data->shown, arm);
    const int n = sg_report_values(data, cell, metric, values, NULL);
    if (n == 0) return;
    (void)snprintf(path, sizeof path, "/%s_initial", data->metrics[metric].key);
    sg_text_add(h, "<tr><td>");
    sg_text_html(h, data->arms[arm]);
    sg_text_add(h, "</td><td>");
    sg_text_html(h, data->metrics[metric].label);
    if (table_read(data, sg_report_first(data, cell), path, &start, &rows, &columns)) {
        sg_text_add(h, "</td><td data-v=\"%.9g\">%.4g</td>", start[0], start[0]);
        sg_free(start);
    } else
        sg_text_add(h, "</td><td>–</td>");
    char mean[32], half[32];
    sg_report_number(mean, half, sg_mean(values, n), sg_interval95(values, n));
    sg_text_add(h, "<td data-v=\"%.9g\">%s%s%s", sg_mean(values, n), mean, *half ? " ± " : "", half);
    sg_text_add(h, "</td><td>%s</td></tr>\n", data->metrics[metric].unit);
}

static void numbers_put(sg_page *page)
{
    const sg_report_data *data = page->data;
    bool any = false;
    for (int m = 0; m < data->metric_count; m++) any = any || (data->metrics[m].used && data->metrics[m].hardware);
    if (!any) return;
    sg_text_add(&page->html,
                "<figure class=\"card scroll\"><table class=\"numbers\"><thead><tr><th>arm</th><th>learned "
                "number</th><th>before</th><th>after</th><th>unit</th></tr></thead><tbody>\n");
    for (int m = 0; m < data->metric_count; m++)
        for (int a = 0; a < data->arm_count && data->metrics[m].hardware; a++) number_row(&page->html, data, a, m);
    sg_text_add(&page->html, "</tbody></table><figcaption>Mean over seeds ± half the 95 %% interval.</figcaption>"
                             "</figure>\n");
}

void sg_page_hardware(sg_page *page)
{
    const size_t before = page->html.len;
    sg_text_add(&page->html, "<h2>What the hardware learned</h2>\n<div class=\"pair\">\n");
    const size_t opened = page->html.len;
    thresholds_all(page);
    zernike_put(page);
    phase_put(page);
    numbers_put(page);
    if (page->html.len == opened && page->html.data) {
        page->html.len = before; /* nothing but the light: the heading goes again */
        page->html.data[before] = '\0';
    } else
        sg_text_add(&page->html, "</div>\n");
}
