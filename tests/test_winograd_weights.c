/* test_winograd_weights.c - the weight gradient by Winograd's algorithm (nn/winograd.h) against its formula in double:
 * every block, type, step and odd size; adding, bias, mask, threads, NaN. */
#include "check.h"

#include "core/bf16.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/winograd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MASK = 1, ADD = 2, WIDER = 4 };

typedef struct problem {
    int n, h, w;
    int x_c, x_block, x_type, dy_c, dy_block, dy_type;
    unsigned flags;
} problem;

/* A side in double, (n, c, h, w), and as the kernel sees it. */
typedef struct values {
    sg_conv_side side;
    double *exact;
    void *stored;
} values;

static void *allocate(size_t bytes)
{
    void *memory = NULL;
    assert_int_equal(sg_alloc(&memory, bytes, 1, "a test"), SG_OK);
    return memory;
}

static size_t blocked_at(const problem *p, const sg_conv_side *s, int n, int c, int pixel)
{
    const size_t pixels = (size_t)p->h * (size_t)p->w, block = (size_t)s->form.layout;
    return (size_t)n * s->form.image_step + (size_t)c / block * block * pixels + (size_t)pixel * block +
           (size_t)c % block;
}

static double stored_number(const values *v, size_t at)
{
    return v->side.form.type == SG_BF16 ? (double)sg_bf16_to_float(((sg_bf16 *)v->stored)[at])
                                        : (double)((float *)v->stored)[at];
}

/* Numbers of a stream in their blocks, NaN between the images of a wider value. */
static values values_make(const problem *p, int stream, int c, int block, int type, bool wider)
{
    const int pixels = p->h * p->w;
    values v = {.side = {c, {(sg_layout)block, (sg_type)type, (size_t)(c * pixels + (wider ? 3 * block : 0))}}};
    const size_t len = (size_t)p->n * v.side.form.image_step;
    v.exact = check_alloc((size_t)(p->n * c * pixels));
    v.stored = allocate(len * sizeof(float));
    memset(v.stored, 0xff, len * sizeof(float));
    for (int i = 0; i < p->n * c * pixels; i++) {
        const size_t at = blocked_at(p, &v.side, i / pixels / c, i / pixels % c, i % pixels);
        const float number = (float)check_random("winograd", stream, (size_t)i);
        if (type == SG_BF16)
            ((sg_bf16 *)v.stored)[at] = sg_bf16_from_float(number);
        else
            ((float *)v.stored)[at] = number;
        v.exact[i] = stored_number(&v, at);
    }
    return v;
}

static void values_free(values *v)
{
    free(v->exact);
    sg_free(v->stored);
}

/* sum over n, h, w of dy(h, w) x(h + kh - 1, w + kw - 1). */
static double formula(const problem *p, const values *x, const values *dy, int o, int i, int tap)
{
    const int pixels = p->h * p->w;
    double sum = 0;
    for (int n = 0; n < p->n; n++)
        for (int y = 0; y < p->h; y++)
            for (int c = 0; c < p->w; c++) {
                const int from_y = y + tap / 3 - 1, from_c = c + tap % 3 - 1;
                if (from_y < 0 || from_y >= p->h || from_c < 0 || from_c >= p->w) continue;
                sum += dy->exact[(n * p->dy_c + o) * pixels + y * p->w + c] *
                       x->exact[(n * p->x_c + i) * pixels + from_y * p->w + from_c];
            }
    return sum;
}

typedef struct lab {
    sg_winograd_weights task;
    values x, dy, mask;
    float *dweights, *dbias;
    size_t weights;
} lab;

static float before(size_t i)
{
    return (float)(i % 17) - 8;
}

