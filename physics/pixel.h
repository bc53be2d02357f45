/* pixel.h - camera pixels integrate light over a square of side sqrt(fill_factor) d_c (fill factor: area ratio, EMVA
 * 1288). Exact for a periodic band-limited image: its DFT times sinc(f_x side) sinc(f_y side), then every m-th sample.
 */
#ifndef SG_PHYSICS_PIXEL_H
#define SG_PHYSICS_PIXEL_H

#include "core/graph.h"

/* image (n, E, H, W) at pitch d_c/oversample -> (n, E, H/oversample - 2 margin_px, W/oversample - 2 margin_px): the
 * mean over each pixel's square. Camera pixel i is centred on image sample oversample i; margin_px camera pixels are
 * cut from every side afterwards. Linear, exact gradient. 0 < fill_factor <= 1. SG_E_SHAPE if oversample does not
 * divide H and W or nothing is left. */
sg_value sg_pixel(sg_graph *g, sg_value image, int oversample, double fill_factor, int margin_px);

#endif
