/* sweep_parts.h - what a sweep file says, between its reader (sweep_file.c, sweep_axis.c) and the rows that follow from
 * it (sweep_rows.c). Not public. */
#ifndef SG_PIPELINE_SWEEP_PARTS_H
#define SG_PIPELINE_SWEEP_PARTS_H

#include "pipeline/sweep_file.h"
#include "pipeline/text.h"
#include "pipeline/yaml.h"

enum { SG_SWEEP_ARM_MAX = 256, SG_SWEEP_OVERRIDE_MAX = 4096 };

/* A value stands in sg_sweep.store, as a C string; it moves when the store grows. */
typedef size_t sg_sweep_value;

/* Keys that move together: one of the grid, several of the grid, or all that are drawn at random. */
typedef struct sg_sweep_axis {
    int first, keys;       /* in sg_sweep.key */
    int count;             /* points */
    sg_sweep_value *value; /* (count, keys) */
} sg_sweep_axis;

typedef struct sg_sweep_key {
    char path[SG_KEY_MAX];
    int line;
} sg_sweep_key;

typedef struct sg_sweep_override {
    sg_sweep_key key;
    sg_sweep_value value;
} sg_sweep_override;

typedef struct sg_sweep_arm {
    char name[SG_ARM_NAME_MAX];
    int first, count; /* in sg_sweep.override */
} sg_sweep_arm;

struct sg_sweep {
    sg_config base;
    char path[SG_PATH_MAX]; /* of the file, for error texts and relative paths */
    uint64_t *seed;
    int seed_count;
    sg_sweep_arm arm[SG_SWEEP_ARM_MAX];
    int arm_count;
    sg_sweep_override *override; /* (SG_SWEEP_OVERRIDE_MAX) */
    int override_count;
    sg_sweep_key key[SG_SWEEP_KEY_MAX];
    sg_sweep_axis axis[SG_SWEEP_KEY_MAX];
    int key_count, axis_count;
    sg_text store;
    sg_text text, table;
    sg_sweep_index index;
};

/* The reader's place. */
typedef struct sg_sweep_reader {
    sg_sweep *sweep;
    const sg_yaml *yaml;
} sg_sweep_reader;

/* "file:line: what" (SG_E_CONFIG), the line being that of the node. */
sg_status sg_sweep_fail(const sg_sweep_reader *reader, int node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline const char *sg_sweep_text_at(const sg_sweep *sweep, sg_sweep_value value)
{
    return sweep->store.data + value;
}
/* Keeps a text; look at sweep->store.status at the end. */
sg_sweep_value sg_sweep_keep(sg_sweep *sweep, const char *text);
/* Keeps node as one line of YAML; `part` opens the error text. */
sg_status sg_sweep_keep_node(sg_sweep_value *out, const sg_sweep_reader *reader, int node, const char *part);
/* lo..hi, the limits included; `part` and `expected` make the error text. */
sg_status sg_sweep_number(double *out, const sg_sweep_reader *reader, int node, double lo, double hi, const char *part);
/* The child of a map; -1: there is none. */
int sg_sweep_child(const sg_yaml *yaml, int map, const char *key);

/* The sections `grid` and `random`. sweep_axis.c */
sg_status sg_sweep_read_grid(const sg_sweep_reader *reader, int node);
sg_status sg_sweep_read_random(const sg_sweep_reader *reader, int node);
/* The table and the index of all rows. sweep_rows.c */
sg_status sg_sweep_expand(sg_sweep *sweep);

#endif
