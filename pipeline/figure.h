/* figure.h - charts by gnuplot (5.2 or newer), each as SVG for a page and as PNG beside it. gnuplot gets a script with
 * the numbers in data blocks through a file without a name: no shell, no other file, no user text outside quotes. The
 * same numbers give the same bytes. Colours: Okabe & Ito 2008, safe for colour-blind readers, with a marker or dash of
 * its own for every curve, so that print without colours can be read; LED patterns: black to white through the colour
 * of the light, differences blue to orange through black. Text and axes of the SVG have the page's text colour
 * (currentColor); points and cells carry their numbers as <title>, which a browser shows under the pointer.
 * Errors: SG_E_IO if gnuplot is missing or fails, with its own first line. */
#ifndef SG_PIPELINE_FIGURE_H
#define SG_PIPELINE_FIGURE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sg_figure {
    char *svg; /* an <svg> element, no XML header */
    void *png;
    size_t png_size;
    int width; /* points: no page should show it much wider */
} sg_figure;

/* Also fine for {0}. */
void sg_figure_free(sg_figure *figure);

/* ---- curves ---- */
/* One line of a chart. NaN leaves a gap. */
typedef struct sg_figure_curve {
    const char *name;
    bool strong; /* drawn thicker, on top */
    int len;
    const double *x, *mean;   /* (len) */
    const double *low, *high; /* (len) ends of the interval; NULL: none */
} sg_figure_curve;

/* Curves that share a frame. Curve i has colour, marker and dash i in every panel. */
typedef struct sg_figure_panel {
    const char *title; /* NULL: none */
    const sg_figure_curve *curves;
    int count;
    double y_lo, y_hi; /* where y_lo < y_hi: its range; with SG_FIGURE_BARS an arrow in the curve's colour stands at the
                          edge for each mean above or below. Else the range of all panels */
} sg_figure_panel;

typedef enum sg_figure_style {
    SG_FIGURE_BANDS, /* lines, the interval as a band: many x values */
    SG_FIGURE_BARS,  /* markers joined by lines, the interval as a bar: few x values; curves stand a little aside of
                        each other so that bars do not hide bars */
    SG_FIGURE_DOTS,  /* markers alone */
    SG_FIGURE_STEPS, /* stairs */
} sg_figure_style;

typedef struct sg_figure_axes {
    const char *x, *y; /* labels with units */
    bool log_x, log_y;
    bool zero_line;    /* a line at y = 0 */
    double x_lo, x_hi; /* where x_lo < x_hi: the range of x; else that of the curves */
    sg_figure_style style;
    const char *const *tick; /* (ticks) marks of the x axis at tick_at; NULL: gnuplot's own */
    const double *tick_at;
    int ticks;
} sg_figure_axes;

/* Draws count >= 1 panels, three in a row, and one key. */
sg_status sg_figure_curves(sg_figure *out, const sg_figure_axes *axes, const sg_figure_panel *panels, int count);

/* ---- rows ---- */
/* One row of a comparison: a dot for each seed, a diamond at the mean, a bar of half-height `half` to each side. */
typedef struct sg_figure_arm {
    const char *name;
    bool strong; /* another colour: the learned ones */
    int n;
    const double *values; /* (n) */
    double mean, half;    /* half NaN: no bar */
} sg_figure_arm;

/* Rows from top to bottom in the order given. Where lo < hi, the range of the axis: of a mean outside an arrow and the
 * number stand at the edge. */
sg_status sg_figure_arms(sg_figure *out, const char *x_label, const sg_figure_arm *arms, int count, double lo,
                         double hi);

/* ---- cells ---- */
/* One heat map; row 0 on top. */
typedef struct sg_figure_map {
    const char *title;       /* NULL: none */
    const double *value;     /* (rows, columns); NaN: no cell */
    const char *const *text; /* (rows, columns) what stands in the cells, in one or two lines; NULL: the values */
} sg_figure_map;

typedef struct sg_figure_grid {
    const char *x, *y, *z; /* labels with units; z: of the colours */
    int rows, columns;
    const char *const *x_tick, *const *y_tick; /* (columns), (rows); NULL: none */
    double lo, hi;                             /* range of the colours */
    bool reversed;                             /* small values bright */
    bool sign;                                 /* blue below 0, orange above; lo = -hi */
    bool root;                                 /* the colours follow the root of (z - lo): small values differ */
} sg_figure_grid;

/* Draws count >= 1 maps with the same axes and colours. */
sg_status sg_figure_maps(sg_figure *out, const sg_figure_grid *grid, const sg_figure_map *maps, int count);

/* ---- LED patterns ---- */
/* One panel of an LED array. */
typedef struct sg_figure_leds {
    const char *title;
    int count;
    const double *na_x, *na_y; /* (count) sine of the illumination angle */
    const double *weight;      /* (count) share of the light; with signs if diverging */
    bool diverging;
    double wavelength_um; /* colour of the discs; 0: amber */
} sg_figure_leds;

/* Panels side by side, `columns` in a row: every LED is a disc at its place, its size and colour say its share of the
 * light in percent; the dashed circle is the objective's NA. */
#define SG_FIGURE_LED_SQUARE "12 34 300 300" /* the square of the first panel, as an SVG viewBox */
sg_status sg_figure_led_array(sg_figure *out, double na, const sg_figure_leds *panels, int count, int columns);

#endif
