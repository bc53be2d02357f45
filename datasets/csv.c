/* csv.c - reads a small table into memory and cuts it in place. */
#include "datasets/csv.h"

#include "core/file.h"
#include "core/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t len = strlen(text); len && strchr(" \t\r", text[len - 1]); len--) text[len - 1] = 0;
    return text;
}

static int count_char(const char *text, char c)
{
    int count = 0;
    for (; *text; text++) count += *text == c;
    return count;
}

/* A cell between quotes, shortened in place: "" stands for one quote. Returns what follows it; NULL: it does not end. */
static char *unquote(char *cell)
{
    char *to = cell;
    for (const char *from = cell + 1; *from; *to++ = *from++) {
        if (*from != '"') continue;
        if (*++from == '"') continue;
        char *rest = cell + (from - cell);
        *to = 0;
        return rest;
    }
    return NULL;
}

/* Cuts the first cell off `line`: *cell without blanks around, *rest behind its comma (NULL: it was the last). False if
 * its quotes do not fit. */
static bool next_cell(const char **cell, char **rest, char *line)
{
    char *start = line + strspn(line, " \t"), *end = start;
    const bool quoted = *start == '"';
    if (quoted) {
        end = unquote(start);
        if (!end || (end[strspn(end, " \t\r")] != ',' && end[strspn(end, " \t\r")])) return false;
    }
    char *comma = strchr(end, ',');
    *rest = comma ? comma + 1 : NULL;
    if (comma && !quoted) *comma = 0;
    *cell = quoted ? start : trim(start);
    return true;
}

/* Cuts one line into cells. */
static sg_status add_row(sg_csv *csv, char *line, int number)
{
    const bool header = csv->rows < 0;
    const char **row = csv->cells + (size_t)(csv->rows + 1) * (size_t)csv->columns;
    int cells = 0;
    if (header) csv->columns = count_char(line, ',') + 1;
    for (char *rest = line; rest; cells++) {
        const char *cell;
        if (!next_cell(&cell, &rest, rest))
            SG_FAIL(SG_E_FORMAT, "%s:%d: cell %d: the quotes do not fit", csv->path, number, cells + 1);
        if (cells < csv->columns) row[cells] = cell;
    }
    if (header) csv->columns = cells;
    if (cells != csv->columns)
        SG_FAIL(SG_E_FORMAT, "%s:%d: %d cells, the header has %d", csv->path, number, cells, csv->columns);
    if (!header) csv->lines[csv->rows] = number;
    csv->rows++;
    return SG_OK;
}

static bool is_data(const char *line)
{
    line += strspn(line, " \t\r");
    return *line && *line != '#';
}

static sg_status cut(sg_csv *csv)
{
    /* commas + lines bound the cells of a table; a table that is not rectangular is refused before it can need more */
    const size_t lines = (size_t)count_char(csv->text, '\n') + 1, cells = (size_t)count_char(csv->text, ',') + lines;
    SG_TRY(SG_ALLOC(&csv->cells, cells, csv->path));
    SG_TRY(SG_ALLOC(&csv->lines, lines, csv->path));
    csv->rows = -1;
    int number = 1;
    for (char *line = csv->text, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        if (is_data(line)) SG_TRY(add_row(csv, line, number));
    }
    if (csv->rows < 0) SG_FAIL(SG_E_FORMAT, "%s: the table is empty", csv->path);
    return SG_OK;
}

sg_status sg_csv_read(sg_csv *out, const char *path)
{
    void *text;
    size_t size;
    *out = (sg_csv){0};
    SG_TRY(sg_file_read(&text, &size, path, (size_t)1 << 26));
    out->text = text;
    (void)snprintf(out->path, sizeof out->path, "%s", path);
    sg_status status =
        strlen(out->text) == size ? cut(out) : sg_error_set(SG_E_FORMAT, "%s: a zero byte: no text", path);
    if (status != SG_OK) sg_csv_free(out);
    return status;
}

void sg_csv_free(sg_csv *csv)
{
    sg_free((void *)csv->cells);
    sg_free(csv->lines);
    sg_free(csv->text);
    *csv = (sg_csv){0};
}

int sg_csv_column(const sg_csv *csv, const char *name)
{
    for (int i = 0; i < csv->columns; i++)
        if (strcmp(csv->cells[i], name) == 0) return i;
    return -1;
}

const char *sg_csv_text(const sg_csv *csv, int row, int column)
{
    return csv->cells[(size_t)(row + 1) * (size_t)csv->columns + (size_t)column];
}

sg_status sg_csv_number(double *out, const sg_csv *csv, int row, int column)
{
    char *end;
    const char *text = sg_csv_text(csv, row, column);
    *out = strtod(text, &end);
    if (end == text || *end || !isfinite(*out))
        SG_FAIL(SG_E_FORMAT, "%s:%d: %s: '%s' is not a number", csv->path, csv->lines[row], csv->cells[column], text);
    return SG_OK;
}
