/* constraint.c - Euclidean projections onto the sets that parameters live in. */
#include "core/model.h"

#include <math.h>

static void project_box(float *x, size_t len, float lo, float hi)
{
    for (size_t i = 0; i < len; i++) x[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}

/* The theta with sum max(x - theta, 0) = total (Duchi et al. 2008), without sorting: theta rises from the threshold of
 * all numbers to that of those still above it until none falls out (Michelot 1986). Exact, and allocates nothing. */
static double simplex_threshold(const float *x, size_t len, double total)
{
    double theta = -HUGE_VAL;
    for (;;) {
        double sum = 0;
        size_t above = 0;
        for (size_t i = 0; i < len; i++) {
            if (!((double)x[i] > theta)) continue;
            sum += (double)x[i];
            above++;
        }
        const double next = above > 0 ? (sum - total) / (double)above : theta;
        if (!(next > theta)) return theta;
        theta = next;
    }
}

static void project_simplex(float *x, size_t len, double total)
{
    const double theta = simplex_threshold(x, len, total);
    for (size_t i = 0; i < len; i++) x[i] = (double)x[i] <= theta ? 0 : (float)((double)x[i] - theta); /* keeps NaN */
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
