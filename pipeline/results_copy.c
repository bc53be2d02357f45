/* results_copy.c - a run's results, read from one HDF5 file and written into another by the writers of results.c: H5Ocopy
 * would lose the dimension scales, which refer to other objects, and the copy of a copy would have other bytes. */
#include "core/memory.h"
#include "pipeline/results_hdf5.h"
#include "pipeline/schema.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8, NAME_BYTES = 200, ELEMENTS_MAX = 1 << 28 };

typedef struct copy {
    sg_results *to; /* begins where the run does: its paths stay as they are */
    sg_results_scalar_visitor visit;
    void *context;
} copy;

static sg_status fail(const char *path)
{
    SG_FAIL(SG_E_FORMAT, "results: HDF5 cannot read %s", path);
}

static sg_status path_below(char out[SG_RESULTS_PATH_MAX], const char *above, const char *name)
{
    if (snprintf(out, SG_RESULTS_PATH_MAX, "%s%s", above, name) < SG_RESULTS_PATH_MAX) return SG_OK;
    SG_FAIL(SG_E_FORMAT, "results: the path %s%s is too long", above, name);
}

/* ---- attributes: one number or one text; references belong to scales ---- */

static sg_status attribute_copy(const copy *c, const char *path, const char *name, hid_t attribute, H5T_class_t kind)
{
    if (kind == H5T_STRING) {
        char *text = NULL;
        const hid_t type = sg_hdf5_text_type();
        const bool read = H5Aread(attribute, type, &text) >= 0;
        H5Tclose(type);
        if (!read) return fail(name);
        const sg_status status = sg_results_attribute_text(c->to, path, name, text != NULL ? text : "");
        (void)H5free_memory(text);
        return status;
    }
    double number;
    if (H5Aread(attribute, H5T_NATIVE_DOUBLE, &number) < 0) return fail(name);
    return sg_results_attribute_number(c->to, path, name, number);
}

/* Not what belongs to scales, nor what collect itself writes. */
static bool is_wanted(const char *name, H5T_class_t kind)
{
    static const char *const others[] = {"CLASS", "NAME", SG_RESULTS_SEAL_NAME};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(name, others[i]) == 0) return false;
    return kind == H5T_STRING || kind == H5T_FLOAT || kind == H5T_INTEGER;
}

static sg_status attributes_copy(const copy *c, hid_t from, const char *path)
{
    const int count = H5Aget_num_attrs(from);
    for (int i = 0; i < count; i++) {
        char name[NAME_BYTES] = "";
        const hid_t attribute =
            H5Aopen_by_idx(from, ".", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, H5P_DEFAULT, H5P_DEFAULT);
        if (attribute < 0) return fail(path);
        (void)H5Aget_name(attribute, sizeof name, name);
        const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
        const H5T_class_t kind = H5Tget_class(type);
        const bool one = H5Sget_simple_extent_npoints(space) == 1;
        H5Sclose(space);
        H5Tclose(type);
        const sg_status status = one && is_wanted(name, kind) ? attribute_copy(c, path, name, attribute, kind) : SG_OK;
        H5Aclose(attribute);
        SG_TRY(status);
    }
    return SG_OK;
}

/* ---- datasets ---- */

static bool block_size(sg_hdf5_block *out, hid_t set)
{
    const hid_t space = H5Dget_space(set);
    out->rank = H5Sget_simple_extent_ndims(space);
    out->count = 1;
    const bool fits = out->rank >= 0 && out->rank <= SG_RESULTS_RANK;
    if (fits) (void)H5Sget_simple_extent_dims(space, out->dims, NULL);
    H5Sclose(space);
    for (int i = 0; fits && i < out->rank; i++) {
        if (out->dims[i] < 1 || out->dims[i] > ELEMENTS_MAX / out->count) return false;
        out->count *= out->dims[i];
    }
    return fits;
}

static sg_status block_read(sg_hdf5_block *out, hid_t set, const char *path)
{
    *out = (sg_hdf5_block){.type = H5Dget_type(set)};
    if (!block_size(out, set)) return fail(path);
    SG_TRY(sg_alloc(&out->data, out->count, H5Tget_size(out->type), path));
    const hid_t transfer = sg_hdf5_transfer();
    const herr_t error = H5Dread(set, out->type, H5S_ALL, H5S_ALL, transfer, out->data);
    H5Pclose(transfer);
    return error < 0 ? fail(path) : SG_OK;
}

