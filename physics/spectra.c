/* spectra.c - see spectra.h. */
#include "physics/spectra.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Emission peak and full width at half maximum, rounded, nm: proteins from FPbase (Lambert, Nat. Methods 16, 277
 * (2019)), DAPI on DNA and Cy5 from their suppliers' spectra. Real spectra have a longer red tail: give
 * sample.spectra_csv where crosstalk matters. */
static const struct {
    const char *name;
    double peak_nm, width_nm;
} built_in[] = {{"DAPI", 461, 90}, {"EGFP", 507, 35}, {"mOrange2", 565, 45}, {"mCherry", 610, 55}, {"Cy5", 666, 40}};
enum { BUILT_IN = sizeof built_in / sizeof *built_in, LINE = 4096 };

/* ---- densities ---- */

double sg_spectra_peak_um(const sg_spectra *s, int dye)
{
    int best = 0;
    for (int i = 1; i < s->points; i++)
        if (s->density[dye][i] > s->density[dye][best]) best = i;
    return s->wavelength_um[best];
}

/* Trapezoids, clipped to lo..hi. */
double sg_spectra_part(const sg_spectra *s, int dye, double lo_um, double hi_um)
{
    const double *x = s->wavelength_um, *y = s->density[dye];
    double sum = 0;
    for (int i = 1; i < s->points; i++) {
        const double a = lo_um > x[i - 1] ? lo_um : x[i - 1], b = hi_um < x[i] ? hi_um : x[i];
        const double slope = (y[i] - y[i - 1]) / (x[i] - x[i - 1]);
        if (b > a) sum += (b - a) * (y[i - 1] + slope * ((a + b) / 2 - x[i - 1]));
    }
    return sum;
}

static sg_status normalise(sg_spectra *s, const char *where)
{
    for (int f = 0; f < s->dyes; f++) {
        const double area = sg_spectra_part(s, f, s->wavelength_um[0], s->wavelength_um[s->points - 1]);
        if (!(area > 0)) SG_FAIL(SG_E_FORMAT, "%s: the spectrum of %s is empty", where, s->name[f]);
        for (int i = 0; i < s->points; i++) s->density[f][i] /= area;
    }
    return SG_OK;
}

/* ---- the built-in dyes: .3 to .81 um in steps of 1 nm ---- */

static sg_status add_built_in(sg_spectra *s, const char *name)
{
    for (int k = 0; k < BUILT_IN; k++) {
        if (strcmp(built_in[k].name, name) != 0) continue;
        const double sigma = built_in[k].width_nm / 2.354820045030949;
        for (int i = 0; i < s->points; i++) {
            const double z = (1e3 * s->wavelength_um[i] - built_in[k].peak_nm) / sigma;
            s->density[s->dyes][i] = exp(-z * z / 2);
        }
        (void)snprintf(s->name[s->dyes++], SG_DYE_NAME_MAX, "%s", name);
        return SG_OK;
    }
    SG_FAIL(SG_E_CONFIG,
            "sample.dyes: '%s' is none of DAPI, EGFP, mOrange2, mCherry, Cy5; sample.spectra_csv adds others", name);
}

/* ---- a table ---- */

static sg_status add_number(double *out, const char *text, const char *path, int line)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= 0 && *out < HUGE_VAL))
        SG_FAIL(SG_E_FORMAT, "%s:%d: '%.30s' is no number from 0", path, line, text);
    return SG_OK;
}

static sg_status read_names(sg_spectra *s, char *text, const char *path)
{
    char *rest = NULL;
    const char *first = strtok_r(text, ",\r\n", &rest);
    if (!first || strcmp(first, "wavelength_um") != 0)
        SG_FAIL(SG_E_FORMAT, "%s:1: the first column must be wavelength_um", path);
    for (const char *name; (name = strtok_r(NULL, ",\r\n", &rest)); s->dyes++) {
        if (s->dyes == SG_DYE_MAX) SG_FAIL(SG_E_FORMAT, "%s:1: more than %d dyes", path, SG_DYE_MAX);
        (void)snprintf(s->name[s->dyes], SG_DYE_NAME_MAX, "%s", name + strspn(name, " "));
    }
    return s->dyes ? SG_OK : sg_error_set(SG_E_FORMAT, "%s:1: no dye beside wavelength_um", path);
}

