/* store.c - see store.h. */
#include "datasets/store.h"

#include "core/file.h"
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { AUTO_PART = 4 }; /* auto: this part of the memory that is free */

struct sg_store {
    size_t limit, bytes; /* that memory may hold; that it holds */
    char folder[SG_DATASET_PATH_MAX], path[SG_DATASET_PATH_MAX + 64];
    sg_cache_info info;
    sg_cache *cache;
    sg_cache_writer *writer;
    int lock; /* the folder, while the cache is written; -1 */
};

/* ---- the name of the cache ---- */

static void add_text(XXH3_state_t *hash, const char *text)
{
    (void)XXH3_128bits_update(hash, text, strlen(text) + 1);
}

/* Size and time of a file, "FILE.h5:/array" included; nothing if it is none. */
static void add_file(XXH3_state_t *hash, const char *path)
{
    struct stat about;
    char file[2 * SG_DATASET_PATH_MAX];
    if (!path) return;
    add_text(hash, path);
    (void)snprintf(file, sizeof file, "%s", path);
    if (stat(file, &about) != 0) {
        char *colon = strrchr(file, ':');
        if (colon) *colon = 0;
        if (stat(file, &about) != 0) return;
    }
    const int64_t facts[] = {about.st_size, about.st_mtim.tv_sec, about.st_mtim.tv_nsec};
    (void)XXH3_128bits_update(hash, facts, sizeof facts);
}

/* What decides which numbers a file becomes. A key of the dataset that does, too, must stand here. */
static void add_decoding(XXH3_state_t *hash, const sg_dataset *dataset)
{
    const sg_dataset_config *c = &dataset->config;
    const sg_dataset_grid *g = &dataset->grid;
    const sg_synthetic_config *s = &c->synthetic;
    const bool made_up = c->kind == SG_DATASET_SYNTHETIC;
    const double pixel_um = sg_dataset_options(c, g->picture_um).pixel_um; /* it was checked while reading */
    const double numbers[] = {c->kind, g->kind, sg_dataset_channels(dataset), g->rising, c->bin, pixel_um};
    const double synthetic[] = {g->sample_px,
                                g->pixel_um,
                                s->count,
                                s->radius_um,
                                s->radius_spread,
                                s->overlap,
                                s->background,
                                (double)(s->seed >> 32),
                                (double)(s->seed & 0xffffffffu)};
    (void)XXH3_128bits_update(hash, numbers, sizeof numbers);
    const double crop[] = {g->sample_px, g->margin_px, c->shift_px, c->edge};
    add_text(hash, c->axes);
    add_text(hash, c->take);
    if (made_up) (void)XXH3_128bits_update(hash, synthetic, sizeof synthetic);
    if (c->kind == SG_DATASET_BOXES) (void)XXH3_128bits_update(hash, crop, sizeof crop);
}

static sg_status make_key(sg_cache_key *out, const sg_dataset *dataset)
{
    char folder[SG_DATASET_PATH_MAX], other[2 * SG_DATASET_PATH_MAX];
    XXH3_state_t *hash = XXH3_createState();
    if (!hash) SG_FAIL(SG_E_MEMORY, "dataset: no memory for a hash");
    (void)XXH3_128bits_reset(hash);
    add_text(hash, getcwd(folder, sizeof folder) ? folder : ""); /* paths may be relative */
    add_decoding(hash, dataset);
    for (int i = 0; i < dataset->count; i++) {
        const sg_item *item = &dataset->items[i];
        add_text(hash, item->name);
        (void)XXH3_128bits_update(hash, &item->box, sizeof item->box);
        add_file(hash, item->image_path);
        add_file(hash, item->label_path); /* of boxes: where they are */
        if (item->image_path && sg_sample_phase_path(other, sizeof other, item->image_path)) add_file(hash, other);
    }
    const XXH128_hash_t digest = XXH3_128bits_digest(hash);
    *out = (sg_cache_key){{digest.high64, digest.low64}};
    (void)XXH3_freeState(hash);
    return SG_OK;
}

