/* collect_table.h - the scalars of many runs, gathered one by one and written as one compound dataset
 * or as comma separated values. Not installed. */
#ifndef SG_PIPELINE_COLLECT_TABLE_H
#define SG_PIPELINE_COLLECT_TABLE_H

#include "pipeline/results.h"
#include "pipeline/sweep_index.h"
#include "pipeline/text.h"

enum { SG_COLUMN_NAME_MAX = 96 };

typedef struct sg_column {
    char name[SG_COLUMN_NAME_MAX];
    int order; /* columns of the table stand by order, then by name */
} sg_column;

typedef struct sg_entry {
    int run, column;
    double value;
} sg_entry;

typedef struct sg_scalars {
    sg_column *columns;
    sg_entry *entries;
    int column_count, column_room;
    size_t entry_count, entry_room;
} sg_scalars;

/* Adds what stands at a path of a run's results, if it is a column: "/metrics/dice" is the column dice,
 * "/light/dose_ph" light_dose_ph, "/metrics/interval/dice" dice_low and dice_high. */
sg_status sg_scalars_put(sg_scalars *scalars, int run, const char *path, const double *value, int count);
/* The first column, best_step. */
sg_status sg_scalars_add_step(sg_scalars *scalars, int run, double best_step);
void sg_scalars_free(sg_scalars *scalars);

/* Which rows of which index are runs of the file. */
typedef struct sg_table_row {
    const sg_sweep_index *index;
    const sg_sweep_row *row;
    int run; /* as in sg_scalars_add; -1: not collected, no row */
} sg_table_row;
/* Writes /table: id, arm, the swept keys of all indices (numbers where every value is one), seed, the scalars. */
sg_status sg_table_write(sg_results *out, const sg_table_row *rows, int row_count, const sg_scalars *scalars);
/* The same columns and rows as comma separated values (RFC 4180), an empty field for NaN. */
sg_status sg_table_csv(sg_text *out, const sg_table_row *rows, int row_count, const sg_scalars *scalars);

#endif
