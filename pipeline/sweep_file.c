/* sweep_file.c - the section `sweep` of a config. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/config_walk.h"
#include "pipeline/sweep_parts.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the parts share ---- */

sg_status sg_sweep_fail(const sg_sweep_reader *reader, int node, const char *format, ...)
{
    char what[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    SG_FAIL(SG_E_CONFIG, "%s:%d: %s", reader->sweep->path, reader->yaml->nodes[node].line, what);
}

sg_sweep_value sg_sweep_keep(sg_sweep *sweep, const char *text)
{
    const sg_sweep_value at = sweep->store.len;
    sg_text_bytes(&sweep->store, text, strlen(text) + 1);
    return at;
}

sg_status sg_sweep_keep_node(sg_sweep_value *out, const sg_sweep_reader *reader, int node, const char *part)
{
    char text[SG_VALUE_MAX];
    if (!sg_yaml_flow(text, sizeof text, reader->yaml, node))
        return sg_sweep_fail(reader, node, "%s: a value has at most %d letters", part, SG_VALUE_MAX - 1);
    *out = sg_sweep_keep(reader->sweep, text);
    return reader->sweep->store.status;
}

sg_status sg_sweep_number(double *out, const sg_sweep_reader *reader, int node, double lo, double hi, const char *part)
{
    const sg_yaml_node *n = &reader->yaml->nodes[node];
    char *end = NULL;
    *out = n->kind == SG_YAML_SCALAR ? strtod(n->text, &end) : (double)NAN;
    if (end == NULL || end == n->text || *end || !(*out >= lo && *out <= hi))
        return sg_sweep_fail(reader, node, "%s: '%.60s' is not a number in %g..%g", part,
                             n->kind == SG_YAML_SCALAR ? n->text : "...", lo, hi);
    return SG_OK;
}

int sg_sweep_child(const sg_yaml *yaml, int map, const char *key)
{
    int i = yaml->nodes[map].kind == SG_YAML_MAP ? yaml->nodes[map].first : -1;
    while (i >= 0 && strcmp(yaml->nodes[i].key, key) != 0) i = yaml->nodes[i].next;
    return i;
}

static sg_status expect(const sg_sweep_reader *reader, int node, sg_yaml_kind kind, const char *what)
{
    return reader->yaml->nodes[node].kind == kind ? SG_OK : sg_sweep_fail(reader, node, "%s", what);
}

/* ---- seeds ---- */

static sg_status read_whole(uint64_t *out, const sg_sweep_reader *reader, int node)
{
    const char *text = reader->yaml->nodes[node].text;
    if (reader->yaml->nodes[node].kind != SG_YAML_SCALAR || !*text || text[strspn(text, "0123456789")])
        return sg_sweep_fail(reader, node, "sweep.seeds: not a whole number");
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno ? sg_sweep_fail(reader, node, "sweep.seeds: a seed is at most 18446744073709551615") : SG_OK;
}

static sg_status count_seeds(const sg_sweep_reader *reader, int node, uint64_t count)
{
    if (count < 1 || count > SG_SWEEP_ROW_MAX)
        return sg_sweep_fail(reader, node, "sweep.seeds: %llu seeds; 1..%d are possible", (unsigned long long)count,
                             SG_SWEEP_ROW_MAX);
    return SG_ALLOC(&reader->sweep->seed, (size_t)count, "seeds of a sweep");
}

static sg_status read_seed_range(const sg_sweep_reader *reader, int node)
{
    const int from = sg_sweep_child(reader->yaml, node, "from"), count = sg_sweep_child(reader->yaml, node, "count");
    uint64_t first, number;
    if (from < 0 || count < 0 ||
        reader->yaml->nodes[reader->yaml->nodes[reader->yaml->nodes[node].first].next].next >= 0)
        return sg_sweep_fail(reader, node, "sweep.seeds: expected [1, 2, 3] or {from: 1, count: 3}");
    SG_TRY(read_whole(&first, reader, from));
    SG_TRY(read_whole(&number, reader, count));
    SG_TRY(count_seeds(reader, node, number));
    if (first > UINT64_MAX - number) return sg_sweep_fail(reader, node, "sweep.seeds: a seed is at most 2^64 - 1");
    for (uint64_t i = 0; i < number; i++) reader->sweep->seed[i] = first + i;
    reader->sweep->seed_count = (int)number;
    return SG_OK;
}

static sg_status read_seeds(const sg_sweep_reader *reader, int node)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    sg_sweep *sweep = reader->sweep;
    uint64_t count = 0;
    if (nodes[node].kind == SG_YAML_MAP) return read_seed_range(reader, node);
    SG_TRY(expect(reader, node, SG_YAML_LIST, "sweep.seeds: expected [1, 2, 3] or {from: 1, count: 3}"));
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next) count++;
    SG_TRY(count_seeds(reader, node, count));
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next) {
        uint64_t seed;
        SG_TRY(read_whole(&seed, reader, i));
        for (int j = 0; j < sweep->seed_count; j++)
            if (sweep->seed[j] == seed) return sg_sweep_fail(reader, i, "sweep.seeds: the same seed twice");
        sweep->seed[sweep->seed_count++] = seed;
    }
    return SG_OK;
}

