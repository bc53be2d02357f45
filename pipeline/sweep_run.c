/* sweep_run.c - a pool of training processes, and what becomes of them. It looks around some times a second: processes
 * on other machines send no signals. */
#include "pipeline/sweep_run.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/interrupt.h"
#include "pipeline/run_folder.h"
#include "pipeline/sweep_child.h"
#include "pipeline/sweep_pool.h"

#include <errno.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Seconds: between looks at one's own processes, between looks at what others do, from SIGTERM to SIGKILL. */
static const double look_s = .02, others_s = .5, grace_s = 30;

double sg_pool_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* When the .failed of a run was written; zeros: there is none. */
static struct timespec failure_time(const sg_pool *pool, const sg_job *job)
{
    char path[SG_PATH_MAX];
    struct stat s;
    const bool there = sg_run_file(path, sizeof path, pool->folder, job->id, ".failed") == SG_OK && stat(path, &s) == 0;
    return there ? s.st_mtim : (struct timespec){0};
}

/* ---- a run ends ---- */

static void settle(sg_pool *pool, sg_job *job, sg_run_stage stage, const char *reason)
{
    job->stage = stage;
    pool->done += stage == SG_RUN_DONE;
    pool->failed += stage == SG_RUN_FAILED;
    pool->settled++;
    sg_pool_report(pool, job, reason);
}

static void write_failure(const sg_pool *pool, const sg_job *job, const char *reason)
{
    char path[SG_PATH_MAX], line[SG_REASON_MAX + 1];
    (void)snprintf(line, sizeof line, "%s\n", reason);
    if (sg_run_file(path, sizeof path, pool->folder, job->id, ".failed") != SG_OK ||
        sg_file_write(path, line, strlen(line)) != SG_OK)
        fprintf(stderr, "warning: %s\n", sg_error_text()); /* it failed all the same */
}

static void leave(sg_pool *pool, sg_job *job)
{
    (void)close(job->lock);
    job->lock = -1;
    pool->running--;
}

static sg_status start(sg_pool *pool, sg_job *job)
{
    job->tries++;
    job->begin_s = sg_pool_now();
    job->asked_s = 0;
    job->late = false;
    const sg_status status = sg_child_start(&job->process, pool->folder, job->id, pool->threads, job->lock);
    if (status == SG_OK)
        sg_run_lock_owner(job->lock, (long)job->process);
    else
        leave(pool, job);
    return status;
}

/* A training process has ended; `status`: of waitpid. */
static sg_status ended(sg_pool *pool, sg_job *job, int status)
{
    char reason[SG_REASON_MAX];
    job->process = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && sg_run_is_done(pool->folder, job->id)) {
        leave(pool, job);
        settle(pool, job, SG_RUN_DONE, NULL);
        return SG_OK;
    }
    if (pool->stopping || sg_interrupted()) { /* it was asked to stop */
        leave(pool, job);
        job->stage = SG_RUN_WAITING;
        return SG_OK;
    }
    const bool wrong = WIFEXITED(status) && WEXITSTATUS(status) == 2; /* the same again would fail again */
    if (!job->late && !wrong && job->tries <= pool->options->retries) return start(pool, job);
    if (job->late)
        (void)snprintf(reason, sizeof reason, "longer than %g minutes", pool->options->limit_s / 60);
    else
        sg_child_reason(reason, sizeof reason, status, pool->folder, job->id);
    write_failure(pool, job, reason);
    leave(pool, job);
    settle(pool, job, SG_RUN_FAILED, reason);
    return SG_OK;
}

/* ---- a run begins ---- */

static sg_status write_config(const sg_pool *pool, const sg_job *job)
{
    char path[SG_PATH_MAX], *text;
    sg_config config;
    SG_TRY(sg_sweep_config(&config, pool->sweep, job->row));
    SG_TRY(sg_run_file(path, sizeof path, pool->folder, job->id, ".yaml"));
    SG_TRY(sg_config_write(&text, &config, SG_CONFIG_FULL));
    const sg_status status = sg_file_write(path, text, strlen(text));
    sg_free(text);
    return status;
}

