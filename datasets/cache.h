/* cache.h - decoded pictures in one file on disk, for datasets larger than memory. Each page of a picture is cut into
 * tiles, each tile has a checksum, so that a crop reads and checks only what it touches. The format: docs/formats.md.
 * store.c decides when a dataset uses it. */
#ifndef SG_DATASETS_CACHE_H
#define SG_DATASETS_CACHE_H

#include "core/status.h"
#include "datasets/raster.h"
#include "datasets/sample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SG_CACHE_VERSION = 1, SG_CACHE_TILE_PX = 128 };

typedef struct sg_cache_key {
    uint64_t word[2]; /* hash of the files and of what decides how they are decoded */
} sg_cache_key;

typedef struct sg_cache_info {
    sg_cache_key key;
    int count, channels; /* places for items; scales of each */
    uint64_t tiles, bytes;
    char source[256]; /* what the items are of, for people */
} sg_cache_info;

/* ---- writing ---- */

/* A file that grows out of sight; nothing stands at `path` before sg_cache_finish. Finishing and abandoning free the
 * writer, NULL may be abandoned. SG_E_IO names the file ("No space left on device"). */
typedef struct sg_cache_writer sg_cache_writer;
sg_status sg_cache_create(sg_cache_writer **out, const char *path, const sg_cache_info *info);
/* Item `number` (0 .. count-1, each once; one that is left out stays empty): its rasters' data go to the file and are
 * freed. scale (channels) */
sg_status sg_cache_put(sg_cache_writer *writer, int number, sg_raster *picture, sg_raster *labels,
                       const sg_sample_scale *scale);
sg_status sg_cache_finish(sg_cache_writer *writer);
void sg_cache_abandon(sg_cache_writer *writer);

/* ---- reading ---- */

typedef struct sg_cache sg_cache;
/* SG_E_IO: there is no such file. SG_E_FORMAT says what is wrong with it: no cache, of another version, cut off,
 * damaged outside the tiles. */
sg_status sg_cache_open(sg_cache **out, const char *path);
void sg_cache_close(sg_cache *cache);
const sg_cache_info *sg_cache_info_of(const sg_cache *cache);
/* The rasters (without data) and the scale (channels) of item `number`; false: it was left out. */
bool sg_cache_get(const sg_cache *cache, int number, sg_raster *picture, sg_raster *labels, sg_sample_scale *scale);

/* Memory for one window at a time: of at most px x px pixels. */
typedef struct sg_cache_room {
    void *tiles, *box;
} sg_cache_room;
sg_status sg_cache_room_make(sg_cache_room *out, int px);
void sg_cache_room_free(sg_cache_room *room);

/* *out = a view that holds pixels y .. y_end-1, x .. x_end-1 of a page, in `room`. Several threads may read. SG_E_FORMAT
 * names the tile whose checksum does not fit, SG_E_IO what could not be read. */
sg_status sg_cache_read(sg_raster_view *out, const sg_cache *cache, const sg_raster *raster, int page, int y, int y_end,
                        int x, int x_end, const sg_cache_room *room);
/* Writes the tiles of `fresh`, the same raster decoded again, into the file (which may refuse: then it stays damaged).
 * SG_E_FORMAT: `fresh` is not what the checksums say. */
sg_status sg_cache_mend(const sg_cache *cache, const sg_raster *raster, const sg_raster *fresh);
/* *damaged = the number of tiles whose checksum does not fit. Reads the whole file. */
sg_status sg_cache_check(const sg_cache *cache, uint64_t *damaged);

#endif
