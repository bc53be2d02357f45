/* conv_onednn.c - a fast row of conv2d: a library's direct convolution, image by image.
 * A slice is one image and a group of result channels; of the weight gradient it is a group of output channels and a
 * chunk of the batch, with a sum of its own, and these are added in order. Groups and chunks are fixed by shapes, so
 * the bits do not depend on the number of threads. The library reads and writes float blocks of channels: a value is
 * used where it lies if it is that, and is packed into scratch memory otherwise (channels filled up with zeros).
 * Weights are packed every time: the model keeps them plain. */
#include "nn/conv_rows.h"

#include "core/bf16.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/blocks.h"
#include "nn/lanes.h"
#include "nn/onednn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICES = 8 };              /* wanted, so that so many threads have work */
enum { LARGE_WEIGHTS = 1 << 18 }; /* numbers; more are not worth a sum for each chunk: groups alone make the slices */

/* One side of the convolution, a value of the op. */
typedef struct side {
    int c, all; /* channels, and filled up to whole blocks */
    size_t pixels;
    sg_form form;
    bool in_place; /* lies in memory as the library wants it */
} side;

enum { DIRECTIONS = SG_DNN_WEIGHTS + 1 };

typedef struct layer {
    int n, chunks, threads;
    int groups[DIRECTIONS]; /* of result channels: o, i, o */
    side x, y;
    sg_dnn_problem problem[DIRECTIONS]; /* one image, one group */
    size_t scratch[DIRECTIONS];         /* bytes of the library */
} layer;

typedef struct prepared {
    layer l;
    sg_dnn *dnn[DIRECTIONS];
} prepared;

/* ---- description ---- */

static int round_up(int c, int block)
{
    return (c + block - 1) / block * block;
}

/* The fixed rule by shape: blocks half as wide are half as fast, but hold fewer zeros. */
static int block_for(int i, int o)
{
    const int widest = sg_dnn_block(), half = widest / 2;
    const double wide = (double)round_up(i, widest) * round_up(o, widest);
    return half >= 8 && 2. * round_up(i, half) * round_up(o, half) < wide ? half : widest;
}

static side side_make(sg_shape s, sg_form form, int block)
{
    return (side){s.c, round_up(s.c, block), (size_t)s.h * (size_t)s.w, form,
                  form.layout == (sg_layout)block && form.type == SG_F32};
}

/* The largest number of equal groups of blocks, at most `most`. */
static int group_count(int blocks, int most)
{
    int groups = most < blocks ? most : blocks;
    while (groups > 1 && blocks % groups) groups--;
    return groups > 1 ? groups : 1;
}

static void cut(layer *l, int block, size_t weights)
{
    const bool large = weights >= LARGE_WEIGHTS && l->y.in_place;
    l->chunks = large ? 1 : l->n < SLICES ? l->n : SLICES;
    for (int d = 0; d < DIRECTIONS; d++) {
        const side *result = d == SG_DNN_DATA ? &l->x : &l->y;
        l->groups[d] =
            result->in_place ? group_count(result->all / block, SLICES / (d == SG_DNN_WEIGHTS ? l->chunks : l->n)) : 1;
    }
}

static layer layer_make(const sg_node *node, int threads)
{
    const int k = node->in_shape[1].h, block = block_for(node->in_shape[0].c, node->shape.c);
    layer l = {.n = node->shape.n,
               .threads = threads,
               .x = side_make(node->in_shape[0], node->in_form[0], block),
               .y = side_make(node->shape, node->form, block)};
    cut(&l, block, sg_shape_len(node->in_shape[1]));
    for (int d = 0; d < DIRECTIONS; d++)
        l.problem[d] = (sg_dnn_problem){.direction = (sg_dnn_direction)d,
                                        .block = block,
                                        .n = 1,
                                        .ic = l.x.all / (d == SG_DNN_DATA ? l.groups[d] : 1),
                                        .oc = l.y.all / (d == SG_DNN_DATA ? 1 : l.groups[d]),
                                        .h = node->shape.h,
                                        .w = node->shape.w,
                                        .k = k,
                                        .bias = d == SG_DNN_FORWARD && node->inputs[2] >= 0,
                                        .relu = d == SG_DNN_FORWARD && node->fused,
                                        .slope = node->fused ? (float)node->fused->slope : 0};
    return l;
}

