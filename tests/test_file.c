/* test_file.c - files are written whole or not at all; errors name the path and the reason. */
#include "core/file.h"
#include "core/memory.h"
#include "place.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int count_files(void)
{
    int count = 0;
    DIR *dir = opendir(place);
    assert_non_null(dir);
    while (readdir(dir)) count++;
    (void)closedir(dir);
    return count - 2;
}

static void check_content(const char *path, const char *text)
{
    void *data;
    size_t size;
    assert_int_equal(sg_file_read(&data, &size, path, 0), SG_OK);
    assert_int_equal(size, strlen(text));
    assert_string_equal(data, text);
    sg_free(data);
}

static void test_round_trip(void **state)
{
    (void)state;
    const char *path = place_path("a.txt");
    assert_int_equal(sg_file_write(path, "first", 5), SG_OK);
    check_content(path, "first");
    assert_int_equal(sg_file_write(path, "the second", 10), SG_OK);
    check_content(path, "the second");
    assert_int_equal(sg_file_write(path, NULL, 0), SG_OK);
    check_content(path, "");
    assert_int_equal(count_files(), 1);
}

static void test_keeps_mode_and_link(void **state)
{
    (void)state;
    struct stat info;
    const char *path = place_path("a.txt"), *alias = place_path("alias.txt");
    assert_int_equal(sg_file_write(path, "x", 1), SG_OK);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(symlink("a.txt", alias), 0);
    assert_int_equal(sg_file_write(alias, "through the link", 16), SG_OK);
    check_content(path, "through the link");
    assert_int_equal(lstat(alias, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void test_large(void **state)
{
    (void)state;
    enum { SIZE = 3000001 };
    char *data = malloc(SIZE);
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) data[i] = (char)(i * 7 % 251);
    assert_int_equal(sg_file_write(place_path("large"), data, SIZE), SG_OK);
    void *back;
    size_t size;
    assert_int_equal(sg_file_read(&back, &size, place_path("large"), SIZE), SG_OK);
    assert_int_equal(size, SIZE);
    assert_memory_equal(back, data, SIZE);
    sg_free(back);
    assert_int_equal(sg_file_read(&back, &size, place_path("large"), SIZE - 1), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "3000000"));
    assert_null(back);
    free(data);
}

/* The file size limit stands in for a full disk: the write fails half-way. */
static void test_full_disk(void **state)
{
    (void)state;
    struct rlimit old, small;
    const char *path = place_path("results.h5");
    char data[5000] = {0};
    assert_int_equal(sg_file_write(path, "older result", 12), SG_OK);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const sg_status status = sg_file_write(path, data, sizeof data);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, SG_E_IO);
    assert_non_null(strstr(sg_error_text(), path));
    check_content(path, "older result");
    assert_int_equal(count_files(), 1);
}

static void test_device(void **state)
{
    (void)state;
    assert_int_equal(sg_file_write("/dev/null", "x", 1), SG_OK);
    if (!sg_file_exists("/dev/full")) skip();
    assert_int_equal(sg_file_write("/dev/full", "x", 1), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "/dev/full"));
    assert_non_null(strstr(sg_error_text(), "No space left"));
}

static void expect_write_error(const char *path, const char *reason)
{
    assert_int_equal(sg_file_write(path, "x", 1), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), reason));
}

static void test_bad_targets(void **state)
{
    (void)state;
    assert_int_equal(sg_file_write(place_path("plain"), "x", 1), SG_OK);
    expect_write_error(place_path("plain/below.txt"), "Not a directory");
    expect_write_error(place_path("absent/below.txt"), "No such file");
    expect_write_error(place, "it is a folder");
    expect_write_error("", "without a name");
    assert_int_equal(count_files(), 1);
}

