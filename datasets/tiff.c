/* tiff.c - TIFF files in and out (libtiff), from and to memory. What libtiff has to say goes into the error text. */
#include "datasets/tiff.h"

#include "core/file.h"
#include "core/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

typedef struct memory_file {
    unsigned char *bytes;
    size_t size, capacity, position;
    bool truncated; /* libtiff asked for bytes past the end; it forgives that in places where we do not */
    char text[200]; /* libtiff's first complaint */
} memory_file;

/* ---- a file in memory ---- */

static int on_message(TIFF *tif, void *context, const char *module, const char *format, va_list args)
{
    (void)tif;
    (void)module;
    memory_file *file = context;
    if (!file->text[0]) (void)vsnprintf(file->text, sizeof file->text, format, args);
    return 1;
}

static int on_warning(TIFF *tif, void *context, const char *module, const char *format, va_list args)
{
    (void)tif, (void)context, (void)module, (void)format, (void)args;
    return 1;
}

static tmsize_t memory_read(thandle_t handle, void *out, tmsize_t count)
{
    memory_file *file = handle;
    const size_t left = file->position < file->size ? file->size - file->position : 0;
    const size_t step = (size_t)count < left ? (size_t)count : left;
    if (step < (size_t)count) file->truncated = true;
    if (step) memcpy(out, file->bytes + file->position, step);
    file->position += step;
    return (tmsize_t)step;
}

static tmsize_t memory_write(thandle_t handle, void *in, tmsize_t count)
{
    memory_file *file = handle;
    const size_t end = file->position + (size_t)count;
    if (end > file->capacity) {
        const size_t capacity = 2 * end;
        unsigned char *more;
        if (SG_ALLOC(&more, capacity, "tiff") != SG_OK) return -1;
        if (file->size) memcpy(more, file->bytes, file->size);
        sg_free(file->bytes);
        file->bytes = more;
        file->capacity = capacity;
    }
    memcpy(file->bytes + file->position, in, (size_t)count);
    file->position = end;
    if (end > file->size) file->size = end;
    return count;
}

static toff_t memory_seek(thandle_t handle, toff_t offset, int whence)
{
    memory_file *file = handle;
    const size_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file->position : file->size;
    file->position = base + (size_t)offset;
    return (toff_t)file->position;
}

static toff_t memory_size(thandle_t handle)
{
    return (toff_t)((memory_file *)handle)->size;
}

static int memory_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static TIFF *memory_open(memory_file *file, const char *path, const char *mode)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_message, file);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, file);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 31);
    TIFF *tif = TIFFClientOpenExt(path, mode, file, memory_read, memory_write, memory_seek, memory_close, memory_size,
                                  NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tif;
}

/* ---- reading ---- */

typedef struct tiff_page {
    uint32_t width, height;
    uint16_t bits, channels, format, photometric, planar, *palette[3];
    int channel;
    bool raw, tiled;
    uint32_t block_width, block_height;
    size_t block_bytes, row_bytes;
} tiff_page;

static bool is_reduced_copy(TIFF *tif)
{
    uint32_t kind = 0;
    return TIFFGetField(tif, TIFFTAG_SUBFILETYPE, &kind) && (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK));
}

static void read_tags(tiff_page *page, TIFF *tif)
{
    page->width = page->height = 0;
    page->photometric = PHOTOMETRIC_MINISBLACK;
    (void)TIFFGetField(tif, TIFFTAG_IMAGEWIDTH, &page->width);
    (void)TIFFGetField(tif, TIFFTAG_IMAGELENGTH, &page->height);
    (void)TIFFGetField(tif, TIFFTAG_PHOTOMETRIC, &page->photometric);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_BITSPERSAMPLE, &page->bits);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLESPERPIXEL, &page->channels);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_SAMPLEFORMAT, &page->format);
    (void)TIFFGetFieldDefaulted(tif, TIFFTAG_PLANARCONFIG, &page->planar);
    page->tiled = TIFFIsTiled(tif) != 0;
}

