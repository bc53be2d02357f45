/* image.h - a picture in memory: float samples (pages, height, width), as stored in the file (no scaling); and the
 * scaling that turns any picture into a sample. The formats are read and written in png.h, tiff.h, jpeg.h, mat.h,
 * npy.h and hdf5.h. */
#ifndef SG_DATASETS_IMAGE_H
#define SG_DATASETS_IMAGE_H

#include "core/status.h"
#include "datasets/axes.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sg_image {
    int pages, height, width;
    int bits; /* of a sample in the file: 8 (also for fewer) .. 16, 24, 32, 64 */
    bool is_float;
    float *data; /* (pages, height, width), sg_alloc; colour pictures are read as their first channel unless asked */
    bool is_colours;         /* pages are the colours of one picture: red, green, blue */
    bool is_complex;         /* pages are pairs: real part, imaginary part */
    char axes[SG_AXES_TEXT]; /* what the pages are, "T=3 Z=4"; empty: one page, or the file does not say */
    double pixel_um[2]; /* (y, x) that the file states: OME, ImageJ, TIFF or PNG resolution, HDF5; 0: it does not */
} sg_image;

typedef struct sg_image_options {
    int channel;     /* 0: red or grey; SG_E_FORMAT if the picture has fewer channels */
    int colours;     /* > 1, of a JPEG that has as many: all of them become pages, decoded at once; else `channel` */
    bool raw;        /* label files: palette indices and 1..4-bit levels as they are, not as brightness */
    bool or_complex; /* complex numbers are welcome (.npy, .mat) */
    /* TIFF, .npy and HDF5 have axes (axes.h): letters for them, and what to take of them; NULL or empty: what the file
     * says, and all. An axis that `take` names may be missing, or have one index, in label files (raw). */
    const char *axes, *take;
    double pixel_um;       /* > 0: SG_E_CONFIG where the file states another pixel, by more than 1 %; which */
    const char *pixel_key; /* the config key decides */
} sg_image_options;

enum { SG_IMAGE_PIXELS_MAX = 1 << 28 };

/* By extension (any case): .png, .tif/.tiff, .jpg/.jpeg, .mat (its only numeric array, or "file.mat:name"), .npy, and
 * an array in an HDF5 file, "file.h5:/group/array"; of each, "file:3" is its third page alone. A 1, 2 or 4-bit PNG is
 * expanded to 0..255 and a palette to its colours. Errors name the file: missing, a folder, empty, truncated, not an
 * image, more than 2^28 pixels, NaN or Inf. *out is zero on error. */
sg_status sg_image_read(sg_image *out, const char *path);
sg_status sg_image_read_as(sg_image *out, const char *path, sg_image_options options);
void sg_image_free(sg_image *image);
/* True if sg_image_read knows the extension. */
bool sg_image_known(const char *path);

/* The p-th percentile, 0..100, of x (len >= 1, finite), interpolated linearly between order statistics (NumPy's
 * default). Exact, O(len), x is only read. */
double sg_percentile(const float *x, size_t len, double p);
/* x = clamp((x - lo) / (hi - lo), 0, 1) in place, lo and hi the 1st and 99.8th percentile of the whole of x (PHYSICS
 * section 1). A constant picture becomes zeros. SG_E_NUMERIC for NaN or Inf; `name` opens the text. */
sg_status sg_image_scale(float *x, size_t len, const char *name);
/* The two percentiles alone. */
sg_status sg_image_bounds(double *lo, double *hi, const float *x, size_t len, const char *name);
/* The same of uint8_t (bits 8) or uint16_t (16). */
sg_status sg_whole_bounds(double *lo, double *hi, const void *x, int bits, size_t len, const char *name);
/* 8 or 16: all of x are whole numbers of so many bits; 0: they are not. */
int sg_image_whole_bits(const float *x, size_t len);

/* For the readers: sets the sizes and allocates data; SG_E_FORMAT if a size is < 1, if there are more than 2^28 pixels,
 * or if `bytes` of file cannot possibly hold so many (more than 16384 pixels a byte). Sizes are checked before
 * anything is allocated. */
sg_status sg_image_make(sg_image *out, long long pages, long long height, long long width, size_t bytes,
                        const char *path);
/* Its checks alone. */
sg_status sg_image_check_pages(long long pages, long long height, long long width, size_t bytes, const char *path);
/* The same checks for pictures that are not read as a whole: only a side is limited to 2^28 pixels. */
sg_status sg_image_check_size(long long pages, long long height, long long width, size_t bytes, const char *path);
/* For the readers: `um` between the dots of a resolution tag, or 0 where that is no pixel of a microscope but a dot
 * of a printer or a screen: from 20 um on, 1270 an inch or fewer. */
double sg_image_dot_um(double um);
/* For the readers: SG_E_CONFIG if `pixel_um` (y, x; 0: unknown) is not that of the options, SG_E_FORMAT if it must be
 * compared and is not square; the text says both numbers and what would do. */
sg_status sg_image_check_pixel(const double pixel_um[2], const sg_image_options *options, const char *path);
/* For the readers of arrays: the pages of arranged axes (axes.h), element by element; at() is number `index` of the
 * file. A complex element has two `parts`, which become pages. `bytes` as in sg_image_make. */
typedef float (*sg_image_at)(const void *numbers, size_t index);
sg_status sg_image_gather(sg_image *out, const sg_axes *axes, int parts, sg_image_at at, const void *numbers,
                          size_t bytes, const char *path);
/* For the readers of arrays: names the axes of an array of this shape (`fortran`: the first axis is fastest),
 * options.axes first, then `letters` (of the file; NULL: none), then X, YX, QYX by rank, and arranges them. More than
 * three need letters: SG_E_FORMAT. */
sg_status sg_image_arrange(sg_axes *out, int rank, const long long *size, bool fortran, const char *letters,
                           const sg_image_options *options, const char *path);
/* For the readers: SG_E_NUMERIC naming page, row and column of the first NaN or Inf. */
sg_status sg_image_check_finite(const sg_image *image, const char *path);
/* The same for x (rows, width), which begins at `row` of `page`. */
sg_status sg_image_check_rows(const float *x, int page, int row, int rows, int width, const char *path);

#endif
