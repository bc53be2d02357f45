/* test_cache.c - a dataset larger than its memory gives the same bytes from the cache, whatever happens to the file. */
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "datasets/cache.h"
#include "datasets/dataset.h"
#include "datasets/tiff.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Pictures of several tiles, no side a multiple of a tile, with a margin that reaches beyond the edge. */
enum { PX = 160, MARGIN = 16, INSIDE = PX - 2 * MARGIN, LABEL = INSIDE / 2, PICTURES = 12, DRAWS = 3, DAMAGES = 60 };
static const sg_dataset_grid grid = {.sample_px = PX, .margin_px = MARGIN, .label_px = LABEL, .pixel_um = .5};
static const int sizes[][2] = {{300, 200}, {129, 257}, {INSIDE, INSIDE}, {256, 400}};

/* ---- the files ---- */

static unsigned noise(unsigned i)
{
    i = (i ^ 61) ^ (i >> 16);
    i *= 9;
    i ^= i >> 4;
    return i * 0x27d4eb2dU >> 16;
}

/* 8 or 16 bits or floats, by turns; the labels of one in three need 16 bits. */
static void write_pair(int number, unsigned salt)
{
    enum { MOST = 400 * 400 };
    static union {
        uint8_t u8[MOST];
        uint16_t u16[MOST];
        float f32[MOST];
    } page;
    char name[64];
    const int h = sizes[number % 4][0], w = sizes[number % 4][1], bits = 8 << number % 3;
    for (int i = 0; i < h * w; i++) {
        const unsigned v = noise((unsigned)(number * MOST + i) + salt);
        if (bits == 8) page.u8[i] = (uint8_t)v;
        if (bits == 16) page.u16[i] = (uint16_t)v;
        if (bits == 32) page.f32[i] = (float)v / 7;
    }
    sg_tiff tiff = {.pages = 1, .height = h, .width = w, .bits = bits, .data = &page};
    (void)snprintf(name, sizeof name, "data/images/p%02d.tif", number);
    assert_int_equal(sg_tiff_write(place_path(name), &tiff), SG_OK);
    for (int i = 0; i < h * w; i++)
        page.u16[i] = (uint16_t)(i % w / 9 % 2 ? i / w / 7 * (number % 3 ? 1 : 300) + (i / w / 7 > 0) : 0);
    tiff.bits = 16;
    (void)snprintf(name, sizeof name, "data/labels/p%02d.tif", number);
    assert_int_equal(sg_tiff_write(place_path(name), &tiff), SG_OK);
}

static int make_files(void **state)
{
    if (place_make(state)) return -1;
    (void)signal(SIGXFSZ, SIG_IGN);
    sg_threads_set(1); /* a process that has had OpenMP threads cannot be forked and use them */
    char splits[PICTURES * 32] = "name,split\n", line[32];
    if (sg_folder_make(place_path("data/images")) || sg_folder_make(place_path("data/labels"))) return -1;
    for (int i = 0; i < PICTURES; i++) {
        static const char *const names[] = {"train", "train", "validation", "test"};
        write_pair(i, 0);
        (void)snprintf(line, sizeof line, "p%02d,%s\n", i, names[i / 3]);
        (void)strcat(splits, line);
    }
    place_put_text("data/splits.csv", splits);
    return 0;
}

/* ---- the dataset ---- */

static sg_dataset_config config_of(double memory_mib)
{
    sg_dataset_config config = {.kind = SG_DATASET_FOLDER, .augment = true, .flips = true, .memory_mib = memory_mib};
    (void)snprintf(config.path, sizeof config.path, "%s/data", place);
    (void)snprintf(config.splits, sizeof config.splits, "%s/data/splits.csv", place);
    (void)snprintf(config.cache, sizeof config.cache, "%s/cache/deep", place);
    return config;
}

static sg_dataset *open_with(double memory_mib)
{
    sg_dataset *dataset;
    const sg_dataset_config config = config_of(memory_mib);
    if (sg_dataset_open(&dataset, &config, &grid) != SG_OK) fail_msg("%s", sg_error_text());
    return dataset;
}

