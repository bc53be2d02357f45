/* led_sum.h - inside physics/: the incoherent sum over LEDs, I_e = sum_k w[e,k] power[k] |u_k|^2, and its backward,
 * shared by the ops that make the fields u_k (led_image.c, slice_image.c). Inputs 2 and 3 of such an op are the weights
 * (1,1,E,K) and the powers (1,1,1,K). Work is cut into blocks of samples x groups of LEDs; each slice adds to a part of
 * its own, and the parts are added in order. */
#ifndef SG_PHYSICS_LED_SUM_H
#define SG_PHYSICS_LED_SUM_H

#include "core/op.h"
#include "core/parallel.h"
#include "physics/add_scaled.h"
#include "physics/microscope.h"

#include <string.h>

enum { LED_SLICES = 16, LED_LANES = 16 };

/* w[e,k] power[k] of every exposure; false if no exposure lights LED k. */
static inline bool led_weights(real weight[SG_EXPOSURE_MAX], const sg_run *run, int k)
{
    const int exposures = run->node->in_shape[2].h, leds = run->node->in_shape[2].w;
    const real *w = run->in[2], *power = run->in[3];
    bool lit = false;
    for (int e = 0; e < exposures; e++) {
        weight[e] = w[(size_t)e * (size_t)leds + (size_t)k] * power[k];
        lit = lit || !(weight[e] == 0);
    }
    return lit;
}

/* image += weight |u|^2 */
SG_SIMD static void intensity_add(real *restrict image, const real *restrict u, real weight, int len)
{
    for (int x = 0; x < len; x++) image[x] += weight * (u[2 * x] * u[2 * x] + u[2 * x + 1] * u[2 * x + 1]);
}

/* sum g |u|^2: lanes of sums side by side, because the compiler may not reorder one. */
SG_SIMD static double intensity_dot(const real *restrict g, const real *restrict u, int len)
{
    real lane[LED_LANES] = {0};
    double sum = 0;
    int x = 0;
    for (; x + LED_LANES <= len; x += LED_LANES)
        for (int l = 0; l < LED_LANES; l++)
            lane[l] += g[x + l] * (u[2 * (x + l)] * u[2 * (x + l)] + u[2 * (x + l) + 1] * u[2 * (x + l) + 1]);
    for (int l = 0; x < len; x++, l++) lane[l] += g[x] * (u[2 * x] * u[2 * x] + u[2 * x + 1] * u[2 * x + 1]);
    for (int l = 0; l < LED_LANES; l++) sum += (double)lane[l];
    return sum;
}

SG_SIMD static void row_scale(real *restrict u, const real *restrict factor, int len)
{
    for (int x = 0; x < len; x++) {
        u[2 * x] *= factor[x];
        u[2 * x + 1] *= factor[x];
    }
}

/* dot[e] = s[e,k] = <G_e, |u_k|^2> on one row: adds to dot; with `push`, u becomes 2 sum_e weight[e] G_e u. G (E,
 * stride) starts at the row; sum (len) is scratch. */
static inline void intensity_back(real *u, double *dot, const real *g, size_t stride, const real *weight, int exposures,
                                  bool push, real *sum, int len)
{
    if (push) memset(sum, 0, (size_t)len * sizeof(real));
    for (int e = 0; e < exposures; e++) {
        dot[e] += intensity_dot(g + (size_t)e * stride, u, len);
        if (push) R(add_scaled)(sum, g + (size_t)e * stride, 2 * weight[e], (size_t)len);
    }
    if (push) row_scale(u, sum, len);
}

/* dw[e,k] += power[k] s[e,k], dpower[k] += sum_e w[e,k] s[e,k]. dot (n, E, K): s of each sample. */
static inline void led_weights_back(const sg_run *run, const double *dot, int n)
{
    const int exposures = run->node->in_shape[2].h, leds = run->node->in_shape[2].w;
    const real *w = run->in[2], *power = run->in[3];
    real *dw = run->din[2], *dpower = run->din[3];
    const size_t len = (size_t)exposures * (size_t)leds;
    for (size_t i = 0; i < len; i++) {
        const size_t k = i % (size_t)leds;
        double sum = 0;
        for (int s = 0; s < n; s++) sum += dot[(size_t)s * len + i];
        if (dw) dw[i] += (real)((double)power[k] * sum);
        if (dpower) dpower[k] += (real)((double)w[i] * sum);
    }
}

/* out[i] (+)= sum over the groups of a block, in order. Element i of block b in slice (b, g) is at (b groups + g) len +
 * i. */
typedef struct led_sum {
    real *out;
    const real *part;
    size_t len; /* of one block */
    int groups;
    bool add;
} led_sum;

SG_SIMD static void sum_add(real *restrict out, const real *restrict part, size_t len)
{
    for (size_t i = 0; i < len; i++) out[i] += part[i];
}

static inline void sum_slice(void *context, int slice, int thread)
{
    (void)thread;
    const led_sum *sum = context;
    const int cuts = sg_blocks(sum->len);
    const int block = slice / cuts;
    const size_t begin = sg_block_begin(slice % cuts), len = sg_block_end(slice % cuts, sum->len) - begin;
    real *out = sum->out + (size_t)block * sum->len + begin;
    if (!sum->add) memset(out, 0, len * sizeof(real));
    for (int g = 0; g < sum->groups; g++)
        sum_add(out, sum->part + ((size_t)block * (size_t)sum->groups + (size_t)g) * sum->len + begin, len);
}

static inline void sum_groups(led_sum sum, int blocks)
{
    sg_parallel(blocks * sg_blocks(sum.len), sum_slice, &sum);
}

#endif
