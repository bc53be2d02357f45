/* test_shift_variant.c - blur that differs over the field: PSFs at many places, their eigen-PSFs. A point of light at a
 * place is imaged through the PSF of that place alone. */
#include "lab.h"
#include "refuse.h"

#include "core/memory.h"
#include "physics/low_rank.h"
#include "physics/microscope.h"

#include <stdio.h>
#include <stdlib.h>

enum { N = 49, LEN = N * N, GRID = 3, PLACES = GRID * GRID, PAGE = 25, PAGE_LEN = PAGE * PAGE };

static int pages_there, page_wanted; /* what the made-up file holds; read_map reads this one */
static bool pages_alike;

/* Page k: a Gaussian of its own width in y and in x, off the middle, on a background. */
static void page_fill(float *out, int k)
{
    const double sigma_y = pages_alike ? 2 : 1.5 + .2 * (k / GRID), sigma_x = pages_alike ? 2 : 1.2 + .4 * (k % GRID);
    for (int i = 0; i < PAGE_LEN; i++) {
        const double y = (i / PAGE - 12 + .3) / sigma_y, x = (i % PAGE - 12 - .2) / sigma_x;
        out[i] = (float)(5 + 100 * exp(-.5 * (y * y + x * x)));
    }
}

static sg_status made_up_pages(float **out, int *pages, int *height, int *width, const char *path)
{
    *pages = pages_there, *height = *width = PAGE;
    SG_TRY(SG_ALLOC(out, (size_t)pages_there * PAGE_LEN, path));
    for (int k = 0; k < pages_there; k++)
        if (strcmp(path, "dark") || k != 4) page_fill(*out + (size_t)k * PAGE_LEN, k);
    return SG_OK;
}

static sg_status made_up_page(float **out, int *height, int *width, const char *path)
{
    *height = *width = PAGE;
    SG_TRY(SG_ALLOC(out, PAGE_LEN, path));
    page_fill(*out, page_wanted);
    return SG_OK;
}

static sg_microscope_config fluorescence(sg_psf_kind psf)
{
    pages_there = PLACES, pages_alike = false;
    return (sg_microscope_config){
        .sample = {.kind = SG_SAMPLE_INCOHERENT, .size_px = N, .pixel_um = .2},
        .illumination = {.exposures = 1, .dose_ph = 200},
        .optics = {.wavelength_um = .5,
                   .na = .4,
                   .medium_index = 1,
                   .magnification = 1,
                   .psf = psf,
                   .psf_grid = GRID,
                   .psf_file = "beads",
                   .psf_pixel_um = psf == SG_PSF_MEASURED ? .2 : 0,
                   .specimen_index = 1.33,
                   .coverslip_um = 170,
                   .coverslip_index = 1.52,
                   .coverslip_design_um = 170,
                   .coverslip_design_index = 1.52,
                   .immersion_um = 150},
        .camera = {.pixel_um = .2, .fill_factor = 1, .qe = 1, .full_well_e = 1e6, .range_e = 300},
        .read_map = made_up_page,
        .read_pages = made_up_pages,
    };
}

static sg_microscope_config curved(sg_psf_kind psf)
{
    sg_microscope_config c = fluorescence(psf);
    c.optics.field_curvature_um = 4;
    return c;
}

/* Images (places, pictures, N, N) of a point of light at each place; *error: size.psf_error. */
static double *points(const sg_microscope_config *config, double *error)
{
    sg_graph *g = sg_graph_new();
    sg_microscope_stages stages;
    sg_microscope_size size;
    if (sg_microscope_check(&size, config) != SG_OK) fail_msg("%s", sg_error_text());
    if (error) *error = size.psf_error;
    const sg_value in = sg_input(g, "sample", SG_SHAPE(1, 1, N, N));
    (void)sg_microscope(g, in, config, false, &stages);
    lab l = lab_open(g, sg_stage_value(&stages, "image"), true, false);
    const size_t len = (size_t)size.light_frames * LEN;
    double *x = sg_plan_input(l.plan, "sample"), *out = check_alloc(PLACES * len);
    for (int m = 0; m < PLACES; m++) {
        memset(x, 0, LEN * sizeof *x);
        x[m / GRID * (N / 2) * N + m % GRID * (N / 2)] = 1;
        memcpy(out + (size_t)m * len, lab_run(&l), len * sizeof *out);
    }
    lab_close(&l);
    return out;
}

static double norm_of_difference(const double *a, const double *b, size_t len)
{
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += (a[i] - (b ? b[i] : 0)) * (a[i] - (b ? b[i] : 0));
    return sqrt(sum);
}

/* A matrix of singular values 2^-k between two sets of cosines: all modes give it back; fewer leave out exactly the
 * other singular values. */
