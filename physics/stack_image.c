/* stack_image.c - a measured stack lit by weights: light of different LEDs adds (PHYSICS section 1, "measured stack").
 *   forward   I[n,e] = sum_k w[e,k] power[k] S[n,k]
 *   backward  with s[e,k] = sum_n <dI[n,e], S[n,k]>: dw[e,k] += power[k] s[e,k], dpower[k] += sum_e w[e,k] s[e,k],
 *             dS[n,k] += power[k] sum_e w[e,k] dI[n,e]
 * S (n,K,h,w), w (1,1,E,K), power (1,1,1,K) -> (n,E,h,w). Slices are single pictures. */
#include "core/op.h"
#include "core/parallel.h"
#include "physics/add_scaled.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <string.h>

typedef struct stack_image_attr {
    int unused; /* attributes are never empty */
} stack_image_attr;

SG_KERNELS(stack_image)

typedef struct stack_size {
    size_t n, leds, exposures, pixels;
} stack_size;

static stack_size size_of(const sg_node *node)
{
    const sg_shape s = node->in_shape[0];
    return (stack_size){(size_t)s.n, (size_t)s.c, (size_t)node->shape.c, (size_t)s.h * (size_t)s.w};
}

static double dot(const real *x, const real *y, size_t len)
{
#ifdef SG_DOUBLE
    return sg_dot_f64(x, y, len);
#else
    return sg_dot_f32(x, y, len);
#endif
}

static void forward_slice(void *context, int slice, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const stack_size s = size_of(run->node);
    const size_t n = (size_t)slice / s.exposures, e = (size_t)slice % s.exposures;
    const real *stack = (const real *)run->in[0] + n * s.leds * s.pixels;
    const real *w = (const real *)run->in[1] + e * s.leds, *power = run->in[2];
    real *out = (real *)run->out + (size_t)slice * s.pixels;
    memset(out, 0, s.pixels * sizeof(real));
    for (size_t k = 0; k < s.leds; k++)
        if (!(w[k] == 0)) R(add_scaled)(out, stack + k * s.pixels, w[k] * power[k], s.pixels);
}

void R(stack_image_forward)(const sg_run *run)
{
    sg_run copy = *run;
    sg_parallel(run->node->shape.n * run->node->shape.c, forward_slice, &copy);
}

/* One measured picture (n, k): its dots with every exposure's gradient, and its own gradient. */
static void backward_slice(void *context, int slice, int thread)
{
    (void)thread;
    const sg_run *run = context;
    const stack_size s = size_of(run->node);
    const size_t n = (size_t)slice / s.leds, k = (size_t)slice % s.leds;
    const real *picture = (const real *)run->in[0] + (size_t)slice * s.pixels;
    const real *dimage = (const real *)run->dout + n * s.exposures * s.pixels, *w = run->in[1], *power = run->in[2];
    double *dots = (double *)run->scratch + (size_t)slice * s.exposures;
    for (size_t e = 0; e < s.exposures; e++) {
        if (run->din[1] || run->din[2]) dots[e] = dot(dimage + e * s.pixels, picture, s.pixels);
        if (run->din[0])
            R(add_scaled)
            ((real *)run->din[0] + (size_t)slice * s.pixels, dimage + e * s.pixels, w[e * s.leds + k] * power[k],
             s.pixels);
    }
}

static void backward_weights(const sg_run *run, const stack_size *s)
{
    const real *w = run->in[1], *power = run->in[2];
    const double *dots = run->scratch;
    real *dw = run->din[1], *dpower = run->din[2];
    for (size_t e = 0; e < s->exposures; e++)
        for (size_t k = 0; k < s->leds; k++) {
            double sum = 0;
            for (size_t n = 0; n < s->n; n++) sum += dots[(n * s->leds + k) * s->exposures + e];
            if (dw) dw[e * s->leds + k] += (real)((double)power[k] * sum);
            if (dpower) dpower[k] += (real)((double)w[e * s->leds + k] * sum);
        }
}

void R(stack_image_backward)(const sg_run *run)
{
    const stack_size s = size_of(run->node);
    sg_run copy = *run;
    sg_parallel((int)(s.n * s.leds), backward_slice, &copy);
    if (run->din[1] || run->din[2]) backward_weights(run, &s);
}

#ifdef SG_ONCE
static sg_status stack_image_infer(sg_node *node)
{
    const sg_shape s = node->in_shape[0], w = node->in_shape[1], power = node->in_shape[2];
    if (w.n != 1 || w.c != 1 || w.w != s.c)
        SG_FAIL(SG_E_SHAPE, "weights (%d,%d,%d,%d) do not light %d pictures", w.n, w.c, w.h, w.w, s.c);
    if (!sg_shape_equal(power, SG_SHAPE(1, 1, 1, s.c)))
        SG_FAIL(SG_E_SHAPE, "power (%d,%d,%d,%d) is not (1,1,1,%d)", power.n, power.c, power.h, power.w, s.c);
    node->shape = SG_SHAPE(s.n, w.h, s.h, s.w);
    return SG_OK;
}

static void stack_image_workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    (void)real_size;
    const stack_size s = size_of(node);
    out->scratch = s.n * s.leds * s.exposures * sizeof(double);
}

static double stack_image_flop(const sg_node *node)
{
    return 2 * (double)sg_shape_len(node->in_shape[0]) * node->shape.c;
}

sg_value sg_stack_image(sg_graph *g, sg_value stack, sg_value weight, sg_value power)
{
    const stack_image_attr attr = {0};
    return SG_NODE(g, &sg_op_stack_image, &attr, stack, weight, power);
}

static sg_value stack_image_cases(sg_graph *g, int i)
{
    static const struct stack_case {
        sg_shape stack;
        int exposures;
    } cases[] = {{{1, 4, 3, 5}, 1}, {{2, 3, 4, 2}, 2}, {{3, 1, 1, 7}, 3}};
    if (i >= (int)(sizeof cases / sizeof *cases)) return SG_NONE;
    const int leds = cases[i].stack.c;
    const sg_value stack = sg_case_input(g, "stack", cases[i].stack, 0, 2, SG_CASE_GRAD);
    const sg_value w = sg_case_input(g, "weight", SG_SHAPE(1, 1, cases[i].exposures, leds), .1, 1, SG_CASE_GRAD);
    return sg_stack_image(g, stack, w, sg_case_input(g, "power", SG_SHAPE(1, 1, 1, leds), .5, 1.5, SG_CASE_GRAD));
}

const sg_op sg_op_stack_image = {
    .name = "stack_image",
    .formula = "I_e = sum_k w_ek power_k S_k of a measured stack S (PHYSICS section 1)",
    .infer = stack_image_infer,
    .workspace = stack_image_workspace,
    .flop = stack_image_flop,
    .keeps_inputs = 7,
    .linear = true,
    .cases = stack_image_cases,
    SG_REFERENCE(stack_image),
};
#endif
