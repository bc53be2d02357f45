/* test_max_pool.c - every square of four numbers out of -1, 0, 1 and 2: the largest is taken, the first of equals, and
 * its place alone gets the gradient; NaN instead of 2 is never lost. In double, as plain floats, and in blocks of channels
 * between two convolutions that change nothing. */
#include "check.h"

#include "core/ops.h"
#include "nn/ops.h"

#include <math.h>

enum { VALUES = 4, SQUARES = VALUES * VALUES * VALUES * VALUES, CHANNELS = 16, WIDTH = SQUARES / CHANNELS };

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* Number k (0..3) of a square. */
static double number(int square, int k, bool nans)
{
    const int v = square >> 2 * k & 3;
    return nans && v == 3 ? (double)NAN : v - 1;
}

static int winner(int square, bool nans)
{
    int best = 0;
    for (int k = 1; k < 4; k++)
        if (number(square, k, nans) > number(square, best, nans) || isnan(number(square, k, nans))) best = k;
    return best;
}

static double at(const void *from, bool f64, size_t i)
{
    return f64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

static void put(void *to, bool f64, size_t i, double v)
{
    if (f64)
        ((double *)to)[i] = v;
    else
        ((float *)to)[i] = (float)v;
}

/* Where number k of a square lies: squares of one channel stand side by side. */
static size_t place(int square, int k)
{
    return (size_t)(square / WIDTH * 2 + k / 2) * 2 * WIDTH + (size_t)(square % WIDTH * 2 + k % 2);
}

/* An input may be no NaN: what is 2 becomes one on the way. */
static void make_nans(const sg_run *run, bool f64)
{
    for (size_t i = 0; i < 4 * SQUARES; i++) {
        const double v = at(run->in[0], f64, i);
        put(run->out, f64, i, v > 1 ? (double)NAN : v);
    }
}

static void nans_f32(const sg_run *run)
{
    make_nans(run, false);
}

static void nans_f64(const sg_run *run)
{
    make_nans(run, true);
}

typedef struct form {
    bool f64, nans, blocked;
} form;

/* The weights of both convolutions are the unit matrix. */
static sg_value graph_of(sg_graph *g, const form *f, const sg_op *nans)
{
    sg_value x = sg_variable(g, "x", SG_SHAPE(1, CHANNELS, 2, 2 * WIDTH), false);
    if (f->nans) sg_graph_replace_op(g, x = sg_combine(g, x, 1, SG_NONE, 0), nans);
    if (!f->blocked) return sg_max_pool(g, x);
    const sg_value weight = sg_variable(g, "unit", SG_SHAPE(CHANNELS, CHANNELS, 1, 1), false);
    return sg_conv2d(g, sg_max_pool(g, sg_conv2d(g, x, weight, SG_NONE)), weight, SG_NONE);
}

/* Square s has the gradient 1 + s. */
static void fill(sg_plan *plan, const form *f, float *seed)
{
    for (int s = 0; s < SQUARES; s++) {
        put(seed, f->f64, (size_t)s, 1 + s);
        for (int k = 0; k < 4; k++) put(sg_plan_input(plan, "x"), f->f64, place(s, k), number(s, k, false));
    }
    for (size_t i = 0; f->blocked && i < CHANNELS * CHANNELS; i++)
        put(sg_plan_input(plan, "unit"), f->f64, i, i % (CHANNELS + 1) == 0);
}

static void check_largest(const sg_plan *plan, const form *f)
{
    for (int s = 0; s < SQUARES; s++) {
        const double expected = number(s, winner(s, f->nans), f->nans), y = at(sg_plan_root(plan), f->f64, (size_t)s);
        if (isnan(expected) ? !isnan(y) : !(y == expected)) fail_msg("square %d: %g, not %g", s, y, expected);
    }
}

static void check_gradient(const sg_plan *plan, const form *f)
{
    const void *dx = sg_plan_input_grad(plan, "x");
    for (int s = 0; s < SQUARES; s++)
        for (int k = 0; k < 4; k++)
            if (!(at(dx, f->f64, place(s, k)) == (k == winner(s, false) ? 1 + s : 0)))
                fail_msg("square %d, number %d gets %g", s, k, at(dx, f->f64, place(s, k)));
}

static void test_squares(void **state)
{
    const form *f = *state;
    sg_op nans = sg_op_combine;
    nans.forward[0] = nans_f32;
    nans.forward[1] = nans_f64;
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    float seed[2 * SQUARES]; /* room for either precision */
    must(sg_model_new(&model, 1));
    must(sg_plan_make(&plan, g, model, graph_of(g, f, &nans), &(sg_plan_options){.backward = true, .f64 = f->f64}));
    fill(plan, f, seed);
    assert_int_equal(sg_plan_forward(plan), f->nans ? SG_E_NUMERIC : SG_OK); /* nothing is learned from NaN */
    check_largest(plan, f);
    if (!f->nans) {
        must(sg_plan_backward_from(plan, seed));
        check_gradient(plan, f);
    }
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
}

int main(void)
{
    static form forms[] = {{.f64 = true}, {.f64 = true, .nans = true}, {0}, {.nans = true}, {.blocked = true}};
    static const char *const name[] = {"double", "double with NaN", "float", "float with NaN", "blocks of channels"};
    check_list list = {0};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        check_list_add(&list, test_squares, &forms[i], "%s", name[i]);
    return check_list_run(&list, "max_pool");
}
