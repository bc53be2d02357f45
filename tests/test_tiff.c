/* test_tiff.c - TIFF of every depth and layout, stacks of ImageJ, OME-TIFF, and axes of .npy and HDF5: read as tifffile,
 * NumPy and h5py wrote them, written as tifffile reads it; and damaged ones, each of which gives one line that names it. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/csv.h"
#include "datasets/image.h"
#include "datasets/npy.h"
#include "datasets/tiff.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tiffio.h>

#include <cmocka.h>

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* ---- beside tifffile, NumPy and h5py ---- */

/* Runs a script of tests/python on the folder; skips where a module is missing. */
static void run_python(const char *script)
{
    char command[700];
    const char *root = getenv("SG_TEST_SOURCE");
    (void)snprintf(command, sizeof command, "python3 '%s/tests/python/%s' '%s' >'%s/out' 2>&1", root ? root : ".",
                   script, place, place);
    const int status = system(command), code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (code == 77 || code == 127) {
        print_message("# python3 with tifffile, NumPy and h5py is not there\n");
        skip();
    }
    char *out = place_get("out");
    if (code != 0) fail_msg("tests/python/%s %s: exit %d: %s", script, place, code, out);
    sg_free(out);
}

static void check_pages(const char *name, const sg_image *got, const sg_image *want)
{
    if (got->pages != want->pages || got->height != want->height || got->width != want->width)
        fail_msg("%s: %d pages of %d x %d, not %d of %d x %d", name, got->pages, got->width, got->height, want->pages,
                 want->width, want->height);
    const size_t len = (size_t)got->pages * (size_t)got->height * (size_t)got->width;
    for (size_t i = 0; i < len; i++)
        if (!(got->data[i] == want->data[i]))
            fail_msg("%s: number %zu is %.9g, not %.9g", name, i, (double)got->data[i], (double)want->data[i]);
}

static void check_row(const sg_csv *table, int row)
{
    const char *file = sg_csv_text(table, row, 0), *pages = sg_csv_text(table, row, 5);
    char path[64];
    double channel, um[2];
    sg_image got, want;
    must(sg_csv_number(&channel, table, row, 4));
    for (int i = 0; i < 2; i++) must(sg_csv_number(&um[i], table, row, 6 + i));
    (void)snprintf(path, sizeof path, "want_%s.npy", sg_csv_text(table, row, 1));
    must(sg_image_read(&want, place_path(path)));
    must(sg_image_read_as(&got, place_path(file),
                          (sg_image_options){.axes = sg_csv_text(table, row, 2),
                                             .take = sg_csv_text(table, row, 3),
                                             .channel = (int)channel}));
    check_pages(file, &got, &want);
    if (strcmp(got.axes, pages) != 0) fail_msg("%s: pages are '%s', not '%s'", file, got.axes, pages);
    if (!(fabs(got.pixel_um[0] - um[0]) <= 1e-6 && fabs(got.pixel_um[1] - um[1]) <= 1e-6))
        fail_msg("%s: pixels of %g x %g um, not %g x %g", file, got.pixel_um[0], got.pixel_um[1], um[0], um[1]);
    sg_image_free(&got);
    sg_image_free(&want);
}

static void test_python_writes(void **state)
{
    (void)state;
    sg_csv table;
    run_python("write_pictures.py");
    must(sg_csv_read(&table, place_path("table.csv")));
    assert_true(table.rows > 130);
    for (int row = 0; row < table.rows; row++) check_row(&table, row);
    sg_csv_free(&table);
}

/* ---- files made by libtiff ---- */

typedef struct kind {
    const char *name, *mode; /* of TIFFOpen: b big-endian, 8 BigTIFF */
    uint16_t bits, format, channels, planar, compression, photometric;
    int pages;
    bool tiled;
    uint16_t fill_order; /* 0: the usual one */
    const char *description;
} kind;

enum { HEIGHT = 37, WIDTH = 45, TILE = 16, ROWS = 8, PLANE_BYTES = 48 * 48 * 8 * 3 };

/* What stands there: whole, the same for every machine; floats are multiples of 1/8. */
static int64_t level_at(const kind *k, int page, int y, int x, int channel)
{
    const uint32_t mixed = (uint32_t)(page * 7919 + y * 211 + x * 37 + channel * 5003) * 2654435761u >> 8;
    if (k->compression == COMPRESSION_JPEG || k->compression == COMPRESSION_SGILOG)
        return 60 + 2 * y + x + 20 * channel;
    if (k->format == SAMPLEFORMAT_IEEEFP) return (int64_t)(mixed % 4096) - 2048;
    const uint64_t range = k->bits < 24 ? 1ull << k->bits : 1ull << 24;
    const int64_t v = (int64_t)(mixed % range);
    return k->format == SAMPLEFORMAT_INT ? v - (int64_t)(range / 2) : v;
}

