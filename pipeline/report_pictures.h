/* report_pictures.h - pictures of one run for the report. Not public. */
#ifndef SG_PIPELINE_REPORT_PICTURES_H
#define SG_PIPELINE_REPORT_PICTURES_H

#include "pipeline/report_page.h"

typedef struct sg_pictures {
    float *data; /* (n, c, h, w); NULL: not in the file */
    int n, c, h, w;
} sg_pictures;

typedef enum sg_picture_set {
    SG_PICTURE_SAMPLE,
    SG_PICTURE_MEASUREMENT,
    SG_PICTURE_ADU,
    SG_PICTURE_PREDICTION,
    SG_PICTURE_TRUTH,
    SG_PICTURE_SETS
} sg_picture_set;

typedef struct sg_run_pictures {
    sg_pictures set[SG_PICTURE_SETS];
    double *weight, *na_xy; /* (rows, leds), (leds, 2); rows: exposures of the first colour, then of the next */
    int rows, leds;
    double na, electrons, wavelength_um; /* NaN: unknown; electrons: mean over exposures */
    int verdicts;                        /* classification: pictures with a class; 0: none */
    double *truth, *predicted;           /* (verdicts) class numbers */
    char *classes;                       /* names, one a line; NULL: none */
} sg_run_pictures;

/* With `light` alone, or with the examples, too: pictures of more than SG_PICTURE_SIDE pixels are reduced by whole
 * factors, and of segmentations those with the most foreground come first. False: the file cannot be read. Free after
 * true. */
enum { SG_PICTURE_SIDE = 256 };
bool sg_run_light_read(sg_run_pictures *out, const sg_report_data *data, const sg_report_run *run);
bool sg_run_pictures_read(sg_run_pictures *out, const sg_report_data *data, const sg_report_run *run);
/* The name of a class, cut to fit; its number if it has no name. */
void sg_class_name(char out[48], const char *classes, int index);
void sg_run_pictures_free(sg_run_pictures *p);

/* (h, w) of picture n, channel c. */
const float *sg_plane(const sg_pictures *p, int n, int c);
bool sg_same_grid(const sg_pictures *a, const sg_pictures *b);

/* Pictures as <img> with the PNG inside. Grey from lo = black to hi = white; NaN is black. */
void sg_grey_put(sg_text *h, const float *x, int height, int width, double lo, double hi, const char *alt);
/* Stretched to its own contrast. */
void sg_plane_put(sg_text *h, const sg_pictures *p, int n, int c, const char *alt);
/* White: both; orange: only predicted; blue: only in the truth. */
void sg_agreement_put(sg_text *h, const sg_pictures *prediction, const sg_pictures *truth, int n);
/* Orange: predicted too high; blue: too low; black: right. Full colour at half the spread of the truth. */
void sg_error_put(sg_text *h, const sg_pictures *prediction, const sg_pictures *truth, int n);

/* report_light.c: the pattern of one run; with read-out "difference" the two exposures are one pattern with signs.
 * *panels: how many. */
sg_status sg_light_figure(sg_figure *out, const sg_run_pictures *p, const sg_report_run *run, int *panels);

#endif
