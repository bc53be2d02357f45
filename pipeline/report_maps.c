/* report_maps.c - the report's heat maps: the main metric over two swept keys, arm by arm. */
#include "pipeline/report_page.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>

enum { MAPS_MAX = 12, SIDE_MAX = 24 };

/* The two axes with the most values; false: there are not two, or they are too long. */
static bool axes_find(const sg_report_data *data, int *x, int *y)
{
    *x = *y = -1;
    for (int k = 0; k < data->key_count; k++) {
        if (!data->keys[k].axis || data->keys[k].count < 2 || data->keys[k].count > SIDE_MAX) continue;
        if (*x < 0 || data->keys[k].count > data->keys[*x].count) {
            *y = *x;
            *x = k;
        } else if (*y < 0 || data->keys[k].count > data->keys[*y].count)
            *y = k;
    }
    return *y >= 0;
}

static void map_fill(const sg_report_data *data, int arm, int x, int y, double *cells)
{
    double values[SG_REPORT_SEEDS];
    const int columns = data->keys[x].count, rows = data->keys[y].count;
    for (int i = 0; i < rows * columns; i++) {
        const int row = rows - 1 - i / columns; /* large values on top, as on an axis */
        const int point = sg_report_point_with(data, data->shown, x, i % columns, y, row);
        const int n = sg_report_values(data, sg_report_cell_at(data, point, arm), data->main_metric, values, NULL);
        cells[i] = sg_mean(values, n);
    }
}

/* The reference's cells and the best of every place are inside; *outside: how many others are not. False: no cells. */
static bool range_find(const sg_report_data *data, const double *cells, int arms, int size, sg_figure_grid *grid,
                       int *outside)
{
    sg_report_view view = sg_report_view_none();
    const int sign = data->metrics[data->main_metric].better;
    for (int i = 0; i < size; i++) {
        int best = 0;
        for (int a = 1; a < arms; a++)
            if (isnan(cells[best * size + i]) || sign * (cells[a * size + i] - cells[best * size + i]) > 0) best = a;
        for (int a = 0; a < arms; a++)
            sg_report_view_take(&view, cells[a * size + i], a == best || a == data->reference);
    }
    sg_report_view_fit(&view);
    *outside = 0;
    for (int i = 0; i < arms * size; i++) *outside += cells[i] < view.lo || cells[i] > view.hi;
    grid->lo = fmax(view.lo, view.all_lo);
    grid->hi = fmin(view.hi, view.all_hi);
    return isfinite(view.all_lo);
}

static int seeds_of(const sg_report_data *data)
{
    int most = 0;
    for (int c = 0; c < data->cell_count; c++) most = data->cells[c].count > most ? data->cells[c].count : most;
    return most;
}

static void maps_put(sg_page *page, int x, int y, double *cells, int arms)
{
    const sg_report_data *data = page->data;
    const sg_report_key *kx = &data->keys[x], *ky = &data->keys[y];
    const int size = kx->count * ky->count;
    const char *x_tick[SIDE_MAX], *y_tick[SIDE_MAX];
    sg_figure_map maps[MAPS_MAX];
    sg_figure figure;
    char label[96], caption[320], text[2][SIDE_MAX][96];
    int outside;
    sg_report_metric_label(label, data, data->main_metric, "");
    sg_figure_grid grid = {kx->label, ky->label, label, ky->count, kx->count,
                           x_tick,    y_tick,    0,     1,         data->metrics[data->main_metric].better < 0};
    for (int i = 0; i < kx->count; i++) {
        sg_report_brief(text[0][i], kx, i);
        x_tick[i] = text[0][i];
    }
    for (int i = 0; i < ky->count; i++) {
        sg_report_brief(text[1][i], ky, ky->count - 1 - i);
        y_tick[i] = text[1][i];
    }
    for (int a = 0; a < arms; a++) {
        map_fill(data, a, x, y, cells + (ptrdiff_t)a * size);
        maps[a] = (sg_figure_map){data->arm_count > 1 ? data->arms[a] : NULL, cells + (ptrdiff_t)a * size, NULL};
    }
    if (!range_find(data, cells, arms, size, &grid, &outside)) return;
    (void)snprintf(caption, sizeof caption, "<b>%s</b>, %s; bright is good.%s%s",
                   data->metrics[data->main_metric].label, seeds_of(data) > 1 ? "mean over seeds" : "one seed",
                   outside ? " The colours are fitted to the reference and the best arm; cells beyond have the end "
                             "colour and their number."
                           : "",
                   data->arm_count > MAPS_MAX ? " The first arms." : "");
    const sg_status drawn = sg_figure_maps(&figure, &grid, maps, arms);
    sg_page_figure(page, drawn, &figure, "card whole", "map", caption);
}

void sg_page_maps(sg_page *page)
{
    const sg_report_data *data = page->data;
    int x, y;
    double *cells;
    const int arms = data->arm_count < MAPS_MAX ? data->arm_count : MAPS_MAX;
    if (data->scattered || !axes_find(data, &x, &y)) return;
    const size_t size = (size_t)arms * (size_t)data->keys[x].count * (size_t)data->keys[y].count;
    if (SG_ALLOC(&cells, size, "a heat map") != SG_OK) return;
    sg_text_add(&page->html, "<h2>Two keys at once</h2>\n");
    maps_put(page, x, y, cells, arms);
    sg_free(cells);
}
