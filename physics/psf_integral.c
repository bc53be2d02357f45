/* psf_integral.c - see psf_integral.h. With k = 2 pi/lambda, rho = 0..1 across the pupil, n the immersion's index:
 *   Airy         U = 2 J_1(v)/v, v = k NA r: the integral in closed form. Born & Wolf, Principles of Optics, 8.5.2 (14)
 *   Born-Wolf    U = 2 int J_0(k NA r rho) exp(-i u rho^2/2) rho drho, u = k NA^2 z/n. Born & Wolf, 8.8.1 (9)
 *   Gibson-Lanni the same with the phase k OPD(rho), OPD = sum_layers t (sqrt(n_t^2 - NA^2 rho^2) - n_t), specimen,
 *                coverslip and immersion less those of the design; the immersion is as thick as focus on the particle
 *                asks for, plus z. Gibson & Lanni, J. Opt. Soc. Am. A 9, 154 (1992), eqs. (3), (5)
 *   vectorial    I_0, I_1, I_2 with sqrt(cos) sin (1 + cos), sin^2, sin (1 - cos) and J_0, J_1, J_2; all orientations
 *                of the dipole alike: |I_0|^2 + 2 |I_1|^2 + |I_2|^2. Richards & Wolf, Proc. R. Soc. A 253, 358 (1959),
 *                eqs. (2.31), (2.32), averaged over azimuth */
#include "physics/psf_integral.h"

#include "core/memory.h"

#include <math.h>

enum { NODES_LEAST = 40, NODES_MOST = 4096 };

static double wavenumber(const sg_psf_round *o)
{
    return 2 * M_PI / o->wavelength_um;
}

/* t (sqrt(n^2 - q^2) - n): path through a layer at the pupil's q = NA rho, less that on the axis. */
static double path(double n, double q)
{
    return -q * q / (sqrt(n * n - q * q) + n);
}

/* d path/dq: how far a ray is displaced, per um of the layer. */
static double path_slope(double n, double q)
{
    return -q / sqrt(n * n - q * q);
}

/* The immersion's thickness where the particle lies in paraxial focus, without the particle's part. */
static double immersion_um(const sg_psf_round *o)
{
    const sg_psf_layers *l = &o->layers;
    return o->index * (l->immersion_um / l->immersion_design_index +
                       l->coverslip_design_um / l->coverslip_design_index - l->coverslip_um / l->coverslip_index);
}

static double displacement_um(const sg_psf_round *o, double q, double defocus_um, double specimen_um)
{
    const sg_psf_layers *l = &o->layers;
    const double n = o->index, medium = path_slope(n, q);
    if (o->model != SG_PSF_ROUND_GIBSON_LANNI) return defocus_um * medium;
    return defocus_um * medium + specimen_um * (path_slope(l->specimen_index, q) - n / l->specimen_index * medium) +
           l->coverslip_um * path_slope(l->coverslip_index, q) -
           l->coverslip_design_um * path_slope(l->coverslip_design_index, q) + immersion_um(o) * medium -
           l->immersion_um * path_slope(l->immersion_design_index, q);
}

double sg_psf_rays_um(const sg_psf_round *o, double defocus_um, double specimen_um)
{
    enum { RAYS = 64 };
    double most = 0;
    for (int i = 1; i <= RAYS; i++)
        most = fmax(most, fabs(displacement_um(o, o->na * i / RAYS, defocus_um, specimen_um)));
    return most;
}

/* Nodes x in 0..1 and weights of Gauss and Legendre: Newton's method on P_n. */
static void gauss_legendre(double *x, double *w, int n)
{
    for (int i = 0; i < n; i++) {
        double t = cos(M_PI * (i + .75) / (n + .5)), slope = 1;
        for (int step = 0; step < 30; step++) {
            double p = 1, before = 0;
            for (int j = 0; j < n; j++) {
                const double next = ((2 * j + 1) * t * p - j * before) / (j + 1);
                before = p;
                p = next;
            }
            slope = n * (t * p - before) / (t * t - 1);
            t -= p / slope;
            if (fabs(p / slope) < 1e-15) break;
        }
        x[i] = .5 - .5 * t;
        w[i] = 1 / ((1 - t * t) * slope * slope);
    }
}

/* Enough for the fastest oscillation, that of the farthest radius, of defocus and of layers. */
static int node_count(const sg_psf_round *o, int size_px)
{
    if (o->model == SG_PSF_ROUND_AIRY) return 1;
    const double reach = wavenumber(o) * o->na * o->pixel_um * size_px * M_SQRT1_2;
    const double deep = wavenumber(o) * fabs(path(o->index, o->na)) * o->reach_um;
    const double layers = wavenumber(o) * o->na * sg_psf_rays_um(o, 0, 0);
    const double nodes = NODES_LEAST + .5 * (reach + 2 * deep + layers);
    return nodes < NODES_MOST ? (int)nodes : NODES_MOST;
}

