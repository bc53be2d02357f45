/* run_results.h - what a finished run leaves in results.h5; the schema is docs/results.md. */
#ifndef SG_PIPELINE_RUN_RESULTS_H
#define SG_PIPELINE_RUN_RESULTS_H

#include "pipeline/evaluate.h"
#include "pipeline/log.h"

typedef struct sg_run_summary {
    const sg_config *config;
    const char *config_text;
    sg_model *model;           /* the best one */
    const sg_program *program; /* SG_PROGRAM_EVALUATE on that model */
    const sg_dataset *dataset;
    const sg_log *log; /* NULL: no curves */
    int64_t best_step;
    uint64_t config_hash; /* of what was asked for, before the classes were found and camera.range_e: auto; 0: of
                           * config */
} sg_run_summary;

/* Evaluates the test split and writes scores, curves, learned hardware and example pictures to `path`. scores: the
 * caller's now (sg_scores_free); may be NULL. */
sg_status sg_run_results_save(const sg_run_summary *run, sg_split split, const char *path, sg_scores *scores);

#endif
