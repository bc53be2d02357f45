/* tiff_file.h - a file as libtiff sees it: through our own reads and writes, so that what goes wrong becomes one line
 * of text. Not installed. */
#ifndef SG_DATASETS_TIFF_FILE_H
#define SG_DATASETS_TIFF_FILE_H

#include "core/status.h"

#include <stdbool.h>
#include <sys/types.h>
#include <tiffio.h>

typedef struct sg_tiff_file {
    int file; /* -1: none */
    off_t position, size;
    bool truncated; /* libtiff asked for bytes past the end; it forgives that in places where we do not */
    char text[200]; /* libtiff's first complaint, or the system's */
} sg_tiff_file;

/* Opens a regular file that is not empty; SG_E_IO, SG_E_FORMAT. Who opened it closes `file`. */
sg_status sg_tiff_file_open(sg_tiff_file *file, const char *path);
/* libtiff on top of it; mode "r", "w", "w8" (BigTIFF). NULL: see file->text. TIFFClose leaves the file open. */
TIFF *sg_tiff_file_start(sg_tiff_file *file, const char *path, const char *mode);
/* `count` bytes from `offset` on; false, and `truncated`, if the file ends before. */
bool sg_tiff_file_bytes(sg_tiff_file *file, void *out, size_t count, off_t offset);

#endif
