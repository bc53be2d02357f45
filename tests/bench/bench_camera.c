/* bench_camera.c - rate of the camera chain on 16 frames of 512 x 512: shot noise + read noise 2 e + 8-bit ADC,
 * forward, and forward + backward of the sum. Prints one JSON line of megapixels per second (best of 12, as a peer
 * would). */
#include "core/graph.h"
#include "core/parallel.h"
#include "core/plan.h"
#include "physics/camera.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FRAMES = 16, SIDE = 512, REPEATS = 12 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct bench {
    sg_model *model;
    sg_plan *plan;
    float *seed; /* dL/d adu */
} bench;

static sg_status bench_make(bench *b, sg_shot shot, bool backward)
{
    const sg_shape shape = SG_SHAPE(FRAMES, 1, SIDE, SIDE);
    const size_t len = sg_shape_len(shape);
    const sg_camera_attr attr = {
        .electrons = 200, .read_noise_e = 2, .shot = shot, .bit_depth = 8, .stop_after = SG_CAMERA_ADC};
    const sg_plan_options options = {.backward = backward};
    sg_graph *g = sg_graph_new();
    const sg_value image = backward ? sg_variable(g, "image", shape, false) : sg_input(g, "image", shape);
    const sg_value adu = sg_camera(g, image, sg_input(g, "range_e", SG_SHAPE(1, 1, 1, 1)), &attr);
    *b = (bench){0};
    b->seed = malloc(len * sizeof *b->seed);
    if (!b->seed) return SG_E_MEMORY;
    SG_TRY(sg_model_new(&b->model, 0));
    SG_TRY(sg_plan_make(&b->plan, g, b->model, adu, &options));
    float *x = sg_plan_input(b->plan, "image");
    srand(1);
    for (size_t i = 0; i < len; i++) x[i] = (float)rand() / (float)RAND_MAX, b->seed[i] = 1;
    *(float *)sg_plan_input(b->plan, "range_e") = .8f * 255;
    sg_graph_free(g);
    return SG_OK;
}

static void bench_free(bench *b)
{
    sg_plan_free(b->plan);
    sg_model_free(b->model);
    free(b->seed);
}

/* Mpx/s of the best run; negative on failure. */
static double rate(sg_shot shot, bool backward)
{
    bench b;
    double best = 1e30;
    sg_status status = bench_make(&b, shot, backward);
    for (int i = 0; i < REPEATS && status == SG_OK; i++) {
        const double start = now_s();
        status = sg_plan_forward(b.plan);
        if (status == SG_OK && backward) status = sg_plan_backward_from(b.plan, b.seed);
        const double seconds = now_s() - start;
        best = seconds < best ? seconds : best;
    }
    bench_free(&b);
    if (status != SG_OK) fprintf(stderr, "bench_camera: %s\n", sg_error_text());
    return status == SG_OK ? FRAMES * (double)SIDE * SIDE / best / 1e6 : -1;
}

int main(void)
{
    const double gaussian = rate(SG_SHOT_GAUSSIAN, false), poisson = rate(SG_SHOT_POISSON, false);
    const double gaussian_both = rate(SG_SHOT_GAUSSIAN, true), poisson_both = rate(SG_SHOT_POISSON, true);
    printf("{\"peer\": \"scopegrad\", \"unit\": \"Mpx/s\", \"threads\": %d, \"gaussian_forward\": %.1f, "
           "\"poisson_forward\": %.1f, "
           "\"gaussian_both\": %.1f, \"poisson_both\": %.1f}\n",
           sg_threads(), gaussian, poisson, gaussian_both, poisson_both);
    return gaussian > 0 && poisson > 0 && gaussian_both > 0 && poisson_both > 0 ? 0 : 1;
}
