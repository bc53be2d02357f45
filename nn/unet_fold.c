/* unet_fold.c - batch normalisation folded into the convolutions before it, for inference (Jacob et al., CVPR 2018,
 * section 3.2). With its running statistics it is one line a channel, y = s x + t, and so can be part of the kernel. */
#include "core/model.h"
#include "nn/unet.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const double eps = 1e-5; /* as batch_norm.c */

static bool is_norm(const char *name)
{
    return strncmp(name, "unet.", 5) == 0 && strstr(name, ".norm") != NULL;
}

static sg_status copy(sg_model *to, const sg_param_info *from)
{
    sg_param_info *p;
    SG_TRY(sg_model_param(&p, to, from->name, from->shape, &(sg_param_spec){.frozen = true, .unit = from->unit}));
    memcpy(p->value, from->value, from->len * sizeof *p->value);
    return SG_OK;
}

/* NULL, with an error, if there is none. */
__attribute__((format(printf, 2, 3))) static sg_param_info *find(const sg_model *model, const char *format, ...)
{
    char name[SG_NAME_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(name, sizeof name, format, args);
    va_end(args);
    sg_param_info *p = sg_model_find(model, name);
    if (p == NULL) (void)sg_error_set(SG_E_STATE, "%s: missing, the network cannot be folded", name);
    return p;
}

/* Convolution number i of a stage such as unet.down0. */
static sg_status fold(sg_model *to, const sg_model *from, const char *stage, int i)
{
    const sg_param_info *scale = find(from, "%s.norm%d.weight", stage, i);
    const sg_param_info *shift = find(from, "%s.norm%d.bias", stage, i);
    const sg_param_info *mean = find(from, "%s.norm%d.running_mean", stage, i);
    const sg_param_info *var = find(from, "%s.norm%d.running_var", stage, i);
    sg_param_info *weight = find(to, "%s.conv%d.weight", stage, i), *bias = find(to, "%s.conv%d.bias", stage, i);
    if (!scale || !shift || !mean || !var || !weight || !bias) return SG_E_STATE;
    const size_t channels = bias->len, taps = weight->len / channels;
    for (size_t o = 0; o < channels; o++) {
        const double s = (double)scale->value[o] / sqrt((double)var->value[o] + eps);
        float *kernel = weight->value + o * taps, *b = &bias->value[o];
        for (size_t k = 0; k < taps; k++) kernel[k] = (float)(s * (double)kernel[k]);
        *b = (float)(s * ((double)*b - (double)mean->value[o]) + (double)shift->value[o]);
    }
    return SG_OK;
}

static sg_status fold_stages(sg_model *to, const sg_model *from, const sg_unet_config *config)
{
    char stage[SG_NAME_MAX];
    for (int k = 0; k < 2 * (2 * config->depth + 1); k++) {
        const int i = k % 2 + 1, number = k / 2, level = number <= config->depth ? number : number - config->depth - 1;
        (void)snprintf(stage, sizeof stage, "unet.%s%d", number <= config->depth ? "down" : "merge", level);
        SG_TRY(fold(to, from, stage, i));
    }
    return SG_OK;
}

sg_status sg_unet_fold(sg_model **out, const sg_model *model, const sg_unet_config *config)
{
    sg_status status = sg_model_new(out, 0);
    const bool folds = config->norm == SG_NORM_BATCH;
    for (int i = 0; status == SG_OK && i < sg_model_count(model); i++)
        if (!folds || !is_norm(sg_model_at(model, i)->name)) status = copy(*out, sg_model_at(model, i));
    if (status == SG_OK && folds) status = fold_stages(*out, model, config);
    if (status == SG_OK) return SG_OK;
    sg_model_free(*out);
    *out = NULL;
    return status;
}
