/* test_optics.c - what must hold for coherent imaging (PHYSICS section 7, items 1, 2, 3 and 5). */
#include "check.h"

#include "physics/optics.h"
#include "physics/zernike.h"

#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI        3.14159265358979323846
#define IMAGINARY ((double complex)_Complex_I)

static double random_number(const char *stream, size_t i)
{
    return check_random(stream, 0, i);
}

/* ---- a coherent microscope in double: transmission t (h, w) -> K images (m, m), one exposure each ---- */

enum { N = 32, M = 16, LEDS = 6 };
static const int bins[2 * LEDS] = {0, 0, 0,  2, 0, -2,
                                   3, 1, -4, 4, 6, 0}; /* (y, x); |f| <= 4.5 bins: the last two dark */

typedef struct lens {
    int n, m, leds, terms;
    const int *bins;
    double zernike[SG_ZERNIKE_MAX], defocus_um, na;
    sg_pupil_edge edge;
} lens;

typedef struct rig {
    lens lens;
    sg_graph *graph;
    sg_model *model;
    sg_plan *plan;
} rig;

/* Pitch 1 um, wavelength .5 um, index 1; NA in bins: na_bins / (n pitch) = NA / wavelength. */
static double na_of_bins(double na_bins, int n)
{
    return .5 * na_bins / n;
}

static void rig_open(rig *r, const lens *l)
{
    *r = (rig){.lens = *l, .graph = sg_graph_new()};
    sg_graph *g = r->graph;
    const sg_shape one = SG_SHAPE(1, 1, 1, 1);
    const sg_pupil_grid grid = {l->m, l->m, 1.0 / l->n, 1.0 / l->n, .5, 1, l->edge, 0};
    const sg_value p = sg_pupil(g, sg_input(g, "zernike", SG_SHAPE(1, 1, 1, l->terms)), sg_input(g, "defocus", one),
                                sg_input(g, "na", one), SG_NONE, SG_NONE, SG_NONE, &grid);
    const sg_value spectrum = sg_dft2(g, sg_input_complex(g, "t", SG_SHAPE(1, 1, l->n, l->n)));
    const sg_value w = sg_input(g, "weight", SG_SHAPE(1, 1, l->leds, l->leds));
    const sg_value image =
        sg_led_image(g, spectrum, p, w, sg_input(g, "power", SG_SHAPE(1, 1, 1, l->leds)), l->leds, l->bins, 0, 0);
    const sg_plan_options options = {.f64 = true};
    sg_output(g, "pupil", p);
    if (sg_model_new(&r->model, 1) != SG_OK || sg_plan_make(&r->plan, g, r->model, image, &options) != SG_OK)
        fail_msg("%s", sg_error_text());
    memcpy(sg_plan_input(r->plan, "zernike"), l->zernike, (size_t)l->terms * sizeof(double));
    *(double *)sg_plan_input(r->plan, "defocus") = l->defocus_um;
    *(double *)sg_plan_input(r->plan, "na") = l->na;
}

/* weight NULL: exposure k is LED k alone. */
static void rig_run(rig *r, double *image, const double complex *t, const double *weight)
{
    const size_t k = (size_t)r->lens.leds, n2 = (size_t)r->lens.n * (size_t)r->lens.n;
    double *w = sg_plan_input(r->plan, "weight"), *power = sg_plan_input(r->plan, "power");
    for (size_t i = 0; i < k * k; i++) w[i] = weight ? weight[i] : i % (k + 1) == 0;
    for (size_t i = 0; i < k; i++) power[i] = 1;
    memcpy(sg_plan_input(r->plan, "t"), t, n2 * sizeof *t);
    memcpy(sg_plan_input(r->plan, "zernike"), r->lens.zernike, (size_t)r->lens.terms * sizeof(double));
    *(double *)sg_plan_input(r->plan, "defocus") = r->lens.defocus_um;
    *(double *)sg_plan_input(r->plan, "na") = r->lens.na;
    if (sg_plan_forward(r->plan) != SG_OK) fail_msg("%s", sg_error_text());
    memcpy(image, sg_plan_root(r->plan), k * (size_t)r->lens.m * (size_t)r->lens.m * sizeof *image);
}

