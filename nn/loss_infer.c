/* loss_infer.c - two equal shapes to one number. */
#include "nn/loss_infer.h"

sg_status sg_loss_infer(sg_node *node)
{
    const sg_shape z = node->in_shape[0], y = node->in_shape[1];
    if (node->in_complex[0] || node->in_complex[1]) SG_FAIL(SG_E_SHAPE, "both inputs must be real");
    if (!sg_shape_equal(z, y))
        SG_FAIL(SG_E_SHAPE, "its inputs (%d,%d,%d,%d) and (%d,%d,%d,%d) differ", z.n, z.c, z.h, z.w, y.n, y.c, y.h,
                y.w);
    node->shape = SG_SHAPE(1, 1, 1, 1);
    return SG_OK;
}
