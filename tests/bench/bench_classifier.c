/* bench_classifier.c - one training step (forward, backward, Adam) of a classifier, and one inference, timed.
 * usage: bench_classifier lenet5|resnet BATCH SIZE [WIDTH DEPTH] [THREADS] [profile]
 * One channel in, 10 classes, cross entropy, random pictures; resnet with batch norm. Prints one JSON line: median and
 * minimum seconds, FLOP of a step (forward + 2 x forward), processor seconds. tests/bench/classifier_torch.py is its twin. */
#include "core/parallel.h"
#include "core/plan.h"
#include "core/rng.h"
#include "nn/classifier.h"
#include "nn/loss.h"
#include "nn/optimiser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP = 10, STEPS_MAX = 1000, CLASSES = 10 };
static const double seconds_max = 3;

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

static sg_status make(sg_plan **out, sg_model *model, const sg_classifier_config *net, sg_shape shape, bool train)
{
    sg_graph *g = sg_graph_new();
    const sg_value z = sg_classifier(g, sg_input(g, "x", shape), net);
    const sg_value label = sg_input(g, "label", SG_SHAPE(shape.n, 1, 1, 1));
    const sg_value root = train ? sg_cross_entropy(g, z, label, NULL) : z;
    const sg_status status = sg_plan_make(out, g, model, root, &(sg_plan_options){.backward = train});
    sg_graph_free(g);
    return status;
}

static void fill(const sg_plan *plan)
{
    const sg_rng rng = sg_rng_make(0, SG_RNG_TEST, 0, 0, 0);
    float *x = sg_plan_input(plan, "x"), *label = sg_plan_input(plan, "label");
    const sg_shape shape = sg_plan_shape(plan, "x");
    for (size_t i = 0; i < sg_shape_len(shape); i++) x[i] = (float)sg_rng_uniform(&rng, (uint32_t)i, 0);
    for (int i = 0; label && i < shape.n; i++) label[i] = (float)(i % CLASSES);
}

static sg_status train_step(sg_plan *plan, sg_model *model)
{
    static const sg_optimiser_config adam = {
        .kind = SG_OPTIMISER_ADAM, .lr = 1e-3, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8};
    SG_TRY(sg_plan_forward(plan));
    SG_TRY(sg_plan_backward(plan));
    sg_plan_commit(plan);
    return sg_optimiser_step(model, plan, &adam, 1);
}

static sg_status inference(sg_plan *plan, sg_model *model)
{
    (void)model;
    return sg_plan_forward(plan);
}

typedef struct times {
    double median, least, cpu;
} times;

static sg_status timed(times *out, sg_status (*run)(sg_plan *, sg_model *), sg_plan *plan, sg_model *model,
                       bool profile)
{
    static double wall[STEPS_MAX], cpu[STEPS_MAX];
    int count = 0;
    for (int i = 0; i < WARM_UP; i++) SG_TRY(run(plan, model));
    sg_plan_profile(plan, profile);
    for (const double end = now(CLOCK_MONOTONIC) + seconds_max; count < STEPS_MAX && now(CLOCK_MONOTONIC) < end;
         count++) {
        const double start = now(CLOCK_MONOTONIC), start_cpu = now(CLOCK_PROCESS_CPUTIME_ID);
        SG_TRY(run(plan, model));
        wall[count] = now(CLOCK_MONOTONIC) - start;
        cpu[count] = now(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
    }
    if (profile) sg_plan_profile_print(plan, stderr);
    qsort(wall, (size_t)count, sizeof *wall, by_value);
    qsort(cpu, (size_t)count, sizeof *cpu, by_value);
    *out = (times){wall[count / 2], wall[0], cpu[count / 2]};
    return SG_OK;
}

static sg_status bench(const sg_classifier_config *net, const char *name, sg_shape shape, bool profile)
{
    sg_model *model = NULL;
    sg_plan *train = NULL, *infer = NULL;
    sg_plan_info info;
    times step, inferring;
    SG_TRY(sg_model_new(&model, 1));
    SG_TRY(make(&train, model, net, shape, true));
    fill(train);
    sg_plan_step_set(train, &(sg_step){.training = true});
    SG_TRY(timed(&step, train_step, train, model, profile));
    sg_plan_info_get(train, &info);
    sg_plan_free(train);
    SG_TRY(make(&infer, model, net, shape, false));
    fill(infer);
    SG_TRY(timed(&inferring, inference, infer, model, false));
    printf("{\"net\": \"%s\", \"width\": %d, \"depth\": %d, \"batch\": %d, \"size\": %d, \"threads\": %d, "
           "\"step_s_median\": %.6f, \"step_s_min\": %.6f, \"cpu_s_median\": %.6f, \"infer_s_min\": %.6f, "
           "\"flop\": %.0f}\n",
           name, net->width, net->depth, shape.n, shape.h, sg_threads(), step.median, step.least, step.cpu,
           inferring.least, 3 * info.flop_forward);
    sg_plan_free(infer);
    sg_model_free(model);
    return SG_OK;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: bench_classifier lenet5|resnet BATCH SIZE [WIDTH DEPTH] [THREADS] [profile]\n");
        return 2;
    }
    const bool resnet = strcmp(argv[1], "resnet") == 0;
    const sg_classifier_config net = {.kind = resnet ? SG_CLASSIFIER_RESNET : SG_CLASSIFIER_LENET5,
                                      .classes = CLASSES,
                                      .width = argc > 5 ? atoi(argv[4]) : 16,
                                      .depth = argc > 5 ? atoi(argv[5]) : 3,
                                      .norm = SG_NORM_BATCH};
    if (argc > 6) sg_threads_set(atoi(argv[6]));
    if (bench(&net, argv[1], SG_SHAPE(atoi(argv[2]), 1, atoi(argv[3]), atoi(argv[3])), argc > 7) == SG_OK) return 0;
    fprintf(stderr, "bench_classifier: %s\n", sg_error_text());
    return 1;
}
