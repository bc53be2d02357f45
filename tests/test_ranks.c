/* test_ranks.c - several ranks: what a plan gives to the exchange and takes from it, with ranks that are played here;
 * then whole runs under mpirun (skipped without it): the same bits twice, the numbers of one process, errors said once,
 * no rank left waiting. */
#include "lab.h"

#include "core/file.h"
#include "core/memory.h"
#include "nn/loss.h"
#include "nn/ops.h"
#include "pipeline/ranks.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the other ranks, played: each has what `other` holds, or the same numbers as this one ---- */
enum { ADDS = 16 };

typedef struct played {
    sg_ranks base;
    double other[64]; /* with `scripted`, in the order of the numbers summed */
    size_t at;
    bool scripted;
    int adds, waits;
    float *x[ADDS], first[ADDS];
} played;

static void played_sum(sg_ranks *base, double *x, size_t len)
{
    played *p = (played *)base;
    for (size_t i = 0; i < len; i++) x[i] += p->scripted ? p->other[p->at++ % 64] : (base->count - 1) * x[i];
}

static void played_add(sg_ranks *base, float *x, size_t len)
{
    played *p = (played *)base;
    assert_true(p->adds < ADDS && len > 0);
    p->x[p->adds] = x;
    p->first[p->adds++] = x[0];
}

/* What was handed over must be as it was then. */
static void played_wait(sg_ranks *base)
{
    played *p = (played *)base;
    p->waits++;
    for (int i = 0; i < p->adds; i++) assert_true(*p->x[i] == p->first[i]);
}

static void played_share(sg_ranks *base, void *data, size_t bytes)
{
    (void)base, (void)data, (void)bytes;
}

static played play(int rank, int count)
{
    return (played){.base = {rank, count, played_sum, played_add, played_wait, played_share, 0}};
}

/* Two convolutions that share a bias, batch norm, and a loss; one parameter is used twice. */
static lab network(bool mse)
{
    sg_graph *g = sg_graph_new();
    const sg_param_spec normal = {.init = SG_INIT_NORMAL, .init_b = .5};
    const sg_param_spec one = {.init = SG_INIT_CONSTANT, .init_a = 1}, state = {.state = true};
    const sg_shape channels = SG_SHAPE(1, 2, 1, 1);
    const sg_value bias = sg_param(g, "bias", channels, &normal);
    sg_value x = sg_input(g, "sample", SG_SHAPE(2, 2, 5, 6));
    x = sg_conv2d(g, x, sg_param(g, "first", SG_SHAPE(2, 2, 3, 3), &normal), bias);
    x = sg_batch_norm(g, x, sg_param(g, "scale", channels, &one), sg_param(g, "shift", channels, &normal),
                      sg_param(g, "mean", channels, &state), sg_param(g, "var", channels, &state));
    x = sg_conv2d(g, x, sg_param(g, "second", SG_SHAPE(2, 2, 3, 3), &normal), bias);
    const sg_value label = sg_input(g, "label", SG_SHAPE(2, 2, 5, 6));
    return lab_open(g, mse ? sg_mse(g, x, label) : sg_dice_bce(g, x, label, 1, 1), false, true);
}

static void fill(const lab *l, float spoil)
{
    float *sample = sg_plan_input(l->plan, "sample"), *label = sg_plan_input(l->plan, "label");
    for (size_t i = 0; i < 120; i++) {
        sample[i] = (float)check_random("sample", 0, i);
        label[i] = check_random("label", 0, i) > 0;
    }
    sample[7] += spoil;
}

static double run(const lab *l, played *p)
{
    const sg_step step = {.training = true, .ranks = p ? &p->base : NULL, .norm_ranks = p ? &p->base : NULL};
    fill(l, 0);
    sg_plan_step_set(l->plan, &step);
    if (sg_plan_forward(l->plan) != SG_OK || sg_plan_backward(l->plan) != SG_OK) fail_msg("%s", sg_error_text());
    return sg_plan_loss(l->plan);
}

