/* conv_fast.c - the fast rows of conv2d and conv_transpose: a library's convolutions, cut into slices of our own.
 * The batch is cut into chunks fixed by its size; a chunk runs on one thread; each has its own sum of the weight
 * gradient, and these are added in order. So the bits do not depend on the number of threads. The library sees blocks
 * of channels (sg_dnn_block). Blocked values are used where they lie; plain ones are packed into scratch memory
 * (channels filled up with zeros) and unpacked. Weights are packed every time: the model keeps them plain. A transposed
 * convolution of stride 2 is the backward pass of a convolution, so both ops share one description. What each direction
 * of an op is to the library (in brackets: the source and destination of its weight gradient):
 *     op              forward   data gradient   weight gradient
 *     conv2d          FORWARD   DATA            WEIGHTS (x, dy)
 *     conv_transpose  DATA      FORWARD         WEIGHTS (dy, x); its weights (i, o) are a convolution's (out, in)
 */
#include "nn/conv_fast.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "nn/lanes.h"
#include "nn/onednn.h"
#include "nn/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHUNKS = 4, DEEP_CHUNKS = 2, DEEP_CHANNELS = 256, DEEP_PIXELS = 256 };
enum { WINOGRAD_CHANNELS = 32, WINOGRAD_SIZE = 12 };

/* One side of the convolution, a tensor of the op. */
typedef struct side {
    int c, block, blocks; /* channels, of a block, blocks */
    size_t pixels;
    bool in_place; /* lies in memory as the library wants it */
    bool plain;    /* first convolution: the library reads 1..3 plain channels */
} side;

typedef struct layer {
    bool transposed;
    int n, k, chunks, threads;
    side x, y;                 /* of the op */
    sg_dnn_problem problem[3]; /* forward, data, weights of the op; n is not set */
    size_t scratch[3];         /* bytes of the library, for the larger chunk */
    const sg_fused_relu *relu;
} layer;

/* Two primitives for each direction: chunks of `small` and of small + 1 images. */
typedef struct prepared {
    layer l;
    sg_dnn *dnn[3][2];
} prepared;

enum { OP_FORWARD, OP_DATA, OP_WEIGHTS };

/* ---- description ---- */

static side side_make(sg_shape s, sg_layout layout)
{
    const int block = sg_dnn_block();
    return (side){s.c, block, (s.c + block - 1) / block, (size_t)s.h * (size_t)s.w, layout != SG_NCHW, false};
}

/* Channels filled up to whole blocks. */
static size_t padded(const side *s)
{
    return (size_t)s->blocks * (size_t)s->block;
}

/* The fixed rule by shape: where channels are many and pictures small, the library spends its time on the weights, once
 * for each chunk, so there are few. */
static int chunk_count(const sg_node *node)
{
    const bool deep = node->shape.c >= DEEP_CHANNELS && node->shape.h * node->shape.w <= DEEP_PIXELS;
    const int most = deep ? DEEP_CHUNKS : CHUNKS;
    return node->shape.n < most ? node->shape.n : most;
}

static int chunk_begin(const layer *l, int chunk)
{
    return (int)((int64_t)l->n * chunk / l->chunks);
}

static int chunk_images(const layer *l, int chunk)
{
    return chunk_begin(l, chunk + 1) - chunk_begin(l, chunk);
}

static int largest_chunk(const layer *l)
{
    return (l->n + l->chunks - 1) / l->chunks;
}

/* The fixed rule by shape: Winograd needs channels to pay for its transforms, and pictures of a few tiles. */
static bool winograd_pays(const sg_node *node, const sg_dnn_problem *p)
{
    return !node->direct && p->k == 3 && !p->plain_src &&
           node->in_shape[0].c >= WINOGRAD_CHANNELS && node->shape.c >= WINOGRAD_CHANNELS && p->h >= WINOGRAD_SIZE &&
           p->w >= WINOGRAD_SIZE;
}