static bool row_takes(const sg_node *node, bool backward)
{
    if (!sg_dnn_block() || !sg_conv_same(node)) return false;
    const layer l = layer_make(node, 1);
    for (int d = 0; d < (backward ? DIRECTIONS : 1); d++)
        if (!sg_dnn_has(&l.problem[d])) return false;
    return true;
}

static unsigned row_layouts(void)
{
    return (unsigned)(sg_dnn_block() | sg_dnn_block() / 2) & (SG_NCHW8 | SG_NCHW16);
}

/* ---- memory: what lies where in `scratch` ---- */

static size_t floats_up(size_t count)
{
    return sg_align_up(count * sizeof(float)) / sizeof(float);
}

/* Packed weights of one group. */
static size_t weight_len(const sg_dnn_problem *p)
{
    return floats_up((size_t)p->oc * (size_t)p->ic * (size_t)p->k * (size_t)p->k);
}

static size_t image_len(const side *s)
{
    return floats_up((size_t)s->all * s->pixels);
}

/* Forward: [weights][bias], then for each thread [library][x][y]. Backward: [weights][chunks x bias gradient][chunks x
 * weight gradient], then for each thread [library][x][dy][dx][weight gradient of an image]. */
typedef struct map {
    float *weights, *bias, *sums;
    void *library;
    float *x, *y, *dx, *dw;
    size_t bytes;
} map;

static map map_make(const layer *l, bool backward, float *base, int thread)
{
    const sg_dnn_problem *first = &l->problem[backward ? SG_DNN_DATA : SG_DNN_FORWARD],
                         *dw = &l->problem[SG_DNN_WEIGHTS];
    const size_t library = backward && l->scratch[SG_DNN_WEIGHTS] > l->scratch[SG_DNN_DATA]
                               ? l->scratch[SG_DNN_WEIGHTS]
                               : l->scratch[first->direction];
    const size_t chunks = (size_t)l->chunks;
    const size_t len[] = {
        (size_t)l->groups[first->direction] * weight_len(first),
        (backward ? chunks : 1) * floats_up((size_t)l->y.all),
        backward ? chunks * (size_t)l->groups[SG_DNN_WEIGHTS] * weight_len(dw) : 0,
        floats_up(library / sizeof(float) + 1),
        l->x.in_place ? 0 : image_len(&l->x),
        l->y.in_place ? 0 : image_len(&l->y),
        backward ? image_len(&l->x) : 0,
        backward ? weight_len(dw) : 0,
    };
    size_t at[9] = {0};
    for (int i = 0; i < 8; i++) at[i + 1] = at[i] + len[i];
    const size_t own = at[8] - at[3], mine = own * (size_t)thread;
    const size_t bytes = (at[3] + own * (size_t)l->threads) * sizeof(float);
    if (!base) return (map){.bytes = bytes};
    return (map){base + at[0],        base + at[1],        base + at[2],
                 base + at[3] + mine, base + at[4] + mine, base + at[5] + mine,
                 base + at[6] + mine, base + at[7] + mine, bytes};
}

static void layer_sizes(layer *l)
{
    for (int d = 0; d < DIRECTIONS; d++) l->scratch[d] = sg_align_up(sg_dnn_scratch(&l->problem[d]));
}

static void row_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    layer l = layer_make(node, threads);
    (void)real_size;
    layer_sizes(&l);
    const size_t forward = map_make(&l, false, NULL, 0).bytes, backward = map_make(&l, true, NULL, 0).bytes;
    out->scratch = forward > backward ? forward : backward;
}

/* ---- prepare ---- */

static void row_release(void *memory)
{
    prepared *p = memory;
    for (int d = 0; p && d < DIRECTIONS; d++) sg_dnn_free(p->dnn[d]);
    free(p);
}

