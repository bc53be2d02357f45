/* test_config.c - the table of keys, reading, writing and errors of configs; mutated files. */
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/config.h"
#include "pipeline/keys.h"
#include "pipeline/sweep_file.h"
#include "place.h"

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
    (void)snprintf(path, sizeof path, "%s", place_path("a.yaml"));
    return failed;
}

static sg_status read_text(sg_config *out, const char *text)
{
    assert_int_equal(sg_file_write(path, text, strlen(text)), SG_OK);
    return sg_config_read(out, path);
}

/* The error of `text` must be "<path>:<rest>". */
static void check_error(const char *text, const char *rest)
{
    sg_config config, before;
    char want[512];
    memset(&config, 3, sizeof config);
    before = config;
    assert_int_equal(read_text(&config, text), SG_E_CONFIG);
    (void)snprintf(want, sizeof want, "%s:%s", path, rest);
    assert_string_equal(sg_error_text(), want);
    assert_memory_equal(&config, &before, sizeof config);
}

static void test_defaults(void **state)
{
    (void)state;
    sg_config c;
    sg_config_defaults(&c);
    assert_int_equal(c.microscope.sample.size_px, 256);
    assert_true(c.microscope.sample.pixel_um == .5 && c.microscope.optics.wavelength_um == .53);
    assert_true(c.microscope.optics.na == .1 && c.microscope.illumination.pitch_na == .04);
    assert_int_equal(c.microscope.illumination.rows * c.microscope.illumination.columns, 81);
    assert_true(c.microscope.illumination.dose_ph == 200 && c.microscope.camera.read_noise_e == 2);
    assert_int_equal(c.microscope.camera.bit_depth, 8);
    assert_int_equal(c.microscope.camera.shot, SG_SHOT_POISSON);
    assert_true(c.microscope.camera.range_e == 0);
    assert_int_equal(c.unet.width, 16);
    assert_int_equal(c.unet.depth, 3);
    assert_int_equal(c.unet.out_channels, 1);
    assert_int_equal(c.unet.norm, SG_NORM_BATCH);
    assert_true(c.optimiser.lr == 2e-3);
    assert_int_equal(c.optimiser.schedule, SG_SCHEDULE_ONE_CYCLE);
    assert_int_equal(c.train.steps, 300);
    assert_int_equal(c.train.batch_size, 8);
}

static int count_words(const char *names)
{
    int count = 1;
    for (; *names; names++) count += *names == ' ';
    return count;
}

/* Each row is sane, its default lies in its range, and the keys of a section stand together. */
static void test_table(void **state)
{
    (void)state;
    char done[64][SG_KEY_MAX];
    int sections = 0;
    size_t places[256];
    assert_in_range(sg_key_count, 80, 256);
    for (int i = 0; i < sg_key_count; i++) {
        const sg_key *key = &sg_keys[i];
        sg_key_part part;
        assert_ptr_equal(sg_key_find(key->path, &part), key);
        assert_in_range(strlen(key->path), 3, SG_KEY_MAX - 7);
        assert_in_range(strlen(key->doc), 3, 140);
        if (key->type == SG_KEY_INT || key->type == SG_KEY_REAL) {
            assert_true(key->lo < key->hi);
            assert_true((key->value >= key->lo && key->value <= key->hi) || (key->zero && key->value == 0));
        }
        if (key->type == SG_KEY_ENUM) assert_true(key->value < count_words(key->names));
        if (key->type == SG_KEY_TEXT || key->type == SG_KEY_PATH || key->type == SG_KEY_LIST)
            assert_true(key->size > 1);
        places[i] = key->offset;
        for (int j = 0; j < i; j++) assert_true(places[j] != places[i]);
        char section[SG_KEY_MAX];
        (void)snprintf(section, sizeof section, "%.*s", (int)(strrchr(key->path, '.') - key->path), key->path);
        assert_true(sg_key_is_section(section));
        if (sections && !strcmp(done[sections - 1], section)) continue;
        for (int j = 0; j < sections; j++) assert_string_not_equal(done[j], section);
        memcpy(done[sections++], section, sizeof section);
    }
}

