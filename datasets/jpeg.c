/* jpeg.c - JPEG files in (libjpeg). What libjpeg has to say goes into the error text, never to the terminal. */
#include "datasets/jpeg.h"

#include "core/file.h"
#include "core/memory.h"

#include <stdio.h> /* jpeglib.h needs FILE */

#include <jerror.h>
#include <jpeglib.h>
#include <setjmp.h>

/* Everything lives here and not in locals: libjpeg reports errors by longjmp. */
typedef struct jpeg_job {
    struct jpeg_error_mgr errors; /* first: libjpeg's pointer to it is ours to the job */
    struct jpeg_decompress_struct jpeg;
    jmp_buf back;
    void *bytes; /* the file */
    size_t size;
    unsigned char *row; /* one line of pixels */
    char text[JMSG_LENGTH_MAX];
} jpeg_job;

_Noreturn static void on_error(j_common_ptr jpeg)
{
    jpeg_job *job = (jpeg_job *)jpeg->err;
    job->errors.format_message(jpeg, job->text);
    longjmp(job->back, 1);
}

/* Level -1 is damage that libjpeg would fill with grey; bytes between the markers and odd version numbers harm nothing.
 * Levels from 0 are remarks. */
static void on_message(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_JFIF_MAJOR && code != JWRN_ADOBE_XFORM)
        on_error(jpeg);
}

static void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static sg_status check_colours(const struct jpeg_decompress_struct *jpeg, const char *path, int channel)
{
    const J_COLOR_SPACE stored = jpeg->jpeg_color_space;
    const int channels = stored == JCS_GRAYSCALE ? 1 : 3;
    if (stored == JCS_CMYK || stored == JCS_YCCK)
        SG_FAIL(SG_E_FORMAT, "%s: a CMYK picture, for printing; convert it to RGB", path);
    if (stored != JCS_GRAYSCALE && stored != JCS_YCbCr && stored != JCS_RGB)
        SG_FAIL(SG_E_FORMAT, "%s: %d channels that are neither grey nor RGB", path, jpeg->num_components);
    if (channel < 0 || channel >= channels)
        SG_FAIL(SG_E_FORMAT, "%s: channel %d is wanted, but the picture has %d", path, channel, channels);
    return SG_OK;
}

/* Line by line: bytes -> floats, a page for each channel from `channel` on. */
static void read_rows(jpeg_job *job, sg_image *out, int channel)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    const int step = jpeg->output_components;
    for (int y = 0; y < out->height; y++) {
        (void)jpeg_read_scanlines(jpeg, &job->row, 1);
        for (int page = 0; page < out->pages; page++) {
            float *row = out->data + ((size_t)page * (size_t)out->height + (size_t)y) * (size_t)out->width;
            for (int x = 0; x < out->width; x++) row[x] = (float)job->row[x * step + channel + page];
        }
    }
}

static sg_status decode(jpeg_job *job, sg_image *out, const char *path, const sg_image_options *options)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    const int channel = options->channel, colours = options->colours;
    if (setjmp(job->back)) SG_FAIL(SG_E_FORMAT, "%s: not a readable JPEG picture: %s", path, job->text);
    jpeg_create_decompress(jpeg);
    jpeg_mem_src(jpeg, job->bytes, job->size);
    (void)jpeg_read_header(jpeg, TRUE);
    SG_TRY(check_colours(jpeg, path, channel));
    const bool all = colours > 1 && colours <= 3 && channel == 0 && jpeg->jpeg_color_space != JCS_GRAYSCALE;
    SG_TRY(sg_image_make(out, all ? colours : 1, jpeg->image_height, jpeg->image_width, job->size, path));
    out->is_colours = all;
    SG_TRY(SG_ALLOC(&job->row, (size_t)out->width * 3, path));
    out->bits = 8;
    jpeg->out_color_space = jpeg->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    (void)jpeg_start_decompress(jpeg);
    read_rows(job, out, channel);
    (void)jpeg_finish_decompress(jpeg); /* on to the end marker: a file that lacks it is truncated */
    return SG_OK;
}

sg_status sg_jpeg_read(sg_image *out, const char *path, sg_image_options options)
{
    jpeg_job job = {.bytes = NULL};
    *out = (sg_image){0};
    SG_TRY(sg_file_read(&job.bytes, &job.size, path, 0));
    job.jpeg.err = jpeg_std_error(&job.errors);
    job.errors.error_exit = on_error;
    job.errors.emit_message = on_message;
    job.errors.output_message = say_nothing;
    sg_status status =
        job.size ? decode(&job, out, path, &options) : sg_error_set(SG_E_FORMAT, "%s: the file is empty", path);
    jpeg_destroy_decompress(&job.jpeg);
    sg_free(job.bytes);
    sg_free(job.row);
    if (status != SG_OK) sg_image_free(out);
    return status;
}
