/* figure_part.h - what the charts' scripts share. Not public. */
#ifndef SG_PIPELINE_FIGURE_PART_H
#define SG_PIPELINE_FIGURE_PART_H

#include "pipeline/figure.h"
#include "pipeline/gnuplot.h"

/* Okabe & Ito without yellow, which vanishes on a white page, and a grey; black is the page's text colour. */
enum { SG_FIGURE_COLOURS = 8 };
extern const char *const sg_figure_palette[SG_FIGURE_COLOURS];

/* Frame, grid and fill of every chart. */
void sg_figure_style_put(sg_text *s);
/* set <what> '<text>' */
void sg_figure_label(sg_text *s, const char *what, const char *text);
/* " 1.25", or " NaN" if it is not finite. */
void sg_figure_number(sg_text *s, double value);
/* A word of a data block in double quotes, " inside as '. */
void sg_figure_word(sg_text *s, const char *text);

/* Panels of `width` x `height` points in rows of `columns`, in a picture that has `below` points more at its foot. */
typedef struct sg_figure_layout {
    int columns, rows, width, height, below;
} sg_figure_layout;
/* Margins in points of a panel inside its place. */
typedef struct sg_figure_margin {
    int left, right, top, bottom;
} sg_figure_margin;
/* Sets the margins for panel `index`. */
void sg_figure_place(sg_text *s, const sg_figure_layout *layout, const sg_figure_margin *margin, int index);

#endif
