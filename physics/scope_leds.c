/* scope_leds.c - pictures of a thin sample under single LEDs that come as data: the forward model of Fourier
 * ptychography and of the LED calibration. Pupil, image grid, blur and pixels are those of the microscope; see
 * microscope.h. */
#include "physics/optics.h"
#include "physics/scope.h"

static sg_value pose(sg_graph *g, const sg_scope *s, sg_value position, sg_value bins, const sg_led_pose_start *start)
{
    const sg_illumination_config *light = &s->config->illumination;
    const double shift_mm[2] = {start->shift_x_mm, start->shift_y_mm}, step = 1 / s->field_um,
                 bin_um_inv[2] = {step, step};
    const sg_value shift = sg_scope_param(g, "microscope.led.shift_mm", SG_SHAPE(1, 1, 1, 2), 0, shift_mm, "mm",
                                          start->learn, SG_FREE, 0, 0);
    const sg_value rotation =
        sg_scope_scalar(g, "microscope.led.rotation_deg", start->rotation_deg, "degree", start->learn, SG_FREE, 0, 0);
    const sg_value height = sg_scope_scalar(g, "microscope.led.height_mm", start->height_mm, "mm", start->learn_height,
                                            SG_BOX, .2 * start->height_mm, 5 * start->height_mm);
    return sg_led_pose(g, shift, rotation, height, position, bins, light->slide_mm, s->leds.slide_index,
                       s->config->optics.wavelength_um, bin_um_inv);
}

static sg_value images(sg_graph *g, const sg_scope *s, sg_value transmission, int count, const sg_led_pose_start *start)
{
    const int support = sg_scope_pupil_support(s, 0);
    const bool exact = s->config->illumination.sampling == SG_LED_EXACT;
    const sg_value weight = sg_input(g, "led.weight", SG_SHAPE(1, 1, count, count));
    const sg_value power = sg_input(g, "led.power", SG_SHAPE(1, 1, 1, count));
    const sg_value position = sg_input(g, "led.position_mm", SG_SHAPE(1, 1, count, 2));
    const sg_value bins = sg_input(g, "led.bin", SG_SHAPE(1, 1, count, 2));
    const sg_value pupil = sg_scope_pupil(g, s, 0, 0, exact ? pose(g, s, position, bins, start) : SG_NONE);
    const sg_value image = sg_led_image_at(g, sg_dft2(g, transmission), pupil, weight, power, bins, support, support);
    return sg_scope_pixels(g, s, sg_scope_extra_blur(g, s, image));
}

sg_value sg_microscope_leds(sg_graph *g, sg_value transmission, const sg_microscope_config *config, int count,
                            const sg_led_pose_start *start)
{
    sg_scope s;
    const sg_status status = sg_scope_open(&s, config);
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    sg_value out = SG_NONE;
    if (config->sample.kind != SG_SAMPLE_COHERENT)
        (void)sg_graph_fail(g, SG_E_CONFIG, "sample.kind: single LEDs need a coherent sample");
    else if (s.size.colours * s.size.planes != 1)
        (void)sg_graph_fail(g, SG_E_CONFIG, "optics.colours_um: single LEDs are pictured in one colour and one plane");
    else if (count < 1 || count > SG_EXPOSURE_MAX)
        (void)sg_graph_fail(g, SG_E_RANGE, "microscope: %d LEDs at a time are not 1..%d", count, SG_EXPOSURE_MAX);
    else
        out = images(g, &s, transmission, count, start);
    sg_scope_close(&s);
    return out;
}
