/* check.c - see check.h. */
#include "check.h"

#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double *check_alloc(size_t n)
{
    double *memory = calloc(n ? n : 1, sizeof *memory);
    if (!memory) fail_msg("no memory for %zu numbers", n);
    return memory;
}

double check_max_abs(const double *x, size_t len)
{
    double max = 0;
    for (size_t i = 0; i < len; i++)
        if (!(fabs(x[i]) <= max)) max = fabs(x[i]);
    return max;
}

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y)) return isnan(y) - isnan(x);
    return (x < y) - (x > y);
}

double check_distance(const double *x, const double *y, size_t len, size_t outliers)
{
    double *error = check_alloc(len);
    for (size_t i = 0; i < len; i++) error[i] = fabs(x[i] - y[i]);
    qsort(error, len, sizeof *error, descending);
    const double found = !len ? 0 : isnan(error[0]) ? error[0] : error[outliers < len ? outliers : len - 1];
    free(error);
    return found;
}

double check_random(const char *stream, int index, size_t element)
{
    const sg_rng rng = sg_rng_make(20, SG_RNG_TEST, (uint32_t)sg_rng_hash(stream) & 0xffffff, (uint32_t)index, 0);
    return 2 * sg_rng_uniform(&rng, (uint32_t)element, 0) - 1;
}

/* A number for element i of a test input, on a grid that float holds exactly. */
static double input_value(const sg_case_info *info, const char *stream, int index, size_t i)
{
    const double middle = .5 * (info->lo + info->hi), half = .5 * (info->hi - info->lo);
    double x = ldexp(rint(ldexp(middle + half * check_random(stream, index, i), 20)), -20);
    if (info->flags & SG_CASE_INTEGER) return rint(x);
    const double gap = .1 * half;
    if (info->flags & SG_CASE_GAP && fabs(x) < gap) x += x < 0 ? -gap : gap;
    return (double)(float)x;
}

static void put(void *to, bool f64, const double *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (f64)
            ((double *)to)[i] = from[i];
        else
            ((float *)to)[i] = (float)from[i];
    }
}

static void get(double *to, const void *from, bool f64, size_t len)
{
    for (size_t i = 0; i < len; i++) to[i] = f64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

static check_leaf *new_leaf(check_case *c, const char *name, size_t len)
{
    if (c->leaves == CHECK_LEAVES) fail_msg("%s case %d has more than %d inputs", c->op->name, c->index, CHECK_LEAVES);
    check_leaf *leaf = &c->leaf[c->leaves++];
    *leaf = (check_leaf){.name = name, .len = len, .width = 1, .value = check_alloc(len)};
    return leaf;
}

static void add_inputs(check_case *c)
{
    for (int k = 0; k < sg_graph_case_count(c->graph); k++) {
        const sg_case_info *info = sg_graph_case_at(c->graph, k);
        char stream[2 * SG_NAME_MAX];
        (void)snprintf(stream, sizeof stream, "%s/%s", c->op->name, info->name);
        check_leaf *leaf = new_leaf(c, info->name, sg_shape_len(info->shape) * (info->flags & SG_CASE_COMPLEX ? 2 : 1));
        leaf->wants_grad = info->flags & SG_CASE_GRAD;
        if (info->hi > info->lo) leaf->width = info->hi - info->lo;
        for (size_t i = 0; i < leaf->len; i++) leaf->value[i] = input_value(info, stream, c->index, i);
    }
}

static void add_parameters(check_case *c)
{
    for (int k = 0; k < sg_model_count(c->model); k++) {
        const sg_param_info *info = sg_model_at(c->model, k);
        if (info->spec.state) continue;
        check_leaf *leaf = new_leaf(c, info->name, info->len);
        leaf->is_param = true;
        leaf->wants_grad = !info->spec.frozen;
        get(leaf->value, info->value, false, info->len);
    }
}

static void substitute(check_case *c, const sg_op *stand_in)
{
    for (int id = 0; id <= c->root.id; id++)
        if (c->graph->entries[id].node.op == c->op) sg_graph_replace_op(c->graph, (sg_value){id}, stand_in);
}

#define NEED(call)                                                                                                     \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s case %d: %s", c->op->name, c->index, sg_error_text());                       \
    } while (0)

