/* yaml.c - libyaml's events made into a small tree. Whatever the file holds, the work is bounded: depth, number of
 * values and size are limited, aliases are refused, and the parser is stopped at the first thing that is not allowed.
 */
#include "pipeline/yaml.h"

#include "core/memory.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

typedef struct sg_yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    sg_yaml *tree;
    size_t used, room; /* of tree->text */
    const char *name;
    bool lines;
    const char *source; /* what is parsed */
} sg_yaml_reader;

static sg_status fail_at(const sg_yaml_reader *reader, size_t line, const char *what)
{
    if (!reader->lines) SG_FAIL(SG_E_CONFIG, "%s: %s", reader->name, what);
    SG_FAIL(SG_E_CONFIG, "%s:%zu: %s", reader->name, line, what);
}

static size_t event_line(const sg_yaml_reader *reader)
{
    return reader->event.start_mark.line + 1;
}

/* Lines before byte `offset`: errors of the decoder know no line. */
static size_t line_of(const sg_yaml_reader *reader, size_t offset)
{
    size_t line = 0;
    for (size_t i = 0; i < offset; i++) line += reader->source[i] == '\n';
    return line;
}

static sg_status next_event(sg_yaml_reader *reader)
{
    if (reader->has_event) yaml_event_delete(&reader->event);
    reader->has_event = yaml_parser_parse(&reader->parser, &reader->event) != 0;
    if (reader->has_event) return SG_OK;
    const yaml_parser_t *p = &reader->parser;
    const size_t line = p->error == YAML_READER_ERROR ? line_of(reader, p->problem_offset) : p->problem_mark.line;
    char text[256];
    (void)snprintf(text, sizeof text, "not YAML: %s", p->problem ? p->problem : "out of memory");
    return fail_at(reader, line + 1, text);
}

/* Copies the scalar of the current event. */
static sg_status keep_text(sg_yaml_reader *reader, const char **out)
{
    const char *value = (const char *)reader->event.data.scalar.value;
    const size_t length = reader->event.data.scalar.length;
    if (memchr(value, 0, length)) return fail_at(reader, event_line(reader), "a zero byte in a value");
    if (reader->used + length + 1 > reader->room) return fail_at(reader, event_line(reader), "too much text");
    *out = memcpy(reader->tree->text + reader->used, value, length);
    reader->used += length + 1;
    return SG_OK;
}

static sg_status refuse_properties(const sg_yaml_reader *reader, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor) return fail_at(reader, event_line(reader), "anchors (&name) are not allowed");
    if (tag) return fail_at(reader, event_line(reader), "tags (!name) are not allowed");
    return SG_OK;
}

