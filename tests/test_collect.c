/* test_collect.c - all.h5: the same bytes in whatever order runs finish and however often they are collected, what is
 * there is not read again, what cannot be read is named and left out, nothing is lost on a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/results.h"
#include "pipeline/schema.h"
#include "place.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

enum { RUNS = 6 };
static const char header[] = "id,arm,illumination.dose_ph,camera.adc,seed\n";
static const char sweep[] = "sweep: {title: made up, seeds: [1, 2]}\n";

static void run_id(char out[20], int i)
{
    (void)snprintf(out, 20, "%016x", 77u * (unsigned)i + 5u);
}

static double dose(int i)
{
    return i < 3 ? 20 : 200.5;
}

/* Results that differ from run to run; odd ones have masks, even ones a regression. */
static void results_put(const char *folder, int i)
{
    sg_results *r;
    char id[20], path[96];
    const double x[3] = {1, 2, i}, interval[2] = {.1 * i, .2 * i};
    const char *const names[] = {"a", "b", "c"};
    static float picture[2 * 40 * 40];
    for (int p = 0; p < 2 * 40 * 40; p++) picture[p] = (float)((p * (i + 3)) % 17);
    OK(sg_results_new(&r));
    OK(sg_results_put_number(r, "/@seed", i % 2 + 1));
    OK(sg_results_put_number(r, "/@best_step", 10 * i));
    OK(sg_results_put_text(r, "/config", "optics:\n  na: 0.1\n"));
    OK(sg_results_put(r, "/curve/step", &(int){3}, x));
    OK(sg_results_put(r, "/curve/train_loss", &(int){3}, x));
    OK(sg_results_put_number(r, "/metrics/loss", i));
    OK(sg_results_put_number(r, i % 2 ? "/metrics/dice" : "/metrics/mse", .25 * i));
    if (i % 2) OK(sg_results_put(r, "/metrics/interval/dice", &(int){2}, interval));
    OK(sg_results_put_texts(r, "/metrics/per_image/name", names, 3));
    OK(sg_results_put(r, i % 2 ? "/metrics/per_image/dice" : "/metrics/per_image/mse", &(int){3}, x));
    OK(sg_results_put_number(r, "/learned/adc_range_e", 100 + i));
    OK(sg_results_put_number(r, "/learned/adc_range_e_initial", 100));
    OK(sg_results_put(r, "/examples/prediction", (int[]){2, 40, 40}, picture));
    OK(sg_results_attribute_number(r, "/examples/prediction", "pixel_um", 1));
    run_id(id, i);
    (void)snprintf(path, sizeof path, "%s/runs/%s", folder, id);
    OK(sg_folder_make(place_path(path)));
    (void)snprintf(path, sizeof path, "%s/runs/%s/results.h5", folder, id);
    OK(sg_results_save(r, place_path(path)));
    sg_results_free(r);
}

static void done_put(const char *folder, int i)
{
    char id[20], path[96];
    run_id(id, i);
    (void)snprintf(path, sizeof path, "%s/runs/%s/DONE", folder, id);
    place_put_text(path, "");
}

/* A sweep whose runs all have results and of which none is done. */
static void sweep_put(const char *folder, int first, int end)
{
    char path[96], text[1024], id[20];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", header);
    for (int i = 0; i < RUNS; i++) {
        run_id(id, i);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s,%s,%g,%s,%d\n", id, i < 3 ? "fixed" : "learned",
                                dose(i), i % 3 ? "uniform" : "soft", i % 2 + 1);
    }
    OK(sg_folder_make(place_path(folder)));
    (void)snprintf(path, sizeof path, "%s/sweep.yaml", folder);
    place_put_text(path, sweep);
    (void)snprintf(path, sizeof path, "%s/runs.csv", folder);
    place_put_text(path, text);
    for (int i = first; i < end; i++) results_put(folder, i);
}

static int folder_make(void **state)
{
    const int failed = place_make(state);
    if (failed) return failed;
    sweep_put("s", 0, RUNS);
    return 0;
}