static size_t value_bytes(const sg_key *key)
{
    switch (key->type) {
    case SG_KEY_INT: return sizeof(int);
    case SG_KEY_SEED: return sizeof(uint64_t);
    case SG_KEY_REAL: return sizeof(double);
    case SG_KEY_BOOL: return sizeof(bool);
    case SG_KEY_ENUM: return sizeof(unsigned);
    case SG_KEY_TEXT:
    case SG_KEY_PATH: return key->size;
    case SG_KEY_LIST: return key->size * sizeof(double) + sizeof(int);
    case SG_KEY_LEARN: return sizeof(sg_learn);
    }
    return 0;
}

static size_t row_bytes(const sg_key *key)
{
    return value_bytes(key) + (key->learn ? sizeof(sg_learn) : 0);
}

/* A field without a row would leave more of sg_config uncovered than padding, unet.out_channels, the readers and what
 * the data decide explain. */
static void test_every_field_has_a_key(void **state)
{
    (void)state;
    size_t covered = sizeof(int) + sizeof(sg_found_config) + sizeof(sg_map_reader) + sizeof(sg_pupil_reader) + sizeof(sg_pages_reader);
    for (int i = 0; i < sg_key_count; i++) covered += row_bytes(&sg_keys[i]);
    assert_true(covered <= sizeof(sg_config));
    print_message("# %zu of %zu bytes of sg_config have a key\n", covered, sizeof(sg_config));
    assert_in_range(sizeof(sg_config) - covered, 0, 104); /* the padding of today, and less than one double more */
}

/* ENUM rows: the words stand in the order of the C enum. */
static void test_words(void **state)
{
    (void)state;
    sg_config c;
    sg_config_defaults(&c);
    assert_int_equal(sg_config_set(&c, "illumination.pattern=off_axis", "t"), SG_OK);
    assert_int_equal(c.microscope.illumination.pattern, SG_PATTERN_OFF_AXIS);
    assert_int_equal(sg_config_set(&c, "illumination.pattern=csv", "t"), SG_OK);
    assert_int_equal(c.microscope.illumination.pattern, SG_PATTERN_CSV);
    assert_int_equal(sg_config_set(&c, "illumination.pattern=dpc", "t"), SG_OK);
    assert_int_equal(c.microscope.illumination.pattern, SG_PATTERN_DPC);
    assert_int_equal(sg_config_set(&c, "sample.kind=incoherent", "t"), SG_OK);
    assert_int_equal(c.microscope.sample.kind, SG_SAMPLE_INCOHERENT);
    assert_int_equal(sg_config_set(&c, "camera.readout=sum", "t"), SG_OK);
    assert_int_equal(c.microscope.camera.readout, SG_READOUT_SUM);
    assert_int_equal(sg_config_set(&c, "dataset.kind=stack", "t"), SG_OK);
    assert_int_equal(c.dataset.kind, SG_DATASET_STACK);
    assert_int_equal(sg_config_set(&c, "optimiser.kind=adamw", "t"), SG_OK);
    assert_int_equal(c.optimiser.kind, SG_OPTIMISER_ADAMW);
}

