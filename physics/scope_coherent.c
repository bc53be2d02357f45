/* scope_coherent.c - coherent samples, and measured stacks of them, under the LEDs: intensity of each exposure, for
 * every focal plane and colour. */
#include "core/ops.h"
#include "physics/optics.h"
#include "physics/scope.h"

/* The phase at each wavelength, (n, colours, N, N): of the mean of all pictures, and of the background. */
static sg_value phase(sg_graph *g, const sg_scope *s, sg_value pictures, double phase_rad, double background_rad)
{
    const sg_sample_config *sample = &s->config->sample;
    double factor[SG_COLOUR_MAX];
    for (int c = 0; c < s->size.colours; c++) factor[c] = sg_scope_dispersion(s, c);
    return sg_sample_phase(g, pictures, phase_rad, background_rad, sample->correlation_um / sample->pixel_um,
                           s->size.colours, factor);
}

/* t of all wavelengths, (n, colours, N, N). */
static sg_value transmission(sg_graph *g, const sg_scope *s, sg_value in)
{
    const sg_sample_config *sample = &s->config->sample;
    const int n = s->size.sample_px;
    if (sample->kind == SG_SAMPLE_FIELD)
        return sg_transmission_polar(g, sg_slice(g, in, 0, 1, 0, n), phase(g, s, sg_slice(g, in, 1, 1, 0, n), 1, 0));
    const sg_value phi = phase(g, s, in, sample->phase_rad, sample->background_rad);
    if (sample->kind == SG_SAMPLE_COLOUR) return sg_transmission(g, sg_beer_lambert(g, in), phi);
    return sg_transmission(g, sg_combine(g, in, sample->absorption, SG_NONE, 0), phi);
}

/* The exposures of one focal plane at one wavelength. */
static sg_value colour_image(sg_graph *g, const sg_scope *s, sg_value spectrum, sg_value weight, int plane, int colour)
{
    const int n = s->size.sample_px, support = sg_scope_pupil_support(s, colour);
    const sg_value pupil = sg_scope_pupil(g, s, plane, colour, sg_scope_led_offset(g, s, colour));
    if (s->size.colours > 1) spectrum = sg_slice(g, spectrum, colour, 1, 0, n);
    return sg_led_image(g, spectrum, pupil, sg_scope_colour_rows(g, s, weight, colour), sg_scope_led_power(g, s),
                        s->size.leds, s->colour[colour].bin, support, support);
}

sg_value sg_scope_coherent(sg_graph *g, const sg_scope *s, sg_value sample, sg_microscope_stages *stages)
{
    const int colours = s->size.colours, count = s->size.planes * colours;
    sg_value image[SG_PLANE_MAX * SG_COLOUR_MAX];
    const sg_value t = transmission(g, s, sample), spectrum = sg_dft2(g, t), weight = sg_scope_led_weight(g, s);
    sg_scope_stage(stages, "transmission", t, "1", s->config->sample.pixel_um, "transmission of the sample");
    for (int i = 0; i < count; i++) image[i] = colour_image(g, s, spectrum, weight, i / colours, i % colours);
    return sg_scope_join(g, image, count);
}

/* Channel (plane colours + colour) K + k of the stack is LED k's picture. */
sg_value sg_scope_stack(sg_graph *g, const sg_scope *s, sg_value stack)
{
    const int colours = s->size.colours, count = s->size.planes * colours, leds = s->size.leds;
    sg_value image[SG_PLANE_MAX * SG_COLOUR_MAX];
    const sg_value weight = sg_scope_led_weight(g, s);
    for (int i = 0; i < count; i++) {
        const sg_value part = count > 1 ? sg_slice(g, stack, i * leds, leds, 0, s->size.sample_px) : stack;
        image[i] = sg_stack_image(g, part, sg_scope_colour_rows(g, s, weight, i % colours), sg_scope_led_power(g, s));
    }
    return sg_scope_join(g, image, count);
}
