/* slice_image.c - a thick sample under every LED: the multi-slice model (Cowley & Moodie, Acta Cryst. 10, 609 (1957);
 * for LED arrays Tian & Waller, Optica 2, 104 (2015)) and the weighted sum of the intensities, in one op.
 *   forward   psi_1 = t_1;  psi_s = t_s phi_s,  phi_s = IDFT(H(j + bin_k) DFT(psi_{s-1}))        s = 2 .. S, light
 * meets             t_1 first;  u_k = 1/(h w) sum_j P(j) DFT(psi_S)(j - bin_k) exp(2 pi i j r / M);
 *             I[n,e] = sum_k w[e,k] power[k] |u_k|^2
 *             H(f) = exp(2 pi i dz (sqrt((n/lambda)^2 - |f|^2) - n/lambda)), 0 where that is evanescent
 *   backward  q as in led_image.c; dP(j) += conj(DFT(psi_S)(j - bin_k)) q(j); then against the light, with
 *             dpsi_S = DFT'(conj(P) q): dt_s += conj(phi_s) dpsi_s, dpsi_{s-1} = DFT'(conj(H) DFT(conj(t_s) dpsi_s)) /
 * (h w) The tilt exp(2 pi i bin_k r / N) of LED k's plane wave is carried by shifting the frequencies, which are those
 * of the grid (wrapped), so that psi_1 and its DFT serve every LED. The focal plane is at the last slice; defocus is
 * in P. t (n,S,h,w) complex; P (1,1,M,M) complex in DFT order, read within +-support bins only (0: everywhere); w
 * (1,1,E,K); power (1,1,1,K); out (n,E,M,M). S fields per thread, recomputed by the backward; memory does not grow
 * with K. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/fft.h"
#include "physics/fft2.h"
#include "physics/led_sum.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <math.h>
#include <string.h>

typedef struct slice_image_attr {
    sg_slice_grid grid;
    int support[2]; /* bins on each side that the pupil may use, (y, x); 0: all */
    int leds;
    int bin[]; /* (K, 2): y, x */
} slice_image_attr;

SG_KERNELS(slice_image)
SG_PREPARES(slice_image)

/* Everything that follows from the shapes. Pairs are (y, x). */
typedef struct thick_grid {
    int n, planes, leds, exposures, groups;
    int field[2], image[2], box[2], low[2]; /* low: frequency of the first bin of the box */
    size_t field_len, image_len;            /* complex numbers */
    /* bytes: of one thread from its start */
    size_t first_at, phi_at, work_at, spectrum_at, pupil_at, u_at, row_at, own_bytes;
    size_t image_at, dpupil_at, dfield_at, dot_at, thread_at, bytes;
} thick_grid;

static size_t take(size_t *at, size_t bytes)
{
    const size_t here = *at;
    *at += sg_align_up(bytes);
    return here;
}

static void grid_space(thick_grid *s, int threads, size_t real_size)
{
    const size_t slices = (size_t)s->n * (size_t)s->groups, field = 2 * s->field_len * real_size,
                 image = 2 * s->image_len * real_size;
    s->first_at = take(&s->own_bytes, field);
    s->phi_at = take(&s->own_bytes, (size_t)(s->planes - 1) * sg_align_up(field));
    s->work_at = take(&s->own_bytes, field);
    s->spectrum_at = take(&s->own_bytes, field);
    s->pupil_at = take(&s->own_bytes, image);
    s->u_at = take(&s->own_bytes, image);
    s->row_at = take(&s->own_bytes, (size_t)s->image[1] * real_size);
    size_t front = 0, back = 0; /* forward and backward need other sums in the same place */
    s->image_at = take(&front, slices * (size_t)s->exposures * s->image_len * real_size);
    s->dpupil_at = take(&back, slices * image);
    s->dfield_at = take(&back, slices * (size_t)s->planes * field);
    s->dot_at = take(&back, (size_t)s->n * (size_t)s->exposures * (size_t)s->leds * sizeof(double));
    s->thread_at = front > back ? front : back;
    s->bytes = s->thread_at + (size_t)threads * s->own_bytes;
}

