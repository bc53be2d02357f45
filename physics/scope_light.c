/* scope_light.c - the LEDs of a microscope: weights, levels, powers, positions, dose. */
#include "physics/optics.h"
#include "physics/scope.h"

/* Equal dose: the sum over LEDs, exposures and colours stays 1, also through the levels. A random start is uniform in
 * 0..1, then scaled to the dose. */
sg_value sg_scope_led_weight(sg_graph *g, const sg_scope *s)
{
    const sg_illumination_config *light = &s->config->illumination;
    const bool dose = light->constraint == SG_LIGHT_DOSE, random = light->pattern == SG_PATTERN_RANDOM;
    const sg_param_spec spec = {.init = !random ? SG_INIT_VALUES
                                        : dose  ? SG_INIT_SHARES
                                                : SG_INIT_UNIFORM,
                                .init_b = random ? 1 : light->jitter,
                                .values = s->weight,
                                .constraint = dose ? SG_SIMPLEX : SG_BOX,
                                .hi = 1,
                                .lr = light->learn.lr,
                                .frozen = !light->learn.on,
                                .unit = "1"};
    const sg_value weight =
        sg_param(g, "microscope.led.weight", SG_SHAPE(1, 1, s->size.colours * s->size.exposures, s->size.leds), &spec);
    return sg_led_levels(g, weight, light->levels, dose);
}

sg_value sg_scope_led_power(sg_graph *g, const sg_scope *s)
{
    return sg_scope_param(g, "microscope.led.power", SG_SHAPE(1, 1, 1, s->size.leds), 0, s->power, "1", (sg_learn){0},
                          SG_NON_NEGATIVE, 0, 0);
}

/* The part of each LED's frequency beyond its bin. */
sg_value sg_scope_led_offset(sg_graph *g, const sg_scope *s, int colour)
{
    const sg_illumination_config *light = &s->config->illumination;
    if (light->sampling != SG_LED_EXACT) return SG_NONE;
    const double bin[2] = {1 / s->field_um, 1 / s->field_um};
    const sg_value position = sg_scope_param(g, "microscope.led.position", SG_SHAPE(1, 1, s->size.leds, 2), 0,
                                             s->position_mm, "mm", light->learn_position, SG_FREE, 0, 0);
    return sg_led_frequency(g, position, s->leds.height_mm, s->leds.slide_mm, s->leds.slide_index,
                            s->colour[colour].wavelength_um, s->size.leds, s->colour[colour].bin, bin);
}

sg_value sg_microscope_light(sg_graph *g, const sg_microscope_config *config)
{
    sg_scope s;
    if (config->sample.kind == SG_SAMPLE_INCOHERENT)
        return sg_graph_fail(g, SG_E_CONFIG, "sample.kind: an incoherent sample emits light itself, it has no LEDs");
    const sg_status status = sg_scope_open(&s, config);
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    const sg_value weight = sg_scope_led_weight(g, &s);
    sg_scope_close(&s);
    return weight;
}

/* A dose lights at least the brightest LED; in a box every weight may lie below the first level. */
sg_status sg_scope_check_light(const sg_scope *s)
{
    const sg_illumination_config *light = &s->config->illumination;
    const double first = light->levels == SG_LEVELS_BITS8 ? .5 / 255 : .5;
    if (light->levels == SG_LEVELS_CONTINUOUS || light->constraint == SG_LIGHT_DOSE) return SG_OK;
    const size_t rows = (size_t)light->exposures * (size_t)s->size.colours;
    for (size_t i = 0; i < (size_t)s->size.leds * rows; i++)
        if (s->weight[i] > first) return SG_OK;
    SG_FAIL(SG_E_RANGE, "illumination.levels: %s lights no LED, every starting weight is at most %.4g",
            light->levels == SG_LEVELS_BITS8 ? "bits8" : "on_off", first);
}

/* A dose pays for all captures and all colours: of the colours of an emission, in turn or at once, each has its share;
 * only what dyes emit at once is shared out by their filters (scope_filters.c), as LED weights do it. */
double sg_scope_photons(const sg_scope *s)
{
    const sg_illumination_config *light = &s->config->illumination;
    const sg_sample_config *sample = &s->config->sample;
    const bool filtered = (sample->dyes[0] || sample->spectra_csv[0]) && s->config->camera.cfa != SG_CFA_NONE;
    const bool shared = sample->kind != SG_SAMPLE_INCOHERENT || filtered;
    const int captures = s->size.planes * (shared ? 1 : s->size.colours);
    return light->constraint == SG_LIGHT_DOSE ? light->dose_ph / captures : light->flux_ph_per_s * light->exposure_s;
}
