/* results_read.c - reads results.h5. The tail is checked before HDF5 sees a byte (results.h). */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/results.h"
#include "pipeline/results_hdf5.h"

#include <stdio.h>
#include <string.h>

enum { NUMBERS_MAX = 1 << 28 };

struct sg_results_file {
    hid_t file;
    char path[1024];
};

static sg_status tail_check(const char *path, const unsigned char *data, size_t size)
{
    unsigned char tail[SG_RESULTS_TAIL];
    if (size == 0) SG_FAIL(SG_E_FORMAT, "%s: the file is empty", path);
    if (size < 8 || memcmp(data, "\211HDF\r\n\032\n", 8) != 0) SG_FAIL(SG_E_FORMAT, "%s: not an HDF5 file", path);
    if (size < 512 || memcmp(data + size - SG_RESULTS_TAIL, SG_RESULTS_MAGIC, 8) != 0)
        SG_FAIL(SG_E_FORMAT, "%s: truncated, or an HDF5 file of another program (the closing mark is missing)", path);
    const uint64_t hash = sg_results_hash(data, size - SG_RESULTS_TAIL);
    for (int i = 0; i < 8; i++) tail[8 + i] = (unsigned char)(hash >> (8 * i));
    if (memcmp(data + size - 8, tail + 8, 8) != 0)
        SG_FAIL(SG_E_FORMAT, "%s: damaged (its checksum does not fit)", path);
    return SG_OK;
}

