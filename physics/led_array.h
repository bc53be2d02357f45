/* led_array.h - where the LEDs are, which way their light travels, and which of them a pattern lights (PHYSICS section
 * 2). Light travels from LED k at (x, y) mm to the sample: s = -(x, y)/sqrt(x^2 + y^2 + h^2), f = s/lambda,
 * illumination NA |s|. */
#ifndef SG_PHYSICS_LED_ARRAY_H
#define SG_PHYSICS_LED_ARRAY_H

#include "core/status.h"
#include "physics/microscope.h"

enum { SG_LED_MAX = 4096 };

typedef struct sg_led {
    double x_mm, y_mm; /* on the array; where a geometry gives NA, the place at height_mm that has it */
    double s_x, s_y;   /* direction sines of its light at the sample */
    double f_x, f_y;   /* s / lambda, cycles/um */
    double power;      /* relative */
    int bin_x, bin_y;  /* f on the bins of the field, nearest, ties to even */
} sg_led;

typedef struct sg_led_array {
    int count;
    double height_mm, slide_mm, slide_index;
    sg_led *led; /* owned */
} sg_led_array;

/* Grid: LED r columns + c at ((c - (columns-1)/2), (r - (rows-1)/2)) pitch. Rings: the centre, then 6 r LEDs at radius
 * r pitch, counter-clockwise from +x in steps of 2 pi/(6 r) (towards +y, which is down). CSV: header with x_mm,y_mm, or
 * na_x,na_y = (s_x, s_y); optional power; other columns are ignored. With pitch_na or na columns s is given and height
 * and slide only name positions (height 1 mm if none is given, no slide). field_um = N d. *out is zero on error. Errors
 * name the key, or file and line. */
sg_status sg_led_array_make(sg_led_array *out, const sg_illumination_config *config, double wavelength_um,
                            double field_um);
/* bin (count, 2), (y, x): f on the bins of the field for light of any wavelength. */
void sg_led_array_bins(int *bin, const sg_led_array *array, double wavelength_um, double field_um);
void sg_led_array_free(sg_led_array *array);

/* Direction sines of light from (x, y) mm. height_mm of air lie between the array and the slide (or the sample, without
 * one); the slide is a plane plate of slide_mm and slide_index before the sample, so that sqrt(x^2 + y^2) = height
 * tan(theta) + slide tan(theta'), sin(theta) = slide_index sin(theta'), |s| = sin(theta). ds (NULL: not wanted):
 * ds[a][b] = d s_a / d position_b, a, b in (x, y), 1/mm. */
void sg_led_direction(double s[2], double ds[2][2], double x_mm, double y_mm, double height_mm, double slide_mm,
                      double slide_index);

/* |f| + NA/lambda <= 1/(2 pixel_um) along x and y for every LED, or an error that names the LED and the pitch that
 * would do. */
sg_status sg_led_array_sampling(const sg_led_array *array, double wavelength_um, double na, double pixel_um);

/* weight (colours exposures, count) of the starting pattern, colour by colour: a table has rows for all of them, every
 * other pattern is repeated; the sum over all of them is 1 (dose constraint), or lit LEDs have
 * 1 (box). csv: a row an LED in the order of the array; the columns named weight... are the exposures, or all columns
 * where none is. Not for SG_PATTERN_RANDOM, which is drawn with the parameters. Errors: a pattern that lights nothing,
 * dpc with other than 2 exposures, a file of another size. */
sg_status sg_led_pattern(double *weight, const sg_led_array *array, const sg_illumination_config *config, int colours,
                         double na);

#endif
