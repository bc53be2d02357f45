/* scope_incoherent.c - emission through point spread functions, y = sum_m h_m (*) (a_m x), and blur of the intensity
 * whatever made it. The sum runs over the planes of a volume (a_m x its pictures), or over places of the field: a_m >=
 * 0 is the bilinear weight of place m, and they sum to 1 everywhere; or over eigen-PSFs (scope_psf_modes.c). */
#include "core/ops.h"
#include "physics/blur.h"
#include "physics/modulate.h"
#include "physics/optics.h"
#include "physics/scope.h"

/* Sum over the channels. */
static sg_value sum_of(sg_graph *g, sg_value x)
{
    const int channels = sg_value_shape(g, x).c;
    if (channels <= 1) return x;
    const sg_value ones = sg_scope_param(g, "microscope.psf.sum", SG_SHAPE(1, 1, 1, channels), 1, NULL, "1",
                                         (sg_learn){0}, SG_FREE, 0, 0);
    return sg_stack_image(g, x, ones, ones);
}

sg_value sg_scope_incoherent(sg_graph *g, const sg_scope *s, sg_value emission, sg_microscope_stages *stages)
{
    const int colours = s->size.colours, count = s->size.planes * colours, grid = s->config->optics.psf_grid;
    const int samples = sg_value_shape(g, emission).n;
    sg_value image[SG_PLANE_MAX * SG_COLOUR_MAX], spread[SG_PLANE_MAX * SG_COLOUR_MAX];
    const sg_value light = sg_scope_filtered(g, s, emission);
    const bool filtered = s->spectra && sg_value_shape(g, light).c > 1;
    const sg_value places = grid > 1 ? sg_scope_place_weights(g, s) : SG_NONE;
    const sg_value modes = s->psf_share ? sg_scope_modes(g, s) : SG_NONE;
    if (s->spectra)
        sg_scope_stage(stages, "filtered", light, "1", s->field_um / s->size.image_px,
                       "emission of all dyes that each filter passes");
    for (int i = 0; i < count; i++) {
        sg_value one = filtered ? sg_slice(g, light, i % colours, 1, 0, s->size.image_px) : light;
        if (grid > 1) one = sg_modulate(g, one, sg_scope_modes_of(g, s, places, i));
        spread[i] =
            s->psf_share ? sg_scope_modes_of(g, s, modes, i) : sg_scope_psf(g, s, i / colours, i % colours, samples);
        image[i] = sum_of(g, sg_blur(g, one, spread[i], s->config->optics.psf_edge));
    }
    sg_scope_stage(stages, "psf", sg_scope_join(g, spread, count), "1", s->field_um / s->size.image_px,
                   s->psf_share ? "eigen-PSFs of the field" : "point spread function, sum 1");
    return sg_scope_join(g, image, count);
}

sg_value sg_scope_extra_blur(sg_graph *g, const sg_scope *s, sg_value image)
{
    const sg_value psf = sg_scope_extra_psf(g, s);
    return psf.id < 0 ? image : sg_blur(g, image, psf, s->config->optics.psf_edge);
}