static sg_dnn_problem problem_make(const layer *l, const sg_node *node, int direction)
{
    static const sg_dnn_direction of[2][3] = {{SG_DNN_FORWARD, SG_DNN_DATA, SG_DNN_WEIGHTS},
                                              {SG_DNN_DATA, SG_DNN_FORWARD, SG_DNN_WEIGHTS}};
    const side *source = l->transposed ? &l->y : &l->x, *result = l->transposed ? &l->x : &l->y;
    const sg_shape in = l->transposed ? node->shape : node->in_shape[0],
                   out = l->transposed ? node->in_shape[0] : node->shape;
    sg_dnn_problem p = {.direction = of[l->transposed][direction],
                        .n = largest_chunk(l),
                        .ic = (int)padded(source),
                        .oc = (int)padded(result),
                        .h = in.h,
                        .w = in.w,
                        .oh = out.h,
                        .ow = out.w,
                        .k = l->k,
                        .stride = l->transposed ? 2 : 1,
                        .pad = l->transposed ? 0 : l->k / 2};
    p.plain_src = source->plain && p.direction != SG_DNN_DATA;
    if (p.plain_src) p.ic = source->c;
    p.bias = direction == OP_FORWARD && !l->transposed && node->inputs[2] >= 0;
    p.relu = direction == OP_FORWARD && !l->transposed && l->relu != NULL;
    p.slope = p.relu ? (float)l->relu->slope : 0;
    p.winograd = winograd_pays(node, &p);
    if (p.winograd && !sg_dnn_has(&p)) p.winograd = false;
    return p;
}

static void problems_make(layer *l, const sg_node *node)
{
    for (int d = 0; d < 3; d++) l->problem[d] = problem_make(l, node, d);
}

static layer layer_make(const sg_node *node, int threads)
{
    layer l = {.transposed = node->op == &sg_op_conv_transpose,
               .n = node->shape.n,
               .k = node->in_shape[1].h,
               .threads = threads};
    l.chunks = chunk_count(node);
    l.relu = node->fused;
    l.x = side_make(node->in_shape[0], node->in_form[0].layout);
    l.y = side_make(node->shape, node->form.layout);
    l.x.plain = !l.transposed && l.x.c <= 3;
    problems_make(&l, node);
    if (l.x.plain && !(sg_dnn_has(&l.problem[OP_FORWARD]) && sg_dnn_has(&l.problem[OP_WEIGHTS]))) {
        l.x.plain = false; /* AVX2 sums weight gradients of 3 plain channels, not of 1 or 2: pack them like others */
        problems_make(&l, node);
    }
    return l;
}

static bool layer_takes(const sg_node *node, bool backward)
{
    if (!sg_dnn_block()) return false;
    const layer l = layer_make(node, 1);
    for (int d = 0; d < (backward ? 3 : 1); d++)
        if (!sg_dnn_has(&l.problem[d])) return false;
    return true;
}

static bool conv2d_takes(const sg_node *node, bool backward)
{
    return node->op == &sg_op_conv2d && layer_takes(node, backward);
}

/* ---- memory: what lies where in `scratch` ---- */

static size_t floats_up(size_t count)
{
    return sg_align_up(count * sizeof(float)) / sizeof(float);
}

/* Packed weights of a problem. */
static size_t weight_len(const sg_dnn_problem *p)
{
    return floats_up((size_t)p->oc * (size_t)p->ic * (size_t)p->k * (size_t)p->k);
}

/* One image of a side, packed; 0 if it is used in place. */
static size_t packed_len(const side *s, bool plain)
{
    return s->in_place || plain ? 0 : floats_up(padded(s) * s->pixels);
}

/* Forward: [weights][bias] then for each thread [library][x chunk][y chunk]. Backward: [weights][chunks x weight
 * gradient] [chunks x bias gradient] then for each thread [library][x chunk][dy chunk][dx chunk]. */
