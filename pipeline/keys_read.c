/* keys_read.c - a YAML value read into its place in sg_config, checked against the row of the key. */
#include "pipeline/keys.h"
#include "pipeline/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 60 }; /* letters of a bad value that an error shows */

/* What the readers below need to know; `key` may be a part ("optics.na.lr"). */
typedef struct sg_read {
    const sg_key *key;
    char name[SG_KEY_MAX + 8];
    const char *where;
    const char *folder;
} sg_read;

static sg_status expected(const sg_read *read, const sg_yaml_node *node, const char *what)
{
    if (node->kind != SG_YAML_SCALAR)
        SG_FAIL(SG_E_CONFIG, "%s: %s: %s where %s is expected", read->where, read->name,
                node->kind == SG_YAML_LIST ? "a list" : "keys", what);
    if (!*node->text && !node->quoted)
        SG_FAIL(SG_E_CONFIG, "%s: %s: has no value; expected %s", read->where, read->name, what);
    SG_FAIL(SG_E_CONFIG, "%s: %s: '%.*s' is not %s", read->where, read->name, SHOWN, node->text, what);
}

static sg_status outside(const sg_read *read, const char *shown, double lo, double hi)
{
    char lo_text[32], hi_text[32];
    sg_number_text(lo_text, lo);
    sg_number_text(hi_text, hi);
    const char *unit = read->key->unit;
    SG_FAIL(SG_E_CONFIG, "%s: %s: %.*s is outside %s..%s%s%s%s", read->where, read->name, SHOWN, shown, lo_text,
            hi_text, unit ? " (" : "", unit ? unit : "", unit ? ")" : "");
}

/* Decimal numbers only: strtod would also take hexadecimal ones, nan and inf. */
static bool is_decimal(const char *text, const char *letters)
{
    return *text && text[strspn(text, letters)] == 0;
}

static sg_status read_real(double *out, const sg_read *read, const sg_yaml_node *node, double lo, double hi)
{
    if (node->kind != SG_YAML_SCALAR) return expected(read, node, "a number");
    char *end = NULL;
    if (!is_decimal(node->text, "0123456789+-.eE")) {
        const double value = strtod(node->text, &end);
        if (*node->text && !*end && !isfinite(value))
            SG_FAIL(SG_E_CONFIG, "%s: %s: '%.*s' is not a finite number", read->where, read->name, SHOWN, node->text);
        return expected(read, node, "a number");
    }
    const double value = strtod(node->text, &end);
    if (*end) return expected(read, node, "a number");
    if (!(value >= lo && value <= hi)) return outside(read, node->text, lo, hi); /* 1e999 is inf: outside */
    *out = value;
    return SG_OK;
}

static sg_status read_int(int *out, const sg_read *read, const sg_yaml_node *node)
{
    if (node->kind != SG_YAML_SCALAR || !is_decimal(node->text, "0123456789+-"))
        return expected(read, node, "an integer");
    char *end = NULL;
    errno = 0;
    const long value = strtol(node->text, &end, 10);
    if (*end || end == node->text) return expected(read, node, "an integer");
    if (errno || (double)value < read->key->lo || (double)value > read->key->hi)
        return outside(read, node->text, read->key->lo, read->key->hi);
    *out = (int)value;
    return SG_OK;
}

static sg_status read_seed(uint64_t *out, const sg_read *read, const sg_yaml_node *node)
{
    if (node->kind != SG_YAML_SCALAR || !is_decimal(node->text, "0123456789"))
        return expected(read, node, "a whole number from 0");
    errno = 0;
    const unsigned long long value = strtoull(node->text, NULL, 10);
    if (errno)
        SG_FAIL(SG_E_CONFIG, "%s: %s: %.*s is outside 0..18446744073709551615", read->where, read->name, SHOWN,
                node->text);
    *out = value;
    return SG_OK;
}

static sg_status read_bool(bool *out, const sg_read *read, const sg_yaml_node *node)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (int i = 0; node->kind == SG_YAML_SCALAR && i < 6; i++) {
        if (strcmp(node->text, words[i]) != 0) continue;
        *out = i % 2 == 1;
        return SG_OK;
    }
    return expected(read, node, "true or false");
}

/* The word of `names` nearest to `text`, if near. */
static const char *nearest_word(char out[SG_KEY_MAX], const char *names, const char *text)
{
    int best = 3;
    out[0] = 0;
    for (const char *p = names; *p; p += strspn(p, " ")) {
        const size_t length = strcspn(p, " ");
        char word[SG_KEY_MAX];
        (void)snprintf(word, sizeof word, "%.*s", (int)length, p);
        const int distance = sg_edit_distance(text, word);
        if (distance < best) best = distance, memcpy(out, word, sizeof word);
        p += length;
    }
    return out[0] ? out : NULL;
}

