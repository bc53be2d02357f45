/* reconstruct_files.h - what a reconstruction reads and leaves behind. Not public. */
#ifndef SG_PIPELINE_RECONSTRUCT_FILES_H
#define SG_PIPELINE_RECONSTRUCT_FILES_H

#include "pipeline/reconstruct.h"

/* The stack at dataset.path (stack_read.h), one page an LED. sg_image_free. */
sg_status sg_reconstruction_read(sg_image *out, const sg_config *config);

/* folder/results.h5 (sample, pupil, LEDs, losses, config, with units), leds.csv (one line an LED), picture.png (one
 * bright-field picture beside amplitude and phase). */
sg_status sg_reconstruction_save(const sg_reconstruction *r, const sg_image *stack, const double *losses,
                                 const char *folder);

#endif
