/* figure_maps.c - heat maps with their numbers in the cells, also confusion matrices and pictures of the pupil. */
#include "pipeline/figure_part.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABELS_MAX = 400, MAP_MAX = 3, SIDE_MIN = 190, CELL_MIN = 46, CELL_HIGH = 34, BAR = 96 };

/* Parula-like and readable in grey: dark blue, green-blue, light yellow. */
static void palette_put(sg_text *s, bool reversed, bool root, bool sign)
{
    if (sign) {
        sg_text_add(s, "set palette maxcolors 129\nset palette defined (-1 '#0B3C6F', -.5 '#4C97CF', 0 '#EFEFEF', .5 "
                       "'#E58A3C', 1 '#8A3300')\n");
        return;
    }
    static const char *const stop[] = {"#14284B", "#1F5A8C", "#2A8C8C", "#86B868", "#F4E08A"};
    sg_text_add(s, "set palette maxcolors %d\nset palette defined (", root ? 128 : 64);
    for (int i = 0; i < 5; i++)
        sg_text_add(s, "%s%g '%s'", i ? ", " : "", root ? .0625 * i * i : .25 * i, stop[reversed ? 4 - i : i]);
    sg_text_add(s, ")\n");
}

/* One label, or two below each other where the text has a line break. */
static void cell_text(sg_text *s, int column, int row, const char *text, bool bright)
{
    const char *second = strchr(text, '\n');
    char line[32];
    (void)snprintf(line, sizeof line, "%.*s", second ? (int)(second - text) : 31, text);
    sg_text_add(s, "%d %g", column, second ? row - .18 : row);
    sg_figure_word(s, line);
    sg_text_add(s, " %d\n", bright);
    if (!second) return;
    sg_text_add(s, "%d %g", column, row + .22);
    sg_figure_word(s, second + 1);
    sg_text_add(s, " %d\n", bright);
}

/* As many digits behind the point for all cells as tell three of the largest apart, and the range. */
static int digits_of(const sg_figure_grid *g)
{
    const double most = fmax(fabs(g->lo), fabs(g->hi)), step = fmin(most / 100, (g->hi - g->lo) / 10);
    const int digits = step > 0 ? (int)ceil(-log10(step) - 1e-9) : 3;
    return digits < 0 ? 0 : digits > 5 ? 5 : digits;
}

/* $m<i>: column row value; $t<i>: column row text bright. */
static void map_data(sg_text *s, const sg_figure_grid *g, const sg_figure_map *map, int index, bool labels)
{
    const int digits = digits_of(g);
    sg_text_add(s, "$m%d << EOD\n", index);
    for (int r = 0; r < g->rows; r++) {
        for (int c = 0; c < g->columns; c++) sg_figure_number(s, map->value[r * g->columns + c]);
        sg_text_bytes(s, "\n", 1);
    }
    sg_text_add(s, "EOD\n$t%d << EOD\n", index);
    for (int i = 0; labels && i < g->rows * g->columns; i++) {
        const double v = map->value[i], line = (v - g->lo) / (g->hi > g->lo ? g->hi - g->lo : 1);
        const double part = g->root ? sqrt(line) : line; /* below 0 or above 1: beyond the colours */
        char text[32];
        if (!isfinite(v)) continue;
        (void)snprintf(text, sizeof text, "%.*f", v == 0 ? 0 : digits, v);
        cell_text(s, i % g->columns, i / g->columns, map->text ? map->text[i] : text,
                  (g->reversed ? 1 - part : part) > .6);
    }
    sg_text_add(s, "-9 -9 \"\" 0\n-9 -9 \"\" 1\nEOD\n");
}

static void ticks_put(sg_text *s, char axis, const char *const *tick, int count)
{
    if (!tick) {
        sg_text_add(s, "unset %ctics\n", axis);
        return;
    }
    sg_text_add(s, "set %ctics scale 0 (", axis);
    for (int i = 0; i < count; i++) {
        sg_text_add(s, i ? ", " : "");
        sg_gnuplot_quote(s, tick[i]);
        sg_text_add(s, " %d", i);
    }
    sg_text_add(s, ")\n");
}

static int longest(const char *const *tick, int count)
{
    size_t most = 0;
    for (int i = 0; tick && i < count; i++) most = strlen(tick[i]) > most ? strlen(tick[i]) : most;
    return most > 24 ? 24 : (int)most;
}

