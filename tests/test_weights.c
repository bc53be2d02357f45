/* test_weights.c - train.weights: a run that starts from a file, and files of another network, which are refused with the
 * tensor that differs. Through the command line. */
#include "core/memory.h"
#include "pipeline/safetensors.h"
#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char tiny[] =
    "sample: {size_px: 32}\n"
    "illumination: {rows: 3, columns: 3, pattern: random, learn: {learn: true, lr: .02}}\n"
    "network: {width: 8, depth: 1, norm: none}\n"
    "dataset: {kind: synthetic, synthetic: {count: 2, radius_um: 3, train: 4, validation: 2, test: 2}}\n"
    "train: {steps: 2, batch_size: 2, threads: 1}\n";

static void train(const char *run, const char *more)
{
    char line[512];
    (void)snprintf(line, sizeof line, "train tiny.yaml -q --no-report -o %s %s", run, more);
    if (place_run(line) != 0) fail_msg("%s: %s", line, place_get("err"));
}

static int setup(void **state)
{
    if (place_make(state) != 0) return -1;
    place_put_text("tiny.yaml", tiny);
    train("first", "");
    return 0;
}

static sg_safetensors *weights(const char *run)
{
    char name[64];
    sg_safetensors *file;
    (void)snprintf(name, sizeof name, "%s/weights.safetensors", run);
    if (sg_safetensors_read(&file, place_path(name)) != SG_OK) fail_msg("%s", sg_error_text());
    return file;
}

/* Does every tensor of the network (or of the hardware) hold the same numbers in both runs? */
static bool same(const char *run_a, const char *run_b, bool network)
{
    sg_safetensors *a = weights(run_a), *b = weights(run_b);
    bool equal = true;
    int compared = 0;
    for (int i = 0; i < sg_safetensors_count(a); i++) {
        const sg_tensor *x = sg_safetensors_at(a, i), *y = sg_safetensors_find(b, x->name);
        if ((strncmp(x->name, "unet.", 5) == 0) != network) continue;
        assert_non_null(y);
        equal = equal && x->len == y->len && memcmp(x->data, y->data, x->len * sizeof(float)) == 0;
        compared++;
    }
    assert_true(compared > 0);
    sg_safetensors_free(a);
    sg_safetensors_free(b);
    return equal;
}

#define STILL "--set optimiser.lr=0 --set illumination.learn.learn=false "

/* With a rate of 0 the weights are afterwards what they were; another seed would have started elsewhere. */
static void training_starts_where_the_file_says(void **state)
{
    (void)state;
    train("second", STILL "--set train.seed=9 --set train.weights=first/weights.safetensors");
    assert_true(same("first", "second", true));
    assert_true(same("first", "second", false));
    train("third", STILL "--set train.seed=9");
    assert_false(same("first", "third", true));
}

/* As a file from PyTorch: the network alone. The hardware keeps its own start. */
static void a_network_alone_is_enough(void **state)
{
    sg_tensor network[64];
    int count = 0;
    void *bytes;
    size_t size;
    (void)state;
    sg_safetensors *file = weights("first");
    for (int i = 0; i < sg_safetensors_count(file); i++)
        if (strncmp(sg_safetensors_at(file, i)->name, "unet.", 5) == 0) network[count++] = *sg_safetensors_at(file, i);
    assert_int_equal(sg_safetensors_encode(&bytes, &size, network, count, NULL, 0), SG_OK);
    place_put("network.safetensors", bytes, size);
    sg_free(bytes);
    sg_safetensors_free(file);
    train("fourth", STILL "--set train.weights=network.safetensors");
    assert_true(same("first", "fourth", true));
    assert_false(same("first", "fourth", false));
}

static void other_networks_are_refused(void **state)
{
    static const struct {
        const char *set, *says;
    } list[] = {
        {"network.width=16", "unet.down0.conv1.bias: shape (1,8,1,1) in the file, (1,16,1,1) in the network"},
        {"network.depth=2", "unet.down2.conv1.bias: not in the file; it is of another network"},
        {"network.norm=batch", "not in the file; it is of another network"},
        {"illumination.rows=5", "microscope.led.weight: shape (1,1,1,9) in the file, (1,1,1,15) in the network"},
        {"train.weights=tiny.yaml", "tiny.yaml: not a safetensors file, or cut off"},
        {"train.weights=nowhere", "nowhere: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        char line[512];
        (void)snprintf(line, sizeof line,
                       "train tiny.yaml -q -o bad --set train.weights=first/weights.safetensors --set %s", list[i].set);
        assert_int_not_equal(place_run(line), 0);
        char *err = place_get("err");
        if (!strstr(err, list[i].says)) fail_msg("%s: '%s' does not say '%s'", line, err, list[i].says);
        if (strchr(err, '\n') != err + strlen(err) - 1) fail_msg("not one line: %s", err);
        sg_free(err);
    }
    assert_int_not_equal(place_shell("test -e bad"), 0);
    train("normed", "--set network.norm=batch");
    assert_int_equal(place_run("train tiny.yaml -q -n -o bad --set train.weights=normed/weights.safetensors"), 1);
    char *err = place_get("err");
    assert_non_null(strstr(err, "not in the network"));
    sg_free(err);
}

/* A run whose weights were exchanged for those of another. */
static void predict_refuses_the_weights_of_another_run(void **state)
{
    (void)state;
    train("wide", "--set network.width=16");
    assert_int_equal(place_shell("cp -r first swapped && cp wide/weights.safetensors swapped/"), 0);
    assert_int_equal(place_run("predict swapped -i none.png -o out.tif"), 2);
    char *err = place_get("err");
    if (!strstr(err, "width: 8") || !strstr(err, "width: 16")) fail_msg("%s", err);
    sg_free(err);
    assert_int_equal(place_shell("cp network.safetensors swapped/weights.safetensors"), 0);
    assert_int_equal(place_run("predict swapped -i none.png -o out.tif"), 1);
    err = place_get("err");
    assert_non_null(strstr(err, "holds no config"));
    sg_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_starts_where_the_file_says),
        cmocka_unit_test(a_network_alone_is_enough),
        cmocka_unit_test(other_networks_are_refused),
        cmocka_unit_test(predict_refuses_the_weights_of_another_run),
    };
    return cmocka_run_group_tests(tests, setup, place_remove);
}
