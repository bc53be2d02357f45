/* test_bench.c - `scopegrad bench nn`: every op of the network is in the table, and its shares make up the step. */
#include "core/memory.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char config_text[] = "sample: {size_px: 64}\n"
                                  "illumination: {rows: 5, columns: 5, pattern: half}\n"
                                  "camera: {range_e: 300, offset_adu: 10}\n"
                                  "network: {width: 8, depth: 2, norm: batch}\n"
                                  "train: {batch_size: 4}\n";

/* The ops of this network and its loss; ReLUs are fused. */
static const struct {
    const char *op;
    int count;
} ops[] = {{"conv2d", 11}, {"batch_norm", 10}, {"max_pool", 2}, {"conv_transpose", 2},
           {"concat", 2},  {"bce", 1},         {"dice", 1},     {"combine", 1}};
enum { OPS = sizeof ops / sizeof ops[0], NUMBERS_AT = 44 };

/* What a table says. */
typedef struct table {
    int count[OPS], rows;
    double op_share, network_share, part_share; /* sum of the ops; of network, microscope and the rest */
    double again_ms;
} table;

/* The numbers of a line: milliseconds forward, backward, again, in all, and the share in percent. */
static void read_numbers(double out[5], const char *line)
{
    if (sscanf(line + NUMBERS_AT, "%lf %lf %lf %lf %lf%%", &out[0], &out[1], &out[2], &out[3], &out[4]) != 5)
        fail_msg("%.160s", line);
    for (int i = 0; i < 5; i++)
        if (!(out[i] >= 0 && out[i] < (i < 4 ? 1e6 : 100.01))) fail_msg("%.160s", line);
    if (!(fabs(out[0] + out[1] + out[2] - out[3]) < .003) && out[0] > 0) fail_msg("%.160s", line);
}

/* A convolution works in both directions, at a speed, with a kernel. */
static void check_convolution(const double numbers[5], const char *line)
{
    double speed[4];
    char kernel[64];
    if (!(numbers[0] > 0 && numbers[1] > 0 && numbers[4] > 0)) fail_msg("%.160s", line);
    if (sscanf(strchr(line, '%') + 1, "%lf %lf%% %lf %lf%% %63s", &speed[0], &speed[1], &speed[2], &speed[3], kernel) !=
        5)
        fail_msg("%.160s", line);
    for (int i = 0; i < 4; i++)
        if (!(speed[i] >= 0 && speed[i] < 1e6)) fail_msg("%.160s", line);
}

static void read_op(table *t, const char *op, const char *line)
{
    double numbers[5];
    int known = 0;
    read_numbers(numbers, line);
    for (int i = 0; i < OPS; i++)
        if (strcmp(op, ops[i].op) == 0) t->count[i]++, known = 1;
    if (!known) fail_msg("not of the network: %.160s", line);
    if (strcmp(op, "conv2d") == 0) check_convolution(numbers, line);
    t->rows++;
    t->op_share += numbers[4];
    t->again_ms += numbers[2];
}

static void read_sum(table *t, const char *line)
{
    double numbers[5];
    read_numbers(numbers, line);
    t->part_share += numbers[4];
    if (strncmp(line, "  the network", 13) == 0) t->network_share = numbers[4];
}

static void read_table(table *t, char *text)
{
    char *rest = NULL;
    *t = (table){.network_share = NAN};
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char op[64];
        int index, n, c, h, w;
        if (sscanf(line, "  %63s %d %d %d %d %d", op, &index, &n, &c, &h, &w) == 6)
            read_op(t, op, line);
        else if (strncmp(line, "  the ", 6) == 0 || strncmp(line, "  optimiser", 11) == 0)
            read_sum(t, line);
    }
}

/* Runs `bench nn`; `word` must be in what it prints. */
static void bench(table *t, const char *sets, const char *word)
{
    char command[256];
    (void)snprintf(command, sizeof command, "bench nn config.yaml -n 3 -t 2 %s", sets);
    if (place_run(command) != 0) fail_msg("%s: %s", command, place_get("err"));
    char *text = place_get("out");
    if (strstr(text, ": 2 threads, ") == NULL || strstr(text, ": 2 threads, ") > strchr(text, '\n'))
        fail_msg("the first line does not know the threads: %.200s", text);
    if (strstr(text, word) == NULL) fail_msg("%s: \"%s\" is missing", sets, word);
    read_table(t, text);
    sg_free(text);
}

static void every_op_has_its_share(void **state)
{
    static const char *const list[][2] = {{"", "winograd"},
                                          {"--set nn.algorithm=direct", ", direct sums"},
                                          {"--set nn.precision=bf16", " bf16"},
                                          {"--set nn.recompute=true", ", recompute"}};
    (void)state;
    for (int k = 0; k < 4; k++) {
        table t;
        bench(&t, list[k][0], list[k][1]);
        for (int i = 0; i < OPS; i++)
            if (t.count[i] != ops[i].count)
                fail_msg("%s: %d of %s, not %d", list[k][0], t.count[i], ops[i].op, ops[i].count);
        if (!(fabs(t.part_share - 100) <= .02)) fail_msg("the parts add up to %.2f %%", t.part_share);
        if (!(fabs(t.op_share - t.network_share) <= .005 * (t.rows + 2)))
            fail_msg("the ops add up to %.2f %%, the network has %.2f %%", t.op_share, t.network_share);
        assert_true((t.again_ms > 0) == (k == 3));
    }
}

/* A signal ends each bench after its step, with a line and exit code 1. */
static void a_signal_ends_it(void **state)
{
    static const char *const kinds[] = {"nn config.yaml", "physics"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        char line[512];
        (void)snprintf(line, sizeof line,
                       "rm -f out; \"$SG\" bench %s -t 2 -n 1000 >out 2>err & pid=$!; "
                       "for i in $(seq 600); do test -s out && break; sleep .05; done; kill -INT $pid; wait $pid",
                       kinds[i]);
        assert_int_equal(place_shell(line), 1);
        char *text = place_get("err");
        if (strstr(text, "interrupted after ") == NULL || strstr(text, " of 1000 steps\n") == NULL)
            fail_msg("bench %s: %s", kinds[i], text);
        sg_free(text);
    }
}

static int make_place(void **state)
{
    if (place_make(state) != 0) return -1;
    place_put_text("config.yaml", config_text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_has_its_share),
        cmocka_unit_test(a_signal_ends_it),
    };
    return cmocka_run_group_tests(tests, make_place, place_remove);
}
