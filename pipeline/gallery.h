/* gallery.h - one page that shows what the physical layer can do: each entry is a title, a sentence with its source,
 * the config keys that make it, and the pictures of a simulation with them. The entries are a table in
 * gallery_entries.c; a new stage or choice gets a row there. */
#ifndef SG_PIPELINE_GALLERY_H
#define SG_PIPELINE_GALLERY_H

#include "core/status.h"

typedef struct sg_gallery_entry {
    const char *section, *title;
    const char *text; /* what one sees, formula, source */
    const char *sets; /* "camera.bit_depth=1; camera.offset_adu=0": assignments between semicolons */
    const char *show; /* stages, with blanks between, see simulation.h; "LEDs" are the patterns */
} sg_gallery_entry;

extern const sg_gallery_entry sg_gallery_entries[];
extern const int sg_gallery_count;

/* Simulates every entry on built-in pictures and writes the page, one HTML file that needs nothing else. Progress goes
 * to stdout. The same program gives the same bytes. SG_E_IO: gnuplot, built-in pictures or the page. */
sg_status sg_gallery_make(const char *out_html);

#endif
