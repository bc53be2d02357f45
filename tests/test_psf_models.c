/* test_psf_models.c - Airy, Born-Wolf, Gibson-Lanni and vectorial PSFs against closed forms and each other; phase masks
 * and random depth; the choice of a PSF in a microscope. */
#include "lab.h"
#include "refuse.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/ops.h"
#include "physics/blur.h"
#include "physics/microscope.h"
#include "physics/psf.h"
#include "pipeline/map_file.h"

#include <stdio.h>
#include <stdlib.h>

static const sg_psf_layers matched = {1.515, 170, 1.515, 170, 1.515, 150, 1.515};

/* Intensities of one plane; the centre is not normalised away: see `peak`. */
static lab model(const sg_psf_round *optics, double z_um, double specimen_um, int size)
{
    sg_graph *g = sg_graph_new();
    const sg_focus focus = {.samples = 1, .count = 1, .plane_um = {0}};
    const sg_shape one = SG_SHAPE(1, 1, 1, 1);
    const sg_value z = sg_input(g, "z", one), depth = sg_input(g, "depth", one);
    lab l = lab_open(g, sg_psf_radial(g, z, depth, optics, &focus, size), true, false);
    *(double *)sg_plan_input(l.plan, "z") = z_um;
    *(double *)sg_plan_input(l.plan, "depth") = specimen_um;
    return l;
}

/* Largest difference of two PSFs, each scaled by its sum, over the largest of the first. */
static double difference(const sg_psf_round *a, const sg_psf_round *b, double z_um, double specimen_um, int size)
{
    lab la = model(a, z_um, specimen_um, size), lb = model(b, z_um, specimen_um, size);
    const double *ha = lab_run(&la), *hb = lab_run(&lb);
    double worst = 0, largest = 0;
    for (int i = 0; i < size * size; i++) {
        if (!(fabs(ha[i] - hb[i]) <= worst)) worst = fabs(ha[i] - hb[i]);
        if (ha[i] > largest) largest = ha[i];
    }
    lab_close(&la);
    lab_close(&lb);
    return worst / largest;
}

/* The sum of h is 1 for every model, in focus and out of it; h is symmetric. */
static void test_conservation(void **state)
{
    (void)state;
    enum { SIZE = 33 };
    for (int m = 0; m < 4; m++) {
        const sg_psf_round optics = {(sg_psf_model)m, .5, .1, .9, 1.515, 4, matched};
        for (int z = -2; z <= 2; z += 2) {
            lab l = model(&optics, z, 0, SIZE);
            const double *h = lab_run(&l);
            double sum = 0;
            for (int i = 0; i < SIZE * SIZE; i++) {
                assert_true(h[i] >= 0);
                lab_near(h[i], h[i % SIZE * SIZE + i / SIZE], 0, "symmetry", i);
                sum += h[i];
            }
            lab_near(sum, 1, 1e-12, "sum", m);
            lab_close(&l);
        }
    }
}

/* In focus all scalar integrals are the Airy pattern (2 J1(v)/v)^2. */
static void test_airy(void **state)
{
    (void)state;
    enum { SIZE = 65 };
    const sg_psf_round airy = {SG_PSF_ROUND_AIRY, .53, .2, .5, 1, 0, matched};
    lab l = model(&airy, 0, 0, SIZE);
    const double *h = lab_run(&l);
    double worst = 0;
    for (int i = 0; i <= SIZE / 2; i++) {
        const double v = 2 * M_PI / .53 * .5 * .2 * i, exact = i ? 4 * j1(v) * j1(v) / (v * v) : 1;
        const double error = fabs(h[i] / h[0] - exact);
        if (!(error <= worst)) worst = error;
    }
    lab_close(&l);
    sg_psf_round born_wolf = airy, lanni = airy;
    born_wolf.model = SG_PSF_ROUND_BORN_WOLF;
    lanni.model = SG_PSF_ROUND_GIBSON_LANNI;
    lanni.layers = (sg_psf_layers){1, 170, 1.52, 170, 1.52, 150, 1};
    const double scalar = difference(&airy, &born_wolf, 0, 0, SIZE), layered = difference(&airy, &lanni, 0, 0, SIZE);
    print_message("# Airy: closed form %.1e, Born-Wolf in focus %.1e, Gibson-Lanni in focus %.1e\n", worst, scalar,
                  layered);
    assert_true(worst <= 1e-12 && scalar <= 1e-12 && layered <= 1e-12);
}

