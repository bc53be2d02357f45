/* dataset.c - opens a dataset of any kind, orders its items, answers questions. */
#include "datasets/dataset.h"

#include "core/data_path.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset_internal.h"
#include "datasets/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- splits ---- */

static const char *const split_names[] = {"train", "validation", "test"};

const char *sg_split_name(sg_split split)
{
    return split_names[split];
}

bool sg_split_find(sg_split *out, const char *name)
{
    for (int s = 0; s < 3; s++)
        if (strcmp(name, split_names[s]) == 0) {
            *out = (sg_split)s;
            return true;
        }
    return false;
}

sg_image_options sg_dataset_options(const sg_dataset_config *config, double picture_um)
{
    const double file_um = picture_um / (config->bin > 1 ? config->bin : 1);
    return (sg_image_options){.axes = config->axes,
                              .take = config->take,
                              .pixel_um = config->pixel_size == SG_PIXEL_SIZE_CHECK ? file_um : 0,
                              .pixel_key = "sample.pixel_um"};
}

/* ---- the list of items ---- */

static sg_status copy_text(char **out, const char *text)
{
    *out = NULL;
    if (!text) return SG_OK;
    SG_TRY(SG_ALLOC(out, strlen(text) + 1, "dataset"));
    memcpy(*out, text, strlen(text) + 1);
    return SG_OK;
}

static sg_status make_room(sg_dataset *dataset)
{
    if (dataset->count < dataset->capacity) return SG_OK;
    const int capacity = dataset->capacity ? 2 * dataset->capacity : 64;
    sg_item *more;
    SG_TRY(SG_ALLOC(&more, (size_t)capacity, "dataset"));
    if (dataset->count) memcpy(more, dataset->items, (size_t)dataset->count * sizeof *more);
    sg_free(dataset->items);
    dataset->items = more;
    dataset->capacity = capacity;
    return SG_OK;
}

uint32_t sg_dataset_name_id(const char *name)
{
    const uint64_t hash = sg_rng_hash(name);
    return (uint32_t)((hash ^ hash >> 24 ^ hash >> 48) & 0xffffffu);
}

sg_status sg_dataset_add(sg_dataset *dataset, const char *name, const char *image_path, const char *label_path,
                         sg_split split, sg_item **out)
{
    SG_TRY(make_room(dataset));
    sg_item *item = &dataset->items[dataset->count++];
    item->split = split;
    item->id = item->group = sg_dataset_name_id(name);
    SG_TRY(copy_text(&item->name, name));
    SG_TRY(copy_text(&item->image_path, image_path));
    SG_TRY(copy_text(&item->label_path, label_path));
    if (out) *out = item;
    return SG_OK;
}

void sg_item_free(sg_item *item)
{
    sg_free(item->name);
    sg_free(item->image_path);
    sg_free(item->label_path);
    sg_raster_free(&item->picture);
    sg_raster_free(&item->labels);
    sg_free(item->scale);
}

static int compare_items(const void *a, const void *b)
{
    const sg_item *x = a, *y = b;
    return x->split != y->split ? (x->split > y->split) - (x->split < y->split) : strcmp(x->name, y->name);
}

static int compare_ids(const void *a, const void *b)
{
    const sg_item *x = a, *y = b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id) : strcmp(x->name, y->name);
}

static void sort_items(sg_item *items, int count, int (*compare)(const void *, const void *))
{
    if (count) qsort(items, (size_t)count, sizeof *items, compare);
}

/* Items 0 .. count - 1 are for training; those beyond the limit are dropped. Which ones are left must not depend on the
 * class, which may stand in the name: there the hashes decide. Returns how many went. */
static int drop_beyond_limit(sg_dataset *dataset, int count)
{
    sg_item *items = dataset->items;
    const int limit = dataset->config.limit, drop = limit > 0 && count > limit ? count - limit : 0, keep = count - drop;
    if (drop == 0) return 0;
    if (sg_dataset_kind_has_classes(dataset->config.kind)) {
        sort_items(items, count, compare_ids);
        sort_items(items, keep, compare_items);
    }
    for (int i = keep; i < count; i++) sg_item_free(&items[i]);
    memmove(items + keep, items + count, (size_t)(dataset->count - count) * sizeof *items);
    dataset->count -= drop;
    return drop;
}

/* Sorts, counts the splits, and drops the training items beyond the limit. */
static void order_items(sg_dataset *dataset)
{
    int count[3] = {0};
    sort_items(dataset->items, dataset->count, compare_items);
    for (int i = 0; i < dataset->count; i++) count[dataset->items[i].split]++;
    count[0] -= drop_beyond_limit(dataset, count[0]);
    for (int s = 0; s < 3; s++) dataset->first[s + 1] = dataset->first[s] + count[s];
}

/* Equal names: a.png beside a.tif, or a line twice in the list. */
static sg_status check_unique(const sg_dataset *dataset)
{
    sg_status status = SG_OK;
    sg_item *items;
    SG_TRY(SG_ALLOC(&items, (size_t)dataset->count, "dataset"));
    if (dataset->count) memcpy(items, dataset->items, (size_t)dataset->count * sizeof *items);
    sort_items(items, dataset->count, compare_ids);
    for (int i = 1; status == SG_OK && i < dataset->count; i++)
        if (strcmp(items[i - 1].name, items[i].name) == 0)
            status = sg_error_set(SG_E_FORMAT, "%s: the name '%.200s' stands there twice", dataset->config.path,
                                  items[i].name);
    sg_free(items);
    return status;
}

/* ---- the kinds ---- */

