/* test_pixels.c - cameras, binning, filters, masks and overlapped fields against closed forms (PHYSICS section 5), what
 * impossible choices say, and a short training of each through the program. */
#include "lab.h"
#include "place.h"

#include "core/memory.h"
#include "physics/pixel.h"
#include "pipeline/overlap_label.h"
#include "pipeline/results.h"

#include "physics/microscope.h"
#include "refuse.h"

#include <stdio.h>

#define PI 3.14159265358979323846

enum { FIELD = 64 };

/* No noise, no ADC, pixels as fine as the image: each test adds what it is about. */
static const sg_microscope_config plain = {
    .sample = {.size_px = FIELD, .pixel_um = 1, .phase_rad = 1},
    .illumination =
        {.rows = 3, .columns = 3, .pitch_na = .02, .pattern = SG_PATTERN_CENTER, .exposures = 1, .dose_ph = 100},
    .optics = {.wavelength_um = .5, .na = .1, .medium_index = 1, .magnification = 1},
    .camera = {.pixel_um = 1, .fill_factor = 1, .qe = 1, .range_e = 100},
};

/* A microscope from `entry` on, in double. */
typedef struct rig {
    lab lab;
    sg_microscope_size size;
    sg_shape in;
} rig;

static rig rig_open(const sg_microscope_config *config, sg_entry_stage entry, int n, bool backward)
{
    static const char *const outputs[] = {"pixels", "electrons", "adu", "channels"};
    rig r;
    sg_microscope_stages stages;
    sg_graph *g = sg_graph_new();
    if (sg_microscope_check(&r.size, config) != SG_OK) fail_msg("%s", sg_error_text());
    r.in = sg_entry_shape(&r.size, entry, n);
    const sg_value root = sg_microscope_from(g, entry, sg_input(g, "in", r.in), config, !backward, &stages);
    for (int i = 0; i < 4; i++) {
        const sg_value value = sg_stage_value(&stages, outputs[i]);
        if (value.id >= 0) sg_output(g, outputs[i], value);
    }
    r.lab = lab_open(g, root, true, backward);
    return r;
}

static double *rig_in(const rig *r)
{
    return sg_plan_input(r->lab.plan, "in");
}

static const double *rig_stage(const rig *r, const char *name)
{
    return sg_plan_output(r->lab.plan, name);
}

static void rig_run(const rig *r, uint64_t seed)
{
    const sg_step step = {.seed = seed};
    sg_plan_step_set(r->lab.plan, &step);
    (void)lab_run(&r->lab);
}

static void fill_random(const rig *r, const char *stream)
{
    for (size_t i = 0; i < sg_shape_len(r->in); i++) rig_in(r)[i] = 1 + .5 * check_random(stream, 0, i);
}

/* ---- binning ---- */

typedef struct moments {
    double mean, variance;
} moments;

static moments moments_of(const double *x, size_t len)
{
    double sum = 0, square = 0;
    for (size_t i = 0; i < len; i++) sum += x[i];
    for (size_t i = 0; i < len; i++) square += (x[i] - sum / (double)len) * (x[i] - sum / (double)len);
    return (moments){sum / (double)len, square / (double)len};
}

enum { BATCH = 128 };

/* What b x b binned pixels of mean intensity `light` give, as sums of electrons. */
static moments binned(int b, sg_binning kind, double light, double dark_e, double *standard_error)
{
    sg_microscope_config c = plain;
    c.camera.binning = b;
    c.camera.binning_kind = kind;
    c.camera.read_noise_e = 3;
    c.camera.background_e = dark_e;
    c.camera.shot = SG_SHOT_POISSON;
    rig r = rig_open(&c, SG_ENTRY_IMAGE, BATCH, false);
    for (size_t i = 0; i < sg_shape_len(r.in); i++) rig_in(&r)[i] = light;
    rig_run(&r, 5);
    const size_t len = (size_t)BATCH * FIELD * FIELD / (size_t)(b * b);
    moments m = moments_of(rig_stage(&r, "adu"), len);
    lab_close(&r.lab);
    const double sum = kind == SG_BINNING_DIGITAL ? b * b : 1; /* digital binning gives the mean */
    m.mean *= sum, m.variance *= sum * sum;
    *standard_error = sqrt(2 / (double)len); /* of a variance, relative */
    return m;
}

