/* led_array.c - see led_array.h. */
#include "physics/led_array.h"

#include "core/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- geometry of the light ---- */

/* s = sin(theta) of light from distance l, by Newton's method on height s/sqrt(1 - s^2) + slide s/sqrt(n^2 - s^2) = l,
 * which is convex in s > 0: from the right it converges without a step across. *slope = ds/dl. */
static double sine(double l, double height, double slide, double index, double *slope)
{
    double s = l / sqrt(l * l + height * height);
    for (int i = 0; i < 64; i++) {
        const double air = 1 - s * s, glass = index * index - s * s;
        const double value = height * s / sqrt(air) + slide * s / sqrt(glass) - l;
        *slope = 1 / (height / (air * sqrt(air)) + slide * index * index / (glass * sqrt(glass)));
        const double next = s - value * *slope;
        if (!(fabs(next - s) > 1e-16)) break;
        s = next;
    }
    return s;
}

void sg_led_direction(double s[2], double ds[2][2], double x_mm, double y_mm, double height_mm, double slide_mm,
                      double slide_index)
{
    const double p[2] = {x_mm, y_mm}, l = sqrt(x_mm * x_mm + y_mm * y_mm);
    double slope;
    const double value = sine(l, height_mm, slide_mm, slide_index, &slope);
    const double ratio = l > 0 ? value / l : slope;            /* s = -ratio(l) p */
    const double bend = l > 0 ? (slope - ratio) / (l * l) : 0; /* d ratio/dp_b = bend p_b */
    for (int a = 0; a < 2; a++) {
        s[a] = -ratio * p[a];
        for (int b = 0; ds && b < 2; b++) ds[a][b] = -(a == b ? ratio : 0) - bend * p[a] * p[b];
    }
}

/* Where an LED of direction s stands, without a slide. */
static void led_from_na(sg_led *led, double s_x, double s_y, double height_mm)
{
    const double axial = sqrt(1 - s_x * s_x - s_y * s_y);
    *led = (sg_led){
        .x_mm = -s_x / axial * height_mm, .y_mm = -s_y / axial * height_mm, .s_x = s_x, .s_y = s_y, .power = 1};
}

/* `x`, `y`: mm, or -s where the geometry gives NA (an LED at +x shines towards -x). */
static sg_status led_place(sg_led *led, const sg_led_array *array, bool na, double x, double y, const char *what)
{
    if (!na) {
        double s[2];
        sg_led_direction(s, NULL, x, y, array->height_mm, array->slide_mm, array->slide_index);
        *led = (sg_led){.x_mm = x, .y_mm = y, .s_x = s[0], .s_y = s[1], .power = 1};
        return SG_OK;
    }
    if (!(x * x + y * y < 1))
        SG_FAIL(SG_E_RANGE, "%s: an LED has illumination NA %.4g, which must be below 1", what, sqrt(x * x + y * y));
    led_from_na(led, -x, -y, array->height_mm);
    return SG_OK;
}

/* ---- geometries ---- */

static sg_status array_alloc(sg_led_array *array, long count, const char *what)
{
    if (count < 1 || count > SG_LED_MAX) SG_FAIL(SG_E_RANGE, "%s: %ld LEDs are not 1..%d", what, count, SG_LED_MAX);
    array->count = (int)count;
    return SG_ALLOC(&array->led, (size_t)count, "LEDs");
}

static sg_status array_grid(sg_led_array *array, const sg_illumination_config *config)
{
    const bool na = config->pitch_na > 0;
    const double pitch = na ? config->pitch_na : config->pitch_mm;
    if (config->rows < 1 || config->columns < 1)
        SG_FAIL(SG_E_RANGE, "illumination.rows: a grid of %d x %d LEDs has none", config->rows, config->columns);
    SG_TRY(array_alloc(array, (long)config->rows * config->columns, "illumination.rows"));
    for (int k = 0; k < array->count; k++) {
        const double x = (k % config->columns - .5 * (config->columns - 1)) * pitch;
        const double y = (k / config->columns - .5 * (config->rows - 1)) * pitch;
        SG_TRY(led_place(&array->led[k], array, na, x, y, "illumination.pitch_na"));
    }
    return SG_OK;
}