/* dataset.cache, $XDG_CACHE_HOME/scopegrad or ~/.cache/scopegrad; empty: none of them is there. */
static void find_folder(sg_store *store, const char *asked)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (asked[0])
        (void)snprintf(store->folder, sizeof store->folder, "%s", asked);
    else if (xdg && xdg[0] == '/')
        (void)snprintf(store->folder, sizeof store->folder, "%.900s/scopegrad", xdg);
    else if (home && home[0])
        (void)snprintf(store->folder, sizeof store->folder, "%.900s/.cache/scopegrad", home);
}

/* ---- opening ---- */

static bool same_key(const sg_cache *cache, const sg_store *store)
{
    const sg_cache_info *info = sg_cache_info_of(cache);
    return memcmp(&info->key, &store->info.key, sizeof info->key) == 0 && info->count == store->info.count &&
           info->channels == store->info.channels;
}

/* What cannot be used is as good as none, and made again. */
static void look_for_cache(sg_store *store)
{
    if (!store->folder[0] || sg_cache_open(&store->cache, store->path) != SG_OK) return;
    if (same_key(store->cache, store) && sg_cache_info_of(store->cache)->bytes > store->limit) return;
    sg_cache_close(store->cache);
    store->cache = NULL;
}

sg_status sg_store_open(sg_dataset *dataset)
{
    const sg_dataset_config *config = &dataset->config;
    sg_store *store;
    SG_TRY(SG_ALLOC(&store, 1, "dataset"));
    dataset->store = store;
    store->lock = -1;
    store->limit =
        config->memory_mib > 0 ? (size_t)(config->memory_mib * 1048576) : sg_memory_look("").bytes / AUTO_PART;
    store->info = (sg_cache_info){.count = dataset->count, .channels = sg_dataset_channels(dataset)};
    (void)snprintf(store->info.source, sizeof store->info.source, "%.255s", config->path);
    SG_TRY(make_key(&store->info.key, dataset));
    for (int i = 0; i < dataset->count; i++) dataset->items[i].number = i;
    find_folder(store, config->cache);
    (void)snprintf(store->path, sizeof store->path, "%s/%016llx%016llx.cache", store->folder,
                   (unsigned long long)store->info.key.word[0], (unsigned long long)store->info.key.word[1]);
    look_for_cache(store);
    return SG_OK;
}

void sg_store_free(sg_store *store)
{
    if (!store) return;
    sg_cache_abandon(store->writer);
    sg_cache_close(store->cache);
    if (store->lock >= 0) (void)close(store->lock);
    sg_free(store);
}

static sg_status load_cached(const sg_dataset *dataset, sg_item *item)
{
    const sg_store *store = dataset->store;
    if (!item->scale) SG_TRY(SG_ALLOC(&item->scale, (size_t)store->info.channels, item->name));
    if (sg_cache_get(store->cache, item->number, &item->picture, &item->labels, item->scale))
        return sg_picture_check(dataset, item->picture.height, item->picture.width, item->image_path);
    SG_FAIL(SG_E_FORMAT, "%s: could not be read when the cache %s was made",
            item->image_path ? item->image_path : item->name, store->path);
}

sg_status sg_store_load(const sg_dataset *dataset, sg_item *item)
{
    return dataset->store->cache ? load_cached(dataset, item) : sg_dataset_load(dataset, item);
}

/* ---- a new cache ---- */

