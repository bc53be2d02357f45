/* synthetic.c - made-up cells: placing, drawing, and the dataset of them. */
#include "datasets/synthetic.h"

#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_MAX = 10000, TRIES = 100, WAVES = 3 };

typedef struct cell {
    double y, x, radius, ratio, angle, brightness; /* px */
    double wave_y[WAVES], wave_x[WAVES], phase[WAVES];
} cell;

/* ---- placing ---- */

static double unit(const sg_rng *rng, uint32_t element, uint32_t draw, int word)
{
    uint32_t words[4];
    sg_rng_words(rng, element, draw, words);
    return sg_rng_unit(words[word]);
}

/* Words of draw 0..3 give the looks of a cell; draws 4.. its tries for a place. */
static cell make_cell(const sg_rng *rng, uint32_t number, double radius_px, double spread)
{
    const double r = 1 + spread * sg_rng_normal(rng, number, 0);
    cell c = {.radius = radius_px * (r < .3 ? .3 : r > 2 ? 2 : r)};
    c.ratio = .6 + .4 * unit(rng, number, 1, 0);
    c.angle = M_PI * unit(rng, number, 1, 1);
    c.brightness = .6 + .4 * unit(rng, number, 1, 2);
    for (int i = 0; i < WAVES; i++) { /* mottles of .6 to 1.5 radii */
        const double length = c.radius * (.6 + .9 * unit(rng, number, 2, i)), turn = 2 * M_PI * unit(rng, number, 3, i);
        c.wave_y[i] = 2 * M_PI / length * sin(turn);
        c.wave_x[i] = 2 * M_PI / length * cos(turn);
        c.phase[i] = 2 * M_PI * unit(rng, number + 1u + CELLS_MAX, 0, i);
    }
    return c;
}

static bool is_free(const cell *c, double y, double x, const cell *others, int count, double overlap)
{
    for (int i = 0; i < count; i++) {
        const double reach = (1 - overlap) * (c->radius + others[i].radius);
        const double dy = y - others[i].y, dx = x - others[i].x;
        if (dy * dy + dx * dx < reach * reach) return false;
    }
    return true;
}

static bool place(cell *c, const sg_rng *rng, uint32_t number, int px, const cell *others, int count, double overlap)
{
    for (uint32_t i = 0; i < TRIES; i++) {
        const double y = px * unit(rng, number, 4 + i, 0), x = px * unit(rng, number, 4 + i, 1);
        if (!is_free(c, y, x, others, count, overlap)) continue;
        c->y = y;
        c->x = x;
        return true;
    }
    return false;
}

/* ---- drawing ---- */

/* Distance from the centre in units of the ellipse: 1 on its edge. */
static double ellipse(const cell *c, double dy, double dx)
{
    const double u = cos(c->angle) * dx + sin(c->angle) * dy, v = cos(c->angle) * dy - sin(c->angle) * dx;
    return sqrt(u * u + v * v / (c->ratio * c->ratio)) / c->radius;
}

/* 1 inside, 0 outside, a smooth step two pixels wide at the edge; times brightness and mottles. */
static double cell_value(const cell *c, double dy, double dx, double distance)
{
    double mottle = 0;
    const double t = (1 - distance) * c->radius * .5 + .5, edge = t < 0 ? 0 : t > 1 ? 1 : t;
    for (int i = 0; i < WAVES; i++) mottle += cos(c->wave_y[i] * dy + c->wave_x[i] * dx + c->phase[i]) / WAVES;
    return edge * edge * (3 - 2 * edge) * c->brightness * (.8 + .2 * mottle);
}

static int clip(double v, int px)
{
    return v < 0 ? 0 : v > px ? px : (int)v;
}

static void draw_cell(float *picture, int32_t *labels, int px, const cell *c, int32_t number, double background)
{
    const double reach = c->radius + 2;
    for (int y = clip(c->y - reach, px); y < clip(c->y + reach + 1, px); y++)
        for (int x = clip(c->x - reach, px); x < clip(c->x + reach + 1, px); x++) {
            const size_t i = (size_t)y * (size_t)px + (size_t)x;
            const double dy = y + .5 - c->y, dx = x + .5 - c->x, distance = ellipse(c, dy, dx);
            const float v = (float)(background + (1 - background) * cell_value(c, dy, dx, distance));
            if (v > picture[i]) picture[i] = v;
            if (distance <= 1 && labels[i] == 0) labels[i] = number;
        }
}

