/* bench_physics.c - see bench_physics.h. */
#include "pipeline/bench_physics.h"

#include "core/memory.h"
#include "core/plan.h"
#include "core/rng.h"
#include "physics/microscope.h"
#include "pipeline/args.h"
#include "pipeline/bench_table.h"
#include "pipeline/config.h"
#include "pipeline/evaluate.h"
#include "pipeline/peak.h"

#include <string.h>

enum { ROWS_MAX = 64, SETS = 6 };

/* One piece of work; the sum of all its pictures is the loss. */
typedef struct workload {
    const char *title;
    const char *sets[SETS]; /* assignments to the default config; NULL: the rest is unused */
    int batch;
    sg_entry_stage from;
    bool fields; /* report the time of one coherent field */
} workload;

#define LEARN                                                                                                          \
    "illumination.learn={learn: true, lr: .01}", "optics.zernike_rad={init: [0, 0, 0, 0], learn: true, lr: .01}"
#define SENSOR "sample.kind=incoherent", "sample.size_px=512", "camera.pixel_um=.5", "camera.bit_depth=8"
static const workload list[] = {
    {"LED array, 8 samples x 81 LEDs, 256 -> 128", {LEARN}, 8, SG_ENTRY_SAMPLE, true},
    {"LED array, 8 samples x 81 LEDs, 512 -> 256", {LEARN, "sample.size_px=512"}, 8, SG_ENTRY_SAMPLE, true},
    {"LED array, 32 samples x 25 LEDs, 128 -> 64",
     {LEARN, "sample.size_px=128", "illumination.rows=5", "illumination.columns=5"},
     32,
     SG_ENTRY_SAMPLE,
     true},
    {"camera, Gaussian shot noise, 16 x 512 x 512", {SENSOR, "camera.shot=gaussian"}, 16, SG_ENTRY_PIXELS, false},
    {"camera, Poisson shot noise, 16 x 512 x 512", {SENSOR, "camera.shot=poisson"}, 16, SG_ENTRY_PIXELS, false},
    {"incoherent imaging through a pupil, 8 x 512 x 512",
     {"sample.kind=incoherent", "sample.size_px=512"},
     8,
     SG_ENTRY_SAMPLE,
     false},
};

typedef struct bench {
    const workload *work;
    sg_config config;
    sg_microscope_size size;
    sg_model *model;
    sg_plan *plan;
    float *seed; /* dL/d root: ones */
} bench;

static void bench_close(bench *b)
{
    sg_plan_free(b->plan);
    sg_model_free(b->model);
    sg_free(b->seed);
}

static sg_status bench_open(bench *b, const workload *work)
{
    const sg_plan_options options = {.backward = true};
    sg_graph *g = sg_graph_new();
    sg_microscope_stages stages;
    sg_status status;
    *b = (bench){.work = work};
    sg_config_defaults(&b->config);
    for (int i = 0; i < SETS && work->sets[i] != NULL; i++)
        SG_TRY_DONE(sg_config_set(&b->config, work->sets[i], work->title));
    (void)sg_range_resolve(&b->config);
    SG_TRY_DONE(sg_microscope_check(&b->size, &b->config.microscope));
    SG_TRY_DONE(sg_model_new(&b->model, 1));
    const sg_shape shape = sg_entry_shape(&b->size, work->from, work->batch);
    (void)sg_microscope_from(g, work->from, sg_variable(g, "in", shape, false), &b->config.microscope, false, &stages);
    const sg_value root = sg_stage_value(&stages, "adu");
    SG_TRY_DONE(sg_plan_make(&b->plan, g, b->model, root, &options));
    const size_t len = sg_shape_len(sg_value_shape(g, root));
    SG_TRY_DONE(SG_ALLOC(&b->seed, len, "bench"));
    for (size_t i = 0; i < len; i++) b->seed[i] = 1;
    const sg_rng rng = sg_rng_make(1, SG_RNG_TEST, 0, 0, 0);
    float *in = sg_plan_input(b->plan, "in");
    for (size_t i = 0; i < sg_shape_len(shape); i++) in[i] = (float)sg_rng_uniform(&rng, (uint32_t)i, 0);
done:
    sg_graph_free(g);
    return status;
}

