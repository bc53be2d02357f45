/* test_safetensors.c - weights and checkpoints come back to the bit; damaged files are errors, never crashes. */
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/checkpoint.h"
#include "pipeline/model_tensors.h"
#include "pipeline/safetensors.h"
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

static char path[300];

static int setup(void **state)
{
    const int failed = place_make(state);
    (void)snprintf(path, sizeof path, "%s", place_path("file"));
    return failed;
}

/* Encodes `json` (padded) and `data_bytes` zero bytes as a file and decodes it. */
static sg_status decode_json(const char *json, size_t data_bytes)
{
    static char bytes[4096];
    const uint64_t length = (strlen(json) + 7) / 8 * 8;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, &length, 8);
    memset(bytes + 8, ' ', length);
    memcpy(bytes + 8, json, strlen(json));
    sg_safetensors *file;
    const sg_status status = sg_safetensors_decode(&file, bytes, 8 + length + data_bytes, "mem");
    sg_safetensors_free(file);
    return status;
}

static void check_bad(const char *json, size_t data_bytes, const char *part)
{
    assert_int_equal(decode_json(json, data_bytes), SG_E_FORMAT);
    if (!strstr(sg_error_text(), part)) fail_msg("'%s' lacks '%s'", sg_error_text(), part);
}

#define ENTRY(name, shape, begin, end)                                                                                 \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void test_headers(void **state)
{
    (void)state;
    assert_int_equal(decode_json("{" ENTRY("a", "[2]", "0", "8") "}", 8), SG_OK);
    assert_int_equal(decode_json("{" ENTRY("a", "[]", "0", "4") "}", 4), SG_OK);
    assert_int_equal(decode_json("{" ENTRY("b", "[1]", "8", "12") "," ENTRY("a", "[2]", "0", "8") "}", 12), SG_OK);
    assert_int_equal(decode_json("{}", 0), SG_OK);
    check_bad("{" ENTRY("a", "[2]", "0", "8") "}", 4, "a: ");
    check_bad("{" ENTRY("a", "[2]", "0", "8") "}", 12, "12 bytes of numbers");
    check_bad("{" ENTRY("a", "[2]", "4", "12") "}", 12, "gap");
    check_bad("{" ENTRY("a", "[2]", "0", "8") "," ENTRY("b", "[1]", "4", "8") "}", 8, "overlaps");
    check_bad("{" ENTRY("a", "[1]", "0", "4") "," ENTRY("a", "[1]", "4", "8") "}", 8, "given twice");
    check_bad("{" ENTRY("a", "[0]", "0", "0") "}", 0, "shape");
    check_bad("{" ENTRY("a", "[-2]", "0", "8") "}", 8, "shape");
    check_bad("{" ENTRY("a", "[1.5]", "0", "8") "}", 8, "shape");
    check_bad("{" ENTRY("a", "[2147483647,2147483647,2147483647,2]", "0", "8") "}", 8, "shape");
    check_bad("{" ENTRY("a", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "shape");
    check_bad("{" ENTRY("a", "2", "0", "8") "}", 8, "shape");
    check_bad("{" ENTRY("a", "[2,11806113,409891,7623851]", "0", "8") "}", 8, "shape"); /* = 2 modulo 2^64 */
    check_bad("{" ENTRY("a", "[2]", "0", "4") "}", 8, "data_offsets");
    check_bad("{" ENTRY("a", "[2]", "8", "0") "}", 8, "data_offsets");
    check_bad("{" ENTRY("a", "[2]", "0", "1e300") "}", 8, "data_offsets");
    check_bad("{" ENTRY("", "[2]", "0", "8") "}", 8, "name");
    check_bad("{\"a\":{\"dtype\":\"F16\",\"shape\":[4],\"data_offsets\":[0,8]}}", 8, "F16");
    check_bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "data_offsets");
    check_bad("{\"a\":3}", 8, "expected");
    check_bad("{\"__metadata__\":{\"a\":1}}", 0, "__metadata__");
    check_bad("[1]", 0, "JSON");
    check_bad("{} x", 0, "JSON");
    check_bad("{", 0, "JSON");
}

