/* test_idx.c - idx files: what numpy would read, each type, damage; and datasets of pictures and classes made of them. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/csv.h"
#include "datasets/dataset.h"
#include "datasets/idx.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void expect_ok(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

static void expect_text(const char *says)
{
    if (!strstr(sg_error_text(), says)) fail_msg("\"%s\" does not say \"%s\"", sg_error_text(), says);
}

/* ---- files ---- */

/* An idx file of `len` bytes behind a header of `rank` sizes. */
static void put_idx(const char *name, int type, int rank, const int *size, const void *bytes, size_t len)
{
    unsigned char *file = calloc(1, 64 + len);
    const size_t header = 4 + 4 * (size_t)rank;
    assert_non_null(file);
    file[2] = (unsigned char)type;
    file[3] = (unsigned char)rank;
    for (int i = 0; i < rank; i++)
        for (int k = 0; k < 4; k++) file[4 + 4 * i + k] = (unsigned char)(size[i] >> (24 - 8 * k));
    memcpy(file + header, bytes, len);
    place_put(name, file, header + len);
    free(file);
}

static const float values[] = {0, 1, 2, 100, 127};
enum { VALUES = 5 };

/* The same five numbers in every type, written byte by byte. */
static void test_types(void **state)
{
    (void)state;
    static const struct {
        int type, bytes, bits;
        bool is_float;
        unsigned char data[VALUES * 8];
    } cases[] = {
        {8, 1, 8, false, {0, 1, 2, 100, 127}},
        {9, 1, 8, false, {0, 1, 2, 100, 127}},
        {11, 2, 16, false, {0, 0, 0, 1, 0, 2, 0, 100, 0, 127}},
        {12, 4, 32, false, {[7] = 1, [11] = 2, [15] = 100, [19] = 127}},
        {13, 4, 32, true, {[4] = 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0x42, 0xc8, 0, 0, 0x42, 0xfe, 0, 0}},
        {14, 8, 64, true, {[8] = 0x3f, 0xf0, [16] = 0x40, 0, [24] = 0x40, 0x59, [32] = 0x40, 0x5f, 0xc0}},
    };
    const int size[] = {VALUES};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sg_idx idx;
        float out[VALUES];
        put_idx("a.idx", cases[i].type, 1, size, cases[i].data, (size_t)cases[i].bytes * VALUES);
        expect_ok(sg_idx_read(&idx, place_path("a.idx")));
        assert_true(idx.rank == 1 && idx.len == VALUES && idx.bits == cases[i].bits &&
                    idx.is_float == cases[i].is_float);
        sg_idx_values(out, &idx, 0, VALUES);
        for (int k = 0; k < VALUES; k++)
            if (!(out[k] == values[k])) fail_msg("type %d: number %d is %g", cases[i].type, k, (double)out[k]);
        sg_idx_values(out, &idx, 3, 1);
        assert_true(out[0] == values[3]);
        sg_idx_free(&idx);
    }
    const unsigned char negative[] = {0xff, 0xfe};
    float out[1];
    sg_idx idx;
    put_idx("a.idx", 11, 1, (int[]){1}, negative, 2);
    expect_ok(sg_idx_read(&idx, place_path("a.idx")));
    sg_idx_values(out, &idx, 0, 1);
    assert_true(out[0] == -2);
    sg_idx_free(&idx);
}

static void refuse_file(const char *name, const char *says)
{
    sg_idx idx;
    assert_int_not_equal(sg_idx_read(&idx, place_path(name)), SG_OK);
    expect_text(says);
    expect_text(name);
    assert_null(idx.bytes);
}

