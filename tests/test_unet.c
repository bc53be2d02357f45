/* test_unet.c - the network against PyTorch (golden files made by tests/golden/unet_torch.py), optimisers and schedules
 * against theirs and their formulas, convolutions against their matrices, the same bits at any thread count. */
#include "check.h"
#include "golden.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "nn/loss.h"
#include "nn/ops.h"
#include "nn/optimiser.h"
#include "nn/unet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s: %s", #call, sg_error_text());                                               \
    } while (0)

/* ---- U-Net against PyTorch ---- */

static const struct net_case {
    const char *name;
    sg_unet_config net;
} net_cases[] = {
    {"unet_batch_transposed", {2, 4, 1, SG_NORM_BATCH, SG_UPSAMPLE_TRANSPOSED, 0}},
    {"unet_none_bilinear", {1, 3, 2, SG_NORM_NONE, SG_UPSAMPLE_BILINEAR, .1}},
};

static sg_plan *net_plan(const struct net_case *c, const golden *gold, sg_model *model, const sg_plan_options *options)
{
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    const sg_value x = sg_variable(g, "x", golden_find(gold, "", "x")->shape, false);
    const sg_value label = sg_input(g, "label", golden_find(gold, "", "label")->shape);
    const sg_value z = sg_unet(g, x, &c->net);
    sg_output(g, "logits", z);
    OK(sg_plan_make(&plan, g, model, sg_dice_bce(g, z, label, .75, .5), options));
    sg_graph_free(g);
    return plan;
}

static int compare_gradients(const golden *gold, const sg_model *model, const sg_plan *plan, bool f64)
{
    int compared = 0;
    double largest = 0;
    for (int i = 0; i < gold->count; i++)
        for (size_t j = 0;
             strncmp(gold->tensor[i].name, "grad.unet", 9) == 0 && j < sg_shape_len(gold->tensor[i].shape); j++)
            largest = fmax(largest, fabs((double)gold->tensor[i].value[j]));
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        if (p->spec.state) continue;
        golden_compare(sg_plan_param_grad(plan, p->name), f64, golden_find(gold, "grad.", p->name), largest, 1e-4,
                       p->name);
        compared++;
    }
    return compared;
}

static void net_check(const struct net_case *c, const sg_plan_options *options)
{
    golden gold;
    sg_model *model = NULL;
    golden_open(&gold, c->name);
    OK(sg_model_new(&model, 1));
    sg_plan *plan = net_plan(c, &gold, model, options);
    for (int i = 0; i < sg_model_count(model); i++) {
        sg_param_info *p = sg_model_at(model, i);
        const golden_tensor *t = golden_find(&gold, "", p->name);
        assert_true(sg_shape_equal(t->shape, p->shape));
        golden_set(p->value, false, t);
    }
    if (options->f64) sg_plan_params_load(plan);
    golden_set(sg_plan_input(plan, "x"), options->f64, golden_find(&gold, "", "x"));
    golden_set(sg_plan_input(plan, "label"), options->f64, golden_find(&gold, "", "label"));
    sg_plan_step_set(plan, &(sg_step){.training = true});
    OK(sg_plan_forward(plan));
    golden_compare(sg_plan_output(plan, "logits"), options->f64, golden_find(&gold, "", "logits"), 0, 1e-4, c->name);
    golden_compare(sg_plan_root(plan), options->f64, golden_find(&gold, "", "loss"), 0, 1e-5, c->name);
    OK(sg_plan_backward(plan));
    const int compared = compare_gradients(&gold, model, plan, options->f64);
    golden_compare(sg_plan_input_grad(plan, "x"), options->f64, golden_find(&gold, "grad.", "x"), 0, 1e-4, c->name);
    assert_int_equal(compared, golden_count(&gold, "grad.unet."));
    assert_true(compared >= 16);
    sg_plan_commit(plan);
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        if (p->spec.state)
            golden_compare(sg_plan_param(plan, p->name), options->f64, golden_find(&gold, "after.", p->name), 0, 1e-5,
                           c->name);
    }
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

