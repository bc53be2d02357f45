/* window.c - see window.h. */
#include "datasets/window.h"

#include "core/real.h"

#include <stddef.h>
#include <string.h>

int sg_mirror_far(int i, int n)
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
        const int at = sg_mirror_far(i, n);
        *first = at < *first ? at : *first;
        *end = at >= *end ? at + 1 : *end;
    }
}

/* For each type of number: out = scaled in; without a scale 1 where in > 0, else 0. */
#define ROWS_OF(type)                                                                                                  \
    SG_SIMD static void scale_##type(float *out, const void *in, int count, const sg_sample_scale *scale)              \
    {                                                                                                                  \
        const type *x = in;                                                                                            \
        const sg_sample_scale s = *scale;                                                                              \
        for (int i = 0; i < count; i++) out[i] = sg_sample_scaled((double)x[i], s);                                    \
    }                                                                                                                  \
    SG_SIMD static void object_##type(float *out, const void *in, int count, const sg_sample_scale *scale)             \
    {                                                                                                                  \
        const type *x = in;                                                                                            \
        (void)scale;                                                                                                   \
        for (int i = 0; i < count; i++) out[i] = x[i] > 0 ? 1.f : 0.f;                                                 \
    }
ROWS_OF(uint8_t)
ROWS_OF(uint16_t)
ROWS_OF(int32_t)
ROWS_OF(float)
#undef ROWS_OF

typedef void row_fn(float *out, const void *in, int count, const sg_sample_scale *scale);
static row_fn *const scale_row[SG_NUMBERS] = {scale_uint8_t, scale_uint16_t, scale_int32_t, scale_float};
static row_fn *const object_row[SG_NUMBERS] = {object_uint8_t, object_uint16_t, object_int32_t, object_float};

/* A page as far as it is at hand, and how its numbers become floats. */
typedef struct page {
    const sg_raster_view *view;
    int height, width;
    row_fn *row;
    const sg_sample_scale *scale;
} page;

/* Windows lie anywhere in memory, where no processor guesses the next row: what comes AHEAD rows later is asked for now
 * (it may lie outside; asking does no harm). */
static void ask_ahead(const char *row, size_t stride, size_t from, size_t bytes)
{
    enum { AHEAD = 16, LINE = 64 };
    const uintptr_t first = (uintptr_t)row + AHEAD * stride + from;
    for (uintptr_t at = first; at < first + bytes; at += LINE) __builtin_prefetch((const void *)at);
}

/* `count` pixels of row y from column x on, as floats. */
static void scaled_row(float *to, int count, int y, int x, const page *from)
{
    const sg_raster_view *view = from->view;
    const size_t bytes = sg_number_bytes(view->number);
    const char *row =
        (const char *)view->data + (size_t)(sg_mirror_far(y, from->height) - view->y) * view->stride * bytes;
    ask_ahead(row, view->stride * bytes, (size_t)(x > 0 ? x : 0) * bytes, (size_t)count * bytes);
    for (int i = 0, n; i < count; i += n) {
        const int at = x + i, room = from->width - at;
        n = at < 0 || room <= 0 ? 1 : room < count - i ? room : count - i; /* the pixels inside at once */
        from->row(to + i, row + (size_t)(sg_mirror_far(at, from->width) - view->x) * bytes, n, from->scale);
    }
}

SG_SIMD static void reversed(float *to, const float *from, int count)
{
    for (int i = 0; i < count; i++) to[i] = from[count - 1 - i];
}

/* Pieces of a window on their way to where they go: as many rows as a line of the cache has floats. */
enum { ROWS = 16, COLUMNS = 256 };

static void upright(float *out, int px, unsigned how, int y, int x, const page *from)
{
    float piece[COLUMNS];
    for (int row = 0; row < px; row++) {
        float *to = out + (size_t)(how & 1 ? px - 1 - row : row) * (size_t)px;
        if (!(how & 2)) scaled_row(to, px, y + row, x, from);
        for (int i = 0, n; how & 2 && i < px; i += n) {
            n = px - i < COLUMNS ? px - i : COLUMNS;
            scaled_row(piece, n, y + row, x + i, from);
            reversed(to + px - i - n, piece, n);
        }
    }
}

typedef float eight __attribute__((vector_size(32)));
typedef int32_t numbers __attribute__((vector_size(32)));

/* Columns and rows of a square of 8 x 8 change places: pairs, then pairs of pairs, then the halves. */
SG_INLINE void transpose_8(float *out, ptrdiff_t stride, const float *in)
{
    eight a[8], b[8];
    for (int i = 0; i < 8; i++) memcpy(a + i, in + (size_t)i * COLUMNS, sizeof *a);
    for (int i = 0; i < 8; i += 2) {
        b[i] = __builtin_shuffle(a[i], a[i + 1], (numbers){0, 8, 2, 10, 4, 12, 6, 14});
        b[i + 1] = __builtin_shuffle(a[i], a[i + 1], (numbers){1, 9, 3, 11, 5, 13, 7, 15});
    }
    for (int i = 0; i < 8; i++) {
        const int low = (i & 4) | (i & 1);
        a[i] = i & 2 ? __builtin_shuffle(b[low], b[low + 2], (numbers){2, 3, 10, 11, 6, 7, 14, 15})
                     : __builtin_shuffle(b[low], b[low + 2], (numbers){0, 1, 8, 9, 4, 5, 12, 13});
    }
    for (int i = 0; i < 4; i++) {
        b[i] = __builtin_shuffle(a[i], a[i + 4], (numbers){0, 1, 2, 3, 8, 9, 10, 11});
        b[i + 4] = __builtin_shuffle(a[i], a[i + 4], (numbers){4, 5, 6, 7, 12, 13, 14, 15});
    }
    for (int i = 0; i < 8; i++) memcpy(out + i * stride, b + i, sizeof *b);
}

/* out, whose rows are `stride` apart, = the piece of rows x columns with rows and columns changed. */
SG_SIMD static void transposed(float *out, ptrdiff_t stride, const float *piece, int rows, int columns)
{
    const int whole = rows == ROWS ? columns / 8 * 8 : 0;
    for (int c = 0; c < whole; c += 8)
        for (int r = 0; r < ROWS; r += 8) transpose_8(out + c * stride + r, stride, piece + (size_t)r * COLUMNS + c);
    for (int c = whole; c < columns; c++)
        for (int r = 0; r < rows; r++) out[c * stride + r] = piece[(size_t)r * COLUMNS + (size_t)c];
}

/* Flips cost nothing here: rows are read, and written, from the other end. */
static void aside(float *out, int px, unsigned how, int y, int x, const page *from)
{
    float piece[ROWS * COLUMNS];
    const ptrdiff_t stride = how & 2 ? -px : px;
    if (how & 2) out += (size_t)(px - 1) * (size_t)px;
    for (int first = 0; first < px; first += ROWS)
        for (int i = 0; i < px; i += COLUMNS) {
            const int rows = px - first < ROWS ? px - first : ROWS, n = px - i < COLUMNS ? px - i : COLUMNS;
            for (int r = 0; r < rows; r++)
                scaled_row(piece + (size_t)r * COLUMNS, n, y + (how & 1 ? px - 1 - first - r : first + r), x + i, from);
            transposed(out + i * stride + first, stride, piece, rows, n);
        }
}

void sg_raster_window(float *out, int px, unsigned how, const sg_raster_view *view, int height, int width, int y, int x,
                      const sg_sample_scale *scale)
{
    const page from = {view, height, width, (scale ? scale_row : object_row)[view->number], scale};
    (how & 4 ? aside : upright)(out, px, how, y, x, &from);
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
