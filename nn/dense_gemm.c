/* dense_gemm.c - the fast row of dense: multiplications of matrices (nn/gemm.h).
 *     forward   Y = X W^T + bias: both lie along the inputs, so their lanes are summed; a slice owns some samples
 *     backward  dX = dY W, dW = dY^T X: a slice owns a panel of inputs of both, so nothing is added across threads
 * Rows whose length is no multiple of a vector are copied into rows that are, with zeros at the end. */
#include "nn/dense_gemm.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "nn/gemm.h"

#include <string.h>

enum { SAMPLES = 16, PANEL = 32, ROWS = 96 }; /* of a slice; of a panel; rows of a panel's result at a time */

typedef struct layer {
    size_t samples, inputs, outputs, filled; /* filled: inputs in whole vectors */
    size_t deepest;                          /* rows of a packed panel: outputs or samples */
    int groups, panels;
} layer;

static layer layer_make(const sg_node *node)
{
    layer l = {.samples = (size_t)node->shape.n, .outputs = (size_t)node->shape.c};
    l.inputs = sg_shape_len(node->in_shape[0]) / l.samples;
    l.filled = (l.inputs + SG_GEMM_LANES - 1) / SG_GEMM_LANES * SG_GEMM_LANES;
    l.deepest = l.outputs > l.samples ? l.outputs : l.samples;
    l.groups = (int)((l.samples + SAMPLES - 1) / SAMPLES);
    l.panels = (int)((l.inputs + PANEL - 1) / PANEL);
    return l;
}

static bool gemm_takes(const sg_node *node, bool backward)
{
    (void)node, (void)backward;
    return true;
}

/* [where W's rows begin][X filled][W filled], for each thread [packed panel][its result] */
typedef struct map {
    size_t *row_at;
    float *x, *weight, *packed, *result;
    size_t bytes;
} map;

static map map_make(const layer *l, int threads, void *base, int thread)
{
    const size_t at = sg_align_up(l->outputs * sizeof(size_t)), packed = l->deepest * PANEL,
                 mine = packed + ROWS * PANEL;
    const size_t copies = l->filled == l->inputs ? 0 : l->filled;
    map m = {.bytes = at + ((l->samples + l->outputs) * copies + (size_t)threads * mine) * sizeof(float)};
    if (!base) return m;
    m.row_at = base;
    m.x = (float *)(void *)((char *)base + at);
    m.weight = m.x + l->samples * copies;
    m.packed = m.weight + l->outputs * copies + (size_t)thread * mine;
    m.result = m.packed + packed;
    return m;
}

static void gemm_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const layer l = layer_make(node);
    (void)real_size;
    out->scratch = map_make(&l, threads, NULL, 0).bytes;
}

/* ---- forward ---- */

/* `rows` rows of whole vectors: where they lie, or copied to `room`. */
static const float *filled(const layer *l, float *room, const float *from, size_t rows)
{
    const size_t rest = l->filled - l->inputs;
    if (rest == 0) return from;
    for (size_t r = 0; r < rows; r++) {
        memcpy(room + r * l->filled, from + r * l->inputs, l->inputs * sizeof(float));
        memset(room + r * l->filled + l->inputs, 0, rest * sizeof(float));
    }
    return room;
}

typedef struct forward_job {
    const sg_run *run;
    layer l;
    map m;
    const float *weight;
} forward_job;

static void forward_slice(void *context, int group, int thread)
{
    const forward_job *j = context;
    const layer *l = &j->l;
    const float *bias = j->run->in[2];
    const size_t first = (size_t)group * SAMPLES, left = l->samples - first, count = left < SAMPLES ? left : SAMPLES;
    float *y = (float *)j->run->out + first * l->outputs;
    (void)thread;
    for (size_t i = 0; i < count; i++)
        for (size_t o = 0; o < l->outputs; o++) y[i * l->outputs + o] = bias ? bias[o] : 0;
    sg_gemm_dots_run(&(sg_gemm_dots){
        .m = count,
        .n = l->outputs,
        .len = l->filled,
        .images = 1,
        .a = filled(l, j->m.x + first * l->filled, (const float *)j->run->in[0] + first * l->inputs, count),
        .a_row = l->filled,
        .b = j->weight,
        .b_at = j->m.row_at,
        .c = y,
        .c_row = l->outputs});
}

static void gemm_forward(const sg_run *run)
{
    forward_job j = {.run = run, .l = layer_make(run->node)};
    j.m = map_make(&j.l, run->threads, run->scratch, 0);
    for (size_t o = 0; o < j.l.outputs; o++) j.m.row_at[o] = o * j.l.filled;
    j.weight = filled(&j.l, j.m.weight, run->in[1], j.l.outputs);
    sg_parallel(j.l.groups, forward_slice, &j);
}

/* ---- backward ---- */

/* to = [to +] dY B or dY^T B for the inputs first .. of B (depth x inputs) and `to` (rows x inputs). */
static void multiply_panel(const layer *l, const map *m, size_t first, sg_gemm g, const float *b, float *to, bool fresh)
{
    const size_t rows = g.m, width = l->inputs - first < PANEL ? l->inputs - first : PANEL;
    for (size_t k = 0; k < g.k; k++) {
        memcpy(m->packed + k * PANEL, b + k * l->inputs + first, width * sizeof(float));
        memset(m->packed + k * PANEL + width, 0, (PANEL - width) * sizeof(float));
    }
    g.n = g.b_row = g.c_row = PANEL;
    g.k_panel = g.k;
    g.b = m->packed;
    g.c = m->result;
    for (size_t r = 0; r < rows; r += g.m, g.a += g.m * g.a_row) {
        g.m = rows - r < ROWS ? rows - r : ROWS;
        sg_gemm_run(&g);
        for (size_t i = 0; i < g.m; i++)
            for (size_t j = 0; j < width; j++) {
                float *d = to + (r + i) * l->inputs + first + j;
                *d = (fresh ? 0 : *d) + m->result[i * PANEL + j];
            }
    }
}

static void backward_slice(void *context, int panel, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const layer l = layer_make(run->node);
    const map m = map_make(&l, run->threads, run->scratch, thread);
    const size_t first = (size_t)panel * PANEL;
    const sg_gemm dx = {.m = l.samples, .k = l.outputs, .a = run->dout, .a_row = l.outputs, .a_column = 1},
                  dweight = {.m = l.outputs, .k = l.samples, .a = run->dout, .a_row = 1, .a_column = l.outputs};
    if (run->din[0]) multiply_panel(&l, &m, first, dx, run->in[1], run->din[0], run->fresh[0]);
    if (run->din[1]) multiply_panel(&l, &m, first, dweight, run->in[0], run->din[1], run->fresh[1]);
}

SG_SIMD static void add_bias(float *restrict dbias, const float *restrict dy, size_t samples, size_t outputs,
                             bool fresh)
{
    if (fresh) memset(dbias, 0, outputs * sizeof(float));
    for (size_t n = 0; n < samples; n++)
        for (size_t o = 0; o < outputs; o++) dbias[o] += dy[n * outputs + o];
}

static void gemm_backward(const sg_run *run)
{
    const layer l = layer_make(run->node);
    if (run->din[0] || run->din[1]) sg_parallel(l.panels, backward_slice, &run);
    if (run->din[2]) add_bias(run->din[2], run->dout, l.samples, l.outputs, run->fresh[2]);
}

const sg_fast sg_dense_gemm = {
    .name = "gemm",
    .takes = gemm_takes,
    .workspace = gemm_workspace,
    .forward = gemm_forward,
    .backward = gemm_backward,
};
