/* config.c - defaults, reading, `--set`, writing: loops over the table of keys (keys.h). */
#include "pipeline/config.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "physics/camera_preset.h"
#include "pipeline/config_walk.h"
#include "pipeline/keys.h"
#include "pipeline/map_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_LETTERS = 160, WHERE_MAX = SG_PATH_MAX + 32 };

void sg_config_defaults(sg_config *out)
{
    memset(out, 0, sizeof *out);
    out->unet.out_channels = 1;
    out->microscope.read_map = sg_map_read;
    out->microscope.read_pupil = sg_pupil_read;
    out->microscope.read_pages = sg_pages_read;
    for (int i = 0; i < sg_key_count; i++) sg_key_default(out, &sg_keys[i]);
}

/* ---- a tree applied to a config ---- */

typedef struct sg_walk {
    sg_config *config;
    const sg_yaml *yaml;
    const sg_origin *origin;
    int (*seen)[SG_PART_COUNT]; /* line that set part p of key i; 0: none */
} sg_walk;

static const char *where_of(char out[WHERE_MAX], const sg_origin *origin, int line)
{
    if (origin->lines)
        (void)snprintf(out, WHERE_MAX, "%s:%d", origin->name, line);
    else
        (void)snprintf(out, WHERE_MAX, "%s", origin->name);
    return out;
}

static sg_status unknown(const char *where, const char *path)
{
    const char *near = sg_key_suggest(path);
    if (near) SG_FAIL(SG_E_CONFIG, "%s: %s: unknown key; did you mean %s?", where, path, near);
    SG_FAIL(SG_E_CONFIG, "%s: %s: unknown key; scopegrad info --keys lists them", where, path);
}

/* A key may be given once, nested or dotted; a whole learnable number and its parts exclude each other. */
static sg_status refuse_twice(sg_walk *walk, const sg_key *key, sg_key_part part, int line, const char *where)
{
    int *seen = walk->seen[key - sg_keys];
    int first = seen[part];
    for (int p = 0; p < SG_PART_COUNT && !first; p++)
        if (part == SG_PART_WHOLE || p == SG_PART_WHOLE) first = seen[p];
    if (first) SG_FAIL(SG_E_CONFIG, "%s: %s: given twice, first on line %d", where, key->path, first);
    seen[part] = line;
    return SG_OK;
}

static sg_status walk_map(sg_walk *walk, int map, const char *prefix);

static sg_status walk_value(sg_walk *walk, int index, const char *path)
{
    const sg_yaml_node *node = &walk->yaml->nodes[index];
    char where[WHERE_MAX];
    where_of(where, walk->origin, node->line);
    sg_key_part part;
    const sg_key *key = sg_key_find(path, &part);
    if (key) {
        const bool parts = part == SG_PART_WHOLE && node->kind == SG_YAML_MAP && sg_key_learnable(key);
        if (parts) return walk_map(walk, index, path);
        SG_TRY(refuse_twice(walk, key, part, node->line, where));
        return sg_key_read(walk->config, key, part, walk->yaml, index, where, walk->origin->folder);
    }
    if (!sg_key_is_section(path)) return unknown(where, path);
    if (node->kind == SG_YAML_MAP) return walk_map(walk, index, path);
    SG_FAIL(SG_E_CONFIG, "%s: %s: is a section; expected keys below it", where, path);
}

static sg_status walk_map(sg_walk *walk, int map, const char *prefix)
{
    for (int i = walk->yaml->nodes[map].first; i >= 0; i = walk->yaml->nodes[i].next) {
        const char *key = walk->yaml->nodes[i].key;
        if (!*prefix && !strcmp(key, "sweep")) continue;
        char path[PATH_LETTERS]; /* a longer one is cut, and unknown */
        (void)snprintf(path, sizeof path, "%s%s%.80s", prefix, *prefix ? "." : "", key);
        SG_TRY(walk_value(walk, i, path));
    }
    return SG_OK;
}

/* The text of `wanted` below the value `node` of `path`; NULL: it is not given. */
static const char *find_text(const sg_yaml *yaml, int node, const char *path, const char *wanted)
{
    if (yaml->nodes[node].kind == SG_YAML_SCALAR) return strcmp(path, wanted) ? NULL : yaml->nodes[node].text;
    for (int i = yaml->nodes[node].first; i >= 0 && yaml->nodes[node].kind == SG_YAML_MAP; i = yaml->nodes[i].next) {
        char below[PATH_LETTERS];
        (void)snprintf(below, sizeof below, "%s%s%.80s", path, *path ? "." : "", yaml->nodes[i].key);
        const char *text = strncmp(below, wanted, strlen(below)) ? NULL : find_text(yaml, i, below, wanted);
        if (text) return text;
    }
    return NULL;
}