/* Of the same width beside maps of any width. */
static void colour_bar(sg_text *s, const sg_figure_layout *l, const sg_figure_margin *m, int index)
{
    enum { GAP = 8, WIDTH = 14 };
    const double width = l->columns * l->width, height = l->rows * l->height;
    const double right = (index % l->columns + 1) * l->width - m->right;
    const double bottom = height - (index / l->columns + 1) * l->height + m->bottom;
    sg_text_add(s, "set colorbox user origin %.6f,%.6f size %.6f,%.6f\n", (right + GAP) / width, bottom / height,
                WIDTH / width, (l->height - m->top - m->bottom) / height);
}

static void map_plot(sg_text *s, const sg_figure_map *map, int index)
{
    sg_figure_label(s, "title", map->title ? map->title : "");
    sg_text_add(s, "plot $m%d matrix w image pixels notitle, ", index);
    for (int bright = 0; bright < 2; bright++)
        sg_text_add(s, "$t%d u ($4==%d?$1:NaN):2:3 w labels font ',11' tc rgb '%s' notitle, ", index, bright,
                    bright ? "#101418" : "#FAFAFA");
    sg_text_add(s, "\n");
}

sg_status sg_figure_maps(sg_figure *out, const sg_figure_grid *g, const sg_figure_map *maps, int count)
{
    sg_text s = {0};
    *out = (sg_figure){0};
    if (count < 1 || g->rows < 1 || g->columns < 1) SG_FAIL(SG_E_RANGE, "figure: no cells to draw");
    const bool labels = g->rows * g->columns <= LABELS_MAX && (g->x_tick || g->y_tick);
    const int letters = longest(g->x_tick, g->columns),
              cell = 8 * letters + 10 > CELL_MIN ? 8 * letters + 10 : CELL_MIN;
    const int wide = labels && g->columns * cell > SIDE_MIN ? g->columns * cell : SIDE_MIN;
    const int high = labels ? g->rows * CELL_HIGH : SIDE_MIN * g->rows / g->columns;
    const sg_figure_margin margin = {(g->y_tick ? 54 + 9 * longest(g->y_tick, g->rows) : 12), BAR + 24, 30,
                                     g->x_tick ? 66 : 14};
    sg_figure_layout layout = {.columns = count < MAP_MAX ? count : MAP_MAX};
    layout.width = margin.left + wide + margin.right;
    layout.height = margin.top + (high > 100 ? high : 100) + margin.bottom;
    while (layout.columns > 1 && layout.columns * layout.width > 1320) layout.columns--;
    layout.rows = (count + layout.columns - 1) / layout.columns;
    sg_text_add(&s, "set encoding utf8\nunset border\nunset key\nset title offset 0,-.5\nset tics font ',12'\nset "
                    "cbtics scale .4\n");
    sg_figure_label(&s, "xlabel", g->x ? g->x : "");
    sg_figure_label(&s, "ylabel", g->y ? g->y : "");
    sg_text_add(&s, "set xlabel offset 0,.4\n");
    palette_put(&s, g->reversed, g->root, g->sign);
    ticks_put(&s, 'x', g->x_tick, g->columns);
    ticks_put(&s, 'y', g->y_tick, g->rows);
    sg_text_add(&s, "set xrange [-.5:%g]\nset yrange [%g:-.5]\nset cbrange [%.9g:%.9g]\n", g->columns - .5,
                g->rows - .5, g->lo, g->hi > g->lo ? g->hi : g->lo + 1);
    for (int i = 0; i < count; i++) map_data(&s, g, &maps[i], i, labels);
    sg_text_add(&s, "set multiplot\n");
    for (int i = 0; i < count; i++) {
        sg_figure_place(&s, &layout, &margin, i);
        colour_bar(&s, &layout, &margin, i);
        const bool last =
            i % layout.columns == layout.columns - 1 || i == count - 1; /* one name of the colours a row */
        sg_figure_label(&s, "cblabel", last && g->z ? g->z : "");
        map_plot(&s, &maps[i], i);
    }
    sg_text_add(&s, "unset multiplot\n");
    const sg_status status = sg_gnuplot_draw(out, &s, layout.columns * layout.width, layout.rows * layout.height);
    sg_text_free(&s);
    return status;
}
