/* picture_rows.c - rows from a TIFF reader or from memory. */
#include "pipeline/picture_rows.h"

#include <string.h>

sg_status sg_picture_rows_open(sg_picture_rows *out, const char *path, sg_image_options options)
{
    *out = (sg_picture_rows){.path = path};
    if (!sg_tiff_known(path)) {
        SG_TRY(sg_image_read_as(&out->image, path, options));
        out->pages = out->image.pages, out->height = out->image.height, out->width = out->image.width;
        return SG_OK;
    }
    SG_TRY(sg_tiff_open(&out->tiff, path, options));
    const sg_tiff_info *info = sg_tiff_info_of(out->tiff);
    out->pages = info->pages, out->height = info->height, out->width = info->width;
    return sg_image_check_size(info->pages, info->height, info->width, info->bytes, path);
}

sg_status sg_picture_rows_read(const sg_picture_rows *picture, float *out, int page, int row, int rows)
{
    if (picture->tiff) return sg_tiff_rows(picture->tiff, out, page, row, rows);
    const size_t width = (size_t)picture->width, first = (size_t)page * (size_t)picture->height + (size_t)row;
    memcpy(out, picture->image.data + first * width, (size_t)rows * width * sizeof *out);
    return SG_OK;
}

void sg_picture_rows_close(sg_picture_rows *picture)
{
    sg_tiff_close(picture->tiff);
    sg_image_free(&picture->image);
    *picture = (sg_picture_rows){0};
}