static void test_read(void **state)
{
    (void)state;
    sg_config c;
    char want[512];
    assert_int_equal(read_text(&c, "# a comment\n"
                                   "camera: {bit_depth: 12, range_e: {init: auto, learn: true, lr: 1e-3}}\n"
                                   "optics:\n"
                                   "    zernike_rad: {init: [0, -.5, 1e-3], learn: yes}\n"
                                   "    defocus_um.learn: true\n"
                                   "illumination.learn: {learn: true, lr: .5}\n"
                                   "dataset: {path: x/y, limit: all, synthetic: {count: 3}}\n"
                                   "train: {seed: 18446744073709551615, threads: 2}\n"
                                   "sweep: {anything: goes}\n"),
                     SG_OK);
    assert_int_equal(c.microscope.camera.bit_depth, 12);
    assert_true(c.microscope.camera.learn_range.on && c.microscope.camera.learn_range.lr == 1e-3);
    assert_int_equal(c.microscope.optics.zernike_count, 3);
    assert_true(c.microscope.optics.zernike_rad[1] == -.5 && c.microscope.optics.learn_zernike.on);
    assert_true(c.microscope.optics.learn_defocus.on && !c.microscope.optics.learn_na.on);
    assert_true(c.microscope.illumination.learn.on && c.microscope.illumination.learn.lr == .5);
    assert_int_equal(c.dataset.synthetic.count, 3);
    assert_true(c.train.seed == UINT64_MAX);
    (void)snprintf(want, sizeof want, "%s/x/y", place);
    assert_string_equal(c.dataset.path, want);
}

static void test_errors(void **state)
{
    (void)state;
    check_error("camera:\n  bit_depth: 17\n", "2: camera.bit_depth: 17 is outside 1..16 (bits)");
    check_error("camera: {bit_depth: 0}", "1: camera.bit_depth: 0 is outside 1..16 (bits)");
    check_error("\n\n\ncamera:\n  qe: 1\n  bitdepth: 8",
                "6: camera.bitdepth: unknown key; did you mean camera.bit_depth?");
    check_error("camra: {qe: 1}", "1: camra: unknown key; did you mean camera?");
    check_error("wavelength_um: .5", "1: wavelength_um: unknown key; did you mean optics.wavelength_um?");
    check_error("qqqqqqqq: 1", "1: qqqqqqqq: unknown key; scopegrad info --keys lists them");
    check_error("optics: {na: -0.1}", "1: optics.na: -0.1 is outside 0.001..1.7");
    check_error("optics: {na: {init: .1, lr: -1}}", "1: optics.na.lr: -1 is outside 0..100");
    check_error("optics: {na: {inti: .1}}", "1: optics.na.inti: unknown key; scopegrad info --keys lists them");
    check_error("camera: {qe: nan}", "1: camera.qe: 'nan' is not a finite number");
    check_error("camera: {qe: -inf}", "1: camera.qe: '-inf' is not a finite number");
    check_error("camera: {qe: .nan}", "1: camera.qe: '.nan' is not a number");
    check_error("camera: {qe: 0x1p-1}", "1: camera.qe: '0x1p-1' is not a number");
    check_error("camera: {qe: 1e999}", "1: camera.qe: 1e999 is outside 0.001..1 (e/photon)");
    check_error("camera: {bit_depth: 99999999999999999999}",
                "1: camera.bit_depth: 99999999999999999999 is outside 1..16 (bits)");
    check_error("camera: {bit_depth: 8.5}", "1: camera.bit_depth: '8.5' is not an integer");
    check_error("camera: {bit_depth: many}", "1: camera.bit_depth: 'many' is not an integer");
    check_error("camera: {bit_depth: }", "1: camera.bit_depth: has no value; expected an integer");
    check_error("camera: {qe: [1]}", "1: camera.qe: a list where a number is expected");
    check_error("camera: {qe: {init: 1}}", "1: camera.qe: keys where a number is expected");
    check_error("camera: 3", "1: camera: is a section; expected keys below it");
    check_error("camera: {shot: poison}",
                "1: camera.shot: 'poison' is not one of: none poisson gaussian; did you mean poisson?");
    check_error("dataset: {augment: 2}", "1: dataset.augment: '2' is not true or false");
    check_error("train: {seed: -1}", "1: train.seed: '-1' is not a whole number from 0");
    check_error("train: {seed: 18446744073709551616}",
                "1: train.seed: 18446744073709551616 is outside 0..18446744073709551615");
    check_error("optics: {zernike_rad: [1, x]}", "1: optics.zernike_rad: 'x' is not a number");
    check_error("dataset: {path: \"a\\tb\"}", "1: dataset.path: the text holds a control character or is not UTF-8");
}

