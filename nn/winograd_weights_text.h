/* winograd_weights_text.h - what the kernels compiled for each instruction set offer to winograd_weights.c (inside nn/
 * only). */
#ifndef SG_NN_WINOGRAD_WEIGHTS_TEXT_H
#define SG_NN_WINOGRAD_WEIGHTS_TEXT_H

#include "core/op.h"

#define SG_WINO_A .625f
#define SG_WINO_B 1.5f

/* A blocked value, seen as rows x columns tiles of 4 x 4 pixels in each image. */
typedef struct sg_wino_view {
    const void *values, *mask; /* mask: NULL, or the same form: values where mask > 0, slope * values elsewhere */
    sg_type type;
    int block, h, w, rows, columns;
    size_t image_step;
    float slope;
} sg_wino_view;

/* Part of a view, and how its transform lies: number k of 12 at k step, panel p at p panel_step, then (tiles, lanes). */
typedef struct sg_wino_span {
    int tile, tiles, panel, panels;
    size_t step, panel_step;
} sg_wino_span;

typedef struct sg_wino_weights_text {
    int lanes;
    /* V = B^T x B and D = G dy G^T of a pass; sum (channels) += dy, in pass 1, unless NULL. */
    void (*input)(float *out, const sg_wino_view *v, const sg_wino_span *s, int pass);
    void (*gradient)(float *out, const sg_wino_view *v, const sg_wino_span *s, int pass, double *sum);
    /* c (a channels, c_step) += sum over tiles of a x b. */
    void (*multiply)(float *c, size_t c_step, const float *a, int a_lanes, int a_panels, size_t a_panel_step,
                     const float *b, int b_panels, size_t b_panel_step, int tiles);
    /* out (panels: panel_step; rows, 9, lanes) = A^T in A, in (36: step; rows, panels, lanes). */
    void (*output)(float *out, size_t panel_step, const float *in, size_t step, int rows, int panels);
    /* weights (lanes: o_step; rows, 9) = or, with `add`, += the sum of the chunks' (rows, 9, lanes). */
    void (*finish)(float *weights, size_t o_step, const float *sums, size_t chunk_step, int chunks, int rows, bool add);
} sg_wino_weights_text;

SG_HIDDEN extern const sg_wino_weights_text sg_wino_weights_text_plain_8, sg_wino_weights_text_avx2_8,
    sg_wino_weights_text_avx512_8, sg_wino_weights_text_avx512_16;

#endif