/* Those that a killed process has left: who has the lock is the only one that writes. */
static void remove_drafts(const sg_store *store)
{
    char pattern[sizeof store->path + 16];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s.tmp-*", store->path);
    if (glob(pattern, GLOB_NOESCAPE, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) (void)unlink(found.gl_pathv[i]);
    globfree(&found);
}

/* One process makes a cache, others wait for it and use it. A file system without locks: each makes its own, the last
 * one stays. */
static sg_status lock_folder(sg_store *store)
{
    if (!store->folder[0])
        SG_FAIL(SG_E_CONFIG,
                "dataset.cache: the pictures are more than dataset.memory_mib allows (%.0f MiB), and "
                "neither XDG_CACHE_HOME nor HOME says where a cache may be; name a folder",
                (double)store->limit / 1048576);
    SG_TRY(sg_folder_make(store->folder));
    store->lock = open(store->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->lock < 0) return SG_OK;
    if (flock(store->lock, LOCK_EX) == 0)
        remove_drafts(store);
    else if (errno == EINTR)
        SG_FAIL(SG_E_INTERRUPTED, "interrupted while another process makes the cache %s", store->path);
    return SG_OK;
}

static void unlock_folder(sg_store *store)
{
    if (store->lock >= 0) (void)close(store->lock);
    store->lock = -1;
}

/* The items so far move to the file, or are found in the one that another process has made meanwhile. */
static sg_status begin_cache(sg_dataset *dataset, int kept)
{
    sg_store *store = dataset->store;
    SG_TRY(lock_folder(store));
    look_for_cache(store);
    if (!store->cache) SG_TRY(sg_cache_create(&store->writer, store->path, &store->info));
    for (int i = 0; i < kept; i++) {
        sg_item *item = &dataset->items[i];
        if (store->writer) {
            SG_TRY(sg_cache_put(store->writer, item->number, &item->picture, &item->labels, item->scale));
        } else {
            sg_raster_free(&item->picture);
            sg_raster_free(&item->labels);
            SG_TRY(load_cached(dataset, item));
        }
    }
    if (store->cache) unlock_folder(store);
    return SG_OK;
}

sg_status sg_store_keep(sg_dataset *dataset, int kept, sg_item *item)
{
    sg_store *store = dataset->store;
    if (!item->picture.data) return SG_OK; /* it came from the cache */
    store->bytes += sg_raster_bytes(&item->picture) + sg_raster_bytes(&item->labels);
    if (store->bytes <= store->limit) return SG_OK;
    if (!store->writer && !store->cache) SG_TRY(begin_cache(dataset, kept));
    if (store->writer) return sg_cache_put(store->writer, item->number, &item->picture, &item->labels, item->scale);
    sg_raster_free(&item->picture);
    sg_raster_free(&item->labels);
    return load_cached(dataset, item);
}

sg_status sg_store_finish(sg_dataset *dataset)
{
    sg_store *store = dataset->store;
    if (!store->writer) return SG_OK;
    const sg_status status = sg_cache_finish(store->writer);
    store->writer = NULL;
    unlock_folder(store);
    SG_TRY(status);
    return sg_cache_open(&store->cache, store->path);
}

/* ---- views ---- */

sg_status sg_store_room_make(sg_store_room *out, const sg_dataset *dataset)
{
    *out = (sg_store_room){0};
    return dataset->store && dataset->store->cache ? sg_cache_room_make(&out->cache, dataset->grid.sample_px) : SG_OK;
}

void sg_store_room_clear(sg_store_room *room)
{
    sg_item *fresh = &room->fresh;
    sg_raster_free(&fresh->picture);
    sg_raster_free(&fresh->labels);
    sg_free(fresh->scale);
    *fresh = (sg_item){0};
}

void sg_store_room_free(sg_store_room *room)
{
    sg_store_room_clear(room);
    sg_cache_room_free(&room->cache);
}

/* room->fresh = the item from its files. */
static sg_status decode_again(const sg_dataset *dataset, const sg_item *item, sg_store_room *room)
{
    const sg_cache *cache = dataset->store->cache;
    fprintf(stderr, "scopegrad: %s; '%s' is decoded again\n", sg_error_text(), item->name);
    room->fresh = *item;
    room->fresh.picture = room->fresh.labels = (sg_raster){0};
    room->fresh.scale = NULL;
    SG_TRY(sg_dataset_load(dataset, &room->fresh));
    sg_status status = sg_cache_mend(cache, &item->picture, &room->fresh.picture);
    if (status == SG_OK && item->labels.pages > 0) status = sg_cache_mend(cache, &item->labels, &room->fresh.labels);
    return status == SG_OK ? SG_OK : sg_error_prefix(status, "'%s'", item->name);
}

sg_status sg_store_view(sg_raster_view *out, const sg_dataset *dataset, const sg_item *item, const sg_raster *raster,
                        int page, int y, int y_end, int x, int x_end, sg_store_room *room)
{
    const bool in_memory = raster->data != NULL;
    if (!in_memory && !room->fresh.name) {
        const sg_cache *cache = dataset->store->cache;
        if (sg_cache_read(out, cache, raster, page, y, y_end, x, x_end, &room->cache) == SG_OK) return SG_OK;
        SG_TRY(decode_again(dataset, item, room));
    }
    const sg_raster *fresh = raster == &item->labels ? &room->fresh.labels : &room->fresh.picture;
    *out = sg_raster_page(in_memory ? raster : fresh, page);
    return SG_OK;
}
