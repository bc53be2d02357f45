/* winograd_weights_text.h - what the kernels compiled for each instruction set (winograd_weights_text.c) offer to
 * winograd_weights.c (inside nn/ only). Transforms are done in passes of 12 points each; a pass lies as (12, panels,
 * vectors of tiles, lanes x pack). */
#ifndef SG_NN_WINOGRAD_WEIGHTS_TEXT_H
#define SG_NN_WINOGRAD_WEIGHTS_TEXT_H

#include "nn/winograd_text.h"

enum { SG_WINO_PASSES = 3, SG_WINO_PASS_POINTS = 12 };

typedef struct sg_wino_weights_text {
    int lanes, pack; /* channels of a panel; tiles of a vector */
    /* V = B^T x B of a pass. */
    void (*input)(float *out, const sg_wino_view *v, const sg_wino_span *s, int pass);
    /* D = G dy G^T of a pass; dy counts `slope` times where not mask > 0 (unless NULL; of the form of dy). sum (channels
     * of the span) += dy, in one of the passes, unless NULL. */
    void (*gradient)(float *out, const sg_wino_view *v, const sg_wino_view *mask, float slope, const sg_wino_span *s,
                     int pass, double *sum);
    /* c (x channels, dy channels) += or, if fresh, = sum over tiles of V^T D, of one point. */
    void (*multiply)(float *c, const float *a, const sg_wino_span *x, const float *b, const sg_wino_span *dy,
                     bool fresh, sg_wino_ahead *ahead);
    /* out (panels: panel_step; rows, 9, lanes) = A^T in A, in (36: step; rows, panels, lanes x pack) in the order of passes. */
    void (*output)(float *out, size_t panel_step, const float *in, size_t step, int rows, int panels);
    /* weights (lanes: o_step; rows, 9) = or, with `add`, += the sum of the chunks' (rows, 9, lanes). */
    void (*finish)(float *weights, size_t o_step, const float *sums, size_t chunk_step, int chunks, int rows, bool add);
} sg_wino_weights_text;

SG_HIDDEN extern const sg_wino_weights_text sg_wino_weights_text_plain_8, sg_wino_weights_text_avx2_8,
    sg_wino_weights_text_avx512_8, sg_wino_weights_text_avx512_16;

#endif
