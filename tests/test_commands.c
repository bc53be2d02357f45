/* test_commands.c - train, evaluate, predict and simulate as a user runs them, and that their outputs agree. */
#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/image.h"
#include "datasets/png.h"
#include "pipeline/gallery.h"
#include "pipeline/results.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLE = 64, CAMERA = 32, BITS_TOP = 255 };

static const char config_text[] =
    "sample: {size_px: 64}\n"
    "illumination: {rows: 5, columns: 5, pattern: half}\n"
    "camera: {range_e: 300, offset_adu: 10}\n"
    "network: {width: 8, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 5, radius_um: 3, train: 8, validation: 4, test: 5}}\n"
    "train: {steps: 6, batch_size: 4, validate_every: 3}\n";

/* Runs `scopegrad <arguments>` in the test folder; its exit code. */
static int scopegrad(const char *arguments)
{
    const int code = place_run(arguments);
    if (code != 0) (void)place_shell("sed 's/^/# /' err");
    return code;
}

static void in_root(char out[512], const char *name)
{
    (void)snprintf(out, 512, "%s/%s", place, name);
}

static double *read_numbers(const sg_results_file *file, const char *path, int want_rank, const int *want_dims)
{
    double *numbers = NULL;
    int rank = 0, dims[SG_RESULTS_RANK];
    if (sg_results_read_f64(file, path, &numbers, &rank, dims) != SG_OK) fail_msg("%s", sg_error_text());
    assert_int_equal(rank, want_rank);
    for (int i = 0; i < rank; i++) assert_int_equal(dims[i], want_dims[i]);
    return numbers;
}

static sg_results_file *open_results(const char *name)
{
    char path[512];
    sg_results_file *file = NULL;
    in_root(path, name);
    if (sg_results_open(&file, path) != SG_OK) fail_msg("%s", sg_error_text());
    return file;
}

/* ADU follow from the electrons of the same file, pixel by pixel: both are stages of one exposure. */
static void simulated_stages_agree(void **state)
{
    const int camera[3] = {1, CAMERA, CAMERA}, leds[3] = {25, CAMERA, CAMERA}, image[3] = {1, CAMERA, CAMERA};
    (void)state;
    assert_int_equal(scopegrad("simulate config.yaml -i cell.png -o stages.h5 --leds"), 0);
    sg_results_file *file = open_results("stages.h5");
    double *electrons = read_numbers(file, "/stages/electrons", 3, camera),
           *adu = read_numbers(file, "/stages/adu", 3, camera);
    double *led = read_numbers(file, "/stages/led_intensity", 3, leds),
           *sum = read_numbers(file, "/stages/image", 3, image);
    const int weight_dims[2] = {1, 25};
    double *weight = read_numbers(file, "/parameters/microscope.led.weight", 2, weight_dims);
    const double gain = 300. / BITS_TOP;
    double worst = 0, total = 0;
    for (int i = 0; i < CAMERA * CAMERA; i++) {
        const double v = electrons[i] / gain + 10, code = rint(v),
                     clamped = code < 0          ? 0
                               : code > BITS_TOP ? BITS_TOP
                                                 : code;
        if (fabs(v - floor(v) - .5) > 1e-3) assert_true(adu[i] == clamped); /* a tie in float may fall on either side */
        double expected = 0;
        for (int k = 0; k < 25; k++) expected += weight[k] * led[k * CAMERA * CAMERA + i];
        worst = fmax(worst, fabs(expected - sum[i]));
        total += sum[i];
    }
    assert_true(worst <= 1e-5 && total > 0);
    sg_free(electrons);
    sg_free(adu);
    sg_free(led);
    sg_free(sum);
    sg_free(weight);
    sg_results_close(file);
}

/* From a stage of an earlier file on, the rest comes out the same to the bit; the strip is a PNG. */
static void simulate_goes_on_from_a_stage(void **state)
{
    static const char *const from[] = {"sample", "image", "pixels", "electrons"};
    const int camera[3] = {1, CAMERA, CAMERA};
    char command[128];
    (void)state;
    assert_int_equal(scopegrad("simulate config.yaml -i cell.png -o stages.h5 --leds --strip strip.png"), 0);
    sg_results_file *file = open_results("stages.h5");
    double *whole = read_numbers(file, "/stages/adu", 3, camera);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(command, sizeof command, "simulate config.yaml -i stages.h5 --from %s -o rest.h5", from[i]);
        assert_int_equal(scopegrad(command), 0);
        sg_results_file *rest = open_results("rest.h5");
        double *adu = read_numbers(rest, "/stages/adu", 3, camera);
        assert_memory_equal(adu, whole, CAMERA * CAMERA * sizeof *adu);
        assert_int_equal(sg_results_has(rest, "/stages/image"), i < 2);
        sg_free(adu);
        sg_results_close(rest);
    }
    sg_free(whole);
    sg_results_close(file);
    assert_int_equal(scopegrad("simulate config.yaml -i cell.png --to image -o part.h5"), 0);
    file = open_results("part.h5");
    assert_true(sg_results_has(file, "/stages/image") && !sg_results_has(file, "/stages/pixels"));
    sg_results_close(file);
    assert_int_equal(scopegrad("simulate config.yaml -i stages.h5 --from pixels --to image -o rest.h5"), 2);
    assert_int_equal(scopegrad("simulate config.yaml -i stages.h5 --from adu -o rest.h5"), 2);
    assert_int_equal(scopegrad("simulate config.yaml -i cell.png --to light -o rest.h5"), 2);
}

