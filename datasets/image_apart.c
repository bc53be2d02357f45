/* image_apart.c - see image_apart.h. The answer comes through a pipe: a head, then the numbers. */
#include "datasets/image_apart.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_BYTES = 4096, SECONDS_MAX = 600 };

typedef struct answer {
    sg_status status;
    sg_image image; /* its data is not ours */
    char text[TEXT_BYTES];
} answer;

static size_t bytes_of(const sg_image *image)
{
    return (size_t)image->pages * (size_t)image->height * (size_t)image->width * sizeof *image->data;
}

static bool send_all(int to, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        const ssize_t step = write(to, at, size);
        if (step < 0 && errno == EINTR) continue;
        if (step <= 0) return false;
        at += step;
        size -= (size_t)step;
    }
    return true;
}

static bool receive_all(int from, void *data, size_t size)
{
    char *at = data;
    while (size > 0) {
        const ssize_t step = read(from, at, size);
        if (step < 0 && errno == EINTR) continue;
        if (step <= 0) return false;
        at += step;
        size -= (size_t)step;
    }
    return true;
}

/* A crash is silent: no core, nothing said by the C library or a sanitizer. */
static void be_quiet(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    const struct rlimit none = {0, 0}, seconds = {SECONDS_MAX, SECONDS_MAX};
    const int nowhere = open("/dev/null", O_WRONLY);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) (void)signal(signals[i], SIG_DFL);
    if (nowhere >= 0) (void)dup2(nowhere, STDERR_FILENO);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)setrlimit(RLIMIT_CPU, &seconds);
}

static _Noreturn void work(int to, sg_image_reader *read_it, const char *path, sg_image_options options)
{
    static answer a;
    be_quiet();
    a.status = read_it(&a.image, path, options);
    if (a.status != SG_OK) (void)snprintf(a.text, sizeof a.text, "%s", sg_error_text());
    const bool sent =
        send_all(to, &a, sizeof a) && (a.status != SG_OK || send_all(to, a.image.data, bytes_of(&a.image)));
    _exit(sent ? 0 : 1);
}

/* Errors of the reader come with their text; without a whole answer it must have crashed. */
static sg_status take(sg_image *out, int from, const char *path)
{
    answer *a;
    SG_TRY(SG_ALLOC(&a, 1, path));
    sg_status status = SG_OK;
    if (!receive_all(from, a, sizeof *a))
        status = sg_error_set(SG_E_FORMAT, "%s: damaged: the library that reads it crashed", path);
    else if (a->status != SG_OK)
        status = sg_error_set(a->status, "%s", a->text);
    if (status == SG_OK) {
        *out = a->image;
        out->data = NULL; /* the other process has it */
        status = sg_alloc((void **)&out->data, bytes_of(out), 1, path);
    }
    if (status == SG_OK && !receive_all(from, out->data, bytes_of(out)))
        status = sg_error_set(SG_E_IO, "%s: the process that reads it ended early", path);
    sg_free(a);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

sg_status sg_image_read_apart(sg_image *out, sg_image_reader *read_it, const char *path, sg_image_options options)
{
    int ends[2], code;
    *out = (sg_image){0};
    if (pipe2(ends, O_CLOEXEC) != 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    const pid_t child = fork();
    if (child == 0) work(ends[1], read_it, path, options);
    (void)close(ends[1]);
    const sg_status status =
        child < 0 ? sg_error_set(SG_E_IO, "%s: cannot read: %s", path, strerror(errno)) : take(out, ends[0], path);
    (void)close(ends[0]);
    while (child > 0 && waitpid(child, &code, 0) < 0 && errno == EINTR) continue;
    return status;
}
