/* scope_sensor.c - from light on the pixels to what the network sees: photons, noise, ADC, read-out. */
#include "physics/camera.h"
#include "physics/readout.h"
#include "physics/scope.h"

static sg_value range_e(sg_graph *g, const sg_scope *s, double photons)
{
    const sg_camera_config *c = &s->config->camera;
    const double start = c->range_e > 0 ? c->range_e : 2 * c->qe * photons / s->size.exposures;
    return sg_scope_scalar(g, "camera.adc.range_e", start, "e", c->learn_range, SG_BOX, 1e-3, 1e9);
}

/* The camera whose input is electrons already: nothing but the ADC is left to do. */
static sg_camera_attr adc_alone(sg_camera_attr attr)
{
    attr.electrons = 1;
    attr.dark_e = attr.read_noise_e = attr.full_well_e = 0;
    attr.shot = SG_SHOT_NONE;
    return attr;
}

sg_value sg_scope_sensor(sg_graph *g, const sg_scope *s, sg_value in, bool electrons, bool want_electrons,
                         sg_microscope_stages *stages)
{
    const sg_camera_config *camera = &s->config->camera;
    const double photons = sg_scope_photons(s), pitch_um = s->size.camera_pitch_um;
    const sg_value full_scale_e = range_e(g, s, photons);
    sg_camera_attr adc = sg_camera_attr_make(camera, photons, true),
                   analogue = sg_camera_attr_make(camera, photons, false);
    if (electrons) adc = adc_alone(adc);
    if (electrons || want_electrons)
        sg_scope_stage(stages, "electrons", electrons ? in : sg_camera(g, in, full_scale_e, &analogue), "electron",
                       pitch_um, "photoelectrons with shot and read noise, before the ADC");
    const sg_value adu = sg_camera(g, in, full_scale_e, &adc);
    sg_scope_stage(stages, "adu", adu, "ADU", pitch_um, "camera values");
    const sg_value channels = sg_readout(g, adu, full_scale_e, camera);
    sg_scope_stage(stages, "channels", channels, "1", pitch_um, "what the network sees");
    return channels;
}
