/* ome.c - OME-XML in and out (ome-xml.org, schema 2016-06; docs.openmicroscopy.org/ome-model, "OME-TIFF"). Read is the
 * first Image only: its Pixels (sizes, DimensionOrder, PhysicalSize), the names of its channels, and TiffData, which say
 * which plane lies in which directory. */
#include "datasets/tiff_description.h"

#include "core/memory.h"

#include <expat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 5, DIRECTORIES_MAX = 1 << 20 };
static const char size_names[] = "XYZCT";

/* Planes from (z, c, t) on, `count` of them, lie in the directories from `first` on. */
typedef struct block {
    long long z, c, t, first, count;
} block;

typedef struct job {
    XML_Parser parser;
    sg_tiff_description *out;
    const char *path;
    int samples;
    long long size[SIZES]; /* X Y Z C T */
    char order[SIZES + 1]; /* fastest first, begins with XY */
    block *blocks;
    int count, room;
    bool done;        /* the first Image has ended */
    char file[256];   /* that TiffData name */
    sg_status status; /* of the first error; then the parser is stopped */
} job;

static void stop(job *j, sg_status status)
{
    if (j->status == SG_OK) j->status = status;
    (void)XML_StopParser(j->parser, XML_FALSE);
}

/* ---- attributes ---- */

static const char *find(const char *const *attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(attributes[0], name) == 0) return attributes[1];
    return NULL;
}

/* `otherwise` if it is not there; an error unless lo <= *out <= 2^28. */
static sg_status whole(long long *out, const job *j, const char *const *attributes, const char *name, long long lo,
                       long long otherwise)
{
    const char *text = find(attributes, name);
    char *end;
    *out = otherwise;
    if (!text) return SG_OK;
    *out = strtoll(text, &end, 10);
    if (end == text || *end || *out < lo || *out > 1 << 28)
        SG_FAIL(SG_E_FORMAT, "%s: its OME-XML says %s=\"%.40s\", a whole number of %lld..2^28 is needed", j->path, name,
                text, lo);
    return SG_OK;
}

static sg_status length_um(double *out, const job *j, const char *const *attributes, const char *name, const char *unit)
{
    const char *text = find(attributes, name), *unit_name = find(attributes, unit);
    char *end;
    *out = 0;
    if (!text) return SG_OK;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value > 0 && isfinite(value)))
        SG_FAIL(SG_E_FORMAT, "%s: its OME-XML says %s=\"%.40s\", a number above 0 is needed", j->path, name, text);
    *out = value * (unit_name ? sg_length_um(unit_name) : 1);
    return SG_OK;
}

/* ---- elements ---- */

static sg_status read_order(job *j, const char *const *attributes)
{
    const char *order = find(attributes, "DimensionOrder");
    if (!order) order = "XYZCT";
    bool good = strlen(order) == SIZES && strncmp(order, "XY", 2) == 0;
    for (int i = 2; good && i < SIZES; i++) good = strchr(order, size_names[i]) != NULL;
    if (!good) SG_FAIL(SG_E_FORMAT, "%s: its OME-XML says DimensionOrder=\"%.20s\", none like XYZCT", j->path, order);
    (void)snprintf(j->order, sizeof j->order, "%s", order);
    return SG_OK;
}

static sg_status read_pixels(job *j, const char *const *attributes)
{
    for (int i = 0; i < SIZES; i++) {
        const char name[] = {'S', 'i', 'z', 'e', size_names[i], 0};
        SG_TRY(whole(&j->size[i], j, attributes, name, 1, 0));
        if (j->size[i] == 0) SG_FAIL(SG_E_FORMAT, "%s: its OME-XML lacks %s", j->path, name);
    }
    if (j->size[3] % j->samples)
        SG_FAIL(SG_E_FORMAT, "%s: its OME-XML says SizeC=\"%lld\", but a pixel has %d samples", j->path, j->size[3],
                j->samples);
    j->size[3] /= j->samples;
    SG_TRY(length_um(&j->out->pixel_um[0], j, attributes, "PhysicalSizeY", "PhysicalSizeYUnit"));
    SG_TRY(length_um(&j->out->pixel_um[1], j, attributes, "PhysicalSizeX", "PhysicalSizeXUnit"));
    return read_order(j, attributes);
}

static sg_status read_channel(job *j, const char *const *attributes)
{
    const char *name = find(attributes, "Name");
    if (j->out->channels < SG_CHANNELS_MAX)
        (void)snprintf(j->out->channel[j->out->channels++], SG_CHANNEL_NAME, "%s", name ? name : "");
    return SG_OK;
}

