/* test_ops.c - every row of the op table, every case of its generator: gradient, adjoint, accumulation, mutants, float
 * against double, fast against plain kernels, the same bits at any thread count (PHYSICS 7.8, HABITS 8). A new row
 * needs no new test here; one without what the checks need fails. SG_TEST_ONLY='grad conv*' runs some of them. */
#include "check.h"
#include "spoil.h"

#include "core/parallel.h"
#include "pipeline/op_table.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIRECTIONS = 3, ELEMENTS = 160, PROBES = CHECK_LEAVES * (DIRECTIONS + ELEMENTS), CASES_MAX = 1000 };

static const sg_plan_options plan_f64 = {.backward = true, .f64 = true};
static const sg_plan_options plan_plain = {.backward = true, .reference = true};
static const sg_plan_options plan_fast = {.backward = true};

static const sg_op *row_of(void **state)
{
    return *state;
}

/* ---- gradients against central differences ---- */

/* One derivative of L = <seed, root>: along a random direction, or of one element; in fractions of the leaf's width. */
typedef struct probe {
    int leaf, direction; /* direction < 0: `element` alone */
    size_t element;
    double numeric, scale, tolerance;
} probe;

typedef struct probe_list {
    int count;
    probe at[PROBES];
} probe_list;

static double component(const check_case *c, const probe *p, size_t i)
{
    static const char *const stream[DIRECTIONS] = {"direction 0", "direction 1", "direction 2"};
    if (p->direction < 0) return i == p->element ? 1 : 0;
    return check_random(stream[p->direction], c->index * CHECK_LEAVES + p->leaf, i);
}

static double loss(const check_case *c)
{
    long double sum = 0;
    for (size_t i = 0; i < c->out_len; i++) sum += (long double)c->out[i] * (long double)c->seed[i];
    return (double)sum;
}

/* What a difference of losses is measured against where the gradient is zero. */
static double loss_scale(const check_case *c)
{
    double sum = 0;
    for (size_t i = 0; i < c->out_len; i++) sum += fabs(c->out[i] * c->seed[i]);
    return sum;
}

static double analytic(const check_case *c, const probe *p)
{
    const check_leaf *leaf = &c->leaf[p->leaf];
    if (p->direction < 0) return leaf->width * leaf->grad[p->element];
    long double sum = 0;
    for (size_t i = 0; i < leaf->len; i++) sum += (long double)leaf->grad[i] * (long double)component(c, p, i);
    return leaf->width * (double)sum;
}

static double loss_at(check_case *c, const probe *p, double step, const double *start)
{
    check_leaf *leaf = &c->leaf[p->leaf];
    if (p->direction < 0)
        leaf->value[p->element] = start[p->element] + step * leaf->width;
    else
        for (size_t i = 0; i < leaf->len; i++) leaf->value[i] = start[i] + step * leaf->width * component(c, p, i);
    check_case_forward(c, c->op->surrogate_forward != NULL);
    memcpy(leaf->value, start, leaf->len * sizeof *start);
    return loss(c);
}

/* Fourth-order central difference: exact for polynomials up to the fourth degree. */
static double difference(check_case *c, const probe *p, double step, const double *start)
{
    const double near = loss_at(c, p, step, start) - loss_at(c, p, -step, start);
    const double far = loss_at(c, p, 2 * step, start) - loss_at(c, p, -2 * step, start);
    return (8 * near - far) / (12 * step);
}

static double probe_error(const check_case *c, const probe *p)
{
    return fabs(p->numeric - analytic(c, p)) / p->scale;
}

/* Large steps have little rounding, small ones cross no kink: the first that agrees is kept, else the best. */
static void measure(check_case *c, probe *p, double floor_scale, const double *start)
{
    static const double steps[] = {1e-1, 1e-3, 1e-4, 1e-5, 1e-6};
    const check_leaf *leaf = &c->leaf[p->leaf];
    double best = NAN, best_numeric = NAN, best_scale = 1, norm = 0;
    for (size_t i = 0; i < leaf->len; i++) norm += leaf->grad[i] * leaf->grad[i];
    const double typical = p->direction < 0 ? check_max_abs(leaf->grad, leaf->len) : .3 * sqrt(norm);
    for (size_t k = p->tolerance < 1e-8 ? 0u : 1u; k < sizeof steps / sizeof *steps && !(best <= p->tolerance); k++) {
        p->numeric = difference(c, p, steps[k], start);
        p->scale = fmax(fmax(fabs(p->numeric), leaf->width * typical), floor_scale);
        if (!(p->scale > 0)) p->scale = 1;
        const double error = probe_error(c, p);
        if (error <= best || isnan(best)) best = error, best_numeric = p->numeric, best_scale = p->scale;
    }
    p->numeric = best_numeric;
    p->scale = best_scale;
}

