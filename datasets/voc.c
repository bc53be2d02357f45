/* voc.c - see voc.h. XML by expat. */
#include "datasets/voc.h"

#include "core/file.h"
#include "core/memory.h"

#include <expat.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16, PATH_MAX_BYTES = 256, TEXT_MAX = 256, FILE_MAX_BYTES = 1 << 24 };

typedef struct job {
    XML_Parser parser;
    const char *path;
    sg_voc *out;
    int room, depth;
    char element[PATH_MAX_BYTES]; /* "annotation/object/name" */
    char text[TEXT_MAX];          /* inside the innermost element */
    size_t text_len;
    unsigned seen;    /* fields of this object: bits */
    sg_status status; /* of the first error; then the parser is stopped */
} job;

static void stop(job *j, sg_status status)
{
    if (j->status == SG_OK) j->status = status;
    (void)XML_StopParser(j->parser, XML_FALSE);
}

static int line_of(const job *j)
{
    return (int)XML_GetCurrentLineNumber(j->parser);
}

/* ---- fields: what is read, and where it goes ---- */

typedef enum field { NAME, X_MIN, Y_MIN, X_MAX, Y_MAX, OBJECT_FIELDS, WIDTH = OBJECT_FIELDS, HEIGHT, FIELDS } field;
static const char *const field_path[FIELDS] = {
    "annotation/object/name",        "annotation/object/bndbox/xmin", "annotation/object/bndbox/ymin",
    "annotation/object/bndbox/xmax", "annotation/object/bndbox/ymax", "annotation/size/width",
    "annotation/size/height",
};

static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    for (size_t len = strlen(text); len && strchr(" \t\r\n", text[len - 1]); len--) text[len - 1] = 0;
    return text;
}

static sg_status read_number(double *out, const job *j, const char *text, double lo, double hi)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= lo && *out <= hi))
        SG_FAIL(SG_E_FORMAT, "%s:%d: %s: '%.40s' is not a number in %g..%g", j->path, line_of(j), j->element, text, lo,
                hi);
    return SG_OK;
}

static sg_status read_name(sg_voc_box *box, const job *j, const char *text)
{
    const int wrote = snprintf(box->name, sizeof box->name, "%s", text);
    if (wrote < 1 || wrote >= SG_VOC_NAME)
        SG_FAIL(SG_E_FORMAT, "%s:%d: %s: '%.40s' has %d letters, 1..%d are allowed", j->path, line_of(j), j->element,
                text, wrote, SG_VOC_NAME - 1);
    return SG_OK;
}

static sg_status read_field(job *j, field f)
{
    const char *text = trim(j->text);
    double number;
    if (f >= OBJECT_FIELDS) {
        SG_TRY(read_number(&number, j, text, 0, 1e6));
        *(f == WIDTH ? &j->out->width : &j->out->height) = (int)number;
        return SG_OK;
    }
    sg_voc_box *box = &j->out->boxes[j->out->count - 1];
    j->seen |= 1u << f;
    if (f == NAME) return read_name(box, j, text);
    double *const place[] = {NULL, &box->x_min, &box->y_min, &box->x_max, &box->y_max};
    return read_number(place[f], j, text, -1e6, 1e6);
}

/* ---- objects ---- */

static sg_status begin_object(job *j)
{
    sg_voc *out = j->out;
    if (out->count == SG_VOC_BOXES_MAX)
        SG_FAIL(SG_E_FORMAT, "%s:%d: more than %d objects", j->path, line_of(j), SG_VOC_BOXES_MAX);
    if (out->count == j->room) {
        sg_voc_box *more;
        SG_TRY(SG_ALLOC(&more, 2 * (size_t)j->room + 16, j->path));
        if (out->count) memcpy(more, out->boxes, (size_t)out->count * sizeof *more);
        sg_free(out->boxes);
        out->boxes = more;
        j->room = 2 * j->room + 16;
    }
    out->boxes[out->count++] = (sg_voc_box){.line = line_of(j)};
    j->seen = 0;
    return SG_OK;
}

