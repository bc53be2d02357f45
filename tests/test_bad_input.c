/* test_bad_input.c - what a hostile or unlucky user does: exit code 1 or 2, one line that says what is wrong, nothing
 * half-written, older results untouched. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/png.h"
#include "datasets/tiff.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIDE = 40, ERRORS = 4096 };

static const char tiny[] =
    "sample: {size_px: 32}\n"
    "illumination: {rows: 3, columns: 3, pattern: random}\n"
    "camera:\n"
    "    pixel_um: 1\n"
    "network: {width: 4, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 3, radius_um: 3, train: 4, validation: 2, test: 2}}\n"
    "train: {steps: 2, batch_size: 8, validate_every: end, checkpoint_every: end, threads: 1}\n";

/* ---- files ---- */

static void put_tiff(const char *name, int side, float odd_one)
{
    static float data[2 * SIDE * SIDE];
    const sg_tiff tiff = {1, side, side, 32, data, 0};
    for (int i = 0; i < side * side; i++) data[i] = (float)(i * 7919 % 256);
    data[3 * side + 5] = odd_one;
    if (sg_tiff_write(place_path(name), &tiff) != SG_OK) fail_msg("%s", sg_error_text());
}

/* 2^31-1 pixels square, in 33 bytes; the checksum is that of this header. */
static const unsigned char huge_png[] = {0x89, 'P',  'N', 'G', '\r', '\n', 0x1a, '\n', 0,    0,    0,
                                         13,   'I',  'H', 'D', 'R',  0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff,
                                         0xff, 0xff, 8,   0,   0,    0,    0,    0,    0,    0,    0};

/* A TIFF of 8 bits in two strips whose tags stand first, of which only `size` bytes are there. */
static void put_tags_first(const char *name, uint32_t side, size_t size)
{
    enum { TAGS = 9, LISTS = 8 + 2 + TAGS * 12 + 4 + 2, PIXELS = LISTS + 16 };
    static unsigned char file[PIXELS + SIDE * SIDE];
    const uint32_t half = side * (side / 2);
    const uint32_t tags[TAGS][3] = {{256, 1, side}, {257, 1, side},     {258, 1, 8},
                                    {259, 1, 1},    {262, 1, 1},        {273, 2, LISTS},
                                    {277, 1, 1},    {278, 1, side / 2}, {279, 2, LISTS + 8}};
    const uint32_t lists[4] = {PIXELS, PIXELS + half, half, half};
    const uint16_t count = TAGS, type = 4; /* of 32 bits */
    memcpy(file, "II*\0\10\0\0\0", 8);
    memcpy(file + 8, &count, 2);
    for (int i = 0; i < TAGS; i++) {
        const uint16_t tag = (uint16_t)tags[i][0];
        memcpy(file + 10 + i * 12, &tag, 2);
        memcpy(file + 12 + i * 12, &type, 2);
        memcpy(file + 14 + i * 12, &tags[i][1], 8);
    }
    memcpy(file + LISTS, lists, sizeof lists);
    place_put(name, file, size < sizeof file ? size : sizeof file);
}

static void make_pictures(void)
{
    put_tiff("ok.tif", SIDE, 3);
    put_tiff("other.tif", SIDE + 8, 3);
    put_tiff("small.tif", 20, 3);
    put_tiff("nan.tif", SIDE, NAN);
    put_tiff("three.tif", 3, 3);
    put_tags_first("short.tif", SIDE, 1200);
    put_tags_first("claims.tif", 65536, 1200);
    place_put("empty.png", "", 0);
    place_put("text.png", "hello", 5);
    place_put("huge.png", huge_png, sizeof huge_png);
    assert_int_equal(
        place_shell(
            "head -c 900 ok.tif > cut.tif; mkdir nopair folder.tif; mkdir -p good/images good/labels;"
            "for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do cp ok.tif good/images/p$i.tif; cp ok.tif "
            "good/labels/p$i.tif; done;"
            "for k in empty text huge; do cp -r good $k; rm $k/images/p3.tif; cp $k.png $k/images/p3.png; done;"
            "for k in nan small cut; do cp -r good $k; cp $k.tif $k/images/p3.tif; done;"
            "cp -r good size; cp other.tif size/labels/p3.tif; cp -r good nolabel; rm nolabel/labels/p3.tif; mkdir "
            "nopair/images nopair/labels"),
        0);
}

