/* scope_check.c - what makes a configuration possible: ranges, choices, sampling, sizes. Error texts begin with the key
 * and name what would do. */
#include "core/memory.h"
#include "physics/scope.h"
#include "physics/spectra.h"

#include <math.h>
#include <string.h>

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
        {"optics.psf_pixel_um", c->optics.psf_pixel_um, 0, 1e4},
        {"optics.psf_crop_px", c->optics.psf_crop_px, 0, 8192},
        {"optics.psf_size_px", c->optics.psf_size_px, c->optics.psf == SG_PSF_TAPS, 4096},
        {"optics.psf_grid", c->optics.psf_grid, 0, 16},
        {"optics.psf_modes", c->optics.psf_modes, 0, 16},
        {"optics.psf_sigma_edge_um", c->optics.psf_sigma_edge_um, 0, 1e4},
        {"optics.field_curvature_um", c->optics.field_curvature_um, -1e4, 1e4},
        {"sample.volume_planes", c->sample.volume_planes, 0, SG_SLICE_MAX},
        {"optics.mask_rad", c->optics.mask_rad, -1e3, 1e3},
        {"sample.depth_um", c->sample.depth_um, 0, 1e4},
        {"camera.pixel_um", c->camera.pixel_um, 1e-4, 1e6},
        {"camera.fill_factor", c->camera.fill_factor, 0, 1},
        {"camera.qe", c->camera.qe, 1e-6, 1},
        {"camera.background_e", c->camera.background_e, 0, 1e7},
        {"camera.dark_e_per_s", c->camera.dark_e_per_s, 0, 1e7},
        {"camera.exposure_s", c->camera.exposure_s, 0, 1e6},
        {"camera.full_well_e", c->camera.full_well_e, 0, 1e9},
        {"camera.read_noise_e", c->camera.read_noise_e, 0, 1e6},
        {"camera.prnu", c->camera.prnu, 0, 1},
        {"camera.dsnu_e", c->camera.dsnu_e, 0, 1e6},
        {"camera.hot_fraction", c->camera.hot_fraction, 0, 1},
        {"camera.hot_e_per_s", c->camera.hot_e_per_s, 0, 1e7},
        {"camera.gain_e_per_adu", c->camera.gain_e_per_adu, 0, 1e7},
        {"camera.em_gain", c->camera.em_gain, 0, 1e4},
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

/* Wavelengths rise or fall, each once; planes are any places. */
static sg_status check_colours(const sg_optics_config *o)
{
    if (o->colours_count < 0 || o->colours_count > SG_COLOUR_MAX)
        SG_FAIL(SG_E_RANGE, "optics.colours_um: %d colours are not 0..%d", o->colours_count, SG_COLOUR_MAX);
    if (o->planes_count < 0 || o->planes_count > SG_PLANE_MAX)
        SG_FAIL(SG_E_RANGE, "optics.planes_um: %d planes are not 0..%d", o->planes_count, SG_PLANE_MAX);
    for (int c = 0; c < o->colours_count; c++)
        if (!(o->colours_um[c] >= 1e-3 && o->colours_um[c] <= 1e3))
            SG_FAIL(SG_E_RANGE, "optics.colours_um: %g um is outside 0.001..1000", o->colours_um[c]);
    for (int c = 1; c < o->colours_count; c++) {
        const double step = o->colours_um[c] - o->colours_um[c - 1], first = o->colours_um[1] - o->colours_um[0];
        if (!(step * first > 0))
            SG_FAIL(SG_E_RANGE, "optics.colours_um: %g um follows %g um; wavelengths must rise, or fall, each once",
                    o->colours_um[c], o->colours_um[c - 1]);
    }
    for (int p = 0; p < o->planes_count; p++)
        if (!(fabs(o->planes_um[p]) <= 1e6))
            SG_FAIL(SG_E_RANGE, "optics.planes_um: %g um is outside -1e6..1e6", o->planes_um[p]);
    return SG_OK;
}

static void open_colours(sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    s->size.colours = o->colours_count > 0 ? o->colours_count : 1;
    s->size.planes = o->planes_count > 0 ? o->planes_count : 1;
    for (int c = 0; c < s->size.colours; c++)
        s->colour[c].wavelength_um = o->colours_count > 0 ? o->colours_um[c] : o->wavelength_um;
}

