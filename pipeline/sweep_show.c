/* sweep_show.c - a sweep on stderr: a table of the running runs that is redrawn on a terminal, a line a run elsewhere. */
#include "pipeline/sweep_pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TABLE_LINES = 20, LINE_MAX_LETTERS = 512 };
static const double draw_s = .5;

static void time_text(char *out, size_t size, double seconds)
{
    const long s = (long)(seconds + .5);
    if (s < 3600)
        (void)snprintf(out, size, "%ld:%02ld", s / 60, s % 60);
    else
        (void)snprintf(out, size, "%ld h %02ld", s / 3600, s / 60 % 60);
}

/* "1 failed, 2 running here, 0:12, about 1:20 left" */
static void totals(char *out, size_t size, const sg_pool *pool)
{
    char spent[32], left[32];
    const double elapsed = sg_pool_now() - pool->begin_s;
    const int open = pool->count - pool->done - pool->failed;
    time_text(spent, sizeof spent, elapsed);
    time_text(left, sizeof left, elapsed / (pool->settled > 0 ? pool->settled : 1) * open);
    size_t used = 0;
    if (pool->failed > 0) used += (size_t)snprintf(out, size, "%d failed, ", pool->failed);
    used += (size_t)snprintf(out + used, size - used, "%d running here, %s", pool->running, spent);
    if (pool->settled > 0 && open > 0) (void)snprintf(out + used, size - used, ", about %s left", left);
}

static void wipe(sg_pool *pool)
{
    if (pool->drawn_lines > 0) fprintf(stderr, "\033[%dA\r\033[J", pool->drawn_lines);
    pool->drawn_lines = 0;
}

void sg_pool_report(sg_pool *pool, const sg_job *job, const char *reason)
{
    char label[LINE_MAX_LETTERS], line[LINE_MAX_LETTERS];
    if (pool->options->silent) return;
    sg_run_label(label, sizeof label, pool->index, job->row);
    if (job->stage == SG_RUN_FAILED) {
        wipe(pool);
        fprintf(stderr, "failed: %s/runs/%s (%s): %s\n", pool->folder, job->id, label, reason);
    } else if (!pool->terminal && !pool->options->quiet) {
        totals(line, sizeof line, pool);
        fprintf(stderr, "[%d/%d] %s %s; %s\n", pool->done + pool->failed, pool->count, job->id, label, line);
    }
}

/* One line, cut at the terminal's edge: a broken one could not be taken back. */
static void put(sg_pool *pool, const char *line)
{
    struct winsize window = {0};
    const int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 ? window.ws_col - 1 : 79;
    fprintf(stderr, "%.*s\n", width, line);
    pool->drawn_lines++;
}

static void put_run(sg_pool *pool, const sg_job *job)
{
    char line[LINE_MAX_LETTERS], label[LINE_MAX_LETTERS / 2], steps[32] = "";
    sg_run_state state;
    sg_run_look(&state, pool->folder, job->id);
    sg_run_label(label, sizeof label, pool->index, job->row);
    if (state.steps > 0) (void)snprintf(steps, sizeof steps, "/%lld", (long long)state.steps);
    (void)snprintf(line, sizeof line, "  %s  step %lld%s  %s  %s", job->id, (long long)state.step, steps, label,
                   state.owner);
    put(pool, line);
}

void sg_pool_draw(sg_pool *pool, bool last)
{
    char line[LINE_MAX_LETTERS], total[LINE_MAX_LETTERS - 64];
    const double now = sg_pool_now();
    if (!pool->terminal || (!last && now - pool->drawn_s < draw_s)) return;
    pool->drawn_s = now;
    wipe(pool);
    for (int i = 0; i < pool->count && !last; i++)
        if (pool->jobs[i].stage == SG_RUN_RUNNING && pool->drawn_lines < TABLE_LINES) put_run(pool, &pool->jobs[i]);
    totals(total, sizeof total, pool);
    (void)snprintf(line, sizeof line, "%d of %d done, %s", pool->done, pool->count, total);
    put(pool, line);
    if (last) pool->drawn_lines = 0;
}
