/* test_loader.c - batches depend on the seed and their number alone: not on timing, not on where one starts. */
#include "core/memory.h"
#include "datasets/dataset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PX = 32, C = 16, BATCH = 4, TRAIN = 10, COUNT = 9 };

static sg_dataset *open_dataset(int train)
{
    sg_dataset *dataset = NULL;
    const sg_dataset_config config = {
        .kind = SG_DATASET_SYNTHETIC,
        .augment = true,
        .flips = true,
        .synthetic = {.count = 3, .radius_um = 3, .train = train, .validation = 1, .test = 1}};
    const sg_dataset_grid grid = {.sample_px = PX, .label_px = C, .pixel_um = .5};
    if (sg_dataset_open(&dataset, &config, &grid) != SG_OK) fail_msg("%s", sg_error_text());
    return dataset;
}

typedef struct copy {
    float sample[BATCH * PX * PX], label[BATCH * C * C];
    uint32_t id[BATCH];
} copy;

static void take(copy *out, sg_loader *loader)
{
    const sg_batch *batch;
    assert_int_equal(sg_loader_next(loader, &batch), SG_OK);
    memcpy(out->sample, batch->sample, sizeof out->sample);
    memcpy(out->label, batch->label, sizeof out->label);
    memcpy(out->id, batch->sample_id, sizeof out->id);
}

static sg_loader *start(const sg_dataset *dataset, int64_t first)
{
    sg_loader *loader;
    if (sg_loader_start(&loader, dataset, BATCH, 42, first) != SG_OK) fail_msg("%s", sg_error_text());
    return loader;
}

static void test_deterministic(void **state)
{
    (void)state;
    sg_dataset *dataset = open_dataset(TRAIN);
    copy *all = calloc(COUNT, sizeof *all), *one = calloc(1, sizeof *one);
    assert_true(all && one);
    sg_loader *loader = start(dataset, 0);
    assert_int_equal(sg_loader_batches_per_epoch(loader), TRAIN / BATCH);
    for (int b = 0; b < COUNT; b++) take(&all[b], loader);
    sg_loader_stop(loader);
    for (int first = 0; first < COUNT; first += 2) { /* resumed, and read slowly */
        loader = start(dataset, first);
        for (int b = first; b < COUNT; b++) {
            if (b % 3 == 0) (void)usleep(3000);
            take(one, loader);
            assert_memory_equal(one, &all[b], sizeof *one);
        }
        sg_loader_stop(loader);
    }
    assert_memory_not_equal(all[0].sample, all[2].sample, sizeof all[0].sample);
    free(all);
    free(one);
    sg_dataset_free(dataset);
}

/* No item twice within an epoch; not the same order in the next one. */
static void test_epochs(void **state)
{
    (void)state;
    sg_dataset *dataset = open_dataset(TRAIN);
    sg_loader *loader = start(dataset, 0);
    copy *batch = calloc(4, sizeof *batch);
    assert_non_null(batch);
    for (int b = 0; b < 4; b++) take(&batch[b], loader);
    for (int epoch = 0; epoch < 2; epoch++)
        for (int i = 0; i < 2 * BATCH; i++)
            for (int k = 0; k < i; k++)
                assert_int_not_equal(batch[2 * epoch + i / BATCH].id[i % BATCH],
                                     batch[2 * epoch + k / BATCH].id[k % BATCH]);
    assert_true(memcmp(batch[0].id, batch[2].id, sizeof batch[0].id) ||
                memcmp(batch[1].id, batch[3].id, sizeof batch[1].id));
    free(batch);
    sg_loader_stop(loader);
    sg_dataset_free(dataset);
}

/* The caller's batch must stay as it is while the thread works ahead. */
static void test_batch_is_stable(void **state)
{
    (void)state;
    sg_dataset *dataset = open_dataset(TRAIN);
    sg_loader *loader = start(dataset, 0);
    const sg_batch *batch;
    float kept[PX * PX];
    for (int b = 0; b < 6; b++) {
        assert_int_equal(sg_loader_next(loader, &batch), SG_OK);
        memcpy(kept, batch->sample, sizeof kept);
        (void)usleep(2000);
        assert_memory_equal(kept, batch->sample, sizeof kept);
    }
    sg_loader_stop(loader);
    sg_dataset_free(dataset);
}

static void test_small_split(void **state)
{
    (void)state;
    sg_dataset *dataset = open_dataset(3);
    sg_loader *loader = start(dataset, 0);
    copy *batch = calloc(1, sizeof *batch);
    assert_non_null(batch);
    assert_int_equal(sg_loader_batches_per_epoch(loader), 1);
    take(batch, loader);
    assert_int_equal(batch->id[3], batch->id[0]);
    assert_memory_not_equal(batch->sample, batch->sample + 3 * PX * PX, PX * PX * sizeof(float)); /* another draw */
    free(batch);
    sg_loader_stop(loader);
    sg_dataset_free(dataset);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    sg_dataset *dataset = open_dataset(TRAIN);
    sg_loader *loader;
    assert_int_equal(sg_loader_start(&loader, dataset, 0, 1, 0), SG_E_RANGE);
    assert_non_null(strstr(sg_error_text(), "batch_size"));
    assert_null(loader);
    assert_int_equal(sg_loader_start(&loader, dataset, 1, 1, -1), SG_E_RANGE);
    sg_loader_stop(NULL);
    sg_dataset_free(dataset);
}

static void test_stop_is_quick(void **state)
{
    (void)state;
    struct timespec a, b;
    sg_dataset *dataset = open_dataset(TRAIN);
    (void)clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < 50; i++) sg_loader_stop(start(dataset, i));
    (void)clock_gettime(CLOCK_MONOTONIC, &b);
    assert_true(b.tv_sec - a.tv_sec < 10);
    sg_dataset_free(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deterministic),   cmocka_unit_test(test_epochs),
        cmocka_unit_test(test_batch_is_stable), cmocka_unit_test(test_small_split),
        cmocka_unit_test(test_bad_arguments),   cmocka_unit_test(test_stop_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
