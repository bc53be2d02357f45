/* tiles.h - numbers of a value of any form, a tile at a time (inside the library only). Kernels compute on tiles of
 * `real` in the nearest cache: numbers that are stored so are used where they lie, bf16 is converted on its way in and
 * out. Elementwise ops cut each image into spans: between images there may be gaps (sg_form). */
#ifndef SG_CORE_TILES_H
#define SG_CORE_TILES_H

#include "core/bf16.h"
#include "core/op.h"
#include "core/parallel.h"

enum { SG_TILE = 1024 };

static inline size_t sg_tile_len(size_t begin, size_t len)
{
    return len - begin < SG_TILE ? len - begin : SG_TILE;
}

/* Numbers at .. at + len - 1 of `from`, to be read; `tile` has room for them. */
SG_INLINE const real *R(sg_tile_in)(const void *from, sg_type type, size_t at, size_t len, real *tile)
{
#ifndef SG_DOUBLE
    if (type == SG_BF16) {
        sg_bf16_load(tile, (const sg_bf16 *)from + at, len);
        return tile;
    }
#endif
    (void)type, (void)len, (void)tile;
    return (const real *)from + at;
}

/* The same to be written, then handed to sg_tile_done. `adds`: what is there will be read. */
SG_INLINE real *R(sg_tile_out)(void *to, sg_type type, size_t at, size_t len, bool adds, real *tile)
{
#ifndef SG_DOUBLE
    if (type == SG_BF16) {
        if (adds) sg_bf16_load(tile, (const sg_bf16 *)to + at, len);
        return tile;
    }
#endif
    (void)type, (void)len, (void)adds, (void)tile;
    return (real *)to + at;
}

SG_INLINE void R(sg_tile_done)(void *to, sg_type type, size_t at, size_t len, const real *tile)
{
#ifndef SG_DOUBLE
    if (type == SG_BF16) sg_bf16_store((sg_bf16 *)to + at, tile, len);
#endif
    (void)to, (void)type, (void)at, (void)len, (void)tile;
}

/* Part of one image: `len` numbers from `begin` on. */
typedef struct sg_span {
    size_t image, begin, len;
} sg_span;

static inline size_t sg_image_len(const sg_node *node)
{
    return sg_shape_len(node->shape) / (size_t)node->shape.n * (node->is_complex ? 2 : 1);
}

static inline int sg_spans(int images, size_t image_len)
{
    return images * sg_blocks(image_len);
}

static inline sg_span sg_span_of(int slice, size_t image_len)
{
    const int blocks = sg_blocks(image_len), block = slice % blocks;
    const size_t begin = sg_block_begin(block);
    return (sg_span){(size_t)(slice / blocks), begin, sg_block_end(block, image_len) - begin};
}

/* Where the span begins in a value of this form. */
static inline size_t sg_span_at(const sg_span *s, sg_form form)
{
    return s->image * form.image_step + s->begin;
}

#endif
