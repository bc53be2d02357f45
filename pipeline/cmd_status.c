/* cmd_status.c - scopegrad status DIR */
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/sweep_status.h"

sg_status sg_cmd_status(int argc, char **argv)
{
    const char *folder = NULL;
    bool json = false, all = false, done = false;
    const sg_option options[] = {
        {"all", 'a', SG_OPTION_FLAG, &all, NULL, "list the waiting and the done runs, too"},
        {"json", 0, SG_OPTION_FLAG, &json, NULL, "one JSON object with every run"},
    };
    const sg_usage usage = {"status",
                            "FOLDER",
                            "Shows what has become of the runs of a sweep, on whatever machines they run: which are "
                            "running and how far, which have failed and why, and how long the rest will take.",
                            "scopegrad status runs/doses",
                            options,
                            SG_COUNT(options),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &folder, NULL, &done));
    if (done) return SG_OK;
    return json ? sg_sweep_status_json(folder, stdout) : sg_sweep_status_print(folder, all, stdout);
}
