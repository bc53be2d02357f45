/* dry_run.h - what a run would need, before anything is written: memory, work, time, files. */
#ifndef SG_PIPELINE_DRY_RUN_H
#define SG_PIPELINE_DRY_RUN_H

#include "pipeline/config.h"

#include <stdio.h>

/* What a run takes, as far as one step tells. */
typedef struct sg_dry_cost {
    double step_s; /* with config.train.threads threads */
    int64_t steps;
} sg_dry_cost;

/* Opens the data, plans the training program and times one step (after one to warm up) on made-up pictures. The same
 * errors as sg_train for a bad config, missing data or a folder that holds a run; writes nothing but to `out`.
 * `cost` may be NULL. */
sg_status sg_dry_run(const sg_config *config, const char *folder, bool resume, FILE *out, sg_dry_cost *cost);

#endif
