/* train.h - one run: trains light, lens, camera and network together and fills a run folder (ARCHITECTURE section 5):
 *   config.yaml command.txt plan.txt log.csv timing.csv last.ckpt best.ckpt weights.safetensors results.h5 report.html DONE
 * The same config gives the same bytes of log.csv, checkpoints, weights and results.h5, for any number of threads and
 * after any number of interruptions. */
#ifndef SG_PIPELINE_TRAIN_H
#define SG_PIPELINE_TRAIN_H

#include "pipeline/config.h"
#include "pipeline/ranks.h"

typedef struct sg_train_options {
    bool resume;         /* go on from last.ckpt; a folder without one starts from the beginning */
    bool quiet;          /* no progress on stderr */
    bool verbose;        /* print the passes of the plan to stdout */
    bool report;         /* make report.html at the end */
    const char *command; /* for command.txt; NULL: not written */
    const char *profile; /* file for a trace of the first steps (trace.h), by rank 0; NULL: none */
    int profile_steps;   /* how many */
    sg_ranks *ranks;     /* processes that share the batches; NULL: this one alone */
} sg_train_options;

/* SG_E_USAGE if the folder holds a run and resume is off; SG_E_CONFIG if it holds a run of another configuration;
 * SG_E_INTERRUPTED after a signal, with last.ckpt written; the errors of sg_trace_open. Under several ranks every rank calls it, rank 0 writes the
 * folder, and all return the same status (pipeline/ranks.h). */
sg_status sg_train(const sg_config *config, const char *folder, const sg_train_options *options);

#endif