static sg_status array_rings(sg_led_array *array, const sg_illumination_config *config)
{
    const bool na = config->pitch_na > 0;
    const double pitch = na ? config->pitch_na : config->pitch_mm;
    const long rings = config->rings;
    if (rings < 0 || rings > SG_LED_MAX) SG_FAIL(SG_E_RANGE, "illumination.rings: %ld is negative or too many", rings);
    SG_TRY(array_alloc(array, 1 + 3 * rings * (rings + 1), "illumination.rings"));
    int k = 0;
    for (int r = 0; r <= rings; r++)
        for (int i = 0; i < (r ? 6 * r : 1); i++, k++) {
            const double angle = r ? 2 * PI * i / (6 * r) : 0;
            SG_TRY(led_place(&array->led[k], array, na, r * pitch * cos(angle), r * pitch * sin(angle),
                             "illumination.pitch_na"));
        }
    return SG_OK;
}

/* ---- CSV ---- */

enum { CSV_LINE = 4096, CSV_FIELDS = 64 };

typedef struct csv {
    FILE *file;
    const char *path;
    int line;
    char text[CSV_LINE];
    char *field[CSV_FIELDS];
    int fields;
} csv;

static char *trimmed(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    size_t len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1])) text[--len] = 0;
    return text;
}

static sg_status csv_open(csv *c, const char *path)
{
    *c = (csv){.file = fopen(path, "r"), .path = path};
    if (!c->file) SG_FAIL(SG_E_IO, "%s: cannot be opened", path);
    return SG_OK;
}

/* Splits the next line that is not empty; *end at the end of the file. */
static sg_status csv_next(csv *c, bool *end)
{
    char *text;
    do {
        *end = !fgets(c->text, CSV_LINE, c->file);
        if (*end) return ferror(c->file) ? sg_error_set(SG_E_IO, "%s: cannot be read", c->path) : SG_OK;
        c->line++;
        if (!strchr(c->text, '\n') && !feof(c->file))
            SG_FAIL(SG_E_FORMAT, "%s:%d: the line is longer than %d bytes", c->path, c->line, CSV_LINE - 1);
        text = trimmed(c->text);
    } while (!*text);
    for (c->fields = 0; text; c->fields++) {
        if (c->fields == CSV_FIELDS) SG_FAIL(SG_E_FORMAT, "%s:%d: more than %d columns", c->path, c->line, CSV_FIELDS);
        char *comma = strchr(text, ',');
        if (comma) *comma = 0;
        c->field[c->fields] = trimmed(text);
        text = comma ? comma + 1 : NULL;
    }
    return SG_OK;
}

static bool is_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && isfinite(*out);
}

static sg_status csv_number(double *out, const csv *c, int field)
{
    if (field >= c->fields)
        SG_FAIL(SG_E_FORMAT, "%s:%d: %d columns, column %d is missing", c->path, c->line, c->fields, field + 1);
    if (!is_number(c->field[field], out))
        SG_FAIL(SG_E_FORMAT, "%s:%d: '%s' in column %d is not a number", c->path, c->line, c->field[field], field + 1);
    return SG_OK;
}

static int csv_column(const csv *c, const char *name)
{
    for (int i = 0; i < c->fields; i++)
        if (!strcmp(c->field[i], name)) return i;
    return -1;
}

typedef struct led_columns {
    int x, y, power;
    bool na;
} led_columns;

static sg_status csv_led_columns(led_columns *out, const csv *c, bool end)
{
    *out = (led_columns){-1, -1, -1, false};
    if (!end) *out = (led_columns){csv_column(c, "x_mm"), csv_column(c, "y_mm"), csv_column(c, "power"), false};
    if (!end && (out->x < 0 || out->y < 0))
        *out = (led_columns){csv_column(c, "na_x"), csv_column(c, "na_y"), csv_column(c, "power"), true};
    if (out->x < 0 || out->y < 0) SG_FAIL(SG_E_FORMAT, "%s:1: the header has neither x_mm,y_mm nor na_x,na_y", c->path);
    return SG_OK;
}