static uint64_t half_bits(double v)
{
    int exponent;
    const double fraction = frexp(fabs(v), &exponent);
    if (!(v > 0 || v < 0)) return 0;
    return (v < 0 ? 0x8000u : 0u) | (uint64_t)(exponent + 14) << 10 | ((uint64_t)(fraction * 2048) & 1023);
}

static uint64_t sample_bits(const kind *k, int64_t level)
{
    const float f32 = (float)level / 8;
    const double f64 = (double)level / 8;
    uint32_t u32;
    uint64_t u64;
    if (k->format != SAMPLEFORMAT_IEEEFP) return (uint64_t)level;
    if (k->bits == 16) return half_bits(f64);
    if (k->bits == 32) return memcpy(&u32, &f32, sizeof u32), u32;
    return memcpy(&u64, &f64, sizeof u64), u64;
}

/* Sample `index` of a row: whole bytes as this machine has them, fewer bits from the highest one on. */
static void put_sample(unsigned char *row, size_t index, int bits, uint64_t v)
{
    if (bits % 8 == 0) {
        memcpy(row + index * (size_t)bits / 8, &v, (size_t)bits / 8);
        return;
    }
    for (int i = 0; i < bits; i++) {
        const size_t at = index * (size_t)bits + (size_t)i;
        if (v >> (bits - 1 - i) & 1) row[at / 8] |= (unsigned char)(128 >> at % 8);
    }
}

static void fill_block(unsigned char *block, const kind *k, int page, int height, int width, int y0, int x0, int plane)
{
    const int channels = k->planar == PLANARCONFIG_SEPARATE ? 1 : k->channels;
    const size_t row = ((size_t)width * (size_t)channels * k->bits + 7) / 8;
    memset(block, 0, PLANE_BYTES);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                put_sample(block + (size_t)y * row, (size_t)(x * channels + c), k->bits,
                           sample_bits(k, level_at(k, page, y0 + y, x0 + x, plane + c)));
}

static void set_tags(TIFF *tif, const kind *k)
{
    static uint16_t palette[3][256];
    for (int i = 0; i < 256; i++)
        palette[0][i] = (uint16_t)(i * 257), palette[1][i] = (uint16_t)(i * 100), palette[2][i] = 0;
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, WIDTH);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, HEIGHT);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, k->bits);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, k->channels);
    TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, k->format);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, k->planar ? k->planar : PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, k->compression);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, k->photometric);
    if (k->fill_order) TIFFSetField(tif, TIFFTAG_FILLORDER, k->fill_order);
    if (k->description) TIFFSetField(tif, TIFFTAG_IMAGEDESCRIPTION, k->description);
    if (k->photometric == PHOTOMETRIC_PALETTE) TIFFSetField(tif, TIFFTAG_COLORMAP, palette[0], palette[1], palette[2]);
    if (k->compression == COMPRESSION_JPEG) TIFFSetField(tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (k->compression == COMPRESSION_JPEG) TIFFSetField(tif, TIFFTAG_JPEGQUALITY, 100);
    if (k->compression == COMPRESSION_SGILOG) TIFFSetField(tif, TIFFTAG_SGILOGDATAFMT, SGILOGDATAFMT_FLOAT);
    if (k->tiled)
        TIFFSetField(tif, TIFFTAG_TILEWIDTH, TILE), TIFFSetField(tif, TIFFTAG_TILELENGTH, TILE);
    else
        TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, ROWS);
}

static void put_plane(TIFF *tif, const kind *k, int page, int plane)
{
    static unsigned char block[PLANE_BYTES];
    const uint16_t p = (uint16_t)plane;
    for (int y = 0; k->tiled && y < HEIGHT; y += TILE)
        for (int x = 0; x < WIDTH; x += TILE) {
            fill_block(block, k, page, TILE, TILE, y, x, plane);
            assert_true(TIFFWriteEncodedTile(tif, TIFFComputeTile(tif, (uint32_t)x, (uint32_t)y, 0, p), block,
                                             TIFFTileSize(tif)) > 0);
        }
    for (int y = 0; !k->tiled && y < HEIGHT; y += ROWS) {
        const int rows = y + ROWS <= HEIGHT ? ROWS : HEIGHT - y;
        fill_block(block, k, page, rows, WIDTH, y, 0, plane);
        assert_true(TIFFWriteEncodedStrip(tif, TIFFComputeStrip(tif, (uint32_t)y, p), block,
                                          TIFFVStripSize(tif, (uint32_t)rows)) > 0);
    }
}

