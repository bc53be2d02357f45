/* test_led_array.c - directions of light, slide, grids, rings, CSV, patterns; bright and dark field of real LED
 * captures (skipped where ../shared/data/fpm_led_blood is absent). */
#include "check.h"
#include "place.h"

#include "physics/led_array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const sg_illumination_config grid = {.rows = 9, .columns = 9, .pitch_na = .04, .exposures = 1};
enum { CENTRE = 40 };

static sg_led_array make(const sg_illumination_config *config)
{
    sg_led_array array;
    if (sg_led_array_make(&array, config, .53, 128) != SG_OK) fail_msg("%s", sg_error_text());
    return array;
}

static void near(double x, double y, double tolerance)
{
    if (!(fabs(x - y) <= tolerance)) fail_msg("%.15g is not %.15g within %g", x, y, tolerance);
}

static void test_grid(void **state)
{
    (void)state;
    sg_led_array a = make(&grid);
    assert_int_equal(a.count, 81);
    near(a.led[CENTRE].s_x, 0, 0);
    near(a.led[CENTRE + 1].s_x, -.04, 1e-15); /* one column to +x: light travels towards -x */
    near(a.led[CENTRE + 9].s_y, -.04, 1e-15);
    near(a.led[CENTRE + 1].f_x, -.04 / .53, 1e-15);
    assert_int_equal(a.led[CENTRE + 1].bin_x, -10); /* 9.66 */
    assert_int_equal(a.led[CENTRE + 1].bin_y, 0);
    sg_led_array_free(&a);
}

static void test_ties_to_even(void **state)
{
    (void)state;
    sg_illumination_config c = {.rows = 1, .columns = 5, .pitch_na = .0625, .exposures = 1};
    sg_led_array a;
    assert_int_equal(sg_led_array_make(&a, &c, 1, 8), SG_OK); /* f in bins: 1, .5, 0, -.5, -1 */
    static const int bins[] = {1, 0, 0, 0, -1};
    for (int k = 0; k < 5; k++) assert_int_equal(a.led[k].bin_x, bins[k]);
    sg_led_array_free(&a);
    assert_int_equal(sg_led_array_make(&a, &c, 1, 24), SG_OK); /* 3, 1.5, 0, -1.5, -3 */
    assert_int_equal(a.led[1].bin_x, 2);
    assert_int_equal(a.led[3].bin_x, -2);
    sg_led_array_free(&a);
}

static void test_positions(void **state)
{
    (void)state;
    sg_illumination_config c = {.rows = 3, .columns = 5, .pitch_mm = 4, .height_mm = 60, .exposures = 1};
    sg_led_array a = make(&c);
    for (int k = 0; k < a.count; k++) {
        const double x = a.led[k].x_mm, y = a.led[k].y_mm, r = sqrt(x * x + y * y + 3600);
        near(a.led[k].s_x, -x / r, 1e-15);
        near(a.led[k].s_y, -y / r, 1e-15);
    }
    near(a.led[0].x_mm, -8, 0);
    near(a.led[0].y_mm, -4, 0);
    sg_led_array_free(&a);
    c = (sg_illumination_config){.geometry = SG_LED_RINGS, .rings = 3, .pitch_mm = 5, .height_mm = 60, .exposures = 1};
    a = make(&c);
    assert_int_equal(a.count, 37);
    for (int k = 0; k < a.count; k++) {
        const double ring = k == 0 ? 0 : k < 7 ? 1 : k < 19 ? 2 : 3;
        near(hypot(a.led[k].x_mm, a.led[k].y_mm), 5 * ring, 1e-12);
    }
    sg_led_array_free(&a);
}

/* The equivalent place of an LED given by NA has that NA. */
static void test_na_has_a_place(void **state)
{
    (void)state;
    sg_led_array a = make(&grid);
    for (int k = 0; k < a.count; k++) {
        double s[2];
        sg_led_direction(s, NULL, a.led[k].x_mm, a.led[k].y_mm, a.height_mm, a.slide_mm, a.slide_index);
        near(s[0], a.led[k].s_x, 1e-14);
        near(s[1], a.led[k].s_y, 1e-14);
    }
    sg_led_array_free(&a);
}

