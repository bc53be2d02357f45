/* test_winograd.c - forward pass and data gradient by Winograd's algorithm (nn/winograd.h) against the formula in
 * double: every block, type, step and odd size; adding, bias, activation, mask, threads, NaN. */
#include "conv_values.h"

#include "core/parallel.h"

#include <math.h>

enum { TRANSPOSED = 1, ADD = 2, RELU = 4, MASK = 8, WIDER = 16, NO_BIAS = 32, ALL_FLAGS = 64 };

typedef struct problem {
    int n, h, w;
    int src_c, src_block, src_type, dst_c, dst_block, dst_type;
    unsigned flags;
} problem;

typedef struct lab {
    problem p;
    sg_winograd task;
    values src, dst, mask;
    float *weights, *bias;
} lab;

static lab lab_make(const problem *p)
{
    const int pixels = p->h * p->w, wider = p->flags & WIDER, mask_type = p->n % 2 ? SG_F32 : SG_BF16;
    const size_t weights = (size_t)(p->src_c * p->dst_c * 9);
    lab l = {.p = *p,
             .src = values_make(1, p->n, pixels, p->src_c, p->src_block, p->src_type, wider),
             .dst = values_make(2, p->n, pixels, p->dst_c, p->dst_block, p->dst_type, wider),
             .mask = values_make(3, p->n, pixels, p->dst_c, p->dst_block, mask_type, !wider),
             .weights = values_memory(weights * sizeof(float)),
             .bias = values_memory((size_t)p->dst_c * sizeof(float))};
    for (size_t i = 0; i < weights; i++) l.weights[i] = (float)check_random("winograd", 4, i);
    for (int i = 0; i < p->dst_c; i++) l.bias[i] = (float)check_random("winograd", 5, (size_t)i);
    l.task = (sg_winograd){.n = p->n, .h = p->h, .w = p->w, .src = l.src.side, .dst = l.dst.side, .slope = .25f};
    l.task.mask = l.mask.side;
    l.task.transposed = p->flags & TRANSPOSED;
    l.task.add = p->flags & ADD;
    l.task.masked = p->flags & MASK;
    l.task.relu = p->flags & RELU && !l.task.masked;
    assert_true(sg_winograd_takes(&l.task));
    return l;
}

static void lab_run(lab *l)
{
    const size_t bytes = sg_winograd_scratch(&l->task, sg_threads());
    char *scratch = values_memory(bytes + 64);
    memset(scratch, 0xff, bytes + 64);
    for (int i = 0; i < values_len(&l->dst); i++) values_set(&l->dst, i, (float)l->dst.exact[i]);
    sg_winograd_run(&l->task, l->src.stored, l->weights, l->p.flags & NO_BIAS ? NULL : l->bias,
                    l->task.masked ? l->mask.stored : NULL, l->dst.stored, scratch);
    for (size_t i = bytes; i < bytes + 64; i++) assert_int_equal((unsigned char)scratch[i], 0xff);
    sg_free(scratch);
}

static void lab_close(lab *l)
{
    values_free(&l->src);
    values_free(&l->dst);
    values_free(&l->mask);
    sg_free(l->weights);
    sg_free(l->bias);
}

/* The sum alone: number i of dst. */
static double convolution(const lab *l, int i)
{
    const problem *p = &l->p;
    const int pixels = p->h * p->w, y = i % pixels / p->w, x = i % p->w, o = i / pixels % p->dst_c,
              n = i / pixels / p->dst_c;
    double sum = 0;
    for (int c = 0; c < p->src_c; c++)
        for (int tap = 0; tap < 9; tap++) {
            const int from_y = y + tap / 3 - 1, from_x = x + tap % 3 - 1;
            if (from_y < 0 || from_y >= p->h || from_x < 0 || from_x >= p->w) continue;
            const float weight = l->task.transposed ? l->weights[(c * p->dst_c + o) * 9 + 8 - tap]
                                                    : l->weights[(o * p->src_c + c) * 9 + tap];
            sum += (double)weight * l->src.exact[(n * p->src_c + c) * pixels + from_y * p->w + from_x];
        }
    return sum;
}

static double finished(const lab *l, int i, double sum)
{
    if (!(l->p.flags & NO_BIAS)) sum += (double)l->bias[i / l->dst.pixels % l->p.dst_c];
    if (l->task.add) sum += l->dst.exact[i];
    const double sign = l->task.masked ? l->mask.exact[i] : l->task.relu ? sum : 1;
    return sign > 0 ? sum : .25 * sum;
}

/* Largest error of every `stride`-th number over the root mean square of the sums; bf16 results may be rounded. */
static double error_of(const lab *l, int stride)
{
    double error = 0, squares = 0;
    int count = 0;
    for (int i = 0; i < values_len(&l->dst); i += stride, count++) {
        const double sum = convolution(l, i), want = finished(l, i, sum);
        const double rounding = l->p.dst_type == SG_BF16 ? fabs(want) / 256 : 0,
                     e = fabs(values_get(&l->dst, i) - want) - rounding;
        if (!(e <= error)) error = e;
        squares += sum * sum;
    }
    return error / sqrt(squares / count);
}

