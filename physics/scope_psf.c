/* scope_psf.c - the point spread functions of a microscope (PHYSICS section 4): optics.psf chooses the model. */
#include "core/ops.h"
#include "physics/psf.h"
#include "physics/scope.h"

#include <math.h>

static sg_value gaussian(sg_graph *g, const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    const sg_value sigma_um = sg_scope_scalar(g, "microscope.psf.sigma_um", o->psf_sigma_um, "um", o->learn_psf_sigma,
                                              SG_BOX, 0, s->field_um / 4);
    const sg_value sigma_px = sg_combine(g, sigma_um, s->size.image_px / s->field_um, SG_NONE, 0);
    return sg_psf_gaussian(g, sigma_px, s->size.image_px);
}

/* Square of the distance of place k from the middle of the field; 1 in its corners. */
static double distance2(int k, int grid)
{
    const double y = 2. * (k / grid) / (grid - 1) - 1, x = 2. * (k % grid) / (grid - 1) - 1;
    return (y * y + x * x) / 2;
}

/* One Gaussian for each place, sigma = sigma_middle + (sigma_edge - sigma_middle) distance2. */
static sg_value gaussians(sg_graph *g, const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    const double px = s->size.image_px / s->field_um;
    const sg_value middle_um = sg_scope_scalar(g, "microscope.psf.sigma_um", o->psf_sigma_um, "um", o->learn_psf_sigma,
                                               SG_BOX, 0, s->field_um / 4);
    const sg_value edge_um = sg_scope_scalar(g, "microscope.psf.sigma_edge_um", o->psf_sigma_edge_um, "um",
                                             (sg_learn){0}, SG_NON_NEGATIVE, 0, 0);
    sg_value psf[SG_FOCUS_MAX];
    for (int k = 0; k < o->psf_grid * o->psf_grid; k++) {
        const double d2 = distance2(k, o->psf_grid);
        const sg_value sigma_px = sg_combine(g, middle_um, (1 - d2) * px, edge_um, d2 * px);
        psf[k] = sg_psf_gaussian(g, sigma_px, s->size.image_px);
    }
    return sg_scope_join(g, psf, o->psf_grid * o->psf_grid);
}

/* Where the sample's planes, or the places of the field, lie as seen from a focal plane; at a depth of each sample's
 * own if asked. Planes of a volume follow each other along the light, so later ones lie nearer to the objective. */
static sg_focus focus_of(const sg_scope *s, double plane_um, int samples)
{
    const sg_microscope_config *c = s->config;
    const int grid = c->optics.psf_grid > 1 ? c->optics.psf_grid : 1,
              planes = c->sample.volume_planes > 1 ? c->sample.volume_planes : 1;
    sg_focus f = {.samples = c->sample.depth_um > 0 ? samples : 1, .count = grid * grid * planes};
    f.depth_um = c->sample.depth_um;
    for (int k = 0; k < f.count; k++) {
        f.plane_um[k] = plane_um + (grid > 1 ? c->optics.field_curvature_um * distance2(k, grid) : 0);
        if (grid == 1) f.plane_um[k] -= (k - .5 * (planes - 1)) * c->sample.slice_um;
    }
    return f;
}

static sg_value pupil(sg_graph *g, const sg_scope *s, int plane, int colour, int samples)
{
    const sg_focus focus = focus_of(s, 0, samples); /* the plane is in the pupil */
    sg_value p = sg_scope_pupil(g, s, plane, colour, SG_NONE);
    if (focus.depth_um > 0 || focus.count > 1)
        p = sg_pupil_defocus(g, p, &focus, 1 / s->field_um, s->colour[colour].wavelength_um,
                             s->config->optics.medium_index);
    return sg_psf_pupil(g, p, s->size.image_px);
}

/* Layers in sg_psf_layers; an immersion index by design of 0 is that of the medium. */
static sg_psf_layers layers_of(const sg_optics_config *o)
{
    return (sg_psf_layers){o->specimen_index,
                           o->coverslip_um,
                           o->coverslip_index,
                           o->coverslip_design_um,
                           o->coverslip_design_index,
                           o->immersion_um,
                           o->immersion_design_index > 0 ? o->immersion_design_index : o->medium_index};
}

sg_psf_round sg_scope_psf_round(const sg_scope *s, int colour)
{
    const sg_optics_config *o = &s->config->optics;
    const bool round =
        s->config->sample.kind == SG_SAMPLE_INCOHERENT && o->psf >= SG_PSF_AIRY && o->psf <= SG_PSF_VECTORIAL;
    return (sg_psf_round){.model = round ? (sg_psf_model)(o->psf - SG_PSF_AIRY) : SG_PSF_ROUND_VECTORIAL,
                          .wavelength_um = s->colour[colour].wavelength_um,
                          .pixel_um = s->field_um / s->size.image_px,
                          .na = o->na,
                          .index = o->medium_index,
                          .layers = layers_of(o)};
}

static sg_value radial(sg_graph *g, const sg_scope *s, int plane, int colour, int samples)
{
    const sg_optics_config *o = &s->config->optics;
    const sg_focus focus = focus_of(s, o->planes_count > 0 ? o->planes_um[plane] : 0, samples);
    const bool learn = o->learn_defocus.on || o->learn_specimen.on;
    double plane_most = 0;
    for (int k = 0; k < focus.count; k++) plane_most = fmax(plane_most, fabs(focus.plane_um[k]));
    const double reach = fabs(o->defocus_um) + plane_most + focus.depth_um + o->specimen_um;
    sg_psf_round optics = sg_scope_psf_round(s, colour);
    optics.reach_um = learn ? 2 * reach + 1 : reach;
    const sg_value defocus =
        sg_scope_scalar(g, "microscope.pupil.defocus_um", o->defocus_um, "um", o->learn_defocus, SG_FREE, 0, 0);
    const sg_value specimen = sg_scope_scalar(g, "microscope.psf.specimen_um", o->specimen_um, "um", o->learn_specimen,
                                              SG_NON_NEGATIVE, 0, 0);
    return sg_psf_radial(g, defocus, specimen, &optics, &focus, s->size.image_px);
}

sg_value sg_scope_psf(sg_graph *g, const sg_scope *s, int plane, int colour, int samples)
{
    switch (s->config->optics.psf) {
    case SG_PSF_GAUSSIAN: return s->config->optics.psf_grid > 1 ? gaussians(g, s) : gaussian(g, s);
    case SG_PSF_AIRY:
    case SG_PSF_BORN_WOLF:
    case SG_PSF_GIBSON_LANNI:
    case SG_PSF_VECTORIAL: return radial(g, s, plane, colour, samples);
    case SG_PSF_MEASURED:
    case SG_PSF_TAPS:
    case SG_PSF_KERNEL: return sg_scope_psf_table(g, s);
    case SG_PSF_PUPIL: break;
    }
    return pupil(g, s, plane, colour, samples);
}

/* psf gaussian and taps have used their sigma already. */
static bool is_psf(const sg_scope *s)
{
    const sg_psf_kind psf = s->config->optics.psf;
    return s->config->sample.kind == SG_SAMPLE_INCOHERENT && (psf == SG_PSF_GAUSSIAN || psf == SG_PSF_TAPS);
}

sg_value sg_scope_extra_psf(sg_graph *g, const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    return is_psf(s) || (!(o->psf_sigma_um > 0) && !o->learn_psf_sigma.on) ? SG_NONE : gaussian(g, s);
}
