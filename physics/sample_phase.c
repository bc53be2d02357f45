/* sample_phase.c - the phase of a thin sample made from pictures, for several wavelengths (PHYSICS section 1).
 *   forward   phi_c = k_c (phase_rad mean_f g_f + b)          backward  dg_f += phase_rad/F sum_c k_c dphi_c
 * k_c = wavelength of the config / wavelength c: the same path differs in phase.
 * b, the background phase: white Gaussian noise filtered by a Gaussian of standard deviation s = correlation_px, scaled
 * to background_rad rms over the field. Made where it is small: white noise has independent normal DFT bins, and the
 * filter exp(-2 pi^2 s^2 f^2) passes only those near 0, up to 6 standard deviations. Bin (v_y, v_x) of the half
 * spectrum takes draws 0 (real) and 1 (imaginary) of element v_y (w/2+1) + v_x; the column v_x = 0 and bin 0 are made
 * Hermitian. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "physics/add_scaled.h"
#include "physics/fft.h"
#include "physics/fft2.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <math.h>
#include <string.h>

typedef struct sample_phase_attr {
    double phase_rad, background_rad, correlation_px;
    int colours;
    double factor[SG_COLOUR_MAX]; /* k_c */
} sample_phase_attr;

SG_KERNELS(sample_phase)
SG_PREPARES(sample_phase)

void R(sample_phase_release)(void *prepared)
{
    R(sg_fft2_free)(prepared);
}

sg_status R(sample_phase_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    (void)backward;
    R(sg_fft2) *plan = NULL;
    SG_TRY(R(sg_fft2_c2r)(&plan, node->shape.h, node->shape.w, threads));
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
    const sample_phase_attr *attr = run->node->attr;
    const int h = run->node->shape.h, w = run->node->shape.w;
    const size_t len = (size_t)h * (size_t)w;
    char *own = (char *)run->scratch + (size_t)thread * thread_bytes(run->node, sizeof(real));
    real *spectrum = (real *)(void *)own;
    real *b = (real *)(void *)(own + spectrum_bytes(run->node, sizeof(real)));
    const uint32_t id = run->step->sample_id ? run->step->sample_id[n] : (uint32_t)n;
    const sg_rng rng = sg_rng_make(run->step->seed, SG_RNG_BACKGROUND, id, run->step->epoch, 0);
    memset(spectrum, 0, spectrum_bytes(run->node, sizeof(real)));
    const double sum = noise_spectrum(spectrum, &rng, h, w, attr->correlation_px);
    R(sg_fft2_run)(run->prepared, spectrum, b, thread);
    const real scale = sum > 0 ? (real)(attr->background_rad / sqrt(sum / (double)len)) : 0;
    for (size_t i = 0; i < len; i++) b[i] *= scale;
    return b;
}

/* The mean of F pictures, times phase_rad, plus b. */
SG_SIMD static void path_phase(real *restrict phi, const real *restrict g, const real *restrict b, real phase,
                               size_t pictures, size_t len)
{
    const real share = 1 / (real)pictures;
    for (size_t i = 0; i < len; i++) {
        real sum = g[i];
        for (size_t f = 1; f < pictures; f++) sum += g[f * len + i];
        phi[i] = phase * (pictures > 1 ? sum * share : sum) + (b ? b[i] : 0);
    }
}

SG_SIMD static void scaled(real *restrict y, const real *restrict x, real k, size_t len)
{
    for (size_t i = 0; i < len; i++) y[i] = k * x[i];
}

static void forward_slice(void *context, int slice, int thread)
{
    const sg_run *run = context;
    const sample_phase_attr *attr = run->node->attr;
    const size_t len = (size_t)run->node->shape.h * (size_t)run->node->shape.w,
                 pictures = (size_t)run->node->in_shape[0].c, colours = (size_t)attr->colours;
    const real *b = attr->background_rad > 0 ? background(run, slice, thread) : NULL;
    real *phi = (real *)run->out + (size_t)slice * colours * len;
    path_phase(phi, (const real *)run->in[0] + (size_t)slice * pictures * len, b, (real)attr->phase_rad, pictures, len);
    for (size_t c = 1; c < colours; c++) scaled(phi + c * len, phi, (real)attr->factor[c], len);
    if (attr->factor[0] < 1 || attr->factor[0] > 1)
        for (size_t i = 0; i < len; i++) phi[i] *= (real)attr->factor[0];
}

