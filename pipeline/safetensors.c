/* safetensors.c - encode and decode; see the header for the format. The JSON is cJSON's, the checks are ours. */
#include "pipeline/safetensors.h"

#include "core/file.h"
#include "core/memory.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little endian; this machine needs a byte swap here"
#endif

static const size_t HEADER_MAX = (size_t)16 << 20;

struct sg_safetensors {
    sg_tensor *tensors; /* sorted by offset */
    sg_tensor **by_name;
    int count;
    float *data;
    cJSON *header;
    char name[256];
};

/* ---- encode ---- */

static bool add_tensor(cJSON *header, const sg_tensor *tensor, size_t *offset)
{
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name);
    cJSON *dtype = cJSON_AddStringToObject(entry, "dtype", "F32");
    cJSON *shape = cJSON_AddArrayToObject(entry, "shape");
    cJSON *range = cJSON_AddArrayToObject(entry, "data_offsets");
    if (!dtype || !shape || !range) return false;
    bool ok = true;
    for (int i = 0; i < tensor->rank; i++) ok = cJSON_AddItemToArray(shape, cJSON_CreateNumber(tensor->dims[i])) && ok;
    ok = cJSON_AddItemToArray(range, cJSON_CreateNumber((double)*offset)) && ok;
    *offset += tensor->len * sizeof(float);
    return cJSON_AddItemToArray(range, cJSON_CreateNumber((double)*offset)) && ok;
}

static char *make_header(const sg_tensor *tensors, int count, const sg_tensor_note *notes, int note_count, size_t *data)
{
    cJSON *header = cJSON_CreateObject();
    char *text = NULL;
    bool ok = header != NULL;
    *data = 0;
    cJSON *metadata = note_count ? cJSON_AddObjectToObject(header, "__metadata__") : NULL;
    for (int i = 0; ok && i < note_count; i++)
        ok = cJSON_AddStringToObject(metadata, notes[i].key, notes[i].value) != NULL;
    for (int i = 0; ok && i < count; i++) ok = add_tensor(header, &tensors[i], data);
    if (ok) text = cJSON_PrintUnformatted(header);
    cJSON_Delete(header);
    return text;
}

sg_status sg_safetensors_encode(void **out, size_t *size, const sg_tensor *tensors, int count,
                                const sg_tensor_note *notes, int note_count)
{
    size_t data;
    sg_status status = SG_OK;
    char *text = make_header(tensors, count, notes, note_count, &data);
    *out = NULL;
    if (!text) SG_FAIL(SG_E_MEMORY, "safetensors: out of memory");
    const size_t length = strlen(text);
    const uint64_t padded = (length + 7) / 8 * 8;
    *size = 8 + padded + data;
    SG_TRY_DONE(sg_alloc(out, *size, 1, "safetensors"));
    char *at = *out;
    memcpy(at, &padded, 8);
    memcpy(at + 8, text, length);
    memset(at + 8 + length, ' ', padded - length);
    at += 8 + padded;
    for (int i = 0; i < count; i++) {
        memcpy(at, tensors[i].data, tensors[i].len * sizeof(float));
        at += tensors[i].len * sizeof(float);
    }
done:
    cJSON_free(text);
    return status;
}

/* ---- decode ---- */

/* A whole number 0..limit from JSON. */
static bool whole(const cJSON *item, double limit, size_t *out)
{
    if (!cJSON_IsNumber(item)) return false;
    const double value = item->valuedouble;
    if (!(value >= 0 && value <= limit)) return false;
    *out = (size_t)value;
    return (double)*out == value;
}

static sg_status read_shape(sg_tensor *tensor, const cJSON *shape, size_t most, const char *name)
{
    const int rank = cJSON_IsArray(shape) ? cJSON_GetArraySize(shape) : -1;
    if (rank < 0 || rank > SG_TENSOR_RANK_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: %s: the shape is not a list of at most %d numbers", name, tensor->name,
                SG_TENSOR_RANK_MAX);
    tensor->rank = rank;
    tensor->len = 1;
    int i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, shape)
    {
        size_t dim;
        if (!whole(item, INT32_MAX, &dim) || dim < 1 || dim > most / tensor->len)
            SG_FAIL(SG_E_FORMAT, "%s: %s: the shape does not fit the size of the file", name, tensor->name);
        tensor->dims[i++] = (int)dim;
        tensor->len *= dim;
    }
    return SG_OK;
}

