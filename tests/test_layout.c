/* test_layout.c - rows that take any layout (and average_pool), between two ops that ask for blocks of 8 or 16 as convolutions do, in every
 * form: results and gradients are those of plain floats; the same bits where values lie inside a wider one, and where
 * the row undoes the activation before it; bfloat16 within its rounding, each side on its own. The cases of the rows are
 * used with 8 and 16 times the channels. All numbers that go in are bfloat16 numbers, so only results are rounded. */
#include "check.h"

#include "core/parallel.h"
#include "core/plan_internal.h"
#include "nn/ops.h"
#include "pipeline/op_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static sg_layout wanted; /* of the blocks: what one machine or another would choose */

static unsigned wanted_layouts(void)
{
    return wanted;
}

static bool takes_all(const sg_node *node, bool backward)
{
    (void)node;
    (void)backward;
    return true;
}

/* ---- a number of a value of any form ---- */

static size_t place(sg_shape s, sg_form form, size_t i)
{
    const size_t plane = (size_t)s.h * (size_t)s.w, image = plane * (size_t)s.c;
    const size_t block = form.layout == SG_NCHW ? 1 : (size_t)form.layout;
    const size_t c = i % image / plane;
    return i / image * form.image_step + (c / block * plane + i % plane) * block + c % block;
}

static float get(const void *from, sg_shape s, sg_form form, size_t i)
{
    const size_t at = place(s, form, i);
    return form.type == SG_BF16 ? sg_bf16_to_float(((const sg_bf16 *)from)[at]) : ((const float *)from)[at];
}

static void put(void *to, sg_shape s, sg_form form, size_t i, float value)
{
    const size_t at = place(s, form, i);
    if (form.type == SG_BF16)
        ((sg_bf16 *)to)[at] = sg_bf16_from_float(value);
    else
        ((float *)to)[at] = value;
}

/* ---- lay: y = x, in whatever form the plan gives its input and its result; may take over an activation ---- */

static float leaky(const sg_fused_relu *relu, float sign, float v)
{
    return relu && !(sign > 0) ? (float)relu->slope * v : v;
}

static void lay_forward(const sg_run *run)
{
    const sg_node *n = run->node;
    for (size_t i = 0; i < sg_shape_len(n->shape); i++) {
        const float x = get(run->in[0], n->shape, n->in_form[0], i);
        put(run->out, n->shape, n->form, i, leaky(n->fused, x, x));
    }
}

static void lay_backward(const sg_run *run)
{
    const sg_node *n = run->node;
    for (size_t i = 0; run->din[0] && i < sg_shape_len(n->shape); i++) {
        const float dy = get(run->dout, n->shape, n->form, i), sum = get(run->din[0], n->shape, n->in_form[0], i);
        const float y = n->fused ? get(run->out, n->shape, n->form, i) : 1;
        put(run->din[0], n->shape, n->in_form[0], i, sum + leaky(n->premasked ? NULL : n->fused, y, dy));
    }
}

static sg_status lay_infer(sg_node *node)
{
    node->shape = node->in_shape[0];
    return SG_OK;
}

/* ---- flat: the numbers of all inputs, one after the other, plain ---- */

static void flat_forward(const sg_run *run)
{
    const sg_node *n = run->node;
    float *out = run->out;
    for (int k = 0; k < n->input_count; k++)
        for (size_t i = 0; i < sg_shape_len(n->in_shape[k]); i++)
            *out++ = get(run->in[k], n->in_shape[k], n->in_form[k], i);
}

static void flat_backward(const sg_run *run)
{
    const sg_node *n = run->node;
    const float *dout = run->dout;
    for (int k = 0; k < n->input_count; k++)
        for (size_t i = 0; i < sg_shape_len(n->in_shape[k]); i++, dout++)
            put(run->din[k], n->in_shape[k], n->in_form[k], i,
                get(run->din[k], n->in_shape[k], n->in_form[k], i) + *dout);
}

static sg_status flat_infer(sg_node *node)
{
    size_t len = 0;
    for (int k = 0; k < node->input_count; k++) len += sg_shape_len(node->in_shape[k]);
    node->shape = SG_SHAPE(1, 1, 1, (int)len);
    return SG_OK;
}

