/* onednn.h - the little of oneDNN that Scopegrad uses, behind one small file (inside nn/ only): one convolution in one
 * direction, created single-threaded and executed inside a slice. Data is blocked, channels are multiples of the
 * block. */
#ifndef SG_NN_ONEDNN_H
#define SG_NN_ONEDNN_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Channels in the widest block, B below: 16 with AVX-512, 8 with AVX2, and 0 where the library has no fast kernels. Fixed when
 * the program starts (oneDNN's environment variable DNNL_MAX_CPU_ISA=AVX2 makes a small machine of a large one). */
int sg_dnn_block(void);

typedef enum sg_dnn_direction { SG_DNN_FORWARD, SG_DNN_DATA, SG_DNN_WEIGHTS } sg_dnn_direction;

/* src (n, ic, h, w), weights (oc, ic, k, k), k odd, dst (n, oc, h, w): stride 1, zero padding k / 2. */
typedef struct sg_dnn_problem {
    sg_dnn_direction direction;
    int block; /* of channels, 8 or 16 */
    int n, ic, oc, h, w, k;
    bool winograd;   /* for comparisons: not in API 3.x */
    bool bias, relu; /* forward only: dst = relu(conv + bias) */
    float slope;
} sg_dnn_problem;

/* Weights (and their gradient) lie as [oc/B][ic/B][k][k][B of ic][B of oc] (OIhw16i16o), for a direct DATA as
 * [oc/B][ic/B][k][k][B of oc][B of ic] (OIhw16o16i). */
static inline bool sg_dnn_input_last(const sg_dnn_problem *p)
{
    return p->direction == SG_DNN_DATA && !p->winograd;
}

typedef struct sg_dnn sg_dnn;

/* True if the library has a kernel for it that is not its reference code. No code is generated. */
bool sg_dnn_has(const sg_dnn_problem *problem);
/* `threads`: sg_dnn_run may be called with thread = 0 .. threads-1 at the same time. */
sg_status sg_dnn_new(sg_dnn **out, const sg_dnn_problem *problem, int threads);
void sg_dnn_free(sg_dnn *dnn);
/* Bytes of scratch memory of one sg_dnn_run; 0 if the library has no kernel. */
size_t sg_dnn_scratch(const sg_dnn_problem *problem);
const char *sg_dnn_name(const sg_dnn *dnn);
/* FORWARD reads src, weights, bias and sets dst; DATA reads dst, weights and sets src; WEIGHTS reads src, dst and sets
 * weights. bias: NULL unless problem.bias. */
void sg_dnn_run(const sg_dnn *dnn, int thread, float *src, float *weights, float *bias, float *dst, void *scratch);

#endif
