/* figure.c - the gnuplot scripts of the charts. See figure.h. */
#include "pipeline/figure.h"

#include "core/memory.h"
#include "pipeline/gnuplot.h"
#include "pipeline/text.h"

#include <math.h>

/* Okabe & Ito without black and yellow (they vanish on a dark or a white page), and a grey. */
static const char *const palette[] = {"#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#8A8A8A"};
enum { COLOURS = 7, CHART_WIDTH = 740, CHART_HEIGHT = 400, ROW_HEIGHT = 34, ARMS_WIDTH = 600 };

static void style(sg_text *s)
{
    sg_text_add(
        s,
        "set encoding utf8\nset border 3 lw 1\nset tics nomirror out scale .6\nset grid lc rgb '#999999' lw .4 dt 3\n"
        "set style fill transparent solid .16 noborder\nset key outside right center Left reverse samplen 2 spacing "
        "1.25\n");
}

static void label(sg_text *s, const char *what, const char *text)
{
    sg_text_add(s, "set %s ", what);
    sg_gnuplot_quote(s, text);
    sg_text_bytes(s, "\n", 1);
}

static void number(sg_text *s, double value)
{
    if (isfinite(value))
        sg_text_add(s, " %.9g", value);
    else
        sg_text_bytes(s, " NaN", 4);
}

/* $c<i>: x mean low high. */
static void curve_data(sg_text *s, const sg_figure_curve *curve, int index)
{
    sg_text_add(s, "$c%d << EOD\n", index);
    for (int i = 0; i < curve->len; i++) {
        const double d = curve->deviation && isfinite(curve->deviation[i]) ? curve->deviation[i] : 0;
        number(s, curve->x[i]);
        number(s, curve->mean[i]);
        number(s, curve->mean[i] - d);
        number(s, curve->mean[i] + d);
        sg_text_bytes(s, "\n", 1);
    }
    sg_text_add(s, "EOD\n");
}

/* Colours repeat after seven curves, then with dashes and other markers. */
static void curve_plot(sg_text *s, const sg_figure_curve *curve, int index, bool points)
{
    static const int marker[] = {7, 5, 9, 13, 11};
    const char *colour = palette[index % COLOURS];
    const int turn = index / COLOURS;
    const double width = curve->strong ? 3 : 1.6;
    if (curve->deviation && points)
        sg_text_add(s, "$c%d u 1:2:3:4 w yerrorbars lc rgb '%s' lw 1.2 pt 0 notitle, ", index, colour);
    if (curve->deviation && !points) sg_text_add(s, "$c%d u 1:3:4 w filledcurves lc rgb '%s' notitle, ", index, colour);
    sg_text_add(s, "$c%d u 1:2 w %s lc rgb '%s' lw %g dt %d ", index, points ? "linespoints" : "lines", colour, width,
                turn + 1);
    if (points) sg_text_add(s, "pt %d ps %g ", marker[turn % 5], curve->strong ? 1.1 : .8);
    sg_text_add(s, "title ");
    sg_gnuplot_quote(s, curve->name);
    sg_text_add(s, ", ");
}

/* With few x values (doses, > 0), a tick at each; the line ends are kept off the frame. */
static void x_ticks(sg_text *s, const sg_figure_curve *curve)
{
    if (curve->len < 1) return;
    sg_text_add(s, "set xrange [%.9g:%.9g]\nset xtics (", curve->x[0] / 1.25, curve->x[curve->len - 1] * 1.25);
    for (int i = 0; i < curve->len; i++) sg_text_add(s, "%s'%g' %.9g", i ? ", " : "", curve->x[i], curve->x[i]);
    sg_text_add(s, ")\n");
}

