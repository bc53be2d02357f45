/* scope_coherent.c - coherent samples, and measured stacks of them, under the LEDs: intensity of each exposure. */
#include "physics/optics.h"
#include "physics/scope.h"

sg_value sg_scope_coherent(sg_graph *g, const sg_scope *s, sg_value picture, sg_microscope_stages *stages)
{
    const sg_sample_config *sample = &s->config->sample;
    const int support = sg_scope_pupil_support(s);
    const sg_value transmission = sg_coherent_sample(g, picture, sample->phase_rad, sample->absorption,
                                                     sample->background_rad, sample->correlation_um / sample->pixel_um);
    sg_scope_stage(stages, "transmission", transmission, "1", sample->pixel_um, "transmission of the sample");
    const sg_value pupil = sg_scope_pupil(g, s, sg_scope_led_offset(g, s));
    return sg_led_image(g, sg_dft2(g, transmission), pupil, sg_scope_led_weight(g, s), sg_scope_led_power(g, s),
                        s->size.leds, s->bin, support, support);
}

sg_value sg_scope_stack(sg_graph *g, const sg_scope *s, sg_value stack)
{
    return sg_stack_image(g, stack, sg_scope_led_weight(g, s), sg_scope_led_power(g, s));
}
