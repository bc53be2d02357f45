/* train.c - the training loop.
 *     loader -> sample, label -> forward -> loss -> backward -> optimiser -> running statistics
 * Validation, checkpoints and the log hang on the step number alone; every random number is counted, never drawn from a
 * state. So a checkpoint is the parameters, their moments and the step, and a resumed run repeats the unbroken one. */
#include "pipeline/train.h"

#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "pipeline/checkpoint.h"
#include "pipeline/classes.h"
#include "pipeline/evaluate.h"
#include "pipeline/interrupt.h"
#include "pipeline/log.h"
#include "pipeline/overlap_label.h"
#include "pipeline/progress.h"
#include "pipeline/report.h"
#include "pipeline/run_folder.h"
#include "pipeline/run_results.h"
#include "pipeline/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct trainer {
    sg_config asked;  /* as the user gave it, with the classes of the data */
    sg_config config; /* the same, with a first camera.range_e where it was auto */
    uint64_t name;    /* hash of the config as the user gave it: the run's name in a sweep */
    bool range_auto;
    const char *folder;
    const sg_train_options *options;
    sg_model *model;
    sg_dataset *dataset;
    sg_program train, evaluate;
    sg_loader *loader;
    sg_log log;
    sg_checkpoint state; /* step, best rank, hashes of config and data */
    int64_t total_steps;
    int steps_per_epoch;
    sg_progress progress;
    double setup_s;  /* from the start of the process to the first step */
    sg_trace *trace; /* NULL: not asked for, or not rank 0 */
    int lock;        /* of the folder; -1: not held */
} trainer;

/* ---- setting up ---- */
static bool lead(const trainer *t)
{
    return sg_ranks_lead(t->options->ranks);
}

static sg_status together(const trainer *t, sg_status status)
{
    return sg_ranks_agree(t->options->ranks, status);
}

static sg_status make_programs(trainer *t)
{
    FILE *verbose = t->options->verbose && lead(t) ? stdout : NULL;
    const int batch = t->config.train.batch_size, ranks = sg_ranks_count(t->options->ranks);
    if (batch % ranks != 0)
        SG_FAIL(SG_E_CONFIG, "train.batch_size: %d pictures do not divide into equal parts for %d ranks", batch, ranks);
    SG_TRY(sg_model_new(&t->model, t->config.train.seed));
    SG_TRY(sg_program_make(&t->train, &t->config, t->model, batch / ranks, SG_PROGRAM_TRAIN, verbose));
    if (!lead(t)) return SG_OK;
    return sg_program_make(&t->evaluate, &t->config, t->model, t->config.train.batch_size, SG_PROGRAM_EVALUATE, NULL);
}

/* Takes up last.ckpt if there is one to take up, of the same pictures. */
static sg_status restore(trainer *t)
{
    char path[SG_PATH_MAX];
    sg_checkpoint found;
    SG_TRY(sg_run_path(path, t->folder, "last.ckpt"));
    if (!t->options->resume || !sg_file_exists(path)) return SG_OK;
    SG_TRY(sg_checkpoint_read(&found, t->model, path, t->state.config_hash));
    for (int i = SG_SPLIT_TRAIN; i <= SG_SPLIT_VALIDATION; i++)
        if (found.data_hash[i] != t->state.data_hash[i])
            SG_FAIL(SG_E_STATE, "%s: the %s pictures have changed since it was written; another -o starts anew", path,
                    sg_split_name((sg_split)i));
    t->state = found;
    return SG_OK;
}

/* All that can be wrong with the configuration, before anything is written. The network has an output for each class of
 * the data. */
