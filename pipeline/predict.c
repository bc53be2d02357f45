/* predict.c - see predict.h. A row of tiles is worked off from left to right; then its rows are written, and the rows
 * that the next one sees too move up. All threads share one tile: its ops have slices enough, and a tile a thread would
 * halve the tiles that fit into the same memory, so that overlaps cost more. */
#include "pipeline/predict.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "nn/ops.h"
#include "nn/unet.h"
#include "pipeline/interrupt.h"
#include "pipeline/program.h"
#include "pipeline/progress.h"
#include "pipeline/tiling.h"

#include <math.h>
#include <string.h>

struct sg_predictor {
    const sg_config *config;
    sg_model *model;
    sg_predict_options options;
    sg_graph *graph;
    sg_plan *plan;
    sg_tiling rows, columns;
    int channels, height, width;
    float *band;      /* (channels, tile rows, width) rows of the picture from band_first to band_end - 1 */
    float *predicted; /* (tile rows, width) what the row of tiles predicts */
    int band_first, band_end;
    sg_progress progress;
};

/* ---- tiles and their plan ---- */

static int round_up(int px, int unit)
{
    return (px + unit - 1) / unit * unit;
}

static size_t band_len(const sg_predictor *p)
{
    const int rows = p->rows.tile < p->height ? p->rows.tile : p->height;
    return (size_t)rows * (size_t)p->width;
}

/* Tiles of at most `side` pixels. */
static sg_status plan_tiles(sg_predictor *p, int side, int halo)
{
    const sg_unet_config *net = &p->config->unet;
    const sg_plan_options options = sg_program_options(&p->config->nn);
    const int unit = 1 << net->depth;
    p->rows = sg_tiling_make(sg_unet_whole(net, p->height), side, halo, unit);
    p->columns = sg_tiling_make(sg_unet_whole(net, p->width), side, halo, unit);
    p->graph = sg_graph_new();
    const sg_shape shape = SG_SHAPE(1, p->channels, p->rows.tile, p->columns.tile);
    return sg_plan_make(&p->plan, p->graph, p->model, sg_unet(p->graph, sg_input(p->graph, "x", shape), net), &options);
}

/* About what tiles of this size need, from shapes alone, so that bits do not depend on the machine. Alive at once are
 * some four values as large as the finest level: what waits at the skip, and both sides of a convolution of twice the
 * channels. Seen: 528 MiB for 1024 pixels at width 32, 128 MiB at width 8. */
static double tile_bytes(const sg_predictor *p, int side)
{
    const double number = p->config->nn.precision == SG_NN_BF16 ? 2 : 4;
    const double rows = (double)p->width * side * (p->channels + 1) * sizeof(float);
    return 4.25 * p->config->unet.width * number * side * side + rows;
}

/* Overlaps cost least where tiles are large. */
static int choose_side(const sg_predictor *p, int halo, int field)
{
    enum { STEP = 128, MOST = 2048 };
    const int least = round_up(field > 2 * halo ? field : 2 * halo + STEP, STEP);
    int side = MOST;
    while (side > least && tile_bytes(p, side) > (double)SG_PREDICT_MIB * 1048576) side -= STEP;
    return side > least ? side : least;
}

static sg_status make_tiles(sg_predictor *p)
{
    const sg_unet_config *net = &p->config->unet;
    const int unit = 1 << net->depth, sees = sg_unet_halo(net), field = unit + 2 * sees;
    const int halo = round_up(p->options.overlap_px >= 0 ? p->options.overlap_px : sees, unit);
    const int tile = round_up(p->options.tile_px, unit);
    if (p->height < unit || p->width < unit)
        SG_FAIL(SG_E_SHAPE, "%d x %d px is smaller than %d, the coarsest pixel of the network", p->width, p->height,
                unit);
    if (tile > 0 && tile < field)
        SG_FAIL(SG_E_RANGE, "a tile of %d px is smaller than the receptive field of this network, %d px",
                p->options.tile_px, field);
    if (tile > 0 && tile <= 2 * halo)
        SG_FAIL(SG_E_RANGE, "a tile of %d px has nothing left between overlaps of %d px on both sides; %d would do",
                p->options.tile_px, halo, 2 * halo + unit);
    const int side = tile > 0 ? tile : choose_side(p, halo, field);
    const sg_status status = plan_tiles(p, side, halo);
    return status == SG_E_MEMORY ? sg_error_prefix(status, "--tile %d", side) : status;
}

sg_status sg_predictor_make(sg_predictor **out, const sg_config *config, sg_model *model, int channels, int height,
                            int width, const sg_predict_options *options)
{
    SG_TRY(SG_ALLOC(out, 1, "predict"));
    sg_predictor *p = *out;
    *p = (sg_predictor){.config = config, .model = model, .options = *options};
    p->channels = channels, p->height = height, p->width = width;
    sg_status status = make_tiles(p);
    if (status == SG_OK) status = SG_ALLOC(&p->band, band_len(p) * (size_t)channels, "predict");
    if (status == SG_OK) status = SG_ALLOC(&p->predicted, band_len(p), "predict");
    if (status == SG_OK) return SG_OK;
    sg_predictor_free(p);
    *out = NULL;
    return status;
}

