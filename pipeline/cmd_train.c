/* cmd_train.c - scopegrad train CONFIG -o FOLDER */
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/dry_run.h"
#include "pipeline/ranks.h"
#include "pipeline/report.h"
#include "pipeline/trace.h"
#include "pipeline/train.h"

#include <stdio.h>

/* What was trained, in a few lines. */
static sg_status show(const char *folder, bool report)
{
    SG_TRY(sg_report_print(folder, stdout));
    printf(report ? "report: %s/report.html\n" : "results: %s/results.h5\n", folder);
    return SG_OK;
}

sg_status sg_cmd_train(int argc, char **argv)
{
    const char *folder = NULL, *path = NULL;
    int threads = -1;
    bool done = false;
    sg_option_list sets = {0};
    sg_train_options train = {.report = true, .profile_steps = 20};
    bool no_report = false, dry_run = false;
    sg_config config;
    char command[SG_COMMAND_MAX];
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &folder, "FOLDER", "where the run goes (needed)"},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core; the result is the same for any number", 0, 1024},
        {"resume", 0, SG_OPTION_FLAG, &train.resume, NULL, "go on from the last checkpoint of this folder"},
        {"dry-run", 'n', SG_OPTION_FLAG, &dry_run, NULL, "print memory, work and time; write nothing"},
        {"no-report", 0, SG_OPTION_FLAG, &no_report, NULL, "do not make report.html at the end"},
        {"profile", 0, SG_OPTION_TEXT, &train.profile, "FILE",
         "trace the first steps op by op (ui.perfetto.dev shows it)"},
        {"profile-steps", 0, SG_OPTION_INT, &train.profile_steps, "N", "how many of them", 1, SG_TRACE_STEPS_MAX},
        {"quiet", 'q', SG_OPTION_FLAG, &train.quiet, NULL, "no progress on the terminal"},
        {"verbose", 'v', SG_OPTION_FLAG, &train.verbose, NULL, "print what each pass of the plan decided"},
    };
    const sg_usage usage = {"train",
                            "CONFIG",
                            "Trains light, lens, camera and network together and fills a run folder.",
                            "scopegrad train experiments/first_steps/config.yaml -o runs/first",
                            options,
                            SG_COUNT(options),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (folder == NULL) SG_FAIL(SG_E_USAGE, "-o FOLDER is missing");
    if (dry_run && train.profile != NULL) SG_FAIL(SG_E_USAGE, "--profile: a dry run takes no steps to trace");
    sg_cmd_line(command, argc, argv);
    train.command = command;
    train.report = !no_report;
    SG_TRY(sg_ranks_open(&train.ranks)); /* before the config: what is wrong with it is said once */
    sg_status status = sg_cmd_config(&config, path, &sets);
    if (threads >= 0) config.train.threads = threads;
    if (status == SG_OK && !dry_run) status = sg_cmd_blame(sg_train(&config, folder, &train), path, &sets);
    if (status == SG_OK && !dry_run && !train.quiet && sg_ranks_lead(train.ranks)) status = show(folder, train.report);
    if (status == SG_OK && dry_run && sg_ranks_lead(train.ranks))
        status = sg_cmd_blame(sg_dry_run(&config, folder, train.resume, stdout, NULL), path, &sets);
    status = sg_ranks_agree(train.ranks, status);
    sg_ranks_close(train.ranks, "train");
    return status;
}
