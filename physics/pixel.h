/* pixel.h - from light to what each pixel of each camera receives (PHYSICS section 5): integration over the pixel,
 * shifted cameras, binning, filters and exposure masks, pixels of two sizes, few detectors behind masks, overlapped
 * fields. Every op is linear in its picture and has exact gradients, to shifts, transmissions and masks too. */
#ifndef SG_PHYSICS_PIXEL_H
#define SG_PHYSICS_PIXEL_H

#include "core/graph.h"

/* Camera pixels integrate light over a square of side sqrt(fill_factor) d_c (fill factor: area ratio, EMVA 1288). Exact
 * for a periodic band-limited image: its DFT times sinc(f_x side) sinc(f_y side), then every m-th sample.
 * image (n, E, H, W) at pitch d_c/oversample -> (n, E, H/oversample - 2 margin_px, W/oversample - 2 margin_px): the
 * mean over each pixel's square. Camera pixel i is centred on image sample oversample i; margin_px camera pixels are
 * cut from every side afterwards. 0 <= fill_factor <= 1; 0 is the limit of a point: every m-th sample as it is, also of
 * images that are not periodic (`image` itself for oversample 1 without margin). SG_E_SHAPE if oversample does not
 * divide H and W or nothing is left. */
sg_value sg_pixel(sg_graph *g, sg_value image, int oversample, double fill_factor, int margin_px);

/* V cameras, each displaced: y[v c + k](r) = x[k](r + shift_v), by a phase ramp, exact for a periodic band-limited
 * image (the bin at the Nyquist frequency gets cos(pi shift)). x (n, c, H, W), shift_px (1, 1, V, 2) as (x, y) in
 * samples of x -> (n, V c, H, W). Exact gradient to the shifts. */
sg_value sg_shift(sg_graph *g, sg_value x, sg_value shift_px);

/* y = scale times the sum over squares of side x side pixels: (n, c, h, w) -> (n, c, h/side, w/side). scale 1: charge
 * binned on the chip; 1/side^2: the mean of digital numbers. SG_E_SHAPE if side does not divide h and w. */
sg_value sg_bin(sg_graph *g, sg_value x, int side, double scale);
/* The same sums in the upper left corner of a picture of x's size, 0 elsewhere: a camera of coarser pitch beside finer
 * ones in one tensor. */
sg_value sg_bin_corner(sg_graph *g, sg_value x, int side, double scale);
/* The transpose of sg_bin_corner at scale 1: the corner's pixels repeated side x side times fill the picture. */
sg_value sg_repeat(sg_graph *g, sg_value x, int side);

/* Transmission per pixel, a tile that repeats over the sensor, and the sum over colours:
 *     y[p E + e](r, c) = sum_k T[k](r mod th, c mod tw) x[(p K + k) E + e](r, c)
 * x (n, P K E, h, w), tile (1, K, th, tw) -> (n, P E, h, w). One op for colour filter arrays (K colours; Bayer, US
 * patent 3971065), exposure masks (K = 1; Nayar & Mitsunaga, CVPR 2000) and pixels of two sizes (K = 2 apertures).
 * Exact gradients to both. SG_E_SHAPE if K E does not divide the channels. */
sg_value sg_mosaic(sg_graph *g, sg_value x, sg_value tile, int exposures);

/* D detectors, each the whole field through a mask of its own: y[f](d) = scale sum_r m[d](r) x[f](r). x (n, F, h, w),
 * mask (1, D, h, w) -> (n, F, 1, D). Exact gradients to both (single-pixel camera: Duarte et al., IEEE Signal Process.
 * Mag. 25(2), 83 (2008)). */
sg_value sg_detect(sg_graph *g, sg_value x, sg_value mask, double scale);
/* A picture from the detectors' numbers by the transposed masks: x[f](r) = scale sum_d (y[f](d) - mean_d y[f]) m[d](r).
 * y (n, F, 1, D), mask (1, D, h, w) -> (n, F, h, w). Exact gradients to both. */
sg_value sg_back_project(sg_graph *g, sg_value y, sg_value mask, double scale);

/* F fields of view on one sensor: y_i = sum_{j<F} x_{(i + j) mod n}, the fields of the next pictures of the batch. A
 * batch of n < F pictures gives a picture more than once; each return is moved up by another h/F rows (cyclically),
 * so that a field never covers itself. x (n, c, h, w), 1 <= F <= h. Yao et al., Opt. Express 30, 1745 (2022). */
sg_value sg_overlap(sg_graph *g, sg_value x, int fields);

#endif
