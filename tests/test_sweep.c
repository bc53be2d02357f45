/* test_sweep.c - sweeps: the index, the sweep file, and sweeps of tiny runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"
#include "sweep_lab.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/sweep_file.h"
#include "pipeline/sweep_state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* ---- the index ---- */

static void an_index_is_read(void **state)
{
    sg_sweep_index index;
    int *runs, count;
    (void)state;
    assert_false(sg_sweep_is(place));
    place_put_text("sweep.yaml", "camera: {qe: 1}\nsweep:\n  title: Which?\n  reference: b\n# --set camera.qe=.5\n");
    place_put_text("runs.csv", "id,arm,camera.qe,sample.size_px,seed\n"
                               "00000000000000aa,a,\"[1, \"\"2\"\"]\",32,1\n"
                               "00000000000000ab,b,,64,18446744073709551615\n"
                               "00000000000000aa,b,1,64,3\n");
    assert_true(sg_sweep_is(place));
    must(sg_sweep_index_read(&index, place));
    assert_string_equal(index.title, "Which?");
    assert_string_equal(index.reference, "b");
    assert_int_equal(index.key_count, 2);
    assert_string_equal(index.keys[1], "sample.size_px");
    assert_int_equal(index.row_count, 3);
    assert_string_equal(index.rows[0].value[0], "[1, \"2\"]");
    assert_string_equal(index.rows[1].value[0], "");
    assert_string_equal(index.rows[2].value[1], "64");
    assert_string_equal(index.rows[1].arm, "b");
    assert_true(index.rows[1].seed == UINT64_MAX);
    must(sg_sweep_index_runs(&runs, &count, &index));
    assert_int_equal(count, 2);
    assert_int_equal(runs[0] * 10 + runs[1], 1);
    sg_free(runs);
    sg_sweep_index_free(&index);
}

static void a_damaged_index_is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"", "there is no row"},
        {"id,arm,seed\n", "there is no row"},
        {"id,arm,seeds\n1,a,1\n", "the header is not id,arm,...,seed"},
        {"id,arm,seed\n00000000000000a,a,1\n", "the id is not 16"},
        {"id,arm,seed\n../../../../../../,a,1\n", "the id is not 16"},
        {"id,arm,seed\n00000000000000aa,a\n", "as many fields"},
        {"id,arm,seed\n00000000000000aa,a,1,2\n", "as many fields"},
        {"id,arm,seed\n00000000000000aa,a,1", "there is no row"},
        {"id,arm,seed\n00000000000000aa,a,1\n00000000000000aa,a,\"1", "a row is cut off"},
        {"id,arm,seed\n00000000000000aa,a,x\n", "the seed is not"},
        {"id,arm,seed\n00000000000000aa,a,18446744073709551616\n", "the seed is not"},
        {"id,arm,seed\n00000000000000aa,,1\n", "no usable name"},
    };
    (void)state;
    place_put_text("sweep.yaml", "sweep: {}\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sg_sweep_index index;
        place_put_text("runs.csv", bad[i][0]);
        assert_int_equal(sg_sweep_index_read(&index, place), SG_E_FORMAT);
        if (!strstr(sg_error_text(), bad[i][1])) fail_msg("%zu: %s", i, sg_error_text());
        sg_sweep_index_free(&index);
    }
}

/* ---- the file ---- */

static sg_sweep *read_sweep(const char *text)
{
    sg_sweep *sweep;
    place_put_text("s.yaml", text);
    must(sg_sweep_read(&sweep, place_path("s.yaml"), NULL, 0));
    return sweep;
}

