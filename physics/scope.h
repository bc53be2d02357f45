/* scope.h - inside physics/: a checked configuration with all that follows from it, and the parts of the microscope
 * that microscope.c joins. Each part is one file scope_<part>.c, which owns its parameters and its stages. */
#ifndef SG_PHYSICS_SCOPE_H
#define SG_PHYSICS_SCOPE_H

#include "physics/camera.h"
#include "physics/led_array.h"
#include "physics/microscope.h"
#include "physics/psf.h"

typedef struct sg_scope_colour {
    double wavelength_um;
    int *bin; /* (K, 2) y, x; NULL without LEDs */
} sg_scope_colour;

/* What optics.pupil_file says of each bin (colours, M, M); NULL without a file. */
typedef struct sg_pupil_map {
    double *amplitude, *phase; /* owned */
    double largest;            /* amplitude; at least 1 */
} sg_pupil_map;
/* A configuration, what follows from it, and its LEDs. */
typedef struct sg_scope {
    const sg_microscope_config *config;
    sg_microscope_size size;
    sg_led_array leds;
    double field_um; /* N d */
    double na_max;   /* a learned NA stays below */
    int margin_px;   /* camera pixels */
    sg_pupil_map pupil;
    double *weight;      /* (colours E, K) starting pattern */
    double *power;       /* (K) */
    double *position_mm; /* (K, 2) x, y */
    sg_scope_colour colour[SG_COLOUR_MAX];
    struct sg_spectra *spectra; /* of the dyes; NULL: none */
    int cfa_tile_px;            /* side of the tile */
    double *cfa;                /* (colours, tile, tile) starting transmissions; NULL: no filters */
    int psf_px, psf_count;      /* side and number of psf */
    double *psf;         /* (psf_count, psf_px, psf_px) wrapped: measured (for each place), free or fixed taps, or
                                 * eigen-PSFs (of each picture); NULL: the PSF is no table */
    double *psf_share;   /* (psf_count / modes, psf_grid^2, modes) of eigen-PSFs in the places' PSFs; NULL: none */
    double *detector;    /* (D, C, C) starting masks; NULL: random */
    unsigned char *bits; /* (sensor) of each pixel; NULL: all camera.bit_depth */
    float *dark_counts;  /* (sensor) of each pixel and frame; NULL: all camera.dark_counts */
} sg_scope;

/* scope_check.c */
sg_status sg_scope_open(sg_scope *s, const sg_microscope_config *config);
void sg_scope_close(sg_scope *s);

/* A number, or a table of `values`, that learns if asked. */
sg_value sg_scope_param(sg_graph *g, const char *name, sg_shape shape, double constant, const double *values,
                        const char *unit, sg_learn learn, sg_constraint constraint, double lo, double hi);
sg_value sg_scope_scalar(sg_graph *g, const char *name, double value, const char *unit, sg_learn learn,
                         sg_constraint constraint, double lo, double hi);

/* Appends a stage that `simulate` writes; SG_NONE is left out. Strings are not copied. */
void sg_scope_stage(sg_microscope_stages *stages, const char *name, sg_value value, const char *unit, double pixel_um,
                    const char *long_name);

/* A thin sample under the LEDs: coherent, colour, field. */
bool sg_scope_is_thin(const sg_scope *s);
/* What phases at the config's wavelength_um are multiplied by for this colour. */
double sg_scope_dispersion(const sg_scope *s, int colour);
/* The rows of the LED weights that belong to one colour. */
sg_value sg_scope_colour_rows(sg_graph *g, const sg_scope *s, sg_value weight, int colour);
/* Channels of all pictures, in their order. */
sg_value sg_scope_join(sg_graph *g, const sg_value *pictures, int count);

/* scope_light.c: weights (1,1,colours E,K), powers (1,1,1,K), offsets of the frequencies from their bins (SG_NONE:
 * snap); the photons that reach one camera pixel's area where the image is 1 */
sg_value sg_scope_led_weight(sg_graph *g, const sg_scope *s);
sg_value sg_scope_led_power(sg_graph *g, const sg_scope *s);
sg_value sg_scope_led_offset(sg_graph *g, const sg_scope *s, int colour);
double sg_scope_photons(const sg_scope *s);
sg_status sg_scope_check_light(const sg_scope *s); /* the starting pattern lights something through the levels */

/* scope_pupil.c: (1 or K, 1, M, M) complex; the bins that light can pass on each side of the centre (0: all) */
sg_value sg_scope_pupil(sg_graph *g, const sg_scope *s, int plane, int colour, sg_value offset);
int sg_scope_pupil_support(const sg_scope *s, int colour);

/* scope_pupil_file.c: errors name the file */
sg_status sg_scope_pupil_file(sg_pupil_map *out, const sg_scope *s);
void sg_scope_pupil_file_free(sg_pupil_map *map);