/* Read noise: sigma^2 once on the chip, b^2 times after the ADC; shot noise and dark electrons: b^2 times in both. */
static void test_binning(void **state)
{
    (void)state;
    for (int b = 2; b <= 4; b += 2)
        for (int kind = 0; kind < 2; kind++) {
            const sg_binning how = (sg_binning)kind;
            const double pixels = b * b, read = how == SG_BINNING_ON_CHIP ? 9 : 9 * pixels;
            double error;
            moments m = binned(b, how, 0, 0, &error);
            print_message("# binning %d %s: read variance %.4f of %.0f\n", b, kind ? "digital" : "on chip", m.variance,
                          read);
            lab_near(m.variance / read, 1, 5 * error, "read noise", b);
            m = binned(b, how, .2, 1.5, &error);
            const double mean = (100 * .2 + 1.5) * pixels;
            lab_near(m.variance / (mean + read), 1, 5 * error, "all noise", b);
            lab_near(m.mean / mean, 1, 5 * error, "electrons", b);
        }
}

/* ---- cameras ---- */

static void test_shift(void **state)
{
    (void)state;
    static const double shift[3][2] = {{.25, -.6}, {0, 0}, {-3.5, 2}};
    enum { H = 10, W = 14 };
    double worst = 0;
    sg_graph *g = sg_graph_new();
    const sg_value x = sg_input(g, "x", SG_SHAPE(1, 1, H, W)), s = sg_input(g, "shift", SG_SHAPE(1, 1, 3, 2));
    lab l = lab_open(g, sg_shift(g, x, s), true, false);
    memcpy(sg_plan_input(l.plan, "shift"), shift, sizeof shift);
    for (int k = 0; k < 4; k++) {
        double *in = sg_plan_input(l.plan, "x");
        for (int i = 0; i < H * W; i++)
            in[i] = cos(2 * PI * k * (i / W) / H + .3) * cos(2 * PI * (k + 1) * (i % W) / W - .7);
        const double *y = lab_run(&l);
        for (int i = 0; i < 3 * H * W; i++) {
            const int v = i / (H * W), row = i / W % H, column = i % W;
            const double want = cos(2 * PI * k * (row + shift[v][1]) / H + .3) *
                                cos(2 * PI * (k + 1) * (column + shift[v][0]) / W - .7);
            lab_near(y[i], want, 1e-12, "shift", i);
            worst = fmax(worst, fabs(y[i] - want));
        }
    }
    print_message("# shift of cosines: %.2g\n", worst);
    lab_close(&l);
}

/* A camera moved by whole pixels sees the picture moved; two cameras share the light evenly. */
static void test_views(void **state)
{
    (void)state;
    sg_microscope_config c = plain;
    c.camera.view_x_count = c.camera.view_y_count = 2;
    c.camera.view_x_um[1] = 3;
    c.camera.view_y_um[1] = -2;
    rig r = rig_open(&c, SG_ENTRY_IMAGE, 1, false);
    assert_int_equal(r.size.frames, 2);
    for (int i = 0; i < FIELD * FIELD; i++)
        rig_in(&r)[i] = 1 + .5 * cos(2 * PI * (3 * (i % FIELD) + 5 * (i / FIELD)) / FIELD);
    rig_run(&r, 1);
    const double *pixels = rig_stage(&r, "pixels"), *moved = pixels + FIELD * FIELD;
    double sum = 0;
    for (int i = 0; i < FIELD * FIELD; i++) {
        const int row = (i / FIELD - 2 + FIELD) % FIELD, column = (i % FIELD + 3) % FIELD;
        lab_near(moved[i], pixels[row * FIELD + column], 1e-12, "view", i);
        sum += pixels[i] / (FIELD * FIELD);
    }
    lab_near(sum, .5, 1e-12, "share of the light", 0);
    lab_close(&r.lab);
}

