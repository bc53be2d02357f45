/* tiff_page.c - see tiff_page.h. Samples of 1 to 16 bits are packed, the first one in the highest bits (TIFF 6.0,
 * "BitsPerSample"); libtiff has turned bytes and bits round where the file is not of this machine's order. */
#include "datasets/tiff_page.h"

#include "datasets/half.h"
#include "datasets/image.h"

#include <math.h>
#include <string.h>

/* ---- tags ---- */

bool sg_tiff_is_copy(TIFF *tif)
{
    uint32_t kind = 0;
    return TIFFGetField(tif, TIFFTAG_SUBFILETYPE, &kind) && (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

/* Two compressions have colours of their own; libtiff makes RGB and floats of them. */
static void decode_colours(sg_tiff_page *page, TIFF *tif)
{
    if (page->photometric == PHOTOMETRIC_YCBCR && page->compression == COMPRESSION_JPEG &&
        TIFFSetField(tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB))
        page->photometric = PHOTOMETRIC_RGB;
    if (page->photometric == PHOTOMETRIC_LOGL && page->compression == COMPRESSION_SGILOG &&
        TIFFSetField(tif, TIFFTAG_SGILOGDATAFMT, SGILOGDATAFMT_FLOAT))
        page->photometric = PHOTOMETRIC_MINISBLACK;
}

static bool type_known(const sg_tiff_page *page)
{
    const bool whole =
        (page->bits >= 1 && page->bits <= 16) || page->bits == 24 || page->bits == 32 || page->bits == 64;
    switch (page->format) {
    case SAMPLEFORMAT_UINT:
    case SAMPLEFORMAT_VOID: return whole;
    case SAMPLEFORMAT_INT: return whole && page->bits > 1;
    case SAMPLEFORMAT_IEEEFP: return page->bits == 16 || page->bits == 32 || page->bits == 64;
    default: return false;
    }
}

/* Whose samples stand for colours. */
static bool has_palette(const sg_tiff_page *page)
{
    return page->photometric == PHOTOMETRIC_PALETTE && !page->raw;
}

static sg_status check_tags(const sg_tiff_page *page, const char *path)
{
    if (!type_known(page))
        SG_FAIL(SG_E_FORMAT,
                "%s: samples of %d bits (format %d) are not supported: 1..16, 24, 32, 64-bit integers, 16, 32, 64-bit "
                "floats",
                path, page->bits, page->format);
    if (page->photometric > PHOTOMETRIC_PALETTE)
        SG_FAIL(
            SG_E_FORMAT,
            "%s: TIFF photometric interpretation %d (compression %d) is not supported: grey, RGB, palette, or YCbCr "
            "by JPEG",
            path, page->photometric, page->compression);
    const int colours = has_palette(page) ? 3 : page->channels;
    if (page->channel < 0 || page->channel >= colours)
        SG_FAIL(SG_E_FORMAT, "%s: channel %d is wanted, but the picture has %d", path, page->channel, colours);
    if (page->width > INT32_MAX || page->height > INT32_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: a page of %u x %u pixels", path, page->width, page->height);
    return SG_OK;
}

sg_status sg_tiff_page_tags(sg_tiff_page *page, TIFF *tif, const char *path)
{
    uint32_t depth = 1;
    page->width = page->height = 0;
    page->photometric = PHOTOMETRIC_MINISBLACK;
    (void)TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &page->width);
    (void)TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &page->height);
    (void)TIFFGetField(tif, TIFFTAG_PHOTOMETRIC, &page->photometric);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_COMPRESSION, &page->compression);
    decode_colours(page, tif);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &page->bits);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &page->channels);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLEFORMAT, &page->format);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_PLANARCONFIG, &page->planar);
    page->tiled = TIFFIsTiled(tif) != 0;
    if (TIFFGetField(tif, TIFFTAG_IMAGEDEPTH, &depth) && depth > 1)
        SG_FAIL(SG_E_FORMAT, "%s: a volume of %u planes in one page is not supported, a page for each would do", path,
                depth);
    return check_tags(page, path);
}

/* ---- blocks ---- */

static sg_status check_blocks(const sg_tiff_page *page, size_t bytes, const char *path)
{
    const double pixels = (double)page->block_width * page->block_height;
    if (!page->block_width || !page->row_bytes || !page->block_height || !page->block_bytes ||
        page->block_bytes > (size_t)8 << 28 || page->block_bytes / page->row_bytes < page->block_height ||
        pixels > 16384. * (double)bytes || (page->compression == COMPRESSION_NONE && page->block_bytes > bytes))
        SG_FAIL(SG_E_FORMAT, "%s: damaged: %ss of %u x %u pixels in a file of %zu bytes", path,
                page->tiled ? "tile" : "strip", page->block_width, page->block_height, bytes);
    return SG_OK;
}

/* Strips are blocks as wide as the picture. */
static void find_blocks(sg_tiff_page *page, TIFF *tif)
{
    page->block_width = page->width;
    page->block_height = page->height;
    if (page->tiled) {
        (void)TIFFGetField(tif, TIFFTAG_TILEWIDTH, &page->block_width);
        (void)TIFFGetField(tif, TIFFTAG_TILELENGTH, &page->block_height);
    } else {
        (void)TIFFGetFieldDefaulted(tif, TIFFTAG_ROWSPERSTRIP, &page->block_height);
    }
    if (page->block_height > page->height && !page->tiled) page->block_height = page->height;
    page->block_bytes = (size_t)(page->tiled ? TIFFTileSize64(tif) : TIFFStripSize64(tif));
    page->row_bytes = (size_t)(page->tiled ? TIFFTileRowSize64(tif) : TIFFScanlineSize64(tif));
}

