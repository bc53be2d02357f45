/* sweep_index.c - runs.csv, a table of comma separated values (RFC 4180), read in place. */
#include "pipeline/sweep_index.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/config.h"
#include "pipeline/config_walk.h"
#include "pipeline/run_folder.h"
#include "pipeline/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 28 };

bool sg_sweep_is(const char *folder)
{
    char path[SG_PATH_MAX];
    return sg_run_path(path, folder, "runs.csv") == SG_OK && sg_file_exists(path);
}

/* ---- the table ---- */

typedef struct sg_csv {
    char *at; /* next letter */
    int line; /* from 1 */
    const char *name;
} sg_csv;

static sg_status fail_at(const sg_csv *csv, const char *what)
{
    SG_FAIL(SG_E_FORMAT, "%s:%d: %s; it is made by scopegrad sweep and not meant to be edited", csv->name, csv->line,
            what);
}

/* Takes the quotes off in place; returns what follows the closing one, NULL if there is none. */
static char *unquote(char *field)
{
    char *to = field, *from = field + 1;
    for (; *from && !(*from == '"' && from[1] != '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (!*from) return NULL;
    from++;
    *to = 0;
    return from;
}

/* The next field; *last: the line ends behind it. */
static sg_status next_field(sg_csv *csv, const char **out, bool *last)
{
    char *field = csv->at, *end = *field == '"' ? unquote(field) : field + strcspn(field, ",\n");
    if (end == NULL || (*end != ',' && *end != '\n')) return fail_at(csv, "a row is cut off");
    *last = *end == '\n';
    *end = 0;
    csv->at = end + 1;
    *out = field;
    return SG_OK;
}

/* Exactly `count` fields. */
static sg_status next_row(sg_csv *csv, const char **fields, int count)
{
    bool last = false;
    for (int i = 0; i < count; i++) {
        SG_TRY(next_field(csv, &fields[i], &last));
        if (last != (i == count - 1)) return fail_at(csv, "the row does not have as many fields as the header");
    }
    csv->line++;
    return SG_OK;
}

/* Columns of the header and, at most, rows below it: a quoted field may hold line breaks. */
static void measure(const char *text, int *columns, int *lines)
{
    *columns = 1;
    *lines = 0;
    for (const char *p = text; *p && *p != '\n'; p++) *columns += *p == ',';
    for (const char *p = text; *p; p++) *lines += *p == '\n';
}

static sg_status read_header(sg_csv *csv, sg_sweep_index *out, int columns)
{
    const int keys = columns - 3;
    if (keys < 0 || keys > SG_SWEEP_KEY_MAX) return fail_at(csv, "the header is not id,arm,...,seed");
    SG_TRY(next_row(csv, out->cells, columns));
    if (strcmp(out->cells[0], "id") != 0 || strcmp(out->cells[1], "arm") != 0 ||
        strcmp(out->cells[columns - 1], "seed") != 0)
        return fail_at(csv, "the header is not id,arm,...,seed");
    out->keys = out->cells + 2;
    out->key_count = keys;
    return SG_OK;
}

static sg_status read_row(sg_csv *csv, sg_sweep_row *row, const char **fields, int columns)
{
    SG_TRY(next_row(csv, fields, columns));
    csv->line--; /* the one that errors name */
    const char *seed = fields[columns - 1];
    if (strlen(fields[0]) != 16 || fields[0][strspn(fields[0], "0123456789abcdef")])
        return fail_at(csv, "the id is not 16 hexadecimal digits");
    errno = 0;
    *row = (sg_sweep_row){fields[0], fields[1], fields + 2, strtoull(seed, NULL, 10)};
    if (!*seed || seed[strspn(seed, "0123456789")] || errno) return fail_at(csv, "the seed is not a whole number");
    if (!fields[1][0] || strlen(fields[1]) >= SG_ARM_NAME_MAX) return fail_at(csv, "the arm has no usable name");
    csv->line++;
    return SG_OK;
}

sg_status sg_sweep_index_parse(sg_sweep_index *out, char *text, const char *name)
{
    sg_csv csv = {text, 1, name};
    int columns, lines;
    out->text = text;
    measure(text, &columns, &lines);
    if (lines < 2) return fail_at(&csv, "there is no row");
    if (lines - 1 > SG_SWEEP_ROW_MAX || columns > 3 + SG_SWEEP_KEY_MAX) return fail_at(&csv, "the table is too large");
    SG_TRY(SG_ALLOC(&out->cells, (size_t)lines * (size_t)columns, "index of a sweep"));
    SG_TRY(SG_ALLOC(&out->rows, (size_t)lines, "index of a sweep"));
    SG_TRY(read_header(&csv, out, columns));
    for (const char **fields = out->cells + columns; *csv.at; fields += columns)
        SG_TRY(read_row(&csv, &out->rows[out->row_count++], fields, columns));
    if (!out->reference[0]) (void)snprintf(out->reference, SG_ARM_NAME_MAX, "%s", out->rows[0].arm);
    return SG_OK;
}

/* ---- title and reference ---- */

static int find_child(const sg_yaml *yaml, int node, const char *key)
{
    int i = node >= 0 && yaml->nodes[node].kind == SG_YAML_MAP ? yaml->nodes[node].first : -1;
    while (i >= 0 && strcmp(yaml->nodes[i].key, key) != 0) i = yaml->nodes[i].next;
    return i;
}

static void read_word(char *out, size_t size, const sg_yaml *yaml, int section, const char *key)
{
    const int node = find_child(yaml, section, key);
    if (node >= 0 && yaml->nodes[node].kind == SG_YAML_SCALAR) (void)snprintf(out, size, "%s", yaml->nodes[node].text);
}

static sg_status read_names(sg_sweep_index *out, const char *folder)
{
    char path[SG_PATH_MAX];
    sg_yaml yaml;
    SG_TRY(sg_run_path(path, folder, "sweep.yaml"));
    const sg_status status = sg_config_parse(&yaml, path);
    if (status == SG_OK) {
        const int section = find_child(&yaml, 0, "sweep");
        read_word(out->title, sizeof out->title, &yaml, section, "title");
        read_word(out->reference, sizeof out->reference, &yaml, section, "reference");
    }
    sg_yaml_free(&yaml);
    return status == SG_E_CONFIG ? sg_error_set(SG_E_FORMAT, "%s", sg_error_text()) : status;
}

/* ---- all ---- */

sg_status sg_sweep_index_read(sg_sweep_index *out, const char *folder)
{
    char path[SG_PATH_MAX];
    void *text;
    size_t size;
    *out = (sg_sweep_index){0};
    SG_TRY(sg_run_path(path, folder, "runs.csv"));
    if (!sg_file_exists(path)) SG_FAIL(SG_E_USAGE, "%s: not the folder of a sweep (it has no runs.csv)", folder);
    SG_TRY(read_names(out, folder));
    SG_TRY(sg_file_read(&text, &size, path, BYTES_MAX));
    return sg_sweep_index_parse(out, text, path);
}

void sg_sweep_index_free(sg_sweep_index *index)
{
    sg_free(index->cells);
    sg_free(index->rows);
    sg_free(index->text);
    *index = (sg_sweep_index){0};
}

static int by_id(const void *a, const void *b)
{
    const sg_sweep_row *const *x = a, *const *y = b;
    const int order = strcmp((*x)->id, (*y)->id);
    return order ? order : (*x > *y) - (*x < *y);
}

static int by_number(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

sg_status sg_sweep_index_runs(int **runs, int *count, const sg_sweep_index *index)
{
    const sg_sweep_row **sorted;
    const size_t rows = (size_t)index->row_count;
    *runs = NULL;
    *count = 0;
    SG_TRY(SG_ALLOC(&sorted, rows, "runs of a sweep"));
    const sg_status status = SG_ALLOC(runs, rows, "runs of a sweep");
    for (size_t i = 0; i < rows; i++) sorted[i] = &index->rows[i];
    qsort(sorted, rows, sizeof *sorted, by_id);
    for (size_t i = 0; status == SG_OK && i < rows; i++)
        if (i == 0 || strcmp(sorted[i]->id, sorted[i - 1]->id) != 0)
            (*runs)[(*count)++] = (int)(sorted[i] - index->rows);
    sg_free(sorted);
    if (status == SG_OK) qsort(*runs, (size_t)*count, sizeof **runs, by_number);
    return status;
}
