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
/* The attribute of a run in all.h5 that tells from which results.h5 it comes. */
#define SG_RESULTS_SEAL_NAME "results_hash"
enum { SG_RESULTS_TAIL = 16, SG_RESULTS_PATH_MAX = 256, SG_RESULTS_NAME = 32 };

struct sg_results {
    hid_t file; /* or a group: paths begin there */
    hid_t group_plist, link_plist;
    struct sg_file_draft *draft; /* NULL: the file grows in memory */
};

struct sg_results_file {
    hid_t file;
    char path[1024];
};

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
/* Writes `count` records of a compound type, which memory and file share, as the table says. */
sg_status sg_hdf5_records(sg_results *results, const char *path, int count, hid_t type, const void *data);
/* One dataset, whole: as it stands in a file. */
typedef struct sg_hdf5_block {
    int rank;
    hsize_t dims[SG_RESULTS_RANK];
    size_t count; /* elements */
    hid_t type;   /* of an element, in the file and in `data` */
    void *data;
} sg_hdf5_block;
sg_status sg_hdf5_block_write(sg_results *results, const char *path, const sg_hdf5_block *block);
/* FNV-1a 64 of data that goes on from `hash`; the first part begins with SG_RESULTS_HASH. */
#define SG_RESULTS_HASH 0xcbf29ce484222325u
uint64_t sg_results_hash(uint64_t hash, const void *data, size_t size);
/* What closes a file of this hash: the magic word and the hash. */
void sg_results_tail(unsigned char out[SG_RESULTS_TAIL], uint64_t hash);
/* The hash of the first `len` bytes, read in blocks. */
sg_status sg_results_hash_file(uint64_t *out, int descriptor, uint64_t len, const char *path);
/* Sets up a file access as every file here has it. */
hid_t sg_hdf5_access(bool in_memory);
/* How data go between memory and file; H5Pclose it. */
hid_t sg_hdf5_transfer(void);
/* How an object is made: without the time. */
hid_t sg_hdf5_timeless(hid_t class_id);

#endif
