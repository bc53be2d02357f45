/* test_metrics.c - components, matches and Dice against brute force and scikit-image (golden/make_metrics.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "golden/metrics_golden.h"

enum { LEN_MAX = 64 * 80 };
static uint8_t mask[LEN_MAX];
static int32_t component[LEN_MAX], truth[LEN_MAX], flood[LEN_MAX];
static float prediction[LEN_MAX], label[LEN_MAX];

/* The same integer hash as in make_metrics.py. */
static uint32_t word(uint32_t i, uint32_t salt)
{
    uint32_t x = i * 2654435761u + salt * 40503u;
    x ^= x >> 15;
    x *= 2246822519u;
    return x ^ (x >> 13);
}

static void random_mask(int h, int w, uint32_t salt, uint32_t percent)
{
    for (int i = 0; i < h * w; i++) mask[i] = word((uint32_t)i, salt) % 100 < percent;
}

static void components_equal_scikit_image(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof golden_components / sizeof golden_components[0]; k++) {
        const int *g = golden_components[k], h = g[0], w = g[1];
        random_mask(h, w, (uint32_t)g[2], (uint32_t)g[3]);
        assert_int_equal(sg_components(component, mask, h, w), g[4]);
        int sum = 0;
        for (int i = 0; i < h * w; i++) sum += component[i] * (1 + i % 7);
        assert_int_equal(sum, g[5]);
    }
}

/* Brute force: numbers every pixel by itself, then takes the smallest number of the 3 x 3 neighbours until nothing
 * moves. */
static void flood_fill(int h, int w)
{
    for (int i = 0; i < h * w; i++) flood[i] = mask[i] ? i + 1 : 0;
    for (int moved = 1; moved;) {
        moved = 0;
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                for (int k = 0; k < 9; k++) {
                    const int ny = y + k / 3 - 1, nx = x + k % 3 - 1, i = y * w + x;
                    if (!mask[i] || ny < 0 || nx < 0 || ny >= h || nx >= w) continue;
                    const int32_t other = flood[ny * w + nx];
                    if (other > 0 && other < flood[i]) flood[i] = other, moved = 1;
                }
    }
}

static void components_equal_brute_force(void **state)
{
    (void)state;
    int compared = 0;
    for (uint32_t salt = 0; salt < 200; salt++) {
        const int h = 1 + (int)(salt % 13), w = 1 + (int)(salt * 7 % 17);
        random_mask(h, w, salt, 10 + salt % 85);
        const int count = sg_components(component, mask, h, w);
        flood_fill(h, w);
        int found = 0;
        for (int i = 0; i < h * w; i++) {
            found += flood[i] == i + 1; /* a first pixel */
            if (flood[i])
                assert_int_equal(component[i], component[flood[i] - 1]);
            else
                assert_int_equal(component[i], 0);
            if (flood[i] == i + 1) assert_int_equal(component[i], found);
            compared++;
        }
        assert_int_equal(found, count);
    }
    assert_true(compared > 5000);
}

static void discs(int h, int w, const int *g)
{
    memset(truth, 0, sizeof truth);
    for (int k = 0; k < g[3]; k++) {
        const int cy = (int)(word(2 * (uint32_t)k, (uint32_t)g[2]) % (uint32_t)h);
        const int cx = (int)(word(2 * (uint32_t)k + 1, (uint32_t)g[2]) % (uint32_t)w);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                if ((y - cy) * (y - cy) + (x - cx) * (x - cx) <= g[4] * g[4]) truth[y * w + x] = k + 1;
    }
}

