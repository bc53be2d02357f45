/* test_cli.c - the command as a user meets it: exit codes, one-line errors, help, start-up time. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT_MAX = 1 << 16 };
static char output[OUTPUT_MAX], errors[OUTPUT_MAX];

static void slurp(char *out, const char *name)
{
    char *text = place_get(name);
    (void)snprintf(out, OUTPUT_MAX, "%s", text);
    sg_free(text);
}

/* Runs `scopegrad ARGUMENTS`; returns the exit code, fills output and errors. */
static int run(const char *arguments)
{
    const int code = place_run(arguments);
    slurp(output, "out");
    slurp(errors, "err");
    return code;
}

/* The run must end with this code and exactly this one line on stderr. */
static void check_fails(const char *arguments, int code, const char *line)
{
    const int have = run(arguments);
    if (have != code) fail_msg("scopegrad %s: exit code %d, expected %d; %s", arguments, have, code, errors);
    assert_int_equal(strlen(errors), strcspn(errors, "\n") + 1); /* one line */
    errors[strcspn(errors, "\n")] = 0;
    assert_string_equal(errors, line);
    assert_string_equal(output, "");
}

static void test_usage_errors(void **state)
{
    (void)state;
    check_fails("", 2, "scopegrad: no command given; see scopegrad --help");
    check_fails("inof", 2, "scopegrad: unknown command 'inof'; did you mean info?");
    check_fails("frobnicate", 2, "scopegrad: unknown command 'frobnicate'; see scopegrad --help");
    check_fails("--frobnicate", 2, "scopegrad: unknown command '--frobnicate'; see scopegrad --help");
    check_fails("info --kyes", 2, "scopegrad info: unknown option --kyes; did you mean --keys?");
    check_fails("info -x", 2, "scopegrad info: unknown option -x; see scopegrad info --help");
    check_fails("info --keys=1", 2, "scopegrad info: --keys takes no value");
    check_fails("info --set", 2, "scopegrad info: --set needs a value: KEY=VALUE");
    check_fails("info --set camera.qe=1", 2, "scopegrad info: --set needs a CONFIG to change");
    check_fails("info a b", 2, "scopegrad info: unexpected argument 'b'; see scopegrad info --help");
    place_put_text("runs.csv", "id\n");
    check_fails("report . -o runs.csv", 2,
                "scopegrad report: --output: runs.csv is there already and is no .html; use another name");
    check_fails("evaluate . -o runs.csv", 2,
                "scopegrad evaluate: --output: runs.csv is there already and is no .h5; use another name");
}

/* Starting again with another spin count (pipeline/threads_env.h) changes nothing but the spin count. */
static void test_spin_count(void **state)
{
    (void)state;
    char command[1024];
    const char *const spins[] = {"", "GOMP_SPINCOUNT=7"}, *const expected[] = {"1000", "7"};
    for (int i = 0; i < 2; i++) {
        (void)snprintf(command, sizeof command,
                       "cd '%s' && env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT OMP_DISPLAY_ENV=verbose %s '%s' bench 'no "
                       "such' > out 2> err",
                       place, spins[i], getenv("SG_TEST_COMMAND"));
        const int status = system(command);
        slurp(errors, "err");
        if (!strstr(errors, "GOMP_SPINCOUNT")) skip(); /* another OpenMP */
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 2);
        assert_non_null(strstr(errors, "scopegrad bench: no such: cannot read: No such file or directory\n"));
        (void)snprintf(command, sizeof command, "GOMP_SPINCOUNT = '%s'", expected[i]);
        assert_non_null(strstr(errors, command));
    }
}