static void test_yaml_errors(void **state)
{
    (void)state;
    check_error("", "1: is empty");
    check_error("# nothing\n", "1: is empty");
    check_error("just words", "1: expected sections and keys, such as camera:");
    check_error("- a\n- b", "1: expected sections and keys, such as camera:");
    check_error("camera: {qe: 1}\ncamera: {qe: 1}", "2: camera: given twice, first on line 1");
    check_error("camera: {qe: 1}\ncamera.qe: 1", "2: camera.qe: given twice, first on line 1");
    check_error("optics: {na: .1}\noptics.na.lr: 1", "2: optics.na: given twice, first on line 1");
    check_error("camera: &a {qe: 1}\nx: *a", "1: anchors (&name) are not allowed");
    check_error("camera: *a", "1: aliases (*name) are not allowed");
    check_error("camera: !!map {qe: 1}", "1: tags (!name) are not allowed");
    check_error("camera: {qe: 1}\n---\ncamera: {qe: 1}", "2: more than one document");
    check_error("? [a]\n: b", "1: a key must be a plain word");
    check_error("dataset: {path: \"a\\0b\"}", "1: a zero byte in a value");
    check_error("a: 1\n\nx: \"\001", "3: not YAML: control characters are not allowed");
    check_error("a: 1\nx: \"\377", "2: not YAML: invalid leading UTF-8 octet");
}

static void test_bombs(void **state)
{
    (void)state;
    static char text[20000];
    sg_config c;
    memset(text, '[', 5000);
    memcpy(text, "a: ", 3);
    text[5000] = 0;
    check_error(text, "1: nested too deep");
    for (int i = 0; i < 1000; i++) memcpy(text + 4 * i, "{a: ", 4);
    text[4000] = 0;
    check_error(text, "1: nested too deep");
    (void)strcpy(text, "a: [");
    for (int i = 0; i < 5000; i++) (void)memcpy(text + 4 + 2 * i, "1,", 3);
    check_error(text, "1: too many values");
    char *big = malloc(SG_CONFIG_BYTES_MAX + 2);
    assert_non_null(big);
    memset(big, '#', SG_CONFIG_BYTES_MAX + 1);
    big[SG_CONFIG_BYTES_MAX + 1] = 0;
    assert_int_equal(read_text(&c, big), SG_E_CONFIG);
    free(big);
    assert_int_equal(sg_config_read(&c, place), SG_E_CONFIG);
    assert_non_null(strstr(sg_error_text(), "folder"));
    assert_int_equal(sg_config_read(&c, "/nowhere/x.yaml"), SG_E_CONFIG);
    assert_non_null(strstr(sg_error_text(), "/nowhere/x.yaml: "));
}

static void set_ok(sg_config *c, const char *text)
{
    if (sg_config_set(c, text, "--set") != SG_OK) fail_msg("%s: %s", text, sg_error_text());
}