/* Makes a node of the current event, without its children. */
static sg_status add_node(sg_yaml_reader *reader, int *out)
{
    sg_yaml *tree = reader->tree;
    const yaml_event_t *e = &reader->event;
    if (tree->count == SG_YAML_NODE_MAX) return fail_at(reader, event_line(reader), "too many values");
    *out = tree->count++;
    sg_yaml_node *node = &tree->nodes[*out];
    *node = (sg_yaml_node){.line = (int)event_line(reader), .first = -1, .next = -1};
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        SG_TRY(refuse_properties(reader, e->data.scalar.anchor, e->data.scalar.tag));
        return keep_text(reader, &node->text);
    case YAML_SEQUENCE_START_EVENT:
        node->kind = SG_YAML_LIST;
        return refuse_properties(reader, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        node->kind = SG_YAML_MAP;
        return refuse_properties(reader, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_ALIAS_EVENT: return fail_at(reader, event_line(reader), "aliases (*name) are not allowed");
    default: return fail_at(reader, event_line(reader), "not YAML");
    }
}

static sg_status refuse_twice(const sg_yaml_reader *reader, int first, const char *key)
{
    for (int i = first; i >= 0; i = reader->tree->nodes[i].next) {
        const sg_yaml_node *node = &reader->tree->nodes[i];
        if (strcmp(node->key, key) != 0) continue;
        char text[160];
        (void)snprintf(text, sizeof text, "%.60s: given twice, first on line %d", key, node->line);
        return fail_at(reader, event_line(reader), text);
    }
    return SG_OK;
}

/* Reads the key before a value of a map; the value's event is current afterwards. */
static sg_status read_key(sg_yaml_reader *reader, int first, const char **key, int *line)
{
    const yaml_event_t *e = &reader->event;
    *line = (int)event_line(reader);
    if (e->type != YAML_SCALAR_EVENT) return fail_at(reader, event_line(reader), "a key must be a plain word");
    SG_TRY(refuse_properties(reader, e->data.scalar.anchor, e->data.scalar.tag));
    SG_TRY(keep_text(reader, key));
    SG_TRY(refuse_twice(reader, first, *key));
    return next_event(reader);
}

static sg_status read_node(sg_yaml_reader *reader, int depth, int *out);

static sg_status read_children(sg_yaml_reader *reader, int parent, int depth)
{
    sg_yaml_node *nodes = reader->tree->nodes;
    const bool is_map = nodes[parent].kind == SG_YAML_MAP;
    int last = -1;
    for (;;) {
        SG_TRY(next_event(reader));
        if (reader->event.type == (is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT)) return SG_OK;
        const char *key = NULL;
        int line = 0, child;
        if (is_map) SG_TRY(read_key(reader, nodes[parent].first, &key, &line));
        SG_TRY(read_node(reader, depth + 1, &child));
        nodes[child].key = key;
        if (key) nodes[child].line = line;
        if (last < 0)
            nodes[parent].first = child;
        else
            nodes[last].next = child;
        last = child;
    }
}

/* The current event and, for a list or a map, all below it. */
static sg_status read_node(sg_yaml_reader *reader, int depth, int *out)
{
    if (depth > SG_YAML_DEPTH_MAX) return fail_at(reader, event_line(reader), "nested too deep");
    SG_TRY(add_node(reader, out));
    return reader->tree->nodes[*out].kind == SG_YAML_SCALAR ? SG_OK : read_children(reader, *out, depth);
}

static sg_status read_stream(sg_yaml_reader *reader)
{
    int root;
    SG_TRY(next_event(reader)); /* stream start */
    SG_TRY(next_event(reader));
    if (reader->event.type == YAML_STREAM_END_EVENT) return fail_at(reader, 1, "is empty");
    SG_TRY(next_event(reader));
    SG_TRY(read_node(reader, 0, &root));
    SG_TRY(next_event(reader)); /* document end */
    SG_TRY(next_event(reader));
    if (reader->event.type != YAML_STREAM_END_EVENT)
        return fail_at(reader, event_line(reader), "more than one document");
    return SG_OK;
}

sg_status sg_yaml_parse(sg_yaml *out, const char *text, size_t size, const char *name, bool lines)
{
    *out = (sg_yaml){0};
    sg_yaml_reader reader = {.tree = out, .name = name, .lines = lines, .source = text};
    /* UTF-16 grows by half in UTF-8, and every text ends with a zero. */
    reader.room = 2 * size + 2 * SG_YAML_NODE_MAX;
    SG_TRY(SG_ALLOC(&out->nodes, SG_YAML_NODE_MAX, "config"));
    SG_TRY(SG_ALLOC(&out->text, reader.room, "config"));
    if (!yaml_parser_initialize(&reader.parser)) SG_FAIL(SG_E_MEMORY, "%s: out of memory", name);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, size);
    const sg_status status = read_stream(&reader);
    if (reader.has_event) yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return status;
}

void sg_yaml_free(sg_yaml *yaml)
{
    sg_free(yaml->nodes);
    sg_free(yaml->text);
    *yaml = (sg_yaml){0};
}

/* ---- back to one line of text ---- */

typedef struct sg_yaml_writer {
    char *out;
    size_t size, used;
} sg_yaml_writer;

static void put(sg_yaml_writer *writer, char c)
{
    if (writer->used < writer->size) writer->out[writer->used] = c;
    writer->used++;
}

static void put_text(sg_yaml_writer *writer, const char *text)
{
    for (; *text; text++) put(writer, *text);
}

static bool is_plain(const char *text)
{
    const char *const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-/";
    return *text && text[strspn(text, plain)] == 0 && strcmp(text, "-") != 0;
}

static void put_scalar(sg_yaml_writer *writer, const char *text)
{
    if (is_plain(text)) {
        put_text(writer, text);
        return;
    }
    put(writer, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') put(writer, '\\');
        put(writer, *text);
    }
    put(writer, '"');
}

static void put_node(sg_yaml_writer *writer, const sg_yaml *yaml, int index)
{
    const sg_yaml_node *node = &yaml->nodes[index];
    if (node->kind == SG_YAML_SCALAR) {
        put_scalar(writer, node->text);
        return;
    }
    put(writer, node->kind == SG_YAML_MAP ? '{' : '[');
    for (int i = node->first; i >= 0; i = yaml->nodes[i].next) {
        if (i != node->first) put_text(writer, ", ");
        if (node->kind == SG_YAML_MAP) {
            put_scalar(writer, yaml->nodes[i].key);
            put_text(writer, ": ");
        }
        put_node(writer, yaml, i);
    }
    put(writer, node->kind == SG_YAML_MAP ? '}' : ']');
}

bool sg_yaml_flow(char *out, size_t size, const sg_yaml *yaml, int index)
{
    sg_yaml_writer writer = {out, size, 0};
    const sg_yaml_node *node = &yaml->nodes[index];
    if (node->kind == SG_YAML_SCALAR)
        put_text(&writer, node->text); /* sg_config_set takes a text as it is */
    else
        put_node(&writer, yaml, index);
    put(&writer, 0);
    if (writer.used > size) out[size - 1] = 0;
    return writer.used <= size;
}
