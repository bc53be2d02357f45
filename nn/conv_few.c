/* conv_few.c - a fast row of conv2d for few channels or a valid convolution: the small networks' first layers. An image's
 * planes are copied between rows of zeros; then the neighbour of every pixel under one tap is the same plane, some numbers
 * further on, and a convolution is a multiplication of matrices whose right side, taps x pixels, is never written down:
 *     forward   y = W X, row (i, ky, kx) of X = plane i of x from ky pitch + kx on
 *     backward  dx = W' dY, the same with the kernels turned by 180 degrees;  dW = dY X^T
 * (nn/gemm.h). The zeros right of a row are those left of the next one: pitch = width + padding serves x and dy alike; what
 * is computed for these columns is dropped, or, in dW, multiplied by zero. Images are grouped into chunks fixed by shape,
 * each with its own sums for weights and bias, which are added in order. */
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/conv_rows.h"
#include "nn/gemm.h"
#include "nn/lanes.h"
#include "nn/plane_rows.h"

enum { FEW = 16 }; /* channels, where blocks of 8 would not be filled */
enum { CHUNKS = 8, GROUP_BYTES = 256 << 10, GROUP = 8, BAND = 1024 /* numbers */ };

/* The planes of one side, between zeros, and the planes that are made of them. */
typedef struct side {
    int channels, h, w, padding;
    size_t plane; /* numbers */
} side;

typedef struct layer {
    side x, y; /* padding of y: what its gradient needs */
    int n, k, chunks, group;
    size_t pitch, x_taps, y_taps; /* taps: channels k k */
    size_t sum_step;
} layer;

static size_t lanes_up(size_t count)
{
    return (count + SG_GEMM_LANES - 1) / SG_GEMM_LANES * SG_GEMM_LANES;
}

static side side_make(sg_shape s, int padding, int k, size_t pitch, int other_h)
{
    side v = {s.c, s.h, s.w, padding, 0};
    v.plane = lanes_up((size_t)(other_h + k - 1) * pitch + (size_t)k + SG_GEMM_COLUMNS);
    return v;
}

static layer layer_make(const sg_node *node)
{
    const sg_shape x = node->in_shape[0], y = node->shape;
    const int k = node->in_shape[1].h, p = sg_conv_padding(node);
    layer l = {.n = x.n, .k = k, .pitch = (size_t)(x.w + p)};
    l.x = side_make(x, p, k, l.pitch, y.h);
    l.y = side_make(y, k - 1 - p, k, l.pitch, x.h);
    l.x_taps = (size_t)(x.c * k * k);
    l.y_taps = (size_t)(y.c * k * k);
    l.chunks = l.n < CHUNKS ? l.n : CHUNKS;
    const size_t bytes = ((size_t)x.c * l.x.plane + (size_t)y.c * l.y.plane) * sizeof(float);
    l.group = bytes * GROUP < GROUP_BYTES ? GROUP : bytes < GROUP_BYTES ? (int)(GROUP_BYTES / bytes) : 1;
    l.sum_step = lanes_up((size_t)y.c * (l.x_taps + 1));
    return l;
}

static bool few_takes(const sg_node *node, bool backward)
{
    const int i = node->in_shape[0].c, o = node->shape.c;
    (void)backward;
    return !sg_conv_same(node) || (i < FEW && o < FEW && i % SG_NCHW8 != 0 && o % SG_NCHW8 != 0);
}

/* Rows of a band, so that its result stays in the nearest cache. */
static int band_rows(const layer *l)
{
    return l->pitch < BAND ? (int)(BAND / l->pitch) : 1;
}

static size_t band_len(const layer *l)
{
    return (size_t)band_rows(l) * l->pitch / SG_GEMM_COLUMNS * SG_GEMM_COLUMNS + SG_GEMM_COLUMNS;
}

/* ---- memory: [offsets of taps in x, in y][turned weights][sums of each chunk], for each thread [x][y][band] ---- */

typedef struct map {
    size_t *x_at, *y_at;
    float *turned, *sums, *x, *y, *band;
    size_t bytes;
} map;

static map map_make(const layer *l, int threads, void *base, int thread)
{
    const int widest = l->x.channels > l->y.channels ? l->x.channels : l->y.channels;
    const size_t at = sg_align_up((l->x_taps + l->y_taps) * sizeof(size_t));
    const size_t turned = lanes_up((size_t)l->x.channels * l->y_taps), sums = (size_t)l->chunks * l->sum_step;
    const size_t x = (size_t)l->group * (size_t)l->x.channels * l->x.plane,
                 y = (size_t)l->group * (size_t)l->y.channels * l->y.plane;
    const size_t mine = x + y + (size_t)widest * band_len(l);
    map m = {.bytes = at + (turned + sums + (size_t)threads * mine) * sizeof(float)};
    if (!base) return m;
    m.x_at = base;
    m.y_at = m.x_at + l->x_taps;
    m.turned = (float *)(void *)((char *)base + at);
    m.sums = m.turned + turned;
    m.x = m.sums + sums + (size_t)thread * mine;
    m.y = m.x + x;
    m.band = m.y + y;
    return m;
}

