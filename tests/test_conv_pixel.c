/* test_conv_pixel.c - the rows `head` and `pixel` of conv2d and conv_transpose in every form that its values may have: blocks of 8
 * and 16 and plain memory on each side, float and bfloat16, images further apart than their numbers; with activations
 * fused, undone before or here; set or added. Results are those of the plain kernels, the gaps between images stay as
 * they are, and the bits do not depend on the number of threads. */
#include "check.h"

#include "core/bf16.h"
#include "core/parallel.h"
#include "nn/conv_pixel.h"
#include "nn/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 48 }; /* numbers between images */
static const float gap_value = 77;

typedef struct shape_case {
    const sg_op *op;
    int n, i, o, k, h, w;
    bool bias;
} shape_case;

static const shape_case shapes[] = {
    {&sg_op_conv_transpose, 2, 16, 8, 2, 5, 7, true},  {&sg_op_conv_transpose, 1, 48, 16, 2, 9, 13, false},
    {&sg_op_conv_transpose, 3, 24, 48, 2, 3, 4, true}, {&sg_op_conv_transpose, 1, 144, 32, 2, 1, 5, true},
    {&sg_op_conv2d, 2, 32, 1, 1, 9, 15, true},         {&sg_op_conv2d, 1, 16, 3, 1, 21, 31, false},
    {&sg_op_conv2d, 1, 96, 48, 1, 8, 13, true},        {&sg_op_conv2d, 2, 8, 80, 1, 3, 5, false},
    {&sg_op_conv2d, 2, 1, 16, 3, 20, 9, true},         {&sg_op_conv2d, 1, 2, 8, 3, 7, 33, true},
    {&sg_op_conv2d, 2, 4, 32, 3, 5, 1, false},
};

/* What surrounds the node. */
typedef struct variant {
    bool relu, premasked, mask, add, gap, half_x, half_y;
} variant;

static const variant variants[] = {{false},
                                   {.relu = true, .add = true, .gap = true},
                                   {.relu = true, .premasked = true, .mask = true, .half_x = true},
                                   {.relu = true, .mask = true, .gap = true, .half_y = true},
                                   {.mask = true, .add = true, .half_x = true, .half_y = true, .gap = true}};

static const sg_fused_relu before = {.slope = .25}, own = {.slope = .125};

/* ---- one value: plain float, and as the row sees it ---- */

typedef struct value {
    sg_shape shape;
    sg_form form;
    float *plain;
    void *formed;
    size_t bytes;
} value;

