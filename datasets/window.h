/* window.h - windows of a raster: cut, scaled and turned on the way from the file's numbers to floats. */
#ifndef SG_DATASETS_WINDOW_H
#define SG_DATASETS_WINDOW_H

#include "datasets/raster.h"

/* out (px, px) = the scaled window (scale NULL: 1 where a number is > 0, else 0) whose corner is pixel (y, x) of a page of height x width pixels, turned as by
 * sg_square_turn. Beyond its edges the page goes on mirrored, however far; the view holds every pixel needed. */
void sg_raster_window(float *out, int px, unsigned how, const sg_raster_view *view, int height, int width, int y, int x,
                      const sg_sample_scale *scale);
/* What lies beyond the edges of the page becomes 0 in such a window, not turned. */
void sg_window_clear(float *out, int px, int height, int width, int y, int x);
/* out (rows, columns) = the labels (no floats) from (y, x) on, all inside the view. */
void sg_raster_labels(int32_t *out, int rows, int columns, const sg_raster_view *view, int y, int x);
/* Pixel i of a line of n that goes on mirrored at its ends, however far: -1 -> 0, -2 -> 1, n -> n - 1. */
int sg_mirror_far(int i, int n);
/* *first .. *end - 1: the pixels of a line of n that a window of px from `start` needs, mirrored ones included. */
void sg_mirror_span(int *first, int *end, int start, int px, int n);

#endif
