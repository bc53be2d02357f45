/* cache_format.h - the bytes of a cache file (docs/formats.md), shared by cache.c and cache_write.c. Not installed.
 *   header | tiles of every page of every raster, without gaps | records, scales, checksums of the tiles
 * Numbers are the machine's own: a file of the other byte order is one of another version, and made again. */
#ifndef SG_DATASETS_CACHE_FORMAT_H
#define SG_DATASETS_CACHE_FORMAT_H

#include "datasets/cache.h"

#include <xxhash.h>

#define SG_CACHE_MAGIC "sgcache\n"

typedef struct cache_header {
    char magic[8];
    uint32_t version, tile_px;
    uint64_t key[2];
    uint64_t count, channels, tiles;
    uint64_t index_place, index_hash; /* the index goes on to the end of the file */
    char source[256];
    uint64_t hash; /* of the header up to here */
} cache_header;

typedef struct cache_raster {
    uint32_t number, pages, height, width; /* pages 0: nothing */
    uint64_t hash, place, tile;            /* of the whole; its first byte; its first tile */
} cache_raster;

typedef struct cache_record {
    cache_raster picture, labels;
} cache_record;

static inline uint64_t cache_header_hash(const cache_header *header)
{
    return XXH3_64bits(header, offsetof(cache_header, hash));
}

/* The number of the tile goes in: one at another's place is damage too. */
static inline uint64_t cache_tile_hash(const void *tile, size_t bytes, uint64_t number)
{
    return XXH3_64bits_withSeed(tile, bytes, number);
}

static inline int cache_tiles_along(int px)
{
    return (px - 1) / SG_CACHE_TILE_PX + 1;
}

/* Pixels along one side of tile i. */
static inline int cache_tile_px(int i, int px)
{
    const int left = px - i * SG_CACHE_TILE_PX;
    return left < SG_CACHE_TILE_PX ? left : SG_CACHE_TILE_PX;
}

static inline uint64_t cache_tile_count(const sg_raster *raster)
{
    return (uint64_t)raster->pages * (uint64_t)cache_tiles_along(raster->height) *
           (uint64_t)cache_tiles_along(raster->width);
}

/* The first byte of a tile: those before it hold all pages before, all rows above and, of its own rows, all columns to
 * the left. */
static inline uint64_t cache_tile_place(const sg_raster *raster, int page, int row, int column)
{
    const uint64_t above = (uint64_t)row * SG_CACHE_TILE_PX * (uint64_t)raster->width,
                   left = (uint64_t)column * SG_CACHE_TILE_PX * (uint64_t)cache_tile_px(row, raster->height);
    return raster->place +
           ((uint64_t)page * sg_raster_page_len(raster) + above + left) * sg_number_bytes(raster->number);
}

static inline uint64_t cache_tile_number(const sg_raster *raster, int page, int row, int column)
{
    const uint64_t rows = (uint64_t)cache_tiles_along(raster->height),
                   columns = (uint64_t)cache_tiles_along(raster->width);
    return raster->tile + ((uint64_t)page * rows + (uint64_t)row) * columns + (uint64_t)column;
}

/* Copies the tile's pixels out of a page in memory, row after row; returns its bytes. */
size_t sg_cache_cut(void *tile, const sg_raster *raster, int page, int row, int column);

#endif
