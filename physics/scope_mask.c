/* scope_mask.c - a phase mask in the pupil: the cubic one, exp(i alpha (x^3 + y^3)), x and y from -1 to 1 across the
 * pupil, blurs all planes alike (Dowski & Cathey, Appl. Opt. 34, 1859 (1995), eq. (5)). */
#include "core/memory.h"
#include "core/ops.h"
#include "physics/modulate.h"
#include "physics/scope.h"

/* x^3 + y^3 in DFT order, beyond the pupil too: a smooth edge, or one that learns, lets part of those bins through. */
static void cubic(double *out, const sg_scope *s, int colour)
{
    const int m = s->size.image_px;
    const double step = s->colour[colour].wavelength_um / (s->config->optics.na * s->field_um);
    for (int i = 0; i < m * m; i++) {
        const int row = i / m, column = i % m;
        const double y = (2 * row > m - 1 ? row - m : row) * step,
                     x = (2 * column > m - 1 ? column - m : column) * step;
        out[i] = x * x * x + y * y * y;
    }
}

sg_value sg_scope_mask(sg_graph *g, const sg_scope *s, int colour, sg_value phase)
{
    const sg_optics_config *o = &s->config->optics;
    const int m = s->size.image_px, colours = s->size.colours;
    const size_t len = (size_t)m * (size_t)m;
    double *shape = NULL;
    if (o->mask == SG_MASK_NONE) return phase;
    const sg_status status = SG_ALLOC(&shape, len * (size_t)colours, "phase mask");
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    for (int c = 0; c < colours; c++) cubic(shape + (size_t)c * len, s, c);
    const sg_value maps = sg_scope_param(g, "microscope.mask.shape", SG_SHAPE(1, colours, m, m), 0, shape, "1",
                                         (sg_learn){0}, SG_FREE, 0, 0);
    const sg_value strength =
        sg_scope_scalar(g, "microscope.mask.strength_rad", o->mask_rad, "rad", o->learn_mask, SG_FREE, 0, 0);
    sg_free(shape);
    const sg_value map = colours > 1 ? sg_slice(g, maps, colour, 1, 0, m) : maps;
    const sg_value mask = sg_modulate(g, map, sg_combine(g, strength, sg_scope_dispersion(s, colour), SG_NONE, 0));
    return phase.id < 0 ? mask : sg_combine(g, phase, 1, mask, 1);
}
