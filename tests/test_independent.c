/* test_independent.c - programs of others beside ours, where they are installed: tests/independent/. A test is skipped,
 * with the reason printed, where the other program is not. $SG_TEST_PYTHON: the Python to use, python3 if not set. */
#include "check.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>

enum { ABSENT = 77 };

static void run_script(const char *name)
{
    char line[1024];
    (void)snprintf(line, sizeof line,
                   "\"${SG_TEST_PYTHON:-python3}\" \"$SG_TEST_SOURCE/tests/independent/%s\" \"$SG\" > table 2> errors",
                   name);
    const int code = place_shell(line);
    char *table = place_get("table"), *errors = place_get("errors");
    print_message("# %s:\n%s", name, table);
    if (code != ABSENT && code != 0) fail_msg("%s: exit code %d: %.500s", name, code, errors);
    free(table);
    free(errors);
    if (code == ABSENT) skip();
}

static void test_chromatix(void **state)
{
    (void)state;
    run_script("compare_chromatix.py");
}

static void test_poppy(void **state)
{
    (void)state;
    run_script("psf_poppy.py");
}

static void test_scipy(void **state)
{
    (void)state;
    run_script("noise_scipy.py");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chromatix), cmocka_unit_test(test_poppy),
                                       cmocka_unit_test(test_scipy)};
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
