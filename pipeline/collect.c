/* collect.c - see collect.h. */
#include "pipeline/collect.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/collect_lock.h"
#include "pipeline/collect_table.h"
#include "pipeline/config.h"
#include "pipeline/results_hdf5.h"
#include "pipeline/run_folder.h"
#include "pipeline/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HASH_TEXT = 17 };

typedef struct run {
    const char *id;
    const char *folder; /* the first one in which it is finished; NULL: none */
    uint64_t seal;      /* of its results.h5 */
    bool kept;          /* the older file has it */
    int number;         /* in the file; -1: left out */
} run;

typedef struct collection {
    const char *const *folders;
    int folder_count;
    sg_sweep_index *indices; /* (folder_count) */
    bool *again;             /* (folder_count) the same index as an earlier one: a part of that sweep */
    sg_table_row *rows;      /* .run: in `runs`, until the file is written */
    run *runs;
    int row_count, run_count;
    uint64_t index_hash; /* of all runs.csv and sweep.yaml */
    sg_results_file *older;
    sg_results *out;
    sg_scalars scalars;
    int now; /* number of the run that is copied */
    FILE *messages;
    sg_collect_count count;
} collection;

/* ---- which runs there are ---- */

static sg_status hash_add(uint64_t *hash, const char *folder, const char *name)
{
    char path[SG_PATH_MAX];
    void *data;
    size_t size;
    SG_TRY(sg_run_path(path, folder, name));
    SG_TRY(sg_file_read(&data, &size, path, 0));
    *hash = sg_results_hash(*hash, data, size + 1);
    sg_free(data);
    return SG_OK;
}

static sg_status indices_read(collection *c)
{
    SG_TRY(SG_ALLOC(&c->indices, (size_t)c->folder_count, "sweeps"));
    SG_TRY(SG_ALLOC(&c->again, (size_t)c->folder_count, "sweeps"));
    uint64_t *hash;
    SG_TRY(SG_ALLOC(&hash, (size_t)c->folder_count, "sweeps"));
    sg_status status = SG_OK;
    c->index_hash = SG_RESULTS_HASH;
    for (int f = 0; f < c->folder_count && status == SG_OK; f++) {
        status = sg_sweep_index_read(&c->indices[f], c->folders[f]);
        hash[f] = SG_RESULTS_HASH;
        if (status == SG_OK) status = hash_add(&hash[f], c->folders[f], "runs.csv");
        if (status == SG_OK) status = hash_add(&hash[f], c->folders[f], "sweep.yaml");
        for (int e = 0; e < f && !c->again[f]; e++) c->again[f] = hash[e] == hash[f];
        if (!c->again[f]) c->index_hash = sg_results_hash(c->index_hash, &hash[f], sizeof hash[f]);
    }
    sg_free(hash);
    return status;
}

static int compare_ids(const void *a, const void *b)
{
    const sg_table_row *x = *(const sg_table_row *const *)a, *y = *(const sg_table_row *const *)b;
    const int order = strcmp(x->row->id, y->row->id);
    return order != 0 ? order : (x > y) - (x < y);
}

/* Runs in the order of their first rows. */
static sg_status runs_number(collection *c)
{
    sg_table_row **order;
    const size_t count = (size_t)c->row_count;
    SG_TRY(SG_ALLOC(&c->runs, count + 1, "runs"));
    SG_TRY(SG_ALLOC(&order, count + 1, "runs"));
    for (size_t i = 0; i < count; i++) order[i] = &c->rows[i];
    qsort(order, count, sizeof(sg_table_row *), compare_ids);
    for (size_t i = 0; i < count; i++) { /* for now, the first row of each id */
        const bool same = i > 0 && strcmp(order[i]->row->id, order[i - 1]->row->id) == 0;
        order[i]->run = same ? order[i - 1]->run : (int)(order[i] - c->rows);
    }
    for (int i = 0; i < c->row_count; i++) {
        const bool first = c->rows[i].run == i;
        if (first) c->runs[c->run_count] = (run){.id = c->rows[i].row->id, .number = -1};
        c->rows[i].run = first ? c->run_count++ : c->rows[c->rows[i].run].run;
    }
    sg_free(order);
    return SG_OK;
}

