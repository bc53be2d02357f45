/* test_classes.c - folders of pictures with a class each: names, tables, pictures of all sorts, and unreadable ones. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/dataset.h"
#include "datasets/npy.h"
#include "datasets/png.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PX = 8 };
static const sg_dataset_grid grid = {.sample_px = PX, .label_px = 4, .pixel_um = .5};

static void expect_ok(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

static void put_picture(const char *name, int height, int width, int seed)
{
    uint8_t data[32 * 32];
    for (int i = 0; i < height * width; i++) data[i] = (uint8_t)((i * 7 + seed * 31) % 251);
    expect_ok(sg_png_write_gray8(place_path(name), data, height, width));
}

static void put_deep_picture(const char *name, int height, int width)
{
    uint16_t data[32 * 32];
    for (int i = 0; i < height * width; i++) data[i] = (uint16_t)(i * 611);
    expect_ok(sg_png_write_gray16(place_path(name), data, height, width));
}

/* An empty folder d with the folders that are named. */
static void fresh(const char *folders)
{
    char line[256];
    (void)snprintf(line, sizeof line, "rm -rf d; mkdir d; cd d; mkdir %s", folders);
    assert_int_equal(place_shell(line), 0);
}

static sg_dataset_config classes(void)
{
    sg_dataset_config config = {.kind = SG_DATASET_CLASSES};
    (void)snprintf(config.path, sizeof config.path, "%s/d", place);
    return config;
}

static sg_dataset *open_data(const sg_dataset_config *config)
{
    sg_dataset *dataset;
    expect_ok(sg_dataset_open(&dataset, config, &grid));
    return dataset;
}

static void refuse(const sg_dataset_config *config, const char *says)
{
    sg_dataset *dataset;
    if (sg_dataset_open(&dataset, config, &grid) == SG_OK) fail_msg("expected an error with '%s'", says);
    if (!strstr(sg_error_text(), says)) fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), says);
    assert_null(dataset);
}

static void expect_notice(const sg_dataset *dataset, const char *says)
{
    if (!strstr(sg_dataset_notice(dataset), says))
        fail_msg("\"%s\" does not say \"%s\"", sg_dataset_notice(dataset), says);
}

static int count_all(const sg_dataset *dataset)
{
    return sg_dataset_count(dataset, SG_SPLIT_TRAIN) + sg_dataset_count(dataset, SG_SPLIT_VALIDATION) +
           sg_dataset_count(dataset, SG_SPLIT_TEST);
}

/* Sizes and depths may differ; files that are no pictures, hidden ones and loose ones do not matter. */
static void test_folder(void **state)
{
    (void)state;
    fresh("round 'long thin' .hidden empty");
    for (int i = 0; i < 20; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "d/round/p%02d.png", i);
        if (i % 2)
            put_picture(name, PX + i % 3, PX + i % 5, i);
        else
            put_deep_picture(name, PX + i % 5, PX);
        (void)snprintf(name, sizeof name, "d/long thin/p%02d.png", i);
        put_picture(name, PX, PX, i);
    }
    put_picture("d/.hidden/x.png", PX, PX, 1);
    put_picture("d/loose.png", PX, PX, 1);
    place_put_text("d/round/notes.txt", "no picture");
    const sg_dataset_config config = classes();
    sg_dataset *dataset = open_data(&config);
    char names[32];
    assert_int_equal(count_all(dataset), 40);
    expect_ok(sg_dataset_class_names(names, sizeof names, dataset));
    assert_string_equal(names, "long thin, round");
    for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++)
        for (int i = 0; i < sg_dataset_count(dataset, split); i++) {
            float sample[PX * PX], label;
            expect_ok(sg_dataset_item(dataset, split, i, 1, -1, sample, &label, NULL));
            assert_true(label == (strncmp(sg_dataset_name(dataset, split, i), "round/p", 7) == 0 ? 1 : 0));
            assert_true(sample[0] >= 0 && sample[0] <= 1);
        }
    assert_string_equal(sg_dataset_notice(dataset), "");
    sg_dataset_free(dataset);
}

static void put_some(void)
{
    fresh("a b");
    for (int i = 0; i < 12; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "d/%c/%d.png", "ab"[i % 2], i);
        put_picture(name, PX, PX, i);
    }
}

