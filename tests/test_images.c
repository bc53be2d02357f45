/* test_images.c - PNG, JPEG, TIFF and MATLAB files: what goes in comes out, and each damaged file gives one line that
 * names it. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/image.h"
#include "datasets/mat.h"
#include "datasets/npy.h"
#include "datasets/png.h"
#include "datasets/raster.h"
#include "datasets/tiff.h"
#include "place.h"

#include <stdio.h> /* jpeglib.h needs FILE */

#include <hdf5.h>
#include <jpeglib.h>
#include <math.h>
#include <matio.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tiffio.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_ok(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* Reading `path` must fail with `status`, and the text must be one line that holds the path and `reason`. */
static void expect_error(const char *path, sg_status status, const char *reason)
{
    sg_image image;
    const sg_status got = sg_image_read(&image, path);
    if (got != status || !strstr(sg_error_text(), path) || !strstr(sg_error_text(), reason) ||
        strchr(sg_error_text(), '\n'))
        fail_msg("%s: status %d, text '%s', expected '%s'", path, got, sg_error_text(), reason);
    assert_null(image.data);
    assert_int_equal(image.width, 0);
}

/* ---- PNG ---- */

enum { H = 13, W = 17 };

static void test_png_round_trip(void **state)
{
    (void)state;
    uint8_t gray8[H * W], rgb[H * W * 3];
    uint16_t gray16[H * W];
    sg_image image;
    for (int i = 0; i < H * W; i++) gray8[i] = (uint8_t)(i * 37), gray16[i] = (uint16_t)(i * 2999);
    for (int i = 0; i < H * W * 3; i++) rgb[i] = (uint8_t)(i * 11);
    expect_ok(sg_png_write_gray8(place_path("8.png"), gray8, H, W));
    expect_ok(sg_png_write_gray16(place_path("16.PNG"), gray16, H, W));
    expect_ok(sg_png_write_rgb(place_path("rgb.png"), rgb, H, W));
    expect_ok(sg_image_read(&image, place_path("8.png")));
    assert_true(image.pages == 1 && image.height == H && image.width == W && image.bits == 8 && !image.is_float);
    for (int i = 0; i < H * W; i++) assert_true(image.data[i] == gray8[i]);
    sg_image_free(&image);
    expect_ok(sg_image_read(&image, place_path("16.PNG")));
    assert_int_equal(image.bits, 16);
    for (int i = 0; i < H * W; i++) assert_true(image.data[i] == gray16[i]);
    sg_image_free(&image);
    for (int channel = 0; channel < 3; channel++) {
        expect_ok(sg_image_read_as(&image, place_path("rgb.png"), (sg_image_options){.channel = channel}));
        for (int i = 0; i < H * W; i++) assert_true(image.data[i] == rgb[3 * i + channel]);
        sg_image_free(&image);
    }
    assert_int_equal(sg_image_read_as(&image, place_path("rgb.png"), (sg_image_options){.channel = 3}), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "channel 3"));
    assert_int_equal(sg_png_write_gray8(place_path("none.png"), gray8, 0, W), SG_E_FORMAT);
    assert_false(sg_file_exists(place_path("none.png")));
}

/* One row of `bits`-bit samples in any colour type, straight from libpng. */
static void make_png(const char *path, int type, int bits, int width, const png_color *palette, int colours,
                     const uint8_t *row)
{
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_true(file && png && info);
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)width, 1, bits, type, PNG_INTERLACE_ADAM7, 0, 0);
    if (palette) png_set_PLTE(png, info, palette, colours);
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++) png_write_row(png, row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(file), 0);
}

static void expect_row(const char *path, sg_image_options options, int width, const float *row)
{
    sg_image image;
    expect_ok(sg_image_read_as(&image, path, options));
    assert_int_equal(image.width, width);
    for (int x = 0; x < width; x++)
        if (!(image.data[x] == row[x]))
            fail_msg("%s, column %d: %g, not %g", path, x, (double)image.data[x], (double)row[x]);
    sg_image_free(&image);
}

static void test_png_colour_types(void **state)
{
    (void)state;
    const sg_image_options plain = {0}, raw = {.raw = true}, green = {.channel = 1};
    const png_color palette[3] = {{0, 5, 6}, {100, 7, 8}, {200, 9, 10}};
    make_png(place_path("1.png"), PNG_COLOR_TYPE_GRAY, 1, 5, NULL, 0, (const uint8_t[]){0xa8});
    expect_row(place_path("1.png"), plain, 5, (const float[]){255, 0, 255, 0, 255});
    expect_row(place_path("1.png"), raw, 5, (const float[]){1, 0, 1, 0, 1});
    make_png(place_path("4.png"), PNG_COLOR_TYPE_GRAY, 4, 3, NULL, 0, (const uint8_t[]){0x1f, 0x20});
    expect_row(place_path("4.png"), plain, 3, (const float[]){17, 255, 34});
    expect_row(place_path("4.png"), raw, 3, (const float[]){1, 15, 2});
    make_png(place_path("p.png"), PNG_COLOR_TYPE_PALETTE, 2, 3, palette, 3, (const uint8_t[]){0x18});
    expect_row(place_path("p.png"), plain, 3, (const float[]){0, 100, 200});
    expect_row(place_path("p.png"), green, 3, (const float[]){5, 7, 9});
    expect_row(place_path("p.png"), raw, 3, (const float[]){0, 1, 2});
    make_png(place_path("ga.png"), PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2, NULL, 0, (const uint8_t[]){9, 255, 8, 0});
    expect_row(place_path("ga.png"), plain, 2, (const float[]){9, 8});
    make_png(place_path("rgba.png"), PNG_COLOR_TYPE_RGBA, 16, 1, NULL, 0, (const uint8_t[]){1, 2, 3, 4, 5, 6, 7, 8});
    expect_row(place_path("rgba.png"), green, 1, (const float[]){3 * 256 + 4});
}

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    expect_ok(sg_file_write(path, bytes, size));
}

/* Every shorter file is an error, none a picture, a crash or a leak. */
static void check_truncation(const char *whole, const char *part, size_t step)
{
    void *bytes;
    size_t size;
    sg_image image;
    expect_ok(sg_file_read(&bytes, &size, whole, 0));
    write_bytes(part, bytes, size);
    expect_ok(sg_image_read(&image, part));
    sg_image_free(&image);
    for (size_t cut = 0; cut < size; cut += cut + step < size || cut == size - 1 ? step : size - 1 - cut) {
        write_bytes(part, bytes, cut);
        if (sg_image_read(&image, part) == SG_OK) fail_msg("%s cut to %zu of %zu bytes was read", part, cut, size);
        assert_non_null(strstr(sg_error_text(), part));
        assert_null(image.data);
    }
    sg_free(bytes);
}

