/* cmd_bench.c - scopegrad bench CONFIG: time of a training step, op by op, on made-up pictures; scopegrad bench
 * nn CONFIG: its network against the machine (bench_nn.c); scopegrad bench physics: the physical layer
 * (bench_physics.c). */
#include "core/parallel.h"
#include "nn/ops.h"
#include "pipeline/args.h"
#include "pipeline/bench_nn.h"
#include "pipeline/bench_physics.h"
#include "pipeline/bench_table.h"
#include "pipeline/classes.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/evaluate.h"
#include "pipeline/peak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SG_BENCH_STEPS_MAX = 1000, SG_BENCH_CLASSES = 10 /* where dataset.classes does not say */ };

static bool is_network(const char *op_name)
{
#define SG_NAME(op) #op,
    static const char *const names[] = {SG_NN_OPS(SG_NAME)};
#undef SG_NAME
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], op_name) == 0) return true;
    return false;
}

static bool is_physics(const char *op_name)
{
    return !is_network(op_name);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sg_status measure(sg_program *program, sg_model *model, const sg_config *config, int steps)
{
    double seconds[SG_BENCH_STEPS_MAX];
    struct rusage usage;
    sg_plan_info info;
    for (int i = -1; i < steps; i++) {
        SG_TRY(sg_bench_go_on(i < 0 ? 0 : i, steps));
        const double begin = sg_clock();
        if (i == 0) sg_plan_profile(program->plan, true);
        SG_TRY(sg_program_step(program, model, config, 1));
        if (i >= 0) seconds[i] = sg_clock() - begin;
    }
    const double physics = sg_plan_profile_seconds(program->plan, is_physics),
                 network = sg_plan_profile_seconds(program->plan, is_network);
    qsort(seconds, (size_t)steps, sizeof seconds[0], ascending);
    sg_plan_info_get(program->plan, &info);
    getrusage(RUSAGE_SELF, &usage);
    sg_plan_profile_print(program->plan, stdout);
    printf("step: median %.4f s, least %.4f s of %d; batch %d, %d threads\n", seconds[steps / 2], seconds[0], steps,
           program->batch, sg_threads());
    printf("physics: %.2f %% of the ops' time\n", 100 * physics / (physics + network));
    printf("memory: arena %.1f MiB, parameters %.1f MiB, process peak %.1f MiB\n", (double)info.arena_bytes / 1048576,
           (double)info.param_bytes / 1048576, (double)usage.ru_maxrss / 1024);
    return SG_OK;
}

sg_status sg_cmd_bench(int argc, char **argv)
{
    const char *words[2] = {NULL, NULL};
    int threads = 0, steps = 10;
    bool done = false, verbose = false;
    sg_option_list sets = {0};
    sg_config config;
    sg_model *model = NULL;
    sg_program program = {0};
    const sg_option options[] = {
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config"},
        {"steps", 'n', SG_OPTION_INT, &steps, "N", "steps to time", 1, SG_BENCH_STEPS_MAX},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
        {"verbose", 'v', SG_OPTION_FLAG, &verbose, NULL, "print what each pass of the plan decided"},
    };
    const sg_usage usage = {
        "bench",
        "[nn] [CONFIG] | physics",
        "Times training steps on random pictures, op by op. Without CONFIG: the main job. With the word nn: the "
        "network's ops with kernel, GFLOP/s, GB/s, share of the step and of what the machine can do at best. With the "
        "word physics: the same for the physical layer alone, at sizes of its own.",
        "scopegrad bench nn --set network.width=32 --set network.depth=4",
        options,
        SG_COUNT(options),
        0,
        2};
    SG_TRY(sg_args_parse(&usage, argc, argv, words, NULL, &done));
    if (done) return SG_OK;
    sg_threads_set(threads);
    const bool nn = words[0] != NULL && strcmp(words[0], "nn") == 0;
    const char *path = words[nn];
    if (!nn && words[1] != NULL)
        SG_FAIL(SG_E_USAGE, "unexpected argument '%.60s'; see scopegrad bench --help", words[1]);
    if (path != NULL && strcmp(path, "physics") == 0 && !nn) return sg_bench_physics(steps, stdout);
    SG_TRY(sg_cmd_config(&config, path, &sets));
    (void)sg_range_resolve(&config);
    SG_TRY(sg_classes_resolve(&config, NULL));
    if (config.found.classes == 0) config.found.classes = SG_BENCH_CLASSES;
    sg_status status = sg_model_new(&model, 1);
    if (status == SG_OK)
        status = sg_program_make(&program, &config, model, config.train.batch_size, SG_PROGRAM_TRAIN,
                                 verbose ? stdout : NULL);
    if (status == SG_OK) {
        sg_program_made_up(&program);
        status = nn ? sg_bench_nn(&program, model, &config, steps, stdout) : measure(&program, model, &config, steps);
    }
    sg_program_free(&program);
    sg_model_free(model);
    return sg_cmd_blame(status, path, &sets);
}