/* The wavelength that needs the finest grids. */
static double shortest_um(const sg_scope *s)
{
    const double first = s->colour[0].wavelength_um, last = s->colour[s->size.colours - 1].wavelength_um;
    return first < last ? first : last;
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
        {c->optics.pupil_file[0] && exact, "optics.pupil_file: needs illumination.sampling snap"},
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

/* What one pixel gets: the camera's numbers end at 1e12 and 1e7. */
static sg_status check_electrons(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const sg_illumination_config *light = &s->config->illumination;
    const double lit = c->qe * sg_scope_photons(s);
    const double dark = sg_scope_binned_on_chip(s) * (c->dark_e_per_s * c->exposure_s + c->background_e);
    if (!(lit <= 1e12))
        SG_FAIL(SG_E_RANGE,
                "illumination.flux_ph_per_s: %g photons/s in %g s make %.4g electrons a pixel, more than 1e12; an "
                "exposure_s up to %.4g would do",
                light->flux_ph_per_s, light->exposure_s, lit, light->exposure_s * 1e12 / lit);
    if (!(dark <= 1e7))
        SG_FAIL(SG_E_RANGE,
                "camera.dark_e_per_s: %g e/s in %g s and %g e of background make %.4g electrons a pixel, more than 1e7",
                c->dark_e_per_s, c->exposure_s, c->background_e, dark);
    return SG_OK;
}

static bool whole(double x)
{
    return fabs(x - nearbyint(x)) <= 1e-6 * (x > 1 ? x : 1);
}

/* The smallest m with d_c / m <= lambda / (4 NA): fine enough for |u|^2. */
static double finest(double pitch_um, double na, double wavelength_um)
{
    return fmax(1, ceil(pitch_um * 4 * na / wavelength_um - 1e-9));
}

static sg_status size_camera(sg_scope *s)
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

static sg_status size_margin(sg_scope *s)
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
static sg_status size_image(sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    const double pitch = s->size.camera_pitch_um, d = c->sample.pixel_um, limit = shortest_um(s) / (4 * c->optics.na);
    double fine = 1;
    if (c->sample.kind == SG_SAMPLE_STACK && s->size.camera_px != c->sample.size_px)
        SG_FAIL(SG_E_RANGE, "sample.pixel_um: a measured stack has camera pixels of %g um, not %g um", pitch, d);
    if (c->sample.kind == SG_SAMPLE_INCOHERENT) { /* images are blurred on the sample's own grid */
        if (!whole(pitch / d))
            SG_FAIL(SG_E_RANGE, "sample.pixel_um: %g um does not divide the camera pixel of %g um; %.9g um would do", d,
                    pitch, pitch / (pitch < d ? 1 : nearbyint(pitch / d)));
        if (!(d <= limit * (1 + 1e-9)))
            SG_FAIL(SG_E_RANGE,
                    "sample.pixel_um: %g um is too coarse for NA %g at %g um; a pitch up to %.4g um would do", d,
                    c->optics.na, shortest_um(s), limit);
        fine = nearbyint(pitch / d);
    }
    if (sg_scope_is_thin(s) || c->sample.kind == SG_SAMPLE_SLICES) fine = finest(pitch, c->optics.na, shortest_um(s));
    if (!(fine * s->size.camera_px <= 16384))
        SG_FAIL(SG_E_RANGE, "camera.pixel_um: %d pixels need an image grid of %.0f, more than 16384", s->size.camera_px,
                fine * s->size.camera_px);
    s->size.oversample = (int)fine;
    s->size.image_px = s->size.oversample * s->size.camera_px;
    return SG_OK;
}

/* A learned NA stays where the grids hold it. */
static double na_limit(const sg_scope *s)
{
    const sg_optics_config *optics = &s->config->optics;
    const double pitch = s->size.camera_pitch_um / s->size.oversample, wavelength_um = shortest_um(s);
    double light = 0, most = wavelength_um / (4 * pitch);
    if (!optics->learn_na.on) return optics->na;
    for (int k = 0; k < s->leds.count; k++)
        light = fmax(light, fmax(fabs(s->leds.led[k].s_x), fabs(s->leds.led[k].s_y)) / wavelength_um);
    most = fmin(most, (.5 / s->config->sample.pixel_um - light) * wavelength_um);
    most = fmin(most, optics->medium_index * (1 - 1e-6));
    return fmax(optics->na, fmin(most, 2 * optics->na));
}

void sg_scope_close(sg_scope *s)
{
    sg_led_array_free(&s->leds);
    sg_scope_pupil_file_free(&s->pupil);
    sg_free(s->spectra);
    sg_free(s->weight);
    sg_free(s->power);
    sg_free(s->position_mm);
    sg_free(s->cfa);
    sg_free(s->detector);
    sg_free(s->psf);
    sg_free(s->psf_share);
    sg_free(s->bits);
    sg_free(s->dark_counts);
    for (int c = 0; c < SG_COLOUR_MAX; c++) sg_free(s->colour[c].bin);
}

static sg_status open_bins(sg_scope *s)
{
    for (int c = 0; c < s->size.colours; c++) {
        SG_TRY(SG_ALLOC(&s->colour[c].bin, 2 * (size_t)s->size.leds, "LED bins"));
        sg_led_array_bins(s->colour[c].bin, &s->leds, s->colour[c].wavelength_um, s->field_um);
    }
    return SG_OK;
}

static sg_status open_leds(sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    const sg_illumination_config *light = &c->illumination;
    SG_TRY(sg_led_array_make(&s->leds, light, s->colour[0].wavelength_um, s->field_um));
    const size_t k = (size_t)s->leds.count;
    s->size.leds = s->leds.count;
    if (sg_scope_is_thin(s) || c->sample.kind == SG_SAMPLE_SLICES)
        SG_TRY(sg_led_array_sampling(&s->leds, shortest_um(s), c->optics.na, c->sample.pixel_um));
    SG_TRY(SG_ALLOC(&s->weight, k * (size_t)light->exposures * (size_t)s->size.colours, "LED weights"));
    SG_TRY(SG_ALLOC(&s->power, k, "LED powers"));
    SG_TRY(SG_ALLOC(&s->position_mm, 2 * k, "LED positions"));
    SG_TRY(open_bins(s));
    for (size_t i = 0; i < k; i++) {
        const sg_led *led = &s->leds.led[i];
        s->power[i] = led->power;
        s->position_mm[2 * i] = led->x_mm;
        s->position_mm[2 * i + 1] = led->y_mm;
    }
    if (light->pattern == SG_PATTERN_RANDOM) return SG_OK;
    SG_TRY(sg_led_pattern(s->weight, &s->leds, light, s->size.colours, c->optics.na));
    return sg_scope_check_light(s);
}

static int sample_channels(const sg_scope *s)
{
    switch (s->config->sample.kind) {
    case SG_SAMPLE_STACK: return s->size.leds * s->size.planes * s->size.colours;
    case SG_SAMPLE_SLICES: return s->config->sample.slices;
    case SG_SAMPLE_COLOUR: return s->size.colours;
    case SG_SAMPLE_FIELD: return 2;
    case SG_SAMPLE_INCOHERENT:
        if (s->spectra) return s->spectra->dyes;
        return s->config->sample.volume_planes > 1 ? s->config->sample.volume_planes : 1;
    case SG_SAMPLE_COHERENT: break;
    }
    return 1;
}

static sg_status open_parts(sg_scope *s)
{
    SG_TRY(check_numbers(s->config));
    SG_TRY(check_choices(s->config));
    SG_TRY(sg_scope_check_adc(&s->config->camera));
    SG_TRY(check_colours(&s->config->optics));
    open_colours(s);
    s->field_um = s->config->sample.size_px * s->config->sample.pixel_um;
    s->size.exposures = s->config->illumination.exposures;
    s->size.light_frames = s->size.frames = s->size.planes * s->size.colours * s->size.exposures;
    SG_TRY(sg_scope_check_pixels(s));
    s->size.channels =
        s->config->camera.readout == SG_READOUT_CHANNELS ? s->size.frames : s->size.frames / s->size.exposures;
    if (s->size.frames > SG_FRAME_MAX)
        SG_FAIL(SG_E_CONFIG,
                "microscope: %d pictures a measurement (exposures x colours x planes x cameras), more than %d",
                s->size.frames, SG_FRAME_MAX);
    SG_TRY(size_camera(s));
    SG_TRY(size_margin(s));
    SG_TRY(size_image(s));
    SG_TRY(sg_scope_size_pixels(s));
    SG_TRY(sg_scope_open_masks(s));
    SG_TRY(sg_scope_open_adc(s));
    SG_TRY(check_electrons(s));
    if (s->config->sample.kind != SG_SAMPLE_INCOHERENT) SG_TRY(open_leds(s));
    if (s->config->sample.kind == SG_SAMPLE_SLICES) SG_TRY(sg_scope_check_slices(s));
    SG_TRY(sg_scope_open_filters(s));
    s->size.sample_channels = sample_channels(s);
    s->na_max = na_limit(s);
    SG_TRY(sg_scope_check_psf(s));
    SG_TRY(sg_scope_open_psf(s));
    SG_TRY(sg_scope_pupil_file(&s->pupil, s));
    SG_TRY(sg_scope_open_modes(s));
    return SG_OK;
}

sg_status sg_scope_open(sg_scope *s, const sg_microscope_config *config)
{
    *s = (sg_scope){.config = config};
    const sg_status status = open_parts(s);
    if (status != SG_OK) sg_scope_close(s);
    return status;
}
