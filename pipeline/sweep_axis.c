/* sweep_axis.c - the values that keys of a sweep take: lists, ranges, and draws at random. Computed values are rounded
 * to decimal numbers (12 digits in steps, 6 on a logarithmic scale and at random), so that they read well and are the
 * same on every machine. */
#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/keys.h"
#include "pipeline/sweep_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HUGE_NUMBER 1e300

static bool is_whole_key(const char *path)
{
    sg_key_part part;
    const sg_key *key = sg_key_find(path, &part);
    return key != NULL && key->type == SG_KEY_INT;
}

static sg_sweep_value keep_number(sg_sweep *sweep, double value, int digits)
{
    char text[48];
    (void)snprintf(text, sizeof text, "%.*g", digits, value);
    sg_number_text(text, strtod(text, NULL));
    return sg_sweep_keep(sweep, text);
}

/* ---- axes ---- */

static sg_status add_key(const sg_sweep_reader *reader, int node, const char *path, size_t length)
{
    sg_sweep *sweep = reader->sweep;
    if (sweep->key_count == SG_SWEEP_KEY_MAX)
        return sg_sweep_fail(reader, node, "sweep: more than %d keys", SG_SWEEP_KEY_MAX);
    if (length == 0 || length >= SG_KEY_MAX)
        return sg_sweep_fail(reader, node, "sweep: '%.60s' is not a list of keys", reader->yaml->nodes[node].key);
    sg_sweep_key *key = &sweep->key[sweep->key_count];
    (void)snprintf(key->path, sizeof key->path, "%.*s", (int)length, path);
    key->line = reader->yaml->nodes[node].line;
    if (!strcmp(key->path, "train.seed"))
        return sg_sweep_fail(reader, node, "sweep: train.seed is swept by sweep.seeds");
    for (int i = 0; i < sweep->key_count; i++)
        if (!strcmp(sweep->key[i].path, key->path))
            return sg_sweep_fail(reader, node, "sweep: %s is swept twice, first on line %d", key->path,
                                 sweep->key[i].line);
    sweep->key_count++;
    return SG_OK;
}

/* "a.b, c.d" -> two keys. */
static sg_status add_keys(const sg_sweep_reader *reader, int node)
{
    for (const char *at = reader->yaml->nodes[node].key;;) {
        at += strspn(at, " ");
        const size_t length = strcspn(at, ", ");
        SG_TRY(add_key(reader, node, at, length));
        at += length + strspn(at + length, " ");
        if (!*at) return SG_OK;
        if (*at++ != ',') return sg_sweep_fail(reader, node, "sweep: keys that move together are written \"a.b, c.d\"");
    }
}

/* Room for `points` values of the keys from `first` on. */
static sg_status add_axis(sg_sweep_axis **out, const sg_sweep_reader *reader, int node, int first, double points)
{
    sg_sweep *sweep = reader->sweep;
    sg_sweep_axis *axis = *out = &sweep->axis[sweep->axis_count];
    if (!(points >= 1 && points <= SG_SWEEP_ROW_MAX))
        return sg_sweep_fail(reader, node, "sweep: %.0f values; 1..%d are possible", points, SG_SWEEP_ROW_MAX);
    *axis = (sg_sweep_axis){.first = first, .keys = sweep->key_count - first, .count = (int)points};
    sweep->axis_count++;
    return SG_ALLOC(&axis->value, (size_t)axis->count * (size_t)axis->keys, "values of a sweep");
}

/* ---- grid ---- */

static sg_status read_list(const sg_sweep_reader *reader, int node, int first)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    const int keys = reader->sweep->key_count - first;
    sg_sweep_axis *axis;
    int points = 0, at = 0;
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next) points++;
    SG_TRY(add_axis(&axis, reader, node, first, points));
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next) {
        int value = keys == 1 ? i : nodes[i].kind == SG_YAML_LIST ? nodes[i].first : -1, count = 0;
        for (; value >= 0 && count < keys; count++, value = keys == 1 ? -1 : nodes[value].next)
            SG_TRY(sg_sweep_keep_node(&axis->value[at++], reader, value, "sweep.grid"));
        if (count != keys || value >= 0)
            return sg_sweep_fail(reader, i, "sweep.grid: expected %d values, one a key, such as [1, 2]", keys);
    }
    return SG_OK;
}

