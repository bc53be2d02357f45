/* plan.c - making a plan (copy the graph, run the passes, allocate once, bind every address) and running it. */
#include "core/memory.h"
#include "core/parallel.h"
#include "core/plan_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- making ---- */
static sg_status copy_graph(sg_plan *plan, const sg_graph *g)
{
    plan->count = g->count;
    plan->output_count = g->output_count;
    plan->nodes = calloc((size_t)g->count, sizeof *plan->nodes);
    plan->outputs = calloc((size_t)g->output_count + 1, sizeof *plan->outputs);
    if (plan->nodes == NULL || plan->outputs == NULL) SG_FAIL(SG_E_MEMORY, "plan: out of memory");
    if (g->output_count > 0) memcpy(plan->outputs, g->outputs, (size_t)g->output_count * sizeof *plan->outputs);
    for (int i = 0; i < g->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        n->node = g->entries[i].node;
        n->leaf = g->entries[i].leaf;
        n->spec = g->entries[i].spec;
        if (n->node.attr == NULL) continue;
        void *attr = malloc(n->node.attr_size > 0 ? n->node.attr_size : 1);
        if (attr != NULL && n->node.attr_size > 0) memcpy(attr, g->entries[i].node.attr, n->node.attr_size);
        n->node.attr = attr;
        if (attr == NULL) SG_FAIL(SG_E_MEMORY, "plan: out of memory");
    }
    return SG_OK;
}

static sg_status bind_params(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        if (n->leaf != SG_LEAF_PARAM || !n->live) continue;
        if (plan->model == NULL) SG_FAIL(SG_E_STATE, "%s: a graph with parameters needs a model", n->node.name);
        SG_TRY(sg_model_param(&n->param, plan->model, n->node.name, n->node.shape, &n->spec));
        plan->info.param_bytes += n->param->len * sizeof(float);
    }
    if (!plan->options.f64) return SG_OK;
    SG_TRY(
        SG_ALLOC(&plan->params_f64, plan->info.param_bytes / sizeof(float) + 64 * (size_t)plan->count, "parameters"));
    sg_plan_params_load(plan);
    return SG_OK;
}

static sg_status prepare_kernels(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        sg_status status = SG_OK;
        if (!n->live || n->node.op == NULL) continue;
        const sg_op *op = n->node.op;
        if (n->fast != NULL && n->fast->prepare != NULL)
            status = n->fast->prepare(&n->prepared, &n->node, plan->threads, n->wants_grad);
        else if (n->fast == NULL && op->prepare[plan->options.f64] != NULL)
            status = op->prepare[plan->options.f64](&n->prepared, &n->node, plan->threads, n->wants_grad);
        if (status != SG_OK) return sg_error_prefix(status, "%s", n->node.name);
    }
    return SG_OK;
}

static void count_flop(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        const sg_node *node = &plan->nodes[i].node;
        if (plan->nodes[i].live && node->op != NULL && node->op->flop != NULL)
            plan->info.flop_forward += node->op->flop(node);
    }
}

static sg_status allocate(sg_plan *plan)
{
    const sg_memory_left left =
        plan->options.max_bytes > 0 ? (sg_memory_left){plan->options.max_bytes, "the limit"} : sg_memory_look("");
    if (plan->info.arena_bytes > left.bytes)
        SG_FAIL(SG_E_MEMORY, "the plan needs %.1f MiB, %s leaves %.1f MiB: smaller batch, picture or network",
                (double)plan->info.arena_bytes / 1048576, left.who, (double)left.bytes / 1048576);
    return sg_map((void **)&plan->arena, plan->info.arena_bytes, "arena");
}

static void *use_at(const sg_plan *plan, const sg_plan_node *n, sg_use use)
{
    if (n->inside >= 0 && (use == SG_USE_VALUE || use == SG_USE_GRAD)) {
        unsigned char *wider = use_at(plan, &plan->nodes[n->inside], use);
        return wider != NULL ? wider + n->inside_at * sg_plan_number_size(plan, n) : NULL;
    }
    return n->use[use].bytes > 0 ? plan->arena + n->use[use].offset : NULL;
}

static void *value_at(const sg_plan *plan, const sg_plan_node *n)
{
    if (n->leaf != SG_LEAF_PARAM) return use_at(plan, n, SG_USE_VALUE);
    return plan->options.f64 ? n->forward.out : (void *)n->param->value;
}

/* Where backward finds the value. */
static void *value_in_backward(const sg_plan *plan, const sg_plan_node *n)
{
    return n->dropped ? use_at(plan, n, SG_USE_AGAIN) : value_at(plan, n);
}

