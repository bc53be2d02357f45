/* pixel_move_text.c - see pixel_move.h; compiled for each instruction set. One text serves
 * pixels of 1, 8 and 16 numbers in float and bf16: vectors of so many, which the compiler fits to the machine. */
#include "core/bf16.h"
#include "nn/pixel_move.h"
#include "nn/simd_text.h"

SG_INLINE uint32_t word_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

#define LANES 1
#include "nn/pixel_move_lanes.h"
#undef LANES
#define LANES 8
#include "nn/pixel_move_lanes.h"
#undef LANES
#define LANES 16
#include "nn/pixel_move_lanes.h"
#undef LANES

#define MOVE(name)                                                                                                     \
    SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pixel_##name)(const sg_pixel_move *m);                                           \
    void SG_IN_TEXT(sg_pixel_##name)(const sg_pixel_move *m)                                                           \
    {                                                                                                                  \
        switch (m->lanes + (m->type == SG_BF16)) {                                                                     \
        case 1: name##_1(m, 0); break;                                                                                 \
        case 8: name##_8(m, 0); break;                                                                                 \
        case 9: name##_8(m, 1); break;                                                                                 \
        case 16: name##_16(m, 0); break;                                                                               \
        case 17: name##_16(m, 1); break;                                                                               \
        }                                                                                                              \
    }

MOVE(load)
MOVE(store)

SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pixel_sum)(float *sums, const float *from, size_t rows, size_t width);
void SG_IN_TEXT(sg_pixel_sum)(float *sums, const float *from, size_t rows, size_t width)
{
    for (size_t i = 0; i < width; i += 16, sums += 16, from += 16) {
        floats_16 part = {0};
        for (size_t r = 0; r < rows; r++) part += read_16(from, r * width, 0);
        write_16(sums, 0, read_16(sums, 0, 0) + part, 0);
    }
}