static void rig_close(rig *r)
{
    sg_plan_free(r->plan);
    sg_model_free(r->model);
    sg_graph_free(r->graph);
}

static double distance(const double *x, const double *y, size_t len)
{
    double worst = 0, largest = 0;
    assert_true(len > 0);
    for (size_t i = 0; i < len; i++) {
        const double error = fabs(x[i] - y[i]);
        worst = error <= worst ? worst : error;
        if (fabs(y[i]) > largest) largest = fabs(y[i]);
    }
    return worst / (largest > 0 ? largest : 1);
}

static void check_distance_below(const double *x, const double *y, size_t len, double tolerance)
{
    const double error = distance(x, y, len);
    if (!(error <= tolerance)) fail_msg("relative difference %g, not within %g", error, tolerance);
    print_message("# relative difference %.2g\n", error);
}

static lens small_lens(void)
{
    return (lens){.n = N,
                  .m = M,
                  .leds = LEDS,
                  .terms = 6,
                  .bins = bins,
                  .zernike = {.3, .2, -.4, .5, .1, -.3},
                  .defocus_um = 3,
                  .na = na_of_bins(4.5, N)};
}

static void fill_sample(double complex *t, int n)
{
    for (int i = 0; i < n * n; i++)
        t[i] = cexp(-.2 * (1 + random_number("a", (size_t)i)) + IMAGINARY * random_number("phi", (size_t)i));
}

/* ---- item 1 ---- */

static void test_empty_sample(void **state)
{
    (void)state;
    const lens l = small_lens();
    double complex t[N * N];
    double image[LEDS * M * M];
    rig r;
    rig_open(&r, &l);
    for (int i = 0; i < N * N; i++) t[i] = 1;
    rig_run(&r, image, t, NULL);
    for (int k = 0; k < LEDS; k++)
        for (int i = 0; i < M * M; i++) assert_true(fabs(image[k * M * M + i] - (k < 4)) <= 1e-12);
    rig_close(&r);
}

static void test_linear_in_weights(void **state)
{
    (void)state;
    const lens l = small_lens();
    double complex t[N * N];
    double alone[LEDS * M * M], mixed[LEDS * M * M], expected[LEDS * M * M] = {0}, weight[LEDS * LEDS];
    rig r;
    rig_open(&r, &l);
    fill_sample(t, N);
    for (int i = 0; i < LEDS * LEDS; i++) weight[i] = 1 + random_number("weight", (size_t)i);
    rig_run(&r, alone, t, NULL);
    rig_run(&r, mixed, t, weight);
    for (int e = 0; e < LEDS; e++)
        for (int k = 0; k < LEDS; k++)
            for (int i = 0; i < M * M; i++) expected[e * M * M + i] += weight[e * LEDS + k] * alone[k * M * M + i];
    check_distance_below(mixed, expected, LEDS * M * M, 1e-13);
    rig_close(&r);
}

static void test_shift(void **state)
{
    (void)state;
    const lens l = small_lens();
    enum { DY = 3, DX = 5 }; /* image pixels: 2 sample pixels each */
    double complex t[N * N], moved[N * N];
    double image[LEDS * M * M], moved_image[LEDS * M * M], expected[LEDS * M * M];
    rig r;
    rig_open(&r, &l);
    fill_sample(t, N);
    for (int y = 0; y < N; y++)
        for (int x = 0; x < N; x++) moved[(y + 2 * DY) % N * N + (x + 2 * DX) % N] = t[y * N + x];
    rig_run(&r, image, t, NULL);
    rig_run(&r, moved_image, moved, NULL);
    for (int k = 0; k < LEDS; k++)
        for (int y = 0; y < M; y++)
            for (int x = 0; x < M; x++)
                expected[(k * M + (y + DY) % M) * M + (x + DX) % M] = image[(k * M + y) * M + x];
    check_distance_below(moved_image, expected, LEDS * M * M, 1e-12);
    rig_close(&r);
}

