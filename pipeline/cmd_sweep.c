/* cmd_sweep.c - scopegrad sweep SWEEP.yaml -o DIR */
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/ranks.h"
#include "pipeline/run_folder.h"
#include "pipeline/sweep_run.h"
#include "pipeline/sweep_slurm.h"

#include <omp.h>
#include <stdio.h>
#include <unistd.h>

typedef struct sg_sweep_command {
    const char *path, *folder;
    sg_option_list sets;
    sg_sweep_options run;
    double minutes;
    bool dry_run, slurm;
    sg_slurm_options job;
} sg_sweep_command;

/* "2/8" */
static sg_status read_part(sg_sweep_options *out, const char *text)
{
    char more;
    if (text == NULL) return SG_OK;
    if (sscanf(text, "%d/%d%c", &out->part, &out->parts, &more) != 2 || out->part < 1 || out->part > out->parts)
        SG_FAIL(SG_E_USAGE, "--part: '%.60s' is not K/N with K in 1..N, such as 2/8", text);
    return SG_OK;
}

/* Ranks of an MPI launcher share a machine, unless the launcher has given each its own cores: a run a rank. */
static void share_machine(sg_sweep_options *options)
{
    const int cores = omp_get_num_procs();
    if (sg_ranks_launched() == 1 || options->cores > 0) return;
    const bool bound = cores < (int)sysconf(_SC_NPROCESSORS_ONLN);
    options->cores = bound || cores / sg_ranks_here() < 1 ? cores : cores / sg_ranks_here();
    if (!bound && cores < sg_ranks_here()) options->cores = 1;
    if (options->jobs == 0) options->jobs = 1;
}

/* All ranks deal themselves runs by their locks; rank 0 talks. */
static sg_status run(sg_sweep_command *command)
{
    sg_ranks *ranks;
    sg_sweep *sweep = NULL;
    SG_TRY(sg_ranks_open(&ranks)); /* before the file: what is wrong with it is said once */
    share_machine(&command->run);
    command->run.silent = !sg_ranks_lead(ranks);
    sg_status status =
        sg_ranks_agree(ranks, sg_sweep_read(&sweep, command->path, command->sets.item, command->sets.count));
    if (status == SG_OK) status = sg_ranks_agree(ranks, sg_sweep_run(sweep, command->folder, &command->run));
    sg_sweep_free(sweep);
    sg_ranks_close(ranks, "sweep");
    return status;
}

/* The options of this command that each task of a job array takes over. */
static void take_over(char *out, size_t size, const sg_sweep_command *command)
{
    (void)snprintf(out, size, " --retry %d --time-limit %.17g%s", command->run.retries, command->minutes,
                   command->run.stop_on_failure ? " --stop-on-failure" : "");
}

static sg_status write_job(sg_sweep_command *command, const sg_sweep *sweep, const sg_sweep_cost *cost)
{
    char more[128], path[SG_PATH_MAX];
    take_over(more, sizeof more, command);
    command->job.path = command->path;
    command->job.sets = command->sets.item;
    command->job.set_count = command->sets.count;
    command->job.more = more;
    SG_TRY(sg_run_path(path, command->folder, "job.sbatch"));
    SG_TRY(sg_sweep_claim(sweep, command->folder));
    SG_TRY(sg_slurm_write(command->folder, cost, &command->job));
    printf("sbatch %s\n", path);
    return SG_OK;
}

/* Measures instead of running. */
static sg_status plan(sg_sweep_command *command)
{
    sg_sweep *sweep = NULL;
    sg_sweep_cost cost;
    const int cores = command->run.cores > 0 ? command->run.cores : omp_get_num_procs(),
              jobs = command->run.jobs > 0 ? command->run.jobs : cores;
    const int threads = command->slurm ? command->job.cores : cores / jobs > 0 ? cores / jobs : 1;
    sg_status status = sg_sweep_read(&sweep, command->path, command->sets.item, command->sets.count);
    if (status == SG_OK) status = sg_sweep_measure(&cost, sweep, command->folder, threads);
    if (status == SG_OK) sg_sweep_cost_print(&cost, sweep, command->slurm ? 1 : jobs, threads, stdout);
    if (status == SG_OK && command->slurm && !command->dry_run) status = write_job(command, sweep, &cost);
    sg_sweep_free(sweep);
    return status;
}

sg_status sg_cmd_sweep(int argc, char **argv)
{
    sg_sweep_command c = {.job.cores = 4};
    const char *part = NULL;
    bool done = false;
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &c.folder, "FOLDER", "where the runs go (needed)"},
        {"set", 0, SG_OPTION_LIST, &c.sets, "KEY=VALUE", "change a key of the config that all runs start from"},
        {"jobs", 'j', SG_OPTION_INT, &c.run.jobs, "N", "runs at a time, which share the cores; 0: one a core", 0, 1024},
        {"cores", 0, SG_OPTION_INT, &c.run.cores, "N", "to share out; 0: all that this process may use", 0, 1024},
        {"part", 0, SG_OPTION_TEXT, &part, "K/N", "only the K-th of N parts, on this machine"},
        {"retry", 0, SG_OPTION_INT, &c.run.retries, "N", "try a run that fails N times more", 0, 1000},
        {"time-limit", 0, SG_OPTION_REAL, &c.minutes, "MINUTES", "end a run that takes longer; 0: none", 0, 1e6},
        {"stop-on-failure", 0, SG_OPTION_FLAG, &c.run.stop_on_failure, NULL, "start no more runs when one has failed"},
        {"dry-run", 'n', SG_OPTION_FLAG, &c.dry_run, NULL, "how many runs, memory and time; write nothing"},
        {"slurm", 0, SG_OPTION_FLAG, &c.slurm, NULL, "write FOLDER/job.sbatch, a job array, instead of running"},
        {"slurm-tasks", 0, SG_OPTION_INT, &c.job.tasks, "N", "tasks of the array; 0: one a run, at most 1000", 0, 1000},
        {"slurm-at-once", 0, SG_OPTION_INT, &c.job.at_once, "N", "tasks at a time; 0: as many as fit", 0, 100000},
        {"slurm-cores", 0, SG_OPTION_INT, &c.job.cores, "N", "processor cores of a task", 1, 1024},
        {"slurm-account", 0, SG_OPTION_TEXT, &c.job.account, "NAME", "account to charge"},
        {"slurm-partition", 0, SG_OPTION_TEXT, &c.job.partition, "NAME", "partition to run in"},
        {"quiet", 'q', SG_OPTION_FLAG, &c.run.quiet, NULL, "name failed runs only"},
    };
    const sg_usage usage = {"sweep",
                            "SWEEP",
                            "Trains a run for every combination of keys, arms and seeds of a sweep file. The same "
                            "command goes on where it was stopped; any number of them may work in one folder.",
                            "scopegrad sweep experiments/learned_illumination/full.yaml -o runs/full",
                            options,
                            SG_COUNT(options),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &c.path, NULL, &done));
    if (done) return SG_OK;
    if (c.folder == NULL) SG_FAIL(SG_E_USAGE, "-o FOLDER is missing");
    SG_TRY(read_part(&c.run, part));
    c.run.limit_s = 60 * c.minutes;
    if ((c.slurm || c.dry_run) && sg_ranks_launched() > 1)
        SG_FAIL(SG_E_USAGE, "--dry-run, --slurm: without a launcher (it started %d of these)", sg_ranks_launched());
    if (c.slurm && part != NULL) SG_FAIL(SG_E_USAGE, "--part: --slurm gives each task its part");
    return c.dry_run || c.slurm ? plan(&c) : run(&c);
}
