/* loss_infer.h - the shape rule of losses, which compare two equal tensors (inside nn/ only). */
#ifndef SG_NN_LOSS_INFER_H
#define SG_NN_LOSS_INFER_H

#include "core/op.h"

/* Two real inputs of equal shape -> (1, 1, 1, 1). SG_E_SHAPE names both shapes. */
SG_HIDDEN sg_status sg_loss_infer(sg_node *node);

#endif