static sg_status csv_led(sg_led *led, const sg_led_array *array, const led_columns *column, const csv *c)
{
    double x, y, power = 1;
    SG_TRY(csv_number(&x, c, column->x));
    SG_TRY(csv_number(&y, c, column->y));
    if (column->power >= 0) SG_TRY(csv_number(&power, c, column->power));
    if (!(power >= 0)) SG_FAIL(SG_E_FORMAT, "%s:%d: power %g is negative", c->path, c->line, power);
    const double sign = column->na ? -1 : 1; /* the columns hold s itself */
    const sg_status status = led_place(led, array, column->na, sign * x, sign * y, c->path);
    if (status != SG_OK) return sg_error_prefix(status, "line %d", c->line);
    led->power = power;
    return SG_OK;
}

static sg_status array_csv(sg_led_array *array, const char *path)
{
    csv c;
    bool end;
    led_columns column;
    sg_status status = SG_OK;
    SG_TRY(csv_open(&c, path));
    SG_TRY_DONE(SG_ALLOC(&array->led, SG_LED_MAX, "LEDs"));
    SG_TRY_DONE(csv_next(&c, &end));
    SG_TRY_DONE(csv_led_columns(&column, &c, end));
    if (column.na) array->slide_mm = 0;
    for (;;) {
        SG_TRY_DONE(csv_next(&c, &end));
        if (end) break;
        if (array->count == SG_LED_MAX) SG_FAIL_DONE(SG_E_RANGE, "%s:%d: more than %d LEDs", path, c.line, SG_LED_MAX);
        SG_TRY_DONE(csv_led(&array->led[array->count], array, &column, &c));
        array->count++;
    }
    if (!array->count) SG_FAIL_DONE(SG_E_FORMAT, "%s: no LED below the header", path);
done:
    fclose(c.file);
    return status;
}

/* ---- the array ---- */

static sg_status array_place(sg_led_array *array, const sg_illumination_config *config)
{
    const bool na = config->geometry != SG_LED_CSV && config->pitch_na > 0;
    *array = (sg_led_array){
        .height_mm = config->height_mm, .slide_mm = config->slide_mm, .slide_index = config->slide_index};
    if (na) array->slide_mm = 0;
    if (!(array->slide_mm >= 0)) SG_FAIL(SG_E_RANGE, "illumination.slide_mm: %g is negative", array->slide_mm);
    if (!(array->slide_mm > 0)) array->slide_index = 1; /* no slide */
    if (!(array->slide_index >= 1 && array->slide_index <= 4))
        SG_FAIL(SG_E_RANGE, "illumination.slide_index: %g is outside 1..4", array->slide_index);
    if (!(array->height_mm > 0) && (na || config->geometry == SG_LED_CSV)) array->height_mm = 1;
    if (!(array->height_mm > 0)) SG_FAIL(SG_E_RANGE, "illumination.height_mm: %g must be positive", array->height_mm);
    if (config->geometry != SG_LED_CSV && !na && !(config->pitch_mm > 0))
        SG_FAIL(SG_E_RANGE, "illumination.pitch_mm: %g must be positive (or give pitch_na)", config->pitch_mm);
    if (config->geometry == SG_LED_CSV) return array_csv(array, config->csv);
    return config->geometry == SG_LED_RINGS ? array_rings(array, config) : array_grid(array, config);
}

sg_status sg_led_array_make(sg_led_array *out, const sg_illumination_config *config, double wavelength_um,
                            double field_um)
{
    const sg_status status = array_place(out, config);
    if (status != SG_OK) {
        sg_led_array_free(out);
        return status;
    }
    for (int k = 0; k < out->count; k++) {
        sg_led *led = &out->led[k];
        led->f_x = led->s_x / wavelength_um;
        led->f_y = led->s_y / wavelength_um;
        led->bin_x = (int)nearbyint(led->f_x * field_um); /* ties to even */
        led->bin_y = (int)nearbyint(led->f_y * field_um);
    }
    return SG_OK;
}