/* Spoilt files may be read or not, but safely (run under the address sanitizer). */
static void check_noise(const char *whole, const char *part, int count)
{
    void *bytes;
    size_t size;
    sg_image image;
    unsigned random = 12345;
    expect_ok(sg_file_read(&bytes, &size, whole, 0));
    for (int i = 0; i < count; i++) {
        unsigned char *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, bytes, size);
        for (int k = 0; k < 3; k++) {
            random = random * 1664525u + 1013904223u;
            copy[(random >> 8) % (k ? size : size < 200 ? size : 200)] = (unsigned char)(random >> 3);
        }
        write_bytes(part, copy, size);
        free(copy);
        if (sg_image_read(&image, part) == SG_OK)
            sg_image_free(&image);
        else
            assert_non_null(strstr(sg_error_text(), part));
    }
    sg_free(bytes);
}

static void test_png_damage(void **state)
{
    (void)state;
    uint8_t gray8[H * W];
    for (int i = 0; i < H * W; i++) gray8[i] = (uint8_t)(i * i);
    expect_ok(sg_png_write_gray8(place_path("whole.png"), gray8, H, W));
    check_truncation(place_path("whole.png"), place_path("part.png"), 1);
    check_noise(place_path("whole.png"), place_path("noise.png"), 200);
}

static void test_not_pictures(void **state)
{
    (void)state;
    expect_error(place_path("absent.png"), SG_E_IO, "No such file");
    expect_error(place_path("absent.tif"), SG_E_IO, "No such file");
    expect_error(place_path("absent.mat"), SG_E_IO, "No such file");
    expect_error(place_path("absent.jpg"), SG_E_IO, "No such file");
    static const char *const names[] = {"a.png", "a.tif", "a.tiff", "a.mat", "a.jpg", "a.JPEG"};
    for (int i = 0; i < 6; i++) {
        write_bytes(place_path(names[i]), NULL, 0);
        expect_error(place_path(names[i]), SG_E_FORMAT, "empty");
        write_bytes(place_path(names[i]), "this is a text, not a picture; it is long enough for every header there is",
                    70);
        expect_error(place_path(names[i]), SG_E_FORMAT, "not a");
        assert_int_equal(unlink(place_path(names[i])), 0);
        expect_ok(sg_folder_make(place_path(names[i])));
        expect_error(place_path(names[i]), SG_E_IO, "folder");
    }
    expect_error(place_path("a.gif"), SG_E_FORMAT, "extension");
    expect_error(place_path("noextension"), SG_E_FORMAT, "extension");
}