static void test_set(void **state)
{
    (void)state;
    sg_config c;
    sg_config_defaults(&c);
    set_ok(&c, "camera.bit_depth=none");
    set_ok(&c, "optics.zernike_rad=[0, 1, 2]");
    set_ok(&c, "optics.defocus_um={init: 3, learn: true}");
    set_ok(&c, "optics.defocus_um.lr=.25");
    set_ok(&c, "illumination.learn=true");
    set_ok(&c, "dataset.path=/a: [b = #c");
    assert_int_equal(c.microscope.camera.bit_depth, 0);
    assert_true(c.microscope.optics.zernike_rad[2] == 2 && c.microscope.optics.defocus_um == 3);
    assert_true(c.microscope.optics.learn_defocus.on && c.microscope.optics.learn_defocus.lr == .25);
    assert_true(c.microscope.illumination.learn.on);
    assert_string_equal(c.dataset.path, "/a: [b = #c");
    set_ok(&c, "dataset.path=near/by"); /* from the folder the command runs in */
    assert_true(c.dataset.path[0] == '/' && strstr(c.dataset.path, "/near/by"));
    set_ok(&c, "dataset.path=");
    assert_string_equal(c.dataset.path, "");
    assert_int_equal(sg_config_set(&c, "camera.bit_depth=17", "--set"), SG_E_CONFIG);
    assert_string_equal(sg_error_text(), "--set: camera.bit_depth: 17 is outside 1..16 (bits)");
    assert_int_equal(sg_config_set(&c, "camera.bitdepth=8", "--set"), SG_E_CONFIG);
    assert_string_equal(sg_error_text(), "--set: camera.bitdepth: unknown key; did you mean camera.bit_depth?");
    assert_int_equal(sg_config_set(&c, "camera", "--set"), SG_E_CONFIG);
    assert_int_equal(sg_config_set(&c, "=3", "--set"), SG_E_CONFIG);
    static const char *const not_utf8[] = {"\xff",         "\xc3",         "\xc0\xaf",
                                           "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof not_utf8 / sizeof not_utf8[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "dataset.path=%s", not_utf8[i]);
        assert_int_equal(sg_config_set(&c, text, "--set"), SG_E_CONFIG);
    }
    assert_int_equal(sg_config_set(&c, "camera.qe=", "--set"), SG_E_CONFIG);
    assert_int_equal(sg_config_set(&c, "camera.qe=[", "--set"), SG_E_CONFIG);
    assert_int_equal(c.microscope.camera.bit_depth, 0);
}

/* A number of the row's range, or another word, for round r. */
static void random_value(char out[64], const sg_key *key, uint32_t index, uint32_t round)
{
    const sg_rng rng = sg_rng_make(3, SG_RNG_TEST, index, round, 0);
    const double u = sg_rng_uniform(&rng, 0, 0), x = key->lo + u * (key->hi - key->lo);
    uint32_t word[4];
    sg_rng_words(&rng, 1, 0, word);
    switch (key->type) {
    case SG_KEY_INT: (void)snprintf(out, 64, "%.0f", x); break;
    case SG_KEY_SEED: (void)snprintf(out, 64, "%llu", (unsigned long long)word[0] << 32 | word[1]); break;
    case SG_KEY_REAL: (void)snprintf(out, 64, "%.17g", x); break;
    case SG_KEY_LEARN:
    case SG_KEY_BOOL: (void)snprintf(out, 64, "%s", word[0] % 2 ? "true" : "false"); break;
    case SG_KEY_LIST: (void)snprintf(out, 64, "[%.17g, %.17g]", x, (x + key->lo) / 2); break;
    case SG_KEY_TEXT:
    case SG_KEY_PATH: (void)snprintf(out, 64, "\\ \"q\" '%u' # \xc3\xa9: {", word[0]); break;
    case SG_KEY_ENUM: {
        const char *at = key->names;
        for (uint32_t skip = word[0] % (uint32_t)count_words(at); skip; skip--) at = strchr(at, ' ') + 1;
        (void)snprintf(out, 64, "%.*s", (int)strcspn(at, " "), at);
    }
    }
}

/* Every key set to a random value: the full text reads back to the same bits, and is written the same again. */
static void test_round_trip(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 30; round++) {
        sg_config c, back;
        char *first, *second;
        sg_config_defaults(&c);
        for (int i = 0; round && i < sg_key_count; i++) {
            char value[64], text[160];
            random_value(value, &sg_keys[i], (uint32_t)i, round);
            (void)snprintf(text, sizeof text, "%s%s=%s%s", sg_keys[i].path, "",
                           sg_keys[i].type == SG_KEY_PATH ? "/" : "", value);
            set_ok(&c, text);
        }
        assert_int_equal(sg_config_write(&first, &c, SG_CONFIG_FULL), SG_OK);
        if (read_text(&back, first) != SG_OK) fail_msg("round %u: %s", round, sg_error_text());
        assert_int_equal(sg_config_write(&second, &back, SG_CONFIG_FULL), SG_OK);
        assert_string_equal(first, second);
        for (int i = 0; i < sg_key_count; i++) {
            const sg_key *key = &sg_keys[i];
            const char *x = (const char *)&c + key->offset, *y = (const char *)&back + key->offset;
            if (key->type == SG_KEY_REAL) assert_memory_equal(x, y, sizeof(double));
            if (key->type == SG_KEY_PATH || key->type == SG_KEY_TEXT) assert_string_equal(x, y);
        }
        sg_free(first);
        sg_free(second);
    }
}