static sg_status list_builtin(sg_dataset *dataset)
{
    char path[SG_DATASET_PATH_MAX], splits[SG_DATASET_PATH_MAX + 32];
    SG_TRY(sg_data_find(path, sizeof path, "datasets/nuclei"));
    (void)snprintf(splits, sizeof splits, "%s/splits.csv", path);
    if (dataset->config.folds) splits[0] = 0;
    return sg_folder_list(dataset, path, dataset->config.splits[0] ? dataset->config.splits : splits);
}

static sg_status list_folder(sg_dataset *dataset)
{
    return sg_folder_list(dataset, dataset->config.path, dataset->config.splits);
}

static const struct {
    sg_status (*list)(sg_dataset *dataset);
    sg_status (*load)(const sg_dataset *dataset, sg_item *item); /* NULL: the list has the pictures */
} kinds[] = {
    [SG_DATASET_BUILTIN] = {list_builtin, sg_folder_load},
    [SG_DATASET_FOLDER] = {list_folder, sg_folder_load},
    [SG_DATASET_SYNTHETIC] = {sg_synthetic_list, sg_synthetic_load},
    [SG_DATASET_STACK] = {sg_stack_list, NULL},
    [SG_DATASET_IDX] = {sg_class_idx_list, NULL},
    [SG_DATASET_CLASSES] = {sg_class_folder_list, sg_picture_load},
    [SG_DATASET_BOXES] = {sg_class_boxes_list, sg_class_boxes_load},
};

sg_status sg_dataset_load(const sg_dataset *dataset, sg_item *item)
{
    return kinds[dataset->config.kind].load(dataset, item);
}

static sg_status check_training(const sg_dataset *dataset, const char *what)
{
    if (sg_dataset_count(dataset, SG_SPLIT_TRAIN) > 0 || dataset->config.test_only) return SG_OK;
    SG_FAIL(SG_E_CONFIG, "dataset: no picture of %d %s in the training split", dataset->count, what);
}

static sg_status fill(sg_dataset *dataset)
{
    SG_TRY(sg_dataset_check(&dataset->config, &dataset->grid));
    SG_TRY(sg_classes_start(dataset));
    SG_TRY(kinds[dataset->config.kind].list(dataset));
    SG_TRY(check_unique(dataset));
    sg_classes_sort(dataset);
    order_items(dataset);
    SG_TRY(check_training(dataset, "is"));
    if (kinds[dataset->config.kind].load) SG_TRY(sg_dataset_load_all(dataset));
    SG_TRY(check_training(dataset, "that can be read is"));
    sg_left_out_notice(dataset);
    SG_TRY(sg_classes_check(dataset));
    return sg_bench_open(&dataset->bench);
}

/* What is written to dataset->notices becomes dataset->notice. */
static sg_status fill_with_notices(sg_dataset *dataset)
{
    dataset->notices = open_memstream(&dataset->notice, &dataset->notice_size);
    if (!dataset->notices) SG_FAIL(SG_E_MEMORY, "dataset: out of memory");
    const sg_status status = fill(dataset);
    const bool whole = fclose(dataset->notices) == 0;
    if (status == SG_OK && !whole) SG_FAIL(SG_E_MEMORY, "dataset: out of memory");
    return status;
}

sg_status sg_dataset_open(sg_dataset **out, const sg_dataset_config *config, const sg_dataset_grid *grid)
{
    *out = NULL;
    sg_dataset *dataset;
    SG_TRY(SG_ALLOC(&dataset, 1, "dataset"));
    dataset->config = *config;
    dataset->grid = *grid;
    const sg_status status = fill_with_notices(dataset);
    if (status != SG_OK)
        sg_dataset_free(dataset);
    else
        *out = dataset;
    return status;
}

void sg_dataset_free(sg_dataset *dataset)
{
    if (!dataset) return;
    for (int i = 0; i < dataset->count; i++) sg_item_free(&dataset->items[i]);
    sg_free(dataset->items);
    for (int i = 0; i < dataset->field_count; i++) {
        sg_free(dataset->fields[i].data);
        sg_free(dataset->fields[i].target);
        sg_free(dataset->fields[i].labels);
    }
    sg_free(dataset->fields);
    sg_bench_free(dataset->bench);
    sg_store_free(dataset->store);
    sg_classes_free(dataset);
    free(dataset->notice);
    sg_free(dataset);
}

/* ---- questions ---- */

static const sg_item *item_of(const sg_dataset *dataset, sg_split split, int index)
{
    return &dataset->items[dataset->first[split] + index];
}

int sg_dataset_count(const sg_dataset *dataset, sg_split split)
{
    return dataset->first[split + 1] - dataset->first[split];
}

const char *sg_dataset_name(const sg_dataset *dataset, sg_split split, int index)
{
    return item_of(dataset, split, index)->name;
}

uint32_t sg_dataset_id(const sg_dataset *dataset, sg_split split, int index)
{
    return item_of(dataset, split, index)->id;
}

uint32_t sg_dataset_group(const sg_dataset *dataset, sg_split split, int index)
{
    return item_of(dataset, split, index)->group;
}

int sg_dataset_channels(const sg_dataset *dataset)
{
    return dataset->grid.channels > 0 ? dataset->grid.channels : 1;
}

size_t sg_dataset_sample_len(const sg_dataset *dataset)
{
    const size_t px = (size_t)dataset->grid.sample_px;
    return px * px *
           (size_t)(dataset->config.kind == SG_DATASET_STACK ? dataset->fields[0].planes
                                                             : sg_dataset_channels(dataset));
}

size_t sg_dataset_label_len(const sg_dataset *dataset)
{
    if (dataset->class_count) return 1;
    return (size_t)dataset->grid.label_px * (size_t)dataset->grid.label_px;
}
