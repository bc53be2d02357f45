/* test_microscope.c - the composed microscope: against an independent NumPy model (golden/forward_numpy.py), what its
 * parameters and stages are, and the errors of impossible configurations. */
#include "check.h"

#include "physics/microscope.h"
#include "refuse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sg_microscope_config base = {
    .sample = {.size_px = 64, .margin_px = 4, .pixel_um = .5, .phase_rad = 1, .absorption = .05},
    .illumination =
        {.rows = 5, .columns = 5, .pitch_na = .04, .pattern = SG_PATTERN_DPC, .exposures = 2, .dose_ph = 200},
    .optics = {.wavelength_um = .53,
               .na = .1,
               .medium_index = 1,
               .defocus_um = 20,
               .magnification = 1,
               .zernike_rad = {.1, .2, -.3, .4, .25, -.15, .3, .1},
               .zernike_count = 8},
    .camera = {.pixel_um = 1, .fill_factor = 1, .qe = 1, .full_well_e = 1e6, .bit_depth = 8, .range_e = 300},
};

enum { GOLDEN_CASES = 8 };
static const double fifteen[15] = {.1, .2, -.3, .4, .25, -.15, .3, .1, -.2, .15, .05, -.1, .2, -.05, .1};

/* The cases of golden/forward_numpy.py. */
static sg_microscope_config golden_case(int i)
{
    sg_microscope_config c = base;
    if (i > 3) { /* other optics before a sample of another case */
        c = golden_case(i == 5 ? 3 : 0);
        memcpy(c.optics.zernike_rad, fifteen, sizeof fifteen);
        c.optics.zernike_count = 15;
        c.optics.edge = i >= 6 ? SG_EDGE_HARD : SG_EDGE_SMOOTH;
        if (i < 6) return c;
        if (i == 7) {
            memcpy(c.optics.colours_um, (const double[]){.62, .53, .46}, 3 * sizeof(double));
            c.optics.colours_count = 3;
            return c;
        }
        c.sample.kind = SG_SAMPLE_SLICES;
        c.sample.slices = 3;
        c.sample.slice_um = 7;
        c.optics.medium_index = 1.33;
        c.optics.defocus_um = -6;
        return c;
    }
    if (i == 0) return c;
    c.illumination = (sg_illumination_config){.rows = 3,
                                              .columns = 5,
                                              .pitch_mm = 4,
                                              .height_mm = 60,
                                              .slide_mm = 1,
                                              .slide_index = 1.52,
                                              .sampling = SG_LED_EXACT,
                                              .pattern = SG_PATTERN_ALL,
                                              .exposures = 1,
                                              .dose_ph = 200};
    c.camera.fill_factor = .6;
    if (i == 1) {
        c.sample = (sg_sample_config){.size_px = 64, .pixel_um = .25, .phase_rad = .8, .absorption = .3};
        c.optics = (sg_optics_config){.wavelength_um = .5,
                                      .na = .25,
                                      .medium_index = 1.33,
                                      .defocus_um = -3,
                                      .magnification = 1,
                                      .zernike_rad = {0, 0, 0, 0, .3, 0, -.2, 0, 0, 0, .4},
                                      .zernike_count = 11};
    }
    if (i == 2) {
        c.sample =
            (sg_sample_config){.size_px = 48, .margin_px = 8, .pixel_um = .25, .phase_rad = -.7, .absorption = .1};
        c.optics = (sg_optics_config){.wavelength_um = .5,
                                      .na = .3,
                                      .medium_index = 1,
                                      .defocus_um = 5,
                                      .magnification = 20,
                                      .zernike_rad = {.5},
                                      .zernike_count = 1};
        c.illumination.columns = 3;
        c.illumination.slide_mm = 0;
        c.illumination.sampling = SG_LED_SNAP;
        c.illumination.pattern = SG_PATTERN_BRIGHTFIELD;
        c.camera.pixel_um = 20;
        c.camera.fill_factor = .25;
    }
    if (i == 3) {
        c.sample = (sg_sample_config){.size_px = 60, .pixel_um = .4, .phase_rad = 1.5};
        c.optics = (sg_optics_config){.wavelength_um = .6,
                                      .na = .15,
                                      .medium_index = 1,
                                      .defocus_um = 8,
                                      .magnification = 1,
                                      .zernike_rad = {0, .7, 0, -.5},
                                      .zernike_count = 4};
        c.illumination = (sg_illumination_config){.rows = 4,
                                                  .columns = 3,
                                                  .pitch_na = .05,
                                                  .sampling = SG_LED_EXACT,
                                                  .pattern = SG_PATTERN_ALL,
                                                  .exposures = 1,
                                                  .dose_ph = 200};
        c.camera.pixel_um = .8;
        c.camera.fill_factor = .9;
    }
    return c;
}

