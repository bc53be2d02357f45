/* test_classifier.c - LeNet-5 and the residual network against PyTorch (golden files made by
 * tests/golden/classifier_torch.py), the same bits at any thread count, dropout in training only, refusals. */
#include "check.h"
#include "golden.h"

#include "core/parallel.h"
#include "nn/classifier.h"
#include "nn/loss.h"
#include "nn/ops.h"
#include "nn/optimiser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s: %s", #call, sg_error_text());                                               \
    } while (0)

/* ---- against PyTorch ---- */

static const struct net_case {
    const char *name;
    sg_classifier_config net;
} net_cases[] = {
    {"classifier_lenet5", {SG_CLASSIFIER_LENET5, 4, 0, 0, SG_NORM_NONE, 0}},
    {"classifier_resnet", {SG_CLASSIFIER_RESNET, 3, 4, 2, SG_NORM_BATCH, 0}},
    {"classifier_resnet_plain", {SG_CLASSIFIER_RESNET, 2, 3, 3, SG_NORM_NONE, 0}},
};

static sg_plan *net_plan(const struct net_case *c, const golden *gold, sg_model *model, const sg_plan_options *options)
{
    double weight[SG_CLASSES_MAX];
    const golden_tensor *w = golden_find(gold, "", "weight");
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    golden_set(weight, true, w);
    const sg_value z = sg_classifier(g, sg_variable(g, "x", golden_find(gold, "", "x")->shape, false), &c->net);
    const sg_value label = sg_input(g, "label", golden_find(gold, "", "label")->shape);
    sg_output(g, "logits", z);
    OK(sg_plan_make(&plan, g, model, sg_cross_entropy(g, z, label, weight), options));
    sg_graph_free(g);
    return plan;
}

static void load(const golden *gold, sg_model *model, sg_plan *plan, bool f64)
{
    for (int i = 0; i < sg_model_count(model); i++) {
        sg_param_info *p = sg_model_at(model, i);
        const golden_tensor *t = golden_find(gold, "", p->name);
        assert_true(sg_shape_equal(t->shape, p->shape));
        golden_set(p->value, false, t);
    }
    if (f64) sg_plan_params_load(plan);
    golden_set(sg_plan_input(plan, "x"), f64, golden_find(gold, "", "x"));
    golden_set(sg_plan_input(plan, "label"), f64, golden_find(gold, "", "label"));
    sg_plan_step_set(plan, &(sg_step){.training = true});
}

static double largest_gradient(const golden *gold)
{
    double largest = 0;
    for (int i = 0; i < gold->count; i++) {
        const golden_tensor *t = &gold->tensor[i];
        const bool gradient = strncmp(t->name, "grad.classifier", 15) == 0;
        for (size_t j = 0; gradient && j < sg_shape_len(t->shape); j++)
            largest = fmax(largest, fabs((double)t->value[j]));
    }
    return largest;
}

/* Gradients, and running statistics as the step left them. */
static void compare_parameters(const golden *gold, const sg_model *model, const sg_plan *plan, bool f64)
{
    const double largest = largest_gradient(gold);
    int gradients = 0, statistics = 0;
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        const bool state = p->spec.state;
        golden_compare(state ? sg_plan_param(plan, p->name) : sg_plan_param_grad(plan, p->name), f64,
                       golden_find(gold, state ? "after." : "grad.", p->name), largest, 1e-4, p->name);
        gradients += !state;
        statistics += state;
    }
    assert_int_equal(gradients, golden_count(gold, "grad.classifier."));
    assert_int_equal(statistics, golden_count(gold, "after.classifier."));
    assert_true(gradients >= 10);
}

static void net_check(const struct net_case *c, const sg_plan_options *options)
{
    golden gold;
    sg_model *model = NULL;
    golden_open(&gold, c->name);
    OK(sg_model_new(&model, 1));
    sg_plan *plan = net_plan(c, &gold, model, options);
    load(&gold, model, plan, options->f64);
    OK(sg_plan_forward(plan));
    golden_compare(sg_plan_output(plan, "logits"), options->f64, golden_find(&gold, "", "logits"), 0, 1e-4, c->name);
    golden_compare(sg_plan_root(plan), options->f64, golden_find(&gold, "", "loss"), 0, 1e-5, c->name);
    OK(sg_plan_backward(plan));
    golden_compare(sg_plan_input_grad(plan, "x"), options->f64, golden_find(&gold, "grad.", "x"), 0, 1e-4, c->name);
    sg_plan_commit(plan);
    compare_parameters(&gold, model, plan, options->f64);
    sg_plan_free(plan);
    sg_model_free(model);
    free(gold.values);
}

