/* tiff_read.c - opens TIFF files (libtiff): which pages there are comes from the directories, what they mean from
 * OME-XML, ImageJ's description or the reader's options. Their pixels are read in tiff_pixels.c. */
#include "core/memory.h"
#include "datasets/tiff_reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool sg_tiff_known(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcasecmp(dot, ".tif") == 0 || strcasecmp(dot, ".tiff") == 0);
}

/* ---- which pages there are ---- */

static sg_status add_directory(sg_tiff_reader *r, toff_t place)
{
    if (r->directories == r->room) {
        toff_t *more;
        SG_TRY(SG_ALLOC(&more, 2 * (size_t)r->room + 16, r->path));
        if (r->room) memcpy(more, r->directory, (size_t)r->room * sizeof *more);
        sg_free(r->directory);
        r->directory = more;
        r->room = 2 * r->room + 16;
    }
    r->directory[r->directories++] = place;
    return SG_OK;
}

/* What the first page decides for all. */
static sg_status visit_first(sg_tiff_reader *r, const sg_tiff_page *page)
{
    const char *text = NULL;
    sg_tiff_info *info = &r->info;
    (void)TIFFGetField(r->tif, TIFFTAG_IMAGEDESCRIPTION, &text);
    SG_TRY(sg_tiff_describe(&r->description, text, page->channels, r->path));
    sg_tiff_page_scale(info->pixel_um, r->tif, r->description.unit_um);
    for (int i = 0; i < 2; i++)
        if (r->description.pixel_um[i] > 0) info->pixel_um[i] = r->description.pixel_um[i];
    info->width = (int)page->width;
    info->height = (int)page->height;
    info->bits = page->bits < 8 ? 8 : page->bits;
    info->is_float = page->format == SAMPLEFORMAT_IEEEFP;
    const sg_tiff_description *d = &r->description;
    if (d->size_x > 0 && (d->size_x != info->width || d->size_y != info->height))
        SG_FAIL(SG_E_FORMAT, "%s: its OME-XML says %lld x %lld pixels, its first page has %d x %d", r->path, d->size_x,
                d->size_y, info->width, info->height);
    return SG_OK;
}

/* The tags of the present directory, which must be like the first one. */
static sg_status check_page(sg_tiff_reader *r)
{
    sg_tiff_page page = {.channel = r->options.channel, .raw = r->options.raw};
    const sg_tiff_info *info = &r->info;
    SG_TRY(sg_tiff_page_tags(&page, r->tif, r->path));
    if (r->directories == 0) SG_TRY(visit_first(r, &page));
    if (page.width != (uint32_t)info->width || page.height != (uint32_t)info->height)
        SG_FAIL(SG_E_FORMAT, "%s: page %d is %u x %u pixels, the first one %d x %d", r->path, r->directories,
                page.width, page.height, info->width, info->height);
    if ((page.bits < 8 ? 8 : page.bits) != info->bits || (page.format == SAMPLEFORMAT_IEEEFP) != info->is_float)
        SG_FAIL(SG_E_FORMAT, "%s: page %d has %ss of %d bits, the first one %ss of %d", r->path, r->directories,
                page.format == SAMPLEFORMAT_IEEEFP ? "float" : "integer", page.bits,
                info->is_float ? "float" : "integer", info->bits);
    return SG_OK;
}

/* Notes the present directory as a page, unless it is a smaller copy of one. In an OME-TIFF others may be of other
 * images: name_planes decides whether any of them is wanted. */
static sg_status visit_page(sg_tiff_reader *r)
{
    if (sg_tiff_is_copy(r->tif) && r->directories > 0) return SG_OK;
    const sg_status status = check_page(r);
    if (status != SG_OK && !(r->description.directory && r->directories > 0)) return status;
    return add_directory(r, status == SG_OK ? TIFFCurrentDirOffset(r->tif) : 0);
}

static sg_status find_directories(sg_tiff_reader *r)
{
    SG_TRY(sg_tiff_file_open(&r->file, r->path));
    r->info.bytes = (size_t)r->file.size;
    r->tif = sg_tiff_file_start(&r->file, r->path, "r");
    if (!r->tif) SG_FAIL(SG_E_FORMAT, "%s: not a readable TIFF picture: %s", r->path, r->file.text);
    for (;;) {
        SG_TRY(visit_page(r));
        if (TIFFLastDirectory(r->tif)) return SG_OK;
        if (!TIFFReadDirectory(r->tif))
            SG_FAIL(SG_E_FORMAT, "%s: cannot read the page after page %d: %s", r->path, r->directories - 1,
                    r->file.text);
    }
}

/* ---- what they mean ---- */

