/* evaluate.h - a trained program over one split: mean loss and metrics, and every picture shown to a visitor. */
#ifndef SG_PIPELINE_EVALUATE_H
#define SG_PIPELINE_EVALUATE_H

#include "datasets/dataset.h"
#include "pipeline/program.h"

typedef struct sg_scores {
    double loss;                    /* mean over batches, weighted by pictures */
    double dice, ap50;              /* mean over pictures; NaN for loss.kind mse */
    double dice_pooled;             /* over all pixels of the split */
    double mse;                     /* mean over pictures; NaN for dice_bce */
    double electrons[SG_FRAME_MAX]; /* mean detected electrons per pixel, from the ADU, per exposure */
} sg_scores;

/* One picture of the split; pointers are valid during the call only. */
typedef struct sg_view {
    int index;
    const float *sample;      /* (N, N) or (K, C, C) */
    const float *adu;         /* (E, c, c) */
    const float *channels;    /* (channels, c, c) */
    const float *prediction;  /* (c, c) probability (dice_bce) or value (mse) */
    const float *label;       /* (c, c) */
    const int32_t *instances; /* (c, c) */
    double dice, ap50, mse;
} sg_view;
typedef sg_status (*sg_visitor)(void *context, const sg_view *view);

/* program: SG_PROGRAM_EVALUATE. Noise: seed train.seed, epoch 0, so every call gives the same bits. visit may be
 * NULL. */
sg_status sg_evaluate(sg_scores *out, const sg_program *program, const sg_config *config, const sg_dataset *dataset,
                      sg_split split, sg_visitor visit, void *context);

/* What makes a model the best one: larger is better (Dice; -mse). */
double sg_scores_rank(const sg_scores *scores, const sg_config *config);

/* camera.range_e: auto (0 in the config). If it is, puts a first guess in its place, so that graphs can be built, and
 * returns true: the caller then tunes. pipeline/range.c */
bool sg_range_resolve(sg_config *config);

/* Picks the range with the least mean squared read-out error |e' - e|^2, e' = (adu - offset) gain,
 * over at most 16 validation pictures under the model's present light, and puts it into camera.adc.range_e. Candidates:
 * 2 to 2^23 electrons (what the key allows), a factor 2^(1/3) apart; even thresholds move with it. tune_range false:
 * leaves the range. Thresholds that start at quantiles go there either way. SG_E_CONFIG: no validation picture. */
sg_status sg_range_tune(sg_model *model, const sg_config *config, const sg_dataset *dataset, bool tune_range);

#endif
