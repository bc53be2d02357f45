/* scope_pupil.c - the pupil of a microscope: Zernike coefficients, defocus, NA, amplitude and phase per bin. */
#include "core/ops.h"
#include "physics/optics.h"
#include "physics/scope.h"

/* A map of one colour: each has its own, since its frequencies fall on other bins. values (colours, M, M): from a file;
 * NULL: `start`. */
static sg_value pupil_map(sg_graph *g, const sg_scope *s, int colour, const char *name, double start,
                          const double *values, const char *unit, sg_learn learn, sg_constraint constraint)
{
    const int m = s->size.image_px;
    const sg_value maps = sg_scope_param(g, name, SG_SHAPE(1, s->size.colours, m, m), start, values, unit, learn,
                                         constraint, 0, s->pupil.largest);
    return s->size.colours > 1 ? sg_slice(g, maps, colour, 1, 0, m) : maps;
}

sg_value sg_scope_pupil(sg_graph *g, const sg_scope *s, int plane, int colour, sg_value offset)
{
    const sg_optics_config *o = &s->config->optics;
    const int m = s->size.image_px, terms = o->zernike_count > 0 ? o->zernike_count : 1;
    const double none = 0, dispersion = sg_scope_dispersion(s, colour);
    const sg_pupil_grid grid = {m,
                                m,
                                1 / s->field_um,
                                1 / s->field_um,
                                s->colour[colour].wavelength_um,
                                o->medium_index,
                                o->edge,
                                o->planes_count > 0 ? o->planes_um[plane] : 0};
    sg_value zernike =
        sg_scope_param(g, "microscope.pupil.zernike", SG_SHAPE(1, 1, 1, terms), 0,
                       o->zernike_count > 0 ? o->zernike_rad : &none, "rad", o->learn_zernike, SG_FREE, 0, 0);
    if (dispersion < 1 || dispersion > 1) zernike = sg_combine(g, zernike, dispersion, SG_NONE, 0);
    const sg_value defocus =
        sg_scope_scalar(g, "microscope.pupil.defocus_um", o->defocus_um, "um", o->learn_defocus, SG_FREE, 0, 0);
    const sg_value na =
        sg_scope_scalar(g, "microscope.pupil.na", o->na, "1", o->learn_na, SG_BOX, .1 * o->na, s->na_max);
    sg_value amplitude = SG_NONE, phase = SG_NONE;
    if (s->pupil.amplitude || o->learn_amplitude.on)
        amplitude = pupil_map(g, s, colour, "microscope.pupil.amplitude", 1, s->pupil.amplitude, "1",
                              o->learn_amplitude, SG_BOX);
    if (s->pupil.phase || o->learn_phase.on)
        phase = pupil_map(g, s, colour, "microscope.pupil.phase", 0, s->pupil.phase, "rad", o->learn_phase, SG_FREE);
    phase = sg_scope_mask(g, s, colour, phase);
    return sg_pupil(g, zernike, defocus, na, amplitude, phase, offset, &grid);
}

/* Bins of the pupil that light can pass, on each side. */
int sg_scope_pupil_support(const sg_scope *s, int colour)
{
    const sg_microscope_config *c = s->config;
    const bool between = c->optics.edge == SG_EDGE_SMOOTH || c->illumination.sampling == SG_LED_EXACT;
    const int bins = (int)(s->na_max / s->colour[colour].wavelength_um * s->field_um * (1 + 1e-6)) + (between ? 2 : 0);
    return 2 * bins + 1 < s->size.image_px ? bins : 0;
}
