/* csv.h - small tables: a header line, then one line a row, commas between (RFC 4180, but a cell ends with its line). A
 * cell may stand between quotes ("a, b"; a doubled quote stands for one). Empty lines and lines that start with # are
 * skipped, blanks around a cell too. */
#ifndef SG_DATASETS_CSV_H
#define SG_DATASETS_CSV_H

#include "core/status.h"

typedef struct sg_csv {
    int rows, columns;
    const char **cells; /* (rows + 1, columns); row 0 of the memory is the header */
    int *lines;         /* (rows): line number in the file */
    char *text;
    char path[1024];
} sg_csv;

/* Errors name file and line: unreadable, no header, a row with another number of cells. */
sg_status sg_csv_read(sg_csv *out, const char *path);
void sg_csv_free(sg_csv *csv);
/* The column of that name, -1 if absent. */
int sg_csv_column(const sg_csv *csv, const char *name);
const char *sg_csv_text(const sg_csv *csv, int row, int column);
/* SG_E_FORMAT names file, line and column if the cell is not one finite number. */
sg_status sg_csv_number(double *out, const sg_csv *csv, int row, int column);

#endif
