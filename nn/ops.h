/* ops.h - the rows of the op table that nn/ owns, one line each. */
#ifndef SG_NN_OPS_H
#define SG_NN_OPS_H

#include "core/ops.h"

#define SG_NN_OPS(X)

SG_NN_OPS(SG_OP_DECLARE)

#endif
