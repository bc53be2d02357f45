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

sg_raster_view sg_raster_page(const sg_raster *raster, int page)
{
    const size_t at = (size_t)page * sg_raster_page_len(raster) * sg_number_bytes(raster->number);
    return (sg_raster_view){
        .data = (const char *)raster->data + at, .number = raster->number, .stride = (size_t)raster->width};
}
