/* bench_unet.c - one U-Net training step (forward, backward, Adam) and one inference, timed.
 * usage: bench_unet WIDTH DEPTH BATCH SIZE none|batch [MODE] [THREADS] [profile]
 * MODE: words joined by '-': auto or direct (algorithm), bf16 (storage of values), recompute; for example bf16, direct-bf16.
 * One channel in and out, BCE-with-logits, random pictures. Prints one JSON line: median and minimum seconds, FLOP of a
 * step (counted as direct convolution: forward + 2 x forward), peak memory,
 * processor seconds (on a busy machine: with one thread), a hash of the weights after the timed
 * steps. */
#include "core/parallel.h"
#include "core/plan.h"
#include "core/rng.h"
#include "nn/loss.h"
#include "nn/ops.h"
#include "nn/optimiser.h"
#include "nn/unet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WARM_UP = 3, STEPS_MAX = 20, INFERENCES = 5 };
static const double seconds_max = 25;

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sg_plan_options options_of(const char *mode, bool train)
{
    return (sg_plan_options){.backward = train,
                             .direct = strstr(mode, "direct") != NULL,
                             .bf16 = strstr(mode, "bf16") != NULL,
                             .recompute = strstr(mode, "recompute") != NULL};
}

static sg_status make(sg_plan **out, sg_model *model, const sg_unet_config *net, sg_shape shape,
                      const sg_plan_options *options)
{
    sg_graph *g = sg_graph_new();
    const sg_value z = sg_unet(g, sg_input(g, "x", shape), net);
    const sg_value loss = options->backward ? sg_bce(g, z, sg_input(g, "label", shape)) : z;
    const sg_status status = sg_plan_make(out, g, model, loss, options);
    sg_graph_free(g);
    return status;
}

static void fill(const sg_plan *plan)
{
    const sg_rng rng = sg_rng_make(0, SG_RNG_TEST, 0, 0, 0);
    float *x = sg_plan_input(plan, "x"), *label = sg_plan_input(plan, "label");
    const size_t len = sg_shape_len(sg_plan_shape(plan, "x"));
    for (size_t i = 0; i < len; i++) {
        x[i] = (float)sg_rng_normal(&rng, (uint32_t)i, 0);
        if (label) label[i] = sg_rng_uniform(&rng, (uint32_t)i, 1) > .5;
    }
}

static sg_status train_step(sg_plan *plan, sg_model *model)
{
    static const sg_optimiser_config adam = {
        .kind = SG_OPTIMISER_ADAM, .lr = 1e-4, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8};
    SG_TRY(sg_plan_forward(plan));
    SG_TRY(sg_plan_backward(plan));
    sg_plan_commit(plan);
    return sg_optimiser_step(model, plan, &adam, 1);
}

/* FNV-1a over every parameter. */
static uint64_t weights_hash(const sg_model *model)
{
    uint64_t hash = 1469598103934665603u;
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        const unsigned char *bytes = (const unsigned char *)p->value;
        for (size_t j = 0; j < p->len * sizeof(float); j++) hash = (hash ^ bytes[j]) * 1099511628211u;
    }
    return hash;
}

static sg_status bench(const sg_unet_config *net, sg_shape shape, const char *mode, bool profile)
{
    sg_model *model = NULL;
    sg_plan *train = NULL, *infer = NULL;
    sg_plan_info info;
    const sg_plan_options training = options_of(mode, true), inferring = options_of(mode, false);
    double step[STEPS_MAX], cpu[STEPS_MAX], inference[INFERENCES];
    int steps = 0;
    const double begin = now(CLOCK_MONOTONIC);
    SG_TRY(sg_model_new(&model, 1));
    SG_TRY(make(&train, model, net, shape, &training));
    fill(train);
    sg_plan_step_set(train, &(sg_step){.training = true});
    const double setup = now(CLOCK_MONOTONIC) - begin;
    SG_TRY(train_step(train, model));
    const double first = now(CLOCK_MONOTONIC) - begin;
    for (int i = 1; i < WARM_UP; i++) SG_TRY(train_step(train, model));
    sg_plan_profile(train, profile);
    for (const double end = now(CLOCK_MONOTONIC) + seconds_max;
         steps < STEPS_MAX && (now(CLOCK_MONOTONIC) < end || steps < 3); steps++) {
        const double start = now(CLOCK_MONOTONIC), start_cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        SG_TRY(train_step(train, model));
        step[steps] = now(CLOCK_MONOTONIC) - start;
        cpu[steps] = now(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
    }
    if (profile) sg_plan_profile_print(train, stderr);
    if (profile) SG_TRY(sg_plan_memory_print(train, 24, stderr));
    sg_plan_info_get(train, &info);
    const double loss = sg_plan_loss(train);
    sg_plan_free(train);
    SG_TRY(make(&infer, model, net, shape, &inferring));
    fill(infer);
    for (int i = 0; i < INFERENCES; i++) {
        const double start = now(CLOCK_MONOTONIC);
        SG_TRY(sg_plan_forward(infer));
        inference[i] = now(CLOCK_MONOTONIC) - start;
    }
    qsort(step, (size_t)steps, sizeof *step, by_value);
    qsort(cpu, (size_t)steps, sizeof *cpu, by_value);
    qsort(inference, INFERENCES, sizeof *inference, by_value);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"base\": %d, \"depth\": %d, \"batch\": %d, \"size\": %d, \"norm\": \"%s\", \"mode\": \"%s\", "
           "\"threads\": %d, "
           "\"step_s_median\": %.4f, \"step_s_min\": %.4f, \"cpu_s_median\": %.4f, \"infer_s_min\": %.4f, "
           "\"setup_s\": %.3f, \"first_step_s\": %.3f, \"flop\": %.0f, "
           "\"arena_mib\": %.0f, \"peak_mib\": %.0f, \"loss\": %.8f, \"weights\": \"%016llx\"}\n",
           net->width, net->depth, shape.n, shape.h, net->norm == SG_NORM_BATCH ? "batch" : "none", mode, sg_threads(),
           step[steps / 2], step[0], cpu[steps / 2], inference[0], setup, first, 3 * info.flop_forward,
           (double)info.arena_bytes / 1048576, (double)usage.ru_maxrss / 1024, loss,
           (unsigned long long)weights_hash(model));
    sg_plan_free(infer);
    sg_model_free(model);
    return SG_OK;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: bench_unet WIDTH DEPTH BATCH SIZE none|batch [MODE] [THREADS] [profile]\n");
        return 2;
    }
    const sg_unet_config net = {.depth = atoi(argv[2]),
                                .width = atoi(argv[1]),
                                .out_channels = 1,
                                .norm = strcmp(argv[5], "batch") == 0 ? SG_NORM_BATCH : SG_NORM_NONE};
    const char *mode = argc > 6 ? argv[6] : "auto";
    if (argc > 7) sg_threads_set(atoi(argv[7]));
    if (bench(&net, SG_SHAPE(atoi(argv[3]), 1, atoi(argv[4]), atoi(argv[4])), mode, argc > 8) == SG_OK) return 0;
    fprintf(stderr, "bench_unet: %s\n", sg_error_text());
    return 1;
}