static void make_tiff(const char *path, const kind *k)
{
    char mode[8];
    (void)snprintf(mode, sizeof mode, "w%s", k->mode ? k->mode : "");
    TIFF *tif = TIFFOpen(path, mode);
    assert_non_null(tif);
    for (int page = 0; page < (k->pages ? k->pages : 1); page++) {
        set_tags(tif, k);
        const int planes = k->planar == PLANARCONFIG_SEPARATE ? k->channels : 1;
        for (int plane = 0; plane < planes; plane++) put_plane(tif, k, page, plane);
        assert_true(TIFFWriteDirectory(tif));
    }
    TIFFClose(tif);
}

static double expected(const kind *k, int page, int y, int x, int channel)
{
    const int64_t level = level_at(k, page, y, x, k->photometric == PHOTOMETRIC_PALETTE ? 0 : channel);
    const int64_t full = (int64_t)((1ull << (k->bits < 63 ? k->bits : 62)) - 1);
    if (k->format == SAMPLEFORMAT_IEEEFP) return (double)level / 8;
    if (k->photometric == PHOTOMETRIC_PALETTE)
        return channel == 0 ? (double)level : channel == 1 ? (double)(level * 100 >> 8) : 0;
    if (k->format == SAMPLEFORMAT_INT) return (double)level;
    const double v = (double)(k->photometric == PHOTOMETRIC_MINISWHITE ? full - level : level);
    return k->bits < 8 ? 255. / (double)full * v : v;
}

#define UINT  SAMPLEFORMAT_UINT
#define INT   SAMPLEFORMAT_INT
#define FLOAT SAMPLEFORMAT_IEEEFP
#define GREY  PHOTOMETRIC_MINISBLACK
#define NONE  COMPRESSION_NONE

static const kind kinds[] = {
    {"1 bit", "", 1, UINT, 1, 0, NONE, GREY},
    {"1 bit, lowest first", "", 1, UINT, 1, 0, NONE, GREY, .fill_order = FILLORDER_LSB2MSB},
    {"1 bit, fax", "", 1, UINT, 1, 0, COMPRESSION_CCITTFAX4, PHOTOMETRIC_MINISWHITE},
    {"2 bits", "b", 2, UINT, 1, 0, NONE, GREY},
    {"4 bits, tiles", "", 4, UINT, 1, 0, COMPRESSION_LZW, GREY, .tiled = true},
    {"4 bits, white is zero", "", 4, UINT, 1, 0, NONE, PHOTOMETRIC_MINISWHITE},
    {"5 bits", "", 5, UINT, 1, 0, NONE, GREY},
    {"6 bits, 3 channels", "", 6, UINT, 3, 0, NONE, PHOTOMETRIC_RGB},
    {"10 bits", "b", 10, UINT, 1, 0, COMPRESSION_ADOBE_DEFLATE, GREY},
    {"12 bits, BigTIFF, tiles", "b8", 12, UINT, 1, 0, NONE, GREY, .tiled = true},
    {"12 bits, 3 planes", "", 12, UINT, 3, PLANARCONFIG_SEPARATE, COMPRESSION_PACKBITS, PHOTOMETRIC_RGB},
    {"14 bits, white is zero", "l", 14, UINT, 1, 0, NONE, PHOTOMETRIC_MINISWHITE},
    {"4 bits with a sign", "", 4, INT, 1, 0, NONE, GREY},
    {"12 bits with a sign", "b", 12, INT, 1, 0, NONE, GREY},
    {"8 bits with a sign", "", 8, INT, 1, 0, COMPRESSION_LZW, GREY},
    {"16 bits with a sign, 2 channels", "b", 16, INT, 2, 0, NONE, GREY, .tiled = true},
    {"24 bits", "", 24, UINT, 1, 0, NONE, GREY},
    {"24 bits with a sign", "b", 24, INT, 1, 0, NONE, GREY},
    {"32 bits, white is zero", "8", 32, UINT, 1, 0, NONE, PHOTOMETRIC_MINISWHITE},
    {"64 bits", "b", 64, UINT, 1, 0, NONE, GREY},
    {"64 bits with a sign", "8", 64, INT, 1, 0, COMPRESSION_ADOBE_DEFLATE, GREY},
    {"half floats", "", 16, FLOAT, 1, 0, NONE, GREY},
    {"half floats, 3 planes", "b", 16, FLOAT, 3, PLANARCONFIG_SEPARATE, COMPRESSION_LZW, PHOTOMETRIC_RGB},
    {"floats, 3 pages", "b", 32, FLOAT, 1, 0, COMPRESSION_ADOBE_DEFLATE, GREY, .pages = 3, .tiled = true},
    {"doubles", "8", 64, FLOAT, 2, 0, NONE, GREY},
    {"palette of 16", "", 4, UINT, 1, 0, NONE, PHOTOMETRIC_PALETTE},
    {"palette of 256", "b", 8, UINT, 1, 0, COMPRESSION_LZW, PHOTOMETRIC_PALETTE, .tiled = true},
    {"RGB and alpha", "", 8, UINT, 4, 0, COMPRESSION_LZW, PHOTOMETRIC_RGB},
    {"JPEG, grey", "", 8, UINT, 1, 0, COMPRESSION_JPEG, GREY},
    {"JPEG, YCbCr", "", 8, UINT, 3, 0, COMPRESSION_JPEG, PHOTOMETRIC_YCBCR, .tiled = true},
    {"logarithms", "", 32, FLOAT, 1, 0, COMPRESSION_SGILOG, PHOTOMETRIC_LOGL},
    {"LZMA", "", 16, UINT, 1, 0, COMPRESSION_LZMA, GREY},
    {"Zstandard", "", 16, UINT, 3, 0, COMPRESSION_ZSTD, PHOTOMETRIC_RGB},
    {"LERC", "", 32, FLOAT, 1, 0, COMPRESSION_LERC, GREY},
};

