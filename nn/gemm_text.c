/* gemm_text.c - the multiplication of nn/gemm.h, compiled for each instruction set. A tile of
 * C, up to 12 rows by 1 to 4 vectors, stays in registers while k runs: every number of A is broadcast to the tile's
 * vectors, every vector of B serves its rows (Goto & van de Geijn 2008, the innermost kernel). */
#include "nn/gemm.h"
#include "nn/simd_text.h"

#ifdef __AVX512F__
enum { LANES = 16, ROWS = 6, ROWS_NARROW = 12, VECTORS = 4 };
#else
enum { LANES = 8, ROWS = 6, ROWS_NARROW = 12, VECTORS = 2 };
#endif

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));

SG_TEXT_HIDDEN void SG_IN_TEXT(sg_gemm_run)(const sg_gemm *g);

/* rows and vectors are constants where this is inlined. */
static inline __attribute__((always_inline)) void tile(const sg_gemm *g, size_t i, size_t j, const int rows,
                                                       const int vectors)
{
    vec sum[ROWS_NARROW][VECTORS] = {{{0}}};
    const float *b = g->b + j, *panel = g->a + i * g->a_row;
    const size_t *at = g->b_at;
    for (size_t left = g->k; left > 0; panel += g->a_panel) {
        const size_t end = left < g->k_panel ? left : g->k_panel;
        const float *a = panel;
        left -= end;
        for (size_t k = 0; k < end; k++, a += g->a_column, b += g->b_row) {
            const float *from = at ? g->b + j + *at++ : b;
            vec row[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) row[v] = *(const vec *)(const void *)(from + v * LANES);
#pragma GCC unroll 12
            for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++) sum[r][v] += a[(size_t)r * g->a_row] * row[v];
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            vec *c = (vec *)(void *)(g->c + (i + (size_t)r) * g->c_row + j + (size_t)(v * LANES));
            *c = g->add ? *c + sum[r][v] : sum[r][v];
        }
}

#define TILE(rows, vectors)                                                                                            \
    case rows:                                                                                                         \
        tile(g, i, j, rows, vectors);                                                                                  \
        break;
#define TILES_6(vectors)                                                                                               \
    TILE(1, vectors) TILE(2, vectors) TILE(3, vectors) TILE(4, vectors) TILE(5, vectors) TILE(6, vectors)
#define TILES_12(vectors)                                                                                              \
    TILES_6(vectors)                                                                                                   \
    TILE(7, vectors) TILE(8, vectors) TILE(9, vectors) TILE(10, vectors) TILE(11, vectors) TILE(12, vectors)

/* Columns j .. of C, `vectors` wide. */
#define COLUMNS(vectors, most, TILES)                                                                                  \
    static void columns_##vectors(const sg_gemm *g, size_t j)                                                          \
    {                                                                                                                  \
        for (size_t i = 0; i < g->m; i += (most)) switch (g->m - i < (most) ? g->m - i : (most)) {                     \
                TILES(vectors)                                                                                         \
            }                                                                                                          \
    }

#ifdef __AVX512F__
COLUMNS(4, ROWS, TILES_6)
COLUMNS(3, ROWS, TILES_6)
COLUMNS(2, ROWS_NARROW, TILES_12)
COLUMNS(1, ROWS_NARROW, TILES_12)

void SG_IN_TEXT(sg_gemm_run)(const sg_gemm *g)
{
    static void (*const columns[])(const sg_gemm *g, size_t j) = {columns_1, columns_2, columns_3, columns_4};
    columns[g->n / LANES - 1](g, 0);
}
#else
COLUMNS(2, ROWS, TILES_6)

void SG_IN_TEXT(sg_gemm_run)(const sg_gemm *g)
{
    for (size_t j = 0; j < g->n; j += 2 * LANES) columns_2(g, j);
}
#endif

/* ---- dots ---- */

#ifdef __AVX512F__
enum { DOT_ROWS = 4, DOT_COLUMNS = 6 };
#else
enum { DOT_ROWS = 3, DOT_COLUMNS = 4 };
#endif

typedef int lane_numbers __attribute__((vector_size(LANES * sizeof(int))));
#if defined __AVX512F__
static const lane_numbers lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#else
static const lane_numbers lane = {0, 1, 2, 3, 4, 5, 6, 7};
#endif

/* Sum of the lanes: halves, quarters, ... */
static inline __attribute__((always_inline)) float lanes_sum(vec v)
{
#pragma GCC unroll 4
    for (int s = LANES / 2; s > 0; s /= 2) v += __builtin_shuffle(v, lane ^ s);
    return v[0];
}

/* rows and columns are constants where this is inlined. */
static inline __attribute__((always_inline)) void dot_tile(const sg_gemm_dots *g, size_t i, size_t j, const int rows,
                                                           const int columns)
{
    vec sum[DOT_ROWS][DOT_COLUMNS] = {{{0}}};
    const float *a = g->a + i * g->a_row, *b = g->b;
    for (size_t image = 0; image < g->images; image++, a += g->a_image, b += g->b_image)
        for (size_t k = 0; k < g->len; k += LANES) {
            vec left[DOT_ROWS];
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) left[r] = *(const vec *)(const void *)(a + (size_t)r * g->a_row + k);
#pragma GCC unroll 6
            for (int c = 0; c < columns; c++) {
                const vec right = *(const vec *)(const void *)(b + g->b_at[j + (size_t)c] + k);
#pragma GCC unroll 4
                for (int r = 0; r < rows; r++) sum[r][c] += left[r] * right;
            }
        }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 6
        for (int c = 0; c < columns; c++) g->c[(i + (size_t)r) * g->c_row + j + (size_t)c] += lanes_sum(sum[r][c]);
}

/* A tile of any size that fits; each case is a constant. */
#define DOT_TILE(rows)                                                                                                 \
    static void dot_rows_##rows(const sg_gemm_dots *g, size_t i)                                                       \
    {                                                                                                                  \
        size_t j = 0;                                                                                                  \
        for (; j + DOT_COLUMNS <= g->n; j += DOT_COLUMNS) dot_tile(g, i, j, rows, DOT_COLUMNS);                        \
        for (; j < g->n; j++) dot_tile(g, i, j, rows, 1);                                                              \
    }
DOT_TILE(1)
DOT_TILE(2)
DOT_TILE(3)
#ifdef __AVX512F__
DOT_TILE(4)
#endif

SG_TEXT_HIDDEN void SG_IN_TEXT(sg_gemm_dots_run)(const sg_gemm_dots *g);
void SG_IN_TEXT(sg_gemm_dots_run)(const sg_gemm_dots *g)
{
    static void (*const of[])(const sg_gemm_dots *g, size_t i) = {dot_rows_1, dot_rows_2, dot_rows_3,
#ifdef __AVX512F__
                                                                  dot_rows_4
#endif
    };
    for (size_t i = 0; i < g->m; i += DOT_ROWS) of[(g->m - i < DOT_ROWS ? g->m - i : DOT_ROWS) - 1](g, i);
}