void sg_predictor_free(sg_predictor *p)
{
    if (p == NULL) return;
    sg_plan_free(p->plan);
    sg_graph_free(p->graph);
    sg_free(p->band);
    sg_free(p->predicted);
    sg_free(p);
}

/* ---- values ---- */

typedef struct values {
    float *out;
    const float *logits;
    size_t len;
    bool probability;
} values;

static void value_block(void *context, int block, int thread)
{
    const values *v = context;
    (void)thread;
    for (size_t i = sg_block_begin(block); i < sg_block_end(block, v->len); i++)
        v->out[i] = v->probability ? (float)(1 / (1 + exp(-(double)v->logits[i]))) : v->logits[i];
}

void sg_predict_values(float *out, const float *logits, size_t len, const sg_loss_config *loss)
{
    values v = {out, logits, len, loss->kind == SG_LOSS_DICE_BCE};
    sg_parallel(sg_blocks(len), value_block, &v);
}

/* ---- running ---- */

/* The band then holds what tile row i sees; mirrored rows are among them. */
static sg_status move_band(sg_predictor *p, const sg_channel_rows *in, int i)
{
    const int first = sg_tiling_origin(&p->rows, i), below = first + p->rows.tile;
    const int end = below < p->height ? below : p->height;
    const int from = i > 0 ? p->band_end : first; /* rows before are there already */
    const size_t width = (size_t)p->width, keep = (size_t)(from - first) * width;
    for (int c = 0; c < p->channels; c++) {
        float *plane = p->band + (size_t)c * band_len(p);
        if (i > 0) memmove(plane, plane + (size_t)(first - p->band_first) * width, keep * sizeof *plane);
    }
    p->band_first = first;
    p->band_end = end;
    return sg_channel_rows_read(in, p->band + keep, band_len(p), from, end - from);
}

/* One row of what a tile sees, from column x0 on. */
static void fill_row(const sg_predictor *p, float *out, const float *row, int x0)
{
    const int inside = p->width - x0 < p->columns.tile ? p->width - x0 : p->columns.tile;
    memcpy(out, row + x0, (size_t)inside * sizeof *out);
    for (int x = inside; x < p->columns.tile; x++) out[x] = row[sg_mirror(x0 + x, p->width)];
}

static void fill_tile(const sg_predictor *p, float *out, int i, int j)
{
    const int y0 = sg_tiling_origin(&p->rows, i), x0 = sg_tiling_origin(&p->columns, j), h = p->rows.tile;
    for (int k = 0; k < p->channels * h; k++) {
        const int row = sg_mirror(y0 + k % h, p->height) - p->band_first;
        fill_row(p, out + (size_t)k * (size_t)p->columns.tile,
                 p->band + (size_t)(k / h) * band_len(p) + (size_t)row * (size_t)p->width, x0);
    }
}

static void place_tile(const sg_predictor *p, const float *logits, int i, int j)
{
    const int y0 = sg_tiling_origin(&p->rows, i), x0 = sg_tiling_origin(&p->columns, j);
    const int top = sg_tiling_begin(&p->rows, i), left = sg_tiling_begin(&p->columns, j);
    const int bottom = sg_tiling_end(&p->rows, i), right = sg_tiling_end(&p->columns, j);
    const int inside = right < p->width ? right : p->width;
    for (int y = top; y < bottom && y < p->height; y++)
        memcpy(p->predicted + (size_t)(y - top) * (size_t)p->width + (size_t)left,
               logits + (size_t)(y - y0) * (size_t)p->columns.tile + (size_t)(left - x0),
               (size_t)(inside - left) * sizeof *logits);
}

static sg_status run_tile_row(sg_predictor *p, int i)
{
    const int all = p->rows.count * p->columns.count;
    for (int j = 0; j < p->columns.count; j++) {
        const int before = i * p->columns.count + j;
        if (sg_interrupted())
            SG_FAIL(SG_E_INTERRUPTED, "interrupted after %d of %d tiles; nothing was written", before, all);
        fill_tile(p, sg_plan_input(p->plan, "x"), i, j);
        SG_TRY(sg_plan_forward(p->plan));
        place_tile(p, sg_plan_root(p->plan), i, j);
        sg_progress_count(&p->progress, before + 1);
    }
    return SG_OK;
}

static sg_status run_all(sg_predictor *p, const sg_channel_rows *in, sg_tiff_writer *out)
{
    for (int i = 0; i < p->rows.count; i++) {
        const int top = sg_tiling_begin(&p->rows, i), end = sg_tiling_end(&p->rows, i);
        const int rows = (end < p->height ? end : p->height) - top;
        SG_TRY(move_band(p, in, i));
        SG_TRY(run_tile_row(p, i));
        sg_predict_values(p->predicted, p->predicted, (size_t)rows * (size_t)p->width, &p->config->loss);
        SG_TRY(sg_tiff_append(out, p->predicted, rows));
    }
    return SG_OK;
}

sg_status sg_predictor_run(sg_predictor *p, const sg_channel_rows *in, sg_tiff_writer *out)
{
    const sg_step step = {.training = false};
    sg_plan_step_set(p->plan, &step);
    sg_progress_begin(&p->progress, "predict", 0, p->rows.count * p->columns.count, p->options.silent);
    const sg_status status = run_all(p, in, out);
    sg_progress_end(&p->progress);
    return status;
}