/* Is node c the first to add to the gradient of its input j? Backward runs from the last node to the first. */
static bool first_contribution(const sg_plan *plan, int c, int j)
{
    const int id = plan->nodes[c].node.inputs[j];
    for (int k = 0; k < j; k++)
        if (plan->nodes[c].node.inputs[k] == id) return false;
    for (int i = c + 1; i < plan->count; i++)
        for (int k = 0; plan->nodes[i].live && plan->nodes[i].wants_grad && k < plan->nodes[i].node.input_count; k++)
            if (plan->nodes[i].node.inputs[k] == id) return false;
    return true;
}

/* Is it the last one, and the gradient that of a parameter? */
static bool last_contribution(const sg_plan *plan, int c, int j)
{
    const int id = plan->nodes[c].node.inputs[j];
    for (int k = j + 1; k < plan->nodes[c].node.input_count; k++)
        if (plan->nodes[c].node.inputs[k] == id) return false;
    for (int i = 0; i < c; i++)
        for (int k = 0; plan->nodes[i].live && plan->nodes[i].wants_grad && k < plan->nodes[i].node.input_count; k++)
            if (plan->nodes[i].node.inputs[k] == id) return false;
    return plan->nodes[id].leaf == SG_LEAF_PARAM;
}

static bool appears_twice(const sg_node *node, int j)
{
    for (int k = 0; k < node->input_count; k++)
        if (k != j && node->inputs[k] == node->inputs[j]) return true;
    return false;
}

static void bind_node(sg_plan *plan, int index)
{
    sg_plan_node *n = &plan->nodes[index];
    sg_run *run = &n->forward;
    run->node = &n->node;
    run->step = &plan->step;
    run->threads = plan->threads;
    run->prepared = n->prepared;
    if (n->leaf != SG_LEAF_PARAM) run->out = use_at(plan, n, SG_USE_VALUE);
    run->save = use_at(plan, n, SG_USE_SAVE);
    for (int j = 0; j < n->node.input_count; j++)
        run->in[j] = n->node.inputs[j] >= 0 ? value_at(plan, &plan->nodes[n->node.inputs[j]]) : NULL;
    n->backward = n->forward;
    n->backward.out = n->leaf != SG_LEAF_PARAM ? value_in_backward(plan, n) : NULL;
    for (int j = 0; j < n->node.input_count; j++)
        if (n->node.inputs[j] >= 0) n->backward.in[j] = value_in_backward(plan, &plan->nodes[n->node.inputs[j]]);
    n->again = n->backward;
    n->again.scratch = use_at(plan, n, SG_USE_SCRATCH_AGAIN);
    run->scratch = use_at(plan, n, SG_USE_SCRATCH_FORWARD);
    n->backward.scratch = use_at(plan, n, SG_USE_SCRATCH_BACKWARD);
    n->backward.dout = use_at(plan, n, SG_USE_GRAD);
    for (int j = 0; j < n->node.input_count && n->wants_grad; j++) {
        const int id = n->node.inputs[j];
        if (id < 0 || !plan->nodes[id].wants_grad) continue;
        const bool first = first_contribution(plan, index, j);
        n->backward.din[j] = use_at(plan, &plan->nodes[id], SG_USE_GRAD);
        n->backward.fresh[j] = first && n->node.op->sets_fresh && !appears_twice(&n->node, j);
        n->zero_first[j] = first && !n->backward.fresh[j];
        n->ready_after[j] = last_contribution(plan, index, j);
    }
}

static sg_status build(sg_plan *plan, const sg_graph *g)
{
    SG_TRY(copy_graph(plan, g));
    sg_pass_live(plan);
    sg_pass_fuse(plan);
    SG_TRY(bind_params(plan));
    sg_pass_kernels(plan);
    sg_pass_forms(plan);
    SG_TRY(sg_pass_recompute(plan));
    SG_TRY(sg_pass_lifetime(plan));
    plan->info.node_count = plan->live_count;
    count_flop(plan);
    if (plan->options.sizes_only) return SG_OK;
    SG_TRY(allocate(plan));
    SG_TRY(prepare_kernels(plan));
    for (int i = 0; i < plan->count; i++)
        if (plan->nodes[i].live) bind_node(plan, i);
    return SG_OK;
}

