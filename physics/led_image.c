/* led_image.c - coherent imaging of every LED and the weighted sum of the intensities, in one op (PHYSICS section 3).
 *   forward   u_k = 1/(h w) sum_j P(j) T(j - bin_k) exp(2 pi i j r / M)      j over the window of the pupil
 *             I[n,e] = sum_k w[e,k] power[k] |u_k|^2
 *   backward  with G_e = dL/dI_e, s[e,k] = <G_e, |u_k|^2>, q = DFT(2 power sum_e w[e,k] G_e u_k) / (h w):
 *             dw[e,k] += power[k] s[e,k]      dpower[k] += sum_e w[e,k] s[e,k]
 *             dP(j)   += conj(T(j - bin_k)) q(j)      dT(j - bin_k) += conj(P(j)) q(j)
 * T (n,1,h,w) complex spectrum; P (1 or K,1,M,M) complex in DFT order, read within +-support bins only (0: everywhere);
 * w (1,1,E,K); power (1,1,1,K); out (n,E,M,M). The bins are attributes, or data (1,1,K,2) that change from run to run.
 * One field per thread, recomputed by the backward; memory does not grow with K. Only |u|^2 is wanted, so a shift of
 * the frequencies is free: the window lies in the corner of the field, columns outside it are never transformed, and
 * each block of rows goes there and back while it is in the cache. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/fft.h"
#include "physics/led_sum.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <string.h>
#include <tgmath.h>

enum { COLUMNS = 8 }; /* COLUMNS are transformed together */

typedef struct led_image_attr {
    int support[2]; /* bins on each side that the pupil may use, (y, x); 0: all */
    int leds;
    int bin[]; /* (K, 2): y, x; none where they are the fifth input */
} led_image_attr;

SG_KERNELS(led_image)
SG_PREPARES(led_image)

/* Everything that follows from the shapes. Pairs are (y, x). */
typedef struct led_grid {
    int n, leds, exposures, pupils;
    int spectrum[2], image[2], box[2], low[2]; /* low: frequency of the first bin of the box */
    int stride;                                /* complex numbers a row of the field */
    int row_block;                             /* rows transformed together */
    int blocks, block_samples, groups;         /* slices = blocks of samples x groups of LEDs */
    size_t box_len, image_len, spectrum_len;
    size_t field_at, middle_at, rows_at, row_at, own_at, own_bytes; /* of one thread, bytes */
    size_t pupil_at, image_at, dpupil_at, dspectrum_at, dot_at, thread_at, bytes;
} led_grid;

static void grid_axis(led_grid *s, const sg_node *node, int axis, int spectrum, int image)
{
    const led_image_attr *attr = node->attr;
    const int box = 2 * attr->support[axis] + 1;
    const bool all = attr->support[axis] == 0 || box >= image;
    s->spectrum[axis] = spectrum;
    s->image[axis] = image;
    s->box[axis] = all ? image : box;
    s->low[axis] = all ? -(image / 2) : -attr->support[axis];
}

/* An odd number of cache lines a row, so that a column does not fall on a few cache sets. */
static int grid_stride(int columns)
{
    const int lines = (columns + 7) / 8;
    return 8 * (lines + 1 - lines % 2);
}

static void grid_slices(led_grid *s)
{
    const bool shared = s->pupils == 1;
    s->blocks = shared ? s->n : 1; /* one pupil per LED: its gradient belongs to one slice */
    s->block_samples = shared ? 1 : s->n;
    s->groups = (LED_SLICES + s->blocks - 1) / s->blocks;
    if (s->groups > s->leds) s->groups = s->leds;
}

static size_t take(size_t *at, size_t bytes)
{
    const size_t here = *at;
    *at += sg_align_up(bytes);
    return here;
}

