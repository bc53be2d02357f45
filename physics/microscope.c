/* microscope.c - see microscope.h: the physical layer as one composition of ops, and what makes a configuration
 * possible. picture -> transmission -> spectrum --+ Zernike, defocus, NA -> pupil --------+-> images of the exposures
 * -> blur -> pixels -> camera -> channels LED weights, power, positions --------+ */
#include "physics/microscope.h"

#include "core/memory.h"
#include "core/ops.h"
#include "physics/blur.h"
#include "physics/camera.h"
#include "physics/led_array.h"
#include "physics/optics.h"
#include "physics/pixel.h"
#include "physics/psf.h"
#include "physics/readout.h"

#include <math.h>
#include <string.h>

/* A configuration, what follows from it, and its LEDs. */
typedef struct scope {
    const sg_microscope_config *config;
    sg_microscope_size size;
    sg_led_array leds;
    double field_um;     /* N d */
    double na_max;       /* a learned NA stays below */
    int margin_px;       /* camera pixels */
    double *weight;      /* (E, K) starting pattern */
    double *power;       /* (K) */
    double *position_mm; /* (K, 2) x, y */
    int *bin;            /* (K, 2) y, x */
} scope;

/* ---- checks ---- */

typedef struct range {
    const char *key;
    double value, lo, hi;
} range;

static sg_status check_ranges(const range *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(list[i].value >= list[i].lo && list[i].value <= list[i].hi))
            SG_FAIL(SG_E_RANGE, "%s: %g is outside %g..%g", list[i].key, list[i].value, list[i].lo, list[i].hi);
    return SG_OK;
}
#define CHECK_RANGES(list) check_ranges((list), sizeof(list) / sizeof *(list))

static sg_status check_numbers(const sg_microscope_config *c)
{
    const int bits = c->camera.bit_depth;
    const range list[] = {
        {"sample.size_px", c->sample.size_px, 8, 8192},
        {"sample.margin_px", c->sample.margin_px, 0, (c->sample.size_px - 1) / 2},
        {"sample.pixel_um", c->sample.pixel_um, 1e-4, 1e4},
        {"sample.phase_rad", c->sample.phase_rad, -1e3, 1e3},
        {"sample.absorption", c->sample.absorption, 0, 1e2},
        {"sample.background_rad", c->sample.background_rad, 0, 1e3},
        {"sample.correlation_um", c->sample.correlation_um, 0, 1e4},
        {"illumination.exposures", c->illumination.exposures, 1, SG_EXPOSURE_MAX},
        {"illumination.pitch_na", c->illumination.pitch_na, 0, 1},
        {"optics.wavelength_um", c->optics.wavelength_um, 1e-3, 1e3},
        {"optics.medium_index", c->optics.medium_index, 1, 4},
        {"optics.na", c->optics.na, 1e-4, c->optics.medium_index * (1 - 1e-6)},
        {"optics.defocus_um", c->optics.defocus_um, -1e6, 1e6},
        {"optics.magnification", c->optics.magnification, 1e-4, 1e6},
        {"optics.psf_sigma_um", c->optics.psf_sigma_um, 0, 1e4},
        {"camera.pixel_um", c->camera.pixel_um, 1e-4, 1e6},
        {"camera.fill_factor", c->camera.fill_factor, 1e-4, 1},
        {"camera.qe", c->camera.qe, 1e-6, 1},
        {"camera.background_e", c->camera.background_e, 0, 1e7},
        {"camera.dark_e_per_s", c->camera.dark_e_per_s, 0, 1e7},
        {"camera.exposure_s", c->camera.exposure_s, 0, 1e6},
        {"camera.full_well_e", c->camera.full_well_e, 0, 1e9},
        {"camera.read_noise_e", c->camera.read_noise_e, 0, 1e6},
        {"camera.bit_depth", c->camera.bit_depth, 0, 16},
        {"camera.range_e", c->camera.range_e, 0, 1e9},
        {"camera.offset_adu", c->camera.offset_adu, 0,
         bits >= 1 && bits <= 16 ? (1 << bits) - 2 : 65535}, /* dark < top */
    };
    const range dose[] = {{"illumination.dose_ph", c->illumination.dose_ph, 1e-6, 1e10}};
    const range box[] = {{"illumination.flux_ph_per_s", c->illumination.flux_ph_per_s, 1e-6, 1e15},
                         {"illumination.exposure_s", c->illumination.exposure_s, 1e-12, 1e6}};
    SG_TRY(CHECK_RANGES(list));
    for (int j = 0; j < c->optics.zernike_count && j < SG_ZERNIKE_MAX; j++)
        if (!(fabs(c->optics.zernike_rad[j]) <= 1e3))
            SG_FAIL(SG_E_RANGE, "optics.zernike_rad: %g rad for j = %d is outside -1000..1000",
                    c->optics.zernike_rad[j], j + 1);
    return c->illumination.constraint == SG_LIGHT_BOX ? CHECK_RANGES(box) : CHECK_RANGES(dose);
}

