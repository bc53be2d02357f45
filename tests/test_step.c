/* test_step.c - whole training steps of microscope and U-Net together: the passes of planning change nothing but speed
 * and memory, threads change no bit, a step allocates nothing, numbers that are not finite are refused and named. */
#include "check.h"

#include "core/parallel.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "nn/unet.h"
#include "physics/microscope.h"

#ifdef SG_HAVE_ONEDNN
#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#endif
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- every allocation of the process, libraries included, passes here and is counted while `counting` ----
 * Not under the address sanitizer, which stands in the same place. */

static atomic_bool counting;
static atomic_long allocations, library_allocations, library_balance;
#ifndef __SANITIZE_ADDRESS__
static _Thread_local bool in_library;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *memory);
void *memalign(size_t align, size_t size);

static void count_one(void)
{
    if (!atomic_load_explicit(&counting, memory_order_relaxed)) return;
    atomic_fetch_add(in_library ? &library_allocations : &allocations, 1);
    if (in_library) atomic_fetch_add(&library_balance, 1);
}

void free(void *memory)
{
    if (memory && in_library && atomic_load_explicit(&counting, memory_order_relaxed))
        atomic_fetch_sub(&library_balance, 1);
    __libc_free(memory);
}

#ifdef SG_HAVE_ONEDNN
/* The listed exception: oneDNN makes a map of a primitive's arguments for each execution, and frees it before it
 * returns. */
dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                                     const dnnl_exec_arg_t *args)
{
    static dnnl_status_t (*execute)(const_dnnl_primitive_t, dnnl_stream_t, int, const dnnl_exec_arg_t *);
    const bool was = in_library;
    in_library = true;
    if (!execute) {
        void *symbol = dlsym(RTLD_NEXT, "dnnl_primitive_execute");
        memcpy(&execute, &symbol, sizeof execute);
    }
    const dnnl_status_t status = execute(primitive, stream, count, args);
    in_library = was;
    return status;
}
#endif

void *malloc(size_t size)
{
    count_one();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_one();
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    count_one();
    return __libc_realloc(old, size);
}

void *memalign(size_t align, size_t size)
{
    count_one();
    return __libc_memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    count_one();
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    count_one();
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}
#endif

/* ---- a small joint program ---- */

enum { BATCH = 2, SAMPLE_PX = 64, PARAMS_MAX = 128 };

static const sg_microscope_config scope = {
    .sample = {.kind = SG_SAMPLE_COHERENT,
               .size_px = SAMPLE_PX,
               .pixel_um = .5,
               .phase_rad = 1,
               .absorption = .05,
               .background_rad = .15,
               .correlation_um = 3},
    .illumination = {.geometry = SG_LED_GRID,
                     .rows = 5,
                     .columns = 5,
                     .pitch_na = .04,
                     .pattern = SG_PATTERN_DPC,
                     .exposures = 2,
                     .constraint = SG_LIGHT_DOSE,
                     .dose_ph = 200,
                     .learn = {true, 1e-2}},
    .optics = {.wavelength_um = .53, .na = .1, .medium_index = 1, .magnification = 1},
    .camera = {.pixel_um = 1,
               .fill_factor = .8,
               .qe = 1,
               .exposure_s = 1,
               .full_well_e = 1e5,
               .read_noise_e = 2,
               .shot = SG_SHOT_POISSON,
               .bit_depth = 8,
               .range_e = 300,
               .offset_adu = 0,
               .readout = SG_READOUT_DIFFERENCE},
};
/* Width 16: the blocked layout has something to do. */
static const sg_unet_config net = {.depth = 2, .width = 16, .out_channels = 1, .norm = SG_NORM_BATCH};
static const sg_optimiser_config adam = {
    .kind = SG_OPTIMISER_ADAM, .lr = 1e-2, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8};

typedef struct program {
    sg_model *model;
    sg_plan *plan;
    bool f64;
} program;

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* y = x, float; its backward is NaN while `poisoned`. In the graph of programs opened while `with_poison`. */
static bool with_poison, poisoned;

static size_t poison_bytes(const sg_run *run)
{
    return sg_shape_len(run->node->shape) * sizeof(float);
}

static void poison_forward(const sg_run *run)
{
    memcpy(run->out, run->in[0], poison_bytes(run));
}

static void poison_backward(const sg_run *run)
{
    float *dx = run->din[0];
    const float *dy = run->dout;
    for (size_t i = 0; i < poison_bytes(run) / sizeof *dx; i++) dx[i] += dy[i];
    if (poisoned) dx[0] = NAN;
}

