/* test_own_stack.c - LED stacks of users: every kind of file and folder gives the same numbers, dark and flat pictures
 * correct them, what is missing is named; and the whole way from a folder of TIFFs to an exported pattern. */
#include "lab.h"

#include "core/memory.h"
#include "datasets/dataset.h"
#include "datasets/image.h"
#include "datasets/stack_read.h"
#include "datasets/tiff.h"
#include "pipeline/config.h"
#include "pipeline/results.h"
#include "place.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEDS = 9, H = 40, W = 48, PIXELS = H * W };

/* ---- pictures ---- */

static float level(int field, int led, int pixel)
{
    return (float)(100 + 900 * (.5 + .5 * check_random("stack", 16 * field + led, (size_t)pixel)));
}

static const sg_image_options plain = {0};

static void put_picture(const char *name, const float *data, int height, int width, int pages)
{
    const sg_tiff tiff = {pages, height, width, 32, data, 0};
    if (sg_tiff_write(place_path(name), &tiff) != SG_OK) fail_msg("%s", sg_error_text());
}

static float *stack_of(int field)
{
    float *data = NULL;
    assert_int_equal(SG_ALLOC(&data, (size_t)LEDS * PIXELS, "test"), SG_OK);
    for (int i = 0; i < LEDS * PIXELS; i++) data[i] = level(field, i / PIXELS, i % PIXELS);
    return data;
}

/* One file an LED, counted from 1; names that an alphabet would sort 1, 10, 2. */
static void put_folder(const char *folder, int field)
{
    char name[128];
    float *data = stack_of(field);
    (void)snprintf(name, sizeof name, "mkdir -p '%s'", folder);
    assert_int_equal(place_shell(name), 0);
    for (int k = 0; k < LEDS; k++) {
        (void)snprintf(name, sizeof name, "%s/t3_led%d.tif", folder, k + 3);
        put_picture(name, data + (size_t)k * PIXELS, H, W, 1);
    }
    sg_free(data);
}

