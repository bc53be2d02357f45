/* mosaic.c - see pixel.h: a tile of transmissions that repeats over the sensor, summed over colours.
 *   forward   y[p,e] = sum_k T[k] x[p,k,e], T at (row mod th, column mod tw)
 *   backward  dx[p,k,e] += T[k] dy[p,e];  dT[k](r, c) += sum over n, p, e and the pixels of (r, c) of dy x
 * Rows of the tile are first repeated to the sensor's width. Slices: planes of y; for dT rows of the tile. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/pixel.h"

#include <string.h>

typedef struct mosaic_attr {
    int exposures;
} mosaic_attr;
SG_KERNELS(mosaic)

typedef struct mosaic_size {
    size_t images, planes, colours, exposures, h, w, th, tw;
} mosaic_size;

static mosaic_size R(mosaic_size_of)(const sg_node *node)
{
    const mosaic_attr *a = node->attr;
    const sg_shape s = node->shape, t = node->in_shape[1];
    return (mosaic_size){(size_t)s.n, (size_t)(s.c / a->exposures),
                         (size_t)t.c, (size_t)a->exposures,
                         (size_t)s.h, (size_t)s.w,
                         (size_t)t.h, (size_t)t.w};
}

typedef struct R(mosaic_task) {
    const sg_run *run;
    mosaic_size s;
    real *rows;   /* (K, th, w) */
    double *sums; /* (K, th, w) */
} R(mosaic_task);

/* scratch = sums, rows */
static R(mosaic_task) R(mosaic_task_make)(const sg_run *run)
{
    const mosaic_size s = R(mosaic_size_of)(run->node);
    double *sums = run->scratch;
    real *rows = (real *)(void *)(sums + s.colours * s.th * s.w);
    const real *tile = run->in[1];
    for (size_t r = 0; r < s.colours * s.th; r++)
        for (size_t x = 0; x < s.w; x++) rows[r * s.w + x] = tile[r * s.tw + x % s.tw];
    return (R(mosaic_task)){run, s, rows, sums};
}

/* Where the plane of colour k that goes into output plane `slice` begins. */
static size_t R(mosaic_in)(const mosaic_size *s, size_t slice, size_t k)
{
    const size_t group = slice / s->exposures, e = slice % s->exposures;
    return ((group * s->colours + k) * s->exposures + e) * s->h * s->w;
}

SG_SIMD static void R(mosaic_add)(real *restrict y, const real *restrict t, const real *restrict x, size_t len)
{
    for (size_t i = 0; i < len; i++) y[i] += t[i] * x[i];
}

SG_SIMD static void R(mosaic_sum)(double *restrict sum, const real *restrict a, const real *restrict b, size_t len)
{
    for (size_t i = 0; i < len; i++) sum[i] += (double)a[i] * (double)b[i];
}

static void R(mosaic_forward_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(mosaic_task) *t = context;
    const mosaic_size *s = &t->s;
    real *y = (real *)t->run->out + (size_t)slice * s->h * s->w;
    memset(y, 0, s->h * s->w * sizeof *y);
    for (size_t k = 0; k < s->colours; k++) {
        const real *x = (const real *)t->run->in[0] + R(mosaic_in)(s, (size_t)slice, k);
        for (size_t r = 0; r < s->h; r++)
            R(mosaic_add)(y + r * s->w, t->rows + (k * s->th + r % s->th) * s->w, x + r * s->w, s->w);
    }
}

void R(mosaic_forward)(const sg_run *run)
{
    R(mosaic_task) t = R(mosaic_task_make)(run);
    sg_parallel(run->node->shape.n * run->node->shape.c, R(mosaic_forward_slice), &t);
}

