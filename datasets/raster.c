/* raster.c - see raster.h. */
#include "datasets/raster.h"

#include "core/memory.h"
#include "core/real.h"
#include "datasets/label.h"
#include "datasets/tiff.h"

#include <string.h>
#include <xxhash.h>

size_t sg_number_bytes(sg_number number)
{
    static const size_t bytes[SG_NUMBERS] = {1, 2, 4, 4};
    return bytes[number];
}

size_t sg_raster_page_len(const sg_raster *raster)
{
    return (size_t)raster->height * (size_t)raster->width;
}

size_t sg_raster_bytes(const sg_raster *raster)
{
    return (size_t)raster->pages * sg_raster_page_len(raster) * sg_number_bytes(raster->number);
}

void sg_raster_free(sg_raster *raster)
{
    sg_free(raster->data);
    raster->data = NULL;
}

/* ---- packing ---- */

/* The type for whole numbers of 8 or 16 bits; 0: they are others. */
static sg_number number_of(int bits, sg_number wide)
{
    return bits == 8 ? SG_NUMBER_U8 : bits == 16 ? SG_NUMBER_U16 : wide;
}

static int bits_of_labels(const int32_t *x, size_t len)
{
    uint32_t all = 0;
    for (size_t i = 0; i < len; i++) all |= (uint32_t)x[i];
    return all <= 255 ? 8 : all <= 65535 ? 16 : 0;
}

static void narrow(void *out, sg_number number, const void *in, sg_number wide, size_t len)
{
    uint8_t *u8 = out;
    uint16_t *u16 = out;
    const float *f32 = in;
    const int32_t *i32 = in;
    const uint16_t *wide16 = in;
    if (wide == SG_NUMBER_U16)
        for (size_t i = 0; i < len; i++) u8[i] = (uint8_t)wide16[i];
    else if (number == SG_NUMBER_U8 && wide == SG_NUMBER_F32)
        for (size_t i = 0; i < len; i++) u8[i] = (uint8_t)(int)f32[i];
    else if (number == SG_NUMBER_U8)
        for (size_t i = 0; i < len; i++) u8[i] = (uint8_t)i32[i];
    else if (wide == SG_NUMBER_F32)
        for (size_t i = 0; i < len; i++) u16[i] = (uint16_t)(int)f32[i];
    else
        for (size_t i = 0; i < len; i++) u16[i] = (uint16_t)i32[i];
}

/* Takes `data`, numbers of type `wide`; packs it into `number`. */
static sg_status pack(sg_raster *out, void *data, sg_number number, sg_number wide, const char *name)
{
    const size_t len = (size_t)out->pages * sg_raster_page_len(out);
    out->number = number;
    out->data = data;
    if (number == wide) return SG_OK;
    const sg_status status = sg_alloc(&out->data, len, sg_number_bytes(number), name);
    if (status == SG_OK)
        narrow(out->data, number, data, wide, len);
    else
        *out = (sg_raster){.number = wide};
    sg_free(data);
    return status;
}

static sg_status pack_and_hash(sg_raster *out, void *data, sg_number number, sg_number wide, const char *name)
{
    SG_TRY(pack(out, data, number, wide, name));
    out->hash = XXH3_64bits(out->data, sg_raster_bytes(out));
    return SG_OK;
}

sg_status sg_raster_pack_f32(sg_raster *out, float *data, int pages, int height, int width, const char *name)
{
    *out = (sg_raster){.pages = pages, .height = height, .width = width};
    const int bits = sg_image_whole_bits(data, (size_t)pages * sg_raster_page_len(out));
    return pack_and_hash(out, data, number_of(bits, SG_NUMBER_F32), SG_NUMBER_F32, name);
}

sg_status sg_raster_pack_i32(sg_raster *out, int32_t *data, int height, int width, const char *name)
{
    *out = (sg_raster){.pages = 1, .height = height, .width = width};
    const int bits = bits_of_labels(data, sg_raster_page_len(out));
    return pack_and_hash(out, data, number_of(bits, SG_NUMBER_I32), SG_NUMBER_I32, name);
}

/* ---- whole numbers of a file ---- */

sg_status sg_raster_read(sg_raster *out, const char *path, sg_image_options options)
{
    sg_tiff_info info;
    *out = (sg_raster){0};
    if (!sg_tiff_known(path)) return SG_OK;
    SG_TRY(sg_tiff_read_whole(&out->data, &info, path, options));
    if (!out->data) return SG_OK;
    out->number = number_of(info.bits, SG_NUMBERS);
    out->pages = info.pages;
    out->height = info.height;
    out->width = info.width;
    return SG_OK;
}

sg_status sg_raster_scales(sg_sample_scale *scale, const sg_raster *raster, const char *name)
{
    const int bits = raster->number == SG_NUMBER_U8 ? 8 : 16;
    for (int page = 0; page < raster->pages; page++) {
        double lo, hi;
        SG_TRY(sg_whole_bounds(&lo, &hi, sg_raster_page(raster, page).data, bits, sg_raster_page_len(raster), name));
        scale[page] = sg_sample_scale_between(lo, hi);
    }
    return SG_OK;
}