/* The coarse camera: sums of its squares, one noise for each square, repeated on the fine grid. */
static void test_coarse_view(void **state)
{
    (void)state;
    sg_microscope_config c = plain;
    c.camera.view_x_count = c.camera.view_y_count = c.camera.view_pitch_count = 2;
    c.camera.view_pitch[0] = 1;
    c.camera.view_pitch[1] = 4;
    rig r = rig_open(&c, SG_ENTRY_IMAGE, 1, false);
    fill_random(&r, "coarse");
    rig_run(&r, 1);
    const double *fine = rig_stage(&r, "adu"), *coarse = fine + FIELD * FIELD;
    for (int i = 0; i < FIELD * FIELD; i++) {
        double sum = 0;
        const int row = i / FIELD / 4 * 4, column = i % FIELD / 4 * 4;
        for (int k = 0; k < 16; k++) sum += fine[(row + k / 4) * FIELD + column + k % 4];
        lab_near(coarse[i], sum, 1e-9, "coarse camera", i);
    }
    lab_close(&r.lab);
    c.camera.read_noise_e = 2;
    r = rig_open(&c, SG_ENTRY_IMAGE, 1, false);
    rig_run(&r, 1);
    const double *noise = rig_stage(&r, "adu") + FIELD * FIELD;
    for (int i = 0; i < FIELD * FIELD; i++)
        assert_true(noise[i] == noise[i / FIELD / 4 * 4 * FIELD + i % FIELD / 4 * 4]);
    const moments m = moments_of(noise, FIELD * FIELD);
    lab_near(m.variance / 4, 1, 5 * sqrt(2. / 256), "its noise", 0);
    lab_close(&r.lab);
}

/* ---- filters and masks ---- */

/* Bayer: red, green, green, blue take one colour each; planes and exposures stay apart. */
static void test_bayer(void **state)
{
    (void)state;
    static const double tile[3][4] = {{1, 0, 0, 0}, {0, 1, 1, 0}, {0, 0, 0, 1}};
    enum { H = 6, W = 8, PLANES = 2, EXPOSURES = 2 };
    sg_graph *g = sg_graph_new();
    const sg_value x = sg_input(g, "x", SG_SHAPE(1, PLANES * 3 * EXPOSURES, H, W)),
                   t = sg_input(g, "tile", SG_SHAPE(1, 3, 2, 2));
    lab l = lab_open(g, sg_mosaic(g, x, t, EXPOSURES), true, false);
    double *in = sg_plan_input(l.plan, "x");
    memcpy(sg_plan_input(l.plan, "tile"), tile, sizeof tile);
    for (int i = 0; i < PLANES * 3 * EXPOSURES * H * W; i++) in[i] = check_random("bayer", 0, (size_t)i);
    const double *y = lab_run(&l);
    int colours[3] = {0};
    for (int i = 0; i < PLANES * EXPOSURES * H * W; i++) {
        const int row = i / W % H, column = i % W, k = row % 2 + column % 2, e = i / (H * W) % EXPOSURES,
                  plane = i / (H * W) / EXPOSURES;
        assert_true(y[i] == in[(((plane * 3 + k) * EXPOSURES + e) * H + row) * W + column]);
        colours[k]++;
    }
    assert_int_equal(colours[0], H * W);
    assert_int_equal(colours[1], 2 * H * W);
    assert_int_equal(colours[2], H * W);
    lab_close(&l);
}

/* The microscope: each pixel has the colour of its filter, whether wavelengths rise or fall; a table mixes them. */
static void test_colour_filters(void **state)
{
    (void)state;
    sg_microscope_config open = plain;
    open.optics.colours_um[0] = .62, open.optics.colours_um[1] = .53, open.optics.colours_um[2] = .46;
    open.optics.colours_count = 3;
    for (int way = 0; way < 3; way++) { /* falling, rising, a table */
        sg_microscope_config c = open;
        c.camera.cfa = SG_CFA_BAYER;
        if (way == 1) c.optics.colours_um[0] = .46, c.optics.colours_um[2] = .62;
        c.camera.cfa_transmission_count = way == 2 ? 9 : 0;
        for (int i = 0; i < 9; i++) c.camera.cfa_transmission[i] = .1 * i;
        rig each = rig_open(&open, SG_ENTRY_IMAGE, 1, false), r = rig_open(&c, SG_ENTRY_IMAGE, 1, false);
        assert_int_equal(each.size.frames, 3);
        assert_int_equal(r.size.frames, 1);
        fill_random(&each, "colours");
        fill_random(&r, "colours");
        rig_run(&each, 1);
        rig_run(&r, 1);
        for (int i = 0; i < FIELD * FIELD; i++) {
            const int filter = i / FIELD % 2 + i % FIELD % 2, own = way == 1 ? 2 - filter : filter;
            const double *light = rig_stage(&each, "pixels");
            double want = light[own * FIELD * FIELD + i];
            if (way == 2) want = 0;
            for (int k = 0; way == 2 && k < 3; k++) want += .1 * (3 * filter + k) * light[k * FIELD * FIELD + i];
            lab_near(rig_stage(&r, "pixels")[i], want, way == 2 ? 1e-7 : 0, "colour filter", i);
        }
        lab_close(&each.lab);
        lab_close(&r.lab);
    }
}

