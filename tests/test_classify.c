/* test_classify.c - classification from a file of pictures to results: made-up pictures of stripes, which a LeNet-5 behind
 * the microscope must tell apart; the same bytes for any number of threads and after kill -9; what stands in results.h5;
 * configurations that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"

#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/classes.h"
#include "pipeline/results.h"
#include "pipeline/run_folder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

enum { SIDE = 16, COUNT = 240, CLASSES = 3 };

/* ---- the data ---- */

static void put_idx(const char *name, const uint8_t *data, const int *size, int rank)
{
    uint8_t file[16 + COUNT * SIDE * SIDE] = {0, 0, 8, (uint8_t)rank};
    size_t len = 1;
    for (int i = 0; i < rank; i++) {
        len *= (size_t)size[i];
        for (int k = 0; k < 4; k++) file[4 + 4 * i + k] = (uint8_t)(size[i] >> (24 - 8 * k));
    }
    memcpy(file + 4 + 4 * rank, data, len);
    place_put(name, file, 4 + 4 * (size_t)rank + len);
}

/* Class 0: stripes that lie, class 1: stripes that stand, class 2: diagonal ones; shifted at random, with noise. The last
 * class is rare. */
static void put_stripes(void)
{
    static uint8_t picture[COUNT * SIDE * SIDE], label[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        const sg_rng rng = sg_rng_make(1, SG_RNG_TEST, i, 0, 0);
        const int shift = (int)(8 * sg_rng_uniform(&rng, 0, 0));
        label[i] = i % 8 == 7 ? 2 : i % 2;
        for (uint32_t p = 0; p < SIDE * SIDE; p++) {
            const int y = (int)p / SIDE, x = (int)p % SIDE, along = label[i] == 0 ? y : label[i] == 1 ? x : x + y;
            const double noise = 60 * sg_rng_uniform(&rng, 1, p);
            picture[i * SIDE * SIDE + p] = (uint8_t)(((along + shift) / 3 % 2 ? 190 : 5) + noise);
        }
    }
    put_idx("stripes-images", picture, (const int[3]){COUNT, SIDE, SIDE}, 3);
    put_idx("stripes-labels", label, (const int[1]){COUNT}, 1);
}

static const char config_text[] =
    "sample: {size_px: 16, pixel_um: 0.5, background_rad: 0, phase_rad: 0, absorption: 1}\n"
    "illumination: {rows: 3, columns: 3, dose_ph: 2000}\n"
    "camera: {pixel_um: 0.5}\n"
    "network: {kind: lenet5}\n"
    "loss: {kind: cross_entropy, class_weight: balanced}\n"
    "optimiser: {lr: 0.003}\n"
    "dataset: {kind: idx, path: stripes-images, labels: stripes-labels, flips: false}\n"
    "train: {steps: 60, batch_size: 16, validate_every: 20, checkpoint_every: 10}\n";

static int make(void **state)
{
    if (place_make(state) != 0) return 1;
    put_stripes();
    place_put_text("config.yaml", config_text);
    return 0;
}

static void run_ok(const char *arguments)
{
    if (place_run(arguments) == 0) return;
    char *text = place_get("err");
    fail_msg("%s: %s", arguments, text);
}

/* Exit code 2, or 1 where it is a file that is wrong, and one line that says `says`. */
static void refused_with(int wanted, const char *arguments, const char *says)
{
    const int code = place_run(arguments);
    char *text = place_get("err");
    if (code != wanted || !strstr(text, says) || strchr(text, '\n') != text + strlen(text) - 1)
        fail_msg("%s: exit %d, \"%s\" does not say \"%s\"", arguments, code, text, says);
    sg_free(text);
}

static void refused(const char *arguments, const char *says)
{
    refused_with(2, arguments, says);
}

static sg_results_file *results_of(const char *name)
{
    sg_results_file *file;
    OK(sg_results_open(&file, place_path(name)));
    return file;
}

static double scalar(const sg_results_file *file, const char *path)
{
    double value;
    OK(sg_results_read_scalar(file, path, &value));
    return value;
}

/* ---- what it learns ---- */

static void learns_and_finds_its_classes(void **state)
{
    (void)state;
    run_ok("train config.yaml -o first -q --no-report");
    sg_results_file *file = results_of("first/results.h5");
    const double found = scalar(file, "/metrics/balanced_accuracy"), auc = scalar(file, "/metrics/auc");
    print_message("# balanced accuracy %.3f, auc %.3f\n", found, auc);
    assert_true(found > .8 && auc > .9); /* by chance: 1/3 and 1/2 */
    sg_results_close(file);
    char *config = place_get("first/config.yaml"), *log = place_get("first/log.csv");
    assert_non_null(strstr(config, "classes: \"0 1 2\""));
    assert_non_null(strstr(log, "validation_loss,validation_balanced_accuracy,validation_accuracy\n"));
    sg_free(config);
    sg_free(log);
}