static void few_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const layer l = layer_make(node);
    (void)real_size;
    out->scratch = map_make(&l, threads, NULL, 0).bytes;
}

/* ---- planes ---- */

/* Where each tap's row of the right matrix begins. */
static void tap_offsets(const layer *l, const side *s, size_t *at)
{
    for (size_t c = 0; c < (size_t)s->channels; c++)
        for (size_t ky = 0; ky < (size_t)l->k; ky++)
            for (size_t kx = 0; kx < (size_t)l->k; kx++) *at++ = c * s->plane + ky * l->pitch + kx;
}

/* Where the first pixel of a plane lies. */
static size_t first_at(const layer *l, const side *s)
{
    return (size_t)s->padding * (l->pitch + 1);
}

/* One image's planes; `to` has its zeros already. */
static void load(const layer *l, const side *s, float *to, const float *from)
{
    const size_t pixels = (size_t)s->h * (size_t)s->w;
    for (size_t c = 0; c < (size_t)s->channels; c++)
        sg_plane_copy(&(sg_plane_rows){.to = to + c * s->plane + first_at(l, s),
                                       .from = from + c * pixels,
                                       .to_pitch = l->pitch,
                                       .from_pitch = (size_t)s->w,
                                       .h = (size_t)s->h,
                                       .w = (size_t)s->w});
}

static int chunk_begin(const layer *l, int chunk)
{
    return (int)((int64_t)l->n * chunk / l->chunks);
}

/* ---- a convolution of one image: rows of `in` -> rows of `out`, band by band ---- */

typedef struct pass {
    const layer *l;
    const side *out;
    const float *in, *weights; /* planes; (out channels, taps) */
    const size_t *at;
    size_t taps;
    float *band;
} pass;

/* band[channel][band_len] from row `first` on. */
static void multiply(const pass *p, int first, int rows)
{
    const size_t step = band_len(p->l), len = (size_t)rows * p->l->pitch;
    sg_gemm g = {.m = (size_t)p->out->channels,
                 .k = p->taps,
                 .a = p->weights,
                 .a_row = p->taps,
                 .a_column = 1,
                 .k_panel = p->taps,
                 .b_at = p->at,
                 .c_row = step};
    for (size_t j = 0; j < len; j += g.n) {
        g.n = lanes_up(len - j) < SG_GEMM_COLUMNS ? lanes_up(len - j) : SG_GEMM_COLUMNS;
        g.b = p->in + (size_t)first * p->l->pitch + j;
        g.c = p->band + j;
        sg_gemm_run(&g);
    }
}

/* The band's rows of one channel, on their way to the plane `to`. */
static sg_plane_rows band_of(const pass *p, float *to, size_t channel, int first, int rows)
{
    const size_t w = (size_t)p->out->w, pixels = (size_t)p->out->h * w;
    return (sg_plane_rows){.to = to + channel * pixels + (size_t)first * w,
                           .from = p->band + channel * band_len(p->l),
                           .to_pitch = w,
                           .from_pitch = p->l->pitch,
                           .h = (size_t)rows,
                           .w = w};
}

static void store_y(const sg_run *run, const pass *p, float *y, int first, int rows)
{
    const float *bias = run->in[2], slope = sg_fused_slope_f32(run->node);
    for (size_t o = 0; o < (size_t)p->out->channels; o++) {
        const sg_plane_rows band = band_of(p, y, o, first, rows);
        sg_plane_activate(&band, bias ? bias[o] : 0, slope);
    }
}

static void store_dx(const sg_run *run, const pass *p, float *dx, int first, int rows)
{
    for (size_t i = 0; i < (size_t)p->out->channels; i++) {
        const sg_plane_rows band = band_of(p, dx, i, first, rows);
        (run->fresh[0] ? sg_plane_copy : sg_plane_add)(&band);
    }
}

static void convolve(const sg_run *run, const pass *p, float *to,
                     void (*store)(const sg_run *run, const pass *p, float *to, int first, int rows))
{
    const int h = p->out->h;
    for (int first = 0, rows; first < h; first += rows) {
        rows = h - first < band_rows(p->l) ? h - first : band_rows(p->l);
        multiply(p, first, rows);
        store(run, p, to, first, rows);
    }
}

/* ---- forward ---- */

static size_t image_len(const side *s)
{
    return (size_t)s->channels * (size_t)s->h * (size_t)s->w;
}

static void clear(const layer *l, const side *s, float *planes)
{
    memset(planes, 0, (size_t)l->group * (size_t)s->channels * s->plane * sizeof(float));
}

static void forward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, thread);
    const pass p = {&l, &l.y, m.x, run->in[1], m.x_at, l.x_taps, m.band};
    clear(&l, &l.x, m.x);
    for (int n = chunk_begin(&l, chunk); n < chunk_begin(&l, chunk + 1); n++) {
        load(&l, &l.x, m.x, (const float *)run->in[0] + (size_t)n * image_len(&l.x));
        convolve(run, &p, (float *)run->out + (size_t)n * image_len(&l.y), store_y);
    }
}