static sg_status poison_infer(sg_node *node)
{
    node->shape = node->in_shape[0];
    return SG_OK;
}

static const sg_op poison_row = {
    .name = "poison", .infer = poison_infer, .forward = {poison_forward}, .backward = {poison_backward}};

static void program_open(program *p, const sg_microscope_config *config, const sg_plan_options *options)
{
    sg_graph *g = sg_graph_new();
    sg_microscope_size size;
    must(sg_microscope_check(&size, config));
    must(sg_model_new(&p->model, 1));
    p->f64 = options->f64;
    const sg_value sample = sg_input(g, "sample", SG_SHAPE(BATCH, 1, SAMPLE_PX, SAMPLE_PX));
    const sg_value label = sg_input(g, "label", SG_SHAPE(BATCH, 1, size.output_px, size.output_px));
    const sg_value image = sg_microscope(g, sample, config, false, NULL);
    sg_value logits = sg_unet(g, image, &net);
    if (with_poison) logits = sg_node_add(g, &poison_row, "", 1, &logits, 1);
    const sg_value loss = sg_dice_bce(g, logits, label, .5, .5);
    must(sg_plan_make(&p->plan, g, p->model, loss, options));
    sg_graph_free(g);
}

static void program_close(program *p)
{
    sg_plan_free(p->plan);
    sg_model_free(p->model);
}

static void put(const program *p, void *to, size_t i, double v)
{
    if (p->f64)
        ((double *)to)[i] = v;
    else
        ((float *)to)[i] = (float)v;
}

/* Discs, a different few for each step. */
static double picture(int step, int n, double y, double x)
{
    for (int k = 0; k < 4; k++) {
        const int id = 100 * step + 10 * n + k;
        const double cy = check_random("disc y", id, 0), cx = check_random("disc x", id, 0);
        if ((y - cy) * (y - cy) + (x - cx) * (x - cx) < .05) return 1;
    }
    return 0;
}

static void write_batch(const program *p, int step)
{
    static const char *const names[] = {"sample", "label"};
    for (int which = 0; which < 2; which++) {
        void *to = sg_plan_input(p->plan, names[which]);
        const sg_shape s = sg_plan_shape(p->plan, names[which]);
        assert_non_null(to);
        for (int i = 0; i < s.n * s.h * s.w; i++)
            put(p, to, (size_t)i,
                picture(step, i / (s.h * s.w), 2. * (i / s.w % s.h) / s.h - 1, 2. * (i % s.w) / s.w - 1));
    }
    sg_plan_step_set(p->plan, &(sg_step){.seed = 3, .epoch = (uint32_t)step + 1, .training = true});
}

static sg_status try_step(program *p)
{
    SG_TRY(sg_plan_forward(p->plan));
    SG_TRY(sg_plan_backward(p->plan));
    sg_plan_commit(p->plan);
    return sg_optimiser_step(p->model, p->plan, &adam, 1);
}

/* ---- passes ---- */

/* |a - b| / |b| over all gradients of the two programs. */
static double gradient_distance(const program *a, const program *b)
{
    double difference = 0, norm = 0;
    for (int k = 0; k < sg_model_count(b->model); k++) {
        const sg_param_info *info = sg_model_at(b->model, k);
        const void *ga = sg_plan_param_grad(a->plan, info->name), *gb = sg_plan_param_grad(b->plan, info->name);
        assert_true(!ga == !gb);
        for (size_t i = 0; gb && i < info->len; i++) {
            const double x = a->f64 ? ((const double *)ga)[i] : (double)((const float *)ga)[i];
            const double y = b->f64 ? ((const double *)gb)[i] : (double)((const float *)gb)[i];
            difference += (x - y) * (x - y);
            norm += y * y;
        }
    }
    assert_true(norm > 0);
    return sqrt(difference / norm);
}

static void run_once(program *p, const sg_microscope_config *config, const sg_plan_options *options, int batch)
{
    program_open(p, config, options);
    write_batch(p, batch);
    must(sg_plan_forward(p->plan));
    must(sg_plan_backward(p->plan));
}

enum { BATCHES = 5 };

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over some batches: in one of them rounding may move a maximum to the pixel beside it, whose gradient is
 * another. */
static double median_error(const program exact[BATCHES], const sg_microscope_config *config,
                           const sg_plan_options *options)
{
    double error[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        program p;
        run_once(&p, config, options, batch);
        error[batch] = gradient_distance(&p, &exact[batch]);
        if (!(error[batch] <= 2e-2)) fail_msg("batch %d: gradients are %g off", batch, error[batch]);
        if (!(fabs(sg_plan_loss(p.plan) - sg_plan_loss(exact[batch].plan)) <= 1e-5))
            fail_msg("batch %d: another loss", batch);
        program_close(&p);
    }
    qsort(error, BATCHES, sizeof *error, ascending);
    return error[BATCHES / 2];
}

