/* test_colour.c - several colours and focal planes are the runs of each alone; kinds of samples against what they are
 * made of; impossible lists of colours and planes. */
#include "lab.h"
#include "place.h"

#include "core/rng.h"
#include "datasets/png.h"
#include "datasets/sample.h"
#include "datasets/tiff.h"
#include "physics/microscope.h"
#include "physics/spectra.h"
#include "refuse.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 32 };

static const double rgb_um[] = {.64, .53, .47};

/* Pictures are compared before the camera; weights of 1 need no sharing. */
static sg_microscope_config scope(int exposures)
{
    sg_microscope_config c = {
        .sample = {.size_px = SIDE,
                   .pixel_um = .5,
                   .phase_rad = 1,
                   .absorption = .2,
                   .background_rad = .3,
                   .correlation_um = 2},
        .illumination = {.rows = 5,
                         .columns = 5,
                         .pitch_na = .04,
                         .pattern = exposures == 2 ? SG_PATTERN_DPC : SG_PATTERN_BRIGHTFIELD,
                         .exposures = exposures,
                         .constraint = SG_LIGHT_BOX,
                         .flux_ph_per_s = 1e4,
                         .exposure_s = .01},
        .optics = {.wavelength_um = .5,
                   .na = .1,
                   .medium_index = 1,
                   .defocus_um = 4,
                   .magnification = 1,
                   .zernike_rad = {0, 0, 0, 0, .3, -.2},
                   .zernike_count = 6},
        .camera = {.pixel_um = 1, .fill_factor = .8, .qe = 1, .full_well_e = 1e6, .bit_depth = 8, .range_e = 300},
    };
    return c;
}

static const sg_image_options plain = {0};

static void set_colours(sg_microscope_config *c, const double *um, int count)
{
    memcpy(c->optics.colours_um, um, (size_t)count * sizeof *um);
    c->optics.colours_count = count;
}

static void fill(float *x, size_t len, double lo, double hi)
{
    const sg_rng rng = sg_rng_make(1, SG_RNG_TEST, 7, 0, 0);
    for (size_t i = 0; i < len; i++) x[i] = (float)(lo + (hi - lo) * sg_rng_uniform(&rng, (uint32_t)i, 0));
}

/* A stage of the microscope for a random sample of `channels` in lo..hi, or for `sample`. */
typedef struct shown {
    sg_shape shape;
    float *data;
} shown;

static shown show(const sg_microscope_config *config, const char *stage, const float *sample)
{
    sg_microscope_size size;
    sg_microscope_stages stages;
    if (sg_microscope_check(&size, config) != SG_OK) fail_msg("%s", sg_error_text());
    sg_graph *g = sg_graph_new();
    const sg_shape in = sg_entry_shape(&size, SG_ENTRY_SAMPLE, 1);
    const sg_value channels = sg_microscope(g, sg_input(g, "sample", in), config, false, &stages);
    const sg_value value = strcmp(stage, "channels") == 0 ? channels : sg_stage_value(&stages, stage);
    shown out = {.shape = sg_value_shape(g, value)};
    const size_t len = sg_shape_len(out.shape) * (sg_value_complex(g, value) ? 2 : 1);
    lab l = lab_open(g, value, false, false);
    float *x = sg_plan_input(l.plan, "sample");
    if (sample)
        memcpy(x, sample, sg_shape_len(in) * sizeof *x);
    else
        fill(x, sg_shape_len(in), 0, 1);
    out.data = malloc(len * sizeof *out.data);
    memcpy(out.data, lab_run(&l), len * sizeof *out.data);
    lab_close(&l);
    return out;
}

/* Pictures `first`.. of `all` are those of `part`, bit by bit. */
static void same_bits(const shown *all, int first, const shown *part, const char *what)
{
    const size_t picture = (size_t)all->shape.h * (size_t)all->shape.w;
    assert_int_equal(all->shape.h, part->shape.h);
    assert_true(first + part->shape.c <= all->shape.c);
    double sum = 0;
    for (size_t i = 0; i < picture * (size_t)part->shape.c; i++) sum += fabs((double)part->data[i]);
    assert_true(sum > 0);
    if (memcmp(all->data + (size_t)first * picture, part->data, picture * (size_t)part->shape.c * sizeof(float)) != 0)
        fail_msg("%s: picture %d differs from the run alone", what, first);
}