static sg_status read_enum(unsigned *out, const sg_read *read, const sg_yaml_node *node)
{
    if (node->kind != SG_YAML_SCALAR || !*node->text) return expected(read, node, "a word");
    const char *names = read->key->names;
    const size_t length = strlen(node->text);
    unsigned index = 0;
    for (const char *p = names; *p; p += strspn(p, " "), index++) {
        const size_t word = strcspn(p, " ");
        if (word == length && !memcmp(p, node->text, length)) {
            *out = index;
            return SG_OK;
        }
        p += word;
    }
    char word[SG_KEY_MAX];
    const char *near = nearest_word(word, names, node->text);
    SG_FAIL(SG_E_CONFIG, "%s: %s: '%.*s' is not one of: %s%s%s%s", read->where, read->name, SHOWN, node->text, names,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Length of the UTF-8 character at p if YAML can carry it in a quoted text as it is; else 0. */
static size_t printable(const unsigned char *p)
{
    if (p[0] < 0x80) return p[0] >= 0x20 && p[0] != 0x7f ? 1 : 0;
    const size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    unsigned code = p[0] & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (p[i] & 0x3fU);
    }
    static const unsigned least[] = {0, 0, 0xa0, 0x800, 0x10000};
    const bool bad = code < least[length] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff || code == 0xfeff ||
                     code == 0xfffe || code == 0xffff || code == 0x2028 || code == 0x2029;
    return bad ? 0 : length;
}

static sg_status read_text(char *out, const sg_read *read, const sg_yaml_node *node)
{
    if (node->kind != SG_YAML_SCALAR) return expected(read, node, "a text");
    for (const unsigned char *p = (const unsigned char *)node->text; *p;) {
        const size_t step = printable(p);
        if (!step)
            SG_FAIL(SG_E_CONFIG, "%s: %s: the text holds a control character or is not UTF-8", read->where, read->name);
        p += step;
    }
    const bool is_path = read->key->type == SG_KEY_PATH && read->folder && *node->text && *node->text != '/';
    const char *folder = is_path ? read->folder : "";
    const int length = snprintf(out, read->key->size, "%s%s%s", folder, is_path ? "/" : "", node->text);
    if (length < 0 || (size_t)length >= read->key->size)
        SG_FAIL(SG_E_CONFIG, "%s: %s: %d letters, at most %zu fit", read->where, read->name, length,
                read->key->size - 1);
    return SG_OK;
}

static sg_status read_list(sg_config *config, const sg_read *read, const sg_yaml *yaml, int index)
{
    const sg_key *key = read->key;
    const sg_yaml_node *node = &yaml->nodes[index];
    double *value = (double *)(void *)((char *)config + key->offset);
    size_t count = 0;
    if (node->kind != SG_YAML_LIST) return expected(read, node, "a list of numbers");
    memset(value, 0, key->size * sizeof *value);
    for (int i = node->first; i >= 0; i = yaml->nodes[i].next) {
        if (count == key->size)
            SG_FAIL(SG_E_CONFIG, "%s: %s: more than %zu numbers", read->where, read->name, key->size);
        SG_TRY(read_real(&value[count++], read, &yaml->nodes[i], key->lo, key->hi));
    }
    *(int *)(void *)((char *)config + key->count) = (int)count;
    return SG_OK;
}

/* The word that stands for 0, "auto". */
static bool is_zero_word(const sg_key *key, const sg_yaml_node *node)
{
    return key->zero && node->kind == SG_YAML_SCALAR && !strcmp(node->text, key->zero);
}

static sg_status read_value(sg_config *config, const sg_read *read, const sg_yaml *yaml, int index)
{
    const sg_key *key = read->key;
    const sg_yaml_node *node = &yaml->nodes[index];
    void *at = (char *)config + key->offset;
    switch (key->type) {
    case SG_KEY_INT:
        if (!is_zero_word(key, node)) return read_int(at, read, node);
        *(int *)at = 0;
        return SG_OK;
    case SG_KEY_REAL:
        if (!is_zero_word(key, node)) return read_real(at, read, node, key->lo, key->hi);
        *(double *)at = 0;
        return SG_OK;
    case SG_KEY_SEED: return read_seed(at, read, node);
    case SG_KEY_BOOL: return read_bool(at, read, node);
    case SG_KEY_ENUM: return read_enum(at, read, node);
    case SG_KEY_TEXT:
    case SG_KEY_PATH: return read_text(at, read, node);
    case SG_KEY_LIST: return read_list(config, read, yaml, index);
    case SG_KEY_LEARN: return read_bool(&((sg_learn *)at)->on, read, node);
    }
    return SG_OK;
}

sg_status sg_key_read(sg_config *config, const sg_key *key, sg_key_part part, const sg_yaml *yaml, int node,
                      const char *where, const char *folder)
{
    static const char *const suffix[SG_PART_COUNT] = {"", ".init", ".learn", ".lr"};
    sg_learn *learn = (sg_learn *)(void *)((char *)config + (key->learn ? key->learn : key->offset));
    sg_read read = {.key = key, .where = where, .folder = folder};
    (void)snprintf(read.name, sizeof read.name, "%s%s", key->path, suffix[part]);
    if (part == SG_PART_LEARN) return read_bool(&learn->on, &read, &yaml->nodes[node]);
    if (part != SG_PART_LR) return read_value(config, &read, yaml, node);
    const sg_key rate = {.path = key->path};
    read.key = &rate; /* a learning rate does not have the number's unit */
    return read_real(&learn->lr, &read, &yaml->nodes[node], 0, 100);
}

void sg_key_default(sg_config *config, const sg_key *key)
{
    void *at = (char *)config + key->offset;
    switch (key->type) {
    case SG_KEY_INT: *(int *)at = (int)key->value; break;
    case SG_KEY_SEED: *(uint64_t *)at = (uint64_t)key->value; break;
    case SG_KEY_REAL: *(double *)at = key->value; break;
    case SG_KEY_BOOL: *(bool *)at = key->value != 0; break;
    case SG_KEY_ENUM: *(unsigned *)at = (unsigned)key->value; break;
    case SG_KEY_TEXT:
    case SG_KEY_PATH: *(char *)at = 0; break;
    default: break; /* lists are empty */
    }
    if (!sg_key_learnable(key)) return;
    sg_learn *learn = (sg_learn *)(void *)((char *)config + (key->learn ? key->learn : key->offset));
    *learn = (sg_learn){.on = false, .lr = 1e-2};
}
