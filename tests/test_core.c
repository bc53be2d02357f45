/* test_core.c - the parts of core/ that no op checks: errors, memory, random numbers, sums, slices, constraints, the
 * graph's own errors, models, lifetimes. */
#include "check.h"

#include "core/memory.h"
#include "core/ops.h"
#include "core/parallel.h"
#include "core/polar_lanes.h"
#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double random_number(uint32_t element)
{
    return check_random("core", 0, element);
}

/* ---- status ---- */

static void test_status(void **state)
{
    (void)state;
    static const sg_status codes[] = {
#define CODE(code, text) code,
        SG_STATUS_LIST(CODE)};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (size_t j = 0; j < i; j++) assert_string_not_equal(sg_status_text(codes[i]), sg_status_text(codes[j]));
    assert_int_equal(sg_error_set(SG_E_RANGE, "key: %d is\noutside\t1..16", 17), SG_E_RANGE);
    assert_string_equal(sg_error_text(), "key: 17 is outside 1..16");
    assert_int_equal(sg_error_prefix(SG_E_RANGE, "file %s", "a.yaml"), SG_E_RANGE);
    assert_string_equal(sg_error_text(), "file a.yaml: key: 17 is outside 1..16");
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    for (int i = 0; i < 3; i++) (void)sg_error_prefix(sg_error_set(SG_E_IO, "%s", long_text), "%s", long_text);
    assert_true(strlen(sg_error_text()) < 2000);
}

/* ---- memory ---- */

static void test_memory(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 63, 64, 65, 100000, 3 << 20};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        unsigned char *bytes = NULL;
        assert_int_equal(SG_ALLOC(&bytes, lengths[k], "bytes"), SG_OK);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % SG_ALIGN, 0);
        for (size_t i = 0; i < lengths[k]; i++) assert_int_equal(bytes[i], 0);
        sg_free(bytes);
    }
    double *huge = NULL;
    assert_int_equal(SG_ALLOC(&huge, SIZE_MAX / 4, "the pictures"), SG_E_MEMORY);
    assert_non_null(strstr(sg_error_text(), "the pictures"));
    assert_null(huge);
    sg_free(NULL);
}

/* ---- random numbers ---- */

/* Random123's kat_vectors: counter, key, result. */
static void test_philox(void **state)
{
    (void)state;
    static const uint32_t known[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
         0x24126ea1},
    };
    for (int k = 0; k < 3; k++) {
        const uint32_t *row = known[k];
        const sg_rng rng = {.key = {row[4], row[5]}, .epoch = row[2], .stream = row[3]};
        uint32_t words[4];
        sg_rng_words(&rng, row[1], row[0], words);
        for (int i = 0; i < 4; i++) assert_int_equal(words[i], row[6 + i]);
    }
}

static void test_rng_streams(void **state)
{
    (void)state;
    const sg_rng streams[] = {sg_rng_make(1, SG_RNG_SHOT, 5, 2, 1),         sg_rng_make(2, SG_RNG_SHOT, 5, 2, 1),
                              sg_rng_make(1, SG_RNG_READ, 5, 2, 1),         sg_rng_make(1, SG_RNG_SHOT, 6, 2, 1),
                              sg_rng_make(1, SG_RNG_SHOT, 5, 3, 1),         sg_rng_make(1, SG_RNG_SHOT, 5, 2, 2),
                              sg_rng_make(1ull << 32, SG_RNG_SHOT, 5, 2, 1)};
    const size_t count = sizeof streams / sizeof *streams;
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            assert_true(sg_rng_uniform(&streams[a], 9, 0) != sg_rng_uniform(&streams[b], 9, 0)); /* 2^-32 by chance */
    assert_true(sg_rng_uniform(&streams[0], 9, 0) != sg_rng_uniform(&streams[0], 9, 1));
    assert_true(sg_rng_uniform(&streams[0], 9, 0) != sg_rng_uniform(&streams[0], 10, 0));
}

