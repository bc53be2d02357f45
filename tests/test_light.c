/* test_light.c - the light that a configuration lights its sample with: levels of the array, random starts, positions
 * that are learned. */
#include "lab.h"

#include "core/memory.h"
#include "core/rng.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "physics/microscope.h"
#include "pipeline/config.h"
#include "place.h"
#include "refuse.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEDS = 81, ROWS = 2 };

static sg_microscope_config defaults(void)
{
    sg_config config;
    sg_config_defaults(&config);
    return config.microscope;
}

/* The weights (E, K) that a microscope uses, and the parameter behind them. */
typedef struct light {
    lab l;
    const float *weight;
    sg_param_info *param;
} light;

static light light_open(const sg_microscope_config *config)
{
    light x;
    sg_graph *g = sg_graph_new();
    const sg_value weight = sg_microscope_light(g, config);
    x.l = lab_open(g, weight, false, false);
    x.weight = lab_run(&x.l);
    x.param = sg_model_find(x.l.model, "microscope.led.weight");
    assert_non_null(x.param);
    return x;
}

static double sum_of(const float *x, size_t len)
{
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += (double)x[i];
    return sum;
}

static double most_of(const float *x, size_t len)
{
    double most = 0;
    for (size_t i = 0; i < len; i++) most = (double)x[i] > most ? (double)x[i] : most;
    return most;
}

/* ---- levels ---- */

static light random_light(sg_light_constraint constraint, sg_levels levels)
{
    sg_microscope_config config = defaults();
    config.illumination.exposures = ROWS;
    config.illumination.pattern = SG_PATTERN_RANDOM;
    config.illumination.constraint = constraint;
    config.illumination.levels = levels;
    return light_open(&config);
}

/* Dose: y = c / sum c with c the nearest of 255 levels below the brightest LED, or c = 1 above half of it. */
static void levels_keep_the_dose(void **state)
{
    (void)state;
    for (int on_off = 0; on_off < 2; on_off++) {
        light x = random_light(SG_LIGHT_DOSE, on_off ? SG_LEVELS_ON_OFF : SG_LEVELS_BITS8);
        const size_t len = (size_t)LEDS * ROWS;
        const double most = most_of(x.param->value, len), top = most_of(x.weight, len);
        assert_int_equal(x.param->len, len);
        lab_near(sum_of(x.weight, len), 1, 1e-6, "dose", on_off);
        for (size_t i = 0; i < len; i++) {
            const double level = (double)x.weight[i] / top * (on_off ? 1 : 255);
            const double asked = (double)x.param->value[i] / most;
            lab_near(level, rint(level), 1e-4, "a whole level", (double)i);
            if (on_off)
                assert_int_equal(level > .5, asked > .5);
            else
                lab_near(level, 255 * asked, .5 + 1e-4, "the nearest level", (double)i);
        }
        lab_close(&x.l);
    }
}

static void levels_of_a_box(void **state)
{
    (void)state;
    for (int on_off = 0; on_off < 2; on_off++) {
        light x = random_light(SG_LIGHT_BOX, on_off ? SG_LEVELS_ON_OFF : SG_LEVELS_BITS8);
        for (size_t i = 0; i < (size_t)LEDS * ROWS; i++) {
            const double asked = (double)x.param->value[i], want = on_off ? asked > .5 : rint(255 * asked) / 255;
            lab_near((double)x.weight[i], want, 1e-7, "level", (double)i);
        }
        lab_close(&x.l);
    }
}

/* Without levels the parameter itself lights the sample. */
static void continuous_light_is_the_parameter(void **state)
{
    (void)state;
    light x = random_light(SG_LIGHT_DOSE, SG_LEVELS_CONTINUOUS);
    for (size_t i = 0; i < (size_t)LEDS * ROWS; i++) assert_true(x.weight[i] == x.param->value[i]);
    lab_close(&x.l);
}