sg_status sg_tiff_page_blocks(sg_tiff_page *page, TIFF *tif, size_t bytes, const char *path)
{
    find_blocks(page, tif);
    if (has_palette(page) &&
        !(page->bits <= 16 && page->channels == 1 && page->format == SAMPLEFORMAT_UINT &&
          TIFFGetField(tif, TIFFTAG_COLORMAP, &page->palette[0], &page->palette[1], &page->palette[2])))
        SG_FAIL(SG_E_FORMAT, "%s: a palette picture without a usable palette", path);
    return check_blocks(page, bytes, path);
}

/* ---- samples ---- */

static double read_float(const unsigned char *at, int bits)
{
    uint16_t f16;
    float f32;
    double f64;
    if (bits == 16) return memcpy(&f16, at, sizeof f16), sg_half(f16);
    if (bits == 32) return memcpy(&f32, at, sizeof f32), (double)f32;
    return memcpy(&f64, at, sizeof f64), f64;
}

/* The bits first .. first + bits - 1 of a row, the highest one first. */
static uint64_t read_bits(const unsigned char *row, size_t first, int bits)
{
    uint64_t v = 0;
    for (size_t i = first; i < first + (size_t)bits; i++) v = v << 1 | (row[i / 8] >> (7 - i % 8) & 1);
    return v;
}

static uint64_t read_bytes(const unsigned char *at, int bits)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (bits) {
    case 8: return *at;
    case 16: return memcpy(&u16, at, sizeof u16), u16;
    case 32: return memcpy(&u32, at, sizeof u32), u32;
    case 64: return memcpy(&u64, at, sizeof u64), u64;
    default: return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16; /* 24 */
    }
}

static double read_sample(const sg_tiff_page *page, const unsigned char *row, size_t x)
{
    const int bits = page->bits;
    const bool alone = page->planar == PLANARCONFIG_SEPARATE || has_palette(page);
    const size_t index = alone ? x : x * page->channels + (size_t)page->channel;
    const unsigned char *at = row + index * (size_t)bits / 8;
    if (page->format == SAMPLEFORMAT_IEEEFP) return read_float(at, bits);
    const uint64_t v = bits % 8 ? read_bits(row, index * (size_t)bits, bits) : read_bytes(at, bits);
    if (page->format != SAMPLEFORMAT_INT) return (double)v;
    return (double)((int64_t)(v << (64 - bits)) >> (64 - bits)); /* the sign's bit goes up */
}

/* As in a PNG: fewer than 8 bits become 0..255, white-is-zero is turned round, a palette index becomes its colour. */
static double brightness(const sg_tiff_page *page, double v)
{
    const double full = ldexp(1, page->bits) - 1;
    if (page->raw) return v;
    if (has_palette(page)) return page->palette[page->channel][(size_t)v] >> 8;
    if (page->format == SAMPLEFORMAT_IEEEFP || page->format == SAMPLEFORMAT_INT) return v;
    if (page->photometric == PHOTOMETRIC_MINISWHITE) v = full - v;
    return page->bits < 8 ? 255 / full * v : v;
}

bool sg_tiff_page_whole(const sg_tiff_page *page)
{
    const size_t across = page->tiled ? page->block_width : page->width;
    return page->channels == 1 && (page->raw || page->photometric == PHOTOMETRIC_MINISBLACK) &&
           page->format == SAMPLEFORMAT_UINT && (page->bits == 8 || page->bits == 16) &&
           page->row_bytes == across * page->bits / 8;
}

void sg_tiff_page_row(const sg_tiff_page *page, const unsigned char *row, uint32_t count, float *out)
{
    const bool plain = page->channels == 1 && page->photometric == PHOTOMETRIC_MINISBLACK;
    const bool whole = sg_tiff_page_whole(page);
    if (whole && page->bits == 8) {
        for (uint32_t x = 0; x < count; x++) out[x] = (float)row[x];
    } else if (whole) {
        const uint16_t *sample = (const void *)row; /* a row begins at an even address: a whole number of samples */
        for (uint32_t x = 0; x < count; x++) out[x] = (float)sample[x];
    } else if (plain && page->bits == 32 && page->format == SAMPLEFORMAT_IEEEFP) {
        memcpy(out, row, count * sizeof *out);
    } else {
        for (uint32_t x = 0; x < count; x++) out[x] = (float)brightness(page, read_sample(page, row, x));
    }
}

/* ---- size of the pixels ---- */

/* ImageJ turns a printer's dots into inches or centimetres; finer units somebody chose. */
void sg_tiff_page_scale(double pixel_um[2], TIFF *tif, double unit_um)
{
    static const uint32_t tags[2] = {TIFFTAG_YRESOLUTION, TIFFTAG_XRESOLUTION};
    uint16_t unit = RESUNIT_INCH;
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_RESOLUTIONUNIT, &unit);
    const double um = unit_um > 0 ? unit_um : unit == RESUNIT_INCH ? 25400 : unit == RESUNIT_CENTIMETER ? 1e4 : 0;
    for (int i = 0; i < 2; i++) {
        float resolution = 0;
        const bool there = TIFFGetField(tif, tags[i], &resolution) && resolution > 0 && isfinite(resolution);
        const double size = there ? um / (double)resolution : 0;
        pixel_um[i] = unit_um > 0 && unit_um < 1e4 ? size : sg_image_dot_um(size);
    }
}
