/* conv_fast.h - the fast row of conv2d whose library is there or not (inside nn/ only). */
#ifndef SG_NN_CONV_FAST_H
#define SG_NN_CONV_FAST_H

#include "core/op.h"

#ifdef SG_HAVE_ONEDNN
SG_HIDDEN extern const sg_fast sg_conv2d_fast;
#define SG_CONV2D_FAST &sg_conv2d_fast
#else
#define SG_CONV2D_FAST NULL
#endif

#endif
