/* scope_adc.c - which ADC the camera has: tables of thresholds and levels for pixels of equal or different bit depths,
 * and the counting of a SPAD array. physics/adc.h, physics/spad.h. */
#include "core/memory.h"
#include "physics/adc.h"
#include "physics/scope.h"
#include "physics/spad.h"

#include <math.h>

/* ---- checks ---- */

typedef struct rule {
    bool broken;
    const char *text;
} rule;

static sg_status check_rules(const rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rules[i].broken) SG_FAIL(SG_E_CONFIG, "%s", rules[i].text);
    return SG_OK;
}
#define CHECK_RULES(rules) check_rules((rules), sizeof(rules) / sizeof *(rules))

static sg_status check_spad(const sg_camera_config *c)
{
    const bool spad = c->kind == SG_CAMERA_SPAD;
    const rule rules[] = {
        {!spad && c->dark_count_map[0], "camera.dark_count_map: needs camera.kind spad"},
        {spad && c->adc != SG_ADC_UNIFORM, "camera.adc: a camera of kind spad counts, it has no ADC to choose"},
        {spad && c->learn_offset.on, "camera.offset_adu: a camera of kind spad has no offset to learn"},
        {spad && c->learn_range.on, "camera.range_e: a camera of kind spad has no range to learn"},
        {spad && c->em_gain > 0, "camera.em_gain: a camera of kind spad has no register that multiplies"},
        {spad && (c->read_noise_map[0] || c->dsnu_map[0] || c->dsnu_e > 0 || c->learn_dsnu.on),
         "camera.dsnu_e, camera.dsnu_map, camera.read_noise_map: a camera of kind spad has neither offsets nor read "
         "noise"},
    };
    SG_TRY(CHECK_RULES(rules));
    if (spad && (c->frames < 1 || c->frames > SG_SPAD_FRAMES_MAX))
        SG_FAIL(SG_E_RANGE, "camera.frames: %d is outside 1..%d", c->frames, SG_SPAD_FRAMES_MAX);
    if (spad && !(c->dark_counts >= 0 && c->dark_counts <= 100))
        SG_FAIL(SG_E_RANGE, "camera.dark_counts: %g is outside 0..100", c->dark_counts);
    return SG_OK;
}

static sg_status check_thresholds(const sg_camera_config *c)
{
    const int need = (1 << c->bit_depth) - 1;
    if (c->adc_threshold_count == 0) return SG_OK;
    if (c->adc_threshold_count != need)
        SG_FAIL(SG_E_CONFIG, "camera.adc_threshold_e: %d thresholds, camera.bit_depth %d needs %d",
                c->adc_threshold_count, c->bit_depth, need);
    for (int j = 0; j < need; j++) {
        const double t = c->adc_threshold_e[j];
        if (!(fabs(t) <= 1e7)) SG_FAIL(SG_E_RANGE, "camera.adc_threshold_e: %g e is outside -1e7..1e7", t);
        if (j > 0 && !(t > c->adc_threshold_e[j - 1]))
            SG_FAIL(SG_E_CONFIG, "camera.adc_threshold_e: %g e after %g e; thresholds must ascend", t,
                    c->adc_threshold_e[j - 1]);
    }
    return SG_OK;
}

static sg_status check_pattern(const sg_camera_config *c)
{
    if (c->bit_pattern_count > SG_BIT_PATTERN_MAX)
        SG_FAIL(SG_E_RANGE, "camera.bit_pattern: at most %d numbers", SG_BIT_PATTERN_MAX);
    for (int i = 0; i < c->bit_pattern_count; i++) {
        const double bits = c->bit_pattern[i];
        if (!(bits >= 1 && bits <= c->bit_depth && bits == floor(bits)))
            SG_FAIL(SG_E_RANGE, "camera.bit_pattern: %g is not a whole number in 1..%d (camera.bit_depth)", bits,
                    c->bit_depth);
    }
    return SG_OK;
}

