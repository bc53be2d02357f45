/* sample.h - what samples are made of in files: pictures of one or several channels, scaled as their kind needs. */
#ifndef SG_DATASETS_SAMPLE_H
#define SG_DATASETS_SAMPLE_H

#include "core/status.h"
#include "datasets/image.h"
#include "physics/microscope.h"

/* What makes a sample of the numbers in a file: clamp((x - lo) (1 / range), low, high). All in double, rounded once. */
typedef struct sg_sample_scale {
    double lo, range, low, high;
} sg_sample_scale;
static inline float sg_sample_scaled(double x, sg_sample_scale scale)
{
    const double v = (x - scale.lo) * (1 / scale.range), up = scale.low > v ? scale.low : v; /* a loop divides once */
    return (float)(scale.high < up ? scale.high : up);
}
/* lo .. hi becomes 0..1; a constant picture, 0. */
sg_sample_scale sg_sample_scale_between(double lo, double hi);

/* Channels are the pages of the file, in its order, or the colours of a picture of one page: red, green, blue. Of a
 * sample of kind colour the longest wavelength sees the red: with `rising` (wavelengths rise, optics.colours_um) the
 * colours of a picture, not the pages of a file, come in the order blue, green, red.
 *   coherent, slices, incoherent   each channel by sg_image_scale: its 1st..99.8th percentile becomes 0..1
 *   colour                         transmitted intensities 0..1: integers / full scale (2^bits - 1), floats as they
 *                                  are
 *   field                          amplitude >= 0 and phase in rad, as they are: two pages, a complex .npy, or two
 * files,
 *                                  NAME_amplitude.EXT (which `path` names) and NAME_phase.EXT
 * *out has `channels` pages. `options` say how the file is read: axes, take, pixel_um. Errors name the file: fewer or
 * more channels, NaN or Inf, a number out of range. */
sg_status sg_sample_read(sg_image *out, const char *path, sg_sample_kind kind, int channels, bool rising,
                         sg_image_options options);
/* The same picture before its scale, and the scale of each channel: scale (channels). */
sg_status sg_sample_read_raw(sg_image *out, sg_sample_scale *scale, const char *path, sg_sample_kind kind, int channels,
                             bool rising, sg_image_options options);

/* Only the scales, of an image that has the numbers of a file in the channels of the sample. */
sg_status sg_sample_scales(sg_sample_scale *scale, const sg_image *image, const char *path, sg_sample_kind kind);

/* In place: the mean of each bin x bin square of pixels becomes one; rows and columns that fill none are cut off. bin <=
 * 1 changes nothing. SG_E_SHAPE if nothing is left. */
sg_status sg_picture_bin(sg_image *image, int bin, const char *path);

/* "NAME_amplitude.tif" of a field in two files -> true; *phase = "NAME_phase.tif" (size letters; NULL: not wanted). */
bool sg_sample_phase_path(char *phase, size_t size, const char *path);

#endif
