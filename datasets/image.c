/* image.c - chooses the reader by extension; checks and scaling that all pictures share. */
#include "datasets/image.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/real.h"
#include "datasets/hdf5.h"
#include "datasets/jpeg.h"
#include "datasets/mat.h"
#include "datasets/npy.h"
#include "datasets/png.h"
#include "datasets/tiff.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- formats ---- */

enum { SG_PATH_BYTES = 4096 };

typedef sg_status (*reader)(sg_image *out, const char *path, sg_image_options options);

static sg_status read_mat(sg_image *out, const char *path, sg_image_options options)
{
    char file[SG_PATH_BYTES];
    const char *colon = strrchr(path, ':');
    const int length = colon ? (int)(colon - path) : (int)strlen(path);
    if (snprintf(file, sizeof file, "%.*s", length, path) >= (int)sizeof file)
        SG_FAIL(SG_E_FORMAT, "%s: the path is too long", path);
    return sg_mat_read_array_as(out, file, colon ? colon + 1 : NULL, options);
}

static const struct {
    const char *extension;
    reader read;
} formats[] = {{".png", sg_png_read},  {".tif", sg_tiff_read},  {".tiff", sg_tiff_read},
               {".jpg", sg_jpeg_read}, {".jpeg", sg_jpeg_read}, {".npy", sg_npy_read}};

/* "name.mat", and "name.mat:variable". */
static bool mat_known(const char *path)
{
    const char *colon = strrchr(path, ':');
    const size_t length = colon ? (size_t)(colon - path) : strlen(path);
    return length > 4 && strncasecmp(path + length - 4, ".mat", 4) == 0;
}

static reader find_reader(const char *path)
{
    if (mat_known(path)) return read_mat;
    const char *dot = strrchr(path, '.');
    if (sg_hdf5_known(path)) return sg_hdf5_read;
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++)
        if (strcasecmp(dot, formats[i].extension) == 0) return formats[i].read;
    return NULL;
}

bool sg_image_known(const char *path)
{
    return find_reader(path) != NULL;
}

/* FILE:PAGE, PAGE from 1: copies FILE, returns PAGE; -1: the path names no page. */
static int page_of(char file[SG_PATH_BYTES], const char *path)
{
    const char *colon = strrchr(path, ':');
    const size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    if (digits == 0 || digits > 9 || colon[1 + digits] || (size_t)(colon - path) >= SG_PATH_BYTES) return -1;
    (void)snprintf(file, SG_PATH_BYTES, "%.*s", (int)(colon - path), path);
    return (int)strtol(colon + 1, NULL, 10);
}

static sg_status keep_page(sg_image *image, int page, const char *path)
{
    const size_t len = (size_t)image->height * (size_t)image->width;
    if (page < 1 || page > image->pages)
        SG_FAIL(SG_E_SHAPE, "%s: the file has %d page%s, the first one is :1", path, image->pages,
                image->pages > 1 ? "s" : "");
    memmove(image->data, image->data + (size_t)(page - 1) * len, len * sizeof *image->data);
    image->pages = 1;
    image->axes[0] = 0;
    return SG_OK;
}

static sg_status read_file(sg_image *out, const char *path, sg_image_options options)
{
    const reader read = find_reader(path);
    if (!read && sg_folder_exists(path)) SG_FAIL(SG_E_FORMAT, "%s: a folder; one picture is needed", path);
    if (!read)
        SG_FAIL(SG_E_FORMAT, "%s: the extension is none of .png, .tif, .tiff, .jpg, .mat, .npy, .h5:/array", path);
    SG_TRY(read(out, path, options));
    SG_TRY(sg_image_check_pixel(out->pixel_um, &options, path));
    return sg_image_check_finite(out, path);
}

