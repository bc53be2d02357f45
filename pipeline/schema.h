/* schema.h - the ONE table of what stands in the HDF5 files of this program: path, type, axes, unit, long name, when it
 * is there, and its coordinates. Writers look all of it up here (sg_results_put...), so that nothing undocumented is
 * written; docs/results.md is printed from it (`scopegrad info --schema`). A new dataset is one row in schema.c.
 *     "/metrics/roc/<class>/threshold"    <...> stands for one name
 *     "/@seed"                            an attribute of the root */
#ifndef SG_PIPELINE_SCHEMA_H
#define SG_PIPELINE_SCHEMA_H

#include "pipeline/results.h"

#include <stdio.h>

/* Which files have the row. */
typedef enum sg_schema_kind {
    SG_SCHEMA_RUN = 1,            /* results.h5 of train and evaluate */
    SG_SCHEMA_STAGES = 2,         /* simulate -o */
    SG_SCHEMA_RECONSTRUCTION = 4, /* results.h5 of reconstruct */
    SG_SCHEMA_SWEEP = 8,          /* all.h5 of collect */
} sg_schema_kind;

typedef struct sg_schema_row {
    int kinds; /* sg_schema_kind, added */
    const char *path;
    sg_results_type type;
    const char *axes;      /* one letter a dimension (sg_schema_print lists them); "": one number; NULL: the writer's */
    const char *unit;      /* NULL: texts have none; numbers: the writer's */
    const char *long_name; /* NULL: the writer's */
    const char *when;      /* NULL: always */
    const char *scales; /* one word a dimension: the dataset with its coordinates, absolute or beside it; "-": none */
    bool initial;       /* also "<path>_initial": before training; only what learns has it */
} sg_schema_row;

extern const sg_schema_row sg_schema[];
extern const int sg_schema_count;

/* NULL: not in the table. *initial (may be NULL): found as the row's "_initial". */
const sg_schema_row *sg_schema_find(const char *path, bool *initial);
/* The page docs/results.md. schema_print.c */
void sg_schema_print(FILE *out);

/* ---- writing by the table; results_put.c ----
 * Type, rank, unit, long_name and axes are the row's; the scales that already stand in the file with the dimension's
 * length are attached (so coordinates come first). SG_E_STATE: the path is not in the table, or the row is of another
 * kind; the rest as in results.h. */
sg_status sg_results_put(sg_results *results, const char *path, const int *dims, const void *data);
/* One number, or an attribute of the root. */
sg_status sg_results_put_number(sg_results *results, const char *path, double value);
/* The same unless it is NaN, which stands for "this run has none". */
sg_status sg_results_put_known(sg_results *results, const char *path, double value);
sg_status sg_results_put_text(sg_results *results, const char *path, const char *text);
sg_status sg_results_put_texts(sg_results *results, const char *path, const char *const *texts, int count);

/* What the writer says where the row does not. */
typedef struct sg_results_word {
    const char *unit, *long_name, *axes;
} sg_results_word;
/* Rows whose unit or axes are the writer's: rank = strlen(axes). */
sg_status sg_results_put_as(sg_results *results, const char *path, const int *dims, const void *data,
                            sg_results_word word);
/* "/learned/adc_threshold" of "camera.adc.threshold": how a parameter of the hardware is called in a file. */
void sg_schema_learned(char *out, size_t size, const char *parameter);

#endif
