/* run_hardware.c - what the hardware of a run became: the group /learned of results.h5. */
#include "core/memory.h"
#include "physics/led_array.h"
#include "pipeline/light.h"
#include "pipeline/run_parts.h"

#include <string.h>

enum { PATH_BYTES = 160 };

/* Large tables that are drawn or computed when they do not learn; the configuration says all about them. */
static bool left_out(const sg_param_info *p)
{
    static const char *const tables[] = {"camera.map.", "microscope.psf.taps"};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (p->spec.frozen && strncmp(p->name, tables[i], strlen(tables[i])) == 0) return true;
    return false;
}

/* The last dimensions of (c, h, w), one a letter of the row's axes. */
static sg_status write_parameter(sg_results *out, const sg_param_info *p, const char *path, const sg_schema_row *row)
{
    const int dims[3] = {p->shape.c, p->shape.h, p->shape.w}, rank = (int)strlen(row->axes);
    if (rank == 0) return sg_results_put_number(out, path, (double)p->value[0]);
    return sg_results_put(out, path, dims + 3 - rank, p->value);
}

/* The parameters of the hardware that the table has; `before`: only those that learn, as "_initial". */
static sg_status write_parameters(sg_results *out, const sg_model *model, bool before)
{
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        char path[PATH_BYTES];
        if (strncmp(p->name, "microscope.", 11) != 0 && strncmp(p->name, "camera.", 7) != 0) continue;
        sg_schema_learned(path, sizeof path, p->name);
        const sg_schema_row *row = sg_schema_find(path, NULL);
        if (row == NULL || left_out(p) || (before && p->spec.frozen)) continue;
        if (before) strcat(path, "_initial");
        SG_TRY(write_parameter(out, p, path, row));
    }
    return SG_OK;
}

/* Initial values come from a new model of the same seed: they depend on seed and name alone. */
static sg_status write_initial(sg_results *out, const sg_run_summary *run)
{
    sg_model *initial = NULL;
    sg_program program = {0};
    sg_status status = sg_model_new(&initial, run->config->train.seed);
    if (status == SG_OK) status = sg_program_make(&program, run->config, initial, 1, SG_PROGRAM_EVALUATE, NULL);
    if (status == SG_OK) status = write_parameters(out, initial, true);
    sg_program_free(&program);
    sg_model_free(initial);
    return status;
}

/* What the array shows of the weights, where it has levels. */
static sg_status write_levels(sg_results *out, const sg_run_summary *run)
{
    sg_light light;
    const sg_microscope_config *c = &run->config->microscope;
    if (c->illumination.levels == SG_LEVELS_CONTINUOUS || c->sample.kind == SG_SAMPLE_INCOHERENT) return SG_OK;
    sg_status status = sg_light_read(&light, run->config, run->model);
    const int dims[2] = {light.colours * light.exposures, light.leds};
    if (status == SG_OK) status = sg_results_put(out, "/learned/led_weight_shown", dims, light.weight);
    sg_light_free(&light);
    return status;
}

static sg_status write_directions(sg_results *out, const sg_led_array *leds)
{
    const int dims[2] = {leds->count, 2};
    const size_t count = (size_t)leds->count;
    float *na = NULL;
    double *xy = NULL; /* all s_x, then all s_y */
    sg_status status = SG_ALLOC(&na, 2 * count, "results");
    if (status == SG_OK) status = SG_ALLOC(&xy, 2 * count, "results");
    for (size_t k = 0; status == SG_OK && k < count; k++) {
        na[2 * k] = (float)(xy[k] = leds->led[k].s_x);
        na[2 * k + 1] = (float)(xy[count + k] = leds->led[k].s_y);
    }
    if (status == SG_OK) status = sg_results_put(out, "/axes/led_na_x", dims, xy);
    if (status == SG_OK) status = sg_results_put(out, "/axes/led_na_y", dims, xy + count);
    if (status == SG_OK) status = sg_results_put(out, "/learned/led_na", dims, na);
    sg_free(xy);
    sg_free(na);
    return status;
}

static sg_status write_led_axes(sg_results *out, const sg_run_summary *run)
{
    sg_led_array leds;
    const sg_microscope_config *c = &run->config->microscope;
    const double field_um = c->sample.size_px * c->sample.pixel_um;
    if (run->program->size.leds < 1) return SG_OK;
    SG_TRY(sg_led_array_make(&leds, &c->illumination, c->optics.wavelength_um, field_um));
    const sg_status status = write_directions(out, &leds);
    sg_led_array_free(&leds);
    return status;
}

static sg_status write_noll(sg_results *out, const sg_model *model)
{
    int32_t noll[SG_ZERNIKE_MAX];
    const sg_param_info *p = sg_model_find(model, "microscope.pupil.zernike");
    if (p == NULL || p->len > SG_ZERNIKE_MAX) return SG_OK;
    const int count = (int)p->len;
    for (int j = 0; j < count; j++) noll[j] = j + 1;
    return sg_results_put(out, "/axes/noll", &count, noll);
}

sg_status sg_run_hardware_write(sg_results *out, const sg_run_summary *run)
{
    SG_TRY(write_led_axes(out, run));
    SG_TRY(write_noll(out, run->model));
    SG_TRY(write_parameters(out, run->model, false));
    SG_TRY(write_initial(out, run));
    return write_levels(out, run);
}