static bool type_known(const tiff_page *page)
{
    switch (page->format) {
    case SAMPLEFORMAT_UINT:
    case SAMPLEFORMAT_VOID:
        return page->bits == 8 || page->bits == 16 || page->bits == 32 || (page->bits == 1 && page->channels == 1);
    case SAMPLEFORMAT_INT: return page->bits == 8 || page->bits == 16 || page->bits == 32;
    case SAMPLEFORMAT_IEEEFP: return page->bits == 32 || page->bits == 64;
    default: return false;
    }
}

static sg_status check_page(const tiff_page *page, const char *path)
{
    if (!type_known(page))
        SG_FAIL(SG_E_FORMAT,
                "%s: samples of %d bits (format %d) are not supported: 1, 8, 16, 32-bit integers, 32, 64-bit floats",
                path, page->bits, page->format);
    if (page->photometric > PHOTOMETRIC_PALETTE)
        SG_FAIL(SG_E_FORMAT, "%s: TIFF photometric interpretation %d is not supported: grey, RGB or palette", path,
                page->photometric);
    if (page->channel < 0 || page->channel >= page->channels)
        SG_FAIL(SG_E_FORMAT, "%s: channel %d is wanted, but the picture has %d", path, page->channel, page->channels);
    return SG_OK;
}

/* Strips are blocks as wide as the picture. */
static void find_blocks(tiff_page *page, TIFF *tif)
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

static double read_sample(const tiff_page *page, const unsigned char *row, size_t x)
{
    const size_t step = page->planar == PLANARCONFIG_SEPARATE ? 1 : page->channels;
    const size_t index = x * step + (page->planar == PLANARCONFIG_SEPARATE ? 0 : (size_t)page->channel);
    const unsigned char *at = row + index * (page->bits / 8u);
    union {
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        float f32;
        double f64;
    } v;
    if (page->bits == 1) return row[x / 8] >> (7 - x % 8) & 1;
    memcpy(&v, at, page->bits / 8u);
    if (page->format == SAMPLEFORMAT_IEEEFP) return page->bits == 64 ? v.f64 : (double)v.f32;
    if (page->format == SAMPLEFORMAT_INT) return page->bits == 8 ? (signed char)*at : page->bits == 16 ? v.i16 : v.i32;
    return page->bits == 8 ? *at : page->bits == 16 ? v.u16 : v.u32;
}

/* As in a PNG: 1 bit becomes 0..255, white-is-zero is turned round, a palette index becomes its colour. */
static double brightness(const tiff_page *page, double v)
{
    if (page->raw) return v;
    if (page->photometric == PHOTOMETRIC_PALETTE)
        return page->palette[0] ? page->palette[page->channel][(size_t)v] >> 8 : v;
    if (page->photometric == PHOTOMETRIC_MINISWHITE && page->format != SAMPLEFORMAT_IEEEFP &&
        page->format != SAMPLEFORMAT_INT)
        v = (double)((1ull << page->bits) - 1) - v;
    return page->bits == 1 ? 255 * v : v;
}

static void store_block(const tiff_page *page, const unsigned char *block, uint32_t y0, uint32_t x0, float *out)
{
    for (uint32_t y = y0; y < page->height && y - y0 < page->block_height; y++)
        for (uint32_t x = x0; x < page->width && x - x0 < page->block_width; x++)
            out[(size_t)y * page->width + x] =
                (float)brightness(page, read_sample(page, block + (size_t)(y - y0) * page->row_bytes, x - x0));
}

static tmsize_t read_block(TIFF *tif, const tiff_page *page, uint32_t y, uint32_t x, unsigned char *block)
{
    const uint16_t plane = page->planar == PLANARCONFIG_SEPARATE ? (uint16_t)page->channel : 0;
    if (page->tiled)
        return TIFFReadEncodedTile(tif, TIFFComputeTile(tif, x, y, 0, plane), block, (tmsize_t)page->block_bytes);
    return TIFFReadEncodedStrip(tif, TIFFComputeStrip(tif, y, plane), block, (tmsize_t)page->block_bytes);
}