/* A PNG header that claims 2^31-1 x 1 and 60000 x 60000 pixels; its checksum is right. */
static void test_png_huge(void **state)
{
    (void)state;
    const unsigned sizes[][2] = {{0x7fffffff, 1}, {60000, 60000}, {16000, 16000}};
    const char *reasons[] = {"2^28", "2^28", "cannot hold"};
    for (int i = 0; i < 3; i++) {
        unsigned char head[1000] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
        for (int k = 0; k < 8; k++) head[16 + k] = (unsigned char)(sizes[i][k / 4] >> (24 - 8 * (k % 4)));
        head[24] = 8;
        unsigned crc = 0xffffffffu;
        for (int k = 12; k < 29; k++) {
            crc ^= head[k];
            for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
        for (int k = 0; k < 4; k++) head[29 + k] = (unsigned char)(~crc >> (24 - 8 * k));
        const unsigned char idat[] = {0, 0, 0, 1, 'I', 'D', 'A', 'T', 0, 0x63, 0xf0, 0x08, 0x0a};
        memcpy(head + 33, idat, sizeof idat);
        write_bytes(place_path("huge.png"), head, i == 2 ? 60 : sizeof head);
        expect_error(place_path("huge.png"), SG_E_FORMAT, reasons[i]);
    }
}

/* ---- JPEG ---- */

/* (height, width, channels) bytes, straight from libjpeg, at best quality and without thinning the colours out. */
static void make_jpeg(const char *path, const uint8_t *data, int height, int width, int channels, bool progressive)
{
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct jpeg = {.err = jpeg_std_error(&errors)};
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = (JDIMENSION)width, jpeg.image_height = (JDIMENSION)height, jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    for (int c = 0; c < channels; c++) jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor = 1;
    if (progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        uint8_t row[4 * 64];
        JSAMPROW rows = row;
        memcpy(row, data + y * width * channels, (size_t)(width * channels));
        (void)jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_int_equal(fclose(file), 0);
}

/* A slope, so that 8 x 8 cosines hold it to a few levels. */
static uint8_t slope(int i, int channel)
{
    return (uint8_t)(20 + 9 * (i / W) + 5 * (i % W) + 25 * channel);
}

/* All colours at once are those one by one; a grey picture stays one page, and so does a page that the path names. */
static void compare_colours(const char *path, bool colour)
{
    char first[512];
    sg_image all, one;
    expect_ok(sg_image_read_as(&all, path, (sg_image_options){.colours = 3}));
    assert_int_equal(all.pages, colour ? 3 : 1);
    assert_int_equal(all.is_colours, colour);
    for (int channel = 0; channel < all.pages; channel++) {
        expect_ok(sg_image_read_as(&one, path, (sg_image_options){.channel = channel}));
        assert_memory_equal(all.data + channel * H * W, one.data, H * W * sizeof *one.data);
        sg_image_free(&one);
    }
    (void)snprintf(first, sizeof first, "%s:1", path);
    expect_ok(sg_image_read_as(&one, first, (sg_image_options){.colours = 3}));
    assert_true(one.pages == 1 && !one.is_colours);
    sg_image_free(&one);
    sg_image_free(&all);
}

static void test_jpeg_channels(void **state)
{
    (void)state;
    uint8_t gray[H * W], rgb[H * W * 3];
    sg_image image;
    for (int i = 0; i < H * W; i++) gray[i] = slope(i, 0);
    for (int i = 0; i < H * W * 3; i++) rgb[i] = slope(i / 3, i % 3);
    for (int kind = 0; kind < 4; kind++) {
        const bool colour = kind & 1;
        const char *path = place_path(kind < 2 ? "a.jpg" : "a.JPEG");
        make_jpeg(path, colour ? rgb : gray, H, W, colour ? 3 : 1, kind >= 2);
        for (int channel = 0; channel < (colour ? 3 : 1); channel++) {
            expect_ok(sg_image_read_as(&image, path, (sg_image_options){.channel = channel, .raw = kind >= 2}));
            assert_true(image.pages == 1 && image.height == H && image.width == W);
            assert_true(image.bits == 8 && !image.is_float);
            for (int i = 0; i < H * W; i++)
                if (!(fabsf(image.data[i] - slope(i, channel)) <= 2))
                    fail_msg("pixel %d: %g, not %d", i, (double)image.data[i], slope(i, channel));
            sg_image_free(&image);
        }
        compare_colours(path, colour);
        const int beyond = colour ? 3 : 1;
        assert_int_equal(sg_image_read_as(&image, path, (sg_image_options){.channel = beyond}), SG_E_FORMAT);
        assert_non_null(strstr(sg_error_text(), colour ? "channel 3 is wanted" : "channel 1 is wanted"));
    }
    make_jpeg(place_path("cmyk.jpg"), rgb, 4, 8, 4, false);
    expect_error(place_path("cmyk.jpg"), SG_E_FORMAT, "CMYK");
}

/* libjpeg itself would fill the missing part with grey and go on. */
static void test_jpeg_damage(void **state)
{
    (void)state;
    uint8_t rgb[H * W * 3];
    for (int i = 0; i < H * W * 3; i++) rgb[i] = (uint8_t)(i * i);
    for (int progressive = 0; progressive < 2; progressive++) {
        make_jpeg(place_path("whole.jpg"), rgb, H, W, 3, progressive);
        check_truncation(place_path("whole.jpg"), place_path("part.jpg"), 10);
        check_noise(place_path("whole.jpg"), place_path("noise.jpg"), 200);
    }
}

/* The size in the header is changed to more than the file can hold, and to none. */
static void test_jpeg_huge(void **state)
{
    (void)state;
    const uint8_t gray[H * W] = {0};
    void *bytes;
    size_t size;
    make_jpeg(place_path("whole.jpg"), gray, H, W, 1, false);
    expect_ok(sg_file_read(&bytes, &size, place_path("whole.jpg"), 0));
    unsigned char *frame = memmem(bytes, size, "\xff\xc0", 2); /* marker, length, bits, height, width */
    assert_non_null(frame);
    const struct {
        int height, width;
        const char *reason;
    } table[] = {{65500, 65500, "2^28"}, {16000, 16000, "cannot hold"}, {0, 16, "Empty"}, {65535, 1, "Maximum"}};
    for (int i = 0; i < 4; i++) {
        frame[5] = (unsigned char)(table[i].height >> 8), frame[6] = (unsigned char)table[i].height;
        frame[7] = (unsigned char)(table[i].width >> 8), frame[8] = (unsigned char)table[i].width;
        write_bytes(place_path("huge.jpg"), bytes, size);
        expect_error(place_path("huge.jpg"), SG_E_FORMAT, table[i].reason);
    }
    sg_free(bytes);
}

/* ---- TIFF ---- */

/* Pixels per micrometre for ImageJ, per centimetre for several pages. */
static void test_tiff_scale(void **state)
{
    (void)state;
    const uint8_t black[2 * H * W] = {0};
    for (int pages = 1; pages <= 2; pages++) {
        float resolution = 0;
        uint16_t unit = 0;
        char *description = NULL;
        expect_ok(sg_tiff_write(place_path("a.tif"), &(sg_tiff){pages, H, W, 8, black, .5}));
        TIFF *tif = TIFFOpen(place_path("a.tif"), "r");
        assert_non_null(tif);
        assert_true(TIFFGetField(tif, TIFFTAG_XRESOLUTION, &resolution) && resolution == (pages == 1 ? 2.f : 2e4f));
        assert_true(TIFFGetField(tif, TIFFTAG_RESOLUTIONUNIT, &unit));
        assert_int_equal(unit, pages == 1 ? RESUNIT_NONE : RESUNIT_CENTIMETER);
        const int described = TIFFGetField(tif, TIFFTAG_IMAGEDESCRIPTION, &description);
        assert_true(pages == 1 ? described && strstr(description, "unit=micron") : !described);
        TIFFClose(tif);
    }
}

static void test_tiff_round_trip(void **state)
{
    (void)state;
    uint8_t u8[2 * H * W];
    uint16_t u16[2 * H * W];
    float f32[2 * H * W];
    for (int i = 0; i < 2 * H * W; i++)
        u8[i] = (uint8_t)(i * 5), u16[i] = (uint16_t)(i * 111), f32[i] = (float)i * -.3f;
    const struct {
        int bits;
        const void *data;
    } kinds[] = {{8, u8}, {16, u16}, {32, f32}};
    for (int k = 0; k < 3; k++) {
        const sg_tiff tiff = {2, H, W, kinds[k].bits, kinds[k].data, .pixel_um = k ? .5 : 0};
        sg_image image;
        expect_ok(sg_tiff_write(place_path("a.tif"), &tiff));
        expect_ok(sg_image_read(&image, place_path("a.tif")));
        assert_true(image.pages == 2 && image.height == H && image.width == W);
        assert_true(image.bits == kinds[k].bits && image.is_float == (k == 2));
        for (int i = 0; i < 2 * H * W; i++)
            assert_true(image.data[i] == (k == 0 ? (float)u8[i] : k == 1 ? (float)u16[i] : f32[i]));
        sg_image_free(&image);
    }
    assert_int_equal(sg_tiff_write(place_path("b.tif"), &(sg_tiff){1, H, W, 12, u8, 0}), SG_E_RANGE);
    assert_int_equal(sg_tiff_write(place_path("b.tif"), &(sg_tiff){1, H, 0, 8, u8, 0}), SG_E_RANGE);
    assert_false(sg_file_exists(place_path("b.tif")));
}

typedef struct layout {
    uint16_t bits, format, channels, planar, compression, photometric;
    uint32_t tile;
} layout;

/* Sample (y, x, channel) = (7 y + 3 x + 50 channel) % 200, in any layout. */
static double sample_at(int y, int x, int channel)
{
    return (7 * y + 3 * x + 50 * channel) % 200;
}

static void put_sample(unsigned char *at, const layout *l, double v)
{
    const uint8_t u8 = (uint8_t)v;
    const uint16_t u16 = (uint16_t)v;
    const int32_t i32 = (int32_t)v;
    const float f32 = (float)v;
    if (l->bits == 8)
        memcpy(at, &u8, 1);
    else if (l->bits == 16)
        memcpy(at, &u16, 2);
    else if (l->bits == 64)
        memcpy(at, &v, 8);
    else if (l->format == SAMPLEFORMAT_IEEEFP)
        memcpy(at, &f32, 4);
    else
        memcpy(at, &i32, 4);
}

/* One strip or tile: rows y0.., columns x0.. of plane (or of all channels). */
static void fill_block(unsigned char *block, const layout *l, int height, int width, int y0, int x0, int plane)
{
    const int channels = l->planar == PLANARCONFIG_SEPARATE ? 1 : l->channels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                put_sample(block + ((size_t)(y * width + x) * (size_t)channels + (size_t)c) * (l->bits / 8u), l,
                           sample_at(y0 + y, x0 + x, plane + c));
}

static void make_tiff(const char *path, const layout *l, int height, int width)
{
    TIFF *tif = TIFFOpen(path, "w");
    assert_non_null(tif);
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, l->bits);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, l->channels);
    TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, l->format);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, l->planar);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, l->compression);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, l->photometric);
    const int bh = l->tile ? (int)l->tile : 4, bw = l->tile ? (int)l->tile : width;
    if (l->tile)
        TIFFSetField(tif, TIFFTAG_TILEWIDTH, bw), TIFFSetField(tif, TIFFTAG_TILELENGTH, bh);
    else
        TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, bh);
    const int planes = l->planar == PLANARCONFIG_SEPARATE ? l->channels : 1;
    unsigned char *block = malloc((size_t)bh * (size_t)bw * l->channels * 8u);
    assert_non_null(block);
    for (int plane = 0; plane < planes; plane++)
        for (int y = 0; y < height; y += bh)
            for (int x = 0; x < width; x += bw) {
                const int rows = l->tile || y + bh <= height ? bh : height - y;
                fill_block(block, l, rows, bw, y, x, plane);
                const tmsize_t bytes =
                    (tmsize_t)((size_t)rows * (size_t)bw * (l->bits / 8u) * (size_t)(planes > 1 ? 1 : l->channels));
                if (l->tile)
                    assert_true(TIFFWriteEncodedTile(tif,
                                                     TIFFComputeTile(tif, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane),
                                                     block, bytes) >= 0);
                else
                    assert_true(TIFFWriteEncodedStrip(tif, TIFFComputeStrip(tif, (uint32_t)y, (uint16_t)plane), block,
                                                      bytes) >= 0);
            }
    free(block);
    TIFFClose(tif);
}

