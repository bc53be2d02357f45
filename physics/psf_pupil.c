/* psf_pupil.c - see psf.h. With u = IDFT P and I = |u|^2 on the cut:
 *   forward   h = I / sum I
 *   backward  dI = (dh - <dh, h>) / sum I, du = 2 dI u, dP += DFT(du) / M^2 (the transpose of IDFT) */
#include "core/memory.h"
#include "core/op.h"
#include "physics/fft.h"
#include "physics/ops.h"
#include "physics/psf.h"

#include <string.h>
#include <tgmath.h>

typedef struct psf_pupil_attr {
    int size_px;
} psf_pupil_attr;
SG_KERNELS(psf_pupil)
SG_PREPARES(psf_pupil)

typedef SG_FFTW(complex) bin;

typedef struct R(psf_pupil_plans) {
    SG_FFTW(plan) inverse, forward;
} R(psf_pupil_plans);

sg_status R(psf_pupil_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    (void)threads;
    const int m = node->in_shape[0].h;
    R(psf_pupil_plans) *p = NULL;
    SG_TRY(SG_ALLOC(&p, 1, "PSF plans"));
    *out = p;
    SG_TRY(R(sg_fft_plan_c2c)(&p->inverse, m, m, FFTW_BACKWARD, false));
    if (backward) SG_TRY(R(sg_fft_plan_c2c)(&p->forward, m, m, FFTW_FORWARD, true));
    return SG_OK;
}

void R(psf_pupil_release)(void *prepared)
{
    R(psf_pupil_plans) *p = prepared;
    if (!p) return;
    R(sg_fft_plan_free)(p->inverse);
    R(sg_fft_plan_free)(p->forward);
    sg_free(p);
}

/* Index in the M x M grid of element (y, x) of the cut. */
static size_t R(cut_index)(int y, int x, int size, int m)
{
    const int row = 2 * y > size - 1 ? y - size + m : y, column = 2 * x > size - 1 ? x - size + m : x;
    return (size_t)row * (size_t)m + (size_t)column;
}

/* save = field u (M^2 complex, unnormalised), then the sum of |u|^2 over the cut (one real) */
void R(psf_pupil_forward)(const sg_run *run)
{
    const R(psf_pupil_plans) *p = run->prepared;
    const int m = run->node->in_shape[0].h, size = run->node->shape.h;
    real *u = run->save, *h = run->out;
    SG_FFTW(execute_dft)(p->inverse, (bin *)(uintptr_t)run->in[0], (bin *)run->save);
    double sum = 0;
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const size_t i = R(cut_index)(y, x, size, m);
            const real intensity = u[2 * i] * u[2 * i] + u[2 * i + 1] * u[2 * i + 1];
            h[y * size + x] = intensity;
            sum += (double)intensity;
        }
    }
    u[2 * (size_t)m * (size_t)m] = (real)sum;
    for (int i = 0; i < size * size; i++) h[i] = (real)((double)h[i] / sum);
}

void R(psf_pupil_backward)(const sg_run *run)
{
    const R(psf_pupil_plans) *p = run->prepared;
    const int m = run->node->in_shape[0].h, size = run->node->shape.h;
    const size_t len = 2 * (size_t)m * (size_t)m;
    const real *u = run->save, *h = run->out, *dh = run->dout;
    real *du = run->scratch, *dpupil = run->din[0];
    if (!dpupil) return;
    double along = 0;
    for (int i = 0; i < size * size; i++) along += (double)dh[i] * (double)h[i];
    memset(du, 0, len * sizeof *du);
    /* u is M^2 IDFT P, so the 1/M^2 of dP and that of the field cancel against sum I's */
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const size_t i = R(cut_index)(y, x, size, m);
            const real k = (real)(2 * ((double)dh[y * size + x] - along) / (double)u[len]);
            du[2 * i] = k * u[2 * i];
            du[2 * i + 1] = k * u[2 * i + 1];
        }
    }
    SG_FFTW(execute_dft)(p->forward, (bin *)run->scratch, (bin *)run->scratch);
    for (size_t i = 0; i < len; i++) dpupil[i] = (run->fresh[0] ? 0 : dpupil[i]) + du[i];
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const psf_pupil_attr *a = node->attr;
    const sg_shape s = node->in_shape[0];
    if (!node->in_complex[0] || s.n != 1 || s.c != 1 || s.h != s.w)
        SG_FAIL(SG_E_SHAPE, "pupil of shape (%d,%d,%d,%d), a complex (1,1,M,M) is needed", s.n, s.c, s.h, s.w);
    if (a->size_px < 1 || a->size_px > s.h) SG_FAIL(SG_E_RANGE, "size_px: %d is outside 1..%d", a->size_px, s.h);
    node->shape = SG_SHAPE(1, 1, a->size_px, a->size_px);
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    const size_t len = 2 * sg_shape_len(node->in_shape[0]);
    out->save = (len + 1) * real_size;
    out->scratch = len * real_size;
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        int m, size;
    } table[] = {{6, 6}, {7, 7}, {9, 4}, {8, 5}};
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_shape shape = SG_SHAPE(1, 1, table[i].m, table[i].m);
    return sg_psf_pupil(g, sg_case_input(g, "pupil", shape, -1, 1, SG_CASE_GRAD | SG_CASE_COMPLEX), table[i].size);
}

const sg_op sg_op_psf_pupil = {
    .name = "psf_pupil",
    .formula = "h = |IDFT P|^2 / sum, wrapped",
    .infer = infer,
    .workspace = workspace,
    SG_PREPARED(psf_pupil),
    SG_REFERENCE(psf_pupil),
    .keeps_output = true,
    .sets_fresh = true,
    .cases = cases,
};

sg_value sg_psf_pupil(sg_graph *g, sg_value pupil, int size_px)
{
    const psf_pupil_attr attr = {size_px};
    return SG_NODE(g, &sg_op_psf_pupil, &attr, pupil);
}

#endif
