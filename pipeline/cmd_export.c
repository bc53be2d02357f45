/* cmd_export.c - scopegrad export RUN|CONFIG -o FOLDER: the light for other programs and for LED-array controllers. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/light.h"

#include <stdio.h>

/* A run has learned its light; a configuration starts with it. */
static sg_status load(sg_config *config, sg_model **model, sg_program *program, const char *path,
                      const sg_option_list *sets, bool run)
{
    if (run && sets->count > 0) SG_FAIL(SG_E_USAGE, "--set: changes a CONFIG, %s is a run", path);
    if (run) return sg_cmd_run_load(config, model, program, path, 1);
    SG_TRY(sg_cmd_config(config, path, sets));
    return sg_model_new(model, config->train.seed);
}

static sg_status print_rows(const sg_light *light)
{
    int *level;
    SG_TRY(SG_ALLOC(&level, (size_t)light->leds, "export"));
    for (int row = 0; row < light->colours * light->exposures; row++) {
        const sg_light_row shown = sg_light_levels(level, light, row);
        printf("exposure %d", row % light->exposures + 1);
        if (light->colours > 1) printf(", colour %d", row / light->exposures + 1);
        printf(": %d of %d LEDs, %.4g s; 8-bit levels are at most %.2g %% of the brightest LED off, %.2g %% of the "
               "light comes from other LEDs\n",
               shown.lit, light->leds, shown.exposure_s, 100 * shown.largest_error, 100 * shown.misplaced);
    }
    sg_free(level);
    return SG_OK;
}

/* The files say everything; a machine without gnuplot gets them without the picture. */
static void draw(const sg_light *light, double na, const char *folder)
{
    if (sg_light_draw(light, na, folder) != SG_OK)
        fprintf(stderr, "scopegrad export: no picture of the light: %s\n", sg_error_text());
}

static sg_status export_light(const char *path, const sg_option_list *sets, const char *folder)
{
    const bool run = sg_folder_exists(path);
    sg_config config;
    sg_model *model = NULL;
    sg_program program = {0};
    sg_light light = {0};
    const sg_light_origin origin = {path, run};
    sg_status status = load(&config, &model, &program, path, sets, run);
    if (status == SG_OK) status = sg_cmd_blame(sg_light_read(&light, &config, model), run ? NULL : path, sets);
    if (status == SG_OK) status = sg_light_write(&light, &config, &origin, folder);
    if (status == SG_OK) draw(&light, config.microscope.optics.na, folder);
    if (status == SG_OK) status = print_rows(&light);
    sg_light_free(&light);
    sg_program_free(&program);
    sg_model_free(model);
    return status;
}

sg_status sg_cmd_export(int argc, char **argv)
{
    const char *path = NULL, *folder = NULL;
    bool done = false;
    sg_option_list sets = {0};
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &folder, "FOLDER", "where the files go (needed)"},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the CONFIG"},
    };
    const sg_usage usage = {
        "export",
        "RUN|CONFIG",
        "Writes the light of a trained run, or the one that a configuration starts with: pattern.csv "
        "(weights), exposures.csv (8-bit levels and times for a controller), light.json, light.png.",
        "scopegrad export runs/first -o light",
        options,
        SG_COUNT(options),
        1,
        1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (folder == NULL) SG_FAIL(SG_E_USAGE, "-o FOLDER is needed");
    return export_light(path, &sets, folder);
}
