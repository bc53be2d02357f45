/* tiling.h - one axis of a picture cut into tiles that overlap: tile i sees [origin, origin + tile) and predicts the
 * part [begin, end) of it. All are of one size, all numbers are multiples of 2^depth, and what a tile predicts lies
 * `halo` or more from where it ends inside the picture. */
#ifndef SG_PIPELINE_TILING_H
#define SG_PIPELINE_TILING_H

typedef struct sg_tiling {
    int whole, tile, halo, count;
} sg_tiling;

/* whole, tile and halo are multiples of unit, tile > 2 halo. As many tiles of at most `tile` as are needed, made as
 * small as that number of them allows; one, of the size `whole`, where that fits. */
sg_tiling sg_tiling_make(int whole, int tile, int halo, int unit);
int sg_tiling_origin(const sg_tiling *t, int i);
int sg_tiling_begin(const sg_tiling *t, int i);
int sg_tiling_end(const sg_tiling *t, int i);

#endif