static void every_kind_of_axis_is_expanded(void **state)
{
    static const char want[] = "default,1,0.1,1,8,1\n"
                               "default,1,0.1,2,16,1\n"
                               "default,1,0.2,1,8,1\n"
                               "default,1,0.2,2,16,1\n"
                               "default,1,0.3,1,8,1\n"
                               "default,1,0.3,2,16,1\n"
                               "default,10,0.1,1,8,1\n";
    char got[4096] = "";
    (void)state;
    sg_sweep *sweep = read_sweep("train: {seed: 1}\n"
                                 "sweep:\n"
                                 "  grid:\n"
                                 "    illumination.dose_ph: {log: [1, 1000], count: 4}\n"
                                 "    camera.qe: {from: .1, to: .3, step: .1}\n"
                                 "    \"network.depth, network.width\": [[1, 8], [2, 16]]\n");
    assert_memory_equal(sg_sweep_table(sweep),
                        "id,arm,illumination.dose_ph,camera.qe,network.depth,network.width,seed\n", 71);
    for (const char *line = strchr(sg_sweep_table(sweep), '\n') + 1; *line; line = strchr(line, '\n') + 1)
        (void)snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s", (int)(strchr(line, '\n') - line - 16),
                       line + 17);
    assert_int_equal(sg_sweep_rows(sweep)->row_count, 24);
    assert_memory_equal(got, want, sizeof want - 1);
    assert_string_equal(sg_sweep_rows(sweep)->rows[23].value[0], "1000");
    sg_sweep_free(sweep);
}

static void a_row_becomes_a_config(void **state)
{
    sg_config config;
    (void)state;
    sg_sweep *sweep =
        read_sweep("camera: {bit_depth: 10}\n"
                   "sweep:\n"
                   "  title: Which light?\n"
                   "  seeds: {from: 18446744073709551613, count: 2}\n"
                   "  reference: difference\n"
                   "  arms:\n"
                   "    zero: {illumination.pattern: center}\n"
                   "    difference: {illumination: {pattern: dpc, exposures: 2}, camera.readout: difference}\n"
                   "    learned: {illumination.learn: {learn: true, lr: 2e-2}, dataset.path: x, camera.qe: .3, "
                   "camera.preset: ideal}\n"
                   "  grid: {illumination.dose_ph: [50, 200]}\n");
    const sg_sweep_index *index = sg_sweep_rows(sweep);
    assert_int_equal(index->row_count, 12);
    assert_string_equal(index->title, "Which light?");
    assert_string_equal(index->reference, "difference");
    must(sg_sweep_config(&config, sweep, 2));
    assert_string_equal(index->rows[2].arm, "difference");
    assert_int_equal(config.microscope.illumination.pattern, SG_PATTERN_DPC);
    assert_int_equal(config.microscope.illumination.exposures, 2);
    assert_int_equal(config.microscope.camera.bit_depth, 10);
    assert_true(config.microscope.illumination.dose_ph == 50 && config.train.seed == UINT64_MAX - 2);
    must(sg_sweep_config(&config, sweep, 11));
    assert_true(config.microscope.illumination.learn.on && config.microscope.illumination.learn.lr == .02);
    assert_true(config.microscope.illumination.dose_ph == 200 && config.train.seed == UINT64_MAX - 1);
    assert_true(config.dataset.path[0] == '/');
    assert_true(config.microscope.camera.qe == .3); /* the preset came first */
    sg_sweep_free(sweep);
}

static void draws_stay_inside_and_repeat(void **state)
{
    static const char text[] =
        "sweep:\n"
        "  random: {count: 200, seed: 3, keys: {camera.qe: {uniform: [.25, .5]}, optimiser.lr: "
        "{log: [1e-4, 1e-2]}, network.width: {of: [8, 16]}, camera.bit_depth: {uniform: [.6, 4.4]}}}\n";
    int wide = 0, small = 0, bits[5] = {0};
    (void)state;
    sg_sweep *sweep = read_sweep(text), *again = read_sweep(text);
    assert_string_equal(sg_sweep_table(sweep), sg_sweep_table(again));
    const sg_sweep_index *index = sg_sweep_rows(sweep);
    assert_int_equal(index->row_count, 200);
    for (int i = 0; i < 200; i++) {
        sg_config c;
        must(sg_sweep_config(&c, sweep, i));
        assert_true(c.microscope.camera.qe >= .25 && c.microscope.camera.qe <= .5);
        assert_true(c.optimiser.lr >= 1e-4 && c.optimiser.lr <= 1e-2);
        assert_true(c.microscope.camera.bit_depth >= 1 && c.microscope.camera.bit_depth <= 4);
        wide += c.unet.width == 16;
        small += c.optimiser.lr < 1e-3;
        bits[c.microscope.camera.bit_depth]++;
    }
    /* binomial, 200 draws: more than four standard deviations off does not happen */
    assert_in_range(wide, 72, 128);
    assert_in_range(small, 72, 128);
    for (int b = 1; b <= 4; b++) assert_in_range(bits[b], 26, 74);
    sg_sweep_free(sweep);
    sg_sweep_free(again);
}

