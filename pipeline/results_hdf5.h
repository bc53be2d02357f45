/* results_hdf5.h - what the writer and the reader of results share. Not installed: no other file touches HDF5. */
#ifndef SG_PIPELINE_RESULTS_HDF5_H
#define SG_PIPELINE_RESULTS_HDF5_H

#include "pipeline/results.h"

#include <hdf5.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SG_RESULTS_SCHEMA "scopegrad-results"
#define SG_RESULTS_MAGIC  "sgres-1\n"
enum { SG_RESULTS_TAIL = 16, SG_RESULTS_PATH_MAX = 256, SG_RESULTS_NAME = 32 };

/* Before any HDF5 call: no exit handler, no stack dumps. */
void sg_hdf5_begin(void);
/* A name that no other file in memory has. */
void sg_hdf5_name(char out[SG_RESULTS_NAME]);
/* A variable-length UTF-8 string; H5Tclose it. */
hid_t sg_hdf5_text_type(void);
bool sg_hdf5_exists(hid_t file, const char *path);
/* Attaches the dimension scales that the table of schema.h names to the dataset `path` ("/curve/lr") below `base`, a
 * file or a group. */
sg_status sg_hdf5_scales(hid_t base, const char *path);
hid_t sg_results_hid(const sg_results *results);
/* FNV-1a 64. */
uint64_t sg_results_hash(const void *data, size_t size);
/* Writes magic and hash of image[0 .. len-1] behind it (SG_RESULTS_TAIL bytes). */
void sg_results_tail(unsigned char *image, size_t len);

#endif
