/* test_statistics.c - against SciPy (golden/make_metrics.py) and cases that can be done by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/statistics.h"

#include <math.h>
#include <stdbool.h>

#include "golden/metrics_golden.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool near(double a, double b, double relative)
{
    return fabs(a - b) <= relative * fabs(b) + 1e-300;
}

static void student_equals_scipy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(golden_student); i++) {
        const double *g = golden_student[i];
        if (!near(sg_student_two_sided(g[0], g[1]), g[2], 1e-11))
            fail_msg("t %g, %g degrees: %.17g, SciPy %.17g", g[0], g[1], sg_student_two_sided(g[0], g[1]), g[2]);
    }
}

static void paired_equals_scipy(void **state)
{
    (void)state;
    const double a[] = {.751, .742, .760, .733, .755, .748, .761}, b[] = {.744, .739, .741, .735, .750, .742, .752};
    for (size_t i = 0; i < COUNT(golden_paired); i++) {
        const double *g = golden_paired[i];
        const sg_paired p = sg_paired_test(a, b, (int)g[0]);
        assert_int_equal(p.n, (int)g[0]);
        assert_true(near(p.mean, g[1], 1e-12));
        assert_true(near(p.t, g[2], 1e-10));
        assert_true(near(p.p_t, g[3], 1e-10));
        assert_true(near(p.p_flip, g[4], 1e-12));
    }
}

/* All differences of one sign: the smallest p there is. Differences +1, -1: every choice is as extreme. */
static void flips_by_hand(void **state)
{
    (void)state;
    double a[SG_FLIP_MAX + 1], zero[SG_FLIP_MAX + 1] = {0};
    for (int i = 0; i <= SG_FLIP_MAX; i++) a[i] = 1 + .1 * i;
    for (int n = 2; n <= SG_FLIP_MAX; n += 4) assert_true(sg_paired_test(a, zero, n).p_flip == ldexp(1, 1 - n));
    assert_true(isnan(sg_paired_test(a, zero, SG_FLIP_MAX + 1).p_flip));
    a[0] = 1;
    a[1] = -1;
    assert_true(sg_paired_test(a, zero, 2).p_flip == 1);
    assert_true(sg_paired_test(zero, zero, 5).p_flip == 1);
    assert_true(sg_paired_test(zero, zero, 5).p_t == 1);
}

static void too_few_and_nan(void **state)
{
    (void)state;
    const double a[] = {1, 2, (double)NAN}, b[] = {0, 0, 0};
    assert_true(isnan(sg_mean(a, 0)) && sg_mean(a, 1) == 1);
    assert_true(isnan(sg_deviation(a, 1)) && near(sg_deviation(a, 2), sqrt(.5), 1e-15));
    assert_true(isnan(sg_mean(a, 3)) && isnan(sg_deviation(a, 3)));
    const sg_paired one = sg_paired_test(a, b, 1), bad = sg_paired_test(a, b, 3);
    assert_true(one.mean == 1 && isnan(one.t) && isnan(one.p_t) && isnan(one.p_flip));
    assert_true(isnan(bad.mean) && isnan(bad.p_t) && isnan(bad.p_flip));
}

/* Tables of Student's t: 97.5 % at 1, 2, 9 and 120 degrees. */
static void intervals_by_table(void **state)
{
    (void)state;
    assert_true(near(sg_student_quantile(.05, 1), 12.706204736174694, 1e-10));
    assert_true(near(sg_student_quantile(.05, 2), 4.302652729749462, 1e-10));
    assert_true(near(sg_student_quantile(.05, 9), 2.262157162798205, 1e-10));
    assert_true(near(sg_student_quantile(.05, 120), 1.9799304050824402, 1e-10));
    const double x[] = {1, 2, 3}; /* s = 1 */
    assert_true(near(sg_interval95(x, 3), 4.302652729749462 / sqrt(3.0), 1e-10));
    assert_true(isnan(sg_interval95(x, 1)));
}

/* Of three tests the smallest counts three times, the next two times; none falls below a smaller one; NaN is none. */
static void holm_by_hand(void **state)
{
    (void)state;
    double p[] = {.01, .04, (double)NAN, .03}, large[] = {.9, .6};
    assert_int_equal(sg_holm(p, 4), SG_OK);
    assert_true(near(p[0], .03, 1e-12) && near(p[1], .06, 1e-12) && isnan(p[2]) && near(p[3], .06, 1e-12));
    assert_int_equal(sg_holm(large, 2), SG_OK);
    assert_true(large[0] == 1 && large[1] == 1);
    assert_int_equal(sg_holm(large, 0), SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_equals_scipy), cmocka_unit_test(paired_equals_scipy),
        cmocka_unit_test(flips_by_hand),        cmocka_unit_test(intervals_by_table),
        cmocka_unit_test(holm_by_hand),         cmocka_unit_test(too_few_and_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