static void grid_space(led_grid *s, int threads, size_t real_size)
{
    const size_t slices = (size_t)s->blocks * (size_t)s->groups, samples = (size_t)s->block_samples;
    size_t own = 0;
    s->field_at = take(&own, 2 * (size_t)s->image[0] * (size_t)s->stride * real_size);
    s->middle_at = take(&own, 2 * (size_t)s->image[0] * (size_t)s->stride * real_size);
    s->rows_at = take(&own, 2 * (size_t)s->row_block * (size_t)s->stride * real_size);
    s->row_at = take(&own, (size_t)s->image[1] * real_size);
    s->own_at = take(&own, 2 * s->box_len * real_size);
    s->own_bytes = own;
    size_t at = 0;
    s->pupil_at = take(&at, 2 * s->box_len * real_size);
    s->image_at = take(&at, slices * samples * (size_t)s->exposures * s->image_len * real_size);
    /* backward needs other sums in the same place */
    size_t back = s->image_at;
    s->dpupil_at = take(&back, slices * 2 * s->box_len * real_size);
    s->dspectrum_at = take(&back, slices * samples * 2 * s->spectrum_len * real_size);
    s->dot_at = take(&back, (size_t)s->n * (size_t)s->exposures * (size_t)s->leds * sizeof(double));
    s->thread_at = at > back ? at : back;
    s->bytes = s->thread_at + (size_t)threads * own;
}

static led_grid grid_of(const sg_node *node, int threads, size_t real_size)
{
    const sg_shape t = node->in_shape[0], p = node->in_shape[1], w = node->in_shape[2];
    led_grid s = {.n = t.n, .leds = w.w, .exposures = w.h, .pupils = p.n};
    grid_axis(&s, node, 0, t.h, p.h);
    grid_axis(&s, node, 1, t.w, p.w);
    s.stride = grid_stride(p.w);
    s.row_block = p.h % 8 == 0 ? 8 : p.h % 4 == 0 ? 4 : 1;
    s.box_len = (size_t)s.box[0] * (size_t)s.box[1];
    s.image_len = (size_t)p.h * (size_t)p.w;
    s.spectrum_len = (size_t)t.h * (size_t)t.w;
    grid_slices(&s);
    grid_space(&s, threads, real_size);
    return s;
}

/* The bin (y, x) of LED k: an attribute, or a number of the fifth input, which holds integers. */
static void led_bin(int bin[2], const sg_run *run, int k)
{
    const led_image_attr *attr = run->node->attr;
    const real *data = run->node->input_count > 4 ? run->in[4] : NULL;
    for (int i = 0; i < 2; i++) bin[i] = data ? (int)nearbyint(data[2 * k + i]) : attr->bin[2 * k + i];
}

static inline int wrap(int i, int n)
{
    const int r = i % n;
    return r < 0 ? r + n : r;
}

/* ---- plans: [0] to the image, exp(+i), [1] back ---- */
typedef struct led_plans {
    SG_FFTW(plan) column[2], row[2];
} led_plans;

void R(led_image_release)(void *prepared)
{
    led_plans *plans = prepared;
    if (!plans) return;
    for (int i = 0; i < 2; i++) {
        R(sg_fft_plan_free)(plans->column[i]);
        R(sg_fft_plan_free)(plans->row[i]);
    }
    sg_free(plans);
}

sg_status R(led_image_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    static const int sign[2] = {FFTW_BACKWARD, FFTW_FORWARD};
    const led_grid s = grid_of(node, threads, sizeof(real));
    led_plans *plans = NULL;
    sg_status status = SG_OK;
    SG_TRY(SG_ALLOC(&plans, 1, "LED transforms"));
    for (int i = 0; i < (backward ? 2 : 1); i++) {
        SG_TRY_DONE(R(sg_fft_plan_many)(&plans->column[i], s.image[0], COLUMNS, s.stride, 1, sign[i]));
        SG_TRY_DONE(R(sg_fft_plan_many)(&plans->row[i], s.image[1], s.row_block, 1, s.stride, sign[i]));
    }
    *out = plans;
    return SG_OK;
done:
    R(led_image_release)(plans);
    return status;
}

/* FFTW's type of the input is not const, but a complex transform out of place leaves it as it is. */
static inline void transform(SG_FFTW(plan) plan, real *in, real *out)
{
    SG_FFTW(execute_dft)(plan, (SG_FFTW(complex) *)in, (SG_FFTW(complex) *)out);
}

static inline int box_columns(const led_grid *s)
{
    return (s->box[1] + COLUMNS - 1) / COLUMNS * COLUMNS;
}

/* Columns of the box, and the few beyond it that fill the last group. */
static void transform_columns(SG_FFTW(plan) plan, real *in, real *out, const led_grid *s)
{
    for (int x = 0; x < s->box[1]; x += COLUMNS) transform(plan, in + 2 * x, out + 2 * x);
}

