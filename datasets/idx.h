/* idx.h - arrays in idx files, the format of the MNIST digits (Y. LeCun, "The MNIST database", section FILE FORMATS):
 *   bytes 0, 0, type, rank; rank sizes of 4 bytes; the numbers, the last index fastest; everything big-endian.
 *   type 08 uint8, 09 int8, 0b int16, 0c int32, 0d float32, 0e float64 */
#ifndef SG_DATASETS_IDX_H
#define SG_DATASETS_IDX_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { SG_IDX_RANK_MAX = 4 };

typedef struct sg_idx {
    int rank, bits;
    bool is_float;
    int size[SG_IDX_RANK_MAX]; /* those beyond rank are 1 */
    size_t len;                /* their product */
    unsigned char *bytes;      /* the file */
    int type;
} sg_idx;

/* SG_E_FORMAT names the file: no idx file (a packed one is told apart), a size below 1, a rank above 4, or another
 * number of bytes than the sizes ask for. *out is zero on error. */
sg_status sg_idx_read(sg_idx *out, const char *path);
void sg_idx_free(sg_idx *idx);
/* out (len) = the numbers first .. first + len - 1 <= idx->len as floats; int32 and float64 are rounded. */
void sg_idx_values(float *out, const sg_idx *idx, size_t first, size_t len);

#endif
