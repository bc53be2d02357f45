/* adc_threshold.c - see adc.h: an ADC of any thresholds, and pixels of different bit depths.
 *   forward   v = weight e, code = sum_j 1(v > threshold_j), adu = level[code]
 *   backward  t_j = the threshold nearest to v;  W = width range_e / (2^bit_depth - 1)
 *
 *              g = (level[j + 1] - level[j]) logistic'((v - t_j)/W) / W
 *             de += dout g weight;  dweight += dout g e;  dthreshold_j += -dout g;  dlevel[code] += dout
 * Work is cut into blocks of pixels, each going through all pictures, so that what belongs to a pixel is written by one
 * slice alone; sums over pixels are kept per slice and added in order. */
#include "core/parallel.h"
#include "physics/adc_step.h"
#include "physics/ops.h"

#include <string.h>

typedef struct adc_threshold_attr {
    int bit_depth;
    bool soft_training;
    sg_adc_width width;
} adc_threshold_attr;
SG_KERNELS(adc_threshold)
SG_HIDDEN void adc_threshold_surrogate_f64(const sg_run *run);

enum { IN_E, IN_THRESHOLD, IN_LEVEL, IN_ROW, IN_WEIGHT, IN_RANGE, INPUTS };
enum { PIXELS = 1024, THRESHOLDS_MAX = 255 };

typedef struct R(table) {
    const sg_run *run;
    const real *e, *threshold, *level, *row, *weight;
    size_t plane, planes;
    int rows, count; /* R, T */
    bool soft;       /* this run gives soft values */
    real inverse_width;
    double *sums; /* per slice (R, T) and (R, T + 1); NULL: one row a pixel, or none */
} R(table);

static int slices_of(size_t plane)
{
    return (int)((plane + PIXELS - 1) / PIXELS);
}

/* Sums of a slice: gradients of thresholds, then of levels. */
static size_t sums_len(int rows, int count)
{
    return (size_t)rows * (2 * (size_t)count + 1);
}

static R(table) R(table_make)(const sg_run *run)
{
    const adc_threshold_attr *a = run->node->attr;
    const sg_shape s = run->node->shape, t = run->node->in_shape[IN_THRESHOLD];
    const double step_e = (double)*(const real *)run->in[IN_RANGE] / (double)((1 << a->bit_depth) - 1);
    return (R(table)){
        .run = run,
        .e = run->in[IN_E],
        .threshold = run->in[IN_THRESHOLD],
        .level = run->in[IN_LEVEL],
        .row = run->in[IN_ROW],
        .weight = run->in[IN_WEIGHT],
        .plane = (size_t)s.h * (size_t)s.w,
        .planes = (size_t)s.n * (size_t)s.c,
        .rows = t.h,
        .count = t.w,
        .soft = a->soft_training && run->step->training,
        .inverse_width = (real)(1 / (step_e * R(adc_width)(&a->width, run->step))),
    };
}

/* The row of a pixel; whatever a map holds, it lies inside the table. */
static inline size_t R(row_of)(const R(table) * t, size_t pixel)
{
    if (!t->row) return t->rows > 1 ? pixel : 0;
    const real row = t->row[pixel];
    return !(row > 0) ? 0 : row > (real)(t->rows - 1) ? (size_t)t->rows - 1 : (size_t)row;
}

/* Number of thresholds below v, by halving. */
static inline int R(code_of)(const real *threshold, int count, real v)
{
    int code = 0;
    while (count > 0) {
        const int half = count / 2;
        const bool above = v > threshold[code + half];
        code += above ? half + 1 : 0;
        count = above ? count - half - 1 : half;
    }
    return code;
}

/* Index of the threshold nearest to v, which has `code` of them below. */
static inline int R(nearest)(const real *threshold, int count, int code, real v)
{
    if (code == 0) return 0;
    if (code == count) return count - 1;
    return v - threshold[code - 1] <= threshold[code] - v ? code - 1 : code;
}

/* What one number meets: its row of the tables. */
typedef struct R(pixel) {
    const real *threshold, *level;
    real weight, v;
} R(pixel);

static inline R(pixel) R(pixel_of)(const R(table) * t, size_t row, size_t pixel, size_t at)
{
    const real weight = t->weight ? t->weight[pixel] : 1;
    return (R(pixel)){t->threshold + row * (size_t)t->count, t->level + row * (size_t)(t->count + 1), weight,
                      weight * t->e[at]};
}

/* ---- forward ---- */

static real R(soft_value)(const R(table) * t, const R(pixel) * p)
{
    real adu = p->level[0];
    for (int j = 0; j < t->count; j++)
        adu += (p->level[j + 1] - p->level[j]) * R(logistic)((p->v - p->threshold[j]) * t->inverse_width);
    return adu;
}

