/* conv_values.h - blocked random values for tests of convolution kernels, beside the same numbers in double. */
#ifndef SG_TESTS_CONV_VALUES_H
#define SG_TESTS_CONV_VALUES_H

#include "check.h"

#include "core/bf16.h"
#include "core/memory.h"
#include "nn/winograd.h"

#include <stdlib.h>
#include <string.h>

/* A value in double, (n, c, h, w), and as a kernel sees it. */
typedef struct values {
    int n, pixels;
    sg_conv_side side;
    double *exact;
    void *stored;
} values;

static inline void *values_memory(size_t bytes)
{
    void *memory = NULL;
    assert_int_equal(sg_alloc(&memory, bytes, 1, "a test"), SG_OK);
    return memory;
}

/* Where number i of `exact` is stored. */
static inline size_t values_at(const values *v, int i)
{
    const size_t pixel = (size_t)(i % v->pixels), channel = (size_t)(i / v->pixels % v->side.c),
                 image = (size_t)(i / v->pixels / v->side.c), block = (size_t)v->side.form.layout;
    return image * v->side.form.image_step + channel / block * block * (size_t)v->pixels + pixel * block +
           channel % block;
}

static inline double values_get(const values *v, int i)
{
    const size_t at = values_at(v, i);
    return v->side.form.type == SG_BF16 ? (double)sg_bf16_to_float(((sg_bf16 *)v->stored)[at])
                                        : (double)((float *)v->stored)[at];
}

static inline void values_set(const values *v, int i, float number)
{
    const size_t at = values_at(v, i);
    if (v->side.form.type == SG_BF16)
        ((sg_bf16 *)v->stored)[at] = sg_bf16_from_float(number);
    else
        ((float *)v->stored)[at] = number;
}

static inline int values_len(const values *v)
{
    return v->n * v->side.c * v->pixels;
}

/* Random numbers of a stream; NaN between the images of a wider value. */
static inline values values_make(int stream, int n, int pixels, int c, int block, int type, int wider)
{
    const size_t step = (size_t)(c * pixels + (wider ? 3 * block : 0));
    values v = {n, pixels, {c, {(sg_layout)block, (sg_type)type, step}}, NULL, NULL};
    v.exact = check_alloc((size_t)values_len(&v));
    v.stored = values_memory((size_t)n * step * sizeof(float));
    memset(v.stored, 0xff, (size_t)n * step * sizeof(float));
    for (int i = 0; i < values_len(&v); i++) {
        values_set(&v, i, (float)check_random("winograd", stream, (size_t)i));
        v.exact[i] = values_get(&v, i);
    }
    return v;
}

static inline void values_free(values *v)
{
    free(v->exact);
    sg_free(v->stored);
}

#endif
