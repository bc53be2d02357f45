/* camera_preset.h - numbers of real cameras, to start from. */
#ifndef SG_PHYSICS_CAMERA_PRESET_H
#define SG_PHYSICS_CAMERA_PRESET_H

#include "physics/microscope.h"

/* Puts the preset's quantum efficiency, dark current, full well, read noise, EM gain, bits, gain, offset and kind into
 * *config, and the preset itself; everything else stays. SG_PRESET_NONE changes only config->preset. */
void sg_camera_preset_apply(sg_camera_config *config, sg_camera_preset preset);

#endif
