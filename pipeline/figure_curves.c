/* figure_curves.c - curves with intervals, in one frame or in small multiples. See figure.h. */
#include "pipeline/figure_part.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHART_WIDTH = 740, CHART_HEIGHT = 400, ROW_WIDTH = 1080, LEGEND_ROW = 25, HOVER_MAX = 600 };

typedef struct chart {
    sg_text s;
    const sg_figure_axes *axes;
    const sg_figure_panel *panels;
    int count, most;          /* panels; curves of the fullest panel */
    double x_lo, x_hi, x_gap; /* of all curves; smallest distance, in decades where x is logarithmic */
    double y_lo, y_hi;
    int points;
} chart;

static double scaled(const chart *c, double x)
{
    return c->axes->log_x ? log10(x) : x;
}

static void include(double *lo, double *hi, double value)
{
    if (!isfinite(value)) return;
    if (!(value >= *lo)) *lo = value;
    if (!(value <= *hi)) *hi = value;
}

static void range_of(chart *c, const sg_figure_curve *curve)
{
    for (int i = 0; i < curve->len; i++) {
        const double x = scaled(c, curve->x[i]);
        include(&c->x_lo, &c->x_hi, x);
        if (i) {
            const double gap = fabs(x - scaled(c, curve->x[i - 1]));
            if (gap > 0 && !(gap >= c->x_gap)) c->x_gap = gap;
        }
        include(&c->y_lo, &c->y_hi, curve->mean[i]);
        if (curve->low) include(&c->y_lo, &c->y_hi, curve->low[i]);
        if (curve->high) include(&c->y_lo, &c->y_hi, curve->high[i]);
        c->points++;
    }
}

static void range_all(chart *c)
{
    c->x_lo = c->y_lo = c->x_gap = (double)INFINITY;
    c->x_hi = c->y_hi = -(double)INFINITY;
    for (int p = 0; p < c->count; p++) {
        if (c->panels[p].count > c->most) c->most = c->panels[p].count;
        for (int i = 0; i < c->panels[p].count; i++) range_of(c, &c->panels[p].curves[i]);
    }
    if (!isfinite(c->x_gap)) c->x_gap = isfinite(c->x_hi) && c->x_hi > c->x_lo ? c->x_hi - c->x_lo : 1;
}

/* How far curve i stands aside, in the scale of the axis. */
static double aside(const chart *c, int i)
{
    if (c->axes->style != SG_FIGURE_BARS || c->most < 2) return 0;
    const double step = fmin(.05, .3 / c->most) * c->x_gap;
    return (i - .5 * (c->most - 1)) * step;
}

/* "name: at 8: .91 (.89 to .93)" */
static void hover_put(chart *c, const sg_figure_curve *curve, int i)
{
    char text[256], x[64];
    const sg_figure_axes *axes = c->axes;
    (void)snprintf(x, sizeof x, "%g", curve->x[i]);
    for (int k = 0; k < axes->ticks; k++)
        if (axes->tick_at[k] == curve->x[i]) (void)snprintf(x, sizeof x, "%.63s", axes->tick[k]);
    int len = snprintf(text, sizeof text, "%.60s at %s: %.4g", curve->name, x, curve->mean[i]);
    if (curve->low && curve->high && isfinite(curve->low[i]) && isfinite(curve->high[i]))
        (void)snprintf(text + len, sizeof text - (size_t)len, " (%.4g to %.4g)", curve->low[i], curve->high[i]);
    sg_figure_word(&c->s, text);
}

/* Where a mean outside the panel's range has its arrow: at the edge that it is beyond, `*up` 1 above, -1 below, 0
 * inside. */
static double inside(const chart *c, int panel, double mean, int *up)
{
    const sg_figure_panel *p = &c->panels[panel];
    *up = c->axes->style != SG_FIGURE_BARS || !(p->y_lo < p->y_hi) ? 0 : mean > p->y_hi ? 1 : mean < p->y_lo ? -1 : 0;
    return *up > 0 ? p->y_hi : *up < 0 ? p->y_lo : mean;
}

static bool has_outside(const chart *c, int panel, const sg_figure_curve *curve)
{
    int up = 0;
    for (int i = 0; i < curve->len && !up; i++) (void)inside(c, panel, curve->mean[i], &up);
    return up != 0;
}