static sg_status prepare(trainer *t)
{
    SG_TRY(sg_run_dataset(&t->dataset, &t->config));
    SG_TRY(sg_run_splits(t->dataset));
    SG_TRY(sg_config_hash(&t->name, &t->asked));
    SG_TRY(sg_classes_resolve(&t->asked, t->dataset));
    SG_TRY(sg_classes_resolve(&t->config, t->dataset));
    SG_TRY(sg_config_hash(&t->state.config_hash, &t->asked));
    const bool files = t->asked.dataset.kind != SG_DATASET_SYNTHETIC; /* made-up pictures follow from the config */
    for (int i = SG_SPLIT_TRAIN; i <= SG_SPLIT_VALIDATION && files; i++)
        t->state.data_hash[i] = sg_dataset_hash(t->dataset, (sg_split)i);
    t->state.seed = t->asked.train.seed;
    t->state.best_step = -1;
    t->range_auto = sg_range_resolve(&t->config);
    SG_TRY(make_programs(t));
    if (!lead(t)) return SG_OK;
    SG_TRY(sg_range_tune(t->model, &t->config, t->dataset, t->range_auto)); /* a file knows better */
    return sg_weights_start(t->model, t->config.train.weights);
}

/* Takes the folder and what is in it. */
static sg_status take_up(trainer *t)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_claim(&t->lock, &t->asked, t->folder, t->options));
    SG_TRY(sg_run_plan(t->folder, t->train.plan));
    SG_TRY(restore(t));
    SG_TRY(sg_run_path(path, t->folder, "log.csv"));
    return sg_log_open(&t->log, path, sg_task_of(&t->config), t->state.step);
}

static sg_status compare_configs(const trainer *t)
{
    sg_ranks *ranks = t->options->ranks;
    uint64_t hash = t->state.config_hash;
    if (ranks != NULL) ranks->share(ranks, &hash, sizeof hash);
    if (hash == t->state.config_hash) return SG_OK;
    SG_FAIL(SG_E_CONFIG, "its configuration is not that of rank 0: all need the same file and --set");
}

/* All ranks begin where rank 0 is. */
static void take_over(trainer *t)
{
    sg_ranks *ranks = t->options->ranks;
    if (ranks != NULL) ranks->share(ranks, &t->state, sizeof t->state);
    sg_ranks_share_model(ranks, t->model);
}

static sg_status begin(trainer *t)
{
    sg_ranks *ranks = t->options->ranks;
    SG_TRY(together(t, compare_configs(t)));
    SG_TRY(together(t, lead(t) ? take_up(t) : SG_OK));
    take_over(t);
    SG_TRY(sg_loader_start_part(&t->loader, t->dataset, t->config.train.batch_size, ranks != NULL ? ranks->rank : 0,
                                sg_ranks_count(ranks), t->config.train.seed, t->state.step));
    t->steps_per_epoch = sg_loader_batches_per_epoch(t->loader);
    t->total_steps =
        t->config.train.epochs > 0 ? (int64_t)t->config.train.epochs * t->steps_per_epoch : t->config.train.steps;
    t->setup_s = sg_process_seconds();
    sg_progress_begin(&t->progress, t->folder, t->state.step, t->total_steps, t->options->quiet || !lead(t));
    t->train.trace = t->trace;
    return sg_trace_watch(t->trace, t->train.plan);
}

/* ---- one step ---- */
static sg_status train_step(trainer *t, double *loss, double *lr)
{
    const sg_batch *batch;
    sg_plan *plan = t->train.plan;
    const double factor = sg_schedule_factor(&t->config.optimiser, t->state.step, t->total_steps);
    const int wait = sg_trace_begin(t->trace, "loader wait");
    SG_TRY(sg_loader_next(t->loader, &batch));
    sg_trace_end(t->trace, wait);
    memcpy(sg_plan_input(plan, "sample"), batch->sample, sg_shape_len(sg_plan_shape(plan, "sample")) * sizeof(float));
    const sg_shape label = sg_plan_shape(plan, "label");
    sg_overlap_label(sg_plan_input(plan, "label"), batch->label, label.n, label.h,
                     t->config.microscope.camera.overlap_fields);
    const uint32_t epoch = (uint32_t)(t->state.step / t->steps_per_epoch) + 1; /* epoch 0 is evaluation's */
    const double last = t->total_steps > 1 ? (double)(t->total_steps - 1) : 1;
    sg_ranks *ranks = t->options->ranks;
    const sg_step step = {.seed = t->config.train.seed,
                          .epoch = epoch,
                          .sample_id = batch->sample_id,
                          .training = true,
                          .progress = (double)t->state.step / last,
                          .ranks = ranks,
                          .norm_ranks = t->config.train.norm_statistics == SG_NORM_GLOBAL ? ranks : NULL};
    sg_plan_step_set(plan, &step);
    SG_TRY(sg_program_step(&t->train, t->model, &t->config, factor));
    *loss = sg_plan_loss(plan);
    *lr = factor * t->config.optimiser.lr;
    t->state.step++;
    return SG_OK;
}

