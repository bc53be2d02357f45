/* folder.c - pairs images/NAME.png|tif|tiff|npy|jpg|jpeg and labels/NAME.png|tif|tiff|npy; splits by a list of names
 * or by hash. */
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/csv.h"
#include "datasets/dataset_internal.h"
#include "datasets/image.h"
#include "datasets/label.h"
#include "datasets/sample.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JPEG stands last: it smears the numbers of labels, so that only pictures may be such. */
static const char *const extensions[] = {".png", ".tif", ".tiff", ".PNG", ".TIF", ".TIFF",
                                         ".npy", ".jpg", ".jpeg", ".JPG", ".JPEG"};
enum { EXTENSIONS = sizeof extensions / sizeof *extensions, LABEL_EXTENSIONS = EXTENSIONS - 4 };

/* ---- splits ---- */

static sg_status parse_split(sg_split *out, const sg_csv *csv, int row, int column)
{
    const char *text = sg_csv_text(csv, row, column);
    if (sg_split_find(out, text)) return SG_OK;
    SG_FAIL(SG_E_FORMAT, "%s:%d: split '%s' is none of train, validation, test", csv->path, csv->lines[row], text);
}

/* ---- pairs ---- */

bool sg_folder_find(char *out, size_t size, const char *folder, const char *kind, const char *name)
{
    const int count = strcmp(kind, "labels") == 0 ? LABEL_EXTENSIONS : EXTENSIONS;
    for (int i = 0; i < count; i++) {
        (void)snprintf(out, size, "%s/%s/%s%s", folder, kind, name, extensions[i]);
        if (sg_file_exists(out)) return true;
    }
    return false;
}

static sg_status add_pair(sg_dataset *dataset, const char *folder, const char *name, sg_split split)
{
    char image[2 * SG_DATASET_PATH_MAX], label[2 * SG_DATASET_PATH_MAX];
    char parts[SG_DATASET_PATH_MAX]; /* a field in two files */
    (void)snprintf(parts, sizeof parts, "%s_amplitude", name);
    if (!sg_folder_find(image, sizeof image, folder, "images", name) &&
        !(dataset->grid.kind == SG_SAMPLE_FIELD && sg_folder_find(image, sizeof image, folder, "images", parts)))
        SG_FAIL(SG_E_IO, "%s/images: no picture '%s' (.png, .tif, .tiff, .npy or .jpg)", folder, name);
    const bool labelled = sg_folder_find(label, sizeof label, folder, "labels", name);
    if (!labelled && dataset->config.target != SG_TARGET_SAMPLE)
        SG_FAIL(SG_E_IO,
                "%s: no label '%s' (.png, .tif, .tiff or .npy) in %s/labels; dataset.target: sample needs none", image,
                name, folder);
    return sg_dataset_add(dataset, name, image, labelled ? label : NULL, split, NULL);
}

static sg_status list_by_csv(sg_dataset *dataset, const char *folder, const sg_csv *csv)
{
    const int name = sg_csv_column(csv, "name"), split = sg_csv_column(csv, "split");
    if (name < 0 || split < 0) SG_FAIL(SG_E_FORMAT, "%s: the header needs the columns name and split", csv->path);
    for (int row = 0; row < csv->rows; row++) {
        sg_split s = SG_SPLIT_TRAIN;
        SG_TRY(parse_split(&s, csv, row, split));
        sg_status status = add_pair(dataset, folder, sg_csv_text(csv, row, name), s);
        if (status != SG_OK) status = sg_error_prefix(status, "%s:%d", csv->path, csv->lines[row]);
        SG_TRY(sg_skip(dataset, status, sg_csv_text(csv, row, name)));
    }
    return SG_OK;
}

/* The name without a known extension, or NULL for files that are no pictures (and hidden ones). */
static const char *stem(char *out, size_t size, const char *file)
{
    const char *dot = strrchr(file, '.');
    if (!dot || dot == file || file[0] == '.') return NULL;
    for (int i = 0; i < EXTENSIONS; i++)
        if (strcmp(dot, extensions[i]) == 0) {
            (void)snprintf(out, size, "%.*s", (int)(dot - file), file);
            return out;
        }
    return NULL;
}

/* A field in two files is one picture: "x_amplitude" becomes "x", "x_phase" is none of its own. */
static bool is_picture(const sg_dataset *dataset, char *name)
{
    static const char *const parts[] = {"_phase", "_amplitude"};
    const size_t length = strlen(name);
    for (int i = 0; dataset->grid.kind == SG_SAMPLE_FIELD && i < 2; i++) {
        const size_t part = strlen(parts[i]);
        if (length <= part || strcmp(name + length - part, parts[i]) != 0) continue;
        name[length - part] = 0;
        return i == 1;
    }
    return true;
}