sg_status sg_figure_curves(sg_figure *out, const sg_figure_axes *axes, const sg_figure_curve *curves, int count)
{
    sg_text s = {0};
    *out = (sg_figure){0};
    if (count < 1) SG_FAIL(SG_E_RANGE, "figure: %d curves, at least 1 wanted", count);
    style(&s);
    label(&s, "xlabel", axes->x);
    label(&s, "ylabel", axes->y);
    if (axes->log_x) sg_text_add(&s, "set logscale x\n");
    if (axes->log_y) sg_text_add(&s, "set logscale y\n");
    if (axes->points) x_ticks(&s, &curves[0]);
    if (count == 1) sg_text_add(&s, "unset key\n");
    if (count > 8) sg_text_add(&s, "set key maxcols 1 spacing 1\n"); /* a second column would take the plot's place */
    for (int i = 0; i < count; i++) curve_data(&s, &curves[i], i);
    sg_text_add(&s, "plot ");
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < count; i++)
            if (curves[i].strong == (pass == 1)) curve_plot(&s, &curves[i], i, axes->points);
    sg_text_add(&s, "\n"); /* gnuplot accepts the last comma */
    const sg_status status = sg_gnuplot_draw(out, &s, CHART_WIDTH, CHART_HEIGHT);
    sg_text_free(&s);
    return status;
}

/* $dots: x row strong; $means: x deviation row strong. Dots of one row are spread up and down a little, by turns. */
static void arm_data(sg_text *s, const sg_figure_arm *arms, int count)
{
    sg_text_add(s, "$dots << EOD\n");
    for (int i = 0; i < count; i++)
        for (int k = 0; k < arms[i].n; k++) {
            number(s, arms[i].values[k]);
            sg_text_add(s, " %g %d\n", i + .3 + .07 * (k % 3 - 1), arms[i].strong);
        }
    sg_text_add(s, "EOD\n$means << EOD\n");
    for (int i = 0; i < count; i++) {
        number(s, arms[i].mean);
        number(s, isfinite(arms[i].deviation) ? arms[i].deviation : 0);
        sg_text_add(s, " %d %d\n", i, arms[i].strong);
    }
    sg_text_add(s, "EOD\n");
}

sg_status sg_figure_arms(sg_figure *out, const char *x_label, const sg_figure_arm *arms, int count)
{
    static const char *const group[2] = {"fixed", "learned light"};
    sg_text s = {0};
    *out = (sg_figure){0};
    if (count < 1) SG_FAIL(SG_E_RANGE, "figure: %d arms, at least 1 wanted", count);
    style(&s);
    label(&s, "xlabel", x_label);
    sg_text_add(&s, "set key outside top center horizontal\nset yrange [%g:-.6]\nset ytics scale 0 (", count - .4);
    for (int i = 0; i < count; i++) {
        sg_text_add(&s, i ? ", " : "");
        sg_gnuplot_quote(&s, arms[i].name);
        sg_text_add(&s, " %d", i);
    }
    sg_text_add(&s, ")\nset border 1\nset offsets graph .03, graph .03, 0, 0\n");
    arm_data(&s, arms, count);
    sg_text_add(&s, "plot ");
    for (int k = 0; k < 2; k++) {
        sg_text_add(&s, "$dots u ($3==%d?$1:NaN):2 w points pt 7 ps .6 lc rgb '%s' notitle, ", k,
                    k ? "#E69F00" : "#56B4E9");
        sg_text_add(&s, "$means u ($4==%d?$1:NaN):3:2 w xerrorbars pt 13 ps 1.05 lw 2 lc rgb '%s' title '%s', ", k,
                    palette[k], group[k]);
    }
    sg_text_add(&s, "\n");
    const sg_status status = sg_gnuplot_draw(out, &s, ARMS_WIDTH, 110 + ROW_HEIGHT * count);
    sg_text_free(&s);
    return status;
}

/* The smallest distance between two LEDs; 0 for one LED. */
static double pitch_of(const sg_figure_leds *leds)
{
    double best = (double)INFINITY;
    for (int i = 0; i < leds->count; i++)
        for (int k = 0; k < i; k++) {
            const double d = hypot(leds->na_x[i] - leds->na_x[k], leds->na_y[i] - leds->na_y[k]);
            if (d > 0 && d < best) best = d;
        }
    return isfinite(best) ? best : 0;
}

static double largest(const double *x, int len)
{
    double best = 0;
    for (int i = 0; i < len; i++) best = fabs(x[i]) > best ? fabs(x[i]) : best;
    return best;
}

/* A panel: a square of PANEL_SIDE points with its title above and the colour bar to its right (SG_FIGURE_LED_SQUARE).
 */
enum { PANEL_WIDTH = 404, PANEL_HEIGHT = 346, PANEL_SIDE = 300, PANEL_LEFT = 12, PANEL_BOTTOM = 12 };