static sg_status end_object(const job *j)
{
    const sg_voc_box *box = &j->out->boxes[j->out->count - 1];
    for (field f = NAME; f < OBJECT_FIELDS; f++)
        if (!(j->seen & 1u << f))
            SG_FAIL(SG_E_FORMAT, "%s:%d: this object lacks %s", j->path, box->line, field_path[f]);
    if (box->x_min > box->x_max || box->y_min > box->y_max)
        SG_FAIL(SG_E_FORMAT, "%s:%d: the box %g..%g, %g..%g ends before it begins", j->path, box->line, box->x_min,
                box->x_max, box->y_min, box->y_max);
    return SG_OK;
}

/* ---- what expat calls ---- */

static void on_doctype(void *data, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                       int subset)
{
    job *j = data;
    (void)name, (void)system_id, (void)public_id, (void)subset;
    stop(j, sg_error_set(SG_E_FORMAT, "%s:%d: a DOCTYPE, which could declare entities, is not allowed", j->path,
                         line_of(j)));
}

static void on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    job *j = data;
    const size_t used = strlen(j->element);
    (void)attributes;
    if (j->status != SG_OK) return; /* expat may call once more after it was stopped */
    j->text_len = 0;
    if (++j->depth > DEPTH_MAX || used + strlen(name) + 2 > sizeof j->element) {
        stop(j, sg_error_set(SG_E_FORMAT, "%s:%d: elements nested deeper than %d, or names too long", j->path,
                             line_of(j), DEPTH_MAX));
        return;
    }
    (void)snprintf(j->element + used, sizeof j->element - used, "%s%s", used ? "/" : "", name);
    if (j->depth == 1 && strcmp(name, "annotation") != 0)
        stop(j,
             sg_error_set(SG_E_FORMAT, "%s:%d: it begins with <%.40s>, not <annotation>", j->path, line_of(j), name));
    if (strcmp(j->element, "annotation/object") == 0) {
        const sg_status status = begin_object(j);
        if (status != SG_OK) stop(j, status);
    }
}

static void on_text(void *data, const XML_Char *text, int length)
{
    job *j = data;
    const size_t room = sizeof j->text - 1 - j->text_len, take = (size_t)length < room ? (size_t)length : room;
    memcpy(j->text + j->text_len, text, take);
    j->text_len += take;
}

static void on_end(void *data, const XML_Char *name)
{
    job *j = data;
    sg_status status = SG_OK;
    (void)name;
    if (j->status != SG_OK) return;
    j->text[j->text_len] = 0;
    for (field f = NAME; status == SG_OK && f < FIELDS; f++)
        if (strcmp(j->element, field_path[f]) == 0) status = read_field(j, f);
    if (status == SG_OK && strcmp(j->element, "annotation/object") == 0) status = end_object(j);
    if (status != SG_OK) stop(j, status);
    char *slash = strrchr(j->element, '/');
    *(slash ? slash : j->element) = 0;
    j->text_len = 0;
    j->depth--;
}

/* ---- the file ---- */

static sg_status parse(job *j, const char *text, size_t size)
{
    XML_SetUserData(j->parser, j);
    XML_SetElementHandler(j->parser, on_start, on_end);
    XML_SetCharacterDataHandler(j->parser, on_text);
    XML_SetStartDoctypeDeclHandler(j->parser, on_doctype);
    const enum XML_Status parsed = XML_Parse(j->parser, text, (int)size, 1);
    if (j->status != SG_OK) return j->status;
    if (parsed == XML_STATUS_OK) return SG_OK;
    SG_FAIL(SG_E_FORMAT, "%s:%d: no XML: %s", j->path, line_of(j), XML_ErrorString(XML_GetErrorCode(j->parser)));
}

sg_status sg_voc_read(sg_voc *out, const char *path)
{
    void *text = NULL;
    size_t size;
    job j = {.path = path, .out = out};
    sg_status status;
    *out = (sg_voc){0};
    SG_TRY(sg_file_read(&text, &size, path, FILE_MAX_BYTES));
    j.parser = XML_ParserCreate(NULL);
    if (!j.parser) SG_FAIL_DONE(SG_E_MEMORY, "%s: no memory to read XML", path);
    status = parse(&j, text, size);
done:
    if (j.parser) XML_ParserFree(j.parser);
    sg_free(text);
    if (status != SG_OK) sg_voc_free(out);
    return status;
}

void sg_voc_free(sg_voc *voc)
{
    sg_free(voc->boxes);
    *voc = (sg_voc){0};
}