static real R(hard_value)(const R(table) * t, const R(pixel) * p)
{
    return isnan(p->v) ? p->v : p->level[R(code_of)(p->threshold, t->count, p->v)];
}

static void R(forward_task)(void *context, int slice, int thread)
{
    const R(table) *t = context;
    real *out = t->run->out;
    const size_t begin = (size_t)slice * PIXELS, end = begin + PIXELS < t->plane ? begin + PIXELS : t->plane;
    (void)thread;
    for (size_t at = 0; at < t->planes * t->plane; at += t->plane) {
        for (size_t p = begin; p < end; p++) {
            const R(pixel) pixel = R(pixel_of)(t, R(row_of)(t, p), p, at + p);
            out[at + p] = t->soft ? R(soft_value)(t, &pixel) : R(hard_value)(t, &pixel);
        }
    }
}

#ifdef SG_DOUBLE
/* What the surrogate holds fixed: nearest threshold, code, height of the step. */
static void save_fixed(const table_f64 *t)
{
    double *save = t->run->save;
    for (size_t i = 0; i < t->planes * t->plane; i++, save += 3) {
        const size_t at = i % t->plane;
        const pixel_f64 p = pixel_of_f64(t, row_of_f64(t, at), at, i);
        const int code = code_of_f64(p.threshold, t->count, p.v), j = nearest_f64(p.threshold, t->count, code, p.v);
        save[0] = j, save[1] = code, save[2] = p.level[j + 1] - p.level[j];
    }
}

/* level[code] + step logistic((v - threshold)/W): code, step and the choice of the threshold fixed. */
void adc_threshold_surrogate_f64(const sg_run *run)
{
    const table_f64 t = table_make_f64(run);
    const double *save = run->save;
    double *out = run->out;
    for (size_t i = 0; i < t.planes * t.plane; i++, save += 3) {
        const size_t at = i % t.plane;
        const pixel_f64 p = pixel_of_f64(&t, row_of_f64(&t, at), at, i);
        const double x = (p.v - p.threshold[(int)save[0]]) * t.inverse_width;
        out[i] = t.soft ? soft_value_f64(&t, &p) : p.level[(int)save[1]] + save[2] * logistic_f64(x);
    }
}
#endif

void R(adc_threshold_forward)(const sg_run *run)
{
    R(table) t = R(table_make)(run);
    sg_parallel(slices_of(t.plane), R(forward_task), &t);
#ifdef SG_DOUBLE
    save_fixed(&t);
#endif
}

/* ---- backward ---- */

/* Adds the gradients of one number; dthreshold and dlevel are those of its row. */
typedef struct R(grads) {
    real *threshold, *level; /* one row a pixel: straight into the gradient */
    double *threshold_sum, *level_sum;
} R(grads);

static R(grads) R(grads_of)(const R(table) * t, int slice, size_t row)
{
    const size_t count = (size_t)t->count;
    if (t->sums) {
        double *sums = t->sums + (size_t)slice * sums_len(t->rows, t->count);
        return (R(grads)){NULL, NULL, sums + row * count, sums + (size_t)t->rows * count + row * (count + 1)};
    }
    real *threshold = t->run->din[IN_THRESHOLD], *level = t->run->din[IN_LEVEL];
    return (R(grads)){threshold ? threshold + row * count : NULL, level ? level + row * (count + 1) : NULL, NULL, NULL};
}

static void R(add_threshold)(const R(grads) * g, int j, real dv)
{
    if (g->threshold) g->threshold[j] -= dv;
    if (g->threshold_sum) g->threshold_sum[j] -= (double)dv;
}

static void R(add_level)(const R(grads) * g, int k, real dlevel)
{
    if (g->level) g->level[k] += dlevel;
    if (g->level_sum) g->level_sum[k] += (double)dlevel;
}

/* Adds to thresholds and levels what `dout` gives them; returns dL/dv. */
static real R(backward_hard)(const R(table) * t, const R(grads) * g, const R(pixel) * p, real dout)
{
    const int code = R(code_of)(p->threshold, t->count, p->v), j = R(nearest)(p->threshold, t->count, code, p->v);
    const real slope = R(logistic_slope)((p->v - p->threshold[j]) * t->inverse_width) * t->inverse_width;
    const real dv = dout * (p->level[j + 1] - p->level[j]) * slope;
    R(add_threshold)(g, j, dv);
    R(add_level)(g, code, dout);
    return dv;
}

