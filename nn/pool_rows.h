/* pool_rows.h - 2 x 2 max pooling of planes of plain float memory (inside nn/ only): squares do not lie side by side
 * there, so vectors are made by shuffling. The text is compiled for each instruction set (nn/simd_text.h). */
#ifndef SG_NN_POOL_ROWS_H
#define SG_NN_POOL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* x: 2 h rows, x_row numbers apart; y and which: h rows of w. As nn/max_pool.c: the first of equals, NaN wins. */
void sg_pool_rows(float *y, uint8_t *which, const float *x, size_t x_row, size_t h, size_t w);
/* dx = [dx +] dy where `which` says, else 0; then, if slope is not NULL, dx *= x > 0 ? 1 : *slope. */
void sg_pool_rows_grad(float *dx, const float *x, size_t x_row, const float *dy, const uint8_t *which, size_t h,
                       size_t w, bool add, const float *slope);

#endif