static void test_torch(void **state)
{
    static const sg_plan_options ways[] = {
        {.backward = true, .f64 = true},
        {.backward = true, .reference = true},
        {.backward = true},
        {.backward = true, .without = SG_PASS_FUSE | SG_PASS_LAYOUT | SG_PASS_LIFETIME}};
    (void)state;
    for (size_t c = 0; c < sizeof net_cases / sizeof *net_cases; c++)
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) net_check(&net_cases[c], &ways[i]);
}

/* ---- values in blocks of channels, also as bf16, against double ---- */

enum { SAMPLES = 3, SIDE = 20, NUMBERS = SAMPLES * SIDE * SIDE };

/* The loss and its gradient by x of a network wide enough for blocks. */
static void gradient_of(double *loss, double gradient[NUMBERS], const sg_plan_options *options)
{
    static const sg_classifier_config net = {SG_CLASSIFIER_RESNET, 3, 16, 2, SG_NORM_BATCH, 0};
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    OK(sg_model_new(&model, 7));
    const sg_value z = sg_classifier(g, sg_variable(g, "x", SG_SHAPE(SAMPLES, 1, SIDE, SIDE), false), &net);
    const sg_value label = sg_input(g, "label", SG_SHAPE(SAMPLES, 1, 1, 1));
    OK(sg_plan_make(&plan, g, model, sg_cross_entropy(g, z, label, NULL), options));
    for (size_t i = 0; i < NUMBERS; i++)
        if (options->f64)
            ((double *)sg_plan_input(plan, "x"))[i] = (double)(float)check_random("x", 0, i);
        else
            ((float *)sg_plan_input(plan, "x"))[i] = (float)check_random("x", 0, i);
    for (int i = 0; i < SAMPLES; i++)
        if (options->f64)
            ((double *)sg_plan_input(plan, "label"))[i] = i;
        else
            ((float *)sg_plan_input(plan, "label"))[i] = (float)i;
    sg_plan_step_set(plan, &(sg_step){.training = true});
    OK(sg_plan_forward(plan));
    OK(sg_plan_backward(plan));
    *loss = sg_plan_loss(plan);
    for (size_t i = 0; i < NUMBERS; i++) gradient[i] = golden_at(sg_plan_input_grad(plan, "x"), options->f64, i);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
}

/* |a - b| / |b| (Euclidean). */
static double distance(const double *a, const double *b, size_t len)
{
    double off = 0, all = 0;
    for (size_t i = 0; i < len; i++) off += (a[i] - b[i]) * (a[i] - b[i]), all += b[i] * b[i];
    return sqrt(off / all);
}

static void test_blocks(void **state)
{
    static double exact[NUMBERS], fast[NUMBERS];
    static const struct {
        sg_plan_options options;
        double tolerance;
    } ways[] = {{{.backward = true}, 1e-3}, {{.backward = true, .bf16 = true}, .2}};
    double exact_loss, loss;
    (void)state;
    gradient_of(&exact_loss, exact, &(sg_plan_options){.backward = true, .f64 = true});
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        gradient_of(&loss, fast, &ways[i].options);
        const double off = distance(fast, exact, NUMBERS);
        print_message("# way %zu: loss %.2g off, gradient %.2g\n", i, fabs(loss / exact_loss - 1), off);
        assert_true(fabs(loss / exact_loss - 1) <= ways[i].tolerance && off <= ways[i].tolerance);
    }
}

/* ---- training steps ---- */

enum { CLASSES = 5 };

typedef struct trained {
    uint64_t hash; /* of losses and parameters */
    double loss[12];
} trained;

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return hash;
}