static lab lab_make(const problem *p)
{
    lab l = {.x = values_make(p, 1, p->x_c, p->x_block, p->x_type, p->flags & WIDER),
             .dy = values_make(p, 2, p->dy_c, p->dy_block, p->dy_type, p->flags & WIDER),
             .mask = values_make(p, 3, p->dy_c, p->dy_block, p->dy_type, p->flags & WIDER),
             .weights = (size_t)(p->x_c * p->dy_c * 9)};
    l.task = (sg_winograd_weights){.n = p->n, .h = p->h, .w = p->w, .x = l.x.side, .dy = l.dy.side, .slope = .25f};
    l.task.add = l.task.add_bias = p->flags & ADD;
    l.task.masked = p->flags & MASK;
    for (int i = 0; p->flags & MASK && i < p->n * p->dy_c * p->h * p->w; i++)
        if (!(l.mask.exact[i] > 0)) l.dy.exact[i] *= .25;
    l.dweights = allocate(l.weights * sizeof(float));
    l.dbias = allocate((size_t)p->dy_c * sizeof(float));
    return l;
}

static void lab_run(lab *l)
{
    const size_t bytes = sg_winograd_weights_scratch(&l->task, sg_threads());
    char *scratch = allocate(bytes + 64);
    memset(scratch, 0xff, bytes + 64);
    for (size_t i = 0; i < l->weights; i++) l->dweights[i] = before(i);
    for (int i = 0; i < l->task.dy.c; i++) l->dbias[i] = before((size_t)i);
    sg_winograd_weights_run(&l->task, l->x.stored, l->dy.stored, l->mask.stored, l->dweights, l->dbias, scratch);
    for (size_t i = bytes; i < bytes + 64; i++) assert_int_equal((unsigned char)scratch[i], 0xff);
    sg_free(scratch);
}

static void lab_close(lab *l)
{
    values_free(&l->x);
    values_free(&l->dy);
    values_free(&l->mask);
    sg_free(l->dweights);
    sg_free(l->dbias);
}

/* Largest error over the root mean square of the gradient; every `stride`-th pair of channels. */
static double weights_error(const problem *p, const lab *l, int stride)
{
    double error = 0, squares = 0;
    int count = 0;
    for (int pair = 0; pair < p->dy_c * p->x_c; pair += stride)
        for (int tap = 0; tap < 9; tap++, count++) {
            const size_t at = (size_t)(pair * 9 + tap);
            const double want = formula(p, &l->x, &l->dy, pair / p->x_c, pair % p->x_c, tap),
                         got = (double)l->dweights[at] - (l->task.add ? (double)before(at) : 0);
            if (!(fabs(got - want) <= error)) error = fabs(got - want);
            squares += want * want;
        }
    return error / sqrt(squares / count);
}

static double bias_error(const problem *p, const lab *l)
{
    const int pixels = p->h * p->w;
    double error = 0;
    for (int o = 0; o < p->dy_c; o++) {
        double want = l->task.add_bias ? (double)before((size_t)o) : 0;
        for (int i = 0; i < p->n * pixels; i++) want += l->dy.exact[(i / pixels * p->dy_c + o) * pixels + i % pixels];
        if (!(fabs((double)l->dbias[o] - want) <= error)) error = fabs((double)l->dbias[o] - want);
    }
    return error / sqrt(p->n * pixels);
}

static void check_problem(const problem *p, int stride)
{
    lab l = lab_make(p);
    lab_run(&l);
    const double weights = weights_error(p, &l, stride), bias = bias_error(p, &l);
    if (!(weights <= 3e-5) || !(bias <= 1e-5))
        fail_msg("{%d, %d, %d, %d, %d, %d, %d, %d, %d, %u}: error of weights %.2g, of bias %.2g", p->n, p->h, p->w,
                 p->x_c, p->x_block, p->x_type, p->dy_c, p->dy_block, p->dy_type, p->flags, weights, bias);
    lab_close(&l);
}

static void test_sizes(void **state)
{
    (void)state;
    for (int h = 1; h <= 13; h++)
        for (int w = 1; w <= 13; w++) check_problem(&(problem){1 + (h + w) % 2, h, w, 8, 8, 0, 16, 16, 0, 0}, 1);
}

