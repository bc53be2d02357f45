/* stack.c - measured LED stacks: fields of view, targets, windows. */
#include "datasets/stack.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/csv.h"
#include "datasets/dataset_internal.h"
#include "datasets/image.h"
#include "datasets/label.h"
#include "datasets/stack_read.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- LEDs ---- */

static sg_status read_columns(double **na_x, double **na_y, int *count, const sg_csv *csv)
{
    static const char *const names[][2] = {{"na_x", "na_y"}, {"kx_over_k0", "ky_over_k0"}};
    int x = -1, y = -1;
    for (int i = 0; i < 2 && (x < 0 || y < 0); i++) {
        x = sg_csv_column(csv, names[i][0]);
        y = sg_csv_column(csv, names[i][1]);
    }
    if (x < 0 || y < 0)
        SG_FAIL(SG_E_FORMAT, "%s: the header needs the columns na_x,na_y or kx_over_k0,ky_over_k0", csv->path);
    SG_TRY(SG_ALLOC(na_x, (size_t)csv->rows, csv->path));
    SG_TRY(SG_ALLOC(na_y, (size_t)csv->rows, csv->path));
    for (int i = 0; i < csv->rows; i++) {
        SG_TRY(sg_csv_number(&(*na_x)[i], csv, i, x));
        SG_TRY(sg_csv_number(&(*na_y)[i], csv, i, y));
    }
    *count = csv->rows;
    return SG_OK;
}

sg_status sg_stack_leds(double **na_x, double **na_y, int *count, const char *csv_path)
{
    sg_csv csv;
    *na_x = *na_y = NULL;
    *count = 0;
    SG_TRY(sg_csv_read(&csv, csv_path));
    const sg_status status = read_columns(na_x, na_y, count, &csv);
    sg_csv_free(&csv);
    if (status != SG_OK) {
        sg_free(*na_x);
        sg_free(*na_y);
        *na_x = *na_y = NULL;
    }
    return status;
}

/* ---- DPC ---- */

static bool is_bright(double na_x, double na_y, double na)
{
    return na_x * na_x + na_y * na_y < na * na;
}

sg_status sg_stack_dpc(float *dpc, const float *images, int leds, size_t len, const double *na_x, const double *na_y,
                       double na)
{
    int left = 0, right = 0;
    for (int k = 0; k < leds; k++)
        if (is_bright(na_x[k], na_y[k], na)) left += na_x[k]<0, right += na_x[k]> 0;
    if (!left || !right)
        SG_FAIL(SG_E_CONFIG, "dataset: a DPC target needs LEDs on both sides inside the NA %g: %d left, %d right", na,
                left, right);
    for (size_t i = 0; i < len; i++) {
        double l = 0, r = 0;
        for (int k = 0; k < leds; k++) {
            if (!is_bright(na_x[k], na_y[k], na)) continue;
            if (na_x[k] < 0) l += (double)images[(size_t)k * len + i];
            if (na_x[k] > 0) r += (double)images[(size_t)k * len + i];
        }
        dpc[i] = l + r > 0 ? (float)((l - r) / (l + r)) : 0.f;
    }
    return SG_OK;
}

/* ---- sums over the training regions ---- */

/* Adds x, x^2 and the number of pixels of a region of one plane. */
static void add_region(double sum[3], const float *plane, int width, const sg_region *region)
{
    for (int y = region->y; y < region->y + region->height; y++)
        for (int x = region->x; x < region->x + region->width; x++) {
            const double v = (double)plane[(size_t)y * (size_t)width + (size_t)x];
            sum[0] += v;
            sum[1] += v * v;
        }
    sum[2] += (double)region->height * region->width;
}

static sg_status standardise(const sg_dataset *dataset)
{
    double sum[3] = {0};
    for (int i = 0; i < dataset->field_count; i++)
        add_region(sum, dataset->fields[i].target, dataset->fields[i].width,
                   &dataset->fields[i].region[SG_SPLIT_TRAIN]);
    const double mean = sum[0] / sum[2], variance = sum[1] / sum[2] - mean * mean;
    if (!(variance > 1e-12))
        SG_FAIL(SG_E_NUMERIC, "%s: the DPC picture is constant over the training region", dataset->config.path);
    for (int i = 0; i < dataset->field_count; i++) {
        const sg_field *field = &dataset->fields[i];
        for (size_t p = 0; p < (size_t)field->height * (size_t)field->width; p++)
            field->target[p] = (float)(((double)field->target[p] - mean) / sqrt(variance));
    }
    return SG_OK;
}

typedef struct led_table {
    double *na_x, *na_y;
    int count;
} led_table;

