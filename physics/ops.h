/* ops.h - the rows of the op table that physics/ owns, one line each. */
#ifndef SG_PHYSICS_OPS_H
#define SG_PHYSICS_OPS_H

#include "core/ops.h"

#define SG_PHYSICS_OPS(X)

SG_PHYSICS_OPS(SG_OP_DECLARE)

#endif