/* On the axis Born-Wolf has sinc^2(u/4), u = k NA^2 z/n (Born & Wolf 8.8.2 (26)): zero at u = 4 pi, 8 pi. The sum over
 * a field that holds the whole PSF is the pupil's energy, the same at every z, so h[0](z)/h[0](0) is the ratio. */
static void test_born_wolf_axis(void **state)
{
    (void)state;
    enum { SIZE = 257, LEVELS = 9 };
    const sg_psf_round optics = {SG_PSF_ROUND_BORN_WOLF, .5, .25, .4, 1, 16, matched};
    const double unit = .5 / (2 * M_PI * .4 * .4); /* u = 1 */
    double centre = 0, worst = 0, least = 1;
    for (int i = 0; i < LEVELS; i++) {
        const double u = i * M_PI, quarter = u / 4, sinc = i ? sin(quarter) / quarter : 1;
        lab l = model(&optics, u * unit, 0, SIZE);
        const double h = *(const double *)lab_run(&l);
        if (i == 0) centre = h;
        const double error = fabs(h / centre - sinc * sinc);
        if (!(error <= worst)) worst = error;
        if (h / centre < least) least = h / centre;
        lab_close(&l);
    }
    print_message("# Born-Wolf on the axis: sinc^2(u/4) within %.1e; at its zero %.1e\n", worst, least);
    assert_true(worst <= 2e-3);
    assert_true(least <= 1e-12);
}

/* All indices alike: depth does not matter and Gibson-Lanni is defocus; at low NA that of Born and Wolf. A particle in
 * water under oil loses its peak. */
static void test_gibson_lanni(void **state)
{
    (void)state;
    enum { SIZE = 65 };
    const sg_psf_round lanni = {SG_PSF_ROUND_GIBSON_LANNI, .5, .5, .2, 1.515, 20, matched};
    sg_psf_round scalar = lanni, water = lanni;
    scalar.model = SG_PSF_ROUND_BORN_WOLF;
    const double error = difference(&lanni, &scalar, 15, 7, SIZE);
    print_message("# Gibson-Lanni, matched, NA .2, z 15 um: Born-Wolf within %.1e\n", error);
    assert_true(error <= 2e-2);
    sg_psf_round shallow = lanni;
    lab deep = model(&lanni, 15, 40, SIZE), flat = model(&shallow, 15, 0, SIZE);
    const double *a = lab_run(&deep), *b = lab_run(&flat);
    for (int i = 0; i < SIZE * SIZE; i++) lab_near(a[i], b[i], 1e-12, "depth without mismatch", i);
    lab_close(&deep);
    lab_close(&flat);
    water.layers.specimen_index = 1.33;
    water.na = 1.2;
    water.pixel_um = .05;
    lab surface = model(&water, 0, 0, SIZE), below = model(&water, 0, 20, SIZE);
    const double top = *(const double *)lab_run(&surface), bottom = *(const double *)lab_run(&below);
    print_message("# Gibson-Lanni, NA 1.2 oil, particle 20 um deep in water: peak %.3f of that at the coverslip\n",
                  bottom / top);
    assert_true(bottom < .3 * top);
    lab_close(&surface);
    lab_close(&below);
}

