/* image_apart.h - a picture read by a process of its own, for libraries that a damaged file can crash (HDF5 1.10 ends with
 * a segmentation fault on about one in a thousand). Not installed. */
#ifndef SG_DATASETS_IMAGE_APART_H
#define SG_DATASETS_IMAGE_APART_H

#include "datasets/image.h"

typedef sg_status sg_image_reader(sg_image *out, const char *path, sg_image_options options);

/* What `read` gives, also its error and text. SG_E_FORMAT: it crashed, or computed for ten minutes. The process is a
 * fork of this one: `read` must use neither threads nor locks that other threads may hold. */
sg_status sg_image_read_apart(sg_image *out, sg_image_reader *read, const char *path, sg_image_options options);

#endif