/* scope_coherent.c, scope_incoherent.c: sample to intensity (n, L, M, M), L = size.light_frames */
sg_value sg_scope_coherent(sg_graph *g, const sg_scope *s, sg_value sample, sg_microscope_stages *stages);
/* scope_slices.c: the same for a thick sample (n, S, N, N), and what it needs of the configuration */
sg_value sg_scope_slices(sg_graph *g, const sg_scope *s, sg_value pictures, sg_microscope_stages *stages);
sg_status sg_scope_check_slices(const sg_scope *s);
sg_value sg_scope_stack(sg_graph *g, const sg_scope *s, sg_value stack);
sg_value sg_scope_incoherent(sg_graph *g, const sg_scope *s, sg_value emission, sg_microscope_stages *stages);
/* scope_filters.c: reads the spectra; emission (n, dyes, h, w) to what the filters pass (n, colours, h, w), or as it
 * is */
sg_status sg_scope_open_filters(sg_scope *s);
sg_value sg_scope_filtered(sg_graph *g, const sg_scope *s, sg_value emission);
sg_value sg_scope_extra_blur(sg_graph *g, const sg_scope *s, sg_value image);

/* scope_psf.c: kernels (1 or samples, 1 or one for each place, h, w) for sg_blur; the extra Gaussian, SG_NONE: there
 * is none. scope_mask.c: `phase` of the pupil (1,1,M,M) or SG_NONE, with the phase mask added.
 * scope_check_psf.c: what the choice of PSF needs, and whether it fits into the field */
sg_value sg_scope_psf(sg_graph *g, const sg_scope *s, int plane, int colour, int samples);
sg_value sg_scope_extra_psf(sg_graph *g, const sg_scope *s);
sg_psf_round sg_scope_psf_round(const sg_scope *s, int colour); /* reach_um is left 0; vectorial: no round model */
sg_value sg_scope_mask(sg_graph *g, const sg_scope *s, int colour, sg_value phase);
sg_status sg_scope_check_psf(const sg_scope *s);
sg_status sg_scope_open_psf(sg_scope *s); /* scope_psf_table.c: s->psf, and the parameter with its values */
sg_value sg_scope_psf_table(sg_graph *g, const sg_scope *s);
/* scope_psf_modes.c: PSFs of the places become optics.psf_modes eigen-PSFs, s->psf and s->psf_share. Eigen-PSFs
 * (1, psf_count, h, w), and what the emission is multiplied by for each kernel (1, psf_count or places, N, N); that
 * part of either which belongs to picture plane * colours + colour */
sg_status sg_scope_open_modes(sg_scope *s);
sg_value sg_scope_modes(sg_graph *g, const sg_scope *s);
sg_value sg_scope_place_weights(sg_graph *g, const sg_scope *s);
sg_value sg_scope_modes_of(sg_graph *g, const sg_scope *s, sg_value table, int picture);

/* scope_pixels.c: intensity to light on the pixels (n, frames, sensor_h, sensor_w); camera values of pixels that are
 * binned or coarser than others on the common grid; the picture that detectors make; light on a pixel that is read for
 * a sample that lets all light through; pixels whose dark current is read together */
sg_value sg_scope_pixels(sg_graph *g, const sg_scope *s, sg_value light);
sg_value sg_scope_pixels_adu(sg_graph *g, const sg_scope *s, sg_value adu);
sg_value sg_scope_detector_picture(sg_graph *g, const sg_scope *s, sg_value numbers);
double sg_scope_pixel_gain(const sg_scope *s);
double sg_scope_binned_on_chip(const sg_scope *s);
double sg_scope_sensor_pitch_um(const sg_scope *s); /* of what the ADC reads; 0: detectors */

/* scope_check_pixels.c: ranges and choices, and pictures that the camera takes; sizes that follow (after the margin);
 * starting filters and masks */
/* Side of a square tile of `count` numbers; 0 if it is none. */
int sg_scope_tile_side(int count);
sg_status sg_scope_check_pixels(sg_scope *s);
sg_status sg_scope_size_pixels(sg_scope *s);
sg_status sg_scope_open_masks(sg_scope *s);

/* scope_maps.c: a map in a file, as sg_map_reader, errors with the key before them; the camera with its maps and, if it
 * learns, its offset (SG_NONE: it does not) */
sg_status sg_scope_read_map(float **out, int *height, int *width, const sg_scope *s, const char *key, const char *path);
sg_value sg_scope_camera(sg_graph *g, const sg_scope *s, sg_value image, sg_value range_e, sg_camera_attr attr);
sg_value sg_scope_offset_adu(sg_graph *g, const sg_scope *s);

/* scope_adc.c: whether the ADC is an op of its own; mean electrons (spad) or electrons to digital numbers */
sg_status sg_scope_check_adc(const sg_camera_config *camera);
sg_status sg_scope_open_adc(sg_scope *s);
bool sg_scope_adc_apart(const sg_camera_config *camera);
sg_value sg_scope_adc(sg_graph *g, const sg_scope *s, sg_value electrons, sg_value range_e);

/* scope_sensor.c: where the range of the ADC starts; light on the pixels, or electrons before the ADC, to what the
 * network sees */
double sg_scope_range_e(const sg_scope *s);
sg_value sg_scope_sensor(sg_graph *g, const sg_scope *s, sg_value in, bool electrons, bool want_electrons,
                         sg_microscope_stages *stages);

#endif