/* A run is called by the configuration that was given, as a sweep calls it: without the classes that were found. */
static void its_name_is_that_of_the_given_config(void **state)
{
    (void)state;
    sg_config config;
    uint64_t hash;
    char *name, own[32];
    OK(sg_config_read(&config, place_path("config.yaml")));
    OK(sg_config_hash(&hash, &config));
    (void)snprintf(own, sizeof own, "%016llx", (unsigned long long)hash);
    sg_results_file *file = results_of("first/results.h5");
    OK(sg_results_read_text(file, "/provenance/config_hash", &name));
    assert_string_equal(name, own);
    sg_free(name);
    sg_results_close(file);
}

static void read_matrix(double **out, const sg_results_file *file, const char *path, int rows, int columns)
{
    int rank, dims[SG_RESULTS_RANK];
    OK(sg_results_read_f64(file, path, out, &rank, dims));
    assert_int_equal(rank, columns > 0 ? 2 : 1);
    assert_int_equal(dims[0], rows);
    if (columns > 0) assert_int_equal(dims[1], columns);
}

/* The metrics follow from what is written of each picture. */
static void results_agree_with_each_other(void **state)
{
    (void)state;
    sg_results_file *file = results_of("first/results.h5");
    double *truth, *predicted, *probability, *confusion, *interval;
    int rank, dims[SG_RESULTS_RANK];
    OK(sg_results_read_f64(file, "/metrics/per_image/truth", &truth, &rank, dims));
    const int count = dims[0];
    read_matrix(&predicted, file, "/metrics/per_image/predicted", count, 0);
    read_matrix(&probability, file, "/metrics/per_image/probability", count, CLASSES);
    read_matrix(&confusion, file, "/metrics/confusion", CLASSES, CLASSES);
    read_matrix(&interval, file, "/metrics/interval/accuracy", 2, 0);
    double right = 0, own[CLASSES * CLASSES] = {0};
    for (int i = 0; i < count; i++) {
        double sum = 0, most = 0;
        for (int c = 0; c < CLASSES; c++) {
            const double p = probability[i * CLASSES + c];
            sum += p;
            most = p > most ? p : most;
        }
        assert_true(fabs(sum - 1) < 1e-5 && probability[i * CLASSES + (int)predicted[i]] == most);
        right += truth[i] == predicted[i];
        own[(int)truth[i] * CLASSES + (int)predicted[i]]++;
    }
    for (int i = 0; i < CLASSES * CLASSES; i++) assert_true(own[i] == confusion[i]);
    const double accuracy = scalar(file, "/metrics/accuracy");
    assert_true(accuracy == right / count);
    assert_true(interval[0] <= accuracy && accuracy <= interval[1] && interval[1] - interval[0] < .5);
    double *const blocks[] = {truth, predicted, probability, confusion, interval};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) sg_free(blocks[i]);
    sg_results_close(file);
}

static void results_are_complete(void **state)
{
    (void)state;
    static const char *const paths[] = {"accuracy",
                                        "balanced_accuracy",
                                        "f1",
                                        "auc",
                                        "average_precision",
                                        "loss",
                                        "confusion",
                                        "interval/balanced_accuracy",
                                        "interval/f1",
                                        "interval/auc",
                                        "interval/average_precision",
                                        "per_image/name",
                                        "per_class/name",
                                        "per_class/sensitivity",
                                        "per_class/specificity",
                                        "per_class/ppv",
                                        "per_class/npv",
                                        "per_class/f1",
                                        "per_class/auc",
                                        "per_class/average_precision",
                                        "per_class/count",
                                        "roc/0/false_positive_rate",
                                        "roc/1/true_positive_rate",
                                        "roc/2/threshold",
                                        "pr/0/recall",
                                        "pr/1/precision",
                                        "pr/2/threshold"};
    sg_results_file *file = results_of("first/results.h5");
    char path[128], *names;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        (void)snprintf(path, sizeof path, "/metrics/%s", paths[i]);
        if (!sg_results_has(file, path)) fail_msg("%s is missing", path);
    }
    assert_true(sg_results_has(file, "/curve/validation/balanced_accuracy"));
    assert_true(sg_results_has(file, "/examples/measurement") && !sg_results_has(file, "/examples/prediction"));
    OK(sg_results_read_text(file, "/metrics/per_class/name", &names));
    assert_string_equal(names, "0\n1\n2");
    sg_free(names);
    sg_results_close(file);
}