static void test_refused_files(void **state)
{
    (void)state;
    const unsigned char bytes[8] = {0};
    place_put("empty.idx", "", 0);
    refuse_file("empty.idx", "not an idx file");
    refuse_file("none.idx", "No such file");
    place_put("gzip.idx", "\x1f\x8b\x08\x00\x00\x00", 6);
    refuse_file("gzip.idx", "gunzip it first");
    put_idx("type.idx", 10, 1, (int[]){8}, bytes, 8);
    refuse_file("type.idx", "not an idx file");
    put_idx("rank.idx", 8, 5, (int[]){2, 2, 2, 1, 1}, bytes, 8);
    refuse_file("rank.idx", "rank 5 is outside 1..4");
    put_idx("zero.idx", 8, 2, (int[]){8, 0}, bytes, 8);
    refuse_file("zero.idx", "size 2 is 0");
    put_idx("short.idx", 8, 3, (int[]){3, 2, 2}, bytes, 8);
    refuse_file("short.idx", "asks for 28: truncated");
    put_idx("long.idx", 8, 3, (int[]){1, 2, 2}, bytes, 8);
    refuse_file("long.idx", "something follows");
    put_idx("huge.idx", 14, 4, (int[]){INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX}, bytes, 8);
    refuse_file("huge.idx", "truncated");
    put_idx("negative.idx", 8, 1, (int[]){-1}, bytes, 8);
    refuse_file("negative.idx", "4294967295");
}

/* ---- datasets ---- */

enum { COUNT = 60, SIDE = 8 };

static unsigned char pixel(int i, int y, int x)
{
    return (unsigned char)((i * 37 + y * 11 + x * 5 + (y * x) % 7 * 20) % 256);
}

/* 60 pictures of 8 x 8, labels i % classes. */
static void put_digits(int classes)
{
    static unsigned char images[COUNT * SIDE * SIDE], labels[COUNT];
    for (int i = 0; i < COUNT; i++) {
        labels[i] = (unsigned char)(i % classes);
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) images[(i * SIDE + y) * SIDE + x] = pixel(i, y, x);
    }
    put_idx("x-images-idx3-ubyte", 8, 3, (int[]){COUNT, SIDE, SIDE}, images, sizeof images);
    put_idx("x-labels-idx1-ubyte", 8, 1, (int[]){COUNT}, labels, sizeof labels);
}

static sg_dataset_config digits(void)
{
    sg_dataset_config config = {.kind = SG_DATASET_IDX, .augment = true};
    (void)snprintf(config.path, sizeof config.path, "%s/x-images-idx3-ubyte", place);
    return config;
}

static const sg_dataset_grid grid8 = {.sample_px = SIDE, .label_px = 4, .pixel_um = .5};

static sg_dataset *open_data(const sg_dataset_config *config, const sg_dataset_grid *grid)
{
    sg_dataset *dataset;
    expect_ok(sg_dataset_open(&dataset, config, grid));
    return dataset;
}

static void refuse(const sg_dataset_config *config, const char *says)
{
    sg_dataset *dataset;
    if (sg_dataset_open(&dataset, config, &grid8) == SG_OK) fail_msg("expected an error with '%s'", says);
    expect_text(says);
    assert_null(dataset);
}

static int count_all(const sg_dataset *dataset)
{
    return sg_dataset_count(dataset, SG_SPLIT_TRAIN) + sg_dataset_count(dataset, SG_SPLIT_VALIDATION) +
           sg_dataset_count(dataset, SG_SPLIT_TEST);
}

static void test_pictures(void **state)
{
    (void)state;
    put_digits(10);
    const sg_dataset_config config = digits();
    sg_dataset *dataset = open_data(&config, &grid8);
    assert_int_equal(count_all(dataset), COUNT);
    assert_int_equal(sg_dataset_classes(dataset), 10);
    assert_int_equal(sg_dataset_label_len(dataset), 1);
    assert_string_equal(sg_dataset_class_name(dataset, 9), "9");
    assert_string_equal(sg_dataset_notice(dataset), "");
    int per_class[10] = {0};
    for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++) {
        for (int c = 0; c < 10; c++) per_class[c] += sg_dataset_class_count(dataset, split, c);
        for (int k = 0; k < sg_dataset_count(dataset, split); k++) {
            float sample[SIDE * SIDE], label = -1, lo = 255, hi = 0;
            const int i = atoi(sg_dataset_name(dataset, split, k)) - 1;
            expect_ok(sg_dataset_item(dataset, split, k, 1, -1, sample, &label, NULL));
            assert_true(label == (float)(i % 10) && sg_dataset_class(dataset, split, k) == i % 10);
            for (int p = 0; p < SIDE * SIDE; p++) {
                lo = sample[p] < lo ? sample[p] : lo;
                hi = sample[p] > hi ? sample[p] : hi;
            }
            assert_true(lo == 0 && hi == 1);
            /* the scale keeps the order of pixels */
            for (int p = 1; p < SIDE * SIDE; p++) {
                const int a = pixel(i, (p - 1) / SIDE, (p - 1) % SIDE), b = pixel(i, p / SIDE, p % SIDE);
                assert_true(a <= b ? sample[p - 1] <= sample[p] : sample[p - 1] >= sample[p]);
            }
        }
    }
    for (int c = 0; c < 10; c++) assert_int_equal(per_class[c], COUNT / 10);
    sg_dataset_free(dataset);
}

