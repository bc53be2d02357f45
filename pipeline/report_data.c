/* report_data.c - groups the runs of a sweep into keys, points and cells. See report_data.h. */
#include "pipeline/report_data.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/keys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_SPAN = 30 };

/* ---- keys ---- */
/* The number that the whole of a text is; false: it is none. */
static bool number_of(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

void sg_report_plain(char *name, bool unit)
{
    static const char *const units[] = {"_ph", "_um", "_mm", "_e", "_rad", "_adu", "_px", "_s", "_deg"};
    const size_t len = strlen(name);
    for (size_t i = 0; unit && i < sizeof units / sizeof units[0]; i++)
        if (len > strlen(units[i]) && strcmp(name + len - strlen(units[i]), units[i]) == 0)
            name[len - strlen(units[i])] = '\0';
    for (char *c = name; *c; c++)
        if (*c == '_') *c = ' ';
}

/* "illumination.dose_ph" -> "dose / photons": the last part of the name without its unit, and the unit of the table.
 * "camera.range_e.init" is the range itself, "camera.range_e.lr" the "range lr". */
static void label_make(sg_report_key *key)
{
    sg_key_part part;
    char name[64];
    const sg_key *row = sg_key_find(key->path, &part);
    const char *path = row ? row->path : key->path, *dot = strrchr(path, '.');
    const char *after = !row ? "" : part == SG_PART_LR ? " lr" : part == SG_PART_LEARN ? " learn" : "";
    (void)snprintf(name, sizeof name, "%s", dot ? dot + 1 : path);
    sg_report_plain(name, row && row->unit);
    if (strncmp(name, "adc", 3) == 0) memcpy(name, "ADC", 3);
    const char *unit = !row || !row->unit || !key->numeric ? "" : strcmp(row->unit, "um") == 0 ? "µm" : row->unit;
    (void)snprintf(key->label, sizeof key->label, "%s%s%s%s", name, after, *unit ? " / " : "", unit);
}

/* The different values of column `k`, numbers ascending. */
static sg_status key_read(sg_report_key *key, const sg_sweep_index *index, int k)
{
    double value;
    *key = (sg_report_key){.numeric = true, .axis = true};
    (void)snprintf(key->path, sizeof key->path, "%.63s", index->keys[k]);
    SG_TRY(SG_ALLOC(&key->text, (size_t)index->row_count, "values of a key"));
    SG_TRY(SG_ALLOC(&key->number, (size_t)index->row_count, "values of a key"));
    for (int r = 0; r < index->row_count; r++)
        if (!number_of(index->rows[r].value[k], &value)) key->numeric = false;
    for (int r = 0; r < index->row_count; r++) {
        const char *text = index->rows[r].value[k];
        int at = 0;
        (void)number_of(text, &value);
        while (at < key->count && (key->numeric ? key->number[at] < value : strcmp(key->text[at], text) != 0)) at++;
        if (at < key->count && (!key->numeric || key->number[at] == value)) continue;
        memmove(&key->text[at + 1], &key->text[at], (size_t)(key->count - at) * sizeof *key->text);
        memmove(&key->number[at + 1], &key->number[at], (size_t)(key->count - at) * sizeof *key->number);
        key->text[at] = text;
        key->number[at] = key->numeric ? value : at;
        key->count++;
    }
    key->log = key->numeric && key->number[0] > 0 && key->number[key->count - 1] > LOG_SPAN * key->number[0];
    label_make(key);
    return SG_OK;
}

static int value_find(const sg_report_key *key, const char *text)
{
    double value;
    const bool number = key->numeric && number_of(text, &value);
    for (int i = 0; i < key->count; i++)
        if (number ? key->number[i] == value : strcmp(key->text[i], text) == 0) return i;
    return 0;
}

/* What a run has of the other axes, and its value of the key in question. */
typedef struct place {
    uint64_t others;
    int value;
} place;

static int by_others(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return (x->others > y->others) - (x->others < y->others);
}

/* True if no two runs differ in this axis alone: then its value follows from those of the other axes. */
static bool follows(const sg_report_data *data, int key, place *places)
{
    const size_t count = (size_t)data->run_count;
    for (size_t r = 0; r < count; r++) {
        uint64_t hash = 0; /* of the values of the other axes; a clash of two would only keep an axis */
        for (int k = 0; k < data->key_count; k++)
            if (k != key && data->keys[k].axis) hash = (hash ^ (uint64_t)data->runs[r].value[k]) * 0x9E3779B97F4A7C15u;
        places[r] = (place){hash ^ hash >> 29, data->runs[r].value[key]};
    }
    qsort(places, count, sizeof *places, by_others);
    for (size_t r = 1; r < count; r++)
        if (places[r].others == places[r - 1].others && places[r].value != places[r - 1].value) return false;
    return true;
}

/* Keys with many values go first, of equal ones the later: {bits, photons, range} that move together leave bits and
 * photons as axes, from which the range follows. */
static sg_status axes_find(sg_report_data *data)
{
    place *places;
    bool tried[SG_SWEEP_KEY_MAX] = {false};
    SG_TRY(SG_ALLOC(&places, (size_t)data->run_count, "keys of a report"));
    for (int turn = 0; turn < data->key_count; turn++) {
        int most = -1;
        for (int k = 0; k < data->key_count; k++)
            if (!tried[k] && (most < 0 || data->keys[k].count >= data->keys[most].count)) most = k;
        tried[most] = true;
        data->keys[most].axis = !follows(data, most, places);
    }
    sg_free(places);
    return SG_OK;
}

/* ---- runs ---- */
static int arm_find(sg_report_data *data, const char *name)
{
    for (int a = 0; a < data->arm_count; a++)
        if (strcmp(data->arms[a], name) == 0) return a;
    (void)snprintf(data->arms[data->arm_count], SG_REPORT_NAME, "%.63s", name);
    return data->arm_count++;
}

static sg_status rows_read(sg_report_data *data, const sg_sweep_index *index)
{
    data->key_count = index->key_count;
    for (int k = 0; k < index->key_count; k++) SG_TRY(key_read(&data->keys[k], index, k));
    SG_TRY(SG_ALLOC(&data->runs, (size_t)index->row_count, "runs of a report"));
    SG_TRY(SG_ALLOC(&data->arms, (size_t)index->row_count, "arms of a report"));
    data->run_count = index->row_count;
    for (int r = 0; r < index->row_count; r++) {
        const sg_sweep_row *row = &index->rows[r];
        sg_report_run *run = &data->runs[r];
        (void)snprintf(run->folder, sizeof run->folder, "runs/%.20s", row->id);
        run->arm = arm_find(data, row->arm);
        run->row = r;
        run->seed = row->seed;
        for (int k = 0; k < index->key_count; k++) run->value[k] = value_find(&data->keys[k], row->value[k]);
    }
    data->reference = 0;
    for (int a = 0; a < data->arm_count; a++)
        if (strcmp(data->arms[a], index->reference) == 0) data->reference = a;
    return SG_OK;
}

static int by_values(const sg_report_run *x, const sg_report_run *y)
{
    for (int k = 0; k < SG_SWEEP_KEY_MAX; k++)
        if (x->value[k] != y->value[k]) return x->value[k] < y->value[k] ? -1 : 1;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const sg_report_run *x = a, *y = b;
    const int point = by_values(x, y);
    if (point) return point;
    if (x->arm != y->arm) return x->arm < y->arm ? -1 : 1;
    if (x->seed != y->seed) return x->seed < y->seed ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static sg_status cells_make(sg_report_data *data)
{
    qsort(data->runs, (size_t)data->run_count, sizeof *data->runs, by_place);
    SG_TRY(SG_ALLOC(&data->cells, (size_t)data->run_count, "cells of a report"));
    for (int r = 0; r < data->run_count; r++) {
        sg_report_run *run = &data->runs[r];
        const bool point = r == 0 || by_values(run - 1, run) != 0;
        data->point_count += point;
        run->point = data->point_count - 1;
        if (point || run[-1].arm != run->arm)
            data->cells[data->cell_count++] = (sg_report_cell){.arm = run->arm, .point = run->point, .first = r};
        data->cells[data->cell_count - 1].count++;
    }
    const size_t places = (size_t)data->point_count * (size_t)data->arm_count;
    SG_TRY(SG_ALLOC(&data->cell_at, places, "cells of a report"));
    for (size_t i = 0; i < places; i++) data->cell_at[i] = -1;
    for (int c = 0; c < data->cell_count; c++)
        data->cell_at[data->cells[c].point * data->arm_count + data->cells[c].arm] = c;
    return SG_OK;
}

/* Most arms with results first, then nearest to the middle value of every key. */
static void shown_find(sg_report_data *data)
{
    int best_arms = -1, best_far = 0;
    for (int p = 0; p < data->point_count; p++) {
        int arms = 0, far = 0;
        for (int a = 0; a < data->arm_count; a++) arms += sg_report_first(data, sg_report_cell_at(data, p, a)) != NULL;
        for (int k = 0; k < data->key_count; k++) far += abs(sg_report_value_at(data, p, k) - data->keys[k].count / 2);
        if (arms < best_arms || (arms == best_arms && far >= best_far)) continue;
        best_arms = arms;
        best_far = far;
        data->shown = p;
    }
}

/* In a random search one key tells all others: they are axes all the same. */
static void scatter_find(sg_report_data *data)
{
    enum { MANY = 12 };
    for (int k = 0; k < data->key_count; k++)
        if (data->keys[k].axis && data->keys[k].count > MANY && data->point_count < 2 * data->keys[k].count)
            data->scattered = true;
    for (int k = 0; k < data->key_count && data->scattered; k++) data->keys[k].axis = data->keys[k].count > 1;
}

/* ---- tests ---- */
/* Every arm against the reference at every point; Holm's correction over all of them. */
static sg_status tests_make(sg_report_data *data)
{
    double a[SG_REPORT_SEEDS], b[SG_REPORT_SEEDS], *p;
    SG_TRY(SG_ALLOC(&p, (size_t)data->cell_count, "tests of a report"));
    for (int c = 0; c < data->cell_count; c++) {
        sg_report_cell *cell = &data->cells[c];
        const sg_report_cell *reference = sg_report_cell_at(data, cell->point, data->reference);
        p[c] = cell->p_holm = (double)NAN;
        if (cell->arm == data->reference || reference == NULL) continue;
        cell->test = sg_paired_test(a, b, sg_report_pairs(data, cell, reference, data->main_metric, a, b));
        p[c] = cell->test.p_t;
    }
    const sg_status status = sg_holm(p, data->cell_count);
    for (int c = 0; c < data->cell_count; c++)
        if (data->cells[c].test.n > 1) data->cells[c].p_holm = p[c];
    sg_free(p);
    return status;
}

/* ---- all ---- */
static sg_status finish(sg_report_data *data)
{
    SG_TRY(data->notes.status);
    if (data->there_count == 0 && data->notes.len) return SG_E_FORMAT; /* the text is that of the last bad run */
    if (data->there_count == 0) SG_FAIL(SG_E_IO, "%s: none of its %d runs has results yet", data->dir, data->run_count);
    SG_TRY(SG_ALLOC(&data->arm_learned, (size_t)data->arm_count, "arms of a report"));
    for (int r = 0; r < data->run_count; r++) data->arm_learned[data->runs[r].arm] |= data->runs[r].learned;
    for (int m = data->metric_count - 1; m >= 0; m--)
        if (data->metrics[m].used && !data->metrics[m].hardware) data->main_metric = m;
    shown_find(data);
    return tests_make(data);
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static sg_status folder_read(sg_report_data *out, const char *dir)
{
    if (!sg_folder_exists(dir)) SG_FAIL(SG_E_IO, "%s: no such folder", dir);
    const int len = snprintf(out->dir, sizeof out->dir, "%s", dir);
    if (len >= (int)sizeof out->dir)
        SG_FAIL(SG_E_RANGE, "%.60s...: the path has more than %d letters", dir, SG_REPORT_PATH - 1);
    for (int end = len - 1; end > 0 && out->dir[end] == '/'; end--) out->dir[end] = '\0';
    (void)snprintf(out->title, sizeof out->title, "%.200s", last_name(out->dir));
    out->sweep = sg_sweep_is(dir);
    return SG_OK;
}

static sg_status sweep_read(sg_report_data *out, const char *dir)
{
    SG_TRY(sg_sweep_index_read(&out->index, dir));
    if (out->index.title[0]) (void)snprintf(out->title, sizeof out->title, "%s", out->index.title);
    SG_TRY(rows_read(out, &out->index));
    SG_TRY(axes_find(out));
    SG_TRY(cells_make(out));
    scatter_find(out);
    return SG_OK;
}

/* A run by itself is a sweep of one. */
static sg_status single_read(sg_report_data *out)
{
    char path[SG_REPORT_PATH + 32];
    (void)snprintf(path, sizeof path, "%s/results.h5", out->dir);
    if (!sg_file_exists(path))
        SG_FAIL(SG_E_IO, "%s: neither the folder of a run (results.h5) nor of a sweep (runs.csv)", out->dir);
    SG_TRY(SG_ALLOC(&out->runs, 1, "runs of a report"));
    SG_TRY(SG_ALLOC(&out->arms, 1, "arms of a report"));
    (void)snprintf(out->runs[0].folder, sizeof out->runs[0].folder, ".");
    (void)snprintf(out->arms[0], sizeof out->arms[0], "%.63s", out->title);
    out->run_count = out->arm_count = 1;
    return cells_make(out);
}

sg_status sg_report_load(sg_report_data *out, const char *dir)
{
    *out = (sg_report_data){0};
    SG_TRY(folder_read(out, dir));
    memcpy(out->metrics, sg_report_known, (size_t)sg_report_known_count * sizeof *out->metrics);
    out->metric_count = sg_report_known_count;
    SG_TRY(out->sweep ? sweep_read(out, dir) : single_read(out));
    for (int r = 0; r < out->run_count; r++) {
        out->runs[r].score = -1;
        for (int m = 0; m < SG_REPORT_METRICS; m++) out->runs[r].metric[m] = (double)NAN;
    }
    for (int r = 0; r < out->run_count; r++) SG_TRY(sg_report_run_read(out, &out->runs[r]));
    return finish(out);
}

void sg_report_data_free(sg_report_data *data)
{
    for (int i = 0; i < data->run_count; i++) sg_report_run_free(&data->runs[i]);
    for (int k = 0; k < data->key_count; k++) {
        sg_free(data->keys[k].text);
        sg_free(data->keys[k].number);
    }
    void *const blocks[] = {data->runs, data->arms, data->arm_learned, data->cells, data->cell_at};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) sg_free(blocks[i]);
    sg_text_free(&data->notes);
    sg_scalars_free(&data->scalars);
    sg_sweep_index_free(&data->index);
    *data = (sg_report_data){0};
}