/* Least squares on a pattern that the array cannot show: the levels go to the nearest one that it can. */
static void levels_are_learned(void **state)
{
    static const float want[9] = {0, 0, .25f, .25f, .25f, .25f, 0, 0, 0};
    sg_microscope_config config = defaults();
    const sg_optimiser_config adam = {SG_OPTIMISER_ADAM, .01, .9, .9, .999, 1e-8, 0, 0, SG_SCHEDULE_CONSTANT, 0, 1};
    (void)state;
    config.illumination.rows = config.illumination.columns = 3;
    config.illumination.pattern = SG_PATTERN_RANDOM;
    config.illumination.levels = SG_LEVELS_ON_OFF;
    config.illumination.learn = (sg_learn){true, .02};
    sg_graph *g = sg_graph_new();
    const sg_value weight = sg_microscope_light(g, &config);
    const sg_value target = sg_input(g, "target", SG_SHAPE(1, 1, 1, 9));
    sg_output(g, "weight", weight);
    lab l = lab_open(g, sg_mse(g, weight, target), false, true);
    memcpy(sg_plan_input(l.plan, "target"), want, sizeof want);
    (void)lab_run(&l);
    assert_true(sg_plan_loss(l.plan) > 1e-3); /* the random start is another pattern */
    for (int i = 0; i < 300; i++) {
        (void)lab_run(&l);
        assert_int_equal(sg_plan_backward(l.plan), SG_OK);
        assert_int_equal(sg_optimiser_step(l.model, l.plan, &adam, 1), SG_OK);
    }
    (void)lab_run(&l);
    const float *got = sg_plan_output(l.plan, "weight");
    for (int k = 0; k < 9; k++) lab_near((double)got[k], (double)want[k], 1e-6, "LED", k);
    lab_close(&l);
}

/* ---- starting patterns ---- */

/* random: uniform (0, 1) of the seed, divided by its sum (not projected: that would put out the darkest LEDs). */
static void a_random_start_is_scaled_to_the_dose(void **state)
{
    (void)state;
    light x = random_light(SG_LIGHT_DOSE, SG_LEVELS_CONTINUOUS);
    const sg_rng rng = sg_rng_make(1 ^ sg_rng_hash("microscope.led.weight"), SG_RNG_INIT, 0, 0, 0);
    const size_t len = (size_t)LEDS * ROWS;
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += sg_rng_uniform(&rng, (uint32_t)i, 0);
    for (size_t i = 0; i < len; i++)
        lab_near((double)x.weight[i], sg_rng_uniform(&rng, (uint32_t)i, 0) / sum, 2e-8, "share", (double)i);
    lab_close(&x.l);
}

static void with_pattern(sg_microscope_config *config, const char *text)
{
    place_put_text("pattern.csv", text);
    (void)snprintf(config->illumination.pattern_csv, sizeof config->illumination.pattern_csv, "%s",
                   place_path("pattern.csv"));
    config->illumination.pattern = SG_PATTERN_CSV;
}

