/* hdf5.c - see hdf5.h. */
#include "datasets/hdf5.h"

#include "core/file.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

enum { RANK_MAX = 3, PATH_MAX_BYTES = 4096 };

/* The ":/path" behind the extension; NULL where there is none. */
static const char *array_name(const char *path)
{
    static const char *const extensions[] = {".h5", ".hdf5", ".hdf"};
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        const size_t length = strlen(extensions[i]);
        for (const char *at = strstr(path, extensions[i]); at; at = strstr(at + 1, extensions[i]))
            if (!strncmp(at + length, ":/", 2)) return at + length;
    }
    return NULL;
}

bool sg_hdf5_known(const char *path)
{
    return array_name(path) != NULL;
}

static sg_status read_numbers(sg_image *out, hid_t set, const char *path)
{
    hsize_t size[RANK_MAX] = {1, 1, 1};
    const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    const int rank = H5Sget_simple_extent_ndims(space);
    const H5T_class_t kind = H5Tget_class(type);
    const size_t bytes = H5Tget_size(type);
    if (rank >= 1 && rank <= RANK_MAX) (void)H5Sget_simple_extent_dims(space, size + RANK_MAX - rank, NULL);
    H5Tclose(type);
    H5Sclose(space);
    if (kind != H5T_FLOAT && kind != H5T_INTEGER) SG_FAIL(SG_E_FORMAT, "%s: holds no numbers", path);
    if (rank < 1 || rank > RANK_MAX) SG_FAIL(SG_E_FORMAT, "%s: has rank %d, outside 1..3", path, rank);
    for (int i = 0; i < RANK_MAX; i++)
        if (size[i] > SG_IMAGE_PIXELS_MAX) SG_FAIL(SG_E_FORMAT, "%s: a side of %g", path, (double)size[i]);
    /* chunks that were never written take no bytes: the size of the file says nothing */
    SG_TRY(sg_image_make(out, (long long)size[0], (long long)size[1], (long long)size[2], SG_IMAGE_PIXELS_MAX, path));
    if (H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out->data) < 0)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: HDF5 cannot read its numbers", path);
    out->bits = (int)(8 * bytes);
    out->is_float = kind == H5T_FLOAT;
    return SG_OK;
}

sg_status sg_hdf5_read(sg_image *out, const char *path, sg_image_options options)
{
    char name[PATH_MAX_BYTES];
    const char *array = array_name(path);
    (void)options;
    *out = (sg_image){0};
    if (!array) SG_FAIL(SG_E_FORMAT, "%s: the array is missing; %s:/name would do", path, path);
    (void)snprintf(name, sizeof name, "%.*s", (int)(array - path), path);
    if (!sg_file_exists(name)) SG_FAIL(SG_E_IO, "%s: there is no such file", name);
    (void)H5dont_atexit();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const hid_t file = H5Fopen(name, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) SG_FAIL(SG_E_FORMAT, "%s: HDF5 cannot open it", name);
    const hid_t set = H5Dopen2(file, array + 1, H5P_DEFAULT);
    sg_status status = SG_OK;
    if (set < 0)
        status = sg_error_set(SG_E_FORMAT, "%s: has no array %s", name, array + 1);
    else
        status = read_numbers(out, set, path);
    if (set >= 0) H5Dclose(set);
    H5Fclose(file);
    if (status != SG_OK) sg_image_free(out);
    return status;
}
