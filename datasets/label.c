/* label.c - labels to the camera grid, binary masks to instances, flips and quarter turns. */
#include "datasets/label.h"

#include "core/memory.h"
#include "core/real.h"
#include "datasets/window.h"

#include <math.h>
#include <string.h>

/* ---- areas. In units of 1 / out_px input pixels, output pixel i covers [i in_px, (i + 1) in_px) and input pixel j
 * covers [j out_px, (j + 1) out_px), so every overlap is an integer. ---- */

typedef struct span {
    int first, end; /* input pixels touched */
} span;

static span span_of(int i, int in_px, int out_px)
{
    const int64_t lo = (int64_t)i * in_px, hi = lo + in_px;
    return (span){(int)(lo / out_px), (int)((hi + out_px - 1) / out_px)};
}

static int64_t overlap(int i, int j, int in_px, int out_px)
{
    const int64_t lo = (int64_t)i * in_px, hi = lo + in_px, a = (int64_t)j * out_px, b = a + out_px;
    return (b < hi ? b : hi) - (a > lo ? a : lo);
}

/* The area (out of in_px^2) inside output pixel (r, c) where the label is `label`, or > 0 when label is -1. */
static int64_t area_of(int32_t label, const int32_t *in, size_t stride, int r, int c, int in_px, int out_px)
{
    const span rows = span_of(r, in_px, out_px), columns = span_of(c, in_px, out_px);
    int64_t area = 0;
    for (int y = rows.first; y < rows.end; y++) {
        int64_t row = 0;
        for (int x = columns.first; x < columns.end; x++) {
            const int32_t v = in[(size_t)y * stride + (size_t)x];
            if (label < 0 ? v > 0 : v == label) row += overlap(c, x, in_px, out_px);
        }
        area += row * overlap(r, y, in_px, out_px);
    }
    return area;
}

/* The usual case: an output pixel is a square of k x k whole ones. */
static void binary_blocks(float *out, const int32_t *in, size_t stride, int k, int out_px)
{
    for (int r = 0; k == 1 && r < out_px; r++, out += out_px, in += stride)
        for (int c = 0; c < out_px; c++) out[c] = in[c] > 0 ? 1.f : 0.f;
    for (int r = 0; k > 1 && r < out_px; r++)
        for (int c = 0; c < out_px; c++) {
            const int32_t *corner = in + (size_t)r * (size_t)k * stride + (size_t)c * (size_t)k;
            int count = 0;
            for (int y = 0; y < k; y++)
                for (int x = 0; x < k; x++) count += corner[(size_t)y * stride + (size_t)x] > 0;
            *out++ = 2 * count >= k * k ? 1.f : 0.f;
        }
}

void sg_label_binary(float *out, const int32_t *in, size_t stride, int in_px, int out_px)
{
    if (in_px % out_px == 0) {
        binary_blocks(out, in, stride, in_px / out_px, out_px);
        return;
    }
    const int64_t whole = (int64_t)in_px * in_px;
    for (int r = 0; r < out_px; r++)
        for (int c = 0; c < out_px; c++) *out++ = 2 * area_of(-1, in, stride, r, c, in_px, out_px) >= whole ? 1.f : 0.f;
}

/* Candidates are tried pixel by pixel; most squares hold one label and end at the first. */
static int32_t majority(const int32_t *in, size_t stride, int r, int c, int in_px, int out_px)
{
    const int64_t whole = (int64_t)in_px * in_px;
    const span rows = span_of(r, in_px, out_px), columns = span_of(c, in_px, out_px);
    int64_t best_area = 0;
    int32_t best = 0;
    for (int y = rows.first; y < rows.end; y++)
        for (int x = columns.first; x < columns.end; x++) {
            const int32_t label = in[(size_t)y * stride + (size_t)x];
            if (best_area > 0 && label == best) continue;
            const int64_t area = area_of(label, in, stride, r, c, in_px, out_px);
            if (2 * area > whole) return label;
            if (area > best_area || (area == best_area && label < best)) best_area = area, best = label;
        }
    return best;
}

void sg_label_instances(int32_t *out, const int32_t *in, size_t stride, int in_px, int out_px)
{
    for (int r = 0; r < out_px; r++)
        for (int c = 0; c < out_px; c++) *out++ = majority(in, stride, r, c, in_px, out_px);
}

static double mean_of(const float *in, size_t stride, int r, int c, int in_px, int out_px)
{
    const span rows = span_of(r, in_px, out_px), columns = span_of(c, in_px, out_px);
    double sum = 0;
    for (int y = rows.first; y < rows.end; y++) {
        double row = 0;
        for (int x = columns.first; x < columns.end; x++)
            row += (double)in[(size_t)y * stride + (size_t)x] * (double)overlap(c, x, in_px, out_px);
        sum += row * (double)overlap(r, y, in_px, out_px);
    }
    return sum / ((double)in_px * in_px);
}

void sg_label_mean(float *out, const float *in, size_t stride, int in_px, int out_px)
{
    for (int r = 0; r < out_px; r++)
        for (int c = 0; c < out_px; c++) *out++ = (float)mean_of(in, stride, r, c, in_px, out_px);
}

/* ---- from a picture ---- */

static bool is_binary(const int32_t *labels, size_t len)
{
    int32_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (labels[i] && value && labels[i] != value) return false;
        if (labels[i]) value = labels[i];
    }
    return true;
}