static void test_exposure_mask(void **state)
{
    (void)state;
    static const double mask[4] = {1, .25, .5, .125};
    sg_microscope_config c = plain;
    rig open = rig_open(&c, SG_ENTRY_IMAGE, 1, false);
    c.camera.exposure_mask_count = 4;
    memcpy(c.camera.exposure_mask, mask, sizeof mask);
    rig r = rig_open(&c, SG_ENTRY_IMAGE, 1, false);
    fill_random(&open, "mask");
    fill_random(&r, "mask");
    rig_run(&open, 1);
    rig_run(&r, 1);
    for (int i = 0; i < FIELD * FIELD; i++)
        assert_true(rig_stage(&r, "pixels")[i] ==
                    mask[i / FIELD % 2 * 2 + i % FIELD % 2] * rig_stage(&open, "pixels")[i]);
    lab_close(&open.lab);
    lab_close(&r.lab);
}

/* Large pixels where the tile is 0, small ones, with their part of the area, where it is 1. */
static void test_two_sizes(void **state)
{
    (void)state;
    sg_microscope_config both = plain, large = plain, small = plain;
    large.camera.fill_factor = both.camera.fill_factor = .8;
    small.camera.fill_factor = both.camera.small_fill_factor = .1;
    rig r[3] = {rig_open(&both, SG_ENTRY_IMAGE, 1, false), rig_open(&large, SG_ENTRY_IMAGE, 1, false),
                rig_open(&small, SG_ENTRY_IMAGE, 1, false)};
    for (int i = 0; i < 3; i++) {
        fill_random(&r[i], "sizes");
        rig_run(&r[i], 1);
    }
    for (int i = 0; i < FIELD * FIELD; i++) {
        const bool is_small = (i / FIELD + i) % 2;
        const double want = is_small ? .1 / .8 * rig_stage(&r[2], "pixels")[i] : rig_stage(&r[1], "pixels")[i];
        lab_near(rig_stage(&r[0], "pixels")[i], want, 1e-15, "two sizes", i);
    }
    for (int i = 0; i < 3; i++) lab_close(&r[i].lab);
}

/* ---- detectors ---- */

enum { SIDE = 8, ALL = SIDE * SIDE };

static sg_microscope_config detectors(sg_detector_mask mask, int count)
{
    sg_microscope_config c = plain;
    c.sample.size_px = SIDE;
    c.camera.detectors = count;
    c.camera.detector_mask = mask;
    return c;
}

static int sign_changes(const double *x, int step)
{
    int changes = 0;
    for (int i = 1; i < SIDE; i++) changes += (x[i * step] > .5) != (x[(i - 1) * step] > .5);
    return changes;
}

/* Masks 2 m - 1 are orthogonal; walsh has them by growing number of sign changes. */
static void test_hadamard(void **state)
{
    (void)state;
    for (sg_detector_mask kind = SG_DETECTOR_HADAMARD; kind <= SG_DETECTOR_WALSH; kind++) {
        const sg_microscope_config c = detectors(kind, ALL);
        rig r = rig_open(&c, SG_ENTRY_IMAGE, 1, false);
        const double *m = sg_plan_param(r.lab.plan, "camera.detector.mask");
        int before = 0;
        for (int a = 0; a < ALL; a++) {
            for (int b = 0; b < ALL; b++) {
                double dot = 0;
                for (int i = 0; i < ALL; i++) dot += (2 * m[a * ALL + i] - 1) * (2 * m[b * ALL + i] - 1);
                assert_true(dot == (a == b ? ALL : 0));
            }
            const int changes = sign_changes(m + a * ALL, 1) + sign_changes(m + a * ALL, SIDE);
            if (kind == SG_DETECTOR_WALSH) assert_true(changes >= before);
            before = changes;
        }
        lab_close(&r.lab);
    }
}