static void the_same_config_is_one_run(void **state)
{
    int *runs, count;
    (void)state;
    sg_sweep *sweep = read_sweep("sweep:\n"
                                 "  seeds: [1, 2]\n"
                                 "  arms: {a: {}, b: {camera.bit_depth: 8}, c: {camera.bit_depth: 4}}\n"
                                 "  grid: {camera.bit_depth: [2, 8]}\n");
    must(sg_sweep_index_runs(&runs, &count, sg_sweep_rows(sweep)));
    assert_int_equal(sg_sweep_rows(sweep)->row_count, 12);
    assert_int_equal(count, 6); /* 2, 4 and 8 bits: an arm's word counts more than the grid's */
    sg_free(runs);
    sg_sweep_free(sweep);
    /* keys that say how fast, not what */
    sweep = read_sweep("sweep: {grid: {dataset.memory_mib: [1, 2], dataset.cache: [a, b], train.threads: [1, 2]}}\n");
    must(sg_sweep_index_runs(&runs, &count, sg_sweep_rows(sweep)));
    assert_int_equal(count, 1);
    sg_free(runs);
    sg_sweep_free(sweep);
}

static void refused(const char *section, const char *rest)
{
    sg_sweep *sweep;
    char text[1024], want[1024];
    (void)snprintf(text, sizeof text, "camera: {qe: 1}\nsweep:\n%s", section);
    (void)snprintf(want, sizeof want, "%s:%s", place_path("s.yaml"), rest);
    place_put_text("s.yaml", text);
    assert_int_equal(sg_sweep_read(&sweep, place_path("s.yaml"), NULL, 0), SG_E_CONFIG);
    if (strcmp(sg_error_text(), want) != 0) fail_msg("\"%s\" is not \"%s\"", sg_error_text(), want);
    sg_sweep_free(sweep);
}

