/* graph_internal.h - what a graph is made of; for graph.c and the plan only. */
#ifndef SG_CORE_GRAPH_INTERNAL_H
#define SG_CORE_GRAPH_INTERNAL_H

#include "core/op.h"

typedef enum sg_leaf { SG_LEAF_NONE, SG_LEAF_INPUT, SG_LEAF_VARIABLE, SG_LEAF_PARAM } sg_leaf;

/* A node and what the plan must know besides it. */
typedef struct sg_entry {
    sg_node node;
    sg_leaf leaf;
    sg_param_spec spec; /* leaf PARAM */
    double *values;     /* its copy of spec.values */
} sg_entry;

typedef struct sg_named {
    char name[SG_NAME_MAX];
    int id;
} sg_named;

struct sg_graph {
    sg_entry *entries;
    int count, capacity;
    sg_named *outputs;
    int output_count;
    sg_case_info *cases;
    int case_count;
    char **texts;
    int text_count;
    sg_status status;
    char error[1024];
};

#endif