/* Without flips only shifts are left: every crop is the picture, moved by at most two pixels, zero beyond its edge. */
static void test_shifts(void **state)
{
    (void)state;
    put_digits(10);
    sg_dataset_config config = digits();
    config.shift_px = 2;
    config.edge = SG_BEYOND_ZERO;
    sg_dataset *dataset = open_data(&config, &grid8);
    float plain[SIDE * SIDE], moved[SIDE * SIDE], again[SIDE * SIDE], label;
    int seen[5][5] = {{0}};
    expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 3, 1, -1, plain, &label, NULL));
    for (int draw = 0; draw < 300; draw++) {
        int found = 0;
        expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 3, 1, draw, moved, &label, NULL));
        expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 3, 1, draw, again, &label, NULL));
        assert_memory_equal(moved, again, sizeof moved);
        for (int dy = -2; dy <= 2; dy++)
            for (int dx = -2; dx <= 2; dx++) {
                bool same = true;
                for (int y = 0; y < SIDE; y++)
                    for (int x = 0; x < SIDE; x++) {
                        const int v = y + dy, u = x + dx;
                        const bool in = v >= 0 && v < SIDE && u >= 0 && u < SIDE;
                        same = same && moved[y * SIDE + x] == (in ? plain[v * SIDE + u] : 0);
                    }
                found += same;
                seen[dy + 2][dx + 2] += same;
            }
        assert_int_equal(found, 1);
    }
    for (int i = 0; i < 25; i++) assert_true(seen[i / 5][i % 5] > 0);
    sg_dataset_free(dataset);
    /* a margin of zeros */
    const sg_dataset_grid wide = {.sample_px = SIDE + 6, .margin_px = 3, .label_px = 4, .pixel_um = .5};
    float sample[(SIDE + 6) * (SIDE + 6)];
    dataset = open_data(&config, &wide);
    expect_ok(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 3, 1, -1, sample, &label, NULL));
    for (int y = 0; y < SIDE + 6; y++)
        for (int x = 0; x < SIDE + 6; x++) {
            const bool in = y >= 3 && y < SIDE + 3 && x >= 3 && x < SIDE + 3;
            assert_true(sample[y * (SIDE + 6) + x] == (in ? plain[(y - 3) * SIDE + x - 3] : 0));
        }
    sg_dataset_free(dataset);
}

