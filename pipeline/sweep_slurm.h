/* sweep_slurm.h - a sweep as a Slurm job array (sbatch(1)): task K of N runs part K/N. Not public. */
#ifndef SG_PIPELINE_SWEEP_SLURM_H
#define SG_PIPELINE_SWEEP_SLURM_H

#include "pipeline/sweep_cost.h"

typedef struct sg_slurm_options {
    int tasks;   /* of the array; 0: one a run, at most 1000 */
    int at_once; /* tasks that may run at a time; 0: as many as fit */
    int cores;   /* of a task */
    const char *account, *partition;
    const char *path;        /* of the sweep file */
    const char *const *sets; /* its assignments */
    int set_count;
    const char *more; /* further options of the sweep: " --retry 2"; "" */
} sg_slurm_options;

/* Writes folder/job.sbatch, memory and time from `cost` with a margin that it states. */
sg_status sg_slurm_write(const char *folder, const sg_sweep_cost *cost, const sg_slurm_options *options);

#endif
