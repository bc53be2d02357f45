/* golden.h - files of named tensors that the scripts in tests/golden write: lines "name n c h w", a line "end", then the
 * tensors as little-endian float32 in that order. Failures go through cmocka. */
#ifndef SG_TESTS_GOLDEN_H
#define SG_TESTS_GOLDEN_H

#include "core/graph.h"

enum { GOLDEN_TENSORS = 200 };

typedef struct golden_tensor {
    char name[SG_NAME_MAX];
    sg_shape shape;
    float *value;
} golden_tensor;

typedef struct golden {
    golden_tensor tensor[GOLDEN_TENSORS];
    int count;
    float *values;
} golden;

/* Reads tests/golden/<name>.golden; free `values`. */
void golden_open(golden *out, const char *name);
/* The tensor <prefix><name>; a test without it fails. */
const golden_tensor *golden_find(const golden *g, const char *prefix, const char *name);
/* How many names begin so. */
int golden_count(const golden *g, const char *prefix);
/* Number i of an array of float or double. */
double golden_at(const void *x, bool f64, size_t i);
/* x = the tensor. */
void golden_set(void *x, bool f64, const golden_tensor *t);
/* Fails unless max |x - t| <= tolerance max |t|. What is zero but for rounding (a bias before batch norm) is measured
 * against `largest`, the largest gradient. */
void golden_compare(const void *x, bool f64, const golden_tensor *t, double largest, double tolerance,
                    const char *what);

#endif
