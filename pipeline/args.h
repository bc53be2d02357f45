/* args.h - reading a command line by a table of options.
 *     const char *out = "runs/demo";  int threads = 0;  bool resume = false;  const char *config;
 *     const sg_option options[] = {
 *         {"output", 'o', SG_OPTION_TEXT, &out, "FOLDER", "where the run goes"},
 *         {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
 *         {"resume", 0, SG_OPTION_FLAG, &resume, NULL, "go on from last.ckpt"},
 *     };
 *     const sg_usage usage = {"train", "CONFIG", "Trains ...", "scopegrad train experiments/x/config.yaml -o runs/x",
 *                             options, SG_COUNT(options), 1, 1};
 *     bool done;
 *     SG_TRY(sg_args_parse(&usage, argc, argv, &config, NULL, &done));
 *     if (done) return SG_OK;                                  (--help was answered)
 * `--name value`, `--name=value`, `-n value`, `-nvalue`; `--` ends the options. What the variables hold beforehand is
 * the default that --help shows. */
#ifndef SG_PIPELINE_ARGS_H
#define SG_PIPELINE_ARGS_H

#include "core/status.h"

#include <stdbool.h>

#define SG_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

typedef enum sg_option_type {
    SG_OPTION_FLAG, /* bool *, set to true */
    SG_OPTION_TEXT, /* const char **, points into argv; must not be empty */
    SG_OPTION_INT,  /* int *, lo..hi */
    SG_OPTION_REAL, /* double *, lo..hi */
    SG_OPTION_LIST, /* sg_option_list *: may be given several times (--set) */
} sg_option_type;

enum { SG_OPTION_LIST_MAX = 64 };
typedef struct sg_option_list {
    const char *item[SG_OPTION_LIST_MAX];
    int count;
} sg_option_list;

typedef struct sg_option {
    const char *name; /* without -- */
    char letter;      /* 0: none */
    sg_option_type type;
    void *out;
    const char *value_name; /* "FILE"; NULL for flags */
    const char *help;
    double lo, hi; /* numbers only */
} sg_option;

typedef struct sg_usage {
    const char *command;     /* "train" */
    const char *positionals; /* "CONFIG IMAGE..." */
    const char *about;       /* one short paragraph */
    const char *example;     /* a line to copy */
    const sg_option *options;
    int option_count;
    int least, most; /* positional arguments */
} sg_usage;

/* Fills positional[0 .. most-1] (NULL where absent; pointers into argv) and *count (may be NULL). *done: --help was
 * asked for and printed to stdout. SG_E_USAGE: unknown option (with the nearest name), missing or bad value, wrong
 * number of arguments. */
sg_status sg_args_parse(const sg_usage *usage, int argc, char **argv, const char **positional, int *count, bool *done);

/* A mistyped -o must not destroy a file of another kind: SG_E_USAGE if a regular file stands at `path` and its name does
 * not end with `ending` (".html"). NULL is fine. */
sg_status sg_args_output(const char *path, const char *ending);

#endif
