/* conv_pixel.h - the fast rows of convolutions that are a matrix times each pixel's vector (inside nn/ only). */
#ifndef SG_NN_CONV_PIXEL_H
#define SG_NN_CONV_PIXEL_H

#include "core/op.h"

/* conv_transpose; conv2d of 1 x 1, or of 3 x 3 on 1 to 4 channels. */
SG_HIDDEN extern const sg_fast sg_conv_pixel_fast;
/* conv2d of 1 x 1 with 1 to 4 output channels; before the other. */
SG_HIDDEN extern const sg_fast sg_conv_head_fast;

#endif
