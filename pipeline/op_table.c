/* op_table.c - joins the lists of the folders. */
#include "pipeline/op_table.h"

#include "core/ops.h"
#include "nn/ops.h"
#include "physics/ops.h"

#define SG_ROW(op) &sg_op_##op,
const sg_op *const sg_op_table[] = {SG_CORE_OPS(SG_ROW) SG_PHYSICS_OPS(SG_ROW) SG_NN_OPS(SG_ROW)};
#undef SG_ROW
const int sg_op_table_count = (int)(sizeof sg_op_table / sizeof sg_op_table[0]);