static void check_kind(const kind *k)
{
    const double tolerance = k->compression == COMPRESSION_JPEG ? 6 : k->compression == COMPRESSION_SGILOG ? .1 : 1e-4;
    const int channels = k->photometric == PHOTOMETRIC_PALETTE ? 3 : k->channels;
    for (int channel = 0; channel < channels; channel++) {
        sg_image image;
        must(sg_image_read_as(&image, place_path("kind.tif"), (sg_image_options){.channel = channel}));
        assert_true(image.pages == (k->pages ? k->pages : 1) && image.height == HEIGHT && image.width == WIDTH);
        assert_true(image.bits == (k->bits < 8 ? 8 : k->bits) && image.is_float == (k->format == FLOAT));
        for (int i = 0; i < image.pages * HEIGHT * WIDTH; i++) {
            const double want = expected(k, i / (HEIGHT * WIDTH), i / WIDTH % HEIGHT, i % WIDTH, channel);
            if (!(fabs((double)image.data[i] - want) <= tolerance + 1e-7 * fabs(want)))
                fail_msg("%s, channel %d, pixel %d: %g, not %g", k->name, channel, i, (double)image.data[i], want);
        }
        sg_image_free(&image);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!TIFFIsCODECConfigured(kinds[i].compression)) {
            print_message("# %s: not in this libtiff\n", kinds[i].name);
            continue;
        }
        make_tiff(place_path("kind.tif"), &kinds[i]);
        check_kind(&kinds[i]);
    }
}

/* ---- OME-TIFF out ---- */

static void test_ome_written(void **state)
{
    enum { PAGES = 3, H = 13, W = 17, LEN = PAGES * H * W };
    static uint8_t u8[LEN];
    static uint16_t u16[LEN];
    static float f32[LEN];
    const char *const names[] = {"red", "far <red> & \"more\"", "\xc2\xb5"}, *const one[] = {"one"};
    const struct {
        const char *name, *axes;
        int bits;
        const void *data;
    } files[] = {
        {"channels.ome.tif", "C=3", 16, u16}, {"times.ome.tif", "T=3", 8, u8}, {"planes.ome.tif", "Z=3", 32, f32}};
    (void)state;
    for (int i = 0; i < LEN; i++) u8[i] = (uint8_t)(i * 5), u16[i] = (uint16_t)(i * 111), f32[i] = (float)i * -.3f;
    for (int k = 0; k < 3; k++) {
        const sg_tiff_form form = {PAGES, H, W, files[k].bits, .325, k == 1, files[k].axes[0], k == 0 ? names : one};
        sg_tiff_writer *writer;
        sg_image image;
        must(sg_tiff_create(&writer, place_path(files[k].name), &form));
        must(sg_tiff_append(writer, files[k].data, PAGES * H));
        must(sg_tiff_finish(writer));
        must(sg_image_read(&image, place_path(files[k].name)));
        assert_int_equal(image.pages, PAGES);
        assert_string_equal(image.axes, files[k].axes);
        for (int i = 0; i < 2; i++) assert_true(fabs(image.pixel_um[i] - .325) <= 1e-9);
        for (int i = 0; i < LEN; i++)
            assert_true(image.data[i] == (k == 0 ? (float)u16[i] : k == 1 ? (float)u8[i] : f32[i]));
        sg_image_free(&image);
    }
    sg_image image;
    must(sg_image_read_as(&image, place_path("channels.ome.tif"), (sg_image_options){.take = "C=\xc2\xb5"}));
    assert_true(image.pages == 1 && image.data[0] == (float)u16[2 * H * W] && !image.axes[0]);
    sg_image_free(&image);
    run_python("read_tiffs.py");
}

/* ---- what contradicts itself ---- */

static const char *const ome_head =
    "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\"><Image ID=\"Image:0\">"
    "<Pixels ID=\"Pixels:0\" Type=\"uint8\" DimensionOrder=\"XYCZT\" ";

