/* model_tensors.h - the tensors of a model as safetensors entries: shared by weights.c and checkpoint.c. Not public. */
#ifndef SG_PIPELINE_MODEL_TENSORS_H
#define SG_PIPELINE_MODEL_TENSORS_H

#include "pipeline/safetensors.h"

#include <stdbool.h>

/* What is stored of a parameter: its value, or with the optimiser's two moments. Names are the parameter's, for a
 * checkpoint behind "value/", "moment1/", "moment2/". NETWORK, for loading: values, of which the file may lack all that
 * are not the network's. */
typedef enum sg_tensor_set { SG_TENSORS_VALUES, SG_TENSORS_ALL, SG_TENSORS_NETWORK } sg_tensor_set;

/* "unet...." or "classifier....": not hardware. */
bool sg_model_is_network(const char *parameter);

/* *out = the entries, pointing into the model. Free with sg_free. */
sg_status sg_model_tensors(sg_tensor **out, int *count, const sg_model *model, sg_tensor_set set);
/* Copies the file into the model after checking all of it; `path` opens the error texts. */
sg_status sg_model_tensors_load(sg_model *model, const sg_safetensors *file, sg_tensor_set set, const char *path);

#endif
