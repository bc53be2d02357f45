/* test_psf.c - the Airy pattern (PHYSICS section 7.4) and the Gaussian PSF. */
#include "lab.h"

#include "physics/psf.h"

#define PI 3.14159265358979323846

/* Covered fraction of the bin at (x, y), for a disc of `radius` bins; hard: 0 or 1 by the bin's centre. */
static double disc(double x, double y, double radius, bool smooth)
{
    enum { SUB = 32 };
    const double r = hypot(x, y);
    if (!smooth || r < radius - 1 || r > radius + 1) return r <= radius ? 1 : 0;
    int inside = 0;
    for (int i = 0; i < SUB * SUB; i++)
        inside += hypot(x + (i / SUB + .5) / SUB - .5, y + (i % SUB + .5) / SUB - .5) <= radius;
    return inside / (double)(SUB * SUB);
}

/* PSF of a clear pupil `across` bins wide on m x m: h[j] lies at j across/(2 m) lambda/NA. */
static lab airy(int m, int across, bool smooth)
{
    sg_graph *g = sg_graph_new();
    const sg_value pupil = sg_input_complex(g, "pupil", SG_SHAPE(1, 1, m, m));
    lab l = lab_open(g, sg_psf_pupil(g, pupil, m), true, false);
    double *p = sg_plan_input(l.plan, "pupil");
    for (int i = 0; i < m * m; i++) {
        const int y = 2 * (i / m) < m ? i / m : i / m - m, x = 2 * (i % m) < m ? i % m : i % m - m;
        p[2 * i] = disc(x, y, across / 2.0, smooth);
        p[2 * i + 1] = 0;
    }
    return l;
}

/* (2 J1(v)/v)^2, v = 2 pi r, r in lambda/NA */
static double airy_exact(double r)
{
    const double v = 2 * PI * r;
    return v < 1e-9 ? 1 : 4 * j1(v) * j1(v) / (v * v);
}

static double largest_error(int across, bool smooth)
{
    enum { M = 512 };
    lab l = airy(M, across, smooth);
    const double *h = lab_run(&l);
    double worst = 0;
    for (int i = 0; i < M * M / 4; i++) {
        const int y = i / (M / 2), x = i % (M / 2);
        const double r = hypot(x, y) * across / (2.0 * M), error = fabs(h[y * M + x] / h[0] - airy_exact(r));
        if (!(error <= worst)) worst = error;
    }
    lab_close(&l);
    return worst;
}

static void test_airy_error(void **state)
{
    (void)state;
    const double hard = largest_error(64, false), smooth = largest_error(64, true), finer = largest_error(128, true);
    print_message("# Airy intensity error: 64 bins hard %.2g, smooth %.2g; 128 bins smooth %.2g\n", hard, smooth,
                  finer);
    assert_true(hard <= 1.4e-3);
    assert_true(smooth <= 1.35e-4);
    assert_true(finer <= .6 * smooth);
}

/* Zero near index i of the profile: vertex of the parabola through three points. */
static double vertex(const double *h, int i)
{
    return i + .5 * (h[i - 1] - h[i + 1]) / (h[i - 1] - 2 * h[i] + h[i + 1]);
}

static double encircled(const double *h, int m, double radius)
{
    double sum = 0;
    for (int i = 0; i < m * m; i++) {
        const int y = 2 * (i / m) < m ? i / m : i / m - m, x = 2 * (i % m) < m ? i % m : i % m - m;
        sum += h[i] * disc(x, y, radius, true);
    }
    return sum;
}

static void test_airy(void **state)
{
    (void)state;
    enum { M = 1024, ACROSS = 64 };
    static const double zeros[] = {.60983, 1.11657, 1.61916};
    const double step = ACROSS / (2.0 * M);
    lab l = airy(M, ACROSS, true);
    const double *h = lab_run(&l);
    double sum = 0;
    for (int i = 0; i < M * M; i++) {
        assert_true(h[i] >= 0);
        sum += h[i];
    }
    lab_near(sum, 1, 1e-12, "sum", 0);
    int half = 0;
    while (h[half] > .5 * h[0]) half++;
    const double at = half - 1 + (h[half - 1] - .5 * h[0]) / (h[half - 1] - h[half]);
    lab_near(2 * at * step, .51450, 2e-4, "FWHM", 0);
    double ring = 0;
    for (int i = 0, k = 1; i < 3; i++) {
        while (!(h[k] < h[k - 1] && h[k] <= h[k + 1])) k++;
        lab_near(vertex(h, k) * step, zeros[i], 1.5e-3, "zero", i + 1);
        print_message("# zero %d at %.5f lambda/NA\n", i + 1, vertex(h, k) * step);
        for (k++; i == 0 && h[k] >= h[k - 1]; k++) ring = h[k] / h[0];
        k++;
    }
    lab_near(ring, .017498, 1e-4, "first ring", 1);
    print_message("# FWHM %.5f lambda/NA, first ring %.4f %%\n", 2 * at * step, 100 * ring);
    lab_close(&l);
}

/* With a hard edge, where the pupil's area is also its energy. */
static void test_encircled_energy(void **state)
{
    (void)state;
    enum { M = 1024, ACROSS = 64 };
    static const double zeros[] = {.60983, 1.11657, 1.61916}, energy[] = {.83778, .90993, .93765};
    lab l = airy(M, ACROSS, false);
    const double *h = lab_run(&l);
    for (int i = 0; i < 3; i++) {
        const double inside = encircled(h, M, zeros[i] * 2 * M / ACROSS);
        lab_near(inside, energy[i], 1e-4, "encircled energy", i + 1);
        print_message("# encircled energy %d: %.5f\n", i + 1, inside);
    }
    lab_close(&l);
}

static void test_gaussian(void **state)
{
    (void)state;
    enum { SIZE = 41 };
    static const double sigmas[] = {0, .2, 1, 2.5, 4};
    sg_graph *g = sg_graph_new();
    lab l = lab_open(g, sg_psf_gaussian(g, sg_input(g, "sigma", SG_SHAPE(1, 1, 1, 1)), SIZE), true, false);
    for (size_t t = 0; t < sizeof sigmas / sizeof *sigmas; t++) {
        *(double *)sg_plan_input(l.plan, "sigma") = sigmas[t];
        const double *h = lab_run(&l);
        double sum = 0, square = 0;
        for (int i = 0; i < SIZE * SIZE; i++) {
            const int y = 2 * (i / SIZE) < SIZE ? i / SIZE : i / SIZE - SIZE,
                      x = 2 * (i % SIZE) < SIZE ? i % SIZE : i % SIZE - SIZE;
            assert_true(h[i] >= 0);
            lab_near(h[i], h[i % SIZE * SIZE + i / SIZE], 0, "symmetry", i);
            sum += h[i];
            square += h[i] * (x * x + y * y);
        }
        lab_near(sum, 1, 1e-12, "sum", sigmas[t]);
        if (sigmas[t] >= 1)
            lab_near(square, 2 * sigmas[t] * sigmas[t], 2e-4 * sigmas[t] * sigmas[t], "variance", sigmas[t]);
        if (sigmas[t] == 0) lab_near(h[0], 1, 0, "point", 0);
    }
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_airy_error),
        cmocka_unit_test(test_airy),
        cmocka_unit_test(test_encircled_energy),
        cmocka_unit_test(test_gaussian),
    };
    return cmocka_run_group_tests_name("psf", tests, NULL, NULL);
}
