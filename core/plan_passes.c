/* plan_passes.c - the passes of planning, in the order in which plan.c runs them. */
#include "core/memory.h"
#include "core/plan_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- live: what is needed, and which gradients ---- */
static void mark(sg_plan *plan, int id, bool for_root)
{
    sg_plan_node *n = &plan->nodes[id];
    if (n->live && (n->reaches_root || !for_root)) return;
    n->live = true;
    n->reaches_root |= for_root;
    for (int i = 0; i < n->node.input_count; i++)
        if (n->node.inputs[i] >= 0) mark(plan, n->node.inputs[i], for_root);
}

void sg_pass_live(sg_plan *plan)
{
    int steps = 0, grads = 0;
    for (int i = 0; i < plan->count; i++) {
        plan->nodes[i].live = plan->nodes[i].reaches_root = plan->nodes[i].wants_grad = plan->nodes[i].kept = false;
    }
    mark(plan, plan->root, true);
    plan->nodes[plan->root].kept = true;
    for (int i = 0; i < plan->output_count; i++) {
        mark(plan, plan->outputs[i].id, false);
        plan->nodes[plan->outputs[i].id].kept = true;
    }
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        if (!n->live) continue;
        n->step = steps++;
        n->wants_grad = n->leaf == SG_LEAF_VARIABLE || (n->leaf == SG_LEAF_PARAM && !n->spec.frozen && !n->spec.state);
        for (int j = 0; j < n->node.input_count; j++)
            if (n->node.inputs[j] >= 0 && plan->nodes[n->node.inputs[j]].wants_grad) n->wants_grad = true;
        n->wants_grad &= plan->options.backward && n->reaches_root;
        for (int j = 0; j < n->node.input_count; j++)
            n->node.wants[j] = n->wants_grad && n->node.inputs[j] >= 0 && plan->nodes[n->node.inputs[j]].wants_grad;
        grads += n->wants_grad;
    }
    plan->live_count = steps;
    SG_SAY(plan, "live: %d of %d nodes, %d with a gradient\n", steps, plan->count, grads);
}

/* ---- fuse: relu(op(x)) becomes op with an activation ---- */
static int consumers(const sg_plan *plan, int id)
{
    int found = 0;
    for (int i = 0; i < plan->count; i++)
        for (int j = 0; plan->nodes[i].live && j < plan->nodes[i].node.input_count; j++)
            found += plan->nodes[i].node.inputs[j] == id;
    return found;
}

static void rewire(sg_plan *plan, int from, int to)
{
    for (int i = 0; i < plan->count; i++)
        for (int j = 0; j < plan->nodes[i].node.input_count; j++)
            if (plan->nodes[i].node.inputs[j] == from) plan->nodes[i].node.inputs[j] = to;
    for (int i = 0; i < plan->output_count; i++)
        if (plan->outputs[i].id == from) plan->outputs[i].id = to;
    if (plan->root == from) plan->root = to;
}

void sg_pass_fuse(sg_plan *plan)
{
    int fused = 0;
    if (sg_plan_without(plan, SG_PASS_FUSE)) return;
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *relu = &plan->nodes[i];
        if (!relu->live || relu->node.op == NULL || !relu->node.op->is_relu) continue;
        const int before = relu->node.inputs[0];
        sg_plan_node *op = &plan->nodes[before];
        if (op->node.op == NULL || !op->node.op->fuses_relu || op->node.fused != NULL || op->kept) continue;
        if (consumers(plan, before) != 1) continue;
        op->node.fused = relu->node.attr;
        SG_SAY(plan, "fuse: %s into %s\n", relu->node.name, op->node.name);
        rewire(plan, i, before);
        fused++;
    }
    SG_SAY(plan, "fuse: %d activations moved\n", fused);
    if (fused > 0) sg_pass_live(plan);
}

/* ---- kernels: the fast row where there is one that takes the node ---- */
void sg_pass_kernels(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        n->node.direct = plan->options.direct;
        if (!n->live || n->node.op == NULL || plan->options.f64 || plan->options.reference) continue;
        for (int k = 0; k < SG_FAST_MAX && n->fast == NULL; k++) {
            const sg_fast *fast = n->node.op->fast[k];
            if (fast != NULL && fast->takes(&n->node, n->wants_grad)) n->fast = fast;
        }
    }
}

/* ---- lifetime: when each block is needed, and where it lies ---- */
static void extend(sg_block_use *use, int step)
{
    if (step < use->first) use->first = step;
    if (step > use->last) use->last = step;
}

