/* scope_slices.c - a thick sample, slice by slice, under the LEDs (PHYSICS section 1; slice_image.c). Each picture of
 * (n, S, N, N) becomes the transmission of one slice as a thin sample does, without background phase; the first one
 * meets the light first. The focal plane is the last slice, plus defocus_um. */
#include "core/ops.h"
#include "physics/optics.h"
#include "physics/scope.h"

#include <math.h>

/* The slices at one wavelength. */
static sg_value transmission(sg_graph *g, const sg_scope *s, sg_value pictures, int colour)
{
    const sg_sample_config *sample = &s->config->sample;
    const double phase_rad = sample->phase_rad * sg_scope_dispersion(s, colour);
    return sg_transmission(g, sg_combine(g, pictures, sample->absorption, SG_NONE, 0),
                           sg_combine(g, pictures, phase_rad, SG_NONE, 0));
}

sg_value sg_scope_slices(sg_graph *g, const sg_scope *s, sg_value pictures, sg_microscope_stages *stages)
{
    const int colours = s->size.colours, count = s->size.planes * colours;
    const double bin = 1 / s->field_um;
    const sg_value weight = sg_scope_led_weight(g, s), power = sg_scope_led_power(g, s);
    sg_value t[SG_COLOUR_MAX], image[SG_PLANE_MAX * SG_COLOUR_MAX];
    for (int c = 0; c < colours; c++) t[c] = transmission(g, s, pictures, c);
    sg_scope_stage(stages, "transmission", t[0], "1", s->config->sample.pixel_um,
                   "transmission of each slice, at the first wavelength");
    for (int i = 0; i < count; i++) {
        const int c = i % colours, support = sg_scope_pupil_support(s, c);
        const sg_slice_grid grid = {s->config->sample.slice_um, bin, bin, s->colour[c].wavelength_um,
                                    s->config->optics.medium_index};
        image[i] = sg_slice_image(g, t[c], sg_scope_pupil(g, s, i / colours, c, SG_NONE),
                                  sg_scope_colour_rows(g, s, weight, c), power, s->size.leds, s->colour[c].bin, support,
                                  support, &grid);
    }
    return sg_scope_join(g, image, count);
}

/* Light that crosses the sample at an angle walks sideways, and the grid is periodic. */
static sg_status check_walk(const sg_scope *s)
{
    const sg_sample_config *sample = &s->config->sample;
    const sg_optics_config *optics = &s->config->optics;
    double na = 0;
    for (int k = 0; k < s->leds.count; k++) na = fmax(na, hypot(s->leds.led[k].s_x, s->leds.led[k].s_y));
    const double sine = fmin((na + optics->na) / optics->medium_index, .99), slope = sine / sqrt(1 - sine * sine);
    const double thickness = sample->slice_um * (sample->slices - 1), most = .5 * s->field_um / slope;
    if (!(thickness <= most))
        SG_FAIL(
            SG_E_RANGE,
            "sample.slice_um: %g um for %d slices: light at NA %.3g walks %.4g um sideways, more than half the field "
            "of %g um; up to %.4g um would do",
            sample->slice_um, sample->slices, na + optics->na, thickness * slope, s->field_um,
            most / (sample->slices - 1));
    return SG_OK;
}

sg_status sg_scope_check_slices(const sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    if (!(c->sample.slices >= 1 && c->sample.slices <= SG_SLICE_MAX))
        SG_FAIL(SG_E_RANGE, "sample.slices: %d is outside 1..%d", c->sample.slices, SG_SLICE_MAX);
    if (!(c->sample.slice_um >= 1e-3 && c->sample.slice_um <= 1e4))
        SG_FAIL(SG_E_RANGE, "sample.slice_um: %g um is outside 0.001..10000", c->sample.slice_um);
    if (c->illumination.sampling == SG_LED_EXACT)
        SG_FAIL(SG_E_CONFIG, "illumination.sampling: slices need snap, plane waves that repeat on the grid");
    if (c->sample.background_rad > 0)
        SG_FAIL(SG_E_CONFIG, "sample.background_rad: slices have no background phase, it must be 0");
    return check_walk(s);
}
