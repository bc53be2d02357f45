/* tiff.c - TIFF files in and out (libtiff), row by row: no picture needs to fit in memory. What libtiff has to say goes
 * into the error text. */
#include "datasets/tiff.h"

#include "core/file.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tiffio.h>
#include <unistd.h>

/* ---- a file for libtiff ---- */

typedef struct tiff_file {
    int file;
    off_t position, size;
    bool truncated; /* libtiff asked for bytes past the end; it forgives that in places where we do not */
    char text[200]; /* libtiff's first complaint, or the system's */
} tiff_file;

static int on_message(TIFF *tif, void *context, const char *module, const char *format, va_list args)
{
    (void)tif;
    (void)module;
    tiff_file *file = context;
    if (!file->text[0]) (void)vsnprintf(file->text, sizeof file->text, format, args);
    return 1;
}

static int on_warning(TIFF *tif, void *context, const char *module, const char *format, va_list args)
{
    (void)tif, (void)context, (void)module, (void)format, (void)args;
    return 1;
}

static tmsize_t file_read(thandle_t handle, void *out, tmsize_t count)
{
    tiff_file *file = handle;
    tmsize_t done = 0;
    while (done < count) {
        const ssize_t step = pread(file->file, (char *)out + done, (size_t)(count - done), file->position + done);
        if (step < 0 && errno == EINTR) continue;
        if (step <= 0) break;
        done += step;
    }
    if (done < count) file->truncated = true;
    file->position += done;
    return done;
}

static tmsize_t file_write(thandle_t handle, void *in, tmsize_t count)
{
    tiff_file *file = handle;
    tmsize_t done = 0;
    while (done < count) {
        const ssize_t step = pwrite(file->file, (char *)in + done, (size_t)(count - done), file->position + done);
        if (step < 0 && errno == EINTR) continue;
        if (step < 0) (void)snprintf(file->text, sizeof file->text, "%s", strerror(errno));
        if (step <= 0) return -1;
        done += step;
    }
    file->position += done;
    if (file->position > file->size) file->size = file->position;
    return done;
}

static toff_t file_seek(thandle_t handle, toff_t offset, int whence)
{
    tiff_file *file = handle;
    const off_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file->position : file->size;
    file->position = base + (off_t)offset;
    return (toff_t)file->position;
}

static toff_t file_size(thandle_t handle)
{
    return (toff_t)((tiff_file *)handle)->size;
}

/* Who opened it closes it. */
static int file_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static TIFF *file_open(tiff_file *file, const char *path, const char *mode)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_message, file);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, file);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 31);
    TIFF *tif = TIFFClientOpenExt(path, mode, file, file_read, file_write, file_seek, file_close, file_size, NULL, NULL,
                                  options);
    TIFFOpenOptionsFree(options);
    return tif;
}

/* ---- pages ---- */

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

/* `count` samples of a row of a block, from its left edge. */
static void convert_row(const tiff_page *page, const unsigned char *row, uint32_t count, float *out)
{
    const bool plain = page->channels == 1 && page->photometric == PHOTOMETRIC_MINISBLACK;
    if (plain && page->bits == 8 && page->format == SAMPLEFORMAT_UINT) {
        for (uint32_t x = 0; x < count; x++) out[x] = (float)row[x];
    } else if (plain && page->bits == 16 && page->format == SAMPLEFORMAT_UINT) {
        const uint16_t *sample = (const void *)row; /* a row begins at an even address: a whole number of samples */
        for (uint32_t x = 0; x < count; x++) out[x] = (float)sample[x];
    } else {
        for (uint32_t x = 0; x < count; x++) out[x] = (float)brightness(page, read_sample(page, row, x));
    }
}

static tmsize_t read_block(TIFF *tif, const tiff_page *page, uint32_t y, uint32_t x, unsigned char *block)
{
    const uint16_t plane = page->planar == PLANARCONFIG_SEPARATE ? (uint16_t)page->channel : 0;
    if (page->tiled)
        return TIFFReadEncodedTile(tif, TIFFComputeTile(tif, x, y, 0, plane), block, (tmsize_t)page->block_bytes);
    return TIFFReadEncodedStrip(tif, TIFFComputeStrip(tif, y, plane), block, (tmsize_t)page->block_bytes);
}

