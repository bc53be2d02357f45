/* tiling.c - n tiles of size t cover n t - 2 halo (n - 1); the last one is moved back to end with the picture. */
#include "pipeline/tiling.h"

sg_tiling sg_tiling_make(int whole, int tile, int halo, int unit)
{
    sg_tiling t = {whole, whole, halo, 1};
    if (whole <= tile) return t;
    const int core = tile - 2 * halo, cover = whole - 2 * halo;
    t.count = (cover + core - 1) / core;
    const int least = (cover + t.count - 1) / t.count + 2 * halo;
    t.tile = (least + unit - 1) / unit * unit;
    return t;
}

int sg_tiling_origin(const sg_tiling *t, int i)
{
    return i < t->count - 1 ? i * (t->tile - 2 * t->halo) : t->whole - t->tile;
}

int sg_tiling_begin(const sg_tiling *t, int i)
{
    return i > 0 ? sg_tiling_end(t, i - 1) : 0;
}

int sg_tiling_end(const sg_tiling *t, int i)
{
    return i < t->count - 1 ? sg_tiling_origin(t, i) + t->tile - t->halo : t->whole;
}