static hid_t image_open(void *data, size_t size)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    (void)H5Pset_fapl_core(access, 1 << 16, false);
    (void)H5Pset_file_image(access, data, size); /* copies */
    char name[SG_RESULTS_NAME];
    sg_hdf5_name(name);
    const hid_t file = H5Fopen(name, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

static sg_status schema_check(const sg_results_file *file)
{
    char *schema;
    double version;
    SG_TRY(sg_results_read_attribute_text(file, "/", "schema", &schema));
    const bool ours = strcmp(schema, SG_RESULTS_SCHEMA) == 0;
    sg_free(schema);
    SG_TRY(sg_results_read_attribute_number(file, "/", "schema_version", &version));
    if (!ours || !(version <= SG_RESULTS_VERSION))
        SG_FAIL(SG_E_FORMAT, "%s: its schema is newer than version %d, which this program reads", file->path,
                SG_RESULTS_VERSION);
    return SG_OK;
}

sg_status sg_results_open(sg_results_file **out, const char *path)
{
    *out = NULL;
    sg_hdf5_begin();
    void *data = NULL;
    size_t size;
    sg_results_file *file = NULL;
    sg_status status = SG_OK;
    SG_TRY(sg_file_read(&data, &size, path, 0));
    SG_TRY_DONE(tail_check(path, data, size));
    SG_TRY_DONE(SG_ALLOC(&file, 1, "a results file"));
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    file->file = image_open(data, size - SG_RESULTS_TAIL);
    if (file->file < 0) SG_FAIL_DONE(SG_E_FORMAT, "%s: HDF5 cannot read it", path);
    SG_TRY_DONE(schema_check(file));
done:
    sg_free(data);
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

bool sg_results_has(const sg_results_file *file, const char *path)
{
    return sg_hdf5_exists(file->file, path);
}

static sg_status dataset_open(const sg_results_file *file, const char *path, H5T_class_t wanted, hid_t *set)
{
    *set = sg_hdf5_exists(file->file, path) ? H5Dopen2(file->file, path, H5P_DEFAULT) : -1;
    if (*set < 0) SG_FAIL(SG_E_FORMAT, "%s: %s is missing", file->path, path);
    const hid_t type = H5Dget_type(*set);
    const H5T_class_t class_id = H5Tget_class(type);
    H5Tclose(type);
    const bool number = class_id == H5T_FLOAT || class_id == H5T_INTEGER;
    if (wanted == H5T_STRING ? class_id == H5T_STRING : number) return SG_OK;
    H5Dclose(*set);
    SG_FAIL(SG_E_FORMAT, "%s: %s holds no %s", file->path, path, wanted == H5T_STRING ? "text" : "numbers");
}

/* Rank and dims of an open dataset, and the count of its elements; an error for what this program never writes. */
static sg_status dataset_size(const sg_results_file *file, const char *path, hid_t set, int *rank, int *dims,
                              size_t *count)
{
    hsize_t size[SG_RESULTS_RANK] = {0};
    const hid_t space = H5Dget_space(set);
    const int found = H5Sget_simple_extent_ndims(space);
    const bool fits = found >= 0 && found <= SG_RESULTS_RANK;
    if (fits) (void)H5Sget_simple_extent_dims(space, size, NULL);
    H5Sclose(space);
    if (!fits) SG_FAIL(SG_E_FORMAT, "%s: %s has rank %d, outside 0..%d", file->path, path, found, SG_RESULTS_RANK);
    *rank = found;
    *count = 1;
    for (int i = 0; i < found; i++) {
        if (size[i] < 1 || size[i] > NUMBERS_MAX / *count)
            SG_FAIL(SG_E_FORMAT, "%s: %s has 0 or more than %d numbers", file->path, path, NUMBERS_MAX);
        dims[i] = (int)size[i];
        *count *= (size_t)size[i];
    }
    return SG_OK;
}

static sg_status numbers_read(const sg_results_file *file, const char *path, hid_t type, size_t bytes, void **out,
                              int *rank, int *dims)
{
    hid_t set;
    size_t count;
    sg_status status = SG_OK;
    *out = NULL;
    SG_TRY(dataset_open(file, path, H5T_FLOAT, &set));
    SG_TRY_DONE(dataset_size(file, path, set, rank, dims, &count));
    SG_TRY_DONE(sg_alloc(out, count, bytes, path));
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0)
        SG_FAIL_DONE(SG_E_FORMAT, "%s: HDF5 cannot read %s", file->path, path);
done:
    H5Dclose(set);
    if (status != SG_OK) {
        sg_free(*out);
        *out = NULL;
    }
    return status;
}

sg_status sg_results_read_f64(const sg_results_file *file, const char *path, double **out, int *rank,
                              int dims[SG_RESULTS_RANK])
{
    return numbers_read(file, path, H5T_NATIVE_DOUBLE, sizeof **out, (void **)out, rank, dims);
}

sg_status sg_results_read_f32(const sg_results_file *file, const char *path, float **out, int *rank,
                              int dims[SG_RESULTS_RANK])
{
    return numbers_read(file, path, H5T_NATIVE_FLOAT, sizeof **out, (void **)out, rank, dims);
}

sg_status sg_results_read_scalar(const sg_results_file *file, const char *path, double *out)
{
    int rank, dims[SG_RESULTS_RANK];
    double *data;
    SG_TRY(sg_results_read_f64(file, path, &data, &rank, dims));
    *out = data[0];
    sg_free(data);
    if (rank != 0) SG_FAIL(SG_E_FORMAT, "%s: %s has rank %d, not one number", file->path, path, rank);
    return SG_OK;
}

/* One text a line. */
static sg_status lines_join(char **out, char *const *texts, size_t count)
{
    size_t len = 0, at = 0;
    for (size_t i = 0; i < count; i++) len += (texts[i] ? strlen(texts[i]) : 0) + 1;
    SG_TRY(SG_ALLOC(out, len + 1, "texts of a results file"));
    for (size_t i = 0; i < count; i++) {
        const size_t part = texts[i] ? strlen(texts[i]) : 0;
        if (part) memcpy(*out + at, texts[i], part);
        at += part;
        if (i + 1 < count) (*out)[at++] = '\n';
    }
    return SG_OK;
}

sg_status sg_results_read_text(const sg_results_file *file, const char *path, char **out)
{
    int rank, dims[SG_RESULTS_RANK];
    size_t count = 0;
    hid_t set;
    char **texts = NULL;
    sg_status status = SG_OK;
    *out = NULL;
    SG_TRY(dataset_open(file, path, H5T_STRING, &set));
    const hid_t type = sg_hdf5_text_type(), space = H5Dget_space(set);
    SG_TRY_DONE(dataset_size(file, path, set, &rank, dims, &count));
    SG_TRY_DONE(SG_ALLOC(&texts, count, path));
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0)
        SG_FAIL_DONE(SG_E_FORMAT, "%s: HDF5 cannot read %s as text", file->path, path);
    status = lines_join(out, texts, count);
    (void)H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
done:
    sg_free(texts);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(set);
    return status;
}

