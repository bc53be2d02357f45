/* conv_fast.h - the fast rows of conv2d and conv_transpose, where the library they use is there (inside nn/ only). */
#ifndef SG_NN_CONV_FAST_H
#define SG_NN_CONV_FAST_H

#include "core/op.h"

#ifdef SG_HAVE_ONEDNN
SG_HIDDEN extern const sg_fast sg_conv2d_fast, sg_conv_transpose_fast;
#define SG_CONV2D_FAST         &sg_conv2d_fast
#define SG_CONV_TRANSPOSE_FAST &sg_conv_transpose_fast
#else
#define SG_CONV2D_FAST         NULL
#define SG_CONV_TRANSPOSE_FAST NULL
#endif

#endif
