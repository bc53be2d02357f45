/* map_file.c - see map_file.h. */
#include "pipeline/map_file.h"

#include "datasets/image.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* FILE:PAGE, PAGE from 1: copies FILE, returns PAGE; 0: the path names no page. */
static int page_of(char file[SG_PATH_MAX], const char *path)
{
    const char *colon = strrchr(path, ':');
    (void)snprintf(file, SG_PATH_MAX, "%s", path);
    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1)) return 0;
    file[(size_t)(colon - path) < SG_PATH_MAX ? (size_t)(colon - path) : 0] = 0;
    const long page = strtol(colon + 1, NULL, 10);
    return page < INT_MAX ? (int)page : INT_MAX;
}

sg_status sg_map_read(float **out, int *height, int *width, const char *path)
{
    char file[SG_PATH_MAX];
    sg_image image;
    const int page = page_of(file, path);
    SG_TRY(sg_image_read(&image, file));
    const int pages = image.pages;
    if (page <= pages && (page >= 1 || pages == 1)) {
        const size_t len = (size_t)image.height * (size_t)image.width;
        if (page > 1) memmove(image.data, image.data + (size_t)(page - 1) * len, len * sizeof *image.data);
        *out = image.data;
        *height = image.height;
        *width = image.width;
        return SG_OK;
    }
    sg_image_free(&image);
    *out = NULL;
    SG_FAIL(SG_E_SHAPE, "%s: the file has %d page%s, a map is one; %s:1 is the first", path, pages,
            pages > 1 ? "s" : "", file);
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
