/* test_trace.c - `train --profile`: every kernel of every traced step is in the file, spans lie inside each other, the
 * file is whole whatever ends the training, and no result knows of it. */
#include "core/memory.h"
#include "pipeline/program.h"
#include "pipeline/text.h"
#include "place.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { STEPS = 6, VALIDATE_EVERY = 3, ROWS_MAX = 512 };
static const char config_text[] =
    "sample: {size_px: 64}\n"
    "illumination: {rows: 5, columns: 5, pattern: random, learn: {learn: true, lr: 0.02}}\n"
    "camera: {range_e: 300}\n"
    "network: {width: 8, depth: 2}\n"
    "nn: {recompute: true}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 8, validation: 4, test: 5}}\n"
    "train: {steps: 6, batch_size: 4, validate_every: 3}\n";

/* ---- reading a trace ---- */
typedef struct span {
    const char *name, *kind; /* "cat" of the file */
    const cJSON *args;
    int64_t begin_ns, end_ns;
    int step, parent; /* index of the innermost span around it; -1: none */
} span;

typedef struct spans {
    cJSON *root;
    span *at;
    int count;
} spans;

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (item == NULL) fail_msg("an event has no %s", name);
    return item;
}

static double number(const cJSON *object, const char *name)
{
    if (!cJSON_IsNumber(member(object, name))) fail_msg("%s is no number", name);
    return member(object, name)->valuedouble;
}

static const char *text(const cJSON *object, const char *name)
{
    if (!cJSON_IsString(member(object, name))) fail_msg("%s is no text", name);
    return member(object, name)->valuestring;
}

/* Times come in microseconds with three decimals: whole nanoseconds. */
static int64_t nanoseconds(double us)
{
    if (!(fabs(1e3 * us - rint(1e3 * us)) < 1e-3)) fail_msg("%.9g us is no whole number of nanoseconds", us);
    return llround(1e3 * us);
}

static span read_span(const cJSON *event)
{
    const cJSON *args = member(event, "args");
    const int64_t begin_ns = nanoseconds(number(event, "ts")), length_ns = nanoseconds(number(event, "dur"));
    assert_true(begin_ns >= 0 && length_ns >= 0);
    assert_string_equal(text(event, "ph"), "X");
    return (span){text(event, "name"),  text(event, "cat"),        args, begin_ns,
                  begin_ns + length_ns, (int)number(args, "step"), -1};
}

/* Events come in order of time; each ends inside the one that is open when it begins. */
static void find_parents(const spans *s)
{
    for (int i = 1; i < s->count; i++) {
        int parent = i - 1;
        if (s->at[i].begin_ns < s->at[i - 1].begin_ns)
            fail_msg("%s begins before %s", s->at[i].name, s->at[i - 1].name);
        while (parent >= 0 && s->at[parent].end_ns <= s->at[i].begin_ns) parent = s->at[parent].parent;
        s->at[i].parent = parent;
        if (parent >= 0 && s->at[i].end_ns > s->at[parent].end_ns)
            fail_msg("%s sticks out of %s", s->at[i].name, s->at[parent].name);
    }
}

static spans read_trace(const char *name)
{
    const cJSON *event;
    char *data = place_get(name);
    spans s = {.root = cJSON_Parse(data)};
    sg_free(data);
    if (s.root == NULL) fail_msg("%s is no JSON", name);
    const cJSON *events = member(s.root, "traceEvents");
    s.at = calloc((size_t)cJSON_GetArraySize(events) + 1, sizeof *s.at);
    assert_non_null(s.at);
    int names = 0;
    cJSON_ArrayForEach(event, events)
    {
        if (strcmp(text(event, "ph"), "M") != 0)
            s.at[s.count++] = read_span(event);
        else
            names += text(member(event, "args"), "name")[0] != 0;
    }
    assert_int_equal(names, 2); /* of the process and of its thread */
    find_parents(&s);
    return s;
}

static void close_trace(spans *s)
{
    cJSON_Delete(s->root);
    free(s->at);
}

/* Spans of this name and kind; step 0: in all. */
static int count(const spans *s, const char *kind, const char *name, int step)
{
    int found = 0;
    for (int i = 0; i < s->count; i++)
        found += strcmp(s->at[i].kind, kind) == 0 && strcmp(s->at[i].name, name) == 0 &&
                 (step == 0 || s->at[i].step == step);
    return found;
}

static void train(const char *arguments)
{
    char line[512];
    (void)snprintf(line, sizeof line, "train config.yaml --no-report -q %s", arguments);
    if (place_run(line) == 0) return;
    (void)place_shell("sed 's/^/# /' err");
    fail_msg("scopegrad %s", line);
}