static thick_grid grid_of(const sg_node *node, int threads, size_t real_size)
{
    const slice_image_attr *attr = node->attr;
    const sg_shape t = node->in_shape[0], p = node->in_shape[1], w = node->in_shape[2];
    thick_grid s = {.n = t.n, .planes = t.c, .leds = w.w, .exposures = w.h};
    const int field[2] = {t.h, t.w}, image[2] = {p.h, p.w};
    for (int axis = 0; axis < 2; axis++) {
        const int box = 2 * attr->support[axis] + 1;
        const bool all = attr->support[axis] == 0 || box >= image[axis];
        s.field[axis] = field[axis];
        s.image[axis] = image[axis];
        s.box[axis] = all ? image[axis] : box;
        s.low[axis] = all ? -(image[axis] / 2) : -attr->support[axis];
    }
    s.field_len = (size_t)t.h * (size_t)t.w;
    s.image_len = (size_t)p.h * (size_t)p.w;
    s.groups = (LED_SLICES + s.n - 1) / s.n;
    if (s.groups > s.leds) s.groups = s.leds;
    grid_space(&s, threads, real_size);
    return s;
}

static inline int wrap(int i, int n)
{
    const int r = i % n;
    return r < 0 ? r + n : r;
}

/* ---- plans: [0] exp(+i), [1] exp(-i); and H with the 1/(h w) of its inverse transform ---- */
typedef struct thick_plans {
    R(sg_fft2) * field[2], *image[2];
    real *propagator; /* (h, w) complex */
} thick_plans;

void R(slice_image_release)(void *prepared)
{
    thick_plans *plans = prepared;
    if (!plans) return;
    for (int i = 0; i < 2; i++) {
        R(sg_fft2_free)(plans->field[i]);
        R(sg_fft2_free)(plans->image[i]);
    }
    sg_free(plans->propagator);
    sg_free(plans);
}

static void propagator_fill(real *out, const sg_slice_grid *g, int h, int w)
{
    const double a = g->medium_index / g->wavelength_um, scale = 1 / ((double)h * (double)w);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const double fy = (y < (h + 1) / 2 ? y : y - h) * g->bin_y, fx = (x < (w + 1) / 2 ? x : x - w) * g->bin_x;
            const double square = fy * fy + fx * fx, axial = a * a - square;
            real *z = out + 2 * ((size_t)y * (size_t)w + (size_t)x);
            z[0] = z[1] = 0;
            if (!(axial >= 0)) continue; /* evanescent */
            const double phase = -6.28318530717958647692 * g->step_um * square / (sqrt(axial) + a);
            z[0] = (real)(scale * cos(phase));
            z[1] = (real)(scale * sin(phase));
        }
}

sg_status R(slice_image_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    static const int sign[2] = {FFTW_BACKWARD, FFTW_FORWARD};
    const slice_image_attr *attr = node->attr;
    const thick_grid s = grid_of(node, threads, sizeof(real));
    thick_plans *plans = NULL;
    sg_status status = SG_OK;
    (void)backward; /* both directions are used forward too, on the grid of the sample */
    SG_TRY(SG_ALLOC(&plans, 1, "multi-slice transforms"));
    SG_TRY_DONE(SG_ALLOC(&plans->propagator, 2 * s.field_len, "multi-slice propagator"));
    for (int i = 0; i < 2; i++) {
        SG_TRY_DONE(R(sg_fft2_c2c)(&plans->field[i], s.field[0], s.field[1], sign[i], threads));
        SG_TRY_DONE(R(sg_fft2_c2c)(&plans->image[i], s.image[0], s.image[1], sign[i], threads));
    }
    propagator_fill(plans->propagator, &attr->grid, s.field[0], s.field[1]);
    *out = plans;
    return SG_OK;
done:
    R(slice_image_release)(plans);
    return status;
}

