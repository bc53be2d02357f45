/* winograd_weights.c - weight gradients by Winograd's algorithm, F(3x3, 4x4) (Lavin & Gray, CVPR 2016):
 *     dW = A^T [ sum over tiles of (G dy G^T) (B^T x B) ] A
 * with 4 x 4 tiles of dy and the 6 x 6 pixels of x around them; the 36 products are matrices (x channels, dy channels).
 * Work is cut into items: a chunk of the tiles x a group of x's channels x a group of dy's. An item transforms a block
 * of tiles at a time and adds its product to 36 sums, all of which stay in the second cache; transforms are done again
 * for every group, which costs less than writing them to memory. The transforms have three passes of 12 points each
 * (winograd_weights_text.c): wide groups go through a range of blocks pass by pass, so that a third of the sums is
 * enough at a time. While a block is multiplied the pixels of the next are on their way from memory. Every cut depends on shapes only, and chunks are added in order: the same bits for any number of threads. */
#include "nn/winograd.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "nn/simd.h"
#include "nn/winograd_weights_text.h"

#include <string.h>

enum { PASSES = SG_WINO_PASSES, POINTS = SG_WINO_PASS_POINTS, TAPS = SG_WINO_TAPS };
enum {
    TILES = 64,             /* of a block */
    X_GROUP = 128,          /* most channels of a group */
    DY_GROUP = 64,          /* the same */
    ITEMS = 16,             /* wanted, so that many threads have work */
    SMALL_GROUPS = 64 * 64, /* x channels * dy channels: up to here the cache keeps all sums */
    RANGE = 16,             /* blocks of a range, beyond that */
};

/* One side: panels of channels and groups of panels. */
typedef struct side {
    sg_wino_view view;
    int panels, groups, widest;    /* widest: panels of the largest group */
    size_t point_step, panel_step; /* of its transform */
} side;

typedef struct job {
    const sg_winograd_weights *p;
    const sg_wino_weights_text *text;
    side x, dy;
    sg_wino_view mask;
    int tiles, blocks, chunks, range;
    size_t sums_step, chunk_step, thread_step; /* floats: one of 36 sums; results of a chunk; memory of a thread */
    float *results;                            /* (chunks, dy panels, x channels, 9, lanes) */
    double *bias;                              /* (chunks, dy channels) */
    float *own;                                /* of the threads: transforms of x and dy, sums */
    float *dweights, *dbias;
} job;

static const sg_wino_weights_text *text_for(const sg_winograd_weights *p)
{
#if defined(__x86_64__)
    const bool wide = p->x.form.layout == SG_NCHW16 && p->dy.form.layout == SG_NCHW16;
    if (sg_simd_level() == SG_SIMD_AVX512)
        return wide ? &sg_wino_weights_text_avx512_16 : &sg_wino_weights_text_avx512_8;
    if (sg_simd_level() == SG_SIMD_AVX2) return &sg_wino_weights_text_avx2_8;
#endif
    (void)p;
    return &sg_wino_weights_text_plain_8;
}

static side side_make(const sg_winograd_weights *p, const sg_conv_side *c, int lanes, int group)
{
    side s = {.panels = c->c / lanes, .groups = sg_wino_ceil_div(c->c, group)};
    s.view = sg_wino_view_of(p->h, p->w, c, NULL);
    s.widest = sg_wino_ceil_div(s.panels, s.groups);
    s.panel_step = (size_t)(TILES * lanes);
    s.point_step = (size_t)s.widest * s.panel_step + 16; /* not a multiple of a page */
    return s;
}

static size_t floats_up(size_t count)
{
    return sg_align_up(count * sizeof(float)) / sizeof(float);
}

static job job_make(const sg_winograd_weights *p)
{
    job j = {.p = p, .text = text_for(p)};
    const int lanes = j.text->lanes;
    j.x = side_make(p, &p->x, lanes, X_GROUP);
    j.dy = side_make(p, &p->dy, lanes, DY_GROUP);
    const int widest = j.x.widest * j.dy.widest * lanes * lanes;
    j.tiles = p->n * j.x.view.rows * j.x.view.columns;
    j.blocks = sg_wino_ceil_div(j.tiles, TILES);
    j.chunks = sg_wino_ceil_div(ITEMS, j.x.groups * j.dy.groups);
    if (j.chunks > j.blocks) j.chunks = j.blocks;
    j.range = widest <= SMALL_GROUPS ? 1 : RANGE;
    j.sums_step = (size_t)(widest * j.text->pack + 16);
    j.chunk_step = (size_t)TAPS * (size_t)p->x.c * (size_t)p->dy.c;
    j.thread_step = floats_up(POINTS * (j.x.point_step + j.dy.point_step) + PASSES * POINTS * j.sums_step);
    return j;
}

/* ---- memory: [results][sums of dy][of each thread: x, dy, sums] ---- */

static size_t bias_floats(const job *j)
{
    return floats_up(2 * (size_t)j->chunks * (size_t)j->p->dy.c);
}

size_t sg_winograd_weights_scratch(const sg_winograd_weights *p, int threads)
{
    const job j = job_make(p);
    return (floats_up((size_t)j.chunks * j.chunk_step) + bias_floats(&j) + (size_t)threads * j.thread_step) *
           sizeof(float);
}

/* ---- an item ---- */

typedef struct item {
    int begin, end;     /* blocks */
    sg_wino_span x, dy; /* of the present block */
    sg_wino_ahead ahead;
    float *x_out, *dy_out, *sums;
    double *bias; /* NULL: another item sums it */
} item;

static sg_wino_span span_of(const side *s, int group)
{
    const int panel = sg_wino_cut(s->panels, s->groups, group);
    return (sg_wino_span){.panel = panel,
                          .panels = sg_wino_cut(s->panels, s->groups, group + 1) - panel,
                          .point_step = s->point_step,
                          .panel_step = s->panel_step};
}

