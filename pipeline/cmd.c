/* cmd.c - what several commands need. */
#include "pipeline/cmd.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/sample.h"
#include "datasets/window.h"
#include "pipeline/classes.h"
#include "pipeline/config_walk.h"
#include "pipeline/evaluate.h"
#include "pipeline/keys.h"
#include "pipeline/run_folder.h"
#include "pipeline/safetensors.h"

#include <stdio.h>
#include <string.h>

sg_status sg_cmd_config(sg_config *out, const char *path, const sg_option_list *sets)
{
    sg_config_defaults(out);
    if (path != NULL) SG_TRY(sg_config_read(out, path));
    for (int i = 0; i < sets->count; i++) SG_TRY(sg_config_set(out, sets->item[i], "--set"));
    return SG_OK;
}

/* ---- where a key was given ---- */

/* The line that gives `key`, nested or dotted; 0: none does. */
static int line_of(const sg_yaml *yaml, int map, const char *key)
{
    int line = 0;
    for (int i = yaml->nodes[map].first; i >= 0 && line == 0; i = yaml->nodes[i].next) {
        const size_t length = strlen(yaml->nodes[i].key);
        if (strncmp(key, yaml->nodes[i].key, length) != 0) continue;
        if (key[length] == 0)
            line = yaml->nodes[i].line;
        else if (key[length] == '.' && yaml->nodes[i].kind == SG_YAML_MAP)
            line = line_of(yaml, i, key + length + 1);
    }
    return line;
}

static bool is_set(const sg_option_list *sets, const char *key)
{
    const size_t length = strlen(key);
    bool found = false;
    for (int i = 0; i < sets->count; i++)
        found = found || (strncmp(sets->item[i], key, length) == 0 &&
                          (sets->item[i][length] == '=' || sets->item[i][length] == '.'));
    return found;
}

sg_status sg_cmd_blame(sg_status status, const char *path, const sg_option_list *sets)
{
    char text[512], key[SG_KEY_MAX];
    sg_yaml yaml;
    sg_key_part part;
    if (status != SG_E_CONFIG && status != SG_E_RANGE) return status;
    (void)snprintf(text, sizeof text, "%s", sg_error_text());
    const size_t length = strcspn(text, ":");
    if (length >= sizeof key) return status;
    (void)snprintf(key, sizeof key, "%.*s", (int)length, text);
    if (sg_key_find(key, &part) == NULL && !sg_key_is_section(key)) return status;
    if (is_set(sets, key)) return sg_error_set(status, "--set: %s", text);
    if (path == NULL) return status;
    const int line = sg_config_parse(&yaml, path) == SG_OK ? line_of(&yaml, 0, key) : 0;
    sg_yaml_free(&yaml);
    return line > 0 ? sg_error_set(status, "%s:%d: %s", path, line, text) : sg_error_set(status, "%s: %s", path, text);
}

void sg_cmd_line(char out[SG_COMMAND_MAX], int argc, char **argv)
{
    size_t used = (size_t)snprintf(out, SG_COMMAND_MAX, "scopegrad");
    for (int i = 0; i < argc && used < SG_COMMAND_MAX - 2; i++)
        used += (size_t)snprintf(out + used, SG_COMMAND_MAX - 1 - used, " %s", argv[i]);
    if (used > SG_COMMAND_MAX - 2) used = SG_COMMAND_MAX - 2;
    memcpy(out + used, "\n", 2);
}

/* ---- a trained run ---- */

/* The first line in which two configs differ, without its indentation. */
static sg_status first_difference(const char *a, const char *b, const char *folder)
{
    const char *line[2] = {a, b};
    while (*a != 0 && *a == *b) {
        a++;
        b++;
        if (a[-1] == '\n') line[0] = a, line[1] = b;
    }
    for (int k = 0; k < 2; k++) line[k] += strspn(line[k], " ");
    SG_FAIL(SG_E_CONFIG, "%s/config.yaml: was changed after the training: '%.*s', trained with '%.*s'", folder,
            (int)strcspn(line[0], "\n"), line[0], (int)strcspn(line[1], "\n"), line[1]);
}

/* Read again rather than compared as text, so that keys which came with a newer version count with their defaults. */
static sg_status check_unchanged(const sg_config *config, const char *weights, const char *folder)
{
    sg_config trained;
    char *note = NULL, *text[2] = {NULL, NULL};
    sg_yaml yaml = {0};
    sg_status status;
    const sg_origin origin = {.name = weights};
    sg_config_defaults(&trained);
    SG_TRY_DONE(sg_weights_config(&note, weights));
    SG_TRY_DONE(sg_yaml_parse(&yaml, note, strlen(note), weights, false));
    SG_TRY_DONE(sg_config_walk(&trained, &yaml, 0, &origin));
    SG_TRY_DONE(sg_config_write(&text[0], config, SG_CONFIG_PORTABLE));
    SG_TRY_DONE(sg_config_write(&text[1], &trained, SG_CONFIG_PORTABLE));
    if (strcmp(text[0], text[1]) != 0) status = first_difference(text[0], text[1], folder);
done:
    for (int k = 0; k < 2; k++) sg_free(text[k]);
    sg_yaml_free(&yaml);
    sg_free(note);
    return status;
}

