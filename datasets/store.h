/* store.h - where a dataset keeps what it has decoded: in memory, or in a cache file (cache.h) once that would be more
 * than dataset.memory_mib. Not installed. */
#ifndef SG_DATASETS_STORE_H
#define SG_DATASETS_STORE_H

#include "datasets/cache.h"
#include "datasets/dataset_internal.h"

/* Before the first item is loaded, all are listed and numbered: finds the cache of these very files, if there is one
 * and it holds more than the memory allowed. The dataset frees the store. */
sg_status sg_store_open(sg_dataset *dataset);
/* Loads an item, from the cache or its files. */
sg_status sg_store_load(const sg_dataset *dataset, sg_item *item);
/* After item `item` was loaded, which the `kept` items before it were too: keeps it in memory, or moves all of them to a
 * new cache. SG_E_IO: the cache cannot be written. */
sg_status sg_store_keep(sg_dataset *dataset, int kept, sg_item *item);
/* After the last item. */
sg_status sg_store_finish(sg_dataset *dataset);
void sg_store_free(sg_store *store);

/* Working memory for one item at a time. */
typedef struct sg_store_room {
    sg_cache_room cache;
    sg_item fresh; /* decoded again because the cache is damaged; name NULL: none */
} sg_store_room;
sg_status sg_store_room_make(sg_store_room *out, const sg_dataset *dataset);
void sg_store_room_free(sg_store_room *room);
/* When the item is made. */
void sg_store_room_clear(sg_store_room *room);

/* *out = a view that holds pixels y .. y_end-1, x .. x_end-1 of a page of the item's picture or labels, good as long as
 * the room is not cleared. Where the cache is damaged, the item is decoded again, the cache mended, and a line on stderr
 * says so. */
sg_status sg_store_view(sg_raster_view *out, const sg_dataset *dataset, const sg_item *item, const sg_raster *raster,
                        int page, int y, int y_end, int x, int x_end, sg_store_room *room);

#endif
