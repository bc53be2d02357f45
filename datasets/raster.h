/* raster.h - a decoded picture as a dataset keeps it: whole numbers in the smallest type that holds them, all others as
 * float. Windows (window.h) are cut from it and scaled on the way, so that neither memory nor the cache (cache.h) holds more bytes
 * than the file had. */
#ifndef SG_DATASETS_RASTER_H
#define SG_DATASETS_RASTER_H

#include "core/status.h"
#include "datasets/sample.h"

#include <stddef.h>
#include <stdint.h>

typedef enum sg_number { SG_NUMBER_U8, SG_NUMBER_U16, SG_NUMBER_I32, SG_NUMBER_F32, SG_NUMBERS } sg_number;
/* 1, 2, 4, 4. */
size_t sg_number_bytes(sg_number number);

typedef struct sg_raster {
    sg_number number;
    int pages, height, width;
    void *data;     /* (pages, height, width), sg_alloc; NULL: its tiles lie in a cache */
    uint64_t hash;  /* XXH3 of the packed numbers, wherever they lie */
    uint64_t place; /* in the cache: of its first byte */
    uint64_t tile;  /* in the cache: the number of its first tile */
} sg_raster;

/* *out takes `data` (pages, height, width; sg_alloc), which is packed into the smallest type that holds each number
 * (minus zero becomes zero) and freed, or kept as it is. On an error it is freed. */
sg_status sg_raster_pack_f32(sg_raster *out, float *data, int pages, int height, int width, const char *name);
sg_status sg_raster_pack_i32(sg_raster *out, int32_t *data, int height, int width, const char *name);
/* *out = the pages of a file of whole numbers (sg_tiff_read_whole), with no float in between; not packed. data NULL: it
 * is another file, which sg_image_read_as reads. Errors are those of sg_image_read_as. */
sg_status sg_raster_read(sg_raster *out, const char *path, sg_image_options options);
/* scale (pages): from percentile to percentile (sg_image_scale), of what was read. */
sg_status sg_raster_scales(sg_sample_scale *scale, const sg_raster *raster, const char *name);
/* The largest of its whole numbers, which are unsigned. */
unsigned sg_raster_most(const sg_raster *raster);
/* Packs what was read, knowing the largest number. On an error it is freed. */
sg_status sg_raster_pack(sg_raster *raster, unsigned most, const char *name);
void sg_raster_free(sg_raster *raster);
size_t sg_raster_page_len(const sg_raster *raster);
size_t sg_raster_bytes(const sg_raster *raster);

/* The part of a page that is at hand: rows `stride` numbers apart, its first number is pixel (y, x) of the page. */
typedef struct sg_raster_view {
    const void *data;
    sg_number number;
    size_t stride;
    int y, x;
} sg_raster_view;
sg_raster_view sg_raster_page(const sg_raster *raster, int page);

#endif
