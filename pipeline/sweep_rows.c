/* sweep_rows.c - the runs that a sweep file stands for: their configs, their ids, runs.csv. */
#include "core/memory.h"
#include "pipeline/config_walk.h"
#include "pipeline/keys.h"
#include "pipeline/sweep_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the config of a row ---- */

/* Where a row stands on every axis, which arm and which seed. */
typedef struct sg_place {
    int point[SG_SWEEP_KEY_MAX];
    int arm, seed;
} sg_place;

static sg_place place_of(const sg_sweep *sweep, int row)
{
    sg_place place = {.seed = row % sweep->seed_count};
    row /= sweep->seed_count;
    place.arm = row % sweep->arm_count;
    row /= sweep->arm_count;
    for (int a = sweep->axis_count - 1; a >= 0; a--) {
        place.point[a] = row % sweep->axis[a].count;
        row /= sweep->axis[a].count;
    }
    return place;
}

static bool is_preset(const sg_sweep_key *key)
{
    return !strcmp(key->path, "camera.preset");
}

/* The presets alone, or all but the presets. */
static sg_status apply(sg_config *config, const sg_sweep *sweep, const sg_place *place, bool preset,
                       const sg_origin *origin)
{
    for (int a = 0; a < sweep->axis_count; a++) {
        const sg_sweep_axis *axis = &sweep->axis[a];
        for (int k = 0; k < axis->keys; k++) {
            const sg_sweep_key *key = &sweep->key[axis->first + k];
            const char *value = sg_sweep_text_at(sweep, axis->value[place->point[a] * axis->keys + k]);
            if (is_preset(key) == preset) SG_TRY(sg_config_assign(config, key->path, value, key->line, origin));
        }
    }
    const sg_sweep_arm *arm = &sweep->arm[place->arm];
    for (int i = arm->first; i < arm->first + arm->count; i++) {
        const sg_sweep_override *o = &sweep->override[i];
        if (is_preset(&o->key) == preset)
            SG_TRY(sg_config_assign(config, o->key.path, sg_sweep_text_at(sweep, o->value), o->key.line, origin));
    }
    return SG_OK;
}

sg_status sg_sweep_config(sg_config *out, const sg_sweep *sweep, int row)
{
    char folder[SG_PATH_MAX];
    const sg_place place = place_of(sweep, row);
    sg_config config = sweep->base;
    SG_TRY(sg_config_folder(folder, sweep->path));
    const sg_origin origin = {.name = sweep->path, .lines = true, .folder = folder};
    SG_TRY(apply(&config, sweep, &place, true, &origin));
    SG_TRY(apply(&config, sweep, &place, false, &origin));
    config.train.seed = sweep->seed[place.seed];
    *out = config;
    return SG_OK;
}

/* ---- the table ---- */

static void add_field(sg_text *text, const char *field)
{
    sg_text_csv(text, field);
    sg_text_add(text, ",");
}

static void add_header(sg_sweep *sweep)
{
    sg_text_add(&sweep->table, "id,arm,");
    for (int k = 0; k < sweep->key_count; k++) add_field(&sweep->table, sweep->key[k].path);
    sg_text_add(&sweep->table, "seed\n");
}

static void add_row(sg_sweep *sweep, int row, uint64_t id)
{
    const sg_place place = place_of(sweep, row);
    sg_text_add(&sweep->table, "%016llx,%s,", (unsigned long long)id, sweep->arm[place.arm].name);
    for (int a = 0; a < sweep->axis_count; a++)
        for (int k = 0; k < sweep->axis[a].keys; k++)
            add_field(&sweep->table,
                      sg_sweep_text_at(sweep, sweep->axis[a].value[place.point[a] * sweep->axis[a].keys + k]));
    sg_text_add(&sweep->table, "%llu\n", (unsigned long long)sweep->seed[place.seed]);
}

static sg_status add_rows(sg_sweep *sweep, int rows)
{
    sg_config config;
    uint64_t id;
    for (int row = 0; row < rows; row++) {
        if (row % sweep->seed_count == 0) SG_TRY(sg_sweep_config(&config, sweep, row));
        config.train.seed = sweep->seed[row % sweep->seed_count];
        SG_TRY(sg_config_hash(&id, &config));
        add_row(sweep, row, id);
    }
    return sweep->table.status;
}

/* ---- rows that share a run ---- */

/* The config without what cannot change the results. */
static sg_status whole_text(char **out, const sg_sweep *sweep, int row)
{
    sg_config config;
    SG_TRY(sg_sweep_config(&config, sweep, row));
    for (int i = 0; i < sg_key_count; i++)
        if (sg_keys[i].machine) sg_key_default(&config, &sg_keys[i]);
    return sg_config_write(out, &config, SG_CONFIG_FULL);
}

/* A hash knows the names of files, not their folders: train/a.tif and test/a.tif would be one run. */
static sg_status check_same(const sg_sweep *sweep, int a, int b)
{
    char *text[2] = {NULL, NULL};
    sg_status status;
    SG_TRY_DONE(whole_text(&text[0], sweep, a));
    SG_TRY_DONE(whole_text(&text[1], sweep, b));
    if (strcmp(text[0], text[1]) != 0)
        SG_FAIL_DONE(
            SG_E_CONFIG,
            "%s: rows %d and %d of its table differ in the folder of a file only, and runs are told apart by the "
            "names of files: give the files different names",
            sweep->path, a + 1, b + 1);
done:
    sg_free(text[0]);
    sg_free(text[1]);
    return status;
}

typedef struct sg_same {
    const char *id;
    int row;
} sg_same;

static int by_id(const void *a, const void *b)
{
    const sg_same *x = a, *y = b;
    const int order = strcmp(x->id, y->id);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static sg_status check_shared(const sg_sweep *sweep)
{
    sg_same *same;
    sg_status status = SG_OK;
    const int rows = sweep->index.row_count;
    SG_TRY(SG_ALLOC(&same, (size_t)rows, "rows of a sweep"));
    for (int i = 0; i < rows; i++) same[i] = (sg_same){sweep->index.rows[i].id, i};
    qsort(same, (size_t)rows, sizeof *same, by_id);
    for (int i = 1; status == SG_OK && i < rows; i++)
        if (!strcmp(same[i].id, same[i - 1].id)) status = check_same(sweep, same[i - 1].row, same[i].row);
    sg_free(same);
    return status;
}

/* ---- all ---- */

sg_status sg_sweep_expand(sg_sweep *sweep)
{
    char *copy;
    double rows = (double)sweep->seed_count * sweep->arm_count;
    for (int a = 0; a < sweep->axis_count; a++) rows *= sweep->axis[a].count;
    if (rows > SG_SWEEP_ROW_MAX)
        SG_FAIL(SG_E_CONFIG, "%s: sweep: %.0f combinations of keys, arms and seeds; at most %d are possible",
                sweep->path, rows, SG_SWEEP_ROW_MAX);
    add_header(sweep);
    SG_TRY(add_rows(sweep, (int)rows));
    SG_TRY(SG_ALLOC(&copy, sweep->table.len + 1, "table of a sweep"));
    memcpy(copy, sweep->table.data, sweep->table.len + 1);
    SG_TRY(sg_sweep_index_parse(&sweep->index, copy, sweep->path));
    return check_shared(sweep);
}
