/* main.c - `scopegrad COMMAND ...`: finds the command, runs it, turns its status into one line and an exit code. */
#include "pipeline/cli.h"
#include "pipeline/interrupt.h"
#include "pipeline/keys.h"
#include "pipeline/ranks.h"
#include "pipeline/threads_env.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef struct sg_command {
    const char *name, *line;
    sg_status (*run)(int argc, char **argv);
} sg_command;

#define SG_COMMAND_ROW(name, line) {#name, line, sg_cmd_##name},
static const sg_command commands[] = {SG_COMMANDS(SG_COMMAND_ROW)};
#undef SG_COMMAND_ROW
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

enum { EXIT_OK = 0, EXIT_RUN = 1, EXIT_USAGE = 2, EXIT_PARTIAL = 3 };

static void print_help(void)
{
    puts("Usage: scopegrad COMMAND [OPTIONS]\n\n"
         "A microscope you can take the gradient of, with the network that reads its pictures.\n\n"
         "Commands:");
    for (int i = 0; i < COMMAND_COUNT; i++) printf("  %-12s %s\n", commands[i].name, commands[i].line);
    puts("\nscopegrad COMMAND --help shows the options of a command and a line to copy.\n"
         "scopegrad --version prints the version.\n\n"
         "Exit codes: 0 ok, 1 error while running, 2 wrong usage or configuration, 3 some runs failed.");
}

static int exit_code(sg_status status)
{
    switch (status) {
    case SG_OK: return EXIT_OK;
    case SG_E_USAGE:
    case SG_E_CONFIG:
    case SG_E_RANGE: return EXIT_USAGE;
    case SG_E_PARTIAL: return EXIT_PARTIAL;
    default: return EXIT_RUN;
    }
}

/* What was printed must have arrived: a full disk behind `> file` is an error. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    perror("scopegrad: cannot write to standard output");
    return code ? code : EXIT_RUN;
}

static int unknown_command(const char *name)
{
    const char *near = NULL;
    int best = 3;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        const int distance = sg_edit_distance(name, commands[i].name);
        if (distance < best) best = distance, near = commands[i].name;
    }
    if (near)
        fprintf(stderr, "scopegrad: unknown command '%.60s'; did you mean %s?\n", name, near);
    else
        fprintf(stderr, "scopegrad: unknown command '%.60s'; see scopegrad --help\n", name);
    return EXIT_USAGE;
}

/* Help and reports need no threads: they start once, and fast. */
static bool computes(int argc, char **argv)
{
    if (!strcmp(argv[1], "report") || !strcmp(argv[1], "info") || !strcmp(argv[1], "status")) return false;
    for (int i = 2; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return false;
    return true;
}

/* Many processes that do the same, and write over each other? */
static bool launched_in_vain(const sg_command *command)
{
    const int launched = sg_ranks_launched();
    if (launched == 1 || !strcmp(command->name, "train") || !strcmp(command->name, "sweep")) return false;
    fprintf(stderr, "scopegrad %s: a launcher started %d of these; only train and sweep share their work\n",
            command->name, launched);
    return true;
}

static int run_command(const sg_command *command, int argc, char **argv)
{
    sg_interrupt_install();
    const sg_status status = command->run(argc, argv);
    if (status != SG_OK) {
        (void)fflush(stdout);
        if (sg_error_text()[0] != 0) fprintf(stderr, "scopegrad %s: %s\n", command->name, sg_error_text());
    }
    return finish(exit_code(status));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("scopegrad: no command given; see scopegrad --help\n", stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help();
        return finish(EXIT_OK);
    }
    if (!strcmp(argv[1], "--version")) {
        puts("scopegrad " SG_VERSION);
        return finish(EXIT_OK);
    }
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(argv[1], commands[i].name)) {
            if (computes(argc, argv)) {
                if (launched_in_vain(&commands[i])) return EXIT_USAGE;
                sg_threads_env_apply(argv);
            }
            return run_command(&commands[i], argc - 1, argv + 1);
        }
    return unknown_command(argv[1]);
}