/* ---- arithmetic on complex rows ---- */
SG_SIMD static void multiply(real *restrict z, const real *restrict a, const real *restrict b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        z[2 * i] = a[2 * i] * b[2 * i] - a[2 * i + 1] * b[2 * i + 1];
        z[2 * i + 1] = a[2 * i] * b[2 * i + 1] + a[2 * i + 1] * b[2 * i];
    }
}

/* z = conj(a) z */
SG_SIMD static void multiply_conjugate(real *restrict z, const real *restrict a, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const real re = z[2 * i], im = z[2 * i + 1];
        z[2 * i] = a[2 * i] * re + a[2 * i + 1] * im;
        z[2 * i + 1] = a[2 * i] * im - a[2 * i + 1] * re;
    }
}

/* sum += conj(a) z */
SG_SIMD static void add_conjugate(real *restrict sum, const real *restrict a, const real *restrict z, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum[2 * i] += a[2 * i] * z[2 * i] + a[2 * i + 1] * z[2 * i + 1];
        sum[2 * i + 1] += a[2 * i] * z[2 * i + 1] - a[2 * i + 1] * z[2 * i];
    }
}

/* ---- one slice of the work: one sample x a group of LEDs ---- */
typedef struct thick_job {
    const sg_run *run;
    thick_grid s;
    bool want_field; /* backward: dt or dP */
} thick_job;

typedef struct thick_slice {
    const real *t;         /* (S, h, w) of this sample */
    real *first;           /* DFT of psi_1 */
    real *phi;             /* (S - 1, phi_stride): light that arrives at slices 2 .. S */
    real *work, *spectrum; /* (h, w) */
    real *pupil, *u;       /* (M, M): P times the spectrum, then q; the field */
    real *row;
    size_t phi_stride;
    int sample, first_led, last_led, thread;
} thick_slice;

static real *scratch_at(const thick_job *job, size_t bytes)
{
    return (real *)(void *)((char *)job->run->scratch + bytes);
}

static thick_slice slice_of(const thick_job *job, int slice, int thread)
{
    const thick_grid *s = &job->s;
    const int group = slice % s->groups;
    const size_t own = s->thread_at + (size_t)thread * s->own_bytes;
    thick_slice out = {.sample = slice / s->groups, .thread = thread};
    out.first_led = (int)((long)s->leds * group / s->groups);
    out.last_led = (int)((long)s->leds * (group + 1) / s->groups);
    out.t = (const real *)job->run->in[0] + 2 * (size_t)out.sample * (size_t)s->planes * s->field_len;
    out.first = scratch_at(job, own + s->first_at);
    out.phi = scratch_at(job, own + s->phi_at);
    out.phi_stride = sg_align_up(2 * s->field_len * sizeof(real)) / sizeof(real);
    out.work = scratch_at(job, own + s->work_at);
    out.spectrum = scratch_at(job, own + s->spectrum_at);
    out.pupil = scratch_at(job, own + s->pupil_at);
    out.u = scratch_at(job, own + s->u_at);
    out.row = scratch_at(job, own + s->row_at);
    return out;
}

/* Row y of H, seen from LED k: H((y, x) + bin) in two pieces, the second from x = w - shift on. */
static const real *propagator_row(const thick_job *job, int y, const int *bin, size_t *shift)
{
    const thick_grid *s = &job->s;
    const thick_plans *plans = job->run->prepared;
    *shift = (size_t)wrap(bin[1], s->field[1]);
    return plans->propagator + 2 * (size_t)wrap(y + bin[0], s->field[0]) * (size_t)s->field[1];
}

/* to = H from: the light arrives at the next slice. */
static void propagate(const thick_job *job, real *to, const real *from, const int *bin)
{
    const size_t w = (size_t)job->s.field[1];
    for (int y = 0; y < job->s.field[0]; y++) {
        size_t shift;
        const real *h = propagator_row(job, y, bin, &shift);
        const size_t row = 2 * (size_t)y * w, cut = w - shift;
        multiply(to + row, h + 2 * shift, from + row, cut);
        multiply(to + row + 2 * cut, h, from + row + 2 * cut, shift);
    }
}