static sg_status prepare(const sg_pool *pool, const sg_job *job)
{
    char path[SG_PATH_MAX];
    SG_TRY(write_config(pool, job));
    SG_TRY(sg_run_file(path, sizeof path, pool->folder, job->id, ".failed"));
    if (unlink(path) != 0 && errno != ENOENT) SG_FAIL(SG_E_IO, "%s: cannot remove: %s", path, strerror(errno));
    return SG_OK;
}

/* What others have made of it since this sweep began. */
static bool settled_elsewhere(sg_pool *pool, sg_job *job)
{
    char path[SG_PATH_MAX], reason[SG_REASON_MAX];
    const struct timespec at = failure_time(pool, job), old = job->old_failure;
    if (sg_run_is_done(pool->folder, job->id)) {
        settle(pool, job, SG_RUN_DONE, NULL);
        return true;
    }
    if ((at.tv_sec == 0 && at.tv_nsec == 0) || (at.tv_sec == old.tv_sec && at.tv_nsec == old.tv_nsec)) return false;
    if (sg_run_file(path, sizeof path, pool->folder, job->id, ".failed") != SG_OK) return false;
    sg_last_line(reason, sizeof reason, path);
    if (!reason[0]) return false; /* another sweep, which began later, has just taken it up again */
    settle(pool, job, SG_RUN_FAILED, reason);
    return true;
}

/* Starts the run, unless another process has it or has had it. */
static sg_status take(sg_pool *pool, sg_job *job)
{
    if (settled_elsewhere(pool, job)) return SG_OK;
    job->stage = SG_RUN_RUNNING;
    SG_TRY(sg_run_lock(&job->lock, pool->folder, job->id));
    if (job->lock < 0) return SG_OK;
    pool->running++;
    const bool late = settled_elsewhere(pool, job); /* between the look and the lock */
    const sg_status status = late ? SG_OK : prepare(pool, job);
    if (!late && status == SG_OK) return start(pool, job);
    leave(pool, job);
    return status;
}

/* ---- the pool ---- */

static void ask_to_end(sg_job *job)
{
    (void)kill(job->process, SIGTERM);
    job->asked_s = sg_pool_now();
}

/* Whoever is too late is asked to end. Whoever was asked, by this or by a signal, and does not end is killed. */
static void watch_time(const sg_pool *pool, sg_job *job)
{
    const double now = sg_pool_now();
    if (pool->options->limit_s > 0 && job->asked_s <= 0 && now - job->begin_s > pool->options->limit_s) {
        job->late = true;
        ask_to_end(job);
    }
    if (job->asked_s > 0 && now - job->asked_s > grace_s) (void)kill(job->process, SIGKILL);
}

/* One's own processes. */
static sg_status look_after(sg_pool *pool)
{
    for (int i = 0; i < pool->count && pool->running > 0; i++) {
        sg_job *job = &pool->jobs[i];
        int status;
        if (job->process == 0) continue;
        if (pool->stopping && job->asked_s <= 0) ask_to_end(job); /* a signal may have reached this process alone */
        watch_time(pool, job);
        if (waitpid(job->process, &status, WNOHANG) == job->process) SG_TRY(ended(pool, job, status));
    }
    return SG_OK;
}

/* Fills the free places; *idle: nothing could be taken. */
static sg_status fill(sg_pool *pool, bool *idle)
{
    *idle = true;
    for (int i = 0; i < pool->count && pool->running < pool->places; i++) {
        sg_job *job = &pool->jobs[i];
        const bool stop = pool->options->stop_on_failure && pool->failed > 0;
        if (job->stage == SG_RUN_DONE || job->stage == SG_RUN_FAILED || job->process > 0 || stop) continue;
        SG_TRY(take(pool, job));
        *idle = *idle && job->process == 0;
    }
    return SG_OK;
}

