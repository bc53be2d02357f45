/* ranks.h - several processes that train one model together (data parallelism): every rank has the same parameters and
 * its own part of each batch. This is only the interface: kernels and plans see it through sg_step, pipeline/ranks.h
 * opens it. A NULL is one process alone.
 * Every call is collective: all ranks make the same calls in the same order. Sums are added in the order of the ranks,
 * so that the same number of ranks gives the same bits, and every rank gets them. */
#ifndef SG_CORE_RANKS_H
#define SG_CORE_RANKS_H

#include <stddef.h>

typedef struct sg_ranks sg_ranks;
struct sg_ranks {
    int rank, count;
    /* x (len) becomes the sum over the ranks. Waits for it. */
    void (*sum)(sg_ranks *ranks, double *x, size_t len);
    /* Begins to add up x (len) and returns at once: until `wait` returns, x belongs to the exchange. */
    void (*add)(sg_ranks *ranks, float *x, size_t len);
    /* Until every `add` has ended. */
    void (*wait)(sg_ranks *ranks);
    /* Everybody's bytes become those of rank 0. */
    void (*share)(sg_ranks *ranks, void *data, size_t bytes);
    int failure; /* the sg_status in which all have agreed to stop; 0: none */
};

static inline void sg_ranks_sum(sg_ranks *ranks, double *x, size_t len)
{
    if (ranks != NULL) ranks->sum(ranks, x, len);
}

static inline int sg_ranks_count(const sg_ranks *ranks)
{
    return ranks != NULL ? ranks->count : 1;
}

#endif
