/* sweep_index.h - which runs a sweep is made of: DIR/runs.csv, and the title and reference arm of DIR/sweep.yaml.
 *     id,arm,illumination.dose_ph,seed
 *     5b1f0c9a72e4d813,center,200,1
 * One row a combination, in running order; written before any run starts, the same bytes every time. A run is in
 * DIR/runs/<id>. The id is the hash of the run's config (sg_config_hash), so that combinations which come to the same
 * config share one id and one run. */
#ifndef SG_PIPELINE_SWEEP_INDEX_H
#define SG_PIPELINE_SWEEP_INDEX_H

#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { SG_ARM_NAME_MAX = 48, SG_VALUE_MAX = 256, SG_SWEEP_ROW_MAX = 100000, SG_SWEEP_KEY_MAX = 16 };

typedef struct sg_sweep_row {
    const char *id;           /* 16 hexadecimal digits */
    const char *arm;          /* letters, digits, _ and -; "default" in a sweep without arms */
    const char *const *value; /* (key_count) as in the sweep file: "200", "[1, 2]", "{learn: true, lr: 0.1}" */
    uint64_t seed;
} sg_sweep_row;

typedef struct sg_sweep_index {
    char title[SG_VALUE_MAX];        /* "": none */
    char reference[SG_ARM_NAME_MAX]; /* the arm that others are compared with; the first one if none is named */
    int key_count, row_count;
    const char **keys;  /* (key_count) the swept keys: "illumination.dose_ph" */
    sg_sweep_row *rows; /* (row_count) */
    char *text;         /* what the rows point into, and */
    const char **cells; /* (1 + row_count, 3 + key_count) its fields */
} sg_sweep_index;

/* True if `folder` holds a sweep: it has a runs.csv. */
bool sg_sweep_is(const char *folder);
/* Reads the index of a sweep folder. Free with sg_sweep_index_free, also after an error. SG_E_USAGE: not a sweep
 * folder; SG_E_FORMAT: runs.csv is damaged, with its line. */
sg_status sg_sweep_index_read(sg_sweep_index *out, const char *folder);
/* *text = bytes of a runs.csv, which now belong to *out; title and reference stay as they are. `name` opens the error
 * texts. */
sg_status sg_sweep_index_parse(sg_sweep_index *out, char *text, const char *name);
void sg_sweep_index_free(sg_sweep_index *index);
/* *runs = for each run its first row, in running order; *count of them. Free with sg_free. */
sg_status sg_sweep_index_runs(int **runs, int *count, const sg_sweep_index *index);

#endif
