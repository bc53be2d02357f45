/* tiff.h - TIFF, BigTIFF and OME-TIFF through libtiff. tiff.c is the only file that includes it. */
#ifndef SG_DATASETS_TIFF_H
#define SG_DATASETS_TIFF_H

#include "core/status.h"
#include "datasets/image.h"

/* All pages of equal size (reduced-resolution copies are skipped): 1, 8, 16, 32-bit integers, 32 and 64-bit floats,
 * strips or tiles, any compression libtiff knows, grey, palette or colour. SG_E_FORMAT names what is not supported. */
sg_status sg_tiff_read(sg_image *out, const char *path, sg_image_options options);

typedef struct sg_tiff {
    int pages, height, width;
    int bits;         /* 8: uint8_t, 16: uint16_t, 32: float */
    const void *data; /* (pages, height, width) */
    double pixel_um;  /* > 0: resolution tags; a single page also says micrometres to ImageJ; 0: none */
} sg_tiff;

/* Uncompressed; through sg_file_write. The same pictures give the same bytes. */
sg_status sg_tiff_write(const char *path, const sg_tiff *tiff);

#endif