/* Mean and variance of n draws lie within 5 standard errors. */
static void test_rng_moments(void **state)
{
    (void)state;
    const sg_rng rng = sg_rng_make(3, SG_RNG_TEST, 0, 0, 0);
    const int n = 200000;
    double u = 0, u2 = 0, z = 0, z2 = 0;
    for (int i = 0; i < n; i++) {
        const double x = sg_rng_uniform(&rng, (uint32_t)i, 0), y = sg_rng_normal(&rng, (uint32_t)i, 1);
        if (!(x > 0 && x < 1)) fail_msg("uniform %g", x);
        u += x, u2 += (x - .5) * (x - .5), z += y, z2 += y * y;
    }
    const double error = 5 / sqrt((double)n);
    if (!(fabs(u / n - .5) <= error * sqrt(1. / 12))) fail_msg("mean of uniform %g", u / n);
    if (!(fabs(u2 / n - 1. / 12) <= error * sqrt(1. / 180))) fail_msg("variance of uniform %g", u2 / n);
    if (!(fabs(z / n) <= error)) fail_msg("mean of normal %g", z / n);
    if (!(fabs(z2 / n - 1) <= error * sqrt(2))) fail_msg("variance of normal %g", z2 / n);
}

static void test_shuffle(void **state)
{
    (void)state;
    enum { LEN = 1000 };
    uint32_t order[LEN], again[LEN];
    bool seen[LEN] = {0};
    int moved = 0;
    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        const sg_rng rng = sg_rng_make(3, SG_RNG_SHUFFLE, 0, epoch, 0);
        sg_rng_shuffle(&rng, epoch ? again : order, LEN);
    }
    for (int i = 0; i < LEN; i++) {
        assert_true(order[i] < LEN && !seen[order[i]]);
        seen[order[i]] = true;
        moved += order[i] != again[i];
    }
    assert_true(moved > LEN / 2);
}

/* ---- ordered sums ---- */

/* The order that the header promises: blocks of 1024, in each 16 parts, then the blocks. */
static double sum_in_order(const double *x, const double *y, size_t len)
{
    double total = 0;
    for (size_t begin = 0; begin < len; begin += 1024) {
        double part[16] = {0}, block = 0;
        for (size_t i = begin; i < begin + 1024 && i < len; i++) part[i % 16] += y ? x[i] * y[i] : x[i];
        for (int p = 0; p < 16; p++) block += part[p];
        total += block;
    }
    return total;
}

static void test_sums(void **state)
{
    (void)state;
    enum { LEN = 5000 };
    static const size_t lengths[] = {0, 1, 2, 1023, 1024, 1025, 2048, LEN};
    static double x[LEN], y[LEN];
    static float xf[LEN], yf[LEN];
    for (uint32_t i = 0; i < LEN; i++) {
        xf[i] = (float)random_number(i), yf[i] = (float)random_number(i + LEN);
        x[i] = (double)xf[i], y[i] = (double)yf[i];
    }
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
        for (int threads = 1; threads <= 3; threads++) {
            const size_t n = lengths[k];
            sg_threads_set(threads);
            assert_true(sg_sum_f64(x, n) == sum_in_order(x, NULL, n) && sg_sum_f32(xf, n) == sum_in_order(x, NULL, n));
            assert_true(sg_dot_f64(x, y, n) == sum_in_order(x, y, n) && sg_dot_f32(xf, yf, n) == sum_in_order(x, y, n));
        }
    sg_threads_set(0);
    xf[3000] = NAN, x[3000] = INFINITY;
    assert_true(isnan(sg_sum_f32(xf, LEN)) && isnan(sg_dot_f32(xf, yf, LEN)) && isinf(sg_sum_f64(x, LEN)));
    assert_false(sg_all_finite_f32(xf, LEN) || sg_all_finite_f64(x, LEN));
    assert_true(sg_all_finite_f32(xf, 3000) && sg_all_finite_f64(x, 3000));
}

/* ---- slices ---- */

enum { SLICES = 1000 };
typedef struct visits {
    int count[SLICES], bad_thread;
} visits;

static void visit(void *context, int slice, int thread)
{
    visits *v = context;
    v->count[slice]++;
    if (thread < 0 || thread >= sg_threads()) v->bad_thread = 1;
}