sg_status sg_plan_make(sg_plan **out, const sg_graph *g, sg_model *model, sg_value loss, const sg_plan_options *options)
{
    *out = NULL;
    SG_TRY(sg_graph_status(g));
    if (loss.id < 0 || loss.id >= g->count) SG_FAIL(SG_E_USAGE, "plan: the root is not a value of this graph");
    sg_plan *plan = calloc(1, sizeof *plan);
    if (plan == NULL) SG_FAIL(SG_E_MEMORY, "plan: out of memory");
    plan->options = *options;
    if (options->f64) plan->options.without |= SG_PASS_LIFETIME; /* surrogate runs read what an earlier run saved */
    plan->model = model;
    plan->root = loss.id;
    plan->real_size = options->f64 ? sizeof(double) : sizeof(float);
    plan->threads = sg_threads();
    const sg_status status = build(plan, g);
    if (status != SG_OK) {
        sg_plan_free(plan);
        return status;
    }
    *out = plan;
    return SG_OK;
}

void sg_plan_free(sg_plan *plan)
{
    if (plan == NULL) return;
    for (int i = 0; plan->nodes != NULL && i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        if (n->prepared != NULL) {
            void (*release)(void *) = n->fast != NULL ? n->fast->release : n->node.op->release[plan->options.f64];
            if (release != NULL) release(n->prepared);
        }
        free((void *)(uintptr_t)n->node.attr);
    }
    free(plan->nodes);
    free(plan->outputs);
    sg_unmap(plan->arena, plan->info.arena_bytes);
    sg_free(plan->params_f64);
    free(plan);
}

/* ---- looking things up ---- */
static sg_plan_node *leaf_named(const sg_plan *plan, const char *name, bool param)
{
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        if (n->leaf != SG_LEAF_NONE && (n->leaf == SG_LEAF_PARAM) == param && n->live &&
            strcmp(n->node.name, name) == 0)
            return n;
    }
    return NULL;
}

static sg_plan_node *output_named(const sg_plan *plan, const char *name)
{
    for (int i = 0; i < plan->output_count; i++)
        if (strcmp(plan->outputs[i].name, name) == 0) return &plan->nodes[plan->outputs[i].id];
    return NULL;
}

void *sg_plan_input(const sg_plan *plan, const char *name)
{
    const sg_plan_node *n = leaf_named(plan, name, false);
    return n != NULL ? value_at(plan, n) : NULL;
}

void *sg_plan_output(const sg_plan *plan, const char *name)
{
    const sg_plan_node *n = output_named(plan, name);
    return n != NULL ? value_at(plan, n) : NULL;
}

sg_shape sg_plan_shape(const sg_plan *plan, const char *name)
{
    const sg_plan_node *n = output_named(plan, name);
    if (n == NULL) n = leaf_named(plan, name, false);
    return n != NULL ? n->node.shape : SG_SHAPE(0, 0, 0, 0);
}

void *sg_plan_param_grad(const sg_plan *plan, const char *name)
{
    const sg_plan_node *n = leaf_named(plan, name, true);
    return n != NULL ? use_at(plan, n, SG_USE_GRAD) : NULL;
}

void *sg_plan_input_grad(const sg_plan *plan, const char *name)
{
    const sg_plan_node *n = leaf_named(plan, name, false);
    return n != NULL ? use_at(plan, n, SG_USE_GRAD) : NULL;
}

void *sg_plan_param(const sg_plan *plan, const char *name)
{
    const sg_plan_node *n = leaf_named(plan, name, true);
    return n != NULL ? value_at(plan, n) : NULL;
}

void sg_plan_params_load(sg_plan *plan)
{
    size_t offset = 0;
    for (int i = 0; plan->options.f64 && i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        if (n->param == NULL) continue;
        double *copy = plan->params_f64 + offset;
        for (size_t k = 0; k < n->param->len; k++) copy[k] = (double)n->param->value[k];
        n->forward.out = copy;
        offset += (n->param->len + 7) / 8 * 8;
    }
}

const void *sg_plan_root(const sg_plan *plan)
{
    return value_at(plan, &plan->nodes[plan->root]);
}

double sg_plan_loss(const sg_plan *plan)
{
    const void *root = sg_plan_root(plan);
    return plan->options.f64 ? *(const double *)root : (double)*(const float *)root;
}

void sg_plan_info_get(const sg_plan *plan, sg_plan_info *out)
{
    *out = plan->info;
}

/* ---- running ---- */
static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run_kernel(sg_plan *plan, sg_plan_node *n, sg_kernel kernel, const sg_run *run, sg_direction direction)
{
    const bool timed = plan->profile || plan->see != NULL;
    const double begin_s = timed ? seconds_now() : 0;
    kernel(run);
    if (!timed) return;
    const double end_s = seconds_now();
    if (plan->profile) n->seconds[direction] += end_s - begin_s, n->runs[direction]++;
    if (plan->see == NULL) return;
    plan->see(plan->see_context, &(sg_kernel_run){.name = n->node.name,
                                                  .kernel = n->fast != NULL ? n->fast->name : "reference",
                                                  .op = n->node.op,
                                                  .shape = n->node.shape,
                                                  .direction = direction,
                                                  .begin_s = begin_s,
                                                  .end_s = end_s});
}

