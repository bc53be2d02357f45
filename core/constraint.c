/* constraint.c - Euclidean projections onto the sets that parameters live in. */
#include "core/model.h"

#include <stdlib.h>

static void project_box(float *x, size_t len, float lo, float hi)
{
    for (size_t i = 0; i < len; i++) x[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}

static int descending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* Duchi et al. 2008, fig. 1: sort, find the largest rho with u_rho > (sum_{i<=rho} u_i - total)/rho, subtract. If
 * there is no memory to sort in, the threshold is found by bisection instead. */
static double simplex_threshold(const float *x, size_t len, double total)
{
    float *sorted = malloc(len * sizeof *sorted);
    double sum = 0, theta = 0;
    if (sorted == NULL) {
        double low = -1e30, high = 1e30;
        for (int step = 0; step < 200; step++) {
            theta = (low + high) / 2;
            sum = 0;
            for (size_t i = 0; i < len; i++) sum += (double)x[i] > theta ? (double)x[i] - theta : 0;
            if (sum > total)
                low = theta;
            else
                high = theta;
        }
        return theta;
    }
    for (size_t i = 0; i < len; i++) sorted[i] = x[i];
    qsort(sorted, len, sizeof *sorted, descending);
    for (size_t i = 0; i < len; i++) {
        sum += (double)sorted[i];
        const double t = (sum - total) / (double)(i + 1);
        if ((double)sorted[i] > t) theta = t;
    }
    free(sorted);
    return theta;
}

static void project_simplex(float *x, size_t len, double total)
{
    const double theta = simplex_threshold(x, len, total);
    for (size_t i = 0; i < len; i++) x[i] = (double)x[i] > theta ? (float)((double)x[i] - theta) : 0;
}

/* Isotonic regression in place: whenever x falls, the run that ends here takes the mean of what it pools. */
static void project_ascending(float *x, int len)
{
    for (int i = 1; i < len; i++) {
        double sum = (double)x[i];
        int begin = i;
        while (begin > 0 && (double)x[begin - 1] > sum / (i - begin + 1)) {
            begin--;
            sum += (double)x[begin];
        }
        for (int j = begin; j < i + 1 && begin < i; j++) x[j] = (float)(sum / (i - begin + 1));
    }
}

void sg_constraint_project(float *value, sg_shape shape, sg_constraint constraint, double lo, double hi)
{
    const size_t len = sg_shape_len(shape);
    switch (constraint) {
    case SG_FREE: break;
    case SG_NON_NEGATIVE:
        for (size_t i = 0; i < len; i++) value[i] = value[i] < 0 ? 0 : value[i];
        break;
    case SG_BOX: project_box(value, len, (float)lo, (float)hi); break;
    case SG_SIMPLEX: project_simplex(value, len, hi); break;
    case SG_ASCENDING:
        for (size_t row = 0; row < len; row += (size_t)shape.w) project_ascending(value + row, shape.w);
        break;
    }
}