/* z = conj(H) z: its adjoint. */
static void propagate_back(const thick_job *job, real *z, const int *bin)
{
    const size_t w = (size_t)job->s.field[1];
    for (int y = 0; y < job->s.field[0]; y++) {
        size_t shift;
        const real *h = propagator_row(job, y, bin, &shift);
        const size_t row = 2 * (size_t)y * w, cut = w - shift;
        multiply_conjugate(z + row, h + 2 * shift, cut);
        multiply_conjugate(z + row + 2 * cut, h, shift);
    }
}

/* DFT of psi_S under LED k; phi of every slice is kept. */
static const real *through_slices(const thick_job *job, const thick_slice *c, const int *bin)
{
    const thick_grid *s = &job->s;
    const thick_plans *plans = job->run->prepared;
    const real *from = c->first;
    for (int p = 1; p < s->planes; p++) {
        real *phi = c->phi + (size_t)(p - 1) * c->phi_stride;
        propagate(job, c->work, from, bin);
        R(sg_fft2_run)(plans->field[0], c->work, phi, c->thread);
        multiply(c->work, c->t + 2 * (size_t)p * s->field_len, phi, s->field_len);
        R(sg_fft2_run)(plans->field[1], c->work, c->spectrum, c->thread);
        from = c->spectrum;
    }
    return from;
}

/* Bins of the box: `in` of the image grid, `from` of the sample's grid under LED k. */
typedef struct bin_pair {
    size_t in, from;
} bin_pair;

static inline bin_pair bin_at(const thick_grid *s, const int *bin, int i, int j)
{
    const int y = s->low[0] + i, x = s->low[1] + j;
    return (bin_pair){(size_t)wrap(y, s->image[0]) * (size_t)s->image[1] + (size_t)wrap(x, s->image[1]),
                      (size_t)wrap(y - bin[0], s->field[0]) * (size_t)s->field[1] +
                          (size_t)wrap(x - bin[1], s->field[1])};
}

/* u of LED k, with the 1/(h w) of the inverse transform and of the change of grid. */
static void image_field(const thick_job *job, const thick_slice *c, const real *spectrum, const int *bin)
{
    const thick_grid *s = &job->s;
    const thick_plans *plans = job->run->prepared;
    const real *pupil = job->run->in[1], scale = (real)(1.0 / (double)s->field_len);
    memset(c->pupil, 0, 2 * s->image_len * sizeof(real));
    for (int i = 0; i < s->box[0]; i++)
        for (int j = 0; j < s->box[1]; j++) {
            const bin_pair b = bin_at(s, bin, i, j);
            const real *p = pupil + 2 * b.in, *t = spectrum + 2 * b.from;
            c->pupil[2 * b.in] = scale * (p[0] * t[0] - p[1] * t[1]);
            c->pupil[2 * b.in + 1] = scale * (p[0] * t[1] + p[1] * t[0]);
        }
    R(sg_fft2_run)(plans->image[0], c->pupil, c->u, c->thread);
}

static void slice_begin(const thick_job *job, const thick_slice *c)
{
    R(sg_fft2_run)(((const thick_plans *)job->run->prepared)->field[1], c->t, c->first, c->thread);
}

static void forward_slice(void *context, int slice, int thread)
{
    const thick_job *job = context;
    const thick_grid *s = &job->s;
    const slice_image_attr *attr = job->run->node->attr;
    const thick_slice c = slice_of(job, slice, thread);
    real *image = scratch_at(job, s->image_at) + (size_t)slice * (size_t)s->exposures * s->image_len;
    memset(image, 0, (size_t)s->exposures * s->image_len * sizeof(real));
    slice_begin(job, &c);
    for (int k = c.first_led; k < c.last_led; k++) {
        real weight[SG_EXPOSURE_MAX];
        const int *bin = attr->bin + 2 * k;
        if (!led_weights(weight, job->run, k)) continue;
        image_field(job, &c, through_slices(job, &c, bin), bin);
        for (int e = 0; e < s->exposures; e++)
            if (!(weight[e] == 0)) intensity_add(image + (size_t)e * s->image_len, c.u, weight[e], (int)s->image_len);
    }
}

