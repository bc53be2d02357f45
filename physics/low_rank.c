/* low_rank.c - see low_rank.h. */
#include "physics/low_rank.h"

#include "core/memory.h"
#include "core/parallel.h"

#include <math.h>
#include <string.h>

enum { SWEEPS_MAX = 60 };

/* Columns p and q of the left factors and of G turned by (c, s): G <- J^T G J, V <- V J. */
static void rotate(double *gram, double *vector, int n, int p, int q)
{
    const double off = gram[p * n + q], theta = (gram[q * n + q] - gram[p * n + p]) / (2 * off);
    const double t = copysign(1, theta) / (fabs(theta) + sqrt(theta * theta + 1));
    const double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int i = 0; i < n; i++) {
        const double gp = gram[i * n + p], gq = gram[i * n + q], vp = vector[i * n + p], vq = vector[i * n + q];
        gram[i * n + p] = c * gp - s * gq, gram[i * n + q] = s * gp + c * gq;
        vector[i * n + p] = c * vp - s * vq, vector[i * n + q] = s * vp + c * vq;
    }
    for (int i = 0; i < n; i++) {
        const double gp = gram[p * n + i], gq = gram[q * n + i];
        gram[p * n + i] = c * gp - s * gq, gram[q * n + i] = s * gp + c * gq;
    }
    gram[p * n + q] = gram[q * n + p] = 0;
}

/* gram (n, n) symmetric becomes diagonal, its eigenvectors are the columns of `vector`. */
static sg_status jacobi(double *gram, double *vector, int n)
{
    double all = 0;
    for (int i = 0; i < n * n; i++) all += gram[i] * gram[i], vector[i] = i / n == i % n;
    for (int sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        double off = 0;
        for (int i = 0; i < n * n; i++) off += i / n == i % n ? 0 : gram[i] * gram[i];
        if (off <= 1e-32 * all) return SG_OK;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++)
                if (fabs(gram[p * n + q]) > 0) rotate(gram, vector, n, p, q);
    }
    SG_FAIL(SG_E_NUMERIC, "singular values of %d rows: no end after %d sweeps, are the numbers finite?", n, SWEEPS_MAX);
}

/* Column of the k-th largest eigenvalue; of equal ones the first. */
static int ranked(const double *gram, int n, int k)
{
    for (int i = 0;; i++) {
        int before = 0;
        for (int j = 0; j < n; j++)
            before += gram[j * n + j] > gram[i * n + i] || (j < i && !(gram[j * n + j] < gram[i * n + i]));
        if (before == k) return i;
    }
}

static void mode(double *out, double *share, const double *a, const double *vector, int column, int rows, size_t len,
                 int keep)
{
    double sum = 0;
    for (int i = 0; i < rows; i++) sum += vector[i * rows + column];
    memset(out, 0, len * sizeof *out);
    for (int i = 0; i < rows; i++) {
        const double v = sum < 0 ? -vector[i * rows + column] : vector[i * rows + column];
        share[i * keep] = v;
        for (size_t x = 0; x < len; x++) out[x] += v * a[(size_t)i * len + x];
    }
}

sg_status sg_low_rank(double *modes, double *share, double *singular, const double *a, int rows, size_t len, int keep)
{
    double *gram = NULL, *vector = NULL;
    sg_status status = SG_OK;
    const size_t square = (size_t)rows * (size_t)rows;
    SG_TRY_DONE(SG_ALLOC(&gram, square, "Gram matrix"));
    SG_TRY_DONE(SG_ALLOC(&vector, square, "eigenvectors"));
    for (int i = 0; i < rows; i++)
        for (int j = 0; j <= i; j++)
            gram[i * rows + j] = gram[j * rows + i] = sg_dot_f64(a + (size_t)i * len, a + (size_t)j * len, len);
    SG_TRY_DONE(jacobi(gram, vector, rows));
    for (int k = 0; k < rows; k++) {
        const int column = ranked(gram, rows, k);
        const double value = gram[column * rows + column];
        singular[k] = value > 0 ? sqrt(value) : 0;
        if (k < keep) mode(modes + (size_t)k * len, share + k, a, vector, column, rows, len, keep);
    }
done:
    sg_free(gram);
    sg_free(vector);
    return status;
}
