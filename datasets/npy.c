/* npy.c - see npy.h. The header is "\x93NUMPY", two version bytes, the length of a Python dictionary and its text:
 *     {'descr': '<f8', 'fortran_order': False, 'shape': (512, 512), }  */
#include "datasets/npy.h"

#include "core/file.h"
#include "core/memory.h"
#include "datasets/half.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 6, HEADER_MAX = 1 << 16, DESCR_MAX = 16 };

typedef struct header {
    char descr[DESCR_MAX];
    bool fortran;
    int rank;
    long long shape[SG_AXES_MAX];
    size_t data; /* where the numbers start */
} header;

/* ---- element types ---- */

typedef struct element {
    char kind;
    int bytes; /* of a part: complex numbers have two */
    float (*load)(const unsigned char *bytes);
} element;

#define LOADER(name, type)                                                                                             \
    static float load_##name(const unsigned char *bytes)                                                               \
    {                                                                                                                  \
        type value;                                                                                                    \
        memcpy(&value, bytes, sizeof value);                                                                           \
        return (float)value;                                                                                           \
    }
LOADER(u1, uint8_t)
LOADER(i1, int8_t)
LOADER(u2, uint16_t)
LOADER(i2, int16_t)
LOADER(u4, uint32_t)
LOADER(i4, int32_t)
LOADER(u8, uint64_t)
LOADER(i8, int64_t)
LOADER(f4, float)
LOADER(f8, double)

static float load_f2(const unsigned char *bytes)
{
    uint16_t bits;
    memcpy(&bits, bytes, sizeof bits);
    return (float)sg_half(bits);
}

static const element elements[] = {
    {'b', 1, load_u1}, {'u', 1, load_u1}, {'i', 1, load_i1}, {'u', 2, load_u2}, {'i', 2, load_i2},
    {'u', 4, load_u4}, {'i', 4, load_i4}, {'u', 8, load_u8}, {'i', 8, load_i8}, {'f', 2, load_f2},
    {'f', 4, load_f4}, {'f', 8, load_f8}, {'c', 4, load_f4}, {'c', 8, load_f8},
};

/* "<f4": byte order, kind, bytes of an element. */
static const element *find_element(const char *descr)
{
    if (!descr[0] || !strchr("<>|=", descr[0]) || !descr[1]) return NULL;
    const int bytes = atoi(descr + 2) / (descr[1] == 'c' ? 2 : 1);
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (elements[i].kind == descr[1] && elements[i].bytes == bytes) return &elements[i];
    return NULL;
}

/* ---- the header ---- */

/* What follows 'key': in the dictionary, blanks skipped; NULL if the key is missing. */
static const char *value_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (!at) return NULL;
    for (at += strlen(key); *at == ' ' || *at == ':'; at++) {
    }
    return at;
}

static bool read_descr(header *h, const char *text)
{
    const char *at = value_of(text, "'descr'");
    if (!at || *at != '\'') return false;
    const char *end = strchr(at + 1, '\'');
    if (!end || end - at - 1 >= DESCR_MAX) return false;
    (void)snprintf(h->descr, sizeof h->descr, "%.*s", (int)(end - at - 1), at + 1);
    return true;
}

static bool read_order(header *h, const char *text)
{
    const char *at = value_of(text, "'fortran_order'");
    h->fortran = at && !strncmp(at, "True", 4);
    return at && (h->fortran || !strncmp(at, "False", 5));
}

/* "(3, 512, 512)", "(7,)"; sizes are 1 .. 2^28 */
static bool read_shape(header *h, const char *text)
{
    const char *at = value_of(text, "'shape'");
    h->rank = 0;
    if (!at || *at++ != '(') return false;
    for (; isdigit((unsigned char)*at); h->rank++) {
        char *end;
        if (h->rank == SG_AXES_MAX) return false;
        long long *size = &h->shape[h->rank];
        *size = strtoll(at, &end, 10);
        if (*size < 1 || *size > SG_IMAGE_PIXELS_MAX) return false;
        for (at = end; *at == ' ' || *at == ','; at++) {
        }
    }
    return h->rank > 0 && *at == ')';
}

