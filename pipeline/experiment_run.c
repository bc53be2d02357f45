/* experiment_run.c - a pool of `scopegrad train` processes. Runs are whole processes, so that one that crashes takes
 * nobody along; results do not depend on threads, so each gets cores / jobs of them. */
#include "pipeline/experiment_run.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/interrupt.h"
#include "pipeline/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

typedef struct run {
    char folder[SG_PATH_MAX]; /* .../seed1; beside it seed1.yaml and seed1.log */
    int arm, vary;
    pid_t process; /* 0: not started or ended */
} run;

typedef struct pool {
    const sg_experiment *experiment;
    const char *folder;
    const sg_experiment_options *options;
    run *runs;
    int count, next, running, ended, failed, jobs, threads;
    bool stopped;
    double begin;
} pool;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* "dose200" from illumination.dose_ph and 200: the last part of the key without its unit. */
static void vary_name(char *out, size_t size, const pool *p, int vary, const sg_config *config)
{
    const sg_experiment *e = p->experiment;
    if (e->vary_key[0] == 0) {
        (void)snprintf(out, size, "dose%g", config->microscope.illumination.dose_ph);
        return;
    }
    const char *dot = strrchr(e->vary_key, '.');
    const char *last = dot != NULL ? dot + 1 : e->vary_key;
    const char *unit = strrchr(last, '_');
    (void)snprintf(out, size, "%.*s%s", unit != NULL ? (int)(unit - last) : (int)strlen(last), last,
                   e->vary_value[vary]);
    for (; *out != 0; out++) /* a path or a list is a value too */
        if (strchr("/ {}[]\"',:", *out) != NULL) *out = '_';
}

/* Writes the run's config next to its folder. */
static sg_status describe_run(pool *p, run *r, int arm, int vary, uint64_t seed)
{
    sg_config config;
    char name[SG_VALUE_MAX], parent[SG_PATH_MAX], path[SG_PATH_MAX];
    char *text = NULL;
    SG_TRY(sg_experiment_config(&config, p->experiment, arm, vary, seed));
    vary_name(name, sizeof name, p, vary, &config);
    r->arm = arm;
    r->vary = vary;
    if (snprintf(parent, sizeof parent, "%s/runs/%s/%s", p->folder, p->experiment->arms[arm].name, name) >=
        SG_PATH_MAX - 64)
        SG_FAIL(SG_E_USAGE, "%.200s...: the path is too long", p->folder);
    SG_TRY(sg_folder_make(parent));
    (void)snprintf(r->folder, sizeof r->folder, "%.*s/seed%llu", SG_PATH_MAX - 64, parent, (unsigned long long)seed);
    (void)snprintf(path, sizeof path, "%.*s.yaml", SG_PATH_MAX - 8, r->folder);
    SG_TRY(sg_config_write(&text, &config, SG_CONFIG_FULL));
    const sg_status status = sg_file_write(path, text, strlen(text));
    sg_free(text);
    return status;
}

/* Value by value, and within one seed by seed: a value is complete before the next one begins. */
static sg_status describe_all(pool *p)
{
    const sg_experiment *e = p->experiment;
    p->count = 0;
    p->runs = calloc((size_t)e->seed_count * (size_t)e->arm_count * (size_t)e->vary_count, sizeof *p->runs);
    if (p->runs == NULL) SG_FAIL(SG_E_MEMORY, "experiment: out of memory");
    for (int vary = 0; vary < e->vary_count; vary++)
        for (int seed = 0; seed < e->seed_count; seed++)
            for (int arm = 0; arm < e->arm_count; arm++)
                SG_TRY(describe_run(p, &p->runs[p->count++], arm, vary, e->seeds[seed]));
    return SG_OK;
}

static bool is_done(const run *r)
{
    char path[SG_PATH_MAX + 8];
    (void)snprintf(path, sizeof path, "%s/DONE", r->folder);
    return sg_file_exists(path);
}

static sg_status start(pool *p, run *r)
{
    char config[SG_PATH_MAX], log[SG_PATH_MAX], threads[16], self[SG_PATH_MAX];
    posix_spawn_file_actions_t files;
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) SG_FAIL(SG_E_IO, "experiment: cannot find this program: %s", strerror(errno));
    self[length] = 0;
    (void)snprintf(config, sizeof config, "%.*s.yaml", SG_PATH_MAX - 8, r->folder);
    (void)snprintf(log, sizeof log, "%.*s.log", SG_PATH_MAX - 8, r->folder);
    (void)snprintf(threads, sizeof threads, "%d", p->threads);
    char *const arguments[] = {self,
                               (char[]){"train"},
                               config,
                               (char[]){"-o"},
                               r->folder,
                               (char[]){"--resume"},
                               (char[]){"--no-report"},
                               (char[]){"--threads"},
                               threads,
                               NULL};
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    const int failed = posix_spawn(&r->process, self, &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    if (failed != 0) SG_FAIL(SG_E_IO, "%s: cannot start: %s", r->folder, strerror(failed));
    p->running++;
    return SG_OK;
}

