/* classes.h - what network, loss and data must have in common, and the classes that a classifier tells apart. */
#ifndef SG_PIPELINE_CLASSES_H
#define SG_PIPELINE_CLASSES_H

#include "pipeline/config.h"

/* SG_E_CONFIG names the two keys that do not fit: a classifier (network.kind lenet5, resnet) goes with loss.kind
 * cross_entropy and with data that have classes, a U-Net with the other losses and with masks or pictures. */
sg_status sg_task_check(const sg_config *config);

/* For loss.kind cross_entropy: dataset.classes becomes the names found in the data where it is empty, found.classes
 * their number, found.class_weight what loss.class_weight asks for, by the training split (without one all are 1). dataset NULL:
 * the names of the config alone. Changes nothing for other losses. SG_E_CONFIG: more classes than SG_CLASSES_MAX; a class
 * without a training picture that must be balanced. */
sg_status sg_classes_resolve(sg_config *config, const sg_dataset *dataset);

#endif
