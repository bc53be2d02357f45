/* conv_pixel.c - the convolutions that are a matrix times each pixel's vector: the transposed one of 2 x 2, those of
 * 1 x 1, and the first one of a network, 3 x 3 on few plain channels, where a pixel's vector is its neighbourhood.
 * With X (pixels x numbers of the vector), Y (pixels x output channels; transposed: times the 4 places of the square
 * that a pixel paints) and W between them:
 *     forward Y = X W + bias      data gradient dX = dY W^T      weight gradient dW = X^T dY      bias: sums of dY
 * Pixels come in tiles: a tile is brought from whatever form its value has into panels of float in the nearest caches,
 * multiplied (nn/gemm.h) and put where it belongs; bias, activation, its undoing and adding are done on the way. Tiles
 * are grouped into chunks fixed by shape, each with its own sums for weights and bias, which are added in order: the
 * bits do not depend on the number of threads. */
#include "nn/conv_pixel.h"

#include "core/bf16.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/conv_rows.h"
#include "nn/gemm.h"
#include "nn/lanes.h"
#include "nn/ops.h"
#include "nn/pixel_move.h"
#include "nn/simd.h"

enum { TILE = 96, PLAIN_CHANNELS = 4, BAND_ROWS = 16 };
enum { CHUNKS_MIN = 2, CHUNKS_MAX = 32, SUM_BYTES = 16 << 20 }; /* of all chunks' weight sums, if more than the least */

/* One side of W. A pixel's vector is cut into panels of `group` channels, each a row of `width` floats: number
 * tap group + channel. In a tile a panel is [TILE][width]; the whole vector is [numbers][TILE] where rows of plain
 * memory are copied as they are (`by_number`). */
typedef struct side {
    sg_lanes lanes;
    int c, taps, group, panels;
    size_t width, numbers, last; /* numbers of all panels, of the last one */
    bool by_number;
} side;

typedef struct layer {
    side x, y;
    int n, h, w; /* pixels with a vector: those of x */
    int tiles, chunks;
    size_t x_step, y_step; /* weight (channel i of x, o of y, tap) is number i x_step + o y_step + tap */
} layer;

/* ---- description ---- */

static side side_make(sg_shape s, sg_form form, int taps)
{
    const int most = SG_GEMM_COLUMNS / taps, filled = (s.c + 7) / 8 * 8;
    side v = {.lanes = sg_lanes_of(s, form), .c = s.c, .taps = taps};
    v.group = taps == 9 ? s.c : filled < most ? filled : most;
    v.panels = (s.c + v.group - 1) / v.group;
    const size_t full = (size_t)v.group * (size_t)taps;
    v.width = (full + SG_GEMM_LANES - 1) / SG_GEMM_LANES * SG_GEMM_LANES;
    v.last = taps == 1 ? (size_t)(s.c - (v.panels - 1) * v.group) : full;
    v.numbers = (size_t)(v.panels - 1) * full + v.last;
    return v;
}

static size_t weight_len(const layer *l)
{
    return (size_t)l->y.panels * l->x.numbers * l->y.width;
}

static int tiles_of_image(const layer *l)
{
    return (int)(((size_t)l->h * (size_t)l->w + TILE - 1) / TILE);
}

static layer layer_make(const sg_node *node)
{
    const bool transposed = node->op == &sg_op_conv_transpose;
    const sg_shape x = node->in_shape[0], weight = node->in_shape[1];
    const int taps = weight.h * weight.w;
    layer l = {.n = x.n, .h = x.h, .w = x.w};
    l.x = side_make(x, node->in_form[0], transposed ? 1 : taps);
    l.y = side_make(node->shape, node->form, transposed ? taps : 1);
    l.x.by_number = node->in_form[0].layout == SG_NCHW;
    l.x_step = (size_t)(transposed ? weight.c * taps : taps);
    l.y_step = (size_t)(transposed ? taps : weight.c * taps);
    l.tiles = l.n * tiles_of_image(&l);
    const size_t chunks = SUM_BYTES / (weight_len(&l) * sizeof(float));
    l.chunks = chunks < CHUNKS_MIN ? CHUNKS_MIN : chunks > CHUNKS_MAX ? CHUNKS_MAX : (int)chunks;
    if (l.chunks > l.tiles) l.chunks = l.tiles;
    return l;
}

