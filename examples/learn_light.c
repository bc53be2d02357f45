/* learn_light.c - a whole training in a page: made-up cells under an LED array whose weights learn together with a small
 * U-Net. Data, graph, plan, steps, and what came out. After `sh bootstrap.sh install`:
 *     cc learn_light.c $(pkg-config --cflags --libs scopegrad) && ./a.out */
#include "core/plan.h"
#include "datasets/dataset.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "pipeline/config.h"

#include <string.h>

enum { BATCH = 8, STEPS = 40 };

/* 64 px of .5 um under 9 x 9 LEDs; the camera sees 32 px. */
static void configure(sg_config *config)
{
    sg_config_defaults(config);
    config->microscope.sample.size_px = 64;
    config->microscope.camera.range_e = 150;
    config->microscope.illumination.pattern = SG_PATTERN_RANDOM;
    config->microscope.illumination.learn = (sg_learn){.on = true, .lr = .02};
    config->unet = (sg_unet_config){.depth = 2, .width = 8, .out_channels = 1, .norm = SG_NORM_BATCH};
    config->optimiser.lr = 1e-2;
    config->dataset.kind = SG_DATASET_SYNTHETIC;
    config->dataset.synthetic.count = 4;
    config->dataset.synthetic.radius_um = 4;
}

/* sample -> microscope -> network -> loss: bookkeeping only; the plan finds every error. */
static sg_value build(sg_graph *g, const sg_config *config, const sg_microscope_size *size)
{
    const sg_value sample = sg_input(g, "sample", SG_SHAPE(BATCH, 1, size->sample_px, size->sample_px));
    const sg_value label = sg_input(g, "label", SG_SHAPE(BATCH, 1, size->output_px, size->output_px));
    const sg_value picture = sg_microscope(g, sample, &config->microscope, false, NULL);
    return sg_dice_bce(g, sg_unet(g, picture, &config->unet), label, 1, 1);
}

static sg_status step(sg_plan *plan, sg_model *model, const sg_config *config, sg_loader *loader, int number)
{
    const sg_batch *batch;
    SG_TRY(sg_loader_next(loader, &batch));
    memcpy(sg_plan_input(plan, "sample"), batch->sample, sg_shape_len(sg_plan_shape(plan, "sample")) * sizeof(float));
    memcpy(sg_plan_input(plan, "label"), batch->label, sg_shape_len(sg_plan_shape(plan, "label")) * sizeof(float));
    /* the random numbers of the camera: by seed, epoch and sample, never by thread */
    const sg_step now = {.seed = 1, .epoch = (uint32_t)number, .sample_id = batch->sample_id, .training = true};
    sg_plan_step_set(plan, &now);
    SG_TRY(sg_plan_forward(plan));
    SG_TRY(sg_plan_backward(plan));
    SG_TRY(sg_optimiser_step(model, plan, &config->optimiser, sg_schedule_factor(&config->optimiser, number, STEPS)));
    sg_plan_commit(plan); /* running statistics of batch norm */
    if (number % 10 == 9) printf("step %2d  loss %.3f\n", number + 1, sg_plan_loss(plan));
    return SG_OK;
}

static void print_light(const sg_model *model)
{
    const sg_param_info *light = sg_model_find(model, "microscope.led.weight");
    puts("share of the light, per cent, LED by LED:");
    for (int k = 0; light != NULL && k < light->shape.w; k++)
        printf("%5.1f%s", 100 * (double)light->value[k], k % 9 == 8 ? "\n" : " ");
}

int main(void)
{
    sg_config config;
    sg_microscope_size size = {0};
    sg_dataset *dataset = NULL;
    sg_loader *loader = NULL;
    sg_graph *g = sg_graph_new();
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_status status;
    configure(&config);
    SG_TRY_DONE(sg_microscope_check(&size, &config.microscope));
    const sg_dataset_grid grid = {
        .sample_px = size.sample_px, .label_px = size.output_px, .pixel_um = config.microscope.sample.pixel_um};
    SG_TRY_DONE(sg_dataset_open(&dataset, &config.dataset, &grid));
    SG_TRY_DONE(sg_loader_start(&loader, dataset, BATCH, 1, 0));
    SG_TRY_DONE(sg_model_new(&model, 1));
    SG_TRY_DONE(sg_plan_make(&plan, g, model, build(g, &config, &size), &(sg_plan_options){.backward = true}));
    for (int i = 0; i < STEPS; i++) SG_TRY_DONE(step(plan, model, &config, loader, i));
    print_light(model);
done:
    if (status != SG_OK) fprintf(stderr, "%s\n", sg_error_text());
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    sg_loader_stop(loader);
    sg_dataset_free(dataset);
    return status != SG_OK;
}