/* The same pupil phase on a grid of bins, |IDFT P|^2, gives the Gibson-Lanni and exact-defocus integrals. */
static void test_pupil_route(void **state)
{
    (void)state;
    enum { M = 256, SIZE = 64 };
    const double na = .5, lambda = .5, n = 1.3, pixel = .2, bin = 1 / (M * pixel), z = 3;
    sg_graph *g = sg_graph_new();
    const sg_focus focus = {.samples = 1, .count = 1, .plane_um = {z}};
    const sg_value disc = sg_input_complex(g, "disc", SG_SHAPE(1, 1, M, M));
    const sg_value p = sg_pupil_defocus(g, disc, &focus, bin, lambda, n);
    lab l = lab_open(g, sg_psf_pupil(g, p, SIZE), true, false);
    double *in = sg_plan_input(l.plan, "disc");
    memset(in, 0, 2 * sizeof(double) * M * M);
    for (int i = 0; i < M * M; i++) {
        enum { SUB = 16 };
        const int y = 2 * (i / M) < M ? i / M : i / M - M, x = 2 * (i % M) < M ? i % M : i % M - M;
        int inside = 0;
        for (int k = 0; k < SUB * SUB; k++)
            inside += hypot(x + (k / SUB + .5) / SUB - .5, y + (k % SUB + .5) / SUB - .5) * bin <= na / lambda;
        in[2 * i] = inside / (double)(SUB * SUB);
    }
    const sg_psf_round lanni = {SG_PSF_ROUND_GIBSON_LANNI, lambda, pixel, na, n, 5, {n, 170, 1.5, 170, 1.5, 100, n}};
    lab radial = model(&lanni, z, 0, SIZE);
    const double *a = lab_run(&l), *b = lab_run(&radial);
    double worst = 0, largest = 0;
    for (int i = 0; i < SIZE * SIZE; i++) {
        if (!(fabs(a[i] - b[i]) <= worst)) worst = fabs(a[i] - b[i]);
        if (b[i] > largest) largest = b[i];
    }
    print_message("# defocus on the pupil's bins against the radial integral: %.1e of the largest\n", worst / largest);
    assert_true(worst <= 5e-3 * largest);
    lab_close(&l);
    lab_close(&radial);
}

/* At low NA the vectorial PSF is the scalar one. At high NA it is wider than the scalar one; its amplitude in focus is
 * 2/3 (1 - c^1.5) + 2/5 (1 - c^2.5), c = cos(alpha) (Richards & Wolf 1959, I_0 at the origin), the sum of
 * I over the plane follows from Parseval's theorem for Hankel transforms. */
static void test_vectorial(void **state)
{
    (void)state;
    enum { SIZE = 257 };
    sg_psf_round vector = {SG_PSF_ROUND_VECTORIAL, .5, .6, .1, 1, 0, matched}, scalar = vector;
    scalar.model = SG_PSF_ROUND_AIRY;
    const double low = difference(&scalar, &vector, 0, 0, 65);
    const double na = .95, d = .12, lambda = .5, k = 2 * M_PI / lambda, alpha = asin(na), c = cos(alpha);
    vector.na = na, vector.pixel_um = d;
    lab l = model(&vector, 0, 0, SIZE);
    const double *h = lab_run(&l);
    double within = 0; /* expected sum of I over the pixels: 2 pi/(d^2 k^2) int [..]^2/(sin cos) dtheta */
    enum { STEPS = 20000 };
    for (int i = 0; i < STEPS; i++) {
        const double t = (i + .5) * alpha / STEPS, s = sin(t), co = cos(t);
        const double a0 = sqrt(co) * s * (1 + co), a1 = sqrt(co) * s * s, a2 = sqrt(co) * s * (1 - co);
        within += (a0 * a0 + 2 * a1 * a1 + a2 * a2) / (s * co) * alpha / STEPS;
    }
    within *= 2 * M_PI / (d * d * k * k);
    const double i0 = 2. / 3 * (1 - pow(c, 1.5)) + 2. / 5 * (1 - pow(c, 2.5)), peak = i0 * i0 / within;
    scalar.na = na, scalar.pixel_um = d;
    lab ls = model(&scalar, 0, 0, SIZE);
    const double *hs = lab_run(&ls);
    print_message("# vectorial: scalar at NA .1 within %.1e; NA .95 peak %.5f, closed form %.5f\n", low, h[0], peak);
    print_message("# at %.2f um %.3f of the peak, scalar %.3f\n", 2 * d, h[2] / h[0], hs[2] / hs[0]);
    assert_true(low <= 1e-2);
    lab_near(h[0] / peak, 1, 1e-2, "peak", na); /* light beyond the field is missing in the sum */
    assert_true(h[2] / h[0] > 1.1 * hs[2] / hs[0]);
    lab_close(&l);
    lab_close(&ls);
}

/* ---- in a microscope ---- */

