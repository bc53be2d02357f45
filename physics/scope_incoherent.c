/* scope_incoherent.c - emission through a point spread function, and blur of the intensity whatever made it. */
#include "core/ops.h"
#include "physics/blur.h"
#include "physics/scope.h"

sg_value sg_scope_incoherent(sg_graph *g, const sg_scope *s, sg_value emission, sg_microscope_stages *stages)
{
    const int colours = s->size.colours, count = s->size.planes * colours;
    sg_value image[SG_PLANE_MAX * SG_COLOUR_MAX], spread[SG_PLANE_MAX * SG_COLOUR_MAX];
    const sg_value light = sg_scope_filtered(g, s, emission);
    const bool filtered = sg_value_shape(g, light).c > 1;
    if (s->spectra)
        sg_scope_stage(stages, "filtered", light, "1", s->field_um / s->size.image_px,
                       "emission of all dyes that each filter passes");
    for (int i = 0; i < count; i++) {
        const sg_value one = filtered ? sg_slice(g, light, i % colours, 1, 0, s->size.image_px) : light;
        spread[i] = sg_scope_psf(g, s, i / colours, i % colours, sg_value_shape(g, emission).n);
        image[i] = sg_blur(g, one, spread[i], s->config->optics.psf_edge);
    }
    sg_scope_stage(stages, "psf", sg_scope_join(g, spread, count), "1", s->field_um / s->size.image_px,
                   "point spread function, sum 1");
    return sg_scope_join(g, image, count);
}

sg_value sg_scope_extra_blur(sg_graph *g, const sg_scope *s, sg_value image)
{
    const sg_value psf = sg_scope_extra_psf(g, s);
    return psf.id < 0 ? image : sg_blur(g, image, psf, s->config->optics.psf_edge);
}
