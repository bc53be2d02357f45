/* conv_winograd.c - a fast row of conv2d: 3x3 by our own Winograd kernels (nn/winograd.h), forward, data and weights.
 * They know blocks of channels; plain values (kept outputs, or between ops that have no blocks) are packed into scratch
 * memory and unpacked. */
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/blocks.h"
#include "nn/conv_rows.h"
#include "nn/simd.h"
#include "nn/winograd.h"

/* ---- description ---- */

/* The blocks that a value of these channels has, or gets. */
static sg_conv_side side_of(sg_shape s, sg_form form)
{
    const bool wide = s.c % SG_NCHW16 == 0 && sg_simd_level() == SG_SIMD_AVX512;
    if (form.layout == SG_NCHW) form = (sg_form){wide ? SG_NCHW16 : SG_NCHW8, SG_F32, sg_shape_len(s) / (size_t)s.n};
    return (sg_conv_side){s.c, form};
}

static sg_winograd forward_of(const sg_node *node)
{
    return (sg_winograd){.n = node->shape.n,
                         .h = node->shape.h,
                         .w = node->shape.w,
                         .src = side_of(node->in_shape[0], node->in_form[0]),
                         .dst = side_of(node->shape, node->form),
                         .relu = node->fused != NULL,
                         .slope = node->fused ? (float)node->fused->slope : 1};
}

static sg_winograd data_of(const sg_node *node)
{
    const sg_fused_relu *mask = node->mask[0];
    sg_winograd p = forward_of(node);
    p.src = side_of(node->shape, node->form);
    p.dst = p.mask = side_of(node->in_shape[0], node->in_form[0]);
    p.transposed = true;
    p.relu = false;
    p.masked = mask != NULL;
    p.slope = mask ? (float)mask->slope : 1;
    return p;
}

static sg_winograd_weights weights_of(const sg_node *node)
{
    return (sg_winograd_weights){.n = node->shape.n,
                                 .h = node->shape.h,
                                 .w = node->shape.w,
                                 .x = side_of(node->in_shape[0], node->in_form[0]),
                                 .dy = side_of(node->shape, node->form)};
}

/* The fixed rule by shape: pictures of less than a tile leave most of it empty. */
enum { SMALLEST = 4 };

static bool row_takes(const sg_node *node, bool backward)
{
    (void)backward;
    return !node->direct && sg_conv_same(node) && node->in_shape[1].h == 3 && node->in_shape[0].c % SG_NCHW8 == 0 &&
           node->shape.c % SG_NCHW8 == 0 && node->shape.h >= SMALLEST && node->shape.w >= SMALLEST;
}

static unsigned row_layouts(void)
{
    return sg_simd_level() == SG_SIMD_AVX512 ? SG_NCHW8 | SG_NCHW16 : SG_NCHW8;
}

/* ---- scratch: [x packed][y or dy packed][dx packed][kernel] ---- */

typedef struct map {
    float *x, *y, *dx;
    void *kernel;
    size_t bytes;
} map;

static size_t packed_bytes(sg_shape s, sg_form form)
{
    return form.layout == SG_NCHW ? sg_align_up(sg_shape_len(s) * sizeof(float)) : 0;
}

static map map_make(const sg_node *node, void *scratch)
{
    const size_t x = packed_bytes(node->in_shape[0], node->in_form[0]), y = packed_bytes(node->shape, node->form);
    unsigned char *at = scratch;
    if (!scratch) return (map){.bytes = 2 * x + y};
    return (map){(float *)(void *)at, (float *)(void *)(at + x), (float *)(void *)(at + x + y), at + 2 * x + y,
                 2 * x + y};
}