bool sg_folder_name(char *out, size_t size, const sg_dataset *dataset, const char *file)
{
    return stem(out, size, file) && is_picture(dataset, out);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

sg_status sg_folder_each(const char *folder, sg_status (*visit)(void *context, const char *folder, const char *file),
                         void *context)
{
    struct dirent **entries;
    sg_status status = SG_OK;
    const int count = scandir(folder, &entries, not_hidden, by_bytes);
    if (count < 0) SG_FAIL(SG_E_IO, "%s: cannot read the folder: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (status == SG_OK) status = visit(context, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static sg_status visit_image(void *context, const char *images, const char *file)
{
    sg_dataset *dataset = context;
    char name[512], folder[SG_DATASET_PATH_MAX + 32];
    if (!sg_folder_name(name, sizeof name, dataset, file)) return SG_OK;
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(strlen(images) - strlen("/images")), images);
    return sg_skip(dataset, add_pair(dataset, folder, name, sg_split_by_name(&dataset->config, name)), name);
}

static sg_status list_by_hash(sg_dataset *dataset, const char *folder)
{
    char path[SG_DATASET_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/images", folder);
    return sg_folder_each(path, visit_image, dataset);
}

sg_status sg_folder_list(sg_dataset *dataset, const char *folder, const char *splits_csv)
{
    if (!folder[0]) SG_FAIL(SG_E_CONFIG, "dataset.path: a folder with images/ and labels/ is needed");
    if (!sg_folder_exists(folder)) SG_FAIL(SG_E_IO, "%s: no such folder", folder);
    if (splits_csv[0]) {
        sg_csv csv;
        SG_TRY(sg_csv_read(&csv, splits_csv));
        const sg_status status = list_by_csv(dataset, folder, &csv);
        sg_csv_free(&csv);
        SG_TRY(status);
    } else {
        SG_TRY(list_by_hash(dataset, folder));
    }
    if (dataset->count == 0)
        SG_FAIL(SG_E_IO, "%s: no pairs of images/ and labels/ (.png, .tif, .tiff or .npy)", folder);
    return SG_OK;
}

/* ---- reading a pair ---- */

static sg_status check_label(const sg_item *item, int height, int width)
{
    const sg_raster *picture = &item->picture;
    if (height == picture->height && width == picture->width) return SG_OK;
    SG_FAIL(SG_E_SHAPE, "%s: %d x %d pixels, but its image %s has %d x %d", item->label_path, width, height,
            item->image_path, picture->width, picture->height);
}

static sg_status load_any_label(sg_item *item, sg_image_options options)
{
    sg_image label;
    int32_t *labels;
    sg_status status = SG_OK;
    SG_TRY(sg_image_read_as(&label, item->label_path, options));
    SG_TRY_DONE(check_label(item, label.height, label.width));
    SG_TRY_DONE(sg_label_from_image(&labels, &label, item->label_path));
    status = sg_raster_pack_i32(&item->labels, labels, label.height, label.width, item->label_path);
done:
    sg_image_free(&label);
    return status;
}

static sg_status load_label(const sg_dataset *dataset, sg_item *item)
{
    const sg_image_options options = {.raw = true, .take = dataset->config.take};
    sg_raster *labels = &item->labels;
    SG_TRY(sg_raster_read(labels, item->label_path, options));
    if (!labels->data) return load_any_label(item, options);
    SG_TRY(check_label(item, labels->height, labels->width));
    return sg_label_from_raster(labels, item->label_path);
}

sg_status sg_picture_check(const sg_dataset *dataset, int height, int width, const char *path)
{
    const int inside = dataset->grid.sample_px - 2 * dataset->grid.margin_px;
    if (height < inside || width < inside)
        SG_FAIL(SG_E_SHAPE,
                "%s: %d x %d pixels are smaller than the sample of %d x %d (sample.size_px without its margin)", path,
                width, height, inside, inside);
    return SG_OK;
}

sg_status sg_picture_keep(const sg_dataset *dataset, sg_item *item, sg_image *image, const char *path)
{
    const sg_status status = sg_picture_bin(image, dataset->config.bin, path);
    if (status != SG_OK) {
        sg_image_free(image);
        return status;
    }
    SG_TRY(sg_raster_pack_f32(&item->picture, image->data, image->pages, image->height, image->width, path));
    return sg_picture_check(dataset, item->picture.height, item->picture.width, path);
}

/* Whole numbers that percentiles scale go from the file to memory as they are; item->picture.data NULL: this picture
 * does not. */
static sg_status load_whole(const sg_dataset *dataset, sg_item *item, int channels, sg_image_options options)
{
    sg_raster *picture = &item->picture;
    const sg_sample_kind kind = dataset->grid.kind;
    if (kind == SG_SAMPLE_COLOUR || kind == SG_SAMPLE_FIELD || dataset->config.bin > 1) return SG_OK;
    SG_TRY(sg_raster_read(picture, item->image_path, options));
    if (!picture->data) return SG_OK;
    if (picture->pages == channels) {
        SG_TRY(sg_raster_scales(item->scale, picture, item->image_path));
        return sg_raster_pack(picture, sg_raster_most(picture), item->image_path);
    }
    sg_raster_free(picture);
    return SG_OK;
}

sg_status sg_picture_load(const sg_dataset *dataset, sg_item *item)
{
    sg_image picture;
    const sg_dataset_grid *grid = &dataset->grid;
    const int channels = sg_dataset_channels(dataset);
    const sg_image_options options = sg_dataset_options(&dataset->config, grid->picture_um);
    SG_TRY(SG_ALLOC(&item->scale, (size_t)channels, item->image_path));
    SG_TRY(load_whole(dataset, item, channels, options));
    if (item->picture.data)
        return sg_picture_check(dataset, item->picture.height, item->picture.width, item->image_path);
    SG_TRY(sg_sample_read_raw(&picture, item->scale, item->image_path, grid->kind, channels, grid->rising, options));
    return sg_picture_keep(dataset, item, &picture, item->image_path);
}

sg_status sg_folder_load(const sg_dataset *dataset, sg_item *item)
{
    SG_TRY(sg_picture_load(dataset, item));
    return item->label_path ? load_label(dataset, item) : SG_OK;
}
