/* pixel_move.c - calls the text of nn/pixel_move_text.c that is compiled for this machine. */
#include "nn/pixel_move.h"

#include "nn/simd_text.h"

SG_TEXTS(sg_pixel_load, (const sg_pixel_move *move), (move))
SG_TEXTS(sg_pixel_store, (const sg_pixel_move *move), (move))
SG_TEXTS(sg_pixel_sum, (float *sums, const float *from, size_t rows, size_t width), (sums, from, rows, width))
SG_TEXTS(sg_pixel_dot, (float *out, const sg_pixel_row *row, const float *weight), (out, row, weight))
SG_TEXTS(sg_pixel_weigh, (float *dweight, const sg_pixel_row *row, const float *dy), (dweight, row, dy))
SG_TEXTS(sg_pixel_spread,
         (void *dx, const sg_pixel_row *row, const sg_pixel_outputs *outputs, bool add, const float *slope),
         (dx, row, outputs, add, slope))
