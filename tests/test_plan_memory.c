/* test_plan_memory.c - what a plan keeps: values made again for backward change no bit and need less memory, the arena
 * is as small as its fullest step, sizes are known without memory, too much is refused with the numbers. */
#include "check.h"
#include "place.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/loss.h"
#include "nn/ops.h"
#include "nn/optimiser.h"
#include "nn/unet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

typedef struct program {
    sg_model *model;
    sg_plan *plan;
    sg_plan_info info;
} program;

static sg_status program_try(program *p, const sg_unet_config *net, sg_shape shape, const sg_plan_options *options)
{
    sg_graph *g = sg_graph_new();
    must(sg_model_new(&p->model, 1));
    const sg_value z = sg_unet(g, sg_input(g, "x", shape), net);
    const sg_value loss = sg_dice_bce(g, z, sg_input(g, "label", shape), .5, .5);
    const sg_status status = sg_plan_make(&p->plan, g, p->model, loss, options);
    sg_graph_free(g);
    if (status == SG_OK) sg_plan_info_get(p->plan, &p->info);
    return status;
}

static void program_close(program *p)
{
    sg_plan_free(p->plan);
    sg_model_free(p->model);
}

static sg_status step(program *p, int index)
{
    static const sg_optimiser_config adam = {
        .kind = SG_OPTIMISER_ADAM, .lr = 1e-2, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8};
    float *x = sg_plan_input(p->plan, "x"), *label = sg_plan_input(p->plan, "label");
    for (size_t i = 0; i < sg_shape_len(sg_plan_shape(p->plan, "x")); i++) {
        x[i] = (float)check_random("x", index, i);
        label[i] = check_random("label", index, i) > 0;
    }
    sg_plan_step_set(p->plan, &(sg_step){.seed = 1, .epoch = 1, .training = true});
    SG_TRY(sg_plan_forward(p->plan));
    SG_TRY(sg_plan_backward(p->plan));
    sg_plan_commit(p->plan);
    return sg_optimiser_step(p->model, p->plan, &adam, 1);
}

static void train(program *p, const sg_unet_config *net, const sg_plan_options *options, int threads)
{
    sg_threads_set(threads);
    must(program_try(p, net, SG_SHAPE(3, 1, 56, 72), options));
    for (int i = 0; i < 3; i++) must(step(p, i));
    sg_threads_set(0);
}

/* ---- recompute ---- */

/* Running statistics are among the parameters: made again, they are still committed once. */
static void same_weights(const program *a, const program *b, const char *what)
{
    assert_true(sg_model_count(a->model) > 10);
    for (int k = 0; k < sg_model_count(a->model); k++) {
        const sg_param_info *p = sg_model_at(a->model, k), *q = sg_model_at(b->model, k);
        if (memcmp(p->value, q->value, p->len * sizeof(float)) != 0) fail_msg("%s: %s has other bits", what, p->name);
    }
}

static void test_recompute_bits(void **state)
{
    (void)state;
    static const sg_unet_config nets[] = {
        {.depth = 2, .width = 16, .out_channels = 1},
        {.depth = 2, .width = 8, .out_channels = 1, .norm = SG_NORM_BATCH, .leaky_slope = .1},
        {.depth = 1, .width = 3, .out_channels = 1, .norm = SG_NORM_BATCH, .upsample = SG_UPSAMPLE_BILINEAR},
        {.depth = 3, .width = 16, .out_channels = 1, .upsample = SG_UPSAMPLE_BILINEAR}, /* pictures are padded */
    };
    static const sg_plan_options modes[] = {{.backward = true},
                                            {.backward = true, .bf16 = true},
                                            {.backward = true, .direct = true},
                                            {.backward = true, .reference = true},
                                            {.backward = true, .without = SG_PASS_FUSE | SG_PASS_CONCAT},
                                            {.backward = true, .without = SG_PASS_MASK | SG_PASS_LAYOUT},
                                            {.backward = true, .without = SG_PASS_LIFETIME}};
    int plans = 0, smaller = 0;
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++)
        for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
            const int threads = 1 + (int)(n + m) % 3; /* scratch memory is per thread */
            program kept, again;
            char what[64];
            sg_plan_options recompute = modes[m];
            recompute.recompute = true;
            (void)snprintf(what, sizeof what, "net %zu, mode %zu", n, m);
            train(&kept, &nets[n], &modes[m], threads);
            train(&again, &nets[n], &recompute, threads);
            same_weights(&kept, &again, what);
            assert_true(kept.info.flop_again == 0);
            assert_true(again.info.fullest_bytes <= kept.info.fullest_bytes);
            smaller += again.info.fullest_bytes < kept.info.fullest_bytes && again.info.flop_again > 0;
            plans++;
            program_close(&kept);
            program_close(&again);
        }
    print_message("# %d of %d plans are smaller\n", smaller, plans);
    assert_true(4 * smaller >= 3 * plans);
}

