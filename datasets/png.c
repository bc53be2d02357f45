/* png.c - PNG files in and out (libpng). What libpng has to say goes into the error text, never to the terminal. */
#include "datasets/png.h"

#include "core/file.h"
#include "core/memory.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

/* Everything lives here and not in locals: libpng reports errors by longjmp. */
typedef struct png_job {
    png_structp png;
    png_infop info;
    unsigned char *bytes; /* the file */
    size_t size, used, capacity;
    unsigned char *pixels;
    size_t row_bytes;
    char text[160];
} png_job;

static void on_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    (void)snprintf(job->text, sizeof job->text, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message; /* the picture is fine */
}

/* ---- reading ---- */

static void take_bytes(png_structp png, png_bytep out, size_t count)
{
    png_job *job = png_get_io_ptr(png);
    if (count > job->size - job->used) png_error(png, "the file is truncated");
    memcpy(out, job->bytes + job->used, count);
    job->used += count;
}

static void set_transforms(png_job *job, bool raw)
{
    const int type = png_get_color_type(job->png, job->info);
    if (raw)
        png_set_packing(job->png);
    else if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(job->png);
    else
        png_set_expand_gray_1_2_4_to_8(job->png);
}

static void read_rows(png_job *job, int height)
{
    const int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < height; y++) png_read_row(job->png, job->pixels + (size_t)y * job->row_bytes, NULL);
    png_read_end(job->png, NULL);
}

/* Bytes of the row -> floats of one channel. */
static sg_status store(const png_job *job, sg_image *out, const char *path, int channel)
{
    const int channels = png_get_channels(job->png, job->info);
    if (channel < 0 || channel >= channels)
        SG_FAIL(SG_E_FORMAT, "%s: channel %d is wanted, but the picture has %d", path, channel, channels);
    out->bits = png_get_bit_depth(job->png, job->info);
    const size_t bytes = (size_t)out->bits / 8, step = bytes * (size_t)channels;
    for (int y = 0; y < out->height; y++) {
        const unsigned char *in = job->pixels + (size_t)y * job->row_bytes + (size_t)channel * bytes;
        float *row = out->data + (size_t)y * (size_t)out->width;
        for (int x = 0; x < out->width; x++, in += step) row[x] = (float)(bytes == 2 ? in[0] << 8 | in[1] : in[0]);
    }
    return SG_OK;
}

/* pHYs: pixels a metre. */
static void read_scale(const png_job *job, sg_image *out)
{
    const png_uint_32 per_metre[2] = {png_get_y_pixels_per_meter(job->png, job->info),
                                      png_get_x_pixels_per_meter(job->png, job->info)};
    for (int i = 0; i < 2; i++) out->pixel_um[i] = per_metre[i] ? sg_image_dot_um(1e6 / per_metre[i]) : 0;
}

