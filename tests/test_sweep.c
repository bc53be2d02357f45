/* test_sweep.c - sweeps: the index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "place.h"

#include "core/memory.h"
#include "pipeline/sweep_index.h"

#include <string.h>

static void must(sg_status status)
{
    if (status != SG_OK) fail_msg("%s", sg_error_text());
}

/* ---- the index ---- */

static void an_index_is_read(void **state)
{
    sg_sweep_index index;
    int *runs, count;
    (void)state;
    assert_false(sg_sweep_is(place));
    place_put_text("sweep.yaml", "camera: {qe: 1}\nsweep:\n  title: Which?\n  reference: b\n# --set camera.qe=.5\n");
    place_put_text("runs.csv", "id,arm,camera.qe,sample.size_px,seed\n"
                               "00000000000000aa,a,\"[1, \"\"2\"\"]\",32,1\n"
                               "00000000000000ab,b,,64,18446744073709551615\n"
                               "00000000000000aa,b,1,64,3\n");
    assert_true(sg_sweep_is(place));
    must(sg_sweep_index_read(&index, place));
    assert_string_equal(index.title, "Which?");
    assert_string_equal(index.reference, "b");
    assert_int_equal(index.key_count, 2);
    assert_string_equal(index.keys[1], "sample.size_px");
    assert_int_equal(index.row_count, 3);
    assert_string_equal(index.rows[0].value[0], "[1, \"2\"]");
    assert_string_equal(index.rows[1].value[0], "");
    assert_string_equal(index.rows[2].value[1], "64");
    assert_string_equal(index.rows[1].arm, "b");
    assert_true(index.rows[1].seed == UINT64_MAX);
    must(sg_sweep_index_runs(&runs, &count, &index));
    assert_int_equal(count, 2);
    assert_int_equal(runs[0] * 10 + runs[1], 1);
    sg_free(runs);
    sg_sweep_index_free(&index);
}

static void a_damaged_index_is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"", "there is no row"},
        {"id,arm,seed\n", "there is no row"},
        {"id,arm,seeds\n1,a,1\n", "the header is not id,arm,...,seed"},
        {"id,arm,seed\n00000000000000a,a,1\n", "the id is not 16"},
        {"id,arm,seed\n../../../../../../,a,1\n", "the id is not 16"},
        {"id,arm,seed\n00000000000000aa,a\n", "as many fields"},
        {"id,arm,seed\n00000000000000aa,a,1,2\n", "as many fields"},
        {"id,arm,seed\n00000000000000aa,a,1", "there is no row"},
        {"id,arm,seed\n00000000000000aa,a,1\n00000000000000aa,a,\"1", "a row is cut off"},
        {"id,arm,seed\n00000000000000aa,a,x\n", "the seed is not"},
        {"id,arm,seed\n00000000000000aa,a,18446744073709551616\n", "the seed is not"},
        {"id,arm,seed\n00000000000000aa,,1\n", "no usable name"},
    };
    (void)state;
    place_put_text("sweep.yaml", "sweep: {}\n");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sg_sweep_index index;
        place_put_text("runs.csv", bad[i][0]);
        assert_int_equal(sg_sweep_index_read(&index, place), SG_E_FORMAT);
        if (!strstr(sg_error_text(), bad[i][1])) fail_msg("%zu: %s", i, sg_error_text());
        sg_sweep_index_free(&index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_read),
        cmocka_unit_test(a_damaged_index_is_refused),
    };
    return cmocka_run_group_tests(tests, place_make, place_remove);
}
