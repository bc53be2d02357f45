/* tiff_reader.h - an open TIFF: tiff_read.c finds its pages, tiff_pixels.c reads them. Not installed. */
#ifndef SG_DATASETS_TIFF_READER_H
#define SG_DATASETS_TIFF_READER_H

#include "datasets/tiff.h"
#include "datasets/tiff_description.h"
#include "datasets/tiff_file.h"
#include "datasets/tiff_page.h"

struct sg_tiff_reader {
    sg_tiff_info info;
    const char *path;
    sg_image_options options;
    sg_tiff_file file;
    TIFF *tif;
    toff_t *directory; /* (directories) of the pages, smaller copies left out; 0: unlike the first one */
    int directories, room;
    sg_tiff_description description;
    sg_axes axes;    /* of the pages; strides count planes of the file */
    off_t following; /* > 0: pages after the first one lie behind it, without directories (ImageJ, above 4 GB) */
    /* the page that is being read, and the block of it that was read last */
    int page_number; /* -1: none yet */
    long long plane; /* of the file */
    sg_tiff_page page;
    unsigned char *block;
    size_t block_room;
    bool loaded;
    uint32_t loaded_y, loaded_x;
};

/* Of a plane of the page that is being read. */
static inline size_t sg_tiff_plane_bytes(const sg_tiff_reader *reader)
{
    return reader->page.row_bytes * (size_t)reader->info.height;
}

#endif
