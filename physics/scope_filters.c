/* scope_filters.c - fluorophores behind emission filters: what each filter passes of each dye, and what that needs of
 * the configuration. Filter c stands at optics.colours_um[c], where the point spread function is taken, too. */
#include "core/memory.h"
#include "physics/scope.h"
#include "physics/spectra.h"

/* Every dye and every filter must take part in some light: this much of a dye's emission. */
static const double least = 1e-3;

static double width_um(const sg_scope *s, int colour)
{
    const sg_optics_config *o = &s->config->optics;
    return o->filter_width_um[o->filter_width_count == 1 ? 0 : colour];
}

/* The larger part of what passes: of one dye through any filter, or through one filter of any dye. */
static double most(const sg_scope *s, int dye, int colour)
{
    double best = 0;
    for (int c = 0; c < s->size.colours; c++)
        for (int f = 0; f < s->spectra->dyes; f++) {
            const double centre = s->colour[c].wavelength_um, half = width_um(s, c) / 2;
            const double part = sg_spectra_part(s->spectra, f, centre - half, centre + half);
            if ((dye < 0 || f == dye) && (colour < 0 || c == colour) && part > best) best = part;
        }
    return best;
}

static sg_status check_overlap(const sg_scope *s)
{
    const double first = s->colour[0].wavelength_um, half = width_um(s, 0) / 2;
    for (int f = 0; f < s->spectra->dyes; f++)
        if (!(most(s, f, -1) >= least))
            SG_FAIL(
                SG_E_CONFIG,
                "sample.dyes: %s emits around %.4g um, where no filter passes %g of it (the first one: %.4g..%.4g um)",
                s->spectra->name[f], sg_spectra_peak_um(s->spectra, f), least, first - half, first + half);
    for (int c = 0; c < s->size.colours; c++) {
        const double centre = s->colour[c].wavelength_um, reach = width_um(s, c) / 2;
        if (!(most(s, -1, c) >= least))
            SG_FAIL(
                SG_E_CONFIG,
                "optics.filter_width_um: filter %d, %.4g..%.4g um, passes less than %g of every dye; %s emits around "
                "%.4g um",
                c + 1, centre - reach, centre + reach, least, s->spectra->name[0], sg_spectra_peak_um(s->spectra, 0));
    }
    return SG_OK;
}

static sg_status check_widths(const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    if (o->filter_width_count != 1 && o->filter_width_count != s->size.colours)
        SG_FAIL(SG_E_CONFIG, "optics.filter_width_um: %d widths; sample.dyes need 1, or one for each of %d colours",
                o->filter_width_count, s->size.colours);
    for (int c = 0; c < o->filter_width_count; c++)
        if (!(o->filter_width_um[c] > 0 && o->filter_width_um[c] <= 10))
            SG_FAIL(SG_E_RANGE, "optics.filter_width_um: %g um is outside 0..10", o->filter_width_um[c]);
    return SG_OK;
}

sg_status sg_scope_open_filters(sg_scope *s)
{
    const sg_sample_config *sample = &s->config->sample;
    const bool wanted = sample->dyes[0] || sample->spectra_csv[0];
    if (!wanted && s->config->optics.filter_width_count > 0)
        SG_FAIL(SG_E_CONFIG, "optics.filter_width_um: filters need spectra, sample.dyes or sample.spectra_csv");
    if (!wanted) return SG_OK;
    if (sample->kind != SG_SAMPLE_INCOHERENT)
        SG_FAIL(SG_E_CONFIG, "sample.dyes: only an incoherent sample emits light of its own");
    SG_TRY(check_widths(s));
    SG_TRY(SG_ALLOC(&s->spectra, 1, "spectra"));
    SG_TRY(sg_spectra_make(s->spectra, sample->dyes, sample->spectra_csv));
    return check_overlap(s);
}

sg_value sg_scope_filtered(sg_graph *g, const sg_scope *s, sg_value emission)
{
    const int colours = s->size.colours;
    double centre[SG_COLOUR_MAX], width[SG_COLOUR_MAX];
    if (!s->spectra) return emission;
    for (int c = 0; c < colours; c++) centre[c] = s->colour[c].wavelength_um, width[c] = width_um(s, c);
    const sg_shape row = SG_SHAPE(1, 1, 1, colours);
    const sg_learn learn = s->config->optics.learn_filter;
    const sg_value centre_um =
        sg_scope_param(g, "microscope.filter.centre_um", row, 0, centre, "um", learn, SG_BOX,
                       s->spectra->wavelength_um[0], s->spectra->wavelength_um[s->spectra->points - 1]);
    const sg_value um = sg_scope_param(g, "microscope.filter.width_um", row, 0, width, "um", learn, SG_BOX, 1e-3, 10);
    return sg_mix(g, emission, sg_filter(g, centre_um, um, s->spectra));
}
