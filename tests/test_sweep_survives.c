/* test_sweep_survives.c - sweeps of tiny runs that are killed, stopped and starved of disk end with the same bytes as an
 * undisturbed one. Short as a unit test; `meson test --suite soak` makes it 200 runs, 20 kills, 20 signals, 12 limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"
#include "sweep_lab.h"

#include "core/memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool soak;
static long whole_ms; /* what the undisturbed sweep takes */
static const char *const two_jobs[] = {"-j", "2", NULL};

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int setup(void **state)
{
    soak = getenv("SG_TEST_SOAK") != NULL;
    if (place_make(state) != 0) return -1;
    sweep_put(soak ? 50 : 3);
    const long begin = now_ms();
    if (sweep_run("whole", two_jobs) != 0) return -1;
    whole_ms = now_ms() - begin;
    print_message("# %d runs undisturbed: %.1f s\n", soak ? 200 : 12, 1e-3 * (double)whole_ms);
    return 0;
}

/* ---- kill -9 ---- */

/* Kills the sweep or, every second time, one that trains; counted if it met somebody. */
static void kill_one(pid_t sweep, int *sweeps, int *workers)
{
    const pid_t worker = (*sweeps + *workers) % 2 == 0 ? sweep_worker("killed", (int)sweep_random(2)) : 0;
    if (kill(worker > 0 ? worker : sweep, SIGKILL) == 0) *(worker > 0 ? workers : sweeps) += 1;
}

/* While it works, both may be asked at any time, and so they are, all the time: a look takes longer than a run. What
 * they complain about is in `complaints`. */
static void look_on(void)
{
    assert_int_equal(
        place_shell(
            "test -e looking && exit; : > looking; (if test -e killed/runs.csv; then \"$SG\" status killed 2>> "
            "complaints > seen; \"$SG\" collect killed -o killed.h5 > seen 2> said || grep 'is finished yet' said "
            "> seen || cat said >> complaints; echo >> looks; fi; rm looking) &"),
        0);
}

static void end_looking(void)
{
    assert_int_equal(
        place_shell("for i in $(seq 600); do test -e looking || break; sleep .1; done; cat complaints >&2; "
                    "test ! -s complaints && test -s looks"),
        0);
    print_message("# status and collect looked on %d times\n", place_shell("exit $(wc -l < looks)"));
}

/* Run by run, and what is collected of them. */
static void same_as_whole(const char *folder)
{
    char line[256];
    sweep_same("whole", folder);
    (void)snprintf(line, sizeof line,
                   "$SG collect whole -o whole.h5 > out && $SG collect %s -o %s.h5 > out && cmp whole.h5 %s.h5", folder,
                   folder, folder);
    assert_int_equal(place_shell(line), 0);
}

/* Waits for a random moment of the k-th of `wanted` parts of the sweep; false: the sweep has ended before. */
static bool moment(pid_t sweep, int k, int wanted)
{
    const int runs = soak ? 200 : 12, done = (int)((k + .01 * (double)sweep_random(100)) * runs / (wanted + 2));
    while (sweep_done("killed") < done && !sweep_over(sweep)) sleep_ms(10);
    look_on();
    sleep_ms(sweep_random(100));
    return !sweep_over(sweep);
}

static void killed_at_any_moment_it_ends_with_the_same_bytes(void **state)
{
    const int wanted = soak ? 20 : 4;
    int sweeps = 0, workers = 0, starts = 0, code = 3;
    (void)state;
    while (code != 0) {
        const pid_t sweep = sweep_start("killed", two_jobs);
        const int before = sweeps;
        if (++starts > 10 * wanted) fail_msg("the sweep does not get anywhere");
        while (sweeps == before && sweeps + workers < wanted && moment(sweep, sweeps + workers, wanted))
            kill_one(sweep, &sweeps, &workers);
        code = sweep_wait(sweep);
        if (code != 0 && code != 3 && code != -SIGKILL) fail_msg("exit code %d: %s", code, place_get("killed.err"));
    }
    print_message("# %d sweeps and %d trainings killed, %d starts\n", sweeps, workers, starts);
    assert_true(sweeps + workers >= (soak ? wanted : wanted - 1)); /* twelve runs may end before the last one */
    end_looking();
    same_as_whole("killed");
    assert_int_equal(place_shell("test -z \"$(find killed -name '*.tmp-*' -o -name '*.failed')\""), 0);
}

/* ---- Ctrl-C and SIGTERM ---- */

static void a_signal_saves_what_runs(void **state)
{
    const int wanted = soak ? 20 : 4;
    int stopped = 0, code = 1;
    (void)state;
    for (int i = 0; i < wanted; i++) {
        const int number = i % 2 ? SIGINT : SIGTERM;
        const pid_t sweep = sweep_start("stopped", two_jobs);
        sleep_ms(100 + sweep_random(whole_ms / wanted));
        (void)kill(sweep, number);
        code = sweep_wait(sweep);
        char *err = place_get("stopped.err");
        if (code == 1 && !strstr(err, "stopped: interrupted; the same command goes on from here\n"))
            fail_msg("%s", err);
        if (code == -number) { /* before main has begun */
            assert_int_equal(err[0], 0);
        } else if (code != 0 && code != 1) {
            fail_msg("exit code %d: %s", code, err);
        }
        sg_free(err);
        stopped += code == 1;
        assert_false(sweep_busy("stopped"));
        sweep_clean("stopped", "whole");
    }
    print_message("# %d of %d signals stopped a sweep\n", stopped, wanted);
    assert_true(stopped >= wanted / 2);
    assert_int_equal(sweep_run("stopped", two_jobs), 0);
    same_as_whole("stopped");
}

