/* figure.h - charts by gnuplot (5.2 or newer), each as SVG for a page and as PNG beside it. gnuplot gets a script with
 * the numbers in data blocks through a file without a name: no shell, no other file, no user text outside quotes. The
 * same numbers give the same bytes. Colours: Okabe & Ito 2008, safe for colour-blind readers; LED patterns: black to
 * white through amber, differences blue to orange through black. Text and axes of the SVG have the page's text colour
 * (currentColor). Errors: SG_E_IO if gnuplot is missing or fails, with its own first line. */
#ifndef SG_PIPELINE_FIGURE_H
#define SG_PIPELINE_FIGURE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sg_figure {
    char *svg; /* an <svg> element, no XML header */
    void *png;
    size_t png_size;
} sg_figure;

/* Also fine for {0}. */
void sg_figure_free(sg_figure *figure);

/* One line of a chart. NaN leaves a gap. */
typedef struct sg_figure_curve {
    const char *name;
    bool strong; /* drawn thicker, on top */
    int len;
    const double *x, *mean;  /* (len) */
    const double *deviation; /* (len) half height of the band or error bar; NULL: none */
} sg_figure_curve;

typedef struct sg_figure_axes {
    const char *x, *y; /* labels with units */
    bool log_x, log_y;
    bool points; /* markers and error bars instead of bands: few x values */
} sg_figure_axes;

/* Draws count >= 1 curves; the order decides the colours. */
sg_status sg_figure_curves(sg_figure *out, const sg_figure_axes *axes, const sg_figure_curve *curves, int count);

/* One row of a comparison: a dot for each seed, a diamond at the mean, a bar of one standard deviation to each side. */
typedef struct sg_figure_arm {
    const char *name;
    bool strong; /* another colour: the learned ones */
    int n;
    const double *values;   /* (n) */
    double mean, deviation; /* deviation NaN: no bar */
} sg_figure_arm;

/* Rows from top to bottom in the order given. */
sg_status sg_figure_arms(sg_figure *out, const char *x_label, const sg_figure_arm *arms, int count);

/* One panel of an LED array. */
typedef struct sg_figure_leds {
    const char *title;
    int count;
    const double *na_x, *na_y; /* (count) sine of the illumination angle */
    const double *weight;      /* (count) share of the light; with signs if diverging */
    bool diverging;
} sg_figure_leds;

/* Panels side by side: every LED is a disc at its place, its size and colour say its share of the light in percent; the
 * dashed circle is the objective's NA. */
#define SG_FIGURE_LED_SQUARE "12 34 300 300" /* the square of the first panel, as an SVG viewBox */
sg_status sg_figure_led_array(sg_figure *out, double na, const sg_figure_leds *panels, int count);

#endif
