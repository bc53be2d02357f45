/* light.c - reads the light out of a model; levels of a controller. See light.h. */
#include "pipeline/light.h"

#include "core/memory.h"
#include "core/plan.h"
#include "physics/led_array.h"

#include <math.h>

/* ---- weights ---- */

static sg_status read_weights(sg_light *out, const sg_config *config, sg_model *model)
{
    const sg_plan_options options = {0};
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    sg_status status = SG_OK;
    const sg_value weight = sg_microscope_light(g, &config->microscope);
    const sg_shape shape = sg_value_shape(g, weight);
    SG_TRY_DONE(sg_plan_make(&plan, g, model, weight, &options));
    SG_TRY_DONE(sg_plan_forward(plan));
    out->exposures = config->microscope.illumination.exposures;
    out->colours = shape.h / out->exposures;
    out->leds = shape.w;
    const sg_optics_config *optics = &config->microscope.optics;
    for (int c = 0; c < out->colours; c++)
        out->wavelength_um[c] = optics->colours_count > 0 ? optics->colours_um[c] : optics->wavelength_um;
    SG_TRY_DONE(SG_ALLOC(&out->weight, sg_shape_len(shape), "light"));
    for (size_t i = 0; i < sg_shape_len(shape); i++) out->weight[i] = (double)((const float *)sg_plan_root(plan))[i];
done:
    sg_plan_free(plan);
    sg_graph_free(g);
    return status;
}

/* ---- places ---- */

static void place_led(sg_light *out, int k, const sg_led_array *array, const sg_param_info *position)
{
    const sg_led *led = &array->led[k];
    double s[2] = {led->s_x, led->s_y};
    out->x_mm[k] = led->x_mm;
    out->y_mm[k] = led->y_mm;
    if (position && !position->spec.frozen) {
        out->x_mm[k] = (double)position->value[2 * k];
        out->y_mm[k] = (double)position->value[2 * k + 1];
        sg_led_direction(s, NULL, out->x_mm[k], out->y_mm[k], array->height_mm, array->slide_mm, array->slide_index);
    }
    out->na_x[k] = s[0] + 0; /* -0 would be a sign for a reader */
    out->na_y[k] = s[1] + 0;
    out->power[k] = led->power;
}

static sg_status read_places(sg_light *out, const sg_config *config, const sg_model *model)
{
    const sg_microscope_config *scope = &config->microscope;
    sg_led_array array;
    sg_status status = SG_OK;
    double **const tables[] = {&out->x_mm, &out->y_mm, &out->na_x, &out->na_y, &out->power};
    SG_TRY(sg_led_array_make(&array, &scope->illumination, scope->optics.wavelength_um,
                             scope->sample.size_px * scope->sample.pixel_um));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        SG_TRY_DONE(SG_ALLOC(tables[i], (size_t)out->leds, "light"));
    for (int k = 0; k < out->leds; k++) place_led(out, k, &array, sg_model_find(model, "microscope.led.position"));
done:
    sg_led_array_free(&array);
    return status;
}

sg_status sg_light_read(sg_light *out, const sg_config *config, sg_model *model)
{
    const sg_illumination_config *light = &config->microscope.illumination;
    *out = (sg_light){.flux_ph_per_s = light->flux_ph_per_s, .whole_levels = light->levels == SG_LEVELS_BITS8};
    out->photons = light->constraint == SG_LIGHT_DOSE ? light->dose_ph : light->flux_ph_per_s * light->exposure_s;
    SG_TRY(read_weights(out, config, model));
    return read_places(out, config, model);
}

void sg_light_free(sg_light *light)
{
    double *const tables[] = {light->weight, light->x_mm, light->y_mm, light->na_x, light->na_y, light->power};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) sg_free(tables[i]);
    *light = (sg_light){0};
}

/* ---- levels ---- */

static double largest(const double *x, size_t len)
{
    double most = 0;
    for (size_t i = 0; i < len; i++) most = x[i] > most ? x[i] : most;
    return most;
}

sg_light_row sg_light_levels(int *level, const sg_light *light, int row)
{
    const size_t leds = (size_t)light->leds, rows = (size_t)light->colours * (size_t)light->exposures;
    const double *w = light->weight + (size_t)row * leds;
    const double most = largest(w, leds), full = light->whole_levels ? largest(light->weight, rows * leds) : most;
    sg_light_row out = {0};
    double asked = 0, shown = 0;
    for (size_t k = 0; k < leds; k++) {
        level[k] = full > 0 ? (int)nearbyint(255 * w[k] / full) : 0;
        out.lit += level[k] > 0;
        asked += w[k] * light->power[k];
        shown += level[k] / 255. * light->power[k];
    }
    if (!(shown > 0)) return out;
    out.exposure_s = light->photons * asked / (light->flux_ph_per_s * shown);
    for (size_t k = 0; k < leds; k++) {
        const double error = fabs(level[k] / 255. * asked / shown - w[k]);
        out.largest_error = fmax(out.largest_error, error / most);
        out.misplaced += error * light->power[k] / (2 * asked);
    }
    return out;
}
