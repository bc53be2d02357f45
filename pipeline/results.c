/* results.c - writes results.h5 in memory. Reading is in results_read.c; both share results_hdf5.h. */
#include "pipeline/results.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/results_hdf5.h"

#include <stdio.h>
#include <string.h>

enum { COMPRESS_FROM = 4096, DEFLATE_LEVEL = 4, CHUNK_BYTES = 1 << 20, CORE_STEP = 1 << 16 };

struct sg_results {
    hid_t file, group_plist, link_plist;
};

hid_t sg_results_hid(const sg_results *results)
{
    return results->file;
}

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

uint64_t sg_results_hash(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
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
static hid_t memory_access(void)
{
    const hid_t plist = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fapl_core(plist, CORE_STEP, false);
    (void)H5Pset_libver_bounds(plist, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
    return plist;
}

static hid_t timeless(hid_t class_id)
{
    const hid_t plist = H5Pcreate(class_id);
    (void)H5Pset_obj_track_times(plist, false);
    return plist;
}

static sg_status file_create(sg_results *results)
{
    const hid_t access = memory_access(), creation = timeless(H5P_FILE_CREATE);
    char name[SG_RESULTS_NAME];
    sg_hdf5_name(name);
    results->file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    H5Pclose(access);
    results->group_plist = timeless(H5P_GROUP_CREATE);
    results->link_plist = H5Pcreate(H5P_LINK_CREATE);
    if (results->file < 0) SG_FAIL(SG_E_MEMORY, "results: HDF5 cannot make a file in memory");
    SG_TRY(sg_results_attribute_text(results, "/", "schema", SG_RESULTS_SCHEMA));
    SG_TRY(sg_results_attribute_number(results, "/", "schema_version", SG_RESULTS_VERSION));
    return sg_results_attribute_text(results, "/", "program_version", SG_VERSION);
}

sg_status sg_results_new(sg_results **out)
{
    *out = NULL;
    sg_hdf5_begin();
    sg_results *results;
    SG_TRY(SG_ALLOC(&results, 1, "results"));
    const sg_status status = file_create(results);
    if (status != SG_OK) {
        sg_results_free(results);
        return status;
    }
    *out = results;
    return SG_OK;
}

void sg_results_free(sg_results *results)
{
    if (!results) return;
    if (results->link_plist > 0) H5Pclose(results->link_plist);
    if (results->group_plist > 0) H5Pclose(results->group_plist);
    if (results->file > 0) H5Fclose(results->file);
    sg_free(results);
}

/* True if every link of "/a/b/c" exists; HDF5 itself fails when a middle one is missing. */
bool sg_hdf5_exists(hid_t file, const char *path)
{
    char part[SG_RESULTS_PATH_MAX];
    const size_t len = strlen(path);
    if (len >= sizeof part || path[0] != '/') return false;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (i > 1 && H5Lexists(file, part, H5P_DEFAULT) <= 0) return false;
    }
    return true;
}

static sg_status group_make(sg_results *results, const char *path)
{
    const hid_t group = H5Gcreate2(results->file, path, results->link_plist, results->group_plist, H5P_DEFAULT);
    if (group < 0) SG_FAIL(SG_E_STATE, "results: cannot make the group %s", path);
    H5Gclose(group);
    return SG_OK;
}

/* Makes the groups above path[0 .. end-1]. HDF5 could do it, but would stamp them with the time. */
static sg_status groups_make(sg_results *results, const char *path, bool last_too)
{
    char part[SG_RESULTS_PATH_MAX];
    const size_t len = strlen(path);
    if (path[0] != '/' || len >= sizeof part)
        SG_FAIL(SG_E_RANGE, "results: \"%s\" is not an absolute path of a few names", path);
    for (size_t i = 1; i < len + (last_too ? 1 : 0); i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (i > 1 && !sg_hdf5_exists(results->file, part)) SG_TRY(group_make(results, part));
    }
    return SG_OK;
}

static sg_status attribute_write(const sg_results *results, const char *path, const char *name, hid_t type,
                                 const void *value)
{
    const hid_t object = H5Oopen(results->file, path, H5P_DEFAULT);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const herr_t error = attribute < 0 ? -1 : H5Awrite(attribute, type, value);
    if (attribute >= 0) H5Aclose(attribute);
    if (space >= 0) H5Sclose(space);
    if (object >= 0) H5Oclose(object);
    if (error < 0)
        SG_FAIL(SG_E_STATE, "results: cannot write the attribute %s of %s (twice the same name?)", name, path);
    return SG_OK;
}

sg_status sg_results_attribute_text(sg_results *results, const char *path, const char *name, const char *value)
{
    if (!sg_hdf5_exists(results->file, path)) SG_TRY(groups_make(results, path, true));
    const hid_t type = sg_hdf5_text_type();
    const sg_status status = attribute_write(results, path, name, type, &value);
    H5Tclose(type);
    return status;
}

sg_status sg_results_attribute_number(sg_results *results, const char *path, const char *name, double value)
{
    if (!sg_hdf5_exists(results->file, path)) SG_TRY(groups_make(results, path, true));
    return attribute_write(results, path, name, H5T_NATIVE_DOUBLE, &value);
}

/* Little-endian on disk whatever the machine. */
typedef struct type_row {
    size_t bytes;
    hid_t memory, disk;
} type_row;

static type_row type_of(sg_results_type type)
{
    switch (type) {
    case SG_RESULTS_F32: return (type_row){4, H5T_NATIVE_FLOAT, H5T_IEEE_F32LE};
    case SG_RESULTS_F64: return (type_row){8, H5T_NATIVE_DOUBLE, H5T_IEEE_F64LE};
    case SG_RESULTS_I32: return (type_row){4, H5T_NATIVE_INT32, H5T_STD_I32LE};
    case SG_RESULTS_U8: return (type_row){1, H5T_NATIVE_UINT8, H5T_STD_U8LE};
    case SG_RESULTS_U16: return (type_row){2, H5T_NATIVE_UINT16, H5T_STD_U16LE};
    case SG_RESULTS_U64: return (type_row){8, H5T_NATIVE_UINT64, H5T_STD_U64LE};
    case SG_RESULTS_TEXT: break;
    }
    return (type_row){0, -1, -1};
}

/* Chunks: the leading dimensions are cut until one chunk is at most CHUNK_BYTES. */
static hid_t dataset_plist(int rank, const hsize_t *dims, size_t bytes)
{
    const hid_t plist = timeless(H5P_DATASET_CREATE);
    hsize_t chunk[SG_RESULTS_RANK];
    hsize_t total = bytes;
    for (int i = 0; i < rank; i++) total *= chunk[i] = dims[i];
    if (total <= COMPRESS_FROM || rank == 0) return plist;
    for (int i = 0; i < rank && total > CHUNK_BYTES; i++) {
        const hsize_t rest = total / chunk[i];
        chunk[i] = rest >= CHUNK_BYTES ? 1 : CHUNK_BYTES / rest;
        total = rest * chunk[i];
    }
    (void)H5Pset_chunk(plist, rank, chunk);
    (void)H5Pset_shuffle(plist);
    (void)H5Pset_deflate(plist, DEFLATE_LEVEL);
    return plist;
}

/* Makes the dataset of rank 0 (scalar) or more and writes it. */
static sg_status dataset_write(sg_results *results, const char *path, int rank, const hsize_t *dims, type_row type,
                               const void *data)
{
    SG_TRY(groups_make(results, path, false));
    if (sg_hdf5_exists(results->file, path)) SG_FAIL(SG_E_STATE, "results: %s is written twice", path);
    const hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    const hid_t plist = dataset_plist(rank, dims, type.bytes);
    const hid_t set = H5Dcreate2(results->file, path, type.disk, space, results->link_plist, plist, H5P_DEFAULT);
    const herr_t error = set < 0 ? -1 : H5Dwrite(set, type.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    if (set >= 0) H5Dclose(set);
    H5Pclose(plist);
    H5Sclose(space);
    if (error < 0) SG_FAIL(SG_E_MEMORY, "results: HDF5 cannot write %s", path);
    return SG_OK;
}

static sg_status describe(sg_results *results, const char *path, const char *unit, const char *long_name,
                          const char *axes)
{
    if (unit) SG_TRY(sg_results_attribute_text(results, path, "units", unit));
    if (long_name) SG_TRY(sg_results_attribute_text(results, path, "long_name", long_name));
    if (axes) SG_TRY(sg_results_attribute_text(results, path, "axes", axes));
    return SG_OK;
}

sg_status sg_results_array(sg_results *results, const char *path, sg_results_type type, int rank, const int *dims,
                           const void *data, const char *unit, const char *long_name, const char *axes)
{
    hsize_t size[SG_RESULTS_RANK];
    if (rank < 0 || rank > SG_RESULTS_RANK)
        SG_FAIL(SG_E_RANGE, "results: %s has rank %d, outside 0..%d", path, rank, SG_RESULTS_RANK);
    if (axes && strlen(axes) != (size_t)rank)
        SG_FAIL(SG_E_SHAPE, "results: %s has rank %d but axes \"%s\"", path, rank, axes);
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 1) SG_FAIL(SG_E_RANGE, "results: dimension %d of %s is %d, below 1", i, path, dims[i]);
        size[i] = (hsize_t)dims[i];
    }
    SG_TRY(dataset_write(results, path, rank, size, type_of(type), data));
    return describe(results, path, unit, long_name, rank > 0 ? axes : NULL);
}