/* Without noise and rounding to digital numbers, so that float and double see the same picture. */
static void test_passes(void **state)
{
    (void)state;
    static const sg_plan_options options[] = {
        {.backward = true, .reference = true},
        {.backward = true},
        {.backward = true, .without = SG_PASS_FUSE},
        {.backward = true, .without = SG_PASS_LAYOUT},
        {.backward = true, .without = SG_PASS_LIFETIME},
        {.backward = true, .without = SG_PASS_FUSE | SG_PASS_LAYOUT | SG_PASS_LIFETIME},
        {.backward = true, .reference = true, .without = SG_PASS_FUSE | SG_PASS_LAYOUT | SG_PASS_LIFETIME},
    };
    sg_microscope_config quiet = scope;
    quiet.camera.shot = SG_SHOT_NONE;
    quiet.camera.read_noise_e = 0;
    quiet.camera.bit_depth = 0;
    program exact[BATCHES];
    double plain = 0;
    for (int batch = 0; batch < BATCHES; batch++)
        run_once(&exact[batch], &quiet, &(sg_plan_options){.backward = true, .f64 = true}, batch);
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        const double error = median_error(exact, &quiet, &options[k]);
        print_message("# %s without passes %u: gradients %.1e off double\n", options[k].reference ? "plain" : "fast",
                      options[k].without, error);
        if (k == 0) plain = error;
        if (!(error <= 4 * plain && error <= 1e-4)) fail_msg("a pass changes the numbers");
    }
    for (int batch = 0; batch < BATCHES; batch++) program_close(&exact[batch]);
}

static void test_lifetime_bits(void **state)
{
    (void)state;
    program shared, apart;
    sg_plan_info info;
    run_once(&shared, &scope, &(sg_plan_options){.backward = true}, 0);
    run_once(&apart, &scope, &(sg_plan_options){.backward = true, .without = SG_PASS_LIFETIME}, 0);
    assert_true(gradient_distance(&shared, &apart) == 0);
    assert_true(sg_plan_loss(shared.plan) == sg_plan_loss(apart.plan));
    sg_plan_info_get(shared.plan, &info);
    print_message("# arena %.2f MiB, %.2f MiB if nothing were shared\n", (double)info.arena_bytes / 1048576,
                  (double)info.unshared_bytes / 1048576);
    assert_true(info.arena_bytes < info.unshared_bytes);
    program_close(&shared);
    program_close(&apart);
}

/* ---- threads, dose, allocations ---- */

/* How a network can be computed. */
static const struct mode {
    const char *name;
    sg_plan_options options;
} modes[] = {{"auto", {.backward = true}},
             {"direct", {.backward = true, .direct = true}},
             {"bf16", {.backward = true, .bf16 = true}},
             {"recompute", {.backward = true, .recompute = true}}};
enum { MODES = sizeof modes / sizeof *modes };

static void train(program *p, const struct mode *mode, int threads, int steps)
{
    sg_threads_set(threads);
    program_open(p, &scope, &mode->options);
    for (int step = 0; step < steps; step++) {
        write_batch(p, step);
        must(try_step(p));
    }
    sg_threads_set(0);
}

/* Number of parameters that are the same with `threads` as with one. */
static int same_bits(const struct mode *mode, int threads)
{
    program one, other;
    int compared = 0;
    train(&one, mode, 1, 4);
    train(&other, mode, threads, 4);
    for (int k = 0; k < sg_model_count(one.model); k++, compared++) {
        const sg_param_info *a = sg_model_at(one.model, k), *b = sg_model_at(other.model, k);
        if (memcmp(a->value, b->value, a->len * sizeof(float)) != 0)
            fail_msg("%s, %s has other bits with %d threads", mode->name, a->name, threads);
    }
    program_close(&one);
    program_close(&other);
    return compared;
}

static void test_threads(void **state)
{
    static const int threads[] = {2, 3, 8};
    (void)state;
    for (int m = 0; m < MODES; m++)
        for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
            assert_true(same_bits(&modes[m], threads[t]) > 10);
}

static void test_dose(void **state)
{
    (void)state;
    program p;
    train(&p, &modes[0], 2, 6);
    const sg_param_info *weight = sg_model_find(p.model, "microscope.led.weight");
    assert_non_null(weight);
    double sum = 0;
    for (size_t i = 0; i < weight->len; i++) {
        assert_true(weight->value[i] >= 0);
        sum += (double)weight->value[i];
    }
    if (!(fabs(sum / weight->spec.hi - 1) <= 1e-5)) fail_msg("sum of the weights %g, dose %g", sum, weight->spec.hi);
    program_close(&p);
}

