/* stack.h - measured LED stacks as a dataset: one image I_k of a field of view per LED takes the place of sample and
 * optics. dataset.path is one field (stack_read.h: a file of K pages, or a folder of K pictures), or a folder with
 * images/ and labels/: every entry of images/ is a field, labels/ holds its mask, a picture of the same name and size.
 * I = (raw - dark)/(flat - dark) mean(flat - dark), if dataset.stack_dark and stack_flat say so.
 * Items are C x C windows of a field, `stack_stride_px` apart. With dataset.splits (CSV name,split) whole fields are
 * train, validation or test. Without it every field is split by place: the right quarter of the columns is test; of the
 * left three quarters the lowest quarter of the rows is validation, the rest train. No window crosses a border.
 * Intensities are divided by the mean of the bright-field images (LEDs inside stack_na) over the training regions, so
 * that an empty field is about 1 per unit of LED weight, as in the simulated microscope.
 * Target SG_TARGET_MASK: label > 0. Target SG_TARGET_DPC, for regression: D = (L - R) / (L + R), L and R the sums of
 * the bright-field images of the LEDs with na_x < 0 and na_x > 0, standardised: (D - mean) / standard deviation, both
 * over the training regions. */
#ifndef SG_DATASETS_STACK_H
#define SG_DATASETS_STACK_H

#include "core/status.h"

#include <stddef.h>

/* dpc (len) = (L - R) / (L + R), 0 where L + R is not positive. images: (leds, len); na_x, na_y: (leds); LEDs with
 * na_x^2 + na_y^2 < na^2 count, those with na_x = 0 on neither side. SG_E_CONFIG if a side has no LED. */
sg_status sg_stack_dpc(float *dpc, const float *images, int leds, size_t len, const double *na_x, const double *na_y,
                       double na);

/* na_x, na_y of each LED (sg_alloc, *count of them) from a CSV with the columns na_x,na_y or kx_over_k0,ky_over_k0,
 * which are the same in air. Errors name file and line. */
sg_status sg_stack_leds(double **na_x, double **na_y, int *count, const char *csv_path);

#endif
