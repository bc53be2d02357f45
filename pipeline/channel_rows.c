/* channel_rows.c - a small plan reads out some rows of all exposures. Statistics are gathered row by row, in double,
 * and merged in order (Chan, Golub & LeVeque 1983). */
#include "pipeline/channel_rows.h"

#include "core/memory.h"
#include "physics/readout.h"

#include <math.h>

enum { CHUNK_NUMBERS = 1 << 20 };
static const double epsilon = 1e-6; /* as sg_readout */

static sg_status make_plan(sg_channel_rows *c, const sg_camera_config *config, const sg_microscope_size *size,
                           sg_model *model)
{
    const sg_param_info *offset = sg_model_find(model, "camera.adc.offset_adu"); /* if it was learned */
    sg_camera_config camera = *config;
    if (offset) camera.offset_adu = (double)offset->value[0];
    camera.normalise = SG_NORMALISE_RANGE;
    const sg_param_spec spec = {.init_a = camera.range_e, .frozen = true, .unit = "electron"};
    const sg_plan_options options = {0};
    c->graph = sg_graph_new();
    const sg_shape shape = SG_SHAPE(1, c->picture->pages, c->chunk_rows, c->picture->width);
    const sg_value range = sg_param(c->graph, "camera.adc.range_e", SG_SHAPE(1, 1, 1, 1), &spec);
    const sg_value channels = sg_readout(c->graph, sg_input(c->graph, "adu", shape), range, &camera, size->exposures);
    c->channels = sg_value_shape(c->graph, channels).c;
    return sg_plan_make(&c->plan, c->graph, model, channels, &options);
}

/* The rows of all channels: (channels, chunk_rows, width) of which the first `rows` count. */
static sg_status read_chunk(const sg_channel_rows *c, const float **out, int row, int rows)
{
    const size_t page_len = (size_t)c->chunk_rows * (size_t)c->picture->width;
    float *adu = sg_plan_input(c->plan, "adu");
    for (int page = 0; page < c->picture->pages; page++)
        SG_TRY(sg_picture_rows_read(c->picture, adu + (size_t)page * page_len, page, row, rows));
    SG_TRY(sg_plan_forward(c->plan));
    *out = sg_plan_root(c->plan);
    return SG_OK;
}

static int chunk_at(const sg_channel_rows *c, int row, int end)
{
    return end - row < c->chunk_rows ? end - row : c->chunk_rows;
}

typedef struct moments {
    double count, mean, squares; /* sum (x - mean)^2 */
} moments;

static void add_row(moments *all, const float *x, size_t len)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < len; i++) sum += (double)x[i];
    const double n = (double)len, mean = sum / n, total = all->count + n, delta = mean - all->mean;
    for (size_t i = 0; i < len; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    all->squares += squares + delta * delta * (all->count * n / total);
    all->mean += delta * (n / total);
    all->count = total;
}

static sg_status find_scale(sg_channel_rows *c)
{
    const int height = c->picture->height;
    const size_t width = (size_t)c->picture->width;
    moments all = {0};
    for (int row = 0; row < height; row += c->chunk_rows) {
        const int rows = chunk_at(c, row, height);
        const float *x;
        SG_TRY(read_chunk(c, &x, row, rows));
        for (int i = 0; i < c->channels * rows; i++)
            add_row(&all, x + (size_t)(i / rows * c->chunk_rows + i % rows) * width, width);
    }
    c->mean = (float)all.mean;
    c->inverse = (float)(1 / sqrt(all.squares / all.count + epsilon));
    return SG_OK;
}

sg_status sg_channel_rows_open(sg_channel_rows *out, const sg_picture_rows *picture, const sg_camera_config *camera,
                               const sg_microscope_size *size, sg_model *model)
{
    const size_t fit = CHUNK_NUMBERS / ((size_t)picture->pages * (size_t)picture->width);
    *out = (sg_channel_rows){.picture = picture, .inverse = 1};
    out->chunk_rows = fit < 1 ? 1 : fit < (size_t)picture->height ? (int)fit : picture->height;
    if (camera->detectors > 0)
        SG_FAIL(SG_E_CONFIG, "camera.detectors: %s has pixels, this run has detectors behind masks", picture->path);
    if (picture->pages != size->frames)
        SG_FAIL(SG_E_SHAPE, "%s: %d pages, this run measures %d exposures (one page each)", picture->path,
                picture->pages, size->frames);
    SG_TRY(make_plan(out, camera, size, model));
    return camera->normalise == SG_NORMALISE_STANDARD ? find_scale(out) : SG_OK;
}

sg_status sg_channel_rows_read(const sg_channel_rows *c, float *out, size_t step, int row, int rows)
{
    const size_t width = (size_t)c->picture->width, chunk_len = (size_t)c->chunk_rows * width;
    for (int done = 0; done < rows; done += c->chunk_rows) {
        const int now = chunk_at(c, done, rows);
        const float *x;
        SG_TRY(read_chunk(c, &x, row + done, now));
        for (int k = 0; k < c->channels; k++) {
            const float *from = x + (size_t)k * chunk_len;
            float *to = out + (size_t)k * step + (size_t)done * width;
            for (size_t i = 0; i < (size_t)now * width; i++) to[i] = (from[i] - c->mean) * c->inverse;
        }
    }
    return SG_OK;
}

void sg_channel_rows_close(sg_channel_rows *c)
{
    sg_plan_free(c->plan);
    sg_graph_free(c->graph);
    *c = (sg_channel_rows){0};
}
