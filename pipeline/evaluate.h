/* evaluate.h - a trained program over one split: its scores, and every picture shown to a visitor. */
#ifndef SG_PIPELINE_EVALUATE_H
#define SG_PIPELINE_EVALUATE_H

#include "datasets/dataset.h"
#include "pipeline/program.h"
#include "pipeline/task.h"

typedef sg_status (*sg_visitor)(void *context, const sg_view *view);

/* program: SG_PROGRAM_EVALUATE. Noise: seed train.seed, epoch 0, so every call gives the same bits. visit may be NULL.
 * Free *out with sg_scores_free, also after an error. */
sg_status sg_evaluate(sg_scores *out, const sg_program *program, const sg_config *config, const sg_dataset *dataset,
                      sg_split split, sg_visitor visit, void *context);

/* camera.range_e: auto (0 in the config). If it is, puts a first guess in its place, so that graphs can be built, and
 * returns true: the caller then tunes. pipeline/range.c */
bool sg_range_resolve(sg_config *config);

/* Picks the range with the least mean squared read-out error |e' - e|^2, e' = (adu - offset) gain,
 * over at most 16 validation pictures under the model's present light, and puts it into camera.adc.range_e. Candidates:
 * 2 to 2^23 electrons (what the key allows), a factor 2^(1/3) apart; even thresholds move with it. tune_range false:
 * leaves the range. Thresholds that start at quantiles go there either way. SG_E_CONFIG: no validation picture. */
sg_status sg_range_tune(sg_model *model, const sg_config *config, const sg_dataset *dataset, bool tune_range);

#endif
