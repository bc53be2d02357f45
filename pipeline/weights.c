/* weights.c - a model's values as a file for PyTorch and for `predict`. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/model_tensors.h"

#include <string.h>

sg_status sg_weights_write(const sg_model *model, const char *path, const char *config_text)
{
    sg_tensor *tensors;
    int count;
    void *bytes = NULL;
    size_t size;
    sg_status status = SG_OK;
    const sg_tensor_note notes[] = {{"format", "scopegrad-weights 1"}, {"config", config_text}};
    SG_TRY(sg_model_tensors(&tensors, &count, model, SG_TENSORS_VALUES));
    SG_TRY_DONE(sg_safetensors_encode(&bytes, &size, tensors, count, notes, config_text ? 2 : 1));
    SG_TRY_DONE(sg_file_write(path, bytes, size));
done:
    sg_free(bytes);
    sg_free(tensors);
    return status;
}

static sg_status load(sg_model *model, const char *path, sg_tensor_set set)
{
    sg_safetensors *file;
    SG_TRY(sg_safetensors_read(&file, path));
    const sg_status status = sg_model_tensors_load(model, file, set, path);
    sg_safetensors_free(file);
    return status;
}

sg_status sg_weights_read(sg_model *model, const char *path)
{
    return load(model, path, SG_TENSORS_VALUES);
}

sg_status sg_weights_start(sg_model *model, const char *path)
{
    return *path ? load(model, path, SG_TENSORS_NETWORK) : SG_OK;
}

sg_status sg_weights_config(char **out, const char *path)
{
    sg_safetensors *file;
    sg_status status = SG_OK;
    *out = NULL;
    SG_TRY(sg_safetensors_read(&file, path));
    const char *text = sg_safetensors_note(file, "config");
    if (!text) SG_FAIL_DONE(SG_E_FORMAT, "%s: holds no config; was it written by scopegrad?", path);
    SG_TRY_DONE(SG_ALLOC(out, strlen(text) + 1, path));
    memcpy(*out, text, strlen(text) + 1);
done:
    sg_safetensors_free(file);
    return status;
}