/* ---- the window: pieces of rows that are contiguous in the spectrum ---- */
typedef struct piece {
    size_t at; /* first bin in the spectrum */
    int from;  /* first column of the box */
    int len;
} piece;

static inline __attribute__((always_inline)) piece piece_at(const led_grid *s, const int *bin, int row, int from)
{
    const int y = wrap(s->low[0] + row - bin[0], s->spectrum[0]);
    const int x = wrap(s->low[1] + from - bin[1], s->spectrum[1]);
    const int len = s->box[1] - from < s->spectrum[1] - x ? s->box[1] - from : s->spectrum[1] - x;
    return (piece){(size_t)y * (size_t)s->spectrum[1] + (size_t)x, from, len};
}
#define EACH_PIECE(p, s, bin, row)                                                                                     \
    for (piece p = piece_at(s, bin, row, 0); p.from < (s)->box[1]; p = piece_at(s, bin, row, p.from + p.len))

/* The pupil of LED k on the box, with the 1/(h w) of the inverse transform and of the change of grid. */
static void pupil_box(real *box, const real *pupil, const led_grid *s)
{
    const real scale = (real)(1.0 / (double)s->spectrum_len);
    for (int i = 0; i < s->box[0]; i++)
        for (int j = 0; j < s->box[1]; j++) {
            const size_t from = (size_t)wrap(s->low[0] + i, s->image[0]) * (size_t)s->image[1] +
                                (size_t)wrap(s->low[1] + j, s->image[1]);
            real *to = box + 2 * ((size_t)i * (size_t)s->box[1] + (size_t)j);
            to[0] = pupil[2 * from] * scale;
            to[1] = pupil[2 * from + 1] * scale;
        }
}

static void pupil_add(real *dpupil, const real *box, const led_grid *s)
{
    const real scale = (real)(1.0 / (double)s->spectrum_len);
    for (int i = 0; i < s->box[0]; i++)
        for (int j = 0; j < s->box[1]; j++) {
            const size_t to = (size_t)wrap(s->low[0] + i, s->image[0]) * (size_t)s->image[1] +
                              (size_t)wrap(s->low[1] + j, s->image[1]);
            const real *from = box + 2 * ((size_t)i * (size_t)s->box[1] + (size_t)j);
            dpupil[2 * to] += from[0] * scale;
            dpupil[2 * to + 1] += from[1] * scale;
        }
}

/* field = P T on the box, 0 elsewhere. */
SG_SIMD static void field_load(real *restrict field, const real *restrict pupil, const real *restrict spectrum,
                               const led_grid *s, const int *bin)
{
    for (int i = 0; i < s->box[0]; i++) {
        real *to = field + 2 * (size_t)i * (size_t)s->stride;
        const real *p = pupil + 2 * (size_t)i * (size_t)s->box[1];
        EACH_PIECE(c, s, bin, i)
        {
            const real *t = spectrum + 2 * c.at, *a = p + 2 * c.from;
            real *z = to + 2 * c.from;
            for (int j = 0; j < c.len; j++) {
                z[2 * j] = a[2 * j] * t[2 * j] - a[2 * j + 1] * t[2 * j + 1];
                z[2 * j + 1] = a[2 * j] * t[2 * j + 1] + a[2 * j + 1] * t[2 * j];
            }
        }
        memset(to + 2 * s->box[1], 0, 2 * (size_t)(box_columns(s) - s->box[1]) * sizeof(real));
    }
    memset(field + 2 * (size_t)s->box[0] * (size_t)s->stride, 0,
           2 * (size_t)(s->image[0] - s->box[0]) * (size_t)s->stride * sizeof(real));
}

/* box += conj(T) q */
SG_SIMD static void dpupil_add(real *restrict box, const real *restrict field, const real *restrict spectrum,
                               const led_grid *s, const int *bin)
{
    for (int i = 0; i < s->box[0]; i++) EACH_PIECE(c, s, bin, i)
        {
            const real *t = spectrum + 2 * c.at, *q = field + 2 * ((size_t)i * (size_t)s->stride + (size_t)c.from);
            real *d = box + 2 * ((size_t)i * (size_t)s->box[1] + (size_t)c.from);
            for (int j = 0; j < c.len; j++) {
                d[2 * j] += t[2 * j] * q[2 * j] + t[2 * j + 1] * q[2 * j + 1];
                d[2 * j + 1] += t[2 * j] * q[2 * j + 1] - t[2 * j + 1] * q[2 * j];
            }
        }
}

