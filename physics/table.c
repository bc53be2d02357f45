/* table.c - see table.h. */
#include "physics/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *trimmed(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    size_t len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1])) text[--len] = 0;
    return text;
}

sg_status sg_table_open(sg_table *table, const char *path)
{
    *table = (sg_table){.file = fopen(path, "r"), .path = path};
    if (!table->file) SG_FAIL(SG_E_IO, "%s: cannot be opened", path);
    return SG_OK;
}

sg_status sg_table_next(sg_table *table, bool *end)
{
    char *text;
    do {
        *end = !fgets(table->text, SG_TABLE_LINE, table->file);
        if (*end) return ferror(table->file) ? sg_error_set(SG_E_IO, "%s: cannot be read", table->path) : SG_OK;
        table->line++;
        if (!strchr(table->text, '\n') && !feof(table->file))
            SG_FAIL(SG_E_FORMAT, "%s:%d: the line is longer than %d bytes", table->path, table->line,
                    SG_TABLE_LINE - 1);
        text = trimmed(table->text);
    } while (!*text);
    for (table->fields = 0; text; table->fields++) {
        if (table->fields == SG_TABLE_COLUMNS)
            SG_FAIL(SG_E_FORMAT, "%s:%d: more than %d columns", table->path, table->line, SG_TABLE_COLUMNS);
        char *comma = strchr(text, ',');
        if (comma) *comma = 0;
        table->field[table->fields] = trimmed(text);
        text = comma ? comma + 1 : NULL;
    }
    return SG_OK;
}

bool sg_table_is_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && isfinite(*out);
}

sg_status sg_table_number(double *out, const sg_table *table, int field)
{
    if (field >= table->fields)
        SG_FAIL(SG_E_FORMAT, "%s:%d: %d columns, column %d is missing", table->path, table->line, table->fields,
                field + 1);
    if (!sg_table_is_number(table->field[field], out))
        SG_FAIL(SG_E_FORMAT, "%s:%d: '%s' in column %d is not a number", table->path, table->line, table->field[field],
                field + 1);
    return SG_OK;
}

int sg_table_column(const sg_table *table, const char *name)
{
    for (int i = 0; i < table->fields; i++)
        if (!strcmp(table->field[i], name)) return i;
    return -1;
}

void sg_table_close(sg_table *table)
{
    fclose(table->file);
}
