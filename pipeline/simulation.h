/* simulation.h - one sample sent through a microscope, every stage kept: what `simulate` writes and draws, and what the
 * gallery shows. */
#ifndef SG_PIPELINE_SIMULATION_H
#define SG_PIPELINE_SIMULATION_H

#include "core/model.h"
#include "pipeline/config.h"

/* What stands at one stage: (c, h, w) numbers. */
typedef struct sg_stage_picture {
    const char *name, *unit, *long_name; /* see physics/microscope.h; the transmission is "amplitude" and "phase" */
    double pixel_um;                     /* pitch in the sample plane; 0: not a picture of the field */
    int c, h, w;
    float *data;
} sg_stage_picture;

typedef struct sg_simulation {
    const sg_config *config;
    sg_microscope_size size;
    sg_model *model; /* the hardware's parameters */
    sg_stage_picture list[SG_STAGE_MAX + 2];
    int count;
} sg_simulation;

/* Where the light comes in and which stage is the last one. */
typedef struct sg_simulation_part {
    sg_entry_stage from;
    const char *to; /* name of a stage; NULL: to the end */
} sg_simulation_part;

/* Checks the configuration (it must outlive *out; range_e auto: what the light could fill, see camera.range_e in
 * physics/microscope.h) and makes the model. Free also after an error. SG_E_CONFIG: a measured stack. */
sg_status sg_simulation_open(sg_simulation *out, const sg_config *config);
void sg_simulation_free(sg_simulation *s);

/* The shape of what comes in at `entry`, n = 1. */
sg_shape sg_simulation_shape(const sg_simulation *s, sg_entry_stage entry);
/* Runs `in` (of that shape, finite) from part.from to part.to. `sample_id` picks the noise. SG_E_USAGE: this
 * configuration has no stage part.to after part.from; the text lists those that it has. */
sg_status sg_simulation_run(sg_simulation *s, const float *in, sg_simulation_part part, uint32_t sample_id);
/* NULL if there is none of this name. */
const sg_stage_picture *sg_simulation_stage(const sg_simulation *s, const char *name);

/* The stages side by side, LED patterns before the image, as one PNG (*out, sg_free): every picture of a stage stands
 * below the other, at most four; each has a scale of its own with its unit, and a bar of a round length. `show`: names
 * of stages with blanks between, "LEDs" for the patterns; NULL: all. SG_E_USAGE: none of them is there; SG_E_IO:
 * gnuplot. strip.c */
sg_status sg_strip_draw(void **out, size_t *size, const sg_simulation *s, const char *show);

#endif
