/* test_layout.c - rows that take channels in blocks of 8 and 16, between two ops that ask for blocks as convolutions
 * do: results and gradients are those of the plain layout. The cases of the rows are used with 8 and 16 times the
 * channels, and rows that take over an activation also with one behind them. */
#include "check.h"

#include "core/plan_internal.h"
#include "nn/ops.h"
#include "pipeline/op_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- lay: y = x, in whatever layout the plan gives its input and its result ---- */

static sg_layout wanted; /* of the blocks: what one machine or another would choose */

static unsigned lay_layouts(void)
{
    return wanted;
}

static size_t place(sg_shape s, sg_layout layout, int n, int c, int at)
{
    const size_t plane = (size_t)s.h * (size_t)s.w;
    const size_t block = layout == SG_NCHW ? 1 : (size_t)layout;
    return (((size_t)n * (size_t)s.c + (size_t)c) / block * plane + (size_t)at) * block + (size_t)c % block;
}

static void lay_move(float *to, sg_layout to_layout, const float *from, sg_layout from_layout, sg_shape s, bool add)
{
    for (int n = 0; n < s.n; n++)
        for (int c = 0; c < s.c; c++)
            for (int at = 0; at < s.h * s.w; at++) {
                float *out = &to[place(s, to_layout, n, c, at)];
                *out = (add ? *out : 0) + from[place(s, from_layout, n, c, at)];
            }
}

static void lay_forward(const sg_run *run)
{
    lay_move(run->out, run->node->form.layout, run->in[0], run->node->in_form[0].layout, run->node->shape, false);
}

static void lay_backward(const sg_run *run)
{
    if (run->din[0])
        lay_move(run->din[0], run->node->in_form[0].layout, run->dout, run->node->form.layout, run->node->shape, true);
}

static bool lay_takes(const sg_node *node, bool backward)
{
    (void)node;
    (void)backward;
    return true;
}

static sg_status lay_infer(sg_node *node)
{
    node->shape = node->in_shape[0];
    return SG_OK;
}

static const sg_fast lay_fast = {
    .name = "lay", .takes = lay_takes, .blocked = lay_layouts, .forward = lay_forward, .backward = lay_backward};
static const sg_op lay_row = {.name = "lay", .infer = lay_infer, .fast = {&lay_fast}};

static sg_value lay(sg_graph *g, sg_value x)
{
    return sg_node_add(g, &lay_row, "", 1, &x, 1);
}

/* ---- a case with 8 or 16 times the channels ---- */

typedef struct wide_case {
    sg_graph *graph;
    sg_value op, root;
    int inputs;
    bool is_param[SG_MAX_INPUTS];
    sg_shape shape[SG_MAX_INPUTS];
} wide_case;

static const char *const names[SG_MAX_INPUTS] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"};

/* Numbers for each channel are parameters: they have no layout. */
static sg_value wide_input(wide_case *w, const sg_graph *narrow, const sg_node *node, int k)
{
    sg_shape s = node->in_shape[k];
    s.c *= (int)wanted;
    w->shape[k] = s;
    w->is_param[k] = k > 0 && s.n == 1 && s.h == 1 && s.w == 1;
    const bool state = narrow->entries[node->inputs[k]].leaf != SG_LEAF_VARIABLE;
    const sg_param_spec spec = {.init = SG_INIT_UNIFORM, .init_a = .5, .init_b = 1.5, .state = state};
    if (w->is_param[k]) return sg_param(w->graph, names[k], s, &spec);
    return lay(w->graph, sg_variable(w->graph, names[k], s, false));
}

/* False if case `index` does not exist; root < 0 if it is complex, which has no blocks. */
static bool widen(wide_case *w, const sg_op *op, int index, bool relu)
{
    sg_graph *narrow = sg_graph_new();
    const sg_value root = op->cases(narrow, index);
    *w = (wide_case){.graph = sg_graph_new(), .op = SG_NONE, .root = SG_NONE};
    if (root.id >= 0 && !narrow->entries[root.id].node.is_complex && narrow->entries[root.id].node.op == op) {
        const sg_node *node = &narrow->entries[root.id].node;
        sg_value in[SG_MAX_INPUTS];
        w->inputs = node->input_count;
        for (int k = 0; k < w->inputs; k++) in[k] = node->inputs[k] < 0 ? SG_NONE : wide_input(w, narrow, node, k);
        w->op = sg_node_add(w->graph, op, node->attr, node->attr_size, in, w->inputs);
        w->root = lay(w->graph, relu ? sg_relu(w->graph, w->op, .1) : w->op);
    }
    sg_graph_free(narrow);
    return root.id >= 0;
}

