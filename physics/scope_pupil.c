/* scope_pupil.c - the pupil of a microscope: Zernike coefficients, defocus, NA, amplitude and phase per bin. */
#include "physics/optics.h"
#include "physics/scope.h"

sg_value sg_scope_pupil(sg_graph *g, const sg_scope *s, sg_value offset)
{
    const sg_optics_config *o = &s->config->optics;
    const int m = s->size.image_px, terms = o->zernike_count > 0 ? o->zernike_count : 1;
    const sg_pupil_grid grid = {m, m, 1 / s->field_um, 1 / s->field_um, o->wavelength_um, o->medium_index, o->edge};
    const sg_shape map = SG_SHAPE(1, 1, m, m);
    const double none = 0;
    const sg_value zernike =
        sg_scope_param(g, "microscope.pupil.zernike", SG_SHAPE(1, 1, 1, terms), 0,
                       o->zernike_count > 0 ? o->zernike_rad : &none, "rad", o->learn_zernike, SG_FREE, 0, 0);
    const sg_value defocus =
        sg_scope_scalar(g, "microscope.pupil.defocus_um", o->defocus_um, "um", o->learn_defocus, SG_FREE, 0, 0);
    const sg_value na =
        sg_scope_scalar(g, "microscope.pupil.na", o->na, "1", o->learn_na, SG_BOX, .1 * o->na, s->na_max);
    sg_value amplitude = SG_NONE, phase = SG_NONE;
    if (o->learn_amplitude.on)
        amplitude =
            sg_scope_param(g, "microscope.pupil.amplitude", map, 1, NULL, "1", o->learn_amplitude, SG_BOX, 0, 1);
    if (o->learn_phase.on)
        phase = sg_scope_param(g, "microscope.pupil.phase", map, 0, NULL, "rad", o->learn_phase, SG_FREE, 0, 0);
    phase = sg_scope_mask(g, s, phase);
    return sg_pupil(g, zernike, defocus, na, amplitude, phase, offset, &grid);
}

/* Bins of the pupil that light can pass, on each side. */
int sg_scope_pupil_support(const sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    const bool between = c->optics.edge == SG_EDGE_SMOOTH || c->illumination.sampling == SG_LED_EXACT;
    const int bins = (int)(s->na_max / c->optics.wavelength_um * s->field_um * (1 + 1e-6)) + (between ? 2 : 0);
    return 2 * bins + 1 < s->size.image_px ? bins : 0;
}
