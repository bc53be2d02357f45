/* test_class_metrics.c - metrics of classifiers, structural similarity and bootstrap intervals: small cases worked out by
 * hand, properties, and scikit-learn and scikit-image on made-up data (independent/metrics_sklearn.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"

#include "core/memory.h"
#include "core/rng.h"
#include "pipeline/bootstrap.h"
#include "pipeline/class_metrics.h"
#include "pipeline/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call) assert_int_equal((call), SG_OK)

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.17g, not %.17g +- %g", got, want, tolerance);
}

static double uniform(uint32_t stream, uint32_t i)
{
    const sg_rng rng = sg_rng_make(3, SG_RNG_TEST, stream, 0, 0);
    return sg_rng_uniform(&rng, i, 0);
}

/* ---- by hand ---- */

/* Three classes; the last one never occurs and is never said.
 *            said 0  said 1  said 2
 *   class 0     3       1       0
 *   class 1     2       2       0     */
static void confusion_by_hand(void **state)
{
    (void)state;
    const int truth[8] = {0, 0, 0, 0, 1, 1, 1, 1}, said[8] = {0, 0, 1, 0, 0, 1, 1, 0};
    int64_t count[9] = {0};
    sg_confusion_add(count, 3, truth, said, NULL, 8);
    assert_memory_equal(count, ((int64_t[9]){3, 1, 0, 2, 2, 0, 0, 0, 0}), sizeof count);
    near(sg_confusion_accuracy(count, 3), 5. / 8, 0);
    near(sg_confusion_balanced_accuracy(count, 3), (3. / 4 + 2. / 4) / 2, 0);
    const sg_class_rates zero = sg_confusion_rates(count, 3, 0), two = sg_confusion_rates(count, 3, 2);
    near(zero.sensitivity, 3. / 4, 0);
    near(zero.specificity, 2. / 4, 0);
    near(zero.ppv, 3. / 5, 0);
    near(zero.npv, 2. / 3, 0);
    near(zero.f1, 6. / 9, 0);
    near(sg_confusion_f1(count, 3), (6. / 9 + 4. / 7) / 2, 1e-16);
    assert_true(isnan(two.sensitivity) && isnan(two.ppv) && isnan(two.f1));
    assert_true(two.specificity == 1 && two.npv == 1);
}

/* A picture that counts three times is three pictures. */
static void weights_are_copies(void **state)
{
    (void)state;
    const int truth[4] = {0, 1, 1, 0}, said[4] = {0, 1, 0, 1};
    const uint32_t weight[4] = {3, 0, 2, 1};
    int64_t count[4] = {0};
    sg_confusion_add(count, 2, truth, said, weight, 4);
    assert_memory_equal(count, ((int64_t[4]){3, 1, 2, 0}), sizeof count);
}

static sg_ranking ranking_of(const double *score, const int *truth, int len, int *order)
{
    OK(sg_ranking_make(order, score, 1, len));
    return (sg_ranking){.order = order, .score = score, .stride = 1, .len = len, .truth = truth, .positive = 1};
}

/* Scores .9+ .8- .7+ .7- .1-: of the 6 pairs 4 are right and 1 is equal. */
static void ranking_by_hand(void **state)
{
    (void)state;
    const double score[5] = {.7, .9, .1, .7, .8};
    const int truth[5] = {1, 1, 0, 0, 0};
    int order[5];
    double x[6], y[6], t[6];
    const sg_ranking r = ranking_of(score, truth, 5, order);
    assert_memory_equal(order, ((int[5]){1, 4, 0, 3, 2}), sizeof order);
    near(sg_ranking_auc(&r, NULL), 4.5 / 6, 1e-16);
    near(sg_ranking_average_precision(&r, NULL), .5 * 1 + .5 * 2 / 4, 1e-16);
    assert_int_equal(sg_ranking_roc(&r, x, y, t), 5);
    const double fpr[5] = {0, 0, 1. / 3, 2. / 3, 1}, tpr[5] = {0, .5, .5, 1, 1};
    for (int i = 0; i < 5; i++) assert_true(x[i] == fpr[i] && y[i] == tpr[i]);
    assert_true(isinf(t[0]) && t[1] == .9 && t[4] == .1);
    assert_int_equal(sg_ranking_pr(&r, x, y, t), 5);
    assert_true(x[0] == 1 && y[0] == 2. / 5 && t[0] == .1);
    assert_true(x[3] == .5 && y[3] == 1 && t[3] == .9 && x[4] == 0 && y[4] == 1 && isinf(t[4]));
}

