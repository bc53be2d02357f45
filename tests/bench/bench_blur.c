/* bench_blur.c - a blur by FFT and tap by tap: where do they cost the same? bench_blur SIDE [THREADS]
 * 8 pictures of SIDE x SIDE, edges reflected; milliseconds of forward, the best of several
 * runs; one line a kernel size. The answer is SG_BLUR_DIRECT_TAPS of physics/blur.h. */
#include "core/model.h"
#include "core/parallel.h"
#include "core/plan.h"
#include "physics/blur.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PICTURES = 8, RUNS = 12 };

typedef sg_value (*blur_fn)(sg_graph *g, sg_value x, sg_value kernel, sg_edge edge);

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sg_status time_runs(double *best, sg_plan *plan)
{
    for (int i = 0; i < RUNS; i++) {
        const double start = seconds();
        SG_TRY(sg_plan_forward(plan));
        const double ms = 1e3 * (seconds() - start);
        if (i == 0 || ms < *best) *best = ms;
    }
    return SG_OK;
}

static sg_status measure(double *best, blur_fn blur, int side, int size)
{
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    const sg_plan_options options = {0};
    const sg_param_spec kernel = {.init_a = 1, .frozen = true};
    const sg_value x = sg_variable(g, "x", SG_SHAPE(PICTURES, 1, side, side), false);
    const sg_value y = blur(g, x, sg_param(g, "kernel", SG_SHAPE(1, 1, size, size), &kernel), SG_EDGE_REFLECT);
    sg_status status = sg_model_new(&model, 1);
    if (status == SG_OK) status = sg_plan_make(&plan, g, model, y, &options);
    if (status == SG_OK) status = time_runs(best, plan);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    return status;
}

int main(int argc, char **argv)
{
    const int side = argc > 1 ? atoi(argv[1]) : 256;
    if (argc > 2) sg_threads_set(atoi(argv[2]));
    for (int size = 3; size <= 15; size += 2) {
        double fft = 0, direct = 0;
        sg_status status = measure(&fft, sg_blur_fft, side, size);
        if (status == SG_OK) status = measure(&direct, sg_blur_direct, side, size);
        if (status != SG_OK) return fprintf(stderr, "bench_blur: %s\n", sg_error_text()), 1;
        printf("{\"side\": %d, \"taps\": %d, \"fft_ms\": %.3f, \"direct_ms\": %.3f}\n", side, size * size, fft, direct);
    }
    return 0;
}
