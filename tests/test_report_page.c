/* test_report_page.c - report.html in a real browser (Chromium without a window; skipped where there is none): no
 * complaint on its console, nothing wider than the window, every chart has a size, the table sorts, light and dark. A
 * script at the end of a copy of the page looks and leaves what it found in an attribute of <html>. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"
#include "made_sweep.h"
#include "pipeline/report.h"
#include "pipeline/text.h"
#include "place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != SG_OK) fail_msg("%s", sg_error_text());                                                          \
    } while (0)

static const char browser[] = "$(command -v chromium || command -v chromium-browser || command -v google-chrome)";

static const char probe[] =
    "<script>\n"
    "document.querySelectorAll('details').forEach(d => d.open = true);\n"
    "const found = [];\n"
    "const say = (what, value) => found.push(what + '=' + value);\n"
    "const wide = [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll,.chain,.whole') &&\n"
    "    e.getBoundingClientRect().right > innerWidth + 1);\n"
    "say('overflow', Math.max(0, document.documentElement.scrollWidth - innerWidth) + wide.length);\n"
    "const boxes = [...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect());\n"
    "say('charts', boxes.length);\n"
    "say('flat', boxes.filter(b => b.width < 60 || b.height < 60).length);\n"
    "say('hover', document.querySelectorAll('svg title').length > 50);\n"
    "say('broken', [...document.images].filter(i => !i.naturalWidth).length);\n"
    "const table = document.querySelector('#numbers ~ .card table'), column = 4;\n"
    "const values = () => [...table.tBodies[0].rows].map(r => parseFloat(r.cells[column].dataset.v));\n"
    "const rises = v => v.every((x, i) => i === 0 || x >= v[i - 1]);\n"
    "say('rows', values().length);\n"
    "say('before', rises(values()));\n"
    "table.tHead.rows[0].cells[column].click();\n"
    "say('up', rises(values()));\n"
    "table.tHead.rows[0].cells[column].click();\n"
    "say('down', rises(values().reverse()));\n"
    "say('page', getComputedStyle(document.body).backgroundColor.replace(/ /g, ''));\n"
    "document.documentElement.dataset.found = found.join(';');\n"
    "</script>";

static bool have_browser(void)
{
    return place_shell("(command -v chromium || command -v chromium-browser || command -v google-chrome) > found") == 0;
}

/* The page with the probe at its end. */
static void page_make(const char *name, const char *script)
{
    sg_text copy = {0};
    char *page = place_get("bits/report.html"), *end = strstr(page, "</body>");
    assert_non_null(end);
    sg_text_bytes(&copy, page, (size_t)(end - page));
    sg_text_add(&copy, "%s%s", script, end);
    OK(copy.status);
    place_put(name, copy.data, copy.len);
    sg_text_free(&copy);
    sg_free(page);
}

/* Loads a page of this width; the files dom and console hold what came of it. */
static void load(const char *name, int width, const char *options)
{
    char line[700];
    (void)snprintf(line, sizeof line,
                   "timeout 120 %s --headless --no-sandbox --disable-gpu --disable-dev-shm-usage "
                   "--user-data-dir=profile --window-size=%d,900 --virtual-time-budget=3000 --enable-logging=stderr "
                   "--v=0 %s --dump-dom \"file://$PWD/%s\" > dom 2> console",
                   browser, width, options, name);
    if (place_shell(line) != 0) {
        char *console = place_get("console");
        fail_msg("the browser failed: %.400s", console);
    }
}

static int complaints(void)
{
    char *console = place_get("console");
    int n = 0;
    for (const char *at = console; (at = strstr(at, "CONSOLE")) != NULL; at++) n++;
    sg_free(console);
    return n;
}

static void expect(const char *what)
{
    char *dom = place_get("dom");
    const char *found = strstr(dom, "data-found=\"");
    if (!found || !strstr(found, what)) fail_msg("%s: not in %.300s", what, found ? found : "(the script did not run)");
    sg_free(dom);
}

static int page_put(void **state)
{
    const int status = place_make(state);
    if (status != 0 || !have_browser()) return status;
    made_bits(place_path("bits"));
    OK(sg_report_make(place_path("bits"), NULL));
    page_make("probed.html", probe);
    page_make("wrong.html", "<script>no_such_function()</script>");
    return 0;
}

static void skip_without_browser(void)
{
    if (have_browser()) return;
    print_message("skipped: no chromium here\n");
    skip();
}

static void renders_at(int width)
{
    skip_without_browser();
    load("probed.html", width, "");
    assert_int_equal(complaints(), 0);
    expect("overflow=0;");
    expect("flat=0;hover=true;broken=0;");
    expect("rows=36;before=false;up=true;down=true;");
    expect("page=rgb(245,246,248)");
}

static void renders_wide(void **state)
{
    (void)state;
    renders_at(1280);
}

static void renders_narrow(void **state)
{
    (void)state;
    renders_at(500);
}

static void renders_dark(void **state)
{
    (void)state;
    skip_without_browser();
    load("probed.html", 1280, "--blink-settings=preferredColorScheme=0");
    assert_int_equal(complaints(), 0);
    expect("page=rgb(15,19,24)");
}

/* A wrong script does complain: the silence above says something. */
static void complaints_are_seen(void **state)
{
    (void)state;
    skip_without_browser();
    load("wrong.html", 1280, "");
    assert_true(complaints() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_wide),
        cmocka_unit_test(renders_narrow),
        cmocka_unit_test(renders_dark),
        cmocka_unit_test(complaints_are_seen),
    };
    return cmocka_run_group_tests(tests, page_put, place_remove);
}