static double picture(int x, int y)
{
    return .5 + .25 * sin(.31 * x + .17 * y) + .25 * cos(.23 * y - .11 * x + .0013 * x * y);
}

/* ---- a planned microscope ---- */

typedef struct rig {
    sg_graph *graph;
    sg_model *model;
    sg_plan *plan;
    sg_microscope_stages stages;
    sg_microscope_size size;
    bool f64;
} rig;

static void rig_open(rig *r, const sg_microscope_config *config, bool f64)
{
    *r = (rig){.f64 = f64};
    const sg_plan_options options = {.f64 = f64};
    if (sg_microscope_check(&r->size, config) != SG_OK) fail_msg("%s", sg_error_text());
    r->graph = sg_graph_new();
    const sg_value in = sg_input(r->graph, "sample", sg_entry_shape(&r->size, SG_ENTRY_SAMPLE, 1));
    const sg_value root = sg_microscope(r->graph, in, config, true, &r->stages);
    sg_output(r->graph, "image", sg_stage_value(&r->stages, "image"));
    sg_output(r->graph, "pixels", sg_stage_value(&r->stages, "pixels"));
    sg_output(r->graph, "electrons", sg_stage_value(&r->stages, "electrons"));
    sg_output(r->graph, "adu", sg_stage_value(&r->stages, "adu"));
    sg_output(r->graph, "channels", sg_stage_value(&r->stages, "channels"));
    if (sg_model_new(&r->model, 1) != SG_OK) fail_msg("%s", sg_error_text());
    if (sg_plan_make(&r->plan, r->graph, r->model, root, &options) != SG_OK) fail_msg("%s", sg_error_text());
}

static void rig_close(rig *r)
{
    sg_plan_free(r->plan);
    sg_model_free(r->model);
    sg_graph_free(r->graph);
}

static void rig_run(rig *r)
{
    const int n = r->size.sample_px;
    void *in = sg_plan_input(r->plan, "sample");
    for (int i = 0; i < r->size.sample_channels * n * n; i++) {
        const double value = picture(i % n + 17 * (i / (n * n)), i / n % n); /* every slice another part of it */
        if (r->f64)
            ((double *)in)[i] = value;
        else
            ((float *)in)[i] = (float)value;
    }
    const sg_step step = {.seed = 3};
    sg_plan_step_set(r->plan, &step);
    if (sg_plan_forward(r->plan) != SG_OK) fail_msg("%s", sg_error_text());
}