static void test_slices(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 2, SLICES};
    for (int threads = 1; threads <= 4; threads++)
        for (int k = 0; k < 4; k++) {
            static visits v;
            v = (visits){0};
            sg_threads_set(threads);
            assert_int_equal(sg_threads(), threads);
            sg_parallel(counts[k], visit, &v);
            for (int i = 0; i < SLICES; i++) assert_int_equal(v.count[i], i < counts[k]);
            assert_false(v.bad_thread);
        }
    sg_threads_set(0);
    assert_true(sg_threads() >= 1);
    size_t covered = 0;
    for (int b = 0; b < sg_blocks(SG_BLOCK * 2 + 5); b++)
        covered += sg_block_end(b, SG_BLOCK * 2 + 5) - sg_block_begin(b);
    assert_int_equal(covered, SG_BLOCK * 2 + 5);
}

/* ---- constraints ---- */

/* The projection is max(x - theta, 0) with the theta that makes the sum right: bisection. */
static void simplex_by_bisection(double *out, const float *x, int len, double total)
{
    double low = -300, high = 100;
    for (int step = 0; step < 200; step++) {
        double sum = 0;
        const double theta = .5 * (low + high);
        for (int i = 0; i < len; i++) sum += fmax((double)x[i] - theta, 0);
        if (sum > total)
            low = theta;
        else
            high = theta;
    }
    for (int i = 0; i < len; i++) out[i] = fmax((double)x[i] - low, 0);
}

static void test_simplex(void **state)
{
    (void)state;
    enum { LEN = 81 };
    static const double spread[] = {0, 1e-3, .1, 1, 30}, totals[] = {1, .25, 200};
    int compared = 0;
    for (int s = 0; s < 5; s++)
        for (int t = 0; t < 3; t++)
            for (int len = 1; len <= LEN; len += 20) {
                float x[LEN];
                double expected[LEN], sum = 0;
                for (int i = 0; i < len; i++) x[i] = (float)(spread[s] * random_number((uint32_t)(i + 100 * s + t)));
                simplex_by_bisection(expected, x, len, totals[t]);
                sg_constraint_project(x, SG_SHAPE(1, 1, 1, len), SG_SIMPLEX, 0, totals[t]);
                for (int i = 0; i < len; i++, compared++) {
                    sum += (double)x[i];
                    if (!(x[i] >= 0 && fabs((double)x[i] - expected[i]) <= 1e-6 * totals[t]))
                        fail_msg("simplex: %g, bisection %g", (double)x[i], expected[i]);
                }
                if (!(fabs(sum - totals[t]) <= 1e-5 * totals[t])) fail_msg("sum %g is not %g", sum, totals[t]);
            }
    assert_true(compared > 1000);
    float nan[3] = {.5f, NAN, .5f};
    sg_constraint_project(nan, SG_SHAPE(1, 1, 1, 3), SG_SIMPLEX, 0, 1);
    assert_true(isnan(nan[1]));
}

/* Isotonic regression: out_i = max over j <= i of min over k >= i of the mean of x_j .. x_k (Barlow et al. 1972). */
static double ascending_by_minimax(const float *x, int len, int i)
{
    double outer = -INFINITY;
    for (int j = 0; j <= i; j++) {
        double inner = INFINITY;
        for (int k = i; k < len; k++) {
            double sum = 0;
            for (int m = j; m <= k; m++) sum += (double)x[m];
            inner = fmin(inner, sum / (k - j + 1));
        }
        outer = fmax(outer, inner);
    }
    return outer;
}

static void test_ascending(void **state)
{
    (void)state;
    enum { ROWS = 20, LEN = 15 };
    float x[ROWS * LEN], before[ROWS * LEN];
    for (int i = 0; i < ROWS * LEN; i++) x[i] = before[i] = (float)(random_number((uint32_t)i) + .02 * (i % LEN));
    sg_constraint_project(x, SG_SHAPE(1, 4, 5, LEN), SG_ASCENDING, 0, 0);
    for (int row = 0; row < ROWS; row++)
        for (int i = 0; i < LEN; i++) {
            const double expected = ascending_by_minimax(before + row * LEN, LEN, i), found = (double)x[row * LEN + i];
            if (!(fabs(found - expected) <= 1e-6)) fail_msg("row %d, %d: %g, minimax %g", row, i, found, expected);
            if (i > 0) assert_true(x[row * LEN + i] >= x[row * LEN + i - 1]);
        }
}