static void bad_patterns_are_refused(void **state)
{
    static const struct bad {
        const char *text, *hint;
        sg_light_constraint constraint;
        sg_levels levels;
    } list[] = {
        {"0\n0\n0\n0\n", "lights none of the 4 LEDs", SG_LIGHT_DOSE, SG_LEVELS_CONTINUOUS},
        {"1\n0\n-1\n0\n", ":3: weight -1 is negative", SG_LIGHT_DOSE, SG_LEVELS_CONTINUOUS},
        {"1\n0\n1\n", "3 rows for 4 LEDs", SG_LIGHT_DOSE, SG_LEVELS_CONTINUOUS},
        {"1,1\n0,0\n1,1\n1,1\n", "one column for each of 1 exposures", SG_LIGHT_DOSE, SG_LEVELS_CONTINUOUS},
        {"led,weight_1,weight_2\n0,1,1\n1,0,1\n2,1,1\n3,1,1\n", "2 columns of weights, not 1", SG_LIGHT_DOSE,
         SG_LEVELS_CONTINUOUS},
        {"led,power\n0,1\n1,0\n2,1\n3,1\n", "1 exposures", SG_LIGHT_DOSE, SG_LEVELS_CONTINUOUS},
        {"3\n0\n0\n0\n", "weight 3 is above 1", SG_LIGHT_BOX, SG_LEVELS_CONTINUOUS},
        {".5\n.4\n0\n.2\n", "illumination.levels: on_off lights no LED", SG_LIGHT_BOX, SG_LEVELS_ON_OFF},
        {".001\n0\n0\n0\n", "illumination.levels: bits8 lights no LED", SG_LIGHT_BOX, SG_LEVELS_BITS8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        sg_microscope_config config = defaults();
        config.illumination.rows = config.illumination.columns = 2;
        config.illumination.constraint = list[i].constraint;
        config.illumination.levels = list[i].levels;
        config.illumination.flux_ph_per_s = 1e4;
        with_pattern(&config, list[i].text);
        refused(&config, list[i].hint);
    }
    sg_microscope_config beyond = defaults();
    beyond.illumination.pitch_na = .3; /* corners at 4 * .3 */
    refused(&beyond, "must be below 1");
}

/* A header with columns weight... picks them; without one the columns are the exposures. */
static void patterns_are_read_by_their_header(void **state)
{
    static const char *const texts[] = {
        "led,x_mm,weight_1,note,weight_2\n0,5,1,7,0\n1,5,0,7,3\n2,5,2,7,0\n3,5,0,7,2\n",
        "1,0\n0,3\n2,0\n0,2\n",
        "left,right\n1,0\n0,3\n2,0\n0,2\n",
    };
    static const double want[] = {1, 0, 2, 0, 0, 3, 0, 2};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sg_microscope_config config = defaults();
        config.illumination.rows = config.illumination.columns = 2;
        config.illumination.exposures = 2;
        with_pattern(&config, texts[i]);
        light x = light_open(&config);
        for (int k = 0; k < 8; k++) lab_near((double)x.weight[k], want[k] / 8, 1e-7, "weight", k);
        lab_close(&x.l);
    }
}

/* ---- positions ---- */

enum { POSITIONS = 9, EXPOSURES = 4, SIDE = 32 };

static sg_microscope_config exact_scope(void)
{
    sg_microscope_config config = defaults();
    config.sample.size_px = SIDE;
    config.sample.background_rad = 0;
    config.optics.edge = SG_EDGE_SMOOTH;
    config.illumination.rows = config.illumination.columns = 3;
    config.illumination.pitch_na = 0;
    config.illumination.pitch_mm = 4;
    config.illumination.height_mm = 100;
    config.illumination.sampling = SG_LED_EXACT;
    config.illumination.pattern = SG_PATTERN_RANDOM;
    config.illumination.exposures = EXPOSURES;
    config.illumination.learn_position = (sg_learn){true, .02};
    return config;
}

/* Mean squared difference of what the microscope images and "target". */
static lab position_lab(const sg_microscope_config *config)
{
    sg_microscope_stages stages;
    sg_microscope_size size;
    sg_graph *g = sg_graph_new();
    assert_int_equal(sg_microscope_check(&size, config), SG_OK);
    (void)sg_microscope(g, sg_input(g, "sample", SG_SHAPE(1, 1, SIDE, SIDE)), config, false, &stages);
    const sg_value image = sg_stage_value(&stages, "image");
    const sg_value target = sg_input(g, "target", SG_SHAPE(1, EXPOSURES, size.image_px, size.image_px));
    sg_output(g, "image", image);
    lab l = lab_open(g, sg_mse(g, image, target), false, true);
    float *sample = sg_plan_input(l.plan, "sample");
    for (int i = 0; i < SIDE * SIDE; i++) sample[i] = (float)(.5 + .5 * check_random("sample", 0, (size_t)i));
    return l;
}

static double worst_distance(const float *position, const float *truth)
{
    double worst = 0;
    for (int k = 0; k < POSITIONS; k++)
        worst = fmax(worst,
                     hypot((double)(position[2 * k] - truth[2 * k]), (double)(position[2 * k + 1] - truth[2 * k + 1])));
    return worst;
}