static double output_at(const rig *r, const char *name, size_t i)
{
    const void *data = sg_plan_output(r->plan, name);
    return r->f64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

/* ---- against NumPy ---- */

static FILE *golden_open(void)
{
    char path[2048];
    const char *source = getenv("SG_TEST_SOURCE");
    assert_non_null(source);
    snprintf(path, sizeof path, "%s/tests/golden/forward.bin", source);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s: cannot be opened", path);
    return file;
}

static void golden_compare(const rig *r, FILE *file, int index)
{
    int exposures = 0, pixels = 0;
    double worst = 0, largest = 0;
    assert_int_equal(fscanf(file, "%d %d", &exposures, &pixels), 2);
    assert_int_equal(fgetc(file), '\n');
    assert_int_equal(exposures, r->size.frames);
    assert_int_equal(pixels, r->size.output_px);
    const size_t len = (size_t)exposures * (size_t)pixels * (size_t)pixels;
    double *expected = check_alloc(len);
    assert_int_equal(fread(expected, sizeof *expected, len, file), len);
    for (size_t i = 0; i < len; i++) {
        const double error = fabs(output_at(r, "pixels", i) - expected[i]);
        worst = error <= worst ? worst : error; /* NaN stays */
        if (fabs(expected[i]) > largest) largest = fabs(expected[i]);
    }
    free(expected);
    print_message("# forward case %d %s: %.2g\n", index, r->f64 ? "f64" : "f32", worst / largest);
    if (!(worst <= 1e-5 * largest)) fail_msg("case %d: largest difference %g of %g", index, worst, largest);
}

static void test_forward(void **state)
{
    (void)state;
    for (int f64 = 0; f64 < 2; f64++) {
        FILE *file = golden_open();
        for (int i = 0; i < GOLDEN_CASES; i++) {
            rig r;
            const sg_microscope_config config = golden_case(i);
            rig_open(&r, &config, f64);
            rig_run(&r);
            golden_compare(&r, file, i);
            rig_close(&r);
        }
        assert_int_equal(fgetc(file), EOF);
        fclose(file);
    }
}

/* ---- stages ---- */

/* No noise: electrons = qe dose pixels; adu within half a step of them. */
static void test_stages(void **state)
{
    (void)state;
    sg_microscope_config config = base;
    config.camera.qe = .5;
    rig r;
    rig_open(&r, &config, true);
    rig_run(&r);
    const size_t len = (size_t)r.size.exposures * (size_t)r.size.output_px * (size_t)r.size.output_px;
    size_t lit = 0;
    for (size_t i = 0; i < len; i++) {
        const double electrons = output_at(&r, "electrons", i), adu = output_at(&r, "adu", i);
        assert_true(fabs(electrons - .5 * 200 * output_at(&r, "pixels", i)) <= 1e-5 * (1 + electrons));
        assert_true(fabs(adu - electrons * 255 / 300) <= .5 + 1e-4);
        lit += adu > 10;
    }
    assert_true(lit > len / 2);
    rig_close(&r);
}

static void test_parameters(void **state)
{
    (void)state;
    sg_microscope_config config = base;
    config.illumination.learn = (sg_learn){true, .01};
    config.illumination.pattern = SG_PATTERN_RANDOM;
    rig r;
    rig_open(&r, &config, false);
    const sg_param_info *weight = sg_model_find(r.model, "microscope.led.weight");
    assert_non_null(weight);
    assert_int_equal(weight->spec.constraint, SG_SIMPLEX);
    assert_false(weight->spec.frozen);
    double sum = 0, least = 1;
    for (size_t i = 0; i < weight->len; i++) {
        sum += (double)weight->value[i];
        if ((double)weight->value[i] < least) least = (double)weight->value[i];
    }
    assert_true(fabs(sum - 1) <= 1e-5 && least >= 0);
    static const char *const names[] = {"microscope.led.power", "microscope.pupil.zernike",
                                        "microscope.pupil.defocus_um", "microscope.pupil.na", "camera.adc.range_e"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_non_null(sg_model_find(r.model, names[i]));
        assert_true(sg_model_find(r.model, names[i])->spec.frozen);
    }
    rig_close(&r);
}

/* Everything learnable at once, stacks and emission: plans with gradients and runs. */
static void run_with_gradients(const sg_microscope_config *config, int channels, int expected)
{
    sg_graph *graph = sg_graph_new();
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    const sg_plan_options options = {.backward = true};
    const int n = config->sample.size_px;
    const sg_value root =
        sg_microscope(graph, sg_input(graph, "sample", SG_SHAPE(2, channels, n, n)), config, false, NULL);
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    if (sg_plan_make(&plan, graph, model, root, &options) != SG_OK) fail_msg("%s", sg_error_text());
    float *in = sg_plan_input(plan, "sample");
    for (int i = 0; i < 2 * channels * n * n; i++) in[i] = (float)picture(i % n, i / n);
    const size_t len = sg_shape_len(sg_value_shape(graph, root));
    float *seed = calloc(len, sizeof *seed);
    assert_non_null(seed);
    for (size_t i = 0; i < len; i++) seed[i] = (float)picture((int)(i % 7), (int)(i % 31)) - .5F;
    const sg_step step = {.seed = 3};
    sg_plan_step_set(plan, &step);
    if (sg_plan_forward(plan) != SG_OK || sg_plan_backward_from(plan, seed) != SG_OK) fail_msg("%s", sg_error_text());
    int learned = 0;
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        const float *grad = p->spec.frozen ? NULL : sg_plan_param_grad(plan, p->name);
        double sum = 0;
        for (size_t k = 0; grad && k < p->len; k++) sum += fabs((double)grad[k]);
        if (grad && !(sum > 0 && sum < HUGE_VAL)) fail_msg("%s: gradient %g", p->name, sum);
        learned += grad != NULL;
    }
    assert_int_equal(learned, expected);
    free(seed);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(graph);
}

