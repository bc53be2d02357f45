/* blocks.c - see blocks.h. */
#include "nn/blocks.h"

#include "core/bf16.h"
#include "nn/lanes.h"

enum { TILE = 64 }; /* pixels at a time, so that the rows of a block stay in the nearest cache */

/* A channel of an image in its form: number j at data[at + j step]. */
typedef struct channel {
    size_t at, step;
} channel;

static inline channel channel_of(size_t lanes, size_t pixels, size_t c)
{
    return (channel){c / lanes * lanes * pixels + c % lanes, lanes};
}

SG_INLINE float number(const void *data, bool half, size_t i)
{
    return half ? sg_bf16_to_float(((const sg_bf16 *)data)[i]) : ((const float *)data)[i];
}

SG_INLINE void set_number(void *data, bool half, size_t i, float v, bool add)
{
    if (half)
        ((sg_bf16 *)data)[i] = sg_bf16_from_float(v + (add ? number(data, true, i) : 0));
    else
        ((float *)data)[i] = v + (add ? number(data, false, i) : 0);
}

/* Channels first .. first + block - 1 of the image. */
SG_INLINE void load_block(float *restrict to, const size_t block, const void *restrict from, const bool half,
                          const size_t lanes, size_t first, size_t channels, size_t pixels)
{
    for (size_t begin = 0; begin < pixels; begin += TILE) {
        const size_t end = begin + TILE < pixels ? begin + TILE : pixels;
        for (size_t l = 0; l < block; l++) {
            const channel c = channel_of(lanes, pixels, first + l);
            for (size_t j = begin; j < end; j++)
                to[j * block + l] = first + l < channels ? number(from, half, c.at + j * c.step) : 0;
        }
    }
}

SG_INLINE void store_block(void *restrict to, const bool half, const size_t lanes, const float *restrict from,
                           const size_t block, size_t first, size_t channels, size_t pixels, bool add)
{
    for (size_t begin = 0; begin < pixels; begin += TILE) {
        const size_t end = begin + TILE < pixels ? begin + TILE : pixels;
        for (size_t l = 0; l < block && first + l < channels; l++) {
            const channel c = channel_of(lanes, pixels, first + l);
            for (size_t j = begin; j < end; j++) set_number(to, half, c.at + j * c.step, from[j * block + l], add);
        }
    }
}

static size_t lanes_of(sg_form form)
{
    return form.layout == SG_NCHW ? 1 : (size_t)form.layout;
}

SG_SIMD static void load_floats(float *to, int block, const void *from, size_t lanes, size_t first, size_t channels,
                                size_t pixels)
{
    SG_WITH_LANES(block, load_block(to, LANES, from, false, lanes, first, channels, pixels));
}

SG_SIMD static void load_halves(float *to, int block, const void *from, size_t lanes, size_t first, size_t channels,
                                size_t pixels)
{
    SG_WITH_LANES(block, load_block(to, LANES, from, true, lanes, first, channels, pixels));
}

SG_SIMD static void store_floats(void *to, size_t lanes, const float *from, int block, size_t first, size_t channels,
                                 size_t pixels, bool add)
{
    SG_WITH_LANES(block, store_block(to, false, lanes, from, LANES, first, channels, pixels, add));
}

SG_SIMD static void store_halves(void *to, size_t lanes, const float *from, int block, size_t first, size_t channels,
                                 size_t pixels, bool add)
{
    SG_WITH_LANES(block, store_block(to, true, lanes, from, LANES, first, channels, pixels, add));
}

void sg_blocks_load(float *to, int block, const void *from, sg_form form, int channels, size_t pixels)
{
    for (size_t first = 0; first < (size_t)channels; first += (size_t)block)
        (form.type == SG_BF16 ? load_halves : load_floats)(to + first * pixels, block, from, lanes_of(form), first,
                                                           (size_t)channels, pixels);
}

void sg_blocks_store(void *to, sg_form form, const float *from, int block, int channels, size_t pixels, bool add)
{
    for (size_t first = 0; first < (size_t)channels; first += (size_t)block)
        (form.type == SG_BF16 ? store_halves : store_floats)(to, lanes_of(form), from + first * pixels, block, first,
                                                             (size_t)channels, pixels, add);
}
