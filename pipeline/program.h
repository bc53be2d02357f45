/* program.h - microscope and network as one planned graph:
 *     sample -> sg_microscope -> channels -> sg_unet or sg_classifier -> logits -> loss(label)
 * Inputs of the plan: "sample" (n,1,N,N) or (n,K,C,C), "label" (n,1,c,c) with c = size.output_px, of a classifier
 * (n,1,1,1). Outputs: "logits" (n,1,c,c) or (n,classes,1,1), "channels" (n,channels,c,c), "adu" (n,E,c,c); in SG_PROGRAM_ELECTRONS only "electrons" (n,E,c,c). */
#ifndef SG_PIPELINE_PROGRAM_H
#define SG_PIPELINE_PROGRAM_H

#include "core/plan.h"
#include "pipeline/config.h"
#include "pipeline/trace.h"

typedef enum sg_program_kind {
    SG_PROGRAM_TRAIN,     /* with backward */
    SG_PROGRAM_EVALUATE,  /* forward only */
    SG_PROGRAM_ELECTRONS, /* the camera without ADC, no network */
} sg_program_kind;

typedef struct sg_program {
    sg_graph *graph;
    sg_plan *plan;
    sg_value root; /* the loss */
    sg_microscope_size size;
    int batch;
    sg_trace *trace; /* of the stages of sg_program_step; the caller's, NULL: none */
} sg_program;

/* The network of a config alone: channels (n,channels,c,c) -> logits. */
sg_value sg_program_network(sg_graph *g, sg_value channels, const sg_config *config);
/* What `nn` asks of a plan; backward and verbose are left to the caller. */
sg_plan_options sg_program_options(const sg_nn_config *nn);
/* Builds and plans for `batch` samples; parameters are made in or taken from `model`, which must outlive the program.
 * verbose: the passes print their result there; NULL: silent. *out is freed with sg_program_free, also after an
 * error. */
sg_status sg_program_make(sg_program *out, const sg_config *config, sg_model *model, int batch, sg_program_kind kind,
                          FILE *verbose);
/* Made-up inputs, for timing: samples uniform in 0..1, labels 0 or 1. */
void sg_program_made_up(sg_program *program);
/* Forward, backward, optimiser at learning rate factor * lr, running statistics. SG_E_NUMERIC as the plan says. */
sg_status sg_program_step(const sg_program *program, sg_model *model, const sg_config *config, double factor);
/* *mib = the arena that training the same program with these keys nn.* would take. Nothing is allocated. */
sg_status sg_program_arena(double *mib, const sg_program *program, sg_nn_config nn, sg_model *model);
void sg_program_free(sg_program *program);

#endif
