/* made_sweep.c - see made_sweep.h. */
#include "made_sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/file.h"
#include "core/rng.h"
#include "pipeline/results.h"
#include "pipeline/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

enum { SIDE = 64, FINE = 128, LEDS = 81, STEPS = 40, CLASSES = 3, PICTURES = 90 };

const made_arm made_arms[MADE_ARMS] = {
    {"center", "channels", 1, false, .73},     {"brightfield", "channels", 1, false, .71},
    {"annulus", "channels", 1, false, .67},    {"half", "channels", 1, false, .75},
    {"random", "channels", 1, false, .50},     {"learned", "channels", 1, true, .76},
    {"dpc_diff", "difference", 2, false, .73}, {"learned_pair_diff", "difference", 2, true, .79},
    {"dpc", "channels", 2, false, .81},        {"learned_pair", "channels", 2, true, .815},
};
const double made_doses[MADE_DOSES] = {50, 200, 1000};

static double noise(int a, int d, int seed, uint32_t draw)
{
    const sg_rng rng = sg_rng_make(5, SG_RNG_TEST, (uint32_t)(100 * a + 10 * d + seed), 0, 0);
    return sg_rng_normal(&rng, 0, draw);
}

double made_dice(int a, int d, int seed)
{
    return made_arms[a].dice + .05 * (d - 1) + .008 * noise(0, d, seed, 1) + .004 * noise(a, d, seed, 2);
}

static void write_curves(sg_results *r, const char *score, double end, int a, int d, int seed)
{
    int32_t step[STEPS], check[8];
    float loss[STEPS], lr[STEPS], vloss[8], vdice[8];
    for (int i = 0; i < STEPS; i++) {
        step[i] = 10 * i;
        loss[i] = (float)(1.4 * exp(-i / 9.0) + 1 - end + .03 * noise(a, d, seed, 10 + (uint32_t)i));
        lr[i] = .002f;
    }
    for (int i = 0; i < 8; i++) {
        check[i] = 50 * (i + 1);
        vdice[i] = (float)(end - .4 * exp(-i / 1.7) + .008 * noise(a, d, seed, 100 + (uint32_t)i));
        vloss[i] = 1.2f - vdice[i];
    }
    OK(sg_results_array(r, "/curve/step", SG_RESULTS_I32, 1, (int[]){STEPS}, step, "1", "step", "S"));
    OK(sg_results_array(r, "/curve/train_loss", SG_RESULTS_F32, 1, (int[]){STEPS}, loss, "1", "training loss", "S"));
    OK(sg_results_array(r, "/curve/lr", SG_RESULTS_F32, 1, (int[]){STEPS}, lr, "1", "learning rate", "S"));
    OK(sg_results_array(r, "/curve/validation/step", SG_RESULTS_I32, 1, (int[]){8}, check, "1", "step", "S"));
    OK(sg_results_array(r, "/curve/validation/loss", SG_RESULTS_F32, 1, (int[]){8}, vloss, "1", "loss", "S"));
    OK(sg_results_array(r, score, SG_RESULTS_F32, 1, (int[]){8}, vdice, "1", "Dice", "S"));
}

/* A made-up pattern for each name; both halves for pairs. */
static double led(const made_arm *m, int exposure, double x, double y)
{
    const double r = hypot(x, y), side = exposure ? -x : x;
    if (strcmp(m->name, "center") == 0) return r < .01;
    if (strcmp(m->name, "annulus") == 0) return r > .07 && r < .1;
    if (strcmp(m->name, "random") == 0) return fmod(fabs(sin(91 * x + 57 * y)) * 43.7, 1);
    if (strcmp(m->name, "half") == 0) return r <= .1 && x > .01;
    if (m->learned) return exp(-pow(hypot(side - .08, y * .6) / .035, 2)) + .01;
    if (m->exposures == 2) return r <= .1 && side > .01;
    return r <= .1;
}