sg_status sg_image_read_as(sg_image *out, const char *path, sg_image_options options)
{
    char file[SG_PATH_BYTES];
    *out = (sg_image){0};
    const int page = page_of(file, path);
    if (page >= 0) options.colours = 0;
    sg_status status = read_file(out, page < 0 ? path : file, options);
    if (status == SG_OK && page >= 0) status = keep_page(out, page, path);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

sg_status sg_image_read(sg_image *out, const char *path)
{
    return sg_image_read_as(out, path, (sg_image_options){0});
}

void sg_image_free(sg_image *image)
{
    sg_free(image->data);
    *image = (sg_image){0};
}

/* ---- checks ---- */

sg_status sg_image_check_size(long long pages, long long height, long long width, size_t bytes, const char *path)
{
    const double pixels = (double)pages * (double)height * (double)width;
    if (pages < 1 || height < 1 || width < 1)
        SG_FAIL(SG_E_FORMAT, "%s: %lld pages of %lld x %lld pixels are no picture", path, pages, width, height);
    if (height > SG_IMAGE_PIXELS_MAX || width > SG_IMAGE_PIXELS_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: %lld x %lld pixels: a side may have 2^28", path, width, height);
    if (pixels > 16384. * (double)bytes)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: a file of %zu bytes cannot hold %lld x %lld pixels", path, bytes, width,
                height);
    return SG_OK;
}

sg_status sg_image_check_pages(long long pages, long long height, long long width, size_t bytes, const char *path)
{
    if ((double)pages * (double)height * (double)width > SG_IMAGE_PIXELS_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: %lld pages of %lld x %lld pixels are more than the 2^28 pixels allowed", path, pages,
                width, height);
    return sg_image_check_size(pages, height, width, bytes, path);
}

sg_status sg_image_make(sg_image *out, long long pages, long long height, long long width, size_t bytes,
                        const char *path)
{
    *out = (sg_image){0};
    SG_TRY(sg_image_check_pages(pages, height, width, bytes, path));
    SG_TRY(SG_ALLOC(&out->data, (size_t)pages * (size_t)height * (size_t)width, path));
    out->pages = (int)pages;
    out->height = (int)height;
    out->width = (int)width;
    return SG_OK;
}

double sg_image_dot_um(double um)
{
    return um > 0 && um < 20 ? um : 0;
}

sg_status sg_image_check_pixel(const double pixel_um[2], const sg_image_options *options, const char *path)
{
    const double y = pixel_um[0], x = pixel_um[1], want = options->pixel_um;
    if (!(want > 0) || !(x > 0)) return SG_OK;
    if (y > 0 && !(fabs(y / x - 1) <= .01))
        SG_FAIL(SG_E_FORMAT,
                "%s: its pixels are %g um wide and %g um high, square ones are needed; if that is wrong, "
                "dataset.pixel_size: ignore",
                path, x, y);
    if (!(fabs(x / want - 1) <= .01))
        SG_FAIL(SG_E_CONFIG,
                "%s: its pixels are %g um wide, but %g um by %s: correct what is wrong, or dataset.pixel_size: ignore",
                path, x, want, options->pixel_key);
    return SG_OK;
}

sg_status sg_image_check_rows(const float *x, int page, int row, int rows, int width, const char *path)
{
    const size_t w = (size_t)width, len = (size_t)rows * w;
    size_t i = 0;
    while (i < len && isfinite(x[i])) i++;
    if (i == len) return SG_OK;
    SG_FAIL(SG_E_NUMERIC, "%s: %s at page %d, row %zu, column %zu", path, isnan(x[i]) ? "NaN" : "Inf", page,
            (size_t)row + i / w, i % w);
}

sg_status sg_image_check_finite(const sg_image *image, const char *path)
{
    const size_t page_len = (size_t)image->height * (size_t)image->width;
    for (int page = 0; image->is_float && page < image->pages; page++)
        SG_TRY(sg_image_check_rows(image->data + (size_t)page * page_len, page, 0, image->height, image->width, path));
    return SG_OK;
}

/* ---- arrays ---- */

sg_status sg_image_arrange(sg_axes *out, int rank, const long long *size, bool fortran, const char *letters,
                           const sg_image_options *options, const char *path)
{
    static const char *const by_rank[] = {"", "X", "YX", "QYX"};
    const char *wanted = options->axes && options->axes[0] ? options->axes : letters;
    *out = (sg_axes){.count = 0};
    if (rank > SG_AXES_MAX || (!wanted && rank > 3))
        SG_FAIL(SG_E_FORMAT,
                "%s: has %d axes; up to %d can be read, more than 3 by the letters of dataset.axes, as in CZYX", path,
                rank, SG_AXES_MAX);
    SG_TRY(sg_axes_check(wanted, path));
    for (int i = 0; i < rank; i++) sg_axes_add(out, wanted ? 'Q' : by_rank[rank][i], size[i]);
    for (int i = 0; fortran && i < rank; i++)
        out->axis[i].stride = i ? out->axis[i - 1].stride * out->axis[i - 1].size : 1;
    const sg_axes_order order = {.axes = wanted, .take = options->take, .lenient = options->raw};
    return sg_axes_arrange(out, &order, path);
}

sg_status sg_image_gather(sg_image *out, const sg_axes *axes, int parts, sg_image_at at, const void *numbers,
                          size_t bytes, const char *path)
{
    const sg_axis one = {'Y', 1, 0}, *y = sg_axes_find(axes, 'Y'), *x = sg_axes_find(axes, 'X');
    const double pages = sg_axes_pages(axes) * parts;
    if (!y) y = &one;
    if (pages > SG_IMAGE_PIXELS_MAX) SG_FAIL(SG_E_FORMAT, "%s: %g pages, at most 2^28 are read", path, pages);
    SG_TRY(sg_image_make(out, (long long)pages, y->size, x->size, bytes, path));
    float *to = out->data;
    for (int page = 0; page < out->pages; page++) {
        const long long first = sg_axes_at(axes, page / parts);
        for (long long i = 0; i < y->size; i++)
            for (long long k = 0; k < x->size; k++)
                *to++ = at(numbers, (size_t)((first + i * y->stride + k * x->stride) * parts + page % parts));
    }
    sg_axes_describe(out->axes, axes);
    return SG_OK;
}