static void each_colour_alone(sg_microscope_config config, const char *what)
{
    const int exposures = config.illumination.exposures;
    set_colours(&config, rgb_um, 3);
    shown all = show(&config, "pixels", NULL);
    assert_int_equal(all.shape.c, 3 * exposures);
    for (int i = 0; i < 3; i++) {
        set_colours(&config, &rgb_um[i], 1);
        shown one = show(&config, "pixels", NULL);
        same_bits(&all, i * exposures, &one, what);
        free(one.data);
    }
    free(all.data);
}

static void test_each_colour_alone(void **state)
{
    (void)state;
    sg_microscope_config c = scope(2);
    each_colour_alone(c, "snapped LEDs, two exposures");
    c.illumination.sampling = SG_LED_EXACT;
    c.optics.edge = SG_EDGE_SMOOTH;
    each_colour_alone(c, "LEDs between bins");
    c = scope(1);
    c.sample.kind = SG_SAMPLE_INCOHERENT;
    each_colour_alone(c, "emission");
}

/* A phase and an aberration of one path length: both scale with 1/wavelength. */
static void test_dispersion(void **state)
{
    (void)state;
    sg_microscope_config c = scope(1), same = scope(1);
    set_colours(&c, &rgb_um[0], 1);
    shown got = show(&c, "image", NULL);
    const double k = c.optics.wavelength_um / rgb_um[0];
    same.optics.wavelength_um = rgb_um[0];
    same.sample.phase_rad *= k;
    same.sample.background_rad *= k;
    for (int j = 0; j < same.optics.zernike_count; j++) same.optics.zernike_rad[j] *= k;
    shown want = show(&same, "image", NULL);
    for (size_t i = 0; i < sg_shape_len(want.shape); i++)
        lab_near((double)got.data[i], (double)want.data[i], 2e-5, "image", (double)i);
    free(got.data);
    free(want.data);
}

static void each_plane_alone(sg_microscope_config config, const char *what)
{
    static const double planes[] = {-8, 0, 12};
    const int exposures = config.illumination.exposures, colours = 2;
    set_colours(&config, rgb_um, colours);
    memcpy(config.optics.planes_um, planes, sizeof planes);
    config.optics.planes_count = 3;
    shown all = show(&config, "pixels", NULL);
    assert_int_equal(all.shape.c, 3 * colours * exposures);
    config.optics.planes_count = 0;
    for (int p = 0; p < 3; p++) {
        config.optics.defocus_um = 4 + planes[p];
        shown one = show(&config, "pixels", NULL);
        same_bits(&all, p * colours * exposures, &one, what);
        free(one.data);
    }
    free(all.data);
}

static void test_each_plane_alone(void **state)
{
    (void)state;
    sg_microscope_config c = scope(2);
    each_plane_alone(c, "LEDs");
    c = scope(1);
    c.sample.kind = SG_SAMPLE_INCOHERENT;
    each_plane_alone(c, "emission");
}

/* Slices of a measured stack that is ordered by plane, colour, LED. */
static void test_stack(void **state)
{
    (void)state;
    sg_microscope_config c = scope(1);
    c.sample = (sg_sample_config){.kind = SG_SAMPLE_STACK, .size_px = SIDE, .pixel_um = 1};
    c.illumination.pattern = SG_PATTERN_ALL;
    c.optics.planes_count = 2;
    set_colours(&c, rgb_um, 3);
    sg_microscope_size size;
    assert_int_equal(sg_microscope_check(&size, &c), SG_OK);
    assert_int_equal(size.sample_channels, 2 * 3 * 25);
    const size_t picture = SIDE * SIDE, len = picture * (size_t)size.sample_channels;
    float *stack = malloc(len * sizeof *stack);
    fill(stack, len, 0, 1);
    shown got = show(&c, "pixels", stack);
    for (int l = 0; l < 6; l++)
        for (size_t i = 0; i < picture; i++) {
            double sum = 0;
            for (size_t k = 0; k < 25; k++) sum += (double)stack[((size_t)l * 25 + k) * picture + i];
            lab_near((double)got.data[(size_t)l * picture + i], sum, 1e-4, "sum over LEDs", l);
        }
    free(got.data);
    free(stack);
}

