/* table.h - tables of LEDs as CSV, line by line: commas, blanks around cells and empty lines are fine; no quotes. Not
 * public. Errors name file and line. */
#ifndef SG_PHYSICS_TABLE_H
#define SG_PHYSICS_TABLE_H

#include "core/status.h"

#include <stdbool.h>
#include <stdio.h>

/* Room for every pattern that is exported: 6 columns of an LED, 16 colours x 8 exposures, 25 letters a number. */
enum { SG_TABLE_COLUMNS = 144, SG_TABLE_LINE = 4096 };

typedef struct sg_table {
    FILE *file;
    const char *path;
    int line; /* number in the file */
    char text[SG_TABLE_LINE];
    char *field[SG_TABLE_COLUMNS]; /* of the current line, in `text` */
    int fields;
} sg_table;

/* `path` is not copied. */
sg_status sg_table_open(sg_table *table, const char *path);
void sg_table_close(sg_table *table);
/* Splits the next line that is not empty; *end at the end of the file (then `fields` is as it was). */
sg_status sg_table_next(sg_table *table, bool *end);
/* A finite number in a field of the current line. */
sg_status sg_table_number(double *out, const sg_table *table, int field);
bool sg_table_is_number(const char *text, double *out);
/* The field of that name in the current line, -1: none. */
int sg_table_column(const sg_table *table, const char *name);

#endif
