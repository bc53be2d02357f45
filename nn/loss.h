/* loss.h - scalar losses (1,1,1,1), sums in fixed order in double. label: same shape as logits, values in [0,1]; a
 * label < 0 means "do not count this pixel". */
#ifndef SG_NN_LOSS_H
#define SG_NN_LOSS_H

#include "core/graph.h"

/* mean over counted pixels of max(z,0) - z y + log(1 + exp(-|z|)). */
sg_value sg_bce(sg_graph *g, sg_value logits, sg_value label);
/* 1 - (2 sum p y + 1) / (sum p + sum y + 1), p = sigmoid(z), over the whole batch (Milletari et al. 2016). */
sg_value sg_dice(sg_graph *g, sg_value logits, sg_value label);
/* bce_weight bce + dice_weight dice. */
sg_value sg_dice_bce(sg_graph *g, sg_value logits, sg_value label, double bce_weight, double dice_weight);
/* Softmax cross entropy over channels: sum w(y) (log sum_k exp z_k - z_y) / sum w(y) over the pixels whose label is a
 * class, 0 .. c-1; below 0: not counted, beyond: NaN. logits (n, c, h, w), c in 2 .. SG_CLASSES_MAX; label (n, 1, h, w);
 * class_weight (c), >= 0, copied, or NULL: all 1. */
enum { SG_CLASSES_MAX = 64 };
sg_value sg_cross_entropy(sg_graph *g, sg_value logits, sg_value label, const double *class_weight);
/* mean (a - b)^2. */
sg_value sg_mse(sg_graph *g, sg_value a, sg_value b);

#endif
