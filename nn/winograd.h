/* winograd.h - 3 x 3 convolutions of stride 1 with zero padding 1, by Winograd's algorithm F(4x4, 3x3) in float (Lavin
 * & Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, arXiv:1509.09308): 36 multiplications for a
 * tile of 4 x 4 results, where the direct sum takes 144 (inside nn/ only).
 *
 * Values are in blocks of 8 or 16 channels, float or bf16, each its own way; sums are made in float. The work is cut by
 * shapes alone and each number has one order of summation: same bits for any number of threads. */
#ifndef SG_NN_WINOGRAD_H
#define SG_NN_WINOGRAD_H

#include "core/op.h"

/* One side of a convolution: c channels, a multiple of the block; plain values (SG_NCHW) are not taken. */
typedef struct sg_conv_side {
    int c;
    sg_form form;
} sg_conv_side;

/* dst (n, dst.c, h, w) = act([dst +] bias + src (n, src.c, h, w) * weights), h, w >= 1.
 *   transposed  false: the forward pass, weights (dst.c, src.c, 3, 3)
 *               true: the data gradient, dst = dx, src = dy, with the same weights (src.c, dst.c, 3, 3) of the layer
 *   relu        act(v) = v > 0 ? v : slope v
 *   masked      act(v) = mask > 0 ? v : slope v: undoes an activation whose result `mask` (shape and block of dst) was.
 *               Not together with relu. */
typedef struct sg_winograd {
    int n, h, w;
    sg_conv_side src, dst, mask;
    bool transposed, add, relu, masked;
    float slope;
} sg_winograd;

/* Channels divide by their blocks, blocks are 8 or 16, sizes fit. */
bool sg_winograd_takes(const sg_winograd *p);
/* Bytes of scratch memory for `threads` threads. */
size_t sg_winograd_scratch(const sg_winograd *p, int threads);
/* Opens its own parallel regions. bias (dst.c) and mask may be NULL; `scratch` is aligned to 64 bytes and sized for at
 * least sg_threads() threads. src and dst must not overlap (mask may be dst). */
void sg_winograd_run(const sg_winograd *p, const void *src, const float *weights, const float *bias, const void *mask,
                     void *dst, void *scratch);

/* ---- the gradient of the weights: F(3x3, 4x4) ---- */

/* dweights (dy.c, x.c, 3, 3) = [dweights +] sum over n, h, w of dy(h, w) x(h + kh - 1, w + kw - 1)
 * dbias (dy.c) = [dbias +] sum over n, h, w of dy
 *   masked      dy counts where mask > 0, and slope dy elsewhere; mask has the form of dy. */
typedef struct sg_winograd_weights {
    int n, h, w; /* >= 1 */
    sg_conv_side x, dy;
    bool add, add_bias, masked;
    float slope;
} sg_winograd_weights;

size_t sg_winograd_weights_scratch(const sg_winograd_weights *p, int threads);
/* As sg_winograd_run; mask, dweights and dbias may be NULL. Nothing overlaps. */
void sg_winograd_weights_run(const sg_winograd_weights *p, const void *x, const void *dy, const void *mask,
                             float *dweights, float *dbias, void *scratch);

#endif