/* The U-Net of the benchmark, planned without memory. */
static void sizes(program *p, sg_norm norm, sg_plan_options options)
{
    const sg_unet_config net = {.depth = 4, .width = 32, .out_channels = 1, .norm = norm};
    options.backward = options.sizes_only = true;
    sg_threads_set(2);
    must(program_try(p, &net, SG_SHAPE(8, 1, 256, 256), &options));
    sg_threads_set(0);
}

static void test_recompute_pays(void **state)
{
    (void)state;
    for (int norm = 0; norm < 2; norm++)
        for (int bf16 = 0; bf16 < 2; bf16++) {
            program kept, again;
            sizes(&kept, (sg_norm)norm, (sg_plan_options){.bf16 = bf16});
            sizes(&again, (sg_norm)norm, (sg_plan_options){.bf16 = bf16, .recompute = true});
            const double saved = 1 - (double)again.info.arena_bytes / (double)kept.info.arena_bytes;
            const double dear = again.info.flop_again / (3 * again.info.flop_forward);
            print_message("# norm %d, bf16 %d: %.0f MiB, made again %.0f MiB with %.1f %% more FLOP\n", norm, bf16,
                          (double)kept.info.arena_bytes / 1048576, (double)again.info.arena_bytes / 1048576,
                          100 * dear);
            if (!(saved > .15 && dear < .2)) fail_msg("%.2f of the memory saved for %.2f more FLOP", saved, dear);
            program_close(&kept);
            program_close(&again);
        }
}

/* ---- the arena ---- */

static void test_few_holes(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        program p;
        sizes(&p, (sg_norm)(i % 2), (sg_plan_options){.bf16 = i / 2 % 2, .recompute = i / 4});
        assert_true(p.info.arena_bytes >= p.info.fullest_bytes);
        if (!(p.info.arena_bytes <= p.info.fullest_bytes + p.info.fullest_bytes / 8))
            fail_msg("plan %d: %zu bytes for the %zu that live at once", i, p.info.arena_bytes, p.info.fullest_bytes);
        program_close(&p);
    }
}

static void test_sizes_only(void **state)
{
    (void)state;
    const sg_unet_config net = {.depth = 1, .width = 8, .out_channels = 1};
    const sg_shape shape = SG_SHAPE(1, 1, 8, 8);
    program made, only;
    must(program_try(&made, &net, shape, &(sg_plan_options){.backward = true}));
    must(program_try(&only, &net, shape, &(sg_plan_options){.backward = true, .sizes_only = true}));
    assert_int_equal(made.info.arena_bytes, only.info.arena_bytes);
    assert_true(made.info.flop_forward == only.info.flop_forward && made.info.flop_forward > 0);
    assert_int_equal(sg_plan_forward(only.plan), SG_E_STATE);
    assert_int_equal(sg_plan_backward(only.plan), SG_E_STATE);
    program_close(&made);
    program_close(&only);
}

static void test_printed(void **state)
{
    (void)state;
    program p;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    sizes(&p, SG_NORM_NONE, (sg_plan_options){.recompute = true});
    must(sg_plan_memory_print(p.plan, 3, stream));
    assert_int_equal(fclose(stream), 0);
    static const char *const words[] = {"arena ", "fullest with", "conv2d", "gradient", "scratch", "value of"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strstr(text, words[i])) fail_msg("\"%s\" is not in\n%s", words[i], text);
    free(text);
    program_close(&p);
}

/* ---- what is left ---- */

static void put_file(const char *root, const char *path, const char *text)
{
    char folder[512], name[512];
    (void)snprintf(name, sizeof name, "%s/%s", root, path);
    (void)snprintf(folder, sizeof folder, "%s", name);
    *strrchr(folder, '/') = 0;
    must(sg_folder_make(folder));
    must(sg_file_write(name, text, strlen(text)));
}

