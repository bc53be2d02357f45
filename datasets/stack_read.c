/* stack_read.c - see stack_read.h. */
#include "datasets/stack_read.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/csv.h"
#include "datasets/mat.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STACK_MAX = 4096, NAME = 256, STACK_PATH = 2048 };

typedef struct led_file {
    int led; /* the number in its name, or in the table */
    char name[NAME];
} led_file;

typedef struct led_files {
    const char *folder;
    led_file *list; /* STACK_MAX */
    int count;
} led_files;

/* ---- which files ---- */

/* The last number in a name without its extension; -1: none. */
static int number_in(const char *name)
{
    const char *end = strrchr(name, '.');
    if (!end) end = name + strlen(name);
    while (end > name && !isdigit((unsigned char)end[-1])) end--;
    const char *begin = end;
    while (begin > name && isdigit((unsigned char)begin[-1])) begin--;
    if (begin == end || end - begin > 9) return -1;
    return (int)strtol(begin, NULL, 10);
}

static sg_status add_file(led_files *files, int led, const char *name)
{
    if (files->count == STACK_MAX)
        SG_FAIL(SG_E_RANGE, "%s: more than %d pictures, one per LED", files->folder, STACK_MAX);
    if (strlen(name) >= NAME) SG_FAIL(SG_E_FORMAT, "%s: the name '%.40s...' is too long", files->folder, name);
    led_file *file = &files->list[files->count++];
    file->led = led;
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    return SG_OK;
}

static sg_status list_opened(led_files *files, DIR *dir)
{
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' || !sg_image_known(entry->d_name)) continue;
        const int led = number_in(entry->d_name);
        if (led < 0)
            SG_FAIL(SG_E_FORMAT, "%s/%s: its name has no number of an LED; dataset.stack_files can name the files",
                    files->folder, entry->d_name);
        SG_TRY(add_file(files, led, entry->d_name));
    }
    return SG_OK;
}

static sg_status list_by_name(led_files *files)
{
    DIR *dir = opendir(files->folder);
    if (!dir) SG_FAIL(SG_E_IO, "%s: cannot read the folder: %s", files->folder, strerror(errno));
    const sg_status status = list_opened(files, dir);
    (void)closedir(dir);
    return status;
}

static sg_status list_rows(led_files *files, const sg_csv *csv)
{
    const int led = sg_csv_column(csv, "led"), file = sg_csv_column(csv, "file");
    if (led < 0 || file < 0) SG_FAIL(SG_E_FORMAT, "%s: the header needs the columns led and file", csv->path);
    for (int row = 0; row < csv->rows; row++) {
        double number;
        SG_TRY(sg_csv_number(&number, csv, row, led));
        if (!(number >= 0 && number < STACK_MAX) || number != (double)(int)number)
            SG_FAIL(SG_E_FORMAT, "%s:%d: LED %g is not one of 0..%d", csv->path, csv->lines[row], number,
                    STACK_MAX - 1);
        SG_TRY(add_file(files, (int)number, sg_csv_text(csv, row, file)));
    }
    return SG_OK;
}

static sg_status list_by_table(led_files *files, const char *path)
{
    sg_csv csv;
    SG_TRY(sg_csv_read(&csv, path));
    const sg_status status = list_rows(files, &csv);
    sg_csv_free(&csv);
    return status;
}

static int compare(const void *a, const void *b)
{
    const led_file *x = a, *y = b;
    return x->led != y->led ? (x->led > y->led) - (x->led < y->led) : strcmp(x->name, y->name);
}

static sg_status check_numbers(const led_files *files, bool table)
{
    const led_file *list = files->list;
    const int first = files->count ? list[0].led : 0, last = files->count ? list[files->count - 1].led : 0;
    if (files->count == 0)
        SG_FAIL(SG_E_IO, "%s: no pictures, one per LED (.tif, .tiff, .png, .npy, .mat)", files->folder);
    if (table && first != 0) SG_FAIL(SG_E_FORMAT, "%s: LED 0 is missing, the first is %d", files->folder, first);
    for (int i = 1; i < files->count; i++) {
        if (list[i].led == list[i - 1].led)
            SG_FAIL(SG_E_FORMAT, "%s: %s and %s are both of LED %d", files->folder, list[i - 1].name, list[i].name,
                    list[i].led);
        if (list[i].led != list[i - 1].led + 1)
            SG_FAIL(SG_E_FORMAT, "%s: the picture of LED %d is missing (%d pictures are numbered %d..%d)",
                    files->folder, list[i - 1].led + 1, files->count, first, last);
    }
    return SG_OK;
}

/* ---- their pictures ---- */

static sg_status put_page(sg_image *out, int page, const sg_image *picture, int pages, const char *path)
{
    if (picture->pages != 1) SG_FAIL(SG_E_FORMAT, "%s: %d pages, the picture of one LED has one", path, picture->pages);
    if (page == 0) {
        SG_TRY(sg_image_make(out, pages, picture->height, picture->width, SIZE_MAX, path));
        out->is_float = picture->is_float;
        out->bits = picture->bits;
    }
    if (picture->height != out->height || picture->width != out->width)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d pixels, the pictures before it have %d x %d", path, picture->width,
                picture->height, out->width, out->height);
    const size_t len = (size_t)out->height * (size_t)out->width;
    memcpy(out->data + (size_t)page * len, picture->data, len * sizeof *out->data);
    return SG_OK;
}

