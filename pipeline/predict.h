/* predict.h - a trained network on measured pictures of any size, tile by tile.
 * A tile sees as far around what it predicts as the network looks (sg_unet_halo, rounded up to a multiple of 2^depth)
 * and begins at a multiple of 2^depth, so that tiles agree with the network on the whole picture, but for rounding.
 * Memory holds the rows under one row of tiles: it grows with the width of the picture and not with its height. */
#ifndef SG_PIPELINE_PREDICT_H
#define SG_PIPELINE_PREDICT_H

#include "pipeline/channel_rows.h"
#include "pipeline/config.h"

typedef struct sg_predict_options {
    int tile_px;    /* 0: up to 2048, as large as SG_PREDICT_MIB allow; rounded up to a multiple of 2^depth */
    int overlap_px; /* what a tile sees around its own part; -1: the receptive field. Rounded up likewise */
    bool silent;    /* no progress on stderr */
} sg_predict_options;

/* About what a tile, its plan and the rows around it may need, unless tile_px says otherwise. */
enum { SG_PREDICT_MIB = 768 };

typedef struct sg_predictor sg_predictor;

/* For pictures of one size. `config` (with norm = SG_NORM_NONE) and `model` (sg_unet_fold) must outlive it.
 * SG_E_SHAPE: the picture is smaller than 2^depth. SG_E_RANGE: a tile smaller than the receptive field, or with nothing
 * left between its overlaps. SG_E_MEMORY. */
sg_status sg_predictor_make(sg_predictor **out, const sg_config *config, sg_model *model, int channels, int height,
                            int width, const sg_predict_options *options);
/* Predicts one picture and appends it to `out`: probabilities for a segmentation, else the values themselves.
 * SG_E_INTERRUPTED after a signal. */
sg_status sg_predictor_run(sg_predictor *p, const sg_channel_rows *in, sg_tiff_writer *out);
void sg_predictor_free(sg_predictor *p);

/* What is written for `len` logits: 1 / (1 + exp(-z)) if the loss is dice_bce, z itself otherwise. */
void sg_predict_values(float *out, const float *logits, size_t len, const sg_loss_config *loss);

#endif
