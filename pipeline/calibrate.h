/* calibrate.h - what `scopegrad calibrate` can find from measurements: one function each, called as a command. */
#ifndef SG_PIPELINE_CALIBRATE_H
#define SG_PIPELINE_CALIBRATE_H

#include "core/status.h"

/* X(name, one line for the list) */
#define SG_CALIBRATIONS(X)                                                                                             \
    X(camera, "gain, offset, read noise, full well and maps from flat and dark frames")                                \
    X(leds, "shift, rotation and height of an LED array from pictures under single LEDs")

#define SG_CALIBRATION_DECLARE(name, line) sg_status sg_calibrate_##name(int argc, char **argv);
SG_CALIBRATIONS(SG_CALIBRATION_DECLARE)
#undef SG_CALIBRATION_DECLARE

#endif