/* The best step is the first of the highest balanced accuracies; of equal ones that with the smallest loss. */
static void the_best_step_is_the_best(void **state)
{
    (void)state;
    sg_results_file *file = results_of("first/results.h5");
    double *step, *found, *loss, best_step;
    int rank, dims[SG_RESULTS_RANK], best = 0;
    OK(sg_results_read_f64(file, "/curve/validation/step", &step, &rank, dims));
    const int count = dims[0];
    read_matrix(&found, file, "/curve/validation/balanced_accuracy", count, 0);
    read_matrix(&loss, file, "/curve/validation/loss", count, 0);
    for (int i = 1; i < count; i++)
        if (found[i] > found[best] || (found[i] == found[best] && loss[i] < loss[best])) best = i;
    OK(sg_results_read_attribute_number(file, "/", "best_step", &best_step));
    assert_int_equal(count, 3);
    assert_true(best_step == step[best] && found[best] > found[0]);
    sg_free(step);
    sg_free(found);
    sg_free(loss);
    sg_results_close(file);
}

/* Each class weighs the same in all, and the mean weight is 1. */
static void balanced_weights(void **state)
{
    (void)state;
    sg_config config;
    sg_dataset *dataset;
    OK(sg_config_read(&config, place_path("config.yaml")));
    OK(sg_run_dataset(&dataset, &config));
    OK(sg_classes_resolve(&config, dataset));
    assert_int_equal(config.found.classes, CLASSES);
    assert_string_equal(config.dataset.classes, "0 1 2");
    const double share = sg_dataset_count(dataset, SG_SPLIT_TRAIN) / (double)CLASSES;
    for (int c = 0; c < CLASSES; c++) {
        const double all = config.found.class_weight[c] * sg_dataset_class_count(dataset, SG_SPLIT_TRAIN, c);
        assert_true(fabs(all - share) < 1e-9);
    }
    assert_true(config.found.class_weight[2] > 2 * config.found.class_weight[0]);
    sg_dataset_free(dataset);
}

/* scikit-learn, from the probabilities in the file of a network that has learned little. */
static void scikit_learn_agrees(void **state)
{
    (void)state;
    char line[1024];
    if (system("python3 -c 'import sklearn, h5py' 2> /dev/null") != 0) {
        print_message("# python3 with scikit-learn and h5py is not installed\n");
        skip();
    }
    (void)snprintf(line, sizeof line, "python3 '%s/tests/independent/results_sklearn.py' residual/results.h5",
                   getenv("SG_TEST_SOURCE"));
    assert_int_equal(place_shell(line), 0);
}

/* ---- the same again ---- */

static void same_files(const char *a, const char *b)
{
    static const char *const names[] = {"config.yaml",         "log.csv",   "last.ckpt", "best.ckpt",
                                        "weights.safetensors", "results.h5"};
    char line[256];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(line, sizeof line, "cmp %s/%s %s/%s", a, names[i], b, names[i]);
        if (place_shell(line) != 0) fail_msg("%s", line);
    }
}

/* train.threads stands in config.yaml, so the number comes from outside. */
static void same_bytes_for_any_thread_count(void **state)
{
    (void)state;
    assert_int_equal(place_shell("OMP_NUM_THREADS=1 $SG train config.yaml -o one -q --no-report"), 0);
    assert_int_equal(place_shell("OMP_NUM_THREADS=3 $SG train config.yaml -o three -q --no-report"), 0);
    same_files("first", "one");
    same_files("first", "three");
}

/* Killed as soon as there is a checkpoint, the rest after --resume. A run that had ended already is made again. */
static void killed_and_resumed(void **state)
{
    (void)state;
    assert_int_equal(place_shell("$SG train config.yaml -o broken -q --no-report & pid=$!; i=0; "
                                 "while [ ! -e broken/last.ckpt ] && [ $i -lt 2000 ]; do sleep .005; i=$((i + 1)); "
                                 "done; kill -9 $pid; wait $pid; [ ! -e broken/DONE ] || rm broken/DONE"),
                     0);
    run_ok("train config.yaml -o broken -q --no-report --resume");
    same_files("first", "broken");
}

