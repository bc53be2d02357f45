/* test_graphs.c - graphs that are no U-Net: some made to go wrong, the others drawn at random, with values that several
 * ops read, that are concatenated twice or with themselves, outputs that the loss does not need, frozen parameters.
 * Outputs and gradients of every way to plan them stand beside those of reference kernels in double; made again, and
 * with more threads, they are the same to the bit. */
#include "check.h"

#include "core/ops.h"
#include "core/parallel.h"
#include "nn/loss.h"
#include "nn/ops.h"

#include <math.h>
#include <stdlib.h>

enum { RANDOM = 40, VALUES = 24, RESULTS = 64 };

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* ---- a graph under way ---- */

typedef struct drawn {
    sg_graph *g;
    int seed, draws, params;
    bool random; /* parameters are frozen by chance */
    sg_value value[VALUES];
    int count;
} drawn;

static int draw(drawn *d, int below)
{
    const int i = (int)((check_random("graph", d->seed, (size_t)d->draws++) + 1) / 2 * below);
    return i < below ? i : below - 1;
}

static sg_value param(drawn *d, sg_shape shape, double mean, double deviation, bool frozen)
{
    const sg_param_spec spec = {.init = SG_INIT_NORMAL,
                                .init_a = mean,
                                .init_b = deviation,
                                .frozen = frozen || (d->random && draw(d, 8) == 0)};
    return sg_param(d->g, sg_graph_text(d->g, "param%d", d->params++), shape, &spec);
}

static sg_value state(drawn *d, int c, double start)
{
    const sg_param_spec spec = {.init_a = start, .state = true};
    return sg_param(d->g, sg_graph_text(d->g, "state%d", d->params++), SG_SHAPE(1, c, 1, 1), &spec);
}

static sg_value conv_frozen(drawn *d, sg_value x, int out, int k, bool frozen)
{
    const int in = sg_value_shape(d->g, x).c;
    const sg_value weight = param(d, SG_SHAPE(out, in, k, k), 0, 1 / sqrt((double)in * k * k), frozen);
    return sg_conv2d(d->g, x, weight, param(d, SG_SHAPE(1, out, 1, 1), 0, .1, false));
}

static sg_value conv(drawn *d, sg_value x, int out, int k)
{
    return conv_frozen(d, x, out, k, false);
}

static sg_value norm(drawn *d, sg_value x)
{
    const sg_shape s = SG_SHAPE(1, sg_value_shape(d->g, x).c, 1, 1);
    const sg_value weight = param(d, s, 1, .1, false), bias = param(d, s, 0, .1, false), mean = state(d, s.c, 0);
    return sg_batch_norm(d->g, x, weight, bias, mean, state(d, s.c, 1));
}

static sg_value loss(drawn *d, sg_value x)
{
    const sg_value end = conv(d, x, 2, 1);
    return sg_mse(d->g, end, sg_input(d->g, "target", sg_value_shape(d->g, end)));
}

static sg_value picture(drawn *d)
{
    return sg_variable(d->g, "x", SG_SHAPE(2, 3, 12, 10), false);
}

/* ---- graphs made to go wrong ---- */

/* Nothing but the loss reads the last convolution: the first thing that backward makes again. */
static sg_value made_again_first(drawn *d)
{
    const sg_value x = picture(d);
    const sg_value y = sg_max_pool(d->g, conv(d, x, 16, 3));
    sg_output(d->g, "beside", conv(d, sg_upsample_bilinear(d->g, x), 40, 3));
    return loss(d, y);
}

/* Nothing is learned before the pooling: its value is made again, and with it what only its own backward would read. */
static sg_value made_again_without_gradient(drawn *d)
{
    const sg_value x = sg_input(d->g, "x", SG_SHAPE(2, 16, 36, 30));
    const sg_value y = conv(d, sg_upsample_bilinear(d->g, conv(d, sg_max_pool(d->g, x), 24, 3)), 40, 3);
    return loss(d, sg_relu(d->g, sg_max_pool(d->g, y), 0));
}

/* A concatenation without a gradient, of values that have one. */
static sg_value only_an_output_concatenates(drawn *d)
{
    const sg_value a = sg_relu(d->g, conv(d, picture(d), 16, 3), 0), b = conv(d, a, 16, 3), root = loss(d, b);
    sg_output(d->g, "beside", conv(d, sg_concat(d->g, a, b), 8, 3));
    return root;
}

static sg_value weight_frozen_bias_not(drawn *d)
{
    return loss(d, conv_frozen(d, conv(d, picture(d), 16, 3), 16, 3, true));
}

static sg_value concatenated_with_itself(drawn *d)
{
    const sg_value a = conv(d, picture(d), 16, 3);
    const sg_value b = sg_concat(d->g, a, a);
    return loss(d, conv(d, sg_concat(d->g, b, b), 8, 3));
}

