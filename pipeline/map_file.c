/* map_file.c - see map_file.h. */
#include "pipeline/map_file.h"

#include "datasets/image.h"

sg_status sg_map_read(float **out, int *height, int *width, const char *path)
{
    sg_image image;
    *out = NULL;
    SG_TRY(sg_image_read(&image, path));
    *height = image.height;
    *width = image.width;
    if (image.pages == 1) return *out = image.data, SG_OK;
    const int pages = image.pages;
    sg_image_free(&image);
    SG_FAIL(SG_E_SHAPE, "%s: the file has %d pages, a map is one; %s:1 is the first", path, pages, path);
}

sg_status sg_pages_read(float **out, int *pages, int *height, int *width, const char *path)
{
    sg_image image;
    *out = NULL;
    SG_TRY(sg_image_read(&image, path));
    *out = image.data;
    *pages = image.pages;
    *height = image.height;
    *width = image.width;
    return SG_OK;
}

sg_status sg_pupil_read(sg_pupil_table *out, const char *path)
{
    sg_image image;
    *out = (sg_pupil_table){0};
    SG_TRY(sg_image_read_as(&image, path, (sg_image_options){.or_complex = true}));
    if (image.height == image.width && image.height > 1) {
        *out = (sg_pupil_table){image.height, image.pages, image.is_complex, image.data};
        return SG_OK;
    }
    const int height = image.height, width = image.width;
    sg_image_free(&image);
    SG_FAIL(SG_E_SHAPE, "%s: %d x %d numbers, a pupil is square", path, width, height);
}