static void row_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const sg_winograd forward = forward_of(node), data = data_of(node);
    const sg_winograd_weights weights = weights_of(node);
    const size_t bytes[] = {sg_winograd_scratch(&forward, threads), sg_winograd_scratch(&data, threads),
                            sg_winograd_weights_scratch(&weights, threads)};
    size_t most = 0;
    (void)real_size;
    for (int i = 0; i < 3; i++) most = bytes[i] > most ? bytes[i] : most;
    out->scratch = map_make(node, NULL).bytes + most;
}

/* ---- plain values ---- */

typedef struct pack_job {
    void *plain;
    float *packed;
    sg_form form, blocks;
    sg_shape shape;
    bool back; /* packed -> plain */
} pack_job;

static void pack_slice(void *context, int image, int thread)
{
    const pack_job *j = context;
    const size_t pixels = (size_t)j->shape.h * (size_t)j->shape.w;
    float *plain = (float *)j->plain + (size_t)image * j->form.image_step,
          *packed = j->packed + (size_t)image * j->blocks.image_step;
    (void)thread;
    if (j->back)
        sg_blocks_store(plain, j->form, packed, (int)j->blocks.layout, j->shape.c, pixels, false);
    else
        sg_blocks_load(packed, (int)j->blocks.layout, plain, j->form, j->shape.c, pixels);
}

static void pack(const void *plain, float *packed, sg_shape shape, sg_form form, bool back)
{
    pack_job job = {(void *)(uintptr_t)plain, packed, form, side_of(shape, form).form, shape, back};
    sg_parallel(shape.n, pack_slice, &job);
}

/* The value in blocks: where it lies, or packed. */
static const void *blocks_of(const void *value, float *packed, sg_shape shape, sg_form form)
{
    if (form.layout != SG_NCHW) return value;
    pack(value, packed, shape, form, false);
    return packed;
}

/* ---- run ---- */

static void row_forward(const sg_run *run)
{
    const sg_node *node = run->node;
    const sg_winograd p = forward_of(node);
    const map m = map_make(node, run->scratch);
    const void *x = blocks_of(run->in[0], m.x, node->in_shape[0], node->in_form[0]);
    const bool plain = node->form.layout == SG_NCHW;
    sg_winograd_run(&p, x, run->in[1], run->in[2], NULL, plain ? m.y : run->out, m.kernel);
    if (plain) pack(run->out, m.y, node->shape, node->form, true);
}

static void data_gradient(const sg_run *run, const map *m, const void *x, const void *dy)
{
    const sg_node *node = run->node;
    const sg_shape shape = node->in_shape[0];
    const sg_form form = node->in_form[0];
    const bool plain = form.layout == SG_NCHW;
    sg_winograd p = data_of(node);
    p.add = !run->fresh[0];
    if (plain && p.add) pack(run->din[0], m->dx, shape, form, false);
    sg_winograd_run(&p, dy, run->in[1], NULL, p.masked ? x : NULL, plain ? m->dx : run->din[0], m->kernel);
    if (plain) pack(run->din[0], m->dx, shape, form, true);
}

static void row_backward(const sg_run *run)
{
    const sg_node *node = run->node;
    const map m = map_make(node, run->scratch);
    sg_undo_relu(run);
    const void *x = blocks_of(run->in[0], m.x, node->in_shape[0], node->in_form[0]);
    const void *dy = blocks_of(run->dout, m.y, node->shape, node->form);
    if (run->din[1] || run->din[2]) {
        sg_winograd_weights p = weights_of(node);
        p.add = run->din[1] && !run->fresh[1];
        p.add_bias = run->din[2] && !run->fresh[2];
        sg_winograd_weights_run(&p, x, dy, NULL, run->din[1], run->din[2], m.kernel);
    }
    if (run->din[0]) data_gradient(run, &m, x, dy);
}

const sg_fast sg_conv2d_winograd = {
    .name = "winograd",
    .takes = row_takes,
    .blocked = row_layouts,
    .any_form = true,
    .error = 1e-5,
    .masks = 1,
    .skips_mask = true,
    .workspace = row_workspace,
    .forward = row_forward,
    .backward = row_backward,
};
