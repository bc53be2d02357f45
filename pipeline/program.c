/* program.c - sample to loss in a page. */
#include "pipeline/program.h"

#include "core/rng.h"
#include "nn/classifier.h"
#include "nn/loss.h"
#include "nn/unet.h"

#include <stdio.h>
#include <string.h>

sg_value sg_program_network(sg_graph *g, sg_value channels, const sg_config *config)
{
    static const sg_classifier_kind kinds[] = {
        [SG_NETWORK_LENET5] = SG_CLASSIFIER_LENET5, [SG_NETWORK_RESNET] = SG_CLASSIFIER_RESNET};
    if (config->network.kind == SG_NETWORK_UNET) return sg_unet(g, channels, &config->unet);
    const sg_classifier_config classifier = {.kind = kinds[config->network.kind],
                                             .classes = config->found.classes,
                                             .width = config->unet.width,
                                             .depth = config->unet.depth,
                                             .norm = config->unet.norm,
                                             .dropout = config->network.dropout};
    return sg_classifier(g, channels, &classifier);
}

static sg_value loss_of(sg_graph *g, sg_value logits, sg_value label, const sg_config *config)
{
    const sg_loss_config *loss = &config->loss;
    if (loss->kind == SG_LOSS_CROSS_ENTROPY) return sg_cross_entropy(g, logits, label, config->found.class_weight);
    if (loss->kind == SG_LOSS_MSE) return sg_mse(g, logits, label);
    return sg_dice_bce(g, logits, label, loss->bce_weight, loss->dice_weight);
}

static sg_value build(sg_graph *g, const sg_config *config, const sg_microscope_size *size, int batch,
                      sg_program_kind kind)
{
    const sg_shape sample_shape = sg_entry_shape(size, SG_ENTRY_SAMPLE, batch);
    sg_microscope_stages stages;
    const sg_value sample = sg_input(g, "sample", sample_shape);
    const sg_value channels = sg_microscope(g, sample, &config->microscope, kind == SG_PROGRAM_ELECTRONS, &stages);
    if (kind == SG_PROGRAM_ELECTRONS) {
        const sg_value electrons = sg_stage_value(&stages, "electrons");
        sg_output(g, "electrons", electrons);
        return electrons;
    }
    const sg_value logits = sg_program_network(g, channels, config);
    const int side = config->loss.kind == SG_LOSS_CROSS_ENTROPY ? 1 : size->output_px;
    const sg_value label = sg_input(g, "label", SG_SHAPE(batch, 1, side, side));
    sg_output(g, "logits", logits);
    sg_output(g, "channels", channels);
    sg_output(g, "adu", sg_stage_value(&stages, "adu"));
    return loss_of(g, logits, label, config);
}

sg_plan_options sg_program_options(const sg_nn_config *nn)
{
    return (sg_plan_options){
        .direct = nn->algorithm == SG_NN_DIRECT, .bf16 = nn->precision == SG_NN_BF16, .recompute = nn->recompute};
}

sg_status sg_program_arena(double *mib, const sg_program *program, sg_nn_config nn, sg_model *model)
{
    sg_plan *plan;
    sg_plan_info info;
    sg_plan_options options = sg_program_options(&nn);
    options.backward = true;
    options.sizes_only = true;
    SG_TRY(sg_plan_make(&plan, program->graph, model, program->root, &options));
    sg_plan_info_get(plan, &info);
    sg_plan_free(plan);
    *mib = (double)info.arena_bytes / 1048576;
    return SG_OK;
}

/* The error of a plan that is too big says what other keys would need. */
static sg_status too_much(const sg_program *program, sg_model *model, sg_nn_config nn)
{
    char text[512];
    double again, both;
    (void)snprintf(text, sizeof text, "%s", sg_error_text());
    nn.recompute = true;
    SG_TRY(sg_program_arena(&again, program, nn, model));
    nn.precision = SG_NN_BF16;
    SG_TRY(sg_program_arena(&both, program, nn, model));
    SG_FAIL(SG_E_MEMORY,
            "%s (train.batch_size below %d; nn.recompute: true needs %.1f MiB, with nn.precision: bf16 %.1f MiB)", text,
            program->batch, again, both);
}

static sg_status check_picture(const sg_config *config, int side)
{
    const int depth = config->unet.depth;
    if (config->network.kind == SG_NETWORK_LENET5 && side < 16)
        SG_FAIL(SG_E_CONFIG, "network.kind: lenet5 needs a picture of at least 16 px, the camera gives %d", side);
    if (config->network.kind == SG_NETWORK_RESNET && side < 1 << (depth - 1))
        SG_FAIL(SG_E_CONFIG, "network.depth: %d stages need a picture of at least %d px, the camera gives %d", depth,
                1 << (depth - 1), side);
    if (config->network.kind == SG_NETWORK_UNET && side < 1 << depth)
        SG_FAIL(SG_E_CONFIG, "network.depth: %d poolings need a picture of at least %d px, the camera gives %d", depth,
                1 << depth, side);
    return SG_OK;
}

sg_status sg_program_make(sg_program *out, const sg_config *config, sg_model *model, int batch, sg_program_kind kind,
                          FILE *verbose)
{
    memset(out, 0, sizeof *out);
    SG_TRY(sg_microscope_check(&out->size, &config->microscope));
    if (kind != SG_PROGRAM_ELECTRONS) SG_TRY(check_picture(config, out->size.output_px));
    out->batch = batch;
    out->graph = sg_graph_new();
    out->root = build(out->graph, config, &out->size, batch, kind);
    sg_plan_options options = sg_program_options(&config->nn);
    options.backward = kind == SG_PROGRAM_TRAIN;
    options.verbose = verbose;
    const sg_status status = sg_plan_make(&out->plan, out->graph, model, out->root, &options);
    return status == SG_E_MEMORY && options.backward ? too_much(out, model, config->nn) : status;
}

static void fill(float *out, size_t len, uint32_t stream, bool binary)
{
    const sg_rng rng = sg_rng_make(1, SG_RNG_TEST, stream, 0, 0);
    for (size_t i = 0; i < len; i++) {
        const double u = sg_rng_uniform(&rng, (uint32_t)i, 0);
        out[i] = binary ? u > .5 : (float)u;
    }
}

void sg_program_made_up(sg_program *program)
{
    const sg_step step = {1, 1, NULL, true};
    sg_plan *plan = program->plan;
    sg_plan_step_set(plan, &step);
    fill(sg_plan_input(plan, "sample"), sg_shape_len(sg_plan_shape(plan, "sample")), 0, false);
    fill(sg_plan_input(plan, "label"), sg_shape_len(sg_plan_shape(plan, "label")), 1, true);
}

sg_status sg_program_step(const sg_program *program, sg_model *model, const sg_config *config, double factor)
{
    sg_trace *trace = program->trace;
    const int forward = sg_trace_begin(trace, "forward");
    SG_TRY(sg_plan_forward(program->plan));
    sg_trace_end(trace, forward);
    const int backward = sg_trace_begin(trace, "backward");
    SG_TRY(sg_plan_backward(program->plan));
    sg_trace_end(trace, backward);
    const int optimiser = sg_trace_begin(trace, "optimiser");
    SG_TRY(sg_optimiser_step(model, program->plan, &config->optimiser, factor));
    sg_plan_commit(program->plan);
    sg_trace_end(trace, optimiser);
    return SG_OK;
}

void sg_program_free(sg_program *program)
{
    sg_plan_free(program->plan);
    sg_graph_free(program->graph);
    memset(program, 0, sizeof *program);
}
