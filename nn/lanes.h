/* lanes.h - one loop for all layouts (inside nn/ only). A value is n x blocks contiguous pieces of pixels x lanes
 * numbers: NCHW has c blocks of 1 lane, NCHW8 c/8 blocks of 8 lanes, NCHW16 c/16 blocks of 16. */
#ifndef SG_NN_LANES_H
#define SG_NN_LANES_H

#include "core/op.h"

#include <string.h>

enum { SG_LANES = 16 }; /* the most there are: every other number of lanes divides it */

typedef struct sg_lanes {
    int n, blocks, lanes, h, w;
    size_t pixels, piece; /* h w; pixels * lanes */
    size_t image_step;    /* from one image to the next */
    sg_type type;
} sg_lanes;

static inline sg_lanes sg_lanes_of(sg_shape s, sg_form form)
{
    const int lanes = form.layout == SG_NCHW ? 1 : (int)form.layout;
    const size_t pixels = (size_t)s.h * (size_t)s.w;
    return (sg_lanes){s.n, s.c / lanes, lanes, s.h, s.w, pixels, pixels * (size_t)lanes, form.image_step, form.type};
}

/* Where piece number 0 .. n blocks - 1 begins. */
static inline size_t sg_piece_at(const sg_lanes *v, int piece)
{
    return (size_t)(piece / v->blocks) * v->image_step + (size_t)(piece % v->blocks) * v->piece;
}

/* Runs `call`, in which LANES is v.lanes as a constant, so that the compiler knows the loops over them. */
#define SG_WITH_LANES(v_lanes, call)                                                                                   \
    do {                                                                                                               \
        if ((v_lanes) == SG_NCHW16) {                                                                                  \
            enum { LANES = SG_NCHW16 };                                                                                \
            call;                                                                                                      \
        } else if ((v_lanes) == SG_NCHW8) {                                                                            \
            enum { LANES = SG_NCHW8 };                                                                                 \
            call;                                                                                                      \
        } else {                                                                                                       \
            enum { LANES = 1 };                                                                                        \
            call;                                                                                                      \
        }                                                                                                              \
    } while (0)

/* Reference backward kernels add: first make a fresh gradient zero. */
static inline void R(sg_zero_fresh)(const sg_run *run, int i)
{
    if (run->din[i] && run->fresh[i]) memset(run->din[i], 0, sg_shape_len(run->node->in_shape[i]) * sizeof(real));
}

/* The slope of the activation that was fused into the node; 1 (the identity) without one. */
static inline real R(sg_fused_slope)(const sg_node *node)
{
    const sg_fused_relu *relu = node->fused;
    return relu ? (real)relu->slope : 1;
}

static inline real R(sg_leaky)(real v, real slope)
{
    return v > 0 ? v : slope * v;
}

#endif
