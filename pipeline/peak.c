/* peak.c - see peak.h. */
#include "pipeline/peak.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "core/real.h"
#include "physics/fft.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { CHAINS = 10, WIDTH = 16, ROUNDS = 5, TURNS = 200000, NUMBERS = 1 << 23, FFT_FIELDS = 64 };

double sg_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef float vector __attribute__((vector_size(4 * WIDTH)));

/* Ten independent chains hide the latency of a multiply-add. Contraction, off everywhere else, is wanted here. */
SG_SIMD __attribute__((optimize("fp-contract=fast"))) static float multiply_add(float seed)
{
    vector x[CHAINS], a, b;
    float sum = 0;
    for (int i = 0; i < WIDTH; i++) a[i] = .999F, b[i] = 1e-3F * seed;
    for (int c = 0; c < CHAINS; c++) x[c] = b * (float)c;
    for (int turn = 0; turn < TURNS; turn++)
        for (int c = 0; c < CHAINS; c++) x[c] = x[c] * a + b;
    for (int c = 0; c < CHAINS; c++)
        for (int i = 0; i < WIDTH; i++) sum += x[c][i];
    return sum;
}

static void flop_task(void *context, int slice, int thread)
{
    float *out = context;
    (void)thread;
    out[slice] = multiply_add((float)slice);
}

SG_SIMD static void triad(float *restrict y, const float *restrict x)
{
    for (size_t i = 0; i < NUMBERS; i++) y[i] = x[i] + .5F * y[i];
}

static void triad_task(void *context, int slice, int thread)
{
    float *const *block = context;
    (void)thread;
    triad(block[2 * slice], block[2 * slice + 1]);
}

static double best(void (*task)(void *, int, int), void *context)
{
    double least = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        const double begin = sg_clock();
        sg_parallel(sg_threads(), task, context);
        least = fmin(least, sg_clock() - begin);
    }
    return least;
}

static sg_status measure_memory(double *bytes_per_s)
{
    const int threads = sg_threads();
    float **block = NULL, *all = NULL;
    sg_status status;
    SG_TRY(SG_ALLOC(&block, 2 * (size_t)threads, "bench"));
    SG_TRY_DONE(SG_ALLOC(&all, 2 * (size_t)threads * NUMBERS, "bench"));
    memset(all, 0, 2 * (size_t)threads * NUMBERS * sizeof *all);
    for (int i = 0; i < 2 * threads; i++) block[i] = all + (size_t)i * NUMBERS;
    *bytes_per_s = 12. * NUMBERS * threads / best(triad_task, block);
done:
    sg_free(all);
    sg_free(block);
    return status;
}

sg_status sg_peak_measure(double *flop_per_s, double *bytes_per_s)
{
    float *sums = NULL;
    SG_TRY(SG_ALLOC(&sums, (size_t)sg_threads(), "bench"));
    *flop_per_s = 2. * CHAINS * WIDTH * TURNS * sg_threads() / best(flop_task, sums);
    sg_free(sums);
    return measure_memory(bytes_per_s);
}

/* ---- FFTW alone ---- */

typedef struct fft_job {
    fftwf_plan plan;
    fftwf_complex *field; /* one per thread */
    size_t len;
} fft_job;

static void fft_task(void *context, int slice, int thread)
{
    const fft_job *job = context;
    fftwf_complex *field = job->field + (size_t)thread * job->len;
    (void)slice;
    fftwf_execute_dft(job->plan, field, field);
}

sg_status sg_peak_fft(double *seconds, int side)
{
    fft_job job = {.len = (size_t)side * (size_t)side};
    double least = INFINITY;
    SG_TRY(SG_ALLOC(&job.field, (size_t)sg_threads() * job.len, "bench"));
    sg_fft_lock();
    job.plan = fftwf_plan_dft_2d(side, side, job.field, job.field, FFTW_BACKWARD, FFTW_MEASURE);
    sg_fft_unlock();
    memset(job.field, 0, (size_t)sg_threads() * job.len * sizeof *job.field);
    for (int round = 0; job.plan && round < ROUNDS; round++) {
        const double begin = sg_clock();
        sg_parallel(FFT_FIELDS, fft_task, &job);
        least = fmin(least, (sg_clock() - begin) / FFT_FIELDS);
    }
    *seconds = least;
    sg_fft_plan_free_f32(job.plan);
    sg_free(job.field);
    if (!isfinite(least)) SG_FAIL(SG_E_MEMORY, "FFTW cannot plan a transform of %d x %d", side, side);
    return SG_OK;
}
