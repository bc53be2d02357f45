/* run_folder.c - claiming, describing and closing a run folder. */
#include "pipeline/run_folder.h"
#include "physics/led_array.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/classes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

sg_status sg_run_path(char out[SG_PATH_MAX], const char *folder, const char *name)
{
    const int length = snprintf(out, SG_PATH_MAX, "%s/%s", folder, name);
    if (length < 0 || length >= SG_PATH_MAX) SG_FAIL(SG_E_USAGE, "%.200s...: the path is too long", folder);
    return SG_OK;
}

static sg_status write_text(const char *folder, const char *name, const char *text)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_path(path, folder, name));
    return sg_file_write(path, text, strlen(text));
}

static sg_status describe(const sg_config *config, const char *folder, const sg_train_options *options)
{
    char *text = NULL;
    if (options->command != NULL) SG_TRY(write_text(folder, "command.txt", options->command));
    SG_TRY(sg_config_write(&text, config, SG_CONFIG_FULL));
    const sg_status status = write_text(folder, "config.yaml", text); /* last: its presence claims the folder */
    sg_free(text);
    return status;
}

static sg_status same_config(const sg_config *config, const char *folder)
{
    sg_config there;
    uint64_t hash[2];
    SG_TRY(sg_run_config(&there, folder));
    if (config->dataset.classes[0] == 0) there.dataset.classes[0] = 0; /* found in the data then */
    SG_TRY(sg_config_hash(&hash[0], config));
    SG_TRY(sg_config_hash(&hash[1], &there));
    if (hash[0] != hash[1])
        SG_FAIL(SG_E_CONFIG, "%s: holds a run of another configuration (see its config.yaml)", folder);
    return SG_OK;
}

sg_status sg_run_check(bool *finished, const sg_config *config, const char *folder, const sg_train_options *options)
{
    char path[SG_PATH_MAX];
    *finished = false;
    SG_TRY(sg_run_path(path, folder, "config.yaml"));
    if (!sg_file_exists(path)) return SG_OK;
    if (!options->resume)
        SG_FAIL(SG_E_USAGE, "%s: the folder holds a run already; --resume goes on with it, another -o starts anew",
                folder);
    SG_TRY(same_config(config, folder));
    SG_TRY(sg_run_path(path, folder, "DONE"));
    *finished = sg_file_exists(path);
    return SG_OK;
}

/* File systems without locks say something else than EWOULDBLOCK: there the user has to look after it. */
static sg_status lock_folder(int *lock, const char *folder)
{
    *lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*lock < 0) SG_FAIL(SG_E_IO, "%s: cannot open the folder: %s", folder, strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return SG_OK;
    SG_FAIL(SG_E_USAGE, "%s: another process is training in this folder", folder);
}

sg_status sg_run_claim(int *lock, const sg_config *config, const char *folder, const sg_train_options *options)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_path(path, folder, "config.yaml"));
    SG_TRY(sg_folder_make(folder));
    SG_TRY(lock_folder(lock, folder));
    sg_folder_tidy(folder, NULL, NULL); /* nobody else writes here now */
    return sg_file_exists(path) ? SG_OK : describe(config, folder, options);
}

void sg_run_release(int lock)
{
    if (lock >= 0) (void)close(lock);
}

sg_status sg_run_plan(const char *folder, const sg_plan *plan)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL) SG_FAIL(SG_E_MEMORY, "plan.txt: out of memory");
    sg_plan_choice_print(plan, stream);
    const bool whole = fclose(stream) == 0;
    const sg_status status = whole ? write_text(folder, "plan.txt", text) : SG_E_MEMORY;
    free(text);
    if (!whole) SG_FAIL(SG_E_MEMORY, "plan.txt: out of memory");
    return status;
}

sg_status sg_run_timing(const char *folder, int64_t step, double seconds, double setup_s)
{
    char path[SG_PATH_MAX], host[128] = "", line[256];
    SG_TRY(sg_run_path(path, folder, "timing.csv"));
    (void)gethostname(host, sizeof host - 1);
    const char *header = sg_file_exists(path) ? "" : "step,seconds_since_start,host,setup_s\n";
    (void)snprintf(line, sizeof line, "%s%lld,%.3f,%s,%.3f\n", header, (long long)step, seconds, host, setup_s);
    return sg_file_append(path, line, strlen(line));
}

