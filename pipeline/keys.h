/* keys.h - the ONE table of config keys: path, type, unit, range, default, one line of documentation, place in
 * sg_config. It feeds reading, `--set`, writing, error texts and the reference page (`scopegrad info --keys`).
 * A new key is one row in keys.c. */
#ifndef SG_PIPELINE_KEYS_H
#define SG_PIPELINE_KEYS_H

#include "pipeline/config.h"

#include <stddef.h>
#include <stdio.h>

typedef enum sg_key_type {
    SG_KEY_INT,   /* int */
    SG_KEY_SEED,  /* uint64_t */
    SG_KEY_REAL,  /* double */
    SG_KEY_BOOL,  /* bool */
    SG_KEY_ENUM,  /* an enum whose values count up from 0 in the order of `names` */
    SG_KEY_TEXT,  /* char[size] */
    SG_KEY_PATH,  /* char[size]; relative to the folder of the config file */
    SG_KEY_LIST,  /* double[size] and an int at `count` */
    SG_KEY_LEARN, /* sg_learn alone */
} sg_key_type;

typedef struct sg_key {
    const char *path; /* "camera.bit_depth" */
    sg_key_type type;
    const char *unit; /* "um"; NULL: none */
    double lo, hi;
    double value;      /* default of a number, bool (0, 1) or enum (index) */
    const char *zero;  /* the word for 0, which may lie outside lo..hi: "auto"; NULL: none */
    const char *names; /* enum: words with blanks between */
    const char *doc;
    size_t offset;
    size_t size;  /* text: bytes; list: most numbers */
    size_t count; /* list: offset of the int */
    size_t learn; /* offset of the sg_learn beside a number or a list; 0: not learnable */
    bool machine; /* says where or how fast, not what: left out of results */
} sg_key;

/* A learnable number is {init: 3, learn: true, lr: 1e-2}, or 3 alone. */
typedef enum sg_key_part { SG_PART_WHOLE, SG_PART_INIT, SG_PART_LEARN, SG_PART_LR, SG_PART_COUNT } sg_key_part;

extern const sg_key sg_keys[];
extern const int sg_key_count;

/* "optics.defocus_um.lr" -> row and part; NULL if there is none. */
const sg_key *sg_key_find(const char *path, sg_key_part *part);
/* True for what stands above keys: "camera", "dataset.synthetic". */
bool sg_key_is_section(const char *path);
/* The key or section nearest in spelling; NULL if nothing is near. */
const char *sg_key_suggest(const char *path);
/* True if the row has a `learn` and an `lr`. */
bool sg_key_learnable(const sg_key *key);
/* Number of single-letter edits between two words of at most 63 letters (longer ones are cut). */
int sg_edit_distance(const char *a, const char *b);
/* The reference page, Markdown: docs/config.md. */
void sg_keys_print(FILE *out);

/* Shortest decimal text that reads back as the same double. */
void sg_number_text(char out[32], double value);

/* What a value is read from: one YAML node. */
struct sg_yaml;
/* Reads a value into the row's place. Error texts start with `where` and the key. `folder`: see SG_KEY_PATH; NULL:
 * paths stay as they are. keys_read.c */
sg_status sg_key_read(sg_config *config, const sg_key *key, sg_key_part part, const struct sg_yaml *yaml, int node,
                      const char *where, const char *folder);
/* Writes the value as one-line YAML, `portable` as in SG_CONFIG_PORTABLE. keys_write.c */
void sg_key_write(FILE *out, const sg_config *config, const sg_key *key, bool portable);
/* Sets the default. keys_read.c */
void sg_key_default(sg_config *config, const sg_key *key);

#endif
