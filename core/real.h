/* real.h - one text, two precisions. A kernel file is compiled twice: plainly (float) and with SG_DOUBLE (double).
 * Kernels are written with `real` and named with R(name), which appends _f32 or _f64. What exists once (the
 * builder, the shape rule, the row of the op table) stands between #ifdef SG_ONCE and #endif.
 * <tgmath.h> gives sqrt(), exp(), ... of the right precision. */
#ifndef SG_CORE_REAL_H
#define SG_CORE_REAL_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#ifdef SG_DOUBLE
typedef double real;
#define R(name)       name##_f64
#define SG_FFTW(name) fftw_##name
#else
typedef float real;
#define R(name)       name##_f32
#define SG_FFTW(name) fftwf_##name
#define SG_ONCE       1
#endif

/* Hot per-slice kernels are compiled for several instruction sets and chosen when the program starts. All of them
 * give the same bits: no contraction, no reassociation (ARCHITECTURE section 4). The attribute does not reach into
 * an OpenMP region, so it stands on the function a slice calls, never on the one that opens the region. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&               \
    !defined(SG_NO_CLONES)
#define SG_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SG_SIMD
#endif

/* A function that must melt into the loop that calls it, so that the loop vectorises. */
#define SG_INLINE static inline __attribute__((always_inline))

#endif
