/* image.h - a picture in memory: float samples (pages, height, width), as stored in the file (no scaling). */
#ifndef SG_DATASETS_IMAGE_H
#define SG_DATASETS_IMAGE_H

#include "core/status.h"

#include <stdbool.h>

typedef struct sg_image {
    int    pages, height, width;
    int    bits;      /* of a sample in the file: 8, 16, 32 */
    bool   is_float;
    float *data;      /* (pages, height, width), sg_alloc; colour pictures are read as their first channel unless asked */
} sg_image;

/* By extension: .png, .tif/.tiff, .mat (see mat.h for the variable). Errors name the file: missing, empty, truncated, not an
 * image, more than 2^28 pixels, NaN. *out is zero on error. */
sg_status sg_image_read(sg_image *out, const char *path);
void      sg_image_free(sg_image *image);

#endif