static sg_status decode(png_job *job, sg_image *out, const char *path, sg_image_options options)
{
    if (setjmp(png_jmpbuf(job->png))) SG_FAIL(SG_E_FORMAT, "%s: not a readable PNG picture: %s", path, job->text);
    png_set_read_fn(job->png, job, take_bytes);
    png_set_user_limits(job->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_read_info(job->png, job->info);
    SG_TRY(sg_image_make(out, 1, png_get_image_height(job->png, job->info), png_get_image_width(job->png, job->info),
                         job->size, path));
    read_scale(job, out);
    set_transforms(job, options.raw);
    job->row_bytes = (size_t)out->width * 8; /* at most 4 channels of 16 bits */
    SG_TRY(SG_ALLOC(&job->pixels, (size_t)out->height * job->row_bytes, path));
    read_rows(job, out->height);
    return store(job, out, path, options.channel);
}

static sg_status start_reading(png_job *job, const char *path)
{
    void *bytes;
    SG_TRY(sg_file_read(&bytes, &job->size, path, 0));
    job->bytes = bytes;
    if (job->size == 0) SG_FAIL(SG_E_FORMAT, "%s: the file is empty", path);
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    if (job->png) job->info = png_create_info_struct(job->png);
    if (!job->info) SG_FAIL(SG_E_MEMORY, "%s: libpng cannot start", path);
    return SG_OK;
}

sg_status sg_png_read(sg_image *out, const char *path, sg_image_options options)
{
    png_job job = {0};
    *out = (sg_image){0};
    sg_status status = start_reading(&job, path);
    if (status == SG_OK) status = decode(&job, out, path, options);
    png_destroy_read_struct(job.png ? &job.png : NULL, job.info ? &job.info : NULL, NULL);
    sg_free(job.bytes);
    sg_free(job.pixels);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

/* ---- writing ---- */

static void put_bytes(png_structp png, png_bytep in, size_t count)
{
    png_job *job = png_get_io_ptr(png);
    if (count > job->capacity - job->used) {
        const size_t capacity = 2 * (job->capacity + count);
        unsigned char *more;
        if (SG_ALLOC(&more, capacity, "png") != SG_OK) png_error(png, "out of memory");
        if (job->used) memcpy(more, job->bytes, job->used);
        sg_free(job->bytes);
        job->bytes = more;
        job->capacity = capacity;
    }
    memcpy(job->bytes + job->used, in, count);
    job->used += count;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static const struct {
    int bits, type;
    size_t pixel_bytes;
} png_kinds[] = {{8, PNG_COLOR_TYPE_GRAY, 1}, {16, PNG_COLOR_TYPE_GRAY, 2}, {8, PNG_COLOR_TYPE_RGB, 3}};

/* PNG is big-endian. */
static void put_rows(png_job *job, const unsigned char *data, int height, int width, sg_png_kind kind)
{
    const uint16_t one = 1;
    if (kind == SG_PNG_GRAY16 && *(const unsigned char *)&one == 1) png_set_swap(job->png);
    for (int y = 0; y < height; y++)
        png_write_row(job->png, data + (size_t)y * (size_t)width * png_kinds[kind].pixel_bytes);
}

static sg_status encode(png_job *job, const void *data, int height, int width, sg_png_kind kind)
{
    if (setjmp(png_jmpbuf(job->png))) SG_FAIL(SG_E_FORMAT, "PNG of %d x %d pixels: %s", width, height, job->text);
    png_set_write_fn(job->png, job, put_bytes, flush_nothing);
    png_set_IHDR(job->png, job->info, (png_uint_32)width, (png_uint_32)height, png_kinds[kind].bits,
                 png_kinds[kind].type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    put_rows(job, data, height, width, kind);
    png_write_end(job->png, job->info);
    return SG_OK;
}

sg_status sg_png_encode(void **out, size_t *size, const void *data, int height, int width, sg_png_kind kind)
{
    png_job job = {0};
    sg_status status = SG_OK;
    *out = NULL;
    *size = 0;
    if (height < 1 || width < 1)
        SG_FAIL(SG_E_RANGE, "PNG: a picture of %d x %d pixels cannot be written", width, height);
    job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    if (job.png) job.info = png_create_info_struct(job.png);
    if (!job.info) SG_FAIL_DONE(SG_E_MEMORY, "PNG: libpng cannot start");
    SG_TRY_DONE(encode(&job, data, height, width, kind));
    *out = job.bytes;
    *size = job.used;
done:
    png_destroy_write_struct(job.png ? &job.png : NULL, job.info ? &job.info : NULL);
    if (status != SG_OK) sg_free(job.bytes);
    return status;
}

static sg_status write_file(const char *path, const void *data, int height, int width, sg_png_kind kind)
{
    void *bytes;
    size_t size;
    if (sg_png_encode(&bytes, &size, data, height, width, kind) != SG_OK)
        return sg_error_prefix(SG_E_FORMAT, "%s", path);
    const sg_status status = sg_file_write(path, bytes, size);
    sg_free(bytes);
    return status;
}

sg_status sg_png_write_gray8(const char *path, const uint8_t *data, int height, int width)
{
    return write_file(path, data, height, width, SG_PNG_GRAY8);
}

sg_status sg_png_write_gray16(const char *path, const uint16_t *data, int height, int width)
{
    return write_file(path, data, height, width, SG_PNG_GRAY16);
}

sg_status sg_png_write_rgb(const char *path, const uint8_t *data, int height, int width)
{
    return write_file(path, data, height, width, SG_PNG_RGB);
}
