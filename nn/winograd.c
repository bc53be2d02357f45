/* winograd.c - forward and data gradient of 3 x 3 convolutions by Winograd's algorithm (winograd.h):
 *     dst = A^T [ sum over channels of (G g G^T) .* (B^T d B) ] A
 * for tiles of 4 x 4 results from 6 x 6 pixels d; the 36 products are matrices, tiles x channels x results. An item is
 * a block of tiles: transformed, multiplied with all weights and transformed back while it is near, so nothing but
 * weights goes through memory. Where the weights are too many for the caches their results come in parts, and where
 * there are few tiles all of them are transformed once and the items are cut by results as well. Every cut depends on
 * shapes only. */
#include "nn/winograd.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "nn/simd.h"
#include "nn/winograd_text.h"

#include <limits.h>

enum {
    BLOCK_BYTES = 256 * 1024,     /* transformed tiles of an item */
    BLOCK_LEAST = 28,             /* tiles: fewer would read the weights too often */
    PART_BYTES = 9 * 1024 * 1024, /* transformed weights of a part */
    FILTER_CHANNELS = 32,         /* of a slice that transforms weights */
    FEW_ITEMS = 8,                /* blocks: fewer are cut by results as well */
};

typedef struct job {
    const sg_winograd *p;
    const sg_wino_text *text;
    sg_wino_view src, dst;
    sg_wino_finish finish;
    sg_wino_filter filter;                   /* of the present part */
    int src_panels, dst_panels, tiles, wide; /* wide: numbers of a vector */
    int vectors;                             /* of tiles */
    int blocks, block_vectors;               /* block_vectors: of the largest */
    int parts, part, first;                  /* parts, the present one and its first panel */
    int cuts;                                /* of the results of a part */
    bool shared;                             /* all tiles are transformed first, for all items */
    size_t in_len, out_len;                  /* numbers of the transform of a block */
    float *filters, *in, *own;
} job;

static const sg_wino_text *text_for(const sg_winograd *p)
{
#if defined(__x86_64__)
    const bool wide = p->src.form.layout == SG_NCHW16 && p->dst.form.layout == SG_NCHW16;
    if (sg_simd_level() == SG_SIMD_AVX512) return wide ? &sg_wino_text_avx512_16 : &sg_wino_text_avx512_8;
    if (sg_simd_level() == SG_SIMD_AVX2) return &sg_wino_text_avx2_8;
#endif
    (void)p;
    return &sg_wino_text_plain_8;
}

/* Not a multiple of a page, or 36 streams would meet in a few lines of the first cache. */
static size_t point_step(size_t panels, size_t vectors, size_t wide)
{
    return ((panels * vectors) | 1) * wide;
}

static void cut_tiles(job *j)
{
    const size_t tile = SG_WINO_POINTS * sizeof(float) * (size_t)(j->p->src.c + j->p->dst.c);
    int most = (int)(BLOCK_BYTES / tile);
    if (most < BLOCK_LEAST) most = BLOCK_LEAST;
    j->vectors = sg_wino_ceil_div(j->tiles, j->text->pack);
    j->blocks = sg_wino_ceil_div(j->tiles, most);
    j->shared = j->blocks < FEW_ITEMS;
    j->block_vectors = sg_wino_ceil_div(j->vectors, j->blocks);
}

static void cut_results(job *j)
{
    const size_t panel = (size_t)SG_WINO_POINTS * sizeof(float) * (size_t)(j->p->src.c * j->wide);
    const int pairs = sg_wino_ceil_div(j->dst_panels, SG_WINO_PAIR);
    int most = (int)(PART_BYTES / (SG_WINO_PAIR * panel));
    if (most < 1) most = 1;
    j->parts = sg_wino_ceil_div(pairs, most);
    j->cuts = 1;
    if (j->shared) j->cuts = sg_wino_ceil_div(FEW_ITEMS, j->blocks);
    if (j->cuts > pairs / j->parts) j->cuts = pairs / j->parts;
}

/* The first panel of a cut of pairs. */
static int panel_cut(int panels, int cuts, int index)
{
    const int panel = SG_WINO_PAIR * sg_wino_cut(sg_wino_ceil_div(panels, SG_WINO_PAIR), cuts, index);
    return panel < panels ? panel : panels;
}

static job job_make(const sg_winograd *p)
{
    job j = {.p = p, .text = text_for(p)};
    j.wide = j.text->lanes * j.text->pack;
    j.src_panels = p->src.c / j.text->lanes;
    j.dst_panels = p->dst.c / j.text->lanes;
    j.tiles = p->n * sg_wino_ceil_div(p->h, 4) * sg_wino_ceil_div(p->w, 4);
    cut_tiles(&j);
    cut_results(&j);
    const int part_pairs = sg_wino_ceil_div(sg_wino_ceil_div(j.dst_panels, SG_WINO_PAIR), j.parts);
    const size_t wide = (size_t)j.wide, vectors = (size_t)j.block_vectors,
                 widest = (size_t)(sg_wino_ceil_div(part_pairs, j.cuts) * SG_WINO_PAIR);
    j.in_len = SG_WINO_POINTS * point_step((size_t)j.src_panels, vectors, wide);
    j.out_len = SG_WINO_POINTS * point_step(widest, vectors, wide);
    j.filter = (sg_wino_filter){.src_step = p->transposed ? SG_WINO_TAPS * (size_t)p->dst.c : SG_WINO_TAPS,
                                .dst_step = p->transposed ? SG_WINO_TAPS : SG_WINO_TAPS * (size_t)p->src.c,
                                .point_step = ((size_t)(part_pairs * SG_WINO_PAIR * p->src.c) | 1) * wide,
                                .rotated = p->transposed,
                                .channels = p->src.c};
    return j;
}