typedef struct map {
    float *weights, *bias, *sums, *bias_sums;
    char *library;
    float *x, *y, *dx;
    size_t bytes;
} map;

static map map_make(const layer *l, bool backward, float *base, int thread)
{
    const size_t images = (size_t)largest_chunk(l),
                 library = l->scratch[backward ? OP_DATA : OP_FORWARD] / sizeof(float);
    const size_t larger =
        backward && l->scratch[OP_WEIGHTS] / sizeof(float) > library ? l->scratch[OP_WEIGHTS] / sizeof(float) : library;
    const size_t len[] = {
        weight_len(&l->problem[backward ? OP_DATA : OP_FORWARD]),
        floats_up(padded(&l->y)),
        backward ? (size_t)l->chunks * weight_len(&l->problem[OP_WEIGHTS]) : 0,
        backward ? (size_t)l->chunks * floats_up(padded(&l->y)) : 0,
        floats_up(larger + 16),
        images * packed_len(&l->x, l->x.plain),
        images * packed_len(&l->y, false),
        backward ? images * floats_up(padded(&l->x) * l->x.pixels) : 0,
    };
    size_t at[9] = {0};
    for (int i = 0; i < 8; i++) at[i + 1] = at[i] + len[i];
    const size_t mine = (at[8] - at[4]) * (size_t)thread,
                 bytes = (at[4] + (at[8] - at[4]) * (size_t)l->threads) * sizeof(float);
    if (!base) return (map){.bytes = bytes};
    return (map){
        base + at[0],        base + at[1],        base + at[2],        base + at[3], (char *)(base + at[4] + mine),
        base + at[5] + mine, base + at[6] + mine, base + at[7] + mine, bytes};
}

static void layer_sizes(layer *l)
{
    for (int d = 0; d < 3; d++) l->scratch[d] = sg_align_up(sg_dnn_scratch(&l->problem[d]));
}

static void layer_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    layer l = layer_make(node, threads);
    (void)real_size;
    layer_sizes(&l);
    const size_t forward = map_make(&l, false, NULL, 0).bytes, backward = map_make(&l, true, NULL, 0).bytes;
    out->scratch = forward > backward ? forward : backward;
}

/* ---- prepare ---- */

static void layer_release(void *memory)
{
    prepared *p = memory;
    if (!p) return;
    for (int d = 0; d < 3; d++)
        for (int i = 0; i < 2; i++) sg_dnn_free(p->dnn[d][i]);
    free(p);
}

static sg_status layer_prepare(void **out, const sg_node *node, int threads, bool backward)
{
    prepared *p = calloc(1, sizeof *p);
    *out = p;
    if (!p) SG_FAIL(SG_E_MEMORY, "convolution: out of memory");
    p->l = layer_make(node, threads);
    layer_sizes(&p->l);
    for (int d = 0; d < (backward ? 3 : 1); d++)
        for (int chunk = 0; chunk < p->l.chunks; chunk++) {
            sg_dnn_problem problem = p->l.problem[d];
            problem.n = chunk_images(&p->l, chunk);
            sg_dnn **dnn = &p->dnn[d][problem.n != p->l.n / p->l.chunks];
            if (!*dnn) SG_TRY(sg_dnn_new(dnn, &problem, threads));
        }
    return SG_OK;
}

static void layer_describe(const void *memory, char *out, size_t size)
{
    const prepared *p = memory;
    (void)snprintf(out, size, "%d chunks, forward %s, data %s, weights %s", p->l.chunks,
                   sg_dnn_name(p->dnn[OP_FORWARD][0]), sg_dnn_name(p->dnn[OP_DATA][0]),
                   sg_dnn_name(p->dnn[OP_WEIGHTS][0]));
}

/* ---- packing: plain (c, pixels) <-> blocks ---- */

enum { TILE = 64 }; /* pixels at a time, so that the rows of a block stay in the nearest cache */

