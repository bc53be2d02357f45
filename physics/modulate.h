/* modulate.h - a picture times a map: vignetting, weights of a shift-variant blur, masks. */
#ifndef SG_PHYSICS_MODULATE_H
#define SG_PHYSICS_MODULATE_H

#include "core/graph.h"

/* y = a x. In n and in c sizes are equal or one of them is 1 and repeated; (h, w) are equal or one is (1, 1): maps
 * (1, c, h, w) times pictures (n, 1, h, w) give (n, c, h, w), a number times a map the scaled map. Real. Linear in x
 * and in a; exact gradients to both. */
sg_value sg_modulate(sg_graph *g, sg_value x, sg_value a);

#endif
