/* cache.c - reads a cache file, see cache.h: the index at once, tiles as they are asked for. pread, not mmap: a file
 * that gets shorter or a disk that fails is an error here and not a signal, and the file counts to no limit of
 * addresses. */
#include "datasets/cache.h"

#include "core/memory.h"
#include "datasets/cache_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sg_cache {
    int file;
    sg_cache_info info;
    char *path;
    char *index;                  /* the three that follow, one after the other */
    const cache_record *record;   /* (count) */
    const sg_sample_scale *scale; /* (count, channels) */
    const uint64_t *hash;         /* (tiles) */
};

static sg_status read_at(const sg_cache *cache, void *out, size_t bytes, uint64_t place)
{
    char *to = out;
    while (bytes > 0) {
        const ssize_t step = pread(cache->file, to, bytes, (off_t)place);
        if (step < 0 && errno == EINTR) continue;
        if (step < 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", cache->path, strerror(errno));
        if (step == 0) SG_FAIL(SG_E_IO, "%s: cannot read: the file has become shorter", cache->path);
        to += step;
        bytes -= (size_t)step;
        place += (uint64_t)step;
    }
    return SG_OK;
}

/* ---- opening ---- */

static sg_status check_header(const sg_cache *cache, const cache_header *h)
{
    if (memcmp(h->magic, SG_CACHE_MAGIC, sizeof h->magic) != 0) SG_FAIL(SG_E_FORMAT, "%s: not a cache", cache->path);
    if (h->version != SG_CACHE_VERSION || h->tile_px != SG_CACHE_TILE_PX)
        SG_FAIL(SG_E_FORMAT, "%s: a cache of version %u, this program has %d", cache->path, h->version,
                SG_CACHE_VERSION);
    if (h->hash != cache_header_hash(h)) SG_FAIL(SG_E_FORMAT, "%s: damaged header", cache->path);
    return SG_OK;
}

/* Bytes of the index; 0: no index can be so large. */
static size_t index_bytes(const cache_header *h, uint64_t file_bytes)
{
    const double bytes = (double)h->count * (double)(sizeof(cache_record) + h->channels * sizeof(sg_sample_scale)) +
                         (double)h->tiles * sizeof(uint64_t);
    if (h->index_place > file_bytes || h->count > INT32_MAX || h->channels > INT32_MAX ||
        bytes != (double)(file_bytes - h->index_place))
        return 0;
    return (size_t)(file_bytes - h->index_place);
}

static uint64_t index_hash(const sg_cache *cache)
{
    const size_t count = (size_t)cache->info.count;
    uint64_t hash = XXH3_64bits_withSeed(cache->record, count * sizeof *cache->record, 0);
    hash = XXH3_64bits_withSeed(cache->scale, count * (size_t)cache->info.channels * sizeof *cache->scale, hash);
    return XXH3_64bits_withSeed(cache->hash, (size_t)cache->info.tiles * sizeof *cache->hash, hash);
}

static sg_raster raster_of(const cache_raster *r)
{
    return (sg_raster){.number = (sg_number)r->number,
                       .pages = (int)r->pages,
                       .height = (int)r->height,
                       .width = (int)r->width,
                       .place = r->place,
                       .hash = r->hash,
                       .tile = r->tile};
}

/* Each raster lies inside the file. The checksum of the index has made sure of it, unless someone meant harm. */
static bool lies_inside(const cache_raster *r, const cache_header *h)
{
    if (r->pages == 0) return true;
    if (r->number >= SG_NUMBERS || r->pages > INT16_MAX || r->height - 1u > 1u << 28 || r->width - 1u > 1u << 28)
        return false;
    const sg_raster raster = raster_of(r);
    const double bytes = (double)r->pages * r->height * r->width * (double)sg_number_bytes(raster.number);
    return (double)r->place + bytes <= (double)h->index_place &&
           (double)r->tile + (double)cache_tile_count(&raster) <= (double)h->tiles;
}

static sg_status read_index(sg_cache *cache, const cache_header *h)
{
    const size_t count = (size_t)h->count, bytes = index_bytes(h, cache->info.bytes);
    if (bytes == 0) SG_FAIL(SG_E_FORMAT, "%s: cut off or longer than it was", cache->path);
    SG_TRY(SG_ALLOC(&cache->index, bytes, cache->path));
    SG_TRY(read_at(cache, cache->index, bytes, h->index_place));
    cache->record = (const void *)cache->index;
    cache->scale = (const void *)(cache->record + count);
    cache->hash = (const void *)(cache->scale + count * (size_t)h->channels);
    if (index_hash(cache) != h->index_hash) SG_FAIL(SG_E_FORMAT, "%s: damaged index", cache->path);
    for (size_t i = 0; i < count; i++)
        if (!lies_inside(&cache->record[i].picture, h) || !lies_inside(&cache->record[i].labels, h))
            SG_FAIL(SG_E_FORMAT, "%s: damaged record %zu", cache->path, i);
    return SG_OK;
}

static sg_status read_head(sg_cache *cache, const char *path)
{
    struct stat about;
    cache_header header;
    const size_t length = strlen(path) + 1;
    SG_TRY(SG_ALLOC(&cache->path, length, "cache"));
    memcpy(cache->path, path, length);
    cache->file = open(path, O_RDWR | O_CLOEXEC); /* to mend it */
    if (cache->file < 0) cache->file = open(path, O_RDONLY | O_CLOEXEC);
    if (cache->file < 0 || fstat(cache->file, &about) != 0)
        SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode) || (size_t)about.st_size < sizeof header) SG_FAIL(SG_E_FORMAT, "%s: not a cache", path);
    SG_TRY(read_at(cache, &header, sizeof header, 0));
    SG_TRY(check_header(cache, &header));
    cache->info = (sg_cache_info){.key = {{header.key[0], header.key[1]}},
                                  .count = (int)header.count,
                                  .channels = (int)header.channels,
                                  .tiles = header.tiles,
                                  .bytes = (uint64_t)about.st_size};
    memcpy(cache->info.source, header.source, sizeof header.source);
    return read_index(cache, &header);
}