void R(slice_image_forward)(const sg_run *run)
{
    thick_job job = {.run = run, .s = grid_of(run->node, run->threads, sizeof(real))};
    const thick_grid *s = &job.s;
    sg_parallel(s->n * s->groups, forward_slice, &job);
    sum_groups(
        (led_sum){run->out, scratch_at(&job, s->image_at), (size_t)s->exposures * s->image_len, s->groups, false},
        s->n);
}

/* q of LED k in c->pupil, and dot[e] = s[e,k]; without `push` only these. */
static void backward_image(const thick_job *job, const thick_slice *c, const real *weight, bool push, double *dot)
{
    const thick_grid *s = &job->s;
    const thick_plans *plans = job->run->prepared;
    const real *g = (const real *)job->run->dout + (size_t)c->sample * (size_t)s->exposures * s->image_len;
    for (int y = 0; y < s->image[0]; y++) {
        const size_t row = (size_t)y * (size_t)s->image[1];
        intensity_back(c->u + 2 * row, dot, g + row, s->image_len, weight, s->exposures, push, c->row, s->image[1]);
    }
    if (push) R(sg_fft2_run)(plans->image[1], c->u, c->pupil, c->thread);
}

/* dP += conj(T) q, and the gradient to the spectrum, conj(P) q, in c->spectrum. */
static void backward_pupil(const thick_job *job, const thick_slice *c, const real *spectrum, const int *bin,
                           real *dpupil)
{
    const thick_grid *s = &job->s;
    const real scale = (real)(1.0 / (double)s->field_len);
    for (int i = 0; dpupil && i < s->box[0]; i++)
        for (int j = 0; j < s->box[1]; j++) {
            const bin_pair b = bin_at(s, bin, i, j);
            const real *t = spectrum + 2 * b.from, *q = c->pupil + 2 * b.in;
            dpupil[2 * b.in] += scale * (t[0] * q[0] + t[1] * q[1]);
            dpupil[2 * b.in + 1] += scale * (t[0] * q[1] - t[1] * q[0]);
        }
    memset(c->spectrum, 0, 2 * s->field_len * sizeof(real));
    for (int i = 0; i < s->box[0]; i++)
        for (int j = 0; j < s->box[1]; j++) {
            const bin_pair b = bin_at(s, bin, i, j);
            const real *p = (const real *)job->run->in[1] + 2 * b.in, *q = c->pupil + 2 * b.in;
            c->spectrum[2 * b.from] += scale * (p[0] * q[0] + p[1] * q[1]); /* a box wider than the field folds */
            c->spectrum[2 * b.from + 1] += scale * (p[0] * q[1] - p[1] * q[0]);
        }
}

/* Against the light. dfield (S, h, w): [0] collects the gradient to DFT(psi_1), the others those to t_s. */
static void backward_slices(const thick_job *job, const thick_slice *c, const int *bin, real *dfield)
{
    const thick_grid *s = &job->s;
    const thick_plans *plans = job->run->prepared;
    for (int p = s->planes - 1; p > 0; p--) {
        R(sg_fft2_run)(plans->field[0], c->spectrum, c->work, c->thread);
        add_conjugate(dfield + 2 * (size_t)p * s->field_len, c->phi + (size_t)(p - 1) * c->phi_stride, c->work,
                      s->field_len);
        multiply_conjugate(c->work, c->t + 2 * (size_t)p * s->field_len, s->field_len);
        R(sg_fft2_run)(plans->field[1], c->work, c->spectrum, c->thread);
        propagate_back(job, c->spectrum, bin);
    }
    sum_add(dfield, c->spectrum, 2 * s->field_len);
}