static void test_no_allocation(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("# the address sanitizer counts allocations itself\n");
    skip();
#endif
    for (int i = 0; i < 2 * MODES; i++) {
        const int threads = i % 2 ? 3 : 1;
        const struct mode *mode = &modes[i / 2];
        program p;
        sg_threads_set(threads);
        program_open(&p, &scope, &mode->options);
        write_batch(&p, 0);
        must(try_step(&p)); /* OpenMP starts its threads here */
        atomic_store(&allocations, 0);
        atomic_store(&library_allocations, 0);
        atomic_store(&library_balance, 0);
        atomic_store(&counting, true);
        const sg_status status = try_step(&p);
        atomic_store(&counting, false);
        must(status);
        print_message("# %s: %ld allocations in a step with %d threads; oneDNN takes and gives back %ld small blocks\n",
                      mode->name, (long)atomic_load(&allocations), threads, (long)atomic_load(&library_allocations));
        assert_int_equal(atomic_load(&allocations), 0);
        assert_int_equal(atomic_load(&library_balance), 0);
        atomic_store(&counting, true);
        free(strdup("counted"));
        atomic_store(&counting, false);
        assert_int_equal(atomic_load(&allocations), 1); /* the counter counts */
        program_close(&p);
    }
    sg_threads_set(0);
}

/* ---- numbers that are not finite ---- */

static float *all_values(const sg_model *model, size_t *len)
{
    *len = 0;
    for (int k = 0; k < sg_model_count(model); k++) *len += 3 * sg_model_at(model, k)->len;
    float *copy = malloc(*len * sizeof *copy), *at = copy;
    if (!copy) fail_msg("no memory");
    for (int k = 0; k < sg_model_count(model); k++) {
        const sg_param_info *info = sg_model_at(model, k);
        const float *const parts[] = {info->value, info->moment1, info->moment2};
        for (int part = 0; part < 3; part++, at += info->len) memcpy(at, parts[part], info->len * sizeof *at);
    }
    return copy;
}

static void test_not_finite(void **state)
{
    (void)state;
    static const char *const names[] = {"microscope.led.weight", "unet.down0.conv1.weight", "unet.head.weight"};
    static const float bad[] = {NAN, INFINITY};
    for (size_t k = 0; k < MODES * sizeof names / sizeof *names; k++)
        for (int b = 0; b < 2; b++) {
            program p;
            size_t len = 0, after_len = 0;
            train(&p, &modes[k % MODES], 2, 1);
            sg_param_info *info = sg_model_find(p.model, names[k / MODES]);
            assert_non_null(info);
            const float good = info->value[0];
            info->value[0] = bad[b];
            float *before = all_values(p.model, &len);
            const int64_t steps = sg_model_steps(p.model);
            assert_int_equal(try_step(&p), SG_E_NUMERIC);
            assert_non_null(strstr(sg_error_text(), names[k / MODES]));
            float *after = all_values(p.model, &after_len);
            assert_memory_equal(before, after, len * sizeof *before);
            assert_true(sg_model_steps(p.model) == steps);
            info->value[0] = good;
            must(try_step(&p)); /* and it goes on from there */
            free(before);
            free(after);
            program_close(&p);
        }
}

/* A gradient that is not finite where every value is: refused, the op named, weights, moments and statistics as they
 * were. */
static void test_gradient_not_finite(void **state)
{
    (void)state;
    with_poison = true;
    for (int m = 0; m < MODES; m++) {
        program p;
        size_t len = 0, after_len = 0;
        train(&p, &modes[m], 2, 1);
        float *before = all_values(p.model, &len);
        const int64_t steps = sg_model_steps(p.model);
        poisoned = true;
        const sg_status status = try_step(&p);
        poisoned = false;
        assert_int_equal(status, SG_E_NUMERIC);
        if (!strstr(sg_error_text(), "gradient") || !strstr(sg_error_text(), "poison"))
            fail_msg("%s: \"%s\" does not name the op", modes[m].name, sg_error_text());
        float *after = all_values(p.model, &after_len);
        assert_memory_equal(before, after, len * sizeof *before);
        assert_true(sg_model_steps(p.model) == steps);
        must(try_step(&p)); /* and it goes on from there */
        free(before);
        free(after);
        program_close(&p);
    }
    with_poison = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_lifetime_bits),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_dose),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_gradient_not_finite),
    };
    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
