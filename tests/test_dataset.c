/* test_dataset.c - labels on the camera grid, pairs of files, crops and turns, synthetic cells, measured stacks. */
#include "core/data_path.h"
#include "core/file.h"
#include "core/memory.h"
#include "datasets/csv.h"
#include "datasets/dataset.h"
#include "datasets/label.h"
#include "datasets/mat.h"
#include "datasets/png.h"
#include "datasets/stack.h"
#include "datasets/synthetic.h"
#include "datasets/tiff.h"
#include "datasets/window.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_ok(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

static int setup(void **state)
{
    if (place_make(state) != 0) return -1;
    return sg_folder_make(place_path("images")) != SG_OK || sg_folder_make(place_path("labels")) != SG_OK;
}

/* ---- labels ---- */

static void test_label_binary(void **state)
{
    (void)state;
    const int32_t in[4 * 4] = {1, 1, 0, 0, /**/ 0, 0, 0, 5, /**/ 2, 2, 3, 3, /**/ 2, 2, 0, 3};
    float out[16];
    sg_label_binary(out, in, 4, 4, 2);
    assert_true(out[0] == 1 && out[1] == 0 && out[2] == 1 && out[3] == 1); /* exactly half counts */
    sg_label_binary(out, in, 4, 4, 4);
    assert_true(out[0] == 1 && out[2] == 0 && out[7] == 1);
    /* 3 -> 2: the first output covers pixel 0 whole and half of pixel 1 in each direction: area 2.25 */
    const int32_t odd[9] = {1, 0, 0, /**/ 0, 0, 0, /**/ 0, 0, 0}, more[9] = {1, 1, 0, /**/ 0, 0, 0, /**/ 0, 0, 0};
    sg_label_binary(out, odd, 3, 3, 2);
    assert_true(out[0] == 0); /* 1 / 2.25 */
    sg_label_binary(out, more, 3, 3, 2);
    assert_true(out[0] == 1 && out[1] == 0); /* 1.5 / 2.25 and .5 / 2.25 */
}

static void test_label_instances(void **state)
{
    (void)state;
    const int32_t in[4 * 4] = {7, 7, 0, 0, /**/ 0, 0, 9, 4, /**/ 3, 2, 5, 5, /**/ 2, 3, 0, 5};
    int32_t out[4];
    sg_label_instances(out, in, 4, 4, 2);
    assert_int_equal(out[0], 0); /* tie with the background: the lower one */
    assert_int_equal(out[1], 0); /* background 2, 9 and 4 one each */
    assert_int_equal(out[2], 2); /* tie of 2 and 3 */
    assert_int_equal(out[3], 5);
    const int32_t odd[9] = {8, 0, 0, /**/ 8, 8, 0, /**/ 0, 0, 0};
    sg_label_instances(out, odd, 3, 3, 2);
    assert_true(out[0] == 8 && out[1] == 0 && out[3] == 0);
}

/* Turning the input and then going to the coarse grid is the same as the other way round. */
static void test_turns_commute(void **state)
{
    (void)state;
    enum { IN = 15, OUT = 6 };
    int32_t in[IN * IN], turned[IN * IN], a[OUT * OUT], b[OUT * OUT];
    float fa[OUT * OUT], fb[OUT * OUT];
    unsigned random = 9;
    for (int i = 0; i < IN * IN; i++) {
        random = random * 1664525u + 1013904223u;
        in[i] = (int32_t)(random >> 20) % 3;
    }
    for (unsigned how = 0; how < 8; how++) {
        memcpy(turned, in, sizeof in);
        sg_square_turn(turned, IN, how);
        sg_label_instances(a, turned, IN, IN, OUT);
        sg_label_binary(fa, turned, IN, IN, OUT);
        sg_label_instances(b, in, IN, IN, OUT);
        sg_label_binary(fb, in, IN, IN, OUT);
        sg_square_turn(b, OUT, how);
        sg_square_turn(fb, OUT, how);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(fa, fb, sizeof fa);
        if (how) assert_memory_not_equal(turned, in, sizeof in);
    }
    int32_t square[4] = {1, 2, 3, 4};
    sg_square_turn(square, 2, 1 | 4); /* rows flipped, then transposed: a quarter turn */
    assert_true(square[0] == 3 && square[1] == 1 && square[2] == 4 && square[3] == 2);
}

