/* mat.c - MATLAB files in (libmatio). Sizes are checked against the file before the numbers are read. */
#include "datasets/mat.h"

#include "core/file.h"
#include "core/memory.h"

#include <matio.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- libmatio's own messages ---- */

static _Thread_local char mat_text[160];

static void on_message(int level, char *message)
{
    (void)level;
    if (!mat_text[0]) (void)snprintf(mat_text, sizeof mat_text, "%s", message);
}

static void capture_messages(void)
{
    (void)Mat_LogInitFunc("scopegrad", on_message);
}

/* ---- opening ---- */

static uint32_t word(const unsigned char *at, bool big_endian)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v = v << 8 | at[big_endian ? i : 3 - i];
    return v;
}

/* A level 5 file is 128 bytes that end in its version, then elements of (type, bytes) and that many bytes. libmatio
 * reads a truncated element as zeros, so the chain is checked first. */
static sg_status check_chain(const unsigned char *bytes, size_t size, const char *path)
{
    if (size == 0) SG_FAIL(SG_E_FORMAT, "%s: the file is empty", path);
    if (size < 128 || memcmp(bytes, "MATLAB ", 7) != 0) SG_FAIL(SG_E_FORMAT, "%s: not a MATLAB level 5 file", path);
    const bool big_endian = bytes[126] == 'M';
    if (bytes[big_endian ? 124 : 125] == 2)
        SG_FAIL(SG_E_FORMAT, "%s: MATLAB version 7.3 (HDF5) is not supported: save with '-v7'", path);
    for (size_t at = 128; at < size;) {
        if (size - at < 8 || word(bytes + at + 4, big_endian) > size - at - 8)
            SG_FAIL(SG_E_FORMAT, "%s: the MATLAB file is truncated: %zu bytes, more are needed", path, size);
        at += 8 + word(bytes + at + 4, big_endian);
    }
    return SG_OK;
}

/* libmatio takes a path, so the plain errors are found here. */
static sg_status check_file(const char *path, size_t *size)
{
    void *bytes;
    SG_TRY(sg_file_read(&bytes, size, path, 0));
    const sg_status status = check_chain(bytes, *size, path);
    sg_free(bytes);
    return status;
}

static sg_status open_mat(mat_t **out, const char *path, size_t *size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, capture_messages);
    mat_text[0] = 0;
    SG_TRY(check_file(path, size));
    *out = Mat_Open(path, MAT_ACC_RDONLY);
    if (!*out) SG_FAIL(SG_E_FORMAT, "%s: not a readable MATLAB file: %s", path, mat_text);
    return SG_OK;
}

/* ---- variables ---- */

static bool is_numeric(const matvar_t *v, bool or_complex)
{
    return v->class_type >= MAT_C_DOUBLE && v->class_type <= MAT_C_UINT64 && (or_complex || !v->isComplex) && v->dims;
}

static bool is_array(const matvar_t *v)
{
    return is_numeric(v, false) && (v->rank == 2 || v->rank == 3) && v->dims[0] > 1 && v->dims[1] > 1;
}

/* "a (128 x 128 x 225), b (1 x 1)" */
static void list_variables(mat_t *mat, char *out, size_t size)
{
    size_t used = 0;
    matvar_t *v;
    out[0] = 0;
    (void)Mat_Rewind(mat);
    while ((v = Mat_VarReadNextInfo(mat)) != NULL) {
        char dims[64] = "";
        for (int d = 0; d < v->rank && d < 4 && v->dims; d++) {
            const size_t at = strlen(dims);
            (void)snprintf(dims + at, sizeof dims - at, "%s%zu", d ? " x " : "", v->dims[d]);
        }
        if (used < size) {
            const int length =
                snprintf(out + used, size - used, "%s%s (%s)", used ? ", " : "", v->name ? v->name : "?", dims);
            used += length > 0 ? (size_t)length : 0;
        }
        Mat_VarFree(v);
    }
    if (used == 0) (void)snprintf(out, size, "none");
}

static sg_status find_only_array(matvar_t **out, mat_t *mat, const char *path)
{
    char names[400];
    int count = 0;
    matvar_t *v, *found = NULL;
    while ((v = Mat_VarReadNextInfo(mat)) != NULL) {
        const bool fits = is_array(v);
        count += fits;
        if (fits && !found)
            found = v;
        else
            Mat_VarFree(v);
    }
    if (count == 1) {
        *out = found;
        return SG_OK;
    }
    Mat_VarFree(found);
    list_variables(mat, names, sizeof names);
    SG_FAIL(SG_E_FORMAT, "%s: %d variables are numeric arrays, one is expected; the file holds: %s", path, count,
            names);
}

static sg_status find_variable(matvar_t **out, mat_t *mat, const char *path, const char *name)
{
    char names[400];
    if (!name || !*name) return find_only_array(out, mat, path);
    *out = Mat_VarReadInfo(mat, name);
    if (*out) return SG_OK;
    list_variables(mat, names, sizeof names);
    SG_FAIL(SG_E_FORMAT, "%s: no variable '%s'; the file holds: %s", path, name, names);
}

