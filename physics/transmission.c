/* transmission.c - the transmission of a thin sample from two real maps (PHYSICS section 1).
 *   forward   absorption a: t = exp(-a + i phi)          amplitude A: t = A exp(i phi)
 *   backward  dphi = Im(conj(t) dt), da = -Re(conj(t) dt), dA = Re(exp(-i phi) dt)
 * phi (n,C,h,w); a or A (n,C,h,w), or (n,1,h,w) for all channels. */
#include "core/op.h"
#include "core/parallel.h"
#include "core/polar_lanes.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <stdbool.h>

typedef struct transmission_attr {
    bool amplitude; /* in[0] is A, not a */
} transmission_attr;

SG_KERNELS(transmission)

enum { CHUNK = 64 }; /* numbers at a time, so that the loops over them vectorise */

/* t of `len` <= CHUNK numbers. */
SG_INLINE void polar_chunk(real *restrict t, const real *restrict modulus, const real *restrict phi, size_t len)
{
    real c[CHUNK], s[CHUNK];
    for (size_t i = 0; i < len; i++) R(sg_lane_cos_sin)(phi[i], &c[i], &s[i]);
    for (size_t i = 0; i < len; i++) {
        t[2 * i] = modulus[i] * c[i];
        t[2 * i + 1] = modulus[i] * s[i];
    }
}

SG_SIMD static void forward_block(real *restrict t, const real *restrict x, const real *restrict phi, bool amplitude,
                                  size_t len)
{
    for (size_t at = 0; at < len; at += CHUNK) {
        const size_t count = len - at < CHUNK ? len - at : CHUNK;
        real modulus[CHUNK];
        for (size_t i = 0; !amplitude && i < count; i++) modulus[i] = R(sg_lane_exp)(-x[at + i]);
        polar_chunk(t + 2 * at, amplitude ? x + at : modulus, phi + at, count);
    }
}

SG_SIMD static void backward_phase(real *restrict dphi, const real *restrict t, const real *restrict dt, size_t len)
{
    for (size_t i = 0; i < len; i++) dphi[i] += t[2 * i] * dt[2 * i + 1] - t[2 * i + 1] * dt[2 * i];
}

SG_SIMD static void backward_absorption(real *restrict da, const real *restrict t, const real *restrict dt, size_t len)
{
    for (size_t i = 0; i < len; i++) da[i] -= t[2 * i] * dt[2 * i] + t[2 * i + 1] * dt[2 * i + 1];
}

SG_SIMD static void backward_amplitude(real *restrict d, const real *restrict phi, const real *restrict dt, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        real c, s;
        R(sg_lane_cos_sin)(phi[i], &c, &s);
        d[i] += c * dt[2 * i] + s * dt[2 * i + 1];
    }
}

/* Where the plane of in[0] begins that belongs to plane `plane` of the output. */
static size_t first_of(const sg_node *node, int plane, size_t len)
{
    const int shared = node->in_shape[0].c == 1 ? node->shape.c : 1;
    return (size_t)(plane / shared) * len;
}

static void forward_slice(void *context, int plane, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const transmission_attr *attr = run->node->attr;
    const size_t len = (size_t)run->node->shape.h * (size_t)run->node->shape.w, at = (size_t)plane * len;
    forward_block((real *)run->out + 2 * at, (const real *)run->in[0] + first_of(run->node, plane, len),
                  (const real *)run->in[1] + at, attr->amplitude, len);
}

void R(transmission_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(run->node->shape.n * run->node->shape.c, forward_slice, &copy);
}

/* One image: its channels may add into the same map. */
static void backward_slice(void *context, int image, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const transmission_attr *attr = run->node->attr;
    const size_t len = (size_t)run->node->shape.h * (size_t)run->node->shape.w;
    for (int c = 0; c < run->node->shape.c; c++) {
        const int plane = image * run->node->shape.c + c;
        const size_t at = (size_t)plane * len;
        const real *t = (const real *)run->out + 2 * at, *dt = (const real *)run->dout + 2 * at;
        real *dx = run->din[0] ? (real *)run->din[0] + first_of(run->node, plane, len) : NULL;
        if (dx && attr->amplitude) backward_amplitude(dx, (const real *)run->in[1] + at, dt, len);
        if (dx && !attr->amplitude) backward_absorption(dx, t, dt, len);
        if (run->din[1]) backward_phase((real *)run->din[1] + at, t, dt, len);
    }
}

void R(transmission_backward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(run->node->shape.n, backward_slice, &copy);
}

#ifdef SG_ONCE
static sg_status transmission_infer(sg_node *node)
{
    const sg_shape x = node->in_shape[0], phi = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "both maps must be real");
    if (x.n != phi.n || x.h != phi.h || x.w != phi.w || (x.c != 1 && x.c != phi.c))
        SG_FAIL(SG_E_SHAPE, "a map of (%d,%d,%d,%d) does not fit a phase of (%d,%d,%d,%d)", x.n, x.c, x.h, x.w, phi.n,
                phi.c, phi.h, phi.w);
    node->shape = phi;
    node->is_complex = true;
    return SG_OK;
}

sg_value sg_transmission(sg_graph *g, sg_value absorption, sg_value phase_rad)
{
    const transmission_attr attr = {.amplitude = false};
    return SG_NODE(g, &sg_op_transmission, &attr, absorption, phase_rad);
}

sg_value sg_transmission_polar(sg_graph *g, sg_value amplitude, sg_value phase_rad)
{
    const transmission_attr attr = {.amplitude = true};
    return SG_NODE(g, &sg_op_transmission, &attr, amplitude, phase_rad);
}

sg_value sg_coherent_sample(sg_graph *g, sg_value picture, double phase_rad, double absorption, double background_rad,
                            double correlation_px)
{
    const sg_value phi = sg_sample_phase(g, picture, phase_rad, background_rad, correlation_px, 1, NULL);
    return sg_transmission(g, sg_combine(g, picture, absorption, SG_NONE, 0), phi);
}

static sg_value transmission_cases(sg_graph *g, int i)
{
    static const struct transmission_case {
        sg_shape x, phi;
        bool amplitude;
    } cases[] = {{{2, 1, 6, 9}, {2, 1, 6, 9}, false},
                 {{1, 1, 5, 3}, {1, 3, 5, 3}, false},
                 {{2, 2, 4, 3}, {2, 2, 4, 3}, true},
                 {{2, 1, 3, 4}, {2, 2, 3, 4}, true}};
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const sg_value x = sg_case_input(g, "map", cases[i].x, 0, 1.5, SG_CASE_GRAD);
    const sg_value phi = sg_case_input(g, "phase", cases[i].phi, -2, 2, SG_CASE_GRAD);
    return cases[i].amplitude ? sg_transmission_polar(g, x, phi) : sg_transmission(g, x, phi);
}

const sg_op sg_op_transmission = {
    .name = "transmission",
    .formula = "t = exp(-a + i phi), or t = A exp(i phi) (PHYSICS section 1)",
    .infer = transmission_infer,
    .keeps_inputs = 2,
    .keeps_output = true,
    .cases = transmission_cases,
    SG_REFERENCE(transmission),
};
#endif