/* One dose for all rows; captures of their own share it. The mean of an empty field says how much light there is. */
static void test_dose(void **state)
{
    (void)state;
    sg_microscope_config c = scope(1);
    float empty[SIDE * SIDE] = {0};
    c.sample.background_rad = 0;
    c.illumination.constraint = SG_LIGHT_DOSE;
    c.illumination.dose_ph = 600;
    c.camera.bit_depth = 0;
    c.camera.range_e = 1;
    set_colours(&c, rgb_um, 3);
    c.optics.planes_count = 2;
    shown got = show(&c, "channels", empty);
    assert_int_equal(got.shape.c, 6);
    for (size_t i = 0; i < sg_shape_len(got.shape); i++)
        lab_near((double)got.data[i], 600. / 2 / 3, 1e-2, "electrons a picture", (double)i);
    free(got.data);
    c.sample.kind = SG_SAMPLE_INCOHERENT;
    for (int i = 0; i < SIDE * SIDE; i++) empty[i] = 1;
    got = show(&c, "channels", empty);
    for (size_t i = 0; i < sg_shape_len(got.shape); i++)
        lab_near((double)got.data[i], 600. / 2 / 3, 1e-2, "electrons a picture of emission", (double)i);
    free(got.data);
    c.camera.cfa = SG_CFA_UNIFORM; /* half of all colours' light: not more than without filters */
    got = show(&c, "channels", empty);
    assert_int_equal(got.shape.c, 2);
    for (size_t i = 0; i < sg_shape_len(got.shape); i++)
        lab_near((double)got.data[i], 600. / 2 / 2, 2e-2, "electrons behind filters", (double)i);
    free(got.data);
}

/* Difference of each colour's own pair. */
static void test_difference(void **state)
{
    (void)state;
    sg_microscope_config c = scope(2);
    c.camera.bit_depth = 0;
    c.camera.range_e = 1;
    set_colours(&c, rgb_um, 3);
    shown all = show(&c, "channels", NULL);
    c.camera.readout = SG_READOUT_DIFFERENCE;
    shown difference = show(&c, "channels", NULL);
    const size_t picture = (size_t)all.shape.h * (size_t)all.shape.w;
    assert_int_equal(difference.shape.c, 3);
    for (size_t l = 0; l < 3; l++)
        for (size_t i = 0; i < picture; i++)
            lab_near((double)difference.data[l * picture + i],
                     (double)(all.data[2 * l * picture + i] - all.data[(2 * l + 1) * picture + i]), 1e-3, "difference",
                     (double)l);
    free(all.data);
    free(difference.data);
}

/* ---- kinds of samples ---- */

/* A uniform picture lets exactly its intensity through, whatever the phase. */
static void test_beer_lambert(void **state)
{
    (void)state;
    static const float g[] = {.9f, .4f, 1e-4f}; /* the last one below the floor */
    sg_microscope_config c = scope(1);
    float sample[3 * SIDE * SIDE];
    c.sample.kind = SG_SAMPLE_COLOUR;
    c.sample.background_rad = 0;
    c.illumination.pattern = SG_PATTERN_CENTER;
    set_colours(&c, rgb_um, 3);
    for (int i = 0; i < 3 * SIDE * SIDE; i++) sample[i] = g[i / (SIDE * SIDE)];
    shown got = show(&c, "image", sample);
    const size_t picture = (size_t)got.shape.h * (size_t)got.shape.w;
    double worst = 0;
    for (size_t i = 0; i < 3 * picture; i++) {
        const double want = i / picture == 2 ? 1. / 255 : (double)g[i / picture];
        lab_near((double)got.data[i], want, 1e-6, "intensity", (double)i);
        worst = fmax(worst, fabs((double)got.data[i] - want));
    }
    printf("# Beer-Lambert: %.1e\n", worst);
    free(got.data);
}