/* Each detector has its share of the light through its mask; all Hadamard masks give back all pixels but the first. */
static void test_detectors(void **state)
{
    (void)state;
    const sg_microscope_config c = detectors(SG_DETECTOR_WALSH, ALL);
    const sg_microscope_config open = detectors(SG_DETECTOR_RANDOM, 0);
    rig r = rig_open(&c, SG_ENTRY_IMAGE, 1, false), bare = rig_open(&open, SG_ENTRY_IMAGE, 1, false);
    assert_int_equal(r.size.sensor_h, 1);
    assert_int_equal(r.size.sensor_w, ALL);
    fill_random(&r, "detectors");
    fill_random(&bare, "detectors");
    rig_run(&r, 1);
    rig_run(&bare, 1);
    const double *m = sg_plan_param(r.lab.plan, "camera.detector.mask"), *x = rig_stage(&bare, "pixels");
    const double *electrons = rig_stage(&r, "electrons"), *picture = rig_stage(&r, "channels");
    double worst = 0;
    for (int d = 0; d < ALL; d++) {
        double sum = 0;
        for (int i = 0; i < ALL; i++) sum += m[d * ALL + i] * x[i];
        lab_near(electrons[d], 100 * sum / ALL, 1e-4, "electrons of a detector", d);
    }
    for (int i = 0; i < ALL; i++) {
        lab_near(picture[i], i ? x[i] : 0, 2e-5, "picture of the detectors", i);
        worst = fmax(worst, fabs(picture[i] - (i ? x[i] : 0)));
    }
    print_message("# picture of a complete Hadamard set: %.2g\n", worst);
    lab_close(&r.lab);
    lab_close(&bare.lab);
}

/* ---- overlapped fields ---- */

static void test_overlap(void **state)
{
    (void)state;
    enum { N = 3 };
    sg_graph *g = sg_graph_new();
    lab l = lab_open(g, sg_overlap(g, sg_input(g, "x", SG_SHAPE(N, 1, 4, 2)), 2), true, false);
    double *x = sg_plan_input(l.plan, "x");
    for (int i = 0; i < N * 8; i++) x[i] = i * i;
    const double *y = lab_run(&l);
    for (int i = 0; i < N * 8; i++) assert_true(y[i] == x[i] + x[(i + 8) % (N * 8)]);
    lab_close(&l);
    g = sg_graph_new();
    l = lab_open(g, sg_overlap(g, sg_input(g, "x", SG_SHAPE(1, 1, 4, 2)), 2), true, false);
    x = sg_plan_input(l.plan, "x");
    for (int i = 0; i < 8; i++) x[i] = i * i;
    y = lab_run(&l);
    for (int i = 0; i < 8; i++) assert_true(y[i] == x[i] + x[(i + 4) % 8]); /* alone, moved by half the rows */
    lab_close(&l);
}

/* The union of the fields, with instances of their own numbers; the geometry is that of the light. */
static void test_overlap_label(void **state)
{
    (void)state;
    const float label[3 * 4] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    const int32_t instances[3 * 4] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2};
    const float want[3 * 4] = {1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1};
    const int32_t want_instances[3 * 4] = {1, 3, 0, 0, 0, 1, 0, 4, 3, 0, 0, 2};
    float out[3 * 4];
    int32_t out_instances[3 * 4];
    sg_overlap_label(out, label, 3, 2, 2);
    sg_overlap_instances(out_instances, instances, 3, 2, 2);
    assert_memory_equal(out, want, sizeof want);
    assert_memory_equal(out_instances, want_instances, sizeof want_instances);
    const float alone[4] = {1, 1, 0, 0}, filled[4] = {1, 1, 1, 1};
    sg_overlap_label(out, alone, 1, 2, 2);
    assert_memory_equal(out, filled, sizeof filled);
    sg_overlap_label(out, alone, 1, 2, 0);
    assert_memory_equal(out, alone, sizeof alone);
}

