/* parallel.c - the one place that opens OpenMP regions. */
#include "core/parallel.h"

#include "core/real.h"

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
    }

SG_DEFINE_SUMS(f32, float)
SG_DEFINE_SUMS(f64, double)

typedef struct finite_search {
    const void *x;
    size_t len;
    int bad;
} finite_search;

#define SG_REAL_BAD(x) ((x) - (x) != 0)           /* for NaN and infinities only */
#define SG_BF16_BAD(x) (((x)&0x7f80u) == 0x7f80u) /* all ones in the exponent */

/* No early exit: a block without branches is vector code. */
#define SG_DEFINE_FINITE(suffix, type, BAD)                                                                            \
    SG_SIMD static int finite_span_##suffix(const type *x, size_t len)                                                 \
    {                                                                                                                  \
        unsigned bad = 0;                                                                                              \
        for (size_t i = 0; i < len; i++) bad |= BAD(x[i]);                                                             \
        return !bad;                                                                                                   \
    }                                                                                                                  \
    static void finite_block_##suffix(void *context, int block, int thread)                                            \
    {                                                                                                                  \
        finite_search *search = context;                                                                               \
        (void)thread;                                                                                                  \
        if (__atomic_load_n(&search->bad, __ATOMIC_RELAXED)) return;                                                   \
        const size_t begin = sg_block_begin(block), end = sg_block_end(block, search->len);                            \
        if (!finite_span_##suffix((const type *)search->x + begin, end - begin))                                       \
            __atomic_store_n(&search->bad, 1, __ATOMIC_RELAXED);                                                       \
    }                                                                                                                  \
    int sg_all_finite_##suffix(const type *x, size_t len)                                                              \
    {                                                                                                                  \
        finite_search search = {x, len, 0};                                                                            \
        sg_parallel(sg_blocks(len), finite_block_##suffix, &search);                                                   \
        return !search.bad;                                                                                            \
    }

SG_DEFINE_FINITE(f32, float, SG_REAL_BAD)
SG_DEFINE_FINITE(f64, double, SG_REAL_BAD)
SG_DEFINE_FINITE(bf16, uint16_t, SG_BF16_BAD)
