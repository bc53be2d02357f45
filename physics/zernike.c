/* zernike.c - see zernike.h. */
#include "physics/zernike.h"

#include <math.h>

enum { ORDER_MAX = 8 };

void sg_zernike_order(int noll, int *n, int *m)
{
    *n = 0;
    int rest = noll - 1;
    while (rest > *n) {
        (*n)++;
        rest -= *n;
    }
    const int odd = *n % 2;
    *m = odd ? 1 + 2 * (rest / 2) : 2 * ((rest + 1) / 2);
}

static double factorial(int n)
{
    double product = 1;
    for (int i = 2; i <= n; i++) product *= i;
    return product;
}

void sg_zernike_terms(sg_zernike_term *out, int count)
{
    for (int j = 1; j <= count; j++) {
        int n, m;
        sg_zernike_order(j, &n, &m);
        const double norm = sqrt((m ? 2.0 : 1.0) * (n + 1));
        out[j - 1] = (sg_zernike_term){.m = m, .degree = (n - m) / 2, .sine = m && j % 2};
        for (int s = 0; s <= (n - m) / 2; s++) /* rho^(n - 2s) = rho^m (rho^2)^((n - m)/2 - s) */
            out[j - 1].coefficient[(n - m) / 2 - s] =
                norm * (s % 2 ? -1 : 1) * factorial(n - s) /
                (factorial(s) * factorial((n + m) / 2 - s) * factorial((n - m) / 2 - s));
    }
}

/* re + i im = (x + i y)^m for m = 0 .. ORDER_MAX - 1. */
static void powers(double re[ORDER_MAX], double im[ORDER_MAX], double x, double y)
{
    re[0] = 1;
    im[0] = 0;
    for (int m = 1; m < ORDER_MAX; m++) {
        re[m] = re[m - 1] * x - im[m - 1] * y;
        im[m] = re[m - 1] * y + im[m - 1] * x;
    }
}

void sg_zernike_values(double *value, double *dx, double *dy, const sg_zernike_term *terms, int count, double x,
                       double y)
{
    const double u = x * x + y * y;
    double re[ORDER_MAX], im[ORDER_MAX];
    powers(re, im, x, y);
    for (int j = 0; j < count; j++) {
        const sg_zernike_term *t = &terms[j];
        double q = 0, dq = 0; /* the polynomial in u, and its derivative: Horner */
        for (int s = t->degree; s >= 0; s--) {
            dq = dq * u + q;
            q = q * u + t->coefficient[s];
        }
        const double *trig = t->sine ? im : re;
        value[j] = q * trig[t->m];
        if (!dx) continue;
        const double mx = t->m ? t->m * (t->sine ? im[t->m - 1] : re[t->m - 1]) : 0;
        const double my = t->m ? t->m * (t->sine ? re[t->m - 1] : -im[t->m - 1]) : 0;
        dx[j] = 2 * x * dq * trig[t->m] + q * mx;
        dy[j] = 2 * y * dq * trig[t->m] + q * my;
    }
}