static sg_microscope_config fluorescence(void)
{
    return (sg_microscope_config){
        .sample = {.kind = SG_SAMPLE_INCOHERENT, .size_px = 48, .pixel_um = .2},
        .illumination = {.exposures = 1, .dose_ph = 200},
        .optics = {.wavelength_um = .5,
                   .na = .4,
                   .medium_index = 1,
                   .magnification = 1,
                   .specimen_index = 1.33,
                   .coverslip_um = 170,
                   .coverslip_index = 1.52,
                   .coverslip_design_um = 170,
                   .coverslip_design_index = 1.52,
                   .immersion_um = 150},
        .camera = {.pixel_um = .2, .fill_factor = 1, .qe = 1, .full_well_e = 1e6, .range_e = 300},
    };
}

static void test_refused(void **state)
{
    (void)state;
    sg_microscope_config c = fluorescence();
    c.optics.defocus_um = 20;
    refused(&c, "wider than the field of 9.6 um; sample.size_px 88 would do");
    c = fluorescence();
    c.sample.pixel_um = c.camera.pixel_um = .4;
    refused(&c, "a pitch up to 0.3125 um would do");
    c = fluorescence();
    c.optics.psf = SG_PSF_GAUSSIAN, c.sample.depth_um = 3;
    refused(&c, "sample.depth_um");
    c = fluorescence();
    c.optics.psf = SG_PSF_GIBSON_LANNI, c.optics.na = .9, c.optics.coverslip_index = .8, c.sample.pixel_um = .1;
    c.camera.pixel_um = .1;
    refused(&c, "optics.coverslip_index: 0.8 must be above the NA of 0.9");
    c = fluorescence();
    c.optics.psf = SG_PSF_AIRY, c.optics.mask = SG_MASK_CUBIC, c.optics.mask_rad = 1;
    refused(&c, "optics.mask: needs optics.psf pupil");
}

/* `batch` samples, each one point of light. */
static lab scope(const sg_microscope_config *config, int batch, uint32_t epoch)
{
    sg_graph *g = sg_graph_new();
    sg_microscope_stages stages;
    const int n = config->sample.size_px;
    const sg_value in = sg_input(g, "sample", SG_SHAPE(batch, 1, n, n));
    (void)sg_microscope(g, in, config, false, &stages);
    lab l = lab_open(g, sg_stage_value(&stages, "image"), true, false);
    double *x = sg_plan_input(l.plan, "sample");
    memset(x, 0, sizeof(double) * (size_t)batch * (size_t)n * (size_t)n);
    for (int i = 0; i < batch; i++) x[i * n * n + n / 2 * n + n / 2] = 1;
    const sg_step step = {.seed = 5, .epoch = epoch};
    sg_plan_step_set(l.plan, &step);
    return l;
}

/* Each sample has a depth of its own, another one in the next epoch, the same one in the next run. */
static void test_depth(void **state)
{
    (void)state;
    enum { N = 48, BATCH = 4 };
    sg_microscope_config c = fluorescence();
    c.sample.depth_um = 4;
    double peak[3][BATCH];
    for (int t = 0; t < 3; t++) {
        lab l = scope(&c, BATCH, t == 2);
        const double *y = lab_run(&l);
        for (int i = 0; i < BATCH; i++) peak[t][i] = y[i * N * N + N / 2 * N + N / 2];
        lab_close(&l);
    }
    for (int i = 0; i < BATCH; i++) {
        lab_near(peak[0][i], peak[1][i], 0, "the same run again", i);
        assert_true(fabs(peak[0][i] - peak[2][i]) > 1e-6);
        for (int j = 0; j < i; j++) assert_true(fabs(peak[0][i] - peak[0][j]) > 1e-6);
    }
}

/* Largest relative difference of the PSF's peak in focus and at z. */
static double peak_at(double mask_rad, double z)
{
    sg_microscope_config c = fluorescence();
    c.sample.size_px = 128;
    c.optics.mask = mask_rad > 0 ? SG_MASK_CUBIC : SG_MASK_NONE;
    c.optics.mask_rad = mask_rad;
    c.optics.defocus_um = z;
    c.optics.edge = SG_EDGE_SMOOTH;
    lab l = scope(&c, 1, 0);
    const double *y = lab_run(&l);
    double largest = 0;
    for (int i = 0; i < 128 * 128; i++) largest = y[i] > largest ? y[i] : largest;
    lab_close(&l);
    return largest;
}

