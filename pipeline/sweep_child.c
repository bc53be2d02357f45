/* sweep_child.c - see sweep_child.h. Runs are whole processes, so that one that crashes takes nobody along. */
#include "pipeline/sweep_child.h"

#include "core/memory.h"
#include "pipeline/config.h"
#include "pipeline/sweep_state.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What MPI launchers tell their ranks: Open MPI, PMIx, PMI-1 and 2, MPICH's Hydra, MVAPICH. */
static const char *const launcher_variables[] = {"OMPI_", "PMIX_", "PMI_", "PMI2_", "HYDRA_", "HYDI_", "MPI_", "MV2_"};

static bool is_launchers(const char *variable)
{
    bool found = false;
    for (size_t i = 0; i < sizeof launcher_variables / sizeof *launcher_variables; i++)
        found = found || !strncmp(variable, launcher_variables[i], strlen(launcher_variables[i]));
    return found;
}

static sg_status make_environment(char ***out)
{
    size_t count = 0, kept = 0;
    while (environ[count] != NULL) count++;
    SG_TRY(SG_ALLOC(out, count + 1, "environment of a run"));
    for (size_t i = 0; i < count; i++)
        if (!is_launchers(environ[i])) (*out)[kept++] = environ[i];
    return SG_OK;
}

static sg_status spawn(pid_t *out, char *const arguments[], const char *log, int lock)
{
    posix_spawn_file_actions_t files;
    char **environment;
    pid_t process;
    SG_TRY(make_environment(&environment));
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files, lock, lock); /* equal numbers: it stays open (POSIX 2024, glibc 2.29) */
    const int failed = posix_spawn(&process, arguments[0], &files, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    sg_free(environment);
    if (failed != 0) SG_FAIL(SG_E_IO, "%s: cannot start: %s", arguments[2], strerror(failed));
    *out = process;
    return SG_OK;
}

sg_status sg_child_start(pid_t *out, const char *folder, const char *id, int threads, int lock)
{
    char self[SG_PATH_MAX], config[SG_PATH_MAX], run[SG_PATH_MAX], log[SG_PATH_MAX], count[16];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) SG_FAIL(SG_E_IO, "sweep: cannot find this program: %s", strerror(errno));
    self[length] = 0;
    SG_TRY(sg_run_file(config, sizeof config, folder, id, ".yaml"));
    SG_TRY(sg_run_file(run, sizeof run, folder, id, ""));
    SG_TRY(sg_run_file(log, sizeof log, folder, id, ".log"));
    (void)snprintf(count, sizeof count, "%d", threads);
    char *const arguments[] = {self,
                               (char[]){"train"},
                               config,
                               (char[]){"-o"},
                               run,
                               (char[]){"--resume"},
                               (char[]){"--no-report"},
                               (char[]){"--threads"},
                               count,
                               NULL};
    return spawn(out, arguments, log, lock);
}

void sg_child_reason(char *out, size_t size, int status, const char *folder, const char *id)
{
    char path[SG_PATH_MAX], line[SG_REASON_MAX - 64] = "", how[64];
    if (WIFSIGNALED(status))
        (void)snprintf(how, sizeof how, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(how, sizeof how, "exit code %d", WEXITSTATUS(status));
    if (sg_run_file(path, sizeof path, folder, id, ".log") == SG_OK) sg_last_line(line, sizeof line, path);
    (void)snprintf(out, size, "%s%s%s", how, line[0] ? ": " : "", line);
}
