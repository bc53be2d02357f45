/* report_classes.c - of classifiers: confusion matrices, ROC and precision-recall curves at the shown point.
 * A curve is averaged over seeds at fixed false positive rates (ROC) or recalls (PR) in steps of 1 %: the sensitivity
 * between two points of a ROC curve lies on the line between them, the precision at a recall is the highest one at that
 * recall or more. */
#include "pipeline/report_pictures.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CLASSES_MAX = 24, ARMS_MAX = 12, PANELS_MAX = 6, GRID = 101, SEEDS_MAX = 64 };

typedef struct classes {
    const sg_report_data *data;
    char name[CLASSES_MAX][48];
    int count;
    int arm[ARMS_MAX], arms; /* with results at the shown point */
} classes;

static bool run_open(sg_results_file **out, const sg_report_data *data, const sg_report_run *run)
{
    char path[SG_REPORT_PATH + SG_REPORT_NAME + 16];
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, run->folder);
    return run->there && sg_results_open(out, path) == SG_OK;
}

/* The classes of the first run; false: it has none, or more than a figure holds. */
static bool classes_find(classes *c, const sg_report_data *data)
{
    sg_results_file *file;
    char *names = NULL, path[] = "/metrics/per_class/name";
    *c = (classes){.data = data};
    for (int a = 0; a < data->arm_count && c->arms < ARMS_MAX; a++)
        if (sg_report_first(data, sg_report_cell_at(data, data->shown, a))) c->arm[c->arms++] = a;
    if (c->arms == 0) return false;
    const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, data->shown, c->arm[0]));
    if (run->task != SG_REPORT_CLASSIFY || !run_open(&file, data, run)) return false;
    if (sg_results_has(file, path) && sg_results_read_text(file, path, &names) == SG_OK && *names) {
        c->count = 1;
        for (const char *at = names; *at; at++) c->count += *at == '\n' && at[1] != '\0';
    }
    for (int i = 0; i < c->count && i < CLASSES_MAX; i++) sg_class_name(c->name[i], names, i);
    sg_free(names);
    sg_results_close(file);
    return c->count >= 2 && c->count <= CLASSES_MAX;
}

/* ---- confusion ---- */
static void confusion_add(double *sum, const classes *c, const sg_report_run *run)
{
    int rank, dims[SG_RESULTS_RANK];
    double *counts = NULL;
    sg_results_file *file;
    if (!run_open(&file, c->data, run)) return;
    if (sg_results_has(file, "/metrics/confusion") &&
        sg_results_read_f64(file, "/metrics/confusion", &counts, &rank, dims) == SG_OK && rank == 2 &&
        dims[0] == c->count && dims[1] == c->count)
        for (int i = 0; i < c->count * c->count; i++) sum[i] += counts[i];
    sg_free(counts);
    sg_results_close(file);
}

/* Per cent of each row and, as text, the counts above them. */
static void rows_to_percent(double *counts, char (*text)[32], const char **cell, int n)
{
    for (int r = 0; r < n; r++) {
        double sum = 0;
        for (int k = 0; k < n; k++) sum += counts[r * n + k];
        for (int k = r * n; k < (r + 1) * n; k++) {
            const double part = sum > 0 ? 100 * counts[k] / sum : 0;
            if (counts[k] > 0)
                (void)snprintf(text[k], sizeof text[k], "%.0f\n%s%.0f %%", counts[k], part < 1 ? "< " : "",
                               part < 1 ? 1 : part);
            else
                (void)snprintf(text[k], sizeof text[k], "0");
            counts[k] = part;
            cell[k] = text[k];
        }
    }
}

static void confusion_put(sg_page *page, const classes *c)
{
    const sg_report_data *data = c->data;
    const int n = c->count, size = n * n;
    double *counts = NULL;
    char(*text)[32] = NULL;
    const char **cell = NULL, *tick[CLASSES_MAX];
    sg_figure_map maps[ARMS_MAX];
    sg_figure figure;
    for (int i = 0; i < n; i++) tick[i] = c->name[i];
    const sg_figure_grid grid = {"predicted", "truth", "% of the row", n, n, tick, tick, 0, 100, .root = true};
    const size_t cells = (size_t)c->arms * (size_t)size;
    if (SG_ALLOC(&counts, cells, "confusion") == SG_OK && SG_ALLOC(&text, cells, "confusion") == SG_OK &&
        SG_ALLOC(&cell, cells, "confusion") == SG_OK) {
        for (int a = 0; a < c->arms; a++) {
            const sg_report_cell *at = sg_report_cell_at(data, data->shown, c->arm[a]);
            const ptrdiff_t first = (ptrdiff_t)a * size;
            for (int i = 0; i < at->count; i++) confusion_add(counts + first, c, &data->runs[at->first + i]);
            rows_to_percent(counts + first, text + first, cell + first, n);
            maps[a] = (sg_figure_map){data->arm_count > 1 ? data->arms[c->arm[a]] : NULL, counts + first, cell + first};
        }
        const sg_status drawn = sg_figure_maps(&figure, &grid, maps, c->arms);
        sg_page_figure(
            page, drawn, &figure, "card whole", "confusion",
            "<b>Confusion</b> of test pictures, all seeds together: count and per cent of the true class. The "
            "colours follow the root of the per cent, so that mistakes are seen.");
    }
    sg_free(counts);
    sg_free(text);
    sg_free(cell);
}