/* Dowski and Cathey: with a cubic mask the PSF hardly depends on defocus. */
static void test_cubic_mask(void **state)
{
    (void)state;
    const double clear = peak_at(0, 8) / peak_at(0, 0), cubic = peak_at(20, 8) / peak_at(20, 0);
    print_message("# peak at 8 um over that in focus: clear pupil %.3f, cubic mask of 20 rad %.3f\n", clear, cubic);
    assert_true(clear < .2);
    assert_true(cubic > .7 && cubic < 1.3);
}

/* Through every model a flat picture stays flat, periodic or reflected; zeros around it darken its rim. */
static void test_every_model(void **state)
{
    (void)state;
    enum { N = 48 };
    for (int t = 0; t < 3 * (SG_PSF_VECTORIAL + 1); t++) {
        sg_microscope_config c = fluorescence();
        c.optics.psf = (sg_psf_kind)(t / 3);
        c.optics.psf_sigma_um = c.optics.psf == SG_PSF_GAUSSIAN ? .4 : 0;
        c.optics.psf_edge = (sg_edge)(t % 3);
        lab l = scope(&c, 1, 0);
        double *x = sg_plan_input(l.plan, "sample");
        for (int i = 0; i < N * N; i++) x[i] = 1;
        const double *y = lab_run(&l);
        for (int i = 0; i < N * N && c.optics.psf_edge != SG_EDGE_ZERO; i++) lab_near(y[i], 1, 1e-9, "light", i);
        if (c.optics.psf_edge == SG_EDGE_ZERO) assert_true(y[0] < .5 && y[N / 2 * N + N / 2] > .9);
        lab_close(&l);
    }
}

/* ---- tables ---- */

static double bead_shift, bead_level; /* what the made-up file below shows */

/* "gauss": 41 x 45 pixels with a Gaussian of 3 pixels on a background of 7; "flat": nothing on it; "nan". */
static sg_status made_up(float **out, int *height, int *width, const char *path)
{
    *height = 41, *width = 45;
    SG_TRY(SG_ALLOC(out, 41 * 45, "made-up bead"));
    for (int i = 0; i < 41 * 45; i++) {
        const double y = i / 45 - 20 - bead_shift, x = i % 45 - 22 + bead_shift;
        (*out)[i] = (float)(7 + (strcmp(path, "gauss") ? 0 : bead_level * exp(-(y * y + x * x) / 18)));
    }
    if (!strcmp(path, "nan")) (*out)[0] = NAN;
    return SG_OK;
}

static sg_microscope_config with_file(const char *path)
{
    sg_microscope_config c = fluorescence();
    c.optics.psf = SG_PSF_MEASURED;
    c.optics.psf_pixel_um = .1;
    c.read_map = made_up;
    (void)snprintf(c.optics.psf_file, sizeof c.optics.psf_file, "%s", path);
    return c;
}

/* Sum, centroid and variance along y and x of a point's image, about the middle, in pixels of the grid. */
static void moments(const double *y, int n, double m[5])
{
    memset(m, 0, 5 * sizeof *m);
    for (int i = 0; i < n * n; i++) {
        const double dy = i / n - n / 2, dx = i % n - n / 2;
        m[0] += y[i], m[1] += y[i] * dy, m[2] += y[i] * dx, m[3] += y[i] * dy * dy, m[4] += y[i] * dx * dx;
    }
}

/* A bead off the middle, on a background, at half the grid's pitch: its PSF lies in the middle, has sum 1 and the
 * bead's width (with 1/12 of a grid pixel's and the interpolation's variance). */
static void test_measured(void **state)
{
    (void)state;
    bead_shift = 1.37, bead_level = 90;
    const sg_microscope_config c = with_file("gauss");
    lab l = scope(&c, 1, 0);
    double m[5];
    moments(lab_run(&l), 48, m);
    print_message("# measured bead: sum %.6f, centroid (%.4f, %.4f) px, variance (%.4f, %.4f) px^2\n", m[0], m[1], m[2],
                  m[3], m[4]);
    lab_near(m[0], 1, 1e-6, "sum", 0);
    for (int i = 1; i < 3; i++) lab_near(m[i], 0, 5e-3, "centroid", i);
    for (int i = 3; i < 5; i++) lab_near(m[i], 9 / 4. + 1 / 12., .08, "variance", i);
    lab_close(&l);
}

