/* psf_pupil.c - see psf.h. With u = IDFT P and I = |u|^2 on the cut:
 *   forward   h = I / sum I
 *   backward  dI = (dh - <dh, h>) / sum I, du = 2 dI u, dP += DFT(du) / M^2 (the transpose of IDFT)
 * A slice is one pupil. */
#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/fft.h"
#include "physics/fft2.h"
#include "physics/ops.h"
#include "physics/psf.h"

#include <string.h>
#include <tgmath.h>

typedef struct psf_pupil_attr {
    int size_px;
} psf_pupil_attr;
SG_KERNELS(psf_pupil)
SG_PREPARES(psf_pupil)

typedef struct R(psf_pupil_plans) {
    R(sg_fft2) * inverse, *forward;
} R(psf_pupil_plans);

sg_status R(psf_pupil_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    const int m = node->in_shape[0].h;
    R(psf_pupil_plans) *p = NULL;
    SG_TRY(SG_ALLOC(&p, 1, "PSF plans"));
    *out = p;
    SG_TRY(R(sg_fft2_c2c)(&p->inverse, m, m, FFTW_BACKWARD, threads));
    if (backward) SG_TRY(R(sg_fft2_c2c)(&p->forward, m, m, FFTW_FORWARD, threads));
    return SG_OK;
}

void R(psf_pupil_release)(void *prepared)
{
    R(psf_pupil_plans) *p = prepared;
    if (!p) return;
    R(sg_fft2_free)(p->inverse);
    R(sg_fft2_free)(p->forward);
    sg_free(p);
}

/* Index in the M x M grid of element (y, x) of the cut. */
static size_t R(cut_index)(int y, int x, int size, int m)
{
    const int row = 2 * y > size - 1 ? y - size + m : y, column = 2 * x > size - 1 ? x - size + m : x;
    return (size_t)row * (size_t)m + (size_t)column;
}

/* save = all fields u (M^2 complex each, unnormalised), then all sums of |u|^2 over the cut */
static real *R(sum_of)(const sg_run *run, int plane)
{
    return (real *)run->save + 2 * sg_shape_len(run->node->in_shape[0]) + plane;
}

static void R(psf_pupil_forward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(psf_pupil_plans) *p = run->prepared;
    const int m = run->node->in_shape[0].h, size = run->node->shape.h;
    const size_t at = 2 * (size_t)plane * (size_t)m * (size_t)m;
    real *u = (real *)run->save + at, *h = (real *)run->out + (size_t)plane * (size_t)size * (size_t)size;
    R(sg_fft2_run)(p->inverse, (const real *)run->in[0] + at, u, thread);
    double sum = 0;
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const size_t i = R(cut_index)(y, x, size, m);
            const real intensity = u[2 * i] * u[2 * i] + u[2 * i + 1] * u[2 * i + 1];
            h[y * size + x] = intensity;
            sum += (double)intensity;
        }
    }
    *R(sum_of)(run, plane) = (real)sum;
    for (int i = 0; i < size * size; i++) h[i] = (real)((double)h[i] / sum);
}

void R(psf_pupil_forward)(const sg_run *run)
{
    sg_parallel(run->node->shape.n * run->node->shape.c, R(psf_pupil_forward_plane), &run);
}

static void R(psf_pupil_backward_plane)(void *context, int plane, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const R(psf_pupil_plans) *p = run->prepared;
    const int m = run->node->in_shape[0].h, size = run->node->shape.h;
    const size_t len = 2 * (size_t)m * (size_t)m, at = (size_t)plane * len;
    const size_t cut = (size_t)plane * (size_t)size * (size_t)size;
    const real *u = (const real *)run->save + at, *h = (const real *)run->out + cut;
    const real *dh = (const real *)run->dout + cut;
    real *du = (real *)run->scratch + at, *dpupil = (real *)run->din[0] + at;
    double along = 0;
    for (int i = 0; i < size * size; i++) along += (double)dh[i] * (double)h[i];
    memset(du, 0, len * sizeof *du);
    /* u is M^2 IDFT P, so the 1/M^2 of dP and that of the field cancel against sum I's */
    for (int y = 0; y < size; y++) {
        for (int x = 0; x < size; x++) {
            const size_t i = R(cut_index)(y, x, size, m);
            const real k = (real)(2 * ((double)dh[y * size + x] - along) / (double)*R(sum_of)(run, plane));
            du[2 * i] = k * u[2 * i];
            du[2 * i + 1] = k * u[2 * i + 1];
        }
    }
    R(sg_fft2_run)(p->forward, du, du, thread);
    for (size_t i = 0; i < len; i++) dpupil[i] = (run->fresh[0] ? 0 : dpupil[i]) + du[i];
}

void R(psf_pupil_backward)(const sg_run *run)
{
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c, R(psf_pupil_backward_plane), &run);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const psf_pupil_attr *a = node->attr;
    const sg_shape s = node->in_shape[0];
    if (!node->in_complex[0] || s.h != s.w)
        SG_FAIL(SG_E_SHAPE, "pupil of shape (%d,%d,%d,%d), a complex (n,c,M,M) is needed", s.n, s.c, s.h, s.w);
    if (a->size_px < 1 || a->size_px > s.h) SG_FAIL(SG_E_RANGE, "size_px: %d is outside 1..%d", a->size_px, s.h);
    node->shape = SG_SHAPE(s.n, s.c, a->size_px, a->size_px);
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    const size_t len = 2 * sg_shape_len(node->in_shape[0]);
    out->save = (len + (size_t)node->shape.n * (size_t)node->shape.c) * real_size;
    out->scratch = len * real_size;
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        int n, c, m, size;
    } table[] = {{1, 1, 6, 6}, {1, 1, 7, 7}, {1, 1, 9, 4}, {2, 3, 5, 4}};
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_shape shape = SG_SHAPE(table[i].n, table[i].c, table[i].m, table[i].m);
    return sg_psf_pupil(g, sg_case_input(g, "pupil", shape, -1, 1, SG_CASE_GRAD | SG_CASE_COMPLEX), table[i].size);
}

const sg_op sg_op_psf_pupil = {
    .name = "psf_pupil",
    .formula = "h = |IDFT P|^2 / sum, wrapped (Born & Wolf, Principles of Optics)",
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