/* A grid would find neighbours faster, but few pictures hold more than some hundred cells. */
void sg_synthetic_make(float *picture, int32_t *labels, int px, double pixel_um, const sg_synthetic_config *config,
                       uint32_t index)
{
    static _Thread_local cell cells[CELLS_MAX]; /* 1.2 MB: too much for a stack */
    const sg_rng rng = sg_rng_make(config->seed, SG_RNG_SYNTHETIC, index, 0, 0);
    int count = 0;
    for (size_t i = 0; i < (size_t)px * (size_t)px; i++) picture[i] = (float)config->background, labels[i] = 0;
    for (uint32_t number = 0; number < (uint32_t)config->count && count < CELLS_MAX; number++) {
        cells[count] = make_cell(&rng, number, config->radius_um / pixel_um, config->radius_spread);
        if (!place(&cells[count], &rng, number, px, cells, count, config->overlap)) continue;
        draw_cell(picture, labels, px, &cells[count], count + 1, config->background);
        count++;
    }
}

/* ---- the dataset ---- */

static sg_status check(const sg_synthetic_config *c, double pixel_um)
{
    if (c->count < 0 || c->count > CELLS_MAX)
        SG_FAIL(SG_E_RANGE, "dataset.synthetic.count: %d is outside 0..%d", c->count, CELLS_MAX);
    if (!(c->radius_um > 0 && c->radius_um <= 1e4) || !(pixel_um > 0))
        SG_FAIL(SG_E_RANGE, "dataset.synthetic.radius_um: %g um at %g um a pixel; both must be positive", c->radius_um,
                pixel_um);
    if (!(c->radius_spread >= 0 && c->radius_spread <= 1))
        SG_FAIL(SG_E_RANGE, "dataset.synthetic.radius_spread: %g is outside 0..1", c->radius_spread);
    if (!(c->overlap >= 0 && c->overlap <= 1))
        SG_FAIL(SG_E_RANGE, "dataset.synthetic.overlap: %g is outside 0..1", c->overlap);
    if (!(c->background >= 0 && c->background <= 1))
        SG_FAIL(SG_E_RANGE, "dataset.synthetic.background: %g is outside 0..1", c->background);
    if (c->train < 0 || c->validation < 0 || c->test < 0)
        SG_FAIL(SG_E_RANGE, "dataset.synthetic: a split cannot have fewer than 0 pictures");
    return SG_OK;
}

sg_status sg_synthetic_list(sg_dataset *dataset)
{
    const sg_synthetic_config *c = &dataset->config.synthetic;
    SG_TRY(check(c, dataset->grid.pixel_um));
    const int count[3] = {c->train, c->validation, c->test};
    for (int split = 0, index = 0; split < 3; split++)
        for (int i = 0; i < count[split]; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "synthetic_%04d", index++);
            SG_TRY(sg_dataset_add(dataset, name, NULL, NULL, (sg_split)split, NULL));
        }
    return SG_OK;
}

sg_status sg_synthetic_load(const sg_dataset *dataset, sg_item *item)
{
    const int px = dataset->grid.sample_px;
    const size_t len = (size_t)px * (size_t)px;
    float *picture = NULL;
    int32_t *labels = NULL;
    sg_status status = SG_ALLOC(&item->scale, 1, item->name);
    if (status == SG_OK) status = SG_ALLOC(&picture, len, item->name);
    if (status == SG_OK) status = SG_ALLOC(&labels, len, item->name);
    if (status != SG_OK) {
        sg_free(picture);
        return status;
    }
    sg_synthetic_make(picture, labels, px, dataset->grid.pixel_um, &dataset->config.synthetic,
                      (uint32_t)strtoul(item->name + strlen("synthetic_"), NULL, 10));
    *item->scale = (sg_sample_scale){.range = 1, .high = 1};
    status = sg_raster_pack_f32(&item->picture, picture, 1, px, px, item->name);
    const sg_status second = sg_raster_pack_i32(&item->labels, labels, px, px, item->name);
    return status != SG_OK ? status : second;
}