static int setup(void **state)
{
    if (getenv("SG_TEST_COMMAND") == NULL || place_make(state) != 0) return -1;
    place_put("tiny.yaml", tiny, sizeof tiny - 1);
    make_pictures();
    return place_shell("$SG train tiny.yaml -q --no-report -o run 2> err && cp -r run kept");
}

/* ---- one case ---- */

typedef struct bad {
    const char *command; /* $SG ...; what it writes is called `new` */
    const char *says;    /* a part of the one line */
    int code;
} bad;

/* `new` must not exist afterwards. */
static void refused(const bad *b)
{
    char line[1024];
    (void)snprintf(line, sizeof line, "( %s ) > out 2> err", b->command);
    const int code = place_shell(line);
    char *text = place_get("err");
    const char *newline = strchr(text, '\n');
    if (code != b->code) fail_msg("%s: exit code %d, not %d: %s", b->command, code, b->code, text);
    if (newline == NULL || newline[1] != 0) fail_msg("%s: not one line: %s", b->command, text);
    if (strstr(text, b->says) == NULL) fail_msg("%s: '%s' does not say '%s'", b->command, text, b->says);
    sg_free(text);
    if (place_shell("test ! -e new && test -z \"$(ls -d new* *.tmp-* */*.tmp-* 2> /dev/null)\"") != 0)
        fail_msg("%s: left something behind", b->command);
}

#define REFUSED(list)                                                                                                  \
    for (size_t i = 0; i < sizeof(list) / sizeof(list)[0]; i++) refused(&(list)[i])
#define TRAIN "$SG train tiny.yaml -q --no-report -o new "
#define DATA  TRAIN "--set dataset.kind=folder --set dataset.path="

static void bad_datasets_are_refused(void **state)
{
    static const bad list[] = {
        {DATA "size", "size/labels/p3.tif: 48 x 48 pixels, but its image", 1},
        {DATA "nopair", "nopair: no pairs of images/ and labels/", 1},
        {DATA "nan", "nan/images/p3.tif: NaN at page 0, row 3, column 5", 1},
        {DATA "small", "small/images/p3.tif: 20 x 20 pixels are smaller than the sample of 32 x 32", 1},
        {DATA "cut", "cut/images/p3.tif: ", 1},
        {DATA "empty", "empty/images/p3.png: the file is empty", 1},
        {DATA "text", "text/images/p3.png: not a", 1},
        {DATA "huge", "huge/images/p3.png: ", 1},
        {DATA "nolabel", "nolabel/images/p3.tif: no label 'p3'", 1},
        {DATA "none", "none: no such folder", 1},
    };
    (void)state;
    REFUSED(list);
}