/* The row's node in the case: the root, or what stands before an activation. */
static const sg_node *row_node(const check_case *c)
{
    int id = c->root.id;
    while (id > 0 && c->graph->entries[id].node.op != c->op) id--;
    return &c->graph->entries[id].node;
}

static bool is_first_input(const check_case *c, int leaf)
{
    const sg_node *node = row_node(c);
    return node->input_count > 0 && node->inputs[0] >= 0 &&
           !strcmp(c->graph->entries[node->inputs[0]].node.name, c->leaf[leaf].name);
}

static void add_probes(const check_case *c, int k, probe_list *list)
{
    const check_leaf *leaf = &c->leaf[k];
    const double tolerance = c->op->linear && is_first_input(c, k) ? 1e-9 : 1e-7;
    for (int d = 0; d < DIRECTIONS; d++)
        list->at[list->count++] = (probe){.leaf = k, .direction = d, .tolerance = tolerance};
    const size_t count = leaf->len < ELEMENTS ? leaf->len : ELEMENTS;
    for (size_t i = 0; i < count; i++) /* all of a small input, else evenly spread ones, the last included */
        list->at[list->count++] = (probe){
            .leaf = k, .direction = -1, .element = leaf->len - 1 - i * leaf->len / count, .tolerance = tolerance};
}

/* Forward, backward, then the differences of every leaf that wants a gradient. */
static void probe_case(check_case *c, probe_list *list)
{
    list->count = 0;
    check_case_forward(c, false);
    const double floor_scale = 1e-5 * loss_scale(c);
    check_case_backward(c);
    /* What surrogates hold fixed is what this forward saved. */
    check_case_forward(c, false);
    for (int k = 0; k < c->leaves; k++) {
        if (!c->leaf[k].wants_grad) continue;
        const int first = list->count;
        double *start = check_alloc(c->leaf[k].len);
        memcpy(start, c->leaf[k].value, c->leaf[k].len * sizeof *start);
        add_probes(c, k, list);
        for (int p = first; p < list->count; p++) measure(c, &list->at[p], floor_scale, start);
        free(start);
    }
}

/* The first probe that the gradients in `c` contradict; NULL if none. */
static const probe *contradiction(const check_case *c, const probe_list *list)
{
    for (int i = 0; i < list->count; i++)
        if (!(probe_error(c, &list->at[i]) <= list->at[i].tolerance)) return &list->at[i];
    return NULL;
}

static void fail_probe(const check_case *c, const probe *p)
{
    char where[64];
    (void)snprintf(where, sizeof where, p->direction < 0 ? "element %zu" : "direction %zu",
                   p->direction < 0 ? p->element : (size_t)p->direction);
    fail_msg("%s case %d, d/d%s %s: backward %.12g, differences %.12g, relative error %.2e > %.0e; rerun: "
             "SG_TEST_ONLY='grad %s' test_ops",
             c->op->name, c->index, c->leaf[p->leaf].name, where, analytic(c, p), p->numeric, probe_error(c, p),
             p->tolerance, c->op->name);
}

/* Number of derivatives compared; in evaluation other code paths run. */
static int grad_holds(const sg_op *op, bool training)
{
    static probe_list list;
    check_case c;
    int compared = 0;
    for (int i = 0; i < CASES_MAX && check_case_open(&c, op, i, &plan_f64, NULL); i++) {
        sg_plan_step_set(c.plan, &(sg_step){.seed = 11, .epoch = training, .training = training});
        probe_case(&c, &list);
        const probe *wrong = contradiction(&c, &list);
        if (wrong) fail_probe(&c, wrong);
        compared += list.count;
        check_case_close(&c);
    }
    return compared;
}

static void test_grad(void **state)
{
    const sg_op *op = row_of(state);
    const int training = grad_holds(op, true), evaluation = grad_holds(op, false);
    print_message("# grad %s: %d derivatives in training, %d in evaluation\n", op->name, training, evaluation);
    assert_true(training > 0 && evaluation > 0);
}