static void test_deep_header(void **state)
{
    (void)state;
    char json[3000];
    memset(json, '[', sizeof json);
    memcpy(json, "{\"a\":", 5);
    json[sizeof json - 1] = 0;
    check_bad(json, 0, "JSON");
}

static void test_lengths(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0, 1, 9, 1000, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 40};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char bytes[16] = {0};
        memcpy(bytes, &lengths[i], 8);
        memcpy(bytes + 8, "{}      ", 8);
        for (size_t size = 0; size <= sizeof bytes; size++) {
            sg_safetensors *file;
            assert_int_equal(sg_safetensors_decode(&file, bytes, size, "mem"), SG_E_FORMAT);
            assert_non_null(strstr(sg_error_text(), "cut off"));
            assert_null(file);
        }
    }
}

/* ---- models ---- */

static sg_model *make_model(int width)
{
    sg_model *model;
    sg_param_info *param;
    const sg_param_spec spec = {.init = SG_INIT_NORMAL, .init_b = 1};
    assert_int_equal(sg_model_new(&model, 7), SG_OK);
    assert_int_equal(sg_model_param(&param, model, "unet.head.weight", SG_SHAPE(width, 2, 3, 3), &spec), SG_OK);
    for (size_t i = 0; i < param->len; i++) param->moment1[i] = (float)i / 7, param->moment2[i] = (float)i * 1e-20F;
    assert_int_equal(sg_model_param(&param, model, "camera.adc.range_e", SG_SHAPE(1, 1, 1, 1), &spec), SG_OK);
    sg_model_steps_set(model, 41);
    return model;
}

static void add_param(sg_model *model, const char *name)
{
    sg_param_info *param;
    const sg_param_spec spec = {.init = SG_INIT_CONSTANT};
    assert_int_equal(sg_model_param(&param, model, name, SG_SHAPE(1, 1, 1, 1), &spec), SG_OK);
}

static void wipe(sg_model *model)
{
    for (int i = 0; i < sg_model_count(model); i++) {
        sg_param_info *p = sg_model_at(model, i);
        memset(p->value, 0, p->len * sizeof(float));
        memset(p->moment1, 0, p->len * sizeof(float));
        memset(p->moment2, 0, p->len * sizeof(float));
    }
    sg_model_steps_set(model, 0);
}

static bool same(const sg_model *a, const sg_model *b, bool moments)
{
    bool equal = sg_model_count(a) == sg_model_count(b);
    for (int i = 0; equal && i < sg_model_count(a); i++) {
        const sg_param_info *p = sg_model_at(a, i), *q = sg_model_at(b, i);
        const size_t size = p->len * sizeof(float);
        equal = p->len == q->len && !memcmp(p->value, q->value, size) &&
                (!moments || (!memcmp(p->moment1, q->moment1, size) && !memcmp(p->moment2, q->moment2, size)));
    }
    return equal;
}

static void test_checkpoint_round_trip(void **state)
{
    (void)state;
    sg_model *a = make_model(3), *b = make_model(3);
    const sg_checkpoint out = {
        .config_hash = UINT64_MAX, .seed = 5, .step = 40, .best_step = -1, .best_metric = .1 + .2, .best_loss = .3};
    sg_checkpoint in;
    wipe(b);
    assert_false(same(a, b, true));
    assert_int_equal(sg_checkpoint_write(path, a, &out), SG_OK);
    assert_int_equal(sg_checkpoint_read(&in, b, path, UINT64_MAX), SG_OK);
    assert_memory_equal(&in, &out, sizeof in);
    assert_true(same(a, b, true));
    assert_int_equal(sg_model_steps(b), 41);
    assert_int_equal(sg_checkpoint_peek(&in, path), SG_OK);
    assert_int_equal(in.step, 40);
    assert_int_equal(sg_checkpoint_read(&in, b, path, 1), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "another configuration"));
    sg_model_free(a);
    sg_model_free(b);
}

