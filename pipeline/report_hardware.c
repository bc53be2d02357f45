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

/* Adds the panel of an arm at a point; nothing where it has no learned thresholds. Every panel has its own codes. */
static void panel_add(stairs_panels *p, const sg_report_data *data, int point, int arm, const char *value)
{
    const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, point, arm));
    if (!run || !run->learned || p->count == PANELS_MAX) return;
    const int i = p->count, lines = arm_stairs(p->s[i], p->curves[i], data, run);
    (void)snprintf(p->title[i], sizeof p->title[i], "%.60s%s%.60s", data->arms[arm], *value ? ", " : "", value);
    if (lines == 0) return;
    const double codes = p->curves[i][0].len - 2;
    p->panel[i] = (sg_figure_panel){p->title[i], p->curves[i], lines, -.06 * codes, 1.06 * codes};
    p->count++;
}

static bool learns_thresholds(const sg_report_data *data, int arm)
{
    const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, data->shown, arm));
    double *numbers;
    int rows, columns;
    if (!run || !run->learned || !table_read(data, run, "/learned/adc_threshold_initial", &numbers, &rows, &columns))
        return false;
    sg_free(numbers);
    return true;
}

/* How many values of a key every arm shows, so that all arms have their panels; at least 3. */
static int values_shown(const sg_report_data *data, int key)
{
    int arms = 0;
    for (int a = 0; a < data->arm_count; a++) arms += learns_thresholds(data, a);
    const int count = data->keys[key].count, room = arms ? PANELS_MAX / arms : 1, most = room > 3 ? room : 3;
    return count < most ? count : most;
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
    const int count = key < 0 ? 1 : data->keys[key].count, shown = key < 0 ? 1 : values_shown(data, key);
    for (int a = 0; a < data->arm_count; a++)
        for (int i = 0; i < shown; i++) {
            char value[96] = "";
            const int v = shown > 1 ? i * (count - 1) / (shown - 1) : 0;
            if (key >= 0) sg_report_value_text(value, &data->keys[key], v);
            panel_add(p, data, key < 0 ? data->shown : sg_report_point_with(data, data->shown, key, v, -1, 0), a,
                      value);
        }
    (void)snprintf(name, sizeof name, "thresholds%s%.60s", key < 0 ? "" : "_", key < 0 ? "" : data->keys[key].path);
    if (p->count) {
        sg_text caption = {0};
        sg_text_add(&caption, "<b>Thresholds of the ADC</b> before and after training");
        if (key >= 0) sg_text_add(&caption, ", over <code>%s</code>", data->keys[key].path);
        sg_text_add(&caption, "; first seed.%s", p->count > 1 ? " Every panel has its own scales." : "");
        if (shown < count) sg_text_add(&caption, " %d of %d values.", shown, count);
        if (p->count == PANELS_MAX) sg_text_add(&caption, " At most %d panels.", PANELS_MAX);
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
/* Start and end of every arm; two curves each, the start thinner. */
static void zernike_put(sg_page *page)
{
    const sg_report_data *data = page->data;
    double *x = NULL, *numbers[2 * ARMS_MAX] = {NULL};
    char before[ARMS_MAX][SG_REPORT_NAME + 16];
    sg_figure_curve curves[2 * ARMS_MAX];
    sg_figure figure;
    int count = 0, rows, columns, rows_start, columns_start, most = 0;
    for (int a = 0; a < data->arm_count && count < 2 * ARMS_MAX; a++) {
        const sg_report_run *run = run_of(data, a);
        double **pair = numbers + count;
        if (!run || !table_read(data, run, "/learned/pupil_zernike_initial", &pair[1], &rows_start, &columns_start) ||
            !table_read(data, run, "/learned/pupil_zernike", &pair[0], &rows, &columns) || columns != columns_start) {
            sg_free(pair[0]);
            sg_free(pair[1]);
            pair[0] = pair[1] = NULL;
            continue;
        }
        (void)snprintf(before[count / 2], sizeof before[0], "%s, before", data->arms[a]);
        curves[count] = (sg_figure_curve){.name = data->arms[a], .strong = true, .len = columns, .mean = pair[0]};
        curves[count + 1] = (sg_figure_curve){.name = before[count / 2], .len = columns, .mean = pair[1]};
        most = columns > most ? columns : most;
        count += 2;
    }
    if (count && SG_ALLOC(&x, (size_t)most, "Zernike coefficients") == SG_OK) {
        for (int i = 0; i < most; i++) x[i] = i + 1;
        for (int i = 0; i < count; i++) curves[i].x = x;
        const sg_figure_axes axes = {.x = "Zernike term (Noll)", .y = "coefficient / rad", .style = SG_FIGURE_BARS};
        const sg_figure_panel panel = {.curves = curves, .count = count};
        const sg_status drawn = sg_figure_curves(&figure, &axes, &panel, 1);
        sg_page_figure(page, drawn, &figure, "card", "zernike",
                       "<b>Learned pupil</b>: phase by Zernike terms, first seed. 4: defocus; 5, 6: astigmatism; 7, 8: "
                       "coma; 9, 10: trefoil; 11: spherical. 1 (piston) does nothing, 2 and 3 shift the picture.");
    }
    for (int i = 0; i < 2 * ARMS_MAX; i++) sg_free(numbers[i]);
    sg_free(x);
}

/* The middle `side` x `side` of a spectrum of width w that is stored with frequency 0 first: there frequency 0 comes to
 * side/2. What is as it is at the highest frequency, where no light gets, has no cell. */
static void middle_cut(double *out, int side, const double *in, int w)
{
    const double nothing = in[(ptrdiff_t)(w / 2) * w + w / 2];
    for (int i = 0; i < side * side; i++) {
        const int row = (i / side - side / 2 + w) % w, column = (i % side - side / 2 + w) % w;
        const double value = in[(ptrdiff_t)row * w + column];
        out[i] = value == nothing && !(row == 0 && column == 0) ? (double)NAN : value;
    }
}

/* The side of the square around frequency 0 that holds all that differs from the highest frequency, and a rim. */
static int side_of(const double *in, int w)
{
    int far = 0;
    for (int i = 0; i < w * w; i++) {
        const int row = i / w, column = i % w;
        const int away_row = row < w - row ? row : w - row, away_column = column < w - column ? column : w - column;
        if (in[i] == in[(ptrdiff_t)(w / 2) * w + w / 2]) continue;
        far = away_row > far ? away_row : far;
        far = away_column > far ? away_column : far;
    }
    return 2 * far + 3 < w ? 2 * far + 3 : w;
}

/* A pupil learned bin by bin, as pictures. */
typedef struct pupil_kind {
    const char *name, *z, *file, *caption;
    bool sign;
} pupil_kind;

/* The pupils of all arms (the first colour); returns how many, *side of them all. */
static int pupils_read(double *pupils[ARMS_MAX], const char *titles[ARMS_MAX], const sg_report_data *data,
                       const pupil_kind *kind, int *width, int *side)
{
    char path[64], start_path[64];
    int count = 0, rows, columns;
    (void)snprintf(path, sizeof path, "/learned/%s", kind->name);
    (void)snprintf(start_path, sizeof start_path, "/learned/%s_initial", kind->name);
    *width = *side = 0;
    for (int a = 0; a < data->arm_count && count < ARMS_MAX; a++) {
        const sg_report_run *run = run_of(data, a);
        double *start;
        if (!run || !table_read(data, run, start_path, &start, &rows, &columns)) continue;
        sg_free(start);
        if (!table_read(data, run, path, &pupils[count], &rows, &columns)) continue;
        if (rows < columns || (*width && columns != *width)) {
            sg_free(pupils[count]);
            pupils[count] = NULL;
            continue;
        }
        *width = columns;
        const int own = side_of(pupils[count], columns);
        *side = own > *side ? own : *side;
        titles[count++] = data->arms[a];
    }
    return count;
}

static void pupil_put(sg_page *page, const pupil_kind *kind)
{
    double *pupils[ARMS_MAX] = {NULL}, *cells = NULL, most = 0;
    const char *titles[ARMS_MAX];
    sg_figure_map map[ARMS_MAX];
    sg_figure figure;
    int width, side;
    const int count = pupils_read(pupils, titles, page->data, kind, &width, &side);
    const size_t size = (size_t)side * (size_t)side;
    if (count && SG_ALLOC(&cells, (size_t)count * size, "pupil") == SG_OK) {
        for (int i = 0; i < count; i++) middle_cut(cells + (size_t)i * size, side, pupils[i], width);
        for (size_t i = 0; i < (size_t)count * size; i++) most = fmax(most, fabs(cells[i])); /* NaN falls out */
        for (int i = 0; i < count; i++) map[i] = (sg_figure_map){.title = titles[i], .value = cells + (size_t)i * size};
        const sg_figure_grid grid = {
            .z = kind->z, .rows = side, .columns = side, .lo = kind->sign ? -most : 0, .hi = most, .sign = kind->sign};
        const sg_status drawn = sg_figure_maps(&figure, &grid, map, count);
        sg_page_figure(page, drawn, &figure, count > 1 ? "card whole" : "card", kind->file, kind->caption);
    }
    for (int i = 0; i < ARMS_MAX; i++) sg_free(pupils[i]);
    sg_free(cells);
}

static void pupils_put(sg_page *page)
{
    static const pupil_kind kinds[] = {
        {"pupil_phase", "phase / rad", "pupil_phase",
         "<b>Learned phase of the pupil</b>, frequency 0 in the middle; first seed, first colour. Blank: as it was "
         "outside the pupil.",
         true},
        {"pupil_amplitude", "amplitude", "pupil_amplitude",
         "<b>Learned amplitude of the pupil</b>, frequency 0 in the middle; first seed, first colour. Blank: not "
         "changed.",
         false},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) pupil_put(page, &kinds[i]);
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
    pupils_put(page);
    numbers_put(page);
    if (page->html.len == opened && page->html.data) {
        page->html.len = before; /* nothing but the light: the heading goes again */
        page->html.data[before] = '\0';
    } else
        sg_text_add(&page->html, "</div>\n");
}