/* Snell's law, and derivatives against differences, with and without a slide. */
static void test_slide(void **state)
{
    (void)state;
    for (double slide = 0; slide < 3; slide += 1.5)
        for (double x = -80; x <= 80; x += 20) {
            const double y = 7, h = 1e-4;
            double s[2], ds[2][2], plus[2], minus[2];
            sg_led_direction(s, ds, x, y, 60, slide, 1.52);
            const double sine = hypot(s[0], s[1]);
            near(60 * tan(asin(sine)) + slide * tan(asin(sine / 1.52)), hypot(x, y), 1e-10);
            near(s[0] * y, s[1] * x, 1e-12);
            for (int b = 0; b < 2; b++) {
                sg_led_direction(plus, NULL, x + (b == 0) * h, y + (b == 1) * h, 60, slide, 1.52);
                sg_led_direction(minus, NULL, x - (b == 0) * h, y - (b == 1) * h, 60, slide, 1.52);
                for (int a = 0; a < 2; a++) near(ds[a][b], (plus[a] - minus[a]) / (2 * h), 1e-9);
            }
        }
}

/* ---- patterns ---- */

static int count_lit(const double *w, int count)
{
    int lit = 0;
    for (int i = 0; i < count; i++) lit += w[i] > 0;
    return lit;
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct expected {
        sg_pattern pattern;
        int exposures, lit;
    } list[] = {
        {SG_PATTERN_CENTER, 1, 1},   {SG_PATTERN_BRIGHTFIELD, 1, 21}, {SG_PATTERN_DARKFIELD, 1, 60},
        {SG_PATTERN_ANNULUS, 1, 8},  {SG_PATTERN_HALF, 1, 8},         {SG_PATTERN_DPC, 2, 16},
        {SG_PATTERN_OFF_AXIS, 1, 1}, {SG_PATTERN_ALL, 1, 81},         {SG_PATTERN_CENTER, 3, 3},
    };
    sg_led_array a = make(&grid);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        for (int box = 0; box < 2; box++) {
            sg_illumination_config c = grid;
            c.pattern = list[i].pattern;
            c.exposures = list[i].exposures;
            c.constraint = box ? SG_LIGHT_BOX : SG_LIGHT_DOSE;
            double *w = check_alloc(81 * 3), sum = 0;
            assert_int_equal(sg_led_pattern(w, &a, &c, 1, .1), SG_OK);
            for (int k = 0; k < 81 * c.exposures; k++) sum += w[k];
            near(sum, box ? list[i].lit : 1, 1e-12);
            assert_int_equal(count_lit(w, 81 * c.exposures), list[i].lit);
            if (c.pattern == SG_PATTERN_OFF_AXIS) assert_true(w[CENTRE - 2] > 0); /* s = +.08 comes from -x */
            if (c.pattern == SG_PATTERN_DPC)
                for (int k = 0; k < 81; k++) near(w[k], w[81 + k / 9 * 9 + 8 - k % 9], 0); /* mirror images */
            free(w);
        }
    }
    sg_led_array_free(&a);
}

static void test_sampling(void **state)
{
    (void)state;
    sg_led_array a = make(&grid);
    assert_int_equal(sg_led_array_sampling(&a, .53, .1, .5), SG_OK);
    const double limit = .53 / (2 * (.16 + .1));
    assert_int_equal(sg_led_array_sampling(&a, .53, .1, limit * .999), SG_OK);
    assert_int_equal(sg_led_array_sampling(&a, .53, .1, limit * 1.001), SG_E_RANGE);
    assert_non_null(strstr(sg_error_text(), "LED 0"));
    assert_non_null(strstr(sg_error_text(), "1.019 um would do"));
    sg_led_array_free(&a);
}

/* ---- CSV ---- */

static sg_status make_csv(sg_led_array *out, const char *text, double height_mm)
{
    sg_illumination_config c = {.geometry = SG_LED_CSV, .height_mm = height_mm, .exposures = 1};
    place_put_text("leds.csv", text);
    (void)snprintf(c.csv, sizeof c.csv, "%s", place_path("leds.csv"));
    return sg_led_array_make(out, &c, .5, 100);
}