/* A window is turned on its way as a square is turned after it, also beyond the edges and in pieces of any size. */
static void test_windows_turn_on_their_way(void **state)
{
    (void)state;
    enum { HEIGHT = 270, WIDTH = 290 };
    static uint16_t page[HEIGHT * WIDTH];
    static float plain[300 * 300], turned[300 * 300];
    const sg_sample_scale scale = {.lo = 7, .range = 60000, .high = 1};
    const sg_raster_view view = {.data = page, .number = SG_NUMBER_U16, .stride = WIDTH};
    static const int cases[][3] = {{300, -11, -5}, {256, 9, 30}, {23, 0, 267}, {16, 250, 3}, {1, 5, 5}};
    unsigned random = 5;
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        random = random * 1664525u + 1013904223u;
        page[i] = random % 3 ? (uint16_t)(random >> 16) : 0;
    }
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (unsigned how = 0; how < 16; how++) {
            const int px = cases[k][0], y = cases[k][1], x = cases[k][2];
            const sg_sample_scale *as = how & 8 ? NULL : &scale;
            sg_raster_window(plain, px, 0, &view, HEIGHT, WIDTH, y, x, as);
            for (int i = 0; i < px; i++) { /* the diagonal, by hand */
                const double v = page[sg_mirror_far(y + i, HEIGHT) * WIDTH + sg_mirror_far(x + i, WIDTH)];
                assert_true(plain[i * px + i] == (as ? sg_sample_scaled(v, scale) : (float)(v > 0)));
            }
            sg_square_turn(plain, px, how & 7);
            sg_raster_window(turned, px, how & 7, &view, HEIGHT, WIDTH, y, x, as);
            assert_memory_equal(turned, plain, (size_t)px * (size_t)px * sizeof *plain);
        }
}

static void test_mask_becomes_instances(void **state)
{
    (void)state;
    float data[5 * 5] = {255, 0, 0, 0, 255, /**/ 0, 255, 0, 0, 255, /**/ 0, 0, 0, 0, 0, /**/ 255, 255, 0, 0, 0, /**/ 0};
    int32_t *labels;
    sg_image image = {1, 5, 5, 8, false, data};
    expect_ok(sg_label_from_image(&labels, &image, "mask.png"));
    const int32_t expected[25] = {1, 0, 0, 0, 2, /**/ 0, 1, 0, 0, 2, /**/ 0, 0, 0, 0, 0, /**/ 3, 3, 0, 0, 0, /**/ 0};
    assert_memory_equal(labels, expected, sizeof expected);
    sg_free(labels);
    data[7] = 3.5f;
    assert_int_equal(sg_label_from_image(&labels, &image, "mask.png"), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "mask.png: label 3.5 at row 1, column 2"));
}

/* ---- folders ---- */

static void write_pair(const char *name, int height, int width, int label_height, int label_width)
{
    uint8_t *data = calloc((size_t)height * (size_t)width + (size_t)label_height * (size_t)label_width, 1);
    char path[128];
    assert_non_null(data);
    (void)snprintf(path, sizeof path, "labels/%s.png", name);
    for (int i = 0; i < label_height * label_width; i++)
        data[i] = (uint8_t)(i / label_width / 3 % 2 + i % label_width / 5 % 3);
    if (label_height) expect_ok(sg_png_write_gray8(place_path(path), data, label_height, label_width));
    (void)snprintf(path, sizeof path, "images/%s.png", name);
    for (int i = 0; i < height * width; i++) data[i] = (uint8_t)(i / width * 5 + i % width * 3);
    if (height) expect_ok(sg_png_write_gray8(place_path(path), data, height, width));
    free(data);
}

static sg_dataset_config folder_config(void)
{
    sg_dataset_config config = {.kind = SG_DATASET_FOLDER, .augment = true, .flips = true};
    (void)snprintf(config.path, sizeof config.path, "%s", place);
    return config;
}

static void write_text(const char *path, const char *text)
{
    expect_ok(sg_file_write(path, text, strlen(text)));
}

