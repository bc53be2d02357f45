/* voc.h - boxes around the objects of a picture: annotations of PASCAL VOC (Everingham et al., "The PASCAL Visual Object
 * Classes Challenge 2012 Development Kit", section Annotation), one XML file a picture:
 *   annotation/size/width, height          of the picture, in pixels
 *   annotation/object/name                 the class
 *   annotation/object/bndbox/xmin, ymin, xmax, ymax
 * Everything else in the file is passed over. */
#ifndef SG_DATASETS_VOC_H
#define SG_DATASETS_VOC_H

#include "core/status.h"

enum { SG_VOC_NAME = 64, SG_VOC_BOXES_MAX = 100000 };

typedef struct sg_voc_box {
    char name[SG_VOC_NAME];
    double x_min, y_min, x_max, y_max; /* px, min <= max */
    int line;                          /* in the file, where the object begins */
} sg_voc_box;

typedef struct sg_voc {
    int width, height; /* 0: the file does not say */
    int count;
    sg_voc_box *boxes;
} sg_voc;

/* SG_E_FORMAT names file and line: not XML, a DOCTYPE (so that no entity can be declared, however large, and no other
 * file is ever read), elements nested too deep, an object without a name or without its four numbers, numbers that are
 * none or out of -10^6..10^6, min > max, more than SG_VOC_BOXES_MAX boxes or 16 MiB. *out is zero on error. */
sg_status sg_voc_read(sg_voc *out, const char *path);
void sg_voc_free(sg_voc *voc);

#endif
