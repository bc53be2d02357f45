/* experiment.c - the section `experiment` of a config: seeds, arms (named sets of overrides) and one varied key. All
 * overrides are tried on the base config when the file is read, so that a long experiment does not stop half-way. */
#include "core/memory.h"
#include "pipeline/config.h"
#include "pipeline/config_walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OVERRIDE_MAX = 1024 };

typedef struct sg_section {
    sg_experiment *out;
    const sg_yaml *yaml;
    int reference; /* node; -1: none */
} sg_section;

static sg_status fail_at(const sg_section *section, int node, const char *what)
{
    SG_FAIL(SG_E_CONFIG, "%s:%d: %s", section->out->path, section->yaml->nodes[node].line, what);
}

static sg_status expect(const sg_section *section, int node, sg_yaml_kind kind, const char *what)
{
    return section->yaml->nodes[node].kind == kind ? SG_OK : fail_at(section, node, what);
}

static sg_status read_title(sg_section *section, int node)
{
    SG_TRY(expect(section, node, SG_YAML_SCALAR, "experiment.title: expected a text"));
    if (strlen(section->yaml->nodes[node].text) >= SG_VALUE_MAX)
        return fail_at(section, node, "experiment.title: the text is too long");
    (void)snprintf(section->out->title, SG_VALUE_MAX, "%s", section->yaml->nodes[node].text);
    return SG_OK;
}

static sg_status read_seeds(sg_section *section, int node)
{
    const sg_yaml *yaml = section->yaml;
    sg_experiment *e = section->out;
    SG_TRY(expect(section, node, SG_YAML_LIST, "experiment.seeds: expected a list of whole numbers"));
    for (int i = yaml->nodes[node].first; i >= 0; i = yaml->nodes[i].next) {
        SG_TRY(expect(section, i, SG_YAML_SCALAR, "experiment.seeds: expected a list of whole numbers"));
        const char *text = yaml->nodes[i].text;
        errno = 0;
        if (!*text || text[strspn(text, "0123456789")])
            return fail_at(section, i, "experiment.seeds: not a whole number");
        const uint64_t seed = strtoull(text, NULL, 10);
        if (errno) return fail_at(section, i, "experiment.seeds: a seed is at most 18446744073709551615");
        if (e->seed_count == SG_SEED_MAX) return fail_at(section, i, "experiment.seeds: more than 64 seeds");
        for (int j = 0; j < e->seed_count; j++)
            if (e->seeds[j] == seed) return fail_at(section, i, "experiment.seeds: the same seed twice");
        e->seeds[e->seed_count++] = seed;
    }
    return SG_OK;
}

static sg_status add_override(sg_section *section, int node, const char *key)
{
    sg_experiment *e = section->out;
    if (e->override_count == OVERRIDE_MAX) return fail_at(section, node, "experiment.arms: too many overrides");
    sg_override *override = &e->overrides[e->override_count++];
    override->line = section->yaml->nodes[node].line;
    if (snprintf(override->key, SG_KEY_MAX, "%s", key) >= SG_KEY_MAX)
        return fail_at(section, node, "experiment.arms: the key is too long");
    if (!sg_yaml_flow(override->value, SG_VALUE_MAX, section->yaml, node))
        return fail_at(section, node, "experiment.arms: the value is too long");
    return SG_OK;
}

static bool is_name(const char *text)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return *text && *text != '-' && strlen(text) < SG_ARM_NAME_MAX && !text[strspn(text, letters)];
}