/* Steps on one batch whose classes differ in brightness, so that they can be learned. */
static trained train(const sg_classifier_config *net, sg_shape shape, bool bf16, int threads)
{
    static const sg_optimiser_config adam = {
        .kind = SG_OPTIMISER_ADAM, .lr = 1e-2, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8};
    trained r = {.hash = 1469598103934665603u};
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    sg_threads_set(threads);
    OK(sg_model_new(&model, 5));
    const sg_value z = sg_classifier(g, sg_input(g, "x", shape), net);
    const sg_value loss = sg_cross_entropy(g, z, sg_input(g, "label", SG_SHAPE(shape.n, 1, 1, 1)), NULL);
    OK(sg_plan_make(&plan, g, model, loss, &(sg_plan_options){.backward = true, .bf16 = bf16}));
    for (size_t step = 0; step < sizeof r.loss / sizeof *r.loss; step++) {
        float *x = sg_plan_input(plan, "x"), *label = sg_plan_input(plan, "label");
        const size_t len = sg_shape_len(shape) / (size_t)shape.n;
        sg_plan_step_set(plan, &(sg_step){.training = true, .epoch = (uint32_t)step + 1});
        for (int n = 0; n < shape.n; n++) {
            label[n] = (float)(n % CLASSES);
            for (size_t i = 0; i < len; i++)
                x[(size_t)n * len + i] = (float)check_random("x", n, i) + .5F * label[n] * (float)(i % 3);
        }
        OK(sg_plan_forward(plan));
        OK(sg_plan_backward(plan));
        sg_plan_commit(plan);
        OK(sg_optimiser_step(model, plan, &adam, 1));
        r.loss[step] = sg_plan_loss(plan);
        r.hash = hash_bytes(r.hash, &r.loss[step], sizeof *r.loss);
    }
    for (int i = 0; i < sg_model_count(model); i++)
        r.hash = hash_bytes(r.hash, sg_model_at(model, i)->value, sg_model_at(model, i)->len * sizeof(float));
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    return r;
}

static void test_bits(void **state)
{
    static const struct {
        sg_classifier_config net;
        sg_shape shape;
    } list[] = {{{SG_CLASSIFIER_LENET5, CLASSES, 0, 0, SG_NORM_NONE, 0}, {19, 1, 28, 28}},
                {{SG_CLASSIFIER_LENET5, CLASSES, 0, 0, SG_NORM_NONE, .3}, {7, 3, 17, 22}},
                {{SG_CLASSIFIER_RESNET, CLASSES, 16, 3, SG_NORM_BATCH, .2}, {10, 1, 28, 28}},
                {{SG_CLASSIFIER_RESNET, CLASSES, 12, 2, SG_NORM_NONE, 0}, {5, 3, 20, 13}}};
    static const int threads[] = {2, 3, 8};
    const int before = sg_threads();
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        for (int bf16 = 0; bf16 < 2; bf16++) {
            const trained one = train(&list[i].net, list[i].shape, bf16, 1);
            for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
                if (train(&list[i].net, list[i].shape, bf16, threads[t]).hash != one.hash)
                    fail_msg("net %zu, bf16 %d: other bits with %d threads", i, bf16, threads[t]);
            if (!(one.loss[11] < .8 * one.loss[0]))
                fail_msg("net %zu, bf16 %d: the loss went from %g to %g only", i, bf16, one.loss[0], one.loss[11]);
        }
    sg_threads_set(before);
}

/* ---- dropout ---- */

static void logits_of(float *out, double dropout, bool training, uint32_t epoch)
{
    const sg_classifier_config net = {SG_CLASSIFIER_LENET5, CLASSES, 0, 0, SG_NORM_NONE, dropout};
    const sg_shape shape = {2, 1, 16, 16};
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    OK(sg_model_new(&model, 3));
    OK(sg_plan_make(&plan, g, model, sg_classifier(g, sg_input(g, "x", shape), &net), &(sg_plan_options){0}));
    float *x = sg_plan_input(plan, "x");
    for (size_t i = 0; i < sg_shape_len(shape); i++) x[i] = (float)check_random("x", 0, i);
    sg_plan_step_set(plan, &(sg_step){.training = training, .epoch = epoch});
    OK(sg_plan_forward(plan));
    memcpy(out, sg_plan_root(plan), 2 * CLASSES * sizeof *out);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
}