static void test_bad_nets(void **state)
{
    static const struct {
        sg_unet_config net;
        sg_shape x;
        const char *says;
    } list[] = {{{0, 4, 1, 0, 0, 0}, {1, 1, 8, 8}, "depth 0"}, {{7, 4, 1, 0, 0, 0}, {1, 1, 8, 8}, "depth 7"},
                {{1, 0, 1, 0, 0, 0}, {1, 1, 8, 8}, "width 0"}, {{2, 4, 1, 0, 0, 0}, {1, 1, 8, 3}, "smaller than 4"},
                {{1, 4, 0, 0, 0, 0}, {1, 1, 8, 8}, "output"},  {{1, 4, 1, 0, 0, 1.5}, {1, 1, 8, 8}, "slope 1.5"},
                {{1, 4, 1, 0, 0, NAN}, {1, 1, 8, 8}, "slope"}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        sg_graph *g = sg_graph_new();
        (void)sg_unet(g, sg_input(g, "x", list[i].x), &list[i].net);
        assert_int_not_equal(sg_graph_status(g), SG_OK);
        sg_plan *plan = NULL;
        assert_int_not_equal(sg_plan_make(&plan, g, NULL, SG_NONE, &(sg_plan_options){0}), SG_OK);
        if (!strstr(sg_error_text(), list[i].says))
            fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), list[i].says);
        sg_plan_free(plan);
        sg_graph_free(g);
    }
}

/* ---- optimisers and schedules ---- */

static const struct optimiser_case {
    const char *name;
    sg_optimiser_config config;
} optimiser_cases[] = {
    {"optimiser_sgd", {.kind = SG_OPTIMISER_SGD, .lr = .3, .momentum = .9, .weight_decay = .05}},
    {"optimiser_adam",
     {.kind = SG_OPTIMISER_ADAM, .lr = .1, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .weight_decay = .05}},
    {"optimiser_adamw",
     {.kind = SG_OPTIMISER_ADAMW, .lr = .1, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .weight_decay = .05}},
    {"optimiser_sgd_clipped", {.kind = SG_OPTIMISER_SGD, .lr = .3, .momentum = .9, .clip_norm = .5}},
};

/* own_lr: the rate comes from the parameters instead of the configuration. */
static void optimiser_check(const struct optimiser_case *c, bool own_lr)
{
    golden gold;
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    const char *names[2] = {"a", "b"};
    sg_value loss[2];
    sg_optimiser_config config = c->config;
    golden_open(&gold, c->name);
    for (int i = 0; i < 2; i++) {
        const sg_shape s = golden_find(&gold, "", names[i])->shape;
        loss[i] = sg_mse(g, sg_param(g, names[i], s, &(sg_param_spec){.decay = i == 0, .lr = own_lr ? config.lr : 0}),
                         sg_input(g, i ? "target_b" : "target_a", s));
    }
    if (own_lr) config.lr = 1000;
    OK(sg_model_new(&model, 1));
    OK(sg_plan_make(&plan, g, model, sg_combine(g, loss[0], 1, loss[1], 1), &(sg_plan_options){.backward = true}));
    sg_graph_free(g);
    for (int i = 0; i < 2; i++) {
        golden_set(sg_model_find(model, names[i])->value, false, golden_find(&gold, "", names[i]));
        golden_set(sg_plan_input(plan, i ? "target_b" : "target_a"), false, golden_find(&gold, "target_", names[i]));
    }
    for (int step = 1; step <= 5; step++) {
        OK(sg_plan_forward(plan));
        OK(sg_plan_backward(plan));
        OK(sg_optimiser_step(model, plan, &config, 1));
        assert_int_equal(sg_model_steps(model), step);
        for (int i = 0; i < 2; i++) {
            char name[8];
            (void)snprintf(name, sizeof name, "%s%d", names[i], step);
            golden_compare(sg_model_find(model, names[i])->value, false, golden_find(&gold, "", name), 0, 1e-5,
                           c->name);
        }
    }
    sg_plan_free(plan);
    sg_model_free(model);
    free(gold.values);
}

