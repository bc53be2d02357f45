/* gemm.h - the multiplication of small matrices that convolutions of single pixels are made of (inside nn/ only). The
 * text is compiled for each instruction set (nn/simd_text.h). */
#ifndef SG_NN_GEMM_H
#define SG_NN_GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* Columns of B and C come in whole vectors of the widest machine. */
enum { SG_GEMM_LANES = 16, SG_GEMM_COLUMNS = 64 };

/* C(i, j) = [C(i, j) +] sum_k A(i, k) B(k, j), k in order, summed from 0 and then added.
 * A(i, k) at a[i a_row + (k % k_panel) a_column + (k / k_panel) a_panel]: a matrix in panels of k_panel columns;
 * B(k, j) at b[k b_row + j], C(i, j) at c[i c_row + j]; n a multiple of 16, at most 64. C overlaps neither A nor B. */
typedef struct sg_gemm {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_column, k_panel, a_panel;
    const float *b;
    size_t b_row;
    float *c;
    size_t c_row;
    bool add;
} sg_gemm;

void sg_gemm_run(const sg_gemm *g);

#endif
