/* model_tensors.c - a model's parameters against the tensors of a file. */
#include "pipeline/model_tensors.h"

#include "core/memory.h"
#include "core/parallel.h"

#include <stdio.h>
#include <string.h>

static const char *const folders[] = {"value/", "moment1/", "moment2/"};

static void fill(sg_tensor *out, const sg_param_info *param, sg_tensor_set set, int part)
{
    const float *const data[] = {param->value, param->moment1, param->moment2};
    const int dims[] = {param->shape.n, param->shape.c, param->shape.h, param->shape.w};
    (void)snprintf(out->name, sizeof out->name, "%s%s", set == SG_TENSORS_ALL ? folders[part] : "", param->name);
    out->rank = 4;
    memcpy(out->dims, dims, sizeof dims);
    out->len = param->len;
    out->data = data[part];
}

sg_status sg_model_tensors(sg_tensor **out, int *count, const sg_model *model, sg_tensor_set set)
{
    const int parts = set == SG_TENSORS_ALL ? 3 : 1;
    *count = parts * sg_model_count(model);
    SG_TRY(SG_ALLOC(out, (size_t)*count, "weights"));
    for (int i = 0; i < *count; i++) fill(&(*out)[i], sg_model_at(model, i / parts), set, i % parts);
    return SG_OK;
}

static void shape_text(char out[64], const sg_tensor *tensor)
{
    int used = snprintf(out, 64, "(");
    for (int i = 0; i < tensor->rank && used < 52; i++)
        used += snprintf(out + used, 64 - (size_t)used, "%s%d", i ? "," : "", tensor->dims[i]);
    (void)snprintf(out + used, 64 - (size_t)used, ")");
}

bool sg_model_is_network(const char *parameter)
{
    return strncmp(parameter, "unet.", 5) == 0 || strncmp(parameter, "classifier.", 11) == 0;
}

static sg_status compare(const sg_tensor *model, const sg_safetensors *file, sg_tensor_set set, const char *path)
{
    const sg_tensor *stored = sg_safetensors_find(file, model->name);
    if (!stored && set == SG_TENSORS_NETWORK && !sg_model_is_network(model->name)) return SG_OK;
    if (!stored) SG_FAIL(SG_E_FORMAT, "%s: %s: not in the file; it is of another network", path, model->name);
    if (stored->rank != model->rank || memcmp(stored->dims, model->dims, (size_t)model->rank * sizeof(int)) != 0) {
        char have[64], want[64];
        shape_text(have, stored);
        shape_text(want, model);
        SG_FAIL(SG_E_FORMAT, "%s: %s: shape %s in the file, %s in the network", path, model->name, have, want);
    }
    if (!sg_all_finite_f32(stored->data, stored->len))
        SG_FAIL(SG_E_FORMAT, "%s: %s: holds a number that is not finite", path, model->name);
    return SG_OK;
}

/* A tensor of the file that the model has not. */
static sg_status find_stranger(const sg_safetensors *file, const sg_tensor *ours, int count, const char *path)
{
    for (int i = 0; i < sg_safetensors_count(file); i++) {
        const char *name = sg_safetensors_at(file, i)->name;
        int j = 0;
        while (j < count && strcmp(ours[j].name, name) != 0) j++;
        if (j == count) SG_FAIL(SG_E_FORMAT, "%s: %s: not in the network", path, name);
    }
    return SG_OK;
}

sg_status sg_model_tensors_load(sg_model *model, const sg_safetensors *file, sg_tensor_set set, const char *path)
{
    sg_tensor *ours;
    int count;
    sg_status status = SG_OK;
    const int parts = set == SG_TENSORS_ALL ? 3 : 1;
    SG_TRY(sg_model_tensors(&ours, &count, model, set));
    for (int i = 0; i < count; i++) SG_TRY_DONE(compare(&ours[i], file, set, path));
    SG_TRY_DONE(find_stranger(file, ours, count, path));
    for (int i = 0; i < count; i++) {
        sg_param_info *param = sg_model_at(model, i / parts);
        float *const data[] = {param->value, param->moment1, param->moment2};
        const sg_tensor *stored = sg_safetensors_find(file, ours[i].name);
        if (stored) memcpy(data[i % parts], stored->data, param->len * sizeof(float));
    }
done:
    sg_free(ours);
    return status;
}
