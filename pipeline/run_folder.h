/* run_folder.h - the small files of a run folder and who may write into it. */
#ifndef SG_PIPELINE_RUN_FOLDER_H
#define SG_PIPELINE_RUN_FOLDER_H

#include "datasets/dataset.h"
#include "pipeline/config.h"
#include "pipeline/train.h"

/* What a finished run holds. */
#define SG_RUN_FILES                                                                                                   \
    "config.yaml command.txt log.csv timing.csv last.ckpt best.ckpt weights.safetensors results.h5 report.html DONE"

/* "folder/name"; SG_E_USAGE if it is too long. */
sg_status sg_run_path(char out[SG_PATH_MAX], const char *folder, const char *name);

/* Makes the folder, or checks that it may be used: holds no run, or resume is on and config.yaml is the same. Writes
 * config.yaml and command.txt into a new one. *finished: DONE is there already (resume only). */
sg_status sg_run_claim(bool *finished, const sg_config *config, const char *folder, const sg_train_options *options);
/* Adds "step,seconds" to timing.csv, which is the only file that knows the clock and the host. */
sg_status sg_run_timing(const char *folder, int64_t step, double seconds);
/* Writes DONE. */
sg_status sg_run_done(const char *folder);
/* Reads config.yaml of a run. */
sg_status sg_run_config(sg_config *out, const char *folder);
/* SG_E_CONFIG if a split holds no picture: a run needs all three. */
sg_status sg_run_splits(const sg_dataset *dataset);
/* Opens the dataset of a config on the grid of its microscope; stack_na is the objective's unless given. */
sg_status sg_run_dataset(sg_dataset **out, const sg_config *config);

#endif