/* A preset comes first, wherever it stands: what is given beside it wins. A word that is none is left to the walk. */
static void apply_preset(sg_config *config, const sg_yaml *yaml, int node, const char *path)
{
    const char *text = find_text(yaml, node, path, "camera.preset");
    const char *names = sg_key_find("camera.preset", &(sg_key_part){SG_PART_WHOLE})->names;
    unsigned index = 0;
    for (const char *p = names; text && *p; p += strcspn(p, " "), p += strspn(p, " "), index++)
        if (strcspn(p, " ") == strlen(text) && !strncmp(p, text, strlen(text)))
            sg_camera_preset_apply(&config->microscope.camera, (sg_camera_preset)index);
}

/* Runs `path` = node of a tree, or the whole map where path is "". */
static sg_status walk_start(sg_config *config, const sg_yaml *yaml, int node, const char *path, const sg_origin *origin)
{
    sg_walk walk = {config, yaml, origin, NULL};
    SG_TRY(SG_ALLOC(&walk.seen, (size_t)sg_key_count, "config"));
    apply_preset(config, yaml, node, path);
    const sg_status status = *path ? walk_value(&walk, node, path) : walk_map(&walk, node, "");
    sg_free(walk.seen);
    return status;
}

sg_status sg_config_walk(sg_config *config, const sg_yaml *yaml, int node, const sg_origin *origin)
{
    return walk_start(config, yaml, node, "", origin);
}

/* A text that is taken as it is, without looking at it as YAML: names and paths may hold any sign. */
static bool is_verbatim(const char *path, const char *text)
{
    sg_key_part part;
    const sg_key *key = sg_key_find(path, &part);
    return !*text || (key && (key->type == SG_KEY_TEXT || key->type == SG_KEY_PATH));
}

sg_status sg_config_assign(sg_config *config, const char *path, const char *text, int line, const sg_origin *origin)
{
    char where[WHERE_MAX], cut[PATH_LETTERS];
    sg_yaml yaml = {0};
    (void)snprintf(cut, sizeof cut, "%.100s", path);
    where_of(where, origin, line);
    if (is_verbatim(path, text)) {
        sg_yaml_node node = {.line = line, .text = text, .first = -1, .next = -1};
        const sg_yaml one = {.nodes = &node, .count = 1};
        return walk_start(config, &one, 0, cut, origin);
    }
    sg_status status = sg_yaml_parse(&yaml, text, strlen(text), where, false);
    if (status == SG_OK) {
        for (int i = 0; i < yaml.count; i++) yaml.nodes[i].line = line ? line : 1;
        status = walk_start(config, &yaml, 0, cut, origin);
    }
    sg_yaml_free(&yaml);
    return status;
}

sg_status sg_config_set(sg_config *config, const char *assignment, const char *where)
{
    const char *equals = strchr(assignment, '=');
    char path[PATH_LETTERS];
    if (!equals || equals == assignment)
        SG_FAIL(SG_E_CONFIG, "%s: '%.60s' is not KEY=VALUE, such as camera.bit_depth=12", where, assignment);
    (void)snprintf(path, sizeof path, "%.*s", (int)(equals - assignment < 100 ? equals - assignment : 100), assignment);
    char folder[SG_PATH_MAX];
    SG_TRY(sg_config_folder(folder, "."));
    const sg_origin origin = {.name = where, .folder = folder};
    sg_config copy = *config;
    SG_TRY(sg_config_assign(&copy, path, equals + 1, 1, &origin));
    *config = copy;
    return SG_OK;
}

/* ---- files ---- */

sg_status sg_config_folder(char out[SG_PATH_MAX], const char *path)
{
    char folder[SG_PATH_MAX], real_path[PATH_MAX + 1];
    const char *slash = strrchr(path, '/');
    const int length = slash ? (int)(slash - path) : 0;
    if (length >= SG_PATH_MAX) SG_FAIL(SG_E_CONFIG, "%.60s...: the path is too long", path);
    memcpy(folder, path, (size_t)length + 1);
    folder[slash == path ? 1 : length] = 0;
    if (!realpath(slash ? folder : ".", real_path) || strlen(real_path) >= SG_PATH_MAX)
        SG_FAIL(SG_E_CONFIG, "%s: its folder has no usable path", path);
    (void)snprintf(out, SG_PATH_MAX, "%s", strcmp(real_path, "/") ? real_path : "");
    return SG_OK;
}