static void R(mosaic_dx_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(mosaic_task) *t = context;
    const mosaic_size *s = &t->s;
    const real *dy = (const real *)t->run->dout + (size_t)slice * s->h * s->w;
    for (size_t k = 0; k < s->colours; k++) {
        real *dx = (real *)t->run->din[0] + R(mosaic_in)(s, (size_t)slice, k);
        for (size_t r = 0; r < s->h; r++)
            R(mosaic_add)(dx + r * s->w, t->rows + (k * s->th + r % s->th) * s->w, dy + r * s->w, s->w);
    }
}

/* One row of the tile of one colour: its pixels in every plane, in order. */
static void R(mosaic_dtile_slice)(void *context, int slice, int thread)
{
    (void)thread;
    const R(mosaic_task) *t = context;
    const mosaic_size *s = &t->s;
    const size_t k = (size_t)slice / s->th, first = (size_t)slice % s->th, pixels = s->h * s->w;
    double *sum = t->sums + (size_t)slice * s->w;
    real *dtile = (real *)t->run->din[1] + (size_t)slice * s->tw;
    memset(sum, 0, s->w * sizeof *sum);
    for (size_t plane = 0; plane < s->images * s->planes * s->exposures; plane++) {
        const real *dy = (const real *)t->run->dout + plane * pixels;
        const real *x = (const real *)t->run->in[0] + R(mosaic_in)(s, plane, k);
        for (size_t r = first; r < s->h; r += s->th) R(mosaic_sum)(sum, dy + r * s->w, x + r * s->w, s->w);
    }
    for (size_t c = s->tw; c < s->w; c++) sum[c % s->tw] += sum[c];
    for (size_t c = 0; c < s->tw && c < s->w; c++) dtile[c] += (real)sum[c];
}

void R(mosaic_backward)(const sg_run *run)
{
    R(mosaic_task) t = R(mosaic_task_make)(run);
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c, R(mosaic_dx_slice), &t);
    if (run->din[1]) sg_parallel((int)(t.s.colours * t.s.th), R(mosaic_dtile_slice), &t);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const mosaic_attr *a = node->attr;
    const sg_shape s = node->in_shape[0], t = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "picture and tile must be real");
    if (t.n != 1 || a->exposures < 1 || s.c % (t.c * a->exposures))
        SG_FAIL(SG_E_SHAPE, "%d pictures are not a multiple of %d colours x %d exposures", s.c, t.c, a->exposures);
    node->shape = SG_SHAPE(s.n, s.c / t.c, s.h, s.w);
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    const sg_shape t = node->in_shape[1];
    out->scratch = (size_t)t.c * (size_t)t.h * (size_t)node->shape.w * (sizeof(double) + real_size);
}

static double flop(const sg_node *node)
{
    return 2 * (double)sg_shape_len(node->in_shape[0]);
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape x, tile;
        int exposures;
    } table[] = {{{2, 3, 4, 6}, {1, 3, 2, 2}, 1},
                 {{1, 8, 3, 5}, {1, 2, 2, 3}, 2}, /* planes, colours and exposures; a tile that does not divide */
                 {{2, 2, 5, 4}, {1, 1, 4, 2}, 1},
                 {{1, 2, 2, 3}, {1, 2, 3, 5}, 1}}; /* a tile larger than the sensor */
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_value x = sg_case_input(g, "x", table[i].x, -1, 1, SG_CASE_GRAD);
    return sg_mosaic(g, x, sg_case_input(g, "tile", table[i].tile, 0, 1, SG_CASE_GRAD), table[i].exposures);
}

const sg_op sg_op_mosaic = {
    .name = "mosaic",
    .formula = "y(r) = sum_k T_k(r) I_k(r), T a tile of transmissions that repeats (colour filters: Bayer 1976; "
               "exposure mask)",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(mosaic),
    .flop = flop,
    .keeps_inputs = 3,
    .linear = true,
    .cases = cases,
};

sg_value sg_mosaic(sg_graph *g, sg_value x, sg_value tile, int exposures)
{
    const mosaic_attr attr = {exposures};
    return SG_NODE(g, &sg_op_mosaic, &attr, x, tile);
}

#endif