/* The last line of a failed run's log says why. */
static void print_failure(const run *r)
{
    char path[SG_PATH_MAX];
    void *text = NULL;
    size_t size = 0;
    const char *last = "no message";
    (void)snprintf(path, sizeof path, "%.*s.log", SG_PATH_MAX - 8, r->folder);
    if (sg_file_read(&text, &size, path, 1 << 24) == SG_OK) {
        char *at = text;
        while (size > 0 && at[size - 1] == '\n') at[--size] = 0;
        const char *newline = strrchr(at, '\n');
        if (size > 0) last = newline != NULL ? newline + 1 : at;
    }
    fprintf(stderr, "failed: %s: %s\n", r->folder, last);
    sg_free(text);
}

static void print_progress(const pool *p, const run *r, int started)
{
    const double elapsed = now() - p->begin;
    const int waiting = p->count - p->ended;
    const long left = started > 0 ? (long)(elapsed / started * waiting + .5) : 0;
    if (p->options->quiet) return;
    fprintf(stderr, "[%d/%d] %s  %.0f s, about %ld:%02ld left\n", p->ended, p->count, r->folder + strlen(p->folder) + 1,
            elapsed, left / 60, left % 60);
}

/* Waits for one process. */
static void reap(pool *p, int *finished)
{
    int status;
    const pid_t process = waitpid(-1, &status, 0);
    for (int i = 0; process > 0 && i < p->count; i++) {
        run *r = &p->runs[i];
        if (r->process != process) continue;
        r->process = 0;
        p->running--;
        p->ended++;
        (*finished)++;
        const bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0 && is_done(r);
        if (!ok && !sg_interrupted()) {
            p->failed++;
            print_failure(r);
        } else if (ok)
            print_progress(p, r, *finished);
    }
}

/* Asks the running processes to stop after their step: a signal may have reached this one alone. */
static void stop_all(pool *p)
{
    for (int i = 0; i < p->count && !p->stopped; i++)
        if (p->runs[i].process > 0) (void)kill(p->runs[i].process, SIGTERM);
    p->stopped = true;
}

static sg_status run_all(pool *p)
{
    int finished = 0;
    sg_status status = SG_OK;
    while (p->next < p->count || p->running > 0) {
        const bool stop = sg_interrupted() || status != SG_OK;
        if (stop && p->running == 0) break;
        if (stop) stop_all(p);
        if (!stop && p->next < p->count && p->running < p->jobs) {
            run *r = &p->runs[p->next++];
            if (is_done(r))
                p->ended++;
            else
                status = start(p, r);
            continue;
        }
        reap(p, &finished);
    }
    if (status == SG_OK && sg_interrupted())
        SG_FAIL(SG_E_INTERRUPTED, "%s: interrupted; the same command goes on from here", p->folder);
    return status;
}

/* The experiment's file, and its --set assignments as comments below it. */
static sg_status describe_experiment(char **out, size_t *out_size, const sg_experiment *e)
{
    void *text = NULL;
    char *whole = NULL;
    size_t size = 0;
    SG_TRY(sg_file_read(&text, &size, e->path, SG_CONFIG_BYTES_MAX));
    const char *more = e->assignments != NULL ? e->assignments : "";
    const size_t extra = strlen(more), line = extra > 0 && size > 0 && ((char *)text)[size - 1] != '\n';
    const sg_status status = SG_ALLOC(&whole, size + line + extra + 1, "experiment");
    if (status == SG_OK) {
        memcpy(whole, text, size);
        if (line) whole[size] = '\n';
        memcpy(whole + size + line, more, extra + 1);
        *out = whole;
        *out_size = size + line + extra;
    }
    sg_free(text);
    return status;
}

/* The folder belongs to one experiment: the text of its file and its assignments. */
static sg_status claim(const pool *p)
{
    char path[SG_PATH_MAX], *text = NULL;
    void *there = NULL;
    size_t size = 0, there_size = 0;
    SG_TRY(sg_run_path(path, p->folder, "experiment.yaml"));
    SG_TRY(sg_folder_make(p->folder));
    SG_TRY(describe_experiment(&text, &size, p->experiment));
    sg_status status = SG_OK;
    if (!sg_file_exists(path))
        status = sg_file_write(path, text, size);
    else
        status = sg_file_read(&there, &there_size, path, 2 * SG_CONFIG_BYTES_MAX);
    if (status == SG_OK && there != NULL && (size != there_size || memcmp(text, there, size) != 0))
        status = sg_error_set(SG_E_CONFIG,
                              "%s: holds another experiment (see its experiment.yaml, --set included); use another -o",
                              p->folder);
    sg_free(text);
    sg_free(there);
    return status;
}

sg_status sg_experiment_run(const sg_experiment *experiment, const char *folder, const sg_experiment_options *options)
{
    pool p = {.experiment = experiment, .folder = folder, .options = options, .begin = now()};
    const int cores = omp_get_num_procs();
    p.jobs = options->jobs > 0 ? options->jobs : cores;
    p.threads = cores / p.jobs > 0 ? cores / p.jobs : 1;
    sg_status status = claim(&p);
    if (status == SG_OK) status = describe_all(&p);
    if (status == SG_OK) status = run_all(&p);
    free(p.runs);
    if (status != SG_OK) return status;
    if (p.failed > 0) SG_FAIL(SG_E_PARTIAL, "%s: %d of %d runs failed", folder, p.failed, p.count);
    return SG_OK;
}
