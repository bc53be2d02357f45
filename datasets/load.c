/* load.c - decodes all items of a dataset, as many at once as there are threads, and keeps them in the order of the
 * list. Each thread leaves status and text with its item; what is to be done about them happens one by one. */
#include "core/memory.h"
#include "core/parallel.h"
#include "datasets/dataset_internal.h"
#include "datasets/hdf5.h"
#include "datasets/store.h"

#include <string.h>

typedef struct outcome {
    sg_status status;
    char text[1024];
} outcome;

typedef struct block {
    const sg_dataset *dataset;
    sg_item *item;
    outcome *outcome;
} block;

static void load_one(void *context, int slice, int thread)
{
    const block *b = context;
    outcome *o = &b->outcome[slice];
    (void)thread;
    o->status = sg_store_load(b->dataset, &b->item[slice]);
    if (o->status != SG_OK) (void)snprintf(o->text, sizeof o->text, "%s", sg_error_text());
}

/* The HDF5 library, which also reads .mat, serves one thread; boxes share the page that was read last. */
static bool is_shared(const char *path)
{
    return path && (sg_hdf5_known(path) || strstr(path, ".mat"));
}

static bool one_by_one(const sg_dataset *dataset)
{
    bool shared = dataset->config.kind == SG_DATASET_BOXES;
    for (int i = 0; i < dataset->count && !shared; i++)
        shared = is_shared(dataset->items[i].image_path) || is_shared(dataset->items[i].label_path);
    return shared;
}

/* Keeps a loaded item as number *kept, or leaves it out. */
static sg_status settle(sg_dataset *dataset, sg_item *item, const outcome *o, int *kept)
{
    if (o->status != SG_OK) {
        SG_TRY(sg_skip(dataset, sg_error_set(o->status, "%s", o->text), item->name));
        sg_item_free(item);
        *item = (sg_item){0};
        return SG_OK;
    }
    SG_TRY(sg_store_keep(dataset, *kept, item));
    const sg_item keep = *item;
    *item = (sg_item){0};
    dataset->items[(*kept)++] = keep;
    for (int s = keep.split; s < 3; s++) dataset->first[s + 1] = *kept;
    return SG_OK;
}

static sg_status load_blocks(sg_dataset *dataset, outcome *outcomes, int most)
{
    const int count = dataset->count;
    int kept = 0;
    memset(dataset->first, 0, sizeof dataset->first);
    for (int i = 0; i < count; i += most) {
        block b = {.dataset = dataset, .item = &dataset->items[i], .outcome = outcomes};
        const int here = count - i < most ? count - i : most;
        sg_parallel(here, load_one, &b);
        for (int k = 0; k < here; k++) SG_TRY(settle(dataset, &dataset->items[i + k], &outcomes[k], &kept));
    }
    dataset->count = kept;
    return sg_store_finish(dataset);
}

sg_status sg_dataset_load_all(sg_dataset *dataset)
{
    const int most = one_by_one(dataset) ? 1 : 2 * sg_threads();
    outcome *outcomes;
    SG_TRY(sg_store_open(dataset));
    SG_TRY(SG_ALLOC(&outcomes, (size_t)most, "dataset"));
    const sg_status status = load_blocks(dataset, outcomes, most);
    sg_free(outcomes);
    return status;
}