/* True if the attribute was read as `type`. */
static bool attribute_read(const sg_results_file *file, const char *path, const char *name, hid_t type, void *value)
{
    if (strcmp(path, "/") != 0 && !sg_hdf5_exists(file->file, path)) return false;
    if (H5Aexists_by_name(file->file, path, name, H5P_DEFAULT) <= 0) return false;
    const hid_t attribute = H5Aopen_by_name(file->file, path, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0) return false;
    const hid_t space = H5Aget_space(attribute);
    const bool read = H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attribute, type, value) >= 0;
    H5Sclose(space);
    H5Aclose(attribute);
    return read;
}

sg_status sg_results_read_attribute_text(const sg_results_file *file, const char *path, const char *name, char **out)
{
    *out = NULL;
    char *text = NULL;
    const hid_t type = sg_hdf5_text_type();
    const bool read = attribute_read(file, path, name, type, &text);
    H5Tclose(type);
    if (!read) SG_FAIL(SG_E_FORMAT, "%s: the attribute %s of %s is missing or no text", file->path, name, path);
    const sg_status status = lines_join(out, &text, 1);
    (void)H5free_memory(text);
    return status;
}

sg_status sg_results_read_attribute_number(const sg_results_file *file, const char *path, const char *name, double *out)
{
    if (!attribute_read(file, path, name, H5T_NATIVE_DOUBLE, out))
        SG_FAIL(SG_E_FORMAT, "%s: the attribute %s of %s is missing or no number", file->path, name, path);
    return SG_OK;
}

/* Names of a group, in HDF5's own alphabetical order. */
static sg_status names_read(hid_t group, hsize_t count, char **names)
{
    for (hsize_t i = 0; i < count; i++) {
        const ssize_t len = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, NULL, 0, H5P_DEFAULT);
        if (len < 0) SG_FAIL(SG_E_FORMAT, "a group cannot be listed");
        SG_TRY(SG_ALLOC(&names[i], (size_t)len + 1, "the names of a group"));
        (void)H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, names[i], (size_t)len + 1, H5P_DEFAULT);
    }
    return SG_OK;
}

sg_status sg_results_children(const sg_results_file *file, const char *path, char **out)
{
    H5G_info_t info;
    char **names = NULL;
    sg_status status = SG_OK;
    *out = NULL;
    const bool there = strcmp(path, "/") == 0 || sg_hdf5_exists(file->file, path);
    const hid_t group = there ? H5Gopen2(file->file, path, H5P_DEFAULT) : -1;
    if (group < 0 || H5Gget_info(group, &info) < 0)
        SG_FAIL(SG_E_FORMAT, "%s: the group %s is missing", file->path, path);
    SG_TRY_DONE(SG_ALLOC(&names, info.nlinks, "the names of a group"));
    status = names_read(group, info.nlinks, names);
    if (status == SG_OK) status = lines_join(out, names, info.nlinks);
    for (hsize_t i = 0; i < info.nlinks; i++) sg_free(names[i]);
done:
    sg_free(names);
    H5Gclose(group);
    return status;
}
