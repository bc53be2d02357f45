/* figure.c - what all charts share, and the comparison of arms in rows. See figure.h. */
#include "pipeline/figure_part.h"

#include <math.h>
#include <stdio.h>

enum { ROW_HEIGHT = 34, ARMS_WIDTH = 600 };

const char *const sg_figure_palette[SG_FIGURE_COLOURS] = {"#0072B2", "#D55E00", "#009E73", "#E69F00",
                                                          "#56B4E9", "#CC79A7", "#8A8A8A", "#000000"};

void sg_figure_style_put(sg_text *s)
{
    sg_text_add(
        s,
        "set encoding utf8\nset border 3 lw 1\nset tics nomirror out scale .6\nset grid lc rgb '#999999' lw .4 dt 3\n"
        "set style fill transparent solid .16 noborder\nset key outside right center Left reverse samplen 2 spacing "
        "1.25\n");
}

void sg_figure_label(sg_text *s, const char *what, const char *text)
{
    sg_text_add(s, "set %s ", what);
    sg_gnuplot_quote(s, text);
    sg_text_bytes(s, "\n", 1);
}

void sg_figure_number(sg_text *s, double value)
{
    if (isfinite(value))
        sg_text_add(s, " %.9g", value);
    else
        sg_text_bytes(s, " NaN", 4);
}

void sg_figure_word(sg_text *s, const char *text)
{
    sg_text_bytes(s, " \"", 2);
    for (; *text; text++) {
        const char c = *text == '"' ? '\'' : *text == '\\' ? '/' : (unsigned char)*text < 32 ? ' ' : *text;
        sg_text_bytes(s, &c, 1);
    }
    sg_text_bytes(s, "\"", 1);
}

void sg_figure_place(sg_text *s, const sg_figure_layout *layout, const sg_figure_margin *margin, int index)
{
    const double width = layout->columns * layout->width, height = layout->rows * layout->height + layout->below;
    const int column = index % layout->columns, row = index / layout->columns;
    const double left = column * layout->width, top = height - row * layout->height;
    sg_text_add(s, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", (left + margin->left) / width,
                (left + layout->width - margin->right) / width);
    sg_text_add(s, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n", (top - margin->top) / height,
                (top - layout->height + margin->bottom) / height);
}

/* $dots: x row strong; $means: x half row strong text. Dots of one row are spread up and down a little, by turns. */
static void arm_data(sg_text *s, const sg_figure_arm *arms, int count)
{
    sg_text_add(s, "$dots << EOD\n");
    for (int i = 0; i < count; i++)
        for (int k = 0; k < arms[i].n; k++) {
            sg_figure_number(s, arms[i].values[k]);
            sg_text_add(s, " %g %d\n", i + .3 + .07 * (k % 3 - 1), arms[i].strong);
        }
    sg_text_add(s, "EOD\n$means << EOD\n");
    for (int i = 0; i < count; i++) {
        char text[160];
        sg_figure_number(s, arms[i].mean);
        sg_figure_number(s, isfinite(arms[i].half) ? arms[i].half : 0);
        sg_text_add(s, " %d %d", i, arms[i].strong);
        (void)snprintf(text, sizeof text, "%.60s: %.4g ± %.2g, n = %d", arms[i].name, arms[i].mean,
                       isfinite(arms[i].half) ? arms[i].half : 0, arms[i].n);
        sg_figure_word(s, text);
        sg_text_bytes(s, "\n", 1);
    }
    sg_text_add(s, "EOD\n");
}