static sg_value in_two_concatenations(drawn *d)
{
    const sg_value a = sg_relu(d->g, conv(d, picture(d), 16, 3), .1), b = conv(d, a, 16, 3);
    const sg_value first = conv(d, sg_concat(d->g, a, b), 16, 3);
    return loss(d, conv(d, sg_concat(d->g, sg_concat(d->g, first, a), b), 24, 3));
}

/* ---- random graphs ---- */

/* Late values more often, so that graphs are deep. */
static sg_value draw_value(drawn *d)
{
    const int near = d->count < 3 ? d->count : 3;
    return d->value[d->count - 1 - (draw(d, 3) > 0 ? draw(d, near) : draw(d, d->count))];
}

static int draw_channels(drawn *d)
{
    static const int channels[] = {8, 16, 16, 24, 32, 40, 3};
    return channels[draw(d, 7)];
}

static sg_value concat(drawn *d, sg_value a)
{
    const sg_value b = draw_value(d);
    const sg_shape s = sg_value_shape(d->g, a), t = sg_value_shape(d->g, b);
    return s.h == t.h && s.w == t.w && s.c + t.c <= 80 ? sg_concat(d->g, a, b) : conv(d, a, 16, 3);
}

static sg_value sum(drawn *d, sg_value a)
{
    const sg_value b = draw_value(d);
    const bool fits = sg_shape_equal(sg_value_shape(d->g, a), sg_value_shape(d->g, b));
    return sg_combine(d->g, a, .5, fits ? b : SG_NONE, .75);
}

static sg_value grow(drawn *d, sg_value x)
{
    const int in = sg_value_shape(d->g, x).c, out = draw_channels(d);
    if (draw(d, 2) == 0) return sg_upsample_bilinear(d->g, x);
    return sg_conv_transpose(d->g, x, param(d, SG_SHAPE(in, out, 2, 2), 0, 1 / sqrt(in), false), SG_NONE);
}

static sg_value next(drawn *d)
{
    const sg_value x = draw_value(d);
    const sg_shape s = sg_value_shape(d->g, x);
    const double slope = .1 * draw(d, 2);
    switch (draw(d, 10)) {
    case 0:
    case 1: return conv(d, x, draw_channels(d), 3);
    case 2: return sg_relu(d->g, conv(d, x, draw_channels(d), 3), slope);
    case 3: return sg_relu(d->g, norm(d, conv(d, x, draw_channels(d), 3)), slope);
    case 4: return sg_relu(d->g, x, slope);
    case 5: return s.h > 5 ? sg_max_pool(d->g, x) : conv(d, x, 16, 1);
    case 6: return s.h < 8 ? grow(d, x) : norm(d, x);
    case 7: return sum(d, x);
    default: return concat(d, x);
    }
}

static sg_value add_next(drawn *d)
{
    d->value[d->count] = next(d);
    return d->value[d->count++];
}

static sg_value draw_graph(drawn *d)
{
    d->random = true;
    const int n = 1 + draw(d, 3), h = 9 + draw(d, 6), w = 7 + draw(d, 8), until = 6 + draw(d, VALUES - 12);
    const sg_shape shape = SG_SHAPE(n, 3, h, w);
    d->value[d->count++] = draw(d, 2) ? sg_variable(d->g, "x", shape, false) : sg_input(d->g, "x", shape);
    d->value[d->count++] = conv(d, d->value[0], 16, 3);
    while (d->count < until) (void)add_next(d);
    const sg_value root = loss(d, d->value[d->count - 1]);
    while (draw(d, 3) > 0 && d->count < VALUES) sg_output(d->g, d->count % 2 ? "odd" : "beside", add_next(d));
    if (draw(d, 2)) sg_output(d->g, "inside", draw_value(d));
    return root;
}

typedef struct kind {
    const char *name;
    sg_value (*make)(drawn *d);
} kind;