/* ---- mutants ---- */

static int killed_in_all, mutants_in_all;

static void run_mutants(check_case *c, const probe_list *list, int *killed, int *total)
{
    for (int input = 0; input < SG_MAX_INPUTS; input++)
        for (spoil_kind kind = SPOIL_SIGN; kind < SPOIL_KINDS; kind++) {
            spoil_set(kind, input);
            check_case_forward(c, false);
            check_case_backward(c);
            if (!spoil_wanted()) break;
            if (!spoil_changed()) continue; /* this one leaves the numbers as they are: nothing to notice */
            (*total)++;
            if (contradiction(c, list))
                (*killed)++;
            else
                print_message("# survived: %s case %d input %d %s\n", c->op->name, c->index, input, spoil_name[kind]);
        }
    spoil_set(SPOIL_NOTHING, 0);
}

static void test_mutants(void **state)
{
    static probe_list list;
    const sg_op *op = row_of(state), *stand_in = spoil_row(op);
    check_case c;
    int killed = 0, total = 0;
    for (int i = 0; i < CASES_MAX && check_case_open(&c, op, i, &plan_f64, stand_in); i++) {
        probe_case(&c, &list);
        if (contradiction(&c, &list)) fail_msg("%s case %d is wrong before it is spoilt", op->name, i);
        run_mutants(&c, &list, &killed, &total);
        check_case_close(&c);
    }
    killed_in_all += killed;
    mutants_in_all += total;
    print_message("# mutants of %s killed: %d/%d\n", op->name, killed, total);
    assert_true(total > 0);
    assert_int_equal(killed, total);
}

static void test_mutants_total(void **state)
{
    (void)state;
    print_message("# mutants killed: %d/%d\n", killed_in_all, mutants_in_all);
    assert_true(mutants_in_all > 0);
    assert_int_equal(killed_in_all, mutants_in_all);
}

/* ---- <A x, y> = <x, A' y> ---- */

static double dot(const double *x, const double *y, size_t len)
{
    long double sum = 0;
    for (size_t i = 0; i < len; i++) sum += (long double)x[i] * (long double)y[i];
    return (double)sum;
}

/* A x = f(x) - f(0): a bias is no part of it. */
static bool adjoint_holds(check_case *c, int k)
{
    check_leaf *leaf = &c->leaf[k];
    double *x = check_alloc(leaf->len), *fx = check_alloc(c->out_len);
    memcpy(x, leaf->value, leaf->len * sizeof *x);
    check_case_forward(c, false);
    memcpy(fx, c->out, c->out_len * sizeof *fx);
    check_case_backward(c);
    const double right = dot(x, leaf->grad, leaf->len);
    memset(leaf->value, 0, leaf->len * sizeof *x);
    check_case_forward(c, false);
    for (size_t i = 0; i < c->out_len; i++) fx[i] -= c->out[i];
    const double left = dot(fx, c->seed, c->out_len);
    const double scale = sqrt(dot(fx, fx, c->out_len)) * sqrt(dot(c->seed, c->seed, c->out_len));
    const bool holds = fabs(left - right) <= 1e-12 * fmax(fabs(left), .1 * scale);
    if (!holds) print_message("# %s case %d: <Ax,y> = %.17g, <x,A'y> = %.17g\n", c->op->name, c->index, left, right);
    free(x);
    free(fx);
    return holds && scale > 0;
}

static void test_adjoint(void **state)
{
    const sg_op *op = row_of(state);
    check_case c;
    int compared = 0;
    for (int i = 0; i < CASES_MAX && check_case_open(&c, op, i, &plan_f64, NULL); i++) {
        for (int k = 0; k < c.leaves; k++) {
            if (!is_first_input(&c, k) || !c.leaf[k].wants_grad) continue;
            if (!adjoint_holds(&c, k)) fail_msg("%s case %d: backward is not the adjoint", op->name, i);
            compared++;
        }
        check_case_close(&c);
    }
    assert_true(compared > 0);
}

/* ---- backward adds; `fresh` writes everything ---- */

static void compare_grads(const check_case *c, double **before, double tolerance, const char *what)
{
    for (int k = 0; k < c->leaves; k++) {
        const check_leaf *leaf = &c->leaf[k];
        if (!leaf->wants_grad) continue;
        const double error = check_distance(leaf->grad, before[k], leaf->len, 0);
        if (!(error <= tolerance * (1 + check_max_abs(before[k], leaf->len))))
            fail_msg("%s case %d, gradient of %s %s: off by %g", c->op->name, c->index, leaf->name, what, error);
    }
}