/* A run goes on with its pictures, wherever they are now, and with no others. */
static void other_pictures_are_no_resume(void **state)
{
    (void)state;
    static const char resume[] =
        "train config.yaml -o again -q --no-report --resume --set dataset.path=moved/stripes-images --set "
        "dataset.labels=moved/stripes-labels";
    assert_int_equal(place_shell("cp -r first again; rm again/DONE; mkdir moved; cp stripes-* moved"), 0);
    run_ok(resume);
    same_files("first", "again");
    assert_int_equal(place_shell("rm again/DONE; dd if=/dev/zero of=moved/stripes-images bs=1 seek=16 count=4096 "
                                 "conv=notrunc 2> dd"),
                     0);
    refused_with(1, resume, "again/last.ckpt: the train pictures have changed");
}

/* ---- the other commands ---- */

static void commands_know_classifiers(void **state)
{
    (void)state;
    run_ok("evaluate first -o test.h5");
    char *text = place_get("out");
    assert_non_null(strstr(text, "balanced_accuracy"));
    sg_free(text);
    sg_results_file *a = results_of("first/results.h5"), *b = results_of("test.h5");
    assert_true(scalar(a, "/metrics/auc") == scalar(b, "/metrics/auc"));
    assert_true(scalar(a, "/metrics/loss") == scalar(b, "/metrics/loss"));
    sg_results_close(a);
    sg_results_close(b);
    run_ok("train config.yaml -o nowhere --dry-run");
    run_ok("export first -o light");
    run_ok("bench config.yaml --steps 1");
    run_ok("info first/config.yaml");
    run_ok(
        "train config.yaml -o warm -q --no-report --set train.weights=first/weights.safetensors --set train.steps=1");
    assert_int_equal(place_run("train config.yaml -o warm -q --resume --set network.kind=resnet"), 2);
}

/* A picture of each class; the rows of the table are right and sum to one. */
static void predict_writes_a_table(void **state)
{
    (void)state;
    char header[64], arguments[256], *text;
    float picture[SIDE * SIDE];
    for (int c = 0; c < 2; c++) {
        for (int p = 0; p < SIDE * SIDE; p++) picture[p] = (c == 0 ? p / SIDE : p % SIDE) / 3 % 2 ? .85f : .1f;
        (void)snprintf(header, sizeof header, "%d,stripes.npy", c);
        uint8_t file[128 + sizeof picture];
        memset(file, ' ', 128);
        memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
        const char *dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (16, 16), }";
        memcpy(file + 10, dict, strlen(dict));
        file[127] = '\n';
        memcpy(file + 128, picture, sizeof picture);
        place_put(header, file, sizeof file);
    }
    (void)snprintf(arguments, sizeof arguments, "predict first -i 0,stripes.npy -i 1,stripes.npy -o said.csv");
    run_ok(arguments);
    text = place_get("said.csv");
    int said[2] = {-1, -1};
    double p[2][CLASSES];
    assert_int_equal(
        sscanf(text,
               "name,predicted,p_0,p_1,p_2\n\"0,stripes.npy\",%d,%lf,%lf,%lf\n\"1,stripes.npy\",%d,%lf,%lf,"
               "%lf\n",
               &said[0], &p[0][0], &p[0][1], &p[0][2], &said[1], &p[1][0], &p[1][1], &p[1][2]),
        8);
    for (int i = 0; i < 2; i++) {
        assert_true(fabs(p[i][0] + p[i][1] + p[i][2] - 1) < 1e-5);
        assert_int_equal(said[i], i);
    }
    sg_free(text);
    refused("predict first -i 0,stripes.npy -o said.csv --tile 64", "is a classifier");
    refused("predict first -i 1,stripes.npy -i 0,stripes.npy -o ./0,stripes.npy", "is one of the pictures");
    refused("predict first -i 0,stripes.npy -o said.tif", "its output is a table: OUT.csv");
}

static void other_networks_and_weights(void **state)
{
    (void)state;
    run_ok("train config.yaml -o residual -q --no-report --set network.kind=resnet --set network.depth=2 --set "
           "network.width=4 --set network.dropout=.2 --set loss.class_weight=none --set train.steps=4");
    run_ok("train config.yaml -o named -q --no-report --set train.steps=2 --set 'dataset.classes=1 0'");
    sg_results_file *file = results_of("named/results.h5");
    char *names;
    OK(sg_results_read_text(file, "/metrics/per_class/name", &names));
    assert_string_equal(names, "1\n0");
    sg_free(names);
    sg_results_close(file);
}

/* ---- what is refused ---- */