/* A few rows at a time, which do not divide the blocks, last ones first: as when the page is read at once. */
static void check_rows(const char *path, int channel, const sg_image *whole)
{
    enum { STEP = 5 };
    float rows[STEP * 64];
    sg_tiff_reader *reader;
    expect_ok(sg_tiff_open(&reader, path, (sg_image_options){.channel = channel}));
    for (int row = (whole->height - 1) / STEP * STEP; row >= 0; row -= STEP) {
        const int count = whole->height - row < STEP ? whole->height - row : STEP;
        expect_ok(sg_tiff_rows(reader, rows, 0, row, count));
        assert_memory_equal(rows, whole->data + row * whole->width, (size_t)(count * whole->width) * sizeof *rows);
    }
    sg_tiff_close(reader);
}

static void test_tiff_layouts(void **state)
{
    (void)state;
    static const layout layouts[] = {
        {8, SAMPLEFORMAT_UINT, 1, 1, COMPRESSION_LZW, PHOTOMETRIC_MINISBLACK, 0},
        {16, SAMPLEFORMAT_UINT, 1, 1, COMPRESSION_ADOBE_DEFLATE, PHOTOMETRIC_MINISBLACK, 16},
        {16, SAMPLEFORMAT_INT, 1, 1, COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 0},
        {32, SAMPLEFORMAT_UINT, 1, 1, COMPRESSION_PACKBITS, PHOTOMETRIC_MINISBLACK, 0},
        {8, SAMPLEFORMAT_UINT, 3, PLANARCONFIG_CONTIG, COMPRESSION_NONE, PHOTOMETRIC_RGB, 0},
        {16, SAMPLEFORMAT_UINT, 3, PLANARCONFIG_SEPARATE, COMPRESSION_LZW, PHOTOMETRIC_RGB, 16},
        {8, SAMPLEFORMAT_UINT, 4, PLANARCONFIG_SEPARATE, COMPRESSION_NONE, PHOTOMETRIC_RGB, 0},
        {32, SAMPLEFORMAT_IEEEFP, 2, PLANARCONFIG_CONTIG, COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 16},
        {64, SAMPLEFORMAT_IEEEFP, 1, 1, COMPRESSION_ADOBE_DEFLATE, PHOTOMETRIC_MINISBLACK, 0},
        {8, SAMPLEFORMAT_UINT, 1, 1, COMPRESSION_NONE, PHOTOMETRIC_MINISWHITE, 0},
    };
    enum { HEIGHT = 37, WIDTH = 41 };
    for (size_t k = 0; k < sizeof layouts / sizeof *layouts; k++)
        for (int channel = 0; channel < layouts[k].channels; channel++) {
            sg_image image;
            make_tiff(place_path("l.tif"), &layouts[k], HEIGHT, WIDTH);
            expect_ok(sg_image_read_as(&image, place_path("l.tif"), (sg_image_options){.channel = channel}));
            assert_true(image.height == HEIGHT && image.width == WIDTH && image.pages == 1);
            for (int i = 0; i < HEIGHT * WIDTH; i++) {
                double expected = sample_at(i / WIDTH, i % WIDTH, channel);
                if (layouts[k].photometric == PHOTOMETRIC_MINISWHITE) expected = 255 - expected;
                if (!((double)image.data[i] == expected))
                    fail_msg("layout %zu channel %d pixel %d: %g, not %g", k, channel, i, (double)image.data[i],
                             expected);
            }
            check_rows(place_path("l.tif"), channel, &image);
            sg_image_free(&image);
        }
}