static inline void pack_any(float *restrict to, const float *restrict from, size_t pixels, int channels,
                            const size_t block)
{
    for (size_t begin = 0; begin < pixels; begin += TILE) {
        const size_t end = begin + TILE < pixels ? begin + TILE : pixels;
        for (size_t l = 0; l < block; l++)
            for (size_t j = begin; j < end; j++) to[j * block + l] = l < (size_t)channels ? from[l * pixels + j] : 0;
    }
}

SG_SIMD static void pack_block(float *to, const float *from, const side *s, int channels)
{
    SG_WITH_LANES(s->block, pack_any(to, from, s->pixels, channels, LANES));
}

static inline void unpack_any(float *restrict to, const float *restrict from, size_t pixels, int channels, int add,
                              const size_t block)
{
    for (size_t begin = 0; begin < pixels; begin += TILE) {
        const size_t end = begin + TILE < pixels ? begin + TILE : pixels;
        for (size_t l = 0; l < (size_t)channels; l++)
            for (size_t j = begin; j < end; j++)
                to[l * pixels + j] = (add ? to[l * pixels + j] : 0) + from[j * block + l];
    }
}

SG_SIMD static void unpack_block(float *to, const float *from, const side *s, int channels, int add)
{
    SG_WITH_LANES(s->block, unpack_any(to, from, s->pixels, channels, add, LANES));
}

static int channels_in(const side *s, int block)
{
    const int left = s->c - block * s->block;
    return left < s->block ? left : s->block;
}

static void pack_image(float *to, const float *from, const side *s)
{
    const size_t piece = (size_t)s->block * s->pixels;
    for (int b = 0; b < s->blocks; b++)
        pack_block(to + (size_t)b * piece, from + (size_t)b * piece, s, channels_in(s, b));
}

static void unpack_image(float *to, const float *from, const side *s, bool add)
{
    const size_t piece = (size_t)s->block * s->pixels;
    for (int b = 0; b < s->blocks; b++)
        unpack_block(to + (size_t)b * piece, from + (size_t)b * piece, s, channels_in(s, b), add);
}

SG_SIMD static void add_floats(float *restrict to, const float *restrict from, size_t len)
{
    for (size_t i = 0; i < len; i++) to[i] += from[i];
}

/* Where the images of a chunk lie for the library: in place, or packed into `buffer`. */
static float *chunk_of(const void *base, const side *s, int first, int images, float *buffer)
{
    float *at = (float *)(uintptr_t)base + (size_t)first * (size_t)s->c * s->pixels;
    const size_t image = padded(s) * s->pixels;
    if (s->in_place || s->plain) return at;
    for (int i = 0; i < images; i++)
        pack_image(buffer + (size_t)i * image, at + (size_t)i * (size_t)s->c * s->pixels, s);
    return buffer;
}

/* ---- weights: (o, i, k, k) <-> blocks, see onednn.h. `o`, `i` are the convolution's, not the op's. ---- */

typedef struct weight_job {
    const sg_dnn_problem *p;
    int o, i, block; /* real channels, channels of a block */
    float *packed, *plain;
    int chunks; /* unpacking: sums to add */
    bool add;
} weight_job;

/* How a block of channels x channels lies in packed weights: (o, i, tap) at base + o o_step + i i_step + tap
 * tap_step. */
typedef struct weight_block {
    size_t base, o_step, i_step, tap_step;
    int o, i;     /* channels of the block, real ones */
    size_t plain; /* where it begins in plain weights */
} weight_block;

static weight_block weight_block_at(const weight_job *j, int ob, int ib)
{
    const sg_dnn_problem *p = j->p;
    const int most = j->block;
    const size_t taps = (size_t)p->k * (size_t)p->k, block = (size_t)most,
                 row = ((size_t)ob * ((size_t)p->ic / block) + (size_t)ib) * taps;
    const bool input_last = sg_dnn_input_last(p);
    weight_block b = {row * block * block, input_last ? block : 1, input_last ? 1 : block, block * block};
    if (p->plain_src) b = (weight_block){(size_t)ob * taps * (size_t)p->ic * block, 1, block, (size_t)p->ic * block};
    b.o = j->o - ob * most < most ? j->o - ob * most : most;
    b.i = j->i - ib * most < most ? j->i - ib * most : most;
    b.plain = ((size_t)ob * (size_t)j->i + (size_t)ib) * block * taps;
    return b;
}