static void test_names_of_classes(void **state)
{
    (void)state;
    char names[64];
    put_digits(4);
    sg_dataset_config config = digits();
    (void)snprintf(config.classes, sizeof config.classes, "3 1"); /* numbers: those labels, in this order */
    sg_dataset *dataset = open_data(&config, &grid8);
    assert_int_equal(count_all(dataset), COUNT / 2);
    assert_int_equal(sg_dataset_classes(dataset), 2);
    assert_string_equal(sg_dataset_class_name(dataset, 0), "3");
    assert_int_equal(sg_dataset_class(dataset, SG_SPLIT_TRAIN, 0),
                     (atoi(sg_dataset_name(dataset, SG_SPLIT_TRAIN, 0)) - 1) % 4 == 3 ? 0 : 1);
    assert_non_null(strstr(sg_dataset_notice(dataset), "left out: 30 items of no class in dataset.classes"));
    expect_ok(sg_dataset_class_names(names, sizeof names, dataset));
    assert_string_equal(names, "3 1");
    assert_int_equal(sg_dataset_class_names(names, 3, dataset), SG_E_RANGE);
    sg_dataset_free(dataset);
    (void)snprintf(config.classes, sizeof config.classes, "round, long thin,flat, other"); /* names: by place */
    dataset = open_data(&config, &grid8);
    assert_int_equal(count_all(dataset), COUNT);
    assert_string_equal(sg_dataset_class_name(dataset, 1), "long thin");
    expect_ok(sg_dataset_class_names(names, sizeof names, dataset));
    assert_string_equal(names, "round, long thin, flat, other");
    sg_dataset_free(dataset);
    (void)snprintf(config.classes, sizeof config.classes, "a b c");
    refuse(&config, "x-labels-idx1-ubyte: label 3 of picture 00004 is outside 0..2, dataset.classes has 3 names");
    (void)snprintf(config.classes, sizeof config.classes, "0 1 7");
    refuse(&config, "dataset.classes: none of the 30 pictures is '7'");
    (void)snprintf(config.classes, sizeof config.classes, "1");
    refuse(&config, "dataset.classes: '1': a classifier needs at least two classes");
    (void)snprintf(config.classes, sizeof config.classes, "1 2 1");
    refuse(&config, "'1' stands there twice");
    (void)snprintf(config.classes, sizeof config.classes, "1,,2");
    config.kind = SG_DATASET_SYNTHETIC;
    refuse(&config, "dataset.classes: this dataset.kind has masks");
}

static void test_refused_data(void **state)
{
    (void)state;
    const unsigned char labels[COUNT] = {0};
    put_digits(1);
    sg_dataset_config config = digits();
    refuse(&config, "pictures are '0': a classifier needs at least two classes");
    put_idx("x-labels-idx1-ubyte", 8, 1, (int[]){COUNT - 1}, labels, COUNT - 1);
    refuse(&config, "59 labels, but");
    put_idx("x-labels-idx1-ubyte", 9, 1, (int[]){COUNT}, memset((char[COUNT]){0}, 0xff, COUNT), COUNT);
    refuse(&config, "label -1 of picture 00001 is not an integer in 0..65535");
    put_idx("x-labels-idx1-ubyte", 8, 2, (int[]){COUNT, 1}, labels, COUNT);
    refuse(&config, "rank 2, labels have 1");
    put_idx("x-images-idx3-ubyte", 8, 2, (int[]){COUNT, 1}, labels, COUNT);
    refuse(&config, "rank 2, pictures have 3");
    put_digits(3);
    (void)snprintf(config.labels, sizeof config.labels, "%s/nothing", place);
    refuse(&config, "nothing: ");
    (void)snprintf(config.path, sizeof config.path, "%s/pictures", place);
    config.labels[0] = 0;
    refuse(&config, "pictures: cannot read: No such file");
    assert_int_equal(place_shell("cp x-images-idx3-ubyte pictures"), 0);
    refuse(&config, "pictures is not named ...images-idx3...");
    config.path[0] = 0;
    refuse(&config, "dataset.path: the idx file");
    config = digits();
    config.target = SG_TARGET_SAMPLE;
    refuse(&config, "dataset.target: this dataset.kind has classes");
    config = digits();
    config.bin = 3;
    refuse(&config, "2 x 2 pixels are smaller than the sample of 8 x 8");
}

static void test_nan_is_named(void **state)
{
    (void)state;
    unsigned char images[3 * 16 * 4] = {0};
    put_idx("x-labels-idx1-ubyte", 8, 1, (int[]){3}, "\0\1\0", 3);
    memcpy(images + 2 * 64 + 20, "\x7f\xc0\0\0", 4);
    put_idx("x-images-idx3-ubyte", 13, 3, (int[]){3, 4, 4}, images, sizeof images);
    const sg_dataset_config config = digits();
    sg_dataset *dataset;
    const sg_dataset_grid grid4 = {.sample_px = 4, .label_px = 4, .pixel_um = .5};
    assert_int_equal(sg_dataset_open(&dataset, &config, &grid4), SG_E_NUMERIC);
    expect_text("picture 00003: ");
    expect_text("NaN at page 0, row 1, column 1");
}

