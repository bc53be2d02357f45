/* tiff_description.c - which kind it is; reads ImageJ's lines:
 *     ImageJ=1.54f\nimages=24\nchannels=2\nslices=3\nframes=4\nhyperstack=true\nunit=micron\n
 * Pages are in the order T, Z, C, the channel fastest (imagej.net/ij/docs/guide, Stacks); and tifffile's JSON:
 *     {"shape": [3, 2, 512, 512], "axes": "ZCYX"} */
#include "datasets/tiff_description.h"

#include "core/memory.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- units ---- */

static const struct {
    const char *name;
    double um;
} units[] = {{"\xc2\xb5m", 1}, {"\xce\xbcm", 1},   {"\\u00B5m", 1}, {"\\u00b5m", 1},   {"\xb5m", 1},
             {"micron", 1},    {"microns", 1},     {"um", 1},       {"micrometer", 1}, {"micrometre", 1},
             {"nm", 1e-3},     {"\xc3\x85", 1e-4}, {"pm", 1e-6},    {"mm", 1e3},       {"cm", 1e4},
             {"dm", 1e5},      {"m", 1e6},         {"inch", 25400}, {"in", 25400}};

double sg_length_um(const char *unit)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].name, unit) == 0) return units[i].um;
    return 0;
}

/* ---- ImageJ ---- */

/* The value of a line KEY=VALUE; false: there is none. */
static bool line_value(char *out, size_t size, const char *text, const char *key)
{
    const size_t length = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            (void)snprintf(out, size, "%.*s", (int)strcspn(line + length + 1, "\r\n"), line + length + 1);
            return true;
        }
    return false;
}

static sg_status line_count(long long *out, const char *text, const char *key, const char *path)
{
    char value[32], *end = value;
    *out = 1;
    if (!line_value(value, sizeof value, text, key)) return SG_OK;
    *out = strtoll(value, &end, 10);
    if (end == value || *end || *out < 1 || *out > 1 << 28)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: ImageJ's description says %s=%s, 1..2^28 is possible", path, key, value);
    return SG_OK;
}

sg_status sg_imagej_describe(sg_tiff_description *out, const char *text, const char *path)
{
    static const struct {
        const char *key;
        char axis;
    } keys[] = {{"frames", 'T'}, {"slices", 'Z'}, {"channels", 'C'}};
    long long images, size, product = 1;
    char unit[32];
    out->may_follow = true;
    SG_TRY(line_count(&images, text, "images", path));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        SG_TRY(line_count(&size, text, keys[i].key, path));
        product *= size;
        if (product > images)
            SG_FAIL(SG_E_FORMAT, "%s: damaged: ImageJ's description says images=%lld, too few for its %s=%lld", path,
                    images, keys[i].key, size);
        if (size > 1) sg_axes_add(&out->pages, keys[i].axis, size);
    }
    if (product < images && product > 1)
        SG_FAIL(SG_E_FORMAT,
                "%s: damaged: ImageJ's description says images=%lld, its frames, slices and channels make %lld", path,
                images, product);
    if (images > product) sg_axes_add(&out->pages, 'Q', images);
    if (line_value(unit, sizeof unit, text, "unit")) out->unit_um = sg_length_um(unit);
    return SG_OK;
}

/* ---- tifffile ---- */

/* Which axis are the samples of a pixel, which are no pages: S, or what its user called C; -1: none. */
static int axis_of_samples(const char *axes, const cJSON *shape, int samples)
{
    int last = (int)strlen(axes) - 1;
    if (samples < 2 || strchr(axes, 'S')) return -1;
    while (last >= 0 && strchr("YX", axes[last])) last--;
    const double size = last >= 0 ? cJSON_GetNumberValue(cJSON_GetArrayItem(shape, last)) : 0;
    return size >= samples && size <= samples ? last : -1;
}

/* Adds the axes of pages among the first `count` ones, in C order; all are Q where `axes` is NULL. */
static bool add_axes(sg_axes *pages, const cJSON *shape, const char *axes, int count, int left_out)
{
    double all = 1;
    for (int i = 0; i < count; i++) {
        const double size = cJSON_GetNumberValue(cJSON_GetArrayItem(shape, i));
        if (!(size >= 1 && size <= 1 << 28)) return false;
        if (i == left_out || (axes && strchr("YXS", axes[i]))) continue;
        all *= size;
        if (axes) sg_axes_add(pages, axes[i], (long long)size);
    }
    if (all > 1 << 28) return false;
    if (!axes) sg_axes_add(pages, 'Q', (long long)all);
    return true;
}

/* The pages of an array of this shape. Without axes, or where the two do not fit, it says at most how many follow the
 * only directory. */
static void read_shape(sg_tiff_description *out, const cJSON *json, int samples)
{
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(json, "shape");
    const char *axes = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "axes"));
    const bool follow = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "truncated"));
    const int rank = cJSON_IsArray(shape) ? cJSON_GetArraySize(shape) : 0, outer = rank - (samples > 1 ? 3 : 2);
    const bool named = axes && rank > 0 && strlen(axes) == (size_t)rank && sg_axes_check(axes, "") == SG_OK;
    sg_axes pages = {.count = 0};
    if (named ? !add_axes(&pages, shape, axes, rank, axis_of_samples(axes, shape, samples))
              : !follow || !add_axes(&pages, shape, NULL, outer, -1))
        return;
    out->pages = pages;
    out->may_follow = follow;
}

static void describe_shape(sg_tiff_description *out, const char *text, int samples)
{
    cJSON *json = cJSON_Parse(text);
    if (json) read_shape(out, json, samples);
    cJSON_Delete(json);
}

/* ---- any ---- */

sg_status sg_tiff_describe(sg_tiff_description *out, const char *text, int samples, const char *path)
{
    *out = (sg_tiff_description){.pages.count = 0};
    if (!text) return SG_OK;
    if (strncmp(text, "ImageJ=", 7) == 0) return sg_imagej_describe(out, text, path);
    if (strstr(text, "<OME ") || strstr(text, "<OME>") || strstr(text, "OME:OME "))
        return sg_ome_describe(out, text, samples, path);
    if (strncmp(text, "{\"shape\":", 9) == 0) describe_shape(out, text, samples);
    return SG_OK;
}

void sg_tiff_description_free(sg_tiff_description *description)
{
    sg_free(description->directory);
    *description = (sg_tiff_description){.pages.count = 0};
}