/* t of a colour sample, pixel by pixel: amplitude sqrt(g_c), phase of the mean of all colours. */
static void test_colour_transmission(void **state)
{
    (void)state;
    sg_microscope_config c = scope(1);
    float g[3 * SIDE * SIDE];
    c.sample.kind = SG_SAMPLE_COLOUR;
    c.sample.background_rad = 0;
    c.sample.phase_rad = 1.5;
    set_colours(&c, rgb_um, 3);
    fill(g, sizeof g / sizeof *g, .01, 1);
    shown t = show(&c, "transmission", g);
    assert_int_equal(t.shape.c, 3);
    const size_t len = SIDE * SIDE;
    for (size_t i = 0; i < 3 * len; i++) {
        const double mean = ((double)g[i % len] + (double)g[i % len + len] + (double)g[i % len + 2 * len]) / 3;
        const double phi = 1.5 * mean * .5 / rgb_um[i / len], a = sqrt((double)g[i]);
        lab_near((double)t.data[2 * i], a * cos(phi), 1e-6, "Re t", (double)i);
        lab_near((double)t.data[2 * i + 1], a * sin(phi), 1e-6, "Im t", (double)i);
    }
    free(t.data);
}

/* Measured amplitude and phase that a picture would have given make the same image. */
static void test_field(void **state)
{
    (void)state;
    sg_microscope_config c = scope(2);
    const size_t len = SIDE * SIDE;
    float g[SIDE * SIDE], field[2 * SIDE * SIDE];
    c.sample.background_rad = 0;
    set_colours(&c, rgb_um, 3);
    fill(g, len, 0, 1);
    for (size_t i = 0; i < len; i++) field[i] = expf(-.2f * g[i]), field[len + i] = g[i];
    shown want = show(&c, "image", g);
    c.sample.kind = SG_SAMPLE_FIELD;
    shown got = show(&c, "image", field);
    double worst = 0;
    for (size_t i = 0; i < sg_shape_len(want.shape); i++) {
        const double error = fabs((double)got.data[i] - (double)want.data[i]);
        lab_near((double)got.data[i], (double)want.data[i], 1e-5 * 25, "image of a field", (double)i);
        worst = fmax(worst, error);
    }
    printf("# field against coherent: %.1e\n", worst);
    free(want.data);
    free(got.data);
}

