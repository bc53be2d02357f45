/* led_array.c - see led_array.h; the patterns are in led_pattern.c. */
#include "physics/led_array.h"

#include "core/memory.h"
#include "physics/table.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

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

typedef struct led_columns {
    int x, y, power;
    bool na;
} led_columns;

static sg_status csv_led_columns(led_columns *out, const sg_table *c, bool end)
{
    *out = (led_columns){-1, -1, -1, false};
    if (!end)
        *out =
            (led_columns){sg_table_column(c, "x_mm"), sg_table_column(c, "y_mm"), sg_table_column(c, "power"), false};
    if (!end && (out->x < 0 || out->y < 0))
        *out = (led_columns){sg_table_column(c, "na_x"), sg_table_column(c, "na_y"), sg_table_column(c, "power"), true};
    if (out->x < 0 || out->y < 0) SG_FAIL(SG_E_FORMAT, "%s:1: the header has neither x_mm,y_mm nor na_x,na_y", c->path);
    return SG_OK;
}

static sg_status csv_led(sg_led *led, const sg_led_array *array, const led_columns *column, const sg_table *c)
{
    double x, y, power = 1;
    SG_TRY(sg_table_number(&x, c, column->x));
    SG_TRY(sg_table_number(&y, c, column->y));
    if (column->power >= 0) SG_TRY(sg_table_number(&power, c, column->power));
    if (!(power >= 0)) SG_FAIL(SG_E_FORMAT, "%s:%d: power %g is negative", c->path, c->line, power);
    const double sign = column->na ? -1 : 1; /* the columns hold s itself */
    const sg_status status = led_place(led, array, column->na, sign * x, sign * y, c->path);
    if (status != SG_OK) return sg_error_prefix(status, "line %d", c->line);
    led->power = power;
    return SG_OK;
}

static sg_status array_csv(sg_led_array *array, const char *path)
{
    sg_table c;
    bool end;
    led_columns column;
    sg_status status = SG_OK;
    SG_TRY(sg_table_open(&c, path));
    SG_TRY_DONE(SG_ALLOC(&array->led, SG_LED_MAX, "LEDs"));
    SG_TRY_DONE(sg_table_next(&c, &end));
    SG_TRY_DONE(csv_led_columns(&column, &c, end));
    if (column.na) array->slide_mm = 0;
    for (;;) {
        SG_TRY_DONE(sg_table_next(&c, &end));
        if (end) break;
        if (array->count == SG_LED_MAX) SG_FAIL_DONE(SG_E_RANGE, "%s:%d: more than %d LEDs", path, c.line, SG_LED_MAX);
        SG_TRY_DONE(csv_led(&array->led[array->count], array, &column, &c));
        array->count++;
    }
    if (!array->count) SG_FAIL_DONE(SG_E_FORMAT, "%s: no LED below the header", path);
done:
    sg_table_close(&c);
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
