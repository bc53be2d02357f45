/* scope_incoherent.c - emission through a point spread function, and blur of the intensity whatever made it. */
#include "physics/blur.h"
#include "physics/scope.h"

sg_value sg_scope_incoherent(sg_graph *g, const sg_scope *s, sg_value emission, sg_microscope_stages *stages)
{
    const sg_value psf = sg_scope_psf(g, s, sg_value_shape(g, emission).n);
    sg_scope_stage(stages, "psf", psf, "1", s->field_um / s->size.image_px, "point spread function, sum 1");
    return sg_blur(g, emission, psf, s->config->optics.psf_edge);
}

sg_value sg_scope_extra_blur(sg_graph *g, const sg_scope *s, sg_value image)
{
    const sg_value psf = sg_scope_extra_psf(g, s);
    return psf.id < 0 ? image : sg_blur(g, image, psf, s->config->optics.psf_edge);
}