void sg_led_array_bins(int *bin, const sg_led_array *array, double wavelength_um, double field_um)
{
    for (int k = 0; k < array->count; k++) { /* ties to even */
        bin[2 * k] = (int)nearbyint(array->led[k].s_y / wavelength_um * field_um);
        bin[2 * k + 1] = (int)nearbyint(array->led[k].s_x / wavelength_um * field_um);
    }
}

void sg_led_array_free(sg_led_array *array)
{
    sg_free(array->led);
    *array = (sg_led_array){0};
}

sg_status sg_led_array_sampling(const sg_led_array *array, double wavelength_um, double na, double pixel_um)
{
    double worst = 0;
    int at = 0;
    for (int k = 0; k < array->count; k++) {
        const double x = fabs(array->led[k].s_x), y = fabs(array->led[k].s_y);
        const double f = ((x > y ? x : y) + na) / wavelength_um;
        if (f > worst) {
            worst = f;
            at = k;
        }
    }
    if (worst <= .5 / pixel_um) return SG_OK;
    SG_FAIL(
        SG_E_RANGE,
        "sample.pixel_um: %.4g um is too coarse for LED %d (illumination NA %.4g) and NA %.4g at %.4g um; a pitch up "
        "to %.4g um would do",
        pixel_um, at, hypot(array->led[at].s_x, array->led[at].s_y), na, wavelength_um, .5 / worst);
}

/* ---- patterns ---- */

/* The LED that `best` of the lit ones is nearest to (s_x, s_y); the first of equals. */
static int nearest(const sg_led_array *array, double s_x, double s_y, double na_max)
{
    int best = -1;
    double distance = INFINITY;
    for (int k = 0; k < array->count; k++) {
        const sg_led *led = &array->led[k];
        const double d = hypot(led->s_x - s_x, led->s_y - s_y);
        if (!(hypot(led->s_x, led->s_y) <= na_max) || !(d < distance)) continue;
        best = k;
        distance = d;
    }
    return best;
}

static bool lit(const sg_led_array *array, sg_pattern pattern, int k, int exposure, double na)
{
    const sg_led *led = &array->led[k];
    const double s = hypot(led->s_x, led->s_y);
    switch (pattern) {
    case SG_PATTERN_CENTER: return k == nearest(array, 0, 0, INFINITY);
    case SG_PATTERN_BRIGHTFIELD: return s <= na;
    case SG_PATTERN_DARKFIELD: return s > na;
    case SG_PATTERN_ANNULUS: return s > .8 * na && s <= na;
    case SG_PATTERN_HALF: return s <= na && led->s_x > 0;
    case SG_PATTERN_DPC: return s <= na && (exposure ? led->s_x < 0 : led->s_x > 0);
    case SG_PATTERN_OFF_AXIS: return k == nearest(array, .8 * na, 0, na);
    default: return true;
    }
}

typedef struct weight_columns {
    int at[CSV_FIELDS], count; /* which columns hold weights: one an exposure, or one an exposure of every colour */
    bool named;                /* by a header with columns weight... */
} weight_columns;

/* The columns whose names begin with "weight"; without any, every column counts. */
static sg_status find_weights(weight_columns *out, const csv *c, int exposures, int colours)
{
    *out = (weight_columns){.count = 0};
    for (int i = 0; i < c->fields; i++)
        if (strncmp(c->field[i], "weight", 6) == 0) out->at[out->count++] = i;
    out->named = out->count > 0;
    if (out->named && out->count != exposures && out->count != exposures * colours)
        SG_FAIL(SG_E_FORMAT, "%s:%d: %d columns of weights, not %d (illumination.exposures)%s", c->path, c->line,
                out->count, exposures, colours > 1 ? " or as many for every colour" : "");
    if (out->named) return SG_OK;
    out->count = c->fields == exposures * colours ? c->fields : exposures;
    for (int i = 0; i < out->count && i < CSV_FIELDS; i++) out->at[i] = i;
    return SG_OK;
}

