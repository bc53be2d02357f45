/* results_file.c - HDF5 files being written: in memory, their bytes then saved whole, or out of sight on the disk. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/results_hdf5.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CORE_STEP = 1 << 16 };

static void hdf5_quiet(void)
{
    (void)H5dont_atexit(); /* must be the first HDF5 call: a handler at exit would touch files after an error */
    (void)H5open();
}

void sg_hdf5_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, hdf5_quiet);
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* no stack dump on stderr: one-line errors are ours */
}

uint64_t sg_results_hash(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

void sg_results_tail(unsigned char out[SG_RESULTS_TAIL], uint64_t hash)
{
    memcpy(out, SG_RESULTS_MAGIC, 8);
    for (int i = 0; i < 8; i++) out[8 + i] = (unsigned char)(hash >> (8 * i));
}

hid_t sg_hdf5_text_type(void)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, H5T_VARIABLE);
    (void)H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* HDF5 takes two files in memory of one name for the same file. The name does not enter the bytes. */
void sg_hdf5_name(char out[SG_RESULTS_NAME])
{
    static unsigned count;
    (void)snprintf(out, SG_RESULTS_NAME, "memory-%u.h5", count++);
}

/* Formats are pinned to the oldest: the same bytes from every library, readable by all. (A superblock of 1.8 has a
 * checksum, which H5Fget_file_image of 1.10 leaves wrong.) */
hid_t sg_hdf5_access(bool in_memory)
{
    const hid_t plist = H5Pcreate(H5P_FILE_ACCESS);
    if (in_memory) (void)H5Pset_fapl_core(plist, CORE_STEP, false);
    (void)H5Pset_libver_bounds(plist, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
    return plist;
}

hid_t sg_hdf5_timeless(hid_t class_id)
{
    const hid_t plist = H5Pcreate(class_id);
    (void)H5Pset_obj_track_times(plist, false);
    return plist;
}

static sg_status file_create(sg_results *results, const char *name)
{
    const hid_t access = sg_hdf5_access(results->draft == NULL), creation = sg_hdf5_timeless(H5P_FILE_CREATE);
    results->file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    H5Pclose(access);
    results->group_plist = sg_hdf5_timeless(H5P_GROUP_CREATE);
    results->link_plist = H5Pcreate(H5P_LINK_CREATE);
    if (results->file < 0) SG_FAIL(SG_E_IO, "%s: HDF5 cannot make the file", name);
    SG_TRY(sg_results_attribute_text(results, "/", "schema", SG_RESULTS_SCHEMA));
    SG_TRY(sg_results_attribute_number(results, "/", "schema_version", SG_RESULTS_VERSION));
    return sg_results_attribute_text(results, "/", "program_version", SG_VERSION);
}

sg_status sg_results_new(sg_results **out)
{
    char name[SG_RESULTS_NAME];
    *out = NULL;
    sg_hdf5_begin();
    sg_results *results;
    SG_TRY(SG_ALLOC(&results, 1, "results"));
    sg_hdf5_name(name);
    const sg_status status = file_create(results, name);
    if (status != SG_OK) {
        sg_results_free(results);
        return status;
    }
    *out = results;
    return SG_OK;
}

sg_status sg_results_draft(sg_results **out, const char *path)
{
    char name[SG_RESULTS_NAME];
    *out = NULL;
    sg_hdf5_begin();
    sg_results *results;
    SG_TRY(SG_ALLOC(&results, 1, "results"));
    sg_status status = sg_file_draft_open(&results->draft, path);
    if (status == SG_OK) {
        (void)snprintf(name, sizeof name, "/proc/self/fd/%d", sg_file_draft_descriptor(results->draft));
        status = file_create(results, name);
    }
    if (status != SG_OK) {
        sg_results_free(results);
        return status;
    }
    *out = results;
    return SG_OK;
}

static void handles_close(sg_results *results)
{
    if (results->link_plist > 0) H5Pclose(results->link_plist);
    if (results->group_plist > 0) H5Pclose(results->group_plist);
    if (results->file > 0) H5Fclose(results->file);
    results->link_plist = results->group_plist = results->file = 0;
}

void sg_results_free(sg_results *results)
{
    if (!results) return;
    handles_close(results);
    sg_file_draft_drop(results->draft);
    sg_free(results);
}

/* Behind what HDF5 has written. */
static sg_status draft_seal(const sg_results *results, const char *path)
{
    const int file = sg_file_draft_descriptor(results->draft);
    unsigned char tail[SG_RESULTS_TAIL];
    uint64_t hash;
    const off_t len = lseek(file, 0, SEEK_END);
    if (len <= 0) SG_FAIL(SG_E_IO, "%s: HDF5 wrote nothing", path);
    SG_TRY(sg_results_hash_file(&hash, file, (uint64_t)len, path));
    sg_results_tail(tail, hash);
    if (pwrite(file, tail, sizeof tail, len) != sizeof tail)
        SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    return SG_OK;
}

sg_status sg_results_keep(sg_results *results, const char *path)
{
    const bool flushed = H5Fflush(results->file, H5F_SCOPE_GLOBAL) >= 0;
    handles_close(results);
    sg_status status = flushed ? draft_seal(results, path)
                               : sg_error_set(SG_E_IO, "%s: HDF5 cannot write it (is the disk full?)", path);
    if (status == SG_OK) {
        status = sg_file_draft_keep(results->draft);
        results->draft = NULL;
    }
    sg_results_free(results);
    return status;
}

sg_status sg_results_image(const sg_results *results, void **out, size_t *size)
{
    *out = NULL;
    *size = 0;
    if (H5Fflush(results->file, H5F_SCOPE_GLOBAL) < 0)
        SG_FAIL(SG_E_MEMORY, "results: HDF5 cannot finish the file in memory");
    const ssize_t len = H5Fget_file_image(results->file, NULL, 0);
    if (len <= 0) SG_FAIL(SG_E_MEMORY, "results: HDF5 gives no file image");
    unsigned char *image;
    SG_TRY(SG_ALLOC(&image, (size_t)len + SG_RESULTS_TAIL, "the bytes of a results file"));
    if (H5Fget_file_image(results->file, image, (size_t)len) != len) {
        sg_free(image);
        SG_FAIL(SG_E_MEMORY, "results: HDF5 gives no file image");
    }
    sg_results_tail(image + len, sg_results_hash(SG_RESULTS_HASH, image, (size_t)len));
    *out = image;
    *size = (size_t)len + SG_RESULTS_TAIL;
    return SG_OK;
}

sg_status sg_results_save(const sg_results *results, const char *path)
{
    void *image;
    size_t size;
    SG_TRY(sg_results_image(results, &image, &size));
    const sg_status status = sg_file_write(path, image, size);
    sg_free(image);
    return status;
}