/* A process that was stopped takes no SIGTERM: the sweep waits half a minute for it, not for ever. */
static void a_training_that_does_not_react_is_killed(void **state)
{
    const char *const options[] = {"-j", "1", "--set", "train.steps=1000000", NULL};
    pid_t worker = 0;
    (void)state;
    if (!soak) skip(); /* half a minute */
    const pid_t sweep = sweep_start("stuck", options);
    for (int i = 0; i < 2000 && worker == 0; i++) {
        worker = sweep_worker("stuck", 0);
        sleep_ms(5);
    }
    assert_true(worker > 0);
    (void)kill(worker, SIGSTOP);
    (void)kill(sweep, SIGTERM);
    assert_int_equal(sweep_wait(sweep), 1);
    assert_int_equal(kill(worker, 0), -1);
    assert_false(sweep_busy("stuck"));
    assert_int_equal(
        place_shell("test -z \"$(ls stuck/runs/*/DONE 2> out)\" && grep -q 'stuck: interrupted' stuck.err"), 0);
}

/* ---- disk full ---- */

/* Half of the limits are of a file's size, half of a whole file system's. */
static void a_full_disk_leaves_no_half_file(void **state)
{
    static const int blocks[] = {0, 1, 5, 20, 60, 160}; /* of 512 bytes */
    static const int kib[] = {4, 12, 40, 120, 250, 500};
    const int step = soak ? 1 : 3;
    int codes[4] = {0};
    char line[512];
    (void)state;
    const bool mounts = place_shell("unshare -rm true 2> /dev/null") == 0;
    if (!mounts) print_message("# no file systems of a size of their own: unshare is not allowed\n");
    for (int i = 0; i < 12; i += step) {
        if (i % 2)
            (void)snprintf(line, sizeof line,
                           "rm -rf full; mkdir full; unshare -rm sh -c 'mount -t tmpfs -o size=%dk none full; \"$0\" "
                           "sweep tiny.yaml -o full/s -q -j 2 2> err; c=$?; cp -r full/s starved; exit $c' \"$SG\"",
                           kib[i / 2]);
        else
            (void)snprintf(line, sizeof line, "ulimit -f %d; \"$SG\" sweep tiny.yaml -o starved -q -j 2 2> err",
                           blocks[i / 2]);
        if (i % 2 && !mounts) continue;
        assert_int_equal(place_shell("rm -rf starved; : > err"), 0);
        const int code = place_shell(line);
        char *err = place_get("err");
        assert_in_range(code, 0, 3);
        codes[code]++;
        /* stderr is a file below the limit, too */
        const bool said =
            strstr(err, "scopegrad sweep: ") || (i % 2 == 0 && strlen(err) >= 512 * (size_t)blocks[i / 2]);
        if (code == 2 || (code != 0 && !said)) fail_msg("%s: %d: %s", line, code, err);
        sg_free(err);
        sweep_clean("starved", "whole");
        if (i % (soak ? 4 : 6) == 0) { /* with room, it goes on where it was */
            assert_int_equal(sweep_run("starved", two_jobs), 0);
            same_as_whole("starved");
        }
    }
    print_message("# exit codes: %d times 0, %d times 1, %d times 3\n", codes[0], codes[1], codes[3]);
    assert_true(codes[1] > 0 && codes[3] > 0);
}

/* ---- shared ---- */

static void parts_make_the_same_sweep(void **state)
{
    pid_t part[4];
    (void)state;
    for (int k = 0; k < 4; k++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%d/4", k + 1);
        part[k] = sweep_start("parts", (const char *const[]){"--part", text, "-j", "1", NULL});
    }
    for (int k = 0; k < 4; k++) assert_int_equal(sweep_wait(part[k]), 0);
    same_as_whole("parts");
}

#define MPI                                                                                                            \
    "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1; mpirun -n " \
    "4 "                                                                                                               \
    "\"$SG\" "

static void ranks_make_the_same_sweep(void **state)
{
    const char *built = getenv("SG_TEST_MPI");
    (void)state;
    if (built == NULL || strcmp(built, "true") != 0 || place_shell("command -v mpirun > /dev/null") != 0) {
        print_message("# skipped: built without MPI, or there is no mpirun\n");
        skip();
    }
    assert_int_equal(place_shell(MPI "sweep tiny.yaml -o ranks 2> err"), 0);
    same_as_whole("ranks");
    /* rank 0 alone has told of each run, once */
    assert_int_equal(place_shell("test $(grep -c '^\\[' err) = $(ls whole/runs/*/DONE | wc -l)"), 0);
    assert_int_equal(place_shell(MPI "sweep tiny.yaml -o failed --set network.depth=6 2> err"), 3);
    assert_int_equal(
        place_shell("n=$(sed 1d failed/runs.csv | wc -l); test $(grep -c '^failed: .*exit code 2' err) = $n && "
                    "test $(grep -c \"^scopegrad sweep: failed: $n of $n runs failed$\" err) = 1"),
        0);
    assert_int_equal(place_shell(MPI "sweep tiny.yaml -o failed 2> err"), 2);
    assert_int_equal(place_shell("test $(grep -c '^scopegrad sweep: ' err) = 1"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_moment_it_ends_with_the_same_bytes),
        cmocka_unit_test(a_signal_saves_what_runs),
        cmocka_unit_test(a_training_that_does_not_react_is_killed),
        cmocka_unit_test(a_full_disk_leaves_no_half_file),
        cmocka_unit_test(parts_make_the_same_sweep),
        cmocka_unit_test(ranks_make_the_same_sweep),
    };
    return cmocka_run_group_tests(tests, setup, place_remove);
}
