/* pixel_move.h - numbers of one block of channels at consecutive pixels, on their way between a value in memory and a
 * tile of float in the nearest caches (inside nn/ only). Compiled for each instruction set (nn/simd_text.h). */
#ifndef SG_NN_PIXEL_MOVE_H
#define SG_NN_PIXEL_MOVE_H

#include "core/op.h"

/* `count` pixels of `lanes` numbers: `step` numbers apart in the value, `width` floats in the tile. */
typedef struct sg_pixel_move {
    float *tile;
    void *value; /* the first number; `type` */
    size_t width, step, count;
    sg_type type;
    int lanes;         /* 1, 8 or 16 */
    const void *mask;  /* NULL, or numbers that lie like the value's: multiplies by mask > 0 ? 1 : slope */
    const float *bias; /* store only: NULL, or `lanes` numbers to add */
    float slope, relu; /* relu, store only: numbers that are not above 0 are multiplied by it; 1: as they are */
    bool add;          /* store only: to what is there */
} sg_pixel_move;

/* tile = value [masked] */
void sg_pixel_load(const sg_pixel_move *move);
/* value = [value +] relu(tile + bias) [masked] */
void sg_pixel_store(const sg_pixel_move *move);
/* sums[i] += sum over `rows` of from[r width + i], i < width <= 64 */
void sg_pixel_sum(float *sums, const float *from, size_t rows, size_t width);

/* x at `count` pixels: `blocks` blocks of `lanes` channels, `piece` numbers from block to block. */
typedef struct sg_pixel_row {
    const void *x;
    size_t piece, count;
    sg_type type;
    int blocks, lanes;
} sg_pixel_row;

/* out[p] = sum over channels of weight[c] x(c, p) */
void sg_pixel_dot(float *out, const sg_pixel_row *row, const float *weight);
/* dweight[c] += sum over pixels of dy[p] x(c, p) */
void sg_pixel_weigh(float *dweight, const sg_pixel_row *row, const float *dy);

enum { SG_PIXEL_OUTPUTS = 4 };
/* dy(o, p) at dy[o dy_step + p], weight(o, c) at weight[o weight_step + c], for `count` output channels. */
typedef struct sg_pixel_outputs {
    const float *dy, *weight;
    size_t dy_step, weight_step, count;
} sg_pixel_outputs;

/* dx(c, p), of x's form, = [dx +] sum over o of dy(o, p) weight(o, c), then [times x > 0 ? 1 : *slope] */
void sg_pixel_spread(void *dx, const sg_pixel_row *row, const sg_pixel_outputs *outputs, bool add, const float *slope);

#endif