static void put_described(const char *name, int pages, const char *description)
{
    const kind k = {"described", "", 8, UINT, 1, 0, NONE, GREY, .pages = pages, .description = description};
    make_tiff(place_path(name), &k);
}

static void expect_error(const char *name, sg_image_options options, sg_status status, const char *reason)
{
    sg_image image;
    const sg_status got = sg_image_read_as(&image, place_path(name), options);
    if (got != status || !strstr(sg_error_text(), reason) || !strstr(sg_error_text(), name) ||
        strchr(sg_error_text(), '\n'))
        fail_msg("%s: status %d, '%s', expected '%s'", name, got, sg_error_text(), reason);
    assert_null(image.data);
}

static void add_small_page(const char *name)
{
    char row[] = "page";
    TIFF *tif = TIFFOpen(place_path(name), "a");
    assert_non_null(tif);
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, 4);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, 1);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    assert_true(TIFFWriteScanline(tif, row, 0, 0) > 0);
    TIFFClose(tif);
}

static void test_descriptions_refused(void **state)
{
    static const struct {
        const char *xml, *reason;
    } ome[] = {
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"2\" SizeZ=\"1\" SizeT=\"2\"/>", "the file has 3"},
        {"SizeX=\"45\" SizeY=\"99\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\"/>", "45 x 99 pixels"},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"0\" SizeZ=\"1\" SizeT=\"1\"/>", "SizeC=\"0\""},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"x\" SizeZ=\"1\" SizeT=\"1\"/>", "SizeC=\"x\""},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"3\" SizeZ=\"1\"/>", "lacks SizeT"},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"99999\" SizeZ=\"99999\" SizeT=\"99999\"/>", "planes"},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\" PhysicalSizeX=\"nan\"/>", "PhysicalSizeX"},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\"><TiffData IFD=\"7\" "
         "PlaneCount=\"3\"/></Pixels>",
         "in directory 7"},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\"><TiffData IFD=\"0\"/></Pixels>",
         "no TiffData for"},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\"><TiffData FirstC=\"3\"/></Pixels>",
         "from Z 0, C 3"},
        {"SizeX=\"45\" SizeY=\"37\" SizeC=\"3\" SizeZ=\"1\" SizeT=\"1\"><TiffData><UUID FileName=\"a.tif\"/></TiffData>"
         "<TiffData><UUID FileName=\"b.tif\"/></TiffData></Pixels>",
         "several files, a.tif and b.tif"},
    };
    char text[1200];
    (void)state;
    for (size_t i = 0; i < sizeof ome / sizeof *ome; i++) {
        (void)snprintf(text, sizeof text, "%s%s</Image></OME>", ome_head, ome[i].xml);
        put_described("bad.ome.tif", 3, text);
        expect_error("bad.ome.tif", (sg_image_options){0}, SG_E_FORMAT, ome[i].reason);
    }
    (void)snprintf(text, sizeof text, "%sSizeX=\"45\" SizeY=\"37\" SizeC=\"2\" SizeZ=\"1\" SizeT=\"1\"/></Image></OME>",
                   ome_head);
    put_described("odd.ome.tif", 1, text);
    add_small_page("odd.ome.tif");
    expect_error("odd.ome.tif", (sg_image_options){0}, SG_E_FORMAT, "plane 1 in directory 1");
    put_described("cut.tif", 1, "<OME ><Image>");
    expect_error("cut.tif", (sg_image_options){0}, SG_E_FORMAT, "damaged in line 1");
    put_described("bomb.tif", 1,
                  "<!DOCTYPE o [<!ENTITY a \"aa\"><!ENTITY b \"&a;&a;\">]><OME ><Image>&b;</Image></OME>");
    expect_error("bomb.tif", (sg_image_options){0}, SG_E_FORMAT, "DOCTYPE");
    put_described("else.tif", 1, "<OME ><BinaryOnly MetadataFile=\"set.companion.ome\"/></OME>");
    expect_error("else.tif", (sg_image_options){0}, SG_E_FORMAT, "set.companion.ome");
    put_described("few.tif", 3, "ImageJ=1.53t\nimages=4\nslices=4\n");
    expect_error("few.tif", (sg_image_options){0}, SG_E_FORMAT, "says 4 pages, the file has 3");
    put_described("many.tif", 1, "ImageJ=1.53t\nimages=100000000\nslices=100000000\n");
    expect_error("many.tif", (sg_image_options){0}, SG_E_FORMAT, "says 100000000 pages");
    put_described("odd.tif", 1, "ImageJ=1.53t\nimages=5\nslices=2\nchannels=2\n");
    expect_error("odd.tif", (sg_image_options){0}, SG_E_FORMAT, "images=5");
    put_described("none.tif", 1, "ImageJ=1.53t\nimages=-5\n");
    expect_error("none.tif", (sg_image_options){0}, SG_E_FORMAT, "images=-5");
}