static void few_forward(const sg_run *run)
{
    const layer l = layer_make(run->node);
    tap_offsets(&l, &l.x, map_make(&l, run->threads, run->scratch, 0).x_at);
    sg_parallel(l.chunks, forward_slice, &run);
}

/* ---- backward ---- */

/* turned(i, (o, ky, kx)) = weight(o, i, k-1-ky, k-1-kx) */
static void turn(const layer *l, float *turned, const float *weight)
{
    const size_t kk = (size_t)l->k * (size_t)l->k;
    for (size_t i = 0; i < (size_t)l->x.channels; i++)
        for (size_t o = 0; o < (size_t)l->y.channels; o++)
            for (size_t t = 0; t < kk; t++) *turned++ = weight[o * l->x_taps + i * kk + kk - 1 - t];
}

SG_SIMD static float sum_floats(const float *x, size_t len)
{
    float part[SG_LANES] = {0}, all = 0;
    size_t i = 0;
    for (; i + SG_LANES <= len; i += SG_LANES)
        for (size_t j = 0; j < SG_LANES; j++) part[j] += x[i + j];
    for (size_t j = 0; i + j < len; j++) part[j] += x[i + j];
    for (size_t j = 0; j < SG_LANES; j++) all += part[j];
    return all;
}

/* A chunk's sums of weights, then of the bias, from the first `images` loaded ones. */
static void add_sums(const sg_run *run, const layer *l, const map *m, size_t images, float *sums)
{
    const size_t outputs = (size_t)l->y.channels;
    if (run->din[1])
        sg_gemm_dots_run(&(sg_gemm_dots){.m = outputs,
                                         .n = l->x_taps,
                                         .len = lanes_up((size_t)l->y.h * l->pitch),
                                         .images = images,
                                         .a = m->y + first_at(l, &l->y),
                                         .a_row = l->y.plane,
                                         .a_image = outputs * l->y.plane,
                                         .b = m->x,
                                         .b_at = m->x_at,
                                         .b_image = (size_t)l->x.channels * l->x.plane,
                                         .c = sums,
                                         .c_row = l->x_taps});
    for (size_t j = 0; run->din[2] && j < images * outputs; j++)
        sums[outputs * l->x_taps + j % outputs] += sum_floats(m->y + j * l->y.plane, l->y.plane);
}

static void backward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, thread);
    const size_t x_step = (size_t)l.x.channels * l.x.plane, y_step = (size_t)l.y.channels * l.y.plane;
    const int end = chunk_begin(&l, chunk + 1);
    float *sums = m.sums + (size_t)chunk * l.sum_step;
    pass p = {&l, &l.x, NULL, m.turned, m.y_at, l.y_taps, m.band};
    memset(sums, 0, l.sum_step * sizeof(float));
    clear(&l, &l.x, m.x);
    clear(&l, &l.y, m.y);
    for (int n = chunk_begin(&l, chunk), count; n < end; n += count) {
        count = end - n < l.group ? end - n : l.group;
        for (size_t j = 0; j < (size_t)count; j++) {
            const size_t image = (size_t)n + j;
            load(&l, &l.y, m.y + j * y_step, (const float *)run->dout + image * image_len(&l.y));
            if (run->din[1]) load(&l, &l.x, m.x + j * x_step, (const float *)run->in[0] + image * image_len(&l.x));
            p.in = m.y + j * y_step;
            if (run->din[0]) convolve(run, &p, (float *)run->din[0] + image * image_len(&l.x), store_dx);
        }
        add_sums(run, &l, &m, (size_t)count, sums);
    }
}

/* to = [to +] the chunks' sums, numbers first .. of each. */
static void add_chunks(const layer *l, float *to, const float *sums, size_t first, size_t count, bool fresh)
{
    for (size_t i = 0; to && i < count; i++) {
        float all = 0;
        for (int chunk = 0; chunk < l->chunks; chunk++) all += sums[(size_t)chunk * l->sum_step + first + i];
        to[i] = (fresh ? 0 : to[i]) + all;
    }
}

static void few_backward(const sg_run *run)
{
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, 0);
    const size_t weights = (size_t)l.y.channels * l.x_taps;
    sg_undo_relu(run);
    tap_offsets(&l, &l.x, m.x_at);
    tap_offsets(&l, &l.y, m.y_at);
    if (run->din[0]) turn(&l, m.turned, run->in[1]);
    sg_parallel(l.chunks, backward_slice, &run);
    add_chunks(&l, run->din[1], m.sums, 0, weights, run->fresh[1]);
    add_chunks(&l, run->din[2], m.sums, weights, (size_t)l.y.channels, run->fresh[2]);
}

const sg_fast sg_conv2d_few = {
    .name = "few",
    .takes = few_takes,
    .skips_mask = true,
    .workspace = few_workspace,
    .forward = few_forward,
    .backward = few_backward,
};
