/* photon_transfer.h - a camera's numbers from flat and dark frames: the photon transfer method (Janesick, Photon
 * Transfer, SPIE Press 2007; EMVA 1288 release 4.0). At each light level, every pixel's mean and variance over the
 * frames; averaged over the pixels, they lie on a line up to saturation,
 *     variance = variance(dark) + (mean - mean(dark)) / gain_e_per_adu,
 * and fixed differences between pixels do not enter. */
#ifndef SG_PIPELINE_PHOTON_TRANSFER_H
#define SG_PIPELINE_PHOTON_TRANSFER_H

#include "datasets/image.h"

#include <stdbool.h>

enum { SG_LEVEL_MAX = 64 };

typedef struct sg_level {
    int frames;
    double mean, variance; /* ADU, ADU^2: over the frames, averaged over the pixels */
    bool used;             /* in the fit: below saturation */
    float *pixel_mean;     /* (height, width) */
} sg_level;

typedef struct sg_photon_transfer {
    int height, width, levels;
    sg_level dark, level[SG_LEVEL_MAX]; /* levels by rising mean */
    double gain_e_per_adu, gain_error;  /* standard error of the fit */
    double offset_adu, read_noise_e;
    double full_well_e;    /* 0: no level is saturated */
    double prnu, dsnu_e;   /* rms over the pixels, noise of the means taken off */
    float *prnu_map;       /* relative sensitivity, 1 on average */
    float *dsnu_map;       /* e, 0 on average */
    float *read_noise_map; /* e rms; rounding, 1/12 ADU^2, taken off */
} sg_photon_transfer;

/* Mean and variance of a stack of at least 2 frames; pixel_variance (height, width): ADU^2, or NULL.
 * *size: 0, 0 before the first stack, which sets it; SG_E_SHAPE: another size. */
sg_status sg_photon_transfer_level(sg_level *out, float *pixel_variance, const sg_image *stack, int size[2],
                                   const char *path);
/* Sorts and fits. What stands in t->dark, t->level and t->read_noise_map (there the dark pixels' variances in ADU^2) is
 * input. Weights: the variance of a level's variance is 2 variance^2 / (pixels (frames - 1)). Levels above 70 % of the
 * brightest unsaturated one stay out; a level is saturated where its variance is less than half of what the line says.
 * SG_E_RANGE: fewer than 2 levels below saturation, or no light. */
sg_status sg_photon_transfer_fit(sg_photon_transfer *t);
void sg_photon_transfer_free(sg_photon_transfer *t);

#endif
