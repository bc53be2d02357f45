/* fft2.c - see fft2.h. Compiled as float and as double. */
#include "physics/fft2.h"

#include "core/memory.h"
#include "core/real.h"
#include "physics/fft.h"

#include <stdint.h>
#include <string.h>

typedef SG_FFTW(complex) bin;
enum { PANEL = 16 }; /* columns at a time: whole cache lines of a row */

typedef enum side { COMPLEX, TO_HALF, FROM_HALF } side;

struct R(sg_fft2) {
    side kind;
    int h, w, columns;         /* columns: of the complex side */
    SG_FFTW(plan) row, column; /* one transform each, out of place */
    bin *buffer;               /* per thread: a row, then PANEL columns before and after their DFT */
    size_t row_room, column_room, thread_room;
};

/* One step more than alignment needs: neighbours do not fall on the same lines of the cache. */
static size_t room(int n)
{
    return sg_align_up((size_t)n * sizeof(bin)) / sizeof(bin) + SG_ALIGN / sizeof(bin);
}

/* The user's side of a row keeps its alignment from row to row, or FFTW must not count on it. */
static SG_FFTW(plan) plan_row(const R(sg_fft2) * p, bin *user, int sign)
{
    const size_t bytes = (size_t)p->w * (p->kind == COMPLEX ? sizeof(bin) : sizeof(real));
    const unsigned flags = FFTW_ESTIMATE | (bytes % SG_ALIGN ? FFTW_UNALIGNED : 0u);
    if (p->kind == TO_HALF) return SG_FFTW(plan_dft_r2c_1d)(p->w, (real *)user, p->buffer, flags);
    if (p->kind == FROM_HALF) return SG_FFTW(plan_dft_c2r_1d)(p->w, p->buffer, (real *)user, flags);
    return SG_FFTW(plan_dft_1d)(p->w, user, p->buffer, sign, flags);
}

static sg_status make_plans(R(sg_fft2) * p, int sign)
{
    bin *user = NULL;
    SG_TRY(SG_ALLOC(&user, (size_t)p->w, "FFT planning"));
    sg_fft_lock();
    p->row = plan_row(p, user, sign);
    p->column = SG_FFTW(plan_dft_1d)(p->h, p->buffer + p->row_room, p->buffer + p->row_room + PANEL * p->column_room,
                                     sign, FFTW_ESTIMATE);
    sg_fft_unlock();
    sg_free(user);
    if (!p->row || !p->column) SG_FAIL(SG_E_MEMORY, "FFTW cannot plan a transform of %d x %d", p->h, p->w);
    return SG_OK;
}

static sg_status make(R(sg_fft2) * *out, side kind, int h, int w, int sign, int threads)
{
    R(sg_fft2) *p = NULL;
    SG_TRY(SG_ALLOC(&p, 1, "FFT plan"));
    p->kind = kind, p->h = h, p->w = w, p->columns = kind == COMPLEX ? w : w / 2 + 1;
    p->row_room = room(p->columns), p->column_room = room(h);
    p->thread_room = p->row_room + 2 * PANEL * p->column_room;
    sg_status status = SG_ALLOC(&p->buffer, (size_t)threads * p->thread_room, "FFT buffer");
    if (status == SG_OK) status = make_plans(p, sign);
    if (status != SG_OK) {
        R(sg_fft2_free)(p);
        p = NULL;
    }
    *out = p;
    return status;
}

sg_status R(sg_fft2_c2c)(R(sg_fft2) * *out, int h, int w, int sign, int threads)
{
    return make(out, COMPLEX, h, w, sign, threads);
}

sg_status R(sg_fft2_r2c)(R(sg_fft2) * *out, int h, int w, int threads)
{
    return make(out, TO_HALF, h, w, FFTW_FORWARD, threads);
}

sg_status R(sg_fft2_c2r)(R(sg_fft2) * *out, int h, int w, int threads)
{
    return make(out, FROM_HALF, h, w, FFTW_BACKWARD, threads);
}