static real R(backward_soft)(const R(table) * t, const R(grads) * g, const R(pixel) * p, real dout)
{
    real sum = 0, below = 1;
    for (int j = 0; j < t->count; j++) {
        const real x = (p->v - p->threshold[j]) * t->inverse_width, above = R(logistic)(x);
        const real dv = dout * (p->level[j + 1] - p->level[j]) * R(logistic_slope)(x) * t->inverse_width;
        R(add_threshold)(g, j, dv);
        R(add_level)(g, j, dout * (below - above));
        sum += dv, below = above;
    }
    R(add_level)(g, t->count, dout * below);
    return sum;
}

static void R(backward_number)(const R(table) * t, const R(grads) * g, size_t row, size_t pixel, size_t at)
{
    const R(pixel) p = R(pixel_of)(t, row, pixel, at);
    const real dout = ((const real *)t->run->dout)[at];
    const real dv = t->soft ? R(backward_soft)(t, g, &p, dout) : R(backward_hard)(t, g, &p, dout);
    real *de = t->run->din[IN_E], *dweight = t->run->din[IN_WEIGHT];
    if (de) de[at] += dv * p.weight;
    if (dweight) dweight[pixel] += dv * t->e[at];
}

static void R(backward_task)(void *context, int slice, int thread)
{
    const R(table) *t = context;
    const size_t begin = (size_t)slice * PIXELS, end = begin + PIXELS < t->plane ? begin + PIXELS : t->plane;
    const size_t sums = sums_len(t->rows, t->count);
    (void)thread;
    if (t->sums) memset(t->sums + (size_t)slice * sums, 0, sums * sizeof *t->sums);
    for (size_t p = begin; p < end; p++) {
        const size_t row = R(row_of)(t, p);
        const R(grads) g = R(grads_of)(t, slice, row);
        for (size_t at = p; at < t->planes * t->plane; at += t->plane) R(backward_number)(t, &g, row, p, at);
    }
}

/* din += the slices' sums, in order. */
static void R(add_sums)(real *din, const double *sums, size_t len, size_t stride, int slices)
{
    for (size_t i = 0; din && i < len; i++) {
        double sum = 0;
        for (int s = 0; s < slices; s++) sum += sums[(size_t)s * stride + i];
        din[i] += (real)sum;
    }
}

void R(adc_threshold_backward)(const sg_run *run)
{
    R(table) t = R(table_make)(run);
    const int slices = slices_of(t.plane);
    const size_t thresholds = (size_t)t.rows * (size_t)t.count, stride = sums_len(t.rows, t.count);
    t.sums = t.row || t.rows == 1 ? run->scratch : NULL;
    sg_parallel(slices, R(backward_task), &t);
    if (!t.sums) return;
    R(add_sums)(run->din[IN_THRESHOLD], t.sums, thresholds, stride, slices);
    R(add_sums)(run->din[IN_LEVEL], t.sums + thresholds, stride - thresholds, stride, slices);
}

#ifdef SG_ONCE

static bool is_map(const sg_node *node, int input)
{
    const sg_shape s = node->in_shape[input], o = node->in_shape[IN_E];
    return s.n == 1 && s.c == 1 && s.h == o.h && s.w == o.w;
}

static sg_status infer(sg_node *node)
{
    static const char *const names[INPUTS] = {"e", "threshold", "level", "row", "weight"};
    const adc_threshold_attr *a = node->attr;
    const sg_shape s = node->in_shape[IN_E], t = node->in_shape[IN_THRESHOLD], l = node->in_shape[IN_LEVEL];
    const bool mapped = node->inputs[IN_ROW] >= 0;
    if (node->in_complex[IN_E]) SG_FAIL(SG_E_SHAPE, "electrons are complex");
    if (a->bit_depth < 1 || a->bit_depth > 8) SG_FAIL(SG_E_RANGE, "bit_depth: %d is outside 1..8", a->bit_depth);
    if (!(a->width.start > 0 && a->width.end > 0))
        SG_FAIL(SG_E_RANGE, "width: %g to %g, both must be positive", a->width.start, a->width.end);
    if (sg_shape_len(node->in_shape[IN_RANGE]) != 1) SG_FAIL(SG_E_SHAPE, "range_e of shape (1,1,1,1) is needed");
    if (t.n != 1 || t.c != 1 || t.w < 1 || t.w > THRESHOLDS_MAX)
        SG_FAIL(SG_E_SHAPE, "threshold is (%d,%d,%d,%d), (1,1,rows,1..%d) is needed", t.n, t.c, t.h, t.w,
                THRESHOLDS_MAX);
    if (l.n != 1 || l.c != 1 || l.h != t.h || l.w != t.w + 1)
        SG_FAIL(SG_E_SHAPE, "level is (%d,%d,%d,%d), (1,1,%d,%d) is needed", l.n, l.c, l.h, l.w, t.h, t.w + 1);
    if (!mapped && t.h != 1 && (long long)t.h != (long long)s.h * s.w)
        SG_FAIL(SG_E_SHAPE, "%d rows of thresholds without a map for %d x %d pixels: 1 row, or one a pixel", t.h, s.h,
                s.w);
    for (int i = IN_ROW; i <= IN_WEIGHT; i++)
        if (node->inputs[i] >= 0 && !is_map(node, i))
            SG_FAIL(SG_E_SHAPE, "%s is not a map of %d x %d pixels", names[i], s.h, s.w);
    node->shape = s;
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const sg_shape s = node->shape, t = node->in_shape[IN_THRESHOLD];
    const bool shared = node->inputs[IN_ROW] >= 0 || t.h == 1;
    (void)threads;
    out->save = real_size == sizeof(double) ? 3 * sg_shape_len(s) * sizeof(double) : 0;
    if (shared) out->scratch = (size_t)slices_of((size_t)s.h * (size_t)s.w) * sums_len(t.h, t.w) * sizeof(double);
}

