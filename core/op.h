/* op.h - what an operation is: one row of the op table. A new op = one file with its builder, kernels and row, one line
 * in its folder's ops.h, one line of documentation (`formula`), one case generator. A test fails if one is missing.
 *
 * A file <folder>/<op>.c is compiled twice (core/real.h) and has this order:
 *     header comment: formula, backward, source
 *     attr struct; SG_KERNELS(op)
 *     static helpers; void R(op_forward)(const sg_run *run); void R(op_backward)(const sg_run *run)
 *     #ifdef SG_ONCE: infer, workspace, cases, const sg_op sg_op_<op> = {...}, the builder sg_<op>() #endif
 */
#ifndef SG_CORE_OP_H
#define SG_CORE_OP_H

#include "core/graph.h"
#include "core/ranks.h"
#include "core/real.h"
#include "core/status.h"
#include "core/tensor.h"

/* The value is the number of channels in a block, and a bit in a set of layouts. */
typedef enum sg_layout {
    SG_NCHW = 0,    /* plain: (n, c, h, w) */
    SG_NCHW8 = 8,   /* blocked: (n, c/8, h, w, 8), only where c divides by 8; not in double plans */
    SG_NCHW16 = 16, /* the same with 16 */
} sg_layout;

/* How a value lies in memory, and its gradient like it. Image n begins at number n image_step: a value may live inside
 * a wider one (a concatenation without a copy). Numbers are the plan's float or double, or, in blocks only, bf16. */
typedef struct sg_form {
    sg_layout layout;
    sg_type type;      /* of storage; kernels compute in float (core/bf16.h) */
    size_t image_step; /* >= c h w, times 2 if complex */
} sg_form;

/* What one run of a program knows besides its tensors. */
typedef struct sg_step {
    uint64_t seed;
    uint32_t epoch;            /* 0 in evaluation */
    const uint32_t *sample_id; /* (n) ids of the batch; NULL: 0, 1, 2, ... */
    bool training;             /* batch statistics, dropout, ... */
    double progress;           /* part of the training that is done, 0..1: what is annealed follows it */
    sg_ranks *ranks;           /* losses and gradients are those of the batches of all ranks; NULL: one process */
    sg_ranks *norm_ranks;      /* batch statistics, too; NULL: of the own part of the batch */
} sg_step;

/* An activation that a pass moved into the op before it: y = v > 0 ? v : slope v. */
typedef struct sg_fused_relu {
    double slope;
} sg_fused_relu;

/* One node of the graph. Kernels read it; only core/ writes it. */
typedef struct sg_node {
    const sg_op *op;  /* NULL: a leaf */
    const void *attr; /* the op's own struct */
    size_t attr_size;
    int inputs[SG_MAX_INPUTS]; /* node ids; -1: an absent optional input */
    int input_count;
    sg_shape in_shape[SG_MAX_INPUTS];
    bool in_complex[SG_MAX_INPUTS];
    sg_shape shape; /* of the output: set by infer */
    bool is_complex;
    char name[SG_NAME_MAX]; /* leaf: its name; else op name and index */
    /* set by the passes of the plan */
    sg_form form, in_form[SG_MAX_INPUTS];
    bool wants
        [SG_MAX_INPUTS]; /* backward will be asked for the gradient to input i: what only that needs is worth keeping */
    const sg_fused_relu *fused; /* activation taken over from the following node */
    /* The activation fused into the op that made input i, to be undone here: after this node's contribution, which is
     * the last one, dL/din[i] *= in[i] > 0 ? 1 : slope. That op then finds `premasked` and leaves its dout alone. */
    const sg_fused_relu *mask[SG_MAX_INPUTS];
    bool premasked;
    bool direct; /* sums as the formula has them: no algorithm that trades rounding for speed */
} sg_node;

/* What one kernel call sees. Pointers are to float or double as the kernel is; backward ADDS into din. */
typedef struct sg_run {
    const sg_node *node;
    const void *in[SG_MAX_INPUTS];
    void *out;                 /* backward: the forward's result, valid only if the row says keeps_output */
    void *dout;                /* dL/dout; the op may overwrite it */
    void *din[SG_MAX_INPUTS];  /* dL/din to add to; NULL: not wanted */
    bool fresh[SG_MAX_INPUTS]; /* row says sets_fresh: din[i] holds garbage and must be set, not added to */
    void *save;                /* written by forward, read by backward; `save` bytes */
    void *scratch;             /* `scratch` bytes of this call alone */
    void *prepared;            /* what prepare() made: FFT plans, library primitives */
    const sg_step *step;
    int threads; /* scratch was sized for so many */
} sg_run;

/* Bytes the op needs; `real_size` is 4 or 8. */
typedef struct sg_space {
    size_t save, scratch;
} sg_space;

enum { SG_FAST_MAX = 5 };

typedef void (*sg_kernel)(const sg_run *run);

/* A faster set of float kernels beside the reference (a library, SIMD). All functions as in sg_op. */
typedef struct sg_fast {
    const char *name;
    bool (*takes)(const sg_node *node, bool backward); /* can it do this node at all? */
    unsigned (*blocked)(void); /* set of layouts that each of inputs and output may have; NULL or 0: plain only */
    bool any_form;             /* takes every type and image_step, each tensor its own */
    double error;              /* stated: of a number, relative to the largest; 0: as small as the reference's */
    unsigned masks;            /* bit i: can do node->mask[i] */
    bool skips_mask;           /* knows node->premasked */
    void (*workspace)(const sg_node *node, int threads, size_t real_size, sg_space *out);
    sg_status (*prepare)(void **out, const sg_node *node, int threads, bool backward);
    void (*release)(void *prepared);
    sg_kernel forward, backward;
    /* Writes the name of the library kernels chosen, "fwd jit:avx512 data ... weights ..." (optional). */
    void (*describe)(const void *prepared, char *out, size_t size);
} sg_fast;