/* $outside: x y text, what stands at the edge for a mean beyond it: an arrow and the number. */
static void outside_data(sg_text *s, const sg_figure_arm *arms, int count, double lo, double hi)
{
    sg_text_add(s, "$outside << EOD\n");
    for (int i = 0; i < count; i++) {
        const bool below = arms[i].mean<lo, above = arms[i].mean> hi;
        char text[96], half[32] = "";
        if (!(lo < hi) || (!below && !above)) continue;
        if (arms[i].half > 0) (void)snprintf(half, sizeof half, " ± %.2g", arms[i].half);
        (void)snprintf(text, sizeof text, "%s%.3g%s%s", below ? "◀ " : "", arms[i].mean, half, above ? " ▶" : "");
        sg_text_add(s, "%.9g %d", below ? lo : hi, i);
        sg_figure_word(s, text);
        sg_text_add(s, " %d\n", above);
    }
    sg_text_add(s, "9e99 -9 \"\" 0\n9e99 -9 \"\" 1\nEOD\n");
}

/* Six marks or fewer at 1, 2 or 5 times a power of ten: gnuplot's own would run into each other. */
static void few_ticks(sg_text *s, const sg_figure_arm *arms, int count, double lo, double hi)
{
    const bool given = lo < hi;
    if (!given) lo = hi = arms[0].mean;
    for (int i = 0; i < count && !given; i++) {
        const double half = isfinite(arms[i].half) ? arms[i].half : 0;
        lo = fmin(lo, arms[i].mean - half);
        hi = fmax(hi, arms[i].mean + half);
        for (int k = 0; k < arms[i].n; k++) {
            lo = fmin(lo, arms[i].values[k]);
            hi = fmax(hi, arms[i].values[k]);
        }
    }
    if (!(hi > lo)) return;
    const double least = (hi - lo) / 6, power = pow(10, floor(log10(least))), lead = least / power;
    sg_text_add(s, "set xtics %.6g\n", power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10));
}

sg_status sg_figure_arms(sg_figure *out, const char *x_label, const sg_figure_arm *arms, int count, double lo,
                         double hi)
{
    static const char *const group[2] = {"fixed", "learned"};
    sg_text s = {0};
    *out = (sg_figure){0};
    if (count < 1) SG_FAIL(SG_E_RANGE, "figure: %d arms, at least 1 wanted", count);
    sg_figure_style_put(&s);
    sg_figure_label(&s, "xlabel", x_label);
    sg_text_add(&s, "set key outside top center horizontal\nset yrange [%g:-.6]\nset ytics scale 0 (", count - .4);
    for (int i = 0; i < count; i++) {
        sg_text_add(&s, i ? ", " : "");
        sg_gnuplot_quote(&s, arms[i].name);
        sg_text_add(&s, " %d", i);
    }
    sg_text_add(&s, ")\nset border 1\nset offsets graph .03, graph .03, 0, 0\n");
    few_ticks(&s, arms, count, lo, hi);
    if (lo < hi) sg_text_add(&s, "set xrange [%.9g:%.9g]\nset offsets 0, 0, 0, 0\n", lo, hi);
    arm_data(&s, arms, count);
    outside_data(&s, arms, count, lo, hi);
    sg_text_add(&s, "plot ");
    for (int k = 0; k < 2; k++) {
        sg_text_add(&s, "$dots u ($3==%d?$1:NaN):2 w points pt 7 ps .6 lc rgb '%s' notitle, ", k,
                    k ? "#E69F00" : "#56B4E9");
        sg_text_add(&s, "$means u ($4==%d?$1:NaN):3:2 w xerrorbars pt %d ps 1.05 lw 2 lc rgb '%s' title '%s', ", k,
                    k ? 13 : 5, sg_figure_palette[k], group[k]);
    }
    for (int above = 0; above < 2; above++)
        sg_text_add(&s, "$outside u ($4==%d?$1:NaN):2:3 w labels %s font ',12' offset character %d,0 notitle, ", above,
                    above ? "right" : "left", above ? -1 : 1);
    sg_text_add(&s, "$means u 1:3:5 w labels hypertext point pt 7 ps 2 lc rgb '#ff000000' notitle\n");
    const sg_status status = sg_gnuplot_draw(out, &s, ARMS_WIDTH, 110 + ROW_HEIGHT * count);
    sg_text_free(&s);
    return status;
}