static bool finite_numbers(const sg_plan *plan, const void *data, size_t len, sg_type type)
{
    if (type == SG_BF16) return sg_all_finite_bf16(data, len);
    return plan->options.f64 ? sg_all_finite_f64(data, len) : sg_all_finite_f32(data, len);
}

/* The value of node n at `data`, or its gradient there: image by image, for there may be gaps between. */
static bool finite_value(const sg_plan *plan, const sg_plan_node *n, const void *data)
{
    const size_t len = sg_plan_bytes(plan, n) / sg_plan_number_size(plan, n), image = len / (size_t)n->node.shape.n;
    if (n->inside < 0) return finite_numbers(plan, data, len, n->node.form.type);
    for (int i = 0; i < n->node.shape.n; i++) {
        const size_t at = (size_t)i * n->node.form.image_step * sg_plan_number_size(plan, n);
        if (!finite_numbers(plan, (const unsigned char *)data + at, image, n->node.form.type)) return false;
    }
    return true;
}

/* Runs every node; with `check` stops at the first whose result is not finite and returns it. */
static const sg_plan_node *forward_nodes(sg_plan *plan, bool check, bool surrogate)
{
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        if (!n->live || n->node.op == NULL || n->joined) continue;
        sg_kernel kernel = n->fast != NULL ? n->fast->forward : n->node.op->forward[plan->options.f64];
        if (surrogate && n->node.op->surrogate_forward != NULL) kernel = n->node.op->surrogate_forward;
        run_kernel(plan, n, kernel, &n->forward, SG_FORWARD);
        if (check && !finite_value(plan, n, n->forward.out)) return n;
    }
    return NULL;
}

static sg_status leaf_not_finite(const sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (!n->live || n->leaf == SG_LEAF_NONE) continue;
        if (!finite_value(plan, n, value_at(plan, n)))
            SG_FAIL(SG_E_NUMERIC, "%s holds a number that is not finite", n->node.name);
    }
    return SG_OK;
}

typedef struct zero_work {
    unsigned char *data;
    size_t bytes;
} zero_work;

enum { SG_ZERO_BLOCK = 1 << 18 };

static void zero_block(void *context, int block, int thread)
{
    const zero_work *work = context;
    const size_t begin = (size_t)block * SG_ZERO_BLOCK;
    (void)thread;
    memset(work->data + begin, 0, work->bytes - begin < SG_ZERO_BLOCK ? work->bytes - begin : SG_ZERO_BLOCK);
}

static void zero(void *data, size_t bytes)
{
    zero_work work = {data, bytes};
    sg_parallel((int)((bytes + SG_ZERO_BLOCK - 1) / SG_ZERO_BLOCK), zero_block, &work);
}

static bool grads_finite(const sg_plan *plan, const sg_plan_node *n)
{
    for (int j = 0; j < n->node.input_count; j++) {
        if (n->backward.din[j] == NULL) continue;
        if (!finite_value(plan, &plan->nodes[n->node.inputs[j]], n->backward.din[j])) return false;
    }
    return true;
}

/* Gradients that node n has completed go to the other ranks while earlier nodes still run. */
static void exchange(const sg_plan *plan, const sg_plan_node *n)
{
    sg_ranks *ranks = plan->step.ranks;
    for (int j = 0; ranks != NULL && j < n->node.input_count; j++)
        if (n->ready_after[j]) ranks->add(ranks, n->backward.din[j], plan->nodes[n->node.inputs[j]].param->len);
}

/* Makes the values again that the backward of node `before` is the first to read. */
static void make_again(sg_plan *plan, const sg_plan_node *before)
{
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        if (!n->dropped || n->use[SG_USE_AGAIN].first != sg_plan_back(plan, before) - 1) continue;
        run_kernel(plan, n, n->fast != NULL ? n->fast->forward : n->node.op->forward[plan->options.f64], &n->again,
                   SG_AGAIN);
    }
}

