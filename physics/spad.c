/* spad.c - see spad.h.
 *   forward   count ~ Binomial(n, 1 - q),  q = exp(-(max(mu, 0)/n + dark))
 *   backward  dmu += dcount q where mu > 0 */
#include "physics/spad.h"

#include "core/op.h"
#include "core/parallel.h"
#include "physics/binomial.h"
#include "physics/microscope.h"
#include "physics/ops.h"

#include <tgmath.h>

typedef struct spad_attr {
    int frames;
} spad_attr;
SG_KERNELS(spad)
SG_HIDDEN void spad_surrogate_f64(const sg_run *run);

typedef struct R(spad) {
    const sg_run *run;
    const real *mu, *dark;
    size_t plane, dark_step; /* dark_step 0: one number for all pixels */
    int frames, blocks;
} R(spad);

static R(spad) R(spad_make)(const sg_run *run)
{
    const spad_attr *a = run->node->attr;
    const sg_shape s = run->node->shape;
    const size_t plane = (size_t)s.h * (size_t)s.w;
    return (R(spad)){
        .run = run,
        .mu = run->in[0],
        .dark = run->in[1],
        .plane = plane,
        .dark_step = sg_shape_len(run->node->in_shape[1]) > 1,
        .frames = a->frames,
        .blocks = sg_blocks(plane),
    };
}

/* Mean number of events in a frame, detected or dark. */
static inline double R(events)(const R(spad) * s, size_t plane, size_t pixel)
{
    const double mu = (double)s->mu[plane * s->plane + pixel];
    const double dark = s->dark ? (double)s->dark[pixel * s->dark_step] : 0;
    return (mu < 0 ? 0 : mu) / s->frames + dark;
}

static void R(forward_task)(void *context, int slice, int thread)
{
    const R(spad) *s = context;
    const sg_step *step = s->run->step;
    const size_t plane = (size_t)(slice / s->blocks), frames = (size_t)s->run->node->shape.c, image = plane / frames;
    const uint32_t sample = step->sample_id ? step->sample_id[image] : (uint32_t)image;
    /* as in camera.c: a stream has room for 16 exposures, the epoch's highest bits hold the rest */
    const uint32_t exposure = (uint32_t)(plane % frames), epoch = step->epoch ^ (exposure / 16) << 28;
    const sg_rng rng = sg_rng_make(step->seed, SG_RNG_SHOT, sample, epoch, exposure);
    const int block = slice % s->blocks;
    real *out = (real *)s->run->out + plane * s->plane;
    (void)thread;
    for (size_t i = sg_block_begin(block); i < sg_block_end(block, s->plane); i++) {
        const double events = R(events)(s, plane, i);
        out[i] = (real)sg_binomial(&rng, (uint32_t)i, s->frames, -expm1(-events), exp(-events));
    }
}

void R(spad_forward)(const sg_run *run)
{
    R(spad) s = R(spad_make)(run);
    sg_parallel(run->node->shape.n * run->node->shape.c * s.blocks, R(forward_task), &s);
}

static void R(backward_task)(void *context, int slice, int thread)
{
    const R(spad) *s = context;
    const size_t plane = (size_t)(slice / s->blocks), at = plane * s->plane;
    const int block = slice % s->blocks;
    const real *dout = (const real *)s->run->dout + at;
    real *dmu = (real *)s->run->din[0] + at;
    (void)thread;
    for (size_t i = sg_block_begin(block); i < sg_block_end(block, s->plane); i++) {
        const real slope = s->mu[at + i] < 0 ? 0 : (real)exp(-R(events)(s, plane, i));
        dmu[i] = (s->run->fresh[0] ? 0 : dmu[i]) + dout[i] * slope;
    }
}

void R(spad_backward)(const sg_run *run)
{
    R(spad) s = R(spad_make)(run);
    if (run->din[0]) sg_parallel(run->node->shape.n * run->node->shape.c * s.blocks, R(backward_task), &s);
}

#ifdef SG_DOUBLE
/* The mean count. */
void spad_surrogate_f64(const sg_run *run)
{
    const spad_f64 s = spad_make_f64(run);
    double *out = run->out;
    for (size_t i = 0; i < sg_shape_len(run->node->shape); i++)
        out[i] = -s.frames * expm1(-events_f64(&s, i / s.plane, i % s.plane));
}
#endif

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const spad_attr *a = node->attr;
    const sg_shape s = node->in_shape[0], d = node->in_shape[1];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "mean electrons are complex");
    if (a->frames < 1 || a->frames > SG_SPAD_FRAMES_MAX)
        SG_FAIL(SG_E_RANGE, "frames: %d is outside 1..%d", a->frames, SG_SPAD_FRAMES_MAX);
    if (s.c > SG_FRAME_MAX) SG_FAIL(SG_E_SHAPE, "%d exposures, at most %d", s.c, SG_FRAME_MAX);
    if (node->inputs[1] >= 0 && sg_shape_len(d) != 1 && !(d.n == 1 && d.c == 1 && d.h == s.h && d.w == s.w))
        SG_FAIL(SG_E_SHAPE, "dark is not a map of %d x %d pixels", s.h, s.w);
    node->shape = s;
    return SG_OK;
}

static double flop(const sg_node *node)
{
    return 100 * (double)sg_shape_len(node->shape);
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double hi;
        int frames;
        bool dark, map;
    } table[] = {
        {{1, 1, 3, 5}, 2, 1, false, false},
        {{2, 2, 4, 3}, 30, 10, true, false},
        {{1, 2, 5, 3}, 300, 200, true, true},
        {{1, 1, 7, 4}, 9000, 10000, true, true},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_shape s = table[i].shape, dark = table[i].map ? SG_SHAPE(1, 1, s.h, s.w) : SG_SHAPE(1, 1, 1, 1);
    const sg_value mu = sg_case_input(g, "mu", s, .1 * table[i].hi, table[i].hi, SG_CASE_GRAD);
    return sg_spad(g, mu, table[i].dark ? sg_case_input(g, "dark", dark, 0, .1, 0) : SG_NONE, table[i].frames);
}

const sg_op sg_op_spad = {
    .name = "spad",
    .formula = "count ~ Binomial(n, 1 - exp(-(mu/n + dark))): n one-bit frames (Fossum et al. 2016)",
    .infer = infer,
    SG_REFERENCE(spad),
    .surrogate_forward = spad_surrogate_f64,
    .surrogate = "the mean count, n (1 - exp(-(mu/n + dark)))",
    .flop = flop,
    .keeps_inputs = 3,
    .sets_fresh = true,
    .cases = cases,
};

sg_value sg_spad(sg_graph *g, sg_value mu, sg_value dark, int frames)
{
    const spad_attr attr = {frames};
    return SG_NODE(g, &sg_op_spad, &attr, mu, dark);
}

#endif