sg_status sg_cache_open(sg_cache **out, const char *path)
{
    sg_cache *cache;
    *out = NULL;
    SG_TRY(SG_ALLOC(&cache, 1, "cache"));
    cache->file = -1;
    const sg_status status = read_head(cache, path);
    if (status == SG_OK)
        *out = cache;
    else
        sg_cache_close(cache);
    return status;
}

void sg_cache_close(sg_cache *cache)
{
    if (!cache) return;
    if (cache->file >= 0) (void)close(cache->file);
    sg_free(cache->path);
    sg_free(cache->index);
    sg_free(cache);
}

const sg_cache_info *sg_cache_info_of(const sg_cache *cache)
{
    return &cache->info;
}

bool sg_cache_get(const sg_cache *cache, int number, sg_raster *picture, sg_raster *labels, sg_sample_scale *scale)
{
    const size_t channels = (size_t)cache->info.channels;
    const cache_record *record = &cache->record[number];
    if (record->picture.pages == 0) return false;
    *picture = raster_of(&record->picture);
    *labels = raster_of(&record->labels);
    memcpy(scale, cache->scale + (size_t)number * channels, channels * sizeof *scale);
    return true;
}

/* ---- tiles ---- */

sg_status sg_cache_room_make(sg_cache_room *out, int px)
{
    const size_t side = (size_t)px, tile = SG_CACHE_TILE_PX;
    *out = (sg_cache_room){0};
    SG_TRY(sg_alloc(&out->tiles, (side / tile + 2) * tile * tile, sizeof(float), "cache: tiles of a window"));
    return sg_alloc(&out->box, side * side, sizeof(float), "cache: a window");
}

void sg_cache_room_free(sg_cache_room *room)
{
    sg_free(room->tiles);
    sg_free(room->box);
    *room = (sg_cache_room){0};
}

typedef struct box {
    int page, y, y_end, x, x_end;
} box;

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* Copies what a tile has of the box. */
static void copy_part(char *out, const sg_raster *raster, const box *b, int row, int column, const char *tile)
{
    const size_t bytes = sg_number_bytes(raster->number), stride = (size_t)(b->x_end - b->x);
    const int top = row * SG_CACHE_TILE_PX, left = column * SG_CACHE_TILE_PX,
              width = cache_tile_px(column, raster->width);
    const int y_end = least(b->y_end, top + cache_tile_px(row, raster->height));
    const int x = most(b->x, left), x_end = least(b->x_end, left + width);
    for (int y = most(b->y, top); y < y_end; y++)
        memcpy(out + ((size_t)(y - b->y) * stride + (size_t)(x - b->x)) * bytes,
               tile + ((size_t)(y - top) * (size_t)width + (size_t)(x - left)) * bytes, (size_t)(x_end - x) * bytes);
}

