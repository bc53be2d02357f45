/* tiff.h - TIFF, BigTIFF, ImageJ's stacks and OME-TIFF through libtiff, which only tiff_*.c include. */
#ifndef SG_DATASETS_TIFF_H
#define SG_DATASETS_TIFF_H

#include "core/status.h"
#include "datasets/image.h"

/* All pages, of equal size and depth (smaller copies are skipped): 1..16, 24, 32, 64-bit integers, 16, 32, 64-bit
 * floats, strips or tiles, planes apart or together, any compression libtiff knows, grey, palette or colour (YCbCr by
 * JPEG only). Fewer than 8 bits become 0..255 unless raw. The axes of the pages are those of OME-XML or of ImageJ's
 * description; otherwise several pages are the axis Q. SG_E_FORMAT names what is not supported. */
sg_status sg_tiff_read(sg_image *out, const char *path, sg_image_options options);

/* True for "name.tif" and "name.tiff", in any case. */
bool sg_tiff_known(const char *path);

typedef struct sg_tiff_info {
    int pages, height, width;
    int bits; /* of a sample; 8 also for fewer */
    bool is_float;
    size_t bytes;            /* of the file */
    char axes[SG_AXES_TEXT]; /* as in sg_image */
    double pixel_um[2];
} sg_tiff_info;

/* *out = the numbers of all pages as they stand in the file, uint8_t or uint16_t by info->bits, (pages, height, width),
 * sg_alloc, where sg_tiff_read would give just these: unsigned, 8 or 16 bits, one a pixel, grey or raw. NULL: the file
 * has others. Errors are those of sg_tiff_read. */
sg_status sg_tiff_read_whole(void **out, sg_tiff_info *info, const char *path, sg_image_options options);

/* ---- row by row ---- */

/* Reads the tags of every page and no pixel (options as for sg_tiff_read: a page is one that they choose): what they claim may be absurd, see sg_image_check_size. `path` must
 * outlive the reader. */
typedef struct sg_tiff_reader sg_tiff_reader;
sg_status sg_tiff_open(sg_tiff_reader **out, const char *path, sg_image_options options);
const sg_tiff_info *sg_tiff_info_of(const sg_tiff_reader *reader);
/* out (rows, width) = rows row .. row + rows - 1 of a page, which must be inside it. Holds one strip or tile in memory;
 * one that was read last is not read again. SG_E_FORMAT names the strip that is damaged, SG_E_NUMERIC the NaN. */
sg_status sg_tiff_rows(sg_tiff_reader *reader, float *out, int page, int row, int rows);
void sg_tiff_close(sg_tiff_reader *reader);

typedef struct sg_tiff_form {
    int pages, height, width;
    int bits;        /* 8: uint8_t, 16: uint16_t, 32: float */
    double pixel_um; /* > 0: resolution tags; a single page also says micrometres to ImageJ; 0: none */
    bool compress;   /* deflate, with a predictor */
    /* OME-TIFF, written where `path` ends with .ome.tif or .ome.tiff: */
    char axis;                  /* of the pages: 'C', 'Z' or 'T'; 0: 'T' */
    const char *const *channel; /* names: (pages) along C, else one; NULL: none. Must outlive sg_tiff_create only */
} sg_tiff_form;

/* A file of this form, in strips of a megabyte, BigTIFF from 2 GB on. OME-TIFF has its OME-XML in the first page. Nothing stands at `path` (which must outlive the
 * writer) before sg_tiff_finish, which fails if rows are missing. Finishing and abandoning free the writer; NULL may be
 * abandoned. */
typedef struct sg_tiff_writer sg_tiff_writer;
sg_status sg_tiff_create(sg_tiff_writer **out, const char *path, const sg_tiff_form *form);
/* The next rows (rows, width), page after page. */
sg_status sg_tiff_append(sg_tiff_writer *writer, const void *data, int rows);
sg_status sg_tiff_finish(sg_tiff_writer *writer);
void sg_tiff_abandon(sg_tiff_writer *writer);

typedef struct sg_tiff {
    int pages, height, width;
    int bits;         /* 8: uint8_t, 16: uint16_t, 32: float */
    const void *data; /* (pages, height, width) */
    double pixel_um;  /* > 0: resolution tags; a single page also says micrometres to ImageJ; 0: none */
} sg_tiff;

/* Uncompressed, at once. The same pictures give the same bytes. */
sg_status sg_tiff_write(const char *path, const sg_tiff *tiff);

#endif
