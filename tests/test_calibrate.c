/* test_calibrate.c - `scopegrad calibrate camera` on simulated flats: what it finds is what the frames were made
 * with. */
#include "lab.h"
#include "place.h"

#include "core/memory.h"
#include "core/rng.h"
#include "datasets/image.h"
#include "datasets/npy.h"
#include "physics/camera.h"
#include "pipeline/config.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 64, PIXELS = SIDE * SIDE, BATCH = 50, DARK_FRAMES = 1000, FLAT_FRAMES = 200, LEVELS = 9 };

static const double GAIN = 1.7, OFFSET = 100, READ_E = 2.5, WELL_E = 5000, PRNU = .02, DSNU_E = 3;
static float prnu[PIXELS], dsnu[PIXELS], read_e[PIXELS];

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* The sensor: sensitivities and offsets normal, read noise lognormal around READ_E (rms). */
static void make_sensor(void)
{
    const sg_rng rng = sg_rng_make(5, SG_RNG_TEST, 1, 0, 0);
    double square = 0;
    for (uint32_t i = 0; i < PIXELS; i++) {
        prnu[i] = (float)(PRNU * sg_rng_normal(&rng, i, 0));
        dsnu[i] = (float)(DSNU_E * sg_rng_normal(&rng, i, 1));
        read_e[i] = (float)exp(.4 * sg_rng_normal(&rng, i, 2));
        square += (double)read_e[i] * (double)read_e[i] / PIXELS;
    }
    for (int i = 0; i < PIXELS; i++) read_e[i] *= (float)(READ_E / sqrt(square));
}

static lab camera_lab(void)
{
    const sg_camera_attr attr = {.electrons = 1,
                                 .full_well_e = WELL_E,
                                 .offset_adu = OFFSET,
                                 .shot = SG_SHOT_POISSON,
                                 .bit_depth = 12,
                                 .stop_after = SG_CAMERA_ADC};
    const sg_shape map = SG_SHAPE(1, 1, SIDE, SIDE), one = SG_SHAPE(1, 1, 1, 1);
    sg_graph *g = sg_graph_new();
    const sg_camera_inputs in = {.image = sg_input(g, "image", SG_SHAPE(BATCH, 1, SIDE, SIDE)),
                                 .range_e = sg_input(g, "range_e", one),
                                 .offset_adu = SG_NONE,
                                 .prnu = sg_input(g, "prnu", map),
                                 .dark_e = SG_NONE,
                                 .read_noise_e = sg_input(g, "read", map),
                                 .dsnu_e = sg_input(g, "dsnu", map)};
    lab l = lab_open(g, sg_camera_with(g, &in, &attr), false, false);
    *(float *)sg_plan_input(l.plan, "range_e") = (float)(GAIN * 4095);
    memcpy(sg_plan_input(l.plan, "prnu"), prnu, sizeof prnu);
    memcpy(sg_plan_input(l.plan, "read"), read_e, sizeof read_e);
    memcpy(sg_plan_input(l.plan, "dsnu"), dsnu, sizeof dsnu);
    return l;
}

static void write_frames(const lab *l, double electrons, int frames, uint32_t first, const char *name)
{
    float *all = malloc((size_t)frames * PIXELS * sizeof *all), *x = sg_plan_input(l->plan, "image");
    uint32_t id[BATCH];
    assert_non_null(all);
    for (int i = 0; i < BATCH * PIXELS; i++) x[i] = (float)electrons;
    for (int k = 0; k < frames; k += BATCH) {
        for (uint32_t b = 0; b < BATCH; b++) id[b] = first + (uint32_t)k + b;
        const sg_step step = {.seed = 1, .sample_id = id};
        sg_plan_step_set(l->plan, &step);
        memcpy(all + (size_t)k * PIXELS, lab_run(l), BATCH * PIXELS * sizeof *all);
    }
    must(sg_npy_write(place_path(name), all, frames, SIDE, SIDE));
    free(all);
}

static double correlation(const float *a, const float *b)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < PIXELS; i++) ma += (double)a[i] / PIXELS, mb += (double)b[i] / PIXELS;
    for (int i = 0; i < PIXELS; i++) {
        const double x = (double)a[i] - ma, y = (double)b[i] - mb;
        ab += x * y, aa += x * x, bb += y * y;
    }
    return ab / sqrt(aa * bb);
}

static void check_map(const char *name, const float *truth, double least)
{
    sg_image map;
    must(sg_image_read(&map, place_path(name)));
    assert_true(map.height == SIDE && map.width == SIDE);
    const double c = correlation(map.data, truth);
    print_message("# %s: correlation with the truth %.5f\n", name, c);
    if (!(c > least)) fail_msg("%s: correlation %.5f", name, c);
    sg_image_free(&map);
}

