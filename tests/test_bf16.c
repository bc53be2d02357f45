/* test_bf16.c - whole U-Nets whose values are stored as bfloat16: loss and gradients stay near those of floats, whatever
 * norm and up-sampling; every value in blocks is stored so; the same bits at any thread count. */
#include "check.h"

#include "core/parallel.h"
#include "core/plan_internal.h"
#include "nn/loss.h"
#include "nn/ops.h"
#include "nn/unet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMS = 100 };

static const sg_shape shape = {3, 1, 32, 48};

/* How far the gradients of all parameters may be off, relative, at the first step. Rounding each value to 8 bits does
 * that by itself: PyTorch's autocast is .01-.03 and, with batch norm, .07-.10 off on these nets and this picture. */
static const struct net_case {
    const char *name;
    sg_unet_config net;
    double tolerance;
} net_cases[] = {
    {"plain, transposed", {2, 16, 1, SG_NORM_NONE, SG_UPSAMPLE_TRANSPOSED, 0}, .03},
    {"plain, bilinear", {2, 16, 1, SG_NORM_NONE, SG_UPSAMPLE_BILINEAR, .1}, .03},
    {"batch norm, transposed", {2, 16, 1, SG_NORM_BATCH, SG_UPSAMPLE_TRANSPOSED, 0}, .15},
    {"batch norm, bilinear", {2, 16, 1, SG_NORM_BATCH, SG_UPSAMPLE_BILINEAR, 0}, .15},
    {"8 channels, batch norm, transposed", {2, 8, 1, SG_NORM_BATCH, SG_UPSAMPLE_TRANSPOSED, 0}, .15},
};

/* One step's loss and gradients. */
typedef struct step {
    sg_model *model;
    double loss, *grad[PARAMS];
    size_t len[PARAMS];
    int count, blocked, halves; /* parameters; values in blocks, and as bfloat16 */
} step;

static sg_plan *net_plan(const sg_unet_config *net, sg_model *model, const sg_plan_options *options)
{
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    const sg_value z = sg_unet(g, sg_input(g, "x", shape), net);
    if (sg_plan_make(&plan, g, model, sg_bce(g, z, sg_input(g, "label", shape)), options) != SG_OK)
        fail_msg("%s", sg_error_text());
    sg_graph_free(g);
    float *x = sg_plan_input(plan, "x"), *label = sg_plan_input(plan, "label");
    for (size_t i = 0; i < sg_shape_len(shape); i++) {
        const int row = (int)i / shape.w % shape.h, col = (int)i % shape.w;
        label[i] = (row - 16) * (row - 16) + (col - 20) * (col - 20) < 80;
        x[i] = label[i] + .5f * (float)check_random("x", 0, i);
    }
    sg_plan_step_set(plan, &(sg_step){.training = true});
    return plan;
}

static step step_run(const sg_unet_config *net, bool bf16)
{
    step s = {0};
    if (sg_model_new(&s.model, 1) != SG_OK) fail_msg("%s", sg_error_text());
    sg_plan *plan = net_plan(net, s.model, &(sg_plan_options){.backward = true, .bf16 = bf16});
    if (sg_plan_forward(plan) != SG_OK || sg_plan_backward(plan) != SG_OK) fail_msg("%s", sg_error_text());
    s.loss = sg_plan_loss(plan);
    for (int i = 0; i < plan->count; i++) {
        s.blocked += plan->nodes[i].live && plan->nodes[i].node.form.layout != SG_NCHW;
        s.halves += plan->nodes[i].live && plan->nodes[i].node.form.type == SG_BF16;
    }
    s.count = sg_model_count(s.model);
    assert_true(s.count <= PARAMS);
    for (int i = 0; i < s.count; i++) {
        const sg_param_info *p = sg_model_at(s.model, i);
        const float *grad = sg_plan_param_grad(plan, p->name);
        s.grad[i] = check_alloc(s.len[i] = p->len);
        for (size_t j = 0; grad && j < p->len; j++) s.grad[i][j] = (double)grad[j];
    }
    sg_plan_free(plan);
    return s;
}

static void step_free(step *s)
{
    for (int i = 0; i < s->count; i++) free(s->grad[i]);
    sg_model_free(s->model);
}

static double square_distance(const double *x, const double *y, size_t len)
{
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return sum;
}

/* |x - y| / |y| over the gradients of all parameters. */
static double grads_distance(const step *x, const step *y)
{
    double difference = 0, size = 0;
    for (int i = 0; i < y->count; i++) {
        difference += square_distance(x->grad[i], y->grad[i], y->len[i]);
        for (size_t j = 0; j < y->len[i]; j++) size += y->grad[i][j] * y->grad[i][j];
    }
    return sqrt(difference / size);
}

static void test_near_float(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof net_cases / sizeof *net_cases; k++) {
        step half = step_run(&net_cases[k].net, true), whole = step_run(&net_cases[k].net, false);
        const double loss = fabs(half.loss - whole.loss) / whole.loss, grads = grads_distance(&half, &whole);
        print_message("# %s: loss %.1e off, gradients %.1e, %d values as bfloat16\n", net_cases[k].name, loss, grads,
                      half.halves);
        if (!(loss <= 2e-3)) fail_msg("%s: the loss is %.2g off", net_cases[k].name, loss);
        if (!(grads <= net_cases[k].tolerance)) fail_msg("%s: gradients are %.2g off", net_cases[k].name, grads);
        assert_int_equal(whole.halves, 0);
        assert_true(half.halves > 0);
        assert_int_equal(half.halves, half.blocked);
        step_free(&half);
        step_free(&whole);
    }
}

static void test_bits(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof net_cases / sizeof *net_cases; k++) {
        sg_threads_set(1);
        step one = step_run(&net_cases[k].net, true);
        for (int threads = 2; threads <= 3; threads++) {
            sg_threads_set(threads);
            step other = step_run(&net_cases[k].net, true);
            for (int i = 0; i < one.count; i++)
                assert_memory_equal(one.grad[i], other.grad[i], one.len[i] * sizeof(double));
            step_free(&other);
        }
        step_free(&one);
    }
    sg_threads_set(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_near_float), cmocka_unit_test(test_bits)};
    return cmocka_run_group_tests_name("bf16", tests, NULL, NULL);
}