static sg_status read_header(header *h, const unsigned char *bytes, size_t size, const char *path)
{
    char text[HEADER_MAX + 1];
    if (size < 12 || memcmp(bytes, "\x93NUMPY", MAGIC) != 0) SG_FAIL(SG_E_FORMAT, "%s: not a .npy file", path);
    const int version = bytes[MAGIC];
    if (version < 1 || version > 3)
        SG_FAIL(SG_E_FORMAT, "%s: .npy version %d, versions 1 to 3 are known", path, version);
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (version > 1) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    h->data = (version > 1 ? 12 : 10) + length;
    if (length > HEADER_MAX || h->data > size)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: a header of %zu bytes in a file of %zu", path, length, size);
    memcpy(text, bytes + h->data - length, length);
    text[length] = 0;
    if (!read_descr(h, text) || !read_order(h, text))
        SG_FAIL(SG_E_FORMAT, "%s: damaged: its header lacks type or order", path);
    if (!read_shape(h, text))
        SG_FAIL(SG_E_FORMAT, "%s: its shape is none of rank 1 to 8 with sizes of 1 to 2^28", path);
    return SG_OK;
}

/* ---- reading and writing ---- */

typedef struct npy_numbers {
    const unsigned char *bytes;
    const element *type;
    bool swapped; /* big-endian */
} npy_numbers;

static float number_at(const void *context, size_t index)
{
    const npy_numbers *n = context;
    const size_t bytes = (size_t)n->type->bytes;
    const unsigned char *at = n->bytes + index * bytes;
    unsigned char turned[8];
    if (!n->swapped) return n->type->load(at);
    for (size_t i = 0; i < bytes; i++) turned[i] = at[bytes - 1 - i];
    return n->type->load(turned);
}

static sg_status read_array(sg_image *out, const unsigned char *bytes, size_t size, const char *path,
                            sg_image_options options)
{
    header h = {.data = 0};
    sg_axes axes;
    SG_TRY(read_header(&h, bytes, size, path));
    const npy_numbers n = {bytes + h.data, find_element(h.descr), h.descr[0] == '>'};
    if (!n.type)
        SG_FAIL(SG_E_FORMAT, "%s: numbers of type %s; b1 u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8 c8 c16 are known", path,
                h.descr);
    const int parts = n.type->kind == 'c' ? 2 : 1;
    if (parts > 1 && !options.or_complex)
        SG_FAIL(SG_E_FORMAT, "%s: complex numbers of type %s, real ones are expected", path, h.descr);
    double needed = (double)n.type->bytes * parts;
    for (int i = 0; i < h.rank; i++) needed *= (double)h.shape[i];
    if ((double)(size - h.data) != needed)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: %zu bytes of numbers, its shape needs %.0f", path, size - h.data, needed);
    SG_TRY(sg_image_arrange(&axes, h.rank, h.shape, h.fortran, NULL, &options, path));
    SG_TRY(sg_image_gather(out, &axes, parts, number_at, &n, size, path));
    out->bits = 8 * n.type->bytes * parts;
    out->is_float = n.type->kind == 'f' || parts > 1;
    out->is_complex = parts > 1;
    return SG_OK;
}

sg_status sg_npy_read(sg_image *out, const char *path, sg_image_options options)
{
    void *bytes;
    size_t size;
    *out = (sg_image){0};
    SG_TRY(sg_file_read(&bytes, &size, path, 0));
    const sg_status status = read_array(out, bytes, size, path, options);
    sg_free(bytes);
    if (status != SG_OK) sg_image_free(out);
    return status;
}

sg_status sg_npy_write(const char *path, const float *data, int pages, int height, int width)
{
    enum { START = 128 }; /* magic, version, length and dictionary, padded to a multiple of 64 as NumPy does */
    const size_t numbers = (size_t)pages * (size_t)height * (size_t)width * sizeof *data;
    char text[START + 1], size[64];
    unsigned char *bytes;
    if (pages > 1)
        (void)snprintf(size, sizeof size, "%d, %d, %d", pages, height, width);
    else
        (void)snprintf(size, sizeof size, "%d, %d", height, width);
    const int used = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", size);
    SG_TRY(SG_ALLOC(&bytes, START + numbers, path));
    memset(bytes, ' ', START);
    memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10); /* 118 = START - 10 */
    memcpy(bytes + 10, text, (size_t)used);
    bytes[START - 1] = '\n';
    memcpy(bytes + START, data, numbers);
    const sg_status status = sg_file_write(path, bytes, START + numbers);
    sg_free(bytes);
    return status;
}
