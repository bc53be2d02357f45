/* ssim.c - structural similarity of two pictures, see metrics.h. Means, variances and the covariance under the window are
 * five pictures smoothed by it; the window is separable, so a row is smoothed first downwards, then along. */
#include "core/memory.h"
#include "pipeline/metrics.h"

#include <math.h>

enum { WINDOW = SG_SSIM_WINDOW, MOMENTS = 5 };

static void window_make(double out[WINDOW])
{
    const double sigma = 1.5;
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
        const double x = (i - WINDOW / 2) / sigma;
        out[i] = exp(-x * x / 2);
        sum += out[i];
    }
    for (int i = 0; i < WINDOW; i++) out[i] /= sum;
}

/* down (w, MOMENTS) = a, b, a^2, b^2, ab under the window's column that begins at each pixel of one row */
static void smooth_down(double *down, const float *a, const float *b, int w, const double window[WINDOW])
{
    for (int x = 0; x < w; x++) {
        double *m = down + (size_t)x * MOMENTS;
        for (int k = 0; k < MOMENTS; k++) m[k] = 0;
        for (int i = 0; i < WINDOW; i++) {
            const size_t at = (size_t)i * (size_t)w + (size_t)x;
            const double p = (double)a[at], q = (double)b[at], value[MOMENTS] = {p, q, p * p, q * q, p * q};
            for (int k = 0; k < MOMENTS; k++) m[k] += window[i] * value[k];
        }
    }
}

/* Equation 13 for the window that begins at `down`. */
static double similarity(const double *down, const double window[WINDOW], double c1, double c2)
{
    double m[MOMENTS] = {0};
    for (int i = 0; i < WINDOW; i++)
        for (int k = 0; k < MOMENTS; k++) m[k] += window[i] * down[i * MOMENTS + k];
    const double var_a = m[2] - m[0] * m[0], var_b = m[3] - m[1] * m[1], covariance = m[4] - m[0] * m[1];
    return (2 * m[0] * m[1] + c1) * (2 * covariance + c2) / ((m[0] * m[0] + m[1] * m[1] + c1) * (var_a + var_b + c2));
}

sg_status sg_ssim(double *out, const float *a, const float *b, int h, int w, double range)
{
    const double c1 = .01 * range * .01 * range, c2 = .03 * range * .03 * range;
    double window[WINDOW], *down, total = 0;
    *out = NAN;
    if (h < WINDOW || w < WINDOW) return SG_OK;
    SG_TRY(SG_ALLOC(&down, (size_t)w * MOMENTS, "structural similarity"));
    window_make(window);
    for (int y = 0; y + WINDOW <= h; y++) {
        double sum = 0;
        smooth_down(down, a + (size_t)y * (size_t)w, b + (size_t)y * (size_t)w, w, window);
        for (int x = 0; x + WINDOW <= w; x++) sum += similarity(down + (size_t)x * MOMENTS, window, c1, c2);
        total += sum;
    }
    sg_free(down);
    *out = total / ((double)(h - WINDOW + 1) * (double)(w - WINDOW + 1));
    return SG_OK;
}