static const char *const learnt[] = {"bias", "first", "scale", "shift", "second"};
enum { LEARNT = sizeof learnt / sizeof *learnt };

/* Three ranks with the same pictures: the loss of one, a third of its gradient each (Dice adds 1 to sums that are three
 * times as large, so it is near only). */
static void equal_parts_share_loss_and_gradient(void **state)
{
    (void)state;
    for (int mse = 0; mse < 2; mse++) {
        lab alone = network(mse), shared = network(mse);
        played p = play(1, 3);
        lab_near(run(&shared, &p), run(&alone, NULL), mse ? 1e-6 : 5e-3, "loss", mse);
        for (int i = 0; i < LEARNT; i++) {
            const float *a = sg_plan_param_grad(alone.plan, learnt[i]), *b = sg_plan_param_grad(shared.plan, learnt[i]);
            const double size = fabs((double)a[0]) + .01;
            lab_near(3 * (double)b[0], (double)a[0], (mse ? 1e-4 : .1) * size, learnt[i], mse);
        }
        lab_close(&alone);
        lab_close(&shared);
    }
}

/* Every gradient is handed over once, when nothing adds to it any more, and awaited once. */
static void gradients_are_handed_over_when_they_are_final(void **state)
{
    lab l = network(false);
    played p = play(0, 2);
    (void)state;
    (void)run(&l, &p);
    assert_int_equal(p.adds, LEARNT);
    assert_int_equal(p.waits, 1);
    for (int i = 0; i < LEARNT; i++) {
        int found = 0;
        for (int k = 0; k < p.adds; k++) found += p.x[k] == sg_plan_param_grad(l.plan, learnt[i]);
        assert_int_equal(found, 1);
    }
    assert_ptr_equal(p.x[0], sg_plan_param_grad(l.plan, "second")); /* of the layer that runs backward first */
    lab_close(&l);
}

static void a_bad_number_is_named_by_the_rank_that_has_it(void **state)
{
    lab l = network(false);
    played p = play(0, 2);
    const sg_step step = {.training = true, .ranks = &p.base};
    (void)state;
    sg_plan_step_set(l.plan, &step);
    fill(&l, (float)INFINITY);
    assert_int_equal(sg_plan_forward(l.plan), SG_E_NUMERIC);
    assert_non_null(strstr(sg_error_text(), "sample holds a number that is not finite"));
    fill(&l, 3e38f); /* finite, but the convolution makes it infinite */
    assert_int_equal(sg_plan_forward(l.plan), SG_E_NUMERIC);
    assert_non_null(strstr(sg_error_text(), "conv2d"));
    fill(&l, 0);
    p.scripted = true;
    for (int i = 0; i < 64; i++) p.other[i] = NAN;
    assert_int_equal(sg_plan_forward(l.plan), SG_E_NUMERIC);
    assert_string_equal(sg_error_text(), ""); /* the other rank says it */
    lab_close(&l);
}

static void one_rank_speaks_for_all(void **state)
{
    (void)state;
    played p = play(1, 3);
    p.scripted = true;
    assert_int_equal(sg_ranks_agree(&p.base, SG_OK), SG_OK);
    p = play(1, 3); /* rank 2 fails */
    p.scripted = true;
    p.other[0] = 1;
    p.other[1 + 2] = SG_E_IO;
    assert_int_equal(sg_ranks_agree(&p.base, SG_OK), SG_E_IO);
    assert_string_equal(sg_error_text(), "");
    assert_int_equal(sg_ranks_agree(&p.base, SG_OK), SG_E_IO); /* and nobody is asked again */
    p = play(1, 3);
    p.scripted = true;
    (void)sg_error_set(SG_E_CONFIG, "no such key");
    assert_int_equal(sg_ranks_agree(&p.base, SG_E_CONFIG), SG_E_CONFIG);
    assert_string_equal(sg_error_text(), "rank 1 of 3: no such key");
    p = play(0, 2); /* both fail, neither knows why */
    (void)sg_error_set(SG_E_NUMERIC, "%s", "");
    assert_int_equal(sg_ranks_agree(&p.base, SG_E_NUMERIC), SG_E_NUMERIC);
    assert_non_null(strstr(sg_error_text(), "only in the sum over 2 ranks"));
}

