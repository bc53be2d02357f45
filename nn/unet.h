/* unet.h - U-Net (Ronneberger, Fischer & Brox, MICCAI 2015): `depth` poolings, width 2^i channels, two 3x3 convolutions
 * per level (bias; optional batch norm; ReLU or leaky ReLU), 2x2 max pooling, 2x2 transposed convolutions (or bilinear
 * upsampling + 3x3 convolution), concatenation [skip, upsampled], 1x1 head. */
#ifndef SG_NN_UNET_H
#define SG_NN_UNET_H

#include "core/graph.h"

typedef enum sg_norm { SG_NORM_NONE, SG_NORM_BATCH } sg_norm;
typedef enum sg_upsample { SG_UPSAMPLE_TRANSPOSED, SG_UPSAMPLE_BILINEAR } sg_upsample;

typedef struct sg_unet_config {
    int depth;        /* 1..6 */
    int width;        /* channels of the first level, 1..256 */
    int out_channels; /* of the head */
    sg_norm norm;
    sg_upsample upsample;
    double leaky_slope; /* 0: ReLU */
} sg_unet_config;

/* x (n, c, h, w), h and w divisible by 2^depth -> logits (n, out_channels, h, w). Parameter names:
 * unet.down0.conv1.weight (o, i, 3, 3), .bias (1, o, 1, 1), unet.down0.norm1.{weight,bias,running_mean,running_var},
 * ..., unet.up0.weight (i, o, 2, 2), unet.merge0.conv1.weight, unet.head.weight. Level 0 is the finest; down<depth> is
 * the bottom. */
sg_value sg_unet(sg_graph *g, sg_value x, const sg_unet_config *config);

#endif
