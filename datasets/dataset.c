/* dataset.c - opens a dataset of any kind, orders its items, answers questions. */
#include "datasets/dataset.h"

#include "core/data_path.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset_internal.h"

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

sg_status sg_dataset_add(sg_dataset *dataset, const char *name, const char *image_path, const char *label_path,
                         sg_split split, sg_item **out)
{
    SG_TRY(make_room(dataset));
    const uint64_t hash = sg_rng_hash(name);
    sg_item *item = &dataset->items[dataset->count++];
    item->split = split;
    item->id = (uint32_t)((hash ^ hash >> 24 ^ hash >> 48) & 0xffffffu);
    SG_TRY(copy_text(&item->name, name));
    SG_TRY(copy_text(&item->image_path, image_path));
    SG_TRY(copy_text(&item->label_path, label_path));
    if (out) *out = item;
    return SG_OK;
}

static void free_item(sg_item *item)
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

/* Sorts, counts the splits, and drops the training items beyond the limit. */
static void order_items(sg_dataset *dataset)
{
    int count[3] = {0};
    if (dataset->count) qsort(dataset->items, (size_t)dataset->count, sizeof *dataset->items, compare_items);
    for (int i = 0; i < dataset->count; i++) count[dataset->items[i].split]++;
    const int limit = dataset->config.limit, drop = limit > 0 && count[0] > limit ? count[0] - limit : 0;
    sg_item *items = dataset->items;
    for (int i = count[0] - drop; i < count[0]; i++) free_item(&items[i]);
    if (drop) memmove(items + count[0] - drop, items + count[0], (size_t)(dataset->count - count[0]) * sizeof *items);
    dataset->count -= drop;
    count[0] -= drop;
    for (int s = 0; s < 3; s++) dataset->first[s + 1] = dataset->first[s] + count[s];
}

static sg_status list_items(sg_dataset *dataset)
{
    char path[SG_DATASET_PATH_MAX], splits[SG_DATASET_PATH_MAX + 32];
    switch (dataset->config.kind) {
    case SG_DATASET_SYNTHETIC: return sg_synthetic_list(dataset);
    case SG_DATASET_STACK: return sg_stack_list(dataset);
    case SG_DATASET_FOLDER: return sg_folder_list(dataset, dataset->config.path, dataset->config.splits);
    case SG_DATASET_BUILTIN: break;
    }
    SG_TRY(sg_data_find(path, sizeof path, "datasets/nuclei"));
    (void)snprintf(splits, sizeof splits, "%s/splits.csv", path);
    return sg_folder_list(dataset, path, dataset->config.splits[0] ? dataset->config.splits : splits);
}

static sg_status load_items(sg_dataset *dataset)
{
    const sg_dataset_kind kind = dataset->config.kind;
    if (kind == SG_DATASET_STACK) return SG_OK;
    for (int i = 0; i < dataset->count; i++)
        SG_TRY(kind == SG_DATASET_SYNTHETIC ? sg_synthetic_load(dataset, &dataset->items[i])
                                            : sg_folder_load(dataset, &dataset->items[i]));
    return SG_OK;
}

static sg_status check_config(const sg_dataset_config *config, const sg_dataset_grid *grid)
{
    const int inside = grid->sample_px - 2 * grid->margin_px;
    if (grid->margin_px < 0 || inside < 1 || grid->sample_px > 32768)
        SG_FAIL(SG_E_RANGE, "sample.size_px: %d pixels with a margin of %d leave no picture (at most 32768 pixels)",
                grid->sample_px, grid->margin_px);
    if (grid->label_px < 1 || grid->label_px > 32768)
        SG_FAIL(SG_E_RANGE, "label: %d pixels are outside 1..32768", grid->label_px);
    if (grid->channels > 1 && (config->kind == SG_DATASET_BUILTIN || config->kind == SG_DATASET_SYNTHETIC))
        SG_FAIL(SG_E_CONFIG,
                "dataset.kind: builtin and synthetic pictures have 1 channel, this sample.kind needs %d; a "
                "folder would do",
                grid->channels);
    if (config->target == SG_TARGET_DPC && config->kind != SG_DATASET_STACK)
        SG_FAIL(SG_E_CONFIG, "dataset.target: dpc goes with a dataset of kind stack, mask with every kind");
    if (config->target == SG_TARGET_SAMPLE && config->kind == SG_DATASET_STACK)
        SG_FAIL(SG_E_CONFIG, "dataset.target: sample goes with pictures, not with a dataset of kind stack");
    return SG_OK;
}

static sg_status fill(sg_dataset *dataset)
{
    SG_TRY(check_config(&dataset->config, &dataset->grid));
    SG_TRY(list_items(dataset));
    order_items(dataset);
    if (sg_dataset_count(dataset, SG_SPLIT_TRAIN) == 0 && !dataset->config.test_only)
        SG_FAIL(SG_E_CONFIG, "dataset: no picture of %d is in the training split", dataset->count);
    SG_TRY(load_items(dataset));
    return sg_bench_open(&dataset->bench, &dataset->grid);
}

sg_status sg_dataset_open(sg_dataset **out, const sg_dataset_config *config, const sg_dataset_grid *grid)
{
    *out = NULL;
    sg_dataset *dataset;
    SG_TRY(SG_ALLOC(&dataset, 1, "dataset"));
    dataset->config = *config;
    dataset->grid = *grid;
    const sg_status status = fill(dataset);
    if (status != SG_OK)
        sg_dataset_free(dataset);
    else
        *out = dataset;
    return status;
}

void sg_dataset_free(sg_dataset *dataset)
{
    if (!dataset) return;
    for (int i = 0; i < dataset->count; i++) free_item(&dataset->items[i]);
    sg_free(dataset->items);
    for (int i = 0; i < dataset->field_count; i++) {
        sg_free(dataset->fields[i].data);
        sg_free(dataset->fields[i].target);
        sg_free(dataset->fields[i].labels);
    }
    sg_free(dataset->fields);
    sg_bench_free(dataset->bench);
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
    return (size_t)dataset->grid.label_px * (size_t)dataset->grid.label_px;
}