static void test_dropout(void **state)
{
    float plain[2 * CLASSES], evaluated[2 * CLASSES], first[2 * CLASSES], second[2 * CLASSES];
    (void)state;
    logits_of(plain, 0, true, 1);
    logits_of(evaluated, .5, false, 0);
    logits_of(first, .5, true, 1);
    logits_of(second, .5, true, 2);
    assert_memory_equal(plain, evaluated, sizeof plain);
    assert_memory_not_equal(plain, first, sizeof plain);
    assert_memory_not_equal(first, second, sizeof first);
}

/* Of ones, what passes is 1 / (1 - p), what does not is 0, as often as p says; in evaluation all pass. */
static void test_dropout_scale(void **state)
{
    enum { LEN = 10000 };
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    (void)state;
    const sg_value y = sg_dropout(g, sg_input(g, "x", SG_SHAPE(1, 1, 1, LEN)), .2, 0);
    OK(sg_model_new(&model, 3));
    OK(sg_plan_make(&plan, g, model, y, &(sg_plan_options){0}));
    for (int training = 0; training < 2; training++) {
        int left_out = 0;
        float *x = sg_plan_input(plan, "x");
        for (int i = 0; i < LEN; i++) x[i] = 1;
        sg_plan_step_set(plan, &(sg_step){.training = training, .epoch = 1});
        OK(sg_plan_forward(plan));
        for (int i = 0; i < LEN; i++) {
            const float v = ((const float *)sg_plan_root(plan))[i];
            left_out += v == 0;
            assert_true(v == (training ? 1.25F : 1) || (training && v == 0));
        }
        assert_in_range(left_out, training ? 1800 : 0, training ? 2200 : 0); /* 5 standard deviations */
    }
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
}

/* ---- refusals ---- */

static void test_bad_nets(void **state)
{
    static const struct {
        sg_classifier_config net;
        sg_shape x;
        const char *says;
    } list[] = {{{SG_CLASSIFIER_LENET5, 1, 0, 0, 0, 0}, {1, 1, 28, 28}, "1 classes are outside 2..64"},
                {{SG_CLASSIFIER_LENET5, 65, 0, 0, 0, 0}, {1, 1, 28, 28}, "65 classes"},
                {{SG_CLASSIFIER_LENET5, 2, 0, 0, 0, 0}, {1, 1, 28, 15}, "28 x 15 is smaller than 16 x 16"},
                {{SG_CLASSIFIER_LENET5, 2, 0, 0, 0, 1}, {1, 1, 28, 28}, "dropout 1 "},
                {{SG_CLASSIFIER_LENET5, 2, 0, 0, 0, NAN}, {1, 1, 28, 28}, "dropout"},
                {{SG_CLASSIFIER_RESNET, 2, 0, 2, 0, 0}, {1, 1, 28, 28}, "width 0"},
                {{SG_CLASSIFIER_RESNET, 2, 257, 2, 0, 0}, {1, 1, 28, 28}, "width 257"},
                {{SG_CLASSIFIER_RESNET, 2, 8, 0, 0, 0}, {1, 1, 28, 28}, "depth 0"},
                {{SG_CLASSIFIER_RESNET, 2, 8, 7, 0, 0}, {1, 1, 64, 64}, "depth 7"},
                {{SG_CLASSIFIER_RESNET, 2, 8, 4, 0, 0}, {1, 1, 7, 9}, "7 x 9 is smaller than 8"}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        sg_plan *plan = NULL;
        sg_graph *g = sg_graph_new();
        const sg_value z = sg_classifier(g, sg_input(g, "x", list[i].x), &list[i].net);
        assert_int_not_equal(sg_plan_make(&plan, g, NULL, z, &(sg_plan_options){0}), SG_OK);
        if (!strstr(sg_error_text(), list[i].says))
            fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), list[i].says);
        sg_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch),   cmocka_unit_test(test_blocks),        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_dropout), cmocka_unit_test(test_dropout_scale), cmocka_unit_test(test_bad_nets),
    };
    return cmocka_run_group_tests_name("classifier", tests, NULL, NULL);
}