static sg_status read_files(sg_image *out, const led_files *files, const sg_image_options *options)
{
    for (int i = 0; i < files->count; i++) {
        char path[STACK_PATH];
        sg_image picture;
        (void)snprintf(path, sizeof path, "%s/%s", files->folder, files->list[i].name);
        SG_TRY(sg_image_read_as(&picture, path, *options));
        const sg_status status = put_page(out, i, &picture, files->count, path);
        sg_image_free(&picture);
        SG_TRY(status);
    }
    return SG_OK;
}

static sg_status read_folder(sg_image *out, const char *path, const char *files_csv, const sg_image_options *options)
{
    led_files files = {.folder = path};
    const bool table = files_csv[0] != 0;
    sg_status status = SG_OK;
    SG_TRY(SG_ALLOC(&files.list, STACK_MAX, path));
    SG_TRY_DONE(table ? list_by_table(&files, files_csv) : list_by_name(&files));
    if (files.count > 1) qsort(files.list, (size_t)files.count, sizeof *files.list, compare);
    SG_TRY_DONE(check_numbers(&files, table));
    SG_TRY_DONE(read_files(out, &files, options));
done:
    sg_free(files.list);
    return status;
}

static sg_status read_matlab(sg_image *out, const char *path, const char *variable)
{
    SG_TRY(sg_mat_read_array(out, path, variable));
    return sg_image_check_finite(out, path);
}

sg_status sg_stack_read(sg_image *out, const char *path, const char *variable, const char *files_csv,
                        const sg_image_options *options)
{
    const char *dot = strrchr(path, '.');
    *out = (sg_image){0};
    if (!sg_folder_exists(path) && !sg_image_known(path))
        SG_FAIL(SG_E_IO, "%s: no such folder, and no file of pictures (.tif, .npy, .mat, .h5:/array)", path);
    const sg_status status = sg_folder_exists(path)                ? read_folder(out, path, files_csv, options)
                             : dot && strcasecmp(dot, ".mat") == 0 ? read_matlab(out, path, variable)
                                                                   : sg_image_read_as(out, path, *options);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

/* ---- flat field ---- */

static sg_status check_reference(const sg_image *stack, const sg_image *reference, const char *path,
                                 const char *reference_path)
{
    if (!reference->data) return SG_OK;
    if (reference->pages != 1 && reference->pages != stack->pages)
        SG_FAIL(SG_E_SHAPE, "%s: %d pictures, neither 1 nor the %d of %s", reference_path, reference->pages,
                stack->pages, path);
    if (reference->height != stack->height || reference->width != stack->width)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d pixels, but %s has %d x %d", reference_path, reference->width,
                reference->height, path, stack->width, stack->height);
    return SG_OK;
}

/* The page that belongs to LED k; NULL: there is none. */
static const float *page_of(const sg_image *image, int k)
{
    const size_t len = (size_t)image->height * (size_t)image->width;
    return image->data && image->pages > 1 ? image->data + (size_t)k * len : image->data;
}

/* Mean of flat - dark over one page; *bad counts the pixels where it is not above 0. */
static double light_of(const float *flat, const float *dark, size_t len, size_t *bad)
{
    double sum = 0;
    for (size_t i = 0; i < len; i++) {
        const double light = (double)flat[i] - (dark ? (double)dark[i] : 0);
        if (!(light > 0)) (*bad)++;
        sum += light;
    }
    return sum / (double)len;
}

static void correct_page(float *raw, const float *dark, const float *flat, size_t len, double mean)
{
    for (size_t i = 0; i < len; i++) {
        const double base = dark ? (double)dark[i] : 0, light = flat ? (double)flat[i] - base : 1;
        raw[i] = (float)(((double)raw[i] - base) / light * mean);
    }
}

sg_status sg_stack_correct(sg_image *stack, const sg_image *dark, const sg_image *flat, const char *path,
                           const char *dark_path, const char *flat_path)
{
    const size_t len = (size_t)stack->height * (size_t)stack->width;
    SG_TRY(check_reference(stack, dark, path, dark_path));
    SG_TRY(check_reference(stack, flat, path, flat_path));
    for (int k = 0; k < stack->pages; k++) {
        const float *d = page_of(dark, k), *f = page_of(flat, k);
        size_t bad = 0;
        const double mean = f ? light_of(f, d, len, &bad) : 1;
        if (bad > 0)
            SG_FAIL(SG_E_NUMERIC,
                    "%s: %zu of %zu pixels of the flat field of LED %d are not brighter than the dark picture, the "
                    "correction has no value there; one flat picture of a bright-field LED would do for all LEDs",
                    flat_path, bad, len, k);
        correct_page(stack->data + (size_t)k * len, d, f, len, mean);
    }
    return SG_OK;
}
