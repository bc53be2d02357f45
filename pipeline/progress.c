/* progress.c - rate, time left, loss and metric of a run. */
#include "pipeline/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SG_BAR = 24 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void sg_progress_begin(sg_progress *p, const char *title, int64_t first, int64_t total, bool silent)
{
    *p = (sg_progress){.title = title, .first = first, .step = first, .total = total, .silent = silent};
    p->terminal = isatty(STDERR_FILENO);
    p->begin = now();
    p->last_drawn = p->begin;
}

void sg_progress_metric(sg_progress *p, const char *name, double value)
{
    p->metric_name = name;
    p->metric = value;
}

double sg_progress_seconds(const sg_progress *p)
{
    return now() - p->begin;
}

/* Field 22 of the line is when, in ticks since boot; field 2, in brackets, may hold anything (proc_pid_stat(5)). */
double sg_process_seconds(void)
{
    char line[1024];
    unsigned long long ticks;
    struct timespec t;
    FILE *file = fopen("/proc/self/stat", "r");
    const size_t length = file != NULL ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file != NULL) (void)fclose(file);
    line[length] = 0;
    const char *field = strrchr(line, ')');
    for (int number = 2; field != NULL && number < 22; number++) field = strchr(field + 1, ' ');
    if (field == NULL || sscanf(field, " %llu", &ticks) != 1 || clock_gettime(CLOCK_BOOTTIME, &t) != 0) return NAN;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec - (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void draw_bar(const sg_progress *p)
{
    char bar[SG_BAR + 1];
    const int full = p->total > 0 ? (int)(SG_BAR * p->step / p->total) : 0;
    memset(bar, '-', SG_BAR);
    memset(bar, '#', (size_t)full);
    bar[SG_BAR] = 0;
    fprintf(stderr, "\r[%s] ", bar);
}

static void draw(sg_progress *p, const char *unit, const char *rest)
{
    const double elapsed = sg_progress_seconds(p), done = (double)(p->step - p->first);
    const double rate = elapsed > 0 ? done / elapsed : 0;
    const long left = rate > 0 ? (long)((double)(p->total - p->step) / rate + .5) : 0;
    if (p->terminal)
        draw_bar(p);
    else
        fprintf(stderr, "%s: ", p->title);
    fprintf(stderr, "%s %lld/%lld  %.1f/s  ETA %ld:%02ld%s", unit, (long long)p->step, (long long)p->total, rate,
            left / 60, left % 60, rest);
    fputs(p->terminal ? "\033[K" : "\n", stderr);
    p->drawn = true;
}

/* Is it time to draw again? `last`: of what there is to show. */
static bool is_due(sg_progress *p, int64_t step, bool last)
{
    const double time = now(), pause = p->terminal ? .1 : 10;
    p->step = step;
    if (p->silent || (!last && time - p->last_drawn < pause)) return false;
    p->last_drawn = time;
    return true;
}

void sg_progress_step(sg_progress *p, int64_t step, double loss)
{
    char rest[96];
    if (!is_due(p, step, step >= p->total)) return;
    const int used = snprintf(rest, sizeof rest, "  loss %.4f", loss);
    if (p->metric_name != NULL)
        (void)snprintf(rest + used, sizeof rest - (size_t)used, "  %s %.4f", p->metric_name, p->metric);
    draw(p, "step", rest);
}

void sg_progress_count(sg_progress *p, int64_t count)
{
    if (is_due(p, count, count >= p->total && p->drawn)) draw(p, "tile", "");
}

void sg_progress_end(sg_progress *p)
{
    if (p->drawn && p->terminal) fputc('\n', stderr);
    p->drawn = false;
}