static void test_csv(void **state)
{
    (void)state;
    sg_led_array a;
    assert_int_equal(make_csv(&a, "index, x_mm ,y_mm,power\n\n0,3,0,1\n1,0,-4,.5\r\n", 12), SG_OK);
    assert_int_equal(a.count, 2);
    near(a.led[0].s_x, -3 / sqrt(153.0), 1e-15);
    near(a.led[1].s_y, 4 / sqrt(160.0), 1e-15);
    near(a.led[1].power, .5, 0);
    sg_led_array_free(&a);
    assert_int_equal(make_csv(&a, "na_y,na_x\n.1,-.2\n", 0), SG_OK);
    near(a.led[0].s_x, -.2, 0);
    near(a.led[0].s_y, .1, 0);
    sg_led_array_free(&a);
    static const struct bad {
        const char *text, *hint;
    } list[] = {
        {"", ":1: the header"},
        {"x,y\n1,2\n", ":1: the header"},
        {"x_mm,y_mm\n", "no LED"},
        {"x_mm,y_mm\n1,2\n3\n", ":3: 1 columns"},
        {"x_mm,y_mm\n1,abc\n", ":2: 'abc'"},
        {"x_mm,y_mm\n1,nan\n", ":2: 'nan'"},
        {"na_x,na_y\n.1,.1\n.9,.9\n", "below 1"},
        {"x_mm,y_mm,power\n1,2,-1\n", "negative"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        assert_int_not_equal(make_csv(&a, list[i].text, 12), SG_OK);
        assert_null(a.led);
        if (!strstr(sg_error_text(), list[i].hint))
            fail_msg("'%s' does not contain '%s'", sg_error_text(), list[i].hint);
    }
}

/* ---- real captures: geometry of the README, slide included ---- */

enum { CAPTURES = 225 };

static bool data_path(char *out, size_t size, const char *colour)
{
    const char *source = getenv("SG_TEST_SOURCE");
    snprintf(out, size, "%s/../shared/data/fpm_led_blood/dev/bloodsmear_%s_leds.csv", source ? source : ".", colour);
    return access(out, R_OK) == 0;
}

/* illumination NA and mean of each capture, columns 6 and 9. */
static void read_captures(const char *path, double *na, double *mean)
{
    char line[512];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    for (int k = 0; k < CAPTURES; k++) {
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(sscanf(line, "%*d,%*d,%*d,%*f,%*f,%lf,%*f,%*f,%lf", &na[k], &mean[k]), 2);
    }
    fclose(file);
}

static void check_colour(const char *colour, double wavelength_um, int expected)
{
    sg_illumination_config c = {
        .geometry = SG_LED_CSV, .height_mm = 90.88, .slide_mm = 1, .slide_index = 1.52, .exposures = 1};
    double na[CAPTURES], mean[CAPTURES];
    sg_led_array a;
    int agree = 0, bright = 0;
    assert_true(data_path(c.csv, sizeof c.csv, colour));
    read_captures(c.csv, na, mean);
    if (sg_led_array_make(&a, &c, wavelength_um, 128 * 1.845) != SG_OK) fail_msg("%s", sg_error_text());
    assert_int_equal(a.count, CAPTURES);
    for (int k = 0; k < CAPTURES; k++) {
        const double s = hypot(a.led[k].s_x, a.led[k].s_y);
        near(s, na[k], 2e-6); /* the geometry's own refraction loop stops at 1 um */
        const bool inside = hypot(a.led[k].f_x, a.led[k].f_y) <= .1 / wavelength_um, seen = mean[k] > .5 * mean[0];
        agree += inside == seen;
        bright += inside;
    }
    sg_led_array_free(&a);
    print_message("# %s: %d of %d agree, %d bright\n", colour, agree, CAPTURES, bright);
    assert_int_equal(agree, CAPTURES);
    assert_int_equal(bright, expected);
}

static void test_real_captures(void **state)
{
    (void)state;
    char path[2048];
    if (!data_path(path, sizeof path, "red")) {
        print_message("# %s is not there\n", path);
        skip();
    }
    check_colour("red", .63, 21);
    check_colour("green", .532, 19);
    check_colour("blue", .475, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),           cmocka_unit_test(test_ties_to_even),
        cmocka_unit_test(test_positions),      cmocka_unit_test(test_slide),
        cmocka_unit_test(test_na_has_a_place), cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_sampling),       cmocka_unit_test(test_csv),
        cmocka_unit_test(test_real_captures),
    };
    return cmocka_run_group_tests_name("led_array", tests, place_make, place_remove);
}
