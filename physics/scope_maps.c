/* scope_maps.c - what differs from pixel to pixel of a sensor: sensitivity, dark current, read noise, offset. Each map
 * comes from a file, is drawn from the sensor's seed, or starts flat because it is to be learned. */
#include "core/memory.h"
#include "core/rng.h"
#include "physics/camera.h"
#include "physics/scope.h"

#include <math.h>

/* One kind of map: its key, parameter and unit, how it is made, what a file may hold. */
typedef struct map_kind {
    const char *key, *name, *unit;
    const char *path;
    sg_learn learn;
    bool hot;            /* drawn pixels are hot: `spread` of them, exponential with mean hot_e */
    double spread;       /* rms of the drawn map */
    double shift, scale; /* of what a file holds: scale (value - shift) */
    double lo, hi;       /* of what a file may hold */
    double hot_e;
    double flat; /* starting value without file and spread */
    sg_constraint constraint;
} map_kind;

sg_status sg_scope_read_map(float **out, int *height, int *width, const sg_scope *s, const char *key, const char *path)
{
    if (!s->config->read_map) SG_FAIL(SG_E_CONFIG, "%s: maps in files are not read here", key);
    const sg_status status = s->config->read_map(out, height, width, path);
    return status == SG_OK ? SG_OK : sg_error_set(status, "%s: %s", key, sg_error_text());
}

/* The window of the file that the sensor covers. */
static sg_status crop(double *out, const float *map, int height, int width, const map_kind *kind, const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const int h = s->size.sensor_h, w = s->size.sensor_w, y0 = c->map_row_px, x0 = c->map_column_px;
    if (height < y0 + h || width < x0 + w)
        SG_FAIL(SG_E_SHAPE, "%s: %s has %d x %d pixels, the sensor needs %d x %d from row %d, column %d on", kind->key,
                kind->path, height, width, h, w, y0, x0);
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++) {
            const double v = (double)map[(size_t)(y0 + y) * (size_t)width + (size_t)(x0 + x)];
            if (!(v >= kind->lo && v <= kind->hi))
                SG_FAIL(SG_E_RANGE, "%s: %s: %g in row %d, column %d is outside %g..%g", kind->key, kind->path, v,
                        y0 + y, x0 + x, kind->lo, kind->hi);
            out[(size_t)y * (size_t)w + (size_t)x] = kind->scale * (v - kind->shift);
        }
    }
    return SG_OK;
}

static sg_status from_file(double *out, const map_kind *kind, const sg_scope *s)
{
    float *map = NULL;
    int height = 0, width = 0;
    SG_TRY(sg_scope_read_map(&map, &height, &width, s, kind->key, kind->path));
    const sg_status status = crop(out, map, height, width, kind, s);
    sg_free(map);
    return status;
}

static void draw(double *out, size_t len, const map_kind *kind, const sg_scope *s, uint32_t index)
{
    const sg_rng rng = sg_rng_make(s->config->camera.sensor_seed, SG_RNG_SENSOR, index, 0, 0);
    for (uint32_t i = 0; i < len; i++) {
        out[i] = kind->flat;
        if (!kind->hot)
            out[i] += kind->spread * sg_rng_normal(&rng, i, 0);
        else if (sg_rng_uniform(&rng, i, 0) < kind->spread)
            out[i] -= kind->hot_e * log(sg_rng_uniform(&rng, i, 1));
    }
}

static sg_value map_value(sg_graph *g, const sg_scope *s, const map_kind *kind, uint32_t index)
{
    const sg_shape shape = SG_SHAPE(1, 1, s->size.sensor_h, s->size.sensor_w);
    const size_t len = sg_shape_len(shape);
    double *values = NULL;
    if (!*kind->path && !(kind->spread > 0) && !kind->learn.on) return SG_NONE;
    if (sg_graph_status(g) != SG_OK) return SG_NONE;
    sg_status status = SG_ALLOC(&values, len, kind->key);
    if (status == SG_OK && *kind->path)
        status = from_file(values, kind, s);
    else if (status == SG_OK)
        draw(values, len, kind, s, index);
    const sg_value out = status == SG_OK ? sg_scope_param(g, kind->name, shape, 0, values, kind->unit, kind->learn,
                                                          kind->constraint, 0, 1e7)
                                         : sg_graph_fail(g, status, "%s", sg_error_text());
    sg_free(values);
    return out;
}

sg_value sg_scope_offset_adu(sg_graph *g, const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    if (!c->learn_offset.on || c->bit_depth == 0) return SG_NONE;
    return sg_scope_scalar(g, "camera.adc.offset_adu", c->offset_adu, "ADU", c->learn_offset, SG_BOX, 0,
                           (double)((1 << c->bit_depth) - 1));
}

sg_value sg_scope_camera(sg_graph *g, const sg_scope *s, sg_value image, sg_value range_e, sg_camera_attr attr)
{
    const sg_camera_config *c = &s->config->camera;
    const double dark = c->exposure_s;
    const map_kind prnu = {.key = "camera.prnu_map",
                           .name = "camera.map.prnu",
                           .unit = "1",
                           .path = c->prnu_map,
                           .learn = c->learn_prnu,
                           .spread = c->prnu,
                           .shift = 1,
                           .scale = 1,
                           .hi = 100,
                           .constraint = SG_FREE},
                   hot = {.key = "camera.dark_map",
                          .name = "camera.map.dark_e",
                          .unit = "e",
                          .path = c->dark_map,
                          .learn = c->learn_dark,
                          .hot = true,
                          .spread = c->hot_fraction,
                          .scale = dark,
                          .hi = 1e7,
                          .hot_e = c->hot_e_per_s * dark,
                          .constraint = SG_NON_NEGATIVE},
                   read = {.key = "camera.read_noise_map",
                           .name = "camera.map.read_noise_e",
                           .unit = "e",
                           .path = c->read_noise_map,
                           .scale = 1,
                           .hi = 1e6,
                           .flat = c->read_noise_e,
                           .constraint = SG_NON_NEGATIVE},
                   dsnu = {.key = "camera.dsnu_map",
                           .name = "camera.map.dsnu_e",
                           .unit = "e",
                           .path = c->dsnu_map,
                           .learn = c->learn_dsnu,
                           .spread = c->dsnu_e,
                           .scale = 1,
                           .lo = -1e6,
                           .hi = 1e6,
                           .constraint = SG_FREE};
    /* a map of the dark current takes the place of the one number */
    if (*c->dark_map) attr.dark_e -= c->dark_e_per_s * dark * sg_scope_binned_on_chip(s);
    const sg_camera_inputs in = {.image = image,
                                 .range_e = range_e,
                                 .offset_adu = sg_scope_offset_adu(g, s),
                                 .prnu = map_value(g, s, &prnu, 0),
                                 .dark_e = map_value(g, s, &hot, 1),
                                 .read_noise_e = map_value(g, s, &read, 2),
                                 .dsnu_e = map_value(g, s, &dsnu, 3)};
    return sg_camera_with(g, &in, &attr);
}