static void ranking_edges(void **state)
{
    (void)state;
    const double equal[4] = {.5, .5, .5, .5}, perfect[4] = {.1, .2, .8, .9};
    const int truth[4] = {0, 0, 1, 1}, none[4] = {0};
    int order[4];
    double x[5], y[5], t[5];
    sg_ranking r = ranking_of(equal, truth, 4, order);
    near(sg_ranking_auc(&r, NULL), .5, 0);
    near(sg_ranking_average_precision(&r, NULL), .5, 0);
    r = ranking_of(perfect, truth, 4, order);
    near(sg_ranking_auc(&r, NULL), 1, 0);
    r.truth = none;
    assert_true(isnan(sg_ranking_auc(&r, NULL)) && isnan(sg_ranking_average_precision(&r, NULL)));
    assert_int_equal(sg_ranking_roc(&r, x, y, t), 0);
    assert_int_equal(sg_ranking_pr(&r, x, y, t), 0);
}

/* Equal pictures: 1. Constants a and b: (2 a b + c1) / (a^2 + b^2 + c1), whatever the window. */
static void similarity_by_hand(void **state)
{
    (void)state;
    float a[13 * 17], b[13 * 17];
    double ssim;
    for (int i = 0; i < 13 * 17; i++) a[i] = (float)uniform(1, (uint32_t)i);
    OK(sg_ssim(&ssim, a, a, 13, 17, 1));
    near(ssim, 1, 1e-12);
    for (int i = 0; i < 13 * 17; i++) a[i] = .25f, b[i] = .75f;
    OK(sg_ssim(&ssim, a, b, 13, 17, 1));
    near(ssim, (2 * .25 * .75 + 1e-4) / (.25 * .25 + .75 * .75 + 1e-4), 1e-9);
    OK(sg_ssim(&ssim, a, b, 10, 17, 1));
    assert_true(isnan(ssim));
    near(sg_psnr_db(.01, 1), 20, 1e-12);
    near(sg_psnr_db(.01, 10), 40, 1e-12);
    const sg_overlap overlap = {.both = 2, .prediction = 4, .truth = 3}, empty = {0};
    near(sg_overlap_jaccard(&overlap), 2. / 5, 0);
    near(sg_overlap_jaccard(&empty), 1, 0);
}

/* A square of 10 x 10 px moved by one: IoU 90 / 110 = .818 is beyond .5 to .8 and below .85. */
static void objects_by_hand(void **state)
{
    (void)state;
    enum { SIDE = 20 };
    float prediction[SIDE * SIDE] = {0};
    int32_t truth[SIDE * SIDE] = {0};
    sg_matches matches[SG_IOU_COUNT] = {{0}};
    for (int y = 5; y < 15; y++)
        for (int x = 5; x < 15; x++) truth[y * SIDE + x] = 7, prediction[y * SIDE + x + 1] = 1;
    OK(sg_matches_add(matches, prediction, truth, SIDE, SIDE, .5));
    for (int t = 0; t < SG_IOU_COUNT; t++) assert_true(sg_matches_ap(&matches[t]) == (t <= 6 ? 1 : 0));
}

/* ---- bootstrap ---- */
enum { MANY = 400 };

static void mean_of(double *metric, const void *context, const uint32_t *weight)
{
    const double *x = context;
    double sum = 0, all = 0;
    for (int i = 0; i < MANY; i++) sum += weight[i] * x[i], all += weight[i];
    metric[0] = sum / all;
    metric[1] = 3;
    metric[2] = weight[0] > 0 ? 1 : (double)NAN;
}

/* The interval of a mean is mean +- 1.96 standard errors; pairs of equal pictures that stay together make it sqrt 2
 * wider; and every call gives the same numbers. */
static void intervals_of_a_mean(void **state)
{
    (void)state;
    double x[MANY], twice[MANY], metric[3], single[3][2], again[3][2], paired[3][2], mean = 0, variance = 0;
    uint32_t ones[MANY], group[MANY];
    for (uint32_t i = 0; i < MANY; i++) x[i] = uniform(2, i), ones[i] = 1, group[i] = (i * 7919) % (MANY / 2);
    for (uint32_t i = 0; i < MANY; i++) mean += x[i] / MANY;
    for (uint32_t i = 0; i < MANY; i++) variance += (x[i] - mean) * (x[i] - mean) / MANY;
    const double reach = 1.96 * sqrt(variance / MANY);
    mean_of(metric, x, ones);
    OK(sg_bootstrap(single, 3, MANY, NULL, mean_of, x));
    OK(sg_bootstrap(again, 3, MANY, NULL, mean_of, x));
    assert_memory_equal(single, again, sizeof single);
    near(single[0][0], mean - reach, .1 * reach);
    near(single[0][1], mean + reach, .1 * reach);
    assert_true(single[1][0] == 3 && single[1][1] == 3);
    assert_true(single[2][0] == 1 && single[2][1] == 1);
    for (uint32_t i = 0; i < MANY; i++) twice[i] = x[group[i]];
    OK(sg_bootstrap(single, 3, MANY, NULL, mean_of, twice));
    OK(sg_bootstrap(paired, 3, MANY, group, mean_of, twice));
    const double wider = (paired[0][1] - paired[0][0]) / (single[0][1] - single[0][0]);
    near(wider, sqrt(2), .1);
}

