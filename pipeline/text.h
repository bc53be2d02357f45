/* text.h - a text that grows, for pages and scripts. The first error (memory) is kept and later calls do nothing, so
 * writers need no checks: look at `status` at the end. Not public. */
#ifndef SG_PIPELINE_TEXT_H
#define SG_PIPELINE_TEXT_H

#include "core/status.h"

#include <stddef.h>

typedef struct sg_text {
    char *data; /* NULL or a C string of `len` bytes */
    size_t len, room;
    sg_status status;
} sg_text;

/* Start with `sg_text text = {0};`. */
void sg_text_free(sg_text *text);
void sg_text_add(sg_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sg_text_bytes(sg_text *text, const char *data, size_t len);
/* & < > " ' as entities; control characters as blanks. */
void sg_text_html(sg_text *text, const char *plain);
/* A JSON string with its quotes (RFC 8259); `plain` is UTF-8. */
void sg_text_json(sg_text *text, const char *plain);
/* A cell of a table (RFC 4180): in quotes where it holds a comma, a quote or a line break; a quote in quotes is doubled. */
void sg_text_csv(sg_text *text, const char *plain);
/* "data:<mime>;base64,..." (RFC 2397, RFC 4648). */
void sg_text_data_uri(sg_text *text, const char *mime, const void *data, size_t size);

#endif
