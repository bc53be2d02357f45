/* test_sensor.c - cameras as a whole: presets, maps of their pixels from files and drawn, offsets that learn,
 * extremes. */
#include "lab.h"
#include "place.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/image.h"
#include "datasets/npy.h"
#include "physics/camera.h"
#include "pipeline/config.h"
#include "pipeline/sweep_file.h"

#include <stdlib.h>

enum { SIDE = 32, PIXELS = SIDE * SIDE };

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

static sg_config read_config(const char *text)
{
    sg_config config;
    must(sg_file_write(place_path("camera.yaml"), text, strlen(text)));
    must(sg_config_read(&config, place_path("camera.yaml")));
    return config;
}

/* ---- presets ---- */

/* A preset fills what the file does not say, wherever it stands. */
static void test_presets(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "camera: {read_noise_e: 3, preset: scmos}\n",
        "camera: {preset: scmos, read_noise_e: 3}\n",
        "camera.read_noise_e: 3\ncamera.preset: scmos\n",
    };
    for (int i = 0; i < 3; i++) {
        const sg_camera_config camera = read_config(texts[i]).microscope.camera;
        assert_true(camera.read_noise_e == 3 && camera.qe == .82 && camera.full_well_e == 30000);
        assert_true(camera.bit_depth == 16 && fabs(camera.range_e - .46 * 65535) < 1e-9);
    }
    sg_config config = read_config("camera: {read_noise_e: 3}\n");
    must(sg_config_set(&config, "camera.preset=emccd", "--set"));
    assert_true(config.microscope.camera.em_gain == 300 && config.microscope.camera.read_noise_e == 50);
    /* what was written reads back as the same camera */
    char *full;
    must(sg_config_set(&config, "camera.qe=.5", "--set"));
    must(sg_config_write(&full, &config, SG_CONFIG_FULL));
    const sg_camera_config again = read_config(full).microscope.camera;
    sg_free(full);
    assert_true(again.preset == SG_PRESET_EMCCD && again.qe == .5 && again.em_gain == 300);
}

/* In a sweep, too: arms give a preset and what differs from it in any order. */
static void test_preset_arms(void **state)
{
    (void)state;
    static const char text[] = "sweep:\n  arms:\n    a: {camera.qe: .3, camera.preset: ideal}\n";
    sg_sweep *sweep;
    sg_config config;
    must(sg_file_write(place_path("arms.yaml"), text, strlen(text)));
    must(sg_sweep_read(&sweep, place_path("arms.yaml"), NULL, 0));
    must(sg_sweep_config(&config, sweep, 0));
    sg_sweep_free(sweep);
    assert_true(config.microscope.camera.qe == .3 && config.microscope.camera.read_noise_e == 0);
}

/* ---- maps ---- */

static const char base[] = "sample: {size_px: 64, pixel_um: .5, background_rad: 0}\n"
                           "illumination: {pattern: center, dose_ph: 1000}\n"
                           "camera: {shot: none, read_noise_e: 0, range_e: 4095, bit_depth: 12, normalise: range%s}\n";

/* The stage of an empty field under one LED: 1000 electrons a pixel. */
static sg_status run_stage(float out[PIXELS], const char *camera, const char *stage)
{
    char text[1024];
    (void)snprintf(text, sizeof text, base, camera);
    const sg_config config = read_config(text);
    sg_microscope_stages stages;
    sg_graph *g = sg_graph_new();
    sg_model *model;
    sg_plan *plan = NULL;
    const sg_plan_options options = {.backward = false};
    const sg_value in = sg_input(g, "sample", SG_SHAPE(1, 1, 64, 64));
    const sg_value root = sg_microscope(g, in, &config.microscope, true, &stages);
    const sg_value value = sg_stage_value(&stages, stage);
    must(sg_model_new(&model, 1));
    sg_status status = sg_plan_make(&plan, g, model, value.id < 0 ? root : value, &options);
    if (status == SG_OK) status = sg_plan_forward(plan);
    if (status == SG_OK) memcpy(out, sg_plan_root(plan), PIXELS * sizeof *out);
    sg_plan_free(plan);
    sg_graph_free(g);
    sg_model_free(model);
    return status;
}

static void write_map(const char *name, int height, int width)
{
    float *map = malloc((size_t)height * (size_t)width * sizeof *map);
    for (int i = 0; i < height * width; i++) map[i] = (float)(1 + .01 * (i / width) + .001 * (i % width));
    must(sg_npy_write(place_path(name), map, 1, height, width));
    free(map);
}