static size_t image_len(sg_shape s)
{
    return (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

static size_t place(const value *v, size_t i)
{
    const size_t plane = (size_t)v->shape.h * (size_t)v->shape.w, image = image_len(v->shape);
    const size_t block = v->form.layout == SG_NCHW ? 1 : (size_t)v->form.layout, c = i % image / plane;
    return i / image * v->form.image_step + (c / block * plane + i % plane) * block + c % block;
}

static float get(const value *v, size_t at)
{
    return v->form.type == SG_BF16 ? sg_bf16_to_float(((const sg_bf16 *)v->formed)[at])
                                   : ((const float *)v->formed)[at];
}

static void put(const value *v, size_t at, float number)
{
    if (v->form.type == SG_BF16)
        ((sg_bf16 *)v->formed)[at] = sg_bf16_from_float(number);
    else
        ((float *)v->formed)[at] = number;
}

static size_t places(const value *v)
{
    return (size_t)v->shape.n * v->form.image_step;
}

/* The plain numbers, rounded to bfloat16, in the form; gaps get their own number. */
static void form(const value *v)
{
    for (size_t at = 0; at < places(v); at++) put(v, at, gap_value);
    for (size_t i = 0; i < sg_shape_len(v->shape); i++) put(v, place(v, i), v->plain[i]);
}

static value value_make(const char *name, sg_shape shape, sg_layout layout, bool half, bool gap)
{
    value v = {.shape = shape, .form = {layout, half && layout ? SG_BF16 : SG_F32, image_len(shape)}};
    if (gap && layout) v.form.image_step += GAP;
    v.plain = calloc(sg_shape_len(shape), sizeof(float));
    v.bytes = places(&v) * sg_type_size(v.form.type, sizeof(float));
    v.formed = calloc(1, v.bytes);
    for (size_t i = 0; i < sg_shape_len(shape); i++)
        v.plain[i] = sg_bf16_to_float(sg_bf16_from_float((float)check_random(name, 0, i)));
    form(&v);
    return v;
}

static void value_free(value *v)
{
    free(v->plain);
    free(v->formed);
}

/* ---- one run ---- */

enum { X, WEIGHT, BIAS, Y, DX, DWEIGHT, DBIAS, DY, VALUES };
static const char *const value_name[VALUES] = {"x", "weight", "bias", "y", "dx", "dweight", "dbias", "dy"};

typedef struct bench {
    const shape_case *c;
    const variant *how;
    sg_layout layout[2]; /* of x, y */
    sg_node node;
    value v[VALUES];
} bench;

static void bench_open(bench *b)
{
    const shape_case *c = b->c;
    const bool transposed = c->op == &sg_op_conv_transpose;
    sg_node *n = &b->node;
    *n = (sg_node){.op = c->op, .inputs = {0, 1, c->bias ? 2 : -1}, .input_count = 3};
    n->in_shape[0] = SG_SHAPE(c->n, c->i, c->h, c->w);
    n->in_shape[1] = transposed ? SG_SHAPE(c->i, c->o, 2, 2) : SG_SHAPE(c->o, c->i, c->k, c->k);
    n->in_shape[2] = SG_SHAPE(1, c->o, 1, 1);
    if (c->op->infer(n) != SG_OK) fail_msg("%s", sg_error_text());
    const sg_shape shape[VALUES] = {n->in_shape[0], n->in_shape[1], n->in_shape[2], n->shape,
                                    n->in_shape[0], n->in_shape[1], n->in_shape[2], n->shape};
    for (int k = 0; k < VALUES; k++) {
        const bool is_x = k == X || k == DX, is_y = k == Y || k == DY;
        const sg_layout layout = is_x ? b->layout[0] : is_y ? b->layout[1] : SG_NCHW;
        b->v[k] = value_make(value_name[k], shape[k], layout, is_x ? b->how->half_x : b->how->half_y, b->how->gap);
    }
    n->in_form[0] = b->v[X].form;
    n->form = b->v[Y].form;
    n->fused = b->how->relu && !transposed ? &own : NULL;
    n->premasked = n->fused && b->how->premasked;
    n->mask[0] = b->how->mask ? &before : NULL;
}

static void bench_close(bench *b)
{
    for (int k = 0; k < VALUES; k++) value_free(&b->v[k]);
}

static sg_run run_make(const bench *b, const sg_node *node, bool formed)
{
    static const sg_step step = {.training = true};
    sg_run run = {.node = node, .step = &step, .threads = sg_threads()};
#define MEMORY(k) (formed ? b->v[k].formed : (void *)b->v[k].plain)
    for (int i = 0; i < 3; i++) {
        if (node->inputs[i] < 0) continue;
        run.in[i] = MEMORY(X + i);
        run.din[i] = MEMORY(DX + i);
        run.fresh[i] = !b->how->add;
    }
    run.out = MEMORY(Y);
    run.dout = MEMORY(DY);
#undef MEMORY
    return run;
}

/* The plain kernels, one after the other; what surrounding ops would do is done here. */
static void run_plain(const bench *b)
{
    sg_node node = b->node;
    const sg_fused_relu *mask = node.mask[0];
    if (node.premasked) node.fused = NULL; /* dy is masked already: as if there were nothing to undo */
    sg_run run = run_make(b, &node, false);
    run.node = &b->node;
    b->c->op->forward[0](&run);
    run.node = &node;
    node.mask[0] = NULL;
    b->c->op->backward[0](&run);
    for (size_t i = 0; mask && i < sg_shape_len(b->v[X].shape); i++)
        if (!(b->v[X].plain[i] > 0)) b->v[DX].plain[i] *= (float)mask->slope;
}

static void run_fast(const bench *b)
{
    sg_run run = run_make(b, &b->node, true);
    sg_space space = {0, 0};
    const sg_fast *fast = sg_conv_head_fast.takes(&b->node, true) ? &sg_conv_head_fast : &sg_conv_pixel_fast;
    fast->workspace(&b->node, run.threads, sizeof(float), &space);
    run.scratch = malloc(space.scratch);
    memset(run.scratch, 0xff, space.scratch); /* NaN */
    fast->forward(&run);
    fast->backward(&run);
    free(run.scratch);
}

static void fail_in(const bench *b, int k, const char *what, double number)
{
    const shape_case *c = b->c;
    fail_msg("%s %d: (%d,%d,%d,%d) -> %d, layouts %d and %d, variant %d: %s %s %g", c->op->name, c->k, c->n, c->i, c->h,
             c->w, c->o, (int)b->layout[0], (int)b->layout[1], (int)(b->how - variants), value_name[k], what, number);
}

static void compare(const bench *b, int k)
{
    const value *v = &b->v[k];
    const double rounding = v->form.type == SG_BF16 ? 0x1p-8 : 4e-6;
    double largest = 0;
    char *used = calloc(places(v), 1);
    for (size_t i = 0; i < sg_shape_len(v->shape); i++) largest = fmax(largest, fabs((double)v->plain[i]));
    for (size_t i = 0; i < sg_shape_len(v->shape); i++) {
        const double error = fabs((double)get(v, place(v, i)) - (double)v->plain[i]);
        if (!(error <= rounding * largest))
            fail_in(b, k, "is off, in parts of the largest number, by", error / largest);
        used[place(v, i)] = 1;
    }
    for (size_t at = 0; at < places(v); at++)
        if (!used[at] && get(v, at) != gap_value) fail_in(b, k, "was written in a gap at", (double)at);
    free(used);
}

static int check_one(const shape_case *c, const variant *how, sg_layout x, sg_layout y)
{
    static const int results[] = {Y, DX, DWEIGHT, DBIAS};
    bench one = {.c = c, .how = how, .layout = {x, y}}, three = one;
    sg_threads_set(1);
    bench_open(&one);
    run_plain(&one);
    run_fast(&one);
    for (size_t k = 0; k < 4; k++)
        if (results[k] != DBIAS || c->bias) compare(&one, results[k]);
    sg_threads_set(3);
    bench_open(&three);
    run_fast(&three);
    for (size_t k = 0; k < 4; k++)
        if (memcmp(one.v[results[k]].formed, three.v[results[k]].formed, one.v[results[k]].bytes) != 0)
            fail_in(&one, results[k], "has other bits at 3 threads than at", 1);
    sg_threads_set(0);
    bench_close(&one);
    bench_close(&three);
    return 1;
}

static void test_forms(void **state)
{
    const shape_case *c = *state;
    static const sg_layout layouts[] = {SG_NCHW, SG_NCHW8, SG_NCHW16};
    int checked = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t o = 0; o < 3; o++)
            for (size_t k = 0; k < sizeof variants / sizeof *variants; k++) {
                const bool fits = (!layouts[i] || c->i % (int)layouts[i] == 0) &&
                                  (!layouts[o] || c->o % (int)layouts[o] == 0) && !(c->k == 3 && layouts[i]);
                if (fits) checked += check_one(c, &variants[k], layouts[i], layouts[o]);
            }
    print_message("# %s %d, %d -> %d channels: %d combinations\n", c->op->name, c->k, c->i, c->o, checked);
    assert_true(checked > 0);
}

int main(void)
{
    check_list list = {0};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check_list_add(&list, test_forms, &shapes[i], "%s %d: %d -> %d channels", shapes[i].op->name, shapes[i].k,
                       shapes[i].i, shapes[i].o);
    return check_list_run(&list, "conv_pixel");
}
