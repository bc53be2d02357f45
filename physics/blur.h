/* blur.h - incoherent imaging: y = x (*) h (PHYSICS section 4). */
#ifndef SG_PHYSICS_BLUR_H
#define SG_PHYSICS_BLUR_H

#include "core/graph.h"

/* What lies beyond the field. */
typedef enum sg_edge {
    SG_EDGE_PERIODIC, /* a b c d | a b c d | a b c d */
    SG_EDGE_REFLECT,  /* d c b a | a b c d | d c b a */
    SG_EDGE_ZERO,     /* 0 0 0 0 | a b c d | 0 0 0 0 */
} sg_edge;

/* y[i] = sum_o h[o] x[i - o]. x (n, c, H, W), kernel (1, 1, kh, kw) wrapped as in psf.h (index j > (k - 1)/2 is the
 * offset j - k), kh <= H, kw <= W. Linear in x and in h; exact gradients to both. */
sg_value sg_blur(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge);

#endif