static sg_status pattern_row(double *weight, int leds, const weight_columns *column, const csv *c, bool box)
{
    if (!column->named && c->fields != column->count)
        SG_FAIL(SG_E_FORMAT, "%s:%d: a pattern has one column for each of %d exposures, not %d", c->path, c->line,
                column->count, c->fields);
    for (int e = 0; e < column->count; e++) {
        double *w = &weight[(size_t)e * (size_t)leds];
        SG_TRY(csv_number(w, c, column->at[e]));
        if (!(*w >= 0)) SG_FAIL(SG_E_FORMAT, "%s:%d: weight %g is negative", c->path, c->line, *w);
        if (box && !(*w <= 1))
            SG_FAIL(SG_E_FORMAT, "%s:%d: weight %g is above 1, the most of illumination.constraint box", c->path,
                    c->line, *w);
    }
    return SG_OK;
}

/* *rows = how many rows of weights the table holds. */
static sg_status pattern_csv(double *weight, int *rows, const sg_led_array *array, const sg_illumination_config *config,
                             int colours)
{
    csv c;
    bool end;
    double first;
    weight_columns column;
    sg_status status = SG_OK;
    int k = 0;
    SG_TRY(csv_open(&c, config->pattern_csv));
    SG_TRY_DONE(csv_next(&c, &end));
    SG_TRY_DONE(find_weights(&column, &c, config->exposures, colours));
    *rows = column.count;
    if (!end && !is_number(c.field[0], &first)) SG_TRY_DONE(csv_next(&c, &end)); /* a header */
    for (; !end; k++) {
        if (k == array->count)
            SG_FAIL_DONE(SG_E_FORMAT, "%s:%d: a pattern has one row for each of %d LEDs", c.path, c.line, array->count);
        SG_TRY_DONE(pattern_row(weight + k, array->count, &column, &c, config->constraint == SG_LIGHT_BOX));
        SG_TRY_DONE(csv_next(&c, &end));
    }
    if (k != array->count) SG_FAIL_DONE(SG_E_FORMAT, "%s: %d rows for %d LEDs", c.path, k, array->count);
done:
    fclose(c.file);
    return status;
}

/* Scales `given` rows of weights to the dose; rows of one colour serve all of them. */
static sg_status share_light(double *weight, const sg_led_array *array, const sg_illumination_config *config,
                             int colours, int given, double na)
{
    const size_t len = (size_t)array->count * (size_t)given, all = (size_t)array->count * (size_t)config->exposures;
    const double parts = given == config->exposures ? colours : 1;
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += weight[i];
    if (!(sum > 0))
        SG_FAIL(SG_E_RANGE, "illumination.pattern: it lights none of the %d LEDs at NA %.4g", array->count, na);
    for (size_t i = 0; config->constraint == SG_LIGHT_DOSE && i < len; i++) weight[i] /= sum * parts;
    for (size_t c = 1; given == config->exposures && c < (size_t)colours; c++)
        memcpy(weight + c * all, weight, all * sizeof *weight);
    return SG_OK;
}

sg_status sg_led_pattern(double *weight, const sg_led_array *array, const sg_illumination_config *config, int colours,
                         double na)
{
    const size_t count = (size_t)array->count, len = count * (size_t)config->exposures;
    int given = config->exposures;
    if (config->pattern == SG_PATTERN_DPC && config->exposures != 2)
        SG_FAIL(SG_E_RANGE, "illumination.exposures: pattern dpc is a pair, so 2 and not %d", config->exposures);
    if (config->pattern == SG_PATTERN_CSV)
        SG_TRY(pattern_csv(weight, &given, array, config, colours));
    else
        for (size_t i = 0; i < len; i++)
            weight[i] = lit(array, config->pattern, (int)(i % count), (int)(i / count), na);
    return share_light(weight, array, config, colours, given, na);
}
