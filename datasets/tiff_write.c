/* tiff_write.c - TIFF files out (libtiff), row by row. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/tiff.h"
#include "datasets/tiff_description.h"
#include "datasets/tiff_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STRIP_BYTES = 1 << 20 };

struct sg_tiff_writer {
    sg_tiff_form form;
    const char *path;
    sg_file_draft *draft;
    sg_tiff_file file;
    TIFF *tif;
    unsigned char *strip; /* rows that wait to be written */
    size_t row_bytes;
    int strip_rows, waiting, row, page; /* rows of a strip, rows in it, rows of the page, pages done */
    char *ome;                          /* OME-XML (malloc); NULL: a plain TIFF */
};

/* A single page says micrometres as ImageJ does: unit in the description, pixels per unit in the tags. With several
 * pages that description would promise that their data lie one behind the other, so they have pixels per centimetre,
 * which all readers know. */
static void set_scale(TIFF *tif, const sg_tiff_form *form, bool is_ome)
{
    const bool single = form->pages == 1 && !is_ome;
    if (single) TIFFSetField(tif, TIFFTAG_IMAGEDESCRIPTION, "ImageJ=1.54f\nunit=micron\n");
    TIFFSetField(tif, TIFFTAG_RESOLUTIONUNIT, single ? RESUNIT_NONE : RESUNIT_CENTIMETER);
    TIFFSetField(tif, TIFFTAG_XRESOLUTION, (single ? 1 : 1e4) / form->pixel_um);
    TIFFSetField(tif, TIFFTAG_YRESOLUTION, (single ? 1 : 1e4) / form->pixel_um);
}

static void set_tags(const sg_tiff_writer *w)
{
    const sg_tiff_form *form = &w->form;
    TIFF *tif = w->tif;
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
    TIFFSetField(tif, TIFFTAG_ROWSPERSTRIP, (uint32_t)w->strip_rows);
    if (form->pixel_um > 0) set_scale(tif, form, w->ome != NULL);
    if (w->ome && w->page == 0) TIFFSetField(tif, TIFFTAG_IMAGEDESCRIPTION, w->ome);
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

static bool is_ome(const char *path)
{
    const char *slash = strrchr(path, '/'), *end = strcasestr(slash ? slash : path, ".ome.tif");
    return end && (end[8] == 0 || strcasecmp(end + 8, "f") == 0);
}

static sg_status describe(sg_tiff_writer *w)
{
    const sg_tiff_form *form = &w->form;
    const sg_ome_form ome = {.axis = form->axis ? form->axis : 'T',
                             .pages = form->pages,
                             .height = form->height,
                             .width = form->width,
                             .type = form->bits == 8    ? "uint8"
                                     : form->bits == 16 ? "uint16"
                                                        : "float",
                             .pixel_um = form->pixel_um,
                             .channel = form->channel};
    return sg_ome_write(&w->ome, &ome);
}

static sg_status begin_file(sg_tiff_writer *w)
{
    const sg_tiff_form *form = &w->form;
    const double bytes = (double)form->pages * form->height * form->width * form->bits / 8;
    w->row_bytes = (size_t)form->width * (size_t)(form->bits / 8);
    const size_t rows = STRIP_BYTES / w->row_bytes;
    w->strip_rows = rows < 1 ? 1 : rows < (size_t)form->height ? (int)rows : form->height;
    if (is_ome(w->path)) SG_TRY(describe(w));
    SG_TRY(SG_ALLOC(&w->strip, (size_t)w->strip_rows * w->row_bytes, w->path));
    SG_TRY(sg_file_draft_open(&w->draft, w->path));
    w->file.file = sg_file_draft_descriptor(w->draft);
    w->tif = sg_tiff_file_start(&w->file, w->path, bytes > 2e9 ? "w8" : "w"); /* 8: BigTIFF */
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
    free(writer->ome);
    sg_free(writer->strip);
    sg_free(writer);
}

/* The rows that wait are a strip; after the last one of a page its directory follows. */
static sg_status write_strip(sg_tiff_writer *w)
{
    const int last = w->row == w->form.height;
    const uint32_t strip = (uint32_t)((w->row - 1) / w->strip_rows);
    if (strip == 0) set_tags(w);
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
