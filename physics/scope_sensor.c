/* scope_sensor.c - from light on the pixels to what the network sees: photons, noise, ADC, read-out. */
#include "physics/camera.h"
#include "physics/readout.h"
#include "physics/scope.h"

double sg_scope_range_e(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const bool shared = s->config->sample.kind != SG_SAMPLE_INCOHERENT && c->cfa == SG_CFA_NONE;
    const int shares = s->size.exposures * (shared ? s->size.colours : 1);
    const double gain_range_e = c->gain_e_per_adu * ((1 << c->bit_depth) - 1);
    if (gain_range_e > 0) return gain_range_e;
    if (c->range_e > 0) return c->range_e;
    return 2 * c->qe * sg_scope_photons(s) * sg_scope_pixel_gain(s) / shares * (c->em_gain > 0 ? c->em_gain : 1);
}

/* Electrons at full scale; for a SPAD array a count in every frame. */
static sg_value full_scale(sg_graph *g, const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    if (c->kind == SG_CAMERA_SPAD)
        return sg_scope_scalar(g, "camera.spad.frames", c->frames, "frames", (sg_learn){0}, SG_FREE, 0, 0);
    return sg_scope_scalar(g, "camera.adc.range_e", sg_scope_range_e(s), "e", c->learn_range, SG_BOX, 1e-3, 1e9);
}

/* The camera whose input is electrons already: nothing but the ADC is left to do. */
static sg_camera_attr adc_alone(sg_camera_attr attr)
{
    attr.electrons = 1;
    attr.dark_e = attr.read_noise_e = attr.full_well_e = attr.em_gain = 0;
    attr.shot = SG_SHOT_NONE;
    return attr;
}

/* All stages of the camera with the maps of its pixels, or the ADC alone behind electrons. */
static sg_value take(sg_graph *g, const sg_scope *s, sg_value in, sg_value full_scale_e, sg_camera_attr attr,
                     bool electrons)
{
    if (!electrons) return sg_scope_camera(g, s, in, full_scale_e, attr);
    const sg_camera_inputs alone = {in, full_scale_e, sg_scope_offset_adu(g, s), SG_NONE, SG_NONE, SG_NONE, SG_NONE};
    attr = adc_alone(attr);
    return sg_camera_with(g, &alone, &attr);
}

/* Detectors behind masks make their picture from numbers that are scaled, but not yet standardised. */
static sg_value read_out(sg_graph *g, const sg_scope *s, sg_value adu, sg_value full_scale_e)
{
    sg_camera_config c = s->config->camera;
    if (c.kind == SG_CAMERA_SPAD) c.bit_depth = 0; /* counts are shares of the frames */
    if (c.detectors == 0)
        return sg_readout_with(g, adu, full_scale_e, sg_scope_offset_adu(g, s), &c, s->size.exposures);
    const bool standard = c.normalise == SG_NORMALISE_STANDARD;
    c.normalise = SG_NORMALISE_RANGE;
    const sg_value picture = sg_scope_detector_picture(
        g, s, sg_readout_with(g, adu, full_scale_e, sg_scope_offset_adu(g, s), &c, s->size.exposures));
    return standard ? sg_standardise(g, picture, 1e-6) : picture;
}

sg_value sg_scope_sensor(sg_graph *g, const sg_scope *s, sg_value in, bool electrons, bool want_electrons,
                         sg_microscope_stages *stages)
{
    const sg_camera_config *camera = &s->config->camera;
    const double photons = sg_scope_photons(s), pitch_um = sg_scope_sensor_pitch_um(s),
                 output_um = s->size.output_pitch_um;
    const sg_value full_scale_e = full_scale(g, s);
    sg_camera_attr adc = sg_camera_attr_make(camera, photons, true),
                   analogue = sg_camera_attr_make(camera, photons, false);
    adc.dark_e *= sg_scope_binned_on_chip(s), analogue.dark_e *= sg_scope_binned_on_chip(s);
    if (camera->kind == SG_CAMERA_SPAD) analogue.stop_after = SG_CAMERA_MEAN; /* photons fire it one by one */
    const bool apart = sg_scope_adc_apart(camera), build = !electrons && (apart || want_electrons);
    const sg_value e = build ? take(g, s, in, full_scale_e, analogue, false) : in;
    if (electrons || want_electrons)
        sg_scope_stage(stages, "electrons", e, "electron", pitch_um,
                       camera->kind == SG_CAMERA_SPAD ? "mean photoelectrons"
                                                      : "photoelectrons with shot and read noise, before the ADC");
    const sg_value codes = apart ? sg_scope_adc(g, s, e, full_scale_e) : take(g, s, in, full_scale_e, adc, electrons);
    const sg_value adu = sg_scope_pixels_adu(g, s, codes);
    sg_scope_stage(stages, "adu", adu, "ADU", camera->detectors > 0 ? 0 : output_um, "camera values");
    const sg_value channels = read_out(g, s, adu, full_scale_e);
    sg_scope_stage(stages, "channels", channels, "1", output_um, "what the network sees");
    return channels;
}
