/* gnuplot.h - runs a gnuplot script and keeps what it draws. Not public. */
#ifndef SG_PIPELINE_GNUPLOT_H
#define SG_PIPELINE_GNUPLOT_H

#include "pipeline/figure.h"
#include "pipeline/text.h"

/* The radius, in points of the picture, of marker 7 at size 1: the same in both kinds of picture. */
#define SG_GNUPLOT_MARKER 4.5

/* Draws `script` twice, as SVG and as PNG, `width` x `height` points. Frees nothing. */
sg_status sg_gnuplot_draw(sg_figure *out, const sg_text *script, int width, int height);
/* The PNG alone: for charts with pictures in them. *png: sg_free. */
sg_status sg_gnuplot_png(void **png, size_t *size, const sg_text *script, int width, int height);
/* Text in single quotes, where gnuplot expands nothing. */
void sg_gnuplot_quote(sg_text *script, const char *plain);

#endif