static void run_spoilt(check_case *c, spoil_kind kind)
{
    spoil_set(kind, 0);
    check_case_forward(c, false);
    check_case_backward(c);
}

static int adds_in_plan(const sg_op *op, const sg_plan_options *options, bool training, double tolerance)
{
    const sg_op *stand_in = spoil_row(op);
    check_case c;
    int compared = 0;
    for (int i = 0; i < CASES_MAX && check_case_open(&c, op, i, options, stand_in); i++) {
        double *before[CHECK_LEAVES] = {0};
        sg_plan_step_set(c.plan, &(sg_step){.seed = 11, .epoch = training, .training = training});
        run_spoilt(&c, SPOIL_NOTHING);
        for (int k = 0; k < c.leaves; k++) {
            if (!c.leaf[k].wants_grad) continue;
            before[k] = check_alloc(c.leaf[k].len);
            memcpy(before[k], c.leaf[k].grad, c.leaf[k].len * sizeof(double));
            compared++;
        }
        run_spoilt(&c, SPOIL_NOISE);
        compare_grads(&c, before, tolerance, "does not add to what is there");
        if (op->sets_fresh) run_spoilt(&c, SPOIL_FRESH);
        compare_grads(&c, before, tolerance, "is not written everywhere");
        for (int k = 0; k < c.leaves; k++) free(before[k]);
        check_case_close(&c);
    }
    return compared;
}

static void test_adds(void **state)
{
    const sg_op *op = row_of(state);
    for (int training = 0; training < 2; training++) {
        assert_true(adds_in_plan(op, &plan_f64, training, 1e-12) > 0);
        assert_true(adds_in_plan(op, &plan_fast, training, 3e-6) > 0); /* plain kernels have float code of their own */
    }
}

/* ---- float against double, fast against plain, passes on and off ---- */

/* Draws and roundings jump: one element in fifty of such a row may fall on the other side in float. */
static size_t outliers(const sg_op *op, size_t len)
{
    return op->surrogate ? 1 + len / 50 : 0;
}

typedef struct numbers {
    const char *what;
    double *x; /* the case's own memory */
    size_t len;
} numbers;

/* The result and every gradient. */
static int numbers_of(const check_case *c, numbers out[CHECK_LEAVES + 1])
{
    int count = 0;
    out[count++] = (numbers){"the result", c->out, c->out_len};
    for (int k = 0; k < c->leaves; k++)
        if (c->leaf[k].wants_grad) out[count++] = (numbers){c->leaf[k].name, c->leaf[k].grad, c->leaf[k].len};
    return count;
}

static void open_and_run(check_case *c, const sg_op *op, int index, const sg_plan_options *options)
{
    if (!check_case_open(c, op, index, options, NULL)) fail_msg("%s case %d vanished", op->name, index);
    check_case_forward(c, false);
    check_case_backward(c);
}

/* What the fast rows of the case's ops say of their errors. */
static double stated_error(const check_case *c)
{
    double error = 0;
    for (int id = 0; id <= c->root.id; id++) {
        const sg_op *op = c->graph->entries[id].node.op;
        for (int k = 0; op && k < SG_FAST_MAX && op->fast[k]; k++) error = fmax(error, op->fast[k]->error);
    }
    return error;
}

/* Errors of `tried` against double, at most 4 times those of `plain` and a few units in the last place, or what a row
 * states. */
static void compare_fast(const check_case *exact, const check_case *plain, const check_case *tried, double stated,
                         const char *what)
{
    numbers e[CHECK_LEAVES + 1], p[CHECK_LEAVES + 1], t[CHECK_LEAVES + 1];
    const int count = numbers_of(exact, e);
    (void)numbers_of(plain, p);
    (void)numbers_of(tried, t);
    for (int k = 0; k < count; k++) {
        const size_t skip = outliers(exact->op, e[k].len);
        const double plain_error = check_distance(p[k].x, e[k].x, e[k].len, skip);
        const double error = check_distance(t[k].x, e[k].x, e[k].len, skip);
        if (!(error <= 4 * plain_error + fmax(stated, 4 * 0x1p-23) * check_max_abs(e[k].x, e[k].len)))
            fail_msg("%s case %d, %s, %s: error %.3g, plain float %.3g, largest %.3g", exact->op->name, exact->index,
                     what, e[k].what, error, plain_error, check_max_abs(e[k].x, e[k].len));
    }
}