static void a_wrong_sweep_file_is_refused_with_its_line(void **state)
{
    static const char *const bad[][2] = {
        {" grid: {camera.bitdepth: [1]}", "3: camera.bitdepth: unknown key; did you mean camera.bit_depth?"},
        {" arms:\n  a: {}\n  b: {camera.bitdepth: 8}",
         "5: camera.bitdepth: unknown key; did you mean camera.bit_depth?"},
        {" arms:\n  a:\n   camera.qe: 1\n   camera.bit_depth: 17", "6: camera.bit_depth: 17 is outside 1..16 (bits)"},
        {" grid: {camera.bit_depth: [8, 0]}", "3: camera.bit_depth: 0 is outside 1..16 (bits)"},
        {" seeds: [1, 1]", "3: sweep.seeds: the same seed twice"},
        {" seeds: [1, -1]", "3: sweep.seeds: not a whole number"},
        {" seeds: []", "3: sweep.seeds: 0 seeds; 1..100000 are possible"},
        {" seeds: {from: 1}", "3: sweep.seeds: expected [1, 2, 3] or {from: 1, count: 3}"},
        {" seeds: {from: 18446744073709551615, count: 2}", "3: sweep.seeds: a seed is at most 2^64 - 1"},
        {" seeds: {from: 1, count: 1000000000}", "3: sweep.seeds: 1000000000 seeds; 1..100000 are possible"},
        {" seed: [1]", "3: sweep.seed: unknown key; expected title, seeds, arms, reference, grid or random"},
        {" reference: b\n arms: {a: {}}", "3: sweep.reference: there is no arm of this name"},
        {" arms: {../a: {}}", "3: sweep.arms: a name has at most 47 letters, digits, _ or -"},
        {" arms: {a: {train.seed: 1}}", "3: sweep.arms: train.seed is swept by sweep.seeds"},
        {" grid: {train.seed: [1]}", "3: sweep: train.seed is swept by sweep.seeds"},
        {" grid: [camera.qe]", "3: sweep.grid: expected keys with values, such as {camera.bit_depth: [1, 8]}"},
        {" grid: {camera.qe: []}", "3: sweep: 0 values; 1..100000 are possible"},
        {" grid:\n  camera.qe: .5",
         "4: sweep.grid: expected [1, 2], {from: 0, to: 1, step: .25} or {log: [1, 100], count: 5}"},
        {" grid:\n  camera.qe: {from: 0, to: 1, step: .5, steps: 3}",
         "4: sweep.grid: expected [1, 2], {from: 0, to: 1, step: .25} or {log: [1, 100], count: 5}"},
        {" grid:\n  camera.qe: {log: [.1, 1], count: 3, base: 2}",
         "4: sweep.grid: expected [1, 2], {from: 0, to: 1, step: .25} or {log: [1, 100], count: 5}"},
        {" grid:\n  camera.qe: {from: 0, to: 1, step: -.1}", "4: sweep.grid: no number of these steps leads there"},
        {" grid:\n  camera.qe: {from: 0, to: 1, step: 0}", "4: sweep: inf values; 1..100000 are possible"},
        {" grid:\n  camera.qe: {from: 0, to: 1, step: 1e-6}", "4: sweep: 1000001 values; 1..100000 are possible"},
        {" grid:\n  camera.qe: {from: 0, to: nan, step: 1}", "4: sweep.grid: 'nan' is not a number in -1e+300..1e+300"},
        {" grid:\n  camera.qe: {log: [0, 1], count: 3}", "4: sweep.grid: '0' is not a number in 1e-300..1e+300"},
        {" grid:\n  camera.qe: {log: [.1, 1], count: 1}", "4: sweep.grid: count: '1' is not a number in 2..100000"},
        {" grid:\n  camera.qe: {log: [1, .1], count: 3}", "4: sweep.grid: expected [lowest, highest]"},
        {" grid:\n  \"camera.qe, optics.na\": [1]", "4: sweep.grid: expected 2 values, one a key, such as [1, 2]"},
        {" grid:\n  \"camera.qe, optics.na\": [[1, .1, 2]]",
         "4: sweep.grid: expected 2 values, one a key, such as [1, 2]"},
        {" grid:\n  \"camera.qe,, optics.na\": [[1, .1]]", "4: sweep: 'camera.qe,, optics.na' is not a list of keys"},
        {" grid:\n  camera.qe: [1]\n random: {count: 1, keys: {camera.qe: {of: [1]}}}",
         "5: sweep: camera.qe is swept twice, first on line 4"},
        {" random: {count: 1}",
         "3: sweep.random: expected {count: 20, seed: 7, keys: {camera.qe: {uniform: [.5, 1]}}}"},
        {" random: {count: 1, keys: {camera.qe: {normal: [0, 1]}}}",
         "3: sweep.random: expected {uniform: [0, 1]}, {log: [1e-4, 1e-2]} or {of: [8, 16]}"},
        {" random: {count: 1, keys: {camera.bit_depth: {uniform: [3.2, 3.8]}}}",
         "3: sweep.random: no whole number lies between"},
        {" random: {count: 2, n: 3, keys: {camera.qe: {of: [1]}}}",
         "3: sweep.random.n: unknown key; expected count, seed or keys"},
        {" grid: {dataset.path: [a/x, b/x]}",
         " rows 1 and 2 of its table differ in the folder of a file only, and runs are told apart by the names of "
         "files: give the files different names"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) refused(bad[i][0], bad[i][1]);
    refused(" seeds: {from: 1, count: 1000}\n grid: {camera.qe: {from: .1, to: .3, step: .001}}",
            " sweep: 201000 combinations of keys, arms and seeds; at most 100000 are possible");
}

/* Damaged files are read or refused with one line that names the file; never a crash. */
static void damaged_files_are_refused_with_one_line(void **state)
{
    static const char text[] =
        "sweep:\n  title: \"Which?\"\n  seeds: {from: 1, count: 2}\n  reference: b\n  arms:\n    a: {camera.qe: .5}\n"
        "    b: {illumination.learn: {learn: true, lr: 0.1}}\n  grid:\n    camera.bit_depth: [1, 8]\n"
        "    illumination.dose_ph: {log: [20, 200], count: 3}\n    optics.defocus_um: {from: -1, to: 1, step: 0.5}\n"
        "    \"optics.na, sample.size_px\": [[0.1, 64], [0.2, 32]]\n"
        "  random: {count: 3, seed: 7, keys: {optimiser.lr: {log: [1e-4, 1e-2]}, network.width: {of: [8, 16]}}}\n";
    const char signs[] = "{}[]:,-&*!\"'\n \t#%@0eE.|>?";
    int refusals = 0;
    (void)state;
    sg_sweep_free(read_sweep(text));
    for (uint32_t round = 0; round < 150; round++) {
        char copy[sizeof text];
        sg_sweep *sweep;
        const sg_rng rng = sg_rng_make(6, SG_RNG_TEST, 0, round, 0);
        memcpy(copy, text, sizeof text);
        for (uint32_t i = 0; i <= round % 5; i++) {
            uint32_t word[4];
            sg_rng_words(&rng, i, 0, word);
            copy[7 + word[0] % (sizeof text - 8)] = word[1] % 3 ? signs[word[2] % (sizeof signs - 1)] : (char)word[2];
        }
        place_put("damaged.yaml", copy, round % 10 ? sizeof text - 1 : round * sizeof text / 150);
        const sg_status status = sg_sweep_read(&sweep, place_path("damaged.yaml"), NULL, 0);
        if (status != SG_OK && !strstr(sg_error_text(), "damaged.yaml")) fail_msg("%u: %s", round, sg_error_text());
        if (status != SG_OK && strchr(sg_error_text(), '\n')) fail_msg("%u: %s", round, sg_error_text());
        refusals += status != SG_OK;
        sg_sweep_free(sweep);
    }
    print_message("# %d of 150 damaged sweep files were refused\n", refusals);
    assert_true(refusals >= 100);
}

/* ---- running ---- */

static void a_sweep_runs_once_and_is_resumed(void **state)
{
    (void)state;
    sweep_put(1);
    assert_int_equal(place_run("sweep tiny.yaml -o s -j 2"), 0);
    assert_int_equal(place_shell("test $(ls s/runs/*/DONE | wc -l) = 4 && grep -q '^\\[4/4\\] ' err"), 0);
    assert_int_equal(place_run("sweep tiny.yaml -o s"), 0);
    assert_int_equal(place_shell("test ! -s err"), 0); /* nothing was to do */
    assert_int_equal(place_run("status s"), 0);
    assert_int_equal(place_shell("grep -q '^4 runs: 4 done, 0 failed, 0 running, 0 waiting$' out"), 0);
    assert_int_equal(place_run("status s --all"), 0);
    assert_int_equal(place_shell("test $(grep -c '  done  *\\(fixed\\|learned\\) dose_ph=[0-9]* seed 1$' out) = 4"), 0);
    assert_int_equal(place_run("status s --json"), 0);
    assert_int_equal(place_shell("grep -q '\"done\": 4' out && test $(grep -c '\"state\": \"done\"' out) = 4"), 0);
    assert_int_equal(place_shell("! command -v python3 > /dev/null || python3 -m json.tool out > /dev/null"), 0);
    assert_int_equal(place_run("status nowhere"), 2);
}

static void another_sweep_in_the_folder_is_refused(void **state)
{
    (void)state;
    assert_int_equal(place_run("sweep tiny.yaml -o s --set camera.qe=.5"), 2);
    assert_int_equal(place_shell("grep -q 's: holds another sweep' err"), 0);
    assert_int_equal(place_shell("sed -i '$ d' s/runs.csv; \"$SG\" sweep tiny.yaml -o s 2> err"), 2);
    assert_int_equal(place_shell("grep -q 'another version of the program' err"), 0);
    assert_int_equal(place_run("sweep tiny.yaml -o s --part 0/3"), 2);
    assert_int_equal(place_run("sweep tiny.yaml -o s --part 1"), 2);
    assert_int_equal(place_run("sweep tiny.yaml"), 2);
    assert_int_equal(place_run("sweep none.yaml -o none"), 2);
    assert_int_equal(place_shell("test ! -e none"), 0);
}

static void a_failed_run_is_named_and_tried_again(void **state)
{
    (void)state;
    assert_int_equal(
        place_shell(
            "sed 's/illumination.dose_ph: .50, 200./dataset.path: [nowhere, nothing]/' tiny.yaml > failing.yaml"),
        0);
    const char *line = "\"$SG\" sweep failing.yaml -o f -j 1 -q --set dataset.kind=folder 2> err";
    for (int again = 0; again < 2; again++) {
        assert_int_equal(place_shell(line), 3);
        assert_int_equal(
            place_shell("test $(grep -c '^failed: f/runs/.* seed 1): exit code [12]: .*/no[wt]h' err) = 4 && "
                        "grep -q 'f: 4 of 4 runs failed' err && test $(ls f/runs/*.failed | wc -l) = 4"),
            0);
    }
    assert_int_equal(place_run("status f"), 0);
    assert_int_equal(place_shell("test $(grep -c ' failed .*/no[wt]h' out) = 4"), 0);
    assert_int_equal(
        place_shell("\"$SG\" sweep failing.yaml -o g -j 1 -q --set dataset.kind=folder --stop-on-failure 2> err"), 3);
    assert_int_equal(place_shell("test $(ls g/runs/*.failed | wc -l) = 1 && grep -q '1 of 4 runs failed' err"), 0);
}

/* Kills the first training of a sweep; its exit code. */
static int kill_first(const char *folder, const char *const options[])
{
    const pid_t sweep = sweep_start(folder, options);
    pid_t worker = 0;
    for (int i = 0; i < 2000 && worker == 0; i++) {
        worker = sweep_worker(folder, 0);
        sleep_ms(5);
    }
    assert_true(worker > 0);
    (void)kill(worker, SIGKILL);
    return sweep_wait(sweep);
}

static void a_killed_run_is_tried_again_when_asked(void **state)
{
    (void)state;
    assert_int_equal(kill_first("k", (const char *const[]){"-j", "1", NULL}), 3);
    char *err = place_get("k.err");
    if (!strstr(err, "ended by signal 9 (Killed)") || !strstr(err, "1 of 4 runs failed")) fail_msg("%s", err);
    sg_free(err);
    assert_int_equal(kill_first("r", (const char *const[]){"-j", "1", "--retry", "1", NULL}), 0);
}

static void a_run_that_takes_too_long_is_ended(void **state)
{
    (void)state;
    const char *const options[] = {"-j", "4", "--time-limit", ".02", "--set", "train.steps=1000000", NULL};
    assert_int_equal(sweep_run("long", options), 3);
    char *err = place_get("long.err");
    if (!strstr(err, "longer than 0.02 minutes")) fail_msg("%s", err);
    sg_free(err);
    assert_int_equal(place_shell("test $(ls long/runs/*/last.ckpt | wc -l) = 4"), 0); /* they saved their work */
    assert_false(sweep_busy("long"));
}

/* The training of a killed sweep goes on under its lock; a second sweep leaves it alone and waits for it. */
static void an_orphan_is_waited_for(void **state)
{
    const char *const options[] = {"-j", "1", "--set", "train.steps=300", NULL};
    pid_t worker = 0;
    (void)state;
    const pid_t sweep = sweep_start("orphan", options);
    for (int i = 0; i < 2000 && worker == 0; i++) {
        worker = sweep_worker("orphan", 0);
        sleep_ms(5);
    }
    (void)kill(sweep, SIGKILL);
    assert_int_equal(sweep_wait(sweep), -SIGKILL);
    assert_int_equal(sweep_worker("orphan", 0), worker);
    assert_int_equal(place_run("status orphan"), 0);
    assert_int_equal(place_shell("grep -q 'running  fixed dose_ph=50 seed 1  step [0-9]*/300' out"), 0);
    assert_int_equal(sweep_run("orphan", options), 0);
    /* a log of one start: the run was not begun a second time */
    assert_int_equal(
        place_shell("id=$(sed -n 2p orphan/runs.csv | cut -d, -f1); cut -d, -f1 orphan/runs/$id/timing.csv | "
                    "sort | uniq -d | grep . && exit 1; test -e orphan/runs/$id/DONE"),
        0);
}

static void two_sweeps_share_a_folder(void **state)
{
    const char *const options[] = {"-j", "2", NULL};
    (void)state;
    const pid_t a = sweep_start("shared", options), b = sweep_start("shared", options);
    assert_int_equal(sweep_wait(a), 0);
    assert_int_equal(sweep_wait(b), 0);
    sweep_same("r", "shared");
    /* no run was trained twice: each step is in its timing.csv once */
    assert_int_equal(
        place_shell("for f in shared/runs/*/timing.csv; do cut -d, -f1 $f | sort | uniq -d | grep . && exit "
                    "1; done; true"),
        0);
}

/* A terminal of 60 columns: rows are cut there, so that they can be taken back. */
static void a_terminal_has_a_live_table(void **state)
{
    (void)state;
    if (place_shell("command -v script > /dev/null") != 0) {
        print_message("# skipped: there is no script(1)\n");
        skip();
    }
    assert_int_equal(place_shell("script -qec \"stty cols 60; '$SG' sweep tiny.yaml -o live -j 1\" /dev/null > out"),
                     0);
    assert_int_equal(
        place_shell(
            "tr -d '\\r' < out | sed 's/.*\\x1b\\[J//' > rows; grep -q '^  [0-9a-f]*  step [0-9]' rows && "
            "grep -q \"$(printf '\\033')\\[[0-9]*A\" out && tail -n 1 rows | grep -q '^4 of 4 done, 0 running' && "
            "test $(awk '{ if (length($0) > n) n = length($0) } END { print n }' rows) -le 59"),
        0);
}

static void a_dry_run_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(place_run("sweep tiny.yaml -o dry -n"), 0);
    assert_int_equal(place_shell("test ! -e dry && grep -q '4 combinations, 4 different runs, 0 of them done' out"), 0);
}