/* ---- curves ---- */
typedef struct curve_kind {
    const char *group, *x, *y; /* names in the results */
    const char *x_label, *y_label, *name, *caption;
} curve_kind;

static const curve_kind kinds[] = {
    {"roc", "false_positive_rate", "true_positive_rate", "false positive rate", "sensitivity", "roc",
     "<b>ROC</b>, one class against the rest: mean over seeds, band 95 % interval."},
    {"pr", "recall", "precision", "recall", "precision", "pr",
     "<b>Precision and recall</b>, one class against the rest: mean over seeds, band 95 % interval."},
};

/* x rises (ROC). The value at `at`; of several at one x the last. */
static double between(const double *x, const double *y, int n, double at)
{
    int i = 0;
    while (i + 1 < n && x[i + 1] <= at) i++;
    if (i + 1 >= n || !(x[i + 1] > x[i]) || x[i] >= at) return y[i];
    return y[i] + (at - x[i]) / (x[i + 1] - x[i]) * (y[i + 1] - y[i]);
}

static double best_from(const double *x, const double *y, int n, double at)
{
    double best = 0;
    for (int i = 0; i < n; i++)
        if (x[i] >= at && y[i] > best) best = y[i];
    return best;
}

/* Adds the curve of one class to out (GRID); false: the file does not have it. */
static bool curve_add(double *out, const sg_results_file *file, const curve_kind *kind, const char *class)
{
    char x_path[160], y_path[160];
    double *x = NULL, *y = NULL;
    int rank, x_dims[SG_RESULTS_RANK], y_dims[SG_RESULTS_RANK];
    (void)snprintf(x_path, sizeof x_path, "/metrics/%s/%s/%s", kind->group, class, kind->x);
    (void)snprintf(y_path, sizeof y_path, "/metrics/%s/%s/%s", kind->group, class, kind->y);
    const bool there = sg_results_has(file, x_path) && sg_results_has(file, y_path) &&
                       sg_results_read_f64(file, x_path, &x, &rank, x_dims) == SG_OK && rank == 1 &&
                       sg_results_read_f64(file, y_path, &y, &rank, y_dims) == SG_OK && rank == 1;
    const int n = there ? x_dims[0] < y_dims[0] ? x_dims[0] : y_dims[0] : 0;
    for (int i = 0; n && i < GRID; i++)
        out[i] += (strcmp(kind->group, "roc") == 0 ? between : best_from)(x, y, n, .01 * i);
    sg_free(x);
    sg_free(y);
    return n > 0;
}

/* Mean and interval over the seeds of an arm, of class `which` or (-1) of the mean over all classes. at: x, mean, low,
 * high (4, GRID). Returns how many seeds. */
static int curve_average(double *at, double (*seeds)[GRID], const classes *c, int arm, const curve_kind *kind,
                         int which)
{
    const sg_report_cell *cell = sg_report_cell_at(c->data, c->data->shown, arm);
    int n = 0;
    for (int r = 0; r < cell->count && n < SEEDS_MAX; r++) {
        sg_results_file *file;
        int found = 0;
        if (!run_open(&file, c->data, &c->data->runs[cell->first + r])) continue;
        memset(seeds[n], 0, sizeof seeds[n]);
        for (int k = 0; k < c->count; k++)
            if (which < 0 || k == which) found += curve_add(seeds[n], file, kind, c->name[k]);
        for (int i = 0; found && i < GRID; i++) seeds[n][i] /= found;
        n += found > 0;
        sg_results_close(file);
    }
    for (int i = 0; i < GRID; i++) {
        double values[SEEDS_MAX];
        for (int s = 0; s < n; s++) values[s] = seeds[s][i];
        const double mean = sg_mean(values, n), half = n > 1 ? sg_interval95(values, n) : 0;
        at[i] = .01 * i;
        at[GRID + i] = mean;
        at[2 * GRID + i] = mean - half < 0 ? 0 : mean - half;
        at[3 * GRID + i] = mean + half > 1 ? 1 : mean + half;
    }
    return n;
}