static sg_status rows_list(collection *c)
{
    size_t most = 1;
    for (int f = 0; f < c->folder_count; f++) most += c->again[f] ? 0 : (size_t)c->indices[f].row_count;
    SG_TRY(SG_ALLOC(&c->rows, most, "rows"));
    for (int f = 0; f < c->folder_count; f++)
        for (int r = 0; !c->again[f] && r < c->indices[f].row_count; r++)
            c->rows[c->row_count++] = (sg_table_row){&c->indices[f], &c->indices[f].rows[r], -1};
    return runs_number(c);
}

static sg_status run_path(char out[SG_PATH_MAX], const char *folder, const char *id, const char *name)
{
    char part[96];
    (void)snprintf(part, sizeof part, "runs/%s/%s", id, name);
    return sg_run_path(out, folder, part);
}

static void leave_out(collection *c, run *r)
{
    fprintf(c->messages, "scopegrad collect: left out: %s\n", sg_error_text());
    r->number = -1;
    c->count.unreadable++;
}

/* Where it is finished, and what closes its results there. */
static sg_status run_find(collection *c, run *r)
{
    char path[SG_PATH_MAX];
    for (int f = 0; f < c->folder_count && r->folder == NULL; f++) {
        SG_TRY(run_path(path, c->folders[f], r->id, "DONE"));
        if (sg_file_exists(path)) r->folder = c->folders[f];
    }
    if (r->folder == NULL) return SG_OK;
    c->count.finished++;
    SG_TRY(run_path(path, r->folder, r->id, "results.h5"));
    if (sg_results_seal(&r->seal, path) == SG_OK)
        r->number = 0;
    else
        leave_out(c, r);
    return SG_OK;
}

/* ---- what the older file has ---- */

static bool older_has(const collection *c, const char *path, const char *name, uint64_t wanted)
{
    char *text = NULL, hash[HASH_TEXT];
    if (c->older == NULL || sg_results_read_attribute_text(c->older, path, name, &text) != SG_OK) return false;
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, wanted);
    const bool same = strcmp(text, hash) == 0;
    sg_free(text);
    return same;
}

/* What a mistyped -o would destroy: a file with something other than HDF5 in it. */
static bool is_foreign(const char *path)
{
    char head[8];
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    const size_t got = fread(head, 1, sizeof head, file);
    (void)fclose(file);
    return got > 0 && memcmp(head, "\211HDF\r\n\032\n", got) != 0;
}

/* One that cannot be read is made anew. */
static sg_status older_open(collection *c, const char *output)
{
    char *text;
    if (!sg_file_exists(output)) return SG_OK;
    if (is_foreign(output)) SG_FAIL(SG_E_USAGE, "%s: is there already and no HDF5 file; use another -o", output);
    if (sg_results_open(&c->older, output) != SG_OK) {
        c->older = NULL;
        fprintf(c->messages, "scopegrad collect: made anew: %s\n", sg_error_text());
        return SG_OK;
    }
    if (sg_results_read_attribute_text(c->older, "/", "index_hash", &text) != SG_OK)
        SG_FAIL(SG_E_USAGE, "%s: holds the results of a run, not of a sweep; use another -o", output);
    sg_free(text);
    return SG_OK;
}

static void older_compare(collection *c)
{
    int wanted = 0;
    char path[64];
    double held = -1;
    for (int i = 0; i < c->run_count; i++) {
        run *r = &c->runs[i];
        if (r->number < 0) continue;
        (void)snprintf(path, sizeof path, "/runs/%s", r->id);
        r->kept = older_has(c, path, SG_RESULTS_SEAL_NAME, r->seal);
        c->count.kept += r->kept;
        wanted++;
    }
    if (c->older == NULL || sg_results_read_attribute_number(c->older, "/", "runs", &held) != SG_OK) return;
    c->count.fresh =
        c->count.kept == wanted && held == (double)wanted && older_has(c, "/", "index_hash", c->index_hash);
}

/* ---- writing ---- */

static sg_status scalar_add(void *context, const char *path, const double *value, int count)
{
    collection *c = context;
    return sg_scalars_put(&c->scalars, c->now, path, value, count);
}

