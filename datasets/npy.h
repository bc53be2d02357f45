/* npy.h - NumPy's .npy files, format versions 1 to 3 (numpy.lib.format). */
#ifndef SG_DATASETS_NPY_H
#define SG_DATASETS_NPY_H

#include "core/status.h"
#include "datasets/image.h"

/* An array of rank 1 to 8, C or Fortran order, either byte order: b1 u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8, and, if
 * options.or_complex, c8 c16 as two pages (real, imaginary part) each. Its axes are options.axes, or by its rank X, YX,
 * QYX. Everything else - other types, a header that is not as NumPy writes it, fewer or more bytes than the shape asks
 * for - is SG_E_FORMAT naming the file and what was found. */
sg_status sg_npy_read(sg_image *out, const char *path, sg_image_options options);

/* (pages, height, width) as <f4, version 1; one page is written with rank 2. Through sg_file_write. */
sg_status sg_npy_write(const char *path, const float *data, int pages, int height, int width);

#endif
