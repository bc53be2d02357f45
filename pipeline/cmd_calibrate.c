/* cmd_calibrate.c - scopegrad calibrate WHAT ...: hands over to the function of calibrate.h. */
#include "pipeline/args.h"
#include "pipeline/calibrate.h"
#include "pipeline/cli.h"

#include <string.h>

static const struct {
    const char *name;
    sg_status (*run)(int argc, char **argv);
} calibrations[] = {
#define ROW(name, line) {#name, sg_calibrate_##name},
    SG_CALIBRATIONS(ROW)
#undef ROW
};

#define LINE(name, line) " " #name ": " line ";"
sg_status sg_cmd_calibrate(int argc, char **argv)
{
    const sg_usage usage = {.command = "calibrate",
                            .positionals = "WHAT ...",
                            .about = "Finds numbers of the hardware from measurements. WHAT is one of" SG_CALIBRATIONS(
                                LINE) " each has a --help of its own.",
                            .example = "scopegrad calibrate camera --help",
                            .least = 1,
                            .most = 1};
    const char *what = NULL;
    bool done = false;
    for (int i = 0; argc > 1 && i < SG_COUNT(calibrations); i++)
        if (!strcmp(argv[1], calibrations[i].name)) return calibrations[i].run(argc - 1, argv + 1);
    SG_TRY(sg_args_parse(&usage, argc, argv, &what, NULL, &done));
    if (done) return SG_OK;
    SG_FAIL(SG_E_USAGE, "'%.40s' cannot be calibrated; scopegrad calibrate --help lists what can", what);
}