static int input_blocks(const weight_job *j)
{
    return (j->p->ic + j->block - 1) / j->block;
}

/* Slice: a block of output channels. */
static void pack_weights_slice(void *context, int slice, int thread)
{
    const weight_job *j = context;
    const size_t taps = (size_t)j->p->k * (size_t)j->p->k;
    (void)thread;
    for (int ib = 0; ib < input_blocks(j); ib++) {
        const weight_block b = weight_block_at(j, slice, ib);
        if (b.o < j->block || b.i < j->block || j->p->plain_src)
            memset(j->packed + b.base, 0,
                   taps * (size_t)j->block * (size_t)(j->p->plain_src ? j->p->ic : j->block) * sizeof(float));
        for (int o = 0; o < b.o; o++)
            for (int i = 0; i < b.i; i++) {
                const float *from = j->plain + b.plain + ((size_t)o * (size_t)j->i + (size_t)i) * taps;
                float *to = j->packed + b.base + (size_t)o * b.o_step + (size_t)i * b.i_step;
                for (size_t t = 0; t < taps; t++) to[t * b.tap_step] = from[t];
            }
    }
}

/* Slice: a block of output channels; chunks are added in order. */
static void unpack_weights_slice(void *context, int slice, int thread)
{
    const weight_job *j = context;
    const size_t taps = (size_t)j->p->k * (size_t)j->p->k, all = weight_len(j->p);
    const size_t len = (size_t)j->p->ic * (size_t)j->block * taps / (size_t)input_blocks(j);
    (void)thread;
    for (int ib = 0; ib < input_blocks(j); ib++) {
        const weight_block b = weight_block_at(j, slice, ib);
        for (int c = 1; c < j->chunks; c++) add_floats(j->packed + b.base, j->packed + (size_t)c * all + b.base, len);
        for (int o = 0; o < b.o; o++)
            for (int i = 0; i < b.i; i++) {
                float *to = j->plain + b.plain + ((size_t)o * (size_t)j->i + (size_t)i) * taps;
                const float *from = j->packed + b.base + (size_t)o * b.o_step + (size_t)i * b.i_step;
                for (size_t t = 0; t < taps; t++) to[t] = (j->add ? to[t] : 0) + from[t * b.tap_step];
            }
    }
}

static weight_job weights_of(const layer *l, int direction, float *packed, const void *plain)
{
    return (weight_job){.p = &l->problem[direction],
                        .o = l->transposed ? l->x.c : l->y.c,
                        .i = l->transposed ? l->y.c : l->x.c,
                        .block = l->y.block,
                        .packed = packed,
                        .plain = (float *)(uintptr_t)plain,
                        .chunks = l->chunks};
}

static void pack_weights(const layer *l, int direction, float *packed, const void *plain)
{
    weight_job job = weights_of(l, direction, packed, plain);
    sg_parallel(job.p->oc / job.block, pack_weights_slice, &job);
}

/* ---- forward ---- */

/* y += bias, for the transposed convolution: slower inside the library. */
static inline void add_bias_any(float *restrict y, size_t pixels, const float *restrict bias, const size_t block)
{
    for (size_t j = 0; j < pixels; j++)
        for (size_t l = 0; l < block; l++) y[j * block + l] += bias[l];
}

SG_SIMD static void add_bias(float *y, const side *s, const float *bias)
{
    SG_WITH_LANES(s->block, add_bias_any(y, s->pixels, bias, LANES));
}

