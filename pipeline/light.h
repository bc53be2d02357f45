/* light.h - the light of a configuration, learned or starting, as numbers and as files that another program, or the
 * controller of an LED array, reads. The files are described in docs/formats.md. */
#ifndef SG_PIPELINE_LIGHT_H
#define SG_PIPELINE_LIGHT_H

#include "core/model.h"
#include "pipeline/config.h"

/* Rows of weights: exposures of the first colour, then of the next. */
typedef struct sg_light {
    int leds, colours, exposures;
    double *weight;      /* (colours exposures, leds) after illumination.levels; owned, as all tables here */
    double *x_mm, *y_mm; /* (leds) */
    double *na_x, *na_y; /* (leds) direction sines of the light at the sample */
    double *power;       /* (leds) relative */
    double wavelength_um[SG_COLOUR_MAX]; /* of each colour */
    double photons;                      /* per camera pixel area at the sample for one LED at weight 1 and power 1 */
    double flux_ph_per_s;                /* of one LED at full level and power 1 */
    bool whole_levels; /* illumination.levels bits8: the weights are whole levels of the brightest LED of all rows */
} sg_light;

/* Weights (and positions, if they learn) from `model`; parameters that it does not hold start as the configuration
 * says. Free with sg_light_free, also after an error. Errors: those of the configuration; no LEDs (incoherent
 * sample). */
sg_status sg_light_read(sg_light *out, const sg_config *config, sg_model *model);
void sg_light_free(sg_light *light);

/* What a controller with 256 levels shows for one row: level_k = round(255 w_k / m), m the largest weight of the row
 * (of all rows if whole_levels), for exposure_s = photons sum(w power) / (flux sum(level/255 power)), so that the dose
 * of the row is kept. What it shows is w'_k = (level_k/255) sum(w power) / sum(level/255 power). */
typedef struct sg_light_row {
    double exposure_s;    /* 0: the row is dark */
    double largest_error; /* max |w' - w| / max w */
    double misplaced;     /* sum |w' - w| power / (2 sum w power): the part of the light that comes from other LEDs */
    int lit;              /* LEDs with a level above 0 */
} sg_light_row;
/* level: (leds) 0..255. */
sg_light_row sg_light_levels(int *level, const sg_light *light, int row);

typedef struct sg_light_origin {
    const char *source; /* the run or the configuration: its last name alone is written */
    bool learned;       /* by a run, or the start of a configuration */
} sg_light_origin;

/* Writes pattern.csv, exposures.csv and light.json into a folder, which is made. */
sg_status sg_light_write(const sg_light *light, const sg_config *config, const sg_light_origin *origin,
                         const char *folder);
/* The table of the LEDs alone, without weights: led, x_mm, y_mm, na_x, na_y, power. */
sg_status sg_light_write_leds(const sg_light *light, const char *path);
/* light.svg and light.png there: at most the first 8 rows. SG_E_IO without gnuplot. */
sg_status sg_light_draw(const sg_light *light, double na, const char *folder);

#endif
