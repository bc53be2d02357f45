/* test_slices.c - thick samples, slice by slice (PHYSICS section 1): against a thin sample, empty space and defocus,
 * and configurations that cannot be. Against an independent model: test_microscope.c. */
#include "lab.h"

#include "physics/optics.h"

#include <complex.h>
#include <stdlib.h>

enum { N = 24, M = 16, LEDS = 4, PIXELS = LEDS * M * M };

static const int bins[2 * LEDS] = {0, 0, 2, -3, -1, 5, 4, 4}; /* (y, x); the last two are dark field */
static const double step_um = 6, pixel_um = .6, wavelength_um = .5, index_of = 1.33;

/* Transmission of the slice `from`; -1: empty. */
static void fill(double complex *t, int from)
{
    for (int i = 0; i < N * N; i++)
        t[i] = from < 0 ? 1
                        : cexp(-.3 * (1 + check_random("a", from, (size_t)i)) +
                               2 * (double complex)_Complex_I * check_random("phi", from, (size_t)i));
}

/* One image per LED of slices made by fill; planes 0: the op for thin samples. */
static void image_of(double *image, int planes, const int *slices, double defocus_um)
{
    const double bin = 1 / (N * pixel_um), zernike[] = {.2, .1, -.3, .5}, na = 4.3 * bin * wavelength_um;
    const sg_slice_grid grid = {step_um, bin, bin, wavelength_um, index_of};
    const sg_pupil_grid lens = {M, M, bin, bin, wavelength_um, index_of, SG_EDGE_HARD};
    const int count = planes ? planes : 1;
    sg_graph *g = sg_graph_new();
    const sg_value t = sg_input_complex(g, "t", SG_SHAPE(1, count, N, N)),
                   one = sg_input(g, "one", SG_SHAPE(1, 1, 1, 1));
    const sg_value p = sg_pupil(g, sg_input(g, "zernike", SG_SHAPE(1, 1, 1, 4)), sg_input(g, "z", SG_SHAPE(1, 1, 1, 1)),
                                one, SG_NONE, SG_NONE, SG_NONE, &lens);
    const sg_value w = sg_input(g, "w", SG_SHAPE(1, 1, LEDS, LEDS)),
                   power = sg_input(g, "power", SG_SHAPE(1, 1, 1, LEDS));
    const sg_value root = planes ? sg_slice_image(g, t, p, w, power, LEDS, bins, 5, 5, &grid)
                                 : sg_led_image(g, sg_dft2(g, t), p, w, power, LEDS, bins, 5, 5);
    const lab l = lab_open(g, root, true, false);
    double *weight = sg_plan_input(l.plan, "w"), *powers = sg_plan_input(l.plan, "power");
    for (int i = 0; i < LEDS * LEDS; i++) weight[i] = i % (LEDS + 1) == 0;
    for (int i = 0; i < LEDS; i++) powers[i] = 1;
    for (int s = 0; s < count; s++) fill((double complex *)sg_plan_input(l.plan, "t") + s * N * N, slices[s]);
    memcpy(sg_plan_input(l.plan, "zernike"), zernike, sizeof zernike);
    *(double *)sg_plan_input(l.plan, "z") = defocus_um;
    *(double *)sg_plan_input(l.plan, "one") = na;
    memcpy(image, lab_run(&l), PIXELS * sizeof *image);
    lab closing = l;
    lab_close(&closing);
}

static void check_same(const double *got, const double *want, const char *what)
{
    const double error = check_distance(got, want, PIXELS, 0) / check_max_abs(want, PIXELS);
    print_message("# %s: %.2g\n", what, error);
    if (!(error <= 1e-12)) fail_msg("%s: relative difference %g", what, error);
}

static void test_one_slice(void **state)
{
    (void)state;
    static double thick[PIXELS], thin[PIXELS];
    image_of(thick, 1, (const int[]){0}, 3);
    image_of(thin, 0, (const int[]){0}, 3);
    check_same(thick, thin, "one slice is a thin sample");
}

static void test_empty_slices(void **state)
{
    (void)state;
    static double thick[PIXELS], thin[PIXELS];
    image_of(thick, 3, (const int[]){1, -1, -1}, -2);
    image_of(thin, 0, (const int[]){1}, -2 + 2 * step_um);
    check_same(thick, thin, "two empty slices behind the sample defocus it by two steps");
    image_of(thick, 3, (const int[]){-1, -1, 1}, -2);
    image_of(thin, 0, (const int[]){1}, -2);
    check_same(thick, thin, "empty slices before the sample do nothing");
}

/* The order counts, and so does the direction of the light. */
static void test_order(void **state)
{
    (void)state;
    static double one[PIXELS], other[PIXELS];
    image_of(one, 2, (const int[]){0, 1}, 0);
    image_of(other, 2, (const int[]){1, 0}, 0);
    assert_true(check_distance(one, other, PIXELS, 0) > .1 * check_max_abs(one, PIXELS));
}

/* ---- configurations ---- */

static const sg_microscope_config base = {
    .sample = {.kind = SG_SAMPLE_SLICES, .size_px = 64, .pixel_um = .5, .phase_rad = 1, .slices = 4, .slice_um = 5},
    .illumination =
        {.rows = 5, .columns = 5, .pitch_na = .04, .pattern = SG_PATTERN_ALL, .exposures = 1, .dose_ph = 200},
    .optics = {.wavelength_um = .53, .na = .1, .medium_index = 1, .magnification = 1},
    .camera = {.pixel_um = 1, .fill_factor = 1, .qe = 1, .full_well_e = 1e6, .bit_depth = 8, .range_e = 300},
};

static void test_refused(void **state)
{
    (void)state;
    const struct bad {
        double slice_um;
        int slices;
        sg_led_sampling sampling;
        double background_rad;
        const char *key, *hint;
    } list[] = {
        {0, 4, SG_LED_SNAP, 0, "sample.slice_um", "outside"},
        {-5, 4, SG_LED_SNAP, 0, "sample.slice_um", "outside"},
        {(double)NAN, 4, SG_LED_SNAP, 0, "sample.slice_um", "outside"},
        {500, 4, SG_LED_SNAP, 0, "sample.slice_um", "would do"},
        {5, 0, SG_LED_SNAP, 0, "sample.slices", "outside"},
        {5, 65, SG_LED_SNAP, 0, "sample.slices", "outside"},
        {5, 4, SG_LED_EXACT, 0, "illumination.sampling", "snap"},
        {5, 4, SG_LED_SNAP, .1, "sample.background_rad", "must be 0"},
    };
    sg_microscope_size size;
    assert_int_equal(sg_microscope_check(&size, &base), SG_OK);
    assert_int_equal(size.sample_channels, 4);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        sg_microscope_config c = base;
        c.sample.slice_um = list[i].slice_um;
        c.sample.slices = list[i].slices;
        c.illumination.sampling = list[i].sampling;
        c.sample.background_rad = list[i].background_rad;
        assert_int_not_equal(sg_microscope_check(&size, &c), SG_OK);
        if (strncmp(sg_error_text(), list[i].key, strlen(list[i].key)) != 0 || !strstr(sg_error_text(), list[i].hint))
            fail_msg("case %zu: \"%s\" does not begin with %s or say %s", i, sg_error_text(), list[i].key,
                     list[i].hint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_slice),
        cmocka_unit_test(test_empty_slices),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