/* Every entry of the gallery can be simulated, and the page holds a picture of each. */
static void gallery_shows_every_entry(void **state)
{
    char path[512];
    void *page = NULL;
    size_t size = 0;
    int pictures = 0;
    (void)state;
    assert_int_equal(scopegrad("gallery -o gallery.html"), 0);
    in_root(path, "gallery.html");
    if (sg_file_read(&page, &size, path, (size_t)1 << 28) != SG_OK) fail_msg("%s", sg_error_text());
    for (const char *at = page; (at = memmem(at, size - (size_t)(at - (char *)page), "<img ", 5)) != NULL; at++)
        pictures++;
    assert_true(sg_gallery_count >= 17 && pictures == sg_gallery_count);
    sg_free(page);
}

/* evaluate on the test split gives what training wrote at its end. */
static void evaluate_repeats_the_run(void **state)
{
    double dice[2], loss[2];
    (void)state;
    assert_int_equal(scopegrad("train config.yaml -o run -q --no-report"), 0);
    assert_int_equal(scopegrad("evaluate run -o again.h5"), 0);
    sg_results_file *files[2] = {open_results("run/results.h5"), open_results("again.h5")};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sg_results_read_scalar(files[i], "/metrics/dice", &dice[i]), SG_OK);
        assert_int_equal(sg_results_read_scalar(files[i], "/metrics/loss", &loss[i]), SG_OK);
        sg_results_close(files[i]);
    }
    assert_true(dice[0] == dice[1]);
    assert_true(loss[0] == loss[1]);
}

/* Pages of the TIFF are probabilities; what the camera measured gives the same picture through --measured. */
/* Without labels, the sample being the target; the same pictures in another folder have the same scores. */
static void evaluate_takes_other_data_as_in_training(void **state)
{
    (void)state;
    assert_int_equal(
        place_shell("mkdir -p all/images other/images && for i in a b c x y; do cp cell.png all/images/$i.png; "
                    "done && cp cell.png other/images/x.png && cp cell.png other/images/y.png && "
                    "printf 'name,split\\na,train\\nb,train\\nc,validation\\nx,test\\ny,test\\n' > all/s.csv"),
        0);
    assert_int_equal(scopegrad("train config.yaml -q --no-report -o density --set dataset.kind=folder --set "
                               "dataset.path=all --set dataset.splits=all/s.csv --set dataset.target=sample --set "
                               "dataset.target_gamma=0.5 --set loss.kind=mse --set train.steps=1"),
                     0);
    assert_int_equal(place_shell("$SG evaluate density > mine && $SG evaluate density --data other > theirs"), 0);
    char *mine = place_get("mine"), *theirs = place_get("theirs");
    assert_non_null(strstr(mine, "ssim"));
    assert_string_equal(mine, theirs);
    sg_free(mine);
    sg_free(theirs);
    assert_int_equal(place_run("evaluate density --data all/images"), 1);
}

static void predict_writes_probabilities(void **state)
{
    char path[512];
    sg_image image;
    (void)state;
    assert_int_equal(scopegrad("predict run -i cell.png -i cell.png -o prediction.tif"), 0);
    in_root(path, "prediction.tif");
    if (sg_image_read(&image, path) != SG_OK) fail_msg("%s", sg_error_text());
    assert_true(image.pages == 2 && image.height == CAMERA && image.width == CAMERA && image.is_float);
    for (int i = 0; i < 2 * CAMERA * CAMERA; i++) assert_true(image.data[i] >= 0 && image.data[i] <= 1);
    sg_image_free(&image);
    assert_int_equal(scopegrad("predict run --measured -i measured.png -o measured.tif"), 0);
    in_root(path, "measured.tif");
    if (sg_image_read(&image, path) != SG_OK) fail_msg("%s", sg_error_text());
    assert_true(image.pages == 1 && image.height == 37 && image.width == 51);
    sg_image_free(&image);
}

