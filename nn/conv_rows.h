/* conv_rows.h - fast rows of conv2d, and what they share (inside nn/ only). */
#ifndef SG_NN_CONV_ROWS_H
#define SG_NN_CONV_ROWS_H

#include "core/op.h"

SG_HIDDEN extern const sg_fast sg_conv2d_winograd;
/* Few channels, or valid. */
SG_HIDDEN extern const sg_fast sg_conv2d_few;
#ifdef SG_HAVE_ONEDNN
SG_HIDDEN extern const sg_fast sg_conv2d_onednn;
#define SG_ROW_ONEDNN &sg_conv2d_onednn
#else
#define SG_ROW_ONEDNN NULL
#endif

/* Rows and columns of zeros around x: (k-1)/2 of the same size, 0 if valid. */
static inline int sg_conv_padding(const sg_node *node)
{
    return (node->shape.h - node->in_shape[0].h + node->in_shape[1].h - 1) / 2;
}

static inline bool sg_conv_same(const sg_node *node)
{
    return node->shape.h == node->in_shape[0].h;
}

/* Backward of the activation fused into the node, in place: dout *= out > 0 ? 1 : slope. Nothing to do if there is none,
 * or if the op after has undone it already (node->premasked). */
SG_HIDDEN void sg_undo_relu(const sg_run *run);

#endif
