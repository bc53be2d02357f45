/* checkpoint.c - the numbers of a checkpoint as notes of a safetensors file: integers in decimal, doubles as
 * hexadecimal floats, so that they come back to the bit. */
#include "pipeline/checkpoint.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/model_tensors.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char FORMAT[] = "scopegrad-checkpoint 3";

typedef struct sg_field {
    const char *name;
    enum { FIELD_U64, FIELD_I64, FIELD_F64 } type;
    size_t offset;
} sg_field;

/* The model's own step count is stored with the rest. */
typedef struct sg_record {
    sg_checkpoint state;
    int64_t model_steps;
} sg_record;

static const sg_field fields[] = {
    {"config_hash", FIELD_U64, offsetof(sg_record, state.config_hash)},
    {"train_hash", FIELD_U64, offsetof(sg_record, state.data_hash[0])},
    {"validation_hash", FIELD_U64, offsetof(sg_record, state.data_hash[1])},
    {"seed", FIELD_U64, offsetof(sg_record, state.seed)},
    {"step", FIELD_I64, offsetof(sg_record, state.step)},
    {"model_steps", FIELD_I64, offsetof(sg_record, model_steps)},
    {"best_step", FIELD_I64, offsetof(sg_record, state.best_step)},
    {"best_metric", FIELD_F64, offsetof(sg_record, state.best_metric)},
    {"best_loss", FIELD_F64, offsetof(sg_record, state.best_loss)},
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0], TEXT_MAX = 40 };

static void field_text(char out[TEXT_MAX], const sg_field *field, const sg_record *record)
{
    const void *at = (const char *)record + field->offset;
    switch (field->type) {
    case FIELD_U64: (void)snprintf(out, TEXT_MAX, "%" PRIu64, *(const uint64_t *)at); break;
    case FIELD_I64: (void)snprintf(out, TEXT_MAX, "%" PRId64, *(const int64_t *)at); break;
    case FIELD_F64: (void)snprintf(out, TEXT_MAX, "%a", *(const double *)at); break;
    }
}

static bool field_parse(sg_record *record, const sg_field *field, const char *text)
{
    void *at = (char *)record + field->offset;
    char *end = NULL;
    errno = 0;
    switch (field->type) {
    case FIELD_U64: *(uint64_t *)at = strtoull(text, &end, 10); break;
    case FIELD_I64: *(int64_t *)at = strtoll(text, &end, 10); break;
    case FIELD_F64: *(double *)at = strtod(text, &end); break;
    }
    return *text && !*end && (errno == 0 || field->type == FIELD_F64);
}

sg_status sg_checkpoint_write(const char *path, const sg_model *model, const sg_checkpoint *state)
{
    const sg_record record = {*state, sg_model_steps(model)};
    sg_tensor *tensors;
    sg_tensor_note notes[FIELD_COUNT + 1] = {{"format", FORMAT}};
    char text[FIELD_COUNT][TEXT_MAX];
    void *bytes = NULL;
    size_t size;
    int count;
    sg_status status = SG_OK;
    for (int i = 0; i < FIELD_COUNT; i++) {
        field_text(text[i], &fields[i], &record);
        notes[i + 1] = (sg_tensor_note){fields[i].name, text[i]};
    }
    SG_TRY(sg_model_tensors(&tensors, &count, model, SG_TENSORS_ALL));
    SG_TRY_DONE(sg_safetensors_encode(&bytes, &size, tensors, count, notes, FIELD_COUNT + 1));
    SG_TRY_DONE(sg_file_write(path, bytes, size));
done:
    sg_free(bytes);
    sg_free(tensors);
    return status;
}

static sg_status read_record(sg_record *out, const sg_safetensors *file, const char *path)
{
    const char *format = sg_safetensors_note(file, "format");
    if (!format || strcmp(format, FORMAT) != 0)
        SG_FAIL(SG_E_FORMAT, "%s: not a checkpoint of this version ('%.40s', expected '%s')", path,
                format ? format : "", FORMAT);
    for (int i = 0; i < FIELD_COUNT; i++) {
        const char *text = sg_safetensors_note(file, fields[i].name);
        if (!text || !field_parse(out, &fields[i], text))
            SG_FAIL(SG_E_FORMAT, "%s: %s is missing or not a number", path, fields[i].name);
    }
    if (out->state.step < 0 || out->model_steps < 0 || out->state.best_step < -1)
        SG_FAIL(SG_E_FORMAT, "%s: a count is negative", path);
    return SG_OK;
}

sg_status sg_checkpoint_read(sg_checkpoint *out, sg_model *model, const char *path, uint64_t config_hash)
{
    sg_safetensors *file;
    sg_record record;
    sg_status status = SG_OK;
    SG_TRY(sg_safetensors_read(&file, path));
    SG_TRY_DONE(read_record(&record, file, path));
    if (config_hash && config_hash != record.state.config_hash)
        SG_FAIL_DONE(SG_E_FORMAT, "%s: made with another configuration (%016" PRIx64 ", this one is %016" PRIx64 ")",
                     path, record.state.config_hash, config_hash);
    SG_TRY_DONE(sg_model_tensors_load(model, file, SG_TENSORS_ALL, path));
    sg_model_steps_set(model, record.model_steps);
    *out = record.state;
done:
    sg_safetensors_free(file);
    return status;
}

sg_status sg_checkpoint_peek(sg_checkpoint *out, const char *path)
{
    sg_safetensors *file;
    sg_record record;
    SG_TRY(sg_safetensors_read(&file, path));
    const sg_status status = read_record(&record, file, path);
    if (status == SG_OK) *out = record.state;
    sg_safetensors_free(file);
    return status;
}