/* dT += conj(P) q */
SG_SIMD static void dspectrum_add(real *restrict dspectrum, const real *restrict field, const real *restrict pupil,
                                  const led_grid *s, const int *bin)
{
    for (int i = 0; i < s->box[0]; i++) EACH_PIECE(c, s, bin, i)
        {
            const real *p = pupil + 2 * ((size_t)i * (size_t)s->box[1] + (size_t)c.from);
            const real *q = field + 2 * ((size_t)i * (size_t)s->stride + (size_t)c.from);
            real *d = dspectrum + 2 * c.at;
            for (int j = 0; j < c.len; j++) {
                d[2 * j] += p[2 * j] * q[2 * j] + p[2 * j + 1] * q[2 * j + 1];
                d[2 * j + 1] += p[2 * j] * q[2 * j + 1] - p[2 * j + 1] * q[2 * j];
            }
        }
}

/* ---- one slice: a block of samples x a group of LEDs ---- */
typedef struct led_job {
    const sg_run *run;
    led_grid s;
    bool want_field; /* backward: dT or dP */
} led_job;

typedef struct led_slice {
    const real *spectrum, *pupil; /* of this block, and of the LED (box) */
    real *field;                  /* (M, stride) the window, and q */
    real *middle;                 /* (M, stride) after the columns, before the rows */
    real *rows;                   /* (row_block, stride) rows of u */
    real *row, *own;
    int sample, samples, first, last; /* samples sample .. sample + samples - 1, LEDs first .. last - 1 */
} led_slice;

static real *scratch_at(const led_job *job, size_t bytes)
{
    return (real *)(void *)((char *)job->run->scratch + bytes);
}

static led_slice slice_of(const led_job *job, int slice, int thread)
{
    const led_grid *s = &job->s;
    const int block = slice / s->groups, group = slice % s->groups;
    const size_t own = s->thread_at + (size_t)thread * s->own_bytes;
    led_slice out = {.sample = block * s->block_samples, .samples = s->block_samples};
    out.first = (int)((long)s->leds * group / s->groups);
    out.last = (int)((long)s->leds * (group + 1) / s->groups);
    out.spectrum = (const real *)job->run->in[0] + 2 * (size_t)out.sample * s->spectrum_len;
    out.pupil = scratch_at(job, s->pupil_at);
    out.field = scratch_at(job, own + s->field_at);
    out.middle = scratch_at(job, own + s->middle_at);
    out.rows = scratch_at(job, own + s->rows_at);
    out.row = scratch_at(job, own + s->row_at);
    out.own = scratch_at(job, own + s->own_at);
    return out;
}

/* The field of LED k up to the transform of the rows, in `middle`. */
static void field_columns(const led_job *job, const led_slice *c, const real *spectrum, const int *bin)
{
    const led_grid *s = &job->s;
    const led_plans *plans = job->run->prepared;
    const int first = box_columns(s);
    field_load(c->field, c->pupil, spectrum, s, bin);
    transform_columns(plans->column[0], c->field, c->middle, s);
    for (int y = 0; y < s->image[0] && first < s->image[1]; y++)
        memset(c->middle + 2 * ((size_t)y * (size_t)s->stride + (size_t)first), 0,
               2 * (size_t)(s->image[1] - first) * sizeof(real));
}

static void forward_led(const led_job *job, const led_slice *c, real *image, const real *spectrum, const int *bin,
                        const real *weight)
{
    const led_grid *s = &job->s;
    const led_plans *plans = job->run->prepared;
    field_columns(job, c, spectrum, bin);
    for (int y = 0; y < s->image[0]; y++) {
        const int row = y % s->row_block;
        if (row == 0) transform(plans->row[0], c->middle + 2 * (size_t)y * (size_t)s->stride, c->rows);
        for (int e = 0; e < s->exposures; e++)
            if (!(weight[e] == 0))
                intensity_add(image + (size_t)e * s->image_len + (size_t)y * (size_t)s->image[1],
                              c->rows + 2 * (size_t)row * (size_t)s->stride, weight[e], s->image[1]);
    }
}

