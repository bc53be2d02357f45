/* log.c - log.csv. */
#include "pipeline/log.h"

#include "core/file.h"
#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SG_LOG_COLUMNS = 4 + SG_METRIC_LOGGED, SG_LOG_LINE = 256 };

static void format_header(char line[SG_LOG_LINE], const sg_task *task)
{
    size_t used = (size_t)snprintf(line, SG_LOG_LINE, "step,train_loss,lr,validation_loss");
    for (int m = 0; m < SG_METRIC_LOGGED; m++)
        used += (size_t)snprintf(line + used, SG_LOG_LINE - used, ",validation_%s", task->metric[m]);
    (void)strncat(line, "\n", 2);
}

static sg_status push(sg_log *log, const sg_log_row *row)
{
    if (log->count == log->capacity) {
        const int capacity = log->capacity > 0 ? 2 * log->capacity : 256;
        sg_log_row *grown = realloc(log->rows, (size_t)capacity * sizeof *grown);
        if (grown == NULL) SG_FAIL(SG_E_MEMORY, "log.csv: out of memory");
        log->rows = grown;
        log->capacity = capacity;
    }
    log->rows[log->count++] = *row;
    return SG_OK;
}

static void field(char *line, double value)
{
    const size_t used = strlen(line);
    if (isnan(value))
        (void)snprintf(line + used, SG_LOG_LINE - used, ",");
    else
        (void)snprintf(line + used, SG_LOG_LINE - used, ",%.17g", value);
}

static void format_row(char line[SG_LOG_LINE], const sg_log_row *row)
{
    (void)snprintf(line, SG_LOG_LINE, "%lld", (long long)row->step);
    field(line, row->train_loss);
    field(line, row->lr);
    field(line, row->validation_loss);
    for (int m = 0; m < SG_METRIC_LOGGED; m++) field(line, row->validation[m]);
    (void)strncat(line, "\n", 2);
}

/* A whole line only: the last one may be half written by a run that was killed. */
static int parse_row(sg_log_row *row, const char *line)
{
    double *fields[SG_LOG_COLUMNS - 1] = {&row->train_loss, &row->lr, &row->validation_loss};
    char *end;
    for (int m = 0; m < SG_METRIC_LOGGED; m++) fields[3 + m] = &row->validation[m];
    row->step = strtoll(line, &end, 10);
    if (end == line) return 0;
    for (int i = 0; i < SG_LOG_COLUMNS - 1; i++) {
        if (*end != ',') return 0;
        char *begin = end + 1;
        const int empty = *begin == ',' || *begin == '\n'; /* strtod would skip the newline */
        end = begin;
        *fields[i] = empty ? (double)NAN : strtod(begin, &end);
        if (!empty && end == begin) return 0;
    }
    return *end == '\n';
}

static sg_status rewrite(const sg_log *log, const char *path)
{
    char *text = malloc(((size_t)log->count + 1) * SG_LOG_LINE);
    if (text == NULL) SG_FAIL(SG_E_MEMORY, "log.csv: out of memory");
    format_header(text, log->task);
    size_t used = strlen(text);
    for (int i = 0; i < log->count; i++) {
        format_row(text + used, &log->rows[i]);
        used += strlen(text + used);
    }
    const sg_status status = sg_file_write(path, text, used);
    free(text);
    return status;
}

sg_status sg_log_open(sg_log *out, const char *path, const sg_task *task, int64_t last_step)
{
    void *text = NULL;
    size_t size = 0;
    sg_status status = SG_OK;
    *out = (sg_log){.task = task};
    if (last_step > 0) SG_TRY(sg_file_read(&text, &size, path, (size_t)1 << 30));
    const char *at = text, *const end = at != NULL ? at + size : NULL;
    while (status == SG_OK && at != NULL && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        sg_log_row row;
        if (newline == NULL) break;
        if (parse_row(&row, at) && row.step <= last_step) status = push(out, &row);
        at = newline + 1;
    }
    sg_free(text);
    return status == SG_OK ? rewrite(out, path) : status;
}

sg_status sg_log_append(sg_log *log, const char *path, const sg_log_row *row)
{
    char line[SG_LOG_LINE];
    SG_TRY(push(log, row));
    format_row(line, row);
    return sg_file_append(path, line, strlen(line));
}

void sg_log_free(sg_log *log)
{
    free(log->rows);
    memset(log, 0, sizeof *log);
}