void R(sample_phase_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(run->node->shape.n, forward_slice, &copy);
}

/* One picture (n, f). */
static void backward_slice(void *context, int slice, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const sample_phase_attr *attr = run->node->attr;
    const int pictures = run->node->in_shape[0].c;
    const size_t len = (size_t)run->node->shape.h * (size_t)run->node->shape.w, colours = (size_t)attr->colours;
    const real *dphi = (const real *)run->dout + (size_t)(slice / pictures) * colours * len;
    real *dg = (real *)run->din[0] + (size_t)slice * len;
    for (size_t c = 0; c < colours; c++)
        R(add_scaled)(dg, dphi + c * len, (real)(attr->factor[c] * attr->phase_rad / pictures), len);
}

void R(sample_phase_backward)(const sg_run *run)
{
    sg_run copy = *run;
    if (run->din[0]) sg_parallel(run->node->in_shape[0].n * run->node->in_shape[0].c, backward_slice, &copy);
}

#ifdef SG_ONCE
static sg_status sample_phase_infer(sg_node *node)
{
    const sample_phase_attr *attr = node->attr;
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "the pictures must be real");
    if (attr->colours < 1 || attr->colours > SG_COLOUR_MAX)
        SG_FAIL(SG_E_RANGE, "%d colours are not 1..%d", attr->colours, SG_COLOUR_MAX);
    if (!(attr->correlation_px >= 0)) SG_FAIL(SG_E_RANGE, "correlation of %g px is negative", attr->correlation_px);
    node->shape = node->in_shape[0];
    node->shape.c = attr->colours;
    return SG_OK;
}

static void sample_phase_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    const sample_phase_attr *attr = node->attr;
    if (attr->background_rad > 0) out->scratch = (size_t)threads * thread_bytes(node, real_size);
}

sg_value sg_sample_phase(sg_graph *g, sg_value pictures, double phase_rad, double background_rad, double correlation_px,
                         int colours, const double *factor)
{
    sample_phase_attr attr = {phase_rad, background_rad, correlation_px, colours, {1}};
    for (int c = 0; factor && c < colours && c < SG_COLOUR_MAX; c++) attr.factor[c] = factor[c];
    return SG_NODE(g, &sg_op_sample_phase, &attr, pictures);
}

static sg_value sample_phase_cases(sg_graph *g, int i)
{
    static const double factor[] = {1.25, 1, .8};
    static const struct sample_case {
        sg_shape shape;
        double phase_rad, background_rad, correlation_px;
        int colours;
    } cases[] = {{{2, 1, 6, 9}, 1, 0, 1, 1},
                 {{3, 1, 8, 5}, -2, .4, 1.5, 2},
                 {{1, 1, 4, 4}, .7, 1, 0, 1},
                 {{2, 3, 5, 7}, 1.5, 0, 0, 3}};
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const sg_value x = sg_case_input(g, "picture", cases[i].shape, 0, 1, SG_CASE_GRAD);
    return sg_sample_phase(g, x, cases[i].phase_rad, cases[i].background_rad, cases[i].correlation_px, cases[i].colours,
                           cases[i].colours > 1 ? factor : NULL);
}

const sg_op sg_op_sample_phase = {
    .name = "sample_phase",
    .formula = "phi_c = k_c (phase_rad mean_f g_f + b), b filtered Gaussian noise (PHYSICS section 1)",
    .infer = sample_phase_infer,
    .workspace = sample_phase_workspace,
    .cases = sample_phase_cases,
    SG_REFERENCE(sample_phase),
    SG_PREPARED(sample_phase),
};
#endif