/* A sample times the tilt of LED k, under the centre LED, is the sample under LED k. */
static void test_tilt(void **state)
{
    (void)state;
    const lens l = small_lens();
    double complex t[N * N], tilted[N * N];
    double image[LEDS * M * M], tilted_image[LEDS * M * M];
    rig r;
    rig_open(&r, &l);
    fill_sample(t, N);
    rig_run(&r, image, t, NULL);
    for (int k = 0; k < LEDS; k++) {
        for (int y = 0; y < N; y++)
            for (int x = 0; x < N; x++)
                tilted[y * N + x] =
                    t[y * N + x] * cexp(2 * PI * IMAGINARY * (bins[2 * k] * y + bins[2 * k + 1] * x) / N);
        rig_run(&r, tilted_image, tilted, NULL);
        check_distance_below(tilted_image, image + k * M * M, M * M, 1e-12);
    }
    rig_close(&r);
}

/* ---- item 2: weak phase ---- */

static double complex pupil_at(const double complex *p, int y, int x)
{
    return abs(y) > M / 2 - 1 || abs(x) > M / 2 - 1 ? 0 : p[(y + M) % M * M + (x + M) % M];
}

/* The image's DFT at v, less the background, against i Phi(v) [conj P(f) P(f + v) - P(f) conj P(f - v)]. */
static void check_weak_phase(const double *image, const double complex *phase_dft, const double complex *p,
                             const int *f, double size)
{
    double worst = 0, largest = 0;
    for (int vy = -3; vy <= 3; vy++)
        for (int vx = -3; vx <= 3; vx++) {
            if (vy == 0 && vx == 0) continue;
            double complex dft = 0;
            for (int y = 0; y < M; y++)
                for (int x = 0; x < M; x++)
                    dft += image[y * M + x] * cexp(-2 * PI * IMAGINARY * (vy * y + vx * x) / M) / (M * M);
            const double complex p0 = pupil_at(p, f[0], f[1]);
            const double complex transfer =
                conj(p0) * pupil_at(p, f[0] + vy, f[1] + vx) - p0 * conj(pupil_at(p, f[0] - vy, f[1] - vx));
            const double complex expected = IMAGINARY * phase_dft[(vy + N) % N * N + (vx + N) % N] / (N * N) * transfer;
            const double error = cabs(dft - expected);
            worst = error <= worst ? worst : error;
            if (cabs(expected) > largest) largest = cabs(expected);
        }
    if (!(worst <= 20 * size * size))
        fail_msg("LED (%d, %d): %g off, largest %g, phase %g", f[0], f[1], worst, largest, size);
    print_message("# weak phase: off by %.2g of phase^2\n", worst / (size * size));
}

static void test_weak_phase(void **state)
{
    (void)state;
    const double size = 1e-4;
    lens l = small_lens();
    double complex t[N * N], phase_dft[N * N], p[M * M];
    double image[LEDS * M * M], phase[N * N];
    rig r;
    rig_open(&r, &l);
    for (int i = 0; i < N * N; i++) {
        phase[i] = size * random_number("phi", (size_t)i);
        t[i] = cexp(IMAGINARY * phase[i]);
    }
    for (int v = 0; v < N * N; v++) {
        phase_dft[v] = 0;
        for (int i = 0; i < N * N; i++)
            phase_dft[v] += phase[i] * cexp(-2 * PI * IMAGINARY * (double)((v / N) * (i / N) + (v % N) * (i % N)) / N);
    }
    rig_run(&r, image, t, NULL);
    memcpy(p, sg_plan_output(r.plan, "pupil"), sizeof p);
    for (int k = 0; k < 4; k++) check_weak_phase(image + k * M * M, phase_dft, p, bins + 2 * k, size);
    /* in focus, without aberration: nothing on axis, opposite signs for mirrored LEDs */
    memset(r.lens.zernike, 0, sizeof r.lens.zernike);
    r.lens.defocus_um = 0;
    rig_run(&r, image, t, NULL);
    double contrast = 0;
    for (int i = 0; i < M * M; i++) {
        assert_true(fabs(image[i] - 1) <= 20 * size * size);
        assert_true(fabs(image[M * M + i] + image[2 * M * M + i] - 2) <= 40 * size * size);
        contrast = fmax(contrast, fabs(image[M * M + i] - 1));
    }
    assert_true(contrast > .05 * size);
    rig_close(&r);
}