sg_status sg_run_done(const char *folder)
{
    return write_text(folder, "DONE", "");
}

sg_status sg_run_config(sg_config *out, const char *folder)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_path(path, folder, "config.yaml"));
    if (!sg_file_exists(path)) SG_FAIL(SG_E_USAGE, "%s: not a run folder (it has no config.yaml)", folder);
    return sg_config_read(out, path);
}

/* What the data are must fit what the microscope makes of them. */
static sg_status check_kinds(const sg_config *config)
{
    const bool stack = config->microscope.sample.kind == SG_SAMPLE_STACK;
    if (stack != (config->dataset.kind == SG_DATASET_STACK))
        SG_FAIL(SG_E_CONFIG, "dataset.kind: stack and sample.kind: stack need each other");
    SG_TRY(sg_axes_check(config->dataset.axes, "dataset.axes"));
    SG_TRY(sg_axes_check_take(config->dataset.take, "dataset.take"));
    if (config->dataset.target != SG_TARGET_MASK && config->loss.kind != SG_LOSS_MSE)
        SG_FAIL(SG_E_CONFIG, "loss.kind: dataset.target %s is a regression, it needs mse",
                config->dataset.target == SG_TARGET_DPC ? "dpc" : "sample");
    SG_TRY(sg_task_check(config));
    if (config->microscope.camera.overlap_fields > 1 && config->dataset.target != SG_TARGET_MASK)
        SG_FAIL(SG_E_CONFIG, "camera.overlap_fields: only masks have a union, dataset.target must be mask");
    return SG_OK;
}

/* (K, 2) directions of the light of the LEDs. */
static sg_status read_directions(double **out, const sg_microscope_config *scope)
{
    sg_led_array array;
    SG_TRY(sg_led_array_make(&array, &scope->illumination, scope->optics.wavelength_um,
                             scope->sample.size_px * scope->sample.pixel_um));
    const sg_status status = SG_ALLOC(out, 2 * (size_t)array.count, "LED directions");
    for (int k = 0; status == SG_OK && k < array.count; k++) {
        (*out)[2 * k] = array.led[k].s_x;
        (*out)[2 * k + 1] = array.led[k].s_y;
    }
    sg_led_array_free(&array);
    return status;
}

sg_status sg_run_dataset(sg_dataset **out, const sg_config *config)
{
    sg_microscope_size size;
    double *led_na = NULL;
    sg_dataset_config dataset = config->dataset;
    *out = NULL;
    SG_TRY(check_kinds(config));
    SG_TRY(sg_microscope_check(&size, &config->microscope));
    const bool stack = config->microscope.sample.kind == SG_SAMPLE_STACK;
    if (stack) SG_TRY(read_directions(&led_na, &config->microscope));
    const int bin = dataset.bin > 1 ? dataset.bin : 1;
    const sg_dataset_grid grid = {.sample_px = stack ? size.camera_px : size.sample_px,
                                  .margin_px = config->microscope.sample.margin_px,
                                  .label_px = size.output_px,
                                  .pixel_um = config->microscope.sample.pixel_um,
                                  .picture_um = stack ? size.camera_pitch_um : config->microscope.sample.pixel_um / bin,
                                  .stack_images = stack ? size.sample_channels : 0,
                                  .stack_groups = size.planes * size.colours,
                                  .kind = config->microscope.sample.kind,
                                  .channels = size.sample_channels,
                                  .rising = sg_colours_rise(&config->microscope.optics),
                                  .led_na = led_na};
    if (dataset.stack_na <= 0) dataset.stack_na = config->microscope.optics.na;
    if (dataset.folds > 0 && dataset.fold == 0)
        dataset.fold = 1 + (int)((config->train.seed + (uint64_t)dataset.folds - 1) % (uint64_t)dataset.folds);
    const sg_status status = sg_dataset_open(out, &dataset, &grid);
    sg_free(led_na);
    if (status == SG_OK) fputs(sg_dataset_notice(*out), stderr);
    return status;
}

sg_status sg_run_splits(const sg_dataset *dataset)
{
    for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++)
        if (sg_dataset_count(dataset, split) < 1)
            SG_FAIL(SG_E_CONFIG, "dataset: the %s split holds no picture", sg_split_name(split));
    return SG_OK;
}