static void test_refused(void **state)
{
    (void)state;
    put_some();
    sg_dataset_config config = classes();
    (void)snprintf(config.classes, sizeof config.classes, "a b c");
    refuse(&config, "dataset.classes: none of the 12 pictures is 'c'");
    (void)snprintf(config.classes, sizeof config.classes, "a c");
    refuse(&config, "dataset.classes: none of the 6 pictures is 'c'; left out: b/1");
    config = classes();
    put_picture("d/a/small.png", PX, PX - 1, 0);
    refuse(&config, "small.png: 7 x 8 pixels are smaller than the sample of 8 x 8");
    config.unreadable = SG_UNREADABLE_SKIP; /* it can be read */
    refuse(&config, "small.png: 7 x 8 pixels are smaller");
    config = classes();
    assert_int_equal(place_shell("rm d/a/small.png; cp d/a/0.png d/a/0.PNG"), 0);
    refuse(&config, "the name 'a/0' stands there twice");
    assert_int_equal(place_shell("rm -r d/a"), 0);
    refuse(&config, "training pictures are 'b': a classifier needs at least two classes");
    assert_int_equal(place_shell("rm d/b/*"), 0);
    refuse(&config, "d: no pictures in folders, one folder a class");
    (void)snprintf(config.path, sizeof config.path, "%s/none", place);
    refuse(&config, "none: no such folder");
    config.path[0] = 0;
    refuse(&config, "dataset.path: a folder with a folder for each class");
    put_some();
    config = classes();
    assert_int_equal(place_shell("mv d/a 'd/x,y'"), 0);
    refuse(&config, "the name 'x,y' has a comma, a quote or a tab in it");
    fresh("$(seq 1 65)");
    for (int i = 1; i <= 65; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d/%d/p.png", i);
        put_picture(name, PX, PX, i);
    }
    refuse(&config, "more than 64 classes");
}

/* Pictures in one folder, their classes in a table. */
static void test_table(void **state)
{
    (void)state;
    fresh(".x");
    for (int i = 0; i < 6; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "d/%d.png", i);
        put_picture(name, PX, PX, i);
    }
    sg_dataset_config config = classes();
    (void)snprintf(config.labels, sizeof config.labels, "%s/l.csv", place);
    (void)snprintf(config.splits, sizeof config.splits, "%s/l.csv", place);
    place_put_text("l.csv", "name,label,split\n0,x,train\n1,y,train\n2,x,val\n3,y,test\n4,,train\n5,z,test\n");
    sg_dataset *dataset = open_data(&config);
    assert_int_equal(sg_dataset_classes(dataset), 3);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 2);
    assert_int_equal(sg_dataset_class(dataset, SG_SPLIT_TEST, 1), 2);
    assert_int_equal(sg_dataset_class_count(dataset, SG_SPLIT_TRAIN, 2), 0);
    expect_notice(dataset, "left out: 1 picture without a label in dataset.labels (the first: 4)");
    sg_dataset_free(dataset);
    (void)snprintf(config.classes, sizeof config.classes, "y x");
    dataset = open_data(&config);
    assert_int_equal(sg_dataset_class(dataset, SG_SPLIT_TRAIN, 0), 1);
    expect_notice(dataset, "left out: 1 item of no class in dataset.classes (the first: 5)");
    sg_dataset_free(dataset);
    place_put_text("l.csv", "name,label,split\n0,x,train\n1,y,train\n77,x,val\n");
    refuse(&config, "l.csv:4: there is no picture '77'");
    place_put_text("l.csv", "name,label,split\n0,x,train\n1.png,y,train\n");
    refuse(&config, "l.csv:3: there is no picture '1.png'; names stand there without their endings");
    place_put_text("l.csv", "name,label,split\n0,x\n");
    refuse(&config, "l.csv:2: 2 cells, the header has 3");
    config = classes();
    (void)snprintf(config.labels, sizeof config.labels, "%s/l.csv", place);
    place_put_text("l.csv", "name,label\n0,x\n1,y\n");
    dataset = open_data(&config);
    expect_notice(dataset, "left out: 4 pictures without a label in dataset.labels (the first: 2)");
    sg_dataset_free(dataset);
}

