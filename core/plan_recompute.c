/* plan_recompute.c - which values are forgotten after forward and made again when backward needs them: time for memory
 * (Chen, Xu, Zhang & Guestrin 2016, arXiv:1604.06174). The same kernel runs on the same numbers, so no bit changes.
 *     may be dropped   the value of an op that says `again_ok`, if backward reads it, and if what it is made from is in
 *                      memory then, or can be made again itself without counting FLOP twice in a row: a chain holds at
 *                      most one op that counts its FLOP (a convolution); normalisation, ReLU and pooling come free
 *     is dropped       all of these, except those that do not lower the fullest step: the dearest are kept first */
#include "core/plan_internal.h"

#include <stdlib.h>

static double cost(const sg_plan_node *n)
{
    return n->node.op->flop != NULL ? n->node.op->flop(&n->node) : 0;
}

/* Does the backward of any node, its own included, read the value? */
static bool read_by_backward(const sg_plan *plan, int id)
{
    const sg_plan_node *n = &plan->nodes[id];
    if (sg_plan_reads_own(n)) return true;
    for (int i = id + 1; i < plan->count; i++) {
        const sg_plan_node *c = &plan->nodes[i];
        for (int j = 0; c->live && c->wants_grad && j < c->node.input_count; j++)
            if (c->node.inputs[j] == id && ((c->node.op->keeps_inputs >> j & 1u) != 0 || c->node.mask[j] != NULL))
                return true;
    }
    return false;
}

/* FLOP-counting ops in the chain that makes the value again from what is kept; 2: it cannot be. */
static int chain_length(const sg_plan *plan, int id, const int *chain)
{
    const sg_plan_node *n = &plan->nodes[id];
    int longest = 0;
    for (int j = 0; j < n->node.input_count; j++) {
        const int from = n->node.inputs[j];
        if (from < 0 || plan->nodes[from].leaf != SG_LEAF_NONE || plan->nodes[from].kept) continue;
        if (!plan->nodes[from].dropped && !read_by_backward(plan, from)) return 2;
        if (plan->nodes[from].dropped && chain[from] > longest) longest = chain[from];
    }
    return longest + (n->node.op->flop != NULL);
}

static bool may_drop(const sg_plan *plan, int id)
{
    const sg_plan_node *n = &plan->nodes[id];
    return n->live && n->node.op != NULL && n->node.op->again_ok && !n->kept && !n->joined && n->inside < 0 &&
           read_by_backward(plan, id);
}

/* The dropped node, not asked about yet, whose forward counts most FLOP; the earliest of equals; -1: none is left. */
static int dearest(const sg_plan *plan, const int *chain)
{
    int best = -1;
    for (int i = 0; i < plan->count; i++)
        if (plan->nodes[i].dropped && chain[i] >= 0 && (best < 0 || cost(&plan->nodes[i]) > cost(&plan->nodes[best])))
            best = i;
    return best;
}

static sg_status fullest(sg_plan *plan, size_t *bytes)
{
    int step;
    sg_plan_lifetimes(plan);
    return sg_plan_fullest(plan, bytes, &step);
}

/* Keeps what can be kept without a fuller step; everything, if that is not fuller either. */
static sg_status keep_the_dearest(sg_plan *plan, int *chain, size_t all_kept)
{
    size_t least, bytes;
    SG_TRY(fullest(plan, &least));
    for (int id = dearest(plan, chain); id >= 0; id = dearest(plan, chain)) {
        chain[id] = -1;
        plan->nodes[id].dropped = false;
        SG_TRY(fullest(plan, &bytes));
        plan->nodes[id].dropped = bytes > least;
        if (bytes < least) least = bytes;
    }
    for (int i = 0; i < plan->count; i++) plan->nodes[i].dropped &= least < all_kept;
    return SG_OK;
}

static void tell(sg_plan *plan)
{
    size_t bytes = 0;
    int count = 0;
    for (int i = 0; i < plan->count; i++) {
        if (!plan->nodes[i].dropped) continue;
        count++;
        bytes += sg_plan_bytes(plan, &plan->nodes[i]);
        plan->info.flop_again += cost(&plan->nodes[i]);
    }
    SG_SAY(plan, "recompute: %d values, %.1f MiB, made again with %.2f GFLOP\n", count, (double)bytes / 1048576,
           1e-9 * plan->info.flop_again);
}

sg_status sg_pass_recompute(sg_plan *plan)
{
    if (!plan->options.recompute) return SG_OK;
    size_t all_kept;
    SG_TRY(fullest(plan, &all_kept));
    int *chain = calloc((size_t)plan->count, sizeof *chain);
    if (chain == NULL) SG_FAIL(SG_E_MEMORY, "plan: out of memory");
    for (int i = 0; i < plan->count; i++) {
        if (!may_drop(plan, i)) continue;
        chain[i] = chain_length(plan, i, chain);
        plan->nodes[i].dropped = chain[i] < 2;
    }
    const sg_status status = keep_the_dearest(plan, chain, all_kept);
    free(chain);
    tell(plan);
    return status;
}
