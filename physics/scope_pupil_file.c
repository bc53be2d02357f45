/* scope_pupil_file.c - a measured pupil or a phase mask on the bins of the image grid (PHYSICS section 3: A measured
 * "per bin"). The file gives numbers on a square grid in NA, the axis at number px/2; the value of a bin is
 * interpolated bilinearly between the four numbers around it - of real and imaginary part, or of amplitude and phase,
 * whichever the file holds, so that phases are not unwrapped. Phases are those at wavelength_um; other colours scale
 * them. Where the file gives one number a bin, they are taken as they are. */
#include "core/memory.h"
#include "physics/scope.h"

#include <math.h>

enum { PUPIL_NUMBERS_MIN = 8 }; /* across the pupil */

/* NA from one number of the file to the next. */
static double table_pitch(const sg_scope *s, const sg_pupil_table *table)
{
    const sg_optics_config *o = &s->config->optics;
    return o->pupil_file_na > 0 ? o->pupil_file_na / (table->px / 2.0) : o->wavelength_um / s->field_um;
}

static sg_status check_table(const sg_scope *s, const sg_pupil_table *table)
{
    const sg_optics_config *o = &s->config->optics;
    const double pitch = table_pitch(s, table), reach = (table->px - table->px / 2 - 1) * pitch;
    if (table->pages > 2 || (table->is_complex && table->pages != 2))
        SG_FAIL(SG_E_SHAPE, "optics.pupil_file: %s has %d pages; phase, or amplitude and phase, or one complex page do",
                o->pupil_file, table->pages);
    if (!(s->na_max <= reach * (1 + 1e-6)))
        SG_FAIL(SG_E_RANGE,
                "optics.pupil_file: %s, %d x %d numbers %.4g NA apart, ends at NA %.4g, the pupil at %g; %s",
                o->pupil_file, table->px, table->px, pitch, reach, s->na_max,
                o->pupil_file_na > 0 ? "a larger optics.pupil_file_na would do, if it is true"
                                     : "optics.pupil_file_na says what it covers");
    if (!(2 * s->na_max >= PUPIL_NUMBERS_MIN * pitch))
        SG_FAIL(SG_E_RANGE, "optics.pupil_file: %s has %.3g numbers across the pupil of NA %g, at least %d are needed",
                o->pupil_file, 2 * s->na_max / pitch, s->na_max, PUPIL_NUMBERS_MIN);
    return SG_OK;
}

/* One page at (y, x) in numbers from its first one, inside it. */
static double bilinear(const float *page, int px, double y, double x)
{
    const int y0 = y >= px - 1 ? px - 2 : (int)y, x0 = x >= px - 1 ? px - 2 : (int)x;
    const double v = y - y0, u = x - x0;
    const float *at = page + (size_t)y0 * (size_t)px + x0;
    return (1 - v) * ((1 - u) * (double)at[0] + u * (double)at[1]) +
           v * ((1 - u) * (double)at[px] + u * (double)at[px + 1]);
}

/* Amplitude and phase of the bin at (f_y, f_x) cycles/um. */
static void table_at(double *amplitude, double *phase, const sg_pupil_table *table, double y, double x)
{
    const size_t page = (size_t)table->px * (size_t)table->px;
    const double first = bilinear(table->value, table->px, y, x);
    const double second = table->pages > 1 ? bilinear(table->value + page, table->px, y, x) : 0;
    *amplitude = table->is_complex ? hypot(first, second) : table->pages > 1 ? first : 1;
    *phase = table->is_complex ? atan2(second, first) : table->pages > 1 ? second : first;
}

/* The bins of one colour. Those beyond the file keep 1 and 0: the pupil's edge darkens them. */
static sg_status fill(sg_pupil_map *out, const sg_scope *s, const sg_pupil_table *table, int colour)
{
    const int m = s->size.image_px, centre = table->px / 2, last = table->px - 1;
    const double step = s->colour[colour].wavelength_um / s->field_um / table_pitch(s, table); /* numbers a bin */
    double *amplitude = out->amplitude + (size_t)colour * (size_t)m * (size_t)m;
    double *phase = out->phase + (size_t)colour * (size_t)m * (size_t)m;
    for (int i = 0; i < m * m; i++) {
        const int v = i / m < (m + 1) / 2 ? i / m : i / m - m, u = i % m < (m + 1) / 2 ? i % m : i % m - m;
        const double y = centre + v * step, x = centre + u * step;
        amplitude[i] = 1;
        phase[i] = 0;
        if (!(y >= 0 && y <= last && x >= 0 && x <= last)) continue;
        table_at(&amplitude[i], &phase[i], table, y, x);
        phase[i] *= sg_scope_dispersion(s, colour);
        if (!(amplitude[i] >= 0 && amplitude[i] <= 4))
            SG_FAIL(SG_E_RANGE, "optics.pupil_file: %s has an amplitude of %g, outside 0..4",
                    s->config->optics.pupil_file, amplitude[i]);
        if (amplitude[i] > out->largest) out->largest = amplitude[i];
    }
    return SG_OK;
}

sg_status sg_scope_pupil_file(sg_pupil_map *out, const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    const size_t bins = (size_t)s->size.colours * (size_t)s->size.image_px * (size_t)s->size.image_px;
    sg_pupil_table table = {0};
    sg_status status = SG_OK;
    *out = (sg_pupil_map){.largest = 1};
    if (!o->pupil_file[0]) return SG_OK;
    if (!s->config->read_pupil)
        SG_FAIL(SG_E_CONFIG, "optics.pupil_file: %s: this program reads no files of pupils", o->pupil_file);
    status = s->config->read_pupil(&table, o->pupil_file);
    if (status != SG_OK) return sg_error_set(status, "optics.pupil_file: %s", sg_error_text());
    SG_TRY_DONE(check_table(s, &table));
    SG_TRY_DONE(SG_ALLOC(&out->amplitude, bins, "measured pupil"));
    SG_TRY_DONE(SG_ALLOC(&out->phase, bins, "measured pupil"));
    for (int c = 0; c < s->size.colours; c++) SG_TRY_DONE(fill(out, s, &table, c));
done:
    sg_free(table.value);
    if (status != SG_OK) sg_scope_pupil_file_free(out);
    return status;
}

void sg_scope_pupil_file_free(sg_pupil_map *map)
{
    sg_free(map->amplitude);
    sg_free(map->phase);
    *map = (sg_pupil_map){0};
}
