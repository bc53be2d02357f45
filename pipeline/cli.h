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
    X(demo, "runs a sweep and shows it; without a file: the main job, short")                                          \
    X(train, "trains light, lens, camera and network together")                                                        \
    X(sweep, "trains many runs: a grid of keys, arms and seeds, on one machine or a cluster")                          \
    X(status, "what has become of the runs of a sweep")                                                                \
    X(evaluate, "scores a trained run")                                                                                \
    X(predict, "runs a trained network on pictures: TIFF, or a table")                                                 \
    X(simulate, "sends a picture through the microscope, every stage to HDF5")                                         \
    X(export, "the light as CSV, JSON, controller levels and a picture")                                               \
    X(capture, "simulates a stack of an LED array, one TIFF an LED, to train on as on one's own")                      \
    X(calibrate, "finds numbers of the hardware from measurements: camera, leds")                                      \
    X(gallery, "one HTML page of the whole physical layer, simulated")                                                 \
    X(reconstruct, "amplitude and phase of a sample from pictures under single LEDs")                                  \
    X(collect, "the results of a sweep in one HDF5 file")                                                              \
    X(report, "one HTML page of a run or a sweep")                                                                     \
    X(info, "version, operations, config keys and libraries")                                                          \
    X(bench, "time of a training step, op by op")

#define SG_COMMAND_DECLARE(name, line) sg_status sg_cmd_##name(int argc, char **argv);
SG_COMMANDS(SG_COMMAND_DECLARE)
#undef SG_COMMAND_DECLARE

#endif
