/* ops.h - the rows of the op table that physics/ owns, one line each. */
#ifndef SG_PHYSICS_OPS_H
#define SG_PHYSICS_OPS_H

#include "core/ops.h"

#define SG_PHYSICS_OPS(X)                                                                                              \
    X(sample_phase)                                                                                                    \
    X(transmission)                                                                                                    \
    X(beer_lambert)                                                                                                    \
    X(filter)                                                                                                          \
    X(mix)                                                                                                             \
    X(dft2)                                                                                                            \
    X(pupil)                                                                                                           \
    X(led_levels)                                                                                                      \
    X(led_frequency)                                                                                                   \
    X(led_pose)                                                                                                        \
    X(led_image)                                                                                                       \
    X(slice_image)                                                                                                     \
    X(amplitude)                                                                                                       \
    X(stack_image)                                                                                                     \
    X(camera)                                                                                                          \
    X(adc_soft)                                                                                                        \
    X(adc_threshold)                                                                                                   \
    X(spad)                                                                                                            \
    X(readout)                                                                                                         \
    X(standardise)                                                                                                     \
    X(pixel)                                                                                                           \
    X(shift)                                                                                                           \
    X(bin)                                                                                                             \
    X(repeat)                                                                                                          \
    X(mosaic)                                                                                                          \
    X(detect)                                                                                                          \
    X(back_project)                                                                                                    \
    X(overlap)                                                                                                         \
    X(psf_gaussian)                                                                                                    \
    X(psf_pupil)                                                                                                       \
    X(blur)                                                                                                            \
    X(pupil_defocus)                                                                                                   \
    X(psf_radial)                                                                                                      \
    X(blur_direct)                                                                                                     \
    X(modulate)

SG_PHYSICS_OPS(SG_OP_DECLARE)

#endif