static void test_box(void **state)
{
    (void)state;
    float x[5] = {-2, .25f, 3, NAN, 1}, y[5] = {-2, .25f, 3, NAN, -0.f};
    sg_constraint_project(x, SG_SHAPE(1, 1, 1, 5), SG_BOX, 0, 1);
    assert_true(x[0] == 0 && x[1] == .25f && x[2] == 1 && isnan(x[3]) && x[4] == 1);
    sg_constraint_project(y, SG_SHAPE(1, 1, 1, 5), SG_NON_NEGATIVE, 0, 0);
    assert_true(y[0] == 0 && y[1] == .25f && y[2] == 3 && isnan(y[3]));
    float z[2] = {-7, 7};
    sg_constraint_project(z, SG_SHAPE(1, 1, 1, 2), SG_FREE, 0, 1);
    assert_true(z[0] == -7 && z[1] == 7);
}

/* ---- the graph's errors ---- */

static void expect_plan_error(sg_graph *g, sg_value root, sg_status status, const char *const *parts)
{
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    assert_int_equal(sg_plan_make(&plan, g, model, root, &(sg_plan_options){0}), status);
    assert_null(plan);
    for (; *parts; parts++)
        if (!strstr(sg_error_text(), *parts)) fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), *parts);
    sg_model_free(model);
    sg_graph_free(g);
}

static void test_sticky_error(void **state)
{
    (void)state;
    sg_graph *g = sg_graph_new();
    sg_value a = sg_input(g, "a", SG_SHAPE(1, 2, 3, 4)), b = sg_input(g, "b", SG_SHAPE(1, 2, 3, 5));
    sg_value wrong = sg_combine(g, a, 1, b, 1);
    assert_true(wrong.id < 0);
    assert_true(sg_combine(g, a, 1, a, 1).id < 0); /* nothing is built after the first error */
    assert_true(sg_input(g, "c", SG_SHAPE(1, 1, 1, 0)).id < 0);
    assert_int_equal(sg_shape_len(sg_value_shape(g, wrong)), 0);
    expect_plan_error(g, wrong, SG_E_SHAPE, (const char *const[]){"combine", "(1, 2, 3, 4)", "(1, 2, 3, 5)", NULL});
}

static void test_leaf_errors(void **state)
{
    (void)state;
    const sg_param_spec spec = {.init = SG_INIT_CONSTANT};
    sg_graph *g = sg_graph_new();
    (void)sg_param(g, "unet.head.bias", SG_SHAPE(1, 1, 1, 3), &spec);
    assert_true(sg_param(g, "unet.head.bias", SG_SHAPE(1, 1, 1, 3), &spec).id >= 0);
    sg_value v = sg_param(g, "unet.head.bias", SG_SHAPE(1, 1, 1, 4), &spec);
    expect_plan_error(g, v, SG_E_SHAPE, (const char *const[]){"unet.head.bias", NULL});

    g = sg_graph_new();
    v = sg_input(g, "picture", SG_SHAPE(1, 1, 0, 4));
    expect_plan_error(g, v, SG_E_SHAPE, (const char *const[]){"picture", "(1, 1, 0, 4)", NULL});

    g = sg_graph_new();
    v = sg_input(g, "picture", SG_SHAPE(1 << 20, 1 << 10, 1 << 10, 1 << 10));
    expect_plan_error(g, v, SG_E_SHAPE, (const char *const[]){"picture", NULL});

    g = sg_graph_new();
    (void)sg_input(g, "picture", SG_SHAPE(1, 1, 4, 4));
    v = sg_input(g, "picture", SG_SHAPE(1, 1, 4, 4));
    expect_plan_error(g, v, SG_E_USAGE, (const char *const[]){"picture", NULL});
}

static void test_no_graph(void **state)
{
    (void)state;
    sg_plan *plan = NULL;
    sg_value a = sg_input(NULL, "a", SG_SHAPE(1, 1, 1, 1));
    assert_true(a.id < 0 && sg_combine(NULL, a, 1, SG_NONE, 0).id < 0);
    assert_int_equal(sg_plan_make(&plan, NULL, NULL, a, &(sg_plan_options){0}), SG_E_MEMORY);
    sg_graph *g = sg_graph_new();
    (void)sg_input(g, "a", SG_SHAPE(1, 1, 1, 1));
    expect_plan_error(g, SG_NONE, SG_E_USAGE, (const char *const[]){"root", NULL});
    sg_graph_free(NULL);
    sg_plan_free(NULL);
    sg_model_free(NULL);
}