static sg_status read_arm(sg_section *section, int node)
{
    const sg_yaml *yaml = section->yaml;
    sg_experiment *e = section->out;
    if (e->arm_count == SG_ARM_MAX) return fail_at(section, node, "experiment.arms: more than 64 arms");
    if (!is_name(yaml->nodes[node].key))
        return fail_at(section, node, "experiment.arms: a name has at most 47 letters, digits, _ or -");
    SG_TRY(expect(section, node, SG_YAML_MAP, "experiment.arms: expected overrides, such as {camera.bit_depth: 12}"));
    sg_arm *arm = &e->arms[e->arm_count++];
    (void)snprintf(arm->name, SG_ARM_NAME_MAX, "%s", yaml->nodes[node].key);
    arm->first = e->override_count;
    for (int i = yaml->nodes[node].first; i >= 0; i = yaml->nodes[i].next, arm->count++)
        SG_TRY(add_override(section, i, yaml->nodes[i].key));
    return SG_OK;
}

static sg_status read_arms(sg_section *section, int node)
{
    SG_TRY(expect(section, node, SG_YAML_MAP, "experiment.arms: expected names with overrides"));
    for (int i = section->yaml->nodes[node].first; i >= 0; i = section->yaml->nodes[i].next)
        SG_TRY(read_arm(section, i));
    return SG_OK;
}

static sg_status read_vary(sg_section *section, int node)
{
    const sg_yaml_node *nodes = section->yaml->nodes;
    sg_experiment *e = section->out;
    const char *const form = "experiment.vary: expected one key with a list, {illumination.dose_ph: [50, 200]}";
    SG_TRY(expect(section, node, SG_YAML_MAP, form));
    const int list = nodes[node].first;
    if (list < 0 || nodes[list].next >= 0 || nodes[list].kind != SG_YAML_LIST || nodes[list].first < 0)
        return fail_at(section, node, form);
    if (snprintf(e->vary_key, SG_KEY_MAX, "%s", nodes[list].key) >= SG_KEY_MAX)
        return fail_at(section, list, "experiment.vary: the key is too long");
    e->vary_line = nodes[list].line;
    for (int i = nodes[list].first; i >= 0; i = nodes[i].next) {
        if (e->vary_count == SG_VARY_MAX) return fail_at(section, i, "experiment.vary: more than 32 values");
        if (!sg_yaml_flow(e->vary_value[e->vary_count++], SG_VALUE_MAX, section->yaml, i))
            return fail_at(section, i, "experiment.vary: the value is too long");
    }
    return SG_OK;
}

static sg_status read_reference(sg_section *section, int node)
{
    SG_TRY(expect(section, node, SG_YAML_SCALAR, "experiment.reference: expected the name of an arm"));
    section->reference = node;
    return SG_OK;
}

static sg_status find_reference(sg_section *section)
{
    if (section->reference < 0) return SG_OK;
    for (int i = 0; i < section->out->arm_count; i++) {
        if (strcmp(section->out->arms[i].name, section->yaml->nodes[section->reference].text) != 0) continue;
        section->out->reference = i;
        return SG_OK;
    }
    return fail_at(section, section->reference, "experiment.reference: there is no arm of this name");
}

static const struct {
    const char *name;
    sg_status (*read)(sg_section *section, int node);
} parts[] = {
    {"title", read_title}, {"seeds", read_seeds},         {"arms", read_arms},
    {"vary", read_vary},   {"reference", read_reference},
};
enum { PART_COUNT = sizeof parts / sizeof parts[0] };

static sg_status read_section(sg_section *section, int node)
{
    const sg_yaml_node *nodes = section->yaml->nodes;
    SG_TRY(expect(section, node, SG_YAML_MAP, "experiment: expected title, seeds, arms, vary or reference"));
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next) {
        int part = 0;
        while (part < PART_COUNT && strcmp(parts[part].name, nodes[i].key) != 0) part++;
        if (part == PART_COUNT)
            SG_FAIL(SG_E_CONFIG, "%s:%d: experiment.%.60s: unknown key; expected title, seeds, arms, vary or reference",
                    section->out->path, nodes[i].line, nodes[i].key);
        SG_TRY(parts[part].read(section, i));
    }
    return find_reference(section);
}

