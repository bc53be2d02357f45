/* test_convolution.c - convolutions behind one another, as in a network: blocks of 8 and 16 channels side by side,
 * values that lie inside a concatenation, storage as bf16, activations undone by the op after. Against double plans; and
 * the passes that move values about change no bit. */
#include "check.h"

#include "core/parallel.h"
#include "core/plan_internal.h"
#include "nn/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* ---- the network ---- */

static sg_value conv(sg_graph *g, sg_value x, int out, int k, const char *name)
{
    const int in = sg_value_shape(g, x).c;
    const double width = sqrt(3. / (in * k * k));
    const sg_param_spec weight = {.init = SG_INIT_UNIFORM, .init_a = -width, .init_b = width},
                        bias = {.init = SG_INIT_UNIFORM, .init_a = -.3, .init_b = .3};
    return sg_conv2d(g, x, sg_param(g, sg_graph_text(g, "%s.weight", name), SG_SHAPE(out, in, k, k), &weight),
                     sg_param(g, sg_graph_text(g, "%s.bias", name), SG_SHAPE(1, out, 1, 1), &bias));
}

/* Slopes near 1: where rounding moves a value across 0, its gradient changes little.
 * `shared` is read twice: by a convolution, and inside the concatenation. */
static sg_value network(sg_graph *g, sg_shape shape)
{
    const sg_value x = sg_variable(g, "x", shape, false);
    const sg_value shared = sg_relu(g, conv(g, x, 16, 3, "first"), .9);
    const sg_value narrow = sg_relu(g, conv(g, shared, 24, 3, "narrow"), .7);
    const sg_value back = sg_relu(g, conv(g, narrow, 16, 3, "back"), .9);
    const sg_value both = sg_relu(g, conv(g, sg_concat(g, shared, back), 32, 3, "both"), .7);
    const sg_value wide = conv(g, both, 16, 5, "wide");
    return conv(g, wide, 3, 3, "last");
}

/* Weights so large that they are cut instead of the batch. */
static sg_value deep_network(sg_graph *g, sg_shape shape)
{
    const sg_value x = sg_relu(g, conv(g, sg_variable(g, "x", shape, false), 256, 3, "wide"), .9);
    return conv(g, sg_relu(g, conv(g, x, 128, 3, "large"), .7), 8, 3, "last");
}

typedef sg_value (*builder)(sg_graph *g, sg_shape shape);

typedef struct result {
    int count;
    double *number[SG_NAME_MAX]; /* the root, dL/dx, the parameters' gradients */
    size_t len[SG_NAME_MAX];
    int halves, joined; /* values as bf16, concatenations without a copy */
} result;

static void keep(result *r, const void *from, bool f64, size_t len)
{
    double *to = r->number[r->count] = check_alloc(len);
    r->len[r->count++] = len;
    for (size_t i = 0; i < len; i++) to[i] = f64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

static void fill(void *to, bool f64, const char *stream, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const float v = (float)check_random(stream, 0, i);
        if (f64)
            ((double *)to)[i] = (double)v;
        else
            ((float *)to)[i] = v;
    }
}

static result run(builder build, sg_shape shape, const sg_plan_options *options)
{
    result r = {0};
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    const sg_value y = build(g, shape);
    must(sg_model_new(&model, 1));
    must(sg_plan_make(&plan, g, model, y, options));
    const size_t len = sg_shape_len(sg_value_shape(g, y));
    double *seed = check_alloc(len); /* room for either precision */
    fill(seed, options->f64, "seed", len);
    fill(sg_plan_input(plan, "x"), options->f64, "x", sg_shape_len(shape));
    must(sg_plan_forward(plan));
    keep(&r, sg_plan_root(plan), options->f64, len);
    must(sg_plan_backward_from(plan, seed));
    keep(&r, sg_plan_input_grad(plan, "x"), options->f64, sg_shape_len(shape));
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        keep(&r, sg_plan_param_grad(plan, p->name), options->f64, p->len);
    }
    for (int i = 0; i < plan->count; i++) {
        r.halves += plan->nodes[i].live && plan->nodes[i].node.form.type == SG_BF16;
        r.joined += plan->nodes[i].joined;
    }
    free(seed);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    return r;
}

static void drop(result *r)
{
    for (int i = 0; i < r->count; i++) free(r->number[i]);
}

/* The largest |a - b| / |b| (Euclidean) of their arrays; NaN if there is one. */
static double distance(const result *a, const result *b)
{
    double worst = 0;
    assert_int_equal(a->count, b->count);
    for (int k = 0; k < a->count; k++) {
        double difference = 0, norm = 0;
        for (size_t i = 0; i < a->len[k]; i++) {
            difference += (a->number[k][i] - b->number[k][i]) * (a->number[k][i] - b->number[k][i]);
            norm += b->number[k][i] * b->number[k][i];
        }
        if (!(sqrt(difference / norm) <= worst)) worst = sqrt(difference / norm);
    }
    return worst;
}