/* ---- item 3: direct double sums on 16 x 16 ---- */

enum { SMALL = 16, SMALL_M = 8, SMALL_LEDS = 3 };

static double direct_intensity(const double complex *t, const lens *l, const int *f, int row, int column)
{
    double complex u = 0;
    for (int py = -SMALL_M / 2; py < SMALL_M / 2; py++)
        for (int px = -SMALL_M / 2; px < SMALL_M / 2; px++) {
            const double fy = (double)py / SMALL, fx = (double)px / SMALL;
            if (!(hypot(fy, fx) * .5 / l->na <= 1)) continue;
            double complex spectrum = 0;
            for (int i = 0; i < SMALL * SMALL; i++)
                spectrum +=
                    t[i] * cexp(-2 * PI * IMAGINARY * ((py - f[0]) * (i / SMALL) + (px - f[1]) * (i % SMALL)) / SMALL);
            const double lag = 2 * PI * l->defocus_um * (sqrt(4 - fy * fy - fx * fx) - 2);
            const double tilt =
                2 * (l->zernike[1] * fx + l->zernike[2] * fy) * .5 / l->na; /* j = 2, 3: 2 rho cos, 2 rho sin */
            u += spectrum * cexp(IMAGINARY * (lag + tilt)) *
                 cexp(2 * PI * IMAGINARY * (py * row + px * column) / SMALL_M);
        }
    u /= SMALL * SMALL;
    return creal(u * conj(u));
}

static void test_direct_sums(void **state)
{
    (void)state;
    static const int f[2 * SMALL_LEDS] = {0, 0, 1, -2, -5, 3};
    const lens l = {.n = SMALL,
                    .m = SMALL_M,
                    .leds = SMALL_LEDS,
                    .terms = 3,
                    .bins = f,
                    .zernike = {0, .3, -.2},
                    .defocus_um = 2,
                    .na = na_of_bins(3.3, SMALL)};
    double complex t[SMALL * SMALL];
    double image[SMALL_LEDS * SMALL_M * SMALL_M], expected[SMALL_LEDS * SMALL_M * SMALL_M];
    rig r;
    rig_open(&r, &l);
    fill_sample(t, SMALL);
    rig_run(&r, image, t, NULL);
    for (int k = 0; k < SMALL_LEDS; k++)
        for (int i = 0; i < SMALL_M * SMALL_M; i++)
            expected[k * SMALL_M * SMALL_M + i] = direct_intensity(t, &l, f + 2 * k, i / SMALL_M, i % SMALL_M);
    check_distance_below(image, expected, SMALL_LEDS * SMALL_M * SMALL_M, 1e-12);
    rig_close(&r);
}

/* ---- item 5: Zernike polynomials, Strehl ---- */

