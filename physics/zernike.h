/* zernike.h - Zernike polynomials in Noll's order, unit rms on the unit disc (Noll, J. Opt. Soc. Am. 66, 207, 1976): j
 * = 1 piston, even j cosine, odd j sine. Written in x and y, so that the gradient has no singularity at the centre. */
#ifndef SG_PHYSICS_ZERNIKE_H
#define SG_PHYSICS_ZERNIKE_H

#include "physics/microscope.h"

/* Radial order n and angular order m >= 0 of Noll's j >= 1. */
void sg_zernike_order(int noll, int *n, int *m);

/* Z = norm trig_m(x, y) sum_s coefficient[s] (x^2 + y^2)^s, trig = Re or Im of (x + i y)^m. */
typedef struct sg_zernike_term {
    int m, degree; /* of the polynomial in rho^2 */
    int sine;
    double coefficient[4]; /* normalised; j <= 36 has n <= 7 */
} sg_zernike_term;

/* Terms j = 1 .. count <= SG_ZERNIKE_MAX. */
void sg_zernike_terms(sg_zernike_term *out, int count);

/* value[j - 1], and d/dx, d/dy (NULL: not wanted), at (x, y) = rho (cos theta, sin theta); rho > 1 continues the
 * polynomial. */
void sg_zernike_values(double *value, double *dx, double *dy, const sg_zernike_term *terms, int count, double x,
                       double y);

#endif
