/* blur.h - incoherent imaging: y = x (*) h (PHYSICS section 4). */
#ifndef SG_PHYSICS_BLUR_H
#define SG_PHYSICS_BLUR_H

#include "core/graph.h"
#include "physics/microscope.h"

/* y[i] = sum_o h[o] x[i - o]. x (n, c, H, W), kernels (1 or n, 1 or c, kh, kw), one for all or one for each sample or
 * channel, wrapped as in psf.h (index j > (k - 1)/2 is the offset j - k), kh <= H, kw <= W. Linear in x and in h; exact
 * gradients to both. Kernels of at most SG_BLUR_DIRECT_TAPS taps are added tap by tap, larger ones multiply spectra. */
sg_value sg_blur(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge);

/* The two ways, for tests and benchmarks. tests/bench/bench_blur.c found them equally fast at 50 to 170 taps in
 * float. */
enum { SG_BLUR_DIRECT_TAPS = 81 };
sg_value sg_blur_fft(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge);
sg_value sg_blur_direct(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge);

/* Shape rule of both ops. */
struct sg_node;
sg_status sg_blur_infer(struct sg_node *node);

#endif
