/* winograd_text.h - what the kernels compiled for each instruction set (winograd_text.c) offer to winograd.c (inside
 * nn/ only). A panel is the channels of one vector, `lanes` numbers. Transformed tiles lie as (36, panels, tiles,
 * lanes), transformed weights as (36, pairs of panels of results, channels of the source, 2 x lanes). */
#ifndef SG_NN_WINOGRAD_TEXT_H
#define SG_NN_WINOGRAD_TEXT_H

#include "nn/winograd.h"

enum { SG_WINO_POINTS = 36, SG_WINO_TAPS = 9, SG_WINO_PAIR = 2 };

/* A blocked value, seen as rows x columns tiles of 4 x 4 pixels in each image. */
typedef struct sg_wino_view {
    char *values;
    sg_type type;
    int block, h, w, rows, columns;
    size_t image_step;
} sg_wino_view;

static inline int sg_wino_ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Where part `index` of `cuts` equal parts begins. */
static inline int sg_wino_cut(int count, int cuts, int index)
{
    return (int)((int64_t)count * index / cuts);
}

static inline sg_wino_view sg_wino_view_of(int h, int w, const sg_conv_side *side, const void *values)
{
    return (sg_wino_view){.values = (char *)(uintptr_t)values,
                          .type = side->form.type,
                          .block = (int)side->form.layout,
                          .h = h,
                          .w = w,
                          .rows = sg_wino_ceil_div(h, 4),
                          .columns = sg_wino_ceil_div(w, 4),
                          .image_step = side->form.image_step};
}

/* Some tiles and panels, and how their transform lies, in numbers. */
typedef struct sg_wino_span {
    int tile, tiles, panel, panels;
    size_t point_step, panel_step;
} sg_wino_span;

/* Pixels that will be transformed soon, of one or two values, and how far they have been asked for. */
typedef struct sg_wino_ahead {
    const sg_wino_view *view[2];
    sg_wino_span span[2];
    int side, panel, tile, row;
} sg_wino_ahead;

/* What happens to results: act([dst +] bias + sum), winograd.h. */
typedef struct sg_wino_finish {
    sg_wino_view mask;
    const float *bias; /* or NULL */
    float slope;
    bool add, relu, masked;
} sg_wino_finish;

/* Transformed weights of `panels` panels of results: numbers from one point to the next; steps of the plain weights. */
typedef struct sg_wino_filter {
    const float *weights;
    size_t src_step, dst_step, point_step;
    bool rotated;
    int channels, panels;
} sg_wino_filter;

typedef struct sg_wino_text {
    int lanes, pack; /* channels of a panel, tiles of a vector */
    void (*input)(float *out, const sg_wino_view *v, const sg_wino_span *s);
    /* Panel `panel` of the results, source channels begin .. end - 1. */
    void (*filter)(float *out, const sg_wino_filter *f, int panel, int begin, int end);
    /* out = in x filter, for f->panels panels beginning with `panel`. */
    void (*multiply)(float *out, const sg_wino_span *results, const float *in, const sg_wino_span *source,
                     const float *filter, const sg_wino_filter *f, int panel);
    void (*output)(const sg_wino_view *v, const float *in, const sg_wino_span *s, const sg_wino_finish *f);
} sg_wino_text;

SG_HIDDEN extern const sg_wino_text sg_wino_text_plain_8, sg_wino_text_avx2_8, sg_wino_text_avx512_8,
    sg_wino_text_avx512_16;

#endif
