/* spad.h - a camera of single-photon detectors: n binary frames, counted (Fossum et al., "The quanta image sensor",
 * Sensors 16, 1260, 2016; PHYSICS section 6). In one frame a pixel fires once or not at all,
 *     p = 1 - exp(-(mu/n + dark)),  count ~ Binomial(n, p)
 * mu: mean photoelectrons of the whole exposure, dark: mean dark counts of a frame. n = 1 is a one-bit picture.
 * Gradient through the mean, d count / dmu = n dp/dmu = exp(-(mu/n + dark)), a surrogate. NaN stays NaN.
 *
 * Random numbers: stream (SG_RNG_SHOT, sample id, exposure = channel), element = pixel index y w + x, binomial.h. */
#ifndef SG_PHYSICS_SPAD_H
#define SG_PHYSICS_SPAD_H

#include "core/graph.h"

enum { SG_SPAD_FRAMES_MAX = 10000 };

/* mu (n, E, h, w), taken as 0 where negative; dark (1, 1, h, w) or (1, 1, 1, 1), without gradient, or SG_NONE (0)
 * -> counts (n, E, h, w). frames 1..10000, E <= SG_FRAME_MAX. SG_E_RANGE, SG_E_SHAPE name what does not fit. */
sg_value sg_spad(sg_graph *g, sg_value mu, sg_value dark, int frames);

#endif
