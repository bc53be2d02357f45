/* conv_head.c - a convolution of 1 x 1 with few output channels, as at a network's end: too few for a multiplication of
 * matrices, so memory decides. Channels are summed where they lie, every number of x is read once in each direction.
 *     forward   y(o, p) = bias(o) + sum_c weight(o, c) x(c, p), then the fused activation
 *     backward  dx(c, p) += sum_o weight(o, c) dy(o, p); dweight(o, c) += sum_p dy(o, p) x(c, p); dbias(o) += sum_p dy
 * Tiles of pixels are grouped into chunks fixed by shape; each has its own sums, which are added in order. y is plain:
 * it has too few channels for blocks. */
#include "core/bf16.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/conv_pixel.h"
#include "nn/lanes.h"
#include "nn/ops.h"
#include "nn/pixel_move.h"
#include "nn/simd.h"

enum { TILE = 256, CHUNKS = 32 };

typedef struct head {
    sg_lanes x, y;
    size_t channels, outputs;
    int tiles, chunks; /* of all images; tiles of an image follow each other */
    size_t sum_step;   /* floats: a chunk's sums for weights and bias */
} head;

static head head_make(const sg_node *node)
{
    head h = {.x = sg_lanes_of(node->in_shape[0], node->in_form[0]), .y = sg_lanes_of(node->shape, node->form)};
    h.channels = (size_t)node->in_shape[0].c;
    h.outputs = (size_t)node->shape.c;
    h.tiles = h.x.n * (int)((h.x.pixels + TILE - 1) / TILE);
    h.chunks = h.tiles < CHUNKS ? h.tiles : CHUNKS;
    h.sum_step = sg_align_up((h.channels + 1) * h.outputs * sizeof(float)) / sizeof(float);
    return h;
}

static bool head_takes(const sg_node *node, bool backward)
{
    (void)backward;
    return node->op == &sg_op_conv2d && node->in_shape[1].h == 1 && node->shape.c <= SG_PIXEL_OUTPUTS;
}

static unsigned head_layouts(void)
{
    return sg_simd_level() == SG_SIMD_AVX512 ? SG_NCHW8 | SG_NCHW16 : SG_NCHW8;
}

static void head_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const head h = head_make(node);
    (void)threads;
    (void)real_size;
    out->scratch = (size_t)h.chunks * h.sum_step * sizeof(float);
}

/* A tile: x there, where it begins in x and (output 0) in y. */
typedef struct tile {
    sg_pixel_row row;
    size_t x, y;
} tile;

static tile tile_at(const head *h, const void *x, int index)
{
    const int each = h->tiles / h->x.n;
    const size_t image = (size_t)(index / each), first = (size_t)(index % each) * TILE, left = h->x.pixels - first;
    tile t = {.x = image * h->x.image_step + first * (size_t)h->x.lanes, .y = image * h->y.image_step + first};
    t.row = (sg_pixel_row){(const char *)x + t.x * sg_type_size(h->x.type, sizeof(float)),
                           h->x.piece,
                           left < TILE ? left : TILE,
                           h->x.type,
                           h->x.blocks,
                           h->x.lanes};
    return t;
}

static int chunk_begin(const head *h, int chunk)
{
    return (int)((int64_t)h->tiles * chunk / h->chunks);
}

SG_SIMD static void finish(float *y, size_t count, float bias, float slope)
{
    for (size_t p = 0; p < count; p++) {
        const float v = y[p] + bias;
        y[p] = sg_leaky_f32(v, slope);
    }
}

static void forward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const head h = head_make(run->node);
    const float *weight = run->in[1], *bias = run->in[2], slope = sg_fused_slope_f32(run->node);
    (void)thread;
    for (int i = chunk_begin(&h, chunk); i < chunk_begin(&h, chunk + 1); i++) {
        const tile t = tile_at(&h, run->in[0], i);
        for (size_t o = 0; o < h.outputs; o++) {
            float *y = (float *)run->out + t.y + o * h.y.piece;
            sg_pixel_dot(y, &t.row, weight + o * h.channels);
            finish(y, t.row.count, bias ? bias[o] : 0, slope);
        }
    }
}