/* Blocks of 8 and 16 and both types on each side, with each of the flags. */
static void test_forms(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16 * 8; i++) {
        const int x_block = i & 1 ? 16 : 8, dy_block = i & 2 ? 16 : 8;
        check_problem(&(problem){2, 6, 9, 2 * x_block, x_block, i & 4 ? SG_BF16 : SG_F32, 3 * dy_block, dy_block,
                                 i & 8 ? SG_BF16 : SG_F32, i >> 4},
                      1);
    }
}

/* More channels than a group, more tiles than a block or a range of them. */
static void test_cuts(void **state)
{
    static const problem problems[] = {
        {1, 10, 6, 272, 16, 0, 48, 16, 0, MASK},        {1, 9, 7, 24, 8, 0, 152, 8, 0, ADD},
        {2, 5, 5, 144, 16, 0, 144, 16, 0, ADD | WIDER}, {1, 61, 74, 16, 16, 0, 8, 8, 0, MASK | ADD},
        {3, 50, 51, 32, 16, 0, 16, 16, 0, WIDER},       {1, 72, 250, 128, 16, 0, 64, 16, 0, 0},
        {17, 11, 90, 16, 16, 0, 16, 16, 0, WIDER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) check_problem(&problems[i], 997);
}

/* max |error| / rms(gradient), as the documentation states it. */
static void test_accuracy(void **state)
{
    static const struct {
        problem p;
        double most;
    } table[] = {
        {{8, 64, 64, 16, 16, 0, 16, 16, 0, 0}, 1e-5},
        {{2, 64, 64, 64, 16, 0, 64, 16, 0, 0}, 1e-5},
        {{4, 16, 16, 512, 16, 0, 512, 16, 0, 0}, 1e-5},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        lab l = lab_make(&table[i].p);
        lab_run(&l);
        const problem *p = &table[i].p;
        const double error = weights_error(p, &l, p->x_c * p->dy_c / 64 - 1);
        print_message("# %d x %d x %d, %d -> %d channels: error %.2g of the gradient's root mean square\n", p->n, p->h,
                      p->w, p->x_c, p->dy_c, error);
        if (!(error <= table[i].most)) fail_msg("error %g", error);
        lab_close(&l);
    }
}

static void test_threads(void **state)
{
    static const problem problems[] = {{2, 30, 37, 16, 16, 0, 48, 16, 0, MASK},
                                       {3, 9, 21, 264, 8, 0, 136, 8, 0, ADD},
                                       {1, 90, 100, 8, 8, 0, 8, 8, 0, 0}};
    static const int counts[] = {2, 3, 8};
    const int threads = sg_threads();
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        lab one = lab_make(&problems[i]), many = lab_make(&problems[i]);
        sg_threads_set(1);
        lab_run(&one);
        for (size_t t = 0; t < sizeof counts / sizeof *counts; t++) {
            sg_threads_set(counts[t]);
            lab_run(&many);
            assert_memory_equal(one.dweights, many.dweights, one.weights * sizeof(float));
            assert_memory_equal(one.dbias, many.dbias, (size_t)one.task.dy.c * sizeof(float));
        }
        lab_close(&one);
        lab_close(&many);
    }
    sg_threads_set(threads);
}

/* A NaN in channel 3 of x, or of dy, shows in every tap of that channel; under a mask as well. */
static void test_nan(void **state)
{
    const problem p = {1, 9, 9, 16, 16, 0, 16, 16, 0, MASK};
    (void)state;
    for (int in_dy = 0; in_dy < 2; in_dy++)
        for (int pixel = 0; pixel < 81; pixel++) {
            lab l = lab_make(&p);
            values *v = in_dy ? &l.dy : &l.x;
            ((float *)v->stored)[blocked_at(&p, &v->side, 0, 3, pixel)] = NAN;
            lab_run(&l);
            for (int c = 0; c < 16; c++) assert_true(isnan(l.dweights[(in_dy ? 3 * 16 + c : c * 16 + 3) * 9 + 4]));
            assert_int_equal(isnan(l.dbias[3]) != 0, in_dy);
            lab_close(&l);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_forms),   cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_accuracy), cmocka_unit_test(test_threads), cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