/* Files of the same field: two pages, two files; codes of a colour picture; what is refused. */
static void test_files(void **state)
{
    (void)state;
    static const uint8_t rgb[12] = {255, 0, 51, 255, 0, 51, 255, 0, 51, 255, 0, 51};
    static const float pages[8] = {1, 2, 3, 4, .5f, -.5f, .25f, 0}, negative[8] = {-1, 0, 0, 0, 0, 0, 0, 0};
    const char *path[4];
    static const char *const names[] = {"c.png", "f.tif", "g_amplitude.tif", "g_phase.tif"};
    for (int i = 0; i < 4; i++) path[i] = place_path(names[i]);
    sg_image x;
    assert_int_equal(sg_png_write_rgb(path[0], rgb, 2, 2), SG_OK);
    assert_int_equal(sg_sample_read(&x, path[0], SG_SAMPLE_COLOUR, 3, false, plain), SG_OK);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++)
            lab_near((double)x.data[4 * c + i], c == 0 ? 1 : c == 1 ? 0 : .2, 1e-6, "colour", c);
    sg_image_free(&x);
    assert_int_equal(sg_sample_read(&x, path[0], SG_SAMPLE_COLOUR, 3, true, plain), SG_OK); /* blue to red */
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++)
            lab_near((double)x.data[4 * c + i], c == 2 ? 1 : c == 1 ? 0 : .2, 1e-6, "colour from blue to red", c);
    sg_image_free(&x);
    assert_int_not_equal(sg_sample_read(&x, path[0], SG_SAMPLE_COLOUR, 4, false, plain), SG_OK);
    assert_non_null(strstr(sg_error_text(), "the picture has 3"));
    for (int i = 1; i < 4; i++) {
        const sg_tiff tiff = {i == 1 ? 2 : 1, 2, 2, 32, i == 3 ? pages + 4 : pages, 0};
        assert_int_equal(sg_tiff_write(path[i], &tiff), SG_OK);
    }
    for (int i = 1; i < 3; i++) {
        assert_int_equal(sg_sample_read(&x, path[i], SG_SAMPLE_FIELD, 2, false, plain), SG_OK);
        assert_int_equal(x.pages, 2);
        assert_memory_equal(x.data, pages, sizeof pages);
        sg_image_free(&x);
    }
    assert_int_equal(sg_tiff_write(path[1], &(sg_tiff){2, 1, 1, 8, rgb + 1, 0}), SG_OK);
    assert_int_equal(sg_sample_read(&x, path[1], SG_SAMPLE_COLOUR, 2, true, plain), SG_OK); /* pages stay in order */
    assert_true(x.data[0] == 0 && x.data[1] == .2f);
    sg_image_free(&x);
    assert_int_equal(sg_tiff_write(path[1], &(sg_tiff){2, 2, 2, 32, pages, 0}), SG_OK);
    assert_int_equal(sg_sample_read(&x, path[1], SG_SAMPLE_COLOUR, 2, false, plain), SG_E_RANGE);
    assert_non_null(strstr(sg_error_text(), "outside 0..1"));
    assert_int_equal(sg_tiff_write(path[1], &(sg_tiff){2, 2, 2, 32, negative, 0}), SG_OK);
    assert_int_equal(sg_sample_read(&x, path[1], SG_SAMPLE_FIELD, 2, false, plain), SG_E_RANGE);
    assert_non_null(strstr(sg_error_text(), "amplitude -1"));
    assert_int_equal(sg_sample_read(&x, path[1], SG_SAMPLE_COHERENT, 1, false, plain), SG_E_SHAPE);
}

/* A real complex field goes in as it is. */
static void test_measured_field(void **state)
{
    (void)state;
    sg_image x;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/../shared/data/phase_objects/dev/HL60_field_complex128.npy",
                   getenv("SG_TEST_SOURCE") ? getenv("SG_TEST_SOURCE") : ".");
    if (access(path, R_OK) != 0) {
        print_message("# skipped: no ../shared/data/phase_objects\n");
        skip();
    }
    assert_int_equal(sg_sample_read(&x, path, SG_SAMPLE_FIELD, 2, false, plain), SG_OK);
    assert_true(x.pages == 2 && x.height == 112 && x.width == 112);
    float lo = 10, hi = 0;
    for (int i = 0; i < 112 * 112; i++) {
        lo = x.data[i] < lo ? x.data[i] : lo;
        hi = x.data[i] > hi ? x.data[i] : hi;
    }
    lab_near((double)lo, .68, .005, "smallest amplitude of its table", 0);
    lab_near((double)hi, 1.97, .005, "largest amplitude of its table", 1);
    sg_image_free(&x);
}

/* ---- a stained smear ---- */

enum { SMEAR = 128 };

static double correlation(const float *a, const float *b, size_t len)
{
    const double mean_a = sg_sum_f32(a, len) / (double)len, mean_b = sg_sum_f32(b, len) / (double)len;
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < len; i++) {
        const double x = (double)a[i] - mean_a, y = (double)b[i] - mean_b;
        ab += x * y, aa += x * x, bb += y * y;
    }
    return ab / sqrt(aa * bb);
}

