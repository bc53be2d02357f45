/* classifier.h - networks that give a picture one of some classes: LeNet-5 (LeCun et al., Proc. IEEE 1998) as it is
 * trained today, and a small residual network (He et al., CVPR 2016). */
#ifndef SG_NN_CLASSIFIER_H
#define SG_NN_CLASSIFIER_H

#include "core/graph.h"
#include "nn/layers.h"
#include "nn/loss.h"

typedef enum sg_classifier_kind { SG_CLASSIFIER_LENET5, SG_CLASSIFIER_RESNET } sg_classifier_kind;

typedef struct sg_classifier_config {
    sg_classifier_kind kind;
    int classes;    /* 2..SG_CLASSES_MAX */
    int width;      /* resnet: channels of the first stage, 1..256 */
    int depth;      /* resnet: stages, 1..6 */
    sg_norm norm;   /* resnet */
    double dropout; /* 0 <= p < 1, of what the last layer reads */
} sg_classifier_config;

/* x (n, c, h, w) -> logits (n, classes, 1, 1).
 *   lenet5  conv 5x5 to 6 (same size), ReLU, max pool, conv 5x5 to 16 (valid), ReLU, max pool, dense 120, ReLU, dense 84,
 *           ReLU, dense; h, w >= 16. Parameters classifier.{conv1,conv2,dense1,dense2,dense3}.{weight,bias}.
 *   resnet  stem: conv 3x3 to `width`, norm, ReLU; `depth` stages of two basic blocks with width, 2 width, 4 width, ...
 *           channels and a max pool between them; mean over the picture; dense; h, w >= 2^(depth-1). Parameters
 *           classifier.stem.weight, .stem_norm.weight, ..., classifier.stage<s>.block<b>.{conv1,norm1,conv2,norm2},
 *           .{join,join_norm} where the channels change, classifier.head. */
sg_value sg_classifier(sg_graph *g, sg_value x, const sg_classifier_config *config);

#endif