/* An IFD alone is one plane, a count alone begins at directory 0, neither stands for all planes. */
static sg_status read_tiff_data(job *j, const char *const *attributes)
{
    block b;
    const bool lone = find(attributes, "IFD") != NULL;
    if (j->count == DIRECTORIES_MAX) SG_FAIL(SG_E_FORMAT, "%s: its OME-XML has too many TiffData", j->path);
    if (j->count == j->room) {
        block *more;
        SG_TRY(SG_ALLOC(&more, 2 * (size_t)j->room + 16, j->path));
        if (j->count) memcpy(more, j->blocks, (size_t)j->count * sizeof *more);
        sg_free(j->blocks);
        j->blocks = more;
        j->room = 2 * j->room + 16;
    }
    SG_TRY(whole(&b.first, j, attributes, "IFD", 0, 0));
    SG_TRY(whole(&b.z, j, attributes, "FirstZ", 0, 0));
    SG_TRY(whole(&b.c, j, attributes, "FirstC", 0, 0));
    SG_TRY(whole(&b.t, j, attributes, "FirstT", 0, 0));
    SG_TRY(whole(&b.count, j, attributes, "PlaneCount", 0, lone ? 1 : -1));
    j->blocks[j->count++] = b;
    return SG_OK;
}

/* All planes must lie in one file, whatever it was called when it was written. */
static sg_status read_uuid(job *j, const char *const *attributes)
{
    const char *name = find(attributes, "FileName");
    if (!name) return SG_OK;
    if (j->file[0] && strncmp(j->file, name, sizeof j->file - 1) != 0)
        SG_FAIL(SG_E_FORMAT, "%s: its OME-XML spreads the planes over several files, %.80s and %.80s; one file is read",
                j->path, j->file, name);
    (void)snprintf(j->file, sizeof j->file, "%s", name);
    return SG_OK;
}

static sg_status read_binary_only(job *j, const char *const *attributes)
{
    const char *file = find(attributes, "MetadataFile");
    SG_FAIL(SG_E_FORMAT, "%s: its OME-XML lies in another file, %.80s; one file is read", j->path,
            file ? file : "which is not named");
}

static const struct {
    const char *name;
    sg_status (*read)(job *j, const char *const *attributes);
} elements[] = {{"Pixels", read_pixels},
                {"Channel", read_channel},
                {"TiffData", read_tiff_data},
                {"UUID", read_uuid},
                {"BinaryOnly", read_binary_only}};