static const sg_shape shapes[] = {{2, 8, 7, 9}, {3, 8, 12, 5}, {1, 8, 4, 4}, {9, 8, 5, 6}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* ---- tests ---- */

static void same_numbers(const result *a, const result *b, const char *what)
{
    assert_int_equal(a->count, b->count);
    for (int i = 0; i < a->count; i++)
        if (memcmp(a->number[i], b->number[i], a->len[i] * sizeof(double)) != 0)
            fail_msg("%s: array %d has other bits", what, i);
}

/* Direct sums and Winograd's are as good as float is; bf16 has 8 bits, and a dozen values in a row. */
static void test_errors(void **state)
{
    static const struct {
        const char *name;
        sg_plan_options options;
        double tolerance;
    } list[] = {{"direct", {.backward = true, .direct = true}, 2e-6},
                {"auto", {.backward = true}, 5e-6},
                {"bf16", {.backward = true, .bf16 = true}, 5e-2},
                {"direct bf16", {.backward = true, .direct = true, .bf16 = true}, 5e-2}};
    (void)state;
    for (int s = 0; s < SHAPES; s++) {
        result exact = run(network, shapes[s], &(sg_plan_options){.backward = true, .f64 = true});
        for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
            result tried = run(network, shapes[s], &list[k].options);
            const double error = distance(&tried, &exact);
            print_message("# %d x %d x %d, %s: %.1e off double, %d values as bf16\n", shapes[s].n, shapes[s].h,
                          shapes[s].w, list[k].name, error, tried.halves);
            if (!(error <= list[k].tolerance)) fail_msg("%s: %g > %g", list[k].name, error, list[k].tolerance);
            if (!list[k].options.bf16) assert_int_equal(tried.halves, 0);
            drop(&tried);
        }
        drop(&exact);
    }
}

/* With the library or our own kernels, every value between two convolutions is in blocks: bf16 if asked for. */
static void test_forms(void **state)
{
    (void)state;
    result half = run(network, shapes[0], &(sg_plan_options){.backward = true, .bf16 = true});
    print_message("# %d values as bf16, %d concatenations without a copy\n", half.halves, half.joined);
#ifdef SG_HAVE_ONEDNN
    assert_int_equal(half.halves, 6); /* shared, narrow, back, their concatenation, both, wide */
#else
    assert_int_equal(half.halves, 4); /* 5 x 5 kernels are plain, and so are the values around them */
#endif
    assert_int_equal(half.joined, 1);
    drop(&half);
}

static void test_passes(void **state)
{
    static const unsigned passes[] = {SG_PASS_CONCAT, SG_PASS_LIFETIME, SG_PASS_MASK};
    (void)state;
    for (int s = 0; s < SHAPES; s++)
        for (int direct = 0; direct < 2; direct++)
            for (size_t k = 0; k < sizeof passes / sizeof *passes; k++) {
                sg_plan_options options = {.backward = true, .direct = direct};
                char what[64];
                result with = run(network, shapes[s], &options);
                options.without = passes[k];
                result without = run(network, shapes[s], &options);
                (void)snprintf(what, sizeof what, "shape %d, direct %d, without pass %u", s, direct, passes[k]);
                same_numbers(&with, &without, what);
                drop(&with);
                drop(&without);
            }
}

static void test_threads(void **state)
{
    static const int threads[] = {2, 3, 8};
    (void)state;
    for (int mode = 0; mode < 8; mode++) {
        const sg_plan_options options = {.backward = true, .direct = mode & 1, .bf16 = mode & 2};
        const builder build = mode & 4 ? deep_network : network;
        sg_threads_set(1);
        result one = run(build, shapes[0], &options);
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            char what[64];
            sg_threads_set(threads[k]);
            result other = run(build, shapes[0], &options);
            (void)snprintf(what, sizeof what, "mode %d with %d threads", mode, threads[k]);
            same_numbers(&one, &other, what);
            drop(&other);
        }
        drop(&one);
    }
    sg_threads_set(0);
}

static void test_deep(void **state)
{
    (void)state;
    result exact = run(deep_network, shapes[0], &(sg_plan_options){.backward = true, .f64 = true});
    for (int direct = 0; direct < 2; direct++) {
        result tried = run(deep_network, shapes[0], &(sg_plan_options){.backward = true, .direct = direct});
        const double error = distance(&tried, &exact);
        print_message("# deep, %s: %.1e off double\n", direct ? "direct" : "auto", error);
        assert_true(error <= (direct ? 2e-6 : 1e-5));
        drop(&tried);
    }
    drop(&exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_forms), cmocka_unit_test(test_passes),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests_name("convolution", tests, NULL, NULL);
}