static void write_light(sg_results *r, const made_arm *m)
{
    float weight[2 * LEDS], na[2 * LEDS], electrons[2] = {60, 60};
    double sum = 0;
    for (int i = 0; i < LEDS; i++) {
        na[2 * i] = (float)(i % 9 - 4) * .04f;
        na[2 * i + 1] = (float)(i / 9 - 4) * .04f;
    }
    for (int i = 0; i < m->exposures * LEDS; i++)
        sum +=
            (double)(weight[i] = (float)led(m, i / LEDS, (double)na[2 * (i % LEDS)], (double)na[2 * (i % LEDS) + 1]));
    for (int i = 0; i < m->exposures * LEDS; i++) weight[i] /= (float)sum;
    OK(sg_results_array(r, "/learned/led_weight", SG_RESULTS_F32, 2, (int[]){m->exposures, LEDS}, weight, "1", "share",
                        "EK"));
    if (m->learned)
        OK(sg_results_array(r, "/learned/led_weight_initial", SG_RESULTS_F32, 2, (int[]){m->exposures, LEDS}, weight,
                            "1", "share", "EK"));
    OK(sg_results_array(r, "/learned/led_na", SG_RESULTS_F32, 2, (int[]){LEDS, 2}, na, "1", "direction", "KD"));
    OK(sg_results_array(r, "/light/mean_electrons", SG_RESULTS_F32, 1, (int[]){m->exposures}, electrons, "electron",
                        "detected", "E"));
}

/* Discs in 0..1 with soft edges, `blur` in parts of the side. */
static float cells(int picture, double x, double y, double blur)
{
    double value = 0;
    for (int k = 0; k < 9; k++) {
        const double cx = fmod(.37 * k + .31 * picture + .2, 1), cy = fmod(.61 * k * k + .17 * picture + .1, 1);
        const double inside = 1 / (1 + exp((hypot(x - cx, y - cy) - .08) / blur));
        value = value > inside ? value : inside;
    }
    return (float)value;
}

static void write_examples(sg_results *r, const made_arm *m, int a, bool masks)
{
    enum { N = 2 };
    static float sample[N * FINE * FINE], seen[N * 2 * SIDE * SIDE], guess[N * SIDE * SIDE], truth[N * SIDE * SIDE];
    static uint8_t adu[N * 2 * SIDE * SIDE];
    const int channels = strcmp(m->readout, "difference") == 0 ? 1 : m->exposures;
    const sg_rng rng = sg_rng_make(6, SG_RNG_TEST, (uint32_t)a, 0, 0);
    for (int i = 0; i < N * FINE * FINE; i++)
        sample[i] = cells(i / (FINE * FINE), (i % FINE + .5) / FINE, (i / FINE % FINE + .5) / FINE, .008);
    for (int i = 0; i < N * channels * SIDE * SIDE; i++) {
        const double x = (i % SIDE + .5) / SIDE, y = (i / SIDE % SIDE + .5) / SIDE;
        const int picture = i / (channels * SIDE * SIDE), channel = i / (SIDE * SIDE) % channels;
        const double shift = channel ? -.02 : .02;
        const double slope = (double)cells(picture, x + shift, y, .02) - (double)cells(picture, x, y, .02);
        seen[i] = (float)(slope + .25 * sg_rng_normal(&rng, (uint32_t)i, 0));
        adu[i] = (uint8_t)(120 + 40 * (double)seen[i]);
    }
    for (int i = 0; i < N * SIDE * SIDE; i++) {
        const double x = (i % SIDE + .5) / SIDE, y = (i / SIDE % SIDE + .5) / SIDE;
        truth[i] = cells(i / (SIDE * SIDE), x, y, .001) > .5f;
        const double p = (double)cells(i / (SIDE * SIDE), x + .04 * (1 - m->dice), y, .01) +
                         .5 * (1 - m->dice) * sg_rng_normal(&rng, (uint32_t)i, 1);
        guess[i] = (float)(p < 0 ? 0 : p > 1 ? 1 : p);
    }
    OK(sg_results_array(r, "/examples/sample", SG_RESULTS_F32, 3, (int[]){N, FINE, FINE}, sample, "1", "sample",
                        "NYX"));
    OK(sg_results_array(r, "/examples/measurement", SG_RESULTS_F32, 4, (int[]){N, channels, SIDE, SIDE}, seen, "1",
                        "measurement", "NCYX"));
    OK(sg_results_array(r, "/examples/adu", SG_RESULTS_U8, 4, (int[]){N, channels, SIDE, SIDE}, adu, "ADU", "camera",
                        "NCYX"));
    if (!masks) return;
    OK(sg_results_array(r, "/examples/prediction", SG_RESULTS_F32, 3, (int[]){N, SIDE, SIDE}, guess, "1", "probability",
                        "NYX"));
    OK(sg_results_array(r, "/examples/truth", SG_RESULTS_F32, 3, (int[]){N, SIDE, SIDE}, truth, "1", "label", "NYX"));
}