static sg_status scale_bright(const sg_dataset *dataset, const led_table *leds)
{
    double sum[3] = {0};
    for (int i = 0; i < dataset->field_count; i++)
        for (int k = 0; k < dataset->fields[i].planes; k++) {
            const sg_field *field = &dataset->fields[i];
            const size_t len = (size_t)field->height * (size_t)field->width;
            if (is_bright(leds->na_x[k % leds->count], leds->na_y[k % leds->count], dataset->config.stack_na))
                add_region(sum, field->data + (size_t)k * len, field->width, &field->region[SG_SPLIT_TRAIN]);
        }
    if (!(sum[0] > 0)) SG_FAIL(SG_E_NUMERIC, "%s: the bright-field images have no light", dataset->config.path);
    for (int i = 0; i < dataset->field_count; i++) {
        const sg_field *field = &dataset->fields[i];
        const size_t len = (size_t)field->planes * (size_t)field->height * (size_t)field->width;
        for (size_t p = 0; p < len; p++) field->data[p] = (float)((double)field->data[p] * sum[2] / sum[0]);
    }
    return SG_OK;
}

/* ---- fields of view ---- */

typedef struct references {
    sg_image dark, flat;
} reference_pair;

static sg_status read_references(reference_pair *out, const sg_dataset_config *config)
{
    const sg_image_options options = sg_dataset_options(config, 0); /* their pixels are those of the stack */
    *out = (reference_pair){0};
    if (config->stack_dark[0])
        SG_TRY(sg_stack_read(&out->dark, config->stack_dark, config->stack_variable, config->stack_files, &options));
    if (config->stack_flat[0])
        SG_TRY(sg_stack_read(&out->flat, config->stack_flat, config->stack_variable, config->stack_files, &options));
    return SG_OK;
}

static void split_by_place(sg_field *field)
{
    const int columns = field->width * 3 / 4, rows = field->height * 3 / 4;
    field->region[SG_SPLIT_TRAIN] = (sg_region){0, 0, rows, columns};
    field->region[SG_SPLIT_VALIDATION] = (sg_region){rows, 0, field->height - rows, columns};
    field->region[SG_SPLIT_TEST] = (sg_region){0, columns, field->height, field->width - columns};
}

/* A new field with its corrected pictures, split by place. */
static sg_status add_field(sg_dataset *dataset, const reference_pair *references, const char *path, const char *name)
{
    const sg_dataset_config *config = &dataset->config;
    const int images = dataset->grid.stack_images;
    sg_image_options options = sg_dataset_options(config, dataset->grid.picture_um);
    options.pixel_key = "camera.pixel_um";
    sg_image image;
    sg_field *more;
    SG_TRY(SG_ALLOC(&more, (size_t)dataset->field_count + 1, path));
    if (dataset->field_count) memcpy(more, dataset->fields, (size_t)dataset->field_count * sizeof *more);
    sg_free(dataset->fields);
    dataset->fields = more;
    SG_TRY(sg_stack_read(&image, path, config->stack_variable, config->stack_files, &options));
    sg_field *field = &more[dataset->field_count++];
    *field = (sg_field){.planes = image.pages, .height = image.height, .width = image.width, .data = image.data};
    (void)snprintf(field->name, sizeof field->name, "%s", name);
    split_by_place(field);
    if (images && images != field->planes)
        SG_FAIL(SG_E_SHAPE, "%s: %d images, but the illumination has %d LEDs", path, field->planes, images);
    SG_TRY(
        sg_stack_correct(&image, &references->dark, &references->flat, path, config->stack_dark, config->stack_flat));
    return SG_ALLOC(&field->target, (size_t)field->height * (size_t)field->width, path);
}

static sg_status read_mask(sg_field *field, const char *folder)
{
    char path[2 * SG_DATASET_PATH_MAX];
    sg_image image;
    if (!sg_folder_find(path, sizeof path, folder, "labels", field->name))
        SG_FAIL(SG_E_IO, "%s/labels: no mask '%s' (.png, .tif or .tiff)", folder, field->name);
    SG_TRY(sg_image_read_as(&image, path, (sg_image_options){.raw = true}));
    sg_status status = SG_OK;
    if (image.height != field->height || image.width != field->width)
        SG_FAIL_DONE(SG_E_SHAPE, "%s: %d x %d pixels, but its pictures in images/%s have %d x %d", path, image.width,
                     image.height, field->name, field->width, field->height);
    SG_TRY_DONE(sg_label_from_image(&field->labels, &image, path));
    for (size_t i = 0; i < (size_t)field->height * (size_t)field->width; i++)
        field->target[i] = field->labels[i] > 0 ? 1 : 0;
done:
    sg_image_free(&image);
    return status;
}

