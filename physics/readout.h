/* readout.h - what the network sees: exposures combined into channels and scaled (PHYSICS section 6).
 *     channels = R (adu - offset_adu) gain_e_per_adu / range_e = R (adu - offset_adu) / (2^bit_depth - 1)
 *     without ADC (bit_depth 0): channels = R electrons / range_e
 * R: channels = identity; difference = (1, -1), needs E = 2; sum = (1, ..., 1). Exact gradients to adu and range_e. */
#ifndef SG_PHYSICS_READOUT_H
#define SG_PHYSICS_READOUT_H

#include "physics/microscope.h"

/* adu (n, G E, h, w): G measurements of E exposures, range_e (1, 1, 1, 1) -> (n, G E or G, h, w). Reads readout,
 * normalise, bit_depth, offset_adu of config; normalise standard adds sg_standardise. */
sg_value sg_readout(sg_graph *g, sg_value adu, sg_value range_e, const sg_camera_config *config, int exposures);
/* The same with an offset_adu (1, 1, 1, 1) that learns; SG_NONE: that of config. */
sg_value sg_readout_with(sg_graph *g, sg_value adu, sg_value range_e, sg_value offset_adu,
                         const sg_camera_config *config, int exposures);

/* y = (x - mean) / sqrt(var + epsilon), mean and variance (divided by the count) over c, h, w of each image. Exact
 * gradient. epsilon > 0. */
sg_value sg_standardise(sg_graph *g, sg_value x, double epsilon);

#endif
