/* dataset_hash.c - one number for the data of a split: FNV-1a, 64 bits (Fowler, Noll & Vo, draft-eastlake-fnv). */
#include "datasets/dataset_internal.h"

#include <string.h>

static const uint64_t PRIME = 0x100000001b3u;

static uint64_t add_bytes(uint64_t hash, const char *text)
{
    do hash = (hash ^ (unsigned char)*text) * PRIME;
    while (*text++);
    return hash;
}

/* Four bytes a step, the last ones alone; NULL adds nothing. */
static uint64_t add_numbers(uint64_t hash, const void *x, size_t size)
{
    const unsigned char *at = x, *end = at + (x ? size : 0);
    for (; end - at >= 4; at += 4) {
        uint32_t word;
        memcpy(&word, at, sizeof word);
        hash = (hash ^ word) * PRIME;
    }
    for (; at < end; at++) hash = (hash ^ *at) * PRIME;
    return hash;
}

static uint64_t add_raster(uint64_t hash, const sg_raster *raster)
{
    const int32_t size[] = {(int32_t)raster->number, raster->pages, raster->height, raster->width};
    return add_numbers(add_numbers(hash, size, sizeof size), &raster->hash, sizeof raster->hash);
}

static uint64_t add_field(uint64_t hash, const sg_field *field)
{
    const size_t page = (size_t)field->height * (size_t)field->width * sizeof(float);
    const int32_t size[] = {field->planes, field->height, field->width};
    hash = add_numbers(add_bytes(hash, field->name), size, sizeof size);
    hash = add_numbers(hash, field->data, page * (size_t)field->planes);
    hash = add_numbers(hash, field->target, page);
    return add_numbers(hash, field->labels, page);
}

uint64_t sg_dataset_hash(const sg_dataset *dataset, sg_split split)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (int i = 0; i < dataset->field_count; i++) hash = add_field(hash, &dataset->fields[i]);
    for (int i = dataset->first[split]; i < dataset->first[split + 1]; i++) {
        const sg_item *item = &dataset->items[i];
        const int32_t class_number = item->class_number;
        hash = add_numbers(add_bytes(hash, item->name), &class_number, sizeof class_number);
        hash = add_raster(add_raster(hash, &item->picture), &item->labels);
    }
    return hash;
}