/* Sets everything but `data`; *begin is its byte offset. */
static sg_status read_entry(sg_tensor *tensor, size_t *begin, const cJSON *entry, size_t data_size, const char *name)
{
    const char *key = entry->string;
    if (!*key || strlen(key) >= SG_TENSOR_NAME_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: a tensor's name is empty or too long: '%.60s'", name, key);
    (void)snprintf(tensor->name, sizeof tensor->name, "%s", key);
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype");
    const cJSON *range = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3 || !cJSON_IsString(dtype) || !cJSON_IsArray(range) ||
        cJSON_GetArraySize(range) != 2)
        SG_FAIL(SG_E_FORMAT, "%s: %s: expected dtype, shape and two data_offsets", name, key);
    if (strcmp(dtype->valuestring, "F32") != 0)
        SG_FAIL(SG_E_FORMAT, "%s: %s: numbers of type %.20s, only F32 is read", name, key, dtype->valuestring);
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(entry, "shape");
    SG_TRY(read_shape(tensor, shape, data_size / sizeof(float), name));
    size_t end;
    if (!whole(cJSON_GetArrayItem(range, 0), (double)data_size, begin) ||
        !whole(cJSON_GetArrayItem(range, 1), (double)data_size, &end) || end < *begin ||
        end - *begin != tensor->len * sizeof(float))
        SG_FAIL(SG_E_FORMAT, "%s: %s: its data_offsets do not fit its shape or the file", name, key);
    return SG_OK;
}

typedef struct sg_placed {
    size_t begin;
    sg_tensor tensor;
} sg_placed;

static int by_begin(const void *a, const void *b)
{
    const size_t x = ((const sg_placed *)a)->begin, y = ((const sg_placed *)b)->begin;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(sg_tensor *const *)a)->name, (*(sg_tensor *const *)b)->name);
}

static sg_status check_metadata(const cJSON *metadata, const char *name)
{
    const cJSON *item;
    if (!cJSON_IsObject(metadata)) SG_FAIL(SG_E_FORMAT, "%s: __metadata__ is not a set of texts", name);
    cJSON_ArrayForEach(item, metadata)
    {
        if (!cJSON_IsString(item)) SG_FAIL(SG_E_FORMAT, "%s: __metadata__ is not a set of texts", name);
    }
    return SG_OK;
}

/* Every entry but the metadata, checked one by one. */
static sg_status read_entries(sg_placed *placed, sg_safetensors *file, size_t data_size)
{
    const cJSON *entry;
    bool noted = false;
    cJSON_ArrayForEach(entry, file->header)
    {
        if (!strcmp(entry->string, "__metadata__")) {
            if (noted) SG_FAIL(SG_E_FORMAT, "%s: __metadata__ is given twice", file->name);
            noted = true;
            SG_TRY(check_metadata(entry, file->name));
            continue;
        }
        sg_placed *p = &placed[file->count++];
        SG_TRY(read_entry(&p->tensor, &p->begin, entry, data_size, file->name));
    }
    return SG_OK;
}

/* The tensors must tile the data: no gap, no overlap, nothing behind. */
static sg_status place_tensors(sg_safetensors *file, sg_placed *placed, size_t data_size)
{
    size_t at = 0;
    qsort(placed, (size_t)file->count, sizeof *placed, by_begin);
    for (int i = 0; i < file->count; i++) {
        if (placed[i].begin != at)
            SG_FAIL(SG_E_FORMAT, "%s: %s: its data %s", file->name, placed[i].tensor.name,
                    placed[i].begin < at ? "overlaps another tensor's" : "leaves a gap");
        file->tensors[i] = placed[i].tensor;
        file->tensors[i].data = file->data + at / sizeof(float);
        file->by_name[i] = &file->tensors[i];
        at += placed[i].tensor.len * sizeof(float);
    }
    if (at != data_size)
        SG_FAIL(SG_E_FORMAT, "%s: %zu bytes of numbers, the header says %zu", file->name, data_size, at);
    qsort(file->by_name, (size_t)file->count, sizeof *file->by_name, by_name);
    for (int i = 1; i < file->count; i++)
        if (by_name(&file->by_name[i - 1], &file->by_name[i]) == 0)
            SG_FAIL(SG_E_FORMAT, "%s: %s: given twice", file->name, file->by_name[i]->name);
    return SG_OK;
}