/* ---- scikit-learn and scikit-image ---- */
enum { CLASSES = 4, PICTURES = 300, HEIGHT = 40, WIDTH = 37 };

static void print_numbers(FILE *out, const char *name, const double *x, int len)
{
    fprintf(out, "\"%s\": [", name);
    for (int i = 0; i < len; i++) {
        const char *const comma = i + 1 < len ? ", " : "";
        if (isinf(x[i]))
            fprintf(out, "Infinity%s", comma);
        else
            fprintf(out, "%.17g%s", x[i], comma);
    }
    fputs("]", out);
}

static void print_number(FILE *out, const char *name, double x)
{
    fprintf(out, ", \"%s\": %.17g", name, x);
}

static void print_curve(FILE *out, const char *name, int (*curve)(const sg_ranking *, double *, double *, double *),
                        const sg_ranking *r)
{
    double x[PICTURES + 1], y[PICTURES + 1], t[PICTURES + 1];
    const int points = curve(r, x, y, t);
    assert_in_range(points, 2, PICTURES + 1);
    fprintf(out, ", \"%s\": {", name);
    print_numbers(out, "x", x, points);
    fputs(", ", out);
    print_numbers(out, "y", y, points);
    fputs(", ", out);
    print_numbers(out, "threshold", t, points);
    fputs("}", out);
}

static void print_class(FILE *out, const double *score, const int *truth, const int64_t *count, int c,
                        const uint32_t *weight)
{
    int order[PICTURES];
    OK(sg_ranking_make(order, score + c, CLASSES, PICTURES));
    const sg_ranking r = {order, score + c, CLASSES, PICTURES, truth, c};
    const sg_class_rates rates = sg_confusion_rates(count, CLASSES, c);
    fprintf(out, "%s{\"class\": %d", c ? ", " : "", c);
    print_number(out, "sensitivity", rates.sensitivity);
    print_number(out, "specificity", rates.specificity);
    print_number(out, "ppv", rates.ppv);
    print_number(out, "npv", rates.npv);
    print_number(out, "f1", rates.f1);
    print_number(out, "auc", sg_ranking_auc(&r, NULL));
    print_number(out, "average_precision", sg_ranking_average_precision(&r, NULL));
    print_number(out, "weighted_auc", sg_ranking_auc(&r, weight));
    print_number(out, "weighted_average_precision", sg_ranking_average_precision(&r, weight));
    print_curve(out, "roc", sg_ranking_roc, &r);
    print_curve(out, "pr", sg_ranking_pr, &r);
    fputs("}", out);
}

/* Scores with many ties (tenths), classes of unequal size. */
static void print_classification(FILE *out)
{
    double score[PICTURES * CLASSES], numbers[PICTURES], weights[PICTURES];
    int truth[PICTURES], said[PICTURES];
    uint32_t weight[PICTURES];
    int64_t count[CLASSES * CLASSES] = {0};
    for (uint32_t i = 0; i < PICTURES; i++) {
        truth[i] = (int)(CLASSES * uniform(4, i) * uniform(5, i));
        said[i] = uniform(6, i) < .6 ? truth[i] : (int)(CLASSES * uniform(7, i));
        weight[i] = (uint32_t)(4 * uniform(8, i));
        numbers[i] = truth[i];
        weights[i] = weight[i];
        for (int c = 0; c < CLASSES; c++)
            score[i * CLASSES + (uint32_t)c] =
                floor(10 * (.7 * uniform(9 + (uint32_t)c, i) + .3 * (c == truth[i]))) / 10 + (i % 3 ? 0 : 1e-3 * i);
    }
    sg_confusion_add(count, CLASSES, truth, said, NULL, PICTURES);
    fputs("\"classification\": {", out);
    print_numbers(out, "truth", numbers, PICTURES);
    for (int i = 0; i < PICTURES; i++) numbers[i] = said[i];
    fputs(", ", out);
    print_numbers(out, "predicted", numbers, PICTURES);
    fputs(", ", out);
    print_numbers(out, "weight", weights, PICTURES);
    fputs(", ", out);
    print_numbers(out, "score", score, PICTURES * CLASSES);
    print_number(out, "accuracy", sg_confusion_accuracy(count, CLASSES));
    print_number(out, "balanced_accuracy", sg_confusion_balanced_accuracy(count, CLASSES));
    print_number(out, "f1", sg_confusion_f1(count, CLASSES));
    fputs(", \"classes\": [", out);
    for (int c = 0; c < CLASSES; c++) print_class(out, score, truth, count, c, weight);
    fputs("]}", out);
}

