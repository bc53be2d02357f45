/* test_predict.c - the network on pictures of any size: what is mirrored and cropped, batch norm folded into
 * convolutions, how far a tile must look. */
#include "check.h"
#include "place.h"

#include "core/memory.h"
#include "core/rng.h"
#include "nn/ops.h"
#include "nn/unet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s: %s", #call, sg_error_text());                                               \
    } while (0)

static void noise(float *x, size_t len, uint32_t stream)
{
    const sg_rng rng = sg_rng_make(7, SG_RNG_TEST, stream, 0, 0);
    for (size_t i = 0; i < len; i++) x[i] = (float)sg_rng_uniform(&rng, (uint32_t)i, 0);
}

static double largest(const float *x, size_t len)
{
    double most = 0;
    for (size_t i = 0; i < len; i++)
        if (fabs((double)x[i]) > most) most = fabs((double)x[i]);
    return most;
}

/* The largest difference; NaN if there is one. */
static double distance(const float *a, const float *b, size_t len)
{
    double worst = 0;
    for (size_t i = 0; i < len; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
    }
    return worst;
}

static sg_plan *net_plan(sg_model *model, const sg_unet_config *net, sg_shape shape)
{
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    OK(sg_plan_make(&plan, g, model, sg_unet(g, sg_input(g, "x", shape), net), &(sg_plan_options){0}));
    sg_graph_free(g);
    return plan;
}

/* The logits; x (shape). Free with sg_free. */
static float *logits_of(sg_model *model, const sg_unet_config *net, sg_shape shape, const float *x)
{
    float *out;
    sg_plan *plan = net_plan(model, net, shape);
    memcpy(sg_plan_input(plan, "x"), x, sg_shape_len(shape) * sizeof *x);
    OK(sg_plan_forward(plan));
    shape.c = net->out_channels;
    OK(SG_ALLOC(&out, sg_shape_len(shape), "logits"));
    memcpy(out, sg_plan_root(plan), sg_shape_len(shape) * sizeof *out);
    sg_plan_free(plan);
    return out;
}

static const sg_unet_config nets[] = {
    {1, 4, 1, SG_NORM_NONE, SG_UPSAMPLE_TRANSPOSED, 0},  {2, 8, 1, SG_NORM_NONE, SG_UPSAMPLE_TRANSPOSED, .1},
    {3, 4, 1, SG_NORM_NONE, SG_UPSAMPLE_TRANSPOSED, .1}, {4, 4, 1, SG_NORM_NONE, SG_UPSAMPLE_TRANSPOSED, .1},
    {1, 4, 1, SG_NORM_NONE, SG_UPSAMPLE_BILINEAR, .1},   {3, 4, 1, SG_NORM_NONE, SG_UPSAMPLE_BILINEAR, .1},
};
enum { NETS = sizeof nets / sizeof nets[0] };

/* ---- sizes that do not divide ---- */

static void odd_pictures_are_mirrored_and_cropped(void **state)
{
    enum { H = 13, W = 10, WHOLE_H = 16, WHOLE_W = 12 };
    const sg_unet_config *net = &nets[1];
    float x[2][H][W], mirrored[2][WHOLE_H][WHOLE_W];
    sg_model *model = NULL;
    (void)state;
    OK(sg_model_new(&model, 1));
    noise(&x[0][0][0], 2 * H * W, 0);
    for (int i = 0; i < 2 * WHOLE_H * WHOLE_W; i++) {
        const int row = i / WHOLE_W % WHOLE_H, column = i % WHOLE_W;
        mirrored[i / WHOLE_W / WHOLE_H][row][column] =
            x[i / WHOLE_W / WHOLE_H][row < H ? row : 2 * H - 1 - row][column < W ? column : 2 * W - 1 - column];
    }
    float *small = logits_of(model, net, SG_SHAPE(2, 1, H, W), &x[0][0][0]);
    float *whole = logits_of(model, net, SG_SHAPE(2, 1, WHOLE_H, WHOLE_W), &mirrored[0][0][0]);
    for (int i = 0; i < 2 * H * W; i++)
        assert_true(small[i] == whole[(i / W / H * WHOLE_H + i / W % H) * WHOLE_W + i % W]);
    sg_free(small);
    sg_free(whole);
    sg_model_free(model);
}

/* ---- how far the network looks ---- */

