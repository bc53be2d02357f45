/* test_predict.c - the network on pictures of any size: what is mirrored and cropped, batch norm folded into
 * convolutions, how far a tile must look; and `scopegrad predict --measured`: tiles agree with the whole picture, bits
 * do not depend on threads or file formats, memory not on the height, and nothing is left half-written. */
#include "check.h"
#include "place.h"

#include "core/memory.h"
#include "core/rng.h"
#include "datasets/npy.h"
#include "datasets/png.h"
#include "datasets/tiff.h"
#include "nn/ops.h"
#include "nn/unet.h"
#include "pipeline/tiling.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Direct: in Winograd's arithmetic the pixels of a tile share their rounding errors, and so see further. */
static sg_plan *net_plan(sg_model *model, const sg_unet_config *net, sg_shape shape)
{
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    OK(sg_plan_make(&plan, g, model, sg_unet(g, sg_input(g, "x", shape), net), &(sg_plan_options){.direct = true}));
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

/* ---- tiles ---- */

static void tiles_cover_the_picture_and_see_enough(void **state)
{
    static const int list[][4] = {{1504, 512, 96, 16}, {1104, 1024, 96, 16},  {8, 64, 16, 4},  {512, 512, 96, 16},
                                  {528, 512, 96, 16},  {20000, 1024, 96, 16}, {76, 28, 12, 4}, {400, 16, 0, 8}};
    (void)state;
    for (size_t k = 0; k < sizeof list / sizeof list[0]; k++) {
        const int whole = list[k][0], halo = list[k][2], unit = list[k][3];
        const sg_tiling t = sg_tiling_make(whole, list[k][1], halo, unit);
        assert_true(t.tile <= list[k][1] && t.tile % unit == 0);
        assert_int_equal(sg_tiling_begin(&t, 0), 0);
        assert_int_equal(sg_tiling_end(&t, t.count - 1), whole);
        for (int i = 0; i < t.count; i++) {
            const int origin = sg_tiling_origin(&t, i), begin = sg_tiling_begin(&t, i), end = sg_tiling_end(&t, i);
            assert_true(begin < end && origin >= 0 && origin + t.tile <= whole && origin % unit == 0);
            assert_true(origin == 0 || begin - origin >= halo);
            assert_true(origin + t.tile == whole || origin + t.tile - end >= halo);
            if (i > 0) assert_int_equal(begin, sg_tiling_end(&t, i - 1));
        }
    }
}

/* ---- scopegrad predict --measured ---- */

static const char config[] = "sample: {size_px: 36}\n"
                             "illumination: {rows: 3, columns: 3, pattern: random}\n"
                             "camera: {pixel_um: 1, bit_depth: 16}\n"
                             "network: {width: 8, depth: 3}\n"
                             "nn: {algorithm: direct}\n"
                             "dataset: {kind: synthetic, synthetic: {count: 3, radius_um: 3, train: 4, validation: 2, "
                             "test: 2}}\n"
                             "train: {steps: 2, batch_size: 8, validate_every: end, checkpoint_every: end}\n";
enum { HEIGHT = 1100, WIDTH = 1500 };
static uint16_t pixels[HEIGHT * WIDTH];

static uint16_t pixel_at(int y, int x)
{
    return (uint16_t)(20000 + 9000 * sin(x / 7.) * cos(y / 9.) + (x * 31 + y * 17) % 257 * 20);
}

/* A run whose camera has 18 px, which do not divide by 8: it is trained, evaluated and predicted all the same. */
static int prepare(void **state)
{
    if (place_make(state) != 0) return -1;
    place_put_text("config.yaml", config);
    for (int i = 0; i < HEIGHT * WIDTH; i++) pixels[i] = pixel_at(i / WIDTH, i % WIDTH);
    OK(sg_tiff_write(place_path("picture.tif"), &(sg_tiff){1, HEIGHT, WIDTH, 16, pixels, 0}));
    return place_shell("$SG train config.yaml -q --no-report -o run && $SG evaluate run > out");
}

/* `scopegrad predict run -q -m <arguments>` must succeed. */
static void predict(const char *arguments)
{
    char line[512];
    (void)snprintf(line, sizeof line, "predict run -q -m %s", arguments);
    if (place_run(line) != 0) fail_msg("%s: %s", line, place_get("err"));
}

static sg_image picture_of(const char *name)
{
    sg_image image;
    OK(sg_image_read(&image, place_path(name)));
    return image;
}

static void tiled_is_untiled(void **state)
{
    (void)state;
    predict("-i picture.tif -o whole.tif --tile 2048");
    sg_image whole = picture_of("whole.tif");
    assert_true(whole.height == HEIGHT && whole.width == WIDTH && whole.is_float);
    static const char *const ways[] = {"--tile 330", "--compress"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "-i picture.tif -o tiled.tif %s", ways[i]);
        predict(line);
        sg_image tiled = picture_of("tiled.tif");
        assert_true(tiled.height == HEIGHT && tiled.width == WIDTH);
        const double worst = distance(whole.data, tiled.data, (size_t)HEIGHT * WIDTH);
        if (!(worst <= 1e-5)) fail_msg("%s: %.3g from the untiled prediction", ways[i], worst);
        sg_image_free(&tiled);
    }
    sg_image_free(&whole);
}

