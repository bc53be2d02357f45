/* binomial.c - see binomial.h. */
#include "physics/binomial.h"

#include <math.h>

#define SPLIT 10.0 /* from here on by rejection, which needs n r >= 10 */

/* ln k!: a table, then Stirling's series, whose first omitted term is below 1e-12 at k = 10. */
static double log_factorial(double k)
{
    static const double factorial[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320, 362880};
    if (k < 10) return log(factorial[(int)k]);
    const double y = 1 / k, yy = y * y;
    const double series = y * (1. / 12 - yy * (1. / 360 - yy * (1. / 1260 - yy * (1. / 1680 - yy * (1. / 1188)))));
    return (k + .5) * log(k) - k + .918938533204672741780 + series;
}

/* Smallest k with u < P(count <= k); u has 64 random bits. */
static double invert(const uint32_t words[4], int n, double r, double s)
{
    const double u = ((double)words[0] + sg_rng_unit(words[1])) * 0x1p-32, odds = r / s;
    double p = exp(n * log1p(-r)), sum = p;
    int k = 0;
    /* p > 1e-20: u so close to 1 that the rounded sum never reaches it ends there */
    while (k < n && u > sum && p > 1e-20) {
        p *= odds * (n - k) / (k + 1);
        sum += p;
        k++;
    }
    return k;
}

/* Hormann's algorithm BTRS, its names; r <= 1/2. */
static double reject(const sg_rng *rng, uint32_t element, int n, double r, double s, const uint32_t first[4])
{
    const double spq = sqrt(n * r * s), b = 1.15 + 2.53 * spq, a = -.0873 + .0248 * b + .01 * r, c = n * r + .5;
    const double v_quick = .92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spq, log_odds = log(r / s);
    const double m = floor((n + 1) * r), h = log_factorial(m) + log_factorial(n - m);
    uint32_t words[4] = {first[0], first[1]};
    for (uint32_t draw = 1;; draw++) {
        const double u = sg_rng_unit(words[0]) - .5, v = sg_rng_unit(words[1]), us = .5 - fabs(u);
        const double k = floor((2 * a / us + b) * u + c);
        if (us >= .07 && v <= v_quick) return k;
        if (k >= 0 && k <= n) {
            const double bound = h - log_factorial(k) - log_factorial(n - k) + (k - m) * log_odds;
            if (log(v * alpha / (a / (us * us) + b)) <= bound) return k;
        }
        sg_rng_words(rng, element, draw, words);
    }
}

double sg_binomial(const sg_rng *rng, uint32_t element, int n, double p, double q)
{
    if (isnan(p)) return p;
    const double r = p < q ? p : q, s = p < q ? q : p;
    uint32_t words[4];
    sg_rng_words(rng, element, 0, words);
    const double rare = n * r < SPLIT ? invert(words, n, r, s) : reject(rng, element, n, r, s, words);
    return p < q ? rare : n - rare;
}