bool sg_winograd_takes(const sg_winograd *p)
{
    const sg_conv_side *sides[] = {&p->src, &p->dst, &p->mask};
    for (int i = 0; i < (p->masked ? 3 : 2); i++) {
        const int block = (int)sides[i]->form.layout;
        if ((block != 8 && block != 16) || sides[i]->c % block != 0) return false;
    }
    return !(p->masked && (p->relu || p->mask.form.layout != p->dst.form.layout)) &&
           (int64_t)p->n * p->h * p->w <= INT_MAX / 2;
}

/* ---- memory: [weights of a part][transformed tiles, shared or of each thread][products of each thread] ---- */

static size_t in_blocks(const job *j, int threads)
{
    return (size_t)(j->shared ? j->blocks : threads);
}

static size_t filters_len(const job *j)
{
    return SG_WINO_POINTS * j->filter.point_step;
}

size_t sg_winograd_scratch(const sg_winograd *p, int threads)
{
    const job j = job_make(p);
    return sizeof(float) * (filters_len(&j) + in_blocks(&j, threads) * j.in_len + (size_t)threads * j.out_len);
}

/* ---- slices ---- */

static sg_wino_span source_span(const job *j, int block)
{
    const int begin = sg_wino_cut(j->vectors, j->blocks, block), end = sg_wino_cut(j->vectors, j->blocks, block + 1);
    sg_wino_span s = {.tile = begin * j->text->pack, .panels = j->src_panels};
    s.tiles = (block + 1 < j->blocks ? end * j->text->pack : j->tiles) - s.tile;
    s.point_step = point_step((size_t)j->src_panels, (size_t)j->block_vectors, (size_t)j->wide);
    s.panel_step = (size_t)((end - begin) * j->wide);
    return s;
}

static void filter_slice(void *context, int slice, int thread)
{
    const job *j = context;
    const int channels = j->p->src.c, cuts = sg_wino_ceil_div(channels, FILTER_CHANNELS), at = slice % cuts;
    (void)thread;
    j->text->filter(j->filters, &j->filter, slice / cuts, sg_wino_cut(channels, cuts, at),
                    sg_wino_cut(channels, cuts, at + 1));
}

/* All panels of a block, or, shared, one. */
static void input_slice(void *context, int slice, int thread)
{
    const job *j = context;
    const int block = slice / j->src_panels, panel = slice % j->src_panels;
    sg_wino_span s = source_span(j, block);
    (void)thread;
    s.panel = panel;
    s.panels = 1;
    j->text->input(j->in + (size_t)block * j->in_len + (size_t)panel * s.panel_step, &j->src, &s);
}

static void item_slice(void *context, int slice, int thread)
{
    const job *j = context;
    const int block = slice / j->cuts, at = slice % j->cuts;
    const sg_wino_span source = source_span(j, block);
    sg_wino_span results = source;
    float *in = j->in + (size_t)(j->shared ? block : thread) * j->in_len, *out = j->own + (size_t)thread * j->out_len;
    const int begin = panel_cut(j->filter.panels, j->cuts, at);
    results.panel = j->first + begin;
    results.panels = panel_cut(j->filter.panels, j->cuts, at + 1) - begin;
    results.point_step = j->out_len / SG_WINO_POINTS;
    if (!j->shared) j->text->input(in, &j->src, &source);
    j->text->multiply(out, &results, in, &source, j->filters, &j->filter, begin);
    j->text->output(&j->dst, out, &results, &j->finish);
}

void sg_winograd_run(const sg_winograd *p, const void *src, const float *weights, const float *bias, const void *mask,
                     void *dst, void *scratch)
{
    job j = job_make(p);
    j.src = sg_wino_view_of(p->h, p->w, &p->src, src);
    j.dst = sg_wino_view_of(p->h, p->w, &p->dst, dst);
    j.finish =
        (sg_wino_finish){sg_wino_view_of(p->h, p->w, &p->mask, mask), bias, p->slope, p->add, p->relu, p->masked};
    j.filters = scratch;
    j.in = j.filters + filters_len(&j);
    j.own = j.in + in_blocks(&j, sg_threads()) * j.in_len;
    if (j.shared) sg_parallel(j.blocks * j.src_panels, input_slice, &j);
    for (j.part = 0; j.part < j.parts; j.part++) {
        j.first = panel_cut(j.dst_panels, j.parts, j.part);
        j.filter.panels = panel_cut(j.dst_panels, j.parts, j.part + 1) - j.first;
        j.filter.weights = weights + (size_t)(j.first * j.text->lanes) * j.filter.dst_step;
        sg_parallel(j.filter.panels * sg_wino_ceil_div(p->src.c, FILTER_CHANNELS), filter_slice, &j);
        sg_parallel(j.blocks * j.cuts, item_slice, &j);
    }
}