static void backward_led(const thick_job *job, const thick_slice *c, int k, real *dpupil, real *dfield)
{
    const sg_run *run = job->run;
    const thick_grid *s = &job->s;
    const int *bin = ((const slice_image_attr *)run->node->attr)->bin + 2 * k;
    double *dots =
        (double *)(void *)scratch_at(job, s->dot_at) + (size_t)c->sample * (size_t)s->exposures * (size_t)s->leds;
    double dot[SG_EXPOSURE_MAX] = {0};
    real weight[SG_EXPOSURE_MAX];
    const bool push = led_weights(weight, run, k) && job->want_field;
    if (push || run->din[2] || run->din[3]) {
        const real *spectrum = through_slices(job, c, bin);
        image_field(job, c, spectrum, bin);
        backward_image(job, c, weight, push, dot);
        if (push) backward_pupil(job, c, spectrum, bin, dpupil);
    }
    for (int e = 0; e < s->exposures; e++) dots[(size_t)e * (size_t)s->leds + (size_t)k] = dot[e];
    if (push && dfield) backward_slices(job, c, bin, dfield);
}

static void backward_slice(void *context, int slice, int thread)
{
    const thick_job *job = context;
    const sg_run *run = job->run;
    const thick_grid *s = &job->s;
    const thick_plans *plans = run->prepared;
    const thick_slice c = slice_of(job, slice, thread);
    const size_t field = 2 * (size_t)s->planes * s->field_len;
    real *dpupil = run->din[1] ? scratch_at(job, s->dpupil_at) + 2 * (size_t)slice * s->image_len : NULL;
    real *dfield = run->din[0] ? scratch_at(job, s->dfield_at) + (size_t)slice * field : NULL;
    if (dpupil) memset(dpupil, 0, 2 * s->image_len * sizeof(real));
    if (dfield) memset(dfield, 0, field * sizeof(real));
    slice_begin(job, &c);
    for (int k = c.first_led; k < c.last_led; k++) backward_led(job, &c, k, dpupil, dfield);
    if (!dfield) return;
    R(sg_fft2_run)(plans->field[0], dfield, c.work, thread);
    memcpy(dfield, c.work, 2 * s->field_len * sizeof(real));
}

void R(slice_image_backward)(const sg_run *run)
{
    thick_job job = {.run = run, .s = grid_of(run->node, run->threads, sizeof(real))};
    const thick_grid *s = &job.s;
    job.want_field = run->din[0] || run->din[1];
    sg_parallel(s->n * s->groups, backward_slice, &job);
    if (run->din[2] || run->din[3])
        led_weights_back(run, (const double *)(const void *)scratch_at(&job, s->dot_at), s->n);
    if (run->din[1])
        sum_groups((led_sum){run->din[1], scratch_at(&job, s->dpupil_at), 2 * s->image_len, s->n * s->groups, true}, 1);
    if (run->din[0])
        sum_groups((led_sum){run->din[0], scratch_at(&job, s->dfield_at), 2 * (size_t)s->planes * s->field_len,
                             s->groups, true},
                   s->n);
}

#ifdef SG_ONCE
static sg_status slice_image_infer(sg_node *node)
{
    const slice_image_attr *attr = node->attr;
    const sg_shape t = node->in_shape[0], p = node->in_shape[1], w = node->in_shape[2], power = node->in_shape[3];
    if (!node->in_complex[0] || !node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "transmission and pupil must be complex");
    if (p.n != 1 || p.c != 1) SG_FAIL(SG_E_SHAPE, "pupil (%d,%d,%d,%d) is not one pupil", p.n, p.c, p.h, p.w);
    if (w.n != 1 || w.c != 1 || w.w != attr->leds || w.h < 1 || w.h > SG_EXPOSURE_MAX)
        SG_FAIL(SG_E_SHAPE, "weights (%d,%d,%d,%d) are not (1,1,1..%d exposures,%d LEDs)", w.n, w.c, w.h, w.w,
                SG_EXPOSURE_MAX, attr->leds);
    if (!sg_shape_equal(power, SG_SHAPE(1, 1, 1, attr->leds)))
        SG_FAIL(SG_E_SHAPE, "power (%d,%d,%d,%d) is not (1,1,1,%d)", power.n, power.c, power.h, power.w, attr->leds);
    if (!(fabs(attr->grid.step_um) <= 1e6))
        SG_FAIL(SG_E_RANGE, "%g um between slices is outside -1e6..1e6", attr->grid.step_um);
    node->shape = SG_SHAPE(t.n, w.h, p.h, p.w);
    return SG_OK;
}

