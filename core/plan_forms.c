/* plan_forms.c - the passes that decide how values lie in memory: in blocks of channels, as float or bf16, inside a
 * wider value; and where the activation before a value is undone. */
#include "core/memory.h"
#include "core/plan_internal.h"

enum { EVERY_LAYOUT = SG_NCHW8 | SG_NCHW16 };

static sg_plan_node *input_of(const sg_plan *plan, const sg_plan_node *n, int j)
{
    return n->node.inputs[j] >= 0 ? &plan->nodes[n->node.inputs[j]] : NULL;
}

/* The consumer after node `after` that reads value `id` (-1: none), and as which input. */
static int next_consumer(const sg_plan *plan, int id, int after, int *input)
{
    for (int i = after + 1; i < plan->count; i++)
        for (*input = 0; plan->nodes[i].live && *input < plan->nodes[i].node.input_count; (*input)++)
            if (plan->nodes[i].node.inputs[*input] == id) return i;
    return -1;
}

/* ---- layout: runs of ops that can, keep their values in blocks of channels ---- */

/* Layouts that the fast rows of this plan ask for; ops that take any follow them. */
static unsigned wanted_layouts(const sg_plan *plan)
{
    unsigned wanted = 0;
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (n->live && n->fast != NULL && n->fast->blocked != NULL) wanted |= n->fast->blocked();
    }
    return wanted;
}

static unsigned possible_layouts(const sg_plan_node *n)
{
    if (n->node.op == NULL) return 0;
    if (n->fast != NULL) return n->fast->blocked != NULL ? n->fast->blocked() : 0;
    return n->node.op->any_layout ? EVERY_LAYOUT : 0;
}

/* The widest blocks that the channels fill and everybody around can handle. */
static sg_layout widest_layout(const sg_plan *plan, int id, unsigned wanted)
{
    const sg_plan_node *n = &plan->nodes[id];
    unsigned possible = n->kept || n->node.is_complex ? 0 : wanted & possible_layouts(n);
    for (int j, i = next_consumer(plan, id, -1, &j); i >= 0; i = next_consumer(plan, id, i, &j))
        possible &= possible_layouts(&plan->nodes[i]);
    for (unsigned block = SG_NCHW16; block >= SG_NCHW8; block /= 2)
        if ((possible & block) != 0 && n->node.shape.c % (int)block == 0) return (sg_layout)block;
    return SG_NCHW;
}

/* Ops that take any layout want one for all: the narrowest of their tensors. Parameters are no tensors in this sense.
 * True if something changed. */
static bool layout_agree(const sg_plan *plan, sg_plan_node *n)
{
    sg_layout least = n->node.form.layout;
    bool changed = false;
    for (int j = 0; j < n->node.input_count; j++) {
        const sg_plan_node *in = input_of(plan, n, j);
        if (in != NULL && in->leaf != SG_LEAF_PARAM && in->node.form.layout < least) least = in->node.form.layout;
    }
    for (int j = 0; j < n->node.input_count; j++) {
        sg_plan_node *in = input_of(plan, n, j);
        if (in == NULL || in->leaf == SG_LEAF_PARAM || in->node.form.layout == least) continue;
        in->node.form.layout = least;
        changed = true;
    }
    changed |= n->node.form.layout != least;
    n->node.form.layout = least;
    return changed;
}

static void pass_layout(sg_plan *plan)
{
    int blocked = 0;
    const bool plain = sg_plan_without(plan, SG_PASS_LAYOUT) || plan->options.f64 || plan->options.reference;
    const unsigned wanted = plain ? 0 : wanted_layouts(plan);
    bool changed = wanted != 0;
    for (int i = 0; i < plan->count; i++)
        plan->nodes[i].node.form.layout = plan->nodes[i].live ? widest_layout(plan, i, wanted) : SG_NCHW;
    while (changed) {
        changed = false;
        for (int i = 0; i < plan->count; i++) {
            sg_plan_node *n = &plan->nodes[i];
            if (n->live && n->node.op != NULL && n->fast == NULL && n->node.op->any_layout)
                changed |= layout_agree(plan, n);
        }
    }
    for (int i = 0; i < plan->count; i++) blocked += plan->nodes[i].live && plan->nodes[i].node.form.layout != SG_NCHW;
    SG_SAY(plan, "layout: %d of %d values in blocks of channels\n", blocked, plan->live_count);
}

/* ---- type: blocked values as bf16 ---- */
static bool any_form(const sg_plan_node *n)
{
    if (n->node.op == NULL) return false;
    return n->fast != NULL ? n->fast->any_form : n->node.op->any_form;
}