/* The middle of a channel of a picture, every 2 x 2 pixels summed. */
static void smear_pixels(float out[SMEAR * SMEAR / 4], const char *path, int channel)
{
    sg_image x;
    assert_int_equal(sg_image_read_as(&x, path, (sg_image_options){.channel = channel}), SG_OK);
    const int top = (x.height - SMEAR) / 2, left = (x.width - SMEAR) / 2;
    memset(out, 0, SMEAR * SMEAR / 4 * sizeof *out);
    for (int i = 0; i < SMEAR * SMEAR; i++)
        out[i / SMEAR / 2 * (SMEAR / 2) + i % SMEAR / 2] += x.data[(top + i / SMEAR) * x.width + left + i % SMEAR];
    sg_image_free(&x);
}

/* The middle of all channels, as a sample. */
static void smear_sample(float out[3 * SMEAR * SMEAR], const char *path, bool rising)
{
    sg_image x;
    assert_int_equal(sg_sample_read(&x, path, SG_SAMPLE_COLOUR, 3, rising, plain), SG_OK);
    const int top = (x.height - SMEAR) / 2, left = (x.width - SMEAR) / 2;
    for (int row = 0; row < 3 * SMEAR; row++)
        memcpy(out + row * SMEAR, x.data + (row / SMEAR * x.height + top + row % SMEAR) * x.width + left,
               SMEAR * sizeof *out);
    sg_image_free(&x);
}

/* Bright field in focus shows each wavelength its own channel of the picture, the longest one the red, whichever way
 * the wavelengths run. */
static void test_smear(void **state)
{
    (void)state;
    static const double um[2][3] = {{.63, .532, .475}, {.475, .532, .63}};
    static float sample[3 * SMEAR * SMEAR], picture[3][SMEAR * SMEAR / 4];
    const size_t len = SMEAR * SMEAR / 4;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/../shared/data/bccd_blood/dev/images/BloodImage_00001.jpg",
                   getenv("SG_TEST_SOURCE") ? getenv("SG_TEST_SOURCE") : ".");
    if (access(path, R_OK) != 0) {
        print_message("# skipped: no ../shared/data/bccd_blood\n");
        skip();
    }
    sg_microscope_config c = scope(1);
    c.sample = (sg_sample_config){.kind = SG_SAMPLE_COLOUR, .size_px = SMEAR, .pixel_um = .25, .phase_rad = .5};
    c.optics.na = .4, c.optics.defocus_um = 0, c.optics.zernike_count = 0;
    c.camera.pixel_um = .5;
    for (int channel = 0; channel < 3; channel++) smear_pixels(picture[channel], path, channel);
    for (int rising = 0; rising < 2; rising++) {
        set_colours(&c, um[rising], 3);
        smear_sample(sample, path, rising);
        shown got = show(&c, "pixels", sample);
        for (int k = 0; k < 3; k++) {
            const int own = rising ? 2 - k : k;
            const float *seen = got.data + (size_t)k * len;
            for (int channel = 0; channel < 3; channel++) {
                const double r = correlation(seen, picture[channel], len), best = correlation(seen, picture[own], len);
                if (channel == own) print_message("# %g um: correlation %.4f\n", um[rising][k], r);
                if (!(best > .98) || (channel != own && !(r < best - .01)))
                    fail_msg("%g um, channel %d: correlation %g, with its own %g", um[rising][k], channel, r, best);
            }
        }
        free(got.data);
    }
}

/* ---- dyes and filters ---- */

static sg_microscope_config dyed(void)
{
    sg_microscope_config c = scope(1);
    c.sample.kind = SG_SAMPLE_INCOHERENT;
    c.optics.defocus_um = 0;
    strcpy(c.sample.dyes, "DAPI EGFP mCherry");
    set_colours(&c, ((double[]){.46, .51, .62}), 3);
    c.optics.filter_width_um[0] = .04;
    c.optics.filter_width_count = 1;
    return c;
}

/* The part of a Gaussian between two edges. */
static double gaussian_part(double peak_um, double fwhm_um, double lo_um, double hi_um)
{
    const double k = 2.354820045030949 / fwhm_um / sqrt(2);
    return (erf((hi_um - peak_um) * k) - erf((lo_um - peak_um) * k)) / 2;
}