static void put_hdf5(const char *name, int field)
{
    float *data = stack_of(field);
    const hsize_t dims[3] = {LEDS, H, W};
    const hid_t file = H5Fcreate(place_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(3, dims, NULL);
    const hid_t set = H5Dcreate2(file, "captures", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Fclose(file);
    sg_free(data);
}

static int make_place(void **state)
{
    if (place_make(state) != 0) return -1;
    float *data = stack_of(0);
    put_folder("field", 0);
    put_hdf5("field.h5", 0);
    put_picture("field.tif", data, H, W, LEDS);
    sg_free(data);
    return 0;
}

/* ---- reading ---- */

static void every_kind_of_file_reads_the_same(void **state)
{
    static const char *const names[] = {"field", "field.tif", "field.h5:/captures"};
    int compared = 0;
    (void)state;
    for (int i = 0; i < 3; i++) {
        sg_image stack;
        if (sg_stack_read(&stack, place_path(names[i]), "", "", &plain) != SG_OK) fail_msg("%s", sg_error_text());
        assert_true(stack.pages == LEDS && stack.height == H && stack.width == W);
        for (int p = 0; p < LEDS * PIXELS; p++, compared++)
            assert_true(stack.data[p] == level(0, p / PIXELS, p % PIXELS));
        sg_image_free(&stack);
    }
    assert_int_equal(compared, 3 * LEDS * PIXELS);
}

/* The table turns the order round. */
static void a_table_names_the_files(void **state)
{
    char text[512] = "led,file\n";
    sg_image stack;
    (void)state;
    for (int k = 0; k < LEDS; k++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%d,t3_led%d.tif\n", k, 3 + LEDS - 1 - k);
    place_put_text("files.csv", text);
    if (sg_stack_read(&stack, place_path("field"), "", place_path("files.csv"), &plain) != SG_OK)
        fail_msg("%s", sg_error_text());
    for (int k = 0; k < LEDS; k++) assert_true(stack.data[(size_t)k * PIXELS] == level(0, LEDS - 1 - k, 0));
    sg_image_free(&stack);
}

static void refused(const char *path, const char *files, const char *hint)
{
    sg_image stack;
    assert_int_not_equal(sg_stack_read(&stack, place_path(path), "", files, &plain), SG_OK);
    assert_null(stack.data);
    if (!strstr(sg_error_text(), hint)) fail_msg("'%s' does not say '%s'", sg_error_text(), hint);
}

static void bad_folders_are_refused(void **state)
{
    static const struct bad {
        const char *change, *hint;
    } list[] = {
        {"rm bad/t3_led7.tif", "the picture of LED 7 is missing (8 pictures are numbered 3..11)"},
        {"cp bad/t3_led7.tif bad/again_7.tif", "again_7.tif and t3_led7.tif are both of LED 7"},
        {"cp bad/t3_led7.tif bad/flat.tif", "flat.tif: its name has no number"},
        {"head -c 900 field/t3_led7.tif > bad/t3_led7.tif", "t3_led7.tif"},
        {"cp field.tif bad/t3_led7.tif", "t3_led7.tif: 9 pages"},
        {"cp small.tif bad/t3_led7.tif", "t3_led7.tif: 6 x 5 pixels, the pictures before it have 48 x 40"},
        {"cp nan.tif bad/t3_led7.tif", "t3_led7.tif: NaN at page 0, row 1, column 2"},
        {"rm bad/*", "no pictures, one per LED"},
    };
    float small[30] = {0};
    (void)state;
    put_picture("small.tif", small, 5, 6, 1);
    small[8] = NAN;
    put_picture("nan.tif", small, 5, 6, 1);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char line[256];
        (void)snprintf(line, sizeof line, "rm -rf bad; cp -r field bad; %s", list[i].change);
        assert_int_equal(place_shell(line), 0);
        refused("bad", "", list[i].hint);
    }
    place_put_text("files.csv", "led,file\n0,t3_led3.tif\n2,t3_led4.tif\n");
    refused("field", place_path("files.csv"), "the picture of LED 1 is missing");
    place_put_text("files.csv", "led,file\n0,none.tif\n");
    refused("field", place_path("files.csv"), "none.tif");
    place_put_text("files.csv", "led,name\n0,none.tif\n");
    refused("field", place_path("files.csv"), "columns led and file");
    refused("field.h5:/other", "", "field.h5");
    refused("nowhere", "", "nowhere: no such folder");
}

/* ---- flat field ---- */

static double vignette(int pixel)
{
    return 1 - .4 * (pixel % W) / W;
}

static sg_image picture(int pages, double offset, double gain)
{
    sg_image image = {.pages = pages, .height = H, .width = W, .is_float = true};
    assert_int_equal(SG_ALLOC(&image.data, (size_t)pages * PIXELS, "test"), SG_OK);
    for (int i = 0; i < pages * PIXELS; i++)
        image.data[i] = (float)(offset + (i / PIXELS + 1) * gain * vignette(i % PIXELS));
    return image;
}

/* raw = dark + vignette x sample comes back as sample x mean(flat - dark)/flat level, for one and for one per LED. */
static void flat_and_dark_are_taken_out(void **state)
{
    (void)state;
    double mean = 0;
    for (int i = 0; i < PIXELS; i++) mean += vignette(i) / PIXELS;
    for (int each = 0; each < 2; each++) {
        sg_image raw = picture(LEDS, 0, 0), dark = picture(1, 50, 0), flat = picture(each ? LEDS : 1, 50, 700);
        for (int i = 0; i < LEDS * PIXELS; i++)
            raw.data[i] = (float)(50 + vignette(i % PIXELS) * (double)level(0, i / PIXELS, i % PIXELS));
        assert_int_equal(sg_stack_correct(&raw, &dark, &flat, "raw", "dark", "flat"), SG_OK);
        for (int i = 0; i < LEDS * PIXELS; i++)
            lab_near((double)raw.data[i], (double)level(0, i / PIXELS, i % PIXELS) * mean, 1e-3, "corrected", i);
        sg_image_free(&raw);
        sg_image_free(&dark);
        sg_image_free(&flat);
    }
}

static void a_flat_that_is_dark_is_refused(void **state)
{
    sg_image raw = picture(LEDS, 0, 1), dark = picture(1, 50, 0), flat = picture(1, 50, 700), two = picture(2, 0, 1);
    (void)state;
    for (int i = 0; i < 3; i++) flat.data[100 + i] = 50;
    flat.data[200] = NAN;
    assert_int_equal(sg_stack_correct(&raw, &dark, &flat, "raw", "dark", "flat.tif"), SG_E_NUMERIC);
    assert_non_null(strstr(sg_error_text(), "flat.tif: 4 of 1920 pixels"));
    assert_int_equal(sg_stack_correct(&raw, &two, &flat, "raw.tif", "dark.tif", "flat.tif"), SG_E_SHAPE);
    assert_non_null(strstr(sg_error_text(), "dark.tif: 2 pictures, neither 1 nor the 9 of raw.tif"));
    two.pages = 1;
    two.width = W / 2;
    assert_int_equal(sg_stack_correct(&raw, &two, &flat, "raw.tif", "dark.tif", "flat.tif"), SG_E_SHAPE);
    sg_image_free(&raw);
    sg_image_free(&dark);
    sg_image_free(&flat);
    sg_image_free(&two);
}

/* ---- fields with masks ---- */

enum { C = 8 };

static void put_fields(void)
{
    static uint16_t mask[PIXELS];
    for (int field = 0; field < 3; field++) {
        char name[64];
        (void)snprintf(name, sizeof name, "cells/images/f%d", field);
        put_folder(name, field);
        for (int i = 0; i < PIXELS; i++) mask[i] = i % W / 12 == field ? (uint16_t)(1 + i / W / 20) : 0;
        const sg_tiff tiff = {1, H, W, 16, mask, 0};
        (void)snprintf(name, sizeof name, "cells/labels/f%d.tif", field);
        assert_int_equal(place_shell("mkdir -p cells/labels"), 0);
        assert_int_equal(sg_tiff_write(place_path(name), &tiff), SG_OK);
    }
    place_put_text("cells/splits.csv", "name,split\nf0,train\nf1,validation\nf2,test\n");
    place_put_text("cells/nine.csv", "na_x,na_y\n0,0\n0,.01\n.01,0\n.5,0\n0,.5\n.5,.5\n-.5,0\n0,-.5\n-.5,-.5\n");
}

static sg_dataset_config cells(void)
{
    sg_config config;
    sg_config_defaults(&config);
    sg_dataset_config d = config.dataset;
    d.kind = SG_DATASET_STACK;
    d.stack_na = .1;
    d.augment = false;
    (void)snprintf(d.path, sizeof d.path, "%s", place_path("cells"));
    (void)snprintf(d.splits, sizeof d.splits, "%s", place_path("cells/splits.csv"));
    (void)snprintf(d.stack_leds_csv, sizeof d.stack_leds_csv, "%s", place_path("cells/nine.csv"));
    return d;
}

static const sg_dataset_grid grid = {.sample_px = C, .label_px = C, .pixel_um = 1, .stack_images = LEDS};

/* Whole fields by the table: samples are windows of their own field, labels and instances of its mask. */
static void fields_come_with_their_masks(void **state)
{
    float sample[LEDS * C * C], label[C * C];
    int32_t instances[C * C];
    (void)state;
    put_fields();
    const sg_dataset_config config = cells();
    sg_dataset *d;
    if (sg_dataset_open(&d, &config, &grid) != SG_OK) fail_msg("%s", sg_error_text());
    double bright = 0;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < PIXELS; i++) bright += (double)level(0, k, i) / (3 * PIXELS);
    for (int split = 0; split < 3; split++) {
        assert_int_equal(sg_dataset_count(d, (sg_split)split), H / C * (W / C));
        for (int i = 0; i < sg_dataset_count(d, (sg_split)split); i++) {
            int y = -1, x = -1, field = -1;
            assert_int_equal(sscanf(sg_dataset_name(d, (sg_split)split, i), "f%d_y%d_x%d", &field, &y, &x), 3);
            assert_int_equal(field, split);
            assert_int_equal(sg_dataset_item(d, (sg_split)split, i, 1, -1, sample, label, instances), SG_OK);
            for (int p = 0; p < C * C; p++) {
                const int row = y + p / C, column = x + p % C, want = column / 12 == field ? 1 + row / 20 : 0;
                assert_int_equal(instances[p], want);
                assert_true(label[p] == (want > 0));
                for (int k = 0; k < LEDS; k++)
                    lab_near((double)sample[k * C * C + p], (double)level(field, k, row * W + column) / bright, 1e-5,
                             "light", p);
            }
        }
    }
    sg_dataset_free(d);
}

static void bad_fields_are_refused(void **state)
{
    static const struct bad {
        const char *change, *hint;
    } list[] = {
        {"rm cells/labels/f1.tif", "no mask 'f1'"},
        {"cp field.tif cells/images/f1.tif", "'f1' stands there twice"},
        {"cp small.tif cells/labels/f1.tif", "f1.tif: 6 x 5 pixels, but its pictures in images/f1 have 48 x 40"},
        {"rm cells/images/f1/t3_led11.tif", "f1: 8 images, but the illumination has 9 LEDs"},
        {"echo f9,train >> cells/splits.csv", "splits.csv:5: no field 'f9'"},
        {"rm -r cells/images; mkdir cells/images", "no field of view"},
        {"rm -r cells", "cells: no such folder"},
        {"rm -r cells/images", "masks need a folder with images/ and labels/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        const sg_dataset_config config = cells();
        sg_dataset *d;
        assert_int_equal(place_shell("rm -rf cells"), 0);
        put_fields();
        assert_int_equal(place_shell(list[i].change), 0);
        assert_int_not_equal(sg_dataset_open(&d, &config, &grid), SG_OK);
        if (!strstr(sg_error_text(), list[i].hint)) fail_msg("'%s' does not say '%s'", sg_error_text(), list[i].hint);
    }
}

/* ---- the whole way ---- */

static const char capture_yaml[] =
    "sample: {size_px: 64}\n"
    "illumination: {rows: 3, columns: 3, pitch_na: none, dose_ph: 4000}\n"
    "camera: {bit_depth: 16, offset_adu: 100}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 4, validation: 1, test: 1}}\n";
static const char train_yaml[] =
    "sample: {kind: stack, size_px: 16, pixel_um: 1}\n"
    "illumination:\n"
    "  {geometry: csv, csv: mine/leds.csv, pattern: half, levels: bits8, learn: {learn: true, lr: 0.02}}\n"
    "camera: {pixel_um: 1}\n"
    "network: {width: 4, depth: 2}\n"
    "dataset: {kind: stack, path: mine, splits: mine/splits.csv, stack_dark: mine/dark.tif}\n"
    "train: {steps: 6, batch_size: 4}\n";

static void succeeds(const char *arguments)
{
    if (place_run(arguments) == 0) return;
    char *text = place_get("err");
    fail_msg("scopegrad %s: %s", arguments, text);
}

static void from_a_folder_of_pictures_to_a_pattern(void **state)
{
    (void)state;
    place_put_text("capture.yaml", capture_yaml);
    place_put_text("train.yaml", train_yaml);
    succeeds("capture capture.yaml -o mine -n 4");
    assert_int_equal(
        place_shell("test $(ls mine/images/*/led_*.tif | wc -l) = 36 && test $(ls mine/labels | wc -l) = 4"), 0);
    succeeds("train train.yaml -o run -q --no-report");
    sg_results_file *results;
    double *weight;
    int rank, dims[SG_RESULTS_RANK], lit = 0;
    if (sg_results_open(&results, place_path("run/results.h5")) != SG_OK) fail_msg("%s", sg_error_text());
    assert_int_equal(sg_results_read_f64(results, "/learned/led_weight_shown", &weight, &rank, dims), SG_OK);
    assert_true(rank == 2 && dims[0] == 1 && dims[1] == LEDS);
    double most = 0;
    for (int k = 0; k < LEDS; k++) most = fmax(most, weight[k]);
    for (int k = 0; k < LEDS; k++, lit++)
        lab_near(255 * weight[k] / most, rint(255 * weight[k] / most), 1e-4, "level", k);
    assert_int_equal(lit, LEDS);
    sg_free(weight);
    sg_results_close(results);
    succeeds("export run -o learned");
    succeeds("export train.yaml -o start");
    char *learned = place_get("learned/pattern.csv"), *start = place_get("start/pattern.csv");
    assert_string_not_equal(learned, start);
    sg_free(learned);
    sg_free(start);
    /* The exported pattern lights the same LEDs of the same stack. */
    succeeds("export train.yaml --set illumination.pattern=csv --set illumination.pattern_csv=learned/pattern.csv "
             "-o again");
    assert_int_equal(place_shell("cut -d, -f5 learned/exposures.csv > a; cut -d, -f5 again/exposures.csv > b; cmp a b"),
                     0);
}

/* Whole ADU above the offset, as many electrons as the dose says; the dark picture is the offset. */
static void captures_are_what_the_microscope_images(void **state)
{
    sg_image dark, one;
    double worst = 0;
    (void)state;
    place_put_text("capture.yaml", capture_yaml);
    succeeds("capture capture.yaml -o quiet -n 1 --set camera.shot=none --set camera.read_noise_e=0 "
             "--set sample.background_rad=0 --set camera.range_e=65535");
    if (sg_image_read(&dark, place_path("quiet/dark.tif")) != SG_OK) fail_msg("%s", sg_error_text());
    for (int i = 0; i < dark.height * dark.width; i++) assert_true(dark.data[i] == 100);
    sg_image_free(&dark);
    if (place_shell("cp quiet/images/*/led_0004.tif centre.tif") != 0) fail_msg("no picture of the centre LED");
    if (sg_image_read(&one, place_path("centre.tif")) != SG_OK) fail_msg("%s", sg_error_text());
    double mean = 0;
    for (int i = 0; i < one.height * one.width; i++) {
        mean += ((double)one.data[i] - 100) / (one.height * one.width);
        worst = fmax(worst, fabs((double)one.data[i] - rint((double)one.data[i])));
    }
    assert_true(one.bits == 16 && one.width == 32 && worst == 0);
    lab_near(mean, 4000, 400, "electrons of the centre LED", 4); /* nearly all light of a phase object stays */
    sg_image_free(&one);
    assert_int_equal(place_run("capture capture.yaml -o none -n 5"), 2);
    assert_int_equal(place_run("capture capture.yaml -o none --set sample.kind=incoherent"), 2);
    assert_int_equal(place_run("capture capture.yaml -o none --set camera.bit_depth=none"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_file_reads_the_same),
        cmocka_unit_test(a_table_names_the_files),
        cmocka_unit_test(bad_folders_are_refused),
        cmocka_unit_test(flat_and_dark_are_taken_out),
        cmocka_unit_test(a_flat_that_is_dark_is_refused),
        cmocka_unit_test(fields_come_with_their_masks),
        cmocka_unit_test(bad_fields_are_refused),
        cmocka_unit_test(from_a_folder_of_pictures_to_a_pattern),
        cmocka_unit_test(captures_are_what_the_microscope_images),
    };
    return cmocka_run_group_tests_name("own_stack", tests, make_place, place_remove);
}
