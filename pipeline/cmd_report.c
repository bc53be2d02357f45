/* cmd_report.c - `scopegrad report FOLDER`: the HTML page of a run or a sweep. */
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/report.h"

#include <stdio.h>

sg_status sg_cmd_report(int argc, char **argv)
{
    const char *out = NULL, *folder;
    const sg_option options[] = {
        {"output", 'o', SG_OPTION_TEXT, &out, "FILE", "the page; report.html in the folder if left out", 0, 0},
    };
    const sg_usage usage = {
        "report",
        "FOLDER",
        "Writes one self-contained HTML page about a run folder or a sweep folder, its figures as SVG and PNG "
        "into FOLDER/figures, and for a sweep summary.csv.",
        "scopegrad report runs/demo -o demo.html",
        options,
        SG_COUNT(options),
        1,
        1};
    bool done;
    SG_TRY(sg_args_parse(&usage, argc, argv, &folder, NULL, &done));
    if (done) return SG_OK;
    SG_TRY(sg_args_output(out, ".html"));
    SG_TRY(sg_report_make(folder, out));
    SG_TRY(sg_report_print(folder, stdout));
    if (out)
        printf("report: %s\n", out);
    else
        printf("report: %s/report.html\n", folder);
    return SG_OK;
}
