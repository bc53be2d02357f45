/* parallel.c - the one place that opens OpenMP regions. */
#include "core/parallel.h"

#include <math.h>
#include <omp.h>

static int sg_thread_count; /* 0: not decided yet */

int sg_threads(void)
{
    if (sg_thread_count < 1) sg_thread_count = omp_get_max_threads();
    return sg_thread_count;
}

void sg_threads_set(int count)
{
    sg_thread_count = count < 1 ? omp_get_num_procs() : count;
    omp_set_num_threads(sg_thread_count);
}

void sg_parallel(int count, void (*fn)(void *context, int slice, int thread), void *context)
{
    if (count <= 1 || sg_threads() == 1) {
        for (int slice = 0; slice < count; slice++) fn(context, slice, 0);
        return;
    }
#pragma omp parallel for schedule(dynamic, 1) num_threads(sg_threads())
    for (int slice = 0; slice < count; slice++) fn(context, slice, omp_get_thread_num());
}

enum { SG_SUM_BLOCK = 1024 };

#define SG_DEFINE_SUMS(suffix, type)                                                                                   \
    double sg_sum_##suffix(const type *x, size_t len)                                                                  \
    {                                                                                                                  \
        double total = 0;                                                                                              \
        for (size_t begin = 0; begin < len; begin += SG_SUM_BLOCK) {                                                   \
            const size_t end = begin + SG_SUM_BLOCK < len ? begin + SG_SUM_BLOCK : len;                                \
            double block = 0;                                                                                          \
            for (size_t i = begin; i < end; i++) block += (double)x[i];                                                \
            total += block;                                                                                            \
        }                                                                                                              \
        return total;                                                                                                  \
    }                                                                                                                  \
    double sg_dot_##suffix(const type *x, const type *y, size_t len)                                                   \
    {                                                                                                                  \
        double total = 0;                                                                                              \
        for (size_t begin = 0; begin < len; begin += SG_SUM_BLOCK) {                                                   \
            const size_t end = begin + SG_SUM_BLOCK < len ? begin + SG_SUM_BLOCK : len;                                \
            double block = 0;                                                                                          \
            for (size_t i = begin; i < end; i++) block += (double)x[i] * (double)y[i];                                 \
            total += block;                                                                                            \
        }                                                                                                              \
        return total;                                                                                                  \
    }                                                                                                                  \
    int sg_all_finite_##suffix(const type *x, size_t len)                                                              \
    {                                                                                                                  \
        for (size_t i = 0; i < len; i++)                                                                               \
            if (!isfinite(x[i])) return 0;                                                                             \
        return 1;                                                                                                      \
    }

SG_DEFINE_SUMS(f32, float)
SG_DEFINE_SUMS(f64, double)
