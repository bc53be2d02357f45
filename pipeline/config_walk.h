/* config_walk.h - a YAML tree of sections and keys applied to a config. Not public. */
#ifndef SG_PIPELINE_CONFIG_WALK_H
#define SG_PIPELINE_CONFIG_WALK_H

#include "pipeline/config.h"
#include "pipeline/yaml.h"

/* Where a value comes from: opens error texts, and decides about paths. */
typedef struct sg_origin {
    const char *name;   /* file, or "--set" */
    bool lines;         /* put ":line" behind it */
    const char *folder; /* relative paths start here; NULL: they stay */
} sg_origin;

/* Reads and parses a config file; the error names it. Free with sg_yaml_free, also after an error. */
sg_status sg_config_parse(sg_yaml *out, const char *path);
/* The folder of a file as an absolute path, without symbolic links. */
sg_status sg_config_folder(char out[SG_PATH_MAX], const char *path);
/* Applies the tree below `node` (a map) to the config, without the section `sweep`. */
sg_status sg_config_walk(sg_config *config, const sg_yaml *yaml, int node, const sg_origin *origin);
/* Applies one value, given as text, to the key `path`. */
sg_status sg_config_assign(sg_config *config, const char *path, const char *text, int line, const sg_origin *origin);

#endif