static void test_axes_refused(void **state)
{
    (void)state;
    put_described("a.tif", 6, "ImageJ=1.53t\nimages=6\nslices=2\nchannels=3\nunit=nm\n");
    static const struct {
        const char *axes, *take, *reason;
        sg_status status;
    } table[] = {
        {"", "C=3", "the file has C 0..2", SG_E_RANGE},        {"", "T=1", "the file has no axis T", SG_E_RANGE},
        {"", "C=GFP", "no channel has this name", SG_E_RANGE}, {"", "C", "'C' in 'C' is no choice", SG_E_CONFIG},
        {"TYX", "", "which are Z=2 C=3", SG_E_SHAPE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        expect_error("a.tif", (sg_image_options){.axes = table[i].axes, .take = table[i].take}, table[i].status,
                     table[i].reason);
    sg_image image;
    const char *const bad[] = {"ZCY", "ZZYX", "zcyx", "ZC,YX"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(sg_image_read_as(&image, place_path("a.tif"), (sg_image_options){.axes = bad[i]}),
                         SG_E_CONFIG);
    must(sg_image_read_as(&image, place_path("a.tif"), (sg_image_options){.take = "T=1,Z=1", .raw = true}));
    assert_int_equal(image.pages, 3);
    sg_image_free(&image);
    char text[400]; /* an OME-TIFF of labels has every axis, and no names */
    (void)snprintf(text, sizeof text, "%sSizeX=\"45\" SizeY=\"37\" SizeC=\"1\" SizeZ=\"1\" SizeT=\"1\"/></Image></OME>",
                   ome_head);
    put_described("label.ome.tif", 1, text);
    must(sg_image_read_as(&image, place_path("label.ome.tif"), (sg_image_options){.take = "T=3 C=DAPI", .raw = true}));
    sg_image_free(&image);
    expect_error("label.ome.tif", (sg_image_options){.take = "T=3"}, SG_E_RANGE, "the file has T 0..0");
}

static void test_pixel_size(void **state)
{
    enum { SIDE = 4 };
    static const uint8_t black[SIDE * SIDE];
    const double sizes[] = {.5, .504, .506, .4, 0};
    (void)state;
    must(sg_tiff_write(place_path("half.tif"), &(sg_tiff){1, SIDE, SIDE, 8, black, .5}));
    for (int i = 0; i < 5; i++) {
        const sg_image_options options = {.pixel_um = sizes[i], .pixel_key = "sample.pixel_um"};
        sg_image image;
        if (i == 2 || i == 3) {
            expect_error("half.tif", options, SG_E_CONFIG, "0.5 um wide");
            continue;
        }
        must(sg_image_read_as(&image, place_path("half.tif"), options));
        sg_image_free(&image);
    }
}

/* ---- the commands ---- */

static void put_channels(const char *name, double pixel_um)
{
    enum { SIDE = 32 };
    static uint16_t data[3 * SIDE * SIDE];
    const char *const names[] = {"DAPI", "GFP", "Cy3"};
    const sg_tiff_form form = {3, SIDE, SIDE, 16, pixel_um, .axis = 'C', .channel = names};
    sg_tiff_writer *writer;
    for (int i = 0; i < 3 * SIDE * SIDE; i++) data[i] = (uint16_t)(i * 7919 % 4001);
    must(sg_tiff_create(&writer, place_path(name), &form));
    must(sg_tiff_append(writer, data, 3 * SIDE));
    must(sg_tiff_finish(writer));
}

static void expect_exit(const char *arguments, int code, const char *says)
{
    const int got = place_run(arguments);
    char *text = place_get("err");
    if (got != code || !strstr(text, says))
        fail_msg("%s: exit code %d, '%s', not %d, '%s'", arguments, got, text, code, says);
    sg_free(text);
}

static void test_simulate(void **state)
{
    sg_image image, other;
    (void)state;
    place_put_text("c.yaml", "sample: {size_px: 32, pixel_um: 0.5}\n"
                             "illumination: {rows: 3, columns: 3, pattern: random, exposures: 2}\n"
                             "camera: {pixel_um: 1}\n");
    put_channels("in.ome.tif", .5);
    put_channels("coarse.ome.tif", .65);
#define SIMULATE(picture, sets) "simulate c.yaml -o out.ome.tif -i " picture " " sets
    expect_exit(SIMULATE("in.ome.tif", ""), 1, "3 pages, C=3, this sample has 1 channel; dataset.take chooses");
    expect_exit(SIMULATE("in.ome.tif", "--set dataset.take=C=RFP"), 2, "no channel has this name");
    expect_exit(SIMULATE("in.ome.tif", "--set dataset.axes=YZ"), 2, "lacks Y or X");
    expect_exit(SIMULATE("coarse.ome.tif", "--set dataset.take=C=GFP"), 2,
                "0.65 um wide, but 0.5 um by sample.pixel_um");
    assert_false(sg_file_exists(place_path("out.ome.tif")));
    expect_exit(SIMULATE("coarse.ome.tif", "--set dataset.take=C=GFP --set dataset.pixel_size=ignore"), 0, "");
    must(sg_image_read(&other, place_path("out.ome.tif")));
    expect_exit(SIMULATE("in.ome.tif", "--set dataset.take=C=1"), 0, "");
    must(sg_image_read(&image, place_path("out.ome.tif")));
    assert_true(image.pages == 2 && image.bits == 16 && image.width == 16 && fabs(image.pixel_um[1] - 1) <= 1e-9);
    assert_string_equal(image.axes, "C=2");
    assert_memory_equal(image.data, other.data, 2 * 16 * 16 * sizeof(float));
    sg_image_free(&other);
    expect_exit("simulate c.yaml -i in.ome.tif -o all.h5 --set dataset.take=C=GFP", 0, "");
    must(sg_image_read(&other, place_path("all.h5:/stages/adu")));
    assert_true(other.pages == 2 && fabs(other.pixel_um[1] - 1) <= 1e-9);
    assert_memory_equal(image.data, other.data, 2 * 16 * 16 * sizeof(float));
    sg_image_free(&image);
    sg_image_free(&other);
    expect_exit("simulate c.yaml -i in.ome.tif -o out.tif --leds", 2, "out.tif holds one");
}

/* ---- damage ---- */

static const kind victims[] = {
    {"bytes", "", 8, UINT, 1, 0, NONE, GREY},
    {"LZW tiles", "", 16, UINT, 1, 0, COMPRESSION_LZW, GREY, .tiled = true},
    {"deflated floats", "", 32, FLOAT, 1, 0, COMPRESSION_ADOBE_DEFLATE, GREY},
    {"RGB", "b", 8, UINT, 3, 0, NONE, PHOTOMETRIC_RGB},
    {"planes", "", 16, UINT, 3, PLANARCONFIG_SEPARATE, COMPRESSION_PACKBITS, PHOTOMETRIC_RGB},
    {"palette", "", 4, UINT, 1, 0, NONE, PHOTOMETRIC_PALETTE},
    {"12 bits", "b", 12, UINT, 1, 0, NONE, GREY},
    {"BigTIFF", "8", 16, UINT, 1, 0, NONE, GREY, .pages = 3},
    {"BigTIFF tiles", "b8", 64, FLOAT, 1, 0, COMPRESSION_ADOBE_DEFLATE, GREY, .tiled = true},
    {"ImageJ", "b", 16, UINT, 1, 0, NONE, GREY, .pages = 4, .description = "ImageJ=1.53t\nimages=4\nslices=4\n"},
    {"OME", "", 8, UINT, 1, 0, NONE, GREY, .pages = 3,
     .description =
         "<OME ><Image><Pixels SizeX=\"45\" SizeY=\"37\" SizeC=\"1\" SizeZ=\"3\" SizeT=\"1\"/></Image></OME>"},
    {"JPEG", "", 8, UINT, 3, 0, COMPRESSION_JPEG, PHOTOMETRIC_YCBCR, .tiled = true},
};

typedef struct bytes {
    unsigned char *at;
    size_t size;
    bool big_endian, big_tiff;
} bytes;

static uint64_t get(const bytes *b, size_t at, int count)
{
    uint64_t v = 0;
    for (int i = 0; i < count; i++) v |= (uint64_t)b->at[at + (size_t)i] << 8 * (b->big_endian ? count - 1 - i : i);
    return v;
}

static void put(const bytes *b, size_t at, int count, uint64_t v)
{
    for (int i = 0; i < count; i++)
        b->at[at + (size_t)i] = (unsigned char)(v >> 8 * (b->big_endian ? count - 1 - i : i));
}

static size_t first_directory(const bytes *b)
{
    return b->big_tiff ? (size_t)get(b, 8, 8) : (size_t)get(b, 4, 4);
}

/* Where the entry of a tag of the first directory stands; 0: there is none. Tag 0: behind the last one. */
static size_t find_entry(const bytes *b, int tag)
{
    const int count_bytes = b->big_tiff ? 8 : 2;
    const size_t directory = first_directory(b), step = b->big_tiff ? 20 : 12;
    const size_t entries = (size_t)get(b, directory, count_bytes);
    for (size_t i = 0; i < entries; i++) {
        const size_t at = directory + (size_t)count_bytes + i * step;
        if ((int)get(b, at, 2) == tag) return at;
    }
    return tag ? 0 : directory + (size_t)count_bytes + entries * step;
}

/* The tag gets one number in its entry. */
static bool set_tag(const bytes *b, int tag, uint64_t v)
{
    const size_t at = find_entry(b, tag);
    if (!at) return false;
    put(b, at + 2, 2, 4); /* LONG */
    put(b, at + 4, b->big_tiff ? 8 : 4, 1);
    put(b, at + (b->big_tiff ? 12 : 8), 4, v);
    return true;
}

enum { CUTS = 13, DAMAGES = 25 };

/* Damage number `what`; the size of what remains. */
static size_t damage(const bytes *b, int what)
{
    const uint64_t strips = find_entry(b, TIFFTAG_STRIPOFFSETS) ? TIFFTAG_STRIPOFFSETS : TIFFTAG_TILEOFFSETS;
    const uint64_t rows = find_entry(b, TIFFTAG_ROWSPERSTRIP) ? TIFFTAG_ROWSPERSTRIP : TIFFTAG_TILELENGTH;
    if (what < CUTS) return b->size * (size_t)what / CUTS + (what ? 0 : 1);
    switch (what - CUTS) {
    case 0: put(b, 2, 2, 99); break; /* the magic number */
    case 1: set_tag(b, TIFFTAG_IMAGEWIDTH, 0x7fffffff); break;
    case 2: set_tag(b, TIFFTAG_IMAGELENGTH, 0x7fffffff); break;
    case 3: set_tag(b, TIFFTAG_IMAGEWIDTH, 0); break;
    case 4: set_tag(b, TIFFTAG_BITSPERSAMPLE, 77); break;
    case 5: set_tag(b, TIFFTAG_COMPRESSION, 4321); break;
    case 6: set_tag(b, (int)strips, b->size + 1000); break;
    case 7: put(b, find_entry(b, 0), b->big_tiff ? 8 : 4, first_directory(b)); break; /* a directory after itself */
    case 8: put(b, b->big_tiff ? 8 : 4, b->big_tiff ? 8 : 4, b->size + 5); break;     /* the first one: outside */
    case 9: set_tag(b, TIFFTAG_PHOTOMETRIC, 9999); break;
    case 10: put(b, first_directory(b), b->big_tiff ? 8 : 2, 60000); break; /* entries */
    default: set_tag(b, (int)rows, 0); break;
    }
    return b->size;
}

/* One line that names the file, and nothing in *image; or, if it `may` be read, a picture. */
static void check_damaged(const char *path, const char *what, int number, bool may)
{
    sg_image image;
    if (sg_image_read(&image, path) == SG_OK) {
        sg_image_free(&image);
        if (!may) fail_msg("%s, damage %d: was read", what, number);
        return;
    }
    if (!strstr(sg_error_text(), path) || strchr(sg_error_text(), '\n') || image.data)
        fail_msg("%s, damage %d: '%s'", what, number, sg_error_text());
}

static bytes load(const char *path)
{
    bytes b;
    void *all;
    must(sg_file_read(&all, &b.size, path, 0));
    b.at = all;
    b.big_endian = b.at[0] == 'M';
    b.big_tiff = get(&b, 2, 2) == 43;
    return b;
}

/* Four bytes, two of them in the directory. */
static void add_noise(const bytes *b, unsigned *random)
{
    const size_t directory = first_directory(b), tags = find_entry(b, 0) - directory;
    for (int i = 0; i < 4; i++) {
        *random = *random * 1664525u + 1013904223u;
        const size_t at = i % 2 ? directory + (*random >> 8) % tags : (*random >> 8) % b->size;
        b->at[at] = (unsigned char)(*random >> 3);
    }
}

/* 25 kinds of damage to 12 kinds of files; then as many times noise, which may also hit a pixel. */
static void test_damage(void **state)
{
    unsigned random = 1;
    int refused = 0;
    (void)state;
    for (size_t k = 0; k < sizeof victims / sizeof *victims; k++) {
        make_tiff(place_path("victim.tif"), &victims[k]);
        for (int what = 0; what < 2 * DAMAGES; what++) {
            const bool noise = what >= DAMAGES;
            bytes b = load(place_path("victim.tif"));
            size_t size = b.size;
            if (noise)
                add_noise(&b, &random);
            else
                size = damage(&b, what);
            place_put("damaged.tif", b.at, size);
            sg_free(b.at);
            check_damaged(place_path("damaged.tif"), victims[k].name, what, noise);
            refused += !noise;
        }
    }
    print_message("# %d damaged files, a message each\n", refused);
    assert_int_equal(refused, 300);
}

int main(void)
{
    (void)TIFFSetWarningHandler(NULL);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
        TEST(test_python_writes), TEST(test_kinds),      TEST(test_ome_written), TEST(test_descriptions_refused),
        TEST(test_axes_refused),  TEST(test_pixel_size), TEST(test_simulate),    TEST(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