static void head_forward(const sg_run *run)
{
    sg_parallel(head_make(run->node).chunks, forward_slice, &run);
}

SG_SIMD static void undo(float *restrict dy, const float *restrict y, size_t count, float slope)
{
    for (size_t p = 0; p < count; p++) dy[p] = y[p] > 0 ? dy[p] : slope * dy[p];
}

SG_SIMD static float sum(const float *dy, size_t count)
{
    float part[SG_LANES] = {0}, all = 0;
    size_t p = 0;
    for (; p + SG_LANES <= count; p += SG_LANES)
        for (size_t l = 0; l < SG_LANES; l++) part[l] += dy[p + l];
    for (size_t l = 0; p + l < count; l++) part[l] += dy[p + l];
    for (size_t l = 0; l < SG_LANES; l++) all += part[l];
    return all;
}

/* Sums of one output channel; dy gets the fused activation undone. */
static void add_sums(const sg_run *run, const head *h, const tile *t, size_t o, float *sums)
{
    const sg_fused_relu *relu = run->node->premasked ? NULL : run->node->fused;
    const size_t at = t->y + o * h->y.piece;
    float *dy = (float *)run->dout + at;
    if (relu) undo(dy, (const float *)run->out + at, t->row.count, (float)relu->slope);
    if (run->din[2]) sums[h->outputs * h->channels + o] += sum(dy, t->row.count);
    if (run->din[1]) sg_pixel_weigh(sums + o * h->channels, &t->row, dy);
}

static void data_gradient(const sg_run *run, const head *h, const tile *t)
{
    const sg_fused_relu *mask = run->node->mask[0];
    const float slope = mask ? (float)mask->slope : 1;
    char *dx = (char *)run->din[0] + t->x * sg_type_size(h->x.type, sizeof(float));
    sg_pixel_spread(dx, &t->row,
                    &(sg_pixel_outputs){.dy = (const float *)run->dout + t->y,
                                        .weight = run->in[1],
                                        .dy_step = h->y.piece,
                                        .weight_step = h->channels,
                                        .count = h->outputs},
                    !run->fresh[0], mask ? &slope : NULL);
}

static void backward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const head h = head_make(run->node);
    float *sums = (float *)run->scratch + (size_t)chunk * h.sum_step;
    (void)thread;
    memset(sums, 0, h.sum_step * sizeof(float));
    for (int i = chunk_begin(&h, chunk); i < chunk_begin(&h, chunk + 1); i++) {
        const tile t = tile_at(&h, run->in[0], i);
        for (size_t o = 0; o < h.outputs; o++) add_sums(run, &h, &t, o, sums);
        if (run->din[0]) data_gradient(run, &h, &t);
    }
}

/* to = [to +] the chunks' sums, numbers first .. of each. */
static void add_chunks(const head *h, float *to, const float *sums, size_t first, size_t count, bool fresh)
{
    for (size_t i = 0; to && i < count; i++) {
        float all = 0;
        for (int chunk = 0; chunk < h->chunks; chunk++) all += sums[(size_t)chunk * h->sum_step + first + i];
        to[i] = (fresh ? 0 : to[i]) + all;
    }
}

static void head_backward(const sg_run *run)
{
    const head h = head_make(run->node);
    const size_t weights = h.outputs * h.channels;
    sg_parallel(h.chunks, backward_slice, &run);
    add_chunks(&h, run->din[1], run->scratch, 0, weights, run->fresh[1]);
    add_chunks(&h, run->din[2], run->scratch, weights, h.outputs, run->fresh[2]);
}

const sg_fast sg_conv_head_fast = {
    .name = "head",
    .takes = head_takes,
    .blocked = head_layouts,
    .any_form = true,
    .masks = 1,
    .skips_mask = true,
    .workspace = head_workspace,
    .forward = head_forward,
    .backward = head_backward,
};