/* ---- where the range of the ADC starts ---- */

/* Twice the electrons of an even share of the light on a pixel that is read. */
static void test_range_start(void **state)
{
    (void)state;
    sg_microscope_config c[6];
    for (int i = 0; i < 6; i++) c[i] = plain, c[i].camera.range_e = 0, c[i].camera.bit_depth = 8;
    c[0].camera.binning = c[1].camera.binning = 2;
    c[1].camera.binning_kind = SG_BINNING_DIGITAL;
    c[2].camera.view_x_count = c[2].camera.view_y_count = c[2].camera.view_pitch_count = 2;
    c[2].camera.view_pitch[0] = 1, c[2].camera.view_pitch[1] = 2;
    c[3].camera.overlap_fields = 3;
    c[4].optics.colours_um[0] = .62, c[4].optics.colours_um[1] = .53, c[4].optics.colours_um[2] = .46;
    c[4].optics.colours_count = 3;
    c[4].camera.cfa = SG_CFA_BAYER;
    c[5].camera.detectors = 16;
    static const double light[6] = {4, 1, 4 / 2., 3, 1 / 3., FIELD * FIELD / 2. / 16};
    for (int i = 0; i < 6; i++) {
        rig r = rig_open(&c[i], SG_ENTRY_IMAGE, 1, false);
        const double *range_e = sg_plan_param(r.lab.plan, "camera.adc.range_e");
        lab_near(*range_e / (2 * 100 * light[i]), 1, 1e-6, "range", i);
        lab_close(&r.lab);
    }
}

/* ---- what cannot be ---- */

#define CAMERA c->camera
SPOIL(bad_binning, CAMERA.binning = 3)
SPOIL(bad_binning_side, CAMERA.binning = 17)
SPOIL(bad_stack, c->sample.kind = SG_SAMPLE_STACK; CAMERA.binning = 2)
SPOIL(bad_views, CAMERA.view_x_count = 2; CAMERA.view_y_count = 1)
SPOIL(bad_shift, CAMERA.view_x_count = CAMERA.view_y_count = 1; CAMERA.view_x_um[0] = 33)
SPOIL(bad_shift_nan, CAMERA.view_x_count = CAMERA.view_y_count = 1; CAMERA.view_y_um[0] = NAN)
SPOIL(bad_pitch_count, CAMERA.view_x_count = CAMERA.view_y_count = 2; CAMERA.view_pitch_count = 1)
SPOIL(bad_pitch, CAMERA.view_x_count = CAMERA.view_y_count = CAMERA.view_pitch_count = 1; CAMERA.view_pitch[0] = 1.5)
SPOIL(bad_pitch_divide, CAMERA.view_x_count = CAMERA.view_y_count = CAMERA.view_pitch_count = 1;
      CAMERA.view_pitch[0] = 5)
SPOIL(bad_learn_view, CAMERA.learn_view.on = true)
SPOIL(bad_small, CAMERA.small_fill_factor = NAN)
SPOIL(bad_small_tile, CAMERA.small_fill_factor = .1; CAMERA.small_tile_count = 4; CAMERA.small_tile[2] = .5)
SPOIL(bad_cfa, CAMERA.cfa = SG_CFA_BAYER)
#define COLOURS                                                                                                        \
    c->optics.colours_count = 3;                                                                                       \
    c->optics.colours_um[0] = .62, c->optics.colours_um[1] = .53, c->optics.colours_um[2] = .46
SPOIL(bad_table, COLOURS; CAMERA.cfa = SG_CFA_BAYER; CAMERA.cfa_transmission_count = 6)
SPOIL(bad_transmission, COLOURS; CAMERA.cfa = SG_CFA_BAYER; CAMERA.cfa_transmission_count = 9;
      CAMERA.cfa_transmission[4] = -.1)
