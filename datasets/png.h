/* png.h - PNG through libpng. png.c is the only file that includes it. */
#ifndef SG_DATASETS_PNG_H
#define SG_DATASETS_PNG_H

#include "core/status.h"
#include "datasets/image.h"

#include <stddef.h>
#include <stdint.h>

/* Grey, colour, palette, with or without alpha, 1..16 bits, interlaced or not. See sg_image_read_as for options and
 * errors. */
sg_status sg_png_read(sg_image *out, const char *path, sg_image_options options);

/* gray8: (height, width); gray16: the same, host byte order; rgb: (height, width, 3). */
typedef enum sg_png_kind { SG_PNG_GRAY8, SG_PNG_GRAY16, SG_PNG_RGB } sg_png_kind;

/* *out = the bytes of a PNG file, *size of them; the same picture gives the same bytes. Free with sg_free. */
sg_status sg_png_encode(void **out, size_t *size, const void *data, int height, int width, sg_png_kind kind);
/* The same, written to a file by sg_file_write. */
sg_status sg_png_write_gray8(const char *path, const uint8_t *data, int height, int width);
sg_status sg_png_write_gray16(const char *path, const uint16_t *data, int height, int width);
sg_status sg_png_write_rgb(const char *path, const uint8_t *data, int height, int width);

#endif
