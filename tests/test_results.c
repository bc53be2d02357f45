/* test_results.c - results.h5: what is written comes back, equal contents are equal bytes, damage is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/results.h"
#include "place.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

static char file_path[512];

static int folder_make(void **state)
{
    const int failed = place_make(state);
    (void)snprintf(file_path, sizeof file_path, "%s", place_path("results.h5"));
    return failed;
}

/* Every kind of content, small and large. */
static sg_results *example(void)
{
    sg_results *results;
    static float big[2 * 3 * 50 * 40];
    const float weight[2][3] = {{.25f, .5f, .25f}, {0, 1, 0}};
    const uint16_t adu[2][2] = {{0, 65535}, {256, 1}};
    const int32_t step[3] = {0, 10, -20};
    const uint8_t byte[2] = {0, 255};
    const double half[1] = {.5};
    const char *names[3] = {"nucleus_a", "", "Zelle_\xc3\xbc"};
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) big[i] = (float)(i % 97) / 7;
    OK(sg_results_new(&results));
    OK(sg_results_attribute_text(results, "/", "arm", "learned"));
    OK(sg_results_attribute_number(results, "/", "dose_ph", 200));
    OK(sg_results_text(results, "/config", "optics:\n  na: 0.1\n", "resolved configuration"));
    OK(sg_results_scalar(results, "/metrics/dice", .75, "1", "mean Dice on the test split"));
    OK(sg_results_texts(results, "/metrics/per_image/name", names, 3, "pictures"));
    OK(sg_results_array(results, "/learned/led_weight", SG_RESULTS_F32, 2, (int[]){2, 3}, weight, "1", "share of light",
                        "EK"));
    OK(sg_results_array(results, "/examples/measurement", SG_RESULTS_F32, 4, (int[]){2, 3, 50, 40}, big, "1",
                        "measurement", "NCYX"));
    OK(sg_results_attribute_number(results, "/examples/measurement", "pixel_um", 1));
    OK(sg_results_array(results, "/examples/adu", SG_RESULTS_U16, 2, (int[]){2, 2}, adu, "ADU", "camera values", "YX"));
    OK(sg_results_array(results, "/curve/step", SG_RESULTS_I32, 1, (int[]){3}, step, "1", "step", "S"));
    OK(sg_results_array(results, "/a/b/c/byte", SG_RESULTS_U8, 1, (int[]){2}, byte, "1", "bytes", NULL));
    OK(sg_results_array(results, "/a/half", SG_RESULTS_F64, 1, (int[]){1}, half, "1", "half", NULL));
    return results;
}

static void check_text(const sg_results_file *file, const char *path, const char *name, const char *wanted)
{
    char *text;
    if (name)
        OK(sg_results_read_attribute_text(file, path, name, &text));
    else
        OK(sg_results_read_text(file, path, &text));
    assert_string_equal(text, wanted);
    sg_free(text);
}

static void check_number(const sg_results_file *file, const char *path, const char *name, double wanted)
{
    double value = -1;
    if (name)
        OK(sg_results_read_attribute_number(file, path, name, &value));
    else
        OK(sg_results_read_scalar(file, path, &value));
    assert_true(value == wanted);
}

static void comes_back(void **state)
{
    (void)state;
    sg_results *results = example();
    sg_results_file *file;
    int rank, dims[SG_RESULTS_RANK];
    double *numbers;
    float *floats;
    char *names;
    OK(sg_results_save(results, file_path));
    sg_results_free(results);
    OK(sg_results_open(&file, file_path));
    check_text(file, "/", "schema", "scopegrad-results");
    check_text(file, "/", "arm", "learned");
    check_number(file, "/", "dose_ph", 200);
    check_text(file, "/config", NULL, "optics:\n  na: 0.1\n");
    check_text(file, "/metrics/per_image/name", NULL, "nucleus_a\n\nZelle_\xc3\xbc");
    check_number(file, "/metrics/dice", NULL, .75);
    check_text(file, "/learned/led_weight", "axes", "EK");
    check_text(file, "/examples/measurement", "units", "1");
    check_number(file, "/examples/measurement", "pixel_um", 1);
    OK(sg_results_read_f64(file, "/examples/adu", &numbers, &rank, dims));
    assert_true(rank == 2 && dims[0] == 2 && dims[1] == 2 && numbers[1] == 65535 && numbers[2] == 256);
    sg_free(numbers);
    OK(sg_results_read_f32(file, "/examples/measurement", &floats, &rank, dims));
    assert_true(rank == 4 && dims[0] == 2 && dims[1] == 3 && dims[2] == 50 && dims[3] == 40);
    for (int i = 0; i < 2 * 3 * 50 * 40; i++) assert_true(floats[i] == (float)(i % 97) / 7);
    sg_free(floats);
    OK(sg_results_children(file, "/examples", &names));
    assert_string_equal(names, "adu\nmeasurement");
    sg_free(names);
    assert_true(sg_results_has(file, "/a/b/c/byte") && !sg_results_has(file, "/a/b/x/byte"));
    sg_results_close(file);
}

