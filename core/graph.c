/* graph.c - the flat array of nodes that builders append to. */
#include "core/graph_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SG_MAX_ELEMENTS_LOG2 = 34 };

sg_graph *sg_graph_new(void)
{
    return calloc(1, sizeof(sg_graph));
}

void sg_graph_free(sg_graph *g)
{
    if (g == NULL) return;
    for (int i = 0; i < g->count; i++) {
        free((void *)(uintptr_t)g->entries[i].node.attr);
        free(g->entries[i].values);
    }
    for (int i = 0; i < g->text_count; i++) free(g->texts[i]);
    free(g->texts);
    free(g->cases);
    free(g->outputs);
    free(g->entries);
    free(g);
}

sg_value sg_graph_fail(sg_graph *g, sg_status status, const char *format, ...)
{
    va_list args;
    if (g == NULL || g->status != SG_OK) return SG_NONE;
    g->status = status;
    va_start(args, format);
    (void)vsnprintf(g->error, sizeof g->error, format, args);
    va_end(args);
    return SG_NONE;
}

sg_status sg_graph_status(const sg_graph *g)
{
    if (g == NULL) SG_FAIL(SG_E_MEMORY, "graph: out of memory");
    return g->status == SG_OK ? SG_OK : sg_error_set(g->status, "%s", g->error);
}

/* One more element for a growing array: returns false (and fails the graph) without memory. */
static bool grow(sg_graph *g, void *array, int count, size_t size)
{
    void **place = array;
    if ((count & (count - 1)) != 0) return true; /* capacities are powers of two, taken when count reaches one */
    void *grown = realloc(*place, (count > 0 ? 2 * (size_t)count : 1) * size);
    if (grown == NULL) {
        (void)sg_graph_fail(g, SG_E_MEMORY, "graph: out of memory");
        return false;
    }
    *place = grown;
    return true;
}

static sg_entry *append(sg_graph *g)
{
    if (g == NULL || g->status != SG_OK || !grow(g, &g->entries, g->count, sizeof *g->entries)) return NULL;
    sg_entry *entry = &g->entries[g->count++];
    memset(entry, 0, sizeof *entry);
    return entry;
}

static int find_leaf(const sg_graph *g, const char *name)
{
    for (int i = 0; g != NULL && i < g->count; i++)
        if (g->entries[i].leaf != SG_LEAF_NONE && strcmp(g->entries[i].node.name, name) == 0) return i;
    return -1;
}

static bool shape_ok(sg_shape s)
{
    double len = (double)s.n * s.c * s.h * s.w;
    return s.n > 0 && s.c > 0 && s.h > 0 && s.w > 0 && len <= (double)(1LL << SG_MAX_ELEMENTS_LOG2);
}

static sg_value add_leaf(sg_graph *g, sg_leaf leaf, const char *name, sg_shape s, bool is_complex)
{
    if (g == NULL || g->status != SG_OK) return SG_NONE;
    if (strlen(name) >= SG_NAME_MAX)
        return sg_graph_fail(g, SG_E_USAGE, "%s: a name has at most %d letters", name, SG_NAME_MAX - 1);
    if (!shape_ok(s))
        return sg_graph_fail(g, SG_E_SHAPE, "%s: the shape (%d, %d, %d, %d) is empty or larger than 65536 MiB", name,
                             s.n, s.c, s.h, s.w);
    if (find_leaf(g, name) >= 0) return sg_graph_fail(g, SG_E_USAGE, "%s: the graph has this leaf already", name);
    sg_entry *entry = append(g);
    if (entry == NULL) return SG_NONE;
    entry->leaf = leaf;
    entry->node.shape = s;
    entry->node.is_complex = is_complex;
    (void)snprintf(entry->node.name, SG_NAME_MAX, "%s", name);
    return (sg_value){g->count - 1};
}

sg_value sg_input(sg_graph *g, const char *name, sg_shape shape)
{
    return add_leaf(g, SG_LEAF_INPUT, name, shape, false);
}

sg_value sg_input_complex(sg_graph *g, const char *name, sg_shape shape)
{
    return add_leaf(g, SG_LEAF_INPUT, name, shape, true);
}

sg_value sg_variable(sg_graph *g, const char *name, sg_shape shape, bool is_complex)
{
    return add_leaf(g, SG_LEAF_VARIABLE, name, shape, is_complex);
}

sg_value sg_param(sg_graph *g, const char *name, sg_shape shape, const sg_param_spec *spec)
{
    const int found = find_leaf(g, name);
    if (found >= 0) {
        const sg_entry *entry = &g->entries[found];
        if (entry->leaf == SG_LEAF_PARAM && sg_shape_equal(entry->node.shape, shape)) return (sg_value){found};
        return sg_graph_fail(g, SG_E_SHAPE, "%s: used with two shapes", name);
    }
    const sg_value v = add_leaf(g, SG_LEAF_PARAM, name, shape, false);
    if (v.id < 0) return v;
    sg_entry *entry = &g->entries[v.id];
    entry->spec = *spec;
    if (spec->init == SG_INIT_VALUES) {
        const size_t len = sg_shape_len(shape);
        entry->values = malloc(len * sizeof(double));
        if (entry->values == NULL) return sg_graph_fail(g, SG_E_MEMORY, "%s: out of memory", name);
        memcpy(entry->values, spec->values, len * sizeof(double));
        entry->spec.values = entry->values;
    }
    return v;
}

