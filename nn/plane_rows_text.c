/* plane_rows_text.c - nn/plane_rows.h, compiled for each instruction set. */
#include "nn/plane_rows.h"

#include "nn/simd_text.h"
#include "nn/vec_text.h"

SG_TEXT_HIDDEN void SG_IN_TEXT(sg_plane_copy)(const sg_plane_rows *p);
SG_TEXT_HIDDEN void SG_IN_TEXT(sg_plane_activate)(const sg_plane_rows *p, float bias, float slope);
SG_TEXT_HIDDEN void SG_IN_TEXT(sg_plane_add)(const sg_plane_rows *p);

/* STORED: what is written for the vector `v` of `from`, `i` numbers into a row; `rest` are left in it. */
#define EVERY_VECTOR(STORED)                                                                                           \
    for (size_t r = 0; r < p->h; r++) {                                                                                \
        float *to = p->to + r * p->to_pitch;                                                                           \
        const float *from = p->from + r * p->from_pitch;                                                               \
        for (size_t i = 0; i < p->w; i += LANES) {                                                                     \
            const size_t rest = p->w - i;                                                                              \
            const vec v = load(from + i, rest);                                                                        \
            store(to + i, STORED, rest);                                                                               \
        }                                                                                                              \
    }

void SG_IN_TEXT(sg_plane_copy)(const sg_plane_rows *p)
{
    EVERY_VECTOR(v)
}

void SG_IN_TEXT(sg_plane_activate)(const sg_plane_rows *p, float bias, float slope)
{
    EVERY_VECTOR(choose(v + bias > (vec){0}, v + bias, slope * (v + bias)))
}

void SG_IN_TEXT(sg_plane_add)(const sg_plane_rows *p)
{
    EVERY_VECTOR(load(to + i, rest) + v)
}