static void test_optimisers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof optimiser_cases / sizeof *optimiser_cases; i++) {
        optimiser_check(&optimiser_cases[i], false);
        if (!(optimiser_cases[i].config.clip_norm > 0)) optimiser_check(&optimiser_cases[i], true);
    }
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12)) fail_msg("%.15g instead of %.15g", value, expected);
}

static void test_schedules(void **state)
{
    const double pi = acos(-1);
    sg_optimiser_config c = {.schedule = SG_SCHEDULE_CONSTANT, .warmup_steps = 3};
    (void)state;
    near(sg_schedule_factor(&c, 0, 100), 1. / 4);
    near(sg_schedule_factor(&c, 2, 100), 3. / 4);
    near(sg_schedule_factor(&c, 3, 100), 1);
    near(sg_schedule_factor(&c, 99, 100), 1);
    c = (sg_optimiser_config){.schedule = SG_SCHEDULE_COSINE, .warmup_steps = 1, .final_lr_fraction = .1};
    near(sg_schedule_factor(&c, 0, 12), .5);
    near(sg_schedule_factor(&c, 1, 12), 1);
    near(sg_schedule_factor(&c, 6, 12), .1 + .9 * (1 + cos(pi * .5)) / 2);
    near(sg_schedule_factor(&c, 3, 12), .1 + .9 * (1 + cos(pi * .2)) / 2);
    near(sg_schedule_factor(&c, 11, 12), .1);
    near(sg_schedule_factor(&c, 50, 12), .1);
    near(sg_schedule_factor(&c, 0, 1), .5);
    c = (sg_optimiser_config){.schedule = SG_SCHEDULE_ONE_CYCLE, .final_lr_fraction = .01};
    near(sg_schedule_factor(&c, 0, 101), 1. / 25);
    near(sg_schedule_factor(&c, 15, 101), (1 + 1. / 25) / 2);
    near(sg_schedule_factor(&c, 30, 101), 1);
    near(sg_schedule_factor(&c, 65, 101), (1 + .01) / 2);
    near(sg_schedule_factor(&c, 100, 101), .01);
}

/* ---- a convolution is a matrix, its backward the transpose (PHYSICS 7.3) ---- */

/* Builds the op on x (1, i, h, w) and its kernel; entry (row, column) of its matrix comes from `entry`. */
typedef struct matrix_case {
    sg_shape x, weight;
    bool transposed;
} matrix_case;

/* Element (o, r, c) of y per unit of x's element (i, y, z): written from the definition, not from the kernels. */
static double entry(const matrix_case *m, const double *weight, int o, int r, int c, int i, int y, int z)
{
    const int k = m->weight.h, p = k / 2;
    const int ky = m->transposed ? r - 2 * y : y - r + p, kx = m->transposed ? c - 2 * z : z - c + p;
    const int first = m->transposed ? i : o, second = m->transposed ? o : i;
    if (ky < 0 || ky >= k || kx < 0 || kx >= k) return 0;
    return weight[((first * m->weight.c + second) * k + ky) * k + kx];
}

static void matrix_check(const matrix_case *m)
{
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    const sg_value x = sg_variable(g, "x", m->x, false), w = sg_variable(g, "weight", m->weight, false);
    const sg_value y = m->transposed ? sg_conv_transpose(g, x, w, SG_NONE) : sg_conv2d(g, x, w, SG_NONE);
    const sg_shape s = sg_value_shape(g, y);
    const int rows = (int)sg_shape_len(s), columns = (int)sg_shape_len(m->x);
    double *seed = check_alloc((size_t)rows), *yt = check_alloc((size_t)rows), *xt = check_alloc((size_t)columns);
    OK(sg_plan_make(&plan, g, NULL, y, &(sg_plan_options){.backward = true, .f64 = true}));
    double *xv = sg_plan_input(plan, "x"), *wv = sg_plan_input(plan, "weight");
    for (int j = 0; j < columns; j++) xv[j] = check_random("x", 0, (size_t)j);
    for (size_t j = 0; j < sg_shape_len(m->weight); j++) wv[j] = check_random("weight", 0, j);
    for (int j = 0; j < rows; j++) seed[j] = check_random("seed", 0, (size_t)j);
    for (int j = 0; j < rows; j++)
        for (int k = 0; k < columns; k++) {
            const double a = entry(m, wv, j / (s.h * s.w), j / s.w % s.h, j % s.w, k / (m->x.h * m->x.w),
                                   k / m->x.w % m->x.h, k % m->x.w);
            yt[j] += a * xv[k];
            xt[k] += a * seed[j];
        }
    OK(sg_plan_forward(plan));
    const double forward = check_distance(sg_plan_root(plan), yt, (size_t)rows, 0);
    OK(sg_plan_backward_from(plan, seed));
    const double backward = check_distance(sg_plan_input_grad(plan, "x"), xt, (size_t)columns, 0);
    if (!(forward <= 1e-12 && backward <= 1e-12))
        fail_msg("forward %.3g, backward %.3g off the matrix", forward, backward);
    assert_true(check_max_abs(yt, (size_t)rows) > .1 && check_max_abs(xt, (size_t)columns) > .1);
    sg_plan_free(plan);
    sg_graph_free(g);
    free(seed);
    free(yt);
    free(xt);
}

