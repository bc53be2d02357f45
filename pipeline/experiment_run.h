/* experiment_run.h - every arm x value x seed of an experiment as its own process and run folder:
 *     FOLDER/experiment.yaml, FOLDER/runs/<arm>/<key><value>/seed<n>/ (+ seed<n>.yaml, seed<n>.log), report.html
 * A run that is DONE is not run again, one that was cut off goes on from its checkpoint. */
#ifndef SG_PIPELINE_EXPERIMENT_RUN_H
#define SG_PIPELINE_EXPERIMENT_RUN_H

#include "pipeline/config.h"

typedef struct sg_experiment_options {
    int jobs; /* processes at a time; 0: one a core */
    bool quiet;
} sg_experiment_options;

/* SG_E_PARTIAL if some runs failed (each named on stderr); SG_E_INTERRUPTED after a signal; SG_E_CONFIG if the folder
 * holds another experiment. */
sg_status sg_experiment_run(const sg_experiment *experiment, const char *folder, const sg_experiment_options *options);

#endif
