/* graph.h - building a static graph of operations. Pure bookkeeping: no data, no kernels run.
 * The builder keeps the first error inside the graph: every later call is a no-op that returns an invalid value, and
 * sg_plan_make reports the error. So model code needs no checks. */
#ifndef SG_CORE_GRAPH_H
#define SG_CORE_GRAPH_H

#include "core/status.h"
#include "core/tensor.h"

#include <stdint.h>

enum { SG_MAX_INPUTS = 8, SG_NAME_MAX = 96 };

typedef struct sg_graph sg_graph;
typedef struct sg_op sg_op;
/* A handle: the index of the node that makes the value; negative after an error or where an optional input is absent.
 */
typedef struct sg_value {
    int id;
} sg_value;
#define SG_NONE ((sg_value){-1})

/* NULL when out of memory (every call accepts a NULL graph and sg_plan_make reports it). */
sg_graph *sg_graph_new(void);
void sg_graph_free(sg_graph *g);

/* ---- leaves ---- */
/* Data that the caller writes before each run, see sg_plan_input. No gradient. */
sg_value sg_input(sg_graph *g, const char *name, sg_shape shape);
sg_value sg_input_complex(sg_graph *g, const char *name, sg_shape shape);
/* The same, but its gradient is computed (sg_plan_input_grad): tests, Fourier ptychography. */
sg_value sg_variable(sg_graph *g, const char *name, sg_shape shape, bool is_complex);

typedef enum sg_constraint {
    SG_FREE,         /* any number */
    SG_NON_NEGATIVE, /* >= 0 */
    SG_BOX,          /* lo .. hi */
    SG_SIMPLEX,      /* >= 0, sum = hi (Euclidean projection, Duchi et al. 2008): equal dose */
    SG_ASCENDING,    /* x[0] <= x[1] <= ... along w (isotonic regression, pool adjacent violators) */
} sg_constraint;

typedef enum sg_init {
    SG_INIT_CONSTANT, /* init_a */
    SG_INIT_VALUES,   /* values[0 .. len-1], copied by the builder, each times uniform in 1 - init_b .. 1 + init_b */
    SG_INIT_UNIFORM,  /* uniform in init_a .. init_b */
    SG_INIT_SHARES,   /* uniform in 0 .. 1, scaled so that their sum is hi */
    SG_INIT_NORMAL,   /* normal with mean init_a, standard deviation init_b */
} sg_init;

typedef struct sg_param_spec {
    sg_init init;
    double init_a, init_b;
    const double *values;
    sg_constraint constraint;
    double lo, hi;
    double lr;        /* learning rate of its own; 0: the network's */
    bool decay;       /* weight decay applies (kernels yes; biases, norms and hardware no) */
    bool frozen;      /* no gradient, no step */
    bool state;       /* a running statistic: written by sg_plan_commit, never by the optimiser */
    const char *unit; /* "rad", "um", "1"; for results */
} sg_param_spec;

/* A named tensor that lives in sg_model and outlives the plan. Two calls with one name give the same parameter (shapes
 * must agree). */
sg_value sg_param(sg_graph *g, const char *name, sg_shape shape, const sg_param_spec *spec);

/* ---- operations ---- */
/* Adds a node: copies `attr` (attr_size bytes), infers the shape by the op's row. Used by the builders sg_<op>. */
sg_value sg_node_add(sg_graph *g, const sg_op *op, const void *attr, size_t attr_size, const sg_value *inputs,
                     int count);
#define SG_NODE(g, op, attr, ...)                                                                                      \
    sg_node_add((g), (op), (attr), sizeof *(attr), (const sg_value[]){__VA_ARGS__},                                    \
                (int)(sizeof((const sg_value[]){__VA_ARGS__}) / sizeof(sg_value)))
/* Names a value so that sg_plan_output finds it; its memory is kept to the end of the run. */
void sg_output(sg_graph *g, const char *name, sg_value value);

/* ---- questions and errors ---- */
sg_shape sg_value_shape(const sg_graph *g, sg_value v); /* (0,0,0,0) if invalid */
bool sg_value_complex(const sg_graph *g, sg_value v);
sg_status sg_graph_status(const sg_graph *g);
/* Records an error from a builder (kept if it is the first); returns SG_NONE. */
sg_value sg_graph_fail(sg_graph *g, sg_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* printf into the graph's own string pool: names such as "unet.down%d.conv1.weight". Valid as long as the graph. */
const char *sg_graph_text(sg_graph *g, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