/* True every `every` steps and at the end. */
static bool due(const trainer *t, int every)
{
    return t->state.step == t->total_steps || (every > 0 && t->state.step % every == 0);
}

static sg_status save(trainer *t, const char *name)
{
    char path[SG_PATH_MAX];
    SG_TRY(sg_run_path(path, t->folder, name));
    const int span = sg_trace_begin(t->trace, "checkpoint");
    SG_TRY(sg_checkpoint_write(path, t->model, &t->state));
    sg_trace_end(t->trace, span);
    return SG_OK;
}

/* Learned light changes how bright the picture is, so an automatic range follows it, unless the ADC learns itself. */
static sg_status follow_light(trainer *t)
{
    const sg_camera_config *camera = &t->config.microscope.camera;
    const bool adc_learns = camera->learn_range.on || camera->learn_threshold.on;
    if (t->range_auto && t->config.microscope.illumination.learn.on && !adc_learns)
        SG_TRY(sg_range_tune(t->model, &t->config, t->dataset, true));
    return SG_OK;
}

/* More of the metric that the task is about; where that is equal, the smaller loss. */
static bool is_better(const sg_checkpoint *best, const sg_scores *scores)
{
    const double rank = sg_scores_rank(scores);
    if (best->best_step < 0 || isnan(best->best_metric)) return true;
    return rank > best->best_metric || (rank == best->best_metric && scores->loss < best->best_loss);
}

static sg_status take_scores(trainer *t, sg_log_row *row, const sg_scores *scores)
{
    row->validation_loss = scores->loss;
    for (int m = 0; m < SG_METRIC_LOGGED; m++) row->validation[m] = scores->metric[m];
    sg_progress_metric(&t->progress, scores->task->metric[0], scores->metric[0]);
    if (!is_better(&t->state, scores)) return SG_OK;
    t->state.best_step = t->state.step;
    t->state.best_metric = sg_scores_rank(scores);
    t->state.best_loss = scores->loss;
    return save(t, "best.ckpt");
}

static sg_status validate(trainer *t, sg_log_row *row)
{
    sg_scores scores = {0};
    const int span = sg_trace_begin(t->trace, "validation");
    SG_TRY(follow_light(t));
    sg_status status = sg_evaluate(&scores, &t->evaluate, &t->config, t->dataset, SG_SPLIT_VALIDATION, NULL, NULL);
    sg_trace_end(t->trace, span);
    if (status == SG_OK) status = take_scores(t, row, &scores);
    sg_scores_free(&scores);
    return status;
}

/* What follows a step: validation, a row of the log, a checkpoint. */
static sg_status record(trainer *t, sg_log_row *row, bool stop)
{
    char log_path[SG_PATH_MAX];
    const sg_train_config *train = &t->config.train;
    const bool validates = due(t, train->validate_every);
    row->step = t->state.step;
    SG_TRY(sg_run_path(log_path, t->folder, "log.csv"));
    if (validates) SG_TRY(validate(t, row));
    if (validates || due(t, train->log_every)) SG_TRY(sg_log_append(&t->log, log_path, row));
    if (!stop && !due(t, train->checkpoint_every)) return SG_OK;
    SG_TRY(save(t, "last.ckpt"));
    return sg_run_timing(t->folder, t->state.step, sg_progress_seconds(&t->progress), t->setup_s);
}