static void test_not_a_number_metric(void **state)
{
    (void)state;
    sg_model *model = make_model(1);
    const sg_checkpoint out = {.best_metric = NAN};
    sg_checkpoint in;
    assert_int_equal(sg_checkpoint_write(path, model, &out), SG_OK);
    assert_int_equal(sg_checkpoint_peek(&in, path), SG_OK);
    assert_true(isnan(in.best_metric));
    sg_model_free(model);
}

/* The sum of all bytes of the first parameter. */
static unsigned checksum(const sg_model *model)
{
    const sg_param_info *p = sg_model_at(model, 0);
    const unsigned char *bytes = (const unsigned char *)p->value;
    unsigned sum = 0;
    for (size_t i = 0; i < p->len * sizeof(float); i++) sum = sum * 31 + bytes[i];
    return sum;
}

static void check_refused(sg_model *model, const char *part)
{
    const unsigned before = checksum(model);
    assert_int_equal(sg_weights_read(model, path), SG_E_FORMAT);
    if (!strstr(sg_error_text(), part)) fail_msg("'%s' lacks '%s'", sg_error_text(), part);
    assert_int_equal(checksum(model), before);
}

static void test_weights(void **state)
{
    (void)state;
    sg_model *a = make_model(3), *b = make_model(3), *wide = make_model(4);
    char *text;
    wipe(b);
    assert_int_equal(sg_weights_write(a, path, "camera:\n    bit_depth: 8 # \"x\"\n"), SG_OK);
    assert_int_equal(sg_weights_read(b, path), SG_OK);
    assert_true(same(a, b, false));
    assert_int_equal(sg_weights_config(&text, path), SG_OK);
    assert_string_equal(text, "camera:\n    bit_depth: 8 # \"x\"\n");
    sg_free(text);
    check_refused(wide, "unet.head.weight: shape (3,2,3,3) in the file, (4,2,3,3) in the network");
    add_param(a, "more");
    check_refused(a, "more: not in the file");
    assert_int_equal(sg_weights_write(a, path, NULL), SG_OK);
    check_refused(b, "more: not in the network");
    assert_int_equal(sg_weights_config(&text, path), SG_E_FORMAT);
    sg_model_at(b, 0)->value[5] = NAN;
    assert_int_equal(sg_weights_write(b, path, NULL), SG_OK);
    check_refused(b, "unet.head.weight: holds a number that is not finite");
    sg_model_free(a);
    sg_model_free(b);
    sg_model_free(wide);
}

static void test_same_bytes(void **state)
{
    (void)state;
    sg_model *model = make_model(3);
    sg_checkpoint number = {.step = 1};
    void *bytes[2];
    size_t size[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sg_checkpoint_write(path, model, &number), SG_OK);
        assert_int_equal(sg_file_read(&bytes[i], &size[i], path, 0), SG_OK);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    uint64_t length;
    memcpy(&length, bytes[0], 8);
    assert_int_equal(length % 8, 0);
    sg_free(bytes[0]);
    sg_free(bytes[1]);
    sg_model_free(model);
}

/* ---- hostile files ---- */

enum { ROUNDS = 10000, ROOM = 1 << 16 };

/* A file in the making: header text and numbers apart, so that the lengths fit whatever is done to the text. */
typedef struct mutant {
    char text[ROOM];
    size_t length;
    const char *data;
    size_t data_size;
    sg_rng rng;
    uint32_t round, draw;
} mutant;

static uint32_t draw(mutant *m, size_t below)
{
    uint32_t word[4];
    sg_rng_words(&m->rng, m->round, m->draw++, word);
    return word[0] % (uint32_t)below;
}