static void wrong_questions(void **state)
{
    (void)state;
    sg_results_file *file;
    int rank, dims[SG_RESULTS_RANK];
    double *numbers, value;
    char *text;
    OK(sg_results_open(&file, file_path));
    assert_int_equal(sg_results_read_f64(file, "/nothing/here", &numbers, &rank, dims), SG_E_FORMAT);
    assert_null(numbers);
    assert_non_null(strstr(sg_error_text(), "/nothing/here is missing"));
    assert_non_null(strstr(sg_error_text(), file_path));
    assert_int_equal(sg_results_read_f64(file, "/config", &numbers, &rank, dims), SG_E_FORMAT);
    assert_int_equal(sg_results_read_f64(file, "/metrics", &numbers, &rank, dims), SG_E_FORMAT);
    assert_int_equal(sg_results_read_text(file, "/metrics/dice", &text), SG_E_FORMAT);
    assert_int_equal(sg_results_read_scalar(file, "/learned/led_weight", &value), SG_E_FORMAT);
    assert_int_equal(sg_results_read_attribute_text(file, "/", "dose_ph", &text), SG_E_FORMAT);
    assert_int_equal(sg_results_read_attribute_number(file, "/", "colour", &value), SG_E_FORMAT);
    assert_int_equal(sg_results_children(file, "/x", &text), SG_E_FORMAT);
    sg_results_close(file);
}

static void wrong_writing(void **state)
{
    (void)state;
    sg_results *results = example();
    const float one = 1;
    assert_int_equal(sg_results_scalar(results, "/metrics/dice", 1, "1", "again"), SG_E_STATE);
    assert_non_null(strstr(sg_error_text(), "/metrics/dice is written twice"));
    assert_int_equal(sg_results_array(results, "/x", SG_RESULTS_F32, 1, (int[]){0}, &one, "1", "x", "X"), SG_E_RANGE);
    assert_int_equal(
        sg_results_array(results, "/x", SG_RESULTS_F32, 6, (int[]){1, 1, 1, 1, 1, 1}, &one, "1", "x", NULL),
        SG_E_RANGE);
    assert_int_equal(sg_results_array(results, "/x", SG_RESULTS_F32, 1, (int[]){1}, &one, "1", "x", "YX"), SG_E_SHAPE);
    assert_int_equal(sg_results_scalar(results, "x", 1, "1", "relative"), SG_E_RANGE);
    assert_int_equal(sg_results_scalar(results, "/config/x", 1, "1", "below a text"), SG_E_MEMORY);
    assert_int_equal(sg_results_save(results, "/nowhere/at/all.h5"), SG_E_IO);
    sg_results_free(results);
}

/* Written twice with seconds in between, and by another process: the same bytes. */
static void equal_bytes(void **state)
{
    (void)state;
    sg_results *first = example();
    void *a, *b;
    size_t a_size, b_size;
    OK(sg_results_image(first, &a, &a_size));
    const pid_t child = fork();
    if (child == 0) {
        (void)sleep(1);
        sg_results *second = example();
        _exit(sg_results_save(second, file_path) == SG_OK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    OK(sg_file_read(&b, &b_size, file_path, 0));
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    sg_free(a);
    sg_free(b);
    sg_results_free(first);
}

/* The error of opening `size` bytes; they must not be readable as results. */
static void check_refused(const unsigned char *data, size_t size)
{
    sg_results_file *file;
    OK(sg_file_write(file_path, data, size));
    assert_int_equal(sg_results_open(&file, file_path), SG_E_FORMAT);
    assert_null(file);
    assert_null(strchr(sg_error_text(), '\n'));
    assert_non_null(strstr(sg_error_text(), file_path));
}

static void damage_is_an_error(void **state)
{
    (void)state;
    sg_results *results = example();
    unsigned char *data;
    size_t size;
    OK(sg_results_image(results, (void **)&data, &size));
    sg_results_free(results);
    const sg_rng rng = sg_rng_make(7, SG_RNG_TEST, 0, 0, 0);
    for (uint32_t i = 0; i < 100; i++) {
        const size_t at = (size_t)(sg_rng_uniform(&rng, i, 0) * (double)size);
        const unsigned char flip = (unsigned char)(1u << (i % 8));
        data[at] ^= flip;
        check_refused(data, size);
        data[at] ^= flip;
        check_refused(data, at);
    }
    check_refused((const unsigned char *)"", 0);
    check_refused((const unsigned char *)"PNG? no", 7);
    sg_free(data);
}

static void missing_file(void **state)
{
    (void)state;
    sg_results_file *file;
    assert_int_equal(sg_results_open(&file, "/nowhere/results.h5"), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "/nowhere/results.h5"));
}

/* h5py sees numbers, units and axes. */
static void python_reads(void **state)
{
    (void)state;
    const char *root = getenv("SG_TEST_SOURCE");
    char command[1536];
    sg_results *results = example();
    OK(sg_results_save(results, file_path));
    sg_results_free(results);
    if (!root || system("python3 -c 'import h5py, numpy' 2> /dev/null") != 0) {
        print_message("# python3 with h5py is not installed\n");
        skip();
    }
    (void)snprintf(command, sizeof command, "python3 '%s/tests/python/read_results.py' '%s'", root, file_path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),         cmocka_unit_test(wrong_questions), cmocka_unit_test(wrong_writing),
        cmocka_unit_test(equal_bytes),        cmocka_unit_test(python_reads),    cmocka_unit_test(missing_file),
        cmocka_unit_test(damage_is_an_error),
    };
    return cmocka_run_group_tests(tests, folder_make, place_remove);
}
