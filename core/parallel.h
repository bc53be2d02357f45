/* parallel.h - work cut into slices that depend on shapes only, run on any number of threads with the same bits.
 * Each slice runs on one thread and writes only what is its own; sums are added slice by slice, in order. */
#ifndef SG_CORE_PARALLEL_H
#define SG_CORE_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

/* Runs fn(context, slice, thread) for slice = 0..count-1; thread is in 0..sg_threads()-1 and picks scratch memory. */
void sg_parallel(int count, void (*fn)(void *context, int slice, int thread), void *context);

/* The number of threads that parallel regions use; at least 1. */
int sg_threads(void);
/* Sets it; count < 1 means every core this process may use. Call before plans are made: scratch memory is per thread.
 */
void sg_threads_set(int count);

/* Elementwise work on `len` numbers is cut into blocks of SG_BLOCK; the last may be shorter. */
enum { SG_BLOCK = 16384 };
static inline int sg_blocks(size_t len)
{
    return (int)((len + SG_BLOCK - 1) / SG_BLOCK);
}
static inline size_t sg_block_begin(int block)
{
    return (size_t)block * SG_BLOCK;
}
static inline size_t sg_block_end(int block, size_t len)
{
    const size_t end = ((size_t)block + 1) * SG_BLOCK;
    return end < len ? end : len;
}

/* sum x_i, and sum x_i y_i, in double: blocks of 1024, in each 16 parts (number i in part i % 16), added in order. Exact order whatever
 * the thread count. NaN and Inf pass through. */
double sg_sum_f32(const float *x, size_t len);
double sg_sum_f64(const double *x, size_t len);
double sg_dot_f32(const float *x, const float *y, size_t len);
double sg_dot_f64(const double *x, const double *y, size_t len);

/* True if every number is finite. Opens a parallel region for more than SG_BLOCK numbers. */
int sg_all_finite_f32(const float *x, size_t len);
int sg_all_finite_f64(const double *x, size_t len);
int sg_all_finite_bf16(const uint16_t *x, size_t len);

#endif