/* What a filter passes of a uniform dye is the closed form; a known matrix solved for the dyes separates them. */
static void test_dyes(void **state)
{
    (void)state;
    static const double peak[] = {.461, .507, .610}, width[] = {.090, .035, .055};
    const sg_microscope_config c = dyed();
    const size_t len = SIDE * SIDE;
    float s[3 * SIDE * SIDE];
    double m[3][3], worst = 0;
    for (int f = 0; f < 3; f++) {
        for (size_t i = 0; i < 3 * len; i++) s[i] = i / len == (size_t)f;
        shown got = show(&c, "filtered", s);
        assert_int_equal(got.shape.c, 3);
        for (int k = 0; k < 3; k++) {
            const double lo = c.optics.colours_um[k] - .02, hi = lo + .04;
            m[k][f] = (double)got.data[(size_t)k * len];
            worst = fmax(worst, fabs(m[k][f] - gaussian_part(peak[f], width[f], lo, hi)));
            lab_near(m[k][f], gaussian_part(peak[f], width[f], lo, hi), 5e-4, "part of a dye", k * 3 + f);
        }
        free(got.data);
    }
    printf("# filters: %.1e of a dye's emission\n", worst);
    fill(s, 3 * len, 0, 1);
    shown got = show(&c, "filtered", s);
    for (size_t i = 0; i < len; i += 7) /* Cramer's rule */
        for (int f = 0; f < 3; f++) {
            double a[3][3];
            for (size_t k = 0; k < 3; k++)
                for (int j = 0; j < 3; j++) a[k][j] = j == f ? (double)got.data[k * len + i] : m[k][j];
#define DET(m)                                                                                                         \
    (m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +           \
     m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]))
            lab_near(DET(a) / DET(m), (double)s[(size_t)f * len + i], 1e-4, "separated dye", f);
        }
    free(got.data);
}

/* Each filter's picture is the blur of its channel at its own wavelength. */
static void test_dyes_blurred(void **state)
{
    (void)state;
    sg_microscope_config c = dyed(), one = dyed();
    float s[3 * SIDE * SIDE];
    fill(s, 3 * SIDE * SIDE, 0, 1);
    shown all = show(&c, "image", s), mixed = show(&c, "filtered", s);
    for (int k = 0; k < 3; k++) {
        one.sample.dyes[0] = 0;
        one.optics.filter_width_count = 0;
        set_colours(&one, &c.optics.colours_um[k], 1);
        shown alone = show(&one, "image", mixed.data + k * SIDE * SIDE);
        same_bits(&all, k, &alone, "filter");
        free(alone.data);
    }
    free(all.data);
    free(mixed.data);
}

/* A table gives the spectra; triangles have areas that one knows. */
static void test_spectra_csv(void **state)
{
    (void)state;
    const char *path = place_path("spectra.csv");
    place_put_text("spectra.csv", "wavelength_um,left,right\n.4,0,0\n.5,1,0\n.6,0,3\n.7,0,0\n");
    sg_spectra s;
    assert_int_equal(sg_spectra_make(&s, "", path), SG_OK);
    assert_int_equal(s.dyes, 2);
    assert_true(sg_spectra_peak_um(&s, 1) == .6);
    lab_near(sg_spectra_part(&s, 0, .4, .5), .5, 1e-12, "left half", 0);
    lab_near(sg_spectra_part(&s, 1, .5, .55), .125, 1e-12, "first eighth", 1);
    assert_int_equal(sg_spectra_make(&s, "right", path), SG_OK);
    assert_true(s.dyes == 1 && strcmp(s.name[0], "right") == 0);
    assert_int_equal(sg_spectra_make(&s, "middle", path), SG_E_CONFIG);
    assert_non_null(strstr(sg_error_text(), "'middle' is no column of"));
    place_put_text("spectra.csv", "wavelength_um,left,right\n.4,0,0\n");
    assert_int_equal(sg_spectra_make(&s, "", path), SG_E_FORMAT);
}

