/* class_table.c - the table of dataset.labels: the class of each picture, and which rows count (dataset.where). */
#include "datasets/dataset_internal.h"

#include <string.h>

static const char *or_default(const char *text, const char *otherwise)
{
    return text[0] ? text : otherwise;
}

/* "column=value": where the value starts; NULL: there is no condition. */
static sg_status open_where(sg_class_table *table, const char *where)
{
    char column[256];
    const char *equals = strchr(where, '=');
    if (!where[0]) return SG_OK;
    if (!equals || equals == where) SG_FAIL(SG_E_CONFIG, "dataset.where: '%.64s' is not column=value", where);
    (void)snprintf(column, sizeof column, "%.*s", (int)(equals - where), where);
    table->where_value = equals + 1;
    return sg_name_table_column(&table->where_column, &table->names, column, "dataset.where");
}

sg_status sg_class_table_open(sg_class_table *out, const sg_dataset_config *config)
{
    *out = (sg_class_table){.used = config->labels[0] != 0};
    if (!out->used && config->where[0])
        SG_FAIL(SG_E_CONFIG, "dataset.where: '%.64s' asks a table, dataset.labels names none", config->where);
    if (!out->used) return SG_OK;
    SG_TRY(sg_name_table_open(&out->names, config->labels, or_default(config->name_column, "name"),
                              "dataset.name_column"));
    sg_status status = sg_name_table_column(&out->label_column, &out->names, or_default(config->label_column, "label"),
                                            "dataset.label_column");
    if (status == SG_OK) status = open_where(out, config->where);
    if (status != SG_OK) sg_class_table_close(out);
    return status;
}

void sg_class_table_close(sg_class_table *table)
{
    sg_name_table_close(&table->names);
}

const char *sg_class_table_find(sg_class_table *table, sg_dataset *dataset, const char *name)
{
    const sg_csv *csv = &table->names.csv;
    const int row = sg_name_table_find(&table->names, name);
    const char *label = row < 0 ? "" : sg_csv_text(csv, row, table->label_column);
    const bool wanted =
        row < 0 || !table->where_value || strcmp(sg_csv_text(csv, row, table->where_column), table->where_value) == 0;
    if (wanted && label[0]) return label;
    sg_leave_out(dataset, wanted ? SG_LEFT_LABEL : SG_LEFT_WHERE, name);
    return NULL;
}