static void test_measured_refused(void **state)
{
    (void)state;
    sg_microscope_config c = with_file("flat");
    refused(&c, "optics.psf_file: flat: nothing rises above its border's median of 7");
    c = with_file("nan");
    refused(&c, "optics.psf_file: nan");
    c = with_file("gauss");
    c.optics.psf_pixel_um = 0;
    refused(&c, "optics.psf_pixel_um");
    c.optics.psf_pixel_um = .5;
    refused(&c, "sample.size_px 119 or a smaller psf_crop_px would do");
    c = with_file("gauss");
    c.optics.psf_crop_px = 43;
    refused(&c, "optics.psf_crop_px: 43 px of a picture of 45 x 41");
    c = with_file("");
    refused(&c, "optics.psf_file");
    c = fluorescence();
    c.optics.psf = SG_PSF_TAPS, c.optics.psf_size_px = 49;
    refused(&c, "optics.psf_size_px: 49 taps are wider than the field of 48");
}

/* Four real beads of 132..176 nm by 220..242 nm (their README): full width at half maximum of one, about its peak. */
static void test_real_bead(void **state)
{
    (void)state;
    const char *source = getenv("SG_TEST_SOURCE");
    char file[900];
    (void)snprintf(file, sizeof file, "%s/../shared/data/psf_beads/dev/Bead_Image1_crop.tif", source ? source : ".");
    FILE *there = fopen(file, "rb");
    if (!there) {
        print_message("# ../shared/data/psf_beads is absent\n");
        skip();
        return;
    }
    (void)fclose(there);
    sg_microscope_config c = with_file("");
    (void)snprintf(c.optics.psf_file, sizeof c.optics.psf_file, "%s:21", file);
    c.read_map = sg_map_read;
    c.optics.psf_pixel_um = c.sample.pixel_um = c.camera.pixel_um = .022;
    c.sample.size_px = 64;
    c.optics.psf_crop_px = 41;
    lab l = scope(&c, 1, 0);
    const double *y = lab_run(&l);
    int best = 0, across = 0, down = 0;
    for (int i = 0; i < 64 * 64; i++)
        if (y[i] > y[best]) best = i;
    for (int i = 0; i < 64; i++) {
        across += y[best / 64 * 64 + i] > .5 * y[best];
        down += y[i * 64 + best % 64] > .5 * y[best];
    }
    print_message("# real bead: %d nm across, %d nm down\n", 22 * across, 22 * down);
    assert_in_range(22 * across, 110, 198);
    assert_in_range(22 * down, 198, 286);
    lab_close(&l);
}

/* Fixed kernels see a point and a flat picture as their taps say; free taps learn and stay on the simplex. */
static void test_taps(void **state)
{
    (void)state;
    static const double centre[] = {.25, 5, 8}, beside[] = {.125, -1, -1}, sums[] = {1, 1, 0};
    for (int k = 0; k < 3; k++) {
        sg_microscope_config c = fluorescence();
        c.optics.psf = SG_PSF_KERNEL, c.optics.psf_kernel = (sg_psf_kernel)k;
        lab l = scope(&c, 1, 0);
        const double *y = lab_run(&l), *middle = y + 24 * 48 + 24;
        double sum = 0;
        for (int i = 0; i < 48 * 48; i++) sum += y[i];
        lab_near(middle[0], centre[k], 1e-7, "centre", k);
        lab_near(middle[1], beside[k], 1e-7, "beside", k);
        lab_near(middle[-48], beside[k], 1e-7, "above", k);
        lab_near(sum, sums[k], 1e-6, "sum", k);
        lab_close(&l);
    }
    sg_microscope_config c = fluorescence();
    c.optics.psf = SG_PSF_TAPS, c.optics.psf_size_px = 7, c.optics.psf_sigma_um = .3;
    c.optics.learn_taps = (sg_learn){true, .01};
    lab l = scope(&c, 1, 0);
    const sg_param_info *taps = sg_model_find(l.model, "microscope.psf.taps");
    assert_non_null(taps);
    assert_int_equal(taps->spec.constraint, SG_SIMPLEX);
    assert_false(taps->spec.frozen);
    const double *y = lab_run(&l);
    lab_near(y[24 * 48 + 25] / y[24 * 48 + 24], exp(-.5 / 2.25), 1e-6, "Gaussian start", 1);
    lab_close(&l);
}