sg_status sg_scope_check_adc(const sg_camera_config *c)
{
    const bool tables = c->adc == SG_ADC_THRESHOLDS, pattern = c->bit_pattern_count > 0, map = c->bit_map[0] != 0;
    const bool list = c->adc_threshold_count > 0;
    const rule rules[] = {
        {c->adc != SG_ADC_UNIFORM && c->bit_depth < 1, "camera.bit_depth: this camera.adc needs at least 1 bit"},
        {tables && c->bit_depth > 8, "camera.bit_depth: camera.adc thresholds has 1..8 bits"},
        {!tables && (pattern || map), "camera.bit_pattern, camera.bit_map: need camera.adc thresholds"},
        {!tables && list, "camera.adc_threshold_e: needs camera.adc thresholds"},
        {!tables && (c->learn_threshold.on || c->learn_level.on || c->learn_weight.on || c->adc_per_pixel),
         "camera.adc: learned thresholds, levels and weights, and those of each pixel, need adc thresholds"},
        {c->adc != SG_ADC_UNIFORM && c->learn_offset.on, "camera.offset_adu: learning needs camera.adc uniform"},
        {tables && c->learn_range.on, "camera.range_e: with camera.adc thresholds the thresholds learn, not the range"},
        {pattern && map, "camera.bit_pattern: not beside camera.bit_map"},
        {list && (pattern || map), "camera.adc_threshold_e: one list does not fit pixels of different bits"},
        {list && c->adc_start == SG_ADC_START_QUANTILES,
         "camera.adc_start: quantiles does not go with a list of thresholds"},
    };
    SG_TRY(check_spad(c));
    SG_TRY(CHECK_RULES(rules));
    if (c->adc == SG_ADC_UNIFORM) return SG_OK;
    if (!(c->adc_width_start >= 1e-3 && c->adc_width_start <= 1e3))
        SG_FAIL(SG_E_RANGE, "camera.adc_width_start: %g is outside 0.001..1000", c->adc_width_start);
    if (!(c->adc_width_end >= 1e-3 && c->adc_width_end <= 1e3))
        SG_FAIL(SG_E_RANGE, "camera.adc_width_end: %g is outside 0.001..1000", c->adc_width_end);
    SG_TRY(tables ? check_thresholds(c) : SG_OK);
    return check_pattern(c);
}

/* ---- maps ---- */

static size_t pixels_of(const sg_scope *s)
{
    return (size_t)s->size.sensor_h * (size_t)s->size.sensor_w;
}

static sg_status fill_pattern(sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const int m = c->bit_pattern_count, step = (int)sqrt((double)m), w = s->size.sensor_w;
    for (int y = 0; y < s->size.sensor_h; y++)
        for (int x = 0; x < w; x++)
            s->bits[(size_t)y * (size_t)w + (size_t)x] = (unsigned char)c->bit_pattern[(x + y * step) % m];
    return SG_OK;
}

static sg_status read_map(float **out, const sg_scope *s, const char *key, const char *path)
{
    int height = 0, width = 0;
    SG_TRY(sg_scope_read_map(out, &height, &width, s, key, path));
    if (height != s->size.sensor_h || width != s->size.sensor_w)
        SG_FAIL(SG_E_SHAPE, "%s: %s is %d x %d, the camera %d x %d pixels", key, path, width, height, s->size.sensor_w,
                s->size.sensor_h);
    return SG_OK;
}

static sg_status copy_bits(sg_scope *s, const float *map)
{
    const sg_camera_config *c = &s->config->camera;
    const size_t w = (size_t)s->size.sensor_w;
    for (size_t i = 0; i < pixels_of(s); i++) {
        if (!(map[i] >= 1 && map[i] <= (float)c->bit_depth && map[i] == floorf(map[i])))
            SG_FAIL(SG_E_RANGE,
                    "camera.bit_map: %s: %g at row %zu, column %zu is not a whole number in 1..%d (camera.bit_depth)",
                    c->bit_map, (double)map[i], i / w, i % w, c->bit_depth);
        s->bits[i] = (unsigned char)map[i];
    }
    return SG_OK;
}

