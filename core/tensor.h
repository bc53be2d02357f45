/* tensor.h - shapes. A tensor is (n, c, h, w), w fastest, contiguous, 64-byte aligned; a complex one interleaves
 * re, im (so it is an array of 2 len reals). A vector of K numbers has the shape (1, 1, 1, K), a scalar (1, 1, 1, 1).
 */
#ifndef SG_CORE_TENSOR_H
#define SG_CORE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sg_shape {
    int n, c, h, w;
} sg_shape;

#define SG_SHAPE(n, c, h, w) ((sg_shape){(n), (c), (h), (w)})

static inline size_t sg_shape_len(sg_shape s)
{
    return (size_t)s.n * (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

static inline bool sg_shape_equal(sg_shape a, sg_shape b)
{
    return a.n == b.n && a.c == b.c && a.h == b.h && a.w == b.w;
}

/* What a number is stored as. */
typedef enum sg_type {
    SG_F32,  /* float; in a double plan double */
    SG_BF16, /* bfloat16, the upper half of a float: blocked values only, core/bf16.h */
} sg_type;

#endif