static void bad_settings_are_refused(void **state)
{
    static const bad list[] = {
        {TRAIN "--set camera.bit_depth=0", "--set: camera.bit_depth: 0 is outside 1..16", 2},
        {TRAIN "--set camera.bit_depth=17", "--set: camera.bit_depth: 17 is outside 1..16", 2},
        {TRAIN "--set optics.na=-0.1", "--set: optics.na: -0.1 is outside 0.001..1.7", 2},
        {TRAIN "--set illumination.pitch_na=.9", "--set: illumination.pitch_na: an LED has illumination NA", 2},
        {TRAIN "--set sample.pixel_um=5", "--set: sample.pixel_um: 5 um is too coarse for LED", 2},
        {TRAIN "--set camera.pixel_um=1.03", "--set: camera.pixel_um: 1.03 um gives", 2},
        {TRAIN "--set sample.size_px=33", "tiny.yaml:4: camera.pixel_um: 1 um gives 16.5 pixels", 2},
        {TRAIN "--set camera.bit_depth=2 --set camera.offset_adu=0 --set camera.adc=thresholds --set "
               "'camera.adc_threshold_e=[5, 80, 20]'",
         "camera.adc_threshold_e: 20 e after 80 e; thresholds must ascend", 2},
        {TRAIN "--set camera.adc=thresholds --set 'camera.bit_pattern=[1, 9]'", "camera.bit_pattern: 9 is outside 1..8",
         2},
        {TRAIN "--set camera.adc=thresholds --set camera.bit_map=ok.tif",
         "ok.tif is 40 x 40, the camera 16 x 16 pixels", 1},
        {TRAIN "--set camera.kind=spad --set camera.dark_count_map=nan.tif", "nan.tif", 1},
        {TRAIN "--set camera.frames=0", "--set: camera.frames: 0 is outside 1..10000", 2},
        {TRAIN "--set camera.pixl_um=1", "did you mean camera.pixel_um?", 2},
        {TRAIN "--set camera.offset_adu=300", "--set: camera.offset_adu: 300 is outside 0..254", 2},
        {TRAIN "--set network.depth=6",
         "--set: network.depth: 6 poolings need a picture of at least 64 px, the camera gives 16", 2},
        {TRAIN "--set dataset.kind=stack", "--set: dataset.kind: stack and sample.kind", 2},
        {TRAIN "--set illumination.geometry=csv", "tiny.yaml: illumination.csv: geometry csv needs a table", 2},
        {TRAIN "--set sample.size_px=8192 --set train.batch_size=4096", "is empty or larger than 65536 MiB", 1},
        {TRAIN "--set sample.size_px=2048 --set train.batch_size=500", "nn.recompute: true needs", 1},
        {TRAIN "--set optics.wavelength_um=nan", "optics.wavelength_um: 'nan' is not a", 2},
        {"$SG train none.yaml -o new", "none.yaml: cannot read: No such file", 2},
        {"$SG train tiny.yaml", "-o FOLDER is missing", 2},
        {"$SG bench --set network.depth=6 --set sample.size_px=32", "--set: network.depth: 6 poolings", 2},
        {"$SG bench nn --set network.depth=6 --set sample.size_px=32", "--set: network.depth: 6 poolings", 2},
        {"$SG bench nn none.yaml", "none.yaml: cannot read: No such file", 2},
        {"$SG bench nn tiny.yaml --set sample.size_px=2048 --set train.batch_size=500", "nn.recompute: true needs", 1},
        {"$SG bench nn tiny.yaml more.yaml", "unexpected argument 'more.yaml'", 2},
        {"$SG bench tiny.yaml more.yaml", "unexpected argument 'more.yaml'", 2},
        {"$SG bench physics tiny.yaml", "unexpected argument 'tiny.yaml'", 2},
    };
    (void)state;
    REFUSED(list);
}

#define SIMULATE "$SG simulate tiny.yaml -o new.h5 -i "
#define PREDICT  "$SG predict run -o new.tif "
/* What no simulation can mean: refused with the numbers and what would do. 1e12 photons have a meaning:
 * test_camera.c. */