static bool pixel_takes(const sg_node *node, bool backward)
{
    (void)backward;
    if (node->op == &sg_op_conv_transpose) return true;
    const int k = node->in_shape[1].h;
    return node->op == &sg_op_conv2d &&
           (k == 1 || (k == 3 && sg_conv_same(node) && node->in_shape[0].c <= PLAIN_CHANNELS));
}

static unsigned pixel_layouts(void)
{
    return sg_simd_level() == SG_SIMD_AVX512 ? SG_NCHW8 | SG_NCHW16 : SG_NCHW8;
}

/* ---- memory: what lies where in `scratch` ---- */

static size_t floats_up(size_t count)
{
    return sg_align_up(count * sizeof(float)) / sizeof(float);
}

static size_t tile_len(const side *s)
{
    return (size_t)s->panels * TILE * s->width;
}

static size_t bias_len(const layer *l)
{
    return (size_t)l->y.panels * l->y.width;
}

/* [W for forward or data gradient], backward: [sums of weights and bias, a pair for each chunk], then for each thread
 * [tile of x][tile of y][panel of a result]. */
typedef struct map {
    float *weights, *sums, *x, *y, *result;
    size_t sum_step, bytes;
} map;

static map map_make(const layer *l, int threads, float *base, int thread)
{
    const size_t data_weights = (size_t)l->x.panels * l->y.numbers * l->x.width, forward_weights = weight_len(l);
    const size_t weights = data_weights > forward_weights ? data_weights : forward_weights;
    const size_t x = floats_up(tile_len(&l->x)), y = floats_up(tile_len(&l->y)), result = TILE * SG_GEMM_COLUMNS;
    map m = {.sum_step = floats_up(weight_len(l) + bias_len(l))};
    const size_t shared = floats_up(weights) + (size_t)l->chunks * m.sum_step, mine = x + y + result;
    m.bytes = (shared + (size_t)threads * mine) * sizeof(float);
    if (!base) return m;
    m.weights = base;
    m.sums = base + floats_up(weights);
    m.x = base + shared + (size_t)thread * mine;
    m.y = m.x + x;
    m.result = m.y + y;
    return m;
}

static void pixel_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const layer l = layer_make(node);
    (void)real_size;
    out->scratch = map_make(&l, threads, NULL, 0).bytes;
}

/* ---- weights ---- */

/* Walks over the part of W between a panel of `columns` and all of `rows`: (number of the row, of the panel's column,
 * place in the plain weights); every other place of the panel is padding. */
typedef struct weight_walk {
    const side *rows, *columns;
    size_t row_step, column_step; /* in plain weights, from channel to channel */
} weight_walk;

static weight_walk walk_make(const layer *l, bool data)
{
    return data ? (weight_walk){&l->y, &l->x, l->y_step, l->x_step} : (weight_walk){&l->x, &l->y, l->x_step, l->y_step};
}

/* Plain weights of one row: channel and tap of row number r; false for padding. */
static bool row_at(const weight_walk *walk, size_t r, size_t *at)
{
    const side *s = walk->rows;
    const size_t full = (size_t)s->group * (size_t)s->taps, in_panel = r % full;
    const size_t channel = r / full * (size_t)s->group + in_panel % (size_t)s->group;
    *at = channel * walk->row_step + in_panel / (size_t)s->group;
    return channel < (size_t)s->c;
}

static int channels_in(const side *s, int panel)
{
    const int left = s->c - panel * s->group;
    return left < s->group ? left : s->group;
}

typedef struct weight_job {
    const layer *l;
    weight_walk walk;
    float *packed;
    const float *plain;
    float *gradient, *bias; /* to set or add to */
    size_t sum_step;
    bool fresh, bias_fresh;
} weight_job;

/* Slice: a panel. */
static void pack_slice(void *context, int panel, int thread)
{
    const weight_job *j = context;
    const side *columns = j->walk.columns;
    const size_t rows = j->walk.rows->numbers;
    const int channels = channels_in(columns, panel);
    const float *first = j->plain + (size_t)(panel * columns->group) * j->walk.column_step;
    float *to = j->packed + (size_t)panel * rows * columns->width;
    (void)thread;
    memset(to, 0, rows * columns->width * sizeof(float));
    for (size_t r = 0, at; r < rows; r++, to += columns->width)
        for (int t = 0; row_at(&j->walk, r, &at) && t < columns->taps; t++)
            for (int c = 0; c < channels; c++)
                to[t * columns->group + c] = first[at + (size_t)t + (size_t)c * j->walk.column_step];
}