/* Made-up machines: 8 GiB free; the parent group of version 1, the group of version 2 or kept promises leave less. */
static void test_left(void **state)
{
    (void)state;
    static const struct {
        const char *path, *text;
        double gib; /* before the reserve of half a GiB */
        const char *who;
    } list[] = {
        {"proc/meminfo",
         "MemTotal: 9 kB\nMemAvailable:    8388608 kB\nCommitLimit: 6291456 kB\nCommitted_AS: 1048576 kB\n", 8,
         "the machine"},
        {"proc/self/cgroup", "9:name=systemd:/\n4:memory:/a/b\n0::/c/d\n", 8, "the machine"},
        {"sys/fs/cgroup/memory/a/memory.limit_in_bytes", "8589934592\n", 8, "the machine"},
        {"sys/fs/cgroup/memory/a/memory.usage_in_bytes", "2147483648\n", 6, "the control group"},
        {"sys/fs/cgroup/memory/a/memory.stat", "cache 7\ntotal_inactive_file 1073741824\n", 7, "the control group"},
        {"sys/fs/cgroup/c/d/memory.max", "max\n", 7, "the control group"},
        {"sys/fs/cgroup/c/d/memory.max", "6442450944\n", 6, "the control group"},
        {"proc/sys/vm/overcommit_memory", "2\n", 5, "the commit limit"},
    };
    const char *root = place_path("machine");
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        put_file(root, list[i].path, list[i].text);
        const sg_memory_left left = sg_memory_look(root);
        const double gib = (double)left.bytes / 1073741824 + .5;
        if (!(fabs(gib - list[i].gib) <= 1e-6) || strcmp(left.who, list[i].who) != 0)
            fail_msg("after %s: %s leaves %g GiB", list[i].path, left.who, gib);
    }
}

/* Under ulimit -v, a network that is too big ends with the numbers; one that fits goes on. */
static void test_address_limit(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    print_message("# the address sanitizer takes all addresses\n");
    skip();
#endif
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {(rlim_t)3 << 30, (rlim_t)3 << 30};
        const sg_unet_config net = {.depth = 2, .width = 8, .out_channels = 1};
        program p = {0};
        bool ok = setrlimit(RLIMIT_AS, &limit) == 0;
        ok =
            ok && program_try(&p, &net, SG_SHAPE(64, 1, 512, 512), &(sg_plan_options){.backward = true}) == SG_E_MEMORY;
        ok = ok && strstr(sg_error_text(), "ulimit -v leaves") != NULL;
        ok = ok && program_try(&p, &net, SG_SHAPE(1, 1, 64, 64), &(sg_plan_options){.backward = true}) == SG_OK;
        _exit(ok ? 0 : 1);
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- numbers that are not finite ---- */

static void poisoned_backward(const sg_run *run)
{
    sg_op_max_pool.backward[0](run);
    ((float *)run->din[0])[3] = NAN;
}

/* A pooling between two convolutions whose gradient is NaN: the op is named and nothing has changed. */
static void test_bad_gradient(void **state)
{
    (void)state;
    sg_op poisoned = sg_op_max_pool;
    poisoned.backward[0] = poisoned_backward;
    memset(poisoned.fast, 0, sizeof poisoned.fast);
    poisoned.masks = 0;
    poisoned.any_form = false;
    sg_graph *g = sg_graph_new();
    program p;
    const sg_param_spec spec = {.init = SG_INIT_NORMAL, .init_b = .1};
    sg_value x = sg_input(g, "x", SG_SHAPE(2, 8, 16, 16));
    for (int i = 0; i < 2; i++) {
        const sg_value w = sg_param(g, sg_graph_text(g, "w%d", i), SG_SHAPE(8, 8, 3, 3), &spec);
        x = sg_relu(g, sg_conv2d(g, x, w, SG_NONE), 0);
        if (i > 0) continue;
        x = sg_max_pool(g, x);
        sg_graph_replace_op(g, x, &poisoned);
    }
    const sg_value loss = sg_bce(g, x, sg_input(g, "label", SG_SHAPE(2, 8, 8, 8)));
    must(sg_model_new(&p.model, 1));
    must(sg_plan_make(&p.plan, g, p.model, loss, &(sg_plan_options){.backward = true, .recompute = true}));
    sg_graph_free(g);
    float *in = sg_plan_input(p.plan, "x");
    for (int i = 0; i < 2 * 8 * 16 * 16; i++) in[i] = (float)check_random("x", 0, (size_t)i);
    const float before = sg_model_at(p.model, 0)->value[5];
    must(sg_plan_forward(p.plan));
    assert_int_equal(sg_plan_backward(p.plan), SG_E_NUMERIC);
    assert_non_null(strstr(sg_error_text(), "max_pool"));
    assert_non_null(strstr(sg_error_text(), "w0"));
    assert_true(sg_model_at(p.model, 0)->value[5] == before && sg_model_steps(p.model) == 0);
    program_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recompute_bits), cmocka_unit_test(test_recompute_pays), cmocka_unit_test(test_few_holes),
        cmocka_unit_test(test_sizes_only),     cmocka_unit_test(test_printed),        cmocka_unit_test(test_left),
        cmocka_unit_test(test_address_limit),  cmocka_unit_test(test_bad_gradient),
    };
    return cmocka_run_group_tests_name("plan_memory", tests, place_make, place_remove);
}