static sg_status run(const bench *b, int steps)
{
    for (int i = -1; i < steps; i++) {
        SG_TRY(sg_bench_go_on(i < 0 ? 0 : i, steps));
        if (i == 0) sg_plan_profile(b->plan, true);
        SG_TRY(sg_plan_forward(b->plan));
        SG_TRY(sg_plan_backward_from(b->plan, b->seed));
    }
    return SG_OK;
}

static void print_ops(FILE *out, const sg_profile_row *rows, int count, const double peak[2])
{
    sg_bench_head(out);
    fprintf(out, "  %14s %14s\n", "fwd GFLOP/s", "GB/s");
    for (int i = 0; i < count; i++) {
        sg_bench_row(&rows[i], out);
        fputc(' ', out);
        sg_bench_speed(rows[i].seconds[0], rows[i].flop[0], rows[i].bytes[0], peak, out);
        fputc('\n', out);
    }
}

/* Time of a field of led_image beside FFTW's for its DFTs alone: one forward, two more (field and gradient)
 * backward. */
static sg_status print_fields(FILE *out, const bench *b, const sg_profile_row *rows, int count)
{
    double dft;
    SG_TRY(sg_peak_fft(&dft, b->size.image_px));
    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].op->name, "led_image") != 0) continue;
        const double fields = (double)b->work->batch * b->size.leds, forward = rows[i].seconds[0] / fields,
                     both = forward + rows[i].seconds[1] / fields;
        fprintf(
            out,
            "  a field: forward %.1f us, with backward %.1f us; FFTW alone %.1f us a DFT of %d x %d, %.1f us for the "
            "three of both: %.2f times\n",
            1e6 * forward, 1e6 * both, 1e6 * dft, b->size.image_px, b->size.image_px, 3e6 * dft, both / (3 * dft));
    }
    return SG_OK;
}

static void print_pixels(FILE *out, const bench *b, const sg_profile_row *rows, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].op->name, "camera") != 0 || b->work->from != SG_ENTRY_PIXELS) continue;
        const double pixels = (double)sg_shape_len(rows[i].shape);
        fprintf(out, "  camera: forward %.0f Mpx/s, with backward %.0f Mpx/s\n", 1e-6 * pixels / rows[i].seconds[0],
                1e-6 * pixels / (rows[i].seconds[0] + rows[i].seconds[1]));
    }
}

static sg_status bench_one(FILE *out, const workload *work, int steps, const double peak[2])
{
    sg_profile_row rows[ROWS_MAX];
    bench b;
    sg_status status = bench_open(&b, work);
    if (status == SG_OK) status = run(&b, steps);
    if (status == SG_OK) {
        const int all = sg_plan_profile_rows(b.plan, rows, ROWS_MAX), count = all < ROWS_MAX ? all : ROWS_MAX;
        fprintf(out, "\n%s\n", work->title);
        print_ops(out, rows, count, peak);
        print_pixels(out, &b, rows, count);
        if (work->fields) status = print_fields(out, &b, rows, count);
    }
    bench_close(&b);
    return status;
}

/* The same microscope with more and more LEDs. */
static sg_status print_memory(FILE *out)
{
    static const int side[] = {3, 9, 15};
    fprintf(out, "\nmemory of the LED array, 8 samples, 256 -> 128\n");
    for (int i = 0; i < SG_COUNT(side); i++) {
        char rows[48], columns[48];
        (void)snprintf(rows, sizeof rows, "illumination.rows=%d", side[i]);
        (void)snprintf(columns, sizeof columns, "illumination.columns=%d", side[i]);
        const workload work = {"memory", {LEARN, rows, columns}, 8, SG_ENTRY_SAMPLE, false};
        sg_plan_info info;
        bench b;
        const sg_status status = bench_open(&b, &work);
        if (status == SG_OK) {
            sg_plan_info_get(b.plan, &info);
            fprintf(out, "  %3d LEDs: %.2f MiB\n", b.size.leds, (double)info.arena_bytes / 1048576);
        }
        bench_close(&b);
        SG_TRY(status);
    }
    return SG_OK;
}

sg_status sg_bench_physics(int steps, FILE *out)
{
    double peak[2];
    SG_TRY(sg_bench_machine(peak, out));
    fprintf(out,
            "FLOP are counted for whole transforms, bytes as if nothing stayed in the cache: led_image leaves out bins "
            "that no light passes,\nand small fields stay in the cache, so more than 100 %% is possible\n");
    for (int i = 0; i < SG_COUNT(list); i++) SG_TRY(bench_one(out, &list[i], steps, peak));
    return print_memory(out);
}