/* A file at DIR/runs/<id>/results.h5 and its row of runs.csv. */
static void run_save(sg_results *r, const char *folder, uint64_t id, sg_text *index, const char *row)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/runs/%016llx", folder, (unsigned long long)id);
    OK(sg_folder_make(path));
    (void)strcat(path, "/results.h5");
    OK(sg_results_save(r, path));
    sg_results_free(r);
    path[strlen(path) - strlen("results.h5")] = '\0';
    (void)strcat(path, "DONE");
    OK(sg_file_write(path, "", 0));
    sg_text_add(index, "%016llx,%s\n", (unsigned long long)id, row);
}

static void index_save(const char *folder, sg_text *index, const char *sweep)
{
    char path[600];
    (void)snprintf(path, sizeof path, "%s/runs.csv", folder);
    OK(index->status);
    OK(sg_file_write(path, index->data, index->len));
    (void)snprintf(path, sizeof path, "%s/sweep.yaml", folder);
    OK(sg_file_write(path, sweep, strlen(sweep)));
    sg_text_free(index);
}

static void light_run(const char *folder, sg_text *index, int a, int d, int seed)
{
    sg_results *r;
    char config[1024], row[128];
    const made_arm *m = &made_arms[a];
    const double dice = made_dice(a, d, seed);
    OK(sg_results_new(&r));
    OK(sg_results_attribute_number(r, "/", "seed", seed));
    (void)snprintf(
        config, sizeof config,
        "sample:\n  kind: coherent\n  size_px: 256\n  pixel_um: 0.5\n  phase_rad: 1\n  absorption: 0.05\n  "
        "background_rad: 0.15\n"
        "illumination:\n  geometry: grid\n  rows: 9\n  columns: 9\n  pitch_na: 0.04\n  exposures: %d\n"
        "  learn: {learn: %s, lr: 0.02}\noptics:\n  wavelength_um: 0.53\n  na: 0.1\n  defocus_um: {init: 0, learn: "
        "false}\n"
        "camera:\n  pixel_um: 1\n  qe: 1\n  read_noise_e: 2\n  bit_depth: 8\n  shot: poisson\n  readout: %s\n"
        "network:\n  depth: 3\n  width: 16\n  norm: batch\ntrain:\n  steps: 400\n  batch_size: 8\n",
        m->exposures, m->learned ? "true" : "false", m->readout);
    OK(sg_results_text(r, "/config", config, "configuration"));
    OK(sg_results_scalar(r, "/metrics/dice", dice, "1", "Dice"));
    OK(sg_results_scalar(r, "/metrics/ap50", dice - .18 + .01 * noise(a, d, seed, 3), "1", "AP"));
    OK(sg_results_scalar(r, "/metrics/loss", 1.1 - dice, "1", "loss"));
    OK(sg_results_array(r, "/metrics/interval/dice", SG_RESULTS_F64, 1, (int[]){2}, (double[]){dice - .02, dice + .03},
                        "1", "interval", "B"));
    write_curves(r, "/curve/validation/dice", dice, a, d, seed);
    write_light(r, m);
    if (seed == 1) write_examples(r, m, a, true);
    (void)snprintf(row, sizeof row, "%s,%g,%d", m->name, made_doses[d], seed);
    run_save(r, folder, made_light_id(a, d, seed), index, row);
}

uint64_t made_light_id(int arm, int dose, int seed)
{
    return (uint64_t)(10000 * arm + 100 * dose + seed);
}