/* ImageJ writes one directory and all pages behind each other where 4 GB are not enough for more of them. */
static sg_status find_following(sg_tiff_reader *r, double planes)
{
    sg_tiff_page *page = &r->page;
    *page = (sg_tiff_page){.channel = r->options.channel, .raw = r->options.raw};
    if (!TIFFSetDirectory(r->tif, 0)) SG_FAIL(SG_E_FORMAT, "%s: cannot read page 0: %s", r->path, r->file.text);
    SG_TRY(sg_tiff_page_tags(page, r->tif, r->path));
    SG_TRY(sg_tiff_page_blocks(page, r->tif, r->info.bytes, r->path));
    r->following = (off_t)TIFFGetStrileOffset(r->tif, 0);
    const uint32_t last = TIFFNumberOfStrips(r->tif) - 1;
    const double end = (double)r->following + planes * (double)sg_tiff_plane_bytes(r);
    if (page->tiled || TIFFGetStrileOffset(r->tif, last) != (uint64_t)r->following + last * page->block_bytes ||
        page->compression != COMPRESSION_NONE || page->planar == PLANARCONFIG_SEPARATE || page->bits % 8 ||
        r->following <= 0 || end > (double)r->info.bytes)
        SG_FAIL(SG_E_FORMAT, "%s: its description says %.0f pages, but the file has one; is it truncated?", r->path,
                planes);
    return SG_OK;
}

/* Each plane of an OME-TIFF must have a directory, one like the first. */
static sg_status check_places(const sg_tiff_reader *r, int planes)
{
    for (int i = 0; i < planes; i++) {
        const int place = r->description.directory[i];
        if (place >= r->directories)
            SG_FAIL(SG_E_FORMAT, "%s: its OME-XML places plane %d in directory %d, the file has %d", r->path, i, place,
                    r->directories);
        if (r->directory[place] == 0)
            SG_FAIL(SG_E_FORMAT,
                    "%s: its OME-XML places plane %d in directory %d, whose pixels are not like the first "
                    "one's in number or type",
                    r->path, i, place);
    }
    return SG_OK;
}

/* Pages without a description are one axis of unknown meaning. */
static sg_status name_planes(sg_tiff_reader *r)
{
    const sg_tiff_description *d = &r->description;
    r->axes = d->pages;
    const double planes = sg_axes_pages(&r->axes);
    if (d->may_follow && r->directories == 1 && planes > 1) return find_following(r, planes);
    if (r->axes.count == 0 || (d->may_follow && planes == 1)) {
        r->axes.count = 0;
        if (r->directories > 1) sg_axes_add(&r->axes, 'Q', r->directories);
    } else if (d->directory) {
        return check_places(r, (int)planes);
    } else if (planes != r->directories) {
        SG_FAIL(SG_E_FORMAT, "%s: its description says %.0f pages, the file has %d", r->path, planes, r->directories);
    }
    return SG_OK;
}

/* The letters of `axes` for the pages: without Y, X and the S of the samples. Where they name other axes than the file,
 * as many as it has of more than one index, those are called so. */
static sg_status rename_planes(sg_tiff_reader *r, char letters[SG_AXES_MAX + 1])
{
    const char *text = r->options.axes ? r->options.axes : "";
    int count = 0, missing = 0;
    sg_axes kept = {.count = 0};
    letters[0] = 0;
    SG_TRY(sg_axes_check(text, "dataset.axes"));
    for (; *text; text++)
        if (!strchr("YXS", *text)) letters[count++] = *text;
    letters[count] = 0;
    for (int i = 0; i < r->axes.count; i++) {
        if (r->axes.axis[i].size > 1) kept.axis[kept.count++] = r->axes.axis[i];
        missing += r->axes.axis[i].size > 1 && !strchr(letters, r->axes.axis[i].name);
    }
    if (!r->options.axes || !r->options.axes[0] || missing == 0) return letters[0] = 0, SG_OK;
    sg_axes_describe(r->info.axes, &kept);
    if (kept.count != count)
        SG_FAIL(SG_E_SHAPE, "%s: dataset.axes '%s' does not fit the pages of the file, which are %s", r->path,
                r->options.axes, r->info.axes);
    r->axes = kept;
    return SG_OK;
}

static sg_status arrange_planes(sg_tiff_reader *r)
{
    const char *names[SG_CHANNELS_MAX];
    char letters[SG_AXES_MAX + 1];
    for (int i = 0; i < r->description.channels; i++) names[i] = r->description.channel[i];
    SG_TRY(rename_planes(r, letters));
    const sg_axes_order order = {letters, r->options.take, r->options.raw, names, r->description.channels};
    SG_TRY(sg_axes_arrange(&r->axes, &order, r->path));
    sg_axes_describe(r->info.axes, &r->axes);
    r->info.pages = (int)sg_axes_pages(&r->axes);
    return SG_OK;
}

static sg_status open_reader(sg_tiff_reader *r)
{
    SG_TRY(find_directories(r));
    SG_TRY(name_planes(r));
    SG_TRY(arrange_planes(r));
    return sg_image_check_pixel(r->info.pixel_um, &r->options, r->path);
}

sg_status sg_tiff_open(sg_tiff_reader **out, const char *path, sg_image_options options)
{
    SG_TRY(SG_ALLOC(out, 1, path));
    **out = (sg_tiff_reader){.path = path, .options = options, .page_number = -1, .file.file = -1};
    const sg_status status = open_reader(*out);
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
    sg_tiff_description_free(&reader->description);
    sg_free(reader->directory);
    sg_free(reader->block);
    sg_free(reader);
}