static void test_matrix(void **state)
{
    static const matrix_case list[] = {{{1, 2, 5, 7}, {3, 2, 3, 3}, false},
                                       {{1, 3, 6, 4}, {2, 3, 5, 5}, false},
                                       {{1, 3, 4, 3}, {2, 3, 1, 1}, false},
                                       {{1, 1, 2, 3}, {1, 1, 7, 7}, false},
                                       {{1, 3, 3, 4}, {3, 2, 2, 2}, true}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) matrix_check(&list[i]);
}

/* ---- Winograd against double ---- */

/* Largest error / largest value of y, dx, dweight for a convolution (n, c, h, w) -> o channels. */
static void conv_errors(sg_shape shape, int o, bool direct, double error[3])
{
    double *exact[3] = {NULL};
    for (int pass = 0; pass < 2; pass++) {
        const bool f64 = pass == 0;
        sg_plan *plan = NULL;
        sg_graph *g = sg_graph_new();
        const sg_shape ws = SG_SHAPE(o, shape.c, 3, 3), ys = SG_SHAPE(shape.n, o, shape.h, shape.w);
        const sg_value y =
            sg_conv2d(g, sg_variable(g, "x", shape, false), sg_variable(g, "weight", ws, false), SG_NONE);
        const size_t len[3] = {sg_shape_len(ys), sg_shape_len(shape), sg_shape_len(ws)};
        double *seed = check_alloc(len[0]);
        OK(sg_plan_make(&plan, g, NULL, y, &(sg_plan_options){.backward = true, .f64 = f64, .direct = direct}));
        for (int k = 0; k < 3; k++)
            for (size_t i = 0; i < len[k]; i++) {
                const float v = (float)check_random(k == 0 ? "seed" : k == 1 ? "x" : "weight", 0, i);
                void *to = k == 0 ? (void *)seed : sg_plan_input(plan, k == 1 ? "x" : "weight");
                if (f64)
                    ((double *)to)[i] = (double)v;
                else
                    ((float *)to)[i] = v;
            }
        OK(sg_plan_forward(plan));
        for (int k = 0; k < 3; k++) {
            if (k == 1) OK(sg_plan_backward_from(plan, seed));
            const void *x = k == 0 ? sg_plan_root(plan) : sg_plan_input_grad(plan, k == 1 ? "x" : "weight");
            double *got = check_alloc(len[k]);
            for (size_t i = 0; i < len[k]; i++) got[i] = golden_at(x, f64, i);
            if (f64) {
                exact[k] = got;
                continue;
            }
            error[k] = check_distance(got, exact[k], len[k], 0) / check_max_abs(exact[k], len[k]);
            free(got);
            free(exact[k]);
        }
        free(seed);
        sg_plan_free(plan);
        sg_graph_free(g);
    }
}

