/* pool_rows.c - calls the text of nn/pool_rows_text.c that is compiled for this machine. */
#include "nn/pool_rows.h"

#include "nn/simd_text.h"

SG_TEXTS(sg_pool_rows, (float *y, uint8_t *which, const float *x, size_t x_row, size_t h, size_t w),
         (y, which, x, x_row, h, w))
SG_TEXTS(sg_pool_rows_grad,
         (float *dx, const float *x, size_t x_row, const float *dy, const uint8_t *which, size_t h, size_t w, bool add,
          const float *slope),
         (dx, x, x_row, dy, which, h, w, add, slope))
