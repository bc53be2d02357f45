/* log.h - the learning curve of a run, log.csv. One row a logged step; validation columns are empty where none was run.
 * Nothing from the clock stands in it: the same run gives the same bytes. Numbers are written so that they read back to
 * the bit. */
#ifndef SG_PIPELINE_LOG_H
#define SG_PIPELINE_LOG_H

#include "pipeline/task.h"

#include <stdint.h>

typedef struct sg_log_row {
    int64_t step; /* steps done, 1 .. */
    double  train_loss, lr;
    double  validation_loss, validation[SG_METRIC_LOGGED]; /* NaN: not run at this step */
} sg_log_row;

typedef struct sg_log {
    const sg_task *task; /* names the columns of `validation` */
    sg_log_row *rows;
    int         count, capacity;
} sg_log;

/* Reads `path` up to and including `last_step` (0: none of it; a half-written last line is dropped) and writes
 * the file anew, cut. */
sg_status sg_log_open(sg_log *out, const char *path, const sg_task *task, int64_t last_step);
/* Adds a row in memory and at the end of the file. */
sg_status sg_log_append(sg_log *log, const char *path, const sg_log_row *row);
void      sg_log_free(sg_log *log);

#endif