/* ---- under mpirun ---- */
static const char tiny[] =
    "sample: {size_px: 64}\n"
    "illumination: {rows: 5, columns: 5, pattern: random, learn: {learn: true, lr: .02}}\n"
    "network: {width: 16, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 12, validation: 5, test: 5}}\n"
    "train: {steps: 8, batch_size: 4, validate_every: 5, checkpoint_every: 3, threads: 1}\n";

/* Open MPI as root, and with more ranks than cores; other MPIs do not read these. */
#define MPI                                                                                                            \
    "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1; "           \
    "timeout 100 mpirun "
#define TRAIN "\"$SG\" train tiny.yaml -q --no-report -o "

/* A test that needs mpirun begins with this. */
static void need_mpi(void)
{
    const char *built = getenv("SG_TEST_MPI");
    if (built == NULL || strcmp(built, "true") != 0 || place_shell("command -v mpirun > /dev/null") != 0) {
        print_message("# skipped: built without MPI, or there is no mpirun\n");
        skip();
    }
    place_put_text("tiny.yaml", tiny);
}

static void trains(const char *ranks, const char *run, const char *more)
{
    char line[1024];
    (void)snprintf(line, sizeof line, MPI "-n %s " TRAIN "%s %s > out 2> err", ranks, run, more);
    if (place_shell(line) != 0) fail_msg("%s: %s", line, place_get("err"));
}

static void same_files(const char *a, const char *b)
{
    char line[512];
    (void)snprintf(line, sizeof line,
                   "for f in results.h5 log.csv last.ckpt best.ckpt weights.safetensors; do cmp %s/$f %s/$f || exit 1; "
                   "done",
                   a, b);
    assert_int_equal(place_shell(line), 0);
}

static void same_bytes_for_the_same_ranks(void **state)
{
    (void)state;
    need_mpi();
    trains("2", "two", "");
    trains("2", "two_again", "-t 2");
    same_files("two", "two_again");
    trains("4", "four", "");
    trains("4", "four_again", "");
    same_files("four", "four_again");
}

/* The loss of step `step` in a run's log. */
static double loss_at(const char *run, int step)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s/log.csv", run);
    char *text = place_get(name);
    const char *at = text;
    for (int i = 0; i < step && at != NULL; i++) at = strchr(at + 1, '\n');
    assert_non_null(at);
    const double loss = strtod(strchr(at, ',') + 1, NULL);
    sg_free(text);
    return loss;
}

/* Ranks change the order of sums and nothing else. What scales rounding up is left out: Adam, and light that is learnt,
 * for a photon count can jump where the light changes by a rounding. */
#define SGD "--set optimiser.kind=sgd --set optimiser.lr=.02 --set illumination.learn.learn=false "
static void ranks_train_as_one_process_does(void **state)
{
    static const char *const options[] = {SGD, SGD "--set network.norm=none", SGD "--set loss.kind=mse"};
    static const char *const ranks[] = {"1", "2", "4"};
    (void)state;
    need_mpi();
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            char one[32], run[32];
            (void)snprintf(one, sizeof one, "near%d_1", i);
            (void)snprintf(run, sizeof run, "near%d_%s", i, ranks[k]);
            trains(ranks[k], run, options[i]);
            for (int step = 1; step <= 8; step++) lab_near(loss_at(run, step), loss_at(one, step), 3e-4, run, step);
        }
    trains("4", "local", SGD "--set train.norm_statistics=local");
    assert_true(fabs(loss_at("local", 1) - loss_at("near0_1", 1)) > 1e-3); /* statistics of one picture each */
}