/* Images of four patterns of light; the LEDs start up to .5 mm off and return to where they were. */
static void positions_are_found_from_images(void **state)
{
    const sg_microscope_config config = exact_scope();
    const sg_optimiser_config adam = {SG_OPTIMISER_ADAM, .02, .9, .9, .999, 1e-12, 0, 0, SG_SCHEDULE_COSINE, 0, .01};
    float truth[2 * POSITIONS];
    (void)state;
    lab l = position_lab(&config);
    sg_param_info *position = sg_model_find(l.model, "microscope.led.position");
    const sg_shape shape = sg_plan_shape(l.plan, "image");
    assert_non_null(position);
    assert_int_equal(position->len, 2 * POSITIONS);
    memcpy(truth, position->value, sizeof truth);
    (void)lab_run(&l);
    memcpy(sg_plan_input(l.plan, "target"), sg_plan_output(l.plan, "image"), sg_shape_len(shape) * sizeof(float));
    for (size_t i = 0; i < position->len; i++) position->value[i] += (float)(.35 * check_random("position", 0, i));
    const double start = worst_distance(position->value, truth);
    for (int i = 0; i < 400; i++) {
        (void)lab_run(&l);
        assert_int_equal(sg_plan_backward(l.plan), SG_OK);
        assert_int_equal(sg_optimiser_step(l.model, l.plan, &adam, sg_schedule_factor(&adam, i, 400)), SG_OK);
    }
    const double end = worst_distance(position->value, truth);
    print_message("# LED positions: %.3f mm off at first, %.5f mm in the end\n", start, end);
    assert_true(start > .2 && end <= .01);
    lab_close(&l);
}

/* ---- files for other programs ---- */

static const char export_yaml[] =
    "illumination: {rows: 5, columns: 5, pattern: random, exposures: 2, dose_ph: 300, flux_ph_per_s: 2000}\n";

static cJSON *exported(const char *folder)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s/light.json", folder);
    char *text = place_get(name);
    cJSON *root = cJSON_Parse(text);
    assert_non_null(root);
    sg_free(text);
    return root;
}

/* Number `index` of the list `name` of an exposure. */
static double entry(const cJSON *root, int exposure, const char *name, int index)
{
    const cJSON *e = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "exposures"), exposure);
    const cJSON *value = cJSON_GetObjectItem(e, name);
    if (index >= 0) value = cJSON_GetArrayItem(value, index);
    assert_true(cJSON_IsNumber(value));
    return value->valuedouble;
}

/* pattern.csv as illumination.pattern_csv gives the same weights, also with the LEDs' places from the same file. */
static void exported_patterns_are_read_back(void **state)
{
    (void)state;
    place_put_text("light.yaml", export_yaml);
    assert_int_equal(place_run("export light.yaml -o first"), 0);
    assert_int_equal(place_run("export light.yaml --set illumination.pattern=csv "
                               "--set illumination.pattern_csv=first/pattern.csv --set illumination.geometry=csv "
                               "--set illumination.csv=first/pattern.csv -o second"),
                     0);
    cJSON *a = exported("first"), *b = exported("second");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(b, "leds")), 25);
    for (int e = 0; e < 2; e++)
        for (int k = 0; k < 25; k++) {
            lab_near(entry(b, e, "weight", k), entry(a, e, "weight", k), 3e-8, "weight", k);
            assert_true(entry(b, e, "level", k) == entry(a, e, "level", k));
        }
    for (int k = 0; k < 25; k++)
        for (int axis = 0; axis < 2; axis++) {
            const cJSON *led[2] = {cJSON_GetArrayItem(cJSON_GetObjectItem(a, "leds"), k),
                                   cJSON_GetArrayItem(cJSON_GetObjectItem(b, "leds"), k)};
            const char *name = axis ? "na_y" : "na_x";
            lab_near(cJSON_GetObjectItem(led[1], name)->valuedouble, cJSON_GetObjectItem(led[0], name)->valuedouble,
                     1e-12, name, k);
        }
    cJSON_Delete(a);
    cJSON_Delete(b);
}