static sg_status open_bits(sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    float *map = NULL;
    if (c->bit_pattern_count == 0 && !c->bit_map[0]) return SG_OK;
    SG_TRY(SG_ALLOC(&s->bits, pixels_of(s), "camera.bit_map"));
    if (c->bit_pattern_count > 0) return fill_pattern(s);
    sg_status status = read_map(&map, s, "camera.bit_map", c->bit_map);
    if (status == SG_OK) status = copy_bits(s, map);
    sg_free(map);
    return status;
}

static sg_status open_dark_counts(sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const size_t w = (size_t)s->size.sensor_w;
    if (!c->dark_count_map[0]) return SG_OK;
    SG_TRY(read_map(&s->dark_counts, s, "camera.dark_count_map", c->dark_count_map));
    for (size_t i = 0; i < pixels_of(s); i++)
        if (!(s->dark_counts[i] >= 0 && s->dark_counts[i] <= 100))
            SG_FAIL(SG_E_RANGE, "camera.dark_count_map: %s: %g at row %zu, column %zu is outside 0..100",
                    c->dark_count_map, (double)s->dark_counts[i], i / w, i % w);
    return SG_OK;
}

/* Bits of one measurement. */
static double count_bits(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const size_t pixels = pixels_of(s);
    double bits = 0;
    if (c->kind == SG_CAMERA_SPAD) return (double)s->size.frames * (double)pixels * c->frames;
    for (size_t i = 0; i < pixels; i++) bits += s->bits ? s->bits[i] : c->bit_depth;
    return (double)s->size.frames * bits;
}

sg_status sg_scope_open_adc(sg_scope *s)
{
    SG_TRY(open_bits(s));
    SG_TRY(open_dark_counts(s));
    s->size.bits = count_bits(s);
    return SG_OK;
}

/* ---- tables ---- */

typedef struct tables {
    int rows, count;           /* R, T */
    double *threshold, *level; /* (R, T), (R, T + 1) */
    double *row;               /* (C, C); NULL: none */
} tables;

/* One row, `bits` thresholds of the ADC: an even ADC of its own depth over the range of the camera's bit_depth, or the
 * list of the config. What a row has not is out of reach. */
static void fill_row(const sg_scope *s, int bits, double range_e, int count, double *threshold, double *level)
{
    const sg_camera_config *c = &s->config->camera;
    const double top = (double)((1 << bits) - 1), full = (double)((1 << c->bit_depth) - 1);
    for (int j = 0; j < count; j++) {
        const double even = range_e * ((j + .5) / top - c->offset_adu / full);
        threshold[j] = j >= (int)top ? SG_ADC_NEVER_E : c->adc_threshold_count > 0 ? c->adc_threshold_e[j] : even;
    }
    for (int k = 0; k <= count; k++) level[k] = (k < top ? k : top) * (full / top);
}

/* The row of each pixel in a table of one row for every depth that occurs; returns the rows' depths. */
static int number_rows(int depth[8], double *row, const unsigned char *bits, size_t pixels)
{
    int index[9] = {0}, rows = 0;
    for (size_t i = 0; i < pixels; i++) index[bits[i]] = 1;
    for (int b = 1; b <= 8; b++)
        if (index[b]) depth[rows] = b, index[b] = rows++;
    for (size_t i = 0; i < pixels; i++) row[i] = index[bits[i]];
    return rows;
}

static sg_status make_tables(tables *t, const sg_scope *s, double range_e)
{
    const sg_camera_config *c = &s->config->camera;
    const size_t pixels = pixels_of(s);
    int depth[8] = {c->bit_depth}, most = c->bit_depth;
    t->rows = 1;
    if (s->bits && !c->adc_per_pixel) {
        SG_TRY(SG_ALLOC(&t->row, pixels, "camera.bit_map"));
        t->rows = number_rows(depth, t->row, s->bits, pixels);
        most = depth[t->rows - 1];
    }
    if (c->adc_per_pixel) t->rows = (int)pixels;
    t->count = (1 << most) - 1;
    SG_TRY(SG_ALLOC(&t->threshold, (size_t)t->rows * (size_t)t->count, "camera.adc.threshold"));
    SG_TRY(SG_ALLOC(&t->level, (size_t)t->rows * (size_t)(t->count + 1), "camera.adc.level"));
    for (int r = 0; r < t->rows; r++) {
        const int bits = !c->adc_per_pixel ? depth[r] : s->bits ? s->bits[r] : c->bit_depth;
        fill_row(s, bits, range_e, t->count, t->threshold + (size_t)r * (size_t)t->count,
                 t->level + (size_t)r * (size_t)(t->count + 1));
    }
    return SG_OK;
}