/* A picture of another size, written row by row. */
static void put_part(const char *name, int height, int width)
{
    const sg_tiff_form form = {1, height, width, 16, 0, false};
    sg_tiff_writer *writer;
    OK(sg_tiff_create(&writer, place_path(name), &form));
    for (int y = 0; y < height; y++) OK(sg_tiff_append(writer, pixels + y % HEIGHT * WIDTH, 1));
    OK(sg_tiff_finish(writer));
}

/* With less around them they do not agree: what the test above sees. */
static void seams_show_where_tiles_see_too_little(void **state)
{
    enum { SMALL_H = 300, SMALL_W = 200 };
    (void)state;
    put_part("small.tif", SMALL_H, SMALL_W);
    predict("-i small.tif -o whole.tif --tile 2048");
    predict("-i small.tif -o seams.tif --tile 128 --overlap 8");
    char *text = place_get("err");
    assert_non_null(strstr(text, "seams may show"));
    sg_free(text);
    sg_image whole = picture_of("whole.tif"), seams = picture_of("seams.tif");
    assert_true(distance(whole.data, seams.data, (size_t)SMALL_H * SMALL_W) > 1e-4);
    sg_image_free(&whole);
    sg_image_free(&seams);
}

static void threads_do_not_change_bits(void **state)
{
    static const char *const arithmetic[] = {"nn.algorithm=direct", "nn.algorithm=auto", "nn.precision=bf16"};
    (void)state;
    put_part("part.tif", 400, 700);
    for (int i = 0; i < 3; i++)
        for (int threads = 1; threads <= 3; threads++) {
            char line[128];
            (void)snprintf(line, sizeof line, "-i part.tif -o %s --tile 256 -t %d --set %s",
                           threads == 1 ? "one.tif" : "more.tif", threads, arithmetic[i]);
            predict(line);
            if (threads > 1 && place_shell("cmp one.tif more.tif") != 0) fail_msg("%s: other bits", line);
        }
}

/* Strips, a compressed file, and what is read as a whole: the same bits. Two pictures are two pages. */
static void formats_do_not_change_bits(void **state)
{
    enum { H = 301, W = 203 };
    static uint16_t part[H * W];
    static float number[H * W];
    const sg_tiff_form form = {1, H, W, 16, 0, true};
    sg_tiff_writer *writer;
    (void)state;
    for (int i = 0; i < H * W; i++) part[i] = pixel_at(i / W, i % W), number[i] = (float)part[i];
    OK(sg_png_write_gray16(place_path("part.png"), part, H, W));
    OK(sg_npy_write(place_path("part.npy"), number, 1, H, W));
    OK(sg_tiff_write(place_path("part.tif"), &(sg_tiff){1, H, W, 16, part, 0}));
    OK(sg_tiff_create(&writer, place_path("deflated.tif"), &form));
    for (int y = 0; y < H; y += 7) OK(sg_tiff_append(writer, part + y * W, y + 7 < H ? 7 : H - y));
    OK(sg_tiff_finish(writer));
    predict("-i part.tif -o part.out --tile 128");
    static const char *const others[] = {"part.png", "part.npy", "deflated.tif"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "-i %s -o other.out --tile 128", others[i]);
        predict(line);
        if (place_shell("cmp part.out other.out") != 0) fail_msg("%s: other bits", others[i]);
    }
    predict("-i part.tif -i part.png -o two.tif --tile 128");
    predict("-i part.tif -o one.tif --tile 128");
    sg_image two = picture_of("two.tif"), one = picture_of("one.tif");
    assert_int_equal(two.pages, 2);
    assert_memory_equal(two.data, one.data, sizeof number);
    assert_memory_equal(two.data + H * W, one.data, sizeof number);
    sg_image_free(&two);
    sg_image_free(&one);
}

