/* report_strip.c - figures/examples.png: the report's example pictures as one figure for print, an arm a row. PNG
 * alone: SVG would hold every pixel as a rectangle. */
#include "pipeline/report_pictures.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/image.h"
#include "pipeline/figure_part.h"

#include <stdio.h>

enum { ARMS_MAX = 12, SHOWN_MAX = 6, SIDE_MAX = 96, PANEL_WIDTH = 118, PANEL_HEIGHT = 132, NAMES = 150 };

typedef struct strip {
    sg_text s;
    int rows, columns, count; /* count: panels so far */
} strip;

/* Where a panel goes; the first column has the arms' names at its left. */
static void place(strip *p, int row, int column)
{
    const double width = p->columns * PANEL_WIDTH + NAMES, height = p->rows * PANEL_HEIGHT;
    const double left = NAMES + column * PANEL_WIDTH + 4, top = height - row * PANEL_HEIGHT - 22;
    sg_text_add(&p->s, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", left / width,
                (left + PANEL_WIDTH - 8) / width);
    sg_text_add(&p->s, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n", top / height,
                (top - (PANEL_WIDTH - 8)) / height);
}

/* Every `step`-th pixel, so that no panel has more than SIDE_MAX on a side. */
static void panel_put(strip *p, int row, int column, const sg_pictures *pictures, int n, int c, const double *range,
                      const char *title)
{
    const int side = pictures->h > pictures->w ? pictures->h : pictures->w, step = (side + SIDE_MAX - 1) / SIDE_MAX;
    const int h = pictures->h / step, w = pictures->w / step;
    const size_t len = (size_t)pictures->h * (size_t)pictures->w;
    const float *x = sg_plane(pictures, n, c);
    const double lo = range ? range[0] : sg_percentile(x, len, .5), hi = range ? range[1] : sg_percentile(x, len, 99.7);
    if (h < 2 || w < 2) return;
    sg_text_add(&p->s, "$p%d << EOD\n", p->count);
    for (int i = 0; i < h * w; i++)
        sg_text_add(&p->s, "%.4g%s", (double)x[(i / w * step) * pictures->w + i % w * step],
                    i % w == w - 1 ? "\n" : " ");
    sg_text_add(&p->s, "EOD\n");
    place(p, row, column);
    sg_figure_label(&p->s, "title", title);
    sg_text_add(&p->s,
                "set cbrange [%.6g:%.6g]\nset xrange [-.5:%g]\nset yrange [%g:-.5]\nplot $p%d matrix w image "
                "notitle\nunset label\n",
                lo, hi > lo ? hi : lo + 1, w - .5, h - .5, p->count++);
}

static void name_put(strip *p, int row, const char *name)
{
    const double height = p->rows * PANEL_HEIGHT;
    sg_text_add(&p->s, "set label %d ", row + 1);
    sg_gnuplot_quote(&p->s, name);
    sg_text_add(&p->s, " at screen .01, screen %.6f left font ',11'\n",
                1 - (row * PANEL_HEIGHT + 22 + .5 * (PANEL_WIDTH - 8)) / height);
}

/* Sample, measurement, prediction and truth of the first picture. */
static void picture_row(strip *p, int row, const sg_run_pictures *pictures, bool values)
{
    static const char *const titles[] = {"sample", "measurement", "", "prediction", "truth"};
    static const double probability[] = {0, 1};
    int column = 0;
    for (int k = 0; k < SG_PICTURE_SETS; k++) {
        const sg_pictures *set = &pictures->set[k];
        if (k == SG_PICTURE_ADU) continue;
        const bool plain = k < SG_PICTURE_ADU || values;
        if (set->data) panel_put(p, row, column, set, 0, 0, plain ? NULL : probability, row ? "" : titles[k]);
        column++;
    }
}

/* Measurements of the first pictures with what was said of them. */
static void verdict_row(strip *p, int row, const sg_run_pictures *pictures)
{
    const sg_pictures *set = &pictures->set[SG_PICTURE_MEASUREMENT];
    for (int n = 0; n < p->columns && n < set->n && n < pictures->verdicts; n++) {
        char said[48], truth[48], title[128];
        const bool right = pictures->truth[n] == pictures->predicted[n];
        sg_class_name(said, pictures->classes, (int)pictures->predicted[n]);
        sg_class_name(truth, pictures->classes, (int)pictures->truth[n]);
        (void)snprintf(title, sizeof title, right ? "%s" : "%s, not %s", said, truth);
        panel_put(p, row, n, set, n, 0, NULL, title);
    }
}

/* The arms with results at the shown point. */
static int arms_find(const sg_report_data *data, const sg_report_run *runs[ARMS_MAX])
{
    int count = 0;
    for (int a = 0; a < data->arm_count && count < ARMS_MAX; a++) {
        runs[count] = sg_report_first(data, sg_report_cell_at(data, data->shown, a));
        count += runs[count] != NULL;
    }
    return count;
}

static void rows_put(strip *p, const sg_report_data *data, const sg_report_run *const runs[ARMS_MAX])
{
    for (int row = 0; row < p->rows; row++) {
        sg_run_pictures pictures;
        name_put(p, row, data->arms[runs[row]->arm]);
        if (!sg_run_pictures_read(&pictures, data, runs[row])) continue;
        if (runs[row]->task == SG_REPORT_CLASSIFY)
            verdict_row(p, row, &pictures);
        else
            picture_row(p, row, &pictures, runs[row]->task == SG_REPORT_REGRESS);
        sg_run_pictures_free(&pictures);
    }
}

void sg_page_strip(sg_page *page)
{
    const sg_report_run *runs[ARMS_MAX];
    char path[SG_REPORT_PATH + 32];
    void *png = NULL;
    size_t size;
    strip p = {.rows = arms_find(page->data, runs)};
    if (p.rows == 0) return;
    p.columns = runs[0]->task == SG_REPORT_CLASSIFY ? SHOWN_MAX : 4;
    sg_text_add(&p.s, "set encoding utf8\nset border 15 lw .4 lc rgb '#888888'\nunset tics\nunset key\nunset "
                      "colorbox\nset palette gray\n"
                      "set title font ',10' offset 0,-.9\nset multiplot\n");
    rows_put(&p, page->data, runs);
    sg_text_add(&p.s, "unset multiplot\n");
    const int width = p.columns * PANEL_WIDTH + NAMES, height = p.rows * PANEL_HEIGHT;
    (void)snprintf(path, sizeof path, "%s/figures/examples.png", page->data->dir);
    if (p.count > 0 && sg_gnuplot_png(&png, &size, &p.s, width, height) == SG_OK && page->status == SG_OK)
        page->status = sg_file_write(path, png, size);
    sg_free(png);
    sg_text_free(&p.s);
}
