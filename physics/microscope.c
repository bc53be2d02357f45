/* microscope.c - see microscope.h: the physical layer as one composition.
 *     sample -> scope_coherent.c (LEDs: scope_light.c, pupil: scope_pupil.c) or scope_incoherent.c (PSF)
 *            -> scope_pixels.c -> scope_sensor.c (camera, ADC, read-out)
 * scope_check.c decides beforehand what is possible. */
#include "physics/microscope.h"

#include "core/ops.h"
#include "physics/scope.h"

#include <string.h>

sg_status sg_microscope_check(sg_microscope_size *out, const sg_microscope_config *config)
{
    sg_scope s;
    SG_TRY(sg_scope_open(&s, config));
    *out = s.size;
    sg_scope_close(&s);
    return SG_OK;
}

/* A number, or a table of `values`, that learns if asked. */
sg_value sg_scope_param(sg_graph *g, const char *name, sg_shape shape, double constant, const double *values,
                        const char *unit, sg_learn learn, sg_constraint constraint, double lo, double hi)
{
    const sg_param_spec spec = {.init = values ? SG_INIT_VALUES : SG_INIT_CONSTANT,
                                .init_a = constant,
                                .values = values,
                                .lr = learn.lr,
                                .constraint = constraint,
                                .lo = lo,
                                .hi = hi,
                                .frozen = !learn.on,
                                .unit = unit};
    return sg_param(g, name, shape, &spec);
}

bool sg_scope_is_thin(const sg_scope *s)
{
    const sg_sample_kind kind = s->config->sample.kind;
    return kind == SG_SAMPLE_COHERENT || kind == SG_SAMPLE_COLOUR || kind == SG_SAMPLE_FIELD;
}

double sg_scope_dispersion(const sg_scope *s, int colour)
{
    return s->config->optics.wavelength_um / s->colour[colour].wavelength_um;
}

sg_value sg_scope_colour_rows(sg_graph *g, const sg_scope *s, sg_value weight, int colour)
{
    const int rows = s->size.exposures;
    return s->size.colours > 1 ? sg_slice(g, weight, 0, 1, colour * rows, rows) : weight;
}

/* Halves, so that a picture is copied log2(count) times. */
sg_value sg_scope_join(sg_graph *g, const sg_value *pictures, int count)
{
    const int half = count / 2;
    if (count == 1) return pictures[0];
    return sg_concat(g, sg_scope_join(g, pictures, half), sg_scope_join(g, pictures + half, count - half));
}

sg_value sg_scope_scalar(sg_graph *g, const char *name, double value, const char *unit, sg_learn learn,
                         sg_constraint constraint, double lo, double hi)
{
    return sg_scope_param(g, name, SG_SHAPE(1, 1, 1, 1), value, NULL, unit, learn, constraint, lo, hi);
}

const char *const sg_entry_name[SG_ENTRY_COUNT] = {"sample", "image", "pixels", "electrons"};

sg_shape sg_entry_shape(const sg_microscope_size *size, sg_entry_stage entry, int n)
{
    const int h[SG_ENTRY_COUNT] = {size->sample_px, size->image_px, size->sensor_h, size->sensor_h};
    const int w[SG_ENTRY_COUNT] = {size->sample_px, size->image_px, size->sensor_w, size->sensor_w};
    const int channels[SG_ENTRY_COUNT] = {size->sample_channels, size->light_frames, size->frames, size->frames};
    return SG_SHAPE(n, channels[entry], h[entry], w[entry]);
}

static sg_status check_entry(const sg_scope *s, sg_entry_stage entry, sg_shape in)
{
    const sg_shape want = sg_entry_shape(&s->size, entry, in.n);
    if (!sg_shape_equal(in, want))
        SG_FAIL(SG_E_SHAPE, "microscope: the %s is (%d,%d,%d,%d), not (n,%d,%d,%d)", sg_entry_name[entry], in.n, in.c,
                in.h, in.w, want.c, want.h, want.w);
    return SG_OK;
}

void sg_scope_stage(sg_microscope_stages *stages, const char *name, sg_value value, const char *unit, double pixel_um,
                    const char *long_name)
{
    if (value.id < 0 || stages->count >= SG_STAGE_MAX) return;
    stages->list[stages->count++] = (sg_stage){name, unit, long_name, pixel_um, value};
}

sg_value sg_stage_value(const sg_microscope_stages *stages, const char *name)
{
    for (int i = 0; i < stages->count; i++)
        if (strcmp(stages->list[i].name, name) == 0) return stages->list[i].value;
    return SG_NONE;
}

static sg_value light(sg_graph *g, const sg_scope *s, sg_value sample, sg_microscope_stages *stages)
{
    switch (s->config->sample.kind) {
    case SG_SAMPLE_COHERENT:
    case SG_SAMPLE_COLOUR:
    case SG_SAMPLE_FIELD: return sg_scope_coherent(g, s, sample, stages);
    case SG_SAMPLE_STACK: return sg_scope_stack(g, s, sample);
    case SG_SAMPLE_SLICES: return sg_scope_slices(g, s, sample, stages);
    case SG_SAMPLE_INCOHERENT: break;
    }
    return sg_scope_incoherent(g, s, sample, stages);
}

static sg_value compose(sg_graph *g, const sg_scope *s, sg_entry_stage entry, sg_value value, bool want_electrons,
                        sg_microscope_stages *stages)
{
    const double image_um = s->field_um / s->size.image_px, pixel_um = sg_scope_sensor_pitch_um(s);
    if (entry == SG_ENTRY_SAMPLE) {
        sg_scope_stage(stages, "sample", value, "1", s->config->sample.pixel_um, "what enters the microscope");
        value = light(g, s, value, stages);
    }
    if (entry <= SG_ENTRY_IMAGE) {
        sg_scope_stage(stages, "image", value, "1", image_um,
                       "intensity, 1 = empty field with all light inside the pupil");
        value = sg_scope_pixels(g, s, sg_scope_extra_blur(g, s, value));
    }
    if (entry <= SG_ENTRY_PIXELS)
        sg_scope_stage(stages, "pixels", value, "1", pixel_um,
                       "light on each pixel that is read, 1 = all of an open pixel");
    return sg_scope_sensor(g, s, value, entry == SG_ENTRY_ELECTRONS, want_electrons, stages);
}

sg_value sg_microscope_from(sg_graph *g, sg_entry_stage entry, sg_value value, const sg_microscope_config *config,
                            bool want_electrons, sg_microscope_stages *out)
{
    sg_scope s;
    sg_microscope_stages stages = {.count = 0};
    sg_status status = g ? sg_graph_status(g) : SG_OK;
    if (out) *out = stages;
    if (status != SG_OK) return SG_NONE;
    status = sg_scope_open(&s, config);
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    status = check_entry(&s, entry, sg_value_shape(g, value));
    const sg_value channels = status == SG_OK ? compose(g, &s, entry, value, want_electrons, &stages)
                                              : sg_graph_fail(g, status, "%s", sg_error_text());
    sg_scope_close(&s);
    if (out) *out = stages;
    return channels;
}

sg_value sg_microscope(sg_graph *g, sg_value sample, const sg_microscope_config *config, bool want_electrons,
                       sg_microscope_stages *out)
{
    return sg_microscope_from(g, SG_ENTRY_SAMPLE, sample, config, want_electrons, out);
}