void made_lights(const char *folder)
{
    sg_text index = {0};
    sg_text_add(&index, "id,arm,illumination.dose_ph,seed\n");
    for (int d = 0; d < MADE_DOSES; d++)
        for (int seed = 1; seed <= MADE_SEEDS; seed++)
            for (int a = 0; a < MADE_ARMS; a++) light_run(folder, &index, a, d, seed);
    index_save(folder, &index,
               "sweep:\n  title: \"Learned light & <nuclei>\"\n  reference: learned\n  seeds: [1, 2, 3]\n");
}

/* ---- a classifier behind a camera of few bits ---- */
static const char *const bit_arms[] = {"uniform", "learned_range", "learned_thresholds"};

static double accuracy_of(int a, int bits, int d, int seed)
{
    return .97 - .5 * exp(-.45 * (bits + .7 * a)) + .02 * d + .006 * noise(a, d, seed, (uint32_t)bits);
}

static void write_classes(sg_results *r, double accuracy, int seed)
{
    static const char *const name[CLASSES] = {"lymphocyte", "monocyte", "neutrophil"};
    int32_t truth[PICTURES], said[PICTURES], confusion[CLASSES * CLASSES] = {0};
    for (int i = 0; i < PICTURES; i++) {
        const sg_rng rng = sg_rng_make(8, SG_RNG_TEST, (uint32_t)seed, 0, 0);
        truth[i] = i % CLASSES;
        said[i] = sg_rng_uniform(&rng, (uint32_t)i, 0) < accuracy ? truth[i] : (truth[i] + 1 + i % 2) % CLASSES;
        confusion[truth[i] * CLASSES + said[i]]++;
    }
    OK(sg_results_texts(r, "/metrics/per_class/name", name, CLASSES, "classes"));
    OK(sg_results_array(r, "/metrics/per_image/truth", SG_RESULTS_I32, 1, (int[]){PICTURES}, truth, "1", "class", "N"));
    OK(sg_results_array(r, "/metrics/per_image/predicted", SG_RESULTS_I32, 1, (int[]){PICTURES}, said, "1", "class",
                        "N"));
    OK(sg_results_array(r, "/metrics/confusion", SG_RESULTS_I32, 2, (int[]){CLASSES, CLASSES}, confusion, "1", "n",
                        "TP"));
    for (int k = 0; k < CLASSES; k++) {
        enum { POINTS = 12 };
        double fpr[POINTS], tpr[POINTS], recall[POINTS], precision[POINTS];
        char path[96];
        for (int i = 0; i < POINTS; i++) {
            fpr[i] = pow(i / (POINTS - 1.0), 4);
            tpr[i] = pow(fpr[i], .35 * (1.02 - accuracy) * (k + 1) + .01);
            recall[i] = 1 - fpr[i];
            precision[i] = .34 + .66 * pow(i / (POINTS - 1.0), .4 * (1.02 - accuracy) * (k + 1));
        }
        (void)snprintf(path, sizeof path, "/metrics/roc/%s/false_positive_rate", name[k]);
        OK(sg_results_array(r, path, SG_RESULTS_F64, 1, (int[]){POINTS}, fpr, "1", "x", "R"));
        (void)snprintf(path, sizeof path, "/metrics/roc/%s/true_positive_rate", name[k]);
        OK(sg_results_array(r, path, SG_RESULTS_F64, 1, (int[]){POINTS}, tpr, "1", "y", "R"));
        (void)snprintf(path, sizeof path, "/metrics/pr/%s/recall", name[k]);
        OK(sg_results_array(r, path, SG_RESULTS_F64, 1, (int[]){POINTS}, recall, "1", "x", "R"));
        (void)snprintf(path, sizeof path, "/metrics/pr/%s/precision", name[k]);
        OK(sg_results_array(r, path, SG_RESULTS_F64, 1, (int[]){POINTS}, precision, "1", "y", "R"));
    }
}

static void write_thresholds(sg_results *r, int bits)
{
    float even[255], bent[255];
    const int count = (1 << bits) - 1;
    for (int i = 0; i < count; i++) {
        even[i] = 1000.f * (float)(i + 1) / (float)count;
        bent[i] = 1000.f * (float)pow((i + 1.0) / count, 1.8);
    }
    OK(sg_results_array(r, "/learned/adc_threshold_initial", SG_RESULTS_F32, 2, (int[]){1, count}, even, "electron",
                        "thresholds", "GH"));
    OK(sg_results_array(r, "/learned/adc_threshold", SG_RESULTS_F32, 2, (int[]){1, count}, bent, "electron",
                        "thresholds", "GH"));
}