static void forward_slice(void *context, int slice, int thread)
{
    const led_job *job = context;
    const led_grid *s = &job->s;
    led_slice c = slice_of(job, slice, thread);
    const size_t len = (size_t)s->exposures * s->image_len;
    real *images = scratch_at(job, s->image_at) + (size_t)slice * (size_t)c.samples * len;
    memset(images, 0, (size_t)c.samples * len * sizeof(real));
    for (int k = c.first; k < c.last; k++) {
        int bin[2];
        real weight[SG_EXPOSURE_MAX];
        led_bin(bin, job->run, k);
        if (!led_weights(weight, job->run, k)) continue;
        if (s->pupils > 1) {
            pupil_box(c.own, (const real *)job->run->in[1] + 2 * (size_t)k * s->image_len, s);
            c.pupil = c.own;
        }
        for (int i = 0; i < c.samples; i++)
            forward_led(job, &c, images + (size_t)i * len, c.spectrum + 2 * (size_t)i * s->spectrum_len, bin, weight);
    }
}

static led_job job_of(const sg_run *run)
{
    led_job job = {.run = run, .s = grid_of(run->node, run->threads, sizeof(real))};
    if (job.s.pupils == 1) pupil_box(scratch_at(&job, job.s.pupil_at), run->in[1], &job.s);
    return job;
}

void R(led_image_forward)(const sg_run *run)
{
    led_job job = job_of(run);
    const led_grid *s = &job.s;
    sg_parallel(s->blocks * s->groups, forward_slice, &job);
    const size_t len = (size_t)s->block_samples * (size_t)s->exposures * s->image_len;
    sum_groups((led_sum){run->out, scratch_at(&job, s->image_at), len, s->groups, false}, s->blocks);
}

/* Rows to the image, s[e,k], and back again as q's rows, while they are in the cache. */
static void backward_rows(const led_job *job, const led_slice *c, const real *dimage, const real *weight, bool push,
                          double *dot)
{
    const led_grid *s = &job->s;
    const led_plans *plans = job->run->prepared;
    const int width = s->image[1];
    for (int first = 0; first < s->image[0]; first += s->row_block) {
        real *block = c->middle + 2 * (size_t)first * (size_t)s->stride;
        transform(plans->row[0], block, c->rows);
        for (int y = first; y < first + s->row_block; y++) {
            real *u = c->rows + 2 * (size_t)(y - first) * (size_t)s->stride;
            intensity_back(u, dot, dimage + (size_t)y * (size_t)width, s->image_len, weight, s->exposures, push, c->row,
                           width);
        }
        if (push) transform(plans->row[1], c->rows, block);
    }
}

/* One LED, one sample: dots[e] = s[e,k], gradients into the sums of this slice (NULL: not wanted). */
static void backward_led(const led_job *job, const led_slice *c, int sample, int k, real *dpupil, real *dspectrum)
{
    const sg_run *run = job->run;
    const led_grid *s = &job->s;
    const real *spectrum = (const real *)run->in[0] + 2 * (size_t)sample * s->spectrum_len;
    const real *dimage = (const real *)run->dout + (size_t)sample * (size_t)s->exposures * s->image_len;
    double *dots =
        (double *)(void *)scratch_at(job, s->dot_at) + (size_t)sample * (size_t)s->exposures * (size_t)s->leds;
    double dot[SG_EXPOSURE_MAX] = {0};
    int bin[2];
    real weight[SG_EXPOSURE_MAX];
    led_bin(bin, run, k);
    const bool push = led_weights(weight, job->run, k) && job->want_field;
    if (push || run->din[2] || run->din[3]) {
        field_columns(job, c, spectrum, bin);
        backward_rows(job, c, dimage, weight, push, dot);
    }
    for (int e = 0; e < s->exposures; e++) dots[(size_t)e * (size_t)s->leds + (size_t)k] = dot[e];
    if (!push) return;
    transform_columns(((const led_plans *)run->prepared)->column[1], c->middle, c->field, s);
    if (dpupil) dpupil_add(dpupil, c->field, spectrum, s, bin);
    if (dspectrum) dspectrum_add(dspectrum, c->field, c->pupil, s, bin);
}

