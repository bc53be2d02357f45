/* results.h - results as HDF5, the one module that touches it. What stands where is the table of schema.h, whose
 * functions the writers of the program use; these here write anything.
 * A file is built in memory (core driver, no backing store) and its bytes go through sg_file_write, so an older file is
 * never damaged; nothing from the clock enters it, so equal contents are equal bytes. After the HDF5 file come 16
 * bytes, "sgres-1\n" and the FNV-1a 64 hash of everything before them (HDF5 readers ignore what follows the end of file
 * that the superblock names): the reader checks it first, because the HDF5 library itself can crash on a damaged file.
 * HDF5 here is the serial library: call from one thread at a time. Paths are absolute, "/learned/led_weight"; groups
 * above a name are made as needed. Errors name file and path: SG_E_STATE (name taken), SG_E_RANGE, SG_E_MEMORY,
 * SG_E_IO, SG_E_FORMAT. */
#ifndef SG_PIPELINE_RESULTS_H
#define SG_PIPELINE_RESULTS_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SG_RESULTS_RANK = 5, SG_RESULTS_VERSION = 2 };

typedef enum sg_results_type {
    SG_RESULTS_F32,  /* float */
    SG_RESULTS_F64,  /* double */
    SG_RESULTS_I32,  /* int32_t */
    SG_RESULTS_U8,   /* uint8_t */
    SG_RESULTS_U16,  /* uint16_t */
    SG_RESULTS_U64,  /* uint64_t */
    SG_RESULTS_TEXT, /* UTF-8; not for arrays of numbers */
} sg_results_type;

/* ---- writing ---- */
typedef struct sg_results sg_results;

/* An empty file in memory with the root attributes schema "scopegrad-results", schema_version, program_version. */
sg_status sg_results_new(sg_results **out);
void sg_results_free(sg_results *results);

/* data: dims[0] x ... x dims[rank-1] numbers, the last fastest; rank 0..SG_RESULTS_RANK, every dim >= 1; copied. unit:
 * "rad", "um", "electron", "1"; axes: one letter a dimension (docs/results.md). Arrays above 4 KiB are chunked, shuffled
 * and deflated. */
sg_status sg_results_array(sg_results *results, const char *path, sg_results_type type, int rank, const int *dims,
                           const void *data, const char *unit, const char *long_name, const char *axes);
sg_status sg_results_scalar(sg_results *results, const char *path, double value, const char *unit,
                            const char *long_name);
/* UTF-8. */
sg_status sg_results_text(sg_results *results, const char *path, const char *text, const char *long_name);
sg_status sg_results_texts(sg_results *results, const char *path, const char *const *texts, int count,
                           const char *long_name);
/* Attributes of what stands at `path` ("/" is the file; a group that does not exist is made). */
sg_status sg_results_attribute_text(sg_results *results, const char *path, const char *name, const char *value);
sg_status sg_results_attribute_number(sg_results *results, const char *path, const char *name, double value);

/* The bytes of the finished file (sg_free), also without saving; further additions are allowed. */
sg_status sg_results_image(const sg_results *results, void **out, size_t *size);
sg_status sg_results_save(const sg_results *results, const char *path);

/* For files that may be larger than the memory: the same, but the file grows on the disk, out of sight, and becomes
 * `path` when it is kept. Keeping frees; sg_results_free instead leaves no trace. No sg_results_image or _save. */
sg_status sg_results_draft(sg_results **out, const char *path);
sg_status sg_results_keep(sg_results *results, const char *path);

/* ---- reading ---- */
typedef struct sg_results_file sg_results_file;

/* SG_E_IO if it cannot be read; SG_E_FORMAT if it is truncated, damaged, of another program or of a newer schema. */
sg_status sg_results_open(sg_results_file **out, const char *path);
void sg_results_close(sg_results_file *file);

/* The hash that closes a file, without reading the rest: equal if the files are. SG_E_IO, SG_E_FORMAT. */
sg_status sg_results_seal(uint64_t *out, const char *path);

bool sg_results_has(const sg_results_file *file, const char *path);
/* *out = the numbers as double or float (converted; sg_free), dims[0 .. *rank-1]; a scalar has rank 0 and one number.
 */
sg_status sg_results_read_f64(const sg_results_file *file, const char *path, double **out, int *rank,
                              int dims[SG_RESULTS_RANK]);
sg_status sg_results_read_f32(const sg_results_file *file, const char *path, float **out, int *rank,
                              int dims[SG_RESULTS_RANK]);
sg_status sg_results_read_scalar(const sg_results_file *file, const char *path, double *out);
/* *out = the text (sg_free); of several, one a line. */
sg_status sg_results_read_text(const sg_results_file *file, const char *path, char **out);
sg_status sg_results_read_attribute_text(const sg_results_file *file, const char *path, const char *name, char **out);
sg_status sg_results_read_attribute_number(const sg_results_file *file, const char *path, const char *name,
                                           double *out);
/* Shows every dataset of one or two doubles, in alphabetical order of the paths. */
typedef sg_status (*sg_results_scalar_visitor)(void *context, const char *path, const double *value, int count);
sg_status sg_results_scalars(const sg_results_file *from, sg_results_scalar_visitor visit, void *context);
/* Copies what stands in the group from_path into the group to_path, which exists, and shows its scalars on the way.
 * Errors of writing and of the visitor only: `from` is a whole file. */
sg_status sg_results_copy(sg_results *to, const char *to_path, const sg_results_file *from, const char *from_path,
                          sg_results_scalar_visitor visit, void *context);
/* *out = the names inside a group in alphabetical order, one a line (sg_free). */
sg_status sg_results_children(const sg_results_file *file, const char *path, char **out);

#endif