/* The tiles of a row that the box touches lie one after the other: one read. */
static sg_status read_row(const sg_cache *cache, const sg_raster *raster, const box *b, int row,
                          const sg_cache_room *room)
{
    const int first = b->x / SG_CACHE_TILE_PX, end = cache_tiles_along(b->x_end);
    const uint64_t from = cache_tile_place(raster, b->page, row, first);
    const int right = least(end * SG_CACHE_TILE_PX, raster->width);
    const size_t line = (size_t)cache_tile_px(row, raster->height) * sg_number_bytes(raster->number);
    const char *tile = room->tiles;
    SG_TRY(read_at(cache, room->tiles, (size_t)(right - first * SG_CACHE_TILE_PX) * line, from));
    for (int column = first; column < end; column++) {
        const size_t bytes = (size_t)cache_tile_px(column, raster->width) * line;
        const uint64_t number = cache_tile_number(raster, b->page, row, column);
        if (cache_tile_hash(tile, bytes, number) != cache->hash[number])
            SG_FAIL(SG_E_FORMAT, "%s: tile %llu is damaged", cache->path, (unsigned long long)number);
        copy_part(room->box, raster, b, row, column, tile);
        tile += bytes;
    }
    return SG_OK;
}

sg_status sg_cache_read(sg_raster_view *out, const sg_cache *cache, const sg_raster *raster, int page, int y, int y_end,
                        int x, int x_end, const sg_cache_room *room)
{
    const box b = {page, y, y_end, x, x_end};
    for (int row = y / SG_CACHE_TILE_PX; row < cache_tiles_along(y_end); row++)
        SG_TRY(read_row(cache, raster, &b, row, room));
    *out = (sg_raster_view){.data = room->box, .number = raster->number, .stride = (size_t)(x_end - x), .y = y, .x = x};
    return SG_OK;
}

/* ---- mending and checking ---- */

/* Calls fn for every tile of a raster, with room for one. */
typedef sg_status (*tile_fn)(void *context, int page, int row, int column, void *tile);
static sg_status each_tile(const sg_raster *raster, tile_fn fn, void *context)
{
    void *tile;
    sg_status status = sg_alloc(&tile, (size_t)SG_CACHE_TILE_PX * SG_CACHE_TILE_PX, sizeof(float), "cache: a tile");
    for (int page = 0; page < raster->pages; page++)
        for (int row = 0; row < cache_tiles_along(raster->height); row++)
            for (int column = 0; status == SG_OK && column < cache_tiles_along(raster->width); column++)
                status = fn(context, page, row, column, tile);
    sg_free(tile);
    return status;
}

typedef struct pass {
    const sg_cache *cache;
    const sg_raster *raster, *fresh;
    uint64_t *damaged;
    bool write;
} pass;

static sg_status mend_tile(void *context, int page, int row, int column, void *tile)
{
    const pass *p = context;
    const size_t bytes = sg_cache_cut(tile, p->fresh, page, row, column);
    const uint64_t number = cache_tile_number(p->raster, page, row, column);
    if (cache_tile_hash(tile, bytes, number) != p->cache->hash[number])
        SG_FAIL(SG_E_FORMAT, "its files have changed since the cache %s was made", p->cache->path);
    if (p->write) (void)!pwrite(p->cache->file, tile, bytes, (off_t)cache_tile_place(p->raster, page, row, column));
    return SG_OK;
}

sg_status sg_cache_mend(const sg_cache *cache, const sg_raster *raster, const sg_raster *fresh)
{
    if (fresh->number != raster->number || fresh->pages != raster->pages || fresh->height != raster->height ||
        fresh->width != raster->width)
        SG_FAIL(SG_E_FORMAT, "its files have changed since the cache %s was made", cache->path);
    pass p = {.cache = cache, .raster = raster, .fresh = fresh}; /* nothing is written before everything fits */
    SG_TRY(each_tile(raster, mend_tile, &p));
    p.write = true;
    return each_tile(raster, mend_tile, &p);
}

static sg_status check_tile(void *context, int page, int row, int column, void *tile)
{
    const pass *p = context;
    const sg_raster *r = p->raster;
    const uint64_t number = cache_tile_number(r, page, row, column);
    const size_t bytes =
        (size_t)cache_tile_px(row, r->height) * (size_t)cache_tile_px(column, r->width) * sg_number_bytes(r->number);
    SG_TRY(read_at(p->cache, tile, bytes, cache_tile_place(r, page, row, column)));
    *p->damaged += cache_tile_hash(tile, bytes, number) != p->cache->hash[number];
    return SG_OK;
}

sg_status sg_cache_check(const sg_cache *cache, uint64_t *damaged)
{
    *damaged = 0;
    for (int i = 0; i < cache->info.count; i++) {
        const sg_raster rasters[] = {raster_of(&cache->record[i].picture), raster_of(&cache->record[i].labels)};
        for (int k = 0; k < 2; k++) {
            pass p = {.cache = cache, .raster = &rasters[k], .damaged = damaged};
            if (rasters[k].pages > 0) SG_TRY(each_tile(&rasters[k], check_tile, &p));
        }
    }
    return SG_OK;
}
