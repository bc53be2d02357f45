/* test_schema.c - the table of what stands in the HDF5 files: sane, printed as docs/results.md, and complete: real files
 * of every kind hold nothing that it does not say, and every key that learns shows in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/keys.h"
#include "pipeline/program.h"
#include "pipeline/run_parts.h"
#include "pipeline/schema.h"
#include "place.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

/* ---- the table ---- */

static int words(const char *text)
{
    int count = text && *text;
    for (; text && *text; text++) count += *text == ' ';
    return count;
}

/* The scale `word` of `path` is a row of its own, of rank 1. */
static void check_scale(const sg_schema_row *row, const char *word, size_t len)
{
    char path[256];
    const size_t above = word[0] == '/' ? 0 : (size_t)(strrchr(row->path, '/') - row->path) + 1;
    (void)snprintf(path, sizeof path, "%.*s%.*s", (int)above, row->path, (int)len, word);
    const sg_schema_row *scale = sg_schema_find(path, NULL);
    if (!scale || !scale->axes || strlen(scale->axes) != 1) fail_msg("%s: %s is no scale", row->path, path);
}

static void test_table(void **state)
{
    (void)state;
    for (int i = 0; i < sg_schema_count; i++) {
        const sg_schema_row *row = &sg_schema[i];
        const bool text = row->type == SG_RESULTS_TEXT;
        if (row->path[0] != '/' || !row->long_name) fail_msg("row %d has no path or no long name", i);
        if (sg_schema_find(row->path, NULL) != row) fail_msg("%s is not found, or twice in the table", row->path);
        if (text != !row->unit && row->axes) fail_msg("%s: texts have no unit, numbers have one", row->path);
        if (row->axes && strspn(row->axes, "NCYXEKDJVGHSLTPURBFM") != strlen(row->axes))
            fail_msg("%s: an axis of %s is not on the page", row->path, row->axes);
        if (!row->scales) continue;
        if (words(row->scales) != (int)strlen(row->axes)) fail_msg("%s: a scale or - for every axis", row->path);
        for (const char *word = row->scales; *word; word += strcspn(word, " ") + (strchr(word, ' ') != NULL))
            if (word[0] != '-') check_scale(row, word, strcspn(word, " "));
    }
    assert_null(sg_schema_find("/metrics", NULL));
    assert_null(sg_schema_find("/metrics/dice_initial", NULL));
    assert_null(sg_schema_find("/metrics/roc//threshold", NULL));
    assert_null(sg_schema_find("/metrics/roc/a/b/threshold", NULL));
    assert_non_null(sg_schema_find("/metrics/roc/basophil/threshold", NULL));
}

static void test_page(void **state)
{
    (void)state;
    char path[512];
    void *page;
    size_t size;
    (void)snprintf(path, sizeof path, "%s/docs/results.md", getenv("SG_TEST_SOURCE"));
    OK(sg_file_read(&page, &size, path, 0));
    assert_int_equal(place_run("info --schema"), 0);
    char *printed = place_get("out");
    if (strcmp(page, printed) != 0) fail_msg("docs/results.md is old: scopegrad info --schema > docs/results.md");
    sg_free(printed);
    sg_free(page);
}

/* ---- writers ---- */

static void test_writers(void **state)
{
    (void)state;
    sg_results *r;
    const double x[2] = {1, 2};
    const int two = 2;
    OK(sg_results_new(&r));
    assert_int_equal(sg_results_put(r, "/metrics/colour", &two, x), SG_E_STATE);
    assert_non_null(strstr(sg_error_text(), "/metrics/colour is not in the table"));
    assert_int_equal(sg_results_put_number(r, "/curve/step", 1), SG_E_STATE);
    assert_int_equal(sg_results_put_number(r, "/config", 1), SG_E_STATE);
    assert_int_equal(sg_results_put_text(r, "/metrics/loss", "x"), SG_E_STATE);
    assert_int_equal(sg_results_put(r, "/stages/adu", &two, x), SG_E_STATE);
    assert_int_equal(sg_results_put_as(r, "/curve/lr", &two, x, (sg_results_word){"m", "x", "S"}), SG_E_STATE);
    OK(sg_results_put_known(r, "/metrics/dice", (double)NAN));
    OK(sg_results_put(r, "/curve/step", &two, x));
    OK(sg_results_put(r, "/curve/lr", &two, x));
    OK(sg_results_put(r, "/curve/train_loss", &(int){1}, x)); /* a scale of another length is not attached */
    sg_results_free(r);
}