sg_status sg_results_scalar(sg_results *results, const char *path, double value, const char *unit,
                            const char *long_name)
{
    SG_TRY(dataset_write(results, path, 0, NULL, type_of(SG_RESULTS_F64), &value));
    return describe(results, path, unit, long_name, NULL);
}

static sg_status texts_write(sg_results *results, const char *path, int rank, int count, const char *const *texts)
{
    const hid_t type = sg_hdf5_text_type();
    const hsize_t size = (hsize_t)count;
    /* 0 bytes an element: never compressed, the texts stand in the heap of the file */
    const sg_status status = dataset_write(results, path, rank, &size, (type_row){0, type, type}, texts);
    H5Tclose(type);
    return status;
}

sg_status sg_results_text(sg_results *results, const char *path, const char *text, const char *long_name)
{
    SG_TRY(texts_write(results, path, 0, 1, &text));
    return describe(results, path, NULL, long_name, NULL);
}

sg_status sg_results_texts(sg_results *results, const char *path, const char *const *texts, int count,
                           const char *long_name)
{
    if (count < 1) SG_FAIL(SG_E_RANGE, "results: %s has %d texts, below 1", path, count);
    SG_TRY(texts_write(results, path, 1, count, texts));
    return describe(results, path, NULL, long_name, NULL);
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
    sg_results_tail(image, (size_t)len);
    *out = image;
    *size = (size_t)len + SG_RESULTS_TAIL;
    return SG_OK;
}

void sg_results_tail(unsigned char *image, size_t len)
{
    const uint64_t hash = sg_results_hash(image, len);
    memcpy(image + len, SG_RESULTS_MAGIC, 8);
    for (int i = 0; i < 8; i++) image[len + 8 + (size_t)i] = (unsigned char)(hash >> (8 * i));
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
