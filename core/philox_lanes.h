/* philox_lanes.h - Philox 4x32-10 for many counters at once: plain C loops that a compiler turns into vector code.
 * Gives exactly the words of sg_rng_words (a test compares them); used inside SG_SIMD functions, so everything is
 * inline. Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011. */
#ifndef SG_CORE_PHILOX_LANES_H
#define SG_CORE_PHILOX_LANES_H

#include "core/real.h"
#include "core/rng.h"

#include <stdbool.h>
#include <stddef.h>

/* Counters per call. More than 16, so that loops over them are vectorised and not unrolled flat. */
enum { SG_LANES = 64 };

/* Ten rounds on one counter; c[] is replaced by the four words. */
SG_INLINE void sg_philox_rounds(uint32_t c[4], uint32_t k0, uint32_t k1)
{
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        const uint32_t high0 = (uint32_t)(((uint64_t)c[0] * 0xD2511F53u) >> 32), low0 = c[0] * 0xD2511F53u;
        const uint32_t high1 = (uint32_t)(((uint64_t)c[2] * 0xCD9E8D57u) >> 32), low1 = c[2] * 0xCD9E8D57u;
        c[0] = high1 ^ c[1] ^ k0, c[1] = low1, c[2] = high0 ^ c[3] ^ k1, c[3] = low0;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
}

/* The same words with every number in 64 bits: nothing is shuffled between the high and low halves of products. Takes
 * .6 of the time where 64-bit vectors multiply in one instruction (AVX-512DQ), 1.4 elsewhere. */
SG_INLINE void sg_philox_lanes_wide(const sg_rng *rng, uint32_t first, uint32_t draw, uint32_t words[4][SG_LANES])
{
    const uint64_t low = 0xffffffffu, stream = rng->stream, epoch = rng->epoch;
    for (uint32_t lane = 0; lane < SG_LANES; lane++) {
        uint64_t c0 = draw, c1 = (uint32_t)(first + lane), c2 = epoch, c3 = stream, k0 = rng->key[0], k1 = rng->key[1];
#pragma GCC unroll 10
        for (int round = 0; round < 10; round++) {
            const uint64_t p0 = (c0 & low) * 0xD2511F53u, p1 = (c2 & low) * 0xCD9E8D57u;
            c0 = (p1 >> 32) ^ c1 ^ k0, c1 = p1, c2 = (p0 >> 32) ^ c3 ^ k1, c3 = p0;
            k0 = (k0 + 0x9E3779B9u) & low, k1 = (k1 + 0xBB67AE85u) & low;
        }
        words[0][lane] = (uint32_t)c0, words[1][lane] = (uint32_t)c1;
        words[2][lane] = (uint32_t)c2, words[3][lane] = (uint32_t)c3;
    }
}

SG_INLINE bool sg_philox_is_wide(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx512dq");
#else
    return false;
#endif
}

/* words[j][lane] = word j of (element first + lane, draw), lane = 0 .. SG_LANES-1. */
SG_INLINE void sg_philox_lanes(const sg_rng *rng, uint32_t first, uint32_t draw, uint32_t words[4][SG_LANES])
{
    if (sg_philox_is_wide()) {
        sg_philox_lanes_wide(rng, first, draw, words);
        return;
    }
    const uint32_t k0 = rng->key[0], k1 = rng->key[1], epoch = rng->epoch, stream = rng->stream;
    for (uint32_t lane = 0; lane < SG_LANES; lane++) {
        uint32_t c[4] = {draw, first + lane, epoch, stream};
        sg_philox_rounds(c, k0, k1);
        words[0][lane] = c[0], words[1][lane] = c[1], words[2][lane] = c[2], words[3][lane] = c[3];
    }
}

/* The same for a list of elements; words[j] must have room for count numbers. */
SG_INLINE void sg_philox_list(const sg_rng *rng, const uint32_t *element, int count, uint32_t draw,
                              uint32_t *const words[4])
{
    const uint32_t k0 = rng->key[0], k1 = rng->key[1], epoch = rng->epoch, stream = rng->stream;
    uint32_t *restrict w0 = words[0], *restrict w1 = words[1], *restrict w2 = words[2], *restrict w3 = words[3];
    for (int i = 0; i < count; i++) {
        uint32_t c[4] = {draw, element[i], epoch, stream};
        sg_philox_rounds(c, k0, k1);
        w0[i] = c[0], w1[i] = c[1], w2[i] = c[2], w3[i] = c[3];
    }
}

#endif
