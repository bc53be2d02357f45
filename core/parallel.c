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

enum { SG_SUM_BLOCK = 1024, SG_SUM_PARTS = 16 };

/* sum of TERM(i) over a block: number i goes into part i % 16, so that it is vector code in a fixed order. */
#define SG_SUM_OF(TERM)                                                                                                \
    double part[SG_SUM_PARTS] = {0}, sum = 0;                                                                          \
    size_t i = 0;                                                                                                      \
    for (; i + SG_SUM_PARTS <= len; i += SG_SUM_PARTS)                                                                 \
        for (size_t l = 0; l < SG_SUM_PARTS; l++) part[l] += TERM(i + l);                                              \
    for (size_t l = 0; i + l < len; l++) part[l] += TERM(i + l);                                                       \
    for (size_t l = 0; l < SG_SUM_PARTS; l++) sum += part[l];                                                          \
    return sum

#define SG_NUMBER(i)  (double)x[i]
#define SG_PRODUCT(i) (double)x[i] * (double)y[i]

#define SG_DEFINE_SUMS(suffix, type)                                                                                   \
    SG_SIMD static double sum_block_##suffix(const type *x, size_t len)                                                \
    {                                                                                                                  \
        SG_SUM_OF(SG_NUMBER);                                                                                          \
    }                                                                                                                  \
    SG_SIMD static double dot_block_##suffix(const type *x, const type *y, size_t len)                                 \
    {                                                                                                                  \
        SG_SUM_OF(SG_PRODUCT);                                                                                         \
    }                                                                                                                  \
    double sg_sum_##suffix(const type *x, size_t len)                                                                  \
    {                                                                                                                  \
        double total = 0;                                                                                              \
        for (; len > SG_SUM_BLOCK; x += SG_SUM_BLOCK, len -= SG_SUM_BLOCK)                                             \
            total += sum_block_##suffix(x, SG_SUM_BLOCK);                                                              \
        return total + sum_block_##suffix(x, len);                                                                     \
    }                                                                                                                  \
    double sg_dot_##suffix(const type *x, const type *y, size_t len)                                                   \
    {                                                                                                                  \
        double total = 0;                                                                                              \
        for (; len > SG_SUM_BLOCK; x += SG_SUM_BLOCK, y += SG_SUM_BLOCK, len -= SG_SUM_BLOCK)                          \
            total += dot_block_##suffix(x, y, SG_SUM_BLOCK);                                                           \
        return total + dot_block_##suffix(x, y, len);                                                                  \
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
