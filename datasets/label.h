/* label.h - labels from the sample grid to the camera grid. An output pixel covers a square of in_px / out_px input
 * pixels a side; where that is not an integer, input pixels count by the area inside the square. All sums are exact
 * integers. */
#ifndef SG_DATASETS_LABEL_H
#define SG_DATASETS_LABEL_H

#include "core/status.h"
#include "datasets/image.h"
#include "datasets/raster.h"

#include <stddef.h>
#include <stdint.h>

/* out (out_px, out_px) = 1 where at least half of the area has a label > 0, else 0. in: in_px rows of in_px labels,
 * `stride` labels from row to row; 1 <= in_px, out_px <= 32768. Sets; cannot fail; out and in do not overlap. */
void sg_label_binary(float *out, const int32_t *in, size_t stride, int in_px, int out_px);
/* out = the label with the largest area; background (0) counts as a label; ties go to the lower one. */
void sg_label_instances(int32_t *out, const int32_t *in, size_t stride, int in_px, int out_px);

/* out = the mean of the numbers inside, for a picture as target (dataset.target sample). NaN spreads. */
void sg_label_mean(float *out, const float *in, size_t stride, int in_px, int out_px);

/* *out = the labels of a one-page picture, sg_alloc (height, width). SG_E_FORMAT names the first pixel that is not an
 * integer in 0 .. 2^24. A binary mask (one value > 0) is split into its 8-connected components, numbered in reading
 * order. */
sg_status sg_label_from_image(int32_t **out, const sg_image *image, const char *path);

/* In place: a raster as read becomes the packed labels that sg_label_from_image would make of its picture. On an error
 * it is freed. */
sg_status sg_label_from_raster(sg_raster *raster, const char *path);

/* In place on a (px, px) square of 4-byte elements: bit 0 flips rows, bit 1 flips columns, then bit 2 transposes. */
void sg_square_turn(void *square, int px, unsigned how);

#endif