/* $c<panel>_<i>: x mean low high text where; $o<panel>_<i>: x y dx dy of the arrows. */
static void curve_data(chart *c, int panel, int index)
{
    enum { ARROW = 8 }; /* part of the panel's height */
    const sg_figure_panel *p = &c->panels[panel];
    const sg_figure_curve *curve = &p->curves[index];
    const double shift = aside(c, index), arrow = (p->y_hi - p->y_lo) / ARROW;
    const bool outside = has_outside(c, panel, curve);
    sg_text arrows = {0};
    sg_text_add(&c->s, "$c%d_%d << EOD\n", panel, index);
    for (int i = 0; i < curve->len; i++) {
        int up;
        const double x = c->axes->log_x ? curve->x[i] * pow(10, shift) : curve->x[i] + shift, mean = curve->mean[i];
        const double low = curve->low && isfinite(curve->low[i]) ? curve->low[i] : mean;
        const double high = curve->high && isfinite(curve->high[i]) ? curve->high[i] : mean;
        const double where = inside(c, panel, mean, &up);
        sg_figure_number(&c->s, x);
        sg_figure_number(&c->s, mean);
        sg_figure_number(&c->s, low);
        sg_figure_number(&c->s, high);
        hover_put(c, curve, i);
        sg_figure_number(&c->s, where - .5 * up * arrow);
        sg_text_bytes(&c->s, "\n", 1);
        if (up) sg_text_add(&arrows, "%.9g %.9g 0 %.9g\n", x, where - up * arrow, up * arrow);
    }
    sg_text_add(&c->s, "EOD\n");
    if (outside) sg_text_add(&c->s, "$o%d_%d << EOD\n%sEOD\n", panel, index, arrows.data ? arrows.data : "");
    sg_text_free(&arrows);
}

/* How curve `index` is drawn: "linespoints lc ... pt ...". Colours repeat after eight, dashes after four, markers after
 * six: the first 24 curves differ. */
static void pen_put(chart *c, int index, bool strong)
{
    static const int marker[] = {7, 5, 9, 13, 11, 15};
    static const char *const shape[] = {"lines", "linespoints", "points", "steps"};
    const sg_figure_style style = c->axes->style;
    const bool marks = style == SG_FIGURE_BARS || style == SG_FIGURE_DOTS;
    const int dash = style == SG_FIGURE_BARS ? index / SG_FIGURE_COLOURS : index;
    sg_text_add(&c->s, "%s lc rgb '%s' ", shape[style], sg_figure_palette[index % SG_FIGURE_COLOURS]);
    if (style != SG_FIGURE_DOTS) sg_text_add(&c->s, "lw %g dt %d ", strong ? 2.6 : 1.6, dash % 4 + 1);
    if (marks) sg_text_add(&c->s, "pt %d ps %g ", marker[index % 6], c->points > HOVER_MAX ? .4 : strong ? 1.1 : .8);
}

static void curve_plot(chart *c, int panel, int index)
{
    const sg_figure_curve *curve = &c->panels[panel].curves[index];
    const bool marks = c->axes->style == SG_FIGURE_BARS || c->axes->style == SG_FIGURE_DOTS;
    const char *colour = sg_figure_palette[index % SG_FIGURE_COLOURS];
    if (curve->low && marks)
        sg_text_add(&c->s, "$c%d_%d u 1:2:3:4 w yerrorbars lc rgb '%s' lw 1.2 pt -1 notitle, ", panel, index, colour);
    else if (curve->low)
        sg_text_add(&c->s, "$c%d_%d u 1:3:4 w filledcurves lc rgb '%s' notitle, ", panel, index, colour);
    sg_text_add(&c->s, "$c%d_%d u 1:2 w ", panel, index);
    pen_put(c, index, curve->strong);
    if (c->count == 1) {
        sg_text_add(&c->s, "title ");
        sg_gnuplot_quote(&c->s, curve->name);
    } else
        sg_text_add(&c->s, "notitle");
    sg_text_add(&c->s, ", ");
    if (has_outside(c, panel, curve))
        sg_text_add(&c->s, "$o%d_%d w vectors head filled size screen .008,20 lc rgb '%s' lw 1.6 notitle, ", panel,
                    index, colour);
    if (marks && c->points <= HOVER_MAX)
        sg_text_add(&c->s, "$c%d_%d u 1:6:5 w labels hypertext point pt 7 ps 2 lc rgb '#ff000000' notitle, ", panel,
                    index);
}

/* The range of y: the panel's own, or one for all panels. */
static void range_put(chart *c, int panel)
{
    const sg_figure_panel *p = &c->panels[panel];
    const double edge = .05 * (c->y_hi - c->y_lo);
    if (p->y_lo < p->y_hi)
        sg_text_add(&c->s, "set yrange [%.9g:%.9g]\n", p->y_lo, p->y_hi);
    else if (c->count > 1 && !c->axes->log_y && edge > 0)
        sg_text_add(&c->s, "set yrange [%.9g:%.9g]\n", c->y_lo - edge, c->y_hi + edge);
}