static sg_status run_copy(collection *c, run *r, const sg_results_file *from, const char *from_path)
{
    char to[64], hash[HASH_TEXT];
    double best_step;
    r->number = c->now;
    (void)snprintf(to, sizeof to, "/runs/%s", r->id);
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, r->seal);
    SG_TRY(sg_results_attribute_text(c->out, to, SG_RESULTS_SEAL_NAME, hash));
    SG_TRY(sg_results_copy(c->out, to, from, from_path, scalar_add, c));
    if (sg_results_read_attribute_number(from, from_path, "best_step", &best_step) == SG_OK)
        SG_TRY(sg_scalars_add_step(&c->scalars, c->now, best_step));
    c->now++;
    return SG_OK;
}

static sg_status run_add(collection *c, run *r)
{
    char path[SG_PATH_MAX];
    sg_results_file *file;
    (void)snprintf(path, sizeof path, "/runs/%s", r->id);
    if (r->kept) return run_copy(c, r, c->older, path);
    SG_TRY(run_path(path, r->folder, r->id, "results.h5"));
    if (sg_results_open(&file, path) != SG_OK) {
        leave_out(c, r);
        return SG_OK;
    }
    const sg_status status = run_copy(c, r, file, "/");
    sg_results_close(file);
    return status;
}

static sg_status sweeps_write(collection *c)
{
    int number = 0;
    for (int f = 0; f < c->folder_count; f++) {
        char file[SG_PATH_MAX], path[32];
        void *text;
        size_t size;
        if (c->again[f]) continue;
        SG_TRY(sg_run_path(file, c->folders[f], "sweep.yaml"));
        SG_TRY(sg_file_read(&text, &size, file, 0));
        (void)snprintf(path, sizeof path, "/sweep/%d", ++number);
        const sg_status status = sg_results_put_text(c->out, path, text);
        sg_free(text);
        SG_TRY(status);
    }
    return SG_OK;
}

static sg_status file_write(collection *c)
{
    char hash[HASH_TEXT];
    for (int i = 0; i < c->run_count; i++)
        if (c->runs[i].number >= 0) SG_TRY(run_add(c, &c->runs[i]));
    if (c->now == 0) SG_FAIL(SG_E_STATE, "%s: no run could be read", c->folders[0]);
    for (int i = 0; i < c->row_count; i++) c->rows[i].run = c->runs[c->rows[i].run].number;
    SG_TRY(sg_table_write(c->out, c->rows, c->row_count, &c->scalars));
    SG_TRY(sweeps_write(c));
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, c->index_hash);
    SG_TRY(sg_results_put_text(c->out, "/@index_hash", hash));
    return sg_results_put_number(c->out, "/@runs", c->now);
}

static sg_status file_make(collection *c, const char *output)
{
    SG_TRY(sg_results_draft(&c->out, output));
    sg_status status = file_write(c);
    if (status == SG_OK)
        status = sg_results_keep(c->out, output);
    else
        sg_results_free(c->out);
    c->out = NULL;
    return status;
}

/* ---- all of it ---- */

static sg_status collect(collection *c, const char *output)
{
    SG_TRY(indices_read(c));
    SG_TRY(rows_list(c));
    for (int i = 0; i < c->run_count; i++) SG_TRY(run_find(c, &c->runs[i]));
    c->count.runs = c->run_count;
    if (c->count.finished == 0) SG_FAIL(SG_E_STATE, "%s: none of %d runs is finished yet", c->folders[0], c->run_count);
    SG_TRY(older_open(c, output));
    older_compare(c);
    return c->count.fresh ? SG_OK : file_make(c, output);
}

static void collection_free(collection *c)
{
    for (int f = 0; c->indices != NULL && f < c->folder_count; f++) sg_sweep_index_free(&c->indices[f]);
    sg_results_close(c->older);
    sg_scalars_free(&c->scalars);
    sg_free(c->indices);
    sg_free(c->again);
    sg_free(c->rows);
    sg_free(c->runs);
}

sg_status sg_collect(sg_collect_count *out, const char *const *folders, int folder_count, const char *output,
                     FILE *messages)
{
    collection c = {.folders = folders, .folder_count = folder_count, .messages = messages};
    int lock;
    SG_TRY(sg_collect_lock(&lock, output));
    const sg_status status = collect(&c, output);
    (void)close(lock);
    *out = c.count;
    collection_free(&c);
    SG_TRY(status);
    if (out->unreadable > 0) SG_FAIL(SG_E_PARTIAL, "%d of %d finished runs left out", out->unreadable, out->finished);
    return SG_OK;
}