/* "conv2d 17: text; inputs (8, 1, 64, 64) (16, 1, 3, 3)" */
static void fail_infer(sg_graph *g, sg_status status, const sg_node *node)
{
    char shapes[256] = "";
    size_t used = 0;
    for (int i = 0; i < node->input_count && used < sizeof shapes - 64; i++) {
        const sg_shape s = node->in_shape[i];
        used += (size_t)snprintf(shapes + used, sizeof shapes - used, " (%d, %d, %d, %d)", s.n, s.c, s.h, s.w);
    }
    (void)sg_graph_fail(g, status, "%s: %s; inputs%s", node->name, sg_error_text(), shapes);
}

sg_value sg_node_add(sg_graph *g, const sg_op *op, const void *attr, size_t attr_size, const sg_value *inputs,
                     int count)
{
    if (g == NULL || g->status != SG_OK) return SG_NONE;
    if (count < 1 || count > SG_MAX_INPUTS) return sg_graph_fail(g, SG_E_USAGE, "%s: %d inputs", op->name, count);
    for (int i = 0; i < count; i++)
        if (inputs[i].id >= g->count)
            return sg_graph_fail(g, SG_E_USAGE, "%s: input %d belongs to another graph", op->name, i);
    sg_entry *entry = append(g);
    if (entry == NULL) return SG_NONE;
    sg_node *node = &entry->node;
    node->op = op;
    node->input_count = count;
    (void)snprintf(node->name, SG_NAME_MAX, "%s %d", op->name, g->count - 1);
    for (int i = 0; i < count; i++) {
        node->inputs[i] = inputs[i].id < 0 ? -1 : inputs[i].id;
        if (inputs[i].id < 0) continue;
        node->in_shape[i] = g->entries[inputs[i].id].node.shape;
        node->in_complex[i] = g->entries[inputs[i].id].node.is_complex;
    }
    void *copy = malloc(attr_size > 0 ? attr_size : 1);
    if (copy == NULL) return sg_graph_fail(g, SG_E_MEMORY, "%s: out of memory", node->name);
    if (attr_size > 0) memcpy(copy, attr, attr_size);
    node->attr = copy;
    node->attr_size = attr_size;
    const sg_status status = op->infer(node);
    if (status != SG_OK)
        fail_infer(g, status, node);
    else if (!shape_ok(node->shape))
        (void)sg_graph_fail(g, SG_E_SHAPE, "%s: the result is empty or larger than 65536 MiB", node->name);
    return g->status == SG_OK ? (sg_value){g->count - 1} : SG_NONE;
}

void sg_output(sg_graph *g, const char *name, sg_value value)
{
    if (g == NULL || g->status != SG_OK || value.id < 0) return;
    if (strlen(name) >= SG_NAME_MAX) {
        (void)sg_graph_fail(g, SG_E_USAGE, "%s: a name has at most %d letters", name, SG_NAME_MAX - 1);
        return;
    }
    if (!grow(g, &g->outputs, g->output_count, sizeof *g->outputs)) return;
    sg_named *output = &g->outputs[g->output_count++];
    (void)snprintf(output->name, SG_NAME_MAX, "%s", name);
    output->id = value.id;
}

sg_shape sg_value_shape(const sg_graph *g, sg_value v)
{
    return g != NULL && v.id >= 0 && v.id < g->count ? g->entries[v.id].node.shape : SG_SHAPE(0, 0, 0, 0);
}

bool sg_value_complex(const sg_graph *g, sg_value v)
{
    return g != NULL && v.id >= 0 && v.id < g->count && g->entries[v.id].node.is_complex;
}

const char *sg_graph_text(sg_graph *g, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (g == NULL || g->status != SG_OK || !grow(g, &g->texts, g->text_count, sizeof *g->texts)) return "";
    char *copy = strdup(text);
    if (copy == NULL) {
        (void)sg_graph_fail(g, SG_E_MEMORY, "graph: out of memory");
        return "";
    }
    g->texts[g->text_count++] = copy;
    return copy;
}

sg_value sg_case_input(sg_graph *g, const char *name, sg_shape shape, double lo, double hi, unsigned flags)
{
    const bool is_complex = (flags & SG_CASE_COMPLEX) != 0;
    const sg_leaf leaf = (flags & SG_CASE_GRAD) != 0 ? SG_LEAF_VARIABLE : SG_LEAF_INPUT;
    const char *kept = sg_graph_text(g, "%s", name);
    const sg_value v = add_leaf(g, leaf, name, shape, is_complex);
    if (v.id < 0 || !grow(g, &g->cases, g->case_count, sizeof *g->cases)) return SG_NONE;
    g->cases[g->case_count++] = (sg_case_info){kept, shape, lo, hi, flags};
    return v;
}

int sg_graph_case_count(const sg_graph *g)
{
    return g->case_count;
}

const sg_case_info *sg_graph_case_at(const sg_graph *g, int index)
{
    return &g->cases[index];
}

void sg_graph_replace_op(sg_graph *g, sg_value v, const sg_op *op)
{
    if (g != NULL && v.id >= 0 && v.id < g->count && g->entries[v.id].node.op != NULL) g->entries[v.id].node.op = op;
}
