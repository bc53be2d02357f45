/* test_documents.c - what the documents promise: examples run, the manual page and the completion know every command,
 * option and key, and every command of the tutorial works on a folder made for it. */
#include "core/memory.h"
#include "place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A line of shell in the test's folder must end with 0; what it prints. Free with sg_free. $SG is the program, $BUILD
 * its folder, $SOURCE the repository. */
static char *shell(const char *line)
{
    char all[2048];
    (void)snprintf(all, sizeof all,
                   "{ BUILD=$(dirname \"$SG\"); SOURCE=$SG_TEST_SOURCE; PATH=$BUILD:$PATH; %s; } >out 2>err", line);
    if (place_shell(all) != 0) fail_msg("%s: %s", line, place_get("err"));
    return place_get("out");
}

static void expect(const char *line, const char *word)
{
    char *text = shell(line);
    if (!strstr(text, word)) fail_msg("%s: no '%s' in:\n%s", line, word, text);
    sg_free(text);
}

static double number_after(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    if (!at) fail_msg("no '%s' in:\n%s", word, text);
    return at ? strtod(at + strlen(word), NULL) : 0;
}

/* ---- examples ---- */

static void test_examples(void **state)
{
    (void)state;
    expect("led_image", "mean square of the picture");
    char *text = shell("learn_light");
    const double first = number_after(text, "step 10  loss "), last = number_after(text, "step 40  loss ");
    if (!(last < .8 * first)) fail_msg("learn_light: loss %g after 10 steps, %g after 40", first, last);
    sg_free(text);
}

/* ---- completion ---- */

/* The answers to `words` (as readline splits them), the last of which is being typed. */
#define COMPLETE(words)                                                                                                \
    "bash -c '. $0/docs/shell/scopegrad.bash; COMP_WORDS=(" words "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "         \
    "COMP_WORDBREAKS=\" =\"; _scopegrad; printf \"<%s>\\n\" \"${COMPREPLY[@]}\"' \"$SOURCE\""

static void test_completion(void **state)
{
    (void)state;
    if (place_shell("bash --version >/dev/null 2>&1") != 0) {
        print_message("skipped: bash is not here\n");
        skip();
    }
    expect(COMPLETE("scopegrad tra"), "<train>");
    expect(COMPLETE("scopegrad train --thr"), "<--threads>");
    expect(COMPLETE("scopegrad train --set camera.bit_d"), "<camera.bit_depth=>");
    expect(COMPLETE("scopegrad train --set camera.adc = th"), "<thresholds>");
    expect(COMPLETE("scopegrad train --set nn.recompute = "), "<true>");
}

/* ---- manual page ---- */

static void test_man_page(void **state)
{
    (void)state;
    expect("\"$SG\" --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' | while read c; do "
           "grep -q \"^.SS scopegrad $c\\$\" \"$BUILD/scopegrad.1\" || echo \"no $c\"; done; echo looked",
           "looked");
    char *missing = place_get("out");
    assert_null(strstr(missing, "no "));
    sg_free(missing);
    expect("cat \"$BUILD/scopegrad.1\"", "dry\\-run");
}

/* ---- tutorial ---- */

/* The text between the fences of the next block of this language, or NULL; *at moves behind it. Free with free(). */
static char *next_block(const char **at, const char *language)
{
    char fence[16];
    (void)snprintf(fence, sizeof fence, "```%s\n", language);
    const char *begin = strstr(*at, fence);
    if (!begin) return NULL;
    begin += strlen(fence);
    const char *end = strstr(begin, "```");
    *at = end + 3;
    return strndup(begin, (size_t)(end - begin));
}

/* cells.yaml is the first block of YAML; light.yaml is that and the second. */
static void write_configs(const char *text)
{
    char *cells = next_block(&text, "yaml"), *sweep = next_block(&text, "yaml");
    assert_non_null(cells);
    assert_non_null(sweep);
    char *light = malloc(strlen(cells) + strlen(sweep) + 1);
    assert_non_null(light);
    (void)sprintf(light, "%s%s", cells, sweep);
    place_put_text("cells.yaml", cells);
    place_put_text("light.yaml", light);
    free(cells);
    free(sweep);
    free(light);
}

static void test_tutorial(void **state)
{
    (void)state;
    char *text = shell("cat \"$SOURCE/docs/tutorial.md\""), script[8192] = "set -e\n";
    int blocks = 0;
    write_configs(text);
    const char *at = text;
    for (char *block; (block = next_block(&at, "sh")) != NULL; free(block), blocks++)
        (void)strncat(script, block, sizeof script - strlen(script) - 1);
    assert_true(blocks >= 6);
    place_put_text("tutorial.sh", script);
    sg_free(text);
    sg_free(shell("sh -x tutorial.sh"));
    expect("ls runs/first runs/light", "report.html");
    expect("cat pattern/pattern.csv", ",");
    expect("\"$SG\" status runs/light", "18 runs: 18 done");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_man_page),
        cmocka_unit_test(test_tutorial),
    };
    return cmocka_run_group_tests_name("documents", tests, place_make, place_remove);
}