/* Root may write everywhere, so this test needs an ordinary user. */
static void test_read_only_folder(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("# root ignores the permissions of a folder\n");
        skip();
    }
    assert_int_equal(sg_file_write(place_path("a.txt"), "older", 5), SG_OK);
    assert_int_equal(chmod(place, 0555), 0);
    const sg_status status = sg_file_write(place_path("a.txt"), "newer", 5);
    assert_int_equal(chmod(place, 0755), 0);
    assert_int_equal(status, SG_E_IO);
    check_content(place_path("a.txt"), "older");
}

static void test_read_errors(void **state)
{
    (void)state;
    void *data = &data;
    size_t size = 7;
    assert_int_equal(sg_file_read(&data, &size, place_path("absent"), 0), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), place_path("absent")));
    assert_non_null(strstr(sg_error_text(), "No such file"));
    assert_null(data);
    assert_int_equal(size, 0);
    assert_int_equal(sg_file_read(&data, &size, place, 0), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "it is a folder"));
    assert_int_equal(sg_file_read(&data, &size, "/dev/zero", 100000), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "100000"));
}

static void test_folders(void **state)
{
    (void)state;
    assert_int_equal(sg_folder_make(place_path("a/b//c/")), SG_OK);
    assert_true(sg_folder_exists(place_path("a/b/c")));
    assert_int_equal(sg_folder_make(place_path("a/b/c")), SG_OK);
    assert_int_equal(sg_file_write(place_path("a/file"), "x", 1), SG_OK);
    assert_int_equal(sg_folder_make(place_path("a/file/b")), SG_E_IO);
    assert_int_equal(sg_folder_make(place_path("a/file")), SG_E_IO);
    assert_non_null(strstr(sg_error_text(), "a/file"));
    assert_int_equal(sg_folder_make(""), SG_E_IO);
    assert_true(sg_file_exists(place_path("a/file")));
    assert_false(sg_file_exists(place_path("a/b")));
}

/* What grows is not seen; kept, it replaces the older file; dropped, it leaves it. */
static bool is_busy(const char *name, const void *context)
{
    return !strcmp(name, context);
}

/* What killed writers have left goes, and nothing else. */
static void test_tidy(void **state)
{
    (void)state;
    assert_int_equal(place_shell("mkdir t; cd t; touch a a.tmp-12-3 b.tmp-1-0 b.tmp-1-0.tmp-2-2 c.tmp-1-0x d.tmp-1 "
                                 ".tmp-1-0 a.tmp-b-3"),
                     0);
    sg_folder_tidy(place_path("t"), is_busy, "b");
    assert_int_equal(
        place_shell("test \"$(ls -A t | tr '\\n' ' ')\" = '.tmp-1-0 a a.tmp-b-3 b.tmp-1-0 c.tmp-1-0x d.tmp-1 "
                    "' && rm -r t"),
        0);
    sg_folder_tidy(place_path("nowhere"), NULL, NULL);
}

static void test_draft(void **state)
{
    (void)state;
    sg_file_draft *draft;
    const char *path = place_path("a.txt");
    assert_int_equal(sg_file_write(path, "older", 5), SG_OK);
    for (int keep = 0; keep <= 1; keep++) {
        assert_int_equal(sg_file_draft_open(&draft, path), SG_OK);
        assert_int_equal(write(sg_file_draft_descriptor(draft), "new", 3), 3);
        assert_int_equal(pwrite(sg_file_draft_descriptor(draft), "N", 1, 0), 1);
        check_content(path, "older");
        assert_int_equal(count_files(), 2);
        if (keep)
            assert_int_equal(sg_file_draft_keep(draft), SG_OK);
        else
            sg_file_draft_drop(draft);
        check_content(path, keep ? "New" : "older");
        assert_int_equal(count_files(), 1);
    }
    assert_int_equal(sg_file_draft_open(&draft, place_path("none/a.txt")), SG_E_IO);
    assert_null(draft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)
        TEST(test_round_trip),  TEST(test_keeps_mode_and_link),
        TEST(test_large),       TEST(test_full_disk),
        TEST(test_device),      TEST(test_bad_targets),
        TEST(test_folders),     TEST(test_read_only_folder),
        TEST(test_read_errors), TEST(test_tidy),
        TEST(test_draft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