#define ROW(row, what, any, ...)                                                                                       \
    static const sg_fast row##_fast = {.name = #what,                                                                  \
                                       .takes = takes_all,                                                             \
                                       .blocked = wanted_layouts,                                                      \
                                       .any_form = any,                                                                \
                                       .skips_mask = true,                                                             \
                                       .forward = what##_forward,                                                      \
                                       .backward = what##_backward};                                                   \
    static const sg_op row = {.name = #what, .infer = what##_infer, .fast = {&row##_fast}, __VA_ARGS__};
ROW(lay, lay, true)
ROW(lay_float, lay, false)
ROW(lay_relu, lay, true, .fuses_relu = true)
ROW(flat, flat, true)
ROW(flat_float, flat, false)

static sg_value node(sg_graph *g, const sg_op *row, const sg_value *in, int count)
{
    return sg_node_add(g, row, "", 1, in, count);
}

/* ---- a case with 8 or 16 times the channels ---- */

enum {
    RELU = 1,      /* with an activation behind the row */
    JOIN = 2,      /* result and inputs are also read by concatenations */
    MASK = 4,      /* activations before the inputs */
    FLOAT_IN = 8,  /* inputs stay float where others are bfloat16 */
    FLOAT_OUT = 16 /* the result does */
};

enum { LEAVES = 2 * SG_MAX_INPUTS + 1 };

typedef struct leaf {
    char name[8];
    bool is_param;
    sg_shape shape;
} leaf;

typedef struct wide_case {
    const sg_op *row;
    int index, leaves;
    unsigned how;
    sg_graph *graph;
    sg_value op, root;
    leaf leaf[LEAVES];
} wide_case;

static sg_value variable(wide_case *w, sg_shape s)
{
    leaf *l = &w->leaf[w->leaves];
    (void)snprintf(l->name, sizeof l->name, "x%d", w->leaves++);
    l->shape = s;
    const sg_value x = sg_variable(w->graph, l->name, s, false);
    return node(w->graph, w->how & FLOAT_IN ? &lay_float : &lay, &x, 1);
}

/* Numbers for each channel are parameters: they have no layout. */
static sg_value parameter(wide_case *w, sg_shape s, bool state)
{
    leaf *l = &w->leaf[w->leaves];
    (void)snprintf(l->name, sizeof l->name, "p%d", w->leaves++);
    l->shape = s;
    l->is_param = true;
    const sg_param_spec spec = {.init = SG_INIT_UNIFORM, .init_a = .5, .init_b = 1.5, .state = state};
    return sg_param(w->graph, l->name, s, &spec);
}

static sg_value wide_input(wide_case *w, const sg_graph *narrow, const sg_node *of, int k)
{
    sg_shape s = of->in_shape[k];
    s.c *= (int)wanted;
    if (k > 0 && s.n == 1 && s.h == 1 && s.w == 1)
        return parameter(w, s, narrow->entries[of->inputs[k]].leaf != SG_LEAF_VARIABLE);
    sg_value x = variable(w, s);
    if (w->how & MASK && w->row->masks >> k & 1u) x = sg_relu(w->graph, node(w->graph, &lay_relu, &x, 1), .1);
    return x;
}

/* x before another value, as a skip connection is. */
static sg_value before(wide_case *w, sg_value x)
{
    return sg_concat(w->graph, x, variable(w, sg_value_shape(w->graph, x)));
}

/* y behind a value twice as wide, so that its images lie further apart than those of the inputs. */
static sg_value behind(wide_case *w, sg_value y)
{
    sg_shape s = sg_value_shape(w->graph, y);
    s.c *= 2;
    return sg_concat(w->graph, variable(w, s), y);
}

static void wide_build(wide_case *w, const sg_graph *narrow, const sg_node *of)
{
    sg_value in[SG_MAX_INPUTS], out[SG_MAX_INPUTS];
    int outs = 1;
    for (int k = 0; k < of->input_count; k++) in[k] = of->inputs[k] < 0 ? SG_NONE : wide_input(w, narrow, of, k);
    w->op = out[0] = sg_node_add(w->graph, w->row, of->attr, of->attr_size, in, of->input_count);
    if (w->how & RELU) out[0] = sg_relu(w->graph, out[0], .1);
    if (w->how & JOIN) out[0] = behind(w, out[0]);
    for (int k = 0; w->how & JOIN && k < of->input_count; k++)
        if (of->inputs[k] >= 0 && !w->leaf[k].is_param) out[outs++] = before(w, in[k]);
    w->root = node(w->graph, w->how & FLOAT_OUT ? &flat_float : &flat, out, outs);
}

/* False if the case does not exist; no graph if it is complex or not of this row, which has no blocks. */
static bool wide_open(wide_case *w, const sg_op *row, int index, unsigned how)
{
    sg_graph *narrow = sg_graph_new();
    sg_value root = row->cases(narrow, index);
    const bool exists = root.id >= 0;
    while (root.id > 0 && narrow->entries[root.id].node.op != row) root.id--;
    *w = (wide_case){.row = row, .index = index, .how = how};
    if (exists && !narrow->entries[root.id].node.is_complex) {
        w->graph = sg_graph_new();
        wide_build(w, narrow, &narrow->entries[root.id].node);
        if (sg_graph_status(w->graph) != SG_OK) fail_msg("%s case %d: %s", row->name, index, sg_error_text());
    }
    sg_graph_free(narrow);
    return exists;
}

/* ---- a run ---- */

typedef struct result {
    double *number[LEAVES + 1]; /* the root, then the gradients; NULL: none */
    size_t len[LEAVES + 1];
    sg_node node; /* the row's, as planned */
} result;

static float random_bf16(const char *stream, int index, size_t i)
{
    return sg_bf16_to_float(sg_bf16_from_float((float)check_random(stream, index, i)));
}

static void keep(result *r, int k, const float *from, size_t len)
{
    r->len[k] = len;
    r->number[k] = from ? check_alloc(len) : NULL;
    for (size_t i = 0; from && i < len; i++) r->number[k][i] = (double)from[i];
}

static result run_wide(const wide_case *w, unsigned without, bool bf16)
{
    const sg_plan_options options = {.backward = true, .without = without, .bf16 = bf16};
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    result r = {0};
    if (sg_model_new(&model, 1) != SG_OK || sg_plan_make(&plan, w->graph, model, w->root, &options) != SG_OK)
        fail_msg("%s", sg_error_text());
    sg_plan_step_set(plan, &(sg_step){.seed = 1, .epoch = 1, .training = true});
    for (int k = 0; k < w->leaves; k++) {
        float *in = w->leaf[k].is_param ? NULL : sg_plan_input(plan, w->leaf[k].name);
        for (size_t i = 0; in && i < sg_shape_len(w->leaf[k].shape); i++) in[i] = random_bf16(w->leaf[k].name, 0, i);
    }
    const size_t len = sg_shape_len(sg_value_shape(w->graph, w->root));
    float *seed = calloc(len, sizeof *seed);
    for (size_t i = 0; i < len; i++) seed[i] = random_bf16("seed", 1, i);
    if (sg_plan_forward(plan) != SG_OK) fail_msg("%s", sg_error_text());
    keep(&r, 0, sg_plan_root(plan), len);
    if (sg_plan_backward_from(plan, seed) != SG_OK) fail_msg("%s", sg_error_text());
    for (int k = 0; k < w->leaves; k++) {
        const leaf *l = &w->leaf[k];
        keep(&r, k + 1, l->is_param ? sg_plan_param_grad(plan, l->name) : sg_plan_input_grad(plan, l->name),
             sg_shape_len(l->shape));
    }
    r.node = plan->nodes[w->op.id].node;
    free(seed);
    sg_plan_free(plan);
    sg_model_free(model);
    return r;
}

static void result_free(result *r)
{
    for (int k = 0; k <= LEAVES; k++) free(r->number[k]);
}

static void compare(const wide_case *w, const result *a, const result *b, double tolerance, const char *what)
{
    for (int k = 0; k <= w->leaves; k++) {
        if (!a->number[k] || !b->number[k]) continue;
        const double error = check_distance(a->number[k], b->number[k], b->len[k], 0);
        if (!(error <= tolerance * check_max_abs(b->number[k], b->len[k])))
            fail_msg("%s case %d, variant %u, blocks of %d, %s: %s is %g off", w->row->name, w->index, w->how,
                     (int)wanted, what, k ? w->leaf[k - 1].name : "the result", error);
    }
}

/* ---- the comparisons ---- */

static size_t image_len(sg_shape s)
{
    return (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

/* The passes did what the variant is about. */
static void check_planned(const wide_case *w, const sg_node *n, bool bf16)
{
    const bool half_in = bf16 && !(w->how & FLOAT_IN), half_out = bf16 && !(w->how & FLOAT_OUT);
    bool good =
        n->form.layout == wanted && (n->form.type == SG_BF16) == half_out && (n->fused != NULL) == (w->how & RELU);
    good &= (n->form.image_step > image_len(n->shape)) == ((w->how & JOIN) != 0);
    for (int k = 0; k < n->input_count; k++) {
        if (n->inputs[k] < 0 || w->leaf[k].is_param) continue;
        good &= n->in_form[k].layout == wanted && (n->in_form[k].type == SG_BF16) == half_in;
        if (!w->row->joins || w->how & JOIN) /* else its inputs lie in its own result */
            good &= (n->in_form[k].image_step > image_len(n->in_shape[k])) == ((w->how & JOIN) != 0);
        good &= (n->mask[k] != NULL) == (w->how & MASK && w->row->masks >> k & 1u);
    }
    if (!good) fail_msg("%s case %d: variant %u was not planned", w->row->name, w->index, w->how);
}

static void compare_forms(const wide_case *w)
{
    result plain = run_wide(w, SG_PASS_FUSE | SG_PASS_LAYOUT, false), blocked = run_wide(w, 0, false);
    result apart = run_wide(w, SG_PASS_CONCAT | SG_PASS_MASK, false), half = run_wide(w, 0, true);
    check_planned(w, &blocked.node, false);
    check_planned(w, &half.node, true);
    assert_true(plain.node.form.layout == SG_NCHW && !plain.node.fused && !apart.node.mask[0]);
    compare(w, &blocked, &plain, 4e-6, "against plain");
    compare(w, &blocked, &apart, 0, "against values and masks apart");
    compare(w, &half, &blocked, 0x1p-8, "bfloat16 against float");
    result_free(&plain);
    result_free(&blocked);
    result_free(&apart);
    result_free(&half);
}

static int compare_cases(const sg_op *row, unsigned how)
{
    wide_case w;
    int cases = 0;
    for (int i = 0; wide_open(&w, row, i, how); i++) {
        if (!w.graph) continue;
        compare_forms(&w);
        sg_graph_free(w.graph);
        cases++;
    }
    return cases;
}

/* Rows that follow any layout, and the pooling whose fast row asks for one. */
static bool has_forms(const sg_op *row)
{
    return row->any_layout || row == &sg_op_average_pool;
}

static void test_forms(void **state)
{
    static const unsigned hows[] = {0, JOIN, MASK, MASK | JOIN, FLOAT_IN, FLOAT_OUT};
    static const sg_layout layouts[] = {SG_NCHW8, SG_NCHW16};
    const sg_op *row = *state;
    if (!(row->fast[0] ? row->fast[0]->any_form : row->any_form))
        fail_msg("%s takes any layout, but not any form", row->name);
    for (size_t l = 0; l < sizeof layouts / sizeof *layouts; l++)
        for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) {
            if (hows[i] & MASK && !row->masks) continue;
            wanted = layouts[l];
            assert_true(compare_cases(row, hows[i]) > 0);
            if (row->fuses_relu) assert_true(compare_cases(row, hows[i] | RELU) > 0);
        }
}

int main(void)
{
    check_list list = {0};
    sg_threads_set(1); /* thousands of small plans; test_ops compares thread counts */
    for (int i = 0; i < sg_op_table_count; i++)
        if (has_forms(sg_op_table[i]))
            check_list_add(&list, test_forms, sg_op_table[i], "forms %s", sg_op_table[i]->name);
    return check_list_run(&list, "layout");
}
