/* mat.h - MATLAB files (level 5, compressed or not) through libmatio. mat.c is the only file that includes it. */
#ifndef SG_DATASETS_MAT_H
#define SG_DATASETS_MAT_H

#include "core/status.h"
#include "datasets/image.h"

/* A real numeric array (rows, columns, planes), column-major in the file, becomes pages = planes, height = rows, width
 * = columns; a matrix is one page. NULL takes the file's only numeric array that is not a vector. An absent name is
 * SG_E_FORMAT, with the file's variables listed. NaN and Inf are refused by sg_image_check_finite, which the caller
 * calls. */
sg_status sg_mat_read_array(sg_image *out, const char *path, const char *variable);
/* The same; if options.or_complex, a complex array is welcome, too: pages are then pairs of real and imaginary
 * parts. */
sg_status sg_mat_read_array_as(sg_image *out, const char *path, const char *variable, sg_image_options options);
/* A 1 x 1 real numeric variable. */
sg_status sg_mat_read_scalar(double *out, const char *path, const char *variable);

#endif
