/* winograd_weights.c - weight gradients by Winograd's algorithm, F(3x3, 4x4) (Lavin & Gray, CVPR 2016):
 *     dW = A^T [ sum over tiles of (G dy G^T) (B^T x B) ] A
 * with 4 x 4 tiles of dy and the 6 x 6 pixels of x around them; the 36 products are matrices (x channels, dy channels).
 * Work is cut into items: a chunk of the tiles x a group of x's channels x a group of dy's. An item transforms a block
 * of tiles at a time and adds its product to 36 sums, all of which stay in the second cache; transforms are done again
 * for every group, which costs less than writing them to memory. The transforms have three passes of 12 numbers each
 * (winograd_weights_text.c): wide groups go through a range of blocks pass by pass, so that a third of the sums is
 * enough. Every cut depends on shapes only, and chunks are added in order: the same bits for any number of threads. */
#include "nn/winograd.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "nn/simd.h"
#include "nn/winograd_weights_text.h"

#include <string.h>

enum { PASSES = 3, NUMBERS = 12, TAPS = 9 };
enum { TILES = 32 };                         /* of a block */
enum { X_GROUP = 128, DY_GROUP = 64 };       /* most channels of a group */
enum { ITEMS = 16 };                         /* wanted, so that many threads have work */
enum { SMALL_GROUPS = 64 * 64, RANGE = 16 }; /* x channels * dy channels of a group; blocks of a range beyond that */

/* One side: its kernels, panels of channels and groups of panels. */
typedef struct side {
    const sg_wino_weights_text *text;
    sg_wino_view view;
    int panels, groups, widest; /* widest: panels of the largest group */
    size_t step, panel_step;    /* of its transform, floats */
} side;

typedef struct job {
    const sg_winograd_weights *p;
    side x, dy;
    int tiles, blocks, chunks, range;
    size_t sums_step, chunk_step, thread_step; /* floats: one of 36 sums; results of a chunk; memory of a thread */
    float *results;                            /* (chunks, dy panels, x channels, 9, lanes) */
    double *bias;                              /* (chunks, dy channels) */
    float *own;                                /* of the threads: transforms of x and dy, sums */
    float *dweights, *dbias;
} job;

static const sg_wino_weights_text *text_for(int block)
{
#if defined(__x86_64__)
    const sg_simd level = sg_simd_level();
    if (level == SG_SIMD_AVX512) return block == 16 ? &sg_wino_weights_text_avx512_16 : &sg_wino_weights_text_avx512_8;
    if (level == SG_SIMD_AVX2) return &sg_wino_weights_text_avx2_8;
#endif
    (void)block;
    return &sg_wino_weights_text_plain_8;
}

static int group_begin(const side *s, int group)
{
    return s->panels * group / s->groups;
}

static side side_make(const sg_winograd_weights *p, const sg_conv_side *c, int group)
{
    side s = {.text = text_for((int)c->form.layout)};
    s.view = (sg_wino_view){
        .type = c->form.type, .block = (int)c->form.layout, .h = p->h, .w = p->w, .image_step = c->form.image_step};
    s.view.rows = (p->h + 3) / 4;
    s.view.columns = (p->w + 3) / 4;
    s.panels = c->c / s.text->lanes;
    s.groups = (c->c + group - 1) / group;
    s.widest = (s.panels + s.groups - 1) / s.groups;
    s.panel_step = (size_t)TILES * (size_t)s.text->lanes;
    s.step = (size_t)s.widest * s.panel_step + 16; /* not a multiple of a page */
    return s;
}

static size_t floats_up(size_t count)
{
    return sg_align_up(count * sizeof(float)) / sizeof(float);
}

static job job_make(const sg_winograd_weights *p)
{
    job j = {.p = p, .x = side_make(p, &p->x, X_GROUP), .dy = side_make(p, &p->dy, DY_GROUP)};
    const int groups = j.x.groups * j.dy.groups;
    const size_t widest = (size_t)(j.x.widest * j.x.text->lanes) * (size_t)(j.dy.widest * j.dy.text->lanes);
    j.tiles = p->n * j.x.view.rows * j.x.view.columns;
    j.blocks = (j.tiles + TILES - 1) / TILES;
    j.chunks = (ITEMS + groups - 1) / groups;
    if (j.chunks > j.blocks) j.chunks = j.blocks;
    j.range = widest <= SMALL_GROUPS ? 1 : RANGE;
    j.sums_step = widest + 16;
    j.chunk_step = (size_t)TAPS * (size_t)p->x.c * (size_t)p->dy.c;
    j.thread_step = floats_up(NUMBERS * (j.x.step + j.dy.step) + PASSES * NUMBERS * j.sums_step);
    return j;
}

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
    int chunk, x_group, dy_group;
    int x_panel, x_panels, dy_panel, dy_panels;
    float *x, *dy, *sums;
    double *bias; /* NULL: another item sums it */
} item;