/* Every picture is in the test split of exactly one fold, and validation of another one. */
static void test_folds(void **state)
{
    (void)state;
    enum { FOLDS = 4 };
    int test[COUNT] = {0}, validation[COUNT] = {0};
    put_digits(3);
    sg_dataset_config config = digits();
    config.folds = FOLDS;
    for (config.fold = 1; config.fold <= FOLDS; config.fold++) {
        sg_dataset *dataset = open_data(&config, &grid8);
        assert_int_equal(count_all(dataset), COUNT);
        for (int i = 0; i < sg_dataset_count(dataset, SG_SPLIT_TEST); i++)
            test[atoi(sg_dataset_name(dataset, SG_SPLIT_TEST, i)) - 1] += config.fold;
        for (int i = 0; i < sg_dataset_count(dataset, SG_SPLIT_VALIDATION); i++)
            validation[atoi(sg_dataset_name(dataset, SG_SPLIT_VALIDATION, i)) - 1] += config.fold;
        sg_dataset_free(dataset);
    }
    for (int i = 0; i < COUNT; i++)
        assert_true(test[i] >= 1 && test[i] <= FOLDS && test[i] == validation[i] % FOLDS + 1);
    config.fold = FOLDS + 1;
    refuse(&config, "dataset.fold: 5 is outside 1..4");
    config.folds = 2;
    refuse(&config, "dataset.folds: 2 is outside 3..1000");
    config.folds = 4;
    (void)snprintf(config.splits, sizeof config.splits, "x.csv");
    refuse(&config, "not both");
}

static void test_splits(void **state)
{
    (void)state;
    put_digits(3);
    sg_dataset_config config = digits();
    (void)snprintf(config.splits, sizeof config.splits, "%s/s.csv", place);
    place_put_text("s.csv", "name,split\n00001,train\n00002,train\n00007,val\n00060,test\n");
    sg_dataset *dataset = open_data(&config, &grid8);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 2);
    assert_string_equal(sg_dataset_name(dataset, SG_SPLIT_VALIDATION, 0), "00007");
    assert_string_equal(sg_dataset_name(dataset, SG_SPLIT_TEST, 0), "00060");
    assert_non_null(
        strstr(sg_dataset_notice(dataset), "left out: 56 pictures not in dataset.splits (the first: 00003)"));
    sg_dataset_free(dataset);
    (void)snprintf(config.name_column, sizeof config.name_column, "picture");
    refuse(&config, "s.csv: no column 'picture' (dataset.name_column); there are: name, split");
    place_put_text("s.csv", "picture,part\n00001,train\n");
    refuse(&config, "s.csv: no column 'split' (dataset.split_column)");
    (void)snprintf(config.split_column, sizeof config.split_column, "part");
    place_put_text("s.csv", "picture,part\n00001,train\n00002,train\n00002,test\n");
    refuse(&config, "s.csv:");
    expect_text("the name '00002' stands there twice");
    place_put_text("s.csv", "picture,part\n00001,train\n99,train\n00002,test\n");
    refuse(&config, "s.csv:3: there is no picture '99'");
    place_put_text("s.csv", "picture,part\n00001,train\n00002,exam\n");
    refuse(&config, "s.csv:3: split 'exam' is none of");
}

