/* led_image.c - the library in a page: a transparent disc under the 81 LEDs of the main job, and the gradient of the
 * picture's mean square to the weight of each LED. After `sh bootstrap.sh install`:
 *     cc led_image.c $(pkg-config --cflags --libs scopegrad) && ./a.out */
#include "core/plan.h"
#include "nn/loss.h"
#include "pipeline/config.h"

#include <string.h>

enum { SIDE = 256 };

static void draw_disc(float *sample)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            sample[y * SIDE + x] = (x - 128) * (x - 128) + (y - 128) * (y - 128) < 40 * 40; /* 20 um radius */
}

static sg_status run(sg_plan *plan)
{
    const sg_step step = {.seed = 1, .epoch = 1};
    draw_disc(sg_plan_input(plan, "sample"));
    memset(sg_plan_input(plan, "dark"), 0, sg_shape_len(sg_plan_shape(plan, "dark")) * sizeof(float));
    sg_plan_step_set(plan, &step);
    SG_TRY(sg_plan_forward(plan));
    SG_TRY(sg_plan_backward(plan));
    const float *gradient = sg_plan_param_grad(plan, "microscope.led.weight");
    printf("mean square of the picture: %g\n", sg_plan_loss(plan));
    for (int k = 0; k < 81; k++) printf("%9.3f%s", (double)gradient[k], k % 9 == 8 ? "\n" : " ");
    return SG_OK;
}

int main(void)
{
    sg_config config;
    sg_config_defaults(&config);
    config.microscope.camera.range_e = 400;
    config.microscope.camera.normalise = SG_NORMALISE_RANGE;
    config.microscope.illumination.learn.on = true;

    sg_graph *g = sg_graph_new();
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    const sg_plan_options options = {.backward = true};
    const sg_value picture =
        sg_microscope(g, sg_input(g, "sample", SG_SHAPE(1, 1, SIDE, SIDE)), &config.microscope, false, NULL);
    const sg_value dark = sg_input(g, "dark", sg_value_shape(g, picture));
    sg_status status = sg_model_new(&model, 1);
    if (status == SG_OK) status = sg_plan_make(&plan, g, model, sg_mse(g, picture, dark), &options);
    if (status == SG_OK) status = run(plan);
    if (status != SG_OK) fprintf(stderr, "%s\n", sg_error_text());
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    return status != SG_OK;
}