static void pack(const layer *l, bool data, float *packed, const void *plain)
{
    weight_job job = {.l = l, .walk = walk_make(l, data), .packed = packed, .plain = plain};
    sg_parallel(job.walk.columns->panels, pack_slice, &job);
}

SG_SIMD static void add_floats(float *restrict to, const float *restrict from, size_t len)
{
    for (size_t i = 0; i < len; i++) to[i] += from[i];
}

/* Slice: a panel of y. Chunks are added in order. */
static void unpack_slice(void *context, int panel, int thread)
{
    const weight_job *j = context;
    const side *y = &j->l->y;
    const size_t rows = j->l->x.numbers;
    const int channels = channels_in(y, panel);
    float *sum = j->packed + (size_t)panel * rows * y->width;
    float *first = j->gradient + (size_t)(panel * y->group) * j->walk.column_step;
    (void)thread;
    for (int chunk = 1; chunk < j->l->chunks; chunk++)
        add_floats(sum, sum + (size_t)chunk * j->sum_step, rows * y->width);
    for (size_t r = 0, at; r < rows; r++, sum += y->width)
        for (int t = 0; row_at(&j->walk, r, &at) && t < y->taps; t++)
            for (int c = 0; c < channels; c++) {
                float *to = first + at + (size_t)t + (size_t)c * j->walk.column_step;
                *to = (j->fresh ? 0 : *to) + sum[t * y->group + c];
            }
}

static void unpack_bias(const weight_job *j)
{
    const side *y = &j->l->y;
    const float *sums = j->packed + weight_len(j->l);
    for (int c = 0; c < y->c; c++) {
        float total = 0;
        for (int chunk = 0; chunk < j->l->chunks; chunk++)
            for (int t = 0; t < y->taps; t++)
                total += sums[(size_t)chunk * j->sum_step + (size_t)(c / y->group) * y->width +
                              (size_t)(t * y->group + c % y->group)];
        j->bias[c] = (j->bias_fresh ? 0 : j->bias[c]) + total;
    }
}

/* ---- tiles ---- */

typedef struct tile {
    int image;
    size_t first, count; /* pixels */
} tile;

static tile tile_at(const layer *l, int index)
{
    const int each = tiles_of_image(l);
    const size_t first = (size_t)(index % each) * TILE, left = (size_t)l->h * (size_t)l->w - first;
    return (tile){index / each, first, left < TILE ? left : TILE};
}

/* What happens to the numbers of a side on their way from or to tiles: as sg_pixel_move, of whole values. */
typedef struct move {
    const layer *l;
    const side *s;
    const void *value, *mask;
    const float *bias;
    float slope, relu;
    bool add;
} move;

static const void *number_at(const side *s, const void *value, size_t at)
{
    return value ? (const char *)value + at * sg_type_size(s->lanes.type, sizeof(float)) : NULL;
}

/* One block of a panel, at `count` pixels from `pixel` on, `stride` apart. */
static void move_block(const move *m, const tile *t, int channel, size_t pixel, size_t stride, size_t count, float *to,
                       void (*each)(const sg_pixel_move *))
{
    const side *s = m->s;
    const size_t lanes = (size_t)s->lanes.lanes, block = (size_t)channel / lanes;
    const size_t at = (size_t)t->image * s->lanes.image_step + block * s->lanes.piece + pixel * lanes;
    each(&(sg_pixel_move){.tile = to,
                          .value = (void *)(uintptr_t)number_at(s, m->value, at),
                          .width = s->width,
                          .step = stride * lanes,
                          .count = count,
                          .type = s->lanes.type,
                          .lanes = s->lanes.lanes,
                          .mask = number_at(s, m->mask, at),
                          .bias = m->bias ? m->bias + channel : NULL,
                          .slope = m->slope,
                          .relu = m->relu,
                          .add = m->add});
}