static void test_low_rank(void **state)
{
    (void)state;
    enum { ROWS = 12, WIDE = 40 };
    double a[ROWS * WIDE], modes[ROWS * WIDE], share[ROWS * ROWS], singular[ROWS];
    for (int i = 0; i < ROWS * WIDE; i++) {
        a[i] = 0;
        for (int k = 0; k < ROWS; k++)
            a[i] += pow(2, -k) * sqrt((k ? 2. : 1.) / ROWS) * cos(M_PI * k * (i / WIDE + .5) / ROWS) *
                    sqrt((k ? 2. : 1.) / WIDE) * cos(M_PI * k * (i % WIDE + .5) / WIDE);
    }
    double before = HUGE_VAL, left = 4. / 3 * (1 - pow(4, -ROWS)), worst = 0;
    for (int keep = 1; keep <= ROWS; keep++) {
        assert_int_equal(sg_low_rank(modes, share, singular, a, ROWS, WIDE, keep), SG_OK);
        double square = 0;
        for (int i = 0; i < ROWS * WIDE; i++) {
            double sum = 0;
            for (int k = 0; k < keep; k++) sum += share[i / WIDE * keep + k] * modes[k * WIDE + i % WIDE];
            square += (a[i] - sum) * (a[i] - sum);
        }
        left -= pow(4, 1 - keep);
        worst = fmax(worst, fabs(sqrt(square) - sqrt(fmax(left, 0))));
        lab_near(singular[keep - 1], pow(2, 1 - keep), 1e-12, "singular value", keep);
        assert_true(sqrt(square) < before);
        before = sqrt(square);
    }
    print_message("# low rank: error off the discarded singular values by %.1e; all modes leave %.1e\n", worst, before);
    assert_true(worst <= 1e-7 && before <= 1e-14);
    a[7] = NAN;
    assert_int_equal(sg_low_rank(modes, share, singular, a, ROWS, WIDE, 2), SG_E_NUMERIC);
}

/* A file of 3 x 3 pages: each place has the image that its page alone would give. */
static void test_measured_grid(void **state)
{
    (void)state;
    sg_microscope_config c = fluorescence(SG_PSF_MEASURED);
    double *grid = points(&c, NULL), least = HUGE_VAL;
    c.optics.psf_grid = 1;
    for (page_wanted = 0; page_wanted < PLACES; page_wanted++) {
        double *one = points(&c, NULL);
        const size_t at = (size_t)page_wanted * LEN;
        lab_near(norm_of_difference(grid + at, one + at, LEN), 0, 1e-6, "page", page_wanted);
        for (size_t m = 0; m < PLACES; m++) /* and only to its own place */
            if (m != (size_t)page_wanted) least = fmin(least, norm_of_difference(grid + m * LEN, one + m * LEN, LEN));
        free(one);
    }
    print_message("# pages of a measured grid: images of another page differ by %.3f or more\n", least);
    assert_true(least > .005);
    free(grid);
}

/* Eigen-PSFs: the error of the images at all places is what psf_error says, falls, and is 0 when all are kept. */
static void falls(sg_microscope_config *c, const char *what)
{
    double *grid = points(c, NULL), error = 0, before = HUGE_VAL;
    const double norm = norm_of_difference(grid, NULL, (size_t)PLACES * LEN);
    for (c->optics.psf_modes = 1; c->optics.psf_modes <= PLACES; c->optics.psf_modes++) {
        double *modes = points(c, &error);
        const double found = norm_of_difference(modes, grid, (size_t)PLACES * LEN) / norm;
        print_message("# %s, %d eigen-PSFs of %d places: error %.3e, said %.3e\n", what, c->optics.psf_modes, PLACES,
                      found, error);
        lab_near(found, error, 1e-6, what, c->optics.psf_modes);
        assert_true(found < before + 1e-6);
        if (c->optics.psf_modes == 1) assert_true(found > 1e-3);
        before = found;
        free(modes);
    }
    lab_near(before, 0, 1e-6, what, PLACES);
    free(grid);
}

static void test_modes(void **state)
{
    (void)state;
    sg_microscope_config measured = fluorescence(SG_PSF_MEASURED), born_wolf = curved(SG_PSF_BORN_WOLF);
    falls(&measured, "measured");
    falls(&born_wolf, "curved field");
}