static sg_status read_row(sg_spectra *s, char *text, const char *path, int line)
{
    char *rest = NULL;
    const char *field = strtok_r(text, ",\r\n", &rest);
    const int at = s->points;
    if (!field) return SG_OK; /* an empty line */
    if (at == SG_SPECTRUM_MAX) SG_FAIL(SG_E_FORMAT, "%s:%d: more than %d wavelengths", path, line, SG_SPECTRUM_MAX);
    SG_TRY(add_number(&s->wavelength_um[at], field, path, line));
    if (at > 0 && !(s->wavelength_um[at] > s->wavelength_um[at - 1]))
        SG_FAIL(SG_E_FORMAT, "%s:%d: %g um follows %g um, wavelengths must rise", path, line, s->wavelength_um[at],
                s->wavelength_um[at - 1]);
    for (int f = 0; f < s->dyes; f++) {
        field = strtok_r(NULL, ",\r\n", &rest);
        if (!field) SG_FAIL(SG_E_FORMAT, "%s:%d: %d numbers, %d dyes", path, line, f, s->dyes);
        SG_TRY(add_number(&s->density[f][at], field, path, line));
    }
    s->points++;
    return SG_OK;
}

static sg_status read_table(sg_spectra *s, const char *path)
{
    char text[LINE];
    sg_status status = SG_OK;
    FILE *file = fopen(path, "r");
    if (!file) SG_FAIL(SG_E_IO, "%s: cannot be opened", path);
    for (int line = 1; status == SG_OK && fgets(text, LINE, file); line++)
        status = line == 1 ? read_names(s, text, path) : read_row(s, text, path, line);
    if (status == SG_OK && s->points < 2) status = sg_error_set(SG_E_FORMAT, "%s: fewer than 2 wavelengths", path);
    (void)fclose(file);
    return status;
}

/* ---- choosing ---- */

static sg_status add_from(sg_spectra *s, const sg_spectra *table, const char *name, const char *path)
{
    for (int f = 0; f < table->dyes; f++) {
        if (strcmp(table->name[f], name) != 0) continue;
        memcpy(s->density[s->dyes], table->density[f], sizeof table->density[f]);
        memcpy(s->name[s->dyes++], table->name[f], SG_DYE_NAME_MAX);
        return SG_OK;
    }
    SG_FAIL(SG_E_CONFIG, "sample.dyes: '%s' is no column of %s", name, path);
}

sg_status sg_spectra_make(sg_spectra *out, const char *names, const char *csv)
{
    sg_spectra table = {.dyes = 0};
    char text[SG_DYE_MAX * SG_DYE_NAME_MAX + 1], *rest = NULL;
    *out = (sg_spectra){.points = SG_SPECTRUM_MAX};
    for (int i = 0; i < SG_SPECTRUM_MAX; i++) out->wavelength_um[i] = .3 + .001 * i;
    if (csv[0]) SG_TRY(read_table(&table, csv));
    if (csv[0] && !names[strspn(names, " ")]) *out = table;
    if (csv[0]) out->points = table.points, memcpy(out->wavelength_um, table.wavelength_um, sizeof table.wavelength_um);
    (void)snprintf(text, sizeof text, "%s", names);
    for (char *name = strtok_r(text, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        if (out->dyes == SG_DYE_MAX) SG_FAIL(SG_E_CONFIG, "sample.dyes: more than %d dyes", SG_DYE_MAX);
        SG_TRY(csv[0] ? add_from(out, &table, name, csv) : add_built_in(out, name));
    }
    return normalise(out, csv[0] ? csv : "sample.dyes");
}