/* The strong curves last, so that they lie on top. */
static void panel_plot(chart *c, int panel)
{
    const sg_figure_panel *p = &c->panels[panel];
    range_put(c, panel);
    sg_text_add(&c->s, "plot ");
    if (c->axes->zero_line) sg_text_add(&c->s, "0 lc rgb '#8A8A8A' lw 1.4 notitle, ");
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < p->count; i++)
            if (p->curves[i].len > 0 && p->curves[i].strong == (pass == 1)) curve_plot(c, panel, i);
    sg_text_add(&c->s, "NaN notitle\n");
}

static double unscaled(const chart *c, double x)
{
    return c->axes->log_x ? pow(10, x) : x;
}

static void axes_put(chart *c)
{
    sg_text *s = &c->s;
    const sg_figure_axes *axes = c->axes;
    sg_figure_label(s, "xlabel", axes->x);
    sg_figure_label(s, "ylabel", axes->y);
    sg_text_add(s, "set xlabel offset 0,.4\n");
    if (axes->log_x) sg_text_add(s, "set logscale x\n");
    if (axes->log_y) sg_text_add(s, "set logscale y\n");
    sg_text_add(s, "set clip two\n");
    if (axes->x_lo < axes->x_hi)
        sg_text_add(s, "set xrange [%.9g:%.9g]\n", axes->x_lo, axes->x_hi);
    else if (axes->style == SG_FIGURE_BARS && isfinite(c->x_lo)) /* the ends are kept off the frame */
        sg_text_add(s, "set xrange [%.9g:%.9g]\n", unscaled(c, c->x_lo - .4 * c->x_gap),
                    unscaled(c, c->x_hi + .4 * c->x_gap));
    if (axes->ticks) sg_text_add(s, "set xtics (");
    for (int i = 0; i < axes->ticks; i++) {
        sg_text_add(s, i ? ", " : "");
        sg_gnuplot_quote(s, axes->tick[i]);
        sg_text_add(s, " %.9g", axes->tick_at[i]);
    }
    if (axes->ticks) sg_text_add(s, ")\n");
}

/* Letters of the longest mark of the x axis if marks would run into each other on a plot of this width, else 0. */
static int crowded(const chart *c, int width)
{
    enum { LETTER = 7, GAP = 8 };
    const sg_figure_axes *axes = c->axes;
    const double range = c->x_hi - c->x_lo + .8 * c->x_gap;
    size_t longest = 0;
    bool close = false;
    for (int i = 0; i < axes->ticks; i++) {
        const size_t len = strlen(axes->tick[i]), before = i ? strlen(axes->tick[i - 1]) : 0;
        const double apart =
            i ? fabs(scaled(c, axes->tick_at[i]) - scaled(c, axes->tick_at[i - 1])) / range * width : 0;
        close = close || (i && apart < .5 * LETTER * (double)(len + before) + GAP);
        longest = len > longest ? len : longest;
    }
    return !close ? 0 : longest > 30 ? 30 : (int)longest;
}

static sg_status one_panel(sg_figure *out, chart *c)
{
    if (c->most == 1) sg_text_add(&c->s, "unset key\n");
    if (crowded(c, CHART_WIDTH / 2)) sg_text_add(&c->s, "set xtics rotate by 35 right\n");
    if (c->most > 8)
        sg_text_add(&c->s, "set key maxcols 1 spacing 1\n"); /* a second column would take the plot's place */
    if (c->panels[0].title) sg_figure_label(&c->s, "title", c->panels[0].title);
    panel_plot(c, 0);
    const int more = c->most > 16 ? 20 * (c->most - 16) : 0;
    return sg_gnuplot_draw(out, &c->s, CHART_WIDTH, CHART_HEIGHT + more);
}

/* True if curve `index` has points in some panel. */
static bool is_named(const chart *c, int index)
{
    for (int p = 0; p < c->count; p++)
        if (index < c->panels[p].count && c->panels[p].curves[index].len > 0) return true;
    return false;
}

static int named(const chart *c)
{
    int n = 0;
    for (int i = 0; i < c->most; i++) n += is_named(c, i);
    return n;
}

