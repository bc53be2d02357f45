/* stack_read.h - the pictures of one field of view, one per LED, from a file or a folder, and their flat-field
 * correction. Not installed. */
#ifndef SG_DATASETS_STACK_READ_H
#define SG_DATASETS_STACK_READ_H

#include "datasets/image.h"

#include <stdbool.h>

/* *out = K pages. `path` is
 *   a file of K pages: TIFF, .npy or "file.h5:/array" (K, height, width), .mat (`variable`, see mat.h);
 *   a folder of K pictures of one page: sorted by the last number in their names, which must be consecutive, or, with
 *   files_csv ("": none), by that table with the columns led (0 .. K-1) and file (in the folder).
 * `options` say how each file is read: axes, take, pixel_um. Errors name file and numbers: a number that is missing or stands there twice, another size, NaN, truncated. */
sg_status sg_stack_read(sg_image *out, const char *path, const char *variable, const char *files_csv,
                        const sg_image_options *options);

/* In place: I = (raw - dark) / (flat - dark) mean(flat - dark), the mean over a page of `flat`. `dark` and `flat` have
 * 1 page, for all LEDs, or as many as `stack`; {0}: no dark is 0, no flat leaves raw - dark. SG_E_SHAPE: other sizes or
 * pages; SG_E_NUMERIC: flat <= dark somewhere, with the count of such pixels. */
sg_status sg_stack_correct(sg_image *stack, const sg_image *dark, const sg_image *flat, const char *path,
                           const char *dark_path, const char *flat_path);

#endif