SPOIL(bad_bayer_tile, COLOURS; CAMERA.cfa = SG_CFA_BAYER; CAMERA.cfa_tile_px = 3)
SPOIL(bad_cfa_file, COLOURS; CAMERA.cfa = SG_CFA_FILE)
SPOIL(bad_learn_cfa, CAMERA.learn_cfa.on = true)
SPOIL(bad_mask, CAMERA.exposure_mask_count = 4; CAMERA.exposure_mask[3] = 1.01)
SPOIL(bad_mask_nan, CAMERA.exposure_mask_count = 4; CAMERA.exposure_mask[0] = NAN)
SPOIL(bad_mask_count, CAMERA.exposure_mask_count = 5)
SPOIL(bad_learn_mask, CAMERA.learn_exposure_mask.on = true)
SPOIL(bad_overlap, CAMERA.overlap_fields = 17)
SPOIL(bad_detectors, CAMERA.detectors = 4097)
SPOIL(bad_hadamard, c->sample.size_px = 48; CAMERA.detectors = 4; CAMERA.detector_mask = SG_DETECTOR_WALSH)
SPOIL(bad_hadamard_count, c->sample.size_px = 8; CAMERA.detectors = 65; CAMERA.detector_mask = SG_DETECTOR_HADAMARD)
SPOIL(bad_digital_detectors, CAMERA.detectors = 4; CAMERA.binning = 2; CAMERA.binning_kind = SG_BINNING_DIGITAL)

static void test_refuses(void **state)
{
    (void)state;
    static const bad list[] = {
        {"camera.binning:", "sample.size_px of 63 would do", bad_binning},
        {"camera.binning:", "1..16", bad_binning_side},
        {"camera.binning:", "stack", bad_stack},
        {"camera.view_x_um: 2 shifts in x and 1 in y", "needed", bad_views},
        {"camera.view_x_um: 33", "-32..32", bad_shift},
        {"camera.view_y_um: nan", "-32..32", bad_shift_nan},
        {"camera.view_pitch: 1 pitches", "2 cameras", bad_pitch_count},
        {"camera.view_pitch: 1.5", "whole", bad_pitch},
        {"camera.view_pitch: 5", "64 pixels", bad_pitch_divide},
        {"camera.learn_view:", "view_x_um", bad_learn_view},
        {"camera.small_fill_factor:", "0..1", bad_small},
        {"camera.small_tile: 0.5", "0 nor 1", bad_small_tile},
        {"camera.cfa:", "several colours", bad_cfa},
        {"camera.cfa:", "start", bad_learn_cfa},
        {"camera.cfa_transmission: 6", "9", bad_table},
        {"camera.cfa_transmission: -0.1", "0..1", bad_transmission},
        {"camera.cfa_tile_px:", "4 would do", bad_bayer_tile},
        {"camera.cfa_file:", "needs", bad_cfa_file},
        {"camera.exposure_mask: 1.01", "0..1", bad_mask},
        {"camera.exposure_mask: nan", "0..1", bad_mask_nan},
        {"camera.exposure_mask: 5 numbers", "square", bad_mask_count},
        {"camera.exposure_mask:", "start", bad_learn_mask},
        {"camera.overlap_fields:", "1..16", bad_overlap},
        {"camera.detectors:", "1..4096", bad_detectors},
        {"camera.detector_mask:", "48", bad_hadamard},
        {"camera.detectors:", "64 Hadamard masks", bad_hadamard_count},
        {"camera.binning_kind:", "on_chip", bad_digital_detectors},
    };
    REFUSE_ALL(list, &plain);
}

/* ---- through the program ---- */

static const char config_text[] =
    "sample: {size_px: 64}\n"
    "illumination: {rows: 3, columns: 3, pattern: half}\n"
    "network: {width: 8, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 8, validation: 4, test: 5}}\n"
    "train: {steps: 3, batch_size: 4, validate_every: 3}\n";