static void test_noll_order(void **state)
{
    (void)state;
    static const int table[][2] = {{0, 0}, {1, 1}, {1, 1}, {2, 0}, {2, 2}, {2, 2}, {3, 1}, {3, 1},
                                   {3, 3}, {3, 3}, {4, 0}, {4, 2}, {4, 2}, {4, 4}, {4, 4}, {5, 1},
                                   {5, 1}, {5, 3}, {5, 3}, {5, 5}, {5, 5}, {6, 0}};
    for (int j = 1; j <= (int)(sizeof table / sizeof *table); j++) {
        int n, m;
        sg_zernike_order(j, &n, &m);
        assert_int_equal(n, table[j - 1][0]);
        assert_int_equal(m, table[j - 1][1]);
    }
    sg_zernike_term terms[8];
    double z[8];
    sg_zernike_terms(terms, 8);
    sg_zernike_values(z, NULL, NULL, terms, 8, .6, .3); /* x is cosine: even j */
    assert_true(fabs(z[1] - 2 * .6) <= 1e-15 && fabs(z[2] - 2 * .3) <= 1e-15);
    assert_true(fabs(z[3] - sqrt(3) * (2 * .45 - 1)) <= 1e-15);
    assert_true(fabs(z[4] - sqrt(6) * 2 * .6 * .3) <= 1e-15 && fabs(z[5] - sqrt(6) * (.36 - .09)) <= 1e-15);
}

/* Gauss-Legendre nodes and weights on [0, 1] by Newton's method. */
static void gauss(double *x, double *w, int count)
{
    for (int i = 0; i < count; i++) {
        double z = cos(PI * (i + .75) / (count + .5)), slope = 1;
        for (int step = 0; step < 50; step++) {
            double p0 = 1, p1 = z;
            for (int k = 2; k <= count; k++) {
                const double p2 = ((2 * k - 1) * z * p1 - (k - 1) * p0) / k;
                p0 = p1;
                p1 = p2;
            }
            slope = count * (z * p1 - p0) / (z * z - 1);
            z -= p1 / slope;
        }
        x[i] = (1 + z) / 2;
        w[i] = 1 / ((1 - z * z) * slope * slope);
    }
}

static void print_gram(double gram[SG_ZERNIKE_MAX][SG_ZERNIKE_MAX], double count)
{
    double worst = 0;
    for (int i = 0; i < SG_ZERNIKE_MAX; i++)
        for (int j = 0; j < SG_ZERNIKE_MAX; j++) worst = fmax(worst, fabs(gram[i][j] / count - (i == j)));
    print_message("# orthonormal within %.2g\n", worst);
}

/* Polar quadrature, exact for these polynomials. */
static void test_orthonormal_polar(void **state)
{
    (void)state;
    enum { RADII = 16, ANGLES = 32, J = SG_ZERNIKE_MAX };
    sg_zernike_term terms[J];
    double radius[RADII], weight[RADII], z[J], gram[J][J] = {{0}};
    sg_zernike_terms(terms, J);
    gauss(radius, weight, RADII);
    for (int r = 0; r < RADII; r++)
        for (int a = 0; a < ANGLES; a++) {
            const double angle = 2 * PI * (a + .3) / ANGLES;
            sg_zernike_values(z, NULL, NULL, terms, J, radius[r] * cos(angle), radius[r] * sin(angle));
            for (int i = 0; i < J; i++)
                for (int j = 0; j < J; j++) gram[i][j] += 2 * radius[r] * weight[r] * z[i] * z[j] / ANGLES;
        }
    for (int i = 0; i < J; i++)
        for (int j = 0; j < J; j++)
            if (!(fabs(gram[i][j] - (i == j)) <= 1e-10)) fail_msg("<Z%d, Z%d> = %.12g", i + 1, j + 1, gram[i][j]);
    print_gram(gram, 1);
}

static void test_orthonormal_on_bins(void **state)
{
    (void)state;
    enum { SIDE = 256, J = SG_ZERNIKE_MAX };
    static double gram[J][J];
    sg_zernike_term terms[J];
    double z[J], count = 0;
    sg_zernike_terms(terms, J);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const double v = (y + .5) / (SIDE / 2) - 1, u = (x + .5) / (SIDE / 2) - 1;
            if (!(u * u + v * v <= 1)) continue;
            sg_zernike_values(z, NULL, NULL, terms, J, u, v);
            count++;
            for (int i = 0; i < J; i++)
                for (int j = 0; j < J; j++) gram[i][j] += z[i] * z[j];
        }
    for (int i = 0; i < J; i++)
        for (int j = 0; j < J; j++)
            if (!(fabs(gram[i][j] / count - (i == j)) <= 1e-2))
                fail_msg("<Z%d, Z%d> = %g", i + 1, j + 1, gram[i][j] / count);
    print_gram(gram, count);
}

