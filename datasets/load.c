/* load.c - decodes all items of a dataset, as many at once as there are threads, and keeps them in the order of the
 * list. Boxes of one picture, which stand one behind the other, go to one thread, which decodes it once. Each thread
 * leaves status and text with its item; what is to be done about them happens one by one. */
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

typedef struct block { /* of items, in runs */
    const sg_dataset *dataset;
    sg_item *item;
    outcome *outcome;
    int *first; /* (runs + 1) items of the block */
} block;

static void load_one(const block *b, int i, sg_page *page)
{
    outcome *o = &b->outcome[i];
    b->item[i].page = page;
    o->status = sg_store_load(b->dataset, &b->item[i]);
    b->item[i].page = NULL;
    if (o->status != SG_OK) (void)snprintf(o->text, sizeof o->text, "%s", sg_error_text());
}

static void load_run(void *context, int slice, int thread)
{
    const block *b = context;
    const int first = b->first[slice], end = b->first[slice + 1];
    sg_page *page = NULL;
    (void)thread;
    if (end - first > 1) (void)sg_page_make(&page); /* without, each box decodes the picture */
    for (int i = first; i < end; i++) load_one(b, i, page);
    sg_page_free(page);
}

static bool same_picture(const sg_dataset *dataset, int i)
{
    return dataset->config.kind == SG_DATASET_BOXES && i + 1 < dataset->count &&
           strcmp(dataset->items[i].image_path, dataset->items[i + 1].image_path) == 0;
}

/* Cuts a block of at most `most` items that begins at item i; returns the number of runs. The last run goes to the next
 * block where the block would divide it. */
static int find_runs(int *first, const sg_dataset *dataset, int i, int most)
{
    const int end = dataset->count - i < most ? dataset->count : i + most;
    int runs = 0;
    first[0] = 0;
    for (int k = i; k < end; k++)
        if (!same_picture(dataset, k)) first[++runs] = k + 1 - i;
    if (runs == 0) first[++runs] = end - i;
    return runs;
}

/* The HDF5 library, which also reads .mat, serves one thread. */
static bool is_shared(const char *path)
{
    return path && (sg_hdf5_known(path) || strstr(path, ".mat"));
}

static bool one_by_one(const sg_dataset *dataset)
{
    bool shared = false;
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

static sg_status load_blocks(sg_dataset *dataset, outcome *outcomes, int *first, int most)
{
    const int count = dataset->count;
    int kept = 0;
    memset(dataset->first, 0, sizeof dataset->first);
    for (int i = 0, here; i < count; i += here) {
        block b = {.dataset = dataset, .item = &dataset->items[i], .outcome = outcomes, .first = first};
        const int runs = find_runs(first, dataset, i, most);
        here = first[runs];
        sg_parallel(runs, load_run, &b);
        for (int k = 0; k < here; k++) SG_TRY(settle(dataset, &dataset->items[i + k], &outcomes[k], &kept));
    }
    dataset->count = kept;
    return sg_store_finish(dataset);
}

sg_status sg_dataset_load_all(sg_dataset *dataset)
{
    const bool boxes = dataset->config.kind == SG_DATASET_BOXES;
    const int most = one_by_one(dataset) ? 1 : (boxes ? 64 : 2) * sg_threads();
    outcome *outcomes;
    int *first = NULL;
    SG_TRY(sg_store_open(dataset));
    SG_TRY(SG_ALLOC(&outcomes, (size_t)most, "dataset"));
    sg_status status = SG_ALLOC(&first, (size_t)most + 1, "dataset");
    if (status == SG_OK) status = load_blocks(dataset, outcomes, first, most);
    sg_free(first);
    sg_free(outcomes);
    return status;
}
