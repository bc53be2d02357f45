/* rng.c - Philox 4x32-10 through Random123. */
#include "core/rng.h"

#include <math.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wundef"
#include <Random123/philox.h>
#pragma GCC diagnostic pop

sg_rng sg_rng_make(uint64_t seed, sg_rng_what what, uint32_t sample, uint32_t epoch, uint32_t exposure)
{
    return (sg_rng){{(uint32_t)seed, (uint32_t)(seed >> 32)},
                    ((uint32_t)what << 28) ^ ((exposure & 15u) << 24) ^ (sample & 0xffffffu),
                    epoch};
}

void sg_rng_words(const sg_rng *rng, uint32_t element, uint32_t draw, uint32_t out[4])
{
    const philox4x32_ctr_t counter = {{draw, element, rng->epoch, rng->stream}};
    const philox4x32_key_t key = {{rng->key[0], rng->key[1]}};
    const philox4x32_ctr_t words = philox4x32(counter, key);
    for (int i = 0; i < 4; i++) out[i] = words.v[i];
}

double sg_rng_uniform(const sg_rng *rng, uint32_t element, uint32_t draw)
{
    uint32_t words[4];
    sg_rng_words(rng, element, draw, words);
    return sg_rng_unit(words[0]);
}

double sg_rng_normal(const sg_rng *rng, uint32_t element, uint32_t draw)
{
    uint32_t words[4];
    sg_rng_words(rng, element, draw, words);
    return sqrt(-2 * log(sg_rng_unit(words[0]))) * cos(2 * M_PI * sg_rng_unit(words[1]));
}

uint64_t sg_rng_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

void sg_rng_shuffle(const sg_rng *rng, uint32_t *out, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) out[i] = i;
    for (uint32_t i = len; i > 1; i--) {
        uint32_t words[4];
        sg_rng_words(rng, i, 0, words);
        const uint32_t j = (uint32_t)(((uint64_t)words[0] * i) >> 32), keep = out[i - 1];
        out[i - 1] = out[j];
        out[j] = keep;
    }
}
