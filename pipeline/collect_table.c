/* collect_table.c - see collect_table.h. */
#include "pipeline/collect_table.h"

#include "core/memory.h"
#include "pipeline/keys.h"
#include "pipeline/results_hdf5.h"
#include "pipeline/schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- gathering ---- */

/* Room for one more. */
static sg_status grow(void **items, size_t count, size_t *room, size_t bytes)
{
    void *more;
    if (count < *room) return SG_OK;
    const size_t wanted = *room > 0 ? 2 * *room : 64;
    SG_TRY(sg_alloc(&more, wanted, bytes, "a table of runs"));
    if (count > 0) memcpy(more, *items, count * bytes);
    sg_free(*items);
    *items = more;
    *room = wanted;
    return SG_OK;
}

static sg_status column_find(int *out, sg_scalars *s, int order, const char *name)
{
    for (*out = 0; *out < s->column_count; ++*out)
        if (strcmp(s->columns[*out].name, name) == 0) return SG_OK;
    size_t room = (size_t)s->column_room;
    SG_TRY(grow((void **)&s->columns, (size_t)s->column_count, &room, sizeof *s->columns));
    s->column_room = (int)room;
    sg_column *column = &s->columns[s->column_count++];
    column->order = order;
    (void)snprintf(column->name, sizeof column->name, "%s", name);
    return SG_OK;
}

static sg_status scalar_add(sg_scalars *s, int run, int order, const char *name, double value)
{
    sg_entry entry = {.run = run, .value = value};
    SG_TRY(column_find(&entry.column, s, order, name));
    SG_TRY(grow((void **)&s->entries, s->entry_count, &s->entry_room, sizeof *s->entries));
    s->entries[s->entry_count++] = entry;
    return SG_OK;
}

sg_status sg_scalars_put(sg_scalars *s, int run, const char *path, const double *value, int count)
{
    static const char interval[] = "/metrics/interval/", metrics[] = "/metrics/";
    char name[SG_COLUMN_NAME_MAX];
    bool initial;
    const sg_schema_row *row = sg_schema_find(path, &initial);
    if (row == NULL || initial || row->axes == NULL || row->type != SG_RESULTS_F64) return SG_OK;
    const int order = (int)(row - sg_schema);
    if (count == 2 && strncmp(path, interval, strlen(interval)) == 0) {
        (void)snprintf(name, sizeof name, "%s_low", path + strlen(interval));
        SG_TRY(scalar_add(s, run, order, name, value[0]));
        (void)snprintf(name, sizeof name, "%s_high", path + strlen(interval));
        return scalar_add(s, run, order, name, value[1]);
    }
    if (row->axes[0] != '\0' || count != 1) return SG_OK;
    const bool metric = strncmp(path, metrics, strlen(metrics)) == 0;
    (void)snprintf(name, sizeof name, "%s", path + (metric ? strlen(metrics) : 1));
    for (char *at = name; *at; at++)
        if (*at == '/') *at = '_';
    return scalar_add(s, run, order, name, *value);
}

sg_status sg_scalars_add_step(sg_scalars *s, int run, double best_step)
{
    return scalar_add(s, run, -1, "best_step", best_step);
}

void sg_scalars_free(sg_scalars *s)
{
    sg_free(s->columns);
    sg_free(s->entries);
    *s = (sg_scalars){0};
}

/* ---- columns ---- */

/* One column of /table: the key of the index, or what it is made of. */
typedef struct field {
    const char *name;
    hid_t type;    /* in the file and in memory; texts are cut to the longest one */
    size_t offset; /* in a row */
    size_t bytes;  /* of a text; 0: a number */
    int scalar;    /* in sg_scalars; -1: none */
} field;

typedef struct table {
    const sg_table_row *rows;
    int row_count, written;
    field *fields;
    int count;
    size_t row_bytes;
} table;

/* id, arm and seed are columns like the keys. */
static const char *cell(const sg_table_row *r, const char *name)
{
    if (strcmp(name, "id") == 0) return r->row->id;
    if (strcmp(name, "arm") == 0) return r->row->arm;
    for (int k = 0; k < r->index->key_count; k++)
        if (strcmp(r->index->keys[k], name) == 0) return r->row->value[k];
    return NULL;
}