static void span_move(const job *j, sg_wino_span *s, int block)
{
    s->tile = block * TILES;
    s->tiles = j->tiles - s->tile < TILES ? j->tiles - s->tile : TILES;
}

/* Begins to ask for the pixels of a block. */
static void ask_for(const job *j, item *i, int block)
{
    i->ahead = (sg_wino_ahead){.view = {&j->x.view, &j->dy.view}, .span = {i->x, i->dy}};
    span_move(j, &i->ahead.span[0], block);
    span_move(j, &i->ahead.span[1], block);
}

/* One pass over one block of tiles. */
static void add_block(const job *j, item *i, int block, int pass)
{
    const bool masked = j->mask.values != NULL;
    float *sums = i->sums + (size_t)(pass * POINTS) * j->sums_step;
    span_move(j, &i->x, block);
    span_move(j, &i->dy, block);
    j->text->input(i->x_out, &j->x.view, &i->x, pass);
    j->text->gradient(i->dy_out, &j->dy.view, masked ? &j->mask : NULL, j->p->slope, &i->dy, pass, i->bias);
    for (int point = 0; point < POINTS; point++, sums += j->sums_step)
        j->text->multiply(sums, i->x_out + (size_t)point * j->x.point_step, &i->x,
                          i->dy_out + (size_t)point * j->dy.point_step, &i->dy, block == i->begin, &i->ahead);
}

/* Blocks in ranges, each pass by pass; the block that comes next is asked for, a single one in its first pass. */
static void add_blocks(const job *j, item *i)
{
    for (int first = i->begin; first < i->end; first += j->range) {
        const int last = first + j->range < i->end ? first + j->range : i->end;
        const bool single = last - first == 1;
        for (int pass = 0; pass < PASSES; pass++)
            for (int block = first; block < last; block++) {
                const int next = block + 1 < last || single || pass + 1 == PASSES ? block + 1 : first;
                if (next < i->end && !(single && pass > 0)) ask_for(j, i, next);
                add_block(j, i, block, pass);
            }
    }
}

static void run_item(void *context, int index, int thread)
{
    const job *j = context;
    const int x_group = index / j->dy.groups % j->x.groups, chunk = index / (j->dy.groups * j->x.groups);
    const int lanes = j->text->lanes;
    const size_t panel = (size_t)(TAPS * lanes) * (size_t)j->p->x.c;
    item i = {.begin = sg_wino_cut(j->blocks, j->chunks, chunk),
              .end = sg_wino_cut(j->blocks, j->chunks, chunk + 1),
              .x = span_of(&j->x, x_group),
              .dy = span_of(&j->dy, index % j->dy.groups),
              .ahead.side = 2};
    i.x_out = j->own + (size_t)thread * j->thread_step;
    i.dy_out = i.x_out + POINTS * j->x.point_step;
    i.sums = i.dy_out + POINTS * j->dy.point_step;
    if (j->dbias && x_group == 0) i.bias = j->bias + (size_t)chunk * (size_t)j->p->dy.c + i.dy.panel * lanes;
    if (i.bias) memset(i.bias, 0, (size_t)(i.dy.panels * lanes) * sizeof(double));
    add_blocks(j, &i);
    j->text->output(j->results + (size_t)chunk * j->chunk_step + (size_t)i.dy.panel * panel +
                        (size_t)(i.x.panel * lanes * TAPS * lanes),
                    panel, i.sums, j->sums_step, i.x.panels * lanes, i.dy.panels);
}

/* ---- the sum of the chunks ---- */

/* Slice: a panel of dy x a group of x. */
static void run_finish(void *context, int index, int thread)
{
    const job *j = context;
    const sg_wino_span x = span_of(&j->x, index % j->x.groups);
    const size_t panel = (size_t)(index / j->x.groups), lanes = (size_t)j->text->lanes, x_c = (size_t)j->p->x.c;
    const size_t begin = (size_t)(x.panel * j->text->lanes);
    (void)thread;
    j->text->finish(j->dweights + (panel * lanes * x_c + begin) * TAPS, x_c * TAPS,
                    j->results + (panel * x_c + begin) * TAPS * lanes, j->chunk_step, j->chunks,
                    x.panels * j->text->lanes, j->p->add);
}

static void finish_bias(const job *j)
{
    for (int c = 0; c < j->p->dy.c; c++) {
        double sum = 0;
        for (int chunk = 0; chunk < j->chunks; chunk++) sum += j->bias[(size_t)chunk * (size_t)j->p->dy.c + (size_t)c];
        j->dbias[c] = (j->p->add_bias ? j->dbias[c] : 0) + (float)sum;
    }
}

void sg_winograd_weights_run(const sg_winograd_weights *p, const void *x, const void *dy, const void *mask,
                             float *dweights, float *dbias, void *scratch)
{
    job j = job_make(p);
    j.x.view.values = (char *)(uintptr_t)x;
    j.mask = j.dy.view;
    j.dy.view.values = (char *)(uintptr_t)dy;
    j.mask.values = p->masked ? (char *)(uintptr_t)mask : NULL;
    j.results = scratch;
    j.bias = (double *)(void *)(j.results + floats_up((size_t)j.chunks * j.chunk_step));
    j.own = (float *)(void *)j.bias + bias_floats(&j);
    j.dweights = dweights;
    j.dbias = dbias;
    sg_parallel(j.chunks * j.x.groups * j.dy.groups, run_item, &j);
    if (dweights) sg_parallel(j.dy.panels * j.x.groups, run_finish, &j);
    if (dbias) finish_bias(&j);
}