static sg_status parse_header(sg_safetensors *file, const char *text, size_t length)
{
    const char *end = NULL;
    file->header = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    while (file->header && end < text + length && *end == ' ') end++;
    if (!cJSON_IsObject(file->header) || text[0] != '{' || end != text + length)
        SG_FAIL(SG_E_FORMAT, "%s: the header is not JSON", file->name);
    return SG_OK;
}

static sg_status decode(sg_safetensors *file, const char *bytes, size_t size)
{
    uint64_t length = 0;
    sg_placed *placed = NULL;
    sg_status status = SG_OK;
    if (size >= 8) memcpy(&length, bytes, 8);
    if (size < 8 || length < 2 || length > HEADER_MAX || length > size - 8)
        SG_FAIL(SG_E_FORMAT, "%s: not a safetensors file, or cut off (%zu bytes)", file->name, size);
    const size_t data_size = size - 8 - length;
    SG_TRY(parse_header(file, bytes + 8, length));
    const size_t most = (size_t)cJSON_GetArraySize(file->header);
    SG_TRY_DONE(SG_ALLOC(&placed, most, file->name));
    SG_TRY_DONE(SG_ALLOC(&file->tensors, most, file->name));
    SG_TRY_DONE(SG_ALLOC(&file->by_name, most, file->name));
    SG_TRY_DONE(sg_alloc((void **)&file->data, data_size, 1, file->name));
    memcpy(file->data, bytes + 8 + length, data_size);
    SG_TRY_DONE(read_entries(placed, file, data_size));
    SG_TRY_DONE(place_tensors(file, placed, data_size));
done:
    sg_free(placed);
    return status;
}

sg_status sg_safetensors_decode(sg_safetensors **out, const void *bytes, size_t size, const char *name)
{
    sg_safetensors *file;
    *out = NULL;
    SG_TRY(SG_ALLOC(&file, 1, name));
    (void)snprintf(file->name, sizeof file->name, "%s", name);
    const sg_status status = decode(file, bytes, size);
    if (status == SG_OK)
        *out = file;
    else
        sg_safetensors_free(file);
    return status;
}

sg_status sg_safetensors_read(sg_safetensors **out, const char *path)
{
    void *bytes;
    size_t size;
    *out = NULL;
    SG_TRY(sg_file_read(&bytes, &size, path, 0));
    const sg_status status = sg_safetensors_decode(out, bytes, size, path);
    sg_free(bytes);
    return status;
}

void sg_safetensors_free(sg_safetensors *file)
{
    if (!file) return;
    cJSON_Delete(file->header);
    sg_free(file->tensors);
    sg_free(file->by_name);
    sg_free(file->data);
    sg_free(file);
}

/* ---- looking ---- */

int sg_safetensors_count(const sg_safetensors *file)
{
    return file->count;
}

const sg_tensor *sg_safetensors_at(const sg_safetensors *file, int index)
{
    return &file->tensors[index];
}

const sg_tensor *sg_safetensors_find(const sg_safetensors *file, const char *name)
{
    int lo = 0, hi = file->count;
    while (lo < hi) {
        const int middle = lo + (hi - lo) / 2, order = strcmp(name, file->by_name[middle]->name);
        if (!order) return file->by_name[middle];
        if (order < 0)
            hi = middle;
        else
            lo = middle + 1;
    }
    return NULL;
}

const char *sg_safetensors_note(const sg_safetensors *file, const char *key)
{
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(file->header, "__metadata__");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, key));
}