static const kind kinds[] = {
    {"what the loss reads is made again", made_again_first},
    {"a pooling without gradient is made again", made_again_without_gradient},
    {"only an output concatenates", only_an_output_concatenates},
    {"a weight is frozen, its bias is not", weight_frozen_bias_not},
    {"a value is concatenated with itself", concatenated_with_itself},
    {"a value is in two concatenations", in_two_concatenations},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static sg_value make(drawn *d, int index)
{
    *d = (drawn){.g = sg_graph_new(), .seed = index};
    return index < KINDS ? kinds[index].make(d) : draw_graph(d);
}

/* ---- what a plan of it gives ---- */

typedef struct results {
    int count;
    size_t len[RESULTS];
    double *at[RESULTS];
} results;

static void keep(results *r, const void *x, size_t len, bool f64)
{
    if (x == NULL) return;
    assert_true(r->count < RESULTS);
    double *to = check_alloc(len);
    for (size_t i = 0; i < len; i++) to[i] = f64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
    r->at[r->count] = to;
    r->len[r->count++] = len;
}

static void release(results *r)
{
    for (int i = 0; i < r->count; i++) free(r->at[i]);
}

static void fill(const sg_plan *plan, const char *name, bool f64)
{
    void *x = sg_plan_input(plan, name);
    for (size_t i = 0; i < sg_shape_len(sg_plan_shape(plan, name)); i++) {
        const float number = (float)check_random(name, 0, i);
        if (f64)
            ((double *)x)[i] = (double)number;
        else
            ((float *)x)[i] = number;
    }
}

static results read_back(const sg_plan *plan, const sg_model *model, bool f64)
{
    static const char *const outputs[] = {"beside", "odd", "inside"};
    results r = {0};
    keep(&r, sg_plan_root(plan), 1, f64);
    for (int k = 0; k < 3; k++)
        keep(&r, sg_plan_output(plan, outputs[k]), sg_shape_len(sg_plan_shape(plan, outputs[k])), f64);
    keep(&r, sg_plan_input_grad(plan, "x"), sg_shape_len(sg_plan_shape(plan, "x")), f64);
    for (int k = 0; k < sg_model_count(model); k++) {
        const sg_param_info *p = sg_model_at(model, k);
        keep(&r, sg_plan_param_grad(plan, p->name), p->len, f64);
    }
    return r;
}

static results run(int index, sg_plan_options options, int threads)
{
    drawn d;
    sg_model *model;
    sg_plan *plan;
    options.backward = true;
    sg_threads_set(threads);
    must(sg_model_new(&model, 3));
    const sg_value root = make(&d, index);
    must(sg_plan_make(&plan, d.g, model, root, &options));
    sg_plan_step_set(plan, &(sg_step){.training = true});
    for (int k = 0; k < 2; k++) { /* the second finds what the first left behind */
        fill(plan, "x", options.f64);
        fill(plan, "target", options.f64);
        must(sg_plan_forward(plan));
        must(sg_plan_backward(plan));
    }
    const results r = read_back(plan, model, options.f64);
    sg_plan_free(plan);
    sg_graph_free(d.g);
    sg_model_free(model);
    sg_threads_set(0);
    return r;
}

/* ---- comparison ---- */

/* Gradients that are zero but for rounding (of a bias before a batch norm) are measured by the largest of all. */
static double largest(const results *r)
{
    double most = 0;
    for (int i = 0; i < r->count; i++) most = fmax(most, check_max_abs(r->at[i], r->len[i]));
    return most;
}

/* Root mean square of the difference, over that of y: single numbers may fall on the other side of a kink. */
static double distance(const double *x, const double *y, size_t len, double least)
{
    double apart = 0, all = least * least * (double)len;
    for (size_t i = 0; i < len; i++) {
        apart += (x[i] - y[i]) * (x[i] - y[i]);
        all += y[i] * y[i];
    }
    return sqrt(apart / all);
}

static void agree(const results *x, const results *y, double tolerance, const char *mode)
{
    const double least = 1e-3 * largest(y);
    assert_int_equal(x->count, y->count);
    for (int i = 0; i < x->count; i++) {
        const double far = distance(x->at[i], y->at[i], x->len[i], least);
        if (!(far <= tolerance)) fail_msg("%s: result %d of %d is %.2g off", mode, i, x->count, far);
    }
}

typedef struct mode {
    const char *name;
    sg_plan_options options;
    double tolerance; /* against double */
} mode;

static const mode modes[] = {
    {"every pass", {0}, 1e-4},
    {"direct", {.direct = true}, 1e-4},
    {"reference", {.reference = true}, 1e-4},
    {"bf16", {.bf16 = true}, .4},
    {"no fuse, layout, concat", {.without = SG_PASS_FUSE | SG_PASS_LAYOUT | SG_PASS_CONCAT}, 1e-4},
    {"no mask, lifetime", {.without = SG_PASS_MASK | SG_PASS_LIFETIME}, 1e-4},
};

static void test_graph(void **argument)
{
    const int index = *(const int *)*argument;
    results exact = run(index, (sg_plan_options){.f64 = true}, 1);
    assert_true(exact.count > 3);
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        sg_plan_options recompute = modes[m].options;
        recompute.recompute = true;
        results one = run(index, modes[m].options, 1), again = run(index, recompute, 1),
                threads = run(index, modes[m].options, 3);
        agree(&one, &exact, modes[m].tolerance, modes[m].name);
        agree(&again, &one, 0, "recompute");
        agree(&threads, &one, 0, "3 threads");
        release(&one);
        release(&again);
        release(&threads);
    }
    release(&exact);
}

int main(void)
{
    static int index[KINDS + RANDOM];
    check_list list = {0};
    for (int i = 0; i < KINDS + RANDOM; i++) {
        index[i] = i;
        if (i < KINDS)
            check_list_add(&list, test_graph, &index[i], "%s", kinds[i].name);
        else
            check_list_add(&list, test_graph, &index[i], "random graph %d", i - KINDS);
    }
    return check_list_run(&list, "graphs");
}
