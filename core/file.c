/* file.c - whole files in, whole files out (atomically); folders. */
#include "core/file.h"

#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool sg_file_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

bool sg_folder_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- writing ---- */

static sg_status write_all(int file, const char *data, size_t size, const char *path)
{
    while (size) {
        const ssize_t step = write(file, data, size < SSIZE_MAX ? size : SSIZE_MAX);
        if (step < 0 && errno == EINTR) continue;
        if (step < 0) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
        data += step;
        size -= (size_t)step;
    }
    return SG_OK;
}

/* Devices and pipes cannot be renamed over. */
static sg_status write_special(const char *path, const void *data, size_t size)
{
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    const sg_status status = write_all(file, data, size, path);
    if (close(file) != 0 && status == SG_OK) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    return status;
}

static sg_status write_temporary(const char *temporary, const char *path, const void *data, size_t size, mode_t mode)
{
    const int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    sg_status status = write_all(file, data, size, path);
    if (status == SG_OK && mode) (void)fchmod(file, mode); /* the older file's permissions; not worth failing for */
    if (status == SG_OK && fsync(file) != 0)
        status = sg_error_set(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    if (close(file) != 0 && status == SG_OK)
        status = sg_error_set(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    return status;
}

/* The rename itself must reach the disk too. File systems that cannot sync a folder say EINVAL. */
static sg_status sync_folder(const char *path)
{
    char folder[PATH_MAX + 1];
    const char *slash = strrchr(path, '/');
    if (!slash)
        (void)snprintf(folder, sizeof folder, ".");
    else
        (void)snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return SG_OK; /* a folder one may write but not read */
    const int failed = fsync(file) != 0 && errno != EINVAL ? errno : 0;
    (void)close(file);
    if (failed) SG_FAIL(SG_E_IO, "%s: cannot write the folder: %s", path, strerror(failed));
    return SG_OK;
}

static sg_status write_atomic(const char *path, const void *data, size_t size, mode_t mode)
{
    static atomic_uint count;
    char temporary[PATH_MAX + 64];
    const int length =
        snprintf(temporary, sizeof temporary, "%s.tmp-%ld-%u", path, (long)getpid(), atomic_fetch_add(&count, 1u));
    if (length < 0 || (size_t)length >= sizeof temporary) SG_FAIL(SG_E_IO, "%.200s...: the path is too long", path);
    sg_status status = write_temporary(temporary, path, data, size, mode);
    if (status == SG_OK && rename(temporary, path) != 0)
        status = sg_error_set(SG_E_IO, "%s: cannot replace the older file: %s", path, strerror(errno));
    if (status != SG_OK) {
        (void)unlink(temporary);
        return status;
    }
    return sync_folder(path);
}

sg_status sg_file_write(const char *path, const void *data, size_t size)
{
    struct stat info;
    if (!path || !*path) SG_FAIL(SG_E_IO, "cannot write a file without a name");
    if (stat(path, &info) != 0) return write_atomic(path, data, size, 0);
    if (S_ISDIR(info.st_mode)) SG_FAIL(SG_E_IO, "%s: cannot write: it is a folder", path);
    if (!S_ISREG(info.st_mode)) return write_special(path, data, size);
    char *target = realpath(path, NULL);
    if (!target) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    const sg_status status = write_atomic(target, data, size, info.st_mode & 07777);
    free(target);
    return status;
}

sg_status sg_file_append(const char *path, const void *data, size_t size)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    const sg_status status = write_all(file, data, size, path);
    if (close(file) != 0 && status == SG_OK) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    return status;
}

/* ---- reading ---- */

static sg_status grow(char **data, size_t used, size_t *capacity, const char *path)
{
    char *more;
    SG_TRY(SG_ALLOC(&more, 2 * *capacity + 1, path));
    memcpy(more, *data, used);
    sg_free(*data);
    *data = more;
    *capacity *= 2;
    return SG_OK;
}

/* Reads to the end, also where the size is not known before (pipes) or grows. One byte stays free for the zero. */
static sg_status read_all(char **data, size_t *size, size_t capacity, int file, const char *path, size_t max_bytes)
{
    SG_TRY(SG_ALLOC(data, capacity + 1, path));
    *size = 0;
    for (;;) {
        if (*size == capacity) SG_TRY(grow(data, *size, &capacity, path));
        const ssize_t step = read(file, *data + *size, capacity - *size);
        if (step < 0 && errno == EINTR) continue;
        if (step < 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
        if (step == 0) break;
        *size += (size_t)step;
        if (*size > max_bytes) SG_FAIL(SG_E_IO, "%s: larger than the %zu bytes allowed", path, max_bytes);
    }
    (*data)[*size] = 0;
    return SG_OK;
}

static sg_status read_open(char **data, size_t *size, int file, const char *path, size_t max_bytes)
{
    struct stat info;
    if (fstat(file, &info) != 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) SG_FAIL(SG_E_IO, "%s: cannot read: it is a folder", path);
    const size_t known = S_ISREG(info.st_mode) ? (size_t)info.st_size : 0;
    if (known > max_bytes) SG_FAIL(SG_E_IO, "%s: %zu bytes are more than the %zu allowed", path, known, max_bytes);
    return read_all(data, size, known ? known + 1 : 65536, file, path, max_bytes);
}

sg_status sg_file_read(void **out, size_t *size, const char *path, size_t max_bytes)
{
    char *data = NULL;
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    *out = NULL;
    *size = 0;
    if (file < 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    const sg_status status = read_open(&data, size, file, path, max_bytes ? max_bytes : SIZE_MAX / 4);
    (void)close(file);
    if (status != SG_OK) {
        sg_free(data);
        *size = 0;
        return status;
    }
    *out = data;
    return SG_OK;
}

/* ---- folders ---- */

static sg_status make_one(const char *folder)
{
    if (mkdir(folder, 0777) == 0) return SG_OK;
    const int reason = errno;
    if (sg_folder_exists(folder)) return SG_OK;
    SG_FAIL(SG_E_IO, "%s: cannot make the folder: %s", folder, strerror(reason));
}

sg_status sg_folder_make(const char *path)
{
    char part[PATH_MAX];
    const int length = snprintf(part, sizeof part, "%s", path);
    if (length <= 0 || (size_t)length >= sizeof part) SG_FAIL(SG_E_IO, "'%.200s': not the name of a folder", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        SG_TRY(make_one(part));
        *slash = '/';
    }
    return make_one(part);
}
