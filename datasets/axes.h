/* axes.h - what the dimensions of a picture file mean, a letter each as in tifffile: "YX", "CYX", "TZCYX". Y and X are
 * rows and columns; every other dimension is pages. However a file orders them, pages come in the order T (time), I
 * (pictures), Q (unknown), P (positions), N (pictures), E (exposures), K (LEDs), Z (focal planes), C (channels), S
 * (colours), the first one slowest. */
#ifndef SG_DATASETS_AXES_H
#define SG_DATASETS_AXES_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { SG_AXES_MAX = 8, SG_AXES_TEXT = 64 };

typedef struct sg_axis {
    char name;
    long long size, stride; /* from one index to the next: elements of an array, pages of a TIFF */
} sg_axis;

typedef struct sg_axes {
    int count;
    sg_axis axis[SG_AXES_MAX]; /* slowest first */
    long long start;           /* index 0 of all of them */
} sg_axes;

/* What is to be done with a file's axes. */
typedef struct sg_axes_order {
    const char *axes;         /* letters that replace those of the file; NULL or empty: none */
    const char *take;         /* "T=0 C=DAPI": one index (from 0) or channel name of an axis; NULL or empty: all */
    bool lenient;             /* an axis of `take` may be missing, or have one index, whatever it is called */
    const char *const *names; /* (name_count) of the channels, for `take`; NULL: they have none */
    int name_count;
} sg_axes_order;

/* Letters once each, known ones, with Y and X: SG_E_CONFIG, the text naming `what`. Empty is fine. */
sg_status sg_axes_check(const char *letters, const char *what);
/* The same for the text of `take`. */
sg_status sg_axes_check_take(const char *take, const char *what);
/* Adds an axis; strides are those of an array in C order. */
void sg_axes_add(sg_axes *axes, char name, long long size);
/* Names the axes anew (as many letters as axes, SG_E_SHAPE otherwise), cuts those of `take` to one index (SG_E_RANGE:
 * no such index, name or axis) and sorts the rest, Y and X last. Errors name `path`. */
sg_status sg_axes_arrange(sg_axes *axes, const sg_axes_order *order, const char *path);
/* The element (or page) of a page: `page` counts all axes but Y and X, the last one fastest. */
long long sg_axes_at(const sg_axes *axes, long long page);
/* The product of all sizes but Y and X, as a double: what a file claims may be absurd. */
double sg_axes_pages(const sg_axes *axes);
/* NULL: there is none. */
const sg_axis *sg_axes_find(const sg_axes *axes, char name);
/* "T=3 Z=4": the axes of pages longer than 1. */
void sg_axes_describe(char out[SG_AXES_TEXT], const sg_axes *axes);

#endif