/* Backward at step `back` reads the value; one step before, it is made again if it was dropped. */
static void read_backward(sg_plan_node *n, int back)
{
    sg_block_use *value = &n->use[n->dropped ? SG_USE_AGAIN : SG_USE_VALUE];
    if (value->bytes == 0) return;
    if (n->dropped) extend(value, back - 1);
    extend(value, back);
}

static void value_lifetime(sg_plan *plan, sg_plan_node *n)
{
    sg_block_use *value = &n->use[SG_USE_VALUE];
    const int end = sg_plan_end(plan);
    if (n->leaf == SG_LEAF_PARAM) return; /* lives in the model */
    *value = (sg_block_use){sg_plan_bytes(plan, n), 0, n->step, n->step};
    if (n->leaf != SG_LEAF_NONE) value->first = 0; /* written by the caller, and read again if a run is repeated */
    if (n->leaf != SG_LEAF_NONE || n->kept) value->last = end;
    if (n->dropped) n->use[SG_USE_AGAIN] = (sg_block_use){value->bytes, 0, end, 0};
    if (sg_plan_reads_own(n)) read_backward(n, sg_plan_back(plan, n));
}

static void space_lifetime(sg_plan *plan, sg_plan_node *n)
{
    sg_space space = {0, 0};
    const sg_op *op = n->node.op;
    if (op == NULL) return;
    if (n->fast != NULL && n->fast->workspace != NULL)
        n->fast->workspace(&n->node, plan->threads, plan->real_size, &space);
    if (n->fast == NULL && op->workspace != NULL) op->workspace(&n->node, plan->threads, plan->real_size, &space);
    const int back = n->wants_grad ? sg_plan_back(plan, n) : n->step;
    n->use[SG_USE_SAVE] = (sg_block_use){space.save, 0, n->step, op->commit[0] != NULL ? sg_plan_end(plan) : back};
    n->use[SG_USE_SCRATCH_FORWARD] = (sg_block_use){space.scratch, 0, n->step, n->step};
    if (n->wants_grad) n->use[SG_USE_SCRATCH_BACKWARD] = (sg_block_use){space.scratch, 0, back, back};
}

/* What node c reads of its inputs, forward and backward, and when it adds to their gradients. */
static void input_lifetimes(sg_plan *plan, const sg_plan_node *c)
{
    for (int j = 0; j < c->node.input_count; j++) {
        if (c->node.inputs[j] < 0) continue;
        sg_plan_node *in = &plan->nodes[c->node.inputs[j]];
        if (in->use[SG_USE_VALUE].bytes > 0) extend(&in->use[SG_USE_VALUE], c->step);
        if (!c->wants_grad) continue;
        const bool reads = (c->node.op->keeps_inputs >> j & 1u) != 0 || c->node.mask[j] != NULL;
        if (reads) read_backward(in, sg_plan_back(plan, c));
        if (in->wants_grad) extend(&in->use[SG_USE_GRAD], sg_plan_back(plan, c));
    }
}

static void grad_lifetime(const sg_plan *plan, sg_plan_node *n)
{
    if (!n->wants_grad) return;
    const bool root = n == &plan->nodes[plan->root]; /* seeded before values are made again for its backward */
    const int back = sg_plan_back(plan, n);
    n->use[SG_USE_GRAD] = (sg_block_use){sg_plan_bytes(plan, n), 0, root ? plan->live_count : back, back};
    if (n->leaf != SG_LEAF_NONE) n->use[SG_USE_GRAD].last = sg_plan_end(plan);
}

/* A value is made again from what its inputs are in backward: they must be there. Later nodes come first, for they may
 * need this one earlier. */
static void again_lifetimes(sg_plan *plan)
{
    for (int i = plan->count - 1; i >= 0; i--) {
        sg_plan_node *n = &plan->nodes[i];
        if (!n->live || !n->dropped) continue;
        const int when = n->use[SG_USE_AGAIN].first;
        n->use[SG_USE_SCRATCH_AGAIN] = (sg_block_use){n->use[SG_USE_SCRATCH_FORWARD].bytes, 0, when, when};
        extend(&n->use[SG_USE_SAVE], when); /* is written again, also where no backward reads it */
        for (int j = 0; j < n->node.input_count; j++) {
            sg_plan_node *in = n->node.inputs[j] >= 0 ? &plan->nodes[n->node.inputs[j]] : NULL;
            if (in != NULL && in->leaf != SG_LEAF_PARAM)
                extend(&in->use[in->dropped ? SG_USE_AGAIN : SG_USE_VALUE], when);
        }
    }
}