/* The bytes of every item of a dataset, plain and drawn. */
typedef struct content {
    float sample[PICTURES][DRAWS][PX * PX], label[PICTURES][DRAWS][LABEL * LABEL];
    int32_t instances[PICTURES][DRAWS][LABEL * LABEL];
    uint64_t hash;
} content;

static sg_status make_all(content *out, const sg_dataset *dataset)
{
    int i = 0;
    memset(out, 0, sizeof *out);
    for (int split = 0; split < 3; split++) {
        for (int k = 0; k < sg_dataset_count(dataset, (sg_split)split); k++, i++)
            for (int draw = 0; draw < DRAWS; draw++)
                SG_TRY(sg_dataset_item(dataset, (sg_split)split, k, 7, draw - 1, out->sample[i][draw],
                                       out->label[i][draw], out->instances[i][draw]));
        out->hash ^= sg_dataset_hash(dataset, (sg_split)split) * (uint64_t)(2 * split + 1);
    }
    assert_int_equal(i, PICTURES);
    return SG_OK;
}

static content *content_of(const sg_dataset *dataset)
{
    content *out = malloc(sizeof *out);
    assert_non_null(out);
    if (make_all(out, dataset) != SG_OK) fail_msg("%s", sg_error_text());
    return out;
}

/* What all must equal: read into memory. */
static content *reference(void)
{
    sg_dataset *dataset = open_with(1000);
    content *out = content_of(dataset);
    sg_dataset_free(dataset);
    return out;
}

static void expect(const sg_dataset *dataset, const content *want, const char *what, int number)
{
    content *got = content_of(dataset);
    if (memcmp(got, want, sizeof *got) != 0) fail_msg("%s %d: other bytes than from memory", what, number);
    free(got);
}

/* Opens with little memory, compares, closes. */
static void expect_cached(const content *want, const char *what, int number)
{
    sg_dataset *dataset = open_with(.01);
    expect(dataset, want, what, number);
    sg_dataset_free(dataset);
}

/* ---- the cache folder ---- */

/* Files in it; *out (unless NULL) = the last one of the pattern. */
static int files(char *out, const char *pattern)
{
    glob_t found;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/cache/deep/%s", place, pattern);
    const int count = glob(path, 0, NULL, &found) == 0 ? (int)found.gl_pathc : 0;
    if (out && count) (void)strcpy(out, found.gl_pathv[count - 1]);
    globfree(&found);
    return count;
}

static void clear(void)
{
    assert_int_equal(place_shell("rm -rf cache"), 0);
}

/* The one cache there is, new. */
static size_t make_cache(char path[512])
{
    struct stat about;
    clear();
    sg_dataset_free(open_with(.01));
    assert_int_equal(files(path, "*.cache"), 1);
    assert_int_equal(files(NULL, "*"), 1); /* and nothing else */
    assert_int_equal(stat(path, &about), 0);
    return (size_t)about.st_size;
}

static void flip_bit(const char *path, size_t at, int bit)
{
    unsigned char byte;
    const int file = open(path, O_RDWR);
    assert_true(file >= 0);
    assert_int_equal(pread(file, &byte, 1, (off_t)at), 1);
    byte = (unsigned char)(byte ^ 1u << bit);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    assert_int_equal(close(file), 0);
}

