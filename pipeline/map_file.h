/* map_file.h - files of numbers for the microscope (sg_map_reader). Not public. */
#ifndef SG_PIPELINE_MAP_FILE_H
#define SG_PIPELINE_MAP_FILE_H

#include "physics/microscope.h"

/* Any file that sg_image_read knows, with one page, or FILE:PAGE: .npy, .tif, .png, .mat, "file.h5:/array". NaN and
 * Inf are refused with their row and column. */
sg_status sg_map_read(float **out, int *height, int *width, const char *path);

/* All pages (sg_pages_reader) of any such file. */
sg_status sg_pages_read(float **out, int *pages, int *height, int *width, const char *path);

/* A pupil (sg_pupil_reader): any such file, complex numbers of .npy and .mat ("file.mat:name") included. */
sg_status sg_pupil_read(sg_pupil_table *out, const char *path);

#endif
