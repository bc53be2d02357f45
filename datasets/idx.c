/* idx.c - see idx.h. */
#include "datasets/idx.h"

#include "core/file.h"
#include "core/memory.h"

#include <stdint.h>
#include <string.h>

static const struct {
    int code, bytes;
    bool is_float;
} types[] = {{8, 1, false}, {9, 1, false}, {11, 2, false}, {12, 4, false}, {13, 4, true}, {14, 8, true}};
enum { TYPES = sizeof types / sizeof *types };

static uint64_t big_endian(const unsigned char *bytes, int count)
{
    uint64_t word = 0;
    for (int i = 0; i < count; i++) word = word << 8 | bytes[i];
    return word;
}

/* ---- the header ---- */

static int find_type(int code)
{
    int i = 0;
    while (i < TYPES && types[i].code != code) i++;
    return i;
}

static sg_status check_magic(const unsigned char *b, size_t size, const char *path)
{
    if (size >= 2 && b[0] == 0x1f && b[1] == 0x8b) SG_FAIL(SG_E_FORMAT, "%s: packed by gzip: gunzip it first", path);
    if (size < 4 || b[0] || b[1] || find_type(b[2]) == TYPES)
        SG_FAIL(SG_E_FORMAT, "%s: not an idx file: it starts with 0, 0, a type (8, 9, 11 to 14) and the rank", path);
    if (b[3] < 1 || b[3] > SG_IDX_RANK_MAX)
        SG_FAIL(SG_E_FORMAT, "%s: rank %d is outside 1..%d", path, b[3], SG_IDX_RANK_MAX);
    if (size < 4 + 4 * (size_t)b[3]) SG_FAIL(SG_E_FORMAT, "%s: truncated inside its header", path);
    return SG_OK;
}

/* Sizes are multiplied in double, which rounds but does not wrap; what is right is small enough to be exact. */
static sg_status parse(sg_idx *idx, size_t size, const char *path)
{
    const unsigned char *b = idx->bytes;
    SG_TRY(check_magic(b, size, path));
    idx->type = find_type(b[2]);
    idx->rank = b[3];
    idx->bits = 8 * types[idx->type].bytes;
    idx->is_float = types[idx->type].is_float;
    double len = 1;
    for (int i = 0; i < SG_IDX_RANK_MAX; i++) {
        const uint64_t side = i < idx->rank ? big_endian(b + 4 + 4 * i, 4) : 1;
        if (side < 1 || side > INT32_MAX)
            SG_FAIL(SG_E_FORMAT, "%s: size %d is %llu, outside 1..2^31-1", path, i + 1, (unsigned long long)side);
        idx->size[i] = (int)side;
        len *= (double)side;
    }
    const size_t header = 4 + 4 * (size_t)idx->rank;
    const double wanted = (double)header + len * types[idx->type].bytes;
    if (wanted != (double)size)
        SG_FAIL(SG_E_FORMAT, "%s: %zu bytes, its header asks for %.0f: %s", path, size, wanted,
                wanted > (double)size ? "truncated" : "something follows the numbers");
    idx->len = (size_t)len;
    return SG_OK;
}

sg_status sg_idx_read(sg_idx *out, const char *path)
{
    void *bytes;
    size_t size;
    *out = (sg_idx){0};
    SG_TRY(sg_file_read(&bytes, &size, path, 0));
    out->bytes = bytes;
    const sg_status status = parse(out, size, path);
    if (status != SG_OK) sg_idx_free(out);
    return status;
}

void sg_idx_free(sg_idx *idx)
{
    sg_free(idx->bytes);
    *idx = (sg_idx){0};
}

/* ---- the numbers ---- */

static float value_of(uint64_t word, int code)
{
    float single;
    double whole;
    const uint32_t half = (uint32_t)word;
    switch (code) {
    case 9: return (float)(int8_t)word;
    case 11: return (float)(int16_t)word;
    case 12: return (float)(int32_t)word;
    case 13: memcpy(&single, &half, sizeof single); return single;
    case 14: memcpy(&whole, &word, sizeof whole); return (float)whole;
    default: return (float)word;
    }
}

void sg_idx_values(float *out, const sg_idx *idx, size_t first, size_t len)
{
    const int bytes = types[idx->type].bytes, code = types[idx->type].code;
    const unsigned char *at = idx->bytes + 4 + 4 * (size_t)idx->rank + first * (size_t)bytes;
    if (code == 8)
        for (size_t i = 0; i < len; i++) out[i] = (float)at[i];
    else
        for (size_t i = 0; i < len; i++) out[i] = value_of(big_endian(at + i * (size_t)bytes, bytes), code);
}