static sg_status read_page(TIFF *tif, tiff_page *page, float *out, const memory_file *file, const char *path)
{
    unsigned char *block = NULL;
    sg_status status = SG_OK;
    find_blocks(page, tif);
    if (page->photometric == PHOTOMETRIC_PALETTE &&
        !(page->bits <= 16 && page->channels == 1 && page->channel < 3 && page->format == SAMPLEFORMAT_UINT &&
          TIFFGetField(tif, TIFFTAG_COLORMAP, &page->palette[0], &page->palette[1], &page->palette[2])))
        SG_FAIL(SG_E_FORMAT, "%s: a palette picture without a usable palette", path);
    if (!page->block_width || !page->row_bytes || !page->block_height || !page->block_bytes ||
        page->block_bytes > (size_t)8 << 28 || page->block_bytes / page->row_bytes < page->block_height)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: blocks of %u x %u pixels", path, page->block_width, page->block_height);
    SG_TRY(SG_ALLOC(&block, page->block_bytes, path));
    for (uint32_t y = 0; y < page->height; y += page->block_height)
        for (uint32_t x = 0; x < page->width; x += page->block_width) {
            if (read_block(tif, page, y, x, block) < 0)
                SG_FAIL_DONE(SG_E_FORMAT, "%s: cannot read the TIFF picture: %s", path, file->text);
            store_block(page, block, y, x, out);
        }
done:
    sg_free(block);
    return status;
}

typedef struct tiff_walk {
    const char *path;
    const memory_file *file;
    sg_image_options options;
    tiff_page first;
    int pages;   /* seen so far */
    float *data; /* NULL: the pages are only counted and compared */
} tiff_walk;

static sg_status visit_page(tiff_walk *walk, TIFF *tif)
{
    tiff_page page = {.channel = walk->options.channel, .raw = walk->options.raw};
    if (is_reduced_copy(tif) && walk->pages > 0) return SG_OK;
    read_tags(&page, tif);
    if (walk->pages == 0) walk->first = page;
    if (page.width != walk->first.width || page.height != walk->first.height)
        SG_FAIL(SG_E_FORMAT, "%s: page %d is %u x %u pixels, the first one %u x %u", walk->path, walk->pages,
                page.width, page.height, walk->first.width, walk->first.height);
    SG_TRY(check_page(&page, walk->path));
    const size_t page_len = (size_t)page.width * page.height;
    if (walk->data) SG_TRY(read_page(tif, &page, walk->data + (size_t)walk->pages * page_len, walk->file, walk->path));
    walk->pages++;
    return SG_OK;
}

static sg_status visit_all(tiff_walk *walk, TIFF *tif)
{
    walk->pages = 0;
    if (!TIFFSetDirectory(tif, 0))
        SG_FAIL(SG_E_FORMAT, "%s: cannot read the TIFF picture: %s", walk->path, walk->file->text);
    for (;;) {
        SG_TRY(visit_page(walk, tif));
        if (TIFFLastDirectory(tif)) return SG_OK;
        if (!TIFFReadDirectory(tif))
            SG_FAIL(SG_E_FORMAT, "%s: cannot read the page after page %d: %s", walk->path, walk->pages - 1,
                    walk->file->text);
    }
}

static sg_status read_pages(sg_image *out, TIFF *tif, tiff_walk *walk)
{
    SG_TRY(visit_all(walk, tif));
    SG_TRY(sg_image_make(out, walk->pages, walk->first.height, walk->first.width, walk->file->size, walk->path));
    out->bits = walk->first.bits < 8 ? 8 : walk->first.bits;
    out->is_float = walk->first.format == SAMPLEFORMAT_IEEEFP;
    walk->data = out->data;
    return visit_all(walk, tif);
}

