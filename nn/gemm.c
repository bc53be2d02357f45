/* gemm.c - calls the text of nn/gemm_text.c that is compiled for this machine. */
#include "nn/gemm.h"

#include "nn/simd_text.h"

SG_TEXTS(sg_gemm_run, (const sg_gemm *g), (g))
SG_TEXTS(sg_gemm_dots_run, (const sg_gemm_dots *g), (g))