static void test_float(void **state)
{
    const sg_op *op = row_of(state);
    check_case exact, plain;
    int cases = 0;
    double worst = 0;
    for (int i = 0; i < CASES_MAX && check_case_open(&exact, op, i, &plan_f64, NULL); i++, cases++) {
        check_case_forward(&exact, false);
        check_case_backward(&exact);
        open_and_run(&plain, op, i, &plan_plain);
        numbers e[CHECK_LEAVES + 1], p[CHECK_LEAVES + 1];
        const int count = numbers_of(&exact, e);
        (void)numbers_of(&plain, p);
        for (int k = 0; k < count; k++) {
            const double error = check_distance(p[k].x, e[k].x, e[k].len, outliers(op, e[k].len));
            const double scale = check_max_abs(e[k].x, e[k].len);
            if (!(error <= 1e-4 * scale + 1e-30))
                fail_msg("%s case %d, %s: float is %.3g off, largest %.3g", op->name, i, e[k].what, error, scale);
            if (scale > 0 && error / scale > worst) worst = error / scale;
        }
        check_case_close(&exact);
        check_case_close(&plain);
    }
    print_message("# float %s: %.1e of the largest\n", op->name, worst);
    assert_true(cases > 0);
}

/* Counts the case for the fast row that gets it. */
static void count_taken(int taken[SG_FAST_MAX], const sg_op *op, const sg_node *node)
{
    int k = 0;
    while (k < SG_FAST_MAX && op->fast[k] && !op->fast[k]->takes(node, true)) k++;
    if (k < SG_FAST_MAX && op->fast[k]) taken[k]++;
}

static void test_fast(void **state)
{
    static const unsigned without[] = {0, SG_PASS_FUSE, SG_PASS_LAYOUT, SG_PASS_LIFETIME, SG_PASS_CONCAT, SG_PASS_MASK,
                                       31};
    const sg_op *op = row_of(state);
    check_case exact, plain, tried;
    int taken[SG_FAST_MAX] = {0};
    for (int i = 0; i < CASES_MAX && check_case_open(&exact, op, i, &plan_f64, NULL); i++) {
        check_case_forward(&exact, false);
        check_case_backward(&exact);
        open_and_run(&plain, op, i, &plan_plain);
        count_taken(taken, op, row_node(&exact));
        for (size_t k = 0; k < sizeof without / sizeof *without; k++) {
            char what[64];
            (void)snprintf(what, sizeof what, "fast %s without passes %u", op->name, without[k]);
            open_and_run(&tried, op, i, &(sg_plan_options){.backward = true, .without = without[k]});
            compare_fast(&exact, &plain, &tried, stated_error(&exact), what);
            check_case_close(&tried);
        }
        open_and_run(&tried, op, i, &(sg_plan_options){.backward = true, .direct = true});
        compare_fast(&exact, &plain, &tried, 0, "direct");
        check_case_close(&tried);
        check_case_close(&exact);
        check_case_close(&plain);
    }
    for (int k = 0; k < SG_FAST_MAX && op->fast[k]; k++) {
        print_message("# fast %s (%s): takes %d cases\n", op->name, op->fast[k]->name, taken[k]);
        assert_true(taken[k] > 0);
    }
}

/* ---- the same bits ---- */

static void same_bits(const check_case *a, const check_case *b, const char *what)
{
    numbers x[CHECK_LEAVES + 1], y[CHECK_LEAVES + 1];
    const int count = numbers_of(a, x);
    (void)numbers_of(b, y);
    for (int k = 0; k < count; k++)
        if (memcmp(x[k].x, y[k].x, x[k].len * sizeof(double)) != 0)
            fail_msg("%s case %d, %s: other bits %s", a->op->name, a->index, x[k].what, what);
}

static int same_bits_in_plan(const sg_op *op, const sg_plan_options *options)
{
    static const int threads[] = {2, 3};
    int cases = 0;
    for (int i = 0; i < CASES_MAX; i++, cases++) {
        check_case one, other;
        sg_threads_set(1);
        if (!check_case_open(&one, op, i, options, NULL)) break;
        check_case_forward(&one, false);
        check_case_backward(&one);
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
            sg_threads_set(threads[t]);
            open_and_run(&other, op, i, options);
            same_bits(&one, &other, "at another thread count");
            check_case_forward(&other, false);
            check_case_backward(&other);
            same_bits(&one, &other, "when the plan runs again");
            check_case_close(&other);
        }
        check_case_close(&one);
    }
    sg_threads_set(0);
    return cases;
}