/* A (4, 2) array of NumPy: two tiles of 2 x 2 below each other, but `last` at its end. */
static void put_tile(const char *name, float last)
{
    const float value[8] = {1, 0, .5F, .25F, 0, 1, .5F, last};
    const char dict[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }";
    char npy[128 + sizeof value];
    memset(npy, ' ', 128);
    memcpy(npy, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(npy + 10, dict, sizeof dict - 1);
    npy[127] = '\n';
    memcpy(npy + 128, value, sizeof value);
    place_put(name, npy, sizeof npy);
}

/* The learned array and the one that it started from are both in the results, and differ. */
static void learned(const char *run, const char *name)
{
    char path[600];
    double *end = NULL, *start = NULL, moved = 0;
    int rank = 0, dims[SG_RESULTS_RANK];
    sg_results_file *file = NULL;
    (void)snprintf(path, sizeof path, "%s/results.h5", run);
    assert_int_equal(sg_results_open(&file, place_path(path)), SG_OK);
    (void)snprintf(path, sizeof path, "/learned/%s", name);
    if (sg_results_read_f64(file, path, &end, &rank, dims) != SG_OK) fail_msg("%s", sg_error_text());
    (void)snprintf(path, sizeof path, "/learned/%s_initial", name);
    if (sg_results_read_f64(file, path, &start, &rank, dims) != SG_OK) fail_msg("%s", sg_error_text());
    size_t len = 1;
    for (int i = 0; i < rank; i++) len *= (size_t)dims[i];
    for (size_t i = 0; i < len; i++) moved += fabs(end[i] - start[i]);
    if (!(moved > 0 && moved < HUGE_VAL)) fail_msg("%s of %s moved by %g", name, run, moved);
    sg_free(end);
    sg_free(start);
    sg_results_close(file);
}

/* Trains with a few keys set, the scores of the test pictures included; what learns has moved. */
static void test_program(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *learns;
    } sets[] = {
        {"--set camera.binning=2 --set camera.pixel_um=.5 "
         "--set 'camera.exposure_mask={init: [1, .5, .5, .1], learn: true, lr: .1}'",
         "exposure_mask"},
        {"--set camera.binning=2 --set camera.binning_kind=digital --set camera.overlap_fields=2", NULL},
        {"--set 'camera.view_x_um=[0, .5]' --set 'camera.view_y_um=[0, .5]' --set 'camera.view_pitch=[1, 2]' "
         "--set camera.learn_view.learn=true --set camera.small_fill_factor=.1",
         "view_shift_um"},
        {"--set 'optics.colours_um=[.62, .53, .46]' --set 'camera.cfa={init: bayer, learn: true, lr: .1}'", "cfa"},
        {"--set 'optics.colours_um=[.62, .53]' --set 'camera.cfa={init: random, learn: true, lr: .1}'", "cfa"},
        {"--set 'optics.colours_um=[.62, .53]' --set camera.cfa=file --set camera.cfa_file=tile.npy", NULL},
        {"--set camera.detectors=16 --set 'camera.detector_mask={init: walsh, learn: true, lr: .1}'", "detector_mask"},
    };
    place_put_text("config.yaml", config_text);
    put_tile("tile.npy", .75F);
    put_tile("bad.npy", 1.5F);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char line[512];
        (void)snprintf(line, sizeof line, "train config.yaml -q -o run%zu %s", i, sets[i].keys);
        if (place_run(line) != 0) fail_msg("%s: %s", line, place_get("err"));
        (void)snprintf(line, sizeof line, "run%zu", i);
        if (sets[i].learns) learned(line, sets[i].learns);
    }
    const int code = place_run("train config.yaml -q -o bad --set 'optics.colours_um=[.62, .53]' --set camera.cfa=file "
                               "--set camera.cfa_file=bad.npy");
    char *text = place_get("err");
    if (code == 0 || !strstr(text, "camera.cfa_file") || !strstr(text, "1.5 in row 4")) fail_msg("%d: %s", code, text);
    sg_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binning),        cmocka_unit_test(test_shift),       cmocka_unit_test(test_views),
        cmocka_unit_test(test_coarse_view),    cmocka_unit_test(test_bayer),       cmocka_unit_test(test_exposure_mask),
        cmocka_unit_test(test_colour_filters), cmocka_unit_test(test_two_sizes),   cmocka_unit_test(test_hadamard),
        cmocka_unit_test(test_detectors),      cmocka_unit_test(test_overlap),     cmocka_unit_test(test_overlap_label),
        cmocka_unit_test(test_refuses),        cmocka_unit_test(test_range_start), cmocka_unit_test(test_program),
    };
    return cmocka_run_group_tests_name("pixels", tests, place_make, place_remove);
}