static void backward_slice(void *context, int slice, int thread)
{
    const led_job *job = context;
    const sg_run *run = job->run;
    const led_grid *s = &job->s;
    led_slice c = slice_of(job, slice, thread);
    real *dpupil = run->din[1] ? scratch_at(job, s->dpupil_at) + 2 * (size_t)slice * s->box_len : NULL;
    real *dspectrum =
        run->din[0] ? scratch_at(job, s->dspectrum_at) + 2 * (size_t)slice * (size_t)c.samples * s->spectrum_len : NULL;
    if (dpupil) memset(dpupil, 0, 2 * s->box_len * sizeof(real));
    if (dspectrum) memset(dspectrum, 0, 2 * (size_t)c.samples * s->spectrum_len * sizeof(real));
    for (int k = c.first; k < c.last; k++) {
        if (s->pupils > 1) {
            pupil_box(c.own, (const real *)run->in[1] + 2 * (size_t)k * s->image_len, s);
            c.pupil = c.own;
        }
        for (int i = 0; i < c.samples; i++)
            backward_led(job, &c, c.sample + i, k, dpupil,
                         dspectrum ? dspectrum + 2 * (size_t)i * s->spectrum_len : NULL);
        if (dpupil && s->pupils > 1) {
            pupil_add((real *)run->din[1] + 2 * (size_t)k * s->image_len, dpupil, s);
            memset(dpupil, 0, 2 * s->box_len * sizeof(real));
        }
    }
}

void R(led_image_backward)(const sg_run *run)
{
    led_job job = job_of(run);
    const led_grid *s = &job.s;
    const int slices = s->blocks * s->groups;
    job.want_field = run->din[0] || run->din[1];
    sg_parallel(slices, backward_slice, &job);
    if (run->din[2] || run->din[3])
        led_weights_back(run, (const double *)(const void *)scratch_at(&job, s->dot_at), s->n);
    if (run->din[1] && s->pupils == 1)
        for (int i = 0; i < slices; i++)
            pupil_add(run->din[1], scratch_at(&job, s->dpupil_at) + 2 * (size_t)i * s->box_len, s);
    const size_t len = 2 * (size_t)s->block_samples * s->spectrum_len;
    if (run->din[0])
        sum_groups((led_sum){run->din[0], scratch_at(&job, s->dspectrum_at), len, s->groups, true}, s->blocks);
}

#ifdef SG_ONCE
static sg_status led_image_infer(sg_node *node)
{
    const led_image_attr *attr = node->attr;
    const sg_shape t = node->in_shape[0], p = node->in_shape[1], w = node->in_shape[2], power = node->in_shape[3];
    if (!node->in_complex[0] || !node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "spectrum and pupil must be complex");
    if (t.c != 1 || p.c != 1) SG_FAIL(SG_E_SHAPE, "spectrum and pupil have one channel, not %d and %d", t.c, p.c);
    if (w.n != 1 || w.c != 1 || w.w != attr->leds || w.h < 1 || w.h > SG_EXPOSURE_MAX)
        SG_FAIL(SG_E_SHAPE, "weights (%d,%d,%d,%d) are not (1,1,1..%d exposures,%d LEDs)", w.n, w.c, w.h, w.w,
                SG_EXPOSURE_MAX, attr->leds);
    if (!sg_shape_equal(power, SG_SHAPE(1, 1, 1, attr->leds)))
        SG_FAIL(SG_E_SHAPE, "power (%d,%d,%d,%d) is not (1,1,1,%d)", power.n, power.c, power.h, power.w, attr->leds);
    if (node->input_count > 4 && !sg_shape_equal(node->in_shape[4], SG_SHAPE(1, 1, attr->leds, 2)))
        SG_FAIL(SG_E_SHAPE, "bins are not (1,1,%d,2)", attr->leds);
    if (p.n != 1 && p.n != attr->leds) SG_FAIL(SG_E_SHAPE, "%d pupils for %d LEDs; one, or one each", p.n, attr->leds);
    node->shape = SG_SHAPE(t.n, w.h, p.h, p.w);
    return SG_OK;
}