/* ---- many PSFs ---- */

/* Image of a smooth picture of `channels` planes. */
static double *imaged(const sg_microscope_config *config, int channels)
{
    enum { N = 48 };
    sg_graph *g = sg_graph_new();
    sg_microscope_stages stages;
    const sg_value in = sg_input(g, "sample", SG_SHAPE(1, channels, N, N));
    (void)sg_microscope(g, in, config, false, &stages);
    lab l = lab_open(g, sg_stage_value(&stages, "image"), true, false);
    double *x = sg_plan_input(l.plan, "sample"), *y = check_alloc(N * N);
    for (int i = 0; i < channels * N * N; i++)
        x[i] = (2 + sin(.7 * (i % N)) + cos(.5 * (i / N % N))) * (1 + i / (N * N));
    memcpy(y, lab_run(&l), N * N * sizeof *y);
    lab_close(&l);
    return y;
}

static void near_all(const double *a, const double *b, double tolerance, const char *what)
{
    for (int i = 0; i < 48 * 48; i++) lab_near(a[i], b[i], tolerance, what, i);
}

/* PSFs at many places that are all alike are one PSF; with a curved field the middle stays and the corner blurs. */
static void test_psf_grid(void **state)
{
    (void)state;
    sg_microscope_config c = fluorescence();
    c.optics.psf = SG_PSF_BORN_WOLF;
    double *plain = imaged(&c, 1);
    c.optics.psf_grid = 3;
    double *alike = imaged(&c, 1);
    near_all(alike, plain, 1e-6, "equal PSFs"); /* weights are kept in float */
    c.optics.field_curvature_um = 4;
    double *curved = imaged(&c, 1);
    c.optics.psf_grid = 1, c.optics.defocus_um = 4, c.optics.field_curvature_um = 0;
    double *corner = imaged(&c, 1);
    print_message("# corner: %.4f, with the corner's PSF %.4f, with the middle's %.4f\n", curved[0], corner[0],
                  plain[0]);
    assert_true(fabs(curved[0] - corner[0]) < .5 * fabs(plain[0] - corner[0]));
    double moved = 0;
    for (int i = 0; i < 48 * 48; i++) moved = fmax(moved, fabs(curved[i] - plain[i]));
    assert_true(moved > .05);
    free(plain), free(alike), free(curved), free(corner);
}

/* A volume of one lit plane is that plane out of focus; planes add. */
static void test_volume(void **state)
{
    (void)state;
    sg_microscope_config c = fluorescence();
    c.sample.slice_um = 2, c.sample.volume_planes = 3;
    double *volume = imaged(&c, 3), *sum = check_alloc(48 * 48);
    memset(sum, 0, 48 * 48 * sizeof *sum);
    for (int k = 0; k < 3; k++) {
        sg_microscope_config one = fluorescence();
        one.optics.defocus_um = (1 - k) * 2;
        double *y = imaged(&one, 1);
        for (int i = 0; i < 48 * 48; i++) sum[i] += (k + 1) * y[i];
        free(y);
    }
    near_all(volume, sum, 1e-9, "planes");
    free(volume), free(sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conservation),   cmocka_unit_test(test_airy),
        cmocka_unit_test(test_born_wolf_axis), cmocka_unit_test(test_gibson_lanni),
        cmocka_unit_test(test_pupil_route),    cmocka_unit_test(test_vectorial),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_cubic_mask),     cmocka_unit_test(test_every_model),
        cmocka_unit_test(test_measured),       cmocka_unit_test(test_measured_refused),
        cmocka_unit_test(test_real_bead),      cmocka_unit_test(test_taps),
        cmocka_unit_test(test_psf_grid),       cmocka_unit_test(test_volume),
    };
    return cmocka_run_group_tests_name("psf_models", tests, NULL, NULL);
}
