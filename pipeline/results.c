/* results.c - writes into an HDF5 file: groups, attributes, datasets. See results_file.c for the file, results_open.c and
 * results_read.c for reading; all share results_hdf5.h. */
#include "pipeline/results.h"

#include "pipeline/results_hdf5.h"
#include "pipeline/schema.h"

#include <stdio.h>
#include <string.h>

enum { COMPRESS_FROM = 4096, DEFLATE_LEVEL = 4, CHUNK_BYTES = 1 << 20, CONVERT_BYTES = 1 << 16 };

/* True if every link of "/a/b/c" below `file`, which may be a group, exists; HDF5 itself fails when a middle one is missing. */
bool sg_hdf5_exists(hid_t file, const char *path)
{
    char part[SG_RESULTS_PATH_MAX];
    const size_t len = strlen(path);
    if (len >= sizeof part || path[0] != '/') return false;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (i > 1 && H5Lexists(file, part + 1, H5P_DEFAULT) <= 0) return false;
    }
    return true;
}

static sg_status group_make(sg_results *results, const char *path)
{
    const hid_t group = H5Gcreate2(results->file, path + 1, results->link_plist, results->group_plist, H5P_DEFAULT);
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
    const hid_t object = H5Oopen(results->file, path[1] ? path + 1 : ".", H5P_DEFAULT);
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
    const hid_t plist = sg_hdf5_timeless(H5P_DATASET_CREATE);
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

/* A conversion, as texts need it, takes 64 KiB at a time: the library would zero 2 MiB for every one. */
hid_t sg_hdf5_transfer(void)
{
    const hid_t plist = H5Pcreate(H5P_DATASET_XFER);
    (void)H5Pset_buffer(plist, CONVERT_BYTES, NULL, NULL);
    return plist;
}

/* Makes the dataset of rank 0 (scalar) or more and writes it. */
static sg_status dataset_write(sg_results *results, const char *path, int rank, const hsize_t *dims, type_row type,
                               const void *data)
{
    SG_TRY(groups_make(results, path, false));
    if (sg_hdf5_exists(results->file, path)) SG_FAIL(SG_E_STATE, "results: %s is written twice", path);
    const hid_t space = rank ? H5Screate_simple(rank, dims, NULL) : H5Screate(H5S_SCALAR);
    const hid_t plist = dataset_plist(rank, dims, type.bytes), transfer = sg_hdf5_transfer();
    const hid_t set = H5Dcreate2(results->file, path + 1, type.disk, space, results->link_plist, plist, H5P_DEFAULT);
    const herr_t error = set < 0 ? -1 : H5Dwrite(set, type.memory, H5S_ALL, H5S_ALL, transfer, data);
    if (set >= 0) H5Dclose(set);
    H5Pclose(transfer);
    H5Pclose(plist);
    H5Sclose(space);
    if (error < 0) SG_FAIL(SG_E_MEMORY, "results: HDF5 cannot write %s", path);
    return SG_OK;
}

sg_status sg_hdf5_block_write(sg_results *results, const char *path, const sg_hdf5_block *block)
{
    const bool text = H5Tget_class(block->type) == H5T_STRING;
    return dataset_write(results, path, block->rank, block->dims,
                         (type_row){text ? 0 : H5Tget_size(block->type), block->type, block->type}, block->data);
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

sg_status sg_hdf5_records(sg_results *results, const char *path, int count, hid_t type, const void *data)
{
    const hsize_t size = (hsize_t)count;
    const sg_schema_row *row = sg_schema_find(path, NULL);
    if (row == NULL) SG_FAIL(SG_E_STATE, "results: %s is not in the table of pipeline/schema.c", path);
    SG_TRY(dataset_write(results, path, 1, &size, (type_row){H5Tget_size(type), type, type}, data));
    return describe(results, path, NULL, row->long_name, row->axes);
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