static void refusal(const char *line, int code, const char *says)
{
    const int got = place_shell(line);
    char *err = place_get("err"), *found = strstr(err, says);
    if (got != code || found == NULL) fail_msg("%s: code %d, '%s' does not say '%s'", line, got, err, says);
    if (strstr(found + 1, says)) fail_msg("said twice: %s", err);
    sg_free(err);
}

#define RANK_SAYS "sh -c 'exec " TRAIN
static void errors_are_said_once_and_end_all(void **state)
{
    (void)state;
    need_mpi();
    refusal(MPI "-n 3 " TRAIN "bad 2> err", 2,
            "train.batch_size: 4 pictures do not divide into equal parts for 3 ranks");
    refusal("export SG; " MPI "-n 2 " RANK_SAYS "bad --set train.seed=$OMPI_COMM_WORLD_RANK' 2> err", 2,
            "rank 1 of 2: its configuration is not that of rank 0");
    refusal("export SG; " MPI "-n 2 " RANK_SAYS "bad --set train.bad$OMPI_COMM_WORLD_RANK=1' 2> err", 2, "train.bad0");
    refusal("export SG; mkdir -p held; " MPI "--version > /dev/null; flock held mpirun -n 2 " TRAIN "held 2> err", 2,
            "another process is training in this folder");
    refusal(MPI "-n 2 " TRAIN "wild --set optimiser.kind=sgd --set optimiser.lr=10 --set camera.bit_depth=16 --set "
                "network.norm=none --set train.steps=200 2> err",
            1, "the step was refused");
    assert_int_equal(place_shell("test -e bad"), 1);
}

static void other_commands_are_refused(void **state)
{
    (void)state;
    assert_int_equal(place_shell("PMI_SIZE=4 \"$SG\" evaluate run 2> err"), 2);
    char *err = place_get("err");
    assert_non_null(strstr(err, "only train and sweep share their work"));
    sg_free(err);
}

/* Rank 1 dies, as soon as there is a checkpoint: all end, and --resume repeats the unbroken run. */
static void a_killed_rank_ends_all(void **state)
{
    (void)state;
    need_mpi();
    trains("2", "unbroken", "--set train.steps=60");
    const int code =
        place_shell("export SG; " MPI
                    "-n 2 sh -c 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then (while [ ! -e broken/last.ckpt ]; do sleep "
                    ".01; done; kill -9 $$) & fi; exec " TRAIN "broken --set train.steps=60' 2> err");
    assert_int_not_equal(code, 124); /* timeout's */
    assert_int_not_equal(code, 0);
    trains("2", "broken", "--set train.steps=60 --resume");
    same_files("unbroken", "broken");
}

/* One rank gets the signal; both stop after the same step. */
static void a_signal_to_one_rank_stops_all(void **state)
{
    (void)state;
    need_mpi();
    refusal("export SG; " MPI
            "-n 2 sh -c 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then (while [ ! -e stopped/last.ckpt ]; do "
            "sleep .01; done; kill $$) & fi; exec " TRAIN "stopped --set train.steps=60' 2> err",
            1, "stopped: interrupted after step");
    trains("2", "stopped", "--set train.steps=60 --resume");
    same_files("unbroken", "stopped");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_parts_share_loss_and_gradient),
        cmocka_unit_test(gradients_are_handed_over_when_they_are_final),
        cmocka_unit_test(a_bad_number_is_named_by_the_rank_that_has_it),
        cmocka_unit_test(one_rank_speaks_for_all),
        cmocka_unit_test(other_commands_are_refused),
        cmocka_unit_test(same_bytes_for_the_same_ranks),
        cmocka_unit_test(ranks_train_as_one_process_does),
        cmocka_unit_test(errors_are_said_once_and_end_all),
        cmocka_unit_test(a_killed_rank_ends_all),
        cmocka_unit_test(a_signal_to_one_rank_stops_all),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
