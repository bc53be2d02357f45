/* map_file.c - see map_file.h. */
#include "pipeline/map_file.h"

#include "datasets/image.h"

sg_status sg_map_read(float **out, int *height, int *width, const char *path)
{
    sg_image image;
    SG_TRY(sg_image_read(&image, path));
    *out = image.data;
    *height = image.height;
    *width = image.width;
    if (image.pages == 1) return SG_OK;
    const int pages = image.pages;
    sg_image_free(&image);
    *out = NULL;
    SG_FAIL(SG_E_SHAPE, "%s: has %d pages, a map has one", path, pages);
}