static void splice(mutant *m, size_t at, size_t remove, const char *insert)
{
    const size_t add = strlen(insert);
    assert_true(at + remove <= m->length && m->length - remove + add < ROOM);
    memmove(m->text + at + add, m->text + at + remove, m->length - at - remove);
    memcpy(m->text + at, insert, add);
    m->length += add - remove;
    m->text[m->length] = 0;
}

/* The place of one of the numbers, texts, ... that begin with `first`, at random; the length of the text if none. */
static size_t one_of(mutant *m, const char *first)
{
    const size_t begin = draw(m, m->length);
    for (size_t i = 0; i < m->length; i++) {
        const size_t at = (begin + i) % m->length;
        if (strchr(first, m->text[at]) && (at == 0 || !strchr(first, m->text[at - 1]))) return at;
    }
    return m->length;
}

static void change_bytes(mutant *m)
{
    static const char likely[] = "0123456789{}[]\",:-eE\\u";
    for (uint32_t i = 0; i <= m->round / 7 % 4; i++) {
        char *at = m->text + draw(m, m->length);
        *at = draw(m, 2) ? likely[draw(m, sizeof likely - 1)] : (char)(*at ^ (1 << draw(m, 8)));
    }
}

static void change_number(mutant *m)
{
    static const char *const numbers[] = {"0",
                                          "-1",
                                          "-0",
                                          "1",
                                          "3",
                                          "4",
                                          "7",
                                          ".5",
                                          "1e308",
                                          "1e999",
                                          "4294967296",
                                          "2147483648",
                                          "9007199254740993",
                                          "18446744073709551615",
                                          "null",
                                          "true",
                                          "\"8\"",
                                          "[]",
                                          "{}",
                                          "NaN",
                                          "00",
                                          "0x8",
                                          "1e-400",
                                          ""};
    const size_t at = one_of(m, "0123456789");
    if (at == m->length) return;
    splice(m, at, strspn(m->text + at, "0123456789"), numbers[draw(m, sizeof numbers / sizeof *numbers)]);
}

static void change_word(mutant *m)
{
    static const char *const words[] = {"F16",     "BF16",    "F64",  "I64",  "f32",          "",
                                        "dtype",   "shape",   "F32",  "a",    "__metadata__", "data_offsets",
                                        "\\u0000", "\\ud800", "%s%n", "../x", "\xff",         "unet.head.weight"};
    const size_t at = one_of(m, "\"");
    if (at + 1 >= m->length) return;
    splice(m, at + 1, strcspn(m->text + at + 1, "\""), words[draw(m, sizeof words / sizeof *words)]);
}

/* A value inside many brackets. */
static void nest(mutant *m)
{
    char open[4096];
    const size_t depth = 1 + draw(m, sizeof open - 2), at = one_of(m, "0123456789[{\"");
    if (at == m->length) return;
    memset(open, "[{"[draw(m, 8) == 0], depth);
    open[depth] = 0;
    splice(m, at, 0, open);
    if (draw(m, 2)) return;
    memset(open, ']', depth);
    splice(m, at + depth + 1, 0, open);
}

/* Everything between two commas or braces once more, or not at all. */
static void repeat(mutant *m)
{
    char part[1024];
    const size_t at = one_of(m, ",{[");
    const size_t length = at < m->length ? 1 + draw(m, 300) : 0;
    if (at + length >= m->length) return;
    memcpy(part, m->text + at, length);
    part[length] = 0;
    if (draw(m, 3) == 0)
        splice(m, at, length, "");
    else
        splice(m, at + (draw(m, 2) ? length : 0), 0, part);
}

static void change_data(mutant *m)
{
    m->data_size = m->data_size < 8 || draw(m, 3) ? draw(m, m->data_size + 1) : m->data_size - 4 * draw(m, 3);
}

static void spoil_length(char *file, size_t *size, mutant *m)
{
    static const uint64_t lengths[] = {0, 1, 7, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63, (uint64_t)1 << 40};
    uint64_t length = lengths[draw(m, sizeof lengths / sizeof *lengths)];
    if (draw(m, 2)) length = draw(m, 2 * *size);
    memcpy(file, &length, 8);
    if (draw(m, 2)) *size = draw(m, *size);
}