static void test_bits(void **state)
{
    const sg_op *op = row_of(state);
    assert_true(same_bits_in_plan(op, &plan_plain) > 0);
    if (op->fast[0]) assert_true(same_bits_in_plan(op, &plan_fast) > 0);
}

/* ---- the table ---- */

static void test_row(void **state)
{
    const sg_op *op = row_of(state);
    if (!op->name || !op->name[0]) fail_msg("a row has no name");
    if (!op->formula || !op->formula[0]) fail_msg("%s has no formula", op->name);
    if (!op->cases) fail_msg("%s has no case generator", op->name);
    if (!op->infer) fail_msg("%s has no shape rule", op->name);
    for (int k = 0; k < 2; k++)
        if (!op->forward[k] || !op->backward[k]) fail_msg("%s lacks a kernel", op->name);
    if (!op->surrogate != !op->surrogate_forward)
        fail_msg("%s names a surrogate without giving it, or the reverse", op->name);
    for (int k = 0; k < SG_FAST_MAX && op->fast[k]; k++)
        if (!op->fast[k]->takes || !op->fast[k]->forward || !op->fast[k]->backward)
            fail_msg("%s: fast %s lacks a kernel", op->name, op->fast[k]->name);
    int listed = 0;
    for (int i = 0; i < sg_op_table_count; i++)
        if (!strcmp(sg_op_table[i]->name, op->name)) listed++;
    assert_int_equal(listed, 1);
}

static bool in_table(const char *name)
{
    for (int i = 0; i < sg_op_table_count; i++)
        if (!strcmp(sg_op_table[i]->name, name)) return true;
    return false;
}

/* Counts the rows that a source file defines; fails on one that is not in the table. */
static int rows_defined_in(const char *path)
{
    static const char mark[] = "const sg_op sg_op_";
    char line[4096], name[64];
    int rows = 0;
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s cannot be read", path);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, mark, sizeof mark - 1) != 0 || sscanf(line + sizeof mark - 1, "%63[a-z0-9_]", name) != 1)
            continue;
        if (!in_table(name)) fail_msg("%s defines the op %s, which is not in the op table", path, name);
        rows++;
    }
    (void)fclose(file);
    return rows;
}

static void test_sources(void **state)
{
    static const char *const folders[] = {"core", "physics", "nn", "datasets", "pipeline"};
    (void)state;
    int rows = 0;
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
        char folder[2048], path[4096];
        struct dirent *entry;
        (void)snprintf(folder, sizeof folder, "%s/%s", getenv("SG_TEST_SOURCE") ? getenv("SG_TEST_SOURCE") : ".",
                       folders[k]);
        DIR *listing = opendir(folder);
        if (!listing) fail_msg("%s cannot be read", folder);
        while ((entry = readdir(listing))) {
            const size_t len = strlen(entry->d_name);
            if (len < 3 || strcmp(entry->d_name + len - 2, ".c") != 0) continue;
            (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
            rows += rows_defined_in(path);
        }
        (void)closedir(listing);
    }
    assert_int_equal(rows, sg_op_table_count);
}

int main(void)
{
    static const struct {
        const char *kind;
        CMUnitTestFunction function;
    } checks[] = {{"row", test_row},         {"grad", test_grad},   {"adjoint", test_adjoint}, {"adds", test_adds},
                  {"mutants", test_mutants}, {"float", test_float}, {"fast", test_fast},       {"bits", test_bits}};
    check_list list = {0};
    check_list_add(&list, test_sources, NULL, "every row in the sources is in the table");
    for (int i = 0; i < sg_op_table_count; i++)
        for (size_t k = 0; k < sizeof checks / sizeof *checks; k++) {
            const sg_op *op = sg_op_table[i];
            if (checks[k].function == test_adjoint && !op->linear) continue;
            if (checks[k].function != test_row && !op->cases) continue; /* its "row" test fails */
            check_list_add(&list, checks[k].function, op, "%s %s", checks[k].kind, op->name);
        }
    check_list_add(&list, test_mutants_total, NULL, "mutants killed in all");
    return check_list_run(&list, "ops");
}