static void impossible_physics_is_refused(void **state)
{
    static const char emission[] = TRAIN "--set sample.kind=incoherent ";
    static const struct impossible {
        bool emits;
        const char *set, *says;
        int code;
    } list[] = {
        /* sampling that aliases */
        {false, "--set sample.pixel_um=2 --set camera.pixel_um=4", "NA 0.1 at 0.53 um; a pitch up to 1.893 um would do",
         2},
        {true, "--set sample.pixel_um=4 --set camera.pixel_um=8", "sample.pixel_um: 4 um is too coarse for NA 0.1", 2},
        {false,
         "--set sample.pixel_um=1000 --set camera.pixel_um=8190 --set optics.magnification=.001 --set "
         "sample.size_px=8190 --set optics.wavelength_um=.01 --set optics.na=.9",
         "camera.pixel_um: 1 pixels need", 2},
        /* evanescent LEDs */
        {false, "--set illumination.geometry=csv --set illumination.csv=steep.csv", "NA 1.2, which must be below 1", 2},
        {false, "--set optics.na=1.2", "optics.na: 1.2 is outside", 2},
        /* point spread functions beyond the field */
        {false, "--set optics.defocus_um=100",
         "20.1 um wide with its defocus, layers and mask, wider than the field of 16", 2},
        {false, "--set optics.na=.001", "optics.na: the point spread function is 646.4 um wide", 2},
        {false, "--set optics.psf_sigma_um=8", "32 um wide (4 sigma), wider than the field of 16 um; sample.size_px 64",
         2},
        {true, "--set optics.psf=gaussian --set optics.psf_sigma_um=8",
         "optics.psf_sigma_um: the point spread function", 2},
        {true, "--set optics.psf=airy --set optics.na=.001", "optics.psf: the point spread function is 646.4 um", 2},
        {true, "--set optics.psf=gibson_lanni --set optics.na=.2 --set optics.coverslip_um=10000",
         "wider than the field", 2},
        {true, "--set optics.psf=taps --set optics.psf_size_px=33", "optics.psf_size_px: 33 taps are wider", 2},
        {true, "--set optics.psf=measured --set optics.psf_file=ok.tif --set optics.psf_pixel_um=1",
         "optics.psf_file: ", 2},
        {true, "--set optics.psf=measured --set optics.psf_file=ok.tif --set optics.psf_pixel_um=1e-4",
         "optics.psf_pixel_um: 0.0001 um makes the picture of a point 0.004 um wide", 2},
        /* maps */
        {false, "--set camera.prnu_map=ok.tif --set camera.map_row_px=30", "40 x 40 pixels, the sensor needs 16 x 16",
         1},
        {false, "--set camera.dark_map=nan.tif", "camera.dark_map: ", 1},
        {false, "--set camera.dark_map=ok.tif:2", "the file has 1 page, the first one is :1", 1},
        {false, "--set camera.dark_map=ok.tif:999999999", "the file has 1 page, the first one is :1", 1},
        {false, "--set camera.cfa=file --set camera.cfa_file=none.npy --set optics.colours_um=[.5,.6]",
         "camera.cfa_file: ", 1},
        {false, "--set optics.pupil_file=nan.tif", "optics.pupil_file: ", 1},
        /* light and electrons */
        {false, "--set illumination.dose_ph=0", "illumination.dose_ph: 0 is outside 0.001..1e+09", 2},
        {false, "--set illumination.constraint=box --set illumination.exposure_s=0", "illumination.exposure_s: 0 is",
         2},
        {false,
         "--set illumination.constraint=box --set illumination.flux_ph_per_s=1e12 --set illumination.exposure_s=100",
         "make 1e+14 electrons a pixel, more than 1e12; an exposure_s up to 1 would do", 2},
        {false, "--set camera.exposure_s=1e5 --set camera.dark_e_per_s=1e6", "1e+11 electrons a pixel, more than 1e7",
         2},
        {false, "--set camera.exposure_s=1e12", "camera.exposure_s: 1e12 is outside 0..100000", 2},
        /* spectra that do not overlap */
        {true, "--set sample.dyes=EGFP --set optics.colours_um=[.7] --set optics.filter_width_um=[.02]",
         "EGFP emits around 0.507 um, where no filter passes", 2},
        {true, "--set sample.dyes=EGFP --set optics.colours_um=[.51,.9] --set optics.filter_width_um=[.02]",
         "filter 2, 0.89..0.91 um, passes less than", 2},
    };
    (void)state;
    place_put_text("steep.csv", "na_x,na_y\n1.2,0\n0,0\n");
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        char command[512];
        (void)snprintf(command, sizeof command, "%s%s", list[i].emits ? emission : TRAIN, list[i].set);
        refused(&(bad){command, list[i].says, list[i].code});
    }
}

