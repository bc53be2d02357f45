/* sample.c - see sample.h. */
#include "datasets/sample.h"

#include "core/memory.h"
#include "core/real.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t page_len(const sg_image *image)
{
    return (size_t)image->height * (size_t)image->width;
}

/* ---- channels ---- */

static sg_status same_size(const sg_image *a, const sg_image *b, const char *path)
{
    if (a->height == b->height && a->width == b->width && b->pages == 1) return SG_OK;
    SG_FAIL(SG_E_SHAPE, "%s: %d pages of %d x %d pixels, its other channel has %d x %d", path, b->pages, b->width,
            b->height, a->width, a->height);
}

/* Adds a page that is read from a file. */
static sg_status add_page(sg_image *all, int page, const char *path, sg_image_options options)
{
    sg_image one;
    SG_TRY(sg_image_read_as(&one, path, options));
    const sg_status status = same_size(all, &one, path);
    if (status == SG_OK) memcpy(all->data + (size_t)page * page_len(all), one.data, page_len(all) * sizeof *one.data);
    sg_image_free(&one);
    return status;
}

/* `image` has the first page: room for all of them. */
static sg_status make_room(sg_image *image, int pages, const char *path)
{
    float *data;
    SG_TRY(SG_ALLOC(&data, page_len(image) * (size_t)pages, path));
    memcpy(data, image->data, page_len(image) * sizeof *data);
    sg_free(image->data);
    image->data = data;
    image->pages = pages;
    return SG_OK;
}

bool sg_sample_phase_path(char *phase, size_t size, const char *path)
{
    static const char amplitude[] = "_amplitude";
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const size_t stem = dot ? (size_t)(dot - path) : 0, length = sizeof amplitude - 1;
    if (!dot || (slash && dot < slash) || stem < length || memcmp(dot - length, amplitude, length) != 0) return false;
    if (phase) (void)snprintf(phase, size, "%.*s_phase%s", (int)(stem - length), path, dot);
    return true;
}

static bool has_colours(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && strcmp(dot, ".npy") != 0 && strcmp(dot, ".mat") != 0 && strchr(path, ':') == NULL;
}

/* Real and imaginary part become modulus and angle. */
static void make_polar(sg_image *z)
{
    float *re = z->data, *im = re + page_len(z);
    for (size_t i = 0; i < page_len(z); i++) {
        const float modulus = hypotf(re[i], im[i]);
        im[i] = atan2f(im[i], re[i]);
        re[i] = modulus;
    }
    z->is_complex = false;
}

/* Red, green, blue -> blue, green, red. */
static void reverse_pages(sg_image *image)
{
    const size_t len = page_len(image);
    for (int low = 0, high = image->pages - 1; low < high; low++, high--)
        for (size_t i = 0; i < len; i++) {
            float *a = &image->data[(size_t)low * len + i], *b = &image->data[(size_t)high * len + i], swap = *a;
            *a = *b;
            *b = swap;
        }
}

static sg_status refuse_pages(const sg_image *image, const char *path, int channels)
{
    const bool named = image->axes[0] != 0;
    SG_FAIL(SG_E_SHAPE, "%s: %d page%s%s%s, this sample has %d channel%s%s", path, image->pages,
            image->pages == 1 ? "" : "s", named ? ", " : "", image->axes, channels, channels == 1 ? "" : "s",
            named ? "; dataset.take chooses, as in C=0" : "");
}

/* To the first page those of the other channels: the colours of the same file, or `phase`. */
static sg_status add_channels(sg_image *out, const char *path, const char *phase, int channels,
                              sg_image_options options)
{
    if (out->pages != 1 || channels < 2 || (!phase && !has_colours(path))) return refuse_pages(out, path, channels);
    SG_TRY(make_room(out, channels, path));
    options.colours = 0;
    for (int c = 1; c < channels; c++) {
        options.channel = phase ? 0 : c;
        SG_TRY(add_page(out, c, phase ? phase : path, options));
    }
    return SG_OK;
}

static sg_status read_channels(sg_image *out, const char *path, sg_sample_kind kind, int channels, bool rising,
                               sg_image_options options)
{
    char phase[SG_PATH_MAX];
    const bool two_files = kind == SG_SAMPLE_FIELD && sg_sample_phase_path(phase, sizeof phase, path);
    options.or_complex = kind == SG_SAMPLE_FIELD;
    options.colours = two_files ? 0 : channels;
    SG_TRY(sg_image_read_as(out, path, options));
    if (out->is_complex && out->pages == 2) make_polar(out);
    if (out->pages == channels && !out->is_colours) return SG_OK;
    if (!out->is_colours) SG_TRY(add_channels(out, path, two_files ? phase : NULL, channels, options));
    if (kind == SG_SAMPLE_COLOUR && rising) reverse_pages(out);
    return SG_OK;
}

/* ---- scales ---- */