typedef struct result {
    double *number[SG_MAX_INPUTS + 1]; /* the root, then the gradients; NULL: none */
    size_t len[SG_MAX_INPUTS + 1];
    bool blocked, fused;
} result;

static void keep(result *r, int k, const float *from, size_t len)
{
    r->len[k] = len;
    r->number[k] = from ? check_alloc(len) : NULL;
    for (size_t i = 0; from && i < len; i++) r->number[k][i] = (double)from[i];
}

static void run_wide(result *r, const wide_case *w, unsigned without)
{
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    if (sg_model_new(&model, 1) != SG_OK ||
        sg_plan_make(&plan, w->graph, model, w->root, &(sg_plan_options){.backward = true, .without = without}) !=
            SG_OK)
        fail_msg("%s", sg_error_text());
    sg_plan_step_set(plan, &(sg_step){.seed = 1, .epoch = 1, .training = true});
    for (int k = 0; k < w->inputs; k++) {
        float *in = w->is_param[k] ? NULL : sg_plan_input(plan, names[k]);
        for (size_t i = 0; in && i < sg_shape_len(w->shape[k]); i++) in[i] = (float)check_random(names[k], 0, i);
    }
    const size_t len = sg_shape_len(sg_value_shape(w->graph, w->root));
    float *seed = calloc(len, sizeof *seed);
    for (size_t i = 0; i < len; i++) seed[i] = (float)check_random("seed", 1, i);
    if (sg_plan_forward(plan) != SG_OK) fail_msg("%s", sg_error_text());
    keep(r, 0, sg_plan_root(plan), len);
    if (sg_plan_backward_from(plan, seed) != SG_OK) fail_msg("%s", sg_error_text());
    for (int k = 0; k < w->inputs; k++)
        keep(r, k + 1, w->is_param[k] ? sg_plan_param_grad(plan, names[k]) : sg_plan_input_grad(plan, names[k]),
             sg_shape_len(w->shape[k]));
    r->blocked = plan->nodes[w->op.id].node.form.layout == wanted;
    r->fused = plan->nodes[w->op.id].node.fused != NULL;
    free(seed);
    sg_plan_free(plan);
    sg_model_free(model);
}

/* 1 if the case ran in blocks of the wanted size. */
static int compare_layouts(const sg_op *op, int index, const wide_case *w, bool relu)
{
    result blocked = {0}, plain = {0};
    run_wide(&blocked, w, 0);
    run_wide(&plain, w, SG_PASS_FUSE | SG_PASS_LAYOUT);
    if (plain.blocked || plain.fused) fail_msg("%s case %d: a pass that was left out ran", op->name, index);
    if (relu && !blocked.fused) fail_msg("%s case %d: the activation was not taken over", op->name, index);
    for (int k = 0; k <= w->inputs; k++) {
        if (!blocked.number[k] || !plain.number[k]) continue;
        const double error = check_distance(blocked.number[k], plain.number[k], plain.len[k], 0);
        if (!(error <= 2e-6 * (1 + check_max_abs(plain.number[k], plain.len[k]))))
            fail_msg("%s case %d%s: in blocks of %d %s is %g off", op->name, index, relu ? " with relu" : "",
                     (int)wanted, k ? names[k - 1] : "the result", error);
        free(blocked.number[k]);
        free(plain.number[k]);
    }
    return blocked.blocked;
}

static void check_blocks(const sg_op *op, sg_layout layout)
{
    wanted = layout;
    int blocked = 0, cases = 0;
    for (int relu = 0; relu <= op->fuses_relu; relu++)
        for (int i = 0;; i++) {
            wide_case w;
            const bool exists = widen(&w, op, i, relu);
            if (exists && w.inputs > 0) {
                if (sg_graph_status(w.graph) != SG_OK) fail_msg("%s case %d: %s", op->name, i, sg_error_text());
                blocked += compare_layouts(op, i, &w, relu);
                cases++;
            }
            sg_graph_free(w.graph);
            if (!exists) break;
        }
    print_message("# %s: %d of %d cases in blocks of %d\n", op->name, blocked, cases, (int)layout);
    assert_true(blocked > 0);
}

static void test_blocks(void **state)
{
    check_blocks(*state, SG_NCHW8);
    check_blocks(*state, SG_NCHW16);
}

int main(void)
{
    check_list list = {0};
    for (int i = 0; i < sg_op_table_count; i++)
        if (sg_op_table[i]->any_layout)
            check_list_add(&list, test_blocks, sg_op_table[i], "blocks %s", sg_op_table[i]->name);
    return check_list_run(&list, "layout");
}
