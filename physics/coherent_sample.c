/* coherent_sample.c - the transmission of a thin sample made from a picture (PHYSICS section 1).
 *   forward   t = exp(-absorption g + i (phase_rad g + b))
 *   backward  dphi = Im(conj(t) dt), da = -Re(conj(t) dt), dg += phase_rad dphi + absorption da
 * b, the background phase: white Gaussian noise filtered by a Gaussian of standard deviation c = correlation_px, scaled
 * to background_rad rms over the field. Made where it is small: white noise has independent normal DFT bins, and the
 * filter exp(-2 pi^2 c^2 f^2) passes only those near 0, up to 6 standard deviations. Bin (v_y, v_x) of the half
 * spectrum takes draws 0 (real) and 1 (imaginary) of element v_y (w/2+1) + v_x; the column v_x = 0 and bin 0 are made
 * Hermitian. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "physics/fft.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <math.h>
#include <string.h>

typedef struct coherent_sample_attr {
    double phase_rad, absorption, background_rad, correlation_px;
} coherent_sample_attr;

SG_KERNELS(coherent_sample)
SG_PREPARES(coherent_sample)

void R(coherent_sample_release)(void *prepared)
{
    R(sg_fft_plan_free)(prepared);
}

sg_status R(coherent_sample_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    (void)threads;
    (void)backward;
    SG_FFTW(plan) plan = NULL;
    SG_TRY(R(sg_fft_plan_c2r)(&plan, node->shape.h, node->shape.w));
    *out = plan;
    return SG_OK;
}

/* Per thread: half spectrum, then the real field. */
static size_t spectrum_bytes(const sg_node *node, size_t real_size)
{
    return sg_align_up(2 * (size_t)node->shape.h * (size_t)(node->shape.w / 2 + 1) * real_size);
}

static size_t thread_bytes(const sg_node *node, size_t real_size)
{
    return spectrum_bytes(node, real_size) + sg_align_up((size_t)node->shape.h * (size_t)node->shape.w * real_size);
}

/* Bins kept on each side of 0: 6 standard deviations of the filter, below the Nyquist bin. */
static int kept(int n, double correlation_px)
{
    const int most = (n - 1) / 2;
    const double six = 6 * n / (2 * 3.14159265358979323846 * correlation_px);
    return six < most ? (int)six : most;
}

/* Fills the half spectrum of the noise; returns the sum of |b(r)|^2 over the field that it makes (Parseval). */
static double noise_spectrum(real *spectrum, const sg_rng *rng, int h, int w, double correlation_px)
{
    const int ky = kept(h, correlation_px), kx = kept(w, correlation_px), half = w / 2 + 1;
    const double k = 2 * 9.86960440108935861883 * correlation_px * correlation_px; /* 2 pi^2 c^2 */
    double sum = 0;
    for (int x = 0; x <= kx; x++)
        for (int y = x ? -ky : 0; y <= ky; y++) {
            const double fy = (double)y / h, fx = (double)x / w, gain = exp(-k * (fy * fy + fx * fx));
            const uint32_t at = (uint32_t)((y < 0 ? y + h : y) * half + x);
            const bool dc = x == 0 && y == 0;
            const double re = gain * sg_rng_normal(rng, at, 0) * (dc ? 1.41421356237309504880 : 1);
            const double im = dc ? 0 : gain * sg_rng_normal(rng, at, 1);
            spectrum[2 * at] = (real)re;
            spectrum[2 * at + 1] = (real)im;
            sum += (dc ? 1 : 2) * (re * re + im * im);
            if (x == 0 && y > 0) { /* the other half of the column */
                const size_t mirror = 2 * (size_t)(h - y) * (size_t)half;
                spectrum[mirror] = (real)re;
                spectrum[mirror + 1] = (real)-im;
            }
        }
    return sum * (double)h * (double)w;
}

/* b of sample n, at the end of this thread's scratch. */
static const real *background(const sg_run *run, int n, int thread)
{
    const coherent_sample_attr *attr = run->node->attr;
    const int h = run->node->shape.h, w = run->node->shape.w;
    const size_t len = (size_t)h * (size_t)w;
    char *own = (char *)run->scratch + (size_t)thread * thread_bytes(run->node, sizeof(real));
    real *spectrum = (real *)(void *)own;
    real *b = (real *)(void *)(own + spectrum_bytes(run->node, sizeof(real)));
    const uint32_t id = run->step->sample_id ? run->step->sample_id[n] : (uint32_t)n;
    const sg_rng rng = sg_rng_make(run->step->seed, SG_RNG_BACKGROUND, id, run->step->epoch, 0);
    memset(spectrum, 0, spectrum_bytes(run->node, sizeof(real)));
    const double sum = noise_spectrum(spectrum, &rng, h, w, attr->correlation_px);
    SG_FFTW(execute_dft_c2r)(run->prepared, (SG_FFTW(complex) *)spectrum, b);
    const real scale = sum > 0 ? (real)(attr->background_rad / sqrt(sum / (double)len)) : 0;
    for (size_t i = 0; i < len; i++) b[i] *= scale;
    return b;
}