sg_sample_scale sg_sample_scale_between(double lo, double hi)
{
    return (sg_sample_scale){.lo = lo, .range = hi > lo ? hi - lo : (double)INFINITY, .high = 1};
}

static sg_status percentiles(sg_sample_scale *scale, const sg_image *image, const char *path)
{
    for (int c = 0; c < image->pages; c++) {
        double lo, hi;
        SG_TRY(sg_image_bounds(&lo, &hi, image->data + (size_t)c * page_len(image), page_len(image), path));
        scale[c] = sg_sample_scale_between(lo, hi);
    }
    return SG_OK;
}

SG_SIMD static bool all_inside(const float *x, size_t len, float high)
{
    int other = 0;
    for (size_t i = 0; i < len; i++) other |= !(x[i] >= 0 && x[i] <= high);
    return !other;
}

static sg_status transmission(sg_sample_scale *scale, const sg_image *image, const char *path)
{
    const size_t len = page_len(image) * (size_t)image->pages;
    const int bits = image->bits;
    const double full = image->is_float ? 1 : bits <= 24 ? ldexp(1, bits) - 1 : ldexp(1, bits); /* as a float */
    const bool inside = all_inside(image->data, len, (float)full);
    for (size_t i = 0; i < len && !inside; i++)
        if (!(image->data[i] >= 0 && (double)image->data[i] <= full))
            SG_FAIL(SG_E_RANGE, "%s: transmitted intensity %g in channel %zu is outside 0..1", path,
                    (double)image->data[i] / full, i / page_len(image) + 1);
    for (int c = 0; c < image->pages; c++) scale[c] = (sg_sample_scale){.range = full, .high = 1};
    return SG_OK;
}

static sg_status field(sg_sample_scale *scale, const sg_image *image, const char *path)
{
    const size_t len = page_len(image);
    for (size_t i = 0; i < len; i++)
        if (!(image->data[i] >= 0))
            SG_FAIL(SG_E_RANGE, "%s: amplitude %g in row %zu is negative", path, (double)image->data[i],
                    i / (size_t)image->width);
    for (size_t i = len; i < 2 * len; i++)
        if (!(fabsf(image->data[i]) <= 1e4f))
            SG_FAIL(SG_E_RANGE, "%s: phase %g rad in row %zu is outside -10000..10000", path, (double)image->data[i],
                    (i - len) / (size_t)image->width);
    for (int c = 0; c < image->pages; c++)
        scale[c] = (sg_sample_scale){.range = 1, .low = (double)-INFINITY, .high = (double)INFINITY};
    return SG_OK;
}

sg_status sg_sample_scales(sg_sample_scale *scale, const sg_image *image, const char *path, sg_sample_kind kind)
{
    switch (kind) {
    case SG_SAMPLE_COLOUR: return transmission(scale, image, path);
    case SG_SAMPLE_FIELD: return field(scale, image, path);
    default: return percentiles(scale, image, path);
    }
}

sg_status sg_sample_read_raw(sg_image *out, sg_sample_scale *scale, const char *path, sg_sample_kind kind, int channels,
                             bool rising, sg_image_options options)
{
    sg_status status = read_channels(out, path, kind, channels, rising, options);
    if (status == SG_OK) status = sg_sample_scales(scale, out, path, kind);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

sg_status sg_sample_read(sg_image *out, const char *path, sg_sample_kind kind, int channels, bool rising,
                         sg_image_options options)
{
    sg_sample_scale *scale;
    *out = (sg_image){0};
    SG_TRY(SG_ALLOC(&scale, (size_t)channels, path));
    const sg_status status = sg_sample_read_raw(out, scale, path, kind, channels, rising, options);
    for (size_t i = 0; status == SG_OK && i < page_len(out) * (size_t)channels; i++)
        out->data[i] = sg_sample_scaled((double)out->data[i], scale[i / page_len(out)]);
    sg_free(scale);
    return status;
}

/* ---- coarser pixels ---- */

static double bin_mean(const float *in, size_t stride, int bin)
{
    double sum = 0;
    for (int y = 0; y < bin; y++)
        for (int x = 0; x < bin; x++) sum += (double)in[(size_t)y * stride + (size_t)x];
    return sum / ((double)bin * bin);
}

/* Every output pixel lies at or before the first pixel that it is made of, so that one block of memory will do. */
sg_status sg_picture_bin(sg_image *image, int bin, const char *path)
{
    if (bin <= 1) return SG_OK;
    const int height = image->height / bin, width = image->width / bin;
    const size_t page = page_len(image), stride = (size_t)image->width;
    if (height < 1 || width < 1)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d pixels are less than one of %d x %d (dataset.bin)", path, image->width,
                image->height, bin, bin);
    float *out = image->data;
    for (int c = 0; c < image->pages; c++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                *out++ = (float)bin_mean(image->data + (size_t)c * page + (size_t)y * (size_t)bin * stride +
                                             (size_t)x * (size_t)bin,
                                         stride, bin);
    image->height = height;
    image->width = width;
    return SG_OK;
}
