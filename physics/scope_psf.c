/* scope_psf.c - the point spread functions of a microscope (PHYSICS section 4): optics.psf chooses the model. */
#include "core/ops.h"
#include "physics/psf.h"
#include "physics/scope.h"

static sg_value gaussian(sg_graph *g, const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    const sg_value sigma_um =
        sg_scope_scalar(g, "microscope.psf.sigma_um", o->psf_sigma_um, "um", o->learn_psf_sigma, SG_NON_NEGATIVE, 0, 0);
    const sg_value sigma_px = sg_combine(g, sigma_um, s->size.image_px / s->field_um, SG_NONE, 0);
    return sg_psf_gaussian(g, sigma_px, s->size.image_px);
}

/* |IDFT P|^2, of the sample's planes and at the depth of each sample. */
static sg_value pupil(sg_graph *g, const sg_scope *s, int plane, int colour, int samples)
{
    const sg_microscope_config *c = &s->config[0];
    const bool deep = c->sample.depth_um > 0;
    const sg_focus focus = {.samples = deep ? samples : 1, .count = 1, .depth_um = c->sample.depth_um};
    sg_value p = sg_scope_pupil(g, s, plane, colour, SG_NONE);
    if (deep)
        p = sg_pupil_defocus(g, p, &focus, 1 / s->field_um, s->colour[colour].wavelength_um, c->optics.medium_index);
    return sg_psf_pupil(g, p, s->size.image_px);
}

sg_value sg_scope_psf(sg_graph *g, const sg_scope *s, int plane, int colour, int samples)
{
    return s->config->optics.psf == SG_PSF_GAUSSIAN ? gaussian(g, s) : pupil(g, s, plane, colour, samples);
}

/* psf gaussian has its sigma already. */
static bool is_psf(const sg_scope *s)
{
    return s->config->sample.kind == SG_SAMPLE_INCOHERENT && s->config->optics.psf == SG_PSF_GAUSSIAN;
}

sg_value sg_scope_extra_psf(sg_graph *g, const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    return is_psf(s) || (!(o->psf_sigma_um > 0) && !o->learn_psf_sigma.on) ? SG_NONE : gaussian(g, s);
}