static void bad_pictures_are_refused(void **state)
{
    static const bad list[] = {
        {SIMULATE "none.png", "none.png: cannot", 1},
        {SIMULATE "empty.png", "empty.png: the file is empty", 1},
        {SIMULATE "huge.png", "huge.png: ", 1},
        {SIMULATE "cut.tif", "cut.tif: ", 1},
        {SIMULATE "nan.tif", "nan.tif: NaN at", 1},
        {SIMULATE "small.tif", "small.tif: 20 x 20 px is smaller than the sample grid of 32 x 32", 1},
        {"$SG simulate tiny.yaml -i ok.tif -o none/new.h5", "none/new.h5: cannot write", 1},
        {"$SG simulate tiny.yaml --set optics.na=-1 -i ok.tif -o new.h5", "optics.na: -1 is outside", 2},
        {PREDICT "-i empty.png", "empty.png: the file is empty", 1},
        {PREDICT "-i ok.tif -i nan.tif", "nan.tif: NaN at", 1},
        {PREDICT "-m -i ok.tif -i other.tif", "other.tif: 48 x 48 px, the pictures before it gave 40 x 40", 1},
        {PREDICT "-m -i cut.tif", "cut.tif: ", 1},
        {PREDICT "-m -i short.tif",
         "short.tif: cannot read the strip of page 0 that begins at row 20: the TIFF file is truncated", 1},
        {PREDICT "-m -i nan.tif", "nan.tif: NaN at page 0, row 3, column 5", 1},
        {PREDICT "-m -i claims.tif", "claims.tif: damaged: a file of ", 1},
        {PREDICT "-m -i three.tif", "three.tif: 3 x 3 px is smaller than 4, the coarsest pixel of the network", 1},
        {PREDICT "-m -i none.tif", "none.tif: cannot read: No such file", 1},
        {PREDICT "-m -i good", "good: a folder; one picture is needed", 1},
        {PREDICT "-m -i run/log.csv", "run/log.csv: the extension is none of", 1},
        {"$SG simulate tiny.yaml -i ok.tif -o new.png", "-o new.png: what is written is HDF5 or TIFF", 2},
        {"$SG predict run -i ok.tif -o new.png", "-o new.png: what is written is TIFF: OUT.tif", 2},
        {"$SG predict run -i ok.tif -o new.csv", "-o new.csv: what is written is TIFF: OUT.tif", 2},
        {PREDICT "-m -i folder.tif", "folder.tif: cannot read: it is a folder", 1},
        {PREDICT "-m -i ok.tif --tile 20", "a tile of 20 px is smaller than the receptive field of this network", 2},
        {PREDICT "-m -i ok.tif --tile 64 --overlap 32", "has nothing left between overlaps of 32 px on both sides; 68",
         2},
        {PREDICT "-m -i ok.tif --set network.depth=1", "only keys that begin with nn., dataset.axes", 2},
        {PREDICT "-m -i ok.tif --set nn.precision=f64", "nn.precision", 2},
        {"mkfifo pipe.tif; " PREDICT "-m -i pipe.tif", "pipe.tif: cannot read: a TIFF picture must be a regular", 1},
        {"$SG predict run -m -i ok.tif -o /dev/full", "/dev/full: cannot write: No space left", 1},
        {PREDICT, "-i IMAGE and -o OUT.tif are needed", 2},
        {"$SG predict run -i ok.tif -o none/new.tif", "none/new.tif: cannot", 1},
    };
    (void)state;
    REFUSED(list);
}

static void folders_that_are_no_run_are_refused(void **state)
{
    static const bad list[] = {
        {"$SG evaluate good", "good: not a run folder", 2},
        {"$SG evaluate none", "none: not a run folder", 2},
        {"cp -r run half && rm half/weights.safetensors half/DONE; $SG evaluate half", "half: the run is not finished",
         2},
        {"cp -r run hurt && head -c 3000 run/weights.safetensors > hurt/weights.safetensors; $SG evaluate hurt",
         "hurt/weights.safetensors: ", 1},
        {"$SG predict hurt -i ok.tif -o new.tif", "hurt/weights.safetensors: ", 1},
        {"cp -r run edited && sed -i 's/read_noise_e: 2/read_noise_e: 3/' edited/config.yaml; $SG evaluate edited",
         "edited/config.yaml: was changed after the training: 'read_noise_e: 3', trained with 'read_noise_e: 2'", 2},
        {"$SG evaluate run --split exam", "--split: 'exam' is not one of train, validation, test", 2},
        {"$SG evaluate run --set network.depth=1", "--set network.depth=1: only dataset.axes", 2},
        {"$SG report nopair -o new.html", "nopair", 1},
        {"mkdir torn; head -c 3000 run/results.h5 > torn/results.h5; $SG report torn -o new.html", "results.h5", 1},
    };
    (void)state;
    REFUSED(list);
}