static void fill_gaps(sg_experiment *e)
{
    if (!e->seed_count) e->seeds[e->seed_count++] = e->base.train.seed;
    if (!e->vary_count) e->vary_count = 1;
    if (e->arm_count) return;
    e->arm_count = 1;
    (void)snprintf(e->arms[0].name, SG_ARM_NAME_MAX, "default");
}

sg_status sg_experiment_config(sg_config *out, const sg_experiment *experiment, int arm, int vary, uint64_t seed)
{
    const sg_experiment *e = experiment;
    char folder[SG_PATH_MAX];
    SG_TRY(sg_config_folder(folder, e->path));
    const sg_origin origin = {.name = e->path, .lines = true, .folder = folder};
    sg_config config = e->base;
    if (e->vary_key[0]) SG_TRY(sg_config_assign(&config, e->vary_key, e->vary_value[vary], e->vary_line, &origin));
    for (int pass = 0; pass < 2; pass++) { /* a preset first: what stands beside it wins */
        for (int i = e->arms[arm].first; i < e->arms[arm].first + e->arms[arm].count; i++) {
            const sg_override *override = &e->overrides[i];
            if (!strcmp(override->key, "camera.preset") == (pass == 0))
                SG_TRY(sg_config_assign(&config, override->key, override->value, override->line, &origin));
        }
    }
    config.train.seed = seed;
    *out = config;
    return SG_OK;
}

static sg_status try_all(const sg_experiment *e)
{
    sg_config config;
    for (int arm = 0; arm < e->arm_count; arm++) SG_TRY(sg_experiment_config(&config, e, arm, 0, e->seeds[0]));
    for (int vary = 0; vary < e->vary_count; vary++) SG_TRY(sg_experiment_config(&config, e, 0, vary, e->seeds[0]));
    return SG_OK;
}

/* Keeps the assignment as a comment line, for the copy of the experiment's text. */
static sg_status remember(sg_experiment *e, const char *assignment)
{
    static const char mark[] = "# --set ";
    char *longer = NULL;
    const size_t used = e->assignments ? strlen(e->assignments) : 0, size = used + strlen(assignment) + sizeof mark + 1;
    if (strpbrk(assignment, "\r\n")) SG_FAIL(SG_E_CONFIG, "--set: '%.60s' holds a line break", assignment);
    SG_TRY(SG_ALLOC(&longer, size, "experiment"));
    (void)snprintf(longer, size, "%s%s%s\n", used ? e->assignments : "", mark, assignment);
    sg_free(e->assignments);
    e->assignments = longer;
    return SG_OK;
}

sg_status sg_experiment_set(sg_experiment *experiment, const char *assignment, const char *where)
{
    SG_TRY(sg_config_set(&experiment->base, assignment, where));
    SG_TRY(try_all(experiment));
    return remember(experiment, assignment);
}

static int find_child(const sg_yaml *yaml, const char *key)
{
    int i = yaml->nodes[0].first;
    while (i >= 0 && strcmp(yaml->nodes[i].key, key) != 0) i = yaml->nodes[i].next;
    return i;
}

sg_status sg_experiment_read(sg_experiment *out, const char *path)
{
    sg_yaml yaml = {0};
    sg_section section = {out, &yaml, -1};
    sg_status status = SG_OK;
    memset(out, 0, sizeof *out);
    SG_TRY_DONE(sg_config_read(&out->base, path));
    (void)snprintf(out->path, sizeof out->path, "%s", path);
    SG_TRY_DONE(SG_ALLOC(&out->overrides, OVERRIDE_MAX, "experiment"));
    SG_TRY_DONE(sg_config_parse(&yaml, path));
    const int node = find_child(&yaml, "experiment");
    if (node >= 0) SG_TRY_DONE(read_section(&section, node));
    fill_gaps(out);
    SG_TRY_DONE(try_all(out));
done:
    sg_yaml_free(&yaml);
    return status;
}

void sg_experiment_free(sg_experiment *experiment)
{
    sg_free(experiment->overrides);
    sg_free(experiment->assignments);
    memset(experiment, 0, sizeof *experiment);
}
