/* led_pattern.c - which LEDs the starting patterns light (PHYSICS section 2). */
#include "physics/led_array.h"
#include "physics/table.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

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
    int at[SG_TABLE_COLUMNS],
        count;  /* which columns hold weights: one an exposure, or one an exposure of every colour */
    bool named; /* by a header with columns weight... */
} weight_columns;

/* The columns whose names begin with "weight"; without any, every column counts. */
static sg_status find_weights(weight_columns *out, const sg_table *c, int exposures, int colours)
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
    for (int i = 0; i < out->count && i < SG_TABLE_COLUMNS; i++) out->at[i] = i;
    return SG_OK;
}

static sg_status pattern_row(double *weight, int leds, const weight_columns *column, const sg_table *c, bool box)
{
    if (!column->named && c->fields != column->count)
        SG_FAIL(SG_E_FORMAT, "%s:%d: a pattern has one column for each of %d exposures, not %d", c->path, c->line,
                column->count, c->fields);
    for (int e = 0; e < column->count; e++) {
        double *w = &weight[(size_t)e * (size_t)leds];
        SG_TRY(sg_table_number(w, c, column->at[e]));
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
    sg_table c;
    bool end;
    double first;
    weight_columns column;
    sg_status status = SG_OK;
    int k = 0;
    SG_TRY(sg_table_open(&c, config->pattern_csv));
    SG_TRY_DONE(sg_table_next(&c, &end));
    SG_TRY_DONE(find_weights(&column, &c, config->exposures, colours));
    *rows = column.count;
    if (!end && !sg_table_is_number(c.field[0], &first)) SG_TRY_DONE(sg_table_next(&c, &end)); /* a header */
    for (; !end; k++) {
        if (k == array->count)
            SG_FAIL_DONE(SG_E_FORMAT, "%s:%d: a pattern has one row for each of %d LEDs", c.path, c.line, array->count);
        SG_TRY_DONE(pattern_row(weight + k, array->count, &column, &c, config->constraint == SG_LIGHT_BOX));
        SG_TRY_DONE(sg_table_next(&c, &end));
    }
    if (k != array->count) SG_FAIL_DONE(SG_E_FORMAT, "%s: %d rows for %d LEDs", c.path, k, array->count);
done:
    sg_table_close(&c);
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