void R(sg_fft2_free)(R(sg_fft2) * p)
{
    if (!p) return;
    R(sg_fft_plan_free)(p->row);
    R(sg_fft_plan_free)(p->column);
    sg_free(p->buffer);
    sg_free(p);
}

enum { BLOCK = 8 };
#ifdef SG_DOUBLE
typedef bin cell;
#else
typedef uint64_t __attribute__((may_alias)) cell; /* a bin moved as one number */
#endif

/* to[j][i] = from[i][j]: whole blocks as loops of fixed length, which compilers turn into shuffles, then the edges. */
SG_SIMD static void transpose(const void *restrict source, size_t from_stride, void *restrict target, size_t to_stride,
                              int rows, int cols)
{
    const cell *from = source;
    cell *to = target;
    const int whole_rows = rows / BLOCK * BLOCK, whole_cols = cols / BLOCK * BLOCK;
    for (int y = 0; y < whole_rows; y += BLOCK)
        for (int x = 0; x < whole_cols; x += BLOCK) {
            cell block[BLOCK][BLOCK];
            for (int i = 0; i < BLOCK; i++)
                memcpy(block[i], from + (size_t)(y + i) * from_stride + (size_t)x, sizeof block[i]);
            for (int j = 0; j < BLOCK; j++)
                for (int i = 0; i < BLOCK; i++) to[(size_t)(x + j) * to_stride + (size_t)(y + i)] = block[i][j];
        }
    for (int y = 0; y < rows; y++)
        for (int x = y < whole_rows ? whole_cols : 0; x < cols; x++)
            to[(size_t)x * to_stride + (size_t)y] = from[(size_t)y * from_stride + (size_t)x];
}

static void columns(const R(sg_fft2) * p, bin *x, bin *buffer)
{
    bin *before = buffer + p->row_room, *after = before + PANEL * p->column_room;
    for (int first = 0; first < p->columns; first += PANEL) {
        const int count = p->columns - first < PANEL ? p->columns - first : PANEL;
        transpose(x + first, (size_t)p->columns, before, p->column_room, p->h, count);
        for (int j = 0; j < count; j++) SG_FFTW(execute_dft)
        (p->column, before + (size_t)j * p->column_room, after + (size_t)j * p->column_room);
        transpose(after, p->column_room, x + first, (size_t)p->columns, count, p->h);
    }
}

/* Rows to rows of bins. FFTW's types are not const; these transforms preserve their input. */
static void rows_forward(const R(sg_fft2) * p, const void *in, bin *out, bin *buffer)
{
    for (int y = 0; y < p->h; y++) {
        const size_t at = (size_t)y * (size_t)p->w;
        if (p->kind == TO_HALF)
            SG_FFTW(execute_dft_r2c)(p->row, (real *)(uintptr_t)in + at, buffer);
        else
            SG_FFTW(execute_dft)(p->row, (bin *)(uintptr_t)in + at, buffer);
        memcpy(out + (size_t)y * (size_t)p->columns, buffer, (size_t)p->columns * sizeof *out);
    }
}

static void rows_to_real(const R(sg_fft2) * p, const bin *in, real *out, bin *buffer)
{
    for (int y = 0; y < p->h; y++) {
        memcpy(buffer, in + (size_t)y * (size_t)p->columns, (size_t)p->columns * sizeof *buffer);
        SG_FFTW(execute_dft_c2r)(p->row, buffer, out + (size_t)y * (size_t)p->w);
    }
}

void R(sg_fft2_run)(const R(sg_fft2) * p, const void *in, void *out, int thread)
{
    bin *buffer = p->buffer + (size_t)thread * p->thread_room;
    if (p->kind == FROM_HALF) {
        columns(p, (bin *)(uintptr_t)in, buffer);
        rows_to_real(p, in, out, buffer);
    } else {
        rows_forward(p, in, out, buffer);
        columns(p, out, buffer);
    }
}