static void forward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const map m = map_make(l, false, run->scratch, thread);
    const int first = chunk_begin(l, chunk), images = chunk_images(l, chunk);
    const size_t image = padded(&l->y) * l->y.pixels;
    float *out = (float *)run->out + (size_t)first * (size_t)l->y.c * l->y.pixels;
    float *x = chunk_of(run->in[0], &l->x, first, images, m.x), *y = l->y.in_place ? out : m.y;
    const sg_dnn *dnn = p->dnn[OP_FORWARD][images != l->n / l->chunks];
    sg_dnn_run(dnn, thread, l->transposed ? y : x, m.weights, run->in[2] ? m.bias : NULL, l->transposed ? x : y,
               m.library);
    for (int i = 0; l->transposed && run->in[2] && i < images * l->y.blocks; i++)
        add_bias(y + (size_t)i * (size_t)l->y.block * l->y.pixels, &l->y, m.bias + i % l->y.blocks * l->y.block);
    for (int i = 0; !l->y.in_place && i < images; i++)
        unpack_image(out + (size_t)i * (size_t)l->y.c * l->y.pixels, y + (size_t)i * image, &l->y, false);
}

static void layer_forward(const sg_run *run)
{
    const prepared *p = run->prepared;
    const map m = map_make(&p->l, false, run->scratch, 0);
    pack_weights(&p->l, OP_FORWARD, m.weights, run->in[1]);
    memset(m.bias, 0, padded(&p->l.y) * sizeof(float));
    if (run->in[2]) memcpy(m.bias, run->in[2], (size_t)p->l.y.c * sizeof(float));
    sg_parallel(p->l.chunks, forward_slice, &run);
}

/* ---- backward ---- */

SG_SIMD static void mask_floats(float *restrict dy, const float *restrict y, size_t len, float slope)
{
    for (size_t j = 0; j < len; j++) dy[j] = y[j] > 0 ? dy[j] : slope * dy[j];
}

static inline void mask_and_sum_any(float *restrict bias, float *restrict dy, const float *restrict y, size_t pixels,
                                    float slope, const size_t block)
{
    double total[SG_LANES] = {0};
    for (size_t begin = 0; begin < pixels; begin += TILE) {
        const size_t end = begin + TILE < pixels ? begin + TILE : pixels;
        float part[SG_LANES] = {0};
        if (y) mask_floats(dy + begin * block, y + begin * block, (end - begin) * block, slope);
        for (size_t j = begin; j < end; j++)
            for (size_t l = 0; l < block; l++) part[l] += dy[j * block + l];
        for (size_t l = 0; l < block; l++) total[l] += (double)part[l];
    }
    for (size_t l = 0; l < block; l++) bias[l] += (float)total[l];
}

/* bias of a block += sum of one packed block of dy, masked on the way where y is given. */
SG_SIMD static void mask_and_sum(float *bias, float *dy, const float *y, const side *s, float slope)
{
    SG_WITH_LANES(s->block, mask_and_sum_any(bias, dy, y, s->pixels, slope, LANES));
}

/* Undoes the fused activation and sums the bias gradient of a chunk; returns dy as the library wants it. */
static float *masked_chunk(const sg_run *run, const layer *l, const map *m, int chunk)
{
    const int first = chunk_begin(l, chunk), images = chunk_images(l, chunk);
    const size_t at = (size_t)first * (size_t)l->y.c * l->y.pixels, block = (size_t)l->y.block * l->y.pixels;
    const float *y = l->relu ? (const float *)run->out + at : NULL;
    const float slope = l->relu ? (float)l->relu->slope : 1;
    float *bias = m->bias_sums + (size_t)chunk * floats_up(padded(&l->y));
    if (y && !l->y.in_place)
        mask_floats((float *)run->dout + at, y, (size_t)images * (size_t)l->y.c * l->y.pixels, slope);
    float *dy = chunk_of(run->dout, &l->y, first, images, m->y);
    memset(bias, 0, padded(&l->y) * sizeof(float));
    for (int i = 0; i < images * l->y.blocks; i++)
        mask_and_sum(bias + i % l->y.blocks * l->y.block, dy + (size_t)i * block,
                     y && l->y.in_place ? y + (size_t)i * block : NULL, &l->y, slope);
    return dy;
}

