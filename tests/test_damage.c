/* test_damage.c - damaged HDF5 files, of this program and of others: an error of one line each, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/image.h"
#include "pipeline/results.h"
#include "pipeline/schema.h"
#include "place.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum { H = 40, W = 50, DAMAGED = 120, OWN_DAMAGED = 120 };

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

/* ---- damage ---- */

typedef struct bytes {
    unsigned char *data;
    size_t size;
} bytes;

static bytes get(const char *path)
{
    void *data;
    bytes b;
    OK(sg_file_read(&data, &b.size, path, 0));
    b.data = data;
    return b;
}

typedef struct dice {
    sg_rng rng;
    uint32_t rolled;
} dice;

/* 0 .. n - 1 */
static size_t roll(dice *d, size_t n)
{
    return (size_t)(sg_rng_uniform(&d->rng, d->rolled++, 0) * (double)n);
}

/* In turn: cut off; a bit; many bytes; a block of zeros; a block from elsewhere. Half of it where the structure is, at
 * the beginning. Returns the new size. */
static size_t spoil(unsigned char *out, const bytes *whole, uint32_t number)
{
    dice d = {sg_rng_make(11, SG_RNG_TEST, number, 0, 0), 0};
    const size_t size = whole->size, most = number % 2 || size < 2048 ? size : 2048;
    memcpy(out, whole->data, size);
    const size_t at = roll(&d, most), len = roll(&d, size - at < 64 ? size - at : 64);
    switch (number % 5) {
    case 0: return at;
    case 1: out[at] ^= (unsigned char)(1u << roll(&d, 8)); break;
    case 2:
        for (int i = 0; i < 20; i++) {
            const size_t which = roll(&d, most);
            out[which] = (unsigned char)roll(&d, 256);
        }
        break;
    case 3: memset(out + at, roll(&d, 2) ? 0 : 255, len); break;
    default: memmove(out + at, out + roll(&d, size - len), len); break;
    }
    return size;
}

static void check_line(const char *path)
{
    const char *text = sg_error_text();
    if (!strstr(text, path) || strchr(text, '\n')) fail_msg("\"%s\" is not one line about %s", text, path);
}

/* ---- files of other programs ---- */

typedef struct kind {
    const char *name;
    bool latest, chunked, checksum;
    int rank;
    hid_t type;
} kind;

static void foreign_put(const char *path, const kind *k)
{
    static float x[3 * H * W];
    const hsize_t size[3] = {3, H, W}, chunk[3] = {1, 16, 20};
    for (int i = 0; i < 3 * H * W; i++) x[i] = (float)(i % 251);
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS), layout = H5Pcreate(H5P_DATASET_CREATE);
    if (k->latest) (void)H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    if (k->chunked) (void)H5Pset_chunk(layout, k->rank, chunk + 3 - k->rank);
    if (k->chunked) (void)H5Pset_shuffle(layout), (void)H5Pset_deflate(layout, 4);
    if (k->checksum) (void)H5Pset_fletcher32(layout);
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access),
                group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                space = H5Screate_simple(k->rank, size + 3 - k->rank, NULL),
                set = H5Dcreate2(group, "x", k->type, space, H5P_DEFAULT, layout, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    (void)H5Dclose(set), (void)H5Sclose(space), (void)H5Gclose(group), (void)H5Fclose(file);
    (void)H5Pclose(layout), (void)H5Pclose(access);
}

