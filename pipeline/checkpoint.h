/* checkpoint.h - all that a training run needs to go on as if it had never stopped: value and both optimiser moments of
 * every parameter, and a few numbers. Random numbers are counter-based, so they need no state. A checkpoint is a
 * safetensors file (value/<name>, moment1/<name>, moment2/<name>) and replaces the older one whole or not at all. */
#ifndef SG_PIPELINE_CHECKPOINT_H
#define SG_PIPELINE_CHECKPOINT_H

#include "core/model.h"
#include "core/status.h"

#include <stdint.h>

typedef struct sg_checkpoint {
    uint64_t config_hash;  /* sg_config_hash */
    uint64_t data_hash[2]; /* sg_dataset_hash of training and validation split; 0: made up */
    uint64_t seed;
    int64_t step;       /* steps done; the model's own count (Adam's t) is stored beside it */
    int64_t best_step;  /* -1: no validation yet */
    double best_metric; /* to the bit; NaN allowed */
    double best_loss;
} sg_checkpoint;

sg_status sg_checkpoint_write(const char *path, const sg_model *model, const sg_checkpoint *state);

/* The model must hold its parameters already. SG_E_FORMAT for a damaged file, another network (names the first tensor
 * that differs and how) or another config_hash than `config_hash` (0: any); the model is then as it was. */
sg_status sg_checkpoint_read(sg_checkpoint *out, sg_model *model, const char *path, uint64_t config_hash);

/* The numbers alone, without a model. */
sg_status sg_checkpoint_peek(sg_checkpoint *out, const char *path);

#endif
