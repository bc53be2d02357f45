/* rng.h - counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, SC 2011), through Random123.
 *   key     = the two halves of `seed`
 *   counter = (draw, element, epoch, stream) where stream = what << 28 ^ exposure << 24 ^ sample id  (32 bits)
 * Any number can be made at any time in any order, so the thread count cannot matter and a resume needs no state.
 * Known answer: seed 0, counter 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8. */
#ifndef SG_CORE_RNG_H
#define SG_CORE_RNG_H

#include <stdint.h>

/* What the numbers are for: no two uses share a stream. */
typedef enum sg_rng_what {
    SG_RNG_INIT = 1,
    SG_RNG_SHUFFLE,
    SG_RNG_AUGMENT,
    SG_RNG_BACKGROUND,
    SG_RNG_SHOT,
    SG_RNG_READ,
    SG_RNG_SYNTHETIC,
    SG_RNG_DROPOUT,
    SG_RNG_PATTERN,
    SG_RNG_TEST,
    SG_RNG_EM_GAIN,
    SG_RNG_SENSOR, /* maps of a sensor drawn from a seed */
    SG_RNG_BOOTSTRAP,
    SG_RNG_SWEEP, /* values of the keys of a sweep */
    SG_RNG_DEPTH = 15,
} sg_rng_what;

typedef struct sg_rng {
    uint32_t key[2];
    uint32_t stream, epoch;
} sg_rng;

/* sample < 2^24, exposure < 16 (larger ones wrap). */
sg_rng sg_rng_make(uint64_t seed, sg_rng_what what, uint32_t sample, uint32_t epoch, uint32_t exposure);
/* Four 32-bit words for (element, draw). */
void sg_rng_words(const sg_rng *rng, uint32_t element, uint32_t draw, uint32_t out[4]);
/* A double in (0, 1): (word + .5) 2^-32. */
static inline double sg_rng_unit(uint32_t word)
{
    return ((double)word + .5) * 0x1p-32;
}
/* One number in (0,1) / one standard normal number (Box-Muller, in double) for (element, draw). */
double sg_rng_uniform(const sg_rng *rng, uint32_t element, uint32_t draw);
double sg_rng_normal(const sg_rng *rng, uint32_t element, uint32_t draw);
/* 64-bit FNV-1a of a string: gives every named parameter a stream of its own. */
uint64_t sg_rng_hash(const char *text);
/* out = a permutation of 0..len-1 (Fisher-Yates). */
void sg_rng_shuffle(const sg_rng *rng, uint32_t *out, uint32_t len);

#endif