/* ---- reading ---- */

struct sg_tiff_reader {
    sg_tiff_info info;
    const char *path;
    sg_image_options options;
    tiff_file file;
    TIFF *tif;
    toff_t *directory; /* (info.pages) */
    int room;
    /* the page that is being read, and the block of it that was read last */
    int page_number; /* -1: none yet */
    tiff_page page;
    unsigned char *block;
    size_t block_room;
    bool loaded;
    uint32_t loaded_y, loaded_x;
};

static sg_status open_descriptor(tiff_file *file, const char *path)
{
    struct stat info;
    file->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* does not wait for the other end of a pipe */
    if (file->file < 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    if (fstat(file->file, &info) != 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) SG_FAIL(SG_E_IO, "%s: cannot read: it is a folder", path);
    if (!S_ISREG(info.st_mode)) SG_FAIL(SG_E_IO, "%s: cannot read: a TIFF picture must be a regular file", path);
    if (info.st_size == 0) SG_FAIL(SG_E_FORMAT, "%s: the file is empty", path);
    file->size = info.st_size;
    return SG_OK;
}

static sg_status add_directory(sg_tiff_reader *r)
{
    if (r->info.pages == r->room) {
        toff_t *more;
        SG_TRY(SG_ALLOC(&more, 2 * (size_t)r->room + 16, r->path));
        if (r->room) memcpy(more, r->directory, (size_t)r->room * sizeof *more);
        sg_free(r->directory);
        r->directory = more;
        r->room = 2 * r->room + 16;
    }
    r->directory[r->info.pages++] = TIFFCurrentDirOffset(r->tif);
    return SG_OK;
}

/* Notes the present directory as a page, unless it is a smaller copy of one. */
static sg_status visit_page(sg_tiff_reader *r)
{
    tiff_page page = {.channel = r->options.channel, .raw = r->options.raw};
    sg_tiff_info *info = &r->info;
    if (is_reduced_copy(r->tif) && info->pages > 0) return SG_OK;
    read_tags(&page, r->tif);
    if (info->pages == 0) {
        if (page.width > INT32_MAX || page.height > INT32_MAX)
            SG_FAIL(SG_E_FORMAT, "%s: damaged: a page of %u x %u pixels", r->path, page.width, page.height);
        info->width = (int)page.width;
        info->height = (int)page.height;
        info->bits = page.bits < 8 ? 8 : page.bits;
        info->is_float = page.format == SAMPLEFORMAT_IEEEFP;
    }
    if (page.width != (uint32_t)info->width || page.height != (uint32_t)info->height)
        SG_FAIL(SG_E_FORMAT, "%s: page %d is %u x %u pixels, the first one %d x %d", r->path, info->pages, page.width,
                page.height, info->width, info->height);
    SG_TRY(check_page(&page, r->path));
    return add_directory(r);
}

static sg_status find_pages(sg_tiff_reader *r)
{
    SG_TRY(open_descriptor(&r->file, r->path));
    r->info.bytes = (size_t)r->file.size;
    r->tif = file_open(&r->file, r->path, "r");
    if (!r->tif) SG_FAIL(SG_E_FORMAT, "%s: not a readable TIFF picture: %s", r->path, r->file.text);
    for (;;) {
        SG_TRY(visit_page(r));
        if (TIFFLastDirectory(r->tif)) return SG_OK;
        if (!TIFFReadDirectory(r->tif))
            SG_FAIL(SG_E_FORMAT, "%s: cannot read the page after page %d: %s", r->path, r->info.pages - 1,
                    r->file.text);
    }
}

sg_status sg_tiff_open(sg_tiff_reader **out, const char *path, sg_image_options options)
{
    SG_TRY(SG_ALLOC(out, 1, path));
    **out = (sg_tiff_reader){.path = path, .options = options, .page_number = -1, .file.file = -1};
    const sg_status status = find_pages(*out);
    if (status == SG_OK) return SG_OK;
    sg_tiff_close(*out);
    *out = NULL;
    return status;
}

const sg_tiff_info *sg_tiff_info_of(const sg_tiff_reader *reader)
{
    return &reader->info;
}

void sg_tiff_close(sg_tiff_reader *reader)
{
    if (reader == NULL) return;
    if (reader->tif) TIFFClose(reader->tif);
    if (reader->file.file >= 0) (void)close(reader->file.file);
    sg_free(reader->directory);
    sg_free(reader->block);
    sg_free(reader);
}

static sg_status check_blocks(const tiff_page *page, const char *path)
{
    if (!page->block_width || !page->row_bytes || !page->block_height || !page->block_bytes ||
        page->block_bytes > (size_t)8 << 28 || page->block_bytes / page->row_bytes < page->block_height)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: blocks of %u x %u pixels", path, page->block_width, page->block_height);
    return SG_OK;
}

static sg_status begin_page(sg_tiff_reader *r, int number)
{
    tiff_page *page = &r->page;
    if (number == r->page_number) return SG_OK;
    r->page_number = -1;
    r->loaded = false;
    *page = (tiff_page){.channel = r->options.channel, .raw = r->options.raw};
    if (!TIFFSetSubDirectory(r->tif, r->directory[number]))
        SG_FAIL(SG_E_FORMAT, "%s: cannot read page %d: %s", r->path, number, r->file.text);
    read_tags(page, r->tif);
    SG_TRY(check_page(page, r->path));
    find_blocks(page, r->tif);
    if (page->photometric == PHOTOMETRIC_PALETTE &&
        !(page->bits <= 16 && page->channels == 1 && page->channel < 3 && page->format == SAMPLEFORMAT_UINT &&
          TIFFGetField(r->tif, TIFFTAG_COLORMAP, &page->palette[0], &page->palette[1], &page->palette[2])))
        SG_FAIL(SG_E_FORMAT, "%s: a palette picture without a usable palette", r->path);
    SG_TRY(check_blocks(page, r->path));
    if (page->block_bytes > r->block_room) {
        sg_free(r->block);
        r->block_room = 0;
        SG_TRY(SG_ALLOC(&r->block, page->block_bytes, r->path));
        r->block_room = page->block_bytes;
    }
    r->page_number = number;
    return SG_OK;
}

/* The block whose upper left corner is (y, x). */
static sg_status load_block(sg_tiff_reader *r, uint32_t y, uint32_t x)
{
    if (r->loaded && r->loaded_y == y && r->loaded_x == x) return SG_OK;
    r->loaded = false;
    if (read_block(r->tif, &r->page, y, x, r->block) < 0 || r->file.truncated)
        SG_FAIL(SG_E_FORMAT, "%s: cannot read the %s of page %d that begins at row %u: %s", r->path,
                r->page.tiled ? "tile" : "strip", r->page_number, y,
                r->file.truncated ? "the TIFF file is truncated" : r->file.text);
    r->loaded = true;
    r->loaded_y = y;
    r->loaded_x = x;
    return SG_OK;
}

sg_status sg_tiff_rows(sg_tiff_reader *r, float *out, int page_number, int row, int rows)
{
    SG_TRY(begin_page(r, page_number));
    const tiff_page *page = &r->page;
    const uint32_t first = (uint32_t)row, last = (uint32_t)(row + rows), step = page->block_height;
    for (uint64_t y = first / step * (uint64_t)step; y < last; y += step)
        for (uint64_t x = 0; x < page->width; x += page->block_width) {
            const uint32_t left = (uint32_t)x, right = page->width - left;
            const uint32_t count = right < page->block_width ? right : page->block_width;
            SG_TRY(load_block(r, (uint32_t)y, left));
            for (uint64_t i = y > first ? y : first; i < last && i < y + step; i++)
                convert_row(page, r->block + (size_t)(i - y) * page->row_bytes, count,
                            out + (size_t)(i - first) * page->width + left);
        }
    if (page->format != SAMPLEFORMAT_IEEEFP) return SG_OK;
    return sg_image_check_rows(out, page_number, row, rows, (int)page->width, r->path);
}

static sg_status read_pages(sg_image *out, sg_tiff_reader *r)
{
    const sg_tiff_info *info = &r->info;
    const size_t page_len = (size_t)info->height * (size_t)info->width;
    SG_TRY(sg_image_make(out, info->pages, info->height, info->width, info->bytes, r->path));
    out->bits = info->bits;
    out->is_float = info->is_float;
    for (int page = 0; page < info->pages; page++)
        SG_TRY(sg_tiff_rows(r, out->data + (size_t)page * page_len, page, 0, info->height));
    return SG_OK;
}

sg_status sg_tiff_read(sg_image *out, const char *path, sg_image_options options)
{
    sg_tiff_reader *reader;
    *out = (sg_image){0};
    SG_TRY(sg_tiff_open(&reader, path, options));
    sg_status status = read_pages(out, reader);
    if (status == SG_OK && reader->file.truncated)
        status = sg_error_set(SG_E_FORMAT, "%s: the TIFF file is truncated", path);
    sg_tiff_close(reader);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

/* ---- writing ---- */

enum { STRIP_BYTES = 1 << 20 };

struct sg_tiff_writer {
    sg_tiff_form form;
    const char *path;
    sg_file_draft *draft;
    tiff_file file;
    TIFF *tif;
    unsigned char *strip; /* rows that wait to be written */
    size_t row_bytes;
    int strip_rows, waiting, row, page; /* rows of a strip, rows in it, rows of the page, pages done */
};

/* A single page says micrometres as ImageJ does: unit in the description, pixels per unit in the tags. With several
 * pages that description would promise that their data lie one behind the other, so they have pixels per centimetre,
 * which all readers know. */
static void set_scale(TIFF *tif, const sg_tiff_form *form)
{
    const bool single = form->pages == 1;
    if (single) TIFFSetField(tif, TIFFTAG_IMAGEDESCRIPTION, "ImageJ=1.54f\nunit=micron\n");
    TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, single ? RESUNIT_NONE : RESUNIT_CENTIMETER);
    TIFFSetField(tif, TIFFTAG_XRESOLUTION, (single ? 1 : 1e4) / form->pixel_um);
    TIFFSetField(tif, TIFFTAG_YRESOLUTION, (single ? 1 : 1e4) / form->pixel_um);
}

static void set_tags(TIFF *tif, const sg_tiff_form *form, int strip_rows)
{
    const bool is_float = form->bits == 32;
    TIFFSetField(tif, TIFFTAG_IMAGEWIDTH, (uint32_t)form->width);
    TIFFSetField(tif, TIFFTAG_IMAGELENGTH, (uint32_t)form->height);
    TIFFSetField(tif, TIFFTAG_BITSPERSAMPLE, form->bits);
    TIFFSetField(tif, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tif, TIFFTAG_SAMPLEFORMAT, is_float ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    TIFFSetField(tif, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tif, TIFFTAG_COMPRESSION, form->compress ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_NONE);
    if (form->compress) TIFFSetField(tif, TIFFTAG_PREDICTOR, is_float ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL);
    TIFFSetField(tif, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, (uint32_t)strip_rows);
    if (form->pixel_um > 0) set_scale(tif, form);
}

static sg_status check_form(const sg_tiff_form *form, const char *path)
{
    if (form->pages < 1 || form->height < 1 || form->width < 1)
        SG_FAIL(SG_E_RANGE, "%s: %d pages of %d x %d pixels cannot be written", path, form->pages, form->width,
                form->height);
    if (form->bits != 8 && form->bits != 16 && form->bits != 32)
        SG_FAIL(SG_E_RANGE, "%s: TIFF samples have 8, 16 or 32 bits, not %d", path, form->bits);
    return SG_OK;
}

static sg_status cannot_make(const sg_tiff_writer *w)
{
    SG_FAIL(SG_E_IO, "%s: cannot write: %s", w->path, w->file.text);
}

static sg_status begin_file(sg_tiff_writer *w)
{
    const sg_tiff_form *form = &w->form;
    const double bytes = (double)form->pages * form->height * form->width * form->bits / 8;
    w->row_bytes = (size_t)form->width * (size_t)(form->bits / 8);
    const size_t rows = STRIP_BYTES / w->row_bytes;
    w->strip_rows = rows < 1 ? 1 : rows < (size_t)form->height ? (int)rows : form->height;
    SG_TRY(SG_ALLOC(&w->strip, (size_t)w->strip_rows * w->row_bytes, w->path));
    SG_TRY(sg_file_draft_open(&w->draft, w->path));
    w->file.file = sg_file_draft_descriptor(w->draft);
    w->tif = file_open(&w->file, w->path, bytes > 2e9 ? "w8" : "w"); /* 8: BigTIFF */
    return w->tif ? SG_OK : cannot_make(w);
}

sg_status sg_tiff_create(sg_tiff_writer **out, const char *path, const sg_tiff_form *form)
{
    *out = NULL;
    SG_TRY(check_form(form, path));
    SG_TRY(SG_ALLOC(out, 1, path));
    **out = (sg_tiff_writer){.form = *form, .path = path};
    const sg_status status = begin_file(*out);
    if (status == SG_OK) return SG_OK;
    sg_tiff_abandon(*out);
    *out = NULL;
    return status;
}

void sg_tiff_abandon(sg_tiff_writer *writer)
{
    if (writer == NULL) return;
    if (writer->tif) TIFFClose(writer->tif); /* what that still writes is dropped with the draft */
    sg_file_draft_drop(writer->draft);
    sg_free(writer->strip);
    sg_free(writer);
}

/* The rows that wait are a strip; after the last one of a page its directory follows. */
static sg_status write_strip(sg_tiff_writer *w)
{
    const int last = w->row == w->form.height;
    const uint32_t strip = (uint32_t)((w->row - 1) / w->strip_rows);
    if (strip == 0) set_tags(w->tif, &w->form, w->strip_rows);
    const tmsize_t bytes = (tmsize_t)((size_t)w->waiting * w->row_bytes);
    if (TIFFWriteEncodedStrip(w->tif, strip, w->strip, bytes) < 0) return cannot_make(w);
    w->waiting = 0;
    if (!last) return SG_OK;
    w->row = 0;
    w->page++;
    return TIFFWriteDirectory(w->tif) ? SG_OK : cannot_make(w);
}

sg_status sg_tiff_append(sg_tiff_writer *w, const void *data, int rows)
{
    const unsigned char *from = data;
    for (int i = 0; i < rows; i++, from += w->row_bytes) {
        if (w->page == w->form.pages) SG_FAIL(SG_E_STATE, "%s: more rows than were announced", w->path);
        memcpy(w->strip + (size_t)w->waiting * w->row_bytes, from, w->row_bytes);
        w->waiting++;
        w->row++;
        if (w->waiting == w->strip_rows || w->row == w->form.height) SG_TRY(write_strip(w));
    }
    return SG_OK;
}

sg_status sg_tiff_finish(sg_tiff_writer *w)
{
    sg_status status = SG_OK;
    if (w->page < w->form.pages)
        status = sg_error_set(SG_E_STATE, "%s: page %d of %d is missing", w->path, w->page, w->form.pages);
    if (status == SG_OK) {
        TIFFClose(w->tif);
        w->tif = NULL;
        if (w->file.text[0]) status = cannot_make(w);
    }
    if (status == SG_OK) {
        status = sg_file_draft_keep(w->draft);
        w->draft = NULL;
    }
    sg_tiff_abandon(w);
    return status;
}

sg_status sg_tiff_write(const char *path, const sg_tiff *tiff)
{
    const sg_tiff_form form = {.pages = tiff->pages,
                               .height = tiff->height,
                               .width = tiff->width,
                               .bits = tiff->bits,
                               .pixel_um = tiff->pixel_um};
    const unsigned char *data = tiff->data;
    sg_tiff_writer *writer;
    sg_status status = SG_OK;
    SG_TRY(sg_tiff_create(&writer, path, &form));
    for (int page = 0; status == SG_OK && page < tiff->pages; page++)
        status = sg_tiff_append(writer, data + (size_t)page * (size_t)tiff->height * writer->row_bytes, tiff->height);
    if (status == SG_OK) return sg_tiff_finish(writer);
    sg_tiff_abandon(writer);
    return status;
}