/* stderr to the file `said`: every damage is said there. */
static int hush(void)
{
    (void)fflush(stderr);
    const int keep = dup(STDERR_FILENO), nowhere = open(place_path("said"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    (void)dup2(nowhere, STDERR_FILENO);
    (void)close(nowhere);
    return keep;
}

static void speak(int keep)
{
    (void)fflush(stderr);
    (void)dup2(keep, STDERR_FILENO);
    (void)close(keep);
}

/* ---- tests ---- */

static void test_same_bytes(void **state)
{
    (void)state;
    char path[512];
    struct stat first, second;
    clear();
    content *want = reference();
    assert_int_equal(files(NULL, "*"), 0); /* what fits into memory needs no cache */
    (void)make_cache(path);
    assert_int_equal(stat(path, &first), 0);
    const int keep = hush();
    expect_cached(want, "cache", 0);
    speak(keep);
    assert_int_equal(place_shell("test ! -s said"), 0); /* nothing was decoded again */
    assert_int_equal(stat(path, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino); /* used, not made again */
    sg_dataset *dataset = open_with(.5);           /* some fit, not all */
    expect(dataset, want, "half", 0);
    sg_dataset_free(dataset);
    dataset = open_with(1000); /* nobody reads the cache when all fits */
    expect(dataset, want, "memory beside a cache", 0);
    sg_dataset_free(dataset);
    free(want);
}

/* From here on: several threads decode, in any order; the file is the same to the byte. */
static void test_many_threads(void **state)
{
    (void)state;
    char path[512];
    content *want = reference();
    (void)make_cache(path);
    assert_int_equal(place_shell("cp cache/deep/*.cache one"), 0);
    sg_threads_set(5);
    content *got = reference();
    assert_memory_equal(got, want, sizeof *got);
    (void)make_cache(path);
    assert_int_equal(place_shell("cmp cache/deep/*.cache one"), 0);
    expect_cached(want, "threads", 5);
    free(got);
    free(want);
}

static void test_batches(void **state)
{
    (void)state;
    char path[512];
    (void)make_cache(path);
    sg_dataset *dataset[2] = {open_with(1000), open_with(.01)};
    sg_loader *loader[2];
    for (int i = 0; i < 2; i++) assert_int_equal(sg_loader_start(&loader[i], dataset[i], 4, 3, 0), SG_OK);
    for (int b = 0; b < 20; b++) {
        const sg_batch *batch[2];
        for (int i = 0; i < 2; i++) assert_int_equal(sg_loader_next(loader[i], &batch[i]), SG_OK);
        assert_memory_equal(batch[0]->sample, batch[1]->sample, sizeof(float) * 4 * PX * PX);
        assert_memory_equal(batch[0]->label, batch[1]->label, sizeof(float) * 4 * LABEL * LABEL);
    }
    for (int i = 0; i < 2; i++) {
        sg_loader_stop(loader[i]);
        sg_dataset_free(dataset[i]);
    }
}

/* A bit flipped anywhere: found, and mended or the cache made again. */
static void test_damage(void **state)
{
    (void)state;
    char path[512];
    content *want = reference();
    const size_t size = make_cache(path);
    const int keep = hush();
    for (int i = 0; i < DAMAGES; i++) {
        size_t at = i < 10 ? (size_t)i * 40 : i < 20 ? size - 1 - (size_t)(i - 10) * 97 : noise((unsigned)i) * 65536ul;
        if (i >= 20) at = (at + noise((unsigned)i + 1000)) % size;
        flip_bit(path, at, i % 8);
        expect_cached(want, "flipped bit", i);
        sg_cache *cache;
        uint64_t damaged = 1;
        assert_int_equal(sg_cache_open(&cache, path), SG_OK);
        assert_int_equal(sg_cache_check(cache, &damaged), SG_OK);
        assert_int_equal(damaged, 0); /* whole again */
        sg_cache_close(cache);
    }
    speak(keep);
    free(want);
}

static void test_damage_is_counted(void **state)
{
    (void)state;
    char path[512];
    sg_cache *cache;
    uint64_t damaged = 0;
    (void)make_cache(path);
    flip_bit(path, 1000, 3);
    assert_int_equal(sg_cache_open(&cache, path), SG_OK);
    assert_int_equal(sg_cache_check(cache, &damaged), SG_OK);
    assert_int_equal(damaged, 1);
    sg_cache_close(cache);
}

/* Where nothing can be mended it is decoded again each time. */
static void test_damage_read_only(void **state)
{
    (void)state;
    char path[512];
    content *want = reference();
    (void)make_cache(path);
    flip_bit(path, 1000, 3);
    assert_int_equal(chmod(path, 0444), 0);
    const int keep = hush();
    expect_cached(want, "read-only", 0);
    expect_cached(want, "read-only", 1);
    speak(keep);
    assert_int_equal(place_shell("grep -q 'tile 0 is damaged; .p00. is decoded again' said"), 0);
    free(want);
}

static void test_truncated(void **state)
{
    (void)state;
    char path[512];
    content *want = reference();
    const size_t size = make_cache(path), cuts[] = {0, 1, 100, 343, 5000, size / 2, size - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(truncate(path, (off_t)cuts[i]), 0);
        expect_cached(want, "cut", (int)i);
    }
    assert_int_equal(truncate(path, (off_t)size + 1), 0);
    expect_cached(want, "longer", 0);
    sg_dataset *dataset = open_with(.01); /* and while it is used */
    assert_int_equal(truncate(path, 5000), 0);
    const int keep = hush();
    expect(dataset, want, "cut in use", 0);
    speak(keep);
    sg_dataset_free(dataset);
    free(want);
}

static void test_old_version(void **state)
{
    (void)state;
    char path[512];
    struct stat first, second;
    sg_cache *cache;
    content *want = reference();
    (void)make_cache(path);
    flip_bit(path, 9, 0); /* version 257 */
    assert_int_equal(stat(path, &first), 0);
    assert_int_equal(sg_cache_open(&cache, path), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "version 257"));
    expect_cached(want, "version", 0);
    assert_int_equal(stat(path, &second), 0);
    assert_int_not_equal(first.st_ino, second.st_ino); /* made again */
    free(want);
}

static void test_changed_file(void **state)
{
    (void)state;
    char path[512];
    content *before = reference();
    (void)make_cache(path);
    write_pair(5, 77);
    content *after = reference();
    assert_memory_not_equal(before, after, sizeof *before);
    expect_cached(after, "changed", 0);
    assert_int_equal(files(NULL, "*.cache"), 2); /* another one: the old files may come back */
    write_pair(5, 0);
    free(before);
    free(after);
}

/* Changed while in use, and the cache damaged: the new file is not what was trained on. */
static void test_changed_in_use(void **state)
{
    (void)state;
    char path[512];
    content *got = malloc(sizeof *got);
    assert_non_null(got);
    (void)make_cache(path);
    sg_dataset *dataset = open_with(.01);
    for (int i = 0; i < PICTURES; i++) write_pair(i, 99);
    assert_int_equal(truncate(path, 400), 0);
    const int keep = hush();
    assert_int_equal(make_all(got, dataset), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "have changed since"));
    assert_non_null(strstr(sg_error_text(), "'p0"));
    sg_loader *loader; /* the loader's thread hands the error over */
    const sg_batch *batch;
    assert_int_equal(sg_loader_start(&loader, dataset, 4, 3, 0), SG_OK);
    assert_int_equal(sg_loader_next(loader, &batch), SG_E_FORMAT);
    assert_non_null(strstr(sg_error_text(), "have changed since"));
    sg_loader_stop(loader);
    speak(keep);
    sg_dataset_free(dataset);
    for (int i = 0; i < PICTURES; i++) write_pair(i, 0);
    free(got);
}

/* RLIMIT_FSIZE is the full disk that everybody may make. */
static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit old, small;
    char path[512];
    const size_t size = make_cache(path), limits[] = {0, 100, 400, 70000, size / 2, size - 1};
    const sg_dataset_config config = config_of(.01);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        sg_dataset *dataset;
        clear();
        small = (struct rlimit){limits[i], old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        const sg_status status = sg_dataset_open(&dataset, &config, &grid);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(status, SG_E_IO);
        assert_non_null(strstr(sg_error_text(), "dataset.cache"));
        assert_non_null(strstr(sg_error_text(), ".cache: cannot write: File too large"));
        assert_int_equal(files(NULL, "*"), 0);
    }
}

