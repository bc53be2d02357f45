/* class_idx.c - dataset.kind: idx. Pictures (count, height, width) or (count, channels, height, width) in one idx file,
 * their classes (count) in another; names "00001", "00002", ... by their places. */
#include "core/memory.h"
#include "datasets/dataset_internal.h"
#include "datasets/idx.h"
#include "datasets/sample.h"

#include <math.h>
#include <string.h>

/* ---- classes ---- */

/* Where the classes have other names than numbers, name k is label k. */
static sg_status class_of(int *out, sg_dataset *dataset, float label, const char *name, const char *path)
{
    char text[32];
    const int count = dataset->class_count;
    const bool by_place = dataset->config.classes[0] && !sg_classes_are_numbers(dataset);
    *out = (int)(label >= 0 && label < 65536 ? label : 0);
    if (!(label >= 0 && label < 65536) || label != (float)*out)
        SG_FAIL(SG_E_FORMAT, "%s: label %g of picture %s is not an integer in 0..65535", path, (double)label, name);
    if (by_place && *out >= count)
        SG_FAIL(SG_E_RANGE, "%s: label %d of picture %s is outside 0..%d, dataset.classes has %d names", path, *out,
                name, count - 1, count);
    if (by_place) return SG_OK;
    (void)snprintf(text, sizeof text, "%d", *out);
    return sg_classes_number(out, dataset, text);
}

/* ".../train-images-idx3-ubyte" -> ".../train-labels-idx1-ubyte". */
static sg_status labels_path(char *out, size_t size, const sg_dataset_config *config)
{
    const char *slash = strrchr(config->path, '/'), *file = slash ? slash + 1 : config->path,
               *images = strstr(file, "images"), *rank = images ? strstr(images, "idx3") : NULL;
    int wrote;
    if (config->labels[0])
        wrote = snprintf(out, size, "%s", config->labels);
    else if (rank)
        wrote = snprintf(out, size, "%.*slabels%.*sidx1%s", (int)(images - config->path), config->path,
                         (int)(rank - images - 6), images + 6, rank + 4);
    else
        SG_FAIL(SG_E_CONFIG,
                "dataset.labels: the idx file of the labels is needed, as %s is not named ...images-idx3...",
                config->path);
    if (wrote >= (int)size) SG_FAIL(SG_E_CONFIG, "dataset.labels: the path is too long");
    return SG_OK;
}

/* ---- pictures ---- */

static sg_status read_picture(const sg_dataset *dataset, sg_item *item, const sg_idx *idx, size_t i)
{
    sg_image image;
    const char *path = dataset->config.path;
    const int channels = sg_dataset_channels(dataset);
    const size_t len = idx->len / (size_t)idx->size[0];
    SG_TRY(SG_ALLOC(&item->scale, (size_t)channels, path));
    SG_TRY(sg_image_make(&image, channels, idx->size[idx->rank - 2], idx->size[idx->rank - 1], len, path));
    image.bits = idx->bits;
    image.is_float = idx->is_float;
    sg_idx_values(image.data, idx, i * len, len);
    sg_status status = sg_image_check_finite(&image, path);
    if (status == SG_OK) status = sg_sample_scales(item->scale, &image, path, dataset->grid.kind);
    if (status == SG_OK) return sg_picture_keep(dataset, item, &image, path);
    sg_image_free(&image);
    return status;
}

static sg_status add_picture(sg_dataset *dataset, const sg_idx *idx, size_t i, const char *name, sg_split split,
                             int class_number)
{
    sg_item *item;
    SG_TRY(sg_dataset_add(dataset, name, NULL, NULL, split, &item));
    item->class_number = class_number;
    const sg_status status = read_picture(dataset, item, idx, i);
    return status == SG_OK ? SG_OK : sg_error_prefix(status, "picture %s", name);
}

/* ---- the list ---- */

static sg_status check_files(const sg_dataset *dataset, const sg_idx *images, const sg_idx *labels, const char *path)
{
    const int wanted = dataset->grid.channels > 1 ? dataset->grid.channels : 1,
              channels = images->rank == 4 ? images->size[1] : 1;
    if (images->rank < 3)
        SG_FAIL(SG_E_FORMAT, "%s: rank %d, pictures have 3 (count, height, width) or 4 with channels",
                dataset->config.path, images->rank);
    if (channels != wanted)
        SG_FAIL(SG_E_SHAPE, "%s: %d channel%s, this sample has %d", dataset->config.path, channels,
                channels == 1 ? "" : "s", wanted);
    if (labels->rank != 1) SG_FAIL(SG_E_FORMAT, "%s: rank %d, labels have 1", path, labels->rank);
    if (labels->size[0] != images->size[0])
        SG_FAIL(SG_E_SHAPE, "%s: %d labels, but %s has %d pictures", path, labels->size[0], dataset->config.path,
                images->size[0]);
    return SG_OK;
}

static sg_status list_all(sg_dataset *dataset, const sg_idx *images, const sg_idx *labels, sg_splits *splits,
                          const char *path)
{
    for (int i = 0; i < images->size[0]; i++) {
        char name[32];
        bool found;
        float label;
        int class_number;
        sg_split split;
        (void)snprintf(name, sizeof name, "%05d", i + 1);
        sg_idx_values(&label, labels, (size_t)i, 1);
        SG_TRY(class_of(&class_number, dataset, label, name, path));
        SG_TRY(sg_splits_find(&split, &found, splits, &dataset->config, name));
        if (!found)
            sg_leave_out(dataset, SG_LEFT_SPLIT, name);
        else if (class_number < 0)
            sg_leave_out(dataset, SG_LEFT_CLASS, name);
        else
            SG_TRY(add_picture(dataset, images, (size_t)i, name, split, class_number));
    }
    return sg_splits_done(splits);
}

sg_status sg_class_idx_list(sg_dataset *dataset)
{
    char path[SG_DATASET_PATH_MAX + 8];
    sg_idx images = {0}, labels = {0};
    sg_splits splits = {0};
    sg_status status;
    if (!dataset->config.path[0]) SG_FAIL(SG_E_CONFIG, "dataset.path: the idx file of the pictures is needed");
    SG_TRY_DONE(sg_idx_read(&images, dataset->config.path));
    SG_TRY_DONE(labels_path(path, sizeof path, &dataset->config));
    SG_TRY_DONE(sg_idx_read(&labels, path));
    SG_TRY_DONE(check_files(dataset, &images, &labels, path));
    SG_TRY_DONE(sg_splits_open(&splits, &dataset->config));
    SG_TRY_DONE(list_all(dataset, &images, &labels, &splits, path));
done:
    sg_idx_free(&images);
    sg_idx_free(&labels);
    sg_splits_close(&splits);
    return status;
}
