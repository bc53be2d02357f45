/* hdf5.c - see hdf5.h. */
#include "datasets/hdf5.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/image_apart.h"

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

enum { PATH_MAX_BYTES = 4096 };

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

/* ---- attributes ---- */

/* The text of an attribute, empty if there is none. */
static void read_text(char *out, size_t size, hid_t set, const char *name)
{
    out[0] = 0;
    if (H5Aexists(set, name) <= 0) return;
    const hid_t attribute = H5Aopen(set, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    const hid_t wanted = H5Tcopy(H5T_C_S1), space = H5Aget_space(attribute);
    char *text = NULL;
    if (H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1) {
        (void)H5Tset_cset(wanted, H5Tget_cset(type));
        if (H5Tis_variable_str(type) > 0) {
            (void)H5Tset_size(wanted, H5T_VARIABLE);
            if (H5Aread(attribute, wanted, &text) >= 0 && text) (void)snprintf(out, size, "%s", text);
            if (text) (void)H5free_memory(text);
        } else {
            (void)H5Tset_size(wanted, size);
            if (H5Aread(attribute, wanted, out) < 0) out[0] = 0;
            out[size - 1] = 0;
        }
    }
    H5Sclose(space), H5Tclose(wanted), H5Tclose(type), H5Aclose(attribute);
}

/* The numbers of an attribute, at most `room`; how many there are, 0 if there is none of that name. */
static int read_attribute(double *out, int room, hid_t set, const char *name)
{
    if (H5Aexists(set, name) <= 0) return 0;
    const hid_t attribute = H5Aopen(set, name, H5P_DEFAULT), space = H5Aget_space(attribute);
    const hssize_t count = H5Sget_simple_extent_npoints(space);
    const bool good = count >= 1 && count <= room && H5Aread(attribute, H5T_NATIVE_DOUBLE, out) >= 0;
    H5Sclose(space), H5Aclose(attribute);
    return good ? (int)count : 0;
}

/* pixel_um is what this program writes; element_size_um (z, y, x) what ImageJ's HDF5 plugins write. */
static void read_pixel(double pixel_um[2], hid_t set)
{
    double size[SG_AXES_MAX];
    int count = read_attribute(size, SG_AXES_MAX, set, "pixel_um");
    if (count == 0) count = read_attribute(size, SG_AXES_MAX, set, "element_size_um");
    if (count == 0) return;
    pixel_um[1] = size[count - 1];
    pixel_um[0] = size[count > 1 ? count - 2 : 0];
}

/* ---- numbers ---- */

typedef struct shape {
    int rank;
    long long size[SG_AXES_MAX];
    char letters[SG_AXES_MAX + 1]; /* empty: the file does not say */
    H5T_class_t kind;
    size_t bytes; /* of a number */
} shape;

static sg_status read_shape(shape *out, hid_t set, const char *path)
{
    hsize_t size[H5S_MAX_RANK];
    const hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    out->rank = H5Sget_simple_extent_ndims(space);
    out->kind = H5Tget_class(type);
    out->bytes = H5Tget_size(type);
    (void)H5Sget_simple_extent_dims(space, size, NULL);
    H5Tclose(type);
    H5Sclose(space);
    if (out->kind != H5T_FLOAT && out->kind != H5T_INTEGER && out->kind != H5T_ENUM) /* h5py's bool is an enumeration */
        SG_FAIL(SG_E_FORMAT, "%s: holds no numbers", path);
    if (out->rank < 1 || out->rank > SG_AXES_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: has rank %d, outside 1..%d", path, out->rank, SG_AXES_MAX);
    for (int i = 0; i < out->rank; i++) {
        if (size[i] < 1 || size[i] > SG_IMAGE_PIXELS_MAX)
            SG_FAIL(SG_E_FORMAT, "%s: a side of %g", path, (double)size[i]);
        out->size[i] = (long long)size[i];
    }
    read_text(out->letters, sizeof out->letters, set, "axes");
    if (strlen(out->letters) != (size_t)out->rank || sg_axes_check(out->letters, "") != SG_OK) out->letters[0] = 0;
    return SG_OK;
}

/* Reads only what `take` leaves: `axes` are arranged in strides of the whole array, and get those of what is read. */
static sg_status read_part(float **out, sg_axes *axes, const shape *s, hid_t set, const char *path)
{
    hsize_t start[SG_AXES_MAX], count[SG_AXES_MAX];
    double numbers = 1;
    long long stride = 1, packed = 1;
    for (int i = s->rank - 1; i >= 0; stride *= s->size[i], i--) {
        sg_axis *kept = NULL;
        for (int k = 0; k < axes->count; k++)
            if (axes->axis[k].stride == stride && axes->axis[k].size == s->size[i]) kept = &axes->axis[k];
        start[i] = kept ? 0 : (hsize_t)(axes->start / stride % s->size[i]);
        count[i] = kept ? (hsize_t)kept->size : 1;
        if (kept) kept->stride = -packed; /* negative: done */
        packed *= (long long)count[i];
        numbers *= (double)count[i];
        if (numbers > SG_IMAGE_PIXELS_MAX) SG_FAIL(SG_E_FORMAT, "%s: more than 2^28 numbers", path);
    }
    for (int k = 0; k < axes->count; k++) axes->axis[k].stride = -axes->axis[k].stride;
    axes->start = 0;
    SG_TRY(SG_ALLOC(out, (size_t)numbers, path));
    const hid_t file_space = H5Dget_space(set), memory = H5Screate_simple(s->rank, count, NULL);
    const bool read = H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                      H5Dread(set, H5T_NATIVE_FLOAT, memory, file_space, H5P_DEFAULT, *out) >= 0;
    H5Sclose(memory), H5Sclose(file_space);
    if (!read) SG_FAIL(SG_E_FORMAT, "%s: damaged: HDF5 cannot read its numbers", path);
    return SG_OK;
}

static float number_at(const void *numbers, size_t index)
{
    return ((const float *)numbers)[index];
}

static sg_status read_numbers(sg_image *out, hid_t set, const char *path, const sg_image_options *options)
{
    shape s;
    sg_axes axes;
    float *numbers = NULL;
    sg_status status;
    SG_TRY(read_shape(&s, set, path));
    SG_TRY(sg_image_arrange(&axes, s.rank, s.size, false, s.letters[0] ? s.letters : NULL, options, path));
    SG_TRY_DONE(read_part(&numbers, &axes, &s, set, path));
    /* chunks that were never written take no bytes: the size of the file says nothing */
    SG_TRY_DONE(sg_image_gather(out, &axes, 1, number_at, numbers, SG_IMAGE_PIXELS_MAX, path));
    read_pixel(out->pixel_um, set);
    out->bits = (int)(8 * s.bytes);
    out->is_float = s.kind == H5T_FLOAT;
done:
    sg_free(numbers);
    return status;
}

static sg_status read_here(sg_image *out, const char *path, sg_image_options options)
{
    char name[PATH_MAX_BYTES];
    const char *array = array_name(path);
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
        status = read_numbers(out, set, path, &options);
    if (set >= 0) H5Dclose(set);
    H5Fclose(file);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

sg_status sg_hdf5_read(sg_image *out, const char *path, sg_image_options options)
{
    return sg_image_read_apart(out, read_here, path, options);
}