sg_status sg_cmd_run_load(sg_config *config, sg_model **model, sg_program *program, const char *folder, int batch)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_config(config, folder));
    SG_TRY(sg_run_path(path, folder, "weights.safetensors"));
    if (!sg_file_exists(path))
        SG_FAIL(SG_E_USAGE, "%s: the run is not finished, weights.safetensors is missing; train --resume finishes it",
                folder);
    SG_TRY(check_unchanged(config, path, folder));
    (void)sg_range_resolve(config);
    SG_TRY(sg_classes_resolve(config, NULL));
    SG_TRY(sg_model_new(model, config->train.seed));
    SG_TRY(sg_program_make(program, config, *model, batch > 0 ? batch : config->train.batch_size, SG_PROGRAM_EVALUATE,
                           NULL));
    return sg_weights_read(*model, path);
}

static bool may_differ(const char *set, bool arithmetic)
{
    static const char *const keys[] = {"dataset.axes=", "dataset.take=", "dataset.pixel_size="};
    for (int i = 0; i < SG_COUNT(keys); i++)
        if (strncmp(set, keys[i], strlen(keys[i])) == 0) return true;
    return arithmetic && strncmp(set, "nn.", 3) == 0;
}

sg_status sg_cmd_run_sets(sg_config *config, const sg_option_list *sets, bool arithmetic)
{
    for (int i = 0; i < sets->count; i++) {
        if (!may_differ(sets->item[i], arithmetic))
            SG_FAIL(SG_E_USAGE,
                    "--set %s: only %sdataset.axes, dataset.take and dataset.pixel_size may differ from the training",
                    sets->item[i], arithmetic ? "keys that begin with nn., " : "");
        SG_TRY(sg_config_set(config, sets->item[i], "--set"));
    }
    SG_TRY(sg_axes_check(config->dataset.axes, "dataset.axes"));
    return sg_axes_check_take(config->dataset.take, "dataset.take");
}

/* The central square of every page, scaled; beyond the edge what a dataset has there. */
static sg_status crop(float *out, const sg_image *image, const sg_sample_scale *scale, const char *path,
                      const sg_config *config, int size_px)
{
    const int margin = config->microscope.sample.margin_px, inside = size_px - 2 * margin;
    const int y = (image->height - inside) / 2 - margin, x = (image->width - inside) / 2 - margin;
    if (image->height < inside || image->width < inside)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d px is smaller than the sample grid of %d x %d (sample.size_px)", path,
                image->width, image->height, inside, inside);
    for (int page = 0; page < image->pages; page++, out += (size_t)size_px * (size_t)size_px) {
        const float *data = image->data + (size_t)page * (size_t)image->height * (size_t)image->width;
        const sg_raster_view view = {data, SG_NUMBER_F32, (size_t)image->width, 0, 0};
        sg_raster_window(out, size_px, 0, &view, image->height, image->width, y, x, &scale[page]);
        if (config->dataset.edge == SG_BEYOND_ZERO) sg_window_clear(out, size_px, image->height, image->width, y, x);
    }
    return SG_OK;
}

static void note_crop(char note[SG_CMD_NOTE], const char *path, const sg_image *image, int inside_px)
{
    note[0] = 0;
    if (image->height > inside_px || image->width > inside_px)
        (void)snprintf(note, SG_CMD_NOTE, "%.300s: only the middle %d x %d of its %d x %d px is used (sample.size_px)",
                       path, inside_px, inside_px, image->width, image->height);
}

sg_status sg_cmd_sample(float *out, const char *path, const sg_config *config, const sg_microscope_size *size,
                        char note[SG_CMD_NOTE])
{
    sg_image image = {0};
    sg_sample_scale *scale = NULL;
    sg_status status;
    const int bin = config->dataset.bin > 1 ? config->dataset.bin : 1;
    SG_TRY_DONE(SG_ALLOC(&scale, (size_t)size->sample_channels, path));
    SG_TRY_DONE(sg_sample_read_raw(&image, scale, path, config->microscope.sample.kind, size->sample_channels,
                                   sg_colours_rise(&config->microscope.optics),
                                   sg_dataset_options(&config->dataset, config->microscope.sample.pixel_um / bin)));
    SG_TRY_DONE(sg_picture_bin(&image, config->dataset.bin, path));
    SG_TRY_DONE(crop(out, &image, scale, path, config, size->sample_px));
    if (note) note_crop(note, path, &image, size->sample_px - 2 * config->microscope.sample.margin_px);
done:
    sg_image_free(&image);
    sg_free(scale);
    return status;
}
