/* scope_check_psf.c - what a point spread function needs of the configuration, and whether it fits into the field. */
#include "physics/scope.h"

#include <math.h>

static sg_status check_choices(const sg_microscope_config *c)
{
    const bool incoherent = c->sample.kind == SG_SAMPLE_INCOHERENT;
    const bool between = c->sample.kind == SG_SAMPLE_COHERENT && c->illumination.sampling == SG_LED_EXACT;
    if (c->sample.depth_um > 0 && !(incoherent && c->optics.psf == SG_PSF_PUPIL))
        SG_FAIL(SG_E_CONFIG, "sample.depth_um: needs sample.kind incoherent and an optics.psf with depth: pupil");
    if (c->optics.mask != SG_MASK_NONE && between)
        SG_FAIL(SG_E_CONFIG, "optics.mask: needs illumination.sampling snap");
    return SG_OK;
}

/* Rays leave the pupil's edge by this much: defocus z by z tan(theta), the cubic mask by 3 alpha lambda/(2 pi NA). */
static double reach_um(const sg_microscope_config *c)
{
    const sg_optics_config *o = &c->optics;
    const double z = fabs(o->defocus_um) + c->sample.depth_um;
    const double cubic = o->mask == SG_MASK_CUBIC ? 3 * fabs(o->mask_rad) * o->wavelength_um / (2 * M_PI * o->na) : 0;
    return z * o->na / sqrt(o->medium_index * o->medium_index - o->na * o->na) + cubic;
}

sg_status sg_scope_check_psf(const sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    SG_TRY(check_choices(c));
    if (c->sample.kind != SG_SAMPLE_INCOHERENT || c->optics.psf != SG_PSF_PUPIL) return SG_OK;
    const double width = 2 * reach_um(c);
    if (!(width <= s->field_um))
        SG_FAIL(
            SG_E_RANGE,
            "optics.psf: %.4g um wide after defocus, depth and mask, wider than the field of %.4g um; sample.size_px "
            "%.0f would do",
            width, s->field_um, ceil(width / c->sample.pixel_um));
    return SG_OK;
}
