/* bench_led.c - time of the LED array: K coherent fields per sample, summed with weights; forward, and forward +
 * backward to the LED weights and the pupil phase.
 *     bench_led SAMPLES LEDS N M [THREADS]      sample grid N x N, image grid M x M, LEDS a square number
 * Prints one JSON line with microseconds per field, the best of several runs, and those of a bare loop of FFTW's M x M
 * transforms: forward needs one a field, both three, since memory for all fields is not kept. */
#include "core/graph.h"
#include "core/memory.h"
#include "core/model.h"
#include "core/parallel.h"
#include "core/plan.h"
#include "core/rng.h"
#include "physics/fft.h"
#include "physics/optics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { RUNS = 8, LEDS_MAX = 1024 };

typedef struct bench {
    int samples, leds, n, m;
    sg_graph *graph;
    sg_model *model;
    sg_value image;
} bench;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A pupil of .4 M bins radius with a learned phase; LEDs M/8 bins apart. */
static void build(bench *b)
{
    static int bins[2 * LEDS_MAX];
    const int side = (int)lround(sqrt(b->leds));
    for (int k = 0; k < b->leds; k++) {
        bins[2 * k] = (k / side - side / 2) * b->m / 8;
        bins[2 * k + 1] = (k % side - side / 2) * b->m / 8;
    }
    sg_graph *g = b->graph;
    const double bin = .001;
    const sg_shape one = SG_SHAPE(1, 1, 1, 1), map = SG_SHAPE(1, 1, b->m, b->m);
    const sg_param_spec fixed = {.frozen = true};
    const sg_param_spec na = {.init_a = .4 * b->m * bin, .frozen = true}, phase = {0};
    const sg_param_spec weight = {.init = SG_INIT_UNIFORM, .init_b = 1}, power = {.init_a = 1, .frozen = true};
    const sg_pupil_grid grid = {b->m, b->m, bin, bin, 1, 1, SG_EDGE_HARD};
    const sg_value t = sg_input_complex(g, "spectrum", SG_SHAPE(b->samples, 1, b->n, b->n));
    const sg_value p =
        sg_pupil(g, sg_param(g, "zernike", one, &fixed), sg_param(g, "defocus", one, &fixed),
                 sg_param(g, "na", one, &na), SG_NONE, sg_param(g, "phase", map, &phase), SG_NONE, &grid);
    const int support = (int)(.4 * b->m);
    b->image = sg_led_image(g, t, p, sg_param(g, "weight", SG_SHAPE(1, 1, 1, b->leds), &weight),
                            sg_param(g, "power", SG_SHAPE(1, 1, 1, b->leds), &power), b->leds, bins, support, support);
}

static sg_status fill(sg_plan *plan, const bench *b)
{
    const sg_rng rng = sg_rng_make(0, SG_RNG_TEST, 0, 0, 0);
    float *t = sg_plan_input(plan, "spectrum");
    const size_t len = 2 * (size_t)b->samples * (size_t)b->n * (size_t)b->n;
    for (size_t i = 0; i < len; i++) t[i] = (float)(b->n * sg_rng_normal(&rng, (uint32_t)i, 0));
    return SG_OK;
}

static sg_status measure(double *us, const bench *b, bool backward)
{
    sg_plan *plan = NULL;
    const sg_plan_options options = {.backward = backward};
    const size_t len = (size_t)b->samples * (size_t)b->m * (size_t)b->m;
    float *seed = calloc(len, sizeof *seed);
    if (!seed) SG_FAIL(SG_E_MEMORY, "no memory for the gradient");
    for (size_t i = 0; i < len; i++) seed[i] = 1e-6F * (float)(i % 7);
    sg_status status = sg_plan_make(&plan, b->graph, b->model, b->image, &options);
    *us = INFINITY;
    for (int i = 0; status == SG_OK && i < RUNS; i++) {
        status = fill(plan, b);
        const double start = seconds();
        if (status == SG_OK) status = sg_plan_forward(plan);
        if (status == SG_OK && backward) status = sg_plan_backward_from(plan, seed);
        const double took = (seconds() - start) / b->samples / b->leds * 1e6;
        if (took < *us) *us = took;
    }
    sg_plan_free(plan);
    free(seed);
    return status;
}

/* The bare loop: nothing but one M x M transform a field, one field a thread, planned by trying. */
typedef struct bare {
    fftwf_plan plan;
    fftwf_complex *field; /* (threads, 2, M, M) */
    size_t len;
    int fields;
} bare;

enum { BARE_SLICES = 64 };

static void bare_slice(void *context, int slice, int thread)
{
    const bare *b = context;
    fftwf_complex *in = b->field + 2 * (size_t)thread * b->len;
    for (int i = b->fields * slice / BARE_SLICES; i < b->fields * (slice + 1) / BARE_SLICES; i++)
        fftwf_execute_dft(b->plan, in, in + b->len);
}

static sg_status measure_bare(double *us, const bench *b)
{
    bare x = {.len = (size_t)b->m * (size_t)b->m, .fields = b->samples * b->leds};
    SG_TRY(SG_ALLOC(&x.field, 2 * x.len * (size_t)sg_threads(), "bare transforms"));
    sg_fft_lock();
    x.plan = fftwf_plan_dft_2d(b->m, b->m, x.field, x.field + x.len, FFTW_BACKWARD, FFTW_MEASURE);
    sg_fft_unlock();
    *us = INFINITY;
    for (int i = 0; i < RUNS; i++) {
        const double start = seconds();
        sg_parallel(BARE_SLICES, bare_slice, &x);
        *us = fmin(*us, (seconds() - start) / x.fields * 1e6);
    }
    sg_fft_plan_free_f32(x.plan);
    sg_free(x.field);
    return SG_OK;
}

int main(int argc, char **argv)
{
    bench b = {8, 81, 256, 128, NULL, NULL, SG_NONE};
    int *const size[] = {&b.samples, &b.leds, &b.n, &b.m};
    for (int i = 0; i < 4 && i + 1 < argc; i++) *size[i] = atoi(argv[i + 1]);
    if (argc > 5) sg_threads_set(atoi(argv[5]));
    if (b.samples < 1 || b.leds < 1 || b.leds > LEDS_MAX || b.n < 8 || b.m < 8)
        return fprintf(stderr, "bad sizes\n"), 2;
    double forward = 0, both = 0, plain = 0;
    b.graph = sg_graph_new();
    sg_status status = sg_model_new(&b.model, 0);
    if (status == SG_OK) {
        build(&b);
        status = measure(&forward, &b, false);
    }
    if (status == SG_OK) status = measure(&both, &b, true);
    if (status == SG_OK) status = measure_bare(&plain, &b);
    if (status != SG_OK) fprintf(stderr, "%s\n", sg_error_text());
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    if (status == SG_OK)
        printf("{\"peer\": \"scopegrad\", \"samples\": %d, \"leds\": %d, \"N\": %d, \"M\": %d, \"threads\": %d, "
               "\"us_per_field_forward\": %.2f, \"us_per_field_both\": %.2f, "
               "\"us_per_field_fftw\": %.2f, \"peak_mib\": %.1f}\n",
               b.samples, b.leds, b.n, b.m, sg_threads(), forward, both, plain, (double)usage.ru_maxrss / 1024);
    sg_graph_free(b.graph);
    sg_model_free(b.model);
    return status == SG_OK ? 0 : 1;
}
