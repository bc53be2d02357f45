/* tiff_pixels.c - the pixels of an open TIFF, row by row as floats: no picture needs to fit in memory. Where they are
 * whole numbers and mean what they say, all at once as they stand in the file. */
#include "core/memory.h"
#include "datasets/tiff_reader.h"

#include <string.h>

static sg_status make_room(sg_tiff_reader *r)
{
    if (r->page.block_bytes <= r->block_room) return SG_OK;
    sg_free(r->block);
    r->block = NULL;
    r->block_room = 0;
    SG_TRY(SG_ALLOC(&r->block, r->page.block_bytes, r->path));
    r->block_room = r->page.block_bytes;
    return SG_OK;
}

static sg_status begin_directory(sg_tiff_reader *r)
{
    const int *map = r->description.directory;
    const toff_t directory = r->directory[map ? map[r->plane] : (int)r->plane];
    r->page = (sg_tiff_page){.channel = r->options.channel, .raw = r->options.raw};
    if (!TIFFSetSubDirectory(r->tif, directory))
        SG_FAIL(SG_E_FORMAT, "%s: cannot read page %lld: %s", r->path, r->plane, r->file.text);
    SG_TRY(sg_tiff_page_tags(&r->page, r->tif, r->path));
    return sg_tiff_page_blocks(&r->page, r->tif, r->info.bytes, r->path);
}

static sg_status begin_page(sg_tiff_reader *r, int number)
{
    if (number == r->page_number) return SG_OK;
    r->page_number = -1;
    r->loaded = false;
    r->plane = sg_axes_at(&r->axes, number);
    if (r->following == 0) SG_TRY(begin_directory(r));
    r->page_number = number;
    return SG_OK;
}

static void swap_bytes(unsigned char *block, size_t bytes, int bits)
{
    if (bits == 16) TIFFSwabArrayOfShort((void *)block, (tmsize_t)bytes / 2);
    if (bits == 24) TIFFSwabArrayOfTriples((void *)block, (tmsize_t)bytes / 3);
    if (bits == 32) TIFFSwabArrayOfLong((void *)block, (tmsize_t)bytes / 4);
    if (bits == 64) TIFFSwabArrayOfLong8((void *)block, (tmsize_t)bytes / 8);
}

/* Rows of a page without a directory. */
static bool read_following(sg_tiff_reader *r, unsigned char *to, uint32_t y)
{
    const uint32_t left = r->page.height - y, rows = left < r->page.block_height ? left : r->page.block_height;
    const off_t at = r->following + (off_t)((size_t)r->plane * sg_tiff_plane_bytes(r) + y * r->page.row_bytes);
    if (!sg_tiff_file_bytes(&r->file, to, rows * r->page.row_bytes, at)) return false;
    if (TIFFIsByteSwapped(r->tif)) swap_bytes(to, rows * r->page.row_bytes, r->page.bits);
    return true;
}

static bool read_block(sg_tiff_reader *r, unsigned char *to, uint32_t y, uint32_t x)
{
    const sg_tiff_page *page = &r->page;
    const size_t left = (page->height - y) * page->row_bytes;
    const tmsize_t bytes = (tmsize_t)(page->tiled || page->block_bytes < left ? page->block_bytes : left);
    const uint16_t plane = page->planar == PLANARCONFIG_SEPARATE ? (uint16_t)page->channel : 0;
    if (r->following) return read_following(r, to, y);
    if (page->tiled) return TIFFReadEncodedTile(r->tif, TIFFComputeTile(r->tif, x, y, 0, plane), to, bytes) >= 0;
    return TIFFReadEncodedStrip(r->tif, TIFFComputeStrip(r->tif, y, plane), to, bytes) >= 0;
}

/* The block whose upper left corner is (y, x), which has room for it at `to`. */
static sg_status get_block(sg_tiff_reader *r, unsigned char *to, uint32_t y, uint32_t x)
{
    if (read_block(r, to, y, x) && !r->file.truncated) return SG_OK;
    SG_FAIL(SG_E_FORMAT, "%s: cannot read the %s of page %d that begins at row %u: %s", r->path,
            r->page.tiled ? "tile" : "strip", r->page_number, y,
            r->file.truncated ? "the TIFF file is truncated" : r->file.text);
}