SG_SIMD static void transmission(real *restrict t, const real *restrict g, const real *restrict b, real phase,
                                 real absorption, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const real phi = phase * g[i] + (b ? b[i] : 0);
#ifdef SG_DOUBLE
        const real a = exp(-absorption * g[i]);
        t[2 * i] = a * cos(phi);
        t[2 * i + 1] = a * sin(phi);
#else
        const real a = expf(-absorption * g[i]);
        t[2 * i] = a * cosf(phi);
        t[2 * i + 1] = a * sinf(phi);
#endif
    }
}

static void forward_slice(void *context, int slice, int thread)
{
    const sg_run *run = context;
    const coherent_sample_attr *attr = run->node->attr;
    const size_t len = (size_t)run->node->shape.h * (size_t)run->node->shape.w;
    const real *b = attr->background_rad > 0 ? background(run, slice, thread) : NULL;
    transmission((real *)run->out + 2 * (size_t)slice * len, (const real *)run->in[0] + (size_t)slice * len, b,
                 (real)attr->phase_rad, (real)attr->absorption, len);
}

void R(coherent_sample_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(run->node->shape.n, forward_slice, &copy);
}

SG_SIMD static void backward_block(real *restrict dg, const real *restrict t, const real *restrict dt, real phase,
                                   real absorption, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const real re = t[2 * i] * dt[2 * i] + t[2 * i + 1] * dt[2 * i + 1];
        const real im = t[2 * i] * dt[2 * i + 1] - t[2 * i + 1] * dt[2 * i];
        dg[i] += phase * im - absorption * re;
    }
}

static void backward_slice(void *context, int slice, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const coherent_sample_attr *attr = run->node->attr;
    const size_t begin = sg_block_begin(slice);
    const size_t len = sg_block_end(slice, sg_shape_len(run->node->shape)) - begin;
    backward_block((real *)run->din[0] + begin, (const real *)run->out + 2 * begin, (const real *)run->dout + 2 * begin,
                   (real)attr->phase_rad, (real)attr->absorption, len);
}

void R(coherent_sample_backward)(const sg_run *run)
{
    sg_run copy = *run;
    if (run->din[0]) sg_parallel(sg_blocks(sg_shape_len(run->node->shape)), backward_slice, &copy);
}

#ifdef SG_ONCE
static sg_status coherent_sample_infer(sg_node *node)
{
    const coherent_sample_attr *attr = node->attr;
    if (node->in_complex[0] || node->in_shape[0].c != 1)
        SG_FAIL(SG_E_SHAPE, "the picture must be real with one channel");
    if (!(attr->correlation_px >= 0)) SG_FAIL(SG_E_RANGE, "correlation of %g px is negative", attr->correlation_px);
    node->shape = node->in_shape[0];
    node->is_complex = true;
    return SG_OK;
}

static void coherent_sample_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const coherent_sample_attr *attr = node->attr;
    if (attr->background_rad > 0) out->scratch = (size_t)threads * thread_bytes(node, real_size);
}

sg_value sg_coherent_sample(sg_graph *g, sg_value picture, double phase_rad, double absorption, double background_rad,
                            double correlation_px)
{
    const coherent_sample_attr attr = {phase_rad, absorption, background_rad, correlation_px};
    return SG_NODE(g, &sg_op_coherent_sample, &attr, picture);
}

static sg_value coherent_sample_cases(sg_graph *g, int i)
{
    static const struct sample_case {
        sg_shape shape;
        double phase_rad, absorption, background_rad, correlation_px;
    } cases[] = {{{2, 1, 6, 9}, 1, .3, 0, 1}, {{3, 1, 8, 5}, -2, .5, .4, 1.5}, {{1, 1, 4, 4}, .7, 0, 1, 0}};
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const sg_value x = sg_case_input(g, "picture", cases[i].shape, 0, 1, SG_CASE_GRAD);
    return sg_coherent_sample(g, x, cases[i].phase_rad, cases[i].absorption, cases[i].background_rad,
                              cases[i].correlation_px);
}

const sg_op sg_op_coherent_sample = {
    .name = "coherent_sample",
    .formula = "t = exp(-absorption g + i (phase_rad g + b)), b filtered Gaussian noise (PHYSICS section 1)",
    .infer = coherent_sample_infer,
    .workspace = coherent_sample_workspace,
    .keeps_output = true,
    .cases = coherent_sample_cases,
    SG_REFERENCE(coherent_sample),
    SG_PREPARED(coherent_sample),
};
#endif