static void test_learnable(void **state)
{
    (void)state;
    const sg_learn on = {true, .01};
    sg_microscope_config snap = base, exact = base, stack = base, emission = base;
    snap.illumination.learn = snap.optics.learn_zernike = snap.optics.learn_defocus = snap.optics.learn_na = on;
    snap.optics.learn_amplitude = snap.optics.learn_phase = snap.optics.learn_psf_sigma = snap.camera.learn_range = on;
    snap.optics.edge = SG_EDGE_SMOOTH;
    snap.optics.psf_sigma_um = .6;
    snap.camera.shot = SG_SHOT_POISSON;
    snap.sample.background_rad = .2;
    snap.sample.correlation_um = 2;
    snap.camera.normalise = SG_NORMALISE_RANGE;
    run_with_gradients(&snap, 1, 8);
    exact.illumination.sampling = SG_LED_EXACT;
    exact.illumination.learn_position = exact.illumination.learn = on;
    run_with_gradients(&exact, 1, 2);
    stack.sample.kind = SG_SAMPLE_STACK;
    stack.sample.margin_px = 0;
    stack.camera.pixel_um = stack.sample.pixel_um;
    stack.illumination.learn = on;
    run_with_gradients(&stack, 25, 1);
    emission.sample.kind = SG_SAMPLE_INCOHERENT;
    emission.illumination.exposures = 1;
    emission.optics.learn_zernike = on;
    run_with_gradients(&emission, 1, 1);
}

/* ---- the whole chain ---- */

typedef struct chain {
    sg_model *model;
    sg_plan *plan;
    sg_microscope_size size;
    double *in, *seed; /* (samples), (pixels) */
    size_t in_len, len;
} chain;

static void chain_open(chain *c, const sg_microscope_config *config)
{
    sg_microscope_stages stages;
    const sg_plan_options options = {.backward = true, .f64 = true};
    if (sg_microscope_check(&c->size, config) != SG_OK) fail_msg("%s", sg_error_text());
    sg_graph *g = sg_graph_new();
    const sg_shape shape = sg_entry_shape(&c->size, SG_ENTRY_SAMPLE, 1);
    (void)sg_microscope(g, sg_variable(g, "sample", shape, false), config, false, &stages);
    const sg_value pixels = sg_stage_value(&stages, "pixels");
    c->in_len = sg_shape_len(shape);
    c->len = sg_shape_len(sg_value_shape(g, pixels));
    c->in = check_alloc(c->in_len);
    c->seed = check_alloc(c->len);
    for (size_t i = 0; i < c->in_len; i++) c->in[i] = .5 + .4 * check_random("sample", 0, i);
    for (size_t i = 0; i < c->len; i++) c->seed[i] = check_random("seed", 0, i);
    assert_int_equal(sg_model_new(&c->model, 1), SG_OK);
    if (sg_plan_make(&c->plan, g, c->model, pixels, &options) != SG_OK) fail_msg("%s", sg_error_text());
    sg_graph_free(g);
}

static double chain_run(const chain *c)
{
    double sum = 0;
    memcpy(sg_plan_input(c->plan, "sample"), c->in, c->in_len * sizeof *c->in);
    if (sg_plan_forward(c->plan) != SG_OK) fail_msg("%s", sg_error_text());
    const double *pixels = sg_plan_root(c->plan);
    for (size_t i = 0; i < c->len; i++) sum += c->seed[i] * pixels[i];
    return sum;
}

/* <gradient, direction> against a central difference, x being what the plan reads. The smooth edge is a polynomial in
 * pieces, so steps are small: what a piece's end costs falls with them. */