/* The texts of a block lie in memory of HDF5. */
static void block_free(sg_hdf5_block *block)
{
    if (block->data != NULL && H5Tis_variable_str(block->type) > 0)
        for (size_t i = 0; i < block->count; i++) (void)H5free_memory(((char **)block->data)[i]);
    sg_free(block->data);
    H5Tclose(block->type);
}

/* Doubles, one or two of them. */
static sg_status show(const copy *c, const char *path, const sg_hdf5_block *block)
{
    const bool f64 = H5Tequal(block->type, H5T_IEEE_F64LE) > 0;
    double value[2];
    if (!f64 || block->count > 2) return SG_OK;
    if (H5Tconvert(H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, block->count, block->data, NULL, H5P_DEFAULT) < 0)
        return fail(path);
    memcpy(value, block->data, block->count * sizeof *value);
    return c->visit(c->context, path, value, (int)block->count);
}

static sg_status dataset_copy(const copy *c, hid_t from, const char *path)
{
    sg_hdf5_block block;
    sg_status status = block_read(&block, from, path);
    if (status == SG_OK) status = sg_hdf5_block_write(c->to, path, &block);
    if (status == SG_OK) status = show(c, path, &block);
    block_free(&block);
    SG_TRY(status);
    return attributes_copy(c, from, path);
}

/* ---- all that stands in a group, in alphabetical order ---- */

typedef sg_status (*dataset_visitor)(const copy *c, hid_t set, const char *path);

static sg_status members_visit(const copy *c, hid_t group, const char *path, int depth, dataset_visitor visit)
{
    H5G_info_t info = {0};
    sg_status status = SG_OK;
    if (depth > DEPTH_MAX || H5Gget_info(group, &info) < 0) return fail(path);
    for (hsize_t i = 0; i < info.nlinks && status == SG_OK; i++) {
        char name[NAME_BYTES + 1] = "/", below[SG_RESULTS_PATH_MAX];
        const ssize_t len =
            H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name + 1, NAME_BYTES, H5P_DEFAULT);
        if (len < 0 || len >= NAME_BYTES) return fail(path);
        SG_TRY(path_below(below, path, name));
        const hid_t object = H5Oopen(group, name + 1, H5P_DEFAULT);
        const H5I_type_t kind = object < 0 ? H5I_BADID : H5Iget_type(object);
        if (kind == H5I_GROUP)
            status = members_visit(c, object, below, depth + 1, visit);
        else
            status = kind == H5I_DATASET ? visit(c, object, below) : fail(below);
        if (object >= 0) H5Oclose(object);
    }
    return status;
}

static sg_status dataset_show(const copy *c, hid_t set, const char *path)
{
    sg_hdf5_block block = {0};
    if (!block_size(&block, set) || block.count > 2) return SG_OK;
    SG_TRY(block_read(&block, set, path));
    const sg_status status = show(c, path, &block);
    block_free(&block);
    return status;
}

sg_status sg_results_scalars(const sg_results_file *from, sg_results_scalar_visitor visit, void *context)
{
    const copy c = {.visit = visit, .context = context};
    const hid_t group = H5Gopen2(from->file, "/", H5P_DEFAULT);
    if (group < 0) return fail("/");
    const sg_status status = members_visit(&c, group, "", 0, dataset_show);
    H5Gclose(group);
    return status;
}

static sg_status dataset_scales(const copy *c, hid_t set, const char *path)
{
    (void)set;
    return sg_hdf5_scales(c->to->file, path);
}

static sg_status copy_all(const copy *c, hid_t from)
{
    SG_TRY(attributes_copy(c, from, "/"));
    SG_TRY(members_visit(c, from, "", 0, dataset_copy));
    return members_visit(c, c->to->file, "", 0, dataset_scales); /* now that all datasets are there */
}

sg_status sg_results_copy(sg_results *to, const char *to_path, const sg_results_file *from, const char *from_path,
                          sg_results_scalar_visitor visit, void *context)
{
    sg_results inside = *to;
    const copy c = {.to = &inside, .visit = visit, .context = context};
    const hid_t group = H5Gopen2(from->file, from_path, H5P_DEFAULT);
    inside.file = H5Gopen2(to->file, to_path, H5P_DEFAULT);
    const sg_status status = group < 0 || inside.file < 0 ? fail(from_path) : copy_all(&c, group);
    if (inside.file >= 0) H5Gclose(inside.file);
    if (group >= 0) H5Gclose(group);
    return status;
}