static sg_status row_prepare(void **out, const sg_node *node, int threads, bool backward)
{
    prepared *p = calloc(1, sizeof *p);
    *out = p;
    if (!p) SG_FAIL(SG_E_MEMORY, "convolution: out of memory");
    p->l = layer_make(node, threads);
    layer_sizes(&p->l);
    for (int d = 0; d < (backward ? DIRECTIONS : 1); d++) SG_TRY(sg_dnn_new(&p->dnn[d], &p->l.problem[d], threads));
    return SG_OK;
}

static void row_describe(const void *memory, char *out, size_t size)
{
    const prepared *p = memory;
    (void)snprintf(out, size, "onednn: forward %s, data %s, weights %s", sg_dnn_name(p->dnn[SG_DNN_FORWARD]),
                   sg_dnn_name(p->dnn[SG_DNN_DATA]), sg_dnn_name(p->dnn[SG_DNN_WEIGHTS]));
}

/* ---- values ---- */

static void *image_at(const void *value, const side *s, int image)
{
    return (unsigned char *)(uintptr_t)value +
           (size_t)image * s->form.image_step * sg_type_size(s->form.type, sizeof(float));
}

/* An image for the library: in place, or packed into `buffer`. */
static float *library_image(const void *value, const side *s, int image, int block, float *buffer)
{
    void *at = image_at(value, s, image);
    if (s->in_place) return at;
    sg_blocks_load(buffer, block, at, s->form, s->c, s->pixels);
    return buffer;
}

SG_SIMD static void add_floats(float *restrict to, const float *restrict from, size_t len)
{
    for (size_t i = 0; i < len; i++) to[i] += from[i];
}

/* ---- weights: plain (o, i, k, k) <-> groups of blocks, see onednn.h ---- */

typedef struct weight_job {
    const layer *l;
    sg_dnn_direction direction;
    float *packed, *plain;
    bool add;
} weight_job;

/* How a block of channels x channels lies in packed weights: (o, i, tap) at base + o o_step + i i_step + tap
 * tap_step. */
typedef struct weight_block {
    size_t base, o_step, i_step, tap_step, plain;
    int o, i; /* real channels of the block */
} weight_block;

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Blocks ob and ib of the whole layer. */
static weight_block weight_block_at(const weight_job *j, int ob, int ib)
{
    const layer *l = j->l;
    const sg_dnn_problem *p = &l->problem[j->direction];
    const int o_blocks = p->oc / p->block, i_blocks = p->ic / p->block; /* of a group */
    const size_t taps = (size_t)p->k * (size_t)p->k, block = (size_t)p->block;
    const size_t group = (size_t)(j->direction == SG_DNN_DATA ? ib / i_blocks : ob / o_blocks);
    const size_t row = (size_t)(ob % o_blocks) * (size_t)i_blocks + (size_t)(ib % i_blocks);
    return (weight_block){.base = group * weight_len(p) + row * taps * block * block,
                          .o_step = j->direction == SG_DNN_DATA ? block : 1,
                          .i_step = j->direction == SG_DNN_DATA ? 1 : block,
                          .tap_step = block * block,
                          .plain = ((size_t)ob * (size_t)l->x.c + (size_t)ib) * block * taps,
                          .o = least(l->y.c - ob * p->block, p->block),
                          .i = least(l->x.c - ib * p->block, p->block)};
}

/* Slice: a block of output channels. */
static void pack_weights_slice(void *context, int ob, int thread)
{
    const weight_job *j = context;
    const sg_dnn_problem *p = &j->l->problem[j->direction];
    const size_t taps = (size_t)p->k * (size_t)p->k, row = (size_t)j->l->x.c * taps;
    (void)thread;
    for (int ib = 0; ib < j->l->x.all / p->block; ib++) {
        const weight_block b = weight_block_at(j, ob, ib);
        memset(j->packed + b.base, 0, taps * b.tap_step * sizeof(float));
        for (size_t o = 0; o < (size_t)b.o; o++)
            for (size_t i = 0; i < (size_t)b.i; i++)
                for (size_t t = 0; t < taps; t++)
                    j->packed[b.base + o * b.o_step + i * b.i_step + t * b.tap_step] =
                        j->plain[b.plain + o * row + i * taps + t];
    }
}