static double chain_error(const chain *c, const char *name, double *x, size_t len, double step, const double *gradient)
{
    double inner = 0, square = 0, side[2];
    for (size_t i = 0; i < len; i++) {
        inner += gradient[i] * check_random(name, 1, i);
        square += gradient[i] * gradient[i];
    }
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < len; i++) x[i] += (s ? -1 : 1) * step * check_random(name, 1, i);
        side[s] = chain_run(c);
        for (size_t i = 0; i < len; i++) x[i] -= (s ? -1 : 1) * step * check_random(name, 1, i);
    }
    const double difference = (side[0] - side[1]) / (2 * step);
    assert_true(square > 0);
    return fabs(difference - inner) / (fabs(inner) > 1e-3 * sqrt(square) ? fabs(inner) : sqrt(square));
}

static int check_chain(const sg_microscope_config *config)
{
    chain c;
    int checked = 0;
    double worst = 0;
    chain_open(&c, config);
    (void)chain_run(&c);
    if (sg_plan_backward_from(c.plan, c.seed) != SG_OK) fail_msg("%s", sg_error_text());
    double *gradient[16] = {NULL};
    assert_true(sg_model_count(c.model) < 15);
    for (int i = 0; i <= sg_model_count(c.model); i++) { /* the last one: the sample */
        const sg_param_info *p = i < sg_model_count(c.model) ? sg_model_at(c.model, i) : NULL;
        const double *from =
            p ? p->spec.frozen ? NULL : sg_plan_param_grad(c.plan, p->name) : sg_plan_input_grad(c.plan, "sample");
        if (!from) continue;
        gradient[i] = check_alloc(p ? p->len : c.in_len);
        memcpy(gradient[i], from, (p ? p->len : c.in_len) * sizeof *from);
    }
    for (int i = 0; i <= sg_model_count(c.model); i++) {
        const sg_param_info *p = i < sg_model_count(c.model) ? sg_model_at(c.model, i) : NULL;
        if (!gradient[i]) continue;
        const char *name = p ? p->name : "sample";
        double *x = p ? sg_plan_param(c.plan, name) : c.in;
        const double step = p && p->len == 1 ? 1e-4 * fabs(x[0]) : 1e-6;
        const double error = chain_error(&c, name, x, p ? p->len : c.in_len, step, gradient[i]);
        if (!(error <= 1e-6)) fail_msg("%s: relative error %g of the gradient", name, error);
        if (error > worst) worst = error;
        checked++;
        free(gradient[i]);
    }
    print_message("# chain: %d numbers and tables, relative error at most %.2g\n", checked, worst);
    free(c.in);
    free(c.seed);
    sg_plan_free(c.plan);
    sg_model_free(c.model);
    return checked;
}

static void test_chain(void **state)
{
    (void)state;
    const sg_learn on = {true, .01};
    sg_microscope_config snap = base, exact, slices;
    snap.illumination.learn = snap.optics.learn_zernike = snap.optics.learn_defocus = snap.optics.learn_na = on;
    snap.optics.edge = SG_EDGE_SMOOTH;
    snap.optics.psf_sigma_um = .6;
    exact = slices = snap;
    snap.optics.learn_amplitude = snap.optics.learn_phase = snap.optics.learn_psf_sigma = on;
    assert_int_equal(check_chain(&snap), 8);
    exact.illumination.sampling = SG_LED_EXACT;
    exact.illumination.learn_position = on;
    assert_int_equal(check_chain(&exact), 6);
    slices.sample.kind = SG_SAMPLE_SLICES;
    slices.sample.slices = 3;
    slices.sample.slice_um = 4;
    slices.optics.learn_phase = on;
    assert_int_equal(check_chain(&slices), 6);
}

/* ---- memory ---- */

/* Bytes of a plan with gradients to weights, pupil and sample. */
static size_t arena_of(sg_sample_kind kind, int leds_a_side)
{
    sg_microscope_config c = base;
    sg_microscope_size size;
    sg_microscope_stages stages;
    sg_plan_info info;
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    const sg_plan_options options = {.backward = true};
    c.sample.kind = kind;
    c.sample.slices = 3;
    c.sample.slice_um = 5;
    c.illumination.rows = c.illumination.columns = leds_a_side;
    c.illumination.pitch_na = .02;
    c.illumination.learn = c.optics.learn_phase = (sg_learn){true, .01};
    if (sg_microscope_check(&size, &c) != SG_OK) fail_msg("%s", sg_error_text());
    sg_graph *g = sg_graph_new();
    const sg_value in = sg_variable(g, "sample", sg_entry_shape(&size, SG_ENTRY_SAMPLE, 4), false);
    (void)sg_microscope(g, in, &c, false, &stages);
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    if (sg_plan_make(&plan, g, model, sg_stage_value(&stages, "image"), &options) != SG_OK)
        fail_msg("%s", sg_error_text());
    sg_plan_info_get(plan, &info);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    return info.arena_bytes;
}

