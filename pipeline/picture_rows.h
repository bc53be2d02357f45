/* picture_rows.h - the rows of a picture file, a few at a time. A TIFF is read as it is asked for, whatever its size;
 * the other formats, up to 2^28 pixels, as a whole. */
#ifndef SG_PIPELINE_PICTURE_ROWS_H
#define SG_PIPELINE_PICTURE_ROWS_H

#include "datasets/image.h"
#include "datasets/tiff.h"

typedef struct sg_picture_rows {
    const char *path;
    int pages, height, width;
    sg_tiff_reader *tiff; /* NULL: the picture is in memory */
    sg_image image;
} sg_picture_rows;

/* `path` must outlive it. Free with sg_picture_rows_close, also after an error. Errors as sg_image_read; those that
 * only the pixels can show come later. */
sg_status sg_picture_rows_open(sg_picture_rows *out, const char *path, sg_image_options options);
/* out (rows, width) = rows row .. row + rows - 1 of a page, inside it. SG_E_NUMERIC: NaN or Inf. */
sg_status sg_picture_rows_read(const sg_picture_rows *picture, float *out, int page, int row, int rows);
void sg_picture_rows_close(sg_picture_rows *picture);

#endif
