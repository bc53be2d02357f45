/* cmd_demo.c - scopegrad demo [SWEEP.yaml] -o FOLDER: a sweep and its report. */
#include "core/data_path.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/report.h"
#include "pipeline/run_folder.h"
#include "pipeline/sweep_run.h"

#include <stdio.h>

static sg_status run_and_report(const sg_sweep *sweep, const char *folder, const sg_sweep_options *options)
{
    char page[SG_PATH_MAX];
    SG_TRY(sg_run_path(page, folder, "report.html"));
    const sg_status status = sg_sweep_run(sweep, folder, options);
    if (status != SG_OK && status != SG_E_PARTIAL) return status;
    char failure[512];
    (void)snprintf(failure, sizeof failure, "%s", sg_error_text());
    const sg_status report = sg_report_make(folder, page);
    if (report == SG_OK) {
        SG_TRY(sg_report_print(folder, stdout));
        printf("report: %s\n", page);
    }
    return status == SG_OK ? report : sg_error_set(status, "%s", failure); /* without any good run there is no page */
}

sg_status sg_cmd_demo(int argc, char **argv)
{
    const char *path = NULL, *folder = "runs/demo";
    char found[SG_PATH_MAX];
    bool done = false;
    sg_option_list sets = {0};
    sg_sweep *sweep = NULL;
    sg_sweep_options run = {0};
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &folder, "FOLDER", "where the runs and the report go"},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config that all runs start from"},
        {"jobs", 'j', SG_OPTION_INT, &run.jobs, "N", "runs at a time; 0: one a core", 0, 1024},
        {"quiet", 'q', SG_OPTION_FLAG, &run.quiet, NULL, "no progress on the terminal"},
    };
    const sg_usage usage = {
        "demo",
        "[SWEEP]",
        "Trains every run of a sweep, then makes its report. Without a file: learned illumination on real "
        "nuclei, short. The same command goes on where it was stopped.",
        "scopegrad demo -o runs/demo",
        options,
        SG_COUNT(options),
        0,
        1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (path == NULL) {
        SG_TRY(sg_data_find(found, sizeof found, "experiments/learned_illumination/demo.yaml"));
        path = found;
    }
    sg_status status = sg_sweep_read(&sweep, path, sets.item, sets.count);
    if (status == SG_OK) status = run_and_report(sweep, folder, &run);
    sg_sweep_free(sweep);
    return status;
}
