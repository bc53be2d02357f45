/* dense_gemm.h - the fast row of dense (inside nn/ only). */
#ifndef SG_NN_DENSE_GEMM_H
#define SG_NN_DENSE_GEMM_H

#include "core/op.h"

SG_HIDDEN extern const sg_fast sg_dense_gemm;

#endif