static const sg_plan_node *backward_nodes(sg_plan *plan, bool check)
{
    for (int i = plan->count - 1; i >= 0; i--) {
        sg_plan_node *n = &plan->nodes[i];
        if (!n->live || n->node.op == NULL || n->joined || !n->wants_grad) continue;
        make_again(plan, n);
        for (int j = 0; j < n->node.input_count; j++)
            if (n->zero_first[j]) zero(n->backward.din[j], sg_plan_bytes(plan, &plan->nodes[n->node.inputs[j]]));
        run_kernel(plan, n, n->fast != NULL ? n->fast->backward : n->node.op->backward[plan->options.f64], &n->backward,
                   SG_BACKWARD);
        if (check && !grads_finite(plan, n)) return n;
        exchange(plan, n);
    }
    if (plan->step.ranks != NULL) plan->step.ranks->wait(plan->step.ranks);
    return NULL;
}

static void seed_root(sg_plan *plan, const void *seed)
{
    const sg_plan_node *root = &plan->nodes[plan->root];
    void *grad = use_at(plan, root, SG_USE_GRAD);
    if (grad == NULL) return;
    if (seed != NULL)
        memcpy(grad, seed, sg_plan_bytes(plan, root));
    else if (plan->options.f64)
        *(double *)grad = 1;
    else
        *(float *)grad = 1;
}

/* The first node of this rank whose results are not finite: the same bits again, looked at one by one. The ranks do so
 * each for itself, because they stop at different places. */
static const sg_plan_node *find_culprit(sg_plan *plan, bool backward)
{
    const sg_step step = plan->step;
    plan->step.ranks = plan->step.norm_ranks = NULL;
    const sg_plan_node *culprit = forward_nodes(plan, !backward, false);
    if (backward) {
        seed_root(plan, NULL);
        culprit = backward_nodes(plan, true);
    }
    plan->step = step;
    return culprit;
}

sg_status sg_plan_forward(sg_plan *plan)
{
    const sg_plan_node *root = &plan->nodes[plan->root];
    if (plan->options.sizes_only) SG_FAIL(SG_E_STATE, "plan: made for its sizes only");
    (void)forward_nodes(plan, false, false);
    if (finite_value(plan, root, value_at(plan, root))) return SG_OK;
    SG_TRY(leaf_not_finite(plan));
    const sg_plan_node *culprit = find_culprit(plan, false);
    if (culprit == NULL && sg_ranks_count(plan->step.ranks) > 1) SG_FAIL(SG_E_NUMERIC, "%s", ""); /* another rank's */
    SG_FAIL(SG_E_NUMERIC, "%s made a number that is not finite; the step was refused",
            culprit != NULL ? culprit->node.name : root->node.name);
}

sg_status sg_plan_forward_surrogate(sg_plan *plan)
{
    if (!plan->options.f64) SG_FAIL(SG_E_STATE, "plan: surrogate functions run in double plans only");
    (void)forward_nodes(plan, false, true);
    return SG_OK;
}

static sg_status check_param_grads(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (!n->live || n->leaf != SG_LEAF_PARAM || !n->wants_grad) continue;
        if (finite_value(plan, n, use_at(plan, n, SG_USE_GRAD))) continue;
        const sg_plan_node *culprit = find_culprit(plan, true);
        if (culprit == NULL && sg_ranks_count(plan->step.ranks) > 1) SG_FAIL(SG_E_NUMERIC, "%s", "");
        SG_FAIL(SG_E_NUMERIC, "the gradient of %s is not finite, first in %s; the step was refused", n->node.name,
                culprit != NULL ? culprit->node.name : "an op that adds to it");
    }
    return SG_OK;
}

sg_status sg_plan_backward(sg_plan *plan)
{
    if (!plan->options.backward || plan->options.sizes_only) SG_FAIL(SG_E_STATE, "plan: made without backward");
    const sg_shape s = plan->nodes[plan->root].node.shape;
    if (sg_shape_len(s) != 1)
        SG_FAIL(SG_E_SHAPE, "plan: the root (%d, %d, %d, %d) is not a scalar loss", s.n, s.c, s.h, s.w);
    seed_root(plan, NULL);
    (void)backward_nodes(plan, false);
    return check_param_grads(plan);
}

sg_status sg_plan_backward_from(sg_plan *plan, const void *seed)
{
    if (!plan->options.backward || plan->options.sizes_only) SG_FAIL(SG_E_STATE, "plan: made without backward");
    seed_root(plan, seed);
    (void)backward_nodes(plan, false);
    return SG_OK;
}

void sg_plan_step_set(sg_plan *plan, const sg_step *step)
{
    plan->step = *step;
}

void sg_plan_commit(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (n->live && n->node.op != NULL && n->node.op->commit[plan->options.f64] != NULL)
            n->node.op->commit[plan->options.f64](&n->forward);
    }
}
