/* cmd_collect.c - scopegrad collect DIR...: all results of a sweep in one file. */
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/collect.h"
#include "pipeline/config.h"
#include "pipeline/run_folder.h"
#include "pipeline/sweep_index.h"

enum { FOLDERS_MAX = 256 };

static void print_count(const sg_collect_count *n, const char *output)
{
    const int written = n->finished - n->unreadable;
    printf("%s: %d of %d runs", output, written, n->runs);
    if (n->fresh) printf(", up to date");
    if (!n->fresh && n->kept > 0) printf(", %d of them new", written - n->kept);
    if (n->finished < n->runs) printf(", %d not finished", n->runs - n->finished);
    putchar('\n');
}

sg_status sg_cmd_collect(int argc, char **argv)
{
    const char *folders[FOLDERS_MAX] = {NULL}, *output = NULL;
    char own[SG_PATH_MAX];
    int count = 0;
    bool done = false;
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &output, "FILE", "where it goes; of one folder: all.h5 in it"},
    };
    const sg_usage usage = {
        .command = "collect",
        .positionals = "DIR...",
        .about = "Merges the finished runs of a sweep folder into one HDF5 file: a table of all scalars, one row a\n"
                 "run, and each run's results. May run while the sweep does; what is already there and\n"
                 "unchanged is not read again. Several folders: parts of one sweep, or different sweeps.",
        .example = "scopegrad collect runs/bits -o bits.h5",
        .options = options,
        .option_count = SG_COUNT(options),
        .least = 1,
        .most = FOLDERS_MAX};
    SG_TRY(sg_args_parse(&usage, argc, argv, folders, &count, &done));
    if (done) return SG_OK;
    if (output == NULL && count > 1) SG_FAIL(SG_E_USAGE, "-o FILE is needed for %d folders", count);
    if (output == NULL) {
        SG_TRY(sg_run_path(own, folders[0], "all.h5"));
        output = own;
    }
    for (int i = 0; i < count; i++)
        if (!sg_sweep_is(folders[i])) SG_FAIL(SG_E_USAGE, "%s: not a sweep folder (it has no runs.csv)", folders[i]);
    sg_collect_count n = {0};
    const sg_status status = sg_collect(&n, folders, count, output, stderr);
    if (status == SG_OK || status == SG_E_PARTIAL) print_count(&n, output);
    return status;
}
