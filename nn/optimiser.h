/* optimiser.h - one step over every parameter of the model that has a gradient in the plan: SGD with momentum, Adam
 * (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019); then each is projected on its constraint. */
#ifndef SG_NN_OPTIMISER_H
#define SG_NN_OPTIMISER_H

#include "core/model.h"
#include "core/plan.h"

typedef enum sg_optimiser_kind { SG_OPTIMISER_SGD, SG_OPTIMISER_ADAM, SG_OPTIMISER_ADAMW } sg_optimiser_kind;
typedef enum sg_schedule_kind { SG_SCHEDULE_CONSTANT, SG_SCHEDULE_COSINE, SG_SCHEDULE_ONE_CYCLE } sg_schedule_kind;

typedef struct sg_optimiser_config {
    sg_optimiser_kind kind;
    double lr, momentum, beta1, beta2, epsilon, weight_decay, clip_norm; /* clip_norm 0: off */
    sg_schedule_kind schedule;
    int warmup_steps;
    double final_lr_fraction; /* cosine, one-cycle: lr at the end / lr */
} sg_optimiser_config;

/* Factor on every learning rate at step 0 .. total-1. nn/schedule.c */
double sg_schedule_factor(const sg_optimiser_config *config, int64_t step, int64_t total_steps);

/* factor: from sg_schedule_factor. Gradients are read from the plan, which must have run backward without error. */
sg_status sg_optimiser_step(sg_model *model, const sg_plan *plan, const sg_optimiser_config *config, double factor);

#endif