static sg_status loop(trainer *t)
{
    while (t->state.step < t->total_steps) {
        sg_log_row row = {0, 0, 0, NAN, {NAN, NAN}};
        const int span = sg_trace_step(t->trace, t->state.step + 1);
        sg_status status = train_step(t, &row.train_loss, &row.lr); /* fails on all ranks or on none */
        const bool stop = sg_ranks_any(t->options->ranks, sg_interrupted()) && t->state.step < t->total_steps;
        if (status == SG_OK && lead(t)) status = record(t, &row, stop);
        if (status == SG_OK) status = sg_trace_step_end(t->trace, span);
        SG_TRY(together(t, status));
        if (due(t, t->config.train.validate_every)) sg_ranks_share_model(t->options->ranks, t->model); /* its range */
        sg_progress_step(&t->progress, t->state.step, row.train_loss);
        if (stop)
            SG_FAIL(SG_E_INTERRUPTED, "%s: interrupted after step %lld of %lld; --resume goes on from here", t->folder,
                    (long long)t->state.step, (long long)t->total_steps);
    }
    return SG_OK;
}

/* ---- the end: the best model, tested once ---- */
static sg_status finish(trainer *t)
{
    char best[SG_PATH_MAX], weights[SG_PATH_MAX], results[SG_PATH_MAX], report[SG_PATH_MAX];
    sg_checkpoint chosen;
    char *config_text = NULL;
    SG_TRY(sg_run_path(best, t->folder, "best.ckpt"));
    SG_TRY(sg_run_path(weights, t->folder, "weights.safetensors"));
    SG_TRY(sg_run_path(results, t->folder, "results.h5"));
    SG_TRY(sg_run_path(report, t->folder, "report.html"));
    SG_TRY(sg_checkpoint_read(&chosen, t->model, best, t->state.config_hash));
    SG_TRY(sg_config_write(&config_text, &t->asked, SG_CONFIG_PORTABLE));
    sg_status status = sg_weights_write(t->model, weights, config_text);
    const sg_run_summary summary = {&t->config, config_text, t->model,    &t->evaluate,
                                    t->dataset, &t->log,     chosen.step, t->name};
    if (status == SG_OK) status = sg_run_results_save(&summary, SG_SPLIT_TEST, results, NULL);
    sg_free(config_text);
    if (status == SG_OK && t->options->report) status = sg_report_make(t->folder, report);
    return status == SG_OK ? sg_run_done(t->folder) : status;
}

static sg_status start_trace(trainer *t)
{
    if (t->options->profile == NULL || !lead(t)) return SG_OK;
    return sg_trace_open(&t->trace, t->options->profile, t->folder, t->options->profile_steps);
}

/* Training that ended early is traced as far as it came; what ended it is said in any case. */
static sg_status finish_trace(trainer *t, sg_status status)
{
    char said[1024];
    (void)snprintf(said, sizeof said, "%s", sg_error_text());
    const sg_status written = sg_trace_write(t->trace);
    return status == SG_OK ? written : sg_error_set(status, "%s", said);
}

static void tear_down(trainer *t)
{
    sg_trace_free(t->trace);
    sg_progress_end(&t->progress);
    sg_loader_stop(t->loader);
    sg_log_free(&t->log);
    sg_program_free(&t->train);
    sg_program_free(&t->evaluate);
    sg_dataset_free(t->dataset);
    sg_model_free(t->model);
    sg_run_release(t->lock);
}

sg_status sg_train(const sg_config *config, const char *folder, const sg_train_options *options)
{
    trainer t = {.asked = *config, .config = *config, .folder = folder, .options = options, .lock = -1};
    bool finished = false;
    sg_threads_set(config->train.threads);
    SG_TRY(together(&t, lead(&t) ? sg_run_check(&finished, config, folder, options) : SG_OK));
    if (sg_ranks_any(options->ranks, finished)) return SG_OK;
    SG_TRY(together(&t, start_trace(&t)));
    sg_status status = together(&t, prepare(&t));
    if (status == SG_OK) status = together(&t, begin(&t));
    if (status == SG_OK) status = loop(&t);
    if (status == SG_OK) status = together(&t, lead(&t) ? finish(&t) : SG_OK);
    status = together(&t, finish_trace(&t, status));
    tear_down(&t);
    return status;
}
