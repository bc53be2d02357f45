/* figure_leds.c - LED patterns as discs at their illumination angles. See figure.h. */
#include "pipeline/figure_part.h"

#include <math.h>
#include <stdio.h>

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
        sg_figure_number(s, leds->na_x[i]);
        sg_figure_number(s, leds->na_y[i]);
        sg_figure_number(s, marker * (.25 + .75 * share));
        sg_figure_number(s, 100 * leds->weight[i]);
        sg_text_bytes(s, "\n", 1);
    }
    sg_text_add(s, "EOD\n");
}

static const sg_figure_margin margin = {PANEL_LEFT, PANEL_WIDTH - PANEL_LEFT - PANEL_SIDE,
                                        PANEL_HEIGHT - PANEL_BOTTOM - PANEL_SIDE, PANEL_BOTTOM};

static void colour_bar(sg_text *s, const sg_figure_layout *l, int index)
{
    const double width = l->columns * PANEL_WIDTH, height = l->rows * PANEL_HEIGHT;
    const double left = index % l->columns * PANEL_WIDTH + PANEL_LEFT + PANEL_SIDE + 10;
    const double bottom = height - (index / l->columns + 1) * PANEL_HEIGHT + PANEL_BOTTOM + .1 * PANEL_SIDE;
    sg_text_add(s, "set colorbox user origin %.6f,%.6f size %.6f,%.6f\n", left / width, bottom / height, 10 / width,
                .8 * PANEL_SIDE / height);
}

/* Full light of a wavelength on a screen, 0..255: straight lines between the primaries at their usual places. */
static void light_colour(int rgb[3], double wavelength_um)
{
    static const double at[] = {.38, .44, .47, .50, .535, .575, .60, .64, .75};
    static const int colour[][3] = {{130, 70, 200}, {110, 90, 255}, {40, 140, 255}, {0, 205, 190}, {50, 210, 60},
                                    {215, 205, 0},  {255, 150, 0},  {255, 70, 40},  {200, 30, 30}};
    int i = 0;
    while (i < 7 && wavelength_um > at[i + 1]) i++;
    const double raw = (wavelength_um - at[i]) / (at[i + 1] - at[i]), part = raw < 0 ? 0 : raw > 1 ? 1 : raw;
    for (int c = 0; c < 3; c++) rgb[c] = (int)(colour[i][c] + part * (colour[i + 1][c] - colour[i][c]) + .5);
}

static void palette_put(sg_text *s, const sg_figure_leds *leds)
{
    int c[3];
    if (leds->diverging) {
        sg_text_add(s, "set palette defined (-1 '#9AD4FF', -.5 '#2E8BD0', 0 '#262D38', .5 '#D5660A', 1 '#FFCB80')\n");
    } else if (leds->wavelength_um > 0) {
        light_colour(c, leds->wavelength_um);
        sg_text_add(
            s, "set palette defined (0 '#2B3240', .35 '#%02X%02X%02X', .75 '#%02X%02X%02X', 1 '#%02X%02X%02X')\n",
            c[0] / 2, c[1] / 2, c[2] / 2, c[0], c[1], c[2], (c[0] + 510) / 3, (c[1] + 510) / 3, (c[2] + 510) / 3);
    } else
        sg_text_add(s, "set palette defined (0 '#2B3240', .3 '#9A5A00', .65 '#E69F00', 1 '#FFF6DC')\n");
}

static void led_plot(sg_text *s, const sg_figure_leds *leds, int index)
{
    const double top = 100 * largest(leds->weight, leds->count), range = top > 0 ? top : 1;
    sg_figure_label(s, "title", leds->title);
    palette_put(s, leds);
    sg_text_add(s, "set cbrange [%.6g:%.6g]\n", leds->diverging ? -range : 0, range);
    sg_text_add(s, "plot $l%d u 1:2:3:4 w points pt 7 ps variable lc palette notitle\n", index);
}

/* Half the side of a panel in NA: every LED and the pupil are inside. */
static double panel_edge(const sg_figure_leds *leds, double na, double pitch)
{
    const double x = largest(leds->na_x, leds->count), y = largest(leds->na_y, leds->count), most = x > y ? x : y;
    return (na > most ? na : most) + .8 * pitch;
}

sg_status sg_figure_led_array(sg_figure *out, double na, const sg_figure_leds *panels, int count, int columns)
{
    sg_text s = {0};
    *out = (sg_figure){0};
    if (count < 1 || columns < 1 || panels[0].count < 1) SG_FAIL(SG_E_RANGE, "figure: no LEDs to draw");
    const sg_figure_layout layout = {columns, (count + columns - 1) / columns, PANEL_WIDTH, PANEL_HEIGHT, 0};
    const double found = pitch_of(&panels[0]), pitch = found > 0 ? found : .1, edge = panel_edge(&panels[0], na, pitch);
    const bool small = columns > 3; /* many panels are shown small: larger letters, no words beside the bars */
    const int letters = small ? 14 * columns / 4 : 14;
    const double marker = .45 * pitch * PANEL_SIDE / (2 * edge) / SG_GNUPLOT_MARKER;
    sg_text_add(&s, "set palette maxcolors 64\nset encoding utf8\nunset border\nunset tics\nunset key\n"
                    "set format cb '%%g'\n");
    sg_text_add(&s, "set title offset 0,%s font ',%d'\nset cbtics scale .4 font ',%d'\n", small ? "-1" : "-.6", letters,
                letters);
    if (!small) sg_text_add(&s, "set cblabel '%% of the light' offset 1.2,0\n");
    sg_text_add(&s, "set xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n", -edge, edge, -edge, edge);
    sg_text_add(&s, "set object 1 rectangle from graph 0,0 to graph 1,1 fc rgb '#11151C' fs solid noborder behind\n");
    sg_text_add(&s, "set object 2 circle at 0,0 size first %.6g fs empty border rgb '#DDE3EA' lw 1.2 dt 2 front\n", na);
    for (int i = 0; i < count; i++) led_data(&s, &panels[i], i, marker);
    sg_text_add(&s, "set multiplot\n");
    for (int i = 0; i < count; i++) {
        sg_figure_place(&s, &layout, &margin, i);
        colour_bar(&s, &layout, i);
        led_plot(&s, &panels[i], i);
    }
    sg_text_add(&s, "unset multiplot\n");
    const sg_status status = sg_gnuplot_draw(out, &s, PANEL_WIDTH * layout.columns, PANEL_HEIGHT * layout.rows);
    sg_text_free(&s);
    return status;
}
