/* test_tiff.c - TIFF of every depth and layout, stacks of ImageJ, OME-TIFF: read as tifffile wrote it, written as
 * tifffile reads it; and damaged ones, each of which gives one line that names it. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/csv.h"
#include "datasets/image.h"
#include "datasets/npy.h"
#include "datasets/tiff.h"
#include "place.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tiffio.h>

#include <cmocka.h>

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* ---- beside tifffile ---- */

/* Runs a script of tests/python on the folder; skips where a module is missing. */
static void run_python(const char *script)
{
    char command[700];
    const char *root = getenv("SG_TEST_SOURCE");
    (void)snprintf(command, sizeof command, "python3 '%s/tests/python/%s' '%s' >'%s/out' 2>&1", root ? root : ".",
                   script, place, place);
    const int status = system(command), code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (code == 77 || code == 127) {
        print_message("# python3 with tifffile and NumPy is not there\n");
        skip();
    }
    char *out = place_get("out");
    if (code != 0) fail_msg("tests/python/%s %s: exit %d: %s", script, place, code, out);
    sg_free(out);
}

static void check_pages(const char *name, const sg_image *got, const sg_image *want)
{
    if (got->pages != want->pages || got->height != want->height || got->width != want->width)
        fail_msg("%s: %d pages of %d x %d, not %d of %d x %d", name, got->pages, got->width, got->height, want->pages,
                 want->width, want->height);
    const size_t len = (size_t)got->pages * (size_t)got->height * (size_t)got->width;
    for (size_t i = 0; i < len; i++)
        if (!(got->data[i] == want->data[i]))
            fail_msg("%s: number %zu is %.9g, not %.9g", name, i, (double)got->data[i], (double)want->data[i]);
}

static void check_row(const sg_csv *table, int row)
{
    const char *name = sg_csv_text(table, row, 0);
    char path[128];
    double channel, y_um, x_um;
    sg_image got, want;
    must(sg_csv_number(&channel, table, row, 3));
    must(sg_csv_number(&y_um, table, row, 5));
    must(sg_csv_number(&x_um, table, row, 6));
    (void)snprintf(path, sizeof path, "%s.npy", name);
    must(sg_image_read(&want, place_path(path)));
    (void)snprintf(path, sizeof path, "%s.tif", name);
    must(sg_image_read_as(&got, place_path(path),
                          (sg_image_options){.axes = sg_csv_text(table, row, 1),
                                             .take = sg_csv_text(table, row, 2),
                                             .channel = (int)channel}));
    check_pages(name, &got, &want);
    if (strcmp(got.axes, sg_csv_text(table, row, 4)) != 0)
        fail_msg("%s: pages are '%s', not '%s'", name, got.axes, sg_csv_text(table, row, 4));
    if (!(fabs(got.pixel_um[0] - y_um) <= 1e-6 && fabs(got.pixel_um[1] - x_um) <= 1e-6))
        fail_msg("%s: pixels of %g x %g um, not %g x %g", name, got.pixel_um[0], got.pixel_um[1], y_um, x_um);
    sg_image_free(&got);
    sg_image_free(&want);
}

static void test_tifffile_writes(void **state)
{
    (void)state;
    sg_csv table;
    run_python("write_tiffs.py");
    must(sg_csv_read(&table, place_path("table.csv")));
    assert_true(table.rows > 70);
    for (int row = 0; row < table.rows; row++) check_row(&table, row);
    sg_csv_free(&table);
}

int main(void)
{
    (void)TIFFSetWarningHandler(NULL);
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
        TEST(test_tifffile_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