/* One panel of a tile, block by block; in a transposed convolution also tap by tap, row by row. */
static void move_panel(const move *m, const tile *t, int panel, float *to, void (*each)(const sg_pixel_move *))
{
    const side *s = m->s;
    const size_t w = (size_t)m->l->w;
    const bool flat = s->taps == 1;
    for (size_t p = 0, count; p < t->count; p += count) {
        const size_t row = (t->first + p) / w, column = (t->first + p) % w, left = t->count - p;
        count = flat || w - column > left ? left : w - column;
        for (int c = 0; c < channels_in(s, panel); c += s->lanes.lanes)
            for (int tap = 0; tap < s->taps; tap++)
                move_block(m, t, panel * s->group + c,
                           flat ? t->first : (2 * row + (size_t)tap / 2) * 2 * w + 2 * column + (size_t)tap % 2,
                           flat ? 1 : 2, count, to + p * s->width + (size_t)(tap * s->group + c), each);
    }
}

static void load_tile(const move *m, const tile *t, float *to)
{
    for (int q = 0; q < m->s->panels; q++) move_panel(m, t, q, to + (size_t)q * TILE * m->s->width, sg_pixel_load);
}

/* Row `y` of a plane shifted by (a, b), columns x .. x + count - 1: zero outside. */
static void copy_shifted(float *to, const float *plane, int h, int w, int y, int x, int count, int a, int b)
{
    const int left = x + b < 0 ? -(x + b) : 0, over = x + count + b > w ? x + count + b - w : 0;
    const bool inside = y + a >= 0 && y + a < h && left + over < count;
    if (!inside || left + over > 0) memset(to, 0, (size_t)count * sizeof(float));
    if (inside)
        memcpy(to + left, plane + (ptrdiff_t)(y + a) * w + x + b + left, (size_t)(count - left - over) * sizeof(float));
}

/* The same from plain memory, [number][TILE]: every pixel's value, or its neighbourhood. */
static void load_plain(const layer *l, const float *x, const tile *t, float *to)
{
    const side *s = &l->x;
    const int k = s->taps == 9 ? 3 : 1;
    for (int tap = 0; tap < s->taps; tap++)
        for (int c = 0; c < s->c; c++, to += TILE) {
            const float *plane = x + (size_t)t->image * s->lanes.image_step + (size_t)c * s->lanes.piece;
            for (size_t p = 0, count; p < t->count; p += count) {
                const size_t w = (size_t)l->w, row = (t->first + p) / w, column = (t->first + p) % w;
                count = w - column < t->count - p ? w - column : t->count - p;
                copy_shifted(to + p, plane, l->h, l->w, (int)row, (int)column, (int)count, tap / k - k / 2,
                             tap % k - k / 2);
            }
        }
}

static void load_x(const layer *l, const void *x, const tile *t, float *to)
{
    if (l->x.by_number)
        load_plain(l, x, t, to);
    else
        load_tile(&(move){.l = l, .s = &l->x, .value = x}, t, to);
}

/* A = a tile of x, times B. */
static sg_gemm times_x(const layer *l, const tile *t, const float *x)
{
    sg_gemm g = {.m = t->count, .k = l->x.numbers, .a = x, .a_row = l->x.width, .a_column = 1};
    g.k_panel = (size_t)l->x.group * (size_t)l->x.taps;
    g.a_panel = TILE * l->x.width;
    if (l->x.by_number) g.a_row = 1, g.a_column = TILE, g.k_panel = g.k;
    return g;
}

/* ---- forward ---- */

static int chunk_begin(const layer *l, int chunk)
{
    return (int)((int64_t)l->tiles * chunk / l->chunks);
}

/* Panels with padding are read as a whole: it must be numbers. */
static void clear_tiles(const layer *l, const map *m)
{
    memset(m->x, 0, tile_len(&l->x) * sizeof(float));
    memset(m->y, 0, tile_len(&l->y) * sizeof(float));
}

