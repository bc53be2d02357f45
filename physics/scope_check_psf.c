/* scope_check_psf.c - what a point spread function needs of the configuration, and whether it fits into the field. */
#include "physics/scope.h"

#include <math.h>

static sg_status check_choices(const sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    const sg_optics_config *o = &c->optics;
    const bool incoherent = c->sample.kind == SG_SAMPLE_INCOHERENT, pupil = o->psf == SG_PSF_PUPIL;
    const bool between = sg_scope_is_thin(s) && c->illumination.sampling == SG_LED_EXACT;
    const bool deep = pupil || (o->psf >= SG_PSF_BORN_WOLF && o->psf <= SG_PSF_VECTORIAL);
    const struct rule {
        bool broken;
        const char *text;
    } rules[] = {
        {c->sample.depth_um > 0 && !incoherent, "sample.depth_um: needs sample.kind incoherent"},
        {incoherent && c->sample.depth_um > 0 && !deep,
         "sample.depth_um: this optics.psf has no depth; pupil, born_wolf, gibson_lanni or vectorial would do"},
        {o->mask != SG_MASK_NONE && between, "optics.mask: needs illumination.sampling snap"},
        {incoherent && !pupil && o->mask != SG_MASK_NONE, "optics.mask: needs optics.psf pupil"},
        {incoherent && !pupil && (o->learn_zernike.on || o->learn_phase.on || o->learn_amplitude.on || o->learn_na.on),
         "optics.psf: only pupil has zernike_rad, na, phase and amplitude that learn"},
        {incoherent && !pupil && !deep && o->learn_defocus.on, "optics.defocus_um: this optics.psf has none to learn"},
        {incoherent && o->learn_taps.on && o->psf != SG_PSF_TAPS, "optics.learn_taps: needs optics.psf taps"},
        {incoherent && !pupil && !deep && o->planes_count > 1, "optics.planes_um: this optics.psf has no depth"},
        {o->psf_grid > 1 && c->sample.volume_planes > 1, "optics.psf_grid: a volume has one PSF for the whole field"},
        {(o->psf_grid > 1 || c->sample.volume_planes > 1) && !(incoherent && deep),
         "optics.psf_grid, sample.volume_planes: need an incoherent sample and an optics.psf with depth"},
        {incoherent && o->learn_specimen.on && o->psf != SG_PSF_GIBSON_LANNI,
         "optics.specimen_um: learning needs optics.psf gibson_lanni"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) SG_FAIL(SG_E_CONFIG, "%s", rules[i].text);
    return SG_OK;
}

/* Gibson-Lanni: light at the pupil's edge must reach every layer. */
static sg_status check_layers(const sg_optics_config *o)
{
    const struct layer {
        const char *key;
        double index;
    } layers[] = {
        {"optics.specimen_index", o->specimen_index},
        {"optics.coverslip_index", o->coverslip_index},
        {"optics.coverslip_design_index", o->coverslip_design_index},
        {"optics.immersion_design_index", o->immersion_design_index > 0 ? o->immersion_design_index : o->medium_index},
    };
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        if (!(layers[i].index > o->na && layers[i].index <= 4))
            SG_FAIL(SG_E_RANGE, "%s: %g must be above the NA of %g, and at most 4", layers[i].key, layers[i].index,
                    o->na);
    return SG_OK;
}

/* Width by rays from the pupil's edge: defocus z spreads them by z tan(theta) to all sides, the cubic mask by up to
 * 3 alpha lambda/(2 pi NA) to one. */
static double width_um(const sg_microscope_config *c)
{
    const sg_optics_config *o = &c->optics;
    double plane = fabs(o->defocus_um);
    for (int p = 0; p < o->planes_count; p++) plane = fmax(plane, fabs(o->defocus_um + o->planes_um[p]));
    const double volume = c->sample.volume_planes > 1 ? .5 * (c->sample.volume_planes - 1) * c->sample.slice_um : 0;
    const double curved = o->psf_grid > 1 ? fabs(o->field_curvature_um) : 0;
    const double z = plane + c->sample.depth_um + volume + curved;
    const double cubic = o->mask == SG_MASK_CUBIC ? 3 * fabs(o->mask_rad) * o->wavelength_um / (2 * M_PI * o->na) : 0;
    return 2 * z * o->na / sqrt(o->medium_index * o->medium_index - o->na * o->na) + cubic;
}

sg_status sg_scope_check_psf(const sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    SG_TRY(check_choices(s));
    if (c->sample.kind != SG_SAMPLE_INCOHERENT) return SG_OK;
    if (c->optics.psf == SG_PSF_GIBSON_LANNI) SG_TRY(check_layers(&c->optics));
    const bool deep = c->optics.psf >= SG_PSF_BORN_WOLF && c->optics.psf <= SG_PSF_VECTORIAL;
    if (c->optics.psf != SG_PSF_PUPIL && !deep) return SG_OK;
    const double width = width_um(c);
    if (!(width <= s->field_um))
        SG_FAIL(
            SG_E_RANGE,
            "optics.psf: %.4g um wide after defocus, depth and mask, wider than the field of %.4g um; sample.size_px "
            "%.0f would do",
            width, s->field_um, ceil(width / c->sample.pixel_um - 1e-6));
    return SG_OK;
}