bool check_case_open(check_case *c, const sg_op *op, int index, const sg_plan_options *options, const sg_op *stand_in)
{
    *c = (check_case){.op = op, .index = index, .f64 = options->f64, .graph = sg_graph_new()};
    NEED(sg_model_new(&c->model, 7));
    c->root = op->cases(c->graph, index);
    NEED(sg_graph_status(c->graph));
    if (c->root.id < 0) {
        check_case_close(c);
        return false;
    }
    if (stand_in) substitute(c, stand_in);
    NEED(sg_plan_make(&c->plan, c->graph, c->model, c->root, options));
    sg_plan_step_set(c->plan, &(sg_step){.seed = 11, .epoch = 1, .training = true});
    add_inputs(c);
    add_parameters(c);
    for (int k = 0; k < c->leaves && options->backward; k++)
        if (c->leaf[k].wants_grad) c->leaf[k].grad = check_alloc(c->leaf[k].len);
    c->out_len = sg_shape_len(sg_value_shape(c->graph, c->root)) * (sg_value_complex(c->graph, c->root) ? 2 : 1);
    c->out = check_alloc(c->out_len);
    c->seed = check_alloc(c->out_len);
    for (size_t i = 0; i < c->out_len; i++) c->seed[i] = (double)(float)check_random("seed", index, i);
    return true;
}

void check_case_close(check_case *c)
{
    for (int k = 0; k < c->leaves; k++) {
        free(c->leaf[k].value);
        free(c->leaf[k].grad);
    }
    free(c->out);
    free(c->seed);
    sg_plan_free(c->plan);
    sg_graph_free(c->graph);
    sg_model_free(c->model);
    *c = (check_case){0};
}

static void write_leaves(check_case *c)
{
    for (int k = 0; k < c->leaves; k++) {
        const check_leaf *leaf = &c->leaf[k];
        void *memory = leaf->is_param ? sg_plan_param(c->plan, leaf->name) : sg_plan_input(c->plan, leaf->name);
        if (memory) put(memory, c->f64, leaf->value, leaf->len);
    }
}

void check_case_forward(check_case *c, bool surrogate)
{
    write_leaves(c);
    NEED(surrogate ? sg_plan_forward_surrogate(c->plan) : sg_plan_forward(c->plan));
    get(c->out, sg_plan_root(c->plan), c->f64, c->out_len);
}

void check_case_backward(check_case *c)
{
    float *seed = (float *)check_alloc(c->out_len); /* room for either precision */
    put(seed, c->f64, c->seed, c->out_len);
    NEED(sg_plan_backward_from(c->plan, seed));
    free(seed);
    for (int k = 0; k < c->leaves; k++) {
        const check_leaf *leaf = &c->leaf[k];
        if (!leaf->wants_grad) continue;
        const void *grad =
            leaf->is_param ? sg_plan_param_grad(c->plan, leaf->name) : sg_plan_input_grad(c->plan, leaf->name);
        if (!grad) fail_msg("%s case %d: no gradient for \"%s\"", c->op->name, c->index, leaf->name);
        get(leaf->grad, grad, c->f64, leaf->len);
    }
}

void check_list_add(check_list *list, CMUnitTestFunction function, const void *state, const char *format, ...)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->test = realloc(list->test, list->room * sizeof *list->test);
        if (!list->test) abort();
    }
    char *name = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&name, format, args) < 0) abort();
    va_end(args);
    void *shared = NULL;
    memcpy(&shared, &state, sizeof shared); /* cmocka's field is not const; the tests do not write */
    list->test[list->count++] = (struct CMUnitTest){.name = name, .test_func = function, .initial_state = shared};
}

int check_list_run(check_list *list, const char *group)
{
    if (getenv("SG_TEST_ONLY")) cmocka_set_test_filter(getenv("SG_TEST_ONLY"));
    return _cmocka_run_group_tests(group, list->test, list->count, NULL, NULL);
}