/* Both files of the tests before, read by others. */
static void python_reads_what_was_written(void **state)
{
    char command[1024];
    (void)state;
    if (system("python3 -c 'import h5py, numpy, tifffile' 2>/dev/null") != 0) {
        print_message("# python3 with h5py and tifffile is not there\n");
        skip();
    }
    (void)snprintf(command, sizeof command, "python3 '%s/tests/python/read_commands.py' '%s'", getenv("SG_TEST_SOURCE"),
                   place);
    assert_int_equal(system(command), 0);
}

static void dry_run_writes_nothing(void **state)
{
    char path[512];
    void *text;
    size_t size;
    (void)state;
    assert_int_equal(scopegrad("train config.yaml -o dry --dry-run"), 0);
    in_root(path, "dry");
    assert_false(sg_file_exists(path));
    in_root(path, "out");
    assert_int_equal(sg_file_read(&text, &size, path, 0), SG_OK);
    static const char *const words[] = {
        "8 train", "25 LEDs", "memory", "GFLOP", "6 steps", "would write dry/", "kernels     conv2d:", "as bf16"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(text, words[i]) == NULL) fail_msg("--dry-run does not say \"%s\"", words[i]);
    sg_free(text);
    assert_int_not_equal(scopegrad("train config.yaml -o run --dry-run"), 0); /* holds a run */
}

static void timing_knows_the_setup(void **state)
{
    char *text = place_get("run/timing.csv");
    long long step;
    double seconds, setup;
    (void)state;
    if (sscanf(text, "step,seconds_since_start,host,setup_s\n%lld,%lf,%*[^,],%lf", &step, &seconds, &setup) != 3)
        fail_msg("timing.csv: %s", text);
    if (!(seconds > 0 && setup > 0 && setup < 600)) fail_msg("timing.csv: %s", text);
    sg_free(text);
}

/* The keys of `nn` reach the plan, and it says so. */
static void dry_run_says_what_is_chosen(void **state)
{
    static const struct {
        const char *set, *word;
        bool there;
    } list[] = {{"nn.precision=f32", " 0 as bf16", true},
                {"nn.precision=bf16", " 0 as bf16", false},
                {"nn.algorithm=auto", "winograd", true},
                {"nn.algorithm=direct", "winograd", false}};
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        char path[512], command[256];
        void *text;
        size_t size;
        (void)snprintf(command, sizeof command, "train config.yaml -o dry --dry-run --set network.width=8 --set %s",
                       list[i].set);
        assert_int_equal(scopegrad(command), 0);
        in_root(path, "out");
        assert_int_equal(sg_file_read(&text, &size, path, 0), SG_OK);
        if ((strstr(text, list[i].word) != NULL) != list[i].there)
            fail_msg("%s: \"%s\" is %s", list[i].set, list[i].word, list[i].there ? "missing" : "there");
        sg_free(text);
    }
}

static void bench_names_every_op(void **state)
{
    char path[512];
    void *text;
    size_t size;
    (void)state;
    assert_int_equal(scopegrad("bench config.yaml -n 2"), 0);
    in_root(path, "out");
    assert_int_equal(sg_file_read(&text, &size, path, 0), SG_OK);
    static const char *const names[] = {"led_image", "camera", "conv2d", "batch_norm", "physics:", "arena"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strstr(text, names[i]) == NULL) fail_msg("bench does not mention %s", names[i]);
    sg_free(text);
}

/* ---- a folder with a config, a sample and a measured picture ---- */
static void write_picture(const char *name, int height, int width)
{
    char path[512];
    static uint8_t pixels[256 * 256];
    const sg_rng rng = sg_rng_make(3, SG_RNG_TEST, 0, 0, 0);
    in_root(path, name);
    for (int i = 0; i < height * width; i++) pixels[i] = (uint8_t)(255 * sg_rng_uniform(&rng, (uint32_t)i, 0));
    if (sg_png_write_gray8(path, pixels, height, width) != SG_OK) fail_msg("%s", sg_error_text());
}

static int make_place(void **state)
{
    if (place_make(state) != 0) return -1;
    write_picture("cell.png", SAMPLE + 6, SAMPLE + 10);
    write_picture("measured.png", 37, 51);
    place_put_text("config.yaml", config_text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_stages_agree),
        cmocka_unit_test(simulate_goes_on_from_a_stage),
        cmocka_unit_test(gallery_shows_every_entry),
        cmocka_unit_test(evaluate_repeats_the_run),
        cmocka_unit_test(evaluate_takes_other_data_as_in_training),
        cmocka_unit_test(predict_writes_probabilities),
        cmocka_unit_test(python_reads_what_was_written),
        cmocka_unit_test(dry_run_writes_nothing),
        cmocka_unit_test(timing_knows_the_setup),
        cmocka_unit_test(dry_run_says_what_is_chosen),
        cmocka_unit_test(bench_names_every_op),
    };
    return cmocka_run_group_tests(tests, make_place, place_remove);
}