static void test_portable(void **state)
{
    (void)state;
    sg_config a, b;
    uint64_t hash_a, hash_b;
    sg_config_defaults(&a);
    sg_config_defaults(&b);
    set_ok(&a, "train.threads=3");
    set_ok(&a, "dataset.path=/here/nuclei");
    set_ok(&b, "dataset.path=/there/nuclei");
    assert_int_equal(sg_config_hash(&hash_a, &a), SG_OK);
    assert_int_equal(sg_config_hash(&hash_b, &b), SG_OK);
    assert_true(hash_a == hash_b);
    set_ok(&b, "camera.qe=.99");
    assert_int_equal(sg_config_hash(&hash_b, &b), SG_OK);
    assert_true(hash_a != hash_b);
    set_ok(&b, "camera.qe=1");
    assert_int_equal(sg_config_hash(&hash_b, &b), SG_OK);
    assert_true(hash_a == hash_b);
    /* equal values of unequal keys */
    set_ok(&a, "sample.size_px=64");
    set_ok(&b, "sample.margin_px=64");
    assert_int_equal(sg_config_hash(&hash_a, &a), SG_OK);
    assert_int_equal(sg_config_hash(&hash_b, &b), SG_OK);
    assert_true(hash_a != hash_b);
}

/* Damaged files are read or refused with one line that names the file; never a crash. */
static void test_mutations(void **state)
{
    (void)state;
    sg_config c;
    char *text;
    int refused = 0;
    sg_config_defaults(&c);
    assert_int_equal(sg_config_write(&text, &c, SG_CONFIG_FULL), SG_OK);
    const char tail[] = "sweep:\n  seeds: [1, 2]\n  arms:\n    a: {camera.qe: .5}\n  grid: {camera.qe: [.1, 1]}\n"
                        "  random: {count: 2, keys: {optics.na: {uniform: [.1, .2]}}}\n";
    const size_t size = strlen(text) + strlen(tail);
    for (uint32_t round = 0; round < 200; round++) {
        char *copy = malloc(size + 1);
        const sg_rng rng = sg_rng_make(5, SG_RNG_TEST, 0, round, 0);
        assert_non_null(copy);
        (void)snprintf(copy, size + 1, "%s%s", text, tail);
        for (uint32_t i = 0; i <= round % 5; i++) {
            uint32_t word[4];
            const char signs[] = "{}[]:,-&*!\"'\n \t#%@0eE.|>?";
            sg_rng_words(&rng, i, 0, word);
            copy[word[0] % size] = word[1] % 3 ? signs[word[2] % (sizeof signs - 1)] : (char)word[2];
        }
        sg_sweep *sweep;
        assert_int_equal(sg_file_write(path, copy, size), SG_OK);
        const sg_status status = sg_sweep_read(&sweep, path, NULL, 0);
        refused += status != SG_OK;
        if (status != SG_OK && strncmp(sg_error_text(), path, strlen(path)) != 0)
            fail_msg("round %u: the error does not name the file: %s", round, sg_error_text());
        assert_null(strchr(sg_error_text(), '\n'));
        sg_sweep_free(sweep);
        free(copy);
    }
    if (refused < 50) fail_msg("only %d of 200 damaged configs were refused", refused);
    sg_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_every_field_has_a_key),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_yaml_errors),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_portable),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests_name("config", tests, setup, place_remove);
}
