/* sweep_cost.h - what the runs of a sweep take, from dry runs of some of them. */
#ifndef SG_PIPELINE_SWEEP_COST_H
#define SG_PIPELINE_SWEEP_COST_H

#include "pipeline/sweep_file.h"

#include <stdio.h>

typedef struct sg_sweep_cost {
    int runs, done;    /* different configs; those that are DONE in the folder */
    int tried;         /* of them, evenly spread over the table, seeds left out */
    double longest_s;  /* training of the longest of them, without set-up and validation */
    double mean_s;     /* of all tried */
    double memory_mib; /* most that this process has held while it tried them */
} sg_sweep_cost;

/* Takes one step of up to 16 configs, with `threads` threads. The errors of sg_dry_run for each of them. */
sg_status sg_sweep_measure(sg_sweep_cost *out, const sg_sweep *sweep, const char *folder, int threads);
/* A few lines for people; `jobs` runs at a time. */
void sg_sweep_cost_print(const sg_sweep_cost *cost, const sg_sweep *sweep, int jobs, int threads, FILE *out);

#endif