/* ---- arms ---- */

static sg_status add_override(const sg_sweep_reader *reader, int node)
{
    sg_sweep *sweep = reader->sweep;
    const sg_yaml_node *n = &reader->yaml->nodes[node];
    if (sweep->override_count == SG_SWEEP_OVERRIDE_MAX)
        return sg_sweep_fail(reader, node, "sweep.arms: more than %d overrides", SG_SWEEP_OVERRIDE_MAX);
    sg_sweep_override *override = &sweep->override[sweep->override_count++];
    override->key.line = n->line;
    if (snprintf(override->key.path, SG_KEY_MAX, "%s", n->key) >= SG_KEY_MAX)
        return sg_sweep_fail(reader, node, "sweep.arms: the key is too long");
    if (!strcmp(override->key.path, "train.seed"))
        return sg_sweep_fail(reader, node, "sweep.arms: train.seed is swept by sweep.seeds");
    return sg_sweep_keep_node(&override->value, reader, node, "sweep.arms");
}

static bool is_name(const char *text)
{
    const char *const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return *text && *text != '-' && strlen(text) < SG_ARM_NAME_MAX && !text[strspn(text, letters)];
}

static sg_status read_arm(const sg_sweep_reader *reader, int node)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    sg_sweep *sweep = reader->sweep;
    if (sweep->arm_count == SG_SWEEP_ARM_MAX)
        return sg_sweep_fail(reader, node, "sweep.arms: more than %d arms", SG_SWEEP_ARM_MAX);
    if (!is_name(nodes[node].key))
        return sg_sweep_fail(reader, node, "sweep.arms: a name has at most 47 letters, digits, _ or -");
    SG_TRY(expect(reader, node, SG_YAML_MAP, "sweep.arms: expected overrides, such as {camera.bit_depth: 12}"));
    sg_sweep_arm *arm = &sweep->arm[sweep->arm_count++];
    (void)snprintf(arm->name, SG_ARM_NAME_MAX, "%s", nodes[node].key);
    arm->first = sweep->override_count;
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next, arm->count++) SG_TRY(add_override(reader, i));
    return SG_OK;
}

static sg_status read_arms(const sg_sweep_reader *reader, int node)
{
    SG_TRY(expect(reader, node, SG_YAML_MAP, "sweep.arms: expected names with overrides"));
    for (int i = reader->yaml->nodes[node].first; i >= 0; i = reader->yaml->nodes[i].next) SG_TRY(read_arm(reader, i));
    return SG_OK;
}

/* ---- title, reference, section ---- */

static sg_status read_word(const sg_sweep_reader *reader, int node, char *out, size_t size, const char *part)
{
    SG_TRY(expect(reader, node, SG_YAML_SCALAR, part));
    if ((size_t)snprintf(out, size, "%s", reader->yaml->nodes[node].text) >= size)
        return sg_sweep_fail(reader, node, "%s of at most %zu letters", part, size - 1);
    return SG_OK;
}

static sg_status read_title(const sg_sweep_reader *reader, int node)
{
    return read_word(reader, node, reader->sweep->index.title, SG_VALUE_MAX, "sweep.title: expected a text");
}

static sg_status read_reference(const sg_sweep_reader *reader, int node)
{
    return read_word(reader, node, reader->sweep->index.reference, SG_ARM_NAME_MAX,
                     "sweep.reference: expected the name of an arm");
}

static const struct {
    const char *name;
    sg_status (*read)(const sg_sweep_reader *reader, int node);
} parts[] = {
    {"title", read_title},         {"seeds", read_seeds},        {"arms", read_arms},
    {"reference", read_reference}, {"grid", sg_sweep_read_grid}, {"random", sg_sweep_read_random},
};
enum { PART_COUNT = sizeof parts / sizeof parts[0] };
#define PART_NAMES "title, seeds, arms, reference, grid or random"