/* A line of pixels `far` to the left of column `edge` is changed: does anything from there on change? */
static bool sees(const sg_unet_config *net, sg_model *model, const float *x, const float *logits, int edge, int far,
                 int height, int width)
{
    float *other;
    bool differs = false;
    const size_t len = (size_t)height * (size_t)width;
    OK(SG_ALLOC(&other, len, "other"));
    memcpy(other, x, len * sizeof *x);
    for (int y = 0; y < height; y++) other[(size_t)y * (size_t)width + (size_t)(edge - far)] += 1000;
    float *changed = logits_of(model, net, SG_SHAPE(1, 1, height, width), other);
    for (size_t i = 0; i < len; i++) differs = differs || ((int)(i % (size_t)width) >= edge && changed[i] != logits[i]);
    sg_free(changed);
    sg_free(other);
    return differs;
}

/* It is no larger than it must be, and no smaller: from both sides, since an upsampled pixel has two halves. */
static void the_halo_is_the_receptive_field(void **state)
{
    (void)state;
    for (int i = 0; i < NETS; i++) {
        const sg_unet_config *net = &nets[i];
        const int unit = 1 << net->depth, halo = sg_unet_halo(net), edge = sg_unet_whole(net, halo + 1);
        const int width = edge + sg_unet_whole(net, halo + 1), height = 2 * unit;
        sg_model *model = NULL;
        float *x;
        OK(sg_model_new(&model, 3));
        OK(SG_ALLOC(&x, (size_t)height * (size_t)width, "x"));
        noise(x, (size_t)height * (size_t)width, 1);
        float *logits = logits_of(model, net, SG_SHAPE(1, 1, height, width), x);
        if (!sees(net, model, x, logits, edge, halo, height, width))
            fail_msg("depth %d: nothing is seen %d pixels away", net->depth, halo);
        if (sees(net, model, x, logits, edge, halo + 1, height, width))
            fail_msg("depth %d: something is seen %d pixels away", net->depth, halo + 1);
        sg_free(logits);
        sg_free(x);
        sg_model_free(model);
    }
}

/* ---- batch norm as part of the convolutions ---- */

static void folded_batch_norm_predicts_the_same(void **state)
{
    static const sg_unet_config cases[] = {{2, 8, 1, SG_NORM_BATCH, SG_UPSAMPLE_TRANSPOSED, 0},
                                           {1, 3, 2, SG_NORM_BATCH, SG_UPSAMPLE_BILINEAR, .1}};
    (void)state;
    for (int k = 0; k < 2; k++) {
        const sg_unet_config *net = &cases[k];
        const sg_shape shape = SG_SHAPE(2, 1, 20, 28);
        sg_unet_config plain = *net;
        sg_model *model = NULL, *folded = NULL;
        float x[2 * 20 * 28];
        plain.norm = SG_NORM_NONE;
        noise(x, sizeof x / sizeof *x, 2);
        OK(sg_model_new(&model, 5));
        sg_plan_free(net_plan(model, net, shape)); /* makes the parameters */
        for (int i = 0; i < sg_model_count(model); i++) {
            sg_param_info *p = sg_model_at(model, i);
            const bool positive = strstr(p->name, "norm") && (strstr(p->name, "weight") || strstr(p->name, "var"));
            if (p->shape.h == 1 && p->shape.w == 1) noise(p->value, p->len, (uint32_t)i + 10);
            for (size_t j = 0; j < p->len && positive; j++) p->value[j] += .5f;
        }
        OK(sg_unet_fold(&folded, model, net));
        float *a = logits_of(model, net, shape, x), *b = logits_of(folded, &plain, shape, x);
        const size_t len = (size_t)net->out_channels * sizeof x / sizeof *x;
        const double worst = distance(a, b, len) / largest(a, len);
        if (!(worst <= 2e-6)) fail_msg("case %d: folding changes logits by %.3g of the largest", k, worst);
        assert_null(sg_model_find(folded, "unet.down0.norm1.weight"));
        sg_free(a);
        sg_free(b);
        sg_model_free(model);
        sg_model_free(folded);
    }
}

static void a_network_without_its_statistics_is_not_folded(void **state)
{
    const sg_unet_config net = {1, 4, 1, SG_NORM_BATCH, SG_UPSAMPLE_TRANSPOSED, 0};
    sg_unet_config plain = net;
    sg_model *model = NULL, *folded = NULL;
    (void)state;
    plain.norm = SG_NORM_NONE;
    OK(sg_model_new(&model, 1));
    sg_plan_free(net_plan(model, &plain, SG_SHAPE(1, 1, 4, 4)));
    assert_int_equal(sg_unet_fold(&folded, model, &net), SG_E_STATE);
    assert_non_null(strstr(sg_error_text(), "unet.down0.norm1."));
    assert_null(folded);
    sg_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_pictures_are_mirrored_and_cropped),
        cmocka_unit_test(the_halo_is_the_receptive_field),
        cmocka_unit_test(folded_batch_norm_predicts_the_same),
        cmocka_unit_test(a_network_without_its_statistics_is_not_folded),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
