/* statistics.c - see statistics.h. The incomplete beta function is Lentz's continued fraction (DLMF 8.17.22). */
#include "pipeline/statistics.h"

#include "core/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

double sg_mean(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return n < 1 ? (double)NAN : sum / n;
}

double sg_deviation(const double *x, int n)
{
    const double mean = sg_mean(x, n);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
    return n < 2 ? (double)NAN : sqrt(sum / (n - 1));
}

static double not_zero(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

/* The continued fraction of I_x(a, b), which converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / not_zero(1 - (a + b) * x / (a + 1)), h = d;
    for (int m = 1; m <= 500; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / not_zero(1 + even * d);
        c = not_zero(1 + even / c);
        h *= d * c;
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / not_zero(1 + odd * d);
        c = not_zero(1 + odd / c);
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15) break;
    }
    return h;
}

/* I_x(a, b). x1 = 1 - x is passed too: near the ends the difference would lose its digits. */
static double beta_incomplete(double a, double b, double x, double x1)
{
    if (!(x > 0)) return x <= 0 ? 0 : (double)NAN;
    if (!(x1 > 0)) return 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(x1));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, x1) / b;
}

double sg_student_two_sided(double t, double freedom)
{
    if (isinf(t)) return 0;
    const double whole = freedom + t * t;
    return beta_incomplete(freedom / 2, .5, freedom / whole, t * t / whole);
}

double sg_student_quantile(double p, double freedom)
{
    double lo = 0, hi = 1;
    while (sg_student_two_sided(hi, freedom) > p) hi *= 2;
    for (int i = 0; i < 200 && hi - lo > 1e-13 * hi; i++) {
        const double middle = .5 * (lo + hi);
        *(sg_student_two_sided(middle, freedom) > p ? &lo : &hi) = middle;
    }
    return .5 * (lo + hi);
}

double sg_interval95(const double *x, int n)
{
    return n < 2 ? (double)NAN : sg_student_quantile(.05, n - 1) * sg_deviation(x, n) / sqrt((double)n);
}

static int by_value(const void *a, const void *b)
{
    const double x = **(double *const *)a, y = **(double *const *)b;
    return (x > y) - (x < y);
}

sg_status sg_holm(double *p, int n)
{
    double **sorted, least = 0;
    int tests = 0;
    SG_TRY(SG_ALLOC(&sorted, (size_t)(n > 0 ? n : 1), "p values"));
    for (int i = 0; i < n; i++)
        if (!isnan(p[i])) sorted[tests++] = &p[i];
    qsort(sorted, (size_t)tests, sizeof *sorted, by_value);
    for (int k = 0; k < tests; k++) {
        const double times = *sorted[k] * (tests - k), most = times > 1 ? 1 : times;
        least = most > least ? most : least;
        *sorted[k] = least;
    }
    sg_free(sorted);
    return SG_OK;
}

/* Visits all sign choices in Gray-code order: one sign changes at a time. Choice and its opposite count alike, so the
 * last sign stays fixed. Ties within rounding count as "at least as large". */
static double flip_share(const double *d, int n)
{
    double sum = 0, scale = 0;
    bool minus[SG_FLIP_MAX] = {false};
    for (int i = 0; i < n; i++) {
        sum += d[i];
        scale += fabs(d[i]);
    }
    if (!isfinite(scale)) return (double)NAN;
    const double observed = fabs(sum) - 1e-10 * scale;
    const uint32_t count = UINT32_C(1) << (n - 1);
    uint32_t extreme = 1;
    for (uint32_t k = 1; k < count; k++) {
        const int i = __builtin_ctz(k);
        sum += minus[i] ? 2 * d[i] : -2 * d[i];
        minus[i] = !minus[i];
        extreme += fabs(sum) >= observed;
    }
    return (double)extreme / count;
}

static double t_test(double mean, double deviation, int n, double *t)
{
    if (deviation == 0) { /* all differences equal */
        *t = mean == 0 ? 0 : copysign((double)INFINITY, mean);
        return mean == 0 ? 1 : 0;
    }
    *t = mean / (deviation / sqrt((double)n));
    return sg_student_two_sided(*t, n - 1);
}

sg_paired sg_paired_test(const double *a, const double *b, int n)
{
    sg_paired out = {.n = n, .mean = (double)NAN, .t = (double)NAN, .p_t = (double)NAN, .p_flip = (double)NAN};
    double sum = 0, squares = 0, d[SG_FLIP_MAX] = {0};
    for (int i = 0; i < n; i++) sum += a[i] - b[i];
    if (n < 1) return out;
    out.mean = sum / n;
    if (n < 2) return out;
    for (int i = 0; i < n; i++) squares += (a[i] - b[i] - out.mean) * (a[i] - b[i] - out.mean);
    out.p_t = t_test(out.mean, sqrt(squares / (n - 1)), n, &out.t);
    if (n > SG_FLIP_MAX) return out;
    for (int i = 0; i < n; i++) d[i] = a[i] - b[i];
    out.p_flip = flip_share(d, n);
    return out;
}
