/* unet.h - U-Net (Ronneberger, Fischer & Brox, MICCAI 2015): `depth` poolings, width 2^i channels, two 3x3 convolutions
 * per level (bias; optional batch norm; ReLU or leaky ReLU), 2x2 max pooling, 2x2 transposed convolutions (or bilinear
 * upsampling + 3x3 convolution), concatenation [skip, upsampled], 1x1 head. */
#ifndef SG_NN_UNET_H
#define SG_NN_UNET_H

#include "core/graph.h"
#include "core/model.h"
#include "nn/layers.h"

typedef enum sg_upsample { SG_UPSAMPLE_TRANSPOSED, SG_UPSAMPLE_BILINEAR } sg_upsample;

typedef struct sg_unet_config {
    int depth;        /* 1..6 */
    int width;        /* channels of the first level, 1..256 */
    int out_channels; /* of the head */
    sg_norm norm;
    sg_upsample upsample;
    double leaky_slope; /* 0: ReLU */
} sg_unet_config;

/* x (n, c, h, w), h and w >= 2^depth -> logits (n, out_channels, h, w). A size that does not divide by 2^depth is
 * mirrored up to one that does (sg_mirror_pad), and the logits are cropped. Parameter names:
 * unet.down0.conv1.weight (o, i, 3, 3), .bias (1, o, 1, 1), unet.down0.norm1.{weight,bias,running_mean,running_var},
 * ..., unet.up0.weight (i, o, 2, 2), unet.merge0.conv1.weight, unet.head.weight. Level 0 is the finest; down<depth> is
 * the bottom. */
sg_value sg_unet(sg_graph *g, sg_value x, const sg_unet_config *config);

/* The size rounded up to a multiple of 2^depth: what the network works on. */
int sg_unet_whole(const sg_unet_config *config, int size);
/* How many pixels around a square with corners at multiples of 2^depth its logits depend on. */
int sg_unet_halo(const sg_unet_config *config);
/* *out = a copy of `model` in which each batch norm of the U-Net is part of the convolution before it (Jacob et al.
 * 2018, section 3.2), for a graph with norm = SG_NORM_NONE that runs and does not train:
 *     weight' = s weight, bias' = s (bias - running_mean) + shift, s = scale / sqrt(running_var + 1e-5)
 * computed in double. Without batch norm simply a copy. Free with sg_model_free. SG_E_STATE: a parameter is missing. */
sg_status sg_unet_fold(sg_model **out, const sg_model *model, const sg_unet_config *config);

#endif