static void bad_combinations(void **state)
{
    (void)state;
    static const struct {
        const char *set, *says;
    } cases[] = {
        {"--set network.kind=unet", "network.kind: unet gives a picture, which is not for loss.kind cross_entropy"},
        {"--set loss.kind=dice_bce", "network.kind: lenet5 gives a class, which is not for loss.kind dice_bce"},
        {"--set loss.kind=mse", "network.kind: lenet5 gives a class, which is not for loss.kind mse"},
        {"--set dataset.kind=builtin --set dataset.labels=", "dataset.kind builtin has masks"},
        {"--set dataset.kind=synthetic", "dataset.kind synthetic has masks"},
        {"--set loss.kind=dice_bce --set network.kind=unet", "dataset.kind idx has classes"},
        {"--set dataset.target=sample", "loss.kind: dataset.target sample is a regression"},
        {"--set camera.overlap_fields=2", "camera.overlap_fields"},
        {"--set 'dataset.classes=1'", "at least two classes"},
        {"--set 'dataset.classes=0 1 9'", "'9'"},
        {"--set camera.pixel_um=1", "network.kind: lenet5 needs a picture of at least 16 px, the camera gives 8"},
        {"--set network.kind=resnet --set network.depth=6", "network.depth: 6 stages need a picture of at least 32 px"},
        {"--set network.dropout=1", "network.dropout"},
        {"--set loss.class_weight=equal", "loss.class_weight"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char arguments[256];
        (void)snprintf(arguments, sizeof arguments, "train config.yaml -o refused -q --no-report %s", cases[i].set);
        refused(arguments, cases[i].says);
        assert_int_not_equal(place_shell("[ -e refused ]"), 0);
    }
}

/* Labels of one class only; a picture without a label; a file that holds something else. */
static void bad_labels(void **state)
{
    (void)state;
    uint8_t label[COUNT] = {0};
    put_idx("same-labels", label, (const int[1]){COUNT}, 1);
    refused("train config.yaml -o refused -q --set dataset.labels=same-labels", "at least two classes");
    put_idx("short-labels", label, (const int[1]){COUNT - 1}, 1);
    refused_with(1, "train config.yaml -o refused -q --set dataset.labels=short-labels", "239 labels");
    refused_with(1, "train config.yaml -o refused -q --set dataset.labels=stripes-images", "rank 3, labels have 1");
}

/* 50 damaged configs: each is refused with one line, or reads as another good config; never a crash. */
static void damaged_configs(void **state)
{
    (void)state;
    int refusals = 0;
    for (uint32_t i = 0; i < 50; i++) {
        char text[sizeof config_text];
        const sg_rng rng = sg_rng_make(9, SG_RNG_TEST, i, 0, 0);
        const size_t at = (size_t)(sg_rng_uniform(&rng, 0, 0) * (double)(sizeof text - 1));
        memcpy(text, config_text, sizeof text);
        if (i % 3 == 0)
            text[at] = 0;
        else
            text[at] = " :{}[],\"x9-\t"[(size_t)(sg_rng_uniform(&rng, 1, 0) * 12)];
        place_put_text("damaged.yaml", text);
        const int code = place_run("info damaged.yaml");
        char *said = place_get("err");
        if (code != 0 && code != 2) fail_msg("case %u: exit %d, %s\n%s", i, code, said, text);
        if (code == 2 && (!strstr(said, "damaged.yaml") || strchr(said, '\n') != said + strlen(said) - 1))
            fail_msg("case %u: \"%s\"\n%s", i, said, text);
        refusals += code == 2;
        sg_free(said);
    }
    print_message("# %d of 50 are refused\n", refusals);
    assert_in_range(refusals, 25, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_and_finds_its_classes),
        cmocka_unit_test(its_name_is_that_of_the_given_config),
        cmocka_unit_test(results_agree_with_each_other),
        cmocka_unit_test(results_are_complete),
        cmocka_unit_test(the_best_step_is_the_best),
        cmocka_unit_test(balanced_weights),
        cmocka_unit_test(same_bytes_for_any_thread_count),
        cmocka_unit_test(killed_and_resumed),
        cmocka_unit_test(other_pictures_are_no_resume),
        cmocka_unit_test(commands_know_classifiers),
        cmocka_unit_test(predict_writes_a_table),
        cmocka_unit_test(other_networks_and_weights),
        cmocka_unit_test(scikit_learn_agrees),
        cmocka_unit_test(bad_combinations),
        cmocka_unit_test(bad_labels),
        cmocka_unit_test(damaged_configs),
    };
    return cmocka_run_group_tests(tests, make, place_remove);
}
