/* vec_text.h - vectors of the instruction set that a text (nn/simd_text.h) is compiled for, whole or in part. */
#ifndef SG_NN_VEC_TEXT_H
#define SG_NN_VEC_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
#include <immintrin.h>
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));
typedef int32_t ints __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef uint8_t bytes __attribute__((vector_size(LANES), aligned(1)));

#define INLINE static inline __attribute__((always_inline))

/* The first `len` numbers, which may be more than there are lanes; the others are 0, or left alone. */
#ifdef __AVX512F__
INLINE __mmask16 first(size_t len)
{
    return len < LANES ? (__mmask16)((1u << len) - 1) : (__mmask16)0xffff;
}
INLINE vec load(const float *x, size_t len)
{
    return (vec)_mm512_maskz_loadu_ps(first(len), x);
}
INLINE void store(float *x, vec v, size_t len)
{
    _mm512_mask_storeu_ps(x, first(len), (__m512)v);
}
INLINE ints load_bytes(const uint8_t *x, size_t len)
{
    return (ints)_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(len), x));
}
INLINE void store_bytes(uint8_t *x, ints v, size_t len)
{
    _mm_mask_storeu_epi8(x, first(len), _mm512_cvtepi32_epi8((__m512i)v));
}
#else
INLINE size_t first(size_t len)
{
    return len < LANES ? len : LANES;
}
INLINE vec load(const float *x, size_t len)
{
    vec v = {0};
    if (len >= LANES) return *(const vec *)(const void *)x;
    memcpy(&v, x, first(len) * sizeof(float));
    return v;
}
INLINE void store(float *x, vec v, size_t len)
{
    if (len >= LANES)
        *(vec *)(void *)x = v;
    else
        memcpy(x, &v, first(len) * sizeof(float));
}
INLINE ints load_bytes(const uint8_t *x, size_t len)
{
    bytes v = {0};
    memcpy(&v, x, first(len));
    return __builtin_convertvector(v, ints);
}
INLINE void store_bytes(uint8_t *x, ints v, size_t len)
{
    const bytes narrow = __builtin_convertvector(v, bytes);
    memcpy(x, &narrow, first(len));
}
#endif

/* Where `take` is all ones a, else b. */
INLINE vec choose(ints take, vec a, vec b)
{
    return (vec)((take & (ints)a) | (~take & (ints)b));
}

#endif
