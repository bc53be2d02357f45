/* tiff_file.c - see tiff_file.h. */
#include "datasets/tiff_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int on_message(TIFF *tif, void *context, const char *module, const char *format, va_list args)
{
    (void)tif;
    (void)module;
    sg_tiff_file *file = context;
    if (!file->text[0]) (void)vsnprintf(file->text, sizeof file->text, format, args);
    return 1;
}

static int on_warning(TIFF *tif, void *context, const char *module, const char *format, va_list args)
{
    (void)tif, (void)context, (void)module, (void)format, (void)args;
    return 1;
}

static tmsize_t read_at(sg_tiff_file *file, void *out, tmsize_t count, off_t offset)
{
    tmsize_t done = 0;
    while (done < count) {
        const ssize_t step = pread(file->file, (char *)out + done, (size_t)(count - done), offset + done);
        if (step < 0 && errno == EINTR) continue;
        if (step <= 0) break;
        done += step;
    }
    if (done < count) file->truncated = true;
    return done;
}

bool sg_tiff_file_bytes(sg_tiff_file *file, void *out, size_t count, off_t offset)
{
    return read_at(file, out, (tmsize_t)count, offset) == (tmsize_t)count;
}

static tmsize_t file_read(thandle_t handle, void *out, tmsize_t count)
{
    sg_tiff_file *file = handle;
    const tmsize_t done = read_at(file, out, count, file->position);
    file->position += done;
    return done;
}

static tmsize_t file_write(thandle_t handle, void *in, tmsize_t count)
{
    sg_tiff_file *file = handle;
    tmsize_t done = 0;
    while (done < count) {
        const ssize_t step = pwrite(file->file, (char *)in + done, (size_t)(count - done), file->position + done);
        if (step < 0 && errno == EINTR) continue;
        if (step < 0) (void)snprintf(file->text, sizeof file->text, "%s", strerror(errno));
        if (step <= 0) return -1;
        done += step;
    }
    file->position += done;
    if (file->position > file->size) file->size = file->position;
    return done;
}

static toff_t file_seek(thandle_t handle, toff_t offset, int whence)
{
    sg_tiff_file *file = handle;
    const off_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file->position : file->size;
    file->position = base + (off_t)offset;
    return (toff_t)file->position;
}

static toff_t file_size(thandle_t handle)
{
    return (toff_t)((sg_tiff_file *)handle)->size;
}

/* Who opened it closes it. */
static int file_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

TIFF *sg_tiff_file_start(sg_tiff_file *file, const char *path, const char *mode)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) return NULL;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_message, file);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, file);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 31);
    TIFF *tif = TIFFClientOpenExt(path, mode, file, file_read, file_write, file_seek, file_close, file_size, NULL, NULL,
                                  options);
    TIFFOpenOptionsFree(options);
    return tif;
}

sg_status sg_tiff_file_open(sg_tiff_file *file, const char *path)
{
    struct stat info;
    file->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* does not wait for the other end of a pipe */
    if (file->file < 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    if (fstat(file->file, &info) != 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode)) SG_FAIL(SG_E_IO, "%s: cannot read: it is a folder", path);
    if (!S_ISREG(info.st_mode)) SG_FAIL(SG_E_IO, "%s: cannot read: a TIFF picture must be a regular file", path);
    if (info.st_size == 0) SG_FAIL(SG_E_FORMAT, "%s: the file is empty", path);
    file->size = info.st_size;
    return SG_OK;
}