/* The limit keeps pictures by their hash, and the hash of the data tells any change. */
static void test_limit_and_hash(void **state)
{
    (void)state;
    put_digits(3);
    sg_dataset_config config = digits();
    sg_dataset *dataset = open_data(&config, &grid8);
    const uint64_t all = sg_dataset_hash(dataset, SG_SPLIT_TRAIN), test = sg_dataset_hash(dataset, SG_SPLIT_TEST);
    sg_dataset_free(dataset);
    dataset = open_data(&config, &grid8);
    assert_true(sg_dataset_hash(dataset, SG_SPLIT_TRAIN) == all && all != test);
    sg_dataset_free(dataset);
    config.limit = 6;
    dataset = open_data(&config, &grid8);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 6);
    for (int i = 1; i < 6; i++)
        assert_true(
            strcmp(sg_dataset_name(dataset, SG_SPLIT_TRAIN, i - 1), sg_dataset_name(dataset, SG_SPLIT_TRAIN, i)) < 0);
    assert_true(sg_dataset_hash(dataset, SG_SPLIT_TRAIN) != all);
    assert_true(sg_dataset_hash(dataset, SG_SPLIT_TEST) == test);
    char first[32];
    (void)snprintf(first, sizeof first, "%s", sg_dataset_name(dataset, SG_SPLIT_TEST, 0));
    sg_dataset_free(dataset);
    size_t size;
    void *bytes;
    expect_ok(sg_file_read(&bytes, &size, place_path("x-images-idx3-ubyte"), 0));
    ((unsigned char *)bytes)[16 + (atoi(first) - 1) * SIDE * SIDE + 5] ^= 1; /* one bit of one pixel */
    place_put("x-images-idx3-ubyte", bytes, size);
    sg_free(bytes);
    dataset = open_data(&config, &grid8);
    assert_true(sg_dataset_hash(dataset, SG_SPLIT_TEST) != test);
    sg_dataset_free(dataset);
}

/* ---- damage: a message each, or data that still make sense ---- */