/* ---- models ---- */

static void test_model(void **state)
{
    (void)state;
    static const sg_param_spec specs[2] = {
        {.init = SG_INIT_NORMAL, .init_a = 2, .init_b = .5},
        {.init = SG_INIT_UNIFORM, .init_a = 0, .init_b = 1, .constraint = SG_SIMPLEX, .hi = 3}};
    static const char *const names[2] = {"unet.head.weight", "microscope.led.weight"};
    const sg_shape shape = SG_SHAPE(1, 1, 9, 9);
    sg_model *model[2] = {0};
    sg_param_info *p[2][2];
    for (int m = 0; m < 2; m++) {
        assert_int_equal(sg_model_new(&model[m], 5), SG_OK);
        for (int k = 0; k < 2; k++) { /* the second model meets them in the other order */
            const int which = m ? 1 - k : k;
            assert_int_equal(sg_model_param(&p[m][which], model[m], names[which], shape, &specs[which]), SG_OK);
        }
    }
    for (int k = 0; k < 2; k++) assert_memory_equal(p[0][k]->value, p[1][k]->value, 81 * sizeof(float));
    if (!(fabs(sg_sum_f32(p[0][1]->value, 81) - 3) <= 1e-5)) fail_msg("a new parameter is not projected");
    sg_param_info *again = NULL;
    assert_int_equal(sg_model_param(&again, model[0], names[0], shape, &specs[0]), SG_OK);
    assert_ptr_equal(again, p[0][0]);
    for (int i = 0; i < 200; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(sg_model_param(&again, model[0], name, shape, &specs[0]), SG_OK);
    }
    assert_ptr_equal(sg_model_find(model[0], names[0]), p[0][0]); /* pointers stay */
    assert_int_equal(sg_model_count(model[0]), 202);
    assert_int_equal(sg_model_param(&again, model[0], names[0], SG_SHAPE(1, 1, 9, 8), &specs[0]), SG_E_SHAPE);
    assert_non_null(strstr(sg_error_text(), names[0]));
    assert_null(sg_model_find(model[0], "no such"));
    for (int m = 0; m < 2; m++) sg_model_free(model[m]);
}

/* ---- plans of a random graph ---- */

enum { NODES = 60, LEAVES = 4, NUMBERS = 35 };
static const sg_shape web_shape = {1, 1, 5, 7};

/* A web of sums in which values live for any time, are used twice or never; `out` and `early` are named outputs. */
static sg_value random_web(sg_graph *g, uint32_t web)
{
    sg_value value[LEAVES + NODES];
    for (int i = 0; i < LEAVES; i++) {
        const char *name = sg_graph_text(g, "leaf%d", i);
        const sg_param_spec spec = {.init = SG_INIT_NORMAL, .init_b = 1};
        value[i] = i % 2 ? sg_param(g, name, web_shape, &spec) : sg_variable(g, name, web_shape, false);
    }
    for (int i = LEAVES; i < LEAVES + NODES; i++) {
        const int newest = i < 6 ? i : 6; /* mostly recent values, sometimes old ones */
        const int a = i - 1 - (int)((random_number(web + 2 * (uint32_t)i) + 1) / 2 * newest);
        const int b = (int)((random_number(web + 2 * (uint32_t)i + 1) + 1) / 2 * i);
        value[i] = sg_combine(g, value[a], .9, i % 7 ? value[b] : SG_NONE, -.6);
    }
    sg_output(g, "early", value[LEAVES + 3]);
    return value[LEAVES + NODES - 1];
}

typedef struct web_result {
    float out[NUMBERS], early[NUMBERS], grad[LEAVES][NUMBERS];
    sg_plan_info info;
} web_result;