/* Slice: a block of output channels; the chunks' sums are added in order. */
static void unpack_weights_slice(void *context, int ob, int thread)
{
    const weight_job *j = context;
    const sg_dnn_problem *p = &j->l->problem[j->direction];
    const size_t taps = (size_t)p->k * (size_t)p->k, row = (size_t)j->l->x.c * taps,
                 all = (size_t)j->l->groups[j->direction] * weight_len(p);
    (void)thread;
    for (int ib = 0; ib < j->l->x.all / p->block; ib++) {
        const weight_block b = weight_block_at(j, ob, ib);
        float *sum = j->packed + b.base;
        for (int c = 1; c < j->l->chunks; c++) add_floats(sum, sum + (size_t)c * all, taps * b.tap_step);
        for (size_t o = 0; o < (size_t)b.o; o++)
            for (size_t i = 0; i < (size_t)b.i; i++)
                for (size_t t = 0; t < taps; t++) {
                    float *to = &j->plain[b.plain + o * row + i * taps + t];
                    *to = (j->add ? *to : 0) + sum[o * b.o_step + i * b.i_step + t * b.tap_step];
                }
    }
}

static void pack_weights(const layer *l, sg_dnn_direction direction, float *packed, const void *plain)
{
    weight_job job = {l, direction, packed, (float *)(uintptr_t)plain, false};
    sg_parallel(l->y.all / l->problem[direction].block, pack_weights_slice, &job);
}

/* ---- forward, data gradient: slice = (image, group) ---- */

/* A result image, or the group of its channels that the slice makes, and where it goes. */
static void result_slice(const sg_run *run, int direction, const map *m, int slice, int thread)
{
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const sg_dnn_problem *problem = &l->problem[direction];
    const bool forward = direction == SG_DNN_FORWARD, fresh = forward || run->fresh[0];
    const side *to = forward ? &l->y : &l->x;
    const int image = slice / l->groups[direction], group = slice % l->groups[direction];
    const size_t channels = (size_t)(forward ? problem->oc : problem->ic), at = (size_t)group * channels * to->pixels;
    void *result = image_at(forward ? run->out : run->din[0], to, image);
    const bool straight = to->in_place && fresh;
    float *made = straight ? (float *)result + at : forward ? m->y : m->dx;
    float *weights = m->weights + (size_t)group * weight_len(problem);
    float *from = forward ? library_image(run->in[0], &l->x, image, problem->block, m->x)
                          : library_image(run->dout, &l->y, image, problem->block, m->y);
    if (forward)
        sg_dnn_run(p->dnn[direction], thread, from, weights, problem->bias ? m->bias + (size_t)group * channels : NULL,
                   made, m->library);
    else
        sg_dnn_run(p->dnn[direction], thread, made, weights, NULL, from, m->library);
    if (straight) return;
    if (to->in_place)
        add_floats((float *)result + at, made, channels * to->pixels);
    else
        sg_blocks_store(result, to->form, made, problem->block, to->c, to->pixels, !fresh);
}

static void forward_slice(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const prepared *p = run->prepared;
    const map m = map_make(&p->l, false, run->scratch, thread);
    result_slice(run, SG_DNN_FORWARD, &m, slice, thread);
}

static void row_forward(const sg_run *run)
{
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const map m = map_make(l, false, run->scratch, 0);
    pack_weights(l, SG_DNN_FORWARD, m.weights, run->in[1]);
    memset(m.bias, 0, (size_t)l->y.all * sizeof(float));
    if (run->in[2]) memcpy(m.bias, run->in[2], (size_t)l->y.c * sizeof(float));
    sg_parallel(l->n * l->groups[SG_DNN_FORWARD], forward_slice, &run);
}

static void data_slice(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const prepared *p = run->prepared;
    const map m = map_make(&p->l, true, run->scratch, thread);
    result_slice(run, SG_DNN_DATA, &m, slice, thread);
}

