/* dataset.c - opens a dataset of any kind, orders its items, and makes one item: crop, margin, label, turn. */
#include "datasets/dataset.h"

#include "core/data_path.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset_internal.h"
#include "datasets/label.h"

#include <math.h>
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
    sg_free(item->picture);
    sg_free(item->labels);
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
    return load_items(dataset);
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

static int channels_of(const sg_dataset_grid *grid)
{
    return grid->channels > 0 ? grid->channels : 1;
}

size_t sg_dataset_sample_len(const sg_dataset *dataset)
{
    const size_t px = (size_t)dataset->grid.sample_px;
    return px * px *
           (size_t)(dataset->config.kind == SG_DATASET_STACK ? dataset->fields[0].planes : channels_of(&dataset->grid));
}

size_t sg_dataset_label_len(const sg_dataset *dataset)
{
    return (size_t)dataset->grid.label_px * (size_t)dataset->grid.label_px;
}

/* ---- one item ---- */

/* -1 -> 0, -2 -> 1, n -> n - 1: the picture goes on mirrored at its edge, however far. */
static int mirror(int i, int n)
{
    i %= 2 * n;
    if (i < 0) i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

static void copy_window(float *out, int px, const float *picture, int height, int width, int y0, int x0)
{
    for (int y = 0; y < px; y++) {
        const float *row = picture + (size_t)mirror(y0 + y, height) * (size_t)width;
        for (int x = 0; x < px; x++) *out++ = row[mirror(x0 + x, width)];
    }
}

/* 0 .. room, all equally likely. */
static int pick(uint32_t word, int room)
{
    return (int)(((uint64_t)word * (uint64_t)(room + 1)) >> 32);
}

/* The sample without its margin on the camera grid, (mean brightness)^gamma. */
static void picture_target(float *label, const float *inside, const sg_dataset *dataset)
{
    const sg_dataset_grid *grid = &dataset->grid;
    const double gamma = dataset->config.target_gamma > 0 ? dataset->config.target_gamma : 1;
    sg_label_mean(label, inside, (size_t)grid->sample_px, grid->sample_px - 2 * grid->margin_px, grid->label_px);
    for (size_t i = 0; i < sg_dataset_label_len(dataset); i++) label[i] = (float)pow((double)label[i], gamma);
}

static void picture_item(const sg_dataset *dataset, const sg_item *item, const uint32_t *words, float *sample,
                         float *label, int32_t *instances)
{
    const sg_dataset_grid *grid = &dataset->grid;
    const int inside = grid->sample_px - 2 * grid->margin_px, room_y = item->height - inside,
              room_x = item->width - inside;
    const int y = words ? pick(words[0], room_y) : room_y / 2, x = words ? pick(words[1], room_x) : room_x / 2;
    const unsigned how = words ? words[2] & 7 : 0;
    const int32_t *labels = item->labels + (size_t)y * (size_t)item->width + (size_t)x;
    const size_t window = (size_t)grid->sample_px * (size_t)grid->sample_px,
                 page = (size_t)item->height * (size_t)item->width;
    for (size_t c = 0; c < (size_t)channels_of(grid); c++) {
        copy_window(sample + c * window, grid->sample_px, item->picture + c * page, item->height, item->width,
                    y - grid->margin_px, x - grid->margin_px);
        sg_square_turn(sample + c * window, grid->sample_px, how);
    }
    sg_label_binary(label, labels, (size_t)item->width, inside, grid->label_px);
    sg_square_turn(label, grid->label_px, how);
    if (dataset->config.target == SG_TARGET_SAMPLE)
        picture_target(label, sample + (size_t)grid->margin_px * ((size_t)grid->sample_px + 1), dataset);
    if (!instances) return;
    sg_label_instances(instances, labels, (size_t)item->width, inside, grid->label_px);
    sg_square_turn(instances, grid->label_px, how);
}

static void stack_item(const sg_dataset *dataset, const sg_item *item, const uint32_t *words, float *sample,
                       float *label, int32_t *instances)
{
    const sg_field *field = &dataset->fields[item->field];
    const sg_region *region = &field->region[item->split];
    const int px = dataset->grid.sample_px, margin = dataset->grid.margin_px;
    const int y = words ? region->y + pick(words[0], region->height - px) : item->y;
    const int x = words ? region->x + pick(words[1], region->width - px) : item->x;
    const size_t plane = (size_t)field->height * (size_t)field->width, window = (size_t)px * (size_t)px;
    for (int k = 0; k < field->planes; k++)
        copy_window(sample + (size_t)k * window, px, field->data + (size_t)k * plane, field->height, field->width, y,
                    x);
    copy_window(label, px - 2 * margin, field->target, field->height, field->width, y + margin, x + margin);
    if (!instances) return;
    memset(instances, 0, sg_dataset_label_len(dataset) * sizeof *instances);
    for (int row = 0; field->labels && row < px - 2 * margin; row++)
        memcpy(instances + (size_t)row * (size_t)(px - 2 * margin),
               field->labels + (size_t)(y + margin + row) * (size_t)field->width + (size_t)(x + margin),
               (size_t)(px - 2 * margin) * sizeof *instances);
}

void sg_dataset_item(const sg_dataset *dataset, sg_split split, int index, uint64_t seed, int64_t draw, float *sample,
                     float *label, int32_t *instances)
{
    const sg_item *item = item_of(dataset, split, index);
    uint32_t words[4];
    const bool random = draw >= 0 && dataset->config.augment;
    if (random) {
        const sg_rng rng = sg_rng_make(seed, SG_RNG_AUGMENT, item->id, (uint32_t)((uint64_t)draw >> 32), 0);
        sg_rng_words(&rng, 0, (uint32_t)draw, words);
    }
    if (dataset->config.kind == SG_DATASET_STACK)
        stack_item(dataset, item, random ? words : NULL, sample, label, instances);
    else
        picture_item(dataset, item, random ? words : NULL, sample, label, instances);
}
