/* model.h - what outlives a plan: parameters, their optimiser state, running statistics. Plans of different shapes
 * (training, validation, tiles) share one model. LED weights and convolution kernels differ in nothing but name,
 * constraint and learning rate. */
#ifndef SG_CORE_MODEL_H
#define SG_CORE_MODEL_H

#include "core/graph.h"

typedef struct sg_param_info {
    char name[SG_NAME_MAX];
    sg_shape shape;
    size_t len;
    sg_param_spec spec; /* spec.values is NULL here */
    char unit[24];      /* spec.unit points here */
    float *value;       /* (len) 64-byte aligned */
    float *moment1;     /* (len) optimiser: momentum / Adam m */
    float *moment2;     /* (len) optimiser: Adam v */
} sg_param_info;

typedef struct sg_model sg_model;

/* `seed` decides the random initial values: one stream per parameter name, so order does not matter. */
sg_status sg_model_new(sg_model **out, uint64_t seed);
void sg_model_free(sg_model *model);

/* Parameters in the order in which plans first named them. The pointer stays valid as long as the model. */
int sg_model_count(const sg_model *model);
sg_param_info *sg_model_at(const sg_model *model, int index);
/* NULL if there is none of this name. */
sg_param_info *sg_model_find(const sg_model *model, const char *name);
/* Finds or creates (initialised, projected on its constraint). SG_E_SHAPE if it exists with another shape. */
sg_status sg_model_param(sg_param_info **out, sg_model *model, const char *name, sg_shape shape,
                         const sg_param_spec *spec);

/* Optimiser steps taken so far (Adam's t); the optimiser counts it up. */
int64_t sg_model_steps(const sg_model *model);
void sg_model_steps_set(sg_model *model, int64_t steps);

/* Projects value[0..len-1] (rows of `shape.w` for SG_ASCENDING) on its constraint. core/constraint.c */
void sg_constraint_project(float *value, sg_shape shape, sg_constraint constraint, double lo, double hi);

#endif