/* The figure of one kind of curves. */
typedef struct curve_figure {
    sg_figure_panel panel[PANELS_MAX];
    sg_figure_curve *curve; /* (panels, arms) */
    double *numbers;        /* (panels, arms, 4, GRID) */
    double (*seeds)[GRID];  /* (SEEDS_MAX) */
    int panels, found;
    double corner; /* side of the corner of the unit square that is shown */
} curve_figure;

/* One panel a class; of two classes the second, of many their mean. */
static void panels_fill(curve_figure *f, const classes *c, const curve_kind *kind)
{
    for (int p = 0; p < f->panels; p++) {
        const int which = c->count > PANELS_MAX ? -1 : c->count == 2 ? 1 : p;
        f->panel[p] = (sg_figure_panel){.title = which < 0 ? "mean over the classes" : c->name[which],
                                        .curves = f->curve + p * c->arms,
                                        .count = c->arms};
        for (int a = 0; a < c->arms; a++) {
            double *at = f->numbers + 4 * GRID * (ptrdiff_t)(p * c->arms + a);
            const int n = curve_average(at, f->seeds, c, c->arm[a], kind, which);
            f->curve[p * c->arms + a] = (sg_figure_curve){
                c->data->arms[c->arm[a]],     c->data->arm_learned[c->arm[a]], n ? GRID : 0, at, at + GRID,
                n > 1 ? at + 2 * GRID : NULL, n > 1 ? at + 3 * GRID : NULL};
            f->found += n;
        }
    }
}

/* Good curves bend in a corner: the smallest one, of side 1, .5 or .2, whose middle they all pass outside. */
static void corner_find(curve_figure *f, int arms, bool roc)
{
    static const double sides[] = {.5, .2};
    f->corner = 1;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        const double half = .5 * sides[i];
        const int at = (int)lround((roc ? half : 1 - half) * (GRID - 1));
        for (int k = 0; k < f->panels * arms; k++)
            if (f->curve[k].len && !(f->curve[k].mean[at] >= 1 - half)) return;
        f->corner = sides[i];
    }
}

static sg_status curves_draw(sg_figure *out, curve_figure *f, int arms, const curve_kind *kind)
{
    const bool roc = strcmp(kind->group, "roc") == 0;
    corner_find(f, arms, roc);
    const double side = f->corner;
    const sg_figure_axes axes = {
        .x = kind->x_label, .y = kind->y_label, .x_lo = roc ? 0 : 1 - side, .x_hi = roc ? side : 1};
    for (int p = 0; p < f->panels; p++) {
        f->panel[p].y_lo = 1 - side;
        f->panel[p].y_hi = 1 + .02 * side;
    }
    return sg_figure_curves(out, &axes, f->panel, f->panels);
}

static void curves_put(sg_page *page, const classes *c, const curve_kind *kind)
{
    curve_figure f = {.panels = c->count > PANELS_MAX || c->count == 2 ? 1 : c->count};
    const size_t curves = (size_t)f.panels * (size_t)c->arms;
    sg_figure figure;
    char caption[320];
    if (SG_ALLOC(&f.curve, curves, "curves") == SG_OK && SG_ALLOC(&f.numbers, 4 * GRID * curves, "curves") == SG_OK &&
        SG_ALLOC(&f.seeds, SEEDS_MAX, "curves") == SG_OK)
        panels_fill(&f, c, kind);
    if (f.found) {
        const sg_status drawn = curves_draw(&figure, &f, c->arms, kind);
        (void)snprintf(caption, sizeof caption, "%s%s", kind->caption,
                       f.corner < 1 ? " Only the corner of the unit square where the curves bend is shown." : "");
        sg_page_figure(page, drawn, &figure, f.panels > 1 ? "card whole" : "card", kind->name, caption);
    }
    sg_free(f.curve);
    sg_free(f.numbers);
    sg_free(f.seeds);
}

void sg_page_classes(sg_page *page)
{
    classes *c;
    sg_text where = {0};
    if (SG_ALLOC(&c, 1, "classes") != SG_OK) return;
    if (classes_find(c, page->data)) {
        sg_report_point_text(page->data, page->data->shown, -1, -1, &where);
        sg_text_add(&page->html, "<h2>Class by class</h2>\n<p>On test pictures");
        if (where.len) sg_text_add(&page->html, "; ");
        if (where.len) sg_text_html(&page->html, where.data);
        sg_text_add(&page->html, ".</p>\n<div class=\"pair\">\n");
        confusion_put(page, c);
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) curves_put(page, c, &kinds[i]);
        sg_text_add(&page->html, "</div>\n");
    }
    sg_text_free(&where);
    sg_free(c);
}