static void a_job_array_is_written(void **state)
{
    (void)state;
    assert_int_equal(place_run("sweep tiny.yaml -o job --slurm --slurm-tasks 3 --slurm-at-once 2 --slurm-cores 1 "
                               "--slurm-account lab --retry 2 --set \"camera.qe=.5\""),
                     0);
    assert_int_equal(place_shell("cd job; test -e runs.csv && grep -q '^#SBATCH --array=1-3%2$' job.sbatch && grep -q "
                                 "'^#SBATCH --cpus-per-task=1$' job.sbatch && grep -q '^#SBATCH --account=lab$' "
                                 "job.sbatch && grep -q '^#SBATCH --time=5$' job.sbatch && grep -q '^#SBATCH "
                                 "--mem=[0-9]*M$' job.sbatch && grep -q 'times the memory' job.sbatch"),
                     0);
    assert_int_equal(place_shell("grep -qxF \"#SBATCH --chdir=\\\"$(pwd -P)\\\"\" job/job.sbatch"), 0);
    /* a folder of this name is none of sbatch's patterns */
    assert_int_equal(place_run("sweep tiny.yaml -o job%j --slurm"), 0);
    assert_int_equal(place_shell("grep -q '^#SBATCH --output=.*/job%%j/slurm-%a.out\"$' job%j/job.sbatch"), 0);
    /* what sbatch would do */
    assert_int_equal(place_shell("for k in 1 2 3; do SLURM_ARRAY_TASK_ID=$k sh job/job.sbatch 2> err || exit 1; done; "
                                 "test $(ls job/runs/*/DONE | wc -l) = 4"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_read),
        cmocka_unit_test(a_damaged_index_is_refused),
        cmocka_unit_test(every_kind_of_axis_is_expanded),
        cmocka_unit_test(a_row_becomes_a_config),
        cmocka_unit_test(draws_stay_inside_and_repeat),
        cmocka_unit_test(the_same_config_is_one_run),
        cmocka_unit_test(a_wrong_sweep_file_is_refused_with_its_line),
        cmocka_unit_test(damaged_files_are_refused_with_one_line),
        cmocka_unit_test(a_sweep_runs_once_and_is_resumed),
        cmocka_unit_test(another_sweep_in_the_folder_is_refused),
        cmocka_unit_test(a_failed_run_is_named_and_tried_again),
        cmocka_unit_test(a_killed_run_is_tried_again_when_asked),
        cmocka_unit_test(a_run_that_takes_too_long_is_ended),
        cmocka_unit_test(an_orphan_is_waited_for),
        cmocka_unit_test(two_sweeps_share_a_folder),
        cmocka_unit_test(a_terminal_has_a_live_table),
        cmocka_unit_test(a_dry_run_writes_nothing),
        cmocka_unit_test(a_job_array_is_written),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
