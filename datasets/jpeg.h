/* jpeg.h - JPEG through libjpeg. Only jpeg.c works with it. */
#ifndef SG_DATASETS_JPEG_H
#define SG_DATASETS_JPEG_H

#include "core/status.h"
#include "datasets/image.h"

/* Grey and colour, 8 bits, baseline or progressive, upright as stored (an EXIF orientation is not applied). See
 * sg_image_read_as for options and errors; `raw` changes nothing. What libjpeg patches up with a warning (a file that
 * ends early, a code that is none) is an error here. SG_E_FORMAT for CMYK, which has no colours without a printer's
 * profile. JPEG is lossy: neither its noise nor its darkest and brightest numbers are those of a camera. */
sg_status sg_jpeg_read(sg_image *out, const char *path, sg_image_options options);

#endif