/* ---- bad input ---- */

SPOIL(twice, set_colours(c, ((double[]){.4, .5, .5}), 3))
SPOIL(disorder, set_colours(c, ((double[]){.4, .6, .5}), 3))
SPOIL(no_colour, set_colours(c, ((double[]){.5, NAN}), 2))
SPOIL(too_many, c->optics.colours_count = 17)
SPOIL(far_plane, c->optics.planes_count = 1; c->optics.planes_um[0] = INFINITY)
SPOIL(aliases, c->sample.pixel_um = 1; set_colours(c, ((double[]){.5, .3}), 2))
SPOIL(aliases_emission, c->sample.kind = SG_SAMPLE_INCOHERENT; c->sample.pixel_um = 1; c->camera.pixel_um = 2;
      set_colours(c, ((double[]){.5, .3}), 2))
SPOIL(far_dye, *c = dyed(); strcpy(c->sample.dyes, "EGFP Cy5"); set_colours(c, ((double[]){.5, .52}), 2))
SPOIL(dark_filter, *c = dyed(); strcpy(c->sample.dyes, "EGFP"))
SPOIL(unknown_dye, *c = dyed(); strcpy(c->sample.dyes, "GFPP"))
SPOIL(lone_filter, c->optics.filter_width_count = 1; c->optics.filter_width_um[0] = .1)
SPOIL(lit_dye, *c = dyed(); c->sample.kind = SG_SAMPLE_COHERENT)
SPOIL(widths, *c = dyed(); c->optics.filter_width_count = 2)
SPOIL(pictures, c->illumination.exposures = 2; c->illumination.pattern = SG_PATTERN_ALL; c->optics.planes_count = 16;
      c->optics.colours_count = 9; for (int i = 0; i < 9; i++) c->optics.colours_um[i] = .5 + .01 * i)

static void test_bad_input(void **state)
{
    (void)state;
    static const bad list[] = {
        {"optics.colours_um: 0.5 um follows 0.5 um", "each once", twice},
        {"optics.colours_um: 0.5 um follows 0.6 um", "rise, or fall", disorder},
        {"optics.colours_um: nan", "0.001..1000", no_colour},
        {"optics.colours_um: 17", "0..16", too_many},
        {"optics.planes_um: inf", "-1e6..1e6", far_plane},
        {"sample.pixel_um: 1 um", "at 0.3 um; a pitch up to", aliases},
        {"sample.pixel_um: 1 um", "at 0.3 um; a pitch up to 0.75 um would do", aliases_emission},
        {"sample.dyes: Cy5 emits around 0.666 um", "no filter passes", far_dye},
        {"optics.filter_width_um: filter 3, 0.6..0.64 um", "EGFP emits around 0.507", dark_filter},
        {"sample.dyes: 'GFPP'", "spectra_csv", unknown_dye},
        {"optics.filter_width_um: filters need spectra", "sample.dyes", lone_filter},
        {"sample.dyes: only an incoherent", "light of its own", lit_dye},
        {"optics.filter_width_um: 2 widths", "3 colours", widths},
        {"microscope: 288 pictures", "256", pictures},
    };
    const sg_microscope_config good = scope(1);
    REFUSE_ALL(list, &good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_colour_alone),
        cmocka_unit_test(test_dispersion),
        cmocka_unit_test(test_each_plane_alone),
        cmocka_unit_test(test_stack),
        cmocka_unit_test(test_dose),
        cmocka_unit_test(test_difference),
        cmocka_unit_test(test_beer_lambert),
        cmocka_unit_test(test_colour_transmission),
        cmocka_unit_test(test_field),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_measured_field),
        cmocka_unit_test(test_smear),
        cmocka_unit_test(test_dyes),
        cmocka_unit_test(test_dyes_blurred),
        cmocka_unit_test(test_spectra_csv),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests_name("colour", tests, place_make, place_remove);
}
