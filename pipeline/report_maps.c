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

static void range_find(const double *cells, int count, sg_figure_grid *grid)
{
    grid->lo = (double)INFINITY;
    grid->hi = -(double)INFINITY;
    for (int i = 0; i < count; i++) {
        if (cells[i] < grid->lo) grid->lo = cells[i];
        if (cells[i] > grid->hi) grid->hi = cells[i];
    }
}

static void maps_put(sg_page *page, int x, int y, double *cells, int arms)
{
    const sg_report_data *data = page->data;
    const sg_report_key *kx = &data->keys[x], *ky = &data->keys[y];
    const int size = kx->count * ky->count;
    const char *x_tick[SIDE_MAX], *y_tick[SIDE_MAX];
    sg_figure_map maps[MAPS_MAX];
    sg_figure figure;
    char label[96], caption[256];
    sg_report_metric_label(label, data, data->main_metric, "");
    sg_figure_grid grid = {kx->label, ky->label, label, ky->count, kx->count,
                           x_tick,    y_tick,    0,     1,         data->metrics[data->main_metric].better < 0};
    for (int i = 0; i < kx->count; i++) x_tick[i] = kx->text[i];
    for (int i = 0; i < ky->count; i++) y_tick[i] = ky->text[ky->count - 1 - i];
    for (int a = 0; a < arms; a++) {
        map_fill(data, a, x, y, cells + (ptrdiff_t)a * size);
        maps[a] = (sg_figure_map){data->arm_count > 1 ? data->arms[a] : NULL, cells + (ptrdiff_t)a * size, NULL};
    }
    range_find(cells, arms * size, &grid);
    (void)snprintf(caption, sizeof caption, "<b>%s</b>, mean over seeds; bright is good.",
                   data->metrics[data->main_metric].label);
    const sg_status drawn = isfinite(grid.lo) ? sg_figure_maps(&figure, &grid, maps, arms) : SG_E_RANGE;
    if (isfinite(grid.lo)) sg_page_figure(page, drawn, &figure, "card whole", "map", caption);
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
