/* bootstrap.h - how far a metric might have come out otherwise on other pictures of the same kind: percentile intervals
 * (Efron & Tibshirani 1993, chapter 13). Groups of pictures are drawn with replacement, as many as there are; what came
 * from one picture (its crops) is one group and stays together. */
#ifndef SG_PIPELINE_BOOTSTRAP_H
#define SG_PIPELINE_BOOTSTRAP_H

#include "core/status.h"

#include <stdint.h>

enum { SG_BOOTSTRAP_DRAWS = 2000 };

/* metric (metrics) = the numbers for a set that holds picture i weight[i] times. Cannot fail; NaN: not defined.
 * Called by several threads. */
typedef void sg_statistic(double *metric, const void *context, const uint32_t *weight);

/* interval (metrics, 2) = percentiles 2.5 and 97.5 of each metric over SG_BOOTSTRAP_DRAWS draws (between two draws by a
 * straight line), leaving out draws where it is NaN; NaN if there is none. group (len): any numbers, equal ones belong
 * together; NULL: each picture by itself. The random numbers are counted, with a fixed seed: the same every time.
 * SG_E_MEMORY. */
sg_status sg_bootstrap(double (*interval)[2], int metrics, int len, const uint32_t *group, sg_statistic *statistic,
                       const void *context);

#endif
