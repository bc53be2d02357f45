/* undo_relu.c - see conv_rows.h. */
#include "core/bf16.h"
#include "core/parallel.h"
#include "nn/conv_rows.h"

SG_SIMD static void undo_floats(float *restrict dy, const float *restrict y, size_t len, float slope)
{
    for (size_t i = 0; i < len; i++) dy[i] = y[i] > 0 ? dy[i] : slope * dy[i];
}

SG_SIMD static void undo_halves(sg_bf16 *restrict dy, const sg_bf16 *restrict y, size_t len, float slope)
{
    for (size_t i = 0; i < len; i++)
        dy[i] = sg_bf16_to_float(y[i]) > 0 ? dy[i] : sg_bf16_from_float(slope * sg_bf16_to_float(dy[i]));
}

/* Slice: a block of an image. */
static void undo_slice(void *context, int slice, int thread)
{
    const sg_run *run = *(const sg_run **)context;
    const sg_node *node = run->node;
    const size_t len = sg_shape_len(node->shape) / (size_t)node->shape.n;
    const int blocks = sg_blocks(len), block = slice % blocks;
    const size_t at = (size_t)(slice / blocks) * node->form.image_step + sg_block_begin(block),
                 count = sg_block_end(block, len) - sg_block_begin(block);
    const float slope = (float)node->fused->slope;
    (void)thread;
    if (node->form.type == SG_BF16)
        undo_halves((sg_bf16 *)run->dout + at, (const sg_bf16 *)run->out + at, count, slope);
    else
        undo_floats((float *)run->dout + at, (const float *)run->out + at, count, slope);
}

void sg_undo_relu(const sg_run *run)
{
    const sg_node *node = run->node;
    if (!node->fused || node->premasked) return;
    sg_parallel(node->shape.n * sg_blocks(sg_shape_len(node->shape) / (size_t)node->shape.n), undo_slice, &run);
}