/* ---- weight and bias gradients: slice = (chunk, group) ---- */

enum { TILE = 256 }; /* pixels summed in float before they are added in double */

static inline void sum_pixels(float *restrict sum, const float *restrict dy, size_t pixels, const size_t block)
{
    double total[SG_NCHW16] = {0};
    for (size_t begin = 0; begin < pixels; begin += TILE) {
        const size_t end = begin + TILE < pixels ? begin + TILE : pixels;
        float part[SG_NCHW16] = {0};
        for (size_t j = begin; j < end; j++)
            for (size_t l = 0; l < block; l++) part[l] += dy[j * block + l];
        for (size_t l = 0; l < block; l++) total[l] += (double)part[l];
    }
    for (size_t l = 0; l < block; l++) sum[l] += (float)total[l];
}

/* sum[c] += sum over the pixels of channel c, for `channels` in blocks. */
SG_SIMD static void add_channel_sums(float *sum, const float *dy, int channels, int block, size_t pixels)
{
    for (size_t c = 0; c < (size_t)channels; c += (size_t)block)
        SG_WITH_LANES(block, sum_pixels(sum + c, dy + c * pixels, pixels, LANES));
}

static void weights_slice(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const sg_dnn_problem *problem = &l->problem[SG_DNN_WEIGHTS];
    const map m = map_make(l, true, run->scratch, thread);
    const int groups = l->groups[SG_DNN_WEIGHTS], chunk = slice / groups, group = slice % groups;
    const size_t len = weight_len(problem), first = (size_t)group * (size_t)problem->oc;
    const int begin = (int)((int64_t)l->n * chunk / l->chunks), end = (int)((int64_t)l->n * (chunk + 1) / l->chunks);
    float *sum = m.sums + (size_t)slice * len, *bias = m.bias + (size_t)chunk * floats_up((size_t)l->y.all) + first;
    memset(bias, 0, (size_t)problem->oc * sizeof(float));
    for (int image = begin; image < end; image++) {
        float *dy = library_image(run->dout, &l->y, image, problem->block, m.y) + first * l->y.pixels;
        add_channel_sums(bias, dy, problem->oc, problem->block, l->y.pixels);
        if (!run->din[1]) continue;
        float *x = library_image(run->in[0], &l->x, image, problem->block, m.x), *dw = image == begin ? sum : m.dw;
        sg_dnn_run(p->dnn[SG_DNN_WEIGHTS], thread, x, dw, NULL, dy, m.library);
        if (image > begin) add_floats(sum, dw, len);
    }
}

static void row_backward(const sg_run *run)
{
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const map m = map_make(l, true, run->scratch, 0);
    float *dbias = run->din[2];
    sg_undo_relu(run);
    if (run->din[1] || dbias) sg_parallel(l->chunks * l->groups[SG_DNN_WEIGHTS], weights_slice, &run);
    if (run->din[1]) {
        weight_job job = {l, SG_DNN_WEIGHTS, m.sums, run->din[1], !run->fresh[1]};
        sg_parallel(l->y.all / l->problem[SG_DNN_WEIGHTS].block, unpack_weights_slice, &job);
    }
    for (int c = 0; dbias && c < l->y.c; c++) {
        float sum = 0;
        for (int chunk = 0; chunk < l->chunks; chunk++)
            sum += m.bias[(size_t)chunk * floats_up((size_t)l->y.all) + (size_t)c];
        dbias[c] = (run->fresh[2] ? 0 : dbias[c]) + sum;
    }
    if (!run->din[0]) return;
    pack_weights(l, SG_DNN_DATA, m.weights, run->in[1]);
    sg_parallel(l->n * l->groups[SG_DNN_DATA], data_slice, &run);
}

const sg_fast sg_conv2d_onednn = {
    .name = "onednn",
    .takes = row_takes,
    .blocked = row_layouts,
    .any_form = true,
    .skips_mask = true,
    .workspace = row_workspace,
    .prepare = row_prepare,
    .release = row_release,
    .forward = row_forward,
    .backward = row_backward,
    .describe = row_describe,
};
