/* place.h - the temporary folder of a test program, and the program under test run inside it. */
#ifndef SG_TESTS_PLACE_H
#define SG_TESTS_PLACE_H

#include <stddef.h>

extern char place[256]; /* the folder; empty while there is none */

/* cmocka's group set-up: a new folder below $TMPDIR, or /tmp. Not 0: none could be made. */
int place_make(void **state);
/* cmocka's group tear-down: the folder and all in it are gone (SG_TEST_KEEP set: they stay, and are named). Nothing
 * else is touched, whatever failed before. */
int place_remove(void **state);

/* The path of `name` in the folder; valid for the next seven calls. */
const char *place_path(const char *name);
/* Writes a file there; an error fails the test. */
void place_put(const char *name, const void *data, size_t size);
void place_put_text(const char *name, const char *text);
/* Its bytes as a C string (sg_free); an error fails the test. */
char *place_get(const char *name);

/* Runs a line of shell in the folder, $SG being the program under test (SG_TEST_COMMAND); its exit code. */
int place_shell(const char *line);
/* Runs `scopegrad <arguments>` in the folder, its output in the files out and err; its exit code. */
int place_run(const char *arguments);

#endif