static void run_web(web_result *result, uint32_t web, unsigned without)
{
    sg_graph *g = sg_graph_new();
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    float seed[NUMBERS];
    char name[16];
    *result = (web_result){0};
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    const sg_value root = random_web(g, web);
    if (sg_plan_make(&plan, g, model, root, &(sg_plan_options){.backward = true, .without = without}) != SG_OK)
        fail_msg("%s", sg_error_text());
    sg_graph_free(g); /* the plan has copied what it needs */
    for (int run = 0; run < 2; run++) {
        for (int i = 0; i < LEAVES; i += 2) {
            (void)snprintf(name, sizeof name, "leaf%d", i);
            float *in = sg_plan_input(plan, name);
            for (int k = 0; in && k < NUMBERS; k++) in[k] = (float)random_number((uint32_t)(1000 * i + k));
        }
        for (int k = 0; k < NUMBERS; k++) seed[k] = (float)random_number((uint32_t)(7000 + k));
        assert_int_equal(sg_plan_forward(plan), SG_OK);
        memcpy(result->out, sg_plan_root(plan), sizeof result->out);
        assert_int_equal(sg_plan_backward_from(plan, seed), SG_OK);
    }
    memcpy(result->early, sg_plan_output(plan, "early"), sizeof result->early); /* kept to the end */
    for (int i = 0; i < LEAVES; i++) {
        (void)snprintf(name, sizeof name, "leaf%d", i);
        const void *grad = i % 2 ? sg_plan_param_grad(plan, name) : sg_plan_input_grad(plan, name);
        if (grad) memcpy(result->grad[i], grad, sizeof result->grad[i]);
    }
    sg_plan_info_get(plan, &result->info);
    sg_plan_free(plan);
    sg_model_free(model);
}

static void test_lifetimes(void **state)
{
    (void)state;
    int shared = 0;
    double size = 0;
    for (uint32_t web = 0; web < 200; web++) {
        static web_result with, without;
        run_web(&with, 1000 * web, 0);
        run_web(&without, 1000 * web, SG_PASS_LIFETIME);
        if (memcmp(with.out, without.out, sizeof with.out) != 0 ||
            memcmp(with.early, without.early, sizeof with.early) != 0 ||
            memcmp(with.grad, without.grad, sizeof with.grad) != 0)
            fail_msg("web %u: shared memory gives other bits", web);
        size += check_max_abs(&(double){(double)with.grad[0][0]}, 1) + fabs((double)with.out[0]);
        shared += with.info.arena_bytes < with.info.unshared_bytes;
        assert_true(with.info.arena_bytes <= without.info.arena_bytes);
    }
    assert_true(size > 0);
    assert_true(shared > 190);
}

static void test_plan_states(void **state)
{
    (void)state;
    sg_graph *g = sg_graph_new();
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    sg_value x = sg_variable(g, "x", SG_SHAPE(1, 1, 64, 64), false), y = sg_combine(g, x, 2, x, 3);
    assert_int_equal(sg_plan_make(&plan, g, model, y, &(sg_plan_options){.max_bytes = 1000}), SG_E_MEMORY);
    assert_non_null(strstr(sg_error_text(), "MiB"));
    assert_int_equal(sg_plan_make(&plan, g, model, y, &(sg_plan_options){0}), SG_OK);
    assert_int_equal(sg_plan_forward(plan), SG_OK);
    assert_int_equal(sg_plan_backward(plan), SG_E_STATE);
    assert_null(sg_plan_input(plan, "no such"));
    assert_null(sg_plan_input_grad(plan, "x"));
    sg_plan_free(plan);
    assert_int_equal(sg_plan_make(&plan, g, model, y, &(sg_plan_options){.backward = true}), SG_OK);
    assert_int_equal(sg_plan_backward(plan), SG_E_SHAPE);
    sg_plan_free(plan);
    sg_graph_free(g);
    sg_model_free(model);
}