static void led_image_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    out->scratch = grid_of(node, threads, real_size).bytes;
}

static double led_image_flop(const sg_node *node)
{
    const led_grid s = grid_of(node, 1, sizeof(float));
    const double len = (double)s.image_len;
    double log2 = 0;
    for (double x = len; x > 1; x /= 2) log2++;
    return (double)s.n * s.leds * (5 * len * log2 + 6 * (double)s.box_len + (3 + 2 * s.exposures) * len);
}

sg_value sg_led_image(sg_graph *g, sg_value spectrum, sg_value pupil, sg_value weight, sg_value power, int leds,
                      const int *bins, int support_y, int support_x)
{
    led_image_attr *attr = NULL;
    const size_t bytes = sizeof *attr + 2 * (size_t)leds * sizeof(int);
    const sg_status status = sg_alloc((void **)&attr, bytes, 1, "LED bins");
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    *attr = (led_image_attr){.support = {support_y, support_x}, .leds = leds};
    memcpy(attr->bin, bins, 2 * (size_t)leds * sizeof(int));
    const sg_value in[] = {spectrum, pupil, weight, power};
    const sg_value out = sg_node_add(g, &sg_op_led_image, attr, bytes, in, 4);
    sg_free(attr);
    return out;
}

sg_value sg_led_image_at(sg_graph *g, sg_value spectrum, sg_value pupil, sg_value weight, sg_value power, sg_value bins,
                         int support_y, int support_x)
{
    const led_image_attr attr = {.support = {support_y, support_x}, .leds = sg_value_shape(g, weight).w};
    return SG_NODE(g, &sg_op_led_image, &attr, spectrum, pupil, weight, power, bins);
}

/* Samples, LEDs, exposures, one pupil or one per LED, grids that differ and wrap, part of the pupil; bins as data. */
static sg_value led_image_cases(sg_graph *g, int i)
{
    static const int bins[] = {0, 0, 1, -2, -3, 1, 2, 2, 0, -1, -4, 3};
    static const struct led_image_case {
        int n, leds, exposures, pupils, h, w, mh, mw, sy, sx;
        bool data;
    } cases[] = {
        {2, 3, 1, 1, 12, 9, 6, 5, 0, 0}, {1, 6, 2, 1, 10, 12, 8, 4, 2, 1},  {2, 3, 2, 3, 8, 7, 5, 6, 2, 2},
        {3, 2, 1, 1, 6, 5, 8, 9, 3, 0},  {1, 2, 8, 2, 16, 20, 7, 18, 0, 6}, {1, 3, 3, 3, 9, 10, 6, 5, 2, 2, true},
    };
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const struct led_image_case c = cases[i];
    const sg_value t = sg_case_input(g, "spectrum", SG_SHAPE(c.n, 1, c.h, c.w), -9, 9, SG_CASE_GRAD | SG_CASE_COMPLEX);
    const sg_value p =
        sg_case_input(g, "pupil", SG_SHAPE(c.pupils, 1, c.mh, c.mw), -1, 1, SG_CASE_GRAD | SG_CASE_COMPLEX);
    const sg_value w = sg_case_input(g, "weight", SG_SHAPE(1, 1, c.exposures, c.leds), .1, 1, SG_CASE_GRAD);
    const sg_value q = sg_case_input(g, "power", SG_SHAPE(1, 1, 1, c.leds), .5, 1.5, SG_CASE_GRAD);
    if (!c.data) return sg_led_image(g, t, p, w, q, c.leds, bins, c.sy, c.sx);
    const sg_value at = sg_case_input(g, "bins", SG_SHAPE(1, 1, c.leds, 2), -4, 4, SG_CASE_INTEGER);
    return sg_led_image_at(g, t, p, w, q, at, c.sy, c.sx);
}

const sg_op sg_op_led_image = {
    .name = "led_image",
    .formula = "I_e = sum_k w_ek power_k |IDFT(P T(v - f_k))|^2, no interference between LEDs (PHYSICS section 3)",
    .infer = led_image_infer,
    .workspace = led_image_workspace,
    .flop = led_image_flop,
    .keeps_inputs = 31,
    .cases = led_image_cases,
    SG_REFERENCE(led_image),
    SG_PREPARED(led_image),
};
#endif