static void test_config_errors(void **state)
{
    (void)state;
    check_fails("info none.yaml", 2, "scopegrad info: none.yaml: cannot read: No such file or directory");
    place_put_text("a.yaml", "camera:\n    qe: .5\n    bitdepth: 8\n");
    check_fails("info a.yaml", 2,
                "scopegrad info: a.yaml:3: camera.bitdepth: unknown key; did you mean camera.bit_depth?");
    place_put_text("a.yaml", "camera: {bit_depth: 0}");
    check_fails("info a.yaml", 2, "scopegrad info: a.yaml:1: camera.bit_depth: 0 is outside 1..16 (bits)");
    place_put_text("a.yaml", "camera: {bit_depth: 17}");
    check_fails("info a.yaml", 2, "scopegrad info: a.yaml:1: camera.bit_depth: 17 is outside 1..16 (bits)");
    place_put_text("a.yaml", "optics:\n    na: -0.1\n");
    check_fails("info a.yaml", 2, "scopegrad info: a.yaml:2: optics.na: -0.1 is outside 0.001..1.7");
    place_put_text("a.yaml", "optics: {na: .1}");
    check_fails("info a.yaml --set optics.na=x", 2, "scopegrad info: --set: optics.na: 'x' is not a number");
}

static void test_info(void **state)
{
    (void)state;
    place_put_text("a.yaml", "optics: {na: .2}");
    assert_int_equal(run("info a.yaml -scamera.bit_depth=12 --set=camera.qe=.5 --set camera.shot=none"), 0);
    assert_non_null(strstr(output, "na: {init: 0.2,"));
    assert_non_null(strstr(output, "bit_depth: 12\n"));
    assert_non_null(strstr(output, "qe: 0.5\n"));
    assert_non_null(strstr(output, "shot: none\n"));
    assert_int_equal(run("info"), 0);
    assert_non_null(strstr(output, "| `camera.bit_depth` | integer | bits | none or 1..16 | `8` |"));
    assert_non_null(strstr(output, "FFTW"));
    assert_non_null(strstr(output, "| `combine` |"));
    assert_int_equal(run("--version"), 0);
    assert_memory_equal(output, "scopegrad ", 10);
}

/* docs/config.md is what `info --keys` prints. */
static void test_config_page(void **state)
{
    char path[512];
    void *page;
    size_t size;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/docs/config.md", getenv("SG_TEST_SOURCE"));
    assert_int_equal(run("info --keys"), 0);
    if (sg_file_read(&page, &size, path, OUTPUT_MAX) != SG_OK) fail_msg("%s", sg_error_text());
    const size_t keys = strlen(output);
    assert_true(keys > 1000 && size == keys);
    if (memcmp((char *)page + size - keys, output, keys) != 0)
        fail_msg("docs/config.md is old: put the output of `scopegrad info --keys` in place of its table");
    sg_free(page);
}

#define NAME_ROW(name, line) #name,
static const char *const names[] = {SG_COMMANDS(NAME_ROW)};
#undef NAME_ROW

/* Every command answers --help with its usage, its options and a line to copy, whatever else is on the line. */
static void test_help(void **state)
{
    (void)state;
    assert_int_equal(run("--help"), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "\n  %s ", names[i]);
        if (!strstr(output, text)) fail_msg("scopegrad --help does not list %s", names[i]);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "%s --nonsense --help", names[i]);
        if (run(text) != 0) fail_msg("scopegrad %s: exit code; %s", text, errors);
        (void)snprintf(text, sizeof text, "Usage: scopegrad %s [OPTIONS]", names[i]);
        assert_memory_equal(output, text, strlen(text));
        assert_non_null(strstr(output, "\nOptions:\n"));
        (void)snprintf(text, sizeof text, "\nExample:\n  scopegrad %s", names[i]);
        if (!strstr(output, text)) fail_msg("scopegrad %s --help shows no line to copy", names[i]);
    }
}

static void test_full_disk(void **state)
{
    (void)state;
    char command[512];
    (void)snprintf(command, sizeof command, "'%s' info --keys > /dev/full 2> '%s/err'", getenv("SG_TEST_COMMAND"),
                   place);
    const int status = system(command);
    assert_int_equal(WEXITSTATUS(status), 1);
    slurp(errors, "err");
    assert_string_equal(errors, "scopegrad: cannot write to standard output: No space left on device\n");
}

