/* split.c - which picture is for training, validation and test: by a table, by hash of the name, or by folds. */
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- tables asked by name ---- */

typedef struct by_name {
    const sg_csv *csv;
    int column;
} by_name;

static int compare_rows(const void *a, const void *b, void *context)
{
    const by_name *t = context;
    return strcmp(sg_csv_text(t->csv, *(const int *)a, t->column), sg_csv_text(t->csv, *(const int *)b, t->column));
}

static const char *name_of(const sg_name_table *table, int i)
{
    return sg_csv_text(&table->csv, table->order[i], table->column);
}

static sg_status sort_names(sg_name_table *table)
{
    const sg_csv *csv = &table->csv;
    by_name context = {csv, table->column};
    SG_TRY(SG_ALLOC(&table->order, (size_t)csv->rows, csv->path));
    SG_TRY(SG_ALLOC(&table->asked, (size_t)csv->rows, csv->path));
    for (int i = 0; i < csv->rows; i++) table->order[i] = i;
    if (csv->rows) qsort_r(table->order, (size_t)csv->rows, sizeof *table->order, compare_rows, &context);
    for (int i = 1; i < csv->rows; i++)
        if (strcmp(name_of(table, i - 1), name_of(table, i)) == 0)
            SG_FAIL(SG_E_FORMAT, "%s:%d: the name '%.200s' stands there twice", csv->path, csv->lines[table->order[i]],
                    name_of(table, i));
    return SG_OK;
}

sg_status sg_name_table_column(int *out, const sg_name_table *table, const char *column, const char *key)
{
    *out = sg_csv_column(&table->csv, column);
    if (*out >= 0) return SG_OK;
    char names[256] = "";
    for (int i = 0; i < table->csv.columns; i++) {
        const size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", table->csv.cells[i]);
    }
    SG_FAIL(SG_E_FORMAT, "%s: no column '%.64s' (%s); there are: %s", table->csv.path, column, key, names);
}

sg_status sg_name_table_open(sg_name_table *out, const char *path, const char *column, const char *key)
{
    *out = (sg_name_table){0};
    SG_TRY(sg_csv_read(&out->csv, path));
    sg_status status = sg_name_table_column(&out->column, out, column, key);
    if (status == SG_OK) status = sort_names(out);
    if (status != SG_OK) sg_name_table_close(out);
    return status;
}

void sg_name_table_close(sg_name_table *table)
{
    sg_csv_free(&table->csv);
    sg_free(table->order);
    sg_free(table->asked);
    *table = (sg_name_table){0};
}

int sg_name_table_find(sg_name_table *table, const char *name)
{
    for (int low = 0, high = table->csv.rows; low < high;) {
        const int middle = low + (high - low) / 2, side = strcmp(name, name_of(table, middle));
        if (side == 0) {
            table->asked[table->order[middle]] = true;
            return table->order[middle];
        }
        if (side < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

sg_status sg_name_table_done(const sg_name_table *table)
{
    const sg_csv *csv = &table->csv;
    int row = 0;
    while (row < csv->rows && table->asked[row]) row++;
    if (row == csv->rows) return SG_OK;
    const char *name = sg_csv_text(csv, row, table->column);
    SG_FAIL(SG_E_FORMAT, "%s:%d: there is no picture '%.200s'%s", csv->path, csv->lines[row], name,
            sg_image_known(name) ? "; names stand there without their endings" : "");
}

/* ---- by name ---- */

/* A number that only the name decides: a picture that is added moves no other. */
sg_split sg_split_by_name(const sg_dataset_config *config, const char *name)
{
    const sg_rng rng = sg_rng_make(sg_rng_hash(name), SG_RNG_SHUFFLE, 0, 0, 0);
    const double u = sg_rng_uniform(&rng, 0, 0);
    if (config->test_only) return SG_SPLIT_TEST;
    if (config->folds == 0) return u < .7 ? SG_SPLIT_TRAIN : u < .85 ? SG_SPLIT_VALIDATION : SG_SPLIT_TEST;
    const int fold = (int)(u * config->folds), after_test = (fold - (config->fold - 1) + config->folds) % config->folds;
    return after_test == 0 ? SG_SPLIT_TEST : after_test == 1 ? SG_SPLIT_VALIDATION : SG_SPLIT_TRAIN;
}

/* ---- by table, or by name ---- */

sg_status sg_splits_open(sg_splits *out, const sg_dataset_config *config)
{
    const char *name = config->name_column[0] ? config->name_column : "name";
    const char *split = config->split_column[0] ? config->split_column : "split";
    *out = (sg_splits){.listed = config->splits[0] != 0};
    if (!out->listed) return SG_OK;
    SG_TRY(sg_name_table_open(&out->table, config->splits, name, "dataset.name_column"));
    const sg_status status = sg_name_table_column(&out->column, &out->table, split, "dataset.split_column");
    if (status != SG_OK) sg_splits_close(out);
    return status;
}

sg_status sg_splits_done(const sg_splits *splits)
{
    return splits->listed ? sg_name_table_done(&splits->table) : SG_OK;
}

void sg_splits_close(sg_splits *splits)
{
    sg_name_table_close(&splits->table);
}

sg_status sg_splits_find(sg_split *out, bool *found, sg_splits *splits, const sg_dataset_config *config,
                         const char *name)
{
    *found = true;
    *out = SG_SPLIT_TRAIN;
    if (!splits->listed) {
        *out = sg_split_by_name(config, name);
        return SG_OK;
    }
    const int row = sg_name_table_find(&splits->table, name);
    *found = row >= 0;
    if (!*found) return SG_OK;
    const char *text = sg_csv_text(&splits->table.csv, row, splits->column);
    if (sg_split_find(out, strcmp(text, "val") == 0 ? "validation" : text)) return SG_OK;
    SG_FAIL(SG_E_FORMAT, "%s:%d: split '%.64s' is none of train, validation (or val), test", splits->table.csv.path,
            splits->table.csv.lines[row], text);
}