static void test_no_folder(void **state)
{
    (void)state;
    sg_dataset *dataset;
    sg_dataset_config config = config_of(.01);
    config.cache[0] = 0;
    (void)unsetenv("XDG_CACHE_HOME");
    (void)unsetenv("HOME");
    assert_int_equal(sg_dataset_open(&dataset, &config, &grid), SG_E_CONFIG);
    assert_non_null(strstr(sg_error_text(), "dataset.cache"));
    (void)setenv("HOME", place, 1);
    assert_int_equal(sg_dataset_open(&dataset, &config, &grid), SG_OK);
    sg_dataset_free(dataset);
    assert_int_equal(place_shell("test $(ls .cache/scopegrad/*.cache | wc -l) = 1"), 0);
    (void)setenv("XDG_CACHE_HOME", place_path("xdg"), 1);
    assert_int_equal(sg_dataset_open(&dataset, &config, &grid), SG_OK);
    sg_dataset_free(dataset);
    assert_int_equal(place_shell("test $(ls xdg/scopegrad/*.cache | wc -l) = 1"), 0);
    (void)snprintf(config.cache, sizeof config.cache, "%s/data/splits.csv/sub", place); /* a file is in the way */
    assert_int_equal(sg_dataset_open(&dataset, &config, &grid), SG_E_IO);
}