static const sg_dataset_grid grid16 = {.sample_px = 16, .margin_px = 0, .label_px = 8, .pixel_um = .5};

static void expect_open_error(const sg_dataset_config *config, const char *a, const char *b)
{
    sg_dataset *dataset;
    if (sg_dataset_open(&dataset, config, &grid16) == SG_OK) fail_msg("expected an error with '%s'", a);
    if (!strstr(sg_error_text(), a) || !strstr(sg_error_text(), b))
        fail_msg("'%s' lacks '%s' or '%s'", sg_error_text(), a, b);
    assert_null(dataset);
}

/* Where the sample is the target, labels may be missing: the target is the sample, and there are no objects. */
static void expect_sample_alone(const sg_dataset_config *folder)
{
    sg_dataset_config config = *folder;
    sg_dataset *dataset;
    float sample[16 * 16], label[8 * 8];
    int32_t instances[8 * 8];
    config.target = SG_TARGET_SAMPLE;
    config.test_only = true;
    expect_ok(sg_dataset_open(&dataset, &config, &grid16));
    memset(instances, 1, sizeof instances);
    expect_ok(sg_dataset_item(dataset, SG_SPLIT_TEST, 0, 1, -1, sample, label, instances));
    for (int i = 0; i < 64; i++) {
        const float *corner = sample + i / 8 * 2 * 16 + i % 8 * 2;
        assert_true(fabsf(label[i] - (corner[0] + corner[1] + corner[16] + corner[17]) / 4) <= 1e-6f);
        assert_int_equal(instances[i], 0);
    }
    sg_dataset_free(dataset);
}

static void test_folder_errors(void **state)
{
    (void)state;
    sg_dataset_config config = folder_config();
    expect_open_error(&config, place, "no pairs");
    write_pair("alone", 20, 20, 0, 0);
    expect_open_error(&config, "images/alone.png", "no label 'alone'");
    expect_sample_alone(&config);
    write_pair("alone", 20, 20, 20, 21);
    expect_open_error(&config, "labels/alone.png: 21 x 20", "images/alone.png has 20 x 20");
    write_pair("alone", 20, 15, 20, 15);
    expect_open_error(&config, "images/alone.png: 15 x 20", "16 x 16");
    float nan_picture[400] = {NAN};
    write_pair("alone", 0, 0, 20, 20);
    assert_int_equal(remove(place_path("images/alone.png")), 0);
    expect_ok(sg_tiff_write(place_path("images/alone.tif"), &(sg_tiff){1, 20, 20, 32, nan_picture, 0}));
    expect_open_error(&config, "images/alone.tif", "NaN");
    write_pair("alone", 20, 20, 20, 20);
    expect_open_error(&config, "'alone'", "twice");
    (void)snprintf(config.path, sizeof config.path, "/nowhere/at/all");
    expect_open_error(&config, "/nowhere/at/all", "no such folder");
    config.path[0] = 0;
    expect_open_error(&config, "dataset.path", "folder");
    config = folder_config();
    config.target = SG_TARGET_DPC;
    expect_open_error(&config, "dataset.target", "stack");
}

static void test_split_list(void **state)
{
    (void)state;
    sg_dataset *dataset;
    sg_dataset_config config = folder_config();
    const char *names[] = {"c", "a", "b", "d", "e", "unused"};
    for (int i = 0; i < 6; i++) write_pair(names[i], 20, 20, 20, 20);
    (void)snprintf(config.splits, sizeof config.splits, "%s/splits.csv", place);
    write_text(config.splits, "# fixed\nname, split\nc,train\na,train\n\nb,test\nd,validation\ne,train\n");
    expect_ok(sg_dataset_open(&dataset, &config, &grid16));
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 3);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_VALIDATION), 1);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TEST), 1);
    assert_string_equal(sg_dataset_name(dataset, SG_SPLIT_TRAIN, 0), "a");
    assert_string_equal(sg_dataset_name(dataset, SG_SPLIT_TRAIN, 2), "e");
    assert_string_equal(sg_dataset_name(dataset, SG_SPLIT_TEST, 0), "b");
    sg_dataset_free(dataset);
    config.limit = 2;
    expect_ok(sg_dataset_open(&dataset, &config, &grid16));
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 2);
    assert_string_equal(sg_dataset_name(dataset, SG_SPLIT_VALIDATION, 0), "d");
    sg_dataset_free(dataset);
    write_text(config.splits, "name,split\na,train\nzebra,test\n");
    expect_open_error(&config, "splits.csv:3", "'zebra'");
    write_text(config.splits, "name,split\na,training\n");
    expect_open_error(&config, "splits.csv:2", "'training'");
    write_text(config.splits, "name,split\na\n");
    expect_open_error(&config, "splits.csv:2", "1 cells, the header has 2");
    write_text(config.splits, "file,split\na,train\n");
    expect_open_error(&config, "splits.csv", "columns name and split");
    write_text(config.splits, "name,split\na,test\n");
    expect_open_error(&config, "training split", "");
    write_text(config.splits, "name,split\na,train\na,test\n");
    expect_open_error(&config, "'a'", "twice");
    write_text(config.splits, "");
    expect_open_error(&config, "splits.csv", "empty");
}