static void matches_equal_scikit_image(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof golden_matches / sizeof golden_matches[0]; k++) {
        const int *g = golden_matches[k], h = g[0], w = g[1];
        sg_matches matches[SG_IOU_COUNT] = {{0}};
        sg_overlap overlap = {0};
        discs(h, w, g);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                const bool inside = y >= g[5] && x >= g[6];
                prediction[y * w + x] = inside && truth[(y - g[5]) * w + x - g[6]] > 0 ? .9f : .1f;
                label[y * w + x] = truth[y * w + x] > 0 ? 1 : 0;
            }
        assert_int_equal(sg_matches_add(matches, prediction, truth, h, w, .5), SG_OK);
        sg_overlap_add(&overlap, prediction, label, (size_t)(h * w), .5);
        const int64_t found[6] = {matches->hit, matches->extra,     matches->missed,
                                  overlap.both, overlap.prediction, overlap.truth};
        for (int i = 0; i < 6; i++) assert_int_equal(found[i], g[7 + i]);
        const double ap = (double)g[7] / (g[7] + g[8] + g[9]), dice = 2.0 * g[10] / (g[11] + g[12]);
        assert_true(fabs(sg_matches_ap(matches) - ap) < 1e-15);
        assert_true(fabs(sg_overlap_dice(&overlap) - dice) < 1e-15);
    }
}

/* Renumbering the instances (large, not contiguous) changes nothing; perfect predictions score 1; empty pictures too.
 */
static void edges(void **state)
{
    (void)state;
    const int *g = golden_matches[0];
    sg_matches a[SG_IOU_COUNT] = {{0}}, b[SG_IOU_COUNT] = {{0}}, none[SG_IOU_COUNT] = {{0}};
    discs(64, 64, g);
    for (int i = 0; i < 4096; i++) prediction[i] = i % 3 ? (float)(truth[i] > 0) : 0;
    assert_int_equal(sg_matches_add(a, prediction, truth, 64, 64, .5), SG_OK);
    for (int i = 0; i < 4096; i++) truth[i] = truth[i] ? 2000000000 - 7 * truth[i] : 0;
    assert_int_equal(sg_matches_add(b, prediction, truth, 64, 64, .5), SG_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_true(a->missed > 0 && sg_matches_ap(a) < 1);
    memset(prediction, 0, sizeof prediction);
    memset(truth, 0, sizeof truth);
    memset(label, 0, sizeof label);
    assert_int_equal(sg_matches_add(none, prediction, truth, 64, 64, .5), SG_OK);
    assert_true(sg_matches_ap(none) == 1);
    sg_overlap empty = {0};
    sg_overlap_add(&empty, prediction, label, 4096, .5);
    assert_true(sg_overlap_dice(&empty) == 1);
}

/* IoU of exactly one half is no match; a pixel more is. */
static void threshold_is_strict(void **state)
{
    (void)state;
    sg_matches half[SG_IOU_COUNT] = {{0}}, more[SG_IOU_COUNT] = {{0}};
    const float two[6] = {1, 1, 1, 1, 0, 0}, three[6] = {0, 0, 1, 1, 1, 0};
    const int32_t object[6] = {5, 5, 0, 0, 0, 0}, longer[6] = {0, 0, 5, 5, 0, 0};
    assert_int_equal(sg_matches_add(half, two, object, 1, 6, .5), SG_OK);
    assert_true(half->hit == 0 && half->extra == 1 && half->missed == 1);
    assert_int_equal(sg_matches_add(more, three, longer, 1, 6, .5), SG_OK);
    assert_true(more->hit == 1 && more->extra == 0 && more->missed == 0);
}

static void not_counted_and_nan(void **state)
{
    (void)state;
    sg_overlap overlap = {0};
    const float p[4] = {1, 1, (float)NAN, 1}, t[4] = {1, -1, 1, 0};
    sg_overlap_add(&overlap, p, t, 4, .5);
    assert_true(overlap.both == 1 && overlap.prediction == 2 && overlap.truth == 2);
}

static void regression(void **state)
{
    (void)state;
    const float a[3] = {0, 1, 2}, b[3] = {0, 3, 1};
    assert_true(fabs(sg_mean_square_error(a, b, 3) - 5.0 / 3) < 1e-15);
    assert_true(isnan(sg_mean_square_error(a, b, 0)));
    assert_true(fabs(sg_psnr_db(.01, 1) - 20) < 1e-12);
    assert_true(isinf(sg_psnr_db(0, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_equal_scikit_image),
        cmocka_unit_test(components_equal_brute_force),
        cmocka_unit_test(matches_equal_scikit_image),
        cmocka_unit_test(edges),
        cmocka_unit_test(threshold_is_strict),
        cmocka_unit_test(not_counted_and_nan),
        cmocka_unit_test(regression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
