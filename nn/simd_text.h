/* simd_text.h - names of functions whose text is compiled for several instruction sets, SG_TEXT = plain, avx2 or avx512
 * (nn/meson.build), and the function that calls the one for this machine (inside nn/ only). */
#ifndef SG_NN_SIMD_TEXT_H
#define SG_NN_SIMD_TEXT_H

#include "nn/simd.h"

#define SG_TEXT_HIDDEN   __attribute__((visibility("hidden")))
#define SG_JOIN_(a, b)   a##_##b
#define SG_JOIN(a, b)    SG_JOIN_(a, b)
#define SG_IN_TEXT(name) SG_JOIN(name, SG_TEXT)

/* Declares `name` of each text and defines the one without a suffix: SG_TEXTS(f, (int a), (a)). */
#ifdef __x86_64__
#define SG_TEXTS(name, parameters, arguments)                                                                          \
    SG_TEXT_HIDDEN void name##_plain parameters;                                                                       \
    SG_TEXT_HIDDEN void name##_avx2 parameters;                                                                        \
    SG_TEXT_HIDDEN void name##_avx512 parameters;                                                                      \
    void name parameters                                                                                               \
    {                                                                                                                  \
        static void(*const of[]) parameters = {name##_plain, name##_avx2, name##_avx512};                              \
        of[sg_simd_level()] arguments;                                                                                 \
    }
#else
#define SG_TEXTS(name, parameters, arguments)                                                                          \
    SG_TEXT_HIDDEN void name##_plain parameters;                                                                       \
    void name parameters                                                                                               \
    {                                                                                                                  \
        name##_plain arguments;                                                                                        \
    }
#endif

#endif