static void test_split_by_hash(void **state)
{
    (void)state;
    sg_dataset *dataset;
    const sg_dataset_config config = folder_config();
    char name[16];
    for (int i = 0; i < 120; i++) {
        (void)snprintf(name, sizeof name, "p%d", i);
        write_pair(name, 16, 16, 16, 16);
    }
    expect_ok(sg_dataset_open(&dataset, &config, &grid16));
    const int train = sg_dataset_count(dataset, SG_SPLIT_TRAIN),
              validation = sg_dataset_count(dataset, SG_SPLIT_VALIDATION);
    assert_int_equal(train + validation + sg_dataset_count(dataset, SG_SPLIT_TEST), 120);
    assert_true(train > 66 && train < 102 && validation > 6 && validation < 32); /* 84 and 18, within 4 deviations */
    sg_dataset_free(dataset);
}

/* The centre of a 20 x 20 picture with a margin that runs over its edge. */
static void test_item_margin(void **state)
{
    (void)state;
    enum { N = 24, MARGIN = 4, INSIDE = 16, C = 8 };
    sg_dataset *dataset;
    const sg_dataset_grid grid = {.sample_px = N, .margin_px = MARGIN, .label_px = C, .pixel_um = .5};
    sg_dataset_config config = folder_config();
    float sample[N * N], label[C * C];
    int32_t instances[C * C];
    (void)snprintf(config.splits, sizeof config.splits, "%s/splits.csv", place);
    write_text(config.splits, "name,split\na,train\n");
    write_pair("a", 20, 20, 20, 20);
    expect_ok(sg_dataset_open(&dataset, &config, &grid));
    assert_int_equal(sg_dataset_sample_len(dataset), N * N);
    assert_int_equal(sg_dataset_label_len(dataset), C * C);
    assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 0, 1, -1, sample, label, instances), SG_OK);
    /* the window starts at -2: rows 0 and 1 mirror rows 3 and 2, which are picture rows 1 and 0 */
    for (int x = 0; x < N; x++) {
        assert_true(sample[0 * N + x] == sample[3 * N + x] && sample[1 * N + x] == sample[2 * N + x]);
        assert_true(sample[23 * N + x] == sample[20 * N + x] && sample[22 * N + x] == sample[21 * N + x]);
        assert_true(sample[x * N + 0] == sample[x * N + 3]);
    }
    assert_true(sample[5 * N + 5] < sample[6 * N + 5] && sample[5 * N + 5] < sample[5 * N + 6]);
    for (int y = 0; y < C; y++)
        for (int x = 0; x < C; x++) {
            int area = 0;
            for (int v = 0; v < 4; v++) area += ((2 * y + v / 2 + 2) / 3 % 2 + (2 * x + v % 2 + 2) / 5 % 3) > 0;
            assert_true(label[y * C + x] == (area >= 2 ? 1.f : 0.f));
        }
    sg_dataset_free(dataset);
}