/* $l<i>: x y marker percent; the area of a disc follows the share of the light. */
static void led_data(sg_text *s, const sg_figure_leds *leds, int index, double marker)
{
    const double top = largest(leds->weight, leds->count);
    sg_text_add(s, "$l%d << EOD\n", index);
    for (int i = 0; i < leds->count; i++) {
        const double share = top > 0 ? sqrt(fabs(leds->weight[i]) / top) : 0;
        number(s, leds->na_x[i]);
        number(s, leds->na_y[i]);
        number(s, marker * (.25 + .75 * share));
        number(s, 100 * leds->weight[i]);
        sg_text_bytes(s, "\n", 1);
    }
    sg_text_add(s, "EOD\n");
}

static void panel_place(sg_text *s, int index, int count)
{
    const double width = count * PANEL_WIDTH, left = index * PANEL_WIDTH + PANEL_LEFT;
    const double bottom = (double)PANEL_BOTTOM / PANEL_HEIGHT, height = (double)PANEL_SIDE / PANEL_HEIGHT;
    sg_text_add(s, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", left / width,
                (left + PANEL_SIDE) / width);
    sg_text_add(s, "set bmargin at screen %.6f\nset tmargin at screen %.6f\n", bottom, bottom + height);
    sg_text_add(s, "set colorbox user origin %.6f,%.6f size %.6f,%.6f\n", (left + PANEL_SIDE + 10) / width,
                bottom + .1 * height, 10 / width, .8 * height);
}

static void led_plot(sg_text *s, const sg_figure_leds *leds, int index)
{
    const double top = 100 * largest(leds->weight, leds->count), range = top > 0 ? top : 1;
    label(s, "title", leds->title);
    if (leds->diverging)
        sg_text_add(s, "set palette defined (-1 '#9AD4FF', -.5 '#2E8BD0', 0 '#262D38', .5 '#D5660A', 1 '#FFCB80')\n");
    else
        sg_text_add(s, "set palette defined (0 '#2B3240', .3 '#9A5A00', .65 '#E69F00', 1 '#FFF6DC')\n");
    sg_text_add(s, "set cbrange [%.6g:%.6g]\n", leds->diverging ? -range : 0, range);
    sg_text_add(s, "plot $l%d u 1:2:3:4 w points pt 7 ps variable lc palette notitle\n", index);
}

/* Half the side of a panel in NA: every LED and the pupil are inside. */
static double panel_edge(const sg_figure_leds *leds, double na, double pitch)
{
    const double x = largest(leds->na_x, leds->count), y = largest(leds->na_y, leds->count), most = x > y ? x : y;
    return (na > most ? na : most) + .8 * pitch;
}

sg_status sg_figure_led_array(sg_figure *out, double na, const sg_figure_leds *panels, int count)
{
    sg_text s = {0};
    *out = (sg_figure){0};
    if (count < 1 || panels[0].count < 1) SG_FAIL(SG_E_RANGE, "figure: no LEDs to draw");
    const double found = pitch_of(&panels[0]), pitch = found > 0 ? found : .1, edge = panel_edge(&panels[0], na, pitch);
    const double marker = .45 * pitch * PANEL_SIDE / (2 * edge) / SG_GNUPLOT_MARKER;
    sg_text_add(&s, "set encoding utf8\nunset border\nunset tics\nunset key\nset cbtics scale .4\nset format cb "
                    "'%%g'\nset title offset 0,-.6\n");
    sg_text_add(&s,
                "set cblabel 'share of the light / %%' offset 1.2,0\nset xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n",
                -edge, edge, -edge, edge);
    sg_text_add(&s, "set object 1 rectangle from graph 0,0 to graph 1,1 fc rgb '#11151C' fs solid noborder behind\n");
    sg_text_add(&s, "set object 2 circle at 0,0 size first %.6g fs empty border rgb '#DDE3EA' lw 1.2 dt 2 front\n", na);
    for (int i = 0; i < count; i++) led_data(&s, &panels[i], i, marker);
    sg_text_add(&s, "set multiplot\n");
    for (int i = 0; i < count; i++) {
        panel_place(&s, i, count);
        led_plot(&s, &panels[i], i);
    }
    sg_text_add(&s, "unset multiplot\n");
    const sg_status status = sg_gnuplot_draw(out, &s, PANEL_WIDTH * count, PANEL_HEIGHT);
    sg_text_free(&s);
    return status;
}