/* images/NAME is a folder, or a file of all pages. */
static sg_status add_entry(sg_dataset *dataset, const reference_pair *references, const char *folder, const char *entry)
{
    char path[2 * SG_DATASET_PATH_MAX], name[sizeof((sg_field *)0)->name];
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry);
    const char *dot = strrchr(entry, '.');
    const bool is_folder = sg_folder_exists(path);
    if (entry[0] == '.' || (!is_folder && !sg_image_known(path))) return SG_OK;
    const size_t stem = is_folder || !dot ? strlen(entry) : (size_t)(dot - entry);
    if (stem >= sizeof name) SG_FAIL(SG_E_FORMAT, "%s: the name is longer than %zu letters", path, sizeof name - 1);
    (void)snprintf(name, sizeof name, "%.*s", (int)stem, entry);
    for (int i = 0; i < dataset->field_count; i++)
        if (strcmp(dataset->fields[i].name, name) == 0)
            SG_FAIL(SG_E_FORMAT, "%s: a field of the name '%s' stands there twice", path, name);
    SG_TRY(add_field(dataset, references, path, name));
    return dataset->config.target == SG_TARGET_MASK
               ? read_mask(&dataset->fields[dataset->field_count - 1], dataset->config.path)
               : SG_OK;
}

static sg_status add_entries(sg_dataset *dataset, const reference_pair *references, const char *folder)
{
    struct dirent **entries;
    const int count = scandir(folder, &entries, NULL, alphasort);
    sg_status status = SG_OK;
    if (count < 0) SG_FAIL(SG_E_IO, "%s: cannot read the folder: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (status == SG_OK) status = add_entry(dataset, references, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (status == SG_OK && dataset->field_count == 0)
        SG_FAIL(SG_E_IO, "%s: no field of view: neither a folder of pictures nor a file of several pages", folder);
    return status;
}

static sg_status read_fields(sg_dataset *dataset)
{
    const sg_dataset_config *config = &dataset->config;
    char images[SG_DATASET_PATH_MAX + 16];
    reference_pair references;
    (void)snprintf(images, sizeof images, "%s/images", config->path);
    const bool many = sg_folder_exists(images);
    if (config->target == SG_TARGET_MASK && !sg_folder_exists(config->path))
        SG_FAIL(SG_E_IO, "%s: no such folder (with images/ and labels/)", config->path);
    if (config->target == SG_TARGET_MASK && !many)
        SG_FAIL(SG_E_CONFIG, "dataset.path: masks need a folder with images/ and labels/, %s has no images/",
                config->path);
    sg_status status = read_references(&references, config);
    if (status == SG_OK)
        status = many ? add_entries(dataset, &references, images) : add_field(dataset, &references, config->path, "");
    sg_image_free(&references.dark);
    sg_image_free(&references.flat);
    return status;
}

/* ---- whole fields in splits ---- */

static sg_status assign_rows(const sg_dataset *dataset, const sg_csv *csv)
{
    const int name = sg_csv_column(csv, "name"), split = sg_csv_column(csv, "split");
    if (name < 0 || split < 0) SG_FAIL(SG_E_FORMAT, "%s: the header needs the columns name and split", csv->path);
    for (int i = 0; i < dataset->field_count; i++)
        memset(dataset->fields[i].region, 0, sizeof dataset->fields[i].region);
    for (int row = 0; row < csv->rows; row++) {
        const char *wanted = sg_csv_text(csv, row, name), *to = sg_csv_text(csv, row, split);
        sg_split s;
        sg_field *field = NULL;
        for (int i = 0; i < dataset->field_count; i++)
            if (strcmp(dataset->fields[i].name, wanted) == 0) field = &dataset->fields[i];
        if (!field) SG_FAIL(SG_E_IO, "%s:%d: no field '%s' in images/", csv->path, csv->lines[row], wanted);
        if (!sg_split_find(&s, to))
            SG_FAIL(SG_E_FORMAT, "%s:%d: split '%s' is none of train, validation, test", csv->path, csv->lines[row],
                    to);
        field->region[s] = (sg_region){0, 0, field->height, field->width};
    }
    return SG_OK;
}

static sg_status assign_splits(const sg_dataset *dataset)
{
    sg_csv csv;
    if (!dataset->config.splits[0]) return SG_OK;
    SG_TRY(sg_csv_read(&csv, dataset->config.splits));
    const sg_status status = assign_rows(dataset, &csv);
    sg_csv_free(&csv);
    return status;
}

/* ---- light and target ---- */

/* Planes times colours: each has a picture of every LED. */
static int groups_of(const sg_dataset *dataset)
{
    return dataset->grid.stack_groups > 0 ? dataset->grid.stack_groups : 1;
}

/* Of the table, or those of the illumination. */
static sg_status read_leds(led_table *out, const sg_dataset *dataset)
{
    const sg_dataset_config *config = &dataset->config;
    const double *na = dataset->grid.led_na;
    *out = (led_table){.count = dataset->grid.stack_images / groups_of(dataset)};
    if (config->stack_leds_csv[0]) return sg_stack_leds(&out->na_x, &out->na_y, &out->count, config->stack_leds_csv);
    if (!na) SG_FAIL(SG_E_CONFIG, "dataset.stack_leds_csv: a table with the direction of every LED is needed");
    SG_TRY(SG_ALLOC(&out->na_x, (size_t)out->count, "stack"));
    SG_TRY(SG_ALLOC(&out->na_y, (size_t)out->count, "stack"));
    for (int k = 0; k < out->count; k++) {
        out->na_x[k] = na[2 * k];
        out->na_y[k] = na[2 * k + 1];
    }
    return SG_OK;
}

/* The DPC picture is that of the first colour and focal plane, whose images come first. */
static sg_status make_dpc(const sg_dataset *dataset, const led_table *leds)
{
    for (int i = 0; i < dataset->field_count; i++) {
        const sg_field *field = &dataset->fields[i];
        SG_TRY(sg_stack_dpc(field->target, field->data, leds->count, (size_t)field->height * (size_t)field->width,
                            leds->na_x, leds->na_y, dataset->config.stack_na));
    }
    return standardise(dataset);
}

static sg_status make_targets(const sg_dataset *dataset)
{
    led_table leds;
    sg_status status = read_leds(&leds, dataset);
    for (int i = 0; status == SG_OK && i < dataset->field_count; i++)
        if (leds.count * groups_of(dataset) != dataset->fields[i].planes)
            status = sg_error_set(SG_E_SHAPE, "%s: %d LEDs, but %s has %d images of each colour and focal plane",
                                  dataset->config.stack_leds_csv, leds.count, dataset->config.path,
                                  dataset->fields[i].planes / groups_of(dataset));
    if (status == SG_OK && dataset->config.target == SG_TARGET_DPC) status = make_dpc(dataset, &leds);
    if (status == SG_OK) status = scale_bright(dataset, &leds);
    sg_free(leds.na_x);
    sg_free(leds.na_y);
    return status;
}

/* ---- the windows ---- */

static sg_status list_windows(sg_dataset *dataset, int index, sg_split split)
{
    const sg_field *field = &dataset->fields[index];
    const sg_region *region = &field->region[split];
    const int px = dataset->grid.sample_px,
              stride = dataset->config.stack_stride_px ? dataset->config.stack_stride_px : px;
    if (region->height == 0) return SG_OK;
    if (region->height < px || region->width < px)
        SG_FAIL(SG_E_SHAPE, "%s: windows of %d x %d pixels do not fit into a split of %d x %d (%s)",
                dataset->config.path, px, px, region->width, region->height,
                dataset->config.splits[0] ? "a whole field" : "a quarter of the field");
    for (int y = region->y; y + px <= region->y + region->height; y += stride)
        for (int x = region->x; x + px <= region->x + region->width; x += stride) {
            char name[sizeof field->name + 48];
            sg_item *item;
            (void)snprintf(name, sizeof name, "%s%sy%04d_x%04d", field->name, field->name[0] ? "_" : "", y, x);
            SG_TRY(sg_dataset_add(dataset, name, NULL, NULL, split, &item));
            item->field = index;
            item->y = y;
            item->x = x;
        }
    return SG_OK;
}

static sg_status check_grid(const sg_dataset *dataset)
{
    const sg_dataset_config *config = &dataset->config;
    const sg_dataset_grid *grid = &dataset->grid;
    if (!config->path[0]) SG_FAIL(SG_E_CONFIG, "dataset.path: the file or the folder of a stack is needed");
    if (config->stack_stride_px < 0 || config->stack_stride_px > 1 << 20)
        SG_FAIL(SG_E_RANGE, "dataset.stack_stride_px: %d is outside 0..2^20", config->stack_stride_px);
    if (!(config->stack_na > 0)) SG_FAIL(SG_E_RANGE, "dataset.stack_na: %g is not positive", config->stack_na);
    if (grid->label_px != grid->sample_px - 2 * grid->margin_px)
        SG_FAIL(SG_E_SHAPE, "dataset: the camera grid of a stack is its own: %d - 2 x %d pixels, not %d",
                grid->sample_px, grid->margin_px, grid->label_px);
    return SG_OK;
}

sg_status sg_stack_list(sg_dataset *dataset)
{
    SG_TRY(check_grid(dataset));
    SG_TRY(read_fields(dataset));
    SG_TRY(assign_splits(dataset));
    SG_TRY(make_targets(dataset));
    dataset->grid.led_na = NULL; /* the caller's */
    for (int i = 0; i < dataset->field_count; i++)
        for (int split = 0; split < 3; split++) SG_TRY(list_windows(dataset, i, (sg_split)split));
    return SG_OK;
}