static void forward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, thread);
    const move out = {.l = &l, .s = &l.y, .value = run->out, .bias = run->in[2], .relu = sg_fused_slope_f32(run->node)};
    clear_tiles(&l, &m);
    for (int i = chunk_begin(&l, chunk); i < chunk_begin(&l, chunk + 1); i++) {
        const tile t = tile_at(&l, i);
        load_x(&l, run->in[0], &t, m.x);
        sg_gemm g = times_x(&l, &t, m.x);
        g.n = g.b_row = g.c_row = l.y.width;
        g.c = m.result;
        for (int q = 0; q < l.y.panels; q++) {
            g.b = m.weights + (size_t)q * l.x.numbers * l.y.width;
            sg_gemm_run(&g);
            move_panel(&out, &t, q, m.result, sg_pixel_store);
        }
    }
}

static void pixel_forward(const sg_run *run)
{
    const layer l = layer_make(run->node);
    pack(&l, false, map_make(&l, run->threads, run->scratch, 0).weights, run->in[1]);
    sg_parallel(l.chunks, forward_slice, &run);
}

/* ---- backward ---- */

/* dy of a tile, with the fused activation undone. */
static void load_dy(const sg_run *run, const layer *l, const tile *t, float *to)
{
    const bool undo = run->node->fused && !run->node->premasked;
    load_tile(&(move){.l = l,
                      .s = &l->y,
                      .value = run->dout,
                      .mask = undo ? run->out : NULL,
                      .slope = sg_fused_slope_f32(run->node)},
              t, to);
}

/* Sums of one tile. */
static void add_weights(const layer *l, const tile *t, const map *m, float *sums)
{
    const size_t full = (size_t)l->x.group * (size_t)l->x.taps;
    sg_gemm g = {.n = l->y.width, .k = t->count, .k_panel = t->count, .add = true};
    g.b_row = g.c_row = l->y.width;
    g.a_row = l->x.by_number ? TILE : 1;
    g.a_column = l->x.by_number ? 1 : l->x.width;
    for (int q = 0; q < l->y.panels; q++)
        for (int r = 0; r < l->x.panels; r++) {
            g.m = r + 1 < l->x.panels ? full : l->x.last;
            g.a = m->x + (size_t)r * TILE * (l->x.by_number ? full : l->x.width);
            g.b = m->y + (size_t)q * TILE * l->y.width;
            g.c = sums + ((size_t)q * l->x.numbers + (size_t)r * full) * l->y.width;
            sg_gemm_run(&g);
        }
}

static void add_bias(const layer *l, const tile *t, const float *y, float *sums)
{
    for (int q = 0; q < l->y.panels; q++)
        sg_pixel_sum(sums + (size_t)q * l->y.width, y + (size_t)q * TILE * l->y.width, t->count, l->y.width);
}

/* Panel q of dX, [TILE][x.width] in m->result. */
static void multiply_data(const layer *l, const tile *t, const map *m, int q)
{
    sg_gemm_run(&(sg_gemm){.m = t->count,
                           .n = l->x.width,
                           .k = l->y.numbers,
                           .a = m->y,
                           .a_row = l->y.width,
                           .a_column = 1,
                           .k_panel = (size_t)l->y.group * (size_t)l->y.taps,
                           .a_panel = TILE * l->y.width,
                           .b = m->weights + (size_t)q * l->y.numbers * l->x.width,
                           .b_row = l->x.width,
                           .c = m->result,
                           .c_row = l->x.width});
}

static void store_data(const sg_run *run, const layer *l, const tile *t, const map *m)
{
    const sg_fused_relu *mask = run->node->mask[0];
    const move out = {.l = l,
                      .s = &l->x,
                      .value = run->din[0],
                      .mask = mask ? run->in[0] : NULL,
                      .slope = mask ? (float)mask->slope : 1,
                      .relu = 1,
                      .add = !run->fresh[0]};
    for (int q = 0; q < l->x.panels; q++) {
        multiply_data(l, t, m, q);
        move_panel(&out, t, q, m->result, sg_pixel_store);
    }
}

static void backward_slice(void *context, int chunk, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, thread);
    float *sums = m.sums + (size_t)chunk * m.sum_step;
    memset(sums, 0, m.sum_step * sizeof(float));
    clear_tiles(&l, &m);
    for (int i = chunk_begin(&l, chunk); i < chunk_begin(&l, chunk + 1); i++) {
        const tile t = tile_at(&l, i);
        load_dy(run, &l, &t, m.y);
        if (run->din[1]) {
            load_x(&l, run->in[0], &t, m.x);
            add_weights(&l, &t, &m, sums);
        }
        if (run->din[2]) add_bias(&l, &t, m.y, sums + weight_len(&l));
        if (run->din[0] && l.x.taps == 1) store_data(run, &l, &t, &m);
    }
}

