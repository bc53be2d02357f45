/* cmd.c - what several commands need. */
#include "pipeline/cmd.h"

#include "pipeline/evaluate.h"
#include "pipeline/run_folder.h"
#include "pipeline/safetensors.h"

#include <stdio.h>
#include <string.h>

sg_status sg_cmd_config(sg_config *out, const char *path, const sg_option_list *sets)
{
    SG_TRY(sg_config_read(out, path));
    for (int i = 0; i < sets->count; i++) SG_TRY(sg_config_set(out, sets->item[i], "--set"));
    return SG_OK;
}

void sg_cmd_line(char out[SG_COMMAND_MAX], int argc, char **argv)
{
    size_t used = (size_t)snprintf(out, SG_COMMAND_MAX, "scopegrad");
    for (int i = 0; i < argc && used < SG_COMMAND_MAX - 2; i++)
        used += (size_t)snprintf(out + used, SG_COMMAND_MAX - 1 - used, " %s", argv[i]);
    if (used > SG_COMMAND_MAX - 2) used = SG_COMMAND_MAX - 2;
    memcpy(out + used, "\n", 2);
}

sg_status sg_cmd_run_load(sg_config *config, sg_model **model, sg_program *program, const char *folder, int batch)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_config(config, folder));
    (void)sg_range_resolve(config);
    SG_TRY(sg_run_path(path, folder, "weights.safetensors"));
    SG_TRY(sg_model_new(model, config->train.seed));
    SG_TRY(sg_program_make(program, config, *model, batch > 0 ? batch : config->train.batch_size, SG_PROGRAM_EVALUATE,
                           NULL));
    return sg_weights_read(*model, path);
}

sg_status sg_cmd_sample(float *out, const sg_image *image, const char *path, int size_px)
{
    if (image->height < size_px || image->width < size_px)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d px is smaller than the sample grid of %d x %d (sample.size_px)", path,
                image->width, image->height, size_px, size_px);
    const int top = (image->height - size_px) / 2, left = (image->width - size_px) / 2;
    SG_TRY(sg_image_scale(image->data, (size_t)image->height * (size_t)image->width, path));
    for (int y = 0; y < size_px; y++)
        memcpy(out + (size_t)y * (size_t)size_px, image->data + (size_t)(top + y) * (size_t)image->width + left,
               (size_t)size_px * sizeof *out);
    return SG_OK;
}