sg_status sg_config_parse(sg_yaml *out, const char *path)
{
    void *text = NULL;
    size_t size = 0;
    *out = (sg_yaml){0};
    if (strlen(path) >= SG_PATH_MAX) SG_FAIL(SG_E_CONFIG, "%.60s...: the path is too long", path);
    if (sg_file_read(&text, &size, path, SG_CONFIG_BYTES_MAX) != SG_OK) SG_FAIL(SG_E_CONFIG, "%s", sg_error_text());
    sg_status status = sg_yaml_parse(out, text, size, path, true);
    if (status == SG_OK && out->nodes[0].kind != SG_YAML_MAP)
        status =
            sg_error_set(SG_E_CONFIG, "%s:%d: expected sections and keys, such as camera:", path, out->nodes[0].line);
    sg_free(text);
    return status;
}

sg_status sg_config_read(sg_config *out, const char *path)
{
    sg_yaml yaml;
    sg_config config;
    char folder[SG_PATH_MAX];
    sg_status status = SG_OK;
    sg_config_defaults(&config);
    SG_TRY_DONE(sg_config_parse(&yaml, path));
    SG_TRY_DONE(sg_config_folder(folder, path));
    const sg_origin origin = {.name = path, .lines = true, .folder = folder};
    SG_TRY_DONE(sg_config_walk(&config, &yaml, 0, &origin));
    *out = config;
done:
    sg_yaml_free(&yaml);
    return status;
}

/* ---- writing ---- */

/* Prints the sections of `path` that `previous` does not share; returns the depth of the key. */
static int write_sections(FILE *out, const char *path, const char *previous)
{
    int depth = 0;
    bool shared = true;
    for (const char *dot = strchr(path, '.'); dot; dot = strchr(dot + 1, '.'), depth++) {
        shared = shared && !strncmp(path, previous, (size_t)(dot - path) + 1);
        if (shared) continue;
        const char *start = dot;
        while (start > path && start[-1] != '.') start--;
        fprintf(out, "%*s%.*s:\n", 4 * depth, "", (int)(dot - start), start);
    }
    return depth;
}

static void write_keys(FILE *out, const sg_config *config, bool portable)
{
    const char *previous = "";
    for (int i = 0; i < sg_key_count; i++) {
        const sg_key *key = &sg_keys[i];
        if (portable && key->machine) continue;
        const int depth = write_sections(out, key->path, previous);
        fprintf(out, "%*s%s: ", 4 * depth, "", strrchr(key->path, '.') + 1);
        sg_key_write(out, config, key, portable);
        fputc('\n', out);
        previous = key->path;
    }
}

/* One line a key, "camera.qe: 0.7". */
static void write_lines(FILE *out, const sg_config *config)
{
    for (int i = 0; i < sg_key_count; i++) {
        if (sg_keys[i].machine) continue;
        fprintf(out, "%s: ", sg_keys[i].path);
        sg_key_write(out, config, &sg_keys[i], true);
        fputc('\n', out);
    }
}

static void write_style(FILE *out, const sg_config *config, sg_config_style style)
{
    if (style == SG_CONFIG_LINES)
        write_lines(out, config);
    else
        write_keys(out, config, style == SG_CONFIG_PORTABLE);
}

sg_status sg_config_write(char **out, const sg_config *config, sg_config_style style)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    *out = NULL;
    if (!stream) SG_FAIL(SG_E_MEMORY, "config: out of memory");
    write_style(stream, config, style);
    const bool bad = ferror(stream) != 0;
    if (fclose(stream) != 0 || bad) {
        free(text);
        SG_FAIL(SG_E_MEMORY, "config: out of memory");
    }
    const sg_status status = SG_ALLOC(out, size + 1, "config");
    if (status == SG_OK) memcpy(*out, text, size);
    free(text);
    return status;
}

/* Keeps the lines of `text` that `other` has not in the same place. */
static void keep_changes(char *text, const char *other)
{
    char *to = text;
    for (const char *from = text; *from;) {
        const size_t length = strcspn(from, "\n") + 1, other_length = strcspn(other, "\n") + 1;
        if (length != other_length || memcmp(from, other, length) != 0) {
            memmove(to, from, length);
            to += length;
        }
        from += length;
        other += other_length;
    }
    *to = 0;
}

sg_status sg_config_hash(uint64_t *out, const sg_config *config)
{
    sg_config defaults;
    char *text = NULL, *other = NULL;
    sg_config_defaults(&defaults);
    sg_status status = sg_config_write(&text, config, SG_CONFIG_LINES);
    if (status == SG_OK) status = sg_config_write(&other, &defaults, SG_CONFIG_LINES);
    if (status == SG_OK) {
        keep_changes(text, other);
        *out = sg_rng_hash(text);
    }
    sg_free(text);
    sg_free(other);
    return status;
}