static bool is_number(const char *text)
{
    char *end;
    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

/* A column of words if one cell is none; as wide as the longest. */
static size_t text_bytes(const table *t, const char *name)
{
    bool words = strcmp(name, "id") == 0 || strcmp(name, "arm") == 0;
    size_t longest = 1;
    for (int i = 0; i < t->row_count; i++) {
        const char *text = cell(&t->rows[i], name);
        if (text == NULL) continue;
        words = words || !is_number(text);
        if (strlen(text) > longest) longest = strlen(text);
    }
    return words ? longest : 0;
}

static hid_t fixed_text(size_t bytes)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, bytes);
    (void)H5Tset_strpad(type, H5T_STR_NULLPAD);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static void field_add(table *t, const char *name, size_t bytes, int scalar)
{
    const bool seed = strcmp(name, "seed") == 0;
    for (int i = 0; i < t->count; i++)
        if (strcmp(t->fields[i].name, name) == 0) return;
    t->fields[t->count++] =
        (field){.name = name,
                .type = bytes > 0 ? fixed_text(bytes) : H5Tcopy(seed ? H5T_STD_U64LE : H5T_IEEE_F64LE),
                .offset = t->row_bytes,
                .bytes = bytes,
                .scalar = scalar};
    t->row_bytes += bytes > 0 ? bytes : sizeof(double);
}

static bool stands_before(const sg_column *a, const sg_column *b)
{
    return a->order != b->order ? a->order < b->order : strcmp(a->name, b->name) < 0;
}

/* By order and name: not in the order in which runs had them first. */
static sg_status scalar_fields(table *t, const sg_scalars *s)
{
    int *order;
    SG_TRY(SG_ALLOC(&order, (size_t)s->column_count + 1, "columns"));
    for (int i = 0; i < s->column_count; i++) {
        int at = i;
        for (; at > 0 && stands_before(&s->columns[i], &s->columns[order[at - 1]]); at--) order[at] = order[at - 1];
        order[at] = i;
    }
    for (int i = 0; i < s->column_count; i++) field_add(t, s->columns[order[i]].name, 0, order[i]);
    sg_free(order);
    return SG_OK;
}

static sg_status fields_make(table *t, const sg_scalars *s)
{
    size_t most = 3 + (size_t)s->column_count;
    const sg_sweep_index *last = NULL;
    for (int i = 0; i < t->row_count; last = t->rows[i++].index)
        if (t->rows[i].index != last) most += (size_t)t->rows[i].index->key_count;
    SG_TRY(SG_ALLOC(&t->fields, most, "columns"));
    field_add(t, "id", text_bytes(t, "id"), -1);
    field_add(t, "arm", text_bytes(t, "arm"), -1);
    last = NULL;
    for (int i = 0; i < t->row_count; last = t->rows[i++].index)
        for (int k = 0; t->rows[i].index != last && k < t->rows[i].index->key_count; k++)
            field_add(t, t->rows[i].index->keys[k], text_bytes(t, t->rows[i].index->keys[k]), -1);
    field_add(t, "seed", 0, -1);
    return scalar_fields(t, s);
}

/* ---- rows ---- */

static void put(unsigned char *at, const void *number)
{
    const unsigned char *from = number;
    const uint16_t one = 1;
    const bool little = *(const unsigned char *)&one == 1;
    for (size_t i = 0; i < sizeof(double); i++) at[i] = from[little ? i : sizeof(double) - 1 - i];
}

/* A key that the row's sweep does not have: NaN, or no word. */
static void cell_write(unsigned char *at, const field *f, const sg_table_row *r)
{
    const char *text = cell(r, f->name);
    const double number = text != NULL ? strtod(text, NULL) : (double)NAN;
    if (f->bytes == 0)
        put(at, &number);
    else if (text != NULL)
        memcpy(at, text, strlen(text));
}

/* *out = (runs, columns), NaN where a run has none. */
static sg_status matrix_make(double **out, int runs, const sg_scalars *s)
{
    const size_t columns = (size_t)s->column_count, len = (size_t)runs * columns;
    SG_TRY(SG_ALLOC(out, len + 1, "a table of runs"));
    for (size_t i = 0; i < len; i++) (*out)[i] = (double)NAN;
    for (size_t e = 0; e < s->entry_count; e++)
        (*out)[(size_t)s->entries[e].run * columns + (size_t)s->entries[e].column] = s->entries[e].value;
    return SG_OK;
}

