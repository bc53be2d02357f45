/* safetensors.h - named float tensors in one file that PyTorch reads (github.com/huggingface/safetensors, README):
 * 8 bytes header length (little endian), a JSON header padded with blanks to 8 bytes, then the numbers without gaps.
 * Only dtype F32 is read and written. A file is believed only after every byte of its header was checked: lengths,
 * shapes, offsets, overlaps, gaps, names given twice. */
#ifndef SG_PIPELINE_SAFETENSORS_H
#define SG_PIPELINE_SAFETENSORS_H

#include "core/model.h"
#include "core/status.h"

#include <stddef.h>

enum { SG_TENSOR_NAME_MAX = 128, SG_TENSOR_RANK_MAX = 8 };

typedef struct sg_tensor {
    char name[SG_TENSOR_NAME_MAX];
    int rank;
    int dims[SG_TENSOR_RANK_MAX];
    size_t len;        /* product of dims, at least 1 */
    const float *data; /* (len), 4-byte aligned */
} sg_tensor;

/* One entry of __metadata__; texts. */
typedef struct sg_tensor_note {
    const char *key, *value;
} sg_tensor_note;

/* *out = the bytes of a file, tensors and notes in the order given: the same input gives the same bytes. Free with
 * sg_free. */
sg_status sg_safetensors_encode(void **out, size_t *size, const sg_tensor *tensors, int count,
                                const sg_tensor_note *notes, int note_count);

typedef struct sg_safetensors sg_safetensors;

/* Checks bytes[0..size-1] and copies what it needs. `name` opens the error texts (SG_E_FORMAT). */
sg_status sg_safetensors_decode(sg_safetensors **out, const void *bytes, size_t size, const char *name);
/* The same for a file (SG_E_IO if it cannot be read). */
sg_status sg_safetensors_read(sg_safetensors **out, const char *path);
void sg_safetensors_free(sg_safetensors *file);

/* In the order of their data. Pointers live as long as the file. */
int sg_safetensors_count(const sg_safetensors *file);
const sg_tensor *sg_safetensors_at(const sg_safetensors *file, int index);
/* NULL if there is none of this name. */
const sg_tensor *sg_safetensors_find(const sg_safetensors *file, const char *name);
/* Text of a note; NULL if there is none. */
const char *sg_safetensors_note(const sg_safetensors *file, const char *key);

/* ---- weights: the values of all parameters and running statistics of a model, under their names, with the resolved
 * config as the note "config" (NULL: without). weights.c ---- */
sg_status sg_weights_write(const sg_model *model, const char *path, const char *config_text);
/* The model must hold its parameters already (a plan was made). SG_E_FORMAT names the first tensor that is missing, has
 * another shape, is not finite or is not in the model; the model is then as it was. */
sg_status sg_weights_read(sg_model *model, const char *path);
/* The same for where training starts (train.weights; "": nothing is read): the file must hold the whole network
 * and may hold hardware; hardware that it lacks stays as it is. */
sg_status sg_weights_start(sg_model *model, const char *path);
/* The note "config" of a weights file; free with sg_free. SG_E_FORMAT if there is none. */
sg_status sg_weights_config(char **out, const char *path);

#endif
