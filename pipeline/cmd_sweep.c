/* cmd_sweep.c - scopegrad sweep SWEEP.yaml -o DIR */
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/ranks.h"
#include "pipeline/sweep_run.h"

#include <omp.h>
#include <stdio.h>
#include <unistd.h>

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
    if (sg_ranks_launched() == 1) return;
    const bool bound = cores < (int)sysconf(_SC_NPROCESSORS_ONLN);
    options->cores = bound || cores / sg_ranks_here() < 1 ? cores : cores / sg_ranks_here();
    if (!bound && cores < sg_ranks_here()) options->cores = 1;
    if (options->jobs == 0) options->jobs = 1;
}

sg_status sg_cmd_sweep(int argc, char **argv)
{
    const char *path = NULL, *folder = NULL, *part = NULL;
    double minutes = 0;
    bool done = false;
    sg_option_list sets = {0};
    sg_sweep *sweep = NULL;
    sg_ranks *ranks;
    sg_sweep_options run = {0};
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &folder, "FOLDER", "where the runs go (needed)"},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE",
         "change a key of the config that all runs start from; may be repeated"},
        {"jobs", 'j', SG_OPTION_INT, &run.jobs, "N", "runs at a time, which share the cores; 0: one a core", 0, 1024},
        {"part", 0, SG_OPTION_TEXT, &part, "K/N", "only the K-th of N parts, on this machine"},
        {"retry", 0, SG_OPTION_INT, &run.retries, "N", "try a run that fails N times more", 0, 1000},
        {"time-limit", 0, SG_OPTION_REAL, &minutes, "MINUTES", "end a run that takes longer; 0: none", 0, 1e6},
        {"stop-on-failure", 0, SG_OPTION_FLAG, &run.stop_on_failure, NULL, "start no more runs when one has failed"},
        {"quiet", 'q', SG_OPTION_FLAG, &run.quiet, NULL, "name failed runs only"},
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
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (folder == NULL) SG_FAIL(SG_E_USAGE, "-o FOLDER is missing");
    SG_TRY(read_part(&run, part));
    run.limit_s = 60 * minutes;
    SG_TRY(sg_ranks_open(&ranks)); /* they deal themselves runs by their locks; rank 0 talks */
    share_machine(&run);
    run.silent = !sg_ranks_lead(ranks);
    sg_status status = sg_ranks_agree(ranks, sg_sweep_read(&sweep, path, sets.item, sets.count));
    if (status == SG_OK) status = sg_ranks_agree(ranks, sg_sweep_run(sweep, folder, &run));
    sg_sweep_free(sweep);
    sg_ranks_close(ranks);
    return status;
}