static void test_camera(void **state)
{
    (void)state;
    char command[1024] = "calibrate camera --dark dark.npy --bits 12 -o found";
    make_sensor();
    lab l = camera_lab();
    write_frames(&l, 0, DARK_FRAMES, 0, "dark.npy");
    for (int k = 0; k < LEVELS; k++) { /* the last is beyond the full well */
        char name[32];
        (void)snprintf(name, sizeof name, "flat%d.npy", k);
        write_frames(&l, k + 1 == LEVELS ? 2 * WELL_E : .09 * WELL_E * (k + 1), FLAT_FRAMES, 10000u * (uint32_t)(k + 1),
                     name);
        (void)snprintf(command + strlen(command), sizeof command - strlen(command), " --flat %s", name);
    }
    lab_close(&l);
    assert_int_equal(place_run(command), 0);
    sg_config config;
    must(sg_config_read(&config, place_path("found/camera.yaml")));
    const sg_camera_config *c = &config.microscope.camera;
    print_message("# gain %.5f, read noise %.5f, full well %.5f of the truth; offset %.3f ADU off\n",
                  c->gain_e_per_adu / GAIN, c->read_noise_e / READ_E, c->full_well_e / WELL_E, c->offset_adu - OFFSET);
    lab_near(c->gain_e_per_adu / GAIN, 1, .005, "gain", 0);
    lab_near(c->read_noise_e / READ_E, 1, .02, "read noise", 0);
    lab_near(c->full_well_e / WELL_E, 1, .01, "full well", 0);
    lab_near(c->offset_adu, OFFSET, .1, "offset", 0);
    assert_int_equal(c->bit_depth, 12);
    check_map("found/dsnu_e.npy", dsnu, .99);
    check_map("found/read_noise_e.npy", read_e, .99);
    check_map("found/prnu.npy", prnu, .99);
    char *svg = place_get("found/photon_transfer.svg"), *png = place_get("found/photon_transfer.png");
    assert_true(strstr(svg, "<svg") && !memcmp(png, "\211PNG", 4));
    sg_free(svg);
    sg_free(png);
    char *out = place_get("out");
    assert_non_null(strstr(out, "PRNU"));
    lab_near(strtod(strstr(out, "PRNU") + 4, NULL), 100 * PRNU, 6 * PRNU, "PRNU in percent", 0);
    lab_near(strtod(strstr(out, "DSNU") + 4, NULL), DSNU_E, .1, "DSNU", 0);
    sg_free(out);
}

/* The configuration that it writes builds a camera with these maps. */
static void test_result_is_a_config(void **state)
{
    (void)state;
    sg_config config;
    must(sg_config_read(&config, place_path("found/camera.yaml")));
    must(sg_config_set(&config, "sample.size_px=128", "--set"));
    sg_graph *g = sg_graph_new();
    const sg_value root =
        sg_microscope(g, sg_input(g, "sample", SG_SHAPE(1, 1, 128, 128)), &config.microscope, false, NULL);
    lab l = lab_open(g, root, false, false);
    assert_non_null(sg_model_find(l.model, "camera.map.read_noise_e"));
    lab_close(&l);
}

static void refuses(const char *arguments, const char *word)
{
    assert_int_not_equal(place_run(arguments), 0);
    char *err = place_get("err");
    if (!strstr(err, word)) fail_msg("%s: '%s' lacks '%s'", arguments, err, word);
    sg_free(err);
}

static void test_refuses(void **state)
{
    (void)state;
    static const float small[2 * 9] = {1, 2, 3};
    must(sg_npy_write(place_path("small.npy"), small, 2, 3, 3));
    must(sg_npy_write(place_path("one.npy"), small, 1, 3, 3));
    refuses("calibrate lens", "cannot be calibrated");
    refuses("calibrate camera --dark dark.npy -o x", "at least two --flat");
    refuses("calibrate camera -d dark.npy -f small.npy -f flat1.npy -o x", "3 x 3 pixels beside others of 64 x 64");
    refuses("calibrate camera -d small.npy -f one.npy -f small.npy -o x", "at least 2 frames");
    refuses("calibrate camera -d dark.npy -f dark.npy -f dark.npy -o x", "light levels lie between dark");
    refuses("calibrate camera -d none.npy -f flat1.npy -f flat2.npy -o x", "none.npy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_camera),
        cmocka_unit_test(test_result_is_a_config),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests_name("calibrate", tests, place_make, place_remove);
}