/* ---- what is in it ---- */
static const char *const kinds[] = {"forward", "backward", "again"};

static void check_kernels_of(const spans *s, const sg_profile_row *row, sg_direction direction)
{
    const int want = row->seconds[direction] > 0 ? 3 : 0, got = count(s, kinds[direction], row->name, 0);
    if (got != want) fail_msg("%s %s: %d spans in 3 steps, not %d", row->name, kinds[direction], got, want);
    for (int i = 0; i < s->count; i++) {
        const span *at = &s->at[i];
        if (strcmp(at->kind, kinds[direction]) != 0 || strcmp(at->name, row->name) != 0) continue;
        const int shape[] = {row->shape.n, row->shape.c, row->shape.h, row->shape.w};
        for (int k = 0; k < 4; k++)
            assert_int_equal(cJSON_GetArrayItem(member(at->args, "shape"), k)->valueint, shape[k]);
        assert_string_equal(text(at->args, "op"), row->op->name);
        assert_true(text(at->args, "kernel")[0] != 0);
    }
}

/* The same program here tells which ops run, and in which directions. */
static void every_kernel_is_there(void **state)
{
    sg_config config;
    sg_model *model = NULL;
    sg_program program;
    static sg_profile_row rows[ROWS_MAX];
    int kernels = 0, runs[3] = {0};
    (void)state;
    train("-o kernels --profile kernels.json --profile-steps 3");
    spans s = read_trace("kernels.json");
    if (sg_config_read(&config, place_path("config.yaml")) != SG_OK || sg_model_new(&model, 1) != SG_OK ||
        sg_program_make(&program, &config, model, config.train.batch_size, SG_PROGRAM_TRAIN, NULL) != SG_OK)
        fail_msg("%s", sg_error_text());
    sg_plan_profile(program.plan, true);
    sg_program_made_up(&program);
    if (sg_program_step(&program, model, &config, 1) != SG_OK) fail_msg("%s", sg_error_text());
    const int ops = sg_plan_profile_rows(program.plan, rows, ROWS_MAX);
    assert_true(ops > 20 && ops <= ROWS_MAX);
    for (int i = 0; i < ops; i++)
        for (sg_direction d = SG_FORWARD; d <= SG_AGAIN; d++) {
            check_kernels_of(&s, &rows[i], d);
            runs[d] += rows[i].seconds[d] > 0;
        }
    for (int i = 0; i < s.count; i++) kernels += strcmp(s.at[i].kind, "stage") != 0;
    assert_true(runs[SG_FORWARD] > 20 && runs[SG_BACKWARD] > 10 && runs[SG_AGAIN] > 0);
    assert_int_equal(kernels, 3 * (runs[SG_FORWARD] + runs[SG_BACKWARD] + runs[SG_AGAIN]));
    sg_program_free(&program);
    sg_model_free(model);
    close_trace(&s);
}

static const char *parent_of(const spans *s, int i)
{
    return s->at[i].parent >= 0 ? s->at[s->at[i].parent].name : "";
}

static void check_place_of(const spans *s, int i)
{
    const span *at = &s->at[i];
    const bool stage = strcmp(at->kind, "stage") == 0, top = !strcmp(at->name, "set-up") || !strcmp(at->name, "step");
    const char *want = !stage ? (strcmp(at->kind, "forward") == 0 ? "forward" : "backward") : top ? "" : "step";
    if (strcmp(parent_of(s, i), want) != 0)
        fail_msg("%s (%s) of step %d is in '%s', not '%s'", at->name, at->kind, at->step, parent_of(s, i), want);
    if (at->parent >= 0) assert_int_equal(at->step, s->at[at->parent].step);
}

static void stages_lie_in_their_step(void **state)
{
    static const char *const once[] = {"step", "loader wait", "forward", "backward", "optimiser"};
    (void)state;
    train("-o stages --profile stages.json --profile-steps 4");
    spans s = read_trace("stages.json");
    assert_string_equal(s.at[0].name, "set-up");
    assert_int_equal(count(&s, "stage", "set-up", 0), 1);
    assert_int_equal(count(&s, "stage", "step", 0), 4);
    for (int i = 0; i < s.count; i++) check_place_of(&s, i);
    for (int step = 1; step <= 4; step++) {
        for (size_t i = 0; i < sizeof once / sizeof *once; i++) assert_int_equal(count(&s, "stage", once[i], step), 1);
        assert_int_equal(count(&s, "stage", "validation", step), step % VALIDATE_EVERY == 0);
        assert_int_equal(count(&s, "stage", "checkpoint", step),
                         step % VALIDATE_EVERY == 0); /* the first is the best */
    }
    close_trace(&s);
}

