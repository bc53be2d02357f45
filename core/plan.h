/* plan.h - a graph made ready to run: every shape, kernel, layout and address is known, one block of memory allocated.
 *     SG_TRY(sg_plan_make(&plan, g, model, loss, &options));
 *     memcpy(sg_plan_input(plan, "sample"), ...);  sg_plan_step_set(plan, &step);
 *     SG_TRY(sg_plan_forward(plan)); SG_TRY(sg_plan_backward(plan));
 * Running allocates nothing and gives the same bits for any thread count.
 * Passes, in order, each switched off by its bit in `options.without`:
 *     fuse      a ReLU moves into the convolution or normalisation before it
 *     layout    runs of ops that can, keep their values in blocks of channels
 *     concat    blocked values are written where their concatenation will read them: no copy
 *     mask      the op that completes a gradient undoes the ReLU before it, in the same pass over memory
 *     recompute (options.recompute) values are dropped after forward and made again just before backward needs them
 *     lifetime  values and gradients share memory when they do not live at the same time */
#ifndef SG_CORE_PLAN_H
#define SG_CORE_PLAN_H

#include "core/graph.h"
#include "core/model.h"
#include "core/op.h"

#include <stdio.h>

typedef enum sg_pass {
    SG_PASS_FUSE = 1,
    SG_PASS_LAYOUT = 2,
    SG_PASS_LIFETIME = 4,
    SG_PASS_CONCAT = 8,
    SG_PASS_MASK = 16,
} sg_pass;

typedef struct sg_plan_options {
    bool backward;    /* also plan gradients (needs a scalar loss unless seeds come by sg_plan_backward_from) */
    bool f64;         /* double precision, reference kernels */
    bool reference;   /* float, but no fast kernels */
    bool direct;      /* sg_node.direct of every node */
    bool recompute;   /* values that are cheap to make again are not kept for backward */
    bool sizes_only;  /* nothing is allocated or prepared: such a plan can be asked, not run */
    bool bf16;        /* blocked values and their gradients are stored as bfloat16 where every op around can */
    unsigned without; /* passes to leave out: SG_PASS_... | ... */
    FILE *verbose;    /* passes print their result here; NULL: silent */
    size_t max_bytes; /* refuse a bigger arena; 0: what the machine and its control group have left */
} sg_plan_options;

typedef struct sg_plan sg_plan;

/* `loss` is the root: what is not needed for it or for a named output is not run. Keeps a reference to `model` (must
 * outlive the plan), copies what it needs of `g`. Errors: the graph's own, SG_E_MEMORY with the numbers. */
sg_status sg_plan_make(sg_plan **out, const sg_graph *g, sg_model *model, sg_value loss,
                       const sg_plan_options *options);
void sg_plan_free(sg_plan *plan);

/* Where to write an input (float *, or double * in an f64 plan); NULL if the graph has none of this name. */
void *sg_plan_input(const sg_plan *plan, const char *name);
/* Where to read a named output, after forward; SG_NCHW. */
void *sg_plan_output(const sg_plan *plan, const char *name);
sg_shape sg_plan_shape(const sg_plan *plan, const char *name); /* of a named input or output; zeros if unknown */
/* Gradient of a parameter / of an sg_variable, after backward; NULL if it has none. */
void *sg_plan_param_grad(const sg_plan *plan, const char *name);
void *sg_plan_input_grad(const sg_plan *plan, const char *name);

/* Copied; sample_id must stay valid during the run. */
void sg_plan_step_set(sg_plan *plan, const sg_step *step);
/* SG_E_NUMERIC if the loss is not finite, naming the first op that made such a number. */
sg_status sg_plan_forward(sg_plan *plan);
/* dL/dL = 1. SG_E_NUMERIC if a parameter's gradient is not finite, naming the op. */
sg_status sg_plan_backward(sg_plan *plan);
/* For tests: gradient of <seed, root> (root any shape). */
sg_status sg_plan_backward_from(sg_plan *plan, const void *seed);
/* For tests: forward with the surrogate functions, everything saved held fixed. f64 plans. */
sg_status sg_plan_forward_surrogate(sg_plan *plan);
/* Running statistics, after a step whose gradients were finite. */
void sg_plan_commit(sg_plan *plan);
/* The loss (first number of the root) as a double. */
double sg_plan_loss(const sg_plan *plan);
/* The root's value (float * / double *). */
const void *sg_plan_root(const sg_plan *plan);
/* f64 plans hold copies of the parameters: reads them again from the model. */
void sg_plan_params_load(sg_plan *plan);
/* f64 plans: where the copy of a parameter is, to perturb it. In float plans the model's own memory. */
void *sg_plan_param(const sg_plan *plan, const char *name);

typedef struct sg_plan_info {
    size_t arena_bytes, param_bytes, unshared_bytes; /* unshared: what the arena would be without the lifetime pass */
    size_t fullest_bytes;                            /* what lives at the fullest step: no arena can be smaller */
    double flop_forward, flop_again;                 /* again: what recompute adds to a step */
    int node_count;
} sg_plan_info;
void sg_plan_info_get(const sg_plan *plan, sg_plan_info *out);
/* What the plan chose: for each op that has fast rows how many nodes each row has, then how values are stored. */
void sg_plan_choice_print(const sg_plan *plan, FILE *out);
/* The arena at its fullest step: what runs there, bytes by kind, and the `largest` largest blocks. */
sg_status sg_plan_memory_print(const sg_plan *plan, int largest, FILE *out);
/* Measures time per node from now on (0 off). sg_plan_profile_print writes a table: node, kernel, shape, ms, GFLOP/s.
 */
void sg_plan_profile(sg_plan *plan, bool on);
void sg_plan_profile_print(const sg_plan *plan, FILE *out);
/* Seconds spent since profiling began in nodes whose op name satisfies `match` (forward + backward). */
double sg_plan_profile_seconds(const sg_plan *plan, bool (*match)(const char *op_name));

/* One op that ran, in the order in which it runs. */
typedef struct sg_profile_row {
    const char *name; /* as in the printed table; lives as long as the plan */
    const sg_op *op;
    sg_shape shape;    /* of the output */
    double seconds[3]; /* mean of a forward, a backward run, of making the value again; 0: none measured */
    /* Of a forward, a backward run. FLOP: counted by the op (0: it does not say); backward as many for each gradient
     * wanted of inputs 0 and 1, as a product of the two has. Bytes: every number read or written once. */
    double flop[2], bytes[2];
    char kernel[256]; /* "winograd blocked bf16 +relu", "reference", "in place": nothing to run */
} sg_profile_row;
/* Fills at most `most` rows and returns how many ops ran. */
int sg_plan_profile_rows(const sg_plan *plan, sg_profile_row *rows, int most);

typedef enum sg_direction { SG_FORWARD, SG_BACKWARD, SG_AGAIN /* the value made again */ } sg_direction;
/* One kernel that has run. The texts live as long as the plan. */
typedef struct sg_kernel_run {
    const char *name, *kernel; /* of the node, as in the printed table; of its fast row, or "reference" */
    const sg_op *op;
    sg_shape shape; /* of the output */
    sg_direction direction;
    double begin_s, end_s; /* of CLOCK_MONOTONIC */
} sg_kernel_run;
/* From now on `see` is told of every kernel, in order, by the thread that runs the plan; NULL ends it. */
typedef void (*sg_kernel_observer)(void *context, const sg_kernel_run *run);
void sg_plan_observe(sg_plan *plan, sg_kernel_observer see, void *context);

#endif