/* ---- real files ---- */

enum { ROWS_MAX = 400, CLASS_PICTURES = 40, CLASS_PX = 64 };
static bool seen[ROWS_MAX]; /* rows of the table that some file has */

static void check_word(const sg_results_file *file, const char *path, const char *name, const char *want)
{
    char *text = NULL;
    if (sg_results_read_attribute_text(file, path, name, &text) != SG_OK) fail_msg("%s", sg_error_text());
    if (want && strcmp(text, want) != 0) fail_msg("%s: %s is \"%s\", not \"%s\"", path, name, text, want);
    if (!text[0]) fail_msg("%s: %s is empty", path, name);
    sg_free(text);
}

static void check_dataset(const sg_results_file *file, const char *path, int kind)
{
    bool initial = false;
    char long_name[256] = "";
    const sg_schema_row *row = sg_schema_find(path, &initial);
    if (!row) fail_msg("%s is not in the table of pipeline/schema.c", path);
    if (!(row->kinds & kind)) fail_msg("%s should not be in a file of kind %d", path, kind);
    seen[row - sg_schema] = true;
    if (row->axes)
        (void)snprintf(long_name, sizeof long_name, "%s%s", row->long_name, initial ? ", before training" : "");
    check_word(file, path, "long_name", row->axes ? long_name : NULL);
    if (row->type != SG_RESULTS_TEXT) check_word(file, path, "units", row->unit);
    if (row->axes && row->axes[0]) check_word(file, path, "axes", row->axes);
}

/* Visits what stands below `path` ("": the root); returns how many datasets. */
static int walk(const sg_results_file *file, const char *path, int kind)
{
    char *names = NULL, *rest = NULL;
    int count = 0;
    if (sg_results_children(file, path[0] ? path : "/", &names) != SG_OK) {
        check_dataset(file, path, kind);
        return 1;
    }
    for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
        char below[512];
        (void)snprintf(below, sizeof below, "%s/%s", path, name);
        count += walk(file, below, kind);
    }
    sg_free(names);
    return count;
}

static int check_file(const char *name, int kind)
{
    sg_results_file *file;
    if (sg_results_open(&file, place_path(name)) != SG_OK) fail_msg("%s", sg_error_text());
    const int count = walk(file, "", kind);
    sg_results_close(file);
    return count;
}

static const char small[] = "sample: {size_px: 64, pixel_um: .5}\n"
                            "illumination: {pattern: random, learn: {learn: true, lr: .01}}\n"
                            "camera: {pixel_um: 1, range_e: 400}\n"
                            "network: {width: 2, depth: 1}\n"
                            "dataset: {kind: synthetic, synthetic: {count: 3, train: 4, validation: 2, test: 3}}\n"
                            "train: {steps: 2, batch_size: 2, validate_every: 1}\n";

static void succeeds(const char *line)
{
    if (place_run(line) != 0) fail_msg("scopegrad %s: %s", line, place_get("err"));
}

static void test_runs(void **state)
{
    (void)state;
    static const char *const runs[] = {
        "",
        "--set loss.kind=mse",
        "--set sample.kind=incoherent --set illumination.learn.learn=false --set loss.kind=mse --set "
        "dataset.target=sample",
        "--set illumination.levels=bits8 --set camera.adc=thresholds --set camera.bit_depth=2 "
        "--set camera.adc_threshold_e.learn=true --set camera.offset_adu=0",
        "--set camera.detectors=16",
        "--set train.weights=run0/weights.safetensors",
    };
    place_put_text("small.yaml", small);
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        char line[512];
        (void)snprintf(line, sizeof line, "train small.yaml -q -o run%zu %s", i, runs[i]);
        succeeds(line);
        (void)snprintf(line, sizeof line, "run%zu/results.h5", i);
        const int count = check_file(line, SG_SCHEMA_RUN);
        if (count < 30) fail_msg("%s has %d datasets only", runs[i], count);
    }
    succeeds("evaluate run0 -o again.h5");
    assert_true(check_file("again.h5", SG_SCHEMA_RUN) > 20);
}