static void results_do_not_know_of_it(void **state)
{
    (void)state;
    train("-o plain");
    train("-o traced --profile traced/trace.json --profile-steps 2"); /* the run's folder is made in time */
    assert_int_equal(place_shell("for f in results.h5 log.csv last.ckpt best.ckpt weights.safetensors plan.txt; do "
                                 "cmp plain/$f traced/$f || exit 1; done; test -e traced/trace.json"),
                     0);
}

/* ---- how it ends ---- */
static void training_may_end_first(void **state)
{
    (void)state;
    train("-o short --profile short.json --profile-steps 100");
    spans s = read_trace("short.json");
    assert_int_equal(count(&s, "stage", "step", 0), STEPS);
    close_trace(&s);
}

static void a_signal_leaves_a_whole_trace(void **state)
{
    (void)state;
    const int code =
        place_shell("\"$SG\" train config.yaml --set train.steps=1000000 -o stopped --profile stopped.json "
                    "--profile-steps 1000 -q >out 2>err & p=$!; while [ ! -e stopped/log.csv ]; do "
                    "kill -0 $p || exit 9; sleep .01; done; kill -TERM $p; wait $p");
    assert_int_equal(code, 1);
    spans s = read_trace("stopped.json");
    const int steps = count(&s, "stage", "step", 0);
    assert_true(steps >= 1 && steps < 1000);
    for (int i = 0; i < s.count; i++) check_place_of(&s, i);
    assert_true(count(&s, "stage", "checkpoint", steps) >= 1);
    close_trace(&s);
    assert_int_equal(place_shell("grep -q interrupted err"), 0);
}

/* The disk is full when the trace is written, after the run. */
static void a_full_disk_is_said(void **state)
{
    (void)state;
    assert_int_equal(place_run("train config.yaml --no-report -q -o full --profile /dev/full --profile-steps 100"), 1);
    assert_int_equal(place_shell("grep -q '/dev/full.*No space left' err && test -e full/DONE"), 0);
}

static void what_cannot_be_traced_is_refused(void **state)
{
    static const struct {
        const char *arguments, *says;
    } bad[] = {
        {"--profile nowhere/t.json", "--profile nowhere/t.json: there is no folder nowhere"},
        {"--profile .", "--profile .: this is a folder"},
        {"--profile t.json --profile-steps 0", "--profile-steps: 0 is outside 1..1000"},
        {"--profile t.json --profile-steps 1001", "--profile-steps: 1001 is outside 1..1000"},
        {"--profile t.json --profile-steps -3", "--profile-steps: -3 is outside 1..1000"},
        {"--profile t.json --dry-run", "--profile: a dry run takes no steps"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[256];
        (void)snprintf(line, sizeof line, "train config.yaml -q -o refused %s", bad[i].arguments);
        assert_int_equal(place_run(line), 2);
        char *err = place_get("err");
        if (!strstr(err, bad[i].says)) fail_msg("\"%s\" does not say \"%s\"", err, bad[i].says);
        sg_free(err);
        assert_int_equal(place_shell("test ! -e refused && test ! -e t.json"), 0);
    }
}

static void json_strings_are_escaped(void **state)
{
    static const char plain[] = "a \"b\" \\ c\n\x01\x1f \xc3\xa9 100 %s";
    sg_text made = {0};
    (void)state;
    sg_text_json(&made, plain);
    assert_int_equal(made.status, SG_OK);
    cJSON *read = cJSON_Parse(made.data);
    assert_true(cJSON_IsString(read));
    assert_string_equal(read->valuestring, plain);
    cJSON_Delete(read);
    sg_text_free(&made);
}

static int make(void **state)
{
    if (place_make(state) != 0) return -1;
    place_put_text("config.yaml", config_text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_is_there),
        cmocka_unit_test(stages_lie_in_their_step),
        cmocka_unit_test(results_do_not_know_of_it),
        cmocka_unit_test(training_may_end_first),
        cmocka_unit_test(a_signal_leaves_a_whole_trace),
        cmocka_unit_test(a_full_disk_is_said),
        cmocka_unit_test(what_cannot_be_traced_is_refused),
        cmocka_unit_test(json_strings_are_escaped),
    };
    return cmocka_run_group_tests(tests, make, place_remove);
}