static sg_status read_steps(const sg_sweep_reader *reader, int node, int first)
{
    static const char *const names[] = {"from", "to", "step"};
    double number[3];
    sg_sweep_axis *axis;
    for (int i = 0; i < 3; i++) {
        const int child = sg_sweep_child(reader->yaml, node, names[i]);
        if (child < 0) return sg_sweep_fail(reader, node, "sweep.grid: expected {from: 0, to: 1, step: .25}");
        SG_TRY(sg_sweep_number(&number[i], reader, child, -HUGE_NUMBER, HUGE_NUMBER, "sweep.grid"));
    }
    const double steps = (number[1] - number[0]) / number[2];
    if (!(steps >= 0)) return sg_sweep_fail(reader, node, "sweep.grid: no number of these steps leads there");
    SG_TRY(add_axis(&axis, reader, node, first, floor(steps + 1e-9) + 1));
    for (int i = 0; i < axis->count; i++) axis->value[i] = keep_number(reader->sweep, number[0] + i * number[2], 12);
    return SG_OK;
}

/* The two numbers of [lo, hi]. */
static sg_status read_limits(double limit[2], const sg_sweep_reader *reader, int node, double least, const char *part)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    const int lo = nodes[node].kind == SG_YAML_LIST ? nodes[node].first : -1, hi = lo < 0 ? -1 : nodes[lo].next;
    if (hi < 0 || nodes[hi].next >= 0) return sg_sweep_fail(reader, node, "%s: expected [lowest, highest]", part);
    SG_TRY(sg_sweep_number(&limit[0], reader, lo, least, HUGE_NUMBER, part));
    SG_TRY(sg_sweep_number(&limit[1], reader, hi, least, HUGE_NUMBER, part));
    return limit[0] < limit[1] ? SG_OK : sg_sweep_fail(reader, node, "%s: expected [lowest, highest]", part);
}

static sg_status read_log(const sg_sweep_reader *reader, int node, int first)
{
    const int limits = sg_sweep_child(reader->yaml, node, "log"), number = sg_sweep_child(reader->yaml, node, "count");
    double limit[2], count;
    sg_sweep_axis *axis;
    if (number < 0) return sg_sweep_fail(reader, node, "sweep.grid: expected {log: [1, 100], count: 5}");
    SG_TRY(read_limits(limit, reader, limits, 1 / HUGE_NUMBER, "sweep.grid"));
    SG_TRY(sg_sweep_number(&count, reader, number, 2, SG_SWEEP_ROW_MAX, "sweep.grid: count"));
    SG_TRY(add_axis(&axis, reader, node, first, floor(count)));
    const bool whole = is_whole_key(reader->sweep->key[first].path);
    for (int i = 0; i < axis->count; i++) {
        const double value = limit[0] * pow(limit[1] / limit[0], i / (double)(axis->count - 1));
        axis->value[i] = keep_number(reader->sweep, whole ? round(value) : value, 6);
    }
    return SG_OK;
}

static sg_status read_axis(const sg_sweep_reader *reader, int node)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    const int first = reader->sweep->key_count;
    SG_TRY(add_keys(reader, node));
    if (nodes[node].kind == SG_YAML_LIST) return read_list(reader, node, first);
    if (nodes[node].kind == SG_YAML_MAP && reader->sweep->key_count == first + 1) {
        int children = 0;
        for (int i = nodes[node].first; i >= 0; i = nodes[i].next) children++;
        const bool log = sg_sweep_child(reader->yaml, node, "log") >= 0;
        if (log && children == 2) return read_log(reader, node, first);
        if (!log && children == 3) return read_steps(reader, node, first);
    }
    return sg_sweep_fail(reader, node,
                         "sweep.grid: expected [1, 2], {from: 0, to: 1, step: .25} or {log: [1, 100], count: 5}");
}

sg_status sg_sweep_read_grid(const sg_sweep_reader *reader, int node)
{
    if (reader->yaml->nodes[node].kind != SG_YAML_MAP)
        return sg_sweep_fail(reader, node, "sweep.grid: expected keys with values, such as {camera.bit_depth: [1, 8]}");
    for (int i = reader->yaml->nodes[node].first; i >= 0; i = reader->yaml->nodes[i].next) SG_TRY(read_axis(reader, i));
    return SG_OK;
}

/* ---- random ---- */

/* How one key is drawn. */
typedef struct sg_draw {
    int of; /* node of a list; -1: from limits */
    int choices;
    double limit[2];
    bool log, whole;
} sg_draw;