static bool is_over(const sg_pool *pool)
{
    if (pool->running > 0) return false;
    return pool->stopping || pool->done + pool->failed == pool->count ||
           (pool->options->stop_on_failure && pool->failed > 0);
}

static void rest(double seconds)
{
    const struct timespec pause = {0, (long)(1e9 * seconds)};
    (void)nanosleep(&pause, NULL);
}

static sg_status run_all(sg_pool *pool)
{
    sg_status status = SG_OK;
    char said[512] = "";
    double next_fill = 0;
    for (; !is_over(pool); rest(look_s)) {
        bool idle = false;
        const int running = pool->running;
        sg_status now = look_after(pool);
        if (pool->running < running) next_fill = 0; /* a place has become free */
        if (now == SG_OK && !pool->stopping && pool->running < pool->places && sg_pool_now() >= next_fill) {
            now = fill(pool, &idle);
            next_fill = idle ? sg_pool_now() + others_s : 0;
        }
        if (now != SG_OK && status == SG_OK) {
            status = now;
            (void)snprintf(said, sizeof said, "%s", sg_error_text());
        }
        pool->stopping = sg_interrupted() || status != SG_OK;
        sg_pool_draw(pool, false);
    }
    sg_pool_draw(pool, true);
    if (status != SG_OK) return sg_error_set(status, "%s", said);
    if (sg_interrupted())
        SG_FAIL(SG_E_INTERRUPTED, "%s: interrupted; the same command goes on from here", pool->folder);
    return SG_OK;
}

/* ---- set-up ---- */

/* Every parts-th run, so that each part has something of everything. */
static sg_status make_jobs(sg_pool *pool)
{
    int *rows, count;
    const sg_sweep_options *o = pool->options;
    SG_TRY(sg_sweep_index_runs(&rows, &count, pool->index));
    const sg_status status = SG_ALLOC(&pool->jobs, (size_t)count, "runs of a sweep");
    for (int i = o->parts > 0 ? o->part - 1 : 0; status == SG_OK && i<count; i += o->parts> 0 ? o->parts : 1) {
        sg_job *job = &pool->jobs[pool->count++];
        *job = (sg_job){.row = rows[i], .id = pool->index->rows[rows[i]].id, .lock = -1};
        job->old_failure = failure_time(pool, job);
        if (!sg_run_is_done(pool->folder, job->id)) continue;
        job->stage = SG_RUN_DONE;
        pool->done++;
    }
    sg_free(rows);
    return status;
}

/* No place stays empty for lack of runs: few runs have several cores each. */
static void share_cores(sg_pool *pool)
{
    const int cores = pool->options->cores > 0 ? pool->options->cores : omp_get_num_procs();
    const int open = pool->count > pool->done ? pool->count - pool->done : 1;
    pool->places = pool->options->jobs > 0 ? pool->options->jobs : cores;
    if (pool->places > open) pool->places = open;
    pool->threads = cores / pool->places > 0 ? cores / pool->places : 1;
}

sg_status sg_sweep_run(const sg_sweep *sweep, const char *folder, const sg_sweep_options *options)
{
    sg_pool pool = {.sweep = sweep, .index = sg_sweep_rows(sweep), .folder = folder, .options = options};
    SG_TRY(sg_sweep_claim(sweep, folder));
    pool.begin_s = sg_pool_now();
    pool.terminal = isatty(STDERR_FILENO) && !options->quiet && !options->silent;
    sg_status status = make_jobs(&pool);
    share_cores(&pool);
    if (status == SG_OK) status = run_all(&pool);
    sg_free(pool.jobs);
    if (status == SG_OK && pool.failed > 0)
        SG_FAIL(SG_E_PARTIAL, "%s: %d of %d runs failed", folder, pool.failed, pool.count);
    return status;
}