/* What a choice needs of another one. */
static sg_status check_choices(const sg_microscope_config *c)
{
    const bool exact = c->illumination.sampling == SG_LED_EXACT, stack = c->sample.kind == SG_SAMPLE_STACK;
    const struct rule {
        bool broken;
        const char *text;
    } rules[] = {
        {c->optics.zernike_count < 0 || c->optics.zernike_count > SG_ZERNIKE_MAX,
         "optics.zernike_rad: at most 36 coefficients"},
        {c->optics.learn_zernike.on && c->optics.zernike_count < 1,
         "optics.zernike_rad: learning needs at least one coefficient"},
        {c->optics.learn_na.on && c->optics.edge != SG_EDGE_SMOOTH, "optics.na: learning needs optics.edge smooth"},
        {c->optics.learn_amplitude.on && exact, "optics.learn_amplitude: needs illumination.sampling snap"},
        {c->optics.learn_phase.on && exact, "optics.learn_phase: needs illumination.sampling snap"},
        {c->illumination.learn_position.on && !exact, "illumination.learn_position: needs illumination.sampling exact"},
        {c->illumination.geometry == SG_LED_CSV && c->illumination.csv[0] == 0,
         "illumination.csv: geometry csv needs a table of LEDs"},
        {c->illumination.pattern == SG_PATTERN_CSV && c->illumination.pattern_csv[0] == 0,
         "illumination.pattern_csv: pattern csv needs a table of weights"},
        {stack && c->sample.margin_px != 0, "sample.margin_px: a measured stack has no margin, it must be 0"},
        {c->sample.kind == SG_SAMPLE_INCOHERENT && c->illumination.exposures != 1,
         "illumination.exposures: an incoherent sample has 1"},
        {c->camera.readout == SG_READOUT_DIFFERENCE && c->illumination.exposures != 2,
         "camera.readout: difference needs illumination.exposures 2"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) SG_FAIL(SG_E_CONFIG, "%s", rules[i].text);
    return SG_OK;
}

static bool whole(double x)
{
    return fabs(x - nearbyint(x)) <= 1e-6 * (x > 1 ? x : 1);
}

/* The smallest m with d_c / m <= lambda / (4 NA): fine enough for |u|^2. */
static int finest(double pitch_um, const sg_optics_config *optics)
{
    return (int)ceil(pitch_um * 4 * optics->na / optics->wavelength_um - 1e-9);
}

static sg_status size_camera(scope *s)
{
    const sg_microscope_config *c = s->config;
    const double pitch = c->camera.pixel_um / c->optics.magnification, pixels = s->field_um / pitch;
    if (!(pixels < 16384))
        SG_FAIL(SG_E_RANGE, "camera.pixel_um: %g um gives %.0f pixels across the field", c->camera.pixel_um, pixels);
    const double nearest = pixels < 1 ? 1 : nearbyint(pixels);
    if (!whole(pixels) || pixels < .5)
        SG_FAIL(
            SG_E_RANGE,
            "camera.pixel_um: %g um gives %.6g pixels across the field of %g um, not a whole number; %.9g um would do",
            c->camera.pixel_um, pixels, s->field_um, s->field_um / nearest * c->optics.magnification);
    s->size.sample_px = c->sample.size_px;
    s->size.camera_px = (int)nearest;
    s->size.camera_pitch_um = s->field_um / nearest;
    return SG_OK;
}

static sg_status size_margin(scope *s)
{
    const sg_sample_config *sample = &s->config->sample;
    const double margin = sample->margin_px * sample->pixel_um / s->size.camera_pitch_um;
    const double step = s->size.camera_pitch_um / sample->pixel_um;
    s->margin_px = (int)nearbyint(margin);
    s->size.output_px = s->size.camera_px - 2 * s->margin_px;
    if (!whole(margin))
        SG_FAIL(SG_E_RANGE,
                "sample.margin_px: %d is %.6g camera pixels, not a whole number; a multiple of %.6g would do",
                sample->margin_px, margin, step);
    if (s->size.output_px < 1)
        SG_FAIL(SG_E_RANGE, "sample.margin_px: %d on each side leaves nothing of %d", sample->margin_px,
                sample->size_px);
    return SG_OK;
}

/* The grid that images are made on: M = m C. */
static sg_status size_image(scope *s)
{
    const sg_microscope_config *c = s->config;
    const double pitch = s->size.camera_pitch_um, d = c->sample.pixel_um,
                 limit = c->optics.wavelength_um / (4 * c->optics.na);
    s->size.oversample = 1;
    if (c->sample.kind == SG_SAMPLE_STACK && s->size.camera_px != c->sample.size_px)
        SG_FAIL(SG_E_RANGE, "sample.pixel_um: a measured stack has camera pixels of %g um, not %g um", pitch, d);
    if (c->sample.kind == SG_SAMPLE_INCOHERENT) { /* images are blurred on the sample's own grid */
        if (!whole(pitch / d))
            SG_FAIL(SG_E_RANGE, "sample.pixel_um: %g um does not divide the camera pixel of %g um; %.9g um would do", d,
                    pitch, pitch / (pitch < d ? 1 : nearbyint(pitch / d)));
        if (!(d <= limit * (1 + 1e-9)))
            SG_FAIL(SG_E_RANGE, "sample.pixel_um: %g um is too coarse for NA %g; a pitch up to %.4g um would do", d,
                    c->optics.na, limit);
        s->size.oversample = (int)nearbyint(pitch / d);
    }
    if (c->sample.kind == SG_SAMPLE_COHERENT)
        s->size.oversample = finest(pitch, &c->optics) > 1 ? finest(pitch, &c->optics) : 1;
    s->size.image_px = s->size.oversample * s->size.camera_px;
    if (s->size.image_px > 16384)
        SG_FAIL(SG_E_RANGE, "camera.pixel_um: %d pixels need an image grid of %d, more than 16384", s->size.camera_px,
                s->size.image_px);
    return SG_OK;
}

/* A learned NA stays where the grids hold it. */
static double na_limit(const scope *s)
{
    const sg_optics_config *optics = &s->config->optics;
    const double pitch = s->size.camera_pitch_um / s->size.oversample;
    double light = 0, most = optics->wavelength_um / (4 * pitch);
    if (!optics->learn_na.on) return optics->na;
    for (int k = 0; k < s->leds.count; k++)
        light = fmax(light, fmax(fabs(s->leds.led[k].f_x), fabs(s->leds.led[k].f_y)));
    most = fmin(most, (.5 / s->config->sample.pixel_um - light) * optics->wavelength_um);
    most = fmin(most, optics->medium_index * (1 - 1e-6));
    return fmax(optics->na, fmin(most, 2 * optics->na));
}

static void scope_close(scope *s)
{
    sg_led_array_free(&s->leds);
    sg_free(s->weight);
    sg_free(s->power);
    sg_free(s->position_mm);
    sg_free(s->bin);
}

static sg_status open_leds(scope *s)
{
    const sg_microscope_config *c = s->config;
    const sg_illumination_config *light = &c->illumination;
    SG_TRY(sg_led_array_make(&s->leds, light, c->optics.wavelength_um, s->field_um));
    const size_t k = (size_t)s->leds.count;
    s->size.leds = s->leds.count;
    if (c->sample.kind == SG_SAMPLE_COHERENT)
        SG_TRY(sg_led_array_sampling(&s->leds, c->optics.wavelength_um, c->optics.na, c->sample.pixel_um));
    SG_TRY(SG_ALLOC(&s->weight, k * (size_t)light->exposures, "LED weights"));
    SG_TRY(SG_ALLOC(&s->power, k, "LED powers"));
    SG_TRY(SG_ALLOC(&s->position_mm, 2 * k, "LED positions"));
    SG_TRY(SG_ALLOC(&s->bin, 2 * k, "LED bins"));
    for (size_t i = 0; i < k; i++) {
        const sg_led *led = &s->leds.led[i];
        s->power[i] = led->power;
        s->position_mm[2 * i] = led->x_mm;
        s->position_mm[2 * i + 1] = led->y_mm;
        s->bin[2 * i] = led->bin_y;
        s->bin[2 * i + 1] = led->bin_x;
    }
    return light->pattern == SG_PATTERN_RANDOM ? SG_OK : sg_led_pattern(s->weight, &s->leds, light, c->optics.na);
}

static sg_status open_parts(scope *s)
{
    SG_TRY(check_numbers(s->config));
    SG_TRY(check_choices(s->config));
    s->field_um = s->config->sample.size_px * s->config->sample.pixel_um;
    s->size.exposures = s->config->illumination.exposures;
    s->size.channels = s->config->camera.readout == SG_READOUT_CHANNELS ? s->size.exposures : 1;
    SG_TRY(size_camera(s));
    SG_TRY(size_margin(s));
    SG_TRY(size_image(s));
    if (s->config->sample.kind != SG_SAMPLE_INCOHERENT) SG_TRY(open_leds(s));
    s->na_max = na_limit(s);
    return SG_OK;
}

static sg_status scope_open(scope *s, const sg_microscope_config *config)
{
    *s = (scope){.config = config};
    const sg_status status = open_parts(s);
    if (status != SG_OK) scope_close(s);
    return status;
}

sg_status sg_microscope_check(sg_microscope_size *out, const sg_microscope_config *config)
{
    scope s;
    SG_TRY(scope_open(&s, config));
    *out = s.size;
    scope_close(&s);
    return SG_OK;
}

/* ---- parameters ---- */

/* A number, or a table of `values`, that learns if asked. */
static sg_value hardware(sg_graph *g, const char *name, sg_shape shape, double constant, const double *values,
                         const char *unit, sg_learn learn, sg_constraint constraint, double lo, double hi)
{
    const sg_param_spec spec = {.init = values ? SG_INIT_VALUES : SG_INIT_CONSTANT,
                                .init_a = constant,
                                .values = values,
                                .lr = learn.lr,
                                .constraint = constraint,
                                .lo = lo,
                                .hi = hi,
                                .frozen = !learn.on,
                                .unit = unit};
    return sg_param(g, name, shape, &spec);
}

static sg_value scalar(sg_graph *g, const char *name, double value, const char *unit, sg_learn learn,
                       sg_constraint constraint, double lo, double hi)
{
    return hardware(g, name, SG_SHAPE(1, 1, 1, 1), value, NULL, unit, learn, constraint, lo, hi);
}

/* Equal dose: the sum over LEDs and exposures stays 1. A random start is drawn with mean 1/(E K) and projected. */
static sg_value led_weight(sg_graph *g, const scope *s)
{
    const sg_illumination_config *light = &s->config->illumination;
    const bool dose = light->constraint == SG_LIGHT_DOSE, random = light->pattern == SG_PATTERN_RANDOM;
    const double cells = (double)s->size.leds * s->size.exposures;
    const sg_param_spec spec = {.init = random ? SG_INIT_UNIFORM : SG_INIT_VALUES,
                                .init_b = !random ? light->jitter
                                          : dose  ? 2 / cells
                                                  : 1,
                                .values = s->weight,
                                .constraint = dose ? SG_SIMPLEX : SG_BOX,
                                .hi = 1,
                                .lr = light->learn.lr,
                                .frozen = !light->learn.on,
                                .unit = "1"};
    return sg_param(g, "microscope.led.weight", SG_SHAPE(1, 1, s->size.exposures, s->size.leds), &spec);
}

static sg_value led_power(sg_graph *g, const scope *s)
{
    return hardware(g, "microscope.led.power", SG_SHAPE(1, 1, 1, s->size.leds), 0, s->power, "1", (sg_learn){0},
                    SG_NON_NEGATIVE, 0, 0);
}

/* The part of each LED's frequency beyond its bin. */
static sg_value led_offset(sg_graph *g, const scope *s)
{
    const sg_illumination_config *light = &s->config->illumination;
    if (light->sampling != SG_LED_EXACT) return SG_NONE;
    const double bin[2] = {1 / s->field_um, 1 / s->field_um};
    const sg_value position = hardware(g, "microscope.led.position", SG_SHAPE(1, 1, s->size.leds, 2), 0, s->position_mm,
                                       "mm", light->learn_position, SG_FREE, 0, 0);
    return sg_led_frequency(g, position, s->leds.height_mm, s->leds.slide_mm, s->leds.slide_index,
                            s->config->optics.wavelength_um, s->size.leds, s->bin, bin);
}

static sg_value pupil(sg_graph *g, const scope *s, sg_value offset)
{
    const sg_optics_config *o = &s->config->optics;
    const int m = s->size.image_px, terms = o->zernike_count > 0 ? o->zernike_count : 1;
    const sg_pupil_grid grid = {m, m, 1 / s->field_um, 1 / s->field_um, o->wavelength_um, o->medium_index, o->edge};
    const sg_shape map = SG_SHAPE(1, 1, m, m);
    const double none = 0;
    const sg_value zernike =
        hardware(g, "microscope.pupil.zernike", SG_SHAPE(1, 1, 1, terms), 0,
                 o->zernike_count > 0 ? o->zernike_rad : &none, "rad", o->learn_zernike, SG_FREE, 0, 0);
    const sg_value defocus =
        scalar(g, "microscope.pupil.defocus_um", o->defocus_um, "um", o->learn_defocus, SG_FREE, 0, 0);
    const sg_value na = scalar(g, "microscope.pupil.na", o->na, "1", o->learn_na, SG_BOX, .1 * o->na, s->na_max);
    sg_value amplitude = SG_NONE, phase = SG_NONE;
    if (o->learn_amplitude.on)
        amplitude = hardware(g, "microscope.pupil.amplitude", map, 1, NULL, "1", o->learn_amplitude, SG_BOX, 0, 1);
    if (o->learn_phase.on)
        phase = hardware(g, "microscope.pupil.phase", map, 0, NULL, "rad", o->learn_phase, SG_FREE, 0, 0);
    return sg_pupil(g, zernike, defocus, na, amplitude, phase, offset, &grid);
}

static sg_value range_e(sg_graph *g, const scope *s, double photons)
{
    const sg_camera_config *c = &s->config->camera;
    const double start = c->range_e > 0 ? c->range_e : 2 * c->qe * photons / s->size.exposures;
    return scalar(g, "camera.adc.range_e", start, "e", c->learn_range, SG_BOX, 1e-3, 1e9);
}

/* ---- the stages ---- */

/* Bins of the pupil that light can pass, on each side. */
static int pupil_support(const scope *s)
{
    const sg_microscope_config *c = s->config;
    const bool between = c->optics.edge == SG_EDGE_SMOOTH || c->illumination.sampling == SG_LED_EXACT;
    const int bins = (int)(s->na_max / c->optics.wavelength_um * s->field_um * (1 + 1e-6)) + (between ? 2 : 0);
    return 2 * bins + 1 < s->size.image_px ? bins : 0;
}

static sg_value coherent_image(sg_graph *g, const scope *s, sg_value picture, sg_microscope_values *v)
{
    const sg_sample_config *sample = &s->config->sample;
    const int support = pupil_support(s);
    v->transmission = sg_coherent_sample(g, picture, sample->phase_rad, sample->absorption, sample->background_rad,
                                         sample->correlation_um / sample->pixel_um);
    v->spectrum = sg_dft2(g, v->transmission);
    v->pupil = pupil(g, s, led_offset(g, s));
    v->weight = led_weight(g, s);
    return sg_led_image(g, v->spectrum, v->pupil, v->weight, led_power(g, s), s->size.leds, s->bin, support, support);
}

static sg_value stack_image(sg_graph *g, const scope *s, sg_value stack, sg_microscope_values *v)
{
    v->weight = led_weight(g, s);
    return sg_stack_image(g, stack, v->weight, led_power(g, s));
}

static sg_value incoherent_image(sg_graph *g, const scope *s, sg_value emission, sg_microscope_values *v)
{
    v->pupil = pupil(g, s, SG_NONE);
    return sg_blur(g, emission, sg_psf_pupil(g, v->pupil, s->size.image_px), SG_EDGE_PERIODIC);
}

static sg_value extra_blur(sg_graph *g, const scope *s, sg_value image)
{
    const sg_optics_config *o = &s->config->optics;
    if (!(o->psf_sigma_um > 0) && !o->learn_psf_sigma.on) return image;
    const double pixels_per_um = s->size.image_px / s->field_um;
    const sg_value sigma_um =
        scalar(g, "microscope.psf.sigma_um", o->psf_sigma_um, "um", o->learn_psf_sigma, SG_NON_NEGATIVE, 0, 0);
    const sg_value sigma_px = sg_combine(g, sigma_um, pixels_per_um, SG_NONE, 0);
    return sg_blur(g, image, sg_psf_gaussian(g, sigma_px, s->size.image_px), SG_EDGE_PERIODIC);
}

/* Photons that reach one camera pixel's area where the image is 1. */
static double photons_of(const sg_illumination_config *light)
{
    return light->constraint == SG_LIGHT_DOSE ? light->dose_ph : light->flux_ph_per_s * light->exposure_s;
}

static sg_value compose(sg_graph *g, const scope *s, sg_value sample, bool want_electrons, sg_microscope_values *v)
{
    const sg_camera_config *camera = &s->config->camera;
    const sg_sample_kind kind = s->config->sample.kind;
    const double photons = photons_of(&s->config->illumination);
    const sg_value full_scale_e = range_e(g, s, photons);

    v->image = kind == SG_SAMPLE_COHERENT ? coherent_image(g, s, sample, v)
               : kind == SG_SAMPLE_STACK  ? stack_image(g, s, sample, v)
                                          : incoherent_image(g, s, sample, v);
    const sg_value blurred = extra_blur(g, s, v->image);
    v->pixels = kind == SG_SAMPLE_STACK ? blurred /* measured by pixels already */
                                        : sg_pixel(g, blurred, s->size.oversample, camera->fill_factor, s->margin_px);
    const sg_camera_attr adc = sg_camera_attr_make(camera, photons, true),
                         electrons = sg_camera_attr_make(camera, photons, false);
    if (want_electrons) v->electrons = sg_camera(g, v->pixels, full_scale_e, &electrons);
    v->adu = sg_camera(g, v->pixels, full_scale_e, &adc);
    v->channels = sg_readout(g, v->adu, full_scale_e, camera);
    return v->channels;
}

static sg_status check_sample(const scope *s, sg_shape in)
{
    const int channels = s->config->sample.kind == SG_SAMPLE_STACK ? s->size.leds : 1, n = s->size.sample_px;
    if (in.c != channels || in.h != n || in.w != n)
        SG_FAIL(SG_E_SHAPE, "microscope: the sample is (%d,%d,%d,%d), not (n,%d,%d,%d)", in.n, in.c, in.h, in.w,
                channels, n, n);
    return SG_OK;
}

sg_value sg_microscope(sg_graph *g, sg_value sample, const sg_microscope_config *config, bool want_electrons,
                       sg_microscope_values *out)
{
    scope s;
    sg_microscope_values v = {SG_NONE, SG_NONE, SG_NONE, SG_NONE, SG_NONE, SG_NONE, SG_NONE, SG_NONE, SG_NONE};
    sg_status status = g ? sg_graph_status(g) : SG_OK;
    if (out) *out = v;
    if (status != SG_OK) return SG_NONE;
    status = scope_open(&s, config);
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    status = check_sample(&s, sg_value_shape(g, sample));
    const sg_value channels =
        status == SG_OK ? compose(g, &s, sample, want_electrons, &v) : sg_graph_fail(g, status, "%s", sg_error_text());
    scope_close(&s);
    if (out) *out = v;
    return channels;
}
