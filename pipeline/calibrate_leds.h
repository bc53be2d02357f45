/* calibrate_leds.h - where an LED array stands, from a stack of pictures under single LEDs. The spectrum of a
 * bright-field picture is bright inside two circles of the pupil's radius NA/lambda about +f_k and -f_k, where light of
 * the sample interferes with that which passed straight through (Eckert, Phillips & Waller, Applied Optics 57, 5434,
 * 2018). All pictures share the sample, so with L_k(v) the logarithm of |spectrum| of picture k and m_k(v) = 1 inside
 * its circles
 *   residual = mean over k and v of (L_k - mean_k L - contrast (m_k - mean_k m))^2
 * is smallest where the geometry is right. Shift, rotation and height are searched together. Which pictures are bright
 * field is measured, not taken from the description. Defocus and even aberrations do not move the circles. */
#ifndef SG_PIPELINE_CALIBRATE_LEDS_H
#define SG_PIPELINE_CALIBRATE_LEDS_H

#include "datasets/image.h"
#include "physics/led_array.h"
#include "pipeline/config.h"

/* LED k stands at R(rotation) p_k + shift, height_mm above the sample; rotation from +x to +y, which is down. */
typedef struct sg_led_calibration {
    double shift_x_mm, shift_y_mm, rotation_deg, height_mm;
    int leds, bright;                /* pictures used */
    double residual, start_residual; /* of the pose found, and of the one it started from */
    double contrast;                 /* natural logarithm: how much brighter the circles are inside */
    double rise_per_degree2;         /* of the residual, relative, with the rotation: what ties it down */
} sg_led_calibration;

typedef struct sg_led_calibration_options {
    double shift_x_mm, shift_y_mm, rotation_deg; /* where the search starts */
    double height_mm;                            /* 0: as described */
    bool fixed_height;
} sg_led_calibration_options;

/* config: illumination (positions in mm), optics.wavelength_um and na, camera pixel in the sample plane. Errors:
 * SG_E_SHAPE: other numbers of pictures and LEDs; SG_E_RANGE: fewer than 4 bright-field pictures, circles outside the
 * spectrum; SG_E_NUMERIC: no circles to be seen, a rotation that nothing ties down, a search that ends at its bounds.
 */
sg_status sg_led_calibration_find(sg_led_calibration *out, const sg_config *config, const sg_image *stack,
                                  const sg_led_calibration_options *options);

/* LED `led` of the array after the calibration: place (mm) and direction sines of its light. */
void sg_led_calibration_apply(const sg_led_calibration *c, const sg_led_array *array, int led, double position_mm[2],
                              double s[2]);

#endif