static void slice_image_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    out->scratch = grid_of(node, threads, real_size).bytes;
}

static double fft_flop(double len)
{
    double log2 = 0;
    for (double x = len; x > 1; x /= 2) log2++;
    return 5 * len * log2;
}

static double slice_image_flop(const sg_node *node)
{
    const thick_grid s = grid_of(node, 1, sizeof(float));
    const double field = (double)s.field_len, image = (double)s.image_len;
    return (double)s.n * s.leds *
           ((s.planes - 1) * (2 * fft_flop(field) + 12 * field) + fft_flop(image) + 6.0 * s.box[0] * s.box[1] +
            (3 + 2 * s.exposures) * image);
}

sg_value sg_slice_image(sg_graph *g, sg_value transmission, sg_value pupil, sg_value weight, sg_value power, int leds,
                        const int *bins, int support_y, int support_x, const sg_slice_grid *grid)
{
    slice_image_attr *attr = NULL;
    const size_t bytes = sizeof *attr + 2 * (size_t)leds * sizeof(int);
    const sg_status status = sg_alloc((void **)&attr, bytes, 1, "LED bins");
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    *attr = (slice_image_attr){.grid = *grid, .support = {support_y, support_x}, .leds = leds};
    memcpy(attr->bin, bins, 2 * (size_t)leds * sizeof(int));
    const sg_value in[] = {transmission, pupil, weight, power};
    const sg_value out = sg_node_add(g, &sg_op_slice_image, attr, bytes, in, 4);
    sg_free(attr);
    return out;
}

/* One slice and more, samples, exposures, part of the pupil, grids that differ, evanescent frequencies. */
static sg_value slice_image_cases(sg_graph *g, int i)
{
    static const int bins[] = {0, 0, 1, -2, -3, 1, 2, 2};
    static const struct slice_image_case {
        int n, planes, leds, exposures, h, w, mh, mw, sy, sx;
        sg_slice_grid grid;
    } cases[] = {
        {2, 1, 3, 1, 7, 9, 6, 5, 0, 0, {3, .1, .1, .5, 1}},
        {1, 3, 4, 2, 8, 10, 5, 6, 1, 2, {2, .2, .15, .9, 1.33}}, /* frequencies above n/lambda */
        {2, 2, 2, 8, 9, 6, 8, 5, 2, 1, {-4, .1, .1, .5, 1}},
        {1, 4, 3, 1, 4, 5, 7, 6, 0, 0, {1, .2, .2, .6, 1.5}},
    };
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const struct slice_image_case *c = &cases[i];
    const sg_value t =
        sg_case_input(g, "transmission", SG_SHAPE(c->n, c->planes, c->h, c->w), -1, 1, SG_CASE_GRAD | SG_CASE_COMPLEX);
    const sg_value p = sg_case_input(g, "pupil", SG_SHAPE(1, 1, c->mh, c->mw), -1, 1, SG_CASE_GRAD | SG_CASE_COMPLEX);
    const sg_value w = sg_case_input(g, "weight", SG_SHAPE(1, 1, c->exposures, c->leds), .1, 1, SG_CASE_GRAD);
    const sg_value q = sg_case_input(g, "power", SG_SHAPE(1, 1, 1, c->leds), .5, 1.5, SG_CASE_GRAD);
    return sg_slice_image(g, t, p, w, q, c->leds, bins, c->sy, c->sx, &c->grid);
}

const sg_op sg_op_slice_image = {
    .name = "slice_image",
    .formula =
        "I_e = sum_k w_ek power_k |IDFT(P DFT(psi_S))|^2, psi_s = t_s IDFT(H DFT(psi_s-1)) (Cowley & Moodie 1957)",
    .infer = slice_image_infer,
    .workspace = slice_image_workspace,
    .flop = slice_image_flop,
    .keeps_inputs = 15,
    .cases = slice_image_cases,
    SG_REFERENCE(slice_image),
    SG_PREPARED(slice_image),
};
#endif
