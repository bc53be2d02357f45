/* dry_run.c - `scopegrad train --dry-run`. */
#include "pipeline/dry_run.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "pipeline/classes.h"
#include "pipeline/evaluate.h"
#include "pipeline/model_tensors.h"
#include "pipeline/program.h"
#include "pipeline/run_folder.h"
#include "pipeline/safetensors.h"

#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double mebibytes(size_t bytes)
{
    return (double)bytes / 1048576;
}

static sg_status check_folder(const char *folder, bool resume)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_path(path, folder, "config.yaml"));
    if (!resume && sg_file_exists(path))
        SG_FAIL(SG_E_USAGE, "%s: the folder holds a run already; --resume goes on with it, another -o starts anew",
                folder);
    return SG_OK;
}

static sg_status time_step(double *seconds, sg_program *program, sg_model *model, const sg_config *config)
{
    sg_program_made_up(program);
    SG_TRY(sg_program_step(program, model, config, 1)); /* first touch of the memory */
    const double begin = now();
    SG_TRY(sg_program_step(program, model, config, 1));
    *seconds = now() - begin;
    return SG_OK;
}

static void print_data(const sg_config *config, const sg_dataset *dataset, const sg_program *program, FILE *out)
{
    const sg_microscope_size *size = &program->size;
    fprintf(out, "pictures    %d train, %d validation, %d test\n", sg_dataset_count(dataset, SG_SPLIT_TRAIN),
            sg_dataset_count(dataset, SG_SPLIT_VALIDATION), sg_dataset_count(dataset, SG_SPLIT_TEST));
    fprintf(out, "light       %d LEDs, %d exposure%s, %d colour%s, %d focal plane%s\n", size->leds, size->exposures,
            size->exposures == 1 ? "" : "s", size->colours, size->colours == 1 ? "" : "s", size->planes,
            size->planes == 1 ? "" : "s");
    fprintf(out, "grids       sample %d px of %g um, camera %d px of %g um, %d channel%s, batch %d\n", size->sample_px,
            config->microscope.sample.pixel_um, size->camera_px, size->camera_pitch_um, size->channels,
            size->channels == 1 ? "" : "s", program->batch);
    if (size->psf_error > 0)
        fprintf(out, "blur        eigen-PSFs leave out %.3g of the PSFs of all places (Frobenius norm)\n",
                size->psf_error);
    if (size->bits > 0)
        fprintf(out, "read-out    %.0f bits a measurement, %.4g a pixel and exposure\n", size->bits,
                size->bits / ((double)size->frames * size->sensor_h * size->sensor_w));
}

static void print_model(const sg_model *model, FILE *out)
{
    size_t network = 0, hardware = 0;
    for (int i = 0; i < sg_model_count(model); i++) {
        const sg_param_info *p = sg_model_at(model, i);
        if (p->spec.frozen || p->spec.state) continue;
        *(sg_model_is_network(p->name) ? &network : &hardware) += p->len;
    }
    fprintf(out, "learned     %zu numbers of the network, %zu of the hardware\n", network, hardware);
    fprintf(out, "exchange    %.2f MiB of gradients a step, if several ranks share it (docs/cluster.md)\n",
            mebibytes((network + hardware) * sizeof(float)));
}

static int64_t step_count(const sg_config *config, const sg_dataset *dataset)
{
    const int pictures = sg_dataset_count(dataset, SG_SPLIT_TRAIN), batch = config->train.batch_size;
    const int64_t per_epoch = pictures / batch > 0 ? pictures / batch : 1;
    return config->train.epochs > 0 ? config->train.epochs * per_epoch : config->train.steps;
}

static void print_cost(const sg_program *program, double seconds, int64_t steps, FILE *out)
{
    sg_plan_info info;
    sg_plan_info_get(program->plan, &info);
    const sg_memory_left left = sg_memory_look("");
    const long whole = (long)(seconds * (double)steps + .5);
    fprintf(out, "memory      %.1f MiB values and gradients, %.1f MiB parameters\n", mebibytes(info.arena_bytes),
            mebibytes(info.param_bytes));
    fprintf(out, "            %.1f MiB more for the optimiser; %s leaves %.1f MiB\n", 2 * mebibytes(info.param_bytes),
            left.who, mebibytes(left.bytes));
    fprintf(out, "work        %.3g GFLOP a step forward, counted as direct convolution\n", info.flop_forward / 1e9);
    fprintf(out,
            "time        %.3f s a step with %d thread%s (one step timed), %lld steps: about %ld:%02ld and validation\n",
            seconds, sg_threads(), sg_threads() == 1 ? "" : "s", (long long)steps, whole / 60, whole % 60);
}

/* What takes the memory, and what other keys would take. */
static sg_status print_memory(const sg_program *program, sg_model *model, const sg_config *config, FILE *out)
{
    SG_TRY(sg_plan_memory_print(program->plan, 8, out));
    for (int i = 0; i < 4; i++) {
        sg_nn_config nn = config->nn;
        double mib;
        nn.recompute = (i & 1) != 0;
        nn.precision = i & 2 ? SG_NN_BF16 : SG_NN_F32;
        SG_TRY(sg_program_arena(&mib, program, nn, model));
        fprintf(out, "arena with  nn.precision: %-4s nn.recompute: %-5s %9.1f MiB\n", i & 2 ? "bf16" : "f32",
                i & 1 ? "true" : "false", mib);
    }
    return SG_OK;
}

static sg_status measure(const sg_config *config, const sg_dataset *dataset, sg_program *program, sg_model **model,
                         FILE *out, sg_dry_cost *cost)
{
    *cost = (sg_dry_cost){.steps = step_count(config, dataset)};
    SG_TRY(sg_model_new(model, config->train.seed));
    SG_TRY(sg_program_make(program, config, *model, config->train.batch_size, SG_PROGRAM_TRAIN, NULL));
    SG_TRY(sg_weights_start(*model, config->train.weights));
    SG_TRY(time_step(&cost->step_s, program, *model, config));
    print_data(config, dataset, program, out);
    print_model(*model, out);
    sg_plan_choice_print(program->plan, out);
    print_cost(program, cost->step_s, cost->steps, out);
    return print_memory(program, *model, config, out);
}

sg_status sg_dry_run(const sg_config *config, const char *folder, bool resume, FILE *out, sg_dry_cost *cost)
{
    sg_dry_cost ignored;
    sg_config resolved = *config;
    sg_dataset *dataset = NULL;
    sg_model *model = NULL;
    sg_program program = {0};
    SG_TRY(check_folder(folder, resume));
    (void)sg_range_resolve(&resolved);
    sg_threads_set(resolved.train.threads);
    sg_status status = sg_run_dataset(&dataset, &resolved);
    if (status == SG_OK) status = sg_run_splits(dataset);
    if (status == SG_OK) status = sg_classes_resolve(&resolved, dataset);
    if (status == SG_OK) status = measure(&resolved, dataset, &program, &model, out, cost != NULL ? cost : &ignored);
    if (status == SG_OK) fprintf(out, "would write %s/: %s\n", folder, SG_RUN_FILES);
    sg_program_free(&program);
    sg_model_free(model);
    sg_dataset_free(dataset);
    return status;
}
