/* place.c - see place.h. */
#include "place.h"

#include "core/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

char place[256];

int place_make(void **state)
{
    const char *parent = getenv("TMPDIR");
    (void)state;
    (void)snprintf(place, sizeof place, "%s/scopegrad-test-XXXXXX", parent ? parent : "/tmp");
    if (mkdtemp(place)) return 0;
    place[0] = 0;
    return -1;
}

int place_remove(void **state)
{
    char command[512];
    (void)state;
    if (!place[0]) return 0;
    if (getenv("SG_TEST_KEEP")) {
        print_message("# %s stays\n", place);
        return 0;
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place);
    place[0] = 0;
    return system(command);
}

const char *place_path(const char *name)
{
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", place, name);
    return path[turn];
}

void place_put(const char *name, const void *data, size_t size)
{
    if (sg_file_write(place_path(name), data, size) != SG_OK) fail_msg("%s", sg_error_text());
}

void place_put_text(const char *name, const char *text)
{
    place_put(name, text, strlen(text));
}

char *place_get(const char *name)
{
    void *data;
    size_t size;
    if (sg_file_read(&data, &size, place_path(name), 0) != SG_OK) fail_msg("%s", sg_error_text());
    return data;
}

int place_shell(const char *line)
{
    char command[4096];
    const char *program = getenv("SG_TEST_COMMAND");
    if (!place[0] || !program) fail_msg("%s", program ? "there is no folder" : "SG_TEST_COMMAND is not set");
    const int length = snprintf(command, sizeof command, "cd '%s' || exit 127; SG='%s'; %s", place, program, line);
    if (length < 0 || (size_t)length >= sizeof command) fail_msg("the line is too long: %s", line);
    const int status = system(command);
    if (!WIFEXITED(status)) fail_msg("ended by a signal: %s", line);
    return WEXITSTATUS(status);
}

int place_run(const char *arguments)
{
    char line[3072];
    (void)snprintf(line, sizeof line, "\"$SG\" %s >out 2>err", arguments);
    return place_shell(line);
}