/* Numbers the component of `start` (marked -1 = not yet seen) by a flood fill whose stack has room for every pixel. */
static void fill_component(int32_t *labels, int height, int width, int start, int32_t number, int *stack)
{
    int depth = 0;
    labels[start] = number;
    stack[depth++] = start;
    while (depth) {
        const int at = stack[--depth], y = at / width, x = at % width;
        for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < height; v++)
            for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < width; u++)
                if (labels[v * width + u] == -1) {
                    labels[v * width + u] = number;
                    stack[depth++] = v * width + u;
                }
    }
}

static sg_status split_mask(int32_t *labels, int height, int width, const char *path)
{
    const int len = height * width;
    int *stack;
    int32_t number = 0;
    SG_TRY(SG_ALLOC(&stack, (size_t)len, path));
    for (int i = 0; i < len; i++) labels[i] = labels[i] ? -1 : 0;
    for (int i = 0; i < len; i++)
        if (labels[i] == -1) fill_component(labels, height, width, i, ++number, stack);
    sg_free(stack);
    return SG_OK;
}

/* Rounded down, inside 0..2^24: another number than before is no label. */
static void convert_all(int32_t *labels, const float *x, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const float inside = x[i] >= 0 ? x[i] <= 16777216.f ? x[i] : 16777216.f : 0;
        labels[i] = (int32_t)inside;
    }
}

static sg_status convert(int32_t *labels, const sg_image *image, const char *path)
{
    const size_t len = (size_t)image->height * (size_t)image->width;
    convert_all(labels, image->data, len);
    for (size_t i = 0; i < len; i++)
        if ((float)labels[i] != image->data[i])
            SG_FAIL(SG_E_FORMAT, "%s: label %g at row %zu, column %zu is not an integer in 0..2^24", path,
                    (double)image->data[i], i / (size_t)image->width, i % (size_t)image->width);
    if (is_binary(labels, len)) return split_mask(labels, image->height, image->width, path);
    return SG_OK;
}

static sg_status check_pages(int pages, const char *path)
{
    if (pages == 1) return SG_OK;
    SG_FAIL(SG_E_FORMAT, "%s: %d pages, a label has one", path, pages);
}

sg_status sg_label_from_image(int32_t **out, const sg_image *image, const char *path)
{
    *out = NULL;
    SG_TRY(check_pages(image->pages, path));
    SG_TRY(SG_ALLOC(out, (size_t)image->height * (size_t)image->width, path));
    const sg_status status = convert(*out, image, path);
    if (status != SG_OK) {
        sg_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- from whole numbers ---- */

SG_SIMD static bool is_mask_u8(const uint8_t *x, size_t len, unsigned value)
{
    int other = 0;
    for (size_t i = 0; i < len; i++) other |= x[i] != 0 && x[i] != value;
    return !other;
}

SG_SIMD static bool is_mask_u16(const uint16_t *x, size_t len, unsigned value)
{
    int other = 0;
    for (size_t i = 0; i < len; i++) other |= x[i] != 0 && x[i] != value;
    return !other;
}

/* Takes the mask's numbers and gives back its components. */
static sg_status split_raster(sg_raster *raster, const char *path)
{
    const int height = raster->height, width = raster->width;
    const sg_raster_view view = sg_raster_page(raster, 0);
    int32_t *labels = NULL;
    sg_status status = SG_ALLOC(&labels, sg_raster_page_len(raster), path);
    if (status == SG_OK) sg_raster_labels(labels, height, width, &view, 0, 0);
    if (status == SG_OK) status = split_mask(labels, height, width, path);
    sg_raster_free(raster);
    if (status == SG_OK) return sg_raster_pack_i32(raster, labels, height, width, path);
    sg_free(labels);
    return status;
}

sg_status sg_label_from_raster(sg_raster *raster, const char *path)
{
    const size_t len = sg_raster_page_len(raster);
    const sg_status status = check_pages(raster->pages, path);
    if (status != SG_OK) {
        sg_raster_free(raster);
        return status;
    }
    const unsigned most = sg_raster_most(raster);
    const bool mask =
        raster->number == SG_NUMBER_U8 ? is_mask_u8(raster->data, len, most) : is_mask_u16(raster->data, len, most);
    return mask ? split_raster(raster, path) : sg_raster_pack(raster, most, path);
}

/* ---- flips and quarter turns ---- */

typedef struct element {
    unsigned char bytes[4];
} element;

static void swap(element *a, element *b)
{
    const element keep = *a;
    *a = *b;
    *b = keep;
}

/* In blocks that fit into the nearest cache, on both sides of the diagonal at once. */
static void transpose(element *e, size_t n)
{
    enum { BLOCK = 16 };
    for (size_t y0 = 0; y0 < n; y0 += BLOCK)
        for (size_t x0 = 0; x0 <= y0; x0 += BLOCK)
            for (size_t y = y0; y < n && y < y0 + BLOCK; y++)
                for (size_t x = x0; x < y && x < x0 + BLOCK; x++) swap(e + y * n + x, e + x * n + y);
}

void sg_square_turn(void *square, int px, unsigned how)
{
    element *e = square;
    const size_t n = (size_t)px;
    for (size_t y = 0; how & 1 && y < n / 2; y++)
        for (size_t x = 0; x < n; x++) swap(e + y * n + x, e + (n - 1 - y) * n + x);
    for (size_t y = 0; how & 2 && y < n; y++)
        for (size_t x = 0; x < n / 2; x++) swap(e + y * n + x, e + y * n + n - 1 - x);
    if (how & 4) transpose(e, n);
}
