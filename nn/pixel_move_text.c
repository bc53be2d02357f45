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

/* sg_pixel_<name> for the lanes and type of `of`. */
#define KERNEL(name, of, parameters, ...)                                                                              \
    SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pixel_##name) parameters;                                                        \
    void SG_IN_TEXT(sg_pixel_##name) parameters                                                                        \
    {                                                                                                                  \
        switch ((of)->lanes + ((of)->type == SG_BF16)) {                                                               \
        case 1: name##_1(__VA_ARGS__, 0); break;                                                                       \
        case 8: name##_8(__VA_ARGS__, 0); break;                                                                       \
        case 9: name##_8(__VA_ARGS__, 1); break;                                                                       \
        case 16: name##_16(__VA_ARGS__, 0); break;                                                                     \
        case 17: name##_16(__VA_ARGS__, 1); break;                                                                     \
        }                                                                                                              \
    }

KERNEL(load, m, (const sg_pixel_move *m), m)
KERNEL(store, m, (const sg_pixel_move *m), m)
KERNEL(dot, r, (float *out, const sg_pixel_row *r, const float *weight), out, r, weight)
KERNEL(weigh, r, (float *dweight, const sg_pixel_row *r, const float *dy), dweight, r, dy)
KERNEL(spread, r, (void *dx, const sg_pixel_row *r, const sg_pixel_outputs *outputs, bool add, const float *slope), dx,
       r, outputs, add, slope)

SG_TEXT_HIDDEN void SG_IN_TEXT(sg_pixel_sum)(float *sums, const float *from, size_t rows, size_t width);
void SG_IN_TEXT(sg_pixel_sum)(float *sums, const float *from, size_t rows, size_t width)
{
    for (size_t i = 0; i < width; i += 16, sums += 16, from += 16) {
        floats_16 part = {0};
        for (size_t r = 0; r < rows; r++) part += read_16(from, r * width, 0);
        write_16(sums, 0, read_16(sums, 0, 0) + part, 0);
    }
}
