/* test_pixel.c - pixel integration against direct integrals; blur against its Toeplitz matrix. */
#include "lab.h"

#include "physics/blur.h"
#include "physics/pixel.h"

#define PI 3.14159265358979323846

/* Mean of cos(2 pi k x / n + phase) over `side` samples around x: Simpson's rule. */
static double direct_mean(double k, double n, double x, double side, double phase)
{
    enum { STEPS = 400 };
    double sum = 0;
    for (int i = 0; i <= STEPS; i++) {
        const double at = x + side * ((double)i / STEPS - .5);
        sum += (i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2) * cos(2 * PI * k * at / n + phase);
    }
    return sum / (3.0 * STEPS);
}

/* A product of two cosines: its mean over a square is the product of two means. */
static void test_fill_factor(void **state)
{
    (void)state;
    static const struct {
        int h, w, m, margin;
        double fill;
    } table[] = {{12, 18, 1, 0, 1},  {12, 18, 2, 0, 1},  {12, 18, 3, 1, .5}, {16, 24, 4, 0, .7},
                 {15, 25, 5, 0, .3}, {14, 10, 2, 1, .9}, {12, 18, 1, 0, 0},  {12, 18, 3, 1, 0}};
    int compared = 0;
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int h = table[t].h, w = table[t].w, m = table[t].m, margin = table[t].margin;
        sg_graph *g = sg_graph_new();
        const sg_value image = sg_input(g, "image", SG_SHAPE(1, 1, h, w));
        lab l = lab_open(g, sg_pixel(g, image, m, table[t].fill, margin), true, false);
        const sg_shape out = SG_SHAPE(1, 1, h / m - 2 * margin, w / m - 2 * margin);
        double *x = sg_plan_input(l.plan, "image");
        for (int k = 0; k < 4; k++) {
            for (int i = 0; i < h * w; i++)
                x[i] = cos(2 * PI * k * (i / w) / h + .3) * cos(2 * PI * (k + 1) * (i % w) / w - .7);
            const double *y = lab_run(&l), side = sqrt(table[t].fill) * m;
            for (int i = 0; i < out.h * out.w; i++) {
                const int row = i / out.w + margin, column = i % out.w + margin;
                const double want = direct_mean(k, h, m * row, side, .3) * direct_mean(k + 1, w, m * column, side, -.7);
                lab_near(y[i], want, 1e-8, "pixel", i);
                compared++;
            }
        }
        lab_close(&l);
    }
    assert_int_equal(compared, 4 * (216 + 54 + 8 + 24 + 15 + 15 + 216 + 8));
}

static void test_pixel_refuses(void **state)
{
    (void)state;
    static const struct {
        int m, margin;
        double fill;
        const char *word;
    } table[] = {{3, 0, 1, "oversample"},    {0, 0, 1, "oversample"},    {2, 0, -.1, "fill_factor"},
                 {2, 0, 1.1, "fill_factor"}, {2, 0, NAN, "fill_factor"}, {2, 2, 1, "margin"},
                 {2, -1, 1, "margin"}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        sg_graph *g = sg_graph_new();
        const sg_value image = sg_input(g, "image", SG_SHAPE(1, 1, 8, 8));
        lab_refuse(g, sg_pixel(g, image, table[t].m, table[t].fill, table[t].margin), table[t].word);
    }
}

/* x beyond the field */
static double beyond(const double *x, int h, int w, int y, int column, sg_edge edge)
{
    const bool outside = y < 0 || y >= h || column < 0 || column >= w;
    if (outside && edge == SG_EDGE_ZERO) return 0;
    if (edge == SG_EDGE_PERIODIC) return x[(y + h) % h * w + (column + w) % w];
    const int row = y < 0 ? -1 - y : y >= h ? 2 * h - 1 - y : y;
    return x[row * w + (column < 0 ? -1 - column : column >= w ? 2 * w - 1 - column : column)];
}

static double blur_direct(const double *x, const double *k, sg_shape s, sg_shape ks, int i, sg_edge edge)
{
    double sum = 0;
    for (int ky = 0; ky < ks.h; ky++) {
        for (int kx = 0; kx < ks.w; kx++) {
            const int oy = ky > (ks.h - 1) / 2 ? ky - ks.h : ky, ox = kx > (ks.w - 1) / 2 ? kx - ks.w : kx;
            sum += k[ky * ks.w + kx] * beyond(x, s.h, s.w, i / s.w - oy, i % s.w - ox, edge);
        }
    }
    return sum;
}

static void test_blur(void **state)
{
    (void)state;
    static const sg_shape fields[] = {{1, 1, 7, 9}, {1, 1, 8, 6}},
                          kernels[] = {{1, 1, 3, 5}, {1, 1, 4, 2}, {1, 1, 7, 6}, {1, 1, 1, 1}};
    int compared = 0;
    for (int t = 0; t < 2 * 2 * 4 * 3; t++) {
        const sg_shape s = fields[t % 2], ks = kernels[t / 2 % 4];
        const sg_edge edge = (sg_edge)(t / 8 % 3);
        sg_graph *g = sg_graph_new();
        const sg_value x = sg_input(g, "x", s), k = sg_input(g, "kernel", ks);
        const sg_value blurred = t < 24 ? sg_blur_fft(g, x, k, edge) : sg_blur_direct(g, x, k, edge);
        lab l = lab_open(g, blurred, true, false);
        double xs[72], kernel[42];
        for (int i = 0; i < s.h * s.w; i++) xs[i] = check_random("x", t, (size_t)i);
        for (int i = 0; i < ks.h * ks.w; i++) kernel[i] = check_random("k", t, (size_t)i);
        memcpy(sg_plan_input(l.plan, "x"), xs, sizeof(double) * sg_shape_len(s));
        memcpy(sg_plan_input(l.plan, "kernel"), kernel, sizeof(double) * sg_shape_len(ks));
        const double *y = lab_run(&l);
        for (int i = 0; i < s.h * s.w; i++, compared++)
            lab_near(y[i], blur_direct(xs, kernel, s, ks, i, edge), 1e-12, "blur", i);
        lab_close(&l);
    }
    assert_int_equal(compared, 24 * (63 + 48));
    sg_graph *g = sg_graph_new();
    const sg_value x = sg_input(g, "x", SG_SHAPE(1, 1, 4, 5)), k = sg_input(g, "kernel", SG_SHAPE(1, 1, 5, 5));
    lab_refuse(g, sg_blur(g, x, k, SG_EDGE_ZERO), "larger than the field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill_factor),
        cmocka_unit_test(test_pixel_refuses),
        cmocka_unit_test(test_blur),
    };
    return cmocka_run_group_tests_name("pixel", tests, NULL, NULL);
}