/* A plot of nothing that carries the key of all panels, at the foot of the picture. */
static void legend_put(chart *c, const sg_figure_layout *layout, int columns)
{
    const int height = layout->rows * layout->height + layout->below;
    const sg_figure_panel *fullest = &c->panels[0];
    for (int p = 1; p < c->count; p++)
        if (c->panels[p].count > fullest->count) fullest = &c->panels[p];
    sg_text_add(
        &c->s,
        "unset label 1\nunset title\nunset xlabel\nunset ylabel\nunset tics\nunset border\nunset logscale\nunset grid\n"
        "set lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\nset tmargin at screen "
        "%.6f\nset key at screen .5, screen %.6f center center horizontal maxcols %d Left reverse samplen 2\n"
        "plot [0:1] [0:1] ",
        (double)layout->below / height, .5 * layout->below / height, columns);
    for (int i = 0; i < fullest->count; i++) {
        if (!is_named(c, i)) continue;
        sg_text_add(&c->s, "$outside u 1:2 w ");
        pen_put(c, i, fullest->curves[i].strong);
        sg_text_add(&c->s, "title ");
        sg_gnuplot_quote(&c->s, fullest->curves[i].name);
        sg_text_add(&c->s, ", ");
    }
    sg_text_add(&c->s, "\n");
}

static int longest_name(const chart *c)
{
    size_t most = 1;
    for (int p = 0; p < c->count; p++)
        for (int i = 0; i < c->panels[p].count; i++) {
            const size_t len = strlen(c->panels[p].curves[i].name);
            most = len > most ? len : most;
        }
    return most > 60 ? 60 : (int)most;
}

/* Labels of the axes stand at the left and lower edge alone. That of y has a place of its own: gnuplot would push it off
 * the picture where the numbers are long. */
static void panel_label(chart *c, int panel, int columns)
{
    sg_figure_label(&c->s, "title", c->panels[panel].title ? c->panels[panel].title : "");
    sg_figure_label(&c->s, "xlabel", panel + columns >= c->count ? c->axes->x : "");
    sg_text_add(&c->s, "set ylabel ''\nunset label 1\n");
    if (panel % columns) return;
    sg_text_add(&c->s, "set label 1 ");
    sg_gnuplot_quote(&c->s, c->axes->y);
    sg_text_add(&c->s, " at screen %.6f, graph .5 center rotate by 90\n", 22.0 / ROW_WIDTH);
}

static sg_status many_panels(sg_figure *out, chart *c)
{
    sg_figure_margin margin = {96, 12, 34, 56};
    sg_figure_layout layout = {.columns = c->count == 4 ? 2 : c->count < 3 ? c->count : 3};
    layout.rows = (c->count + layout.columns - 1) / layout.columns;
    layout.width = ROW_WIDTH / layout.columns;
    layout.height = layout.columns == 2 ? 340 : 290;
    const int letters = crowded(c, layout.width - margin.left - margin.right);
    if (letters) sg_text_add(&c->s, "set xtics rotate by 35 right\n");
    margin.bottom += 4 * letters;
    layout.height += 4 * letters;
    const int entry = 11 * longest_name(c) + 80, keys = ROW_WIDTH / entry < 1 ? 1 : ROW_WIDTH / entry;
    layout.below = c->most > 1 ? 34 + LEGEND_ROW * ((named(c) + keys - 1) / keys) : 12;
    sg_text_add(&c->s,
                "$outside << EOD\n9 9\nEOD\nunset key\nset tics font ',11'\nset title offset 0,-.6\nset multiplot\n");
    for (int p = 0; p < c->count; p++) {
        sg_figure_place(&c->s, &layout, &margin, p);
        panel_label(c, p, layout.columns);
        panel_plot(c, p);
    }
    if (c->most > 1) legend_put(c, &layout, keys);
    sg_text_add(&c->s, "unset multiplot\n");
    return sg_gnuplot_draw(out, &c->s, ROW_WIDTH, layout.rows * layout.height + layout.below);
}

sg_status sg_figure_curves(sg_figure *out, const sg_figure_axes *axes, const sg_figure_panel *panels, int count)
{
    chart c = {.axes = axes, .panels = panels, .count = count};
    *out = (sg_figure){0};
    if (count >= 1) range_all(&c);
    if (c.most < 1) SG_FAIL(SG_E_RANGE, "figure: no curves, at least 1 wanted");
    sg_figure_style_put(&c.s);
    axes_put(&c);
    for (int p = 0; p < count; p++)
        for (int i = 0; i < panels[p].count; i++) curve_data(&c, p, i);
    const sg_status status = count == 1 ? one_panel(out, &c) : many_panels(out, &c);
    sg_text_free(&c.s);
    return status;
}