SG_SIMD static unsigned most_u8(const uint8_t *x, size_t len)
{
    uint8_t most = 0;
    for (size_t i = 0; i < len; i++) most = x[i] > most ? x[i] : most;
    return most;
}

SG_SIMD static unsigned most_u16(const uint16_t *x, size_t len)
{
    uint16_t most = 0;
    for (size_t i = 0; i < len; i++) most = x[i] > most ? x[i] : most;
    return most;
}

unsigned sg_raster_most(const sg_raster *raster)
{
    const size_t len = (size_t)raster->pages * sg_raster_page_len(raster);
    return raster->number == SG_NUMBER_U8 ? most_u8(raster->data, len) : most_u16(raster->data, len);
}

sg_status sg_raster_pack(sg_raster *raster, unsigned most, const char *name)
{
    const sg_number number = most > 255 ? SG_NUMBER_U16 : SG_NUMBER_U8;
    return pack_and_hash(raster, raster->data, number, raster->number, name);
}

/* ---- windows ---- */

sg_raster_view sg_raster_page(const sg_raster *raster, int page)
{
    const size_t at = (size_t)page * sg_raster_page_len(raster) * sg_number_bytes(raster->number);
    return (sg_raster_view){
        .data = (const char *)raster->data + at, .number = raster->number, .stride = (size_t)raster->width};
}

int sg_mirror(int i, int n)
{
    i %= 2 * n;
    if (i < 0) i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

void sg_window_clear(float *out, int px, int height, int width, int y, int x)
{
    for (int row = y; row < y + px; row++)
        for (int column = x; column < x + px; column++, out++)
            if (row < 0 || row >= height || column < 0 || column >= width) *out = 0;
}

void sg_mirror_span(int *first, int *end, int start, int px, int n)
{
    *first = start;
    *end = start + px;
    if (start >= 0 && *end <= n) return;
    *first = n;
    *end = 0;
    for (int i = start; i < start + px && *end - *first < n; i++) {
        const int at = sg_mirror(i, n);
        *first = at < *first ? at : *first;
        *end = at >= *end ? at + 1 : *end;
    }
}

/* out = scaled in, for each type of number. */
#define SCALE_ROW(name, type)                                                                                          \
    SG_SIMD static void name(float *out, const void *in, int count, const sg_sample_scale *scale)                      \
    {                                                                                                                  \
        const type *x = in;                                                                                            \
        const sg_sample_scale s = *scale;                                                                              \
        for (int i = 0; i < count; i++) out[i] = sg_sample_scaled((double)x[i], s);                                    \
    }
SCALE_ROW(scale_u8, uint8_t)
SCALE_ROW(scale_u16, uint16_t)
SCALE_ROW(scale_i32, int32_t)
SCALE_ROW(scale_f32, float)
#undef SCALE_ROW

static void (*const scale_row[SG_NUMBERS])(float *, const void *, int,
                                           const sg_sample_scale *) = {scale_u8, scale_u16, scale_i32, scale_f32};

static void reverse(float *row, int count)
{
    for (int low = 0, high = count - 1; low < high; low++, high--) {
        const float keep = row[low];
        row[low] = row[high];
        row[high] = keep;
    }
}

void sg_raster_window(float *out, int px, unsigned how, const sg_raster_view *view, int height, int width, int y, int x,
                      const sg_sample_scale *scale)
{
    const size_t bytes = sg_number_bytes(view->number);
    for (int row = 0; row < px; row++) {
        float *to = out + (size_t)(how & 1 ? px - 1 - row : row) * (size_t)px;
        const char *from =
            (const char *)view->data + (size_t)(sg_mirror(y + row, height) - view->y) * view->stride * bytes;
        for (int i = 0, n; i < px; i += n) {
            const int at = x + i, room = width - at;
            n = at < 0 || room <= 0 ? 1 : room < px - i ? room : px - i; /* the pixels inside at once */
            scale_row[view->number](to + i, from + (size_t)(sg_mirror(at, width) - view->x) * bytes, n, scale);
        }
        if (how & 2) reverse(to, px);
    }
    sg_square_turn(out, px, how & 4);
}

void sg_raster_labels(int32_t *out, int rows, int columns, const sg_raster_view *view, int y, int x)
{
    for (int row = 0; row < rows; row++, out += columns) {
        const size_t at = (size_t)(y + row - view->y) * view->stride + (size_t)(x - view->x);
        const uint8_t *u8 = (const uint8_t *)view->data + at;
        const uint16_t *u16 = (const uint16_t *)view->data + at;
        if (view->number == SG_NUMBER_U8)
            for (int i = 0; i < columns; i++) out[i] = u8[i];
        else if (view->number == SG_NUMBER_U16)
            for (int i = 0; i < columns; i++) out[i] = u16[i];
        else
            memcpy(out, (const int32_t *)view->data + at, (size_t)columns * sizeof *out);
    }
}