/* A value inside a wider one has no memory of its own: the wider one lives as long as both, and so does its gradient. */
static void join_lifetimes(sg_plan *plan)
{
    static const sg_use kinds[] = {SG_USE_VALUE, SG_USE_GRAD};
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        for (int k = 0; n->live && n->inside >= 0 && k < 2; k++) {
            sg_block_use *mine = &n->use[kinds[k]], *wider = &plan->nodes[n->inside].use[kinds[k]];
            if (mine->bytes == 0) continue;
            extend(wider, mine->first);
            extend(wider, mine->last);
            mine->bytes = 0;
        }
    }
}

/* ---- where the blocks lie ---- */
static int larger_first(const void *a, const void *b)
{
    const sg_block_use *x = *(sg_block_use *const *)a, *y = *(sg_block_use *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

/* What lives at the fullest step fills it without a hole: blocks that live longest below. The others find room. */
static int fullest_first(const void *a, const void *b)
{
    const sg_block_use *x = *(sg_block_use *const *)a, *y = *(sg_block_use *const *)b;
    if (x->fullest != y->fullest) return x->fullest ? -1 : 1;
    if (x->fullest && x->last != y->last) return x->last > y->last ? -1 : 1;
    return larger_first(a, b);
}

static bool overlaps(const sg_block_use *a, const sg_block_use *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* First fit: the lowest offset where the block meets no placed block that lives at the same time. */
static void place(sg_block_use **placed, int count, sg_block_use *use)
{
    bool moved = true;
    use->offset = 0;
    while (moved) {
        moved = false;
        for (int i = 0; i < count; i++) {
            const sg_block_use *p = placed[i];
            const bool hit = use->offset < p->offset + p->bytes && p->offset < use->offset + use->bytes;
            if (!hit || !overlaps(p, use)) continue;
            use->offset = sg_align_up(p->offset + p->bytes);
            moved = true;
        }
    }
}

static size_t end_of(sg_block_use *const *uses, int count)
{
    size_t end = 0;
    for (int i = 0; i < count; i++)
        if (sg_align_up(uses[i]->offset + uses[i]->bytes) > end) end = sg_align_up(uses[i]->offset + uses[i]->bytes);
    return end;
}

static size_t place_in_order(sg_block_use **uses, int count, int (*before)(const void *, const void *))
{
    qsort(uses, (size_t)count, sizeof(sg_block_use *), before);
    for (int i = 0; i < count; i++) place(uses, i, uses[i]);
    return end_of(uses, count);
}

/* One after the other. */
static size_t place_apart(sg_block_use **uses, int count)
{
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        uses[i]->offset = total;
        total += sg_align_up(uses[i]->bytes);
    }
    return total;
}

/* Neither order is best for every graph: the one that needs less is taken. */
static size_t place_together(sg_block_use **uses, int count)
{
    const size_t by_size = place_in_order(uses, count, larger_first);
    const size_t by_step = place_in_order(uses, count, fullest_first);
    return by_step < by_size ? by_step : place_in_order(uses, count, larger_first);
}

void sg_plan_lifetimes(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        memset(n->use, 0, sizeof n->use);
        if (!n->live) continue;
        value_lifetime(plan, n);
        grad_lifetime(plan, n);
        space_lifetime(plan, n);
    }
    for (int i = 0; i < plan->count; i++)
        if (plan->nodes[i].live && plan->nodes[i].node.op != NULL) input_lifetimes(plan, &plan->nodes[i]);
    again_lifetimes(plan);
    join_lifetimes(plan);
}

sg_status sg_pass_lifetime(sg_plan *plan)
{
    int count = 0, fullest;
    sg_status status;
    sg_block_use **uses = malloc((size_t)plan->count * SG_USE_COUNT * sizeof(sg_block_use *) + 1);
    if (uses == NULL) SG_FAIL(SG_E_MEMORY, "plan: out of memory");
    sg_plan_lifetimes(plan);
    SG_TRY_DONE(sg_plan_fullest(plan, &plan->info.fullest_bytes, &fullest));
    for (int i = 0; i < plan->count; i++)
        for (int k = 0; k < SG_USE_COUNT; k++) {
            sg_block_use *use = &plan->nodes[i].use[k];
            if (!plan->nodes[i].live || use->bytes == 0) continue;
            plan->info.unshared_bytes += sg_align_up(use->bytes);
            use->fullest = use->first <= fullest && fullest <= use->last;
            uses[count++] = use;
        }
    plan->info.arena_bytes =
        sg_plan_without(plan, SG_PASS_LIFETIME) ? place_apart(uses, count) : place_together(uses, count);
    SG_SAY(plan, "lifetime: %d blocks in %.1f MiB (%.1f MiB if none were shared)\n", count,
           (double)plan->info.arena_bytes / 1048576, (double)plan->info.unshared_bytes / 1048576);
done:
    free(uses);
    return status;
}
