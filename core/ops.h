/* ops.h - the rows of the op table that core/ owns. physics/ops.h and nn/ops.h hold the others; pipeline/op_table.c
 * joins the three lists into one table for tests, `info` and documentation. */
#ifndef SG_CORE_OPS_H
#define SG_CORE_OPS_H

#include "core/op.h"

#define SG_OP_DECLARE(op) extern const sg_op sg_op_##op;

#define SG_CORE_OPS(X)                                                                                                 \
    X(combine)                                                                                                         \
    X(concat)                                                                                                          \
    X(slice)

SG_CORE_OPS(SG_OP_DECLARE)

/* y = ka a + kb b, equal shapes; b may be SG_NONE (y = ka a). */
sg_value sg_combine(sg_graph *g, sg_value a, double ka, sg_value b, double kb);
/* Channels of a, then of b; equal n, h, w. Real. */
sg_value sg_concat(sg_graph *g, sg_value a, sg_value b);
/* y = x[:, channel .. channel + channels - 1, row .. row + rows - 1, :]: a part of the channels and of the rows, which
 * must lie inside x. Real or complex. */
sg_value sg_slice(sg_graph *g, sg_value x, int channel, int channels, int row, int rows);

#endif