static sg_status rows_fill(table *t, unsigned char *data, const sg_scalars *s)
{
    double *matrix;
    int runs = 0;
    for (int i = 0; i < t->row_count; i++) runs = t->rows[i].run >= runs ? t->rows[i].run + 1 : runs;
    SG_TRY(matrix_make(&matrix, runs, s));
    for (int i = 0; i < t->row_count; i++) {
        const sg_table_row *r = &t->rows[i];
        if (r->run < 0) continue;
        for (int f = 0; f < t->count; f++) {
            const field *column = &t->fields[f];
            if (column->scalar >= 0)
                put(data + column->offset, &matrix[(size_t)r->run * (size_t)s->column_count + (size_t)column->scalar]);
            else if (strcmp(column->name, "seed") == 0)
                put(data + column->offset, &r->row->seed);
            else
                cell_write(data + column->offset, column, r);
        }
        data += t->row_bytes;
        t->written++;
    }
    sg_free(matrix);
    return SG_OK;
}

static hid_t compound(const table *t)
{
    const hid_t type = H5Tcreate(H5T_COMPOUND, t->row_bytes);
    for (int f = 0; f < t->count; f++) (void)H5Tinsert(type, t->fields[f].name, t->fields[f].offset, t->fields[f].type);
    return type;
}

static sg_status table_put(sg_results *out, table *t, const sg_scalars *scalars)
{
    unsigned char *data;
    SG_TRY(fields_make(t, scalars));
    SG_TRY(SG_ALLOC(&data, (size_t)t->row_count * t->row_bytes + 1, "a table of runs"));
    sg_status status = rows_fill(t, data, scalars);
    if (status == SG_OK) {
        const hid_t type = compound(t);
        status = sg_hdf5_records(out, "/table", t->written, type, data);
        H5Tclose(type);
    }
    sg_free(data);
    return status;
}

sg_status sg_table_write(sg_results *out, const sg_table_row *rows, int row_count, const sg_scalars *scalars)
{
    table t = {.rows = rows, .row_count = row_count};
    const sg_status status = table_put(out, &t, scalars);
    for (int f = 0; f < t.count; f++) H5Tclose(t.fields[f].type);
    sg_free(t.fields);
    return status;
}

/* ---- comma separated values ---- */

static void csv_number(sg_text *out, double value)
{
    char text[32];
    if (isnan(value)) return;
    sg_number_text(text, value);
    sg_text_add(out, "%s", text);
}

static void csv_row(sg_text *out, const table *t, const sg_table_row *r, const double *numbers)
{
    for (int f = 0; f < t->count; f++) {
        const field *column = &t->fields[f];
        const char *text = cell(r, column->name);
        if (f > 0) sg_text_bytes(out, ",", 1);
        if (column->scalar >= 0)
            csv_number(out, numbers[column->scalar]);
        else if (strcmp(column->name, "seed") == 0)
            sg_text_add(out, "%llu", (unsigned long long)r->row->seed);
        else if (text != NULL)
            sg_text_csv(out, text);
    }
    sg_text_bytes(out, "\n", 1);
}

sg_status sg_table_csv(sg_text *out, const sg_table_row *rows, int row_count, const sg_scalars *scalars)
{
    table t = {.rows = rows, .row_count = row_count};
    double *matrix = NULL;
    int runs = 0;
    for (int i = 0; i < row_count; i++) runs = rows[i].run >= runs ? rows[i].run + 1 : runs;
    sg_status status = fields_make(&t, scalars);
    if (status == SG_OK) status = matrix_make(&matrix, runs, scalars);
    for (int f = 0; status == SG_OK && f < t.count; f++) {
        if (f > 0) sg_text_bytes(out, ",", 1);
        sg_text_csv(out, t.fields[f].name);
    }
    if (status == SG_OK) sg_text_bytes(out, "\n", 1);
    for (int i = 0; status == SG_OK && i < row_count; i++)
        if (rows[i].run >= 0) csv_row(out, &t, &rows[i], matrix + (size_t)rows[i].run * (size_t)scalars->column_count);
    for (int f = 0; f < t.count; f++) H5Tclose(t.fields[f].type);
    sg_free(t.fields);
    sg_free(matrix);
    return status == SG_OK ? out->status : status;
}
