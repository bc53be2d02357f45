/* npy.c - see npy.h. The header is "\x93NUMPY", two version bytes, the length of a Python dictionary and its text:
 *     {'descr': '<f8', 'fortran_order': False, 'shape': (512, 512), }  */
#include "datasets/npy.h"

#include "core/file.h"
#include "core/memory.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 6, RANK_MAX = 3, HEADER_MAX = 1 << 16, DESCR_MAX = 16 };

typedef struct header {
    char descr[DESCR_MAX];
    bool fortran;
    long long shape[RANK_MAX]; /* right-aligned, ones in front */
    size_t data;               /* where the numbers start */
} header;

/* ---- element types ---- */

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
LOADER(f4, float)
LOADER(f8, double)

typedef struct element {
    const char *descr;
    int bits;
    bool is_float;
    int parts; /* 2: complex, each of `bits` / 2 */
    float (*load)(const unsigned char *bytes);
} element;

static const element elements[] = {
    {"|b1", 8, false, 1, load_u1},  {"|u1", 8, false, 1, load_u1},   {"|i1", 8, false, 1, load_i1},
    {"<u2", 16, false, 1, load_u2}, {"<i2", 16, false, 1, load_i2},  {"<u4", 32, false, 1, load_u4},
    {"<i4", 32, false, 1, load_i4}, {"<f4", 32, true, 1, load_f4},   {"<f8", 64, true, 1, load_f8},
    {"<c8", 64, true, 2, load_f4},  {"<c16", 128, true, 2, load_f8},
};

static const element *find_element(const char *descr)
{
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (!strcmp(elements[i].descr, descr)) return &elements[i];
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
    long long size[RANK_MAX];
    int rank = 0;
    if (!at || *at++ != '(') return false;
    for (; isdigit((unsigned char)*at); rank++) {
        char *end;
        if (rank == RANK_MAX) return false;
        size[rank] = strtoll(at, &end, 10);
        if (size[rank] < 1 || size[rank] > SG_IMAGE_PIXELS_MAX) return false;
        for (at = end; *at == ' ' || *at == ','; at++) {
        }
    }
    for (int i = 0; i < RANK_MAX; i++) h->shape[i] = i < RANK_MAX - rank ? 1 : size[i - (RANK_MAX - rank)];
    return rank > 0 && *at == ')';
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
        SG_FAIL(SG_E_FORMAT, "%s: its shape is none of rank 1 to 3 with sizes of 1 to 2^28", path);
    return SG_OK;
}

/* ---- reading and writing ---- */

static sg_status read_array(sg_image *out, const unsigned char *bytes, size_t size, const char *path,
                            sg_image_options options)
{
    header h = {.data = 0};
    SG_TRY(read_header(&h, bytes, size, path));
    const element *type = find_element(h.descr);
    if (!type)
        SG_FAIL(SG_E_FORMAT, "%s: numbers of type %s; |b1 |u1 |i1 <u2 <i2 <u4 <i4 <f4 <f8 <c8 <c16 are known", path,
                h.descr);
    if (h.fortran) SG_FAIL(SG_E_FORMAT, "%s: in Fortran order; numpy.ascontiguousarray would do", path);
    if (type->parts > 1 && !options.or_complex)
        SG_FAIL(SG_E_FORMAT, "%s: complex numbers of type %s, real ones are expected", path, h.descr);
    const size_t len = (size_t)(h.shape[1] * h.shape[2]), parts = (size_t)type->parts;
    const size_t width = (size_t)type->bits / 8 / parts, numbers = parts * (size_t)h.shape[0] * len;
    SG_TRY(sg_image_make(out, h.shape[0] * type->parts, h.shape[1], h.shape[2], size, path));
    if (size - h.data != numbers * width)
        SG_FAIL(SG_E_FORMAT, "%s: damaged: %zu bytes of numbers, its shape needs %zu", path, size - h.data,
                numbers * width);
    for (size_t i = 0; i < numbers; i++) { /* parts stand side by side in the file, in pages of their own here */
        const size_t at = i / parts, page = at / len * parts + i % parts;
        out->data[page * len + at % len] = type->load(bytes + h.data + i * width);
    }
    out->bits = type->bits;
    out->is_float = type->is_float;
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