static unsigned step(unsigned *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* Cuts, overwrites or repeats a part of `good`. */
static void put_damaged(const char *name, const char *good, size_t size, unsigned seed)
{
    unsigned random = seed * 7919u + 1;
    char *bytes = malloc(2 * size + 1);
    assert_non_null(bytes);
    memcpy(bytes, good, size);
    size_t len = size;
    if (seed % 3 == 0) len = step(&random) % size;
    if (seed % 3 == 1)
        for (int i = 0; i < 1 + (int)(seed % 5); i++)
            bytes[step(&random) % (seed % 2 ? 20 : size)] = (char)step(&random);
    if (seed % 3 == 2) {
        const size_t from = step(&random) % size;
        memmove(bytes + size, bytes + from, size - from);
        len = 2 * size - from;
    }
    place_put(name, bytes, len);
    free(bytes);
}

/* A one-line message that names the file. */
static bool is_message(const char *file)
{
    return sg_error_text()[0] && !strchr(sg_error_text(), '\n') && strstr(sg_error_text(), file);
}

static void test_damaged_idx(void **state)
{
    (void)state;
    int refused = 0;
    for (unsigned seed = 0; seed < 150; seed++) {
        const bool labels = seed % 2;
        const char *name = labels ? "x-labels-idx1-ubyte" : "x-images-idx3-ubyte";
        put_digits(4);
        const size_t size = labels ? 8 + COUNT : 16 + COUNT * SIDE * SIDE;
        char *good = place_get(name);
        put_damaged(name, good, size, seed);
        sg_free(good);
        sg_dataset *dataset;
        const sg_dataset_config config = digits();
        const sg_status status = sg_dataset_open(&dataset, &config, &grid8);
        if (status != SG_OK && !is_message("dataset") && !is_message("-ubyte"))
            fail_msg("%u: %s", seed, sg_error_text());
        refused += status != SG_OK;
        sg_dataset_free(dataset);
    }
    assert_true(refused >= 100);
}

static void test_damaged_csv(void **state)
{
    (void)state;
    static const char good[] =
        "name,split,\"a, note\"\n00001,train,\"x \"\"y\"\"\"\n00002,train,\n00003,validation,z\n# no\n"
        "00004,test,\"1,2\"\n00005,train,q\n";
    sg_dataset_config config = digits();
    (void)snprintf(config.splits, sizeof config.splits, "%s/s.csv", place);
    put_digits(4);
    place_put("s.csv", good, sizeof good - 1);
    sg_dataset_free(open_data(&config, &grid8));
    int refused = 0;
    for (unsigned seed = 0; seed < 150; seed++) {
        sg_dataset *dataset;
        put_damaged("s.csv", good, sizeof good - 1, seed);
        const sg_status status = sg_dataset_open(&dataset, &config, &grid8);
        if (status != SG_OK && !is_message("s.csv") && !is_message("dataset"))
            fail_msg("%u: %s", seed, sg_error_text());
        refused += status != SG_OK;
        sg_dataset_free(dataset);
    }
    assert_true(refused >= 100);
}

static void test_quoted_cells(void **state)
{
    (void)state;
    sg_csv csv;
    place_put_text("q.csv", "a, \"b, c\" ,d\n1,\"x \"\"y\"\", z\",\n\"\",2, 3 \r\n");
    expect_ok(sg_csv_read(&csv, place_path("q.csv")));
    assert_int_equal(csv.rows, 2);
    assert_int_equal(csv.columns, 3);
    assert_string_equal(csv.cells[1], "b, c");
    assert_string_equal(sg_csv_text(&csv, 0, 1), "x \"y\", z");
    assert_string_equal(sg_csv_text(&csv, 0, 2), "");
    assert_string_equal(sg_csv_text(&csv, 1, 0), "");
    assert_string_equal(sg_csv_text(&csv, 1, 2), "3");
    sg_csv_free(&csv);
    place_put_text("q.csv", "a,b\n1,\"x\n2,y\n");
    assert_int_equal(sg_csv_read(&csv, place_path("q.csv")), SG_E_FORMAT);
    expect_text("q.csv:2: cell 2: the quotes do not fit");
    place_put_text("q.csv", "a,b\n\"1\"2,3\n");
    assert_int_equal(sg_csv_read(&csv, place_path("q.csv")), SG_E_FORMAT);
    place_put_text("q.csv", "a,b\n1,\"2,3\",4\n");
    assert_int_equal(sg_csv_read(&csv, place_path("q.csv")), SG_E_FORMAT);
    expect_text("q.csv:2: 3 cells, the header has 2");
    place_put("q.csv", "a,b\n1\0,3\n", 9);
    assert_int_equal(sg_csv_read(&csv, place_path("q.csv")), SG_E_FORMAT);
    expect_text("a zero byte");
}

/* ---- real digits ---- */

static double seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void test_digits(void **state)
{
    (void)state;
    const char *root = getenv("SG_TEST_SOURCE");
    sg_dataset_config config = {.kind = SG_DATASET_IDX};
    (void)snprintf(config.path, sizeof config.path, "%s/../shared/data/digits/dev/mnist5k-images-idx3-ubyte", root);
    if (!root || !sg_file_exists(config.path)) {
        print_message("# %s is not here\n", config.path);
        skip();
    }
    const sg_dataset_grid grid = {.sample_px = 28, .label_px = 28, .pixel_um = .5};
    const double begin = seconds();
    sg_dataset *dataset = open_data(&config, &grid);
    const double opened = seconds();
    const uint64_t hash = sg_dataset_hash(dataset, SG_SPLIT_TRAIN);
    print_message("# 4000 digits opened in %.1f ms, hash %016llx in %.1f ms\n", 1e3 * (opened - begin),
                  (unsigned long long)hash, 1e3 * (seconds() - opened));
    assert_int_equal(count_all(dataset), 4000);
    for (int c = 0; c < 10; c++) {
        int count = 0;
        for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++)
            count += sg_dataset_class_count(dataset, split, c);
        assert_int_equal(count, 400);
    }
    sg_dataset_free(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_shifts),
        cmocka_unit_test(test_names_of_classes),
        cmocka_unit_test(test_refused_data),
        cmocka_unit_test(test_nan_is_named),
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_limit_and_hash),
        cmocka_unit_test(test_damaged_idx),
        cmocka_unit_test(test_damaged_csv),
        cmocka_unit_test(test_quoted_cells),
        cmocka_unit_test(test_digits),
    };
    return cmocka_run_group_tests_name("idx", tests, place_make, place_remove);
}
