/* scope_incoherent.c - emission through a point spread function, and blur of the intensity whatever made it. */
#include "core/ops.h"
#include "physics/blur.h"
#include "physics/psf.h"
#include "physics/scope.h"

sg_value sg_scope_incoherent(sg_graph *g, const sg_scope *s, sg_value emission, sg_microscope_stages *stages)
{
    const sg_value psf = sg_psf_pupil(g, sg_scope_pupil(g, s, SG_NONE), s->size.image_px);
    sg_scope_stage(stages, "psf", psf, "1", s->field_um / s->size.image_px, "point spread function, sum 1");
    return sg_blur(g, emission, psf, SG_EDGE_PERIODIC);
}

sg_value sg_scope_extra_blur(sg_graph *g, const sg_scope *s, sg_value image)
{
    const sg_optics_config *o = &s->config->optics;
    if (!(o->psf_sigma_um > 0) && !o->learn_psf_sigma.on) return image;
    const double pixels_per_um = s->size.image_px / s->field_um;
    const sg_value sigma_um =
        sg_scope_scalar(g, "microscope.psf.sigma_um", o->psf_sigma_um, "um", o->learn_psf_sigma, SG_NON_NEGATIVE, 0, 0);
    const sg_value sigma_px = sg_combine(g, sigma_um, pixels_per_um, SG_NONE, 0);
    return sg_blur(g, image, sg_psf_gaussian(g, sigma_px, s->size.image_px), SG_EDGE_PERIODIC);
}