/* All pictures for the test, as evaluate --data wants them; the classes keep the numbers that they had. */
static void test_test_only(void **state)
{
    (void)state;
    put_some();
    sg_dataset_config config = classes();
    config.test_only = true;
    (void)snprintf(config.classes, sizeof config.classes, "z b a");
    sg_dataset *dataset = open_data(&config);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TEST), 12);
    assert_int_equal(sg_dataset_class(dataset, SG_SPLIT_TEST, 0), 2);
    assert_int_equal(sg_dataset_class_count(dataset, SG_SPLIT_TEST, 0), 0);
    sg_dataset_free(dataset);
}

/* ---- unreadable files ---- */

static void test_one_of_thousand(void **state)
{
    (void)state;
    fresh("a b");
    put_picture("d/a/0001.png", PX, PX, 3);
    for (int i = 2; i <= 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d/%c/%04d.png", i <= 500 ? 'a' : 'b', i);
        assert_int_equal(link(place_path("d/a/0001.png"), place_path(name)), 0);
    }
    assert_int_equal(place_shell("rm d/b/0731.png; head -c 40 d/b/0501.png > d/b/0731.png"), 0);
    sg_dataset_config config = classes();
    refuse(&config, "d/b/0731.png");
    config.unreadable = SG_UNREADABLE_SKIP;
    sg_dataset *dataset = open_data(&config);
    assert_int_equal(count_all(dataset), 999);
    expect_notice(dataset, "skipped: ");
    expect_notice(dataset, "d/b/0731.png");
    expect_notice(dataset, "left out: 1 item skipped, dataset.unreadable: skip (the first: b/0731)");
    for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++)
        for (int i = 0; i < sg_dataset_count(dataset, split); i++) {
            float sample[PX * PX], label;
            expect_ok(sg_dataset_item(dataset, split, i, 1, -1, sample, &label, NULL));
            assert_string_not_equal(sg_dataset_name(dataset, split, i), "b/0731");
            assert_true(label == (sg_dataset_name(dataset, split, i)[0] == 'b' ? 1 : 0));
        }
    sg_dataset_free(dataset);
    assert_int_equal(place_shell("echo no > d/a/0001.png"), 0); /* all are one file */
    refuse(&config, "dataset: no picture of 0 that can be read is in the training split");
}

/* Masks: a picture without its label, a label of another size, a NaN. */
static void test_folder_of_masks(void **state)
{
    (void)state;
    static const float nan_picture[PX * PX] = {[10] = NAN};
    fresh("images labels");
    sg_dataset_config config = {.kind = SG_DATASET_FOLDER};
    (void)snprintf(config.path, sizeof config.path, "%s/d", place);
    for (int i = 0; i < 40; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "d/images/p%02d.png", i);
        put_picture(name, PX, PX, i);
        (void)snprintf(name, sizeof name, "d/labels/p%02d.png", i);
        put_picture(name, PX, PX, 0);
    }
    sg_dataset *dataset = open_data(&config);
    assert_int_equal(sg_dataset_classes(dataset), 0);
    sg_dataset_free(dataset);
    assert_int_equal(place_shell("rm d/labels/p07.png d/images/p08.png"), 0);
    expect_ok(sg_npy_write(place_path("d/images/p08.npy"), nan_picture, 1, PX, PX));
    refuse(&config, "p07.png: no label 'p07'");
    config.unreadable = SG_UNREADABLE_SKIP;
    dataset = open_data(&config);
    assert_int_equal(count_all(dataset), 38);
    expect_notice(dataset, "p07.png: no label 'p07'");
    expect_notice(dataset, "p08.npy: NaN at page 0, row 1, column 2");
    expect_notice(dataset, "left out: 2 items skipped");
    sg_dataset_free(dataset);
    config.shift_px = 2;
    refuse(&config, "dataset.shift_px: goes with the kinds that have classes");
    config.shift_px = 0;
    config.bin = 2;
    refuse(&config, "dataset.bin: goes with the kinds that have classes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),          cmocka_unit_test(test_refused),
        cmocka_unit_test(test_table),           cmocka_unit_test(test_test_only),
        cmocka_unit_test(test_one_of_thousand), cmocka_unit_test(test_folder_of_masks),
    };
    return cmocka_run_group_tests_name("classes", tests, place_make, place_remove);
}