/* Phases of node i at q = NA rho. */
static void phases(sg_psf_integral *out, const sg_psf_round *o, int i, double q)
{
    const double k = wavenumber(o), n = o->index;
    const sg_psf_layers *l = &o->layers;
    out->per_defocus[i] = k * path(n, q);
    if (o->model == SG_PSF_ROUND_BORN_WOLF) out->per_defocus[i] = -k * q * q / (2 * n);
    if (o->model != SG_PSF_ROUND_GIBSON_LANNI) return;
    out->per_specimen[i] = k * (path(l->specimen_index, q) - n / l->specimen_index * path(n, q));
    out->constant[i] = k * (l->coverslip_um * path(l->coverslip_index, q) -
                            l->coverslip_design_um * path(l->coverslip_design_index, q) + immersion_um(o) * path(n, q) -
                            l->immersion_um * path(l->immersion_design_index, q));
}

/* Amplitudes of node i at t = 0..1 with weight w; returns q = NA rho. */
static double amplitudes(double *out, const sg_psf_round *o, double t, double w)
{
    if (o->model != SG_PSF_ROUND_VECTORIAL) {
        out[0] = 2 * w * t;
        return o->na * t;
    }
    const double alpha = asin(o->na / o->index), theta = alpha * t, c = cos(theta), s = sin(theta);
    out[0] = w * alpha * sqrt(c) * s * (1 + c);
    out[1] = w * alpha * sqrt(c) * s * s;
    out[2] = w * alpha * sqrt(c) * s * (1 - c);
    return o->index * s;
}

static void fill(sg_psf_integral *out, const sg_psf_round *o, int size_px, const double *t, const double *w)
{
    const double k = wavenumber(o);
    for (int i = 0; i < out->nodes; i++) {
        double amplitude[SG_PSF_ORDERS] = {0};
        const double q = amplitudes(amplitude, o, t[i], w[i]);
        phases(out, o, i, q);
        for (int m = 0; m < out->orders; m++) {
            double *to = out->bessel + ((size_t)m * (size_t)out->nodes + (size_t)i) * (size_t)out->radii;
            for (int b = 0; b <= size_px / 2; b++)
                for (int a = 0; a <= b; a++) *to++ = amplitude[m] * jn(m, k * q * o->pixel_um * hypot(a, b));
        }
    }
}

static void fill_airy(sg_psf_integral *out, const sg_psf_round *o, int size_px)
{
    for (int b = 0; b <= size_px / 2; b++) {
        for (int a = 0; a <= b; a++) {
            const double v = wavenumber(o) * o->na * o->pixel_um * hypot(a, b);
            out->bessel[b * (b + 1) / 2 + a] = v > 0 ? 2 * j1(v) / v : 1;
        }
    }
}

static sg_status allocate(sg_psf_integral *out, double **t, double **w)
{
    const size_t nodes = (size_t)out->nodes;
    SG_TRY(SG_ALLOC(t, nodes, "nodes"));
    SG_TRY(SG_ALLOC(w, nodes, "weights of nodes"));
    SG_TRY(SG_ALLOC(&out->constant, nodes, "phases of nodes"));
    SG_TRY(SG_ALLOC(&out->per_defocus, nodes, "phases of nodes"));
    SG_TRY(SG_ALLOC(&out->per_specimen, nodes, "phases of nodes"));
    return SG_ALLOC(&out->bessel, (size_t)out->radii * (size_t)out->orders * nodes, "Bessel functions of a PSF");
}

sg_status sg_psf_integral_make(sg_psf_integral *out, const sg_psf_round *o, int size_px)
{
    const bool vectorial = o->model == SG_PSF_ROUND_VECTORIAL;
    const int half = size_px / 2;
    double *t = NULL, *w = NULL;
    *out = (sg_psf_integral){.orders = vectorial ? 3 : 1, .share = {1, 2, 1}};
    out->nodes = node_count(o, size_px);
    out->radii = (half + 1) * (half + 2) / 2;
    const sg_status status = allocate(out, &t, &w);
    if (status == SG_OK && o->model == SG_PSF_ROUND_AIRY) {
        fill_airy(out, o, size_px);
    } else if (status == SG_OK) {
        gauss_legendre(t, w, out->nodes);
        fill(out, o, size_px, t, w);
    }
    sg_free(t);
    sg_free(w);
    if (status != SG_OK) sg_psf_integral_free(out);
    return status;
}

void sg_psf_integral_free(sg_psf_integral *integral)
{
    sg_free(integral->bessel);
    sg_free(integral->constant);
    sg_free(integral->per_defocus);
    sg_free(integral->per_specimen);
    *integral = (sg_psf_integral){0};
}
