/* bench_conv.c - our own 3 x 3 convolutions (nn/winograd.h) beside a library's, alternating in one process.
 * usage: bench_conv [THREADS] [forward|data|weights|all] [SECONDS] [CHANNELS]
 * For each shape of the U-Nets and each direction: effective GFLOP/s (direct convolution's operations over the least
 * time of all rounds) of ours, and of oneDNN's Winograd and direct kernels on 4 chunks of the batch (2 of deep
 * layers). With one thread the time is the processor's, so a busy machine matters less. */
#include "core/memory.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "nn/onednn.h"
#include "nn/winograd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNKS_MAX = 4, OURS = 0, WINOGRAD, DIRECT, WAYS };

typedef struct layer {
    int n, ic, oc, size;
} layer;

/* One direction of a layer, done in one of three ways. */
typedef struct work {
    layer l;
    int direction, chunks, block;
    float *src, *dst, *weights, *weights_sum[CHUNKS_MAX];
    char *scratch;
    sg_dnn *dnn[WAYS];
    size_t dnn_scratch[WAYS];
    int way;
} work;

static double now(void)
{
    struct timespec t;
    clock_gettime(sg_threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *memory(size_t bytes)
{
    void *out = NULL;
    if (sg_alloc(&out, bytes, 1, "the benchmark")) exit(1);
    return out;
}

static float *numbers(size_t len)
{
    const sg_rng rng = sg_rng_make(0, SG_RNG_TEST, 0, 0, 0);
    float *x = memory(len * sizeof *x);
    for (size_t i = 0; i < len; i++) x[i] = (float)sg_rng_uniform(&rng, (uint32_t)i, 0) - .5f;
    return x;
}

static sg_conv_side side_of(const work *w, int c)
{
    const sg_layout layout = c % 16 ? SG_NCHW8 : SG_NCHW16;
    return (sg_conv_side){c, {layout, SG_F32, (size_t)c * (size_t)w->l.size * (size_t)w->l.size}};
}

static sg_winograd ours_of(const work *w)
{
    const bool data = w->direction == SG_DNN_DATA;
    sg_winograd p = {.n = w->l.n, .h = w->l.size, .w = w->l.size, .transposed = data};
    p.src = side_of(w, data ? w->l.oc : w->l.ic);
    p.dst = side_of(w, data ? w->l.ic : w->l.oc);
    return p;
}

static sg_winograd_weights ours_of_weights(const work *w)
{
    return (sg_winograd_weights){
        .n = w->l.n, .h = w->l.size, .w = w->l.size, .x = side_of(w, w->l.ic), .dy = side_of(w, w->l.oc)};
}

static void run_ours(work *w)
{
    const sg_winograd p = ours_of(w);
    const sg_winograd_weights q = ours_of_weights(w);
    if (w->direction == SG_DNN_WEIGHTS)
        sg_winograd_weights_run(&q, w->src, w->dst, NULL, w->weights, NULL, w->scratch);
    else if (w->direction == SG_DNN_DATA)
        sg_winograd_run(&p, w->dst, w->weights, NULL, NULL, w->src, w->scratch);
    else
        sg_winograd_run(&p, w->src, w->weights, NULL, NULL, w->dst, w->scratch);
}

static void library_slice(void *context, int chunk, int thread)
{
    work *w = context;
    const size_t images = (size_t)(w->l.n / w->chunks), pixels = (size_t)w->l.size * (size_t)w->l.size;
    float *src = w->src + (size_t)chunk * images * (size_t)w->l.ic * pixels,
          *dst = w->dst + (size_t)chunk * images * (size_t)w->l.oc * pixels;
    float *weights = w->direction == SG_DNN_WEIGHTS ? w->weights_sum[chunk] : w->weights;
    sg_dnn_run(w->dnn[w->way], thread, src, weights, NULL, dst, w->scratch + (size_t)thread * w->dnn_scratch[w->way]);
}

static void run_once(work *w)
{
    if (w->way == OURS)
        run_ours(w);
    else
        sg_parallel(w->chunks, library_slice, w);
}

static void prepare(work *w)
{
    const size_t pixels = (size_t)w->l.n * (size_t)w->l.size * (size_t)w->l.size,
                 weights = (size_t)w->l.ic * (size_t)w->l.oc * 9;
    const sg_winograd p = ours_of(w);
    const sg_winograd_weights q = ours_of_weights(w);
    size_t scratch = w->direction == SG_DNN_WEIGHTS ? sg_winograd_weights_scratch(&q, sg_threads())
                                                    : sg_winograd_scratch(&p, sg_threads());
    w->chunks = w->l.ic >= 256 && w->l.size <= 16 ? 2 : CHUNKS_MAX;
    w->src = numbers(pixels * (size_t)w->l.ic);
    w->dst = numbers(pixels * (size_t)w->l.oc);
    w->weights = numbers(weights);
    for (int c = 0; c < w->chunks; c++) w->weights_sum[c] = numbers(weights);
    for (int way = WINOGRAD; way < WAYS; way++) {
        sg_dnn_problem d = {.direction = (sg_dnn_direction)w->direction,
                            .n = w->l.n / w->chunks,
                            .ic = w->l.ic,
                            .oc = w->l.oc,
                            .h = w->l.size,
                            .w = w->l.size,
                            .k = 3,
                            .block = sg_dnn_block(),
                            .winograd = way == WINOGRAD};
        if (d.ic % sg_dnn_block() || d.oc % sg_dnn_block() || !sg_dnn_has(&d)) continue;
        w->dnn_scratch[way] = sg_align_up(sg_dnn_scratch(&d));
        if (sg_dnn_new(&w->dnn[way], &d, sg_threads())) exit(1);
        if (w->dnn_scratch[way] * (size_t)sg_threads() > scratch) scratch = w->dnn_scratch[way] * (size_t)sg_threads();
    }
    w->scratch = memory(scratch);
}

static void drop(work *w)
{
    for (int way = 0; way < WAYS; way++) sg_dnn_free(w->dnn[way]);
    for (int c = 0; c < w->chunks; c++) sg_free(w->weights_sum[c]);
    sg_free(w->src);
    sg_free(w->dst);
    sg_free(w->weights);
    sg_free(w->scratch);
}

static void bench(layer l, int direction, double seconds_most)
{
    static const char *const names[] = {"forward", "data", "weights"};
    work w = {.l = l, .direction = direction};
    double least[WAYS] = {1e9, 1e9, 1e9}, spent = 0;
    const double flop = 18. * l.n * l.size * l.size * l.ic * l.oc;
    prepare(&w);
    for (int round = 0; round < 3 || (spent < seconds_most && round < 1000); round++)
        for (w.way = 0; w.way < WAYS; w.way++) {
            if (w.way != OURS && !w.dnn[w.way]) continue;
            const double begin = now();
            run_once(&w);
            const double seconds = now() - begin;
            if (seconds < least[w.way] && round > 0) least[w.way] = seconds;
            spent += seconds;
        }
    printf("%-8s %2d x %3d -> %3d, %3d^2: %8.3f ms, ours %6.0f GFLOP/s", names[direction], l.n, l.ic, l.oc, l.size,
           1e3 * least[OURS], flop / least[OURS] * 1e-9);
    printf(", winograd %5.0f (%4.2fx), direct %5.0f (%4.2fx)\n", flop / least[WINOGRAD] * 1e-9,
           least[WINOGRAD] < 1e9 ? least[WINOGRAD] / least[OURS] : 0, flop / least[DIRECT] * 1e-9,
           least[DIRECT] < 1e9 ? least[DIRECT] / least[OURS] : 0);
    fflush(stdout);
    drop(&w);
}

int main(int argc, char **argv)
{
    static const layer layers[] = {{16, 8, 8, 128},   {16, 8, 16, 64},   {16, 16, 8, 128},  {16, 16, 16, 128},
                                   {16, 32, 32, 64},  {16, 64, 64, 32},  {8, 32, 32, 256},  {8, 64, 64, 128},
                                   {8, 128, 128, 64}, {8, 256, 256, 32}, {8, 512, 512, 16}, {8, 64, 32, 256},
                                   {8, 512, 256, 32}};
    const char *which = argc > 2 ? argv[2] : "all";
    const char *const names[] = {"forward", "data", "weights"};
    const int channels = argc > 4 ? atoi(argv[4]) : 0;
    sg_threads_set(argc > 1 ? atoi(argv[1]) : 1);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (int d = 0; d < 3; d++)
            if ((!strcmp(which, "all") || !strcmp(which, names[d])) && (!channels || channels == layers[i].ic))
                bench(layers[i], d, argc > 3 ? atof(argv[3]) : 1);
    return 0;
}