/* |sum P|^2 / (sum |P|)^2: the intensity at the centre of the point image, aberrated over perfect. */
static double strehl(sg_plan *plan, int size)
{
    if (sg_plan_forward(plan) != SG_OK) fail_msg("%s", sg_error_text());
    const double complex *p = sg_plan_root(plan);
    double complex sum = 0;
    double light = 0;
    for (int i = 0; i < size * size; i++) {
        sum += p[i];
        light += cabs(p[i]);
    }
    return creal(sum * conj(sum)) / (light * light);
}

static void test_strehl(void **state)
{
    (void)state;
    enum { SIDE = 72 };
    static const double waves[] = {.02, .05, 1.0 / 14}, expected[] = {.984, .906, .818};
    static const sg_pupil_grid grid = {SIDE, SIDE, .01, .01, .5, 1, SG_EDGE_SMOOTH, 0};
    const sg_plan_options options = {.f64 = true};
    const sg_shape one = SG_SHAPE(1, 1, 1, 1);
    sg_graph *g = sg_graph_new();
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    const sg_value p = sg_pupil(g, sg_input(g, "zernike", SG_SHAPE(1, 1, 1, SG_ZERNIKE_MAX)),
                                sg_input(g, "defocus", one), sg_input(g, "na", one), SG_NONE, SG_NONE, SG_NONE, &grid);
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    if (sg_plan_make(&plan, g, model, p, &options) != SG_OK) fail_msg("%s", sg_error_text());
    double *zernike = sg_plan_input(plan, "zernike");
    *(double *)sg_plan_input(plan, "na") = .16; /* 32 bins radius */
    *(double *)sg_plan_input(plan, "defocus") = 0;
    double worst = 0;
    for (int j = 4; j <= SG_ZERNIKE_MAX; j++)
        for (int i = 0; i < 3; i++) {
            memset(zernike, 0, SG_ZERNIKE_MAX * sizeof *zernike);
            zernike[j - 1] = 2 * PI * waves[i];
            const double s = strehl(plan, SIDE);
            if (!(fabs(s - expected[i]) <= .01))
                fail_msg("j = %d at %g waves: Strehl %g, not %g", j, waves[i], s, expected[i]);
            worst = fmax(worst, fabs(s - expected[i]));
        }
    print_message("# Strehl within %.2g\n", worst);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
}

/* ---- pupil: what the smooth edge covers is the area of the disc ---- */

static void test_smooth_edge_area(void **state)
{
    (void)state;
    enum { SIDE = 40 };
    static const sg_pupil_grid grid = {SIDE, SIDE, .02, .02, .5, 1, SG_EDGE_SMOOTH, 0};
    const sg_plan_options options = {.f64 = true};
    const sg_shape one = SG_SHAPE(1, 1, 1, 1);
    for (double radius = 8; radius < 17; radius += .37) {
        sg_graph *g = sg_graph_new();
        sg_model *model = NULL;
        sg_plan *plan = NULL;
        const sg_value p = sg_pupil(g, sg_input(g, "zernike", one), sg_input(g, "defocus", one), sg_input(g, "na", one),
                                    SG_NONE, SG_NONE, SG_NONE, &grid);
        assert_int_equal(sg_model_new(&model, 1), SG_OK);
        if (sg_plan_make(&plan, g, model, p, &options) != SG_OK) fail_msg("%s", sg_error_text());
        *(double *)sg_plan_input(plan, "zernike") = *(double *)sg_plan_input(plan, "defocus") = 0;
        *(double *)sg_plan_input(plan, "na") = radius * .02 * .5;
        if (sg_plan_forward(plan) != SG_OK) fail_msg("%s", sg_error_text());
        const double complex *bin = sg_plan_root(plan);
        double area = 0;
        for (int i = 0; i < SIDE * SIDE; i++) area += creal(bin[i]);
        /* a straight edge within a bin leaves out about 1/(24 radius) of it along the whole edge */
        if (!(fabs(area / (PI * radius * radius) - 1) <= 1 / (8 * radius * radius)))
            fail_msg("radius %g: area %g, not %g", radius, area, PI * radius * radius);
        sg_plan_free(plan);
        sg_model_free(model);
        sg_graph_free(g);
    }
}