static void test_augmentation(void **state)
{
    (void)state;
    enum { N = 16, C = 8, DRAWS = 64 };
    sg_dataset *dataset;
    sg_dataset_config config = folder_config();
    float sample[N * N], again[N * N], label[C * C], plain[N * N];
    int32_t instances[C * C];
    int different = 0;
    (void)snprintf(config.splits, sizeof config.splits, "%s/splits.csv", place);
    write_text(config.splits, "name,split\na,train\n");
    write_pair("a", 30, 24, 30, 24);
    expect_ok(sg_dataset_open(&dataset, &config, &grid16));
    assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 0, 1, -1, plain, label, NULL), SG_OK);
    double first_sum = 0;
    bool moved = false;
    for (int64_t draw = 0; draw < DRAWS; draw++) {
        double sum = 0;
        assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 0, 1, draw << 33, sample, label, instances), SG_OK);
        assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 0, 1, draw << 33, again, label, NULL), SG_OK);
        assert_memory_equal(sample, again, sizeof sample);
        different += memcmp(sample, plain, sizeof sample) != 0;
        for (int i = 0; i < N * N; i++) sum += (double)sample[i];
        if (draw == 0) first_sum = sum;
        moved = moved || fabs(sum - first_sum) > 1e-3;
        for (int i = 0; i < C * C; i++) assert_true(instances[i] == 0 || label[i] == 1); /* they are turned together */
    }
    assert_true(different > DRAWS / 2 && moved);
    sg_dataset_free(dataset);
    config.augment = false;
    expect_ok(sg_dataset_open(&dataset, &config, &grid16));
    assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TRAIN, 0, 1, 5, sample, label, NULL), SG_OK);
    assert_memory_equal(sample, plain, sizeof sample);
    sg_dataset_free(dataset);
}

/* ---- built-in and synthetic ---- */

static void test_builtin(void **state)
{
    (void)state;
    enum { N = 256, C = 128 };
    sg_dataset *dataset;
    const sg_dataset_config config = {.kind = SG_DATASET_BUILTIN, .limit = 3};
    const sg_dataset_grid grid = {.sample_px = N, .label_px = C, .pixel_um = .5};
    static float sample[N * N], label[C * C];
    static int32_t instances[C * C];
    char path[1024];
    expect_ok(sg_data_find(path, sizeof path, "datasets/nuclei"));
    expect_ok(sg_dataset_open(&dataset, &config, &grid));
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 3);
    assert_true(sg_dataset_count(dataset, SG_SPLIT_VALIDATION) >= 30 && sg_dataset_count(dataset, SG_SPLIT_TEST) >= 40);
    for (int i = 0; i < sg_dataset_count(dataset, SG_SPLIT_TEST); i++) {
        double inside = 0, outside = 0, area = 0;
        int32_t most = 0;
        assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TEST, i, 1, -1, sample, label, instances), SG_OK);
        for (int k = 0; k < C * C; k++) {
            const double v = (double)sample[2 * (k / C) * N + 2 * (k % C)], on = (double)label[k];
            assert_true(v >= 0 && v <= 1 && (on == 0 || on == 1) && instances[k] >= 0);
            area += on, inside += on * v, outside += (1 - on) * v;
            most = instances[k] > most ? instances[k] : most;
        }
        if (!(area > .01 * C * C && inside / area > 1.5 * outside / (C * C - area) && most >= 3))
            fail_msg("%s: nuclei are not brighter than their background", sg_dataset_name(dataset, SG_SPLIT_TEST, i));
    }
    sg_dataset_free(dataset);
    assert_int_equal(setenv("SCOPEGRAD_DATA", place, 1), 0);
    assert_int_equal(sg_data_find(path, sizeof path, "datasets/nuclei"), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), place));
    assert_int_equal(unsetenv("SCOPEGRAD_DATA"), 0);
}

static sg_dataset_config synthetic_config(void)
{
    return (sg_dataset_config){.kind = SG_DATASET_SYNTHETIC,
                               .synthetic = {.count = 12,
                                             .radius_um = 4,
                                             .radius_spread = .2,
                                             .overlap = 0,
                                             .background = .1,
                                             .train = 3,
                                             .validation = 2,
                                             .test = 1,
                                             .seed = 5}};
}