static void check_run(const char *arguments, int code, const char *says)
{
    const int got = place_run(arguments);
    char *out = place_get("out"), *err = place_get("err");
    if (got != code) fail_msg("scopegrad %s: exit %d, not %d: %s%s", arguments, got, code, out, err);
    if (says && !strstr(out, says) && !strstr(err, says))
        fail_msg("scopegrad %s does not say \"%s\": %s%s", arguments, says, out, err);
    sg_free(out);
    sg_free(err);
}

static void all_done(void)
{
    for (int i = 0; i < RUNS; i++) done_put("s", i);
}

static void check_number(const sg_results_file *f, const char *path, const char *attribute, double want)
{
    double value = NAN;
    if (attribute)
        OK(sg_results_read_attribute_number(f, path, attribute, &value));
    else
        OK(sg_results_read_scalar(f, path, &value));
    if (!(value == want)) fail_msg("%s is %g, not %g", path, value, want);
}

static void check_same(const char *a, const char *b)
{
    char line[256];
    (void)snprintf(line, sizeof line, "cmp %s %s", a, b);
    if (place_shell(line) != 0) fail_msg("%s and %s differ", a, b);
}

static void test_content(void **state)
{
    (void)state;
    sg_results_file *f;
    double *x;
    char *names;
    int rank, dims[SG_RESULTS_RANK];
    all_done();
    check_run("collect s", 0, "6 of 6 runs");
    OK(sg_results_open(&f, place_path("s/all.h5")));
    for (int i = 0; i < RUNS; i++) {
        char id[20], path[96];
        run_id(id, i);
        (void)snprintf(path, sizeof path, "/runs/%s/metrics/loss", id);
        check_number(f, path, NULL, i);
        (void)snprintf(path, sizeof path, "/runs/%s", id);
        check_number(f, path, "best_step", 10 * i);
        (void)snprintf(path, sizeof path, "/runs/%s/examples/prediction", id);
        OK(sg_results_read_f64(f, path, &x, &rank, dims));
        assert_true(rank == 3 && dims[1] == 40);
        for (int p = 0; p < 2 * 40 * 40; p++) assert_true(x[p] == (p * (i + 3)) % 17);
        sg_free(x);
        check_number(f, path, "pixel_um", 1);
    }
    OK(sg_results_read_text(f, "/sweep/1", &names));
    assert_string_equal(names, sweep);
    sg_free(names);
    check_number(f, "/", "runs", RUNS);
    sg_results_close(f);
    check_run("collect s", 0, "up to date");
}

/* One after the other in a made-up order, collected in between: the bytes of all at once. */
static void test_order(void **state)
{
    (void)state;
    static const int order[RUNS] = {4, 0, 5, 2, 1, 3};
    all_done();
    check_run("collect s -o once.h5", 0, "6 of 6 runs");
    assert_int_equal(place_shell("rm -f s/runs/*/DONE s/all.h5"), 0);
    check_run("collect s", 1, "none of 6 runs is finished yet");
    for (int i = 0; i < RUNS; i++) {
        char says[32];
        done_put("s", order[i]);
        (void)snprintf(says, sizeof says, "%d of 6 runs", i + 1);
        check_run("collect s", 0, says);
        if (i + 1 < RUNS) assert_int_not_equal(place_shell("cmp -s s/all.h5 once.h5"), 0);
    }
    check_same("s/all.h5", "once.h5");
    check_run("collect s/ -o s/../again.h5", 0, "6 of 6");
    check_same("again.h5", "once.h5");
}

/* What is there and unchanged is not read again: its results may be gone bad unseen; what changed is. */
static void test_kept(void **state)
{
    (void)state;
    char id[20], path[96];
    void *data;
    size_t size;
    all_done();
    run_id(id, 2);
    (void)snprintf(path, sizeof path, "s/runs/%s/results.h5", id);
    assert_int_equal(place_shell("rm -f s/all.h5 s/runs/000000000000018*/DONE"), 0); /* run 5 */
    check_run("collect s", 0, "5 of 6");
    OK(sg_file_read(&data, &size, place_path(path), 0));
    ((char *)data)[size / 2] ^= 1;
    place_put(path, data, size);
    all_done();
    check_run("collect s", 0, "6 of 6 runs, 1 of them new");
    check_same("s/all.h5", "once.h5");
    check_run("collect s -o fresh.h5", 3, "damaged");
    results_put("s", 2);
    check_run("collect s -o fresh.h5", 0, "6 of 6 runs, 1 of them new");
    check_same("fresh.h5", "once.h5");
    place_put("fresh.h5", data, size); /* an older file that is no good */
    check_run("collect s -o fresh.h5", 0, "made anew");
    check_same("fresh.h5", "once.h5");
    sg_free(data);
}