static void put_idx(const char *name, int rank, const int *size, const unsigned char *data, size_t len)
{
    unsigned char file[64 + CLASS_PICTURES * CLASS_PX * CLASS_PX] = {0, 0, 8, (unsigned char)rank};
    for (int i = 0; i < rank; i++) file[7 + 4 * i] = (unsigned char)size[i];
    memcpy(file + 4 + 4 * rank, data, len);
    place_put(name, file, 4 + 4 * (size_t)rank + len);
}

static void test_classes(void **state)
{
    (void)state;
    static unsigned char pictures[CLASS_PICTURES * CLASS_PX * CLASS_PX], labels[CLASS_PICTURES];
    const int size[3] = {CLASS_PICTURES, CLASS_PX, CLASS_PX};
    for (size_t i = 0; i < sizeof pictures; i++) pictures[i] = (unsigned char)(i * i % 251);
    for (int i = 0; i < CLASS_PICTURES; i++) labels[i] = (unsigned char)(i % 3);
    put_idx("images.idx", 3, size, pictures, sizeof pictures);
    put_idx("labels.idx", 1, size, labels, sizeof labels);
    place_put_text("small.yaml", small);
    succeeds("train small.yaml -q -o classes --set sample.size_px=56 --set network.kind=lenet5 "
             "--set loss.kind=cross_entropy --set dataset.kind=idx --set dataset.path=images.idx "
             "--set dataset.labels=labels.idx");
    assert_true(check_file("classes/results.h5", SG_SCHEMA_RUN) > 60);
}

static void test_stages(void **state)
{
    (void)state;
    place_put_text("small.yaml", small);
    assert_int_equal(
        place_shell("cp \"$SG_TEST_SOURCE\"/datasets/nuclei/images/$(ls \"$SG_TEST_SOURCE\"/datasets/nuclei/images | "
                    "head -1) picture.png"),
        0);
    succeeds("simulate small.yaml -i picture.png -o stages.h5 --leds");
    assert_true(check_file("stages.h5", SG_SCHEMA_STAGES) > 10);
}

/* ---- what learns ---- */

/* One row for every key of the table that can learn, with what it needs besides, and where it shows in /learned. */
static const struct {
    const char *key, *sets, *shows;
} learners[] = {
    {"illumination.learn", "", "led_weight"},
    {"illumination.learn_position", "illumination.sampling=exact", "led_position"},
    {"optics.filter_width_um",
     "sample.kind=incoherent;sample.dyes=DAPI EGFP;optics.colours_um=[.46, .51];optics.filter_width_um=[.05, .05]",
     "filter_centre_um"},
    {"optics.na", "optics.edge=smooth", "pupil_na"},
    {"optics.defocus_um", "", "pupil_defocus_um"},
    {"optics.zernike_rad", "optics.zernike_rad=[0, 0, 0, .1]", "pupil_zernike"},
    {"optics.learn_amplitude", "", "pupil_amplitude"},
    {"optics.learn_phase", "", "pupil_phase"},
    {"optics.psf_sigma_um", "optics.psf_sigma_um=1", "psf_sigma_um"},
    {"optics.psf_sigma_um",
     "sample.kind=incoherent;optics.psf=gaussian;optics.psf_grid=2;optics.psf_sigma_um=1;optics.psf_sigma_edge_um=2",
     "psf_sigma_um"},
    {"optics.mask_rad", "optics.mask=cubic", "mask_strength_rad"},
    {"optics.specimen_um", "sample.kind=incoherent;optics.psf=gibson_lanni;optics.specimen_um=1", "psf_specimen_um"},
    {"optics.learn_taps", "sample.kind=incoherent;optics.psf=taps", "psf_taps"},
    {"camera.learn_view",
     "camera.view_x_um=[0, .5];camera.view_y_um=[0, .5];camera.view_pitch=[1, 2];camera.small_fill_factor=.1",
     "view_shift_um"},
    {"camera.cfa", "optics.colours_um=[.62, .53, .46];camera.cfa=bayer", "cfa"},
    {"camera.exposure_mask", "camera.binning=2;camera.pixel_um=.5;camera.exposure_mask=[1, .5, .5, .1]",
     "exposure_mask"},
    {"camera.detector_mask", "camera.detectors=16;camera.detector_mask=walsh", "detector_mask"},
    {"camera.learn_prnu", "camera.prnu=.01", "map_prnu"},
    {"camera.learn_dark", "camera.hot_fraction=.1;camera.exposure_s=1", "map_dark_e"},
    {"camera.learn_dsnu", "camera.dsnu_e=1", "map_dsnu_e"},
    {"camera.range_e", "", "adc_range_e"},
    {"camera.offset_adu", "", "adc_offset_adu"},
    {"camera.adc_threshold_e", "camera.adc=thresholds;camera.bit_depth=2;camera.offset_adu=0", "adc_threshold"},
    {"camera.adc_threshold_e", "camera.adc=thresholds;camera.bit_depth=2;camera.offset_adu=0;camera.bit_pattern=[1, 2]",
     "adc_threshold"},
    {"camera.learn_level", "camera.adc=thresholds;camera.bit_depth=2;camera.offset_adu=0", "adc_level"},
    {"camera.learn_weight", "camera.adc=thresholds;camera.bit_depth=2;camera.offset_adu=0", "adc_weight"},
};