/* Two colours with patterns of their own: rows of the table are exposures of the first colour, then of the second. */
static void patterns_of_colours_are_read_back(void **state)
{
    (void)state;
    place_put_text("light.yaml", export_yaml);
    assert_int_equal(place_run("export light.yaml --set optics.colours_um=[.5,.6] -o colours"), 0);
    assert_int_equal(place_run("export light.yaml --set optics.colours_um=[.5,.6] --set illumination.pattern=csv "
                               "--set illumination.pattern_csv=colours/pattern.csv -o again"),
                     0);
    assert_int_equal(
        place_shell(
            "for d in colours again; do cut -d, -f1,2,4,5 $d/exposures.csv > $d.txt; done; cmp colours.txt again.txt"),
        0);
    cJSON *a = exported("colours");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(a, "exposures")), 4);
    assert_true(entry(a, 0, "weight", 3) != entry(a, 2, "weight", 3));
    assert_true(entry(a, 1, "wavelength_um", -1) == .5 && entry(a, 2, "wavelength_um", -1) == .6);
    cJSON_Delete(a);
    assert_int_equal(place_run("export light.yaml --set illumination.pattern=csv "
                               "--set illumination.pattern_csv=colours/pattern.csv -o new"),
                     1);
    char *text = place_get("err");
    assert_non_null(strstr(text, "4 columns of weights, not 2"));
    sg_free(text);
}

/* The widest table there is, 16 colours of 8 exposures, comes back; a weight is 1/1152 on average. */
static void widest_patterns_are_read_back(void **state)
{
    (void)state;
    place_put_text("wide.yaml", "illumination: {rows: 3, columns: 3, pattern: random, exposures: 8}\n"
                                "optics: {colours_um: [.45, .46, .47, .48, .49, .5, .51, .52, .53, .54, .55, .56, .57, "
                                ".58, .59, .6]}\n");
    assert_int_equal(place_run("export wide.yaml -o wide"), 0);
    assert_int_equal(place_run("export wide.yaml --set illumination.pattern=csv "
                               "--set illumination.pattern_csv=wide/pattern.csv -o wide_again"),
                     0);
    assert_int_equal(place_shell("head -1 wide/pattern.csv | grep -q 'weight_c16_8$'"), 0);
    cJSON *a = exported("wide"), *b = exported("wide_again");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(b, "exposures")), 16 * 8);
    for (int row = 0; row < 16 * 8; row++)
        for (int k = 0; k < 9; k++) lab_near(entry(b, row, "weight", k), entry(a, row, "weight", k), 1e-9, "weight", k);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

/* Sum over the lines of exposures.csv of level/255, times exposure_s and flux: the dose. Levels are the nearest. */
static void exposure_lists_keep_the_dose(void **state)
{
    (void)state;
    place_put_text("light.yaml", export_yaml);
    assert_int_equal(place_run("export light.yaml -o list"), 0);
    cJSON *root = exported("list");
    char *text = place_get("list/exposures.csv"), *line = strchr(text, '\n') + 1;
    double dose = 0;
    int lines = 0, exposure, colour, led, level, consumed;
    for (double seconds;
         sscanf(line, "%d,%d,%lf,%d,%d\n%n", &exposure, &colour, &seconds, &led, &level, &consumed) == 5;
         line += consumed, lines++) {
        assert_true(level > 0 && level <= 255 && colour == 1);
        assert_true(entry(root, exposure - 1, "level", led) == level);
        dose += 2000 * seconds * level / 255;
    }
    assert_true(lines > 40 && *line == 0);
    lab_near(dose, 300, 1e-5, "dose", 0);
    for (int e = 0; e < 2; e++) {
        double most = 0;
        for (int k = 0; k < 25; k++) most = fmax(most, entry(root, e, "weight", k));
        for (int k = 0; k < 25; k++)
            lab_near(entry(root, e, "level", k), 255 * entry(root, e, "weight", k) / most, .5 + 1e-9, "level", k);
        assert_true(entry(root, e, "largest_error", -1) > 0 && entry(root, e, "largest_error", -1) < 1. / 255);
    }
    sg_free(text);
    cJSON_Delete(root);
}

