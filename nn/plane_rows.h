/* plane_rows.h - rows of planes of different pitches (inside nn/ only): short rows, so that a call for each would cost more
 * than its numbers. The text is compiled for each instruction set (nn/simd_text.h). */
#ifndef SG_NN_PLANE_ROWS_H
#define SG_NN_PLANE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

/* h rows of w numbers, pitches apart, of two planes that do not overlap. */
typedef struct sg_plane_rows {
    float *to;
    const float *from;
    size_t to_pitch, from_pitch, h, w;
} sg_plane_rows;

/* to = from */
void sg_plane_copy(const sg_plane_rows *p);
/* to = v > 0 ? v : slope v, v = from + bias */
void sg_plane_activate(const sg_plane_rows *p, float bias, float slope);
/* to += from */
void sg_plane_add(const sg_plane_rows *p);

#endif