static const char *without_prefix(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static void on_element(void *context, const char *name, const char **attributes)
{
    job *j = context;
    for (size_t i = 0; !j->done && i < sizeof elements / sizeof *elements; i++)
        if (strcmp(elements[i].name, without_prefix(name)) == 0) {
            const sg_status status = elements[i].read(j, (const char *const *)attributes);
            if (status != SG_OK) stop(j, status);
        }
}

/* What follows are other images, and annotations, whose elements may be called as they like. */
static void on_end(void *context, const char *name)
{
    job *j = context;
    j->done |= strcmp(without_prefix(name), "Image") == 0;
}

/* Entities are what makes small XML large. */
static void on_doctype(void *context, const char *name, const char *system, const char *public, int internal)
{
    job *j = context;
    (void)name, (void)system, (void)public, (void)internal;
    stop(j, sg_error_set(SG_E_FORMAT, "%s: its OME-XML has a DOCTYPE, which is not read", j->path));
}

/* ---- planes ---- */

/* Steps (z, c, t) on to the next plane in the order of the file. */
static void next_plane(const job *j, long long at[3])
{
    for (int i = 2; i < SIZES; i++) {
        const int axis = (int)(strchr(size_names, j->order[i]) - size_names);
        if (++at[axis - 2] < j->size[axis]) return;
        at[axis - 2] = 0;
    }
}

static sg_status place_block(job *j, const block *b, long long planes)
{
    const long long *size = j->size;
    long long at[3] = {b->z, b->c, b->t};
    const long long count = b->count < 0 ? planes : b->count;
    if (at[0] >= size[2] || at[1] >= size[3] || at[2] >= size[4] || count > planes)
        SG_FAIL(SG_E_FORMAT,
                "%s: its OME-XML places %lld planes from Z %lld, C %lld, T %lld on, it has %lld x %lld x %lld", j->path,
                count, at[0], at[1], at[2], size[2], size[3], size[4]);
    for (long long i = 0; i < count; i++) {
        j->out->directory[(at[2] * size[2] + at[0]) * size[3] + at[1]] = (int)(b->first + i);
        next_plane(j, at);
    }
    return SG_OK;
}

/* The axes T, Z, C, and where each plane lies. */
static sg_status place_planes(job *j)
{
    const double product = (double)j->size[2] * (double)j->size[3] * (double)j->size[4];
    const block all = {.count = -1};
    if (j->size[0] == 0) SG_FAIL(SG_E_FORMAT, "%s: its OME-XML describes no Pixels", j->path);
    if (product > DIRECTORIES_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: its OME-XML claims %.0f planes, at most 2^20 are read", j->path, product);
    const long long planes = (long long)product;
    SG_TRY(SG_ALLOC(&j->out->directory, (size_t)planes, j->path));
    for (long long i = 0; i < planes; i++) j->out->directory[i] = -1;
    if (j->count == 0) SG_TRY(place_block(j, &all, planes));
    for (int i = 0; i < j->count; i++) SG_TRY(place_block(j, &j->blocks[i], planes));
    for (long long i = 0; i < planes; i++)
        if (j->out->directory[i] < 0)
            SG_FAIL(SG_E_FORMAT, "%s: its OME-XML has no TiffData for plane %lld of %lld", j->path, i, planes);
    sg_axes_add(&j->out->pages, 'T', j->size[4]);
    sg_axes_add(&j->out->pages, 'Z', j->size[2]);
    sg_axes_add(&j->out->pages, 'C', j->size[3]);
    j->out->size_x = j->size[0];
    j->out->size_y = j->size[1];
    return SG_OK;
}

static sg_status parse(job *j, const char *xml)
{
    XML_SetUserData(j->parser, j);
    XML_SetElementHandler(j->parser, on_element, on_end);
    XML_SetStartDoctypeDeclHandler(j->parser, on_doctype);
    const bool parsed = XML_Parse(j->parser, xml, (int)strlen(xml), 1) == XML_STATUS_OK;
    if (j->status != SG_OK) return j->status;
    if (!parsed)
        SG_FAIL(SG_E_FORMAT, "%s: its OME-XML is damaged in line %lu: %s", j->path,
                (unsigned long)XML_GetCurrentLineNumber(j->parser), XML_ErrorString(XML_GetErrorCode(j->parser)));
    return place_planes(j);
}

sg_status sg_ome_describe(sg_tiff_description *out, const char *xml, int samples, const char *path)
{
    job j = {.out = out, .path = path, .samples = samples > 0 ? samples : 1};
    if (strlen(xml) > 1 << 28) SG_FAIL(SG_E_FORMAT, "%s: OME-XML of %zu bytes, 2^28 are allowed", path, strlen(xml));
    j.parser = XML_ParserCreate(NULL);
    if (!j.parser) SG_FAIL(SG_E_MEMORY, "%s: expat cannot start", path);
    const sg_status status = parse(&j, xml);
    XML_ParserFree(j.parser);
    sg_free(j.blocks);
    return status;
}

/* ---- writing ---- */

static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        const char *const entity = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
        if (entity)
            (void)fputs(entity, out);
        else
            (void)fputc(*text, out);
    }
}

static void put_channels(FILE *out, const sg_ome_form *form)
{
    const int count = form->axis == 'C' ? form->pages : 1;
    for (int i = 0; i < count; i++) {
        (void)fprintf(out, "<Channel ID=\"Channel:0:%d\" SamplesPerPixel=\"1\" Name=\"", i);
        put_escaped(out, form->channel ? form->channel[i] : "");
        (void)fputs("\"/>", out);
    }
}

static void put_all(FILE *out, const sg_ome_form *f)
{
    (void)fprintf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                  "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" "
                  "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
                  "xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06 "
                  "http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\" Creator=\"Scopegrad\">"
                  "<Image ID=\"Image:0\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"%s\" SizeX=\"%d\" "
                  "SizeY=\"%d\" SizeC=\"%d\" SizeZ=\"%d\" SizeT=\"%d\"",
                  f->type, f->width, f->height, f->axis == 'C' ? f->pages : 1, f->axis == 'Z' ? f->pages : 1,
                  f->axis == 'T' ? f->pages : 1);
    for (int i = 0; f->pixel_um > 0 && i < 2; i++)
        (void)fprintf(out, " PhysicalSize%c=\"%.9g\" PhysicalSize%cUnit=\"\xc2\xb5m\"", "XY"[i], f -> pixel_um,
                      "XY"[i]);
    (void)fputs(">", out);
    put_channels(out, f);
    (void)fprintf(out, "<TiffData IFD=\"0\" PlaneCount=\"%d\"/></Pixels></Image></OME>", f->pages);
}

sg_status sg_ome_write(char **out, const sg_ome_form *form)
{
    size_t size;
    *out = NULL;
    FILE *stream = open_memstream(out, &size);
    if (stream) put_all(stream, form);
    if (!stream || fclose(stream) != 0) SG_FAIL(SG_E_MEMORY, "OME-XML of %d pages: no memory", form->pages);
    return SG_OK;
}