/* Other sources, and pictures with eigen-PSFs of their own: all kept, the images are those of the grid. */
static void test_all_modes(void **state)
{
    (void)state;
    sg_microscope_config gaussian = fluorescence(SG_PSF_GAUSSIAN), planes = curved(SG_PSF_PUPIL);
    gaussian.optics.psf_sigma_um = .2, gaussian.optics.psf_sigma_edge_um = .5;
    planes.optics.planes_count = 2, planes.optics.planes_um[1] = 2;
    sg_microscope_config *const config[] = {&gaussian, &planes};
    for (int t = 0; t < 2; t++) {
        const size_t len = (size_t)(PLACES * (1 + t)) * LEN;
        double *grid = points(config[t], NULL);
        config[t]->optics.psf_modes = PLACES;
        double *modes = points(config[t], NULL);
        lab_near(norm_of_difference(modes, grid, len), 0, 1e-6, "images", t);
        free(modes), free(grid);
    }
}

/* PSFs that are all alike need one eigen-PSF. */
static void test_alike(void **state)
{
    (void)state;
    sg_microscope_config flat = fluorescence(SG_PSF_BORN_WOLF), measured = fluorescence(SG_PSF_MEASURED);
    pages_alike = true;
    sg_microscope_config *const config[] = {&flat, &measured};
    for (int t = 0; t < 2; t++) {
        double *grid = points(config[t], NULL), error = 1;
        config[t]->optics.psf_modes = 1;
        double *modes = points(config[t], &error);
        lab_near(norm_of_difference(modes, grid, (size_t)PLACES * LEN), 0, 1e-6, "images", t);
        lab_near(error, 0, 1e-7, "error", t);
        free(modes), free(grid);
    }
}

/* sigma: psf_sigma_um in the middle, psf_sigma_edge_um in the corners, with the square of the distance half-way at the
 * middle of a side; the image's peak is 1/(2 pi sigma^2). */
static void test_sigma_edge(void **state)
{
    (void)state;
    sg_microscope_config c = fluorescence(SG_PSF_GAUSSIAN);
    c.optics.psf_sigma_um = .3, c.optics.psf_sigma_edge_um = .7;
    double *y = points(&c, NULL);
    for (int m = 0; m < PLACES; m++) {
        const double distance2 = (abs(m / GRID - 1) + abs(m % GRID - 1)) / 2.;
        const double sigma_px = (.3 + .4 * distance2) / .2;
        lab_near(y[m * LEN + m / GRID * (N / 2) * N + m % GRID * (N / 2)] * 2 * M_PI * sigma_px * sigma_px, 1, 1e-5,
                 "peak", m);
    }
    free(y);
}

static void test_refused(void **state)
{
    (void)state;
    sg_microscope_config c = fluorescence(SG_PSF_MEASURED);
    pages_there = 8;
    refused(&c, "beads has 8 pages; optics.psf_grid 3 needs 9, one for each place, row by row");
    pages_there = 1;
    refused(&c, "beads has 1 page; optics.psf_grid 3 needs 9");
    c = fluorescence(SG_PSF_MEASURED);
    (void)snprintf(c.optics.psf_file, sizeof c.optics.psf_file, "dark");
    refused(&c, "optics.psf_file: dark:5: nothing rises above its border's median of 0");
    c = fluorescence(SG_PSF_MEASURED), c.read_pages = NULL;
    refused(&c, "optics.psf_file: maps in files are not read here");
    c = fluorescence(SG_PSF_MEASURED), c.optics.psf_modes = 10;
    refused(&c, "optics.psf_modes: 10 of 3 x 3 places, 9 are the most");
    c = fluorescence(SG_PSF_MEASURED), c.optics.psf_modes = 1, c.optics.psf_grid = 1;
    refused(&c, "optics.psf_modes: needs optics.psf_grid above 1");
    c = curved(SG_PSF_BORN_WOLF), c.optics.psf_modes = 2, c.optics.learn_defocus = (sg_learn){true, .01};
    refused(&c, "optics.psf_modes: eigen-PSFs are fixed");
    c = curved(SG_PSF_BORN_WOLF), c.optics.psf_modes = 2, c.sample.depth_um = 1;
    refused(&c, "sample.depth_um must be 0");
    c = fluorescence(SG_PSF_GAUSSIAN);
    refused(&c, "optics.psf_grid: psf gaussian needs optics.psf_sigma_edge_um");
    c = fluorescence(SG_PSF_AIRY);
    refused(&c, "optics.psf_grid: needs an incoherent sample");
    c = fluorescence(SG_PSF_PUPIL), c.optics.psf_sigma_edge_um = 1;
    refused(&c, "optics.psf_sigma_edge_um: needs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_low_rank),  cmocka_unit_test(test_measured_grid), cmocka_unit_test(test_modes),
        cmocka_unit_test(test_all_modes), cmocka_unit_test(test_alike),         cmocka_unit_test(test_sigma_edge),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("shift_variant", tests, NULL, NULL);
}
