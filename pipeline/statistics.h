/* statistics.h - mean, spread, intervals and paired tests over a handful of seeds. NaN where a number is not defined (too few
 * values); NaN in the input comes out again. All in double, sums in the order given. */
#ifndef SG_PIPELINE_STATISTICS_H
#define SG_PIPELINE_STATISTICS_H

#include "core/status.h"

/* sum x / n; NaN for n < 1. */
double sg_mean(const double *x, int n);
/* sqrt(sum (x - mean)^2 / (n - 1)), the sample standard deviation; NaN for n < 2. */
double sg_deviation(const double *x, int n);

/* P(|T| >= |t|) for Student's t with `freedom` > 0 degrees = I_{f / (f + t^2)}(f / 2, 1 / 2). */
double sg_student_two_sided(double t, double freedom);

/* The t with sg_student_two_sided(t, freedom) = p, 0 < p < 1, to a relative 1e-12. */
double sg_student_quantile(double p, double freedom);
/* Half the width of the 95 % interval of the mean, t s / sqrt n with t of n - 1 degrees; NaN for n < 2. */
double sg_interval95(const double *x, int n);

/* Holm's correction (Scand. J. Statist. 6, 65, 1979) of n p values in place: the k-th smallest of m times m - k + 1, at
 * most 1, never below a smaller one. NaN is no test: not counted and left alone. SG_E_MEMORY. */
sg_status sg_holm(double *p, int n);

typedef struct sg_paired {
    int n;
    double mean; /* of a - b */
    double t;    /* mean / (sd / sqrt n) */
    double p_t;  /* paired t-test, two-sided (Student 1908); 1 if every difference is 0, 0 if all are equal and not 0 */
    double p_flip; /* exact sign-flip permutation test, two-sided: the share of the 2^n sign choices with |sum| >=
                    * |observed| (Fisher 1935). The smallest value it can take is 2^(1-n). NaN for n > SG_FLIP_MAX. */
} sg_paired;

enum { SG_FLIP_MAX = 22 };

/* a[i] and b[i] share seed i; n pairs. All but n NaN for n < 2 (mean: n < 1). */
sg_paired sg_paired_test(const double *a, const double *b, int n);

#endif