sg_status sg_tiff_read(sg_image *out, const char *path, sg_image_options options)
{
    memory_file file = {0};
    tiff_walk walk = {.path = path, .file = &file, .options = options};
    void *bytes;
    *out = (sg_image){0};
    SG_TRY(sg_file_read(&bytes, &file.size, path, 0));
    file.bytes = bytes;
    sg_status status = SG_OK;
    TIFF *tif = NULL;
    if (file.size == 0) SG_FAIL_DONE(SG_E_FORMAT, "%s: the file is empty", path);
    tif = memory_open(&file, path, "r");
    if (!tif) SG_FAIL_DONE(SG_E_FORMAT, "%s: not a readable TIFF picture: %s", path, file.text);
    SG_TRY_DONE(read_pages(out, tif, &walk));
    if (file.truncated) SG_FAIL_DONE(SG_E_FORMAT, "%s: the TIFF file is truncated", path);
done:
    if (tif) TIFFClose(tif);
    sg_free(file.bytes);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

/* ---- writing ---- */

/* A single page says micrometres as ImageJ does: unit in the description, pixels per unit in the tags. With several
 * pages that description would promise that their data lie one behind the other, so they have pixels per centimetre,
 * which all readers know. */
static void set_scale(TIFF *tif, const sg_tiff *tiff)
{
    const bool single = tiff->pages == 1;
    if (single) TIFFSetField(tif, TIFFTAG_IMAGEDESCRIPTION, "ImageJ=1.54f\nunit=micron\n");
    TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, single ? RESUNIT_NONE : RESUNIT_CENTIMETER);
    TIFFSetField(tif, TIFFTAG_XRESOLUTION, (single ? 1 : 1e4) / tiff->pixel_um);
    TIFFSetField(tif, TIFFTAG_YRESOLUTION, (single ? 1 : 1e4) / tiff->pixel_um);
}

static void set_tags(TIFF *tif, const sg_tiff *tiff)
{
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, (uint32_t)tiff->width);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, (uint32_t)tiff->height);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, tiff->bits);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, tiff->bits == 32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, (uint32_t)tiff->height);
    if (tiff->pixel_um > 0) set_scale(tif, tiff);
}

static sg_status write_pages(TIFF *tif, const sg_tiff *tiff, const memory_file *file, const char *path)
{
    const size_t page_bytes = (size_t)tiff->width * (size_t)tiff->height * (size_t)(tiff->bits / 8);
    for (int page = 0; page < tiff->pages; page++) {
        const unsigned char *data = (const unsigned char *)tiff->data + (size_t)page * page_bytes;
        unsigned char *copy; /* libtiff wants memory it may write to */
        set_tags(tif, tiff);
        SG_TRY(SG_ALLOC(&copy, page_bytes, path));
        memcpy(copy, data, page_bytes);
        const bool written = TIFFWriteEncodedStrip(tif, 0, copy, (tmsize_t)page_bytes) >= 0 && TIFFWriteDirectory(tif);
        sg_free(copy);
        if (!written) SG_FAIL(SG_E_IO, "%s: cannot make the TIFF picture: %s", path, file->text);
    }
    return SG_OK;
}

static sg_status check_tiff(const sg_tiff *tiff, const char *path)
{
    if (tiff->pages < 1 || tiff->height < 1 || tiff->width < 1)
        SG_FAIL(SG_E_RANGE, "%s: %d pages of %d x %d pixels cannot be written", path, tiff->pages, tiff->width,
                tiff->height);
    if (tiff->bits != 8 && tiff->bits != 16 && tiff->bits != 32)
        SG_FAIL(SG_E_RANGE, "%s: TIFF samples have 8, 16 or 32 bits, not %d", path, tiff->bits);
    return SG_OK;
}

sg_status sg_tiff_write(const char *path, const sg_tiff *tiff)
{
    memory_file file = {0};
    sg_status status = SG_OK;
    SG_TRY(check_tiff(tiff, path));
    const double bytes = (double)tiff->pages * tiff->height * tiff->width * tiff->bits / 8;
    TIFF *tif = memory_open(&file, path, bytes > 2e9 ? "w8" : "w"); /* 8: BigTIFF */
    if (!tif) SG_FAIL_DONE(SG_E_IO, "%s: cannot make the TIFF picture: %s", path, file.text);
    SG_TRY_DONE(write_pages(tif, tiff, &file, path));
    TIFFClose(tif);
    tif = NULL;
    SG_TRY_DONE(sg_file_write(path, file.bytes, file.size));
done:
    if (tif) TIFFClose(tif);
    sg_free(file.bytes);
    return status;
}