/* Pages in any order; what is announced must come; nothing stands there before. */
static void test_tiff_row_by_row(void **state)
{
    enum { PAGES = 3, TALL = 70, WIDE = 9000 }; /* several strips of a megabyte */
    static float data[PAGES * TALL * WIDE], row[WIDE];
    const sg_tiff_form form = {PAGES, TALL, WIDE, 32, .5, true};
    sg_tiff_writer *writer;
    sg_tiff_reader *reader;
    (void)state;
    for (int i = 0; i < PAGES * TALL * WIDE; i++) data[i] = (float)(i % 1000) / 7;
    expect_ok(sg_tiff_create(&writer, place_path("rows.tif"), &form));
    expect_ok(sg_tiff_append(writer, data, TALL + 1));
    assert_false(sg_file_exists(place_path("rows.tif")));
    expect_ok(sg_tiff_append(writer, data + (TALL + 1) * WIDE, (PAGES - 1) * TALL - 1));
    assert_int_equal(sg_tiff_append(writer, data, 1), SG_E_STATE);
    expect_ok(sg_tiff_finish(writer));
    expect_ok(sg_tiff_open(&reader, place_path("rows.tif"), (sg_image_options){0}));
    assert_int_equal(sg_tiff_info_of(reader)->pages, PAGES);
    for (int i = 0; i < 12; i++) {
        const int page = (7 - i % 3 * 2) % PAGES, at = i * 29 % TALL;
        expect_ok(sg_tiff_rows(reader, row, page, at, 1));
        assert_memory_equal(row, data + (page * TALL + at) * WIDE, sizeof row);
    }
    sg_tiff_close(reader);
    expect_ok(sg_tiff_create(&writer, place_path("part_of.tif"), &form));
    expect_ok(sg_tiff_append(writer, data, 3));
    assert_int_equal(sg_tiff_finish(writer), SG_E_STATE);
    assert_false(sg_file_exists(place_path("part_of.tif")));
}

static void test_tiff_unsupported(void **state)
{
    (void)state;
    const layout cmyk = {8, SAMPLEFORMAT_UINT, 4, 1, COMPRESSION_NONE, PHOTOMETRIC_SEPARATED, 0};
    const layout complex64 = {64, SAMPLEFORMAT_COMPLEXIEEEFP, 1, 1, COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 0};
    const layout plain = {8, SAMPLEFORMAT_UINT, 1, 1, COMPRESSION_NONE, PHOTOMETRIC_MINISBLACK, 0};
    make_tiff(place_path("cmyk.tif"), &cmyk, 8, 8);
    expect_error(place_path("cmyk.tif"), SG_E_FORMAT, "photometric interpretation 5");
    make_tiff(place_path("complex.tif"), &complex64, 8, 8);
    expect_error(place_path("complex.tif"), SG_E_FORMAT, "64 bits");
    make_tiff(place_path("volume.tif"), &plain, 8, 8);
    TIFF *tif = TIFFOpen(place_path("volume.tif"), "r+");
    assert_true(tif && TIFFSetField(tif, TIFFTAG_IMAGEDEPTH, 5) && TIFFRewriteDirectory(tif));
    TIFFClose(tif);
    expect_error(place_path("volume.tif"), SG_E_FORMAT, "5 planes");
    void *bytes;
    size_t size;
    make_tiff(place_path("c.tif"), &plain, 8, 8);
    expect_ok(sg_file_read(&bytes, &size, place_path("c.tif"), 0));
    unsigned char *at = bytes; /* tag 259 (compression), type 3, count 1, value 1 -> 4321 */
    const uint16_t tag[2] = {259, 3}, value = 4321;
    size_t i = 0;
    while (i + 10 < size && memcmp(at + i, tag, 4) != 0) i++;
    memcpy(at + i + 8, &value, 2);
    write_bytes(place_path("c.tif"), bytes, size);
    sg_free(bytes);
    expect_error(place_path("c.tif"), SG_E_FORMAT, "4321");
}

static void test_tiff_damage(void **state)
{
    (void)state;
    uint8_t u8[2 * H * W];
    for (int i = 0; i < 2 * H * W; i++) u8[i] = (uint8_t)(i * i);
    expect_ok(sg_tiff_write(place_path("whole.tif"), &(sg_tiff){2, H, W, 8, u8, .5}));
    check_truncation(place_path("whole.tif"), place_path("part.tif"), 7);
    check_noise(place_path("whole.tif"), place_path("noise.tif"), 200);
}

/* A valid file whose width, height and rows-per-strip tags are then overwritten. */
static void test_tiff_huge(void **state)
{
    (void)state;
    const uint8_t black[900] = {0};
    const uint32_t sizes[] = {0x80000000u, 65536, 16384};
    const char *reasons[] = {"", "2^28", "cannot hold"};
    for (int k = 0; k < 3; k++) {
        void *bytes;
        size_t size;
        expect_ok(sg_tiff_write(place_path("huge.tif"), &(sg_tiff){1, 30, 30, 8, black, 0}));
        expect_ok(sg_file_read(&bytes, &size, place_path("huge.tif"), 0));
        unsigned char *at = bytes;
        for (size_t i = 0; i + 12 < size; i++) {
            uint16_t entry[2];
            uint32_t count;
            memcpy(entry, at + i, 4);
            memcpy(&count, at + i + 4, 4);
            if ((entry[0] != 256 && entry[0] != 257 && entry[0] != 278) || (entry[1] != 3 && entry[1] != 4) ||
                count != 1)
                continue;
            entry[1] = 4; /* LONG */
            memcpy(at + i, entry, 4);
            memcpy(at + i + 8, &sizes[k], 4);
        }
        write_bytes(place_path("huge.tif"), bytes, size);
        sg_free(bytes);
        expect_error(place_path("huge.tif"), SG_E_FORMAT, reasons[k]);
    }
}

static void test_nan(void **state)
{
    (void)state;
    float f32[2 * H * W] = {0};
    f32[H * W + 3 * W + 5] = NAN;
    expect_ok(sg_tiff_write(place_path("nan.tif"), &(sg_tiff){2, H, W, 32, f32, 0}));
    expect_error(place_path("nan.tif"), SG_E_NUMERIC, "NaN at page 1, row 3, column 5");
    f32[7] = -INFINITY;
    expect_ok(sg_tiff_write(place_path("nan.tif"), &(sg_tiff){2, H, W, 32, f32, 0}));
    expect_error(place_path("nan.tif"), SG_E_NUMERIC, "Inf at page 0, row 0, column 7");
    assert_int_equal(sg_image_scale(f32, 2 * H * W, "picture.tif"), SG_E_NUMERIC);
    assert_non_null(strstr(sg_error_text(), "picture.tif"));
}