/* ---- numbers ---- */

static double number(const matvar_t *v, const void *data, size_t i)
{
    switch (v->class_type) {
    case MAT_C_DOUBLE: return ((const double *)data)[i];
    case MAT_C_SINGLE: return (double)((const float *)data)[i];
    case MAT_C_INT8: return ((const int8_t *)data)[i];
    case MAT_C_UINT8: return ((const uint8_t *)data)[i];
    case MAT_C_INT16: return ((const int16_t *)data)[i];
    case MAT_C_UINT16: return ((const uint16_t *)data)[i];
    case MAT_C_INT32: return ((const int32_t *)data)[i];
    case MAT_C_UINT32: return ((const uint32_t *)data)[i];
    case MAT_C_INT64: return (double)((const int64_t *)data)[i];
    default: return (double)((const uint64_t *)data)[i];
    }
}

/* libmatio keeps what it could read of a truncated variable, and says so only in its log. */
static sg_status read_numbers(mat_t *mat, matvar_t *v, const char *path)
{
    mat_text[0] = 0;
    if (Mat_VarReadDataAll(mat, v) != 0 || !v->data || mat_text[0])
        SG_FAIL(SG_E_FORMAT, "%s: cannot read variable '%s': %s", path, v->name,
                mat_text[0] ? mat_text : "the file is truncated");
    return SG_OK;
}

/* One page: column-major numbers become rows. */
static void store_page(float *to, const matvar_t *v, const void *data, size_t plane)
{
    const size_t rows = v->dims[0], columns = v->dims[1];
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++)
            *to++ = (float)number(v, data, (plane * columns + column) * rows + row);
}

static void store(sg_image *out, const matvar_t *v)
{
    const size_t page = (size_t)out->height * (size_t)out->width;
    for (int i = 0; i < out->pages; i++) {
        const mat_complex_split_t *split = v->data;
        const void *data = !out->is_complex ? v->data : i % 2 ? split->Im : split->Re;
        store_page(out->data + (size_t)i * page, v, data, (size_t)(out->is_complex ? i / 2 : i));
    }
}

static sg_status read_array(sg_image *out, mat_t *mat, matvar_t *v, const char *path, size_t size,
                            sg_image_options options)
{
    enum { DIM_MAX = 1 << 28 };
    if (!is_numeric(v, options.or_complex) || v->rank < 2 || v->rank > 3)
        SG_FAIL(SG_E_FORMAT, "%s: variable '%s' is not a %snumeric array of 2 or 3 dimensions", path, v->name,
                options.or_complex ? "" : "real ");
    size_t dims[3] = {1, 1, 1};
    for (int d = 0; d < v->rank; d++) dims[d] = v->dims[d] < DIM_MAX ? v->dims[d] : DIM_MAX + 1;
    SG_TRY(sg_image_make(out, (long long)dims[2] * (v->isComplex ? 2 : 1), (long long)dims[0], (long long)dims[1], size,
                         path));
    out->is_float = v->class_type == MAT_C_DOUBLE || v->class_type == MAT_C_SINGLE;
    out->is_complex = v->isComplex != 0;
    SG_TRY(read_numbers(mat, v, path));
    if (v->nbytes / dims[0] / dims[1] / dims[2] < (size_t)v->data_size || v->data_size < 1) /* of one part */
        SG_FAIL(SG_E_FORMAT, "%s: variable '%s' is damaged", path, v->name);
    out->bits = v->data_size * 8;
    store(out, v);
    return SG_OK;
}

sg_status sg_mat_read_array(sg_image *out, const char *path, const char *variable)
{
    return sg_mat_read_array_as(out, path, variable, (sg_image_options){0});
}

sg_status sg_mat_read_array_as(sg_image *out, const char *path, const char *variable, sg_image_options options)
{
    mat_t *mat = NULL;
    matvar_t *v = NULL;
    size_t size = 0;
    *out = (sg_image){0};
    SG_TRY(open_mat(&mat, path, &size));
    sg_status status = find_variable(&v, mat, path, variable);
    if (status == SG_OK) status = read_array(out, mat, v, path, size, options);
    Mat_VarFree(v);
    (void)Mat_Close(mat);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

static sg_status read_scalar(double *out, mat_t *mat, matvar_t *v, const char *path)
{
    if (!is_numeric(v, false) || v->rank != 2 || v->dims[0] != 1 || v->dims[1] != 1)
        SG_FAIL(SG_E_FORMAT, "%s: variable '%s' is not one real number", path, v->name);
    SG_TRY(read_numbers(mat, v, path));
    *out = number(v, v->data, 0);
    return SG_OK;
}

sg_status sg_mat_read_scalar(double *out, const char *path, const char *variable)
{
    mat_t *mat = NULL;
    matvar_t *v = NULL;
    size_t size = 0;
    SG_TRY(open_mat(&mat, path, &size));
    sg_status status = find_variable(&v, mat, path, variable);
    if (status == SG_OK) status = read_scalar(out, mat, v, path);
    Mat_VarFree(v);
    (void)Mat_Close(mat);
    return status;
}
