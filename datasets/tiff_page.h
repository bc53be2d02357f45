/* tiff_page.h - one directory of a TIFF: its tags, where its blocks (strips, tiles) are, and how its samples become
 * numbers. Not installed. */
#ifndef SG_DATASETS_TIFF_PAGE_H
#define SG_DATASETS_TIFF_PAGE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tiffio.h>

typedef struct sg_tiff_page {
    uint32_t width, height;
    uint16_t bits, channels, format, photometric, planar, compression, *palette[3];
    int channel; /* which is wanted */
    bool raw, tiled;
    uint32_t block_width, block_height;
    size_t block_bytes, row_bytes;
} sg_tiff_page;

/* A smaller copy of another page, or a mask. */
bool sg_tiff_is_copy(TIFF *tif);
/* The tags of the present directory and no pixel; what they claim may be absurd. SG_E_FORMAT: samples that are not
 * read. */
sg_status sg_tiff_page_tags(sg_tiff_page *page, TIFF *tif, const char *path);
/* After the tags: blocks and palette. `bytes`: of the file, which must be able to hold one block. */
sg_status sg_tiff_page_blocks(sg_tiff_page *page, TIFF *tif, size_t bytes, const char *path);
/* After the blocks: the samples are uint8_t or uint16_t that stand for themselves, row behind row. */
bool sg_tiff_page_whole(const sg_tiff_page *page);
/* `count` samples of a row of a block, from its left edge, as numbers. */
void sg_tiff_page_row(const sg_tiff_page *page, const unsigned char *row, uint32_t count, float *out);
/* The pixel's size (y, x) that the resolution tags tell, given what ImageJ's unit is (0: not ImageJ's); 0: none. */
void sg_tiff_page_scale(double pixel_um[2], TIFF *tif, double unit_um);

#endif