static double flop(const sg_node *node)
{
    return (1 + ceil(log2(node->in_shape[IN_THRESHOLD].w + 1.))) * (double)sg_shape_len(node->shape);
}

/* `count` thresholds a row, further apart the higher; row r + 1 lies 3 e above row r. */
static sg_value case_thresholds(sg_graph *g, int rows, int count)
{
    double values[128];
    for (int i = 0; i < rows * count; i++) {
        const int j = i % count;
        values[i] = 10 + 8 * j + j * j + 3 * (i / count);
    }
    return sg_param(g, "threshold", SG_SHAPE(1, 1, rows, count),
                    &(sg_param_spec){.init = SG_INIT_VALUES, .values = values, .constraint = SG_ASCENDING});
}

static sg_value case_levels(sg_graph *g, int rows, int count)
{
    double values[160];
    for (int i = 0; i < rows * (count + 1); i++) values[i] = i % (count + 1) + .1 * (i / (count + 1));
    return sg_param(g, "level", SG_SHAPE(1, 1, rows, count + 1),
                    &(sg_param_spec){.init = SG_INIT_VALUES, .values = values});
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        int rows, count;
        bool row, weight, soft;
        sg_adc_width width;
    } table[] = {
        {{2, 2, 3, 5}, 1, 3, false, false, false, {1.2, .2}},  {{1, 1, 5, 4}, 1, 1, false, true, false, {2, 2}},
        {{3, 1, 3, 4}, 12, 3, false, false, true, {1.2, .2}},  {{2, 1, 4, 5}, 3, 7, true, true, true, {1, .2}},
        {{1, 1, 33, 35}, 2, 3, true, false, false, {1.6, .2}},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_shape s = table[i].shape;
    const int rows = table[i].rows, count = table[i].count;
    const sg_value e = sg_case_input(g, "e", s, 0, 60, SG_CASE_GRAD);
    const sg_value row =
        table[i].row ? sg_case_input(g, "row", SG_SHAPE(1, 1, s.h, s.w), 0, rows - 1, SG_CASE_INTEGER) : SG_NONE;
    const sg_value weight =
        table[i].weight ? sg_case_input(g, "weight", SG_SHAPE(1, 1, s.h, s.w), .5, 1.5, SG_CASE_GRAD) : SG_NONE;
    const sg_adc_tables tables = {case_thresholds(g, rows, count), case_levels(g, rows, count), row, weight,
                                  sg_case_input(g, "range_e", SG_SHAPE(1, 1, 1, 1), 14, 16, 0)};
    return sg_adc_threshold(g, e, &tables, 2, table[i].soft, table[i].width);
}

const sg_op sg_op_adc_threshold = {
    .name = "adc_threshold",
    .formula = "adu = level[sum_j 1(weight e > threshold_j)]",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(adc_threshold),
    .surrogate_forward = adc_threshold_surrogate_f64,
    .surrogate = "logistic step at the nearest threshold, its width annealed (Yang et al., CVPR 2019); exact to levels",
    .flop = flop,
    .keeps_inputs = 63,
    .cases = cases,
};

sg_value sg_adc_threshold(sg_graph *g, sg_value e, const sg_adc_tables *t, int bit_depth, bool soft_training,
                          sg_adc_width width)
{
    const adc_threshold_attr attr = {bit_depth, soft_training, width};
    return SG_NODE(g, &sg_op_adc_threshold, &attr, e, t->threshold, t->level, t->row, t->weight, t->range_e);
}

#endif