static void print_picture(FILE *out, const char *name, const float *x)
{
    double numbers[HEIGHT * WIDTH];
    for (int i = 0; i < HEIGHT * WIDTH; i++) numbers[i] = (double)x[i];
    print_numbers(out, name, numbers, HEIGHT * WIDTH);
}

/* Smooth pictures and a noisy copy; discs and the same ones moved, some cut in two. */
static void print_pictures(FILE *out)
{
    float a[HEIGHT * WIDTH], b[HEIGHT * WIDTH], truth[HEIGHT * WIDTH], mask[HEIGHT * WIDTH];
    int32_t instances[HEIGHT * WIDTH];
    double ssim, ap[SG_IOU_COUNT];
    sg_matches matches[SG_IOU_COUNT] = {{0}};
    sg_overlap overlap = {0};
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        const int y = i / WIDTH, x = i % WIDTH, v = y % 12 - 6, u = x % 12 - 6;
        a[i] = (float)(2 + sin(.3 * y) * cos(.2 * x));
        b[i] = a[i] + (float)(.4 * (uniform(20, (uint32_t)i) - .5));
        instances[i] = u * u + v * v < 20 ? 1 + y / 12 * 4 + x / 12 : 0;
        truth[i] = (float)(instances[i] > 0);
        const double moved = u + .35 * ((x / 12 + 3 * (y / 12)) % 6);
        mask[i] = (float)(moved * moved + v * v < 20 && !(i / WIDTH == 30 && x / 12 == 1));
    }
    const double mse = sg_mean_square_error(a, b, HEIGHT * WIDTH);
    OK(sg_ssim(&ssim, a, b, HEIGHT, WIDTH, 2));
    OK(sg_matches_add(matches, mask, instances, HEIGHT, WIDTH, .5));
    sg_overlap_add(&overlap, mask, truth, HEIGHT * WIDTH, .5);
    for (int t = 0; t < SG_IOU_COUNT; t++) ap[t] = sg_matches_ap(&matches[t]);
    fprintf(out, "\"pictures\": {\"height\": %d, \"width\": %d, \"range\": 2, ", HEIGHT, WIDTH);
    print_picture(out, "a", a);
    fputs(", ", out);
    print_picture(out, "b", b);
    for (int i = 0; i < HEIGHT * WIDTH; i++) truth[i] = (float)instances[i];
    fputs(", ", out);
    print_picture(out, "instances", truth);
    fputs(", ", out);
    print_picture(out, "mask", mask);
    fputs(", ", out);
    print_numbers(out, "ap", ap, SG_IOU_COUNT);
    print_number(out, "mse", mse);
    print_number(out, "psnr_db", sg_psnr_db(mse, 2));
    print_number(out, "ssim", ssim);
    print_number(out, "jaccard", sg_overlap_jaccard(&overlap));
    print_number(out, "dice", sg_overlap_dice(&overlap));
    fputs("}", out);
}

static void scikit_agrees(void **state)
{
    (void)state;
    char line[1024];
    if (system("python3 -c 'import sklearn, skimage' 2> /dev/null") != 0) {
        print_message("# python3 with scikit-learn and scikit-image is not installed\n");
        skip();
    }
    FILE *out = fopen(place_path("metrics.json"), "w");
    assert_non_null(out);
    fputs("{", out);
    print_classification(out);
    fputs(", ", out);
    print_pictures(out);
    fputs("}\n", out);
    assert_int_equal(fclose(out), 0);
    (void)snprintf(line, sizeof line, "python3 '%s/tests/independent/metrics_sklearn.py' metrics.json",
                   getenv("SG_TEST_SOURCE"));
    assert_int_equal(place_shell(line), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confusion_by_hand),   cmocka_unit_test(weights_are_copies), cmocka_unit_test(ranking_by_hand),
        cmocka_unit_test(ranking_edges),       cmocka_unit_test(similarity_by_hand), cmocka_unit_test(objects_by_hand),
        cmocka_unit_test(intervals_of_a_mean), cmocka_unit_test(scikit_agrees),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