static item item_at(const job *j, int index, int thread)
{
    item i = {.chunk = index / (j->x.groups * j->dy.groups),
              .x_group = index / j->dy.groups % j->x.groups,
              .dy_group = index % j->dy.groups};
    i.x_panel = group_begin(&j->x, i.x_group);
    i.x_panels = group_begin(&j->x, i.x_group + 1) - i.x_panel;
    i.dy_panel = group_begin(&j->dy, i.dy_group);
    i.dy_panels = group_begin(&j->dy, i.dy_group + 1) - i.dy_panel;
    i.x = j->own + (size_t)thread * j->thread_step;
    i.dy = i.x + NUMBERS * j->x.step;
    i.sums = i.dy + NUMBERS * j->dy.step;
    if (j->dbias && i.x_group == 0)
        i.bias = j->bias + (size_t)i.chunk * (size_t)j->p->dy.c + (size_t)(i.dy_panel * j->dy.text->lanes);
    return i;
}

/* One pass over one block of tiles. */
static void add_block(const job *j, const item *i, int block, int pass)
{
    const int tile = block * TILES, tiles = j->tiles - tile < TILES ? j->tiles - tile : TILES;
    const size_t row = (size_t)(i->dy_panels * j->dy.text->lanes);
    const sg_wino_span x = {tile, tiles, i->x_panel, i->x_panels, j->x.step, j->x.panel_step},
                       dy = {tile, tiles, i->dy_panel, i->dy_panels, j->dy.step, j->dy.panel_step};
    j->x.text->input(i->x, &j->x.view, &x, pass);
    j->dy.text->gradient(i->dy, &j->dy.view, &dy, pass, i->bias);
    for (int t = 0; t < NUMBERS; t++)
        j->dy.text->multiply(i->sums + (size_t)(pass * NUMBERS + t) * j->sums_step, row, i->x + (size_t)t * j->x.step,
                             j->x.text->lanes, i->x_panels, j->x.panel_step, i->dy + (size_t)t * j->dy.step,
                             i->dy_panels, j->dy.panel_step, tiles);
}

static void run_item(void *context, int index, int thread)
{
    const job *j = context;
    const item i = item_at(j, index, thread);
    const int begin = (int)((int64_t)j->blocks * i.chunk / j->chunks),
              end = (int)((int64_t)j->blocks * (i.chunk + 1) / j->chunks);
    const int lanes = j->dy.text->lanes, rows = i.x_panels * j->x.text->lanes;
    const size_t panel = (size_t)TAPS * (size_t)lanes * (size_t)j->p->x.c;
    memset(i.sums, 0, PASSES * NUMBERS * j->sums_step * sizeof(float));
    if (i.bias) memset(i.bias, 0, (size_t)(i.dy_panels * lanes) * sizeof(double));
    for (int first = begin; first < end; first += j->range)
        for (int pass = 0; pass < PASSES; pass++)
            for (int b = first; b < end && b < first + j->range; b++) add_block(j, &i, b, pass);
    j->dy.text->output(j->results + (size_t)i.chunk * j->chunk_step + (size_t)i.dy_panel * panel +
                           (size_t)(i.x_panel * j->x.text->lanes * TAPS * lanes),
                       panel, i.sums, j->sums_step, rows, i.dy_panels);
}

/* ---- the sum of the chunks ---- */

/* Slice: a panel of dy x a group of x. */
static void run_finish(void *context, int index, int thread)
{
    const job *j = context;
    const int panel = index / j->x.groups, group = index % j->x.groups;
    const int begin = group_begin(&j->x, group) * j->x.text->lanes,
              end = group_begin(&j->x, group + 1) * j->x.text->lanes;
    const size_t lanes = (size_t)j->dy.text->lanes, x_c = (size_t)j->p->x.c;
    (void)thread;
    j->dy.text->finish(j->dweights + ((size_t)panel * lanes * x_c + (size_t)begin) * TAPS, x_c * TAPS,
                       j->results + ((size_t)panel * x_c + (size_t)begin) * TAPS * lanes, j->chunk_step, j->chunks,
                       end - begin, j->p->add);
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
    j.x.view.values = x;
    j.dy.view.values = dy;
    j.dy.view.mask = p->masked ? mask : NULL;
    j.dy.view.slope = p->slope;
    j.results = scratch;
    j.bias = (double *)(void *)(j.results + floats_up((size_t)j.chunks * j.chunk_step));
    j.own = (float *)(void *)j.bias + bias_floats(&j);
    j.dweights = dweights;
    j.dbias = dbias;
    sg_parallel(j.chunks * j.x.groups * j.dy.groups, run_item, &j);
    sg_parallel(j.dy.panels * j.x.groups, run_finish, &j);
    if (dbias) finish_bias(&j);
}