static void bits_run(const char *folder, sg_text *index, int a, int b, int d, int seed)
{
    static const int bits[] = {1, 2, 3, 4, 6, 8}, dose[] = {20, 2000};
    sg_results *r;
    char row[128];
    const double accuracy = accuracy_of(a, bits[b], d, seed);
    OK(sg_results_new(&r));
    OK(sg_results_text(r, "/config",
                       "sample:\n  kind: coherent\nillumination:\n  exposures: 1\ncamera:\n  readout: channels\n"
                       "loss:\n  kind: cross_entropy\noptics:\n  na: 0.1\n  wavelength_um: 0.63\n",
                       "configuration"));
    OK(sg_results_scalar(r, "/metrics/balanced_accuracy", accuracy, "1", "balanced accuracy"));
    OK(sg_results_scalar(r, "/metrics/auc", .5 + .5 * accuracy, "1", "AUC"));
    OK(sg_results_scalar(r, "/metrics/accuracy", accuracy + .01, "1", "accuracy"));
    OK(sg_results_scalar(r, "/metrics/loss", 1.2 - accuracy, "1", "loss"));
    if (a == 1) {
        OK(sg_results_scalar(r, "/learned/adc_range_e_initial", 1000, "electron", "range"));
        OK(sg_results_scalar(r, "/learned/adc_range_e", 400 + 60 * bits[b] + 5 * seed, "electron",
                             "electrons at the top of the ADC's range"));
    }
    if (a == 2) write_thresholds(r, bits[b]);
    write_classes(r, accuracy, seed);
    write_curves(r, "/curve/validation/balanced_accuracy", accuracy, a, d, seed);
    if (seed == 1) write_examples(r, &made_arms[a], a, false);
    (void)snprintf(row, sizeof row, "%s,%d,%d,%d", bit_arms[a], bits[b], dose[d], seed);
    run_save(r, folder, (uint64_t)(100000 * a + 1000 * b + 100 * d + seed), index, row);
}

void made_bits(const char *folder)
{
    sg_text index = {0};
    sg_text_add(&index, "id,arm,camera.bit_depth,illumination.dose_ph,seed\n");
    for (int b = 0; b < 6; b++)
        for (int d = 0; d < 2; d++)
            for (int seed = 1; seed <= MADE_SEEDS; seed++)
                for (int a = 0; a < 3; a++) bits_run(folder, &index, a, b, d, seed);
    index_save(folder, &index, "sweep:\n  title: Bits behind a classifier\n  reference: uniform\n  seeds: [1, 2, 3]\n");
}

/* ---- a random search ---- */
void made_search(const char *folder, int count)
{
    sg_text index = {0};
    const sg_rng rng = sg_rng_make(9, SG_RNG_TEST, 0, 0, 0);
    sg_text_add(&index, "id,arm,optimiser.lr,network.norm,seed\n");
    for (int i = 0; i < count; i++) {
        sg_results *r;
        char row[128];
        const double lr = pow(10, -4 + 3 * sg_rng_uniform(&rng, (uint32_t)i, 0));
        const double off = log10(lr) + 2.4, mse = .02 + .01 * off * off + .002 * sg_rng_normal(&rng, (uint32_t)i, 1);
        OK(sg_results_new(&r));
        OK(sg_results_text(r, "/config", "sample:\n  kind: incoherent\nloss:\n  kind: mse\n", "configuration"));
        OK(sg_results_scalar(r, "/metrics/mse", mse, "1", "mean squared error"));
        OK(sg_results_scalar(r, "/metrics/psnr_db", -10 * log10(mse), "dB", "PSNR"));
        OK(sg_results_scalar(r, "/metrics/loss", mse, "1", "loss"));
        (void)snprintf(row, sizeof row, "default,%.6g,%s,1", lr, i % 2 ? "batch" : "group");
        run_save(r, folder, (uint64_t)i, &index, row);
    }
    index_save(folder, &index, "sweep:\n  title: A random search\n");
}
