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
 * B(k, j) at b[k b_row + j], or at b[b_at[k] + j] if b_at is not NULL: rows may overlap; C(i, j) at c[i c_row + j];
 * n a multiple of 16, at most 64. C overlaps neither A nor B. */
typedef struct sg_gemm {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_column, k_panel, a_panel;
    const float *b;
    size_t b_row;
    const size_t *b_at;
    float *c;
    size_t c_row;
    bool add;
} sg_gemm;

void sg_gemm_run(const sg_gemm *g);

/* C(i, j) += sum over images, then over k < len, of A(i, k) B(j, k): A(i, k) of an image at a[i a_row + k], B(j, k) at
 * b[b_at[j] + k], C(i, j) at c[i c_row + j]; len a multiple of 16. Both lie along k: lanes are summed at the end, always
 * in the same order. */
typedef struct sg_gemm_dots {
    size_t m, n, len, images;
    const float *a;
    size_t a_row, a_image; /* from one image to the next */
    const float *b;
    const size_t *b_at;
    size_t b_image;
    float *c;
    size_t c_row;
} sg_gemm_dots;

void sg_gemm_dots_run(const sg_gemm_dots *g);

#endif
