/* test_twin.c - training beside a twin in PyTorch (tests/independent/unet_twin.py): from the same weights and batches
 * the losses of direct float convolutions agree within 1e-4 for 20 steps, and after 200 they are no further apart than
 * twice what PyTorch is from itself with channels last. Winograd's and bf16's curves are printed beside them. Skipped
 * without PyTorch. $SG_TEST_PYTHON: the Python to use, python3 if not set. */
#include "check.h"
#include "place.h"

#include "core/parallel.h"
#include "core/rng.h"
#include "datasets/npy.h"
#include "nn/loss.h"
#include "nn/ops.h"
#include "nn/optimiser.h"
#include "nn/unet.h"
#include "pipeline/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s: %s", #call, sg_error_text());                                               \
    } while (0)

enum { BATCHES = 8, BATCH = 4, SIZE = 32, STEPS = 200, PIXELS = SIZE * SIZE };
static const sg_unet_config net = {.depth = 2, .width = 16, .out_channels = 1, .norm = SG_NORM_BATCH};
static const sg_optimiser_config adam = {
    .kind = SG_OPTIMISER_ADAM, .lr = 2e-4, .beta1 = .9, .beta2 = .999, .epsilon = 1e-8};
static float pictures[BATCHES * BATCH * PIXELS], labels[BATCHES * BATCH * PIXELS];

/* Blobs between two waves, seen through noise: something to learn. */
static void draw(int image)
{
    const sg_rng rng = sg_rng_make(5, SG_RNG_TEST, (uint32_t)image, 0, 0);
    double k[4];
    for (uint32_t i = 0; i < 4; i++) k[i] = .1 + .3 * sg_rng_uniform(&rng, i, 1);
    for (int i = 0; i < PIXELS; i++) {
        const int at = image * PIXELS + i;
        const double x = i % SIZE, y = (double)(i / SIZE);
        labels[at] = sin(k[0] * x + k[1] * y) * cos(k[2] * x - k[3] * y) > .2;
        pictures[at] = labels[at] + (float)sg_rng_normal(&rng, (uint32_t)i, 0);
    }
}

static int make_files(void **state)
{
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    if (place_make(state)) return 1;
    for (int i = 0; i < BATCHES * BATCH; i++) draw(i);
    OK(sg_npy_write(place_path("pictures.npy"), pictures, BATCHES * BATCH, SIZE, SIZE));
    OK(sg_npy_write(place_path("labels.npy"), labels, BATCHES * BATCH, SIZE, SIZE));
    OK(sg_model_new(&model, 3));
    sg_graph *g = sg_graph_new();
    OK(sg_plan_make(&plan, g, model, sg_unet(g, sg_input(g, "x", SG_SHAPE(BATCH, 1, SIZE, SIZE)), &net),
                    &(sg_plan_options){0}));
    OK(sg_weights_write(model, place_path("first.safetensors"), ""));
    sg_plan_free(plan);
    sg_graph_free(g);
    sg_model_free(model);
    return 0;
}

static void train(double loss[STEPS], const sg_plan_options *options)
{
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    const sg_shape shape = SG_SHAPE(BATCH, 1, SIZE, SIZE);
    OK(sg_model_new(&model, 3));
    const sg_value logits = sg_unet(g, sg_input(g, "x", shape), &net);
    OK(sg_plan_make(&plan, g, model, sg_bce(g, logits, sg_input(g, "label", shape)), options));
    for (int step = 0; step < STEPS; step++) {
        const size_t len = sg_shape_len(shape), at = (size_t)(step % BATCHES) * len;
        memcpy(sg_plan_input(plan, "x"), pictures + at, len * sizeof(float));
        memcpy(sg_plan_input(plan, "label"), labels + at, len * sizeof(float));
        sg_plan_step_set(plan, &(sg_step){.training = true});
        OK(sg_plan_forward(plan));
        OK(sg_plan_backward(plan));
        OK(sg_optimiser_step(model, plan, &adam, 1));
        sg_plan_commit(plan);
        loss[step] = sg_plan_loss(plan);
    }
    sg_plan_free(plan);
    sg_graph_free(g);
    sg_model_free(model);
}

static void write_curve(const char *name, const double loss[STEPS])
{
    FILE *f = fopen(place_path(name), "w");
    if (!f) fail_msg("%s cannot be written", name);
    for (int i = 0; i < STEPS; i++) (void)fprintf(f, "%.9g\n", loss[i]);
    (void)fclose(f);
}

static void curve(const char *name, const sg_plan_options *options)
{
    double loss[STEPS];
    train(loss, options);
    if (!(loss[STEPS - 1] < .8 * loss[0]))
        fail_msg("%s: the loss only fell from %g to %g", name, loss[0], loss[STEPS - 1]);
    write_curve(name, loss);
}

static void test_twin(void **state)
{
    (void)state;
    if (place_shell("\"${SG_TEST_PYTHON:-python3}\" -c 'import torch' 2> errors")) {
        print_message("# skipped: PyTorch is missing\n");
        skip();
    }
    curve("direct", &(sg_plan_options){.backward = true, .direct = true});
    curve("winograd", &(sg_plan_options){.backward = true});
    curve("bf16", &(sg_plan_options){.backward = true, .bf16 = true});
    const int code = place_shell("\"${SG_TEST_PYTHON:-python3}\" \"$SG_TEST_SOURCE/tests/independent/unet_twin.py\" . "
                                 "> table 2> errors");
    char *table = place_get("table"), *errors = place_get("errors");
    print_message("# %s\n", table);
    if (code != 0) fail_msg("unet_twin.py: exit code %d: %s%.500s", code, table, errors);
    free(table);
    free(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_twin)};
    return cmocka_run_group_tests(tests, make_files, place_remove);
}
