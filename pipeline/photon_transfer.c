/* photon_transfer.c - see photon_transfer.h. */
#include "pipeline/photon_transfer.h"

#include "core/memory.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDING_ADU2 (1.0 / 12) /* of a code */

void sg_photon_transfer_free(sg_photon_transfer *t)
{
    sg_free(t->dark.pixel_mean);
    for (int k = 0; k < t->levels; k++) sg_free(t->level[k].pixel_mean);
    sg_free(t->prnu_map);
    sg_free(t->dsnu_map);
    sg_free(t->read_noise_map);
    *t = (sg_photon_transfer){0};
}

/* ---- one level ---- */

sg_status sg_photon_transfer_level(sg_level *out, float *pixel_variance, const sg_image *stack, int size[2],
                                   const char *path)
{
    const size_t plane = (size_t)stack->height * (size_t)stack->width;
    *out = (sg_level){.frames = stack->pages};
    if (stack->pages < 2) SG_FAIL(SG_E_SHAPE, "%s: a variance needs at least 2 frames", path);
    if (size[0] == 0) size[0] = stack->height, size[1] = stack->width;
    if (stack->height != size[0] || stack->width != size[1])
        SG_FAIL(SG_E_SHAPE, "%s: frames of %d x %d pixels beside others of %d x %d", path, stack->height, stack->width,
                size[0], size[1]);
    SG_TRY(SG_ALLOC(&out->pixel_mean, plane, path));
    for (size_t i = 0; i < plane; i++) {
        double mean = 0, square = 0;
        for (int k = 0; k < stack->pages; k++) mean += (double)stack->data[(size_t)k * plane + i];
        mean /= stack->pages;
        for (int k = 0; k < stack->pages; k++) {
            const double d = (double)stack->data[(size_t)k * plane + i] - mean;
            square += d * d;
        }
        const double variance = square / (stack->pages - 1);
        out->pixel_mean[i] = (float)mean;
        out->mean += mean / (double)plane;
        out->variance += variance / (double)plane;
        if (pixel_variance) pixel_variance[i] = (float)variance;
    }
    return SG_OK;
}

/* ---- the fit ---- */

static int by_mean(const void *a, const void *b)
{
    const sg_level *x = a, *y = b;
    return (x->mean > y->mean) - (x->mean < y->mean);
}

/* Weighted line through dark and the used levels: slope and its standard error. */
static void fit_line(const sg_photon_transfer *t, double *slope, double *intercept, double *error)
{
    const double pixels = (double)t->height * t->width;
    double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (int k = -1; k < t->levels; k++) {
        const sg_level *l = k < 0 ? &t->dark : &t->level[k];
        if (k >= 0 && !l->used) continue;
        const double y = fmax(l->variance, 1e-12), x = l->mean - t->dark.mean;
        const double weight = pixels * (l->frames - 1) / (2 * y * y);
        w += weight, wx += weight * x, wy += weight * y, wxx += weight * x * x, wxy += weight * x * y;
    }
    const double determinant = w * wxx - wx * wx;
    *slope = (w * wxy - wx * wy) / determinant;
    *intercept = (wy - *slope * wx) / w;
    *error = sqrt(w / determinant);
}

/* Levels are used from the dark end on while the variance still grows as the line of those before it says. */
static sg_status choose_levels(sg_photon_transfer *t, int *saturated)
{
    double slope, intercept, error, brightest = 0;
    int used = 0;
    *saturated = t->levels;
    for (int k = 0; k < t->levels; k++) {
        sg_level *l = &t->level[k];
        const double x = l->mean - t->dark.mean;
        l->used = x > 0;
        if (used >= 1 && l->used) {
            l->used = false;
            fit_line(t, &slope, &intercept, &error);
            l->used = l->variance > .5 * (intercept + slope * x);
        }
        if (x > 0 && !l->used) {
            *saturated = k;
            break;
        }
        used += l->used;
        brightest = l->used ? x : brightest;
    }
    for (int k = 0; k < t->levels && *saturated < t->levels; k++) /* near saturation the variance already falls */
        if (t->level[k].used && t->level[k].mean - t->dark.mean > .7 * brightest) t->level[k].used = false;
    used = 0;
    for (int k = 0; k < t->levels; k++) used += t->level[k].used;
    if (used < 2)
        SG_FAIL(SG_E_RANGE,
                "%d light levels lie between dark (%.4g ADU) and saturation; the fit needs 2, 5 would do well", used,
                t->dark.mean);
    return SG_OK;
}

/* ---- what differs from pixel to pixel ---- */

/* Variance over the pixels of a level's means (less the dark's, if any), without the noise of these means. */
static double spatial_variance(const sg_photon_transfer *t, const sg_level *l, const sg_level *dark)
{
    const size_t plane = (size_t)t->height * (size_t)t->width;
    const double mean = l->mean - (dark ? dark->mean : 0);
    double square = 0, noise = l->variance / l->frames + (dark ? dark->variance / dark->frames : 0);
    for (size_t i = 0; i < plane; i++) {
        const double d = (double)l->pixel_mean[i] - (dark ? (double)dark->pixel_mean[i] : 0) - mean;
        square += d * d;
    }
    return fmax(square / (double)plane - noise, 0);
}

static sg_status make_maps(sg_photon_transfer *t)
{
    const size_t plane = (size_t)t->height * (size_t)t->width;
    double light = 0;
    SG_TRY(SG_ALLOC(&t->prnu_map, plane, "maps"));
    SG_TRY(SG_ALLOC(&t->dsnu_map, plane, "maps"));
    for (int k = 0; k < t->levels; k++) light += t->level[k].used ? t->level[k].mean - t->dark.mean : 0;
    for (size_t i = 0; i < plane; i++) {
        double own = 0;
        for (int k = 0; k < t->levels; k++)
            if (t->level[k].used) own += (double)t->level[k].pixel_mean[i] - (double)t->dark.pixel_mean[i];
        t->prnu_map[i] = (float)(own / light);
        t->dsnu_map[i] = (float)(t->gain_e_per_adu * ((double)t->dark.pixel_mean[i] - t->dark.mean));
        t->read_noise_map[i] = (float)(t->gain_e_per_adu * sqrt(fmax((double)t->read_noise_map[i] - ROUNDING_ADU2, 0)));
    }
    return SG_OK;
}

sg_status sg_photon_transfer_fit(sg_photon_transfer *t)
{
    double slope, intercept, error;
    int saturated;
    qsort(t->level, (size_t)t->levels, sizeof *t->level, by_mean);
    SG_TRY(choose_levels(t, &saturated));
    fit_line(t, &slope, &intercept, &error);
    if (!(slope > 0)) SG_FAIL(SG_E_RANGE, "the variance does not grow with the mean: are these flat frames?");
    t->gain_e_per_adu = 1 / slope;
    t->gain_error = error / (slope * slope);
    t->offset_adu = t->dark.mean;
    t->read_noise_e = t->gain_e_per_adu * sqrt(fmax(t->dark.variance - ROUNDING_ADU2, 0));
    if (saturated < t->levels) t->full_well_e = t->gain_e_per_adu * (t->level[t->levels - 1].mean - t->dark.mean);
    t->dsnu_e = t->gain_e_per_adu * sqrt(spatial_variance(t, &t->dark, NULL));
    const sg_level *bright = NULL;
    for (int k = 0; k < t->levels; k++) bright = t->level[k].used ? &t->level[k] : bright;
    t->prnu = sqrt(spatial_variance(t, bright, &t->dark)) / (bright->mean - t->dark.mean);
    return make_maps(t);
}
