/* test_training.c - whole runs: the same bytes for any number of threads, twice, and after kill -9 and --resume. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/config.h"
#include "pipeline/train.h"
#include "place.h"

#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;
static const char *const outputs[] = {"results.h5", "log.csv", "last.ckpt", "best.ckpt", "weights.safetensors"};

/* Small enough for seconds, with everything that could break the bits: learned light, noise, batch norm,
 * augmentation. */
static const char tiny[] =
    "sample: {size_px: 64}\n"
    "illumination: {rows: 5, columns: 5, pattern: random, learn: {learn: true, lr: 0.02}}\n"
    "network: {width: 16, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 12, validation: 5, test: 5}}\n"
    "train: {steps: 20, batch_size: 4, validate_every: 5, checkpoint_every: 3}\n";

/* Many parts of the physical layer at once, each learning what it can. */
static const char coherent[] =
    "sample: {size_px: 64}\n"
    "illumination: {rows: 5, columns: 5, pattern: random, learn: {learn: true, lr: .01}, exposures: 2, levels: bits8}\n"
    "optics: {colours_um: [.475, .63], planes_um: [-5, 5], zernike_rad: {init: [0, 0, 0, .5], learn: true, lr: .01},\n"
    "         defocus_um: {init: 3, learn: true, lr: .1}, psf_sigma_um: {init: .4, learn: true, lr: .01}}\n"
    "camera: {binning: 2, pixel_um: .5, em_gain: 20, prnu: .02, dsnu_e: 1, hot_fraction: .01, hot_e_per_s: 100,\n"
    "         cfa: {init: random, learn: true, lr: .01}, view_x_um: [0, .25], view_y_um: [0, .25],\n"
    "         learn_view: {learn: true, lr: .01}, range_e: {init: 4000, learn: true, lr: 10}}\n"
    "network: {width: 8, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 8, validation: 3, test: 3}}\n"
    "train: {steps: 5, batch_size: 4, validate_every: 3, checkpoint_every: 3}\n";
static const char emission[] =
    "sample: {kind: incoherent, size_px: 64, depth_um: 5}\n"
    "optics: {mask: cubic, mask_rad: {init: 5, learn: true, lr: .1}}\n"
    "camera: {adc: thresholds, bit_depth: 3, adc_threshold_e: {init: [], learn: true, lr: 5}, offset_adu: 0,\n"
    "         learn_level: {learn: true, lr: .1}, learn_weight: {learn: true, lr: .01}}\n"
    "network: {width: 8, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 8, validation: 3, test: 3}}\n"
    "train: {steps: 5, batch_size: 4, validate_every: 3, checkpoint_every: 3}\n";

static void path_of(char out[512], const char *run, const char *name)
{
    (void)snprintf(out, 512, "%s/%s/%s", place, run, name);
}

static void assert_same_runs(const char *run_a, const char *run_b)
{
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        char path[2][512];
        void *bytes[2];
        size_t size[2];
        path_of(path[0], run_a, outputs[i]);
        path_of(path[1], run_b, outputs[i]);
        for (int k = 0; k < 2; k++)
            if (sg_file_read(&bytes[k], &size[k], path[k], 0) != SG_OK) fail_msg("%s", sg_error_text());
        if (size[0] == 0 || size[0] != size[1] || memcmp(bytes[0], bytes[1], size[0]) != 0)
            fail_msg("%s: %s and %s differ", outputs[i], run_a, run_b);
        sg_free(bytes[0]);
        sg_free(bytes[1]);
    }
}

static void write_config(char out[512])
{
    (void)snprintf(out, 512, "%s/tiny.yaml", place);
    place_put_text("tiny.yaml", tiny);
}

static void train_config(const char *path, const char *run, int threads)
{
    char folder[512];
    sg_config config;
    const sg_train_options options = {.quiet = true};
    (void)snprintf(folder, sizeof folder, "%s/%s", place, run);
    if (sg_config_read(&config, path) != SG_OK) fail_msg("%s", sg_error_text());
    config.train.threads = threads;
    if (sg_train(&config, folder, &options) != SG_OK) fail_msg("%s", sg_error_text());
}

static void train_here(const char *run, int threads)
{
    char path[512];
    write_config(path);
    train_config(path, run, threads);
}

