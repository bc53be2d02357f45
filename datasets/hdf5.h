/* hdf5.h - arrays in HDF5 files of other programs, named "file.h5:/group/array". hdf5.c is the only file of datasets/
 * that includes the library. */
#ifndef SG_DATASETS_HDF5_H
#define SG_DATASETS_HDF5_H

#include "core/status.h"
#include "datasets/image.h"

/* A numeric array of rank 1 to 8. Its axes are options.axes, or else the text of its attribute `axes`, or by its rank
 * (X, YX, QYX); only what options.take leaves is read. The pixel's size is the attribute pixel_um, or element_size_um
 * (z, y, x). SG_E_FORMAT: no ":/path" behind the name, no such array, not numbers, another rank; SG_E_IO: the file
 * cannot be opened. A process of its own reads (image_apart.h). */
sg_status sg_hdf5_read(sg_image *out, const char *path, sg_image_options options);
/* True for "name.h5:/path", "name.hdf5:/path"; the file alone is no picture. */
bool sg_hdf5_known(const char *path);

#endif