/* The bytes of the mutant: length, header, blanks up to 8 bytes most of the time, numbers. Free with free(); exactly as
 * long as they are, so that a sanitizer sees a read beyond the end. */
static char *write_mutant(mutant *m, size_t *size)
{
    const uint64_t length = draw(m, 8) ? (m->length + 7) / 8 * 8 : m->length;
    char *file = malloc(8 + length + m->data_size);
    assert_non_null(file);
    *size = 8 + length + m->data_size;
    memcpy(file, &length, 8);
    memset(file + 8, ' ', length);
    memcpy(file + 8, m->text, m->length);
    memcpy(file + 8 + length, m->data, m->data_size);
    if (m->round % 13 == 0) spoil_length(file, size, m);
    char *exact = malloc(*size ? *size : 1);
    assert_non_null(exact);
    memcpy(exact, file, *size);
    free(file);
    return exact;
}

/* Refused with a message that begins with the file's name and leaves the model alone, or loaded. */
static bool try_mutant(const char *bytes, size_t size, sg_model *model)
{
    sg_safetensors *file;
    const unsigned before = checksum(model);
    sg_status status = sg_safetensors_decode(&file, bytes, size, "mutant");
    assert_true((status == SG_OK) == (file != NULL));
    if (status == SG_OK) status = sg_model_tensors_load(model, file, SG_TENSORS_VALUES, "mutant");
    sg_safetensors_free(file);
    if (status == SG_OK) return false;
    assert_int_equal(status, SG_E_FORMAT);
    assert_int_equal(strncmp(sg_error_text(), "mutant: ", 8), 0);
    assert_null(strchr(sg_error_text(), '\n'));
    assert_int_equal(checksum(model), before);
    return true;
}

static void test_hostile_files(void **state)
{
    static void (*const kinds[])(mutant *) = {change_bytes, change_number, change_word, nest, repeat, change_data};
    enum { KINDS = sizeof kinds / sizeof *kinds };
    static mutant m;
    int refused[KINDS] = {0}, loaded = 0;
    (void)state;
    sg_model *model = make_model(2);
    char *bytes;
    size_t size;
    uint64_t header;
    assert_int_equal(sg_weights_write(model, path, "train: {seed: 1}\n"), SG_OK);
    assert_int_equal(sg_file_read((void **)&bytes, &size, path, 0), SG_OK);
    memcpy(&header, bytes, 8);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        m.length = header;
        m.data = bytes + 8 + header;
        m.data_size = size - 8 - header;
        m.rng = sg_rng_make(11, SG_RNG_TEST, 0, 0, 0);
        m.round = round;
        m.draw = 0;
        memcpy(m.text, bytes + 8, header);
        m.text[header] = 0;
        size_t length;
        kinds[round % KINDS](&m);
        if (round % 5 == 0) kinds[draw(&m, KINDS)](&m);
        char *file = write_mutant(&m, &length);
        const bool bad = try_mutant(file, length, model);
        refused[round % KINDS] += bad;
        loaded += !bad;
        free(file);
    }
    print_message("# %d of %d files were loaded: changed in the config's text, in blanks or not at all\n", loaded,
                  ROUNDS);
    for (int i = 0; i < KINDS; i++)
        if (refused[i] < ROUNDS / KINDS / 2) fail_msg("kind %d: only %d files were refused", i, refused[i]);
    assert_true(loaded > 0);
    sg_free(bytes);
    sg_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_deep_header),
        cmocka_unit_test(test_lengths),    cmocka_unit_test(test_checkpoint_round_trip),
        cmocka_unit_test(test_weights),    cmocka_unit_test(test_not_a_number_metric),
        cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_hostile_files),
    };
    return cmocka_run_group_tests_name("safetensors", tests, setup, place_remove);
}