struct sg_op {
    const char *name;    /* "max_pool" */
    const char *formula; /* one line of documentation, with the source where there is one */
    /* Checks inputs and attributes, sets node->shape and node->is_complex. Errors by SG_FAIL; the graph adds the op's
     * name. */
    sg_status (*infer)(sg_node *node);
    /* Optional: sizes of save and scratch (both 0 otherwise). */
    void (*workspace)(const sg_node *node, int threads, size_t real_size, sg_space *out);
    /* Optional: made once when the plan is made, [0] for float, [1] for double. */
    sg_status (*prepare[2])(void **out, const sg_node *node, int threads, bool backward);
    void (*release[2])(void *prepared);
    sg_kernel forward[2], backward[2]; /* [0] float, [1] double: SG_REFERENCE(op) */
    /* Optional: the function that a surrogate gradient is the derivative of, in double, with what the last forward
     * saved (random draws, rounding) held fixed. `surrogate` names it. NULL: the gradient is exact. */
    sg_kernel surrogate_forward;
    const char *surrogate;
    /* Optional: called once after a whole training step: running statistics. [0] float, [1] double. */
    sg_kernel commit[2];
    double (*flop)(const sg_node *node); /* optional: forward FLOP */
    const sg_fast *fast[SG_FAST_MAX];    /* optional: the first that takes a node runs it */
    unsigned keeps_inputs;               /* bit i: backward reads in[i] (values, not only the shape) */
    bool keeps_output;                   /* backward reads out */
    bool sets_fresh;      /* backward sets din[i] where fresh[i] (saves zeroing); every element must then be written */
    bool linear;          /* in in[0]: adjoint test to 1e-12, gradient check to 1e-9 */
    bool any_layout;      /* out and all inputs may be blocked together (and then all are) */
    bool any_form;        /* takes every type and image_step, each tensor its own */
    unsigned masks;       /* bit i: can do node->mask[i] */
    bool again_ok;        /* forward may run twice in a step: costs time only */
    bool joins;           /* its output is its inputs' channels, one after the other: can be done in place */
    bool is_relu;         /* attr is sg_fused_relu: the fuse pass may move it into the op before it */
    bool fuses_relu;      /* can apply node->fused after itself and undo it in backward (which then reads out) */
    bool undoes_by_input; /* with fuses_relu: backward knows the activation's side from in[0], and does not read out */
    /* Case generator: builds test case i (an input by sg_case_input, then the op) and returns its value; SG_NONE
     * without an error past the last case. Small and odd shapes, h != w somewhere, every attribute that changes the
     * code path. */
    sg_value (*cases)(sg_graph *g, int i);
};

/* Test inputs: filled with uniform numbers in lo..hi by the tester. */
enum {
    SG_CASE_GRAD = 1,    /* check dL/dthis */
    SG_CASE_COMPLEX = 2, /* lo..hi for re and im */
    SG_CASE_INTEGER = 4, /* rounded to integers (labels) */
    SG_CASE_GAP = 8,     /* |x| >= .05 (hi - lo): stay away from a kink at 0 */
};
sg_value sg_case_input(sg_graph *g, const char *name, sg_shape shape, double lo, double hi, unsigned flags);

typedef struct sg_case_info {
    const char *name;
    sg_shape shape;
    double lo, hi;
    unsigned flags;
} sg_case_info;
int sg_graph_case_count(const sg_graph *g);
const sg_case_info *sg_graph_case_at(const sg_graph *g, int index);
/* For mutation tests: node v runs `op` (a changed copy of its row) from now on. */
void sg_graph_replace_op(sg_graph *g, sg_value v, const sg_op *op);

/* Declares the four kernels of an op; they are visible inside the library only. */
#define SG_HIDDEN __attribute__((visibility("hidden")))
#define SG_KERNELS(op)                                                                                                 \
    SG_HIDDEN void op##_forward_f32(const sg_run *run);                                                                \
    SG_HIDDEN void op##_forward_f64(const sg_run *run);                                                                \
    SG_HIDDEN void op##_backward_f32(const sg_run *run);                                                               \
    SG_HIDDEN void op##_backward_f64(const sg_run *run);
#define SG_PREPARES(op)                                                                                                \
    SG_HIDDEN sg_status op##_prepare_f32(void **out, const sg_node *node, int threads, bool backward);                 \
    SG_HIDDEN sg_status op##_prepare_f64(void **out, const sg_node *node, int threads, bool backward);                 \
    SG_HIDDEN void op##_release_f32(void *prepared);                                                                   \
    SG_HIDDEN void op##_release_f64(void *prepared);
#define SG_REFERENCE(op)                                                                                               \
    .forward = {op##_forward_f32, op##_forward_f64}, .backward = {op##_backward_f32, op##_backward_f64}
#define SG_PREPARED(op) .prepare = {op##_prepare_f32, op##_prepare_f64}, .release = {op##_release_f32, op##_release_f64}

#endif
