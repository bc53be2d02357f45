/* yaml.h - the part of YAML that a config needs, as a small tree with line numbers: keys, lists, scalars as text. One
 * document; no anchors, aliases or tags (so no bombs); at most SG_YAML_DEPTH_MAX levels and SG_YAML_NODE_MAX values;
 * a key twice in one place is an error. Not public. */
#ifndef SG_PIPELINE_YAML_H
#define SG_PIPELINE_YAML_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { SG_YAML_DEPTH_MAX = 8, SG_YAML_NODE_MAX = 4096 };

typedef enum sg_yaml_kind { SG_YAML_SCALAR, SG_YAML_LIST, SG_YAML_MAP } sg_yaml_kind;

typedef struct sg_yaml_node {
    sg_yaml_kind kind;
    bool quoted;
    int line;         /* from 1: of the key if there is one, else of the value */
    const char *key;  /* in a map; else NULL */
    const char *text; /* scalar */
    int first, next;  /* children of a list or map; -1: none */
} sg_yaml_node;

typedef struct sg_yaml {
    sg_yaml_node *nodes; /* nodes[0] is the root */
    int count;
    char *text;
} sg_yaml;

/* `name` opens the error texts, "name:line: ..."; without lines if `lines` is false. An empty text is an error. Free
 * with sg_yaml_free, also after an error. */
sg_status sg_yaml_parse(sg_yaml *out, const char *text, size_t size, const char *name, bool lines);
void sg_yaml_free(sg_yaml *yaml);

/* Writes node `index` as YAML on one line ("{init: 3, learn: true}"); false if it does not fit. */
bool sg_yaml_flow(char *out, size_t size, const sg_yaml *yaml, int index);

#endif