static void set_all(sg_config *config, const char *list)
{
    char text[512], *rest = NULL;
    (void)snprintf(text, sizeof text, "%s", list);
    for (char *part = strtok_r(text, ";", &rest); part; part = strtok_r(NULL, ";", &rest))
        OK(sg_config_set(config, part, "test"));
}

/* The hardware of an untrained model, as it would stand in the results. */
static void check_learner(size_t i)
{
    sg_config config;
    sg_model *model = NULL;
    sg_program program = {0};
    sg_results *out;
    sg_results_file *file;
    char path[128], learn[128];
    OK(sg_config_read(&config, place_path("small.yaml")));
    set_all(&config, "illumination.learn=false");
    set_all(&config, learners[i].sets);
    (void)snprintf(learn, sizeof learn, "%s.learn=true", learners[i].key);
    set_all(&config, learn);
    OK(sg_model_new(&model, 1));
    if (sg_program_make(&program, &config, model, 1, SG_PROGRAM_EVALUATE, NULL) != SG_OK)
        fail_msg("%s: %s", learners[i].key, sg_error_text());
    const sg_run_summary run = {.config = &config, .model = model, .program = &program};
    OK(sg_results_new(&out));
    OK(sg_run_hardware_write(out, &run));
    OK(sg_results_save(out, place_path("hardware.h5")));
    sg_results_free(out);
    (void)snprintf(path, sizeof path, "/learned/%s_initial", learners[i].shows);
    OK(sg_results_open(&file, place_path("hardware.h5")));
    if (!sg_results_has(file, path)) fail_msg("%s does not show as %s", learners[i].key, path);
    (void)walk(file, "", SG_SCHEMA_RUN);
    sg_results_close(file);
    sg_program_free(&program);
    sg_model_free(model);
}

static void test_learners(void **state)
{
    (void)state;
    place_put_text("small.yaml", small);
    for (int k = 0; k < sg_key_count; k++) {
        bool found = strncmp(sg_keys[k].path, "reconstruct.", 12) == 0 || !sg_key_learnable(&sg_keys[k]);
        for (size_t i = 0; i < sizeof learners / sizeof *learners; i++)
            found = found || strcmp(sg_keys[k].path, learners[i].key) == 0;
        if (!found) fail_msg("%s can learn: where does it show in results.h5?", sg_keys[k].path);
    }
    for (size_t i = 0; i < sizeof learners / sizeof *learners; i++) check_learner(i);
}

/* Nothing is promised that no file has. */
static void test_every_row(void **state)
{
    (void)state;
    int missing = 0;
    for (int i = 0; i < sg_schema_count; i++) {
        const sg_schema_row *row = &sg_schema[i];
        if (!(row->kinds & SG_SCHEMA_RUN) || row->path[1] == '@' || seen[i]) continue;
        print_message("# no file has %s\n", row->path);
        missing++;
    }
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),   cmocka_unit_test(test_page),      cmocka_unit_test(test_writers),
        cmocka_unit_test(test_runs),    cmocka_unit_test(test_stages),    cmocka_unit_test(test_learners),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_every_row),
    };
    return cmocka_run_group_tests_name("schema", tests, place_make, place_remove);
}