static void test_synthetic(void **state)
{
    (void)state;
    enum { PX = 128 };
    static float a[PX * PX], b[PX * PX];
    static int32_t la[PX * PX], lb[PX * PX];
    const sg_dataset_config config = synthetic_config();
    sg_synthetic_make(a, la, PX, .5, &config.synthetic, 3);
    sg_synthetic_make(b, lb, PX, .5, &config.synthetic, 3);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(la, lb, sizeof la);
    int area[16] = {0};
    double inside = 0, outside = 0;
    for (int i = 0; i < PX * PX; i++) {
        assert_true(a[i] >= 0 && a[i] <= 1 && la[i] >= 0 && la[i] <= 12);
        area[la[i]]++;
        *(la[i] ? &inside : &outside) += (double)a[i];
    }
    const double cells = PX * PX - area[0];
    /* radius 8 px, axis ratio .8: 12 cells of about 160 px, some cut by the edge */
    assert_true(cells > 900 && cells < 3000 && area[8] > 0);
    assert_true(inside / cells > 4 * outside / area[0]);
    sg_synthetic_make(b, lb, PX, .5, &config.synthetic, 4);
    assert_memory_not_equal(la, lb, sizeof la);
}

static void test_synthetic_dataset(void **state)
{
    (void)state;
    sg_dataset *dataset;
    sg_dataset_config config = synthetic_config();
    float sample[256], label[64];
    expect_ok(sg_dataset_open(&dataset, &config, &grid16));
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TEST), 1);
    assert_string_equal(sg_dataset_name(dataset, SG_SPLIT_TEST, 0), "synthetic_0005");
    assert_int_not_equal(sg_dataset_id(dataset, SG_SPLIT_TRAIN, 0), sg_dataset_id(dataset, SG_SPLIT_TRAIN, 1));
    assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TEST, 0, 1, -1, sample, label, NULL), SG_OK);
    sg_dataset_free(dataset);
    config.synthetic.radius_um = 0;
    expect_open_error(&config, "dataset.synthetic.radius_um", "");
    config = synthetic_config();
    config.synthetic.count = 10001;
    expect_open_error(&config, "dataset.synthetic.count", "10000");
    config = synthetic_config();
    config.synthetic.background = NAN;
    expect_open_error(&config, "dataset.synthetic.background", "nan");
}

/* ---- stacks ---- */

static void test_dpc(void **state)
{
    (void)state;
    const double na_x[4] = {-.05, .05, 0, .2}, na_y[4] = {0, 0, .05, 0};
    const float images[4 * 2] = {3, 1, 1, 1, 9, 9, 7, 7};
    float dpc[2];
    expect_ok(sg_stack_dpc(dpc, images, 4, 2, na_x, na_y, .1));
    assert_true(dpc[0] == .5f && dpc[1] == 0);
    assert_int_equal(sg_stack_dpc(dpc, images, 4, 2, na_x, na_y, .05), SG_E_CONFIG);
    assert_non_null(strstr(sg_error_text(), "0 left, 0 right"));
}

static void test_leds_csv(void **state)
{
    (void)state;
    double *x, *y;
    int count;
    write_text(place_path("leds.csv"), "index,na_x,na_y\n0, 0.1 ,-0.2\n1,3e-2,0\n");
    expect_ok(sg_stack_leds(&x, &y, &count, place_path("leds.csv")));
    assert_true(count == 2 && x[0] == .1 && y[0] == -.2 && x[1] == .03);
    sg_free(x);
    sg_free(y);
    write_text(place_path("leds.csv"), "index,na_x,na_y\n0,0.1,near\n");
    assert_int_equal(sg_stack_leds(&x, &y, &count, place_path("leds.csv")), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "leds.csv:2: na_y: 'near'"));
    write_text(place_path("leds.csv"), "index,x,y\n0,0.1,1\n");
    assert_int_equal(sg_stack_leds(&x, &y, &count, place_path("leds.csv")), SG_E_FORMAT);
    assert_null(x);
}

