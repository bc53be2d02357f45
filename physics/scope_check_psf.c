/* scope_check_psf.c - what a point spread function needs of the configuration, and whether it fits into the field. */
#include "physics/psf_integral.h"
#include "physics/scope.h"

#include <math.h>

static sg_status check_choices(const sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    const sg_optics_config *o = &c->optics;
    const bool incoherent = c->sample.kind == SG_SAMPLE_INCOHERENT, pupil = o->psf == SG_PSF_PUPIL;
    const bool between = sg_scope_is_thin(s) && c->illumination.sampling == SG_LED_EXACT;
    const bool deep = pupil || (o->psf >= SG_PSF_BORN_WOLF && o->psf <= SG_PSF_VECTORIAL);
    const bool places = deep || o->psf == SG_PSF_MEASURED || o->psf == SG_PSF_GAUSSIAN;
    const bool learns = o->learn_zernike.on || o->learn_phase.on || o->learn_amplitude.on || o->learn_na.on ||
                        o->learn_defocus.on || o->learn_specimen.on || o->learn_mask.on ||
                        (o->psf == SG_PSF_GAUSSIAN && o->learn_psf_sigma.on);
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
        {c->sample.volume_planes > 1 && !(incoherent && deep),
         "sample.volume_planes: needs an incoherent sample and an optics.psf with depth"},
        {o->psf_grid > 1 && !(incoherent && places),
         "optics.psf_grid: needs an incoherent sample and an optics.psf with depth, measured or gaussian"},
        {o->psf_grid > 1 && o->psf == SG_PSF_GAUSSIAN && !(o->psf_sigma_edge_um > 0),
         "optics.psf_grid: psf gaussian needs optics.psf_sigma_edge_um"},
        {o->psf_sigma_edge_um > 0 && !(incoherent && o->psf == SG_PSF_GAUSSIAN && o->psf_grid > 1),
         "optics.psf_sigma_edge_um: needs an incoherent sample, optics.psf gaussian and psf_grid above 1"},
        {o->psf_modes > 0 && o->psf_grid < 2, "optics.psf_modes: needs optics.psf_grid above 1"},
        {o->psf_modes > 0 && learns, "optics.psf_modes: eigen-PSFs are fixed, nothing that shapes the PSF can learn"},
        {o->psf_modes > 0 && c->sample.depth_um > 0,
         "optics.psf_modes: eigen-PSFs are fixed, sample.depth_um must be 0"},
        {incoherent && o->learn_specimen.on && o->psf != SG_PSF_GIBSON_LANNI,
         "optics.specimen_um: learning needs optics.psf gibson_lanni"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) SG_FAIL(SG_E_CONFIG, "%s", rules[i].text);
    if (o->psf_modes > o->psf_grid * o->psf_grid && o->psf_modes > 0)
        SG_FAIL(SG_E_RANGE, "optics.psf_modes: %d of %d x %d places, %d are the most", o->psf_modes, o->psf_grid,
                o->psf_grid, o->psf_grid * o->psf_grid);
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

/* Width by rays from the pupil: defocus z and the layers of Gibson and Lanni spread them to all sides, the cubic mask
 * by up to 3 alpha lambda/(2 pi NA) to one. In focus: across the first zero of the Airy pattern. */
static double width_um(const sg_scope *s)
{
    const sg_sample_config *sample = &s->config->sample;
    const sg_optics_config *o = &s->config->optics;
    const sg_psf_round round = sg_scope_psf_round(s, 0);
    const double volume = sample->volume_planes > 1 ? .5 * (sample->volume_planes - 1) * sample->slice_um : 0;
    const double depth = sample->depth_um + volume + (o->psf_grid > 1 ? fabs(o->field_curvature_um) : 0);
    const double cubic = o->mask == SG_MASK_CUBIC ? 3 * fabs(o->mask_rad) * o->wavelength_um / (2 * M_PI * o->na) : 0;
    double rays = 0, airy = 0;
    for (int p = 0; p < s->size.planes; p++) {
        const double z = o->defocus_um + (o->planes_count > 0 ? o->planes_um[p] : 0);
        rays = fmax(rays, sg_psf_rays_um(&round, z - depth, o->specimen_um));
        rays = fmax(rays, sg_psf_rays_um(&round, z + depth, o->specimen_um));
    }
    for (int c = 0; c < s->size.colours; c++) airy = fmax(airy, 1.21967 * s->colour[c].wavelength_um / o->na);
    return fmax(2 * rays + cubic, airy);
}

static sg_status check_width(const sg_scope *s, const char *key, const char *why, double width)
{
    if (!(width <= s->field_um))
        SG_FAIL(SG_E_RANGE,
                "%s: the point spread function is %.4g um wide%s, wider than the field of %.4g um; sample.size_px %.0f "
                "would do",
                key, width, why, s->field_um, ceil(width / s->config->sample.pixel_um - 1e-6));
    return SG_OK;
}

sg_status sg_scope_check_psf(const sg_scope *s)
{
    const sg_microscope_config *c = s->config;
    const sg_optics_config *o = &c->optics;
    const bool incoherent = c->sample.kind == SG_SAMPLE_INCOHERENT, taps = incoherent && o->psf == SG_PSF_TAPS;
    const bool lens = incoherent ? o->psf == SG_PSF_PUPIL || (o->psf >= SG_PSF_AIRY && o->psf <= SG_PSF_VECTORIAL)
                                 : c->sample.kind != SG_SAMPLE_STACK;
    SG_TRY(check_choices(s));
    if (incoherent && o->psf == SG_PSF_GIBSON_LANNI) SG_TRY(check_layers(o));
    if (!taps) SG_TRY(check_width(s, "optics.psf_sigma_um", " (4 sigma)", 4 * o->psf_sigma_um));
    if (!lens) return SG_OK;
    return check_width(s, incoherent ? "optics.psf" : "optics.na", " with its defocus, layers and mask", width_um(s));
}
