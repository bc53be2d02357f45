/* cmd_evaluate.c - scopegrad evaluate RUN */
#include "datasets/dataset.h"
#include "pipeline/args.h"
#include "pipeline/classes.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/run_folder.h"
#include "pipeline/run_results.h"

#include "core/memory.h"
#include "core/parallel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_scores(const sg_scores *s, const sg_program *program, const char *split)
{
    printf("%s: %d pictures, loss %.6f\n", split, s->count, s->loss);
    for (int m = 0; m < sg_task_metrics(s->task); m++) {
        if (isnan(s->metric[m])) continue;
        printf("  %-17s %.4f (%.4f to %.4f in 95 %% of resampled sets of pictures)\n", s->task->metric[m], s->metric[m],
               s->interval[m][0], s->interval[m][1]);
    }
    for (int e = 0; e < program->size.frames; e++)
        printf("  exposure %d: %.1f detected electrons per pixel\n", e + 1, s->electrons[e]);
}

/* A file inside the old dataset.path is looked for at the same place inside the new one; others are not used. */
static sg_status move_inside(char *file, size_t size, const char *old_path, const char *new_path)
{
    char moved[2 * SG_DATASET_PATH_MAX];
    const size_t length = strlen(old_path);
    const bool inside = file[0] && strncmp(file, old_path, length) == 0 && file[length] == '/';
    (void)snprintf(moved, sizeof moved, "%s%s", inside ? new_path : "", inside ? file + length : "");
    if (strlen(moved) >= size) SG_FAIL(SG_E_USAGE, "--data: the path is too long");
    memcpy(file, moved, strlen(moved) + 1);
    return SG_OK;
}

/* Other pictures with the same classes. */
static sg_status use_classes(sg_dataset_config *dataset, const char *path)
{
    SG_TRY(move_inside(dataset->labels, sizeof dataset->labels, dataset->path, path));
    SG_TRY(move_inside(dataset->annotations, sizeof dataset->annotations, dataset->path, path));
    if (!dataset->labels[0]) dataset->where[0] = 0;
    return SG_OK;
}

/* All of it is for the test. */
static void use_all(sg_dataset_config *dataset)
{
    dataset->splits[0] = 0;
    dataset->folds = 0;
    dataset->test_only = true;
}

/* Of a measured stack: another stack of the same LEDs; of classes: such data again; else a folder, whose pictures are
 * read and become targets as in training. */
static sg_status use_data(sg_dataset_config *dataset, const char *path)
{
    if (strlen(path) >= sizeof dataset->path) SG_FAIL(SG_E_USAGE, "--data: the path is too long");
    const bool classes = sg_dataset_kind_has_classes(dataset->kind);
    if (classes) SG_TRY(use_classes(dataset, path));
    if (dataset->kind != SG_DATASET_STACK) use_all(dataset);
    if (!classes && dataset->kind != SG_DATASET_STACK) dataset->kind = SG_DATASET_FOLDER;
    (void)snprintf(dataset->path, sizeof dataset->path, "%s", path);
    return SG_OK;
}

static sg_status evaluate(const char *folder, sg_split split, const char *output, const char *data,
                          const sg_option_list *sets)
{
    sg_config config;
    sg_model *model = NULL;
    sg_program program = {0};
    sg_dataset *dataset = NULL;
    sg_scores scores = {0};
    char *text = NULL;
    sg_status status;
    SG_TRY_DONE(sg_cmd_run_load(&config, &model, &program, folder, 0));
    if (data != NULL) SG_TRY_DONE(use_data(&config.dataset, data));
    SG_TRY_DONE(sg_cmd_run_sets(&config, sets, false));
    SG_TRY_DONE(sg_run_dataset(&dataset, &config));
    SG_TRY_DONE(sg_classes_resolve(&config, dataset));
    if (output == NULL) {
        SG_TRY_DONE(sg_evaluate(&scores, &program, &config, dataset, split, NULL, NULL));
        SG_TRY_DONE(sg_scores_bootstrap(&scores, dataset, split));
    }
    if (output != NULL) {
        SG_TRY_DONE(sg_config_write(&text, &config, SG_CONFIG_PORTABLE));
        const sg_run_summary run = {&config, text, model, &program, dataset, NULL, 0, 0};
        SG_TRY_DONE(sg_run_results_save(&run, split, output, &scores));
    }
    print_scores(&scores, &program, sg_split_name(split));
done:
    sg_scores_free(&scores);
    sg_free(text);
    sg_dataset_free(dataset);
    sg_program_free(&program);
    sg_model_free(model);
    return status;
}

sg_status sg_cmd_evaluate(int argc, char **argv)
{
    const char *folder = NULL, *output = NULL, *split_name = "test", *data = NULL;
    int threads = 0;
    bool done = false;
    sg_split split = SG_SPLIT_TEST;
    sg_option_list sets = {0};
    const sg_option options[] = {
        {"split", 's', SG_OPTION_TEXT, &split_name, "NAME", "train, validation or test"},
        {"data", 'd', SG_OPTION_TEXT, &data, "PATH",
         "other data of the same kind, all of it: a folder with images/ and labels/; a stack of the same LEDs; "
         "classes"},
        {"output", 'o', SG_OPTION_TEXT, &output, "FILE.h5", "also write scores, light and example pictures"},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "dataset.axes, take, pixel_size: see docs/formats.md"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {"evaluate",
                            "RUN",
                            "Scores a trained run on one split of its data, or on another folder.",
                            "scopegrad evaluate runs/first --split validation",
                            options,
                            SG_COUNT(options),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &folder, NULL, &done));
    if (done) return SG_OK;
    if (!sg_split_find(&split, split_name))
        SG_FAIL(SG_E_USAGE, "--split: '%s' is not one of train, validation, test", split_name);
    SG_TRY(sg_args_output(output, ".h5"));
    sg_threads_set(threads);
    return evaluate(folder, split, output, data, &sets);
}