static void older_results_stay(void **state)
{
    static const bad list[] = {
        {"$SG train tiny.yaml -q --no-report -o run", "run: the folder holds a run already; --resume", 2},
        {"$SG train tiny.yaml -q --no-report -o run --resume --set camera.bit_depth=9",
         "run: holds a run of another configuration", 2},
        {"$SG evaluate run -o /dev/full", "/dev/full: cannot write: No space left", 1},
    };
    (void)state;
    REFUSED(list);
    assert_int_equal(place_shell("diff -r run kept"), 0);
    assert_int_equal(place_shell("$SG train tiny.yaml -q --no-report -o run --resume && diff -r run kept"), 0);
}

/* RLIMIT_FSIZE is the full disk that everybody may make. */
static void a_full_disk_leaves_the_older_file(void **state)
{
    static const bad list[] = {
        {"ulimit -f 2; $SG simulate tiny.yaml -i ok.tif -o old.h5", "old.h5: cannot write: File too large", 1},
        {"ulimit -f 2; $SG predict run -m -i ok.tif -o old.h5", "old.h5: cannot write: File too large", 1},
        {"$SG train tiny.yaml -q --no-report -o ok.tif/new", "ok.tif: cannot make the folder", 1},
    };
    (void)state;
    place_put("old.h5", "old", 3);
    /* the shell's own files must stay below the limit too: they are empty before */
    for (int i = 0; i < 3; i++) {
        refused(&list[i]);
        assert_int_equal(place_shell("test \"$(cat old.h5)\" = old"), 0);
    }
}

static void two_processes_do_not_share_a_folder(void **state)
{
    static const bad locked = {"mkdir shared; flock shared -c \"$SG train tiny.yaml -q --no-report -o shared\"",
                               "shared: another process is training", 2};
    (void)state;
    if (place_shell("command -v flock > /dev/null") != 0) skip();
    refused(&locked);
    assert_int_equal(place_shell("test -z \"$(ls shared)\""), 0);
}

static void a_failing_arm_leaves_the_others(void **state)
{
    static const char arms[] =
        "sweep:\n  seeds: [1]\n  arms:\n    good: {camera.bit_depth: 8}\n    bad: {network.depth: 6}\n";
    char text[sizeof tiny + sizeof arms];
    (void)state;
    (void)snprintf(text, sizeof text, "%s%s", tiny, arms);
    place_put("exp.yaml", text, strlen(text));
    assert_int_equal(place_shell("$SG demo exp.yaml -q -j 1 -o exp > out 2> err"), 3);
    assert_int_equal(place_shell("grep -q 'failed: exp/runs/.* (bad seed 1): exit code 2: .*network.depth: 6 poolings' "
                                 "err && grep -q '1 of 2 runs failed' err"),
                     0);
    assert_int_equal(place_shell("test -s exp/report.html && test $(ls exp/runs/*/DONE | wc -l) = 1 && test $(ls -d "
                                 "exp/runs/*/ | wc -l) = 1"),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_datasets_are_refused),
        cmocka_unit_test(bad_settings_are_refused),
        cmocka_unit_test(impossible_physics_is_refused),
        cmocka_unit_test(bad_pictures_are_refused),
        cmocka_unit_test(folders_that_are_no_run_are_refused),
        cmocka_unit_test(older_results_stay),
        cmocka_unit_test(a_full_disk_leaves_the_older_file),
        cmocka_unit_test(two_processes_do_not_share_a_folder),
        cmocka_unit_test(a_failing_arm_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, setup, place_remove);
}