static double check_problem(const problem *p, int stride)
{
    lab l = lab_make(p);
    lab_run(&l);
    const double error = error_of(&l, stride);
    if (!(error <= 3e-5))
        fail_msg("{%d, %d, %d, %d, %d, %d, %d, %d, %d, %u}: error %.2g", p->n, p->h, p->w, p->src_c, p->src_block,
                 p->src_type, p->dst_c, p->dst_block, p->dst_type, p->flags, error);
    lab_close(&l);
    return error;
}

static void test_sizes(void **state)
{
    (void)state;
    for (int h = 1; h <= 13; h++)
        for (int w = 1; w <= 13; w++)
            for (int block = 8; block <= 16; block += 8)
                check_problem(&(problem){1 + (h + w) % 2, h, w, block, block, 0, block, block, 0, h & TRANSPOSED}, 1);
}

/* Blocks of 8 and 16 and both types on each side, with each of the flags; one to three panels. */
static void test_forms(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16 * ALL_FLAGS; i++) {
        const int src_block = i & 1 ? 16 : 8, dst_block = i & 2 ? 16 : 8, more = (int)(i / 16);
        check_problem(&(problem){1 + more % 2, 6, 9, (1 + more % 2) * src_block, src_block, i & 4 ? SG_BF16 : SG_F32,
                                 (1 + more % 3) * dst_block, dst_block, i & 8 ? SG_BF16 : SG_F32, i / 16},
                      1);
    }
}

/* Many channels, whose weights come in parts, and many tiles. */
static void test_cuts(void **state)
{
    static const problem problems[] = {
        {1, 10, 6, 272, 16, 0, 48, 16, 0, MASK},         {1, 9, 7, 24, 8, 0, 152, 8, 0, ADD},
        {2, 5, 5, 528, 16, 0, 400, 16, 0, ADD | WIDER},  {1, 61, 74, 16, 16, 0, 8, 8, 0, MASK | ADD},
        {3, 50, 51, 32, 16, 0, 16, 16, 0, WIDER},        {1, 72, 250, 64, 16, 0, 128, 16, 0, TRANSPOSED},
        {5, 31, 90, 16, 16, 0, 16, 16, 0, WIDER | RELU}, {5, 31, 90, 8, 8, 0, 8, 8, 0, RELU},
        {3, 50, 51, 56, 8, 0, 40, 8, 0, TRANSPOSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) check_problem(&problems[i], 97);
}

/* max |error| / rms(sum), as the documentation states it. */
static void test_accuracy(void **state)
{
    static const int channels[] = {16, 64, 256, 512};
    (void)state;
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        const int c = channels[i];
        const double error = check_problem(&(problem){1, 24, 24, c, 16, 0, c, 16, 0, NO_BIAS}, 37);
        print_message("# %d channels: error %.2g of the result's root mean square\n", c, error);
    }
}

static void test_threads(void **state)
{
    static const problem problems[] = {{2, 30, 37, 16, 16, 0, 48, 16, 0, MASK},
                                       {3, 9, 21, 264, 8, 0, 136, 8, 0, ADD},
                                       {1, 90, 100, 8, 8, 0, 8, 8, 0, 0},
                                       {2, 16, 16, 528, 16, 0, 400, 16, 0, TRANSPOSED}};
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
            assert_memory_equal(one.dst.stored, many.dst.stored, (size_t)values_len(&one.dst) * sizeof(float));
        }
        lab_close(&one);
        lab_close(&many);
    }
    sg_threads_set(threads);
}

/* A NaN in channel 3 of the source shows in every channel of the result, also where a mask or activation scales it. */
static void test_nan(void **state)
{
    static const problem problems[] = {
        {1, 9, 9, 16, 16, 0, 16, 16, 0, MASK}, {1, 9, 9, 8, 8, 0, 16, 16, 0, RELU}, {1, 9, 9, 8, 8, 1, 8, 8, 1, RELU}};
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        for (int pixel = 0; pixel < 81; pixel++) {
            lab l = lab_make(&problems[i]);
            values_set(&l.src, 3 * 81 + pixel, NAN);
            lab_run(&l);
            for (int c = 0; c < problems[i].dst_c; c++) assert_true(isnan(values_get(&l.dst, c * 81 + pixel)));
            lab_close(&l);
        }
}

/* What is not taken: plain values, channels that do not fill their blocks, a mask in other blocks. */
static void test_takes(void **state)
{
    lab l = lab_make(&(problem){1, 4, 4, 16, 16, 0, 16, 16, 0, MASK});
    sg_winograd p = l.task;
    (void)state;
    p.mask.form.layout = SG_NCHW8;
    assert_false(sg_winograd_takes(&p));
    p = l.task;
    p.src.c = 24;
    assert_false(sg_winograd_takes(&p));
    p = l.task;
    p.dst.form.layout = SG_NCHW;
    assert_false(sg_winograd_takes(&p));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),    cmocka_unit_test(test_forms),   cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_accuracy), cmocka_unit_test(test_threads), cmocka_unit_test(test_nan),
        cmocka_unit_test(test_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
