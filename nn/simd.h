/* simd.h - the instruction set that kernels compiled several times (nn/meson.build) use (inside nn/ only). */
#ifndef SG_NN_SIMD_H
#define SG_NN_SIMD_H

typedef enum sg_simd {
    SG_SIMD_PLAIN,
    SG_SIMD_AVX2,   /* x86-64-v3: vectors of 8 floats */
    SG_SIMD_AVX512, /* x86-64-v4: of 16 */
} sg_simd;

/* The widest that this machine has; fixed when first asked. For tests, SG_SIMD_MAX=avx2 or plain makes a small machine
 * of a large one, and so does oneDNN's DNNL_MAX_CPU_ISA=AVX2. */
sg_simd sg_simd_level(void);

#endif