static void test_tiff_page_sizes(void **state)
{
    (void)state;
    TIFF *tif = TIFFOpen(place_path("sizes.tif"), "w");
    assert_non_null(tif);
    for (int page = 0; page < 2; page++) {
        unsigned char row[8] = {0};
        TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, 8 - page);
        TIFFSetField(tif, TIFFTAG_IMAGELENGTH, 1);
        TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8);
        TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
        assert_true(TIFFWriteEncodedStrip(tif, 0, row, 8 - page) >= 0);
        assert_true(TIFFWriteDirectory(tif));
    }
    TIFFClose(tif);
    expect_error(place_path("sizes.tif"), SG_E_FORMAT, "page 1 is 7 x 1 pixels, the first one 8 x 1");
}

/* What others read: the numbers stand in tests/python/read_pictures.py once more. */
static void test_others_read(void **state)
{
    (void)state;
    uint8_t u8[2 * H * W], rgb[H * W * 3];
    uint16_t u16[2 * H * W];
    float f32[2 * H * W];
    char command[600];
    const char *root = getenv("SG_TEST_SOURCE");
    for (int i = 0; i < 2 * H * W; i++)
        u8[i] = (uint8_t)(i * 5), u16[i] = (uint16_t)(i * 111), f32[i] = (float)i * -.3f;
    expect_ok(sg_tiff_write(place_path("8.tif"), &(sg_tiff){2, H, W, 8, u8, 0}));
    expect_ok(sg_tiff_write(place_path("16.tif"), &(sg_tiff){2, H, W, 16, u16, .5}));
    expect_ok(sg_tiff_write(place_path("one.tif"), &(sg_tiff){1, H, W, 16, u16, .5}));
    expect_ok(sg_tiff_write(place_path("32.tif"), &(sg_tiff){2, H, W, 32, f32, .5}));
    for (int i = 0; i < H * W; i++) u8[i] = (uint8_t)(i * 37), u16[i] = (uint16_t)(i * 2999);
    for (int i = 0; i < H * W * 3; i++) rgb[i] = (uint8_t)(i * 11);
    expect_ok(sg_png_write_gray8(place_path("8.png"), u8, H, W));
    expect_ok(sg_png_write_gray16(place_path("16.png"), u16, H, W));
    expect_ok(sg_png_write_rgb(place_path("rgb.png"), rgb, H, W));
    (void)snprintf(command, sizeof command, "python3 '%s/tests/python/read_pictures.py' '%s' >/dev/null 2>&1",
                   root ? root : ".", place);
    const int status = system(command), code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (code == 77 || code == 127) {
        print_message("# python3 with tifffile and Pillow is not there\n");
        skip();
    }
    if (code != 0) fail_msg("python3 tests/python/read_pictures.py %s: exit %d", place, code);
}

/* ---- MATLAB ---- */

static void write_mat(const char *path, enum matio_compression compression)
{
    float stack[4 * 3 * 5];
    double number = 2.5, complex_re[4] = {1, 2, 3, 4};
    size_t dims[3] = {4, 3, 5}, one[2] = {1, 1}, row[2] = {1, 4};
    for (int i = 0; i < 60; i++) stack[i] = (float)i;
    mat_t *mat = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    matvar_t *vars[3] = {Mat_VarCreate("imlow", MAT_C_SINGLE, MAT_T_SINGLE, 3, dims, stack, 0),
                         Mat_VarCreate("wavelength", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, one, &number, 0),
                         Mat_VarCreate("row", MAT_C_DOUBLE, MAT_T_DOUBLE, 2, row, complex_re, 0)};
    assert_non_null(mat);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(Mat_VarWrite(mat, vars[i], compression), 0);
        Mat_VarFree(vars[i]);
    }
    (void)Mat_Close(mat);
}

static void test_mat(void **state)
{
    (void)state;
    const enum matio_compression kinds[] = {MAT_COMPRESSION_NONE, MAT_COMPRESSION_ZLIB};
    for (int k = 0; k < 2; k++) {
        sg_image image;
        double number = 0;
        write_mat(place_path("a.mat"), kinds[k]);
        expect_ok(sg_mat_read_array(&image, place_path("a.mat"), "imlow"));
        assert_true(image.pages == 5 && image.height == 4 && image.width == 3 && image.is_float);
        for (int p = 0, i = 0; p < 5; p++)
            for (int y = 0; y < 4; y++)
                for (int x = 0; x < 3; x++, i++) assert_true(image.data[i] == (float)((p * 3 + x) * 4 + y));
        sg_image_free(&image);
        expect_ok(sg_image_read(&image, place_path("a.mat")));
        assert_int_equal(image.pages, 5);
        sg_image_free(&image);
        expect_ok(sg_mat_read_scalar(&number, place_path("a.mat"), "wavelength"));
        assert_true(number == 2.5);
        assert_int_equal(sg_mat_read_scalar(&number, place_path("a.mat"), "row"), SG_E_FORMAT);
        assert_int_equal(sg_mat_read_array(&image, place_path("a.mat"), "imhigh"), SG_E_FORMAT);
        assert_non_null(strstr(sg_error_text(), "no variable 'imhigh'"));
        assert_non_null(strstr(sg_error_text(), "imlow (4 x 3 x 5), wavelength (1 x 1), row (1 x 4)"));
    }
}

/* Every cut that is not between two variables is an error. */
static void test_mat_damage(void **state)
{
    (void)state;
    void *bytes;
    size_t size;
    sg_image image;
    write_mat(place_path("whole.mat"), MAT_COMPRESSION_NONE);
    expect_ok(sg_file_read(&bytes, &size, place_path("whole.mat"), 0));
    for (size_t cut = 0; cut < 128 + 60 * 4; cut += 3) {
        write_bytes(place_path("part.mat"), bytes, cut);
        if (sg_mat_read_array(&image, place_path("part.mat"), "imlow") == SG_OK)
            fail_msg("cut to %zu bytes it was read", cut);
        assert_non_null(strstr(sg_error_text(), "part.mat"));
    }
    sg_free(bytes);
}

/* ---- .npy and HDF5 ---- */

/* A .npy file of version 1 with any dictionary. */
static void make_npy(const char *path, const char *dictionary, const void *numbers, size_t size)
{
    unsigned char bytes[512] = "\x93NUMPY\x01";
    const size_t length = strlen(dictionary);
    bytes[8] = (unsigned char)length;
    memcpy(bytes + 10, dictionary, length);
    memcpy(bytes + 10 + length, numbers, size);
    write_bytes(path, bytes, 10 + length + size);
}

#define DICTIONARY(type, order, shape) "{'descr': '" type "', 'fortran_order': " order ", 'shape': " shape ", }"