/* A child that opens the dataset; its exit code says whether the bytes were right. */
static pid_t child(const content *want)
{
    (void)fflush(NULL);
    const pid_t process = fork();
    if (process != 0) return process;
    sg_dataset *dataset;
    const sg_dataset_config config = config_of(.01);
    content *got = malloc(sizeof *got);
    if (!got || sg_dataset_open(&dataset, &config, &grid) != SG_OK || make_all(got, dataset) != SG_OK) _exit(1);
    _exit(memcmp(got, want, sizeof *got) != 0 ? 2 : 0);
}

static void test_processes_at_once(void **state)
{
    (void)state;
    enum { CHILDREN = 4 };
    pid_t process[CHILDREN];
    content *want = reference();
    for (int round = 0; round < 3; round++) {
        clear();
        for (int i = 0; i < CHILDREN; i++) process[i] = child(want);
        for (int i = 0; i < CHILDREN; i++) {
            int status;
            assert_int_equal(waitpid(process[i], &status, 0), process[i]);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        assert_int_equal(files(NULL, "*"), 1);
    }
    free(want);
}

/* Killed while it writes: no cache or a whole one; the next one clears up. */
static void test_killed(void **state)
{
    (void)state;
    content *want = reference();
    int drafts = 0;
    clear();
    for (int i = 0; i < 20; i++) {
        char path[512];
        sg_cache *cache;
        int status;
        const pid_t process = child(want);
        (void)usleep((unsigned)(500 + 700 * i));
        (void)kill(process, SIGKILL);
        assert_int_equal(waitpid(process, &status, 0), process);
        drafts += files(NULL, "*.tmp-*");
        if (files(path, "*.cache")) {
            assert_int_equal(sg_cache_open(&cache, path), SG_OK);
            sg_cache_close(cache);
            clear();
        }
    }
    assert_true(drafts > 0); /* or the test has seen nothing */
    expect_cached(want, "after kill", 0);
    assert_int_equal(files(NULL, "*"), 1);
    free(want);
}

/* The whole program: the same results and log with and without. */
static void test_training(void **state)
{
    (void)state;
    place_put_text("run.yaml", "sample: {size_px: 128}\ncamera: {pixel_um: 1.0}\nnetwork: {width: 4, depth: 2}\n"
                               "dataset: {kind: folder, path: data, splits: data/splits.csv}\n"
                               "train: {steps: 4, validate_every: 2, batch_size: 2}\n");
    clear();
    if (place_run("train run.yaml -o memory") != 0) fail_msg("%s", place_get("err"));
    if (place_run("train run.yaml -o cached --set dataset.memory_mib=0.01 --set dataset.cache=cache/deep") != 0)
        fail_msg("%s", place_get("err"));
    assert_int_equal(files(NULL, "*.cache"), 1);
    assert_int_equal(
        place_shell("for f in results.h5 log.csv weights.safetensors last.ckpt; do cmp memory/$f cached/$f "
                    "|| exit 1; done"),
        0);
    assert_int_equal(place_shell("$SG info cache/deep/*.cache >out 2>err"), 0);
    char *text = place_get("out");
    assert_non_null(strstr(text, "12 pictures"));
    assert_non_null(strstr(text, "no tile is damaged"));
    sg_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processes_at_once), cmocka_unit_test(test_killed),
        cmocka_unit_test(test_same_bytes),        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_batches),           cmocka_unit_test(test_damage),
        cmocka_unit_test(test_damage_is_counted), cmocka_unit_test(test_damage_read_only),
        cmocka_unit_test(test_truncated),         cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_changed_file),      cmocka_unit_test(test_changed_in_use),
        cmocka_unit_test(test_full_disk),         cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_training),
    };
    return cmocka_run_group_tests(tests, make_files, place_remove);
}
