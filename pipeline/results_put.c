/* results_put.c - writes datasets as the table of schema.h says. */
#include "pipeline/results_hdf5.h"
#include "pipeline/schema.h"

#include <hdf5_hl.h>
#include <math.h>
#include <string.h>

static sg_status row_find(const sg_schema_row **out, bool *initial, const char *path, bool text)
{
    *out = sg_schema_find(path, initial);
    if (*out == NULL) SG_FAIL(SG_E_STATE, "results: %s is not in the table of pipeline/schema.c", path);
    if (((*out)->type == SG_RESULTS_TEXT) != text)
        SG_FAIL(SG_E_STATE, "results: %s is %s in the table of pipeline/schema.c", path, text ? "a number" : "text");
    return SG_OK;
}

/* "name" beside /a/b is /a/name. */
static bool scale_path(char out[SG_RESULTS_PATH_MAX], const char *path, const char *word, size_t len)
{
    const size_t above = word[0] == '/' ? 0 : (size_t)(strrchr(path, '/') - path) + 1;
    if (above + len >= SG_RESULTS_PATH_MAX) return false;
    memcpy(out, path, above);
    memcpy(out + above, word, len);
    out[above + len] = '\0';
    return true;
}

/* Only a scale that is there and as long as the dimension: a file may hold less than the table allows. */
static sg_status scale_attach(hid_t base, hid_t set, int axis, hsize_t len, const char *scale)
{
    const char *inside = scale + 1;
    if (!sg_hdf5_exists(base, scale)) return SG_OK;
    const hid_t other = H5Dopen2(base, inside, H5P_DEFAULT), space = H5Dget_space(other);
    hsize_t size = 0;
    const bool same =
        H5Sget_simple_extent_ndims(space) == 1 && H5Sget_simple_extent_dims(space, &size, NULL) == 1 && size == len;
    const bool failed = same && H5DSis_scale(other) <= 0 && H5DSset_scale(other, strrchr(scale, '/') + 1) < 0;
    const herr_t error = !same ? 0 : failed ? -1 : H5DSattach_scale(set, other, (unsigned)axis);
    H5Sclose(space);
    H5Dclose(other);
    if (error < 0) SG_FAIL(SG_E_MEMORY, "results: HDF5 cannot attach the scale %s", scale);
    return SG_OK;
}

sg_status sg_hdf5_scales(hid_t base, const char *path)
{
    const sg_schema_row *row = sg_schema_find(path, NULL);
    if (row == NULL || row->scales == NULL) return SG_OK;
    hsize_t dims[SG_RESULTS_RANK] = {0};
    sg_status status = SG_OK;
    const hid_t set = H5Dopen2(base, path + 1, H5P_DEFAULT), space = H5Dget_space(set);
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank > 0 && rank <= SG_RESULTS_RANK) (void)H5Sget_simple_extent_dims(space, dims, NULL);
    const char *word = row->scales;
    for (int axis = 0; axis < rank && *word && status == SG_OK; axis++) {
        char scale[SG_RESULTS_PATH_MAX];
        const size_t len = strcspn(word, " ");
        if (word[0] != '-' && scale_path(scale, path, word, len))
            status = scale_attach(base, set, axis, dims[axis], scale);
        word += len + (word[len] == ' ');
    }
    H5Sclose(space);
    H5Dclose(set);
    return status;
}

static sg_status put_array(sg_results *results, const char *path, sg_results_type type, const int *dims,
                           const void *data, sg_results_word word)
{
    SG_TRY(sg_results_array(results, path, type, (int)strlen(word.axes), dims, data, word.unit, word.long_name,
                            word.axes));
    return sg_hdf5_scales(results->file, path);
}

static void name_long(char out[256], const sg_schema_row *row, bool initial)
{
    (void)snprintf(out, 256, "%s%s", row->long_name, initial ? ", before training" : "");
}

sg_status sg_results_put(sg_results *results, const char *path, const int *dims, const void *data)
{
    const sg_schema_row *row;
    bool initial;
    char long_name[256];
    SG_TRY(row_find(&row, &initial, path, false));
    if (row->axes == NULL || row->unit == NULL)
        SG_FAIL(SG_E_STATE, "results: axes and unit of %s are the writer's", path);
    name_long(long_name, row, initial);
    return put_array(results, path, row->type, dims, data, (sg_results_word){row->unit, long_name, row->axes});
}

sg_status sg_results_put_as(sg_results *results, const char *path, const int *dims, const void *data,
                            sg_results_word word)
{
    const sg_schema_row *row;
    SG_TRY(row_find(&row, NULL, path, false));
    if (row->axes != NULL && row->unit != NULL)
        SG_FAIL(SG_E_STATE, "results: axes and unit of %s are in the table", path);
    if (word.axes[0] == '\0')
        return sg_results_scalar(results, path, (double)*(const float *)data, word.unit, word.long_name);
    return put_array(results, path, row->type, dims, data, word);
}

sg_status sg_results_put_number(sg_results *results, const char *path, double value)
{
    const sg_schema_row *row;
    bool initial;
    char long_name[256];
    SG_TRY(row_find(&row, &initial, path, false));
    if (row->type != SG_RESULTS_F64 || row->axes == NULL || row->axes[0] != '\0')
        SG_FAIL(SG_E_STATE, "results: %s is not one number of type f64 in the table", path);
    if (strncmp(path, "/@", 2) == 0) return sg_results_attribute_number(results, "/", path + 2, value);
    name_long(long_name, row, initial);
    return sg_results_scalar(results, path, value, row->unit, long_name);
}

sg_status sg_results_put_known(sg_results *results, const char *path, double value)
{
    return isnan(value) ? SG_OK : sg_results_put_number(results, path, value);
}

sg_status sg_results_put_text(sg_results *results, const char *path, const char *text)
{
    const sg_schema_row *row;
    SG_TRY(row_find(&row, NULL, path, true));
    if (strncmp(path, "/@", 2) == 0) return sg_results_attribute_text(results, "/", path + 2, text);
    return sg_results_text(results, path, text, row->long_name);
}

sg_status sg_results_put_texts(sg_results *results, const char *path, const char *const *texts, int count)
{
    const sg_schema_row *row;
    SG_TRY(row_find(&row, NULL, path, true));
    SG_TRY(sg_results_texts(results, path, texts, count, row->long_name));
    SG_TRY(sg_results_attribute_text(results, path, "axes", row->axes));
    return sg_hdf5_scales(results->file, path);
}
