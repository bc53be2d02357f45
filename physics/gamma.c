/* gamma.c - see gamma.h. With d = shape - 1/3, c = 1/sqrt(9 d), x normal, u uniform, v = (1 + c x)^3: d v is accepted
 * if u < 1 - .0331 x^4, or else if ln u < x^2/2 + d - d v + d ln v. Shapes below 1: Gamma(shape + 1) U^(1/shape).
 * Everybody's first attempt is one vector loop; the few that it leaves open are finished one by one. */
#include "physics/gamma.h"

#include <stdbool.h>

enum { TILE = SG_NORMAL_TILE };

SG_INLINE double attempt(double shape, double x, double *v)
{
    const double d = shape - 1.0 / 3, root = 1 + x / sqrt(9 * d);
    *v = root * root * root;
    return d * *v;
}

static bool accepted(double shape, double x, double v, double u)
{
    const double d = shape - 1.0 / 3;
    return v > 0 && log(u) < .5 * x * x + d - d * v + d * log(v);
}

/* The number of one pixel by attempts of its own. */
static double finish(const sg_rng *rng, uint32_t pixel, double shape)
{
    const double raised = shape < 1 ? shape + 1 : shape;
    for (uint32_t draw = 2;; draw++) {
        uint32_t w[4];
        sg_rng_words(rng, pixel, draw, w);
        const double x = sqrt(-2 * log(sg_rng_unit(w[0]))) * cos(6.283185307179586476925 * sg_rng_unit(w[1]));
        double v;
        const double y = attempt(raised, x, &v);
        if (!accepted(raised, x, v, sg_rng_unit(w[2]))) continue;
        return shape < 1 ? y * exp(log(sg_rng_unit(w[3])) / shape) : y;
    }
}

typedef struct first_attempts {
    double x[TILE], u[TILE], v[TILE], y[TILE], open[TILE];
} first_attempts;

SG_INLINE void tile_words(const sg_rng *rng, uint32_t first, first_attempts *t)
{
    uint32_t words[4][SG_LANES];
    float z[TILE];
    sg_philox_lanes(rng, first / 4, 0, words);
    sg_normal_lanes_f32(words, z);
    sg_philox_lanes(rng, first / 4, 1, words);
    for (int i = 0; i < TILE; i++) t->x[i] = (double)z[i];
    for (int j = 0; j < 4; j++) {
        const uint32_t *restrict w = words[j];
        for (int lane = 0; lane < SG_LANES; lane++)
            t->u[j * SG_LANES + lane] = ((double)(int32_t)(w[lane] ^ 0x80000000u) + (0x1p31 + .5)) * 0x1p-32;
    }
}

SG_SIMD static void first_tile(const sg_rng *rng, uint32_t first, const double *shape, first_attempts *t)
{
    tile_words(rng, first, t);
    for (int i = 0; i < TILE; i++) {
        const double a = shape[i] >= 1 ? shape[i] : 1, x2 = t->x[i] * t->x[i];
        t->y[i] = attempt(a, t->x[i], &t->v[i]);
        const double quick = t->u[i] < 1 - .0331 * (x2 * x2) ? 1.0 : 0.0;
        t->open[i] = t->v[i] > 0 ? (shape[i] >= 1 ? 1 - quick : 1.0) : 1.0;
    }
}

void sg_gamma_tile(const sg_rng *rng, uint32_t first, const double *shape, double scale, double *out)
{
    first_attempts t;
    first_tile(rng, first, shape, &t);
    for (int i = 0; i < TILE; i++) {
        const double a = shape[i];
        double y = t.y[i];
        if (!(a > 0))
            y = a <= 0 ? 0 : a;
        else if (t.open[i] > 0 && !(a >= 1 && accepted(a, t.x[i], t.v[i], t.u[i])))
            y = finish(rng, first + (uint32_t)i, a);
        out[i] = scale * y;
    }
}