/* The fastest of 20: 20 ms on a quiet machine; ten times that here, because tests share their machine. */
static void test_start_up(void **state)
{
    (void)state;
    double best = 1e9;
    for (int i = 0; i < 20; i++) {
        struct timespec begin, end;
        (void)clock_gettime(CLOCK_MONOTONIC, &begin);
        assert_int_equal(run("--help"), 0);
        (void)clock_gettime(CLOCK_MONOTONIC, &end);
        const double ms = 1e3 * (double)(end.tv_sec - begin.tv_sec) + 1e-6 * (double)(end.tv_nsec - begin.tv_nsec);
        if (ms < best) best = ms;
    }
    print_message("# scopegrad --help with its shell: %.1f ms\n", best);
    if (!(best < 200)) fail_msg("scopegrad --help takes %.1f ms", best);
}

/* ---- the parser itself ---- */

static sg_status parse(int argc, const char **argv, int *number, double *real, const char **text, const char **rest)
{
    bool flag = false, done;
    const sg_option options[] = {
        {"number", 'n', SG_OPTION_INT, number, "N", "", 0, 10},
        {"real", 'r', SG_OPTION_REAL, real, "X", "", -1, 1},
        {"text", 0, SG_OPTION_TEXT, text, "TEXT", ""},
        {"flag", 'f', SG_OPTION_FLAG, &flag, NULL, ""},
    };
    const sg_usage usage = {"test", "A [B]", "", "", options, SG_COUNT(options), 1, 2};
    return sg_args_parse(&usage, argc, (char **)(uintptr_t)argv, rest, NULL, &done);
}

static void test_parser(void **state)
{
    (void)state;
    int number = 1;
    double real = 0;
    const char *text = "x", *rest[2];
    const char *good[] = {"test", "-n3", "a", "--real=-.5", "--text", "-y", "-f", "--", "-b"};
    assert_int_equal(parse(9, good, &number, &real, &text, rest), SG_OK);
    assert_true(number == 3 && real == -.5);
    assert_string_equal(text, "-y");
    assert_string_equal(rest[0], "a");
    assert_string_equal(rest[1], "-b");
    static const struct {
        const char *words[4];
        int count;
        const char *error;
    } bad[] = {
        {{"test"}, 1, "missing argument; usage: scopegrad test [OPTIONS] A [B]"},
        {{"test", "a", "-n11"}, 3, "--number: 11 is outside 0..10"},
        {{"test", "a", "--number=2.5"}, 3, "--number: '2.5' is not an integer"},
        {{"test", "a", "--number=99999999999999999999"}, 3, "--number: 99999999999999999999 is outside 0..10"},
        {{"test", "a", "--real=nan"}, 3, "--real: 'nan' is not a number"},
        {{"test", "a", "--real=1e999"}, 3, "--real: 1e999 is outside -1..1"},
        {{"test", "a", "--real="}, 3, "--real: '' is not a number"},
        {{"test", "a", "--text="}, 3, "--text: the TEXT is empty"},
        {{"test", "a", "--numbers=3"}, 3, "unknown option --numbers; did you mean --number?"},
        {{"test", "a", "-fx"}, 3, "--flag takes no value"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *words[4];
        memcpy(words, bad[i].words, sizeof words);
        assert_int_equal(parse(bad[i].count, words, &number, &real, &text, rest), SG_E_USAGE);
        assert_string_equal(sg_error_text(), bad[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_errors), cmocka_unit_test(test_spin_count),  cmocka_unit_test(test_config_errors),
        cmocka_unit_test(test_info),         cmocka_unit_test(test_config_page), cmocka_unit_test(test_help),
        cmocka_unit_test(test_full_disk),    cmocka_unit_test(test_start_up),    cmocka_unit_test(test_parser),
    };
    return cmocka_run_group_tests_name("cli", tests, place_make, place_remove);
}