static sg_status check_reference(const sg_sweep_reader *reader, int section)
{
    const sg_sweep *sweep = reader->sweep;
    const int node = sg_sweep_child(reader->yaml, section, "reference");
    for (int i = 0; i < sweep->arm_count; i++)
        if (!strcmp(sweep->arm[i].name, sweep->index.reference)) return SG_OK;
    return node < 0 ? SG_OK : sg_sweep_fail(reader, node, "sweep.reference: there is no arm of this name");
}

static sg_status read_section(const sg_sweep_reader *reader, int node)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    SG_TRY(expect(reader, node, SG_YAML_MAP, "sweep: expected " PART_NAMES));
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next) {
        int part = 0;
        while (part < PART_COUNT && strcmp(parts[part].name, nodes[i].key) != 0) part++;
        if (part == PART_COUNT)
            return sg_sweep_fail(reader, i, "sweep.%.60s: unknown key; expected " PART_NAMES, nodes[i].key);
        SG_TRY(parts[part].read(reader, i));
    }
    return check_reference(reader, node);
}

static sg_status fill_gaps(sg_sweep *sweep)
{
    if (sweep->seed_count == 0) {
        SG_TRY(SG_ALLOC(&sweep->seed, 1, "seeds of a sweep"));
        sweep->seed[sweep->seed_count++] = sweep->base.train.seed;
    }
    if (sweep->arm_count == 0) (void)snprintf(sweep->arm[sweep->arm_count++].name, SG_ARM_NAME_MAX, "default");
    return SG_OK;
}

/* ---- the file ---- */

/* The file's text, then the assignments, which are remembered as comments. */
static sg_status read_base(sg_sweep *sweep, const char *const *sets, int set_count)
{
    void *text;
    size_t size;
    SG_TRY(sg_config_read(&sweep->base, sweep->path));
    SG_TRY(sg_file_read(&text, &size, sweep->path, SG_CONFIG_BYTES_MAX));
    sg_text_bytes(&sweep->text, text, size);
    if (set_count > 0 && size > 0 && ((char *)text)[size - 1] != '\n') sg_text_add(&sweep->text, "\n");
    sg_free(text);
    for (int i = 0; i < set_count; i++) {
        if (strpbrk(sets[i], "\r\n")) SG_FAIL(SG_E_CONFIG, "--set: '%.60s' holds a line break", sets[i]);
        SG_TRY(sg_config_set(&sweep->base, sets[i], "--set"));
        sg_text_add(&sweep->text, "# --set %s\n", sets[i]);
    }
    return sweep->text.status;
}

sg_status sg_sweep_read(sg_sweep **out, const char *path, const char *const *sets, int set_count)
{
    sg_yaml yaml = {0};
    sg_status status = SG_OK;
    SG_TRY(SG_ALLOC(out, 1, "sweep"));
    sg_sweep *sweep = *out;
    const sg_sweep_reader reader = {sweep, &yaml};
    if (snprintf(sweep->path, sizeof sweep->path, "%s", path) >= SG_PATH_MAX)
        SG_FAIL(SG_E_CONFIG, "%.60s...: the path is too long", path);
    SG_TRY_DONE(read_base(sweep, sets, set_count));
    SG_TRY_DONE(SG_ALLOC(&sweep->override, SG_SWEEP_OVERRIDE_MAX, "sweep"));
    SG_TRY_DONE(sg_config_parse(&yaml, path));
    const int section = sg_sweep_child(&yaml, 0, "sweep");
    if (section >= 0) SG_TRY_DONE(read_section(&reader, section));
    SG_TRY_DONE(sweep->store.status);
    SG_TRY_DONE(fill_gaps(sweep));
    SG_TRY_DONE(sg_sweep_expand(sweep));
done:
    sg_yaml_free(&yaml);
    return status;
}

void sg_sweep_free(sg_sweep *sweep)
{
    if (sweep == NULL) return;
    for (int i = 0; i < sweep->axis_count; i++) sg_free(sweep->axis[i].value);
    sg_free(sweep->seed);
    sg_free(sweep->override);
    sg_text_free(&sweep->store);
    sg_text_free(&sweep->text);
    sg_text_free(&sweep->table);
    sg_sweep_index_free(&sweep->index);
    sg_free(sweep);
}

const sg_sweep_index *sg_sweep_rows(const sg_sweep *sweep)
{
    return &sweep->index;
}

const char *sg_sweep_table(const sg_sweep *sweep)
{
    return sweep->table.data;
}

const char *sg_sweep_text(const sg_sweep *sweep)
{
    return sweep->text.data;
}