/* Version 2 becomes 3, and the closing hash that of the new bytes. */
static void make_newer(const char *path)
{
    void *bytes;
    size_t size;
    OK(sg_file_read(&bytes, &size, place_path(path), 0));
    unsigned char *data = bytes, *name = memmem(data, size, "schema_version", 15);
    const double two = 2, three = 3;
    assert_non_null(name);
    unsigned char *value = memmem(name, 100, &two, sizeof two);
    assert_non_null(value);
    memcpy(value, &three, sizeof three);
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size - 16; i++) hash = (hash ^ data[i]) * 0x100000001b3u;
    for (int i = 0; i < 8; i++) data[size - 8 + (size_t)i] = (unsigned char)(hash >> (8 * i));
    place_put(path, data, size);
    sg_free(bytes);
}

static void test_unreadable(void **state)
{
    (void)state;
    char id[20], path[96];
    sg_results_file *f;
    void *data;
    size_t size;
    all_done();
    run_id(id, 1);
    (void)snprintf(path, sizeof path, "s/runs/%s/results.h5", id);
    make_newer(path);
    check_run("collect s -o some.h5", 3, path);
    check_run("collect s -o some.h5", 3, "schema 3 is newer than version 2");
    check_run("collect s -o some.h5", 3, "5 of 6 runs");
    OK(sg_results_open(&f, place_path("some.h5")));
    check_number(f, "/", "runs", RUNS - 1);
    sg_results_close(f);
    results_put("s", 1);
    OK(sg_file_read(&data, &size, place_path(path), 0));
    for (int cut = 0; cut < 3; cut++) {
        place_put(path, data, cut == 0 ? 0 : cut == 1 ? 100 : size - 1);
        check_run("collect s -o some.h5", 3, path);
    }
    assert_int_equal(place_shell("rm -f some.h5"), 0);
    (void)snprintf(path, sizeof path, "rm s/runs/%s/results.h5", id);
    assert_int_equal(place_shell(path), 0);
    check_run("collect s -o some.h5", 3, "left out: s/runs/");
    results_put("s", 1);
    check_run("collect s -o some.h5", 0, "6 of 6 runs, 1 of them new");
    check_same("some.h5", "once.h5");
    sg_free(data);
}

/* The parts of a cluster, each with the whole index and some runs, make what one folder makes. */
static void test_parts(void **state)
{
    (void)state;
    all_done();
    sweep_put("p1", 0, 4);
    sweep_put("p2", 2, RUNS);
    for (int i = 0; i < RUNS; i++) done_put(i < 3 ? "p1" : "p2", i);
    check_run("collect p1 p2 -o parts.h5", 0, "6 of 6");
    check_same("parts.h5", "once.h5");
    check_run("collect p2 p1 -o parts.h5", 0, "up to date");
    check_run("collect p1 p2", 2, "-o FILE is needed");
    OK(sg_folder_make(place_path("q")));
    place_put_text("q/sweep.yaml", "sweep: {title: other}\n");
    place_put_text("q/runs.csv", "id,arm,optics.na,seed\n00000000000000aa,default,.2,7\n");
    assert_int_equal(
        place_shell("mkdir -p q/runs/00000000000000aa; cp s/runs/0000000000000005/* q/runs/00000000000000aa"), 0);
    check_run("collect s q -o both.h5", 0, "7 of 7");
}

