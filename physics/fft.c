/* fft.c - see fft.h. Compiled as float and as double. */
#include "physics/fft.h"

#include "core/memory.h"
#include "core/real.h"

#ifdef SG_ONCE
#include <pthread.h>

static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

void sg_fft_lock(void)
{
    pthread_mutex_lock(&planner);
}

void sg_fft_unlock(void)
{
    pthread_mutex_unlock(&planner);
}
#endif

typedef SG_FFTW(complex) bin;

/* The planner looks at addresses only (FFTW_ESTIMATE), but they must be real. A transform whose bytes are no multiple
 * of SG_ALIGN does not keep the next one aligned. */
typedef struct plan_arrays {
    bin *a, *b;
    unsigned flags;
} plan_arrays;

static sg_status arrays_make(plan_arrays *out, size_t bins, size_t unit_bytes)
{
    *out = (plan_arrays){.flags = FFTW_ESTIMATE | (unit_bytes % SG_ALIGN ? FFTW_UNALIGNED : 0u)};
    const sg_status status = sg_alloc((void **)&out->a, 2 * bins + SG_ALIGN, sizeof(bin), "FFT planning");
    if (status == SG_OK) out->b = out->a + (bins + SG_ALIGN - 1) / SG_ALIGN * SG_ALIGN;
    return status;
}

static sg_status arrays_done(const plan_arrays *arrays, const void *plan, const char *kind, int h, int w)
{
    sg_fft_unlock();
    sg_free(arrays->a);
    if (!plan) SG_FAIL(SG_E_MEMORY, "FFTW cannot plan a %s transform of %d x %d", kind, h, w);
    return SG_OK;
}

sg_status R(sg_fft_plan_many)(SG_FFTW(plan) * out, int n, int count, int stride, int dist, int sign)
{
    plan_arrays arrays;
    const size_t bins = (size_t)(n - 1) * (size_t)stride + (size_t)(count - 1) * (size_t)dist + 1;
    SG_TRY(arrays_make(&arrays, bins, (size_t)n * (size_t)(stride > dist ? stride : dist) * sizeof(bin)));
    sg_fft_lock();
    *out = SG_FFTW(plan_many_dft)(1, &n, count, arrays.a, NULL, stride, dist, arrays.b, NULL, stride, dist, sign,
                                  arrays.flags);
    return arrays_done(&arrays, *out, "one-dimensional", n, count);
}

void R(sg_fft_plan_free)(SG_FFTW(plan) plan)
{
    if (!plan) return;
    sg_fft_lock();
    SG_FFTW(destroy_plan)(plan);
    sg_fft_unlock();
}