/* A map of the sensor's size, and the window of a larger one. */
static void test_maps(void **state)
{
    (void)state;
    float e[PIXELS];
    write_map("fits.npy", SIDE, SIDE);
    write_map("large.npy", SIDE + 10, SIDE + 20);
    static const struct {
        const char *camera;
        int row, column;
        double light, per_unit, none;
    } table[] = {
        {", prnu_map: fits.npy", 0, 0, 0, 1000, 0},
        {", prnu_map: large.npy, map_row_px: 10, map_column_px: 3", 10, 3, 0, 1000, 0},
        {", dsnu_map: fits.npy", 0, 0, 1000, 1, 0},
        {", dark_map: fits.npy, exposure_s: 20, dark_e_per_s: 7", 0, 0, 1000, 20, 0},
    };
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        must(run_stage(e, table[t].camera, "electrons"));
        for (int i = 0; i < PIXELS; i++) {
            const double map = 1 + .01 * (i / SIDE + table[t].row) + .001 * (i % SIDE + table[t].column);
            const double want = table[t].light + table[t].per_unit * map;
            lab_near((double)e[i], want, 1e-5 * want, table[t].camera, i);
        }
    }
}

static void refuses(const char *camera, const char *word)
{
    float e[PIXELS];
    if (run_stage(e, camera, "electrons") == SG_OK) fail_msg("%s: accepted", camera);
    if (!strstr(sg_error_text(), word)) fail_msg("%s: '%s' lacks '%s'", camera, sg_error_text(), word);
}

static void test_maps_refused(void **state)
{
    (void)state;
    float bad[PIXELS] = {0};
    write_map("small.npy", SIDE - 1, SIDE);
    refuses(", prnu_map: small.npy", "camera.prnu_map");
    refuses(", prnu_map: small.npy", "has 31 x 32 pixels, the sensor needs 32 x 32");
    write_map("large.npy", SIDE + 10, SIDE + 20);
    refuses(", dsnu_map: large.npy, map_row_px: 11", "42 x 52 pixels, the sensor needs 32 x 32 from row 11");
    bad[70] = NAN;
    must(sg_npy_write(place_path("nan.npy"), bad, 1, SIDE, SIDE));
    refuses(", read_noise_map: nan.npy", "row 2, column 6");
    bad[70] = -1;
    must(sg_npy_write(place_path("minus.npy"), bad, 1, SIDE, SIDE));
    refuses(", read_noise_map: minus.npy", "-1 in row 2, column 6 is outside 0..");
    refuses(", dark_map: none.npy", "camera.dark_map");
}

static double rms(const float *x, double mean)
{
    double sum = 0;
    for (int i = 0; i < PIXELS; i++) sum += ((double)x[i] - mean) * ((double)x[i] - mean);
    return sqrt(sum / PIXELS);
}

/* Drawn maps have the spread asked for, come from the sensor's seed alone, and are the same in every exposure. */
static void test_drawn(void **state)
{
    (void)state;
    float a[PIXELS], b[PIXELS];
    must(run_stage(a, ", prnu: .02", "electrons"));
    must(run_stage(b, ", prnu: .02, sensor_seed: 2", "electrons"));
    lab_near(rms(a, 1000), 20, 2, "rms of drawn sensitivities", 0);
    assert_memory_not_equal(a, b, sizeof a);
    must(run_stage(b, ", prnu: .02, sensor_seed: 1", "electrons"));
    assert_memory_equal(a, b, sizeof a);
    must(run_stage(a, ", dsnu_e: 5", "electrons"));
    lab_near(rms(a, 1000), 5, .5, "rms of drawn offsets", 0);
    must(run_stage(a, ", hot_fraction: .1, hot_e_per_s: 300, exposure_s: 1", "electrons"));
    int hot = 0;
    double sum = 0;
    for (int i = 0; i < PIXELS; i++) hot += a[i] > 1000.5f, sum += (double)a[i] - 1000;
    assert_in_range(hot, 70, 135);
    lab_near(sum / hot, 300, 100, "mean of hot pixels", hot);
    must(run_stage(a, ", hot_fraction: .1, hot_e_per_s: 300, exposure_s: 0", "electrons"));
    for (int i = 0; i < PIXELS; i++) lab_near((double)a[i], 1000, 1e-3, "hot pixels without time", i);
}

/* gain_e_per_adu stands for range_e. */
static void test_gain(void **state)
{
    (void)state;
    float adu[PIXELS];
    must(run_stage(adu, ", gain_e_per_adu: .5, offset_adu: 3", "adu"));
    for (int i = 0; i < PIXELS; i++) lab_near((double)adu[i], 2003, 0, "ADU", i);
}

/* ---- extremes: the mean is cut to 0 .. 1e7 electrons; codes end at 0 and 2^b - 1 ---- */

