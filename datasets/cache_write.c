/* cache_write.c - writes a cache file, item by item, at most one row of tiles in memory. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/cache_format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct sg_cache_writer {
    sg_cache_info info;
    char *path;
    sg_file_draft *draft;
    uint64_t place;         /* bytes written */
    cache_record *record;   /* (count) */
    sg_sample_scale *scale; /* (count, channels) */
    uint64_t *hash;         /* (tiles, room for hash_room) */
    size_t hash_room;
    char *row; /* one row of tiles, of row_room bytes */
    size_t row_room;
};

static sg_status write_out(sg_cache_writer *w, const void *data, size_t bytes, uint64_t place)
{
    const int file = sg_file_draft_descriptor(w->draft);
    const char *from = data;
    while (bytes > 0) {
        const ssize_t step = pwrite(file, from, bytes, (off_t)place);
        if (step < 0 && errno == EINTR) continue;
        if (step < 0)
            SG_FAIL(SG_E_IO,
                    "%s: cannot write: %s; dataset.cache names another folder, dataset.memory_mib allows more memory",
                    w->path, strerror(errno));
        from += step;
        bytes -= (size_t)step;
        place += (uint64_t)step;
    }
    return SG_OK;
}

static sg_status prepare(sg_cache_writer *w, const char *path)
{
    const size_t count = (size_t)w->info.count, length = strlen(path) + 1;
    SG_TRY(SG_ALLOC(&w->path, length, "cache"));
    memcpy(w->path, path, length);
    SG_TRY(SG_ALLOC(&w->record, count, "cache: records"));
    SG_TRY(SG_ALLOC(&w->scale, count * (size_t)w->info.channels, "cache: scales"));
    w->place = sizeof(cache_header);
    w->info.tiles = 0;
    return sg_file_draft_open(&w->draft, path);
}

sg_status sg_cache_create(sg_cache_writer **out, const char *path, const sg_cache_info *info)
{
    *out = NULL;
    SG_TRY(SG_ALLOC(out, 1, "cache"));
    (*out)->info = *info;
    const sg_status status = prepare(*out, path);
    if (status == SG_OK) return SG_OK;
    sg_cache_abandon(*out);
    *out = NULL;
    return status;
}

void sg_cache_abandon(sg_cache_writer *w)
{
    if (!w) return;
    sg_file_draft_drop(w->draft);
    sg_free(w->path);
    sg_free(w->record);
    sg_free(w->scale);
    sg_free(w->hash);
    sg_free(w->row);
    sg_free(w);
}

/* ---- tiles ---- */

static sg_status grow(void **data, size_t *room, size_t used, size_t wanted)
{
    void *more;
    if (wanted <= *room) return SG_OK;
    SG_TRY(sg_alloc(&more, 2 * wanted, 1, "cache"));
    if (used) memcpy(more, *data, used);
    sg_free(*data);
    *data = more;
    *room = 2 * wanted;
    return SG_OK;
}

size_t sg_cache_cut(void *tile, const sg_raster *raster, int page, int row, int column)
{
    const size_t bytes = sg_number_bytes(raster->number);
    const int height = cache_tile_px(row, raster->height), width = cache_tile_px(column, raster->width);
    const sg_raster_view view = sg_raster_page(raster, page);
    char *to = tile;
    for (int y = 0; y < height; y++, to += (size_t)width * bytes) {
        const size_t at = (size_t)(row * SG_CACHE_TILE_PX + y) * view.stride + (size_t)column * SG_CACHE_TILE_PX;
        memcpy(to, (const char *)view.data + at * bytes, (size_t)width * bytes);
    }
    return (size_t)(to - (char *)tile);
}

static sg_status put_row(sg_cache_writer *w, const sg_raster *raster, int page, int row)
{
    const int columns = cache_tiles_along(raster->width);
    size_t used = 0;
    for (int column = 0; column < columns; column++) {
        const uint64_t number = w->info.tiles++;
        const size_t bytes = sg_cache_cut(w->row + used, raster, page, row, column);
        w->hash[number] = cache_tile_hash(w->row + used, bytes, number);
        used += bytes;
    }
    SG_TRY(write_out(w, w->row, used, w->place));
    w->place += used;
    return SG_OK;
}

static sg_status put_raster(sg_cache_writer *w, cache_raster *record, sg_raster *raster)
{
    if (!raster->data) return SG_OK;
    const size_t tiles = (size_t)(w->info.tiles + cache_tile_count(raster)) * sizeof *w->hash;
    SG_TRY(grow((void **)&w->hash, &w->hash_room, (size_t)w->info.tiles * sizeof *w->hash, tiles));
    SG_TRY(grow((void **)&w->row, &w->row_room, 0,
                (size_t)raster->width * SG_CACHE_TILE_PX * sg_number_bytes(raster->number)));
    raster->place = w->place;
    raster->tile = w->info.tiles;
    *record = (cache_raster){.number = (uint32_t)raster->number,
                             .pages = (uint32_t)raster->pages,
                             .height = (uint32_t)raster->height,
                             .width = (uint32_t)raster->width,
                             .hash = raster->hash,
                             .place = raster->place,
                             .tile = raster->tile};
    for (int page = 0; page < raster->pages; page++)
        for (int row = 0; row < cache_tiles_along(raster->height); row++) SG_TRY(put_row(w, raster, page, row));
    sg_raster_free(raster);
    return SG_OK;
}

sg_status sg_cache_put(sg_cache_writer *w, int number, sg_raster *picture, sg_raster *labels,
                       const sg_sample_scale *scale)
{
    const size_t channels = (size_t)w->info.channels;
    memcpy(w->scale + (size_t)number * channels, scale, channels * sizeof *scale);
    SG_TRY(put_raster(w, &w->record[number].picture, picture));
    return put_raster(w, &w->record[number].labels, labels);
}

/* ---- the end ---- */

static sg_status write_index(sg_cache_writer *w)
{
    const size_t count = (size_t)w->info.count;
    const struct {
        const void *data;
        size_t bytes;
    } parts[] = {{w->record, count * sizeof *w->record},
                 {w->scale, count * (size_t)w->info.channels * sizeof *w->scale},
                 {w->hash, (size_t)w->info.tiles * sizeof *w->hash}};
    cache_header header = {.magic = SG_CACHE_MAGIC,
                           .version = SG_CACHE_VERSION,
                           .tile_px = SG_CACHE_TILE_PX,
                           .key = {w->info.key.word[0], w->info.key.word[1]},
                           .count = count,
                           .channels = (uint64_t)w->info.channels,
                           .tiles = w->info.tiles,
                           .index_place = w->place};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        header.index_hash = XXH3_64bits_withSeed(parts[i].data, parts[i].bytes, header.index_hash);
        SG_TRY(write_out(w, parts[i].data, parts[i].bytes, w->place));
        w->place += parts[i].bytes;
    }
    memcpy(header.source, w->info.source, sizeof header.source);
    header.hash = cache_header_hash(&header);
    return write_out(w, &header, sizeof header, 0);
}

sg_status sg_cache_finish(sg_cache_writer *w)
{
    sg_status status = write_index(w);
    if (status == SG_OK) {
        status = sg_file_draft_keep(w->draft);
        w->draft = NULL;
    }
    sg_cache_abandon(w);
    return status;
}
