/* sweep_lab.c - see sweep_lab.h. */
#include "sweep_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/sweep_state.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

void sweep_put(int seeds)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "sample: {size_px: 32}\n"
                   "illumination: {rows: 3, columns: 3, pattern: random}\n"
                   "network: {width: 8, depth: 1}\n"
                   "dataset: {kind: synthetic, synthetic: {count: 3, radius_um: 2, train: 8, validation: 4, test: 4}}\n"
                   "train: {steps: 5, batch_size: 4, validate_every: 2, checkpoint_every: 1}\n"
                   "sweep:\n"
                   "  title: Tiny\n"
                   "  seeds: {from: 1, count: %d}\n"
                   "  arms: {fixed: {}, learned: {illumination.learn: {learn: true, lr: .1}}}\n"
                   "  grid: {illumination.dose_ph: [50, 200]}\n",
                   seeds);
    place_put_text("tiny.yaml", text);
}

pid_t sweep_start(const char *folder, const char *const options[])
{
    char output[512], config[512], errors[520];
    char *arguments[16] = {
        getenv("SG_TEST_COMMAND"), (char[]){"sweep"}, config, (char[]){"-o"}, output, (char[]){"-q"}};
    posix_spawn_file_actions_t files;
    pid_t process;
    (void)snprintf(config, sizeof config, "%s/tiny.yaml", place);
    (void)snprintf(output, sizeof output, "%s/%s", place, folder);
    (void)snprintf(errors, sizeof errors, "%s.err", output);
    for (int i = 0; options[i] != NULL; i++) arguments[6 + i] = strdup(options[i]);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (posix_spawn(&process, arguments[0], &files, NULL, arguments, environ) != 0)
        fail_msg("cannot start %s", arguments[0]);
    posix_spawn_file_actions_destroy(&files);
    for (int i = 6; arguments[i] != NULL; i++) free(arguments[i]);
    return process;
}

int sweep_wait(pid_t process)
{
    int status = 0;
    if (waitpid(process, &status, 0) != process) fail_msg("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool sweep_over(pid_t process)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == process;
}

int sweep_run(const char *folder, const char *const options[])
{
    return sweep_wait(sweep_start(folder, options));
}

/* ---- who works ---- */

pid_t sweep_worker(const char *folder, int n)
{
    sg_sweep_index index;
    pid_t found = 0;
    if (sg_sweep_index_read(&index, place_path(folder)) == SG_OK)
        for (int i = 0; i < index.row_count && found == 0; i++) {
            sg_run_state state;
            sg_run_look(&state, place_path(folder), index.rows[i].id);
            const char *process = strchr(state.owner, ' ');
            if (state.stage == SG_RUN_RUNNING && process != NULL && n-- == 0) found = (pid_t)atol(process);
        }
    sg_sweep_index_free(&index);
    return found;
}

int sweep_done(const char *folder)
{
    sg_sweep_index index;
    int done = 0;
    if (sg_sweep_index_read(&index, place_path(folder)) == SG_OK)
        for (int i = 0; i < index.row_count; i++) done += sg_run_is_done(place_path(folder), index.rows[i].id);
    sg_sweep_index_free(&index);
    return done;
}

bool sweep_busy(const char *folder)
{
    return sweep_worker(folder, 0) != 0;
}

/* ---- what is there ---- */

void sweep_same(const char *a, const char *b)
{
    char line[1024];
    /* command.txt and the configs hold paths of the folder */
    (void)snprintf(line, sizeof line,
                   "cmp %s/runs.csv %s/runs.csv && diff -rq %s/runs %s/runs -x '*.lock' -x '*.log' -x '*.yaml' -x "
                   "command.txt -x timing.csv && test $(ls %s/runs/*/DONE | wc -l) = $(ls -d %s/runs/*/ | wc -l)",
                   a, b, a, b, b, b);
    assert_int_equal(place_shell(line), 0);
}

void sweep_clean(const char *folder, const char *whole)
{
    char line[1024];
    (void)snprintf(line, sizeof line,
                   "test -e %s || exit 0; cd %s; test -z \"$(find . -name '*.tmp-*')\" || exit 1; for f in sweep.yaml "
                   "runs.csv runs/*/plan.txt runs/*/weights.safetensors runs/*/results.h5; do test ! -e $f || cmp $f "
                   "../%s/$f || exit 1; done",
                   folder, folder, whole);
    if (place_shell(line) != 0) fail_msg("%s: a half-written file", folder);
}

void sleep_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

long sweep_random(long below)
{
    static uint32_t draw;
    const sg_rng rng = sg_rng_make(11, SG_RNG_TEST, 0, 0, 0);
    return (long)(sg_rng_uniform(&rng, 0, draw++) * (double)below);
}