/* A value used twice by one op has both gradients. */
static void test_used_twice(void **state)
{
    (void)state;
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    sg_value x = sg_variable(g, "x", SG_SHAPE(1, 1, 1, 1), false),
             y = sg_combine(g, sg_combine(g, x, 2, x, 3), 1, x, 10);
    assert_int_equal(sg_plan_make(&plan, g, NULL, y, &(sg_plan_options){.backward = true}), SG_OK);
    for (int run = 0; run < 3; run++) {
        *(float *)sg_plan_input(plan, "x") = 4;
        assert_int_equal(sg_plan_forward(plan), SG_OK);
        assert_int_equal(sg_plan_backward(plan), SG_OK);
        assert_true(sg_plan_loss(plan) == 60 && *(float *)sg_plan_input_grad(plan, "x") == 15);
    }
    sg_plan_free(plan);
    sg_graph_free(g);
}

/* A parameter that is not finite, or becomes so: the step is refused, the op named, the weights left alone. */
static void test_not_finite(void **state)
{
    (void)state;
    static const struct {
        float weight, sample;
        const char *says;
    } cases[] = {{NAN, 1, "w"}, {INFINITY, 1, "w"}, {3e38f, 3, "combine"}, {1, NAN, "sample"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sg_graph *g = sg_graph_new();
        sg_model *model = NULL;
        sg_plan *plan = NULL;
        assert_int_equal(sg_model_new(&model, 1), SG_OK);
        const sg_value w = sg_param(g, "w", SG_SHAPE(1, 1, 1, 1), &(sg_param_spec){.init_a = 1});
        const sg_value x = sg_input(g, "sample", SG_SHAPE(1, 1, 1, 1));
        const sg_value y = sg_combine(g, w, 3, x, 1);
        assert_int_equal(sg_plan_make(&plan, g, model, y, &(sg_plan_options){.backward = true}), SG_OK);
        float *weight = sg_model_find(model, "w")->value, before = cases[i].weight;
        *weight = before;
        *(float *)sg_plan_input(plan, "sample") = cases[i].sample;
        assert_int_equal(sg_plan_forward(plan), SG_E_NUMERIC);
        if (!strstr(sg_error_text(), cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), cases[i].says);
        assert_memory_equal(weight, &before, sizeof before);
        *weight = 1;
        *(float *)sg_plan_input(plan, "sample") = 1;
        assert_int_equal(sg_plan_forward(plan), SG_OK); /* and the plan still works */
        sg_plan_free(plan);
        sg_graph_free(g);
        sg_model_free(model);
    }
}

/* exp, cos and sin in lanes against libm in double, over their whole stated range. */
static void test_polar_lanes(void **state)
{
    double worst_exp = 0, worst_turn = 0;
    (void)state;
    for (int i = -200000; i <= 200000; i++) {
        const float x = (float)i * 4.3e-4F, phi = (float)i * .0409F;
        float c, s;
        sg_lane_cos_sin_f32(phi, &c, &s);
        worst_exp = fmax(worst_exp, fabs((double)sg_lane_exp_f32(x) / exp((double)x) - 1));
        worst_turn = fmax(worst_turn, fmax(fabs((double)c - cos((double)phi)), fabs((double)s - sin((double)phi))));
    }
    printf("# exp in lanes: %.2g of its value; cos, sin: %.2g\n", worst_exp, worst_turn);
    assert_true(worst_exp <= 2e-7 && worst_exp > 0);
    assert_true(worst_turn <= 2e-7 && worst_turn > 0);
    float c, s;
    sg_lane_cos_sin_f32(NAN, &c, &s);
    assert_true(isnan(c) && isnan(s) && isnan(sg_lane_exp_f32(NAN)));
    assert_true(sg_lane_exp_f32(-1e9F) < 2e-38F && sg_lane_exp_f32(0) == 1 && sg_lane_exp_f32(1e9F) > 1e38F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),       cmocka_unit_test(test_memory),      cmocka_unit_test(test_philox),
        cmocka_unit_test(test_rng_streams),  cmocka_unit_test(test_rng_moments), cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_polar_lanes),  cmocka_unit_test(test_sums),        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_simplex),      cmocka_unit_test(test_ascending),   cmocka_unit_test(test_box),
        cmocka_unit_test(test_sticky_error), cmocka_unit_test(test_leaf_errors), cmocka_unit_test(test_no_graph),
        cmocka_unit_test(test_model),        cmocka_unit_test(test_lifetimes),   cmocka_unit_test(test_plan_states),
        cmocka_unit_test(test_used_twice),   cmocka_unit_test(test_not_finite),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
