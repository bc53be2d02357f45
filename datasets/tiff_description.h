/* tiff_description.h - what the ImageDescription of a TIFF's first page tells about all its pages: OME-XML (the Open
 * Microscopy Environment's schema 2016-06, ome-xml.org), ImageJ's lines "channels=2", or tifffile's JSON. Not
 * installed. */
#ifndef SG_DATASETS_TIFF_DESCRIPTION_H
#define SG_DATASETS_TIFF_DESCRIPTION_H

#include "datasets/axes.h"

enum { SG_CHANNELS_MAX = 64, SG_CHANNEL_NAME = 64 };

typedef struct sg_tiff_description {
    sg_axes pages;            /* T, Z and C, in the order of the pages in the file; empty: it does not say */
    long long size_y, size_x; /* 0: it does not say */
    double pixel_um[2];       /* (y, x); 0: it does not say */
    double unit_um;           /* what ImageJ means by a unit of the resolution tags; 0: it does not say */
    bool may_follow;          /* the first page may be the only one with a directory, the others lying behind it */
    char channel[SG_CHANNELS_MAX][SG_CHANNEL_NAME];
    int channels;   /* that have a name */
    int *directory; /* (pages) of each page of OME, sg_alloc; NULL: one after the other */
} sg_tiff_description;

/* Of any text; what is none of the three leaves *out empty. `samples`: of a pixel, which OME counts among
 * the channels. SG_E_FORMAT names what contradicts itself, a DOCTYPE, or planes that lie in other files. */
sg_status sg_tiff_describe(sg_tiff_description *out, const char *text, int samples, const char *path);
void sg_tiff_description_free(sg_tiff_description *description);
/* The kinds, but for tifffile's. */
sg_status sg_ome_describe(sg_tiff_description *out, const char *xml, int samples, const char *path);
sg_status sg_imagej_describe(sg_tiff_description *out, const char *text, const char *path);

/* Micrometres of a unit of length, as OME and ImageJ spell it; 0: none that is known. */
double sg_length_um(const char *unit);

/* OME-XML of pages along one axis (C, Z or T), in a file of its own; to be freed with free(). type: "uint8", "uint16", "float". */
typedef struct sg_ome_form {
    char axis;
    int pages, height, width;
    const char *type;
    double pixel_um;            /* 0: unknown */
    const char *const *channel; /* (pages) names along C, else one; NULL: none */
} sg_ome_form;
sg_status sg_ome_write(char **out, const sg_ome_form *form);

#endif