/* ---- background phase: rms, repeatable, new every epoch and sample, correlation ---- */

enum { FIELD = 64 };

static void background(double *out, const sg_step *step)
{
    sg_graph *g = sg_graph_new();
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    const sg_plan_options options = {.f64 = true};
    const sg_value t = sg_coherent_sample(g, sg_input(g, "picture", SG_SHAPE(2, 1, FIELD, FIELD)), 1, 0, .15, 3);
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    if (sg_plan_make(&plan, g, model, t, &options) != SG_OK) fail_msg("%s", sg_error_text());
    memset(sg_plan_input(plan, "picture"), 0, 2 * FIELD * FIELD * sizeof(double));
    sg_plan_step_set(plan, step);
    if (sg_plan_forward(plan) != SG_OK) fail_msg("%s", sg_error_text());
    const double complex *value = sg_plan_root(plan);
    for (int i = 0; i < 2 * FIELD * FIELD; i++) out[i] = carg(value[i]);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
}

static double product(const double *a, const double *b, int shift)
{
    double sum = 0;
    for (int y = 0; y < FIELD; y++)
        for (int x = 0; x < FIELD; x++) sum += a[y * FIELD + x] * b[y * FIELD + (x + shift) % FIELD];
    return sum / (FIELD * FIELD);
}

static void test_background(void **state)
{
    (void)state;
    enum { LEN = 2 * FIELD * FIELD, EPOCHS = 40 };
    static double first[LEN], again[LEN], other[LEN];
    static const uint32_t ids[] = {7, 9}, swapped[] = {9, 7};
    sg_step step = {.seed = 5, .epoch = 1, .sample_id = ids};
    background(first, &step);
    background(again, &step);
    assert_memory_equal(first, again, sizeof first);
    for (int n = 0; n < 2; n++)
        assert_true(fabs(sqrt(product(first + n * LEN / 2, first + n * LEN / 2, 0)) - .15) <= 1e-12);
    step.sample_id = swapped;
    background(other, &step);
    assert_memory_equal(first, other + LEN / 2, LEN / 2 * sizeof *first);
    assert_true(fabs(product(first, other, 0)) < .7 * .15 * .15);
    /* Gaussian of standard deviation 3 on white noise: correlation exp(-r^2 / (4 9)) */
    double correlation = 0;
    step.sample_id = ids;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        step.epoch = epoch;
        background(other, &step);
        correlation +=
            (product(other, other, 4) + product(other + LEN / 2, other + LEN / 2, 4)) / (2 * EPOCHS * .15 * .15);
    }
    if (!(fabs(correlation - exp(-16.0 / 36)) <= .03))
        fail_msg("correlation %g at 4 pixels, not %g", correlation, exp(-16.0 / 36));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_sample),
        cmocka_unit_test(test_linear_in_weights),
        cmocka_unit_test(test_shift),
        cmocka_unit_test(test_tilt),
        cmocka_unit_test(test_weak_phase),
        cmocka_unit_test(test_direct_sums),
        cmocka_unit_test(test_noll_order),
        cmocka_unit_test(test_orthonormal_polar),
        cmocka_unit_test(test_orthonormal_on_bins),
        cmocka_unit_test(test_strehl),
        cmocka_unit_test(test_smooth_edge_area),
        cmocka_unit_test(test_background),
    };
    return cmocka_run_group_tests_name("optics", tests, NULL, NULL);
}
