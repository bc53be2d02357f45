/* ops.h - the rows of the op table that nn/ owns, one line each, and their builders. x is (n, c, h, w). Every builder
 * returns an invalid value after an error (core/graph.h) and owns nothing. Losses: nn/loss.h. */
#ifndef SG_NN_OPS_H
#define SG_NN_OPS_H

#include "core/ops.h"

#define SG_NN_OPS(X)                                                                                                   \
    X(conv2d)                                                                                                          \
    X(conv_transpose)                                                                                                  \
    X(batch_norm)                                                                                                      \
    X(relu)                                                                                                            \
    X(max_pool)                                                                                                        \
    X(upsample_bilinear)                                                                                               \
    X(dense)                                                                                                           \
    X(average_pool)                                                                                                    \
    X(dropout)                                                                                                         \
    X(cross_entropy)                                                                                                   \
    X(mirror_pad)                                                                                                      \
    X(crop)                                                                                                            \
    X(bce)                                                                                                             \
    X(dice)                                                                                                            \
    X(mse)

SG_NN_OPS(SG_OP_DECLARE)

/* y(n,o,y,x) = bias(o) + sum_{i,ky,kx} weight(o,i,ky,kx) x(n,i,y+ky-p,x+kx-p), p = (k-1)/2, zero outside: a correlation
 * of stride 1 and the same size. weight (o, i, k, k), k odd, 1..15; bias (1, o, 1, 1) or SG_NONE. */
sg_value sg_conv2d(sg_graph *g, sg_value x, sg_value weight, sg_value bias);
/* The same with p = 0, only where the kernel lies in the picture: y is (n, o, h - k + 1, w - k + 1). */
sg_value sg_conv2d_valid(sg_graph *g, sg_value x, sg_value weight, sg_value bias);
/* y(n,o,2y+ky,2x+kx) = bias(o) + sum_i x(n,i,y,x) weight(i,o,ky,kx). weight (i, o, 2, 2); bias (1, o, 1, 1) or SG_NONE.
 * y is (n, o, 2h, 2w). */
sg_value sg_conv_transpose(sg_graph *g, sg_value x, sg_value weight, sg_value bias);
/* y = (x - mean) / sqrt(var + 1e-5) weight + bias per channel (Ioffe & Szegedy 2015). In training mean and (biased) var
 * are the batch's, and sg_plan_commit moves the running ones by .1 towards the batch's (var unbiased); otherwise they
 * are the running ones. The four parameters are (1, c, 1, 1); running_mean and running_var have spec.state. */
sg_value sg_batch_norm(sg_graph *g, sg_value x, sg_value weight, sg_value bias, sg_value running_mean,
                       sg_value running_var);
/* y = x > 0 ? x : slope x, 0 <= slope < 1. */
sg_value sg_relu(sg_graph *g, sg_value x, double slope);
/* Largest of each 2 x 2 square (the first of equals; NaN wins): (n, c, h/2, w/2) rounded down; h, w >= 2. */
sg_value sg_max_pool(sg_graph *g, sg_value x);
/* Bilinear, twice the size, pixel centres kept (PyTorch: align_corners=False), edges repeated: (n, c, 2h, 2w). */
sg_value sg_upsample_bilinear(sg_graph *g, sg_value x);
/* y(n,o) = bias(o) + sum weight(o,c,h,w) x(n,c,h,w), (n, o, 1, 1): PyTorch's flatten(1) and Linear, whose weight is this
 * one with the last three dimensions as one. weight (o, c, h, w); bias (1, o, 1, 1) or SG_NONE. */
sg_value sg_dense(sg_graph *g, sg_value x, sg_value weight, sg_value bias);
/* Mean of each k x k square, stride k: (n, c, h/k, w/k) rounded down; k 0: of the whole picture, (n, c, 1, 1). */
sg_value sg_average_pool(sg_graph *g, sg_value x, int k);
/* Training: x / (1 - p) with probability 1 - p, else 0; evaluation: x. 0 <= p < 1. `key`, 0..15, tells the dropouts of
 * one network apart: equal keys leave out the same elements (Srivastava et al. 2014). */
sg_value sg_dropout(sg_graph *g, sg_value x, double p, int key);
/* Mirrored rows below and columns to the right, up to (n, c, h, w): y(i,j) = x(sg_mirror(i, x.h), sg_mirror(j, x.w)).
 * h and w from the size of x up to twice that. */
sg_value sg_mirror_pad(sg_graph *g, sg_value x, int h, int w);
/* Where row i of a mirrored picture comes from; 0 <= i < 2 size. The edge is repeated: 0 1 2 2 1 0. */
static inline int sg_mirror(int i, int size)
{
    return i < size ? i : 2 * size - 1 - i;
}
/* y = x[:, :, 0 .. h - 1, 0 .. w - 1], (n, c, h, w). */
sg_value sg_crop(sg_graph *g, sg_value x, int h, int w);

#endif
