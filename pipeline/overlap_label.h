/* overlap_label.h - labels of overlapped fields of view (camera.overlap_fields): what the network must find is what
 * lies on the sensor, the union of the fields. */
#ifndef SG_PIPELINE_OVERLAP_LABEL_H
#define SG_PIPELINE_OVERLAP_LABEL_H

#include <stdint.h>

/* label, out (batch, side, side), apart: out = the largest of the labels of the fields that sg_overlap adds, its cyclic
 * rows included. fields <= 1: a copy. */
void sg_overlap_label(float *out, const float *label, int batch, int side, int fields);
/* Instances, 0 = background: where the own field has none, that of the first field that has one, under a number of its
 * own. fields <= 1: a copy. */
void sg_overlap_instances(int32_t *out, const int32_t *instances, int batch, int side, int fields);

#endif