static bool any_form_around(const sg_plan *plan, int id)
{
    bool all = any_form(&plan->nodes[id]);
    for (int j, i = next_consumer(plan, id, -1, &j); i >= 0; i = next_consumer(plan, id, i, &j))
        all &= any_form(&plan->nodes[i]);
    return all;
}

static void pass_type(sg_plan *plan)
{
    int halves = 0;
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        const bool half = plan->options.bf16 && n->live && n->node.form.layout != SG_NCHW && any_form_around(plan, i);
        n->node.form.type = half ? SG_BF16 : SG_F32;
        n->node.form.image_step = sg_shape_len(n->node.shape) / (size_t)n->node.shape.n * (n->node.is_complex ? 2 : 1);
        halves += half;
    }
    if (plan->options.bf16) SG_SAY(plan, "type: %d of %d values as bf16\n", halves, plan->live_count);
}

/* ---- concat: inputs lie where their concatenation wants them ---- */

/* The last consumer must be the concatenation: its share of the gradient is then the first, and the others add. One that
 * only an output needs has no gradient to hold it. */
static bool can_lie_inside(const sg_plan *plan, int id, int wider)
{
    const sg_plan_node *n = &plan->nodes[id], *w = &plan->nodes[wider];
    int input;
    if (n->node.op == NULL || n->kept || n->joined || n->inside >= 0) return false;
    if (n->wants_grad && !w->wants_grad) return false;
    if (n->node.form.layout != w->node.form.layout || n->node.form.type != w->node.form.type) return false;
    return any_form_around(plan, id) && next_consumer(plan, id, wider, &input) < 0;
}

static bool can_join(const sg_plan *plan, int id)
{
    const sg_plan_node *n = &plan->nodes[id];
    if (!n->live || n->node.op == NULL || !n->node.op->joins || n->node.form.layout == SG_NCHW) return false;
    for (int j = 0; j < n->node.input_count; j++) {
        if (!can_lie_inside(plan, n->node.inputs[j], id)) return false;
        for (int k = 0; k < j; k++)
            if (n->node.inputs[k] == n->node.inputs[j]) return false;
    }
    return true;
}

static void join(sg_plan *plan, int id)
{
    sg_plan_node *n = &plan->nodes[id];
    size_t at = 0;
    n->joined = true;
    for (int j = 0; j < n->node.input_count; j++) {
        sg_plan_node *in = &plan->nodes[n->node.inputs[j]];
        in->inside = id;
        in->inside_at = at;
        at += in->node.form.image_step;
        in->node.form.image_step = n->node.form.image_step;
    }
    SG_SAY(plan, "concat: %s without a copy\n", n->node.name);
}

static void pass_concat(sg_plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        plan->nodes[i].inside = -1;
        plan->nodes[i].joined = false;
    }
    for (int i = 0; i < plan->count && !sg_plan_without(plan, SG_PASS_CONCAT); i++)
        if (can_join(plan, i)) join(plan, i);
}

/* ---- mask: who completes a gradient undoes the activation before it ---- */
static bool can_mask(const sg_plan_node *n, int j)
{
    if (n->joined || !n->wants_grad) return false;
    for (int k = 0; k < n->node.input_count; k++)
        if (k != j && n->node.inputs[k] == n->node.inputs[j]) return false;
    return ((n->fast != NULL ? n->fast->masks : n->node.op->masks) >> j & 1u) != 0;
}

static void pass_mask(sg_plan *plan)
{
    int moved = 0;
    for (int i = 0; i < plan->count && !sg_plan_without(plan, SG_PASS_MASK); i++) {
        sg_plan_node *n = &plan->nodes[i];
        int j;
        if (!n->live || !n->wants_grad || n->node.fused == NULL || n->fast == NULL || !n->fast->skips_mask) continue;
        const int first = next_consumer(plan, i, i, &j); /* the first forward is the last backward */
        if (first < 0 || !can_mask(&plan->nodes[first], j)) continue;
        plan->nodes[first].node.mask[j] = n->node.fused;
        n->node.premasked = true;
        moved++;
    }
    SG_SAY(plan, "mask: %d activations undone by the op after them\n", moved);
}

void sg_pass_forms(sg_plan *plan)
{
    pass_layout(plan);
    pass_type(plan);
    pass_concat(plan);
    pass_mask(plan);
    for (int i = 0; i < plan->count; i++) {
        sg_plan_node *n = &plan->nodes[i];
        for (int j = 0; j < n->node.input_count; j++)
            if (n->node.inputs[j] >= 0) n->node.in_form[j] = input_of(plan, n, j)->node.form;
    }
}