/* Peak memory of the program in bytes. */
static double peak_of(const char *arguments)
{
    struct rusage usage;
    int code;
    char line[1024];
    (void)snprintf(line, sizeof line, "cd '%s' && exec '%s' predict run -q -m %s", place, getenv("SG_TEST_COMMAND"),
                   arguments);
    const pid_t child = fork();
    if (child == 0) {
        (void)execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(wait4(child, &code, 0, &usage), child);
    if (code != 0) fail_msg("%s: status %d", arguments, code);
    return 1024. * (double)usage.ru_maxrss;
}

/* Five times the height would be 19 MB more in float, and as much again for what is predicted. */
static void memory_does_not_grow_with_the_height(void **state)
{
    enum { SMALL = 5000, TALL = 25000, WIDE = 240 };
    (void)state;
    put_part("small.tif", SMALL, WIDE);
    put_part("tall.tif", TALL, WIDE);
    const double small = peak_of("-i small.tif -o small.out --tile 256");
    const double tall = peak_of("-i tall.tif -o tall.out --tile 256");
    if (!(tall - small < 6e6)) fail_msg("%.1f MB for 5,000 rows, %.1f MB for 25,000", small / 1e6, tall / 1e6);
}

static void a_signal_leaves_nothing(void **state)
{
    (void)state;
    put_part("tall.tif", 16000, 240);
    const int code = place_shell("$SG predict run -q -m -i tall.tif -o new.tif --tile 256 2> err & p=$!;"
                                 "while kill -0 $p 2> /dev/null && ! ls new.tif.tmp-* > /dev/null 2>&1; do :; done;"
                                 "kill -TERM $p; wait $p");
    char *text = place_get("err");
    if (code != 1 || !strstr(text, "tiles; nothing was written")) fail_msg("exit code %d: %s", code, text);
    sg_free(text);
    assert_int_equal(place_shell("test -z \"$(ls -d new.tif* 2> /dev/null)\""), 0);
}

static void samples_of_such_a_run_are_predicted(void **state)
{
    (void)state;
    assert_int_equal(place_run("predict run -q -i picture.tif -o sample.tif"), 0);
    char *text = place_get("err");
    assert_string_equal(text, "scopegrad predict: picture.tif: only the middle 36 x 36 of its 1500 x 1100 px is used "
                              "(sample.size_px)\n");
    sg_free(text);
    sg_image image = picture_of("sample.tif");
    assert_true(image.height == 18 && image.width == 18);
    sg_image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(odd_pictures_are_mirrored_and_cropped),
        cmocka_unit_test(the_halo_is_the_receptive_field),
        cmocka_unit_test(folded_batch_norm_predicts_the_same),
        cmocka_unit_test(a_network_without_its_statistics_is_not_folded),
        cmocka_unit_test(tiles_cover_the_picture_and_see_enough),
        cmocka_unit_test(tiled_is_untiled),
        cmocka_unit_test(seams_show_where_tiles_see_too_little),
        cmocka_unit_test(threads_do_not_change_bits),
        cmocka_unit_test(formats_do_not_change_bits),
        cmocka_unit_test(memory_does_not_grow_with_the_height),
        cmocka_unit_test(a_signal_leaves_nothing),
        cmocka_unit_test(samples_of_such_a_run_are_predicted),
    };
    return cmocka_run_group_tests(tests, prepare, place_remove);
}