static void test_foreign(void **state)
{
    (void)state;
    const kind kinds[] = {
        {"plain", false, false, false, 2, H5T_IEEE_F32LE},
        {"chunks", false, true, false, 3, H5T_STD_U16LE},
        {"new", true, true, true, 2, H5T_STD_U8BE},
        {"doubles", true, false, false, 3, H5T_IEEE_F64BE},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char file[300], array[310];
        int refused = 0;
        sg_image image;
        (void)snprintf(file, sizeof file, "%s", place_path("foreign.h5"));
        (void)snprintf(array, sizeof array, "%s:/g/x", file);
        foreign_put(file, &kinds[k]);
        OK(sg_image_read_as(&image, array, (sg_image_options){0}));
        assert_true(image.height == H && image.width == W && image.data[77] == 77);
        sg_image_free(&image);
        const bytes whole = get(file);
        unsigned char *data = malloc(whole.size);
        for (uint32_t i = 0; i < DAMAGED; i++) {
            place_put("foreign.h5", data, spoil(data, &whole, i));
            const sg_status status = sg_image_read_as(&image, array, (sg_image_options){0});
            if (status != SG_OK) check_line(file);
            if (status != SG_OK && image.data != NULL) fail_msg("%s %u: a picture beside an error", kinds[k].name, i);
            refused += status != SG_OK;
            sg_image_free(&image);
        }
        free(data);
        sg_free(whole.data);
        if (refused < DAMAGED / 4)
            fail_msg("%s: only %d of %d damaged files are refused", kinds[k].name, refused, DAMAGED);
    }
}

/* HDF5 1.10.8 ends with a segmentation fault on this one. */
static void test_crash(void **state)
{
    (void)state;
    char path[600];
    sg_image image;
    (void)snprintf(path, sizeof path, "%s/tests/golden/crashes_hdf5.h5:/g/x", getenv("SG_TEST_SOURCE"));
    if (sg_image_read_as(&image, path, (sg_image_options){0}) == SG_OK)
        sg_image_free(&image);
    else
        check_line("crashes_hdf5.h5");
}

/* ---- our own ---- */

static void own_put(const char *name)
{
    sg_results *r;
    static float x[4 * 64 * 64];
    const char *const names[] = {"a", "b"};
    for (int i = 0; i < 4 * 64 * 64; i++) x[i] = (float)(i % 113);
    OK(sg_results_new(&r));
    OK(sg_results_put_text(r, "/config", "optics:\n  na: 0.1\n"));
    OK(sg_results_put_number(r, "/metrics/loss", 1));
    OK(sg_results_put_texts(r, "/metrics/per_image/name", names, 2));
    OK(sg_results_put(r, "/examples/prediction", (int[]){4, 64, 64}, x));
    OK(sg_results_save(r, place_path(name)));
    sg_results_free(r);
}

static void check_refused(const char *name)
{
    char file[300];
    (void)snprintf(file, sizeof file, "%s", place_path(name));
    const bytes whole = get(file);
    unsigned char *data = malloc(whole.size);
    for (uint32_t i = 0; i < OWN_DAMAGED; i++) {
        sg_results_file *f;
        const size_t size = spoil(data, &whole, i);
        if (size == whole.size && memcmp(data, whole.data, size) == 0) continue;
        place_put(name, data, size);
        if (sg_results_open(&f, file) != SG_E_FORMAT) fail_msg("damage %u of %s is not seen", i, name);
        assert_null(f);
        check_line(file);
    }
    place_put(name, whole.data, whole.size);
    free(data);
    sg_free(whole.data);
}

static void test_own(void **state)
{
    (void)state;
    own_put("results.h5");
    check_refused("results.h5");
    OK(sg_folder_make(place_path("s/runs/0000000000000001")));
    place_put_text("s/sweep.yaml", "sweep: {title: x}\n");
    place_put_text("s/runs.csv", "id,arm,seed\n0000000000000001,default,1\n");
    place_put_text("s/runs/0000000000000001/DONE", "");
    own_put("s/runs/0000000000000001/results.h5");
    assert_int_equal(place_run("collect s -o all.h5"), 0);
    check_refused("all.h5");
}

/* The commands that read them say it, too. */
static void test_commands(void **state)
{
    (void)state;
    own_put("s/runs/0000000000000001/results.h5");
    assert_int_equal(place_shell("cd s/runs/0000000000000001; head -c 3000 results.h5 > cut; mv cut results.h5"), 0);
    assert_int_equal(place_run("collect s -o new.h5"), 1);
    char *err = place_get("err");
    if (!strstr(err, "left out: s/runs/0000000000000001/results.h5: truncated")) fail_msg("%s", err);
    sg_free(err);
    assert_int_equal(place_shell("test ! -e new.h5"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_commands),
    };
    return cmocka_run_group_tests_name("damage", tests, place_make, place_remove);
}