static void test_extremes(void **state)
{
    (void)state;
    static const double light[] = {0, 1e5, 1e12};
    static const sg_shot shots[] = {SG_SHOT_NONE, SG_SHOT_GAUSSIAN, SG_SHOT_POISSON};
    for (int k = 0; k < 9; k++) {
        const sg_camera_attr attr = {.electrons = 1,
                                     .read_noise_e = 0,
                                     .offset_adu = 7,
                                     .shot = shots[k % 3],
                                     .bit_depth = 12,
                                     .stop_after = SG_CAMERA_ADC};
        sg_graph *g = sg_graph_new();
        const sg_value image = sg_variable(g, "image", SG_SHAPE(1, 1, 4, 4), false),
                       range = sg_input(g, "range_e", SG_SHAPE(1, 1, 1, 1));
        lab l = lab_open(g, sg_camera(g, image, range, &attr), false, true);
        float *x = sg_plan_input(l.plan, "image"), ones[16];
        for (int i = 0; i < 16; i++) x[i] = (float)light[k / 3], ones[i] = 1;
        *(float *)sg_plan_input(l.plan, "range_e") = 4095;
        const float *adu = lab_run(&l);
        for (int i = 0; i < 16; i++) assert_true(adu[i] == (k / 3 == 0 ? 7 : 4095));
        must(sg_plan_backward_from(l.plan, ones));
        const float *grad = sg_plan_input_grad(l.plan, "image");
        for (int i = 0; i < 16; i++) assert_true(isfinite(grad[i]) && (k / 3 == 0 || grad[i] == 0));
        lab_close(&l);
    }
}

/* ---- measured maps: a relative sensitivity, an offset and a variance of every pixel, cut to the sensor ---- */

/* The rms of what read noise adds, each pixel in units of its own number in the map: 1. */
static double noise_ratio(const float *e, const char *path)
{
    sg_image map;
    double sum = 0;
    must(sg_image_read(&map, path));
    for (int i = 0; i < PIXELS; i++) {
        const double sigma = (double)map.data[i / SIDE * map.width + i % SIDE];
        sum += pow(((double)e[i] - 1000) / sigma, 2);
    }
    sg_image_free(&map);
    return sqrt(sum / PIXELS);
}

/* Means and spreads of the windows as NumPy has them (python3, Pillow for the PNG). The numbers of the variance map
 * serve as standard deviations here: what counts is that each pixel gets its own. */
static void test_measured_maps(void **state)
{
    (void)state;
    char path[512], camera[1200], map[800];
    const char *source = getenv("SG_TEST_SOURCE");
    (void)snprintf(path, sizeof path, "%s/../shared/data/sensor_noise/dev", source ? source : ".");
    char *folder = realpath(path, NULL);
    if (!folder) {
        print_message("# ../shared/data/sensor_noise is not there\n");
        skip();
    }
    float e[PIXELS];
    (void)snprintf(camera, sizeof camera, ", prnu_map: %s/acsn_gain_map_256x256_float64.npy, map_row_px: 60", folder);
    must(run_stage(e, camera, "electrons"));
    lab_near(sg_sum_f32(e, PIXELS) / PIXELS, 990.696957, 5e-3, "mean with the sensitivity map", 0);
    lab_near(rms(e, 990.696957), 57.306909, 5e-3, "rms with the sensitivity map", 0);
    (void)snprintf(camera, sizeof camera, ", dsnu_map: %s/acsn_offset_map_256x256_uint8.png", folder);
    must(run_stage(e, camera, "electrons"));
    lab_near(sg_sum_f32(e, PIXELS) / PIXELS, 1092.669922, 5e-3, "mean with the offset map", 0);
    lab_near(rms(e, 1092.669922), 4.421895, 5e-3, "rms with the offset map", 0);
    (void)snprintf(map, sizeof map, "%s/ncs_variance_map_512x512_float64.npy", folder);
    (void)snprintf(camera, sizeof camera, ", read_noise_map: %s", map);
    must(run_stage(e, camera, "electrons"));
    lab_near(noise_ratio(e, map), 1, 4 / sqrt(2. * PIXELS), "noise in units of the map", 0);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets),      cmocka_unit_test(test_preset_arms),   cmocka_unit_test(test_maps),
        cmocka_unit_test(test_maps_refused), cmocka_unit_test(test_drawn),         cmocka_unit_test(test_gain),
        cmocka_unit_test(test_extremes),     cmocka_unit_test(test_measured_maps),
    };
    return cmocka_run_group_tests_name("sensor", tests, place_make, place_remove);
}
