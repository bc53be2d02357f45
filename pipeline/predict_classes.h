/* predict_classes.h - a trained classifier on pictures, as a table: name,predicted,p_<class>,... */
#ifndef SG_PIPELINE_PREDICT_CLASSES_H
#define SG_PIPELINE_PREDICT_CLASSES_H

#include "pipeline/program.h"

/* Where the pictures go in and the logits come out: the whole run's program for samples, the network alone for camera
 * values. */
typedef struct sg_class_pictures {
    const char *const *path;
    int count;
    bool measured; /* camera values (ADU), one page an exposure, of the run's size; else samples */
} sg_class_pictures;

/* Writes `output` whole: a row a picture with its path, the most probable class and the probability of each. program:
 * SG_PROGRAM_EVALUATE of the run. SG_E_SHAPE: a picture of another size, or of other pages. SG_E_IO, SG_E_MEMORY. */
sg_status sg_predict_classes(const char *output, const sg_class_pictures *pictures, const sg_config *config,
                             sg_model *model, const sg_program *program);

#endif
