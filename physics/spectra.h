/* spectra.h - emission spectra of fluorophores, and the part of each that a band-pass filter lets through. */
#ifndef SG_PHYSICS_SPECTRA_H
#define SG_PHYSICS_SPECTRA_H

#include "core/graph.h"
#include "core/status.h"

enum { SG_DYE_MAX = 8, SG_DYE_NAME_MAX = 32, SG_SPECTRUM_MAX = 512 };

/* Densities in 1/um, linear between the points, 0 outside; each has area 1. */
typedef struct sg_spectra {
    int dyes, points;
    double wavelength_um[SG_SPECTRUM_MAX]; /* ascending */
    double density[SG_DYE_MAX][SG_SPECTRUM_MAX];
    char name[SG_DYE_MAX][SG_DYE_NAME_MAX];
} sg_spectra;

/* `names`, blanks between, from the table (csv: header wavelength_um and one name a dye; numbers >= 0; wavelengths
 * ascending), or of it all if `names` is empty. Without csv ("") the built-in ones: DAPI, EGFP, mOrange2, mCherry,
 * Cy5, as Gaussians of published peak and width. Errors start with the key sample.dyes, or with file and line. */
sg_status sg_spectra_make(sg_spectra *out, const char *names, const char *csv);

/* Where a dye emits most. */
double sg_spectra_peak_um(const sg_spectra *spectra, int dye);

/* M[c,f] = part of the emission of dye f between centre_c - width_c/2 and centre_c + width_c/2. centre_um, width_um
 * (1,1,1,C) -> (1,1,C,F). Exact gradients: dM/dcentre = s_f(hi) - s_f(lo), dM/dwidth = (s_f(hi) + s_f(lo))/2. */
sg_value sg_filter(sg_graph *g, sg_value centre_um, sg_value width_um, const sg_spectra *spectra);
/* The same number for one filter and one dye. */
double sg_spectra_part(const sg_spectra *spectra, int dye, double lo_um, double hi_um);

/* y_c = sum_f m[c,f] x_f: x (n,F,h,w), m (1,1,C,F) -> (n,C,h,w). Exact gradients to both. */
sg_value sg_mix(sg_graph *g, sg_value x, sg_value matrix);

#endif