/* Stated for F(4x4,3x3) in float32: at most 1e-5 of the largest value, in each direction; direct below 3e-6. */
static void test_winograd(void **state)
{
    static const struct {
        sg_shape shape;
        int o;
    } list[] = {{{2, 32, 24, 20}, 48}, {{1, 64, 13, 17}, 32}, {{3, 48, 16, 16}, 64}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        double winograd[3], direct[3];
        conv_errors(list[i].shape, list[i].o, false, winograd);
        conv_errors(list[i].shape, list[i].o, true, direct);
        print_message("# %d -> %d channels: direct %.1e %.1e %.1e, Winograd %.1e %.1e %.1e\n", list[i].shape.c,
                      list[i].o, direct[0], direct[1], direct[2], winograd[0], winograd[1], winograd[2]);
        for (int k = 0; k < 3; k++) {
            assert_true(winograd[k] <= 1e-5);
            assert_true(direct[k] <= 3e-6);
        }
    }
}

/* ---- the same bits at any thread count ---- */

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
    return hash;
}

/* Three whole steps; the hash of loss, gradients and parameters. */
static uint64_t steps_hash(const sg_unet_config *net, sg_shape shape, const sg_plan_options *options, int threads)
{
    static const sg_optimiser_config adam = {
        .kind = SG_OPTIMISER_ADAM, .lr = 1e-2, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8, .clip_norm = 1};
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    uint64_t hash = 1469598103934665603u;
    sg_threads_set(threads);
    OK(sg_model_new(&model, 5));
    const sg_value z = sg_unet(g, sg_variable(g, "x", shape, false), net);
    OK(sg_plan_make(&plan, g, model, sg_dice_bce(g, z, sg_input(g, "label", shape), 1, 1), options));
    sg_plan_step_set(plan, &(sg_step){.training = true});
    for (int step = 0; step < 3; step++) {
        float *x = sg_plan_input(plan, "x"), *label = sg_plan_input(plan, "label");
        for (size_t i = 0; i < sg_shape_len(shape); i++) {
            x[i] = (float)check_random("x", step, i);
            label[i] = check_random("label", step, i) > 0;
        }
        OK(sg_plan_forward(plan));
        OK(sg_plan_backward(plan));
        hash = hash_bytes(hash, sg_plan_root(plan), sizeof(float));
        hash = hash_bytes(hash, sg_plan_input_grad(plan, "x"), sg_shape_len(shape) * sizeof(float));
        sg_plan_commit(plan);
        OK(sg_optimiser_step(model, plan, &adam, 1));
    }
    for (int i = 0; i < sg_model_count(model); i++)
        hash = hash_bytes(hash, sg_model_at(model, i)->value, sg_model_at(model, i)->len * sizeof(float));
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    return hash;
}

static void test_bits(void **state)
{
    static const struct {
        sg_unet_config net;
        sg_shape shape;
    } list[] = {{{2, 16, 1, SG_NORM_BATCH, SG_UPSAMPLE_TRANSPOSED, 0}, {5, 1, 32, 48}},
                {{2, 32, 1, SG_NORM_NONE, SG_UPSAMPLE_BILINEAR, 0}, {3, 1, 64, 32}},
                {{1, 12, 1, SG_NORM_BATCH, SG_UPSAMPLE_TRANSPOSED, .1}, {2, 1, 30, 34}}};
    static const struct {
        const char *name;
        sg_plan_options options;
    } modes[] = {{"auto", {.backward = true}},
                 {"direct", {.backward = true, .direct = true}},
                 {"bf16", {.backward = true, .bf16 = true}},
                 {"direct bf16", {.backward = true, .direct = true, .bf16 = true}}};
    static const int threads[] = {2, 3, 8};
    const int before = sg_threads();
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
            const uint64_t one = steps_hash(&list[i].net, list[i].shape, &modes[m].options, 1);
            for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
                if (steps_hash(&list[i].net, list[i].shape, &modes[m].options, threads[t]) != one)
                    fail_msg("net %zu, %s: other bits with %d threads", i, modes[m].name, threads[t]);
            assert_true(steps_hash(&list[i].net, list[i].shape, &modes[m].options, 1) == one);
        }
    sg_threads_set(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torch),     cmocka_unit_test(test_bad_nets), cmocka_unit_test(test_optimisers),
        cmocka_unit_test(test_schedules), cmocka_unit_test(test_matrix),   cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests_name("unet", tests, NULL, NULL);
}