static sg_value add_tables(sg_graph *g, const sg_scope *s, sg_value electrons, sg_value range_e, const tables *t)
{
    const sg_camera_config *c = &s->config->camera;
    const sg_shape pixels = SG_SHAPE(1, 1, s->size.sensor_h, s->size.sensor_w);
    const sg_adc_tables values = {
        .threshold = sg_scope_param(g, "camera.adc.threshold", SG_SHAPE(1, 1, t->rows, t->count), 0, t->threshold, "e",
                                    c->learn_threshold, SG_ASCENDING, 0, 0),
        .level = sg_scope_param(g, "camera.adc.level", SG_SHAPE(1, 1, t->rows, t->count + 1), 0, t->level, "ADU",
                                c->learn_level, SG_ASCENDING, 0, 0),
        .row = t->row ? sg_scope_param(g, "camera.adc.row", pixels, 0, t->row, "1", (sg_learn){0}, SG_FREE, 0, 0)
                      : SG_NONE,
        .weight = c->learn_weight.on ? sg_scope_param(g, "camera.adc.weight", pixels, 1, NULL, "1", c->learn_weight,
                                                      SG_NON_NEGATIVE, 0, 0)
                                     : SG_NONE,
        .range_e = range_e,
    };
    return sg_adc_threshold(g, electrons, &values, c->bit_depth, c->adc_training == SG_ADC_TRAINING_SOFT,
                            (sg_adc_width){c->adc_width_start, c->adc_width_end});
}

/* A range that is tuned later moves even thresholds with it (pipeline/range.c). */
static sg_value threshold_adc(sg_graph *g, const sg_scope *s, sg_value electrons, sg_value range_e)
{
    tables t = {0};
    const sg_status status = make_tables(&t, s, sg_scope_range_e(s));
    const sg_value adu =
        status == SG_OK ? add_tables(g, s, electrons, range_e, &t) : sg_graph_fail(g, status, "%s", sg_error_text());
    sg_free(t.threshold);
    sg_free(t.level);
    sg_free(t.row);
    return adu;
}

/* One number for all pixels, or the map. */
static sg_value spad_dark(sg_graph *g, const sg_scope *s)
{
    double *values = NULL;
    if (!s->dark_counts)
        return sg_scope_scalar(g, "camera.spad.dark_counts", s->config->camera.dark_counts, "1", (sg_learn){0},
                               SG_NON_NEGATIVE, 0, 0);
    const sg_status status = SG_ALLOC(&values, pixels_of(s), "camera.dark_count_map");
    for (size_t i = 0; status == SG_OK && i < pixels_of(s); i++) values[i] = (double)s->dark_counts[i];
    const sg_value map = status == SG_OK ? sg_scope_param(g, "camera.spad.dark_counts",
                                                          SG_SHAPE(1, 1, s->size.sensor_h, s->size.sensor_w), 0, values,
                                                          "1", (sg_learn){0}, SG_NON_NEGATIVE, 0, 0)
                                         : sg_graph_fail(g, status, "%s", sg_error_text());
    sg_free(values);
    return map;
}

bool sg_scope_adc_apart(const sg_camera_config *c)
{
    return c->kind == SG_CAMERA_SPAD || c->adc != SG_ADC_UNIFORM;
}

sg_value sg_scope_adc(sg_graph *g, const sg_scope *s, sg_value electrons, sg_value range_e)
{
    const sg_camera_config *c = &s->config->camera;
    if (c->kind == SG_CAMERA_SPAD) return sg_spad(g, electrons, spad_dark(g, s), c->frames);
    if (c->adc == SG_ADC_THRESHOLDS) return threshold_adc(g, s, electrons, range_e);
    return sg_adc_soft(g, electrons, range_e, c->bit_depth, c->offset_adu,
                       (sg_adc_width){c->adc_width_start, c->adc_width_end});
}