/* The same, kept until the next one. */
static sg_status load_block(sg_tiff_reader *r, uint32_t y, uint32_t x)
{
    if (r->loaded && r->loaded_y == y && r->loaded_x == x) return SG_OK;
    r->loaded = false;
    SG_TRY(make_room(r));
    SG_TRY(get_block(r, r->block, y, x));
    r->loaded = true;
    r->loaded_y = y;
    r->loaded_x = x;
    return SG_OK;
}

sg_status sg_tiff_rows(sg_tiff_reader *r, float *out, int page_number, int row, int rows)
{
    SG_TRY(begin_page(r, page_number));
    const sg_tiff_page *page = &r->page;
    const uint32_t first = (uint32_t)row, last = (uint32_t)(row + rows), step = page->block_height;
    for (uint64_t y = first / step * (uint64_t)step; y < last; y += step)
        for (uint64_t x = 0; x < page->width; x += page->block_width) {
            const uint32_t left = (uint32_t)x, right = page->width - left;
            const uint32_t count = right < page->block_width ? right : page->block_width;
            SG_TRY(load_block(r, (uint32_t)y, left));
            for (uint64_t i = y > first ? y : first; i < last && i < y + step; i++)
                sg_tiff_page_row(page, r->block + (size_t)(i - y) * page->row_bytes, count,
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
    memcpy(out->axes, info->axes, sizeof out->axes);
    memcpy(out->pixel_um, info->pixel_um, sizeof out->pixel_um);
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

/* ---- whole numbers ---- */

static sg_status copy_tiles(sg_tiff_reader *r, char *out)
{
    const sg_tiff_page *page = &r->page;
    const size_t bytes = page->bits / 8, row = page->width * bytes;
    for (uint64_t y = 0; y < page->height; y += page->block_height)
        for (uint64_t x = 0; x < page->width; x += page->block_width) {
            const size_t right = page->width - (size_t)x, count = right < page->block_width ? right : page->block_width;
            SG_TRY(load_block(r, (uint32_t)y, (uint32_t)x));
            for (uint64_t i = y; i < page->height && i < y + page->block_height; i++)
                memcpy(out + i * row + x * bytes, r->block + (i - y) * page->row_bytes, count * bytes);
        }
    return SG_OK;
}

/* Strips are read where they belong. */
static sg_status read_numbers(sg_tiff_reader *r, char *out)
{
    const sg_tiff_page *page = &r->page;
    if (page->tiled) return copy_tiles(r, out);
    for (uint64_t y = 0; y < page->height; y += page->block_height)
        SG_TRY(get_block(r, (unsigned char *)out + y * page->row_bytes, (uint32_t)y, 0));
    return SG_OK;
}

/* *whole = false: some page is of another kind. */
static sg_status read_whole(bool *whole, void **out, sg_tiff_reader *r)
{
    const sg_tiff_info *info = &r->info;
    const size_t bytes = (size_t)info->height * (size_t)info->width * (size_t)info->bits / 8;
    *whole = true;
    SG_TRY(sg_image_check_pages(info->pages, info->height, info->width, info->bytes, r->path));
    for (int i = 0; i < info->pages; i++) {
        SG_TRY(begin_page(r, i));
        *whole = sg_tiff_page_whole(&r->page);
        if (!*whole) return SG_OK;
        if (i == 0) SG_TRY(sg_alloc(out, (size_t)info->pages, bytes, r->path));
        SG_TRY(read_numbers(r, (char *)*out + (size_t)i * bytes));
    }
    if (r->file.truncated) SG_FAIL(SG_E_FORMAT, "%s: the TIFF file is truncated", r->path);
    return SG_OK;
}

sg_status sg_tiff_read_whole(void **out, sg_tiff_info *info, const char *path, sg_image_options options)
{
    sg_tiff_reader *reader;
    bool whole = false;
    *out = NULL;
    SG_TRY(sg_tiff_open(&reader, path, options));
    const sg_status status = read_whole(&whole, out, reader);
    *info = reader->info;
    sg_tiff_close(reader);
    if (status == SG_OK && whole) return SG_OK;
    sg_free(*out);
    *out = NULL;
    return status;
}