/* The table holds the mean of each image, computed by another program. */
static void check_means(const char *mat, const char *csv_path)
{
    sg_image stack;
    sg_csv csv;
    expect_ok(sg_mat_read_array(&stack, mat, "imlow_HDR"));
    expect_ok(sg_csv_read(&csv, csv_path));
    const int column = sg_csv_column(&csv, "image_mean"), len = stack.height * stack.width;
    assert_true(stack.pages == 225 && csv.rows == 225 && len == 128 * 128 && column >= 0);
    for (int k = 0; k < 225; k++) {
        double mean = 0, expected;
        expect_ok(sg_csv_number(&expected, &csv, k, column));
        for (int i = 0; i < len; i++) mean += (double)stack.data[k * len + i] / len;
        if (!(fabs(mean - expected) < 1e-5)) fail_msg("LED %d: mean %g, not %g", k, mean, expected);
    }
    sg_csv_free(&csv);
    sg_image_free(&stack);
}

static void test_real_stack(void **state)
{
    (void)state;
    enum { C = 32, K = 225 };
    const char *root = getenv("SG_TEST_SOURCE");
    sg_dataset_config config = {.kind = SG_DATASET_STACK,
                                .target = SG_TARGET_DPC,
                                .stack_variable = "imlow_HDR",
                                .stack_na = .1,
                                .stack_stride_px = 16,
                                .augment = true};
    (void)snprintf(config.path, sizeof config.path, "%s/../shared/data/fpm_led_blood/dev/bloodsmear_red.mat", root);
    (void)snprintf(config.stack_leds_csv, sizeof config.stack_leds_csv,
                   "%s/../shared/data/fpm_led_blood/dev/bloodsmear_red_leds.csv", root);
    if (!root || !sg_file_exists(config.path)) {
        print_message("# the LED captures are not there: %s\n", config.path);
        skip();
    }
    check_means(config.path, config.stack_leds_csv);
    sg_dataset *dataset;
    const sg_dataset_grid grid = {.sample_px = C, .label_px = C, .pixel_um = 1.845, .stack_images = K};
    static float sample[K * C * C], label[C * C];
    expect_ok(sg_dataset_open(&dataset, &config, &grid));
    assert_int_equal(sg_dataset_sample_len(dataset), K * C * C);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TRAIN), 5 * 5);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_VALIDATION), 5);
    assert_int_equal(sg_dataset_count(dataset, SG_SPLIT_TEST), 7);
    double mean = 0, square = 0, bright = 0, dark = 0;
    for (int i = 0; i < 25; i++) {
        assert_int_equal(sg_dataset_item(dataset, SG_SPLIT_TRAIN, i, 1, i % 2 ? i : -1, sample, label, NULL), SG_OK);
        for (int k = 0; k < C * C; k++)
            mean += (double)label[k] / (25 * C * C), square += (double)label[k] * (double)label[k] / (25 * C * C);
        for (int k = 0; k < C * C; k++)
            bright += (double)sample[k] / (25 * C * C), dark += (double)sample[(K - 1) * C * C + k] / (25 * C * C);
    }
    if (!(fabs(mean) < .3 && fabs(square - 1) < .4 && fabs(bright - 1) < .1 && dark < .02))
        fail_msg("target mean %g, square %g; bright %g, dark %g", mean, square, bright, dark);
    sg_dataset_free(dataset);
    const sg_dataset_grid large = {.sample_px = 33, .label_px = 33, .pixel_um = 1.845};
    assert_int_equal(sg_dataset_open(&dataset, &config, &large), SG_E_SHAPE);
    assert_non_null(strstr(sg_error_text(), "33 x 33"));
    (void)snprintf(config.stack_variable, sizeof config.stack_variable, "imlow");
    assert_int_equal(sg_dataset_open(&dataset, &config, &grid), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "imlow_HDR (128 x 128 x 225)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, place_remove)
        TEST(test_label_binary),
        TEST(test_label_instances),
        TEST(test_turns_commute),
        TEST(test_windows_turn_on_their_way),
        TEST(test_mask_becomes_instances),
        TEST(test_folder_errors),
        TEST(test_split_list),
        TEST(test_split_by_hash),
        TEST(test_item_margin),
        TEST(test_augmentation),
        TEST(test_builtin),
        TEST(test_synthetic),
        TEST(test_synthetic_dataset),
        TEST(test_dpc),
        TEST(test_leds_csv),
        TEST(test_real_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
