/* results_open.c - opens HDF5 files of this program. The closing mark is checked before HDF5 sees a byte (results.h). */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/results_hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEAST = 512, BLOCK_BYTES = 1 << 20, MEMORY_MAX = 1 << 26 };

/* head: the first 8 bytes, tail: the last 16 of a file of `size` bytes, NULL below that. */
static sg_status ends_check(const char *path, uint64_t size, const unsigned char *head, const unsigned char *tail)
{
    if (size == 0) SG_FAIL(SG_E_FORMAT, "%s: the file is empty", path);
    if (size < 8 || memcmp(head, "\211HDF\r\n\032\n", 8) != 0) SG_FAIL(SG_E_FORMAT, "%s: not an HDF5 file", path);
    if (size < LEAST || memcmp(tail, SG_RESULTS_MAGIC, 8) != 0)
        SG_FAIL(SG_E_FORMAT, "%s: truncated, or an HDF5 file of another program (the closing mark is missing)", path);
    return SG_OK;
}

static sg_status hash_check(const char *path, const unsigned char *tail, uint64_t hash)
{
    unsigned char whole[SG_RESULTS_TAIL];
    sg_results_tail(whole, hash);
    if (memcmp(tail, whole, sizeof whole) != 0) SG_FAIL(SG_E_FORMAT, "%s: damaged (its checksum does not fit)", path);
    return SG_OK;
}

/* Both ends of an open file. */
static sg_status ends_read(uint64_t *size, unsigned char tail[SG_RESULTS_TAIL], int file, const char *path)
{
    unsigned char head[8] = {0};
    const off_t len = lseek(file, 0, SEEK_END);
    if (len < 0 || pread(file, head, sizeof head, 0) < 0 ||
        (len >= LEAST && pread(file, tail, SG_RESULTS_TAIL, len - SG_RESULTS_TAIL) != SG_RESULTS_TAIL))
        SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    *size = (uint64_t)len;
    return ends_check(path, *size, head, tail);
}

static sg_status file_open(int *file, const char *path)
{
    *file = open(path, O_RDONLY | O_CLOEXEC);
    if (*file < 0) SG_FAIL(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
    return SG_OK;
}

sg_status sg_results_seal(uint64_t *out, const char *path)
{
    unsigned char tail[SG_RESULTS_TAIL];
    uint64_t size;
    int file;
    SG_TRY(file_open(&file, path));
    const sg_status status = ends_read(&size, tail, file, path);
    (void)close(file);
    SG_TRY(status);
    *out = 0;
    for (int i = 0; i < 8; i++) *out |= (uint64_t)tail[8 + i] << (8 * i);
    return SG_OK;
}

sg_status sg_results_hash_file(uint64_t *out, int descriptor, uint64_t len, const char *path)
{
    unsigned char *block;
    sg_status status = SG_OK;
    *out = SG_RESULTS_HASH;
    SG_TRY(SG_ALLOC(&block, BLOCK_BYTES, path));
    for (uint64_t at = 0; at < len && status == SG_OK;) {
        const size_t wanted = len - at < BLOCK_BYTES ? (size_t)(len - at) : BLOCK_BYTES;
        const ssize_t got = pread(descriptor, block, wanted, (off_t)at);
        if (got <= 0) status = sg_error_set(SG_E_IO, "%s: cannot read: %s", path, strerror(errno));
        if (got > 0) *out = sg_results_hash(*out, block, (size_t)got), at += (uint64_t)got;
    }
    sg_free(block);
    return status;
}

static hid_t image_open(void *data, size_t size)
{
    const hid_t access = sg_hdf5_access(true);
    (void)H5Pset_file_image(access, data, size); /* copies */
    char name[SG_RESULTS_NAME];
    sg_hdf5_name(name);
    const hid_t file = H5Fopen(name, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

/* Small files are read at once, so that what was checked is what HDF5 sees. */
static sg_status memory_open(hid_t *out, const char *path)
{
    unsigned char *data = NULL;
    void *bytes = NULL;
    size_t size;
    sg_status status = SG_OK;
    SG_TRY(sg_file_read(&bytes, &size, path, 0));
    data = bytes;
    const unsigned char *tail = size >= LEAST ? data + size - SG_RESULTS_TAIL : NULL;
    SG_TRY_DONE(ends_check(path, size, data, tail));
    SG_TRY_DONE(hash_check(path, tail, sg_results_hash(SG_RESULTS_HASH, data, size - SG_RESULTS_TAIL)));
    *out = image_open(data, size - SG_RESULTS_TAIL);
done:
    sg_free(data);
    return status;
}

/* Large ones stay on the disk; nobody writes into them, they are only ever replaced. */
static sg_status disk_open(hid_t *out, const char *path)
{
    unsigned char tail[SG_RESULTS_TAIL];
    char name[SG_RESULTS_NAME];
    uint64_t size, hash;
    int file;
    SG_TRY(file_open(&file, path));
    sg_status status = ends_read(&size, tail, file, path);
    if (status == SG_OK) status = sg_results_hash_file(&hash, file, size - SG_RESULTS_TAIL, path);
    if (status == SG_OK) status = hash_check(path, tail, hash);
    if (status == SG_OK) {
        const hid_t access = sg_hdf5_access(false);
        (void)snprintf(name, sizeof name, "/proc/self/fd/%d", file);
        *out = H5Fopen(name, H5F_ACC_RDONLY, access);
        H5Pclose(access);
    }
    (void)close(file);
    return status;
}

static bool is_large(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && info.st_size > MEMORY_MAX;
}

static sg_status schema_check(const sg_results_file *file)
{
    char *schema;
    double version;
    SG_TRY(sg_results_read_attribute_text(file, "/", "schema", &schema));
    const bool ours = strcmp(schema, SG_RESULTS_SCHEMA) == 0;
    sg_free(schema);
    SG_TRY(sg_results_read_attribute_number(file, "/", "schema_version", &version));
    if (!ours) SG_FAIL(SG_E_FORMAT, "%s: not a file of scopegrad", file->path);
    if (!(version <= SG_RESULTS_VERSION))
        SG_FAIL(SG_E_FORMAT, "%s: its schema %g is newer than version %d, which this program reads", file->path,
                version, SG_RESULTS_VERSION);
    return SG_OK;
}

sg_status sg_results_open(sg_results_file **out, const char *path)
{
    *out = NULL;
    sg_hdf5_begin();
    sg_results_file *file;
    SG_TRY(SG_ALLOC(&file, 1, "a results file"));
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    sg_status status = is_large(path) ? disk_open(&file->file, path) : memory_open(&file->file, path);
    if (status == SG_OK && file->file < 0) status = sg_error_set(SG_E_FORMAT, "%s: HDF5 cannot read it", path);
    if (status == SG_OK) status = schema_check(file);
    if (status != SG_OK)
        sg_results_close(file);
    else
        *out = file;
    return status;
}

void sg_results_close(sg_results_file *file)
{
    if (!file) return;
    if (file->file > 0) H5Fclose(file->file);
    sg_free(file);
}