/* What the array can show exactly is exported exactly, with one time for all exposures. */
static void whole_levels_are_exported_whole(void **state)
{
    (void)state;
    place_put_text("light.yaml", export_yaml);
    assert_int_equal(place_run("export light.yaml --set illumination.levels=bits8 -o whole"), 0);
    cJSON *root = exported("whole");
    assert_true(fabs(entry(root, 0, "exposure_s", -1) / entry(root, 1, "exposure_s", -1) - 1) < 1e-6);
    for (int e = 0; e < 2; e++) assert_true(entry(root, e, "largest_error", -1) < 1e-6);
    cJSON_Delete(root);
}

static const char exact_yaml[] =
    "sample: {size_px: 32}\n"
    "illumination: {rows: 3, columns: 3, pitch_na: none, sampling: exact, learn_position: {learn: true, lr: 0.1}}\n"
    "optics: {edge: smooth}\n"
    "network: {width: 4, depth: 2}\n"
    "dataset: {kind: synthetic, synthetic: {count: 3, radius_um: 3, train: 8, validation: 1, test: 1}}\n"
    "train: {steps: 3, batch_size: 4}\n";

/* The places of a run are the learned ones, and na is the direction from there. */
static void learned_positions_are_exported(void **state)
{
    double moved = 0;
    (void)state;
    place_put_text("exact.yaml", exact_yaml);
    assert_int_equal(place_run("train exact.yaml -o exact -q --no-report"), 0);
    assert_int_equal(place_run("export exact.yaml -o start"), 0);
    assert_int_equal(place_run("export exact -o learned"), 0);
    cJSON *a = exported("start"), *b = exported("learned");
    for (int k = 0; k < POSITIONS; k++) {
        const cJSON *led = cJSON_GetArrayItem(cJSON_GetObjectItem(b, "leds"), k);
        const double x = cJSON_GetObjectItem(led, "x_mm")->valuedouble,
                     y = cJSON_GetObjectItem(led, "y_mm")->valuedouble;
        lab_near(cJSON_GetObjectItem(led, "na_x")->valuedouble, -x / sqrt(x * x + y * y + 1e4), 1e-12, "na_x", k);
        led = cJSON_GetArrayItem(cJSON_GetObjectItem(a, "leds"), k);
        moved = fmax(moved, hypot(x - cJSON_GetObjectItem(led, "x_mm")->valuedouble,
                                  y - cJSON_GetObjectItem(led, "y_mm")->valuedouble));
    }
    assert_true(moved > .01 && moved < 1);
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void exports_that_cannot_be_are_refused(void **state)
{
    static const char *const list[][2] = {
        {"export light.yaml", "-o FOLDER is needed"},
        {"export none.yaml -o new", "none.yaml"},
        {"export light.yaml --set sample.kind=incoherent --set illumination.exposures=1 -o new", "has no LEDs"},
        {"export . -o new", "not a run folder"},
        {"export . --set sample.kind=stack -o new", "--set: changes a CONFIG"},
        {"export light.yaml --set illumination.pattern=csv -o new", "illumination.pattern_csv"},
    };
    (void)state;
    place_put_text("light.yaml", export_yaml);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (place_run(list[i][0]) != 2) fail_msg("%s: not refused", list[i][0]);
        char *text = place_get("err");
        if (!strstr(text, list[i][1])) fail_msg("%s: '%s' does not say '%s'", list[i][0], text, list[i][1]);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        sg_free(text);
    }
    assert_int_equal(place_shell("test ! -e new"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_keep_the_dose),
        cmocka_unit_test(levels_of_a_box),
        cmocka_unit_test(continuous_light_is_the_parameter),
        cmocka_unit_test(levels_are_learned),
        cmocka_unit_test(a_random_start_is_scaled_to_the_dose),
        cmocka_unit_test(bad_patterns_are_refused),
        cmocka_unit_test(patterns_are_read_by_their_header),
        cmocka_unit_test(positions_are_found_from_images),
        cmocka_unit_test(exported_patterns_are_read_back),
        cmocka_unit_test(patterns_of_colours_are_read_back),
        cmocka_unit_test(widest_patterns_are_read_back),
        cmocka_unit_test(exposure_lists_keep_the_dose),
        cmocka_unit_test(whole_levels_are_exported_whole),
        cmocka_unit_test(learned_positions_are_exported),
        cmocka_unit_test(exports_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests_name("light", tests, place_make, place_remove);
}
