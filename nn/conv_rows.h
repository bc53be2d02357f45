/* conv_rows.h - fast rows of conv2d, and what they share (inside nn/ only). */
#ifndef SG_NN_CONV_ROWS_H
#define SG_NN_CONV_ROWS_H

#include "core/op.h"

SG_HIDDEN extern const sg_fast sg_conv2d_winograd;
#ifdef SG_HAVE_ONEDNN
SG_HIDDEN extern const sg_fast sg_conv2d_onednn;
#define SG_ROW_ONEDNN &sg_conv2d_onednn
#else
#define SG_ROW_ONEDNN NULL
#endif

/* Backward of the activation fused into the node, in place: dout *= out > 0 ? 1 : slope. Nothing to do if there is none,
 * or if the op after has undone it already (node->premasked). */
SG_HIDDEN void sg_undo_relu(const sg_run *run);

#endif