static void test_refused(void **state)
{
    (void)state;
    all_done();
    check_run("collect", 2, "DIR");
    check_run("collect nowhere", 2, "nowhere: not a sweep folder");
    check_run("collect s -o nowhere/all.h5", 1, "nowhere/all.h5");
    check_run("collect s -o s", 1, "it is a folder");
    check_run("collect s -o s/runs.csv", 2, "s/runs.csv: is there already and no HDF5 file");
    assert_int_equal(place_shell("cp s/runs/0000000000000005/results.h5 run.h5"), 0);
    check_run("collect s -o run.h5", 2, "run.h5: holds the results of a run");
    check_same("run.h5", "s/runs/0000000000000005/results.h5");
    const int lock = open(place_path("locked.h5.lock"), O_RDWR | O_CREAT, 0600);
    assert_true(lock >= 0 && flock(lock, LOCK_EX) == 0);
    check_run("collect s -o locked.h5", 2, "another collect is writing it");
    (void)close(lock);
    check_run("collect s -o locked.h5", 0, "6 of 6");
    OK(sg_folder_make(place_path("broken")));
    place_put_text("broken/sweep.yaml", sweep);
    place_put_text("broken/runs.csv", "id,arm,seed\n12,x\n");
    check_run("collect broken", 1, "broken/runs.csv");
}

/* The older file stays, no half one does. */
static void test_full_disk(void **state)
{
    (void)state;
    all_done();
    check_run("collect s -o once.h5", 0, NULL);
    for (int blocks = 1; blocks < 60; blocks += 5) {
        char line[200];
        done_put("s", 0);
        (void)snprintf(line, sizeof line,
                       "cp once.h5 full.h5; rm -f s/runs/0000000000000005/DONE; trap '' XFSZ; ulimit -f %d; $SG "
                       "collect s -o full.h5 > out 2> err",
                       blocks);
        const int code = place_shell(line);
        char *err = place_get("err");
        if (code != 1) fail_msg("%d blocks: exit %d: %s", blocks, code, err);
        if (!strstr(err, "full.h5") || strchr(err, '\n') != err + strlen(err) - 1)
            fail_msg("%d blocks: %s", blocks, err);
        sg_free(err);
        check_same("full.h5", "once.h5");
        if (place_shell("! ls full.h5.tmp* 2> ls") != 0) fail_msg("%d blocks: half a file stays", blocks);
    }
    all_done();
}

/* Killed at any moment, it leaves the older file or the new one, and the next one clears away what it began. */
static void test_killed(void **state)
{
    (void)state;
    all_done();
    check_run("collect s -o once.h5", 0, NULL);
    place_put_text("killed.h5.tmp-12345-0", "half");
    for (int i = 0; i < 12; i++) {
        char line[200];
        (void)snprintf(line, sizeof line,
                       "rm -f killed.h5; (timeout -s KILL %d.%03d $SG collect s -o killed.h5; true) > out 2> err; "
                       "test ! -e killed.h5 || cmp killed.h5 once.h5",
                       i / 9, (4 << i) % 1000);
        if (place_shell(line) != 0) fail_msg("%s", line);
    }
    check_run("collect s -o killed.h5", 0, "6 of 6");
    check_same("killed.h5", "once.h5");
    assert_int_equal(place_shell("! ls killed.h5.tmp* 2> ls"), 0);
}

static void python(const char *modules, const char *script)
{
    char line[512];
    (void)snprintf(line, sizeof line, "python3 -c 'import %s' 2> /dev/null", modules);
    if (place_shell(line) != 0) {
        print_message("# python3 with %s is not installed\n", modules);
        skip();
    }
    (void)snprintf(line, sizeof line, "python3 \"$SG_TEST_SOURCE\"/%s", script);
    if (place_shell(line) != 0) fail_msg("%s", script);
}

static void test_pandas(void **state)
{
    (void)state;
    all_done();
    check_run("collect s -o once.h5", 0, NULL);
    python("h5py, pandas", "tests/python/read_collection.py once.h5");
}

static void test_example(void **state)
{
    (void)state;
    all_done();
    check_run("collect s", 0, NULL);
    python("h5py", "examples/read_results.py s/all.h5 > example");
    char *text = place_get("example");
    if (!strstr(text, "learned  200.5 4.0 3")) fail_msg("%s", text);
    sg_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),    cmocka_unit_test(test_order),  cmocka_unit_test(test_kept),
        cmocka_unit_test(test_unreadable), cmocka_unit_test(test_parts),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_full_disk),  cmocka_unit_test(test_killed), cmocka_unit_test(test_pandas),
        cmocka_unit_test(test_example),
    };
    return cmocka_run_group_tests_name("collect", tests, folder_make, place_remove);
}
