/* simd.c - which of the instruction sets that kernels are compiled for this machine has. */
#include "nn/simd.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static sg_simd level;
static pthread_once_t level_once = PTHREAD_ONCE_INIT;

static sg_simd machine_level(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return SG_SIMD_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        return SG_SIMD_AVX2;
#endif
    return SG_SIMD_PLAIN;
}

static int is(const char *variable, const char *value)
{
    const char *set = getenv(variable);
    return set && !strcmp(set, value);
}

static void level_find(void)
{
    sg_simd most = SG_SIMD_AVX512;
    if (is("DNNL_MAX_CPU_ISA", "AVX2") || is("ONEDNN_MAX_CPU_ISA", "AVX2") || is("SG_SIMD_MAX", "avx2"))
        most = SG_SIMD_AVX2;
    if (is("SG_SIMD_MAX", "plain")) most = SG_SIMD_PLAIN;
    level = machine_level();
    if (level > most) level = most;
}

sg_simd sg_simd_level(void)
{
    pthread_once(&level_once, level_find);
    return level;
}
