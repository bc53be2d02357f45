/* plan_internal.h - what a plan is made of; for plan*.c only.
 * Time of a plan: the live nodes in order have the steps 0 .. L-1 forward; then each node in reverse order has two: one
 * to make again what its backward reads, and one for the backward (sg_plan_back). A block of memory lives from its first
 * to its last step; 3L means "until the caller has read it".
 */
#ifndef SG_CORE_PLAN_INTERNAL_H
#define SG_CORE_PLAN_INTERNAL_H

#include "core/bf16.h"
#include "core/graph_internal.h"
#include "core/memory.h"
#include "core/plan.h"

/* A block of the arena. */
typedef struct sg_block_use {
    size_t bytes, offset;
    int first, last; /* steps, inclusive; bytes == 0: unused */
    bool fullest;    /* lives at the step with most */
} sg_block_use;

typedef enum sg_use {
    SG_USE_VALUE,
    SG_USE_AGAIN, /* the value, made again for backward */
    SG_USE_GRAD,
    SG_USE_SAVE,
    SG_USE_SCRATCH_FORWARD,
    SG_USE_SCRATCH_AGAIN,
    SG_USE_SCRATCH_BACKWARD,
    SG_USE_COUNT
} sg_use;

typedef struct sg_plan_node {
    sg_node node; /* copy; the passes change inputs, forms, fused, masks */
    sg_leaf leaf;
    sg_param_spec spec;
    sg_param_info *param; /* leaf PARAM: the model's */
    bool live;            /* needed for the root or an output */
    bool reaches_root;
    bool wants_grad;
    bool kept;           /* root or named output */
    bool joined;         /* its inputs lie in its value already: nothing to run */
    int inside;          /* node in whose value this one lies (and their gradients), or -1 */
    size_t inside_at;    /* first number there */
    bool dropped;        /* its value is forgotten after forward and made again when backward needs it */
    int step;            /* among the live nodes */
    const sg_fast *fast; /* chosen kernels; NULL: the reference */
    void *prepared;
    sg_block_use use[SG_USE_COUNT];
    sg_run forward, again, backward;
    bool zero_first[SG_MAX_INPUTS];  /* backward: din[i] must be zeroed before this node runs */
    bool ready_after[SG_MAX_INPUTS]; /* backward: input i is a parameter whose gradient nothing adds to any more */
    double seconds[3];               /* by sg_direction */
    long runs[3];
} sg_plan_node;

struct sg_plan {
    sg_plan_options options;
    sg_model *model;
    sg_plan_node *nodes;
    int count, live_count;
    int root;
    sg_named *outputs;
    int output_count;
    unsigned char *arena;
    double *params_f64; /* f64 plans: copies, one after the other */
    size_t real_size;
    int threads;
    sg_step step;
    sg_plan_info info;
    bool profile;
    sg_kernel_observer see; /* NULL: nobody looks */
    void *see_context;
};

static inline size_t sg_plan_number_size(const sg_plan *plan, const sg_plan_node *n)
{
    return sg_type_size(n->node.form.type, plan->real_size);
}
/* Bytes of a node's value, without gaps. */
static inline size_t sg_plan_bytes(const sg_plan *plan, const sg_plan_node *n)
{
    return sg_shape_len(n->node.shape) * (n->node.is_complex ? 2 : 1) * sg_plan_number_size(plan, n);
}
/* Does its own backward read its value? An activation that was fused is undone with its help. */
static inline bool sg_plan_reads_own(const sg_plan_node *n)
{
    const bool undoes = n->node.fused != NULL && !n->node.premasked && !n->node.op->undoes_by_input;
    return n->wants_grad && n->node.op != NULL && (n->node.op->keeps_output || undoes);
}
static inline bool sg_plan_without(const sg_plan *plan, sg_pass pass)
{
    return (plan->options.without & (unsigned)pass) != 0;
}
#define SG_SAY(plan, ...)                                                                                              \
    do {                                                                                                               \
        if ((plan)->options.verbose != NULL) fprintf((plan)->options.verbose, __VA_ARGS__);                            \
    } while (0)
static inline int sg_plan_back(const sg_plan *plan, const sg_plan_node *n)
{
    return 3 * plan->live_count - 1 - 2 * n->step;
}
static inline int sg_plan_end(const sg_plan *plan)
{
    return 3 * plan->live_count;
}

/* The passes, plan_passes.c, plan_forms.c and plan_recompute.c; each reads and writes only what its comment says. */
void sg_pass_live(sg_plan *plan);           /* live, reaches_root, wants_grad, step */
void sg_pass_fuse(sg_plan *plan);           /* node.fused, inputs of later nodes, root, outputs */
void sg_pass_kernels(sg_plan *plan);        /* fast */
void sg_pass_forms(sg_plan *plan);          /* node.form, node.in_form, node.mask, node.premasked, joined, inside */
sg_status sg_pass_recompute(sg_plan *plan); /* dropped */
sg_status sg_pass_lifetime(sg_plan *plan);  /* use[].first, last, offset; info.arena_bytes */

/* use[].bytes, first, last of every block, as `dropped` says. plan_passes.c */
void sg_plan_lifetimes(sg_plan *plan);
/* *bytes = what lives at the fullest step, *step. plan_report.c */
sg_status sg_plan_fullest(const sg_plan *plan, size_t *bytes, int *step);

#endif
