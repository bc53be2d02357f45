/* layers.h - ops with parameters of their own: what the networks are made of. `name` is the layer's, the parameters are
 * <name>.weight, <name>.bias, ... Kernels start as normal numbers of standard deviation sqrt(2 / fan_in) (He et al., ICCV
 * 2015), dense weights of sqrt(1 / fan_in) (LeCun et al., Efficient BackProp, 1998: sqrt(2 / fan_in) cost LeNet-5 .8 % of
 * the validation digits), biases as 0. x is (n, c, h, w). */
#ifndef SG_NN_LAYERS_H
#define SG_NN_LAYERS_H

#include "core/graph.h"

typedef enum sg_norm { SG_NORM_NONE, SG_NORM_BATCH } sg_norm;

/* sg_conv2d with weight (out, c, k, k) and bias (1, out, 1, 1): the same size. */
sg_value sg_layer_conv(sg_graph *g, sg_value x, const char *name, int out, int k);
/* sg_conv2d_valid with the same. */
sg_value sg_layer_conv_valid(sg_graph *g, sg_value x, const char *name, int out, int k);
/* sg_conv_transpose with weight (c, out, 2, 2) and bias (1, out, 1, 1): twice the size. */
sg_value sg_layer_conv_transpose(sg_graph *g, sg_value x, const char *name, int out);
/* sg_dense with weight (out, c, h, w) and bias (1, out, 1, 1). */
sg_value sg_layer_dense(sg_graph *g, sg_value x, const char *name, int out);
/* sg_batch_norm with weight 1, bias 0, running_mean 0, running_var 1, (1, c, 1, 1) each; SG_NORM_NONE: x. */
sg_value sg_layer_norm(sg_graph *g, sg_value x, const char *name, sg_norm norm);

#endif
