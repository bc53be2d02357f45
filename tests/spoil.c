/* spoil.c - see spoil.h. */
#include "spoil.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const spoil_name[SPOIL_KINDS] = {"nothing", "sign", "x1.01", "zero", "h-w swap", "one element"};

static struct {
    sg_op row;
    sg_fast fast[SG_FAST_MAX];
    const sg_op *original;
    spoil_kind kind;
    int input;
    bool wanted, changed;
} state;

static size_t input_len(const sg_node *node, int i)
{
    return sg_shape_len(node->in_shape[i]) * (node->in_complex[i] ? 2 : 1);
}

static double get(const void *x, bool f64, size_t i)
{
    return f64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

static void put(void *x, bool f64, size_t i, double v)
{
    if (f64)
        ((double *)x)[i] = v;
    else
        ((float *)x)[i] = (float)v;
}

/* The last element that is at least a tenth of the largest: last, because edges are where kernels go wrong. */
static size_t one_element(const double *g, size_t len)
{
    double max = 0;
    for (size_t i = 0; i < len; i++)
        if (fabs(g[i]) > max) max = fabs(g[i]);
    size_t found = 0;
    for (size_t i = 0; i < len; i++)
        if (fabs(g[i]) >= .1 * max) found = i;
    return found;
}

static size_t swapped(const sg_node *node, int input, size_t i)
{
    const size_t reals = node->in_complex[input] ? 2 : 1, h = (size_t)node->in_shape[input].h,
                 w = (size_t)node->in_shape[input].w, number = i / reals, plane = number / (h * w),
                 at = number % (h * w);
    return (plane * h * w + (at % w) * h + at / w) * reals + i % reals;
}

static double spoilt(const sg_node *node, const double *g, size_t i, size_t element)
{
    switch (state.kind) {
    case SPOIL_SIGN: return -g[i];
    case SPOIL_SCALE: return 1.01 * g[i];
    case SPOIL_ZERO: return 0;
    case SPOIL_SWAP: return g[swapped(node, state.input, i)];
    case SPOIL_ELEMENT: return i == element ? 1.01 * g[i] : g[i];
    default: return g[i];
    }
}

/* Runs backward with din[input] alone in a zeroed buffer, spoils it, and hands it on as the row would have. */
static void run_mutant(const sg_run *run, sg_kernel backward, bool f64)
{
    const int k = state.input;
    const size_t len = input_len(run->node, k);
    void *alone = aligned_alloc(64, (len * sizeof(double) + 127) / 64 * 64);
    double *g = malloc((len + 1) * sizeof *g);
    if (!alone || !g) abort();
    memset(alone, 0, len * sizeof(double));
    sg_run copy = *run;
    copy.din[k] = alone;
    backward(&copy);
    for (size_t i = 0; i < len; i++) g[i] = get(alone, f64, i);
    const size_t element = one_element(g, len);
    const double visible = 1e-6 * fabs(g[element]);
    for (size_t i = 0; i < len; i++) {
        const double v = spoilt(run->node, g, i, element);
        if (fabs(v - g[i]) > visible) state.changed = true;
        put(run->din[k], f64, i, v + (run->fresh[k] ? 0 : get(run->din[k], f64, i)));
    }
    free(alone);
    free(g);
}

/* Multiples of 1/64 in -1..1, so that taking them off again costs little rounding. */
static double noise(size_t i)
{
    return (double)((i * 2654435761u >> 7) % 129) / 64 - 1;
}

/* Nothing was added to din[k] yet and no other input shares it: the plan might as well have said `fresh`. */
static bool may_be_fresh(const sg_run *run, bool f64, int k)
{
    for (int i = 0; i < run->node->input_count; i++)
        if (i != k && run->din[i] == run->din[k]) return false;
    for (size_t i = 0; !run->fresh[k] && i < input_len(run->node, k); i++)
        if (get(run->din[k], f64, i) != 0) return false;
    return true;
}

static void fill_before(sg_run *copy, bool f64, int k)
{
    const bool was_fresh = copy->fresh[k];
    copy->fresh[k] = state.kind == SPOIL_FRESH && may_be_fresh(copy, f64, k);
    for (size_t i = 0; i < input_len(copy->node, k); i++) {
        const double before = was_fresh ? 0 : get(copy->din[k], f64, i);
        put(copy->din[k], f64, i,
            copy->fresh[k]              ? (double)NAN
            : state.kind == SPOIL_NOISE ? before + noise(i)
                                        : before);
    }
}

/* What becomes of a number of din[k] that was there before. */
static double remaining(const sg_run *run, bool f64, int k, size_t i)
{
    const sg_fused_relu *mask = run->node->mask[k];
    return !mask || get(run->in[k], f64, i) > 0 ? 1 : mask->slope;
}

static void run_noise(const sg_run *run, sg_kernel backward, bool f64)
{
    sg_run copy = *run;
    for (int k = 0; k < run->node->input_count; k++)
        if (run->din[k]) fill_before(&copy, f64, k);
    backward(&copy);
    for (int k = 0; k < run->node->input_count && state.kind == SPOIL_NOISE; k++)
        for (size_t i = 0; run->din[k] && i < input_len(run->node, k); i++)
            put(run->din[k], f64, i, get(run->din[k], f64, i) - remaining(run, f64, k, i) * noise(i));
}

static void wrapped(const sg_run *run, sg_kernel backward, bool f64)
{
    const bool wanted = state.input < run->node->input_count && run->din[state.input];
    if (wanted) state.wanted = true;
    if (state.kind >= SPOIL_NOISE)
        run_noise(run, backward, f64);
    else if (state.kind != SPOIL_NOTHING && wanted)
        run_mutant(run, backward, f64);
    else
        backward(run);
}

static void wrapped_f32(const sg_run *run)
{
    wrapped(run, state.original->backward[0], false);
}

static void wrapped_f64(const sg_run *run)
{
    wrapped(run, state.original->backward[1], true);
}

#define WRAPPED_FAST(k)                                                                                                \
    static void wrapped_fast##k(const sg_run *run)                                                                     \
    {                                                                                                                  \
        wrapped(run, state.original->fast[k]->backward, false);                                                        \
    }
WRAPPED_FAST(0)
WRAPPED_FAST(1)
WRAPPED_FAST(2)
WRAPPED_FAST(3)
WRAPPED_FAST(4)
static const sg_kernel wrapped_fast[SG_FAST_MAX] = {wrapped_fast0, wrapped_fast1, wrapped_fast2, wrapped_fast3,
                                                    wrapped_fast4};

const sg_op *spoil_row(const sg_op *op)
{
    state.original = op;
    state.row = *op;
    state.row.backward[0] = wrapped_f32;
    state.row.backward[1] = wrapped_f64;
    for (int k = 0; k < SG_FAST_MAX && op->fast[k]; k++) {
        state.fast[k] = *op->fast[k];
        state.fast[k].backward = wrapped_fast[k];
        state.row.fast[k] = &state.fast[k];
    }
    spoil_set(SPOIL_NOTHING, 0);
    return &state.row;
}

void spoil_set(spoil_kind kind, int input)
{
    state.kind = kind;
    state.input = input;
    state.wanted = state.changed = false;
}

bool spoil_wanted(void)
{
    return state.wanted;
}

bool spoil_changed(void)
{
    return state.changed;
}
