/* cli.h - the commands of `scopegrad`. A command is one file cmd_<name>.c with one function
 *     sg_status sg_cmd_<name>(int argc, char **argv);          argv[0] is the command's name
 * and one line in SG_COMMANDS. It describes its options in a table (args.h), lets sg_args_parse read the command line
 * (which also answers --help), and returns a status: main() prints "scopegrad <name>: <error text>" and turns the
 * status into the exit code, 0 ok, 2 for usage, config and ranges, 1 for the rest. */
#ifndef SG_PIPELINE_CLI_H
#define SG_PIPELINE_CLI_H

#include "core/status.h"

/* X(name, one line for the list of commands), in the order in which `scopegrad --help` lists them. */
#define SG_COMMANDS(X)                                                                                                 \
    X(report, "one HTML page about a run or an experiment")                                                            \
    X(info, "version, operations, config keys and libraries")

#define SG_COMMAND_DECLARE(name, line) sg_status sg_cmd_##name(int argc, char **argv);
SG_COMMANDS(SG_COMMAND_DECLARE)
#undef SG_COMMAND_DECLARE

#endif