static void test_npy(void **state)
{
    (void)state;
    static const float numbers[24] = {0, 1.5f, -2, 3e7f, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const uint16_t words[6] = {0, 1, 2, 65535, 4, 5};
    static const double reals[6] = {.25, 1e-3, 2, 3, 4, 5};
    sg_image image;
    for (int pages = 1; pages <= 2; pages++) {
        expect_ok(sg_npy_write(place_path("a.npy"), numbers, pages, 3, 4));
        expect_ok(sg_image_read(&image, place_path("a.npy")));
        assert_true(image.pages == pages && image.height == 3 && image.width == 4 && image.is_float);
        assert_memory_equal(image.data, numbers, (size_t)pages * 12 * sizeof *numbers);
        sg_image_free(&image);
    }
    check_truncation(place_path("a.npy"), place_path("cut.npy"), 1);
    make_npy(place_path("w.npy"), DICTIONARY("<u2", "False", "(2, 3)"), words, sizeof words);
    expect_ok(sg_image_read(&image, place_path("w.npy")));
    assert_true(image.height == 2 && image.width == 3 && image.data[3] == 65535 && image.bits == 16);
    sg_image_free(&image);
    make_npy(place_path("d.npy"), DICTIONARY("<f8", "False", "(6,)"), reals, sizeof reals);
    expect_ok(sg_image_read(&image, place_path("d.npy")));
    assert_true(image.height == 1 && image.width == 6 && image.data[1] == 1e-3f);
    sg_image_free(&image);
}

static void test_npy_refused(void **state)
{
    (void)state;
    static const float numbers[6] = {0, 1, NAN, 3, 4, 5};
    static const struct {
        const char *dictionary, *reason;
    } table[] = {
        {DICTIONARY("<f3", "False", "(2, 3)"), "type <f3"},
        {DICTIONARY("<U4", "False", "(2, 3)"), "type <U4"},
        {DICTIONARY("<c8", "False", "(2, 3)"), "type <c8"},
        {DICTIONARY("<f4", "False", "(2, 4)"), "needs 32"},
        {DICTIONARY("<f4", "False", "(2, 2)"), "needs 16"},
        {DICTIONARY("<f4", "False", "(2, 0)"), "shape"},
        {DICTIONARY("<f4", "False", "(2, -3)"), "shape"},
        {DICTIONARY("<f4", "False", "(99999999999999999999, 3)"), "shape"},
        {DICTIONARY("<f4", "False", "(65536, 65536)"), "needs 17179869184"},
        {DICTIONARY("<f4", "False", "(1, 1, 2, 3)"), "dataset.axes"},
        {DICTIONARY("<f4", "False", "(1, 1, 1, 1, 1, 1, 1, 2, 3)"), "rank"},
        {DICTIONARY("<f4", "False", "()"), "rank"},
        {"{'fortran_order': False, 'shape': (2, 3), }", "lacks type"},
        {"{'descr': '<f4', 'shape': (2, 3), }", "lacks type or order"},
        {"", "lacks type"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        make_npy(place_path("bad.npy"), table[i].dictionary, numbers, sizeof numbers);
        expect_error(place_path("bad.npy"), SG_E_FORMAT, table[i].reason);
    }
    make_npy(place_path("nan.npy"), DICTIONARY("<f4", "False", "(2, 3)"), numbers, sizeof numbers);
    expect_error(place_path("nan.npy"), SG_E_NUMERIC, "NaN at page 0, row 0, column 2");
    write_bytes(place_path("new.npy"), "\x93NUMPY\x04\x00\x02\x00\x00\x00{}", 14);
    expect_error(place_path("new.npy"), SG_E_FORMAT, "version 4");
    write_bytes(place_path("long.npy"), "\x93NUMPY\x02\x00\xff\xff\xff\x7f{}", 14);
    expect_error(place_path("long.npy"), SG_E_FORMAT, "header of");
}

static void test_hdf5(void **state)
{
    (void)state;
    static const double numbers[6] = {0, 1, 2, 3, 4.5, 5};
    const hsize_t size[2] = {2, 3};
    const hid_t file = H5Fcreate(place_path("a.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                group = H5Gcreate2(file, "maps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                space = H5Screate_simple(2, size, NULL),
                set = H5Dcreate2(group, "gain", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers) >= 0);
    H5Dclose(set), H5Sclose(space), H5Gclose(group), H5Fclose(file);
    sg_image image;
    char path[300];
    (void)snprintf(path, sizeof path, "%s:/maps/gain", place_path("a.h5"));
    expect_ok(sg_image_read(&image, path));
    assert_true(image.pages == 1 && image.height == 2 && image.width == 3 && image.bits == 64);
    assert_true(image.data[4] == 4.5f && image.data[5] == 5);
    sg_image_free(&image);
    expect_error(place_path("a.h5"), SG_E_FORMAT, ".h5:/array");
    (void)snprintf(path, sizeof path, "%s:/maps/other", place_path("a.h5"));
    assert_int_equal(sg_image_read(&image, path), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "no array /maps/other"));
    (void)snprintf(path, sizeof path, "%s:/maps", place_path("none.h5"));
    assert_int_equal(sg_image_read(&image, path), SG_E_IO);
    write_bytes(place_path("junk.h5"), "nothing of the kind", 19);
    (void)snprintf(path, sizeof path, "%s:/maps", place_path("junk.h5"));
    assert_int_equal(sg_image_read(&image, path), SG_E_FORMAT);
}

/* ---- scaling ---- */

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void test_percentile(void **state)
{
    (void)state;
    float x[1001], sorted[1001];
    unsigned random = 1;
    for (int i = 0; i < 1001; i++) {
        random = random * 1664525u + 1013904223u;
        x[i] = ldexpf((float)(int32_t)random, (int)(random >> 5 & 31) - 40);
    }
    x[10] = 0, x[11] = -0.f, x[12] = x[13];
    memcpy(sorted, x, sizeof x);
    qsort(sorted, 1001, sizeof *sorted, compare);
    for (int i = 0; i <= 1000; i++)
        if (!(sg_percentile(x, 1001, i / 10.) == (double)sorted[i]) &&
            !(fabs(sg_percentile(x, 1001, i / 10.) / (double)sorted[i] - 1) < 1e-4))
            fail_msg("percentile %g: %g, not %g", i / 10., sg_percentile(x, 1001, i / 10.), (double)sorted[i]);
    assert_true(sg_percentile((const float[]){1, 3}, 2, 25) == 1.5);
    assert_true(sg_percentile((const float[]){7}, 1, 99.8) == 7);
}

/* The definition: between the order statistics, in double. */
static double sorted_percentile(const float *x, int len, double p)
{
    float *sorted = malloc((size_t)len * sizeof *sorted);
    memcpy(sorted, x, (size_t)len * sizeof *sorted);
    qsort(sorted, (size_t)len, sizeof *sorted, compare);
    const double position = p / 100 * (len - 1);
    const int below = (int)position, above = below + 1 < len ? below + 1 : below;
    const double lo = (double)sorted[below], hi = (double)sorted[above];
    free(sorted);
    return lo + (position - below) * (hi - lo);
}

/* `x` (side, side) as a TIFF of 8 or 16 bits: numbers, type, hash and scale by way of a raster are those of floats. */
static void compare_ways(const uint16_t *x, int side, int bits)
{
    const int len = side * side;
    uint8_t *u8 = malloc((size_t)len);
    for (int i = 0; i < len; i++) u8[i] = (uint8_t)x[i];
    const sg_tiff tiff = {
        .pages = 1, .height = side, .width = side, .bits = bits, .data = bits == 8 ? u8 : (const void *)x};
    expect_ok(sg_tiff_write(place_path("whole.tif"), &tiff));
    sg_image image;
    sg_raster whole, packed;
    sg_sample_scale scale;
    expect_ok(sg_image_read(&image, place_path("whole.tif")));
    expect_ok(sg_raster_read(&whole, place_path("whole.tif"), (sg_image_options){0}));
    assert_non_null(whole.data);
    expect_ok(sg_raster_scales(&scale, &whole, "whole"));
    const double lo = sorted_percentile(image.data, len, 1), hi = sorted_percentile(image.data, len, 99.8);
    if (!(scale.lo == lo) || !(hi > lo ? scale.range == hi - lo : isinf(scale.range)))
        fail_msg("%d pixels of %d bits: from %.17g over %.17g, not %.17g to %.17g", len, bits, scale.lo, scale.range,
                 lo, hi);
    expect_ok(sg_raster_pack(&whole, sg_raster_most(&whole), "whole"));
    expect_ok(sg_raster_pack_f32(&packed, image.data, 1, side, side, "packed"));
    assert_int_equal(whole.number, packed.number);
    assert_memory_equal(whole.data, packed.data, sg_raster_bytes(&packed));
    assert_true(whole.hash == packed.hash);
    sg_raster_free(&whole);
    sg_raster_free(&packed);
    free(u8);
}

/* Ties, a constant, one pixel, the extremes of 16 bits, 8-bit numbers in 16. */
static void test_whole_numbers(void **state)
{
    (void)state;
    enum { SIDE = 61 };
    uint16_t noise[SIDE * SIDE], ties[SIDE * SIDE], flat[SIDE * SIDE], ends[SIDE * SIDE];
    unsigned random = 7;
    for (int i = 0; i < SIDE * SIDE; i++) {
        random = random * 1664525u + 1013904223u;
        noise[i] = (uint16_t)(random >> 16);
        ties[i] = (uint16_t)(random >> 30);
        flat[i] = 65535;
        ends[i] = random >> 31 ? 65535 : 0;
    }
    const uint16_t *const all[] = {noise, ties, flat, ends};
    for (int i = 0; i < 4; i++)
        for (int side = 1; side <= SIDE; side += 12)
            for (int bits = 8; bits <= 16; bits += 8) compare_ways(all[i], side, bits);
}

/* What is not a plain picture of whole numbers is left to the way of floats; what is damaged says the same on both. */
static void test_whole_refused(void **state)
{
    (void)state;
    const float f32[4] = {0, 1, 2, .5f};
    const uint16_t u16[4] = {1, 2, 3, 4};
    const sg_tiff is_float = {.pages = 1, .height = 2, .width = 2, .bits = 32, .data = f32},
                  is_whole = {.pages = 1, .height = 2, .width = 2, .bits = 16, .data = u16};
    sg_raster raster;
    expect_ok(sg_tiff_write(place_path("f.tif"), &is_float));
    expect_ok(sg_raster_read(&raster, place_path("f.tif"), (sg_image_options){0}));
    assert_null(raster.data);
    expect_ok(sg_raster_read(&raster, place_path("f.png"), (sg_image_options){0})); /* not a TIFF, and not there */
    assert_null(raster.data);
    assert_int_equal(sg_raster_read(&raster, place_path("none.tif"), (sg_image_options){0}), SG_E_IO);
    expect_ok(sg_tiff_write(place_path("cut.tif"), &is_whole));
    char said[512];
    struct stat about;
    assert_int_equal(stat(place_path("cut.tif"), &about), 0);
    for (long size = about.st_size - 1; size > 0; size -= 7) {
        assert_int_equal(truncate(place_path("cut.tif"), size), 0);
        const sg_status status = sg_raster_read(&raster, place_path("cut.tif"), (sg_image_options){0});
        (void)snprintf(said, sizeof said, "%s", sg_error_text());
        assert_int_not_equal(status, SG_OK);
        assert_null(raster.data);
        expect_error(place_path("cut.tif"), status, said);
    }
}

static void test_scale(void **state)
{
    (void)state;
    float x[1001];
    for (int i = 0; i <= 1000; i++) x[i] = (float)i;
    expect_ok(sg_image_scale(x, 1001, "ramp"));
    assert_true(x[0] == 0 && x[10] == 0 && x[998] == 1 && x[1000] == 1);
    assert_true(fabs((double)x[504] - .5) < 1e-6);
    float flat[5] = {3, 3, 3, 3, 3};
    expect_ok(sg_image_scale(flat, 5, "flat"));
    for (int i = 0; i < 5; i++) assert_true(flat[i] == 0);
}

int main(void)
{
    (void)TIFFSetWarningHandler(NULL);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
        TEST(test_png_round_trip),   TEST(test_png_colour_types),
        TEST(test_png_damage),       TEST(test_not_pictures),
        TEST(test_jpeg_channels),    TEST(test_jpeg_damage),
        TEST(test_jpeg_huge),        TEST(test_png_huge),
        TEST(test_tiff_round_trip),  TEST(test_tiff_scale),
        TEST(test_tiff_layouts),     TEST(test_tiff_row_by_row),
        TEST(test_tiff_unsupported), TEST(test_tiff_damage),
        TEST(test_tiff_huge),        TEST(test_nan),
        TEST(test_tiff_page_sizes),  TEST(test_mat),
        TEST(test_mat_damage),       TEST(test_npy),
        TEST(test_npy_refused),      TEST(test_hdf5),
        TEST(test_percentile),       TEST(test_scale),
        TEST(test_others_read),      TEST(test_whole_numbers),
        TEST(test_whole_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
