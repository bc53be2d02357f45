/* op_table.h - every op of the program, in one table. */
#ifndef SG_PIPELINE_OP_TABLE_H
#define SG_PIPELINE_OP_TABLE_H

#include "core/op.h"

extern const sg_op *const sg_op_table[];
extern const int          sg_op_table_count;

#endif
