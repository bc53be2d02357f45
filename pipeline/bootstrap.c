/* bootstrap.c - see bootstrap.h. */
#include "pipeline/bootstrap.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1 };

typedef struct member {
    uint32_t group;
    int number;
} member;

static int by_group(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* group_of (len) = 0 .. groups-1 */
static sg_status number_groups(int *groups, int *group_of, const uint32_t *group, int len)
{
    member *list;
    *groups = 0;
    SG_TRY(SG_ALLOC(&list, (size_t)len, "bootstrap"));
    for (int i = 0; i < len; i++) list[i] = (member){group != NULL ? group[i] : (uint32_t)i, i};
    qsort(list, (size_t)len, sizeof *list, by_group);
    for (int i = 0; i < len; i++) {
        *groups += i == 0 || list[i].group != list[i - 1].group;
        group_of[list[i].number] = *groups - 1;
    }
    sg_free(list);
    return SG_OK;
}

/* What all draws share; each thread has its own `times` and `weight`. */
typedef struct draws {
    const int *group_of; /* (len) */
    int len, groups, metrics;
    uint32_t *times, *weight; /* (threads, len) */
    double *value;            /* (SG_BOOTSTRAP_DRAWS, metrics) */
    sg_statistic *statistic;
    const void *context;
} draws;

static void draw(void *context, int number, int thread)
{
    const draws *d = context;
    uint32_t *times = d->times + (size_t)thread * (size_t)d->len, *weight = d->weight + (size_t)thread * (size_t)d->len;
    const sg_rng rng = sg_rng_make(SEED, SG_RNG_BOOTSTRAP, 0, (uint32_t)number, 0);
    memset(times, 0, (size_t)d->groups * sizeof *times);
    for (int i = 0; i < d->groups; i++) times[(int)(sg_rng_uniform(&rng, (uint32_t)i, 0) * d->groups)]++;
    for (int i = 0; i < d->len; i++) weight[i] = times[d->group_of[i]];
    d->statistic(d->value + (size_t)number * (size_t)d->metrics, d->context, weight);
}

/* x (len), sorted; NaN for len 0. */
static double percentile(const double *x, int len, double percent)
{
    if (len < 1) return NAN;
    const double at = percent / 100 * (len - 1);
    const int below = (int)at, above = below + 1 < len ? below + 1 : below;
    return x[below] + (at - below) * (x[above] - x[below]);
}

/* value (SG_BOOTSTRAP_DRAWS, metrics); sorted is work space for one column. */
static void take_percentiles(double (*interval)[2], const double *value, int metrics, double *sorted)
{
    for (int m = 0; m < metrics; m++) {
        int count = 0;
        for (int d = 0; d < SG_BOOTSTRAP_DRAWS; d++)
            if (!isnan(value[d * metrics + m])) sorted[count++] = value[d * metrics + m];
        qsort(sorted, (size_t)count, sizeof *sorted, by_value);
        interval[m][0] = percentile(sorted, count, 2.5);
        interval[m][1] = percentile(sorted, count, 97.5);
    }
}

sg_status sg_bootstrap(double (*interval)[2], int metrics, int len, const uint32_t *group, sg_statistic *statistic,
                       const void *context)
{
    const size_t room = (size_t)sg_threads() * (size_t)len;
    draws d = {.len = len, .metrics = metrics, .statistic = statistic, .context = context};
    int *group_of = NULL;
    double *sorted = NULL;
    sg_status status;
    SG_TRY_DONE(SG_ALLOC(&group_of, (size_t)len, "bootstrap"));
    SG_TRY_DONE(SG_ALLOC(&d.times, room, "bootstrap"));
    SG_TRY_DONE(SG_ALLOC(&d.weight, room, "bootstrap"));
    SG_TRY_DONE(SG_ALLOC(&d.value, (size_t)SG_BOOTSTRAP_DRAWS * (size_t)metrics, "bootstrap"));
    SG_TRY_DONE(SG_ALLOC(&sorted, SG_BOOTSTRAP_DRAWS, "bootstrap"));
    SG_TRY_DONE(number_groups(&d.groups, group_of, group, len));
    d.group_of = group_of;
    sg_parallel(SG_BOOTSTRAP_DRAWS, draw, &d);
    take_percentiles(interval, d.value, metrics, sorted);
done:
    sg_free(sorted);
    sg_free(d.value);
    sg_free(d.weight);
    sg_free(d.times);
    sg_free(group_of);
    return status;
}
