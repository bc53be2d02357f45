/* run_folder.h - the small files of a run folder and who may write into it. */
#ifndef SG_PIPELINE_RUN_FOLDER_H
#define SG_PIPELINE_RUN_FOLDER_H

#include "core/plan.h"
#include "datasets/dataset.h"
#include "pipeline/config.h"
#include "pipeline/train.h"

/* What a finished run holds. */
#define SG_RUN_FILES                                                                                                   \
    "config.yaml command.txt plan.txt log.csv timing.csv last.ckpt best.ckpt weights.safetensors results.h5 "          \
    "report.html figures/ DONE"

/* "folder/name"; SG_E_USAGE if it is too long. */
sg_status sg_run_path(char out[SG_PATH_MAX], const char *folder, const char *name);

/* May the folder be used? It must hold no run, or resume is on and its config.yaml is the same. Writes nothing.
 * *finished: DONE is there already (resume only). SG_E_USAGE: a run without resume; SG_E_CONFIG: of another
 * configuration. */
sg_status sg_run_check(bool *finished, const sg_config *config, const char *folder, const sg_train_options *options);
/* Makes the folder, locks it against other processes and writes command.txt and config.yaml into a new one. *lock goes
 * to sg_run_release; it also ends with the process. SG_E_USAGE: another process trains there; SG_E_IO. */
sg_status sg_run_claim(int *lock, const sg_config *config, const char *folder, const sg_train_options *options);
/* -1: nothing to release. */
void sg_run_release(int lock);
/* Writes plan.txt: which kernels the plan chose, and how it stores values. */
sg_status sg_run_plan(const char *folder, const sg_plan *plan);
/* Adds a line to timing.csv, which is the only file that knows the clock and the host: `seconds` since the first step
 * of this process began, `setup_s` from the start of the process to there. */
sg_status sg_run_timing(const char *folder, int64_t step, double seconds, double setup_s);
/* Writes DONE. */
sg_status sg_run_done(const char *folder);
/* Reads config.yaml of a run. */
sg_status sg_run_config(sg_config *out, const char *folder);
/* SG_E_CONFIG if a split holds no picture: a run needs all three. */
sg_status sg_run_splits(const sg_dataset *dataset);
/* Opens the dataset of a config on the grid of its microscope; stack_na is the objective's unless given. */
sg_status sg_run_dataset(sg_dataset **out, const sg_config *config);

#endif