/* Fields are recomputed, not kept: 25 times the LEDs only need their numbers. */
static void test_memory(void **state)
{
    (void)state;
    static const sg_sample_kind kinds[] = {SG_SAMPLE_COHERENT, SG_SAMPLE_SLICES};
    for (int i = 0; i < 2; i++) {
        const size_t few = arena_of(kinds[i], 3), some = arena_of(kinds[i], 9), many = arena_of(kinds[i], 15);
        print_message("# arena with 9, 81, 225 LEDs: %zu, %zu, %zu KiB\n", few >> 10, some >> 10, many >> 10);
        assert_true(few > 0 && some <= few + few / 50 && many <= few + few / 50);
    }
}

/* ---- impossible configurations ---- */

SPOIL(bad_na, c->optics.na = -.1)
SPOIL(bad_nan, c->optics.defocus_um = NAN)
SPOIL(bad_bits, c->camera.bit_depth = 17)
SPOIL(bad_offset, c->camera.bit_depth = 2; c->camera.offset_adu = 10)
SPOIL(bad_pitch, c->camera.pixel_um = .97)
SPOIL(bad_leds, c->illumination.pitch_na = .3)
SPOIL(bad_margin, c->sample.margin_px = 3)
SPOIL(bad_dpc, c->illumination.exposures = 3)
SPOIL(bad_readout, c->camera.readout = SG_READOUT_DIFFERENCE; c->illumination.pattern = SG_PATTERN_ALL;
      c->illumination.exposures = 1)
SPOIL(bad_learn_na, c->optics.learn_na.on = true)
SPOIL(bad_position, c->illumination.learn_position.on = true)
SPOIL(bad_fill, c->camera.fill_factor = 1.01)
SPOIL(bad_dose, c->illumination.dose_ph = 0)
SPOIL(bad_csv, c->illumination.geometry = SG_LED_CSV; strcpy(c->illumination.csv, "/nonexistent/leds.csv"))
SPOIL(bad_pattern, c->illumination.pattern = SG_PATTERN_ANNULUS; c->illumination.rows = c->illumination.columns = 1)
SPOIL(bad_height, c->illumination.pitch_na = 0; c->illumination.pitch_mm = 4)
SPOIL(bad_grid, c->illumination.rows = 0)
SPOIL(bad_steep, c->illumination.pitch_na = .6)

static void test_bad_input(void **state)
{
    (void)state;
    static const bad list[] = {
        {"optics.na: -0.1", "..", bad_na},
        {"optics.defocus_um: nan", "..", bad_nan},
        {"camera.bit_depth: 17", "0..16", bad_bits},
        {"camera.offset_adu: 10", "0..2", bad_offset},
        {"camera.pixel_um: 0.97", "0.96969697 um would do", bad_pitch},
        {"sample.pixel_um: 0.5", "would do", bad_leds},
        {"sample.margin_px: 3", "multiple of 2", bad_margin},
        {"illumination.exposures:", "dpc", bad_dpc},
        {"camera.readout:", "exposures", bad_readout},
        {"optics.na:", "smooth", bad_learn_na},
        {"illumination.learn_position:", "exact", bad_position},
        {"camera.fill_factor: 1.01", "..1", bad_fill},
        {"illumination.dose_ph: 0", "..", bad_dose},
        {"/nonexistent/leds.csv", "opened", bad_csv},
        {"illumination.pattern:", "none", bad_pattern},
        {"illumination.height_mm: 0", "positive", bad_height},
        {"illumination.rows:", "0", bad_grid},
        {"illumination.pitch_na:", "below 1", bad_steep},
    };
    REFUSE_ALL(list, &base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),   cmocka_unit_test(test_stages), cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_learnable), cmocka_unit_test(test_chain),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests_name("microscope", tests, NULL, NULL);
}
