/* results_read.c - reads from an open HDF5 file of this program (results_open.c). */
#include "core/memory.h"
#include "pipeline/results.h"
#include "pipeline/results_hdf5.h"

#include <stdio.h>
#include <string.h>

enum { NUMBERS_MAX = 1 << 28 };

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
