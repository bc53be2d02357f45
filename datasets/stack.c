/* stack.c - measured LED stacks: reading, DPC target, windows. */
#include "datasets/stack.h"

#include "core/memory.h"
#include "datasets/csv.h"
#include "datasets/dataset_internal.h"
#include "datasets/image.h"
#include "datasets/mat.h"

#include <math.h>
#include <stdio.h>
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

/* ---- the field ---- */

/* Sum of x and of x^2 over a region of one plane. */
static void region_sums(const float *plane, int width, const sg_region *region, double *sum, double *square)
{
    *sum = *square = 0;
    for (int y = region->y; y < region->y + region->height; y++)
        for (int x = region->x; x < region->x + region->width; x++) {
            const double v = (double)plane[(size_t)y * (size_t)width + (size_t)x];
            *sum += v;
            *square += v * v;
        }
}

static sg_status standardise(const sg_field *field, const char *path)
{
    double sum, square;
    const sg_region *train = &field->region[SG_SPLIT_TRAIN];
    const double count = (double)train->height * train->width;
    const size_t len = (size_t)field->height * (size_t)field->width;
    region_sums(field->target, field->width, train, &sum, &square);
    const double mean = sum / count, variance = square / count - mean * mean;
    if (!(variance > 1e-12)) SG_FAIL(SG_E_NUMERIC, "%s: the DPC picture is constant over the training region", path);
    for (size_t i = 0; i < len; i++) field->target[i] = (float)(((double)field->target[i] - mean) / sqrt(variance));
    return SG_OK;
}

static sg_status scale_bright(const sg_field *field, const double *na_x, const double *na_y, double na,
                              const char *path)
{
    const size_t len = (size_t)field->height * (size_t)field->width;
    double total = 0, pixels = 0;
    for (int k = 0; k < field->planes; k++) {
        double sum, square;
        if (!is_bright(na_x[k], na_y[k], na)) continue;
        region_sums(field->data + (size_t)k * len, field->width, &field->region[SG_SPLIT_TRAIN], &sum, &square);
        total += sum;
        pixels += (double)field->region[SG_SPLIT_TRAIN].height * field->region[SG_SPLIT_TRAIN].width;
    }
    if (!(total > 0)) SG_FAIL(SG_E_NUMERIC, "%s: the bright-field images have no light", path);
    for (size_t i = 0; i < (size_t)field->planes * len; i++)
        field->data[i] = (float)((double)field->data[i] * pixels / total);
    return SG_OK;
}

static void set_regions(sg_field *field)
{
    const int columns = field->width * 3 / 4, rows = field->height * 3 / 4;
    field->region[SG_SPLIT_TRAIN] = (sg_region){0, 0, rows, columns};
    field->region[SG_SPLIT_VALIDATION] = (sg_region){rows, 0, field->height - rows, columns};
    field->region[SG_SPLIT_TEST] = (sg_region){0, columns, field->height, field->width - columns};
}

static sg_status read_field(sg_field *field, const sg_dataset_config *config, int images)
{
    sg_image image;
    SG_TRY(sg_mat_read_array(&image, config->path, config->stack_variable));
    const sg_status status = sg_image_check_finite(&image, config->path);
    if (status != SG_OK) {
        sg_image_free(&image);
        return status;
    }
    *field = (sg_field){.planes = image.pages, .height = image.height, .width = image.width, .data = image.data};
    set_regions(field);
    if (images && images != field->planes)
        SG_FAIL(SG_E_SHAPE, "%s: %d images, but the illumination has %d LEDs", config->path, field->planes, images);
    SG_TRY(SG_ALLOC(&field->target, (size_t)field->height * (size_t)field->width, config->path));
    return SG_OK;
}

static sg_status make_target(const sg_field *field, const sg_dataset_config *config)
{
    double *na_x, *na_y;
    int count;
    sg_status status = SG_OK;
    SG_TRY(sg_stack_leds(&na_x, &na_y, &count, config->stack_leds_csv));
    if (count != field->planes)
        SG_FAIL_DONE(SG_E_SHAPE, "%s: %d LEDs, but %s has %d images", config->stack_leds_csv, count, config->path,
                     field->planes);
    SG_TRY_DONE(sg_stack_dpc(field->target, field->data, count, (size_t)field->height * (size_t)field->width, na_x,
                             na_y, config->stack_na));
    SG_TRY_DONE(standardise(field, config->path));
    SG_TRY_DONE(scale_bright(field, na_x, na_y, config->stack_na, config->path));
done:
    sg_free(na_x);
    sg_free(na_y);
    return status;
}

/* ---- the windows ---- */

static sg_status list_windows(sg_dataset *dataset, sg_split split)
{
    const sg_region *region = &dataset->field.region[split];
    const int px = dataset->grid.sample_px,
              stride = dataset->config.stack_stride_px ? dataset->config.stack_stride_px : px;
    if (region->height < px || region->width < px)
        SG_FAIL(SG_E_SHAPE, "%s: windows of %d x %d pixels do not fit into a split of %d x %d (a quarter of the field)",
                dataset->config.path, px, px, region->width, region->height);
    for (int y = region->y; y + px <= region->y + region->height; y += stride)
        for (int x = region->x; x + px <= region->x + region->width; x += stride) {
            char name[48];
            sg_item *item;
            (void)snprintf(name, sizeof name, "y%04d_x%04d", y, x);
            SG_TRY(sg_dataset_add(dataset, name, NULL, NULL, split, &item));
            item->y = y;
            item->x = x;
        }
    return SG_OK;
}

sg_status sg_stack_list(sg_dataset *dataset)
{
    const sg_dataset_config *config = &dataset->config;
    const sg_dataset_grid *grid = &dataset->grid;
    if (config->stack_stride_px < 0 || config->stack_stride_px > 1 << 20)
        SG_FAIL(SG_E_RANGE, "dataset.stack_stride_px: %d is outside 0..2^20", config->stack_stride_px);
    if (!(config->stack_na > 0)) SG_FAIL(SG_E_RANGE, "dataset.stack_na: %g is not positive", config->stack_na);
    if (grid->label_px != grid->sample_px - 2 * grid->margin_px)
        SG_FAIL(SG_E_SHAPE, "dataset: the camera grid of a stack is its own: %d - 2 x %d pixels, not %d",
                grid->sample_px, grid->margin_px, grid->label_px);
    SG_TRY(read_field(&dataset->field, config, grid->stack_images));
    SG_TRY(make_target(&dataset->field, config));
    for (int split = 0; split < 3; split++) SG_TRY(list_windows(dataset, (sg_split)split));
    return SG_OK;
}
