/* file.c - whole files in, whole files out (atomically); folders. */
#include "core/file.h"

#include "core/memory.h"

#include <dirent.h>
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

/* A file that grows out of sight. */
struct sg_file_draft {
    int file;
    mode_t mode;                   /* of the older file; 0: there is none */
    char path[PATH_MAX + 1];       /* as the caller says it: for errors */
    char target[PATH_MAX + 1];     /* behind symbolic links */
    char temporary[PATH_MAX + 64]; /* empty: a device or a pipe, which cannot be renamed over */
};

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

/* Where the draft of `path` lies and what it will replace. */
static sg_status place_draft(sg_file_draft *draft, const char *path)
{
    static atomic_uint count;
    struct stat info;
    if (!path || !*path) SG_FAIL(SG_E_IO, "cannot write a file without a name");
    if (strlen(path) > PATH_MAX) SG_FAIL(SG_E_IO, "%.200s...: the path is too long", path);
    (void)strcpy(draft->path, path);
    (void)strcpy(draft->target, path);
    const bool exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode)) SG_FAIL(SG_E_IO, "%s: cannot write: it is a folder", path);
    if (exists && !S_ISREG(info.st_mode)) return SG_OK;
    if (exists) {
        char *target = realpath(path, NULL);
        if (!target) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
        (void)snprintf(draft->target, sizeof draft->target, "%s", target);
        free(target);
        draft->mode = info.st_mode & 07777;
    }
    (void)snprintf(draft->temporary, sizeof draft->temporary, "%s.tmp-%ld-%u", draft->target, (long)getpid(),
                   atomic_fetch_add(&count, 1u));
    return SG_OK;
}

sg_status sg_file_draft_open(sg_file_draft **out, const char *path)
{
    SG_TRY(SG_ALLOC(out, 1, path));
    sg_file_draft *draft = *out;
    sg_status status = place_draft(draft, path);
    if (status == SG_OK) {
        const bool special = !draft->temporary[0];
        draft->file = special ? open(path, O_WRONLY | O_CLOEXEC)
                              : open(draft->temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (draft->file < 0) status = sg_error_set(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    if (status == SG_OK) return SG_OK;
    sg_free(draft);
    *out = NULL;
    return status;
}

int sg_file_draft_descriptor(const sg_file_draft *draft)
{
    return draft->file;
}

/* On the disk, with the older file's permissions (not worth failing for), and closed. */
static sg_status finish_draft(sg_file_draft *draft)
{
    const bool special = !draft->temporary[0];
    if (draft->mode) (void)fchmod(draft->file, draft->mode);
    const bool synced = special || fsync(draft->file) == 0;
    const int reason = errno;
    const bool closed = close(draft->file) == 0;
    draft->file = -1;
    if (synced && closed) return SG_OK;
    SG_FAIL(SG_E_IO, "%s: cannot write: %s", draft->path, strerror(synced ? errno : reason));
}

sg_status sg_file_draft_keep(sg_file_draft *draft)
{
    sg_status status = finish_draft(draft);
    if (status == SG_OK && draft->temporary[0] && rename(draft->temporary, draft->target) != 0)
        status = sg_error_set(SG_E_IO, "%s: cannot replace the older file: %s", draft->path, strerror(errno));
    if (status == SG_OK && draft->temporary[0]) {
        status = sync_folder(draft->target);
        draft->temporary[0] = 0; /* there is none any more */
    }
    sg_file_draft_drop(draft);
    return status;
}

void sg_file_draft_drop(sg_file_draft *draft)
{
    if (draft == NULL) return;
    if (draft->file >= 0) (void)close(draft->file);
    if (draft->temporary[0]) (void)unlink(draft->temporary);
    sg_free(draft);
}

sg_status sg_file_write(const char *path, const void *data, size_t size)
{
    sg_file_draft *draft;
    SG_TRY(sg_file_draft_open(&draft, path));
    const sg_status status = write_all(draft->file, data, size, path);
    if (status == SG_OK) return sg_file_draft_keep(draft);
    sg_file_draft_drop(draft);
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

/* Cuts a temporary's name down to that of its target; false: it is no temporary. */
static bool cut_temporary(char *name)
{
    char *end = NULL;
    for (char *at = strstr(name, ".tmp-"); at; at = strstr(at + 1, ".tmp-")) end = at;
    long process;
    unsigned count;
    int used = 0;
    if (!end || end == name || sscanf(end, ".tmp-%ld-%u%n", &process, &count, &used) != 2 || end[used]) return false;
    *end = 0;
    return true;
}

void sg_folder_tidy(const char *path, bool (*busy)(const char *name, const void *context), const void *context)
{
    DIR *folder = opendir(path);
    if (!folder) return;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char name[sizeof entry->d_name];
        (void)snprintf(name, sizeof name, "%s", entry->d_name);
        if (cut_temporary(name) && !(busy && busy(name, context))) (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    (void)closedir(folder);
}