static sg_status read_draw(sg_draw *out, const sg_sweep_reader *reader, int node)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    const int how = nodes[node].kind == SG_YAML_MAP ? nodes[node].first : -1;
    const char *word = how >= 0 && nodes[how].next < 0 ? nodes[how].key : "";
    *out = (sg_draw){.of = -1, .log = !strcmp(word, "log"), .whole = is_whole_key(nodes[node].key)};
    if (out->log || !strcmp(word, "uniform")) {
        SG_TRY(read_limits(out->limit, reader, how, out->log ? 1 / HUGE_NUMBER : -HUGE_NUMBER, "sweep.random"));
        if (!out->whole) return SG_OK;
        out->limit[0] = ceil(out->limit[0]);
        out->limit[1] = floor(out->limit[1]);
        return out->limit[0] <= out->limit[1]
                   ? SG_OK
                   : sg_sweep_fail(reader, how, "sweep.random: no whole number lies between");
    }
    if (strcmp(word, "of") != 0 || nodes[how].kind != SG_YAML_LIST || nodes[how].first < 0)
        return sg_sweep_fail(reader, node,
                             "sweep.random: expected {uniform: [0, 1]}, {log: [1e-4, 1e-2]} or {of: [8, 16]}");
    out->of = how;
    for (int i = nodes[how].first; i >= 0; i = nodes[i].next) out->choices++;
    return SG_OK;
}

/* A whole number in lo..hi is drawn as a number in lo - .5..hi + .5, so that all are equally likely. */
static double draw_number(const sg_draw *draw, double u)
{
    const double half = draw->whole && !draw->log ? .5 : 0;
    const double lo = draw->limit[0] - half, hi = draw->limit[1] + half;
    const double value = draw->log ? lo * pow(hi / lo, u) : lo + (hi - lo) * u;
    return draw->whole ? round(value) : value;
}

static sg_status draw_value(sg_sweep_value *out, const sg_sweep_reader *reader, const sg_draw *draw, double u)
{
    if (draw->of < 0) {
        *out = keep_number(reader->sweep, draw_number(draw, u), 6);
        return SG_OK;
    }
    int node = reader->yaml->nodes[draw->of].first;
    for (int i = (int)(u * draw->choices); i > 0; i--) node = reader->yaml->nodes[node].next;
    return sg_sweep_keep_node(out, reader, node, "sweep.random");
}

static sg_status draw_all(const sg_sweep_reader *reader, const sg_sweep_axis *axis, const sg_draw *draw, uint64_t seed)
{
    const sg_rng rng = sg_rng_make(seed, SG_RNG_SWEEP, 0, 0, 0);
    for (int i = 0; i < axis->count; i++)
        for (int k = 0; k < axis->keys; k++)
            SG_TRY(draw_value(&axis->value[i * axis->keys + k], reader, &draw[k],
                              sg_rng_uniform(&rng, (uint32_t)i, (uint32_t)k)));
    return SG_OK;
}

sg_status sg_sweep_read_random(const sg_sweep_reader *reader, int node)
{
    const sg_yaml_node *nodes = reader->yaml->nodes;
    const sg_yaml *yaml = reader->yaml;
    const int first = reader->sweep->key_count;
    double count = 0, seed = 1;
    sg_draw draw[SG_SWEEP_KEY_MAX];
    sg_sweep_axis *axis;
    const int counted = sg_sweep_child(yaml, node, "count"), seeded = sg_sweep_child(yaml, node, "seed"),
              keys = sg_sweep_child(yaml, node, "keys");
    if (counted < 0 || keys < 0 || nodes[keys].kind != SG_YAML_MAP || nodes[keys].first < 0)
        return sg_sweep_fail(reader, node,
                             "sweep.random: expected {count: 20, seed: 7, keys: {camera.qe: {uniform: [.5, 1]}}}");
    for (int i = nodes[node].first; i >= 0; i = nodes[i].next)
        if (i != counted && i != seeded && i != keys)
            return sg_sweep_fail(reader, i, "sweep.random.%.60s: unknown key; expected count, seed or keys",
                                 nodes[i].key);
    SG_TRY(sg_sweep_number(&count, reader, counted, 1, SG_SWEEP_ROW_MAX, "sweep.random.count"));
    if (seeded >= 0) SG_TRY(sg_sweep_number(&seed, reader, seeded, 0, 1e15, "sweep.random.seed"));
    for (int i = nodes[keys].first; i >= 0; i = nodes[i].next) {
        SG_TRY(add_key(reader, i, nodes[i].key, strlen(nodes[i].key)));
        SG_TRY(read_draw(&draw[reader->sweep->key_count - 1 - first], reader, i));
    }
    SG_TRY(add_axis(&axis, reader, node, first, floor(count)));
    return draw_all(reader, axis, draw, (uint64_t)seed);
}