/* Gradient of the input for a chunk: straight into place where nothing has to be added or unpacked. */
static void data_chunk(const sg_run *run, const map *m, int chunk, int thread, float *dy)
{
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const int first = chunk_begin(l, chunk), images = chunk_images(l, chunk);
    const size_t len = (size_t)l->x.c * l->x.pixels, image = padded(&l->x) * l->x.pixels;
    float *din = (float *)run->din[0] + (size_t)first * len;
    const bool direct = l->x.in_place && run->fresh[0];
    float *dx = direct ? din : m->dx;
    const sg_dnn *dnn = p->dnn[OP_DATA][images != l->n / l->chunks];
    sg_dnn_run(dnn, thread, l->transposed ? dy : dx, m->weights, NULL, l->transposed ? dx : dy, m->library);
    if (!direct && l->x.in_place) add_floats(din, dx, (size_t)images * len);
    for (int i = 0; !l->x.in_place && i < images; i++)
        unpack_image(din + (size_t)i * len, dx + (size_t)i * image, &l->x, !run->fresh[0]);
}

static void backward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const map m = map_make(l, true, run->scratch, thread);
    const int first = chunk_begin(l, chunk), images = chunk_images(l, chunk);
    float *dy = masked_chunk(run, l, &m, chunk);
    if (run->din[1]) {
        float *x = chunk_of(run->in[0], &l->x, first, images, m.x);
        float *sum = m.sums + (size_t)chunk * weight_len(&l->problem[OP_WEIGHTS]);
        const sg_dnn *dnn = p->dnn[OP_WEIGHTS][images != l->n / l->chunks];
        sg_dnn_run(dnn, thread, l->transposed ? dy : x, sum, NULL, l->transposed ? x : dy, m.library);
    }
    if (run->din[0]) data_chunk(run, &m, chunk, thread, dy);
}

static void layer_backward(const sg_run *run)
{
    const prepared *p = run->prepared;
    const layer *l = &p->l;
    const map m = map_make(l, true, run->scratch, 0);
    float *dbias = run->din[2];
    if (run->din[0]) pack_weights(l, OP_DATA, m.weights, run->in[1]);
    sg_parallel(l->chunks, backward_slice, &run);
    if (run->din[1]) {
        weight_job job = weights_of(l, OP_WEIGHTS, m.sums, run->din[1]);
        job.add = !run->fresh[1];
        sg_parallel(job.p->oc / job.block, unpack_weights_slice, &job);
    }
    for (int c = 0; dbias && c < l->y.c; c++) {
        float sum = 0;
        for (int chunk = 0; chunk < l->chunks; chunk++)
            sum += m.bias_sums[(size_t)chunk * floats_up(padded(&l->y)) + (size_t)c];
        dbias[c] = (run->fresh[2] ? 0 : dbias[c]) + sum;
    }
}

static unsigned layer_layouts(void)
{
    return (unsigned)sg_dnn_block(); /* a layout's value is its block */
}

#define SG_LAYER_ROW(op)                                                                                               \
    const sg_fast sg_##op##_fast = {                                                                                   \
        .name = "onednn",                                                                                              \
        .takes = op##_takes,                                                                                           \
        .blocked = layer_layouts,                                                                                      \
        .workspace = layer_workspace,                                                                                  \
        .prepare = layer_prepare,                                                                                      \
        .release = layer_release,                                                                                      \
        .forward = layer_forward,                                                                                      \
        .backward = layer_backward,                                                                                    \
        .describe = layer_describe,                                                                                    \
    }
SG_LAYER_ROW(conv2d);