static void same_bytes_for_any_thread_count(void **state)
{
    (void)state;
    train_here("one", 1);
    train_here("one_again", 1);
    train_here("two", 2);
    train_here("three", 3);
    assert_same_runs("one", "one_again");
    assert_same_runs("one", "two");
    assert_same_runs("one", "three");
}

static pid_t start(const char *run, bool resume)
{
    char config[512], folder[512];
    pid_t process;
    posix_spawn_file_actions_t files;
    write_config(config);
    (void)snprintf(folder, sizeof folder, "%s/%s", place, run);
    char *const arguments[] = {getenv("SG_TEST_COMMAND"),
                               (char[]){"train"},
                               config,
                               (char[]){"-o"},
                               folder,
                               (char[]){"--no-report"},
                               (char[]){"-q"},
                               resume ? (char[]){"--resume"} : NULL,
                               NULL};
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", 1, 0);
    if (posix_spawn(&process, arguments[0], &files, NULL, arguments, environ) != 0)
        fail_msg("cannot start %s", arguments[0]);
    posix_spawn_file_actions_destroy(&files);
    return process;
}

static int finish(pid_t process)
{
    int status = 0;
    if (waitpid(process, &status, 0) != process) fail_msg("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void sleep_ms(long ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static void every_part_at_once_has_the_same_bytes(void **state)
{
    static const char *const text[] = {coherent, emission};
    char run[2][32];
    (void)state;
    for (int i = 0; i < 2; i++) {
        place_put_text("parts.yaml", text[i]);
        for (int k = 0; k < 2; k++) {
            (void)snprintf(run[k], sizeof run[k], "parts_%d_%d_threads", i, 1 + 2 * k);
            train_config(place_path("parts.yaml"), run[k], 1 + 2 * k);
        }
        assert_same_runs(run[0], run[1]);
    }
}

/* Ten kills spread over twice the time that a whole run takes; resumed after each, the run ends with the same bytes. */
static void kill_and_resume_repeats_the_unbroken_run(void **state)
{
    struct timespec begin, end;
    int killed = 0;
    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_int_equal(finish(start("unbroken", false)), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double run_ms = 1e3 * (double)(end.tv_sec - begin.tv_sec) + 1e-6 * (double)(end.tv_nsec - begin.tv_nsec);
    srand(7);
    for (int attempt = 0; attempt < 10; attempt++) {
        const pid_t process = start("broken", attempt > 0);
        sleep_ms((long)(run_ms * .6 * rand() / RAND_MAX));
        kill(process, SIGKILL);
        killed += finish(process) == -1;
    }
    print_message("# %d of 10 processes were killed while running\n", killed);
    assert_true(killed >= 3);
    assert_int_equal(finish(start("broken", true)), 0);
    assert_same_runs("unbroken", "broken");
}

static void a_second_run_into_the_folder_is_refused(void **state)
{
    char path[512];
    void *before, *after;
    size_t size[2];
    (void)state;
    path_of(path, "unbroken", "results.h5");
    assert_int_equal(sg_file_read(&before, &size[0], path, 0), SG_OK);
    assert_int_equal(finish(start("unbroken", false)), 2);
    assert_int_equal(sg_file_read(&after, &size[1], path, 0), SG_OK);
    assert_true(size[0] == size[1] && memcmp(before, after, size[0]) == 0);
    sg_free(before);
    sg_free(after);
}

/* SIGTERM ends the run after its step with a checkpoint; the rest follows with --resume. */
static void a_signal_leaves_a_checkpoint(void **state)
{
    char path[512];
    (void)state;
    const pid_t process = start("stopped", false);
    path_of(path, "stopped", "log.csv");
    for (int i = 0; i < 2000 && !sg_file_exists(path); i++) sleep_ms(1);
    kill(process, SIGTERM);
    const int code = finish(process);
    assert_true(code == 1 || code == 0); /* 0: it was faster than the signal */
    assert_int_equal(finish(start("stopped", true)), 0);
    assert_same_runs("unbroken", "stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_for_any_thread_count),
        cmocka_unit_test(every_part_at_once_has_the_same_bytes),
        cmocka_unit_test(kill_and_resume_repeats_the_unbroken_run),
        cmocka_unit_test(a_second_run_into_the_folder_is_refused),
        cmocka_unit_test(a_signal_leaves_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