/* ---- data gradient of a neighbourhood: each slice owns some rows of dx and looks at one row of dy more on each side
 * ---- */

/* dx(y+a, x+b) += the result's numbers for tap (a, b), where that is in rows first .. last - 1. */
static void scatter(const layer *l, const tile *t, const map *m, float *dx, int first, int last)
{
    for (size_t p = 0; p < t->count; p++) {
        const int row = (int)((t->first + p) / (size_t)l->w), column = (int)((t->first + p) % (size_t)l->w);
        const float *from = m->result + p * l->x.width;
        for (int tap = 0; tap < 9; tap++) {
            const int y = row + tap / 3 - 1, x = column + tap % 3 - 1;
            if (y < first || y >= last || x < 0 || x >= l->w) continue;
            for (int c = 0; c < l->x.c; c++)
                dx[(size_t)c * l->x.lanes.piece + (size_t)y * (size_t)l->w + (size_t)x] += from[tap * l->x.c + c];
        }
    }
}

SG_SIMD static void mask_rows(float *restrict dx, const float *restrict x, size_t len, float slope)
{
    for (size_t i = 0; i < len; i++) dx[i] = x[i] > 0 ? dx[i] : slope * dx[i];
}

static int bands_of_image(const layer *l)
{
    return (l->h + BAND_ROWS - 1) / BAND_ROWS;
}

static void band_slice(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, thread);
    const int image = slice / bands_of_image(&l), first = slice % bands_of_image(&l) * BAND_ROWS;
    const int last = first + BAND_ROWS < l.h ? first + BAND_ROWS : l.h;
    const size_t from = (size_t)(first > 0 ? first - 1 : 0) * (size_t)l.w,
                 to = (size_t)(last < l.h ? last + 1 : l.h) * (size_t)l.w;
    float *dx = (float *)run->din[0] + (size_t)image * l.x.lanes.image_step;
    const size_t at = (size_t)first * (size_t)l.w, len = (size_t)(last - first) * (size_t)l.w;
    clear_tiles(&l, &m);
    for (int c = 0; run->fresh[0] && c < l.x.c; c++)
        memset(dx + (size_t)c * l.x.lanes.piece + at, 0, len * sizeof(float));
    for (size_t p = from; p < to; p += TILE) {
        const tile t = {image, p, to - p < TILE ? to - p : TILE};
        load_dy(run, &l, &t, m.y);
        multiply_data(&l, &t, &m, 0);
        scatter(&l, &t, &m, dx, first, last);
    }
    const float *x = (const float *)run->in[0] + (size_t)image * l.x.lanes.image_step;
    for (int c = 0; run->node->mask[0] && c < l.x.c; c++)
        mask_rows(dx + (size_t)c * l.x.lanes.piece + at, x + (size_t)c * l.x.lanes.piece + at, len,
                  (float)run->node->mask[0]->slope);
}

static void pixel_backward(const sg_run *run)
{
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, 0);
    weight_job job = {.l = &l,
                      .walk = walk_make(&l, false),
                      .packed = m.sums,
                      .gradient = run->din[1],
                      .bias = run->din[2],
                      .sum_step = m.sum_step,
                      .fresh = run->fresh[1],
                      .bias_fresh = run->fresh[2]};
    if (run->din[0]) pack(&l, true, m.weights, run->in[1]);
    sg_parallel(l.chunks, backward_slice, &run);
    if (run->din[0] && l.x.taps == 9) sg_parallel(l.n * bands_of_image(&l), band_slice, &run);
    if (run->din[1]) sg_parallel(l.y.panels, unpack_slice, &job);
    if (run->din[2]) unpack_bias(&job);
}

const sg_fast sg_conv_pixel_fast = {
    .name = "pixel",
    .takes = pixel_takes,
    .blocked = pixel_layouts,
    .any_form = true,
    .masks = 1,
    .skips_mask = true,
    .workspace = pixel_workspace,
    .forward = pixel_forward,
    .backward = pixel_backward,
};
